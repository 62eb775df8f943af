//! The types that everything is made of.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;
use rayon::prelude::*;
use serde_json::{Map, Number, Value};

use super::{Reader, Stored, Writer};
use crate::diag::{Code, Deprecation, Diagnostic, Event, Label, Severity, SourceFile, Span};

/// Maps of more entries are read by several threads.
const LARGE: usize = 512;

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Stored for $type {
            fn store(&self, out: &mut Writer) {
                out.number(*self as u64);
            }
            fn load(from: &mut Reader<'_>) -> Option<Self> {
                Self::try_from(from.number()?).ok()
            }
        }
    )*};
}

numbers!(u8, u16, u32, u64, usize);

impl Stored for i64 {
    fn store(&self, out: &mut Writer) {
        out.raw(&self.to_le_bytes());
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self::from_le_bytes(from.raw(8)?.try_into().ok()?))
    }
}

impl Stored for f64 {
    fn store(&self, out: &mut Writer) {
        out.raw(&self.to_bits().to_le_bytes());
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self::from_bits(u64::from_le_bytes(from.raw(8)?.try_into().ok()?)))
    }
}

impl Stored for () {
    fn store(&self, _: &mut Writer) {}
    fn load(_: &mut Reader<'_>) -> Option<Self> {
        Some(())
    }
}

impl Stored for bool {
    fn store(&self, out: &mut Writer) {
        out.byte(u8::from(*self));
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        match from.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Stored for String {
    fn store(&self, out: &mut Writer) {
        out.text(self);
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        from.text().map(str::to_owned)
    }
}

impl Stored for Arc<str> {
    fn store(&self, out: &mut Writer) {
        out.shared_text(self);
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        from.shared_text()
    }
}

/// The words that the program itself puts into fields: languages, formats, kinds of checksums, names of events.
const WORDS: &[&str] = &[
    "",
    "sql",
    "python",
    "sha256",
    "path",
    "none",
    "dict",
    "csv",
    "JinjaLogInfo",
    "JinjaLogDebug",
    "JinjaLogWarning",
    "PrintEvent",
];

impl Stored for &'static str {
    fn store(&self, out: &mut Writer) {
        match WORDS.iter().position(|word| word == self) {
            Some(at) => out.number(at as u64),
            None => out.refuse("a word is not in the list of words"),
        }
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        WORDS.get(usize::try_from(from.number()?).ok()?).copied()
    }
}

impl Stored for PathBuf {
    fn store(&self, out: &mut Writer) {
        match self.to_str() {
            Some(text) => out.text(text),
            None => out.refuse("a path is not UTF-8"),
        }
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        from.text().map(Self::from)
    }
}

impl Stored for Code {
    fn store(&self, out: &mut Writer) {
        out.text(self.as_str());
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        let name = from.text()?;
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

impl Stored for Span {
    fn store(&self, out: &mut Writer) {
        out.file(&self.file);
        self.range.store(out);
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        let file = from.file()?;
        let range = Range::<u32>::load(from)?;
        Some(Self { file, range })
    }
}

impl Stored for Deprecation {
    fn store(&self, out: &mut Writer) {
        out.text(self.event());
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        let event = from.text()?;
        Self::ALL.iter().copied().find(|kind| kind.event() == event)
    }
}

impl Stored for Severity {
    fn store(&self, out: &mut Writer) {
        (*self == Self::Error).store(out);
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        Some(if bool::load(from)? { Self::Error } else { Self::Warning })
    }
}

impl Stored for Label {
    fn store(&self, out: &mut Writer) {
        let Self { span, text, snippet } = self;
        span.store(out);
        text.store(out);
        snippet.store(out);
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self { span: Span::load(from)?, text: String::load(from)?, snippet: bool::load(from)? })
    }
}

impl Stored for Diagnostic {
    fn store(&self, out: &mut Writer) {
        let Self { severity, code, deprecation, is_advice, message, primary, places, notes, helps, node, event } = self;
        severity.store(out);
        code.store(out);
        deprecation.store(out);
        is_advice.store(out);
        message.store(out);
        primary.store(out);
        places.store(out);
        notes.store(out);
        helps.store(out);
        node.store(out);
        event.is_some().store(out);
        if let Some(event) = event {
            event.name.store(out);
            event.data.store(out);
        }
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            severity: Severity::load(from)?,
            code: Code::load(from)?,
            deprecation: Option::load(from)?,
            is_advice: bool::load(from)?,
            message: String::load(from)?,
            primary: Option::load(from)?,
            places: Vec::load(from)?,
            notes: Vec::load(from)?,
            helps: Vec::load(from)?,
            node: Option::load(from)?,
            event: match bool::load(from)? {
                true => Some(Box::new(Event { name: String::load(from)?, data: Map::load(from)? })),
                false => None,
            },
        })
    }
}

