//! Jinja's `adapter`: the database as macros see it.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::objects::column::ColumnObject;
use super::objects::relation::{RelationObject, expect_relation};
use super::objects::table::{TableObject, value_cell};
use super::objects::{given, text};
use super::results::ResponseObject;
use super::scope::{self, Scope};
use super::{catalog, contract, indexes, partitions, refusal};
use crate::adapter::session::Session;
use crate::adapter::{Adapter, Capabilities, Column, DbError, Relation, Upsert, seed, shorten};
use crate::diag::{Code, Diagnostic};
use crate::jinja::value::{Object, ObjectRepr};
use crate::jinja::{self, Args, Error, ErrorKind, State, Value, pyvalue};
use crate::manifest::Dispatcher;
use crate::project::Project;

/// `adapter`: shared by all renders, it finds its node and session by itself.
pub struct AdapterObject {
    dispatcher: Dispatcher,
    adapter: Arc<dyn Adapter>,
    relation: Value,
    config: Value,
    behavior: Value,
    quoting: [Option<bool>; 3],
    max_identifier: usize,
}

impl AdapterObject {
    pub fn new(project: &Project, adapter: Arc<dyn Adapter>, dispatcher: Dispatcher, relation: Value) -> Self {
        let quoting = project.root_package().config.quoting;
        let quoting = [quoting.database, quoting.schema, quoting.identifier];
        Self {
            dispatcher,
            relation,
            config: config(project, adapter.as_ref(), quoting),
            behavior: Value::from_object(Behavior(project.flags.clone())),
            quoting,
            max_identifier: adapter.max_identifier(),
            adapter,
        }
    }
}

impl fmt::Debug for AdapterObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<adapter {}>", self.dispatcher.kind())
    }
}

/// `adapter.config`: what packages read of it.
fn config(project: &Project, adapter: &dyn Adapter, quoting: [Option<bool>; 3]) -> Value {
    let credentials = pyvalue::frozen(Arc::new(Json::Object(adapter.visible_credentials())));
    let quoting = ["database", "schema", "identifier"].into_iter().zip(quoting.map(|flag| flag.unwrap_or(true)));
    Value::from_pairs([
        ("quoting", Value::from_pairs(quoting.map(|(key, flag)| (key, Value::from(flag))))),
        ("credentials", credentials),
        ("project_name", Value::from(&*project.name)),
        ("profile_name", Value::from(project.profile.name.as_str())),
        ("target_name", Value::from(project.profile.target_name.as_str())),
        ("threads", Value::from(project.profile.threads)),
    ])
}

/// What the server can do, as macros ask.
fn capabilities(capabilities: &Capabilities) -> Value {
    let upsert = match capabilities.upsert {
        Upsert::OnDuplicateKey => "on_duplicate_key",
        Upsert::Merge => "merge",
        Upsert::None => "none",
    };
    Value::from_pairs([
        ("product", Value::from(capabilities.product.as_str())),
        ("version", Value::from(capabilities.version.as_str())),
        ("swap", Value::from(capabilities.swap.as_str())),
        ("upsert", Value::from(upsert)),
        ("transactional_ddl", Value::from(capabilities.transactional_ddl)),
        ("transactions", Value::from(capabilities.transactions)),
        ("create_table_as", Value::from(capabilities.create_table_as)),
        ("joined_changes", Value::from(capabilities.joined_changes)),
        ("spider", Value::from(capabilities.spider)),
        ("create_or_replace_table", Value::from(capabilities.create_or_replace_table)),
        ("create_or_replace_function", Value::from(capabilities.create_or_replace_function)),
        ("add_index_if_not_exists", Value::from(capabilities.add_index_if_not_exists)),
        ("md5", Value::from(capabilities.md5)),
        ("except_intersect", Value::from(capabilities.except_intersect)),
        ("returning", Value::from(capabilities.returning)),
        ("enforces_not_null", Value::from(capabilities.enforces_not_null)),
        ("enforces_unique", Value::from(capabilities.enforces_unique)),
        ("enforces_primary_key", Value::from(capabilities.enforces_primary_key)),
        ("enforces_check", Value::from(capabilities.enforces_check)),
        ("enforces_foreign_key", Value::from(capabilities.enforces_foreign_key)),
        ("alters_constraints", Value::from(capabilities.alters_constraints)),
    ])
}

