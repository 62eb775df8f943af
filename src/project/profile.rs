//! profiles.yml: which target, rendered, with its secrets.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::context::{self, Secrecy};
use super::{Invocation, Profile, Request, embedded, files, location, render};
use crate::diag::{self, Code, Deprecation, Diagnostic, SourceFile, Span, suggest};
use crate::jinja::Engine;
use crate::yaml::{self, Key, Mapping, Node, Yaml};

pub(super) const FILE: &str = "profiles.yml";
/// Credentials that stay texts even where they look like numbers.
const TEXTS: &[&str] =
    &["user", "username", "password", "pass", "host", "server", "schema", "database", "path", "unix_socket", "token"];

/// Reads the chosen target of the profile `name`.
pub(super) fn load(
    name: &str,
    request: &Request,
    root: &Path,
    engine: &Engine,
    invocation: &Arc<Invocation>,
    diags: &mut Vec<Diagnostic>,
) -> Option<Profile> {
    Reader { engine, invocation, request }.load(name, root, diags)
}

struct Reader<'a> {
    engine: &'a Engine,
    invocation: &'a Arc<Invocation>,
    request: &'a Request,
}

impl Reader<'_> {
    fn load(&self, name: &str, root: &Path, diags: &mut Vec<Diagnostic>) -> Option<Profile> {
        match self.read(name, root, diags) {
            Ok(profile) => Some(profile),
            Err(error) => {
                diags.push(*error);
                None
            }
        }
    }

    fn read(&self, name: &str, root: &Path, diags: &mut Vec<Diagnostic>) -> diag::Result<Profile> {
        let path = find(self.request, root, name)?;
        let file = files::read_profiles(&path, &location::display(&path, root))?;
        let tree = yaml::parse(&file, diags)?;
        let profiles = match &tree.value {
            Yaml::Map(map) => map,
            _ => return Err(no_profile(name, &file, &Mapping::default(), &path).boxed()),
        };
        if let Some((key, _)) = profiles.entry("config") {
            diags.push(
                Diagnostic::deprecated(Deprecation::ProjectFlagsMoved, "`config:` in profiles.yml is deprecated")
                    .at(span(&file, &key.range), "")
                    .help("move these settings under `flags:` in dbt_project.yml"),
            );
        }
        let (key, profile) = profiles.entry(name).ok_or_else(|| no_profile(name, &file, profiles, &path).boxed())?;
        let outputs = outputs(&file, key, profile)?;
        let target = self.target_name(&file, profile)?;
        let (target_key, output) =
            outputs.entry(&target).ok_or_else(|| self.no_target(name, &target, &file, key, outputs).boxed())?;
        let at = span(&file, &target_key.range);
        let credentials = self.credentials(&file, output, &at)?;
        self.profile(name, target, credentials, at, &file, output)
    }

    /// `--target`, `DBT_TARGET`, the profile's `target:`, or "default".
    fn target_name(&self, file: &Arc<SourceFile>, profile: &Node) -> diag::Result<String> {
        if let Some(target) = &self.request.target {
            return Ok(target.clone());
        }
        if let Some(target) = self.request.env.option("TARGET") {
            return Ok(target.to_owned());
        }
        match profile.get("target") {
            Some(node) if node.as_str().is_some() => {
                let context = context::early(self.invocation, self.engine, Secrecy::Allowed);
                let text = render::text(self.engine, file, node, &context)?;
                Ok(context::reveal(&text, &self.invocation.env).into_owned())
            }
            Some(node) if !node.is_null() => Err(Diagnostic::error(Code::InvalidValue, "`target` must be a text")
                .at(span(file, &node.range), format!("this is {}", node.kind()))
                .boxed()),
            _ => Ok("default".to_owned()),
        }
    }

    fn no_target(
        &self,
        profile: &str,
        target: &str,
        file: &Arc<SourceFile>,
        key: &Key,
        outputs: &Mapping,
    ) -> Diagnostic {
        let names: Vec<&str> = outputs.iter().map(|(key, _)| key.name.as_str()).collect();
        let diagnostic =
            Diagnostic::error(Code::ProfileNotFound, format!("profile `{profile}` has no target `{target}`"))
                .at(span(file, &key.range), "this profile")
                .note(format!("its targets are {}", list(&names)));
        match suggest::nearest(target, names.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help("choose one with `--target`, or add it under `outputs:`"),
        }
    }

    /// Renders the chosen target, key by key; secrets are put in last.
    fn credentials(&self, file: &Arc<SourceFile>, output: &Node, at: &Span) -> diag::Result<Map<String, Value>> {
        let Some(map) = output.as_map() else {
            return Err(Diagnostic::error(
                Code::InvalidValue,
                format!("a target must be a mapping, found {}", output.kind()),
            )
            .at(at.clone(), "")
            .boxed());
        };
        let context = context::early(self.invocation, self.engine, Secrecy::Allowed);
        let mut credentials = Map::new();
        for (key, node) in map {
            let mut node = node.clone();
            let is_text = TEXTS.contains(&key.name.as_str());
            if is_text && node.as_str().is_some_and(render::has_jinja) {
                let text = render::text(self.engine, file, &node, &context)?;
                node.value = Yaml::Str(text);
            } else {
                let rendered = node.as_str().is_some_and(render::has_jinja);
                let mut problems = Vec::new();
                render::yaml(self.engine, file, &mut node, &context, &|_| false, &mut problems);
                if let Some(problem) = problems.into_iter().next() {
                    return Err(problem.boxed());
                }
                if rendered {
                    numbers_of_text(&mut node);
                }
            }
            let mut value = node.to_json();
            reveal(&mut value, self.invocation);
            credentials.insert(key.name.clone(), value);
        }
        Ok(credentials)
    }

    fn profile(
        &self,
        name: &str,
        target_name: String,
        mut credentials: Map<String, Value>,
        at: Span,
        file: &Arc<SourceFile>,
        output: &Node,
    ) -> diag::Result<Profile> {
        let place = |key: &str| output.get(key).map_or_else(|| at.clone(), |node| span(file, &node.range));
        let Some(kind) = credentials.get("type").and_then(Value::as_str).map(str::to_owned) else {
            return Err(Diagnostic::error(Code::MissingKey, format!("target `{target_name}` has no `type`"))
                .at(place("type"), "")
                .help("add for example `type: mysql`")
                .boxed());
        };
        if embedded::names(&kind).is_none() {
            return Err(unknown_type(&kind, place("type")).boxed());
        }
        let threads = match self.request.threads {
            Some(threads) => threads,
            None => threads(&credentials, &place)?,
        };
        let schema = match credentials.get("schema").and_then(Value::as_str) {
            Some(schema) => schema.to_owned(),
            None if kind == "duckdb" => "main".to_owned(),
            None => {
                return Err(Diagnostic::error(Code::MissingKey, format!("target `{target_name}` has no `schema`"))
                    .at(at, "add `schema:`, the database that models are built in")
                    .boxed());
            }
        };
        credentials.insert("schema".to_owned(), schema.clone().into());
        credentials.insert("threads".to_owned(), threads.into());
        let database = database(&kind, &credentials);
        Ok(Profile { name: name.to_owned(), target_name, threads, kind, credentials, schema, database, span: Some(at) })
    }
}

