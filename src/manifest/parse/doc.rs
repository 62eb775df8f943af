//! `{% docs %}` blocks and the descriptions that use them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use indexmap::IndexMap;
use rayon::prelude::*;

use crate::diag::{Code, Diagnostic, SourceFile, Span, suggest};
use crate::jinja::{BlockKind, Context, Engine, Mode, Namespace, Value, blocks, fail, function};
use crate::manifest::{Doc, UniqueId, hash};
use crate::project::{Project, render};
use crate::yaml::{Node, Yaml};

/// All blocks of all packages.
pub struct Docs {
    pub blocks: IndexMap<UniqueId, Arc<Doc>>,
    by_name: HashMap<String, Vec<UniqueId>>,
    root: Arc<str>,
}

impl Docs {
    pub fn read(project: &Project, diags: &mut Vec<Diagnostic>) -> Self {
        let files: Vec<_> = project
            .packages
            .iter()
            .flat_map(|package| package.files.docs.iter().map(move |file| (&package.name, file)))
            .collect();
        let found: Vec<crate::diag::Result<Vec<(Doc, Span)>>> = files
            .par_iter()
            .map(|(package, file)| {
                let blocks = blocks(&file.source)?;
                let docs = blocks.into_iter().filter(|block| block.kind == BlockKind::Docs).map(|block| {
                    let doc = Doc {
                        unique_id: format!("doc.{package}.{}", block.name).into(),
                        package: Arc::clone(package),
                        path: file.path.relative.clone(),
                        original_file_path: file.path.original.clone(),
                        block_contents: file.source.text[block.body.clone()].trim().to_owned(),
                        name: block.name,
                    };
                    (doc, Span::new(&file.source, block.range))
                });
                Ok(docs.collect())
            })
            .collect();
        let mut docs = Self { blocks: IndexMap::new(), by_name: HashMap::new(), root: project.name.clone() };
        let mut spans: HashMap<UniqueId, Span> = HashMap::new();
        for outcome in found {
            match outcome {
                Ok(list) => list.into_iter().for_each(|(doc, span)| docs.add(doc, span, &mut spans, diags)),
                Err(error) => diags.push(*error),
            }
        }
        docs
    }

    fn add(&mut self, doc: Doc, span: Span, spans: &mut HashMap<UniqueId, Span>, diags: &mut Vec<Diagnostic>) {
        if let Some(first) = spans.get(&doc.unique_id) {
            let message = format!("package `{}` has two docs blocks `{}`", doc.package, doc.name);
            let first_line = Span::line(&first.file, first.file.line_column(first.range.start as usize).0);
            let line = Span::line(&span.file, span.file.line_column(span.range.start as usize).0);
            diags.push(
                Diagnostic::error(Code::DuplicateName, message).at(line, "the second").place(first_line, "the first"),
            );
            return;
        }
        spans.insert(doc.unique_id.clone(), span);
        self.by_name.entry(doc.name.clone()).or_default().push(doc.unique_id.clone());
        self.blocks.insert(doc.unique_id.clone(), Arc::new(doc));
    }

    /// The block that `doc('name')` means in a description of `package`: the root project, the package, any other.
    fn find(&self, name: &str, wanted: Option<&str>, package: &str) -> Option<&Arc<Doc>> {
        let found = || self.by_name.get(name).into_iter().flatten().filter_map(|id| self.blocks.get(id));
        match wanted {
            Some(wanted) => found().find(|doc| *doc.package == *wanted),
            None => found()
                .find(|doc| doc.package == self.root)
                .or_else(|| found().find(|doc| *doc.package == *package))
                .or_else(|| found().next()),
        }
    }
}

/// Renders descriptions.
pub struct Describer<'a> {
    pub engine: &'a Engine,
    pub docs: Arc<Docs>,
    pub namespace: Arc<Namespace>,
}

impl Describer<'_> {
    /// The text of a description and the ids of the blocks that it uses.
    ///
    /// # Errors
    /// A block is missing, or the text is not Jinja.
    pub fn describe(
        &self,
        file: &Arc<SourceFile>,
        node: &Node,
        package: &Arc<str>,
    ) -> Result<(String, Vec<String>), Box<Diagnostic>> {
        let text = match &node.value {
            Yaml::Str(text) => text,
            Yaml::Null => return Ok(Default::default()),
            _ => return Ok((hash::py_str(&node.to_json()), Vec::new())),
        };
        if !render::has_jinja(text) {
            return Ok((text.clone(), Vec::new()));
        }
        let used: Arc<Mutex<Vec<String>>> = Arc::default();
        let doc = doc_function(self.docs.clone(), package.clone(), used.clone());
        let context = Arc::new(Context::new(self.namespace.clone(), Mode::Execute).set("doc", doc));
        let text = render::text(self.engine, file, node, &context)?;
        Ok((text, std::mem::take(&mut *used.lock().unwrap_or_else(PoisonError::into_inner))))
    }
}

/// Moves a problem of a text that was cut out of YAML to the place of that text.
pub fn at(mut diagnostic: Diagnostic, span: &Span) -> Box<Diagnostic> {
    let label = diagnostic.primary.take().map(|label| label.text).unwrap_or_default();
    diagnostic.at(span.clone(), label).boxed()
}

fn doc_function(docs: Arc<Docs>, package: Arc<str>, used: Arc<Mutex<Vec<String>>>) -> Value {
    function("doc", move |_, args| {
        let names: Vec<String> = args.rest().iter().filter_map(|name| name.as_str().map(str::to_owned)).collect();
        let (wanted, name) = match names.as_slice() {
            [name] => (None, name),
            [package, name] => (Some(package.as_str()), name),
            _ => return Err(fail("doc() takes the name of a block, or a package and a name")),
        };
        match docs.find(name, wanted, &package) {
            Some(doc) => {
                used.lock().unwrap_or_else(PoisonError::into_inner).push(doc.unique_id.to_string());
                Ok(Value::from(doc.block_contents.as_str()))
            }
            None => Err(crate::jinja::raise(missing(&docs, name).boxed())),
        }
    })
}

fn missing(docs: &Docs, name: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error(Code::RefNotFound, format!("no docs block is called `{name}`"));
    match suggest::nearest(name, docs.by_name.keys()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}
