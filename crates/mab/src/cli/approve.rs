//! `mab approve`: a person sees one exact command that an agent asks for, and says yes to it.

use std::{collections::BTreeSet, time::Duration};

use clap::Args;
use mab_core::{
    Clock as _, Code, Denied, RunId,
    execution::{Approval, VALID_S},
};
use mab_exec::{Decision, RequestHash, Workspace};
use serde::Deserialize;
use serde_json::json;

use crate::{
    cli::{
        Exit, Output, Trouble, Visible, arguments,
        calls::Calls,
        deny,
        judge::judge_checked,
        operator::Operator,
        output::{BAD, FAINT},
        paged::{self, Early},
        person::Person,
        plan,
        request::{self, LAST},
        standing::{Command, Standings},
        still,
        table::Page,
        unlocking::{self, Known, TRIES, Unlocked},
        yolo::Place,
    },
    execution,
    system::SystemClock,
};

/// How often the desk looks for new requests.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The desk ends when its person types nothing for so long. What agents do does not keep it open.
const IDLE_MS: u64 = 15 * 60 * 1_000;

/// Arguments of `mab approve`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab approve run_0123456789abcdef\n  \
    mab approve\n\n\
    Shows the whole request: every word, byte for byte, the folder, what it may write, the\n\
    network, the sandbox. Its last lines are the command and the digits to type. Then the\n\
    passphrase, and a code where they are enrolled: your yes is signed over exactly this,\n\
    holds five minutes, once.\n\n\
    Without RUN_ID it is a desk: the passphrase first, then each request as it comes. It\n\
    ends with Ctrl-C, or when you type nothing for a quarter of an hour; `n use a branch`\n\
    says no with a reason. `mab deny` says no from anywhere.")]
pub(crate) struct Approve {
    /// Which requests, as `mab pending` shows them; without any, all as they come.
    #[arg(value_name = "RUN_ID", value_parser = arguments::run)]
    runs: Vec<RunId>,
}

/// What a person says to one request.
#[derive(PartialEq, Eq)]
enum Answer {
    Yes,
    /// With why, when it was said.
    No(Option<String>),
    Nothing,
}

impl Approve {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let person = Person::at_terminal(operator.environment)?;
        let calls = Calls::open(operator)?;
        let desk = Desk { person, calls, operator: *operator, output: operator.output };
        if self.runs.is_empty() { desk.serve() } else { desk.answer(&self.runs) }
    }
}

struct Desk<'a> {
    person: Person,
    calls: Calls,
    operator: Operator<'a>,
    output: Output,
}

