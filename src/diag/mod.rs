//! Floor 1. What went wrong, as a value: [`Diagnostic`] with a stable [`Code`], the places in the user's files
//! ([`Span`]), notes (facts) and helps (actions). Every stage returns diagnostics; only the edges print them.
//!
//! Wording (docs/architecture.md): one lower-case phrase, names in backticks, no full stop.

mod code;
mod deprecation;
pub mod log;
pub mod render;
mod source;
pub mod suggest;

use serde_json::{Map, Value};

pub use code::Code;
pub use deprecation::Deprecation;
pub use source::{SourceFile, Span};

/// How serious a diagnostic is. Errors stop the command; warnings do so only under `--warn-error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Warning,
    Error,
}

/// A place in a file with what the reader should see there.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    pub span: Span,
    pub text: String,
    /// Whether the lines of the span are shown. A file that the reader did not write is only named.
    pub snippet: bool,
}

/// One problem, ready to be shown as text, JSON, HTML or a Python exception.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    pub severity: Severity,
    pub code: Code,
    /// The first line, after `error[code]: `.
    pub message: String,
    /// Where to look first; underlined with `^^^`.
    pub primary: Option<Label>,
    /// Other places (at most two are useful); underlined with `---`.
    pub places: Vec<Label>,
    /// Facts.
    pub notes: Vec<String>,
    /// Actions.
    pub helps: Vec<String>,
    /// `unique_id` of the node it belongs to, if any.
    pub node: Option<String>,
    /// The deprecated thing of dbt that it tells of, if any. `code` may say more of what is wrong with it.
    pub deprecation: Option<Deprecation>,
    /// dbt looks for it on other databases than ours only (its JSON schemas): a warning that `--warn-error` leaves one,
    /// unless it is named.
    pub is_advice: bool,
    /// dbt's event of it, where that has fields of its own.
    pub event: Option<Box<Event>>,
}

/// dbt's event of a warning, for structured logs.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `NoNodeForYamlKey`
    pub name: String,
    pub data: Map<String, Value>,
}

/// The result of work that stops at its first problem. Boxed: the good path stays small.
pub type Result<T> = std::result::Result<T, Box<Diagnostic>>;

impl Diagnostic {
    pub fn new(severity: Severity, code: Code, message: impl Into<String>) -> Self {
        Self {
            severity,
            code,
            message: message.into(),
            primary: None,
            places: Vec::new(),
            notes: Vec::new(),
            helps: Vec::new(),
            node: None,
            deprecation: None,
            is_advice: false,
            event: None,
        }
    }

    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// A warning of something that still works and that dbt will drop.
    pub fn deprecated(deprecation: Deprecation, message: impl Into<String>) -> Self {
        let warning = Self::warning(Code::Deprecated, message).deprecation(deprecation);
        Self { is_advice: deprecation.is_of_schema(), ..warning }
    }

    /// Says which of dbt's deprecations it is, of a warning that has a code of its own.
    #[must_use]
    pub fn deprecation(mut self, deprecation: Deprecation) -> Self {
        self.deprecation = Some(deprecation);
        self
    }

    /// Sets the primary place; `text` may be empty.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.primary = Some(Label { span, text: text.into(), snippet: true });
        self
    }

    /// Adds a secondary place. If the span covers several lines, the mark goes under the last one.
    #[must_use]
    pub fn place(mut self, span: Span, text: impl Into<String>) -> Self {
        self.places.push(Label { span, text: text.into(), snippet: true });
        self
    }

    /// Adds a secondary place that is only named: `path:line:column   (text)`.
    #[must_use]
    pub fn reference(mut self, span: Span, text: impl Into<String>) -> Self {
        self.places.push(Label { span, text: text.into(), snippet: false });
        self
    }

    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.helps.push(text.into());
        self
    }

    /// Names the node that the problem belongs to (its `unique_id`).
    #[must_use]
    pub fn node(mut self, unique_id: impl Into<String>) -> Self {
        self.node = Some(unique_id.into());
        self
    }

    /// Sets dbt's event; `data` is an object.
    #[must_use]
    pub fn event(mut self, name: impl Into<String>, data: Value) -> Self {
        if let Value::Object(data) = data {
            self.event = Some(Box::new(Event { name: name.into(), data }));
        }
        self
    }

    /// Sets the fields of dbt's event of a deprecation, where its place does not tell them.
    #[must_use]
    pub fn fields(self, data: Value) -> Self {
        match self.deprecation {
            Some(deprecation) => self.event(deprecation.event(), data),
            None => self,
        }
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// For `return Err(...)` where [`Result`] is expected.
    pub fn boxed(self) -> Box<Self> {
        Box::new(self)
    }
}
