//! When checkpoints are taken and what becomes of them: events in, actions out. No clock, no files, no tasks.
//!
//! One checkpoint is under way at a time: its barriers are injected, the tasks' parts are gathered, it is written.
//! What is asked for meanwhile waits for its turn.

use std::collections::VecDeque;

/// Durations in µs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Between the starts of two checkpoints; `None`: only when asked for.
    pub interval: Option<i64>,
    /// From the end of one to the start of the next, at least.
    pub min_pause: i64,
    /// From the barriers until it is written, at most.
    pub timeout: i64,
    /// Failures in a row that are no failure of the job.
    pub tolerate: u32,
}

/// What one who asks for a checkpoint is known by.
pub type Token = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Ask the readers for the barrier. `last`: nothing is to be read behind it.
    Inject { checkpoint: u64, last: bool },
    /// It failed; whoever asked for it is to be told. `fatal`: so did the job.
    Failed { checkpoint: u64, token: Option<Token>, fatal: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    /// Barriers are on their way.
    Gathering,
    /// All tasks have given their parts.
    Writing,
}

#[derive(Debug)]
pub struct Machine {
    options: Options,
    state: State,
    /// The checkpoint under way, or the next one.
    number: u64,
    started: i64,
    ended: i64,
    /// Who asked for the one under way.
    token: Option<Token>,
    asked: VecDeque<(Token, bool)>,
    failures: u32,
}

impl Machine {
    /// `first`: number of the first checkpoint; `now`: wall time in µs, which never goes back.
    pub fn new(options: Options, first: u64, now: i64) -> Machine {
        Machine {
            options,
            state: State::Idle,
            number: first,
            started: now,
            ended: i64::MIN,
            token: None,
            asked: VecDeque::new(),
            failures: 0,
        }
    }

    /// A checkpoint is asked for.
    pub fn ask(&mut self, token: Token, last: bool) {
        self.asked.push_back((token, last));
    }

    /// A periodic one is wanted as soon as may be: a journal is full.
    pub fn hurry(&mut self) {
        if self.state == State::Idle && self.options.interval.is_some() {
            self.started = i64::MIN;
        }
    }

    /// When [`Machine::poll`] has something to do, if nothing happens before.
    pub fn due(&self) -> Option<i64> {
        match self.state {
            State::Idle if !self.asked.is_empty() => Some(i64::MIN),
            State::Idle => {
                let next = self.started.saturating_add(self.options.interval?);
                Some(next.max(self.ended.saturating_add(self.options.min_pause)))
            }
            State::Gathering => Some(self.started.saturating_add(self.options.timeout)),
            State::Writing => None,
        }
    }

    /// Time has come to `now`.
    pub fn poll(&mut self, now: i64) -> Option<Action> {
        if self.due().is_none_or(|due| due > now) {
            return None;
        }
        match self.state {
            State::Idle => {
                let (token, last) = self.asked.pop_front().unzip();
                self.token = token;
                self.state = State::Gathering;
                self.started = now;
                Some(Action::Inject { checkpoint: self.number, last: last.unwrap_or(false) })
            }
            State::Gathering => Some(self.fail(now)),
            State::Writing => None,
        }
    }

    /// All tasks have given their parts of `checkpoint`. False if nobody waits for it any more.
    pub fn gathered(&mut self, checkpoint: u64) -> bool {
        let current = self.state == State::Gathering && self.number == checkpoint;
        if current {
            self.state = State::Writing;
        }
        current
    }

    /// It is on disk. Returns who asked for it.
    pub fn written(&mut self, now: i64) -> Option<Token> {
        self.failures = 0;
        self.next(now)
    }

    /// It could not be taken or written.
    pub fn failed(&mut self, checkpoint: u64, now: i64) -> Option<Action> {
        (self.state != State::Idle && self.number == checkpoint).then(|| self.fail(now))
    }

    /// Barriers cannot be injected any more: the inputs have ended. Returns who asked.
    pub fn refused(&mut self, now: i64) -> Option<Token> {
        self.next(now)
    }

