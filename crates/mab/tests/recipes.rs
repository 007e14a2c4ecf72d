//! What `docs/recipes.md` shows of the prompts is what the program hands out.

use std::{error::Error, fmt::Write as _, fs, path::Path};

use mab::mcp::{PROMPTS, Recipe, Side};

const BEGIN: &str = "<!-- generated: ";
const END: &str = "<!-- end -->";

#[test]
fn recipes_when_generated_again_are_the_same() -> Result<(), Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/recipes.md");
    let kept = fs::read_to_string(&path)?;
    let page = generated_again(&kept)?;
    for recipe in &PROMPTS {
        assert!(page.contains(&texts(recipe)), "docs/recipes.md has no section of {}", recipe.name);
    }
    if std::env::vars_os().any(|(name, value)| name == "MAB_UPDATE_DOCS" && !value.is_empty()) {
        fs::write(&path, &page)?;
        return Ok(());
    }
    assert!(
        kept == page,
        "docs/recipes.md is stale; run `MAB_UPDATE_DOCS=1 cargo test -p mab --test recipes` and look at what changed"
    );
    Ok(())
}

/// The page with every generated part made anew.
#[cfg(test)]
fn generated_again(page: &str) -> Result<String, Box<dyn Error>> {
    let mut parts = page.split(BEGIN);
    let mut again = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(" -->\n").ok_or("a mark is not closed")?;
        let (_, after) = rest.split_once(END).ok_or("a generated part has no end")?;
        let made = match name {
            "table" => table(),
            name => texts(PROMPTS.iter().find(|recipe| recipe.name == name).ok_or("no such prompt")?),
        };
        write!(again, "{BEGIN}{name} -->\n{made}{END}{after}")?;
    }
    Ok(again)
}

#[cfg(test)]
fn table() -> String {
    let heading = "| Prompt | For | First side | Second side |\n|---|---|---|---|\n".to_owned();
    PROMPTS.iter().fold(heading, |mut rows, recipe| {
        let (name, purpose) = (recipe.name, recipe.purpose());
        let (first, second) = (recipe.role(Side::First), recipe.role(Side::Second));
        let _ = writeln!(rows, "| `{name}` | {purpose} | `{first}` | `{second}` |");
        rows
    })
}

#[cfg(test)]
fn texts(recipe: &Recipe) -> String {
    Side::ALL.into_iter().fold(String::new(), |mut made, side| {
        let text = recipe.text(side, "(your task)");
        let _ = write!(
            made,
            "<details><summary>Side <code>{}</code></summary>\n\n{text}\n\n</details>\n",
            side.as_str()
        );
        made
    })
}
