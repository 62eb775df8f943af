//! Parsing only what has changed since the last command, as far as that can be told.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::call::{Call, Ready, Stage};
use super::{Host, Options};
use crate::adapter::Adapter;
use crate::artifacts;
use crate::diag::log::{Detail, Level, LogEntry};
use crate::execute::Event;
use crate::jinja::Engine;
use crate::manifest::saved::{self, Compared, Observed, Saved, Summary};
use crate::manifest::{self, Parsed, Renewed};
use crate::project::{FileChanges, Known, Project};

/// The last manifest.json that was written after a parse.
const ARTIFACT: &str = "partial_parse.json";

/// How many things of a kind the log lists one by one.
const LISTED: usize = 100;

/// One command's way through the saved state of the last one.
pub(super) struct Partial<'a> {
    options: &'a Options,
    host: &'a Host,
    jinja: Arc<Engine>,
    /// Or why there is none.
    saved: Result<Saved, String>,
    /// The manifest is the saved one.
    same: bool,
    /// Where the next command looks.
    path: PathBuf,
}

impl<'a> Partial<'a> {
    pub(super) fn new(call: &Call<'a>) -> Self {
        let saved = Err("it is switched off".to_owned());
        let (options, host, jinja) = (call.options, call.host, call.jinja.clone());
        Self { options, host, jinja, saved, same: false, path: PathBuf::new() }
    }

    /// Opens the saved state, and gives the files that it knows.
    pub(super) fn open(&mut self, target: &Path) -> Known {
        self.path = target.join(saved::FILE);
        if self.options.partial_parse {
            let asked = self.options.partial_parse_file_path.as_ref();
            self.saved = Saved::open(&asked.map_or_else(|| self.path.clone(), |path| self.host.cwd.join(path)));
        }
        self.saved
            .as_ref()
            .map_or_else(|_| Known::default(), |saved| saved.known(!self.options.partial_parse_file_diff))
    }

    /// Forgets the saved state if something has changed that everything depends on.
    pub(super) fn compare(&mut self, project: &Project, adapter: &dyn Adapter) {
        let compared = self.saved.as_ref().map_err(Clone::clone);
        match compared.and_then(|saved| saved.compare(project, adapter, &self.jinja)) {
            Err(why) => {
                self.tell_unable(&why);
                self.saved = Err(why);
            }
            Ok(Compared::Same) => {
                self.same = true;
                self.tell("PartialParsingEnabled", "Partial parsing: nothing has changed");
            }
            Ok(Compared::Partly { looked, files: FileChanges { deleted, added, changed } }) => {
                let (gone, new, other) = (deleted.len(), added.len(), changed.len());
                let text =
                    format!("Partial parsing enabled: {gone} files deleted, {new} files added, {other} files changed.");
                self.tell("PartialParsingEnabled", &text);
                for (what, paths) in [("deleted", deleted), ("added", added), ("updated", changed)] {
                    paths.iter().for_each(|path| self.tell_file(what, path));
                }
                looked.iter().for_each(|why| self.tell("Note", &format!("Partial parsing: {why}")));
            }
        }
    }

    fn tell_unable(&self, why: &str) {
        self.tell("UnableToPartialParse", &format!("Unable to do partial parsing because {why}"));
    }

    fn tell_file(&self, what: &str, path: &str) {
        self.tell("PartialParsingFile", &format!("Partial parsing: {what} file: {path}"));
    }

    /// What is to be told of the manifest, if nothing has changed.
    pub(super) fn summary(&self) -> Option<Summary> {
        self.saved.as_ref().ok().filter(|_| self.same)?.summary()
    }

    /// The manifest: the saved one if nothing has changed, else a new one, for which the saved one gives what it can.
    pub(super) fn parse(&mut self, project: &Project, adapter: &dyn Adapter) -> Stage<Parsed> {
        if self.same
            && let Ok(saved) = &self.saved
            && let Some(manifest) = saved.manifest()
        {
            saved.repeat(&*self.host.log);
            let library = manifest::library(project)?;
            return Ok(Parsed { manifest: Arc::new(manifest), library, observed: None });
        }
        let damaged = "the saved state is damaged";
        let (told, memory) = (self.saved.is_err(), self.saved.as_ref().map_err(Clone::clone));
        let memory = memory.and_then(|saved| saved.memory(project).ok_or_else(|| damaged.to_owned()));
        self.saved = Err("the project is parsed anew".to_owned());
        self.same = false;
        let parsed = manifest::parse(project, adapter, &self.jinja, &self.host.log, memory)?;
        match parsed.observed.as_ref().map(|observed| &observed.renewed) {
            Some(Ok(renewed)) => self.tell_renewed(renewed),
            Some(Err(why)) if !told => self.tell_unable(why),
            _ => {}
        }
        Ok(parsed)
    }

