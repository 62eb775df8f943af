//! What `--state` leads to.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::Options;
use super::call::Stage;
use crate::artifacts;
use crate::compile::Deferred;
use crate::diag::{Code, Diagnostic};
use crate::manifest::{Manifest, UniqueId};
use crate::project::Project;
use crate::select::Earlier;
use crate::select::state::EarlierManifest;

/// Reads the artifacts in `--state`, before this invocation writes over them where it is the target folder itself.
/// None: no state is given.
///
/// # Errors
/// There is no such folder, or its files cannot be read.
pub(super) fn read(project: &Project, options: &Options) -> Stage<Option<Earlier>> {
    let Some(folder) = &options.state else { return Ok(None) };
    let folder = existing(project, folder, "--state")?;
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

fn existing(project: &Project, folder: &Path, flag: &str) -> Stage<PathBuf> {
    let folder = project.root.join(folder);
    if folder.is_dir() {
        return Ok(folder);
    }
    let text = format!("`{flag} {}` is not a folder", folder.display());
    Err(vec![Diagnostic::error(Code::File, text).help("it is a folder with the artifacts of an earlier run")])
}

/// The manifest that `--defer` takes relations from; None without `--defer`.
///
/// # Errors
/// No state is given, or it has no manifest.
pub(super) fn deferred(
    project: &Project,
    options: &Options,
    earlier: Option<&Earlier>,
) -> Stage<Option<EarlierManifest>> {
    if !options.defer {
        return Ok(None);
    }
    let (flag, manifest) = match (&options.defer_state, earlier) {
        (Some(folder), _) => {
            let folder = existing(project, folder, "--defer-state")?;
            ("--defer-state", artifacts::read_manifest(&folder).map_err(|problem| vec![*problem])?)
        }
        (None, Some(earlier)) => ("--state", earlier.manifest.clone()),
        (None, None) => {
            let text = "`--defer` needs to know where the other relations are";
            let problem = Diagnostic::error(Code::CommandLine, text);
            return Err(vec![
                problem
                    .help("give `--state DIR` or `--defer-state DIR`, a folder with the manifest.json of that place"),
            ]);
        }
    };
    match manifest {
        Some(manifest) => Ok(Some(manifest)),
        None => {
            let text = format!("the folder of `{flag}` has no manifest.json, which `--defer` needs");
            Err(vec![Diagnostic::error(Code::File, text)])
        }
    }
}

/// Where refs may lead: models, seeds and snapshots that both manifests have as relations.
pub(super) fn deferred_relations(
    manifest: &Manifest,
    earlier: &EarlierManifest,
    selected: &[UniqueId],
    favor: bool,
) -> HashMap<UniqueId, Deferred> {
    let selected: HashSet<&UniqueId> = selected.iter().collect();
    let deferred = |id: &UniqueId| {
        let old = earlier.nodes.get(&**id)?;
        (old.config.materialized.as_deref() != Some("ephemeral")).then(|| Deferred {
            database: old.database.clone(),
            schema: old.schema.clone(),
            identifier: old.alias.clone(),
            always: favor && !selected.contains(id),
        })
    };
    let refable = manifest.nodes.values().filter(|node| node.resource_type.is_refable());
    refable.filter_map(|node| Some((node.unique_id.clone(), deferred(&node.unique_id)?))).collect()
}
