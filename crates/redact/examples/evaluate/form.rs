//! A text in another form, with the places where its secrets are now.

use std::ops::Range;

/// A secret that lies in one piece.
pub(crate) fn whole(place: Range<usize>) -> Vec<Range<usize>> {
    vec![place]
}

/// A transformed text.
pub(crate) struct Form {
    /// What the redactor is given.
    pub(crate) text: String,
    /// For each secret, the pieces in which it lies.
    pub(crate) secrets: Vec<Vec<Range<usize>>>,
}

impl Form {
    /// The text as it is; overlapping places become one.
    pub(crate) fn plain(text: &str, mut places: Vec<Range<usize>>) -> Self {
        places.sort_by_key(|place| (place.start, place.end));
        let mut merged: Vec<Range<usize>> = Vec::new();
        for place in places {
            match merged.last_mut() {
                Some(last) if place.start < last.end => last.end = last.end.max(place.end),
                _ => merged.push(place),
            }
        }
        Self { text: text.to_owned(), secrets: merged.into_iter().map(whole).collect() }
    }

    /// Puts every character into the form that `write` gives it.
    pub(crate) fn each_char(&self, write: impl Fn(char, &mut String)) -> Self {
        let mut text = String::new();
        let mut places = vec![0; self.text.len() + 1];
        for (at, letter) in self.text.char_indices() {
            if let Some(place) = places.get_mut(at) {
                *place = text.len();
            }
            write(letter, &mut text);
        }
        if let Some(last) = places.last_mut() {
            *last = text.len();
        }
        self.moved(text, |at| places.get(at).copied().unwrap_or_default(), |end| end)
    }

    /// Replaces each secret by what `encode` makes of it.
    pub(crate) fn each_secret(&self, encode: impl Fn(&str) -> String) -> Self {
        self.rebuilt(|secret, out| {
            let start = out.len();
            out.push_str(&encode(secret));
            whole(start..out.len())
        })
    }

    /// Puts `separator` into each secret after every `size` characters.
    pub(crate) fn split_every(&self, size: usize, separator: &str) -> Self {
        self.rebuilt(|secret, out| {
            let letters: Vec<char> = secret.chars().collect();
            let mut pieces = Vec::new();
            for chunk in letters.chunks(size) {
                if !pieces.is_empty() {
                    out.push_str(separator);
                }
                let start = out.len();
                out.extend(chunk);
                pieces.push(start..out.len());
            }
            pieces
        })
    }

    /// Moves the first and the last byte of every piece into another `text`. The end is given to `start` as well, then
    /// to `round`, for encodings in which a byte ends inside a group.
    pub(crate) fn moved(
        &self,
        text: String,
        start: impl Fn(usize) -> usize,
        round: impl Fn(usize) -> usize,
    ) -> Self {
        let length = text.len();
        let place = |piece: &Range<usize>| start(piece.start)..start(round(piece.end)).min(length);
        let secrets = self.secrets.iter().map(|pieces| pieces.iter().map(place).collect()).collect();
        Self { text, secrets }
    }

    fn rebuilt(&self, mut write: impl FnMut(&str, &mut String) -> Vec<Range<usize>>) -> Self {
        let mut text = String::new();
        let mut secrets = Vec::new();
        let mut position = 0;
        for place in self.secrets.iter().flatten() {
            text.push_str(self.text.get(position..place.start).unwrap_or_default());
            secrets.push(write(self.text.get(place.clone()).unwrap_or_default(), &mut text));
            position = place.end;
        }
        text.push_str(self.text.get(position..).unwrap_or_default());
        Self { text, secrets }
    }
}
