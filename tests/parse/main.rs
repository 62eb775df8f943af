//! Parsing small projects: what the manifest holds, and what the errors say.

// In tests, a panic is how a failure is told.
#![allow(clippy::unwrap_used, clippy::panic)]

mod artifacts;
mod configs;
mod deprecations;
mod errors;
mod generic_tests;
mod microbatch;
mod model_semantics;
mod project;
mod resources;
mod semantic;
mod uncalled;
