//! Writes the table of the embedded macro packages (`macros/<package>/**`), with their texts, for src/project/embedded.rs.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=macros");
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("macros");
    let mut table = String::from("const FILES: &[EmbeddedFile] = &[\n");
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    files.sort();
    for file in &files {
        let relative = file.strip_prefix(&root).map_err(io::Error::other)?.to_string_lossy().replace('\\', "/");
        let Some((package, path)) = relative.split_once('/') else { continue };
        let absolute = file.to_string_lossy();
        writeln!(
            table,
            "    EmbeddedFile {{ package: {package:?}, path: {path:?}, text: include_str!({absolute:?}) }},"
        )
        .map_err(io::Error::other)?;
    }
    table.push_str("];\n");
    fs::write(PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?).join("embedded.rs"), table)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|end| end == "sql" || end == "yml") {
            files.push(path);
        }
    }
    Ok(())
}
