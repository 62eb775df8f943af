//! What statements stored: `store_result`, `load_result`.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use super::objects::table::TableObject;
use super::objects::{given, text};
use super::scope;
use crate::adapter::{Response, Table};
use crate::jinja::value::{Object, ObjectRepr};
use crate::jinja::{self, Args, Error, State, Value, pyvalue};

/// A statement's result under its name.
#[derive(Clone)]
pub struct Stored {
    pub response: Arc<Response>,
    pub table: Arc<Table>,
    /// What macros stored as `response`, which may be their own text.
    shown: Value,
}

enum Slot {
    Ready(Stored),
    /// A result can be loaded once (except `main`), so that big tables do not pile up.
    Loaded,
}

/// The named results of a scope.
#[derive(Default)]
pub struct Results(Mutex<IndexMap<String, Slot>>);

impl Results {
    /// Keeps a result, in place of one of the same name.
    fn store(&self, name: String, stored: Stored) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, Slot::Ready(stored));
    }

    /// A result that stays loadable.
    pub fn peek(&self, name: &str) -> Option<Stored> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            Some(Slot::Ready(stored)) => Some(stored.clone()),
            Some(Slot::Loaded) | None => None,
        }
    }

    fn load(&self, name: &str) -> Result<Option<Stored>, Error> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = slots.get_mut(name) else { return Ok(None) };
        let stored = match slot {
            Slot::Ready(stored) => stored.clone(),
            Slot::Loaded => return Err(jinja::fail(format!("the result `{name}` has been loaded before"))),
        };
        if name != "main" {
            *slot = Slot::Loaded;
        }
        Ok(Some(stored))
    }
}

/// `store_result(name, response, agate_table=none)`
pub(super) fn store(state: &mut State<'_, '_>, a: &mut Args<'_>) -> Result<Value, Error> {
    let scope = scope::of(state)?;
    let (name, shown) = (a.string("name")?, a.take("response")?);
    let table = table_of(a.optional("agate_table")?);
    a.finish()?;
    let response = match shown.downcast_object_ref::<ResponseObject>() {
        Some(response) => response.0.clone(),
        None => Arc::new(Response { message: pyvalue::py_str(&shown), ..Response::default() }),
    };
    scope.results.store(name, Stored { response, table, shown });
    Ok(Value::from(""))
}

/// `store_raw_result(name, message=none, code=none, rows_affected=none, agate_table=none)`
pub(super) fn store_raw(state: &mut State<'_, '_>, a: &mut Args<'_>) -> Result<Value, Error> {
    let scope = scope::of(state)?;
    let name = a.string("name")?;
    let response = Response {
        message: text(a.optional("message")?).unwrap_or_default(),
        code: text(a.optional("code")?).unwrap_or_default(),
        rows_affected: given(a.optional("rows_affected")?)
            .and_then(|rows| text(Some(rows)))
            .and_then(|rows| rows.parse().ok()),
    };
    let table = table_of(a.optional("agate_table")?);
    a.finish()?;
    let response = Arc::new(response);
    let shown = Value::from_object(ResponseObject(response.clone()));
    scope.results.store(name, Stored { response, table, shown });
    Ok(Value::from(""))
}

/// `load_result(name)`: `{response, data, table}` or none.
pub(super) fn load(state: &mut State<'_, '_>, a: &mut Args<'_>) -> Result<Value, Error> {
    let scope = scope::of(state)?;
    let name = a.string("name")?;
    a.finish()?;
    Ok(match scope.results.load(&name)? {
        Some(stored) => Value::from_object(ResultObject(stored)),
        None => Value::from(()),
    })
}

fn table_of(value: Option<Value>) -> Arc<Table> {
    let table = value.and_then(|value| value.downcast_object_ref::<TableObject>().map(|table| table.0.clone()));
    table.unwrap_or_default()
}

/// A loaded result.
struct ResultObject(Stored);

impl fmt::Debug for ResultObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<result {}>", self.0.response.message)
    }
}

impl Object for ResultObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "response" => Some(self.0.shown.clone()),
            "table" => Some(Value::from_object(TableObject(self.0.table.clone()))),
            "data" => {
                let rows = self.0.table.rows.iter();
                let rows = rows.map(|row| pyvalue::list(row.iter().map(super::cell_value).collect()));
                Some(pyvalue::list(rows.collect()))
            }
            _ => None,
        }
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }
}

/// dbt's AdapterResponse.
#[derive(Debug)]
pub struct ResponseObject(pub Arc<Response>);

impl Object for ResponseObject {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "_message" | "message" => Some(Value::from(self.0.message.as_str())),
            "code" => Some(Value::from(self.0.code.as_str())),
            "rows_affected" => Some(self.0.rows_affected.map_or(Value::from(()), Value::from)),
            "query_id" => Some(Value::from(())),
            _ => None,
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

/// The response as artifacts write it.
pub fn response_json(response: &Response) -> Map<String, Json> {
    let mut map = Map::new();
    map.insert("_message".to_owned(), json!(response.message));
    if !response.code.is_empty() {
        map.insert("code".to_owned(), json!(response.code));
    }
    if let Some(rows) = response.rows_affected {
        map.insert("rows_affected".to_owned(), json!(rows));
    }
    map
}
