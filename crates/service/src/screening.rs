//! The door of every text that is stored: redacted on what its conversation knows of secrets, and what it teaches kept.

use std::{future::Future, sync::Arc};

use mab_core::{
    Code, Denied, Failure,
    entity::Member,
    known::{self, Digest, Learned},
    seal::ConversationKey,
    token::TOKEN_CHARS,
};
use mab_redact::{Action, BRIDGE_TOKEN_RULE, Class, Finding, LEARNED_MAX, Memory, Name, Redacted, Scope};
use zeroize::Zeroizing;

use crate::{
    Bridge,
    bridge::{Findings, refused},
    door::Call,
    remembering::Knowledge,
};

/// How often a call is tried anew because others taught its conversation something in between.
const ATTEMPTS: usize = 8;
/// Most places that are told of one rule in one text.
const PLACES_MAX: usize = 20;

/// Redacts the texts of one call.
pub(crate) struct Screen<'a> {
    bridge: &'a Bridge,
    knowledge: Knowledge,
    /// The tokens that a text may hold, apart from what was found.
    tokens: Option<Memory>,
    tail: Zeroizing<String>,
    learned: Vec<Digest>,
    found: Vec<Found>,
}

/// What one rule found in one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The rule.
    pub(crate) rule: Name,
    /// What kind of secret it finds.
    pub(crate) class: Class,
    /// Which file name it is about; `None` is the text itself.
    pub(crate) file: Option<usize>,
    /// How often it found something.
    pub(crate) count: u64,
    /// How much of that was replaced.
    pub(crate) replaced: u64,
    /// The first places, in bytes; not of what is merely remembered, so that nobody is told which of several guesses at
    /// others' secrets is right.
    pub(crate) places: Vec<(usize, usize)>,
}

/// Which text of a call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The message, which may go on where the sender's last one ended.
    Message,
    /// A file name.
    File(usize),
    /// Anything else: a note, a role, a topic, a pattern.
    Text,
}

impl<'a> Screen<'a> {
    /// A screen for texts of a conversation that is opened with them, under this key.
    pub(crate) fn of_new(call: &Call<'a>, key: &ConversationKey, texts: &[&str]) -> Result<Self, Failure> {
        let knowledge = Knowledge { seen_n: 0, memory: Arc::new(known::memory(key)?) };
        let mut screen = Self::on(call.bridge, knowledge);
        if texts.iter().any(|text| may_hold_token(text)) {
            screen.know_tokens(call, &[])?;
        }
        Ok(screen)
    }

    /// A screen for texts of the agent's conversation.
    pub(crate) async fn of(call: &Call<'a>, texts: &[&str]) -> Result<Self, Failure> {
        let (bridge, member) = (call.bridge, call.member()?);
        let pk = member.conversation_pk;
        if bridge.remembering.knowledge(pk).is_none() {
            catch_up(call).await?;
        }
        let knowledge = match bridge.remembering.knowledge(pk) {
            Some(knowledge) => knowledge,
            None => Knowledge { seen_n: 0, memory: Arc::new(known::memory(&call.opener()?.key)?) },
        };
        let mut screen = Self::on(bridge, knowledge);
        screen.tail = bridge.remembering.tail(pk, member.ordinal);
        if texts.iter().any(|text| may_hold_token(text)) {
            let members = bridge.store.agents(pk).await?;
            let tokens = members.iter().map(|agent| (agent.session.clone(), agent.epoch));
            screen.know_tokens(call, &tokens.collect::<Vec<_>>())?;
        }
        Ok(screen)
    }

    fn on(bridge: &'a Bridge, knowledge: Knowledge) -> Self {
        let (tail, learned, found) = (Zeroizing::default(), Vec::new(), Vec::new());
        Self { bridge, knowledge, tokens: None, tail, learned, found }
    }

    /// Knows the tokens of these members, and those that the connection remembers, by their values.
    fn know_tokens(
        &mut self,
        call: &Call<'_>,
        members: &[(mab_core::SessionId, u32)],
    ) -> Result<(), Failure> {
        let mut tokens = self.knowledge.memory.new_alike();
        for known in call.connection()?.wallet().all() {
            tokens.add_value(known.token.reveal(), BRIDGE_TOKEN_RULE);
        }
        for (session, epoch) in members {
            let token = self.bridge.tokens.issue(call.member()?.conversation, session, *epoch)?;
            tokens.add_value(token.reveal(), BRIDGE_TOKEN_RULE);
        }
        self.tokens = Some(tokens);
        Ok(())
    }

