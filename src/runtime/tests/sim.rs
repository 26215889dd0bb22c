//! A seeded scheduler: runs a deployment in one thread, in random order, on a simulated clock.
//!
//! A driver is run only if it was woken, has work left or its time has come, exactly as a thread would be, so a
//! wake-up that is lost shows as a deadlock.

use std::sync::{Arc, Mutex};

use crate::error::Error;
use crate::observe::JobStats;
use crate::runtime::deploy::Deployment;
use crate::runtime::driver::Driver;
use crate::runtime::reader::ReaderControl;
use crate::runtime::task::Step;
use crate::runtime::waker::Waker;

/// Numbers from a seed (splitmix64).
#[derive(Debug, Clone)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// Tasks that wait for something outside: woken at random, or when nothing else can go on.
pub type Outside = Arc<Mutex<Vec<Waker>>>;

/// How a simulated job ended.
#[derive(Debug)]
pub enum End {
    Finished,
    Failed(Error),
    /// Names of the tasks that wait for each other.
    Deadlock(Vec<String>),
    /// As by kill -9.
    Killed,
}

struct Thread {
    driver: Driver,
    done: Vec<bool>,
    parked: bool,
    until: Option<i64>,
}

pub struct Sim {
    threads: Vec<Thread>,
    pub control: Arc<ReaderControl>,
    pub stats: JobStats,
    pub rng: Rng,
    outside: Outside,
    pub now: i64,
    steps: u64,
    /// Steps of a task at most before `between` is called again.
    pub burst: usize,
    /// Nothing more is done.
    pub killed: bool,
}

/// More steps than any job of these tests needs.
const STEPS_MAX: u64 = 20_000_000;

impl Sim {
    pub fn new(deployment: Deployment, outside: Outside, seed: u64) -> Sim {
        let thread =
            |driver: Driver| Thread { done: vec![false; driver.tasks.len()], driver, parked: false, until: None };
        Sim {
            threads: deployment.drivers.into_iter().map(thread).collect(),
            control: deployment.control,
            stats: deployment.stats,
            rng: Rng(seed),
            outside,
            now: 1_700_000_000_000_000,
            steps: 0,
            burst: 4,
            killed: false,
        }
    }

    /// Runs to the end; `between` is called before every step.
    pub fn run(mut self, mut between: impl FnMut(&mut Sim)) -> End {
        loop {
            between(&mut self);
            if self.killed {
                return End::Killed;
            }
            self.steps += 1;
            assert!(self.steps < STEPS_MAX, "the job runs in circles");
            if self.rng.once_in(8) {
                self.wake_outside(1);
            }
            let runnable: Vec<usize> = (0..self.threads.len()).filter(|&t| self.is_runnable(t)).collect();
            if runnable.is_empty() {
                if self.threads.iter().all(Thread::is_done) {
                    self.tasks(|task| task.commit().unwrap());
                    return End::Finished;
                }
                if !self.wake_outside(usize::MAX) && !self.pass_time() {
                    return End::Deadlock(self.waiting());
                }
                continue;
            }
            let next = self.rng.pick(&runnable);
            if let Err(error) = self.step(next) {
                self.tasks(|task| task.abort());
                return End::Failed(error);
            }
            self.now += self.rng.below(3) as i64;
        }
    }

    fn tasks(&mut self, act: impl FnMut(&mut Box<dyn crate::runtime::task::Task>)) {
        self.threads.iter_mut().flat_map(|t| &mut t.driver.tasks).for_each(act);
    }

    fn is_runnable(&self, thread: usize) -> bool {
        let thread = &self.threads[thread];
        let due = thread.until.is_some_and(|until| until <= self.now);
        !thread.is_done() && (!thread.parked || due || thread.driver.waker.is_notified())
    }

    fn wake_outside(&mut self, most: usize) -> bool {
        let mut outside = self.outside.lock().unwrap();
        let count = outside.len().min(most);
        for _ in 0..count {
            let waiting = outside.len();
            outside.swap_remove(self.rng.below(waiting)).wake();
        }
        count > 0
    }

    /// To the next time that somebody waits for.
    fn pass_time(&mut self) -> bool {
        let next = self.threads.iter().filter(|t| !t.is_done()).filter_map(|t| t.until).min();
        next.inspect(|&next| self.now = next).is_some()
    }

    fn waiting(&self) -> Vec<String> {
        let names = |t: &Thread| {
            let open = t.driver.tasks.iter().zip(&t.done).filter(|(_, done)| !**done);
            open.map(|(task, _)| format!("{} ({})", t.driver.name, task.name())).collect::<Vec<_>>()
        };
        self.threads.iter().flat_map(names).collect()
    }

    /// One round of a driver, each task a random number of steps, in random order.
    fn step(&mut self, thread: usize) -> Result<(), Error> {
        let thread = &mut self.threads[thread];
        thread.driver.waker.reset();
        thread.until = None;
        thread.parked = true;
        let count = thread.done.len();
        let first = self.rng.below(count);
        for task in (0..count).map(|i| (first + i) % count) {
            for _ in 0..1 + self.rng.below(self.burst) {
                if thread.done[task] {
                    break;
                }
                match thread.driver.tasks[task].step(self.now)? {
                    Step::Ready => thread.parked = false,
                    Step::Done => {
                        thread.done[task] = true;
                        thread.parked = false;
                    }
                    Step::Blocked { until } => {
                        thread.until = thread.until.into_iter().chain(until).min();
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Thread {
    fn is_done(&self) -> bool {
        self.done.iter().all(|&d| d)
    }
}
