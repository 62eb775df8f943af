//! Parsing small projects: what the manifest holds, and what the errors say.

mod artifacts;
mod configs;
mod errors;
mod generic_tests;
mod project;
mod resources;
