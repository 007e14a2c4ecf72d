//! What `mab __overlay` does, as a program of its own, for the tests of this crate.

fn main() -> std::process::ExitCode {
    mab_exec::preview::mount::main(std::env::args_os().skip(2))
}
