//! `mab pending`: what agents wish and ask for, and nobody has answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use clap::Args;
use mab_core::ConversationId;
use mab_exec::{Request, Wanted};
use serde_json::{Value, json};

use crate::cli::{
    Exit, Output, Trouble, Visible, arguments,
    calls::{Calls, typed},
    exact::{exact, in_ascii},
    operator::Operator,
    output::{CAREFUL, FAINT, STRONG},
    plan,
    request::writes,
    standing::{Command, Named, Standings, Wish},
    stopping::Stop,
    table::{Page, absent, optional},
};

/// How often `--follow` looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Arguments of `mab pending`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    mab pending\n  \
    mab pending conv_0123456789abcdef --follow --json\n\n\
    Looking changes nothing and answers nothing. The command is in one line here;\n\
    `mab approve` shows it whole. Without a terminal each line is tab-separated: request,\n\
    its id, conversation, agent, since, until, mode, folder, what it may write, command;\n\
    or wish, -, conversation, agent, since, -, mode, folder, -, -. What was agreed to and\n\
    what runs comes as a request, with agreed or running in its place. With --follow also:\n\
    became, its id, conversation, agent, and approved, denied, withdrawn, expired, running,\n\
    finished or lost.")]
pub(crate) struct Pending {
    /// Only this conversation.
    #[arg(value_parser = arguments::conversation)]
    conversation: Option<ConversationId>,
    /// Go on, and print what is new as it comes, and what became of the requests.
    #[arg(long)]
    follow: bool,
}

/// One thing that waits.
struct Item {
    kind: &'static str,
    /// Whether something is enabled in its conversation: without that no request can run.
    is_on: bool,
    name: String,
    since: String,
    row: Vec<Visible>,
    /// Folder and command once more, in ASCII, when that is something else.
    ascii: [Option<Visible>; 2],
    value: Value,
}

impl Pending {
    pub(crate) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let calls = Calls::open(operator)?;
        if self.follow {
            return self.go_on(&calls, operator);
        }
        let (items, _) = self.look(&calls, operator, &Shown::default())?;
        if operator.output.is_json() {
            operator.output.json(&items.into_iter().map(|item| item.value).collect())?;
            return Ok(Exit::OK);
        }
        let mut page = operator.output.page();
        let waits = items.iter().any(|item| item.kind == REQUEST);
        let wishes = items.iter().any(|item| item.kind == "wish");
        table(&items, &mut page);
        if waits {
            page.aside(&format!(
                "{FAINT}`mab approve RUN_ID` shows one whole; `mab deny RUN_ID` refuses it{FAINT:#}"
            ));
        }
        if wishes {
            page.aside(&format!("{FAINT}`mab yolo enable CONVERSATION --wish AGENT` grants a wish{FAINT:#}"));
        }
        Output::data(page.as_str())?;
        if items.is_empty() {
            Output::talk("nothing waits");
        }
        Ok(Exit::OK)
    }

    /// Prints each thing once, and what became of each request, until it is interrupted.
    fn go_on(&self, calls: &Calls, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let stop = Stop::listen()?;
        let (mut seen, mut shown) = (BTreeSet::new(), Shown::default());
        loop {
            let (mut items, named) = self.look(calls, operator, &shown)?;
            for became in shown.news(named) {
                became_line(&became, operator.output)?;
            }
            shown.add(&items);
            items.retain(|item| seen.insert((item.name.clone(), item.since.clone())));
            if operator.output.is_json() {
                for item in &items {
                    Output::json_line(&item.value)?;
                }
            } else if !items.is_empty() {
                let mut page = operator.output.page();
                table(&items, &mut page);
                Output::data(page.as_str())?;
            }
            if stop.within(LOOK_EVERY)? {
                return Ok(Exit::OK);
            }
        }
    }

    /// What waits now, oldest first, and how those stand that were shown.
    fn look(
        &self,
        calls: &Calls,
        operator: &Operator<'_>,
        shown: &Shown,
    ) -> Result<(Vec<Item>, Vec<Named>), Trouble> {
        let id = self.conversation.map(|id| id.to_string());
        let answer = calls.call("execution", json!({"conversation_id": id, "runs": shown.names()}))?;
        let page = operator.output.page();
        let raw = answer.clone();
        let raw = |conversation: usize, list: &str, at: usize| {
            raw.pointer(&format!("/conversations/{conversation}/{list}/{at}")).cloned().unwrap_or_default()
        };
        let standings: Standings = typed(answer)?;
        let mut items = Vec::new();
        for (number, it) in standings.conversations.iter().enumerate() {
            let place = it.conversation_id.as_str();
            for (at, wish) in it.wishes.iter().enumerate() {
                items.push(of_wish((place, wish), raw(number, "wishes", at), &page));
            }
            let is_on = it.terms.as_ref().is_some_and(|terms| terms.active);
            for (at, run) in it.runs.iter().enumerate() {
                let Some(kind) = kind(&run.state) else { continue };
                let value = raw(number, "runs", at);
                items.push(Item { is_on, ..of_run((place, run, kind), value, &page) });
            }
        }
        items.sort_by(|one, other| one.since.cmp(&other.since));
        Ok((items, standings.named))
    }
}

