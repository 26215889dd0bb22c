//! The program as users meet it: each test runs the real binary in a folder of its own.

#[path = "it/program.rs"]
mod program;

#[path = "it/changes.rs"]
mod changes;
#[path = "it/check.rs"]
mod check;
#[path = "it/columns.rs"]
mod columns;
#[path = "it/commands.rs"]
mod commands;
#[path = "it/crash.rs"]
mod crash;
#[path = "it/disk.rs"]
mod disk;
#[path = "it/docs.rs"]
mod docs;
#[path = "it/follow.rs"]
mod follow;
#[path = "it/follow_killed.rs"]
mod follow_killed;
#[path = "it/formats.rs"]
mod formats;
#[path = "it/fuzz.rs"]
mod fuzz;
#[path = "it/generated.rs"]
mod generated;
#[path = "it/infer.rs"]
mod infer;
#[path = "it/jobs.rs"]
mod jobs;
#[path = "it/journal.rs"]
mod journal;
#[path = "it/live.rs"]
mod live;
#[path = "it/look.rs"]
mod look;
#[path = "it/messages.rs"]
mod messages;
#[path = "it/own_tests.rs"]
mod own_tests;
#[path = "it/pipes.rs"]
mod pipes;
#[path = "it/restart.rs"]
mod restart;
#[path = "it/resume.rs"]
mod resume;
#[path = "it/rooms.rs"]
mod rooms;
#[path = "it/run.rs"]
mod run;
#[path = "it/starters.rs"]
mod starters;
#[path = "it/state.rs"]
mod state;
#[path = "it/state_files.rs"]
mod state_files;
#[path = "it/stop.rs"]
mod stop;
#[path = "it/wrong.rs"]
mod wrong;
