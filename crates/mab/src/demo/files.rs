//! Looks for a secret in every byte that was written.

use std::{fs, path::Path};

use crate::demo::unexpected::Unexpected;

/// The first file under `folder` that holds one of `secrets`, as it is.
pub(super) fn holding(folder: &Path, secrets: &[String]) -> Result<Option<String>, Unexpected> {
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        let kind = fs::symlink_metadata(&path).map_err(unreadable(&path))?.file_type();
        let found = if kind.is_dir() {
            holding(&path, secrets)?
        } else if kind.is_file() {
            let bytes = fs::read(&path).map_err(unreadable(&path))?;
            secrets
                .iter()
                .any(|secret| contains(&bytes, secret.as_bytes()))
                .then(|| path.display().to_string())
        } else {
            None
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn unreadable(path: &Path) -> impl Fn(std::io::Error) -> Unexpected {
    move |error| Unexpected(format!("cannot read {}: {error}", path.display()))
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && bytes.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_when_written_anywhere_is_found() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        fs::create_dir(folder.path().join("deep"))?;
        fs::write(folder.path().join("deep/x"), b"..hunter2..")?;
        let search = |secret: &str| holding(folder.path(), &[secret.to_owned()]);
        assert!(search("hunter2").is_ok_and(|found| found.is_some_and(|path| path.ends_with("deep/x"))));
        assert_eq!(search("hunter3"), Ok(None));
        assert_eq!(search(""), Ok(None));
        Ok(())
    }
}
