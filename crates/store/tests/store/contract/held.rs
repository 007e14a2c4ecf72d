//! The inbound policy: what it refuses, and what becomes of what it holds back.

use std::time::Duration;

use mab_core::{
    Code, Failure, MessageId, SessionId,
    agent::{ActionType, DeliveryState, Permission},
    entity::{Appended, HeldChange, HeldPage, NewMessage, OfferRequest, Quotas},
    inbound::{Inbound, InboundChange, Rule, Standing, Verdict},
    loop_guard::LoopGuard,
    policy::Action,
    watchdog::Reason,
};
use mab_store::TokenChange;

use crate::kit::{Kit, LIFE_S, Room, code, nowhere, operator, refused, request, seqs, sessions};

async fn set(kit: &Kit, room: &Room, rule: Rule, verdict: Verdict) -> Inbound {
    let change = InboundChange::Set(rule, verdict);
    kit.store.set_inbound(kit.stamp(room, "a", Action::SetInbound).await, room.id, change).await.unwrap()
}

/// A room of `a` (owner), `b`, `c` … in which everything is held.
async fn holding(kit: &Kit, members: u8) -> Room {
    let room = kit.room(members).await;
    set(kit, &room, Rule::Default, Verdict::Hold).await;
    room
}

fn judgement(room: &Room, id: MessageId, reject: bool) -> HeldChange {
    HeldChange { conversation: room.id, id, reject, unread_per_inbox: 1_000 }
}

async fn try_judge(kit: &Kit, change: HeldChange) -> Result<Vec<SessionId>, Failure> {
    let action = if change.reject { Action::RejectHeld } else { Action::ReleaseHeld };
    kit.store.judge_held(operator(action), change).await
}

async fn release(kit: &Kit, room: &Room, id: MessageId) -> Vec<SessionId> {
    try_judge(kit, judgement(room, id, false)).await.unwrap()
}

async fn reject(kit: &Kit, room: &Room, id: MessageId) -> Vec<SessionId> {
    try_judge(kit, judgement(room, id, true)).await.unwrap()
}

async fn try_send(kit: &Kit, room: &Room, session: &str, new: NewMessage) -> Result<Appended, Failure> {
    kit.store.append(kit.stamp(room, session, Action::Send).await, new).await
}

async fn held(kit: &Kit, room: &Room) -> Vec<u64> {
    kit.store
        .held(Some((room.id, 0)), 100)
        .await
        .unwrap()
        .messages
        .iter()
        .map(|it| it.message.id.seq)
        .collect()
}

/// What a member finds in the history: numbers, and what became of them.
async fn history(kit: &Kit, room: &Room, ordinal: Option<u8>) -> Vec<(u64, Option<Standing>)> {
    let pk = kit.state(room).await.pk;
    let page = kit.store.history(pk, ordinal, None, 100).await.unwrap();
    page.messages.iter().map(|message| (message.id.seq, message.standing)).collect()
}

/// The states of every message, newest first.
async fn states(kit: &Kit, room: &Room) -> Vec<Vec<DeliveryState>> {
    let pk = kit.state(room).await.pk;
    let receipts = kit.store.receipts(pk, None, None, 100).await.unwrap();
    receipts.iter().map(|receipt| receipt.to.iter().map(|(_, state)| *state).collect()).collect()
}

async fn remove(kit: &Kit, room: &Room, session: &str) {
    let change = Some(TokenChange::Revoke(session.parse().unwrap()));
    kit.store.manage_tokens(operator(Action::ManageTokens), room.id, change).await.unwrap();
}

