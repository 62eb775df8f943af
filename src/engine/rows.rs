//! Queries of one's own, and rows for people and programs.

use std::sync::Arc;

use arrow_array::RecordBatch;
use serde_json::{Number, Value};

use super::call::Stage;
use crate::adapter::{Cell, Table};
use crate::compile::text_table;
use crate::diag::{Code, Diagnostic, SourceFile, Span};
use crate::manifest::{Node, ResourceType};
use crate::project::Project;

/// A node that is only in memory: `--inline`, or what `option` says.
pub(super) fn inline_node(project: &Project, sql: &str, option: &str) -> Arc<Node> {
    const NAME: &str = "inline_query";
    let file = SourceFile::new(option, sql);
    let unique_id = format!("sql_operation.{}.{NAME}", project.name).into();
    let body = Span::new(&file, 0..sql.len());
    Arc::new(Node {
        name: NAME.to_owned(),
        path: format!("{NAME}.sql"),
        original_file_path: format!("sql/{NAME}.sql"),
        fqn: vec![project.name.to_string(), "sql".to_owned(), NAME.to_owned()],
        database: project.profile.database.clone(),
        schema: project.profile.schema.clone(),
        alias: NAME.to_owned(),
        ..Node::bare(ResourceType::SqlOperation, unique_id, project.name.clone(), body, sql.into())
    })
}

/// Aligned columns; null is blank.
pub(super) fn text(batches: &[RecordBatch]) -> Stage<String> {
    let mut table = table(batches)?;
    let nulls = table.rows.iter_mut().flatten().filter(|cell| **cell == Cell::Null);
    nulls.for_each(|cell| *cell = Cell::Text(String::new()));
    Ok(text_table(&table))
}

/// One object per row.
pub(super) fn json(batches: &[RecordBatch]) -> Stage<Vec<Value>> {
    let table = table(batches)?;
    let object = |row: &Vec<Cell>| {
        let names = table.columns.iter().map(|column| column.name.clone());
        Value::Object(names.zip(row.iter().map(value)).collect())
    };
    Ok(table.rows.iter().map(object).collect())
}

fn table(batches: &[RecordBatch]) -> Stage<Table> {
    Table::from_arrow(batches).map_err(|error| {
        vec![Diagnostic::error(Code::Database, format!("the rows cannot be shown: {}", error.message))]
    })
}

/// What JSON has no type for is text.
fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Bool(value) => Value::Bool(*value),
        Cell::Int(value) => (*value).into(),
        Cell::UInt(value) => (*value).into(),
        Cell::Float(value) => Number::from_f64(*value).map_or_else(|| value.to_string().into(), Value::Number),
        // As dbt does: a decimal is a number, exact enough for a preview.
        Cell::Decimal(text) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
        other => other.to_text().map_or(Value::Null, |text| text.into()),
    }
}
