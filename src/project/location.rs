//! Which folder is the project, and where its other folders lie.

use std::path::{Path, PathBuf};

use super::Request;
use crate::diag::{self, Code, Diagnostic};

pub(super) const PROJECT_FILE: &str = "dbt_project.yml";

/// The project's folder: the one that was asked for, else the nearest one from `cwd` upwards with a dbt_project.yml.
pub(super) fn root(request: &Request) -> diag::Result<PathBuf> {
    let asked = request.project_dir.clone().or_else(|| request.env.option("PROJECT_DIR").map(PathBuf::from));
    let found = match &asked {
        Some(folder) => Some(request.cwd.join(folder)).filter(|folder| folder.join(PROJECT_FILE).is_file()),
        None => request.cwd.ancestors().find(|folder| folder.join(PROJECT_FILE).is_file()).map(Path::to_path_buf),
    };
    found.map(|folder| normal(&folder)).ok_or_else(|| not_found(request, asked.as_deref()).boxed())
}

/// The project's folder, if there is one.
pub fn find_root(request: &Request) -> Option<PathBuf> {
    root(request).ok()
}

fn not_found(request: &Request, asked: Option<&Path>) -> Diagnostic {
    let Some(asked) = asked else {
        return Diagnostic::error(
            Code::ProjectNotFound,
            format!("no `{PROJECT_FILE}` in `{}` or any folder above it", request.cwd.display()),
        )
        .help("run this inside a dbt project, or name one: `--project-dir <folder>`");
    };
    let folder = request.cwd.join(asked);
    let what = if folder.is_dir() { "has no" } else { "does not exist, so there is no" };
    let error =
        Diagnostic::error(Code::ProjectNotFound, format!("the folder `{}` {what} `{PROJECT_FILE}`", asked.display()));
    match below(&folder) {
        Some(below) => error.help(format!("a project lies in `{}`", asked.join(below).display())),
        None => error.help("name the folder that holds dbt_project.yml: `--project-dir <folder>`"),
    }
}

/// A folder directly below that is a project.
fn below(folder: &Path) -> Option<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter(|entry| entry.path().join(PROJECT_FILE).is_file())
        .map(|entry| PathBuf::from(entry.file_name()))
        .collect();
    found.sort();
    found.into_iter().next()
}

/// Without `.` and `..`, and without touching the disk: links keep their names.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir if out.file_name().is_some() => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

/// How messages call a path: relative to the project where it lies below it, with `/`.
pub(super) fn display(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}
