//! One command being worked on, and the stages that several commands share.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use super::partial::Partial;
use super::{Command, CommandResult, Handover, Host, Options, ParsedProject, state};
use crate::adapter::session::Pool;
use crate::adapter::{self, Adapter};
use crate::artifacts::{self, Inputs};
use crate::compile::{self, Parts, Runtime};
use crate::diag::log::Log;
use crate::diag::{self, Code, Deprecation, Diagnostic};
use crate::execute::{BatchSettings, Event, Job, RunResults, Settings};
use crate::graph::Dag;
use crate::jinja::{Engine, Library};
use crate::manifest::{self, Manifest, Parsed, ResourceType, UniqueId};
use crate::plan::{Plan, Verb};
use crate::project::{self, Known, Project, Request};
use crate::select::state::EarlierManifest;
use crate::select::{self, Earlier, Selected, Selection, Selectors};

/// A stage gives its value, or everything that is wrong.
pub(super) type Stage<T> = Result<T, Vec<Diagnostic>>;

/// What a command works with. Warnings gather in it; a warning that `--warn-error` makes an error ends the command.
pub(super) struct Call<'a> {
    pub command: Command,
    pub options: &'a Options,
    pub host: &'a Host,
    pub jinja: Arc<Engine>,
    pub warnings: Vec<Diagnostic>,
    /// How often each was found, told or not.
    pub deprecations: BTreeMap<Deprecation, usize>,
    /// Where they were found.
    pub places: HashSet<(Deprecation, String, u32)>,
    /// Behaviour flag `require_event_names_in_deprecations`.
    pub event_names: bool,
    /// `retry`: exactly these, instead of what the options select.
    pub only: Option<HashSet<String>>,
    /// `retry`: what the run before came to.
    pub before: BatchSettings,
}

/// A parsed project.
pub(super) struct Ready {
    pub project: Arc<Project>,
    pub adapter: Arc<dyn Adapter>,
    pub manifest: Arc<Manifest>,
    pub library: Arc<Library>,
    pub dag: Dag,
    /// The artifacts of `--state`.
    pub earlier: Option<Earlier>,
    /// The manifest of `--defer`.
    pub deferred: Option<EarlierManifest>,
}

/// A project that is read, with what is known of its last parse.
struct Begun<'a> {
    partial: Partial<'a>,
    project: Arc<Project>,
    adapter: Arc<dyn Adapter>,
    /// Its warnings and counts have been told.
    told: bool,
}

impl<'a> Call<'a> {
    pub(super) fn new(command: Command, options: &'a Options, host: &'a Host) -> Self {
        let jinja = match &host.modules {
            Some(modules) => Engine::with_modules(modules.clone()),
            None => Engine::new(),
        };
        Self {
            command,
            options,
            host,
            jinja: Arc::new(jinja),
            warnings: Vec::new(),
            deprecations: BTreeMap::new(),
            places: HashSet::new(),
            event_names: false,
            only: None,
            before: BatchSettings::default(),
        }
    }

    pub(super) fn request(&self) -> Request {
        let options = self.options;
        Request {
            invocation_id: self.host.invocation_id.clone(),
            project_dir: options.project_dir.clone(),
            profiles_dir: options.profiles_dir.clone(),
            profile: options.profile.clone(),
            target: options.target.clone(),
            vars: options.vars.clone(),
            threads: options.threads,
            target_path: options.target_path.clone(),
            log_path: options.log_path.clone(),
            flags: options.flags(self.command),
            arguments: options.arguments(self.command),
            skip_version_check: !options.version_check,
            without_missing_packages: self.command == Command::Debug,
            env: self.host.env.clone(),
            cwd: self.host.cwd.clone(),
        }
    }

