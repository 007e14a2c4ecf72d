//! Signed checkpoints, their keys, and evidence taken out, with the built program.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use mab_core::{
    anchor::Anchor,
    note::{SigningKey, VerifierKey},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::home::{Agent, Anything, Home, Run};

fn anchor_file(home: &Home) -> PathBuf {
    home.data().join("audit.anchor")
}

/// The anchor, checked with this key only.
fn anchor(home: &Home, key: &VerifierKey) -> Anything<Anchor> {
    Ok(Anchor::parse_and_verify(&fs::read_to_string(anchor_file(home))?, std::slice::from_ref(key))?)
}

/// The key that `mab keys` says is valid.
fn valid_key(home: &Home) -> Anything<VerifierKey> {
    let printed = home.mab(&["keys"])?.stdout;
    let last = printed.lines().last().and_then(|line| line.strip_prefix("valid\t")).ok_or("no key")?;
    Ok(last.parse()?)
}

fn talk(agent: &mut Agent, messages: usize) -> Anything<String> {
    let opened =
        agent.call("create_conversation", &json!({"my_role": "backend", "partner_role": "frontend"}))?;
    for _ in 0..messages {
        agent.call("send_to_partner", &json!({"message": "and you?"}))?;
    }
    Ok(opened.get("conversation_id").and_then(Value::as_str).ok_or("no id")?.to_owned())
}

/// A home in which two messages were sent and signed.
fn signed() -> Anything<(Home, String)> {
    let home = Home::new()?;
    let mut agent = home.agent()?;
    let conversation = talk(&mut agent, 2)?;
    agent.leave()?;
    Ok((home, conversation))
}

fn code(run: &Run) -> Anything<(Option<i32>, String)> {
    Ok((run.exit, run.refusal()?.get("code").and_then(Value::as_str).unwrap_or_default().to_owned()))
}

#[test]
fn agent_when_it_leaves_has_signed_what_it_did_with_a_private_key() -> Anything {
    let (home, conversation) = signed()?;
    for name in ["audit.key", "audit.anchor"] {
        assert_eq!(fs::metadata(home.data().join(name))?.permissions().mode() & 0o777, 0o600, "{name}");
    }
    let anchor = anchor(&home, &valid_key(&home)?)?;
    let newest = anchor.leaves().last().map(|(_, leaf)| (leaf.conversation.map(|id| id.to_string()), leaf.n));
    assert_eq!(newest, Some((Some(conversation), 3)));
    let again = home.mab(&["audit", "checkpoint"])?;
    assert_eq!(
        (again.exit, again.stderr.as_str()),
        (Some(0), "nothing was recorded since the newest checkpoint\n")
    );
    assert!(fs::read_to_string(anchor_file(&home))?.ends_with(&format!("{}\n", again.stdout)));
    let checks = home.mab(&["doctor"])?.stdout;
    assert!(checks.contains("ok\tcheckpoints\t1, the newest of "), "{checks}");
    Ok(())
}

#[test]
fn checkpoint_when_due_is_written_while_the_agent_works_on() -> Anything {
    let home = Home::new()?;
    let mut agent = home.agent_with(&[("MAB_AUDIT_CHECKPOINT_ENTRIES", "1")])?;
    talk(&mut agent, 1)?;
    // The agent works on until it has happened.
    while !fs::read_to_string(anchor_file(&home)).is_ok_and(|text| text.contains("+ conv_")) {
        agent.call("check_partner_status", &json!({}))?;
    }
    agent.leave()
}

#[test]
fn anchor_of_several_processes_that_sign_at_once_covers_them_all() -> Anything {
    let home = Home::with_store()?;
    let settings = [("MAB_AUDIT_CHECKPOINT_ENTRIES", "1")];
    let mut agents = (0..4).map(|_| home.agent_with(&settings)).collect::<Anything<Vec<_>>>()?;
    for _ in 0..3 {
        for agent in &mut agents {
            talk(agent, 0)?;
        }
    }
    agents.into_iter().try_for_each(Agent::leave)?;
    let anchor = anchor(&home, &valid_key(&home)?)?;
    let covered = anchor.leaves().filter(|(_, leaf)| leaf.conversation.is_some()).count();
    assert_eq!(covered, 12, "each conversation once");
    assert_eq!(home.mab(&["audit", "checkpoint", "--json"])?.json()?.get("written"), Some(&json!(false)));
    Ok(())
}

