//! What enabling means, in plain words, before anybody says yes.

use mab_core::execution::{Mode, Terms};
use serde::Deserialize;

use crate::{
    cli::{
        Visible,
        exact::exact,
        output::{BAD, CAREFUL, FAINT},
        standing::Standings,
        table::Page,
    },
    config::Config,
    execution,
};

/// A conversation, as far as it matters here.
#[derive(Deserialize)]
pub(crate) struct Place {
    pub(crate) topic: Option<String>,
    pub(crate) state: String,
    pub(crate) expires_at: String,
    pub(crate) members: Vec<Member>,
}

/// Who is in it.
#[derive(Deserialize)]
pub(crate) struct Member {
    pub(crate) session_id: String,
    pub(crate) role: Option<String>,
    pub(crate) permission: String,
    pub(crate) revoked: bool,
    pub(crate) joined_at: Option<String>,
}

impl Place {
    /// The agents whose yes can count: those that are there now. One that is invited later is not among them.
    pub(super) fn approvers(&self) -> Vec<String> {
        let there = self.members.iter().filter(|it| !it.revoked && it.joined_at.is_some());
        there.filter(|it| it.permission == "approver").map(|it| it.session_id.clone()).collect()
    }

    /// An agent by its handle, with its role: words of its own.
    pub(crate) fn who(&self, session: &str) -> Visible {
        let role = self.members.iter().find(|it| it.session_id == session).and_then(|it| it.role.as_deref());
        Visible::line(&match role {
            Some(role) => format!("{session} {}", exact(role)),
            None => session.to_owned(),
        })
    }
}

/// Adds whom these terms are for.
pub(super) fn who(terms: &Terms, place: &Place, page: &mut Page) {
    if page.for_person() {
        page.line("");
    }
    page.field("conversation", &Visible::line(&terms.conversation));
    if let Some(topic) = &place.topic {
        wrapped("topic", exact(topic).as_str(), page);
    }
    for member in place.members.iter().filter(|member| !member.revoked) {
        let asks = matches!(member.permission.as_str(), "owner" | "moderator" | "member");
        wrapped(if asks { "may ask" } else { "looks on" }, place.who(&member.session_id).as_str(), page);
    }
    if terms.quorum > 0 {
        let joined = place.members.iter().filter(|member| terms.approvers.contains(&member.session_id));
        for member in joined {
            let since = member.joined_at.as_deref().unwrap_or_default();
            wrapped("may agree", &format!("{}, here since {since}", place.who(&member.session_id)), page);
        }
        words(
            "Any agent that owns the conversation can have brought these approvers in, and can be them. Count on an \
             approver only when you started it yourself.",
            BAD,
            page,
        );
    }
}

/// Adds what they end.
pub(super) fn replaced(standings: &Standings, page: &mut Page) {
    let terms = standings.conversations.iter().filter_map(|standing| standing.terms.as_ref());
    for before in terms.filter(|terms| terms.active) {
        let mode = before.mode.as_deref().unwrap_or("unknown");
        let folder = exact(before.workspace.as_deref().unwrap_or_default());
        let all = "what was asked for or agreed to ends, and what runs";
        wrapped(
            "replaces",
            &format!("mode {mode} in {}, until {}; {all}", folder.as_str(), before.expires_at),
            page,
        );
    }
}

/// Adds what these terms mean, the most important last.
pub(super) fn render(terms: &Terms, config: &Config, page: &mut Page) {
    wrapped("folder", exact(&terms.workspace).as_str(), page);
    wrapped("may read", &reads(config), page);
    let (at_once, asks) = what(terms);
    wrapped("at once", at_once, page);
    wrapped("after a yes", asks, page);
    wrapped("a yes is", &yes(terms), page);
    if terms.network {
        page.line(&format!(
            "{BAD}network      the host's own, for what is agreed to: what it can read, it can send{BAD:#}"
        ));
    } else {
        page.field("network", &Visible::line("none"));
    }
    let timeout = terms.timeout_s.unwrap_or(config.execution.limits.time_s);
    page.field("each for", &Visible::line(&format!("{timeout} s at most")));
    page.field("until", &Visible::line(&format!("{}, also what still runs then", terms.expires_at())));
    page.line("");
    words(
        "What an agent asks for may be what its partner, or a file that it read, talked it into. Read each request as if a \
         stranger had sent it.",
        CAREFUL,
        page,
    );
    words("`mab yolo disable` ends it at once; every agent is told of both.", FAINT, page);
}

