//! Opens the approver's key: with the passphrase and, once they are enrolled, a one-time code.

use mab_core::{
    Clock as _, Code, Denied,
    approver::{Approver, Totp},
    execution::Assurance,
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    cli::{Trouble, Visible, calls::Calls, person::Person},
    system::SystemClock,
};

/// How often a passphrase or a code may be typed.
pub(crate) const TRIES: u32 = 3;

/// The approver, as the bridge has it.
#[derive(Deserialize)]
pub(crate) struct Known {
    pub(crate) enrolled: bool,
    pub(crate) sound: Option<bool>,
    pub(crate) key_id: Option<String>,
    pub(crate) public_key: Option<String>,
    sealed: Option<String>,
    code_step: u64,
    locked_until: Option<String>,
}

/// The approver, opened; its key is wiped from memory when this is dropped.
pub(crate) struct Unlocked {
    pub(crate) approver: Approver,
    /// How sure it is that a person did it.
    pub(crate) assurance: Assurance,
    /// Number of the code that was used.
    pub(crate) step: Option<u64>,
}

impl Known {
    /// Asks the bridge.
    pub(crate) fn ask(calls: &Calls) -> Result<Self, Trouble> {
        calls.read("approver", json!({}))
    }

    /// Refuses one that cannot be used: before anything is typed.
    pub(crate) fn is_usable(&self) -> Result<(), Denied> {
        if !self.enrolled {
            return Err(Denied::new(Code::Forbidden, "no approver is enrolled")
                .hint("`mab yolo enroll` makes the key that agrees, with a passphrase that only you know"));
        }
        if self.sound != Some(true) {
            let message = "the approver in the database was not enrolled by this bridge";
            return Err(Denied::new(Code::Forbidden, message).hint(
                "somebody wrote it there: find out who, then `mab yolo enroll --replace --forgotten`",
            ));
        }
        Ok(())
    }

    fn sealed(&self) -> Vec<u8> {
        self.sealed.as_deref().and_then(|text| hex::decode(text).ok()).unwrap_or_default()
    }
}

/// Asks for the passphrase, and for a code when they are enrolled.
///
/// # Errors
/// `forbidden` after three wrong ones, `rate_limited` while no code is taken; [`Trouble::Cancelled`].
pub(crate) fn unlock(person: &Person, calls: &Calls) -> Result<Unlocked, Trouble> {
    let known = Known::ask(calls)?;
    known.is_usable()?;
    let approver = open(person, &known)?;
    let step = approver.totp().map(|totp| code(person, calls, totp)).transpose()?;
    let assurance = if step.is_some() { Assurance::PassphraseTotp } else { Assurance::Passphrase };
    Ok(Unlocked { approver, assurance, step })
}

fn open(person: &Person, known: &Known) -> Result<Approver, Trouble> {
    let sealed = known.sealed();
    let id = Visible::line(known.key_id.as_deref().unwrap_or_default());
    let mut page = person.page();
    for left in (0..TRIES).rev() {
        let typed = person.secret(&page, &format!("passphrase of approver {id}:"))?;
        match Approver::open(&sealed, &typed) {
            Ok(approver) => return Ok(approver),
            Err(denied) if left == 0 => return Err(denied.into()),
            Err(_) => page = person.again("this is not the passphrase", left),
        }
    }
    Err(Trouble::Cancelled)
}

/// Asks for a code, and takes note of it: no other process can use it any more.
fn code(person: &Person, calls: &Calls, totp: &Totp) -> Result<u64, Trouble> {
    let mut page = person.page();
    for left in (0..TRIES).rev() {
        // As it is now: another process may have used one, or typed a wrong one.
        let known = Known::ask(calls)?;
        is_open(&known)?;
        let typed = person.secret(&page, "one-time code:")?;
        let now = SystemClock.now();
        let why = if let Some(step) = totp.check(&typed, now, known.code_step) {
            match calls.call("approver_code", json!({"step": step})) {
                Ok(_) => return Ok(step),
                Err(Trouble::Denied(denied)) if denied.code == Code::ApprovalVoid => USED,
                Err(trouble) => return Err(trouble),
            }
        } else if totp.check(&typed, now, 0).is_some() {
            USED
        } else {
            calls.call("approver_code", json!({"wrong": true}))?;
            "this is not the code"
        };
        if left == 0 {
            let denied = Denied::new(Code::Forbidden, format!("{why}; nothing was changed"));
            return Err(denied.hint("look at the app again, and at the clocks of both machines").into());
        }
        page = person.again(why, left);
    }
    Err(Trouble::Cancelled)
}

fn is_open(known: &Known) -> Result<(), Denied> {
    let Some(until) = &known.locked_until else { return Ok(()) };
    let message = format!("five wrong codes were typed: none is taken until {}", Visible::line(until));
    Err(Denied::new(Code::RateLimited, message).hint("if it was not you, somebody knows your passphrase"))
}

/// A code that cannot be used a second time.
const USED: &str = "this code was used already: wait for the next one";
