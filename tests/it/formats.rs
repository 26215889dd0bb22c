//! Formats with the program: logs from files, pipes and sockets, at any parallelism, through kills.

use std::io::Write;

use crate::journal::{client, free_port, has_read};
use crate::program::{Folder, finish};

const SYSLOG: &str = r#"
[checkpoint]
interval = "50ms"
durability = "process"
[sources.s]
type = "file"
path = "in.log"
format = { type = "syslog", year = 2010, zone = "Asia/Seoul" }
event_time = { column = "time" }
[transforms.months]
type = "aggregate"
input = "s"
by = ["app"]
window = { type = "tumbling", size = "30d" }
select = ["window_start", "app", "count(*) AS n", "sum(pid) AS pids"]
[sinks.out]
type = "file"
input = "months"
path = "out.csv"
"#;

/// A line a few hours after the other, for many years, without a year.
fn lines() -> String {
    let line = |hour: i64| {
        let at = jiff::civil::date(2010, 3, 1).at(0, 0, 0, 0) + jiff::SignedDuration::from_hours(hour * 7);
        let stamp = jiff::fmt::strtime::format("%b %e %H:%M:%S", at).unwrap();
        format!(
            "<34>{stamp} host app{}[{}]: it has happened again, and this is said with many words\n",
            hour % 3,
            hour % 1000
        )
    };
    (0..30_000).map(line).collect()
}

/// The same from lines that have their years.
fn dated() -> String {
    let line = |hour: i64| {
        let at = jiff::civil::date(2010, 3, 1).at(0, 0, 0, 0) + jiff::SignedDuration::from_hours(hour * 7);
        let utc = at.to_zoned(jiff::tz::TimeZone::get("Asia/Seoul").unwrap()).unwrap().timestamp();
        format!("<34>1 {utc} host app{} {} - - it has happened again\n", hour % 3, hour % 1000)
    };
    (0..30_000).map(line).collect()
}

#[test]
fn years_are_followed_at_any_parallelism_and_through_kills() {
    let folder = Folder::new();
    folder.write("job.toml", SYSLOG).write("in.log", &dated());
    folder.flott("run job.toml -p 1").exits(0);
    let expect = folder.read("out.csv");
    assert!(expect.contains("\n2030-") && expect.lines().count() > 700, "{expect}");
    folder.write("in.log", &lines());
    let same = |how: &str| {
        folder.flott(&format!("run job.toml {how}")).exits(0);
        assert!(folder.read("out.csv") == expect, "{how}: not as expected");
    };
    for parallelism in [1, 2, 4] {
        same(&format!("-p {parallelism}"));
    }
    same("-p 2 -D sources.s.read=mmap");
    same("-p 2 -D sources.s.rate=1000000");
    for how in ["-p 2 -D sources.s.rate=30000", "-p 1 -D sources.s.rate=40000 -D sources.s.order=time"] {
        let mut child = folder.command(&format!("run job.toml {how}")).spawn().unwrap();
        has_read(&folder, &mut child, 9000, 2);
        child.kill().unwrap();
        child.wait().unwrap();
        same(&format!("--resume -p 3 {}", &how[5..]));
    }
}

#[test]
fn years_of_a_pipe_go_on_behind_its_journal() {
    let folder = Folder::new();
    let job = SYSLOG.replace("type = \"file\"\npath = \"in.log\"", "type = \"stdin\"");
    let job = job.replace("window = { type = \"tumbling\", size = \"30d\" }\n", "emit = \"update\"\n");
    let job = job
        .replace("\"window_start\", \"app\", \"count(*) AS n\"", "\"app\", \"count(*) AS n\", \"max(time) AS last\"");
    folder.write("job.toml", &job.replace("path = \"out.csv\"", "path = \"out.csv\"\nmode = \"append\""));
    let mut child = folder.command("run job.toml -p 2").spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"Nov  1 00:00:00 h a[1]: x\nJan  1 00:00:00 h a[1]: x\n").unwrap();
    has_read(&folder, &mut child, 2, 1);
    stdin.write_all(b"Dec 31 12:00:00 h a[1]: x\nJan  2 00:00:00 h a[1]: x\n").unwrap();
    has_read(&folder, &mut child, 4, 0);
    child.kill().unwrap();
    child.wait().unwrap();
    // A new pipe begins with the year of the job.
    finish(folder.command("run job.toml --resume -p 1"), b"Feb  1 00:00:00 h b[1]: x\n").exits(0);
    let out = folder.read("out.csv");
    let expect = "app,n,last,pids\na,1,2010-10-31T15:00:00Z,1\na,2,2010-12-31T15:00:00Z,2\n\
        a,3,2010-12-31T15:00:00Z,3\na,4,2011-01-01T15:00:00Z,4\nb,1,2010-01-31T15:00:00Z,1\n";
    assert_eq!(out, expect);
}

