//! Jinja in YAML values: a text that is one expression takes the expression's value and type.

use std::sync::Arc;

use crate::diag::{self, Diagnostic, SourceFile};
use crate::jinja::{Context, Engine, Template, Value, pyvalue};
use crate::yaml::{Node, Yaml};

/// Renders every text of a tree that holds Jinja. `late` says which paths stay as written: the keys from the root on,
/// `[]` for the item of a list. Problems go to `diags`; the texts they concern stay as written.
pub fn yaml(
    engine: &Engine,
    file: &Arc<SourceFile>,
    node: &mut Node,
    context: &Arc<Context>,
    late: &dyn Fn(&[&str]) -> bool,
    diags: &mut Vec<Diagnostic>,
) {
    let mut path = Vec::new();
    walk(node, &mut path, late, &mut |node| {
        if let Err(error) = native(engine, file, node, context) {
            diags.push(*error);
        }
    });
}

/// Calls `render` for every text with Jinja outside of late paths.
fn walk<'n>(
    node: &'n mut Node,
    path: &mut Vec<&'n str>,
    late: &dyn Fn(&[&str]) -> bool,
    render: &mut dyn FnMut(&mut Node),
) {
    if late(path) {
        return;
    }
    if node.as_str().is_some_and(has_jinja) {
        return render(node);
    }
    match &mut node.value {
        Yaml::Seq(items) => {
            for item in items {
                path.push("[]");
                walk(item, path, late, render);
                path.pop();
            }
        }
        Yaml::Map(map) => {
            for (key, value) in &mut map.entries {
                path.push(&key.name);
                walk(value, path, late, render);
                path.pop();
            }
        }
        _ => {}
    }
}

/// Whether a text holds any Jinja tag.
pub fn has_jinja(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// Renders one text in place.
///
/// # Errors
/// The Jinja is malformed or failed.
pub fn native(engine: &Engine, file: &Arc<SourceFile>, node: &mut Node, context: &Arc<Context>) -> diag::Result<()> {
    let template = template(file, node)?;
    let value = engine.render_native(&template, context)?;
    *node = Node::from_json(&json(&value), &node.range);
    Ok(())
}

/// Renders one text to a text.
///
/// # Errors
/// The Jinja is malformed or failed.
pub fn text(engine: &Engine, file: &Arc<SourceFile>, node: &Node, context: &Arc<Context>) -> diag::Result<String> {
    Ok(engine.render(&template(file, node)?, context)?)
}

/// Values that YAML has no word for become their text.
fn json(value: &Value) -> serde_json::Value {
    if pyvalue::is_undefined(value) {
        return serde_json::Value::Null;
    }
    pyvalue::to_json(value).unwrap_or_else(|_| serde_json::Value::String(pyvalue::py_str(value)))
}

/// Compiles a YAML text so that messages point into the YAML file.
///
/// # Errors
/// The Jinja is malformed.
pub fn template(file: &Arc<SourceFile>, node: &Node) -> diag::Result<Template> {
    let text = node.as_str().unwrap_or("");
    let range = node.range.start as usize..node.range.end as usize;
    let written = file.text.get(range.clone()).unwrap_or("");
    if let Some(at) = written.find(text) {
        let start = range.start + at;
        return Template::compile(file, start..start + text.len());
    }
    // Folded or escaped: the text does not stand in the file as it is. A copy of it stands in for it on the same line.
    let lines_before = file.line_column(range.start).0 - 1;
    let shifted = SourceFile::new(file.path.as_str(), "\n".repeat(lines_before) + text);
    let length = shifted.text.len();
    Template::compile(&shifted, lines_before..length)
}
