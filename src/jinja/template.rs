//! Compiled templates.

use std::ops::Range;
use std::sync::Arc;

use crate::diag::{self, SourceFile};

/// A compiled template: a part of a file. Cheap to clone.
#[derive(Clone)]
pub struct Template {
    file: Arc<SourceFile>,
    range: Range<usize>,
    plain: bool,
}

impl Template {
    /// Compiles a part of a file; positions in messages are those of the file.
    ///
    /// # Errors
    /// The syntax is wrong.
    pub fn compile(file: &Arc<SourceFile>, range: Range<usize>) -> diag::Result<Self> {
        let text = &file.text[range.clone()];
        let plain = !["{{", "{%", "{#"].iter().any(|tag| text.contains(tag));
        Ok(Self { file: file.clone(), range, plain })
    }

    /// The text itself if it has no tag at all.
    pub fn literal(&self) -> Option<&str> {
        self.plain.then(|| &self.file.text[self.range.clone()])
    }

    pub fn file(&self) -> &Arc<SourceFile> {
        &self.file
    }

    /// The part of the file.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }
}
