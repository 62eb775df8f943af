//! Files of the user and places in them.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// A text that diagnostics can point into. `path` is how messages name it: relative to the project root where it lies
/// below it, with `/`.
pub struct SourceFile {
    pub path: String,
    pub text: String,
    /// What people see instead of `text`, byte for byte as long: secrets are covered.
    shown: Option<String>,
    lines: OnceLock<Vec<u32>>,
}

impl SourceFile {
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { path: path.into(), text: text.into(), shown: None, lines: OnceLock::new() })
    }

    /// A file with secrets in it: snippets show `shown`, which has the same length and the same lines as `text`.
    pub fn with_secrets(path: impl Into<String>, text: impl Into<String>, shown: String) -> Arc<Self> {
        let text = text.into();
        debug_assert_eq!(text.len(), shown.len());
        Arc::new(Self { path: path.into(), text, shown: Some(shown), lines: OnceLock::new() })
    }

    /// What people see is not the text itself.
    pub fn has_secrets(&self) -> bool {
        self.shown.is_some()
    }

    /// Byte offsets at which the lines start.
    fn line_starts(&self) -> &[u32] {
        self.lines.get_or_init(|| {
            let breaks = memchr::memchr_iter(b'\n', self.text.as_bytes()).map(|at| at as u32 + 1);
            std::iter::once(0).chain(breaks).collect()
        })
    }

    /// 1-based line and 1-based column (in characters) of a byte offset. Offsets past the end mean the end.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let starts = self.line_starts();
        let offset = offset.min(self.text.len());
        let line = starts.partition_point(|start| *start as usize <= offset) - 1;
        let before = self.text.get(starts[line] as usize..offset).unwrap_or("");
        (line + 1, before.chars().count() + 1)
    }

    /// Byte range of a 1-based line, without its line break.
    pub fn line_range(&self, line: usize) -> Range<usize> {
        let starts = self.line_starts();
        let line = line.clamp(1, starts.len());
        let start = starts[line - 1] as usize;
        let end = starts.get(line).map_or(self.text.len(), |next| *next as usize - 1);
        let text = &self.text[start..end.max(start)];
        start..start + text.trim_end_matches('\r').len()
    }

    /// The text of a 1-based line as people may see it, without its line break.
    pub fn line(&self, line: usize) -> &str {
        let range = self.line_range(line);
        self.shown.as_ref().and_then(|shown| shown.get(range.clone())).unwrap_or(&self.text[range])
    }

    pub fn line_count(&self) -> usize {
        self.line_starts().len()
    }
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceFile({}, {} bytes)", self.path, self.text.len())
    }
}

/// A byte range of a file.
#[derive(Clone)]
pub struct Span {
    pub file: Arc<SourceFile>,
    pub range: Range<u32>,
}

impl Span {
    pub fn new(file: &Arc<SourceFile>, range: Range<usize>) -> Self {
        Self { file: file.clone(), range: range.start as u32..range.end as u32 }
    }

    /// The whole of a 1-based line, without leading blanks.
    pub fn line(file: &Arc<SourceFile>, line: usize) -> Self {
        let range = file.line_range(line);
        let indent = file.text[range.clone()].len() - file.text[range.clone()].trim_start().len();
        Self::new(file, range.start + indent..range.end)
    }

    /// `path:line:column` of the start.
    pub fn location(&self) -> String {
        let (line, column) = self.file.line_column(self.range.start as usize);
        format!("{}:{line}:{column}", self.file.path)
    }

    pub fn text(&self) -> &str {
        self.file.text.get(self.range.start as usize..self.range.end as usize).unwrap_or("")
    }
}

impl PartialEq for Span {
    fn eq(&self, other: &Self) -> bool {
        self.range == other.range && self.file.path == other.file.path
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.location())
    }
}
