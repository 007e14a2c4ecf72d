//! The exact request of a command: refused when it holds a secret, stored sealed, read back byte by byte.

use mab_core::{
    Code, Denied, Failure, audit::Detail, entity::RunRow, execution::denied_digest, seal::Sealed,
};
use mab_exec::{Request, Wanted};
use mab_redact::Redacted;

use crate::{
    Bridge,
    door::Call,
    reading::Opener,
    screening::{Part, Screen},
    sealing::request_place,
};

/// Makes sure that a command holds no secret, by itself or by what its conversation knows.
///
/// # Errors
/// `secret_refused`.
pub(crate) async fn without_secrets(call: &Call<'_>, wanted: &Wanted) -> Result<(), Failure> {
    let words = words(wanted);
    // A name in one word makes a secret of the next one.
    let whole = words.join(" ");
    let mut screen = Screen::of(call, &[&whole]).await?;
    for text in words.into_iter().chain([whole.as_str()]) {
        if screen.redact(text, Part::Text)?.as_str() != text {
            return Err(holds_secret().into());
        }
    }
    Ok(())
}

/// Seals a request: what is stored is exactly what a yes is about, so that it is refused rather than changed.
///
/// # Errors
/// `secret_refused` when a secret would have to be taken out.
pub(crate) fn seal(
    bridge: &Bridge,
    opener: &Opener,
    (run, request): (&[u8; 8], &Request),
) -> Result<Sealed, Failure> {
    let canonical = request.canonical()?;
    let clean = |part: &str| -> Result<Redacted, Denied> {
        let redacted = bridge.redact_alone(part)?;
        if redacted.as_str() == part { Ok(redacted) } else { Err(holds_secret()) }
    };
    let parts = parts(&canonical).into_iter().map(clean).collect::<Result<Vec<_>, _>>()?;
    let place = request_place(opener.conversation, run);
    Ok(opener.key.seal(bridge.random.as_ref(), &place, &parts.iter().collect::<Vec<_>>())?)
}

/// Reads a stored request, with its canonical form; none when it is not what its hash says, or was destroyed.
pub(crate) fn read(opener: &Opener, row: &RunRow) -> Option<(String, Request)> {
    let id = row.id.bytes();
    let place = request_place(row.conversation, &id);
    let text = opener.key.open(&place, row.request.as_ref()?).ok()?.concat();
    let request: Request = serde_json::from_str(&text).ok()?;
    let is_whole = request.canonical().is_ok_and(|canonical| canonical == text);
    let hash = request.hash().ok().filter(|_| is_whole)?;
    (hash.digest().as_bytes() == &row.hash).then_some((text, request))
}

/// The same, when it is the request of the agent and the conversation that its row names.
pub(crate) fn open(opener: &Opener, row: &RunRow) -> Option<Request> {
    let (_, request) = read(opener, row)?;
    let is_it = request.agent.as_deref() == Some(row.session.as_str())
        && request.conversation.as_deref() == Some(opener.conversation.to_string().as_str());
    is_it.then_some(request)
}

/// A canonical request, cut before each digest that stands for a value of the operator's: behind a name like
/// `API_KEY` it would be taken for a secret. No text of an agent can make such a cut: in it a quote is escaped.
fn parts(canonical: &str) -> Vec<&str> {
    let (mut parts, mut rest) = (Vec::new(), canonical);
    while let Some(at) = rest.find(DIGEST) {
        let (part, after) = rest.split_at(at + 2);
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    parts
}

/// Where the digest of a value begins: after the quote and the colon of its name.
const DIGEST: &str = "\":\"sha256:";

/// What the entry of a command that was denied tells of it.
pub(crate) fn denied(opener: &Opener, wanted: &Wanted) -> Result<Detail, Failure> {
    let is_text = matches!(wanted, Wanted::Text(_));
    Ok(Detail::default().digest("asked", &denied_digest(&opener.key, is_text, &words(wanted))?))
}

fn words(wanted: &Wanted) -> Vec<&str> {
    match wanted {
        Wanted::Text(text) => vec![text],
        Wanted::Argv(commands) => commands.iter().flatten().map(String::as_str).collect(),
    }
}

fn holds_secret() -> Denied {
    Denied::new(Code::SecretRefused, "the command holds a secret; nothing was run or stored").hint(
        "call execute_command without it: your user can pass it in by execution.environment, and the command names the \
         variable",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_when_cut_is_whole_again_and_cut_at_nothing_of_an_agent() {
        for (text, count) in [
            (r#"{"environment":{"API_KEY":"sha256:aa","B":"sha256:bb"}}"#, 3),
            (r#"{"text":"echo \":\"sha256:aa"}"#, 1),
            ("{}", 1),
        ] {
            let parts = parts(text);
            assert_eq!((parts.concat().as_str(), parts.len()), (text, count));
        }
    }
}
