//! `sources:`.

use std::ops::Range;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::Setup;
use super::properties::{ColumnPatch, Place, Reader, TestEntry, moved_to_config, required_name, take_tests, texts_of};
use crate::adapter::{Include, Relation};
use crate::diag::{Code, Deprecation, Diagnostic, Span, suggest};
use crate::manifest::{Age, Config, Freshness, Manifest, Period, ResourceType, Source, merge};
use crate::yaml::{Fields, Mapping, Node};

/// A source with its tables, as written.
#[derive(Debug)]
pub struct SourceEntry {
    pub place: Place,
    pub name: String,
    level: Level,
    database: Option<String>,
    schema: Option<String>,
    unrendered_database: Option<String>,
    unrendered_schema: Option<String>,
    loader: Option<String>,
    tables: Vec<TableEntry>,
    /// The package whose source it changes, and where that is said.
    overrides: Option<(String, Span)>,
}

/// A table of a source, as written.
#[derive(Debug)]
pub struct TableEntry {
    pub place: Place,
    pub name: String,
    level: Level,
    identifier: Option<String>,
    external: Option<Value>,
    pub columns: Option<Vec<ColumnPatch>>,
    pub tests: Option<Vec<TestEntry>>,
}

/// What can be said of a source and of each of its tables.
#[derive(Debug, Default, Clone)]
struct Level {
    /// With the docs blocks in it.
    description: Option<(String, Vec<String>)>,
    quoting: Option<Map<String, Value>>,
    own: Said,
    /// The same under `config`.
    nested: Said,
    /// The rest of `config`.
    config: Map<String, Value>,
}

/// What may stand beside `config` and in it.
#[derive(Debug, Default, Clone)]
struct Said {
    meta: Option<Map<String, Value>>,
    tags: Option<Vec<String>>,
    freshness: Given<RawFreshness>,
    loaded_at_field: Given<String>,
    loaded_at_query: Option<String>,
}

impl Level {
    fn meta(&self) -> Map<String, Value> {
        [&self.own, &self.nested].into_iter().flat_map(|said| said.meta.clone().unwrap_or_default()).collect()
    }

    fn tags(&self) -> impl Iterator<Item = &String> {
        [&self.own, &self.nested].into_iter().flat_map(|said| said.tags.iter().flatten())
    }

    fn loaded_at_field(&self) -> Option<&String> {
        let set = |given: &'_ Given<String>| matches!(given, Given::Set(_));
        let said = if set(&self.own.loaded_at_field) { &self.own } else { &self.nested };
        if let Given::Set(field) = &said.loaded_at_field { Some(field) } else { None }
    }

    /// Whether a table says that what its source says of the field is not for it: `null` does so beside `config` only.
    fn replaces_loaded_at_field(&self) -> bool {
        self.own.loaded_at_field != Given::Absent || self.loaded_at_field().is_some()
    }

    fn loaded_at_query(&self) -> Option<&String> {
        self.own.loaded_at_query.as_ref().or(self.nested.loaded_at_query.as_ref())
    }

    /// Lays what an override says over what it overrides, as dbt does: it replaces, and `freshness` even where it says
    /// nothing of it.
    fn replace(&mut self, by: Self) {
        self.description = by.description.or(self.description.take());
        let (own, by) = (&mut self.own, by.own);
        own.meta = by.meta.or(own.meta.take());
        own.tags = by.tags.or(own.tags.take());
        own.freshness = by.freshness;
        if let Given::Set(_) = by.loaded_at_field {
            own.loaded_at_field = by.loaded_at_field;
        }
        own.loaded_at_query = by.loaded_at_query.or(own.loaded_at_query.take());
    }
}

/// YAML tells a key that is absent from one that is null.
#[derive(Debug, Default, Clone, PartialEq)]
enum Given<T> {
    #[default]
    Absent,
    Null,
    Set(T),
}

#[derive(Debug, Default, Clone, PartialEq)]
struct RawFreshness {
    warn_after: Given<Age>,
    error_after: Given<Age>,
    filter: Option<String>,
}

