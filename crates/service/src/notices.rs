//! Messages of the bridge itself: `system` tells every member what was asked for, decided and run.

use mab_core::{Failure, Random, agent::SYSTEM_ORDINAL, entity::Notice, source::draw};
use mab_redact::Redactor;

use crate::{
    Bridge,
    bridge::refused,
    reading::{Opener, message_place, message_row},
};

/// Redacts and seals a message of the bridge itself to every member. What a command printed was redacted on what its
/// conversation knows before it comes here.
///
/// # Errors
/// `secret_refused` when it may not be stored at all.
pub(crate) fn notice(bridge: &Bridge, opener: &Opener, text: &str) -> Result<Notice, Failure> {
    sealed((&bridge.redactor, bridge.random.as_ref()), opener, text)
}

/// As [`notice`], apart from a bridge.
///
/// # Errors
/// As [`notice`].
pub(crate) fn sealed(
    (redactor, random): (&Redactor, &dyn Random),
    opener: &Opener,
    text: &str,
) -> Result<Notice, Failure> {
    let body = redactor.redact(text).map_err(|refusal| refused(&refusal))?.text;
    let tag = draw(random)?;
    let row = message_row(tag, SYSTEM_ORDINAL);
    let place = message_place(opener.conversation, &row, "body");
    let redactions = u64::from(body.as_str() != text);
    Ok(Notice { tag, body: opener.key.seal(random, &place, &[&body])?, redactions })
}
