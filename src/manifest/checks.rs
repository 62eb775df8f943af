//! What can be wrong with a node or between nodes although everything was read.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::event_time::is_microbatch;
use super::parse::{find_word, first_line};
use super::{Access, Detail, Manifest, Node, Resource, ResourceType, UniqueId};
use super::{spider, tables};
use crate::diag::{Code, Deprecation, Diagnostic, Span, suggest};

/// Values that a config key may have.
const CHOICES: &[(&str, &[&str])] = &[
    ("on_schema_change", &["ignore", "fail", "append_new_columns", "sync_all_columns"]),
    ("on_configuration_change", &["apply", "continue", "fail"]),
    ("hard_deletes", &["ignore", "invalidate", "new_record"]),
    ("severity", &["warn", "error"]),
    ("on_error", &["skip_children", "continue"]),
    ("publish", &["immediately", "tested"]),
    ("volatility", &["deterministic", "stable", "non-deterministic"]),
];

/// What a function may give.
const FUNCTIONS: &[&str] = &["scalar", "aggregate", "table"];

const CONSTRAINTS: &[&str] = &["check", "not_null", "unique", "primary_key", "foreign_key", "custom"];

/// The kinds of values that config keys take.
const KINDS: &[(&str, Kind)] = &[
    ("enabled", Kind::Bool),
    ("full_refresh", Kind::Bool),
    ("store_failures", Kind::Bool),
    ("quote_columns", Kind::Bool),
    ("materialized", Kind::Text),
    ("publish", Kind::Text),
    ("schema", Kind::Text),
    ("database", Kind::Text),
    ("alias", Kind::Text),
    ("group", Kind::Text),
    ("tags", Kind::Texts),
    ("limit", Kind::Number),
    ("meta", Kind::Mapping),
    ("persist_docs", Kind::Mapping),
    ("grants", Kind::Mapping),
    ("contract", Kind::Mapping),
    ("column_types", Kind::Mapping),
    ("quoting", Kind::Mapping),
];

#[derive(Clone, Copy)]
enum Kind {
    Bool,
    Text,
    Texts,
    Number,
    Mapping,
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Bool => value.is_boolean(),
            Self::Text => value.is_string(),
            Self::Texts => match value {
                Value::Array(items) => items.iter().all(Value::is_string),
                one => one.is_string(),
            },
            Self::Number => value.is_number(),
            Self::Mapping => value.is_object(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Text => "a text",
            Self::Texts => "a text or a list of texts",
            Self::Number => "a number",
            Self::Mapping => "a mapping",
        }
    }
}

/// Checks the merged config of a node. `described` is its name in a properties file.
pub fn config(node: &Node, described: Option<&Span>, diags: &mut Vec<Diagnostic>) {
    let mut check = Check { node, described, diags };
    for (key, kind) in KINDS {
        if let Some(value) = node.config.explicit(key).filter(|value| !value.is_null() && !kind.fits(value)) {
            check.report(key, &format!("must be {}", kind.words()), &format!("found `{value}`"));
        }
    }
    for (key, choices) in CHOICES {
        let Some(value) = node.config.explicit(key).and_then(Value::as_str) else { continue };
        if !choices.contains(&value.to_lowercase().as_str()) {
            let near = suggest::nearest(value, choices.iter().copied());
            let hint = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
            check.report(key, &format!("must be one of {}", choices.join(", ")), &hint);
        }
    }
    if !node.config.enabled() {
        return;
    }
    if matches!(node.resource_type, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot) {
        tables::check(&mut check);
    }
    match node.resource_type {
        ResourceType::Snapshot => check.snapshot(),
        ResourceType::Model => {
            spider::check(&mut check);
            check.model();
        }
        ResourceType::Function => check.function(),
        ResourceType::Test if node.config.materialized() != "test" => {
            check.report("materialized", "of a test must be `test`", "");
        }
        _ => {}
    }
}

pub(super) struct Check<'a> {
    pub node: &'a Node,
    /// Its name in a properties file.
    pub described: Option<&'a Span>,
    pub diags: &'a mut Vec<Diagnostic>,
}

