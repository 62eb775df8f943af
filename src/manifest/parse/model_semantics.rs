//! The semantic layer on models and columns, as from dbt 1.12 on: a model with `semantic_model:` is a semantic model, whose
//! entities and dimensions are among its columns and whose simple metrics stand beside them.

use serde_json::{Map, Value, json};

use super::flat_metric::Home;
use super::metric::{MetricEntry, read_metric_of_model};
use super::properties::{ColumnPatch, Place, Reader};
use super::semantic_model::{
    Content, DIMENSIONS, Described, ENTITIES, SemanticModelEntry, choice, chosen, describe, element_config, elements,
    required_choice, validity_params,
};
use crate::diag::{Code, Diagnostic, Span};
use crate::manifest::semantic::{
    Defaults, Dimension, DimensionTypeParams, ElementConfig, Entity, GRANULARITIES, ValidityParams,
};
use crate::yaml::{Fields, Key, Node, Yaml};

/// A model's keys of the semantic layer.
pub struct SemanticKeys {
    semantic_model: Option<(Key, Node)>,
    metrics: Vec<Node>,
    derived: Option<Node>,
    primary_entity: Option<String>,
    agg_time_dimension: Option<String>,
    /// Those that are nothing without `semantic_model`.
    others: Vec<Key>,
}

impl SemanticKeys {
    pub fn take(fields: &mut Fields<'_>) -> Self {
        let others = fields.keys().filter(|key| OTHERS.contains(&key.name.as_str())).cloned().collect();
        Self {
            semantic_model: fields.entry("semantic_model").filter(|(_, node)| !node.is_null()),
            metrics: fields.list("metrics"),
            derived: fields.map_node("derived_semantics"),
            primary_entity: fields.str("primary_entity"),
            agg_time_dimension: fields.str("agg_time_dimension"),
            others,
        }
    }
}

const OTHERS: &[&str] = &["metrics", "derived_semantics", "primary_entity", "agg_time_dimension"];

/// Texts of a model's entry that MetricFlow renders: the filters of its metrics.
pub fn is_filter(path: &[&str]) -> bool {
    path.first() == Some(&"metrics") && super::metric::is_filter(path)
}

/// The semantic model and the metrics that a model's entry describes.
#[derive(Debug)]
pub struct ModelSemantics {
    /// The model.
    pub name: String,
    pub semantic_model: SemanticModelEntry,
    pub metrics: Vec<MetricEntry>,
}

/// What a model's entry says of it besides.
pub struct DescribedModel<'a> {
    pub name: &'a str,
    pub place: &'a Place,
    pub body: Span,
    pub description: &'a str,
    pub columns: &'a [ColumnPatch],
    pub has_versions: bool,
}

struct Switch {
    enabled: bool,
    name: Option<String>,
    config: Map<String, Value>,
}

pub fn read(reader: &mut Reader<'_>, keys: SemanticKeys, model: &DescribedModel<'_>) -> Option<ModelSemantics> {
    let Some((key, node)) = keys.semantic_model else {
        for key in &keys.others {
            let message = format!("`{}` of model `{}` has no effect without `semantic_model`", key.name, model.name);
            let span = reader.span(&key.range);
            let warning = Diagnostic::warning(Code::UnknownKey, message).at(span, "left out");
            reader.diags.push(warning.help("add `semantic_model: true` to the model"));
        }
        return None;
    };
    let switch = switch(reader, node)?;
    if model.has_versions && switch.enabled {
        let message = format!("model `{}` has versions, and no semantic model can be written on it", model.name);
        let span = reader.span(&key.range);
        let warning = Diagnostic::warning(Code::NotSupported, message).at(span, "left out, as by dbt");
        reader.diags.push(warning.help("write it under `semantic_models:` of the file, with `ref('…', v=…)`"));
        return None;
    }
    let (mut dimensions, mut entities) = (Vec::new(), Vec::new());
    for semantics in model.columns.iter().filter_map(|column| column.semantics.as_deref()) {
        dimensions.extend(semantics.dimension.clone());
        entities.extend(semantics.entity.clone());
    }
    if let Some(node) = keys.derived {
        derived(reader, node, &mut dimensions, &mut entities);
    }
    let name = switch.name.unwrap_or_else(|| model.name.to_owned());
    let home = Home { semantic_model: &name, agg_time_dimension: keys.agg_time_dimension.as_deref() };
    let metrics = keys.metrics.into_iter().filter_map(|node| read_metric_of_model(reader, node, &home)).collect();
    if !switch.enabled {
        // What is switched off is checked and left out.
        return None;
    }
    let described = Described {
        place: model.place.clone(),
        body: model.body.clone(),
        name: name.clone(),
        config: switch.config.clone(),
        unrendered_config: switch.config,
    };
    let content = Content {
        model: format!("ref('{}')", model.name),
        description: Some(model.description.to_owned()),
        label: None,
        defaults: Some(Defaults { agg_time_dimension: keys.agg_time_dimension }),
        entities,
        dimensions,
        measures: Vec::new(),
        primary_entity: keys.primary_entity,
    };
    let semantic_model = SemanticModelEntry::of_model(model.name, described, content);
    Some(ModelSemantics { name: model.name.to_owned(), semantic_model, metrics })
}