#[test]
fn logs_come_by_file_pipe_and_socket() {
    let log = "1.2.3.4 - - [17/May/2015:10:05:03 +0200] \"GET /a HTTP/1.1\" 200 5 \"-\" \"curl \\\"x\\\"\"\n\
        1.2.3.4 - - [17/May/2015:10:05:04 +0200] \"-\" 408 -\nnone\n";
    let out = "at,path,status,agent\n2015-05-17T08:05:03Z,/a,200,\"curl \"\"x\"\"\"\n2015-05-17T08:05:04Z,,408,\n";
    let job = |source: &str| {
        format!(
            "[sources.s]\n{source}\nformat = 'access-log'\non_error = 'skip'\nevent_time = {{ column = 'time' }}\n\
             [transforms.t]\ntype = 'select'\ninput = 's'\nselect = ['time AS at', 'path', 'status', 'agent']\n\
             [sinks.o]\ntype = 'stdout'\ninput = 't'\nformat = 'csv'\n"
        )
    };
    let folder = Folder::new();
    folder.write("in.log", log).write("job.toml", &job("type = 'file'\npath = 'in.log'"));
    assert_eq!(folder.flott("run job.toml").exits(0).says("1 bad").stdout, out);
    folder.write("job.toml", &job("type = 'stdin'"));
    assert_eq!(folder.flott_with("run job.toml", log.as_bytes()).exits(0).stdout, out);
    let port = free_port();
    folder.write("job.toml", &job(&format!("type = 'tcp'\nlisten = ':{port}'\nonce = true")));
    let child = folder.command("run job.toml").spawn().unwrap();
    client(port).write_all(log.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), out);
}

#[test]
fn patterns_and_pairs_become_columns_and_times_are_written_as_asked() {
    let folder = Folder::new();
    let job = |source: &str, sink: &str| {
        format!("[sources.s]\ntype = 'stdin'\n{source}\n[sinks.o]\ntype = 'stdout'\ninput = 's'\nformat = {sink}\n")
    };
    let run = |source: &str, sink: &str, text: &str| {
        folder.write("job.toml", &job(source, sink));
        folder.flott_with("run job.toml", text.as_bytes()).exits(0).stdout
    };
    let pattern = "format = { type = 'regex', pattern = '^(?<at>\\S+) (?<user>\\w+) (?<ms>\\d+)?' }";
    let schema = "schema = { at = 'timestamp', who = { type = 'string', from = 'user' }, ms = 'int' }";
    let text = "2015-05-17T10:05:00Z ada 12\n2015-05-17T10:05:00.5Z bob \n";
    let rows = run(&format!("{pattern}\n{schema}"), "{ type = 'logfmt', timestamp = 'ms' }", text);
    assert_eq!(rows, "at=1431857100000 who=ada ms=12\nat=1431857100500 who=bob\n");
    let logfmt = "format = 'logfmt'\nschema = { at = { type = 'timestamp', unit = 'ms' }, who = 'string', ms = 'int' }";
    let local = run(logfmt, "{ type = 'csv', zone = 'Asia/Seoul' }", &rows);
    assert_eq!(local, "at,who,ms\n2015-05-17T19:05:00+09:00,ada,12\n2015-05-17T19:05:00.500+09:00,bob,\n");
    let dated = run(logfmt, "{ type = 'json', timestamp = '%F \"%H\"' }", &rows);
    assert!(dated.starts_with("{\"at\":\"2015-05-17 \\\"10\\\"\",\"who\":\"ada\",\"ms\":12}\n"), "{dated}");
    let tabs = run(pattern, "{ type = 'tsv', quote = \"'\" }", "a b 1\n");
    assert_eq!(tabs, "at\tuser\tms\na\tb\t1\n");
    folder.write("job.toml", &job(pattern, "'csv'"));
    folder.flott_with("run job.toml", b"none\n").exits(1).says("stdin:1: the line does not match the pattern");
}

