//! Reading a project, from its folder to all its files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::Utc;
use serde_json::{Map, Value, json};

use super::context::{self, Secrecy};
use super::settings::{self, Origin, VersionCheck};
use super::vars::Declaration;
use super::{
    Document, Env, Invocation, Known, Package, PackageConfig, Profile, Project, ProjectOnly, Request, Secrets, Vars,
    WrittenVars, behavior, embedded, files, location, packages, profile, render,
};
use crate::diag::{self, Code, Deprecation, Diagnostic, Severity, SourceFile, Span};
use crate::jinja::Engine;
use crate::yaml::{self, Fields, Node};

/// Reads dbt_project.yml, the chosen target of the profile, the packages and all files.
///
/// # Errors
/// Everything that is wrong with them, as far as it can be seen at once; warnings are among it.
pub fn load(request: &Request, engine: &Engine) -> Result<Project, Vec<Diagnostic>> {
    load_known(request, engine, |_| Known::default())
}

/// Like [`load`], but files that `known` has are read only if they have changed. It is given the target folder.
///
/// # Errors
/// As [`load`].
pub fn load_known(
    request: &Request,
    engine: &Engine,
    known: impl FnOnce(&Path) -> Known,
) -> Result<Project, Vec<Diagnostic>> {
    let mut diags = Vec::new();
    let loaded = Loader::new(request, engine).project(known, &mut diags);
    finish(loaded, diags, |project, warnings| project.warnings = warnings)
}

/// What commands need that touch no database: no profile, no files of packages.
///
/// # Errors
/// Everything that is wrong with dbt_project.yml.
pub fn load_project_only(request: &Request, engine: &Engine) -> Result<ProjectOnly, Vec<Diagnostic>> {
    let mut diags = Vec::new();
    let loaded = Loader::new(request, engine).project_only(&mut diags);
    finish(loaded, diags, |project, warnings| project.warnings = warnings)
}

/// `profile:` of the project in a folder, as written.
///
/// # Errors
/// dbt_project.yml cannot be read, or names no profile, or only by Jinja.
pub fn profile_name(root: &Path) -> diag::Result<String> {
    let name = location::PROJECT_FILE;
    let file = files::read(&root.join(name), name)?;
    let node = yaml::parse(&file, &mut Vec::new())?;
    let profile = node.get("profile").and_then(Node::as_str).filter(|profile| !render::has_jinja(profile));
    profile.map(str::to_owned).ok_or_else(|| {
        Diagnostic::error(Code::MissingKey, format!("`{name}` names no profile"))
            .help("add `profile: <name>`; `init` cannot use Jinja here")
            .boxed()
    })
}

fn finish<T>(
    loaded: Option<T>,
    diags: Vec<Diagnostic>,
    set_warnings: impl FnOnce(&mut T, Vec<Diagnostic>),
) -> Result<T, Vec<Diagnostic>> {
    match loaded {
        Some(mut loaded) if !diags.iter().any(Diagnostic::is_error) => {
            set_warnings(&mut loaded, diags);
            Ok(loaded)
        }
        _ => Err(diags),
    }
}

struct Loader<'a> {
    request: &'a Request,
    engine: &'a Engine,
    invocation: Arc<Invocation>,
}

/// dbt_project.yml as written.
struct ProjectFile {
    file: Arc<SourceFile>,
    node: Node,
}

impl<'a> Loader<'a> {
    fn new(request: &'a Request, engine: &'a Engine) -> Self {
        let invocation = Invocation {
            id: match request.invocation_id.is_empty() {
                true => uuid::Uuid::new_v4().to_string(),
                false => request.invocation_id.clone(),
            },
            started_at: Utc::now(),
            env: request.env.clone(),
            secrets: Secrets::new(&request.env),
            cli_vars: request.vars.clone(),
            file_vars: Map::new(),
            arguments: request.arguments.clone(),
        };
        Self { request, engine, invocation: Arc::new(invocation) }
    }

