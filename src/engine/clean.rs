//! `clean`: removes what commands have written, and never what people have.

use std::fs;
use std::path::{Path, PathBuf};

use super::call::{Call, Stage};
use super::{CommandResult, Done};
use crate::diag::{Code, Deprecation, Diagnostic};
use crate::project::{ProjectOnly, load_project_only};

pub(super) fn clean(call: &mut Call<'_>) -> Stage<Done> {
    let project = load_project_only(&call.request(), &call.jinja)?;
    call.warn(project.warnings.iter().cloned())?;
    call.warn(old_folder(&project))?;
    let refused: Vec<Diagnostic> = project
        .clean_targets
        .iter()
        .filter_map(|target| refusal(target, &project, call.options.clean_project_files_only))
        .collect();
    // Nothing is removed unless all of it may be.
    if !refused.is_empty() {
        return Err(refused);
    }
    let mut output = String::new();
    let mut problems = Vec::new();
    for target in &project.clean_targets {
        match remove(target) {
            Ok(true) => output.push_str(&format!("Removed {}\n", shown(target, &project.root))),
            Ok(false) => {}
            Err(error) => {
                let text = format!("`{}` could not be removed: {error}", shown(target, &project.root));
                problems.push(Diagnostic::error(Code::File, text));
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    if output.is_empty() {
        output.push_str("Nothing to remove\n");
    }
    Ok(Done::printing(CommandResult::Nothing, output))
}

/// `dbt_modules` was the folder of packages.
fn old_folder(project: &ProjectOnly) -> Option<Diagnostic> {
    let names = |folder: &Path| project.clean_targets.iter().any(|target| target == folder);
    let is_old = names(&project.root.join("dbt_modules")) && !names(&project.packages_install_path);
    let text = "`clean-targets` names `dbt_modules`, which was the folder of packages";
    let folder = shown(&project.packages_install_path, &project.root);
    let help = format!("name `{folder}` instead, where packages are now");
    is_old.then(|| Diagnostic::deprecated(Deprecation::PackageInstallPath, text).help(help))
}

/// Why a folder may not be removed.
fn refusal(target: &Path, project: &ProjectOnly, inside_only: bool) -> Option<Diagnostic> {
    let name = shown(target, &project.root);
    let refuse = |why: &str| {
        Diagnostic::error(Code::InvalidConfig, format!("`clean-targets` names `{name}`, {why}"))
            .note("nothing was removed")
    };
    if project.root.starts_with(target) {
        return Some(refuse("which holds the project itself"));
    }
    let paths = &project.config.paths;
    let sources = [&paths.models, &paths.seeds, &paths.tests, &paths.analyses, &paths.macros, &paths.snapshots];
    let mut sources = sources.into_iter().flatten().map(|path| project.root.join(path));
    if let Some(source) = sources.find(|source| source.starts_with(target) || target.starts_with(source)) {
        let source = shown(&source, &project.root);
        return Some(refuse(&format!("which would remove files of yours in `{source}`")));
    }
    let outside = !real(target).starts_with(real(&project.root));
    (inside_only && outside).then(|| {
        refuse("which is outside of the project").help("if that is meant, use `--no-clean-project-files-only`")
    })
}

/// Where a path leads, links followed as far as it exists; a link itself lies where it lies.
fn real(path: &Path) -> PathBuf {
    let parent = path.parent().map(|parent| fs::canonicalize(parent).unwrap_or_else(|_| parent.to_owned()));
    match (parent, path.file_name()) {
        (Some(parent), Some(name)) => parent.join(name),
        _ => path.to_owned(),
    }
}

/// False: there is nothing there. Of a link only the link goes.
fn remove(target: &Path) -> std::io::Result<bool> {
    let Ok(metadata) = fs::symlink_metadata(target) else { return Ok(false) };
    if metadata.is_dir() {
        fs::remove_dir_all(target)?
    } else {
        fs::remove_file(target)?
    }
    Ok(true)
}

fn shown(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}
