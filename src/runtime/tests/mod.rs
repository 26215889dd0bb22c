//! The engine as a whole: random jobs under a seeded scheduler against a row-by-row model, ends, barriers, threads.

mod barriers;
mod build;
mod cases;
mod ends;
mod flow;
mod jobs;
mod memory;
mod model;
mod restore;
mod sim;
mod threads;
mod unions;
mod wall;