/// The requests that were shown and can still become something else, each with the state that was told last.
#[derive(Default)]
struct Shown(BTreeMap<String, String>);

impl Shown {
    fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    fn add(&mut self, items: &[Item]) {
        for item in items {
            let state = match item.kind {
                REQUEST => "pending",
                AGREED => "approved",
                RUNNING => "running",
                _ => continue,
            };
            self.0.entry(item.name.clone()).or_insert_with(|| state.to_owned());
        }
    }

    /// Those that are not what was told last; what has ended is not looked at again.
    fn news(&mut self, named: Vec<Named>) -> Vec<Named> {
        let mut news = Vec::new();
        for now in named {
            if self.0.get(&now.run_id).is_none_or(|told| *told == now.state) {
                continue;
            }
            if matches!(now.state.as_str(), "pending" | "approved" | "running") {
                self.0.insert(now.run_id.clone(), now.state.clone());
            } else {
                self.0.remove(&now.run_id);
            }
            news.push(now);
        }
        news
    }
}

fn became_line(now: &Named, output: Output) -> Result<(), Trouble> {
    if output.is_json() {
        return Output::json_line(&json!({
            "kind": "became", "run_id": now.run_id, "conversation_id": now.conversation_id,
            "session_id": now.session_id, "state": now.state,
        }));
    }
    let mut page = output.page();
    let [run, place, agent, state] =
        [&now.run_id, &now.conversation_id, &now.session_id, &now.state].map(|text| Visible::line(text));
    if page.for_person() {
        page.line(&format!("{STRONG}{run}{STRONG:#} of {agent}: {}", became(&now.state)));
        page.line("");
    } else {
        page.line(&format!("became\t{run}\t{place}\t{agent}\t{state}"));
    }
    Output::data(page.as_str())
}

fn became(state: &str) -> &str {
    match state {
        "approved" => "agreed to; it can start within five minutes",
        "running" => "runs",
        "finished" => "has run; `mab show` and the agents have its result",
        "denied" => "refused; it is not run",
        "withdrawn" => "taken back or ended; it is not run",
        "expired" => "its time is over; it is not run",
        "lost" => "lost: what ran it died before it could say how it ended",
        other => other,
    }
}

fn of_wish((place, wish): (&str, &Wish), value: Value, page: &Page) -> Item {
    let row = vec![
        absent(),
        Visible::line(place),
        Visible::line(&wish.session_id),
        page.moment(Some(&wish.asked_at)),
        absent(),
        optional(wish.mode.as_deref()),
        wish.workspace.as_deref().map_or_else(absent, exact),
        absent(),
        absent(),
    ];
    let name = format!("{place} {}", wish.session_id);
    let ascii = [wish.workspace.as_deref().and_then(in_ascii), None];
    let is_on = true;
    Item {
        kind: "wish",
        is_on,
        name,
        since: wish.asked_at.clone(),
        row,
        ascii,
        value: kept("wish", place, value),
    }
}

