//! catalog.json, version 1: what the warehouse says about the relations of the project.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::{Metadata, file};
use crate::adapter::{Described, DescribedColumn, SchemaName};
use crate::diag;
use crate::manifest::{Manifest, ResourceType, UniqueId};
use crate::project::Project;

/// The relations of the project that exist, as the server describes them.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    pub nodes: IndexMap<UniqueId, Arc<Described>>,
    pub sources: IndexMap<UniqueId, Arc<Described>>,
    pub generated_at: DateTime<Utc>,
}

/// A member of the project with a relation of its own.
#[derive(Debug)]
struct Place<'a> {
    id: &'a UniqueId,
    is_source: bool,
    database: Option<&'a str>,
    schema: &'a str,
    name: &'a str,
}

/// Which relations a catalog is about.
#[derive(Debug)]
pub struct Wanted<'a> {
    places: Vec<Place<'a>>,
    /// The database of names without one; None where servers do not have that level.
    database: Option<String>,
    /// Whether the server compares names without case.
    folds_case: bool,
}

impl<'a> Wanted<'a> {
    /// The relations of `ids`: models that are not ephemeral, seeds, snapshots, sources.
    pub fn new(manifest: &'a Manifest, ids: &'a [UniqueId], database: Option<String>, folds_case: bool) -> Self {
        let place = |id: &'a UniqueId| {
            if let Some(source) = manifest.sources.get(id) {
                let (schema, name) = (source.schema.as_str(), source.identifier.as_str());
                return Some(Place { id, is_source: true, database: source.database.as_deref(), schema, name });
            }
            let node = manifest.nodes.get(id)?;
            let has_relation = node.resource_type.is_refable() && !node.is_ephemeral();
            let (schema, name) = (node.schema.as_str(), node.alias.as_str());
            has_relation.then_some(Place { id, is_source: false, database: node.database.as_deref(), schema, name })
        };
        Self { places: ids.iter().filter_map(place).collect(), database, folds_case }
    }

    /// The types of what may be in a catalog.
    pub const TYPES: &'static [ResourceType] =
        &[ResourceType::Model, ResourceType::Seed, ResourceType::Snapshot, ResourceType::Source];

    /// The schemas to ask for.
    pub fn schemas(&self) -> Vec<SchemaName> {
        let mut schemas: Vec<SchemaName> = self
            .places
            .iter()
            .map(|place| SchemaName { database: self.database(place.database), schema: place.schema.to_owned() })
            .collect();
        schemas.sort();
        schemas.dedup();
        schemas
    }

    fn database(&self, own: Option<&str>) -> Option<String> {
        self.database.as_deref().map(|default| own.unwrap_or(default).to_owned())
    }

    fn key(&self, database: Option<&str>, schema: &str, name: &str) -> [String; 3] {
        let fold = |text: &str| if self.folds_case { text.to_lowercase() } else { text.to_owned() };
        [fold(&self.database(database).unwrap_or_default()), fold(schema), fold(name)]
    }

    /// Keeps what was wanted of what the server described.
    pub fn catalog(&self, described: Vec<Described>) -> Catalog {
        let key = |relation: &Described| self.key(relation.database.as_deref(), &relation.schema, &relation.name);
        let known: HashMap<_, _> = described.into_iter().map(|found| (key(&found), Arc::new(found))).collect();
        let mut catalog = Catalog { generated_at: Utc::now(), ..Catalog::default() };
        for place in &self.places {
            let Some(found) = known.get(&self.key(place.database, place.schema, place.name)) else { continue };
            let list = if place.is_source { &mut catalog.sources } else { &mut catalog.nodes };
            list.insert(place.id.clone(), found.clone());
        }
        catalog
    }
}

/// Writes catalog.json.
///
/// # Errors
/// The file cannot be written.
pub fn write_catalog(path: &Path, project: &Project, catalog: &Catalog) -> diag::Result<()> {
    let metadata = Metadata {
        schema: "catalog/v1",
        generated_at: catalog.generated_at,
        project,
        of_manifest: false,
        adapter_type: &project.profile.kind,
    };
    let document = Document { metadata, catalog };
    file::write(path, |writer| serde_json::to_writer(writer, &document).map_err(Into::into))
}

#[derive(serde::Serialize)]
struct Document<'a> {
    metadata: Metadata<'a>,
    #[serde(flatten)]
    catalog: &'a Catalog,
}

/// The artifact without its metadata.
impl Serialize for Catalog {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("nodes", &Entries(&self.nodes))?;
        map.serialize_entry("sources", &Entries(&self.sources))?;
        map.serialize_entry("errors", &())?;
        map.end()
    }
}

struct Entries<'a>(&'a IndexMap<UniqueId, Arc<Described>>);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (id, relation) in self.0 {
            map.serialize_entry(id, &entry(id, relation))?;
        }
        map.end()
    }
}

