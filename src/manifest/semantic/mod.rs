//! Semantic models, metrics and saved queries: described, checked and passed on. Computing metrics is MetricFlow's job.

mod checks;
mod json;
mod resolve;

use std::sync::Arc;

use macro_rules_attribute::derive;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use checks::{LEGACY_TIME_SPINE, check};
pub use resolve::resolve;

use super::{Config, RefCall, UniqueId};
use crate::diag::Span;
use crate::manifest::parse::first_line;
use crate::store::Stored;

/// Where a thing of a properties file stands, and how it is called.
#[derive(Debug, Clone, Stored!)]
pub struct Identity {
    pub unique_id: UniqueId,
    pub name: String,
    pub package: Arc<str>,
    /// `finance/metrics.yml`
    pub path: String,
    /// `models/finance/metrics.yml`
    pub original_file_path: String,
    pub fqn: Vec<String>,
    /// The name.
    pub span: Option<Span>,
    /// The whole entry, so that messages can point into it.
    pub body: Span,
}

/// Where a name stands in an entry as a word of its own; where it does not, the entry's first line.
fn place_of(body: &Span, word: &str) -> Span {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let text = body.text();
    let whole = |at: &usize| {
        !part(text[..*at].chars().next_back()) && !part(text[*at + word.len()..].chars().next()) && !word.is_empty()
    };
    match text.match_indices(word).map(|(at, _)| at).find(whole) {
        Some(at) => {
            let start = body.range.start as usize + at;
            Span::new(&body.file, start..start + word.len())
        }
        None => first_line(body),
    }
}

/// A semantic model: entities, dimensions and measures of a model.
#[derive(Debug, Clone, Stored!)]
pub struct SemanticModel {
    pub identity: Identity,
    /// As written: `ref('orders')`.
    pub model: String,
    pub node_relation: Option<NodeRelation>,
    pub description: Option<String>,
    pub label: Option<String>,
    pub defaults: Option<Defaults>,
    pub entities: Vec<Entity>,
    pub measures: Vec<Measure>,
    pub dimensions: Vec<Dimension>,
    pub primary_entity: Option<String>,
    pub refs: Vec<RefCall>,
    pub depends_on_nodes: Vec<UniqueId>,
    pub config: Config,
    pub unrendered_config: Map<String, Value>,
    pub created_at: f64,
}

/// The relation that a semantic model or a time spine stands for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct NodeRelation {
    pub alias: String,
    pub schema_name: String,
    pub database: Option<String>,
    pub relation_name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct Defaults {
    pub agg_time_dimension: Option<String>,
}