struct LevelFields {
    description: Option<Node>,
    config: Option<Node>,
    meta: Option<Mapping>,
    tags: Option<Vec<String>>,
    quoting: Option<Mapping>,
    freshness: Option<Node>,
    loaded_at_field: Option<Node>,
    loaded_at_query: Option<String>,
}

impl LevelFields {
    fn read(fields: &mut Fields<'_>) -> Self {
        moved_to_config(fields, &["meta", "tags", "freshness", "loaded_at_field", "loaded_at_query"]);
        Self {
            description: fields.take("description"),
            config: fields.take("config"),
            meta: fields.map("meta"),
            tags: fields.texts("tags"),
            quoting: fields.map("quoting"),
            freshness: fields.take("freshness"),
            loaded_at_field: fields.take("loaded_at_field"),
            loaded_at_query: fields.str("loaded_at_query"),
        }
    }

    fn finish(self, reader: &mut Reader<'_>) -> Level {
        let nested = |key: &str| self.config.as_ref().and_then(|config| config.get(key)).cloned();
        let field = |node: Option<Node>| match node {
            None => Given::Absent,
            Some(node) => node.as_str().map_or(Given::Null, |field| Given::Set(field.to_owned())),
        };
        let nested = Said {
            meta: nested("meta").and_then(|node| Some(node.as_map()?.to_json())),
            tags: nested("tags").as_ref().map(texts_of),
            freshness: freshness(reader, nested("freshness")),
            loaded_at_field: field(nested("loaded_at_field")),
            loaded_at_query: nested("loaded_at_query").and_then(|node| node.as_str().map(str::to_owned)),
        };
        let mut config = reader.config(ResourceType::Source, self.config);
        for merged in ["meta", "tags", "freshness", "loaded_at_field", "loaded_at_query"] {
            config.shift_remove(merged);
        }
        Level {
            description: self.description.map(|description| reader.describe(Some(description))),
            quoting: self.quoting.map(|quoting| quoting.to_json()),
            own: Said {
                meta: self.meta.map(|meta| meta.to_json()),
                tags: self.tags,
                freshness: freshness(reader, self.freshness),
                loaded_at_field: field(self.loaded_at_field),
                loaded_at_query: self.loaded_at_query,
            },
            nested,
            config,
        }
    }
}

pub fn read_source(reader: &mut Reader<'_>, mut entry: Node) -> Option<SourceEntry> {
    let raw = |key: &str| entry.get(key).and_then(Node::as_str).map(str::to_owned);
    let (unrendered_database, unrendered_schema) = (raw("database"), raw("schema"));
    reader.render(&mut entry);
    let (name, level, database, schema, loader, tables, overrides) = reader.fields(entry, "source", |fields| {
        Some((
            required_name(fields)?,
            LevelFields::read(fields),
            fields.str("database"),
            fields.str("schema"),
            fields.str("loader"),
            fields.list("tables"),
            fields.spanned_str("overrides"),
        ))
    })?;
    let overrides = overrides.map(|(package, range)| {
        let span = reader.span(&range);
        let message = format!("`overrides` of source `{}` is deprecated by dbt", name.0);
        reader.diags.push(
            Diagnostic::deprecated(Deprecation::SourceOverride, message)
                .at(span.clone(), "")
                .help("configure the package's source under `sources:` of dbt_project.yml, or disable it there"),
        );
        (package, span)
    });
    let place = reader.place(&name.1);
    let tables = tables.into_iter().filter_map(|table| read_table(reader, table)).collect();
    let level = level.finish(reader);
    check_loaded_at(reader, &level, &place);
    Some(SourceEntry {
        place,
        name: name.0,
        level,
        database,
        schema,
        unrendered_database,
        unrendered_schema,
        loader,
        tables,
        overrides,
    })
}

fn read_table(reader: &mut Reader<'_>, table: Node) -> Option<TableEntry> {
    let (name, level, identifier, external, columns, tests) = reader.fields(table, "source table", |fields| {
        Some((
            required_name(fields)?,
            LevelFields::read(fields),
            fields.str("identifier"),
            fields.take("external"),
            fields.has("columns").then(|| fields.list("columns")),
            (fields.has("data_tests") || fields.has("tests")).then(|| take_tests(fields)),
        ))
    })?;
    let place = reader.place(&name.1);
    let level = level.finish(reader);
    check_loaded_at(reader, &level, &place);
    Some(TableEntry {
        place,
        name: name.0,
        level,
        identifier,
        external: external.filter(|node| !node.is_null()).map(|node| full_external(node.to_json())),
        columns: columns.map(|columns| columns.into_iter().filter_map(|column| reader.column(column)).collect()),
        tests: tests.map(|tests| reader.tests(tests)),
    })
}

