//! What users are told: places, names and values are right, and secrets stay out.

use crate::program::{Folder, JOB, ROWS};

/// `in.csv` with the columns of `schema` to stdout through a select of `items`.
fn select(schema: &str, items: &str) -> String {
    format!(
        "[sources.s]\ntype = 'file'\npath = 'in.csv'\nschema = {{ {schema} }}\n\
         [transforms.t]\ntype = 'select'\ninput = 's'\nselect = [{items}]\n\
         [sinks.out]\ntype = 'stdout'\ninput = 't'\nformat = 'csv'\n"
    )
}

#[test]
fn lines_of_bad_records_count_the_header() {
    let folder = Folder::new();
    folder.write("in.csv", "a,b\n1,\"x\ny\"\nz,w\n").write("job.toml", &select("a = 'int', b = 'string'", "'a'"));
    for parallelism in [1, 2] {
        folder.flott(&format!("run job.toml -p {parallelism}")).exits(1).says("in.csv:4: column a: 'z' is not an int");
    }
    let errors = "[sinks.bad]\ntype = 'file'\npath = 'bad.csv'\ninput = 's.errors'\n";
    folder.write("job.toml", &format!("{}{errors}", select("a = 'int', b = 'string'", "'a'")));
    folder.flott("run job.toml -D sources.s.on_error=dead-letter").exits(0);
    assert!(folder.read("bad.csv").contains("s,in.csv,12,4,"), "{}", folder.read("bad.csv"));
}

#[test]
fn secrets_are_not_shown_by_running_jobs() {
    let folder = Folder::new();
    folder.write("in.csv", "a\n0\n");
    folder.write("job.toml", &select("a = 'int'", "\"CAST(concat(CAST(a AS string), '${file:secret}') AS int) AS x\""));
    let shown = |text: &str| text.contains("hunt");
    folder.write("secret", "hunter2\n");
    let ran = folder.flott("run job.toml --report r.json").exits(1).says("***").says("is not an int");
    assert!(!shown(&ran.stderr) && !shown(&folder.read("r.json")), "{}", ran.stderr);
    let plan = folder.flott("plan job.toml").exits(0).prints("***");
    assert!(!shown(&plan.stdout), "{}", plan.stdout);
}

#[test]
fn readers_of_a_broken_node_are_not_told_that_it_is_missing() {
    let folder = Folder::new();
    folder.write("job.toml", &JOB.replace("path = \"in.csv\"\n", ""));
    let ran = folder.flott("run job.toml").exits(2).says("`path` is missing").says("1 error in job.toml");
    assert!(!ran.stderr.contains("no node"), "{}", ran.stderr);
}

#[test]
fn a_wrong_window_does_not_hide_its_columns() {
    let folder = Folder::new();
    folder.write("job.toml", &JOB.replace("tumbling", "hop"));
    folder.flott("run job.toml").exits(2).says("did you mean `sliding`?").says("1 error in job.toml");
}

#[test]
fn links_to_inputs_and_outputs_are_found_out() {
    let folder = Folder::new();
    folder.write("job.toml", JOB).write("in.csv", "at,status,ms\n");
    std::os::unix::fs::symlink("in.csv", folder.path("out.csv")).unwrap();
    folder.flott("run job.toml").exits(2).says("`out` writes a file that `requests` reads");
    std::fs::remove_file(folder.path("out.csv")).unwrap();
    std::fs::hard_link(folder.path("in.csv"), folder.path("out.csv")).unwrap();
    folder.flott("run job.toml").exits(2).says("`out` writes a file that `requests` reads");
    std::fs::remove_file(folder.path("out.csv")).unwrap();
    folder.write("out.csv", "");
    std::os::unix::fs::symlink("out.csv", folder.path("other.csv")).unwrap();
    let other = "[sinks.other]\ntype = 'file'\npath = 'other.csv'\ninput = 'failed'\n";
    folder.write("job.toml", &format!("{JOB}{other}"));
    folder.flott("run job.toml").exits(2).says("sinks `out` and `other` write one file");
}

