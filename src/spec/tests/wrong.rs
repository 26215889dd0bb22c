//! Wrong jobs: one line each, with the place and the words of the fault.

use std::path::Path;

use super::super::*;

const SOURCE: &str = "[sources.s]\ntype = \"stdin\"\n";
const SINK: &str = "[sinks.o]\ntype = \"stdout\"\ninput = \"s\"\n";

fn env(name: &str) -> Option<String> {
    match name {
        "EMPTY" => Some(String::new()),
        "WORD" => Some("four".into()),
        "FOUR" => Some("4".into()),
        _ => None,
    }
}

/// What is found in a text: for each fault the line and column, and all its words.
fn faults(text: &str, overrides: &[&str]) -> Vec<String> {
    let overrides: Vec<String> = overrides.iter().map(|o| o.to_string()).collect();
    let (_, found) = parse(Path::new("job.toml"), text, &overrides, &env);
    let text = JobText::new(Path::new("job.toml"), text, &overrides);
    let shown = |d: &Diagnostic| {
        let (line, column) = d.span.as_ref().map_or((0, 0), |span| text.line_column(span));
        let under = d.span.as_ref().map_or("", |span| text.written(span));
        format!("{line}:{column} «{under}» {} | {} | {}", d.message, d.label, d.help.as_deref().unwrap_or(""))
    };
    found.iter().map(shown).collect()
}

/// Exactly one fault, which holds all of `words`.
#[track_caller]
fn check(text: &str, overrides: &[&str], words: &[&str]) {
    let found = faults(text, overrides);
    assert_eq!(found.len(), 1, "in\n{text}\n{found:#?}");
    for word in words {
        assert!(found[0].contains(word), "no {word:?} in {}\nof\n{text}", found[0]);
    }
}

/// A job that is right but for the options of its source, which start in line 4.
fn in_source(options: &str) -> String {
    format!("{SINK}[sources.s]\n{options}\n")
}

fn in_transform(options: &str) -> String {
    format!("{SOURCE}{SINK}[transforms.t]\n{options}\n")
}

fn in_sink(options: &str) -> String {
    format!("{SOURCE}[sinks.o]\n{options}\n")
}