impl<T: Stored> Stored for Range<T> {
    fn store(&self, out: &mut Writer) {
        self.start.store(out);
        self.end.store(out);
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        Some(T::load(from)?..T::load(from)?)
    }
}

impl<T: Stored> Stored for Option<T> {
    fn store(&self, out: &mut Writer) {
        self.is_some().store(out);
        if let Some(value) = self {
            value.store(out);
        }
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        match bool::load(from)? {
            true => T::load(from).map(Some),
            false => Some(None),
        }
    }
}

impl<T: Stored> Stored for Vec<T> {
    fn store(&self, out: &mut Writer) {
        out.number(self.len() as u64);
        self.iter().for_each(|item| item.store(out));
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        (0..from.count()?).map(|_| T::load(from)).collect()
    }
}

impl<A: Stored, B: Stored> Stored for (A, B) {
    fn store(&self, out: &mut Writer) {
        self.0.store(out);
        self.1.store(out);
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        Some((A::load(from)?, B::load(from)?))
    }
}

impl<T: Stored> Stored for Box<T> {
    fn store(&self, out: &mut Writer) {
        (**self).store(out);
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        T::load(from).map(Self::new)
    }
}

impl Stored for Arc<SourceFile> {
    fn store(&self, out: &mut Writer) {
        out.file(self);
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        from.file()
    }
}

impl<T: Stored> Stored for Arc<T> {
    fn store(&self, out: &mut Writer) {
        (**self).store(out);
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        T::load(from).map(Self::new)
    }
}

impl<K: Stored + Eq + Hash, V: Stored> Stored for HashMap<K, V> {
    fn store(&self, out: &mut Writer) {
        out.number(self.len() as u64);
        for (key, value) in self {
            key.store(out);
            value.store(out);
        }
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        (0..from.count()?).map(|_| Some((K::load(from)?, V::load(from)?))).collect()
    }
}

impl<K: Stored + Eq + Hash + Send, V: Stored + Send> Stored for IndexMap<K, V> {
    fn store(&self, out: &mut Writer) {
        out.number(self.len() as u64);
        for (key, value) in self {
            let at = out.position();
            out.raw(&[0; 4]);
            key.store(out);
            value.store(out);
            out.close(at);
        }
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        let count = from.count()?;
        let parts = (0..count).map(|_| from.part()).collect::<Option<Vec<_>>>()?;
        let entry = |mut part: Reader<'_>| {
            let entry = (K::load(&mut part)?, V::load(&mut part)?);
            part.is_at_end().then_some(entry)
        };
        if count < LARGE {
            return parts.into_iter().map(entry).collect();
        }
        let entries: Vec<(K, V)> = parts.into_par_iter().with_min_len(64).map(entry).collect::<Option<_>>()?;
        Some(entries.into_iter().collect())
    }
}

impl Stored for Map<String, Value> {
    fn store(&self, out: &mut Writer) {
        out.number(self.len() as u64);
        for (key, value) in self {
            out.text(key);
            value.store(out);
        }
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        let count = from.count()?;
        let mut map = Self::with_capacity(count);
        for _ in 0..count {
            map.insert(from.text()?.to_owned(), Value::load(from)?);
        }
        Some(map)
    }
}

impl Stored for Value {
    fn store(&self, out: &mut Writer) {
        match self {
            Self::Null => out.byte(0),
            Self::Bool(false) => out.byte(1),
            Self::Bool(true) => out.byte(2),
            Self::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), ..) => {
                    out.byte(3);
                    number.store(out);
                }
                (_, Some(number), _) => {
                    out.byte(4);
                    number.store(out);
                }
                (.., Some(number)) => {
                    out.byte(5);
                    number.store(out);
                }
                _ => out.refuse("a number is none of this machine"),
            },
            Self::String(text) => {
                out.byte(6);
                text.store(out);
            }
            Self::Array(items) => {
                out.byte(7);
                items.store(out);
            }
            Self::Object(map) => {
                out.byte(8);
                map.store(out);
            }
        }
    }
    fn load(from: &mut Reader<'_>) -> Option<Self> {
        Some(match from.byte()? {
            0 => Self::Null,
            1 => Self::Bool(false),
            2 => Self::Bool(true),
            3 => Self::Number(u64::load(from)?.into()),
            4 => Self::Number(i64::load(from)?.into()),
            5 => Self::Number(Number::from_f64(f64::load(from)?)?),
            6 => Self::String(String::load(from)?),
            7 => Self::Array(Vec::load(from)?),
            8 => Self::Object(Map::load(from)?),
            _ => return None,
        })
    }
}
