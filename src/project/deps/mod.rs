//! `deps`: finds the packages that a project asks for, and those that they ask for, and puts them in place.
//!
//! [`Deps::resolve`] chooses versions and writes package-lock.yml; [`Deps::stage`] fetches what was chosen, and
//! [`Staged::finish`] puts it in place. Several servers are asked at once.

mod add;
mod archive;
mod fetch;
mod git;
mod http;
mod hub;
mod lock;
mod netrc;
mod place;
mod range;
mod resolve;

use std::collections::HashMap;
use std::sync::mpsc::channel;

use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::{Map, Value};

pub use add::{Addition, Edited, Origin};
use fetch::{Content, Fetcher};
use resolve::Demand;

use super::ProjectOnly;
use super::packages::{self, LOCK_FILE};
use crate::diag::log::{Detail, Level, Log, LogEntry};
use crate::diag::{Code, Diagnostic};
use crate::jinja::Engine;

pub(super) use git::shown as shown_url;

/// How many servers are asked at the same time. They wait more than they work.
const CONNECTIONS: usize = 8;

/// What `deps` works with.
pub struct Deps<'a> {
    pub project: &'a ProjectOnly,
    pub engine: &'a Engine,
    pub log: &'a dyn Log,
    /// Whether the user wants to stop: asked often, from several threads.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
    /// Whether a hub's versions must allow this version of dbt.
    pub version_check: bool,
}

/// What is to be installed, and what was noticed while it was found out.
pub struct Resolved {
    packages: Vec<Found>,
    pub warnings: Vec<Diagnostic>,
    /// The hash of what was asked for, if package-lock.yml has to be written.
    hash: Option<String>,
}

/// A package that is now in place.
#[derive(Debug, Clone, PartialEq)]
pub struct Installed {
    pub name: String,
    /// What it was asked for as: `dbt-labs/dbt_utils`, an address, a folder.
    pub package: String,
    /// dbt's words for what was taken: `version 1.3.0`, `revision 4f0c…`.
    pub version: String,
    /// Of a hub package the newest version that could be taken, if it is another.
    pub latest: Option<String>,
}

/// A package that was found, and how to get it.
#[derive(Debug, Clone)]
struct Found {
    name: String,
    package: String,
    /// The version or revision that the demands come down to.
    asked: String,
    version: String,
    latest: Option<String>,
    subdirectory: Option<String>,
    /// For package-lock.yml.
    entry: Map<String, Value>,
    /// What it asks for itself.
    requests: Vec<Demand>,
    content: Content,
    warnings: Vec<Diagnostic>,
}

