//! Headwater runs dbt projects. A tour of the house, floor by floor; a room uses only rooms on lower floors
//! (`tests/architecture.rs` checks it; docs/architecture.md says why).
//!
//! | floor | room | owns |
//! |---|---|---|
//! | 1 | [`diag`] | what went wrong, as a value |
//! | 2 | [`yaml`], [`sql`], [`jinja`] | the three languages of a project |
//! | 2 | [`store`] | values as bytes, kept between invocations |
//! | 3 | [`project`], [`adapter`] | files and settings; databases |
//! | 4 | [`manifest`] | the parsed project |
//! | 5 | [`graph`], [`compile`] | the DAG; run-time Jinja |
//! | 6 | [`select`] | which nodes |
//! | 7 | [`plan`] | in which order, and what blocks what |
//! | 8 | [`execute`] | running the plan |
//! | 9 | [`artifacts`] | the JSON files |
//! | 10 | [`engine`] | one function per command |
//! | 11 | [`cli`] | the command line |
//! | 12 | `py` | the Python face (feature `python`) |

/// Headwater's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

pub mod adapter;
pub mod artifacts;
pub mod cli;
pub mod compile;
pub mod diag;
pub mod engine;
pub mod execute;
pub mod graph;
pub mod jinja;
pub mod manifest;
pub mod plan;
pub mod project;
#[cfg(feature = "python")]
mod py;
pub mod select;
pub mod sql;
pub mod store;
pub mod yaml;
