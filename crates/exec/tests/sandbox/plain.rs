//! Ordinary commands: they run, and end as a shell would say they did.

use mab_exec::{Ending, Link, Plan, Step, Tier};

use crate::bench::{Space, argv, one, pipeline, run, sandbox, shell, tiers};

#[test]
fn tiers_when_probed_are_there_or_say_why_not() {
    for report in tiers().report() {
        match report.available {
            Ok(enforced) => assert!(enforced.iter().any(|words| words.contains("seccomp")), "{enforced:?}"),
            Err(why) => {
                println!("SKIPPED: {} is not here: {why}", report.tier);
                assert!(!why.hint.is_empty());
            }
        }
    }
}

#[test]
fn commands_when_joined_run_as_their_links_say() {
    for tier in [Tier::Landlock, Tier::Bubblewrap] {
        let Some(sandbox) = sandbox(tier) else { continue };
        let space = Space::new();
        space.write("a.txt", "one\ntwo\nthree\n");
        let reading = space.reading();
        let ran = run(&*sandbox, &pipeline(&[&["cat", "a.txt"], &["grep", "t"], &["wc", "-l"]]), &reading);
        assert_eq!((ran.code(), ran.stdout.trim(), ran.stderr.as_str()), (0, "2", ""), "{tier}");
        let step = |link, words: &[&str]| Step { link, pipeline: vec![argv(words)] };
        let ran = run(
            &*sandbox,
            &Plan::Steps(vec![
                step(Link::Always, &["false"]),
                step(Link::AfterSuccess, &["echo", "never"]),
                step(Link::AfterFailure, &["echo", "second"]),
                step(Link::AfterSuccess, &["echo", "third"]),
                step(Link::Always, &["no-such-program"]),
            ]),
            &reading,
        );
        assert_eq!((ran.code(), ran.stdout.as_str()), (127, "second\nthird\n"), "{tier}");
        assert_eq!(ran.stderr, "no-such-program: not found\n", "{tier}");
        // Who reads no more ends who writes, without a word about it.
        let ran = run(&*sandbox, &pipeline(&[&["yes"], &["head", "-n1"]]), &reading);
        assert_eq!(
            ran,
            crate::bench::Ran { ending: Ending::Exited(0), stdout: "y\n".into(), stderr: String::new() }
        );
        let ran = run(&*sandbox, &one(&["/etc/passwd"]), &reading);
        assert_eq!(ran.code(), 126, "{tier}: {ran:?}");
    }
}

#[test]
fn shell_text_when_run_sees_its_workspace_and_a_private_home() {
    let Some(sandbox) = sandbox(Tier::Bubblewrap) else { return };
    let space = Space::new();
    let ran =
        run(&*sandbox, &shell("pwd; echo $HOME; touch new && echo hi > ~/x; ls ~; exit 7"), &space.writing());
    assert_eq!(ran.code(), 7, "{ran:?}");
    assert_eq!(ran.stdout, format!("{}\n/tmp/home\nx\n", space.path.display()), "{ran:?}");
    assert_eq!(space.read("new").as_deref(), Some(""));
    let ran = run(&*sandbox, &shell("touch other"), &space.reading());
    assert_ne!(ran.code(), 0);
    assert_eq!(space.names(), ["new"]);
}
