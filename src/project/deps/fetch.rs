//! Finding one package by all demands on it, and getting it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use md5::{Digest as _, Md5};
use serde_json::{Map, Value, json};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use super::git::{self, Checkout, Git};
use super::hub::{Hub, Package, Version};
use super::range::{Range, Specifier};
use super::resolve::{self, Demand};
use super::{Deps, Found, archive, cancelled, http, place};
use crate::diag::{Code, Deprecation, Diagnostic, Result, SourceFile};
use crate::project::packages::{self, Source};
use crate::project::{files, location};
use crate::yaml;

/// Where the files of a package are.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// The user's own folder: it is linked.
    Link(PathBuf),
    /// Among the downloads: it is copied.
    Folder(Arc<Downloaded>),
    /// Still on the network.
    Archive { url: String, file: String, sha1: Option<String>, sha256: Option<String> },
}

/// A folder of downloads that goes with its last owner, unless the user named the place.
#[derive(Debug)]
pub(super) struct Downloaded {
    folder: PathBuf,
    /// The project in it.
    project: PathBuf,
    keep: bool,
}

impl Drop for Downloaded {
    fn drop(&mut self) {
        if !self.keep {
            // A folder of the system's temporary ones; it goes with them at the latest.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Asks hubs and repositories.
pub(super) struct Fetcher<'a> {
    pub deps: &'a Deps<'a>,
    pub hub: Hub<'a>,
    pub git: Git<'a>,
}

impl Fetcher<'_> {
    /// The package that all demands are content with; none if it is the one that was `known` before.
    pub(super) fn find(&self, demands: &[Demand], known: Option<&Found>) -> Result<Option<Found>> {
        let Some(first) = demands.first() else { return Ok(None) };
        match &first.request.source {
            Source::Hub { package, .. } => self.find_on_hub(package, demands, known),
            Source::Git { .. } => self.find_in_git(demands, known),
            _ if known.is_some() => Ok(None),
            Source::Local(path) => self.find_locally(path, first).map(Some),
            Source::Tarball { url, name } => self.find_in_tarball(url, name.as_deref(), first).map(Some),
            Source::Private { name, why } => Err(private(name, why, first)),
        }
    }

    fn find_on_hub(&self, name: &str, demands: &[Demand], known: Option<&Found>) -> Result<Option<Found>> {
        let specifiers = specifiers(name, demands)?;
        let prerelease = wants_prereleases(demands) || specifiers.iter().any(Specifier::is_prerelease);
        let range = Range::of_all(specifiers.iter()).ok_or_else(|| incompatible(name, demands))?;
        let package = self.hub.package(name).map_err(|failure| self.not_on_hub(name, demands, &failure))?;
        let checks = self.deps.version_check;
        let usable =
            |version: &&Version| (version.compatible || !checks) && (prerelease || !version.specifier.is_prerelease());
        let installable: Vec<&Version> = package.versions.iter().filter(usable).collect();
        let allowed = installable.iter().rev().find(|version| range.allows(&version.specifier));
        let version = allowed.ok_or_else(|| self.no_version(name, &range, &package, &installable, demands))?;
        let shown = format!("version {}", version.text);
        if known.is_some_and(|known| known.version == shown) {
            return Ok(None);
        }
        let latest = installable.last().filter(|latest| latest.text != version.text).map(|latest| latest.text.clone());
        let first = &demands[0];
        let warnings = package.renamed.iter().map(|renamed| {
            let text = format!("the package `{name}` is now called `{renamed}`");
            Diagnostic::deprecated(Deprecation::PackageRedirect, text)
                .at(first.request.span.clone(), format!("write `package: {renamed}`"))
                .fields(json!({"old_name": name, "new_name": renamed}))
        });
        Ok(Some(Found {
            name: checked_name(&version.name, first)?,
            package: name.to_owned(),
            asked: version.text.clone(),
            version: shown,
            latest,
            subdirectory: None,
            entry: entry(&[("package", name), ("version", &version.text)]),
            requests: self.requests_of(name, version)?,
            content: Content::Archive {
                url: version.tarball.clone(),
                file: format!("{name}.{}.tar.gz", version.text),
                sha1: version.sha1.clone(),
                sha256: version.sha256.clone(),
            },
            warnings: warnings.collect(),
        }))
    }

    /// `packages:` of a version, as if its file were here.
    fn requests_of(&self, name: &str, version: &Version) -> Result<Vec<Demand>> {
        let text = yaml::emit(&json!({"packages": version.packages}), false);
        if !version.packages.is_array() {
            return Ok(Vec::new());
        }
        let file = SourceFile::new(format!("{}: {name} {}", self.hub.name(), version.text), text);
        let mut diags = Vec::new();
        let requests = packages::of_text(&file, &mut diags);
        match diags.into_iter().find(Diagnostic::is_error) {
            Some(problem) => Err(problem.boxed()),
            None => Ok(resolve::demands(requests, &self.deps.project.root)),
        }
    }

    fn not_on_hub(&self, name: &str, demands: &[Demand], failure: &http::Failure) -> Box<Diagnostic> {
        let hub = self.hub.name();
        let place = |problem: Diagnostic| problem.at(demands[0].request.span.clone(), "asked for here").boxed();
        match failure {
            http::Failure::Cancelled => cancelled().boxed(),
            http::Failure::Status(404) => {
                let problem = Diagnostic::error(Code::Dependency, format!("`{hub}` has no package `{name}`"));
                place(match self.hub.nearest(name) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.help("names are `owner/name`, as the hub lists them"),
                })
            }
            failure => {
                let url = self.hub.url(name);
                let what = format!("`{name}` cannot be looked up at `{hub}`: {}", failure.reason(&url));
                place(
                    Diagnostic::error(Code::Dependency, what)
                        .note(format!("GET {}", git::shown(&url, &self.deps.project.invocation.secrets)))
                        .help(failure.help())
                        .help("another hub is named by DBT_PACKAGE_HUB_URL"),
                )
            }
        }
    }

