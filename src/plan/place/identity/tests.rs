//! Identities of stages: what is in them and what is not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::plan::logical::build;
use crate::plan::physical::StagePlan;
use crate::plan::place::place;
use crate::spec::parse;

const JOB: &str = r#"
[sources.payments]
type = "file"
path = "payments.csv"
schema = { at = "timestamp", card = "string", amount = "decimal(12,2)", note = "string" }
event_time = { column = "at", delay = "5s" }
on_error = "dead-letter"

[transforms.per_minute]
type = "aggregate"
input = "payments"
by = ["upper(card) AS holder", "note"]
window = { type = "tumbling", size = "90s" }
select = ["holder", "note", "window_start", "count(*) AS n", "sum(amount) AS total"]
having = "n >= 3"
order = ["total DESC", "holder"]

[transforms.best]
type = "top"
input = "per_minute"
by = ["window_start"]
order = ["total DESC"]
n = 3

[transforms.few]
type = "limit"
input = "best"
n = 10

[sinks.out]
type = "file"
input = "few"
path = "few.csv"

[sinks.wrong]
type = "file"
input = "payments.errors"
path = "wrong.csv"
"#;

fn stages(job: &str, parallelism: usize) -> Vec<StagePlan> {
    let (job, mut found) = parse(Path::new("job.toml"), job, &[], &|_| None);
    let job = job.unwrap();
    let (plan, others) = build(&job);
    found.append(others);
    assert!(!found.has_errors(), "{}", found.render(&job.text, false));
    place(&plan.unwrap(), parallelism, 128, &BTreeMap::new()).unwrap().stages
}

fn identities(job: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    stages(job, 2).into_iter().map(|stage| (stage.id, stage.identity)).collect()
}

#[test]
fn identities_in_words() {
    let text: Vec<String> = identities(JOB)
        .into_iter()
        .map(|(id, words)| {
            let words = words.into_iter().map(|(name, value)| format!("\n  {name}: {value}"));
            format!("{id}{}", words.collect::<String>())
        })
        .collect();
    let expected = "\
sources.payments/errors
  operator: pass
transforms.best
  by: window_start timestamp
  columns: holder string, note string, window_start timestamp, n int, total decimal(38,2)
  n: 3
  operator: top
  order: total decimal(38,2) desc nulls last
  ties: false
transforms.few
  n: 10
  operator: limit
transforms.per_minute
  aggregates: count(*), sum(amount) decimal(12,2)
  by: upper(card) string, note string
  emit: close
  operator: aggregate
  window: tumbling 1m 30s
transforms.per_minute/sort
  columns: holder string, note string, window_start timestamp, n int, total decimal(38,2)
  keys: total decimal(38,2) desc nulls last, holder string nulls first
  of: the rows of each window
  operator: sort";
    assert_eq!(text.join("\n"), expected);
}

#[test]
fn ids_are_unique_and_do_not_depend_on_parallelism() {
    let ids = |parallelism| -> Vec<String> { stages(JOB, parallelism).into_iter().map(|stage| stage.id).collect() };
    assert_eq!(ids(1), ids(4));
    assert_eq!(ids(1).iter().collect::<BTreeSet<_>>().len(), ids(1).len());
}

#[test]
fn an_edit_shows_where_it_makes_state_useless_and_only_there() {
    let changed = |from: &str, to: &str| -> Vec<String> {
        assert!(JOB.contains(from));
        let (before, after) = (identities(JOB), identities(&JOB.replace(from, to)));
        before.into_iter().filter(|(id, words)| after.get(id) != Some(words)).map(|(id, _)| id).collect()
    };
    let nothing: [&str; 0] = [];
    assert_eq!(changed("n >= 3", "n >= 4"), nothing);
    assert_eq!(changed("delay = \"5s\"", "delay = \"1m\""), nothing);
    assert_eq!(changed("having =", "lateness = \"1m\"\nhaving ="), nothing);
    assert_eq!(changed("size = \"90s\"", "size = \"60s\""), ["transforms.per_minute"]);
    assert_eq!(changed("by = [\"upper(card)", "by = [\"lower(card)"), ["transforms.per_minute"]);
    assert_eq!(changed("decimal(12,2)", "decimal(14,2)"), ["transforms.per_minute"]);
    assert_eq!(changed("n = 3", "n = 4"), ["transforms.best"]);
    assert_eq!(changed("n = 10", "n = 11"), ["transforms.few"]);
    assert_eq!(changed("\"total DESC\", \"holder\"", "\"total DESC\""), ["transforms.per_minute/sort"]);
}
