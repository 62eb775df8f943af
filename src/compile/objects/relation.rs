//! dbt's Relation object over [`Relation`], and its class (`api.Relation`).

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::jinja::value::{DynObject, Object, ObjectRepr};

use super::{bad_argument, given, text};
use crate::adapter::{Adapter, Include, Relation, RelationType};
use crate::jinja::{Args, Error, ErrorKind, State, Value, pyvalue};

/// How a dialect writes names: what new relations start from.
#[derive(Debug, Clone, Copy)]
pub struct Naming {
    pub quote_char: char,
    pub include: Include,
    /// Tables may be replaced in place (`create or replace table`).
    pub replaceable_tables: bool,
    /// `select … from (select …)` needs a name behind the parenthesis.
    pub named_subqueries: bool,
    /// dbt's class of relations, as `metadata` tells it.
    pub class: &'static str,
}

impl Naming {
    pub fn of(adapter: &dyn Adapter) -> Self {
        Self {
            quote_char: adapter.quote_char(),
            include: adapter.include(),
            replaceable_tables: adapter.capabilities().create_or_replace_table,
            named_subqueries: adapter.named_subqueries(),
            class: match adapter.kind() {
                "duckdb" => "DuckDBRelation",
                "mariadb" => "MariaDBRelation",
                "mysql" => "MySQLRelation",
                _ => "BaseRelation",
            },
        }
    }

    /// A relation with the dialect's policies.
    pub fn relation(&self, database: Option<String>, schema: Option<String>, identifier: Option<String>) -> Relation {
        Relation {
            database,
            schema,
            identifier,
            kind: None,
            include: self.include,
            quote: Include::ALL,
            quote_char: self.quote_char,
            limit: None,
            event_time: None,
        }
    }

    /// The name under which an ephemeral model is put before a query: `__dbt__cte__orders`.
    pub fn cte(&self, name: &str) -> Relation {
        Relation {
            kind: Some(RelationType::Cte),
            include: Include { database: false, schema: false, identifier: true },
            quote: Include { database: false, schema: false, identifier: false },
            ..self.relation(None, None, Some(format!("{EPHEMERAL_PREFIX}{name}")))
        }
    }
}

pub const EPHEMERAL_PREFIX: &str = "__dbt__cte__";

/// A relation in a macro. Immutable, as in dbt: every change is a new object.
#[derive(Debug)]
pub struct RelationObject {
    pub relation: Relation,
    naming: Naming,
}

impl RelationObject {
    pub fn value(relation: Relation, naming: Naming) -> Value {
        Value::from_object(Self { relation, naming })
    }

    fn with(&self, relation: Relation) -> Value {
        Self::value(relation, self.naming)
    }

    fn create(&self, args: &[Value]) -> Result<Value, Error> {
        create("create", args, self.naming)
    }

    fn information_schema(&self, view: Option<String>) -> Relation {
        let include = Include { identifier: view.is_some(), ..self.relation.include };
        let quote = Include { database: self.relation.quote.database, schema: false, identifier: false };
        Relation {
            schema: Some("information_schema".to_owned()),
            identifier: view,
            kind: Some(RelationType::View),
            include,
            quote,
            limit: None,
            event_time: None,
            ..self.relation.clone()
        }
    }

    /// A relation as its subquery, with dbt's name for that where the server wants one.
    fn subquery(&self, relation: Relation) -> Value {
        match relation.subquery_alias().filter(|_| self.naming.named_subqueries) {
            Some(alias) => Value::from(format!("{relation} {alias}")),
            None => Value::from(relation.to_string()),
        }
    }

    fn can_be_renamed(&self) -> bool {
        matches!(self.relation.kind, Some(RelationType::Table | RelationType::View))
    }

    fn can_be_replaced(&self) -> bool {
        match self.relation.kind {
            Some(RelationType::View) => true,
            Some(RelationType::Table) => self.naming.replaceable_tables,
            _ => false,
        }
    }