/// `semantic_model`: true, false, or a mapping.
fn switch(reader: &mut Reader<'_>, node: Node) -> Option<Switch> {
    if let Yaml::Bool(enabled) = node.value {
        return Some(Switch { enabled, name: None, config: Map::new() });
    }
    if !matches!(node.value, Yaml::Map(_)) {
        let message = format!("`semantic_model` must be true, false or a mapping, found {}", node.kind());
        let span = reader.span(&node.range);
        reader.diags.push(Diagnostic::error(Code::InvalidValue, message).at(span, ""));
        return None;
    }
    reader.fields(node, "`semantic_model`", |fields| {
        let (name, enabled) = (fields.str("name"), fields.bool("enabled").unwrap_or(true));
        let group_place = fields.key_range("group");
        let group = fields.str("group");
        let meta = fields.map_node("config").and_then(|node| {
            fields.nested(node, "`config` of a `semantic_model`", |inner| {
                let meta = inner.map("meta").map(|meta| meta.to_json());
                inner.refuse_rest();
                Some(meta)
            })
        });
        fields.refuse_rest();
        let mut config = Map::new();
        match meta {
            Some(meta) => {
                config.insert("meta".to_owned(), Value::Object(meta.unwrap_or_default()));
                config.insert("enabled".to_owned(), Value::Bool(enabled));
                config.extend(group.map(|group| ("group".to_owned(), Value::String(group))));
            }
            None => {
                if let Some(range) = group_place.filter(|_| group.is_some()) {
                    let span = fields.span(&range);
                    let message = "`group` of a `semantic_model` has no effect without `config` beside it, as in dbt";
                    let warning = Diagnostic::warning(Code::NotSupported, message).at(span, "left out");
                    fields.report(warning.help("add `config: {meta: {}}`"));
                }
            }
        }
        Some(Switch { enabled, name, config })
    })
}

/// `derived_semantics`: what is no column, but an expression.
fn derived(reader: &mut Reader<'_>, mut node: Node, dimensions: &mut Vec<Dimension>, entities: &mut Vec<Entity>) {
    if let Yaml::Map(map) = &mut node.value {
        for (_, list) in &mut map.entries {
            if let Yaml::Seq(items) = &mut list.value {
                items.iter_mut().for_each(|item| describe(reader, item));
            }
        }
    }
    reader.fields(node, "`derived_semantics`", |fields| {
        dimensions.extend(elements(fields, "dimensions", "derived dimension", derived_dimension));
        entities.extend(elements(fields, "entities", "derived entity", derived_entity));
        fields.refuse_rest();
        Some(())
    });
}

fn derived_dimension(fields: &mut Fields<'_>) -> Option<Dimension> {
    let (name, kind) = (fields.required_str("name"), required_choice(fields, "type", DIMENSIONS));
    let expr = fields.required_str("expr");
    let granularity = choice(fields, "granularity", GRANULARITIES);
    let validity_params = validity_params(fields);
    let (description, label) = (fields.str("description"), fields.str("label"));
    let is_partition = fields.bool("is_partition").unwrap_or(false);
    let config = element_config(fields);
    fields.refuse_rest();
    Some(Dimension {
        name: name?,
        kind: kind?,
        description,
        label,
        is_partition,
        type_params: granularity.map(|time_granularity| DimensionTypeParams { time_granularity, validity_params }),
        expr: Some(expr?),
        metadata: (),
        config,
    })
}

fn derived_entity(fields: &mut Fields<'_>) -> Option<Entity> {
    let (name, kind) = (fields.required_str("name"), required_choice(fields, "type", ENTITIES));
    let expr = fields.required_str("expr");
    let (description, label) = (fields.str("description"), fields.str("label"));
    let config = element_config(fields);
    fields.refuse_rest();
    Some(Entity { name: name?, kind: kind?, description, label, role: None, expr: Some(expr?), config })
}

/// What a column is in the semantic model of its model.
#[derive(Debug, Clone)]
pub struct ColumnSemantics {
    pub dimension: Option<Dimension>,
    pub entity: Option<Entity>,
}

/// A column that may be an entity or a dimension.
pub struct DescribedColumn<'a> {
    pub name: &'a str,
    /// Rendered, and as written: dbt's manifest shows the latter where a dimension has no description of its own.
    pub description: &'a str,
    pub raw_description: &'a str,
    pub meta: &'a Map<String, Value>,
    pub granularity: Option<&'a str>,
}

/// An element as a column's key tells it.
struct Element {
    kind: String,
    /// In the mapping; none where there is only a type.
    own: Option<OwnElement>,
}

struct OwnElement {
    name: Option<String>,
    description: Option<String>,
    label: Option<String>,
    is_partition: bool,
    validity_params: Option<ValidityParams>,
    /// As written, and its `meta`.
    config: Map<String, Value>,
    meta: Option<Map<String, Value>>,
}

