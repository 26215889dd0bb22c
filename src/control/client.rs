//! The other end: asks the process that runs a job, and waits for the answer.

use std::io::ErrorKind;
use std::os::unix::net as std_net;
use std::path::Path;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::runtime::Builder;

use super::{api, socket};
use crate::checkpoint::home::Lock;
use crate::error::{Error, Result};

/// A process that has just got the lock listens soon.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(20);
/// A status may list many tasks.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Sends a request to the process that runs the job of a state folder; blocks until the answer is there.
///
/// Errors: those of the job; nobody runs it, or it cannot be spoken to (class External).
pub fn ask(folder: &Path, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
    let job = folder.file_name().unwrap_or_default().to_string_lossy();
    let stream = connect(folder, &job)?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Error::external(format!("cannot start a runtime: {e}")))?;
    let bytes = runtime.block_on(exchange(stream, method, path, body.map(Value::to_string).unwrap_or_default()));
    let broken = |e: &dyn std::fmt::Display| {
        Error::external(format!("the process that runs job {job} went away without an answer: {e}"))
    };
    let answer: Value = serde_json::from_slice(&bytes.map_err(|e| broken(&e))?).map_err(|e| broken(&e))?;
    match api::from_json(&answer) {
        Some(error) => Err(error),
        None => Ok(answer),
    }
}

fn connect(folder: &Path, job: &str) -> Result<std_net::UnixStream> {
    let started = Instant::now();
    loop {
        let error = match socket::connect(folder) {
            Ok(stream) => return Ok(stream),
            Err(e) => e,
        };
        let holder = if folder.is_dir() { Lock::holder(folder)? } else { None };
        let waits = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused);
        match holder {
            None => {
                return Err(Error::external(format!("no process runs job {job}"))
                    .note("`flott list` shows which jobs run and which can be resumed"));
            }
            Some(_) if waits && started.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
            Some(pid) => {
                let pid = pid.map(|pid| format!(" {pid}")).unwrap_or_default();
                return Err(Error::external(format!("process{pid} runs job {job}, but cannot be spoken to: {error}")));
            }
        }
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn exchange(stream: std_net::UnixStream, method: &str, path: &str, body: String) -> Result<Bytes, Failure> {
    stream.set_nonblocking(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(UnixStream::from_std(stream)?)).await?;
    // How it ends is seen by the request.
    tokio::spawn(connection);
    let request = hyper::Request::builder().method(method).uri(path).header("host", "flott");
    let request = request.header("content-type", "application/json").body(Full::new(Bytes::from(body)))?;
    let answer = sender.send_request(request).await?;
    Ok(Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await?.to_bytes())
}
