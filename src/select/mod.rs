//! Floor 6. Which members of the graph a command is about: dbt's selector grammar, its methods, YAML selectors and
//! indirect selection of tests.

use crate::diag::Diagnostic;
use crate::manifest::{ResourceType, UniqueId};

/// When a test that is not selected itself joins because of what it tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Indirect {
    /// Any parent is selected.
    #[default]
    Eager,
    /// All parents are selected.
    Cautious,
    /// All parents are selected, above something selected, or sources.
    Buildable,
    /// Never.
    Empty,
}

/// What the user asked for, as written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    /// Criteria of `--select`; several are a union. Empty: everything.
    pub select: Vec<String>,
    pub exclude: Vec<String>,
    /// A name of selectors.yml.
    pub selector: Option<String>,
    pub indirect: Indirect,
    /// Only members of these types stay; empty: of any type.
    pub resource_types: Vec<ResourceType>,
}

/// What a selection came to.
#[derive(Debug, Clone, Default)]
pub struct Selected {
    /// Sorted.
    pub ids: Vec<UniqueId>,
    /// Criteria that matched nothing, and the like.
    pub warnings: Vec<Diagnostic>,
}
