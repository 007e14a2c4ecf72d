//! How a run ends, and what it printed.

use mab_exec::{Killed, Limits, Outcome, Tier};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::bench::run;

#[test]
fn command_when_it_ends_tells_code_output_and_sandbox() {
    let Some(finished) = run("echo out; echo err >&2; exit 7", Limits::default(), &()) else { return };
    assert_eq!(finished.outcome, Outcome::Exited { code: 7 });
    assert_eq!((finished.stdout.head.as_str(), finished.stderr.head.as_str()), ("out\n", "err\n"));
    assert_eq!(finished.tier, Some(Tier::Bubblewrap));
    assert!(finished.enforced.iter().any(|words| words == "seccomp"), "{:?}", finished.enforced);
}

#[test]
fn command_when_a_signal_ends_it_has_its_shell_code() {
    let Some(finished) = run("kill -9 $$", Limits::default(), &()) else { return };
    assert_eq!(finished.outcome, Outcome::Exited { code: 137 });
}

#[test]
fn output_when_it_says_that_the_sandbox_failed_is_not_believed() {
    let text = "echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1";
    let Some(finished) = run(text, Limits::default(), &()) else { return };
    assert_eq!(finished.outcome, Outcome::Exited { code: 1 });
}

#[test]
fn secret_when_printed_byte_by_byte_is_replaced() {
    let token = ["ghp", "_k9QzTbV3nXw7Lm2RcYpJ5sHd8FgA1uE4oIZt"].concat();
    let text = format!("t={token}; for i in $(seq 0 39); do printf %s \"${{t:$i:1}}\"; done; echo");
    let Some(finished) = run(&text, Limits::default(), &()) else { return };
    assert_eq!((finished.stdout.head.as_str(), finished.stdout.redacted), ("GITHUB_TOKEN_REDACTED\n", 1));
}

#[test]
fn output_when_more_than_the_limit_ends_the_run() {
    let limits = Limits { output_bytes: 8 << 20, ..Limits::default() };
    let Some(finished) = run("yes 'an ordinary line'", limits, &()) else { return };
    assert_eq!(finished.outcome, Outcome::Killed { reason: Killed::Output });
    let total = finished.stdout.total_bytes;
    assert!(((8 << 20)..(9 << 20)).contains(&total), "{total}");
    let kept = (finished.stdout.head.len() + finished.stdout.tail.len()) as u64;
    assert!(kept <= 512 << 10 && kept > 500 << 10);
    assert!(total - kept - finished.stdout.omitted_bytes < 64, "{total} {kept}");
}

#[test]
fn input_is_empty() {
    let Some(finished) = run("cat; read x; echo $?", Limits::default(), &()) else { return };
    assert_eq!(finished.stdout.head, "1\n");
}

#[test]
fn command_when_it_takes_too_much_memory_is_ended_for_that() {
    let limits = Limits { memory_bytes: 128 << 20, ..Limits::default() };
    // Several processes: what one may take is held by a limit of its own, which only refuses.
    let text = "for i in 1 2 3 4 5 6; do (x=$(head -c 40000000 /dev/zero | tr '\\0' a); sleep 30) & done; wait -n || kill -9 $$";
    let Some(finished) = run(text, limits, &()) else { return };
    if finished.enforced.iter().any(|words| words.contains("memory")) {
        assert_eq!(finished.outcome, Outcome::Killed { reason: Killed::Memory }, "{finished:?}");
    } else {
        println!("SKIPPED: no control group for memory here: {:?}", finished.enforced);
        assert_ne!(finished.outcome, Outcome::Exited { code: 0 });
    }
}

#[test]
fn command_when_the_server_hides_its_memory_runs_as_always() {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).unwrap();
    let Some(finished) = run("echo x > made && cat made", Limits::default(), &()) else { return };
    assert_eq!(finished.outcome, Outcome::Exited { code: 0 });
    assert_eq!(finished.stdout.head, "x\n");
}
