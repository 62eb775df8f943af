//! The look of docs/architecture.md: first line, gutter with snippets, notes, helps.

use super::snippet;
use crate::diag::{Diagnostic, Label, Severity};

/// How to print. `width` is that of the terminal, in columns; longer source lines are cut around their marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    pub color: bool,
    pub width: Option<usize>,
}

impl Style {
    pub const PLAIN: Self = Self { color: false, width: None };

    pub(super) fn paint(self, paint: Paint, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Error => "1;31",
            Paint::Warning => "1;33",
            Paint::Message => "1",
            Paint::Frame => "1;34",
            Paint::Help => "1;36",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Error,
    Warning,
    Message,
    Frame,
    Help,
}

impl Paint {
    pub(super) fn of(severity: Severity) -> Self {
        match severity {
            Severity::Error => Self::Error,
            Severity::Warning => Self::Warning,
        }
    }
}

/// All diagnostics, a blank line between them; each ends with a line break.
pub fn text(diagnostics: &[Diagnostic], style: Style) -> String {
    let mut out = String::new();
    for (at, diagnostic) in diagnostics.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        one(diagnostic, style, &mut out);
    }
    out
}

/// Like [`text`], with a last line that counts: `2 errors, 1 warning`.
pub fn text_with_summary(diagnostics: &[Diagnostic], style: Style) -> String {
    let mut out = text(diagnostics, style);
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let warnings = diagnostics.len() - errors;
    let counts: Vec<String> =
        [(errors, "error"), (warnings, "warning")].into_iter().filter(|(n, _)| *n > 0).map(count).collect();
    if !counts.is_empty() {
        let paint = if errors > 0 { Paint::Error } else { Paint::Warning };
        out.push('\n');
        out.push_str(&style.paint(paint, &counts.join(", ")));
        out.push('\n');
    }
    out
}

fn count((number, noun): (usize, &str)) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

fn one(diagnostic: &Diagnostic, style: Style, out: &mut String) {
    let paint = Paint::of(diagnostic.severity);
    let word = if diagnostic.is_error() { "error" } else { "warning" };
    let head = style.paint(paint, &format!("{word}[{}]", diagnostic.code.as_str()));
    out.push_str(&head);
    out.push_str(&style.paint(Paint::Message, &format!(": {}", diagnostic.message)));
    out.push('\n');
    if let Some(primary) = &diagnostic.primary {
        places(diagnostic, primary, style, out);
    }
    for note in &diagnostic.notes {
        remark("note", note, style, out);
    }
    for help in &diagnostic.helps {
        remark("help", help, style, out);
    }
}

fn places(diagnostic: &Diagnostic, primary: &Label, style: Style, out: &mut String) {
    let paint = Paint::of(diagnostic.severity);
    let (near, far): (Vec<&Label>, Vec<&Label>) =
        diagnostic.places.iter().partition(|place| place.snippet && place.span.file.path == primary.span.file.path);
    let shown = far.iter().copied().filter(|place| place.snippet).chain(near.iter().copied()).chain([primary]);
    let gutter = snippet::Gutter::new(shown, style);

    gutter.location("-->", &primary.span, "", out);
    let file = &primary.span.file;
    let own = snippet::Mark::new(primary, true, paint);
    let marks = near.into_iter().map(|place| snippet::Mark::new(place, false, Paint::Frame)).chain([own]);
    if !file.text.is_empty() {
        gutter.blank(out);
        snippet::lines(&gutter, file, marks.collect(), out);
    }
    for place in far {
        let text = if place.snippet { "" } else { place.text.as_str() };
        gutter.location(":::", &place.span, text, out);
        if place.snippet {
            let mark = snippet::Mark::new(place, false, Paint::Frame);
            snippet::lines(&gutter, &place.span.file, vec![mark], out);
        }
    }
    // The action is set off from the code.
    if !diagnostic.helps.is_empty() {
        gutter.blank(out);
    }
}

fn remark(word: &str, text: &str, style: Style, out: &mut String) {
    let mut lines = text.lines();
    out.push_str(&style.paint(Paint::Help, &format!("{word}:")));
    out.push(' ');
    out.push_str(lines.next().unwrap_or(""));
    out.push('\n');
    for line in lines {
        out.push_str("      ");
        out.push_str(line);
        out.push('\n');
    }
}
