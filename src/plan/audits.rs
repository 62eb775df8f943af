//! Which data tests decide whether a node is published (`publish: tested`).

use std::collections::HashMap;

use super::Verb;
use crate::graph::Dag;
use crate::manifest::{Manifest, Node, ResourceType, UniqueId};

/// The tests of each chosen node that is published only after them.
pub type Audits = HashMap<UniqueId, Vec<UniqueId>>;

/// A test audits the node that it reads whose other parents are all there before that node is built: its ancestors, and
/// sources. There is at most one such node. A test that needs something built later, or beside the node, cannot tell
/// anything about the new version yet, and runs after publication as ever.
pub(super) fn audits(verb: Verb, chosen: &[usize], manifest: &Manifest, dag: &Dag) -> Audits {
    if !matches!(verb, Verb::Build | Verb::Run | Verb::Seed | Verb::Snapshot) {
        return Audits::new();
    }
    let node = |at: usize| manifest.nodes.get(dag.id(at));
    let mut audits = Audits::new();
    for at in chosen.iter().copied().filter(|at| node(*at).is_some_and(|node| is_audited(node))) {
        let mut start = dag.empty_set();
        start.insert(at);
        let above = dag.ancestors(&start, None);
        let is_there =
            |parent: usize| parent == at || above.contains(parent) || manifest.sources.contains_key(dag.id(parent));
        let tests = dag.children(at).filter(|child| node(*child).is_some_and(|child| is_data_test(child)));
        let mut tests: Vec<UniqueId> =
            tests.filter(|test| dag.parents(*test).all(is_there)).map(|test| dag.id(test).clone()).collect();
        tests.sort_unstable();
        if !tests.is_empty() {
            audits.insert(dag.id(at).clone(), tests);
        }
    }
    audits
}

fn is_audited(node: &Node) -> bool {
    let builds = matches!(node.resource_type, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot);
    builds && node.config.publishes_tested() && !node.is_ephemeral()
}

fn is_data_test(node: &Node) -> bool {
    node.resource_type == ResourceType::Test && node.config.enabled()
}