    fn no_version(
        &self,
        name: &str,
        range: &Range,
        package: &Package,
        installable: &[&Version],
        demands: &[Demand],
    ) -> Box<Diagnostic> {
        let newest: Vec<&str> = installable.iter().rev().take(10).map(|version| version.text.as_str()).collect();
        let mut problem =
            Diagnostic::error(Code::Dependency, format!("`{}` has no version of `{name}` in {range}", self.hub.name()));
        problem = at_demands(problem, demands);
        problem = match newest.is_empty() {
            true => problem.note("it has no version that could be taken"),
            false => problem.note(format!(
                "versions: {}{}",
                newest.join(", "),
                if installable.len() > 10 { ", …" } else { "" }
            )),
        };
        let left_out = package.versions.iter().filter(|version| range.allows(&version.specifier));
        let (incompatible, prereleases): (Vec<&Version>, Vec<&Version>) =
            left_out.partition(|version| !version.compatible);
        if !incompatible.is_empty() {
            let shown: Vec<&str> = incompatible.iter().rev().take(5).map(|version| version.text.as_str()).collect();
            problem = problem
                .note(format!("left out, because they require another version of dbt: {}", shown.join(", ")))
                .help("to take them nevertheless: `headwater deps --no-version-check`");
        }
        if !prereleases.is_empty() {
            problem = problem.help("to take pre-releases: `install_prerelease: true`");
        }
        problem.boxed()
    }

