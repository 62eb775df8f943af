//! `metrics:`.

use std::ops::Range;

use serde_json::{Map, Value};

use super::Setup;
use super::flat_metric::{self, Home};
use super::properties::{Reader, is_late, raw_config, required_name};
use super::semantic_model::{Described, choice, describe, expression, filters, required_choice};
use crate::diag::{Code, Diagnostic};
use crate::manifest::semantic::{
    ConstantProperty, ConversionTypeParams, CumulativeTypeParams, Filters, GRANULARITIES, InputMeasure, InputMetric,
    Measure, Metric, MetricKind, MetricTypeParams, TimeWindow,
};
use crate::manifest::{ResourceType, merge};
use crate::yaml::{Fields, Mapping, Node, Yaml};

pub const PERIOD_AGGREGATIONS: &[&str] = &["first", "last", "average"];
pub const CALCULATIONS: &[&str] = &["conversions", "conversion_rate"];

/// A metric as written.
#[derive(Debug)]
pub struct MetricEntry {
    described: Described,
    kind: MetricKind,
    label: String,
    description: String,
    type_params: MetricTypeParams,
    filter: Option<Filters>,
    time_granularity: Option<String>,
    meta: Map<String, Value>,
    tags: Vec<String>,
}

pub struct MetricFields {
    pub name: (String, Range<u32>),
    pub label: String,
    pub kind: MetricKind,
    pub type_params: MetricTypeParams,
    pub description: String,
    pub filter: Option<Filters>,
    pub time_granularity: Option<String>,
    pub meta: Option<Mapping>,
    pub tags: Vec<String>,
    pub config: Option<Node>,
}

pub fn read_metric(reader: &mut Reader<'_>, mut entry: Node) -> Option<MetricEntry> {
    let unrendered_config = raw_config(&entry);
    reader.render_except(&mut entry, &|path| is_late(path) || is_filter(path));
    read_rendered(reader, entry, unrendered_config, None)
}

/// MetricFlow renders filters.
pub fn is_filter(path: &[&str]) -> bool {
    path.iter().rev().take(2).any(|key| *key == "filter")
}

/// A metric that is written on a model, and rendered with it.
pub fn read_metric_of_model(reader: &mut Reader<'_>, entry: Node, home: &Home<'_>) -> Option<MetricEntry> {
    let config = raw_config(&entry);
    read_rendered(reader, entry, config, Some(home))
}

fn read_rendered(
    reader: &mut Reader<'_>,
    mut entry: Node,
    unrendered_config: Map<String, Value>,
    home: Option<&Home<'_>>,
) -> Option<MetricEntry> {
    let body = reader.span(&entry.range);
    describe(reader, &mut entry);
    let is_flat = home.is_some() || entry.get("type_params").is_none();
    let read = reader
        .fields(entry, "metric", |inner| if is_flat { flat_metric::fields(inner, home) } else { fields(inner) })?;
    let place = reader.place(&read.name.1);
    let config = reader.config(ResourceType::Metric, read.config);
    Some(MetricEntry {
        described: Described { place, body, name: read.name.0, config, unrendered_config },
        kind: read.kind,
        label: read.label,
        description: read.description,
        type_params: read.type_params,
        filter: read.filter,
        time_granularity: read.time_granularity,
        meta: read.meta.map(|meta| meta.to_json()).unwrap_or_default(),
        tags: read.tags,
    })
}

fn fields(fields: &mut Fields<'_>) -> Option<MetricFields> {
    let (name, label) = (required_name(fields), fields.required_str("label"));
    let kind = required_choice(fields, "type", MetricKind::NAMES).and_then(|kind| MetricKind::parse(&kind));
    let params = match fields.map_node("type_params") {
        Some(node) => Some(node),
        None => {
            fields.missing("type_params");
            None
        }
    };
    let (name, label, kind, params) = (name?, label?, kind?, params?);
    let type_params = fields.nested(params, "`type_params`", |inner| type_params(inner, kind))?;
    Some(MetricFields {
        name,
        label,
        kind,
        type_params,
        description: fields.str("description").unwrap_or_default(),
        filter: filters(fields, "filter"),
        time_granularity: fields.str("time_granularity"),
        meta: fields.map("meta"),
        tags: fields.texts("tags").unwrap_or_default(),
        config: fields.take("config"),
    })
}

