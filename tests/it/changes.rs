//! The column `op`: what each result is to those of its key before it.

use std::collections::BTreeMap;

use crate::journal::has_read;
use crate::program::Folder;

const SOURCE: &str = "[sources.s]\ntype = 'file'\npath = 'in.csv'\nevent_time = { column = 'at' }\n\
    schema = { at = { type = 'timestamp', unit = 's' }, k = 'string', v = 'int' }\n";

fn sink(name: &str, input: &str, more: &str) -> String {
    format!("[sinks.{name}]\ntype = 'file'\npath = '{name}.csv'\ninput = '{input}'\n{more}\n")
}

/// What a job with the transform `t` writes with `op`, at any parallelism.
fn gives(transform: &str, rows: &str, expect: &str) {
    let folder = Folder::new();
    let job = format!("{SOURCE}[transforms.t]\ninput = 's'\n{transform}\n{}", sink("out", "t", "op = true"));
    folder.write("job.toml", &job).write("in.csv", &format!("at,k,v\n{}\n", rows.replace(' ', "\n")));
    for parallelism in [1, 3] {
        folder.flott(&format!("run job.toml -p {parallelism}")).exits(0);
        assert_eq!(folder.read("out.csv").replace('\n', " ").trim_end(), expect, "-p {parallelism}");
    }
}

#[test]
fn running_results_are_new_or_newer() {
    let count = "type = 'aggregate'\nby = 'k'\nselect = ['k', 'sum(v) AS v']\n";
    let rows = "1,a,1 2,b,2 3,a,3 4,a,-9 5,b,1";
    gives(count, rows, "op,k,v +I,a,-5 +I,b,3");
    gives(&format!("{count}emit = 'update'"), rows, "op,k,v +I,a,1 +I,b,2 +U,a,4 +U,a,-5 +U,b,3");
    // What does not hold any more goes, and may come again.
    let large = format!("{count}emit = 'update'\nhaving = 'v >= 2'");
    gives(&large, rows, "op,k,v +I,b,2 +I,a,4 -D,a,-5 +U,b,3");
    gives(&large, "1,a,5 2,a,-5 3,a,-1 4,a,9", "op,k,v +I,a,5 -D,a,0 +I,a,8");
    // One group of all.
    let all = "type = 'aggregate'\nselect = 'count(*) AS n'\nemit = 'update'\nhaving = 'n <> 2'";
    gives(all, "1,a,5 2,a,-5 3,a,-1", "op,n +I,1 -D,2 +I,3");
}

#[test]
fn a_window_that_comes_again_is_newer() {
    let window = "type = 'aggregate'\nby = 'k'\nwindow = { type = 'tumbling', size = '10s' }\nlateness = '1m'\n\
        select = ['k', 'window_end AS at', 'sum(v) AS v']\n";
    let at = |second: u32| format!("1970-01-01T00:00:{second}Z");
    // Both windows have fired when the late rows come, and each key of one is told from that of the other.
    let folder = Folder::new();
    let job = format!("{SOURCE}rate = 40\n[transforms.t]\ninput = 's'\n{window}having = 'v > 0'\n");
    folder.write("job.toml", &(job + &sink("out", "t", "op = true") + &sink("plain", "t", "")));
    folder.write("in.csv", "at,k,v\n1,a,1\n11,a,2\n35,a,3\n2,a,4\n3,b,5\n12,a,-2\n13,a,1\n");
    folder.flott("run job.toml -p 2").exits(0);
    let (one, two, last) = (at(10), at(20), at(40));
    let expect = [
        format!("+I,a,{one},1"),
        format!("+I,a,{two},2"),
        format!("+U,a,{one},5"),
        format!("+I,b,{one},5"),
        format!("-D,a,{two},0"),
        format!("+I,a,{two},1"),
        format!("+I,a,{last},3"),
    ];
    let out = folder.read("out.csv");
    assert_eq!(out, format!("op,k,at,v\n{}\n", expect.join("\n")));
    // A sink beside it takes no notice.
    let kept = expect.iter().filter(|row| !row.starts_with("-D")).map(|row| &row[3..]);
    assert_eq!(folder.read("plain.csv"), format!("k,at,v\n{}\n", kept.collect::<Vec<_>>().join("\n")));
}

#[test]
fn rows_that_only_come_are_insertions() {
    gives("type = 'select'\nselect = 'v'", "1,a,1 2,b,2", "op,v +I,1 +I,2");
    gives("type = 'top'\norder = 'v DESC'\nn = 1", "1,a,1 2,b,2", "op,at,k,v +I,1970-01-01T00:00:02Z,b,2");
}

#[test]
fn what_op_does_not_fit_is_said() {
    let refuses = |transform: &str, sink: &str, says: &str| {
        let folder = Folder::new();
        folder.write("in.csv", "at,k,v\n");
        let sink = format!("[sinks.o]\ninput = 't'\nop = true\n{sink}\n");
        folder.write("job.toml", &format!("{SOURCE}[transforms.t]\ninput = 's'\n{transform}\n{sink}"));
        folder.flott("check job.toml").exits(2).says(says).says("op = true");
    };
    let select = "type = 'select'\nselect = ['k', 'v']";
    let table = "type = 'sqlite'\npath = 'o.db'\ntable = 't'";
    refuses(select, &format!("{table}\nkey = ['k']"), "leave `op` out, or leave `key` out");
    refuses(
        "type = 'select'\nselect = ['k', 'v AS op']",
        "type = 'stdout'",
        "give the column another name in a select",
    );
}

/// The last row of each key, with keys that have none left out.
fn last_rows(text: &str) -> BTreeMap<String, String> {
    let mut rows = BTreeMap::new();
    for line in text.lines().skip(1) {
        let (op, row) = line.split_once(',').unwrap();
        let (key, _) = row.split_once(',').unwrap();
        let before = match op {
            "-D" => rows.remove(key),
            _ => rows.insert(key.to_owned(), row.to_owned()),
        };
        assert_eq!(before.is_some(), op != "+I", "{line}: {before:?}");
    }
    rows
}

#[test]
fn changes_go_on_behind_a_kill() {
    let folder = Folder::new();
    let job = "[checkpoint]\ninterval = '30ms'\ndurability = 'process'\n\
        [sources.s]\ntype = 'generate'\nkind = 'sequence'\nrows = 20000\nrate = 20000\n\
        [transforms.t]\ntype = 'aggregate'\ninput = 's'\nby = 'n % 97 AS k'\nemit = 'update'\n\
        select = ['k', 'count(*) AS n']\nhaving = 'n % 5 <> 0'\n\
        [transforms.named]\ntype = 'select'\ninput = 't'\nselect = ['k', 'n', 'n * 2 AS twice']\n";
    folder.write("job.toml", &(job.to_owned() + &sink("out", "named", "op = true")));
    folder.flott("run job.toml -p 1 -D sources.s.rate=1000000 -D checkpoint.interval=1h").exits(0);
    let expect = folder.read("out.csv");
    assert_eq!((expect.matches("+I").count() - expect.matches("-D").count(), last_rows(&expect).len()), (97, 97));
    let mut child = folder.command("run job.toml -p 3").spawn().unwrap();
    has_read(&folder, &mut child, 8000, 2);
    child.kill().unwrap();
    child.wait().unwrap();
    folder.flott("run job.toml --resume -p 2").exits(0);
    assert!(folder.read("out.csv") == expect);
}
