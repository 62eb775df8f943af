//! Rendering.

use std::sync::Arc;

use minijinja::Value;

use super::context::Context;
use super::error::RenderError;
use super::modules::Modules;
use super::template::Template;

/// What an undefined name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is chainable and callable, and prints as nothing.
    Parse,
    /// It prints as nothing; taking an attribute of it or calling it is an error.
    Execute,
}

/// Renders templates and calls macros; shared by all threads.
pub struct Engine {
    modules: Option<Arc<dyn Modules>>,
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    pub fn new() -> Self {
        Self { modules: None }
    }

    /// An engine whose `modules.*` come from a foreign language.
    pub fn with_modules(modules: Arc<dyn Modules>) -> Self {
        Self { modules: Some(modules) }
    }

    pub fn modules(&self) -> Option<&Arc<dyn Modules>> {
        self.modules.as_ref()
    }

    /// # Errors
    /// The template, a macro or a host function failed.
    pub fn render(&self, template: &Template, _context: &Arc<Context>) -> Result<String, RenderError> {
        Err(RenderError::unavailable(template.file()))
    }

    /// Like [`Engine::render`], but a template that is one expression keeps the type of its value, and text that looks
    /// like a Python literal becomes it (dbt's native environment for YAML values).
    ///
    /// # Errors
    /// The template, a macro or a host function failed.
    pub fn render_native(&self, template: &Template, _context: &Arc<Context>) -> Result<Value, RenderError> {
        Err(RenderError::unavailable(template.file()))
    }

    /// Calls a macro or any other callable value.
    ///
    /// # Errors
    /// The macro or a host function failed.
    pub fn call(&self, _callable: &Value, _args: &[Value], _context: &Arc<Context>) -> Result<Value, RenderError> {
        Err(RenderError::unavailable(&crate::diag::SourceFile::new("", "")))
    }

    /// Evaluates one expression.
    ///
    /// # Errors
    /// The expression is malformed or failed.
    pub fn eval(&self, expression: &str, _context: &Arc<Context>) -> Result<Value, RenderError> {
        Err(RenderError::unavailable(&crate::diag::SourceFile::new("", expression)))
    }
}