    fn project_only(mut self, diags: &mut Vec<Diagnostic>) -> Option<ProjectOnly> {
        let root = location::root(self.request).map_err(|error| diags.push(*error)).ok()?;
        let vars = self.vars_file(&root, diags);
        let written = self.project_file(&root, "", diags)?;
        let (name, mut config) = self.settings(written, None, Origin::Root(self.version_check(None)), diags)?;
        lay_vars(vars, &mut config, diags);
        let folders = Folders::new(self.request, &root, &config);
        Some(ProjectOnly {
            root,
            name: Arc::from(name),
            config,
            invocation: self.invocation.clone(),
            target_path: folders.target,
            log_path: folders.log,
            packages_install_path: folders.packages_install,
            clean_targets: folders.clean_targets,
            warnings: Vec::new(),
        })
    }

    fn project(mut self, known: impl FnOnce(&Path) -> Known, diags: &mut Vec<Diagnostic>) -> Option<Project> {
        let root = location::root(self.request).map_err(|error| diags.push(*error)).ok()?;
        let vars = self.vars_file(&root, diags);
        let written = self.project_file(&root, "", diags)?;
        let profile = self.profile(&root, &written, diags);
        // Without a profile the rest is still checked, with an undefined `target`.
        let (name, mut config) =
            self.settings(written, profile.as_ref(), Origin::Root(self.version_check(profile.as_ref())), diags)?;
        lay_vars(vars, &mut config, diags);
        let profile = profile?;
        let name: Arc<str> = Arc::from(name);
        let folders = Folders::new(self.request, &root, &config);

        let known = known(&folders.target);
        let mut packages = vec![self.read_files(name.clone(), root.clone(), "", config, &known, diags)];
        let mut of_packages = Vec::new();
        packages.extend(self.installed(&root, &name, &folders.packages_install, &profile, &known, &mut of_packages));
        if self.request.without_missing_packages {
            of_packages.iter_mut().for_each(|problem| problem.severity = Severity::Warning);
        }
        diags.extend(of_packages);
        packages.extend(embedded::packages(&profile.kind, diags));
        let selectors = self.selectors(&root, &profile, diags);

        let declarations: Vec<Declaration<'_>> = packages
            .iter()
            .map(|package| Declaration { package: &package.name, vars: package.config.vars.as_ref() })
            .collect();
        let vars = Arc::new(Vars::new(&self.invocation.cli_vars, &declarations));
        let config = &packages[0].config;
        Some(Project {
            name,
            invocation: self.invocation.clone(),
            target_path: folders.target,
            log_path: folders.log,
            packages_install_path: folders.packages_install,
            clean_targets: folders.clean_targets,
            flags: flags(&config.flags, self.request, &profile),
            dispatch: config.dispatch.clone(),
            query_comment: config.query_comment.clone(),
            selectors,
            vars,
            warnings: Vec::new(),
            root,
            packages,
            profile,
        })
    }

    /// vars.yml of the root project; read before dbt_project.yml, which may use its variables.
    fn vars_file(&mut self, root: &Path, diags: &mut Vec<Diagnostic>) -> Option<WrittenVars> {
        let path = root.join(VARS_FILE);
        if !path.is_file() {
            return None;
        }
        let read = files::read(&path, VARS_FILE).and_then(|file| yaml::parse(&file, diags).map(|node| (file, node)));
        let (file, node) = read.map_err(|error| diags.push(*error)).ok()?;
        if node.is_null() {
            return None;
        }
        let mut fields = Fields::new(node, &file, "`vars.yml`", diags)?;
        let vars = settings::vars(&mut fields, &file);
        fields.finish(Deprecation::CustomKeyInObject);
        let vars = vars.filter(|vars| vars.node.as_map().is_some_and(|map| !map.is_empty()))?;
        // Nobody else has it yet.
        if let (Some(invocation), Some(map)) = (Arc::get_mut(&mut self.invocation), vars.node.as_map()) {
            invocation.file_vars = map.to_json();
        }
        Some(vars)
    }

    fn version_check(&self, profile: Option<&Profile>) -> VersionCheck {
        match profile {
            _ if self.request.skip_version_check => VersionCheck::Skip,
            Some(profile) => VersionCheck::Enforce { last: embedded::last_dbt(&profile.kind) },
            None => VersionCheck::DatabaseUnknown,
        }
    }

    fn project_file(&self, root: &Path, prefix: &str, diags: &mut Vec<Diagnostic>) -> Option<ProjectFile> {
        let name = location::PROJECT_FILE;
        let shown = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        let read = files::read(&root.join(name), &shown)
            .and_then(|file| yaml::parse(&file, diags).map(|node| ProjectFile { file, node }));
        read.map_err(|error| diags.push(*error)).ok()
    }

