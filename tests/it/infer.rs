//! Schemas that are found in the data: by jobs without one, and by `flott infer`.

use std::io::Write;

use crate::program::{Folder, JOB, RESULT, ROWS};

/// `JOB` without its schema.
fn job() -> String {
    JOB.replace("schema = { at = \"timestamp\", status = \"int\", ms = \"int\" }\n", "")
}

/// Reads `path` and writes all of it.
fn copy(path: &str) -> String {
    format!("[sources.s]\ntype = 'file'\npath = '{path}'\n[sinks.o]\ntype = 'stdout'\ninput = 's'\nformat = 'json'\n")
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

#[test]
fn a_file_needs_no_schema() {
    let folder = Folder::new();
    folder.write("job.toml", &job()).write("in.csv", ROWS);
    for parallelism in [1, 3] {
        let ran = folder.flott(&format!("run job.toml --quiet -p {parallelism}")).exits(0);
        assert_eq!((folder.read("out.csv").as_str(), ran.stderr.as_str()), (RESULT, ""));
    }
    let checked = folder.flott("check job.toml").exits(0);
    let checked = checked.prints("  at      timestamp\n  status  int\n  ms      int\n");
    checked.prints("  inferred from the first 4 records of in.csv\n  event time at, delay 1m\n");
    folder.flott("plan job.toml").exits(0).prints("inferred from the first 4 records of in.csv");
    std::fs::write(folder.path("in.csv.gz"), gzip(ROWS)).unwrap();
    folder.flott("run job.toml --quiet -D sources.requests.path=in.csv.gz").exits(0);
    assert_eq!(folder.read("out.csv"), RESULT);
}

#[test]
fn the_first_file_with_records_is_looked_at() {
    let folder = Folder::new();
    folder.write("job.toml", &copy("in-*.csv")).write("in-1.csv", "").write("in-2.csv", "a,b\n");
    folder.write("in-3.csv", "a,b\n1,x\n").write("in-4.csv", "b,a\ny,2\n");
    let ran = folder.flott("run job.toml").exits(0).prints("{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n");
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
}

#[test]
fn other_files_need_only_the_columns_that_are_used() {
    let folder = Folder::new();
    let select = "[transforms.t]\ntype = 'select'\ninput = 's'\nselect = ['b']\n";
    folder.write("in-1.csv", "a,b\n1,x\n").write("in-2.csv", "b,c\ny,5\n");
    folder.write("job.toml", &(copy("in-*.csv").replace("input = 's'", "input = 't'") + select));
    folder.flott("run job.toml --quiet").exits(0).prints("{\"b\":\"x\"}\n{\"b\":\"y\"}\n");
    folder.write("job.toml", &copy("in-*.csv"));
    folder.flott("run job.toml").exits(1).says("in-2.csv: the header has no column 'a'");
}

#[test]
fn nested_json_has_its_types() {
    let folder = Folder::new();
    let row = "{\"user\":{\"name\":\"a\",\"age\":5},\"tags\":[\"x\",\"y\"],\"on\":\"2024-05-01\",\"ok\":true,\"odd\":[1,\"a\"]}\n";
    folder.write("job.toml", &copy("in.jsonl")).write("in.jsonl", row);
    let ran = folder.flott("check job.toml").exits(0);
    let ran = ran.prints("  user  struct<name string, age int>\n  tags  list<string>\n  on    date\n  ok    boolean\n");
    ran.prints("  odd   ");
    assert_eq!(folder.flott("run job.toml --quiet").exits(0).stdout.lines().count(), 1);
}

#[test]
fn a_later_record_that_does_not_fit_says_that_the_type_was_inferred() {
    let folder = Folder::new();
    let rows: String = (0..1000).map(|n| format!("{n},x\n")).collect();
    folder.write("job.toml", &copy("in.csv")).write("in.csv", &format!("n,t\n{rows}1.5,y\n"));
    for parallelism in [1, 3] {
        let ran = folder.flott(&format!("run job.toml -p {parallelism}")).exits(1);
        let ran = ran.says("in.csv:1002: column n: '1.5' is not an int");
        let ran = ran.says("that n is int was inferred from the first 1,000 records of in.csv");
        ran.says("write a schema in which n is \"double\" or \"string\": flott infer in.csv prints one");
    }
    let errors = "[sinks.bad]\ntype = 'file'\npath = 'bad.csv'\ninput = 's.errors'\n";
    folder.write("job.toml", &format!("{}{errors}", copy("in.csv")));
    folder.flott("run job.toml -D sources.s.on_error=dead-letter").exits(0);
    let bad = folder.read("bad.csv");
    assert!(bad.contains("'1.5' is not an int (int was inferred from the first 1,000 records of in.csv)"), "{bad}");
}

#[test]
fn who_cannot_be_looked_at_needs_a_schema() {
    let folder = Folder::new();
    let stdin = "[sources.s]\ntype = 'stdin'\nformat = 'json'\n[sinks.o]\ntype = 'blackhole'\ninput = 's'\n";
    folder.write("job.toml", stdin);
    let ran = folder.flott_with("run job.toml", b"{\"a\":1}\n").exits(2).says("source `s` needs a schema");
    ran.says("`flott infer FILE.jsonl` prints one").says("1 error in job.toml");
    folder.write("job.toml", &copy("in.csv"));
    for command in ["check", "run"] {
        let ran = folder.flott(&format!("{command} job.toml")).exits(2);
        ran.says("there is no file in.csv").says("or written down: schema = {").says("1 error in job.toml");
    }
    folder.write("in.csv", "");
    folder.flott("run job.toml").exits(2).says("in.csv: there are no records to find the columns in");
    // Nobody reads `t`, so it does not matter what is in its file.
    let unread = "[sources.t]\ntype = 'file'\npath = 'nope.csv'\n";
    folder.write("in.csv", "a\n1\n").write("job.toml", &format!("{}{unread}", copy("in.csv")));
    let ran = folder.flott("run job.toml").exits(0).prints("{\"a\":1}");
    assert!(!ran.stderr.contains("nope.csv"), "{}", ran.stderr);
}

#[test]
fn odd_headers_are_warned_of() {
    let folder = Folder::new();
    folder.write("job.toml", &copy("in.csv"));
    for (text, warning, help) in [
        ("a,b,a,\n1,2,3,4\n", "columns of the same name are left out: `a`", "header = false"),
        ("1,2.5\n3,4.5\n", "the first line looks like data", "header = false"),
        ("a;b\n1;2\n", "the fields seem to be parted by `;`", "delimiter = \";\""),
        ("a,b\n", "all columns are strings", "write a schema"),
    ] {
        folder.write("in.csv", text);
        let ran = folder.flott("check job.toml").exits(0).says("warning: in.csv: ");
        ran.says(warning).says(help);
    }
}

#[test]
fn a_run_that_goes_on_takes_the_types_that_were_found_first() {
    let folder = Folder::new();
    let rows: String = (0..3000).map(|n| format!("{n},x{n}\n")).collect();
    let text = "[checkpoint]\ninterval = '50ms'\ndurability = 'process'\n[sources.s]\ntype = 'file'\npath = 'in-*.csv'\n\
                rate = 1000\n[sinks.o]\ntype = 'file'\ninput = 's'\npath = 'out.csv'\nmode = 'append'\n";
    folder.write("job.toml", text).write("in-2.csv", &format!("n,t\n{rows}"));
    let child = folder.command("run job.toml").spawn().unwrap();
    let started = std::time::Instant::now();
    while folder.flott("checkpoint job").code != Some(0) {
        assert!(started.elapsed() < crate::program::PATIENCE, "the job does not start");
    }
    folder.flott("stop job").exits(0);
    crate::program::wait(child);
    let newest = std::fs::read_dir(folder.state().join("job")).unwrap().map(|entry| entry.unwrap().path());
    let newest = newest.filter(|path| path.join("manifest.json").is_file()).max().unwrap();
    let manifest = std::fs::read_to_string(newest.join("manifest.json")).unwrap();
    assert!(manifest.contains("\"inferred\""), "{manifest}");
    // Looked at now, this would be the first file, and `n` text and not there at all.
    folder.write("in-1.csv", "other,t\nx,y\n");
    folder.flott("state diff job job.toml").exits(0);
    folder.flott("resume job -D sources.s.rate=1000000").exits(0);
    assert_eq!(folder.read("out.csv"), format!("n,t\n{rows}"));
    assert!(folder.flott("check job.toml").exits(0).stdout.contains("other"));
}

/// What `flott infer` prints for a file, made a job that writes all rows as JSON.
fn inferred(folder: &Folder, arguments: &str) -> (String, String) {
    let printed = folder.flott(&format!("infer {arguments}")).exits(0);
    let name = printed.stdout.split("[sources.").nth(1).unwrap().split(']').next().unwrap().to_owned();
    let sink = format!("\n[sinks.o]\ntype = 'stdout'\ninput = '{name}'\nformat = 'json'\n");
    folder.write("made.toml", &format!("{}{sink}", printed.stdout));
    let ran = folder.flott("run made.toml --quiet").exits(0);
    (printed.stdout, ran.stdout)
}

#[test]
fn what_is_printed_is_a_source() {
    let folder = Folder::new();
    for (name, text, says, first) in [
        (
            "in.csv",
            "at,Response Time (ms),code\n2024-05-01T12:00:05Z,5,007\n2024-05-01T12:00:01Z,,012\n",
            "event_time = { column = \"at\", delay = \"4s\" }",
            "{\"at\":\"2024-05-01T12:00:05Z\",\"response_time_ms\":5,\"code\":\"007\"}",
        ),
        ("semi.csv", "a;b\n1;x,y\n", "format = { type = \"csv\", delimiter = \";\" }", "{\"a\":1,\"b\":\"x,y\"}"),
        ("bare.csv", "1,2.5\n3,4.5\n", "header = false", "{\"column1\":1,\"column2\":2.5}"),
        ("tab.txt", "a\tb\n1\tx\n", "format = { type = \"csv\", delimiter = \"\\t\" }", "{\"a\":1,\"b\":\"x\"}"),
        (
            "odd.csv",
            "\"a\"\"b\",größe,1st,a_b\n1,2,3,4\n",
            "from = \"a\\\"b\"",
            "{\"a_b_2\":1,\"gr_e\":2,\"_1st\":3,\"a_b\":4}",
        ),
        (
            "in.jsonl",
            "{\"a.b\":1,\"u\":{\"x\":\"y\"},\"A b\":2}\n",
            "\"a.b\" = \"int\"",
            "{\"a.b\":1,\"u\":{\"x\":\"y\"},\"a_b\":2}",
        ),
        (
            "in.log",
            "at=2024-05-01 level=info\nlevel=warn n=1\n",
            "n = \"int\"",
            "{\"at\":\"2024-05-01\",\"level\":\"info\",\"n\":null}",
        ),
        ("app.log", "one\ntwo\n", "format = \"lines\" needs no schema", "{\"line\":\"one\"}"),
    ] {
        folder.write(name, text);
        let (printed, rows) = inferred(&folder, name);
        assert!(printed.contains(says), "{name}:\n{printed}");
        assert_eq!(rows.lines().next(), Some(first), "{name}:\n{printed}");
    }
    std::fs::write(folder.path("in.csv.gz"), gzip(ROWS)).unwrap();
    assert!(inferred(&folder, "in.csv.gz").0.contains("# inferred from all 4 records of in.csv.gz"));
    assert!(inferred(&folder, "in.csv.gz --records 2").0.contains("# inferred from the first 2 records"));
}

#[test]
fn stdin_and_formats_are_inferred_too() {
    let folder = Folder::new();
    let ran = folder.flott_with("infer -", ROWS.as_bytes()).exits(0);
    ran.prints("[sources.input]\ntype = \"stdin\"\nformat = \"csv\"\n").prints("status = \"int\"");
    let ran = folder.flott_with("infer - --format csv", b"a\n1\n").exits(0);
    ran.prints("a = \"int\"  # 1");
    folder.flott_with("infer - --format cvs", b"").exits(2).says("did you mean `csv`?");
    folder.flott_with("infer -", b"\0\x01").exits(2).says("is no text");
    folder.flott("infer nope.csv").exits(2).says("there is no file nope.csv");
    let access = b"83.149.9.216 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 203023 \"-\" \"M\"\n";
    folder.flott_with("infer -", access).exits(0).prints("looks like an access log: format = \"access-log\"");
    folder.flott_with("infer -", b"Dec 10 06:55:46 LabSZ sshd[24200]: x\n").exits(0).prints("format = \"syslog\"");
}

#[test]
fn the_end_says_what_the_data_lacked() {
    let folder = Folder::new();
    folder
        .write("in.jsonl", "{\"city\":\"x\",\"user\":{\"name\":\"y\"}}\n")
        .write("empty.jsonl", "")
        .write("empty.csv", "a\n");
    let job = |schema: &str| copy("in.jsonl").replace("[sinks", &format!("schema = {{ {schema} }}\n[sinks"));
    folder.write("job.toml", &job("citty = 'string', n = { type = 'string', from = 'user.nam' }"));
    let ran = folder.flott("run job.toml").exits(0).says("warning: sources.s: no record had columns citty, n");
    ran.says("did you mean `city`?").says("did you mean from = \"user.name\" for n?");
    folder.write("job.toml", &job("zzz = 'string'"));
    folder.flott("run job.toml").exits(0).says("other fields that were seen: city, user");
    folder.write("job.toml", &job("city = 'string'"));
    let ran = folder.flott("run job.toml -D sources.s.path=empty.jsonl").exits(0);
    ran.says("warning: sources.s: empty.jsonl is empty");
    folder.write("job.toml", &job("a = 'int'"));
    let ran = folder.flott("run job.toml -D sources.s.path=empty.csv").exits(0);
    ran.says("warning: sources.s: empty.csv has a header and no records");
    folder.write("bad.csv", "a\nx\ny\n");
    let ran = folder.flott("run job.toml -D sources.s.path=bad.csv -D sources.s.on_error=skip").exits(0);
    ran.says("none of 2 records could be read").says("for example: column a: 'x' is not an int");
}

#[test]
fn windows_that_wait_for_a_silent_source_are_named() {
    let folder = Folder::new();
    let source = |name: &str, more: &str| {
        format!(
            "[sources.{name}]\n{more}\nformat = {{ type = 'csv', header = false }}\n\
             schema = {{ at = 'timestamp' }}\nevent_time = {{ column = 'at' }}\n"
        )
    };
    let job = format!(
        "[checkpoint]\ninterval = '1h'\n{}{}[transforms.w]\ntype = 'aggregate'\ninput = ['a', 'b']\n\
         window = {{ type = 'tumbling', size = '1s' }}\nselect = ['window_start', 'count(*) AS n']\n\
         [sinks.o]\ntype = 'blackhole'\ninput = 'w'\n",
        source("a", "type = 'tcp'\nlisten = ':0'"),
        source("b", "type = 'stdin'"),
    );
    folder.write("job.toml", &job);
    let mut child = folder.command("run job.toml").spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"2024-05-01T12:00:00Z\n2024-05-01T12:00:05Z\n").unwrap();
    let started = std::time::Instant::now();
    while !folder.flott("status job --format json").stdout.contains("\"rows\": 2") {
        assert!(started.elapsed() < crate::program::PATIENCE, "no rows came in");
    }
    folder.flott("stop job").exits(0);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("transforms.w: its watermark never moved"), "{said}");
    assert!(said.contains("sources.a gave no rows; idle = \"30s\""), "{said}");
}

