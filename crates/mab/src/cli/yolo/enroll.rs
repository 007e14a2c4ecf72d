//! `mab yolo enroll`: makes the key that agrees, sealed under a passphrase that only the person knows.

use anstyle::{AnsiColor, Color, Style};
use clap::Args;
use mab_core::{
    Clock as _, Code, Denied,
    approver::{Approver, Cost, Totp, check_passphrase},
};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::qr;
use crate::{
    cli::{
        Exit, Trouble, Visible,
        calls::Calls,
        operator::Operator,
        output::{BAD, CAREFUL, FAINT},
        person::Person,
        unlocking::{self, Known, TRIES, Unlocked},
    },
    spent::Spent,
    system::{OsRandom, SystemClock},
};

/// Arguments of `mab yolo enroll`.
#[derive(Debug, Args)]
#[command(
    after_help = "The key is drawn here and kept in the database, sealed under the passphrase: nobody\n\
    who reads the data folder can use it. Whoever knows the passphrase can agree to\n\
    commands; with --totp a code of an authenticator app is asked for too.\n\n\
    --replace needs the old passphrase. --forgotten does without: every agent is told\n\
    loudly, and it stands in the audit trail. Either ends all that is enabled."
)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub(super) struct Enroll {
    /// Ask for codes of an authenticator app too.
    #[arg(long, conflicts_with = "no_totp")]
    totp: bool,
    /// Ask for the passphrase alone.
    #[arg(long)]
    no_totp: bool,
    /// Put it in the place of the one that is enrolled.
    #[arg(long)]
    replace: bool,
    /// Without the old passphrase.
    #[arg(long, requires = "replace")]
    forgotten: bool,
}

impl Enroll {
    /// Another key with another passphrase, and the same codes: what a copy of the database holds is void with the old one.
    pub(super) const fn passphrase() -> Self {
        Self { totp: false, no_totp: false, replace: true, forgotten: false }
    }

    pub(super) fn run(&self, operator: &Operator<'_>) -> Result<Exit, Trouble> {
        let person = Person::at_terminal(operator.environment)?;
        // Makes its folder, before another user does.
        Spent::open(&SystemClock)?;
        // The first thing that a careful person does: before any agent's server has run.
        let calls = if self.replace { Calls::open(operator)? } else { Calls::open_or_create(operator)? };
        let known = Known::ask(&calls)?;
        let old = self.old(&person, &calls, &known)?;
        let used = old.as_ref().and_then(|old| old.step);
        let old = old.map(|old| old.approver);
        let new = Approver::draw(&OsRandom)?;
        let passphrase = choose(&person)?;
        let totp = match old.as_ref().and_then(Approver::totp) {
            Some(kept) if !self.totp && !self.no_totp => Some((kept.clone(), used)),
            Some(_) | None if self.totp => {
                let totp = Totp::draw(&OsRandom)?;
                let step = first_code(&person, &totp, &new.key().id())?;
                Some((totp, Some(step)))
            }
            Some(_) | None => None,
        };
        let key = new.key();
        let proof = old.as_ref().map(|old| hex::encode(old.sign_successor(&key)));
        let (totp, step) = totp.unzip();
        let new = match totp {
            Some(totp) => new.with_totp(totp),
            None => new,
        };
        let sealed = new.seal(&passphrase, Cost::default(), &OsRandom)?;
        let asked = json!({
            "public_key": hex::encode(key.bytes()), "sealed": hex::encode(&sealed),
            "replaces": known.public_key, "proof": proof, "forgotten": self.forgotten,
        });
        let answer = calls.call("approver_enroll", asked)?;
        if let Some(step) = step.flatten() {
            // Whoever saw it typed cannot use it again.
            calls.call("approver_code", json!({"step": step}))?;
        }
        let has_codes = new.totp().is_some();
        operator.output.answer(answer, |done: &Done, page| {
            page.field("approver", &Visible::line(&done.key_id));
            page.field("asks for", &Visible::line(if has_codes { "passphrase, code" } else { "passphrase" }));
            for id in &done.ended {
                page.field("ended", &Visible::line(id));
            }
            page.aside(&format!(
                "{FAINT}nobody can bring the passphrase back; `mab yolo enable` is next{FAINT:#}"
            ));
        })?;
        Ok(Exit::OK)
    }

