//! Latency of `tcp → filter → keyed running count → tcp` under a constant rate of lines, beside a bare loopback echo
//! and echoes that hand each read over between threads. README.md says how to run it and how to read it.
//!
//! Each line carries the time at which it was *due*, and its latency is the time of its answer less that, so that a
//! stall is charged to every line that should have gone out meanwhile (no coordinated omission).

use std::error::Error;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const USAGE: &str = "cargo bench --bench latency -- [--flott PATH] [--rates 10000,50000] [--seconds 5] [--runs 5] \
                     [--spin MICROS] [--bare]";
const KEYS: u64 = 1000;
/// Lines due in the first second are sent and answered, but not counted.
const WARM_UP_NS: u64 = 1_000_000_000;
/// Most lines in one write, after a stall.
const BURST_LINES: u64 = 4096;
const START_TIMEOUT: Duration = Duration::from_secs(10);

struct Options {
    flott: String,
    rates: Vec<u64>,
    seconds: u64,
    runs: usize,
    /// The sender sleeps until so long before a line is due and then spins.
    spin: Duration,
    bare: bool,
}

/// What lines are sent through.
#[derive(Clone, Copy, PartialEq)]
enum System {
    /// One thread that reads and writes back, or as many hand-overs between threads as the number says.
    Echo { hand_overs: usize },
    /// flott at this parallelism; `None` for the default.
    Flott { parallelism: Option<usize> },
}

impl System {
    fn name(self) -> String {
        match self {
            System::Echo { hand_overs: 0 } => "bare echo".to_string(),
            System::Echo { hand_overs } => format!("echo, {hand_overs} hand-overs"),
            System::Flott { parallelism: Some(p) } => format!("flott -p {p}"),
            System::Flott { parallelism: None } => "flott, default".to_string(),
        }
    }
}

/// Both ends of a running system, and what ends behind them.
struct Running {
    to: TcpStream,
    from: TcpStream,
    threads: Vec<JoinHandle<()>>,
    child: Option<Child>,
}

/// Latencies of one run.
#[derive(Clone)]
struct Run {
    /// Ascending, ns.
    latencies: Vec<u64>,
}

impl Run {
    /// µs.
    fn percentile(&self, percent: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (last as f64 * percent / 100.0).round() as usize;
        self.latencies.get(at).map_or(f64::NAN, |&ns| ns as f64 / 1000.0)
    }
}

fn main() -> Result<()> {
    let options = read_options()?;
    let mut systems: Vec<System> = (0..=3).map(|hand_overs| System::Echo { hand_overs }).collect();
    if !options.bare {
        systems.extend([Some(1), None].map(|parallelism| System::Flott { parallelism }));
    }
    for &rate in &options.rates {
        // Round by round, so that what is compared ran in the same minute.
        let mut rounds: Vec<Vec<Run>> = Vec::new();
        for _ in 0..options.runs {
            rounds.push(systems.iter().map(|&s| one_run(s, rate, &options)).collect::<Result<_>>()?);
        }
        report(rate, &systems, &rounds);
    }
    Ok(())
}

fn read_options() -> Result<Options> {
    let mut options = Options {
        flott: env!("CARGO_BIN_EXE_flott").to_string(),
        rates: vec![10_000, 50_000],
        seconds: 5,
        runs: 5,
        spin: Duration::ZERO,
        bare: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value\n{USAGE}"));
        match argument.as_str() {
            "--flott" => options.flott = value()?,
            "--rates" => options.rates = value()?.split(',').map(str::parse).collect::<std::result::Result<_, _>>()?,
            "--seconds" => options.seconds = value()?.parse()?,
            "--runs" => options.runs = value()?.parse()?,
            "--spin" => options.spin = Duration::from_micros(value()?.parse()?),
            "--bare" => options.bare = true,
            // Cargo passes it to every bench.
            "--bench" => {}
            other => return Err(format!("no option {other}\n{USAGE}").into()),
        }
    }
    Ok(options)
}

