//! flott: Flink's model in one small program. A job file becomes a graph, the graph becomes tasks joined by bounded
//! channels, and rows flow through them in batches. Batch is a stream that ends: there is one code path.
//!
//! This page is the map. To use flott, read `README.md` and `docs/`.
//!
//! # The way of the data
//!
//! ```text
//! job.toml ─spec─► JobSpec ─plan::logical─► LogicalPlan ─plan::place─► PhysicalPlan ─runtime::deploy─► threads
//!         (what was written,     (names, schemas, typed        (chains, subtasks,
//!          with its places)       expressions)                  exchanges)
//!
//!  reader            P workers                        P keyed subtasks              writer
//!  connect ─blocks─► format ► filter ► select ─hash─► op::aggregate ► having ► encode ─bytes─► connect
//!    cut at records      chained: plain calls             chained                       in order
//! ```
//!
//! Everything left of `deploy` is a pure function that returns a value and a list of diagnostics, and every stage can
//! be printed: `flott check`, `flott plan`. I/O happens in `connect` and `storage` only (and where `spec` reads the
//! job file).
//!
//! What a job leaves open is settled between spec and plan: `cli/resolve.rs` looks into files whose source has no schema
//! (`format::infer` has the rules), or takes from a checkpoint what was found when the job began. It is handed to the
//! plan as a value, `plan::Resolved`.
//!
//! A reader cuts its input into **blocks** of whole records and deals them to workers. Sources whose inputs end and
//! whose rows meet share a reader, which takes the block that starts earliest, and workers. Each block ends with a
//! **mark** on every channel, rows or none. The **gate** at the entrance of a task reads blocks back in the order
//! they were cut, folds the watermark out of the marks, and judges rows as late. So the order of rows, the watermark
//! and the output are the same at every parallelism. To follow a row through the code: `runtime/reader.rs`,
//! `runtime/worker.rs`, `runtime/port.rs`, `runtime/gate.rs`, `runtime/stage.rs`, `runtime/sink.rs`.
//!
//! # The way of a barrier
//!
//! A checkpoint is the state of everybody behind the same row of each source. It goes the way of the rows:
//!
//! ```text
//! checkpoint::machine      decides when, counts failures; no clock, no files
//!   runtime/attempt.rs     asks the readers for a barrier
//!     reader.rs            gives the position of its sources, then sends the barrier on every channel, between blocks
//!     worker.rs            passes it on behind the rows before it
//!     gate.rs              reads no further on an input that has delivered it, until all have: nothing is set aside
//!     stage.rs             passes it on, freezes its state (op: Operator::freeze), goes on at once
//!     sink.rs              flushes, prepares its output (connect: Writer::prepare), goes on
//!   runtime/gather.rs      puts these parts together; barrier.rs says what they are
//!   runtime/snapshots.rs   one thread: syncs output, has the checkpoint written, then commits output
//!     checkpoint::store    cuts tables into segments, writes those that are new, renames manifest.json: it exists
//!     connect: Committer   makes visible what the sinks had prepared; doing it again changes nothing
//! ```
//!
//! The way back: `runtime/start.rs` finds the newest manifest that is whole, commits what it holds once more, takes
//! output back to it, and `runtime/deploy.rs` gives each task its part. `runtime/compare.rs` says first whether the
//! state fits a job that was edited. `runtime/job.rs` does all of that again after a failure, in the same process.
//! `docs/state-format.md` has the bytes. Where a kill could matter there is a named point (`storage/crash.rs`), at which
//! tests kill.
//!
//! # Rooms
//!
//! | room | what lives there | what never does |
//! |---|---|---|
//! | [`error`] | the one error type; its class decides the exit code | |
//! | [`data`] | types, schemas, columns, batches, row keys, values as text | anything about jobs |
//! | [`storage`] | the only way to disk for what must last | what the bytes mean |
//! | [`expr`] | SQL text to typed expression to column; the tables of functions and aggregates | state, I/O |
//! | [`mod@format`] | bytes to columns and back, one file or folder per format; files of columns; the columns and types that a sample has | sockets, files |
//! | [`state`] | keys to dense ids; state as tables | threads, operators |
//! | [`checkpoint`] | when one is due; manifests, state files, savepoints; the state folder, its lock and its record | tasks, connectors, clocks |
//! | [`op`] | one transform per file: synchronous, never blocks, has no clock | connectors, channels, threads |
//! | [`connect`] | the outside world: files, stdin, stdout, TCP, SQLite, generators; the journal of what cannot be asked for again | operators |
//! | [`spec`] | the job file as typed tables that keep their places; durations, variables, diagnostics | what names mean |
//! | [`plan`] | names, schemas and types resolved; chains and exchanges laid out; pictures of both | running instances |
//! | [`runtime`] | messages, gates, ports, chains, tasks, threads | what an operator means |
//! | [`observe`] | counters, which tasks push into | asking others |
//! | [`control`] | the control API: HTTP over a Unix socket in the state folder; its client | the data path |
//! | [`cli`] | the command line, one command per file | the engine; nobody imports it |
//!
//! Who may use whom: `error` ← `data`, `storage` ← `expr`, `format`, `state` ← `op`, `connect`, `spec` ← `plan` ←
//! `runtime` ← `control` ← `cli`; rooms of one step do not use each other, but `spec` and `connect` use `format`, and `op` uses
//! `expr` and `state`. `tests/it/rooms.rs` has the exact list and holds it.
//!
//! A function, aggregate, option or connector is an entry in a table; parser, suggestions, messages and documentation
//! read that table.
//!
//! # Choices, and why
//!
//! * **Arrow arrays behind a closed enum** ([`data::Column`]). Arrow is the layout other tools share. The enum lets a
//!   loop match on the type once per column; trait objects would ask per value or scatter downcasts.
//! * **One batch per block.** A block is as large as reading is fast (a full one when there is much, a line when
//!   there is one), so a batch is never filled up, never split by a timer, and an idle stream has the latency of a
//!   function call.
//! * **Lateness goes by rows, windows close between blocks.** A row is judged by the rows before it in its input, so
//!   it does not matter where blocks were cut, which for a socket is chance.
//! * **A union is several inputs of the next gate**, not an operator: it would only copy rows and add a hop, and the
//!   gate has to order its inputs anyway.
//! * **Bounded sources that meet are read by one task** (`plan/place/groups.rs`). Gates that merged several sequences
//!   of blocks, by watermark say, would make an order that a checkpoint's barrier changes, as one sequence stands still
//!   behind its barrier while the other is read on. And two gates that preferred opposite sources could wait for each
//!   other. One reader makes one sequence, which all gates share and a barrier cuts at one place.
//! * **What has changed is found by hashes, not remembered.** A checkpoint cuts each table into segments of key groups
//!   and writes those whose hash differs from the last one's. A bitmap of dirty groups would cost a write in the hot
//!   loop, and each operator would have to keep it right for ever; a hash costs the snapshot thread a pass over memory,
//!   and cannot be forgotten.
//! * **One snapshot thread**, one checkpoint at a time. Tasks never wait for a disk, and who syncs and renames in which
//!   order can be read in one function. Two checkpoints at once would only compete for the disk.
//! * **Output belongs to checkpoints only from the first one on.** A job that ends earlier is a command: its output is
//!   renamed into place, nothing is synced, nothing is left. So the many short jobs pay nothing for the long ones.
//! * **Restarts by default only once there is a checkpoint.** A job that fails in its first seconds has a wrong address
//!   or no disk: that is to be said at once, not after ten attempts.
//! * **Input that cannot be asked for again goes through a journal** in front of the reader, so that to the engine every
//!   source can be set back to a position, and there is one way of recovering.
//! * **State is Arrow IPC and JSON** (`arrow-ipc`): a dump of state is a copy of a file, and other tools are the
//!   debugger. A format of our own would be a little smaller and need all tools written.
//! * **`axum` and `tokio` only behind the control socket**, on a thread of their own that no row passes. HTTP written
//!   by hand is where holes come from; an async engine would make every operator pay for waiting that none does.
//! * **`rusqlite` with SQLite inside** (`bundled`), so that a build needs nothing but Rust, and a transaction means the
//!   same on every machine. The price is a C compiler at build time.
//! * **`zlib-rs` under `flate2`**: as fast as the best C library, in Rust.
//! * **`base64` and `unicode-width`**, which others here need anyway: bytes as text, and tables whose columns stand below
//!   each other in Korean, too.
//! * **Types are small and may be copied** ([`data::DataType`]): those inside of lists and structs are kept for as long as
//!   the process lives, as a job has a handful. Clones of type trees at every expression would cost more.
//! * **`zstd`**, the C library, for `.zst`, pages of Parquet and buffers of Arrow. SQLite needs a C compiler anyway, and
//!   the decoder in plain Rust, `ruzstd`, took three times the CPU seconds. Without its default features (dictionaries,
//!   formats before 0.8), and not `thin`, which unpacks slower and has no messages of errors.
//! * **At parallelism 1 all tasks share one thread** and take turns in bounded steps ([`runtime`]). A hop between
//!   threads costs microseconds when idle and cache misses when busy. As tasks never block, the same tasks run on
//!   threads, on one thread, or in a seeded order in tests.
//! * **Channels do not block; drivers park.** A task with several inputs, outputs and perhaps a socket waits for all
//!   of them at once. Blocking channels wait for one. So channels only say full or empty, and a thread parks when all
//!   of its tasks are blocked, on a flag or in `poll(2)`.
//! * **The last mark comes from a worker too** (`Message::Last`). A reader learns that its input has ended only
//!   behind the last block. The worker that holds the baton then makes a mark without rows, so that all marks have
//!   one origin and stay in order.
//! * **An expression parser of our own** ([`expr`]). The usual one for SQL takes 141 s of a core to build, for a
//!   grammar of which a small part is wanted; and messages here need the exact place of every word inside a string
//!   inside a TOML file.
//! * **`md-5` and `sha2`** for hashes in expressions: small, plain Rust, and several times faster than code of our own
//!   where the processor has instructions for them. CRC-32 and xxHash come with crates that are here anyway.
//! * **JSON in expressions is scanned, not parsed** (`expr/json`): what a path finds is a part of the text, so no tree is
//!   built for a row, and numbers keep their digits.
//! * **No `arrow-csv`, no `arrow-json`.** They parse every column whether it is used or not, and cannot set one bad
//!   record aside. Fast paths here split sound blocks by position; the `csv-core` and `serde_json` crates are what
//!   odd blocks and escapes fall back to, and what tests compare the fast paths with.
//! * **The year of a log goes along with its blocks.** Lines of syslog have none, so it depends on all lines before, and
//!   blocks are dealt to several decoders. The reader, which sees them in sequence, looks at the months and puts the
//!   year into the header of each block: decoders keep no state, and a position is enough to go on from.
//! * **The row on which an expression fails is found by asking again** (`runtime/chain.rs`). An operator of a chain says
//!   only that a batch has failed; halving finds the first row, what comes before it goes on, and its line in the file
//!   is found by decoding the block once more. So the usual way pays nothing for messages that say where.
//! * **`parquet` without its `arrow` feature, and without codecs** (`format/columnar/parquet`). It has the footer, headers
//!   of pages and encodings of values, at 27 s of a core to build. Its way to Arrow is left out: arrays are made
//!   here from values and levels. Pages are unpacked here too, by `flate2`, `zstd` and the small `snap` and `lz4_flex`,
//!   with limits on what a page says of itself. `parquet2` is no longer maintained.
//! * **Pages of Parquet are written by ourselves** (`parquet/chunk.rs`), the footer by the crate. Its writer wants an
//!   object with a reference count for each text and gathers a row group before it encodes. Here values go from the
//!   batch into a page, which is compressed when it is full: a third less CPU for the job `parquet_out`, a third less
//!   memory, and 0.6 MB less code. What is written is plain values and dictionaries, which every reader knows.
//! * **`take` for the types of our columns only** (`data/select.rs`): that of `arrow-select` brings comparing and taking
//!   for all types of Arrow with it, a megabyte of code.
//! * **A sink of columns gets batches, not bytes.** Row groups are larger than blocks, so workers cannot encode them
//!   without showing in the file how rows were dealt. The price is that one thread encodes a file.
//! * **What a Parquet file needs to be gone on with stands in the file**, behind each row group, and not in the
//!   checkpoint: manifests would grow with the file.
//! * **`unsafe` stands in two files**: `data/raw.rs` (strings that are views into a checked block, maps of files, and
//!   comparing 64 bytes at once) and `storage/spill.rs`. Each block says why it is sound.
//! * **State beyond `memory` is spilled by the allocator** (`storage/spill`): large vectors become maps of files. A store
//!   of its own for the disk would be a second path through every operator, and slower for all who never need it.
//! * **`read` is the default, not `mmap`.** Mapping was measured to cost about a fifth less CPU, but a mapped file
//!   that somebody shortens kills the process. `read = "mmap"` is there for files that nobody touches.
//! * **A test runs the real engine** (`cli/test`): the plan of the job with other ends, a source in memory instead of a
//!   file, a writer in memory instead of a sink. Rows are compared as values, by decoding both sides into the columns'
//!   types. `--bless` replaces the bytes of a value where the parser saw it, so no second TOML library has to keep
//!   comments and layout.
//! * **`clap_complete`** makes scripts for shells from the table of commands that `clap` has; written by hand they would
//!   not be true for long.
//! * **Files that grow are looked at, not listened to.** `inotify` says nothing about network file systems and loses
//!   events when there are many, so looking would be needed all the same. A look is a `stat`, ten times a second while
//!   that is cheap; a fiftieth of a core is never exceeded.
//! * **`signal-hook` beside `ctrlc`**, because `ctrlc` does not say which signal it was, and a job stopped by SIGTERM
//!   exits with another code than one stopped by Ctrl-C.
//! * **Sums of doubles are not summed up before the exchange.** Their result depends on the order of additions, and
//!   output is to be the same at every parallelism; ints and decimals are.

pub mod checkpoint;
pub mod cli;
pub mod connect;
pub mod control;
pub mod data;
pub mod error;
pub mod expr;
pub mod format;
pub mod observe;
pub mod op;
pub mod plan;
pub mod runtime;
pub mod spec;
pub mod state;
pub mod storage;
