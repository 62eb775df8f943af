//! Database, schema and alias of a node: dbt's `generate_*_name` macros, which projects override.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::{Node, capture, lookup};
use crate::diag::Diagnostic;
use crate::jinja::{Context, Engine, Library, Mode, Namespace, Value, pyvalue};
use crate::project::Project;

/// One of the three names, or nothing for "use the default".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    Database,
    Schema,
    Alias,
}

impl Part {
    const ALL: [Self; 3] = [Self::Database, Self::Schema, Self::Alias];

    fn macro_name(self) -> &'static str {
        match self {
            Self::Database => "generate_database_name",
            Self::Schema => "generate_schema_name",
            Self::Alias => "generate_alias_name",
        }
    }

    fn config_key(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Schema => "schema",
            Self::Alias => "alias",
        }
    }
}

/// A naming macro, and the macros that it sees.
type Override = (Value, Arc<Namespace>);

/// How names are made in a project.
pub struct Naming {
    /// Macros that are not the embedded ones; where none is listed, the rule is computed here.
    overrides: HashMap<(Part, Option<Arc<str>>), Override>,
    base: Arc<HashMap<&'static str, Value>>,
    target_database: Option<String>,
    target_schema: String,
}

impl Naming {
    /// `base` are the names that naming macros see.
    pub fn new(
        project: &Project,
        library: &Library,
        base: Arc<HashMap<&'static str, Value>>,
        target_database: Option<String>,
        target_schema: String,
    ) -> Self {
        let is_embedded = |name: &str| project.package(name).is_some_and(|package| package.embedded);
        let installed = project.packages.iter().skip(1).filter(|package| !package.embedded);
        let mut overrides = HashMap::new();
        for part in Part::ALL {
            let name = part.macro_name();
            let dispatched = format!("__{name}");
            // An override of `default__generate_schema_name` is found by dispatch inside the embedded macro.
            let redirected =
                library.iter().any(|found| found.name.ends_with(&dispatched) && !is_embedded(&found.package));
            let found = library.find(name, &project.name).filter(|found| redirected || !is_embedded(&found.package));
            if let Some(found) = found
                && let Some(value) = library.value(&found.package, name)
            {
                overrides.insert((part, None), (value, library.namespace(&found.package)));
            }
            // A package may name its own nodes.
            for package in installed.clone().map(|package| &package.name) {
                if let Some(value) = library.get(package, name).and_then(|_| library.value(package, name)) {
                    overrides.insert((part, Some(package.clone())), (value, library.namespace(package)));
                }
            }
        }
        Self { overrides, base, target_database, target_schema }
    }

    /// Sets `database`, `schema` and `alias` of a node from its config.
    ///
    /// # Errors
    /// A naming macro failed.
    pub fn name(&self, engine: &Engine, node: &mut Node) -> Result<(), Box<Diagnostic>> {
        if let Some(database) = self.part(engine, node, Part::Database)? {
            node.database = Some(database);
        }
        node.schema = self.part(engine, node, Part::Schema)?.unwrap_or_default();
        node.alias = self.part(engine, node, Part::Alias)?.unwrap_or_else(|| node.name.clone());
        Ok(())
    }

    fn part(&self, engine: &Engine, node: &Node, part: Part) -> Result<Option<String>, Box<Diagnostic>> {
        let custom = node.config.str(part.config_key());
        let own = self.overrides.get(&(part, Some(node.package.clone())));
        match own.or_else(|| self.overrides.get(&(part, None))) {
            Some((callable, namespace)) => self.call(engine, node, custom, callable, namespace.clone()),
            None => Ok(self.embedded(node, part, custom)),
        }
    }

    /// What the embedded macros say.
    fn embedded(&self, node: &Node, part: Part, custom: Option<&str>) -> Option<String> {
        let custom = custom.map(str::trim).filter(|custom| !custom.is_empty());
        match part {
            Part::Database => custom.map(str::to_owned).or_else(|| self.target_database.clone()),
            Part::Schema => Some(match custom {
                Some(custom) => format!("{}_{custom}", self.target_schema),
                None => self.target_schema.clone(),
            }),
            Part::Alias => Some(match (custom, node.version()) {
                (Some(custom), _) => custom.to_owned(),
                (None, Some(version)) => {
                    format!("{}_v{}", node.name, lookup::version_text(version).replace('.', "_"))
                }
                (None, None) => node.name.clone(),
            }),
        }
    }

    fn call(
        &self,
        engine: &Engine,
        node: &Node,
        custom: Option<&str>,
        callable: &Value,
        namespace: Arc<Namespace>,
    ) -> Result<Option<String>, Box<Diagnostic>> {
        let dictionary = capture::node_value(node);
        let context = Context::new(namespace, Mode::Execute).base(self.base.clone()).set("model", dictionary.clone());
        let custom = custom.map_or_else(pyvalue::none, Value::from);
        let named = engine
            .call(callable, &[custom, dictionary], &Arc::new(context))
            .map_err(|error| error.diagnostic().node(&*node.unique_id).boxed())?;
        Ok((!named.is_none() && !pyvalue::is_undefined(&named)).then(|| pyvalue::py_str(&named).trim().to_owned()))
    }
}

/// A config value as a name, for the snapshots' `target_schema` and `target_database`.
pub fn explicit_name<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.config.values.get(key).and_then(Json::as_str).map(str::trim).filter(|name| !name.is_empty())
}