impl OwnElement {
    fn meta(&self) -> Map<String, Value> {
        self.meta.clone().unwrap_or_default()
    }
}

/// `dimension` and `entity` of a column, each as dbt's manifest shows it and as what it is.
pub fn of_column(
    reader: &mut Reader<'_>,
    (dimension, entity): (Option<Node>, Option<Node>),
    column: &DescribedColumn<'_>,
) -> (Option<Value>, Option<Value>, Option<Box<ColumnSemantics>>) {
    if dimension.is_none() && entity.is_none() {
        return (None, None, None);
    }
    let dimension = dimension.and_then(|node| element(reader, node, "dimension", DIMENSIONS));
    let entity = entity.and_then(|node| element(reader, node, "entity", ENTITIES));
    let shown_dimension = dimension.as_ref().map(|element| shown(element, column, true));
    let shown_entity = entity.as_ref().map(|element| shown(element, column, false));
    let semantics = ColumnSemantics {
        dimension: dimension.map(|element| dimension_of(element, column)),
        entity: entity.map(|element| entity_of(element, column)),
    };
    (shown_dimension, shown_entity, Some(Box::new(semantics)))
}

fn element(
    reader: &mut Reader<'_>,
    mut node: Node,
    key: &'static str,
    kinds: &'static [&'static str],
) -> Option<Element> {
    let span = reader.span(&node.range);
    match &node.value {
        Yaml::Str(kind) => match chosen(kind, span, key, kinds) {
            Ok(kind) => Some(Element { kind, own: None }),
            Err(error) => {
                reader.diags.push(*error);
                None
            }
        },
        Yaml::Map(_) => {
            describe(reader, &mut node);
            reader.fields(node, &format!("`{key}` of a column"), |fields| {
                let kind = required_choice(fields, "type", kinds);
                let is_dimension = key == "dimension";
                let own = OwnElement {
                    name: fields.str("name"),
                    description: fields.str("description").filter(|text| !text.is_empty()),
                    label: fields.str("label"),
                    is_partition: is_dimension && fields.bool("is_partition").unwrap_or(false),
                    validity_params: if is_dimension { validity_params(fields) } else { None },
                    config: Map::new(),
                    meta: None,
                };
                let config = fields.map("config").map(|config| config.to_json()).unwrap_or_default();
                let meta = config.get("meta").and_then(Value::as_object).cloned();
                fields.refuse_rest();
                Some(Element { kind: kind?, own: Some(OwnElement { config, meta, ..own }) })
            })
        }
        _ => {
            let message = format!("`{key}` of a column must be a type or a mapping, found {}", node.kind());
            reader
                .diags
                .push(Diagnostic::error(Code::InvalidValue, message).at(span, format!("one of {}", kinds.join(", "))));
            None
        }
    }
}

fn shown(element: &Element, column: &DescribedColumn<'_>, is_dimension: bool) -> Value {
    let Some(own) = &element.own else { return Value::String(element.kind.clone()) };
    let mut shown = json!({
        "name": own.name.as_deref().unwrap_or(column.name),
        "type": element.kind,
        "description": own.description.as_deref().unwrap_or(column.raw_description),
        "label": own.label,
        "config": own.config,
    });
    if is_dimension {
        shown["is_partition"] = Value::Bool(own.is_partition);
        shown["validity_params"] = json!(own.validity_params);
    }
    shown
}

fn dimension_of(Element { kind, own }: Element, column: &DescribedColumn<'_>) -> Dimension {
    let mut meta = column.meta.clone();
    meta.extend(own.as_ref().map(OwnElement::meta).unwrap_or_default());
    // dbt gives the column's granularity to a dimension that is a mapping only.
    let type_params = own.as_ref().zip(column.granularity).map(|(own, granularity)| DimensionTypeParams {
        time_granularity: granularity.to_owned(),
        validity_params: own.validity_params.clone(),
    });
    let is_partition = own.as_ref().is_some_and(|own| own.is_partition);
    let (name, description, label) = named(own, column);
    Dimension {
        expr: (name != column.name).then(|| column.name.to_owned()),
        name,
        kind,
        description: Some(description),
        label,
        is_partition,
        type_params,
        metadata: (),
        config: ElementConfig { meta },
    }
}

fn entity_of(Element { kind, own }: Element, column: &DescribedColumn<'_>) -> Entity {
    let meta = own.as_ref().and_then(|own| own.meta.clone()).unwrap_or_else(|| column.meta.clone());
    let (name, description, label) = named(own, column);
    Entity {
        expr: (name != column.name).then(|| column.name.to_owned()),
        name,
        kind,
        description: Some(description),
        label,
        role: None,
        config: ElementConfig { meta },
    }
}

/// Name, description and label; the column's where there are none.
fn named(own: Option<OwnElement>, column: &DescribedColumn<'_>) -> (String, String, Option<String>) {
    let (name, description, label) = own.map_or((None, None, None), |own| (own.name, own.description, own.label));
    (
        name.unwrap_or_else(|| column.name.to_owned()),
        description.unwrap_or_else(|| column.description.to_owned()),
        label,
    )
}
