//! Temporary folders for one scenario, and where the real clients are.

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// The folder with the clients' programs, and the search path that runs them and `mab`.
pub(crate) struct Clients {
    programs: PathBuf,
    path: String,
}

/// The folders of one scenario, removed with it.
pub(crate) struct Place(TempDir);

/// The clients, or nothing after saying so where nobody can miss it: not through the test harness, which keeps what
/// passing tests print to itself.
///
/// They are looked for in `MAB_CLIENTS` (a folder with `node_modules/.bin`), else where `.ci/clients` puts them.
pub(crate) fn clients(needed: &[&str]) -> Option<Clients> {
    let built = Path::new(env!("CARGO_BIN_EXE_mab")).parent().unwrap();
    let folder =
        variable("MAB_CLIENTS").map_or_else(|| built.parent().unwrap().join("clients"), PathBuf::from);
    let programs = folder.join("node_modules/.bin");
    let missing: Vec<&str> = needed.iter().copied().filter(|name| !programs.join(name).exists()).collect();
    if !missing.is_empty() {
        let missing = missing.join(" and ");
        let line = format!("\nSKIPPED: {missing} not in {}, run .ci/clients\n", programs.display());
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return None;
    }
    let path = variable("PATH").unwrap_or_default();
    let path = format!("{}:{}:{path}", built.display(), programs.display());
    Some(Clients { programs, path })
}

impl Clients {
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// A search path with the `mab` under test before all others, and then the clients.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// The bridge's data folder, which all clients of the scenario share.
    pub(crate) fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// A folder below the scenario's, made when it is not there.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }
}

fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "who runs the tests says where the clients are")]
    env::var(name).ok()
}