#[test]
fn folders_of_part_files_are_looked_at_before_anything_is_written() {
    let folder = Folder::new();
    folder.write("in.csv", "at,status,ms\n");
    let sink = |name: &str, path: &str, more: &str| {
        format!("[sinks.{name}]\ntype = 'directory'\ninput = 'failed'\nformat = 'csv'\npath = '{path}'\n{more}\n")
    };
    let wrong = |sinks: String, words: &str| {
        folder.write("job.toml", &format!("{JOB}{sinks}"));
        folder.flott("run job.toml").exits(2).says(words);
    };
    wrong(sink("parts", "parts", "partition_by = 'statsu'"), "did you mean `status`?");
    wrong(sink("parts", "parts", "partition_by = ['ms', 'ms']"), "`partition_by` names `ms` twice");
    let twice = sink("parts", "parts", "") + &sink("more", "./parts/more", "");
    wrong(twice, "sinks `parts` and `more` write into one folder");
    wrong(sink("parts", ".", ""), "`parts` writes into a folder that `requests` reads from");
    std::fs::create_dir(folder.path("parts")).unwrap();
    folder.write("parts/mine.txt", "");
    wrong(sink("parts", "parts", ""), "parts is not empty and mode is \"new\"");
    wrong(sink("parts", "parts", "mode = 'replace'"), "parts/mine.txt is in the folder that mode \"replace\" would");
    assert!(folder.path("parts/mine.txt").exists() && !folder.path("out.csv").exists());
}

#[test]
fn failed_expressions_name_their_columns() {
    let folder = Folder::new();
    folder.write("in.csv", "a,b\n7,0\n").write("job.toml", &select("a = 'int', b = 'int'", "'a / b AS q'"));
    folder
        .flott("run job.toml")
        .exits(1)
        .says("transforms.t: in.csv:2: a / b: division by zero")
        .says("in the row with a = 7, b = 0");
    let skips = folder.flott("run job.toml -D transforms.t.on_error=skip").exits(0);
    assert!(skips.stderr.contains("1 rows in, 0 out, 0 late, 1 bad"), "{}", skips.stderr);
    let sum = "[sources.s]\ntype = 'file'\npath = 'in.csv'\nschema = { a = 'int' }\n\
               [transforms.t]\ntype = 'aggregate'\ninput = 's'\nselect = ['sum(a) AS s']\n\
               [sinks.out]\ntype = 'stdout'\ninput = 't'\n";
    folder.write("job.toml", sum).write("in.csv", "a\n9223372036854775807\n1\n");
    folder
        .flott("run job.toml")
        .exits(1)
        .says("transforms.t: sum(a): the sum, 9223372036854775808, does not fit an int");
}

#[test]
fn another_delimiter_is_guessed() {
    let folder = Folder::new();
    folder.write("in.csv", "a;b\n1;2\n").write("job.toml", &select("a = 'int', b = 'int'", "'a'"));
    folder.flott("run job.toml").exits(1).says("columns in the file: a;b").says("delimiter = \";\"");
}

/// A log that is taken for another kind of log.
#[test]
fn a_record_of_another_format_says_which() {
    let folder = Folder::new();
    folder.write("in.log", "203.0.113.9 - - [04/May/2026:12:00:01 +0200] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\"\n");
    let job = "[sources.s]\ntype = 'file'\npath = 'in.log'\nformat = { type = 'syslog', year = 2026 }\n\
               [sinks.out]\ntype = 'stdout'\ninput = 's'\nformat = 'csv'\n";
    folder.write("job.toml", job);
    folder.flott("run job.toml").exits(1).says("format = \"access-log\" reads it");
    // A value that does not fit is another matter.
    folder.write("in.jsonl", "{\"n\":1}\n{\"n\":\"x\"}\n");
    folder.write(
        "job.toml",
        &job.replace("in.log", "in.jsonl")
            .replace("{ type = 'syslog', year = 2026 }", "'json'\nschema = { n = 'int' }"),
    );
    let ran = folder.flott("run job.toml").exits(1).says("column n");
    assert!(!ran.stderr.contains("looks like"), "{}", ran.stderr);
    // Without a format, the name says that they are lines.
    let lines = "[sources.s]\ntype = 'file'\npath = 'in.log'\n\
                 [transforms.t]\ntype = 'filter'\ninput = 's'\nwhere = 'status > 500'\n\
                 [sinks.out]\ntype = 'stdout'\ninput = 't'\n";
    folder.write("job.toml", lines).flott("check job.toml").exits(2).says("such as \"access-log\"");
}

