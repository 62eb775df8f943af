//! Floor 5. The DAG of the project: who needs whom. Members are everything that can depend or be depended on: nodes,
//! sources, unit tests, exposures, semantic models, metrics, saved queries; they have small integer indexes, so that sets of them are bits ([`NodeSet`]).

mod cycle;
#[cfg(test)]
pub(crate) mod fixture;
mod set;

use std::collections::HashMap;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};

pub use set::NodeSet;

use crate::diag::{Code, Diagnostic};
use crate::manifest::{Manifest, UniqueId};

/// The acyclic graph of all members; edges go from what is needed to what needs it.
#[derive(Debug)]
pub struct Dag {
    graph: DiGraph<UniqueId, ()>,
    index: HashMap<UniqueId, usize>,
    /// Every index once, parents before children.
    order: Vec<usize>,
    /// Per index: 0 without parents, else one more than the deepest parent.
    levels: Vec<usize>,
}

impl Dag {
    /// Links every member with what it depends on.
    ///
    /// # Errors
    /// One diagnostic per circle of references.
    pub fn new(manifest: &Manifest) -> Result<Self, Vec<Diagnostic>> {
        let mut graph = DiGraph::with_capacity(manifest.nodes.len() + manifest.sources.len(), manifest.nodes.len() * 2);
        let mut index = HashMap::with_capacity(manifest.nodes.len() + manifest.sources.len());
        for (id, _) in members(manifest) {
            index.insert(id.clone(), graph.add_node(id.clone()).index());
        }
        let mut problems = Vec::new();
        for (at, (id, parents)) in members(manifest).enumerate() {
            let child = NodeIndex::new(at);
            for parent in parents {
                match index.get(parent) {
                    Some(parent) => {
                        graph.update_edge(NodeIndex::new(*parent), child, ());
                    }
                    None => problems.push(unknown_parent(id, parent)),
                }
            }
        }
        problems.extend(cycle::cycles(&graph, manifest));
        if !problems.is_empty() {
            return Err(problems);
        }
        let (order, levels) = sort(&graph);
        Ok(Self { graph, index, order, levels })
    }

    /// How many members there are; indexes are below it.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn index(&self, id: &str) -> Option<usize> {
        self.index.get(id).copied()
    }

    pub fn id(&self, at: usize) -> &UniqueId {
        &self.graph[NodeIndex::new(at)]
    }

    pub fn parents(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        self.graph.neighbors_directed(NodeIndex::new(at), Direction::Incoming).map(NodeIndex::index)
    }

    pub fn children(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        self.graph.neighbors_directed(NodeIndex::new(at), Direction::Outgoing).map(NodeIndex::index)
    }

    /// Every index once, parents before children.
    pub fn topological(&self) -> &[usize] {
        &self.order
    }

    /// 0 without parents, else one more than the deepest parent.
    pub fn level(&self, at: usize) -> usize {
        self.levels[at]
    }

    pub fn empty_set(&self) -> NodeSet {
        NodeSet::new(self.len())
    }

    /// Everything that `from` needs, at most `depth` hops away; without `from` itself unless one needs another.
    pub fn ancestors(&self, from: &NodeSet, depth: Option<usize>) -> NodeSet {
        self.reach(from, depth, Direction::Incoming)
    }

    /// Everything that needs `from`, at most `depth` hops away.
    pub fn descendants(&self, from: &NodeSet, depth: Option<usize>) -> NodeSet {
        self.reach(from, depth, Direction::Outgoing)
    }

    /// Breadth first from all starts at once, so that the hop count of a member is its smallest.
    fn reach(&self, from: &NodeSet, depth: Option<usize>, direction: Direction) -> NodeSet {
        let mut reached = self.empty_set();
        let mut frontier: Vec<usize> = from.iter().collect();
        let mut hops = 0;
        while !frontier.is_empty() && depth.is_none_or(|depth| hops < depth) {
            let mut next = Vec::new();
            for at in frontier {
                for neighbour in self.graph.neighbors_directed(NodeIndex::new(at), direction) {
                    if reached.insert(neighbour.index()) {
                        next.push(neighbour.index());
                    }
                }
            }
            frontier = next;
            hops += 1;
        }
        reached
    }

    /// `unique_id`s of a set, sorted by name.
    pub fn ids(&self, set: &NodeSet) -> Vec<UniqueId> {
        let mut ids: Vec<UniqueId> = set.iter().map(|at| self.id(at).clone()).collect();
        ids.sort();
        ids
    }
}

/// Every member with what it directly needs, in the manifest's order.
fn members(manifest: &Manifest) -> impl Iterator<Item = (&UniqueId, &[UniqueId])> {
    let nodes = manifest.nodes.values().map(|x| (&x.unique_id, x.depends_on_nodes.as_slice()));
    let sources = manifest.sources.values().map(|x| (&x.unique_id, [].as_slice()));
    let unit_tests = manifest.unit_tests.values().map(|x| (&x.unique_id, x.depends_on_nodes.as_slice()));
    let exposures = manifest.exposures.values().map(|x| (&x.unique_id, x.depends_on_nodes.as_slice()));
    let models = manifest.semantic_models.values().map(|x| (&x.identity.unique_id, x.depends_on_nodes.as_slice()));
    let metrics = manifest.metrics.values().map(|x| (&x.identity.unique_id, x.depends_on_nodes.as_slice()));
    let queries = manifest.saved_queries.values().map(|x| (&x.identity.unique_id, x.depends_on_nodes.as_slice()));
    nodes.chain(sources).chain(unit_tests).chain(exposures).chain(models).chain(metrics).chain(queries)
}

/// The topological order and levels of a graph known to be acyclic (Kahn).
fn sort(graph: &DiGraph<UniqueId, ()>) -> (Vec<usize>, Vec<usize>) {
    let mut waiting: Vec<usize> =
        graph.node_indices().map(|at| graph.neighbors_directed(at, Direction::Incoming).count()).collect();
    let mut levels = vec![0; graph.node_count()];
    let mut order: Vec<usize> = (0..waiting.len()).filter(|at| waiting[*at] == 0).collect();
    let mut done = 0;
    while done < order.len() {
        let at = order[done];
        done += 1;
        for child in graph.neighbors_directed(NodeIndex::new(at), Direction::Outgoing).map(NodeIndex::index) {
            levels[child] = levels[child].max(levels[at] + 1);
            waiting[child] -= 1;
            if waiting[child] == 0 {
                order.push(child);
            }
        }
    }
    (order, levels)
}

fn unknown_parent(child: &UniqueId, parent: &UniqueId) -> Diagnostic {
    Diagnostic::error(Code::Internal, format!("`{child}` depends on `{parent}`, which the manifest does not have"))
}

#[cfg(test)]
mod tests;