    fn find_in_git(&self, demands: &[Demand], known: Option<&Found>) -> Result<Option<Found>> {
        let first = &demands[0];
        let secrets = &self.deps.project.invocation.secrets;
        let mut asked: Option<(&str, &Demand)> = None;
        let mut warns = true;
        for demand in demands {
            let Source::Git { revision, warn_unpinned, .. } = &demand.request.source else { continue };
            warns &= warn_unpinned;
            match (revision.as_deref(), asked) {
                (Some(revision), Some((other, place))) if revision != other => {
                    let what = demand.request.source.describe(secrets);
                    return Err(Diagnostic::error(Code::Dependency, format!("two revisions of {what} are asked for"))
                        .at(demand.request.span.clone(), format!("`{revision}`"))
                        .place(place.request.span.clone(), format!("`{other}`"))
                        .help("let both ask for the same revision")
                        .boxed());
                }
                (Some(revision), _) => asked = Some((revision, demand)),
                (None, _) => {}
            }
        }
        let Source::Git { url, subdirectory, private, .. } = &first.request.source else { return Ok(None) };
        if let Some((name, _)) = private {
            self.check_providers(name, first)?;
        }
        let revision = asked.map(|(revision, _)| revision);
        let wanted = revision.unwrap_or("HEAD");
        if known.is_some_and(|known| known.asked == wanted) {
            return Ok(None);
        }
        let mut download = self.download(&format!("{url} {subdirectory:?}"), &first.request.source)?;
        let address = self.address(url);
        let checkout = self.git.checkout(&address, revision, subdirectory.as_deref(), &download.folder);
        let Checkout { folder, commit } = checkout.map_err(|failure| self.no_checkout(&failure, wanted, first))?;
        let (name, requests) = self.package_in(&folder, first)?;
        download.project = folder;
        let mut warnings: Vec<Diagnostic> = Vec::new();
        if warns && matches!(wanted, "HEAD" | "main" | "master") {
            let text = match wanted {
                "HEAD" => "is not pinned: its newest commit is taken".to_owned(),
                branch => format!("is pinned to the branch `{branch}`: its newest commit is taken"),
            };
            warnings.push(
                Diagnostic::warning(
                    Code::UnpinnedPackage,
                    format!("{} {text}", first.request.source.describe(secrets)),
                )
                .at(first.request.span.clone(), "it may change without a word")
                .help("add `revision:` with a tag or a commit, or `warn-unpinned: false`"),
            );
        }
        let written = first.request.written.get("git").and_then(Value::as_str).unwrap_or(url);
        let mut entry = match private {
            Some((name, _)) => entry(&[("private", name), ("revision", &commit)]),
            None => entry(&[("git", &self.scrubbed(written, first, &mut warnings)), ("revision", &commit)]),
        };
        if let Some((_, Some(provider))) = private {
            entry.insert("provider".to_owned(), json!(provider));
        }
        if let Some(folder) = subdirectory {
            entry.insert("subdirectory".to_owned(), json!(folder));
        }
        let shown = git::shown(url, secrets);
        Ok(Some(Found {
            name,
            package: subdirectory.as_ref().map_or(shown.clone(), |folder| format!("{shown}/{folder}")),
            asked: wanted.to_owned(),
            version: format!("revision {commit}"),
            latest: None,
            subdirectory: subdirectory.clone(),
            entry,
            requests,
            content: Content::Folder(Arc::new(download)),
            warnings,
        }))
    }

    /// The platform of dbt's vendor hands its own logins over in a variable whose shape is its own.
    fn check_providers(&self, name: &str, demand: &Demand) -> Result<()> {
        const GIVEN: &str = "DBT_ENV_PRIVATE_GIT_PROVIDER_INFO";
        let given = self.deps.project.invocation.env.get(GIVEN).map(str::trim);
        match given {
            None | Some("" | "[]") => Ok(()),
            Some(_) => Err(private(name, &format!("`{GIVEN}` is for dbt's platform and is not read here"), demand)),
        }
    }

    /// A repository may be a folder, relative to the project.
    fn address(&self, url: &str) -> String {
        let folder = self.deps.project.root.join(url);
        if !url.contains("://") && folder.is_dir() {
            location::normal(&folder).display().to_string()
        } else {
            url.to_owned()
        }
    }

    fn no_checkout(&self, failure: &git::Failure, revision: &str, demand: &Demand) -> Box<Diagnostic> {
        let what = demand.request.source.describe(&self.deps.project.invocation.secrets);
        let problem = match failure {
            git::Failure::Cancelled => return cancelled().boxed(),
            git::Failure::NoGit(why) => Diagnostic::error(
                Code::Dependency,
                format!("{what} needs the program `git`, which does not start: {why}"),
            )
            .help("install git, and see that `git --version` works here"),
            git::Failure::Git(why) => {
                let problem = Diagnostic::error(Code::Dependency, format!("{what} cannot be fetched: {why}"));
                if why.contains("couldn't find remote ref") || why.contains("not our ref") {
                    problem
                        .help(format!("`{revision}` is no branch and no tag there; a commit needs all its 40 digits"))
                } else if why.contains("terminal prompts disabled") || why.contains("Permission denied") {
                    problem
                        .help("git could not log in, and does not ask here: give it a credential helper or an ssh key")
                } else {
                    problem.help("try the address by hand: `git ls-remote <address>`")
                }
            }
        };
        problem.at(demand.request.span.clone(), "asked for here").boxed()
    }