    fn tell_renewed(&self, renewed: &Renewed) {
        let Renewed { nodes, built, files, read } = renewed;
        let (made, opened) = (built.len(), read.len());
        let text = format!(
            "Partial parsing: {made} of {nodes} nodes built anew, {opened} of {files} properties files read anew"
        );
        self.tell("Note", &text);
        for id in built.iter().take(LISTED) {
            self.tell("Note", &format!("Partial parsing: built anew: {id}"));
        }
        for path in read.iter().take(LISTED) {
            self.tell("Note", &format!("Partial parsing: read anew: {path}"));
        }
    }

    /// Writes manifest.json and leaves the parse for the next command. `write` writes the artifact anew. Where the parse
    /// cannot be left, the next command parses anew, and that is all.
    pub(super) fn keep(
        &self,
        ready: &Ready,
        observed: Option<&Observed>,
        counts: Vec<usize>,
        write: impl FnOnce() -> Stage<Option<artifacts::Body>> + Send,
    ) -> Stage<()> {
        let kept = match (observed, &self.saved) {
            (Some(observed), _) => {
                let (project, adapter) = (&*ready.project, &*ready.adapter);
                let manifest = &*ready.manifest;
                let encode = || {
                    let semantic_manifest =
                        artifacts::semantic_manifest(manifest).map_err(|error| error.to_string())?;
                    let summary = Summary { warnings: manifest.warnings.clone(), counts, semantic_manifest };
                    saved::encode(project, adapter, &self.jinja, manifest, observed, &summary)
                };
                let (written, encoded) = rayon::join(write, encode);
                let body = self.written(&ready.project, written?);
                encoded.and_then(|encoded| encoded.write(&self.path, body))
            }
            (None, Ok(saved)) => {
                let body =
                    if self.copy_manifest(&ready.project) { None } else { self.written(&ready.project, write()?) };
                saved.renew(&self.path, &ready.project, body)
            }
            (None, Err(_)) => Ok(()),
        };
        self.tell_failed(kept);
        Ok(())
    }

    fn tell_failed(&self, kept: Result<(), String>) {
        if let Err(why) = kept {
            self.tell("UnableToPartialParse", &format!("The parse cannot be kept for the next one: {why}"));
        }
    }

    /// Nothing has changed: writes the artifacts of a parse as they were. False if that cannot be done.
    pub(super) fn copy(&self, project: &Project, semantic_manifest: &str) -> bool {
        if !self.options.write_json {
            return true;
        }
        let path = project.target_path.join("semantic_manifest.json");
        let copied = self.copy_manifest(project) && artifacts::write_text(&path, semantic_manifest).is_ok();
        if copied {
            self.host.events.event(&Event::Written { kind: "SemanticManifest", path });
        }
        copied
    }

    /// False if the body that manifest.json had cannot be had any more.
    fn copy_manifest(&self, project: &Project) -> bool {
        if !self.options.write_json {
            return true;
        }
        let Some((offset, digest)) = self.saved.as_ref().ok().and_then(Saved::body) else { return false };
        let body = artifacts::Body { offset, digest };
        let path = project.target_path.join("manifest.json");
        let copied = artifacts::copy_manifest(&path, project, &project.target_path.join(ARTIFACT), body);
        if copied {
            self.host.events.event(&Event::Written { kind: "WritableManifest", path });
        }
        copied
    }

    /// The rest of what is to be done where nothing has changed.
    pub(super) fn repeat(&self, project: &Project) {
        if let Ok(saved) = &self.saved {
            saved.repeat(&*self.host.log);
            self.tell_failed(saved.renew(&self.path, project, None));
        }
    }

    /// The artifact stays under a second name: commands that run nodes write another one in its place.
    fn written(&self, project: &Project, body: Option<artifacts::Body>) -> Option<saved::Body> {
        let body = body?;
        let kept = project.target_path.join(ARTIFACT);
        let _ = fs::remove_file(&kept);
        let _ = fs::hard_link(project.target_path.join("manifest.json"), kept);
        Some((body.offset, body.digest))
    }

    fn tell(&self, event: &'static str, text: &str) {
        self.host.log.write(&LogEntry {
            level: Level::Debug,
            node: None,
            thread: None,
            event,
            text,
            detail: Detail::Message,
        });
    }
}