/// MySQL has no level above the schema; a DuckDB database is called like its file.
fn database(kind: &str, credentials: &Map<String, Value>) -> Option<String> {
    if kind != "duckdb" {
        return None;
    }
    if let Some(database) = credentials.get("database").and_then(Value::as_str) {
        return Some(database.to_owned());
    }
    let path = credentials.get("path").and_then(Value::as_str).unwrap_or(":memory:");
    match path {
        ":memory:" | "" => Some("memory".to_owned()),
        path => Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned()),
    }
}

fn threads(credentials: &Map<String, Value>, place: &dyn Fn(&str) -> Span) -> diag::Result<usize> {
    match credentials.get("threads") {
        None | Some(Value::Null) => Ok(1),
        Some(value) => value.as_u64().filter(|threads| *threads > 0).map(|threads| threads as usize).ok_or_else(|| {
            Diagnostic::error(Code::InvalidValue, "`threads` must be a whole number above 0")
                .at(place("threads"), format!("this is {value}"))
                .boxed()
        }),
    }
}

fn unknown_type(kind: &str, at: Span) -> Diagnostic {
    let known = ["mysql", "mariadb", "duckdb"];
    let error = Diagnostic::error(Code::NotSupported, format!("warehouses of type `{kind}` are not supported"))
        .at(at, suggest::nearest(kind, known).map_or_else(String::new, |near| format!("did you mean `{near}`?")));
    error.note("supported types are `mysql`, `mariadb`, `duckdb`")
}