    /// Keeps warnings, as `--warn-error` says.
    pub(super) fn warn(&mut self, warnings: impl IntoIterator<Item = Diagnostic>) -> Stage<()> {
        let judged = self.judged(warnings);
        let (errors, warnings): (Vec<_>, Vec<_>) = judged.into_iter().partition(Diagnostic::is_error);
        self.warnings.extend(warnings);
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// What is told of these: as `--warn-error` says, and of each kind of deprecation the first.
    pub(super) fn judged(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) -> Vec<Diagnostic> {
        let mut told: Vec<Diagnostic> =
            diagnostics.into_iter().filter_map(|diagnostic| self.options.warn_error.apply(diagnostic)).collect();
        for diagnostic in told.iter_mut().filter(|_| self.event_names) {
            diagnostic
                .notes
                .extend(diagnostic.deprecation.map(|kind| format!("dbt's name of this is `{}`", kind.event())));
        }
        told.retain(|diagnostic| {
            let Some(kind) = diagnostic.deprecation.filter(|_| !diagnostic.is_error()) else { return true };
            // What a YAML anchor repeats stands in one place.
            let place = diagnostic.primary.as_ref().map(|label| (label.span.file.path.clone(), label.span.range.start));
            if place.is_some_and(|(path, start)| !self.places.insert((kind, path, start))) {
                return false;
            }
            let seen = self.deprecations.entry(kind).or_default();
            *seen += 1;
            // What has a code of its own is a mistake as well, wherever it stands.
            *seen == 1 || self.options.show_all_deprecations || diagnostic.code != Code::Deprecated
        });
        told
    }

    /// How often each kind of deprecated thing was found.
    pub(super) fn deprecations_summary(&self) -> Option<Diagnostic> {
        let total: usize = self.deprecations.values().sum();
        if total == 0 {
            return None;
        }
        let times = |count: usize| if count == 1 { "once".to_owned() } else { format!("{count} times") };
        let text = format!("deprecated things were found {}", times(total));
        let listed = self.deprecations.iter().map(|(kind, count)| format!("`{}` {}", kind.event(), times(*count)));
        let mut summary = Diagnostic::warning(Code::DeprecationsSummary, text);
        summary.notes.extend(listed);
        let counted = self.deprecations.iter().map(
            |(kind, count)| json!({"event_code": kind.event_code(), "event_name": kind.event(), "occurrences": count}),
        );
        let hint = total > self.deprecations.len() && !self.options.show_all_deprecations;
        let data = json!({"show_all_hint": hint, "summaries": counted.collect::<Vec<_>>()});
        summary = summary.event(Deprecation::SUMMARY_EVENT, data);
        if hint {
            summary = summary.help("`--show-all-deprecations` shows every place");
        }
        self.options
            .warn_error
            .apply(summary)
            .map(|summary| Diagnostic { severity: diag::Severity::Warning, ..summary })
    }

    /// Reads the project and makes the adapter of its target. Opens no connection.
    pub(super) fn load(&mut self) -> Stage<(Arc<Project>, Arc<dyn Adapter>)> {
        self.load_known(|_| Known::default())
    }

    /// The same; what `known` gives for the target folder is read only if it has changed.
    pub(super) fn load_known(&mut self, known: impl FnOnce(&Path) -> Known) -> Stage<(Arc<Project>, Arc<dyn Adapter>)> {
        let project = project::load_known(&self.request(), &self.jinja, known)?;
        self.event_names = project.behaves("require_event_names_in_deprecations");
        self.warn(project.warnings.iter().cloned())?;
        let profile = &project.profile;
        let adapter = adapter::open(&profile.kind, &profile.credentials, &project.root, &self.host.drivers).map_err(
            |problem| {
                vec![match (&problem.primary, &profile.span) {
                    (None, Some(span)) => problem.at(span.clone(), "this target"),
                    _ => *problem,
                }]
            },
        )?;
        Ok((Arc::new(project), adapter))
    }

    /// Parses the project, draws its graph, and writes manifest.json.
    pub(super) fn ready(&mut self) -> Stage<Ready> {
        let begun = self.begin()?;
        let mut ready = self.finish(begun)?;
        if self.options.store_failures == Some(true) {
            manifest::store_failures(&mut ready.manifest, &ready.project, &*ready.adapter);
        }
        Ok(ready)
    }

    /// The same, without the graph where nothing has changed and nobody wants the manifest.
    pub(super) fn parse(&mut self) -> Stage<CommandResult> {
        let mut begun = self.begin()?;
        let looks_back = self.options.state.is_some() || self.options.defer_state.is_some();
        let wanted = !matches!(self.host.parsed, Handover::None);
        if !looks_back
            && !wanted
            && let Some(summary) = begun.partial.summary()
        {
            // A warning may be an error; then nothing is written.
            self.warn(summary.warnings)?;
            let names = found(&Manifest::default()).into_iter().map(|(name, _)| name);
            self.host.events.event(&Event::Found { counts: names.zip(summary.counts).collect() });
            begun.told = true;
            if begun.partial.copy(&begun.project, &summary.semantic_manifest) {
                begun.partial.repeat(&begun.project);
                return Ok(CommandResult::Nothing);
            }
        }
        let Ready { project, manifest, .. } = self.finish(begun)?;
        Ok(match &self.host.parsed {
            Handover::None => CommandResult::Nothing,
            Handover::Wanted => CommandResult::Parsed(Arc::new(ParsedProject { project, manifest })),
            Handover::Given(parsed) => CommandResult::Parsed(parsed.clone()),
        })
    }

    fn begin(&mut self) -> Stage<Begun<'a>> {
        let mut partial = Partial::new(self);
        let (project, adapter) = match &self.host.parsed {
            Handover::Given(parsed) => {
                let (project, adapter) = self.load_known(|_| parsed.known())?;
                parsed.check(&project)?;
                (project, adapter)
            }
            Handover::None | Handover::Wanted => self.load_known(|target| partial.open(target))?,
        };
        // As in dbt, a mistake in selectors.yml is told by commands that select nothing as well.
        if let Some(document) = &project.selectors {
            Selectors::read(&document.file, &document.root)?;
        }
        self.host.events.event(&Event::Adapter { kind: adapter.kind().to_owned(), version: crate::VERSION });
        if !matches!(self.host.parsed, Handover::Given(_)) {
            partial.compare(&project, &*adapter);
        }
        Ok(Begun { partial, project, adapter, told: false })
    }