#[test]
fn sources() {
    for (options, words) in [
        ("path = 'a.csv'", &["4:10 «s»", "`type` is missing", "add type = \"file\""][..]),
        ("type = 5", &["5:8 «5»", "expected a string such as \"file\", found integer 5"]),
        ("type = 'fiel'", &["5:9 «fiel»", "unknown source type `fiel`", "did you mean `file`?"]),
        ("type = 'kafka'", &["unknown source type `kafka`", "there are `file`, `stdin`, `tcp`, `generate`"]),
        ("type = 'socket'", &["did you mean `tcp`"]),
        ("type = 'replay'", &["source type `replay` is not there yet"]),
        ("type = 'file'", &["4:10 «s»", "`path` is missing in source `s`", "add path = \"input/*.csv\""]),
        ("type = 'file'\npath = ''", &["6:8", "`path` is empty"]),
        ("type = 'file'\npath = []", &["`path` is empty"]),
        ("type = 'file'\npath = ['a', 5]", &["6:14 «5»", "expected strings"]),
        ("type = 'file'\ninclude = '*.csv'\npath = 'a'", &["6:1 «include»", "unknown option", "did you mean `path`?"]),
        ("type = 'file'\npath = 'a'\ncolumns = ['a']", &["did you mean `schema`?"]),
        ("type = 'file'\npath = 'a'\nwatermark = '5s'", &["did you mean `event_time`?"]),
        ("type = 'file'\npath = 'a'\nfollow = 'yes'", &["7:10 «'yes'»", "expected true or false"]),
        ("type = 'file'\npath = 'a'\nstart = 'end'", &["7:9 «'end'»", "`start` needs `follow`"]),
        ("type = 'file'\npath = 'a'\nfollow = true\nstart = 'begin'", &["did you mean `beginning`?"]),
        ("type = 'file'\npath = 'a'\nfollow = true\nread = 'mmap'", &["8:8", "cannot be mapped"]),
        ("type = 'file'\npath = ['a', 'b.zst']\nfollow = true", &["6:15 «b.zst»", "cannot be followed"]),
        ("type = 'file'\npath = 'a'\nfollow = true\ncompression = 'zstd'", &["8:15", "cannot be followed"]),
        ("type = 'file'\npath = 'a'\nmetadata = ['file', 'received']", &["7:21", "a file has no metadata `received`"]),
        ("type = 'file'\npath = 'a'\nmetadata = ['lines']", &["7:14 «lines»", "did you mean `line`?"]),
        ("type = 'file'\npath = 'a'\nmetadata = ['line', 'line']", &["7:21", "asked for twice"]),
        ("type = 'file'\npath = 'a'\nexclude = ['b', '[']", &["7:18 «[»", "not a glob"]),
        ("type = 'file'\npath = 'a'\norder = 'date'", &["unknown order of files `date`", "`time`, `name`"]),
        ("type = 'file'\npath = 'a'\nread = 'map'", &["did you mean `mmap`?"]),
        ("type = 'stdin'\nmetadata = true", &["found boolean true"]),
        ("type = 'stdin'\nmetadata = 'peer'", &["stdin has no metadata `peer`", "there are `line`, `offset`"]),
        ("type = 'tcp'\nlisten = ':1'\nmetadata = ['file']", &["a connection has no metadata `file`"]),
        ("type = 'stdin'\nrate = 0", &["6:8 «0»", "`rate` is out of range", "greater than zero"]),
        ("type = 'stdin'\nrate = nan", &["`rate` is out of range"]),
        ("type = 'stdin'\nrate = 'fast'", &["expected a number such as 1000, found a string"]),
        ("type = 'stdin'\nmax_record = '16 MB/s'", &["not a size", "one number and one unit"]),
        ("type = 'stdin'\nmax_record = '16mib'", &["6:17 «mib»", "did you mean `MiB`?"]),
        ("type = 'stdin'\nmax_record = 0", &["greater than zero"]),
        ("type = 'stdin'\nmax_record = -5", &["greater than zero"]),
        ("type = 'stdin'\nmax_record = true", &["expected a size such as \"16MiB\", found boolean true"]),
        ("type = 'stdin'\ncompression = 'zst'", &["did you mean `zstd`?"]),
        ("type = 'stdin'\ncompression = 'gz'", &["did you mean `gzip`?"]),
        ("type = 'stdin'\non_error = 'dead_letter'", &["did you mean `dead-letter`?"]),
        ("type = 'stdin'\non_error = 'ignore'", &["did you mean `skip`?"]),
        ("type = 'tcp'", &["`listen` or `connect` is missing"]),
        ("type = 'tcp'\nlisten = ':1'\nconnect = 'a:1'", &["7:11", "exclude each other"]),
        ("type = 'tcp'\nlisten = '9000'", &["6:11 «9000»", "expected HOST:PORT"]),
        ("type = 'tcp'\nconnect = 'a:0'", &["not an address"]),
        ("type = 'tcp'\nlisten = 'tcp://a:99'", &["not an address"]),
        ("type = 'tcp'\nlisten = ':1'\nframing = 'frames'", &["unknown framing `frames`", "`lines`, `length`"]),
        ("type = 'tcp'\nlisten = ':1'\nmax_connections = 0", &["`max_connections` is out of range", "between 1 and"]),
        ("type = 'tcp'\nconnect = 'a:1'\nmax_connections = 3", &["`max_connections` needs `listen`"]),
        ("type = 'tcp'\nlisten = ':1'\nonce = 'yes'", &["7:8 «'yes'»", "expected true or false, found a string"]),
        ("type = 'generate'", &["`kind` is missing", "add kind = \"sequence\""]),
        ("type = 'generate'\nkind = 'random'\nnulls = 1", &["«1»", "`nulls` is out of range", "less than one"]),
        ("type = 'generate'\nkind = 'nexmark'\nnulls = 0.1", &["`nulls` is for random rows"]),
        ("type = 'generate'\nkind = 'sequence'\nschema = { a = 'int' }", &["`schema` is for random rows"]),
        ("type = 'generate'\nkind = 'random'\nschema = { a = 'int' }\nonly = 'bid'", &["`only` is for nexmark"]),
        ("type = 'generate'\nkind = 'sequence'\nrows = -1", &["`rows` is out of range", "at least 0"]),
        (
            "type = 'generate'\nkind = 'sequence'\nrows = 1.5",
            &["expected a whole number such as 1000, found number 1.5"],
        ),
        ("type = 'generate'\nkind = 'sequence'\nstart = 'noon'", &["not a timestamp", "RFC 3339"]),
        ("type = 'generate'\nkind = 'sequence'\nstart = 2020-01-01", &["not a timestamp"]),
        ("type = 'generate'\nkind = 'sequence'\nonly = 'bid'", &["`only` is for nexmark"]),
        ("type = 'generate'\nkind = 'nexmark'\nonly = 'bids'", &["did you mean `bid`?"]),
        ("type = 'generate'\nkind = 'nexmark'\nformat = 'csv'", &["unknown option `format`"]),
        ("type = 'generate'\nkind = 'nexmark'\nseed = 99999999999999999999", &["7:8", "does not fit 64 bits"]),
    ] {
        check(&in_source(options), &[], words);
    }
}

