//! Generic tests: `not_null`, `relationships`, those of packages and of the project itself.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::call::{Call, parse_call};
use super::properties::{Place, TestEntry};
use super::{Setup, doc, fqn_of, node, test_name};
use crate::adapter::push_quoted;
use crate::diag::{Code, Diagnostic, SourceFile, Span, suggest};
use crate::jinja::{Context, MacroDef, Template, pyvalue};
use crate::manifest::capture::{Recorder, node_context};
use crate::manifest::{
    Config, Detail, GenericTest, Node, RefCall, ResourceType, UniqueId, checks, hash, merge, tree, version_text,
};
use crate::project::render;
use crate::yaml::{Mapping, Node as YamlNode, Yaml};

/// What a test is declared on.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    pub place: &'a Place,
    pub kind: TargetKind<'a>,
    /// The node it is declared on; its `group` is the test's as well.
    pub attached: Option<&'a Node>,
    /// Whether the source table is.
    pub enabled: bool,
    /// Of a model or seed: `quote_columns`.
    pub quote_columns: bool,
    /// Of a source and its table.
    pub tags: Vec<String>,
}

#[derive(Debug, Clone)]
pub enum TargetKind<'a> {
    /// `key` is `models`, `seeds`, `snapshots`.
    Node {
        key: &'static str,
        name: &'a str,
        version: Option<&'a Value>,
    },
    Source {
        source: &'a str,
        table: &'a str,
    },
}

/// The column that a test is declared on.
#[derive(Debug, Clone)]
pub struct TestColumn<'a> {
    pub name: &'a str,
    pub quote: Option<bool>,
    pub tags: &'a [String],
}

/// Config keys that may stand beside a test's arguments.
pub const CONFIG_KEYS: &[&str] = &[
    "severity",
    "tags",
    "enabled",
    "where",
    "limit",
    "warn_if",
    "error_if",
    "fail_calc",
    "store_failures",
    "store_failures_as",
    "meta",
    "database",
    "schema",
    "alias",
];

/// Builds the node of one test entry.
///
/// # Errors
/// All problems of the entry.
pub fn build(
    setup: &Setup<'_>,
    target: &Target<'_>,
    column: Option<&TestColumn<'_>>,
    entry: &TestEntry,
) -> Result<Node, Vec<Diagnostic>> {
    let mut builder = Builder { setup, target, column, span: &entry.span, diags: Vec::new() };
    let node = builder.build(entry);
    match node {
        Some(node) if !builder.diags.iter().any(Diagnostic::is_error) => Ok(node),
        _ => Err(builder.diags),
    }
}

struct Builder<'a> {
    setup: &'a Setup<'a>,
    target: &'a Target<'a>,
    column: Option<&'a TestColumn<'a>>,
    span: &'a Span,
    diags: Vec<Diagnostic>,
}

/// A test entry taken apart.
struct Parts {
    name: String,
    namespace: Option<String>,
    kwargs: Map<String, Value>,
    config: Map<String, Value>,
    custom_name: Option<String>,
    description: String,
}

