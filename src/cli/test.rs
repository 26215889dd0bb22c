//! `flott test`: the job's own tests. Rows go in where the sources are, rows come out where the test looks, and nothing
//! outside is read or written.
//!
//! Each test runs twice: on one thread with its input in one piece, and on several with a block for each record. What
//! comes out must be the same. `names` finds what a test speaks of, `trial` runs it between the `ends` of a test, `rows` makes rows comparable,
//! `diff` shows how they differ, `bless` writes what came into the job file.

mod bless;
mod diff;
mod ends;
mod names;
mod rows;
mod trial;

use std::path::Path;

use super::args::TestArgs;
use super::launch::quoted;
use super::prepare::{self, Prepared};
use super::screen::{Paint, Screen, plain_text};
use super::{EXIT_WRONG, print};
use crate::error::Error;
use crate::spec::{self, Diagnostics, JobSpec, TestSpec};

pub use names::check;

/// What came of the tests of one file, or of several.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    passed: usize,
    failed: usize,
    /// Tests that could not be run as they are written.
    wrong: usize,
    /// Expectations that were written anew.
    blessed: usize,
}

/// What came of a test.
enum Verdict {
    Passed,
    /// What is said about it.
    Failed(String),
    Wrong(Box<(Diagnostics, spec::JobText)>),
    /// New expectations, and how many.
    Blessed(Vec<bless::Edit>),
}

pub fn test(args: &TestArgs) -> u8 {
    let screen = Screen::new(args.color);
    let mut count = Count::default();
    let mut ran = 0;
    for path in &args.paths {
        match file(path, args, &screen) {
            Ok(counted) => {
                ran += counted.passed + counted.failed + counted.wrong;
                count.add(counted);
            }
            Err(code) => return code,
        }
    }
    if ran == 0 {
        return screen.refuse(&none(args));
    }
    print(&format!("{}\n", count.summary()));
    match count {
        Count { wrong: 1.., .. } => EXIT_WRONG,
        Count { failed: 1.., .. } => 1,
        _ => 0,
    }
}

fn none(args: &TestArgs) -> Error {
    match &args.filter {
        Some(filter) => Error::usage(format!("no test has {} in its name", quoted(filter))),
        None => {
            Error::usage("there are no tests").note("a test is a table [[tests]] in the job file: see docs/job-file.md")
        }
    }
}

/// Runs the tests of one file; errors have been said.
fn file(path: &Path, args: &TestArgs, screen: &Screen) -> Result<Count, u8> {
    let loaded = spec::load(path, &args.overrides);
    let tests = loaded.job.as_ref().map(|job| job.tests.clone()).unwrap_or_default();
    let chosen = |test: &&TestSpec| args.filter.as_ref().is_none_or(|filter| test.name.value.contains(filter));
    let base = prepare::resolve(loaded, None);
    // A test with variables of its own is read again with them.
    let needs_base = tests.is_empty() || tests.iter().any(|test| !has_own(test));
    if base.job.is_none() && needs_base {
        screen.diagnostics(&base.found, &base.text);
        return Err(EXIT_WRONG);
    }
    let (mut count, mut edits) = (Count::default(), Vec::new());
    if tests.iter().any(|test| chosen(&test)) {
        print(&format!("{}\n", path.display()));
    }
    for test in tests.iter().filter(chosen) {
        let own = has_own(test).then(|| again(&base, test, &args.overrides));
        let verdict = one(own.as_ref().unwrap_or(&base), test, args);
        say(&verdict, test, args);
        match verdict {
            Verdict::Passed => count.passed += 1,
            Verdict::Failed(_) => count.failed += 1,
            Verdict::Wrong(wrong) => {
                screen.diagnostics(&wrong.0, &wrong.1);
                count.wrong += 1;
            }
            Verdict::Blessed(new) => {
                count.passed += 1;
                count.blessed += new.len();
                edits.extend(new);
            }
        }
    }
    match bless::write(path, &base.text.text, edits) {
        Ok(()) => Ok(count),
        Err(error) => Err(screen.refuse(&error)),
    }
}

fn has_own(test: &TestSpec) -> bool {
    !test.variables.is_empty() || !test.overrides.is_empty()
}

/// The job with the variables and overrides of a test.
fn again(base: &Prepared, test: &TestSpec, overrides: &[String]) -> Prepared {
    let own = |name: &str| test.variables.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
    let env = |name: &str| own(name).or_else(|| std::env::var(name).ok());
    let overrides = [overrides, &test.overrides].concat();
    let (job, diagnostics) = spec::parse(&base.text.path, &base.text.text, &overrides, &env);
    let text = job.as_ref().map_or_else(|| base.text.clone(), |job| job.text.clone());
    prepare::resolve(spec::Loaded { text, job, diagnostics }, None)
}

