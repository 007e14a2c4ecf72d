//! `mab show`: one conversation, as its operator may see it.

use std::collections::BTreeMap;

use clap::Args;
use mab_core::{ConversationId, MessageId};
use serde::Deserialize;
use serde_json::json;

use crate::cli::{
    Exit, Trouble, Visible,
    allowed::Allowed,
    arguments,
    inbound::Policy,
    lease::Reserved,
    limits::Usage,
    operator::Operator,
    output::{CAREFUL, STRONG},
    table::{Column, Page, Table, absent, optional},
};

/// Arguments of `mab show`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab show conv_0123456789abcdef\n  \
    mab show conv_0123456789abcdef --messages 50 --json\n\n\
    Looking changes nothing: no message counts as read by it. Text written by\n\
    agents is shown with control characters escaped. Without a terminal every\n\
    line starts with its kind and goes on with tab-separated cells: a field's name\n\
    and value; member: agent, role, permission, presence, status, note, last seen,\n\
    unread, read to; usage (of what is used): agent, limit, used, allowed, seconds\n\
    until one more fits; lease: agent, exclusive or shared, fence, until, pattern;\n\
    message (newest first): seq, from, at, type, message, files, reply to, delivery;\n\
    damaged: seq. A message's delivery is, for each recipient, stored, offered\n\
    (handed out), acknowledged, undeliverable (it was removed), held (`mab held`),\n\
    or rejected.")]
pub(crate) struct Show {
    /// The conversation, conv_ and 16 hexadecimal digits.
    #[arg(value_parser = arguments::conversation)]
    conversation: ConversationId,
    /// How many of the latest messages to print; without it none are shown.
    #[arg(long, value_name = "N", default_value_t = 0)]
    messages: u32,
}

impl Show {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let answer = operator.call(
            "show",
            json!({"conversation_id": self.conversation.to_string(), "messages": self.messages}),
        )?;
        operator.output.answer(answer, render)?;
        Ok(Exit::OK)
    }
}

#[derive(Deserialize)]
struct Shown {
    conversation_id: String,
    topic: Option<String>,
    created_at: String,
    expires_at: String,
    state: String,
    paused_by: Option<String>,
    size_bytes: u64,
    inbound: Policy,
    held: u64,
    execution: Option<Allowed>,
    messages: u64,
    audit_entries: u64,
    members: Vec<Member>,
    usage: Option<Usage>,
    #[serde(default)]
    leases: Vec<Reserved>,
    #[serde(default)]
    recent: Vec<Said>,
    #[serde(default)]
    damaged: Vec<u64>,
}

#[derive(Deserialize)]
struct Member {
    session_id: String,
    role: Option<String>,
    permission: String,
    status: Option<String>,
    note: Option<String>,
    last_heartbeat: Option<String>,
    alive: bool,
    unread: u64,
    last_acknowledged_seq: Option<u64>,
    revoked: bool,
}

#[derive(Deserialize)]
struct Said {
    seq: u64,
    from: String,
    at: String,
    action_type: String,
    message: String,
    files_involved: Option<Vec<String>>,
    reply_to: Option<String>,
    #[serde(default)]
    delivery: BTreeMap<String, String>,
}

fn render(shown: &Shown, page: &mut Page) {
    page.field("conversation", &Visible::line(&shown.conversation_id));
    page.field("state", &Visible::line(&shown.state));
    if let Some(by) = &shown.paused_by {
        page.field("paused by", &Visible::line(by));
    }
    page.field("inbound", &shown.inbound.line());
    page.field("held", &shown.held.into());
    page.field("topic", &optional(shown.topic.as_deref()));
    page.field("created", &page.moment(Some(&shown.created_at)));
    page.field("expires", &page.moment(Some(&shown.expires_at)));
    page.field("messages", &shown.messages.into());
    page.field("size", &page.bytes(shown.size_bytes));
    page.field("audit", &shown.audit_entries.into());
    if let Some(execution) = &shown.execution {
        commands(execution, page);
    }
    if shown.state == "paused" {
        page.aside(&format!(
            "{CAREFUL}nobody in it can send{CAREFUL:#}; `mab resume {}` lets them go on",
            Visible::line(&shown.conversation_id)
        ));
    }
    page.aside("");
    let rows = shown.members.iter().map(|member| member.row(shown.is_purged(), page)).collect();
    page.table(&Table { kind: Some("member"), columns: &MEMBER, rows });
    let usage = shown.usage.as_ref().map(Usage::rows).unwrap_or_default();
    if !usage.is_empty() {
        page.aside("");
        page.table(&Table { kind: Some("usage"), columns: &Usage::COLUMNS, rows: usage });
    }
    if !shown.leases.is_empty() {
        page.aside("");
        let rows = shown.leases.iter().map(|lease| lease.row(page)).collect();
        page.table(&Table { kind: Some("lease"), columns: &Reserved::COLUMNS, rows });
    }
    if !shown.recent.is_empty() {
        page.aside("");
        let rows = shown.recent.iter().map(|message| message.row(page)).collect();
        page.table(&Table { kind: Some("message"), columns: &MESSAGE, rows });
    } else if shown.is_purged() {
        page.aside("its messages, roles and notes were destroyed; the audit entries are kept");
    } else if shown.messages > 0 {
        page.aside(&format!("{STRONG}no messages shown{STRONG:#}; --messages N prints the latest"));
    }
    for seq in &shown.damaged {
        if page.for_person() {
            page.line(&format!(
                "{CAREFUL}damaged{CAREFUL:#}  message {seq} was changed in the store and cannot be opened"
            ));
        } else {
            page.line(&format!("damaged\t{seq}"));
        }
    }
}