#[test]
fn anchor_when_its_writer_is_killed_at_any_moment_holds_after_the_next() -> Anything {
    let home = Home::with_store()?;
    let key = valid_key(&home)?;
    for round in 0..8 {
        let mut agent = home.agent_with(&[("MAB_AUDIT_CHECKPOINT_ENTRIES", "1")])?;
        talk(&mut agent, round % 4)?;
        agent.kill()?;
        let run = home.mab(&["audit", "checkpoint"])?;
        assert_eq!(run.exit, Some(0), "{}", run.stderr);
        let anchor = anchor(&home, &key)?;
        let covered = anchor.leaves().filter(|(_, leaf)| leaf.conversation.is_some());
        let newest = covered.map(|(_, leaf)| leaf.n).last();
        assert_eq!(newest, Some(1 + u64::try_from(round % 4)?), "round {round}");
    }
    Ok(())
}

#[test]
fn anchor_when_cut_off_between_checkpoints_is_a_conflict_and_agents_go_on() -> Anything {
    let (home, _) = signed()?;
    let whole = fs::read_to_string(anchor_file(&home))?;
    talk(&mut home.agent()?, 1)?;
    let mut agent = home.agent()?;
    talk(&mut agent, 1)?;
    agent.leave()?;
    fs::write(anchor_file(&home), &whole[..whole.len() / 2])?;
    let run = home.mab(&["audit", "checkpoint", "--json"])?;
    assert_eq!(code(&run)?, (Some(7), "conflict".to_owned()));
    assert!(run.stderr.contains("mab audit verify"), "{}", run.stderr);
    assert_eq!(home.mab(&["doctor"])?.exit, Some(10));
    let mut agent = home.agent()?;
    talk(&mut agent, 1)?;
    agent.leave()?;
    assert_eq!(fs::read_to_string(anchor_file(&home))?, whole[..whole.len() / 2]);
    fs::remove_file(anchor_file(&home))?;
    assert_eq!(code(&home.mab(&["audit", "checkpoint", "--json"])?)?, (Some(7), "conflict".to_owned()));
    assert_eq!(home.mab(&["audit", "checkpoint", "--begin-anew"])?.exit, Some(0));
    assert_eq!(home.mab(&["doctor"])?.exit, Some(0));
    Ok(())
}

#[test]
fn database_when_restored_is_a_conflict_until_the_operator_begins_anew() -> Anything {
    let (home, conversation) = signed()?;
    let (database, saved) = (home.data().join("bridge.db"), home.path().join("saved.db"));
    rusqlite::Connection::open(&database)?.execute("VACUUM INTO ?1", [saved.display().to_string()])?;
    home.mab(&["tokens", &conversation])?;
    let before = fs::read(anchor_file(&home))?;
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(home.data().join(format!("bridge.db{suffix}")));
    }
    fs::copy(&saved, &database)?;
    let tokens = home.mab(&["tokens", &conversation])?;
    assert_eq!(tokens.exit, Some(0));
    assert!(tokens.stderr.contains("no checkpoint of the audit trail is written"), "{}", tokens.stderr);
    assert_eq!(fs::read(anchor_file(&home))?, before);

    let begun = home.mab(&["audit", "checkpoint", "--begin-anew"])?;
    assert_eq!(begun.exit, Some(0), "{}", begun.stderr);
    let anchor = anchor(&home, &valid_key(&home)?)?;
    assert_eq!(anchor.leaves().count(), 2, "the bridge's chain and the conversation's");
    let aside: Vec<_> = fs::read_dir(home.data())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().contains("audit.anchor.1"))
        .collect();
    assert_eq!(aside.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?, [before]);
    let recorded = home.mab(&["audit"])?.stdout;
    assert!(recorded.contains("\toperator\tcheckpoint\tok\tbegun=anew set_aside="), "{recorded}");
    assert!(!recorded.contains("set_aside=0"), "{recorded}");
    Ok(())
}

