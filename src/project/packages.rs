//! packages.yml and dependencies.yml: what a project asks for; and which of it is installed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::context::{self, Secrecy};
use super::deps::shown_url;
use super::{Env, Invocation, Secrets, files, location, render};
use crate::diag::{Code, Deprecation, Diagnostic, SourceFile, Span};
use crate::jinja::Engine;
use crate::yaml::{self, Fields, Node, Yaml};

/// What `deps` resolved.
pub(super) const LOCK_FILE: &str = "package-lock.yml";

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    /// A folder, relative to the project.
    Local(String),
    /// `dbt-labs/dbt_utils` of hub.getdbt.com.
    Hub {
        package: String,
        /// Each a version or a range; all of them hold.
        versions: Vec<String>,
        prerelease: bool,
    },
    Git {
        url: String,
        revision: Option<String>,
        subdirectory: Option<String>,
        warn_unpinned: bool,
        /// `private:` and `provider:` of an entry that names the repository so.
        private: Option<(String, Option<String>)>,
    },
    Tarball {
        name: Option<String>,
        url: String,
    },
    /// A `private:` without an address.
    Private {
        name: String,
        why: String,
    },
}

impl Source {
    /// In words, for messages; without logins.
    pub(super) fn describe(&self, secrets: &Secrets) -> String {
        match self {
            Self::Local(path) => format!("local folder `{path}`"),
            Self::Hub { package, .. } => format!("hub package `{package}`"),
            Self::Git { url, .. } => format!("git repository `{}`", shown_url(url, secrets)),
            Self::Tarball { url, .. } => format!("tarball `{}`", shown_url(url, secrets)),
            Self::Private { name, .. } => format!("private package `{name}`"),
        }
    }

    /// The package's name where the entry tells it.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Hub { package, .. } => package.rsplit('/').next(),
            Self::Tarball { name, .. } => name.as_deref(),
            _ => None,
        }
    }
}

/// An entry of packages.yml.
#[derive(Debug, Clone)]
pub(super) struct Requested {
    pub source: Source,
    pub span: Span,
    pub rendered: Map<String, Value>,
    pub written: Map<String, Value>,
}

/// Everything that the project in `root` asks for. `prefix` goes before the file's name in messages.
pub(super) fn requested(
    root: &Path,
    prefix: &str,
    engine: &Engine,
    invocation: &Arc<Invocation>,
    diags: &mut Vec<Diagnostic>,
) -> Vec<Requested> {
    let packages = document(root, prefix, "packages.yml", diags);
    let dependencies = document(root, prefix, "dependencies.yml", diags);
    let mut found = Vec::new();
    if let Some((file, node)) = packages {
        found.extend(entries(&file, node, Some((engine, invocation)), diags));
    }
    if let Some((file, node)) = dependencies {
        // dbt does not render this one.
        let entries = entries(&file, node, None, diags);
        if let (Some(first), Some(other)) = (found.first(), entries.first()) {
            diags.push(
                Diagnostic::error(Code::InvalidValue, "both packages.yml and dependencies.yml ask for packages")
                    .at(other.span.clone(), "asked for here")
                    .place(first.span.clone(), "and here")
                    .help("keep `packages:` in one of the two files"),
            );
        }
        found.extend(entries);
    }
    found
}

/// The packages of package-lock.yml and the hash of what was asked for when it was written; none if there is no file.
pub(super) fn locked(
    root: &Path,
    engine: &Engine,
    invocation: &Arc<Invocation>,
    diags: &mut Vec<Diagnostic>,
) -> Option<(Option<String>, Vec<Requested>)> {
    let (file, mut node) = document(root, "", LOCK_FILE, diags)?;
    let hash = match &mut node.value {
        Yaml::Map(map) => map.remove("sha1_hash").and_then(|(_, hash)| hash.as_str().map(str::to_owned)),
        _ => None,
    };
    Some((hash, entries(&file, node, Some((engine, invocation)), diags)))
}