    fn finish(&mut self, begun: Begun<'_>) -> Stage<Ready> {
        let Begun { mut partial, project, adapter, told } = begun;
        if let Handover::Given(parsed) = &self.host.parsed {
            let manifest = parsed.manifest.clone();
            let library = manifest::library(&parsed.project)?;
            self.host.events.event(&Event::Found { counts: found(&manifest) });
            return self.drawn(project, adapter, manifest, library);
        }
        let Parsed { manifest, library, observed } = partial.parse(&project, &*adapter)?;
        let counts = found(&manifest);
        let numbers = counts.iter().map(|(_, number)| *number).collect();
        if !told {
            self.warn(manifest.warnings.iter().cloned())?;
        }
        if !told {
            self.host.events.event(&Event::Found { counts });
        }
        let ready = self.drawn(project, adapter, manifest, library)?;
        partial.keep(&ready, observed.as_ref(), numbers, || self.write_manifest(&ready, None))?;
        self.write_semantic_manifest(&ready)?;
        Ok(ready)
    }

    /// The graph, and what the command compares with.
    fn drawn(
        &self,
        project: Arc<Project>,
        adapter: Arc<dyn Adapter>,
        manifest: Arc<Manifest>,
        library: Arc<Library>,
    ) -> Stage<Ready> {
        let dag = Dag::new(&manifest)?;
        let earlier = state::read(&project, self.options)?;
        let deferred = state::deferred(&project, self.command, self.options, earlier.as_ref())?;
        Ok(Ready { project, adapter, manifest, library, dag, earlier, deferred })
    }

