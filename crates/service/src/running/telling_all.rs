//! What `system` tells every member about commands: who asked, what was decided, how it ended.
//!
//! The words of agents and of programs stand in lines that begin with `| ` and in no other line, each character showing
//! itself, so that nothing they hold can pass for the bridge's own words.

use mab_core::{
    RunId, SessionId, Timestamp,
    entity::RunRow,
    execution::{Assurance, Mode, RunState, Terms},
    visible::visible,
};
use mab_exec::{Captured, Digest, GitAccess, Network, Obeys, Outcome, Request, Wanted};

use crate::running::{
    over::Over,
    showing::{Cut, cut},
};

/// Most characters of a command in a message; `mab pending` and `mab approve` show all of it.
const COMMAND_MAX_CHARS: usize = 1_000;
/// Most files that a request's message names, and characters of each name.
const FILES_MAX: usize = 5;
const NAME_MAX_CHARS: usize = 100;
/// Bytes of the beginning, and of the end, of each stream.
const OUTPUT_BYTES: usize = 2 * 1024;

/// Who else than a person at a terminal may answer a request.
pub(crate) struct Answerers {
    /// The approvers that are asked, without who asks.
    approvers: Vec<String>,
    /// How many of them are enough; 0: none answers.
    quorum: usize,
    /// Whether a form in the requester's own client does.
    form: bool,
}

impl Answerers {
    /// Those that the terms name for this request. In mode `yolo` only a person answers.
    pub(crate) fn of(terms: &Terms, request: &Request) -> Self {
        let is_yolo = request.mode == Mode::Yolo;
        let is_other = |name: &&String| request.agent.as_ref() != Some(*name);
        Self {
            approvers: terms.approvers.iter().filter(is_other).cloned().collect(),
            quorum: if is_yolo { 0 } else { usize::from(terms.quorum) },
            form: terms.elicitation && !is_yolo,
        }
    }

    /// How many approvers are enough; 0 when none answers.
    pub(crate) const fn quorum(&self) -> usize {
        self.quorum
    }

    /// Them in words, without the person; none when nobody else answers.
    pub(crate) fn words(&self) -> Option<String> {
        let names = match self.approvers.as_slice() {
            [] => "who are not here any more".to_owned(),
            [one] => one.clone(),
            [most @ .., last] => format!("{} and {last}", most.join(", ")),
        };
        let approvers = match self.quorum {
            0 => None,
            1 if self.approvers.len() == 1 => Some(format!("the approver {names}")),
            quorum => Some(format!("{quorum} of the approvers {names}")),
        };
        let form = self.form.then(|| "a form in its own client".to_owned());
        let others: Vec<String> = approvers.into_iter().chain(form).collect();
        (!others.is_empty()).then(|| others.join(", "))
    }
}

/// An agent asks for a command.
pub(crate) fn asked(run: RunId, request: &Request, (until, answerers): (Timestamp, &Answerers)) -> String {
    let who = request.agent.as_deref().unwrap_or("an agent");
    let (folder, writes) = (quoted(&request.profile.workspace.to_string_lossy()), writes(request));
    let network = match request.profile.network {
        Network::Off => "no network",
        Network::Host => "the host's network",
    };
    let command = quoted(&one_line(&request.command));
    format!(
        "{who} asks to run a command ({run}, mode {mode}):\n{command}\nin\n{folder}\n{writes}; {network}.\n\
         {obeys}{answers}",
        mode = request.mode,
        obeys = obeys(&request.obeys),
        answers = answers(run, until, answerers),
    )
}

/// What it runs or obeys of the folder: a few files with their digests, and how many more.
fn obeys(obeys: &Obeys) -> String {
    let mut text = String::new();
    for (number, file) in obeys.files.iter().take(FILES_MAX).enumerate() {
        if number == 0 {
            text.push_str("It obeys these files of it, as they were then (sha256):\n");
        }
        let digest = file.sha256.as_ref().map_or_else(|| "not compared".to_owned(), Digest::to_string);
        let name = shortened(&visible(&file.name(), &[]), NAME_MAX_CHARS);
        text = format!("{text}{}\n", quoted(&format!("{digest} {name}")));
    }
    let more = obeys.files.len().saturating_sub(FILES_MAX);
    if more > 0 {
        text = format!("{text}and {more} more.\n");
    }
    if !obeys.code_of.is_empty() {
        text.push_str("It may run other code of the folder.\n");
    }
    text
}

