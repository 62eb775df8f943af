//! Digests that stand for texts which would be long to keep.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::manifest::{Manifest, UniqueId, sha256};

/// Digests of a manifest's macros, made once each.
pub struct Digests<'a> {
    manifest: &'a Manifest,
    /// Packages whose macros come with the program: another version of it is not a change of the project.
    built_in: &'a [Arc<str>],
    texts: RefCell<HashMap<&'a str, String>>,
    /// Macros that are called together → all that they call. Many nodes call the same few.
    closures: RefCell<HashMap<&'a [UniqueId], String>>,
}

impl<'a> Digests<'a> {
    pub fn new(manifest: &'a Manifest, built_in: &'a [Arc<str>]) -> Self {
        Self { manifest, built_in, texts: RefCell::default(), closures: RefCell::default() }
    }

    /// Of a text.
    pub fn of(text: &str) -> String {
        let mut digest = sha256(text.as_bytes());
        digest.truncate(32);
        digest
    }

    /// Of the texts of these macros and of all that they call, without those that come with the program.
    pub fn of_macros(&self, called: &'a [UniqueId]) -> String {
        if let Some(known) = self.closures.borrow().get(called) {
            return known.clone();
        }
        let mut seen: HashSet<&'a str> = HashSet::new();
        let mut open: Vec<&'a str> = called.iter().map(|id| &**id).collect();
        let mut parts = Vec::new();
        while let Some(id) = open.pop() {
            let Some(found) = self.manifest.macros.get(id).filter(|_| seen.insert(id)) else { continue };
            open.extend(found.depends_on_macros.iter().map(|id| &**id));
            if !self.built_in.contains(&found.package) {
                let mut texts = self.texts.borrow_mut();
                let text = texts.entry(id).or_insert_with(|| Self::of(&found.macro_sql));
                parts.push(format!("{id} {text}\n"));
            }
        }
        parts.sort_unstable();
        let digest = if parts.is_empty() { String::new() } else { Self::of(&parts.concat()) };
        self.closures.borrow_mut().insert(called, digest.clone());
        digest
    }
}
