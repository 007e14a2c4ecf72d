//! The play: a backend agent and a frontend agent agree on an API before either writes code.

use mab_core::ConversationId;
use serde_json::{Value, json};

use crate::demo::{
    agent::{Agent, Answer},
    stage::{Stage, Step},
    unexpected::{Stop, ensure},
};

/// Tools the play uses.
pub(super) const TOOLS: [&str; 9] = [
    "create_conversation",
    "join_conversation",
    "send_to_partner",
    "check_messages",
    "search_messages",
    "update_my_status",
    "check_partner_status",
    "list_conversations",
    "reserve_files",
];

/// What the backend proposes.
const CONTRACT: &str = "API first. May I build this?\n\
    GET  /api/todos      -> 200 [{id, title, done}]\n\
    POST /api/todos      {title} -> 201 {id, title, done}";

/// The files it is about.
const FILES: [&str; 2] = ["api/openapi.yaml", "api/routes/todos.ts"];

/// What the frontend answers.
const ANSWER: &str = "Agreed. Please page the list: ?after=<id>&limit=50.";

/// What the play leaves behind for the operator's view.
pub(super) struct Story {
    /// The conversation.
    pub(super) conversation: String,
    /// Everything that must not be found in any file.
    pub(super) secrets: Vec<String>,
}

/// The two agents, and where they meet.
pub(super) struct Meeting<'a> {
    pub(super) backend: &'a Agent,
    pub(super) frontend: &'a Agent,
    conversation: String,
    secrets: Vec<String>,
}

/// Plays every scene.
pub(super) async fn all(backend: &Agent, frontend: &Agent, stage: &mut Stage) -> Result<Story, Stop> {
    let mut meeting = meet(backend, frontend, stage).await?;
    let proposal = meeting.propose(stage).await?;
    meeting.answer(&proposal, stage).await?;
    meeting.wait(stage).await?;
    meeting.share_out(stage).await?;
    meeting.run_nothing(stage).await?;
    meeting.leak(stage).await?;
    meeting.tell_status(stage).await?;
    meeting.look_back(stage).await?;
    Ok(Story { conversation: meeting.conversation, secrets: meeting.secrets })
}

/// The backend opens a conversation; the frontend joins, which makes the handed-over token worthless to everybody else.
async fn meet<'a>(backend: &'a Agent, frontend: &'a Agent, stage: &mut Stage) -> Result<Meeting<'a>, Stop> {
    stage.title("They meet")?;
    let roles = json!({
        "my_role": "backend_developer", "partner_role": "frontend_developer", "topic": "todo app, API first",
    });
    let opened = done(backend, "create_conversation", roles).await?;
    let conversation = opened.text("/conversation_id")?.to_owned();
    ensure(conversation.parse::<ConversationId>().is_ok(), "the conversation's name is malformed")?;
    let (own, handed_over) = (opened.text("/session_a_token")?, opened.text("/session_b_token")?);
    ensure(
        [own, handed_over].iter().all(|token| is_token(token)) && own != handed_over,
        "the tokens are malformed",
    )?;
    let result = format!("{conversation}, and a token for the frontend");
    stage.show(&step(backend, "create_conversation", result))?;

    let invited = json!({"conversation_id": conversation, "session_id": "b", "token": handed_over});
    let joined = done(frontend, "join_conversation", invited.clone()).await?;
    ensure(joined.text("/role")? == "frontend_developer", "the joiner has another role")?;
    ensure(joined.text("/topic")? == "todo app, API first", "the joiner sees another topic")?;
    let fresh = joined.text("/token")?;
    ensure(is_token(fresh) && fresh != handed_over, "joining did not replace the token")?;
    let secrets = [own, handed_over, fresh].map(str::to_owned).to_vec();
    stage.show(&step(frontend, "join_conversation", "as b, frontend_developer; its token is new".into()))?;

    let refusal = refused(backend, "check_messages", invited).await?;
    let code = refusal.text("/code")?;
    ensure(code == "token_rotated", format!("the old token was refused as {code}"))?;
    let says = format!("{}\nhint: {}", refusal.text("/message")?, refusal.text("/hint")?);
    let result = format!("refused, {code}: the token it handed over opens nothing any more");
    stage.show(&Step { refused: true, says: Some(&says), ..step(backend, "check_messages as b", result) })?;
    Ok(Meeting { backend, frontend, conversation, secrets })
}

