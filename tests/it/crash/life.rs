//! One life of a process: how it is started and fed, and how it ends.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::crash::job::{Feed, Job, lines};
use crate::program::{Folder, send};

/// No life takes nearly as long.
const PATIENCE: Duration = Duration::from_secs(30);
/// So many connections of a peer are cut, each after so many bytes.
const CUT_CONNECTIONS: usize = 4;
const CUT_BYTES: usize = 3000;

/// How a life ended.
#[derive(Debug)]
pub enum End {
    Killed,
    Exited { code: Option<i32>, said: String },
}

/// What is done to a process.
#[derive(Debug, Clone, Default)]
pub struct Fate {
    /// `--resume` and the like.
    pub begin: &'static str,
    pub parallelism: usize,
    /// Where it kills itself: a point and a passage.
    pub crash: Option<String>,
    /// A signal, and when it is sent.
    pub signal: Option<(Duration, &'static str)>,
    /// Savepoints are asked for again and again.
    pub savepoints: bool,
    /// It is stopped with the savepoint `../saved`.
    pub stops: bool,
}

/// What all lives of a job share.
pub struct World<'a> {
    pub folder: Folder,
    pub job: &'a Job,
    pub interval: &'static str,
    pub durability: &'static str,
    peer: Option<Peer>,
}

/// What has been read for good is not known: nothing of it is in the journal any more.
#[derive(Debug)]
pub struct Unknown;

impl World<'_> {
    pub fn new<'a>(job: &'a Job, durability: &'static str, interval: &'static str) -> World<'a> {
        let folder = Folder::new();
        crate::crash::job::prepare(&folder, job);
        World { folder, job, interval, durability, peer: job.peer.then(Peer::start) }
    }

    /// Runs a process to its end. Errors: what is to be fed to it is not known.
    pub fn live(&self, fate: &Fate) -> Result<End, Unknown> {
        let rest = match self.job.feed {
            Feed::Files => Vec::new(),
            Feed::Stdin | Feed::Tcp | Feed::Frames => self.unread()?,
        };
        let begins = match fate.begin.strip_prefix("resume ") {
            Some(from) => format!("resume {from} -p {}", fate.parallelism),
            None => format!("run job.toml -p {} {}", fate.parallelism, fate.begin),
        };
        let mut command = self.folder.command(&begins);
        command.env("INTERVAL", self.interval).env("DURABILITY", self.durability);
        command.env("PEER", self.peer.as_ref().map_or("", |peer| &peer.address)).stdout(Stdio::null());
        if let Some(crash) = &fate.crash {
            command.env("FLOTT_CRASH", crash);
        }
        let mut child = command.spawn().unwrap();
        let (stdin, stderr) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
        let feed = self.job.feed;
        let record = |line: &String| match feed {
            Feed::Frames => [&(line.len() as u32).to_be_bytes(), line.as_bytes()].concat(),
            _ => format!("{line}\n").into_bytes(),
        };
        let bytes: Vec<u8> = rest.iter().flat_map(record).collect();
        let (for_stdin, for_socket) = if feed == Feed::Stdin { (bytes, Vec::new()) } else { (Vec::new(), bytes) };
        // A process that dies takes no more.
        let feeder = thread::spawn(move || drop({ stdin }.write_all(&for_stdin)));
        let listener =
            thread::spawn(move || listen(stderr, matches!(feed, Feed::Tcp | Feed::Frames).then_some(for_socket)));
        let over = Arc::new(AtomicBool::new(false));
        let wanted = match (fate.savepoints, fate.stops) {
            (_, true) => Some("stop job --savepoint ../saved"),
            (true, _) => Some("savepoint job"),
            _ => None,
        };
        let asker = wanted.map(|wanted| self.ask(wanted, over.clone()));
        let status = wait(&mut child, fate.signal);
        over.store(true, Ordering::Release);
        asker.into_iter().chain([feeder]).for_each(|thread| thread.join().unwrap());
        let said = listener.join().unwrap();
        if status.is_err() {
            panic!("{}: still running after {PATIENCE:?}: {fate:?}\n{said}", self.job.name);
        }
        let status = status.unwrap();
        Ok(match status.signal() {
            // Before it listens to signals, each of them is its end.
            Some(2 | 9 | 15) => End::Killed,
            _ => End::Exited { code: status.code(), said },
        })
    }

    fn ask(&self, wanted: &'static str, over: Arc<AtomicBool>) -> thread::JoinHandle<()> {
        let (work, state) = (self.folder.path(""), self.folder.state());
        thread::spawn(move || {
            while !over.load(Ordering::Acquire) {
                let mut command = crate::program::command(&work, wanted);
                // Before the job listens and when it ends there is nobody to ask.
                let _ = command.env("FLOTT_STATE_DIR", &state).output();
            }
        })
    }

    /// The lines that no earlier process has written down.
    fn unread(&self) -> Result<Vec<String>, Unknown> {
        let mut lines = lines();
        let folder = self.folder.state().join("job/journal/a");
        let mut written = Vec::new();
        for entry in fs::read_dir(folder).into_iter().flatten() {
            written.extend(fs::read(entry.unwrap().path()).unwrap());
        }
        let written = String::from_utf8_lossy(&written);
        let last = lines.iter().rposition(|line| written.contains(&format!("{line}\n")));
        match last {
            // The first is taken before anything is read.
            None if self.checkpoints(true) > 1 => Err(Unknown),
            last => Ok(lines.split_off(last.map_or(0, |last| last + 1))),
        }
    }

    /// How many manifests there are; `complete`: but for that of the start.
    pub fn checkpoints(&self, complete: bool) -> usize {
        let entries = fs::read_dir(self.folder.state().join("job")).into_iter().flatten();
        let manifests = entries.map(|entry| fs::read_to_string(entry.unwrap().path().join("manifest.json")));
        manifests.flatten().filter(|text| !complete || !text.contains("\"kind\":\"start\"")).count()
    }
}

/// Reads what a process says until it ends; gives `bytes` to the address where it says that it listens.
fn listen(stderr: impl Read, mut bytes: Option<Vec<u8>>) -> String {
    let mut said = String::new();
    for line in BufReader::new(stderr).lines() {
        let Ok(line) = line else { break };
        if let Some((_, address)) = line.split_once("listening on ")
            && let Some(bytes) = bytes.take()
            && let Ok(mut stream) = TcpStream::connect(address)
        {
            let _ = stream.write_all(&bytes);
        }
        said += &line;
        said.push('\n');
    }
    said
}

fn wait(child: &mut Child, mut signal: Option<(Duration, &'static str)>) -> Result<std::process::ExitStatus, ()> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Ok(status);
        }
        if let Some((_, name)) = signal.take_if(|(at, _)| started.elapsed() >= *at) {
            send(child, name);
        }
        if started.elapsed() > PATIENCE {
            send(child, "-KILL");
            child.wait().unwrap();
            return Err(());
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Takes what it is sent, and cuts its first connections.
struct Peer {
    address: String,
    over: Arc<AtomicBool>,
}

impl Peer {
    fn start() -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let over = Arc::new(AtomicBool::new(false));
        let ends = over.clone();
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                if ends.load(Ordering::Acquire) {
                    return;
                }
                let (mut stream, mut taken, mut buffer) = (stream.unwrap(), 0, [0; 1024]);
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    taken += read;
                    if number < CUT_CONNECTIONS && taken > CUT_BYTES {
                        break;
                    }
                }
            }
        });
        Peer { address, over }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        let _ = TcpStream::connect(&self.address);
    }
}
