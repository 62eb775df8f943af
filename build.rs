//! Writes the table of the embedded macro packages (`macros/<package>/**`), with their texts, for src/project/embedded.rs,
//! and tells the crate a digest of its sources, by which it knows what this very build has saved.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=macros");
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-changed=Cargo.lock");
    let top = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    println!("cargo:rustc-env=HEADWATER_SOURCES={:016x}", digest(&top)?);
    let root = top.join("macros");
    let mut table = String::from("const FILES: &[EmbeddedFile] = &[\n");
    let mut files = Vec::new();
    collect(&root, &["sql", "yml"], &mut files)?;
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

/// Of everything that the program is made of.
fn digest(top: &Path) -> io::Result<u64> {
    let mut files = vec![top.join("Cargo.lock")];
    collect(&top.join("src"), &["rs"], &mut files)?;
    collect(&top.join("macros"), &["sql", "yml"], &mut files)?;
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files.iter().filter(|file| file.is_file()) {
        file.strip_prefix(top).map_err(io::Error::other)?.hash(&mut hasher);
        fs::read(file)?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

fn collect(folder: &Path, endings: &[&str], files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, endings, files)?;
        } else if path.extension().is_some_and(|end| endings.iter().any(|wanted| end == *wanted)) {
            files.push(path);
        }
    }
    Ok(())
}
