//! Results as a table of a notebook.

use super::NodeResult;
use crate::execute::Status;

pub const HEAD: &str = "<thead><tr><th>status</th><th>type</th><th>name</th><th>seconds</th><th>rows</th>\
                        <th>message</th></tr></thead>";

/// Text as it may stand in HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

pub fn row(result: &NodeResult) -> String {
    // Colours that are readable on light and dark pages; the word says the same.
    let colour = match result.core_status() {
        Status::Success | Status::Pass => "#2e9e5b",
        Status::Warn | Status::PartialSuccess => "#c98a00",
        Status::Error | Status::Fail | Status::RuntimeError => "#d64545",
        Status::Skipped | Status::NoOp => "#8a8a8a",
    };
    let rows = result.failures().or(result.rows_affected()).map(|rows| rows.to_string()).unwrap_or_default();
    format!(
        "<tr><td style=\"color:{colour}\">{}</td><td>{}</td><td>{}</td><td>{:.2}</td><td>{rows}</td><td>{}</td></tr>",
        result.status(),
        result.resource_type(),
        escape(result.name()),
        result.execution_time(),
        escape(result.message().unwrap_or_default()),
    )
}