/// A database's refusal on its way through Jinja; [`super::Failure`] finds it again.
pub(super) fn database(error: DbError) -> Error {
    Error::new(ErrorKind::InvalidOperation, error.message.clone()).with_source(error)
}

pub(super) fn session(scope: &Arc<Scope>) -> Result<&Session, Error> {
    scope.session().map_err(jinja::raise)
}

impl Object for AdapterObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "Relation" => Some(self.relation.clone()),
            "config" => Some(self.config.clone()),
            "behavior" => Some(self.behavior.clone()),
            // Known for sure only once a connection was made, so the adapter is asked at each use.
            "capabilities" => Some(capabilities(&self.adapter.capabilities())),
            _ => None,
        }
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let scope = scope::of(state)?;
        let mut a = Args::new(method, args);
        let value = match method {
            "dispatch" => self.dispatch(&scope, &mut a)?,
            "type" => Value::from(self.dispatcher.kind()),
            "quote" => Value::from(quoted(&scope, &a.string("identifier")?)),
            "quote_as_configured" => {
                let (name, key) = (a.string("identifier")?, a.string("quote_key")?);
                let at = ["database", "schema", "identifier"].iter().position(|part| *part == key);
                let quote = at.and_then(|at| self.quoting[at]).unwrap_or(true);
                Value::from(if quote { quoted(&scope, &name) } else { name })
            }
            "quote_seed_column" => {
                let name = a.string("column")?;
                let quote = given(a.optional("quote_config")?).is_none_or(|quote| quote.is_true());
                Value::from(if quote { quoted(&scope, &name) } else { name })
            }
            "shorten" => Value::from(shorten(&a.string("name")?, self.max_identifier)),
            "literal" => Value::from(scope.runtime.adapter().literal(&value_cell(&a.take("value")?))),
            "convert_type" => convert_type(&scope, &mut a)?,
            "create_table_options" => Value::from(scope.runtime.adapter().create_table_options(&scope.table_options())),
            "charset_conversion" => Value::from(scope.runtime.adapter().conversion(&scope.table_options())),
            "staging" => scope.set_staging(a.take("staging")?.is_true()),
            "is_staging" => Value::from(scope.is_staging()),
            "seed_inserts" => seed_inserts(&scope, &mut a)?,
            "standardize_grants_dict" => grants(&a.take("grants_table")?)?,
            "render_raw_columns_constraints" => contract::raw_columns(&scope, &a.take("raw_columns")?)?,
            "render_raw_model_constraints" => contract::raw_model(&scope, &a.take("raw_constraints")?)?,
            "assert_contract"
            | "contract_columns"
            | "contract_definitions"
            | "check_contract"
            | "reconcile_contract"
            | "check_references"
            | "relax_references"
            | "restore_references" => contract::call(&scope, method, &mut a)?,
            "get_incremental_strategy_macro" => strategy_macro(state, &mut a)?,
            "get_hard_deletes_behavior" => hard_deletes(state, &a.take("config")?)?,
            "index" => indexes::index(&scope, &mut a)?,
            "index_changes" => indexes::index_changes(&scope, &mut a)?,
            "make_partitions" => partitions::make(&scope, &mut a)?,
            "makes_partitions" => partitions::are_made(&scope),
            "is_later_batch" => Value::from(scope.batch().is_some_and(|batch| !batch.first)),
            "partition_drift" => partitions::drift(&scope, &mut a)?,
            "refuse" => refusal::refuse(&mut a)?,
            "attempt" => refusal::attempt(&scope, &mut a)?,
            "execute"
            | "run_hook"
            | "add_query"
            | "run_sql_for_tests"
            | "begin"
            | "commit"
            | "commit_if_has_connection"
            | "clear_transaction" => statement(&scope, method, &mut a)?,
            _ => match catalog::call(&scope, state, method, &mut a)? {
                Some(value) => value,
                None => return Err(unknown(method)),
            },
        };
        a.finish()?;
        Ok(value)
    }
}

