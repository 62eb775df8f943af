//! The bytes themselves, and the tables of what many values share.

use std::collections::HashMap;
use std::sync::Arc;

use crate::diag::SourceFile;

/// Texts and files that stored values point to by number.
#[derive(Debug, Default)]
pub struct Tables {
    pub texts: Vec<Arc<str>>,
    pub files: Vec<Arc<SourceFile>>,
}

/// Takes values.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    texts: HashMap<Arc<str>, u64>,
    /// The pointers are only compared; what they point to is kept by `tables`.
    files: HashMap<*const SourceFile, u64>,
    tables: Tables,
    refused: Option<&'static str>,
}

impl Writer {
    /// One that begins with these tables, so that what points into them keeps its numbers.
    pub fn with(tables: &Tables) -> Self {
        let mut out = Self::default();
        tables.texts.iter().for_each(|text| out.shared_text(text));
        tables.files.iter().for_each(|file| out.file(file));
        out.bytes.clear();
        out
    }

    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Seven bits a byte, the last one below 128.
    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.raw(text.as_bytes());
    }

    pub fn shared_text(&mut self, text: &Arc<str>) {
        let number = match self.texts.get(text) {
            Some(number) => *number,
            None => {
                let number = self.tables.texts.len() as u64;
                self.tables.texts.push(text.clone());
                self.texts.insert(text.clone(), number);
                number
            }
        };
        self.number(number);
    }

    pub fn file(&mut self, file: &Arc<SourceFile>) {
        if file.has_secrets() {
            self.refuse("a file with secrets is never stored");
        }
        let number = match self.files.get(&Arc::as_ptr(file)) {
            Some(number) => *number,
            None => {
                let number = self.tables.files.len() as u64;
                self.tables.files.push(file.clone());
                self.files.insert(Arc::as_ptr(file), number);
                number
            }
        };
        self.number(number);
    }

    /// Something cannot be stored: what has been written must not be used.
    pub fn refuse(&mut self, why: &'static str) {
        self.refused.get_or_insert(why);
    }

    pub fn refused(&self) -> Option<&'static str> {
        self.refused
    }

    /// How many bytes there are so far.
    pub fn position(&self) -> usize {
        self.bytes.len()
    }

    /// Writes a length before what follows `at`.
    pub fn close(&mut self, at: usize) {
        let length = (self.bytes.len() - at - 4) as u32;
        self.bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// The bytes so far; the tables stay.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// The tables as bytes.
    pub fn tables(&self) -> Vec<u8> {
        let mut out = Self::default();
        out.number(self.tables.texts.len() as u64);
        self.tables.texts.iter().for_each(|text| out.text(text));
        out.number(self.tables.files.len() as u64);
        for file in &self.tables.files {
            out.text(&file.path);
            out.text(&file.text);
        }
        out.bytes
    }
}

impl Tables {
    /// What [`Writer::tables`] has written.
    pub fn load(bytes: &[u8]) -> Option<Self> {
        let none = Self::default();
        let mut from = Reader::new(bytes, &none);
        let texts = (0..from.count()?).map(|_| from.text().map(Arc::from)).collect::<Option<_>>()?;
        let files =
            (0..from.count()?).map(|_| Some(SourceFile::new(from.text()?, from.text()?))).collect::<Option<_>>()?;
        from.is_at_end().then_some(Self { texts, files })
    }
}

/// Gives values back.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    tables: &'a Tables,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8], tables: &'a Tables) -> Self {
        Self { bytes, tables }
    }

    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A number of things of at least one byte each.
    pub fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.bytes.len()).then_some(count)
    }

    pub fn raw(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(taken)
    }

    pub fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        std::str::from_utf8(self.raw(length)?).ok()
    }

    pub fn shared_text(&mut self) -> Option<Arc<str>> {
        let number = usize::try_from(self.number()?).ok()?;
        self.tables.texts.get(number).cloned()
    }

    pub fn file(&mut self) -> Option<Arc<SourceFile>> {
        let number = usize::try_from(self.number()?).ok()?;
        self.tables.files.get(number).cloned()
    }

    /// The bytes behind a length that [`Writer::close`] has written.
    pub fn part(&mut self) -> Option<Self> {
        let length = self.raw(4)?;
        let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
        Some(Self { bytes: self.raw(length)?, tables: self.tables })
    }

    pub fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }
}
