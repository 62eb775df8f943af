//! Which generic tests need no rendering while parsing.

use std::collections::HashMap;
use std::sync::Arc;

use crate::jinja::{Library, MacroDef};
use crate::manifest::dispatch::Dispatcher;

/// Test macros whose bodies show that rendering them while parsing would record nothing.
pub struct InertTests {
    by_id: HashMap<Arc<str>, bool>,
}

impl InertTests {
    pub fn new(library: &Library, dispatcher: &Dispatcher) -> Self {
        let mut by_id = HashMap::new();
        for definition in library.iter().filter(|definition| definition.name.starts_with("test_")) {
            inert(definition, library, dispatcher, &mut by_id);
        }
        Self { by_id }
    }

    /// All of them, sorted.
    pub fn ids(&self) -> Vec<Arc<str>> {
        let mut ids: Vec<_> = self.by_id.iter().filter(|(_, inert)| **inert).map(|(id, _)| id.clone()).collect();
        ids.sort();
        ids
    }

    pub fn has(&self, definition: &MacroDef) -> bool {
        self.by_id.get(&definition.unique_id).copied().unwrap_or(false)
    }
}

/// Neither the macro nor one that it calls mentions what parsing records.
fn inert(
    definition: &Arc<MacroDef>,
    library: &Library,
    dispatcher: &Dispatcher,
    known: &mut HashMap<Arc<str>, bool>,
) -> bool {
    if let Some(known) = known.get(&definition.unique_id) {
        return *known;
    }
    // Recursive macros: an inner call of the same macro decides nothing.
    known.insert(definition.unique_id.clone(), true);
    let text = &definition.file.text[definition.block.body.clone()];
    let dynamic = text.contains("dispatch") && !definition.calls.iter().any(|call| call.dispatch);
    let records = ["config", "ref", "source", "builtins", "graph"].iter().any(|word| records(text, word));
    let outcome = !dynamic
        && !records
        && definition.calls.iter().all(|call| {
            super::macros::called(call, &definition.package, dispatcher, library)
                .is_none_or(|called| inert(called, library, dispatcher, known))
        });
    known.insert(definition.unique_id.clone(), outcome);
    outcome
}

/// The text holds the word as a whole identifier, other than to read from `config`.
fn records(text: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let reads = |after: &str| {
        word == "config" && [".get(", ".require(", ".meta_get("].iter().any(|method| after.starts_with(method))
    };
    text.match_indices(word).any(|(at, _)| {
        let after = &text[at + word.len()..];
        !part(text[..at].chars().next_back()) && !part(after.chars().next()) && !reads(after)
    })
}

#[cfg(test)]
mod tests {
    use super::records;

    #[test]
    fn reading_config_records_nothing() {
        assert!(!records("{% if config.get('x') %}", "config"));
        assert!(!records("{{ should_config }}", "config"));
        assert!(records("{{ config(severity='warn') }}", "config"));
        assert!(records("{% do config.set('a', 1) %}", "config"));
        assert!(records("{{ ref('a') }}", "ref"));
    }
}