    fn field(&self, key: &str) -> Option<Value> {
        let relation = &self.relation;
        let is = |kind| Value::from(relation.is(kind));
        Some(match key {
            "database" => option(&relation.database),
            "schema" => option(&relation.schema),
            "identifier" | "table" | "name" => option(&relation.identifier),
            "metadata" => Value::from_pairs([("type", self.naming.class)]),
            "type" => relation.kind.map_or(Value::from(()), |kind| Value::from(kind.as_str())),
            "is_table" => is(RelationType::Table),
            "is_view" => is(RelationType::View),
            "is_cte" => Value::from(matches!(relation.kind, Some(RelationType::Cte | RelationType::Ephemeral))),
            "is_materialized_view" => is(RelationType::MaterializedView),
            "is_function" => is(RelationType::Function),
            "is_pointer" => Value::from(false),
            "can_be_renamed" => Value::from(self.can_be_renamed()),
            "can_be_replaced" => Value::from(self.can_be_replaced()),
            "limit" => relation.limit.map_or(Value::from(()), Value::from),
            "event_time_filter" => match relation.event_time.as_deref() {
                Some(filter) => Value::from_pairs([
                    ("field_name", Value::from(filter.column.as_str())),
                    ("start", Value::from(filter.start.as_str())),
                    ("end", Value::from(filter.end.as_str())),
                ]),
                None => Value::from(()),
            },
            "quote_character" => Value::from(relation.quote_char.to_string()),
            "quote_policy" => policy(relation.quote),
            "include_policy" => policy(relation.include),
            _ => return None,
        })
    }
}

impl Object for RelationObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.field(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.field(key)
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        if method == "create" {
            return self.create(args);
        }
        let mut a = Args::new(method, args);
        let relation = self.relation.clone();
        let value = match method {
            "render" => Value::from(self.relation.render()),
            "render_limited" => self.subquery(Relation { event_time: None, ..relation }),
            "render_event_time_filtered" => self.subquery(Relation { limit: None, ..relation }),
            "include" => self.with(Relation { include: apply(relation.include, &mut a)?, ..relation }),
            "quote" => self.with(Relation { quote: apply(relation.quote, &mut a)?, ..relation }),
            "incorporate" => self.with(incorporate(relation, &mut a)?),
            "replace_path" => self.with(replace_path(relation, &mut a)?),
            "without_identifier" => self.with(Relation {
                include: Include { identifier: false, ..relation.include },
                identifier: None,
                ..relation
            }),
            "without_quotes" => {
                self.with(Relation { quote: Include { database: false, schema: false, identifier: false }, ..relation })
            }
            "information_schema" => self.with(self.information_schema(text(a.optional("view_name")?))),
            "information_schema_only" => self.with(self.information_schema(None)),
            "matches" => {
                let wanted = [a.optional("database")?, a.optional("schema")?, a.optional("identifier")?];
                let own = [&relation.database, &relation.schema, &relation.identifier];
                Value::from(wanted.into_iter().zip(own).all(|(wanted, own)| match text(wanted) {
                    Some(wanted) => own.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(&wanted)),
                    None => true,
                }))
            }
            "quoted" => {
                let mut quoted = String::new();
                let name = text(Some(a.take("identifier")?)).unwrap_or_default();
                crate::adapter::push_quoted(&mut quoted, &name, relation.quote_char);
                Value::from(quoted)
            }
            "get" => {
                let key = a.take("key")?;
                let default = a.optional("default")?.unwrap_or(Value::from(()));
                key.as_str().and_then(|key| self.field(key)).unwrap_or(default)
            }
            "add_ephemeral_prefix" => {
                let name = text(Some(a.take("name")?)).unwrap_or_default();
                Value::from(format!("{EPHEMERAL_PREFIX}{name}"))
            }
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        };
        a.finish()?;
        Ok(value)
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        if self.relation == other.relation {
            return Some(Ordering::Equal);
        }
        // Different objects may render alike (type known or not): still an order, never equal.
        Some(self.relation.render().cmp(&other.relation.render()).then(Ordering::Less))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.relation)
    }
}

/// The relation inside a macro's value.
pub fn relation_of(value: &Value) -> Option<&Relation> {
    value.downcast_object_ref::<RelationObject>().map(|object| &object.relation)
}

/// The relation that a macro passed as `argument`.
pub fn expect_relation<'a>(value: &'a Value, argument: &str) -> Result<&'a Relation, Error> {
    relation_of(value).ok_or_else(|| {
        bad_argument(format!(
            "`{argument}` must be a relation (`this`, `ref(…)`, `api.Relation.create(…)`), not `{value}`"
        ))
    })
}

/// `api.Relation` and `adapter.Relation`.
#[derive(Debug)]
pub struct RelationClass(pub Naming);

