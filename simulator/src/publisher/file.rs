//! The outbox on disk, so that a unit's numbering and backlog survive its process.
//!
//! Append-only lines, written before a message is sent: what was numbered, and what was committed.
//! Reading it back gives the next number, the payloads that may be missing, and how many frames
//! were taken from the vehicle, so that its generator can be wound forward to the same place.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::outbox::Outbox;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// A stream, its next number, and the frames taken before: at the top, and after a loss.
    Stream {
        stream: u64,
        next_seq: u64,
        frames: u64,
    },
    /// A number was given to so many frames; without a payload it is a hole.
    Kept {
        seq: u64,
        frames: u64,
        payload: Option<String>,
    },
    Committed {
        seq: u64,
    },
}

/// Why an outbox file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OutboxFileError {
    #[error("open {}", .0.display())]
    Open(PathBuf, #[source] io::Error),
    #[error("read {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    #[error("line {line} of {} is not an outbox line", path.display())]
    Line {
        path: PathBuf,
        line: usize,
        #[source]
        source: serde_json::Error,
    },
    #[error("write {}", .0.display())]
    Write(PathBuf, #[source] io::Error),
}

/// The file of one unit.
#[derive(Debug)]
pub struct OutboxFile {
    path: PathBuf,
    file: File,
    lines: u64,
}

/// What a file says.
#[derive(Debug, PartialEq)]
struct Image {
    stream: u64,
    next_seq: u64,
    frames: u64,
    waiting: BTreeMap<u64, Vec<u8>>,
}

/// More lines than this are written anew.
const COMPACT_AT: u64 = 20_000;

impl OutboxFile {
    /// Opens or creates a file; returns it, the outbox, and the frames already taken.
    pub fn open(path: &Path, stream: u64, window: usize) -> Result<(Self, Outbox, u64), OutboxFileError> {
        let image = read(path)?.unwrap_or(Image { stream, next_seq: 1, frames: 0, waiting: BTreeMap::new() });
        let mut opened = Self::rewrite(path, &image)?;
        opened.lines = 0;
        let outbox = Outbox::restored(image.stream, image.next_seq, window, image.waiting.into_iter().collect());
        Ok((opened, outbox, image.frames))
    }

    /// Writes down the message pushed last; `frames` of the vehicle went into it.
    pub fn kept(&mut self, outbox: &Outbox, frames: u64) -> Result<(), OutboxFileError> {
        let Some((seq, payload)) = outbox.last_payload() else { return Ok(()) };
        // A damaged payload is no text; its number is what must survive.
        self.append(&Line::Kept { seq, frames, payload: String::from_utf8(payload).ok() })
    }

    /// Writes down that a number was used up for nothing.
    pub fn skipped(&mut self, seq: u64, frames: u64) -> Result<(), OutboxFileError> {
        self.append(&Line::Kept { seq, frames, payload: None })
    }

    /// Writes down how far the engine has committed.
    pub fn committed(&mut self, seq: u64) -> Result<(), OutboxFileError> {
        self.append(&Line::Committed { seq })?;
        if self.lines > COMPACT_AT
            && let Some(image) = read(&self.path)?
        {
            *self = Self::rewrite(&self.path, &image)?;
        }
        Ok(())
    }

    /// Writes down that the vehicle begins a new stream after so many frames.
    pub fn lost(&mut self, stream: u64, frames: u64) -> Result<(), OutboxFileError> {
        self.append(&Line::Stream { stream, next_seq: 1, frames })
    }

    fn append(&mut self, line: &Line) -> Result<(), OutboxFileError> {
        let wrong = |error: io::Error| OutboxFileError::Write(self.path.clone(), error);
        let mut text = serde_json::to_vec(line).map_err(|error| wrong(error.into()))?;
        text.push(b'\n');
        self.file.write_all(&text).map_err(wrong)?;
        self.lines += 1;
        Ok(())
    }

    fn rewrite(path: &Path, image: &Image) -> Result<Self, OutboxFileError> {
        let fresh = path.with_extension("new");
        let open = |error| OutboxFileError::Open(fresh.clone(), error);
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(&fresh).map_err(open)?;
        let mut outbox = Self { path: path.to_owned(), file, lines: 0 };
        let next_seq = image.waiting.keys().next().copied().unwrap_or(image.next_seq);
        outbox.append(&Line::Stream { stream: image.stream, next_seq, frames: image.frames })?;
        for seq in next_seq..image.next_seq {
            let payload = image.waiting.get(&seq).map(|payload| String::from_utf8_lossy(payload).into_owned());
            outbox.append(&Line::Kept { seq, frames: 0, payload })?;
        }
        std::fs::rename(&fresh, path).map_err(|error| OutboxFileError::Write(path.to_owned(), error))?;
        Ok(outbox)
    }
}

fn read(path: &Path) -> Result<Option<Image>, OutboxFileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(OutboxFileError::Open(path.to_owned(), error)),
    };
    let mut image = None;
    let mut lines = BufReader::new(file).lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let line = line.map_err(|error| OutboxFileError::Read(path.to_owned(), error))?;
        match serde_json::from_str(&line) {
            Ok(line) => apply(&mut image, line),
            // The process died while it wrote the last line: that message was not sent.
            Err(_) if lines.peek().is_none() => break,
            Err(error) => return Err(OutboxFileError::Line { path: path.to_owned(), line: index + 1, source: error }),
        }
    }
    Ok(image)
}

