//! From the empty folder to the exit code.

use std::path::Path;

use crate::{
    cli::{Exit, Output, Trouble},
    demo::{
        agent::Agent,
        operator_view,
        play::{self, Story},
        stage::{Stage, Step},
        unexpected::{Stop, ensure},
    },
    runtime,
};

/// Plays the demonstration.
pub(crate) fn run(output: Output) -> Result<Exit, Trouble> {
    let home = tempfile::Builder::new()
        .prefix("mab-demo-")
        .tempdir()
        .map_err(|error| Trouble::reading("the folder for temporary files", &error))?;
    let mut stage = Stage::new(output);
    match runtime::block_on(whole(home.path(), &mut stage))? {
        Ok(()) => {
            stage.applause()?;
            Ok(Exit::OK)
        }
        Err(Stop::Unexpected(unexpected)) => {
            stage.failure(&unexpected.0)?;
            Ok(Exit::DEMO_FAILED)
        }
        Err(Stop::Trouble(trouble)) => Err(trouble),
    }
}

async fn whole(home: &Path, stage: &mut Stage) -> Result<(), Stop> {
    stage.title("Two agents, two processes, one bridge")?;
    let backend = connect("backend", home, stage).await?;
    let frontend = connect("frontend", home, stage).await?;
    let story = play::all(&backend, &frontend, stage).await?;
    backend.leave().await?;
    frontend.leave().await?;
    let Story { conversation, secrets } = story;
    operator_view::all(home, &conversation, &secrets, stage).await
}

async fn connect(name: &'static str, home: &Path, stage: &mut Stage) -> Result<Agent, Stop> {
    let agent = Agent::connect(name, home).await?;
    let tools = agent.tools().await?;
    for tool in play::TOOLS {
        ensure(tools.iter().any(|offered| offered == tool), format!("the tool {tool} is not offered"))?;
    }
    let server = agent.server().ok_or_else(|| Stop::from("the server does not introduce itself"))?;
    let result = format!("{} {}, MCP {}, {} tools", server.0, server.1, server.2, tools.len());
    stage.show(&Step { who: name, does: "connects", says: None, result, refused: false })?;
    Ok(agent)
}
