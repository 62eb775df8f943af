//! `exposures:`.

use std::ops::Range;

use serde_json::{Map, Value};

use super::Setup;
use super::call::{Call, parse_call};
use super::properties::{Place, Reader, moved_to_config, required_name, texts_of};
use crate::diag::{Code, Deprecation, Diagnostic, Span, suggest};
use crate::manifest::{Config, Exposure, RefCall, ResourceType, merge};
use crate::yaml::{Mapping, Node};

/// An exposure as written.
#[derive(Debug)]
pub struct ExposureEntry {
    place: Place,
    name: String,
    kind: String,
    owner: Map<String, Value>,
    maturity: Option<String>,
    url: Option<String>,
    label: Option<String>,
    description: String,
    config: Map<String, Value>,
    unrendered_config: Map<String, Value>,
    refs: Vec<RefCall>,
    sources: Vec<(String, String)>,
    metrics: Vec<Vec<String>>,
}

const TYPES: &[&str] = &["dashboard", "notebook", "analysis", "ml", "application"];
const MATURITIES: &[&str] = &["low", "medium", "high"];

struct ExposureFields {
    name: (String, Range<u32>),
    kind: (String, Range<u32>),
    owner: Option<Mapping>,
    maturity: Option<(String, Range<u32>)>,
    url: Option<String>,
    label: Option<String>,
    description: Option<Node>,
    depends_on: Vec<Node>,
    tags: Option<Node>,
    meta: Option<Node>,
    config: Option<Node>,
}

pub fn read_exposure(reader: &mut Reader<'_>, mut entry: Node) -> Option<ExposureEntry> {
    let unrendered_config = super::properties::raw_config(&entry);
    reader.render(&mut entry);
    let read = reader.fields(entry, "exposure", |fields| {
        let name = required_name(fields)?;
        moved_to_config(fields, &["meta", "tags"]);
        if !name.0.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
            let span = fields.span(&name.1);
            let message = format!("exposure `{}` has a name of more than letters, digits, `_` and `-`", name.0);
            let warning = Diagnostic::deprecated(Deprecation::ExposureName, message).at(span, "");
            fields.report(warning.help("give it a plain name, and put this one under `label:`"));
        }
        let kind = match fields.spanned_str("type") {
            Some(kind) => kind,
            None => {
                fields.required_str("type");
                return None;
            }
        };
        Some(ExposureFields {
            name,
            kind,
            owner: fields.map("owner"),
            maturity: fields.spanned_str("maturity"),
            url: fields.str("url"),
            label: fields.str("label"),
            description: fields.take("description"),
            depends_on: fields.list("depends_on"),
            tags: fields.take("tags"),
            meta: fields.take("meta"),
            config: fields.take("config"),
        })
    })?;
    one_of(reader, "type", &read.kind.0, &read.kind.1, TYPES);
    if let Some((maturity, range)) = &read.maturity {
        one_of(reader, "maturity", maturity, range, MATURITIES);
    }
    let (mut refs, mut sources, mut metrics) = (Vec::new(), Vec::new(), Vec::new());
    for node in &read.depends_on {
        match node.as_str().map(parse_call) {
            Some(Some(Call::Ref(call))) => refs.push(call),
            Some(Some(Call::Source(source, table))) => sources.push((source, table)),
            Some(Some(Call::Metric(call))) => metrics.push(call),
            _ => not_a_call(reader, reader.span(&node.range)),
        }
    }
    let mut config = reader.config(ResourceType::Exposure, read.config);
    let legacy = |key: &str, node: Option<Node>, config: &mut Map<String, Value>| {
        if let Some(node) = node.filter(|node| !node.is_null()) {
            let value = if key == "tags" { texts_of(&node).into() } else { node.to_json() };
            config.entry(key).or_insert(value);
        }
    };
    legacy("tags", read.tags, &mut config);
    legacy("meta", read.meta, &mut config);
    let place = reader.place(&read.name.1);
    Some(ExposureEntry {
        place,
        name: read.name.0,
        kind: read.kind.0,
        owner: read.owner.map(|owner| owner.to_json()).unwrap_or_default(),
        maturity: read.maturity.map(|(maturity, _)| maturity),
        url: read.url,
        label: read.label,
        description: reader.describe(read.description).0,
        config,
        unrendered_config,
        refs,
        sources,
        metrics,
    })
}

fn not_a_call(reader: &mut Reader<'_>, span: Span) {
    let message = "an exposure depends on `ref('…')`, `source('…', '…')` or `metric('…')`";
    reader.diags.push(Diagnostic::error(Code::InvalidValue, message).at(span, "none of them"));
}

fn one_of(reader: &mut Reader<'_>, key: &str, value: &str, range: &Range<u32>, known: &[&str]) {
    if known.contains(&value) {
        return;
    }
    let label = suggest::nearest(value, known.iter().copied())
        .map_or_else(|| format!("one of {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
    let message = format!("`{value}` is no {key} of an exposure");
    let span = reader.span(range);
    reader.diags.push(Diagnostic::error(Code::InvalidValue, message).at(span, label));
}

impl ExposureEntry {
    pub fn build(self, setup: &Setup<'_>) -> Exposure {
        let place = self.place;
        let mut fqn = super::fqn_of(&place.package, &place.path);
        fqn.push(self.name.clone());
        let mut values = setup.trees.own(&place.package, ResourceType::Exposure, &fqn);
        merge::merge(&mut values, &self.config);
        setup.trees.root_over(&place.package, ResourceType::Exposure, &fqn, &mut values);
        let unrendered_config =
            setup.trees.unrendered(&place.package, ResourceType::Exposure, &fqn, [&self.unrendered_config]);
        let config = Config { resource: ResourceType::Exposure, values };
        Exposure {
            unique_id: format!("exposure.{}.{}", place.package, self.name).into(),
            name: self.name,
            path: place.path.to_string(),
            original_file_path: place.original_file_path.to_string(),
            fqn,
            kind: self.kind,
            owner: self.owner,
            maturity: self.maturity,
            url: self.url,
            label: self.label,
            description: self.description,
            tags: config.tags().into_iter().map(str::to_owned).collect(),
            meta: config.meta().cloned().unwrap_or_default(),
            config,
            unrendered_config,
            refs: self.refs,
            sources: self.sources,
            metrics: self.metrics,
            depends_on_nodes: Vec::new(),
            created_at: setup.now,
            package: place.package,
            span: Some(place.span),
        }
    }
}