/// What a command that has not ended is here; none for one whose time is over.
fn kind(state: &str) -> Option<&'static str> {
    match state {
        "pending" => Some(REQUEST),
        "approved" => Some(AGREED),
        "running" => Some(RUNNING),
        _ => None,
    }
}

const REQUEST: &str = "request";
const AGREED: &str = "agreed";
const RUNNING: &str = "running";

fn of_run((place, run, kind): (&str, &Command, &'static str), value: Value, page: &Page) -> Item {
    let request = run.request.as_ref().filter(|_| run.hash().is_some());
    let row = vec![
        Visible::line(&run.run_id),
        Visible::line(place),
        Visible::line(&run.session_id),
        page.moment(Some(&run.created_at)),
        page.moment(Some(&run.expires_at)),
        request.map_or_else(absent, |it| Visible::line(it.mode.as_str())),
        request.map_or_else(absent, |it| exact(&it.profile.workspace.to_string_lossy())),
        request.map_or_else(absent, |it| Visible::line(writes(it.profile.writable, it.profile.git))),
        request.map_or_else(|| Visible::line("changed in the database"), |it| in_one_line(it, exact)),
    ];
    let plain = |text: &str| in_ascii(text).unwrap_or_else(|| exact(text));
    let ascii = [
        request.and_then(|it| in_ascii(&it.profile.workspace.to_string_lossy())),
        request.map(|it| in_one_line(it, plain)).filter(|it| row.last() != Some(it)),
    ];
    let since = run.created_at.clone();
    let (name, value) = (run.run_id.clone(), kept(kind, place, value));
    Item { kind, is_on: true, name, since, row, ascii, value }
}

/// The object as the bridge gave it, with what it is and where.
fn kept(kind: &'static str, place: &str, mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.insert("kind".to_owned(), kind.into());
        fields.insert("conversation_id".to_owned(), place.into());
    }
    value
}

/// The command as it was asked for, each word as a literal; `mab approve` shows what that becomes.
fn in_one_line(request: &Request, shown: impl Fn(&str) -> Visible) -> Visible {
    let literal = |word: &String| shown(word).to_string();
    let words = |words: &Vec<String>| words.iter().map(literal).collect::<Vec<_>>().join(" ");
    Visible::line(&match &request.command {
        Wanted::Text(text) => literal(text),
        Wanted::Argv(commands) => commands.iter().map(words).collect::<Vec<_>>().join(" | "),
    })
}

/// For a person each thing in a few lines of its own: a table of all this fits no terminal.
fn table(items: &[Item], page: &mut Page) {
    for item in items {
        if page.for_person() {
            block(item, page);
        } else {
            let cells: Vec<&str> =
                std::iter::once(item.kind).chain(item.row.iter().map(Visible::as_str)).collect();
            page.line(&cells.join("\t"));
        }
    }
}

fn block(item: &Item, page: &mut Page) {
    let [name, place, agent, since, until, mode, folder, writes, command] = item.row.as_slice() else {
        return;
    };
    let [folder_in_ascii, command_in_ascii] = &item.ascii;
    if item.kind == "wish" {
        page.line(&format!("{STRONG}wish{STRONG:#} of {agent} in {place}"));
        plan::lines(&Visible::line(&format!("since {since}")), "  ", page);
        some(&Visible::line(&format!("mode {mode}, folder {folder}")), "  ", page);
        ascii(folder_in_ascii.as_ref(), "  ", page);
    } else {
        // Names of ours, which people copy, are left whole.
        page.line(&format!("{STRONG}{name}{STRONG:#} of {agent} in {place}"));
        let how = match item.kind {
            AGREED => format!("agreed to, and not started yet; `mab deny {name}` takes the yes back"),
            RUNNING => format!("runs; `mab yolo disable {place}` ends it, and all that is enabled there"),
            _ if !item.is_on => format!("cannot run: nothing is enabled there; goes by itself at {until}"),
            _ => format!("since {since}, waits until {until}"),
        };
        plan::lines(&Visible::line(&how), "  ", page);
        plan::lines(&Visible::line(&format!("mode {mode}, may write {writes}")), "  ", page);
        some(folder, "  in ", page);
        ascii(folder_in_ascii.as_ref(), "  ", page);
        some(command, "    ", page);
        ascii(command_in_ascii.as_ref(), "    ", page);
    }
    page.line("");
}