impl Desk<'_> {
    /// Asks about these; the key is opened after the first yes.
    fn answer(&self, runs: &[RunId]) -> Result<Exit, Trouble> {
        let mut key = None;
        let mut exit = Exit::OK;
        for id in runs {
            let standings = Standings::of(&self.calls, None)?;
            let (it, run) = standings.find(&id.to_string())?;
            let hash = waiting(run)?;
            still::could_run(it, run, &self.operator.config()?)?;
            match self.ask(&it.conversation_id, run, &hash)? {
                Answer::Yes => {}
                Answer::No(reason) => {
                    self.deny(run, reason.as_deref())?;
                    exit = Exit::CANCELLED;
                    continue;
                }
                Answer::Nothing => {
                    Output::talk("nothing was approved");
                    exit = Exit::CANCELLED;
                    continue;
                }
            }
            let unlocked = match key.take() {
                Some(unlocked) => unlocked,
                None => unlocking::unlock(&self.person, &self.calls)?,
            };
            self.approve(run, &hash, &unlocked)?;
            key = Some(unlocked);
        }
        Ok(exit)
    }

    /// Opens the key, then asks about each request as it comes.
    fn serve(&self) -> Result<Exit, Trouble> {
        let unlocked = unlocking::unlock(&self.person, &self.calls)?;
        let mut seen = BTreeSet::new();
        let mut typed_ms = SystemClock.uptime().ms;
        self.say(&format!("{FAINT}waiting for requests; Ctrl-C ends{FAINT:#}"))?;
        while !is_idle(typed_ms, SystemClock.uptime().ms) {
            self.still_counts(&unlocked)?;
            let standings = Standings::of(&self.calls, None)?;
            let runs = standings.conversations.iter();
            let runs = runs.flat_map(|it| it.runs.iter().map(move |run| (it, run)));
            let next = runs.filter(|(_, run)| run.waits() && !seen.contains(&run.run_id));
            let Some((it, run)) = next.min_by_key(|(_, run)| run.created_at.as_str()) else {
                match self.person.rest(LOOK_EVERY) {
                    Err(Trouble::Cancelled) => return Ok(Exit::OK),
                    rested => rested?,
                }
                continue;
            };
            seen.insert(run.run_id.clone());
            let hash = waiting(run).and_then(|hash| {
                still::could_run(it, run, &self.operator.config()?)?;
                Ok(hash)
            });
            let outcome = match hash {
                Ok(hash) => self.one((&it.conversation_id, run, &hash), &unlocked, &mut typed_ms),
                Err(denied) => Err(denied.into()),
            };
            match outcome {
                Err(Trouble::Cancelled) => return Ok(Exit::OK),
                // It ran out of time, or somebody else answered: the next one may still be good.
                Err(trouble @ Trouble::Denied(_)) => self.output.trouble(&trouble),
                other => other?,
            }
            self.say(&format!("{FAINT}waiting for requests; Ctrl-C ends{FAINT:#}"))?;
        }
        self.say(
            "you typed nothing for a quarter of an hour: the key is closed; `mab approve` opens it again",
        )?;
        Ok(Exit::OK)
    }

    /// Refuses to go on with a key that another one took the place of: nothing that it signs counts.
    fn still_counts(&self, unlocked: &Unlocked) -> Result<(), Trouble> {
        let known = Known::ask(&self.calls)?;
        known.is_usable()?;
        let own = hex::encode(unlocked.approver.key().bytes());
        if known.public_key.as_deref() == Some(own.as_str()) {
            return Ok(());
        }
        let message = "another approver was enrolled: the key that this desk opened counts no more";
        Err(Denied::new(Code::Forbidden, message).hint("if that was you, start `mab approve` anew").into())
    }

    fn one(
        &self,
        (conversation, run, hash): (&str, &Command, &RequestHash),
        key: &Unlocked,
        typed_ms: &mut u64,
    ) -> Result<(), Trouble> {
        let answer = self.ask(conversation, run, hash)?;
        let now_ms = SystemClock.uptime().ms;
        if answer == Answer::Yes && is_idle(*typed_ms, now_ms) {
            // Whoever types now may be somebody else: the passphrase is asked for again.
            return self.say("too late for this key: it is closed, and nothing was approved");
        }
        *typed_ms = now_ms;
        match answer {
            Answer::Yes => {
                self.still_counts(key)?;
                self.approve(run, hash, key)
            }
            Answer::No(reason) => self.deny(run, reason.as_deref()),
            Answer::Nothing => self.say("left as it is; it waits until its time is over"),
        }
    }

    fn deny(&self, run: &Command, reason: Option<&str>) -> Result<(), Trouble> {
        deny::deny(&self.calls, self.output, (run, reason))
    }

    /// Shows a request whole, and takes its digits.
    fn ask(&self, conversation: &str, run: &Command, hash: &RequestHash) -> Result<Answer, Trouble> {
        let (mut page, mut end) = (self.person.page(), self.person.page());
        self.render((conversation, run), &mut page)?;
        if let Some(request) = &run.request {
            request::details(request, &mut page);
            request::conclusion(request, hash, &mut end);
        }
        let question =
            format!("its last {LAST} digits agree to exactly this, n (and why) refuses, Enter leaves it:");
        let mut typed = paged::ask(&self.person, (&page, &end), (&question, Early::No))?;
        for left in (0..TRIES).rev() {
            match typed.as_str() {
                "" => return Ok(Answer::Nothing),
                no if matches!(no, "n" | "no") || no.starts_with("n ") => {
                    let reason = no.get(2..).map(str::trim).filter(|reason| !reason.is_empty());
                    return Ok(Answer::No(reason.map(str::to_owned)));
                }
                digits if digits.len() >= LAST && hash.to_string().ends_with(digits) => {
                    return Ok(Answer::Yes);
                }
                _ => {}
            }
            let page = self.person.again(&format!("these are not its last {LAST} digits"), left);
            if left == 0 {
                self.person.show(&page)?;
                break;
            }
            typed = self.person.ask(&page, &question)?;
        }
        Ok(Answer::Nothing)
    }

    /// Who asks, since when and why a person is asked.
    fn render(&self, (conversation, run): (&str, &Command), page: &mut Page) -> Result<(), Trouble> {
        let place: Place = self.calls.read("show", json!({"conversation_id": conversation}))?;
        about((conversation, run), &place, page);
        match self.reason(run) {
            Some((Decision::Deny, reason)) => {
                plan::lines(
                    &Visible::line(&reason),
                    &format!("{BAD}the policy denies it by now{BAD:#}: "),
                    page,
                );
            }
            Some((Decision::Allow | Decision::Ask, reason)) => {
                request::field("why asked", &Visible::line(&reason), page);
            }
            None => {}
        }
        Ok(())
    }

    /// What the judge says of it here and now; none when its folder is gone. The server judges again before it runs.
    fn reason(&self, run: &Command) -> Option<(Decision, String)> {
        let request = run.request.as_ref()?;
        let workspace = Workspace::open(&request.profile.workspace).ok()?;
        let judge = execution::judge(&self.operator.config().ok()?, None, Some(&workspace)).ok()?;
        let verdict = judge_checked(&judge, request.mode, &request.command, Some(&workspace));
        Some((verdict.decision, verdict.reason))
    }

    /// Signs the yes, and hands it in.
    fn approve(&self, run: &Command, hash: &RequestHash, key: &Unlocked) -> Result<(), Trouble> {
        let uptime = SystemClock.uptime();
        let approval = Approval {
            version: 1,
            run: run.run_id.clone(),
            request_hash: hash.to_string(),
            assurance: key.assurance,
            at_ms: SystemClock.now().millis(),
            uptime_ms: uptime.ms,
            boot: hex::encode(uptime.boot),
            valid_s: VALID_S,
        };
        let text = approval.text()?;
        let signature = hex::encode(key.approver.sign_approval(&text));
        let yes = json!({"run_id": run.run_id, "approval": text, "signature": signature});
        let answer = self.calls.call("approve_run", yes)?;
        self.output.answer(answer, |done: &Done, page| {
            page.field(&done.state, &Visible::line(&done.run_id));
            page.aside(&format!(
                "{FAINT}it can start within five minutes, once; every agent is told{FAINT:#}"
            ));
        })
    }

    fn say(&self, line: &str) -> Result<(), Trouble> {
        let mut page = self.person.page();
        page.line(line);
        self.person.show(&page)
    }
}

