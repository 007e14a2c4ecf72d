//! What `mab run` tells the person at the terminal: the request, the question, how it ended and what undoes it.

use std::{fs, process::Command};

use crate::{
    home::Anything,
    running::{Scene, has_bubblewrap, last_six},
};

/// A scene in which everything may be asked for; none where nothing could be run.
#[cfg(test)]
fn scene() -> Anything<Option<Scene>> {
    if has_bubblewrap() { Scene::new("mode = 'yolo'\n").map(Some) } else { Ok(None) }
}

#[cfg(test)]
fn plain(seen: &str) -> String {
    anstream::adapter::strip_str(seen).to_string().replace('\r', "")
}

#[test]
fn digits_when_mistyped_are_asked_for_three_times() -> Anything {
    let Some(scene) = scene()? else { return Ok(()) };
    for (wrong, exit, notes) in [(2, 0, "x\n"), (3, 4, "one\ntwo\n")] {
        let mut asked = 0;
        let answer = |screen: &str| {
            let digits = last_six(screen)?;
            asked += 1;
            Some(if asked <= wrong { "zzzzzz\n".to_owned() } else { digits })
        };
        fs::write(scene.space.join("notes.txt"), "one\ntwo\n")?;
        let (status, seen) = scene.on_terminal(&["run", "--command", "echo x > notes.txt"], answer)?;
        assert_eq!((status.code(), scene.notes()?.as_str()), (Some(exit), notes), "{seen}");
        assert!(plain(&seen).contains("these are not its last 6 digits; 1 more, then it is void"), "{seen}");
    }
    Ok(())
}

#[test]
fn question_when_stopped_says_that_nothing_was_run() -> Anything {
    let Some(scene) = scene()? else { return Ok(()) };
    let stop = |screen: &str| last_six(screen).map(|_| "\u{3}".to_owned());
    let (status, seen) = scene.on_terminal(&["run", "--command", "rm notes.txt"], stop)?;
    assert_eq!((status.code(), scene.notes()?.as_str()), (Some(130), "one\ntwo\n"), "{seen}");
    assert!(plain(&seen).ends_with("\nnothing was run\n"), "{seen}");
    Ok(())
}

#[test]
fn request_when_shown_ends_with_the_words_and_the_digits_set_off() -> Anything {
    let Some(scene) = scene()? else { return Ok(()) };
    let command = "git push origin main > push.log";
    let nothing = |screen: &str| last_six(screen).map(|_| "\n".to_owned());
    let (_, seen) = scene.on_terminal(&["run", "--command", command], nothing)?;
    let seen = plain(&seen);
    let lines: Vec<&str> = seen.lines().collect();
    let question = lines.iter().position(|line| line.starts_with("type the last 6")).ok_or("no question")?;
    let [network, shell, words, request] = lines[question - 4..question] else {
        return Err("no lines".into());
    };
    assert!(network.starts_with("no network   `git push` will not get far"), "{seen}");
    assert_eq!((shell, words), ("a shell gets, line by line", format!("  \"{command}\"").as_str()));
    let digits =
        request.split_once(" [").and_then(|(_, digits)| digits.strip_suffix(']')).unwrap_or_default();
    assert!(digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{request}");
    assert!(request.chars().count() <= 80, "{request}");
    assert!(seen.contains("the first and the last 256 KiB are kept"), "{seen}");
    Ok(())
}

#[test]
fn end_of_a_run_names_what_undoes_it_only_when_it_wrote() -> Anything {
    let Some(scene) = scene()? else { return Ok(()) };
    let (status, seen) = scene.on_terminal(&["run", "--command", "true > /dev/null"], last_six)?;
    assert_eq!(status.code(), Some(0), "{seen}");
    assert!(!seen.contains("undoes"), "{seen}");
    let (_, seen) = scene.on_terminal(&["run", "--command", "echo x > notes.txt"], last_six)?;
    assert!(seen.contains("undoes what it wrote") && !seen.contains("--with-git"), "{seen}");
    #[expect(clippy::disallowed_methods, reason = "the test makes a repository")]
    let made = Command::new("git").args(["init", "-q"]).arg(&scene.space).env_clear().status()?;
    assert!(made.success());
    let (_, seen) = scene.on_terminal(&["run", "--command", "git add notes.txt >&2"], last_six)?;
    assert!(seen.contains("--with-git` undoes what it wrote, commits too"), "{seen}");
    Ok(())
}

#[test]
fn streams_of_a_run_are_told_apart_on_a_terminal() -> Anything {
    let Some(scene) = scene()? else { return Ok(()) };
    let (_, seen) = scene.on_terminal(&["run", "--command", "echo wrong >&2; echo right"], last_six)?;
    assert!(plain(&seen).contains("right\n── stderr\nwrong\n"), "{seen}");
    Ok(())
}

#[test]
fn output_when_its_middle_is_left_out_says_so_on_stderr() -> Anything {
    let scene = Scene::new("")?;
    fs::write(scene.space.join("large"), "a line of text\n".repeat(100_000))?;
    let run = scene.mab(&["run", "--", "cat", "large"])?;
    assert_eq!(run.exit, Some(0));
    let omitted = run.stderr.split(' ').next().and_then(|word| word.parse::<u64>().ok()).unwrap_or_default();
    let expected = format!(
        "{omitted} of 1500000 bytes of its stdout were left out; the first and the last 256 KiB are kept\n"
    );
    assert_eq!(run.stderr, expected);
    assert!((900_000..1_100_000).contains(&omitted), "{omitted}");
    Ok(())
}
