//! Progress on a terminal: a bar for each source.

use std::time::{Duration, Instant};

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressStyle};

use super::summary::{grouped, rate};
use crate::observe::{JobStats, SourceFigures};

/// Shorter runs end without a flicker.
const PATIENCE: Duration = Duration::from_millis(300);

/// Bars on stderr, gone when this is dropped.
pub struct Progress {
    started: Instant,
    all: MultiProgress,
    bars: Vec<ProgressBar>,
}

impl Default for Progress {
    fn default() -> Progress {
        // Draws to stderr, and not at all where that is no terminal.
        Progress { started: Instant::now(), all: MultiProgress::new(), bars: Vec::new() }
    }
}

impl Progress {
    /// Brings the bars up to date.
    pub fn show(&mut self, stats: &JobStats) {
        let elapsed = self.started.elapsed();
        if elapsed < PATIENCE {
            return;
        }
        for (index, (name, source)) in stats.sources.iter().enumerate() {
            let figures = source.read();
            if self.bars.len() <= index {
                self.bars.push(self.all.add(bar(name, figures.total)));
            }
            let bar = &self.bars[index];
            match figures.total {
                Some(_) => bar.set_position(figures.done),
                None => bar.tick(),
            }
            bar.set_message(message(figures, elapsed));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bars.iter().for_each(ProgressBar::finish_and_clear);
        // Without a terminal there is nothing to clear.
        let _ = self.all.clear();
    }
}

fn message(figures: SourceFigures, elapsed: Duration) -> String {
    let bad = if figures.bad > 0 { format!(", {} bad", grouped(figures.bad)) } else { String::new() };
    let speed = grouped(rate(figures.rows, elapsed.as_secs_f64()));
    format!("{} rows{bad}, {speed} rows/s{}", grouped(figures.rows), left(figures, elapsed))
}

/// At the mean speed so far.
fn left(figures: SourceFigures, elapsed: Duration) -> String {
    let Some(total) = figures.total.filter(|_| figures.done > 0) else { return String::new() };
    let ahead = total.saturating_sub(figures.done) as f64 / figures.done as f64;
    let left = Duration::from_secs((elapsed.as_secs_f64() * ahead).ceil() as u64);
    format!(", {} left", HumanDuration(left))
}

fn bar(name: &str, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), "{prefix} {wide_bar} {percent:>3} %  {msg}"),
        None => (ProgressBar::new_spinner(), "{prefix} {spinner} {msg}  {elapsed}"),
    };
    // A template of our own is well-formed; the test below says so.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_prefix(name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_name_and_figures() {
        let figures = SourceFigures { rows: 12_000, bytes: 1, bad: 3, done: 1, total: Some(2) };
        assert_eq!(message(figures, Duration::from_secs(2)), "12,000 rows, 3 bad, 6,000 rows/s, 2 seconds left");
        assert_eq!(bar("sources.a", Some(7)).length(), Some(7));
        assert_eq!(bar("sources.a", None).length(), None);
    }
}
