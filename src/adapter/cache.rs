//! What is known to exist: relations by schema, so that a run asks the catalog once.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{Adapter, Connection, DbResult, Relation, SchemaName};
use crate::diag::log::{Detail, Key, Level, Log, LogEntry, NullLog};

type Relations = HashMap<String, Relation>;

/// Relations of the schemas that were listed, kept up to date by whoever creates, drops or renames one. Names compare as
/// the server compares them.
pub struct RelationCache {
    schemas: RwLock<HashMap<SchemaName, Relations>>,
    /// Known once a connection has been made, which the first listing needs.
    fold_case: OnceLock<bool>,
    /// Hears what comes and goes, for `--log-cache-events`.
    log: Arc<dyn Log>,
}

impl Default for RelationCache {
    fn default() -> Self {
        Self::new(Arc::new(NullLog))
    }
}

impl fmt::Debug for RelationCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelationCache").field("schemas", &self.read()).finish_non_exhaustive()
    }
}

impl RelationCache {
    pub fn new(log: Arc<dyn Log>) -> Self {
        Self { schemas: RwLock::default(), fold_case: OnceLock::new(), log }
    }

    /// Lists `schemas` in the database and replaces what was known about them. Schemas that do not exist are filled, empty.
    pub fn fill(&self, adapter: &dyn Adapter, connection: &mut dyn Connection, schemas: &[SchemaName]) -> DbResult<()> {
        let listed = adapter.list_relations(connection, schemas)?;
        self.fold_case.get_or_init(|| adapter.case_insensitive_names());
        let mut filled: HashMap<SchemaName, Relations> = schemas
            .iter()
            .map(|name| (self.schema_key(name.database.as_deref(), &name.schema), Relations::new()))
            .collect();
        for relation in listed {
            let (Some(schema), Some(identifier)) = (&relation.schema, &relation.identifier) else { continue };
            let key = self.schema_key(relation.database.as_deref(), schema);
            let identifier = self.fold(identifier);
            filled.entry(key).or_default().insert(identifier, relation);
        }
        for (name, relations) in &filled {
            self.tell_listed(name, relations);
        }
        self.write().extend(filled);
        Ok(())
    }

    /// Whether the schema was listed: only then does a missing relation mean that there is none.
    pub fn is_filled(&self, schema: &SchemaName) -> bool {
        self.read().contains_key(&self.schema_key(schema.database.as_deref(), &schema.schema))
    }

    pub fn get(&self, database: Option<&str>, schema: &str, identifier: &str) -> Option<Relation> {
        self.read().get(&self.schema_key(database, schema))?.get(&self.fold(identifier)).cloned()
    }

    /// All relations known in a schema, in no particular order.
    pub fn relations_in(&self, schema: &SchemaName) -> Vec<Relation> {
        let key = self.schema_key(schema.database.as_deref(), &schema.schema);
        self.read().get(&key).map(|relations| relations.values().cloned().collect()).unwrap_or_default()
    }

    /// Notes a relation that now exists, in place of one of the same name. Does nothing in a schema that was never
    /// listed: one relation is not all of them.
    pub fn add(&self, relation: Relation) {
        self.tell("add_relation", &relation, None);
        self.insert(relation);
    }

    fn insert(&self, relation: Relation) {
        let (Some(schema), Some(identifier)) = (&relation.schema, &relation.identifier) else { return };
        let key = self.schema_key(relation.database.as_deref(), schema);
        let identifier = self.fold(identifier);
        if let Some(relations) = self.write().get_mut(&key) {
            relations.insert(identifier, relation);
        }
    }

    pub fn drop(&self, relation: &Relation) {
        self.tell("drop_relation", relation, None);
        self.remove(relation);
    }

    fn remove(&self, relation: &Relation) {
        let (Some(schema), Some(identifier)) = (&relation.schema, &relation.identifier) else { return };
        let key = self.schema_key(relation.database.as_deref(), schema);
        if let Some(relations) = self.write().get_mut(&key) {
            relations.remove(&self.fold(identifier));
        }
    }

    /// Forgets a whole schema that was dropped; it counts as listed and empty.
    pub fn drop_schema(&self, schema: &SchemaName) {
        let key = self.schema_key(schema.database.as_deref(), &schema.schema);
        self.write().insert(key, Relations::new());
    }

