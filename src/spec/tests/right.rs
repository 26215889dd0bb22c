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

/// The only source of a job, from its options.
fn source(options: &str) -> SourceSpec {
    let job = job(&format!("[sources.s]\n{options}\n[sinks.o]\ntype = 'stdout'\ninput = 's'\n"));
    match job.nodes.into_iter().next().map(|n| n.kind) {
        Some(NodeKind::Source(source)) => *source,
        other => panic!("{other:?}"),
    }
}

/// The only transform or sink of a job, from its options.
fn node(options: &str) -> NodeSpec {
    let room = if options.contains("#sink") { "sinks.n" } else { "transforms.n" };
    let job = job(&format!(
        "[sources.s]\ntype = 'stdin'\n[{room}]\n{options}\ninput = ['s', 'b.late']\n[sinks.o]\ntype = 'stdout'\ninput = 's'\n"
    ));
    let node = job.nodes.into_iter().nth(1).unwrap();
    assert_eq!(values(&node.inputs), ["s", "b.late"]);
    node
}

fn values(texts: &[Text]) -> Vec<&str> {
    texts.iter().map(|t| t.value.as_str()).collect()
}

#[test]
fn file_sources() {
    let s = source(
        "type = 'file'\npath = ['a.csv', 'b/*.gz']\norder = 'name'\nread = 'stream'\nformat = 'tsv'\non_error = 'skip'\n\
         max_record = '1KiB'\ncompression = 'gzip'\nrate = 2.5\nevent_time = { column = 'at', delay = '1m', idle = '30s' }",
    );
    let SourceConnector::File { paths, order, read, follow: None, .. } = s.connector else { panic!() };
    assert_eq!(values(&paths), ["a.csv", "b/*.gz"]);
    assert_eq!((order.unwrap().value, read.unwrap().value), (FileOrder::Name, ReadMode::Stream));
    assert_eq!(s.format.unwrap().kind.value, "tsv");
    assert_eq!((s.on_error.value, s.max_record.unwrap().value), (OnError::Skip, 1024));
    assert_eq!((s.compression.unwrap().value, s.rate.unwrap().value), (Compression::Gzip, 2.5));
    let time = s.event_time.unwrap();
    assert_eq!((time.column.value.as_str(), time.delay, time.idle), ("at", 60_000_000, Some(30_000_000)));

    let s = source(
        "type = 'file'\npath = 'a'\nexclude = ['*.tmp', 'b/*']\nfollow = true\nstart = 'end'\nmetadata = ['line', 'received']\n\
         event_time = { column = 'at' }",
    );
    let SourceConnector::File { exclude, follow, .. } = &s.connector else { panic!() };
    assert_eq!((values(exclude), *follow), (vec!["*.tmp", "b/*"], Some(StartAt::End)));
    assert_eq!(s.metadata.iter().map(|m| m.value).collect::<Vec<_>>(), [Metadata::Line, Metadata::Received]);
    assert_eq!(s.event_time.unwrap().idle, Some(10_000_000));

    let s =
        source("type = 'file'\npath = 'a'\nmax_record = 99\nrate = 5\nevent_time = { column = 'at', idle = 'off' }");
    assert_eq!((s.on_error.value, s.max_record.unwrap().value, s.rate.unwrap().value), (OnError::Fail, 99, 5.0));
    let time = s.event_time.unwrap();
    assert_eq!((time.delay, time.idle), (0, None));
    assert!(s.schema.is_none() && s.format.is_none() && s.compression.is_none());
}