fn one(prepared: &Prepared, test: &TestSpec, args: &TestArgs) -> Verdict {
    let Some((job, plan)) = &prepared.job else {
        let found = prepared.found.clone();
        let said = found.render(&prepared.text, false);
        return match &test.fails {
            Some(fails) if said.contains(&fails.value) => Verdict::Passed,
            _ => Verdict::Wrong(Box::new((found, prepared.text.clone()))),
        };
    };
    let trial = match trial::Trial::new(job, plan, test) {
        Ok(trial) => trial,
        Err(found) => return Verdict::Wrong(Box::new((found, prepared.text.clone()))),
    };
    let [alone, several] = [trial.run(job, trial::Way::Alone), trial.run(job, trial::Way::Several)];
    if let Some(fails) = &test.fails {
        return trial::fails(&fails.value, [alone, several]);
    }
    let (alone, several) = match (alone, several) {
        (Ok(alone), Ok(several)) => (alone, several),
        (Err(error), _) | (_, Err(error)) => {
            return Verdict::Failed(plain_text(&prepare::redact(&job.text, error)));
        }
    };
    compare(job, &trial, test, [alone, several], args)
}

/// As where ways of a `route` meet again.
const ORDER_OF_BLOCKS: &str = "the order of its rows depends on how the input is cut into blocks: - one block, + a \
                               block for each record; with order = \"any\" in the test it does not count";

fn compare(job: &JobSpec, trial: &trial::Trial, test: &TestSpec, came: [trial::Came; 2], args: &TestArgs) -> Verdict {
    let (mut said, mut edits) = (String::new(), Vec::new());
    let paint = Paint::stdout(args.color);
    for (index, given) in test.expects.iter().enumerate() {
        let schema = trial.schema(index);
        let name = &given.node.value;
        let (line, _) = job.text.line_column(&given.span);
        let place = format!("{}:{line}", job.text.path.display());
        let [alone, several] = [0, 1].map(|way| rows::Cells::parse(&came[way].rows[index]));
        if !alone.same(&several, test.ordered) {
            let unlike = diff::diff(&alone, &several, paint);
            said += &match alone.same(&several, false) {
                true => format!("expect.{name}: {ORDER_OF_BLOCKS}\n{unlike}"),
                false => format!("expect.{name} depends on the parallelism: - at 1, + at several\n{unlike}"),
            };
            continue;
        }
        let expected = match rows::expected(&given.rows, schema) {
            Ok(expected) => expected,
            // What was wrong is written anew, in all its columns.
            Err(_) if args.bless => rows::Cells::nothing(),
            Err(reason) => {
                said += &format!("expect.{name} ({place}): {reason}\n");
                continue;
            }
        };
        let got = alone.project(&expected.columns);
        if expected.same(&got, test.ordered) {
            continue;
        }
        if args.bless {
            match bless::edit(given, &got, schema) {
                Ok(edit) => edits.push(edit),
                Err(reason) => said += &format!("expect.{name} ({place}): {reason}\n"),
            }
            continue;
        }
        let count = |n: usize| format!("{n} row{}", if n == 1 { "" } else { "s" });
        said += &format!(
            "expect.{name} ({place}): {} expected, {} came\n",
            count(expected.rows.len()),
            count(got.rows.len())
        );
        let (expected, got) = if test.ordered { (expected, got) } else { (expected.sorted(), got.sorted()) };
        said += &diff::diff(&expected, &got, paint);
    }
    if !said.is_empty() {
        said += &came[0].notes;
        return Verdict::Failed(job.text.redact(&said));
    }
    if edits.is_empty() { Verdict::Passed } else { Verdict::Blessed(edits) }
}

fn say(verdict: &Verdict, test: &TestSpec, args: &TestArgs) {
    let paint = Paint::stdout(args.color);
    let (word, said) = match verdict {
        Verdict::Passed => (paint.green("ok     "), ""),
        Verdict::Blessed(_) => (paint.green("blessed"), ""),
        Verdict::Failed(said) => (paint.red("FAILED "), said.as_str()),
        Verdict::Wrong(_) => (paint.red("WRONG  "), ""),
    };
    let mut text = format!("  {word} {}\n", test.name.value);
    for line in said.lines() {
        text += format!("    {line}").trim_end();
        text.push('\n');
    }
    print(&text);
}

impl Count {
    fn add(&mut self, other: Count) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.wrong += other.wrong;
        self.blessed += other.blessed;
    }

    fn summary(&self) -> String {
        let words = [(self.passed, "passed"), (self.failed, "failed"), (self.wrong, "wrong")];
        let words = words.iter().filter(|(n, word)| *n > 0 || *word == "passed").map(|(n, word)| format!("{n} {word}"));
        let blessed = match self.blessed {
            0 => String::new(),
            1 => "; 1 expectation written".into(),
            n => format!("; {n} expectations written"),
        };
        words.collect::<Vec<_>>().join(", ") + &blessed
    }
}