/// Each line is an object; what it says is what people are told.
fn lines(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

#[test]
fn messages_as_lines_of_json() {
    let folder = Folder::new();
    folder.write("job.toml", JOB).write("in.csv", ROWS);
    let late = "run job.toml --log-format json --log-level debug -p 2 -D sources.requests.event_time.delay=0s";
    let said = lines(&folder.flott(late).exits(0).stderr);
    let shape: Vec<_> = said.iter().map(|line| (line["level"].as_str().unwrap(), line["node"].as_str())).collect();
    assert_eq!(shape, [("debug", None), ("warn", Some("transforms.per_minute")), ("info", None)], "{said:#?}");
    assert_eq!(said[0]["parallelism"], 2);
    assert!(said[1]["notes"][0].as_str().unwrap().contains("delay = \"31s\""), "{}", said[1]);
    assert_eq!((&said[2]["rows_in"], &said[2]["late"]), (&serde_json::json!(4), &serde_json::json!(1)));
    assert!(said[2]["message"].as_str().unwrap().starts_with("4 rows in, "), "{}", said[2]);
    assert!(said.iter().all(|line| line["time"].as_str().is_some_and(|time| time.ends_with('Z'))), "{said:#?}");

    let wrong = "run job.toml --log-format json -D sources.requests.event_time.dealy=0s";
    let said = lines(&folder.flott(wrong).exits(2).stderr);
    assert_eq!(said[0]["level"], "error");
    assert_eq!(said[0]["override"], "sources.requests.event_time.dealy=0s");
    assert_eq!(said[0]["column"], 1);
    assert!(said[0]["help"].as_str().unwrap().contains("delay"), "{}", said[0]);
    folder.write("wrong.toml", &JOB.replace("count(*)", "cuont(*)"));
    let said = lines(&folder.flott("run wrong.toml --log-format json").exits(2).stderr);
    assert_eq!(said[0]["file"], "wrong.toml");
    assert!(said[0]["line"].as_u64() > Some(1), "{}", said[0]);
}

#[test]
fn a_log_file_has_what_quiet_hides() {
    let folder = Folder::new();
    folder.write("job.toml", JOB).write("in.csv", ROWS);
    let ran = folder.flott("run job.toml --quiet --log-file logs/job.log").exits(0);
    assert_eq!(ran.stderr, "");
    folder.write("in.csv", "at,status,ms\nx,1,2\n");
    folder
        .flott("run job.toml --quiet --log-level error --log-file logs/job.log")
        .exits(1)
        .says("error: sources.requests");
    let log = folder.read("logs/job.log");
    let (first, rest) = log.split_once('\n').unwrap();
    assert!(first.contains("Z flott: 4 rows in, 3 out, "), "{log}");
    assert!(rest.contains("Z error: sources.requests: in.csv:2: "), "{log}");
    folder.flott("run job.toml --log-file /dev/null/x").exits(2).says("cannot write the log file /dev/null/x: ");
}

/// What came from `${file:…}` is in no reason that is written and in nothing that is said.
#[test]
fn secrets_are_nowhere() {
    let folder = Folder::new();
    let long = "correct horse \"battery\" staple ".repeat(4);
    folder.write("pw", "hunter2secret").write("long", &long).write("in.csv", "n,s\n1,a\n2,b\n");
    let job = "
[sources.s]
type = 'file'
path = 'in.csv'
schema = { n = { type = 'timestamp', format = '%Y hunter ${file:pw}' }, s = 'string' }
on_error = 'dead-letter'
[sources.p]
type = 'file'
path = 'in.csv'
schema = { n = 'int', s = 'string' }
[transforms.t]
type = 'select'
input = 'p'
select = ['n', \"CAST(s || '${file:pw}' AS int) AS x\"]
on_error = 'dead-letter'
[transforms.r]
type = 'route'
input = 'p'
cases = { big = \"CAST(s || '${file:long}' AS int) > 5\" }
on_error = 'dead-letter'
[sinks.e]
type = 'file'
path = 'bad.jsonl'
input = ['t.errors', 'r.errors']
[sinks.f]
type = 'file'
path = 'bad_records.jsonl'
input = 's.errors'
[sinks.o]
type = 'blackhole'
input = 't'
[sinks.q]
type = 'blackhole'
input = ['r.big', 'r.default']
";
    folder.write("job.toml", job);
    let hidden = |what: &str, text: &str| {
        assert!(!text.contains("hunter2") && !text.contains("horse") && !text.contains("battery"), "{what}: {text}");
    };
    for format in ["text", "json", "dot", "mermaid"] {
        let ran = folder.flott(&format!("plan job.toml --format {format}")).exits(0);
        hidden(format, &ran.stdout);
    }
    let ran = folder.flott("check job.toml").exits(0);
    hidden("check", &format!("{}{}", ran.stdout, ran.stderr));
    let ran = folder.flott("run job.toml --report r.json").exits(0);
    hidden("run", &format!("{}{}", ran.stdout, ran.stderr));
    for file in ["bad.jsonl", "bad_records.jsonl", "r.json"] {
        let text = folder.read(file);
        assert!(file == "r.json" || text.contains("***"), "{file}: {text}");
        hidden(file, &text);
    }
    let failing = job.replace("on_error = 'dead-letter'", "").replace("['t.errors', 'r.errors']", "'t'");
    folder.write("job.toml", &failing.replace("'s.errors'", "'s'"));
    let ran = folder.flott("run job.toml --report r.json").exits(1).says("***");
    hidden("failed", &ran.stderr);
    hidden("report", &folder.read("r.json"));
}
