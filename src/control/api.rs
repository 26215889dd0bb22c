//! Requests and answers as HTTP and JSON.

use std::path::PathBuf;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request as HttpRequest, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, extract::DefaultBodyLimit};
use serde::Deserialize;
use serde_json::{Value, json};

use super::server::Desk;
use crate::error::{Class, Error, Result};
use crate::runtime::orders::{Reply, Request};

/// Bodies hold a path.
const BODY_BYTES_MAX: usize = 64 << 10;
/// Who has connected sends the body at once.
const BODY_PATIENCE: Duration = Duration::from_secs(5);
/// A job that does not answer at once hangs.
const STATUS_PATIENCE: Duration = Duration::from_secs(10);

pub fn router(desk: Desk) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/checkpoints", post(checkpoint))
        .route("/v1/savepoints", post(savepoint))
        .route("/v1/stop", post(stop))
        .route("/v1/cancel", post(cancel))
        .fallback(async || answer(Err(Error::usage("there is no such path in the control API")), StatusCode::NOT_FOUND))
        .method_not_allowed_fallback(async || {
            answer(Err(Error::usage("this path has another method")), StatusCode::METHOD_NOT_ALLOWED)
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(desk)
}

/// What comes with a request for a savepoint.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Savepoint {
    #[serde(rename = "targetDirectory", alias = "target-directory")]
    target: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Stop {
    /// A target directory says so as well.
    savepoint: bool,
    #[serde(rename = "targetDirectory", alias = "target-directory")]
    target: Option<PathBuf>,
    drain: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Nothing {}

async fn status(State(desk): State<Desk>) -> Response {
    let asked = tokio::time::timeout(STATUS_PATIENCE, desk.ask(Request::Status)).await;
    let known = asked.unwrap_or_else(|_| Err(Error::external("the job does not answer")));
    reply(known.map(|reply| match reply {
        Reply::Status(engine) => Reply::Status(merged(desk.about(), engine)),
        other => other,
    }))
}

async fn checkpoint(State(desk): State<Desk>, request: HttpRequest) -> Response {
    serve(desk, request, |_: Nothing| Ok(Request::Checkpoint)).await
}

async fn savepoint(State(desk): State<Desk>, request: HttpRequest) -> Response {
    serve(desk, request, |body: Savepoint| Ok(Request::Savepoint { to: absolute(body.target)? })).await
}

async fn stop(State(desk): State<Desk>, request: HttpRequest) -> Response {
    serve(desk, request, |body: Stop| {
        let target = absolute(body.target)?;
        let savepoint = (body.savepoint || target.is_some()).then_some(target);
        Ok(Request::Stop { savepoint, drain: body.drain })
    })
    .await
}

async fn cancel(State(desk): State<Desk>, request: HttpRequest) -> Response {
    serve(desk, request, |_: Nothing| Ok(Request::Cancel)).await
}

async fn serve<B: Default + for<'a> Deserialize<'a>>(
    desk: Desk,
    request: HttpRequest,
    meant: impl Fn(B) -> Result<Request>,
) -> Response {
    let body = match tokio::time::timeout(BODY_PATIENCE, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => body,
        Ok(Err(rejected)) => return answer(Err(Error::usage(rejected.body_text())), rejected.status()),
        Err(_) => return answer(Err(Error::usage("the body did not come")), StatusCode::REQUEST_TIMEOUT),
    };
    let parsed = match body.is_empty() {
        true => Ok(B::default()),
        false => serde_json::from_slice(&body).map_err(|e| Error::usage(format!("the body is wrong: {e}"))),
    };
    match parsed.and_then(meant) {
        Ok(what) => reply(desk.ask(what).await),
        Err(error) => answer(Err(error), StatusCode::BAD_REQUEST),
    }
}

fn absolute(path: Option<PathBuf>) -> Result<Option<PathBuf>> {
    match path {
        Some(path) if !path.is_absolute() => {
            Err(Error::usage(format!("the target directory {} is not an absolute path", path.display())))
        }
        path => Ok(path),
    }
}

fn reply(reply: Result<Reply>) -> Response {
    let path = |path: PathBuf| path.display().to_string();
    let value = reply.map(|reply| match reply {
        Reply::Checkpoint { number, path: folder } => json!({ "number": number, "path": path(folder) }),
        Reply::Savepoint { path: folder } => json!({ "path": path(folder) }),
        Reply::Stopped { path: folder } => json!({ "path": folder.map(path) }),
        Reply::Cancelled => json!({}),
        Reply::Status(status) => status,
    });
    let status = match &value {
        Ok(_) => StatusCode::OK,
        Err(error) => match error.class {
            Class::Usage | Class::Job | Class::Unfinished | Class::Busy => StatusCode::CONFLICT,
            Class::Data | Class::External | Class::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        },
    };
    answer(value, status)
}

fn answer(value: Result<Value>, status: StatusCode) -> Response {
    let body = value.unwrap_or_else(|e| json!({ "error": to_json(&e) }));
    (status, Json(body)).into_response()
}

/// What is known here, and what the engine says: its words count.
fn merged(about: Value, engine: Value) -> Value {
    match (about, engine) {
        (Value::Object(mut about), Value::Object(engine)) => {
            about.extend(engine);
            Value::Object(about)
        }
        (_, engine) => engine,
    }
}

/// Each class has a word.
const CLASSES: [(Class, &str); 7] = [
    (Class::Usage, "usage"),
    (Class::Job, "job"),
    (Class::Data, "data"),
    (Class::External, "external"),
    (Class::Internal, "internal"),
    (Class::Unfinished, "unfinished"),
    (Class::Busy, "busy"),
];

fn to_json(error: &Error) -> Value {
    let word = CLASSES.iter().find(|(class, _)| *class == error.class).map(|(_, word)| *word);
    json!({ "class": word, "node": error.node, "message": error.message, "notes": error.notes })
}

/// The error in an answer; `None` if there is none.
pub fn from_json(answer: &Value) -> Option<Error> {
    let error = answer.get("error")?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let word = error["class"].as_str();
    let class = CLASSES.iter().find(|(_, w)| Some(*w) == word).map_or(Class::External, |(class, _)| *class);
    Some(Error {
        class,
        node: text(&error["node"]),
        message: text(&error["message"]).unwrap_or_else(|| "the job refused, and did not say why".into()),
        notes: error["notes"].as_array().into_iter().flatten().filter_map(text).collect(),
    })
}
