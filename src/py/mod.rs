//! Floor 12. The Python face: the module `headwater._core`. Exports only; each export's room says the rest.

mod arrow;
mod door;
mod duckdb;
mod errors;
mod json;
mod manifest;
mod modules;
mod results;
mod session;
mod stream;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    #[pymodule_export]
    use super::arrow::Table;
    #[pymodule_export]
    use super::manifest::ParsedProject;
    #[pymodule_export]
    use super::results::{Event, EventData, EventInfo, NodeResult, RunResults, Timestamp};
    #[pymodule_export]
    use super::session::Session;

    /// The version of the distribution.
    #[pymodule_export]
    #[expect(non_upper_case_globals)]
    const __version__: &str = crate::VERSION;
}