impl Deps<'_> {
    /// Finds out what to install: package-lock.yml says it, unless `upgrade` is wanted, there is none, or something
    /// else is asked for by now.
    ///
    /// # Errors
    /// Packages that cannot be found, that contradict each other, or that share a name.
    pub fn resolve(&self, upgrade: bool) -> Result<Resolved, Vec<Diagnostic>> {
        let project = self.project;
        let mut diags = Vec::new();
        let requested = packages::requested(&project.root, "", self.engine, &project.invocation, &mut diags);
        check(&diags)?;
        let hash = lock::hash(&requested);
        let has_lock = project.root.join(LOCK_FILE).is_file();
        if requested.is_empty() {
            self.tell("DepsNoPackagesFound", "Warning: No packages were found in packages.yml");
            return Ok(Resolved { packages: Vec::new(), warnings: diags, hash: has_lock.then_some(hash) });
        }
        if has_lock && !upgrade {
            let locked = packages::locked(&project.root, self.engine, &project.invocation, &mut diags);
            if diags.iter().any(Diagnostic::is_error) {
                let help = "`headwater deps --upgrade` writes package-lock.yml anew";
                return Err(diags.into_iter().map(|problem| problem.help(help)).collect());
            }
            if let Some((Some(locked_hash), entries)) = locked
                && locked_hash == hash
            {
                let found = self.with_fetcher(|fetcher, pool| resolve::locked(fetcher, pool, entries))?;
                diags.extend(found.iter().flat_map(|package| package.warnings.iter().cloned()));
                return Ok(Resolved { packages: found, warnings: diags, hash: None });
            }
        }
        let packages = self.with_fetcher(|fetcher, pool| resolve::resolve(fetcher, pool, requested))?;
        diags.extend(packages.iter().flat_map(|package| package.warnings.iter().cloned()));
        Ok(Resolved { packages, warnings: diags, hash: Some(hash) })
    }

    /// Writes package-lock.yml, if it says something else.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn lock(&self, resolved: &Resolved) -> Result<(), Vec<Diagnostic>> {
        let Some(hash) = &resolved.hash else { return Ok(()) };
        lock::write(self.project, hash, &resolved.packages).map_err(|problem| vec![*problem])?;
        let path = self.project.root.join(LOCK_FILE);
        self.tell("DepsLockUpdating", &format!("Updating lock file in file path: {}", path.display()));
        Ok(())
    }

    /// Fetches all packages, side by side, and tells of them one after the other. The packages that are in place stay
    /// as they are until [`Staged::finish`].
    ///
    /// # Errors
    /// Whatever could not be fetched, unpacked or written.
    pub fn stage<'r>(&'r self, resolved: &'r Resolved) -> Result<Staged<'r>, Vec<Diagnostic>> {
        let packages = &resolved.packages;
        if packages.is_empty() && !self.project.packages_install_path.exists() {
            return Ok(Staged { deps: self, packages, staging: None, warnings: Vec::new() });
        }
        let staging = place::Staging::new(self.project).map_err(|problem| vec![*problem])?;
        let warnings = self.with_fetcher(|fetcher, pool| self.fetch(fetcher, pool, &staging, packages))?;
        if (self.cancelled)() {
            return Err(vec![cancelled()]);
        }
        Ok(Staged { deps: self, packages, staging: Some(staging), warnings })
    }

    fn fetch(
        &self,
        fetcher: &Fetcher<'_>,
        pool: &ThreadPool,
        staging: &place::Staging<'_>,
        packages: &[Found],
    ) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        let (sender, receiver) = channel();
        let mut problems = Vec::new();
        let mut warnings = Vec::new();
        pool.in_place_scope(|scope| {
            for (at, package) in packages.iter().enumerate() {
                let sender = sender.clone();
                let slot = staging.slot(&package.name);
                // The receiver outlives all of them.
                scope.spawn(move |_| drop(sender.send((at, fetcher.place(package, &slot)))));
            }
            drop(sender);
            let mut early = HashMap::new();
            for (at, package) in packages.iter().enumerate() {
                self.tell("DepsStartPackageInstall", &format!("Installing {}", package.package));
                while !early.contains_key(&at) {
                    // None is left only if one of them has panicked.
                    let Ok((done, result)) = receiver.recv() else { break };
                    early.insert(done, result);
                }
                match early.remove(&at) {
                    Some(Ok(warning)) => {
                        warnings.extend(warning);
                        self.tell_installed(package);
                    }
                    Some(Err(problem)) => problems.push(*problem),
                    None => {}
                }
            }
        });
        if problems.is_empty() { Ok(warnings) } else { Err(problems) }
    }

    fn tell_installed(&self, package: &Found) {
        self.tell("DepsInstallInfo", &format!("Installed from {}", package.version));
        match (&package.latest, &package.content) {
            (Some(latest), _) => self.tell("DepsUpdateAvailable", &format!("Updated version available: {latest}")),
            (None, Content::Archive { .. }) => self.tell("DepsUpToDate", "Up to date!"),
            _ => {}
        }
        if let Some(folder) = &package.subdirectory {
            self.tell("DepsListSubdirectory", &format!("and subdirectory {folder}"));
        }
    }

    fn with_fetcher<T>(
        &self,
        work: impl FnOnce(&Fetcher<'_>, &ThreadPool) -> Result<T, Vec<Diagnostic>>,
    ) -> Result<T, Vec<Diagnostic>> {
        let invocation = &self.project.invocation;
        let http = http::Http::new(&invocation.env, self.cancelled);
        let hub = hub::Hub::new(&invocation.env, &http);
        let git = git::Git { env: &invocation.env, secrets: &invocation.secrets, cancelled: self.cancelled };
        let fetcher = Fetcher { deps: self, hub, git };
        let pool = ThreadPoolBuilder::new().num_threads(CONNECTIONS).build().map_err(|error| {
            vec![Diagnostic::error(Code::Internal, format!("no threads could be started: {error}"))]
        })?;
        work(&fetcher, &pool)
    }

    fn tell(&self, event: &'static str, text: &str) {
        let text = self.project.invocation.secrets.mask(text);
        self.log.write(&LogEntry {
            level: Level::Info,
            node: None,
            thread: None,
            event,
            text: &text,
            detail: Detail::Message,
        });
    }
}

/// Packages that are ready to replace the old ones.
pub struct Staged<'a> {
    deps: &'a Deps<'a>,
    packages: &'a [Found],
    /// None: there is nothing to do.
    staging: Option<place::Staging<'a>>,
    pub warnings: Vec<Diagnostic>,
}

impl Staged<'_> {
    /// Puts the packages in place of the old ones.
    ///
    /// # Errors
    /// The folder cannot be changed; the old packages are in it then.
    pub fn finish(self) -> Result<Vec<Installed>, Vec<Diagnostic>> {
        if let Some(staging) = self.staging {
            staging.swap().map_err(|problem| vec![*problem])?;
        }
        let outdated = self.packages.iter().filter(|found| found.latest.is_some());
        let outdated: Vec<String> = outdated.map(|found| format!("'{}'", found.package)).collect();
        if !outdated.is_empty() {
            self.deps.tell("Formatting", "");
            let text = format!(
                "Updates available for packages: [{}]\nUpdate your versions in packages.yml, then run headwater deps",
                outdated.join(", ")
            );
            self.deps.tell("DepsNotifyUpdatesAvailable", &text);
        }
        Ok(self.packages.iter().map(Installed::of).collect())
    }
}

impl Installed {
    fn of(found: &Found) -> Self {
        Self {
            name: found.name.clone(),
            package: found.package.clone(),
            version: found.version.clone(),
            latest: found.latest.clone(),
        }
    }
}

fn check(diags: &[Diagnostic]) -> Result<(), Vec<Diagnostic>> {
    if diags.iter().any(Diagnostic::is_error) { Err(diags.to_vec()) } else { Ok(()) }
}

fn cancelled() -> Diagnostic {
    Diagnostic::error(Code::Cancelled, "stopped before anything was installed")
}
