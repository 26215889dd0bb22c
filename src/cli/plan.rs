//! `flott plan`: how a job would run.

use super::args::PlanArgs;
use super::screen::Screen;
use super::{EXIT_WRONG, later, prepare, print};
use crate::plan::place::place;
use crate::plan::{saving, show};
use crate::spec::Severity;

pub fn plan(args: &PlanArgs) -> u8 {
    let screen = Screen::new(args.job.color);
    if args.format != "text" {
        screen.error(&later::plan_format(&args.format));
        return EXIT_WRONG;
    }
    let mut prepared = prepare::load(&args.job);
    let ready = prepared.job.map(|(job, plan)| {
        let files = prepare::files(&job, &plan, Severity::Warning, false, &mut prepared.found);
        (job, plan, files)
    });
    prepared.found.drop_notes();
    screen.diagnostics(&prepared.found, &prepared.text);
    let Some((job, plan, files)) = ready else { return EXIT_WRONG };
    let laid_out = prepare::parallelism(args.job.parallelism, &job)
        .and_then(|parallelism| place(&plan, parallelism, job.max_parallelism.value, &files));
    match laid_out {
        Ok(physical) => {
            print(&job.text.redact(&show::text(&plan, &physical, &saving(&job, &plan))));
            0
        }
        Err(error) => {
            screen.error(&prepare::redact(&job.text, error));
            EXIT_WRONG
        }
    }
}
