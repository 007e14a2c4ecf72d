//! The `mab` program: reads arguments and environment, and leaves the rest to the library beside it.

use std::process::ExitCode;

use mab::environment::Environment;

fn main() -> ExitCode {
    // Started by itself, to set up a sandbox or inside one: not for people, and before anything else is read or opened.
    if let Some(code) = mab_exec::run_hidden(std::env::args_os().skip(1)) {
        return code;
    }
    mab::cli::run(std::env::args_os(), &Environment::from_process())
}
