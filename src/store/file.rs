//! A file of sections, each of which can be read without the others. Everything that is read is checked by its digest.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use twox_hash::XxHash3_64;

const MAGIC: &[u8; 8] = b"headwatr";
/// Offset, length and digest of a section.
const ENTRY: usize = 24;

/// An open file of sections.
#[derive(Debug)]
pub struct Sections {
    file: File,
    /// Length and digest, where it starts.
    entries: Vec<(u64, u64, u64)>,
}

/// Writes the file beside its place and moves it there, so that no reader ever sees a part of it. `build` is what
/// [`read`] has to be called with.
///
/// # Errors
/// The folder cannot be made, or the file cannot be written or moved.
pub fn write(path: &Path, build: &str, sections: &[&[u8]]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let unfinished = folder.join(format!(".{name}.{}", uuid::Uuid::new_v4().simple()));
    let outcome = File::create(&unfinished).and_then(|mut file| {
        file.write_all(&head(build, sections))?;
        sections.iter().try_for_each(|section| file.write_all(section))?;
        drop(file);
        fs::rename(&unfinished, path)
    });
    if outcome.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    outcome
}

/// Magic, digest of the build, number of sections, their entries, digest of all that.
fn head(build: &str, sections: &[&[u8]]) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.extend(XxHash3_64::oneshot(build.as_bytes()).to_le_bytes());
    head.extend((sections.len() as u64).to_le_bytes());
    let mut offset = (head.len() + sections.len() * ENTRY + 8) as u64;
    for section in sections {
        head.extend(offset.to_le_bytes());
        head.extend((section.len() as u64).to_le_bytes());
        head.extend(XxHash3_64::oneshot(section).to_le_bytes());
        offset += section.len() as u64;
    }
    head.extend(XxHash3_64::oneshot(&head).to_le_bytes());
    head
}

/// Opens a file that [`write`] has written for the same build.
///
/// # Errors
/// What keeps it from being used, in words that go on after "because".
pub fn read(path: &Path, build: &str) -> Result<Sections, String> {
    let mut file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no saved state".to_owned(),
        _ => format!("the saved state cannot be opened: {error}"),
    })?;
    let damaged = || "the saved state is damaged".to_owned();
    let mut start = [0; 24];
    file.read_exact(&mut start).map_err(|_| damaged())?;
    if !start.starts_with(MAGIC) {
        return Err("the saved state is not a file of this program".to_owned());
    }
    if start[8..16] != XxHash3_64::oneshot(build.as_bytes()).to_le_bytes() {
        return Err("the saved state is of another version of this program".to_owned());
    }
    let count = usize::try_from(word(&start[16..])).ok().filter(|count| *count < 64).ok_or_else(damaged)?;
    let mut rest = vec![0; count * ENTRY + 8];
    file.read_exact(&mut rest).map_err(|_| damaged())?;
    let (entries, digest) = rest.split_at(count * ENTRY);
    if XxHash3_64::oneshot(&[&start[..], entries].concat()) != word(digest) {
        return Err(damaged());
    }
    let entries = entries.chunks_exact(ENTRY).map(|entry| (word(entry), word(&entry[8..]), word(&entry[16..])));
    Ok(Sections { entries: entries.collect(), file })
}

fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

impl Sections {
    /// The bytes of a section; none if they are damaged or cut off.
    pub fn section(&self, number: usize) -> Option<Vec<u8>> {
        let (offset, length, digest) = *self.entries.get(number)?;
        if offset.checked_add(length)? > self.file.metadata().ok()?.len() {
            return None;
        }
        let mut file = &self.file;
        file.seek(SeekFrom::Start(offset)).ok()?;
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        file.read_exact(&mut bytes).ok()?;
        (XxHash3_64::oneshot(&bytes) == digest).then_some(bytes)
    }
}
