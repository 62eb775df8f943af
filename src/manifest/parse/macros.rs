//! Macros of all packages: the compiled library, and what the manifest shows of them.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::properties::{Place, Reader, required_name};
use crate::diag::{Code, Diagnostic, suggest};
use crate::jinja::{Library, MacroCall, MacroDef, compile_macros};
use crate::manifest::dispatch::Dispatcher;
use crate::manifest::{Macro, UniqueId};
use crate::project::{Package, PackageFile, Project};
use crate::yaml::Node;

/// Macros with the files that they are in.
pub struct MacroFiles<'a> {
    found: Vec<(Arc<MacroDef>, &'a PackageFile)>,
}

impl<'a> MacroFiles<'a> {
    /// Compiles every macro file of every package.
    pub fn read(project: &'a Project, diags: &mut Vec<Diagnostic>) -> Self {
        let files: Vec<(&Package, &PackageFile)> = project
            .packages
            .iter()
            .flat_map(|package| {
                package.files.macros.iter().chain(&package.files.generic_tests).map(move |file| (package, file))
            })
            .collect();
        let compiled: Vec<_> =
            files.par_iter().map(|(package, file)| (compile_macros(&package.name, &file.source), *file)).collect();
        let mut found = Vec::new();
        for (outcome, file) in compiled {
            match outcome {
                Ok(macros) => found.extend(macros.into_iter().map(|definition| (definition, file))),
                Err(mut errors) => diags.append(&mut errors),
            }
        }
        Self { found }
    }

    pub fn library(&self, project: &Project, diags: &mut Vec<Diagnostic>) -> Library {
        let internal: Vec<&str> = project.internal_packages().map(|package| &*package.name).collect();
        let definitions = self.found.iter().map(|(definition, _)| definition.clone());
        let (library, mut problems) = Library::new(&project.name, &internal, definitions);
        diags.append(&mut problems);
        library
    }

    /// The manifest's macros, with their properties. `validate`: what those say of arguments must fit the macro.
    pub fn nodes(
        &self,
        dispatcher: &Dispatcher,
        library: &Library,
        patches: Vec<MacroPatch>,
        validate: bool,
        now: f64,
        diags: &mut Vec<Diagnostic>,
    ) -> IndexMap<UniqueId, Arc<Macro>> {
        let mut macros: IndexMap<UniqueId, Macro> = self
            .found
            .iter()
            .map(|(definition, file)| {
                (definition.unique_id.clone(), macro_node(definition, file, dispatcher, library, now))
            })
            .collect();
        let mut patched: HashMap<String, Place> = HashMap::new();
        for patch in patches {
            patch.apply(&mut macros, &mut patched, validate, diags);
        }
        macros.into_iter().map(|(id, node)| (id, Arc::new(node))).collect()
    }
}

fn macro_node(
    definition: &MacroDef,
    file: &PackageFile,
    dispatcher: &Dispatcher,
    library: &Library,
    now: f64,
) -> Macro {
    let argument = |name: &String| json!({"name": name, "type": null, "description": ""});
    Macro {
        unique_id: definition.unique_id.clone(),
        name: definition.name.to_string(),
        package: definition.package.clone(),
        path: file.path.original.clone(),
        original_file_path: file.path.original.clone(),
        macro_sql: definition.file.text[definition.block.range.clone()].into(),
        depends_on_macros: static_calls(definition, dispatcher, library),
        description: String::new(),
        arguments: definition.params.iter().map(argument).collect(),
        meta: Map::new(),
        docs: no_docs(),
        patch_path: None,
        supported_languages: definition.block.languages.clone(),
        created_at: now,
    }
}

fn no_docs() -> Map<String, Value> {
    Map::from_iter([("show".to_owned(), Value::Bool(true)), ("node_color".to_owned(), Value::Null)])
}

/// The macros that a macro's text names.
fn static_calls(definition: &MacroDef, dispatcher: &Dispatcher, library: &Library) -> Vec<UniqueId> {
    let mut ids = Vec::new();
    for call in &definition.calls {
        if let Some(found) = called(call, &definition.package, dispatcher, library)
            && !ids.contains(&found.unique_id)
        {
            ids.push(found.unique_id.clone());
        }
    }
    ids
}

/// The macro that a call in a macro of `package` means; None for what is no macro.
pub fn called<'a>(
    call: &MacroCall,
    package: &str,
    dispatcher: &'a Dispatcher,
    library: &'a Library,
) -> Option<&'a Arc<MacroDef>> {
    match (&call.package, call.dispatch) {
        (namespace, true) => dispatcher.find(&call.name, namespace.as_deref(), Some(package)),
        (Some(package), false) => library.get(package, &call.name),
        (None, false) => library.find(&call.name, package),
    }
}

/// An entry of `macros:`.
#[derive(Debug)]
pub struct MacroPatch {
    place: Place,
    name: String,
    description: String,
    meta: Map<String, Value>,
    docs: Map<String, Value>,
    arguments: Vec<Value>,
}

