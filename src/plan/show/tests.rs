//! How plans look.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::plan::logical::build;
use crate::plan::place::place;
use crate::spec::parse;

pub(super) fn plans(text: &str, parallelism: usize) -> (LogicalPlan, PhysicalPlan) {
    let (job, mut found) = parse(Path::new("job.toml"), text, &[], &|_| None);
    let job = job.unwrap();
    let (plan, others) = build(&job);
    found.append(others);
    assert!(!found.has_errors(), "{}", found.render(&job.text, false));
    let plan = plan.unwrap();
    let physical = place(&plan, parallelism, 128, &BTreeMap::new()).unwrap();
    (plan, physical)
}

/// How the job saves itself.
pub(super) fn saving(text: &str, with: impl FnOnce(&Saving)) {
    let job = parse(Path::new("job.toml"), text, &[], &|_| None).0.unwrap();
    with(&crate::plan::saving(&job, &build(&job).0.unwrap()));
}

fn shown(text: &str, parallelism: usize) -> String {
    let (plan, physical) = plans(text, parallelism);
    let mut drawn = String::new();
    saving(text, |saving| drawn = super::text(&plan, &physical, saving));
    drawn
}

const JOB: &str = r#"
[sources.payments]
type = "file"
path = "payments.csv"
schema = { at = "timestamp", card = "string", amount = "decimal(12,2)", note = "string" }
event_time = { column = "at", delay = "5s" }

[transforms.large]
type = "filter"
input = "payments"
where = "amount > 500"

[transforms.per_minute]
type = "aggregate"
input = "large"
by = ["card"]
window = { type = "tumbling", size = "1m" }
select = ["card", "window_start", "count(*) AS n", "sum(amount) / count(*) AS mean"]
having = "n >= 3"

[sinks.alerts]
type = "file"
input = "per_minute"
path = "alerts.csv"

[sinks.rest]
type = "file"
input = "payments"
path = "all.csv"
"#;

#[test]
fn schemas_name_columns_and_times() {
    let (plan, _) = plans(JOB, 2);
    let text = schemas(&plan);
    for expect in
        ["sources.payments\n", "  amount  decimal(12,2)\n", "  event time at, delay 5s\n", "  n             int\n"]
    {
        assert!(text.contains(expect), "{expect:?} in\n{text}");
    }
}

#[test]
fn durations_read_like_the_job_file() {
    for (micros, expect) in [
        (0, "0s"),
        (250_000, "250ms"),
        (5_400_000_000, "1h 30m"),
        (-1_500_000, "-1s 500ms"),
        (8 * 86_400_000_000, "8d"),
        (14 * 86_400_000_000, "2w"),
        (7, "7us"),
    ] {
        assert_eq!(duration(micros), expect);
        assert_eq!(crate::spec::parse_duration(expect).ok(), Some(micros), "{expect}");
    }
}

const PLAN: &str = "\
job job

logical
  source payments
      file payments.csv, csv
      columns at timestamp, card string, amount decimal(12,2), note string
      event time at, delay 5s
  filter large ← payments
      where amount > 500.00
  sink rest ← payments
      file all.csv, csv, replace
  aggregate per_minute ← large
      by card
      window tumbling 1m
      select card, window_start, count(*) AS n, sum(amount) / CAST(count(*) AS decimal(19,0)) AS mean
      having n >= 3
      results when a window closes
  sink alerts ← per_minute
      file alerts.csv, csv, replace

physical: parallelism 2, 128 key groups
  checkpoints every 10s, 3 are kept, durability \"power\": they survive a power cut
  sources.payments: reader ×1 → decode ×2, blocks dealt
    read file payments.csv, csv
    decode at, card, amount, note
    event time at, delay 5s
    ├─ filter amount > 500.00  (large)
    │  project card, amount  (per_minute)
    │  pre-aggregate each block  (per_minute)
    │  → hash(card) → transforms.per_minute ×2
    └─ encode csv → single → sinks.rest ×1
  transforms.per_minute: aggregate ×2, ordered merge
    window tumbling 1m
    by card
    count(*), sum(amount); results when a window closes
    project card, window_start, count(*), sum(amount) / CAST(count(*) AS decimal(19,0))  (per_minute)
    filter n >= 3  (per_minute)
    project card, window_start, n, mean  (alerts)
    encode csv → single → sinks.alerts ×1
  sinks.rest: write ×1, ordered merge
    file all.csv, csv, replace
    exact: the same bytes at any parallelism
    exactly-once from sources.payments
  sinks.alerts: write ×1, ordered merge
    file alerts.csv, csv, replace
    exact: the same bytes at any parallelism
    exactly-once from sources.payments