#[test]
fn files_of_columns_say_themselves_what_they_hold() {
    let folder = Folder::new();
    for (name, groups) in [("pyarrow.arrow", "2 record batches"), ("duckdb.parquet", "1 row group")] {
        std::fs::copy(format!("testdata/columns/{name}"), folder.path(name)).unwrap();
        let shown = folder.flott(&format!("infer {name}")).exits(0);
        let shown = shown.prints(&format!("# {name} says what is in it: 40 rows in {groups}\n"));
        let shown = shown.prints("tiny = \"int\"   ").prints("  # -128, -127, -126, …; 5 of 40 are null\n");
        let shown = shown.prints("items = \"list<int>\"").prints("event_time = { column = \"micro\", delay");
        // What is shown is read, and as what the file would be read without it.
        let sink = "[sinks.o]\ntype = 'stdout'\ninput = 'IN'\nformat = 'json'\n"
            .replace("IN", name.split('.').next().unwrap());
        folder.write("job.toml", &(shown.stdout + &sink)).write("plain.toml", &copy(name));
        let rows = folder.flott("run job.toml --quiet").exits(0).stdout;
        assert_eq!(rows.lines().count(), 40);
        assert_eq!(rows, folder.flott("run plain.toml --quiet").exits(0).stdout);
        // Of a name that tells nothing it is told by its first bytes.
        std::fs::rename(folder.path(name), folder.path("odd")).unwrap();
        let shown = folder.flott("infer odd --records 1").exits(0).prints("format = \"");
        shown.prints("tiny = \"int\"").prints("# -128\n");
        let piped = std::fs::read(folder.path("odd")).unwrap();
        folder.flott_with("infer -", &piped).exits(2).says("write it to a file first");
    }
    folder.write("torn.parquet", "PAR1 and no more");
    folder.flott("infer torn.parquet").exits(2).says("torn.parquet: ");
}

