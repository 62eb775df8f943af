//! Floor 2. dbt's Jinja on the stock `minijinja` virtual machine. No dbt nouns: `ref`, `config` and the like are host
//! functions and objects that higher floors put into a [`Context`].
//!
//! | file | owns |
//! |---|---|
//! | `scan` | finding block tags; same-length edits that turn dbt's tags into stock ones |
//! | `lower` | the parsed tree rewritten into a tree with Python semantics |
//! | `machinery` | the one place that touches minijinja's internals, and the one lifetime extension |
//! | `macros`, `library` | compiled macros, how arguments are bound, in which order names are found |
//! | `context`, `engine` | one render |
//! | `observe` | what renders have looked at |
//! | `pyvalue`, `ops`, `filters`, `prose`, `turns`, `methods` | Python's values and what can be done with them |
//! | `error`, `syntax`, `linemap` | what went wrong, and where |

mod args;
mod calls;
mod context;
mod engine;
mod error;
mod filters;
mod library;
pub mod linemap;
mod lower;
mod machinery;
mod macros;
mod methods;
mod modules;
mod names;
mod native;
mod observe;
mod ops;
mod prose;
pub mod pyvalue;
mod scan;
mod sink;
mod syntax;
mod template;
mod turns;
mod walk;
mod written;

#[cfg(test)]
mod tests;

pub use args::{Args, function};
pub use calls::MacroCall;
pub use context::{Context, context};
pub use engine::{Engine, Mode};
pub use error::{RenderError, fail, raise, raise_about, source_of};
pub use library::{Library, Namespace};
pub use macros::{MacroDef, compile_macros};
pub use minijinja::value;
pub use minijinja::{Error, ErrorKind, State, Value};
pub use modules::Modules;
pub use observe::{Observation, Observer, observer, watched};
pub use scan::{Block, BlockKind, blocks, stray_tags};
pub use template::Template;
