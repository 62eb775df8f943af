//! `semantic_models:`, and what its reader shares with those of metrics and saved queries.

use std::ops::Range;

use serde_json::{Map, Value, json};

use super::Setup;
use super::call::{Call, parse_call};
use super::metric::MetricEntry;
use super::properties::{Place, Reader, raw_config, required_name};
use crate::diag::{self, Code, Diagnostic, Span, suggest};
use crate::manifest::semantic::{
    AggregationParams, Defaults, Dimension, DimensionTypeParams, ElementConfig, Entity, Filter, Filters, GRANULARITIES,
    Identity, Measure, NonAdditiveDimension, SemanticModel, ValidityParams,
};
use crate::manifest::{Config, RefCall, ResourceType, merge};
use crate::yaml::{Fields, Node, Yaml};

pub const ENTITIES: &[&str] = &["primary", "unique", "foreign", "natural"];
pub const DIMENSIONS: &[&str] = &["categorical", "time"];
pub const AGGREGATIONS: &[&str] =
    &["sum", "min", "max", "count", "count_distinct", "sum_boolean", "average", "median", "percentile"];

/// A semantic model as written.
#[derive(Debug)]
pub struct SemanticModelEntry {
    described: Described,
    content: Content,
    call: RefCall,
}

/// What a semantic model says, wherever it is written.
#[derive(Debug)]
pub struct Content {
    /// `ref('orders')`
    pub model: String,
    pub description: Option<String>,
    pub label: Option<String>,
    pub defaults: Option<Defaults>,
    pub entities: Vec<Entity>,
    pub dimensions: Vec<Dimension>,
    pub measures: Vec<Measure>,
    pub primary_entity: Option<String>,
}

/// What semantic models, metrics and saved queries have in common.
#[derive(Debug)]
pub struct Described {
    pub place: Place,
    pub body: Span,
    pub name: String,
    pub config: Map<String, Value>,
    pub unrendered_config: Map<String, Value>,
}

#[derive(Debug)]
struct SemanticModelFields {
    name: (String, Range<u32>),
    /// Where the content's is written.
    model: Range<u32>,
    content: Content,
    config: Option<Node>,
}

pub fn read_semantic_model(reader: &mut Reader<'_>, mut entry: Node) -> Option<SemanticModelEntry> {
    let (body, unrendered_config) = (reader.span(&entry.range), raw_config(&entry));
    reader.render(&mut entry);
    describe(reader, &mut entry);
    for key in ["entities", "dimensions", "measures"] {
        if let Some(Yaml::Seq(items)) = value_of(&mut entry, key).map(|node| &mut node.value) {
            items.iter_mut().for_each(|item| describe(reader, item));
        }
    }
    let read = reader.fields(entry, "semantic model", |fields| {
        let (name, model) = (required_name(fields), fields.required_spanned_str("model"));
        let (name, model) = (name?, model?);
        let content = Content {
            model: model.0,
            description: fields.str("description"),
            label: fields.str("label"),
            defaults: fields.map_node("defaults").and_then(|node| {
                fields.nested(node, "`defaults`", |inner| {
                    Some(Defaults { agg_time_dimension: inner.str("agg_time_dimension") })
                })
            }),
            entities: elements(fields, "entities", "entity", entity),
            dimensions: elements(fields, "dimensions", "dimension", dimension),
            measures: elements(fields, "measures", "measure", measure),
            primary_entity: fields.str("primary_entity"),
        };
        Some(SemanticModelFields { name, model: model.1, content, config: fields.take("config") })
    })?;
    let Some(Call::Ref(call)) = parse_call(&read.content.model) else {
        let message = format!("semantic model `{}` has the model `{}`", read.name.0, read.content.model);
        let span = reader.span(&read.model);
        reader.diags.push(Diagnostic::error(Code::InvalidValue, message).at(span, "write `ref('…')`"));
        return None;
    };
    let config = reader.config(ResourceType::SemanticModel, read.config);
    let (name, place) = (read.name.0, reader.place(&read.name.1));
    let described = Described { place, body, name, config, unrendered_config };
    Some(SemanticModelEntry { described, content: read.content, call })
}

/// The value of a key, to be changed.
fn value_of<'n>(entry: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    match &mut entry.value {
        Yaml::Map(map) => map.entries.iter_mut().find(|(found, _)| found.name == key).map(|(_, node)| node),
        _ => None,
    }
}

/// Fills the docs blocks of a description in.
pub fn describe(reader: &mut Reader<'_>, entry: &mut Node) {
    if let Some(node) = value_of(entry, "description").filter(|node| node.as_str().is_some()) {
        let (text, _) = reader.describe(Some(node.clone()));
        node.value = Yaml::Str(text);
    }
}

