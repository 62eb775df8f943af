//! Metrics without `type_params`: the form of dbt 1.12, in which a simple metric is written on its model.

use super::metric::{
    CALCULATIONS, MetricFields, PERIOD_AGGREGATIONS, constant_properties, input_metric, required, window,
};
use super::properties::required_name;
use super::semantic_model::{AGGREGATIONS, choice, expression, filters, number, required_choice};
use crate::diag::{Code, Diagnostic};
use crate::manifest::semantic::{
    AggregationParams, ConversionTypeParams, CumulativeTypeParams, InputMetric, MetricAggregation, MetricKind,
    MetricTypeParams, NonAdditiveDimension,
};
use crate::yaml::Fields;

/// The semantic model of the model that a metric is written on.
pub struct Home<'a> {
    pub semantic_model: &'a str,
    /// Its default.
    pub agg_time_dimension: Option<&'a str>,
}

pub fn fields(fields: &mut Fields<'_>, home: Option<&Home<'_>>) -> Option<MetricFields> {
    let name = required_name(fields);
    let simple = !fields.is_set("type");
    let kind = choice(fields, "type", MetricKind::NAMES).and_then(|kind| MetricKind::parse(&kind));
    let kind = kind.or(simple.then_some(MetricKind::Simple));
    let (name, kind) = (name?, kind?);
    let type_params = type_params(fields, &name.0, kind, home);
    let read = MetricFields {
        label: fields.str("label").unwrap_or_else(|| name.0.clone()),
        kind,
        type_params: type_params.unwrap_or_default(),
        description: fields.str("description").unwrap_or_default(),
        filter: filters(fields, "filter"),
        time_granularity: fields.str("time_granularity"),
        meta: None,
        tags: Vec::new(),
        config: fields.take("config"),
        name,
    };
    fields.refuse_rest();
    Some(read)
}

/// As in the other form, what a kind of metric does not need is not missed where it is not there; other than there, dbt
/// then drops it.
fn type_params(
    fields: &mut Fields<'_>,
    name: &str,
    kind: MetricKind,
    home: Option<&Home<'_>>,
) -> Option<MetricTypeParams> {
    let metric_aggregation_params = aggregation(fields, name, kind, home);
    let numerator = input(fields, "numerator");
    let denominator = input(fields, "denominator");
    let inputs = fields.list("input_metrics");
    let has_inputs = !inputs.is_empty();
    let metrics = inputs.into_iter().filter_map(|node| input_metric(fields, node)).collect();
    let (cumulative, conversion) = periods(fields, kind);
    let complete = match kind {
        MetricKind::Simple => metric_aggregation_params.is_some(),
        MetricKind::Cumulative => cumulative.is_some(),
        MetricKind::Conversion => conversion.is_some(),
        MetricKind::Ratio => {
            let numerator = required(fields, numerator.is_some(), "numerator");
            required(fields, denominator.is_some(), "denominator") && numerator
        }
        MetricKind::Derived => {
            if !has_inputs {
                fields.missing("input_metrics");
            }
            has_inputs
        }
    };
    let params = MetricTypeParams {
        numerator,
        denominator,
        expr: expression(fields),
        metrics,
        conversion_type_params: conversion,
        cumulative_type_params: cumulative,
        metric_aggregation_params,
        join_to_timespine: fields.bool("join_to_timespine").unwrap_or(false),
        is_private: Some(fields.bool("hidden").unwrap_or(false)),
        ..MetricTypeParams::default()
    };
    if let Some(range) = fields.key_range("fill_nulls_with")
        && fields.int("fill_nulls_with").is_some()
    {
        let span = fields.span(&range);
        let message = format!("`fill_nulls_with` of metric `{name}` is left out of the artifacts, as by dbt 1.12");
        let warning = Diagnostic::warning(Code::NotSupported, message).at(span, "not passed on to MetricFlow");
        fields.report(warning);
    }
    complete.then_some(params)
}