fn apply(image: &mut Option<Image>, line: Line) {
    match (line, image) {
        (Line::Stream { stream, next_seq, frames }, image) => {
            *image = Some(Image { stream, next_seq, frames, waiting: BTreeMap::new() });
        }
        (Line::Kept { seq, frames, payload }, Some(image)) => {
            image.next_seq = seq + 1;
            image.frames += frames;
            if let Some(payload) = payload {
                image.waiting.insert(seq, payload.into_bytes());
            }
        }
        (Line::Committed { seq }, Some(image)) => image.waiting = image.waiting.split_off(&(seq + 1)),
        (_, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use ingest::down::Down;
    use rules::unit::Time;

    use super::*;
    use crate::frame::Frame;

    fn push(file: &mut OutboxFile, outbox: &mut Outbox, secs: i64) {
        outbox.push(vec![Frame::new(Time::from_secs(1_790_000_000 + secs))], Vec::new());
        file.kept(outbox, 1).unwrap();
    }

    #[test]
    fn numbering_and_backlog_survive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v-1.outbox");
        let (mut file, mut outbox, frames) = OutboxFile::open(&path, 5, 8).unwrap();
        assert_eq!((frames, outbox.stream()), (0, 5));
        for secs in 0..4 {
            push(&mut file, &mut outbox, secs);
        }
        outbox.hear(&Down::Committed { stream: 5, seq: 2 });
        file.committed(2).unwrap();
        drop(file);
        for _ in 0..2 {
            let (_, mut again, frames) = OutboxFile::open(&path, 9, 8).unwrap();
            assert_eq!((again.stream(), again.next_seq(), again.len(), frames), (5, 5, 2, 4));
            let payload = String::from_utf8(again.next_to_send().unwrap()).unwrap();
            assert!(payload.contains(r#""seq":3"#), "{payload}");
        }
    }

    #[test]
    fn a_line_cut_off_at_the_end_never_happened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v-1.outbox");
        let (mut file, mut outbox, _) = OutboxFile::open(&path, 1, 8).unwrap();
        push(&mut file, &mut outbox, 0);
        push(&mut file, &mut outbox, 1);
        drop(file);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
        let (_, again, frames) = OutboxFile::open(&path, 1, 8).unwrap();
        assert_eq!((again.next_seq(), frames), (2, 1));
    }

    #[test]
    fn holes_and_lost_stores_survive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v-1.outbox");
        let (mut file, mut outbox, _) = OutboxFile::open(&path, 1, 8).unwrap();
        push(&mut file, &mut outbox, 0);
        file.skipped(2, 1).unwrap();
        outbox.lose_store();
        file.lost(2, 2).unwrap();
        push(&mut file, &mut outbox, 1);
        drop(file);
        let (_, again, frames) = OutboxFile::open(&path, 1, 8).unwrap();
        assert_eq!((again.stream(), again.next_seq(), again.len(), frames), (2, 2, 1, 3));
    }
}
