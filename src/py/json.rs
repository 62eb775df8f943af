//! JSON values as objects of Python.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use serde_json::Value;

pub fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    build(py, value, None)
}

/// The same, with every object as a `headwater.record.Record`, whose keys are attributes.
pub fn to_record<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    let class = py.import(intern!(py, "headwater.record"))?.getattr(intern!(py, "Record"))?;
    build(py, value, Some(&class))
}

/// `class` is what objects become, if not plain dicts.
fn build<'py>(py: Python<'py>, value: &Value, class: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => int.into_pyobject(py)?.into_any(),
            (None, Some(int)) => int.into_pyobject(py)?.into_any(),
            (None, None) => number.as_f64().into_pyobject(py)?.into_any(),
        },
        Value::String(text) => text.into_pyobject(py)?.into_any(),
        Value::Array(items) => {
            PyList::new(py, items.iter().map(|item| build(py, item, class)).collect::<PyResult<Vec<_>>>()?)?.into_any()
        }
        Value::Object(entries) => {
            let dict = match class {
                Some(class) => class.call0()?.cast_into::<PyDict>()?,
                None => PyDict::new(py),
            };
            for (key, value) in entries {
                dict.set_item(key, build(py, value, class)?)?;
            }
            dict.into_any()
        }
    })
}
