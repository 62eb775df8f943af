//! `adapter.refuse` and `adapter.attempt`: for macros that find out by themselves that something cannot be done.

use std::sync::Arc;

use super::adapter::{database, session};
use super::objects::{bad_argument, given};
use super::scope::Scope;
use crate::adapter::DbErrorKind;
use crate::diag::{Code, Diagnostic};
use crate::jinja::{self, Args, Error, Value};

/// `refuse(code, message, notes=[], help=none)`: ends the node with an error like those of the engine.
pub(super) fn refuse(a: &mut Args<'_>) -> Result<Value, Error> {
    let (code, message) = (a.string("code")?, a.string("message")?);
    let known = Code::ALL.iter().find(|known| known.as_str() == code);
    let known = *known.ok_or_else(|| bad_argument(format!("refuse() takes a code of docs/errors.md, not `{code}`")))?;
    let mut diagnostic = Diagnostic::error(known, message);
    if let Some(notes) = given(a.optional("notes")?) {
        for note in notes.try_iter()? {
            diagnostic = diagnostic.note(note.to_string());
        }
    }
    if let Some(help) = a.optional_string("help")? {
        diagnostic = diagnostic.help(help);
    }
    a.finish()?;
    Err(jinja::raise(diagnostic))
}

/// `attempt(sql, codes=[])`: runs a statement that rows may stand in the way of. None, or what the database said when a key,
/// a null or a check forbade it, or when it gave one of the codes; every other error ends the node.
pub(super) fn attempt(scope: &Arc<Scope>, a: &mut Args<'_>) -> Result<Value, Error> {
    let sql = a.string("sql")?;
    let codes = match given(a.optional("codes")?) {
        Some(codes) => codes.try_iter()?.filter_map(|code| code.as_usize()).collect(),
        None => Vec::new(),
    };
    if scope.is_replay() {
        return Ok(Value::from(()));
    }
    match session(scope)?.execute(&sql, false, false) {
        Ok(_) => Ok(Value::from(())),
        Err(error) if error.kind == DbErrorKind::Constraint || codes.contains(&(error.code as usize)) => {
            Ok(Value::from(error.message))
        }
        Err(error) => Err(database(error)),
    }
}
