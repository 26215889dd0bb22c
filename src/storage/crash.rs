//! Places where tests kill the process, as kill -9 would: `FLOTT_CRASH=NAME:PASSAGE`. Only in builds for tests.

/// Every place there is. A test goes through all of them.
pub const POINTS: &[&str] = &[
    "home-before-record",
    "home-after-record",
    "run-before-engine",
    "directory-after-create",
    "directory-after-write",
    "directory-after-roll",
    "directory-before-rename",
    "directory-after-rename",
    "directory-before-remove",
    "directory-before-truncate",
    "directory-before-swap",
    "directory-between-swap",
    "directory-after-swap",
    "file-after-create",
    "file-after-write",
    "file-before-truncate",
    "file-after-truncate",
    "file-before-rename",
    "file-after-rename",
    "start-before-write",
    "start-after-write",
    "checkpoint-after-durable",
    "checkpoint-before-commit",
    "sink-after-commit",
    "checkpoint-after-commit",
    "end-before-write",
    "end-before-clear",
    "clear-before-journal",
    "fresh-before-clear",
    "resume-after-rewind",
    "restart-before-restore",
    "checkpoint-before-files",
    "checkpoint-after-file",
    "checkpoint-after-files",
    "checkpoint-before-manifest",
    "checkpoint-before-rename",
    "checkpoint-after-rename",
    "checkpoint-before-retire",
    "checkpoint-retire-before-files",
    "checkpoint-after-retire",
    "checkpoint-clear-before-files",
    "savepoint-before-rename",
    "savepoint-after-rename",
    "adopt-before-manifest",
    "adopt-after-manifest",
    "sqlite-before-prepare",
    "sqlite-after-prepare",
    "sqlite-before-transaction",
    "sqlite-before-commit",
    "sqlite-after-commit",
    "sqlite-after-remove",
    "journal-before-append",
    "journal-after-append",
    "journal-after-rotate",
    "journal-before-trim",
];

/// Dies here, if this is the place and the passage asked for.
#[cfg(debug_assertions)]
pub fn point(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static WANTED: OnceLock<Option<(String, u32)>> = OnceLock::new();
    static SEEN: AtomicU32 = AtomicU32::new(0);
    debug_assert!(POINTS.contains(&name), "{name} is not in the table");
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("FLOTT_CRASH").ok()?;
        let (name, passage) = text.rsplit_once(':')?;
        Some((name.to_owned(), passage.parse().ok()?))
    });
    if let Some((wanted, passage)) = wanted
        && wanted == name
        && SEEN.fetch_add(1, Ordering::SeqCst) + 1 == *passage
    {
        // The process is gone before this returns.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        std::thread::park();
    }
}

/// Nothing, outside tests.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn point(_name: &str) {}