/// `external` with every key of dbt's object.
fn full_external(mut external: Value) -> Value {
    let fill = |object: &mut Map<String, Value>, keys: Value| {
        for (key, value) in keys.as_object().cloned().unwrap_or_default() {
            object.entry(key).or_insert(value);
        }
    };
    if let Value::Object(object) = &mut external {
        let partitions = object.get_mut("partitions").and_then(Value::as_array_mut);
        for partition in partitions.into_iter().flatten().filter_map(Value::as_object_mut) {
            fill(partition, json!({"name": "", "description": "", "data_type": "", "meta": {}}));
        }
        let keys = ["location", "file_format", "row_format", "tbl_properties", "partitions"]
            .map(|key| (key.to_owned(), Value::Null));
        fill(object, Value::Object(keys.into_iter().collect()));
    }
    external
}

fn check_loaded_at(reader: &mut Reader<'_>, level: &Level, place: &Place) {
    if level.loaded_at_field().is_some() && level.loaded_at_query().is_some() {
        let message = "`loaded_at_field` and `loaded_at_query` exclude each other";
        reader.diags.push(Diagnostic::error(Code::InvalidConfig, message).at(place.span.clone(), "has both"));
    }
}

fn freshness(reader: &mut Reader<'_>, node: Option<Node>) -> Given<RawFreshness> {
    let Some(node) = node else { return Given::Absent };
    if node.is_null() {
        return Given::Null;
    }
    let read = reader.fields(node, "freshness", |fields| {
        Some((fields.take("warn_after"), fields.take("error_after"), fields.str("filter")))
    });
    let Some((warn, error, filter)) = read else { return Given::Absent };
    Given::Set(RawFreshness { warn_after: age(reader, warn), error_after: age(reader, error), filter })
}

fn age(reader: &mut Reader<'_>, node: Option<Node>) -> Given<Age> {
    let Some(node) = node else { return Given::Absent };
    if node.is_null() {
        return Given::Null;
    }
    let read =
        reader.fields(node, "freshness threshold", |fields| Some((fields.int("count"), fields.spanned_str("period"))));
    match read {
        Some((Some(count), Some((text, range)))) => match (u64::try_from(count), period(reader, &text, &range)) {
            (Ok(count), Some(period)) => Given::Set(Age { count, period }),
            _ => Given::Absent,
        },
        _ => Given::Absent,
    }
}

fn period(reader: &mut Reader<'_>, text: &str, range: &Range<u32>) -> Option<Period> {
    let all = [Period::Minute, Period::Hour, Period::Day];
    let found = all.into_iter().find(|period| period.as_str() == text);
    if found.is_none() {
        let names = all.map(Period::as_str);
        let label = suggest::nearest(text, names)
            .map_or_else(|| "one of minute, hour, day".to_owned(), |near| format!("did you mean `{near}`?"));
        let span = reader.span(range);
        let message = format!("`{text}` is no period of freshness");
        reader.diags.push(Diagnostic::error(Code::InvalidValue, message).at(span, label));
    }
    found
}

impl RawFreshness {
    /// Lays an inner level over an outer one.
    fn merged(&self, inner: &Self) -> Self {
        let threshold = |outer: &Given<Age>, inner: &Given<Age>| match inner {
            Given::Absent => outer.clone(),
            Given::Null => Given::Null,
            Given::Set(age) => Given::Set(age.clone()),
        };
        Self {
            warn_after: threshold(&self.warn_after, &inner.warn_after),
            error_after: threshold(&self.error_after, &inner.error_after),
            filter: inner.filter.clone().or_else(|| self.filter.clone()),
        }
    }

