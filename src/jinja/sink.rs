//! The pieces of a render whose output is not simply text.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, State, Value};

use super::error::fail;
use super::pyvalue::lock;

/// The name under which a running template finds its sink.
pub(super) const SINK: &str = "\0sink";

/// One thing that a template emitted.
#[derive(Clone)]
pub(super) struct Piece {
    pub value: Value,
    /// The bytes of the file that emitted it.
    pub place: Range<usize>,
    /// Whether it is the file's own text, byte for byte.
    pub raw: bool,
}

#[derive(Default)]
pub(super) struct Sink(Mutex<Vec<Piece>>);

impl Sink {
    pub fn take(&self) -> Vec<Piece> {
        std::mem::take(&mut *lock(&self.0))
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<sink>")
    }
}

impl Object for Sink {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// Hands a piece to the sink of the running render; emits no text.
fn push(state: &State<'_, '_>, piece: Piece) -> Result<Value, Error> {
    let sink = state.lookup(SINK).and_then(|sink| sink.downcast_object::<Sink>());
    let sink = sink.ok_or_else(|| fail("no sink for the pieces of this template"))?;
    lock(&sink.0).push(piece);
    Ok(Value::from(""))
}

/// `piece(value, start, end)`
pub(super) fn piece(state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let offset = |index: usize| args.get(index).and_then(Value::as_usize).unwrap_or_default();
    let value = args.first().cloned().unwrap_or_default();
    push(state, Piece { value, place: offset(1)..offset(2), raw: false })
}

/// `raw_piece(text, start)`
pub(super) fn raw_piece(state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let start = args.get(1).and_then(Value::as_usize).unwrap_or_default();
    let value = args.first().cloned().unwrap_or_default();
    let end = start + value.as_str().map_or(0, str::len);
    push(state, Piece { value, place: start..end, raw: true })
}
