//! Turns the scanner's complaints into diagnostics that say what to change.

use std::sync::Arc;

use crate::diag::{Code, Diagnostic, SourceFile, Span};

/// A diagnostic for a syntax error that the scanner found at byte `offset`.
pub(super) fn explain(file: &Arc<SourceFile>, offset: usize, info: &str) -> Diagnostic {
    let (line, _) = file.line_column(offset);
    if let Some(diagnostic) = tab_indentation(file, line) {
        return diagnostic;
    }
    if info.contains("mapping values are not allowed") {
        return colon_in_value(file, offset, line);
    }
    if let Some(jinja) = unquoted_jinja(file, line) {
        return jinja;
    }
    if info.contains("simple key expect") {
        return missing_colon(file, line);
    }
    let point = point_at(file, offset);
    let (message, label, help) = words(info);
    let diagnostic = Diagnostic::error(Code::YamlSyntax, message).at(point, label);
    if help.is_empty() { diagnostic } else { diagnostic.help(help) }
}

/// `{{ var('x') }}` without quotes is a mapping as key of a mapping to YAML.
pub(super) fn complex_key(file: &Arc<SourceFile>, offset: usize) -> Diagnostic {
    let (line, _) = file.line_column(offset);
    unquoted_jinja(file, line).unwrap_or_else(|| {
        Diagnostic::error(Code::YamlSyntax, "a key that is itself a list or mapping is not supported")
            .at(point_at(file, offset), "")
    })
}

/// One character wide, never past the end of its line.
fn point_at(file: &Arc<SourceFile>, offset: usize) -> Span {
    let (line, _) = file.line_column(offset);
    let range = file.line_range(line);
    let start = offset.min(range.end);
    let width = file.text.get(start..range.end).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    Span::new(file, start..start + width)
}

/// The scanner often complains a line late, so the lines before are looked at, too.
fn tab_indentation(file: &Arc<SourceFile>, line: usize) -> Option<Diagnostic> {
    let line = (line.saturating_sub(1).max(1)..=line).find(|line| {
        let text = file.line(*line);
        let indent = &text[..text.len() - text.trim_start().len()];
        indent.contains('\t') && !text.trim().is_empty()
    })?;
    let start = file.line_range(line).start;
    let text = file.line(line);
    let indent = text.len() - text.trim_start().len();
    let tab = text.find('\t').unwrap_or(0);
    Some(
        Diagnostic::error(Code::YamlSyntax, "a tab is used for indentation")
            .at(Span::new(file, start + tab..start + indent), "tab")
            .help("YAML allows blanks only: replace each tab by two blanks"),
    )
}

/// The scanner notices a key without `:` at the next key.
fn missing_colon(file: &Arc<SourceFile>, line: usize) -> Diagnostic {
    let is_culprit = |line: &usize| {
        let text = file.line(*line).trim();
        !text.is_empty() && !text.starts_with('#') && !text.contains(':')
    };
    let line = (1..=line).rev().find(is_culprit).unwrap_or(line);
    Diagnostic::error(Code::YamlSyntax, "a `:` is missing")
        .at(Span::line(file, line), "this line is not `key: value`")
        .help("add the `:`, or check the indentation")
}

fn colon_in_value(file: &Arc<SourceFile>, offset: usize, line: usize) -> Diagnostic {
    let text = file.line(line);
    let column = offset.saturating_sub(file.line_range(line).start).min(text.len());
    let inside_value = text.get(..column).is_some_and(|before| before.contains(": "));
    let diagnostic = Diagnostic::error(Code::YamlSyntax, "a `:` stands where no key can be");
    if inside_value {
        return diagnostic
            .at(point_at(file, offset), "this would start a mapping inside a text")
            .help("put the text into quotes");
    }
    diagnostic
        .at(point_at(file, offset), "this key does not belong to the lines above")
        .help("check the indentation: keys of one mapping start in the same column")
}

fn unquoted_jinja(file: &Arc<SourceFile>, line: usize) -> Option<Diagnostic> {
    let line = (line.saturating_sub(1).max(1)..=line).find(|line| {
        value_of(file.line(*line)).is_some_and(|value| value.starts_with("{{") || value.starts_with("{%"))
    })?;
    let value = value_of(file.line(line))?;
    let start = file.line_range(line).end - value.len();
    let value = value.trim_end();
    Some(
        Diagnostic::error(Code::YamlSyntax, "a Jinja expression must be quoted in YAML")
            .at(Span::new(file, start..start + value.len()), "YAML reads `{` as the start of a mapping")
            .help(format!("write `\"{}\"`", value.replace('"', "'"))),
    )
}

/// What follows the key (or the dash) of a line.
fn value_of(text: &str) -> Option<&str> {
    let rest = match text.find(": ") {
        Some(at) => &text[at + 2..],
        None => text.trim_start().strip_prefix("- ")?,
    };
    Some(rest.trim_start())
}

fn words(info: &str) -> (String, &'static str, &'static str) {
    let known: &[(&str, &str, &str, &str)] = &[
        (
            "did not find expected key",
            "bad indentation of a mapping",
            "expected a key of the mapping above here",
            "check the indentation: keys of one mapping start in the same column",
        ),
        (
            "did not find expected '-'",
            "bad indentation of a list",
            "expected a `-` of the list above here",
            "check the indentation: the dashes of one list stand in the same column",
        ),
        (
            "block sequence entries are not allowed",
            "a list item stands where none can be",
            "",
            "put the `-` on a line of its own below its key",
        ),
        ("mapping keys are not allowed", "a key stands where none can be", "", "check the indentation"),
        ("illegal placement of ':'", "a list in `[…]` is not closed", "expected `,` or `]` before this", ""),
        ("expected ',' or ']'", "a list in `[…]` is not closed", "expected `,` or `]` before this", ""),
        ("expected ',' or '}'", "a mapping in `{…}` is not closed", "expected `,` or `}` before this", ""),
        ("found unexpected end of stream", "a quoted text is never closed", "it starts here", "add the closing quote"),
        (
            "invalid trailing content",
            "text follows the closing quote",
            "",
            "quote the whole value, or escape the inner quote",
        ),
        (
            "unknown escape character",
            "an unknown escape in a quoted text",
            "",
            "use single quotes, in which `\\` is an ordinary character",
        ),
        ("unknown anchor", "an alias without its anchor", "no `&name` above has this name", ""),
        ("duplicated anchor", "an anchor is defined twice", "", ""),
        ("invalid indentation", "bad indentation", "", "check the indentation"),
        ("wrongly indented line", "bad indentation of a text block", "", "indent all lines of the block alike"),
        ("tab", "a tab stands where YAML allows none", "", "replace it by blanks"),
        ("unexpected character", "a character that cannot start a value", "", "put the text into quotes"),
        ("recursion limit", "nested too deeply", "", ""),
        ("found unprintable character", "a character that YAML forbids", "", "remove the control character"),
    ];
    match known.iter().find(|(pattern, ..)| info.contains(pattern)) {
        Some((_, message, label, help)) => ((*message).to_owned(), label, help),
        None => (format!("invalid YAML: {info}"), "", ""),
    }
}
