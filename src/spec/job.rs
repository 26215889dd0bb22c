//! The job file as typed tables. Options keep their places for messages.

use std::ops::Range;

/// A place: bytes of the job file, or the `-D` override of that number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    File(Range<usize>),
    Override { index: usize, range: Range<usize> },
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

/// A string value whose every byte can be traced to its place (through TOML escapes and variables), so that
/// errors point inside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    pub value: String,
    pub span: Span,
    /// `(offset in value, offset in the file or override)`, ascending; bytes behind an entry follow it one to one.
    /// Each byte of an escape or a variable has an entry with the place where that begins. [`Text::locate`] reads it.
    pub map: Vec<(usize, usize)>,
}

#[derive(Debug, Clone)]
pub struct JobSpec {
    /// What was written, for messages.
    pub text: super::JobText,
    pub name: String,
    pub parallelism: Option<Spanned<usize>>,
    pub max_parallelism: Spanned<u32>,
    /// Bytes that the process may take; beyond them, state goes to disk.
    pub memory: Option<u64>,
    pub checkpoint: CheckpointSpec,
    pub restart: Option<RestartSpec>,
    pub nodes: Vec<NodeSpec>,
    /// Names of nodes that could not be read, so that what refers to them is not reported as dangling.
    pub broken: Vec<String>,
    /// The job's own tests, in the order written.
    pub tests: Vec<TestSpec>,
}

/// `[checkpoint]`. Durations in µs.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckpointSpec {
    /// The table stands in the job file.
    pub written: bool,
    /// `None`: off.
    pub interval: Option<i64>,
    pub retain: usize,
    pub timeout: i64,
    pub min_pause: i64,
    /// Failed checkpoints in a row before the job fails.
    pub tolerate: u32,
    pub durability: Durability,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// What is complete survives a power cut: it is synced.
    Power,
    /// What is complete survives the end of the process.
    Process,
}

impl Default for CheckpointSpec {
    fn default() -> CheckpointSpec {
        CheckpointSpec {
            written: false,
            interval: Some(10_000_000),
            retain: 3,
            timeout: 600_000_000,
            min_pause: 0,
            tolerate: 0,
            durability: Durability::Power,
        }
    }
}

/// `[job] restart`. Durations in µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartSpec {
    None,
    Fixed {
        attempts: u32,
        delay: i64,
    },
    /// More than `max` failures within `per` end the job.
    FailureRate {
        max: u32,
        per: i64,
        delay: i64,
    },
    /// `attempts`: in a row without a new checkpoint.
    Exponential {
        initial: i64,
        max: i64,
        attempts: u32,
    },
}

impl Default for RestartSpec {
    fn default() -> RestartSpec {
        RestartSpec::Exponential { initial: 1_000_000, max: 60_000_000, attempts: 10 }
    }
}

/// A source, transform or sink, in the order written.
#[derive(Debug, Clone)]
pub struct NodeSpec {
    pub name: Spanned<String>,
    pub kind: NodeKind,
    /// Inputs as written: `node` or `node.output`. Empty for sources.
    pub inputs: Vec<Text>,
    /// Of a transform: what becomes of a row on which an expression fails. `None`: not said.
    pub on_error: Option<Spanned<OnError>>,
    /// Of a transform: how many subtasks it has at most.
    pub parallelism: Option<Spanned<u64>>,
}

#[derive(Debug, Clone)]
pub enum NodeKind {
    Source(Box<SourceSpec>),
    Filter {
        where_: Text,
    },
    Select {
        select: Vec<Text>,
        add: bool,
        where_: Option<Text>,
    },
    Aggregate(AggregateNode),
    Top(TopNode),
    Limit {
        n: Spanned<u64>,
        by: Vec<Text>,
    },
    /// Names and conditions, in the order written.
    Route {
        cases: Vec<(Spanned<String>, Text)>,
    },
    Sample {
        fraction: Spanned<f64>,
        seed: u64,
    },
    Throttle {
        rate: Spanned<f64>,
    },
    EventTime(EventTimeSpec),
    Explode {
        list: Text,
        keep_empty: bool,
    },
    Sink(SinkSpec),
}

#[derive(Debug, Clone)]
pub struct SourceSpec {
    pub connector: SourceConnector,
    /// Columns beside those of the schema.
    pub metadata: Vec<Spanned<Metadata>>,
    pub format: Option<FormatSpec>,
    pub schema: Option<Vec<FieldSpec>>,
    pub schema_span: Option<Span>,
    pub event_time: Option<EventTimeSpec>,
    pub on_error: Spanned<OnError>,
    pub max_record: Option<Spanned<u64>>,
    pub compression: Option<Spanned<Compression>>,
    /// Rows a second at most.
    pub rate: Option<Spanned<f64>>,
    /// Of a live input: what was read is written down, where there are checkpoints.
    pub journal: bool,
    /// Bytes that the journal may hold.
    pub journal_max: Option<Spanned<u64>>,
}

