//! `adapter` and `api` while parsing: dispatch works, databases are not asked.

use std::fmt;
use std::sync::Arc;

use super::super::dispatch::Dispatcher;
use super::relation;
use crate::adapter::{Relation, RelationType, push_quoted};
use crate::jinja::value::{Object, ObjectRepr};
use crate::jinja::{Args, Error, State, Value, context, pyvalue, raise};

/// The `adapter` object.
pub fn adapter(dispatcher: Arc<Dispatcher>, template: Relation) -> Value {
    Value::from_object(AdapterStub { dispatcher, template })
}

/// The `api` object.
pub fn api(template: Relation) -> Value {
    Value::from_object(Api { template })
}

struct AdapterStub {
    dispatcher: Arc<Dispatcher>,
    /// A relation without a name: carries quoting and which parts are written.
    template: Relation,
}

impl fmt::Debug for AdapterStub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<adapter {}>", self.dispatcher.kind())
    }
}

impl AdapterStub {
    fn dispatch(&self, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let mut args = Args::new("adapter.dispatch", args);
        let name = args.string("macro_name")?;
        let namespace = args.optional_string("macro_namespace")?;
        let package = context(state)
            .and_then(|context| context.get("model"))
            .and_then(|model| model.get_attr("package_name").ok())
            .and_then(|package| package.as_str().map(str::to_owned));
        self.dispatcher.dispatch(&name, namespace.as_deref(), package.as_deref()).map_err(raise)
    }

    fn quote(&self, text: &str) -> Value {
        let mut quoted = String::new();
        push_quoted(&mut quoted, text, self.template.quote_char);
        Value::from(quoted)
    }
}

impl Object for AdapterStub {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some("Relation") => Some(Value::from_object(RelationFactory { template: self.template.clone() })),
            Some("Column") => Some(Value::from_object(Columns)),
            _ => Some(pyvalue::parse_undefined()),
        }
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let empty = || Ok(pyvalue::list(Vec::new()));
        match method {
            "dispatch" => self.dispatch(state, args),
            "type" => Ok(Value::from(self.dispatcher.kind())),
            "quote" | "quote_as_configured" | "quote_seed_column" => {
                Ok(self.quote(&Args::new(method, args).string("identifier")?))
            }
            "get_columns_in_relation"
            | "get_column_schema_from_query"
            | "get_missing_columns"
            | "get_columns_in_table"
            | "list_relations" => empty(),
            "get_relation"
            | "load_relation"
            | "rename_relation"
            | "drop_relation"
            | "create_schema"
            | "drop_schema"
            | "truncate_relation"
            | "expand_target_column_types"
            | "commit"
            | "begin" => Ok(pyvalue::none()),
            "check_schema_exists" | "already_exists" => Ok(Value::from(false)),
            "execute" | "add_query" => Ok(pyvalue::tuple(vec![pyvalue::none(), pyvalue::none()])),
            _ => Ok(pyvalue::parse_undefined()),
        }
    }
}

/// `adapter.Relation`.
#[derive(Debug)]
struct RelationFactory {
    template: Relation,
}

impl Object for RelationFactory {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "create" => create(&self.template, &mut Args::new(method, args)),
            _ => Ok(pyvalue::parse_undefined()),
        }
    }
}

/// `Relation.create(database=…, schema=…, identifier=…, type=…)`.
fn create(template: &Relation, args: &mut Args<'_>) -> Result<Value, Error> {
    let mut made = template.clone();
    made.database = args.optional_string("database")?;
    made.schema = args.optional_string("schema")?;
    made.identifier = args.optional_string("identifier")?;
    made.kind = args.optional_string("type")?.and_then(|kind| RelationType::parse(&kind));
    Ok(relation::relation(made))
}

/// `api.Relation`, `api.Column`.
#[derive(Debug)]
struct Api {
    template: Relation,
}

impl Object for Api {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some("Relation") => Some(Value::from_object(RelationFactory { template: self.template.clone() })),
            Some("Column") => Some(Value::from_object(Columns)),
            _ => Some(pyvalue::parse_undefined()),
        }
    }
}

/// `api.Column`: there, but nothing is known of what it makes.
#[derive(Debug)]
struct Columns;

impl Object for Columns {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        Some(pyvalue::parse_undefined())
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        Ok(pyvalue::parse_undefined())
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, _: &str, _: &[Value]) -> Result<Value, Error> {
        Ok(pyvalue::parse_undefined())
    }
}
