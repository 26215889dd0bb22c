//! The `flott` command: what was typed goes to the library, what comes back is the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(flott::cli::main(std::env::args_os()))
}
