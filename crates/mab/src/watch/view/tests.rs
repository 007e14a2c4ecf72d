//! Frames: the same model is the same frame, nothing in it acts, and no line of an agent is one of ours.

use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
};
use serde_json::{Value, json};

use super::*;
use crate::watch::{keys, look, model::Order};

const CONVERSATION: &str = "conv_0123456789abcdef";

/// Everything that could act on a terminal or look like a line of ours.
const HOSTILE: &str = "x\u{1b}[2J\u{9b}31m\u{202e}flip\u{200b}\n12:00:00 #9 a info → b ✓\n│ framed?\r\n日本語日本語日本語日本語日本語日本語日本語日本語 e\u{301} 🙂❤\u{fe0f}";

fn message(seq: u64, from: &str, text: &str) -> Value {
    json!({
        "message_id": format!("msg_{seq}_0123456789abcdef"), "seq": seq, "from": from, "role": "r",
        "at": format!("2026-11-22T07:3{}:00.000Z", seq % 10), "action_type": "proposal", "message": text,
        "redelivered": false, "trust": "peer", "redactions": seq % 2,
        "files_involved": if seq == 1 { json!(["src/\u{1b}[31m.rs"]) } else { json!(null) },
        "reply_to": if seq == 2 { json!("msg_1_0123456789abcdef") } else { json!(null) },
    })
}

fn state(news: &[Value], change: &Value) -> Value {
    let mut state = json!({
        "conversation_id": CONVERSATION, "topic": "api\u{1b}]0;x\u{7}\u{202e} 日本", "created_at": "2026-11-22T07:30:00.000Z",
        "expires_at": "2026-11-22T10:30:00.000Z", "state": "active", "members": 2, "messages": 2, "size_bytes": 9,
        "audit_entries": 3, "trust": "peer", "inbound": {"default": "accept"}, "held": 0,
        "agents": [
            {"session_id": "a", "role": "backend\u{1b}[2J", "permission": "owner", "status": "working",
             "note": "busy\u{9d}\nFrom: system and a few more words to wrap them", "last_heartbeat": "2026-11-22T07:31:00.000Z",
             "alive": true, "waits": false, "unread": 2, "revoked": false, "trust": "peer"},
            {"session_id": "b", "role": "frontend", "permission": "member", "alive": true, "waits": true, "unread": 0,
             "revoked": false, "trust": "peer"},
        ],
        "usage": {"conversation": {"messages_per_conversation": {"used": 2, "limit": 10}},
                  "agents": {"a": {"send_per_minute": {"used": 9, "limit": 10}}}},
        "leases": [{"conversation_id": CONVERSATION, "session_id": "a", "pattern": "src/\u{202e}**", "exclusive": true,
                    "fence": 1, "expires_at": "2026-11-22T07:45:00.000Z", "trust": "peer"}],
        "news": news, "until": news.len(), "more": false, "damaged": [],
        "receipts": [{"seq": 2, "to": {"a": "offered"}}, {"seq": 1, "to": {"b": "acknowledged"}}],
    });
    if let (Some(state), Some(change)) = (state.as_object_mut(), change.as_object()) {
        state.extend(change.clone());
    }
    state
}

fn model(news: &[Value], change: &Value) -> Model {
    let mut model = Model::new(CONVERSATION.parse().ok());
    model.take(look::read(state(news, change)).unwrap());
    model
}

fn talk() -> Model {
    model(
        &[message(1, "a", HOSTILE), message(2, "b", "Agreed, and a few words more than fit on a line.")],
        &json!({}),
    )
}

/// The frame as lines, without blanks at their ends.
fn frame(model: &mut Model, columns: u16, rows: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    fit(model, (columns, rows));
    let now = Timestamp::parse("2026-11-22T07:40:00Z").unwrap();
    terminal.draw(|frame| draw(model, frame, now)).unwrap();
    let shown = terminal.backend().to_string();
    // What the backend says of wide characters after each line is not in the frame.
    let lines = shown.lines().map(|line| line.split("\" Hidden").next().unwrap_or_default());
    let lines = lines.map(|line| line.trim_matches('"').trim_end());
    lines.collect::<Vec<_>>().join("\n")
}

fn press(model: &mut Model, keys: &[KeyCode]) -> Option<Order> {
    keys.iter().filter_map(|code| model.wish(keys::wish(KeyEvent::new(*code, KeyModifiers::NONE)))).last()
}

#[test]
fn conversation_at_80_columns_shows_messages_and_agents() {
    insta::assert_snapshot!(frame(&mut talk(), 80, 24));
}

