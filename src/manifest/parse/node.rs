//! A draft with what its properties file, its project and its own `config()` say: a node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::call::{Call, parse_call};
use super::draft::Draft;
use super::properties::{ColumnPatch, NodePatch, VersionPatch};
use super::source::overlay;
use super::{Dialect, Setup, doc};
use crate::adapter::{Adapter, Relation};
use crate::diag::{Code, Diagnostic, SourceFile, Span};
use crate::jinja::{Context, Template};
use crate::manifest::capture::{Recorder, Seen, node_context};
use crate::manifest::{Access, ColumnInfo, Config, Detail, Manifest, Node, ResourceType, checks, merge, naming, tree};
use crate::project::Project;

/// What properties files say of one node: a patch, and the version that the node is.
#[derive(Debug, Clone, Copy)]
pub struct Described<'a> {
    pub patch: &'a NodePatch,
    pub version: Option<&'a VersionPatch>,
    /// The place of the patch among all.
    pub at: usize,
}

/// Templates of texts that many nodes share, such as hooks of dbt_project.yml.
#[derive(Default)]
pub struct TemplateCache {
    templates: Mutex<HashMap<String, Template>>,
}

impl TemplateCache {
    /// # Errors
    /// The text is not Jinja.
    pub fn compile(&self, path: &str, text: &str) -> Result<Template, Box<Diagnostic>> {
        if let Some(found) = self.lock().get(text) {
            return Ok(found.clone());
        }
        let template = Template::compile(&SourceFile::new(path, text), 0..text.len())?;
        self.lock().insert(text.to_owned(), template.clone());
        Ok(template)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Template>> {
        self.templates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Renders a draft and settles everything about it but its edges.
///
/// # Errors
/// All problems of the node.
pub fn build(setup: &Setup<'_>, draft: Draft, described: Option<Described<'_>>) -> Result<Node, Vec<Diagnostic>> {
    let mut builder = Builder { setup, described, diags: Vec::new() };
    let node = builder.build(draft);
    let errors = builder.diags.iter().any(Diagnostic::is_error);
    match node {
        // A node that is switched off may be broken.
        Some(node) if !errors || !node.config.enabled() => Ok(node),
        _ => Err(builder.diags),
    }
}

struct Builder<'a> {
    setup: &'a Setup<'a>,
    described: Option<Described<'a>>,
    diags: Vec<Diagnostic>,
}

impl Builder<'_> {
    fn build(&mut self, draft: Draft) -> Option<Node> {
        let setup = self.setup;
        let (kind, package) = (draft.kind, draft.package.clone());
        let outer = setup.trees.own(&package, kind, &draft.fqn);
        let (patch, unrendered_patch) = self.patch_config();
        let mut values = outer;
        merge::merge(&mut values, &patch);
        let mut node = Arc::new(self.node(draft, values));

        let recorder = Arc::new(Recorder::default());
        let context = self.context(&node, &recorder);
        let (seen, written) = self.render(&node, &recorder, &context);

        let own = Arc::make_mut(&mut node);
        self.take_calls(own, &seen, &context);
        self.check_call_keys(own, &seen.config);
        merge::merge(&mut own.config.values, &seen.config);
        setup.trees.root_over(&package, kind, &own.fqn, &mut own.config.values);
        merge::finish(kind, &mut own.config.values);
        let (patch, call) = if setup.written_configs {
            (
                &merge::doubled(&unrendered_patch, &patch),
                written.filter(|written| !seen.config.is_empty() && !written.is_empty()),
            )
        } else {
            (&patch, None)
        };
        let call = call.as_ref().unwrap_or(&seen.config);
        own.unrendered_config = setup.trees.unrendered(&package, kind, &own.fqn, [patch, call]);
        self.render_hooks(own, &recorder, &context);
        drop(context);
        self.describe(own);
        self.take_foreign_keys(own);
        let described = self.described.map(|described| &described.patch.place.span);
        checks::config(own, described, &mut self.diags);
        self.finish_names(own);
        Some(Arc::unwrap_or_clone(node))
    }

    /// The node as templates see it while it is rendered.
    fn node(&self, draft: Draft, values: Map<String, Value>) -> Node {
        let setup = self.setup;
        let body = Span::new(&draft.source, draft.body);
        let raw_code = body.text().into();
        Node {
            name: draft.name.clone(),
            path: draft.path,
            original_file_path: draft.original_file_path,
            fqn: draft.fqn,
            database: setup.dialect.database.clone(),
            schema: setup.dialect.schema.clone(),
            alias: draft.name,
            checksum: draft.checksum,
            config: Config { resource: draft.kind, values },
            tags: draft.tags,
            created_at: setup.now,
            detail: draft.detail,
            ..Node::bare(draft.kind, draft.unique_id, draft.package, body, raw_code)
        }
    }

    fn patch_config(&self) -> (Map<String, Value>, Map<String, Value>) {
        let Some(described) = self.described else { return Default::default() };
        let mut values = described.patch.config.clone();
        let mut raw = described.patch.unrendered_config.clone();
        if let Some(version) = described.version {
            deep_merge(&mut values, &version.config);
            deep_merge(&mut raw, &version.unrendered_config);
        }
        (values, raw)
    }

    fn context(&self, node: &Arc<Node>, recorder: &Arc<Recorder>) -> Arc<Context> {
        let setup = self.setup;
        let this = setup.dialect.relation(node);
        let namespace = setup.namespace(&node.package);
        Arc::new(
            node_context(node, this, recorder, namespace, setup.base.clone())
                .set("database", setup.dialect.database.clone())
                .set("schema", setup.dialect.schema.as_str()),
        )
    }

    /// What the text calls, and its `config(...)` as it is written.
    fn render(
        &mut self,
        node: &Node,
        recorder: &Recorder,
        context: &Arc<Context>,
    ) -> (Seen, Option<Map<String, Value>>) {
        let range = node.body.range.start as usize..node.body.range.end as usize;
        let mut written = None;
        if !range.is_empty() {
            let outcome = Template::compile(&node.body.file, range).and_then(|template| {
                if template.literal().is_some() {
                    return Ok(());
                }
                let entry = |(key, value): &(String, String)| (key.clone(), value.as_str().into());
                written = template.written_config().map(|config| config.iter().map(entry).collect());
                self.setup.engine.render(&template, context).map(drop).map_err(|error| error.diagnostic().boxed())
            });
            if let Err(error) = outcome {
                self.diags.push(error.node(&*node.unique_id));
            }
        }
        (recorder.take(), written)
    }

    fn take_calls(&mut self, node: &mut Node, seen: &Seen, context: &Context) {
        node.refs.extend(seen.refs.iter().cloned());
        node.sources.extend(seen.sources.iter().cloned());
        node.metrics.extend(seen.metrics.iter().cloned());
        node.functions.extend(seen.functions.iter().cloned());
        node.depends_on_macros = context.called();
    }

    /// Keys of `config(...)` that are near misses of known ones.
    fn check_call_keys(&mut self, node: &Node, config: &Map<String, Value>) {
        for key in config.keys() {
            if let Some(near) = merge::misspelled(node.resource_type, key) {
                let span = find_word(&node.body, key).unwrap_or_else(|| first_line(&node.body));
                self.diags.push(tree::unknown_config(node.resource_type, key, near, span).node(&*node.unique_id));
            }
        }
    }

    /// Hooks may refer to other nodes.
    fn render_hooks(&mut self, node: &mut Node, recorder: &Recorder, context: &Arc<Context>) {
        if node.resource_type == ResourceType::Test {
            return;
        }
        for key in ["pre-hook", "post-hook"] {
            let hooks: Vec<String> = node.config.hooks(key).into_iter().map(|hook| hook.sql.to_owned()).collect();
            for sql in hooks.iter().filter(|sql| sql.contains("{{") || sql.contains("{%")) {
                let outcome = self.setup.templates.compile(&node.original_file_path, sql).and_then(|template| {
                    self.setup.engine.render(&template, context).map_err(|error| error.diagnostic().boxed())
                });
                if let Err(error) = outcome {
                    let place = find_word(&node.body, sql).unwrap_or_else(|| first_line(&node.body));
                    self.diags.push(doc::at(*error, &place).note(format!("in a {key}")).node(&*node.unique_id));
                }
            }
        }
        let seen = recorder.take();
        self.take_calls(node, &seen, context);
    }

    /// What properties files say besides config.
    fn describe(&mut self, node: &mut Node) {
        let Some(Described { patch, version, .. }) = self.described else { return };
        node.patch_path = Some(patch.place.patch_path());
        node.description = patch.description.clone();
        node.doc_blocks = patch.doc_blocks.clone();
        node.columns = columns_of(patch, version);
        if let Some((text, blocks)) = version.and_then(|version| version.description.as_ref()) {
            node.description = text.clone();
            node.doc_blocks = blocks.clone();
        }
        if let (Detail::Function(function), Some(signature)) = (&mut node.detail, &patch.signature) {
            function.clone_from(signature);
        }
        if node.resource_type == ResourceType::Model {
            self.describe_model(node, patch, version);
        }
    }

    fn describe_model(&mut self, node: &mut Node, patch: &NodePatch, version: Option<&VersionPatch>) {
        let constraints = version.and_then(|version| version.constraints.as_ref()).unwrap_or(&patch.constraints);
        let targets = constraints.iter().chain(node.columns.values().flat_map(|column| &column.constraints));
        let targets: Vec<String> =
            targets.filter_map(|constraint| constraint.get("to")?.as_str()).map(str::to_owned).collect();
        self.take_parents(node, &targets, &patch.place.span);
        let Detail::Model(model) = &mut node.detail else { return };
        model.constraints = constraints.clone();
        // Versions are deprecated one by one.
        let deprecation = match version {
            Some(version) => &version.deprecation,
            None => &patch.deprecation,
        };
        model.deprecation_date = deprecation.as_ref().map(|deprecation| deprecation.date.clone());
        model.deprecation_place = deprecation.as_ref().map(|deprecation| deprecation.span.clone());
        model.time_spine = patch.time_spine.clone();
        if let Some(version) = version {
            model.version = Some(version.v.clone());
            model.latest_version = patch.latest();
        }
    }

    /// The foreign keys of the config.
    fn take_foreign_keys(&mut self, node: &mut Node) {
        let keys = node.config.explicit("foreign_keys").and_then(Value::as_array);
        let targets: Vec<String> =
            keys.into_iter().flatten().filter_map(|key| key.get("to")?.as_str()).map(str::to_owned).collect();
        if !targets.is_empty() {
            let place = find_word(&node.body, "foreign_keys").unwrap_or_else(|| first_line(&node.body));
            self.take_parents(node, &targets, &place);
        }
    }

    /// What foreign keys refer to is built first.
    fn take_parents(&mut self, node: &mut Node, targets: &[String], place: &Span) {
        for to in targets {
            match parse_call(to) {
                Some(Call::Ref(call)) if !node.refs.contains(&call) => node.refs.push(call),
                Some(Call::Source(source, table)) if !node.sources.contains(&(source.clone(), table.clone())) => {
                    node.sources.push((source, table));
                }
                Some(Call::Ref(_) | Call::Source(..)) => {}
                Some(Call::Metric(_)) | None => {
                    let message = format!("a foreign key of model `{}` points to `{to}`", node.name);
                    self.diags.push(
                        Diagnostic::error(Code::InvalidValue, message)
                            .at(place.clone(), "write `ref('…')` or `source('…', '…')`")
                            .node(&*node.unique_id),
                    );
                }
            }
        }
    }

    /// Names come last: they may depend on everything else.
    fn finish_names(&mut self, node: &mut Node) {
        let tags: Vec<String> = node.config.tags().into_iter().map(str::to_owned).collect();
        for tag in tags {
            if !node.tags.contains(&tag) {
                node.tags.push(tag);
            }
        }
        if let Some(text) = node.config.str("access").map(str::to_owned)
            && node.resource_type == ResourceType::Model
        {
            self.set_access(node, &text);
        }
        if let Err(error) = self.setup.naming.name(self.setup.engine, node) {
            self.diags.push(*error);
        }
        if node.resource_type == ResourceType::Snapshot {
            let explicit = |key: &str| naming::explicit_name(node, key).map(str::to_owned);
            let (schema, database) = (explicit("target_schema"), explicit("target_database"));
            node.schema = schema.unwrap_or_else(|| std::mem::take(&mut node.schema));
            node.database = database.or_else(|| node.database.take());
        }
        let is_named = is_relational(node) || node.resource_type == ResourceType::Function;
        node.relation_name = is_named.then(|| self.setup.dialect.relation(node).render());
    }

    fn set_access(&mut self, node: &mut Node, text: &str) {
        let known = [Access::Private, Access::Protected, Access::Public];
        match (known.into_iter().find(|access| access.as_str() == text), &mut node.detail) {
            (Some(access), Detail::Model(model)) => model.access = access,
            _ => {
                let message = format!("`{text}` is no access of a model");
                self.diags.push(
                    Diagnostic::error(Code::InvalidConfig, message)
                        .at(self.place(node), "one of private, protected, public")
                        .node(&*node.unique_id),
                );
            }
        }
    }

    fn place(&self, node: &Node) -> Span {
        self.described.map_or_else(|| first_line(&node.body), |described| described.patch.place.span.clone())
    }
}

/// `--store-failures`: tests that do not say otherwise have a relation, for their failing rows.
pub fn store_failures(manifest: &mut Arc<Manifest>, project: &Project, adapter: &dyn Adapter) {
    let dialect = Dialect::new(project, adapter);
    for node in Arc::make_mut(manifest).nodes.values_mut() {
        if node.resource_type == ResourceType::Test && node.config.store_failures().is_none() {
            let relation = dialect.relation(node).render();
            Arc::make_mut(node).relation_name = Some(relation);
        }
    }
}

/// Has a table or view of its own.
pub fn is_relational(node: &Node) -> bool {
    match node.resource_type {
        ResourceType::Model => !node.is_ephemeral(),
        ResourceType::Seed | ResourceType::Snapshot => true,
        ResourceType::Test => node.config.store_failures() == Some(true),
        _ => false,
    }
}

/// A version's columns: those of the model that it includes, and its own.
fn columns_of(patch: &NodePatch, version: Option<&VersionPatch>) -> IndexMap<String, ColumnInfo> {
    columns_for(patch, version).map(|column| (column.info.name.clone(), column.info.clone())).collect()
}

pub fn columns_for<'a>(
    patch: &'a NodePatch,
    version: Option<&'a VersionPatch>,
) -> impl Iterator<Item = &'a ColumnPatch> {
    let changes = version.and_then(|version| version.columns.as_ref());
    let kept = move |column: &&ColumnPatch| {
        let Some(changes) = changes else { return true };
        let name = &column.info.name;
        let included = changes.include.as_ref().is_none_or(|include| include.contains(name));
        let replaced = changes.own.iter().any(|own| own.info.name == *name);
        included && !changes.exclude.contains(name) && !replaced
    };
    patch.columns.iter().filter(kept).chain(changes.into_iter().flat_map(|changes| &changes.own))
}

