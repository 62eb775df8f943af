//! What dbt has deprecated and only a whole project shows. What stands in one YAML file is told where that is read.

use std::sync::Arc;

use serde_json::json;

use super::generic_test::CONFIG_KEYS;
use super::{Setup, TestWork, find_word, first_line};
use crate::diag::{Code, Deprecation, Diagnostic, SourceFile, Span};
use crate::jinja::{Library, stray_tags};
use crate::manifest::{Manifest, Node, ResourceType, known};
use crate::project::{Package, Project};
use crate::yaml::{Key, Mapping, Node as YamlNode, Yaml};

/// Keys of `config(…)` in a node's own text that nobody knows.
pub fn configs(nodes: &[Node], setup: &Setup<'_>, diags: &mut Vec<Diagnostic>) {
    for node in nodes {
        for key in node.config.values.keys().filter(|key| !setup.known.knows(node.resource_type, key)) {
            let is_set = |span: &Span| {
                let rest = span.file.text[span.range.end as usize..].trim_start();
                rest.starts_with('=') && !rest.starts_with("==")
            };
            if let Some(span) = find_word(&node.body, key).filter(is_set) {
                diags.push(known::custom_key(key, span).node(&*node.unique_id));
            }
        }
    }
}

/// How the arguments of generic tests are written.
pub(super) fn tests(project: &Project, work: &[TestWork<'_>], diags: &mut Vec<Diagnostic>) {
    let nested = project.behaves("require_generic_test_arguments_property");
    let headers = project.behaves("require_sql_header_in_test_configs");
    for work in work {
        let Some((name, args)) = arguments(&work.entry.node) else { continue };
        let mut reader = TestReader { file: &work.entry.span.file, name, diags };
        if nested {
            reader.beside(args);
        } else if let Some((key, _)) = args.entry("arguments") {
            let message = format!("`arguments` of test `{name}` is an argument itself, as a behaviour flag is off");
            reader.warn(Deprecation::ArgumentsProperty, key, message, "");
            reader.help("set `require_generic_test_arguments_property: true` under `flags:` in dbt_project.yml");
        }
        let config = args.get("config").and_then(|node| node.as_map());
        if let Some((key, _)) = config.and_then(|config| config.entry("sql_header")).filter(|_| !headers) {
            let message = format!("`sql_header` of test `{name}` is not a known config");
            reader.warn(Deprecation::CustomKeyInConfig, key, message, "");
            reader.help("set `require_sql_header_in_test_configs: true` under `flags:` in dbt_project.yml");
        }
    }
}

struct TestReader<'a> {
    file: &'a Arc<SourceFile>,
    name: &'a str,
    diags: &'a mut Vec<Diagnostic>,
}

impl TestReader<'_> {
    /// Configs and arguments beside `config` and `arguments`.
    fn beside(&mut self, args: &Mapping) {
        let name = self.name;
        for (key, _) in args {
            if CONFIG_KEYS.contains(&key.name.as_str()) {
                let message = format!("`{}` of test `{name}` belongs under `config` now", key.name);
                self.warn(Deprecation::PropertyMovedToConfig, key, message, "move it under `config:`");
            }
        }
        let is_argument = |key: &str| {
            !matches!(key, "config" | "column_name" | "description" | "name" | "arguments" | "test_name")
                && !CONFIG_KEYS.contains(&key)
        };
        let given = args.get("arguments").and_then(YamlNode::as_map).is_some_and(|map| !map.is_empty());
        let first = args.iter().map(|(key, _)| key).find(|key| is_argument(&key.name));
        if let Some(key) = first.filter(|_| !given) {
            let message = format!("the arguments of test `{name}` belong under `arguments` now");
            self.warn(Deprecation::MissingArgumentsProperty, key, message, "move it under `arguments:`");
        }
    }

    fn warn(&mut self, kind: Deprecation, key: &Key, message: String, label: &str) {
        let span = Span { file: self.file.clone(), range: key.range.clone() };
        // dbt tells of these on every database.
        let warning = Diagnostic { is_advice: false, ..Diagnostic::deprecated(kind, message) }.at(span, label);
        self.diags.push(match kind {
            Deprecation::ArgumentsProperty | Deprecation::MissingArgumentsProperty => {
                warning.fields(json!({"test_name": self.name}))
            }
            Deprecation::PropertyMovedToConfig => {
                let path = format!("data_tests.{}.{}", self.name, key.name);
                warning.fields(json!({"file": self.file.path, "key": key.name, "key_path": path}))
            }
            _ => warning,
        });
    }

    fn help(&mut self, text: &str) {
        if let Some(last) = self.diags.last_mut() {
            last.helps.push(text.to_owned());
        }
    }
}

/// `{not_null: {…}}` or `{test_name: not_null, …}`; a name alone has no arguments.
fn arguments(entry: &YamlNode) -> Option<(&str, &Mapping)> {
    let map = entry.as_map()?;
    if let Some(name) = map.get("test_name").and_then(YamlNode::as_str) {
        return Some((name, map));
    }
    let (key, node) = map.iter().next()?;
    match &node.value {
        Yaml::Map(args) => Some((&key.name, args)),
        _ => None,
    }
}

/// What only the parsed project shows.
pub fn project(project: &Project, manifest: &Manifest, library: &Library, diags: &mut Vec<Diagnostic>) {
    spaces(project, manifest, diags);
    schemas(project, manifest, diags);
    materializations(project, library, diags);
    microbatch(project, manifest, library, diags);
    for package in own(project) {
        templates(package, diags);
    }
}

/// The packages that are not part of this engine, the root project first.
fn own(project: &Project) -> impl Iterator<Item = &Package> {
    project.packages.iter().filter(|package| !package.embedded)
}

