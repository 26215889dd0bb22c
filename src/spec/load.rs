//! The job file as a whole: from text to [`JobSpec`], all faults in one run.

use std::path::Path;

use super::checkpoint::{check_restart, checkpoint, restart};
use super::diagnostic::{Diagnostic, Diagnostics, JobText};
use super::options::{CHECKPOINT, JOB, TOP};
use super::read::{Cx, Fields};
use super::suggest::{did_you_mean, suggest};
use super::value::{Entry, Kind, Table, apply_overrides, parse_file};
use super::variables::Variables;
use super::{JobSpec, NodeKind, NodeSpec, RestartSpec, Span, Spanned, schema, sink, source, test, transform};

/// Number of key groups unless the job says otherwise.
const MAX_PARALLELISM: u32 = 128;
/// The most there may be, as in Flink.
const MAX_PARALLELISM_LIMIT: u64 = 32_768;
/// The least that `memory` may be, bytes.
const MEMORY_MIN: u64 = 64 << 20;

/// What came of reading a job file.
#[derive(Debug)]
pub struct Loaded {
    /// For rendering the diagnostics.
    pub text: JobText,
    /// What could be read of the job: there even if there are errors, unless the file cannot be read or is not TOML,
    /// so that names and types are checked in the same run.
    pub job: Option<JobSpec>,
    pub diagnostics: Diagnostics,
}

/// Reads a job file, with the variables of the environment and the overrides `a.b=v` of `-D`.
pub fn load(path: &Path, overrides: &[String]) -> Loaded {
    let read = std::fs::read(path).map_err(|error| error.to_string());
    let text = read.and_then(|bytes| {
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes()[..at].iter().filter(|b| **b == b'\n').count();
            format!("line {line} is not UTF-8")
        })
    });
    match text {
        Ok(text) => load_text(path, &text, overrides),
        Err(reason) => {
            let diagnostic = Diagnostic::error(format!("cannot read the job file: {reason}"));
            Loaded { text: JobText::new(path, "", overrides), job: None, diagnostics: Diagnostics(vec![diagnostic]) }
        }
    }
}

/// As [`load`], from the text that once was in the file.
pub fn load_text(path: &Path, text: &str, overrides: &[String]) -> Loaded {
    let env = |name: &str| std::env::var(name).ok();
    let (job, diagnostics) = parse(path, text, overrides, &env);
    let text = job.as_ref().map_or_else(|| JobText::new(path, text, overrides), |job| job.text.clone());
    Loaded { text, job, diagnostics }
}

/// As [`load`], from text. The job is there even with errors, if the text is TOML: see [`Diagnostics::has_errors`].
pub fn parse(
    path: &Path,
    text: &str,
    overrides: &[String],
    env: &dyn Fn(&str) -> Option<String>,
) -> (Option<JobSpec>, Diagnostics) {
    let mut out = Diagnostics::default();
    let text = JobText::new(path, text, overrides);
    let Some(mut root) = parse_file(&text, &mut out) else { return (None, out) };
    apply_overrides(&mut root, &text, &mut out);
    let dir = path.parent().map(|dir| dir.display().to_string()).filter(|dir| !dir.is_empty());
    let job_dir = dir.unwrap_or_else(|| ".".into());
    let mut tests = root.take("tests");
    let mut variables = Variables { env, job_dir, secrets: Vec::new(), out: &mut out };
    variables.table(&mut root);
    tests.iter_mut().for_each(|tests| test::variables(tests, &mut variables));
    let text = text.clone().with_secrets(variables.secrets);
    let cx = &mut Cx { text: &text, out: &mut out, schemas: Vec::new(), doubtful: false, guessed: false };
    let mut job = job(cx, &root);
    job.tests = tests.map(|tests| test::tests(cx, &tests)).unwrap_or_default();
    (Some(job), out)
}

