//! The one place that touches minijinja's unstable internals (pinned to an exact version), and the one lifetime
//! extension of the room.

use std::collections::BTreeMap;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use minijinja::machinery::{CodeGenerator, Instructions};
pub(super) use minijinja::machinery::{Span, ast};
use minijinja::{AutoEscape, Environment, Error, Value};

use crate::diag::SourceFile;

/// A part of a file as the parser sees it. Its text never moves nor changes while an `Arc` of it lives.
pub(super) struct Source {
    pub file: Arc<SourceFile>,
    pub range: Range<usize>,
    /// The text with dbt's tags replaced, of the same length; none where nothing had to be replaced.
    edited: Option<String>,
}

impl Source {
    pub fn new(file: &Arc<SourceFile>, range: Range<usize>, edited: Option<String>) -> Arc<Self> {
        Arc::new(Self { file: file.clone(), range, edited })
    }

    pub fn text(&self) -> &str {
        self.edited.as_deref().unwrap_or(&self.file.text[self.range.clone()])
    }

    pub fn parse(&self) -> Result<ast::Stmt<'_>, Error> {
        minijinja::machinery::parse(self.text(), &self.file.path, Default::default())
    }

    pub fn parse_expression(&self) -> Result<ast::Expr<'_>, Error> {
        minijinja::machinery::parse_expr(self.text())
    }
}

/// Instructions together with the text they borrow from.
pub(super) struct Code {
    // Declared first, so dropped before the text.
    instructions: Instructions<'static>,
    source: Arc<Source>,
    size_hint: usize,
}

impl Code {
    /// `tree` is made of slices of `source` and of static strings.
    pub fn generate<'s>(source: &'s Arc<Source>, tree: &ast::Stmt<'s>) -> Self {
        let mut generator = CodeGenerator::new(&source.file.path, source.text());
        generator.compile_stmt(tree);
        let size_hint = generator.buffer_size_hint();
        let (instructions, _) = generator.finish();
        // SAFETY: the instructions borrow only from `source`, whose text is immutable and lives in the same value as
        // they do. They leave this file only behind a borrow of that value, shortened to the life of the environment.
        let instructions = unsafe { mem::transmute::<Instructions<'s>, Instructions<'static>>(instructions) };
        Self { instructions, source: source.clone(), size_hint }
    }

    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Runs the instructions on a fresh state whose names come from `root`; returns the text they emit.
    pub fn run<'e>(&self, environment: &'e Environment<'e>, root: Value) -> Result<String, Error> {
        let instructions: &Instructions<'e> = &self.instructions;
        let blocks = BTreeMap::new();
        let mut text = String::with_capacity(self.size_hint);
        let mut out = minijinja::machinery::make_string_output(&mut text);
        minijinja::machinery::eval(environment, instructions, root, &blocks, &mut out, AutoEscape::None)?;
        Ok(text)
    }
}