impl AdapterObject {
    fn dispatch(&self, scope: &Arc<Scope>, a: &mut Args<'_>) -> Result<Value, Error> {
        let name = a.string("macro_name")?;
        let namespace = a.optional_string("macro_namespace")?;
        let package = scope.subject.package();
        self.dispatcher.dispatch(&name, namespace.as_deref(), Some(package)).map_err(jinja::raise)
    }
}

fn unknown(method: &str) -> Error {
    match method {
        "get_partitions_metadata" | "get_catalog_integration" | "build_catalog_relation" => jinja::raise(
            Diagnostic::error(Code::NotSupported, format!("`adapter.{method}` is not supported by this adapter")),
        ),
        _ => Error::from(ErrorKind::UnknownMethod),
    }
}

fn quoted(scope: &Scope, name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 2);
    crate::adapter::push_quoted(&mut text, name, scope.runtime.naming.quote_char);
    text
}

/// Sending SQL and ending transactions.
fn statement(scope: &Arc<Scope>, method: &str, a: &mut Args<'_>) -> Result<Value, Error> {
    match method {
        "execute" | "run_sql_for_tests" => {
            let sql = a.string("sql")?;
            let auto_begin = a.truth("auto_begin", false)?;
            let fetch = a.truth("fetch", method == "run_sql_for_tests")?;
            let limit = given(a.optional("limit")?).and_then(|limit| limit.as_usize());
            let name = a.optional_string("statement")?;
            let mut result = scope.execute(&sql, fetch, auto_begin, name)?;
            if let Some(limit) = limit {
                result.table.rows.truncate(limit);
            }
            let response = Value::from_object(ResponseObject(Arc::new(result.response)));
            Ok(pyvalue::tuple(vec![response, TableObject::value(result.table)]))
        }
        _ if scope.is_replay() => {
            a.ignore_rest();
            Ok(Value::from(""))
        }
        "run_hook" => {
            let (sql, auto_begin) = (a.string("sql")?, a.truth("auto_begin", false)?);
            scope.run_hook(session(scope)?, &sql, auto_begin).map_err(database).map(|()| Value::from(""))
        }
        // The transaction is that of the tested node, which is not published yet.
        "begin" | "commit" | "commit_if_has_connection" | "clear_transaction" if scope.is_audit() => {
            Ok(Value::from(""))
        }
        "add_query" => {
            let session = session(scope)?;
            let sql = a.string("sql")?;
            scope.check_audit(&sql)?;
            let auto_begin = a.truth("auto_begin", true)?;
            let bindings = given(a.optional("bindings")?);
            a.optional("abridge_sql_log")?;
            match bindings {
                Some(bindings) => {
                    let cells: Vec<_> = bindings.try_iter()?.map(|value| value_cell(&value)).collect();
                    session.execute_bound(&sql, &cells).map_err(database)?;
                }
                None => {
                    session.execute(&sql, false, auto_begin).map_err(database)?;
                }
            }
            Ok(pyvalue::tuple(vec![Value::from(()), Value::from(())]))
        }
        "begin" => session(scope)?.begin().map_err(database).map(|()| Value::from("")),
        "commit" | "commit_if_has_connection" => session(scope)?.commit().map_err(database).map(|()| Value::from("")),
        _ => session(scope)?.rollback().map_err(database).map(|()| Value::from("")),
    }
}

fn convert_type(scope: &Scope, a: &mut Args<'_>) -> Result<Value, Error> {
    let (table, at) = (a.take("agate_table")?, a.take("col_idx")?);
    let kind = table.downcast_object_ref::<TableObject>().zip(at.as_usize());
    let kind = kind.and_then(|(table, at)| table.0.columns.get(at)).map(|column| column.kind);
    let kind = kind.ok_or_else(|| jinja::fail("convert_type() takes a table and the number of one of its columns"))?;
    Ok(Value::from(scope.runtime.adapter().seed_type(kind)))
}

