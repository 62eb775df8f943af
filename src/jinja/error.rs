//! What went wrong in a render, and where.

use std::fmt;
use std::sync::Arc;

use minijinja::{Error, ErrorKind};

use crate::diag::{Code, Diagnostic, SourceFile, Span};

/// A failed render: the error of the virtual machine with the file it happened in.
pub struct RenderError {
    error: Error,
    file: Arc<SourceFile>,
}

impl RenderError {
    pub(super) fn unavailable(file: &Arc<SourceFile>) -> Self {
        Self { error: fail("rendering is not there yet"), file: file.clone() }
    }

    pub fn diagnostic(&self) -> Diagnostic {
        Diagnostic::error(Code::JinjaRuntime, self.error.to_string()).at(Span::line(&self.file, 1), "")
    }

    /// The error of type `T` that a host function attached with `Error::with_source`, if that is the cause.
    pub fn source<T: std::error::Error + 'static>(&self) -> Option<&T> {
        source_of(&self.error)
    }
}

impl fmt::Debug for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic().message)
    }
}

impl std::error::Error for RenderError {}

impl From<RenderError> for Error {
    /// For host functions that render: the error goes on as it is.
    fn from(error: RenderError) -> Self {
        Error::new(ErrorKind::InvalidOperation, error.to_string()).with_source(error)
    }
}

impl From<RenderError> for Box<Diagnostic> {
    fn from(error: RenderError) -> Self {
        error.diagnostic().boxed()
    }
}

/// A diagnostic on its way through the virtual machine.
#[derive(Debug)]
struct Raised(Box<Diagnostic>);

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Raised {}

/// The error of a host function that knows its diagnostic. If it has no primary place, it gets that of the call.
pub fn raise(diagnostic: impl Into<Box<Diagnostic>>) -> Error {
    let diagnostic = diagnostic.into();
    Error::new(ErrorKind::InvalidOperation, diagnostic.message.clone()).with_source(Raised(diagnostic))
}

/// The error of a host function that has only a message.
pub fn fail(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// The error of type `T` somewhere in the causes of `error`.
pub fn source_of<T: std::error::Error + 'static>(error: &Error) -> Option<&T> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}
