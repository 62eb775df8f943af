//! What callbacks hear: dbt's events, shaped like dbt's `EventMsg`.

use chrono::{DateTime, Utc};
use pyo3::exceptions::{PyAttributeError, PyKeyError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use serde_json::{Map, Value, json};

use super::node::{NodeResult, Ran};
use crate::cli::{Ended, Invocation, Message, timestamp};
use crate::py::json;

/// An event on its way to the thread that called.
pub struct Told {
    info: EventInfo,
    data: Value,
    result: Option<NodeResult>,
}

impl Told {
    pub fn new(message: &Message<'_>, invocation: &Invocation) -> Self {
        let result = message.result.map(|ended| match ended {
            Ended::Node(result) => Ran::Node(result.clone()),
            Ended::Freshness(result) => Ran::Freshness(result.clone()),
        });
        let info = EventInfo {
            name: message.kind.name,
            code: message.kind.code,
            level: message.level.as_str(),
            msg: message.msg(),
            invocation_id: invocation.id.clone(),
            extra: invocation.extra.clone(),
            thread: message.thread.to_owned(),
            time: message.time,
        };
        Self { info, data: message.data(), result: result.map(NodeResult) }
    }
}

/// One thing that happened while a command ran: dbt's event of it.
#[pyclass(frozen, module = "headwater")]
pub struct Event {
    info: EventInfo,
    data: EventData,
    result: Option<NodeResult>,
}

impl Event {
    pub fn new(told: Told) -> Self {
        let Told { info, data, result } = told;
        let data = match data {
            Value::Object(data) => data,
            _ => Map::new(),
        };
        Self { info, data: EventData(data), result }
    }

    fn to_json(&self) -> Value {
        json!({"data": self.data.0, "info": self.info.to_json()})
    }
}

#[pymethods]
impl Event {
    /// What all events have: `name`, `code`, `level`, `msg`, `ts`, `thread` …
    #[getter]
    fn info(&self) -> EventInfo {
        self.info.clone()
    }

    /// The event's own fields, as attributes: `event.data.node_info.unique_id`.
    #[getter]
    fn data(&self) -> EventData {
        self.data.clone()
    }

    /// The result that the event tells of: `NodeFinished`, `LogModelResult` …
    #[getter]
    fn result(&self) -> Option<NodeResult> {
        self.result.clone()
    }

    /// `{"info": …, "data": …}`, as a line of the JSON log.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::to_python(py, &self.to_json())
    }

    /// The same as a line of JSON.
    #[pyo3(name = "to_json")]
    fn json_line(&self) -> String {
        self.to_json().to_string()
    }

    fn __repr__(&self) -> String {
        format!("<{} {}>", self.info.name, Value::Object(self.data.0.clone()))
    }

    fn __str__(&self) -> &str {
        &self.info.msg
    }
}

/// What all events have.
#[pyclass(frozen, module = "headwater")]
#[derive(Clone)]
pub struct EventInfo {
    /// dbt's name of the event: `NodeFinished`.
    #[pyo3(get)]
    name: &'static str,
    /// dbt's code of the event: `Q025`.
    #[pyo3(get)]
    code: &'static str,
    /// `debug`, `info`, `warn` or `error`.
    #[pyo3(get)]
    level: &'static str,
    /// What people read.
    #[pyo3(get)]
    msg: String,
    #[pyo3(get)]
    invocation_id: String,
    extra: Map<String, Value>,
    #[pyo3(get)]
    thread: String,
    time: DateTime<Utc>,
}

impl EventInfo {
    fn to_json(&self) -> Value {
        json!({
            "category": "", "code": self.code, "extra": self.extra, "invocation_id": self.invocation_id,
            "level": self.level, "msg": self.msg, "name": self.name, "pid": std::process::id(),
            "thread": self.thread, "ts": timestamp(self.time),
        })
    }
}