#[test]
fn a_starter_job_over_a_file_runs_at_once() {
    let folder = Folder::new();
    let testdata = std::path::absolute("testdata").unwrap();
    std::os::unix::fs::symlink(testdata, folder.path("data")).unwrap();
    for (file, job, first) in [
        ("trades.csv", "trades.toml", "minute,symbol,n,mean_price,mean_qty\n"),
        ("columns/duckdb.parquet", "duckdb.toml", "day_2,flag,n,mean_tiny,mean_small\n"),
        ("words.txt", "words.toml", "n\n60\n"),
    ] {
        let made = folder.flott(&format!("new --from data/{file}")).exits(0).prints(&format!("{job}\n"));
        made.says(&format!("flott run {job}"));
        folder.flott(&format!("check {job}")).exits(0);
        let ran = folder.flott(&format!("run {job}")).exits(0);
        assert!(ran.stdout.starts_with(first), "{}", ran.stdout);
        assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    }
    // Names that are words of the language, or taken.
    folder.write("in.csv", "select,n,case\na,1,2.5\na,2,2.5\nb,3,1\nb,4,1\n");
    folder.flott("new jobs/odd.toml --from in.csv").exits(0);
    let ran = folder.flott("run jobs/odd.toml --quiet").exits(0);
    ran.prints("select,n_2,mean_n,mean_case\na,2,1.5,2.5\nb,2,3.5,1.0\n");
    folder.flott("new --from in.csv --template csv").exits(2);
    folder.flott("new trades.toml --from in.csv").exits(2).says("trades.toml exists already");
    folder.flott("new --from none.csv").exits(2).says("none.csv");
    folder.flott_with("new piped.toml --from -", b"{\"kind\":\"a\"}\n{\"kind\":\"a\"}\n").exits(0);
    folder.flott_with("run piped.toml --quiet", b"{\"kind\":\"a\"}\n").exits(0).prints("n\n1\n");
}

