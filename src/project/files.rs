//! Finding and reading the files of a package.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ignore::WalkBuilder;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rayon::prelude::*;

use super::known::Content;
use super::{FilePath, Files, Known, PackageFile, Paths, location, secrets};
use crate::diag::{self, Code, Diagnostic, SourceFile};

/// Reads a text file; `name` is how messages call it. Line breaks become `\n`, a byte order mark is dropped.
pub(super) fn read(path: &Path, name: &str) -> diag::Result<Arc<SourceFile>> {
    Ok(SourceFile::new(name, text(path, name)?))
}

/// Reads profiles.yml, whose secrets no snippet may show.
pub(super) fn read_profiles(path: &Path, name: &str) -> diag::Result<Arc<SourceFile>> {
    let text = text(path, name)?;
    let shown = secrets::covered(&text);
    Ok(SourceFile::with_secrets(name, text, shown))
}

/// Reads packages.yml and the like: no snippet may show the logins in its addresses.
pub(super) fn read_packages(path: &Path, name: &str) -> diag::Result<Arc<SourceFile>> {
    let text = text(path, name)?;
    let shown = secrets::covered_logins(&text);
    Ok(SourceFile::with_secrets(name, text, shown))
}

fn text(path: &Path, name: &str) -> diag::Result<String> {
    decoded(std::fs::read(path).map_err(|error| unreadable(name, &error))?, name)
}

fn unreadable(name: &str, error: &std::io::Error) -> Box<Diagnostic> {
    Diagnostic::error(Code::File, format!("cannot read `{name}`: {}", reason(error))).boxed()
}

fn decoded(bytes: Vec<u8>, name: &str) -> diag::Result<String> {
    let text = String::from_utf8(bytes).map_err(|error| not_utf8(name, &error).boxed())?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    Ok(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text })
}

/// Reads a file of a package, unless it is known and unchanged.
fn read_known(path: FilePath, name: &str, known: &Known) -> diag::Result<PackageFile> {
    let (stat, content) = known.bytes(&path.absolute).map_err(|error| unreadable(name, &error))?;
    let source = match content {
        Content::Known(source) if source.path == name => source.clone(),
        Content::Known(source) => SourceFile::new(name, source.text.as_str()),
        Content::Read { bytes, known } => {
            let text = decoded(bytes, name)?;
            match known.filter(|known| known.path == name && known.text == text) {
                Some(known) => known.clone(),
                None => SourceFile::new(name, text),
            }
        }
    };
    Ok(PackageFile { path, source, stat })
}

/// The operating system's words without its error number.
pub(super) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_lowercase()
}

fn not_utf8(name: &str, error: &std::string::FromUtf8Error) -> Diagnostic {
    let valid = error.utf8_error().valid_up_to();
    let line = error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
    Diagnostic::error(Code::File, format!("`{name}` is not UTF-8 text"))
        .note(format!("the first wrong byte is 0x{:02x} in line {line}", error.as_bytes()[valid]))
        .help("save the file as UTF-8")
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Model,
    Seed,
    Test,
    GenericTest,
    Fixture,
    Analysis,
    Macro,
    Snapshot,
    Function,
    Doc,
    Property,
}

/// Finds and reads all files of a package. `prefix` goes before their names in messages.
pub(super) fn discover(root: &Path, prefix: &str, paths: &Paths, known: &Known, diags: &mut Vec<Diagnostic>) -> Files {
    if let Some(files) = known.package(root) {
        return files.clone();
    }
    let ignored = dbtignore(root, diags);
    let found = find(root, paths, &ignored, diags);
    let (seeds, texts): (Vec<_>, Vec<_>) = found.into_iter().partition(|((kind, _), _)| *kind == Kind::Seed);
    let read: Vec<(Kind, diag::Result<PackageFile>)> = texts
        .into_par_iter()
        .map(|((kind, _), path)| {
            let name = if prefix.is_empty() { path.original.clone() } else { format!("{prefix}/{}", path.original) };
            (kind, read_known(path, &name, known))
        })
        .collect();
    let seeds = seeds.into_par_iter().map(|(_, path)| known.seed(path)).collect();
    let mut files = Files { seeds, ..Files::default() };
    for (kind, file) in read {
        let list = match kind {
            Kind::Model | Kind::Seed => &mut files.models,
            Kind::Test => &mut files.tests,
            Kind::GenericTest => &mut files.generic_tests,
            Kind::Fixture => &mut files.fixtures,
            Kind::Analysis => &mut files.analyses,
            Kind::Macro => &mut files.macros,
            Kind::Snapshot => &mut files.snapshots,
            Kind::Function => &mut files.functions,
            Kind::Doc => &mut files.docs,
            Kind::Property => &mut files.properties,
        };
        match file {
            Ok(file) => list.push(file),
            Err(error) => diags.push(*error),
        }
    }
    files
}