#[pymethods]
impl EventInfo {
    #[getter]
    fn ts(&self) -> Timestamp {
        Timestamp(self.time)
    }

    #[getter]
    fn pid(&self) -> u32 {
        std::process::id()
    }

    /// dbt leaves it empty.
    #[getter]
    fn category(&self) -> &'static str {
        ""
    }

    /// The variables `DBT_ENV_CUSTOM_ENV_…` of the environment, without the prefix.
    #[getter]
    fn extra<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::to_python(py, &Value::Object(self.extra.clone()))
    }

    fn __repr__(&self) -> String {
        self.to_json().to_string()
    }
}

/// A moment, with the methods of protobuf's that dbt's callbacks use.
#[pyclass(frozen, module = "headwater")]
#[derive(Clone)]
pub struct Timestamp(DateTime<Utc>);

#[pymethods]
impl Timestamp {
    /// Whole seconds since 1970.
    #[getter]
    fn seconds(&self) -> i64 {
        self.0.timestamp()
    }

    #[getter]
    fn nanos(&self) -> u32 {
        self.0.timestamp_subsec_nanos()
    }

    /// A `datetime` in UTC, without a zone unless one is given.
    #[pyo3(name = "ToDatetime", signature = (tzinfo=None))]
    fn to_datetime<'py>(&self, py: Python<'py>, tzinfo: Option<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let module = py.import("datetime")?;
        let class = module.getattr("datetime")?;
        let utc = module.getattr("timezone")?.getattr("utc")?;
        let seconds = self.0.timestamp_micros() as f64 / 1e6;
        let at = class.call_method1("fromtimestamp", (seconds, utc))?;
        match tzinfo {
            Some(zone) => at.call_method1("astimezone", (zone,)),
            None => {
                let without = PyDict::new(py);
                without.set_item("tzinfo", py.None())?;
                at.call_method("replace", (), Some(&without))
            }
        }
    }

    /// `2025-01-31T12:00:00.000000Z`
    #[pyo3(name = "ToJsonString")]
    fn to_json_string(&self) -> String {
        timestamp(self.0)
    }

    fn __str__(&self) -> String {
        timestamp(self.0)
    }

    fn __repr__(&self) -> String {
        format!("Timestamp({})", timestamp(self.0))
    }
}

/// Fields of an event by name, as attributes or as of a mapping.
#[pyclass(frozen, mapping, module = "headwater")]
#[derive(Clone)]
pub struct EventData(Map<String, Value>);

impl EventData {
    fn find<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.get(name).map(|value| field(py, value)).transpose()
    }
}

fn field<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Object(map) => Ok(Bound::new(py, EventData(map.clone()))?.into_any()),
        Value::Array(items) => {
            let items = items.iter().map(|item| field(py, item)).collect::<PyResult<Vec<_>>>()?;
            Ok(PyList::new(py, items)?.into_any())
        }
        single => json::to_python(py, single),
    }
}

#[pymethods]
impl EventData {
    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.find(py, name)?.ok_or_else(|| PyAttributeError::new_err(format!("the event has no field `{name}`")))
    }

    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.find(py, name)?.ok_or_else(|| PyKeyError::new_err(name.to_owned()))
    }

    fn __contains__(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.keys(py)?.into_any().try_iter()?.into_any())
    }

    fn __dir__(&self) -> Vec<String> {
        self.0.keys().cloned().chain(["get", "keys", "to_dict"].map(str::to_owned)).collect()
    }

    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.0.keys())
    }

    #[pyo3(signature = (name, default=None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.find(py, name)?.or(default))
    }

    /// Whether the event has the field, as of protobuf's messages.
    #[pyo3(name = "HasField")]
    fn has_field(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// All fields as a dict of plain values.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::to_python(py, &Value::Object(self.0.clone()))
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().0 == self.0)
            || self.to_dict(other.py()).and_then(|this| this.eq(other)).unwrap_or(false)
    }

    fn __repr__(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }
}
