//! From the options of a plan to opened connectors.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::deploy::Connectors;
use super::waker::Waker;
use crate::connect::blackhole::Blackhole;
use crate::connect::directory::{self, Directory, DirectoryCommitter, DirectoryOptions, Partitioner};
use crate::connect::file::{FileOptions, FileSource, FirstTime, Follow, FollowOptions, Patterns, ReadMode};
use crate::connect::file_sink::{self, FileCommitter, FileSink, FileSinkOptions};
use crate::connect::generate;
use crate::connect::journal::{self, JournalOptions, Journaled};
use crate::connect::output::NewEncoder;
use crate::connect::pace::Pace;
use crate::connect::pool::Pool;
use crate::connect::records::Records;
use crate::connect::sqlite::{self, SqliteCommitter, SqliteOptions, SqliteSink};
use crate::connect::stdin::{Stdin, StdinOptions};
use crate::connect::stdout::Stdout;
use crate::connect::tcp::{TcpBroadcast, TcpClient, TcpClientOptions, TcpListenerOptions, TcpServer, TcpWriter};
use crate::connect::throttle::{self, Throttle};
use crate::connect::unpack::Unpack;
use crate::connect::{self, BlockDecoder, Body, Committer, NoCommitter, Run, Source, Writer};
use crate::error::{Error, Result};
use crate::format::columnar::{self, GroupDecoder, is_columnar};
use crate::format::{self, Decoded, Decoder, Format};
use crate::plan::physical::{SinkPlan, SourcePlan};
use crate::spec::{
    self, Compression, DirectorySpec, FileMode, GenerateKind, SinkConnector, SourceConnector, StartAt, Text,
};
use crate::storage::RealStorage;

/// Blocks of a file source that may be in memory at once: what channels hold and workers work on.
const POOL_BLOCKS: usize = 48;

/// Clients of a listening source, unless `max_connections` says otherwise.
const MAX_CONNECTIONS: usize = 1024;

/// The outside world.
#[derive(Default)]
pub struct RealConnectors {
    /// What writers are told of the run.
    run: Run,
    /// Addresses that sources listen on, by node, for messages.
    listening: Vec<(String, SocketAddr)>,
}

