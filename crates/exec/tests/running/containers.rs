//! T3, where an engine of the tests runs (`.ci/engine`); everywhere else these say that they are skipped.

use std::{collections::BTreeMap, path::Path, time::Duration};

use mab_exec::{Container, Engine, ExecutorSettings, Finished, Killed, Limits, Outcome, Tier, Unavailable};

use crate::{
    bench::{Impatient, containers, end_within, is_here, mark, processes_with, records, run_in, run_with},
    kills::{READY, ended_by, server, stubborn},
};

const ENGINES: [Engine; 2] = [Engine::Docker, Engine::Podman];

fn small() -> Limits {
    Limits { memory_bytes: 64 << 20, scratch_bytes: 8 << 20, processes: 64, ..Limits::default() }
}

fn run(engine: Engine, text: &str, limits: Limits) -> Option<Finished> {
    let folder = tempfile::tempdir().unwrap();
    run_in((Tier::Container(engine), &folder.path().canonicalize().unwrap()), text, limits, &())
}

#[test]
fn command_in_a_container_tells_code_output_and_what_is_enforced() {
    for engine in ENGINES {
        let Some(finished) = run(engine, "echo out; echo err >&2; cat; exit 7", small()) else { continue };
        assert_eq!(finished.outcome, Outcome::Exited { code: 7 }, "{finished:?}");
        assert_eq!((finished.stdout.head.as_str(), finished.stderr.head.as_str()), ("out\n", "err\n"));
        assert_eq!(finished.tier, Some(Tier::Container(engine)));
        assert!(finished.enforced.iter().any(|words| words == "no capabilities"), "{:?}", finished.enforced);
    }
}

#[test]
fn container_is_hardened() {
    for engine in ENGINES {
        let text = "grep -E '^(CapPrm|CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -s '\\t' ' '
        ls /sys/class/net; touch /x 2>/dev/null || echo no root; cat /sys/fs/cgroup/memory/memory.limit_in_bytes
        cd /tmp && dd if=/dev/zero of=big bs=1M count=16 2>/dev/null || echo no space; id -u; env | sort";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        let settings = ExecutorSettings {
            sandbox: Some(Tier::Container(engine)),
            environment: BTreeMap::from([("DEPLOY_REGION".to_owned(), "north".to_owned())]),
            ..Default::default()
        };
        let Some(finished) = run_with(settings, &path, (text, small()), &()) else { continue };
        let none = "0000000000000000";
        let user = rustix::process::geteuid().as_raw();
        let head = finished.stdout.head;
        let expected = format!(
            "CapPrm: {none}\nCapEff: {none}\nCapBnd: {none}\nNoNewPrivs: 1\nSeccomp: 2\nlo\nno root\n67108864\nno space\n{user}\n"
        );
        assert!(head.starts_with(&expected), "{head}");
        let environment: Vec<&str> = head[expected.len()..].lines().collect();
        let names: Vec<&str> = environment.iter().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        let known = [
            "DEPLOY_REGION",
            "HOME",
            "HOSTNAME",
            "LANG",
            "OLDPWD",
            "PATH",
            "PWD",
            "SHLVL",
            "TERM",
            "TZ",
            "container",
        ];
        assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
        assert!(environment.contains(&"DEPLOY_REGION=north") && environment.contains(&"HOME=/tmp/home"));
    }
}

#[test]
fn workspace_in_a_container_is_written_and_what_others_obey_is_not() {
    for engine in ENGINES {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        std::fs::create_dir(path.join(".git")).unwrap();
        std::fs::write(path.join(".git/config"), "[core]\n").unwrap();
        std::fs::write(path.join(".env"), "A=b\n").unwrap();
        let text = "echo made > new; echo evil >> .git/config; mv .git .git2; mkdir -p .claude && echo x > .claude/settings.json
        echo x > .mcp.json; cat .env; ls -A | grep -c .";
        let Some(finished) = run_in((Tier::Container(engine), &path), text, small(), &()) else { continue };
        assert_eq!(std::fs::read_to_string(path.join("new")).unwrap(), "made\n", "{finished:?}");
        assert_eq!(std::fs::read_to_string(path.join(".git/config")).unwrap(), "[core]\n");
        let mut names: Vec<_> = std::fs::read_dir(&path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, [".env", ".git", "new"]);
        assert!(!finished.stdout.head.contains("A=b"), "{}", finished.stdout.head);
    }
}