    /// The number that the next checkpoint has or would have.
    pub fn next_number(&self) -> u64 {
        self.number + u64::from(self.state != State::Idle)
    }

    /// When the one under way was started, µs.
    pub fn started(&self) -> i64 {
        self.started
    }

    /// One is being written.
    pub fn is_writing(&self) -> bool {
        self.state == State::Writing
    }

    /// Who asked for the one under way.
    pub fn token(&self) -> Option<Token> {
        self.token
    }

    fn fail(&mut self, now: i64) -> Action {
        let checkpoint = self.number;
        // Who asks for one gets the failure as an answer; the job lives on.
        let asked = self.token.is_some();
        self.failures += u32::from(!asked);
        let fatal = !asked && self.failures > self.options.tolerate;
        let token = self.next(now);
        Action::Failed { checkpoint, token, fatal }
    }

    fn next(&mut self, now: i64) -> Option<Token> {
        self.state = State::Idle;
        self.number += 1;
        self.ended = now;
        self.token.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: Options = Options { interval: Some(10), min_pause: 4, timeout: 100, tolerate: 1 };

    fn inject(checkpoint: u64) -> Option<Action> {
        Some(Action::Inject { checkpoint, last: false })
    }

    #[test]
    fn periodic_ones_keep_their_interval_and_pause() {
        let mut machine = Machine::new(OPTIONS, 7, 0);
        assert_eq!((machine.due(), machine.poll(9)), (Some(10), None));
        assert_eq!(machine.poll(10), inject(7));
        assert!(!machine.gathered(6));
        assert!(machine.gathered(7));
        assert_eq!(machine.due(), None);
        assert_eq!(machine.written(18), None);
        // The interval counts from the start, the pause from the end.
        assert_eq!((machine.due(), machine.poll(21), machine.poll(22)), (Some(22), None, inject(8)));
        assert!(machine.gathered(8));
        machine.written(23);
        assert_eq!(machine.due(), Some(32));
    }

    #[test]
    fn what_is_asked_for_waits_for_its_turn() {
        let mut machine = Machine::new(OPTIONS, 1, 0);
        machine.ask(5, false);
        machine.ask(6, true);
        assert_eq!(machine.poll(1), inject(1));
        assert_eq!(machine.poll(2), None);
        assert!(machine.gathered(1));
        assert_eq!(machine.written(3), Some(5));
        assert_eq!(machine.poll(3), Some(Action::Inject { checkpoint: 2, last: true }));
        assert_eq!(machine.failed(1, 4), None);
        // A failure of what was asked for is no failure of the job.
        assert_eq!(machine.failed(2, 4), Some(Action::Failed { checkpoint: 2, token: Some(6), fatal: false }));
    }

    #[test]
    fn failures_in_a_row_are_tolerated_up_to_a_number() {
        let mut machine = Machine::new(OPTIONS, 1, 0);
        let failed = |checkpoint, fatal| Some(Action::Failed { checkpoint, token: None, fatal });
        assert_eq!(machine.poll(10), inject(1));
        assert_eq!(machine.poll(110), failed(1, false));
        assert!(!machine.gathered(1), "it came too late");
        assert_eq!(machine.poll(114), inject(2));
        assert!(machine.gathered(2));
        machine.written(115);
        assert_eq!(machine.poll(200), inject(3));
        assert_eq!(machine.failed(3, 201), failed(3, false));
        assert_eq!(machine.poll(210), inject(4));
        assert!(machine.gathered(4));
        assert_eq!(machine.failed(4, 211), failed(4, true));
    }

    #[test]
    fn off_means_only_when_asked_for() {
        let mut machine = Machine::new(Options { interval: None, ..OPTIONS }, 1, 0);
        assert_eq!((machine.due(), machine.poll(i64::MAX)), (None, None));
        machine.ask(1, true);
        assert_eq!(machine.poll(0), Some(Action::Inject { checkpoint: 1, last: true }));
        assert_eq!(machine.refused(1), Some(1));
        assert_eq!(machine.next_number(), 2);
    }
}
