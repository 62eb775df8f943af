//! One JSON object per diagnostic.

use serde_json::{Value, json};

use crate::diag::{Deprecation, Diagnostic, Label, Severity};

/// The diagnostics as a JSON array. Lines and columns are 1-based, columns count characters.
pub fn json(diagnostics: &[Diagnostic]) -> Value {
    diagnostics.iter().map(object).collect()
}

fn object(diagnostic: &Diagnostic) -> Value {
    json!({
        "severity": match diagnostic.severity { Severity::Warning => "warning", Severity::Error => "error" },
        "code": diagnostic.code.as_str(),
        "deprecation": diagnostic.deprecation.map(Deprecation::event),
        "message": diagnostic.message,
        "node": diagnostic.node,
        "primary": diagnostic.primary.as_ref().map(label),
        "places": diagnostic.places.iter().map(label).collect::<Vec<_>>(),
        "notes": diagnostic.notes,
        "helps": diagnostic.helps,
    })
}

fn label(label: &Label) -> Value {
    let span = &label.span;
    let (line, column) = span.file.line_column(span.range.start as usize);
    let (end_line, end_column) = span.file.line_column(span.range.end as usize);
    json!({
        "path": span.file.path,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "text": label.text,
    })
}