/// What the kind of metric needs must be there; what it does not need is kept as it is, as dbt does.
fn type_params(fields: &mut Fields<'_>, kind: MetricKind) -> Option<MetricTypeParams> {
    let measure = fields.take("measure").and_then(|node| input_measure(fields, node));
    let numerator = fields.take("numerator").and_then(|node| input_metric(fields, node));
    let denominator = fields.take("denominator").and_then(|node| input_metric(fields, node));
    let inputs = fields.list("metrics");
    let has_inputs = !inputs.is_empty();
    let metrics: Vec<InputMetric> = inputs.into_iter().filter_map(|node| input_metric(fields, node)).collect();
    let conversion = fields
        .map_node("conversion_type_params")
        .and_then(|node| fields.nested(node, "`conversion_type_params`", conversion_params));
    let cumulative = fields
        .map_node("cumulative_type_params")
        .and_then(|node| fields.nested(node, "`cumulative_type_params`", cumulative_params));
    let window = window(fields, "window");
    let grain_to_date = choice(fields, "grain_to_date", GRANULARITIES);
    let complete = match kind {
        MetricKind::Simple | MetricKind::Cumulative => required(fields, measure.is_some(), "measure"),
        MetricKind::Ratio => {
            let numerator = required(fields, numerator.is_some(), "numerator");
            required(fields, denominator.is_some(), "denominator") && numerator
        }
        MetricKind::Derived => {
            if !has_inputs {
                fields.missing("metrics");
            }
            has_inputs
        }
        MetricKind::Conversion => required(fields, conversion.is_some(), "conversion_type_params"),
    };
    let cumulative_type_params = (kind == MetricKind::Cumulative).then(|| {
        let params = cumulative.unwrap_or_else(|| CumulativeTypeParams {
            window: None,
            grain_to_date: None,
            period_agg: "first".to_owned(),
            metric: None,
        });
        CumulativeTypeParams {
            window: params.window.or_else(|| window.clone()),
            grain_to_date: params.grain_to_date.or_else(|| grain_to_date.clone()),
            ..params
        }
    });
    let expr = expression(fields);
    complete.then_some(MetricTypeParams {
        measure,
        numerator,
        denominator,
        expr,
        window,
        grain_to_date,
        metrics,
        conversion_type_params: conversion,
        cumulative_type_params,
        ..MetricTypeParams::default()
    })
}

pub fn required(fields: &mut Fields<'_>, is_there: bool, key: &'static str) -> bool {
    // What is there and broken has been reported already.
    if !is_there && fields.is_absent(key) {
        fields.missing(key);
    }
    is_there
}

/// A name, or a mapping with `name`.
fn named<T>(
    fields: &mut Fields<'_>,
    node: Node,
    what: &str,
    plain: impl FnOnce(String) -> T,
    read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Option<T> {
    match node.value {
        Yaml::Null => None,
        Yaml::Str(name) => Some(plain(name)),
        _ => fields.nested(node, what, read),
    }
}

fn input_measure(fields: &mut Fields<'_>, node: Node) -> Option<InputMeasure> {
    let plain =
        |name| InputMeasure { name, filter: None, alias: None, join_to_timespine: false, fill_nulls_with: None };
    named(fields, node, "input measure", plain, |inner| {
        Some(InputMeasure {
            name: inner.required_str("name")?,
            filter: filters(inner, "filter"),
            alias: inner.str("alias"),
            join_to_timespine: inner.bool("join_to_timespine").unwrap_or(false),
            fill_nulls_with: inner.int("fill_nulls_with"),
        })
    })
}

pub fn input_metric(fields: &mut Fields<'_>, node: Node) -> Option<InputMetric> {
    let plain = |name| InputMetric { name, filter: None, alias: None, offset_window: None, offset_to_grain: None };
    named(fields, node, "input metric", plain, |inner| {
        Some(InputMetric {
            name: inner.required_str("name")?,
            filter: filters(inner, "filter"),
            alias: inner.str("alias"),
            offset_window: window(inner, "offset_window"),
            offset_to_grain: inner.str("offset_to_grain"),
        })
    })
}

fn conversion_params(fields: &mut Fields<'_>) -> Option<ConversionTypeParams> {
    let base = fields.take("base_measure").and_then(|node| input_measure(fields, node));
    let conversion = fields.take("conversion_measure").and_then(|node| input_measure(fields, node));
    let complete = [
        required(fields, base.is_some(), "base_measure"),
        required(fields, conversion.is_some(), "conversion_measure"),
    ];
    let entity = fields.required_str("entity");
    let constant_properties = constant_properties(fields);
    let calculation = choice(fields, "calculation", CALCULATIONS).unwrap_or_else(|| "conversion_rate".to_owned());
    let window = window(fields, "window");
    if complete.contains(&false) {
        return None;
    }
    Some(ConversionTypeParams {
        base_measure: Some(base?),
        conversion_measure: Some(conversion?),
        base_metric: None,
        conversion_metric: None,
        entity: entity?,
        calculation,
        window,
        constant_properties,
    })
}

pub fn constant_properties(fields: &mut Fields<'_>) -> Option<Vec<ConstantProperty>> {
    let items = fields.has("constant_properties").then(|| fields.list("constant_properties"))?;
    let read = |inner: &mut Fields<'_>| {
        let (base, conversion) = (inner.required_str("base_property"), inner.required_str("conversion_property"));
        Some(ConstantProperty { base_property: base?, conversion_property: conversion? })
    };
    Some(items.into_iter().filter_map(|node| fields.nested(node, "constant property", read)).collect())
}