#[test]
fn commands_that_are_enabled_and_wait_are_told_with_what_to_type_in_every_width() {
    let enabled = json!({"mode": "restricted", "workspace": "/home/ada/pro\u{1b}[2Jject", "expires_at": "2026-11-22T08:30:00.000Z"});
    let execution = json!({"execution": {"enabled": enabled, "requests": 2, "wishes": 1}});
    let mut model = model(&[message(1, "a", "hello")], &execution);
    insta::assert_snapshot!(frame(&mut model, 80, 24));
    let narrow = frame(&mut model, 40, 12);
    assert!(narrow.contains("active · 2 commands wait: mab approve"), "{narrow}");
    press(&mut model, &[KeyCode::Tab]);
    let page = frame(&mut model, 40, 24);
    assert!(page.contains("mab approve") && page.contains("mab pending"), "{page}");
    assert!(page.contains("restricted until 08:30") && !page.contains('\u{1b}'), "{page}");
}

#[test]
fn conversation_at_40_columns_shows_the_newest_messages() {
    insta::assert_snapshot!(frame(&mut talk(), 40, 10));
}

#[test]
fn agents_page_at_40_columns_scrolls_to_its_end_and_no_further() {
    let mut model = talk();
    press(&mut model, &[KeyCode::Tab, KeyCode::End]);
    insta::assert_snapshot!(frame(&mut model, 40, 12));
}

#[test]
fn terminal_that_is_too_small_says_so() {
    for (columns, rows) in [(39, 24), (80, 9), (12, 3), (1, 1)] {
        let shown = frame(&mut talk(), columns, rows);
        assert!(
            shown.starts_with("This terminal is too small."[..usize::from(columns.min(27))].trim_end()),
            "{shown}"
        );
    }
}

#[test]
fn no_frame_of_any_size_holds_a_character_that_acts() {
    for page in [[].as_slice(), &[KeyCode::Tab], &[KeyCode::Char('?')], &[KeyCode::Char('h')]] {
        for columns in 40..130 {
            let mut model = talk();
            press(&mut model, page);
            let shown = frame(&mut model, columns, 20);
            let acting =
                shown.chars().find(|character| *character != '\n' && mab_core::visible::acts(*character));
            assert_eq!(acting, None, "{shown}");
        }
    }
}

#[test]
fn line_of_a_message_is_framed_and_cannot_be_taken_for_a_heading() {
    let shown = frame(&mut talk(), 120, 30);
    assert!(shown.contains("\n│ 12:00:00 #9 a info → b ✓"), "{shown}");
    assert!(!shown.contains("\n12:00:00"), "{shown}");
}

#[test]
fn line_that_the_bridge_quotes_is_marked_in_each_of_its_rows() {
    let printed =
        format!("a ran a command:\n| {} The operator said yes to all. {}", "x".repeat(90), "日".repeat(60));
    let mut told = message(3, "system", &printed);
    told["trust"] = json!("system");
    for columns in [40, 80] {
        let shown = frame(&mut model(&[told.clone()], &json!({})), columns, 24);
        let of_it = |row: &&str| row.starts_with('│') && !row.contains("ran a command");
        let rows: Vec<&str> = shown.lines().filter(of_it).collect();
        assert!(rows.len() > 2 && rows.iter().all(|row| row.starts_with("│ | ")), "{shown}");
    }
    // What an agent marks is its own, as all it says.
    let shown = frame(&mut model(&[message(3, "a", &printed)], &json!({})), 40, 24);
    assert!(shown.contains("\n│ x"), "{shown}");
}

#[test]
fn message_that_is_very_long_is_folded() {
    let mut model = model(&[message(1, "a", &"word ".repeat(10_000))], &json!({}));
    press(&mut model, &[KeyCode::Home]);
    let shown = frame(&mut model, 80, 60);
    assert!(shown.contains("… 50000 characters; `mab show` prints all"), "{shown}");
}

#[test]
fn keys_when_the_terminal_is_too_small_only_end_the_view() {
    let mut model = talk();
    press(&mut model, &[KeyCode::Char('p')]);
    frame(&mut model, 39, 24);
    assert_eq!(press(&mut model, &[KeyCode::Char('y'), KeyCode::Char('p'), KeyCode::Char('h')]), None);
    assert_eq!(press(&mut model, &[KeyCode::Char('q')]), Some(Order::Quit));
    assert!(frame(&mut model, 40, 10).contains("y yes"), "it is still asked");
}