fn job(cx: &mut Cx, root: &Table) -> JobSpec {
    top_level(cx, root);
    cx.schemas = schema::named(cx, root);
    let JobTable { name, parallelism, max_parallelism, memory, restart } = job_table(cx, root);
    let mut job = JobSpec {
        text: cx.text.clone(),
        name,
        parallelism,
        max_parallelism,
        memory,
        checkpoint: checkpoint(cx, root),
        restart: restart.as_ref().map(|r| r.value),
        nodes: Vec::new(),
        broken: Vec::new(),
        tests: Vec::new(),
    };
    let mut entries: Vec<(&str, &Entry)> = Vec::new();
    for room in ROOMS {
        let mut nodes: Vec<&Entry> = room_entries(cx, root, room).iter().collect();
        nodes.extend(misnamed(root, room));
        entries.extend(nodes.iter().map(|entry| (room, *entry)));
        let is_meant = root.get(room).is_some() || root.entries.iter().any(|e| room_of(&e.key.value) == Some(room));
        if nodes.is_empty() && room != "transforms" && !is_meant {
            let help = if room == "sources" { "[sources.NAME]" } else { "[sinks.NAME]" };
            cx.push(Diagnostic::error(format!("the job has no {room}")).help(format!("add a table {help}")));
        }
    }
    entries.sort_by_key(|(_, entry)| place(&entry.key.span));
    let unread = root.entries.iter().filter(|entry| room_of(&entry.key.value).is_some());
    for table in unread {
        if let Kind::Table(nodes) = &table.value.kind {
            job.broken.extend(nodes.entries.iter().map(|node| node.key.value.clone()));
        }
    }
    for (i, (room, entry)) in entries.iter().enumerate() {
        check_name(cx, entry, entries[..i].iter().find(|(_, e)| e.key.value == entry.key.value));
        (cx.doubtful, cx.guessed) = (false, false);
        match node(cx, room, entry) {
            Some(node) if !cx.doubtful => job.nodes.extend(source::outputs(node)),
            _ => job.broken.push(entry.key.value.clone()),
        }
    }
    if let Some(restart) = restart {
        check_restart(cx, &job, &restart);
    }
    // What could not be read may have named one.
    if job.broken.is_empty() {
        schema::unused(cx);
    }
    job
}

/// Order written: the file, then the overrides.
pub(super) fn place(span: &Span) -> (usize, usize) {
    match span {
        Span::File(range) => (0, range.start),
        Span::Override { index, range } => (index + 1, range.start),
    }
}

fn top_level(cx: &mut Cx, root: &Table) {
    let names = TOP.names();
    for entry in &root.entries {
        let word = entry.key.value.as_str();
        if names.contains(&word) {
            continue;
        }
        let all = "a job file has [job], [checkpoint], [schemas.NAME], [sources.NAME], [transforms.NAME], [sinks.NAME], [[tests]]"
            .to_string();
        let diagnostic = if TOP.later.contains(&word) {
            Diagnostic::error(format!("[{word}] is not there yet")).label("not there yet").help(all)
        } else if matches!(entry.value.kind, Kind::Table(_)) {
            let help = did_you_mean(word, &names, &all);
            Diagnostic::error(format!("unknown table `{word}`")).label("unknown table").help(help)
        } else {
            let help = if CHECKPOINT.names().contains(&word) {
                format!("write it below [checkpoint]; {all}")
            } else if JOB.names().contains(&word) {
                format!("write it below [job]; {all}")
            } else {
                all
            };
            Diagnostic::error(format!("unknown option `{word}` outside of all tables"))
                .label("unknown option")
                .help(help)
        };
        cx.push(diagnostic.at(&entry.key.span));
    }
}

/// What `[job]` says.
struct JobTable {
    name: String,
    parallelism: Option<Spanned<usize>>,
    max_parallelism: Spanned<u32>,
    memory: Option<u64>,
    restart: Option<Spanned<RestartSpec>>,
}

fn job_table(cx: &mut Cx, root: &Table) -> JobTable {
    let stem = cx.text.path.file_stem().map_or_else(|| "job".into(), |stem| stem.to_string_lossy().into_owned());
    let start = Span::File(0..0);
    let default = |span: &Span| Spanned { value: MAX_PARALLELISM, span: span.clone() };
    let table = match root.get("job") {
        Some(value) => match &value.kind {
            Kind::Table(table) => Some((table, &value.span)),
            _ => {
                cx.wrong_type("job", value, "a table [job]");
                None
            }
        },
        None => None,
    };
    let Some((table, span)) = table else {
        return JobTable {
            name: stem,
            parallelism: None,
            max_parallelism: default(&start),
            memory: None,
            restart: None,
        };
    };
    let fields = Fields::new(cx, table, &JOB, "[job]".into(), span);
    let name = fields.text(cx, "name");
    if let Some(text) = name.as_ref().filter(|text| !is_job_name(&text.value)) {
        let error = Diagnostic::error("this cannot be the name of a job").at(&text.locate(0..text.value.len()));
        cx.push(
            error
                .label("not a name")
                .help("it names a folder: letters, digits, `_`, `-`, `.` and spaces, not starting with `.`"),
        );
    }
    let max = fields.count(cx, "max_parallelism", 1, MAX_PARALLELISM_LIMIT);
    let max = max.map_or_else(|| default(span), |m| Spanned { value: m.value as u32, span: m.span });
    let parallelism = fields.count(cx, "parallelism", 1, MAX_PARALLELISM_LIMIT);
    let parallelism = parallelism.map(|p| Spanned { value: p.value as usize, span: p.span });
    if let Some(p) = parallelism.as_ref().filter(|p| p.value > max.value as usize) {
        let message = format!("`parallelism` is greater than `max_parallelism`, which is {}", max.value);
        let help = "each subtask needs a key group of its own: raise max_parallelism or lower parallelism";
        cx.push(Diagnostic::error(message).at(&p.span).label("too many").help(help));
    }
    let memory = fields.size(cx, "memory");
    if let Some(memory) = memory.as_ref().filter(|memory| memory.value < MEMORY_MIN) {
        let error = Diagnostic::error("`memory` is too small").at(&memory.span).label("less than 64 MiB");
        cx.push(error.help("the program takes some 30 MB for itself: memory = \"64MiB\" is the least"));
    }
    let memory = memory.map(|memory| memory.value);
    let restart = restart(cx, &fields);
    JobTable { name: name.map_or(stem, |text| text.value), parallelism, max_parallelism: max, memory, restart }
}