#[test]
fn schemas_formats_and_event_time() {
    for (options, words) in [
        ("schema = 'orders'", &["6:11 «orders»", "there is no schema `orders`", "define it: [schemas.orders]"][..]),
        ("schema = {}", &["the schema has no columns"]),
        ("schema = 5", &["expected a table such as", "found integer 5"]),
        ("schema = { a = 'strng' }", &["6:17 «strng»", "unknown type `strng`", "did you mean `string`?"]),
        ("schema = { a = 'list' }", &["a list needs the type of its items", "list<string>"]),
        ("schema = { a = 5 }", &["expected a type such as \"string\""]),
        ("schema = { a = { from = 'b' } }", &["6:12 «a»", "`type` is missing in column `a`"]),
        ("schema = { a = { type = 'int', unit = 'ms' } }", &["`unit` is for timestamps, this column is of type int"]),
        (
            "schema = { a = { type = 'timestamp', unit = 'm' } }",
            &["unknown timestamp unit `m`", "`s`, `ms`, `us`, `ns`"],
        ),
        ("schema = { a = { type = 'timestamp', zone = 'UTC' } }", &["`zone` needs `format`"]),
        ("schema = { a = { type = 'timestamp', format = '%!-' } }", &["not a timestamp pattern"]),
        ("schema = { a = { type = 'timestamp', format = 'yyyy' } }", &["no `%` in it"]),
        ("schema = { a = { type = 'timestamp', format = '%s', unit = 's' } }", &["exclude each other"]),
        ("schema = { a = { type = 'timestamp', format = '%F', zone = 'Mars/Olympus' } }", &["time zone is not known"]),
        ("schema = { a = { type = 'int', path = 'b' } }", &["unknown option `path` in column `a`"]),
        ("format = 'ndjson'", &["unknown format `ndjson`", "did you mean `json`?"]),
        ("format = 'CSV'", &["did you mean `csv`?"]),
        ("format = 'table'", &["format `table` is only written, not read", "`csv`, `tsv`, `json`", "`regex`"]),
        ("format = 'apache'", &["unknown format `apache`", "did you mean `access-log`?"]),
        ("format = 'regex'", &["format `regex` needs a `pattern`"]),
        ("format = { type = 'regex' }", &["format `regex` needs a `pattern`"]),
        ("format = { type = 'regex', pattern = '(?<a>x' }", &["this pattern cannot be used", "unclosed group"]),
        ("format = { type = 'regex', pattern = '(x)' }", &["this pattern cannot be used", "no named group"]),
        ("format = { type = 'syslog', year = 'then' }", &["expected a year such as 2015, or \"now\""]),
        ("format = { type = 'syslog', year = 20155 }", &["`year` is out of range", "between 1 and 9999"]),
        ("format = { type = 'syslog', zone = 'Mars/Olympus' }", &["time zone is not known"]),
        ("format = { type = 'access-log', year = 2015 }", &["the format access-log has no `year`", "no options"]),
        ("format = { type = 'csv', quote = \"''\" }", &["the quote must be one ASCII character"]),
        ("format = { type = 'csv', quote = ',' }", &["the quote is the delimiter", "another character"]),
        ("format = { type = 'csv', escape = '\"' }", &["the escape is the quote", "a quote that stands twice"]),
        ("format = { type = 'csv', comment = '' }", &["the comment must be one ASCII character"]),
        ("format = { type = 'csv', trim = 1 }", &["expected true or false"]),
        ("format = 5", &["expected a format such as \"csv\""]),
        ("format = { delimiter = ';' }", &["`type` is missing in a format"]),
        ("format = { type = 'csv', delimiter = ';;' }", &["one ASCII character"]),
        ("format = { type = 'csv', delimiter = 'ü' }", &["one ASCII character"]),
        ("format = { type = 'csv', separator = ';' }", &["did you mean `delimiter`?"]),
        ("format = { type = 'json', header = true }", &["the format json has no `header`", "no options"]),
        ("format = { type = 'csv', timestamp = 'ms' }", &["`timestamp` is for writing", "schema"]),
        ("format = { type = 'csv', header = 1 }", &["expected true or false, found integer 1"]),
        ("event_time = 'at'", &["expected a table such as { column = \"at\", delay = \"5s\" }, found a string"]),
        ("event_time = {}", &["`column` is missing in event_time"]),
        ("event_time = { column = 'at', delay = 5 }", &["expected a duration such as \"5s\", found integer 5"]),
        ("event_time = { column = 'at', delay = '5' }", &["6:40 «5»", "a unit is missing", "write \"5s\""]),
        ("event_time = { column = 'at', delay = '1h 5min' }", &["6:44 «min»", "did you mean `m`?"]),
        ("event_time = { column = 'at', delay = '-5s' }", &["must not be negative"]),
        ("event_time = { column = 'at', idle = '0s' }", &["must be greater than zero"]),
        ("event_time = { column = 'at', lag = '0s' }", &["unknown option `lag` in event_time"]),
    ] {
        check(&in_source(&format!("type = 'stdin'\n{options}")), &[], words);
    }
}