pub fn read_macro(reader: &mut Reader<'_>, mut entry: Node) -> Option<MacroPatch> {
    reader.render(&mut entry);
    let (name, description, meta, docs, config, arguments) = reader.fields(entry, "macro", |fields| {
        Some((
            required_name(fields)?,
            fields.take("description"),
            fields.map("meta"),
            fields.map("docs"),
            fields.map("config"),
            fields.list("arguments"),
        ))
    })?;
    let place = reader.place(&name.1);
    let mut all_docs = no_docs();
    let mut all_meta = meta.map(|meta| meta.to_json()).unwrap_or_default();
    all_docs.extend(docs.map(|docs| docs.to_json()).unwrap_or_default());
    if let Some(config) = config.map(|config| config.to_json()) {
        let part = |key: &str| config.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
        all_meta.extend(part("meta"));
        all_docs.extend(part("docs"));
    }
    let arguments = arguments.into_iter().filter_map(|argument| read_argument(reader, argument)).collect();
    let description = reader.describe(description).0;
    Some(MacroPatch { place, name: name.0, description, meta: all_meta, docs: all_docs, arguments })
}

fn read_argument(reader: &mut Reader<'_>, argument: Node) -> Option<Value> {
    let (name, kind, description) = reader.fields(argument, "macro argument", |fields| {
        Some((required_name(fields)?.0, fields.str("type"), fields.take("description")))
    })?;
    let description = reader.describe(description).0;
    Some(json!({"name": name, "type": kind, "description": description}))
}

impl MacroPatch {
    fn apply(
        self,
        macros: &mut IndexMap<UniqueId, Macro>,
        patched: &mut HashMap<String, Place>,
        validate: bool,
        diags: &mut Vec<Diagnostic>,
    ) {
        let id = format!("macro.{}.{}", self.place.package, self.name);
        let Some(node) = macros.get_mut(id.as_str()) else {
            diags.push(self.without_target(macros));
            return;
        };
        if let Some(first) = patched.get(&id) {
            let message = format!("macro `{}` is described twice", self.name);
            diags.push(
                Diagnostic::error(Code::DuplicateName, message)
                    .at(self.place.span.clone(), "the second")
                    .place(first.span.clone(), "the first"),
            );
            return;
        }
        if validate {
            self.check_arguments(node, diags);
        }
        if !self.arguments.is_empty() {
            node.arguments = self.arguments;
        }
        node.patch_path = Some(self.place.patch_path());
        node.description = self.description;
        node.meta = self.meta;
        node.docs = self.docs;
        patched.insert(id, self.place);
    }

    /// dbt's behaviour flag `validate_macro_args`: names in the macro's order, and types that dbt knows.
    fn check_arguments(&self, node: &Macro, diags: &mut Vec<Diagnostic>) {
        if self.arguments.is_empty() {
            return;
        }
        let mut warn = |message: String, label: String| {
            let warning = Diagnostic::warning(Code::InvalidConfig, message).at(self.place.span.clone(), label);
            diags.push(warning.node(&*node.unique_id));
        };
        let names = |arguments: &[Value]| -> Vec<String> {
            let name = |argument: &Value| argument.get("name")?.as_str().map(|name| format!("`{name}`"));
            arguments.iter().filter_map(name).collect()
        };
        let (described, taken) = (names(&self.arguments), names(&node.arguments));
        if described != taken {
            let takes = if taken.is_empty() { "nothing".to_owned() } else { taken.join(", ") };
            let message = format!("the arguments described for macro `{}` are not those that it takes", self.name);
            warn(message, format!("it takes {takes}"));
        }
        for argument in &self.arguments {
            let kind = argument.get("type").and_then(Value::as_str).map(str::trim).filter(|kind| !kind.is_empty());
            if let Some(kind) = kind.filter(|kind| !is_type(kind)) {
                let message = format!("an argument of macro `{}` has the unknown type `{kind}`", self.name);
                warn(message, "such as `string`, `list[int]`, `optional[relation]`".to_owned());
            }
        }
    }

    fn without_target(&self, macros: &IndexMap<UniqueId, Macro>) -> Diagnostic {
        let names = macros.values().filter(|found| found.package == self.place.package).map(|found| &*found.name);
        let label =
            suggest::nearest(&self.name, names).map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        let message = format!("package `{}` has no macro `{}` to describe", self.place.package, self.name);
        let event = serde_json::json!({"patch_name": self.name});
        Diagnostic::warning(Code::PatchTargetNotFound, message)
            .at(self.place.span.clone(), label)
            .event("MacroNotFoundForPatch", event)
    }
}

/// Whether dbt knows a type of an argument: `int`, `list[string]`, `dict[string, optional[int]]`.
fn is_type(text: &str) -> bool {
    let text = text.trim();
    let (name, inner) = match text.split_once('[') {
        Some((name, rest)) => match rest.strip_suffix(']') {
            Some(inner) => (name.trim_end(), Some(inner)),
            None => return false,
        },
        None => (text, None),
    };
    match (name, inner) {
        ("str" | "string" | "bool" | "int" | "integer" | "float" | "any" | "relation" | "column", None) => true,
        ("list" | "optional", Some(inner)) => is_type(inner),
        ("dict", Some(inner)) => {
            let mut depth = 0_i32;
            let comma = inner.char_indices().find(|(_, c)| {
                depth += i32::from(*c == '[') - i32::from(*c == ']');
                *c == ',' && depth == 0
            });
            comma.is_some_and(|(at, _)| is_type(&inner[..at]) && is_type(&inner[at + 1..]))
        }
        _ => false,
    }
}