fn is_job_name(name: &str) -> bool {
    !name.starts_with('.') && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' '))
}

fn room_entries<'a>(cx: &mut Cx, root: &'a Table, room: &str) -> &'a [Entry] {
    match root.get(room).map(|value| (value, &value.kind)) {
        Some((_, Kind::Table(table))) => &table.entries,
        Some((value, Kind::Array(_))) => {
            let error = Diagnostic::error(format!("nodes are tables [{room}.NAME], not a list of tables"));
            let help = format!("write [{room}.NAME] with the name of the node, instead of `name` inside");
            cx.push(error.at(&value.span).label("a list of tables").help(help));
            &[]
        }
        Some((value, _)) => {
            cx.wrong_type(room, value, &format!("tables [{room}.NAME]"));
            &[]
        }
        None => &[],
    }
}

fn check_name(cx: &mut Cx, entry: &Entry, earlier: Option<&(&str, &Entry)>) {
    let key = &entry.key;
    let mut chars = key.value.chars();
    let good = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if !good {
        let error = Diagnostic::error(format!("`{}` cannot be the name of a node", key.value)).at(&key.span);
        cx.push(error.label("not a name").help("a letter or `_`, then letters, digits, `_` and `-`"));
    }
    if let Some((room, earlier)) = earlier {
        let (line, _) = cx.text.line_column(&earlier.key.span);
        let error = Diagnostic::error(format!("the name `{}` is taken", key.value)).at(&key.span);
        let help =
            format!("[{room}.{}] in line {line} has it; state is kept by name, so each node needs its own", key.value);
        cx.push(error.label("the second node of this name").help(help));
    }
}

const ROOMS: [&str; 3] = ["sources", "transforms", "sinks"];

/// The section that an unknown table at the top was probably meant to be.
fn room_of(word: &str) -> Option<&'static str> {
    if TOP.names().contains(&word) { None } else { suggest(word, &ROOMS) }
}

/// Nodes in a table whose name is nearly `room`, such as `[source.x]`: the name has been reported, what they hold is
/// looked at all the same.
fn misnamed<'a>(root: &'a Table, room: &str) -> Vec<&'a Entry> {
    let tables = root.entries.iter().filter(|entry| room_of(&entry.key.value) == Some(room));
    let inside = tables.filter_map(|entry| match &entry.value.kind {
        Kind::Table(table) => Some(table.entries.iter()),
        _ => None,
    });
    let is_node = |entry: &&Entry| matches!(&entry.value.kind, Kind::Table(node) if node.get("type").is_some());
    inside.flatten().filter(is_node).collect()
}

/// `None` after a diagnostic.
fn node(cx: &mut Cx, room: &str, entry: &Entry) -> Option<NodeSpec> {
    let name = entry.key.clone();
    let Kind::Table(table) = &entry.value.kind else {
        cx.wrong_type(&name.value, &entry.value, &format!("a table [{room}.{}]", name.value));
        return None;
    };
    let (kind, inputs) = match room {
        "sources" => (NodeKind::Source(Box::new(source::source(cx, &name, table)?)), Vec::new()),
        "transforms" => return transform::transform(cx, &name, table),
        _ => {
            let (sink, inputs) = sink::sink(cx, &name, table)?;
            (NodeKind::Sink(sink), inputs)
        }
    };
    Some(NodeSpec { name, kind, inputs, on_error: None, parallelism: None })
}
