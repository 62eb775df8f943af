//! Names to ids: every `ref` and `source` of the project, all errors at once.

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::Value;

use super::parse::Broken;
use super::{Access, Detail, Disabled, Manifest, Missing, Node, RefCall, ResourceType, UniqueId, lookup};
use crate::adapter::options;
use crate::diag::{Code, Diagnostic, Severity, Span, suggest};
use crate::project::Project;

/// Fills `depends_on_nodes` of nodes and exposures. Data tests that refer to what is not there are switched off with a
/// warning; anything else that does is an error.
pub fn resolve(project: &Project, manifest: &mut Manifest, broken: &Broken, diags: &mut Vec<Diagnostic>) {
    let resolver = Resolver { project, manifest, broken };
    let nodes: Vec<&Arc<Node>> = manifest.nodes.values().collect();
    let edges: Vec<Edges> = nodes.par_iter().map(|node| resolver.node(node)).collect();
    let exposures: Vec<Edges> = manifest.exposures.values().map(|exposure| resolver.exposure(exposure)).collect();
    let models: Vec<Edges> = manifest.semantic_models.values().map(|model| resolver.semantic_model(model)).collect();
    let mut off = Vec::new();
    for (node, edges) in manifest.nodes.values_mut().zip(edges) {
        if !edges.complete && node.resource_type == ResourceType::Test {
            off.push(node.unique_id.clone());
        }
        Arc::make_mut(node).depends_on_nodes = edges.ids;
        diags.extend(edges.problems);
    }
    for (exposure, edges) in manifest.exposures.values_mut().zip(exposures) {
        Arc::make_mut(exposure).depends_on_nodes = edges.ids;
        diags.extend(edges.problems);
    }
    for (model, edges) in manifest.semantic_models.values_mut().zip(models) {
        Arc::make_mut(model).depends_on_nodes = edges.ids;
        diags.extend(edges.problems);
    }
    if !off.is_empty() {
        switch_off(manifest, &off);
    }
}

fn switch_off(manifest: &mut Manifest, off: &[UniqueId]) {
    let gone: std::collections::HashSet<&UniqueId> = off.iter().collect();
    for id in off {
        if let Some(node) = manifest.nodes.get_mut(id) {
            let node = Arc::make_mut(node);
            node.config.values.insert("enabled".into(), Value::Bool(false));
            manifest.disabled.entry(id.clone()).or_default().push(Disabled::Node(Arc::new(node.clone())));
        }
    }
    manifest.nodes.retain(|id, _| !gone.contains(id));
}

/// What one resource depends on.
struct Edges {
    ids: Vec<UniqueId>,
    /// Everything was found.
    complete: bool,
    problems: Vec<Diagnostic>,
}

impl Edges {
    fn push(&mut self, id: &UniqueId) {
        if !self.ids.contains(id) {
            self.ids.push(id.clone());
        }
    }
}

/// Who asks: for messages and for what it may see.
struct Asker<'a> {
    what: &'static str,
    name: &'a str,
    unique_id: &'a UniqueId,
    package: &'a Arc<str>,
    group: Option<&'a str>,
    /// The text or entry in which the name is written.
    body: &'a Span,
    severity: Severity,
}

struct Resolver<'a> {
    project: &'a Project,
    manifest: &'a Manifest,
    broken: &'a Broken,
}

