//! Prints what happens: lines for a person, one JSON object per step for a program.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use mab_core::{Clock as _, Timestamp};
use serde_json::json;

use crate::{
    cli::{
        Output, Trouble, Visible,
        output::{BAD, CAREFUL, FAINT, GOOD, STRONG},
    },
    system::SystemClock,
};

/// Where the play is shown.
pub(super) struct Stage {
    output: Output,
    started: Timestamp,
    steps: u64,
}

/// One thing that somebody did, checked.
pub(super) struct Step<'a> {
    /// Who.
    pub(super) who: &'a str,
    /// The tool or command.
    pub(super) does: &'a str,
    /// What they said, if it is part of the story.
    pub(super) says: Option<&'a str>,
    /// What came of it, in a few words.
    pub(super) result: String,
    /// Whether the result is a refusal, as it should be.
    pub(super) refused: bool,
}

impl Stage {
    /// An empty stage.
    pub(super) fn new(output: Output) -> Self {
        Self { output, started: SystemClock.now(), steps: 0 }
    }

    /// Announces what comes next; for people only.
    pub(super) fn title(&self, text: &str) -> Result<(), Trouble> {
        if self.output.is_json() { Ok(()) } else { Output::data(&format!("\n{STRONG}{text}{STRONG:#}\n")) }
    }

    /// Shows a step that went as it should.
    pub(super) fn show(&mut self, step: &Step<'_>) -> Result<(), Trouble> {
        self.steps += 1;
        if self.output.is_json() {
            return Output::json_line(&json!({
                "step": self.steps, "who": step.who, "does": step.does, "says": step.says,
                "result": step.result, "refused": step.refused, "ok": true,
            }));
        }
        let (who, colour) = (step.who, colour(step.who));
        let outcome = if step.refused { CAREFUL } else { Style::new() };
        let mut text = format!(
            "{GOOD}✓{GOOD:#} {colour}{who:<9}{colour:#} {:<20} {outcome}{}{outcome:#}\n",
            step.does,
            Visible::line(&step.result)
        );
        for line in step.says.unwrap_or_default().lines() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {:<9} {FAINT}│{FAINT:#} {}", "", Visible::line(line));
        }
        Output::data(&text)
    }

    /// Ends the play well.
    pub(super) fn applause(&self) -> Result<(), Trouble> {
        let (steps, millis) = (self.steps, SystemClock.now().millis_since(self.started));
        if self.output.is_json() {
            return Output::json_line(
                &json!({"done": true, "steps": steps, "elapsed_ms": millis, "ok": true}),
            );
        }
        Output::data(&format!("\n{GOOD}✓{GOOD:#} {steps} steps, every one checked, in {millis} ms\n"))
    }

    /// Ends the play with what was not as it should be.
    pub(super) fn failure(&self, message: &str) -> Result<(), Trouble> {
        let step = self.steps + 1;
        if self.output.is_json() {
            Output::json_line(&json!({"step": step, "ok": false, "message": message}))?;
        }
        let message = Visible::line(message);
        Output::talk(&format!("{BAD}✗ the demonstration failed at step {step}{BAD:#}: {message}"));
        Ok(())
    }
}

fn colour(who: &str) -> Style {
    match who {
        "backend" => AnsiColor::Cyan.on_default().bold(),
        "frontend" => AnsiColor::Magenta.on_default().bold(),
        _ => AnsiColor::Yellow.on_default().bold(),
    }
}
