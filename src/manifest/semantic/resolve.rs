//! Names of metrics and measures to ids: what metrics, saved queries, exposures and nodes depend on, all errors at once.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Identity, InputMeasure, Metric, NodeRelation, place_of};
use crate::diag::{Code, Diagnostic, Span, suggest};
use crate::manifest::parse::Broken;
use crate::manifest::{Disabled, Manifest, UniqueId};

/// Fills `depends_on_nodes` and `input_measures` of metrics, and adds metrics to what everything else depends on.
pub fn resolve(manifest: &mut Manifest, broken: &Broken, diags: &mut Vec<Diagnostic>) {
    relations(manifest);
    let names = Names::new(manifest);
    let mut resolver = Resolver { manifest, names, broken, settled: HashMap::new(), diags };
    let ids: Vec<UniqueId> = resolver.manifest.metrics.keys().cloned().collect();
    for id in &ids {
        resolver.settle(id);
    }
    let nodes = resolver.of_nodes();
    let exposures = resolver.of_exposures();
    let queries = resolver.of_queries();
    let settled = resolver.settled;
    for (id, state) in settled {
        if let (Some(metric), State::Done(done)) = (manifest.metrics.get_mut(&id), state) {
            let metric = Arc::make_mut(metric);
            metric.type_params.input_measures = done.measures;
            metric.depends_on_nodes = done.depends_on;
        }
    }
    for (id, more) in nodes {
        manifest.nodes.entry(id).and_modify(|node| extend(&mut Arc::make_mut(node).depends_on_nodes, more));
    }
    for (id, more) in exposures {
        manifest.exposures.entry(id).and_modify(|thing| extend(&mut Arc::make_mut(thing).depends_on_nodes, more));
    }
    for (id, more) in queries {
        manifest.saved_queries.entry(id).and_modify(|query| extend(&mut Arc::make_mut(query).depends_on_nodes, more));
    }
}

fn extend(ids: &mut Vec<UniqueId>, more: Vec<UniqueId>) {
    for id in more {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
}

/// The relations of the models that semantic models describe.
fn relations(manifest: &mut Manifest) {
    for model in manifest.semantic_models.values_mut() {
        let Some(node) = model.depends_on_nodes.first().and_then(|id| manifest.nodes.get(id)) else { continue };
        Arc::make_mut(model).node_relation = Some(NodeRelation {
            alias: node.alias.clone(),
            schema_name: node.schema.clone(),
            database: node.database.clone(),
            relation_name: node.relation_name.clone(),
        });
    }
}

/// Names to ids of all packages, in manifest order; what is disabled has lists of its own.
#[derive(Default)]
struct Names {
    metrics: HashMap<String, Vec<(Arc<str>, UniqueId)>>,
    disabled_metrics: HashMap<String, Arc<Metric>>,
    /// Measure → its semantic models.
    measures: HashMap<String, Vec<(Arc<str>, UniqueId)>>,
    disabled_measures: HashMap<String, String>,
}

impl Names {
    fn new(manifest: &Manifest) -> Self {
        let mut names = Self::default();
        for metric in manifest.metrics.values() {
            let found = (metric.identity.package.clone(), metric.identity.unique_id.clone());
            names.metrics.entry(metric.identity.name.clone()).or_default().push(found);
        }
        for model in manifest.semantic_models.values() {
            for measure in &model.measures {
                let found = (model.identity.package.clone(), model.identity.unique_id.clone());
                names.measures.entry(measure.name.clone()).or_default().push(found);
            }
        }
        for disabled in manifest.disabled.values().flatten() {
            match disabled {
                Disabled::Metric(metric) => {
                    names.disabled_metrics.insert(metric.identity.name.clone(), metric.clone());
                }
                Disabled::SemanticModel(model) => names
                    .disabled_measures
                    .extend(model.measures.iter().map(|measure| (measure.name.clone(), model.identity.name.clone()))),
                _ => {}
            }
        }
        names
    }
}

/// What a metric is made of.
#[derive(Debug, Clone, Default)]
struct Settled {
    measures: Vec<InputMeasure>,
    depends_on: Vec<UniqueId>,
}

enum State {
    /// Under way: who comes back to it stands in a circle.
    Open,
    Done(Settled),
}

struct Resolver<'a> {
    manifest: &'a Manifest,
    names: Names,
    broken: &'a Broken,
    settled: HashMap<UniqueId, State>,
    diags: &'a mut Vec<Diagnostic>,
}

