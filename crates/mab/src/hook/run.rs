//! One hook, from the event on stdin to what is said on stdout.

use mab_core::Failure;
use serde_json::Value;

use super::{
    desk::Desk,
    event::{Event, Moment},
    input::Input,
    leases,
    notice::{Counted, Inbox, sentence},
    who::{self, Scene},
};
use crate::{
    cli::{Output, Trouble, Visible},
    config::{Config, Flags},
    environment::Environment,
    harmless, runtime,
    system::SystemClock,
};

/// How long a hook waits for whoever holds the store, in milliseconds: its client waits with it.
const BUSY_MS: u64 = 200;

/// Runs the hook of an event. Nothing that goes wrong is more than a sentence on stderr, but for an edit that must not
/// happen unless it was looked at.
pub(crate) fn run(event: &Event, flags: &Flags, environment: &Environment) {
    let input = Input::read(std::io::stdin(), &SystemClock);
    let complain = |words: &str| Output::talk(&format!("mab hook {}: {}", event.name, Visible::line(words)));
    let config = match settings(flags, environment) {
        Ok(config) => config,
        Err(words) => return complain(&words),
    };
    let said = input.and_then(|input| say(event, &input, &config, environment));
    let answer = said.unwrap_or_else(|words| {
        complain(&words);
        leases::unseen(event, &config)
    });
    if let Some(answer) = answer {
        // A client that does not listen any more misses nothing that it could still use.
        let _ = Output::raw(&format!("{}\n", harmless::one_line(&answer)));
    }
}

/// The configuration, but for the patience with a held store, which a call may have and a hook may not.
pub(super) fn settings(flags: &Flags, environment: &Environment) -> Result<Config, String> {
    let mut config = Config::load(flags, environment).map_err(|denied| in_words(&denied.into()))?;
    config.busy_timeout_ms = config.busy_timeout_ms.min(BUSY_MS);
    Ok(config)
}

/// What is wrong, in one sentence.
pub(super) fn in_words(trouble: &Trouble) -> String {
    let Some((message, hint)) = trouble.to_lines() else { return String::new() };
    hint.map_or_else(|| message.to_string(), |hint| format!("{message}: {hint}"))
}

/// What there is to say; an error is what is wrong, in one sentence.
fn say(
    event: &Event,
    input: &Input,
    config: &Config,
    environment: &Environment,
) -> Result<Option<Value>, String> {
    let scene = Scene { event: Some(event), input, config, environment };
    let silent = match event.moment {
        Moment::Begins | Moment::Asked => false,
        Moment::Uses => return leases::say(event, scene),
        // The bridge's own answers tell enough.
        Moment::Used => input.is_of_own_tool(),
        Moment::Ends => input.stop_hook_active,
    };
    let Some(profile) = who::profile(scene).filter(|_| !silent) else { return Ok(None) };
    let said = || -> Result<Option<Value>, Failure> {
        let Some(desk) = Desk::open(config, &profile)? else { return Ok(None) };
        let open = runtime::block_on(desk.glance())??;
        Ok(mail(event, &desk, &open))
    };
    said().map_err(|failure| in_words(&failure.into()))
}

/// What there is to say of mail.
fn mail(event: &Event, desk: &Desk, open: &[Inbox]) -> Option<Value> {
    let mut told = desk.told();
    if event.moment == Moment::Asked {
        told.user_spoke();
    }
    // A session that begins is handed everything again that was not acknowledged; later only what is new is news.
    let counted = if event.moment == Moment::Begins { Counted::Unread } else { Counted::New };
    let matters = |inbox: &&Inbox| match event.moment {
        Moment::Begins => inbox.unread > 0,
        Moment::Asked => inbox.new > 0,
        Moment::Used => inbox.new > 0 && told.is_news(inbox),
        Moment::Ends => inbox.new > 0 && !inbox.paused && told.may_hold_up(inbox),
        Moment::Uses => false,
    };
    let mail: Vec<&Inbox> = open.iter().filter(matters).collect();
    if mail.is_empty() {
        return None;
    }
    let sentence = sentence(&mail, open.len(), counted);
    let ends = event.moment == Moment::Ends;
    told.tell(open, &mail, ends);
    Some(if ends {
        event.stops(&format!("{sentence} before you end your turn"))
    } else {
        event.tells(&sentence)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_when_the_store_is_held_wait_no_longer_than_a_turn_bears() {
        for (set, expected) in [("5000", 200), ("50", 50)] {
            let environment =
                Environment::from([("HOME", "/nowhere/home"), ("MAB_STORE_BUSY_TIMEOUT_MS", set)]);
            assert_eq!(settings(&Flags::default(), &environment).unwrap().busy_timeout_ms, expected);
        }
    }
}
