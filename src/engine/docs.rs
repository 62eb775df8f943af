//! `docs generate`: the catalog of the warehouse, and the site.

use std::fs;
use std::io;
use std::path::{Component, Path};
use std::sync::Arc;

use super::call::{Call, Ready, Stage};
use super::{CommandResult, Done, run};
use crate::adapter::session::Pool;
use crate::artifacts::{self, Catalog, Site, Wanted};
use crate::diag::{Code, Diagnostic};
use crate::execute::{self, RunResults};
use crate::manifest::UniqueId;
use crate::plan::{self, Verb};
use crate::project::Project;
use crate::select::Selected;

pub(super) fn generate(call: &mut Call<'_>) -> Stage<Done> {
    let ready = call.ready()?;
    let types = [Verb::Compile.resource_types(), Wanted::TYPES].concat();
    let selected = call.select(&ready, &types)?;
    let results = match call.options.compile {
        true => Some(compile(call, &ready, &selected)?),
        false => None,
    };
    // A site with half of the code would look whole.
    if let Some(results) = results.as_ref().filter(|results| !results.success) {
        return Ok(CommandResult::Run(results.clone()).into());
    }
    let catalog = match call.options.empty_catalog {
        true => Catalog { generated_at: chrono::Utc::now(), ..Catalog::default() },
        false => catalog(call, &ready, &selected.ids)?,
    };
    let target = &ready.project.target_path;
    let site =
        Site { project: &ready.project, manifest: &ready.manifest, catalog: &catalog, results: results.as_deref() };
    let written = artifacts::write_catalog(&target.join("catalog.json"), &ready.project, &catalog)
        .and_then(|()| artifacts::write_site(&target.join("index.html"), site))
        .and_then(|()| match call.options.static_page {
            true => artifacts::write_site(&target.join("static_index.html"), site),
            false => Ok(()),
        });
    written.map_err(|problem| vec![*problem])?;
    call.wrote("CatalogArtifact", target.join("catalog.json"));
    copy_assets(&ready.project)?;
    let output = format!("Documentation written to {}\n", target.join("index.html").display());
    Ok(Done::printing(CommandResult::Catalog(Arc::new(catalog)), output))
}

/// Puts the project's asset folders beside the page, so that descriptions can show their images.
fn copy_assets(project: &Project) -> Stage<()> {
    for folder in &project.root_package().config.paths.assets {
        let (from, to) = (project.root.join(folder), project.target_path.join(folder));
        let inside = Path::new(folder).components().all(|part| matches!(part, Component::Normal(_)));
        if !inside || !from.is_dir() {
            continue;
        }
        let copied = match fs::remove_dir_all(&to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => copy(&from, &to),
        };
        copied.map_err(|error| {
            let text = format!("the assets of `{folder}` could not be copied to `{}`: {error}", to.display());
            vec![Diagnostic::error(Code::File, text)]
        })?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &place)?;
        } else {
            fs::copy(entry.path(), place)?;
        }
    }
    Ok(())
}

fn compile(call: &mut Call<'_>, ready: &Ready, selected: &Selected) -> Stage<Arc<RunResults>> {
    let mut selected = selected.clone();
    selected.ids.retain(|id| ready.manifest.nodes.contains_key(id));
    let plan = plan::plan(Verb::Compile, &selected, &ready.manifest, &ready.dag);
    let results = if plan.steps.is_empty() {
        call.warn_of_nothing()?;
        run::nothing(ready)
    } else {
        let runtime = call.runtime(ready, selected.ids, true)?;
        let results = execute::run(&call.job(runtime.clone(), plan));
        call.write_inputs(ready, &runtime)?;
        results
    };
    call.write_results(ready, &results)?;
    Ok(Arc::new(results))
}

fn catalog(call: &Call<'_>, ready: &Ready, ids: &[UniqueId]) -> Stage<Catalog> {
    let pool = Pool::new(ready.adapter.clone(), call.host.log.clone());
    let wanted = |folds_case| Wanted::new(&ready.manifest, ids, ready.adapter.database(), folds_case);
    let schemas = wanted(false).schemas();
    let described = execute::describe(&pool, &schemas, &call.host.cancel).map_err(|problem| vec![*problem])?;
    // The server has told by now how it compares names.
    Ok(wanted(ready.adapter.case_insensitive_names()).catalog(described))
}