";

#[test]
fn a_plan_is_drawn_as_a_tree() {
    assert_eq!(shown(JOB, 2), PLAN);
}

/// Inputs without a common sequence leave the order of rows to chance.
#[test]
fn order_is_certain_or_not() {
    let source = |name: &str, port: u16| {
        format!(
            "[sources.{name}]\ntype = 'tcp'\nlisten = ':{port}'\nformat = 'lines'\nschema = {{ line = 'string' }}\n"
        )
    };
    let sink = "[sinks.o]\ntype = 'stdout'\nformat = 'csv'\ninput = ";
    let one = format!("{}{sink}'a'\n", source("a", 9001));
    let drawn = shown(&one, 1);
    assert!(drawn.contains("exact") && drawn.contains("decode ×1"), "{drawn}");
    let two = format!("{}{}{sink}['a', 'b']\n", source("a", 9001), source("b", 9002));
    let drawn = shown(&two, 1);
    assert!(drawn.contains("multiset") && drawn.contains("by arrival"), "{drawn}");
}

#[test]
fn sources_that_are_read_together_are_named() {
    let source = |name: &str| {
        format!(
            "[sources.{name}]\ntype = 'file'\npath = '{name}.txt'\nformat = 'lines'\nschema = {{ line = 'string' }}\n"
        )
    };
    let job = format!("{}{}[sinks.o]\ntype = 'stdout'\nformat = 'csv'\ninput = ['a', 'b']\n", source("a"), source("b"));
    let drawn = shown(&job, 2);
    for line in [
        "sources.a: reader ×1 → decode ×2, blocks dealt, in one sequence with sources.b\n",
        "sources.b: reader ×1 → decode ×2, blocks dealt, in one sequence with sources.a\n",
        "exact: the same bytes at any parallelism\n",
    ] {
        assert!(drawn.contains(line), "{drawn}");
    }
}

#[test]
fn routes_and_rows_that_fail_are_branches() {
    let job = r#"
[sources.payments]
type = "file"
path = "payments.csv"
schema = { at = "timestamp", card = "string", amount = "int" }
[transforms.split]
type = "route"
input = "payments"
cases = { big = "amount > 500", odd = "100 / amount = 3" }
on_error = "dead-letter"
[transforms.first]
type = "limit"
input = "split.big"
by = ["card"]
n = 2
parallelism = 1
[sinks.big]
type = "blackhole"
input = "first"
[sinks.rest]
type = "blackhole"
input = ["split.odd", "split.default"]
[sinks.bad]
type = "blackhole"
input = "split.errors"
"#;
    let text = shown(job, 2);
    for part in [
        "  route split ← payments\n      big where amount > 500\n      odd where (100 / amount) = 3\n      default: the others\n      rows that fail go to split.errors\n",
        "  sink rest ← split.odd, split.default\n",
        "    route  (split)\n    ├─ case amount > 500\n",
        "no case\n",
        "    └─ rows that fail\n",
        "limit ×1",
        "the first 2 rows of each card",
        "subtasks: 1 at most",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

#[test]
fn results_in_any_order_are_a_multiset() {
    let job = JOB.replace("having = \"n >= 3\"", "having = \"n >= 3\"\norder = \"any\"");
    assert!(job != JOB);
    assert!(shown(JOB, 2).contains("exact") && !shown(JOB, 2).contains("multiset"));
    assert!(shown(&job, 2).contains("multiset") && shown(&job, 2).contains("in any order"));
}

/// Of a live source, what is in a block is chance, and so is the order in which two ways of it meet again.
#[test]
fn two_ways_of_a_live_source_meet_in_any_order() {
    let job = |source: &str, input: &str| {
        format!(
            "[sources.s]\n{source}\nformat = 'lines'\n[transforms.a]\ntype = 'filter'\ninput = 's'\n\
             where = \"line LIKE '%a%'\"\n[sinks.o]\ntype = 'stdout'\ninput = {input}\nformat = 'lines'\n"
        )
    };
    for (source, input, expect) in [
        ("type = 'stdin'", "['a', 's']", "multiset"),
        ("type = 'stdin'", "'a'", "exact"),
        ("type = 'file'\npath = 'a.txt'", "['a', 's']", "exact"),
    ] {
        let text = shown(&job(source, input), 2);
        assert!(text.contains(&format!("{expect}: ")), "{source} {input}:\n{text}");
    }
}
