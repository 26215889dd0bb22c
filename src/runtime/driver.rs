//! Threads: a driver steps its tasks until all are done and parks when all are blocked.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::task::{Step, Task};
use super::waker::Waker;
use crate::error::{Error, Result};

/// Wall time in µs that never goes back: the clock at the start plus what has passed since.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    wall_us: i64,
    start: Instant,
}

impl Clock {
    pub fn start() -> Clock {
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Clock { wall_us: wall.as_micros() as i64, start: Instant::now() }
    }

    pub fn now(&self) -> i64 {
        self.wall_us + self.start.elapsed().as_micros() as i64
    }
}

/// Tasks that share a thread.
#[derive(Default)]
pub struct Driver {
    pub name: String,
    pub tasks: Vec<Box<dyn Task>>,
    pub waker: Waker,
}

/// How many steps a task makes at most before the next one has its turn.
const STEPS: usize = 64;

impl Driver {
    /// Starts the thread. `report` is called once, from it, before its tasks are given up.
    pub fn spawn(
        mut self,
        clock: Clock,
        cancel: Arc<AtomicBool>,
        report: impl FnOnce(Option<Error>) + Send + 'static,
    ) -> std::io::Result<JoinHandle<Vec<Box<dyn Task>>>> {
        std::thread::Builder::new().name(self.name.clone()).spawn(move || {
            self.waker.attach();
            // A panic outside a step, too, must be reported: the job waits for every thread.
            let outcome = catch_unwind(AssertUnwindSafe(|| self.run(&clock, &cancel)));
            report(outcome.unwrap_or_else(|panic| Err(panicked(&*panic, "the thread"))).err());
            self.tasks
        })
    }

    fn run(&mut self, clock: &Clock, cancel: &AtomicBool) -> Result<()> {
        let mut done = vec![false; self.tasks.len()];
        loop {
            self.waker.reset();
            if cancel.load(Ordering::Acquire) {
                return Ok(());
            }
            let mut progress = false;
            let mut until: Option<i64> = None;
            for (task, done) in self.tasks.iter_mut().zip(&mut done) {
                if *done {
                    continue;
                }
                for _ in 0..STEPS {
                    match step(task.as_mut(), clock.now())? {
                        Step::Ready => progress = true,
                        Step::Done => {
                            *done = true;
                            progress = true;
                            break;
                        }
                        Step::Blocked { until: limit } => {
                            until = until.into_iter().chain(limit).min();
                            break;
                        }
                    }
                }
            }
            if done.iter().all(|&d| d) {
                return Ok(());
            }
            if !progress {
                self.wait(until.map(|u| Duration::from_micros((u - clock.now()).max(0) as u64)), &done)?;
            }
        }
    }

    fn wait(&self, timeout: Option<Duration>, done: &[bool]) -> Result<()> {
        let mut fds = Vec::new();
        for (task, _) in self.tasks.iter().zip(done).filter(|(_, done)| !**done) {
            task.poll_fds(&mut fds);
        }
        if fds.is_empty() {
            self.waker.park(timeout);
            return Ok(());
        }
        self.waker.poll(fds, timeout).map_err(|e| Error::external(format!("poll: {e}")))
    }
}

/// Steps a task; a panic becomes an error that names its operator.
fn step(task: &mut dyn Task, now: i64) -> Result<Step> {
    catch_unwind(AssertUnwindSafe(|| task.step(now)))
        .unwrap_or_else(|panic| Err(panicked(&*panic, "the operator").at(task.name())))
}

fn panicked(panic: &(dyn std::any::Any + Send), what: &str) -> Error {
    let text = panic.downcast_ref::<&str>().map(|s| s.to_string());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into());
    Error::internal(format!("{what} panicked: {text}"))
        .note("this is a bug in flott, not in the job; please report it with the job file")
}
