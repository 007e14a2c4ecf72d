//! The same tokens in other surroundings: one token per rule, in the shapes in which agents write them.
//!
//! To add a carrier, add a line to [`CARRIERS`]; `{}` is the token.

use crate::Options;
use crate::corpus::{Item, one_per_rule};
use crate::encodings::{self as enc, all};
use crate::form::whole;
use crate::score::{Score, Tally, judge, occurrences};
use crate::subject::Subject;
use crate::table::Table;

/// A name, whether it has a key word, a URL's or a header's shape, what the carrier's syntax makes of a token, and the
/// carrier.
type Carrier = (&'static str, bool, fn(char, &mut String), &'static str);

const CARRIERS: &[Carrier] = &[
    ("bare", false, raw, "{}"),
    ("The token is X.", true, raw, "The token is {}."),
    ("(X)", false, raw, "It still answers 401 ({}), please look."),
    ("list a,X,b", false, raw, "alpha,{},beta"),
    (
        "?access_token=X&page=2",
        true,
        enc::percent_reserved,
        "https://api.example.com/v1?access_token={}&page=2",
    ),
    (
        "https://oauth2:X@host",
        true,
        enc::percent_reserved,
        "git clone https://oauth2:{}@git.example.com/a/b.git",
    ),
    ("Authorization: Bearer X", true, raw, "Authorization: Bearer {}"),
    ("JSON", true, enc::json, "{\"user\": \"ci\", \"api_token\": \"{}\"}"),
    ("JSON in a JSON string", true, json_twice, "{\"body\": \"{\\\"api_token\\\": \\\"{}\\\"}\"}"),
    ("密码是X请保密", true, raw, "密码是{}请保密"),
    ("<apiToken>X</apiToken>", true, enc::xml, "<apiToken>{}</apiToken>"),
    (".env line", true, raw, "API_TOKEN={}"),
    ("diff line", true, raw, "@@ -1 +1 @@\n-api_token = \"\"\n+api_token = \"{}\""),
    ("log key=value", true, raw, "2026-11-22T10:00:00Z level=info msg=login token={} user=7"),
    ("Markdown table with key", true, raw, "| setting | value |\n|---|---|\n| API token | {} |"),
    ("Markdown table without", false, raw, "| host | value |\n|---|---|\n| staging | {} |"),
    ("file name backup_X_old.txt", false, raw, "see backup_{}_old.txt"),
    ("YAML", true, raw, "database:\n  user: app\n  password: {}\n  port: 5432"),
    ("curl -u", true, raw, "curl -u deploy:{} https://api.example.com/v1"),
    ("--token X", true, raw, "deploy --token {} --region eu-1"),
    ("connection URL", true, enc::percent_reserved, "postgres://app:{}@db.example.com:5432/app"),
    ("connection string", true, raw, "Server=db.example.com;User Id=app;Password={};Encrypt=true"),
];

fn raw(letter: char, out: &mut String) {
    out.push(letter);
}

fn json_twice(letter: char, out: &mut String) {
    out.push_str(&all(&all(&letter.to_string(), enc::json), enc::json));
}

/// Says whether every carrier can hold the token as it is: some would need quotes around other letters.
fn fits(item: &Item) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~+/=:@%!*#^".contains(&byte);
    item.secrets.first().is_some_and(|token| {
        (6..=512).contains(&token.len()) && token.bytes().all(is_plain) && item.text.contains(token)
    })
}

/// Prints the recall in each carrier.
pub(crate) fn report(subject: &Subject, items: &[Item], options: &Options) {
    let items = one_per_rule(items, fits);
    let mut table = Table::new(&["carrier", "tokens", "full", "partial"]);
    let mut original = Tally::default();
    for item in &items {
        let places = occurrences(&item.text, item.secrets.get(..1).unwrap_or_default());
        let places: Vec<_> = places.into_iter().map(whole).collect();
        original.add(judge(&places, &subject.findings(&item.text)));
    }
    table.row(&cells("original text".to_owned(), original));
    let mut shaped = Tally::default();
    for &(name, is_shaped, escape, carrier) in CARRIERS {
        let mut tally = Tally::default();
        for item in &items {
            let token = all(item.secrets.first().map_or("", String::as_str), escape);
            let text = carrier.replacen("{}", &token, 1);
            let start = carrier.find("{}").unwrap_or_default();
            let place = vec![whole(start..start + token.len())];
            let score = judge(&place, &subject.findings(&text));
            tally.add(score);
            if options.has("--misses") && is_shaped && score != Score::Full {
                println!("{score:?}\t{name}\t{}/{}\t{text:?}", item.source, item.rule);
            }
        }
        if is_shaped {
            shaped = shaped.join(tally);
        }
        table.row(&cells(if is_shaped { name.to_owned() } else { format!("*{name}*") }, tally));
    }
    table.row(&cells("**with key word, URL or header shape**".to_owned(), shaped));
    table.print("Carriers (one token per rule; in italics: nothing says that it is a secret)");
}

fn cells(title: String, tally: Tally) -> [String; 4] {
    [title, tally.total.to_string(), tally.full_percent(), tally.partial_percent()]
}