    /// `from` now has the name of `to`; the type of what was known as `from` goes with it.
    pub fn rename(&self, from: &Relation, to: &Relation) {
        let known = match (&from.schema, &from.identifier) {
            (Some(schema), Some(identifier)) => self.get(from.database.as_deref(), schema, identifier),
            _ => None,
        };
        self.tell("rename_relation", from, Some(to));
        self.remove(from);
        let kind = known.and_then(|relation| relation.kind).or(from.kind).or(to.kind);
        self.insert(Relation { kind, ..to.clone() });
    }

    fn tell(&self, action: &str, relation: &Relation, other: Option<&Relation>) {
        let detail = Detail::Cached { relation: key(relation), other: other.map(key) };
        let (level, event) = (Level::Debug, "CacheAction");
        self.log.write(&LogEntry { level, node: None, thread: None, event, text: action, detail });
    }

    fn tell_listed(&self, schema: &SchemaName, relations: &Relations) {
        let mut names: Vec<&str> = relations.values().filter_map(|relation| relation.identifier.as_deref()).collect();
        names.sort_unstable();
        let database = schema.database.as_deref().unwrap_or_default();
        let schema = Key { database, schema: &schema.schema, identifier: "" };
        let detail = Detail::Listed { schema, names: &names };
        let (level, event) = (Level::Debug, "ListRelations");
        self.log.write(&LogEntry { level, node: None, thread: None, event, text: "", detail });
    }

    fn schema_key(&self, database: Option<&str>, schema: &str) -> SchemaName {
        SchemaName { database: database.map(|name| self.fold(name)), schema: self.fold(schema) }
    }

    fn fold(&self, name: &str) -> String {
        if self.fold_case.get().copied().unwrap_or(false) { name.to_lowercase() } else { name.to_owned() }
    }

    // A map that a panicking thread left behind is still a map: every change is one insertion or removal.
    fn read(&self) -> RwLockReadGuard<'_, HashMap<SchemaName, Relations>> {
        self.schemas.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<SchemaName, Relations>> {
        self.schemas.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(relation: &Relation) -> Key<'_> {
    Key {
        database: relation.database.as_deref().unwrap_or_default(),
        schema: relation.schema.as_deref().unwrap_or_default(),
        identifier: relation.identifier.as_deref().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::RelationCache;
    use crate::adapter::fake::FakeAdapter;
    use crate::adapter::{Adapter, Relation, RelationType, SchemaName};

    fn filled(adapter: &FakeAdapter) -> RelationCache {
        let cache = RelationCache::default();
        let mut connection = adapter.connect("test").expect("connects");
        let schemas = ["shop", "empty"].map(|schema| SchemaName { database: None, schema: schema.into() });
        cache.fill(adapter, connection.as_mut(), &schemas).expect("fills");
        cache
    }

    #[test]
    fn it_knows_what_was_listed_and_what_changed_since() {
        let cache = filled(&FakeAdapter::mysql().relation(Relation::table("shop", "orders")));
        assert!(cache.is_filled(&SchemaName { database: None, schema: "empty".into() }));
        assert!(!cache.is_filled(&SchemaName { database: None, schema: "other".into() }));
        assert!(cache.get(None, "shop", "orders").is_some());

        cache.rename(&Relation::table("shop", "orders"), &Relation { kind: None, ..Relation::table("shop", "old") });
        assert!(cache.get(None, "shop", "orders").is_none());
        assert_eq!(cache.get(None, "shop", "old").and_then(|found| found.kind), Some(RelationType::Table));

        cache.add(Relation::table("other", "unlisted"));
        assert!(cache.get(None, "other", "unlisted").is_none());
        cache.drop(&Relation::table("shop", "old"));
        assert!(cache.relations_in(&SchemaName { database: None, schema: "shop".into() }).is_empty());
    }

    #[test]
    fn names_compare_as_the_server_compares_them() {
        let known = Relation::table("shop", "Orders");
        assert!(filled(&FakeAdapter::mysql().relation(known.clone())).get(None, "shop", "orders").is_none());
        assert!(filled(&FakeAdapter::duckdb().relation(known)).get(None, "SHOP", "ORDERS").is_some());
    }
}