/// The entries of a text that is no file here.
pub(super) fn of_text(file: &Arc<SourceFile>, diags: &mut Vec<Diagnostic>) -> Vec<Requested> {
    match yaml::parse(file, diags) {
        Ok(node) => entries(file, node, None, diags),
        Err(problem) => {
            diags.push(*problem);
            Vec::new()
        }
    }
}

fn document(root: &Path, prefix: &str, name: &str, diags: &mut Vec<Diagnostic>) -> Option<(Arc<SourceFile>, Node)> {
    let path = root.join(name);
    if !path.is_file() {
        return None;
    }
    let shown = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
    let read = files::read_packages(&path, &shown).and_then(|file| yaml::parse(&file, diags).map(|node| (file, node)));
    read.map_err(|error| diags.push(*error)).ok().filter(|(_, node)| !node.is_null())
}

fn entries(
    file: &Arc<SourceFile>,
    root: Node,
    jinja: Option<(&Engine, &Arc<Invocation>)>,
    diags: &mut Vec<Diagnostic>,
) -> Vec<Requested> {
    let Some(mut fields) = Fields::new(root, file, "packages file", diags) else { return Vec::new() };
    let items = fields.list("packages");
    if let Some((key, node)) = fields.entry("projects")
        && node.as_seq().is_some_and(|projects| !projects.is_empty())
    {
        let span = fields.span(&key.range);
        fields.report(
            Diagnostic::error(Code::NotSupported, "references to other projects (`projects:`) are not supported")
                .at(span, "")
                .help("install the other project as a package"),
        );
    }
    fields.finish(Deprecation::CustomKeyInObject);
    let mut found = Vec::new();
    for item in items {
        let written = item.as_map().map(|map| map.to_json()).unwrap_or_default();
        let mut rendered = item;
        if let Some((engine, invocation)) = jinja {
            let context = context::configuration(invocation, engine, None, &invocation.root_vars(), Secrecy::Allowed);
            render::yaml(engine, file, &mut rendered, &context, &|_| false, diags);
            reveal(&mut rendered, &invocation.env);
        }
        found.extend(entry(file, rendered, written, diags));
    }
    found
}

fn entry(
    file: &Arc<SourceFile>,
    node: Node,
    written: Map<String, Value>,
    diags: &mut Vec<Diagnostic>,
) -> Option<Requested> {
    let rendered = node.as_map().map(|map| map.to_json()).unwrap_or_default();
    let mut fields = Fields::new(node, file, "package", diags)?;
    let start = fields.range().start as usize;
    let span = Span::new(file, start..file.line_range(file.line_column(start).0).end.max(start));
    let (local, package, git) = (fields.str("local"), fields.str("package"), fields.str("git"));
    let (tarball, private, name) = (fields.str("tarball"), fields.str("private"), fields.str("name"));
    let versions = fields.texts("version").unwrap_or_default();
    let prerelease = fields.bool("install_prerelease").or_else(|| fields.bool("install-prerelease"));
    let (revision, subdirectory) = (fields.str("revision"), fields.str("subdirectory"));
    let warn_unpinned = fields.bool("warn-unpinned").unwrap_or(true);
    let provider = fields.str("provider");
    fields.take("unrendered");
    let kinds = [&local, &package, &git, &tarball, &private].iter().filter(|kind| kind.is_some()).count();
    if kinds > 1 {
        let error = Diagnostic::error(Code::InvalidValue, "an entry of `packages` names two sources");
        fields.report(error.at(span.clone(), "keep one of `local:`, `package:`, `git:`, `tarball:`, `private:`"));
    }
    let source = if let Some(path) = local {
        Some(Source::Local(path))
    } else if let Some(package) = package {
        let wrong = match (versions.is_empty(), package.split_once('/')) {
            (true, _) => Some(("has no `version`", "add `version:`, such as `[\">=1.0.0\", \"<2.0.0\"]`")),
            (_, None) => Some(("has no owner", "hub packages are called `owner/name`")),
            _ => None,
        };
        if let Some((what, label)) = wrong {
            let error = Diagnostic::error(Code::MissingKey, format!("the hub package `{package}` {what}"));
            fields.report(error.at(span.clone(), label));
        }
        Some(Source::Hub { package, versions, prerelease: prerelease.unwrap_or(false) })
    } else if let Some(url) = git {
        Some(Source::Git { url, revision, subdirectory, warn_unpinned, private: None })
    } else if let Some(url) = tarball {
        if name.is_none() {
            fields.missing("name");
        }
        Some(Source::Tarball { name, url })
    } else {
        private.map(|name| match private_address(&name, provider.as_deref()) {
            Ok(url) => Source::Git { url, revision, subdirectory, warn_unpinned, private: Some((name, provider)) },
            Err(why) => Source::Private { name, why },
        })
    };
    if source.is_none() {
        let error = Diagnostic::error(Code::MissingKey, "an entry of `packages` does not say where it comes from");
        fields.report(error.at(span.clone(), "add `local:`, `package:`, `git:` or `tarball:`"));
    }
    fields.finish(Deprecation::CustomKeyInObject);
    Some(Requested { source: source?, span, rendered, written })
}

