//! The binary that is measured.

use std::path::PathBuf;

use anyhow::Context as _;

/// The binary beside this one: built by the same cargo, into the folder above.
pub fn binary() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("finding this program")?;
    let folder = own.parent().and_then(|deps| deps.parent()).context("this program is in no folder")?;
    let named = std::env::var_os("PREMEND_BENCH_BINARY").map(PathBuf::from);
    let path = named.unwrap_or_else(|| folder.join("premend"));
    anyhow::ensure!(path.is_file(), "{} is missing: build the binary `premend` first", path.display());
    Ok(path)
}