#[test]
fn tcp_sources() {
    let s = source("type = 'tcp'\nlisten = ':9000'\nframing = 'lines'\nmax_connections = 5\nonce = true");
    let SourceConnector::Tcp { address, listen, max_connections, once, framed: false } = s.connector else { panic!() };
    assert_eq!((address.value.as_str(), listen, once), (":9000", true, true));
    assert_eq!(max_connections.unwrap().value, 5);
    let s = source("type = 'tcp'\nconnect = '[::1]:99'\non_error = 'dead-letter'");
    let SourceConnector::Tcp { address, listen, max_connections, once, framed: false } = s.connector else { panic!() };
    assert_eq!((address.value.as_str(), listen, once, max_connections), ("[::1]:99", false, false, None));
    assert_eq!(s.on_error.value, OnError::DeadLetter);
}

#[test]
fn generate_sources() {
    let s = source(
        "type = 'generate'\nkind = 'nexmark'\nrows = 7\nseed = 3\nstart = '2023-11-14T22:13:20Z'\nonly = 'bid'\n\
         events_per_second = 10000\nrate = 4",
    );
    let SourceConnector::Generate { kind, rows, seed, start, events_per_second, only } = s.connector else { panic!() };
    assert_eq!((kind.value, rows.unwrap().value, seed), (GenerateKind::Nexmark, 7, 3));
    assert_eq!(start.unwrap().value, 1_700_000_000_000_000);
    assert_eq!((events_per_second.unwrap().value, only.unwrap().value.as_str()), (10_000.0, "bid"));
    let s = source("type = 'generate'\nkind = 'sequence'\nstart = 2023-11-15T07:13:20+09:00");
    let SourceConnector::Generate { start, rows, seed, .. } = s.connector else { panic!() };
    assert_eq!((start.unwrap().value, rows, seed), (1_700_000_000_000_000, None, 0));
}

#[test]
fn schemas() {
    use crate::format::TimestampSource as T;
    let s = source(
        "type = 'stdin'\n[sources.s.schema]\nz = 'BIGINT'\na = { type = 'timestamp', unit = 'ms' }\n\
         b = { type = 'timestamp', format = '%d/%b/%Y:%H:%M:%S %z', zone = 'UTC' }\n\
         c = { type = 'decimal(12,2)', from = 'items[0].price' }\nd.type = 'bool'\n'e f' = 'text'",
    );
    let columns = s.schema.unwrap();
    let shown: Vec<String> = columns.iter().map(|f| format!("{} {}", f.name.value, f.ty.value)).collect();
    assert_eq!(shown, ["z int", "a timestamp", "b timestamp", "c decimal(12,2)", "d boolean", "e f string"]);
    assert_eq!(columns[1].timestamp, T::Unit(1000));
    let pattern = "%d/%b/%Y:%H:%M:%S %z".to_string();
    assert_eq!(columns[2].timestamp, T::Pattern { pattern, zone: Some("UTC".into()) });
    assert_eq!(columns[3].from.as_ref().unwrap().value, "items[0].price");
    assert_eq!(columns[0].timestamp, T::Text);
    for pattern in ["%Y%m%d%H%M%S", "%s", "%Y-%m-%dT%H:%M:%S%.f%:z", "%A, %d %B %Y %I:%M %p", "%F %T"] {
        let schema = format!("type = 'stdin'\nschema = {{ a = {{ type = 'timestamp', format = '{pattern}' }} }}");
        assert!(matches!(&source(&schema).schema.unwrap()[0].timestamp, T::Pattern { zone: None, .. }));
    }
    assert!(s.schema_span.is_some());
}

#[test]
fn a_schema_with_a_name_is_that_of_its_readers() {
    let text = "[schemas.requests]\nat = 'timestamp'\nms = { type = 'int', from = 'took (ms)' }\n\
                [sources.a]\ntype = 'stdin'\nformat = 'csv'\nschema = 'requests'\n\
                [sources.b]\ntype = 'file'\npath = 'b.csv'\nschema = 'requests'\n\
                [sinks.o]\ntype = 'stdout'\ninput = ['a', 'b']\n";
    let job = job_with(text, &["schemas.requests.ms.type=double"]);
    for node in &job.nodes[..2] {
        let NodeKind::Source(source) = &node.kind else { panic!() };
        let columns = source.schema.as_ref().unwrap();
        let shown: Vec<String> = columns.iter().map(|f| format!("{} {}", f.name.value, f.ty.value)).collect();
        assert_eq!(shown, ["at timestamp", "ms double"]);
        assert_eq!(columns[1].from.as_ref().unwrap().value, "took (ms)");
    }
}