/// Where dbt looks for a private package outside of its vendor's platform: at the provider, over SSH.
fn private_address(name: &str, provider: Option<&str>) -> Result<String, String> {
    match provider.unwrap_or("github") {
        "github" => Ok(format!("git@github.com:{name}.git")),
        "gitlab" => Ok(format!("git@gitlab.com:{name}.git")),
        "ado" | "azure_devops" if name.split('/').count() >= 3 => Ok(format!("git@ssh.dev.azure.com:v3/{name}")),
        provider @ ("ado" | "azure_devops") => {
            Err(format!("packages of the provider `{provider}` are called `organisation/project/repository`"))
        }
        provider => Err(format!("`{provider}` is none of the providers github, gitlab, ado and azure_devops")),
    }
}

/// Puts the values of secrets into rendered texts.
fn reveal(node: &mut Node, env: &Env) {
    match &mut node.value {
        Yaml::Str(text) => *text = context::reveal(text, env).into_owned(),
        Yaml::Seq(items) => items.iter_mut().for_each(|item| reveal(item, env)),
        Yaml::Map(map) => map.entries.iter_mut().for_each(|(_, value)| reveal(value, env)),
        _ => {}
    }
}

/// The folders of installed packages, by name.
pub(super) fn installed(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with(['.', '_']))
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}

/// Errors for what is asked for and not there.
pub(super) fn missing(
    requested: &[Requested],
    installed: &[&str],
    root: &Path,
    folder: &Path,
    secrets: &Secrets,
) -> Vec<Diagnostic> {
    let folder = location::display(folder, root);
    let mut missing: Vec<Diagnostic> = requested
        .iter()
        .filter(|request| {
            let name = request.source.name().map(str::to_owned).or_else(|| local_name(request, root));
            name.is_some_and(|name| !installed.contains(&name.as_str()))
        })
        .map(|request| not_installed(request, &folder, secrets))
        .collect();
    // Of git and private packages the name is not known before they are there: count them.
    if missing.is_empty() && installed.len() < requested.len() {
        missing.extend(requested.iter().rev().find(|request| request.source.name().is_none()).map(|request| {
            not_installed(request, &folder, secrets).note(format!(
                "{} packages are asked for, `{folder}` has {}",
                requested.len(),
                installed.len()
            ))
        }));
    }
    missing
}

fn not_installed(request: &Requested, folder: &str, secrets: &Secrets) -> Diagnostic {
    let what = request.source.describe(secrets);
    Diagnostic::error(Code::Dependency, format!("{what} is not installed in `{folder}`"))
        .at(request.span.clone(), "asked for here")
        .help("run `headwater deps`")
}

fn local_name(request: &Requested, root: &Path) -> Option<String> {
    let Source::Local(path) = &request.source else { return None };
    project_name(&root.join(path))
}

/// `name:` of the dbt_project.yml in a folder.
pub(super) fn project_name(folder: &Path) -> Option<String> {
    let file = files::read(&folder.join(location::PROJECT_FILE), location::PROJECT_FILE).ok()?;
    let node = yaml::parse(&file, &mut Vec::new()).ok()?;
    node.get("name")?.as_str().map(str::to_owned)
}