/// Adds who asks, where and since when.
fn about((conversation, run): (&str, &Command), place: &Place, page: &mut Page) {
    page.line("");
    request::field("asked by", &place.who(&run.session_id), page);
    request::field("run", &Visible::line(&format!("{} in {conversation}", run.run_id)), page);
    let (since, until) = (page.moment(Some(&run.created_at)), page.moment(Some(&run.expires_at)));
    request::field("since", &Visible::line(&format!("{since}, waits until {until}")), page);
}

/// Whether the person who opened the key may be gone, by the clock that nobody can set.
const fn is_idle(typed_ms: u64, now_ms: u64) -> bool {
    now_ms.saturating_sub(typed_ms) >= IDLE_MS
}

#[derive(Deserialize)]
struct Done {
    run_id: String,
    state: String,
}

/// The hash of a request that waits and is what the bridge says it is.
fn waiting(run: &Command) -> Result<RequestHash, Denied> {
    if !run.waits() {
        let state = Visible::line(&run.state);
        return Err(Denied::new(Code::ApprovalVoid, format!("the request does not wait: it is {state}"))
            .hint("`mab pending` shows what waits"));
    }
    run.hash().ok_or_else(|| {
        Denied::new(Code::ApprovalVoid, "the request in the database is not the one that was asked for")
            .hint("run `mab audit verify`; `mab deny` refuses it")
    })
}

#[cfg(test)]
mod tests {
    use mab_exec::{Plan, Request};
    use serde_json::Value;

    use super::*;

    /// The page of a request for this, in so many columns, as it is with paging left out.
    fn page(command: Value, plan: Value, columns: u16) -> String {
        page_with(json!({"code_of": [], "files": [], "more": 0}), (command, plan), columns)
    }

    fn page_with(obeys: Value, (command, plan): (Value, Value), columns: u16) -> String {
        let mut value: Value = serde_json::from_str(include_str!("snapshots/request.json")).unwrap();
        value["command"] = command;
        value["plan"] = plan;
        value["obeys"] = obeys;
        let request: Request = serde_json::from_value(value).unwrap();
        let hash = request.hash().unwrap();
        let run = Command {
            run_id: "run_0123456789abcdef".to_owned(),
            session_id: "a".to_owned(),
            state: "pending".to_owned(),
            created_at: "2026-11-22T07:30:00.125Z".to_owned(),
            expires_at: "2026-11-22T08:00:00.125Z".to_owned(),
            request_hash: hash.to_string(),
            request: Some(request.clone()),
        };
        let role = format!("dev {}network \u{202e} none", "x".repeat(60));
        let place: Place =
            serde_json::from_value(json!({"topic": null, "state": "active", "expires_at": "", "members": [
            {"session_id": "a", "role": role, "permission": "member", "revoked": false}]}))
            .unwrap();
        let mut page = Page::new(Some(columns));
        about(("conv_0123456789abcdef", &run), &place, &mut page);
        request::details(&request, &mut page);
        request::conclusion(&request, &hash, &mut page);
        anstream::adapter::strip_str(page.as_str()).to_string()
    }

