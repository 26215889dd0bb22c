//! `flott run` on files: results, exit codes, summary and report.

use crate::program::{Folder, JOB, RESULT, ROWS};

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("job.toml", JOB).write("in.csv", ROWS);
    folder
}

#[test]
fn a_job_from_file_to_file() {
    for parallelism in 1..=4 {
        let folder = folder();
        let ran = folder.flott(&format!("run job.toml -p {parallelism}")).exits(0);
        assert_eq!(folder.read("out.csv"), RESULT);
        assert!(ran.stderr.starts_with("flott: 4 rows in, 3 out, 0 late, 0 bad, "), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1);
        assert_eq!(ran.stdout, "");
        assert_eq!(folder.names(), ["in.csv", "job.toml", "out.csv"]);
    }
}

/// By the event times that their blocks start with; `c` has none, so it comes first.
#[test]
fn sources_that_meet_are_read_in_order_of_time() {
    let folder = Folder::new();
    let mut job = String::from("[job]\nname = \"union\"\n");
    for (name, time) in
        [("a", "event_time = { column = \"at\" }\n"), ("b", "event_time = { column = \"at\" }\n"), ("c", "")]
    {
        job += &format!("[sources.{name}]\ntype = \"file\"\npath = \"{name}.csv\"\nformat = \"csv\"\n");
        job += &format!("schema = {{ at = \"timestamp\", n = \"int\" }}\n{time}");
    }
    job += "[sinks.out]\ntype = \"file\"\ninput = [\"a\", \"b\", \"c\"]\npath = \"out.csv\"\nformat = \"csv\"\n";
    let row = |second: u32, n: u32| format!("2026-01-01T10:00:{second:02}Z,{n}\n");
    folder.write("job.toml", &job);
    folder.write("a.csv", &format!("at,n\n{}{}", row(20, 1), row(30, 2)));
    folder.write("b.csv", &format!("at,n\n{}{}", row(10, 3), row(40, 4)));
    folder.write("c.csv", &format!("at,n\n{}", row(50, 5)));
    let expected = format!("at,n\n{}{}{}{}{}", row(50, 5), row(10, 3), row(40, 4), row(20, 1), row(30, 2));
    for parallelism in 1..=3 {
        folder.flott(&format!("run job.toml -p {parallelism}")).exits(0);
        assert_eq!(folder.read("out.csv"), expected);
    }
}

#[test]
fn quiet_says_nothing() {
    let ran = folder().flott("run job.toml --quiet --fresh").exits(0);
    assert_eq!((ran.stdout, ran.stderr), (String::new(), String::new()));
}

#[test]
fn late_rows_are_warned_of() {
    let folder = folder();
    let ran = folder.flott("run job.toml -p 2 -D sources.requests.event_time.delay=0s").exits(0);
    let ran = ran.says("warning: transforms.per_minute: 1 late row was dropped");
    let ran = ran.says("delay = \"31s\"").says("per_minute.late").says(" 1 late, ");
    assert_eq!(ran.stdout, "");
    assert!(!folder.read("out.csv").contains("12:00:00Z"));
    // The advice is right, and just enough.
    folder.flott("run job.toml -p 2 -D sources.requests.event_time.delay=31s").exits(0).says(" 0 late, ");
    folder.flott("run job.toml -p 2 -D sources.requests.event_time.delay=30s").exits(0).says(" 1 late, ");
}

#[test]
fn results_on_stdout_are_csv_in_a_pipe() {
    let folder = folder();
    folder.write(
        "job.toml",
        &JOB.replace("type = \"file\"\ninput", "type = \"stdout\"\ninput").replace("path = \"out.csv\"", ""),
    );
    assert_eq!(folder.flott("run job.toml").exits(0).stdout, RESULT);
    let table = folder.flott("run job.toml -D sinks.out.format=table").exits(0).stdout;
    assert!(table.contains("slowest") && table != RESULT, "{table}");
}

#[test]
fn a_missing_input_is_found_before_anything_opens() {
    let folder = Folder::new();
    folder.write("job.toml", JOB).write("inn.csv", ROWS);
    let ran = folder.flott("run job.toml").exits(2).says("there is no file in.csv").says("did you mean inn.csv?");
    assert!(ran.stderr.trim_end().ends_with("1 error in job.toml"), "{}", ran.stderr);
    assert_eq!(folder.names(), ["inn.csv", "job.toml"]);
}

