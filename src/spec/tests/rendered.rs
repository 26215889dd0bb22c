//! How faults look, without colour.

use std::path::Path;

use super::super::*;

const REST: &str = "[sinks.o]\ntype = 'stdout'\ninput = 's'\n";

/// A report, with a bar in front of each line of `expect` so that blanks count.
#[track_caller]
fn check(text: &str, overrides: &[&str], expect: &str) {
    let overrides: Vec<String> = overrides.iter().map(|o| o.to_string()).collect();
    let (_, found) = parse(Path::new("job.toml"), text, &overrides, &|_| None);
    let shown = found.render(&JobText::new(Path::new("job.toml"), text, &overrides), false);
    let bare = |text: &str| text.lines().map(|l| l.trim_end().to_string()).collect::<Vec<_>>();
    let expect: Vec<String> =
        expect.lines().skip(1).map(|l| l.trim_start().trim_start_matches('¦').to_string()).collect();
    assert_eq!(bare(&shown), &expect[..expect.len() - 1], "\n{shown}");
}

#[test]
fn an_unknown_option() {
    check(
        &format!("{REST}formt = 'csv'\n[job]\nmemory = '1MiB'\n[sources.s]\ntype = 'stdin'\n"),
        &[],
        "
        ¦error: unknown option `formt` in sink `o`
        ¦ --> job.toml:4:1
        ¦  |
        ¦4 | formt = 'csv'
        ¦  | ^^^^^ unknown option
        ¦  |
        ¦  = help: did you mean `format`? A stdout sink has `type`, `input`, `op`, `format`
        ¦
        ¦error: `memory` is too small
        ¦ --> job.toml:6:10
        ¦  |
        ¦6 | memory = '1MiB'
        ¦  |          ^^^^^^ less than 64 MiB
        ¦  |
        ¦  = help: the program takes some 30 MB for itself: memory = \"64MiB\" is the least
        ",
    );
}

#[test]
fn inside_a_string_behind_tabs_and_wide_letters() {
    check(
        &format!("{REST}[sources.s]\ntype = 'stdin'\n\tevent_time = {{ column = '漢é', delay = '1h 5min' }}\n"),
        &[],
        "
        ¦error: this is not a duration
        ¦ --> job.toml:6:45
        ¦  |
        ¦6 |     event_time = { column = '漢é', delay = '1h 5min' }
        ¦  |                                                 ^^^ unknown unit `min`
        ¦  |
        ¦  = help: did you mean `m`? There are us, ms, s, m, h, d, w
        ",
    );
}

#[test]
fn through_escapes_and_line_ends() {
    check(
        &format!(
            "{REST}[sources.s]\r\ntype = \"\"\"\\\r\n  \\u0074${{NOPE}}\"\"\"\r\n[sources.t]\r\ntype = \"\"\"\r\n\\u003a${{X:-b}}\"\"\"\r\n"
        ),
        &[],
        "
        ¦error: the variable NOPE is not set
        ¦ --> job.toml:6:9
        ¦  |
        ¦6 |   \\u0074${NOPE}\"\"\"
        ¦  |         ^^^^^^^ not set
        ¦  |
        ¦  = help: set NOPE, or give a default: ${NOPE:-default}
        ¦
        ¦error: unknown source type `:b`
        ¦ --> job.toml:9:1
        ¦  |
        ¦9 | \\u003a${X:-b}\"\"\"
        ¦  | ^^^^^^^^^^^^^ no such source type
        ¦  |
        ¦  = help: there are `file`, `stdin`, `tcp`, `generate`
        ",
    );
}

#[test]
fn a_long_line_is_cut_around_the_fault() {
    let long = "a + ".repeat(100);
    let text = format!(
        "{REST}[sources.s]\ntype='stdin'\n[transforms.t]\ntype='filter'\ninput='s'\nwhere = '{long}${{NOPE}}{long}'\n"
    );
    let (_, found) = parse(Path::new("job.toml"), &text, &[], &|_| None);
    let shown = found.render(&JobText::new(Path::new("job.toml"), &text, &[]), false);
    assert!(shown.contains("--> job.toml:9:410\n"), "{shown}");
    assert!(shown.lines().all(|line| line.len() < 150), "{shown}");
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[3].find("${NOPE}"), lines[4].find("^^^^^^^ not set"), "{shown}");
}

