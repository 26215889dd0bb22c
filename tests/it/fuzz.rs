//! Job files with all sorts of mistakes: reading them never panics, never hangs, and ends with a plan or with an error
//! that has its place inside of the text.
//!
//! `PROPTEST_CASES=100000 cargo test --test it fuzz::` runs it long.

use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use flott::plan::logical::build;
use flott::spec::{self, JobText, Span};
use proptest::prelude::*;
use proptest::sample::Index;

/// All job files there are: examples, those of the documentation and those that are wrong already.
static JOBS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("jobs"), root.join("docs"), root.join("tests/it/wrong")];
    let mut jobs = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = || std::fs::read_to_string(&path).unwrap();
            match path.extension().and_then(|e| e.to_str()) {
                _ if path.is_dir() => folders.push(path),
                Some("toml") => jobs.push(text()),
                Some("md") => jobs.extend(blocks(&text())),
                _ => {}
            }
        }
    }
    assert!(jobs.len() > 100);
    jobs
});

/// The TOML in a page.
fn blocks(page: &str) -> Vec<String> {
    let parts = page.split("```toml\n").skip(1);
    parts.filter_map(|part| part.split_once("```")).map(|(block, _)| block.to_string()).collect()
}

/// Words, numbers, and each other character alone.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut in_word = false;
    for c in text.chars() {
        let is_word = c.is_alphanumeric() || c == '_';
        match tokens.last_mut() {
            Some(last) if is_word && in_word => last.push(c),
            _ => tokens.push(c.to_string()),
        }
        in_word = is_word;
    }
    tokens
}

/// What stands in for a token.
const STRANGE: [&str; 60] = [
    "0",
    "-1",
    "1e308",
    "1e999",
    "nan",
    "inf",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "99999999999999999999999999999999999999999999",
    "0.00000000000000000000000000000000000001",
    "true",
    "''",
    "\"\"",
    "'''",
    "\"\"\"",
    "[]",
    "{}",
    "[[",
    "]]",
    "\\",
    "\\u0000",
    "\u{0}",
    "\u{feff}",
    "é",
    "🎉",
    "\t",
    "\r\n",
    "#",
    "${X}",
    "${X:-",
    "${file:/dev/null}",
    "${}",
    "$$",
    "1979-05-27T07:32:00Z",
    "count(*)",
    "(",
    ")",
    "NULL",
    "CAST",
    "INTERVAL",
    "OVER",
    "*",
    "--",
    "/*",
    "%",
    "%Q",
    "list<",
    "decimal(99,99)",
    "decimal(-1,300)",
    "9999999999w",
    "1us",
    "0s",
    "-5s",
    "18446744073709551615",
    "1TiB",
    "string",
    "timestamp",
    "window_start",
    "AS",
];

#[derive(Debug, Clone)]
enum Change {
    Delete(Index),
    Double(Index),
    Strange(Index, Index),
    Swap(Index, Index),
    Copy(Index, Index),
    Bytes(Index, String),
    Nest(Index, char, u16),
    Cut(Index),
    DeleteLine(Index),
    DoubleLine(Index),
    Other(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        at().prop_map(Change::Delete),
        at().prop_map(Change::Double),
        (at(), at()).prop_map(|(a, b)| Change::Strange(a, b)),
        (at(), at()).prop_map(|(a, b)| Change::Strange(a, b)),
        (at(), at()).prop_map(|(a, b)| Change::Swap(a, b)),
        (at(), at()).prop_map(|(a, b)| Change::Copy(a, b)),
        (at(), ".{0,8}").prop_map(|(a, text)| Change::Bytes(a, text)),
        (at(), prop::sample::select(vec!['(', '[', '{', '-', '.', '\'', '<']), 0u16..400)
            .prop_map(|(a, c, n)| Change::Nest(a, c, n)),
        at().prop_map(Change::Cut),
        at().prop_map(Change::DeleteLine),
        at().prop_map(Change::DoubleLine),
        (at(), at()).prop_map(|(a, b)| Change::Other(a, b)),
    ]
}

