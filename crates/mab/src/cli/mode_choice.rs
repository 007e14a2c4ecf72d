//! The mode in which a command is judged: the one that was named, else the narrowest in which it may be asked for.

use mab_exec::{Decision, Judge, Mode, Verdict, Wanted, Workspace};

use crate::cli::judge::judge_checked;

/// A verdict, with its mode, and what would be said elsewhere.
pub(crate) struct Judged {
    pub(crate) mode: Mode,
    pub(crate) verdict: Verdict,
    /// The narrowest wider mode in which it is not denied; none when it is not denied here.
    wider: Option<(Mode, Decision)>,
    widest: Mode,
}

/// Judges a command in the mode `given`; without one, in the narrowest that allows it or asks, up to `widest`. What all of
/// these deny is refused as in `widest`: that refusal is the one in the way.
pub(crate) fn choose(
    judge: &Judge,
    (given, widest): (Option<Mode>, Mode),
    wanted: &Wanted,
    workspace: Option<&Workspace>,
) -> Judged {
    let judged = |mode| (mode, judge_checked(judge, mode, wanted, workspace));
    let is_possible = |(_, verdict): &(Mode, Verdict)| verdict.decision != Decision::Deny;
    let narrowest = Mode::ALL.into_iter().filter(|mode| given.is_none() && *mode < widest);
    let (mode, verdict) =
        narrowest.map(judged).find(is_possible).unwrap_or_else(|| judged(given.unwrap_or(widest)));
    let wider = (verdict.decision == Decision::Deny)
        .then(|| Mode::ALL.into_iter().filter(|wider| *wider > mode).map(judged).find(is_possible))
        .flatten();
    Judged { mode, verdict, wider: wider.map(|(mode, verdict)| (mode, verdict.decision)), widest }
}

impl Judged {
    /// The narrowest wider mode in which what is denied here is not.
    pub(crate) fn wider(&self) -> Option<Mode> {
        self.wider.map(|(mode, _)| mode)
    }

    /// What the verdict does not say: that another mode would do, or that this one may not be used here.
    pub(crate) fn note(&self) -> Option<String> {
        let Self { mode, widest, .. } = self;
        if self.verdict.decision != Decision::Deny {
            let note = || format!("execution.mode is {widest}, so `mab run` refuses mode {mode} here");
            return (mode > widest).then(note);
        }
        let (wider, decision) = self.wider?;
        let does = if decision == Decision::Allow { "would allow it" } else { "would ask a person" };
        let reach = if wider > *widest { format!("; execution.mode is {widest}") } else { String::new() };
        Some(format!("mode {wider} {does}{reach}"))
    }
}

#[cfg(test)]
mod tests {
    use mab_exec::Policy;

    use super::*;

    fn chosen(given: Option<Mode>, widest: Mode, text: &str) -> (Mode, Decision, Option<String>) {
        let judge = Judge::new(Policy::builtin());
        let judged = choose(&judge, (given, widest), &Wanted::Text(text.to_owned()), None);
        (judged.mode, judged.verdict.decision, judged.note())
    }

    #[test]
    fn mode_when_not_given_is_the_narrowest_that_does_up_to_the_widest() {
        use Decision::{Allow, Ask, Deny};
        use Mode::{Restricted, Safe, Yolo};
        for (text, widest, expected) in [
            ("ls", Yolo, (Safe, Allow, None)),
            ("mkdir a", Yolo, (Restricted, Ask, None)),
            ("make > log", Yolo, (Yolo, Ask, None)),
            ("ls", Safe, (Safe, Allow, None)),
            (
                "mkdir a",
                Safe,
                (Safe, Deny, Some("mode restricted would ask a person; execution.mode is safe")),
            ),
            (
                "make > log",
                Restricted,
                (Restricted, Deny, Some("mode yolo would ask a person; execution.mode is restricted")),
            ),
            ("rm -rf /", Yolo, (Yolo, Deny, None)),
        ] {
            let (mode, decision, note) = expected;
            assert_eq!(chosen(None, widest, text), (mode, decision, note.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn mode_when_given_is_kept_and_the_note_says_what_would_do() {
        use Decision::{Allow, Ask, Deny};
        use Mode::{Restricted, Safe, Yolo};
        for (given, widest, text, decision, note) in [
            (Safe, Yolo, "mkdir a", Deny, Some("mode restricted would ask a person")),
            (
                Restricted,
                Safe,
                "mkdir a",
                Ask,
                Some("execution.mode is safe, so `mab run` refuses mode restricted here"),
            ),
            (Restricted, Yolo, "ls", Allow, None),
        ] {
            assert_eq!(
                chosen(Some(given), widest, text),
                (given, decision, note.map(str::to_owned)),
                "{text}"
            );
        }
    }
}