#[test]
fn overrides_are_shown_as_typed() {
    check(
        &format!("{REST}[sources.s]\ntype = 'stdin'\n"),
        &["job.parallelism=2", "sources.s.event_time = { column = 'at', delay = '5' }"],
        "
        ¦error: this is not a duration
        ¦--> command line:1:53
        ¦ |
        ¦ | -D sources.s.event_time = { column = 'at', delay = '5' }
        ¦ |                                                     ^ a unit is missing
        ¦ |
        ¦ = help: write \"5s\"
        ",
    );
}

#[test]
fn what_has_no_place_names_the_file() {
    check(
        REST,
        &[],
        "
        ¦error: the job has no sources
        ¦--> job.toml
        ¦ = help: add a table [sources.NAME]
        ",
    );
}

#[test]
fn places_beyond_the_text_or_within_a_letter_do_not_matter() {
    let text = JobText::new(Path::new("job.toml"), "é = 1", &[]);
    for span in [Span::File(1..1), Span::File(90..99), Span::File(1..4), Span::Override { index: 3, range: 2..9 }] {
        let found = Diagnostics(vec![Diagnostic::warning("w").at(&span).label("l"), Diagnostic::note("n")]);
        assert!(found.render(&text, true).contains("w"));
        assert!(!found.has_errors());
    }
}

#[test]
fn a_byte_order_mark_moves_nothing() {
    let text = format!("\u{feff}x = 1\n{REST}[sources.s]\ntype = 'stdin'\n");
    let (_, found) = parse(Path::new("job.toml"), &text, &[], &|_| None);
    let shown = found.render(&JobText::new(Path::new("job.toml"), &text, &[]), false);
    assert!(shown.contains("job.toml:1:1\n"), "{shown}");
}

#[test]
fn secrets_are_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    let secret = format!("${{file:{}}}", file.display());
    // One that is searched for in messages, and one too short for that.
    for (value, secret) in [("hunter22", &secret), ("~q", &secret)] {
        std::fs::write(&file, format!("{value}\n")).unwrap();
        never_shown(value, secret);
    }
    std::fs::write(&file, "hunter22\r\n").unwrap();
    let text = format!("{REST}[sources.s]\ntype = 'tcp'\nlisten = ':1'\n[job]\nname = '{secret}'\n");
    let (job, found) = parse(Path::new("job.toml"), &text, &[], &|_| None);
    let job = job.unwrap();
    assert_eq!((job.name.as_str(), found.is_empty()), ("hunter22", true), "the line end is cut");
    assert_eq!(job.text.redact("no table hunter22"), "no table ***");
}

fn never_shown(value: &str, secret: &str) {
    for options in [
        format!("type = '{secret}'"),
        format!("type = 'generate'\nkind = '{secret}'"),
        format!("type = 'tcp'\nlisten = '{secret}'"),
        format!("type = 'stdin'\nrate = '{secret}'"),
        format!("type = 'stdin'\nmax_record = '{secret}'"),
        format!("type = 'stdin'\nschema = {{ a = '{secret}' }}"),
        format!("type = 'stdin'\nschema = {{ a = {{ type = 'timestamp', format = '%!{secret}' }} }}"),
        format!("type = 'stdin'\nevent_time = {{ column = 'a', delay = '5{secret}' }}"),
        format!("type = 'stdin'\nformat = 'a${{NOPE:-{secret}}}'"),
    ] {
        let text = format!("{REST}[sources.s]\n{options}\n[job]\nname = '{secret}/'\n");
        let (job, found) = parse(Path::new("job.toml"), &text, &[], &|_| None);
        assert!(found.error_count() >= 2);
        let job = job.unwrap();
        let shown = found.render(&job.text, false);
        assert!(!shown.contains(value), "{shown}");
        assert!(shown.contains("${file:"), "{shown}");
        assert!(!format!("{:?} {found:?}", job.text).contains(value), "{found:?}");
    }
}