/// The items of a list, each read by `read`; what cannot be read is reported and left out.
pub fn elements<T>(
    fields: &mut Fields<'_>,
    key: &'static str,
    what: &str,
    read: impl Fn(&mut Fields<'_>) -> Option<T>,
) -> Vec<T> {
    fields.list(key).into_iter().filter_map(|node| fields.nested(node, what, &read)).collect()
}

fn entity(fields: &mut Fields<'_>) -> Option<Entity> {
    let (name, kind) = (fields.required_str("name"), required_choice(fields, "type", ENTITIES));
    let entity = Entity {
        name: name.unwrap_or_default(),
        kind: kind?,
        description: fields.str("description"),
        label: fields.str("label"),
        role: fields.str("role"),
        expr: fields.str("expr"),
        config: element_config(fields),
    };
    (!entity.name.is_empty()).then_some(entity)
}

fn dimension(fields: &mut Fields<'_>) -> Option<Dimension> {
    let (name, kind) = (fields.required_str("name"), required_choice(fields, "type", DIMENSIONS));
    let type_params = fields.map_node("type_params").and_then(|node| {
        fields.nested(node, "`type_params`", |inner| {
            let validity_params = validity_params(inner);
            let time_granularity = required_choice(inner, "time_granularity", GRANULARITIES)?;
            Some(DimensionTypeParams { time_granularity, validity_params })
        })
    });
    let dimension = Dimension {
        name: name.unwrap_or_default(),
        kind: kind?,
        description: fields.str("description"),
        label: fields.str("label"),
        is_partition: fields.bool("is_partition").unwrap_or(false),
        type_params,
        expr: fields.str("expr"),
        metadata: (),
        config: element_config(fields),
    };
    (!dimension.name.is_empty()).then_some(dimension)
}

pub fn validity_params(fields: &mut Fields<'_>) -> Option<ValidityParams> {
    let node = fields.map_node("validity_params")?;
    fields.nested(node, "`validity_params`", |ends| {
        Some(ValidityParams {
            is_start: ends.bool("is_start").unwrap_or(false),
            is_end: ends.bool("is_end").unwrap_or(false),
        })
    })
}

fn measure(fields: &mut Fields<'_>) -> Option<Measure> {
    let (name, agg) = (fields.required_str("name"), required_choice(fields, "agg", AGGREGATIONS));
    let agg_params = fields.map_node("agg_params").and_then(|node| {
        fields.nested(node, "`agg_params`", |inner| {
            Some(AggregationParams {
                percentile: number(inner, "percentile"),
                use_discrete_percentile: inner.bool("use_discrete_percentile").unwrap_or(false),
                use_approximate_percentile: inner.bool("use_approximate_percentile").unwrap_or(false),
            })
        })
    });
    let non_additive_dimension = fields.map_node("non_additive_dimension").and_then(|node| {
        fields.nested(node, "`non_additive_dimension`", |inner| {
            let (name, choice) = (inner.required_str("name"), required_choice(inner, "window_choice", AGGREGATIONS));
            let window_groupings = inner.texts("window_groupings").unwrap_or_default();
            Some(NonAdditiveDimension { name: name?, window_choice: choice?, window_groupings })
        })
    });
    let measure = Measure {
        name: name.unwrap_or_default(),
        agg: agg?,
        description: fields.str("description"),
        label: fields.str("label"),
        create_metric: fields.bool("create_metric").unwrap_or(false),
        expr: expression(fields),
        agg_params,
        non_additive_dimension,
        agg_time_dimension: fields.str("agg_time_dimension"),
        config: element_config(fields),
    };
    (!measure.name.is_empty()).then_some(measure)
}

pub fn number(fields: &mut Fields<'_>, key: &'static str) -> Option<f64> {
    let node = fields.take(key).filter(|node| !node.is_null())?;
    let number = match node.value {
        Yaml::Float(value) => Some(value),
        Yaml::Int(value) => Some(value as f64),
        _ => None,
    };
    if number.is_none() {
        let span = fields.span(&node.range);
        let message = format!("`{key}` must be a number");
        fields.report(Diagnostic::error(Code::InvalidValue, message).at(span, format!("this is {}", node.kind())));
    }
    number
}

/// `config` of an element: its `meta`.
pub fn element_config(fields: &mut Fields<'_>) -> ElementConfig {
    let config = fields.map_node("config").and_then(|node| {
        fields.nested(node, "config", |inner| {
            Some(ElementConfig { meta: inner.map("meta").map(|meta| meta.to_json()).unwrap_or_default() })
        })
    });
    config.unwrap_or_default()
}

/// `expr`: SQL, where YAML may see a number or a truth value; dbt gives Python's spelling of those.
pub fn expression(fields: &mut Fields<'_>) -> Option<String> {
    let (text, range) = fields.spanned_str("expr")?;
    let written = fields.span(&range);
    Some(match text.as_str() {
        "true" if !written.text().contains(['\'', '"']) => "True".to_owned(),
        "false" if !written.text().contains(['\'', '"']) => "False".to_owned(),
        _ => text,
    })
}

/// One of the known values; anything else is reported with the nearest one.
pub fn choice(fields: &mut Fields<'_>, key: &'static str, known: &[&str]) -> Option<String> {
    let (value, range) = fields.spanned_str(key)?;
    let span = fields.span(&range);
    chosen(&value, span, key, known).map_err(|error| fields.report(*error)).ok()
}

/// # Errors
/// It is none of the known values.
pub fn chosen(value: &str, span: Span, key: &str, known: &[&str]) -> diag::Result<String> {
    let lower = value.to_lowercase();
    if known.contains(&lower.as_str()) {
        return Ok(lower);
    }
    let label = suggest::nearest(value, known.iter().copied())
        .map_or_else(|| format!("one of {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
    Err(Box::new(Diagnostic::error(Code::InvalidValue, format!("`{value}` is no `{key}`")).at(span, label)))
}

pub fn required_choice(fields: &mut Fields<'_>, key: &'static str, known: &[&str]) -> Option<String> {
    if !fields.has(key) {
        fields.required_str(key);
        return None;
    }
    choice(fields, key, known)
}

/// A condition, or a list of conditions.
pub fn filters(fields: &mut Fields<'_>, key: &'static str) -> Option<Filters> {
    let texts = fields.texts(key)?;
    let where_filters = texts.into_iter().map(|where_sql_template| Filter { where_sql_template }).collect();
    Some(Filters { where_filters })
}

impl Described {
    pub fn identity(&self, kind: ResourceType) -> Identity {
        let place = &self.place;
        let mut fqn = super::fqn_of(&place.package, &place.path);
        fqn.push(self.name.clone());
        Identity {
            unique_id: format!("{}.{}.{}", kind.as_str(), place.package, self.name).into(),
            name: self.name.clone(),
            package: place.package.clone(),
            path: place.path.to_string(),
            original_file_path: place.original_file_path.to_string(),
            fqn,
            span: Some(place.span.clone()),
            body: self.body.clone(),
        }
    }

    /// The trees' values, under and over what was written, and what the package's own tree says alone.
    pub fn merged(&self, setup: &Setup<'_>, kind: ResourceType, fqn: &[String]) -> (Config, Map<String, Value>) {
        let outer = setup.trees.own(&self.place.package, kind, fqn);
        let mut values = outer.clone();
        merge::merge(&mut values, &self.config);
        setup.trees.root_over(&self.place.package, kind, fqn, &mut values);
        (Config { resource: kind, values }, outer)
    }
}

impl SemanticModelEntry {
    /// What a model's entry says of the model itself.
    pub fn of_model(model: &str, described: Described, content: Content) -> Self {
        Self { described, content, call: RefCall::to(model) }
    }

    /// The semantic model, and the metrics that its measures ask for.
    pub fn build(self, setup: &Setup<'_>) -> (SemanticModel, Vec<MetricEntry>) {
        let Self { described, mut content, call } = self;
        let identity = described.identity(ResourceType::SemanticModel);
        let (config, _) = described.merged(setup, ResourceType::SemanticModel, &identity.fqn);
        let meta = config.meta().cloned().unwrap_or_default();
        let given = json!({"enabled": config.enabled(), "meta": meta});
        let mut created = Vec::new();
        for measure in &mut content.measures {
            if std::mem::take(&mut measure.create_metric) {
                created.push(MetricEntry::of_measure(measure, &described, given.clone()));
            }
        }
        let elements = content.entities.iter_mut().map(|entity| &mut entity.config);
        let elements = elements.chain(content.dimensions.iter_mut().map(|dimension| &mut dimension.config));
        for element in elements.chain(content.measures.iter_mut().map(|measure| &mut measure.config)) {
            let own = std::mem::replace(&mut element.meta, meta.clone());
            element.meta.extend(own);
        }
        let model = SemanticModel {
            identity,
            model: content.model,
            node_relation: None,
            description: content.description,
            label: content.label,
            defaults: content.defaults,
            entities: content.entities,
            measures: content.measures,
            dimensions: content.dimensions,
            primary_entity: content.primary_entity,
            refs: vec![call],
            depends_on_nodes: Vec::new(),
            config,
            // dbt does not find the tree here, whose key has a hyphen.
            unrendered_config: described.unrendered_config,
            created_at: setup.now,
        };
        (model, created)
    }
}