    fn find_locally(&self, path: &str, demand: &Demand) -> Result<Found> {
        let Some(folder) = self.local_folder(path, &demand.base) else {
            return Err(Diagnostic::error(Code::Dependency, format!("there is no dbt project in `{path}`"))
                .at(demand.request.span.clone(), "asked for here")
                .help("give the folder that holds dbt_project.yml, relative to this project")
                .boxed());
        };
        let (name, requests) = self.package_in(&folder, demand)?;
        Ok(Found {
            name,
            package: path.to_owned(),
            asked: String::new(),
            version: format!("<local @ {path}>"),
            latest: None,
            subdirectory: None,
            entry: entry(&[("local", path)]),
            requests,
            content: Content::Link(folder),
            warnings: Vec::new(),
        })
    }

    /// dbt resolves local paths against the root project, also those of packages; we try the asker's folder as well.
    pub(super) fn local_folder(&self, path: &str, base: &Path) -> Option<PathBuf> {
        let home = self.deps.project.invocation.env.get("HOME");
        let path = match (path.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => format!("{home}/{rest}"),
            _ => path.to_owned(),
        };
        let folders = [self.deps.project.root.as_path(), base].map(|base| location::normal(&base.join(&path)));
        folders.into_iter().find(|folder| folder.join(location::PROJECT_FILE).is_file())
    }

    fn find_in_tarball(&self, url: &str, name: Option<&str>, demand: &Demand) -> Result<Found> {
        let secrets = &self.deps.project.invocation.secrets;
        let mut download = self.download(url, &demand.request.source)?;
        let unpacked = self.unpacked(url, None, &download.folder);
        let folder = unpacked.map_err(|problem| problem.at(demand.request.span.clone(), "asked for here").boxed())?.0;
        let (own_name, requests) = self.package_in(&folder, demand)?;
        download.project = folder;
        let name = checked_name(name.unwrap_or(&own_name), demand)?;
        let mut warnings = Vec::new();
        let written = demand.request.written.get("tarball").and_then(Value::as_str).unwrap_or(url);
        Ok(Found {
            package: name.clone(),
            asked: String::new(),
            version: format!("tarball (url: {})", git::shown(url, secrets)),
            latest: None,
            subdirectory: None,
            entry: entry(&[("tarball", &self.scrubbed(written, demand, &mut warnings))]),
            requests,
            content: Content::Folder(Arc::new(download)),
            warnings,
            name,
        })
    }

    /// The name of the project in a folder, and what it asks for.
    fn package_in(&self, folder: &Path, demand: &Demand) -> Result<(String, Vec<Demand>)> {
        let project = self.deps.project;
        let what = demand.request.source.describe(&project.invocation.secrets);
        let name = packages::project_name(folder).ok_or_else(|| {
            Diagnostic::error(
                Code::Dependency,
                format!("{what} is no dbt project: no `{}` with a `name`", location::PROJECT_FILE),
            )
            .at(demand.request.span.clone(), "asked for here")
            .help("if the project lies in a folder of the repository, add `subdirectory:`")
            .boxed()
        })?;
        let prefix = match demand.request.source {
            Source::Local(_) => location::display(folder, &project.root),
            _ => name.clone(),
        };
        let mut diags = Vec::new();
        let requests = packages::requested(folder, &prefix, self.deps.engine, &project.invocation, &mut diags);
        match diags.into_iter().find(Diagnostic::is_error) {
            Some(problem) => Err(problem.boxed()),
            None => Ok((checked_name(&name, demand)?, resolve::demands(requests, folder))),
        }
    }

    /// An address as package-lock.yml may have it: without secrets.
    fn scrubbed(&self, written: &str, demand: &Demand, warnings: &mut Vec<Diagnostic>) -> String {
        let scrubbed = self.deps.project.invocation.secrets.mask(written).into_owned();
        if scrubbed != written {
            warnings.push(
                Diagnostic::warning(
                    Code::Dependency,
                    "a secret stands in an address, so package-lock.yml cannot hold it",
                )
                .at(demand.request.span.clone(), "in this entry")
                .help("write `{{ env_var('DBT_ENV_SECRET_…') }}` in its place"),
            );
        }
        scrubbed
    }

