//! `deps`: puts the packages in place.

use super::call::{Call, Stage};
use super::{CommandResult, Done};
use crate::project::deps::Deps;
use crate::project::load_project_only;

pub(super) fn deps(call: &mut Call<'_>) -> Stage<Done> {
    let project = load_project_only(&call.request(), &call.jinja)?;
    call.warn(project.warnings.iter().cloned())?;
    let (jinja, host) = (call.jinja.clone(), call.host);
    let deps = Deps {
        project: &project,
        engine: &jinja,
        log: &*host.log,
        cancelled: &|| host.cancel.is_cancelled(),
        version_check: call.options.version_check,
    };
    let edited = call.options.add_package.as_ref().map(|addition| deps.add(addition)).transpose()?;
    let resolved = deps.resolve(call.options.upgrade).and_then(|mut resolved| {
        call.warn(std::mem::take(&mut resolved.warnings))?;
        deps.lock(&resolved)?;
        Ok(resolved)
    });
    let resolved = match (resolved, edited) {
        (Ok(resolved), _) => resolved,
        (Err(problems), edited) => {
            if let Some(edited) = edited {
                edited.undo();
            }
            return Err(problems);
        }
    };
    if !call.options.lock {
        let mut staged = deps.stage(&resolved)?;
        call.warn(std::mem::take(&mut staged.warnings))?;
        staged.finish()?;
    }
    Ok(CommandResult::Nothing.into())
}
