//! What `mab` does under its hidden first words, as a program of its own, for the tests of this crate.

fn main() -> std::process::ExitCode {
    mab_exec::run_hidden(std::env::args_os().skip(1)).unwrap_or(std::process::ExitCode::from(2))
}
