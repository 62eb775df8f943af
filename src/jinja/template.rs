//! Compiled templates.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::lower::{self, Output};
use super::machinery::Source;
use super::machinery::ast::Stmt;
use super::macros::Def;
use super::names;
use super::scan::{Scan, scan};
use super::syntax;
use super::written;
use crate::diag::{self, SourceFile};

/// A compiled template: a part of a file. Cheap to clone.
#[derive(Clone)]
pub struct Template(Arc<Inner>);

struct Inner {
    source: Arc<Source>,
    discarded: Vec<u32>,
    /// None where the text has no tag at all.
    text: Option<Def>,
    config: Option<Vec<(String, String)>>,
    /// Compiled when it is first asked for.
    pieces: OnceLock<diag::Result<Def>>,
}

impl Template {
    /// Compiles a part of a file; positions in messages are those of the file.
    ///
    /// # Errors
    /// The syntax is wrong.
    pub fn compile(file: &Arc<SourceFile>, range: Range<usize>) -> diag::Result<Self> {
        let has_tags = memchr::memchr_iter(b'{', &file.text.as_bytes()[range.clone()])
            .any(|at| matches!(file.text.as_bytes().get(range.start + at + 1), Some(b'{' | b'%' | b'#')));
        if !has_tags {
            let source = Source::new(file, range, None);
            let (discarded, pieces) = (Vec::new(), OnceLock::new());
            return Ok(Self(Arc::new(Inner { source, discarded, text: None, config: None, pieces })));
        }
        let Scan { text, discarded, .. } = scan(file, range.clone())?;
        let source = Source::new(file, range, text);
        let tree = parse(&source)?;
        let config = if source.text().contains("config(") { written::config(&tree) } else { None };
        let text = Some(lower::template(&source, &tree, &discarded, Output::Text)?);
        Ok(Self(Arc::new(Inner { source, discarded, text, config, pieces: OnceLock::new() })))
    }

    /// The keyword arguments of the text's first `config(...)` call, not rendered but written again as dbt does.
    pub fn written_config(&self) -> Option<&[(String, String)]> {
        self.0.config.as_deref()
    }

    /// The text itself if it has no tag at all.
    pub fn literal(&self) -> Option<&str> {
        match self.0.text {
            Some(_) => None,
            None => Some(self.0.source.text()),
        }
    }

    /// Whether a name is used anywhere in the text, be it assigned there or not.
    pub fn mentions(&self, name: &str) -> bool {
        self.0.text.is_some() && self.0.source.parse().is_ok_and(|tree| names::mentions(&tree, name))
    }

    pub fn file(&self) -> &Arc<SourceFile> {
        &self.0.source.file
    }

    /// The part of the file.
    pub fn range(&self) -> Range<usize> {
        self.0.source.range.clone()
    }

    /// None where the text has no tag at all.
    pub(super) fn def(&self) -> Option<&Def> {
        self.0.text.as_ref()
    }

    /// The same template, emitting pieces instead of text.
    pub(super) fn pieces(&self) -> Result<&Def, Box<diag::Diagnostic>> {
        let (source, discarded) = (&self.0.source, &self.0.discarded);
        let compile = || lower::template(source, &parse(source)?, discarded, Output::Pieces);
        self.0.pieces.get_or_init(compile).as_ref().map_err(Clone::clone)
    }
}

fn parse(source: &Arc<Source>) -> diag::Result<Stmt<'_>> {
    source.parse().map_err(|error| syntax::explain(source, &error))
}
