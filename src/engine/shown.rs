//! What `compile` and `show` print: one node each.

use serde_json::json;

use super::Output;
use crate::manifest::{Node, ResourceType, UniqueId};

/// What is shown of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// `compile`
    Code,
    /// `show`
    Rows,
}

/// A node as it is printed.
#[derive(Debug, Clone)]
pub struct Shown {
    pub content: Content,
    pub name: String,
    pub unique_id: UniqueId,
    /// `--inline` and its like, not a node of the project.
    pub is_inline: bool,
    pub is_json: bool,
    /// SQL, a table of text, or a JSON list of rows.
    pub body: String,
    /// For people.
    pub text: String,
}

impl Shown {
    /// `is_quiet`: without a heading.
    pub(super) fn code(output: Output, is_quiet: bool, node: (&str, &UniqueId), is_inline: bool, sql: &str) -> Self {
        let (name, unique_id) = node;
        let text = match (output, is_inline) {
            (Output::Json, false) => format!("{:#}\n", json!({"node": name, "compiled": sql})),
            (Output::Json, true) => format!("{:#}\n", json!({"compiled": sql})),
            _ if is_quiet => format!("{}\n\n", sql.trim_end()),
            (_, false) => format!("Compiled node '{name}' is:\n{}\n\n", sql.trim_end()),
            (_, true) => format!("Compiled inline node is:\n{}\n\n", sql.trim_end()),
        };
        Self {
            content: Content::Code,
            name: name.to_owned(),
            unique_id: unique_id.clone(),
            is_inline,
            is_json: output == Output::Json,
            body: sql.to_owned(),
            text,
        }
    }

    pub(super) fn rows(node: &Node, rows: Rows, is_quiet: bool) -> Self {
        let is_inline = node.resource_type == ResourceType::SqlOperation;
        let text = match (&rows, is_inline) {
            (Rows::Json(rows), true) => format!("{:#}\n", json!({"show": rows})),
            (Rows::Json(rows), false) => format!("{:#}\n", json!({"node": node.name, "show": rows})),
            (Rows::Text(table), _) if is_quiet => format!("{table}\n"),
            (Rows::Text(table), true) => format!("Previewing inline node:\n{table}\n"),
            (Rows::Text(table), false) => format!("Previewing node '{}':\n{table}\n", node.name),
        };
        Self {
            content: Content::Rows,
            name: node.name.clone(),
            unique_id: node.unique_id.clone(),
            is_inline,
            is_json: matches!(rows, Rows::Json(_)),
            body: match rows {
                Rows::Json(rows) => serde_json::Value::Array(rows).to_string(),
                Rows::Text(table) => table,
            },
            text,
        }
    }
}

/// Rows in the shape that was asked for.
pub(super) enum Rows {
    Json(Vec<serde_json::Value>),
    Text(String),
}

/// All of them as they are printed.
pub(super) fn text(shown: &[Shown]) -> String {
    shown.iter().map(|shown| shown.text.as_str()).collect()
}
