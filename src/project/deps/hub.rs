//! The package hub: `api/v1/<owner>/<name>.json` has every version of a package, `api/v1/index.json` every name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::http::{Failure, Http};
use super::range::{Range, Specifier};
use crate::diag::suggest;
use crate::project::{DBT_VERSION, Env};

const DEFAULT: &str = "https://hub.getdbt.com/";
/// Bytes of an answer. The index has a few hundred names, a package a few hundred versions.
const MAX_ANSWER: u64 = 64 << 20;

/// What the hub knows about a package.
#[derive(Debug)]
pub(super) struct Package {
    /// The name that it has now, if it was renamed.
    pub renamed: Option<String>,
    /// Oldest first; what does not read as a version is left out.
    pub versions: Vec<Version>,
}

#[derive(Debug)]
pub(super) struct Version {
    /// As the hub writes it.
    pub text: String,
    pub specifier: Specifier,
    /// The project's name.
    pub name: String,
    /// `packages:` of its packages.yml.
    pub packages: Value,
    pub tarball: String,
    /// In hexadecimal.
    pub sha1: Option<String>,
    pub sha256: Option<String>,
    /// Whether its `require-dbt-version` allows [`DBT_VERSION`].
    pub compatible: bool,
}

pub(super) struct Hub<'a> {
    pub http: &'a Http<'a>,
    base: String,
    packages: Mutex<HashMap<String, Result<Arc<Package>, Failure>>>,
}

impl<'a> Hub<'a> {
    pub(super) fn new(env: &Env, http: &'a Http<'a>) -> Self {
        let base = env.option("PACKAGE_HUB_URL").unwrap_or(DEFAULT);
        let slash = if base.ends_with('/') { "" } else { "/" };
        Self { http, base: format!("{base}{slash}"), packages: Mutex::default() }
    }

    pub(super) fn url(&self, name: &str) -> String {
        format!("{}api/v1/{name}.json", self.base)
    }

    /// How messages call the hub.
    pub(super) fn name(&self) -> &str {
        super::http::host(&self.base)
    }

    pub(super) fn package(&self, name: &str) -> Result<Arc<Package>, Failure> {
        let known = self.packages.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(known) = known {
            return known;
        }
        let asked = self.ask(name);
        let mut packages = self.packages.lock().unwrap_or_else(PoisonError::into_inner);
        packages.insert(name.to_owned(), asked.clone());
        asked
    }

    fn ask(&self, name: &str) -> Result<Arc<Package>, Failure> {
        let answer = self.json(name)?;
        let package = read(name, &answer);
        package.map(Arc::new).ok_or_else(|| Failure::Other("the hub's answer is not that of a package hub".to_owned()))
    }

    fn json(&self, name: &str) -> Result<Value, Failure> {
        let body = self.http.get(&self.url(name), MAX_ANSWER)?;
        serde_json::from_slice(&body).map_err(|_| Failure::Other("the hub's answer is not JSON".to_owned()))
    }

    /// A package that exists and is called nearly so, or so with another owner.
    pub(super) fn nearest(&self, name: &str) -> Option<String> {
        let index = self.json("index").ok()?;
        let names: Vec<&str> = index.as_array()?.iter().filter_map(Value::as_str).collect();
        let own = |name: &str| name.rsplit('/').next().unwrap_or(name).replace('-', "_").to_lowercase();
        let same = names.iter().copied().find(|other| own(other) == own(name));
        same.or_else(|| suggest::nearest(name, names.iter().copied())).map(str::to_owned)
    }
}

fn read(name: &str, answer: &Value) -> Option<Package> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let mut versions: Vec<Version> = answer
        .get("versions")?
        .as_object()?
        .iter()
        .filter_map(|(version, about)| {
            let downloads = about.get("downloads")?;
            Some(Version {
                text: version.clone(),
                specifier: Specifier::parse(version)?,
                name: text(about.get("name"))?,
                packages: about.get("packages").cloned().unwrap_or_default(),
                tarball: text(downloads.get("tarball"))?,
                sha1: text(downloads.get("sha1")),
                sha256: text(downloads.get("sha256")),
                compatible: is_compatible(about.get("require_dbt_version")),
            })
        })
        .collect();
    versions.sort_by(|a, b| a.specifier.compare(&b.specifier));
    let (owner, own) = name.split_once('/').unwrap_or(("", name));
    let (new_owner, new_own) = (text(answer.get("redirectnamespace")), text(answer.get("redirectname")));
    let renamed = (new_owner.is_some() || new_own.is_some())
        .then(|| format!("{}/{}", new_owner.as_deref().unwrap_or(owner), new_own.as_deref().unwrap_or(own)));
    Some(Package { renamed, versions })
}

/// What cannot be read is no reason to leave a version out.
fn is_compatible(required: Option<&Value>) -> bool {
    let texts: Vec<&str> = match required {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => return true,
    };
    let parsed: Option<Vec<Vec<Specifier>>> = texts.iter().map(|text| Specifier::parse_all(text)).collect();
    match (parsed, Specifier::parse(DBT_VERSION)) {
        (Some(specifiers), Some(own)) => Range::of_all([&own].into_iter().chain(specifiers.iter().flatten())).is_some(),
        _ => true,
    }
}