impl Object for RelationClass {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let kind = match key.as_str()? {
            "Table" => RelationType::Table,
            "View" => RelationType::View,
            "CTE" => RelationType::Cte,
            "MaterializedView" => RelationType::MaterializedView,
            "External" => RelationType::External,
            _ => return None,
        };
        Some(Value::from(kind.as_str()))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "create" => create("create", args, self.0),
            "add_ephemeral_prefix" => {
                let mut a = Args::new(method, args);
                let name = text(Some(a.take("name")?)).unwrap_or_default();
                a.finish()?;
                Ok(Value::from(format!("{EPHEMERAL_PREFIX}{name}")))
            }
            // Arguments of the snapshot id, which macros join into a hash.
            "scd_args" => {
                let mut a = Args::new(method, args);
                let (key, updated_at) = (a.take("primary_key")?, a.take("updated_at")?);
                a.finish()?;
                let mut columns: Vec<Value> = match key.as_str() {
                    Some(_) => vec![key],
                    None => key.try_iter()?.collect(),
                };
                columns.push(updated_at);
                Ok(pyvalue::list(columns))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<class 'Relation'>")
    }
}

fn create(name: &str, args: &[Value], naming: Naming) -> Result<Value, Error> {
    let mut a = Args::new(name, args);
    let database = text(a.optional("database")?);
    let schema = text(a.optional("schema")?);
    let identifier = text(a.optional("identifier")?);
    let kind = given(a.optional("type")?);
    let mut relation = naming.relation(database, schema, identifier);
    if let Some(kind) = kind {
        relation.kind = Some(relation_type(&kind)?);
    }
    if let Some(policy) = given(a.optional("quote_policy")?) {
        relation.quote = apply_dict(relation.quote, &policy)?;
    }
    if let Some(policy) = given(a.optional("include_policy")?) {
        relation.include = apply_dict(relation.include, &policy)?;
    }
    relation.limit = given(a.optional("limit")?).and_then(|limit| limit.as_usize()).map(|limit| limit as u64);
    // dbt takes any further field of its dataclass; packages pass these and nothing here depends on them.
    a.ignore_rest();
    Ok(RelationObject::value(relation, naming))
}

fn relation_type(value: &Value) -> Result<RelationType, Error> {
    let name = value.as_str().unwrap_or_default();
    RelationType::parse(name).ok_or_else(|| bad_argument(format!("`{value}` is no type of relation")))
}

fn incorporate(mut relation: Relation, a: &mut Args) -> Result<Relation, Error> {
    if let Some(path) = given(a.optional("path")?) {
        for (key, slot) in [
            ("database", &mut relation.database),
            ("schema", &mut relation.schema),
            ("identifier", &mut relation.identifier),
        ] {
            let value = path.get_attr(key)?;
            if !value.is_undefined() {
                *slot = text(Some(value));
            }
        }
    }
    if let Some(kind) = a.optional("type")? {
        relation.kind = if kind.is_none() { None } else { Some(relation_type(&kind)?) };
    }
    if let Some(policy) = given(a.optional("quote_policy")?) {
        relation.quote = apply_dict(relation.quote, &policy)?;
    }
    if let Some(policy) = given(a.optional("include_policy")?) {
        relation.include = apply_dict(relation.include, &policy)?;
    }
    if let Some(limit) = a.optional("limit")? {
        relation.limit = limit.as_usize().map(|limit| limit as u64);
    }
    a.ignore_rest();
    Ok(relation)
}

fn replace_path(mut relation: Relation, a: &mut Args) -> Result<Relation, Error> {
    for (key, slot) in [
        ("database", &mut relation.database),
        ("schema", &mut relation.schema),
        ("identifier", &mut relation.identifier),
    ] {
        if let Some(value) = a.optional(key)? {
            *slot = text(Some(value));
        }
    }
    Ok(relation)
}

fn apply(mut include: Include, a: &mut Args) -> Result<Include, Error> {
    for (key, slot) in
        [("database", &mut include.database), ("schema", &mut include.schema), ("identifier", &mut include.identifier)]
    {
        if let Some(value) = given(a.optional(key)?) {
            *slot = value.is_true();
        }
    }
    Ok(include)
}

fn apply_dict(mut include: Include, policy: &Value) -> Result<Include, Error> {
    for (key, slot) in
        [("database", &mut include.database), ("schema", &mut include.schema), ("identifier", &mut include.identifier)]
    {
        let value = policy.get_attr(key)?;
        if !value.is_undefined() && !value.is_none() {
            *slot = value.is_true();
        }
    }
    Ok(include)
}

fn policy(include: Include) -> Value {
    Value::from_pairs([
        ("database", Value::from(include.database)),
        ("schema", Value::from(include.schema)),
        ("identifier", Value::from(include.identifier)),
    ])
}

fn option(text: &Option<String>) -> Value {
    text.as_deref().map_or(Value::from(()), Value::from)
}