#[test]
fn key_when_rotated_is_trusted_through_the_old_one_and_recorded() -> Anything {
    let (home, conversation) = signed()?;
    let old = valid_key(&home)?;
    let run = home.mab(&["keys", "rotate"])?;
    assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""));
    let new = valid_key(&home)?;
    assert_eq!(run.stdout, format!("valid_key\t{new}\n"));
    assert_eq!(home.mab(&["keys"])?.stdout, format!("replaced\t{old}\nvalid\t{new}\n"));
    home.mab(&["tokens", &conversation])?;
    for key in [&old, &new] {
        assert_eq!(anchor(&home, key)?.checkpoints().len(), 3);
    }
    let recorded = format!("\toperator\trotate_keys\tok\tkey=signing new={} old={}\n", new.id(), old.id());
    assert!(home.mab(&["audit"])?.stdout.contains(&recorded));
    assert!(!home.data().join("audit.key.next").exists());
    Ok(())
}

#[test]
fn key_when_gone_is_not_replaced_and_agents_go_on() -> Anything {
    let (home, _) = signed()?;
    fs::remove_file(home.data().join("audit.key"))?;
    let mut agent = home.agent()?;
    talk(&mut agent, 1)?;
    agent.leave()?;
    assert!(!home.data().join("audit.key").exists());
    let run = home.mab(&["audit", "checkpoint", "--json"])?;
    assert_eq!(run.refusal()?.get("code"), Some(&json!("misconfigured")));
    assert_eq!(home.mab(&["keys", "rotate"])?.exit, run.exit);
    let folder = home.path().join("bundle");
    assert_eq!(home.mab(&["audit", "export", "--to", &folder.display().to_string()])?.exit, run.exit);
    assert!(!folder.exists(), "evidence that nobody signed");
    assert_eq!(home.mab(&["audit", "checkpoint", "--begin-anew"])?.exit, Some(0));
    assert_eq!(anchor(&home, &valid_key(&home)?)?.checkpoints().len(), 1);
    Ok(())
}

#[test]
fn evidence_when_the_anchor_does_not_fit_is_written_and_said_to_be_broken() -> Anything {
    let (home, _) = signed()?;
    let whole = fs::read_to_string(anchor_file(&home))?;
    // No crash explains a file that is longer than what was recorded.
    fs::write(anchor_file(&home), format!("{whole}more\n"))?;
    let folder = home.path().join("bundle");
    let run = home.mab(&["audit", "export", "--json", "--to", &folder.display().to_string()])?;
    assert_eq!(run.exit, Some(9), "{}", run.stderr);
    assert_eq!(run.json()?.get("anchor_fits"), Some(&json!(false)));
    assert!(run.stderr.contains("does not fit the database"), "{}", run.stderr);
    assert!(folder.join("entries.jsonl").exists());
    Ok(())
}

#[test]
fn folder_of_evidence_when_it_cannot_be_used_is_refused_with_a_hint_about_it() -> Anything {
    let (home, _) = signed()?;
    for words in [["export", "--to", "/no/such/dir"], ["verify", "--bundle", "nope"]] {
        let run = home.mab(&[&["audit", "--json"][..], &words].concat())?;
        assert_eq!(run.exit, Some(2), "{}", run.stderr);
        let refusal = run.refusal()?;
        let hint = refusal.get("hint").and_then(Value::as_str).unwrap_or_default();
        assert!(hint.contains("folder") && !hint.contains("data-dir"), "{hint}");
        assert!(!hint.contains("MAB_DATA_DIR"), "{hint}");
    }
    Ok(())
}