fn one_run(system: System, rate: u64, options: &Options) -> Result<Run> {
    let Running { to, from, threads, mut child } = match system {
        System::Echo { hand_overs } => start_echo(hand_overs)?,
        System::Flott { parallelism } => start_flott(&options.flott, parallelism)?,
    };
    to.set_nodelay(true)?;
    let lines = rate * options.seconds + rate * WARM_UP_NS / 1_000_000_000;
    let clock = Instant::now();
    let receiver = thread::spawn(move || receive(from, clock, lines));
    let spin = options.spin;
    let sender = thread::spawn(move || send(to, clock, rate, lines, spin));
    let sent = sender.join().map_err(|_| "the sender panicked")?;
    let received = receiver.join().map_err(|_| "the receiver panicked")?;
    for thread in threads {
        thread.join().map_err(|_| "an echo thread panicked")?;
    }
    if let Some(child) = &mut child {
        let status = child.wait()?;
        if !status.success() {
            return Err(format!("flott ended with {status}").into());
        }
    }
    let (sent, received) = (sent?, received?);
    if sent != received.dues {
        return Err(format!("{}: the answers are not those to the lines sent", system.name()).into());
    }
    let mut latencies = received.latencies;
    latencies.sort_unstable();
    Ok(Run { latencies })
}

/// Sends `lines` lines, each as soon as it is due, and closes its half of the connection. Returns the sum of all
/// due times.
fn send(mut to: TcpStream, clock: Instant, rate: u64, lines: u64, spin: Duration) -> Result<u64> {
    sleep_precisely()?;
    let due = |line: u64| line * 1_000_000_000 / rate;
    let (mut buffer, mut line, mut sum) = (Vec::new(), 0, 0u64);
    while line < lines {
        let now = clock.elapsed().as_nanos() as u64;
        if due(line) > now {
            let wait = Duration::from_nanos(due(line) - now);
            match wait.checked_sub(spin) {
                Some(sleep) if !sleep.is_zero() => thread::sleep(sleep),
                _ => std::hint::spin_loop(),
            }
            continue;
        }
        buffer.clear();
        let last = lines.min(line + BURST_LINES);
        while line < last && due(line) <= now {
            // Keys in no order, as they would come.
            let key = line.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            writeln!(buffer, "{line},k{:03},{}", key % KEYS, due(line))?;
            sum = sum.wrapping_add(due(line));
            line += 1;
        }
        to.write_all(&buffer)?;
    }
    to.shutdown(Shutdown::Write)?;
    Ok(sum)
}

/// Asks the kernel to wake this thread on time, rather than up to 50 µs late as is the default.
fn sleep_precisely() -> Result<()> {
    let thread = fs::read_link("/proc/thread-self")?;
    let id = thread.file_name().ok_or("/proc/thread-self names no thread")?;
    fs::write(std::path::Path::new("/proc").join(id).join("timerslack_ns"), "1")?;
    Ok(())
}

struct Received {
    latencies: Vec<u64>,
    /// Sum of all due times.
    dues: u64,
}

/// Reads answers to the end of the stream. The last field of an answer is the due time of its line.
fn receive(mut from: TcpStream, clock: Instant, lines: u64) -> Result<Received> {
    let mut received = Received { latencies: Vec::with_capacity(lines as usize), dues: 0 };
    let mut buffer = vec![0; 1 << 16];
    let (mut number, mut sum) = (0u64, 0u64);
    loop {
        let len = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => len,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(e.into()),
        };
        let now = clock.elapsed().as_nanos() as u64;
        for &byte in &buffer[..len] {
            match byte {
                b'0'..=b'9' => number = number.wrapping_mul(10).wrapping_add(u64::from(byte - b'0')),
                b'\n' => {
                    sum = sum.wrapping_add(number);
                    if number >= WARM_UP_NS {
                        received.latencies.push(now.saturating_sub(number));
                    }
                    number = 0;
                }
                // A comma, or the letter of a key: what came before was not the last field.
                _ => number = 0,
            }
        }
    }
    received.dues = sum;
    Ok(received)
}