#[test]
fn mistakes_about_formats_are_found_first() {
    let check = |source: &str, sink: &str, words: &[&str]| {
        let folder = Folder::new();
        folder.write(
            "job.toml",
            &format!(
                "[sources.s]\ntype = 'stdin'\n{source}\n[sinks.o]\ntype = 'stdout'\ninput = 's'\nformat = {sink}\n"
            ),
        );
        let ran = folder.flott("check job.toml").exits(2);
        for word in words {
            assert!(
                ran.stdout.contains(word) || ran.stderr.contains(word),
                "{word} is not in {}{}",
                ran.stdout,
                ran.stderr
            );
        }
    };
    check(
        "format = 'access-log'\nschema = { code = { type = 'int', from = 'stauts' } }",
        "'csv'",
        &["no field `stauts`", "did you mean `status`?"],
    );
    check(
        "format = 'syslog'\nschema = { time = { type = 'timestamp', unit = 's' } }",
        "'csv'",
        &["time of syslog", "zone"],
    );
    check(
        "format = { type = 'regex', pattern = '(?<a>.)' }\nschema = { b = 'string' }",
        "'csv'",
        &["no field `b`", "it has a"],
    );
    check("format = 'logfmt'", "'csv'", &["needs a schema"]);
    check("format = 'lines'\nschema = { 'a b' = 'string' }", "'logfmt'", &["`a b` cannot be a key of logfmt"]);
    check("format = 'lines'", "'regex'", &["only read, not written"]);
}

/// Moments inside of lists and structs are read as the schema says and written as the format says.
#[test]
fn moments_inside_of_lists_and_structs() {
    let folder = Folder::new();
    let job = "
[sources.s]
type = 'file'
path = 'in.EXT'
schema = { id = 'int', l = { type = 'list<timestamp>', unit = 'ms' }, s = { type = 'struct<at timestamp, n list<struct<t timestamp>>>', format = '%d/%b/%Y:%H:%M:%S', zone = 'Asia/Seoul' } }
on_error = 'dead-letter'
[sinks.o]
type = 'stdout'
input = 's'
format = FORMAT
[sinks.bad]
type = 'file'
input = 's.errors'
path = 'bad.jsonl'
";
    let lines = [
        r#"{"id":1,"l":[1431857100123,null],"s":{"at":"17/May/2015:19:05:00","n":[{"t":"17/May/2015:19:05:01"},{}]}}"#,
        r#"{"id":2,"l":["2015-05-17T10:05:00Z"],"s":null}"#,
        r#"{"id":3,"l":[],"s":{"at":"2015-05-17T10:05:00Z"}}"#,
        r#"{"id":4,"l":null,"s":{"n":[]}}"#,
    ];
    folder.write("in.jsonl", &(lines.join("\n") + "\n"));
    let csv = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| match &value[name] {
            serde_json::Value::Null => String::new(),
            value => format!("\"{}\"", value.to_string().replace('"', "\"\"")),
        };
        format!("{},{},{}\n", value["id"], text("l"), text("s"))
    };
    folder.write("in.csv", &format!("id,l,s\n{}", lines.map(csv).concat()));
    for ending in ["jsonl", "csv"] {
        for (format, first) in [
            (
                "'json'",
                r#"{"id":1,"l":["2015-05-17T10:05:00.123Z",null],"s":{"at":"2015-05-17T10:05:00Z","n":[{"t":"2015-05-17T10:05:01Z"},{"t":null}]}}"#,
            ),
            (
                "{ type = 'json', timestamp = 'ms' }",
                r#"{"id":1,"l":[1431857100123,null],"s":{"at":1431857100000,"n":[{"t":1431857101000},{"t":null}]}}"#,
            ),
            (
                "{ type = 'json', timestamp = 'ns' }",
                r#"{"id":1,"l":[1431857100123000000,null],"s":{"at":1431857100000000000,"n":[{"t":1431857101000000000},{"t":null}]}}"#,
            ),
            (
                "{ type = 'json', timestamp = '%H:%M', zone = 'Asia/Seoul' }",
                r#"{"id":1,"l":["19:05",null],"s":{"at":"19:05","n":[{"t":"19:05"},{"t":null}]}}"#,
            ),
            (
                "{ type = 'csv', header = false, zone = 'Europe/Berlin' }",
                r#"1,"[""2015-05-17T12:05:00.123+02:00"",null]","{""at"":""2015-05-17T12:05:00+02:00"",""n"":[{""t"":""2015-05-17T12:05:01+02:00""},{""t"":null}]}""#,
            ),
            (
                "{ type = 'csv', header = false, timestamp = 's' }",
                r#"1,"[1431857100,null]","{""at"":1431857100,""n"":[{""t"":1431857101},{""t"":null}]}""#,
            ),
        ] {
            folder.write("job.toml", &job.replace("EXT", ending).replace("FORMAT", format));
            let ran = folder.flott("run job.toml --quiet").exits(0);
            let lines: Vec<&str> = ran.stdout.lines().collect();
            assert_eq!((lines[0], lines.len()), (first, 2), "{ending} {format}: {}", ran.stdout);
            let bad = folder.read("bad.jsonl");
            assert!(bad.contains("is not a timestamp in ms"), "{bad}");
            assert!(bad.contains("is not a timestamp of the form"), "{bad}");
        }
    }
    let plain = "[sources.s]\ntype = 'file'\npath = 'in.jsonl'\nschema = { l = { type = 'list<int>', unit = 'ms' } }\n\
        [sinks.o]\ntype = 'blackhole'\ninput = 's'\n";
    folder.write("job.toml", plain);
    folder.flott("check job.toml").exits(2).says("`unit` is for timestamps, this column is of type list<int>");
}

