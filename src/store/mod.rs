//! Floor 2. Values as bytes, for what one invocation leaves to the next: a compact binary form that only the very same
//! build reads back.
//!
//! `#[derive(Stored!)]` (with `macro_rules_attribute::derive`) covers structs with named fields, and enums whose
//! variants have no field, one unnamed field or named fields; a new field is stored without further ado. Texts behind
//! an `Arc<str>` and files behind a span are written once, in [`Tables`].

mod bytes;
mod derive;
mod file;
mod types;

pub use bytes::{Reader, Tables, Writer};
pub(crate) use derive::Stored;
pub use file::{Sections, read, write};

/// Can be written and read back by the same build.
pub trait Stored: Sized {
    fn store(&self, out: &mut Writer);

    /// None: the bytes are not what [`Stored::store`] has written.
    fn load(from: &mut Reader<'_>) -> Option<Self>;
}

/// A value as bytes of its own: for sections that are read without the rest.
pub fn to_bytes(value: &impl Stored, out: &mut Writer) -> Vec<u8> {
    value.store(out);
    out.take()
}

/// The value of bytes that hold nothing else.
pub fn from_bytes<T: Stored>(bytes: &[u8], tables: &Tables) -> Option<T> {
    let mut reader = Reader::new(bytes, tables);
    let value = T::load(&mut reader)?;
    reader.is_at_end().then_some(value)
}

#[cfg(test)]
mod tests;
