//! Jinja in YAML values.
use std::sync::Arc;

use crate::diag::{Diagnostic, SourceFile};
use crate::jinja::{Context, Engine};
use crate::yaml::Node;

/// Renders every text of a tree that holds Jinja, natively. `late` says which paths (keys from the root; `[]` for a list
/// item) are kept as written.
pub fn yaml(
    _: &Engine,
    _: &Arc<SourceFile>,
    _: &mut Node,
    _: &Arc<Context>,
    _late: &dyn Fn(&[&str]) -> bool,
    _: &mut Vec<Diagnostic>,
) {
}
