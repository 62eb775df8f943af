//! From a place in rendered text back to the template. Costs nothing until something fails.

use std::ops::Range;
use std::sync::Arc;

use super::context::Context;
use super::engine::Engine;
use super::pyvalue::py_str;
use super::template::Template;
use crate::diag::Span;

/// The place in the template's own file that produced the byte at `offset` of its rendered text: a byte of the file's
/// own text, or the whole tag or call whose value it is. Renders the template once more, with a context made for it.
/// None where that fails or the text is shorter.
pub fn locate(
    engine: &Engine,
    template: &Template,
    context: impl FnOnce() -> Arc<Context>,
    offset: usize,
) -> Option<Span> {
    let file = template.file();
    if let Some(text) = template.literal() {
        let at = template.range().start + offset;
        return (offset < text.len()).then(|| Span::new(file, at..at + 1));
    }
    let mut start = 0;
    for piece in engine.pieces(template, &context()).ok()? {
        let end = start + piece.value.as_str().map_or_else(|| py_str(&piece.value).len(), str::len);
        if offset < end {
            let place = if piece.raw {
                let at = piece.place.start + (offset - start);
                at..at + 1
            } else {
                without_opening(&file.text, piece.place)
            };
            return Some(Span::new(file, place));
        }
        start = end;
    }
    None
}

/// The place of a tag without its `{{`.
fn without_opening(text: &str, place: Range<usize>) -> Range<usize> {
    let shown = text.get(place.clone()).unwrap_or_default();
    let inside = shown.strip_prefix("{{").map_or(shown, |rest| rest.trim_start_matches(['-', '+']).trim_start());
    place.end - inside.len()..place.start + shown.trim_end().len()
}
