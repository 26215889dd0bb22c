//! The control API: how a running job is spoken to.
//!
//! HTTP/1.1 with JSON over a Unix socket, `control.sock` in the state folder of the job. `flott savepoint`, `stop`,
//! `cancel`, `checkpoint` and `status` are its clients; `curl --unix-socket` is another. Words are Flink's where there
//! are such.
//!
//! | | body | answer |
//! |---|---|---|
//! | `GET /v1/status` | | figures of the job |
//! | `POST /v1/checkpoints` | | `{"number", "path"}` |
//! | `POST /v1/savepoints` | `{"targetDirectory"}` | `{"path"}` |
//! | `POST /v1/stop` | `{"savepoint", "targetDirectory", "drain"}` | `{"path"}`, null without savepoint |
//! | `POST /v1/cancel` | | `{}` |
//!
//! An answer comes when what was asked for is done. Errors are `{"error": {"class", "node", "message", "notes"}}`.
//!
//! **Who may ask.** The owner of the process and root: the folder has mode 0700, the socket 0600, and the peer's user
//! id is looked at as well, so that a folder opened to others by hand opens nothing here.
//!
//! **Threads.** `server` runs on a thread of its own, in a runtime of one thread; it turns each request into an
//! `Order` with a channel for the reply and waits for that. It touches nothing of the job, and slow or many clients
//! cost the job nothing. It begins before the job and ends after it, and takes the socket with it. A socket that a
//! killed process left is replaced: whoever holds the lock of the folder knows that nobody listens there.
//!
//! Nothing here knows what an order means. `socket` has the way around the limit on the length of socket paths.

mod api;
pub mod client;
mod server;
mod socket;
#[cfg(test)]
mod tests;

pub use server::{About, Server};
