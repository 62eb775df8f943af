//! The rows of a query, for Python.

use std::sync::Arc;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyList, PyTuple};

use super::STREAM;
use super::value::Value;

/// Rows shown by `repr`.
const PREVIEW: usize = 20;

/// The result of `Project.query`: Arrow batches, which polars, DuckDB, pyarrow and pandas read without copies through
/// `__arrow_c_stream__`. It can be read as often as wanted.
#[pyclass(frozen, module = "headwater")]
pub struct Table {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

impl Table {
    pub fn new(batches: Vec<RecordBatch>) -> Self {
        let schema = batches.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
        Self { schema, batches }
    }

    fn names(&self) -> Vec<&str> {
        self.schema.fields().iter().map(|field| field.name().as_str()).collect()
    }

    fn values<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Vec<Vec<Bound<'py, PyAny>>>> {
        let places = self.batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
        places
            .take(limit)
            .map(|(batch, row)| batch.columns().iter().map(|column| Value::read(column, row).into_python(py)).collect())
            .collect()
    }

    fn preview(&self, py: Python<'_>) -> PyResult<Vec<Vec<String>>> {
        let text = |value: &Bound<'_, PyAny>| {
            if value.is_none() { Ok("NULL".to_owned()) } else { Ok(value.str()?.to_string()) }
        };
        self.values(py, PREVIEW)?.iter().map(|row| row.iter().map(text).collect()).collect()
    }

    fn caption(&self) -> String {
        let rows = self.__len__();
        let more = if rows > PREVIEW { format!(", the first {PREVIEW} shown") } else { String::new() };
        format!("{rows} row{}{more}", if rows == 1 { "" } else { "s" })
    }
}

#[pymethods]
impl Table {
    /// Names of the columns.
    #[getter]
    fn columns(&self) -> Vec<String> {
        self.names().into_iter().map(str::to_owned).collect()
    }

    /// The same, under the name that dbt's tables have for it.
    #[getter]
    fn column_names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.names())
    }

    /// All rows, whose values are found by position and by name, as in dbt's tables.
    #[getter]
    fn rows<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let class = py.import("headwater.record")?.getattr("Row")?;
        let names = self.column_names(py)?;
        let rows = self.values(py, usize::MAX)?.into_iter().map(|row| class.call1((&names, row)));
        PyList::new(py, rows.collect::<PyResult<Vec<_>>>()?)
    }

    /// All rows as tuples of Python objects.
    fn fetchall<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let rows = self.values(py, usize::MAX)?;
        PyList::new(py, rows.into_iter().map(|row| PyTuple::new(py, row)).collect::<PyResult<Vec<_>>>()?)
    }

    /// All rows as dicts by column name.
    fn to_dicts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let names = self.names();
        let dicts = self.values(py, usize::MAX)?.into_iter().map(|row| {
            let dict = PyDict::new(py);
            names.iter().zip(row).try_for_each(|(name, value)| dict.set_item(name, value))?;
            Ok(dict)
        });
        PyList::new(py, dicts.collect::<PyResult<Vec<_>>>()?)
    }

    /// A polars frame, over the same memory. Needs polars.
    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("polars")?.getattr("DataFrame")?.call1((slf,))
    }

    /// A pandas frame. Needs pandas, not pyarrow.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("headwater.frames")?.getattr("to_pandas")?.call1((slf,))
    }

    /// One column as a list of Python objects, by its position.
    fn column<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyList>> {
        if index >= self.schema.fields().len() {
            return Err(pyo3::exceptions::PyIndexError::new_err(format!("there is no column {index}")));
        }
        let values = self.batches.iter().flat_map(|batch| {
            let column = batch.column(index);
            (0..column.len()).map(move |row| Value::read(column, row).into_python(py))
        });
        PyList::new(py, values.collect::<PyResult<Vec<_>>>()?)
    }

    /// The Arrow PyCapsule interface. A requested schema is not honoured: the consumer casts.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let batches = self.batches.clone().into_iter().map(Ok::<_, ArrowError>);
        let reader = RecordBatchIterator::new(batches, self.schema.clone());
        PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(reader)), STREAM)
    }

    fn __len__(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut lines = vec![self.columns()];
        lines.extend(self.preview(py)?);
        let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.schema.fields().len()).map(width).collect();
        let mut text = String::new();
        for line in &lines {
            let padded: Vec<String> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            text.push_str(padded.join("  ").trim_end());
            text.push('\n');
        }
        Ok(text + "(" + &self.caption() + ")")
    }

    fn _repr_html_(&self, py: Python<'_>) -> PyResult<String> {
        let cells = |tag: &str, line: &[String]| -> String {
            line.iter().map(|cell| format!("<{tag}>{}</{tag}>", super::super::results::escape(cell))).collect()
        };
        let head = cells("th", &self.columns());
        let body: String = self.preview(py)?.iter().map(|row| format!("<tr>{}</tr>", cells("td", row))).collect();
        let caption = self.caption();
        Ok(format!("<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{caption}</p>"))
    }
}
