//! A server with an engine that only notes what it is asked, and clients.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::unbounded;
use serde_json::{Value, json};

use super::{Server, client, socket};
use crate::checkpoint::home::{Home, Owner, StateDir};
use crate::error::{Class, Error, Result};
use crate::runtime::orders::{Ask, Order, Reply, Request};

struct Fixture {
    folder: PathBuf,
    home: Home,
    _dir: tempfile::TempDir,
}

/// A job in a folder whose path is longer than a socket's may be.
fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let place = StateDir::find(Some(&dir.path().join("long".repeat(40))), &|_| None).unwrap();
    let home = Home::claim(&place, "j", Path::new("/nowhere/j.toml"), &Owner::Same).unwrap();
    Fixture { folder: home.folder().to_owned(), home, _dir: dir }
}

/// Answers as `answer` says until the server is gone; gives back what was asked.
fn engine(
    fixture: &Fixture,
    answer: impl Fn(&Request) -> Option<Result<Reply>> + Send + 'static,
) -> (Server, JoinHandle<Vec<Request>>) {
    let (orders, received) = unbounded();
    let about = Arc::new(|| json!({ "job": "j", "state": "unknown" }));
    let server = Server::start(&fixture.folder, orders, about, Default::default()).unwrap();
    let engine = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for order in received {
            let Order::Ask(Ask { what, reply }) = order else { continue };
            if let Some(answer) = answer(&what) {
                reply.send(answer).unwrap();
            }
            asked.push(what);
        }
        asked
    });
    (server, engine)
}

fn usual(what: &Request) -> Option<Result<Reply>> {
    Some(Ok(match what {
        Request::Checkpoint => Reply::Checkpoint { number: 7, path: "/s/chk-7".into() },
        Request::Savepoint { to } => Reply::Savepoint { path: to.clone().unwrap_or("/s/savepoint-8".into()) },
        Request::Stop { savepoint, .. } => Reply::Stopped { path: savepoint.clone().map(|to| to.unwrap_or_default()) },
        Request::Cancel => Reply::Cancelled,
        Request::Status => Reply::Status(json!({ "state": "running" })),
    }))
}

#[test]
fn every_request_reaches_the_engine_and_its_answer_comes_back() {
    let fixture = fixture();
    let (server, engine) = engine(&fixture, usual);
    let ask = |method, path, body: Value| client::ask(&fixture.folder, method, path, Some(&body)).unwrap();
    let nothing = || json!({});
    assert_eq!(
        client::ask(&fixture.folder, "GET", "/v1/status", None).unwrap(),
        json!({ "job": "j", "state": "running" })
    );
    assert_eq!(ask("POST", "/v1/checkpoints", nothing()), json!({ "number": 7, "path": "/s/chk-7" }));
    assert_eq!(ask("POST", "/v1/savepoints", nothing()), json!({ "path": "/s/savepoint-8" }));
    assert_eq!(ask("POST", "/v1/savepoints", json!({ "target-directory": "/a" })), json!({ "path": "/a" }));
    assert_eq!(ask("POST", "/v1/stop", nothing()), json!({ "path": null }));
    assert_eq!(ask("POST", "/v1/stop", json!({ "targetDirectory": "/b", "drain": true })), json!({ "path": "/b" }));
    assert_eq!(ask("POST", "/v1/stop", json!({ "savepoint": true })), json!({ "path": "" }));
    assert_eq!(ask("POST", "/v1/cancel", nothing()), json!({}));
    drop(server);
    let stop = |savepoint, drain| Request::Stop { savepoint, drain };
    assert_eq!(
        engine.join().unwrap(),
        [
            Request::Status,
            Request::Checkpoint,
            Request::Savepoint { to: None },
            Request::Savepoint { to: Some("/a".into()) },
            stop(None, false),
            stop(Some(Some("/b".into())), true),
            stop(Some(None), false),
            Request::Cancel,
        ]
    );
}

#[test]
fn errors_of_the_engine_arrive_whole() {
    let fixture = fixture();
    let error = || Error::new(Class::Job, "checkpoints are off").at("sinks.o").note("turn them on");
    let (_server, _engine) = engine(&fixture, move |_| Some(Err(error())));
    let found = client::ask(&fixture.folder, "POST", "/v1/checkpoints", None).unwrap_err();
    assert_eq!((found.class, found.to_string()), (Class::Job, error().to_string()));
}

#[test]
fn wrong_requests_are_refused_and_do_not_reach_the_engine() {
    let fixture = fixture();
    let (server, engine) = engine(&fixture, usual);
    for (method, path, body, words) in [
        ("GET", "/v1/nothing", json!({}), "no such path"),
        ("GET", "/v1/cancel", json!({}), "another method"),
        ("POST", "/v1/savepoints", json!({ "targetDirectory": "a" }), "not an absolute path"),
        ("POST", "/v1/savepoints", json!({ "targetDirectory": 5 }), "the body is wrong"),
        ("POST", "/v1/stop", json!({ "drian": true }), "unknown field `drian`"),
        ("POST", "/v1/stop", json!({ "targetDirectory": "/x".repeat(1 << 16) }), "length limit"),
    ] {
        let error = client::ask(&fixture.folder, method, path, Some(&body)).unwrap_err();
        assert!(error.class == Class::Usage && error.message.contains(words), "{path}: {error}");
    }
    drop(server);
    assert_eq!(engine.join().unwrap(), []);
}

#[test]
fn a_job_that_ends_answers_whoever_still_waits() {
    let fixture = fixture();
    let (orders, received) = unbounded();
    let server = Server::start(&fixture.folder, orders, Arc::new(|| json!({})), Default::default()).unwrap();
    let folder = fixture.folder.clone();
    let asker = std::thread::spawn(move || client::ask(&folder, "POST", "/v1/stop", None));
    drop(received.recv().unwrap());
    assert!(asker.join().unwrap().unwrap_err().message.contains("has ended"));
    drop(received);
    let error = client::ask(&fixture.folder, "POST", "/v1/stop", None).unwrap_err();
    assert!(error.message.contains("has ended"), "{error}");
    drop(server);
}

#[test]
fn the_socket_is_the_owners_and_goes_with_the_server() {
    let fixture = fixture();
    let file = fixture.folder.join("control.sock");
    // What a killed process left.
    drop(socket::bind(&fixture.folder).unwrap());
    assert!(file.exists());
    let (server, _engine) = engine(&fixture, usual);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    client::ask(&fixture.folder, "POST", "/v1/checkpoints", None).unwrap();
    // Somebody who says nothing does not keep it from ending.
    let mut silent = socket::connect(&fixture.folder).unwrap();
    silent.write_all(b"POST /v1/sto").unwrap();
    drop(server);
    assert!(!file.exists());
    assert_eq!(silent.read(&mut [0]).unwrap_or(0), 0);
    let Fixture { folder, home, _dir } = fixture;
    drop(home);
    let error = client::ask(&folder, "POST", "/v1/stop", None).unwrap_err();
    assert!(error.to_string().contains("no process runs job j") && error.to_string().contains("flott list"), "{error}");
}
