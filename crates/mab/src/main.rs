//! The `mab` program: reads arguments and environment, and leaves the rest to the library beside it.

use std::process::ExitCode;

use mab::environment::Environment;

fn main() -> ExitCode {
    mab::cli::run(std::env::args_os(), &Environment::from_process())
}