/// A connection to a thread that writes back what it reads. With hand-overs every read travels through as many
/// channels, from thread to thread, before it is written.
fn start_echo(hand_overs: usize) -> Result<Running> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let to = TcpStream::connect(listener.local_addr()?)?;
    let (mut input, _) = listener.accept()?;
    input.set_nodelay(true)?;
    let mut output = input.try_clone()?;
    let from = to.try_clone()?;
    let mut threads = Vec::new();
    if hand_overs == 0 {
        threads.push(thread::spawn(move || {
            read_all(&mut input, |data| output.write_all(data).is_ok());
            let _ = output.shutdown(Shutdown::Write);
        }));
        return Ok(Running { to, from, threads, child: None });
    }
    let (first, mut previous) = bounded::<Vec<u8>>(16);
    threads.push(thread::spawn(move || read_all(&mut input, |data| first.send(data.to_vec()).is_ok())));
    for _ in 1..hand_overs {
        let (sender, receiver) = bounded(16);
        let upstream = std::mem::replace(&mut previous, receiver);
        threads.push(thread::spawn(move || {
            // Ends when either neighbour has gone.
            upstream.into_iter().try_for_each(|data| sender.send(data)).ok();
        }));
    }
    threads.push(thread::spawn(move || {
        for data in previous {
            if output.write_all(&data).is_err() {
                break;
            }
        }
        let _ = output.shutdown(Shutdown::Write);
    }));
    Ok(Running { to, from, threads, child: None })
}

/// Reads until the end, an error, or `take` wants no more.
fn read_all(input: &mut TcpStream, mut take: impl FnMut(&[u8]) -> bool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(len) = input.read(&mut buffer) {
        if len == 0 || !take(&buffer[..len]) {
            break;
        }
    }
}

/// Starts flott on `jobs/latency.toml`, listening on a free port and connecting back to here.
fn start_flott(flott: &str, parallelism: Option<usize>) -> Result<Running> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    // Free a moment ago: nobody else takes it that soon.
    let input_port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let job = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/jobs/latency.toml");
    let mut command = Command::new(flott);
    command.args(["run", job, "--quiet"]).stdin(Stdio::null()).stdout(Stdio::null());
    command.env("IN_PORT", input_port.to_string()).env("OUT_PORT", listener.local_addr()?.port().to_string());
    if let Some(p) = parallelism {
        command.args(["-p", &p.to_string()]);
    }
    let mut child = command.spawn().map_err(|e| format!("{flott} does not start: {e}; build it or give --flott"))?;
    let connected = connect(&mut child, input_port, &listener);
    if connected.is_err() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let (to, from) = connected?;
    Ok(Running { to, from, threads: Vec::new(), child: Some(child) })
}

/// Connects to the job's source and takes the connection of its sink, in whichever order they come up.
fn connect(child: &mut Child, input_port: u16, listener: &TcpListener) -> Result<(TcpStream, TcpStream)> {
    let deadline = Instant::now() + START_TIMEOUT;
    let (mut to, mut from) = (None, None);
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            return Err(format!("flott ended before it was connected: {status}").into());
        }
        if to.is_none() {
            to = TcpStream::connect(("127.0.0.1", input_port)).ok();
        }
        if from.is_none() {
            from = listener.accept().ok().map(|(stream, _)| stream);
        }
        if let (Some(to), Some(from)) = (&to, &from) {
            from.set_nonblocking(false)?;
            return Ok((to.try_clone()?, from.try_clone()?));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Err(format!("flott did not connect within {START_TIMEOUT:?}").into())
}

/// Prints each system's best run, and whether flott met its bars in a round.
fn report(rate: u64, systems: &[System], rounds: &[Vec<Run>]) {
    println!("\n### {rate} lines/s, best of {} runs by p99, µs\n", rounds.len());
    println!("| | p50 | p90 | p99 | p99.9 | max |\n|---|---|---|---|---|---|");
    for (at, system) in systems.iter().enumerate() {
        let best =
            rounds.iter().map(|round| &round[at]).min_by(|a, b| a.percentile(99.0).total_cmp(&b.percentile(99.0)));
        if let Some(run) = best {
            let figures = [50.0, 90.0, 99.0, 99.9, 100.0].map(|p| format!("{:.0}", run.percentile(p)));
            println!("| {} | {} |", system.name(), figures.join(" | "));
        }
    }
    for (at, system) in systems.iter().enumerate().filter(|(_, s)| matches!(s, System::Flott { .. })) {
        // The bare echo is the first system.
        let met = |round: &&Vec<Run>| {
            round[at].percentile(50.0) <= round[0].percentile(50.0) + 100.0 && round[at].percentile(99.0) < 1000.0
        };
        let count = rounds.iter().filter(met).count();
        let word = if count > 0 { "met" } else { "NOT MET" };
        let runs = rounds.len();
        println!("\n{}: p50 ≤ bare echo + 100 µs and p99 < 1 ms: {word} (in {count} of {runs} runs)", system.name());
    }
}
