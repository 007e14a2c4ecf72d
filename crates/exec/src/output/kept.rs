//! The beginning and the end of one stream.

use super::{PART_BYTES, WINDOW_BYTES};

/// What is kept of one stream while it is read.
#[derive(Debug, Default)]
pub(super) struct Kept {
    front: Vec<u8>,
    /// What follows the front, but for what was dropped: its last bytes.
    back: Vec<u8>,
    dropped: u64,
}

/// Bytes of a stream, one after the other.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) bytes: Vec<u8>,
    /// Where they begin in the stream.
    pub(super) start: u64,
}

impl Kept {
    /// Adds what was read. What is dropped is shown to `learn` before, with a window of what follows it.
    pub(super) fn push(&mut self, mut bytes: &[u8], learn: &mut impl FnMut(&[u8])) {
        let room = (SPAN_BYTES - self.front.len()).min(bytes.len());
        if let Some((first, rest)) = bytes.split_at_checked(room) {
            self.front.extend_from_slice(first);
            bytes = rest;
        }
        while !bytes.is_empty() {
            let room = (2 * SPAN_BYTES + WINDOW_BYTES - self.back.len()).min(bytes.len());
            let Some((first, rest)) = bytes.split_at_checked(room) else { return };
            self.back.extend_from_slice(first);
            bytes = rest;
            if self.back.len() == 2 * SPAN_BYTES + WINDOW_BYTES {
                learn(self.back.get(..SPAN_BYTES + WINDOW_BYTES).unwrap_or_default());
                self.back.drain(..SPAN_BYTES);
                self.dropped += SPAN_BYTES as u64;
            }
        }
    }

    /// Bytes that were printed.
    pub(super) fn total(&self) -> u64 {
        self.front.len() as u64 + self.dropped + self.back.len() as u64
    }

    /// Its last bytes, at most so many.
    pub(super) fn last(&self, most: usize) -> Vec<u8> {
        let back = self.back.get(self.back.len().saturating_sub(most)..).unwrap_or_default();
        let more = if self.dropped == 0 { most - back.len() } else { 0 };
        let front = self.front.get(self.front.len().saturating_sub(more)..).unwrap_or_default();
        [front, back].concat()
    }

    /// All of it when nothing was dropped, else its beginning and its end.
    pub(super) fn stretches(self) -> Vec<Stretch> {
        let start = self.front.len() as u64 + self.dropped;
        if self.dropped == 0 {
            return vec![Stretch { bytes: [self.front, self.back].concat(), start: 0 }];
        }
        vec![Stretch { bytes: self.front, start: 0 }, Stretch { bytes: self.back, start }]
    }
}

/// A part with the window beside it.
const SPAN_BYTES: usize = PART_BYTES + WINDOW_BYTES;

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(length: usize, step: usize) -> (Kept, Vec<u8>, Vec<u8>) {
        let bytes: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let (mut kept, mut learned) = (Kept::default(), Vec::new());
        for part in bytes.chunks(step) {
            kept.push(part, &mut |dropped| learned.extend_from_slice(&dropped[..SPAN_BYTES]));
        }
        (kept, bytes, learned)
    }

    #[test]
    fn stream_when_it_fits_is_kept_whole() {
        for length in [0, 1, SPAN_BYTES, 2 * SPAN_BYTES, 3 * SPAN_BYTES + WINDOW_BYTES - 1] {
            let (kept, bytes, learned) = filled(length, 4099);
            assert!(learned.is_empty());
            assert_eq!(kept.total(), length as u64);
            assert_eq!(kept.last(7), bytes[length.saturating_sub(7)..]);
            assert_eq!(kept.stretches(), [Stretch { bytes, start: 0 }]);
        }
    }

    #[test]
    fn stream_when_it_is_long_keeps_both_ends_and_shows_the_rest() {
        for (length, step) in [(3 * SPAN_BYTES + WINDOW_BYTES, 1 << 20), (9 * SPAN_BYTES + 5, 65_536)] {
            let (kept, bytes, learned) = filled(length, step);
            assert_eq!(kept.total(), length as u64);
            assert_eq!(kept.last(SPAN_BYTES), bytes[length - SPAN_BYTES..]);
            let stretches = kept.stretches();
            let start = usize::try_from(stretches[1].start).unwrap();
            assert_eq!(stretches[0].bytes, bytes[..SPAN_BYTES]);
            assert_eq!(stretches[1].bytes, bytes[start..]);
            assert!(stretches[1].bytes.len() >= SPAN_BYTES);
            assert_eq!(learned, bytes[SPAN_BYTES..start]);
        }
    }
}
