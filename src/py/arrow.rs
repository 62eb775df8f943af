//! Arrow without the umbrella crate: streams in and out of Python by the C interface, and the rows of a
//! query as a table of Python.

mod table;
mod value;

use std::ffi::CStr;

use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

pub use table::Table;

/// The capsule's name that the Arrow PyCapsule interface prescribes.
const STREAM: &CStr = c"arrow_array_stream";

/// Takes the stream out of an object that has `__arrow_c_stream__`. The reader owns it: it must be dropped while
/// attached to Python, and `object` must live as long.
pub fn import(object: &Bound<'_, PyAny>) -> PyResult<RecordBatchStreamReader> {
    let capsule = object.call_method0("__arrow_c_stream__")?;
    let capsule = capsule.cast::<PyCapsule>()?;
    let stream = capsule.pointer_checked(Some(STREAM))?.cast::<FFI_ArrowArrayStream>();
    // SAFETY: a capsule of this name holds such a stream; `from_raw` moves it out and leaves a released one behind,
    // which the capsule's destructor recognises.
    unsafe { RecordBatchStreamReader::from_raw(stream.as_ptr()) }.map_err(|e| PyRuntimeError::new_err(e.to_string()))
}
