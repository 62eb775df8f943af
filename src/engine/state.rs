//! What `--state` leads to, and the state that is kept without it.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::call::{Ready, Stage};
use super::{Command, Options};
use crate::adapter::Adapter;
use crate::artifacts::{self, Built, Inputs, KeptState};
use crate::compile::{Deferred, Runtime};
use crate::diag::{Code, Diagnostic};
use crate::execute::RunResults;
use crate::manifest::{Manifest, ResourceType, UniqueId};
use crate::project::Project;
use crate::select::Earlier;
use crate::select::state::{Digests, EarlierManifest, LoadTimes, built_in};

/// Reads the artifacts in `--state`, before this invocation writes over them where it is the target folder itself.
/// None: no state is given.
///
/// # Errors
/// There is no such folder, or its files cannot be read.
pub(super) fn read(project: &Project, options: &Options) -> Stage<Option<Earlier>> {
    let Some(folder) = &options.state else { return Ok(None) };
    let folder = existing(project, folder, "--state")?;
    from(project, options, &folder).map(Some).map_err(|problem| vec![*problem])
}

fn from(project: &Project, options: &Options, folder: &Path) -> crate::diag::Result<Earlier> {
    let manifest = artifacts::read_manifest(folder)?;
    // A copy of what Headwater keeps itself is as good as artifacts.
    if manifest.is_none()
        && let Some(kept) = KeptState::read(folder, "")?
    {
        return of_kept(project, options, kept);
    }
    let run = artifacts::read_run_results(folder)?;
    let statuses =
        |run: artifacts::EarlierRun| run.results.into_iter().map(|result| (result.unique_id, result.status)).collect();
    Ok(Earlier {
        manifest,
        statuses: run.map(statuses),
        sources: artifacts::read_sources(folder)?,
        current_sources: artifacts::read_sources(&project.target_path)?,
        built_in: built_in(project),
        other_inputs: Inputs::read(folder)?.map(|inputs| inputs.changed(project)),
        inputs_count: options.state_vars,
    })
}

fn of_kept(project: &Project, options: &Options, kept: KeptState) -> crate::diag::Result<Earlier> {
    Ok(Earlier {
        sources: Some(kept.load_times()),
        current_sources: artifacts::read_sources(&project.target_path)?,
        built_in: built_in(project),
        other_inputs: Some(kept.inputs.changed(project)),
        inputs_count: options.state_vars,
        manifest: Some(kept.manifest),
        statuses: Some(kept.statuses),
    })
}

/// The state that Headwater has kept of the target itself. Where there is none yet, an empty one, to which everything
/// is new, and a warning that says so.
///
/// # Errors
/// The state cannot be read.
pub(super) fn own(
    project: &Project,
    adapter: &dyn Adapter,
    options: &Options,
) -> crate::diag::Result<(Earlier, Option<Diagnostic>)> {
    let folder = own_folder(project);
    let state = KeptState::read(&folder, &place(project, adapter)).map_err(|problem| {
        let help = format!("remove `{}`; the next run keeps a new one", folder.display());
        problem.help(help).boxed()
    })?;
    let warning = state.is_none().then(|| {
        let target = &project.profile.target_name;
        let text = format!("no state is kept yet of target `{target}`, so everything counts as new");
        let kept = "Headwater keeps in `.headwater/state` what `build`, `run`, `seed`, `snapshot` and `test` have done";
        let note = match (adapter.keeps_data(), folder.join("state.json").exists()) {
            (false, _) => "nothing is kept of a database that is only in memory",
            (true, true) => "what is there is of another database, or of another version of Headwater",
            (true, false) => kept,
        };
        Diagnostic::warning(Code::NoState, text)
            .note(note)
            .help("compare with another state: `--state DIR`, a folder with the artifacts of an earlier run")
    });
    Ok((of_kept(project, options, state.unwrap_or_default())?, warning))
}