fn ascii(text: Option<&Visible>, indent: &str, page: &mut Page) {
    if let Some(text) = text {
        some(text, &format!("{indent}{CAREFUL}not ASCII{CAREFUL:#} "), page);
    }
}

/// As much of a text as leaves room for what else waits.
fn some(text: &Visible, before: &str, page: &mut Page) {
    let mut all = Page::new(u16::try_from(page.columns()).ok());
    plan::lines(text, before, &mut all);
    let lines: Vec<&str> = all.as_str().lines().collect();
    for line in lines.iter().take(ROWS_MAX) {
        page.line(line);
    }
    if let Some(more @ 1..) = lines.len().checked_sub(ROWS_MAX) {
        page.line(&format!("  {CAREFUL}… {more} more lines{CAREFUL:#}: `mab pending --json`"));
    }
}

/// More of one text is cut here: nobody agrees to anything here, and it would push the others out of sight.
const ROWS_MAX: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(command: &str) -> Item {
        let cells = [
            "run_0123456789abcdef",
            "conv_0123456789abcdef",
            "a",
            "2026-11-22 07:30:00",
            "2026-11-22 08:00:00",
        ];
        let row = cells.into_iter().map(Visible::line).chain([
            Visible::line("yolo"),
            exact("/srv/m\u{f6}bel"),
            Visible::line("the workspace, and commits"),
            exact(command),
        ]);
        Item {
            kind: REQUEST,
            is_on: true,
            name: String::new(),
            since: String::new(),
            row: row.collect(),
            ascii: [in_ascii("/srv/m\u{f6}bel"), in_ascii(command)],
            value: Value::Null,
        }
    }

    fn shown(command: &str, columns: u16) -> String {
        let mut page = Page::new(Some(columns));
        table(&[waiting(command)], &mut page);
        anstream::adapter::strip_str(page.as_str()).to_string()
    }

    #[test]
    fn request_when_not_ascii_is_also_shown_in_ascii() {
        insta::assert_snapshot!(shown("mkdir sr\u{441}/\u{378}\u{202e}x", 64), @r#"
run_0123456789abcdef of a in conv_0123456789abcdef
  since 2026-11-22 07:30:00, waits until 2026-11-22 08:00:00
  mode yolo, may write the workspace, and commits
  in "/srv/möbel"
  not ASCII "/srv/m\u{f6}bel"
    "mkdir srс/\u{378}\u{202e}x"
    not ASCII "mkdir sr\u{441}/\u{378}\u{202e}x"
"#);
    }

    #[test]
    fn command_when_it_waits_no_more_says_how_it_stands() {
        let shown = |kind, is_on| {
            let mut page = Page::new(Some(120));
            table(&[Item { kind, is_on, ..waiting("make") }], &mut page);
            anstream::adapter::strip_str(page.as_str()).to_string()
        };
        let says = |text: &str, what: &str| assert!(text.contains(what), "{text}");
        says(&shown(REQUEST, true), "waits until 2026-11-22 08:00:00");
        says(
            &shown(REQUEST, false),
            "cannot run: nothing is enabled there; goes by itself at 2026-11-22 08:00:00",
        );
        says(&shown(AGREED, true), "`mab deny run_0123456789abcdef` takes the yes back");
        says(&shown(RUNNING, true), "runs; `mab yolo disable conv_0123456789abcdef` ends it");
    }

    #[test]
    fn request_when_long_leaves_room_for_others_and_says_how_much_it_is() {
        let shown = shown(&"word ".repeat(100), 40);
        assert!(shown.lines().count() < 16 && shown.lines().all(|row| !row.starts_with("word")), "{shown}");
        assert!(shown.lines().skip(1).all(|row| row.trim_end().chars().count() <= 40), "{shown}");
        assert!(shown.contains("… 9 more lines: `mab pending --json`"), "{shown}");
    }
}
