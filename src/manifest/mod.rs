//! Floor 4. The parsed project: every resource with its config merged, its name resolved and its refs bound.
//!
//! Built once by [`parse`]; nothing downstream changes it.

pub(crate) mod capture;
mod checks;
pub mod config;
mod dispatch;
pub mod event_time;
mod hash;
pub mod json;
mod known;
mod lookup;
pub mod memory;
mod merge;
mod microbatch;
mod naming;
mod node;
mod parse;
mod resolve;
pub mod saved;
pub mod semantic;
mod spider;
mod tables;
mod tree;

use std::sync::Arc;

use indexmap::IndexMap;

pub use checks::place;
pub use dispatch::Dispatcher;
pub use hash::{md5, sha256};
pub use json::contract_checksum;
pub use lookup::{Missing, Resource, version_text};
pub use node::*;
pub use parse::{Call, Parsed, Renewed, is_call, library, parse, parse_call, store_failures};
pub use semantic::{Metric, SavedQuery, SemanticModel};
pub use tables::makes_partitions;

use crate::diag::{Diagnostic, Span};
use crate::store::Stored;

/// The whole project, immutable. Maps are in dbt's order of parsing; lookups by `unique_id`.
#[macro_rules_attribute::derive(Debug, Clone, Stored!)]
pub struct Manifest {
    /// The root project.
    pub project_name: Arc<str>,
    /// Flag `require_ref_searches_node_package_before_root`.
    pub node_package_first: bool,
    /// Microbatch models are built in batches. Not where the project has a strategy macro of its own for them and flag
    /// `require_batched_execution_for_custom_microbatch_strategy` is false: then they run once, as other models do.
    pub in_batches: bool,
    pub nodes: IndexMap<UniqueId, Arc<Node>>,
    pub sources: IndexMap<UniqueId, Arc<Source>>,
    pub unit_tests: IndexMap<UniqueId, Arc<UnitTest>>,
    pub exposures: IndexMap<UniqueId, Arc<Exposure>>,
    pub semantic_models: IndexMap<UniqueId, Arc<SemanticModel>>,
    pub metrics: IndexMap<UniqueId, Arc<Metric>>,
    pub saved_queries: IndexMap<UniqueId, Arc<SavedQuery>>,
    pub macros: IndexMap<UniqueId, Arc<Macro>>,
    pub docs: IndexMap<UniqueId, Arc<Doc>>,
    pub groups: IndexMap<UniqueId, Arc<Group>>,
    /// Disabled nodes and sources: kept for messages ("`x` is disabled") and the artifact.
    pub disabled: IndexMap<UniqueId, Vec<Disabled>>,
    /// Selector definitions of selectors.yml, as written (the artifact's `selectors`).
    pub selectors: serde_json::Map<String, serde_json::Value>,
    /// Warnings of the parse; errors never get here.
    pub warnings: Vec<Diagnostic>,
    index: lookup::Index,
}

#[macro_rules_attribute::derive(Debug, Clone, Stored!)]
pub enum Disabled {
    Node(Arc<Node>),
    Source(Arc<Source>),
    UnitTest(Arc<UnitTest>),
    Exposure(Arc<Exposure>),
    SemanticModel(Arc<SemanticModel>),
    Metric(Arc<Metric>),
    SavedQuery(Arc<SavedQuery>),
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            project_name: "".into(),
            node_package_first: false,
            in_batches: true,
            nodes: IndexMap::new(),
            sources: IndexMap::new(),
            unit_tests: IndexMap::new(),
            exposures: IndexMap::new(),
            semantic_models: IndexMap::new(),
            metrics: IndexMap::new(),
            saved_queries: IndexMap::new(),
            macros: IndexMap::new(),
            docs: IndexMap::new(),
            groups: IndexMap::new(),
            disabled: IndexMap::new(),
            selectors: serde_json::Map::new(),
            warnings: Vec::new(),
            index: lookup::Index::default(),
        }
    }
}