impl Resolver<'_> {
    fn node(&self, node: &Node) -> Edges {
        let test = node.resource_type == ResourceType::Test;
        let asker = Asker {
            what: node.resource_type.as_str(),
            name: &node.name,
            unique_id: &node.unique_id,
            package: &node.package,
            group: node.config.group(),
            body: &node.body,
            severity: if test { Severity::Warning } else { Severity::Error },
        };
        let mut edges = self.edges(&asker, &node.refs, &node.sources);
        for call in &node.functions {
            match self.manifest.resolve_function(&node.package, call) {
                Ok(found) => edges.push(&found.unique_id),
                Err(missing) => {
                    edges.complete = false;
                    edges.problems.extend(self.missing_function(&asker, call, &missing));
                }
            }
        }
        edges
    }

    fn missing_function(&self, asker: &Asker<'_>, call: &[String], missing: &Missing<'_>) -> Option<Diagnostic> {
        let name = call.last()?;
        if self.broken.names.contains(name) || self.broken.properties {
            return None;
        }
        let (what, code, label) = match missing {
            Missing::Disabled(_) => ("is disabled", Code::DisabledRef, "this function is switched off"),
            _ => ("is not in this project", Code::RefNotFound, "no function has this name"),
        };
        let message = format!("{} `{}` calls function `{name}`, which {what}", asker.what, asker.name);
        let diagnostic = asker.place(name).put(Diagnostic::new(asker.severity, code, message), label);
        let functions = self.manifest.nodes.values().filter(|node| node.resource_type == ResourceType::Function);
        let diagnostic = diagnostic.node(&**asker.unique_id);
        Some(match suggest::nearest(name, functions.map(|node| node.name.as_str())) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic,
        })
    }

    fn exposure(&self, exposure: &super::Exposure) -> Edges {
        let Some(span) = &exposure.span else {
            return Edges { ids: Vec::new(), complete: true, problems: Vec::new() };
        };
        let asker = Asker {
            what: "exposure",
            name: &exposure.name,
            unique_id: &exposure.unique_id,
            package: &exposure.package,
            group: None,
            body: span,
            severity: Severity::Error,
        };
        self.edges(&asker, &exposure.refs, &exposure.sources)
    }

    fn semantic_model(&self, model: &super::SemanticModel) -> Edges {
        let asker = Asker {
            what: "semantic model",
            name: &model.identity.name,
            unique_id: &model.identity.unique_id,
            package: &model.identity.package,
            group: model.config.group(),
            body: &model.identity.body,
            severity: Severity::Error,
        };
        self.edges(&asker, &model.refs, &[])
    }

    fn edges(&self, asker: &Asker<'_>, refs: &[RefCall], sources: &[(String, String)]) -> Edges {
        let mut edges = Edges { ids: Vec::with_capacity(refs.len()), complete: true, problems: Vec::new() };
        // dbt lists the sources of a node before its refs.
        for (source, table) in sources {
            if let Ok(found) = self.manifest.resolve_source(asker.package, source, table) {
                edges.push(&found.unique_id);
            }
        }
        for (index, call) in refs.iter().enumerate() {
            match self.manifest.resolve_ref(asker.package, call) {
                Ok(found) => {
                    edges.push(&found.unique_id);
                    edges.problems.extend(self.forbidden(asker, call, found));
                }
                Err(missing) => {
                    edges.complete = false;
                    if !refs[..index].contains(call) {
                        edges.problems.extend(self.missing_ref(asker, call, &missing));
                    }
                }
            }
        }
        for (index, (source, table)) in sources.iter().enumerate() {
            match self.manifest.resolve_source(asker.package, source, table) {
                Ok(found) => edges.push(&found.unique_id),
                Err(missing) => {
                    edges.complete = false;
                    if !sources[..index].contains(&sources[index]) {
                        edges.problems.extend(self.missing_source(asker, source, table, &missing));
                    }
                }
            }
        }
        edges
    }

    fn missing_ref(&self, asker: &Asker<'_>, call: &RefCall, missing: &Missing<'_>) -> Option<Diagnostic> {
        if self.broken.names.contains(&call.name) {
            return None;
        }
        let (what, name) = (asker.what, asker.name);
        let place = asker.place(&call.name);
        let diagnostic = match missing {
            Missing::Disabled(disabled) => {
                if asker.severity == Severity::Warning {
                    // Tests of disabled models go with them, as everyone expects.
                    return None;
                }
                let message = format!("{what} `{name}` refers to `{}`, which is disabled", call.name);
                let diagnostic = Diagnostic::new(asker.severity, Code::DisabledRef, message);
                let diagnostic = place.put(diagnostic, "this node is switched off");
                match disabled {
                    Disabled::Node(node) => diagnostic
                        .note(format!(
                            "{} `{}` is in {}",
                            node.resource_type.as_str(),
                            node.name,
                            node.original_file_path
                        ))
                        .help("set `enabled: true` for it, or take the `ref` out"),
                    _ => diagnostic,
                }
            }
            Missing::Version(versions) => {
                let versions: Vec<String> = versions.iter().map(|version| lookup::version_text(version)).collect();
                let wanted = call.version.as_ref().map(lookup::version_text).unwrap_or_default();
                let message =
                    format!("{what} `{name}` refers to version {wanted} of `{}`, which does not exist", call.name);
                let label = match versions.is_empty() {
                    true => "this model has no versions".to_owned(),
                    false => format!("it has {}", versions.join(", ")),
                };
                place.put(Diagnostic::new(asker.severity, Code::RefNotFound, message), &label)
            }
            Missing::NotFound => self.not_found(asker, call, &place),
        };
        Some(diagnostic.node(&**asker.unique_id))
    }

    fn not_found(&self, asker: &Asker<'_>, call: &RefCall, place: &Place) -> Diagnostic {
        let wanted = match &call.package {
            Some(package) => format!("`{}` of package `{package}`", call.name),
            None => format!("`{}`", call.name),
        };
        let message = format!("{} `{}` refers to {wanted}, which is not in this project", asker.what, asker.name);
        let diagnostic = Diagnostic::new(asker.severity, Code::RefNotFound, message);
        let diagnostic = place.put(diagnostic, "no model, seed or snapshot has this name").note(self.looked_in(call));
        match self.similar(&call.name) {
            Some(node) => diagnostic.help(format!(
                "a {} with a similar name exists: `{}` ({})",
                node.resource_type.as_str(),
                node.name,
                node.original_file_path
            )),
            None => diagnostic,
        }
    }

    fn looked_in(&self, call: &RefCall) -> String {
        let mut packages: Vec<String> = match &call.package {
            Some(package) => vec![format!("`{package}`")],
            None => {
                let visible = self.project.packages.iter().filter(|package| !package.embedded);
                visible.map(|package| format!("`{}`", package.name)).collect()
            }
        };
        packages.dedup();
        let word = if packages.len() == 1 { "package" } else { "packages" };
        format!("looked in {word} {}", packages.join(", "))
    }

    /// The refable node with the nearest name; disabled ones count.
    fn similar(&self, name: &str) -> Option<&Arc<Node>> {
        let disabled = self.manifest.disabled.values().flatten().filter_map(|disabled| match disabled {
            Disabled::Node(node) => Some(node),
            _ => None,
        });
        let nodes = self.manifest.nodes.values().chain(disabled).filter(|node| node.resource_type.is_refable());
        let by_name: HashMap<&str, &Arc<Node>> = nodes.map(|node| (node.name.as_str(), node)).collect();
        suggest::nearest(name, by_name.keys().copied()).and_then(|near| by_name.get(near).copied())
    }

    fn missing_source(
        &self,
        asker: &Asker<'_>,
        source: &str,
        table: &str,
        missing: &Missing<'_>,
    ) -> Option<Diagnostic> {
        if self.broken.properties {
            return None;
        }
        let place = asker.place(table);
        let wanted = format!("{source}.{table}");
        if let Missing::Disabled(_) = missing {
            if asker.severity == Severity::Warning {
                return None;
            }
            let message = format!("{} `{}` reads source `{wanted}`, which is disabled", asker.what, asker.name);
            let diagnostic = Diagnostic::new(asker.severity, Code::DisabledRef, message);
            return Some(place.put(diagnostic, "this source is switched off").node(&**asker.unique_id));
        }
        let message = format!("{} `{}` reads source `{wanted}`, which is not in this project", asker.what, asker.name);
        let diagnostic = Diagnostic::new(asker.severity, Code::SourceNotFound, message);
        let tables = self.manifest.sources.values();
        let of_source = tables.clone().any(|found| found.source_name == source);
        let label = if of_source { "the source has no such table" } else { "no source has this name" };
        let names: Vec<String> = tables.map(|found| format!("{}.{}", found.source_name, found.name)).collect();
        let diagnostic = place.put(diagnostic, label).node(&**asker.unique_id);
        Some(match suggest::nearest(&wanted, &names) {
            Some(near) => diagnostic.help(format!("a source with a similar name exists: `{near}`")),
            None => diagnostic,
        })
    }

    /// Private models belong to their group, protected ones to their package where it says so.
    fn forbidden(&self, asker: &Asker<'_>, call: &RefCall, target: &Node) -> Option<Diagnostic> {
        let Detail::Model(model) = &target.detail else { return None };
        let restricts = self.project.package(&target.package).is_some_and(|package| package.config.restrict_access);
        let inside = *asker.package == target.package;
        let problem = match model.access {
            Access::Private if inside || restricts => {
                let group = target.config.group();
                (group.is_none() || asker.group != group).then(|| match group {
                    Some(group) => format!("is private to group `{group}`"),
                    None => "is private".to_owned(),
                })?
            }
            Access::Protected if !inside && restricts => format!("is protected by package `{}`", target.package),
            _ => return None,
        };
        // Tests are declared beside their model.
        if asker.severity == Severity::Warning {
            return None;
        }
        let message = format!("{} `{}` refers to `{}`, which {problem}", asker.what, asker.name, call.name);
        let diagnostic = Diagnostic::error(Code::PrivateRef, message).node(&**asker.unique_id);
        Some(asker.place(&call.name).put(diagnostic, "not allowed from here"))
    }
}

