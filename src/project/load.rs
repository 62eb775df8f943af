//! Reading a project.
use super::*;
use crate::diag::Code;
use crate::jinja::Engine;

/// Reads dbt_project.yml, the chosen target of the profile, the packages and all files.
///
/// # Errors
/// Everything that is wrong with them, at once.
pub fn load(_: &Request, _: &Engine) -> Result<Project, Vec<Diagnostic>> {
    Err(vec![Diagnostic::error(Code::NotSupported, "loading is not there yet")])
}

/// What commands need that touch no database: no profile, no files of packages.
///
/// # Errors
/// Everything that is wrong with dbt_project.yml.
pub fn load_project_only(_: &Request, _: &Engine) -> Result<ProjectOnly, Vec<Diagnostic>> {
    Err(vec![Diagnostic::error(Code::NotSupported, "loading is not there yet")])
}