#[derive(Debug, Clone)]
pub enum SourceConnector {
    File {
        paths: Vec<Text>,
        /// Globs of files that are left out.
        exclude: Vec<Text>,
        order: Option<Spanned<FileOrder>>,
        read: Option<Spanned<ReadMode>>,
        /// Goes on with what is written later, and where it starts in files that are there at first.
        follow: Option<StartAt>,
    },
    Stdin,
    Tcp {
        address: Text,
        listen: bool,
        max_connections: Option<Spanned<u64>>,
        once: bool,
        /// Records come in frames with their length, instead of lines.
        framed: bool,
    },
    Generate {
        kind: Spanned<GenerateKind>,
        rows: Option<Spanned<u64>>,
        seed: u64,
        start: Option<Spanned<i64>>,
        events_per_second: Option<Spanned<f64>>,
        only: Option<Spanned<String>>,
        /// Of a random table: the share of nulls.
        nulls: f64,
    },
    /// Rows that a test gives: no job file has it.
    Given,
}

impl SourceConnector {
    /// Files that are read once, in `order`, with the defaults of everything else.
    pub fn files(paths: Vec<Text>, order: Option<Spanned<FileOrder>>) -> SourceConnector {
        SourceConnector::File { paths, exclude: Vec::new(), order, read: None, follow: None }
    }

    /// The `type` of the node.
    pub fn kind(&self) -> &'static str {
        match self {
            SourceConnector::File { .. } => "file",
            SourceConnector::Stdin => "stdin",
            SourceConnector::Tcp { .. } => "tcp",
            SourceConnector::Generate { .. } => "generate",
            SourceConnector::Given => "given",
        }
    }

    /// Files that grow.
    pub fn follows(&self) -> bool {
        matches!(self, SourceConnector::File { follow: Some(_), .. })
    }
}

/// Where files that are followed are read from at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAt {
    Beginning,
    End,
}

/// What is known of a record beside its content, as a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metadata {
    File,
    Stem,
    Line,
    Offset,
    Peer,
    Received,
}

impl Metadata {
    /// The column's name and type.
    pub fn column(self) -> (&'static str, crate::data::DataType) {
        use crate::data::DataType;
        match self {
            Metadata::File => ("_file", DataType::String),
            Metadata::Stem => ("_stem", DataType::String),
            Metadata::Line => ("_line", DataType::Int),
            Metadata::Offset => ("_offset", DataType::Int),
            Metadata::Peer => ("_peer", DataType::String),
            Metadata::Received => ("_received", DataType::Timestamp),
        }
    }

