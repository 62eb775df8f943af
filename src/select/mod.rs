//! Floor 6. Which members of the graph a command is about: dbt's selector grammar, its methods, YAML selectors and
//! indirect selection of tests.

mod criterion;
mod evaluate;
mod glob;
mod method;
mod selectors;
pub mod state;

use evaluate::Evaluator;
pub use selectors::Selectors;
pub use state::Earlier;

use crate::diag::{Code, Diagnostic};
use crate::graph::{Dag, NodeSet};
use crate::manifest::{Manifest, ResourceType, UniqueId};

/// When a test that is not selected itself joins because of what it tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Indirect {
    /// Any parent is selected.
    #[default]
    Eager,
    /// All parents are selected.
    Cautious,
    /// All parents are selected, above something selected, or sources.
    Buildable,
    /// Never.
    Empty,
}

impl Indirect {
    /// dbt's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eager => "eager",
            Self::Cautious => "cautious",
            Self::Buildable => "buildable",
            Self::Empty => "empty",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "eager" => Some(Self::Eager),
            "cautious" => Some(Self::Cautious),
            "buildable" => Some(Self::Buildable),
            "empty" => Some(Self::Empty),
            _ => None,
        }
    }
}

/// What the user asked for, as written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    /// Criteria of `--select`; several are a union. Empty: everything.
    pub select: Vec<String>,
    pub exclude: Vec<String>,
    /// A name of selectors.yml.
    pub selector: Option<String>,
    pub indirect: Indirect,
    /// Only members of these types stay; empty: of any type.
    pub resource_types: Vec<ResourceType>,
}

/// What a selection came to.
#[derive(Debug, Clone, Default)]
pub struct Selected {
    /// Sorted.
    pub ids: Vec<UniqueId>,
    /// Criteria that matched nothing, and the like.
    pub warnings: Vec<Diagnostic>,
}

/// Finds what a selection means. Only enabled members are in the graph, so only they can be found.
///
/// # Errors
/// Criteria that cannot be understood, selectors that are not defined, criteria about an earlier state that is not
/// there, and broken contracts of versioned models.
pub fn resolve(
    selection: &Selection,
    manifest: &Manifest,
    dag: &Dag,
    selectors: Option<&Selectors>,
    earlier: Option<&Earlier>,
) -> Result<Selected, Vec<Diagnostic>> {
    let evaluator = Evaluator::new(manifest, dag, selectors, earlier, selection.indirect);
    let mut warnings = Vec::new();
    let nothing_given = selection.select.is_empty() && selection.exclude.is_empty();
    let default = selectors.and_then(Selectors::default_name).filter(|_| nothing_given);
    let set = match selection.selector.as_deref().or(default) {
        Some(name) => {
            if !nothing_given {
                warnings.push(Diagnostic::warning(
                    Code::Selection,
                    format!("`--select` and `--exclude` are ignored, because `--selector {name}` is given"),
                ));
            }
            evaluator.named(name)?.direct
        }
        None => given(selection, &evaluator, &mut warnings)?,
    };
    warnings.extend(evaluator.complaints());
    warnings.dedup();
    let (errors, warnings): (Vec<_>, Vec<_>) = warnings.into_iter().partition(Diagnostic::is_error);
    if !errors.is_empty() {
        return Err(errors);
    }
    let types = &selection.resource_types;
    let fits = |id: &UniqueId| {
        let kind = manifest.get(id).map(|thing| thing.resource_type());
        types.is_empty() || kind.is_some_and(|kind| types.contains(&kind))
    };
    let mut ids = dag.ids(&set);
    ids.retain(fits);
    Ok(Selected { ids, warnings })
}

/// Whether a selection compares with an earlier state.
pub fn looks_back(selection: &Selection, selectors: Option<&Selectors>) -> bool {
    // Definitions of selectors.yml refer to each other, so all of them count where any is used.
    let defined = || selectors.is_some_and(Selectors::look_back);
    let named = selection.selector.is_some() || selectors.and_then(Selectors::default_name).is_some();
    let words = [&selection.select, &selection.exclude];
    let exprs = words.into_iter().filter_map(|words| criterion::parse_arguments(words).ok()).flatten();
    (named && defined()) || exprs.into_iter().any(|(_, expr)| expr.looks_back(&defined))
}

/// `--select` without `--exclude`.
fn given(
    selection: &Selection,
    evaluator: &Evaluator<'_>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<NodeSet, Vec<Diagnostic>> {
    let select = criterion::parse_arguments(&selection.select);
    let exclude = criterion::parse_arguments(&selection.exclude);
    let (select, exclude) = match (select, exclude) {
        (Ok(select), Ok(exclude)) => (select, exclude),
        (select, exclude) => return Err([select.err(), exclude.err()].into_iter().flatten().flatten().collect()),
    };
    let mut set = match select.is_empty() {
        true => evaluator.all(),
        false => evaluator.words(&select, warnings)?,
    };
    set.subtract(&evaluator.words(&exclude, warnings)?);
    Ok(set)
}

#[cfg(test)]
mod tests;