fn entry(id: &str, relation: &Described) -> Value {
    let column = |column: &DescribedColumn| {
        let entry = json!({
            "type": column.data_type, "index": column.index, "name": column.name, "comment": column.comment,
        });
        (column.name.clone(), entry)
    };
    json!({
        "metadata": {
            "type": relation.kind,
            "schema": relation.schema,
            "name": relation.name,
            "database": relation.database,
            "comment": relation.comment,
            "owner": relation.owner,
        },
        "columns": relation.columns.iter().map(column).collect::<Map<_, _>>(),
        "stats": stats(relation),
        "unique_id": id,
    })
}

fn stats(relation: &Described) -> Map<String, Value> {
    let mut stats = Map::new();
    let mut put = |id: &str, label: &str, value: Value, include: bool, description: &str| {
        let stat = json!({"id": id, "label": label, "value": value, "include": include, "description": description});
        stats.insert(id.to_owned(), stat);
    };
    if let Some(rows) = relation.rows {
        put("num_rows", "Rows", json!(rows), true, "Rows as the server counts them, which may be an estimate");
    }
    if let Some(bytes) = relation.bytes {
        put("num_bytes", "Size", json!(bytes), true, "Bytes of data and indexes, as the server estimates them");
    }
    let any = relation.rows.is_some() || relation.bytes.is_some();
    put("has_stats", "Has Stats?", json!(any), false, "Whether the server keeps statistics for this relation");
    stats
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::fake::FakeAdapter;
    use crate::adapter::{Adapter, Cell, ColumnType};

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    fn described() -> (FakeAdapter, Vec<Described>) {
        const TEXT: ColumnType = ColumnType::Text;
        let relations = vec![
            vec![text("shop"), text("orders"), text("BASE TABLE"), text("all orders"), Cell::UInt(7), Cell::UInt(4096)],
            vec![text("shop"), text("recent"), text("VIEW"), text("VIEW"), Cell::Null, Cell::Null],
        ];
        let columns = vec![
            vec![text("shop"), text("orders"), text("id"), Cell::UInt(1), text("bigint"), text("the key")],
            vec![text("shop"), text("orders"), text("at"), Cell::UInt(2), text("datetime(6)"), text("")],
            vec![text("shop"), text("recent"), text("id"), Cell::UInt(1), text("bigint"), text("")],
            vec![text("shop"), text("dropped meanwhile"), text("id"), Cell::UInt(1), text("bigint"), text("")],
        ];
        let adapter = FakeAdapter::mysql().rows("information_schema.tables", &[("any", TEXT); 6], relations).rows(
            "information_schema.columns",
            &[("any", TEXT); 6],
            columns,
        );
        let schemas = [SchemaName { database: None, schema: "shop".to_owned() }];
        let mut connection = adapter.connect("test").unwrap();
        let described = adapter.describe(connection.as_mut(), &schemas).unwrap();
        (adapter, described)
    }

    fn wanted(folds_case: bool, name: &'static str) -> Wanted<'static> {
        let id: &'static UniqueId = Box::leak(Box::new("model.p.orders".into()));
        let place = Place { id, is_source: false, database: None, schema: "shop", name };
        Wanted { places: vec![place], database: None, folds_case }
    }

    #[test]
    fn a_whole_schema_takes_two_statements() {
        let (adapter, described) = described();
        assert_eq!(adapter.statements().len(), 2);
        assert_eq!(described.iter().map(|found| found.columns.len()).collect::<Vec<_>>(), [2, 1]);
        let mut connection = adapter.connect("test").unwrap();
        assert_eq!(adapter.describe(connection.as_mut(), &[]).unwrap(), []);
        assert_eq!(adapter.statements().len(), 2, "no schemas, no statement");
    }

    #[test]
    fn entries_have_dbts_shape() {
        let (_, described) = described();
        let catalog = wanted(false, "orders").catalog(described);
        assert_eq!(catalog.nodes.len(), 1, "what is not of the project stays out");
        let entry = entry("model.p.orders", &catalog.nodes["model.p.orders"]);
        assert_eq!(
            entry["metadata"],
            json!({
                "type": "BASE TABLE", "schema": "shop", "name": "orders", "database": null,
                "comment": "all orders", "owner": null,
            })
        );
        assert_eq!(entry["columns"]["at"], json!({"type": "datetime(6)", "index": 2, "name": "at", "comment": null}));
        assert_eq!(entry["stats"]["num_rows"]["value"], 7);
        assert_eq!(entry["stats"]["has_stats"]["value"], true);
    }

    #[test]
    fn a_view_has_no_stats_and_no_comment_of_its_own() {
        let (_, described) = described();
        let entry = entry("model.p.recent", &described[1]);
        assert_eq!(entry["metadata"]["comment"], Value::Null);
        assert_eq!(entry["stats"].as_object().unwrap().keys().collect::<Vec<_>>(), ["has_stats"]);
    }

    #[test]
    fn names_are_compared_as_the_server_compares_them() {
        assert_eq!(wanted(true, "Orders").catalog(described().1).nodes.len(), 1);
        assert_eq!(wanted(false, "Orders").catalog(described().1).nodes.len(), 0);
    }
}
