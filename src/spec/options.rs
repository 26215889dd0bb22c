//! Tables of what may stand where: the options of each node with an example of each, and the options, types and
//! words that the job file knows but this version does not have yet.
//!
//! The reader refuses what is in no table; what is in `later` it names as not there yet.

use super::suggest::suggest;

/// An option and what a value of it looks like.
pub(super) type Opt = (&'static str, &'static str);

/// The options of one kind of table.
pub(super) struct Options {
    /// For messages, such as "a filter".
    pub what: &'static str,
    pub has: &'static [Opt],
    pub later: &'static [&'static str],
}

impl Options {
    pub fn names(&self) -> Vec<&'static str> {
        self.has.iter().map(|(name, _)| *name).collect()
    }

    pub fn example(&self, name: &str) -> &'static str {
        self.has.iter().find(|(n, _)| *n == name).map_or("…", |(_, example)| example)
    }
}

pub(super) const TOP: Options = Options {
    what: "a job file",
    has: &[
        ("job", ""),
        ("checkpoint", ""),
        ("schemas", ""),
        ("sources", ""),
        ("transforms", ""),
        ("sinks", ""),
        ("tests", ""),
    ],
    later: &[],
};

pub(super) const JOB: Options = Options {
    what: "[job]",
    has: &[
        ("name", "\"card-fraud\""),
        ("parallelism", "2"),
        ("max_parallelism", "128"),
        ("memory", "\"1GiB\""),
        ("restart", "{ strategy = \"fixed\", attempts = 3 }"),
    ],
    later: &[],
};

pub(super) const CHECKPOINT: Options = Options {
    what: "[checkpoint]",
    has: &[
        ("interval", "\"10s\""),
        ("retain", "3"),
        ("timeout", "\"10m\""),
        ("min_pause", "\"1s\""),
        ("tolerate", "2"),
        ("durability", "\"process\""),
    ],
    later: &[],
};

const STRATEGY: Opt = ("strategy", "\"exponential\"");
const DELAY: Opt = ("delay", "\"5s\"");

/// A restart of whatever strategy.
pub(super) const RESTARTS: Options = Options {
    what: "restart",
    has: &[STRATEGY, ("attempts", ""), DELAY, ("max", ""), ("per", ""), ("initial", "")],
    later: &[],
};

pub(super) const NO_RESTART: Options = Options { what: "restart \"none\"", has: &[STRATEGY], later: &[] };

pub(super) const FIXED: Options =
    Options { what: "restart \"fixed\"", has: &[STRATEGY, ("attempts", "3"), DELAY], later: &[] };

pub(super) const FAILURE_RATE: Options =
    Options { what: "restart \"failure-rate\"", has: &[STRATEGY, ("max", "3"), ("per", "\"5m\""), DELAY], later: &[] };

pub(super) const EXPONENTIAL: Options = Options {
    what: "restart \"exponential\"",
    has: &[STRATEGY, ("initial", "\"1s\""), ("max", "\"1m\""), ("attempts", "10")],
    later: &[],
};

pub(super) const FILE_SOURCE: Options = Options {
    what: "a file source",
    has: &[
        TYPE,
        ("path", "\"input/*.csv\""),
        FORMAT,
        SCHEMA,
        EVENT_TIME,
        ON_ERROR,
        MAX_RECORD,
        COMPRESSION,
        RATE,
        ("order", "\"time\""),
        ("read", "\"mmap\""),
        ("exclude", "\"*.tmp\""),
        ("follow", "true"),
        ("start", "\"end\""),
        METADATA,
    ],
    later: &[],
};

pub(super) const STDIN_SOURCE: Options = Options {
    what: "a stdin source",
    has: &[TYPE, FORMAT, SCHEMA, EVENT_TIME, ON_ERROR, MAX_RECORD, COMPRESSION, RATE, JOURNAL, JOURNAL_LIMIT, METADATA],
    later: &[],
};

pub(super) const TCP_SOURCE: Options = Options {
    what: "a tcp source",
    has: &[
        TYPE,
        ("listen", "\":9000\""),
        ("connect", "\"example.org:9000\""),
        FORMAT,
        SCHEMA,
        EVENT_TIME,
        ON_ERROR,
        MAX_RECORD,
        COMPRESSION,
        RATE,
        ("framing", "\"lines\""),
        ("max_connections", "100"),
        ("once", "true"),
        JOURNAL,
        JOURNAL_LIMIT,
        METADATA,
    ],
    later: &[],
};

pub(super) const GENERATE_SOURCE: Options = Options {
    what: "a generate source",
    has: &[
        TYPE,
        ("kind", "\"sequence\""),
        ("rows", "1000"),
        ("seed", "1"),
        ("start", "\"2023-11-14T22:13:20Z\""),
        ("events_per_second", "10000"),
        ("only", "\"bid\""),
        SCHEMA,
        ("nulls", "0.1"),
        EVENT_TIME,
        RATE,
    ],
    later: &[],
};

