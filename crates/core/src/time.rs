//! Wall-clock time in whole milliseconds.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A moment: milliseconds since 1970-01-01T00:00:00Z. Shown and serialised as RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment that many milliseconds after the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Reads RFC 3339; `None` when it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(|moment: jiff::Timestamp| Self(moment.as_millisecond()))
    }

    /// The moment `seconds` before.
    #[must_use]
    pub fn minus_seconds(self, seconds: u64) -> Self {
        let millis = i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(millis))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The moment `seconds` later; saturates at the end of time.
    #[must_use]
    pub const fn plus_seconds(self, seconds: u64) -> Self {
        let millis =
            if seconds > i64::MAX.cast_unsigned() / 1_000 { i64::MAX } else { seconds.cast_signed() * 1_000 };
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to here; zero when `earlier` is later.
    pub const fn millis_since(self, earlier: Self) -> u64 {
        let millis = self.0.saturating_sub(earlier.0);
        if millis > 0 { millis.cast_unsigned() } else { 0 }
    }

    /// Whole seconds from `earlier` to here, rounded up; zero when `earlier` is later.
    pub const fn seconds_since_rounded_up(self, earlier: Self) -> u64 {
        self.millis_since(earlier).div_ceil(1_000)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 with milliseconds, for example `2026-11-22T07:30:00.125Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => write!(f, "{moment:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("a time of RFC 3339 is needed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_rfc_3339_in_utc() {
        assert_eq!(Timestamp::from_millis(1_795_332_600_125).to_string(), "2026-11-22T07:30:00.125Z");
        assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), format!("{} ms", i64::MAX));
    }

    #[test]
    fn arithmetic_when_out_of_range_saturates() {
        assert_eq!(Timestamp::from_millis(5).plus_seconds(u64::MAX).millis(), i64::MAX);
        assert_eq!(Timestamp::from_millis(5).millis_since(Timestamp::from_millis(9)), 0);
        assert_eq!(Timestamp::from_millis(1_001).seconds_since_rounded_up(Timestamp::default()), 2);
    }
}