fn cumulative_params(fields: &mut Fields<'_>) -> Option<CumulativeTypeParams> {
    Some(CumulativeTypeParams {
        window: window(fields, "window"),
        grain_to_date: fields.str("grain_to_date"),
        period_agg: choice(fields, "period_agg", PERIOD_AGGREGATIONS).unwrap_or_else(|| "first".to_owned()),
        metric: None,
    })
}

/// `7 days`; standard granularities may stand in the plural.
pub fn window(fields: &mut Fields<'_>, key: &'static str) -> Option<TimeWindow> {
    let (text, range) = fields.spanned_str(key)?;
    let lower = text.to_lowercase();
    let parts: Vec<&str> = lower.split_whitespace().collect();
    if let [count, grain] = parts[..]
        && let Ok(count) = count.parse()
    {
        let single = grain.strip_suffix('s').filter(|single| GRANULARITIES.contains(single));
        return Some(TimeWindow { count, granularity: single.unwrap_or(grain).to_owned() });
    }
    let span = fields.span(&range);
    let message = format!("`{text}` is no window of time");
    fields.report(Diagnostic::error(Code::InvalidValue, message).at(span, "write a count and a unit: `28 days`"));
    None
}

impl MetricEntry {
    /// The metric of a measure with `create_metric: true`.
    pub fn of_measure(measure: &Measure, model: &Described, config: Value) -> Self {
        let given = match config {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        let name = measure.name.clone();
        Self {
            described: Described {
                place: model.place.clone(),
                body: model.body.clone(),
                name: name.clone(),
                config: given.clone(),
                unrendered_config: given,
            },
            kind: MetricKind::Simple,
            label: measure.label.clone().unwrap_or_else(|| name.clone()),
            description: measure
                .description
                .clone()
                .unwrap_or_else(|| format!("Metric created from measure {}", measure.name)),
            type_params: MetricTypeParams {
                measure: Some(InputMeasure {
                    name: name.clone(),
                    filter: None,
                    alias: None,
                    join_to_timespine: false,
                    fill_nulls_with: None,
                }),
                expr: Some(measure.expr.clone().unwrap_or(name)),
                ..MetricTypeParams::default()
            },
            filter: None,
            time_granularity: None,
            meta: Map::new(),
            tags: Vec::new(),
        }
    }

    pub fn build(self, setup: &Setup<'_>) -> Metric {
        let identity = self.described.identity(ResourceType::Metric);
        let (config, mut unrendered_config) = self.described.merged(setup, ResourceType::Metric, &identity.fqn);
        merge::replace(&mut unrendered_config, &self.described.unrendered_config);
        let meta = match self.type_params.is_flat() {
            true => Map::new(),
            false => config.meta().filter(|meta| !meta.is_empty()).cloned().unwrap_or(self.meta),
        };
        Metric {
            identity,
            description: self.description,
            label: self.label,
            kind: self.kind,
            type_params: self.type_params,
            filter: self.filter,
            time_granularity: self.time_granularity,
            meta,
            tags: self.tags,
            depends_on_nodes: Vec::new(),
            config,
            unrendered_config,
            created_at: setup.now,
        }
    }
}
