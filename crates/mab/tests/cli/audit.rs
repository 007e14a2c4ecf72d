//! `mab audit`: filtered, as comma-separated values, and followed.

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::home::{Agent, Anything, Home};

fn opened(home: &Home) -> Anything<Agent> {
    let mut agent = home.agent()?;
    agent.call("create_conversation", &json!({"my_role": "backend", "partner_role": "frontend"}))?;
    Ok(agent)
}

fn send(agent: &mut Agent, text: &str) -> Anything {
    agent.call("send_to_partner", &json!({"message": text})).map(drop)
}

#[test]
fn audit_when_filtered_prints_what_fits_and_refuses_names_that_nothing_has() -> Anything {
    let home = Home::new()?;
    let mut agent = opened(&home)?;
    send(&mut agent, "x")?;
    agent.leave()?;
    let told = |words: &[&str]| -> Anything<usize> {
        let run = home.mab(&[&["audit"], words].concat())?;
        assert_eq!(run.exit, Some(0), "{}", run.stderr);
        Ok(run.stdout.lines().count())
    };
    assert_eq!(told(&["--action", "send", "--agent", "a", "--outcome", "ok", "--since", "1h"])?, 1);
    assert_eq!(told(&["--until", "1h"])?, 0);
    assert_eq!(told(&["--agent", "b"])?, 0);
    for words in [["--action", "sned"], ["--outcome", "okay"], ["--agent", "="], ["--since", "soon"]] {
        let run = home.mab(&[&["audit", "--json"][..], &words].concat())?;
        assert_eq!(run.exit, Some(2), "{words:?}");
        assert!(run.refusal()?.get("hint").is_some_and(Value::is_string), "{words:?}: {}", run.stderr);
    }
    Ok(())
}

#[test]
fn subcommand_takes_global_options_before_and_after_it_and_no_filters() -> Anything {
    let home = Home::new()?;
    opened(&home)?.leave()?;
    let data = home.data().display().to_string();
    for words in [
        &["audit", "--json", "verify"][..],
        &["audit", "verify", "--json"],
        &["--json", "audit", "--data-dir", &data, "verify"],
        &["audit", "--data-dir", &data, "--json", "checkpoint"],
    ] {
        let run = home.mab(words)?;
        assert_eq!(run.exit, Some(0), "{words:?}: {}", run.stderr);
        assert!(run.json()?.is_object(), "{words:?}");
    }
    for filter in
        [&["--limit", "50"][..], &["--csv"], &["--follow"], &["--agent", "a"], &["conv_0123456789abcdef"]]
    {
        let run = home.mab(&[&["audit"], filter, &["verify"]].concat())?;
        assert_eq!((run.exit, run.stdout.as_str()), (Some(2), ""), "{filter:?}");
    }
    Ok(())
}

#[test]
fn audit_as_csv_has_a_head_and_a_line_for_each_entry() -> Anything {
    let home = Home::new()?;
    let mut agent = opened(&home)?;
    send(&mut agent, "=1+1")?;
    agent.leave()?;
    let run = home.mab(&["audit", "--csv"])?;
    assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""));
    let lines: Vec<&str> = run.stdout.split("\r\n").collect();
    assert_eq!(lines.first(), Some(&"conversation,n,at,actor,action,outcome,detail,hash"));
    assert_eq!((lines.len(), lines.last()), (4, Some(&"")));
    assert!(
        lines.iter().any(|line| line.starts_with("conv_") && line.contains(",a,send,ok,\"{\"\"")),
        "{lines:?}"
    );
    assert_eq!(home.mab(&["audit", "--csv", "--json"])?.exit, Some(2));
    Ok(())
}

/// `mab audit --follow`, and our end of its stdout.
struct Follower {
    process: Child,
    lines: BufReader<ChildStdout>,
}

impl Follower {
    fn start(home: &Home, words: &[&str]) -> Anything<Self> {
        let mut command = home.command(&[&["audit", "--follow"], words].concat());
        let mut process = command.stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(process.stdout.take().ok_or("no stdout")?);
        Ok(Self { process, lines })
    }

    fn line(&mut self) -> Anything<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        Ok(line)
    }
}

#[test]
fn entries_of_other_processes_when_followed_come_in_order_until_interrupted() -> Anything {
    let home = Home::new()?;
    let mut agent = opened(&home)?;
    send(&mut agent, "one")?;
    let mut follower = Follower::start(&home, &["--json", "--limit", "1"])?;
    let mut seen = || -> Anything<(u64, String)> {
        let entry: Value = serde_json::from_str(&follower.line()?)?;
        let action = entry.get("action").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok((entry.get("n").and_then(Value::as_u64).unwrap_or_default(), action))
    };
    assert_eq!(seen()?, (2, "send".to_owned()), "the newest that was there");
    send(&mut agent, "two")?;
    assert_eq!(seen()?, (3, "send".to_owned()));
    agent.call("update_my_status", &json!({"status": "working"}))?;
    send(&mut agent, "three")?;
    assert_eq!((seen()?, seen()?), ((4, "update_status".to_owned()), (5, "send".to_owned())));
    let pid = Pid::from_raw(i32::try_from(follower.process.id())?).ok_or("no process")?;
    kill_process(pid, Signal::INT)?;
    assert_eq!(follower.process.wait()?.code(), Some(0));
    agent.leave()
}

#[test]
fn follower_when_nobody_reads_it_any_more_ends_quietly() -> Anything {
    let home = Home::new()?;
    let mut agent = opened(&home)?;
    let mut follower = Follower::start(&home, &["--csv", "--action", "send"])?;
    assert!(follower.line()?.starts_with("conversation,"), "the head comes at once");
    let Follower { mut process, lines } = follower;
    drop(lines);
    send(&mut agent, "to nobody")?;
    assert_eq!(process.wait()?.code(), Some(0));
    agent.leave()
}