/// The year goes from file to file of a log that was rotated, also where those before are gone by now.
#[test]
fn years_of_rotated_logs() {
    let folder = Folder::new();
    let job = "
[sources.s]
type = 'file'
path = 'log/*'
format = { type = 'syslog', year = 2014 }
ORDER
[sinks.o]
type = 'file'
input = 't'
path = 'o.csv'
mode = 'append'
[transforms.t]
type = 'select'
input = 's'
select = ['time', 'message']
[checkpoint]
interval = '50ms'
durability = 'process'
";
    std::fs::create_dir(folder.path("log")).unwrap();
    let line = |day: &str, n: usize| format!("{day} 10:00:00 host app: line {n}\n");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all((line("Nov  3", 1) + &line("Dec 20", 2)).as_bytes()).unwrap();
    std::fs::write(folder.path("log/messages.3.gz"), packed.finish().unwrap()).unwrap();
    folder.write("log/messages.2", &(line("Dec 28", 3) + &line("Jan  2", 4)));
    folder.write("log/messages.1", &(line("Feb  1", 5) + &line("Aug  1", 6)));
    folder.write("log/messages", &(line("Jan  9", 7) + &line("Jan 10", 8)));
    // Another log stands for itself.
    folder.write("log/other", &line("Jan  1", 9));
    let days = [
        "2014-11-03",
        "2014-12-20",
        "2014-12-28",
        "2015-01-02",
        "2015-02-01",
        "2015-08-01",
        "2016-01-09",
        "2016-01-10",
        "2014-01-01",
    ];
    let expect: Vec<String> =
        days.iter().enumerate().map(|(n, day)| format!("{day}T10:00:00Z,line {}", n + 1)).collect();
    let rows = || {
        let mut rows: Vec<String> = folder.read("o.csv").lines().skip(1).map(str::to_owned).collect();
        let order: Vec<String> = rows.clone();
        rows.sort_by_key(|row| row.rsplit(' ').next().unwrap().parse::<usize>().unwrap());
        (rows, order)
    };
    for (order, parallelism) in [("order = 'name'", 1), ("event_time = { column = 'time' }", 2)] {
        folder.write("job.toml", &job.replace("ORDER", order));
        folder.flott(&format!("run job.toml -p {parallelism}")).exits(0);
        let (found, read) = rows();
        assert_eq!(found, expect, "{order}");
        if order.starts_with("event") {
            let mut sorted = expect.clone();
            sorted.sort();
            assert_eq!(read, sorted);
        }
        std::fs::remove_file(folder.path("o.csv")).unwrap();
    }
    // Stopped on the way, what has been read is removed.
    let slow = job.replace("ORDER", "event_time = { column = 'time' }\nrate = 4");
    folder.write("job.toml", &slow);
    let child = folder.command("run job.toml").spawn().unwrap();
    let started = std::time::Instant::now();
    while std::fs::read_to_string(folder.path("o.csv")).unwrap_or_default().lines().count() < 5 {
        assert!(started.elapsed() < crate::program::PATIENCE);
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    crate::program::send(&child, "-TERM");
    crate::program::wait(child);
    for name in ["other", "messages.3.gz"] {
        std::fs::remove_file(folder.path(&format!("log/{name}"))).unwrap();
    }
    folder.flott("run job.toml --resume -D sources.s.rate=1000").exits(0);
    assert_eq!(rows().0, expect);
}
