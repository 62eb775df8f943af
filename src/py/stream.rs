//! Where the console's text goes: the process's streams, Python's `sys.stdout` (a notebook's cell, pytest), or nowhere.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex};

use pyo3::prelude::*;

use crate::cli::Stream;

pub struct Output {
    pub stdout: Stream,
    pub stderr: Stream,
    pub is_terminal: bool,
}

impl Output {
    fn new(stdout: impl Write + Send + 'static, stderr: impl Write + Send + 'static, is_terminal: bool) -> Self {
        Self { stdout: Arc::new(Mutex::new(stdout)), stderr: Arc::new(Mutex::new(stderr)), is_terminal }
    }
}

/// The streams that the process was started with.
pub fn process() -> Output {
    Output::new(io::stdout(), io::stderr(), io::stdout().is_terminal())
}

/// For calls whose caller reads the result.
pub fn silent() -> Output {
    Output::new(io::sink(), io::sink(), false)
}

/// Whatever `sys.stdout` and `sys.stderr` are at this moment.
pub fn python(py: Python<'_>) -> PyResult<Output> {
    let sys = py.import("sys")?;
    let stream = |name: &str| -> PyResult<PythonStream> { Ok(PythonStream(sys.getattr(name)?.unbind())) };
    Ok(Output::new(stream("stdout")?, stream("stderr")?, false))
}

/// A text stream of Python. It is None where the process has no console.
struct PythonStream(Py<PyAny>);

impl PythonStream {
    fn call(&self, method: &str, text: Option<&str>) -> io::Result<()> {
        Python::attach(|py| {
            let stream = self.0.bind(py);
            if stream.is_none() {
                return Ok(());
            }
            let done = match text {
                Some(text) => stream.call_method1(method, (text,)),
                None => stream.call_method0(method),
            };
            done.map(drop).map_err(|e| io::Error::other(e.to_string()))
        })
    }
}

impl Write for PythonStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.call("write", Some(&String::from_utf8_lossy(bytes)))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.call("flush", None)
    }
}