#[test]
fn record_when_it_cannot_be_checked_whole_says_what_was_not() -> Anything {
    let (home, conversation) = signed()?;
    let key = valid_key(&home)?.to_string();
    let wrong = key.replacen("mab.audit", "mab.audlt", 1);
    let run = home.mab(&["audit", "verify", "--key", &wrong])?;
    assert!(run.exit == Some(2) && run.stderr.contains("checksum is wrong"), "{}", run.stderr);
    let witness = format!("{conversation}:99:{}", "0".repeat(32));
    let run = home.mab(&["audit", "verify", "--witness", &witness])?;
    assert_eq!(run.exit, Some(9));
    assert!(run.stdout.contains("the chain is shorter: it ends at entry 3"), "{}", run.stdout);
    let empty = home.path().join("empty.db");
    fs::write(&empty, "")?;
    let run = home.mab(&["audit", "verify", "--json", "--db", &empty.display().to_string()])?;
    assert_eq!(code(&run)?, (Some(12), "wrong_store".to_owned()));
    assert!(run.stderr.contains("not a mab database"), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    fs::remove_file(home.data().join("master.key"))?;
    let run = home.mab(&["audit", "verify"])?;
    let summary = run.stdout.lines().last().unwrap_or_default();
    assert_eq!(run.exit, Some(0), "{}", run.stdout);
    assert!(summary.contains("marks were not checked"), "{summary}");
    Ok(())
}

#[test]
fn copy_and_command_when_set_get_every_checkpoint() -> Anything {
    let home = Home::new()?;
    let (copy, told) = (home.path().join("copy"), home.path().join("told"));
    let command = format!(r#"["/usr/bin/env", "tee", "-a", "{}"]"#, told.display());
    let copy_text = copy.display().to_string();
    let settings = [("MAB_AUDIT_ANCHOR_FILE", &*copy_text), ("MAB_AUDIT_ANCHOR_COMMAND", &*command)];
    for _ in 0..2 {
        let mut agent = home.agent_with(&settings)?;
        talk(&mut agent, 1)?;
        agent.leave()?;
    }
    assert_eq!(fs::read(&copy)?, fs::read(anchor_file(&home))?);
    let notes = fs::read_to_string(&told)?;
    assert_eq!(
        notes.matches("\n— mab.audit/").count(),
        anchor(&home, &valid_key(&home)?)?.checkpoints().len()
    );
    Ok(())
}

#[test]
fn database_elsewhere_has_its_anchor_beside_it() -> Anything {
    let (home, _) = signed()?;
    let before = fs::read(anchor_file(&home))?;
    let other = home.path().join("other.db").display().to_string();
    let mut agent = home.agent_with(&[("MAB_DATABASE_URL", &other)])?;
    talk(&mut agent, 1)?;
    agent.leave()?;
    assert_eq!(fs::read(anchor_file(&home))?, before);
    let text = fs::read_to_string(format!("{other}.anchor"))?;
    assert_eq!(Anchor::parse_and_verify(&text, &[valid_key(&home)?])?.leaves().count(), 1);
    Ok(())
}

/// Runs the steps of a bundle's README with `sh`, knowing this key; `None`, with a word on stderr, when a tool is missing here.
fn procedure(folder: &Path, key: &str) -> Anything<Option<Run>> {
    let readme = include_str!("../../src/bundle/README.md");
    let steps = readme.split("```sh\n").skip(1).filter_map(|step| step.split("```").next());
    let script: String = steps.collect();
    let shell = |script: &str| {
        #[expect(clippy::disallowed_methods, reason = "the tests run the documented steps")]
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).current_dir(folder).env("KEY", key).output()
    };
    let tools = shell("command -v sha256sum openssl awk basenc base64")?;
    if !tools.status.success() {
        writeln!(std::io::stderr(), "skipped: a tool of the procedure is not installed")?;
        return Ok(None);
    }
    Run::new(shell(&script)?).map(Some)
}

#[test]
fn bundle_verifies_without_database_and_keys_and_with_standard_tools() -> Anything {
    let (home, conversation) = signed()?;
    home.mab(&["keys", "rotate"])?;
    for (words, name) in [(vec![], "all"), (vec![conversation.as_str()], "one")] {
        let folder = home.path().join(name);
        let shown = folder.display().to_string();
        let run = home.mab(&[&["audit", "export"], &words[..], &["--to", &shown]].concat())?;
        assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""));
        let elsewhere = Home::new()?;
        let key = valid_key(&home)?.to_string();
        let verified = elsewhere.mab(&["audit", "verify", "--bundle", &shown, "--key", &key, "--json"])?;
        assert_eq!((verified.exit, verified.stderr.as_str()), (Some(0), ""));
        let answer = verified.json()?;
        assert_eq!(answer["covered"], answer["entries"], "{answer}");
        assert_eq!(fs::read_dir(elsewhere.path())?.count(), 0, "nothing is created");
        let Some(run) = procedure(&folder, &key)? else { return Ok(()) };
        assert_eq!((run.exit, run.stderr.as_str()), (Some(0), ""), "{}", run.stdout);
        assert!(run.stdout.starts_with("every step holds: "), "{}", run.stdout);
    }
    assert!(home.mab(&["audit", &conversation])?.stdout.contains("\toperator\texport\tok\t"));
    Ok(())
}