    /// The approver that is replaced, when its holder agrees.
    fn old(&self, person: &Person, calls: &Calls, known: &Known) -> Result<Option<Unlocked>, Trouble> {
        // The audit trail may know one whose row is gone.
        if !known.enrolled && !self.forgotten {
            let nothing = || Denied::new(Code::NotFound, "no approver is enrolled: there is none to replace");
            return if self.replace { Err(nothing().hint(MAKE).into()) } else { Ok(None) };
        }
        if !self.replace {
            let id = Visible::line(known.key_id.as_deref().unwrap_or_default());
            let denied = Denied::new(Code::Conflict, format!("approver {id} is enrolled already"));
            return Err(denied.hint(REPLACE).into());
        }
        if !self.forgotten {
            return unlocking::unlock(person, calls).map(Some);
        }
        let id = Visible::line(known.key_id.as_deref().unwrap_or("the one before"));
        let mut page = person.page();
        page.line(&format!("{BAD}approver {id} is replaced without its passphrase{BAD:#}"));
        page.line("Everything that is enabled ends, every agent is told, and the audit trail keeps it.");
        if !self.totp {
            let without = "no codes are asked for any more, if they were: --totp enrols an app anew";
            page.line(&format!("{CAREFUL}{without}{CAREFUL:#}"));
        }
        let phrase = format!("forget {id}");
        for left in (0..TRIES).rev() {
            let typed = person.ask(&page, &format!("to do this, type: {phrase}\n>"))?;
            if typed == phrase {
                return Ok(None);
            }
            page = person.again("this is not the phrase", left);
        }
        let denied = Denied::new(Code::ApprovalRequired, "the phrase was not typed; nothing was replaced");
        Err(denied.hint("run it again, and type the phrase as it is shown").into())
    }
}

/// What to do where nobody is enrolled.
const MAKE: &str = "`mab yolo enroll` makes one";

/// What to do where somebody is.
const REPLACE: &str = "`mab yolo passphrase` changes its passphrase; `mab yolo enroll --replace` makes another one, with --totp one \
    that asks for codes too; either ends all that is enabled";

#[derive(Deserialize)]
struct Done {
    key_id: String,
    ended: Vec<String>,
}

/// A new passphrase, typed twice.
fn choose(person: &Person) -> Result<Zeroizing<String>, Trouble> {
    let mut page = person.page();
    page.line("Take several words that nobody would guess together. They are not shown.");
    for left in (0..TRIES).rev() {
        let first = person.secret(&page, "new passphrase:")?;
        let why = match check_passphrase(&first) {
            Err(denied) if left == 0 => return Err(denied.into()),
            Err(denied) => format!("{}: {}", denied.message, denied.hint.unwrap_or_default()),
            Ok(()) => {
                let second = person.secret(&person.page(), "the same again:")?;
                if *first == *second {
                    return Ok(first);
                }
                "these are two different ones".to_owned()
            }
        };
        page = person.again(&why, left);
    }
    Err(Trouble::input("no passphrase was typed twice the same", "run it again"))
}

/// Shows the secret of codes, and takes the first code: without one it counts for nothing. What is shown is gone from the
/// screen afterwards.
fn first_code(person: &Person, totp: &Totp, id: &str) -> Result<u64, Trouble> {
    let mut page = person.page();
    page.line(APART);
    let uri = totp.uri(id);
    // What follows is what every app takes when it is not said; without it the code fits a small terminal.
    let short = uri.split("&algorithm").next().unwrap_or_default();
    let lines = qr::lines(short).unwrap_or_default();
    let fits = lines.first().is_some_and(|line| line.chars().count() <= page.columns());
    for line in lines.iter().filter(|_| fits) {
        page.line(&format!("{PAPER}{line}{PAPER:#}"));
    }
    page.line("scan it with an authenticator app, or type into one:");
    page.line(&totp.secret_base32());
    let typed = (|| {
        for left in (0..TRIES).rev() {
            let typed = person.ask(&page, "its first code:")?;
            if let Some(step) = totp.check(&typed, SystemClock.now(), 0) {
                return Ok(step);
            }
            page = person.again("this is not the code", left);
        }
        let denied = Denied::new(Code::Forbidden, "the app shows other codes; nothing was enrolled");
        Err(denied.hint("look at the clocks of both machines").into())
    })();
    let mut gone = person.page();
    gone.line(TOGETHER);
    person.show(&gone)?;
    typed
}

/// White on black, so that the code can be read whatever the colours of the terminal are.
const PAPER: Style = Style::new()
    .fg_color(Some(Color::Ansi(AnsiColor::BrightWhite)))
    .bg_color(Some(Color::Ansi(AnsiColor::Black)));

/// To the other screen of the terminal, and back: nothing of it stays (xterm's control sequences, 1049).
const APART: &str = "\u{1b}[?1049h\u{1b}[H";
const TOGETHER: &str = "\u{1b}[?1049l";
