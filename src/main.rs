//! The `flott` command: what was typed goes to the library, what comes back is the exit code.

use std::process::ExitCode;

#[global_allocator]
static MEMORY: flott::storage::spill::Spilling = flott::storage::spill::Spilling;

fn main() -> ExitCode {
    ExitCode::from(flott::cli::main(std::env::args_os()))
}
