//! What MetricFlow would refuse: the rules of dbt's semantic manifest, all broken ones at once.
//!
//! As in dbt they hold where the project has both metrics and semantic models; a time spine is needed with the latter.

use std::collections::{HashMap, HashSet};

use super::{
    AggregationParams, ConversionTypeParams, Dimension, GRANULARITIES, Identity, Measure, Metric, MetricKind,
    NonAdditiveDimension, SemanticModel, TimeWindow, place_of,
};
use crate::diag::{Code, Deprecation, Diagnostic, suggest};
use crate::manifest::parse::first_line;
use crate::manifest::{Detail, Manifest, Node};

/// The model that was a time spine before models could say so.
pub const LEGACY_TIME_SPINE: &str = "metricflow_time_spine";

/// Names that no element may have, whatever the database.
const SQL_WORDS: &[&str] = &[
    "and", "as", "create", "distinct", "for", "from", "full", "having", "in", "inner", "into", "is", "join", "left",
    "like", "natural", "not", "null", "on", "or", "right", "select", "union", "using", "where", "with",
];

const OF_METRICFLOW: &[&str] = &["metric_time", "mf_internal_uuid"];

/// Checks the semantic layer of a project whose names are resolved.
pub fn check(manifest: &Manifest, diags: &mut Vec<Diagnostic>) {
    let mut checks = Checks { manifest, diags, custom: HashSet::new() };
    checks.time_spines();
    if manifest.semantic_models.is_empty() {
        return;
    }
    checks.has_time_spine();
    if manifest.metrics.is_empty() {
        return;
    }
    checks.semantic_models();
    checks.metrics();
    checks.saved_queries();
}

struct Checks<'a> {
    manifest: &'a Manifest,
    diags: &'a mut Vec<Diagnostic>,
    /// Names of the granularities that time spines add.
    custom: HashSet<&'a str>,
}

impl<'a> Checks<'a> {
    fn report(&mut self, identity: &Identity, word: &str, message: String, label: &str) {
        let place = place_of(&identity.body, word);
        self.diags.push(Diagnostic::error(Code::SemanticLayer, message).at(place, label).node(&*identity.unique_id));
    }

    fn warn(&mut self, identity: &Identity, word: &str, message: String, label: &str) {
        let place = place_of(&identity.body, word);
        self.diags.push(Diagnostic::warning(Code::SemanticLayer, message).at(place, label).node(&*identity.unique_id));
    }