/// Where a name is written, or at least where to look.
enum Place {
    Exact(Span),
    /// The name comes from a macro or a variable.
    Somewhere(Span),
}

impl Place {
    fn put(&self, diagnostic: Diagnostic, label: &str) -> Diagnostic {
        match self {
            Self::Exact(span) => diagnostic.at(span.clone(), label),
            Self::Somewhere(span) => {
                diagnostic.at(span.clone(), label).note("the name is not written here: a macro or a variable gave it")
            }
        }
    }
}

impl Asker<'_> {
    fn place(&self, name: &str) -> Place {
        let text = self.body.text();
        for quote in ['\'', '"'] {
            if let Some(at) = text.find(&format!("{quote}{name}{quote}")) {
                let start = self.body.range.start as usize + at + 1;
                return Place::Exact(Span::new(&self.body.file, start..start + name.len()));
            }
        }
        let (line, _) = self.body.file.line_column(self.body.range.start as usize);
        Place::Somewhere(Span::line(&self.body.file, line))
    }
}

/// Infers the primary keys of models from constraints and from their tests.
pub fn primary_keys(manifest: &mut Manifest) {
    let mut tests: HashMap<UniqueId, Vec<(bool, String)>> = HashMap::new();
    for node in manifest.nodes.values() {
        let Detail::GenericTest(test) = &node.detail else { continue };
        let unique = match test.test_name.as_str() {
            "unique" | "unique_combination_of_columns" => true,
            "not_null" => false,
            _ => continue,
        };
        let Some(attached) = &test.attached_node else { continue };
        let columns = match (test.kwargs.get("column_name"), test.kwargs.get("combination_of_columns")) {
            (Some(Value::String(column)), _) => vec![column.clone()],
            (_, Some(Value::Array(items))) => {
                items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
            }
            _ => Vec::new(),
        };
        tests.entry(attached.clone()).or_default().extend(columns.into_iter().map(|column| (unique, column)));
    }
    for (id, node) in &mut manifest.nodes {
        if node.resource_type != ResourceType::Model {
            continue;
        }
        let key = primary_key(node, tests.get(id).map(Vec::as_slice).unwrap_or_default());
        if !key.is_empty()
            && let Detail::Model(model) = &mut Arc::make_mut(node).detail
        {
            model.primary_key = key;
        }
    }
}

fn primary_key(node: &Node, tests: &[(bool, String)]) -> Vec<String> {
    let is_key = |constraint: &&Value| constraint.get("type").and_then(Value::as_str) == Some("primary_key");
    if let Detail::Model(model) = &node.detail
        && let Some(constraint) = model.constraints.iter().find(is_key)
    {
        let columns = constraint.get("columns").and_then(Value::as_array);
        return columns.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect();
    }
    if let Some(column) = node.columns.values().find(|column| column.constraints.iter().any(|c| is_key(&c))) {
        return vec![column.name.clone()];
    }
    if let Some(Ok(columns)) = node.config.explicit("primary_key").filter(|key| !key.is_null()).map(options::columns) {
        return columns;
    }
    let columns = |unique: bool| {
        let mut names: Vec<&String> =
            tests.iter().filter(|(is_unique, _)| *is_unique == unique).map(|(_, column)| column).collect();
        names.sort();
        names.dedup();
        names
    };
    let (unique, not_null) = (columns(true), columns(false));
    let both: Vec<String> = not_null.iter().filter(|name| unique.contains(name)).map(|name| (*name).clone()).collect();
    if both.is_empty() { unique.into_iter().cloned().collect() } else { both }
}