impl Meeting<'_> {
    /// The backend proposes an API; returns the proposal's id.
    async fn propose(&self, stage: &mut Stage) -> Result<String, Stop> {
        stage.title("They agree on an API")?;
        let message = json!({"message": CONTRACT, "action_type": "proposal", "files_involved": FILES});
        let sent = done(self.backend, "send_to_partner", message).await?;
        ensure(
            sent.content.pointer("/recipients") == Some(&json!(["b"])),
            "the proposal goes to somebody else",
        )?;
        ensure(sent.content.pointer("/redacted") == Some(&json!(false)), "a harmless proposal was redacted")?;
        let result = format!("proposal #{} to b, about {}", sent.number("/seq")?, FILES.join(", "));
        let said = step(self.backend, "send_to_partner", result);
        stage.show(&Step { says: Some(CONTRACT), ..said })?;

        let got = done(self.frontend, "check_messages", json!({})).await?;
        ensure(got.list("/messages")?.len() == 1, "the frontend got another number of messages")?;
        ensure(got.text("/messages/0/message")? == CONTRACT, "the proposal arrived changed")?;
        ensure(got.text("/messages/0/from")? == "a", "the proposal seems to come from somebody else")?;
        ensure(got.text("/messages/0/trust")? == "peer", "the proposal is not marked as a peer's words")?;
        ensure(
            got.content.pointer("/messages/0/files_involved") == Some(&json!(FILES)),
            "the file names arrived changed",
        )?;
        let result = "1 new: proposal from a (backend_developer), trust: peer".to_owned();
        stage.show(&step(self.frontend, "check_messages", result))?;
        ensure(
            sent.text("/message_id")? == got.text("/messages/0/message_id")?,
            "the proposal changed its id",
        )?;
        Ok(sent.text("/message_id")?.to_owned())
    }

    /// The frontend replies.
    async fn answer(&self, proposal: &str, stage: &mut Stage) -> Result<(), Stop> {
        let message = json!({"message": ANSWER, "action_type": "question", "reply_to": proposal});
        let sent = done(self.frontend, "send_to_partner", message).await?;
        let result = format!("question #{} to a, in reply to #1", sent.number("/seq")?);
        let said = step(self.frontend, "send_to_partner", result);
        stage.show(&Step { says: Some(ANSWER), ..said })?;
        let got = done(self.backend, "check_messages", json!({})).await?;
        ensure(got.text("/messages/0/message")? == ANSWER, "the reply arrived changed")?;
        ensure(got.text("/messages/0/reply_to")? == proposal, "the reply lost what it answers")?;
        stage.show(&step(self.backend, "check_messages", "1 new: question from b, in reply to #1".into()))?;
        Ok(())
    }

    /// The backend pastes secrets; the frontend gets none of them.
    async fn leak(&mut self, stage: &mut Stage) -> Result<(), Stop> {
        stage.title("A slip: secrets in a message")?;
        let leaked = fake_secrets();
        let [key, token, password] = &leaked;
        let message = format!(
            "Staging is up.\nAWS_ACCESS_KEY_ID={key}\nGitHub: {token}\n\
             Database: postgres://todo:{password}@db.internal:5432/todo"
        );
        let sent = done(self.backend, "send_to_partner", json!({"message": message})).await?;
        ensure(
            sent.content.pointer("/redacted") == Some(&json!(true)),
            "the sender is not told of the redaction",
        )?;
        let rules: Vec<&str> =
            sent.list("/findings")?.iter().filter_map(|found| found["rule"].as_str()).collect();
        let result = format!("info #{} to b; replaced: {}", sent.number("/seq")?, rules.join(", "));
        stage.show(&step(self.backend, "send_to_partner", result))?;
        let got = done(self.frontend, "check_messages", json!({})).await?;
        for secret in &leaked {
            ensure(!got.whole.contains(secret.as_str()), "a secret reached the frontend")?;
        }
        let arrived = got.text("/messages/0/message")?;
        ensure(arrived.matches("_REDACTED").count() >= leaked.len(), "a placeholder is missing")?;
        let received =
            step(self.frontend, "check_messages", "1 new: info from a, without a secret in it".into());
        stage.show(&Step { says: Some(arrived), ..received })?;
        self.secrets.extend(leaked);
        Ok(())
    }

    /// Each says what it is doing; the backend looks at the frontend.
    async fn tell_status(&self, stage: &mut Stage) -> Result<(), Stop> {
        stage.title("They keep each other informed")?;
        for (agent, status, note) in [
            (self.frontend, "working", "building the list view"),
            (self.backend, "complete", "API is up on staging"),
        ] {
            let told = done(agent, "update_my_status", json!({"status": status, "note": note})).await?;
            ensure(told.text("/status")? == status, "the status was stored as another one")?;
            stage.show(&step(agent, "update_my_status", format!("{status}: {note}")))?;
        }
        let seen = done(self.backend, "check_partner_status", json!({})).await?;
        ensure(seen.list("/partners")?.len() == 1, "the backend sees another number of partners")?;
        ensure(seen.text("/partners/0/status")? == "working", "the partner's status is another one")?;
        ensure(
            seen.content.pointer("/partners/0/alive") == Some(&json!(true)),
            "the partner does not count as alive",
        )?;
        let read_to = seen.number("/partners/0/last_acknowledged_seq")?;
        let note = seen.text("/partners/0/note")?;
        stage.show(&step(
            self.backend,
            "check_partner_status",
            format!("b is alive, working ({note}), has acknowledged #{read_to}"),
        ))?;
        Ok(())
    }

    /// What was said stays readable; each process knows where it is a member.
    async fn look_back(&self, stage: &mut Stage) -> Result<(), Stop> {
        let found = done(self.frontend, "search_messages", json!({"query": "api todos"})).await?;
        ensure(found.list("/messages")?.len() == 1, "the search found another number of messages")?;
        ensure(found.text("/messages/0/message")? == CONTRACT, "the search found another message")?;
        stage.show(&step(self.frontend, "search_messages", "\"api todos\": 1 found, the proposal".into()))?;
        let mine = done(self.frontend, "list_conversations", json!({})).await?;
        ensure(
            mine.list("/conversations")?.len() == 1,
            "the frontend is in another number of conversations",
        )?;
        ensure(mine.text("/conversations/0/conversation_id")? == self.conversation, "it is in another one")?;
        ensure(mine.text("/conversations/0/session_id")? == "b", "it is somebody else there")?;
        stage.show(&step(self.frontend, "list_conversations", format!("b in {}", self.conversation)))?;
        Ok(())
    }
}

