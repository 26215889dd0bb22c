//! Rows that are made up.

use crate::journal::has_read;
use crate::program::Folder;

const JOB: &str = r#"
[checkpoint]
interval = "30ms"
durability = "process"
[sources.s]
type = "generate"
kind = "random"
rows = 30000
seed = 7
nulls = 0.1
events_per_second = 100
schema = { id = "int", word = "string", price = "decimal(10,2)", at = "timestamp", day = "date", ok = "boolean", tags = "list<string>", spot = "struct<x double, y double>", extra = "json", raw = "bytes", wait = "interval" }
[sinks.out]
type = "file"
input = "s"
path = "out.jsonl"
[transforms.t]
type = "aggregate"
input = "s"
by = "word"
window = { type = "tumbling", size = "1m" }
select = ["window_end", "word", "count(*) AS n", "sum(price) AS price"]
[sinks.windows]
type = "file"
input = "t"
path = "windows.csv"
"#;

#[test]
fn random_rows_are_the_same_at_any_parallelism_and_behind_a_kill() {
    let folder = Folder::new();
    folder.write("job.toml", JOB);
    folder.flott("run job.toml -p 1").exits(0);
    let (rows, windows) = (folder.read("out.jsonl"), folder.read("windows.csv"));
    assert_eq!((rows.lines().count(), windows.lines().count() > 5 * 48), (30_000, true));
    let nulls = rows.matches("\"word\":null").count();
    assert!((2_700..3_300).contains(&nulls) && !rows.contains("\"at\":null"), "{nulls}");
    let same = |how: &str| {
        folder.flott(&format!("run job.toml {how}")).exits(0);
        assert!(folder.read("out.jsonl") == rows && folder.read("windows.csv") == windows, "{how}: not as expected");
    };
    same("-p 3");
    let mut child = folder.command("run job.toml -p 2 -D sources.s.rate=30000").spawn().unwrap();
    has_read(&folder, &mut child, 9000, 2);
    child.kill().unwrap();
    child.wait().unwrap();
    same("--resume -p 3 -D sources.s.rate=30000");
}

#[test]
fn random_rows_need_columns() {
    let folder = Folder::new();
    let job = "[sources.s]\ntype = 'generate'\nkind = 'random'\nrows = 1\n[sinks.o]\ntype = 'stdout'\ninput = 's'\n";
    folder.write("job.toml", job);
    folder.flott("check job.toml").exits(2).says("`s` needs a schema").says("such as schema = {");
}

const MARKET: &str = r#"
[checkpoint]
interval = "30ms"
durability = "process"
[sources.m]
type = "generate"
kind = "nexmark"
rows = 30010
[transforms.counts]
type = "aggregate"
input = ["a", "b", "p"]
by = "what"
window = { type = "tumbling", size = "1s" }
select = ["window_end", "what", "count(*) AS n", "sum(id) AS ids"]
[transforms.a]
type = "select"
input = "m.auction"
select = ["id", "'auction' AS what"]
[transforms.b]
type = "select"
input = "m.bid"
select = ["bidder AS id", "'bid' AS what"]
[transforms.p]
type = "select"
input = "m.person"
select = ["id", "'person' AS what"]
[sinks.out]
type = "file"
input = "counts"
path = "counts.csv"
[sinks.people]
type = "file"
input = "m.person"
path = "people.csv"
"#;

#[test]
fn outputs_of_nexmark_share_the_rows() {
    let folder = Folder::new();
    folder.write("job.toml", MARKET);
    folder.flott("run job.toml -p 1").exits(0);
    let (counts, people) = (folder.read("counts.csv"), folder.read("people.csv"));
    let rows = |what: &str| -> u64 {
        let of = counts.lines().map(|line| line.split(',').collect::<Vec<_>>()).filter(|cells| cells[1] == what);
        of.map(|cells| cells[2].parse::<u64>().unwrap()).sum()
    };
    assert_eq!((rows("person"), rows("auction"), rows("bid")), (601, 1803, 27_606));
    assert_eq!(people.lines().count(), 602);
    let only = MARKET[..MARKET.find("[transforms").unwrap()].replace("rows = 30010", "rows = 601\nonly = \"person\"");
    folder.write("only.toml", &format!("{only}[sinks.o]\ntype = 'file'\npath = 'only.csv'\ninput = 'm'\n"));
    folder.flott("run only.toml").exits(0);
    assert!(folder.read("only.csv") == people);
    let same = |how: &str| {
        folder.flott(&format!("run job.toml {how}")).exits(0);
        assert!(folder.read("counts.csv") == counts && folder.read("people.csv") == people, "{how}: not as expected");
    };
    same("-p 3");
    let mut child = folder.command("run job.toml -p 2 -D sources.m.rate=30000").spawn().unwrap();
    // Of the first source, that of the people.
    has_read(&folder, &mut child, 150, 2);
    child.kill().unwrap();
    child.wait().unwrap();
    same("--resume -p 3 -D sources.m.rate=30000");
    folder.write("which.toml", &MARKET.replace("\"m.bid\"", "\"m\""));
    folder.flott("check which.toml").exits(2).says("`m` has several outputs").says("m.person, m.auction, m.bid");
}