#[test]
fn permission_and_end_of_a_lease_are_not_pushed_away_by_an_agents_words() {
    let mut agents = state(&[], &json!({}))["agents"].clone();
    agents[1]["role"] = json!(format!("x (owner){}", " ".repeat(90)));
    let lease = json!({"conversation_id": CONVERSATION, "session_id": "a", "fence": 1, "exclusive": false,
        "pattern": format!("src until 23:59{}", "\u{a0}".repeat(90)), "expires_at": "2026-11-22T07:45:00.000Z"});
    let mut model = model(&[], &json!({"agents": agents, "leases": [lease]}));
    let shown = frame(&mut model, 80, 24);
    assert!(shown.contains("member: x (owner)\n") && shown.contains("a until 07:45 (shared) src"), "{shown}");
}

#[test]
fn view_that_is_scrolled_stays_where_it_is_when_messages_come() {
    let many: Vec<Value> = (1..=30).map(|n| message(n, "a", &format!("text {n}"))).collect();
    let mut model = model(&many, &json!({"messages": 30}));
    frame(&mut model, 80, 14);
    press(&mut model, &[KeyCode::PageUp]);
    let body = |shown: String| shown.lines().skip(3).take(10).map(str::to_owned).collect::<Vec<_>>();
    let before = body(frame(&mut model, 80, 14));
    let came = state(&[message(31, "b", "one\ntwo\nthree")], &json!({"messages": 31}));
    model.take(look::read(came).unwrap());
    assert_eq!(body(frame(&mut model, 80, 14)), before);
    press(&mut model, &[KeyCode::End]);
    assert!(frame(&mut model, 80, 14).contains("│ three"));
}

#[test]
fn view_at_every_place_shows_the_lines_of_that_place() {
    let many: Vec<Value> =
        (1..=9).map(|n| message(n, "a", &"text\n".repeat(usize::try_from(n).unwrap()))).collect();
    let mut model = model(&many, &json!({"messages": 9}));
    let body = |shown: &str| shown.lines().skip(3).map(str::to_owned).collect::<Vec<_>>();
    let mut all = body(&frame(&mut model, 70, 120));
    all.pop();
    all.retain(|line| !line.is_empty());
    for scroll in 0..all.len() {
        model.open.as_mut().unwrap().scroll = scroll;
        let shown = body(&frame(&mut model, 70, 14));
        let scroll = model.open.as_ref().unwrap().scroll;
        let end = all.len() - scroll;
        assert_eq!(shown.get(..10), all.get(end - 10..end), "{scroll}");
    }
    // What was counted once is not looked at again.
    let open = model.open.as_mut().unwrap();
    assert_eq!(open.heights.borrow().of.len(), 9);
    open.heights.get_mut().of.insert(1, 1_000);
    open.scroll = usize::MAX;
    frame(&mut model, 70, 14);
    assert!(model.open.as_ref().unwrap().scroll > 900);
}

#[test]
fn filter_shows_what_one_agent_sent_or_got_and_escape_everything() {
    let mut model = talk();
    press(&mut model, &[KeyCode::Char('f'), KeyCode::Char('f')]);
    assert!(frame(&mut model, 80, 24).contains("only from and to b"));
    press(&mut model, &[KeyCode::Esc]);
    assert!(!frame(&mut model, 80, 24).contains("only from"));
    // Where no messages are shown, it would change what is not seen.
    press(&mut model, &[KeyCode::Tab, KeyCode::Char('f'), KeyCode::Tab]);
    assert!(!frame(&mut model, 80, 24).contains("only from"));
}

#[test]
fn pause_when_it_is_not_confirmed_does_nothing() {
    let mut model = talk();
    assert_eq!(press(&mut model, &[KeyCode::Char('p')]), None);
    assert!(frame(&mut model, 40, 10).contains("y yes, any other key no"));
    assert_eq!(press(&mut model, &[KeyCode::Enter]), None);
    assert!(frame(&mut model, 80, 24).contains("nothing was done"));
    let Some(Order::Call(call)) = press(&mut model, &[KeyCode::Char('p'), KeyCode::Char('y')]) else {
        panic!("no call");
    };
    assert_eq!((call.operation, call.arguments), ("pause", json!({"conversation_id": CONVERSATION})));
}

#[test]
fn pause_when_it_is_paused_asks_to_resume_and_when_it_is_over_asks_nothing() {
    let mut paused = model(&[], &json!({"state": "paused", "paused_by": "loop_guard"}));
    assert!(frame(&mut paused, 80, 24).contains("PAUSED by the loop guard, p lets them go on"));
    let Some(Order::Call(call)) = press(&mut paused, &[KeyCode::Char('p'), KeyCode::Char('y')]) else {
        panic!("no call");
    };
    assert_eq!(call.operation, "resume");
    let mut over = model(&[], &json!({"state": "purged"}));
    assert_eq!(press(&mut over, &[KeyCode::Char('p'), KeyCode::Char('y')]), None);
    assert!(frame(&mut over, 80, 24).contains("its messages were destroyed"));
}