/// Who names a metric, for messages.
struct Asker<'a> {
    what: &'a str,
    name: &'a str,
    unique_id: &'a UniqueId,
    package: &'a str,
    body: &'a Span,
}

impl<'a> Asker<'a> {
    fn of(what: &'a str, identity: &'a Identity) -> Self {
        let Identity { name, unique_id, package, body, .. } = identity;
        Self { what, name, unique_id, package, body }
    }

    fn problem(&self, code: Code, message: String, word: &str, label: String) -> Diagnostic {
        Diagnostic::error(code, message).at(place_of(self.body, word), label).node(&**self.unique_id)
    }
}

impl Resolver<'_> {
    /// The measures of a metric: its own, or those of the metrics that it is computed from.
    fn settle(&mut self, id: &UniqueId) -> Settled {
        match self.settled.get(id) {
            Some(State::Done(done)) => return done.clone(),
            Some(State::Open) => {
                self.circle(id);
                return Settled::default();
            }
            None => {}
        }
        let Some(metric) = self.manifest.metrics.get(id).cloned() else { return Settled::default() };
        self.settled.insert(id.clone(), State::Open);
        let mut settled = Settled::default();
        let (kind, params) = (metric.kind, &metric.type_params);
        let asker = Asker::of("metric", &metric.identity);
        let conversion = params.conversion_type_params.iter();
        let conversion = conversion.flat_map(|params| params.base_measure.iter().chain(&params.conversion_measure));
        let measures: Vec<&InputMeasure> = match kind {
            super::MetricKind::Simple | super::MetricKind::Cumulative => params.measure.iter().collect(),
            super::MetricKind::Conversion => conversion.collect(),
            _ => Vec::new(),
        };
        for measure in measures {
            push(&mut settled.measures, measure);
            if let Some(model) = self.measure(&asker, &measure.name) {
                extend(&mut settled.depends_on, vec![model]);
            }
        }
        if let Some(aggregation) = &params.metric_aggregation_params {
            let model = self.semantic_model(&asker, &aggregation.semantic_model);
            extend(&mut settled.depends_on, model.into_iter().collect());
        }
        // As in dbt, these have no measures of their inputs.
        let direct = matches!(kind, super::MetricKind::Cumulative | super::MetricKind::Conversion);
        for input in params.input_metrics(kind) {
            if let Some(found) = self.metric(&asker, std::slice::from_ref(&input.name)) {
                let below = self.settle(&found).measures;
                for measure in below.iter().filter(|_| !direct) {
                    push(&mut settled.measures, measure);
                }
                extend(&mut settled.depends_on, vec![found]);
            }
        }
        self.settled.insert(id.clone(), State::Done(settled.clone()));
        settled
    }

    fn circle(&mut self, id: &UniqueId) {
        let Some(metric) = self.manifest.metrics.get(id) else { return };
        let asker = Asker::of("metric", &metric.identity);
        let message = format!("metric `{}` is computed from itself", asker.name);
        let problem = asker.problem(Code::Cycle, message, asker.name, "by way of its input metrics".to_owned());
        self.diags.push(problem);
    }

    /// The semantic model of the model that a metric is written on.
    fn semantic_model(&mut self, asker: &Asker<'_>, name: &str) -> Option<UniqueId> {
        let id: UniqueId = format!("semantic_model.{}.{name}", asker.package).into();
        if self.manifest.semantic_models.contains_key(&id) {
            return Some(id);
        }
        // Where it is not switched off, its own problem has been reported.
        if self.manifest.disabled.contains_key(&id) {
            let message = format!("metric `{}` aggregates semantic model `{name}`, which is disabled", asker.name);
            let label = "its semantic model is switched off".to_owned();
            self.diags.push(asker.problem(Code::DisabledRef, message, asker.name, label));
        }
        None
    }

    /// The semantic model with this measure.
    fn measure(&mut self, asker: &Asker<'_>, name: &str) -> Option<UniqueId> {
        if let Some(found) = self.find(self.names.measures.get(name), asker.package, None) {
            return Some(found);
        }
        if self.broken.properties {
            return None;
        }
        let problem = match self.names.disabled_measures.get(name) {
            Some(model) => asker.problem(
                Code::DisabledRef,
                format!(
                    "{} `{}` uses measure `{name}`, whose semantic model `{model}` is disabled",
                    asker.what, asker.name
                ),
                name,
                "its semantic model is switched off".to_owned(),
            ),
            None => {
                let message =
                    format!("{} `{}` uses measure `{name}`, which no semantic model has", asker.what, asker.name);
                let label = similar(name, self.names.measures.keys(), "no measure has this name");
                asker.problem(Code::MetricNotFound, message, name, label)
            }
        };
        self.diags.push(problem);
        None
    }

    /// The metric of `metric(name)` or `metric(package, name)`.
    fn metric(&mut self, asker: &Asker<'_>, call: &[String]) -> Option<UniqueId> {
        let (package, name) = match call {
            [name] => (None, name),
            [package, name] => (Some(package.as_str()), name),
            _ => return None,
        };
        if let Some(found) = self.find(self.names.metrics.get(name), asker.package, package) {
            return Some(found);
        }
        if self.broken.properties {
            return None;
        }
        let problem = match self.names.disabled_metrics.get(name) {
            Some(metric) => asker
                .problem(
                    Code::DisabledRef,
                    format!("{} `{}` uses metric `{name}`, which is disabled", asker.what, asker.name),
                    name,
                    "this metric is switched off".to_owned(),
                )
                .note(format!("metric `{name}` is in {}", metric.identity.original_file_path)),
            None => {
                let message =
                    format!("{} `{}` uses metric `{name}`, which is not in this project", asker.what, asker.name);
                let label = similar(name, self.names.metrics.keys(), "no metric has this name");
                asker.problem(Code::MetricNotFound, message, name, label)
            }
        };
        self.diags.push(problem);
        None
    }

    fn find(
        &self,
        named: Option<&Vec<(Arc<str>, UniqueId)>>,
        package: &str,
        explicit: Option<&str>,
    ) -> Option<UniqueId> {
        let named = named?;
        let places = self.manifest.search_order(package, explicit);
        places.into_iter().find_map(|place| {
            let fits = |(package, _): &&(Arc<str>, UniqueId)| place.is_none_or(|place| **package == *place);
            named.iter().find(fits).map(|(_, id)| id.clone())
        })
    }

    fn of_nodes(&mut self) -> Vec<(UniqueId, Vec<UniqueId>)> {
        let manifest = self.manifest;
        let nodes = manifest.nodes.values().filter(|node| !node.metrics.is_empty());
        let mut found = Vec::new();
        for node in nodes {
            let (name, package) = (&node.name, &node.package);
            let what = node.resource_type.as_str();
            let asker = Asker { what, name, unique_id: &node.unique_id, package, body: &node.body };
            found.push((node.unique_id.clone(), self.all(&asker, &node.metrics)));
        }
        found
    }

    fn of_exposures(&mut self) -> Vec<(UniqueId, Vec<UniqueId>)> {
        let manifest = self.manifest;
        let mut found = Vec::new();
        for exposure in manifest.exposures.values().filter(|exposure| !exposure.metrics.is_empty()) {
            let Some(body) = &exposure.span else { continue };
            let (name, package) = (&exposure.name, &exposure.package);
            let asker = Asker { what: "exposure", name, unique_id: &exposure.unique_id, package, body };
            found.push((exposure.unique_id.clone(), self.all(&asker, &exposure.metrics)));
        }
        found
    }

    fn of_queries(&mut self) -> Vec<(UniqueId, Vec<UniqueId>)> {
        let manifest = self.manifest;
        let mut found = Vec::new();
        for query in manifest.saved_queries.values() {
            let calls: Vec<Vec<String>> = query.query_params.metrics.iter().map(|name| vec![name.clone()]).collect();
            let asker = Asker::of("saved query", &query.identity);
            found.push((query.identity.unique_id.clone(), self.all(&asker, &calls)));
        }
        found
    }

    fn all(&mut self, asker: &Asker<'_>, calls: &[Vec<String>]) -> Vec<UniqueId> {
        let mut ids = Vec::new();
        for (at, call) in calls.iter().enumerate() {
            if !calls[..at].contains(call) {
                ids.extend(self.metric(asker, call));
            }
        }
        ids
    }
}

/// The same input twice counts once.
fn push(measures: &mut Vec<InputMeasure>, measure: &InputMeasure) {
    if !measures.contains(measure) {
        measures.push(measure.clone());
    }
}

fn similar<'n>(name: &str, known: impl Iterator<Item = &'n String>, otherwise: &str) -> String {
    suggest::nearest(name, known.map(String::as_str))
        .map_or_else(|| otherwise.to_owned(), |near| format!("did you mean `{near}`?"))
}