fn input(fields: &mut Fields<'_>, key: &'static str) -> Option<InputMetric> {
    fields.take(key).and_then(|node| input_metric(fields, node))
}

/// `agg` and what belongs to it.
fn aggregation(
    fields: &mut Fields<'_>,
    name: &str,
    kind: MetricKind,
    home: Option<&Home<'_>>,
) -> Option<MetricAggregation> {
    let place = fields.key_range("agg");
    let agg = choice(fields, "agg", AGGREGATIONS);
    let percentile = number(fields, "percentile");
    let percentile_type = fields.str("percentile_type").map(|text| text.to_lowercase());
    let non_additive_dimension = fields.map_node("non_additive_dimension").and_then(|node| {
        fields.nested(node, "`non_additive_dimension`", |inner| {
            let (name, agg) = (inner.required_str("name"), required_choice(inner, "window_agg", AGGREGATIONS));
            let window_groupings = inner.texts("group_by").unwrap_or_default();
            inner.refuse_rest();
            Some(NonAdditiveDimension { name: name?, window_choice: agg?, window_groupings })
        })
    });
    let own_time = fields.str("agg_time_dimension");
    if kind != MetricKind::Simple {
        if let Some(range) = place {
            let span = fields.span(&range);
            let message = format!("`agg` of metric `{name}`, which is {}", kind.as_str());
            fields.report(Diagnostic::error(Code::InvalidValue, message).at(span, "only simple metrics have one"));
        }
        return None;
    }
    let Some(home) = home else {
        let message = format!("simple metric `{name}` has neither a model nor `type_params`");
        let span = fields.span(&fields.range());
        fields.report(
            Diagnostic::error(Code::MissingKey, message)
                .at(crate::manifest::parse::first_line(&span), "it belongs to no semantic model")
                .help("write it under `metrics:` of its model, or give it `type_params: {measure: …}`"),
        );
        return None;
    };
    required(fields, agg.is_some(), "agg");
    Some(MetricAggregation {
        semantic_model: home.semantic_model.to_owned(),
        agg: agg?,
        agg_params: Some(AggregationParams {
            percentile,
            use_discrete_percentile: percentile_type.as_deref() == Some("discrete"),
            use_approximate_percentile: percentile_type.as_deref() == Some("continuous"),
        }),
        agg_time_dimension: own_time.or_else(|| home.agg_time_dimension.map(str::to_owned)),
        non_additive_dimension,
    })
}

/// What cumulative and conversion metrics are made of.
fn periods(fields: &mut Fields<'_>, kind: MetricKind) -> (Option<CumulativeTypeParams>, Option<ConversionTypeParams>) {
    let (window, grain_to_date) = (window(fields, "window"), fields.str("grain_to_date"));
    let period_agg = choice(fields, "period_agg", PERIOD_AGGREGATIONS).unwrap_or_else(|| "first".to_owned());
    let metric = input(fields, "input_metric");
    let base_metric = input(fields, "base_metric");
    let conversion_metric = input(fields, "conversion_metric");
    let entity = fields.str("entity");
    let calculation = choice(fields, "calculation", CALCULATIONS);
    let constant_properties = constant_properties(fields);
    match kind {
        MetricKind::Cumulative => {
            let complete = required(fields, metric.is_some(), "input_metric");
            (complete.then_some(CumulativeTypeParams { window, grain_to_date, period_agg, metric }), None)
        }
        MetricKind::Conversion => {
            let complete = [
                required(fields, base_metric.is_some(), "base_metric"),
                required(fields, conversion_metric.is_some(), "conversion_metric"),
                required(fields, entity.is_some(), "entity"),
                required(fields, calculation.is_some(), "calculation"),
            ];
            let params = entity.zip(calculation).filter(|_| !complete.contains(&false));
            let params = params.map(|(entity, calculation)| ConversionTypeParams {
                base_measure: None,
                conversion_measure: None,
                base_metric,
                conversion_metric,
                entity,
                calculation,
                window,
                constant_properties,
            });
            (None, params)
        }
        _ => (None, None),
    }
}