    /// Needs the place of each record.
    pub fn is_place(self) -> bool {
        matches!(self, Metadata::Line | Metadata::Offset)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileOrder {
    Time,
    Name,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadMode {
    Auto,
    Mmap,
    Stream,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GenerateKind {
    Sequence,
    Nexmark,
    /// Of the source's schema.
    Random,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    Fail,
    Skip,
    DeadLetter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
    /// By the first bytes.
    Auto,
}

/// `format` as written; what it leaves out is decided by file name and node.
#[derive(Debug, Clone)]
pub struct FormatSpec {
    /// csv, tsv, json …
    pub kind: Spanned<String>,
    pub delimiter: Option<Spanned<u8>>,
    pub header: Option<Spanned<bool>>,
    /// `Some(None)`: nothing is quoted.
    pub quote: Option<Option<Spanned<u8>>>,
    pub escape: Option<Spanned<u8>>,
    pub comment: Option<Spanned<u8>>,
    pub trim: Option<Spanned<bool>>,
    pub null: Vec<String>,
    /// In writing, with the zone.
    pub timestamp: Option<Spanned<crate::format::TimestampStyle>>,
    /// Of Parquet.
    pub compression: Option<Spanned<crate::format::columnar::Compression>>,
    /// Rows in a row group of Parquet.
    pub row_group: Option<Spanned<u64>>,
    pub zone: Option<String>,
    pub year: Option<crate::format::Year>,
    pub pattern: Option<Text>,
}

impl FormatSpec {
    /// A format without options.
    pub fn of(kind: Spanned<String>) -> FormatSpec {
        FormatSpec {
            kind,
            delimiter: None,
            header: None,
            quote: None,
            escape: None,
            comment: None,
            trim: None,
            null: Vec::new(),
            timestamp: None,
            zone: None,
            year: None,
            pattern: None,
            compression: None,
            row_group: None,
        }
    }
}

#[derive(Debug, Clone)]
pub struct FieldSpec {
    pub name: Spanned<String>,
    pub ty: Spanned<crate::data::DataType>,
    pub from: Option<Text>,
    pub timestamp: crate::format::TimestampSource,
}

#[derive(Debug, Clone)]
pub struct EventTimeSpec {
    pub column: Text,
    /// µs.
    pub delay: i64,
    pub idle: Option<i64>,
}

#[derive(Debug, Clone)]
pub struct AggregateNode {
    pub by: Vec<Text>,
    pub select: Vec<Text>,
    pub window: Option<Spanned<WindowSpec>>,
    /// The window goes by the wall clock: where that is said.
    pub processing: Option<Span>,
    pub having: Option<Text>,
    pub order: OrderSpec,
    pub emit: Option<Spanned<EmitSpec>>,
    pub lateness: Option<Spanned<i64>>,
}

#[derive(Debug, Clone)]
pub enum OrderSpec {
    Default,
    Any(Span),
    By(Vec<Text>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowSpec {
    Tumbling {
        size: i64,
        offset: i64,
    },
    Sliding {
        size: i64,
        slide: i64,
        offset: i64,
    },
    /// Of rows.
    Count {
        size: u64,
        slide: u64,
        partial: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmitSpec {
    Update,
    Every(i64),
}

#[derive(Debug, Clone)]
pub struct TopNode {
    pub by: Vec<Text>,
    pub order: Vec<Text>,
    pub n: Spanned<u64>,
    pub window: Option<Spanned<WindowSpec>>,
    /// The window goes by the wall clock: where that is said.
    pub processing: Option<Span>,
    pub ties: bool,
    pub rank: Option<Spanned<String>>,
}

#[derive(Debug, Clone)]
pub struct SinkSpec {
    pub connector: SinkConnector,
    pub format: Option<Box<FormatSpec>>,
    /// Rows have the column `op`: where that stands.
    pub op: Option<Span>,
}

#[derive(Debug, Clone)]
pub enum SinkConnector {
    File {
        path: Text,
        mode: Spanned<FileMode>,
        compression: Option<Spanned<Compression>>,
    },
    Directory(Box<DirectorySpec>),
    Stdout,
    Tcp {
        address: Text,
        listen: bool,
        framed: bool,
    },
    /// `key`: the columns that tell rows apart; empty for none.
    Sqlite {
        path: Text,
        table: Text,
        key: Vec<Text>,
        mode: FileMode,
    },
    Blackhole,
}

/// A folder of part files.
#[derive(Debug, Clone)]
pub struct DirectorySpec {
    pub path: Text,
    pub mode: Spanned<FileMode>,
    pub roll: RollSpec,
    /// Columns.
    pub partition_by: Vec<Text>,
    pub prefix: String,
    pub success_file: bool,
    pub gzip: bool,
}

/// When a part file is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RollSpec {
    /// Bytes.
    pub size: u64,
    /// Since it was opened, µs.
    pub time: i64,
    /// Since it was last written to, µs.
    pub idle: i64,
}

impl Default for RollSpec {
    fn default() -> RollSpec {
        RollSpec { size: 128 << 20, time: 60_000_000, idle: 60_000_000 }
    }
}

impl SinkConnector {
    /// The `type` of the node.
    pub fn kind(&self) -> &'static str {
        match self {
            SinkConnector::File { .. } => "file",
            SinkConnector::Directory(_) => "directory",
            SinkConnector::Stdout => "stdout",
            SinkConnector::Tcp { .. } => "tcp",
            SinkConnector::Sqlite { .. } => "sqlite",
            SinkConnector::Blackhole => "blackhole",
        }
    }

    /// Writes to what may exist, so that how to undo it is written down first.
    pub fn touches_existing(&self) -> bool {
        match self {
            SinkConnector::File { mode, .. } => mode.value != FileMode::Replace,
            SinkConnector::Sqlite { .. } => true,
            SinkConnector::Directory(spec) => spec.mode.value != FileMode::Replace,
            SinkConnector::Stdout | SinkConnector::Tcp { .. } | SinkConnector::Blackhole => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileMode {
    Replace,
    Append,
    New,
}

/// `[[tests]]`: rows that go in, and rows that are to come out.
#[derive(Debug, Clone)]
pub struct TestSpec {
    pub name: Spanned<String>,
    /// By source.
    pub inputs: Vec<GivenSpec>,
    /// By output (`node`, `node.output`) or sink.
    pub expects: Vec<GivenSpec>,
    /// The order of rows counts.
    pub ordered: bool,
    /// The test is to fail, with this in its message.
    pub fails: Option<Text>,
    /// Variables that are set for this test, before those of the environment.
    pub variables: Vec<(String, String)>,
    /// As `-D`, behind those of the command line.
    pub overrides: Vec<String>,
}

/// Rows of a test, and whose they are.
#[derive(Debug, Clone)]
pub struct GivenSpec {
    pub node: Spanned<String>,
    pub rows: GivenRows,
    /// Of the rows.
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum GivenRows {
    /// In the source's own format; of expected rows CSV with a header, or JSON.
    Text(String),
    File(Text),
    /// Values by column.
    Tables(Vec<Vec<(String, serde_json::Value)>>),
    /// Values in the order of the columns.
    Lists(Vec<Vec<serde_json::Value>>),
}