impl Connectors for RealConnectors {
    fn source(&mut self, plan: &SourcePlan, waker: Waker) -> Result<Box<dyn Source>> {
        let counted = plan.counts_lines() || plan.connector.follows();
        let mut records =
            Records::of(&plan.format, &plan.needed(), plan.max_record).counting(counted).unpacked(unpack(plan));
        if let SourceConnector::Tcp { framed: true, .. } = &plan.connector {
            records = records.in_frames(&plan.format);
        }
        let idle = plan.event_time.as_ref().and_then(|t| t.idle);
        let pool = Pool::new(POOL_BLOCKS);
        pool.set_waker(Arc::new(move || waker.wake()));
        let source: Box<dyn Source> = match &plan.connector {
            SourceConnector::File { paths, exclude, follow: Some(start), .. } => {
                let texts = |texts: &[Text]| texts.iter().map(|text| text.value.clone()).collect();
                Box::new(Follow::new(FollowOptions {
                    patterns: Patterns { paths: texts(paths), exclude: texts(exclude) },
                    records: records.clone(),
                    pool,
                    from_end: *start == StartAt::End,
                    first_time: if plan.by_time { first_time(plan)? } else { None },
                    idle,
                    exact_lines: plan.counts_lines(),
                    rows_max: plan.rate.map(throttle::rows_at_once),
                }))
            }
            SourceConnector::File { read, .. } => {
                let read = match read.as_ref().map(|r| r.value) {
                    Some(spec::ReadMode::Mmap) => ReadMode::Mmap,
                    Some(spec::ReadMode::Stream) => ReadMode::Stream,
                    Some(spec::ReadMode::Auto) | None => ReadMode::Auto,
                };
                let (paths, records) = (plan.files.clone(), records.clone());
                let year = match &plan.format {
                    Format::Syslog(options) => Some(options.year),
                    _ => None,
                };
                if plan.by_time {
                    let first_time = first_time(plan)?;
                    Box::new(FileSource::open(FileOptions { paths, records, read, pool, first_time, year })?)
                } else {
                    let options = FileOptions { paths, records, read, pool, first_time: None, year };
                    Box::new(FileSource::open(options)?.timed(first_time(plan)?))
                }
            }
            SourceConnector::Given => return Err(Error::internal("rows of a test outside of a test")),
            SourceConnector::Stdin => Box::new(Stdin::new(StdinOptions { records: records.clone(), pool, idle })),
            SourceConnector::Tcp { address, listen: true, max_connections, once, .. } => {
                let server = TcpServer::bind(TcpListenerOptions {
                    listen: address.value.clone(),
                    records: records.clone(),
                    pool,
                    max_connections: max_connections.as_ref().map_or(MAX_CONNECTIONS, |m| m.value as usize),
                    once: *once,
                    idle,
                })?;
                self.listening.push((plan.name.clone(), server.local_addr()));
                Box::new(server)
            }
            SourceConnector::Tcp { address, once, .. } => {
                let (connect, once) = (address.value.clone(), *once);
                Box::new(TcpClient::new(TcpClientOptions { connect, records: records.clone(), pool, once, idle })?)
            }
            SourceConnector::Generate { .. } => match &plan.event_time {
                Some(time) => generate::timed_source(&generator(plan)?, plan.used[time.column])?,
                None => generate::source(&generator(plan)?)?,
            },
        };
        let source: Box<dyn Source> = match plan.rate {
            Some(rate) if plan.connector.follows() => Box::new(Pace::new(source, records, rate)),
            Some(rate) => {
                let generated = matches!(plan.connector, SourceConnector::Generate { .. });
                Box::new(Throttle::new(source, (!generated).then_some(records), rate))
            }
            None => source,
        };
        Ok(match (&self.run.folder, plan.journal) {
            (Some(folder), Some(max)) => {
                let folder = journal::place(folder, &plan.name);
                Box::new(Journaled::new(source, JournalOptions { folder, storage: Arc::new(RealStorage), max }))
            }
            _ => source,
        })
    }

    fn decoder(&self, plan: &SourcePlan) -> Result<Box<dyn BlockDecoder>> {
        match &plan.connector {
            SourceConnector::Generate { .. } => generate::decoder(&generator(plan)?, &plan.used),
            _ if is_columnar(&plan.format) => {
                let mut decoder = GroupDecoder::new(&plan.fields, &plan.used);
                if plan.metadata.iter().any(|metadata| metadata.is_place()) {
                    decoder.keep_places();
                }
                Ok(Box::new(Groups(decoder)))
            }
            _ => {
                let mut decoder = format::decoder(&plan.format, &plan.fields, &plan.used, plan.max_record)?;
                if plan.metadata.iter().any(|metadata| metadata.is_place()) {
                    decoder.keep_places();
                }
                Ok(Box::new(BytesDecoder(decoder)))
            }
        }
    }