pub(super) fn step(agent: &Agent, does: &'static str, result: String) -> Step<'static> {
    Step { who: agent.name(), does, says: None, result, refused: false }
}

pub(super) async fn done(agent: &Agent, tool: &'static str, arguments: Value) -> Result<Answer, Stop> {
    let answer = agent.call(tool, arguments).await?;
    ensure(!answer.refused, format!("{} was refused {tool}: {}", agent.name(), answer.content))?;
    Ok(answer)
}

/// The refusal that has to come.
pub(super) async fn refused(agent: &Agent, tool: &'static str, arguments: Value) -> Result<Answer, Stop> {
    let answer = agent.call(tool, arguments).await?;
    ensure(answer.refused, format!("{} was not refused {tool}", agent.name()))?;
    ensure(
        !answer.text("/message")?.is_empty() && !answer.text("/hint")?.is_empty(),
        "a refusal without advice",
    )?;
    Ok(answer)
}

fn is_token(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Secrets in every respect but that they open nothing.
fn fake_secrets() -> [String; 3] {
    [
        concat!("AK", "IA", "Q3EGRTL7XN5KV2WD").to_owned(),
        concat!("gh", "p_", "x7Rq2LmZ9vKp4TnW8sBc3YdF6hJgA1eUoI5N").to_owned(),
        concat!("Vb7", "kPq2", "Lw9zTr").to_owned(),
    ]
}