impl Builder<'_> {
    fn build(&mut self, entry: &TestEntry) -> Option<Node> {
        let mut parts = self.parts(entry)?;
        let definition = self.definition(&parts)?;
        self.check_arguments(&parts, &definition)?;
        let (short, full) = match parts.custom_name.take() {
            Some(name) => (name.clone(), name),
            None => self.synthetic_names(&parts),
        };
        if short != full && !parts.config.contains_key("alias") {
            parts.config.insert("alias".into(), Value::String(short.clone()));
        }
        let mut node = self.node(&parts, &short, full);
        self.record(&mut node, &parts, &definition)?;
        let Config { resource, values } = &mut node.config;
        merge::merge(values, &parts.config);
        self.setup.trees.root_over(&node.package, *resource, &node.fqn, values);
        merge::finish(*resource, values);
        let said = if self.setup.written_configs { &merge::written(&parts.config) } else { &parts.config };
        node.unrendered_config = self.setup.trees.unrendered(&node.package, *resource, &node.fqn, [said]);
        checks::config(&node, None, &mut self.diags);
        self.tags(&mut node);
        if let Err(error) = self.setup.naming.name(self.setup.engine, &mut node) {
            self.diags.push(*error);
        }
        node.relation_name = node::is_relational(&node).then(|| self.setup.dialect.relation(&node).render());
        Some(node)
    }

    fn package(&self) -> &Arc<str> {
        &self.target.place.package
    }

    // ---- what is written

    fn parts(&mut self, entry: &TestEntry) -> Option<Parts> {
        let (written, mut args) = match &entry.node.value {
            Yaml::Str(name) => (name.clone(), Mapping::default()),
            Yaml::Map(map) => self.named_arguments(map)?,
            _ => return self.malformed("a test is a name, or a mapping from its name to its arguments"),
        };
        let (namespace, name) = match written.split_once('.') {
            Some((namespace, name)) => (Some(namespace.to_owned()), name.to_owned()),
            None => (None, written),
        };
        let mut config = Map::new();
        let mut nested = self.nested_config(&mut args)?;
        for key in CONFIG_KEYS {
            let beside = args.remove(key).map(|(_, node)| node);
            let inside = nested.remove(key).map(|(_, node)| node);
            if let (Some(node), Some(_)) = (&beside, &inside) {
                let span = self.at(&node.range);
                let message = format!("`{key}` of a test is set twice: beside `config` and in it");
                self.diags.push(Diagnostic::error(Code::InvalidConfig, message).at(span, "remove this one"));
            }
            self.set_config(key, beside.or(inside), &mut config);
        }
        for (key, node) in nested.entries {
            if let Some(near) = merge::misspelled(ResourceType::Test, &key.name) {
                let span = self.at(&key.range);
                self.diags.push(tree::unknown_config(ResourceType::Test, &key.name, near, span));
            }
            self.set_config(&key.name, Some(node), &mut config);
        }
        let custom_name = args.remove("name").and_then(|(_, node)| node.as_str().map(str::to_owned));
        let description = args.remove("description").map(|(_, node)| self.describe(&node)).unwrap_or_default();
        let kwargs = self.kwargs(args)?;
        Some(Parts { name, namespace, kwargs, config, custom_name, description })
    }

    fn describe(&mut self, node: &YamlNode) -> String {
        match self.setup.describer.describe(&self.span.file, node, self.package()) {
            Ok((text, _)) => text,
            Err(error) => {
                self.diags.push(*error);
                String::new()
            }
        }
    }

    /// `{not_null: {…}}` or `{test_name: not_null, …}`.
    fn named_arguments(&mut self, map: &Mapping) -> Option<(String, Mapping)> {
        let mut map = map.clone();
        if let Some((_, node)) = map.remove("test_name") {
            return match node.value {
                Yaml::Str(name) => Some((name, map)),
                _ => self.malformed("`test_name` must be a text"),
            };
        }
        let mut entries = map.entries.into_iter();
        match (entries.next(), entries.next()) {
            (Some((key, node)), None) => match node.value {
                Yaml::Map(args) => Some((key.name, args)),
                Yaml::Null => Some((key.name, Mapping::default())),
                _ => self.malformed("the arguments of a test must be a mapping"),
            },
            (Some(_), Some((second, _))) => {
                let span = self.at(&second.range);
                let message = "a test has one name, and its arguments below it";
                self.diags.push(
                    Diagnostic::error(Code::InvalidValue, message)
                        .at(span, "indent this key below the name of the test"),
                );
                None
            }
            (None, _) => self.malformed("a test needs a name"),
        }
    }

    fn nested_config(&mut self, args: &mut Mapping) -> Option<Mapping> {
        match args.remove("config").map(|(_, node)| node.value) {
            None | Some(Yaml::Null) => Some(Mapping::default()),
            Some(Yaml::Map(map)) => Some(map),
            Some(_) => self.malformed("`config` of a test must be a mapping"),
        }
    }

    /// Config values are rendered now, arguments when the test is compiled.
    fn set_config(&mut self, key: &str, node: Option<YamlNode>, config: &mut Map<String, Value>) {
        let Some(mut node) = node.filter(|node| !node.is_null()) else { return };
        if node.as_str().is_some_and(render::has_jinja) {
            let context = self.setup.yaml_context(self.package());
            if let Err(error) = render::native(self.setup.engine, &self.span.file, &mut node, &context) {
                self.diags.push(*error);
                return;
            }
        }
        if !node.is_null() {
            config.insert(key.to_owned(), node.to_json());
        }
    }

    fn kwargs(&mut self, args: Mapping) -> Option<Map<String, Value>> {
        let mut kwargs = Map::new();
        let mut arguments = Map::new();
        let nested = self.setup.project.behaves("require_generic_test_arguments_property");
        for (key, node) in args.entries {
            match (key.name.as_str(), &node.value) {
                ("model", _) => {
                    let span = self.at(&key.range);
                    let message = "`model` is not an argument of a test: it is what the test is declared on";
                    self.diags.push(Diagnostic::error(Code::InvalidValue, message).at(span, "remove it"));
                    return None;
                }
                ("arguments", Yaml::Map(map)) if nested => arguments = map.to_json(),
                ("arguments", Yaml::Null) if nested => {}
                _ => {
                    kwargs.insert(key.name, node.to_json());
                }
            }
        }
        if let Some(name) = self.column_name() {
            kwargs.insert("column_name".into(), Value::String(name));
        }
        kwargs.extend(arguments);
        kwargs.insert("model".into(), Value::String(format!("{{{{ get_where_subquery({}) }}}}", self.target_call())));
        Some(kwargs)
    }

    fn column_name(&self) -> Option<String> {
        let column = self.column?;
        if !column.quote.unwrap_or(self.target.quote_columns) {
            return Some(column.name.to_owned());
        }
        let mut quoted = String::new();
        push_quoted(&mut quoted, column.name, self.setup.dialect.quote_char);
        Some(quoted)
    }

    /// `ref('orders')`, `source('a', 'b')`.
    fn target_call(&self) -> String {
        match &self.target.kind {
            TargetKind::Node { name, version: None, .. } => format!("ref('{name}')"),
            TargetKind::Node { name, version: Some(version), .. } => {
                format!("ref('{name}', version='{}')", version_text(version))
            }
            TargetKind::Source { source, table } => format!("source('{source}', '{table}')"),
        }
    }

    fn at(&self, range: &std::ops::Range<u32>) -> Span {
        Span { file: self.span.file.clone(), range: range.clone() }
    }

    fn malformed<T>(&mut self, message: &str) -> Option<T> {
        self.diags.push(Diagnostic::error(Code::InvalidValue, message).at(self.span.clone(), ""));
        None
    }

    // ---- which macro

    fn definition(&mut self, parts: &Parts) -> Option<Arc<MacroDef>> {
        let name = format!("test_{}", parts.name);
        let library = &self.setup.library;
        let found = match &parts.namespace {
            Some(package) => library.get(package, &name),
            None => library.find(&name, self.package()),
        };
        if let Some(found) = found {
            return Some(found.clone());
        }
        let candidates = library
            .iter()
            .filter(|found| parts.namespace.as_deref().is_none_or(|package| *found.package == *package))
            .filter_map(|found| found.name.strip_prefix("test_"));
        let label = suggest::nearest(&parts.name, candidates)
            .map_or_else(|| "no such test".to_owned(), |near| format!("did you mean `{near}`?"));
        let written = match &parts.namespace {
            Some(package) => format!("{package}.{}", parts.name),
            None => parts.name.clone(),
        };
        let message = format!("`{written}` is not a generic test of this project");
        let mut diagnostic = Diagnostic::error(Code::MacroNotFound, message).at(first_line(self.span), label);
        if let Some(package) = parts.namespace.as_ref().filter(|package| self.setup.project.package(package).is_none())
        {
            diagnostic = diagnostic.help(format!(
                "package `{package}` is not installed: list it in packages.yml and run `headwater deps`"
            ));
        }
        self.diags.push(diagnostic);
        None
    }

    /// Arguments that the macro does not take, unless it takes any.
    fn check_arguments(&mut self, parts: &Parts, definition: &MacroDef) -> Option<()> {
        let params = &definition.params;
        let unknown = parts.kwargs.keys().find(|name| !params.contains(name));
        let Some(unknown) = unknown.filter(|_| !definition.file.text[definition.block.body.clone()].contains("kwargs"))
        else {
            return Some(());
        };
        let takes = params.iter().filter(|name| !matches!(name.as_str(), "model" | "column_name"));
        let label =
            suggest::nearest(unknown, takes.clone()).map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        let diagnostic = if unknown == "column_name" {
            let message = format!("test `{}` is not one of a column", parts.name);
            Diagnostic::error(Code::InvalidValue, message)
                .at(first_line(self.span), "declare it on the table, not on the column")
        } else {
            let message = format!("test `{}` takes no argument `{unknown}`", parts.name);
            Diagnostic::error(Code::InvalidValue, message).at(first_line(self.span), label)
        };
        let names: Vec<String> = takes.map(|name| format!("`{name}`")).collect();
        self.diags.push(match names.is_empty() {
            true => diagnostic,
            false => diagnostic.note(format!("it takes {}", names.join(", "))),
        });
        None
    }

    // ---- names

    fn target_name(&self) -> String {
        match &self.target.kind {
            TargetKind::Node { name, version: None, .. } => (*name).to_owned(),
            TargetKind::Node { name, version: Some(version), .. } => format!("{name}_v{}", version_text(version)),
            TargetKind::Source { source, table } => format!("{source}_{table}"),
        }
    }

    /// The name for files and tables, and the full one: both the same where it is short enough.
    fn synthetic_names(&self, parts: &Parts) -> (String, String) {
        let mut test = parts.name.clone();
        if matches!(self.target.kind, TargetKind::Source { .. }) {
            test = format!("source_{test}");
        }
        if let Some(namespace) = &parts.namespace {
            test = format!("{namespace}_{test}");
        }
        test_name::synthesize(&test, &self.target_name(), &parts.kwargs)
    }

    fn node(&self, parts: &Parts, short: &str, full: String) -> Node {
        let setup = self.setup;
        let place = self.target.place;
        let package = place.package.clone();
        let metadata = json!({"kwargs": parts.kwargs, "name": parts.name, "namespace": parts.namespace});
        let within = place.original_file_path.split_once('/').map_or(&*place.original_file_path, |(_, rest)| rest);
        let mut fqn = fqn_of(&package, within);
        fqn.push(full.clone());
        let values = setup.trees.own(&package, ResourceType::Test, &fqn);
        let unique_id = format!("test.{package}.{full}.{}", test_name::digest(&full, &metadata)).into();
        Node {
            path: format!("{short}.sql"),
            original_file_path: place.original_file_path.to_string(),
            fqn,
            database: setup.dialect.database.clone(),
            schema: setup.dialect.schema.clone(),
            alias: full.clone(),
            name: full,
            config: Config { resource: ResourceType::Test, values },
            description: parts.description.clone(),
            created_at: setup.now,
            detail: Detail::GenericTest(GenericTest {
                test_name: parts.name.clone(),
                namespace: parts.namespace.clone(),
                kwargs: parts.kwargs.clone(),
                column_name: self.column_name(),
                file_key_name: self.file_key_name(),
                attached_node: self.attached_id(),
                span: Some(self.span.clone()),
            }),
            ..Node::bare(ResourceType::Test, unique_id, package, self.span.clone(), raw_code(parts).into())
        }
    }

    fn attached_id(&self) -> Option<UniqueId> {
        self.target.attached.map(|node| node.unique_id.clone())
    }

    fn file_key_name(&self) -> String {
        match &self.target.kind {
            TargetKind::Node { key, name, .. } => format!("{key}.{name}"),
            TargetKind::Source { source, .. } => format!("sources.{source}"),
        }
    }

    fn tags(&self, node: &mut Node) {
        let own = node.config.tags().into_iter().map(str::to_owned);
        let column = self.column.into_iter().flat_map(|column| column.tags.iter().cloned());
        let mut tags: Vec<String> = self.target.tags.iter().cloned().chain(column).chain(own).collect();
        tags.sort();
        tags.dedup();
        node.tags = tags;
        if let Some(group) = self.target.attached.and_then(|attached| attached.config.group()) {
            node.config.values.entry("group").or_insert_with(|| Value::String(group.to_owned()));
        }
    }

    // ---- what it depends on

    /// Finds refs, sources and macros; without rendering where the arguments are plain and the macro records nothing.
    fn record(&mut self, node: &mut Node, parts: &Parts, definition: &Arc<MacroDef>) -> Option<()> {
        let plain = self.plain_calls(&parts.kwargs);
        match plain.filter(|_| self.setup.inert_tests.has(definition)) {
            Some(calls) => {
                for call in calls {
                    match call {
                        Call::Ref(call) => node.refs.push(call),
                        Call::Source(source, table) => node.sources.push((source, table)),
                        Call::Metric(call) => node.metrics.push(call),
                    }
                }
                node.depends_on_macros = self.plain_macros(definition);
            }
            None => self.render(node, parts, definition)?,
        }
        Some(())
    }

    /// The calls in arguments that need no rendering; None if one of them does.
    fn plain_calls(&self, kwargs: &Map<String, Value>) -> Option<Vec<Call>> {
        let mut calls = Vec::new();
        for (key, value) in kwargs {
            match key.as_str() {
                "model" => calls.push(self.own_call()),
                "column_name" => {}
                _ => plain_value(value, &mut calls)?,
            }
        }
        Some(calls)
    }

    fn own_call(&self) -> Call {
        match &self.target.kind {
            TargetKind::Node { name, version, .. } => {
                Call::Ref(RefCall { name: (*name).to_owned(), package: None, version: version.cloned() })
            }
            TargetKind::Source { source, table } => Call::Source((*source).to_owned(), (*table).to_owned()),
        }
    }

    /// dbt does not look into its own two most common tests, so their dependencies do not name `get_where_subquery`.
    fn plain_macros(&self, definition: &MacroDef) -> Vec<UniqueId> {
        let mut macros = vec![definition.unique_id.clone()];
        if !matches!(&*definition.unique_id, "macro.dbt.test_not_null" | "macro.dbt.test_unique") {
            let where_macro = self.setup.library.find("get_where_subquery", self.package());
            macros.extend(where_macro.map(|found| found.unique_id.clone()));
        }
        macros
    }

    fn render(&mut self, node: &mut Node, parts: &Parts, definition: &Arc<MacroDef>) -> Option<()> {
        let setup = self.setup;
        let recorder = Arc::new(Recorder::default());
        let shared = Arc::new(node.clone());
        let this = setup.dialect.relation(node);
        let make =
            || node_context(&shared, this.clone(), &recorder, setup.namespace(&node.package), setup.base.clone());
        let context = Arc::new(make());
        let mut kwargs = Vec::new();
        for (key, value) in &parts.kwargs {
            let rendered = self.render_argument(key, value, &context)?;
            kwargs.push((crate::jinja::Value::from(key.as_str()), rendered));
        }
        let mut macros = vec![definition.unique_id.clone()];
        macros.extend(context.called());
        let context = Arc::new(make().set("_dbt_generic_test_kwargs", pyvalue::dict(kwargs)));
        let outcome = setup
            .templates
            .compile(&node.original_file_path, &node.raw_code)
            .and_then(|template| setup.engine.render(&template, &context).map_err(|e| e.diagnostic().boxed()));
        if let Err(error) = outcome {
            self.diags.push(doc::at(*error, &first_line(self.span)).node(&*node.unique_id));
            return None;
        }
        macros.extend(context.called());
        let mut seen = recorder.take();
        // `config(...)` of the generated text is the entry's own config.
        for key in parts.config.keys() {
            seen.config.shift_remove(key);
        }
        merge::merge(&mut node.config.values, &seen.config);
        node.refs = seen.refs;
        node.sources = seen.sources;
        let mut unique: Vec<UniqueId> = Vec::new();
        for id in macros {
            if !unique.contains(&id) {
                unique.push(id);
            }
        }
        node.depends_on_macros = unique;
        Some(())
    }

    /// An argument as the test macro gets it: texts that are calls become what they call.
    fn render_argument(&mut self, key: &str, value: &Value, context: &Arc<Context>) -> Option<crate::jinja::Value> {
        match value {
            Value::String(text) if key != "column_name" && (is_call(text) || text.contains("{{")) => {
                let text = if is_call(text) { format!("{{{{ {text} }}}}") } else { text.clone() };
                let file = SourceFile::new(self.span.file.path.clone(), text.as_str());
                let rendered = Template::compile(&file, 0..text.len()).and_then(|template| {
                    self.setup.engine.render_native(&template, context).map_err(|e| e.diagnostic().boxed())
                });
                match rendered {
                    Ok(value) => Some(value),
                    Err(error) => {
                        self.diags.push(*doc::at(*error, &first_line(self.span)));
                        None
                    }
                }
            }
            Value::Array(items) => {
                let items: Option<Vec<_>> = items.iter().map(|item| self.render_argument("", item, context)).collect();
                Some(pyvalue::list(items?))
            }
            Value::Object(map) => {
                let mut entries = Vec::new();
                for (key, item) in map {
                    entries.push((crate::jinja::Value::from(key.as_str()), self.render_argument("", item, context)?));
                }
                Some(pyvalue::dict(entries))
            }
            other => Some(pyvalue::from_json(other)),
        }
    }
}

