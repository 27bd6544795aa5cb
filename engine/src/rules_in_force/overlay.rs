//! Reads a directory laid out like `rules/catalogue/` for the catalogue's overlay.

use std::path::Path;

use anyhow::Context as _;
use rules::catalogue::Catalogue;

/// The shipped catalogue, with a directory laid over it if there is one.
pub fn catalogue(directory: Option<&Path>) -> anyhow::Result<Catalogue> {
    let builtin = Catalogue::builtin()?;
    let Some(directory) = directory else { return Ok(builtin) };
    builtin.overlay(&read(directory)?).context("the overlay is not sound")
}

/// Relative path and text of every TOML file below `directory`, sorted.
pub fn read(directory: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    collect(directory, directory, &mut files)?;
    files.sort();
    Ok(files)
}

fn collect(root: &Path, directory: &Path, files: &mut Vec<(String, String)>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(directory).with_context(|| format!("reading {}", directory.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            files.push((relative, text));
        }
    }
    Ok(())
}