    fn of_words(words: &[&str], columns: u16) -> String {
        let argv =
            json!({"name": words[0], "program": "/usr/bin/x", "arguments": &words[1..], "environment": []});
        page(json!({"argv": [words]}), json!({"steps": [{"link": "always", "pipeline": [argv]}]}), columns)
    }

    fn of_shell(text: &str, columns: u16) -> String {
        page(json!({"text": text}), json!({"shell": text}), columns)
    }

    #[test]
    fn page_of_an_ordinary_request_fits_a_terminal() {
        let shown = of_words(&["mkdir", "made"], 80);
        assert!(shown.lines().count() < 24, "{shown}");
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn page_of_a_request_that_runs_code_of_the_folder_names_what_it_obeys() {
        let words = json!(["make", "test"]);
        let argv =
            json!({"name": "make", "program": "/usr/bin/make", "arguments": ["test"], "environment": []});
        let plan = json!({"steps": [{"link": "always", "pipeline": [argv]}]});
        let files = json!([{"path": "Makefile", "sha256": "ab".repeat(32)}, {"path": "data.bin", "sha256": null},
            {"path": "m\u{430}ke\nnetwork none", "sha256": "cd".repeat(32)},
            {"path": "z.py", "leads_to": "\u{430}.py", "sha256": "ef".repeat(32)},
            {"path": "cur", "leads_to": "v1", "kind": "folder", "sha256": null},
            {"path": "pipe", "kind": "special", "sha256": null}]);
        let command = (json!({"argv": [words]}), plan);
        let obeys = json!({"code_of": ["make"], "files": files, "more": 3});
        insta::assert_snapshot!(page_with(obeys, command.clone(), 80));
        let none = page_with(json!({"code_of": ["make"], "files": [], "more": 0}), command, 80);
        assert!(
            none.contains("obeys        no file of the folder that is known, so that none is compared"),
            "{none}"
        );
    }

    #[test]
    fn page_when_words_are_hostile_shows_every_character_and_breaks_every_row() {
        let words = [
            "x",
            "a\u{1b}[2J\u{1b}]0;title\u{7}\r\n\tb\u{9b}31m",
            "\u{202e}gpj.exe\u{2066}\u{200b}\u{feff}\u{e0041}",
            "m\u{430}in   far to the right\u{a0}\u{3000}.",
            "src\u{378}\u{1cc00}\u{13441}",
            "\"quoted\\n\"",
            "",
            &("y".repeat(64) + "network none request [123456]"),
            &"\u{4dc0}日本".repeat(20),
        ];
        insta::assert_snapshot!("hostile_80", of_words(&words, 80));
        insta::assert_snapshot!("hostile_40", of_words(&words, 40));
        insta::assert_snapshot!("hostile_shell_40", of_shell(&words.join("\n"), 40));
    }

    #[test]
    fn page_when_words_are_many_holds_each_on_a_row_of_its_own() {
        let words: Vec<String> = (0..10_000).map(|number| format!("word{number}")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let shown = of_words(&words, 40);
        let rows: Vec<&str> = shown.lines().collect();
        let first = rows.iter().position(|row| *row == "  \"word0\"").unwrap();
        for (number, word) in words.iter().enumerate() {
            assert_eq!(rows[first + number], format!("  \"{word}\""));
        }
        let end = rows[first + words.len()..].join("\n");
        insta::assert_snapshot!("many_40", end);
    }

    #[test]
    fn page_when_anything_is_hostile_begins_no_row_like_another_field() {
        let hostile = "z".repeat(66) + "request network folder";
        for columns in 40..100 {
            for shown in [of_words(&["x", &hostile], columns), of_shell(&hostile, columns)] {
                for name in ["network ", "folder ", "request ", "may write "] {
                    let count = shown.lines().filter(|row| row.starts_with(name)).count();
                    assert_eq!(count, 1, "{columns} {name}: {shown}");
                }
            }
        }
        assert!(matches!(serde_json::from_value(json!({"shell": "x"})).unwrap(), Plan::Shell(_)));
    }
}