#[test]
fn formats() {
    let format =
        source("type = 'stdin'\nformat = { type = 'csv', delimiter = \"\\t\", header = false, null = ['NA', ''] }");
    let format = format.format.unwrap();
    assert_eq!((format.kind.value.as_str(), format.delimiter.unwrap().value), ("csv", b'\t'));
    assert_eq!((format.header.unwrap().value, format.null), (false, vec!["NA".to_string(), String::new()]));
    assert_eq!(source("type = 'stdin'\nformat = { type = 'csv', null = '-' }").format.unwrap().null, ["-"]);
    let format =
        source("type = 'stdin'\nformat = { type = 'csv', quote = '', escape = '\\', comment = '#', trim = true }");
    let format = format.format.unwrap();
    assert!(matches!(format.quote, Some(None)) && format.trim.unwrap().value);
    assert_eq!((format.escape.unwrap().value, format.comment.unwrap().value), (b'\\', b'#'));
    let syslog =
        |options: &str| source(&format!("type = 'stdin'\nformat = {{ type = 'syslog'{options} }}")).format.unwrap();
    assert_eq!(syslog(", year = 2015, zone = 'Asia/Seoul'").year, Some(crate::format::Year::Of(2015)));
    assert_eq!(syslog(", year = 'now'").year, Some(crate::format::Year::Now));
    assert_eq!(syslog(", zone = 'Asia/Seoul'").zone.as_deref(), Some("Asia/Seoul"));
    let regex = source("type = 'stdin'\nformat = { type = 'regex', pattern = '^(?<a>.)' }").format.unwrap();
    assert_eq!(regex.pattern.unwrap().value, "^(?<a>.)");
    use crate::format::TimestampStyle as S;
    let style = |options: &str| {
        let n = node(&format!("#sink\ntype = 'stdout'\nformat = {{ type = 'logfmt', {options} }}"));
        let NodeKind::Sink(sink) = n.kind else { panic!() };
        sink.format.unwrap().timestamp.unwrap().value
    };
    let (pattern, zone) = (Some("%F %H".to_string()), Some("Asia/Seoul".to_string()));
    assert_eq!(style("timestamp = '%F %H'"), S::Local { pattern: pattern.clone(), zone: None });
    assert_eq!(style("timestamp = '%F %H', zone = 'Asia/Seoul'"), S::Local { pattern, zone: zone.clone() });
    assert_eq!(style("zone = 'Asia/Seoul'"), S::Local { pattern: None, zone });
    for (word, style) in [("s", S::Seconds), ("ms", S::Millis), ("us", S::Micros), ("ns", S::Nanos)] {
        let n = node(&format!("#sink\ntype = 'stdout'\nformat = {{ type = 'json', timestamp = '{word}' }}"));
        let NodeKind::Sink(sink) = n.kind else { panic!() };
        assert_eq!(sink.format.unwrap().timestamp.unwrap().value, style);
    }
}

