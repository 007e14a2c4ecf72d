//! Repeated sends: what is remembered of a send, so that the same one again is known and another one is refused.
//!
//! ```text
//! subkey  = HKDF-SHA256(conversation's key, "mab.repeat.v1")
//! key     = HMAC-SHA256(subkey, "key\0" ‖ sender's ordinal (1) ‖ field(idempotency key)), its first 16 bytes
//! request = HMAC-SHA256(subkey, "request\0" ‖ sender's ordinal (1) ‖ field(idempotency key) ‖ field(message)
//!             ‖ list(files) ‖ field(action type) ‖ option(list(to)) ‖ option(field(reply_to))), its first 16 bytes
//!
//! field(x) = length (u64, big-endian) ‖ x (UTF-8)      list(x) = count (u64, big-endian) ‖ field of each
//! option(x) = 0 when there is none, else 1 ‖ x
//! ```
//!
//! Message and file names are digested as they are stored, redacted: a digest of what was redacted would let who
//! holds the key confirm a guess at the secret. Texts that differ in nothing but a secret are stored as the same
//! message, and count as the same.
//!
//! 16 bytes: nobody without the key can make digests meet, and 2^64 sends of one conversation meet by chance.

use hmac::{Hmac, KeyInit, Mac};
use mab_redact::Redacted;
use sha2::Sha256;

use crate::{Fault, MessageId, SessionId, agent::ActionType, seal::ConversationKey, text::BoundedText};

/// Bytes of a digest.
const DIGEST_BYTES: usize = 16;

/// What a sender asks for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The sender's join ordinal.
    pub sender_ordinal: u8,
    /// The text.
    pub body: &'a Redacted,
    /// The file names.
    pub files: &'a [Redacted],
    /// What it wants.
    pub action_type: ActionType,
    /// Whom it is for, in a fixed order; `None` is everyone else.
    pub to: Option<&'a [SessionId]>,
    /// What it answers.
    pub reply_to: Option<MessageId>,
}

/// What is remembered of a send: it names the send and confirms the request, and tells neither without the
/// conversation's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digests {
    key: [u8; DIGEST_BYTES],
    request: [u8; DIGEST_BYTES],
}

impl Digests {
    /// Digests a request under the idempotency key that its sender gave it.
    ///
    /// # Errors
    /// Never in practice; a [`Fault`] when HKDF or HMAC refuses a length.
    pub fn of(
        conversation_key: &ConversationKey,
        idempotency_key: &BoundedText,
        request: &Request<'_>,
    ) -> Result<Self, Fault> {
        let subkey = conversation_key.derive(b"mab.repeat.v1")?;
        let keyed = |domain: &[u8]| -> Result<Digest, Fault> {
            let mac = Hmac::new_from_slice(&subkey.0).map_err(|_| Fault::new("keying a digest"))?;
            let mut digest = Digest(mac);
            digest.0.update(domain);
            digest.0.update(&[request.sender_ordinal]);
            digest.field(idempotency_key.as_str());
            Ok(digest)
        };
        let mut asked = keyed(b"request\0")?;
        asked.field(request.body.as_str());
        asked.list(request.files.iter().map(Redacted::as_str));
        asked.field(request.action_type.as_str());
        match request.to {
            None => asked.absent(),
            Some(to) => asked.present().list(to.iter().map(SessionId::as_str)),
        }
        match request.reply_to {
            None => asked.absent(),
            Some(reply_to) => asked.present().field(&reply_to.to_string()),
        }
        Ok(Self { key: keyed(b"key\0")?.finish()?, request: asked.finish()? })
    }

    /// What names the send among those of its sender.
    pub const fn key(&self) -> [u8; DIGEST_BYTES] {
        self.key
    }

    /// What confirms that the same was asked.
    pub const fn request(&self) -> [u8; DIGEST_BYTES] {
        self.request
    }
}

/// A digest in the making: every field says where it ends.
struct Digest(Hmac<Sha256>);

