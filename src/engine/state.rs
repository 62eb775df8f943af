//! What `--state` leads to.

use std::path::Path;

use super::Options;
use super::call::Stage;
use crate::artifacts;
use crate::diag::{Code, Diagnostic};
use crate::project::Project;
use crate::select::Earlier;

/// Reads the artifacts in `--state`, before this invocation writes over them where it is the target folder itself.
/// None: no state is given.
///
/// # Errors
/// There is no such folder, or its files cannot be read.
pub(super) fn read(project: &Project, options: &Options) -> Stage<Option<Earlier>> {
    let Some(folder) = &options.state else { return Ok(None) };
    let folder = project.root.join(folder);
    if !folder.is_dir() {
        let text = format!("`--state {}` is not a folder", folder.display());
        return Err(vec![
            Diagnostic::error(Code::File, text).help("it is a folder with the artifacts of an earlier run"),
        ]);
    }
    from(project, &folder).map(Some).map_err(|problem| vec![*problem])
}

fn from(project: &Project, folder: &Path) -> crate::diag::Result<Earlier> {
    let run = artifacts::read_run_results(folder)?;
    let statuses =
        |run: artifacts::EarlierRun| run.results.into_iter().map(|result| (result.unique_id, result.status)).collect();
    Ok(Earlier {
        manifest: artifacts::read_manifest(folder)?,
        statuses: run.map(statuses),
        sources: artifacts::read_sources(folder)?,
        current_sources: artifacts::read_sources(&project.target_path)?,
        built_in: project.internal_packages().map(|package| package.name.clone()).collect(),
    })
}
