//! Jobs without faults: every option reaches the spec.

use std::path::Path;

use super::super::*;

/// The job of a text without faults.
fn job(text: &str) -> JobSpec {
    job_with(text, &[])
}

fn job_with(text: &str, overrides: &[&str]) -> JobSpec {
    let overrides: Vec<String> = overrides.iter().map(|o| o.to_string()).collect();
    let env = |name: &str| (name == "COLOR").then(|| "red".to_string());
    let (job, found) = parse(Path::new("jobs/test.toml"), text, &overrides, &env);
    let job = job.expect("it is TOML");
    assert!(found.is_empty(), "{}", found.render(&job.text, false));
    job
}

const CARD_FRAUD: &str = r#"
[job]
name = "card-fraud"
parallelism = 2
max_parallelism = 64

[sources.payments]
type = "file"
path = "testdata/payments*.csv"
schema = { at = "timestamp", card = "string", amount = "decimal(12,2)" }
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
select = ["card", "window_start", "count(*) AS payments", "sum(amount) AS total"]
having = "payments >= 3"

[sinks.alerts]
type = "file"
input = "per_minute"
path = "out/alerts.jsonl"
"#;

#[test]
fn the_example_of_the_contract() {
    let job = job(CARD_FRAUD);
    assert_eq!(job.name, "card-fraud");
    assert_eq!(job.parallelism.as_ref().map(|p| p.value), Some(2));
    assert_eq!(job.max_parallelism.value, 64);
    let names: Vec<&str> = job.nodes.iter().map(|n| n.name.value.as_str()).collect();
    assert_eq!(names, ["payments", "large", "per_minute", "alerts"]);
    let NodeKind::Source(source) = &job.nodes[0].kind else { panic!() };
    let columns: Vec<String> =
        source.schema.iter().flatten().map(|f| format!("{} {}", f.name.value, f.ty.value)).collect();
    assert_eq!(columns, ["at timestamp", "card string", "amount decimal(12,2)"]);
    assert_eq!(source.event_time.as_ref().map(|e| (e.delay, e.idle)), Some((5_000_000, None)));
    let NodeKind::Aggregate(node) = &job.nodes[2].kind else { panic!() };
    assert_eq!(node.window.as_ref().map(|w| w.value), Some(WindowSpec::Tumbling { size: 60_000_000, offset: 0 }));
    assert_eq!(node.select.len(), 4);
    assert_eq!(job.text.written(&node.select[2].locate(0..5)), "count");
    assert_eq!(job.nodes[3].inputs[0].value, "per_minute");
}