/// The rows of a seed as INSERT statements.
fn seed_inserts(scope: &Scope, a: &mut Args<'_>) -> Result<Value, Error> {
    let (relation, table) = (a.take("relation")?, a.take("agate_table")?);
    let batch = a.or("batch_size", 10_000)?.as_usize().unwrap_or(10_000).max(1);
    let relation = expect_relation(&relation, "relation")?;
    let table =
        table.downcast_object_ref::<TableObject>().ok_or_else(|| jinja::fail("seed_inserts() takes a table"))?;
    let inserts = seed::inserts(scope.runtime.adapter().as_ref(), relation, &table.0, batch);
    Ok(pyvalue::list(inserts.into_iter().map(Value::from).collect()))
}

/// `{privilege: [grantee]}` of a table with the columns `grantee` and `privilege_type`.
fn grants(table: &Value) -> Result<Value, Error> {
    let mut grants: Vec<(Value, Vec<Value>)> = Vec::new();
    for row in table.get_attr("rows")?.try_iter()? {
        let (grantee, privilege) = (row.get_attr("grantee")?, row.get_attr("privilege_type")?);
        match grants.iter_mut().find(|(known, _)| *known == privilege) {
            Some((_, grantees)) => grantees.push(grantee),
            None => grants.push((privilege, vec![grantee])),
        }
    }
    Ok(pyvalue::dict(grants.into_iter().map(|(privilege, grantees)| (privilege, pyvalue::list(grantees)))))
}

/// `get_incremental_strategy_macro(context, strategy)`: built-in ones and those of the user.
fn strategy_macro(state: &State<'_, '_>, a: &mut Args<'_>) -> Result<Value, Error> {
    a.take("model_context")?;
    let strategy = a.string("strategy")?;
    let name = format!("get_incremental_{}_sql", strategy.replace('+', "_"));
    let found = jinja::context(state).and_then(|context| context.get(&name));
    found.ok_or_else(|| {
        let message = format!("there is no incremental strategy `{strategy}`");
        jinja::raise(
            Diagnostic::error(Code::InvalidConfig, message)
                .note("built in are `append`, `delete+insert`, `merge`, `insert_overwrite` and `microbatch`, as far as the database has them")
                .help(format!("or define a macro `{name}(arg_dict)`")),
        )
    })
}

/// `ignore`, `invalidate` or `new_record`, from `hard_deletes` or the older `invalidate_hard_deletes`.
fn hard_deletes(state: &mut State<'_, '_>, config: &Value) -> Result<Value, Error> {
    let mut get = |name: &str| config.call_method(state, "get", &[Value::from(name)]).map(|value| given(Some(value)));
    let invalidate = get("invalidate_hard_deletes")?.is_some_and(|flag| flag.is_true());
    let behavior = text(get("hard_deletes")?);
    match behavior.as_deref() {
        Some(_) if invalidate => {
            Err(jinja::fail("`hard_deletes` and `invalidate_hard_deletes` cannot both be set: keep `hard_deletes`"))
        }
        None if invalidate => Ok(Value::from("invalidate")),
        None => Ok(Value::from("ignore")),
        Some(known @ ("ignore" | "invalidate" | "new_record")) => Ok(Value::from(known)),
        Some(other) => {
            Err(jinja::fail(format!("`hard_deletes` is `{other}`; it can be `ignore`, `invalidate` or `new_record`")))
        }
    }
}

/// `adapter.behavior.<flag>`: dbt's behaviour flags of the project.
#[derive(Debug)]
struct Behavior(Map<String, Json>);

impl Object for Behavior {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let flag = self.0.get(&name.to_uppercase()).or_else(|| self.0.get(name));
        Some(Value::from_object(Flag(flag.is_some_and(super::objects::truthy))))
    }
}

/// A flag: its truth, and `.no_warn` for the same without a warning.
#[derive(Debug)]
struct Flag(bool);

impl Object for Flag {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        matches!(key.as_str()?, "no_warn" | "setting").then(|| Value::from(self.0))
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.0
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "True" } else { "False" })
    }
}

/// Relations and columns as Jinja values.
pub(super) fn relation_value(scope: &Scope, relation: Relation) -> Value {
    RelationObject::value(relation, scope.runtime.naming)
}

pub(super) fn column_values(columns: Vec<Column>) -> Value {
    pyvalue::list(columns.into_iter().map(ColumnObject::value).collect())
}
