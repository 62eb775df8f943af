//! What went wrong in a render, and where.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use minijinja::{Error, ErrorKind};

use super::context::Context;
use super::filters;
use super::machinery::Source;
use super::macros::Def;
use crate::diag::{Code, Diagnostic, SourceFile, Span, suggest};

/// How many calls of a macro trace are told.
const MAX_TRACE: usize = 6;

/// A failed render: the error of the virtual machine with the file it happened in.
pub struct RenderError(Box<Failure>);

struct Failure {
    error: Error,
    file: Arc<SourceFile>,
    /// A name near to the one that was not found.
    near: Option<String>,
}

/// An error inside a macro, on its way out: the virtual machine gives the error around it the place of the call.
struct InMacro {
    name: Box<str>,
    source: Arc<Source>,
    error: Error,
}

/// Wraps errors that leave a macro.
pub(super) struct MacroFailure;

impl MacroFailure {
    pub fn wrap(def: &Def, error: Error) -> Error {
        let failure = InMacro { name: def.name.clone(), source: def.code.source().clone(), error };
        Error::new(ErrorKind::EvalBlock, "a macro failed").with_source(failure)
    }
}

impl fmt::Debug for InMacro {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for InMacro {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "in macro {}: {}", self.name, self.error)
    }
}

impl std::error::Error for InMacro {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// One step of a macro trace: the macro, and where it was called.
struct Call<'a> {
    name: &'a str,
    from: Span,
}

impl RenderError {
    pub(super) fn new(error: Error, file: &Arc<SourceFile>, context: &Context) -> Self {
        let mut failure = Failure { error, file: file.clone(), near: None };
        failure.near = missing_function(failure.innermost().0).and_then(|name| context.nearest(name));
        Self(Box::new(failure))
    }

    /// A failure before anything ran.
    pub(super) fn of_diagnostic(diagnostic: Box<Diagnostic>, file: &Arc<SourceFile>) -> Self {
        Self(Box::new(Failure { error: raise(diagnostic), file: file.clone(), near: None }))
    }

    /// The problem with its place: in the macro where it happened, with the calls that led there.
    pub fn diagnostic(&self) -> Diagnostic {
        let (error, file, trace) = self.0.innermost();
        let cause = std::error::Error::source(error);
        if let Some(inner) = cause.and_then(|cause| cause.downcast_ref::<RenderError>()) {
            return with_trace(inner.diagnostic(), &trace);
        }
        let place = place_of(error, file);
        if let Some(raised) = cause.and_then(|cause| cause.downcast_ref::<Raised>()) {
            return with_trace(raised.at(place), &trace);
        }
        with_trace(describe(error, place, self.0.near.as_deref()), &trace)
    }

    /// The error of type `T` that a host function attached with `Error::with_source`, if that is the cause.
    pub fn source<T: std::error::Error + 'static>(&self) -> Option<&T> {
        source_of(&self.0.error)
    }

    /// The error as the virtual machine sees it.
    pub fn error(&self) -> &Error {
        &self.0.error
    }
}

impl Failure {
    /// The error where it happened, its file, and the macro calls around it, innermost first.
    fn innermost(&self) -> (&Error, &Arc<SourceFile>, Vec<Call<'_>>) {
        let (mut error, mut file, mut trace) = (&self.error, &self.file, Vec::new());
        while let Some(inner) = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<InMacro>()) {
            trace.push(Call { name: &inner.name, from: place_of(error, file) });
            error = &inner.error;
            file = &inner.source.file;
        }
        trace.reverse();
        (error, file, trace)
    }
}

fn with_trace(mut diagnostic: Diagnostic, trace: &[Call<'_>]) -> Diagnostic {
    // What the host calls itself has no place in a file.
    let in_a_file = |span: &Span| !span.file.path.is_empty();
    diagnostic.primary = diagnostic.primary.filter(|label| in_a_file(&label.span));
    if let Some(outermost) = trace.last().filter(|call| in_a_file(&call.from))
        && diagnostic.places.len() < 2
    {
        diagnostic = diagnostic.place(outermost.from.clone(), "called from here");
    }
    for call in trace.iter().filter(|call| call.name != "caller").take(MAX_TRACE) {
        let place = if in_a_file(&call.from) { format!(", called at {}", call.from.location()) } else { String::new() };
        diagnostic = diagnostic.note(format!("in macro `{}`{place}", call.name));
    }
    if let Some(more) = trace.len().checked_sub(MAX_TRACE).filter(|more| *more > 0) {
        diagnostic = diagnostic.note(format!("and {more} more calls around it"));
    }
    diagnostic
}

fn place_of(error: &Error, file: &Arc<SourceFile>) -> Span {
    match error.range() {
        Some(range) => Span::new(file, trimmed(&file.text, range)),
        None => Span::line(file, error.line().unwrap_or(1)),
    }
}

/// A range without the blanks around it, within the text.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let Some(part) = text.get(range.clone()) else { return range.start.min(text.len())..range.end.min(text.len()) };
    let start = range.start + (part.len() - part.trim_start().len());
    start..start + part.trim().len()
}

