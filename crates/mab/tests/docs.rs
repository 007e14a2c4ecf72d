//! The generated pages of `docs/` are what the program says today.

use std::{error::Error, fs, path::Path};

#[test]
fn pages_when_generated_again_are_the_same() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let update = std::env::vars_os().any(|(name, value)| name == "MAB_UPDATE_DOCS" && !value.is_empty());
    for (name, page) in mab::docs::pages() {
        let path = folder.join(name);
        if update {
            fs::create_dir_all(&folder)?;
            fs::write(&path, &page)?;
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == page,
            "docs/{name} is stale; run `MAB_UPDATE_DOCS=1 cargo test -p mab --test docs` and look at what changed"
        );
    }
    Ok(())
}
