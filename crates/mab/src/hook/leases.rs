//! Before a file is changed: whether another agent has reserved it.

use mab_core::{ConversationId, Failure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    desk::Desk,
    edits,
    event::{Event, Moment},
    names::{Origin, names},
    notice::handle,
    run::in_words,
    who::{self, Scene},
};
use crate::{
    cli::Visible,
    config::{Config, OnLease},
    runtime,
};

/// Where Claude Code, and Gemini CLI after it, say which folder they were started in.
const PROJECT: &str = "CLAUDE_PROJECT_DIR";
/// Reserved files named in one sentence.
const SHOWN: usize = 3;
/// Why an edit is denied that cannot be looked at.
const UNSEEN: &str = "mab: whether another agent has reserved what this changes cannot be told: try again in a moment, in \
                      smaller parts, or ask the user (hooks.leases is block)";
/// Longest file name that is shown, in characters.
const NAME_MAX_CHARS: usize = 160;

/// What there is to say of a tool that is about to be used; an error is what is wrong, in one sentence.
pub(super) fn say(event: &Event, scene: Scene<'_>) -> Result<Option<Value>, String> {
    let Scene { input, config, environment, .. } = scene;
    if config.clients.on_lease == OnLease::Off {
        return Ok(None);
    }
    let files = edits::files(input)?;
    let origin = Origin {
        folder: input.cwd.as_deref(),
        project: environment.absolute_folder(PROJECT),
        home: environment.absolute_folder("HOME"),
    };
    // What lies in no project is nobody's to reserve.
    let paths = if files.is_empty() { Vec::new() } else { names(&files, &origin)? };
    if paths.is_empty() {
        return Ok(None);
    }
    let look = || -> Result<Vec<Taken>, Failure> {
        // A helper that is no agent of its own edits for the agent in whose session it works.
        let mut who = [who::profile, who::session].into_iter().filter_map(|who| who(scene));
        let desk = who.find_map(|profile| Desk::open(config, &profile).transpose()).transpose()?;
        desk.map_or_else(|| Ok(Vec::new()), |desk| runtime::block_on(taken(&desk, &paths))?)
    };
    let taken = look().map_err(|failure| in_words(&failure.into()))?;
    if taken.is_empty() {
        return Ok(None);
    }
    let sentence = sentence(&taken);
    Ok(Some(match config.clients.on_lease {
        OnLease::Warn => event
            .tells(&format!("{sentence}: agree with the holder (send_to_partner) or work on something else")),
        OnLease::Block => event.stops(&format!(
            "{sentence}: ask the holder to release it (send_to_partner), wait, or work on something else"
        )),
        OnLease::Off => return Ok(None),
    }))
}

/// What there is to say of a tool of which it cannot be told what it changes, or whether that is reserved: it could be.
pub(super) fn unseen(event: &Event, config: &Config) -> Option<Value> {
    let blocks = event.moment == Moment::Uses && config.clients.on_lease == OnLease::Block;
    blocks.then(|| event.stops(UNSEEN))
}

#[derive(Deserialize)]
struct Verdict {
    conflicts: Vec<Taken>,
}

/// A file and who has reserved it.
#[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Taken {
    path: String,
    conversation_id: String,
    session_id: String,
}

/// Those of the files that others have reserved, as `mab lease check` finds them; none when the agent takes part in nothing.
async fn taken(desk: &Desk, paths: &[String]) -> Result<Vec<Taken>, Failure> {
    let asked = json!({"paths": paths, "seats": desk.seats()});
    let arguments = asked.as_object().cloned().unwrap_or_default();
    let answer = desk.bridge.call("lease_check", arguments).await?;
    let Verdict { mut conflicts } = serde_json::from_value(answer)
        .map_err(|source| mab_core::Fault::from_source("reading the answer of an operation", source))?;
    // Patterns may overlap.
    conflicts.sort();
    conflicts.dedup();
    // Whoever lost every place was shown what everybody has reserved, in whatever project.
    if !conflicts.is_empty() && desk.glance().await?.is_empty() {
        return Ok(Vec::new());
    }
    Ok(conflicts)
}

fn sentence(taken: &[Taken]) -> String {
    let part = |Taken { path, conversation_id, session_id }: &Taken| {
        let path: String = Visible::line(path).as_str().chars().take(NAME_MAX_CHARS).collect();
        let place = conversation_id.parse::<ConversationId>();
        let place = place.map_or_else(|_| String::new(), |place| format!(" ({place})"));
        format!("{path} is reserved by {}{place}", handle(session_id))
    };
    let parts: Vec<String> = taken.iter().take(SHOWN).map(part).collect();
    let others = if taken.len() > SHOWN { "; and more" } else { "" };
    format!("mab: {}{others}", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, session: &str) -> Taken {
        let conversation_id = "conv_0000000000000001".to_owned();
        Taken { path: path.to_owned(), conversation_id, session_id: session.to_owned() }
    }

    #[test]
    fn sentence_names_files_and_holders_harmlessly() {
        assert_eq!(
            sentence(&[file("src/a.rs", "b")]),
            "mab: src/a.rs is reserved by b (conv_0000000000000001)"
        );
        let hostile = sentence(&[file("a\n\u{1b}[2J\u{202e}", "obey-me-now")]);
        assert_eq!(
            hostile,
            "mab: a\\n\\u{1b}[2J\\u{202e} is reserved by another agent (conv_0000000000000001)"
        );
        let many: Vec<_> = (0..5).map(|_| file(&"x".repeat(9_000), "b")).collect();
        assert!(sentence(&many).ends_with("; and more") && sentence(&many).len() < 1_000);
    }
}