/// `config` of an element: nothing but `meta`, that of its semantic model included.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Stored!)]
pub struct ElementConfig {
    pub meta: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct Entity {
    pub name: String,
    /// primary, unique, foreign or natural
    #[serde(rename = "type")]
    pub kind: String,
    pub description: Option<String>,
    pub label: Option<String>,
    pub role: Option<String>,
    pub expr: Option<String>,
    pub config: ElementConfig,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct Dimension {
    pub name: String,
    /// categorical or time
    #[serde(rename = "type")]
    pub kind: String,
    pub description: Option<String>,
    pub label: Option<String>,
    pub is_partition: bool,
    pub type_params: Option<DimensionTypeParams>,
    pub expr: Option<String>,
    /// Always null in dbt's artifact.
    #[serde(default)]
    pub metadata: (),
    pub config: ElementConfig,
}

impl Dimension {
    pub fn is_time(&self) -> bool {
        self.kind == "time"
    }

    /// The granularity of a time dimension.
    pub fn granularity(&self) -> Option<&str> {
        self.type_params.as_ref().map(|params| params.time_granularity.as_str())
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct DimensionTypeParams {
    pub time_granularity: String,
    pub validity_params: Option<ValidityParams>,
}

/// The dimension is an end of the time in which a row holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct ValidityParams {
    pub is_start: bool,
    pub is_end: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct Measure {
    pub name: String,
    pub agg: String,
    pub description: Option<String>,
    pub label: Option<String>,
    /// False in the artifact even where a metric was made of it, as dbt writes it.
    pub create_metric: bool,
    pub expr: Option<String>,
    pub agg_params: Option<AggregationParams>,
    pub non_additive_dimension: Option<NonAdditiveDimension>,
    pub agg_time_dimension: Option<String>,
    pub config: ElementConfig,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct AggregationParams {
    pub percentile: Option<f64>,
    pub use_discrete_percentile: bool,
    pub use_approximate_percentile: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct NonAdditiveDimension {
    pub name: String,
    pub window_choice: String,
    pub window_groupings: Vec<String>,
}

#[derive(Debug, Clone, Stored!)]
pub struct Metric {
    pub identity: Identity,
    pub description: String,
    pub label: String,
    pub kind: MetricKind,
    pub type_params: MetricTypeParams,
    pub filter: Option<Filters>,
    pub time_granularity: Option<String>,
    pub meta: Map<String, Value>,
    pub tags: Vec<String>,
    pub depends_on_nodes: Vec<UniqueId>,
    pub config: Config,
    pub unrendered_config: Map<String, Value>,
    pub created_at: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Stored!)]
#[serde(rename_all = "snake_case")]
pub enum MetricKind {
    Simple,
    Ratio,
    Cumulative,
    Derived,
    Conversion,
}

impl MetricKind {
    pub const NAMES: &[&str] = &["simple", "ratio", "cumulative", "derived", "conversion"];

    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "simple" => Self::Simple,
            "ratio" => Self::Ratio,
            "cumulative" => Self::Cumulative,
            "derived" => Self::Derived,
            "conversion" => Self::Conversion,
            _ => return None,
        })
    }

    pub fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// What a metric is made of; which keys are set depends on its kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Stored!)]
pub struct MetricTypeParams {
    pub measure: Option<InputMeasure>,
    /// Every measure below it, of its input metrics too; settled when names are resolved.
    pub input_measures: Vec<InputMeasure>,
    pub numerator: Option<InputMetric>,
    pub denominator: Option<InputMetric>,
    pub expr: Option<String>,
    /// The old place of `cumulative_type_params.window`.
    pub window: Option<TimeWindow>,
    pub grain_to_date: Option<String>,
    pub metrics: Vec<InputMetric>,
    pub conversion_type_params: Option<ConversionTypeParams>,
    pub cumulative_type_params: Option<CumulativeTypeParams>,
    /// Of a simple metric that is written on a model and needs no measure.
    pub metric_aggregation_params: Option<MetricAggregation>,
    /// Always null: dbt reads it on a metric and drops it.
    #[serde(default)]
    pub fill_nulls_with: (),
    #[serde(default)]
    pub join_to_timespine: bool,
    /// `hidden` in the properties file; none where the metric is in the older form, with `type_params`.
    pub is_private: Option<bool>,
}

impl MetricTypeParams {
    /// The metric is written without `type_params`.
    pub fn is_flat(&self) -> bool {
        self.is_private.is_some()
    }

    /// The metrics that a metric is computed from.
    pub fn input_metrics(&self, kind: MetricKind) -> Vec<&InputMetric> {
        let cumulative = || self.cumulative_type_params.iter().flat_map(|params| &params.metric);
        let conversion = || {
            self.conversion_type_params
                .iter()
                .flat_map(|params| params.base_metric.iter().chain(&params.conversion_metric))
        };
        match kind {
            MetricKind::Ratio => self.numerator.iter().chain(&self.denominator).collect(),
            MetricKind::Derived => self.metrics.iter().collect(),
            MetricKind::Cumulative => cumulative().collect(),
            MetricKind::Conversion => conversion().collect(),
            MetricKind::Simple => Vec::new(),
        }
    }
}

/// How a simple metric without a measure aggregates rows of its semantic model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct MetricAggregation {
    pub semantic_model: String,
    pub agg: String,
    pub agg_params: Option<AggregationParams>,
    pub agg_time_dimension: Option<String>,
    pub non_additive_dimension: Option<NonAdditiveDimension>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct InputMeasure {
    pub name: String,
    pub filter: Option<Filters>,
    pub alias: Option<String>,
    pub join_to_timespine: bool,
    pub fill_nulls_with: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct InputMetric {
    pub name: String,
    pub filter: Option<Filters>,
    pub alias: Option<String>,
    pub offset_window: Option<TimeWindow>,
    pub offset_to_grain: Option<String>,
}

/// `7 days`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Stored!)]
pub struct TimeWindow {
    pub count: u64,
    pub granularity: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct ConversionTypeParams {
    /// Either measures or metrics are set.
    pub base_measure: Option<InputMeasure>,
    pub conversion_measure: Option<InputMeasure>,
    pub base_metric: Option<InputMetric>,
    pub conversion_metric: Option<InputMetric>,
    pub entity: String,
    pub calculation: String,
    pub window: Option<TimeWindow>,
    pub constant_properties: Option<Vec<ConstantProperty>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Stored!)]
pub struct ConstantProperty {
    pub base_property: String,
    pub conversion_property: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct CumulativeTypeParams {
    pub window: Option<TimeWindow>,
    pub grain_to_date: Option<String>,
    pub period_agg: String,
    /// What it sums up, unless that is a measure.
    pub metric: Option<InputMetric>,
}

/// Conditions that all hold. MetricFlow renders the Jinja in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Stored!)]
pub struct Filters {
    pub where_filters: Vec<Filter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Stored!)]
pub struct Filter {
    pub where_sql_template: String,
}

#[derive(Debug, Clone, Stored!)]
pub struct SavedQuery {
    pub identity: Identity,
    pub query_params: QueryParams,
    pub exports: Vec<Export>,
    pub description: Option<String>,
    pub label: Option<String>,
    pub tags: Vec<String>,
    pub depends_on_nodes: Vec<UniqueId>,
    pub config: Config,
    pub unrendered_config: Map<String, Value>,
    pub created_at: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct QueryParams {
    pub metrics: Vec<String>,
    pub group_by: Vec<String>,
    #[serde(rename = "where")]
    pub filter: Option<Filters>,
    pub order_by: Vec<String>,
    pub limit: Option<i64>,
}

/// Where MetricFlow writes the rows of a saved query to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct Export {
    pub name: String,
    pub config: ExportConfig,
    pub unrendered_config: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct ExportConfig {
    /// table or view
    pub export_as: String,
    pub schema_name: Option<String>,
    pub alias: Option<String>,
    pub database: Option<String>,
}

/// `time_spine` of a model: a table with one row per period, which metrics are joined to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct TimeSpine {
    pub standard_granularity_column: String,
    pub custom_granularities: Vec<CustomGranularity>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct CustomGranularity {
    pub name: String,
    pub column_name: Option<String>,
}

/// Standard granularities, finest first.
pub const GRANULARITIES: &[&str] = &[
    "nanosecond",
    "microsecond",
    "millisecond",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "quarter",
    "year",
];
