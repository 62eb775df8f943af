//! The fields that dbt's events of deprecated things have (`dbt/events/types.py`), read from the problem and its place.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use serde_json::{Value, json};

use crate::diag::{Deprecation, Diagnostic, SourceFile, Span};
use crate::yaml::{self, Node, Yaml};

/// Files of YAML that problems stand in, each parsed once.
#[derive(Default)]
pub(super) struct Trees(RefCell<HashMap<String, Option<Node>>>);

impl Trees {
    /// The fields of an event that are not in the problem itself.
    pub(super) fn data(&self, kind: Deprecation, problem: &Diagnostic) -> Value {
        use Deprecation as Kind;
        let span = problem.primary.as_ref().map(|label| &label.span);
        let file = span.map(|span| span.file.path.as_str()).unwrap_or_default();
        let key = span.map(|span| span.text().trim_matches(['"', '\''])).unwrap_or_default();
        match kind {
            Kind::CustomKeyInConfig
            | Kind::CustomKeyInObject
            | Kind::PropertyMovedToConfig
            | Kind::MissingPlusPrefix => {
                json!({"file": file, "key": key, "key_path": span.map(|span| self.path(span)).unwrap_or_default()})
            }
            Kind::GenericJsonSchema => {
                let path = span.map(|span| self.path(span)).unwrap_or_default();
                json!({"file": file, "key_path": path, "violation": problem.message})
            }
            Kind::CustomTopLevelKey => json!({"file": file, "msg": format!("Unexpected top-level key {key}")}),
            Kind::UnexpectedJinjaBlock => json!({"file": file, "msg": problem.message}),
            Kind::DuplicateYamlKeys => json!({"duplicate_description": problem.message, "file": file}),
            Kind::TimeDimensionsRequireGranularity | Kind::GenericSemanticLayer => json!({"msg": problem.message}),
            Kind::ExposureName => json!({"exposure": key}),
            Kind::GenerateSchemaNameNullValue => {
                json!({"resource_unique_id": problem.node.as_deref().unwrap_or_default()})
            }
            // dbt counts them, here each is told by itself.
            Kind::ResourceNamesWithSpaces => {
                json!({"count_invalid_names": 1, "level": "warn", "show_debug_hint": false})
            }
            _ => json!({}),
        }
    }

    /// Where the mapping stands that has the key, as dbt writes it: `models[0].columns[1]`. In dbt_project.yml it is
    /// where the key stands below `models`; outside of YAML it is empty.
    fn path(&self, span: &Span) -> String {
        let file = &span.file;
        if !file.path.ends_with(".yml") && !file.path.ends_with(".yaml") {
            return String::new();
        }
        let mut trees = self.0.borrow_mut();
        let tree = trees.entry(file.path.clone()).or_insert_with(|| parsed(file));
        let mut steps = Vec::new();
        if !tree.as_ref().is_some_and(|tree| find(tree, &span.range, &mut steps)) {
            return String::new();
        }
        match file.path.ends_with("dbt_project.yml") {
            true => steps.remove(0),
            false => steps.pop().unwrap_or_default(),
        };
        steps.concat().trim_start_matches('.').to_owned()
    }
}

fn parsed(file: &std::sync::Arc<SourceFile>) -> Option<Node> {
    yaml::parse(file, &mut Vec::new()).ok()
}

/// The way to the key at this place: `.models`, `[0]`, `.name`.
fn find(node: &Node, range: &Range<u32>, steps: &mut Vec<String>) -> bool {
    match &node.value {
        Yaml::Map(map) => map.iter().any(|(key, inner)| {
            steps.push(format!(".{}", key.name));
            let found = key.range == *range || find(inner, range, steps);
            if !found {
                steps.pop();
            }
            found
        }),
        Yaml::Seq(items) => items.iter().enumerate().any(|(at, inner)| {
            steps.push(format!("[{at}]"));
            let found = find(inner, range, steps);
            if !found {
                steps.pop();
            }
            found
        }),
        _ => false,
    }
}