    fn spines(&self) -> impl Iterator<Item = (&'a Node, &'a super::TimeSpine)> + use<'a> {
        self.manifest.nodes.values().filter_map(|node| match &node.detail {
            Detail::Model(model) => model.time_spine.as_ref().map(|spine| (&**node, spine)),
            _ => None,
        })
    }

    fn time_spines(&mut self) {
        for (node, spine) in self.spines() {
            let column = &spine.standard_granularity_column;
            match node.columns.get(column) {
                None => self.spine_problem(node, format!("`{column}` is no column of it"), "describe the column"),
                Some(found) if found.granularity.is_none() => {
                    let problem = format!("its column `{column}` has no granularity");
                    self.spine_problem(node, problem, "write `granularity: day`");
                }
                Some(_) => {}
            }
            for custom in &spine.custom_granularities {
                let column = custom.column_name.as_ref().unwrap_or(&custom.name);
                if !node.columns.contains_key(column) {
                    self.spine_problem(node, format!("`{column}` is no column of it"), "describe the column");
                }
                if !self.custom.insert(&custom.name) {
                    let problem = format!("another time spine has the granularity `{}` too", custom.name);
                    self.spine_problem(node, problem, "give one of them another name");
                }
            }
        }
    }

    fn spine_problem(&mut self, node: &Node, problem: String, help: &str) {
        let message = format!("model `{}` cannot be a time spine: {problem}", node.name);
        let file = node.patch_path.as_deref().and_then(|path| path.split_once("://")).map_or("", |(_, path)| path);
        let problem = Diagnostic::error(Code::SemanticLayer, message).at(first_line(&node.body), "");
        self.diags
            .push(problem.note(format!("it is described in {file}")).help(help.to_owned()).node(&*node.unique_id));
    }

    fn has_time_spine(&mut self) {
        let day = GRANULARITIES.iter().position(|grain| *grain == "day");
        let fine = |(node, spine): (&Node, &super::TimeSpine)| {
            let grain = node.columns.get(&spine.standard_granularity_column)?.granularity.as_deref()?.to_lowercase();
            GRANULARITIES.iter().position(|known| *known == grain)
        };
        let finest = self.spines().filter_map(fine).min();
        let legacy =
            self.manifest.nodes.values().any(|node| {
                node.resource_type == crate::manifest::ResourceType::Model && node.name == LEGACY_TIME_SPINE
            });
        if finest.is_some_and(|finest| Some(finest) <= day) {
            return;
        }
        if legacy {
            let message = format!("model `{LEGACY_TIME_SPINE}` is a time spine by its name alone");
            self.diags.push(
                Diagnostic::deprecated(Deprecation::MfTimespineWithoutYaml, message)
                    .help("give it `time_spine: {standard_granularity_column: date_day}` in a properties file"),
            );
            return;
        }
        let Some(model) = self.manifest.semantic_models.values().next() else { return };
        let message = "the semantic layer needs a time spine with a row per day or finer, and no model is one";
        let place = first_line(&model.identity.body);
        self.diags.push(
            Diagnostic::error(Code::SemanticLayer, message)
                .at(place, "the first semantic model")
                .help("give a model with a row per day `time_spine: {standard_granularity_column: …}`"),
        );
    }

    fn name(&mut self, identity: &Identity, what: &str, name: &str) {
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let shaped = name.len() >= 2
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && !name.ends_with('_')
            && !name.contains("__")
            && name.chars().all(letters);
        if !shaped {
            let label = "lower-case letters, digits and single underscores; first a letter, last no underscore";
            self.report(identity, name, format!("`{name}` cannot be the name of a {what}"), label);
        } else if GRANULARITIES.contains(&name) || OF_METRICFLOW.contains(&name) {
            self.report(
                identity,
                name,
                format!("`{name}` cannot be the name of a {what}"),
                "MetricFlow has a meaning for it",
            );
        }
    }

    fn semantic_models(&mut self) {
        let mut measures: HashMap<&str, &str> = HashMap::new();
        let mut labels: HashMap<&str, &str> = HashMap::new();
        for model in self.manifest.semantic_models.values() {
            let identity = &model.identity;
            self.name(identity, "semantic model", &identity.name);
            if let Some(label) = &model.label
                && let Some(other) = labels.insert(label, &identity.name)
            {
                let message = format!("semantic models `{other}` and `{}` have the same label", identity.name);
                self.report(identity, label, message, "labels are unique");
            }
            self.elements(model);
            self.primary_entity(model);
            if let Some(name) = model.defaults.as_ref().and_then(|defaults| defaults.agg_time_dimension.as_deref())
                && time_dimension(model, name).is_none()
            {
                let message = format!("semantic model `{}` has the default time dimension `{name}`", identity.name);
                self.report(identity, name, message, &no_time_dimension(model, name));
            }
            for measure in &model.measures {
                if let Some(other) =
                    measures.insert(&measure.name, &identity.name).filter(|other| *other != identity.name)
                {
                    let message = format!(
                        "semantic models `{other}` and `{}` both have a measure `{}`",
                        identity.name, measure.name
                    );
                    self.report(identity, &measure.name, message, "measures are unique in the project");
                }
                self.measure(model, measure);
            }
        }
    }

    fn elements(&mut self, model: &SemanticModel) {
        let identity = &model.identity;
        let measures = model.measures.iter().map(|measure| ("measure", &measure.name));
        let entities = model.entities.iter().map(|entity| ("entity", &entity.name));
        let dimensions = model.dimensions.iter().map(|dimension| ("dimension", &dimension.name));
        let mut first: HashMap<&str, &str> = HashMap::new();
        for (what, name) in measures.chain(entities).chain(dimensions) {
            self.name(identity, what, name);
            if SQL_WORDS.contains(&name.as_str()) {
                self.report(identity, name, format!("`{name}` cannot be the name of a {what}"), "a word of SQL");
            }
            // Two kinds of elements may share a name, as in dbt: their references differ.
            if first.insert(name, what) == Some(what) {
                let message = format!("semantic model `{}` has two elements `{name}`: each a {what}", identity.name);
                self.report(identity, name, message, "");
            }
        }
        for dimension in
            model.dimensions.iter().filter(|dimension| dimension.is_time() && dimension.type_params.is_none())
        {
            let message = format!("time dimension `{}` of `{}` has no granularity", dimension.name, identity.name);
            let place = place_of(&identity.body, &dimension.name);
            self.diags.push(
                Diagnostic::deprecated(Deprecation::TimeDimensionsRequireGranularity, message)
                    .at(place, "write `type_params: {time_granularity: day}`")
                    .help("on a column, write `granularity: day` and `dimension: {type: time}`: dbt 1.12 leaves the granularity out beside `dimension: time`")
                    .node(&*identity.unique_id),
            );
        }
    }

    fn primary_entity(&mut self, model: &SemanticModel) {
        let identity = &model.identity;
        let name = &identity.name;
        let primary: Vec<&str> = model
            .entities
            .iter()
            .filter(|entity| entity.kind == "primary")
            .map(|entity| entity.name.as_str())
            .collect();
        match (&primary[..], &model.primary_entity) {
            ([_, second, ..], _) => {
                self.report(
                    identity,
                    second,
                    format!("semantic model `{name}` has two primary entities"),
                    "the second",
                );
            }
            ([one], Some(set)) => {
                let message =
                    format!("semantic model `{name}` has a primary entity `{one}` and `primary_entity: {set}`");
                self.report(identity, "primary_entity", message, "only one of them can be given");
            }
            ([], None) if !model.dimensions.is_empty() => {
                let message = format!("semantic model `{name}` has dimensions, but no primary entity");
                self.report(identity, name, message, "add an entity of type `primary`, or `primary_entity:`");
            }
            _ => {}
        }
    }

    fn measure(&mut self, model: &SemanticModel, measure: &Measure) {
        let aggregation = Aggregation {
            what: "measure",
            name: &measure.name,
            identity: &model.identity,
            agg: &measure.agg,
            expr: measure.expr.as_deref(),
            params: measure.agg_params.as_ref(),
            time: measure.agg_time_dimension.as_deref(),
            additive: measure.non_additive_dimension.as_ref(),
        };
        self.aggregation(model, &aggregation);
    }

    /// dbt looks at such a metric as far as it counts only: what else MetricFlow would refuse is warned of.
    fn aggregated(&mut self, metric: &Metric) {
        let Some(params) = &metric.type_params.metric_aggregation_params else { return };
        let Some(model) = self.model_of(metric) else { return };
        let aggregation = Aggregation {
            what: "metric",
            name: &metric.identity.name,
            identity: &metric.identity,
            agg: &params.agg,
            expr: metric.type_params.expr.as_deref(),
            params: params.agg_params.as_ref(),
            time: params.agg_time_dimension.as_deref(),
            additive: params.non_additive_dimension.as_ref(),
        };
        self.aggregation(model, &aggregation);
    }

    /// The semantic model whose rows a metric aggregates itself.
    fn model_of(&self, metric: &Metric) -> Option<&'a SemanticModel> {
        let params = metric.type_params.metric_aggregation_params.as_ref()?;
        let id = format!("semantic_model.{}.{}", metric.identity.package, params.semantic_model);
        self.manifest.semantic_models.get(id.as_str()).map(|model| &**model)
    }

    /// An error in a measure, a warning in a metric.
    fn tell(&mut self, aggregation: &Aggregation<'_>, word: &str, message: String, label: &str) {
        match aggregation.what {
            "measure" => self.report(aggregation.identity, word, message, label),
            _ => self.warn(aggregation.identity, word, message, label),
        }
    }

    fn aggregation(&mut self, model: &SemanticModel, aggregation: &Aggregation<'_>) {
        let Aggregation { what, name, .. } = *aggregation;
        let default = model.defaults.as_ref().and_then(|defaults| defaults.agg_time_dimension.as_deref());
        let time = match aggregation.time.or(default) {
            None => {
                let message = format!("{what} `{name}` has no time dimension to aggregate over");
                let label = match what {
                    "measure" => "set `agg_time_dimension`, here or under `defaults` of the semantic model",
                    _ => "set `agg_time_dimension`, here or of the model",
                };
                self.tell(aggregation, name, message, label);
                None
            }
            Some(dimension) => {
                let found = time_dimension(model, dimension);
                // A default that is none is told of its semantic model.
                if found.is_none() && Some(dimension) != default {
                    let message = format!("{what} `{name}` has the time dimension `{dimension}`");
                    self.tell(aggregation, dimension, message, &no_time_dimension(model, dimension));
                }
                found
            }
        };
        let params = aggregation.params;
        let percentile = params.and_then(|params| params.percentile);
        let problem = match (aggregation.agg, aggregation.expr) {
            ("count", None) => Some("counts nothing: write `expr: 1` to count rows"),
            ("count", Some(expr)) if expr.to_lowercase().starts_with("distinct ") => {
                Some("counts distinct values: use `agg: count_distinct`")
            }
            ("percentile", _) if percentile.is_none() && what == "measure" => {
                Some("needs `agg_params: {percentile: …}`")
            }
            ("percentile", _) if percentile.is_none() => Some("needs `percentile: …`"),
            ("percentile", _) if percentile.is_some_and(|value| value <= 0.0 || value >= 1.0) => {
                Some("has a percentile that is not between 0 and 1")
            }
            ("median", _) if percentile.is_some_and(|value| value != 0.5) => {
                Some("is a median, with another percentile")
            }
            ("percentile" | "median", _) => None,
            _ => params
                .filter(|params| {
                    percentile.is_some() || params.use_discrete_percentile || params.use_approximate_percentile
                })
                .map(|_| "has a percentile, which its aggregation has not"),
        };
        if let Some(problem) = problem {
            let message = format!("{what} `{name}` {problem}");
            match aggregation.agg {
                "count" => self.report(aggregation.identity, name, message, ""),
                _ => self.tell(aggregation, name, message, ""),
            }
        }
        self.non_additive(model, aggregation, time);
    }

    fn non_additive(&mut self, model: &SemanticModel, aggregation: &Aggregation<'_>, time: Option<&Dimension>) {
        let Aggregation { what, name, additive: Some(additive), .. } = *aggregation else { return };
        match time_dimension(model, &additive.name) {
            None => {
                let message = format!("{what} `{name}` is not additive over `{}`", additive.name);
                self.tell(aggregation, &additive.name, message, &no_time_dimension(model, &additive.name));
            }
            Some(dimension) if time.is_some_and(|time| time.granularity() != dimension.granularity()) => {
                let message = format!(
                    "{what} `{name}` is not additive over `{}`, of another granularity than its own time",
                    additive.name
                );
                self.tell(aggregation, &additive.name, message, "");
            }
            Some(_) => {}
        }
        if !matches!(additive.window_choice.as_str(), "min" | "max") {
            let key = if what == "measure" { "window_choice" } else { "window_agg" };
            let message = format!("`{key}` of {what} `{name}` must be `min` or `max`");
            self.tell(aggregation, key, message, "");
        }
        for group in &additive.window_groupings {
            if !model.entities.iter().any(|entity| entity.name == *group) {
                let message = format!("{what} `{name}` groups by `{group}`, which is no entity of its semantic model");
                self.tell(aggregation, group, message, "");
            }
        }
    }

    fn metrics(&mut self) {
        let mut labels: HashMap<&str, &str> = HashMap::new();
        let mut names: HashSet<&str> = HashSet::new();
        let mut aliases: HashMap<&str, &str> = HashMap::new();
        for metric in self.manifest.metrics.values() {
            let identity = &metric.identity;
            self.name(identity, "metric", &identity.name);
            if !names.insert(&identity.name) {
                let message = format!("two packages have a metric `{}`", identity.name);
                self.report(identity, &identity.name, message, "metrics are unique among all packages");
            }
            if let Some(other) = labels.insert(&metric.label, &identity.name) {
                let message = format!("metrics `{other}` and `{}` have the same label", identity.name);
                self.report(identity, &metric.label, message, "labels are unique");
            }
            for input in &metric.type_params.input_measures {
                let again = |other: &&super::InputMeasure| other.name == input.name;
                if input.filter.is_some()
                    && input.alias.is_none()
                    && metric.type_params.input_measures.iter().filter(again).count() > 1
                {
                    let message = format!(
                        "metric `{}` uses measure `{}` with a filter and otherwise, and the filtered one has no alias",
                        identity.name, input.name
                    );
                    self.report(identity, &input.name, message, "give it an `alias`, or filter the metric");
                }
                let Some(alias) = &input.alias else { continue };
                if self.find_measure(alias).is_some() {
                    let message = format!("alias `{alias}` of metric `{}` is the name of a measure", identity.name);
                    self.report(identity, alias, message, "choose another alias");
                }
                if let Some(other) = aliases.insert(alias, &identity.name) {
                    let message =
                        format!("metrics `{other}` and `{}` both use the measure alias `{alias}`", identity.name);
                    self.report(
                        identity,
                        alias,
                        message,
                        "an alias can be used by one metric, inputs of inputs included",
                    );
                }
            }
            match metric.kind {
                MetricKind::Cumulative => self.cumulative(metric),
                MetricKind::Derived => self.derived(metric),
                MetricKind::Conversion => self.conversion(metric),
                MetricKind::Simple => self.aggregated(metric),
                MetricKind::Ratio => {}
            }
        }
    }

    fn cumulative(&mut self, metric: &Metric) {
        let (identity, params) = (&metric.identity, &metric.type_params);
        let name = &identity.name;
        if params.window.is_some() || params.grain_to_date.is_some() {
            let key = if params.window.is_some() { "window" } else { "grain_to_date" };
            let message = format!("`{key}` of metric `{name}` belongs under `cumulative_type_params`");
            let place = place_of(&identity.body, key);
            let diagnostic = Diagnostic::deprecated(Deprecation::MfCumulativeTypeParams, message);
            self.diags.push(diagnostic.at(place, "move it there").node(&*identity.unique_id));
        }
        let Some(cumulative) = &params.cumulative_type_params else { return };
        if cumulative.window.is_some() && cumulative.grain_to_date.is_some() {
            let message = format!("metric `{name}` has both `window` and `grain_to_date`");
            self.report(identity, "grain_to_date", message, "only one of them can be given");
        }
        if let Some(grain) = &cumulative.grain_to_date {
            self.grain(identity, grain, false);
        }
        if let Some(window) = &cumulative.window {
            self.window(identity, window, false);
        }
    }

    fn grain(&mut self, identity: &Identity, grain: &str, custom: bool) {
        if GRANULARITIES.contains(&grain.to_lowercase().as_str()) || custom && self.custom.contains(grain) {
            return;
        }
        let label = suggest::nearest(grain, GRANULARITIES.iter().copied())
            .map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        self.report(identity, grain, format!("`{grain}` of metric `{}` is no granularity", identity.name), &label);
    }

    fn window(&mut self, identity: &Identity, window: &TimeWindow, custom: bool) {
        let grain = window.granularity.as_str();
        let single = grain.strip_suffix('s').filter(|single| self.custom.contains(single)).unwrap_or(grain);
        self.grain(identity, single, custom);
    }

    fn derived(&mut self, metric: &Metric) {
        let (identity, params) = (&metric.identity, &metric.type_params);
        let used: HashSet<&str> = params.metrics.iter().map(|input| input.name.as_str()).collect();
        for input in &params.metrics {
            if let Some(alias) = &input.alias {
                self.name(identity, "input metric", alias);
                if used.contains(alias.as_str()) {
                    let message =
                        format!("alias `{alias}` of an input of metric `{}` is the name of another", identity.name);
                    self.report(identity, alias, message, "choose another alias");
                }
            }
            if input.offset_window.is_some() && input.offset_to_grain.is_some() {
                let message = format!("input metric `{}` has both `offset_window` and `offset_to_grain`", input.name);
                self.report(identity, "offset_to_grain", message, "only one of them can be given");
            }
            if let Some(window) = &input.offset_window {
                self.window(identity, window, true);
            }
            if let Some(grain) = &input.offset_to_grain {
                self.grain(identity, grain, false);
            }
            let name = input.alias.as_ref().unwrap_or(&input.name);
            if params.expr.as_ref().is_some_and(|expr| !expr.contains(name.as_str())) {
                let message = format!("input metric `{name}` is not used in the `expr` of metric `{}`", identity.name);
                self.warn(identity, name, message, "");
            }
        }
        if params.expr.is_none() {
            let message = format!("derived metric `{}` has no `expr`", identity.name);
            self.warn(identity, "type_params", message, "write how it is computed from its input metrics");
        }
    }

    fn conversion(&mut self, metric: &Metric) {
        let Some(params) = &metric.type_params.conversion_type_params else { return };
        let identity = &metric.identity;
        if let Some(window) = &params.window {
            self.window(identity, window, false);
        }
        let properties = params.constant_properties.iter().flatten();
        let base: Vec<&str> = properties.clone().map(|property| property.base_property.as_str()).collect();
        let conversion: Vec<&str> = properties.map(|property| property.conversion_property.as_str()).collect();
        for (is_base, properties) in [(true, base), (false, conversion)] {
            let Some(Counted { what, name, agg, expr, model, filtered }) = self.counted(metric, params, is_base) else {
                continue;
            };
            let counts = match agg {
                "count" | "count_distinct" => true,
                "sum" => expr == Some("1"),
                _ => false,
            };
            if !counts {
                let message = format!("{what} `{name}` of conversion metric `{}` does not count", identity.name);
                let label = "conversions are of `count`, `count_distinct` or `sum` of 1";
                self.report(identity, name, message, label);
            }
            if filtered && !is_base {
                let message = format!("{what} `{name}` of conversion metric `{}` has a filter", identity.name);
                self.warn(identity, name, message, "MetricFlow does not support that on the conversion in full");
            }
            let elements = || {
                let entities = model.entities.iter().map(|entity| entity.name.as_str());
                entities.chain(model.dimensions.iter().map(|dimension| dimension.name.as_str()))
            };
            if !model.entities.iter().any(|entity| entity.name == params.entity) {
                let message = format!("semantic model `{}` has no entity `{}`", model.identity.name, params.entity);
                self.report(identity, &params.entity, message, "");
            }
            for property in properties.into_iter().filter(|property| !elements().any(|name| name == *property)) {
                let message = format!("semantic model `{}` has no element `{property}`", model.identity.name);
                self.report(identity, property, message, "");
            }
        }
    }

    /// One of the two things that a conversion metric counts.
    fn counted<'m>(&mut self, metric: &Metric, params: &'m ConversionTypeParams, is_base: bool) -> Option<Counted<'m>>
    where
        'a: 'm,
    {
        let (measure, input) = match is_base {
            true => (&params.base_measure, &params.base_metric),
            false => (&params.conversion_measure, &params.conversion_metric),
        };
        if let Some(input) = measure {
            let (model, measure) = self.find_measure(&input.name)?;
            let (agg, expr) = (measure.agg.as_str(), measure.expr.as_deref());
            return Some(Counted {
                what: "measure",
                name: &input.name,
                agg,
                expr,
                model,
                filtered: input.filter.is_some(),
            });
        }
        let input = input.as_ref()?;
        let found = self.manifest.metrics.values().find(|found| found.identity.name == input.name)?;
        let (Some(aggregated), Some(model)) = (&found.type_params.metric_aggregation_params, self.model_of(found))
        else {
            let message =
                format!("conversion metric `{}` cannot be of metric `{}`", metric.identity.name, found.identity.name);
            let label = "only simple metrics that are written on a model can be counted";
            self.report(&metric.identity, &found.identity.name, message, label);
            return None;
        };
        let (agg, expr) = (aggregated.agg.as_str(), found.type_params.expr.as_deref());
        Some(Counted { what: "metric", name: &input.name, agg, expr, model, filtered: input.filter.is_some() })
    }

    fn find_measure(&self, name: &str) -> Option<(&'a SemanticModel, &'a Measure)> {
        self.manifest.semantic_models.values().find_map(|model| {
            let measure = model.measures.iter().find(|measure| measure.name == name)?;
            Some((&**model, measure))
        })
    }

    fn saved_queries(&mut self) {
        for query in self.manifest.saved_queries.values() {
            self.name(&query.identity, "saved query", &query.identity.name);
            if query.query_params.limit.is_some_and(|limit| limit < 0) {
                let message = format!("`limit` of saved query `{}` is below 0", query.identity.name);
                self.report(&query.identity, "limit", message, "");
            }
        }
    }
}

/// What aggregates rows: a measure, or a metric on a model.
#[derive(Clone, Copy)]
struct Aggregation<'m> {
    what: &'static str,
    name: &'m str,
    /// Of the entry that it is written in.
    identity: &'m Identity,
    agg: &'m str,
    expr: Option<&'m str>,
    params: Option<&'m AggregationParams>,
    time: Option<&'m str>,
    additive: Option<&'m NonAdditiveDimension>,
}

/// What a conversion metric counts.
struct Counted<'m> {
    what: &'static str,
    name: &'m str,
    agg: &'m str,
    expr: Option<&'m str>,
    model: &'m SemanticModel,
    filtered: bool,
}

fn time_dimension<'m>(model: &'m SemanticModel, name: &str) -> Option<&'m Dimension> {
    model.dimensions.iter().find(|dimension| dimension.name == name && dimension.is_time())
}

fn no_time_dimension(model: &SemanticModel, name: &str) -> String {
    let times =
        model.dimensions.iter().filter(|dimension| dimension.is_time()).map(|dimension| dimension.name.as_str());
    match suggest::nearest(name, times) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "its semantic model has no such time dimension".to_owned(),
    }
}
