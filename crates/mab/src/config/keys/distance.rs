//! How far apart two names are, to tell what a misspelt one was meant to be.

/// Edits that turn one name into the other (Levenshtein 1966), one row of the matrix at a time.
pub(super) fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(MAX_COMPARED_CHARS).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (done, from) in left.chars().enumerate() {
        let mut diagonal = done;
        let mut left_neighbour = done + 1;
        if let Some(first) = row.first_mut() {
            *first = left_neighbour;
        }
        for (cell, to) in row.iter_mut().skip(1).zip(&right) {
            let kept = diagonal + usize::from(from != *to);
            diagonal = *cell;
            left_neighbour = kept.min(diagonal + 1).min(left_neighbour + 1);
            *cell = left_neighbour;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// Most characters of a name that are compared.
const MAX_COMPARED_CHARS: usize = 64;
