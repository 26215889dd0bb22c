//! Whether a job starts again after a failure, and when. No clock: times come in.

use std::collections::VecDeque;

use crate::error::{Class, Error};
use crate::spec::RestartSpec;

pub struct Restarts {
    /// `None`: none was asked for, so the default holds from the first checkpoint on.
    asked: Option<RestartSpec>,
    /// Failures in a row without a new checkpoint.
    in_row: u32,
    /// Times (µs) of the last failures.
    failures: VecDeque<i64>,
}

impl Restarts {
    pub fn new(asked: Option<RestartSpec>) -> Restarts {
        Restarts { asked, in_row: 0, failures: VecDeque::new() }
    }

    /// The job failed at `now` (µs). `progressed`: with a new checkpoint since the last failure; `kept`: there is one
    /// to go on from. How long to wait before it starts again, in µs; `None`: it does not.
    pub fn next(&mut self, error: &Error, now: i64, progressed: bool, kept: bool) -> Option<i64> {
        // What the data or the job brings about would happen again.
        if !matches!(error.class, Class::External | Class::Internal) {
            return None;
        }
        if progressed {
            self.in_row = 0;
        }
        self.in_row += 1;
        match self.asked {
            // A command that fails at once is to say so at once.
            None if !kept => None,
            None => self.delay(RestartSpec::default(), now),
            Some(spec) => self.delay(spec, now),
        }
    }

    fn delay(&mut self, spec: RestartSpec, now: i64) -> Option<i64> {
        match spec {
            RestartSpec::None => None,
            RestartSpec::Fixed { attempts, delay } => (self.in_row <= attempts).then_some(delay),
            RestartSpec::FailureRate { max, per, delay } => {
                self.failures.push_back(now);
                while self.failures.front().is_some_and(|&first| first <= now.saturating_sub(per)) {
                    self.failures.pop_front();
                }
                (self.failures.len() <= max as usize).then_some(delay)
            }
            RestartSpec::Exponential { initial, max, attempts } => {
                let doubled = initial.saturating_mul(1i64.checked_shl(self.in_row - 1).unwrap_or(i64::MAX));
                (self.in_row <= attempts).then_some(doubled.clamp(0, max))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(spec: Option<RestartSpec>, failures: &[(i64, bool)], kept: bool) -> Vec<Option<i64>> {
        let mut restarts = Restarts::new(spec);
        let error = Error::external("lost");
        failures.iter().map(|&(now, progressed)| restarts.next(&error, now, progressed, kept)).collect()
    }

    #[test]
    fn each_strategy_gives_up_in_its_way() {
        let twice = [(0, false), (1, false), (2, false)];
        assert_eq!(delays(Some(RestartSpec::None), &twice[..1], true), [None]);
        let fixed = RestartSpec::Fixed { attempts: 2, delay: 7 };
        assert_eq!(delays(Some(fixed), &twice, false), [Some(7), Some(7), None]);
        let rate = RestartSpec::FailureRate { max: 2, per: 10, delay: 1 };
        let spread = [(0, false), (5, false), (10, false), (16, false), (17, false)];
        assert_eq!(delays(Some(rate), &spread, false), [Some(1), Some(1), Some(1), Some(1), None]);
        let growing = RestartSpec::Exponential { initial: 2, max: 5, attempts: 3 };
        let progress = [(0, false), (0, false), (0, false), (0, true), (0, false)];
        assert_eq!(delays(Some(growing), &progress, true), [Some(2), Some(4), Some(5), Some(2), Some(4)]);
        assert_eq!(delays(Some(growing), &[(0, false); 4], true)[3], None);
    }

    #[test]
    fn without_a_word_it_restarts_only_where_something_is_kept() {
        assert_eq!(delays(None, &[(0, false)], false), [None]);
        assert_eq!(delays(None, &[(0, true)], true), [Some(1_000_000)]);
    }

    #[test]
    fn what_the_data_brings_about_is_final() {
        let mut restarts = Restarts::new(Some(RestartSpec::Fixed { attempts: 9, delay: 0 }));
        for error in [Error::data("bad"), Error::job("wrong"), Error::usage("no")] {
            assert_eq!(restarts.next(&error, 0, true, true), None);
        }
    }
}
