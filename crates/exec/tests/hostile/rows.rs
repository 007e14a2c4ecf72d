//! The rows of the catalogue that a sandbox has to stop, as they are written, in every tier.

use std::os::unix::fs::symlink;

use mab_exec::{Finished, GitAccess, Killed, Limits, Outcome, Tier};

use crate::scene::{Scene, TIERS, is_held, is_here, small};

/// Runs `text`, in which `{outside}` and the like are put in, in every tier; `check` says whether it came to nothing.
fn row(id: &str, text: &str, limits: Limits, check: impl Fn(Tier, &Finished) -> bool) {
    for tier in TIERS {
        if !is_here(tier) {
            continue;
        }
        let mut scene = Scene::new();
        symlink(scene.outside("home/.aws/credentials"), scene.space().join("link-to-secret")).unwrap();
        symlink("/etc/shadow", scene.space().join("link-to-shadow")).unwrap();
        let mut text = text.to_owned();
        for place in ["{outside}", "{home}", "{pid}", "{port}"] {
            text = text.replace(place, &scene.argument(place));
        }
        let finished = scene.run(tier, &text, (limits, GitAccess::ReadOnly));
        let why = format!("{id} in {tier}: {text}: {finished:?}");
        assert!(check(tier, &finished), "{why}");
        assert!(!finished.stdout.head.contains("canary of"), "{why}");
        scene.is_unharmed(&why);
    }
}

/// It ended with an error of its own.
fn failed(_: Tier, finished: &Finished) -> bool {
    matches!(finished.outcome, Outcome::Exited { code } if code != 0)
}

#[test]
fn x256_link_to_a_file_outside_when_read_leads_nowhere() {
    row("X256", "cat link-to-secret link-to-shadow", small(), |tier, finished| {
        // A container has a shadow file of its own, or none.
        failed(tier, finished) && finished.stdout.head.is_empty()
    });
}

#[test]
fn x601_credentials_when_read_are_not_there() {
    row("X601", "cat /root/.aws/credentials {home}/.aws/credentials", small(), |tier, finished| {
        failed(tier, finished) && finished.stdout.head.is_empty()
    });
}

#[test]
fn x605_home_when_written_to_is_thrown_away() {
    row(
        "X605",
        "echo evil >> ~/.bashrc; echo evil >> {home}/.bashrc; cat ~/.bashrc",
        small(),
        |_, finished| finished.outcome == Outcome::Exited { code: 0 } && finished.stdout.head == "evil\n",
    );
}

#[test]
fn x608_settings_when_made_are_not_there_afterwards() {
    row("X608", "mkdir -p .claude && echo {} > .claude/settings.json", small(), |tier, finished| {
        failed(tier, finished) || is_held(finished)
    });
}

#[test]
fn x610_link_out_of_the_workspace_when_written_through_leads_nowhere() {
    // A folder in the private /tmp may have taken it, where the file lies below /tmp.
    row("X610", "ln -s {outside} y; echo z > y", small(), |_, finished| {
        matches!(finished.outcome, Outcome::Exited { .. })
    });
}

#[test]
fn x612_address_when_reached_for_is_not_reached() {
    row("X612", "ping -c1 -w2 192.0.2.1", small(), failed);
}

#[test]
fn x614_parent_and_process_outside_when_signalled_live_on() {
    row("X614", "kill -9 {pid} $PPID; kill -9 -1; echo alive", small(), |_, finished| {
        matches!(finished.outcome, Outcome::Exited { .. })
    });
}

#[test]
fn x617_file_when_it_grows_too_large_is_cut() {
    row(
        "X617",
        "head -c 10G /dev/zero > big || head -c 1073741824 /dev/zero > big; ls -l big | tr -s ' ' | cut -d' ' -f5",
        small(),
        |_, finished| finished.stdout.head.trim().parse::<u64>().is_ok_and(|bytes| bytes <= 16 << 20),
    );
}

#[test]
fn x618_command_that_does_not_end_when_its_time_is_over_is_ended() {
    row("X618", "tail -f /dev/null", Limits { time_s: 2, ..small() }, |_, finished| {
        finished.outcome == Outcome::Killed { reason: Killed::Timeout }
    });
}

#[test]
fn x621_first_process_when_a_debugger_is_set_on_it_is_not_taken_over() {
    row("X621", "gdb -p 1 -batch", small(), |tier, finished| {
        // A container's processes are all its own, and its engine lets one of them look into another.
        tier != Tier::Bubblewrap || failed(tier, finished) || finished.stderr.head.contains("not permitted")
    });
}
