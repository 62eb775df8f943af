//! The entries of manifest.json, with dbt's keys.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Identity, Metric, SavedQuery, SemanticModel};
use crate::manifest::json::{depends_on, entries};

const EMPTY: [(); 0] = [];

fn identity_entries<M: SerializeMap>(map: &mut M, identity: &Identity, resource_type: &str) -> Result<(), M::Error> {
    entries!(map, {
        "name": identity.name,
        "resource_type": resource_type,
        "package_name": identity.package,
        "path": identity.path,
        "original_file_path": identity.original_file_path,
        "unique_id": identity.unique_id,
        "fqn": identity.fqn,
    });
    Ok(())
}

impl Serialize for SemanticModel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        identity_entries(&mut map, &self.identity, "semantic_model")?;
        let config = self.config.to_map();
        entries!(map, {
            "model": self.model,
            "node_relation": self.node_relation,
            "description": self.description,
            "label": self.label,
            "defaults": self.defaults,
            "entities": self.entities,
            "measures": self.measures,
            "dimensions": self.dimensions,
            "metadata": (),
            "depends_on": depends_on(&[], &self.depends_on_nodes),
            "refs": self.refs,
            "created_at": self.created_at,
            "config": config,
            "unrendered_config": self.unrendered_config,
            "primary_entity": self.primary_entity,
            "group": config.get("group"),
        });
        map.end()
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        identity_entries(&mut map, &self.identity, "metric")?;
        let config = self.config.to_map();
        entries!(map, {
            "description": self.description,
            "label": self.label,
            "type": self.kind,
            "type_params": self.type_params,
            "filter": self.filter,
            "metadata": (),
            "time_granularity": self.time_granularity,
            "meta": self.meta,
            "tags": self.tags,
            "config": config,
            "unrendered_config": self.unrendered_config,
            "sources": EMPTY,
            "depends_on": depends_on(&[], &self.depends_on_nodes),
            "refs": EMPTY,
            "metrics": EMPTY,
            "created_at": self.created_at,
            "group": config.get("group"),
        });
        map.end()
    }
}

impl Serialize for SavedQuery {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        identity_entries(&mut map, &self.identity, "saved_query")?;
        let config = self.config.to_map();
        entries!(map, {
            "query_params": self.query_params,
            "exports": self.exports,
            "description": self.description,
            "label": self.label,
            "metadata": (),
            "config": config,
            "unrendered_config": self.unrendered_config,
            "group": config.get("group"),
            "depends_on": depends_on(&[], &self.depends_on_nodes),
            "created_at": self.created_at,
            "refs": EMPTY,
            "tags": self.tags,
        });
        map.end()
    }
}