#[test]
fn transforms() {
    for (options, words) in [
        ("input = 's'", &["6:13 «t»", "`type` is missing in transform `t`"][..]),
        ("type = 'join'\nleft = 'a'", &["transform type `join` is not there yet", "`filter`, `select`, `explode`"]),
        ("type = 'map'\ninput = 's'", &["did you mean `select`?"]),
        ("type = 'group_by'\ninput = 's'", &["did you mean `aggregate`?"]),
        ("type = 'filter'\nwhere = 'a'", &["6:13 «t»", "`input` is missing in transform `t`"]),
        ("type = 'filter'\ninput = 's'", &["`where` is missing", "add where = \"amount > 500\""]),
        ("type = 'filter'\ninput = []\nwhere = 'a'", &["8:9 «[]»", "`input` is empty"]),
        ("type = 'filter'\ninput = 's'\nwhere = 'a'\ncondition = 'a'", &["10:1 «condition»", "did you mean `where`?"]),
        (
            "type = 'filter'\ninput = 's'\nwhere = true",
            &["expected a string such as \"amount > 500\", found boolean true"],
        ),
        (
            "type = 'filter'\ninput = 's'\nwhere = 'a'\non_error = 'ignore'",
            &["unknown on_error `ignore`", "`fail`, `skip`, `dead-letter`"],
        ),
        ("type = 'filter'\ninput = 's'\nwhere = 'a'\nparallelism = 0", &["it must be between 1 and"]),
        ("type = 'select'\ninput = 's'", &["`select` or `add` is missing"]),
        ("type = 'select'\ninput = 's'\nselect = 'a'\nadd = 'b'", &["10:7", "exclude each other"]),
        ("type = 'select'\ninput = 's'\nselect = ['a', '']", &["9:16 «''»", "`select` is empty"]),
        ("type = 'select'\ninput = 's'\nselect = 'a'\ncolumns = 'a'", &["did you mean `select`?"]),
        ("type = 'aggregate'\ninput = 's'", &["`select` is missing"]),
        ("type = 'aggregate'\ninput = 's'\nselect = 'a'\ngroup_by = 'a'", &["did you mean `by`?"]),
        (
            "type = 'aggregate'\ninput = 's'\nselect = 'a'\nwindow = '1m'",
            &["expected a table such as { type = \"tumbling\""],
        ),
        ("type = 'aggregate'\ninput = 's'\nselect = 'a'\nwindow = { size = '1m' }", &["`type` is missing in a window"]),
        (
            "type = 'aggregate'\ninput = 's'\nselect = 'a'\nwindow = { type = 'hop', size = '1m' }",
            &["did you mean `sliding`?"],
        ),
        (
            "type = 'aggregate'\ninput = 's'\nselect = 'a'\nwindow = { type = 'tumble', size = '1m' }",
            &["did you mean `tumbling`?"],
        ),
        (
            "type = 'aggregate'\ninput = 's'\nselect = 'a'\nwindow = { type = 'session', gap = '1m' }",
            &["`session` is not there yet"],
        ),
        (
            "type = 'aggregate'\ninput = 's'\nselect = 'a'\nwindow = { type = 'tumbling' }",
            &["`size` is missing in a tumbling window"],
        ),
        (
            "type = 'aggregate'\ninput = 's'\nselect = 'a'\nwindow = { type = 'tumbling', size = '0s' }",
            &["`size` is out of range"],
        ),
        (
            "type = 'aggregate'\ninput = 's'\nselect = 'a'\nwindow = { type = 'tumbling', size = '1mo' }",
            &["«mo»", "calendar windows, which are not there yet"],
        ),
        (
            "type = 'aggregate'\ninput = 's'\nselect = 'a'\nwindow = { type = 'tumbling', size = '1m', slide = '1s' }",
            &["unknown option `slide`"],
        ),
        (
            "type = 'aggregate'\ninput = 's'\nselect = 'a'\nwindow = { type = 'tumbling', size = '1d', zone = 'UTC' }",
            &["`zone` in a tumbling window is not there yet"],
        ),
        (
            "type = 'aggregate'\ninput = 's'\nselect = 'a'\nwindow = { type = 'sliding', size = '1m' }",
            &["`slide` is missing"],
        ),
        (
            "type = 'aggregate'\ninput = 's'\nselect = 'a'\nwindow = { type = 'tumbling', size = '1m', offset = '-60s' }",
            &["smaller than the window"],
        ),
        (
            "type = 'aggregate'\ninput = 's'\nselect = 'a'\nemit = 'updates'",
            &["unknown emission `updates`", "every = \"1s\""],
        ),
        ("type = 'aggregate'\ninput = 's'\nselect = 'a'\nemit = { each = '1s' }", &["unknown option `each` in emit"]),
        ("type = 'aggregate'\ninput = 's'\nselect = 'a'\nemit = { every = '0s' }", &["greater than zero"]),
        ("type = 'aggregate'\ninput = 's'\nselect = 'a'\nemit = 5", &["expected \"update\" or a table"]),
        ("type = 'aggregate'\ninput = 's'\nselect = 'a'\nlateness = '-1s'", &["must not be negative"]),
        ("type = 'aggregate'\ninput = 's'\nselect = 'a'\norder = []", &["`order` is empty"]),
        ("type = 'top'\ninput = 's'\nn = 3", &["`order` is missing"]),
        ("type = 'top'\ninput = 's'\norder = 'a'", &["`n` is missing", "add n = 3"]),
        ("type = 'top'\ninput = 's'\norder = 'a'\nn = 0", &["it must be at least 1"]),
        ("type = 'top'\ninput = 's'\norder = 'a'\nn = 1\nties = 1", &["expected true or false"]),
        ("type = 'limit'\ninput = 's'", &["`n` is missing"]),
        ("type = 'limit'\ninput = 's'\nn = '5'", &["expected a whole number such as 10, found a string"]),
        ("type = 'limit'\ninput = 's'\nn = 5\nby = []", &["`by` is empty"]),
        ("type = 'route'\ninput = 's'", &["`cases` is missing", "cases = { big = \"amount > 500\" }"]),
        ("type = 'route'\ninput = 's'\ncases = {}", &["`cases` is empty"]),
        ("type = 'route'\ninput = 's'\ncases = { big = 5 }", &["expected a condition such as", "integer 5"]),
        ("type = 'route'\ninput = 's'\ncases = { default = 'a' }", &["«default»", "cannot be named `default`"]),
        ("type = 'route'\ninput = 's'\ncases = { 'a b' = 'a' }", &["`a b` cannot be the name of an output"]),
        ("type = 'sample'\ninput = 's'", &["`fraction` is missing"]),
        ("type = 'sample'\ninput = 's'\nfraction = 1.5", &["greater than 0 and at most 1"]),
        ("type = 'sample'\ninput = 's'\nfraction = 0.5\non_error = 'skip'", &["unknown option `on_error`"]),
        ("type = 'throttle'\ninput = 's'\nrate = 0", &["greater than zero"]),
        ("type = 'event_time'\ninput = 's'\ndelay = '5s'", &["`column` is missing"]),
        ("type = 'event_time'\ninput = 's'\ncolumn = 'a'\nidle = '0s'", &["it must be greater than zero"]),
        ("type = 'explode'\ninput = 's'\nlist = ''", &["`list` is empty"]),
        (
            "type = 'aggregate'\ninput = 's'\nselect = 'a'\nwindow = { type = 'count' }",
            &["`size` is missing", "add size = 100"],
        ),
        (
            "type = 'aggregate'\ninput = 's'\nselect = 'a'\nwindow = { type = 'count', size = '1m' }",
            &["expected a whole number such as 100"],
        ),
        (
            "type = 'aggregate'\ninput = 's'\nselect = 'a'\nwindow = { type = 'tumbling', size = '1m', time = 'wall' }",
            &["unknown time `wall`", "`event`, `processing`"],
        ),
    ] {
        // Errors about a missing second option are tested one at a time above.
        let found = faults(&in_transform(options), &[]);
        let first = found.first().unwrap_or_else(|| panic!("no fault in {options}"));
        for word in words {
            assert!(first.contains(word), "no {word:?} in {found:#?}\nof\n{options}");
        }
    }
}