impl Check<'_> {
    pub(super) fn report(&mut self, key: &str, problem: &str, label: &str) {
        let node = self.node;
        let kind = node.resource_type.as_str();
        let message = format!("config `{key}` of {kind} `{}` {problem}", node.name);
        let place = find_word(&node.body, key)
            .or_else(|| in_entry(self.described?, key))
            .unwrap_or_else(|| first_line(&node.body));
        self.diags.push(Diagnostic::error(Code::InvalidConfig, message).at(place, label).node(&*node.unique_id));
    }

    pub(super) fn missing(&mut self, key: &str, why: &str) {
        let node = self.node;
        let message = format!("{} `{}` has no `{key}`: {why}", node.resource_type.as_str(), node.name);
        let diagnostic = Diagnostic::error(Code::InvalidConfig, message);
        self.diags.push(diagnostic.at(first_line(&node.body), "").node(&*node.unique_id));
    }

    pub(super) fn is_set(&self, key: &str) -> bool {
        self.node.config.explicit(key).is_some_and(|value| !value.is_null())
    }

    fn snapshot(&mut self) {
        for key in ["strategy", "unique_key"] {
            if !self.is_set(key) {
                self.missing(key, "every snapshot needs one");
            }
        }
        match self.node.config.str("strategy") {
            Some("check") if !self.is_set("check_cols") => {
                self.missing("check_cols", "strategy `check` compares these columns (a list, or `all`)");
            }
            Some("timestamp") if !self.is_set("updated_at") => {
                self.missing("updated_at", "strategy `timestamp` compares this column");
            }
            Some("timestamp") if self.is_set("check_cols") => {
                self.report("check_cols", "has no meaning for strategy `timestamp`", "");
            }
            _ => {}
        }
        if let Some(columns) = self.node.config.str("check_cols").filter(|columns| *columns != "all") {
            let problem = format!("must be `all` or a list of columns, found `{columns}`");
            self.report("check_cols", &problem, "");
        }
        if self.is_set("hard_deletes") && self.is_set("invalidate_hard_deletes") {
            self.report("invalidate_hard_deletes", "is the old form of `hard_deletes`: only one can be given", "");
        }
        if self.node.config.materialized() != "snapshot" {
            self.report("materialized", "of a snapshot must be `snapshot`", "");
        }
    }

    /// Constraints of an enforced contract name columns that it has.
    fn constraint_columns(&mut self) {
        let Detail::Model(model) = &self.node.detail else { return };
        let texts = |value: Option<&Value>| -> Vec<String> {
            match value {
                Some(Value::String(one)) => vec![one.clone()],
                Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                _ => Vec::new(),
            }
        };
        let config = &self.node.config;
        let in_constraints =
            model.constraints.iter().flat_map(|rule| texts(rule.get("columns"))).map(|name| ("constraints", name));
        let in_key = texts(config.explicit("primary_key")).into_iter().map(|name| ("primary_key", name));
        let keys = config.explicit("foreign_keys").and_then(Value::as_array).into_iter().flatten();
        let in_keys = keys.flat_map(|key| texts(key.get("columns"))).map(|name| ("foreign_keys", name));
        let declared: Vec<&str> = self.node.columns.values().map(|column| column.name.as_str()).collect();
        let unknown: Vec<(&str, String)> = in_constraints
            .chain(in_key)
            .chain(in_keys)
            .filter(|(_, name)| !declared.iter().any(|column| column.eq_ignore_ascii_case(name)))
            .collect();
        for (key, name) in unknown {
            let near = suggest::nearest(&name, declared.iter().copied());
            let hint = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
            self.report(key, &format!("name the column `{name}`, which the contract does not have"), &hint);
        }
    }

    /// `foreign_keys: [{columns, to, to_columns, name, on_delete, on_update}]`.
    fn foreign_keys(&mut self) {
        let Some(keys) = self.node.config.explicit("foreign_keys").filter(|keys| !keys.is_null()) else { return };
        const KEYS: &[&str] = &["columns", "to", "to_columns", "name", "on_delete", "on_update"];
        const ACTIONS: &[&str] = &["restrict", "cascade", "set null", "no action"];
        if !self.node.config.contract_enforced() {
            self.report("foreign_keys", "needs a contract that is enforced", "set `contract: {enforced: true}`");
        }
        let mut problems = Vec::new();
        match keys.as_array() {
            None => problems.push("must be a list of mappings".to_owned()),
            Some(list) => {
                for key in list {
                    let Some(map) = key.as_object() else {
                        problems.push(format!("must be a list of mappings, found `{key}`"));
                        continue;
                    };
                    for needed in KEYS[..3].iter().filter(|needed| !map.contains_key(**needed)) {
                        problems.push(format!("has an entry without `{needed}`"));
                    }
                    for unknown in map.keys().filter(|name| !KEYS.contains(&name.as_str())) {
                        let near = suggest::nearest(unknown, KEYS.iter().copied());
                        let hint = near.map_or_else(String::new, |near| format!(": did you mean `{near}`?"));
                        problems.push(format!("has an entry with the unknown key `{unknown}`{hint}"));
                    }
                    for action in ["on_delete", "on_update"] {
                        let Some(value) = map.get(action) else { continue };
                        let known = value.as_str().map(|text| text.to_lowercase().replace('_', " "));
                        if !known.is_some_and(|text| ACTIONS.contains(&text.as_str())) {
                            problems.push(format!("has `{action}: {value}`; it can be {}", ACTIONS.join(", ")));
                        }
                    }
                    let count = |name: &str| map.get(name).map(|value| value.as_array().map_or(1, Vec::len));
                    if let (Some(own), Some(theirs)) = (count("columns"), count("to_columns"))
                        && own != theirs
                    {
                        problems.push(format!("has an entry of {own} `columns` and {theirs} `to_columns`"));
                    }
                }
            }
        }
        for problem in problems {
            self.report("foreign_keys", &problem, "");
        }
    }

    fn function(&mut self) {
        let config = &self.node.config;
        let kind = config.str("type").unwrap_or("scalar");
        if !FUNCTIONS.contains(&kind) {
            let problem = format!("must be one of {}", FUNCTIONS.join(", "));
            self.report("type", &problem, "");
        }
        if config.materialized() != "function" {
            self.report("materialized", "of a function must be `function`", "");
        }
        if matches!(&self.node.detail, Detail::Function(function) if function.returns.is_none()) {
            self.missing("returns", "describe what it gives under `functions:` of a properties file");
        }
    }

    fn model(&mut self) {
        let config = &self.node.config;
        if config.contract_enforced() {
            self.contract();
        }
        if config.publishes_tested() && is_microbatch(config) {
            let problem = "cannot be `tested` for strategy `microbatch`: every batch is published when it is built";
            self.report("publish", problem, "set `publish: immediately` for this model");
        }
        self.foreign_keys();
        let Detail::Model(model) = &self.node.detail else { return };
        let all = model.constraints.iter().chain(self.node.columns.values().flat_map(|column| &column.constraints));
        let unknown = |constraint: &&Value| {
            !constraint.get("type").and_then(Value::as_str).is_some_and(|kind| CONSTRAINTS.contains(&kind))
        };
        if let Some(constraint) = all.clone().find(unknown) {
            let found = constraint.get("type").and_then(Value::as_str).unwrap_or("nothing");
            let problem = format!("have a `type` of {}; found `{found}`", CONSTRAINTS.join(", "));
            self.report("constraints", &problem, "");
        }
        let key = |constraint: &Value| constraint.get("type").and_then(Value::as_str) == Some("primary_key");
        let keyed = self.node.columns.values().filter(|column| column.constraints.iter().any(key)).count();
        if keyed > 1 || keyed == 1 && model.constraints.iter().any(key) {
            self.report(
                "constraints",
                "name a primary key more than once",
                "a key of several columns belongs under the model's `constraints`",
            );
        }
    }

    fn contract(&mut self) {
        self.constraint_columns();
        let config = &self.node.config;
        let changes = config.on_schema_change();
        if config.materialized() == "incremental" && !matches!(changes, "append_new_columns" | "fail") {
            let problem = "of an incremental model with a contract must be `append_new_columns` or `fail`";
            self.report("on_schema_change", problem, "");
        }
        if self.node.columns.is_empty() {
            self.report("contract", "is enforced, but no columns are described", "");
            return;
        }
        let untyped: Vec<String> = self
            .node
            .columns
            .values()
            .filter(|column| column.data_type.is_none())
            .map(|column| format!("`{}`", column.name))
            .collect();
        if !untyped.is_empty() {
            let problem = format!("is enforced, but these columns have no `data_type`: {}", untyped.join(", "));
            self.report("contract", &problem, "");
        }
    }
}

