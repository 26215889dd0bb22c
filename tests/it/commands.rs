//! Help, versions, and what is not there.

use crate::program::{Folder, JOB};

#[test]
fn help_has_examples() {
    let folder = Folder::new();
    for (arguments, expect) in [
        ("--help", "flott run jobs/quickstart.toml"),
        ("run --help", "Examples:"),
        ("check --help", "Examples:"),
        ("plan --help", "Examples:"),
        ("resume --help", "Examples:"),
        ("list --help", "Examples:"),
        ("status --help", "Examples:"),
        ("savepoint --help", "Examples:"),
        ("stop --help", "Examples:"),
        ("cancel --help", "Examples:"),
        ("checkpoint --help", "Examples:"),
        ("test --help", "Exit codes: 0 all tests passed"),
        ("new --help", "Examples:"),
        ("completions --help", "To install:"),
        ("help", "flott run jobs/quickstart.toml"),
        ("help plan", "--format dot | dot"),
    ] {
        folder.flott(arguments).exits(0).prints(expect);
    }
    folder.flott("--version").exits(0).prints(env!("CARGO_PKG_VERSION"));
}

#[test]
fn wrong_usage_exits_2() {
    let folder = Folder::new();
    for (arguments, expect) in [
        ("", "Usage"),
        ("run", "JOB.toml"),
        ("run job.toml --nonsense", "--nonsense"),
        ("run job.toml -p 0", "from 1 up"),
        ("run job.toml -D x", "KEY=VALUE"),
        ("run job.toml --color blue", "auto"),
        ("chek job.toml", "did you mean `check`?"),
        ("job.toml", "flott run job.toml"),
        ("why job", "`flott why` is not there yet"),
        ("zzz", "there are run, check, plan, "),
        ("run job.toml --resume --fresh", "cannot be used with"),
        ("savepoint", "JOB"),
        ("stop", "JOB"),
        ("resume", "PATH|JOB"),
        ("run job.toml --ui=:8080", "--ui is not there yet"),
        ("plan job.toml --format picture", "possible values: text, mermaid, dot, json"),
    ] {
        folder.flott(arguments).exits(2).says(expect);
    }
}

#[test]
fn plan_shows_both_graphs() {
    let folder = Folder::new();
    folder.write("job.toml", JOB).write("in.csv", "at,status,ms\n");
    let ran = folder.flott("plan job.toml -p 2").exits(0);
    for expect in ["aggregate per_minute ← failed", "window tumbling 1m", "decode ×2", "sinks.out ×1", "exact"] {
        assert!(ran.stdout.contains(expect), "{expect:?} in\n{}", ran.stdout);
    }
    assert_eq!(ran.stderr, "");
    assert_eq!(folder.names(), ["in.csv", "job.toml"]);
}

#[test]
fn plans_are_drawn_and_told_to_programs() {
    let folder = Folder::new();
    let job = JOB.replace("status >= 500", "status >= 500 AND CAST(ms AS string) <> '<\\\"#'");
    folder.write("job.toml", &job).write("in.csv", "at,status,ms\n");
    let mermaid = folder.flott("plan job.toml -p 2 --format mermaid").exits(0).stdout;
    assert!(mermaid.starts_with("flowchart LR\n  subgraph logical["), "{mermaid}");
    assert!(mermaid.contains("#60;#62; '#60;#34;#35;'"), "{mermaid}");
    assert!(mermaid.contains("logical0 --> logical1"), "{mermaid}");
    let dot = folder.flott("plan job.toml -p 2 --format dot").exits(0).stdout;
    assert!(dot.starts_with("digraph \"job\" {") && dot.ends_with("}\n"), "{dot}");
    assert!(dot.contains("<> '<\\\"#'"), "{dot}");
    let plan: serde_json::Value =
        serde_json::from_str(&folder.flott("plan job.toml -p 2 --format json").exits(0).stdout).unwrap();
    assert_eq!(plan["logical"]["nodes"][1]["type"], "filter");
    assert_eq!(plan["logical"]["edges"][0]["to"], "transforms.failed");
    let (physical, at) = (&plan["physical"], |path: &str| plan.pointer(path).unwrap().clone());
    assert_eq!(physical["tasks"][1]["node"], "transforms.per_minute");
    assert_eq!(
        at("/physical/edges/0"),
        serde_json::json!({
            "from": "sources.requests", "to": "transforms.per_minute", "exchange": physical["edges"][0]["exchange"],
            "by": physical["edges"][0]["by"],
        })
    );
    let sink = physical["tasks"].as_array().unwrap().last().unwrap();
    assert_eq!((sink["kind"].as_str(), sink["order"].as_str()), (Some("sink"), Some("exact")));
    assert_eq!(sink["guarantees"][0], "exactly-once from sources.requests");
}

#[test]
fn colour_is_asked_for_or_not_there() {
    let folder = Folder::new();
    folder.write("job.toml", &JOB.replace("status >=", "statu >="));
    for (arguments, colored) in [("check job.toml", false), ("check job.toml --color always", true)] {
        assert_eq!(folder.flott(arguments).exits(2).stderr.contains('\x1b'), colored, "{arguments}");
    }
}