    /// A fresh folder for downloads: in the folder that the user names, else among the system's temporary ones.
    fn download(&self, what: &str, source: &Source) -> Result<Downloaded> {
        let kind = if matches!(source, Source::Git { .. }) { "git" } else { "tarball" };
        let named = self.named_downloads();
        let name: String = Md5::digest(what).iter().map(|byte| format!("{byte:02x}")).collect();
        let folder = match &named {
            Some(folder) => folder.join(format!("{kind}-{name}")),
            None => std::env::temp_dir().join(format!("headwater-{}-{name}", uuid::Uuid::new_v4())),
        };
        let made = (|| {
            if folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
            fs::create_dir_all(&folder)
        })();
        made.map_err(|error| {
            let shown = folder.display();
            Diagnostic::error(Code::File, format!("cannot write to `{shown}`: {}", files::reason(&error))).boxed()
        })?;
        Ok(Downloaded { project: folder.clone(), folder, keep: named.is_some() })
    }

    /// dbt has read two names of the variable.
    fn named_downloads(&self) -> Option<PathBuf> {
        let env = &self.deps.project.invocation.env;
        let named = env.option("DOWNLOADS_DIR").or_else(|| env.option("DOWNLOAD_DIR"))?;
        Some(self.deps.project.root.join(named))
    }

    /// Fetches an archive and unpacks it into an empty folder; gives the project's folder and the archive.
    fn unpacked(
        &self,
        url: &str,
        file: Option<&str>,
        into: &Path,
    ) -> std::result::Result<(PathBuf, Vec<u8>), Diagnostic> {
        let shown = git::shown(url, &self.deps.project.invocation.secrets);
        let told = |why: &str| Diagnostic::error(Code::Dependency, format!("`{shown}` cannot be used: {why}"));
        let io = |error: std::io::Error| told(&files::reason(&error));
        // A transfer that went wrong gives half an archive now and then: it is worth one more try.
        let mut last_try = false;
        loop {
            let packed = self.packed(url, &shown)?;
            if let (Some(folder), Some(file)) = (self.named_downloads(), file) {
                let path = folder.join(file);
                path.parent()
                    .map_or(Ok(()), fs::create_dir_all)
                    .and_then(|()| fs::write(&path, &packed))
                    .map_err(io)?;
            }
            match archive::unpack(&packed, into) {
                Ok(folder) => return Ok((folder, packed)),
                Err(why) if last_try || !why.contains("broken") => return Err(told(&why)),
                Err(_) => fs::remove_dir_all(into).and_then(|()| fs::create_dir_all(into)).map_err(io)?,
            }
            last_try = true;
        }
    }

    fn packed(&self, url: &str, shown: &str) -> std::result::Result<Vec<u8>, Diagnostic> {
        let told = |why: String| Diagnostic::error(Code::Dependency, format!("`{shown}` cannot be fetched: {why}"));
        if let Some(path) = url.strip_prefix("file://") {
            return fs::read(path).map_err(|error| told(files::reason(&error)));
        }
        self.hub.http.get(url, archive::MAX_PACKED).map_err(|failure| match failure {
            http::Failure::Cancelled => cancelled(),
            failure => told(failure.reason(url)).help(failure.help()),
        })
    }

    /// Puts the files of a package into `slot`. Gives what is worth a warning.
    pub(super) fn place(&self, package: &Found, slot: &Path) -> Result<Option<Diagnostic>> {
        let failed = |error: std::io::Error| {
            let what = format!("cannot install `{}`: {}", package.name, files::reason(&error));
            Diagnostic::error(Code::File, what).boxed()
        };
        match &package.content {
            Content::Link(folder) => place::link(folder, slot).map_err(failed)?,
            Content::Folder(download) => place::copy_folder(&download.project, slot).map_err(failed)?,
            Content::Archive { url, file, sha1, sha256 } => {
                let beside = slot.with_file_name(format!("{}.unpacked", package.name));
                fs::create_dir_all(&beside).map_err(failed)?;
                let (folder, packed) = self.unpacked(url, Some(file), &beside)?;
                let warning = verify(&packed, sha1.as_deref(), sha256.as_deref(), &package.package)?;
                fs::rename(folder, slot).map_err(failed)?;
                // Gone already where the project stood at the top of the archive.
                if beside.exists() {
                    fs::remove_dir_all(&beside).map_err(failed)?;
                }
                return Ok(warning);
            }
        }
        Ok(None)
    }
}

