//! What a run may use: more of it ends the run or the attempt, and the kernel says which it was.

use mab_exec::{Ending, Killed, Limits, Profile, Tier};

use crate::bench::{Space, one, run, sandbox, shell, tiers};

#[test]
fn memory_and_processes_when_there_is_a_group_are_counted_for_all_together() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    if !has_group() {
        println!("SKIPPED: no control group can be made here");
        return;
    }
    let space = Space::new();
    let limits = Limits { memory_bytes: 64 << 20, ..Limits::default() };
    // Each alone stays below the limit.
    let text = "for i in 1 2 3; do head -c 50000000 /dev/zero | tail -c 40000000 > /dev/null & done
        wait %1 && wait %2 && wait %3 || kill -9 $$";
    let ran = run(&*sandbox, &shell(text), &Profile { limits, ..space.reading() });
    assert_eq!(ran.ending, Ending::Limit(Killed::Memory), "{ran:?}");

    let limits = Limits { processes: 8, ..Limits::default() };
    let text = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do sleep 100 & done; echo all";
    // Not bash, which tries again for 15 seconds.
    let ran = run(&*sandbox, &one(&["sh", "-c", text]), &Profile { limits, ..space.reading() });
    assert!(ran.stdout.is_empty() && ran.stderr.contains("fork"), "{ran:?}");
    assert_eq!(ran.ending, Ending::Exited(2), "it said so and ended by itself");
}

#[test]
fn files_and_scratch_and_time_of_the_processor_when_used_up_end_the_attempt() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let space = Space::new();
    let limits = Limits { file_bytes: 1 << 20, scratch_bytes: 1 << 19, cpu_s: 1, ..Limits::default() };
    let profile = Profile { limits, ..space.writing() };
    let ran = run(&*sandbox, &shell("head -c 5000000 /dev/zero > big; echo $?; wc -c < big"), &profile);
    assert_eq!(ran.stdout, "153\n1048576\n", "{ran:?}"); // SIGXFSZ
    let ran = run(&*sandbox, &shell("head -c 900000 /dev/zero > /tmp/big || wc -c < /tmp/big"), &profile);
    assert_eq!(ran.stdout, "524288\n", "{ran:?}");
    let ran = run(&*sandbox, &shell("while :; do :; done"), &profile);
    assert_eq!(ran.code(), 128 + 24, "{ran:?}"); // SIGXCPU
    let ran = run(&*sandbox, &shell("ulimit -c; ulimit -Hc; ulimit -n"), &profile);
    assert_eq!(ran.stdout, "0\n0\n4096\n", "{ran:?}");
}

fn has_group() -> bool {
    tiers().report().iter().any(|report| {
        report
            .available
            .as_ref()
            .is_ok_and(|enforced| enforced.iter().any(|words| words.starts_with("cgroup")))
    })
}