#[test]
fn filter_select_limit_and_top() {
    let NodeKind::Filter { where_ } = node("type = 'filter'\nwhere = 'a > 1'").kind else { panic!() };
    assert_eq!(where_.value, "a > 1");
    let NodeKind::Select { select, add, where_ } = node("type = 'select'\nselect = ['a', 'b']\nwhere = 'c'").kind
    else {
        panic!()
    };
    assert_eq!((values(&select), add, where_.unwrap().value.as_str()), (vec!["a", "b"], false, "c"));
    let NodeKind::Select { select, add, where_ } = node("type = 'select'\nadd = 'a AS b'").kind else { panic!() };
    assert_eq!((values(&select), add, where_), (vec!["a AS b"], true, None));
    let NodeKind::Limit { n, .. } = node("type = 'limit'\nn = 5").kind else { panic!() };
    assert_eq!(n.value, 5);
    let top = "type = 'top'\nby = ['a']\norder = ['n DESC']\nn = 3\nties = true\nrank = 'place'\n\
        window = { type = 'sliding', size = '10s', slide = '15s', offset = '-1s' }";
    let NodeKind::Top(top) = node(top).kind else { panic!() };
    assert_eq!((values(&top.by), values(&top.order), top.n.value), (vec!["a"], vec!["n DESC"], 3));
    assert_eq!((top.ties, top.rank.unwrap().value.as_str()), (true, "place"));
    let sliding = WindowSpec::Sliding { size: 10_000_000, slide: 15_000_000, offset: -1_000_000 };
    assert_eq!(top.window.unwrap().value, sliding);
}

#[test]
fn aggregates() {
    let n = "type = 'aggregate'\nby = 'a'\nselect = 'count(*) AS n'\nhaving = 'n > 1'\norder = 'n DESC'\nlateness = '1m'\n\
        emit = { every = '2s' }";
    let NodeKind::Aggregate(n) = node(n).kind else { panic!() };
    assert_eq!((values(&n.by), values(&n.select)), (vec!["a"], vec!["count(*) AS n"]));
    assert_eq!((n.having.unwrap().value.as_str(), n.lateness.unwrap().value), ("n > 1", 60_000_000));
    assert_eq!(n.emit.unwrap().value, EmitSpec::Every(2_000_000));
    assert!(matches!(n.order, OrderSpec::By(items) if values(&items) == ["n DESC"]));
    let NodeKind::Aggregate(n) = node("type = 'aggregate'\nselect = 'a'\norder = 'any'\nemit = 'update'").kind else {
        panic!()
    };
    assert!(matches!(n.order, OrderSpec::Any(_)));
    assert_eq!((n.emit.unwrap().value, n.by.len()), (EmitSpec::Update, 0));
    let NodeKind::Aggregate(n) = node("type = 'aggregate'\nselect = 'a'").kind else { panic!() };
    assert!(matches!(n.order, OrderSpec::Default) && n.emit.is_none() && n.window.is_none());
}

