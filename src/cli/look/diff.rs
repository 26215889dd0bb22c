//! `flott state diff`: what a job would keep of a checkpoint.

use serde_json::json;

use super::{checkpoint, kind};
use crate::checkpoint::manifest::Manifest;
use crate::cli::args::{DiffArgs, Shown};
use crate::cli::list::table;
use crate::cli::screen::Screen;
use crate::cli::{EXIT_WRONG, prepare, print};
use crate::error::Result;
use crate::plan::physical::PhysicalPlan;
use crate::plan::place::place;
use crate::runtime::compare::{self, Difference, Verdict};
use crate::spec::{self, Severity};

/// `resume` would refuse.
const REFUSED: u8 = 1;

pub fn diff(args: &DiffArgs) -> Result<u8> {
    let screen = Screen::new(args.job.color);
    let checkpoint = checkpoint(&args.target, &args.state)?;
    let manifest = checkpoint.manifest();
    let Some(plan) = plan(args, manifest, &screen)? else { return Ok(EXIT_WRONG) };
    let found = compare::compare(manifest, &plan);
    let checked = compare::check(manifest, &plan, args.allow_non_restored_state);
    match args.format {
        Shown::Json => {
            let value = json!({ "resumes": checked.is_ok(), "nodes": found.iter().map(value).collect::<Vec<_>>() });
            print(&format!("{value:#}\n"));
        }
        Shown::Text => print(&text(args, manifest, &plan, &found)),
    }
    if let Err(error) = &checked {
        screen.error(error);
    }
    Ok(if checked.is_ok() { 0 } else { REFUSED })
}

/// The job as `resume` would lay it out. `None`: its file is wrong, which has been said.
fn plan(args: &DiffArgs, manifest: &Manifest, screen: &Screen) -> Result<Option<PhysicalPlan>> {
    let loaded = spec::load(&args.job.path, &args.job.overrides);
    let mut prepared = prepare::resolve(loaded, Some(&manifest.job));
    let ready = prepared.job.map(|(job, plan)| {
        let files = prepare::files(&job, &plan, Severity::Warning, true, &mut prepared.found);
        (job, plan, files)
    });
    prepared.found.drop_notes();
    screen.diagnostics(&prepared.found, &prepared.text);
    let Some((job, plan, files)) = ready else { return Ok(None) };
    let written = job.parallelism.as_ref().map(|p| p.value);
    let before = Some(manifest.job.parallelism).filter(|p| *p > 0);
    let laid_out = prepare::parallelism(args.job.parallelism.or(written).or(before), &job)
        .and_then(|parallelism| place(&plan, parallelism, job.max_parallelism.value, &files));
    laid_out.map(Some).map_err(|error| prepare::redact(&job.text, error))
}

fn text(args: &DiffArgs, manifest: &Manifest, plan: &PhysicalPlan, found: &[Difference]) -> String {
    let job = args.job.path.display();
    let mut text = format!("{} {} of {} → {job}\n", kind(manifest.kind), manifest.checkpoint, manifest.job.name);
    let (before, now) = (manifest.job.parallelism, plan.parallelism);
    if before != now {
        text.push_str(&format!("parallelism {before} → {now}: rows go with their key groups\n"));
    }
    text.push('\n');
    let allowed = args.allow_non_restored_state;
    text.push_str(&table(["NODE", "STATE", "WHY"], found.iter().map(|difference| row(difference, allowed))));
    text
}

fn row(difference: &Difference, allowed: bool) -> [String; 3] {
    let Difference { node, verdict, why } = difference;
    let state = match (verdict, difference.is_refused(allowed)) {
        (_, true) => format!("{}, refused", verdict.word()),
        (Verdict::Removed, false) => "removed, left out".into(),
        (_, false) => verdict.word().into(),
    };
    [node.clone(), state, why.clone()]
}

fn value(difference: &Difference) -> serde_json::Value {
    json!({ "node": difference.node, "state": difference.verdict.word(), "why": difference.why })
}