    /// As dbt writes it, which tells a limit that was taken away from one that nobody has set. None: there is no limit.
    fn to_json(&self) -> Option<Value> {
        let limit = |given: &Given<Age>| match given {
            Given::Set(age) => json!(age),
            Given::Absent => json!({"count": null, "period": null}),
            Given::Null => Value::Null,
        };
        let limits = [&self.warn_after, &self.error_after];
        limits.iter().any(|given| matches!(given, Given::Set(_))).then(|| {
            json!({
                "warn_after": limit(&self.warn_after), "error_after": limit(&self.error_after), "filter": self.filter,
            })
        })
    }
}

/// Levels from outer to inner; `null` switches off what the outer ones said.
fn merged_freshness<'a>(levels: impl IntoIterator<Item = &'a Given<RawFreshness>>) -> Given<RawFreshness> {
    levels.into_iter().fold(Given::Absent, |outer, inner| match (outer, inner) {
        (outer, Given::Absent) => outer,
        (_, Given::Null) => Given::Null,
        (Given::Set(outer), Given::Set(inner)) => Given::Set(outer.merged(inner)),
        (_, Given::Set(inner)) => Given::Set(inner.clone()),
    })
}

/// No database that we know tells when a table was last changed.
pub fn check_freshness(manifest: &Manifest, diags: &mut Vec<Diagnostic>) {
    for source in manifest.sources.values() {
        if source.freshness.is_none() || source.loaded_at_field.is_some() || source.loaded_at_query.is_some() {
            continue;
        }
        let name = format!("{}.{}", source.source_name, source.name);
        let message = format!("source `{name}` has limits of `freshness`, but not what to measure them with");
        let warning = Diagnostic::warning(Code::FreshnessConfig, message)
            .note("this database does not tell when a table was last changed")
            .help(
                "set `config: {loaded_at_field: <column>}` or `loaded_at_query`, or switch it off by `freshness: null`",
            )
            .event("FreshnessConfigProblem", json!({"msg": format!("source `{name}` has no `loaded_at_field`")}))
            .node(&*source.unique_id);
        diags.push(match &source.span {
            Some(span) => warning.at(span.clone(), ""),
            None => warning,
        });
    }
}

/// A built table with what is left to do: its tests.
pub struct BuiltSource {
    pub place: Place,
    pub source: Source,
    pub columns: Vec<ColumnPatch>,
    pub tests: Vec<TestEntry>,
}

/// Lays entries with `overrides` over the sources of packages that they name.
pub fn override_sources(entries: Vec<SourceEntry>, diags: &mut Vec<Diagnostic>) -> Vec<SourceEntry> {
    let mut overrides: IndexMap<(String, String), SourceEntry> = IndexMap::new();
    let mut sources = Vec::with_capacity(entries.len());
    for entry in entries {
        let Some((package, span)) = &entry.overrides else {
            sources.push(entry);
            continue;
        };
        let key = (package.clone(), entry.name.clone());
        if let Some((_, first)) = overrides.get(&key).and_then(|first| first.overrides.as_ref()) {
            let message = format!("source `{}` of package `{package}` is overridden twice", entry.name);
            diags.push(
                Diagnostic::error(Code::DuplicateName, message)
                    .at(span.clone(), "overridden again here")
                    .place(first.clone(), "first overridden here")
                    .help("put both into one entry"),
            );
            continue;
        }
        overrides.insert(key, entry);
    }
    // A source may be described in several files.
    let mut used = vec![false; overrides.len()];
    for source in &mut sources {
        let key = (source.place.package.to_string(), source.name.clone());
        if let Some((at, _, by)) = overrides.get_full_mut(&key) {
            source.replace(by);
            used[at] = true;
        }
    }
    for (used, entry) in used.into_iter().zip(overrides.into_values()) {
        let (name, Some((package, span))) = (entry.name, entry.overrides) else { continue };
        if !used {
            let message = format!("package `{package}` has no source `{name}` to override");
            let event = json!({"unused_tables": [format!("{package}.{name}")]});
            diags.push(
                Diagnostic::warning(Code::PatchTargetNotFound, message).at(span, "").event("UnusedTables", event),
            );
            continue;
        }
        for table in entry.tables {
            let message = format!("source `{name}` of package `{package}` has no table `{}` to override", table.name);
            let event = json!({"unused_tables": [format!("{package}.{name}.{}", table.name)]});
            let warning = Diagnostic::warning(Code::PatchTargetNotFound, message).at(table.place.span, "");
            diags.push(warning.event("UnusedTables", event));
        }
    }
    sources
}

