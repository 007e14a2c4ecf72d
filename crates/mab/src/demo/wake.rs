//! One agent waits and another sends, for `mab doctor wake`: how long it takes, with the doorbell and without.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use mab_core::Clock as _;
use serde_json::json;

use crate::{
    demo::{
        agent::Agent,
        play::done,
        unexpected::{Stop, ensure},
    },
    system::SystemClock,
};

/// How often somebody is woken each way.
const TIMES: usize = 3;

/// How long it is looked for a bell before there is none.
const BELL_WITHIN: Duration = Duration::from_secs(3);

/// How often it is looked for it.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// How long after hanging its bell the agent that waits is taken to be asleep.
const ASLEEP_AFTER: Duration = Duration::from_millis(150);

/// How long the waiting agent waits at most, in seconds.
const WAIT_S: u64 = 30;

/// What was measured.
pub(crate) struct Woken {
    /// Milliseconds from each call to send to the other's answer; `None` where no bell was hung.
    pub(crate) by_bell_ms: Option<Vec<u64>>,
    /// The same with the bell taken away: found by looking.
    pub(crate) by_looking_ms: u64,
}

/// Starts two agents on an empty folder and lets one wake the other.
///
/// # Errors
/// What went otherwise than it should, in words.
pub(crate) async fn wake(home: &Path) -> Result<Woken, String> {
    round_trips(home).await.map_err(|stop| match stop {
        Stop::Unexpected(unexpected) => unexpected.0,
        Stop::Trouble(trouble) => {
            trouble.to_lines().map(|(message, _)| message.to_string()).unwrap_or_default()
        }
    })
}

async fn round_trips(home: &Path) -> Result<Woken, Stop> {
    let (waits, sends) = (Agent::connect("one agent", home).await?, Agent::connect("the other", home).await?);
    let opening = json!({"my_role": "one that sends", "partner_role": "one that waits"});
    let opened = done(&sends, "create_conversation", opening).await?;
    let joining = json!({
        "conversation_id": opened.text("/conversation_id")?, "session_id": "b",
        "token": opened.text("/session_b_token")?,
    });
    done(&waits, "join_conversation", joining).await?;
    let bells = home.join("data/bridge.db-bells");
    let mut by_bell_ms = Some(Vec::new());
    for _ in 0..TIMES {
        let (bell, took_ms) = one((&waits, &sends), &bells, |_| Ok(())).await?;
        match &mut by_bell_ms {
            Some(times) if bell => times.push(took_ms),
            _ => by_bell_ms = None,
        }
    }
    let deafen = |bell: &Path| fs::remove_file(bell).map_err(|_| Stop::from("the bell cannot be taken away"));
    let (_, by_looking_ms) = one((&waits, &sends), &bells, deafen).await?;
    waits.leave().await?;
    sends.leave().await?;
    Ok(Woken { by_bell_ms, by_looking_ms })
}

/// Lets one wait, does something to its bell, and sends: whether there was a bell, and how long it took.
async fn one(
    (waits, sends): (&Agent, &Agent),
    bells: &Path,
    to_bell: impl Fn(&Path) -> Result<(), Stop>,
) -> Result<(bool, u64), Stop> {
    let waiting = async {
        let got = done(waits, "check_messages", json!({"wait_seconds": WAIT_S})).await?;
        Ok::<_, Stop>((got, SystemClock.now()))
    };
    let sending = async {
        let bell = hung(bells).await;
        if let Some(bell) = &bell {
            to_bell(bell)?;
        }
        let began = SystemClock.now();
        done(sends, "send_to_partner", json!({"message": "wake up"})).await?;
        Ok::<_, Stop>((bell.is_some(), began))
    };
    let ((got, heard), (bell, began)) = tokio::try_join!(waiting, sending)?;
    ensure(got.list("/messages")?.len() == 1, "the agent that waited did not get the message")?;
    Ok((bell, heard.millis_since(began)))
}

/// The bell of whoever waits, as soon as it hangs.
async fn hung(bells: &Path) -> Option<PathBuf> {
    let find = || {
        let mut agents = fs::read_dir(bells).ok()?.flatten();
        agents.find_map(|agent| fs::read_dir(agent.path()).ok()?.flatten().next())
    };
    let look = async {
        loop {
            if let Some(bell) = find().map(|bell| bell.path()) {
                // It may be of the wait before; and who has just hung one looks once more before it sleeps.
                tokio::time::sleep(ASLEEP_AFTER).await;
                if bell.exists() {
                    return bell;
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(BELL_WITHIN, look).await.ok()
}
