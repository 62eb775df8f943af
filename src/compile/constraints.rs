//! Column definitions and constraints of contracts, as DDL writes them.

use serde_json::Value as Json;

use super::scope::Scope;
use crate::adapter::push_quoted;
use crate::diag::{Code, Diagnostic};
use crate::jinja::{self, Error, Value, pyvalue};

/// `render_raw_columns_constraints(raw_columns)`: `` `id` int not null primary key `` for each column.
pub(super) fn columns(scope: &Scope, raw: &Value) -> Result<Value, Error> {
    let Json::Object(columns) = pyvalue::to_json(raw)? else { return Err(jinja::fail("raw_columns must be a dict")) };
    let mut lines = Vec::with_capacity(columns.len());
    for column in columns.values() {
        let name = column.get("name").and_then(Json::as_str).unwrap_or_default();
        let dtype = column.get("data_type").and_then(Json::as_str).unwrap_or_default();
        let mut line = match column.get("quote").and_then(Json::as_bool).unwrap_or(false) {
            true => quoted(scope, name),
            false => name.to_owned(),
        };
        line.push(' ');
        line.push_str(dtype);
        for constraint in list(column.get("constraints")) {
            if let Some(text) = column_constraint(scope, constraint)? {
                line.push(' ');
                line.push_str(&text);
            }
        }
        lines.push(Value::from(line));
    }
    Ok(pyvalue::list(lines))
}

/// `render_raw_model_constraints(raw_constraints)`: constraints over several columns.
pub(super) fn model(scope: &Scope, raw: &Value) -> Result<Value, Error> {
    let constraints = pyvalue::to_json(raw)?;
    let mut lines = Vec::new();
    for constraint in list(Some(&constraints)) {
        if let Some(text) = model_constraint(scope, constraint)? {
            lines.push(Value::from(text));
        }
    }
    Ok(pyvalue::list(lines))
}

fn list(value: Option<&Json>) -> impl Iterator<Item = &Json> {
    value.and_then(Json::as_array).into_iter().flatten()
}

fn column_constraint(scope: &Scope, constraint: &Json) -> Result<Option<String>, Error> {
    let expression = field(constraint, "expression");
    let with = |text: &str| match expression {
        Some(expression) => format!("{text} {expression}"),
        None => text.to_owned(),
    };
    Ok(Some(match kind(constraint) {
        "not_null" => with("not null"),
        "unique" => with("unique"),
        "primary_key" => with("primary key"),
        "check" => format!("check ({})", expression.ok_or_else(|| incomplete("check", "expression"))?),
        "foreign_key" => references(scope, constraint)?,
        "custom" => match expression {
            Some(expression) => expression.to_owned(),
            None => return Ok(None),
        },
        other => return Err(unknown(other)),
    }))
}

fn model_constraint(scope: &Scope, constraint: &Json) -> Result<Option<String>, Error> {
    let expression = field(constraint, "expression");
    let columns: Vec<&str> = list(constraint.get("columns")).filter_map(Json::as_str).collect();
    let columns = columns.join(", ");
    let prefix = match field(constraint, "name") {
        Some(name) => format!("constraint {name} "),
        None => String::new(),
    };
    let tail = expression.map(|expression| format!(" {expression}")).unwrap_or_default();
    let text = match kind(constraint) {
        "unique" => format!("unique{tail} ({columns})"),
        "primary_key" => format!("primary key{tail} ({columns})"),
        "check" => format!("check ({})", expression.ok_or_else(|| incomplete("check", "expression"))?),
        "foreign_key" => format!("foreign key ({columns}) {}", references(scope, constraint)?),
        "custom" => match expression {
            Some(expression) => expression.to_owned(),
            None => return Ok(None),
        },
        "not_null" => {
            return Err(jinja::raise(Diagnostic::error(
                Code::InvalidConfig,
                "a `not_null` constraint belongs to a column, not to the model",
            )));
        }
        other => return Err(unknown(other)),
    };
    Ok(Some(format!("{prefix}{text}")))
}

/// `references other (id)`, from `to`/`to_columns` or the older `expression`.
fn references(_: &Scope, constraint: &Json) -> Result<String, Error> {
    let columns: Vec<&str> = list(constraint.get("to_columns")).filter_map(Json::as_str).collect();
    match (field(constraint, "to"), field(constraint, "expression")) {
        (Some(to), _) if !columns.is_empty() => Ok(format!("references {to} ({})", columns.join(", "))),
        (_, Some(expression)) => Ok(format!("references {expression}")),
        _ => Err(incomplete("foreign_key", "to")),
    }
}

fn kind(constraint: &Json) -> &str {
    field(constraint, "type").unwrap_or_default()
}

fn field<'a>(constraint: &'a Json, key: &str) -> Option<&'a str> {
    constraint.get(key).and_then(Json::as_str).filter(|text| !text.is_empty())
}

fn quoted(scope: &Scope, name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 2);
    push_quoted(&mut text, name, scope.runtime.naming.quote_char);
    text
}

fn incomplete(kind: &str, key: &str) -> Error {
    jinja::raise(Diagnostic::error(Code::InvalidConfig, format!("a `{kind}` constraint has no `{key}`")))
}

fn unknown(kind: &str) -> Error {
    jinja::raise(
        Diagnostic::error(Code::InvalidConfig, format!("`{kind}` is no type of constraint"))
            .note("types are `not_null`, `unique`, `primary_key`, `foreign_key`, `check` and `custom`"),
    )
}
