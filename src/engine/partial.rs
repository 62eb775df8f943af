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
use crate::manifest::saved::{self, Observed, Saved, Summary};
use crate::manifest::{self, Parsed};
use crate::project::{Known, Project};

/// The last manifest.json that was written after a parse.
const ARTIFACT: &str = "partial_parse.json";

/// One command's way through the saved state of the last one.
pub(super) struct Partial<'a> {
    options: &'a Options,
    host: &'a Host,
    jinja: Arc<Engine>,
    /// Or why there is none.
    saved: Result<Saved, String>,
    /// Where the next command looks.
    path: PathBuf,
}

impl<'a> Partial<'a> {
    pub(super) fn new(call: &Call<'a>) -> Self {
        let saved = Err("it is switched off".to_owned());
        Self { options: call.options, host: call.host, jinja: call.jinja.clone(), saved, path: PathBuf::new() }
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

    /// Forgets the saved state if the project is not as it was.
    pub(super) fn compare(&mut self, project: &Project, adapter: &dyn Adapter) {
        if let Err(why) =
            self.saved.as_ref().map_err(Clone::clone).and_then(|saved| saved.compare(project, adapter, &self.jinja))
        {
            self.tell("UnableToPartialParse", &format!("Unable to do partial parsing because {why}"));
            self.saved = Err(why);
        } else {
            self.tell("PartialParsingEnabled", "Partial parsing: nothing has changed");
        }
    }

    /// What is to be told of the manifest, if nothing has changed.
    pub(super) fn summary(&self) -> Option<Summary> {
        self.saved.as_ref().ok()?.summary()
    }

    /// The manifest: the saved one if nothing has changed, else a new one.
    pub(super) fn parse(&mut self, project: &Project, adapter: &dyn Adapter) -> Stage<Parsed> {
        if let Ok(saved) = &self.saved
            && let Some(manifest) = saved.manifest()
        {
            saved.repeat(&*self.host.log);
            let library = manifest::library(project)?;
            return Ok(Parsed { manifest: Arc::new(manifest), library, observed: None });
        }
        self.saved = Err("it is damaged".to_owned());
        manifest::parse(project, adapter, &self.jinja, &self.host.log)
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
