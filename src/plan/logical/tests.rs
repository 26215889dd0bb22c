//! What is said of jobs whose nodes do not fit each other.

use std::path::Path;

use super::build;
use crate::spec::parse;

const SOURCE: &str = "[sources.s]\ntype = 'file'\npath = 's.csv'\n\
                      schema = { at = 'timestamp', k = 'string', v = 'int', reason = 'string' }\n";

/// What is found, as text.
fn found(job: &str) -> String {
    let (job, mut found) = parse(Path::new("job.toml"), &format!("{SOURCE}{job}"), &[], &|_| None);
    let job = job.unwrap();
    found.append(build(&job).1);
    found.render(&job.text, false)
}

#[track_caller]
fn check(job: &str, words: &[&str]) {
    let text = found(job);
    for word in words {
        assert!(text.contains(word), "no {word:?} in\n{text}");
    }
    assert_eq!(text.is_empty(), words.is_empty(), "{text}");
}

fn to(transform: &str, inputs: &[&str]) -> String {
    let sink = |(i, input): (usize, &&str)| format!("[sinks.o{i}]\ntype = 'blackhole'\ninput = '{input}'\n");
    let sinks: String = inputs.iter().enumerate().map(sink).collect();
    format!("[transforms.t]\ninput = 's'\n{transform}\n{sinks}")
}

const ROUTE: &str = "type = 'route'\ncases = { big = 'v > 5', none = 'v IS NULL' }";

#[test]
fn routes() {
    check(&to(ROUTE, &["t.big", "t.none", "t.default"]), &[]);
    check(&to(ROUTE, &["t.big", "t.none"]), &[]);
    check(&to(ROUTE, &["t"]), &["`t` is a route", "read one of `t.big`, `t.none`, `t.default`"]);
    check(&to(ROUTE, &["t.bigg", "t.none"]), &["`t` has no output `bigg`", "did you mean `t.big`?"]);
    check(&to(ROUTE, &["t.big", "t.default"]), &["warning: nothing reads `t.none`", "rows that no case before takes"]);
    let wrong = to("type = 'route'\ncases = { big = 'v' }", &["t.big"]);
    check(&wrong, &["`big` must be a condition, this is int"]);
}

#[test]
fn rows_that_fail() {
    let filter = |on_error: &str| format!("type = 'filter'\nwhere = '1.0 / v > 2'\n{on_error}");
    let letters = "on_error = 'dead-letter'";
    check(&to(&filter(letters), &["t"]), &["nobody reads `t.errors`", "use on_error = \"skip\""]);
    check(&to(&filter("on_error = 'skip'"), &["t"]), &[]);
    check(&to(&filter(""), &["t", "t.errors"]), &["sends nothing to `t.errors`", "in [transforms.t]"]);
    check(&to(&filter(letters), &["t", "t.errors"]), &["adds a column `reason`, which its input has already"]);
    let aggregate = format!("type = 'aggregate'\nselect = 'sum(1.0 / v) AS n'\n{letters}");
    check(&to(&aggregate, &["t", "t.error"]), &["did you mean `t.errors`?"]);
}

#[test]
fn lists_and_times() {
    let explode = |list: &str| to(&format!("type = 'explode'\nlist = '{list}'"), &["t"]);
    check(&explode("k AS c"), &["`list` must be a list, this is string"]);
    check(&explode("*"), &["an explode takes one list"]);
    let time = |column: &str| to(&format!("type = 'event_time'\ncolumn = '{column}'"), &["t"]);
    check(&time("at"), &[]);
    check(&time("ta"), &["event time: there is no column `ta`"]);
    check(&time("k"), &["event time must be a timestamp, `k` is string"]);
}

#[test]
fn windows() {
    let aggregate = |options: &str| to(&format!("type = 'aggregate'\n{options}"), &["t"]);
    let count = "window = { type = 'count', size = 3 }";
    check(&aggregate(&format!("select = 'count(*) AS n'\n{count}")), &[]);
    let start = format!("select = ['window_start', 'count(*) AS n']\n{count}");
    check(&aggregate(&start), &["window_start", "a window of rows has no start and end in time"]);
    let late = format!("select = 'count(*) AS n'\nlateness = '1s'\n{count}");
    check(&aggregate(&late), &["no row is late for this window"]);
    let sorted = format!("select = 'count(*) AS n'\norder = 'n'\n{count}");
    check(&aggregate(&sorted), &["`order` sorts final results, windows of rows give running ones"]);
    let wall = "select = 'count(*) AS n'\nwindow = { type = 'tumbling', size = '1s', time = 'processing' }";
    check(&aggregate(wall), &[]);
    let event = "select = 'count(*) AS n'\nwindow = { type = 'tumbling', size = '1s' }";
    check(&aggregate(event), &["its input has no event time", "time = \"processing\""]);
    let top = to(&format!("type = 'top'\norder = 'v'\nn = 1\n{count}"), &["t"]);
    check(&top, &["a `top` has no windows of rows"]);
}
