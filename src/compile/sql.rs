//! From a node to the SQL that is sent.

use std::ops::Range;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{Runtime, Scope, Subject};
use crate::diag::Diagnostic;
use crate::jinja::{Context, Template, Value, pyvalue};
use crate::manifest::{Detail, GenericTest, Node, ResourceType, UniqueId, is_call};
use crate::sql;

/// A node's SQL, ready to be put into statements.
pub struct Compiled {
    /// With the CTEs of ephemeral models.
    pub sql: Arc<str>,
    /// Before CTEs were put in.
    pub body: Arc<str>,
    /// Names of subqueries, which were put into the rendered text: places in `body`.
    pub(super) aliases: Vec<Range<usize>>,
    /// The ephemeral models that `sql` starts with, dependencies first.
    pub ctes: Vec<Cte>,
    pub template: Template,
    /// Below the target folder: `compiled/shop/models/orders.sql`; None where nothing is written.
    pub path: Option<String>,
}

/// One ephemeral model inside a statement.
#[derive(Clone)]
pub struct Cte {
    pub id: UniqueId,
    /// `__dbt__cte__orders`
    pub name: String,
    pub body: Arc<str>,
}

impl Scope {
    /// Renders the subject's SQL, once; later calls give the same.
    ///
    /// # Errors
    /// The template or one of the ephemeral models it refers to failed.
    pub fn compile(self: &Arc<Self>) -> Result<Arc<Compiled>, super::Failure> {
        self.compile_with(|context| context)
    }

    /// Like [`Scope::compile`], with some more names: `results` of on-run-end hooks.
    ///
    /// # Errors
    /// As [`Scope::compile`].
    pub fn compile_with(
        self: &Arc<Self>,
        more: impl FnOnce(Context) -> Context,
    ) -> Result<Arc<Compiled>, super::Failure> {
        if let Some(compiled) = self.compiled.get() {
            return Ok(compiled.clone());
        }
        let Some(node) = self.subject.node().cloned() else {
            let message = format!("{} has no SQL of its own", self.subject.describe());
            return Err(Diagnostic::error(crate::diag::Code::Internal, message).boxed().into());
        };
        let compiled = Arc::new(self.render(&node, more)?);
        if let Some(path) = &compiled.path {
            self.runtime.writer.write(path, self.shown_sql(&compiled));
        }
        Ok(self.compiled.get_or_init(|| compiled).clone())
    }

    fn render(
        self: &Arc<Self>,
        node: &Arc<Node>,
        more: impl FnOnce(Context) -> Context,
    ) -> Result<Compiled, super::Failure> {
        let template = template(&self.runtime, node)?;
        let runtime = &self.runtime;
        if node.resource_type == ResourceType::Seed {
            let (sql, body) = ("".into(), "".into());
            return Ok(Compiled { sql, body, aliases: Vec::new(), ctes: Vec::new(), template, path: None });
        }
        let body: Arc<str> = match template.literal() {
            Some(text) => text.into(),
            None => {
                let context = self.render_context(node, more)?;
                runtime.engine.render(&template, &context)?.into()
            }
        };
        let (body, aliases) = match self.name_subqueries(&body) {
            Some((named, aliases)) => (named.into(), aliases),
            None => (body, Vec::new()),
        };
        let keep_out = runtime.options.no_injection && !matches!(self.subject, Subject::UnitTest(_));
        let ctes = match &self.subject {
            Subject::UnitTest(unit) => self.fixtures(unit)?,
            _ if keep_out => self.direct_ctes(),
            _ => self.ephemeral_ctes()?,
        };
        let sql = match ctes.is_empty() || keep_out {
            true => body.clone(),
            false => {
                let named: Vec<(&str, &str)> = ctes.iter().map(|cte| (cte.name.as_str(), &*cte.body)).collect();
                sql::inject_ctes(&body, &named, runtime.adapter().kind()).into()
            }
        };
        let path = runtime.writer.is_on().then(|| self.target_path("compiled")).flatten();
        Ok(Compiled { sql, body, aliases, ctes, template, path })
    }

    /// The names that the node's own template sees; generic tests get their arguments.
    pub(super) fn render_context(
        self: &Arc<Self>,
        node: &Arc<Node>,
        more: impl FnOnce(Context) -> Context,
    ) -> Result<Arc<Context>, super::Failure> {
        match &node.detail {
            Detail::GenericTest(test) => {
                let arguments = self.test_arguments(test)?;
                Ok(self.context_with(|context| more(context.set(TEST_ARGUMENTS, arguments))))
            }
            _ => Ok(self.context_with(more)),
        }
    }

    /// The arguments of a generic test: text that is Jinja or a call is rendered and keeps its type.
    fn test_arguments(self: &Arc<Self>, test: &GenericTest) -> Result<Value, super::Failure> {
        let context = self.context();
        let path = test.span.as_ref().map_or("", |span| span.file.path.as_str());
        let mut arguments = Vec::with_capacity(test.kwargs.len());
        for (name, value) in &test.kwargs {
            let value = match name.as_str() {
                "column_name" => pyvalue::from_json(value),
                _ => self.test_argument(path, value, &context)?,
            };
            arguments.push((Value::from(name.as_str()), value));
        }
        Ok(pyvalue::dict(arguments))
    }

