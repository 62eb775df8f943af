//! Diagnostics as exceptions: `headwater.exceptions` has the classes, this file chooses one.

use pyo3::prelude::*;
use serde_json::Value;

use super::json;
use crate::diag::{Code, Diagnostic, render};

/// The exception for the problems that ended a command. The first error chooses the class; `result` is what was done
/// before.
pub fn raise(py: Python<'_>, problems: &[Diagnostic], result: Option<Bound<'_, PyAny>>) -> PyErr {
    let leading = problems.iter().find(|problem| problem.is_error()).or_else(|| problems.first());
    let class = class(leading.map(|problem| problem.code));
    match exception(py, class, &text(problems), problems, result) {
        Ok(exception) => PyErr::from_value(exception),
        Err(failure) => failure,
    }
}

/// The exception of a stopped run.
pub fn cancelled(py: Python<'_>, result: Option<Bound<'_, PyAny>>) -> PyErr {
    let problem = Diagnostic::error(Code::Cancelled, "the run was stopped; its running statements were cancelled");
    raise(py, &[problem], result)
}

fn exception<'py>(
    py: Python<'py>,
    class: &str,
    text: &str,
    problems: &[Diagnostic],
    result: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let dicts = json::to_python(py, &render::json(problems))?;
    py.import("headwater.exceptions")?.getattr(class)?.call1((text, dicts, result))
}

fn class(code: Option<Code>) -> &'static str {
    match code {
        Some(Code::Connection | Code::Contract | Code::Database | Code::DuplicateKey) => "DatabaseError",
        Some(Code::Cancelled) => "Cancelled",
        Some(Code::Dependency | Code::UnpinnedPackage) => "DependencyError",
        Some(Code::Selection | Code::NoNodesSelected | Code::NoState | Code::BreakingChange) => "SelectionError",
        Some(Code::ProjectNotFound | Code::ProfileNotFound | Code::VersionMismatch | Code::MissingKey | Code::File) => {
            "ProjectError"
        }
        Some(
            Code::CommandLine
            | Code::Internal
            | Code::TestFailed
            | Code::UnitTest
            | Code::NotPublished
            | Code::NotSupported,
        )
        | None => "HeadwaterError",
        Some(_) => "ParseError",
    }
}

/// The text that the command line prints, without colours.
pub fn text(problems: &[Diagnostic]) -> String {
    render::text(problems, render::Style::PLAIN).trim_end().to_owned()
}

/// A problem as plain values.
pub fn to_json(problem: &Diagnostic) -> Value {
    render::json(std::slice::from_ref(problem))[0].take()
}
