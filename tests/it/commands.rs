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
        ("zzz", "there are run, check, plan, infer, resume"),
        ("run job.toml --resume --fresh", "cannot be used with"),
        ("savepoint", "JOB"),
        ("stop", "JOB"),
        ("resume", "PATH|JOB"),
        ("run job.toml --ui=:8080", "--ui is not there yet"),
        ("plan job.toml --format mermaid", "there is: text"),
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
fn colour_is_asked_for_or_not_there() {
    let folder = Folder::new();
    folder.write("job.toml", &JOB.replace("status >=", "statu >="));
    for (arguments, colored) in [("check job.toml", false), ("check job.toml --color always", true)] {
        assert_eq!(folder.flott(arguments).exits(2).stderr.contains('\x1b'), colored, "{arguments}");
    }
}
