//! What `mab __sandbox-exec` does, as a program of its own, for the tests of this crate.

fn main() -> std::process::ExitCode {
    mab_exec::inside::main()
}