impl Digest {
    fn field(&mut self, text: &str) {
        self.0.update(&(text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
    }

    fn list<'a>(&mut self, texts: impl ExactSizeIterator<Item = &'a str>) {
        self.0.update(&(texts.len() as u64).to_be_bytes());
        texts.for_each(|text| self.field(text));
    }

    fn absent(&mut self) {
        self.0.update(&[0]);
    }

    fn present(&mut self) -> &mut Self {
        self.0.update(&[1]);
        self
    }

    fn finish(self) -> Result<[u8; DIGEST_BYTES], Fault> {
        let bytes = self.0.finalize().into_bytes();
        bytes.first_chunk().copied().ok_or(Fault::new("shortening a digest"))
    }
}

#[cfg(test)]
mod tests {
    use mab_redact::Redactor;

    use super::*;
    use crate::{
        Random,
        text::{BoundedText, IDEMPOTENCY_KEY},
    };

    struct Always(u8);

    impl Random for Always {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), Fault> {
            buffer.fill(self.0);
            Ok(())
        }
    }

    fn texts(texts: &[&str]) -> Vec<Redacted> {
        texts.iter().map(|text| Redactor::new().redact(text).unwrap().text).collect()
    }

    fn sessions(names: &[&str]) -> Vec<SessionId> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn digests(conversation: u8, key: &str, request: &Request<'_>) -> Digests {
        let conversation = ConversationKey::draw(&Always(conversation)).unwrap();
        Digests::of(&conversation, &BoundedText::parse(key, &IDEMPOTENCY_KEY).unwrap(), request).unwrap()
    }

    fn request(body: &Redacted) -> Request<'_> {
        let action_type = ActionType::Info;
        Request { sender_ordinal: 0, body, files: &[], action_type, to: None, reply_to: None }
    }

    #[test]
    fn request_when_the_same_has_the_same_digests_and_they_stay_as_they_are() {
        let body = texts(&["hello"]).remove(0);
        let first = digests(1, "k", &request(&body));
        assert_eq!(first, digests(1, "k", &request(&body)));
        // Rows of older versions hold these: a change would refuse the repeats of what was sent before.
        assert_eq!(hex::encode(first.key()), "ed76ca0e45a2c5c421f219a7e4153ab9");
        assert_eq!(hex::encode(first.request()), "17b3168156d08301241e245d2636fdbc");
    }

    #[test]
    fn request_when_anything_differs_has_another_digest() {
        let bodies = texts(&["hello", "hell", "helloo"]);
        let (one, two, joined) = (texts(&["ab"]), texts(&["a", "b"]), texts(&["a\u{1}b"]));
        let (none, b, bc) = (sessions(&[]), sessions(&["b"]), sessions(&["b", "c"]));
        let base = request(&bodies[0]);
        let reply = |seq| Some(MessageId { seq, tag: [7; 8] });
        let requests = [
            base,
            request(&bodies[1]),
            request(&bodies[2]),
            Request { sender_ordinal: 1, ..base },
            Request { files: &one, ..base },
            Request { files: &two, ..base },
            Request { files: &joined, ..base },
            Request { action_type: ActionType::Question, ..base },
            Request { to: Some(&none), ..base },
            Request { to: Some(&b), ..base },
            Request { to: Some(&bc), ..base },
            Request { reply_to: reply(1), ..base },
            Request { reply_to: reply(2), ..base },
        ];
        let mut seen: Vec<_> = requests.iter().map(|request| digests(1, "k", request).request()).collect();
        seen.extend([digests(2, "k", &base).request(), digests(1, "l", &base).request()]);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), requests.len() + 2);
    }

    #[test]
    fn key_when_another_senders_or_conversations_has_another_digest_and_is_that_of_every_request() {
        let bodies = texts(&["hello", "bye"]);
        let base = request(&bodies[0]);
        let key = digests(1, "k", &base).key();
        assert_eq!(key, digests(1, "k", &request(&bodies[1])).key());
        for other in [
            digests(1, "K", &base),
            digests(2, "k", &base),
            digests(1, "k", &Request { sender_ordinal: 1, ..base }),
        ] {
            assert_ne!(key, other.key());
        }
        assert_ne!(key, digests(1, "k", &base).request());
    }

    #[test]
    fn texts_that_differ_in_a_secret_only_are_the_same_request() {
        let secret = |digit| format!("{}{}", concat!("token: gh", "p_"), format!("{digit}aB3").repeat(9));
        let bodies = texts(&[&secret(1), &secret(2)]);
        assert!(bodies[0].as_str().contains("REDACTED"), "{}", bodies[0].as_str());
        assert_eq!(digests(1, "k", &request(&bodies[0])), digests(1, "k", &request(&bodies[1])));
    }
}
