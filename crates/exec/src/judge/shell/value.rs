//! What is known of a text before anything runs.

/// Stands in a text for what only the run will show. No command holds it: [`crate::Wanted::check`] refuses it.
pub(super) const UNKNOWN: char = '\0';

/// The longest text that is followed: longer ones are unknown.
const TEXT_MAX_BYTES: usize = 64 * 1024;

/// Where a text came from, when that makes it unfit to be executed or to be sent away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Taint {
    /// It never ends.
    Endless,
    /// It is a secret.
    Secret,
    /// It was unpacked or decoded: nobody has read it.
    Decoded,
    /// It came over the network.
    Download,
}

/// A text as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Value {
    /// With [`UNKNOWN`] in place of what is not known.
    pub(super) text: String,
    pub(super) taint: Option<Taint>,
    /// Whether characters of it were written as numbers.
    pub(super) encoded: bool,
}

impl Value {
    pub(super) fn known(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub(super) fn unknown() -> Self {
        Self::known(UNKNOWN)
    }

    pub(super) fn tainted(taint: Taint) -> Self {
        Self { text: UNKNOWN.into(), taint: Some(taint), encoded: false }
    }

    /// The same origin, another text.
    pub(super) fn with(&self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self.clone() }
    }

    pub(super) fn is_known(&self) -> bool {
        !self.text.contains(UNKNOWN)
    }

    /// The text as if everything unknown were empty: what an unset variable comes to.
    pub(super) fn shown(&self) -> String {
        self.text.replace(UNKNOWN, "")
    }

    pub(super) fn append(&mut self, more: &Self) {
        if self.text.len() + more.text.len() > TEXT_MAX_BYTES {
            self.text = UNKNOWN.into();
        } else {
            self.text.push_str(&more.text);
        }
        self.taint = self.taint.max(more.taint);
        self.encoded |= more.encoded;
    }

    /// Whether executing it would execute what nobody has read.
    pub(super) fn foreign(&self) -> bool {
        matches!(self.taint, Some(Taint::Download | Taint::Decoded))
    }
}
