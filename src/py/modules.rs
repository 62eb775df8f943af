//! Python's own modules for templates: `modules.datetime`, `modules.pytz`, `modules.re`, `modules.itertools`, and dates such
//! as `run_started_at`.
//!
//! A value that Jinja knows (text, number, list, dict) crosses over by value; everything else stays an object of Python
//! behind a [`Proxy`]. The GIL is taken only while a template touches one.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::jinja::value::{DynObject, Enumerator, Kwargs, Object, ObjectRepr, ValueKind};
use crate::jinja::{Error, ErrorKind, Modules, State, Value, pyvalue};

/// The modules of the interpreter that Headwater runs in.
#[derive(Debug, Default)]
pub struct PythonModules;

impl Modules for PythonModules {
    fn module(&self, name: &str) -> Option<Value> {
        Python::attach(|py| {
            let module = match name {
                // Not a dependency of ours; the standard library can do what projects ask of it.
                "pytz" => py.import("pytz").or_else(|_| py.import("headwater.timezones")).ok()?,
                "datetime" | "re" | "itertools" => py.import(name).ok()?,
                _ => return None,
            };
            Some(Proxy::wrap(module.into_any()))
        })
    }

    fn datetime(&self, utc: DateTime<Utc>) -> Value {
        let text = utc.format("%Y-%m-%d %H:%M:%S%.6f+00:00").to_string();
        Python::attach(|py| {
            let class = py.import("datetime").and_then(|module| module.getattr("datetime"));
            let value = class.and_then(|class| class.call_method1("fromisoformat", (text.as_str(),)));
            value.map_or_else(|_| Value::from(text.as_str()), Proxy::wrap)
        })
    }
}

/// An object of Python inside a template.
struct Proxy {
    object: Py<PyAny>,
    /// Lists of its items can be made: it is an iterator, a range, a set …
    iterable: bool,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text("repr"))
    }
}

impl Proxy {
    fn wrap(object: Bound<'_, PyAny>) -> Value {
        let iterable = object.hasattr("__iter__").unwrap_or(false) && !object.is_callable();
        Value::from_object(Self { object: object.unbind(), iterable })
    }

    /// `str(object)` or `repr(object)`.
    fn text(&self, how: &str) -> String {
        Python::attach(|py| {
            let object = self.object.bind(py);
            let text = if how == "repr" { object.repr() } else { object.str() };
            text.map(|text| text.to_string()).unwrap_or_default()
        })
    }
}

impl Object for Proxy {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if self.iterable { ObjectRepr::Iterable } else { ObjectRepr::Plain }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Python::attach(|py| {
            let object = self.object.bind(py);
            let attribute = key.as_str().and_then(|name| object.getattr(name).ok());
            let item = attribute.or_else(|| object.get_item(to_python(py, key).ok()?).ok());
            item.map(|value| from_python(&value))
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        if !self.iterable {
            return Enumerator::NonEnumerable;
        }
        let items = Python::attach(|py| -> PyResult<Vec<Value>> {
            self.object.bind(py).try_iter()?.map(|item| Ok(from_python(&item?))).collect()
        });
        Enumerator::Values(items.unwrap_or_default())
    }

    fn is_true(self: &Arc<Self>) -> bool {
        Python::attach(|py| self.object.bind(py).is_truthy().unwrap_or(true))
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        Python::attach(|py| Ok(from_python(&call(self.object.bind(py), args)?)))
    }

    /// Operators come as `__add__`, `__sub__` … An answer of `NotImplemented` means that the other side is asked.
    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        Python::attach(|py| {
            let unknown = || Error::from(ErrorKind::UnknownMethod);
            let method = self.object.bind(py).getattr(method).map_err(|_| unknown())?;
            let answer = call(&method, args)?;
            if answer.is(py.NotImplemented()) { Err(unknown()) } else { Ok(from_python(&answer)) }
        })
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        Python::attach(|py| self.object.bind(py).compare(other.object.bind(py)).ok())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text("str"))
    }
}

