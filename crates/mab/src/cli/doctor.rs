//! `mab doctor`: what is set, where it came from, and whether it works.

use mab_core::{Clock as _, Timestamp};
use serde_json::{Value, json};

use crate::{
    cli::{
        Exit, Output, Trouble, Visible,
        doctor_agents::agents,
        doctor_clients::clients,
        doctor_execution::running,
        doctor_files::{folder, profile},
        doctor_redaction::redaction,
        doctor_store::store,
        operator::Operator,
        output::{BAD, CAREFUL, FAINT, GOOD},
        table::{Column, Page, Table, absent},
    },
    config::{Config, EffectiveSetting},
    system::SystemClock,
};

/// 2026-01-01T00:00:00Z: a clock that shows less is wrong, for this program was not there.
const EARLIEST_NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// 2100-01-01T00:00:00Z: a clock that shows more is wrong for all we know, and would expire everything at once.
const LATEST_NOW: Timestamp = Timestamp::from_millis(4_102_444_800_000);

/// How one check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// As it should be.
    Good,
    /// Works, but deserves a look.
    Warn,
    /// Does not work.
    Fail,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) state: State,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

pub(crate) fn run(operator: &Operator<'_>) -> Result<Exit, Trouble> {
    let mut checks = vec![Check::good("program", format!("mab {}", env!("CARGO_PKG_VERSION")))];
    let settings = match operator.config() {
        Ok(config) => {
            checks.push(Check::good("settings", "read without a fault".to_owned()));
            checks.extend(redaction(&config));
            checks.extend(running(&config));
            checks.extend(agents(operator, &config));
            checks.extend(data(operator, &config));
            checks.push(clock(SystemClock.now()));
            checks.extend(clients(operator, &config));
            config.effective()
        }
        Err(denied) => {
            checks.push(Check::trouble("settings", &Trouble::Denied(denied)));
            checks.push(clock(SystemClock.now()));
            Vec::new()
        }
    };
    print(&settings, &checks, operator.output)?;
    let failed = checks.iter().any(|check| check.state == State::Fail);
    Ok(if failed { Exit::CHECK_FAILED } else { Exit::OK })
}

/// Everything on the disk. What does not exist yet is not created.
fn data(operator: &Operator<'_>, config: &Config) -> Vec<Check> {
    let mut checks = folder(config);
    if config.data_dir.is_dir() {
        checks.extend(store(operator, config));
    }
    checks.extend(profile(config));
    checks
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl Check {
    pub(super) fn good(name: &'static str, message: String) -> Self {
        Self { name, state: State::Good, message, hint: None }
    }

    pub(super) fn warn(name: &'static str, message: String, hint: impl Into<String>) -> Self {
        Self { name, state: State::Warn, message, hint: Some(hint.into()) }
    }

    pub(super) fn fail(name: &'static str, message: String, hint: impl Into<String>) -> Self {
        Self { name, state: State::Fail, message, hint: Some(hint.into()) }
    }

    pub(super) fn trouble(name: &'static str, trouble: &Trouble) -> Self {
        let (message, hint) = trouble.to_lines().unwrap_or_default();
        let hint = hint.map(|hint| hint.as_str().to_owned());
        Self { name, state: State::Fail, message: message.as_str().to_owned(), hint }
    }
}

fn clock(now: Timestamp) -> Check {
    if now < EARLIEST_NOW || now > LATEST_NOW {
        let message = format!("shows {now}, which cannot be");
        return Check::fail("clock", message, "set the system's clock; expiry and rate limits depend on it");
    }
    Check::good("clock", format!("shows {now}"))
}

fn print(settings: &[EffectiveSetting], checks: &[Check], output: Output) -> Result<(), Trouble> {
    if output.is_json() {
        return output.json(&to_json(settings, checks));
    }
    let mut page = output.page();
    render(settings, checks, &mut page);
    Output::data(page.as_str())
}

pub(super) fn to_json(settings: &[EffectiveSetting], checks: &[Check]) -> Value {
    let check = |check: &Check| {
        json!({
            "name": check.name, "state": check.state.as_str(), "message": check.message, "hint": check.hint,
        })
    };
    let setting = |setting: &EffectiveSetting| json!({"key": setting.key, "value": setting.value, "source": setting.source});
    json!({
        "ok": checks.iter().all(|check| check.state != State::Fail),
        "checks": checks.iter().map(check).collect::<Vec<_>>(),
        "settings": settings.iter().map(setting).collect::<Vec<_>>(),
    })
}

fn render(settings: &[EffectiveSetting], checks: &[Check], page: &mut Page) {
    for check in checks {
        render_check(check, page);
    }
    if settings.is_empty() {
        return;
    }
    page.aside("");
    let row = |setting: &EffectiveSetting| {
        vec![
            Visible::line(setting.key),
            Some(setting.value.as_str()).filter(|value| !value.is_empty()).map_or_else(absent, Visible::line),
            Visible::line(&setting.source),
        ]
    };
    let rows = settings.iter().map(row).collect();
    let columns = &[Column::Whole("setting"), Column::Text("value"), Column::Text("from")];
    page.table(&Table { kind: Some("setting"), columns, rows });
}

pub(super) fn render_check(check: &Check, page: &mut Page) {
    let message = Visible::line(&check.message);
    let hint = check.hint.as_deref().map(Visible::line);
    let state = check.state.as_str();
    if !page.for_person() {
        let hint = hint.unwrap_or_else(|| Visible::line("-"));
        return page.line(&format!("{state}\t{}\t{message}\t{hint}", check.name));
    }
    let style = match check.state {
        State::Good => GOOD,
        State::Warn => CAREFUL,
        State::Fail => BAD,
    };
    page.line(&format!("{style}{state:<5}{style:#} {:<12} {message}", check.name));
    if let Some(hint) = hint {
        page.line(&format!("      {FAINT}{:<12} {hint}{FAINT:#}", ""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_when_it_cannot_be_right_fails() {
        assert_eq!(clock(Timestamp::from_millis(0)).state, State::Fail);
        assert_eq!(clock(LATEST_NOW.plus_seconds(1)).state, State::Fail);
        assert_eq!(clock(EARLIEST_NOW).state, State::Good);
    }

    #[test]
    fn render_for_a_program_is_one_line_per_check_and_setting() {
        let checks = [
            Check::good("program", "mab".into()),
            Check::warn("data folder", "readable\u{1b}".into(), "chmod it"),
        ];
        let settings = [EffectiveSetting {
            key: "log",
            value: "warn".into(),
            source: "env MAB_LOG".into(),
            help: "what is logged",
        }];
        let mut page = Page::new(None);
        render(&settings, &checks, &mut page);
        assert_eq!(
            page.as_str(),
            "ok\tprogram\tmab\t-\nwarn\tdata folder\treadable\\u{1b}\tchmod it\nsetting\tlog\twarn\tenv MAB_LOG\n"
        );
    }
}