impl SourceEntry {
    /// Lays an override over the source. The tables that it has are taken out of the override.
    fn replace(&mut self, by: &mut Self) {
        let Level { nested, config, .. } = by.level.clone();
        self.level.replace(by.level.clone());
        self.level.quoting = by.level.quoting.clone().or(self.level.quoting.take());
        // dbt replaces `config` even by none, but only that of the source.
        (self.level.nested, self.level.config) = (nested, config);
        self.database = by.database.clone().or(self.database.take());
        self.schema = by.schema.clone().or(self.schema.take());
        self.loader = by.loader.clone().or(self.loader.take());
        for table in &mut self.tables {
            if let Some(at) = by.tables.iter().position(|by| by.name == table.name) {
                let by = by.tables.remove(at);
                table.level.quoting = by.level.quoting.clone();
                table.level.replace(by.level);
                table.identifier = by.identifier.or(table.identifier.take());
                table.external = by.external.or(table.external.take());
                table.columns = by.columns.or(table.columns.take());
                table.tests = by.tests.or(table.tests.take());
            }
        }
    }

    pub fn build(self, setup: &Setup<'_>) -> Vec<BuiltSource> {
        let Self {
            place, name, level, database, schema, unrendered_database, unrendered_schema, loader, tables, ..
        } = self;
        let loader = loader.unwrap_or_default();
        let outer = Outer { place, name, level, database, schema, unrendered_database, unrendered_schema, loader };
        tables.into_iter().map(|table| outer.table(setup, table)).collect()
    }
}

/// The source of a table.
struct Outer {
    place: Place,
    name: String,
    level: Level,
    database: Option<String>,
    schema: Option<String>,
    unrendered_database: Option<String>,
    unrendered_schema: Option<String>,
    loader: String,
}

impl Outer {
    fn table(&self, setup: &Setup<'_>, table: TableEntry) -> BuiltSource {
        let package = &self.place.package;
        let mut fqn = super::fqn_of(package, &self.place.path);
        fqn.extend([self.name.clone(), table.name.clone()]);
        let (config, unrendered_config) = self.config(setup, &table, &fqn);
        let mut quoting = Map::new();
        for key in ["database", "schema", "identifier", "column"] {
            let said = |level: &Level| level.quoting.as_ref()?.get(key).cloned();
            quoting.insert(key.to_owned(), said(&table.level).or_else(|| said(&self.level)).unwrap_or_default());
        }
        let relation = Relation {
            database: self.database.clone().or_else(|| setup.dialect.database.clone()),
            schema: Some(self.schema.clone().unwrap_or_else(|| self.name.clone())),
            identifier: Some(table.identifier.clone().unwrap_or_else(|| table.name.clone())),
            // The project's own `quoting` is not for sources.
            quote: overlay(Include::ALL, &quoting),
            ..setup.dialect.unnamed()
        };
        let text = |key: &str| config.str(key).map(str::to_owned);
        let (table_columns, tests) = (table.columns.unwrap_or_default(), table.tests.unwrap_or_default());
        let (description, doc_blocks) = table.level.description.unwrap_or_default();
        let source = Source {
            unique_id: format!("source.{package}.{}.{}", self.name, table.name).into(),
            source_name: self.name.clone(),
            package: Arc::clone(package),
            path: table.place.original_file_path.to_string(),
            original_file_path: table.place.original_file_path.to_string(),
            fqn,
            relation_name: relation.render(),
            database: relation.database,
            schema: relation.schema.unwrap_or_default(),
            identifier: relation.identifier.unwrap_or_default(),
            loader: self.loader.clone(),
            description,
            source_description: self.level.description.as_ref().map(|(text, _)| text.clone()).unwrap_or_default(),
            doc_blocks,
            source_meta: self.level.meta(),
            unrendered_config,
            unrendered_database: self.unrendered_database.clone(),
            unrendered_schema: self.unrendered_schema.clone(),
            columns: columns(&table_columns),
            quoting,
            loaded_at_field: text("loaded_at_field"),
            loaded_at_query: text("loaded_at_query"),
            freshness: config.get("freshness").and_then(read_freshness),
            external: table.external,
            tags: config.tags().into_iter().map(str::to_owned).collect(),
            meta: config.meta().cloned().unwrap_or_default(),
            created_at: setup.now,
            span: Some(table.place.span.clone()),
            name: table.name,
            config,
        };
        BuiltSource { place: table.place, source, columns: table_columns, tests }
    }

