//! Floor 5. Jinja at run time: the names that need the manifest and the database ([`nouns`]), and from a node to the SQL
//! that is sent ([`Compiled`]).
//!
//! A [`Runtime`] is shared by all workers of an invocation; a [`Scope`] is one node being compiled and run. Shared names
//! find their scope through the render's context, so that setting up a node costs a handful of values.

mod adapter;
mod audit;
mod batch;
mod catalog;
mod config;
mod contract;
mod database_error;
mod indexes;
mod lazy;
mod materialization;
mod nouns;
pub mod objects;
mod partitions;
mod query_comment;
mod refs;
mod refusal;
pub mod results;
mod runtime;
mod scope;
mod sql;
mod subquery;
mod table_options;
mod unit_test;
mod writer;

pub use audit::Auditor;
pub use batch::Batch;
pub use database_error::Failure;
pub use lazy::resource as resource_value;
pub use objects::relation::Naming;
pub use objects::table::{TableObject, cell_value, text_table};
pub use runtime::{Deferred, Options, Parts, Runtime};
pub use scope::{Scope, Subject};
pub use sql::Compiled;
pub use unit_test::UnitScope;