/// Where a key of this name is set in the entry of a properties file that this name belongs to.
fn in_entry(name: &Span, key: &str) -> Option<Span> {
    let text = &name.file.text;
    let start = text[..name.range.start as usize].rfind('\n').map_or(0, |at| at + 1);
    let indent = |line: &str| line.len() - line.trim_start().len();
    let own = indent(&text[start..]);
    let mut at = start;
    for line in text[start..].split_inclusive('\n') {
        let is_next =
            at > start && !line.trim().is_empty() && indent(line) <= own && line.trim_start().starts_with("- ");
        if is_next {
            break;
        }
        for (found, _) in line.match_indices(key) {
            let before = line[..found].chars().next_back();
            let is_key = line[found + key.len()..].trim_start_matches(['"', '\'']).trim_start().starts_with(':')
                && before.is_none_or(|c| !c.is_alphanumeric() && !"_-".contains(c));
            if is_key {
                return Some(Span::new(&name.file, at + found..at + found + key.len()));
            }
        }
        at += line.len();
    }
    None
}

/// Where the key stands in the node's own text, else where that begins.
pub fn place(node: &Node, key: &str) -> Span {
    find_word(&node.body, key).unwrap_or_else(|| first_line(&node.body))
}

/// Two files of one package that give the same name. A model and a seed may share one, as long as no flag forbids it.
pub fn duplicates(nodes: &[Node], unique_names: bool, diags: &mut Vec<Diagnostic>) {
    let mut first: HashMap<(&str, &str, bool), &Node> = HashMap::new();
    for node in nodes.iter().filter(|node| node.config.enabled()) {
        let refable = node.resource_type.is_refable();
        let name = if refable && node.version().is_none() { node.name.as_str() } else { &*node.unique_id };
        match first.get(&(&*node.package, name, refable)) {
            None => {
                first.insert((&*node.package, name, refable), node);
            }
            Some(other) => diags.push(same_name(other, node, unique_names)),
        }
    }
}

