//! How faults look, without colour.

use std::path::Path;

use super::super::*;

fn render(text: &str, overrides: &[&str]) -> String {
    let overrides: Vec<String> = overrides.iter().map(|o| o.to_string()).collect();
    let (_, found) = parse(Path::new("job.toml"), text, &overrides, &|_| None);
    found.render(&JobText::new(Path::new("job.toml"), text, &overrides), false)
}

const REST: &str = "[sinks.o]\ntype = 'stdout'\ninput = 's'\n";

#[test]
fn dbg() {
    println!("{}", render(&format!("{REST}[sources.s]\ntype = 'file'\ninclude = '*.csv'\npath = 'a'\n"), &[]));
    println!(
        "{}",
        render(
            &format!("{REST}[sources.s]\ntype = 'stdin'\n\tevent_time = {{ column = 'é', delay = '1h 5min' }}\n"),
            &["sources.s.rate=fast", "job.x=1"]
        )
    );
    let long = "a + ".repeat(100);
    println!(
        "{}",
        render(
            &format!(
                "{REST}[sources.s]\ntype = 'stdin'\n[transforms.t]\ntype='filter'\ninput='s'\nwhere = '{long} ${{NOPE}} {long}'\n"
            ),
            &[]
        )
    );
    println!("{}", render(&format!("{REST}"), &[]));
    println!("{}", render(&format!("{REST}x = = "), &[]));
    println!("{}", render("[sources.s]\r\ntype = \"\"\"\r\none\r\ntwo\"\"\"\r\n", &[]));
    println!("{}", render("\u{feff}[sources.s]\ntype = 'x'\n[sinks.o]\ntype='stdout'\ninput='s'", &[]));
}
