//! `mab approve`: a person sees one exact command that an agent asks for, and says yes to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use clap::Args;
use mab_core::{
    Clock as _, Code, Denied, RunId,
    execution::{Approval, VALID_S},
};
use mab_exec::{Decision, RequestHash, Workspace};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    cli::{
        Exit, Output, Trouble, Visible, arguments,
        calls::Calls,
        judge::judge_checked,
        operator::Operator,
        output::{BAD, CAREFUL, FAINT},
        person::Person,
        request::{self, LAST},
        standing::{Command, Standings},
        table::Page,
        unlocking::{self, TRIES, Unlocked},
        yolo::Place,
    },
    execution,
    system::SystemClock,
};

/// How often the desk looks for new requests.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The desk ends after so many looks without a request: a quarter of an hour.
const IDLE_LOOKS: u32 = 900;

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
    ends with Ctrl-C, or after a quarter of an hour without a request. `mab deny` says no,\n\
    from anywhere.")]
pub(crate) struct Approve {
    /// Which requests, as `mab pending` shows them; without any, all as they come.
    #[arg(value_name = "RUN_ID", value_parser = arguments::run)]
    runs: Vec<RunId>,
}

/// What a person says to one request.
#[derive(PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    Nothing,
}

impl Approve {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let person = Person::at_terminal(operator.environment)?;
        let calls = Calls::open(operator)?;
        let desk = Desk { person, calls, output: operator.output };
        if self.runs.is_empty() { desk.serve() } else { desk.answer(&self.runs) }
    }
}

struct Desk {
    person: Person,
    calls: Calls,
    output: Output,
}

impl Desk {
    /// Asks about these; the key is opened after the first yes.
    fn answer(&self, runs: &[RunId]) -> Result<Exit, Trouble> {
        let mut key = None;
        let mut exit = Exit::OK;
        for id in runs {
            let standings = Standings::of_all(&self.calls)?;
            let (conversation, run) = standings.find(&id.to_string())?;
            let hash = waiting(run)?;
            if self.ask(conversation, run, &hash)? != Answer::Yes {
                Output::talk("nothing was approved");
                exit = Exit::CANCELLED;
                continue;
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
        let mut idle = 0;
        self.say(&format!("{FAINT}waiting for requests; Ctrl-C ends{FAINT:#}"))?;
        while idle < IDLE_LOOKS {
            let standings = Standings::of_all(&self.calls)?;
            let runs = standings.conversations.iter();
            let runs = runs.flat_map(|it| it.runs.iter().map(|run| (it.conversation_id.as_str(), run)));
            let next = runs.filter(|(_, run)| run.waits() && !seen.contains(&run.run_id));
            let Some((conversation, run)) = next.min_by_key(|(_, run)| run.created_at.as_str()) else {
                idle += 1;
                match self.person.rest(LOOK_EVERY) {
                    Err(Trouble::Cancelled) => return Ok(Exit::OK),
                    rested => rested?,
                }
                continue;
            };
            idle = 0;
            seen.insert(run.run_id.clone());
            let outcome = match waiting(run) {
                Ok(hash) => self.one(conversation, run, (&hash, &unlocked)),
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
        self.say("nobody asked for a quarter of an hour: the key is closed")?;
        Ok(Exit::OK)
    }

    fn one(
        &self,
        conversation: &str,
        run: &Command,
        (hash, key): (&RequestHash, &Unlocked),
    ) -> Result<(), Trouble> {
        match self.ask(conversation, run, hash)? {
            Answer::Yes => self.approve(run, hash, key),
            Answer::No => {
                let no = json!({"run_id": run.run_id, "request_hash": run.request_hash});
                let answer = self.calls.call("deny_run", no)?;
                self.output.answer(answer, shown)
            }
            Answer::Nothing => self.say("left as it is; it waits until its time is over"),
        }
    }

    /// Shows a request whole, and takes its digits.
    fn ask(&self, conversation: &str, run: &Command, hash: &RequestHash) -> Result<Answer, Trouble> {
        let mut page = self.person.page();
        self.render((conversation, run, hash), &mut page)?;
        let question = format!("its last {LAST} digits agree to exactly this, n refuses, Enter leaves it:");
        for left in (0..TRIES).rev() {
            let typed = self.person.ask(&page, &question)?;
            match typed.as_str() {
                "" => return Ok(Answer::Nothing),
                "n" | "no" => return Ok(Answer::No),
                digits if digits.len() >= LAST && hash.to_string().ends_with(digits) => {
                    return Ok(Answer::Yes);
                }
                _ => {}
            }
            page = self.person.page();
            page.line(&format!("{CAREFUL}these are not its last {LAST} digits{CAREFUL:#}; {left} more"));
        }
        Ok(Answer::Nothing)
    }

    /// Who asks, since when and why a person is asked; then the request.
    fn render(
        &self,
        (conversation, run, hash): (&str, &Command, &RequestHash),
        page: &mut Page,
    ) -> Result<(), Trouble> {
        let place: Place = self.calls.read("show", json!({"conversation_id": conversation}))?;
        let Some(request) = &run.request else { return Ok(()) };
        page.line("");
        page.field("asked by", &place.who(&run.session_id));
        page.field("in", &Visible::line(conversation));
        page.field("run", &Visible::line(&run.run_id));
        page.field("since", &page.moment(Some(&run.created_at)));
        page.field("waits until", &page.moment(Some(&run.expires_at)));
        match self.reason(run) {
            Some((Decision::Deny, reason)) => {
                page.line(&format!("{BAD}the policy denies it by now{BAD:#}: {}", Visible::line(&reason)));
            }
            Some((Decision::Allow | Decision::Ask, reason)) => {
                page.field("why asked", &Visible::line(&reason));
            }
            None => {}
        }
        request::render(request, hash, page);
        Ok(())
    }

    /// What the judge says of it here and now; none when its folder is gone. The server judges again before it runs.
    fn reason(&self, run: &Command) -> Option<(Decision, String)> {
        let request = run.request.as_ref()?;
        let workspace = Workspace::open(&request.profile.workspace).ok()?;
        let judge = execution::judge(&self.calls.config, None, Some(&workspace)).ok()?;
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
        self.output.answer(answer, shown)
    }

    fn say(&self, line: &str) -> Result<(), Trouble> {
        let mut page = self.person.page();
        page.line(line);
        self.person.show(&page)
    }
}

#[derive(Deserialize)]
struct Done {
    run_id: String,
    state: String,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

fn shown(done: &Done, page: &mut Page) {
    page.field(&done.state, &Visible::line(&done.run_id));
    if done.rest.contains_key("assurance") {
        page.aside(&format!("{FAINT}it can start within five minutes, once; every agent is told{FAINT:#}"));
    }
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