fn same_name(first: &Node, second: &Node, unique_names: bool) -> Diagnostic {
    let (a, b) = (first.resource_type.as_str(), second.resource_type.as_str());
    let what = if a == b { format!("two {a}s") } else { format!("a {a} and a {b}") };
    let message = format!("package `{}` has {what} called `{}`", second.package, second.name);
    let diagnostic = match a == b || unique_names {
        true => Diagnostic::error(Code::DuplicateName, message).help("rename one of them, or disable it"),
        false => Diagnostic::deprecated(Deprecation::DuplicateNameDistinctNodeTypes, message)
            .fields(json!({
                "resource_name": second.name, "package_name": second.package,
                "unique_id1": first.unique_id, "unique_id2": second.unique_id,
            }))
            .note("a `ref` of this name may mean either of them")
            .help("rename one of them"),
    };
    diagnostic
        .at(first_line(&second.body), "the second")
        .place(first_line(&first.body), "the first")
        .node(&*second.unique_id)
}

/// The same test twice on the same thing.
pub fn duplicate_tests(tests: &[Node], diags: &mut Vec<Diagnostic>) {
    let mut first: HashMap<&UniqueId, &Node> = HashMap::new();
    for test in tests {
        if let Some(other) = first.insert(&test.unique_id, test) {
            let message = format!("test `{}` is declared twice", test.name);
            diags.push(
                Diagnostic::error(Code::DuplicateName, message)
                    .at(first_line(&test.body), "the second")
                    .place(first_line(&other.body), "the first")
                    .node(&*test.unique_id),
            );
        }
    }
}

