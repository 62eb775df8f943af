//! Reading `information_schema`. Names are compared without case, as DuckDB does.

use super::quoted;
use crate::adapter::{
    Cell, Column, Connection, DbResult, Described, DescribedColumn, ExistingIndex, Include, Relation, RelationType,
    SchemaName, described,
};
use crate::sql::index::{Key, Kind, Part, Shape};

const QUOTE: char = '"';
/// The catalog of temporary tables.
const TEMPORARY: &str = "temp";

/// A name as it is compared.
fn folded(name: &str) -> String {
    quoted(&name.to_lowercase())
}

/// `('db', 'schema'), …` as names are compared.
fn pairs(schemas: &[SchemaName], default: &str) -> String {
    let pair = |name: &SchemaName| {
        format!("({}, {})", folded(name.database.as_deref().unwrap_or(default)), folded(&name.schema))
    };
    schemas.iter().map(pair).collect::<Vec<_>>().join(", ")
}

/// All tables and views of the schemas, with one statement.
pub(super) fn list_relations(
    connection: &mut dyn Connection,
    schemas: &[SchemaName],
    default: &str,
) -> DbResult<Vec<Relation>> {
    if schemas.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = pairs(schemas, default);
    let sql = format!(
        "select table_catalog, table_schema, table_name, table_type from system.information_schema.tables \
         where (lower(table_catalog), lower(table_schema)) in ({wanted})"
    );
    let table = connection.execute(&sql, true)?.table;
    Ok(table.rows.iter().filter_map(|row| relation(row)).collect())
}

fn relation(row: &[Cell]) -> Option<Relation> {
    let [database, schema, identifier, kind] = row else { return None };
    Some(Relation {
        database: text(database),
        schema: text(schema),
        identifier: text(identifier),
        kind: Some(if text(kind)?.contains("VIEW") { RelationType::View } else { RelationType::Table }),
        include: Include::ALL,
        quote: Include::ALL,
        quote_char: QUOTE,
        limit: None,
        event_time: None,
    })
}

pub(super) fn list_schemas(connection: &mut dyn Connection, database: &str) -> DbResult<Vec<String>> {
    let sql = format!(
        "select distinct schema_name from system.information_schema.schemata where lower(catalog_name) = {}",
        folded(database)
    );
    let table = connection.execute(&sql, true)?.table;
    Ok(table.rows.iter().filter_map(|row| text(row.first()?)).collect())
}

/// Columns in their order. A name without a schema may be that of a temporary table.
pub(super) fn columns(connection: &mut dyn Connection, relation: &Relation) -> DbResult<Vec<Column>> {
    let Some(identifier) = &relation.identifier else { return Ok(Vec::new()) };
    let mut conditions = format!("lower(table_name) = {}", folded(identifier));
    if let Some(schema) = &relation.schema {
        conditions += &format!(" and lower(table_schema) = {}", folded(schema));
        let database = relation.database.as_deref().map_or("current_database()".to_owned(), folded);
        conditions += &format!(" and lower(table_catalog) = lower({database})");
    } else {
        conditions += &format!(" and table_catalog in (current_database(), '{TEMPORARY}')");
    }
    let sql = format!(
        "select column_name, data_type, is_nullable from system.information_schema.columns where {conditions} \
         order by table_catalog, table_schema, ordinal_position"
    );
    let table = connection.execute(&sql, true)?.table;
    let column = |row: &Vec<Cell>| {
        let [name, data_type, nullable] = row.as_slice() else { return None };
        let column = Column::from_description(&text(name)?, &text(data_type)?, QUOTE);
        Some(Column { nullable: text(nullable).as_deref() == Some("YES"), ..column })
    };
    Ok(table.rows.iter().filter_map(column).collect())
}

/// Those of `create index`; what belongs to a constraint is not among them.
pub(in crate::adapter) fn indexes(
    connection: &mut dyn Connection,
    relation: &Relation,
) -> DbResult<Vec<ExistingIndex>> {
    let (Some(schema), Some(identifier)) = (&relation.schema, &relation.identifier) else { return Ok(Vec::new()) };
    let database = relation.database.as_deref().map_or("current_database()".to_owned(), folded);
    let sql = format!(
        "select index_name, expressions, is_unique, comment from duckdb_indexes() \
         where lower(database_name) = lower({database}) and lower(schema_name) = {} and lower(table_name) = {} \
         order by index_name",
        folded(schema),
        folded(identifier)
    );
    let table = connection.execute(&sql, true)?.table;
    let index = |row: &Vec<Cell>| {
        let [name, expressions, unique, comment] = row.as_slice() else { return None };
        let expressions = text(expressions).unwrap_or_default();
        let names = expressions.trim_matches(['[', ']']).split(", ").map(|name| name.trim_matches(['\'', '"']));
        let keys = names.map(|name| Key { part: Part::Column(name.to_owned()), prefix: None, descending: false });
        let shape = Shape { unique: *unique == Cell::Bool(true), kind: Kind::Plain, keys: keys.collect() };
        Some(ExistingIndex { name: text(name)?, shape: Some(shape), comment: text(comment).unwrap_or_default() })
    };
    Ok(table.rows.iter().filter_map(index).collect())
}

/// All tables and views of the schemas with their columns, with two statements.
pub(in crate::adapter) fn describe(
    connection: &mut dyn Connection,
    schemas: &[SchemaName],
    default: &str,
) -> DbResult<Vec<Described>> {
    if schemas.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = format!("(lower(database_name), lower(schema_name)) in ({})", pairs(schemas, default));
    let relations = connection.execute(
        &format!(
            "select database_name, schema_name, table_name, 'BASE TABLE', comment, estimated_size \
             from duckdb_tables() where {wanted} \
             union all select database_name, schema_name, view_name, 'VIEW', comment, null \
             from duckdb_views() where {wanted}"
        ),
        true,
    )?;
    let columns = connection.execute(
        &format!(
            "select database_name, schema_name, table_name, column_name, column_index, data_type, comment \
             from duckdb_columns() where {wanted} order by database_name, schema_name, table_name, column_index"
        ),
        true,
    )?;
    let relation = |row: &Vec<Cell>| {
        let [database, schema, name, kind, comment, rows] = row.as_slice() else { return None };
        Some(Described {
            database: text(database),
            schema: text(schema)?,
            name: text(name)?,
            kind: text(kind)?,
            comment: text(comment),
            owner: None,
            rows: number(rows),
            bytes: None,
            columns: Vec::new(),
        })
    };
    let column = |row: &Vec<Cell>| {
        let [database, schema, table, name, index, data_type, comment] = row.as_slice() else { return None };
        let column = DescribedColumn {
            name: text(name)?,
            index: number(index)?,
            data_type: text(data_type)?,
            comment: text(comment),
        };
        Some(((text(database), text(schema)?, text(table)?), column))
    };
    let relations = relations.table.rows.iter().filter_map(relation).collect();
    Ok(described::join(relations, columns.table.rows.iter().filter_map(column)))
}

fn number(cell: &Cell) -> Option<u64> {
    match cell {
        Cell::Int(number) => (*number).try_into().ok(),
        Cell::UInt(number) => Some(*number),
        _ => None,
    }
}

fn text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text.clone()),
        _ => None,
    }
}
