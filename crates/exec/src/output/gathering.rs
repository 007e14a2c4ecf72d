//! Both streams of one run, as they are read.

use mab_redact::{Digest, Memory, Redaction, Redactor, Refusal, Scope};

use super::{
    PART_BYTES, WINDOW_BYTES,
    captured::{self, Shown, capture},
    decoded::decode,
    kept::Kept,
};
use crate::Captured;

/// What is known of secrets before a run prints anything.
pub(crate) struct Knowledge<'a> {
    /// Finds them.
    pub(crate) redactor: &'a Redactor,
    /// Values that were found before, in the same conversation.
    pub(crate) memory: Memory,
    /// Values that are known in clear.
    pub(crate) values: Option<&'a Memory>,
}

/// What was read so far of both streams.
pub(crate) struct Gathering<'a> {
    streams: [Kept; 2],
    /// Which was read last.
    newest: usize,
    knowledge: Knowledge<'a>,
    learned: Vec<Digest>,
}

/// What became of both streams: what is shown of each, and values to remember.
pub(crate) type Gathered = ([Captured; 2], Vec<Digest>);

impl<'a> Gathering<'a> {
    /// Nothing was read yet.
    pub(crate) fn new(knowledge: Knowledge<'a>) -> Self {
        Self { streams: Default::default(), newest: 0, knowledge, learned: Vec::new() }
    }

    /// Adds what was read of stdout (0) or stderr (1).
    pub(crate) fn push(&mut self, stream: usize, bytes: &[u8]) {
        let Some(kept) = self.streams.get_mut(stream) else { return };
        let (knowledge, learned) = (&mut self.knowledge, &mut self.learned);
        kept.push(bytes, &mut |dropped| {
            // Nothing of it is shown, so that nothing is lost when it is refused.
            if let Ok((_, digests)) = knowledge.redact(&decode(dropped)) {
                knowledge.learn(digests, learned);
            }
        });
        self.newest = stream;
    }

    /// Bytes that each stream printed.
    pub(crate) fn totals(&self) -> [u64; 2] {
        self.streams.each_ref().map(Kept::total)
    }

    /// The last line that was printed, as it is shown, cut; empty while there is none. A line that goes on is not shown, and
    /// a whole one only when the next is whole too, or when nothing came for a while (`is_quiet`): nobody knows whether it
    /// is half of a secret.
    pub(crate) fn last_line(&self, is_quiet: bool) -> String {
        let Some(kept) = self.streams.get(self.newest) else { return String::new() };
        let bytes = kept.last(LINE_WINDOW_BYTES);
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let Some(end) = bytes.iter().rposition(is_end) else { return String::new() };
        let text = decode(bytes.get(..end).unwrap_or_default()).replace("\r\n", "\n").replace('\r', "\n");
        let Ok((redaction, _)) = self.knowledge.redact(&text) else { return String::new() };
        let shown = captured::whole(Shown::new(&text, &redaction.findings, 0));
        // The first line may have begun before what was looked at.
        let cut = usize::from(kept.total() > LINE_WINDOW_BYTES as u64);
        let lines = shown.split('\n').skip(cut).filter(|line| !line.trim().is_empty());
        let lines: Vec<&str> = lines.collect();
        let last = lines.iter().rev().nth(usize::from(!is_quiet));
        last.copied().unwrap_or_default().chars().take(LINE_CHARACTERS).collect()
    }

    /// What is shown of both.
    pub(crate) fn finish(mut self) -> Gathered {
        let totals = self.totals();
        let texts = std::mem::take(&mut self.streams).map(|kept| {
            let stretches = kept.stretches().into_iter();
            stretches.map(|stretch| (decode(&stretch.bytes), stretch.start)).collect::<Vec<_>>()
        });
        // What is found in one of them is looked for in all of them.
        let is_one = texts.iter().flatten().filter(|(text, _)| !text.is_empty()).count() < 2;
        if !is_one {
            for (text, _) in texts.iter().flatten() {
                if let Ok((_, digests)) = self.knowledge.redact(text) {
                    self.knowledge.learn(digests, &mut self.learned);
                }
            }
        }
        let mut captured = [Captured::default(), Captured::default()];
        for ((slot, texts), total) in captured.iter_mut().zip(texts).zip(totals) {
            *slot = self.show(&texts, total);
        }
        (captured, self.learned)
    }

    fn show(&mut self, texts: &[(String, u64)], total_bytes: u64) -> Captured {
        let mut shown = Vec::with_capacity(texts.len());
        for (text, start) in texts {
            match self.knowledge.redact(text) {
                Ok((redaction, digests)) => {
                    self.knowledge.learn(digests, &mut self.learned);
                    shown.push(Shown::new(text, &redaction.findings, *start));
                }
                Err(refusal) => {
                    let head = format!("[not shown: {refusal}]\n");
                    return Captured { head, omitted_bytes: total_bytes, total_bytes, ..Captured::default() };
                }
            }
        }
        capture(&shown, total_bytes)
    }
}

impl Knowledge<'_> {
    fn redact(&self, text: &str) -> Result<(Redaction, Vec<Digest>), Refusal> {
        let scope = Scope { memory: Some(&self.memory), values: self.values, ..Scope::default() };
        let scoped = self.redactor.redact_in(text, &scope)?;
        Ok((scoped.redaction, scoped.learned))
    }

    fn learn(&mut self, digests: Vec<Digest>, learned: &mut Vec<Digest>) {
        for digest in digests {
            self.memory.add(digest.clone());
            learned.push(digest);
        }
        // More than a memory holds would only drive out what is there.
        learned.truncate(mab_redact::MEMORY_MAX);
    }
}

/// Bytes that are looked at for one line.
const LINE_WINDOW_BYTES: usize = 16 * 1024;
/// Characters of a line that are shown while a command runs.
const LINE_CHARACTERS: usize = 200;
const _: () = assert!(LINE_WINDOW_BYTES <= PART_BYTES + WINDOW_BYTES);

#[cfg(test)]
mod tests;