fn call<'py>(function: &Bound<'py, PyAny>, args: &[Value]) -> Result<Bound<'py, PyAny>, Error> {
    let py = function.py();
    let (named, positional) = match args.split_last() {
        Some((last, rest)) if last.is_kwargs() => (Some(last), rest),
        _ => (None, args),
    };
    let called = || -> PyResult<_> {
        let positional = positional.iter().map(|value| to_python(py, value)).collect::<PyResult<Vec<_>>>()?;
        let keywords = PyDict::new(py);
        if let Some(kwargs) = named.cloned().and_then(|named| Kwargs::try_from(named).ok()) {
            for name in kwargs.args() {
                let value: Value = kwargs.peek(name).unwrap_or_default();
                keywords.set_item(name, to_python(py, &value)?)?;
            }
        }
        function.call(PyTuple::new(py, positional)?, Some(&keywords))
    };
    called().map_err(|failure| Error::new(ErrorKind::InvalidOperation, failure.to_string()))
}

fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    if let Some(proxy) = value.downcast_object_ref::<Proxy>() {
        return Ok(proxy.object.bind(py).clone());
    }
    let failed = |e: Error| pyo3::exceptions::PyTypeError::new_err(e.to_string());
    let items = || -> PyResult<Vec<Bound<'py, PyAny>>> {
        value.try_iter().map_err(failed)?.map(|item| to_python(py, &item)).collect()
    };
    Ok(match value.kind() {
        ValueKind::Undefined | ValueKind::None => py.None().into_bound(py),
        ValueKind::Bool => value.is_true().into_pyobject(py)?.to_owned().into_any(),
        ValueKind::Number => match value.as_i64() {
            Some(int) if value.is_integer() => int.into_pyobject(py)?.into_any(),
            _ => f64::try_from(value.clone()).map_err(failed)?.into_pyobject(py)?.into_any(),
        },
        ValueKind::Map => {
            let dict = PyDict::new(py);
            for key in value.try_iter().map_err(failed)? {
                let item = value.get_item(&key).map_err(failed)?;
                dict.set_item(to_python(py, &key)?, to_python(py, &item)?)?;
            }
            dict.into_any()
        }
        ValueKind::Seq | ValueKind::Iterable if value.is_tuple() => PyTuple::new(py, items()?)?.into_any(),
        ValueKind::Seq | ValueKind::Iterable => PyList::new(py, items()?)?.into_any(),
        _ => value.to_string().into_pyobject(py)?.into_any(),
    })
}

fn from_python(object: &Bound<'_, PyAny>) -> Value {
    let known = || -> Option<Value> {
        if object.is_none() {
            return Some(Value::from(()));
        }
        if object.is_exact_instance_of::<PyBool>() {
            return object.extract::<bool>().ok().map(Value::from);
        }
        if object.is_exact_instance_of::<PyInt>() {
            return object.extract::<i64>().ok().map(Value::from);
        }
        if object.is_exact_instance_of::<PyFloat>() {
            return object.extract::<f64>().ok().map(Value::from);
        }
        if object.is_exact_instance_of::<PyString>() {
            return object.extract::<String>().ok().map(Value::from);
        }
        if let Ok(list) = object.cast_exact::<PyList>() {
            return Some(pyvalue::list(list.iter().map(|item| from_python(&item)).collect()));
        }
        if let Ok(tuple) = object.cast_exact::<PyTuple>() {
            return Some(pyvalue::tuple(tuple.iter().map(|item| from_python(&item)).collect()));
        }
        let dict = object.cast_exact::<PyDict>().ok()?;
        Some(pyvalue::dict(dict.iter().map(|(key, value)| (from_python(&key), from_python(&value)))))
    };
    known().unwrap_or_else(|| Proxy::wrap(object.clone()))
}