#[test]
fn sinks() {
    for (options, expect) in [
        ("type = 'file'\npath = 'x'", FileMode::Replace),
        ("type = 'file'\npath = 'x'\nmode = 'replace'", FileMode::Replace),
        ("type = 'file'\npath = 'x'\nmode = 'append'\ncompression = 'none'", FileMode::Append),
        ("type = 'file'\npath = 'x'\nmode = 'new'\ncompression = 'gzip'", FileMode::New),
    ] {
        let NodeKind::Sink(sink) = node(&format!("#sink\n{options}")).kind else { panic!() };
        let SinkConnector::File { path, mode, compression } = sink.connector else { panic!() };
        assert_eq!((path.value.as_str(), mode.value), ("x", expect));
        assert_eq!(compression.is_some(), options.contains("compression"));
    }
    let options = "type = 'directory'\npath = 'x'\nformat = 'csv'";
    let NodeKind::Sink(sink) = node(&format!("#sink\n{options}")).kind else { panic!() };
    let SinkConnector::Directory(spec) = sink.connector else { panic!() };
    assert_eq!((spec.path.value.as_str(), spec.mode.value, spec.prefix.as_str()), ("x", FileMode::New, "part"));
    assert_eq!((spec.roll, spec.partition_by.len(), spec.success_file), (RollSpec::default(), 0, false));
    let more = "mode = 'append'\nroll = { size = '1KiB', idle = '2s' }\npartition_by = ['a', 'b']\nprefix = 'p'";
    let NodeKind::Sink(sink) = node(&format!("#sink\n{options}\n{more}\nsuccess_file = true")).kind else { panic!() };
    let SinkConnector::Directory(spec) = sink.connector else { panic!() };
    assert_eq!(spec.roll, RollSpec { size: 1024, time: 60_000_000, idle: 2_000_000 });
    assert_eq!((spec.mode.value, spec.prefix.as_str(), spec.success_file), (FileMode::Append, "p", true));
    assert_eq!(spec.partition_by.iter().map(|c| c.value.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let NodeKind::Sink(sink) = node("#sink\ntype = 'stdout'\nformat = 'table'").kind else { panic!() };
    assert!(matches!(sink.connector, SinkConnector::Stdout));
    assert_eq!(sink.format.unwrap().kind.value, "table");
    let NodeKind::Sink(sink) = node("#sink\ntype = 'tcp'\nconnect = 'a:1'\nframing = 'lines'").kind else { panic!() };
    assert!(
        matches!(sink.connector, SinkConnector::Tcp { address, listen: false, framed: false } if address.value == "a:1")
    );
    let text = "#sink\ntype = 'sqlite'\npath = 'a.db'\ntable = 't'\nkey = ['a', 'b']\nmode = 'new'";
    let NodeKind::Sink(sink) = node(text).kind else { panic!() };
    let SinkConnector::Sqlite { path, table, key, mode } = sink.connector else { panic!() };
    assert_eq!((path.value.as_str(), table.value.as_str(), key.len(), mode), ("a.db", "t", 2, FileMode::New));
    let NodeKind::Sink(sink) = node("#sink\ntype = 'sqlite'\npath = 'a.db'\ntable = 't'").kind else { panic!() };
    assert!(matches!(sink.connector, SinkConnector::Sqlite { key, mode: FileMode::Append, .. } if key.is_empty()));
    let NodeKind::Sink(sink) = node("#sink\ntype = 'blackhole'\nformat = 'csv'").kind else { panic!() };
    assert!(matches!(sink.connector, SinkConnector::Blackhole));
}

#[test]
fn a_job_without_a_job_table_is_named_for_its_file() {
    let job = job("[sources.s]\ntype = 'stdin'\n[sinks.o]\ntype = 'stdout'\ninput = 's'\n");
    assert_eq!((job.name.as_str(), job.max_parallelism.value), ("test", 128));
    assert!(job.parallelism.is_none());
}

#[test]
fn variables() {
    for (written, value) in [
        ("a${COLOR}b", "aredb"),
        ("${NOPE:-x}", "x"),
        ("${NOPE:-a${COLOR}}}", "ared}"),
        ("${COLOR:-x}", "red"),
        ("${COLOR:?set it}", "red"),
        ("z${NOPE:-}y", "zy"),
        ("${JOB_DIR}/x", "jobs/x"),
        ("$${COLOR}", "${COLOR}"),
        ("$$$$", "$$"),
        ("a$ $b '$'", "a$ $b '$'"),
    ] {
        let job = job(&format!(
            "[sources.s]\ntype = 'file'\npath = \"{written}\"\n[sinks.o]\ntype = 'stdout'\ninput = 's'\n"
        ));
        let NodeKind::Source(source) = &job.nodes[0].kind else { panic!() };
        let SourceConnector::File { paths, .. } = &source.connector else { panic!() };
        assert_eq!(paths[0].value, value, "{written}");
        assert_eq!(job.text.written(&paths[0].locate(0..paths[0].value.len())), written);
    }
    let s = source(
        "type = 'tcp'\nlisten = ':1'\nmax_connections = '${NOPE:-4}'\nonce = '${NOPE:-true}'\nrate = '${NOPE:-2.5}'",
    );
    assert_eq!(s.rate.unwrap().value, 2.5);
    let SourceConnector::Tcp { max_connections, once, .. } = s.connector else { panic!() };
    assert_eq!((max_connections.unwrap().value, once), (4, true));
}

#[test]
fn places_within_text_with_variables() {
    let job = job("[sources.s]\ntype = 'stdin'\n[transforms.t]\ntype = 'filter'\ninput = 's'\n\
         where = \"c = '${COLOR}' AND \\\"d e\\\" > 1\"\n[sinks.o]\ntype = 'stdout'\ninput = 't'\n");
    let NodeKind::Filter { where_ } = &job.nodes[1].kind else { panic!() };
    assert_eq!(where_.value, "c = 'red' AND \"d e\" > 1");
    for (piece, written) in [
        ("red", "${COLOR}"),
        ("ed", "${COLOR}"),
        ("'red'", "'${COLOR}'"),
        ("\"d e\"", "\\\"d e\\\""),
        ("d e", "d e"),
        ("> 1", "> 1"),
    ] {
        let at = where_.value.find(piece).unwrap();
        assert_eq!(job.text.written(&where_.locate(at..at + piece.len())), written, "{piece}");
    }
}

#[test]
fn overrides_win_and_create_what_is_missing() {
    let text = "[sources.s]\ntype = 'stdin'\nformat = '${UNSET}'\n[sinks.o]\ntype = 'file'\npath = 'a'\ninput = 's'\n";
    let job = job_with(
        text,
        &[
            "job.parallelism=3",
            "job.parallelism = 4",
            "job.name=2024",
            "sources.s.format=csv",
            "sources.s.format.header=false",
            "sources.s.event_time.column=at",
            "sources.s.event_time.delay=5s",
            "sinks.o.path=/tmp/x=${COLOR}",
            "sinks.p={ type = 'stdout', input = ['s'] }",
        ],
    );
    assert_eq!((job.name.as_str(), job.parallelism.unwrap().value), ("2024", 4));
    let names: Vec<&str> = job.nodes.iter().map(|n| n.name.value.as_str()).collect();
    assert_eq!(names, ["s", "o", "p"]);
    let NodeKind::Source(s) = &job.nodes[0].kind else { panic!() };
    let format = s.format.as_ref().unwrap();
    assert_eq!((format.kind.value.as_str(), format.header.as_ref().unwrap().value), ("csv", false));
    assert_eq!(s.event_time.as_ref().unwrap().delay, 5_000_000);
    let NodeKind::Sink(SinkSpec { connector: SinkConnector::File { path, .. }, .. }) = &job.nodes[1].kind else {
        panic!()
    };
    assert_eq!(path.value, "/tmp/x=red");
    assert_eq!(job.text.written(&path.locate(7..10)), "${COLOR}");
    assert!(matches!(path.span, Span::Override { index: 7, .. }));
}

#[test]
fn load_reads_files_and_says_why_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("first.toml");
    std::fs::write(&path, CARD_FRAUD).unwrap();
    let loaded = load(&path, &["job.parallelism=1".into()]);
    assert!(loaded.diagnostics.is_empty());
    assert_eq!(loaded.job.unwrap().parallelism.unwrap().value, 1);
    std::fs::write(&path, b"[job]\nname = '\xff'\n").unwrap();
    let loaded = load(&path, &[]);
    assert!(loaded.job.is_none());
    assert!(loaded.diagnostics.render(&loaded.text, false).contains("line 2 is not UTF-8"));
    let loaded = load(&dir.path().join("none.toml"), &[]);
    assert!(loaded.diagnostics.render(&loaded.text, false).contains("cannot read the job file: No such file"));
}

#[test]
fn override_values_that_are_not_toml_are_text() {
    let text = "[sources.s]\ntype = 'stdin'\n[transforms.t]\ntype = 'filter'\ninput = 's'\nwhere = 'x'\n\
        [sinks.o]\ntype = 'stdout'\ninput = 't'\n";
    for (typed, value) in [
        ("a > 5", "a > 5"),
        ("'a' = b", "'a' = b"),
        ("\"x y\" > 1", "\"x y\" > 1"),
        ("1 + 1 = b", "1 + 1 = b"),
        ("true AND c", "true AND c"),
        ("[1] = c", "[1] = c"),
        ("true", "true"),
        ("5", "5"),
        ("inf", "inf"),
        ("2020-01-01", "2020-01-01"),
        (" 'quoted' ", "quoted"),
        ("'a' -- # 'b'", "'a' -- # 'b'"),
        ("a\nb", "a\nb"),
        ("'a'\nb = 1", "'a'\nb = 1"),
    ] {
        let job = job_with(text, &[&format!("transforms.t.where={typed}")]);
        let NodeKind::Filter { where_ } = &job.nodes[1].kind else { panic!() };
        assert_eq!(where_.value, value);
        assert_eq!(job.text.written(&where_.locate(0..value.len())), value);
    }
}

const PASS: &str = "[sources.s]\ntype = 'stdin'\n[sinks.o]\ntype = 'file'\ninput = 's'\npath = 'a.csv'\n";

#[test]
fn checkpoints_by_default_and_as_written() {
    let plain = job(PASS);
    assert_eq!(plain.checkpoint, CheckpointSpec::default());
    assert!(plain.restart.is_none() && !plain.checkpoint.written);
    let options = "[checkpoint]\ninterval = '1m'\nretain = 1\ntimeout = '2m'\nmin_pause = '5s'\ntolerate = 2\n\
                   durability = 'process'\n";
    let written = job(&format!("{PASS}{options}")).checkpoint;
    let expect = CheckpointSpec {
        written: true,
        interval: Some(60_000_000),
        retain: 1,
        timeout: 120_000_000,
        min_pause: 5_000_000,
        tolerate: 2,
        durability: Durability::Process,
    };
    assert_eq!(written, expect);
    let over = |with: &str| job_with(&format!("{PASS}{options}"), &[with]).checkpoint.interval;
    assert_eq!((over("checkpoint.interval=1s"), over("checkpoint.interval=off")), (Some(1_000_000), None));
    let alone = job_with(PASS, &["checkpoint.interval=1s"]).checkpoint;
    assert!(alone.written && alone.interval == Some(1_000_000) && alone.retain == 3);
}

#[test]
fn restart_strategies() {
    let second = 1_000_000;
    let exponential = |initial, max, attempts| RestartSpec::Exponential { initial, max, attempts };
    for (written, expect) in [
        ("'none'", RestartSpec::None),
        ("{ strategy = 'none' }", RestartSpec::None),
        ("'exponential'", RestartSpec::default()),
        ("{ strategy = 'exponential', initial = '2m' }", exponential(120 * second, 120 * second, 10)),
        ("{ strategy = 'exponential', max = '9s', attempts = 2 }", exponential(second, 9 * second, 2)),
        ("{ strategy = 'fixed', attempts = 3 }", RestartSpec::Fixed { attempts: 3, delay: second }),
        ("{ strategy = 'fixed', attempts = 3, delay = '0s' }", RestartSpec::Fixed { attempts: 3, delay: 0 }),
        (
            "{ strategy = 'failure-rate', max = 3, per = '5m', delay = '2s' }",
            RestartSpec::FailureRate { max: 3, per: 300 * second, delay: 2 * second },
        ),
    ] {
        assert_eq!(job(&format!("{PASS}[job]\nrestart = {written}\n")).restart, Some(expect), "{written}");
    }
    let short = format!("{PASS}[job]\nrestart = 'exponential'\n");
    assert_eq!(job_with(&short, &["job.restart.attempts=4"]).restart, Some(exponential(second, 60 * second, 4)));
    assert_eq!(job_with(&short, &["job.restart=none"]).restart, Some(RestartSpec::None));
}