    fn writer(&mut self, plan: &SinkPlan, waker: Waker) -> Result<Box<dyn Writer>> {
        Ok(match &plan.connector {
            SinkConnector::File { path, mode, compression } => {
                let path = PathBuf::from(&path.value);
                let gzip = match compression {
                    Some(compression) => compression.value == Compression::Gzip,
                    None => file_sink::is_gzip_name(&path),
                };
                let mode = match mode.value {
                    FileMode::Replace => file_sink::Mode::Replace,
                    FileMode::Append => file_sink::Mode::Append,
                    FileMode::New => file_sink::Mode::New,
                };
                let (storage, run) = (Arc::new(RealStorage), self.run.clone());
                let columns = columns(plan);
                Box::new(FileSink::new(FileSinkOptions { path, mode, gzip, columns, storage, run }))
            }
            SinkConnector::Directory(spec) => {
                let options = DirectoryOptions { columns: columns(plan), ..directory_options(spec, &plan.format) };
                Box::new(Directory::new(options, self.run.clone()))
            }
            SinkConnector::Stdout => Box::new(Stdout::new(Some(Arc::new(move || waker.wake())))),
            SinkConnector::Tcp { address, listen: true, .. } => {
                let sink = TcpBroadcast::bind(&address.value)?;
                self.listening.push((plan.name.clone(), sink.local_addr()));
                Box::new(sink)
            }
            SinkConnector::Tcp { address, .. } => Box::new(TcpWriter::new(address.value.clone())),
            SinkConnector::Sqlite { .. } => Box::new(SqliteSink::new(sqlite_options(plan, &self.run)?)),
            SinkConnector::Blackhole => Box::new(Blackhole),
        })
    }

    fn begin(&mut self, run: Run) {
        self.run = run;
    }

    fn listening(&mut self) -> Vec<(String, SocketAddr)> {
        std::mem::take(&mut self.listening)
    }

    fn committer(&self, plan: &SinkPlan) -> Result<Box<dyn Committer>> {
        Ok(match &plan.connector {
            SinkConnector::File { .. } => Box::new(FileCommitter::new(Arc::new(RealStorage))),
            SinkConnector::Directory(spec) => Box::new(DirectoryCommitter::new(directory_options(spec, &plan.format))),
            SinkConnector::Sqlite { .. } => Box::new(SqliteCommitter::new(sqlite_options(plan, &self.run)?)),
            SinkConnector::Stdout | SinkConnector::Tcp { .. } | SinkConnector::Blackhole => Box::new(NoCommitter),
        })
    }
}

/// The options of a `sqlite` sink.
fn sqlite_options(plan: &SinkPlan, run: &Run) -> Result<SqliteOptions> {
    let SinkConnector::Sqlite { path, table, key, mode } = &plan.connector else {
        return Err(Error::internal("not a sqlite sink"));
    };
    Ok(SqliteOptions {
        name: plan.name.clone(),
        path: PathBuf::from(&path.value),
        table: table.value.clone(),
        key: key.iter().map(|column| column.value.clone()).collect(),
        mode: match mode {
            FileMode::Append => sqlite::Mode::Append,
            FileMode::Replace => sqlite::Mode::Replace,
            FileMode::New => sqlite::Mode::New,
        },
        schema: plan.schema.clone(),
        run: run.clone(),
        storage: Arc::new(RealStorage),
    })
}

/// The options of a `directory` sink.
pub fn directory_options(spec: &DirectorySpec, format: &Format) -> DirectoryOptions {
    let extension = match format {
        Format::Csv(options) if options.delimiter == b'\t' => "tsv",
        Format::Csv(_) => "csv",
        Format::Json(_) => "jsonl",
        Format::Parquet(_) => "parquet",
        Format::Arrow(_) => "arrow",
        Format::Logfmt(_) => "log",
        _ => "txt",
    };
    let extension = if spec.gzip { format!("{extension}.gz") } else { extension.into() };
    DirectoryOptions {
        path: PathBuf::from(&spec.path.value),
        mode: match spec.mode.value {
            FileMode::New => directory::Mode::New,
            FileMode::Append => directory::Mode::Append,
            FileMode::Replace => directory::Mode::Replace,
        },
        roll: directory::Roll { size: spec.roll.size, time: spec.roll.time, idle: spec.roll.idle },
        prefix: spec.prefix.clone(),
        extension,
        gzip: spec.gzip,
        success_file: spec.success_file,
        columns: None,
        storage: Arc::new(RealStorage),
    }
}

/// What tells the partitions of a sink's rows, if it has any.
pub fn partitioner(plan: &SinkPlan) -> Option<Partitioner> {
    let SinkConnector::Directory(spec) = &plan.connector else { return None };
    let column = |name: &Text| Some((name.value.clone(), plan.schema.index_of(&name.value)?));
    let columns: Vec<(String, usize)> = spec.partition_by.iter().filter_map(column).collect();
    (!columns.is_empty()).then(|| Partitioner::new(columns))
}