    /// Redacts one text.
    ///
    /// # Errors
    /// `secret_refused` when it may not be stored at all.
    pub(crate) fn redact(&mut self, text: &str, part: Part) -> Result<Redacted, Denied> {
        let scope = Scope {
            memory: Some(&self.knowledge.memory),
            values: self.tokens.as_ref(),
            tail: if part == Part::Message { &self.tail } else { "" },
            fingerprints: self.bridge.settings.fingerprints,
        };
        let redact = |scope: &Scope<'_>| {
            self.bridge.redactor.redact_in(text, scope).map_err(|refusal| refused(&refusal))
        };
        let mut scoped = redact(&scope)?;
        let without_memory = match scoped.redaction.findings.as_slice() {
            [] => Vec::new(),
            _ => redact(&Scope { memory: None, fingerprints: false, ..scope })?.redaction.findings,
        };
        // One call must not drive out what others have taught.
        scoped.learned.truncate(LEARNED_MAX.saturating_sub(self.learned.len()));
        if !scoped.learned.is_empty() {
            self.knowledge.add(scoped.learned.iter().cloned());
            self.learned.extend(scoped.learned);
        }
        for finding in scoped.redaction.findings {
            let place = (finding.start, finding.end);
            let is_told = without_memory.iter().any(|found| (found.start, found.end) == place);
            self.note(finding, part, is_told);
        }
        Ok(scoped.redaction.text)
    }

    /// Says whether a text holds no secret by itself, whatever others made their conversation remember: so nobody can keep
    /// a partner from a word by showing it as a password.
    ///
    /// # Errors
    /// `secret_refused` when it may not be stored at all.
    pub(crate) fn is_clean(&self, text: &str) -> Result<bool, Denied> {
        let scope = Scope { values: self.tokens.as_ref(), ..Scope::default() };
        let scoped = self.bridge.redactor.redact_in(text, &scope).map_err(|refusal| refused(&refusal))?;
        Ok(scoped.redaction.findings.iter().all(|finding| finding.action != Action::Redact))
    }

    fn note(&mut self, finding: Finding, part: Part, is_told: bool) {
        let file = match part {
            Part::File(index) => Some(index),
            Part::Message | Part::Text => None,
        };
        let place = self.found.iter().position(|found| found.rule == finding.rule && found.file == file);
        let new = Found {
            rule: finding.rule,
            class: finding.class,
            file,
            count: 0,
            replaced: 0,
            places: Vec::new(),
        };
        let index = place.unwrap_or_else(|| {
            self.found.push(new);
            self.found.len() - 1
        });
        if let Some(found) = self.found.get_mut(index) {
            found.count += 1;
            found.replaced += u64::from(finding.action == Action::Redact);
            if is_told && found.places.len() < PLACES_MAX {
                found.places.push((finding.start, finding.end));
            }
        }
    }

    /// How often each rule found something.
    pub(crate) fn findings(&self) -> Findings {
        let mut findings = Findings::new();
        for found in &self.found {
            *findings.entry(found.rule.clone()).or_default() += found.count;
        }
        findings
    }

    /// How many secrets were replaced.
    pub(crate) fn replaced(&self) -> u64 {
        self.found.iter().map(|found| found.replaced).sum()
    }

    /// What was found, in the order of the texts.
    pub(crate) fn found(&self) -> &[Found] {
        &self.found
    }

    /// What the texts have taught, for the stamp of the change that stores them.
    pub(crate) fn learned(&self) -> Learned {
        Learned { seen_n: self.knowledge.seen_n, new: self.learned.clone() }
    }
}

/// What is known of secrets for what a command of the agent's conversation prints, and the tokens of its members.
pub(crate) async fn of_output(call: &Call<'_>) -> Result<(Knowledge, Memory), Failure> {
    catch_up(call).await?;
    let mut screen = Screen::of(call, &[]).await?;
    let members = call.bridge.store.agents(call.member()?.conversation_pk).await?;
    let tokens = members.iter().map(|agent| (agent.session.clone(), agent.epoch));
    screen.know_tokens(call, &tokens.collect::<Vec<_>>())?;
    let tokens = screen.tokens.unwrap_or_else(|| screen.knowledge.memory.new_alike());
    Ok((screen.knowledge, tokens))
}

/// Tries a call again, on what is known then, as long as the store refuses it because others have taught the conversation
/// something.
pub(crate) async fn with_newest<T, F>(call: &Call<'_>, attempt: impl Fn() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(Failure::Denied(denied)) if denied.code == Code::Busy && catch_up(call).await? => {}
            outcome => return outcome,
        }
    }
    attempt().await
}

/// Learns what the store knows of the agent's conversation; says whether that was news.
pub(crate) async fn catch_up(call: &Call<'_>) -> Result<bool, Failure> {
    let (bridge, pk) = (call.bridge, call.member()?.conversation_pk);
    let mut knowledge = match bridge.remembering.knowledge(pk) {
        Some(knowledge) => knowledge,
        None => Knowledge { seen_n: 0, memory: Arc::new(known::memory(&call.opener()?.key)?) },
    };
    let before = knowledge.seen_n;
    let (newest_n, digests) = bridge.store.known(pk, before).await?;
    knowledge.add(digests);
    knowledge.seen_n = newest_n;
    bridge.remembering.set_knowledge(pk, knowledge);
    Ok(newest_n > before)
}

/// Remembers what a stored message has taught, and how it ended.
pub(crate) fn stored(bridge: &Bridge, member: &Member, learned: &Learned, message: Option<&str>) {
    bridge.remembering.learned(member.conversation_pk, learned);
    if let Some(message) = message {
        bridge.remembering.sent(member.conversation_pk, member.ordinal, message);
    }
}

/// A refusal that repeats no secret of what was asked, as far as the rules see it: by what a conversation remembers, who
/// asks could find out whether a guess is right.
pub(crate) fn without_secrets(bridge: &Bridge, denied: Denied) -> Denied {
    let clean = |text: String| match bridge.redactor.redact(&text) {
        Ok(redaction) => redaction.text.into_string(),
        Err(_) => "what was asked cannot be repeated".to_owned(),
    };
    Denied { message: clean(denied.message), hint: denied.hint.map(clean), ..denied }
}

/// Says whether as many hexadecimal digits stand in a row as a token has.
fn may_hold_token(text: &str) -> bool {
    let digits = |run: &[u8]| run.len() >= TOKEN_CHARS;
    text.as_bytes().split(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f')).any(digits)
}