#[test]
fn sinks_and_the_job() {
    for (options, words) in [
        ("type = 'stdout'", &["3:8 «o»", "`input` is missing in sink `o`", "add input ="][..]),
        ("type = 'print'\ninput = 's'", &["did you mean `stdout`?"]),
        ("type = 'exec'\ninput = 's'", &["sink type `exec` is not there yet", "`blackhole`"]),
        ("type = 'sqlite'\ninput = 's'\ntable = 't'", &["`path` is missing in sink `o`"]),
        ("type = 'sqlite'\ninput = 's'\npath = 'a.db'", &["`table` is missing in sink `o`", "table = \"alerts\""]),
        (
            "type = 'sqlite'\ninput = 's'\npath = 'a'\ntable = 't'\nprimary_key = 'a'",
            &["unknown option `primary_key`", "did you mean `key`?"],
        ),
        ("type = 'sqlite'\ninput = 's'\npath = 'a'\ntable = 't'\nkey = []", &["`key` is empty"]),
        (
            "type = 'sqlite'\ninput = 's'\npath = 'a'\ntable = 't'\nmode = 'upsert'",
            &["unknown mode `upsert`", "`replace`, `append`, `new`"],
        ),
        (
            "type = 'sqlite'\ninput = 's'\npath = 'a'\ntable = 't'\nformat = 'csv'",
            &["unknown option `format` in sink `o`"],
        ),
        ("type = 'stdout'\ninputs = 's'\ninput = 's'", &["did you mean `input`?"]),
        ("type = 'stdout'\ninput = 's'\nop = 'yes'", &["«'yes'»", "true or false"]),
        ("type = 'stdout'\ninput = 's'\nformat = { type = 'csv', null = 'x' }", &["`null` is for reading"]),
        (
            "type = 'stdout'\ninput = 's'\nformat = { type = 'csv', timestamp = 'min' }",
            &["unknown timestamp style `min`"],
        ),
        ("type = 'stdout'\ninput = 's'\nformat = { type = 'csv', timestamp = '%F %' }", &["not a timestamp pattern"]),
        (
            "type = 'stdout'\ninput = 's'\nformat = { type = 'csv', timestamp = 's', zone = 'Asia/Seoul' }",
            &["a number since 1970 has no time zone"],
        ),
        ("type = 'stdout'\ninput = 's'\nformat = 'syslog'", &["format `syslog` is only read, not written", "`logfmt`"]),
        ("type = 'stdout'\ninput = 's'\nformat = { type = 'csv', trim = true }", &["`trim` is for reading"]),
        ("type = 'file'\ninput = 's'", &["`path` is missing in sink `o`"]),
        ("type = 'file'\ninput = 's'\npath = ['a']", &["expected a string such as"]),
        (
            "type = 'file'\ninput = 's'\npath = 'a'\nmode = 'overwrite'",
            &["unknown mode `overwrite`", "`replace`, `append`, `new`"],
        ),
        ("type = 'directory'\ninput = 's'", &["`path` is missing in sink `o`"]),
        ("type = 'directory'\ninput = 's'\npath = 'a'\nroll = '1m'", &["`roll`", "a table such as { size ="]),
        ("type = 'directory'\ninput = 's'\npath = 'a'\nroll = { age = '1m' }", &["unknown option `age` in roll"]),
        ("type = 'directory'\ninput = 's'\npath = 'a'\nroll = { time = '0s' }", &["`time` is out of range"]),
        ("type = 'directory'\ninput = 's'\npath = 'a'\nprefix = 'a/b'", &["cannot begin the name of a part file"]),
        ("type = 'tcp'\ninput = 's'", &["`connect` is missing"]),
        ("type = 'tcp'\ninput = 's'\nconnect = 'a:b'", &["not an address"]),
        ("type = 'tcp'\ninput = 's'\nconnect = 'a:1'\nlisten = ':1'", &["`listen` and `connect` exclude each other"]),
        ("type = 'tcp'\ninput = 's'", &["`listen` or `connect` is missing in sink `o`"]),
        ("type = 'blackhole'\ninput = 's'\ntopic = 'a'", &["unknown option `topic` in sink `o`"]),
        (
            "type = 'stdout'\ninput = 's'\n[source.x]\ntype = 'stdin'",
            &["6:2 «source»", "unknown table `source`", "did you mean `sources`?"],
        ),
        ("type = 'stdout'\ninput = 's'\n[schemas.x]\na = 'int'", &["6:10 «x»", "no source has the schema `x`"]),
        ("type = 'stdout'\ninput = 's'\n[schemas.x]", &["the schema has no columns"]),
        ("type = 'stdout'\ninput = 's'\n[schemas]\nx = 5", &["expected a table [schemas.x], found integer 5"]),
        (
            "type = 'stdout'\ninput = 's'\n[schemas.orders]\na = 'int'\n[sources.x]\ntype = 'stdin'\nschema = 'order'",
            &["there is no schema `order`", "did you mean `orders`? There is `orders`"],
        ),
        (
            "type = 'stdout'\ninput = 's'\n[[transforms.x]]\ntype = 'filter'",
            &["expected a table [transforms.x], found an array"],
        ),
        ("type = 'stdout'\ninput = 's'\n[job]\nparalelism = 2", &["did you mean `parallelism`?"]),
        ("type = 'stdout'\ninput = 's'\n[job]\nworkers = 2", &["did you mean `parallelism`?"]),
        ("type = 'stdout'\ninput = 's'\n[job]\nparallelism = 0", &["7:15 «0»", "between 1 and 32768"]),
        ("type = 'stdout'\ninput = 's'\n[job]\nmax_parallelism = 32769", &["between 1 and 32768"]),
        (
            "type = 'stdout'\ninput = 's'\n[job]\nparallelism = 9\nmax_parallelism = 8",
            &["`max_parallelism`, which is 8"],
        ),
        ("type = 'stdout'\ninput = 's'\n[job]\nmemory = '1MiB'", &["`memory` is too small", "64MiB"]),
        ("type = 'stdout'\ninput = 's'\n[job]\nname = 'a/b'", &["cannot be the name of a job"]),
        (
            "type = 'stdout'\ninput = 's'\n[sinks.'a b']\ntype = 'stdout'\ninput = 's'",
            &["6:8", "`a b` cannot be the name of a node"],
        ),
        (
            "type = 'stdout'\ninput = 's'\n[sinks.s]\ntype = 'stdout'\ninput = 's'",
            &["6:8", "the name `s` is taken", "[sources.s] in line 1"],
        ),
        ("type = 'stdout'\ninput = '${NOPE}'", &["5:10 «${NOPE}»", "the variable NOPE is not set", "${NOPE:-default}"]),
        ("type = 'stdout'\ninput = 'a${EMPTY:?set it}'", &["5:11 «${EMPTY:?set it}»", "EMPTY: set it"]),
        ("type = 'stdout'\ninput = '${NOPE'", &["5:10", "`${` without `}`"]),
        ("type = 'stdout'\ninput = '${}'", &["this is not a variable"]),
        ("type = 'stdout'\ninput = '${FOUR-4}'", &["unknown text behind the variable FOUR"]),
        ("type = 'stdout'\ninput = '${file:/nowhere/x}'", &["«${file:/nowhere/x}»", "cannot read /nowhere/x"]),
        (
            "type = 'stdout'\ninput = 's'\n[job]\nparallelism = '${WORD}'",
            &["expected a whole number such as 2, found a string"],
        ),
        ("type = 'stdout'\ninput = 's'\n[job]\nparallelism = '4'", &["expected a whole number"]),
    ] {
        let found = faults(&in_sink(options), &[]);
        let first = found.first().unwrap_or_else(|| panic!("no fault in {options}"));
        for word in words {
            assert!(first.contains(word), "no {word:?} in {found:#?}\nof\n{options}");
        }
    }
}

