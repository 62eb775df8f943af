//! A parsed project that one command of this process leaves for the next one.

use std::sync::Arc;

use crate::diag::{Code, Diagnostic};
use crate::manifest::Manifest;
use crate::project::{Known, Project};

/// The manifest, with the project that it was made from.
#[derive(Debug)]
pub struct ParsedProject {
    pub project: Arc<Project>,
    pub manifest: Arc<Manifest>,
}

impl ParsedProject {
    /// Its files: they are taken to be as they were.
    pub(super) fn known(&self) -> Known {
        let own = self.project.packages.iter().filter(|package| !package.embedded);
        Known::new(own.map(|package| (package.root.clone(), package.files.clone())).collect(), true)
    }

    /// Whether the command is about the same project. Its target, variables and settings may be others.
    pub(super) fn check(&self, project: &Project) -> Result<(), Vec<Diagnostic>> {
        let (name, kind) = (&self.project.name, &self.project.profile.kind);
        if (name, kind) == (&project.name, &project.profile.kind) && self.project.root == project.root {
            return Ok(());
        }
        let text = format!(
            "the manifest is of project `{name}` in `{}` on {kind}, but the command is for `{}` in `{}` on {}",
            self.project.root.display(),
            project.name,
            project.root.display(),
            project.profile.kind,
        );
        Err(vec![Diagnostic::error(Code::CommandLine, text).help("parse this project, and give the manifest of that")])
    }
}
