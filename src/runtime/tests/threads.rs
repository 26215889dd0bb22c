//! Jobs on real threads: panics, back-pressure, and nothing left behind.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::build::{blocks, bounded, memory, plan};
use super::memory::{Input, Memory};
use crate::error::Class;

use crate::error::Error;
use crate::observe::JobStats;
use crate::plan::physical::PhysicalPlan;
use crate::runtime::attempt::Watch;
use crate::runtime::job::{self, Ending};
use crate::runtime::orders::{Order, RunOptions};
use crate::storage::RealStorage;

const JOB: &str = r#"
[sources.a]
type = "file"
path = "a.txt"
format = { type = "csv", header = false }
schema = { n = "int" }
[transforms.sums]
type = "aggregate"
input = "a"
by = ["n % 10 AS k"]
select = ["k", "sum(n) AS s"]
emit = "update"
[sinks.out]
type = "file"
input = "sums"
path = "out.csv"
"#;

/// Threads of this process that a job started; other tests run beside this one.
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| is_ours(name.trim())).count()
}

/// As `deploy` names them.
fn is_ours(name: &str) -> bool {
    let ends = ["read a", "write out", "flott"].contains(&name);
    ends || name
        .split_once(' ')
        .is_some_and(|(subtask, node)| subtask.parse::<u32>().is_ok() && ["a", "sums"].contains(&node))
}

/// These tests count threads, so one runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Looks away.
struct Nobody;

impl Watch for Nobody {
    fn figures(&mut self, _stats: &JobStats) {}
    fn warn(&mut self, _warning: &Error) {}
    fn say(&mut self, _line: &str) {}
}

/// Runs a job without checkpoints.
fn run(plan: &PhysicalPlan, memory: &mut Memory, orders: Option<Receiver<Order>>) -> Ending {
    let storage = Arc::new(RealStorage);
    let job = job::Job { plan, connectors: memory, storage, options: RunOptions::default() };
    job::run(job, orders, &mut Nobody).0
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|n| n.to_string()).collect()
}

fn steady(input: Input) -> Memory {
    Memory { steady: true, ..memory(&[("a", input)], 1) }
}

#[test]
fn a_panic_names_its_node_undoes_the_output_and_leaves_no_thread() {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    for parallelism in [1, 3] {
        let plan = plan(JOB, parallelism).unwrap();
        let mut memory = steady(Input { blocks: blocks(&numbers(2000), &[50]), endless: true, ..Input::default() });
        memory.panics_at = Some("1234\n");
        let Ending::Failed { error, .. } = run(&plan, &mut memory, None) else { panic!("the job goes on") };
        assert_eq!((error.class, error.node.as_deref()), (Class::Internal, Some("sources.a")), "{error}");
        assert!(error.message.contains("the decoder met 1234"), "{error}");
        let written = memory.written.lock().unwrap()["sinks.out"].clone();
        assert!(written.aborted && !written.committed);
        assert_eq!(threads(), 0);
    }
}

#[test]
fn all_goes_through_threads_as_through_one() {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let mut first: Option<String> = None;
    for parallelism in [1, 2, 4] {
        let plan = plan(JOB, parallelism).unwrap();
        let mut memory = steady(bounded(blocks(&numbers(30_000), &[100])));
        let ending = run(&plan, &mut memory, None);
        assert!(matches!(ending, Ending::Finished), "{ending:?}");
        let text = memory.text("sinks.out");
        assert_eq!(text.lines().count(), 30_000);
        assert!(&text == first.get_or_insert_with(|| text.clone()), "differs at {parallelism}");
        assert_eq!(threads(), 0);
    }
}

/// What two full channels, the tasks between them and dealing to several workers can hold.
const IN_FLIGHT: usize = 250;

#[test]
fn a_slow_sink_holds_the_source_back() {
    let _alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    for parallelism in [1, 3] {
        let plan = plan(JOB, parallelism).unwrap();
        let mut memory = steady(Input { blocks: blocks(&numbers(1000), &[10]), endless: true, ..Input::default() });
        let gate = Arc::new(Mutex::new(()));
        memory.gate = Some(gate.clone());
        let handed = memory.handed.entry("sources.a".into()).or_default().clone();
        let closed = gate.lock().unwrap();
        let written = memory.written.clone();
        let (orders, received) = crossbeam_channel::unbounded();
        let job = std::thread::spawn(move || run(&plan, &mut memory, Some(received)));
        // The source stops by itself: its count stands still.
        let start = Instant::now();
        let mut last = usize::MAX;
        loop {
            std::thread::sleep(Duration::from_millis(150));
            let now = handed.load(Ordering::SeqCst);
            if now == last && now > 0 {
                break;
            }
            last = now;
            assert!(start.elapsed() < Duration::from_secs(10), "the source goes on: {now} blocks");
        }
        assert!(last <= IN_FLIGHT, "{last} blocks are on their way");
        drop(closed);
        while handed.load(Ordering::SeqCst) < last + 100 {
            std::thread::sleep(Duration::from_millis(5));
            assert!(start.elapsed() < Duration::from_secs(20), "the source stands still");
        }
        orders.send(Order::Interrupt).unwrap();
        let ending = job.join().unwrap();
        assert!(matches!(ending, Ending::Stopped(_)), "{ending:?}");
        assert!(written.lock().unwrap()["sinks.out"].aborted);
        assert_eq!(threads(), 0);
    }
}
