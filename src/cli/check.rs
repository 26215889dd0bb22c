//! `flott check`: all mistakes of a job file, or what its nodes give.

use super::args::CheckArgs;
use super::screen::Screen;
use super::{EXIT_WRONG, prepare, print, test};
use crate::plan::show;
use crate::spec::Severity;

pub fn check(args: &CheckArgs) -> u8 {
    let screen = Screen::new(args.job.color);
    let mut prepared = prepare::load(&args.job);
    if let Some((job, plan)) = &prepared.job {
        // The job file may be right where its input is not there yet.
        prepare::files(job, plan, Severity::Warning, false, &mut prepared.found);
        prepared.found.append(test::check(job, plan));
    }
    screen.diagnostics(&prepared.found, &prepared.text);
    let Some((job, plan)) = prepared.job.filter(|_| !prepared.found.has_errors()) else { return EXIT_WRONG };
    if let Err(error) = prepare::parallelism(args.job.parallelism, &job) {
        screen.error(&error);
        return EXIT_WRONG;
    }
    print(&format!("{}: ok\n\n{}", args.job.path.display(), job.text.redact(&show::schemas(&plan))));
    0
}
