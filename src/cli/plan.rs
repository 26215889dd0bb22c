//! `flott plan`: how a job would run.

use super::args::{PlanArgs, PlanFormat};
use super::screen::Screen;
use super::{EXIT_WRONG, prepare, print};
use crate::plan::place::place;
use crate::plan::{saving, show};
use crate::spec::Severity;

pub fn plan(args: &PlanArgs) -> u8 {
    let screen = Screen::new(args.job.color);
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
            let saving = saving(&job, &plan);
            let text = match args.format {
                PlanFormat::Text => show::text(&plan, &physical, &saving),
                PlanFormat::Mermaid => show::mermaid(&plan, &physical, &saving),
                PlanFormat::Dot => show::dot(&plan, &physical, &saving),
                PlanFormat::Json => format!("{:#}\n", show::json(&plan, &physical, &saving)),
            };
            print(&job.text.redact(&text));
            0
        }
        Err(error) => {
            screen.error(&prepare::redact(&job.text, error));
            EXIT_WRONG
        }
    }
}