#[test]
fn bundle_when_a_step_does_not_hold_is_refused_by_mab_and_by_the_steps() -> Anything {
    let (home, _) = signed()?;
    let folder = home.path().join("bundle");
    let shown = folder.display().to_string();
    home.mab(&["audit", "export", "--to", &shown])?;
    let key = valid_key(&home)?.to_string();
    for (name, from, to) in [
        ("entries.tsv", "bridge\t1\t", "bridge\t2\t"),
        ("audit.anchor", "+ conv_", "+ conv-"),
        ("SHA256SUMS", "  keys.txt", "  keys.tx"),
    ] {
        let path = folder.join(name);
        let whole = fs::read_to_string(&path)?;
        fs::write(&path, whole.replacen(from, to, 1))?;
        let verified = home.mab(&["audit", "verify", "--bundle", &shown])?;
        assert_eq!((verified.exit, verified.stdout.starts_with("broken ")), (Some(9), true), "{name}");
        if let Some(run) = procedure(&folder, &key)? {
            assert_ne!(run.exit, Some(0), "{name}: {}", run.stdout);
        }
        fs::write(&path, whole)?;
    }
    let other = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let verified = home.mab(&["audit", "verify", "--bundle", &shown, "--key", other])?;
    assert_eq!((verified.exit, verified.stdout.as_str()), (Some(9), "broken it is not signed by the key\n"));
    let again = home.mab(&["audit", "export", "--to", &shown, "--json"])?;
    assert_eq!(code(&again)?, (Some(7), "conflict".to_owned()));
    Ok(())
}

/// Makes the bundle name this key as the one that signed, and signs it anew with another.
fn forge(folder: &Path, named: &VerifierKey, signer: &SigningKey) -> Anything {
    let keys = format!("{named}\n");
    fs::write(folder.join("keys.txt"), &keys)?;
    let sums: String = fs::read_to_string(folder.join("SHA256SUMS"))?
        .lines()
        .map(|line| match line.split_once("  ") {
            Some((_, "keys.txt")) => format!("{}  keys.txt\n", hex::encode(Sha256::digest(&keys))),
            _ => format!("{line}\n"),
        })
        .collect();
    fs::write(folder.join("SHA256SUMS"), &sums)?;
    fs::write(folder.join("SHA256SUMS.sig"), signer.sign(sums.as_bytes()))?;
    Ok(())
}

#[test]
fn bundle_when_forged_in_the_name_of_a_known_key_is_refused_by_the_steps() -> Anything {
    let ((home, _), (forger, _)) = (signed()?, signed()?);
    let folder = home.path().join("bundle");
    let shown = folder.display().to_string();
    forger.mab(&["audit", "export", "--to", &shown])?;
    let (known, own) = (valid_key(&home)?, valid_key(&forger)?);
    let refused = |key: &VerifierKey, by: &str| -> Anything {
        let Some(run) = procedure(&folder, &key.to_string())? else { return Ok(()) };
        assert_eq!((run.exit, run.stdout), (Some(1), format!("does not hold: {by}\n")), "{}", run.stderr);
        Ok(())
    };
    let Some(whole) = procedure(&folder, &own.to_string())? else { return Ok(()) };
    assert_eq!(whole.exit, Some(0), "whoever trusts the forger: {}", whole.stdout);
    refused(&known, "the key: keys.txt names another one")?;
    let secret = fs::read_to_string(forger.data().join("audit.key"))?;
    forge(&folder, &known, &SigningKey::from_file_text(&secret).ok_or("no key")?)?;
    refused(&known, "the signature of SHA256SUMS")?;
    let Some(mistyped) = procedure(&folder, &known.to_string().replace("mab.audit/", "mab.audit/0"))? else {
        return Ok(());
    };
    assert_eq!(mistyped.stdout, "does not hold: KEY, as you wrote it\n");
    let verified = forger.mab(&["audit", "verify", "--bundle", &shown, "--key", &known.to_string()])?;
    assert_eq!(verified.exit, Some(9));
    Ok(())
}

#[test]
fn evidence_holds_no_secret_and_no_message() -> Anything {
    let (home, _) = signed()?;
    let folder = home.path().join("bundle");
    home.mab(&["audit", "export", "--to", &folder.display().to_string()])?;
    let secret = fs::read_to_string(home.data().join("audit.key"))?;
    let seed = secret.trim_end().splitn(5, '+').last().ok_or("no seed")?;
    for entry in fs::read_dir(&folder)? {
        let content = String::from_utf8_lossy(&fs::read(entry?.path())?).into_owned();
        assert!(!content.contains("PRIVATE") && !content.contains(seed) && !content.contains("and you?"));
    }
    Ok(())
}