    /// The merged config, and what was said of it: rendered, as dbt compares sources with those of a state.
    fn config(&self, setup: &Setup<'_>, table: &TableEntry, fqn: &[String]) -> (Config, Map<String, Value>) {
        let package = &self.place.package;
        let mut values = setup.trees.own(package, ResourceType::Source, fqn);
        let (outer, inner) = (&self.level, &table.level);
        let mut said = outer.config.clone();
        said.extend(inner.config.clone());
        let levels = [&outer.own, &outer.nested, &inner.own, &inner.nested].map(|said| &said.freshness);
        match merged_freshness(levels) {
            Given::Absent => {}
            Given::Null => {
                said.insert("freshness".into(), Value::Null);
            }
            Given::Set(freshness) => {
                said.extend(freshness.to_json().map(|freshness| ("freshness".to_owned(), freshness)));
            }
        }
        let replaces = inner.replaces_loaded_at_field();
        let field = if replaces { inner.loaded_at_field() } else { outer.loaded_at_field() }.cloned();
        // It goes before the field of the source, which dbt shows beside it.
        let query = inner.loaded_at_query().or_else(|| outer.loaded_at_query().filter(|_| !replaces)).cloned();
        for (key, value) in [("loaded_at_field", field), ("loaded_at_query", query)] {
            if let Some(value) = value {
                said.insert(key.into(), Value::String(value));
            }
        }
        let mut meta = outer.meta();
        meta.extend(inner.meta());
        if !meta.is_empty() {
            said.insert("meta".into(), Value::Object(meta));
        }
        let mut tags: Vec<&String> = outer.tags().chain(inner.tags()).collect();
        tags.sort();
        tags.dedup();
        if !tags.is_empty() {
            said.insert("tags".into(), tags.into_iter().cloned().collect::<Vec<_>>().into());
        }
        merge::merge(&mut values, &said);
        // dbt always shows these.
        let shown = json!({"loaded_at_field": null, "loaded_at_query": null, "meta": {}, "tags": []});
        let shown = shown.as_object().cloned().unwrap_or_default();
        let unrendered = setup.trees.unrendered(package, ResourceType::Source, fqn, [&shown, &said]);
        setup.trees.root_over(package, ResourceType::Source, fqn, &mut values);
        (Config { resource: ResourceType::Source, values }, unrendered)
    }
}

/// Quote flags with those of a `quoting` mapping laid over them.
pub fn overlay(mut flags: Include, quoting: &Map<String, Value>) -> Include {
    let flag = |key: &str| quoting.get(key).and_then(Value::as_bool);
    flags.database = flag("database").unwrap_or(flags.database);
    flags.schema = flag("schema").unwrap_or(flags.schema);
    flags.identifier = flag("identifier").unwrap_or(flags.identifier);
    flags
}

pub fn columns(patches: &[ColumnPatch]) -> IndexMap<String, crate::manifest::ColumnInfo> {
    patches.iter().map(|column| (column.info.name.clone(), column.info.clone())).collect()
}

/// `freshness` of a config, which may come from dbt_project.yml.
fn read_freshness(value: &Value) -> Option<Freshness> {
    let age = |key: &str| {
        let age = value.get(key)?;
        let period = age.get("period")?.as_str()?;
        let period = [Period::Minute, Period::Hour, Period::Day].into_iter().find(|known| known.as_str() == period)?;
        Some(Age { count: age.get("count")?.as_u64()?, period })
    };
    let filter = value.get("filter").and_then(Value::as_str).map(str::to_owned);
    let made = Freshness { warn_after: age("warn_after"), error_after: age("error_after"), filter };
    (made.warn_after.is_some() || made.error_after.is_some()).then_some(made)
}
