//! The documentation is true: what it shows is run here.
//!
//! In `README.md` and `docs/*.md`
//!
//! * blocks marked `console` hold commands (`$ …`) and what they print, stdout and stderr together. They are run one
//!   after another in a folder with copies of `jobs/` and `testdata/`, one folder a document. Every command must exit
//!   with 0 and print just what is shown; a line `…` stands for any number of lines, and times are not compared.
//!   `cargo run --release --` is `flott`, the folder is called `/home/ada/flott`. In blocks marked `console terminal`
//!   stdout sinks print tables, as they do on a terminal, and the summary is not compared. In blocks marked
//!   `console moment`, where what is printed depends on when a command was typed, numbers and the widths of columns
//!   are not compared;
//! * blocks marked `toml` are TOML. Those with a source are checked by `flott check`; one without a sink gets a sink
//!   for each of its nodes. One that begins with `# NAME.toml` is a file of that name for the commands behind it;
//! * the lists of functions and aggregates are made from their tables;
//! * relative links lead somewhere.
//!
//! With `FLOTT_BLESS=1` in the environment, output and lists are written into the documents instead of compared. Lines
//! that `…` left out come back then: read the difference before keeping it.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flott::expr::{aggregate, function};
use regex::Regex;

use crate::jobs::workplace;
use crate::program::Folder;

/// A fenced block: what it is marked with, and its lines without the fences.
struct Block {
    mark: String,
    lines: Range<usize>,
}

struct Document {
    path: PathBuf,
    lines: Vec<String>,
}

impl Document {
    fn read(path: &Path) -> Document {
        let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Document { path: path.to_owned(), lines: text.lines().map(str::to_owned).collect() }
    }

    fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<(String, usize)> = None;
        for (number, line) in self.lines.iter().enumerate() {
            let Some(mark) = line.strip_prefix("```") else { continue };
            match open.take() {
                None => open = Some((mark.trim().to_owned(), number + 1)),
                Some((mark, first)) => blocks.push(Block { mark, lines: first..number }),
            }
        }
        assert!(open.is_none(), "{}: a block is not closed", self.path.display());
        blocks
    }

    fn write(&self) {
        fs::write(&self.path, self.lines.join("\n") + "\n").unwrap();
    }
}

fn documents() -> Vec<PathBuf> {
    let mut paths = vec![PathBuf::from("README.md")];
    paths.extend(fs::read_dir("docs").unwrap().map(|entry| entry.unwrap().path()));
    paths.retain(|path| path.extension().is_some_and(|e| e == "md"));
    paths.sort();
    paths
}

fn blessing() -> bool {
    std::env::var_os("FLOTT_BLESS").is_some()
}