    fn settings(
        &self,
        written: ProjectFile,
        profile: Option<&Profile>,
        origin: Origin,
        diags: &mut Vec<Diagnostic>,
    ) -> Option<(String, PackageConfig)> {
        let ProjectFile { file, mut node } = written;
        let vars = match origin {
            Origin::Root(_) => self.invocation.root_vars(),
            _ => self.invocation.cli_vars.clone(),
        };
        let context = context::configuration(&self.invocation, self.engine, profile, &vars, Secrecy::Forbidden);
        let before = node.clone();
        render::yaml(self.engine, &file, &mut node, &context, &settings::is_late, diags);
        settings::read(&file, node, before, origin, diags)
    }

    /// `--profile`, `DBT_PROFILE`, or `profile:` of dbt_project.yml, which may be Jinja.
    fn profile(&self, root: &Path, written: &ProjectFile, diags: &mut Vec<Diagnostic>) -> Option<Profile> {
        let name = match self.profile_name(written) {
            Ok(name) => name,
            Err(error) => {
                diags.push(*error);
                return None;
            }
        };
        profile::load(&name, self.request, root, self.engine, &self.invocation, diags)
    }

    fn profile_name(&self, written: &ProjectFile) -> diag::Result<String> {
        let asked = self.request.profile.as_deref().or_else(|| self.request.env.option("PROFILE"));
        if let Some(name) = asked {
            return Ok(name.to_owned());
        }
        let Some(node) = written.node.get("profile").filter(|node| node.as_str().is_some()) else {
            return Err(Diagnostic::error(Code::MissingKey, format!("`{}` names no profile", written.file.path))
                .help("add `profile: <name>`, or pass `--profile <name>`")
                .boxed());
        };
        let context = context::early(&self.invocation, self.engine, Secrecy::Forbidden);
        render::text(self.engine, &written.file, node, &context)
    }

    fn read_files(
        &self,
        name: Arc<str>,
        root: PathBuf,
        prefix: &str,
        config: PackageConfig,
        known: &Known,
        diags: &mut Vec<Diagnostic>,
    ) -> Package {
        let files = files::discover(&root, prefix, &config.paths, known, diags);
        Package { name, root, embedded: false, config, files }
    }