fn dbtignore(root: &Path, diags: &mut Vec<Diagnostic>) -> Gitignore {
    let path = root.join(".dbtignore");
    if !path.is_file() {
        return Gitignore::empty();
    }
    let mut builder = GitignoreBuilder::new(root);
    let problem = builder.add(&path);
    match (builder.build(), problem) {
        (Ok(ignored), None) => ignored,
        (_, Some(error)) | (Err(error), None) => {
            diags.push(Diagnostic::error(Code::File, format!("cannot use `.dbtignore`: {error}")));
            Gitignore::empty()
        }
    }
}

/// Every file once per kind, also where configured folders overlap.
fn find(
    root: &Path,
    paths: &Paths,
    ignored: &Gitignore,
    diags: &mut Vec<Diagnostic>,
) -> BTreeMap<(Kind, String), FilePath> {
    let kinds: [(Role, &Vec<String>); 8] = [
        (Role::Models, &paths.models),
        (Role::Seeds, &paths.seeds),
        (Role::Tests, &paths.tests),
        (Role::Analyses, &paths.analyses),
        (Role::Macros, &paths.macros),
        (Role::Snapshots, &paths.snapshots),
        (Role::Functions, &paths.functions),
        (Role::Docs, &paths.docs),
    ];
    let mut roles: BTreeMap<&str, Vec<Role>> = BTreeMap::new();
    for (role, folders) in kinds {
        for folder in folders {
            roles.entry(folder.trim_end_matches('/')).or_default().push(role);
        }
    }
    let mut found = BTreeMap::new();
    for (folder, roles) in roles {
        for relative in walk(root, folder, ignored, diags) {
            for role in &roles {
                let Some(kind) = role.kind_of(&relative) else { continue };
                let original =
                    location::normal(&Path::new(folder).join(&relative)).to_string_lossy().replace('\\', "/");
                let absolute = root.join(&original);
                found.entry((kind, original.clone())).or_insert_with(|| FilePath {
                    original,
                    relative: relative.clone(),
                    absolute,
                });
            }
        }
    }
    found
}

/// What a configured folder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Models,
    Seeds,
    Tests,
    Analyses,
    Macros,
    Snapshots,
    Functions,
    Docs,
}

impl Role {
    /// What a file of such a folder is for; none if it is not for dbt.
    fn kind_of(self, relative: &str) -> Option<Kind> {
        let (_, end) = relative.rsplit_once('.')?;
        match (self, end) {
            (Self::Docs, "md") => Some(Kind::Doc),
            (Self::Docs, _) => None,
            (_, "yml" | "yaml") => Some(Kind::Property),
            (Self::Models, "sql" | "py") => Some(Kind::Model),
            (Self::Seeds, "csv") => Some(Kind::Seed),
            (Self::Tests, "sql" | "csv") if relative.starts_with("fixtures/") => Some(Kind::Fixture),
            (Self::Tests, "sql") if relative.starts_with("generic/") => Some(Kind::GenericTest),
            (Self::Tests, "sql") => Some(Kind::Test),
            (Self::Analyses, "sql") => Some(Kind::Analysis),
            (Self::Macros, "sql") => Some(Kind::Macro),
            (Self::Snapshots, "sql") => Some(Kind::Snapshot),
            (Self::Functions, "sql" | "py" | "js") => Some(Kind::Function),
            _ => None,
        }
    }
}

/// Files below a folder, relative to it, with `/`. Hidden ones are none of dbt's business (editor and notebook copies).
fn walk(root: &Path, folder: &str, ignored: &Gitignore, diags: &mut Vec<Diagnostic>) -> Vec<String> {
    let base = root.join(folder);
    if !base.is_dir() {
        return Vec::new();
    }
    let ignored = ignored.clone();
    let within = root.to_path_buf();
    let walk = WalkBuilder::new(&base)
        .standard_filters(false)
        .hidden(true)
        .follow_links(true)
        .filter_entry(move |entry| {
            let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
            !entry.path().starts_with(&within) || !ignored.matched(entry.path(), is_folder).is_ignore()
        })
        .build();
    let mut files = Vec::new();
    for entry in walk {
        match entry {
            Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) => {
                if let Ok(relative) = entry.path().strip_prefix(&base) {
                    files.push(relative.to_string_lossy().replace('\\', "/"));
                }
            }
            Ok(_) => {}
            Err(error) => diags.push(Diagnostic::error(Code::File, format!("cannot read below `{folder}`: {error}"))),
        }
    }
    files
}