fn first_line(span: &Span) -> Span {
    let (line, _) = span.file.line_column(span.range.start as usize);
    let end = span.file.line_range(line).end.min(span.range.end as usize);
    Span::new(&span.file, span.range.start as usize..end.max(span.range.start as usize))
}

/// `ref(…)`, `source(…)`, `var(…)`, `env_var(…)`, `doc(…)` without braces: how a test's argument names a call.
pub fn is_call(text: &str) -> bool {
    let text = text.trim();
    let names = ["ref", "source", "var", "env_var", "doc"];
    text.ends_with(')')
        && names.iter().any(|name| text.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('(')))
}

/// Collects the calls in a value; None if it needs Jinja.
fn plain_value(value: &Value, calls: &mut Vec<Call>) -> Option<()> {
    match value {
        Value::String(text) if is_call(text) => calls.push(parse_call(text)?),
        Value::String(text) if text.contains("{{") || text.contains("{%") || text.contains("{#") => return None,
        Value::Array(items) => {
            for item in items {
                plain_value(item, calls)?;
            }
        }
        Value::Object(map) => {
            for item in map.values() {
                plain_value(item, calls)?;
            }
        }
        _ => {}
    }
    Some(())
}

/// The text that dbt generates for a test: a call of its macro, and its config.
fn raw_code(parts: &Parts) -> String {
    let mut text = String::from("{{ ");
    if let Some(namespace) = &parts.namespace {
        text.push_str(namespace);
        text.push('.');
    }
    text.push_str("test_");
    text.push_str(&parts.name);
    text.push_str("(**_dbt_generic_test_kwargs) }}");
    if !parts.config.is_empty() {
        let option = |(key, value): (&String, &Value)| match value {
            Value::String(text) => format!("{key}=\"{}\"", text.replace('"', "\\\"")),
            other => format!("{key}={}", hash::py_str(other)),
        };
        let options: Vec<String> = parts.config.iter().map(option).collect();
        text.push_str(&format!("{{{{ config({}) }}}}", options.join(",")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_arguments_skip_rendering() {
        let mut calls = Vec::new();
        assert_eq!(plain_value(&json!(["a", {"b": "ref('x')"}]), &mut calls), Some(()));
        assert_eq!(calls, [Call::Ref(RefCall::to("x"))]);
        assert_eq!(plain_value(&json!("ref(name)"), &mut calls), None);
        assert_eq!(plain_value(&json!("{{ var('x') }}"), &mut calls), None);
    }
}
