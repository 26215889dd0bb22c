//! How plans look.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::plan::logical::build;
use crate::plan::place::place;
use crate::spec::parse;

fn plans(text: &str, parallelism: usize) -> (LogicalPlan, PhysicalPlan) {
    let (job, mut found) = parse(Path::new("job.toml"), text, &[], &|_| None);
    let job = job.unwrap();
    let (plan, others) = build(&job);
    found.append(others);
    assert!(!found.has_errors(), "{}", found.render(&job.text, false));
    let plan = plan.unwrap();
    let physical = place(&plan, parallelism, 128, &BTreeMap::new()).unwrap();
    (plan, physical)
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

[sinks.large]
type = "file"
input = "payments"
path = "all.csv"
"#;

#[test]
fn schemas_name_columns_and_times() {
    let (plan, _) = plans(&JOB.replace("sinks.large", "sinks.rest"), 2);
    println!("{}", schemas(&plan));
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
