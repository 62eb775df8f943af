//! Which macro builds a node.

use std::sync::Arc;

use super::Runtime;
use crate::jinja::{MacroDef, Value};

/// A materialization macro.
#[derive(Clone)]
pub struct Found {
    pub macro_def: Arc<MacroDef>,
    pub value: Value,
    /// It comes with us.
    pub embedded: bool,
}

/// How near a package is: the root project wins over installed packages, those over embedded ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Locality {
    Embedded,
    Installed,
    Root,
}

/// dbt's order: the most specific adapter first, then the nearest package. Installed packages cannot replace a built-in
/// materialization behind the user's back: the root project has to wrap it, or a behaviour flag lets them.
pub(super) fn find(runtime: &Runtime, materialized: &str) -> Option<Found> {
    let adapter = runtime.adapter();
    let kinds: Vec<&str> =
        std::iter::once(adapter.kind()).chain(adapter.parents().iter().copied()).chain(["default"]).collect();
    let mut best: Option<(usize, Locality, &Arc<MacroDef>)> = None;
    let mut built_in = false;
    for package in &runtime.project.packages {
        let locality = match package.embedded {
            true => Locality::Embedded,
            false if package.name == runtime.project.name => Locality::Root,
            false => Locality::Installed,
        };
        for (distance, kind) in kinds.iter().enumerate() {
            let name = format!("materialization_{materialized}_{kind}");
            let Some(found) = runtime.library.get(&package.name, &name) else { continue };
            built_in |= locality == Locality::Embedded;
            let better = match &best {
                Some((best_distance, best_locality, _)) => {
                    distance < *best_distance || (distance == *best_distance && locality > *best_locality)
                }
                None => true,
            };
            if better {
                best = Some((distance, locality, found));
            }
        }
    }
    let (_, locality, found) = best?;
    let replaceable = !runtime.project.behaves("require_explicit_package_overrides_for_builtin_materializations");
    if built_in && locality == Locality::Installed && !replaceable {
        return find_without_installed(runtime, materialized, &kinds);
    }
    let value = runtime.library.value(&found.package, &found.name)?;
    Some(Found { macro_def: found.clone(), value, embedded: locality == Locality::Embedded })
}

fn find_without_installed(runtime: &Runtime, materialized: &str, kinds: &[&str]) -> Option<Found> {
    let packages = runtime.project.packages.iter();
    let own: Vec<_> = packages.filter(|package| package.embedded || package.name == runtime.project.name).collect();
    kinds.iter().find_map(|kind| {
        let name = format!("materialization_{materialized}_{kind}");
        own.iter().find_map(|package| {
            let macro_def = runtime.library.get(&package.name, &name)?.clone();
            let value = runtime.library.value(&package.name, &name)?;
            Some(Found { macro_def, value, embedded: package.embedded })
        })
    })
}
