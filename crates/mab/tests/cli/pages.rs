//! Help, manual pages and completions.

use crate::home::{Anything, Home};

const COMMANDS: [&str; 27] = [
    "mcp",
    "list",
    "show",
    "tokens",
    "remove",
    "transfer",
    "pause",
    "resume",
    "limits",
    "inbound",
    "held",
    "release",
    "audit",
    "cleanup",
    "redact",
    "setup",
    "judge",
    "run",
    "yolo",
    "pending",
    "approve",
    "deny",
    "snapshot",
    "doctor",
    "demo",
    "completions",
    "man",
];

#[test]
fn help_is_the_page_people_know() -> Anything {
    let run = Home::new()?.mab(&["-h"])?;
    assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""));
    let (page, _) = run.stdout.split_once("Start here:").ok_or("no start")?;
    insta::assert_snapshot!(page, @r#"
Lets coding agents talk to each other, safely, over MCP

Usage: mab [OPTIONS] <COMMAND>

Commands:
  mcp          Serve MCP on stdin and stdout (an MCP client starts this)
  list         List conversations
  show         Show one conversation: members, state, latest messages
  watch        Watch a conversation live, or line by line when piped
  lease        Check or list the files that agents have reserved
  tokens       Print, rotate or revoke the tokens of one conversation
  remove       Remove an agent from a conversation
  transfer     Make an agent the owner of a conversation
  pause        Stop all sending in a conversation
  resume       Let the agents of a paused conversation send again
  limits       Show the limits of one conversation and their use, or set others
  inbound      Show or set which messages a conversation accepts
  held         List messages that wait to be released
  release      Deliver or refuse messages that wait
  audit        Print or verify the audit trail
  keys         Show or replace the keys that sign the audit trail
  cleanup      Destroy what has expired: keys, messages, members
  redact       Replace secrets in text: a filter from stdin or FILE to stdout
  judge        Say whether a command may run, and as what; nothing is run
  run          Run one command as an agent's would be: judged, saved, sandboxed
  yolo         Enable or end agents' commands; make the key that agrees to them
  pending      List what agents wish and ask for, and nobody has answered
  approve      Say yes to one exact command, at a terminal
  deny         Say no to a command
  snapshot     List, compare or bring back what was saved of a workspace
  setup        Set up a client: its server entry and its hooks
  doctor       Check settings, data folder, database and clock
  hook         Tell an agent of its mail at an event of its client (a client runs this)
  demo         Let two real MCP clients talk through the bridge, printed live
  completions  Print a completion script for a shell
  man          Print the manual page of mab or of one command
  help         Print this message or the help of the given subcommand(s)

Options:
  -h, --help     Print help
  -V, --version  Print version

Global options:
      --data-dir <FOLDER>  Folder with database, keys and credentials [default: $MAB_DATA_DIR, or
                           ~/.local/share/mab]
      --db <STORE>         Database: a path or sqlite:PATH [default: $MAB_DATABASE_URL, or bridge.db
                           in the data folder]
      --config <FILE>      Configuration file [default: $MAB_CONFIG, or ~/.config/mab/config.toml]
      --json               Print JSON: data on stdout, errors as {"code","message","hint"} on stderr
"#);
    Ok(())
}

#[test]
fn help_ends_with_where_to_start_and_what_exit_codes_mean() -> Anything {
    let run = Home::new()?.mab(&["-h"])?;
    let (_, page) = run.stdout.split_once("Start here:").ok_or("no start")?;
    insta::assert_snapshot!(page, @r#"

  mab demo                        two agents talk through the bridge, live
  mab setup claude-code           give Claude Code the bridge's tools
  mab list                        conversations, as the operator sees them
  mab doctor                      what is set, and whether it works

Exit codes:
  0 done               4 not allowed    8 store unavailable
  1 internal           5 expired        9 audit trail broken
  2 wrong use          6 limited       10 doctor found a fault
  3 not found          7 conflict      11 demo failed
  12 audit trail not checkable, 13 ask, 14 deny (mab judge)
  mab run exits as its command did; 124 time over, 130 stopped, 137 over a limit
"#);
    Ok(())
}

#[test]
fn help_of_every_command_has_a_summary_and_fits_a_terminal() -> Anything {
    let home = Home::new()?;
    for command in COMMANDS {
        let run = home.mab(&[command, "--help"])?;
        assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""), "{command}");
        assert!(run.stdout.contains(&format!("Usage: mab {command}")), "{command}");
        for line in run.stdout.lines() {
            assert!(line.chars().count() <= 100, "{command}: {line}");
        }
    }
    Ok(())
}

#[test]
fn version_is_told_on_stdout() -> Anything {
    let run = Home::new()?.mab(&["--version"])?;
    assert_eq!(run.stdout, format!("mab {}\n", env!("CARGO_PKG_VERSION")));
    Ok(())
}

#[test]
fn manual_pages_exist_for_every_command() -> Anything {
    let home = Home::new()?;
    for words in [vec!["man"], vec!["man", "audit", "verify"]]
        .into_iter()
        .chain(COMMANDS.map(|command| vec!["man", command]))
    {
        let run = home.mab(&words)?;
        assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""), "{words:?}");
        assert!(run.stdout.contains(".TH MAB") && run.stdout.contains(".SH NAME"), "{words:?}");
        let version = concat!("\"mab ", env!("CARGO_PKG_VERSION"), "\"");
        assert!(
            run.stdout.lines().any(|line| line.starts_with(".TH") && line.contains(version)),
            "{}",
            run.stdout
        );
        assert!(run.stdout.contains("\n.nf\n") && run.stdout.contains("0 done"), "{words:?}");
    }
    Ok(())
}

#[test]
fn completions_exist_for_every_shell_and_know_every_command() -> Anything {
    let home = Home::new()?;
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = home.mab(&["completions", shell])?;
        assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""), "{shell}");
        for command in COMMANDS {
            assert!(run.stdout.contains(command), "{shell} {command}");
        }
    }
    Ok(())
}
