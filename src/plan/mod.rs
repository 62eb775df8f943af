//! Floor 7. What runs in which order, and what stops what: [`plan`] turns a command's [`Verb`] and a selection into
//! the [`Plan`] that the coordinator works off.

mod audits;
mod edges;

use std::fmt;

pub use audits::Audits;

use crate::graph::Dag;
use crate::manifest::{Manifest, ResourceType, UniqueId};
use crate::select::Selected;

/// What is done with the selected nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Seeds, models, snapshots, tests in one go; tests gate what is downstream of what they test.
    Build,
    Run,
    Test,
    Seed,
    Snapshot,
    Compile,
    Show,
    /// Asks sources how old their data is.
    Freshness,
    /// Points at the relations of another place, or copies them.
    Clone,
}

impl Verb {
    /// As the command is called.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Run => "run",
            Self::Test => "test",
            Self::Seed => "seed",
            Self::Snapshot => "snapshot",
            Self::Compile => "compile",
            Self::Show => "show",
            Self::Freshness => "freshness",
            Self::Clone => "clone",
        }
    }

    /// The resource types that this command works on.
    pub fn resource_types(self) -> &'static [ResourceType] {
        use ResourceType::{Analysis, Exposure, Function, Model, SavedQuery, Seed, Snapshot, Source, Test, UnitTest};
        match self {
            Self::Build => &[Model, Seed, Snapshot, Test, UnitTest, Exposure, SavedQuery, Function],
            Self::Run => &[Model],
            Self::Test => &[Test, UnitTest],
            Self::Seed => &[Seed],
            Self::Snapshot => &[Snapshot],
            Self::Compile | Self::Show => &[Model, Seed, Snapshot, Test, Analysis, Function],
            Self::Freshness => &[Source],
            Self::Clone => &[Model, Seed, Snapshot],
        }
    }
}

/// The steps of one invocation, in the order in which free workers take them: (level, unique_id).
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub verb: Verb,
    pub steps: Vec<Step>,
    /// A failed (or skipped) test skips what it blocks. An error of any step always does; a warning never.
    pub failed_tests_block: bool,
    /// Tests that a node waits for before it is published. They are steps, selected or not.
    pub audits: Audits,
}

/// One member of the graph to work on. Exposures and saved queries are steps too, with nothing to do (dbt's `NO-OP`).
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub unique_id: UniqueId,
    pub resource_type: ResourceType,
    /// Steps that must be done before, as indexes into [`Plan::steps`], ascending.
    pub blocked_by: Vec<usize>,
    /// The reverse of `blocked_by`.
    pub blocks: Vec<usize>,
    /// 0 when nothing blocks it, else one more than its deepest blocker.
    pub level: usize,
    /// `on_error: continue`: what it blocks runs even if it fails.
    pub keeps_going: bool,
}

/// Orders the selected members for `verb`.
///
/// Ephemeral models are no steps, except where their SQL is the result (compile, show), but what is above them still
/// blocks what is below them; so does everything that is not selected.
pub fn plan(verb: Verb, selected: &Selected, manifest: &Manifest, dag: &Dag) -> Plan {
    let keep = |at: &usize| !is_folded(verb, dag.id(*at), manifest);
    let mut chosen: Vec<usize> = selected.ids.iter().filter_map(|id| dag.index(id)).filter(keep).collect();
    let audits = audits::audits(verb, &chosen, manifest, dag);
    let mut is_chosen = dag.empty_set();
    for at in &chosen {
        is_chosen.insert(*at);
    }
    let tests = audits.values().flatten().filter_map(|test| dag.index(test));
    chosen.extend(tests.filter(|at| is_chosen.insert(*at)));
    let blockers = edges::blockers(verb, &chosen, manifest, dag);
    let mut steps = order(&chosen, &blockers, dag);
    for step in &mut steps {
        (step.resource_type, step.keeps_going) = facts(&step.unique_id, manifest);
    }
    Plan { verb, steps, failed_tests_block: verb == Verb::Build, audits }
}

/// Ephemeral models are folded into what refers to them.
fn is_folded(verb: Verb, id: &UniqueId, manifest: &Manifest) -> bool {
    let shows_sql = matches!(verb, Verb::Compile | Verb::Show);
    !shows_sql && manifest.nodes.get(id).is_some_and(|node| node.is_ephemeral())
}

fn facts(id: &UniqueId, manifest: &Manifest) -> (ResourceType, bool) {
    match manifest.nodes.get(id) {
        Some(node) => (node.resource_type, node.config.str("on_error") == Some("continue")),
        None => (manifest.get(id).map_or(ResourceType::Exposure, |thing| thing.resource_type()), false),
    }
}

/// Steps sorted by (level, unique_id); `blockers[i]` are positions in `chosen`.
fn order(chosen: &[usize], blockers: &[Vec<usize>], dag: &Dag) -> Vec<Step> {
    let levels = edges::levels(blockers);
    let mut sequence: Vec<usize> = (0..chosen.len()).collect();
    sequence.sort_by(|a, b| levels[*a].cmp(&levels[*b]).then_with(|| dag.id(chosen[*a]).cmp(dag.id(chosen[*b]))));
    let mut place = vec![0; chosen.len()];
    sequence.iter().enumerate().for_each(|(new, old)| place[*old] = new);
    let mut steps: Vec<Step> = Vec::with_capacity(chosen.len());
    for old in sequence {
        let mut blocked_by: Vec<usize> = blockers[old].iter().map(|blocker| place[*blocker]).collect();
        blocked_by.sort_unstable();
        steps.push(Step {
            unique_id: dag.id(chosen[old]).clone(),
            resource_type: ResourceType::Model,
            blocked_by,
            blocks: Vec::new(),
            level: levels[old],
            keeps_going: false,
        });
    }
    for at in 0..steps.len() {
        for blocker in steps[at].blocked_by.clone() {
            steps[blocker].blocks.push(at);
        }
    }
    steps
}

impl Plan {
    /// How many steps have this resource type.
    pub fn count(&self, resource_type: ResourceType) -> usize {
        self.steps.iter().filter(|step| step.resource_type == resource_type).count()
    }
}

/// `3  model.shop.orders  after 1, 2`, numbered from 1.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.steps.len().to_string().len();
        for (at, step) in self.steps.iter().enumerate() {
            write!(f, "{:>digits$}  {}", at + 1, step.unique_id)?;
            if !step.blocked_by.is_empty() {
                let after: Vec<String> = step.blocked_by.iter().map(|blocker| (blocker + 1).to_string()).collect();
                write!(f, "  after {}", after.join(", "))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