#[test]
fn whole_files() {
    check(SINK, &[], &["the job has no sources", "[sources.NAME]"]);
    check(SOURCE, &[], &["the job has no sinks"]);
    check(&format!("parallelism = 2\n{SOURCE}{SINK}"), &[], &["1:1", "outside of all tables", "below [job]"]);
    check(&format!("{SOURCE}{SINK}x = = 2\n"), &[], &["6:5", "this is not TOML"]);
    check(&format!("job = 1\n{SOURCE}{SINK}"), &[], &["expected a table [job]"]);
    check(&format!("{SOURCE}{SINK}type = 'stdout'\n"), &[], &["6:1", "a second time"]);
    assert_eq!(faults("", &[]).len(), 2);
    assert_eq!(faults("a = \nb = \n[c\n", &[]).len(), 3, "each line's syntax error is told");
}

#[test]
fn overrides() {
    let job = format!("{SOURCE}{SINK}");
    for (text, words) in [
        ("job.parallelism", &["an override has no `=`"][..]),
        ("=5", &["not a path of names"]),
        ("[a]=5", &["not a path of names"]),
        ("job.paralelism=4", &["«paralelism»", "did you mean `parallelism`?"]),
        ("job.parallelism=four", &["«four»", "expected a whole number"]),
        ("sources.z.rate=5", &["«z»", "no `sources.z` to override", "there is `s`"]),
        ("transforms.z.rate=5", &["there are none"]),
        ("sources.s.type.x=5", &["`type` is not a table here"]),
        ("sinks.o.format=logfmd", &["«logfmd»", "did you mean `logfmt`?"]),
        ("sources.s.rate=${NOPE}", &["NOPE is not set"]),
    ] {
        let found = faults(&job, &[text]);
        let first = found.first().unwrap_or_else(|| panic!("no fault in {text}"));
        for word in words {
            assert!(first.contains(word), "no {word:?} in {found:#?}\nof\n{text}");
        }
    }
}