/// Keeps what a run has done, unless that is switched off; what has been built without all of its rows is not what it
/// should be. That it cannot be kept is no failure of the run.
pub(super) fn keep(
    ready: &Ready,
    options: &Options,
    runtime: &Runtime,
    results: &RunResults,
    loaded: Option<&LoadTimes>,
) -> Option<Diagnostic> {
    let project = &ready.project;
    let with_all_rows = !options.empty && options.sample.is_none();
    if !options.keep_state || !with_all_rows || !ready.adapter.keeps_data() || results.results.is_empty() {
        return None;
    }
    let rendered = |id: &str| runtime.inputs(id);
    let built = Built { project, manifest: &ready.manifest, results, rendered: &rendered, loaded };
    let outcome = ignore_folder(&project.root.join(FOLDER))
        .and_then(|()| KeptState::update(&own_folder(project), &place(project, &*ready.adapter), built));
    outcome.err().map(|problem| {
        problem.note("the next `state:` without `--state` compares with what was kept before").help(
            "let Headwater write there, or use `--no-keep-state` (in dbt_project.yml `flags: {keep_state: false}`)",
        )
    })
}

/// What is kept between runs, below the project's root.
const FOLDER: &str = ".headwater";

fn own_folder(project: &Project) -> PathBuf {
    project.root.join(FOLDER).join("state").join(file_name(&project.profile.target_name))
}

/// Nothing in it is for version control.
fn ignore_folder(folder: &Path) -> crate::diag::Result<()> {
    let path = folder.join(".gitignore");
    if path.exists() {
        return Ok(());
    }
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, "*\n"));
    written
        .map_err(|error| Diagnostic::warning(Code::File, format!("cannot write `{}`: {error}", path.display())).boxed())
}

/// A target's name as one that any file system takes; different names stay different.
fn file_name(target: &str) -> String {
    let mut name = String::new();
    for byte in target.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => name.push(byte.into()),
            // Also capitals: not every file system tells them from small letters.
            other => name.push_str(&format!("%{other:02X}")),
        }
    }
    name
}

/// Which database it is: the same target may lead to another one tomorrow.
fn place(project: &Project, adapter: &dyn Adapter) -> String {
    const PARTS: &[&str] = &["host", "server", "port", "unix_socket", "path"];
    let credentials = adapter.visible_credentials();
    // The project may be moved, and a file of DuckDB within it with it.
    let root = format!("{}/", project.root.display());
    let part = |part: &&str| credentials.get(*part).map(|value| value.to_string().replace(&root, ""));
    let parts: Vec<_> = PARTS.iter().map(part).collect();
    Digests::of(&json!([project.profile.kind, project.profile.target_name, adapter.database(), parts]).to_string())
}

fn existing(project: &Project, folder: &Path, flag: &str) -> Stage<PathBuf> {
    let folder = project.root.join(folder);
    if folder.is_dir() {
        return Ok(folder);
    }
    let text = format!("`{flag} {}` is not a folder", folder.display());
    Err(vec![Diagnostic::error(Code::File, text).help("it is a folder with the artifacts of an earlier run")])
}

/// The manifest that `--defer` and `clone` take relations from; None without them.
///
/// # Errors
/// No state is given, or it has no manifest.
pub(super) fn deferred(
    project: &Project,
    command: Command,
    options: &Options,
    earlier: Option<&Earlier>,
) -> Stage<Option<EarlierManifest>> {
    let who = match command {
        Command::Clone => "clone",
        _ if options.defer => "--defer",
        _ => return Ok(None),
    };
    let (flag, manifest) = match (&options.defer_state, earlier) {
        (Some(folder), _) => {
            let folder = existing(project, folder, "--defer-state")?;
            ("--defer-state", artifacts::read_manifest(&folder).map_err(|problem| vec![*problem])?)
        }
        (None, Some(earlier)) => ("--state", earlier.manifest.clone()),
        (None, None) => {
            // Not the state that Headwater keeps: it is of this very target.
            let text = format!("`{who}` needs to know where the other relations are");
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
            let text = format!("the folder of `{flag}` has no manifest.json, which `{who}` needs");
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
            // No catalog tells which functions there are: what this run does not build is taken from the state.
            always: (favor || id.starts_with("function.")) && !selected.contains(id),
        })
    };
    let refable = manifest
        .nodes
        .values()
        .filter(|node| node.resource_type.is_refable() || node.resource_type == ResourceType::Function);
    refable.filter_map(|node| Some((node.unique_id.clone(), deferred(&node.unique_id)?))).collect()
}