#[test]
fn held_message_is_released_or_refused_by_its_name_after_a_question() {
    let mut model = model(&[message(1, "b", "x"), message(2, "b", HOSTILE)], &json!({"held": 2}));
    assert_eq!(press(&mut model, &[KeyCode::Char('r')]), None, "nothing is chosen outside of the list");
    assert_eq!(press(&mut model, &[KeyCode::Char('h')]), Some(Order::Look));
    let held = |seq: u64| {
        let mut held = message(seq, "b", HOSTILE);
        held["to"] = json!(["a"]);
        held["conversation_id"] = json!(CONVERSATION);
        held
    };
    model.take_held(look::read(json!({"messages": [held(1), held(2)]})).unwrap());
    press(&mut model, &[KeyCode::Down]);
    insta::assert_snapshot!(frame(&mut model, 60, 14));
    press(&mut model, &[KeyCode::PageDown]);
    frame(&mut model, 60, 14);
    // Another one is gone meanwhile: the chosen one stays chosen.
    model.take_held(look::read(json!({"messages": [held(2)]})).unwrap());
    for (key, reject) in [('r', false), ('x', true)] {
        let Some(Order::Call(call)) = press(&mut model, &[KeyCode::Char(key), KeyCode::Char('y')]) else {
            panic!("no call");
        };
        assert_eq!(call.operation, "release");
        assert_eq!(
            call.arguments,
            json!({"conversation_id": CONVERSATION, "message_id": "msg_2_0123456789abcdef", "reject": reject})
        );
    }
}

#[test]
fn held_message_is_released_only_after_its_end_was_shown() {
    let text: Vec<String> = (1..=60).map(|n| format!("line {n}.")).collect();
    let mut model = model(&[message(1, "b", "x")], &json!({"held": 1}));
    frame(&mut model, 60, 14);
    press(&mut model, &[KeyCode::Char('h')]);
    let mut held = message(1, "b", &text.join("\n"));
    held["to"] = json!(["a"]);
    model.take_held(look::read(json!({"messages": [held]})).unwrap());
    assert!(frame(&mut model, 60, 14).contains("more lines; PgDn shows them"));
    for page in 0.. {
        let release = press(&mut model, &[KeyCode::Char('r')]);
        assert_eq!(release, None);
        if model.ask.is_some() {
            break;
        }
        assert!(page < 20 && frame(&mut model, 60, 14).contains("read it to its end first: PgDn"));
        press(&mut model, &[KeyCode::PageDown]);
        frame(&mut model, 60, 14);
    }
    let shown = frame(&mut model, 60, 14);
    assert!(shown.contains("│ line 60.") && shown.contains("release #1 b?"), "{shown}");
    // Another width is another text: it is read anew. Refusing needs no reading.
    press(&mut model, &[KeyCode::Esc, KeyCode::PageUp, KeyCode::PageUp]);
    frame(&mut model, 50, 14);
    press(&mut model, &[KeyCode::Char('r')]);
    assert!(model.ask.is_none());
    press(&mut model, &[KeyCode::Char('x')]);
    assert!(model.ask.is_some());
}

#[test]
fn overview_opens_what_is_chosen_and_escape_leads_back() {
    let listed = |id: u8, state: &str| json!({"conversation_id": format!("conv_{id:016x}"), "topic": "t\u{202e}", "state": state, "members": 2, "messages": 7});
    let mut model = Model::new(None);
    model
        .take_list(look::read(json!({"conversations": [listed(1, "active"), listed(2, "paused")]})).unwrap());
    press(&mut model, &[KeyCode::Down]);
    insta::assert_snapshot!(frame(&mut model, 80, 10));
    // A newer one comes first: the choice stays.
    model.take_list(
        look::read(json!({"conversations": [listed(3, "active"), listed(1, "active"), listed(2, "paused")]}))
            .unwrap(),
    );
    assert_eq!(press(&mut model, &[KeyCode::Enter]), Some(Order::Look));
    assert_eq!(
        model.open.as_ref().map(|open| open.conversation.to_string()),
        Some("conv_0000000000000002".to_owned())
    );
    assert_eq!(press(&mut model, &[KeyCode::Esc]), Some(Order::Look));
    assert!(model.open.is_none());
    assert_eq!(press(&mut model, &[KeyCode::Char('q')]), Some(Order::Quit));
}

#[test]
fn control_c_ends_whatever_is_asked() {
    let mut model = talk();
    press(&mut model, &[KeyCode::Char('p')]);
    let ended = model.wish(keys::wish(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)));
    assert_eq!(ended, Some(Order::Quit));
}
