//! Waiting for each other, and keeping out of each other's files.

use mab_core::Clock as _;
use serde_json::json;

use crate::{
    demo::{
        play::{Meeting, done, refused, step},
        stage::{Stage, Step},
        unexpected::{Stop, ensure},
    },
    system::SystemClock,
};

/// What the backend says while the frontend waits.
const NEWS: &str = "Done: ?after= and &limit= are in.";

impl Meeting<'_> {
    /// The frontend waits for an answer and is woken by it; a repeated send is not a second message.
    pub(super) async fn wait(&self, stage: &mut Stage) -> Result<(), Stop> {
        stage.title("Nobody polls")?;
        let waiting = done(self.frontend, "check_messages", json!({"wait_seconds": 30}));
        let news = json!({"message": NEWS, "idempotency_key": "paging-done"});
        let sending = async {
            let began = SystemClock.now();
            let sent = done(self.backend, "send_to_partner", news.clone()).await?;
            Ok::<_, Stop>((sent, began))
        };
        let woken = async { Ok::<_, Stop>((waiting.await?, SystemClock.now())) };
        let ((got, heard), (sent, began)) = tokio::try_join!(woken, sending)?;
        ensure(got.text("/messages/0/message")? == NEWS, "the waiting frontend got something else")?;
        let result = format!("info #{} to b", sent.number("/seq")?);
        stage.show(&Step { says: Some(NEWS), ..step(self.backend, "send_to_partner", result) })?;
        let result = format!("waited, and had it {} ms after the call to send", heard.millis_since(began));
        stage.show(&step(self.frontend, "check_messages", result))?;

        let again = done(self.backend, "send_to_partner", news).await?;
        ensure(again.text("/message_id")? == sent.text("/message_id")?, "a repeat got another id")?;
        ensure(again.content.pointer("/repeated") == Some(&json!(true)), "the repeat was not noticed")?;
        let result = "same idempotency_key: the same message, stored once".to_owned();
        stage.show(&step(self.backend, "send_to_partner", result))?;
        let rest = done(self.frontend, "check_messages", json!({})).await?;
        ensure(rest.list("/messages")?.is_empty(), "the repeat arrived as a second message")?;
        Ok(())
    }

    /// The backend reserves its files; the frontend keeps out of them.
    pub(super) async fn share_out(&self, stage: &mut Stage) -> Result<(), Stop> {
        stage.title("They share out the files")?;
        let reserve = json!({"action": "acquire", "paths": ["api/**"]});
        let mine = done(self.backend, "reserve_files", reserve).await?;
        let result = format!("api/** is a's, lease {}", mine.number("/leases/0/fence")?);
        stage.show(&step(self.backend, "reserve_files", result))?;
        let same = json!({"action": "acquire", "paths": ["api/routes/todos.ts"]});
        let refusal = refused(self.frontend, "reserve_files", same).await?;
        ensure(refusal.text("/code")? == "conflict", "a reserved file was refused for another reason")?;
        let message = refusal.text("/message")?.to_owned();
        ensure(message.contains("what a holds"), "the refusal does not say who is in the way")?;
        let result = "refused, conflict: a has it".to_owned();
        let kept_out = step(self.frontend, "reserve_files", result);
        stage.show(&Step { refused: true, says: Some(&message), ..kept_out })?;
        done(self.backend, "reserve_files", json!({"action": "release"})).await?;
        stage.show(&step(self.backend, "reserve_files", "released".into()))?;
        Ok(())
    }
}
