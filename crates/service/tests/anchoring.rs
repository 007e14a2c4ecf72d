//! When checkpoints are written, and what keeps them from being written keeps nobody else.
#![cfg(test)]

mod kit;

use std::sync::{Arc, Mutex};

use kit::House;
use mab_core::{
    Code, Denied, Failure, Random, Timestamp,
    anchor::{Anchor, Pending},
    note::SigningKey,
};
use mab_service::{Bridge, Caller, Kept, OpenVault, Vault};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// Files in memory.
#[derive(Clone, Default)]
struct Memory {
    anchor: Arc<Mutex<String>>,
    told: Arc<Notify>,
    broken: bool,
}

struct Ones;

impl Random for Ones {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), mab_core::Fault> {
        buffer.fill(1);
        Ok(())
    }
}

fn key() -> SigningKey {
    SigningKey::draw("mab.audit/0123456789abcdef", &Ones).unwrap()
}

impl Vault for Memory {
    fn lock(&self) -> Result<Box<dyn OpenVault>, Failure> {
        if self.broken {
            self.told.notify_one();
            return Err(Denied::new(Code::Conflict, "the file was cut").into());
        }
        Ok(Box::new(self.clone()))
    }

    fn read(&self, _: Option<&Pending>) -> Result<Kept, Failure> {
        let anchor = self.anchor.lock().unwrap().clone();
        Ok(Kept { anchor, key: Some(key().verifier()), fits: Ok(()), copy_fits: Ok(()) })
    }

    fn announce(&self, _: &str) {
        self.told.notify_one();
    }
}

impl OpenVault for Memory {
    fn settle(&mut self, newest: Option<&Pending>) -> Result<SigningKey, Failure> {
        assert_eq!(newest.map_or(0, Pending::end), self.anchor.lock().unwrap().len() as u64);
        Ok(key())
    }

    fn append(&mut self, written: &Pending) -> Result<(), Failure> {
        self.anchor.lock().unwrap().push_str(&written.text);
        Ok(())
    }

    fn stage(&mut self, _: &SigningKey) -> Result<(), Failure> {
        Ok(())
    }

    fn set_aside(&mut self, _: Timestamp) -> Result<(), Failure> {
        self.anchor.lock().unwrap().clear();
        Ok(())
    }
}

impl Memory {
    fn checkpoints(&self) -> usize {
        let anchor = self.anchor.lock().unwrap();
        if anchor.is_empty() {
            return 0;
        }
        Anchor::parse_and_verify(&anchor, &[key().verifier()]).unwrap().checkpoints().len()
    }
}

/// A house whose bridge keeps its checkpoints in memory.
fn house(vault: &Memory, checkpoint_s: u32, checkpoint_entries: u32) -> House {
    let mut house = House::with(|settings| {
        settings.checkpoint_s = checkpoint_s;
        settings.checkpoint_entries = checkpoint_entries;
    });
    house.bridge = house.bridge.with_vault(Arc::new(vault.clone()));
    house
}

/// Does this while the bridge keeps its checkpoints.
async fn meanwhile(bridge: &Bridge, work: impl Future<Output = ()>) {
    tokio::select! {
        () = bridge.keep_anchored() => panic!("it never ends"),
        () = work => {}
    }
}

#[tokio::test]
async fn checkpoint_when_its_time_has_come_covers_what_was_recorded() {
    let vault = Memory::default();
    let house = house(&vault, 0, u32::MAX);
    meanwhile(&house.bridge, async {
        house.pair().await;
        vault.told.notified().await;
    })
    .await;
    assert!(vault.checkpoints() > 0);
    house.bridge.anchor_now().await;
    let covered = vault.checkpoints();
    house.bridge.anchor_now().await;
    assert_eq!(vault.checkpoints(), covered, "nothing is signed twice");
}

#[tokio::test]
async fn checkpoint_when_there_were_many_calls_does_not_wait_for_its_time() {
    let vault = Memory::default();
    let house = house(&vault, 3_600, 4);
    meanwhile(&house.bridge, async {
        let (a, _) = house.pair().await;
        a.ok(&house.bridge, "send_to_partner", json!({"message": "x"})).await;
        assert_eq!(vault.checkpoints(), 0, "three calls");
        a.ok(&house.bridge, "send_to_partner", json!({"message": "x"})).await;
        vault.told.notified().await;
    })
    .await;
    assert_eq!(vault.checkpoints(), 1);
}

