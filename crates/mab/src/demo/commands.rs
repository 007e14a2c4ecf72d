//! That no agent runs a command unless a person switched that on.

use crate::demo::{
    play::{Meeting, step},
    stage::Stage,
    unexpected::{Stop, ensure},
};

/// The tools that are listed only where a person wants commands.
const TOOLS: [&str; 2] = ["enable_yolo_mode", "execute_command"];

impl Meeting<'_> {
    /// The backend looks for a tool that runs commands.
    pub(super) async fn run_nothing(&self, stage: &mut Stage) -> Result<(), Stop> {
        stage.title("Nobody runs commands unasked")?;
        let tools = self.backend.tools().await?;
        let found = TOOLS.into_iter().find(|tool| tools.iter().any(|listed| listed == tool));
        ensure(found.is_none(), format!("{} is listed", found.unwrap_or_default()))?;
        let result = format!("{} tools, none runs commands: a person switches that on", tools.len());
        stage.show(&step(self.backend, "tools/list", result))?;
        Ok(())
    }
}