    /// What the command line selects, of the types that the command works on.
    pub(super) fn select(&mut self, ready: &Ready, types: &[ResourceType]) -> Stage<Selected> {
        if let Some(only) = &self.only {
            let ids = (0..ready.dag.len()).map(|at| ready.dag.id(at)).filter(|id| only.contains(&***id)).cloned();
            return Ok(Selected { ids: ids.collect(), warnings: Vec::new() });
        }
        let mut types = types.to_vec();
        if !self.options.resource_types.is_empty() {
            types.retain(|kind| self.options.resource_types.contains(kind));
        }
        types.retain(|kind| !self.options.exclude_resource_types.contains(kind));
        if types.is_empty() {
            return Ok(Selected::default());
        }
        let selection = Selection {
            select: self.options.select.clone(),
            exclude: self.options.exclude.clone(),
            selector: self.options.selector.clone(),
            indirect: self.options.indirect_selection,
            resource_types: types,
        };
        let selectors = match &ready.project.selectors {
            Some(document) => Some(Selectors::read(&document.file, &document.root)?),
            None => None,
        };
        let own = match ready.earlier {
            None if self.options.keep_state && select::looks_back(&selection, selectors.as_ref()) => {
                let own = state::own(&ready.project, &*ready.adapter, self.options);
                let (own, warning) = own.map_err(|problem| vec![*problem])?;
                self.warn(warning)?;
                Some(own)
            }
            _ => None,
        };
        let earlier = ready.earlier.as_ref().or(own.as_ref());
        let mut selected = select::resolve(&selection, &ready.manifest, &ready.dag, selectors.as_ref(), earlier)?;
        self.warn(std::mem::take(&mut selected.warnings))?;
        Ok(selected)
    }

    /// Tells that there is nothing to do, unless it has been told why.
    pub(super) fn warn_of_nothing(&mut self) -> Stage<()> {
        if self.warnings.iter().any(|warning| warning.code == Code::NoNodesSelected) {
            return Ok(());
        }
        let warning = Diagnostic::warning(Code::NoNodesSelected, "nothing is selected, so there is nothing to do");
        self.warn([warning.help(format!("`headwater ls` shows what a selection means for {}", self.command.as_str()))])
    }

    pub(super) fn runtime(&self, ready: &Ready, selected: Vec<UniqueId>, write_sql: bool) -> Stage<Arc<Runtime>> {
        let log: Arc<dyn Log> = self.host.log.clone();
        let favor = self.options.favor_state;
        let deferred = ready.deferred.as_ref();
        let deferred = deferred.map(|earlier| state::deferred_relations(&ready.manifest, earlier, &selected, favor));
        let deferred = deferred.unwrap_or_default();
        let options = compile::Options {
            deferred,
            empty: self.options.empty,
            sample: self.options.sample,
            no_introspection: !self.options.introspect,
            no_injection: !self.options.inject_ephemeral_ctes,
            selected,
            arguments: self.options.arguments(self.command),
            write_sql,
        };
        Runtime::new(Parts {
            project: ready.project.clone(),
            manifest: ready.manifest.clone(),
            library: ready.library.clone(),
            engine: self.jinja.clone(),
            pool: Pool::new(ready.adapter.clone(), log.clone()),
            log,
            options,
        })
        .map_err(|problem| vec![*problem])
    }

    pub(super) fn job(&self, runtime: Arc<Runtime>, plan: Plan) -> Job {
        let is_error = |code| self.options.warn_error.severity(code) == Some(diag::Severity::Error);
        let settings = Settings {
            threads: runtime.project.profile.threads,
            fail_fast: self.options.fail_fast,
            warn_error: is_error(Code::TestFailed),
            stale_is_error: is_error(Code::StaleSource),
            populate: self.options.populate,
            compiles_hooks: self.options.select.is_empty() && self.options.selector.is_none() && self.only.is_none(),
            batches: BatchSettings { asked: self.options.sample.or(self.options.event_time), ..self.before.clone() },
        };
        Job { runtime, plan, settings, events: self.host.events.clone(), cancel: self.host.cancel.clone() }
    }

