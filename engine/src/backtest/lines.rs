//! Lines of JSON: the wire's shape with a key `vehicle`, cut into buffers of whole lines.

use std::io::Read;
use std::sync::Arc;

use anyhow::Context as _;
use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter, memrchr};

use super::feed::{Feed, Line, Parcel};

/// Bytes of a buffer. Long, so that there are several lines of a vehicle in it: taken one after the
/// other they find its state in the cache, which is half of what a line costs.
const BUFFER: usize = 48 << 20;

pub fn read(mut source: Box<dyn Read>, feed: &mut Feed<'_>) -> anyhow::Result<()> {
    let mut reached = feed.place.offset;
    skip(&mut source, reached)?;
    let finder = Finder::new(b"\"vehicle\"");
    let mut buffers = Buffers::default();
    let mut rest: Vec<u8> = Vec::new();
    loop {
        let mut buffer = buffers.empty();
        buffer.append(&mut rest);
        let ended = fill(&mut source, &mut buffer)?;
        let whole = if ended { buffer.len() } else { memrchr(b'\n', &buffer).map_or(0, |at| at + 1) };
        if whole == 0 && !ended {
            // A line longer than a buffer is no message of ours.
            feed.nameless += 1;
            reached += buffer.len() as u64 + past_line(&mut source)?;
            continue;
        }
        rest.extend_from_slice(&buffer[whole..]);
        buffer.truncate(whole);
        hand_out(buffers.keep(buffer), &finder, feed)?;
        reached += whole as u64;
        feed.progress.inc(whole as u64);
        feed.reached(reached)?;
        if ended {
            return Ok(());
        }
    }
}

/// Buffers to fill again once every shard has let go of them: the system clears each page of a new one.
#[derive(Default)]
struct Buffers(Vec<Arc<Vec<u8>>>);

impl Buffers {
    fn empty(&mut self) -> Vec<u8> {
        let free = self.0.iter().position(|buffer| Arc::strong_count(buffer) == 1);
        let free = free.and_then(|place| Arc::try_unwrap(self.0.swap_remove(place)).ok());
        let mut buffer = free.unwrap_or_default();
        buffer.clear();
        buffer
    }

    fn keep(&mut self, buffer: Vec<u8>) -> Arc<Vec<u8>> {
        let buffer = Arc::new(buffer);
        self.0.push(Arc::clone(&buffer));
        buffer
    }
}

/// Each line to the shard of its vehicle.
fn hand_out(buffer: Arc<Vec<u8>>, finder: &Finder<'_>, feed: &mut Feed<'_>) -> anyhow::Result<()> {
    let mut spans: Vec<Vec<Line>> = vec![Vec::new(); feed.shards.len()];
    let mut start = 0;
    for end in memchr_iter(b'\n', &buffer).chain([buffer.len()]) {
        let line = buffer[start..end].trim_ascii_end();
        if !line.is_empty() {
            match vehicle(line, finder) {
                Some(vehicle) => {
                    let (shard, line) = feed.line(vehicle, start, start + line.len());
                    spans[shard].push(line);
                }
                None => feed.nameless += 1,
            }
        }
        start = (end + 1).min(buffer.len());
    }
    for (shard, spans) in spans.into_iter().enumerate().filter(|(_, spans)| !spans.is_empty()) {
        feed.send(shard, Parcel::Lines { buffer: Arc::clone(&buffer), spans })?;
    }
    Ok(())
}

/// The vehicle that a line names. Whether it names it rightly is admission's business.
pub fn vehicle<'a>(line: &'a [u8], finder: &Finder<'_>) -> Option<&'a str> {
    // Mostly it stands in front.
    let after = match line.strip_prefix(b"{\"vehicle\":\"") {
        Some(after) => after,
        None => {
            let after = &line[finder.find(line)? + finder.needle().len()..];
            after.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?
        }
    };
    std::str::from_utf8(&after[..memchr(b'"', after)?]).ok()
}

/// Fills a buffer as far as there is something; true at the end of the source.
fn fill(source: &mut Box<dyn Read>, buffer: &mut Vec<u8>) -> anyhow::Result<bool> {
    let missing = BUFFER.saturating_sub(buffer.len());
    let read = source.by_ref().take(missing as u64).read_to_end(buffer).context("reading on")?;
    Ok(read < missing)
}

fn skip(source: &mut Box<dyn Read>, bytes: u64) -> anyhow::Result<()> {
    std::io::copy(&mut source.by_ref().take(bytes), &mut std::io::sink())
        .context("going to where the snapshot ends")?;
    Ok(())
}

/// Reads to the end of the line; the bytes passed.
fn past_line(source: &mut Box<dyn Read>) -> anyhow::Result<u64> {
    let mut passed = 0;
    let mut byte = [0];
    while source.read(&mut byte)? == 1 {
        passed += 1;
        if byte[0] == b'\n' {
            break;
        }
    }
    Ok(passed)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use indicatif::ProgressBar;

    use super::*;

    fn lines_of(text: &str) -> (Vec<String>, u64) {
        let (sender, parcels) = sync_channel(64);
        let progress = ProgressBar::hidden();
        let mut feed = Feed::new(vec![sender], &progress);
        read(Box::new(std::io::Cursor::new(text.as_bytes().to_vec())), &mut feed).unwrap();
        let nameless = feed.nameless;
        drop(feed);
        let mut lines = Vec::new();
        for parcel in parcels {
            let Parcel::Lines { buffer, spans } = parcel else { panic!("lines") };
            for Line { from, to, .. } in spans {
                lines.push(String::from_utf8(buffer[from as usize..to as usize].to_vec()).unwrap());
            }
        }
        (lines, nameless)
    }

    #[test]
    fn hands_out_every_line_whatever_the_ends() {
        let one = r#"{"vehicle":"a"}"#;
        let other = r#"{"x":[1], "vehicle" : "b"}"#;
        for text in [format!("{one}\n{other}"), format!("{one}\r\n\n{other}\n"), format!("\n{one}\n{other}\n\n")] {
            assert_eq!(lines_of(&text), (vec![one.to_owned(), other.to_owned()], 0), "{text:?}");
        }
    }

    #[test]
    fn counts_lines_that_name_no_vehicle() {
        assert_eq!(lines_of("{\"x\":1}\n{\"vehicle\":7}\nnonsense\n"), (vec![], 3));
    }

    #[test]
    fn cuts_only_between_lines() {
        let line = format!("{{\"vehicle\":\"a\",\"x\":\"{}\"}}\n", "y".repeat(BUFFER / 3));
        let (lines, nameless) = lines_of(&line.repeat(7));
        assert_eq!((lines.len(), nameless), (7, 0));
        assert!(lines.iter().all(|one| *one == line.trim_end()));
    }

    #[test]
    fn passes_over_a_line_that_is_no_message() {
        let text = format!("{}\n{{\"vehicle\":\"a\"}}\n", "x".repeat(BUFFER + 10));
        assert_eq!(lines_of(&text), (vec!["{\"vehicle\":\"a\"}".to_owned()], 1));
    }
}