#[test]
fn all_faults_are_told_in_one_run() {
    let text = "[job]\nparallelism = 0\n[sources.s]\ntype = 'file'\nfoo = 1\nrate = 'x'\n\
        [transforms.t]\ntype = 'filter'\n[transforms.u]\ntype = 'session'\n[sinks.o]\ntype = 'file'\ninput = 's'\n";
    let found = faults(text, &["sinks.o.mode=later"]);
    let lines: Vec<&str> = found.iter().map(|f| f.split(' ').next().unwrap_or("")).collect();
    assert_eq!(lines, ["2:15", "5:1", "3:10", "6:8", "7:13", "7:13", "10:9", "11:8", "1:1"], "{found:#?}");
    let (job, _) = parse(Path::new("job.toml"), text, &[], &env);
    assert_eq!(job.unwrap().broken, ["s", "t", "u", "o"]);
}

#[test]
fn checkpoints() {
    for (options, words) in [
        ("interval = 5", &["7:12 «5»", "expected a duration such as \"10s\", or \"off\", found integer 5"][..]),
        ("interval = '0s'", &["`interval` is out of range", "greater than zero"]),
        ("interval = 'none'", &["unknown interval `none`", "write interval = \"off\""]),
        ("interval = 'Disabled'", &["write interval = \"off\""]),
        ("interval = '10 sec'", &["did you mean `s`?"]),
        ("period = '10s'", &["unknown option `period` in [checkpoint]", "did you mean `interval`?"]),
        ("min-pause = '10s'", &["did you mean `min_pause`?"]),
        ("num-retained = 2", &["did you mean `retain`?"]),
        ("tolerable-failed-checkpoints = 2", &["did you mean `tolerate`?"]),
        ("retain = 0", &["`retain` is out of range", "between 1 and 1000"]),
        ("tolerate = -1", &["`tolerate` is out of range"]),
        ("timeout = '0s'", &["`timeout` is out of range"]),
        ("min_pause = '-1s'", &["it must not be negative"]),
        ("durability = 'fsync'", &["unknown durability `fsync`", "`power`, `process`"]),
        ("durability = 'Power'", &["did you mean `power`?"]),
    ] {
        check(&format!("{SOURCE}{SINK}[checkpoint]\n{options}\n"), &[], words)
    }
    check(&format!("checkpoint = 5\n{SOURCE}{SINK}"), &[], &["expected a table [checkpoint], found integer 5"]);
    check(&format!("interval = '5s'\n{SOURCE}{SINK}"), &[], &["write it below [checkpoint]"]);
    check(&format!("{SOURCE}{SINK}[checkpointing]\n"), &[], &["did you mean `checkpoint`?"]);
}