    pub(super) fn write_manifest(&self, ready: &Ready, results: Option<&RunResults>) -> Stage<Option<artifacts::Body>> {
        if !self.options.write_json {
            return Ok(None);
        }
        let path = ready.project.target_path.join("manifest.json");
        let body = artifacts::write_manifest(&path, &ready.project, &ready.manifest, results)
            .map_err(|problem| vec![*problem])?;
        self.wrote("WritableManifest", path);
        Ok(Some(body))
    }

    /// Tells of an artifact, by dbt's name of its kind.
    pub(super) fn wrote(&self, kind: &'static str, path: PathBuf) {
        self.host.events.event(&Event::Written { kind, path });
    }

    /// Beside manifest.json: which variables things are rendered with.
    pub(super) fn write_inputs(&self, ready: &Ready, runtime: &Runtime) -> Stage<()> {
        if !self.options.write_json {
            return Ok(());
        }
        let project = &ready.project;
        Inputs::write(&project.target_path, project, &ready.manifest, &|id| runtime.inputs(id))
            .map_err(|problem| vec![*problem])
    }

    fn write_semantic_manifest(&self, ready: &Ready) -> Stage<()> {
        if !self.options.write_json {
            return Ok(());
        }
        let path = ready.project.target_path.join("semantic_manifest.json");
        artifacts::write_semantic_manifest(&path, &ready.manifest).map_err(|problem| vec![*problem])?;
        self.wrote("SemanticManifest", path);
        Ok(())
    }

    /// run_results.json, and manifest.json again with what has been compiled.
    pub(super) fn write_results(&self, ready: &Ready, results: &RunResults) -> Stage<()> {
        if self.command != Command::RunOperation {
            self.host.events.event(&Event::Results(Arc::new(results.clone())));
        }
        if !self.options.write_json {
            return Ok(());
        }
        let path = ready.project.target_path.join("run_results.json");
        let arguments = self.options.said(self.command, &ready.project);
        artifacts::write_run_results(&path, &ready.project, results, &arguments).map_err(|problem| vec![*problem])?;
        self.wrote("RunExecutionResult", path);
        self.write_manifest(ready, Some(results)).map(drop)
    }
}

/// What is in the project, in dbt's order.
fn found(manifest: &Manifest) -> Vec<(&'static str, usize)> {
    use ResourceType::{Analysis, Model, Operation, Seed, Snapshot, Test};
    let nodes = |kind| manifest.nodes.values().filter(|node| node.resource_type == kind).count();
    vec![
        ("model", nodes(Model)),
        ("snapshot", nodes(Snapshot)),
        ("analysis", nodes(Analysis)),
        ("data test", nodes(Test)),
        ("seed", nodes(Seed)),
        ("operation", nodes(Operation)),
        ("source", manifest.sources.len()),
        ("exposure", manifest.exposures.len()),
        ("metric", manifest.metrics.len()),
        ("macro", manifest.macros.len()),
        ("group", manifest.groups.len()),
        ("semantic model", manifest.semantic_models.len()),
        ("saved query", manifest.saved_queries.len()),
        ("unit test", manifest.unit_tests.len()),
    ]
}

/// The verb of commands that run a plan.
pub(super) fn verb(command: Command) -> Verb {
    match command {
        Command::Run => Verb::Run,
        Command::Test => Verb::Test,
        Command::Seed => Verb::Seed,
        Command::Snapshot => Verb::Snapshot,
        Command::Compile => Verb::Compile,
        Command::Show => Verb::Show,
        Command::SourceFreshness => Verb::Freshness,
        Command::Clone => Verb::Clone,
        _ => Verb::Build,
    }
}
