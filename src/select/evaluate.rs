//! The set algebra of selections, with tests that join indirectly.

use std::cell::{OnceCell, RefCell};

use super::criterion::{Criterion, Expr};
use super::method::{self, Method};
use super::selectors::Selectors;
use super::state::{Comparison, Earlier};
use super::{Indirect, glob};
use crate::diag::{Code, Diagnostic, suggest};
use crate::graph::{Dag, NodeSet};
use crate::manifest::{Manifest, Resource, ResourceType};

type Outcome<T> = Result<T, Vec<Diagnostic>>;

/// What an expression selects.
pub(super) struct Picked {
    pub direct: NodeSet,
    /// Tests that may still join when another part of the words brings their other parents.
    pending: NodeSet,
}

pub(super) struct Evaluator<'a> {
    dag: &'a Dag,
    /// By index of the graph.
    members: Vec<Option<Resource<'a>>>,
    root_package: &'a str,
    selectors: Option<&'a Selectors>,
    indirect: Indirect,
    manifest: &'a Manifest,
    earlier: Option<&'a Earlier>,
    /// Made when it is first asked for; None: the state has no manifest.
    comparison: OnceCell<Option<Comparison<'a>>>,
    /// Definitions of selectors.yml that are being evaluated: one that comes back is a circle.
    open: RefCell<Vec<String>>,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(
        manifest: &'a Manifest,
        dag: &'a Dag,
        selectors: Option<&'a Selectors>,
        earlier: Option<&'a Earlier>,
        indirect: Indirect,
    ) -> Self {
        Self {
            dag,
            members: (0..dag.len()).map(|at| manifest.get(dag.id(at))).collect(),
            root_package: &manifest.project_name,
            selectors,
            indirect,
            manifest,
            earlier,
            comparison: OnceCell::new(),
            open: RefCell::default(),
        }
    }

    /// Everything in the graph.
    pub(super) fn all(&self) -> NodeSet {
        let mut set = self.dag.empty_set();
        (0..self.dag.len()).for_each(|at| {
            set.insert(at);
        });
        set
    }

    fn evaluate(&self, expr: &Expr) -> Outcome<Picked> {
        match expr {
            Expr::One(criterion) => self.criterion(criterion),
            Expr::Union(parts) => self.combine(parts, NodeSet::union_with),
            Expr::Intersection(parts) => self.combine(parts, NodeSet::intersect_with),
            Expr::Difference(keep, drop) => {
                let mut keep = self.evaluate(keep)?;
                let drop = self.evaluate(drop)?;
                keep.fold(&drop, NodeSet::subtract);
                Ok(keep)
            }
        }
    }

    /// Unites the words of an option, and tells which of them match nothing. Tests join once all parents are there. They
    /// do not in unions and intersections of selectors.yml, as in dbt 1.12.6.
    pub(super) fn words(&self, words: &[(String, Expr)], warnings: &mut Vec<Diagnostic>) -> Outcome<NodeSet> {
        let mut picked = self.nothing();
        for (text, expr) in words {
            let one = self.let_tests_join(self.evaluate(expr)?);
            if one.direct.is_empty() {
                warnings.push(self.matches_nothing(text, expr));
            }
            picked.fold(&one, NodeSet::union_with);
        }
        Ok(self.let_tests_join(picked).direct)
    }

    fn combine(&self, parts: &[Expr], operation: fn(&mut NodeSet, &NodeSet)) -> Outcome<Picked> {
        let Some((first, rest)) = parts.split_first() else { return Ok(self.nothing()) };
        let mut picked = self.evaluate(first)?;
        for part in rest {
            picked.fold(&self.evaluate(part)?, operation);
        }
        Ok(picked)
    }

    fn nothing(&self) -> Picked {
        let empty = self.dag.empty_set();
        Picked { direct: empty.clone(), pending: empty }
    }

    fn criterion(&self, criterion: &Criterion) -> Outcome<Picked> {
        let mut picked = match criterion.method {
            // Its own definition has already said which tests join.
            Method::Selector => return self.selector(criterion),
            _ => Picked { direct: self.matching(criterion)?, ..self.nothing() },
        };
        self.add_relatives(criterion, &mut picked.direct);
        self.add_tests(criterion.indirect.unwrap_or(self.indirect), &mut picked);
        Ok(picked)
    }

    fn matching(&self, criterion: &Criterion) -> Outcome<NodeSet> {
        method::check(&criterion.method, &criterion.value, &criterion.text).map_err(|problem| vec![*problem])?;
        let value = criterion.value.as_str();
        Ok(match criterion.method {
            Method::State => {
                let comparison = self.comparison.get_or_init(|| Comparison::new(self.manifest, self.earlier?));
                let comparison = comparison.as_ref().ok_or_else(|| self.lacks(criterion, "manifest.json"))?;
                if value == "modified.vars" && !comparison.knows_inputs() {
                    return Err(self.lacks(criterion, "headwater_state.json"));
                }
                self.members_that(|member| comparison.matches(value, member))
            }
            Method::Result => {
                let statuses = self.earlier.and_then(|earlier| earlier.statuses.as_ref());
                let statuses = statuses.ok_or_else(|| self.lacks(criterion, "run_results.json"))?;
                self.members_that(|member| statuses.get(&**member.unique_id()).is_some_and(|status| status == value))
            }
            Method::SourceStatus => self.fresher(criterion)?,
            _ => self.members_that(|member| method::matches(&criterion.method, value, member, self.root_package)),
        })
    }

    fn members_that(&self, fits: impl Fn(&Resource<'a>) -> bool) -> NodeSet {
        let mut set = self.dag.empty_set();
        for (at, _) in self.members().filter(|(_, member)| fits(member)) {
            set.insert(at);
        }
        set
    }

    /// Sources that have newer rows than before, or were not asked before.
    fn fresher(&self, criterion: &Criterion) -> Outcome<NodeSet> {
        let before = self.earlier.and_then(|earlier| earlier.sources.as_ref());
        let before = before.ok_or_else(|| self.lacks(criterion, "sources.json"))?;
        let now = self.earlier.and_then(|earlier| earlier.current_sources.as_ref()).ok_or_else(|| {
            let text = format!("`{}` needs to know how fresh the sources are now", criterion.text);
            vec![Diagnostic::error(Code::Selection, text).help("run `headwater source freshness` before")]
        })?;
        Ok(self.members_that(|member| {
            let id = &**member.unique_id();
            now.get(id).is_some_and(|loaded| before.get(id).is_none_or(|earlier| loaded > earlier))
        }))
    }

    fn lacks(&self, criterion: &Criterion, file: &str) -> Vec<Diagnostic> {
        let problem = match self.earlier {
            None => Diagnostic::error(Code::Selection, format!("`{}` needs something to compare with", criterion.text))
                .help(format!(
                    "give `--state DIR`, a folder with the `{file}` of an earlier run, or let Headwater keep one itself \
                     (`--keep-state`)"
                )),
            Some(_) => Diagnostic::error(
                Code::Selection,
                format!("the state has no `{file}`, which `{}` needs", criterion.text),
            )
            .help("`--state` is a folder with the artifacts of an earlier run, often a copy of `target`"),
        };
        vec![problem]
    }

    /// What comparing has found to be wrong.
    pub(super) fn complaints(&self) -> Vec<Diagnostic> {
        self.comparison.get().and_then(Option::as_ref).map(Comparison::complaints).unwrap_or_default()
    }

    fn members(&self) -> impl Iterator<Item = (usize, &Resource<'a>)> {
        self.members.iter().enumerate().filter_map(|(at, member)| Some((at, member.as_ref()?)))
    }

    /// Adds what `+` and `@` ask for.
    fn add_relatives(&self, criterion: &Criterion, set: &mut NodeSet) {
        let start = set.clone();
        if criterion.childrens_parents {
            let mut below = self.dag.descendants(&start, None);
            below.union_with(&start);
            set.union_with(&self.dag.ancestors(&below, None));
            set.union_with(&below);
        }
        if let Some(depth) = criterion.parents {
            set.union_with(&self.dag.ancestors(&start, depth));
        }
        if let Some(depth) = criterion.children {
            set.union_with(&self.dag.descendants(&start, depth));
        }
    }

    /// Adds the tests of what is selected, or keeps them in mind.
    fn add_tests(&self, indirect: Indirect, picked: &mut Picked) {
        if indirect == Indirect::Empty {
            return;
        }
        let selected = picked.direct.clone();
        let present = match indirect {
            Indirect::Buildable => self.with_ancestors_and_sources(&selected),
            _ => selected.clone(),
        };
        let tests = self.dag.descendants(&selected, Some(1));
        for test in tests.iter().filter(|at| self.is_test(*at)) {
            let all_present = self.dag.parents(test).all(|parent| present.contains(parent));
            if indirect == Indirect::Eager || all_present {
                picked.direct.insert(test);
            } else {
                picked.pending.insert(test);
            }
        }
    }

    /// Lets tests join that were kept in mind and whose parents are now all there.
    fn let_tests_join(&self, mut picked: Picked) -> Picked {
        let present = match self.indirect {
            Indirect::Cautious => picked.direct.clone(),
            Indirect::Buildable => {
                let mut set = self.dag.ancestors(&picked.direct, None);
                set.union_with(&picked.direct);
                set
            }
            Indirect::Eager | Indirect::Empty => return picked,
        };
        for test in picked.pending.iter() {
            if self.dag.parents(test).all(|parent| present.contains(parent)) {
                picked.direct.insert(test);
            }
        }
        picked
    }

    fn with_ancestors_and_sources(&self, selected: &NodeSet) -> NodeSet {
        let mut set = self.dag.ancestors(selected, None);
        set.union_with(selected);
        for (at, member) in self.members() {
            if member.resource_type() == ResourceType::Source {
                set.insert(at);
            }
        }
        set
    }

    fn is_test(&self, at: usize) -> bool {
        let kind = self.members[at].as_ref().map(Resource::resource_type);
        matches!(kind, Some(ResourceType::Test | ResourceType::UnitTest))
    }

    /// What definitions of selectors.yml select, by a name or a pattern.
    fn selector(&self, criterion: &Criterion) -> Outcome<Picked> {
        let names: Vec<&str> = self.selectors.map(Selectors::names).into_iter().flatten().collect();
        let wanted: Vec<&str> = names.iter().copied().filter(|name| glob::matches(&criterion.value, name)).collect();
        if wanted.is_empty() {
            return Err(vec![unknown_selector(&criterion.value, &names)]);
        }
        let mut picked = self.nothing();
        for name in wanted {
            picked.direct.union_with(&self.named(name)?.direct);
        }
        self.add_relatives(criterion, &mut picked.direct);
        Ok(picked)
    }

    /// What the definition `name` of selectors.yml selects.
    pub(super) fn named(&self, name: &str) -> Outcome<Picked> {
        let found = self.selectors.and_then(|selectors| selectors.get(name));
        let Some(selector) = found else {
            let names: Vec<&str> = self.selectors.map(Selectors::names).into_iter().flatten().collect();
            return Err(vec![unknown_selector(name, &names)]);
        };
        if self.open.borrow().iter().any(|open| open == name) {
            let path = [&self.open.borrow()[..], &[name.to_owned()]].concat().join("` → `");
            return Err(vec![
                Diagnostic::error(Code::Cycle, format!("selectors refer to each other in a circle: `{path}`"))
                    .at(selector.span.clone(), "defined here"),
            ]);
        }
        self.open.borrow_mut().push(name.to_owned());
        let picked = self.evaluate(&selector.expr);
        self.open.borrow_mut().pop();
        picked
    }

    /// Tells that a criterion matches nothing, with the nearest thing that would.
    fn matches_nothing(&self, text: &str, expr: &Expr) -> Diagnostic {
        let warning = Diagnostic::warning(Code::NoNodesSelected, format!("`{text}` matches nothing"))
            .event("NoNodesForSelectionCriteria", serde_json::json!({"spec_raw": text}));
        let Expr::One(criterion) = expr else { return warning };
        let mut known: Vec<String> =
            self.members().flat_map(|(_, member)| method::values_of(&criterion.method, member)).collect();
        known.sort_unstable();
        known.dedup();
        // `pkg.name` and `folder.name` are looked up by their last part.
        let last = criterion.value.rsplit('.').next().unwrap_or(&criterion.value);
        let near = suggest::nearest(&criterion.value, known.iter().map(String::as_str))
            .or_else(|| suggest::nearest(last, known.iter().map(String::as_str)));
        match near {
            Some(near) => warning.help(format!("did you mean `{near}`?")),
            None => warning,
        }
    }
}

impl Picked {
    /// Applies an operation to what is selected, and to what is selected or kept in mind.
    fn fold(&mut self, other: &Self, operation: fn(&mut NodeSet, &NodeSet)) {
        let with_pending = |picked: &Self| {
            let mut set = picked.direct.clone();
            set.union_with(&picked.pending);
            set
        };
        let mut pending = with_pending(self);
        operation(&mut pending, &with_pending(other));
        operation(&mut self.direct, &other.direct);
        pending.subtract(&self.direct);
        self.pending = pending;
    }
}

fn unknown_selector(name: &str, names: &[&str]) -> Diagnostic {
    let problem = Diagnostic::error(Code::Selection, format!("selectors.yml has no selector `{name}`"));
    match (suggest::nearest(name, names.iter().copied()), names) {
        (Some(near), _) => problem.help(format!("did you mean `{near}`?")),
        (None, []) => problem.note("the project defines no selectors"),
        (None, names) => problem.note(format!("it has `{}`", names.join("`, `"))),
    }
}
