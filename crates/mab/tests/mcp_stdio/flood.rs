//! Ten thousand wrong tokens from eight processes at once fill neither disk nor log, and keep out nobody who was there.

use std::{fs, path::Path, thread};

use serde_json::{Value, json};

use crate::client::{Client, data};

const PROCESSES: usize = 8;
const GUESSES_EACH: usize = 1_250;
/// The default of `limits.guesses_per_minute`.
const PER_MINUTE: usize = 60;
/// What a flood may add to the files of the store: 0.7 MB were measured (2026-11-22), nearly all of it pages in the log
/// ahead of the file, which is used again from 4 MB on.
const GROWTH_MAX_BYTES: u64 = 5 << 20;

fn size(folder: &Path) -> u64 {
    let files = ["bridge.db", "bridge.db-wal"].map(|name| fs::metadata(folder.join(name)));
    files.into_iter().flatten().map(|file| file.len()).sum()
}

/// Guesses, and returns how many were heard and judged, and how many lines were logged.
fn guess(folder: &Path, conversation: &Value) -> (usize, usize) {
    let mut guesser = Client::opened(folder, &[("MAB_LOG", "info")]);
    let mut judged = 0;
    for n in 0..GUESSES_EACH {
        let wrong = json!({"conversation_id": conversation, "session_id": "b", "token": format!("{n:064x}")});
        let refused = guesser.refused("check_messages", wrong);
        if refused["code"] == "invalid_token" {
            judged += 1;
        } else {
            assert_eq!(refused["code"], "rate_limited");
            assert!(refused["retry_after_s"].as_u64().is_some_and(|wait_s| (1..=60).contains(&wait_s)));
        }
    }
    (judged, guesser.end().1.lines().count())
}

#[test]
fn ten_thousand_wrong_tokens_fill_neither_disk_nor_log_and_are_all_counted() {
    let (_place, folder) = data();
    let mut agent = Client::opened(&folder, &[]);
    let opened = agent.did("create_conversation", json!({"my_role": "backend", "partner_role": "frontend"}));
    let conversation = &opened["conversation_id"];
    let before = size(&folder);
    let told: Vec<(usize, usize)> = thread::scope(|scope| {
        let guessing: Vec<_> = (0..PROCESSES).map(|_| scope.spawn(|| guess(&folder, conversation))).collect();
        // Whoever was there before works on.
        agent.did("send_to_partner", json!({"message": "undisturbed"}));
        guessing.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (judged, lines): (Vec<_>, Vec<_>) = told.into_iter().unzip();
    let (judged, lines, grown) =
        (judged.iter().sum::<usize>(), lines.iter().sum::<usize>(), size(&folder) - before);
    println!("{judged} of {} judged, {lines} lines logged, {grown} bytes written", PROCESSES * GUESSES_EACH);
    assert!(grown <= GROWTH_MAX_BYTES, "{grown} bytes");
    assert!(
        lines <= PROCESSES * GUESSES_EACH / 10,
        "{lines} lines: 60 a minute and process, and one that counts"
    );
    let store = rusqlite::Connection::open(folder.join("bridge.db")).unwrap();
    let number = |sql: &str| store.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap() as usize;
    assert_eq!(number("SELECT max(n) FROM accepted WHERE kind = 5"), judged, "each was charged, and told so");
    let too_close = format!(
        "SELECT count(*) FROM accepted x JOIN accepted y ON y.subject = x.subject AND y.kind = 5
         AND y.n = x.n + {PER_MINUTE} WHERE x.kind = 5 AND y.at - x.at < 60000"
    );
    assert_eq!(number(&too_close), 0, "never more than {PER_MINUTE} in one minute");
    assert!(judged >= PER_MINUTE);
    let counted = number(
        "SELECT (SELECT count(*) FROM audit WHERE outcome = 'invalid_token')
         + (SELECT sum(unrecorded) FROM conversation)
         + (SELECT coalesce(sum(json_extract(detail, '$.unrecorded_refusals')), 0) FROM audit)",
    );
    assert_eq!(counted, PROCESSES * GUESSES_EACH, "an auditor sees how large the flood was");
}