fn span(file: &Arc<SourceFile>, range: &std::ops::Range<u32>) -> Span {
    Span { file: file.clone(), range: range.clone() }
}

/// `--profiles-dir` or `DBT_PROFILES_DIR` alone, else the current folder, the project, `~/.dbt`.
fn find(request: &Request, root: &Path, profile: &str) -> diag::Result<PathBuf> {
    let asked = request.profiles_dir.clone().or_else(|| request.env.option("PROFILES_DIR").map(PathBuf::from));
    let places: Vec<PathBuf> = match asked {
        Some(folder) => vec![request.cwd.join(expand_home(&folder, request))],
        None => {
            let mut places = vec![request.cwd.clone()];
            if root != request.cwd {
                places.push(root.to_path_buf());
            }
            places.extend(home(request).map(|home| home.join(".dbt")));
            places
        }
    };
    if let Some(found) = places.iter().map(|folder| folder.join(FILE)).find(|file| file.is_file()) {
        return Ok(found);
    }
    let searched: Vec<String> = places.iter().map(|folder| folder.join(FILE).display().to_string()).collect();
    let searched: Vec<&str> = searched.iter().map(String::as_str).collect();
    Err(Diagnostic::error(Code::ProfileNotFound, format!("no `{FILE}` found, so there is no profile `{profile}`"))
        .note(format!("looked for {}", list(&searched)))
        .help("`headwater init` asks for what it needs and writes it; `--profiles-dir <folder>` names another folder")
        .boxed())
}

fn home(request: &Request) -> Option<PathBuf> {
    request.env.get("HOME").or_else(|| request.env.get("USERPROFILE")).map(PathBuf::from)
}

pub(super) fn expand_home(folder: &Path, request: &Request) -> PathBuf {
    match (folder.strip_prefix("~"), home(request)) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => folder.to_path_buf(),
    }
}

fn no_profile(name: &str, file: &Arc<SourceFile>, profiles: &Mapping, path: &Path) -> Diagnostic {
    let names: Vec<&str> = profiles.iter().map(|(key, _)| key.name.as_str()).filter(|name| *name != "config").collect();
    let error = Diagnostic::error(Code::ProfileNotFound, format!("there is no profile `{name}` in `{}`", file.path));
    let error = if names.is_empty() {
        error.note(format!("`{}` defines no profile", path.display()))
    } else {
        error.note(format!("`{}` defines {}", path.display(), list(&names)))
    };
    match suggest::nearest(name, names.iter().copied()) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error
            .help("`headwater init` adds it; or choose one with `--profile`, or change `profile:` in dbt_project.yml"),
    }
}

fn outputs<'a>(file: &Arc<SourceFile>, key: &Key, profile: &'a Node) -> diag::Result<&'a Mapping> {
    match profile.get("outputs").map(|node| (node, node.as_map())) {
        Some((_, Some(outputs))) if !outputs.is_empty() => Ok(outputs),
        Some((node, None)) if !node.is_null() => {
            Err(Diagnostic::error(Code::InvalidValue, format!("`outputs` must be a mapping, found {}", node.kind()))
                .at(span(file, &node.range), "")
                .boxed())
        }
        _ => Err(Diagnostic::error(Code::MissingKey, format!("profile `{}` has no `outputs`", key.name))
            .at(span(file, &key.range), "add `outputs:` with at least one target")
            .boxed()),
    }
}

/// Environment variables are texts; a port or a number of threads is meant as number.
fn numbers_of_text(node: &mut Node) {
    let Yaml::Str(text) = &node.value else { return };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    let value = match text.as_str() {
        "true" | "True" => Some(Yaml::Bool(true)),
        "false" | "False" => Some(Yaml::Bool(false)),
        text if is_number => text.parse().ok().map(Yaml::Int),
        _ => None,
    };
    if let Some(value) = value {
        node.value = value;
    }
}

fn reveal(value: &mut Value, invocation: &Invocation) {
    match value {
        Value::String(text) => *text = context::reveal(text, &invocation.env).into_owned(),
        Value::Array(items) => items.iter_mut().for_each(|item| reveal(item, invocation)),
        Value::Object(map) => map.values_mut().for_each(|item| reveal(item, invocation)),
        _ => {}
    }
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