impl NodePatch {
    /// The latest version of the model: as said, else the highest.
    pub fn latest(&self) -> Option<Value> {
        let number = |value: &Value| match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let order = |a: &&Value, b: &&Value| match (number(a), number(b)) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => a.to_string().cmp(&b.to_string()),
        };
        self.latest_version.clone().or_else(|| self.versions.iter().map(|version| &version.v).max_by(order).cloned())
    }
}

/// Objects are merged entry by entry, everything else is replaced.
fn deep_merge(base: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (key, value) in more {
        match (base.get_mut(key), value) {
            (Some(Value::Object(base)), Value::Object(more)) => deep_merge(base, more),
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The first line of a text's place.
pub fn first_line(body: &Span) -> Span {
    let (line, _) = body.file.line_column(body.range.start as usize);
    Span::line(&body.file, line)
}

/// The first place where a text stands in the body.
pub fn find_word(body: &Span, word: &str) -> Option<Span> {
    let at = body.text().find(word)? + body.range.start as usize;
    Some(Span::new(&body.file, at..at + word.len()))
}

impl super::Dialect {
    /// The relation of a node.
    pub fn relation(&self, node: &Node) -> Relation {
        let empty = Map::new();
        let quoting = node.config.get("quoting").and_then(Value::as_object).unwrap_or(&empty);
        Relation {
            database: node.database.clone(),
            schema: Some(node.schema.clone()),
            identifier: Some(node.alias.clone()),
            quote: overlay(self.quote, quoting),
            ..self.unnamed()
        }
    }
}