    fn test_argument(&self, path: &str, value: &Json, context: &Arc<Context>) -> Result<Value, super::Failure> {
        match value {
            Json::String(text) if is_call(text) || text.contains("{{") => {
                let text = if is_call(text) { format!("{{{{ {text} }}}}") } else { text.clone() };
                let template = self.runtime.template(path, &text)?;
                Ok(self.runtime.engine.render_native(&template, context)?)
            }
            Json::Array(items) => {
                let items = items.iter().map(|item| self.test_argument(path, item, context));
                Ok(pyvalue::list(items.collect::<Result<_, _>>()?))
            }
            Json::Object(map) => {
                let entry = |(key, item): (&String, &Json)| {
                    Ok::<_, super::Failure>((Value::from(key.as_str()), self.test_argument(path, item, context)?))
                };
                Ok(pyvalue::dict(map.iter().map(entry).collect::<Result<Vec<_>, _>>()?))
            }
            value => Ok(pyvalue::from_json(value)),
        }
    }

    /// The ephemeral models that the render referred to, without their SQL.
    fn direct_ctes(&self) -> Vec<Cte> {
        let ids = self.take_ephemeral().into_iter();
        let cte = |id: UniqueId| {
            let name = cte_name(self.runtime.manifest.node(&id)?);
            Some(Cte { id, name, body: "".into() })
        };
        ids.filter_map(cte).collect()
    }

    /// The ephemeral models that the render referred to, and those that they refer to, dependencies first.
    fn ephemeral_ctes(self: &Arc<Self>) -> Result<Vec<Cte>, super::Failure> {
        let mut ctes: Vec<Cte> = Vec::new();
        for id in self.take_ephemeral() {
            let Some(node) = self.runtime.manifest.node(&id).cloned() else { continue };
            let compiled = self.runtime.ephemeral(&id, || {
                let scope = self.runtime.node(&node, self.thread());
                scope.compile().map_err(|failure| failure.into_diagnostic(&scope))
            })?;
            let own = Cte { id, name: cte_name(&node), body: compiled.body.clone() };
            for cte in compiled.ctes.iter().chain([&own]) {
                if !ctes.iter().any(|known| known.id == cte.id) {
                    ctes.push(cte.clone());
                }
            }
        }
        Ok(ctes)
    }
}

impl Cte {
    /// As artifacts have it; without injection only the model is named.
    pub fn extra(&self, injected: bool) -> Json {
        let sql = injected.then(|| format!(" {} as (\n{}\n)", self.name, self.body));
        json!({"id": self.id, "sql": sql})
    }
}

/// The name by which a generic test's text takes its arguments.
const TEST_ARGUMENTS: &str = "_dbt_generic_test_kwargs";

fn cte_name(node: &Node) -> String {
    format!("{}{}", super::objects::relation::EPHEMERAL_PREFIX, node.alias)
}

/// The node's template, in its own file where its text stands there, so that messages point to it.
pub(super) fn template(runtime: &Runtime, node: &Node) -> Result<Template, Box<Diagnostic>> {
    let range = node.body.range.start as usize..node.body.range.end as usize;
    let compiled = match node.body.file.text.get(range.clone()) {
        Some(text) if *text == *node.raw_code => Template::compile(&node.body.file, range),
        _ => runtime.template(&node.original_file_path, &node.raw_code),
    };
    compiled.map_err(|diagnostic| diagnostic.node(&*node.unique_id).boxed())
}

impl Scope {
    /// Where the subject's SQL goes below the target folder, as dbt lays it out.
    pub(super) fn target_path(&self, folder: &str) -> Option<String> {
        let path = target_path(folder, &self.subject)?;
        Some(self.batch().map_or_else(|| path.clone(), |batch| batch.path(&path)))
    }
}

fn target_path(folder: &str, subject: &Subject) -> Option<String> {
    let path = match subject {
        // dbt gives the file of SQL that it pretends the folder of the YAML file, once more.
        Subject::UnitTest(unit) => {
            let file = &unit.test.original_file_path;
            let folder = file.rfind('/').map_or("", |at| &file[..=at]);
            format!("{file}/{folder}{}.sql", unit.test.name)
        }
        Subject::Node(node) => match (&node.detail, node.resource_type) {
            // `--inline` and its like: no file of the project.
            (_, ResourceType::SqlOperation) => return None,
            (Detail::GenericTest(_), _) => format!("{}/{}", node.original_file_path, node.path),
            (Detail::Snapshot, _) => format!("{}/{}.sql", node.original_file_path, node.name),
            (Detail::Operation { .. }, _) => format!("dbt_project.yml/hooks/{}.sql", node.name),
            _ => node.original_file_path.clone(),
        },
        Subject::Source(_) | Subject::Macro { .. } => return None,
    };
    Some(format!("{folder}/{}/{path}", subject.package()))
}

impl Runtime {
    /// `extra_ctes` of artifacts.
    pub fn extra_ctes(&self, compiled: &Compiled) -> Vec<Json> {
        compiled.ctes.iter().map(|cte| cte.extra(!self.options.no_injection)).collect()
    }

    /// The compiled file's place relative to the project root, for messages and artifacts.
    pub fn shown_path(&self, compiled: &Compiled) -> Option<String> {
        Some(self.below_target(compiled.path.as_ref()?))
    }

    pub(super) fn below_target(&self, path: &str) -> String {
        let target = self.project.target_path.strip_prefix(&self.project.root).unwrap_or(&self.project.target_path);
        format!("{}/{path}", target.display()).replace('\\', "/")
    }
}