#[test]
fn command_in_a_container_when_it_takes_too_much_memory_is_ended_for_that() {
    for engine in ENGINES {
        let text = "x=a; while :; do x=$x$x; done";
        let Some(finished) = run(engine, text, Limits { memory_bytes: 32 << 20, ..small() }) else {
            continue;
        };
        // Where the kernel ended a child of the first process, Podman does not say that it was for memory.
        let is_told = ended_by(&finished.outcome) == Some(Killed::Memory);
        let is_untold = engine == Engine::Podman && finished.outcome == Outcome::Exited { code: 137 };
        assert!(is_told || is_untold, "{finished:?}");
    }
}

#[test]
fn container_when_its_time_is_over_is_gone() {
    for engine in ENGINES {
        let mark = mark(21);
        let limits = Limits { time_s: 3, ..small() };
        let Some(finished) = run(engine, &format!("{}{READY} wait", stubborn(&mark)), limits) else {
            continue;
        };
        assert_eq!(ended_by(&finished.outcome), Some(Killed::Timeout), "{finished:?}");
        assert!(processes_with(&mark).is_empty());
    }
}

#[test]
fn container_when_cancelled_or_over_leaves_nothing() {
    for engine in ENGINES {
        let mark = mark(22);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        let text = format!("{}{READY} wait", stubborn(&mark));
        let Some(finished) = run_in((Tier::Container(engine), &path), &text, small(), &Impatient::new())
        else {
            continue;
        };
        assert_eq!(ended_by(&finished.outcome), Some(Killed::Cancelled));
        assert!(processes_with(&mark).is_empty());
        let finished = run(engine, &format!("{}{READY} exit 3", stubborn(&mark)), small()).unwrap();
        assert_eq!(finished.outcome, Outcome::Exited { code: 3 });
        assert!(processes_with(&mark).is_empty());
    }
}

#[test]
fn server_when_killed_leaves_no_container_running() {
    for engine in ENGINES {
        let mark = mark(23);
        let Some((mut server, processes)) = server(Tier::Container(engine), &mark) else { continue };
        server.kill().unwrap();
        assert!(end_within(&processes, Duration::from_secs(5)).unwrap());
        server.wait().unwrap();
        // What is left when even the watchman was killed goes at the next probe, if anything is.
        Container::probe(&containers(engine, "mab-test"), &records()).unwrap();
    }
}

#[test]
fn image_when_missing_is_not_fetched_and_the_command_for_it_is_told() {
    for engine in ENGINES {
        if !is_here(Tier::Container(engine)) {
            continue;
        }
        let why = Container::probe(&containers(engine, "mab-no-such-image:1"), &records()).unwrap_err();
        let name = if engine == Engine::Docker { "docker" } else { "podman" };
        let expected = Unavailable {
            reason: format!("{name} has no image mab-no-such-image:1"),
            hint: format!("nothing is fetched by itself; `{name} pull mab-no-such-image:1` fetches it"),
        };
        assert_eq!(why, expected);
    }
}

#[test]
fn engine_when_it_does_not_answer_is_unavailable() {
    for engine in ENGINES {
        let mut nowhere = containers(engine, "mab-test");
        nowhere.socket = Some(Path::new("/nonexistent/engine.sock").to_owned());
        let why = Container::probe(&nowhere, &records()).unwrap_err();
        assert!(why.reason.contains(" does not work: ") || why.reason.contains(" is not installed"), "{why}");
        assert!(why.hint.contains("administrator"), "{why}");
    }
}

#[test]
fn workspace_when_its_name_could_be_taken_for_more_is_refused() {
    for engine in ENGINES {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a,readonly=false", "a,target=etc", "a\"b"] {
            let path = folder.path().canonicalize().unwrap().join(name);
            std::fs::create_dir(&path).unwrap();
            let Some(finished) = run_in((Tier::Container(engine), &path), "true", small(), &()) else {
                continue;
            };
            let Outcome::SandboxUnavailable { reason } = finished.outcome else { panic!("{finished:?}") };
            assert!(reason.starts_with("a path has a comma"), "{reason}");
            assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
        }
    }
}
