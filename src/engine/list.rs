//! `ls`: what a selection means.

use serde_json::{Map, Value, json};

use super::call::{Call, Stage};
use super::{CommandResult, Done, Output};
use crate::diag::{Code, Diagnostic};
use crate::jinja::pyvalue;
use crate::manifest::{Resource, ResourceType};

/// What `ls` lists when no types are asked for.
const TYPES: &[ResourceType] = &[
    ResourceType::Model,
    ResourceType::Seed,
    ResourceType::Snapshot,
    ResourceType::Test,
    ResourceType::UnitTest,
    ResourceType::Source,
    ResourceType::Exposure,
    ResourceType::SemanticModel,
    ResourceType::Metric,
    ResourceType::SavedQuery,
    ResourceType::Function,
];

/// dbt's keys of `--output json`; only models have `direct_parents`.
const KEYS: &[&str] = &[
    "alias",
    "name",
    "package_name",
    "depends_on",
    "direct_parents",
    "tags",
    "config",
    "resource_type",
    "source_name",
    "original_file_path",
    "unique_id",
];

pub(super) fn list(call: &mut Call<'_>) -> Stage<Done> {
    let ready = call.ready()?;
    let types = if call.options.resource_types.is_empty() { TYPES } else { &call.options.resource_types[..] };
    let selected = call.select(&ready, types)?;
    if selected.ids.is_empty() {
        call.warn_of_nothing()?;
    }
    let members = selected.ids.iter().filter_map(|id| ready.manifest.get(id));
    let lines: Vec<String> = members.map(|member| line(call, &member)).collect::<Stage<_>>()?;
    let output = lines.iter().map(|line| format!("{line}\n")).collect();
    Ok(Done::printing(CommandResult::List(lines), output))
}

fn line(call: &Call<'_>, member: &Resource<'_>) -> Stage<String> {
    Ok(match call.options.output {
        Output::Name => search_name(member),
        Output::Path => member.original_file_path().to_owned(),
        Output::Json => text(&object(&call.options.output_keys, member)?),
        Output::Default | Output::Selector | Output::Text => selector(member),
    })
}

fn search_name(member: &Resource<'_>) -> String {
    match member {
        Resource::Node(node) => node.search_name(),
        Resource::Source(source) => format!("{}.{}", source.source_name, source.name),
        other => other.name().to_owned(),
    }
}

/// A criterion that selects exactly this.
fn selector(member: &Resource<'_>) -> String {
    match member {
        Resource::Node(node) => node.fqn.join("."),
        Resource::Source(source) => format!("source:{}.{}.{}", source.package, source.source_name, source.name),
        other => format!("{}:{}.{}", other.resource_type().as_str(), other.package(), other.name()),
    }
}

/// The member's entry of manifest.json, cut down to the keys: those that are asked for, in their order, or dbt's, in the
/// entry's order. A key with dots reaches inside.
fn object(keys: &[String], member: &Resource<'_>) -> Stage<Value> {
    let mut entry = member.to_json().map_err(|error| vec![Diagnostic::error(Code::Internal, error.to_string())])?;
    if let Resource::Node(node) = member
        && node.resource_type == ResourceType::Model
    {
        entry["direct_parents"] = json!(node.depends_on_nodes);
    }
    if !keys.is_empty() {
        let found = keys.iter().filter_map(|key| Some((key.clone(), reach(&entry, key)?.clone())));
        return Ok(Value::Object(found.collect::<Map<_, _>>()));
    }
    if let Value::Object(entries) = &mut entry {
        entries.retain(|key, _| KEYS.contains(&key.as_str()));
    }
    Ok(entry)
}

/// As Python writes JSON, which scripts may search as text.
fn text(value: &Value) -> String {
    pyvalue::dumps(&pyvalue::from_json(value), false).unwrap_or_else(|_| value.to_string())
}

fn reach<'v>(entry: &'v Value, key: &str) -> Option<&'v Value> {
    entry.get(key).or_else(|| key.split('.').try_fold(entry, |at, part| at.get(part)))
}
