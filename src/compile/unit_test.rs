//! Unit tests: the tested model's SQL over rows that the test gives.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::sql::Cte;
use super::{Failure, Runtime, Scope, Subject};
use crate::adapter::Relation;
use crate::diag::{Code, Diagnostic};
use crate::jinja::value::{Enumerator, Object};
use crate::jinja::{Args, Context, Error, State, Value, function, pyvalue};
use crate::manifest::{Node, Resource, Rows, UniqueId, UnitTest, UnitTestInput};

/// A unit test with the model that it tests.
pub struct UnitScope {
    pub test: Arc<UnitTest>,
    pub tested: Arc<Node>,
}

impl UnitScope {
    /// # Errors
    /// The tested model is not in the manifest.
    pub fn new(runtime: &Runtime, test: &Arc<UnitTest>) -> Result<Self, Box<Diagnostic>> {
        match runtime.manifest.node(&test.tested) {
            Some(tested) => Ok(Self { test: test.clone(), tested: tested.clone() }),
            None => {
                let message = format!("unit test `{}` tests `{}`, which is not in this project", test.name, test.model);
                Err(Diagnostic::error(Code::UnitTest, message).node(&*test.unique_id).boxed())
            }
        }
    }

    /// The name (without prefix) of the rows that stand in for a node or source.
    pub(super) fn fixture(&self, id: &UniqueId) -> Option<&str> {
        let input = self.test.given.iter().find(|input| input.unique_id.as_ref() == Some(id))?;
        Some(fixture_name(self, input))
    }

    /// The relation that `this` is: the test's rows for it, or the model's own.
    pub(super) fn this(&self, runtime: &Runtime) -> Relation {
        match self.test.given.iter().find(|input| input.unique_id.is_none()) {
            Some(input) => runtime.naming.cte(fixture_name(self, input)),
            None => runtime.node_relation(&self.tested),
        }
    }

    /// `config.get` inside of the unit materialization.
    pub(super) fn config(&self, name: &str) -> Option<Value> {
        let expected = &self.test.expect;
        match (name, expected) {
            ("materialized", _) => Some(Value::from("unit")),
            ("expected_rows", Rows::Values(rows)) => Some(pyvalue::from_json(&json!(rows))),
            ("expected_rows", Rows::Sql(_)) => Some(pyvalue::list(Vec::new())),
            ("expected_sql", Rows::Sql(sql)) => Some(Value::from(sql.as_str())),
            ("tested_node_unique_id", _) => Some(Value::from(&*self.test.tested)),
            _ => None,
        }
    }

    /// Lays the test's `overrides` over the names of the render.
    pub(super) fn overrides(&self, mut context: Context) -> Context {
        let section = |key: &str| self.test.overrides.get(key).and_then(Json::as_object).into_iter().flatten();
        let mut packages: Vec<(&str, Vec<(&str, &Json)>)> = Vec::new();
        for (name, value) in section("macros") {
            match name.split_once('.') {
                None => context = context.set_override(name.as_str(), constant(name, value)),
                Some((package, name)) => match packages.iter_mut().find(|(known, _)| *known == package) {
                    Some((_, macros)) => macros.push((name, value)),
                    None => packages.push((package, vec![(name, value)])),
                },
            }
        }
        for (package, macros) in packages {
            let own = macros.into_iter().map(|(name, value)| (name.to_owned(), constant(name, value))).collect();
            let package_object = context.get(package).unwrap_or(Value::UNDEFINED);
            context =
                context.set_override(package, Value::from_object(PackageOverride { package: package_object, own }));
        }
        for (noun, key) in [("var", "vars"), ("env_var", "env_vars")] {
            let values: Vec<(String, Value)> =
                section(key).map(|(name, value)| (name.clone(), pyvalue::from_json(value))).collect();
            if !values.is_empty() {
                let original = context.get(noun).unwrap_or(Value::UNDEFINED);
                context = context.set_override(noun, overridden(noun, values, original));
            }
        }
        context
    }
}

/// A macro that gives the same whatever it is called with.
fn constant(name: &str, value: &Json) -> Value {
    let value = pyvalue::from_json(value);
    function(name, move |_, a| {
        a.ignore_rest();
        Ok(value.clone())
    })
}

/// `var` or `env_var` with some names answered by the test.
fn overridden(noun: &'static str, values: Vec<(String, Value)>, original: Value) -> Value {
    Value::from_object(Overridden { noun, values, original })
}

#[derive(Debug)]
struct Overridden {
    noun: &'static str,
    values: Vec<(String, Value)>,
    original: Value,
}

impl Object for Overridden {
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let name = Args::new(self.noun, args).take("name")?;
        match self.values.iter().find(|(known, _)| name.as_str() == Some(known)) {
            Some((_, value)) => Ok(value.clone()),
            None => self.original.call(state, args),
        }
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        self.original.call_method(state, method, args)
    }
}

/// A package's namespace with some macros answered by the test.
#[derive(Debug)]
struct PackageOverride {
    package: Value,
    own: Vec<(String, Value)>,
}

impl Object for PackageOverride {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let own = self.own.iter().find(|(name, _)| key.as_str() == Some(name)).map(|(_, value)| value.clone());
        own.or_else(|| self.package.get_item(key).ok())
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match self.own.iter().find(|(name, _)| name == method) {
            Some((_, value)) => value.call(state, args),
            None => self.package.call_method(state, method, args),
        }
    }
}

/// `ref('orders')` → `orders`, `source('a', 'b')` → `a__b`, `this` → the model's own name.
fn fixture_name<'a>(unit: &'a UnitScope, input: &'a UnitTestInput) -> &'a str {
    match &input.unique_id {
        None => &unit.tested.name,
        // The last part of an id is a name that is unique enough within a test: two packages seldom share one.
        Some(id) => id.splitn(3, '.').nth(2).unwrap_or(id),
    }
}

impl Scope {
    /// The test's rows as queries, one for each input.
    pub(super) fn fixtures(self: &Arc<Self>, unit: &UnitScope) -> Result<Vec<Cte>, Failure> {
        unit.test.given.iter().map(|input| self.fixture(unit, input)).collect()
    }

    fn fixture(self: &Arc<Self>, unit: &UnitScope, input: &UnitTestInput) -> Result<Cte, Failure> {
        let runtime = &self.runtime;
        let name = runtime.naming.cte(fixture_name(unit, input)).identifier.unwrap_or_default();
        let id = input.unique_id.clone().unwrap_or_else(|| unit.test.tested.clone());
        let body = match &input.rows {
            Rows::Sql(sql) => sql.trim().trim_end_matches(';').into(),
            Rows::Values(rows) => {
                let subject = match runtime.manifest.get(&id) {
                    Some(Resource::Node(node)) => Subject::Node(node.clone()),
                    Some(Resource::Source(source)) => Subject::Source(source.clone()),
                    _ => self.subject.clone(),
                };
                // Column types come from the relation that the rows stand in for, hence its own scope.
                let scope = runtime.scope(subject, self.thread());
                let context = scope.context();
                let rows = pyvalue::from_json(&json!(rows));
                let sql = scope.call_macro("get_fixture_sql", &[rows, Value::from(())], &context)?;
                sql.to_string().trim().into()
            }
        };
        Ok(Cte { id, name, body })
    }
}