#[test]
fn a_new_file_must_not_exist() {
    let folder = folder();
    folder.write("job.toml", &format!("{JOB}mode = \"new\"\n")).write("out.csv", "mine\n");
    folder.flott("run job.toml").exits(2).says("out.csv exists");
    assert_eq!(folder.read("out.csv"), "mine\n");
}

#[test]
fn a_bad_record_fails_the_job_and_undoes_its_output() {
    let folder = folder();
    folder.write("in.csv", &ROWS.replace("503", "5o3")).write("out.csv", "before\n");
    for parallelism in [1, 2] {
        let ran = folder.flott(&format!("run job.toml -p {parallelism} --report r.json")).exits(1);
        let ran = ran.says("error: sources.requests: ").says("in.csv").says("5o3");
        assert!(!ran.stderr.contains("rows in"), "{}", ran.stderr);
        assert_eq!(folder.read("out.csv"), "before\n");
        assert_eq!(folder.names(), ["in.csv", "job.toml", "out.csv", "r.json"]);
        let report: serde_json::Value = serde_json::from_str(&folder.read("r.json")).unwrap();
        assert_eq!(report["ending"], "failed");
        assert_eq!(report["exit_code"], 1);
        assert_eq!(report["error"]["node"], "sources.requests");
    }
}

#[test]
fn the_report_has_the_figures() {
    let folder = folder();
    folder.flott("run job.toml -p 2 --report r.json --quiet").exits(0);
    let report: serde_json::Value = serde_json::from_str(&folder.read("r.json")).unwrap();
    assert_eq!(report["job"], "job");
    assert_eq!(report["parallelism"], 2);
    assert_eq!(report["ending"], "finished");
    assert_eq!(report["exit_code"], 0);
    assert_eq!(report["summary"]["rows_in"], 4);
    assert_eq!(report["summary"]["rows_out"], 3);
    assert_eq!(report["sources"][0]["name"], "sources.requests");
    assert_eq!(report["sinks"][0]["rows_in"], 3);
    let transforms = report["transforms"].as_array().unwrap();
    let figures = |name: &str| {
        let found: Vec<_> = transforms.iter().filter(|t| t["name"] == name).collect();
        assert_eq!(found.len(), 1, "{transforms:#?}");
        (found[0]["rows_in"].as_u64(), found[0]["rows_out"].as_u64(), found[0]["watermark"].clone())
    };
    assert_eq!(figures("transforms.failed"), (Some(4), Some(3), serde_json::Value::Null));
    assert_eq!(figures("transforms.per_minute"), (Some(3), Some(3), "end".into()));
    assert_eq!(transforms.len(), 2);
    assert!(report["tasks"].as_array().unwrap().len() > 2);
}

#[test]
fn a_refused_job_has_a_report_too() {
    let folder = Folder::new();
    folder.write("job.toml", "[job]\nnam = 'x'\n");
    folder.flott("run job.toml --report r.json").exits(2).says("3 errors in job.toml");
    let report: serde_json::Value = serde_json::from_str(&folder.read("r.json")).unwrap();
    assert_eq!(report["ending"], "refused");
    assert_eq!(report["exit_code"], 2);
    folder.flott("run job.toml --report no/such/r.json").exits(2).says("cannot write the report");
}

#[test]
fn more_subtasks_than_key_groups() {
    folder().flott("run job.toml -p 129").exits(2).says("max_parallelism");
}

/// Rows of a table come from several subtasks, and stand below one head.
#[test]
fn a_table_has_one_head_at_any_parallelism() {
    let folder = Folder::new();
    folder.write(
        "job.toml",
        "[sources.s]\ntype = 'generate'\nkind = 'sequence'\nrows = 40\n\
         [transforms.t]\ntype = 'aggregate'\ninput = 's'\nby = ['n % 9 AS k']\nselect = ['k', 'count(*) AS c']\n\
         [sinks.out]\ntype = 'stdout'\nformat = 'table'\ninput = 't'\n",
    );
    let printed = |parallelism: usize| folder.flott(&format!("run job.toml -q -p {parallelism}")).exits(0).stdout;
    let table = printed(1);
    assert_eq!(table.lines().filter(|line| line.starts_with('k')).count(), 1, "{table}");
    assert_eq!((printed(2), printed(4)), (table.clone(), table));
}