#[test]
fn what_cannot_be_read_at_all_is_named_by_its_looks() {
    let folder = Folder::new();
    let job = "[sources.s]\ntype = 'file'\npath = 'in.txt'\nformat = 'FORMAT'\nschema = { a = 'int' }\non_error = 'skip'\n\
        [sinks.o]\ntype = 'blackhole'\ninput = 's'\n";
    for (format, data, says) in [
        ("json", "a,b\n1,2\n3,4\n", "it looks like CSV: format = \"csv\" may read it"),
        ("json", "level=info n=1\nlevel=warn n=2\n", "it looks like logfmt: format = \"logfmt\" may read it"),
        ("logfmt", "{\"a\":1}\n{\"a\":2}\n", "it looks like JSON, an object a line: format = \"json\" may read it"),
    ] {
        folder.write("job.toml", &job.replace("FORMAT", format)).write("in.txt", data);
        folder.flott("run job.toml").exits(0).says("records could be read").says(says);
    }
    // Some of it could be read: the format is right.
    folder.write("job.toml", &job.replace("FORMAT", "json")).write("in.txt", "{\"a\":1}\na,b\n1,2\n");
    let ran = folder.flott("run job.toml").exits(0).says("2 of 3 records could not be read");
    assert!(!ran.stderr.contains("looks like"), "{}", ran.stderr);
}
