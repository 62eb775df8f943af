//! Which version of which package: level by level, each package once, all demands on it together.

use std::path::PathBuf;

use indexmap::IndexMap;
use rayon::ThreadPool;
use rayon::prelude::*;

use super::Found;
use super::fetch::Fetcher;
use crate::diag::{self, Code, Diagnostic};
use crate::project::location;
use crate::project::packages::{Requested, Source};

/// An entry of somebody's packages.yml, and the folder of who asks.
#[derive(Debug, Clone)]
pub(super) struct Demand {
    pub request: Requested,
    pub base: PathBuf,
}

/// What all demands say that are about one package.
struct Wanted {
    demands: Vec<Demand>,
    found: Option<Found>,
}

type Diagnostics = Vec<Diagnostic>;

/// Finds everything that is asked for, the asked-for packages before those that they ask for.
pub(super) fn resolve(
    fetcher: &Fetcher<'_>,
    pool: &ThreadPool,
    requested: Vec<Requested>,
) -> Result<Vec<Found>, Diagnostics> {
    let root = &fetcher.deps.project.root;
    let mut pending = demands(requested, root);
    let mut wanted: IndexMap<String, Wanted> = IndexMap::new();
    while !pending.is_empty() {
        let mut level: Vec<String> = Vec::new();
        for demand in pending {
            let key = key(fetcher, &demand);
            let entry = wanted.entry(key.clone()).or_insert_with(|| Wanted { demands: Vec::new(), found: None });
            entry.demands.push(demand);
            if !level.contains(&key) {
                level.push(key);
            }
        }
        let fetched: Vec<(String, diag::Result<Option<Found>>)> = pool.install(|| {
            let fetch = |key: String| {
                let entry = &wanted[&key];
                let found = fetcher.find(&entry.demands, entry.found.as_ref());
                (key, found)
            };
            level.into_par_iter().map(fetch).collect()
        });
        let mut problems = Vec::new();
        pending = Vec::new();
        for (key, result) in fetched {
            match result {
                // What is asked for is what is there already.
                Ok(None) => {}
                Ok(Some(found)) => {
                    pending.extend(found.requests.iter().cloned());
                    if let Some(entry) = wanted.get_mut(&key) {
                        entry.found = Some(found);
                    }
                }
                Err(problem) => problems.push(*problem),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
    }
    let problems = clashes(fetcher, &wanted);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(wanted.into_values().filter_map(|wanted| wanted.found).collect())
}

/// The packages of package-lock.yml, as they stand there.
pub(super) fn locked(
    fetcher: &Fetcher<'_>,
    pool: &ThreadPool,
    entries: Vec<Requested>,
) -> Result<Vec<Found>, Diagnostics> {
    let entries = demands(entries, &fetcher.deps.project.root);
    let found: Vec<_> = pool.install(|| entries.into_par_iter().map(|demand| fetcher.find(&[demand], None)).collect());
    let mut packages = Vec::new();
    let mut problems = Vec::new();
    for result in found {
        match result {
            Ok(found) => packages.extend(found),
            Err(problem) if problem.code == Code::Cancelled => problems.push(*problem),
            Err(problem) => {
                let help = "package-lock.yml says to take this one; `headwater deps --upgrade` chooses anew";
                problems.push(problem.help(help));
            }
        }
    }
    if problems.is_empty() { Ok(packages) } else { Err(problems) }
}

pub(super) fn demands(requested: Vec<Requested>, base: &std::path::Path) -> Vec<Demand> {
    requested.into_iter().map(|request| Demand { request, base: base.to_owned() }).collect()
}

/// Demands with the same key are about the same package.
fn key(fetcher: &Fetcher<'_>, demand: &Demand) -> String {
    match &demand.request.source {
        Source::Local(path) => {
            let folder = fetcher.local_folder(path, &demand.base);
            let root = &fetcher.deps.project.root;
            format!("local {}", folder.unwrap_or_else(|| location::normal(&root.join(path))).display())
        }
        Source::Hub { package, .. } => format!("hub {package}"),
        Source::Git { url, subdirectory, .. } => {
            let url = url.strip_suffix(".git").unwrap_or(url);
            format!("git {url} {}", subdirectory.as_deref().unwrap_or_default())
        }
        Source::Tarball { url, .. } => format!("tarball {url}"),
        Source::Private { name, .. } => format!("private {name}"),
    }
}

/// Packages of one name, and packages that are called like the project.
fn clashes(fetcher: &Fetcher<'_>, wanted: &IndexMap<String, Wanted>) -> Diagnostics {
    let secrets = &fetcher.deps.project.invocation.secrets;
    let mut seen: IndexMap<&str, &Wanted> = IndexMap::new();
    let mut problems = Vec::new();
    for entry in wanted.values() {
        let (Some(found), Some(demand)) = (&entry.found, entry.demands.first()) else { continue };
        let span = demand.request.span.clone();
        let what = demand.request.source.describe(secrets);
        if *found.name == *fetcher.deps.project.name {
            problems.push(
                Diagnostic::error(
                    Code::DuplicateName,
                    format!("a package is called `{}`, like the project itself", found.name),
                )
                .at(span, format!("{what} is asked for here"))
                .help("a project cannot be a package of itself; rename one of the two"),
            );
        } else if let Some(other) = seen.get(found.name.as_str()).and_then(|other| other.demands.first()) {
            problems.push(
                Diagnostic::error(Code::DuplicateName, format!("two packages are called `{}`", found.name))
                    .at(span, what)
                    .place(other.request.span.clone(), other.request.source.describe(secrets))
                    .help("take it from one place only: the same kind of entry, with the same address"),
            );
        } else {
            seen.insert(&found.name, entry);
        }
    }
    problems
}