#[tokio::test]
async fn calls_that_record_nothing_never_hasten_a_checkpoint() {
    let vault = Memory::default();
    let house = house(&vault, 3_600, 4);
    meanwhile(&house.bridge, async {
        let (a, _) = house.pair().await;
        let guess =
            json!({"conversation_id": "conv_00000000deadbeef", "session_id": "a", "token": "0".repeat(64)});
        for _ in 0..50 {
            a.ok(&house.bridge, "search_messages", json!({})).await;
            a.code(&house.bridge, "check_messages", guess.clone()).await;
        }
        assert_eq!(vault.checkpoints(), 0, "two calls recorded something");
        a.ok(&house.bridge, "send_to_partner", json!({"message": "x"})).await;
        a.ok(&house.bridge, "send_to_partner", json!({"message": "x"})).await;
        vault.told.notified().await;
    })
    .await;
}

#[tokio::test]
async fn checkpoints_of_one_process_are_a_second_apart_however_much_is_recorded() {
    let vault = Memory::default();
    let house = house(&vault, 3_600, 1);
    let began = tokio::time::Instant::now();
    meanwhile(&house.bridge, async {
        let (a, _) = house.pair().await;
        vault.told.notified().await;
        a.ok(&house.bridge, "send_to_partner", json!({"message": "x"})).await;
        vault.told.notified().await;
    })
    .await;
    // A machine that is slow makes it longer, never shorter.
    assert!(began.elapsed() >= std::time::Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test]
async fn checkpoint_when_only_reading_was_done_is_not_written() {
    let vault = Memory::default();
    let house = house(&vault, 3_600, u32::MAX);
    let (a, _) = house.pair().await;
    house.bridge.anchor_now().await;
    a.ok(&house.bridge, "search_messages", json!({})).await;
    house.bridge.anchor_now().await;
    assert_eq!(vault.checkpoints(), 1);
}

#[tokio::test]
async fn calls_when_checkpoints_cannot_be_written_go_on() {
    let vault = Memory { broken: true, ..Memory::default() };
    let house = house(&vault, 0, u32::MAX);
    meanwhile(&house.bridge, async {
        let (a, _) = house.pair().await;
        vault.told.notified().await;
        a.ok(&house.bridge, "send_to_partner", json!({"message": "x"})).await;
    })
    .await;
    let refused = house.operator("audit_checkpoint", json!({})).await.unwrap_err();
    assert_eq!(refused.code, Code::Conflict);
    let exported = house.operator("audit_export", json!({})).await.unwrap();
    assert_eq!(exported["problem"], "the file was cut", "what is wrong is a reason more to take it out");
}

#[tokio::test]
async fn bridge_without_files_refuses_checkpoints_and_nothing_else() {
    let house = House::new();
    house.pair().await;
    house.bridge.anchor_now().await;
    for operation in ["audit_checkpoint", "keys", "keys_rotate"] {
        let refused = house.operator(operation, json!({})).await.unwrap_err();
        assert_eq!(refused.code, Code::Misconfigured, "{operation}");
    }
}

/// Verifies with another bridge, whose reader of the anchor does `during` with what it has read.
async fn verified(
    house: &House,
    during: impl Fn(String) -> String + Send + Sync + 'static,
    vault: &Memory,
) -> Value {
    let text = Arc::clone(&vault.anchor);
    let read = move || {
        let text = text.lock().unwrap().clone();
        Ok(Some(during(text)))
    };
    let bridge = house.second_bridge().with_anchor(Arc::new(read));
    let trusted = json!({"anchor_is_own": true, "trusted_keys": [key().verifier().to_string()]});
    let Value::Object(arguments) = trusted else { unreachable!("an object") };
    bridge.call(&Caller::Operator, "audit_verify", arguments).await.unwrap()
}

#[tokio::test]
async fn verdict_while_checkpoints_are_written_at_every_look_at_the_anchor_raises_no_alarm() {
    let vault = Memory::default();
    let house = Arc::new(house(&vault, 3_600, u32::MAX));
    let (a, _) = house.pair().await;
    house.bridge.anchor_now().await;
    let (busy, files, runtime) = (Arc::clone(&house), vault.clone(), tokio::runtime::Handle::current());
    let write = move || {
        runtime.block_on(async {
            a.ok(&busy.bridge, "send_to_partner", json!({"message": "x"})).await;
            busy.bridge.anchor_now().await;
        });
        files.anchor.lock().unwrap().clone()
    };
    // Written before the file is read, twice, and once more after that.
    let busy = move |_| {
        let _ = write();
        let read = write();
        let _ = write();
        read
    };
    let verdict = verified(&house, busy, &vault).await;
    assert_eq!((&verdict["ok"], vault.checkpoints()), (&json!(true), 7), "{verdict}");
    // Whoever cuts it meanwhile is found.
    let cut = |whole: String| whole[..whole.len() / 2].to_owned();
    let verdict = verified(&house, cut, &vault).await;
    assert_eq!(verdict["findings"][0]["kind"], "anchor_truncated", "{verdict}");
    let longer = |whole: String| format!("{whole}\n");
    let verdict = verified(&house, longer, &vault).await;
    assert_eq!(verdict["ok"], false, "{verdict}");
}
