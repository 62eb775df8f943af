//! The dbt packages inside this program (`macros/` of the repository), found like installed ones.

use std::path::PathBuf;
use std::sync::Arc;

use super::settings;
use super::{FilePath, Files, Package, PackageFile, Stat};
use crate::diag::{Diagnostic, SourceFile};
use crate::yaml;

/// A file of an embedded package; `path` is relative to the package.
struct EmbeddedFile {
    package: &'static str,
    path: &'static str,
    text: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Which embedded packages serve an adapter type, nearest first; none if the type is not known.
pub(super) fn names(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "mysql" | "mariadb" | "mysql5" => Some(&["dbt_mysql", "dbt"]),
        "duckdb" => Some(&["dbt_duckdb", "dbt"]),
        _ => None,
    }
}

/// The last series of dbt for each database that newer ones do not know.
pub(super) const LAST_DBT: &[&str] = &["1.7"];

/// The last series of dbt that knew an adapter type, where newer ones do not.
pub(super) fn last_dbt(kind: &str) -> Option<&'static str> {
    names(kind)?.contains(&"dbt_mysql").then_some(LAST_DBT[0])
}

/// The embedded packages for an adapter type, nearest first.
pub(super) fn packages(kind: &str, diags: &mut Vec<Diagnostic>) -> Vec<Package> {
    names(kind).unwrap_or_default().iter().filter_map(|name| package(name, diags)).collect()
}

fn package(name: &str, diags: &mut Vec<Diagnostic>) -> Option<Package> {
    let mut files = Files::default();
    let mut project = None;
    for file in FILES.iter().filter(|file| file.package == name) {
        let source = SourceFile::new(format!("<{name}>/{}", file.path), file.text);
        match file.path.strip_prefix("macros/") {
            Some(relative) if file.path.ends_with(".sql") => {
                let path = FilePath {
                    original: file.path.to_owned(),
                    relative: relative.to_owned(),
                    absolute: PathBuf::from(file.path),
                };
                files.macros.push(PackageFile { path, source, stat: Stat::default() });
            }
            _ if file.path == "dbt_project.yml" => project = Some(source),
            _ => {}
        }
    }
    let project = project?;
    let root = yaml::parse(&project, diags).map_err(|error| diags.push(*error)).ok()?;
    let (name, config) = settings::read(&project, root.clone(), root, settings::Origin::Embedded, diags)?;
    Some(Package { name: Arc::from(name), root: PathBuf::new(), embedded: true, config, files })
}
