//! Unpacking archives that somebody else has made: nothing may land outside of the folder.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType};

use crate::project::{files, location};

/// Bytes of an archive.
pub(super) const MAX_PACKED: u64 = 200 << 20;
/// Bytes and members of what is in it: a guard against archives that grow without end.
const MAX_UNPACKED: u64 = 1 << 30;
const MAX_MEMBERS: usize = 100_000;

/// Unpacks a `.tar.gz` or `.tar` into an empty folder and gives the folder of the project in it.
///
/// # Errors
/// What is wrong with the archive, as the end of a sentence.
pub(super) fn unpack(packed: &[u8], into: &Path) -> Result<PathBuf, String> {
    let is_gzip = packed.starts_with(&[0x1f, 0x8b]);
    let reader: Box<dyn Read> = if is_gzip { Box::new(MultiGzDecoder::new(packed)) } else { Box::new(packed) };
    let mut archive = Archive::new(Limited { inner: reader, left: MAX_UNPACKED });
    members(&mut archive, into)?;
    // Up to the checksum at the end.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(broken)?;
    project_folder(into)
}

fn broken(error: io::Error) -> String {
    format!("the archive is broken: {}", files::reason(&error))
}

/// Counts what comes out of the decoder: every member of a tar passes here, whatever it claims to be.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other(format!("it unpacks to more than {} MB", MAX_UNPACKED >> 20)))?;
        Ok(read)
    }
}

fn members(archive: &mut Archive<impl Read>, into: &Path) -> Result<(), String> {
    let mut links: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    let mut count = 0;
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        count += 1;
        if count > MAX_MEMBERS {
            return Err(format!("the archive has more than {MAX_MEMBERS} members"));
        }
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader | EntryType::XHeader) {
            continue;
        }
        let path = entry.path().map_err(broken)?.into_owned();
        let relative = inside(&path).ok_or_else(|| escapes(&path))?;
        if relative.as_os_str().is_empty() {
            continue;
        }
        let target = into.join(&relative);
        match kind {
            EntryType::Directory => fs::create_dir_all(&target).map_err(broken)?,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                write(&mut entry, &target).map_err(broken)?;
            }
            EntryType::Symlink => {
                let to = entry.link_name().map_err(broken)?.unwrap_or_default().into_owned();
                let end = relative.parent().unwrap_or(Path::new("")).join(&to);
                inside(&end).filter(|_| !to.is_absolute()).ok_or_else(|| escapes(&path))?;
                links.insert(target, to);
            }
            EntryType::Link => {
                let to = entry.link_name().map_err(broken)?.unwrap_or_default().into_owned();
                let from = into.join(inside(&to).ok_or_else(|| escapes(&path))?);
                let is_file = fs::symlink_metadata(&from).is_ok_and(|found| found.is_file());
                if !is_file {
                    return Err(format!("the archive is broken: `{}` links to nothing", path.display()));
                }
                copy(&from, &target).map_err(broken)?;
            }
            _ => return Err(format!("`{}` in the archive is neither a file nor a folder", path.display())),
        }
    }
    // Only now, so that no member is written through a link.
    for (link, to) in &links {
        make_link(link, to).map_err(broken)?;
    }
    links.keys().try_for_each(|link| stays_inside(link, into))
}

/// The path without `.`; none if it is absolute or leaves the folder on the way.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => out.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(out)
}

fn escapes(path: &Path) -> String {
    format!("`{}` in the archive leads out of the package's folder", path.display())
}

fn write(entry: &mut tar::Entry<'_, impl Read>, target: &Path) -> io::Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = fs::File::create(target)?;
    let written = io::copy(entry, &mut file)?;
    if entry.header().size().is_ok_and(|size| written < size) && entry.header().entry_type() != EntryType::GNUSparse {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::copy(from, to).map(drop)
}

#[cfg(unix)]
pub(super) fn make_link(link: &Path, to: &Path) -> io::Result<()> {
    if let Some(parent) = link.parent() {
        fs::create_dir_all(parent)?;
    }
    std::os::unix::fs::symlink(to, link)
}

/// Where links need special rights, a copy has to do.
#[cfg(not(unix))]
pub(super) fn make_link(link: &Path, to: &Path) -> io::Result<()> {
    let from = link.parent().unwrap_or(Path::new("")).join(to);
    if from.is_dir() { super::place::copy_folder(&from, link) } else { copy(&from, link) }
}

/// A link may lead through other links: where it really ends counts.
pub(super) fn stays_inside(link: &Path, root: &Path) -> Result<(), String> {
    let (Ok(end), Ok(root)) = (link.canonicalize(), root.canonicalize()) else {
        // It leads nowhere.
        return Ok(());
    };
    let shown = location::display(link, &root);
    end.starts_with(&root).then_some(()).ok_or_else(|| format!("the link `{shown}` leads out of the package's folder"))
}

/// The folder that holds dbt_project.yml: archives of code hosts have one folder at the top.
fn project_folder(into: &Path) -> Result<PathBuf, String> {
    let has_project = |folder: &Path| folder.join(location::PROJECT_FILE).is_file();
    if has_project(into) {
        return Ok(into.to_owned());
    }
    let entries = fs::read_dir(into).map_err(|error| files::reason(&error))?;
    let mut folders = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir());
    match (folders.next(), folders.next()) {
        (Some(only), None) if has_project(&only) => Ok(only),
        _ => Err(format!("the archive holds no dbt project: no `{}` in its folder", location::PROJECT_FILE)),
    }
}
