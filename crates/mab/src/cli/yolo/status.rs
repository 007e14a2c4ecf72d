//! `mab yolo status`: the approver, what is enabled, and who is locked out.

use clap::Args;
use mab_core::ConversationId;
use serde_json::{Value, json};

use crate::{
    cli::{
        Exit, Output, Trouble, Visible, arguments,
        calls::{Calls, typed},
        exact::exact,
        operator::Operator,
        output::{BAD, FAINT, GOOD, STRONG},
        plan,
        standing::{InForce, Standing, Standings},
        still::stopped,
        table::{Page, absent, optional},
        unlocking::Known,
    },
    config::Config,
};

/// Arguments of `mab yolo status`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without a terminal the tab-separated cells are, of the approver: approver, its id; of\n\
    each conversation: enabled, its id, mode, on or off, until, folder, network, who else\n\
    may say yes, wishes, requests that wait, agents that are locked out, requests that\n\
    were agreed to, commands that run."
)]
pub(super) struct Status {
    /// Only this conversation.
    #[arg(value_parser = arguments::conversation)]
    conversation: Option<ConversationId>,
}

impl Status {
    pub(super) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let calls = Calls::open(operator)?;
        let mut approver = calls.call("approver", json!({}))?;
        let id = self.conversation.map(|id| id.to_string());
        let execution = calls.call("execution", json!({"conversation_id": id}))?;
        if operator.output.is_json() {
            if let Some(fields) = approver.as_object_mut() {
                // Nobody needs it to look at.
                fields.remove("sealed");
            }
            let conversations = execution.get("conversations").cloned().unwrap_or_default();
            operator.output.json(&json!({"approver": approver, "conversations": conversations}))?;
            return Ok(Exit::OK);
        }
        let mut page = operator.output.page();
        shown_approver(&approver, &mut page)?;
        let standings: Standings = typed(execution)?;
        if standings.conversations.is_empty() {
            page.aside(&format!("{FAINT}nothing is enabled, and no agent has asked{FAINT:#}"));
        } else {
            page.aside("");
            table(&standings, &calls.config, &mut page);
        }
        Output::data(page.as_str())?;
        Ok(Exit::OK)
    }
}

fn shown_approver(approver: &Value, page: &mut Page) -> Result<(), Trouble> {
    let known: Known = typed(approver.clone())?;
    match (&known.key_id, known.sound) {
        (Some(id), Some(true)) => page.field("approver", &Visible::line(id)),
        (Some(id), _) => {
            page.field("approver", &Visible::line(id));
            page.line(&format!("{BAD}this bridge did not enrol it{BAD:#}: nothing that it signs counts"));
        }
        (None, _) => {
            page.field("approver", &absent());
            page.aside(&format!("{FAINT}`mab yolo enroll` makes one{FAINT:#}"));
        }
    }
    Ok(())
}

/// For a person each conversation in a few lines of its own: a table of all this fits no terminal.
fn table(standings: &Standings, config: &Config, page: &mut Page) {
    for it in &standings.conversations {
        let cells = row(it, page);
        if page.for_person() {
            let why =
                it.terms.as_ref().filter(|terms| terms.active).and_then(|terms| nothing_runs(terms, config));
            block(&cells, why.as_deref(), page);
        } else {
            let cells: Vec<&str> =
                std::iter::once("enabled").chain(cells.iter().map(Visible::as_str)).collect();
            page.line(&cells.join("\t"));
        }
    }
    let is_on = |it: &Standing| it.terms.as_ref().is_some_and(|terms| terms.active);
    if page.for_person() && standings.conversations.iter().any(is_on) {
        page.line(&format!("{GOOD}`mab yolo disable` ends it at once{GOOD:#}"));
    }
}

/// Why terms that are on let nothing run.
fn nothing_runs(terms: &InForce, config: &Config) -> Option<String> {
    stopped(terms, config).or_else(|| {
        let is_other = terms.settings.is_some() && config.bound().ok() != terms.settings;
        is_other.then(|| {
            "the settings are not those that it was enabled under; `mab yolo enable` anew, or change them back"
                .to_owned()
        })
    })
}

fn block(cells: &[Visible], why: Option<&str>, page: &mut Page) {
    let [id, mode, now, until, folder, network, also, wishes, waiting, locked, agreed, running] = cells
    else {
        return;
    };
    page.line(&format!("{STRONG}{id}{STRONG:#} {now}"));
    if now.as_str() != "off" {
        let what = Visible::line(&format!("mode {mode}, until {until}, network {network}"));
        plan::lines(&what, "  ", page);
        plan::lines(folder, "  in ", page);
    }
    if let Some(why) = why {
        page.line(&format!("  {BAD}but nothing runs: {why}{BAD:#}"));
    }
    if *also != absent() {
        page.line(&format!("  a yes is also that of {also}"));
    }
    let open = format!(
        "wishes {wishes}, requests that wait {waiting}, agreed to {agreed}, running {running}, locked out {locked}"
    );
    plan::lines(&Visible::line(&open), "  ", page);
    page.line("");
}

fn row(it: &Standing, page: &Page) -> Vec<Visible> {
    let terms = it.terms.as_ref();
    let now = match terms {
        Some(terms) if terms.active => "on",
        Some(terms) if !terms.sound => "void",
        Some(_) => "over",
        None => "off",
    };
    let also = terms.map_or_else(String::new, |terms| {
        let form = terms.elicitation.then(|| "a form".to_owned());
        let agents = match terms.quorum {
            0 => None,
            1 => Some("1 approver".to_owned()),
            several => Some(format!("{several} approvers")),
        };
        form.into_iter().chain(agents).collect::<Vec<_>>().join(", ")
    });
    let also = if also.is_empty() { absent() } else { Visible::line(&also) };
    let locked = if it.locked.is_empty() { absent() } else { Visible::line(&it.locked.join(", ")) };
    let count = |state: &str| (it.runs.iter().filter(|run| run.state == state).count() as u64).into();
    let network = terms.map(|terms| if terms.network { "host" } else { "none" });
    vec![
        Visible::line(&it.conversation_id),
        optional(terms.and_then(|terms| terms.mode.as_deref())),
        Visible::line(now),
        page.moment(terms.map(|terms| terms.expires_at.as_str())),
        terms.and_then(|terms| terms.workspace.as_deref()).map_or_else(absent, exact),
        optional(network),
        also,
        (it.wishes.len() as u64).into(),
        count("pending"),
        locked,
        count("approved"),
        count("running"),
    ]
}
