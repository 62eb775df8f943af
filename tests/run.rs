//! What running small projects sends to a database, and what it says when something goes wrong. The database is scripted.

#![allow(clippy::expect_used, clippy::panic)]

#[path = "run/project.rs"]
mod project;

#[path = "run/errors.rs"]
mod errors;
#[path = "run/jinja.rs"]
mod jinja;
#[path = "run/journal.rs"]
mod journal;
#[path = "run/microbatch.rs"]
mod microbatch;
#[path = "run/nodes.rs"]
mod nodes;