fn spaces(project: &Project, manifest: &Manifest, diags: &mut Vec<Diagnostic>) {
    let mut tell = |strict: bool, what: String, span: Option<Span>| {
        let message = format!("{what} has a name with spaces");
        let diagnostic = match strict {
            true => Diagnostic::error(Code::InvalidValue, message),
            false => Diagnostic::deprecated(Deprecation::ResourceNamesWithSpaces, message),
        };
        let diagnostic = match span {
            Some(span) => diagnostic.at(span, ""),
            None => diagnostic,
        };
        diags.push(diagnostic.help("write `_` for each space"));
    };
    let strict = project.behaves("require_resource_names_without_spaces");
    for node in manifest.nodes.values().filter(|node| node.name.contains(' ')) {
        let kind = node.resource_type.as_str();
        tell(strict, format!("{kind} `{}`", node.name), Some(first_line(&node.body)));
    }
    let strict = project.behaves("require_source_and_semantic_model_names_without_spaces");
    let mut seen: Vec<&str> = Vec::new();
    for source in manifest.sources.values().filter(|source| source.source_name.contains(' ')) {
        if !seen.contains(&source.source_name.as_str()) {
            seen.push(&source.source_name);
            tell(strict, format!("source `{}`", source.source_name), source.span.clone());
        }
    }
}

/// A macro `generate_schema_name` that gives nothing.
fn schemas(project: &Project, manifest: &Manifest, diags: &mut Vec<Diagnostic>) {
    let strict = project.behaves("require_valid_schema_from_generate_schema_name");
    let named = |node: &&Arc<Node>| node.resource_type.is_refable() || node.resource_type == ResourceType::Test;
    for node in manifest.nodes.values().filter(named).filter(|node| node.schema.is_empty()) {
        let message = format!("macro `generate_schema_name` gives no schema for `{}`", node.name);
        let diagnostic = match strict {
            true => Diagnostic::error(Code::InvalidValue, message),
            false => Diagnostic::deprecated(Deprecation::GenerateSchemaNameNullValue, message),
        };
        let place = first_line(&node.body);
        diags.push(
            diagnostic.at(place, "").help("return `target.schema` where there is no other").node(&*node.unique_id),
        );
    }
}

/// Built-in materializations that an installed package replaces, where a behaviour flag lets it.
fn materializations(project: &Project, library: &Library, diags: &mut Vec<Diagnostic>) {
    if project.behaves("require_explicit_package_overrides_for_builtin_materializations") {
        return;
    }
    fn name(text: &str) -> Option<&str> {
        Some(text.strip_prefix("materialization_")?.rsplit_once('_')?.0)
    }
    let is_embedded = |package: &str| project.package(package).is_some_and(|package| package.embedded);
    let built_in: Vec<&str> =
        library.iter().filter(|found| is_embedded(&found.package)).filter_map(|found| name(&found.name)).collect();
    for found in library.iter().filter(|found| found.package != project.name && !is_embedded(&found.package)) {
        let Some(materialization) = name(&found.name).filter(|name| built_in.contains(name)) else { continue };
        let package = &found.package;
        let message = format!("package `{package}` replaces the built-in materialization `{materialization}`");
        let span = first_line(&Span::new(&found.file, found.block.range.clone()));
        let fields = json!({"package_name": package, "materialization_name": materialization});
        let warning = Diagnostic::deprecated(Deprecation::PackageMaterializationOverride, message).fields(fields);
        diags.push(warning.at(span, "").help(format!(
            "write a materialization `{materialization}` of your own that calls `{package}.{}`",
            found.name
        )));
    }
}

/// A microbatch strategy of the project's own, which builds whole models.
fn microbatch(project: &Project, manifest: &Manifest, library: &Library, diags: &mut Vec<Diagnostic>) {
    let is_batched = |node: &Arc<Node>| node.config.str("incremental_strategy") == Some("microbatch");
    if manifest.in_batches || !manifest.nodes.values().any(is_batched) {
        return;
    }
    let macros = own(project).find_map(|package| library.get(&package.name, "get_incremental_microbatch_sql"));
    if let Some(found) = macros {
        let message = format!("macro `{}` builds whole models, not their batches", found.name);
        let span = first_line(&Span::new(&found.file, found.block.range.clone()));
        diags.push(
            Diagnostic::deprecated(Deprecation::MicrobatchMacroOutsideOfBatches, message)
                .at(span, "as a behaviour flag is off")
                .help("make it build the batch `model.batch`, and remove the flag from dbt_project.yml"),
        );
    }
}

/// Tags between macros, and `modules.itertools`.
fn templates(package: &Package, diags: &mut Vec<Diagnostic>) {
    let files = &package.files;
    for file in files.macros.iter().chain(&files.generic_tests) {
        // What cannot be read has been told.
        for span in stray_tags(&file.source).unwrap_or_default() {
            let message = format!("a tag `{}` stands outside of all macros, where nothing runs it", span.text());
            let warning = Diagnostic::deprecated(Deprecation::UnexpectedJinjaBlock, message);
            diags.push(warning.at(span, "").help("remove it, or move it into a macro"));
        }
    }
    let lists = [&files.macros, &files.generic_tests, &files.models, &files.tests, &files.analyses, &files.snapshots];
    for file in lists.into_iter().flatten() {
        let name = "modules.itertools";
        if let Some(at) = file.source.text.find(name) {
            let warning = Diagnostic::deprecated(Deprecation::ModulesItertools, format!("`{name}` is deprecated"));
            let span = Span::new(&file.source, at..at + name.len());
            diags.push(warning.at(span, "").help("loop in Jinja instead"));
        }
    }
}