    /// The packages in the install folder, and errors for those that are asked for and not there.
    fn installed(
        &self,
        root: &Path,
        root_name: &str,
        folder: &Path,
        profile: &Profile,
        known: &Known,
        diags: &mut Vec<Diagnostic>,
    ) -> Vec<Package> {
        let requested = packages::requested(root, "", self.engine, &self.invocation, diags);
        let mut found: Vec<Package> = Vec::new();
        let mut places: HashMap<Arc<str>, String> =
            HashMap::from([(Arc::from(root_name), "the project itself".to_owned())]);
        for path in packages::installed(folder) {
            let prefix = location::display(&path, root);
            if !path.join(location::PROJECT_FILE).is_file() {
                diags.push(
                    Diagnostic::warning(
                        Code::Dependency,
                        format!("`{prefix}` is not a package: it has no dbt_project.yml"),
                    )
                    .help("remove it, or run `headwater deps`"),
                );
                continue;
            }
            let Some(written) = self.project_file(&path, &prefix, diags) else { continue };
            let origin = Origin::Installed(self.version_check(Some(profile)));
            let Some((name, config)) = self.settings(written, Some(profile), origin, diags) else { continue };
            let name: Arc<str> = Arc::from(name);
            if let Some(other) = places.insert(name.clone(), format!("`{prefix}`")) {
                diags.push(
                    Diagnostic::error(Code::DuplicateName, format!("two packages are called `{name}`"))
                        .note(format!("{other} and `{prefix}`")),
                );
                continue;
            }
            found.push(self.read_files(name, path, &prefix, config, known, diags));
        }
        let names: Vec<&str> = found.iter().map(|package| &*package.name).collect();
        diags.extend(packages::missing(&requested, &names, root, folder, &self.invocation.secrets));
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    fn selectors(&self, root: &Path, profile: &Profile, diags: &mut Vec<Diagnostic>) -> Option<Document> {
        let path = root.join("selectors.yml");
        if !path.is_file() {
            return None;
        }
        let read =
            files::read(&path, "selectors.yml").and_then(|file| yaml::parse(&file, diags).map(|root| (file, root)));
        let (file, mut root) = read.map_err(|error| diags.push(*error)).ok()?;
        let vars = self.invocation.root_vars();
        let context = context::configuration(&self.invocation, self.engine, Some(profile), &vars, Secrecy::Forbidden);
        render::yaml(self.engine, &file, &mut root, &context, &|_| false, diags);
        Some(Document { file, root })
    }
}

const VARS_FILE: &str = "vars.yml";

/// Variables are declared in vars.yml or in dbt_project.yml, not in both.
fn lay_vars(vars: Option<WrittenVars>, config: &mut PackageConfig, diags: &mut Vec<Diagnostic>) {
    let Some(vars) = vars else { return };
    let span = |written: &WrittenVars| Span { file: written.file.clone(), range: written.key.range.clone() };
    let declared = config.vars.as_ref().filter(|vars| vars.node.as_map().is_some_and(|map| !map.is_empty()));
    if let Some(others) = declared {
        let message = "variables are declared both in vars.yml and in dbt_project.yml";
        diags.push(
            Diagnostic::error(Code::InvalidConfig, message)
                .at(span(others), "move these to vars.yml, or the others here")
                .place(span(&vars), ""),
        );
    }
    config.vars = Some(vars);
}

/// Absolute folders of the root project: command line, environment, dbt_project.yml.
struct Folders {
    target: PathBuf,
    log: PathBuf,
    packages_install: PathBuf,
    clean_targets: Vec<PathBuf>,
}

impl Folders {
    fn new(request: &Request, root: &Path, config: &PackageConfig) -> Self {
        let paths = &config.paths;
        let choose = |asked: &Option<PathBuf>, option: &str, default: &str| {
            let chosen = asked.clone().or_else(|| request.env.option(option).map(PathBuf::from));
            location::normal(&root.join(chosen.unwrap_or_else(|| PathBuf::from(default))))
        };
        Self {
            target: choose(&request.target_path, "TARGET_PATH", &paths.target),
            log: choose(&request.log_path, "LOG_PATH", &paths.log),
            packages_install: choose(
                &None,
                "PACKAGES_INSTALL_PATH",
                &install_path(&paths.packages_install, &request.env),
            ),
            clean_targets: paths.clean_targets.iter().map(|path| location::normal(&root.join(path))).collect(),
        }
    }
}

/// `~` in `packages-install-path` is the home folder.
fn install_path(path: &str, env: &Env) -> String {
    match (path.strip_prefix("~/"), env.get("HOME")) {
        (Some(rest), Some(home)) => format!("{home}/{rest}"),
        _ => path.to_owned(),
    }
}

/// Jinja's `flags`, upper case: built-in defaults, `flags:` of the project, the command line.
fn flags(project: &Map<String, Value>, request: &Request, profile: &Profile) -> Map<String, Value> {
    let defaults = json!({
        "CACHE_SELECTED_ONLY": false,
        "DEBUG": false,
        "DEFER": false,
        "EMPTY": false,
        "FAIL_FAST": false,
        "FAVOR_STATE": false,
        "FULL_REFRESH": false,
        "INDIRECT_SELECTION": "eager",
        "INTROSPECT": true,
        "LOG_FORMAT": "default",
        "LOG_LEVEL": "info",
        "POPULATE_CACHE": true,
        "PRINT": true,
        "PRINTER_WIDTH": 80,
        "QUIET": false,
        "SEND_ANONYMOUS_USAGE_STATS": false,
        "STORE_FAILURES": false,
        "USE_COLORS": true,
        "VERSION_CHECK": true,
        "WARN_ERROR": false,
        "WHICH": "",
        "WRITE_JSON": true,
    });
    let mut flags = match defaults {
        Value::Object(flags) => flags,
        _ => Map::new(),
    };
    flags.extend(behavior::defaults());
    flags.insert("PROFILE".to_owned(), profile.name.as_str().into());
    flags.insert("TARGET".to_owned(), profile.target_name.as_str().into());
    flags.extend(project.iter().map(|(name, value)| (name.to_uppercase(), value.clone())));
    flags.extend(request.flags.clone());
    flags
}
