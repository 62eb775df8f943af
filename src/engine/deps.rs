//! `deps`: puts the packages in place.

use super::call::{Call, Stage};
use super::{CommandResult, Done};
use crate::project::deps::{self, Mode};
use crate::project::load_project_only;

pub(super) fn deps(call: &mut Call<'_>) -> Stage<Done> {
    let project = load_project_only(&call.request(), &call.jinja)?;
    call.warn(project.warnings.iter().cloned())?;
    let mode = if call.options.lock { Mode::Lock } else { Mode::Install };
    let installed = deps::install(&project, &call.jinja, mode)?;
    let done = if call.options.lock { "Locked" } else { "Installed" };
    let lines = installed.iter().map(|package| format!("{done} {} from {}\n", package.name, package.source));
    let output = match installed.is_empty() {
        true => "No packages are asked for\n".to_owned(),
        false => lines.collect(),
    };
    Ok(Done { result: CommandResult::Nothing, output })
}