/// How agents' commands stand, and what to type about it.
fn commands(execution: &Allowed, page: &mut Page) {
    let enabled = execution.enabled.as_ref();
    page.field("commands", &optional(enabled.map(|enabled| enabled.mode.as_str())));
    if let Some(enabled) = enabled {
        page.field("commands end", &page.moment(Some(&enabled.expires_at)));
        page.field("workspace", &Visible::line(&enabled.workspace));
    }
    page.field("requests", &execution.requests.into());
    page.field("wishes", &execution.wishes.into());
    for line in execution.waits() {
        page.aside(&format!("{CAREFUL}{line}{CAREFUL:#}"));
    }
}

impl Shown {
    fn is_purged(&self) -> bool {
        self.state == "purged"
    }
}

const MEMBER: [Column; 9] = [
    Column::Whole("agent"),
    Column::Text("role"),
    Column::Whole("permission"),
    Column::Whole("presence"),
    Column::Whole("status"),
    Column::Text("note"),
    Column::Whole("last seen"),
    Column::Number("unread"),
    Column::Number("read to"),
];

const MESSAGE: [Column; 8] = [
    Column::Number("seq"),
    Column::Whole("from"),
    Column::Whole("at"),
    Column::Whole("type"),
    Column::Text("message"),
    Column::Text("files"),
    Column::Whole("reply to"),
    Column::Text("delivery"),
];

impl Member {
    /// What was destroyed is shown as absent, not as something that never was.
    fn row(&self, purged: bool, page: &Page) -> Vec<Visible> {
        let presence = match (self.revoked, self.alive, &self.last_heartbeat) {
            (true, _, _) => "revoked",
            (false, _, _) if purged => "-",
            (false, true, _) => "alive",
            (false, false, Some(_)) => "silent",
            (false, false, None) => "never came",
        };
        vec![
            Visible::line(&self.session_id),
            optional(self.role.as_deref()),
            Visible::line(&self.permission),
            Visible::line(presence),
            optional(self.status.as_deref()),
            self.note.as_deref().map_or_else(absent, |note| page.body(note)),
            page.moment(self.last_heartbeat.as_deref()),
            if purged { absent() } else { self.unread.into() },
            self.last_acknowledged_seq.map_or_else(absent, Visible::from),
        ]
    }
}

impl Said {
    fn row(&self, page: &Page) -> Vec<Visible> {
        let files = self.files_involved.as_deref().unwrap_or_default();
        vec![
            self.seq.into(),
            Visible::line(&self.from),
            page.moment(Some(&self.at)),
            Visible::line(&self.action_type),
            page.body(&self.message),
            if files.is_empty() { absent() } else { page.body(&files.join("\n")) },
            self.reply_to.as_deref().map_or_else(absent, |id| reply(id, page)),
            delivery(&self.delivery),
        ]
    }
}

/// The message replied to: by its place in the conversation for a person.
fn reply(id: &str, page: &Page) -> Visible {
    let seq = id.parse::<MessageId>().map(|id| format!("#{}", id.seq)).ok().filter(|_| page.for_person());
    Visible::line(seq.as_deref().unwrap_or(id))
}