/// Problems between nodes of the whole manifest.
pub fn manifest(manifest: &Manifest, diags: &mut Vec<Diagnostic>) {
    relations(manifest, diags);
    let groups: Vec<&str> = manifest.groups.values().map(|group| group.name.as_str()).collect();
    semantic_groups(manifest, &groups, diags);
    for node in manifest.nodes.values() {
        unsupported_constraints(node, diags);
        if let Some(group) = node.config.group().filter(|group| !groups.contains(group)) {
            let message = format!("{} `{}` is in group `{group}`, which is not declared", kind(node), node.name);
            let label = suggest::nearest(group, groups.iter().copied())
                .map_or_else(String::new, |near| format!("did you mean `{near}`?"));
            let diagnostic = Diagnostic::error(Code::InvalidConfig, message).at(place(node, group), label);
            diags.push(diagnostic.help("declare it under `groups:` of a properties file").node(&*node.unique_id));
        }
        if let Detail::Model(model) = &node.detail
            && model.access == Access::Public
            && node.is_ephemeral()
        {
            let message = format!("model `{}` is public, but ephemeral: nobody else could read it", node.name);
            diags.push(Diagnostic::error(Code::InvalidConfig, message).at(first_line(&node.body), ""));
        }
    }
}

/// Only tables hold constraints.
fn unsupported_constraints(node: &Node, diags: &mut Vec<Diagnostic>) {
    let Detail::Model(model) = &node.detail else { return };
    let materialized = node.config.materialized();
    if !node.config.contract_enforced() || matches!(materialized, "table" | "incremental") {
        return;
    }
    let mut all = model.constraints.iter().chain(node.columns.values().flat_map(|column| &column.constraints));
    if !all.any(|rule| rule.get("warn_unsupported").and_then(Value::as_bool).unwrap_or(true)) {
        return;
    }
    let message =
        format!("constraints of model `{}` have no effect: it is of materialization `{materialized}`", node.name);
    diags.push(
        Diagnostic::warning(Code::UnsupportedConstraint, message)
            .at(first_line(&node.body), "")
            .help("make it a table, or set `warn_unsupported: false` on each of them")
            .node(&*node.unique_id)
            .event("UnsupportedConstraintMaterialization", json!({"materialized": materialized})),
    );
}

/// Groups of metrics, semantic models and saved queries.
fn semantic_groups(manifest: &Manifest, groups: &[&str], diags: &mut Vec<Diagnostic>) {
    let semantic = |thing: &Resource<'_>| {
        matches!(thing, Resource::SemanticModel(_) | Resource::Metric(_) | Resource::SavedQuery(_))
    };
    for thing in manifest.resources().filter(semantic) {
        let Some(group) = thing.config().group().filter(|group| !groups.contains(group)) else { continue };
        let what = thing.resource_type().as_str().replace('_', " ");
        let message = format!("{what} `{}` is in group `{group}`, which is not declared", thing.name());
        let label = suggest::nearest(group, groups.iter().copied())
            .map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        let mut diagnostic = Diagnostic::error(Code::InvalidConfig, message);
        if let Some(span) = thing.span() {
            diagnostic = diagnostic.at(span.clone(), label);
        }
        diags.push(diagnostic.help("declare it under `groups:` of a properties file").node(&**thing.unique_id()));
    }
}

fn kind(node: &Node) -> &'static str {
    node.resource_type.as_str()
}

/// Two nodes that would write the same table.
fn relations(manifest: &Manifest, diags: &mut Vec<Diagnostic>) {
    let mut first: HashMap<&str, &Arc<Node>> = HashMap::new();
    for node in manifest.nodes.values() {
        // Functions have names of their own.
        let Some(relation) = node.relation_name.as_ref().filter(|_| node.resource_type != ResourceType::Function)
        else {
            continue;
        };
        if let Some(other) = first.insert(relation, node) {
            let message =
                format!("{} `{}` and {} `{}` both build {relation}", kind(other), other.name, kind(node), node.name);
            diags.push(
                Diagnostic::error(Code::AmbiguousRelation, message)
                    .at(first_line(&node.body), format!("in {}", node.original_file_path))
                    .place(first_line(&other.body), format!("in {}", other.original_file_path))
                    .help("give one of them another `alias` or `schema`")
                    .node(&*node.unique_id),
            );
        }
    }
}
