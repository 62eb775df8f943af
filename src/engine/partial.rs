//! Parsing only what has changed since the last command, as far as that can be told.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::call::{Call, Stage};
use super::{Host, Options};
use crate::adapter::Adapter;
use crate::diag::log::{Detail, Level, LogEntry};
use crate::jinja::Engine;
use crate::manifest::saved::{self, Observed, Saved};
use crate::manifest::{self, Manifest, Parsed};
use crate::project::{Known, Project};

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

    /// The manifest: the saved one if nothing has changed, else a new one.
    pub(super) fn parse(&self, project: &Project, adapter: &dyn Adapter) -> Stage<Parsed> {
        let saved = self.saved.as_ref().map_err(Clone::clone);
        let taken = saved.and_then(|saved| Ok((saved.manifest(project, adapter, &self.jinja)?, saved)));
        match taken {
            Ok((manifest, saved)) => {
                self.tell("PartialParsingEnabled", "Partial parsing: nothing has changed");
                saved.repeat(&*self.host.log);
                let library = manifest::library(project)?;
                Ok(Parsed { manifest: Arc::new(manifest), library, observed: None })
            }
            Err(why) => {
                self.tell("UnableToPartialParse", &format!("Unable to do partial parsing because {why}"));
                manifest::parse(project, adapter, &self.jinja, &self.host.log)
            }
        }
    }

    /// Leaves a new parse for the next command. Where that fails, the next one parses anew, and that is all.
    pub(super) fn keep(
        &self,
        project: &Project,
        adapter: &dyn Adapter,
        manifest: &Manifest,
        observed: Option<&Observed>,
    ) {
        let kept = match (observed, &self.saved) {
            (Some(observed), _) => saved::save(&self.path, project, adapter, &self.jinja, manifest, observed),
            (None, Ok(saved)) => saved.renew(&self.path, project),
            (None, Err(_)) => Ok(()),
        };
        if let Err(why) = kept {
            self.tell("UnableToPartialParse", &format!("The parse cannot be kept for the next one: {why}"));
        }
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
