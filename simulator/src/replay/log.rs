//! Logs: CSV files, folders of them, and tar.gz archives of them, in a stable order.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

/// One CSV file, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub name: String,
    pub text: Vec<u8>,
}

/// Why logs cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("open {}", .0.display())]
    Open(PathBuf, #[source] io::Error),
    #[error("read {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    #[error("there is no CSV file in {}", .0.display())]
    Empty(PathBuf),
}

impl Log {
    /// Opens a CSV file, a folder or an archive; trips come in the order of their names, numbers
    /// counted as numbers.
    pub fn open(path: &Path) -> Result<Vec<Self>, LogError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut logs = if path.is_dir() {
            folder(path)?
        } else if is_archive(&name) {
            archive(path)?
        } else {
            vec![Self { name, text: std::fs::read(path).map_err(|error| LogError::Open(path.to_owned(), error))? }]
        };
        if logs.is_empty() {
            return Err(LogError::Empty(path.to_owned()));
        }
        logs.sort_by_cached_key(|log| natural(&log.name));
        Ok(logs)
    }
}

fn folder(path: &Path) -> Result<Vec<Log>, LogError> {
    let failed = |error| LogError::Read(path.to_owned(), error);
    let mut logs = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if file.is_file() && is_csv(&file) {
            let text = std::fs::read(&file).map_err(|error| LogError::Read(file.clone(), error))?;
            logs.push(Log { name: stem(&file), text });
        }
    }
    Ok(logs)
}

fn archive(path: &Path) -> Result<Vec<Log>, LogError> {
    let failed = |error| LogError::Read(path.to_owned(), error);
    let file = File::open(path).map_err(|error| LogError::Open(path.to_owned(), error))?;
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    let mut logs = Vec::new();
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let inside = entry.path().map_err(failed)?.into_owned();
        if entry.header().entry_type().is_file() && is_csv(&inside) {
            let mut text = Vec::new();
            entry.read_to_end(&mut text).map_err(failed)?;
            logs.push(Log { name: stem(&inside), text });
        }
    }
    Ok(logs)
}

fn is_archive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".tar.gz", ".tgz"].iter().any(|ending| name.ends_with(ending))
}

/// A CSV file, and not what archivers of some systems leave beside one.
fn is_csv(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hidden && path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// A name cut into texts and numbers, so that `live9` comes before `live10`.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text_end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (text, tail) = rest.split_at(text_end);
        let number_end = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        let (number, tail) = tail.split_at(number_end);
        parts.push((text.to_owned(), number.parse().unwrap_or_default()));
        rest = tail;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_folders_in_natural_order_and_ignores_other_files() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["live10.csv", "live9.csv", "live9.txt", "._live9.csv"] {
            std::fs::write(folder.path().join(name), "a\n1\n").unwrap();
        }
        let names: Vec<_> = Log::open(folder.path()).unwrap().into_iter().map(|log| log.name).collect();
        assert_eq!(names, ["live9", "live10"]);
    }

    #[test]
    fn opens_archives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs.tar.gz");
        let gzip = flate2::write::GzEncoder::new(File::create(&path).unwrap(), flate2::Compression::fast());
        let mut builder = tar::Builder::new(gzip);
        let mut header = tar::Header::new_gnu();
        header.set_size(4);
        header.set_cksum();
        builder.append_data(&mut header, "logs/one.csv", &b"a\n1\n"[..]).unwrap();
        builder.into_inner().unwrap().finish().unwrap();
        assert_eq!(Log::open(&path).unwrap(), [Log { name: "one".into(), text: b"a\n1\n".to_vec() }]);
        assert!(matches!(Log::open(folder.path()), Err(LogError::Empty(_))));
    }
}