/// How far the message got with each recipient: `b acknowledged, c offered`.
fn delivery(delivery: &BTreeMap<String, String>) -> Visible {
    let states: Vec<String> = delivery.iter().map(|(session, state)| format!("{session} {state}")).collect();
    optional(Some(states.join(", ")).as_deref().filter(|states| !states.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown() -> Result<Shown, serde_json::Error> {
        serde_json::from_value(json!({
            "conversation_id": "conv_0123456789abcdef", "topic": "api\u{202e}", "state": "active",
            "created_at": "2026-11-22T07:30:00.125Z", "expires_at": "2026-11-22T10:30:00.125Z",
            "size_bytes": 300, "inbound": {"default": "accept"}, "held": 0, "messages": 2, "audit_entries": 5,
            "members": [
                {"session_id": "a", "role": "backend\u{1b}[2J", "permission": "owner", "status": "working",
                 "note": "line 1\nline 2", "last_heartbeat": "2026-11-22T07:31:00.000Z", "alive": true, "unread": 0,
                 "last_acknowledged_seq": 1, "revoked": false},
                {"session_id": "b", "permission": "member", "alive": false, "unread": 2, "revoked": false},
            ],
            "leases": [
                {"conversation_id": "conv_0123456789abcdef", "session_id": "a", "pattern": "src/**", "exclusive": true,
                 "fence": 3, "expires_at": "2026-11-22T07:45:00.000Z"},
            ],
            "recent": [
                {"seq": 2, "message_id": "msg_2_0123456789abcdef", "from": "a", "at": "2026-11-22T07:31:00.000Z",
                 "action_type": "proposal", "message": "hello\u{9b}31m\n=====\nFrom: system", "reply_to": null,
                 "files_involved": ["src/a.rs", "x\u{202e}y"],
                 "delivery": {"b": "acknowledged", "c": "offered"}},
            ],
            "damaged": [1],
        }))
    }

    #[test]
    fn render_for_a_program_is_one_line_per_thing() -> Result<(), serde_json::Error> {
        let mut page = Page::new(None);
        render(&shown()?, &mut page);
        insta::assert_snapshot!(page.as_str(), @r#"
conversation	conv_0123456789abcdef
state	active
inbound	accept
held	0
topic	api\u{202e}
created	2026-11-22T07:30:00.125Z
expires	2026-11-22T10:30:00.125Z
messages	2
size	300
audit	5
member	a	backend\u{1b}[2J	owner	alive	working	line 1\nline 2	2026-11-22T07:31:00.000Z	0	1
member	b	-	member	never came	-	-	-	2	-
lease	a	exclusive	3	2026-11-22T07:45:00.000Z	src/**
message	2	a	2026-11-22T07:31:00.000Z	proposal	hello\u{9b}31m\n=====\nFrom: system	src/a.rs\nx\u{202e}y	-	b acknowledged, c offered
damaged	1
"#);
        Ok(())
    }

    #[test]
    fn render_when_purged_shows_what_was_destroyed_as_absent() -> Result<(), serde_json::Error> {
        let purged = serde_json::from_value(json!({
            "conversation_id": "conv_0123456789abcdef", "state": "purged", "messages": 2, "size_bytes": 0, "inbound": {"default": "accept"}, "held": 0,
            "created_at": "2026-11-22T07:30:00.125Z", "expires_at": "2026-11-22T10:30:00.125Z", "audit_entries": 5,
            "members": [{"session_id": "b", "permission": "member", "alive": false, "unread": 0, "revoked": false}],
        }))?;
        let mut page = Page::new(None);
        render(&purged, &mut page);
        assert!(page.as_str().ends_with("\nmember\tb\t-\tmember\t-\t-\t-\t-\t-\t-\n"), "{}", page.as_str());
        let mut person = Page::new(Some(100));
        render(&purged, &mut person);
        assert!(person.as_str().contains("were destroyed") && !person.as_str().contains("never came"));
        Ok(())
    }

    #[test]
    fn render_when_paused_tells_a_person_how_to_go_on() -> Result<(), serde_json::Error> {
        let paused =
            Shown { state: "paused".to_owned(), paused_by: Some("moderator".to_owned()), ..shown()? };
        let (mut page, mut person) = (Page::new(None), Page::new(Some(120)));
        render(&paused, &mut page);
        render(&paused, &mut person);
        assert!(
            page.as_str().contains("\nstate\tpaused\npaused_by\tmoderator\n")
                && !page.as_str().contains("mab resume")
        );
        assert!(person.as_str().contains("`mab resume conv_0123456789abcdef`"), "{}", person.as_str());
        Ok(())
    }

    #[test]
    fn render_for_a_person_frames_every_line_of_an_agent() -> Result<(), serde_json::Error> {
        let mut page = Page::new(Some(120));
        render(&shown()?, &mut page);
        insta::assert_snapshot!(anstream::adapter::strip_str(page.as_str()).to_string(), @r#"
conversation conv_0123456789abcdef
state        active
inbound      accept
held         0
topic        api\u{202e}
created      2026-11-22 07:30:00
expires      2026-11-22 10:30:00
messages     2
size         300 B
audit        5

 AGENT   ROLE               PERMISSION   PRESENCE     STATUS    NOTE     LAST SEEN             UNREAD   READ TO
────────────────────────────────────────────────────────────────────────────────────────────────────────────────
 a       backend\u{1b}[2J   owner        alive        working   line 1   2026-11-22 07:31:00        0         1
                                                                line 2
 b       -                  member       never came   -         -        -                          2         -

 AGENT   KIND        FENCE   UNTIL                 PATTERN
───────────────────────────────────────────────────────────
 a       exclusive       3   2026-11-22 07:45:00   src/**

 SEQ   FROM   AT                    TYPE       MESSAGE          FILES        DELIVERY
───────────────────────────────────────────────────────────────────────────────────────────────────────
   2   a      2026-11-22 07:31:00   proposal   hello\u{9b}31m   src/a.rs     b acknowledged, c offered
                                               =====            x\u{202e}y
                                               From: system
damaged  message 1 was changed in the store and cannot be opened
"#);
        Ok(())
    }
}
