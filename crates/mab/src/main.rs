//! The `mab` program: reads arguments and environment, and leaves the rest to the library beside it.

use std::process::ExitCode;

use mab::environment::Environment;

fn main() -> ExitCode {
    // Started by itself, inside a sandbox: not for people, and before anything else is read or opened.
    if std::env::args_os().nth(1).is_some_and(|word| word == mab_exec::inside::FIRST_WORD) {
        return mab_exec::inside::main();
    }
    mab::cli::run(std::env::args_os(), &Environment::from_process())
}