/// The name in "`name` is unknown".
fn missing_function(error: &Error) -> Option<&str> {
    (error.kind() == ErrorKind::UnknownFunction).then(|| error.detail()?.strip_suffix(" is unknown")).flatten()
}

/// The virtual machine's error in our words.
fn describe(error: &Error, place: Span, near: Option<&str>) -> Diagnostic {
    let detail = error.detail().unwrap_or_default();
    if let Some(name) = missing_function(error) {
        return undefined(name, place, "nothing that can be called has this name", near);
    }
    match error.kind() {
        ErrorKind::UndefinedError => {
            let name = operand(&place).unwrap_or_else(|| "value".to_owned());
            undefined(&name, place, "", near)
        }
        ErrorKind::UnknownMethod if detail.starts_with("undefined") => {
            let name = operand(&place).unwrap_or_else(|| "value".to_owned());
            undefined(&name, place, "", near)
        }
        ErrorKind::InvalidOperation if detail.starts_with("value of type undefined") => {
            let name = callee(place.text().trim()).to_owned();
            undefined(&name, place, "", near)
        }
        ErrorKind::UnknownFilter | ErrorKind::UnknownTest => {
            let name = detail.split_whitespace().nth(1).unwrap_or_default();
            let (what, known) = match error.kind() {
                ErrorKind::UnknownFilter => ("filter", filters::FILTERS),
                _ => ("test", filters::TESTS),
            };
            let message = if name.is_empty() {
                format!("there is no such {what}")
            } else {
                format!("there is no {what} `{name}`")
            };
            let diagnostic = Diagnostic::error(Code::JinjaRuntime, message);
            let label = suggest::nearest(name, known.iter().copied());
            diagnostic.at(place, label.map_or_else(String::new, |near| format!("did you mean `{near}`?")))
        }
        _ if detail.is_empty() => Diagnostic::error(Code::JinjaRuntime, error.kind().to_string()).at(place, ""),
        _ => Diagnostic::error(Code::JinjaRuntime, detail).at(place, ""),
    }
}

fn undefined(name: &str, place: Span, label: &str, near: Option<&str>) -> Diagnostic {
    let code = if label.is_empty() { Code::JinjaRuntime } else { Code::MacroNotFound };
    let diagnostic = Diagnostic::error(code, format!("`{name}` is undefined")).at(place, label);
    match near {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None if label.is_empty() => diagnostic,
        None => diagnostic.help("check its spelling; if it is a macro of a package, install the packages with `deps`"),
    }
}

/// The expression before the last `.name`, `[key]` or method call that a place shows.
fn operand(place: &Span) -> Option<String> {
    let path = callee(place.text().trim());
    let end = if path.ends_with(']') { opening(path) } else { path.rfind('.') };
    Some(path[..end.unwrap_or(path.len())].trim().to_owned()).filter(|name| !name.is_empty())
}

/// `a.b` in `a.b(c)`
fn callee(call: &str) -> &str {
    let end = if call.ends_with(')') { opening(call) } else { None };
    call[..end.unwrap_or(call.len())].trim()
}

/// Where the bracket opens that the text ends with.
fn opening(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, char) in text.char_indices().rev() {
        match char {
            ')' | ']' | '}' => depth += 1,
            '(' | '[' | '{' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

impl fmt::Debug for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let diagnostic = self.diagnostic();
        let place = diagnostic.primary.as_ref().map(|label| label.span.location());
        write!(f, "{}: {}", place.unwrap_or_default(), diagnostic.message)
    }
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic().message)
    }
}

impl std::error::Error for RenderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0.error)
    }
}

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
struct Raised {
    diagnostic: Box<Diagnostic>,
    /// The argument that is to be marked within the call.
    argument: Option<String>,
    label: &'static str,
}

impl Raised {
    /// The diagnostic, with the call as its place if it has none of its own.
    fn at(&self, call: Span) -> Diagnostic {
        let diagnostic = (*self.diagnostic).clone();
        if diagnostic.primary.is_some() {
            return diagnostic;
        }
        let start = call.range.start as usize;
        let argument = self.argument.as_deref().filter(|argument| !argument.is_empty());
        let place = argument.and_then(|argument| {
            let within =
                ['"', '\''].into_iter().find_map(|quote| call.text().find(&format!("{quote}{argument}{quote}")))?;
            Some(Span::new(&call.file, start + within + 1..start + within + 1 + argument.len()))
        });
        diagnostic.at(place.unwrap_or(call), self.label)
    }
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Raised {}

/// The error of a host function that knows its diagnostic. If it has no primary place, it gets that of the call.
pub fn raise(diagnostic: impl Into<Box<Diagnostic>>) -> Error {
    raised(diagnostic.into(), None, "")
}

/// Like [`raise`], for a problem with one argument: where that text stands in the call it is marked with `label`.
pub fn raise_about(argument: &str, label: &'static str, diagnostic: impl Into<Box<Diagnostic>>) -> Error {
    raised(diagnostic.into(), Some(argument.to_owned()), label)
}

fn raised(diagnostic: Box<Diagnostic>, argument: Option<String>, label: &'static str) -> Error {
    let message = diagnostic.message.clone();
    Error::new(ErrorKind::InvalidOperation, message).with_source(Raised { diagnostic, argument, label })
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