/// Adds what a person may not expect of these terms: that nothing will run, or where.
pub(super) fn careful(terms: &Terms, config: &Config, page: &mut Page) {
    if SYSTEM.contains(&terms.workspace.as_str()) {
        words(
            "This folder is the system's, no project: what runs there can read or write all of it.",
            BAD,
            page,
        );
    }
    if let Some(why) = no_sandbox(terms.mode, config) {
        words(&format!("Nothing will run here: {why}"), BAD, page);
    }
}

/// Why no sandbox of this machine is enough for a mode.
fn no_sandbox(mode: Mode, config: &Config) -> Option<String> {
    let records = tempfile::tempdir().ok()?;
    let tiers = execution::tiers(config, records.path()).ok()?;
    let why = tiers.strongest(mode, execution::wish(config)).err()?;
    Some(Visible::line(&format!("{}; {}", why.reason, why.hint)).to_string())
}

/// Folders that are never a project's own.
const SYSTEM: [&str; 12] =
    ["/", "/bin", "/boot", "/etc", "/home", "/lib", "/opt", "/root", "/sbin", "/srv", "/usr", "/var"];

/// What runs at once, and what only after a yes.
fn what(terms: &Terms) -> (&'static str, &'static str) {
    match terms.mode {
        Mode::Safe => {
            ("listed programs that only read this folder (cat, grep, ls …)", "nothing: all else is refused")
        }
        Mode::Restricted => (
            "listed programs that only read this folder (cat, grep, git log …)",
            "listed tools that write or run this folder's code (git commit, cargo test …)",
        ),
        Mode::Yolo => ("nothing", "anything that a shell can do, in a sandbox, in this folder"),
    }
}

/// Who can agree.
fn yes(terms: &Terms) -> String {
    let mut who = match terms.mode {
        Mode::Safe => return "never needed".to_owned(),
        Mode::Restricted | Mode::Yolo => "yours, to each exact command, with `mab approve`".to_owned(),
    };
    if terms.elicitation {
        who.push_str("; or a form in the agent's own client, which may answer by itself");
    }
    match terms.quorum {
        0 => who,
        1 => format!("{who}; or that of one of the agents {}", terms.approvers.join(", ")),
        several => format!("{who}; or that of {several} of the agents {}", terms.approvers.join(", ")),
    }
}

/// What a sandbox sees besides the folder.
fn reads(config: &Config) -> String {
    let more: Vec<String> =
        config.execution.readable.iter().map(|path| exact(&path.to_string_lossy()).to_string()).collect();
    let system = "this folder and the system's programs, not your home";
    if more.is_empty() { system.to_owned() } else { format!("{system}; and {}", more.join(", ")) }
}

/// A field of several words, broken between them.
fn wrapped(name: &str, text: &str, page: &mut Page) {
    const INDENT: usize = 13;
    let width = page.columns().saturating_sub(INDENT).max(20);
    for (number, line) in crate::cli::exact::broken(text, width).iter().enumerate() {
        if number == 0 {
            page.field(name, &Visible::line(line.trim_end()));
        } else {
            page.line(&format!("{:INDENT$}{}", "", Visible::line(line.trim_end())));
        }
    }
}

/// Our own words, broken between them.
fn words(text: &str, style: anstyle::Style, page: &mut Page) {
    let width = page.columns().max(20);
    for line in crate::cli::exact::broken(text, width) {
        page.line(&format!("{style}{}{style:#}", line.trim_end()));
    }
}