fn apply(text: &str, change: &Change) -> String {
    let mut parts = tokens(text);
    if parts.is_empty() {
        return text.to_string();
    }
    let count = parts.len();
    match change {
        Change::Delete(at) => {
            parts.remove(at.index(count));
        }
        Change::Double(at) => parts.insert(at.index(count), parts[at.index(count)].clone()),
        Change::Strange(at, which) => parts[at.index(count)] = STRANGE[which.index(STRANGE.len())].to_string(),
        Change::Swap(a, b) => parts.swap(a.index(count), b.index(count)),
        Change::Copy(a, b) => parts[b.index(count)] = parts[a.index(count)].clone(),
        Change::Bytes(at, text) => parts.insert(at.index(count), text.clone()),
        Change::Nest(at, c, times) => parts.insert(at.index(count), c.to_string().repeat(usize::from(*times))),
        Change::Cut(at) => parts.truncate(at.index(count)),
        Change::DeleteLine(at) => {
            return lines(text, |lines| {
                lines.remove(at.index(lines.len()));
            });
        }
        Change::DoubleLine(at) => return lines(text, |lines| lines.insert(0, lines[at.index(lines.len())])),
        Change::Other(at, job) => {
            let other = &JOBS[job.index(JOBS.len())];
            let line = other.lines().nth(at.index(other.lines().count().max(1))).unwrap_or("").to_string();
            return lines(text, |lines| lines.insert(at.index(lines.len()), &line));
        }
    }
    parts.concat()
}

fn lines<'a>(text: &'a str, change: impl FnOnce(&mut Vec<&'a str>)) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    change(&mut lines);
    lines.concat()
}

/// As [`check_here`], with the stack that a program has by default: threads of tests have less.
fn check(text: &str) {
    let text = text.to_string();
    let thread = std::thread::Builder::new().stack_size(8 << 20).spawn(move || check_here(&text)).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Reads and plans a job, as `flott check` does, without looking at files.
fn check_here(text: &str) {
    let began = Instant::now();
    let path = Path::new("job.toml");
    let (job, mut found) = spec::parse(path, text, &[], &|_| None);
    let is_read = job.is_some();
    let written = job.as_ref().map_or_else(|| JobText::new(path, text, &[]), |job| job.text.clone());
    let mut has_plan = false;
    if let Some(job) = &job {
        let (plan, more) = build(job);
        has_plan = plan.is_some();
        found.append(more);
    }
    assert!(has_plan || found.has_errors(), "nothing is said of\n{text}");
    assert!(is_read || found.error_count() < 200, "{} errors of syntax", found.error_count());
    for diagnostic in found.iter() {
        let Some(Span::File(range)) = &diagnostic.span else { continue };
        let inside = range.start <= range.end && range.end <= written.text.len();
        let whole = written.text.is_char_boundary(range.start) && written.text.is_char_boundary(range.end);
        assert!(inside && whole, "{range:?} of {} bytes: {diagnostic:?}\n{text}", written.text.len());
        assert!(!diagnostic.message.is_empty());
    }
    assert_eq!(found.render(&written, false).is_empty(), found.is_empty());
    assert!(began.elapsed() < Duration::from_secs(20), "{:?} for\n{text}", began.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_jobs_are_answered(job in any::<Index>(), changes in prop::collection::vec(change(), 1..6)) {
        let job = JOBS[job.index(JOBS.len())].clone();
        check(&changes.iter().fold(job, |text, change| apply(&text, change)));
    }

    #[test]
    fn any_text_is_answered(text in "(?s).{0,400}") {
        check(&text);
    }
}

#[test]
fn depth_and_length_are_answered() {
    let job = |value: &str| {
        format!(
            "[sources.s]\ntype = 'stdin'\nformat = 'lines'\n[transforms.t]\ntype = 'filter'\ninput = 's'\nwhere = {value}\n[sinks.o]\ntype = 'stdout'\ninput = 't'\n"
        )
    };
    let many = 20_000;
    for value in [
        format!("'{}'", "(".repeat(many)),
        format!("'{}1'", "NOT ".repeat(many)),
        format!("'{}'", vec!["line"; many].join(" || ")),
        format!("'{}line{}'", "upper(".repeat(100), ")".repeat(100)),
        format!("'{}line{}'", "greatest(".repeat(40), ", line)".repeat(40)),
        format!("'{}line{}'", "nullif(".repeat(60), ", line)".repeat(60)),
        "[".repeat(many),
        "{a=".repeat(many),
        format!("{}1{}", "[".repeat(many), "]".repeat(many)),
        format!("'{}'", "x".repeat(1 << 20)),
        format!("\"{}\"", "\\u00e9".repeat(many)),
    ] {
        check(&job(&value));
    }
    check(&format!("{}=1", vec!["a"; many].join(".")));
    check(
        &(0..2000)
            .map(|i| format!("[transforms.t{i}]\ntype = 'filter'\ninput = 't{}'\nwhere = 'x'\n", i + 1))
            .collect::<String>(),
    );
}