/// Who answers, until when and how.
fn answers(run: RunId, until: Timestamp, answerers: &Answerers) -> String {
    let person = format!("`mab approve {run}` or `mab deny {run}`");
    let Some(others) = answerers.words() else {
        return format!("A person answers at a terminal until {until}: {person}.");
    };
    let (answer, mut letters) = (if answerers.quorum > 1 { "answer" } else { "answers" }, others.chars());
    let others = letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters);
    let others = others.collect::<String>();
    let approvers = if answerers.quorum > 0 {
        "; approvers: moderate with action approve or refuse, its run_id, and the request_hash that action requests shows"
    } else {
        ""
    };
    format!("{others}, or a person at a terminal, {answer} until {until}: {person}{approvers}.")
}

/// An agent wishes that commands are enabled.
pub(crate) fn wished(
    (conversation, who): (&str, &SessionId),
    (mode, workspace, timeout_s): (Mode, Option<&str>, Option<u32>),
) -> String {
    let folder = workspace.map_or_else(|| ".\n".to_owned(), |folder| format!(", in\n{}\n", quoted(folder)));
    let timeout = timeout_s.map(|seconds| format!(", at most {seconds} s each")).unwrap_or_default();
    format!(
        "{who} asks to be allowed to run commands, mode {mode}{timeout}{folder}Nothing is enabled by this. A person does \
         it at a terminal: `mab yolo enable {conversation} --wish {who}`."
    )
}

/// An agent no longer wishes that.
pub(crate) fn unwished(who: &SessionId) -> String {
    format!("{who} no longer asks to be allowed to run commands.")
}

/// Who asked does not want it any more.
pub(crate) fn withdrawn(run: RunId, who: &SessionId) -> String {
    format!("{who} took back its request {run}; it is not run.")
}

/// It is another request now than the one that was asked for.
pub(crate) fn stale(row: &RunRow, why: &str) -> String {
    let (run, who) = (row.id, &row.session);
    format!("{run} of {who} cannot run any more, and was taken back; it is not run. Why:\n{}", quoted(why))
}

/// An agent with the permission `approver` agreed.
pub(crate) fn voted(
    (run, requester): (RunId, &SessionId),
    who: &SessionId,
    (votes, of): (usize, u8),
) -> String {
    format!("{who}, an approver, agreed to {run} of {requester}: {votes} of {of}.")
}

/// An agent with the permission `approver` refused.
pub(crate) fn refused((run, requester): (RunId, &SessionId), who: &SessionId) -> String {
    format!("{who}, an approver, refused {run} of {requester}; it is not run.")
}

/// The requester's own client was asked, and answered.
pub(crate) fn elicited(run: RunId, who: &SessionId, agreed: bool) -> String {
    let said = if agreed { "agreed to" } else { "refused" };
    format!("A form in {who}'s own client {said} {run}. No passphrase was given.")
}

/// Its time was over, or its process died.
pub(crate) fn late(row: &RunRow, end: RunState) -> String {
    let (run, who) = (row.id, &row.session);
    match (end, row.state) {
        (RunState::Lost, _) => format!(
            "{run} of {who} was started, and the process that ran it died before it could say how it ended. \
             Look at the workspace: it may have done anything from nothing to all."
        ),
        (RunState::Withdrawn, _) => format!(
            "{run} of {who} had been agreed to by approvers, and too few of them are approvers still; it is not run."
        ),
        (_, RunState::Approved) => {
            format!("{run} of {who} was agreed to and not started in time; it is not run.")
        }
        (_, _) => format!("Nobody answered {run} of {who} in time; it is not run."),
    }
}

/// A command has ended.
pub(crate) fn ended(run: RunId, request: &Request, over: &Over) -> String {
    let (who, finished) = (request.agent.as_deref().unwrap_or("an agent"), &over.finished);
    let (how, seconds) = (how(over), seconds(finished.duration_ms));
    let (mode, by) = (request.mode, agreed_by(over.assurance));
    let mut parts = vec![
        format!("{who} ran a command ({run}, mode {mode}, agreed to by: {by}): {how} after {seconds}."),
        quoted(&one_line(&request.command)),
    ];
    if let Outcome::Denied { reason, .. } | Outcome::SandboxUnavailable { reason } = &finished.outcome {
        parts.extend(["why:".to_owned(), quoted(reason)]);
    }
    if let Some(snapshot) = &finished.snapshot {
        let id = visible(snapshot, &[]);
        let (git, too) = match request.profile.git {
            GitAccess::ReadOnly => ("", ""),
            GitAccess::Commit => (" --with-git", ", commits too"),
        };
        parts.push(format!(
            "The workspace was saved before: `mab snapshot restore {id} --workspace FOLDER{git}` goes back{too}, with the folder"
        ));
        parts.push(quoted(&request.profile.workspace.to_string_lossy()));
    }
    if !finished.planted.is_empty() {
        parts.push("It left what others obey:".to_owned());
        parts.extend(finished.planted.iter().map(|one| quoted(&one.to_string())));
    }
    parts.extend(stream("stdout", &finished.stdout));
    parts.extend(stream("stderr", &finished.stderr));
    parts.join("\n")
}

