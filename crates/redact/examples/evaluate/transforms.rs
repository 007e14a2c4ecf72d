//! Secrets in the forms that tools give them, against the recall of the same items as they were.
//!
//! To add a transformation, add a line to [`TRANSFORMS`].

use crate::Options;
use crate::corpus::{Item, one_per_rule};
use crate::encodings::{self as enc, all};
use crate::form::Form;
use crate::score::{Score, Tally, judge, occurrences};
use crate::subject::Subject;
use crate::table::{Table, ratio};

/// A name, whether the goal holds for it, and the transformation.
type Transform = (&'static str, bool, fn(&Form) -> Form);

const TRANSFORMS: &[Transform] = &[
    ("base64 of the message", true, enc::base64),
    ("… twice", true, |form| enc::base64(&enc::base64(form))),
    ("… URL-safe, no padding", true, enc::base64_url),
    ("… in lines of 76", true, enc::base64_wrapped),
    ("… of its UTF-16LE", true, enc::base64_utf16),
    ("… of its gzip", true, enc::gzip_base64),
    ("base64 of the value", true, |form| form.each_secret(enc::base64_value)),
    ("hex of the message", true, |form| form.each_char(enc::hex)),
    ("hex of the value", true, |form| form.each_secret(|value| all(value, enc::hex))),
    ("percent, message", true, |form| form.each_char(enc::percent_reserved)),
    ("percent, every byte of the value", true, |form| form.each_secret(|value| all(value, enc::percent))),
    ("JSON string", true, |form| form.each_char(enc::json)),
    ("JSON string in a JSON string", true, |form| form.each_char(enc::json).each_char(enc::json)),
    ("`\\u00XX` every character", true, |form| form.each_secret(|value| all(value, enc::unicode_escape))),
    ("`\\xXX` every character", true, |form| form.each_secret(|value| all(value, enc::byte_escape))),
    ("HTML entities", true, |form| form.each_secret(|value| all(value, enc::html))),
    ("zero-width space inside", true, |form| form.split_every(4, "\u{200b}")),
    ("soft hyphen inside", true, |form| form.split_every(4, "\u{ad}")),
    ("Cyrillic look-alikes", true, |form| form.each_secret(|value| all(value, enc::cyrillic))),
    ("full-width letters", true, |form| form.each_secret(|value| all(value, enc::full_width))),
    ("ANSI colour around", true, |form| form.each_secret(|value| format!("\u{1b}[31m{value}\u{1b}[0m"))),
    ("ANSI colour inside", true, |form| form.split_every(8, "\u{1b}[1m")),
    ("new line every 20", true, |form| form.split_every(20, "\n")),
    ("… and indent", true, |form| form.split_every(20, "\n    ")),
    ("… after a backslash", true, |form| form.split_every(20, "\\\n")),
    ("… and `> `", true, |form| form.split_every(20, "\n> ")),
    ("concatenated, `\" + \"`", true, |form| form.split_every(20, "\" + \"")),
    ("s p a c e d", false, |form| form.split_every(1, " ")),
    ("spaced in fours", false, |form| form.split_every(4, " ")),
    ("reversed", false, |form| form.each_secret(|value| value.chars().rev().collect())),
    ("rot13", false, |form| form.each_secret(|value| all(value, enc::rot13))),
];

/// Prints the recall of each transformation over one item per rule.
pub(crate) fn report(subject: &Subject, items: &[Item], options: &Options) {
    let items = one_per_rule(items, |item| !occurrences(&item.text, &item.secrets).is_empty());
    let plain: Vec<(&Item, Form, Score)> = items
        .into_iter()
        .map(|item| {
            let form = Form::plain(&item.text, occurrences(&item.text, &item.secrets));
            let score = judge(&form.secrets, &subject.findings(&form.text));
            (item, form, score)
        })
        .collect();
    let mut table = Table::new(&["transformation", "items", "full", "partial", "plain", "full / plain"]);
    let (mut sum, mut plain_sum) = (Tally::default(), Tally::default());
    for &(name, is_goal, transform) in TRANSFORMS {
        let (mut tally, mut before) = (Tally::default(), Tally::default());
        for (item, form, score) in &plain {
            let changed = transform(form);
            if changed.text == form.text {
                continue;
            }
            let after = judge(&changed.secrets, &subject.findings(&changed.text));
            tally.add(after);
            before.add(*score);
            if options.has("--misses") && *score == Score::Full && after != Score::Full {
                println!("{after:?}\t{name}\t{}/{}\t{:?}", item.source, item.rule, changed.text);
            }
        }
        if is_goal {
            (sum, plain_sum) = (sum.join(tally), plain_sum.join(before));
        }
        let title = if is_goal { name.to_owned() } else { format!("*{name}*") };
        table.row(&cells(title, tally, before));
    }
    table.row(&cells("**all but the last four**".to_owned(), sum, plain_sum));
    table.print("Transformed secrets (one item per rule; only items that the transformation changes)");
}

fn cells(title: String, tally: Tally, before: Tally) -> [String; 6] {
    [
        title,
        tally.total.to_string(),
        tally.full_percent(),
        tally.partial_percent(),
        before.full_percent(),
        format!("{:.3}", ratio(tally.full, before.full)),
    ]
}