const OP: Opt = ("op", "true");
const TYPE: Opt = ("type", "\"file\"");
const FORMAT: Opt = ("format", "\"csv\"");
const SCHEMA: Opt = ("schema", "{ at = \"timestamp\", amount = \"decimal(12,2)\" }");
const EVENT_TIME: Opt = ("event_time", "{ column = \"at\", delay = \"5s\" }");
const ON_ERROR: Opt = ("on_error", "\"skip\"");
const MAX_RECORD: Opt = ("max_record", "\"16MiB\"");
const COMPRESSION: Opt = ("compression", "\"gzip\"");
const RATE: Opt = ("rate", "1000");
const METADATA: Opt = ("metadata", "[\"file\", \"line\"]");
const JOURNAL: Opt = ("journal", "false");
const JOURNAL_LIMIT: Opt = ("journal_max", "\"1GiB\"");
const INPUT: Opt = ("input", "\"payments\"");
const BY: Opt = ("by", "[\"card\"]");
const SELECT: Opt = ("select", "[\"card\", \"amount * 2 AS twice\"]");
const WHERE: Opt = ("where", "\"amount > 500\"");
const PARALLELISM: Opt = ("parallelism", "1");
const WINDOW_OPTION: Opt = ("window", "{ type = \"tumbling\", size = \"1m\" }");

pub(super) const EVENT_TIME_TABLE: Options =
    Options { what: "event_time", has: &[("column", "\"at\""), ("delay", "\"5s\""), ("idle", "\"30s\"")], later: &[] };

/// A column of a schema, written as a table.
pub(super) const COLUMN: Options = Options {
    what: "a column",
    has: &[
        ("type", "\"timestamp\""),
        ("unit", "\"ms\""),
        ("format", "\"%d/%b/%Y:%H:%M:%S %z\""),
        ("zone", "\"Asia/Seoul\""),
        ("from", "\"user.address.city\""),
    ],
    later: &[],
};

/// Options of formats: each format takes some of them, see `format`.
pub(super) const FORMAT_TABLE: Options = Options {
    what: "a format",
    has: &[
        ("type", "\"csv\""),
        ("delimiter", "\";\""),
        ("header", "false"),
        ("quote", "\"'\""),
        ("escape", "'\\'"),
        ("comment", "\"#\""),
        ("trim", "true"),
        ("null", "[\"NA\"]"),
        ("timestamp", "\"ms\""),
        ("compression", "\"zstd\""),
        ("row_group", "100000"),
        ("zone", "\"Asia/Seoul\""),
        ("year", "2015"),
        ("pattern", "'^(?<user>\\S+) (?<ms>\\d+)$'"),
    ],
    later: &[],
};

pub(super) const TUMBLING: Options = Options {
    what: "a tumbling window",
    has: &[("type", "\"tumbling\""), ("size", "\"1m\""), ("offset", "\"0s\""), WINDOW_TIME],
    later: &["zone"],
};

pub(super) const SLIDING: Options = Options {
    what: "a sliding window",
    has: &[("type", "\"sliding\""), ("size", "\"10s\""), ("slide", "\"2s\""), ("offset", "\"0s\""), WINDOW_TIME],
    later: &["zone"],
};

const WINDOW_TIME: Opt = ("time", "\"processing\"");

pub(super) const COUNT: Options = Options {
    what: "a count window",
    has: &[("type", "\"count\""), ("size", "100"), ("slide", "10"), ("partial", "true")],
    later: &[],
};

pub(super) const EMIT: Options = Options { what: "emit", has: &[("every", "\"1s\"")], later: &[] };

pub(super) const FILTER: Options =
    Options { what: "a filter", has: &[TYPE, INPUT, WHERE, ON_ERROR, PARALLELISM], later: &[] };

pub(super) const SELECT_TRANSFORM: Options = Options {
    what: "a select",
    has: &[TYPE, INPUT, SELECT, ("add", "[\"amount * 2 AS twice\"]"), WHERE, ON_ERROR, PARALLELISM],
    later: &[],
};

pub(super) const AGGREGATE: Options = Options {
    what: "an aggregate",
    has: &[
        TYPE,
        INPUT,
        BY,
        WINDOW_OPTION,
        ("select", "[\"card\", \"count(*) AS n\"]"),
        ("having", "\"n >= 3\""),
        ("order", "[\"n DESC\"]"),
        ("emit", "\"update\""),
        ("lateness", "\"1m\""),
        ON_ERROR,
        PARALLELISM,
    ],
    later: &[],
};

pub(super) const TOP_TRANSFORM: Options = Options {
    what: "a top",
    has: &[
        TYPE,
        INPUT,
        BY,
        ("order", "[\"n DESC\"]"),
        ("n", "3"),
        WINDOW_OPTION,
        ("ties", "true"),
        ("rank", "\"place\""),
        ON_ERROR,
        PARALLELISM,
    ],
    later: &[],
};

pub(super) const LIMIT: Options =
    Options { what: "a limit", has: &[TYPE, INPUT, ("n", "10"), BY, ON_ERROR, PARALLELISM], later: &[] };

