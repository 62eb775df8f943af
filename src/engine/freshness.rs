//! `source freshness`: how old the data of sources is.

use std::sync::Arc;

use super::call::{Call, Stage};
use super::{CommandResult, Done};
use crate::artifacts;
use crate::diag::{Deprecation, Diagnostic};
use crate::execute;
use crate::manifest::{Manifest, ResourceType, UniqueId};
use crate::plan::{self, Verb};

pub(super) fn freshness(call: &mut Call<'_>) -> Stage<Done> {
    let ready = call.ready()?;
    let has_hooks = ready.manifest.nodes.values().any(|node| node.resource_type == ResourceType::Operation);
    if has_hooks && !ready.project.behaves("source_freshness_run_project_hooks") {
        let text = "the project's hooks do not run around `source freshness`, as a behaviour flag is off";
        let warning = Diagnostic::deprecated(Deprecation::SourceFreshnessProjectHooks, text);
        call.warn([warning.help("set `source_freshness_run_project_hooks: true` under `flags:` in dbt_project.yml")])?;
    }
    let mut selected = call.select(&ready, Verb::Freshness.resource_types())?;
    selected.ids.retain(|id| has_limits(&ready.manifest, id));
    let plan = plan::plan(Verb::Freshness, &selected, &ready.manifest, &ready.dag);
    if plan.steps.is_empty() {
        call.warn_of_nothing()?;
    }
    let runtime = call.runtime(&ready, selected.ids, false)?;
    let results = execute::freshness(&call.job(runtime, plan));
    if call.options.write_json {
        let own = || ready.project.target_path.join("sources.json");
        let path = call.options.freshness_output.as_ref().map_or_else(own, |path| call.host.cwd.join(path));
        artifacts::write_sources(&path, &ready.project, &results).map_err(|problem| vec![*problem])?;
        call.wrote("FreshnessResult", path);
    }
    Ok(CommandResult::Freshness(Arc::new(results)).into())
}

/// Without a limit no age is too old, so nothing is asked.
fn has_limits(manifest: &Manifest, id: &UniqueId) -> bool {
    let freshness = manifest.sources.get(id).and_then(|source| source.freshness.as_ref());
    freshness.is_some_and(|freshness| freshness.warn_after.is_some() || freshness.error_after.is_some())
}
