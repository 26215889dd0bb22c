//! A job at work: starts its threads, waits for their reports and for orders, commits or undoes its output.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, never, select, tick, unbounded};

use super::deploy::Deployment;
use super::driver::Clock;
use super::orders::{Ask, Order};
use super::task::Task;
use crate::error::{Error, Result};
use crate::observe::JobStats;

/// How a job ended.
#[derive(Debug)]
pub enum Ending {
    /// The input ended and all output is in place.
    Finished,
    /// A job without an end was stopped: what it had read is processed and in place.
    Drained,
    /// Stopped before the end of a bounded input; output is undone.
    Stopped(Order),
    /// Output is undone.
    Failed(Error),
}

/// Runs a deployment to its end. `watch` is called some ten times a second.
pub fn run(deployment: Deployment, orders: Option<Receiver<Order>>, mut watch: impl FnMut(&JobStats)) -> Ending {
    let Deployment { drivers, control, stats, endless } = deployment;
    let cancel = Arc::new(AtomicBool::new(false));
    let clock = Clock::start();
    let (report, reports) = unbounded::<Option<Error>>();
    let mut handles: Vec<JoinHandle<Vec<Box<dyn Task>>>> = Vec::new();
    let wakers: Vec<_> = drivers.iter().map(|d| d.waker.clone()).collect();
    let mut failure: Option<Error> = None;
    for driver in drivers {
        let report = report.clone();
        // The receiver outlives all threads.
        match driver.spawn(clock, cancel.clone(), move |error| drop(report.send(error))) {
            Ok(handle) => handles.push(handle),
            Err(error) => {
                failure = Some(Error::external(format!("cannot start a thread: {error}")));
                break;
            }
        }
    }
    let stop_all = || {
        cancel.store(true, Ordering::Release);
        wakers.iter().for_each(super::waker::Waker::wake);
    };
    if failure.is_some() {
        stop_all();
    }
    let orders = orders.unwrap_or_else(never);
    let beat = tick(Duration::from_millis(100));
    let mut stopped: Option<Order> = None;
    let mut draining = false;
    let mut running = handles.len();
    while running > 0 {
        select! {
            recv(reports) -> reported => {
                running -= 1;
                if let Ok(Some(error)) = reported
                    && failure.is_none() && stopped.is_none()
                {
                    failure = Some(error);
                    stop_all();
                }
            }
            recv(orders) -> order => {
                if let Ok(Order::Ask(Ask { reply, .. })) = order {
                    // Whoever asked may be gone.
                    let _ = reply.send(Err(Error::usage("a running job does not answer yet")));
                } else if let Ok(order) = order {
                    if endless && !draining {
                        draining = true;
                        control.request_drain();
                    } else {
                        stopped.get_or_insert(order);
                        stop_all();
                    }
                }
            }
            recv(beat) -> _ => watch(&stats),
        }
    }
    let mut tasks: Vec<Box<dyn Task>> = handles.into_iter().filter_map(|h| h.join().ok()).flatten().collect();
    if failure.is_none() && stopped.is_none() {
        failure = commit(&mut tasks).err();
    } else {
        tasks.iter_mut().for_each(|t| t.abort());
    }
    match (failure, stopped) {
        (Some(error), _) => Ending::Failed(error),
        (None, Some(order)) => Ending::Stopped(order),
        (None, None) if draining => Ending::Drained,
        (None, None) => Ending::Finished,
    }
}

/// Makes all output visible; what comes behind a failing commit is undone.
fn commit(tasks: &mut [Box<dyn Task>]) -> Result<()> {
    for index in 0..tasks.len() {
        if let Err(error) = tasks[index].commit() {
            tasks[index..].iter_mut().for_each(|t| t.abort());
            return Err(error);
        }
    }
    Ok(())
}

impl Ending {
    /// Exit code of the process, as the job file's contract says.
    pub fn exit_code(&self) -> i32 {
        match self {
            Ending::Finished | Ending::Drained => 0,
            Ending::Stopped(Order::Interrupt) => 130,
            Ending::Stopped(_) => 3,
            Ending::Failed(error) => i32::from(error.class.exit_code()),
        }
    }
}