/// Compares an archive with the hub's checksums. SHA-1 only warns: dbt does not look at it, and hosts pack the archives
/// of old versions anew.
fn verify(packed: &[u8], sha1: Option<&str>, sha256: Option<&str>, package: &str) -> Result<Option<Diagnostic>> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let differs = |wanted: Option<&str>, own: String| wanted.is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&own));
    let what = |kind: &str| format!("the archive of `{package}` is not the one of the hub: its {kind} differs");
    if differs(sha256, hex(&Sha256::digest(packed))) {
        return Err(Diagnostic::error(Code::Dependency, what("SHA-256")).help("ask who keeps the package").boxed());
    }
    let differs = differs(sha1, hex(&Sha1::digest(packed)));
    Ok(differs.then(|| {
        Diagnostic::warning(Code::Dependency, what("SHA-1"))
            .note("the host has packed it anew, or somebody has moved the tag")
    }))
}

/// All ranges that are asked for.
fn specifiers(name: &str, demands: &[Demand]) -> Result<Vec<Specifier>> {
    let mut all = Vec::new();
    for demand in demands {
        let Source::Hub { versions, .. } = &demand.request.source else { continue };
        for text in versions {
            let parsed = Specifier::parse_all(text).filter(|parsed| !parsed.is_empty()).ok_or_else(|| {
                Diagnostic::error(Code::InvalidValue, format!("`{text}` is no version of `{name}`"))
                    .at(demand.request.span.clone(), "asked for here")
                    .help("a version has three numbers, `1.3.0`; a range is a list, `[\">=1.0.0\", \"<2.0.0\"]`")
                    .boxed()
            })?;
            all.extend(parsed);
        }
    }
    Ok(all)
}

fn wants_prereleases(demands: &[Demand]) -> bool {
    demands.iter().any(|demand| matches!(&demand.request.source, Source::Hub { prerelease: true, .. }))
}

fn incompatible(name: &str, demands: &[Demand]) -> Box<Diagnostic> {
    let problem =
        Diagnostic::error(Code::Dependency, format!("no version of `{name}` can be all that is asked for together"));
    at_demands(problem, demands)
        .help("change one of the ranges, or take another version of a package that asks")
        .boxed()
}

/// Points at all demands.
fn at_demands(mut problem: Diagnostic, demands: &[Demand]) -> Diagnostic {
    for (at, demand) in demands.iter().enumerate() {
        let asked = match &demand.request.source {
            Source::Hub { versions, .. } => format!("asks for `{}`", versions.join(", ")),
            _ => "asks for it".to_owned(),
        };
        let span = demand.request.span.clone();
        problem = match at {
            0 => problem.at(span, asked),
            1 | 2 => problem.place(span, asked),
            _ => problem.note(format!("{} {asked}", span.location())),
        };
    }
    problem
}

/// A name is a folder's name, and nothing that leads elsewhere.
fn checked_name(name: &str, demand: &Demand) -> Result<String> {
    let good = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    let fits = !name.is_empty() && !name.starts_with(['.', ' ']) && !name.starts_with("__") && name.chars().all(good);
    if fits {
        return Ok(name.to_owned());
    }
    Err(Diagnostic::error(Code::InvalidValue, format!("`{name}` cannot be the name of a package"))
        .at(demand.request.span.clone(), "of this one")
        .note("a name has letters, digits and underscores")
        .boxed())
}

fn private(name: &str, why: &str, demand: &Demand) -> Box<Diagnostic> {
    Diagnostic::error(Code::Dependency, format!("the private package `{name}` has no address"))
        .at(demand.request.span.clone(), "asked for here")
        .note(why)
        .help("name the repository itself: `- git: <address>`, with `revision:` as here")
        .boxed()
}

fn entry(pairs: &[(&str, &str)]) -> Map<String, Value> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect()
}