#[test]
fn restarts() {
    for (restart, words) in [
        ("5", &["expected \"none\" or a table such as { strategy = "][..]),
        ("'off'", &["unknown restart strategy `off`", "did you mean `none`?"]),
        ("'fixed-delay'", &["did you mean `fixed`?"]),
        ("'exponential-delay'", &["did you mean `exponential`?"]),
        ("'failure_rate'", &["did you mean `failure-rate`?"]),
        ("'fixed'", &["`attempts` is missing in restart \"fixed\"", "add attempts = 3"]),
        ("{ attempts = 3 }", &["`strategy` is missing in restart", "add strategy = \"exponential\""]),
        ("{ type = 'none' }", &["did you mean `strategy`?"]),
        ("{ strategy = 'none', attempts = 3 }", &["unknown option `attempts` in restart \"none\""]),
        ("{ strategy = 'fixed', attempts = 0 }", &["`attempts` is out of range", "between 1 and"]),
        ("{ strategy = 'fixed', attempts = 3, initial = '1s' }", &["unknown option `initial` in restart \"fixed\""]),
        ("{ strategy = 'failure-rate', max = 3 }", &["`per` is missing", "add per = \"5m\""]),
        ("{ strategy = 'failure-rate', max = 3, interval = '5m', per = '5m' }", &["did you mean `per`?"]),
        ("{ strategy = 'failure-rate', max = 3, per = '6s', delay = '2s' }", &["can never be reached", "for ever"]),
        ("{ strategy = 'exponential', initial = '0s' }", &["`initial` is out of range"]),
        ("{ strategy = 'exponential', initial = '1m', max = '1s' }", &["«'1s'» `max` is less than `initial`"]),
        ("{ strategy = 'exponential', max-backoff = '1m' }", &["did you mean `max`?"]),
    ] {
        let text = format!("{SOURCE}{SINK}[job]\nrestart = {restart}\n[checkpoint]\n");
        let found = faults(&text, &[]);
        assert!(words.iter().all(|w| found.iter().any(|f| f.contains(w))), "{restart}: {found:#?}");
        assert_eq!(found.len(), 1, "{found:#?}");
    }
}

#[test]
fn a_restart_needs_checkpoints() {
    let restart = "[job]\nrestart = { strategy = 'fixed', attempts = 3 }\n";
    let file = "[sinks.f]\ntype = \"file\"\ninput = \"s\"\npath = \"a.csv\"\n";
    let words = &["«{ strategy = 'fixed', attempts = 3 }» a restart needs checkpoints"];
    check(&format!("{SOURCE}{SINK}{restart}"), &[], &[words[0], "this job makes no checkpoints"]);
    check(&format!("{SOURCE}{SINK}{file}{restart}"), &["checkpoint.interval=off"], &[words[0], "checkpoints are off"]);
    for text in [
        format!("{SOURCE}{SINK}{file}{restart}"),
        format!("{SOURCE}{SINK}{restart}[checkpoint]\n"),
        format!("{SOURCE}{SINK}[job]\nrestart = 'none'\n[checkpoint]\ninterval = 'off'\n"),
    ] {
        assert_eq!(faults(&text, &[]), [""; 0], "{text}");
    }
}

#[test]
fn a_window_of_unknown_type_has_its_durations_checked() {
    let found = faults(
        &in_transform("type = 'top'\ninput = 's'\norder = 'a'\nn = 1\nwindow = { type = 'hopping', size = '1 min' }"),
        &[],
    );
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("did you mean `sliding`?") && found[1].contains("did you mean `m`?"), "{found:#?}");
}

#[test]
fn a_fault_leaves_the_rest_of_the_node() {
    let text = format!("{SOURCE}foo = 1\n{SINK}");
    let (job, found) = parse(Path::new("job.toml"), &text, &[], &env);
    assert!(found.has_errors());
    assert_eq!(job.unwrap().nodes.len(), 2);
}

proptest::proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC{0,80}", over in "\\PC{0,20}") {
        let (_, found) = parse(Path::new("job.toml"), &text, std::slice::from_ref(&over), &env);
        found.render(&JobText::new(Path::new("job.toml"), &text, &[over]), false);
    }

    /// Pieces of job files in any order get further than noise.
    #[test]
    fn any_pieces_are_answered(pieces in proptest::collection::vec(0..PIECES.len(), 0..24), color: bool) {
        let text: String = pieces.iter().map(|i| PIECES[*i]).collect();
        let overrides = [format!("sources.s.path={text}")];
        let (_, found) = parse(Path::new("job.toml"), &text, &overrides, &env);
        found.render(&JobText::new(Path::new("job.toml"), &text, &overrides), color);
    }
}

const PIECES: [&str; 24] = [
    "[sources.s]\n",
    "[transforms.t]\n",
    "[sinks.o]\n",
    "[job]\n",
    "[transforms.t.window]\n",
    "type = ",
    "'file'\n",
    "'aggregate'\n",
    "size = ",
    "'1h ö'\n",
    "\"\"\"a\\\n  ${FOUR} \\u00e9\"\"\"\n",
    "path = ",
    "[",
    "]",
    "${",
    "}",
    "5\n",
    "= ",
    "schema = { a = 'decimal(5,",
    "7)' }\n",
    "\r\n",
    "\t\"é$$${WORD:-${NOPE}}\"\n",
    "where = ",
    "input = ",
];