/// Runs a command line as a reader would type it. Its output, and whether it went well.
fn run(folder: &Folder, line: &str, terminal: bool) -> (Vec<String>, bool) {
    let mut line = line.replace("cargo run --release --", "flott");
    if terminal {
        line.push_str(" --quiet -D sinks.out.format=table");
    }
    let binary = Path::new(env!("CARGO_BIN_EXE_flott")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("bash");
    command.args(["-c", &format!("exec 2>&1\n{line}")]).current_dir(folder.path("")).env("PATH", path);
    command.env_remove("NO_COLOR").env_remove("WORD").env_remove("PORT").env("FLOTT_STATE_DIR", folder.state());
    command.stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let name = |path: PathBuf| path.display().to_string().trim_end_matches('/').to_owned();
    let text = text.replace(&name(folder.path("")), "/home/ada/flott");
    let text = text.replace(&name(folder.state()), "/home/ada/.local/state/flott");
    (text.lines().map(str::to_owned).collect(), output.status.success())
}

/// Times differ from run to run.
fn without_times(line: &str) -> String {
    let times = Regex::new(r"\d+\.\d+ s, [\d,]+ rows/s").unwrap();
    let report = Regex::new(r#"("rows_per_second": ?|"seconds": ?)[\d.e-]+"#).unwrap();
    let log = Regex::new(r#""time":"[^"]+""#).unwrap();
    let line = &log.replace(line, "TIME");
    report.replace(&times.replace(line, "TIME"), "$1TIME").into_owned()
}

/// What depends on when a command was typed.
fn without_moment(line: &str) -> String {
    let numbers = Regex::new(r"\d[\d,.]*").unwrap().replace_all(line, "N");
    // A span of time has the unit that suits it.
    let spans = Regex::new(r"\bN [smh]\b").unwrap().replace_all(&numbers, "SPAN");
    Regex::new(" {2,}").unwrap().replace_all(&spans, "  ").into_owned()
}

/// Whether the lines are those expected, where `…` stands for any number of them. `without` takes out of a line what is
/// not compared.
fn matches(expected: &[String], lines: &[String], without: fn(&str) -> String) -> bool {
    let same = |line: &String, expected: &String| without(line) == without(expected);
    match expected.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first.trim() == "…" => {
            (0..=lines.len()).any(|skip| matches(rest, &lines[skip..], without))
        }
        Some((first, rest)) => {
            lines.first().is_some_and(|line| same(line, first)) && matches(rest, &lines[1..], without)
        }
    }
}

/// The commands of a console block, each with the lines it is to print.
fn commands(document: &Document, block: &Block) -> Vec<(String, Range<usize>)> {
    let starts: Vec<usize> = block.lines.clone().filter(|&n| document.lines[n].starts_with("$ ")).collect();
    assert!(starts.first() == Some(&block.lines.start), "{}: a console begins with `$ `", document.path.display());
    let ends = starts.iter().skip(1).copied().chain([block.lines.end]);
    starts.iter().zip(ends).map(|(&start, end)| (document.lines[start][2..].to_owned(), start + 1..end)).collect()
}

fn console(document: &Document, block: &Block, folder: &Folder, blessed: &mut Vec<(Range<usize>, Vec<String>)>) {
    let terminal = block.mark == "console terminal";
    let without = if block.mark == "console moment" { without_moment } else { without_times };
    for (line, shown) in commands(document, block) {
        let at = format!("{}:{}: {line}", document.path.display(), shown.start);
        let (lines, success) = run(folder, &line, terminal);
        assert!(success, "{at}\nfailed:\n{}", lines.join("\n"));
        let expected = &document.lines[shown.clone()];
        let until = expected.iter().position(|l| terminal && l.contains(" finished after ")).unwrap_or(expected.len());
        if matches(&expected[..until], &lines, without) {
            continue;
        }
        assert!(blessing(), "{at}\nprints\n{}\nand not\n{}", lines.join("\n"), expected[..until].join("\n"));
        blessed.push((shown.start..shown.start + until, lines));
    }
}

/// A job file: what `flott check` says to it. What is less is only looked at as TOML.
fn toml_block(document: &Document, block: &Block, folder: &Folder) {
    let lines = &document.lines[block.lines.clone()];
    let at = format!("{}:{}", document.path.display(), block.lines.start);
    let mut text = lines.join("\n");
    let table: toml::Table = text.parse().unwrap_or_else(|e| panic!("{at}: {e}"));
    let nodes = |section: &str| -> Vec<String> {
        let section = table.get(section).and_then(toml::Value::as_table);
        section.map(|nodes| nodes.keys().cloned().collect()).unwrap_or_default()
    };
    let sources = nodes("sources");
    if sources.is_empty() {
        return;
    }
    if nodes("sinks").is_empty() {
        for name in sources.iter().chain(&nodes("transforms")) {
            text.push_str(&format!("\n[sinks.sink_{name}]\ntype = \"blackhole\"\ninput = \"{name}\"\n"));
        }
    }
    let name = lines[0].strip_prefix("# ").filter(|name| name.ends_with(".toml") && !name.contains(' '));
    folder.write(name.unwrap_or("block.toml"), &text);
    let ran = folder.flott(&format!("check {}", name.unwrap_or("block.toml")));
    assert_eq!(ran.code, Some(0), "{at}\n{}", ran.stderr);
}

#[test]
fn what_the_documents_show_is_so() {
    for path in documents() {
        let mut document = Document::read(&path);
        let folder = workplace();
        let mut blessed = Vec::new();
        for block in document.blocks() {
            match block.mark.as_str() {
                "console" | "console terminal" | "console moment" => console(&document, &block, &folder, &mut blessed),
                "toml" => toml_block(&document, &block, &folder),
                "text" | "sh" | "sql" | "python" => {}
                other => panic!("{}:{}: what is `{other}`?", path.display(), block.lines.start),
            }
        }
        if !blessed.is_empty() {
            for (range, lines) in blessed.into_iter().rev() {
                document.lines.splice(range, lines);
            }
            document.write();
        }
    }
}

#[test]
fn the_job_of_the_tour_is_the_quickstart() {
    let document = Document::read(Path::new("README.md"));
    let block = document.blocks().into_iter().find(|block| block.mark == "toml").unwrap();
    let shown: toml::Table = document.lines[block.lines].join("\n").parse().unwrap();
    let mut job: toml::Table = fs::read_to_string("jobs/quickstart.toml").unwrap().parse().unwrap();
    // The tour is not about its tests.
    job.remove("tests");
    assert_eq!(shown, job);
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)#:]+)(#[^)]*)?\)").unwrap();
    for path in documents().into_iter().chain([PathBuf::from("jobs/README.md")]) {
        for found in link.captures_iter(&fs::read_to_string(&path).unwrap()) {
            let target = path.parent().unwrap().join(&found[1]);
            assert!(target.exists(), "{}: {} is not there", path.display(), target.display());
        }
    }
}

/// The list of functions as Markdown, a table for each family.
fn functions() -> Vec<String> {
    let cell = |text: &str| text.replace('|', "\\|");
    let mut lines = Vec::new();
    for (title, tables) in function::FAMILIES {
        lines.extend(["".to_owned(), format!("### {title}"), "".to_owned()]);
        lines.extend(["| function | gives | for example |".to_owned(), "|---|---|---|".to_owned()]);
        for f in tables.iter().copied().flatten() {
            let (example, value) = f.example;
            lines.push(format!(
                "| `{}` | {}{} | `{}` → `{}` |",
                cell(f.signature),
                cell(f.doc),
                also(f.aliases),
                cell(example),
                cell(value)
            ));
        }
    }
    lines.push("".to_owned());
    lines
}

/// The list of aggregates as Markdown.
fn aggregates() -> Vec<String> {
    let mut lines = vec!["| aggregate | gives | for example |".to_owned(), "|---|---|---|".to_owned()];
    for a in aggregate::all() {
        let row = |values: &&[&str]| match values {
            [one] => (*one).to_owned(),
            more => format!("({})", more.join(", ")),
        };
        let rows = a.example.rows.iter().map(row).collect::<Vec<_>>().join(", ");
        lines.push(format!(
            "| `{}` | {}{} | `{}` of {rows} → `{}` |",
            a.signature,
            a.doc,
            also(a.aliases),
            a.example.call,
            a.example.result
        ));
    }
    lines
}

fn also(aliases: &[&str]) -> String {
    match aliases {
        [] => String::new(),
        names => format!("; also {}", names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")),
    }
}

/// The lines between `<!-- WHAT -->` and `<!-- end of WHAT -->` are these.
fn check_list(what: &str, now: Vec<String>) {
    let mut document = Document::read(Path::new("docs/expressions.md"));
    let place = |mark: String| document.lines.iter().position(|line| *line == mark).unwrap_or_else(|| panic!("{mark}"));
    let range = place(format!("<!-- {what} -->")) + 1..place(format!("<!-- end of {what} -->"));
    if document.lines[range.clone()] != now[..] {
        assert!(blessing(), "docs/expressions.md does not list the {what} there are: FLOTT_BLESS=1 writes them");
        document.lines.splice(range, now);
        document.write();
    }
}

#[test]
fn the_lists_of_functions_are_those_of_the_tables() {
    check_list("functions", functions());
    check_list("aggregates", aggregates());
    let text = fs::read_to_string("docs/expressions.md").unwrap();
    for (name, _) in function::FORMS {
        assert!(text.to_lowercase().contains(&format!("{name}(")), "{name} is not in docs/expressions.md");
    }
}

/// Names and words of the tables in `src/spec`: every one has a place in the reference.
#[test]
fn every_option_is_described() {
    let reference = fs::read_to_string("docs/job-file.md").unwrap() + &fs::read_to_string("docs/formats.md").unwrap();
    let entry = Regex::new(r#"\("([a-z_-]+)", [A-Z"\\]"#).unwrap();
    let mut seen = 0;
    for file in ["options", "checkpoint", "source", "transform", "sink", "window", "format", "schema", "test"] {
        let text = fs::read_to_string(format!("src/spec/{file}.rs")).unwrap();
        for found in entry.captures_iter(&text) {
            let name = &found[1];
            let forms = [
                format!("`{name}`"),
                format!("`{name} "),
                format!("\"{name}\""),
                format!("[{name}]"),
                format!("[{name}."),
                format!("{{ {name} ="),
            ];
            assert!(forms.iter().any(|form| reference.contains(form)), "{name} ({file}.rs) is not in docs/job-file.md");
            seen += 1;
        }
    }
    assert!(seen > 80, "the tables of src/spec look different: {seen} entries found");
}
