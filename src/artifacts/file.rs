//! A file that appears whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::diag::{self, Code, Diagnostic};

/// Writes beside the place and moves the result there.
///
/// # Errors
/// The folder cannot be made, or the file cannot be written or moved.
pub fn write(path: &Path, content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> diag::Result<()> {
    let failed =
        |error: io::Error| Diagnostic::error(Code::File, format!("cannot write `{}`: {error}", path.display())).boxed();
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    // Several runs may share a target folder: each writes a file of its own.
    let unfinished = folder.join(format!(".{name}.{}", uuid::Uuid::new_v4().simple()));
    let outcome = File::create(&unfinished).and_then(|file| {
        let mut writer = BufWriter::with_capacity(1 << 16, file);
        content(&mut writer)?;
        writer.flush()?;
        fs::rename(&unfinished, path)
    });
    outcome.map_err(|error| {
        let _ = fs::remove_file(&unfinished);
        failed(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("target/a.json");
        write(&path, |file| file.write_all(b"old")).unwrap();
        let error = write(&path, |_| Err(io::Error::other("full"))).unwrap_err();
        assert!(error.message.contains("full"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
