//! `deps`: installs what packages.yml asks for. Local folders are linked; package-lock.yml is written as dbt does.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sha1::{Digest, Sha1};

use super::packages::{self, Requested, Source};
use super::{ProjectOnly, files, location};
use crate::diag::{self, Code, Diagnostic};
use crate::jinja::Engine;

const LOCK_FILE: &str = "package-lock.yml";

/// A package that is now in place.
#[derive(Debug, Clone, PartialEq)]
pub struct Installed {
    pub name: String,
    /// Where it comes from, in words.
    pub source: String,
}

/// What to do with the packages that were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Install,
    /// Only writes package-lock.yml (`deps --lock`).
    Lock,
}

/// Finds the packages that the project asks for, and those that they ask for, and puts them in place.
///
/// # Errors
/// Packages that cannot be found, that are of a kind that is not supported, or that share a name.
pub fn install(project: &ProjectOnly, engine: &Engine, mode: Mode) -> Result<Vec<Installed>, Vec<Diagnostic>> {
    let mut diags = Vec::new();
    let requested = packages::requested(&project.root, "", engine, &project.invocation, &mut diags);
    let found = resolve(project, engine, &requested, &mut diags);
    if diags.iter().any(Diagnostic::is_error) {
        return Err(diags);
    }
    let placed = found.iter().try_for_each(|package| match mode {
        Mode::Install => place(project, package),
        Mode::Lock => Ok(()),
    });
    placed.and_then(|()| write_lock(project, &requested, &found)).map_err(|error| vec![*error])?;
    Ok(found.into_iter().map(|package| Installed { name: package.name, source: package.source }).collect())
}

/// A local package and the entry that asked for it first.
struct Found {
    name: String,
    folder: PathBuf,
    source: String,
    entry: Map<String, Value>,
}

/// Breadth first, each folder once.
fn resolve(project: &ProjectOnly, engine: &Engine, requested: &[Requested], diags: &mut Vec<Diagnostic>) -> Vec<Found> {
    let mut queue: VecDeque<(Requested, PathBuf)> =
        requested.iter().map(|request| (request.clone(), project.root.clone())).collect();
    let mut found: Vec<Found> = Vec::new();
    while let Some((request, asker)) = queue.pop_front() {
        let Source::Local(path) = &request.source else {
            diags.push(unsupported(&request));
            continue;
        };
        // dbt resolves local paths against the root project, also those of packages.
        let folder = [&project.root, &asker].map(|base| location::normal(&base.join(path)));
        let folder = folder.iter().find(|folder| folder.join(location::PROJECT_FILE).is_file());
        let Some((folder, name)) = folder.and_then(|folder| Some((folder, packages::project_name(folder)?))) else {
            diags.push(
                Diagnostic::error(Code::Dependency, format!("there is no dbt project in `{path}`"))
                    .at(request.span.clone(), "asked for here")
                    .help("give the folder that holds dbt_project.yml, relative to this project"),
            );
            continue;
        };
        if found.iter().any(|package| package.folder == *folder) {
            continue;
        }
        if name == *project.name || found.iter().any(|package| package.name == name) {
            diags.push(
                Diagnostic::error(Code::DuplicateName, format!("two packages are called `{name}`"))
                    .at(request.span.clone(), "the second one"),
            );
            continue;
        }
        let prefix = location::display(folder, &project.root);
        let inner = packages::requested(folder, &prefix, engine, &project.invocation, diags);
        queue.extend(inner.into_iter().map(|request| (request, folder.clone())));
        let source = request.source.describe();
        found.push(Found { name, folder: folder.clone(), source, entry: request.rendered });
    }
    found
}

fn unsupported(request: &Requested) -> Diagnostic {
    Diagnostic::error(Code::NotSupported, format!("{} cannot be installed by this version", request.source.describe()))
        .at(request.span.clone(), "only `local:` packages are supported")
        .help("download it and name its folder: `- local: <folder>`; packages that are already installed are used")
}

fn place(project: &ProjectOnly, package: &Found) -> diag::Result<()> {
    let target = project.packages_install_path.join(&package.name);
    let failed = |error: std::io::Error| {
        let target = location::display(&target, &project.root);
        Diagnostic::error(
            Code::File,
            format!("cannot install `{}` to `{target}`: {}", package.name, files::reason(&error)),
        )
        .boxed()
    };
    fs::create_dir_all(&project.packages_install_path).map_err(failed)?;
    match fs::symlink_metadata(&target) {
        Ok(old) if old.is_dir() => fs::remove_dir_all(&target).map_err(failed)?,
        Ok(_) => fs::remove_file(&target).map_err(failed)?,
        Err(_) => {}
    }
    link(&package.folder, &target).map_err(failed)
}

#[cfg(unix)]
fn link(folder: &Path, target: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(folder.canonicalize()?, target)
}

/// Where links need special rights, a copy has to do.
#[cfg(not(unix))]
fn link(folder: &Path, target: &Path) -> std::io::Result<()> {
    fs::create_dir_all(target)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let copy = target.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            link(&entry.path(), &copy)?
        } else {
            fs::copy(entry.path(), copy).map(drop)?
        }
    }
    Ok(())
}

/// package-lock.yml: the resolved packages and the hash of what was asked for.
fn write_lock(project: &ProjectOnly, requested: &[Requested], found: &[Found]) -> diag::Result<()> {
    if requested.is_empty() {
        return Ok(());
    }
    let mut text = String::from("packages:\n");
    for package in found {
        let mut entry = package.entry.clone();
        entry.insert("name".to_owned(), package.name.clone().into());
        // A list whose items are indented, and sorted keys.
        let lines = crate::yaml::emit(&Value::Array(vec![Value::Object(entry)]), true);
        lines.lines().for_each(|line| text.push_str(&format!("  {line}\n")));
    }
    text.push_str(&format!("sha1_hash: {}\n", hash(requested)));
    fs::write(project.root.join(LOCK_FILE), text).map_err(|error| {
        Diagnostic::error(Code::File, format!("cannot write `{LOCK_FILE}`: {}", files::reason(&error))).boxed()
    })
}

/// dbt's hash: SHA-1 of the entries as JSON with sorted keys, sorted, one a line.
fn hash(requested: &[Requested]) -> String {
    let mut entries: Vec<String> = requested
        .iter()
        .map(|request| {
            let mut entry = request.rendered.clone();
            entry.insert("unrendered".to_owned(), json!(request.written));
            python_json(&Value::Object(entry))
        })
        .collect();
    entries.sort();
    Sha1::digest(entries.join("\n")).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `json.dumps(value, sort_keys=True)`.
fn python_json(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            let entries: Vec<String> = entries
                .into_iter()
                .map(|(key, value)| format!("{}: {}", Value::from(key.as_str()), python_json(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(python_json).collect::<Vec<_>>().join(", "))
        }
        value => value.to_string(),
    }
}