fn unpack(plan: &SourcePlan) -> Unpack {
    match plan.compression {
        None => Unpack::Default,
        Some(Compression::None) => Unpack::None,
        Some(Compression::Auto) => Unpack::Auto,
        Some(Compression::Gzip) => Unpack::Gzip,
        Some(Compression::Zstd) => Unpack::Zstd,
    }
}

/// The options of a `generate` source.
fn generator(plan: &SourcePlan) -> Result<generate::Options> {
    let SourceConnector::Generate { kind, rows, seed, start, events_per_second, only, nulls } = &plan.connector else {
        return Err(Error::internal("not a generator"));
    };
    let table = match (kind.value, only) {
        (GenerateKind::Sequence, _) => Some(generate::Table::Sequence),
        (GenerateKind::Nexmark, Some(only)) => generate::Table::nexmark(&only.value),
        (GenerateKind::Nexmark, None) => None,
        (GenerateKind::Random, _) => Some(generate::Table::Random),
    };
    let defaults = generate::Options::new(table.ok_or_else(|| Error::job("which rows of nexmark?"))?);
    Ok(generate::Options {
        rows: rows.as_ref().map(|r| r.value),
        seed: *seed,
        start: start.as_ref().map_or(defaults.start, |s| s.value),
        events_per_second: events_per_second.as_ref().map_or(defaults.events_per_second, |e| e.value),
        shape: generate::Shape {
            types: plan.fields.iter().map(|field| field.ty).collect(),
            time: plan.event_time.as_ref().map(|time| plan.used[time.column]),
            nulls: *nulls,
        },
        ..defaults
    })
}

/// How a sink's files of columns are made, if it makes any.
fn columns(plan: &SinkPlan) -> Option<NewEncoder> {
    let (format, fields) = (plan.format.clone(), plan.schema.fields.clone());
    let make = move |recoverable| columnar::file_encoder(&format, &fields, recoverable);
    is_columnar(&plan.format).then(|| Arc::new(make) as NewEncoder)
}

/// Event time of a single record, or of the first row of a group.
pub fn first_time(plan: &SourcePlan) -> Result<Option<FirstTime>> {
    let Some(time) = &plan.event_time else { return Ok(None) };
    if is_columnar(&plan.format) {
        let mut decoder = GroupDecoder::new(&plan.fields, &[plan.used[time.column]]);
        return Ok(Some(Box::new(move |body: &Body| match body {
            Body::Group(group) => connect::first_time(&decoder.decode_some(group, 1)),
            _ => None,
        })));
    }
    let mut decoder = format::decoder(&plan.format, &plan.fields, &[plan.used[time.column]], plan.max_record)?;
    Ok(Some(Box::new(move |body: &Body| match body {
        Body::Bytes { data, header, .. } => connect::first_time(&decoder.decode(data, header.as_ref(), true)),
        _ => None,
    })))
}

/// Blocks of bytes, by format.
struct BytesDecoder(Box<dyn Decoder>);

impl BlockDecoder for BytesDecoder {
    fn decode(&mut self, body: &Body, stop_at_bad: bool) -> Decoded {
        match body {
            Body::Bytes { data, header, .. } => self.0.decode(data, header.as_ref(), stop_at_bad),
            Body::Group(_) | Body::Range { .. } | Body::Empty => Decoded::default(),
        }
    }
}

/// Parts of files of columns.
struct Groups(GroupDecoder);

impl BlockDecoder for Groups {
    fn decode(&mut self, body: &Body, _stop_at_bad: bool) -> Decoded {
        match body {
            Body::Group(group) => self.0.decode(group),
            _ => Decoded::default(),
        }
    }

    fn go_on(&mut self) -> Decoded {
        self.0.go_on()
    }
}