pub(crate) async fn message_when_denied_is_refused_and_stores_nothing(kit: &Kit) {
    let room = kit.room(3).await;
    set(kit, &room, Rule::ActionType(ActionType::Proposal), Verdict::Deny).await;
    let before = kit.state(&room).await;
    let proposal = NewMessage { action_type: ActionType::Proposal, ..kit.message(&room, "x") };
    let stamp = kit.charged(&room, "b", Action::Send, &[(1, 60)]).await;
    let denied = refused(kit.store.append(stamp, proposal).await);
    assert_eq!(denied.code, Code::NotAccepted);
    assert!(denied.hint.is_some_and(|hint| hint.contains(&format!("mab inbound {}", room.id))));
    kit.assert_only_recorded(&room, before, Code::NotAccepted).await;
    let stamp = kit.charged(&room, "b", Action::Send, &[(1, 60)]).await;
    let sent = kit.store.append(stamp, kit.message(&room, "an info, and nothing was spent")).await.unwrap();
    assert_eq!((sent.standing, sent.moderators), (None, Vec::new()));
    let proposal = NewMessage { action_type: ActionType::Proposal, ..kit.message(&room, "of the owner") };
    assert_eq!(try_send(kit, &room, "a", proposal).await.unwrap().standing, None);
}

pub(crate) async fn message_when_held_is_seen_by_its_sender_only(kit: &Kit) {
    let room = holding(kit, 3).await;
    let sent = kit.send(&room, "b", "hello").await;
    assert_eq!(sent.standing, Some(Standing::Held));
    assert_eq!((sent.recipients, sent.moderators), (sessions(&["a", "c"]), sessions(&["a"])));
    assert!(kit.newest_entry(&room).await.entry.detail.contains(r#""standing":"held""#));
    assert_eq!(kit.unread(&room).await, [0, 0, 0]);
    for name in ["a", "c"] {
        assert_eq!(seqs(&kit.check(&room, name, request()).await.messages), [0_u64; 0]);
    }
    assert_eq!(history(kit, &room, Some(0)).await, []);
    assert_eq!(history(kit, &room, Some(1)).await, [(1, Some(Standing::Held))]);
    assert_eq!(history(kit, &room, None).await, [(1, Some(Standing::Held))]);
    assert_eq!(states(kit, &room).await, [[DeliveryState::Held; 2]]);
    let pk = kit.state(&room).await.pk;
    assert_eq!(kit.store.overdue(pk, 1).await.unwrap(), [], "nobody lets it lie");
    let page = kit.store.held(None, 10).await.unwrap();
    let [waiting] = page.messages.as_slice() else { panic!("{page:?}") };
    assert_eq!(room.texts(std::slice::from_ref(&waiting.message)), ["hello"]);
    let (conversation, to, held_at) = (waiting.conversation, waiting.to.clone(), waiting.held_at);
    assert_eq!((conversation, to, held_at), (room.id, sessions(&["a", "c"]), sent.at));
    assert_eq!(kit.send(&room, "a", "of the owner").await.standing, None);
}

pub(crate) async fn message_when_released_is_delivered_in_its_place(kit: &Kit) {
    let room = holding(kit, 3).await;
    let first = kit.send(&room, "b", "first").await;
    kit.send(&room, "a", "second").await;
    let batch = kit.check(&room, "c", request()).await.batch;
    kit.check(&room, "c", OfferRequest { ack: batch, ..request() }).await;
    let agent = kit.store.member(room.id, &sessions(&["c"])[0]).await.unwrap().unwrap().agent_pk;
    let arrivals = async || kit.store.outlook(agent, 1, true).await.unwrap().unwrap().arrivals;
    let before = arrivals().await;
    assert_eq!(release(kit, &room, first.id).await, sessions(&["a", "c"]));
    let entry = kit.newest_entry(&room).await.entry;
    assert_eq!((entry.actor.as_str(), entry.action.as_str()), ("operator", "release_held"));
    assert_eq!(entry.detail, format!(r#"{{"message":"{}","to":["a","c"]}}"#, first.id));
    assert!(arrivals().await > before, "a watcher sees it, though what it has seen is newer");
    assert_eq!((held(kit, &room).await, kit.unread(&room).await), (vec![], vec![1, 1, 1]));
    assert_eq!(states(kit, &room).await[1], [DeliveryState::Stored; 2]);
    kit.send(&room, "a", "third").await;
    let offered = kit.check(&room, "c", OfferRequest { tag: 9, ..request() }).await;
    assert_eq!(seqs(&offered.messages), [1, 3], "oldest first");
    assert!(offered.messages.iter().all(|message| !message.redelivered && message.standing.is_none()));
    kit.check(&room, "c", OfferRequest { ack: offered.batch, ..request() }).await;
    assert_eq!(kit.unread(&room).await, [1, 2, 0]);
    assert_eq!(kit.state(&room).await.agents[2].last_acknowledged_seq, Some(3));
    assert_eq!(states(kit, &room).await[2], [DeliveryState::Stored, DeliveryState::Acknowledged]);
    assert_eq!(history(kit, &room, Some(2)).await, [(3, None), (2, None), (1, None)]);
    assert_eq!(code(try_judge(kit, judgement(&room, first.id, false)).await), Code::UnknownMessage);
}

pub(crate) async fn message_when_rejected_is_never_delivered_and_its_sender_hears_of_it(kit: &Kit) {
    let room = holding(kit, 3).await;
    let sent = kit.send(&room, "b", "no").await;
    kit.send(&room, "c", "of somebody else").await;
    assert_eq!(reject(kit, &room, sent.id).await, sessions(&["a", "c"]));
    assert_eq!(kit.newest_entry(&room).await.entry.action, "reject_held");
    assert_eq!((held(kit, &room).await, kit.unread(&room).await), (vec![2], vec![0, 0, 0]));
    assert_eq!(history(kit, &room, Some(1)).await, [(1, Some(Standing::Rejected))]);
    assert_eq!(history(kit, &room, Some(0)).await, []);
    assert_eq!(states(kit, &room).await[1], [DeliveryState::Rejected; 2]);
    let pk = kit.state(&room).await.pk;
    let told = kit.store.overdue(pk, 1).await.unwrap();
    let told: Vec<_> = told.iter().map(|one| (one.session.as_str(), one.id, one.lost)).collect();
    assert_eq!(told, [("a", sent.id, Some(Reason::Rejected)), ("c", sent.id, Some(Reason::Rejected))]);
    assert_eq!(kit.store.overdue(pk, 2).await.unwrap(), [], "c's is not judged yet");
    for judged in [true, false] {
        assert_eq!(code(try_judge(kit, judgement(&room, sent.id, judged)).await), Code::UnknownMessage);
    }
}

pub(crate) async fn reply_to_a_message_that_is_held_for_one_is_refused(kit: &Kit) {
    let room = holding(kit, 3).await;
    let sent = kit.send(&room, "b", "secret").await;
    let reply = || NewMessage { reply_to: Some(sent.id), ..kit.message(&room, "I know") };
    assert_eq!(code(try_send(kit, &room, "a", reply()).await), Code::UnknownMessage);
    assert!(try_send(kit, &room, "b", reply()).await.is_ok(), "its sender knows it");
    release(kit, &room, sent.id).await;
    assert!(try_send(kit, &room, "a", reply()).await.is_ok());
}

pub(crate) async fn repeat_of_a_held_send_tells_what_became_of_it(kit: &Kit) {
    let room = holding(kit, 3).await;
    let keyed = |text| kit.keyed(&room, "b", text, text);
    let repeat = async |text| try_send(kit, &room, "b", keyed(text)).await.unwrap();
    let first = repeat("one").await;
    let again = repeat("one").await;
    assert_eq!(again, Appended { repeated: true, ..first.clone() });
    assert_eq!(again.moderators, sessions(&["a"]));
    release(kit, &room, first.id).await;
    let released = Appended { standing: None, moderators: Vec::new(), repeated: true, ..first.clone() };
    assert_eq!(repeat("one").await, released);
    let second = repeat("two").await;
    reject(kit, &room, second.id).await;
    let rejected =
        Appended { standing: Some(Standing::Rejected), moderators: vec![], repeated: true, ..second };
    assert_eq!(repeat("two").await, rejected);
    // Also when the policy would not let it in any more.
    set(kit, &room, Rule::Default, Verdict::Deny).await;
    assert_eq!(repeat("one").await, released);
}

pub(crate) async fn what_is_not_held_is_neither_released_nor_rejected(kit: &Kit) {
    let room = kit.room(2).await;
    let plain = kit.send(&room, "b", "delivered").await;
    set(kit, &room, Rule::Default, Verdict::Hold).await;
    let sent = kit.send(&room, "b", "held").await;
    let other = holding(kit, 2).await;
    let bent = MessageId { tag: [0; 8], ..sent.id };
    for id in [plain.id, nowhere(2), bent, nowhere(u64::from(u32::MAX) + 5)] {
        for refuse in [true, false] {
            let denied = refused(try_judge(kit, judgement(&room, id, refuse)).await);
            assert_eq!(denied.code, Code::UnknownMessage, "{id}");
            assert!(denied.hint.is_some());
        }
    }
    assert_eq!(code(try_judge(kit, judgement(&other, sent.id, false)).await), Code::UnknownMessage);
    assert_eq!(held(kit, &room).await, [2]);
}

pub(crate) async fn release_when_recipients_were_removed_reaches_the_others(kit: &Kit) {
    let room = holding(kit, 3).await;
    let (both, one) = (kit.send(&room, "b", "x").await, kit.send_to(&room, "b", "y", &["c"]).await);
    remove(kit, &room, "c").await;
    assert_eq!(states(kit, &room).await[0], [DeliveryState::Undeliverable]);
    assert_eq!(release(kit, &room, both.id).await, sessions(&["a"]));
    assert_eq!(states(kit, &room).await[1], [DeliveryState::Stored]);
    let before = kit.unread(&room).await;
    assert_eq!(code(try_judge(kit, judgement(&room, one.id, false)).await), Code::UnknownRecipient);
    assert_eq!((held(kit, &room).await, kit.unread(&room).await), (vec![2], before), "it stays");
    assert_eq!(reject(kit, &room, one.id).await, []);
}

pub(crate) async fn release_into_a_full_inbox_is_refused_and_stays_held(kit: &Kit) {
    let room = holding(kit, 3).await;
    kit.send_to(&room, "a", "fills it", &["c"]).await;
    let full = Quotas { unread_per_inbox: 1, ..kit.message(&room, "x").quotas };
    let new = NewMessage { quotas: full, ..kit.message(&room, "held, however full the inbox is") };
    let sent = try_send(kit, &room, "b", new).await.unwrap();
    let change = HeldChange { unread_per_inbox: 1, ..judgement(&room, sent.id, false) };
    let denied = refused(try_judge(kit, change).await);
    assert_eq!(denied.code, Code::QuotaExceeded);
    assert!(denied.hint.is_some_and(|hint| hint.contains("stays held")));
    assert_eq!((held(kit, &room).await, kit.unread(&room).await), (vec![2], vec![0, 0, 1]));
    let change = HeldChange { unread_per_inbox: 2, ..change };
    assert_eq!(try_judge(kit, change).await.unwrap(), sessions(&["a", "c"]));
}

pub(crate) async fn held_messages_when_too_many_refuse_further_ones(kit: &Kit) {
    let room = holding(kit, 2).await;
    let bounded = || {
        let message = kit.message(&room, "x");
        NewMessage { quotas: Quotas { held_per_conversation: 2, ..message.quotas }, ..message }
    };
    let first = try_send(kit, &room, "b", bounded()).await.unwrap();
    let second = try_send(kit, &room, "b", bounded()).await.unwrap();
    let before = kit.state(&room).await;
    assert_eq!(code(try_send(kit, &room, "b", bounded()).await), Code::QuotaExceeded);
    kit.assert_only_recorded(&room, before, Code::QuotaExceeded).await;
    reject(kit, &room, first.id).await;
    try_send(kit, &room, "b", bounded()).await.unwrap();
    assert_eq!(code(try_send(kit, &room, "b", bounded()).await), Code::QuotaExceeded);
    release(kit, &room, second.id).await;
    try_send(kit, &room, "b", bounded()).await.unwrap();
}

pub(crate) async fn held_messages_count_for_the_loop_guard_and_the_size(kit: &Kit) {
    let room = holding(kit, 2).await;
    let guarded = || {
        let loop_guard = LoopGuard { messages: 2, window_seconds: 3_600 };
        NewMessage { loop_guard, ..kit.message(&room, "x") }
    };
    assert!(!try_send(kit, &room, "b", guarded()).await.unwrap().paused);
    assert!(try_send(kit, &room, "b", guarded()).await.unwrap().paused);
    assert_eq!(code(try_send(kit, &room, "b", guarded()).await), Code::Paused);
    let full = kit.state(&room).await.size_bytes;
    assert!(full > 0);
    kit.store.resume(operator(Action::Resume), room.id).await.unwrap();
    let new = kit.message(&room, "x");
    let new = NewMessage { quotas: Quotas { bytes_per_conversation: full, ..new.quotas }, ..new };
    assert_eq!(code(try_send(kit, &room, "b", new).await), Code::QuotaExceeded);
}

pub(crate) async fn held_messages_are_paged_oldest_first(kit: &Kit) {
    let (one, two) = (holding(kit, 2).await, holding(kit, 2).await);
    for room in [&one, &two, &one, &one] {
        kit.send(room, "b", "x").await;
    }
    let places = |page: &HeldPage| {
        page.messages.iter().map(|it| (it.conversation, it.message.id.seq)).collect::<Vec<_>>()
    };
    let page = kit.store.held(None, 3).await.unwrap();
    assert_eq!((places(&page), page.more), (vec![(one.id, 1), (one.id, 2), (one.id, 3)], true));
    let page = kit.store.held(None, 4).await.unwrap();
    assert_eq!((page.messages.len(), page.more), (4, false));
    let page = kit.store.held(Some((one.id, 1)), 1).await.unwrap();
    assert_eq!((places(&page), page.more), (vec![(one.id, 2)], true));
    let page = kit.store.held(Some((one.id, 2)), 1).await.unwrap();
    assert_eq!((places(&page), page.more), (vec![(one.id, 3)], false));
    let nowhere = "conv_ffffffffffffffff".parse().unwrap();
    assert_eq!(kit.store.held(Some((nowhere, 0)), 9).await.unwrap(), HeldPage::default());
    let pk = kit.state(&one).await.pk;
    assert_eq!(kit.store.inbound(pk).await.unwrap().1, 3);
}

pub(crate) async fn change_of_the_policy_is_recorded_and_holds_at_once_in_every_store(kit: &Kit) {
    let room = kit.room(2).await;
    let other = kit.open_again();
    let by_owner = kit.stamp(&room, "a", Action::SetInbound).await;
    let rule = InboundChange::Set(Rule::Sender(sessions(&["b"]).remove(0)), Verdict::Deny);
    let policy = other.set_inbound(by_owner, room.id, rule).await.unwrap();
    let pk = kit.state(&room).await.pk;
    assert_eq!(kit.store.inbound(pk).await.unwrap(), (policy, 0));
    let entry = kit.newest_entry(&room).await.entry;
    assert_eq!((entry.actor.as_str(), entry.action.as_str()), ("a", "set_inbound"));
    assert_eq!(entry.detail, r#"{"rule":"sender","session":["b"],"verdict":"deny"}"#);
    assert_eq!(code(try_send(kit, &room, "b", kit.message(&room, "x")).await), Code::NotAccepted);
    let cleared = kit.store.set_inbound(operator(Action::SetInbound), room.id, InboundChange::Clear).await;
    assert_eq!(cleared.unwrap(), Inbound::default());
    assert_eq!(kit.newest_entry(&room).await.entry.detail, r#"{"rule":"all","verdict":"accept"}"#);
    assert_eq!(kit.number("SELECT count(*) FROM conversation WHERE inbound IS NOT NULL"), 0);
    kit.send(&room, "b", "accepted").await;
}

pub(crate) async fn rule_without_effect_is_refused(kit: &Kit) {
    let room = kit.room(2).await;
    for (rule, expected) in [
        (Rule::Sender(sessions(&["a"]).remove(0)), Code::InvalidArguments),
        (Rule::Sender(sessions(&["nobody"]).remove(0)), Code::NotFound),
        (Rule::Permission(Permission::Owner), Code::InvalidArguments),
        (Rule::Permission(Permission::Moderator), Code::InvalidArguments),
    ] {
        let before = kit.state(&room).await;
        let change = InboundChange::Set(rule, Verdict::Deny);
        let by_owner = kit.stamp(&room, "a", Action::SetInbound).await;
        assert_eq!(code(kit.store.set_inbound(by_owner, room.id, change).await), expected);
        kit.assert_only_recorded(&room, before, expected).await;
    }
}

pub(crate) async fn policy_of_nothing_or_of_what_is_over_is_not_changed(kit: &Kit) {
    let room = holding(kit, 2).await;
    let sent = kit.send(&room, "b", "x").await;
    let nowhere = "conv_ffffffffffffffff".parse().unwrap();
    let set_in =
        async |id| code(kit.store.set_inbound(operator(Action::SetInbound), id, InboundChange::Clear).await);
    let judge_in = async |conversation| {
        code(try_judge(kit, HeldChange { conversation, ..judgement(&room, sent.id, false) }).await)
    };
    assert_eq!((set_in(nowhere).await, judge_in(nowhere).await), (Code::NotFound, Code::NotFound));
    let other = kit.room(2).await;
    let of_another = kit.stamp(&other, "a", Action::ReleaseHeld).await;
    let judged = kit.store.judge_held(of_another, judgement(&room, sent.id, false)).await;
    assert!(matches!(judged, Err(Failure::Fault(_))), "an owner is one in its own conversation only");
    kit.clock.pass_s(LIFE_S);
    assert_eq!((set_in(room.id).await, judge_in(room.id).await), (Code::Expired, Code::Expired));
}

pub(crate) async fn policy_that_cannot_be_read_holds_everything(kit: &Kit) {
    let room = kit.room(2).await;
    let pk = kit.state(&room).await.pk;
    for damage in ["'{}'", "'{\"default\":\"accept\"}'", "'not json'", "CAST(x'ff' AS TEXT)", "''"] {
        assert_eq!(kit.edit(&format!("UPDATE conversation SET inbound = {damage} WHERE pk = {pk}")), 1);
        assert!(kit.store.inbound(pk).await.unwrap().0.is_unreadable(), "{damage}");
        for name in ["a", "b"] {
            assert_eq!(kit.send(&room, name, "x").await.standing, Some(Standing::Held), "{damage}");
        }
    }
    let accepts = InboundChange::Set(Rule::ActionType(ActionType::Info), Verdict::Accept);
    let by_owner = kit.stamp(&room, "a", Action::SetInbound).await;
    assert_eq!(code(kit.store.set_inbound(by_owner, room.id, accepts.clone()).await), Code::Forbidden);
    let rule = kit.store.set_inbound(operator(Action::SetInbound), room.id, accepts).await.unwrap();
    assert_eq!((rule.is_unreadable(), rule.default_verdict()), (false, Verdict::Hold));
    assert_eq!(kit.send(&room, "b", "x").await.standing, None);
}

pub(crate) async fn policy_of_the_operator_binds_everybody_and_yields_to_nobody_else(kit: &Kit) {
    let room = kit.room(3).await;
    let hold = InboundChange::Set(Rule::Default, Verdict::Hold);
    kit.store.set_inbound(operator(Action::SetInbound), room.id, hold).await.unwrap();
    let sent = kit.send(&room, "a", "the owner's").await;
    assert_eq!((sent.standing, sent.moderators), (Some(Standing::Held), vec![]));
    let agent = async |action| kit.stamp(&room, "a", action).await;
    for change in [InboundChange::Clear, InboundChange::Set(Rule::Default, Verdict::Accept)] {
        let refused = kit.store.set_inbound(agent(Action::SetInbound).await, room.id, change).await;
        assert_eq!(code(refused), Code::Forbidden);
    }
    for (action, reject) in [(Action::ReleaseHeld, false), (Action::RejectHeld, true)] {
        let refused = kit.store.judge_held(agent(action).await, judgement(&room, sent.id, reject)).await;
        assert_eq!(code(refused), Code::Forbidden);
    }
    assert_eq!(kit.check(&room, "a", request()).await.held, 0, "it waits for the operator only");
    release(kit, &room, sent.id).await;
    kit.store.set_inbound(operator(Action::SetInbound), room.id, InboundChange::Clear).await.unwrap();
    assert_eq!(kit.send(&room, "a", "free again").await.standing, None);
    set(kit, &room, Rule::Default, Verdict::Hold).await;
}

pub(crate) async fn agents_that_may_release_are_told_how_many_messages_wait(kit: &Kit) {
    let room = holding(kit, 3).await;
    assert_eq!(kit.check(&room, "a", request()).await.held, 0);
    let pk = kit.store.member(room.id, &"a".parse().unwrap()).await.unwrap().unwrap().agent_pk;
    let other = kit.open_again();
    let mut bell = other.listen(pk, 1, true);
    kit.send(&room, "b", "x").await;
    tokio::time::timeout(Duration::from_secs(30), bell.rung()).await.unwrap();
    assert_eq!(other.outlook(pk, 1, true).await.unwrap().unwrap().held, 1);
    kit.send(&room, "c", "y").await;
    assert_eq!(kit.check(&room, "a", request()).await.held, 2);
    assert_eq!(kit.check(&room, "b", request()).await.held, 0, "a member is not asked");
}

pub(crate) async fn note_of_an_agent_whose_messages_are_not_accepted_is_refused(kit: &Kit) {
    let room = kit.room(2).await;
    let status = async |text: Option<&str>| {
        let stamp = kit.stamp(&room, "b", Action::UpdateStatus).await;
        let note = text.map(|text| kit.seal(&room, ("agent", "note"), b"b", text));
        kit.store.set_status(stamp, mab_core::agent::Status::Working, note).await
    };
    status(Some("in the open")).await.unwrap();
    for verdict in [Verdict::Hold, Verdict::Deny] {
        set(kit, &room, Rule::Sender("b".parse().unwrap()), verdict).await;
        assert_eq!(code(status(Some("past the human")).await), Code::NotAccepted);
        status(None).await.unwrap();
    }
    set(kit, &room, Rule::Sender("b".parse().unwrap()), Verdict::Accept).await;
    kit.store.pause(operator(Action::Pause), room.id).await.unwrap();
    assert_eq!(code(status(Some("past the pause")).await), Code::Paused);
    status(None).await.unwrap();
}

pub(crate) async fn judging_when_no_longer_permitted_is_refused(kit: &Kit) {
    let room = holding(kit, 3).await;
    let sent = kit.send(&room, "b", "x").await;
    let [releasing, setting] = [Action::ReleaseHeld, Action::SetInbound];
    let (releasing, setting) = (kit.stamp(&room, "a", releasing).await, kit.stamp(&room, "a", setting).await);
    kit.edit("UPDATE agent SET permission = 'member' WHERE session = 'a'");
    let judged = kit.store.judge_held(releasing, judgement(&room, sent.id, false)).await;
    assert_eq!(code(judged), Code::Forbidden);
    assert_eq!(code(kit.store.set_inbound(setting, room.id, InboundChange::Clear).await), Code::Forbidden);
    assert_eq!(held(kit, &room).await, [1]);
}

pub(crate) async fn release_during_a_pause_is_the_operators_only(kit: &Kit) {
    let room = holding(kit, 3).await;
    let (first, second) = (kit.send(&room, "b", "x").await, kit.send(&room, "b", "y").await);
    kit.store.pause(operator(Action::Pause), room.id).await.unwrap();
    let by_owner = kit.stamp(&room, "a", Action::ReleaseHeld).await;
    let judged = kit.store.judge_held(by_owner, judgement(&room, first.id, false)).await;
    assert_eq!(code(judged), Code::Paused);
    assert_eq!(held(kit, &room).await, [1, 2]);
    let by_owner = kit.stamp(&room, "a", Action::RejectHeld).await;
    kit.store.judge_held(by_owner, judgement(&room, first.id, true)).await.unwrap();
    release(kit, &room, second.id).await;
    assert_eq!(held(kit, &room).await, [0_u64; 0]);
}

pub(crate) async fn release_and_rejection_are_seen_by_who_waits(kit: &Kit) {
    let room = holding(kit, 3).await;
    let pk =
        async |name: &str| kit.store.member(room.id, &name.parse().unwrap()).await.unwrap().unwrap().agent_pk;
    let (b, c) = (pk("b").await, pk("c").await);
    let first = kit.send(&room, "b", "x").await;
    let second = kit.send(&room, "b", "y").await;
    let other = kit.open_again();
    for (agent_pk, judged, refuse) in [(c, first.id, false), (b, second.id, true)] {
        let before = other.outlook(agent_pk, 1, true).await.unwrap().unwrap();
        let mut bell = other.listen(agent_pk, 1, true);
        try_judge(kit, judgement(&room, judged, refuse)).await.unwrap();
        tokio::time::timeout(Duration::from_secs(30), bell.rung()).await.unwrap();
        let after = other.outlook(agent_pk, 1, true).await.unwrap().unwrap();
        assert_eq!((after.arrivals, after.waiting), (before.arrivals + 1, !refuse));
    }
}

pub(crate) async fn purged_conversation_keeps_nothing_held(kit: &Kit) {
    let room = holding(kit, 2).await;
    let sent = kit.send(&room, "b", "x").await;
    kit.send(&room, "b", "y").await;
    reject(kit, &room, sent.id).await;
    kit.clock.pass_s(LIFE_S);
    kit.store.purge(operator(Action::Cleanup)).await.unwrap();
    assert_eq!(kit.number("SELECT count(*) FROM held"), 0);
    assert_eq!(kit.number("SELECT count(*) FROM conversation WHERE inbound IS NOT NULL"), 0);
    assert_eq!(kit.store.held(None, 10).await.unwrap(), HeldPage::default());
}

pub(crate) async fn damaged_held_message_hides_no_other(kit: &Kit) {
    let room = holding(kit, 2).await;
    for _ in 0..4 {
        kit.send(&room, "b", "x").await;
    }
    kit.edit("DELETE FROM message WHERE (key & 4294967295) = 1");
    kit.edit("UPDATE held SET audience = -1 WHERE seq = 2");
    kit.edit("UPDATE message SET tag = x'00' WHERE (key & 4294967295) = 3");
    let page = kit.store.held(Some((room.id, 0)), 9).await.unwrap();
    let seqs: Vec<u64> = page.messages.iter().map(|it| it.message.id.seq).collect();
    assert_eq!((seqs, page.damaged, page.more), (vec![4], vec![1, 2, 3], false));
    for seq in [1, 2, 3] {
        let judged = try_judge(kit, judgement(&room, nowhere(seq), false)).await;
        assert_eq!(code(judged), Code::UnknownMessage);
    }
}
