//! What a command printed, made fit to be kept and shown.
//!
//! ```text
//! bytes ──► kept: first 256 KiB + window, last 256 KiB + window ──► text, other bytes marked ──► redacted ──► visible ──► cut
//!               └─ dropped: only learned from
//! ```
//! Nothing leaves this module that was not redacted and made visible. Redaction comes first, on what was printed, and the
//! cut last, never inside a secret: what is before the head's end is judged with a window of what follows it, what is
//! behind the tail's beginning with a window of what precedes it. A value that was found anywhere, also in what was
//! dropped, is known everywhere, on both streams.
//!
//! *Memory*: about 1 MiB a stream however much is printed. *Time*: linear.

mod captured;
mod decoded;
mod gathering;
mod kept;

pub(crate) use gathering::{Gathering, Knowledge};

/// Bytes of a stream that are kept of its beginning, and of its end.
pub(crate) const PART_BYTES: usize = 256 * 1024;
/// Bytes around a part that are looked at with it: longer than any secret that is known by its first bytes.
const WINDOW_BYTES: usize = 64 * 1024;