pub(super) const ROUTE: Options = Options {
    what: "a route",
    has: &[TYPE, INPUT, ("cases", "{ big = \"amount > 500\" }"), ON_ERROR, PARALLELISM],
    later: &[],
};

pub(super) const SAMPLE: Options =
    Options { what: "a sample", has: &[TYPE, INPUT, ("fraction", "0.1"), ("seed", "1"), PARALLELISM], later: &[] };

pub(super) const THROTTLE: Options =
    Options { what: "a throttle", has: &[TYPE, INPUT, ("rate", "1000"), PARALLELISM], later: &[] };

pub(super) const EVENT_TIME_TRANSFORM: Options = Options {
    what: "an event_time",
    has: &[TYPE, INPUT, ("column", "\"at\""), ("delay", "\"5s\""), ("idle", "\"30s\""), ON_ERROR, PARALLELISM],
    later: &[],
};

pub(super) const EXPLODE: Options = Options {
    what: "an explode",
    has: &[TYPE, INPUT, ("list", "\"regexp_split(line, ' ') AS word\""), ("keep_empty", "true"), ON_ERROR, PARALLELISM],
    later: &[],
};

pub(super) const FILE_SINK: Options = Options {
    what: "a file sink",
    has: &[TYPE, INPUT, OP, ("path", "\"out/result.csv\""), FORMAT, ("mode", "\"append\""), COMPRESSION],
    later: &[],
};

pub(super) const DIRECTORY_SINK: Options = Options {
    what: "a directory sink",
    has: &[
        TYPE,
        INPUT,
        OP,
        ("path", "\"out/events\""),
        FORMAT,
        ("mode", "\"append\""),
        ("roll", "{ size = \"128MiB\", time = \"60s\", idle = \"60s\" }"),
        ("partition_by", "[\"day\", \"city\"]"),
        ("prefix", "\"part\""),
        ("success_file", "true"),
        COMPRESSION,
    ],
    later: &[],
};

pub(super) const ROLL: Options =
    Options { what: "roll", has: &[("size", "\"128MiB\""), ("time", "\"60s\""), ("idle", "\"60s\"")], later: &[] };

pub(super) const STDOUT_SINK: Options = Options { what: "a stdout sink", has: &[TYPE, INPUT, OP, FORMAT], later: &[] };

pub(super) const TCP_SINK: Options = Options {
    what: "a tcp sink",
    has: &[
        TYPE,
        INPUT,
        OP,
        ("connect", "\"example.org:9000\""),
        ("listen", "\":9000\""),
        FORMAT,
        ("framing", "\"length\""),
    ],
    later: &[],
};

pub(super) const SQLITE_SINK: Options = Options {
    what: "a sqlite sink",
    has: &[
        TYPE,
        INPUT,
        OP,
        ("path", "\"out/results.db\""),
        ("table", "\"alerts\""),
        ("key", "[\"card\", \"minute\"]"),
        ("mode", "\"replace\""),
    ],
    later: &[],
};

pub(super) const BLACKHOLE_SINK: Options =
    Options { what: "a blackhole sink", has: &[TYPE, INPUT, OP, FORMAT], later: &[] };

/// Nodes whose `type` may be overridden: what one has is left out of another.
pub(super) const NODES: [&Options; 20] = [
    &FILE_SOURCE,
    &STDIN_SOURCE,
    &TCP_SOURCE,
    &GENERATE_SOURCE,
    &FILTER,
    &SELECT_TRANSFORM,
    &AGGREGATE,
    &TOP_TRANSFORM,
    &LIMIT,
    &ROUTE,
    &SAMPLE,
    &THROTTLE,
    &EVENT_TIME_TRANSFORM,
    &EXPLODE,
    &FILE_SINK,
    &DIRECTORY_SINK,
    &STDOUT_SINK,
    &TCP_SINK,
    &SQLITE_SINK,
    &BLACKHOLE_SINK,
];

pub(super) const TEST: Options = Options {
    what: "a test",
    has: &[
        ("name", "\"three payments in a minute\""),
        ("input", "{ payments = \"…\" }"),
        ("expect", "{ per_minute = \"…\" }"),
        ("order", "\"any\""),
        ("fails", "\"is not an int\""),
        ("variables", "{ WORD = \"warn\" }"),
        ("overrides", "[\"transforms.large.where=amount > 900\"]"),
    ],
    later: &["now"],
};

/// The words an option may have, and those it will have.
pub(super) struct Words<T: 'static> {
    /// For messages, such as "source type".
    pub what: &'static str,
    pub has: &'static [(&'static str, T)],
    pub later: &'static [&'static str],
}

impl<T> Words<T> {
    pub fn names(&self) -> Vec<&'static str> {
        self.has.iter().map(|(name, _)| *name).collect()
    }

    /// What was probably meant by `word`.
    pub fn near(&self, word: &str) -> Option<T>
    where
        T: Copy,
    {
        let near = suggest(word, &self.names())?;
        self.has.iter().find(|(name, _)| *name == near).map(|(_, found)| *found)
    }
}
