//! Circles of references, told as a path of names with the place of each reference.

use std::collections::{HashMap, VecDeque};

use petgraph::Direction;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::diag::{Code, Diagnostic, Span};
use crate::manifest::{Manifest, Node, UniqueId};

/// More places than this make a message harder to read, not easier.
const MAX_PLACES: usize = 3;

/// One diagnostic for each group of members that need each other.
pub(super) fn cycles(graph: &DiGraph<UniqueId, ()>, manifest: &Manifest) -> Vec<Diagnostic> {
    let mut circles: Vec<Vec<NodeIndex>> = tarjan_scc(graph)
        .into_iter()
        .filter(|group| group.len() > 1 || graph.contains_edge(group[0], group[0]))
        .map(|group| shortest_circle(graph, &group))
        .collect();
    circles.sort_by_key(|circle| graph[circle[0]].clone());
    circles.iter().map(|circle| describe(graph, circle, manifest)).collect()
}

/// The shortest way from the group's first member (by name) through what it needs back to itself.
fn shortest_circle(graph: &DiGraph<UniqueId, ()>, group: &[NodeIndex]) -> Vec<NodeIndex> {
    let start = group.iter().copied().min_by_key(|at| graph[*at].clone()).unwrap_or(group[0]);
    let mut came_from: HashMap<NodeIndex, NodeIndex> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for parent in graph.neighbors_directed(at, Direction::Incoming) {
            if parent == start {
                return walk_back(&came_from, start, at);
            }
            if group.contains(&parent) && !came_from.contains_key(&parent) {
                came_from.insert(parent, at);
                queue.push_back(parent);
            }
        }
    }
    vec![start]
}

fn walk_back(came_from: &HashMap<NodeIndex, NodeIndex>, start: NodeIndex, end: NodeIndex) -> Vec<NodeIndex> {
    let mut path = vec![end];
    while let Some(at) = path.last().copied().filter(|at| *at != start) {
        match came_from.get(&at) {
            Some(previous) => path.push(*previous),
            None => break,
        }
    }
    path.reverse();
    path
}

fn describe(graph: &DiGraph<UniqueId, ()>, circle: &[NodeIndex], manifest: &Manifest) -> Diagnostic {
    let ids: Vec<&UniqueId> = circle.iter().map(|at| &graph[*at]).collect();
    let names: Vec<String> = ids.iter().chain(ids.first()).map(|id| format!("`{}`", name(id, manifest))).collect();
    let mut diagnostic = Diagnostic::error(Code::Cycle, format!("references go in a circle: {}", names.join(" → ")))
        .help("one of these references has to go, or its logic has to move to a model of its own");
    for (at, id) in ids.iter().enumerate().take(MAX_PLACES) {
        let (Some(from), Some(to)) = (manifest.nodes.get(*id), manifest.nodes.get(ids[(at + 1) % ids.len()])) else {
            continue;
        };
        let text = format!("`{}` needs `{}`", from.name, to.name);
        diagnostic = match diagnostic.primary {
            None => diagnostic.at(reference(from, to), text).node(id.to_string()),
            Some(_) => diagnostic.place(reference(from, to), text),
        };
    }
    diagnostic
}

fn name<'a>(id: &'a UniqueId, manifest: &'a Manifest) -> &'a str {
    manifest.nodes.get(id).map_or(id, |node| &node.name)
}

/// Where `from` writes the name of `to`; the first line of its text when a macro wrote the reference.
fn reference(from: &Node, to: &Node) -> Span {
    let (file, start) = (&from.body.file, from.body.range.start as usize);
    let text = from.body.text();
    let quoted = ['\'', '"'].iter().find_map(|quote| text.find(&format!("{quote}{}{quote}", to.name)));
    match quoted {
        Some(at) => Span::new(file, start + at + 1..start + at + 1 + to.name.len()),
        None => Span::line(file, file.line_column(start).0),
    }
}