/// The same without anything that it printed or says of itself, when that cannot be told.
pub(crate) fn ended_untold(run: RunId, who: &SessionId, over: &Over) -> String {
    format!(
        "{who} ran a command ({run}): {}. What it was and printed is not shown, because it may hold a secret.",
        how(over)
    )
}

/// A command in one line, as one would type it.
pub(crate) fn one_line(wanted: &Wanted) -> String {
    let line = match wanted {
        Wanted::Text(text) => text.clone(),
        Wanted::Argv(commands) => {
            let word = |word: &String| {
                let is_plain =
                    |character: char| character.is_ascii_alphanumeric() || "-_./=:,+@%".contains(character);
                if !word.is_empty() && word.chars().all(is_plain) {
                    word.clone()
                } else {
                    format!("'{}'", word.replace('\'', r"'\''"))
                }
            };
            let command = |words: &Vec<String>| words.iter().map(word).collect::<Vec<_>>().join(" ");
            commands.iter().map(command).collect::<Vec<_>>().join(" | ")
        }
    };
    shortened(&visible(&line, &[]), COMMAND_MAX_CHARS)
}

/// What is longer than `most` characters without its middle.
fn shortened(shown: &str, most: usize) -> String {
    let count = shown.chars().count();
    if count <= most {
        return shown.to_owned();
    }
    let part = most * 2 / 5;
    let start: String = shown.chars().take(part).collect();
    let end: String = shown.chars().skip(count - part).collect();
    format!("{start} … ({} characters are left out here) … {end}", count - 2 * part)
}

/// How a run ended, in a few words.
fn how(over: &Over) -> String {
    match &over.finished.outcome {
        Outcome::Exited { code } => format!("exited with {code}"),
        Outcome::Killed { .. } => {
            let why = over.why().map_or("somebody ended it", |(_, why)| why);
            format!("ended, with all it had started, because {why}")
        }
        Outcome::Denied { .. } => "not run: it was refused".to_owned(),
        Outcome::SandboxUnavailable { .. } => "not run: the sandbox is not there".to_owned(),
    }
}

const fn agreed_by(assurance: Assurance) -> &'static str {
    match assurance {
        Assurance::Policy => "the policy, nobody was asked",
        Assurance::Elicitation => "a form in its own client",
        Assurance::Approvers => "approvers, which are agents",
        Assurance::Passphrase => "a person, with the passphrase",
        Assurance::PassphraseTotp => "a person, with the passphrase and a code",
    }
}

fn writes(request: &Request) -> &'static str {
    match (request.profile.writable, request.profile.git) {
        (false, _) => "it can write nothing",
        (true, GitAccess::ReadOnly) => "it can write there, but not to its .git",
        (true, GitAccess::Commit) => "it can write there, and commit",
    }
}

fn seconds(duration_ms: u64) -> String {
    format!("{}.{:03} s", duration_ms / 1_000, duration_ms % 1_000)
}

fn stream(name: &str, captured: &Captured) -> Vec<String> {
    let Cut { head, tail, omitted_bytes } = cut(captured, OUTPUT_BYTES);
    if head.is_empty() && tail.is_empty() {
        return vec![format!("{name}: nothing")];
    }
    let lines = |part: &str| quoted(part.trim_end_matches('\n'));
    let mut parts = vec![format!("{name}, {} bytes:", captured.total_bytes), lines(head)];
    if omitted_bytes > 0 {
        parts.push(format!("… about {omitted_bytes} bytes are left out here …"));
    }
    if !tail.is_empty() {
        parts.push(lines(tail));
    }
    parts
}

/// Every line behind a mark that the bridge's own words never have, with every character showing itself.
pub(crate) fn quoted(text: &str) -> String {
    let shown = visible(text, &['\n', '\t']);
    shown.split('\n').map(|line| format!("| {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
