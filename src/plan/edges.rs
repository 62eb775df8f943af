//! Which chosen member waits for which: the graph's own edges, carried through what is not chosen, and in `build` the
//! gates that tests are.

use std::collections::HashMap;

use super::Verb;
use crate::graph::{Dag, NodeSet};
use crate::manifest::{Manifest, ResourceType};

/// For each of `chosen` (indexes of the graph) the positions in `chosen` that must be done before it.
pub(super) fn blockers(verb: Verb, chosen: &[usize], manifest: &Manifest, dag: &Dag) -> Vec<Vec<usize>> {
    // Nothing that these commands do to one member matters to another.
    if matches!(verb, Verb::Compile | Verb::Show | Verb::Freshness | Verb::Clone) {
        return vec![Vec::new(); chosen.len()];
    }
    let mut position = vec![None; dag.len()];
    chosen.iter().enumerate().for_each(|(at, member)| position[*member] = Some(at));
    let mut parents: Vec<Vec<usize>> = (0..dag.len()).map(|at| dag.parents(at).collect()).collect();
    if verb == Verb::Build {
        add_data_test_gates(&mut parents, chosen, manifest, dag);
        put_unit_tests_first(&mut parents, &position, manifest, dag);
    }
    nearest_chosen(&parents, &position, chosen)
}

/// A test gates every member that has all parents of the test among its ancestors. It is enough to gate the first of
/// them on each path: the others are behind those.
fn add_data_test_gates(parents: &mut [Vec<usize>], chosen: &[usize], manifest: &Manifest, dag: &Dag) {
    let mut below: HashMap<usize, NodeSet> = HashMap::new();
    for test in chosen.iter().copied().filter(|at| is_data_test(*at, manifest, dag)) {
        let tested: Vec<usize> = dag.parents(test).collect();
        let gated: Vec<usize> = match tested[..] {
            [] => continue,
            [only] => dag.children(only).collect(),
            _ => first_below_all(&tested, &mut below, dag),
        };
        for member in gated.into_iter().filter(|at| !is_test(*at, manifest, dag)) {
            parents[member].push(test);
        }
    }
}

fn first_below_all(tested: &[usize], below: &mut HashMap<usize, NodeSet>, dag: &Dag) -> Vec<usize> {
    let mut common: Option<NodeSet> = None;
    for parent in tested {
        let set = below.entry(*parent).or_insert_with(|| descendants_of(*parent, dag));
        match &mut common {
            Some(common) => common.intersect_with(set),
            None => common = Some(set.clone()),
        }
    }
    let Some(common) = common else { return Vec::new() };
    common.iter().filter(|at| !dag.parents(*at).any(|parent| common.contains(parent))).collect()
}

fn descendants_of(member: usize, dag: &Dag) -> NodeSet {
    let mut start = dag.empty_set();
    start.insert(member);
    dag.descendants(&start, None)
}

/// A unit test needs what its model needs (its inputs must exist, so that their types are known) and runs before it.
fn put_unit_tests_first(parents: &mut [Vec<usize>], position: &[Option<usize>], manifest: &Manifest, dag: &Dag) {
    let mut before: HashMap<usize, Vec<usize>> = HashMap::new();
    for unit_test in manifest.unit_tests.values() {
        let (Some(test), Some(model)) = (dag.index(&unit_test.unique_id), dag.index(&unit_test.tested)) else {
            continue;
        };
        if position[test].is_some() {
            let mut needs = parents[model].clone();
            needs.extend(parents[test].iter().copied().filter(|parent| *parent != model));
            parents[test] = needs;
            before.entry(model).or_default().push(test);
        }
    }
    for (model, tests) in before {
        parents[model].extend(tests);
    }
}

fn is_data_test(at: usize, manifest: &Manifest, dag: &Dag) -> bool {
    manifest.nodes.get(dag.id(at)).is_some_and(|node| node.resource_type == ResourceType::Test)
}

fn is_test(at: usize, manifest: &Manifest, dag: &Dag) -> bool {
    is_data_test(at, manifest, dag) || manifest.unit_tests.contains_key(dag.id(at))
}

/// Replaces parents that are not chosen by the nearest chosen members above them. Every member is looked at once, after
/// its parents.
fn nearest_chosen(parents: &[Vec<usize>], position: &[Option<usize>], chosen: &[usize]) -> Vec<Vec<usize>> {
    let mut through: Vec<Option<Vec<usize>>> = vec![None; parents.len()];
    for start in chosen {
        let mut stack = vec![*start];
        while let Some(at) = stack.pop() {
            let is_open = |parent: &&usize| position[**parent].is_none() && through[**parent].is_none();
            let open: Vec<usize> = parents[at].iter().filter(is_open).copied().collect();
            if open.is_empty() {
                through[at] = Some(gather(&parents[at], position, &through));
            } else {
                stack.push(at);
                stack.extend(open);
            }
        }
    }
    chosen.iter().map(|at| through[*at].take().unwrap_or_default()).collect()
}

fn gather(parents: &[usize], position: &[Option<usize>], through: &[Option<Vec<usize>>]) -> Vec<usize> {
    let mut blockers: Vec<usize> = Vec::new();
    for parent in parents {
        match position[*parent] {
            Some(at) => blockers.push(at),
            None => blockers.extend(through[*parent].iter().flatten()),
        }
    }
    blockers.sort_unstable();
    blockers.dedup();
    blockers
}

/// Per position: 0 without blockers, else one more than the deepest of them.
pub(super) fn levels(blockers: &[Vec<usize>]) -> Vec<usize> {
    let mut levels: Vec<Option<usize>> = vec![None; blockers.len()];
    for start in 0..blockers.len() {
        let mut stack = vec![start];
        while let Some(at) = stack.pop() {
            let open: Vec<usize> = blockers[at].iter().filter(|blocker| levels[**blocker].is_none()).copied().collect();
            if open.is_empty() {
                let deepest = blockers[at].iter().filter_map(|blocker| levels[*blocker]).max();
                levels[at] = Some(deepest.map_or(0, |level| level + 1));
            } else {
                stack.push(at);
                stack.extend(open);
            }
        }
    }
    levels.into_iter().map(Option::unwrap_or_default).collect()
}
