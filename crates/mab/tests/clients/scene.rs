//! Where a client's agents may ask for commands: a workspace, settings, and the operator's operations.

use std::{fs, path::PathBuf, thread};

use mab::{
    config::{Config, Flags},
    environment::Environment,
    runtime::{block_on, open_existing},
};
use mab_core::{Code, Denied};
use serde_json::{Value, json};

use crate::place::Place;

/// A workspace with one file, and what its operator sees.
pub(crate) struct Scene {
    pub(crate) space: PathBuf,
    home: PathBuf,
    data: PathBuf,
}

impl Scene {
    /// For the client of this name, whose server finds its settings in its home.
    pub(crate) fn new(place: &Place, client: &str) -> Self {
        let (home, space) = (place.folder(client), place.folder("space").canonicalize().unwrap());
        fs::write(space.join("notes.txt"), "one\ntwo\n").unwrap();
        let folder = home.join(".config/mab");
        fs::create_dir_all(&folder).unwrap();
        let settings = format!(
            "[execution]\nagents = true\nas_root = true\nmode = 'restricted'\nworkspaces = ['{}']\n",
            space.display()
        );
        fs::write(folder.join("config.toml"), settings).unwrap();
        Self { space, home, data: place.data() }
    }

    /// Calls an operation as the operator.
    pub(crate) fn operator(&self, operation: &str, arguments: Value) -> Result<Value, Denied> {
        let config = self.settings();
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        let opened =
            open_existing(&config).map_err(|failure| Denied::new(Code::Internal, failure.to_string()))?;
        block_on(opened.call(operation, arguments)).unwrap()
    }

    /// The settings as the operator has them.
    pub(crate) fn settings(&self) -> Config {
        let home = self.home.display().to_string();
        let environment = Environment::from([("HOME", home.as_str())]);
        let flags = Flags { data_dir: Some(self.data.clone()), ..Flags::default() };
        Config::load(&flags, &environment).unwrap()
    }

    /// The first command that waits for a yes; waits until there is one.
    pub(crate) fn waiting(&self, conversation: &str) -> Value {
        // The client's own time limit ends this when none comes.
        loop {
            let all = self.operator("execution", json!({"conversation_id": conversation})).unwrap();
            let run = &all["conversations"][0]["runs"][0];
            if run["state"] == "pending" {
                return run.clone();
            }
            thread::yield_now();
        }
    }
}
