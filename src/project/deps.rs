//! Installing packages.
use super::ProjectOnly;
use crate::diag::Diagnostic;

/// What was installed: name and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Installed {
    pub name: String,
    pub source: String,
}

/// Installs what packages.yml asks for.
///
/// # Errors
/// Packages that cannot be found or are of a kind that is not supported.
pub fn install(_: &ProjectOnly) -> Result<Vec<Installed>, Vec<Diagnostic>> {
    Ok(Vec::new())
}
