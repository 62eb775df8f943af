//! Reading `information_schema`.

use std::time::Duration;

use super::literal::quoted;
use crate::adapter::relation::push_quoted;
use crate::adapter::{
    Cell, Column, Connection, DbErrorKind, DbResult, Described, DescribedColumn, ExistingIndex, Include, Relation,
    RelationType, SchemaName, Table, described,
};
use crate::sql::index::{Key, Kind, Part, Shape};

const QUOTE: char = '`';
/// The warning about a table that another session is changing.
const BEING_CHANGED: u64 = 1684;
/// How often the catalog is asked again for such a table.
const LOOKS: usize = 100;
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// All tables and views of the schemas. `show` and not `information_schema.tables`: to tell what a table is, MariaDB waits
/// there until whoever makes it has filled it, so that no run could begin while another is at a large table.
pub(super) fn list_relations(connection: &mut dyn Connection, schemas: &[SchemaName]) -> DbResult<Vec<Relation>> {
    let mut relations = Vec::new();
    for SchemaName { schema, .. } in schemas {
        let mut sql = "show full tables from ".to_owned();
        push_quoted(&mut sql, schema, QUOTE);
        match connection.execute(&sql, true) {
            Ok(found) => relations.extend(found.table.rows.iter().filter_map(|row| relation(schema, row))),
            // There is nothing to be seen there yet.
            Err(error) if matches!(error.kind, DbErrorKind::UnknownTable | DbErrorKind::Permission) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(relations)
}

fn relation(schema: &str, row: &[Cell]) -> Option<Relation> {
    let [identifier, kind, ..] = row else { return None };
    let kind = match text(kind)?.as_str() {
        "BASE TABLE" | "SYSTEM VERSIONED" => RelationType::Table,
        "VIEW" | "SYSTEM VIEW" => RelationType::View,
        // A sequence lives among the tables, but no model is one.
        _ => return None,
    };
    Some(Relation { kind: Some(kind), ..named(schema, &text(identifier)?) })
}

/// A relation by its name.
pub(super) fn named(schema: &str, identifier: &str) -> Relation {
    Relation {
        database: None,
        schema: Some(schema.to_owned()),
        identifier: Some(identifier.to_owned()),
        kind: None,
        include: Include::TWO_PARTS,
        quote: Include::ALL,
        quote_char: QUOTE,
        limit: None,
        event_time: None,
    }
}

pub(super) fn list_schemas(connection: &mut dyn Connection) -> DbResult<Vec<String>> {
    let table = connection.execute("select schema_name from information_schema.schemata", true)?.table;
    Ok(table.rows.iter().filter_map(|row| text(row.first()?)).collect())
}

/// Columns in their order. Temporary tables are not in `information_schema`, so an empty answer is asked for once more.
pub(super) fn columns(connection: &mut dyn Connection, relation: &Relation) -> DbResult<Vec<Column>> {
    let Some(identifier) = &relation.identifier else { return Ok(Vec::new()) };
    let schema = relation.schema.as_deref().map_or("database()".to_owned(), quoted);
    let sql = format!(
        "select column_name, data_type, character_maximum_length, numeric_precision, numeric_scale, column_type, is_nullable \
         from information_schema.columns where table_schema = {schema} and table_name = {} order by ordinal_position",
        quoted(identifier)
    );
    let table = settled(connection, &sql)?;
    if table.rows.is_empty() { temporary_columns(connection, relation) } else { Ok(described_columns(&table)) }
}

/// The answer of the catalog once nobody is changing the table: MariaDB leaves such a one out, with a mere warning.
pub(super) fn settled(connection: &mut dyn Connection, sql: &str) -> DbResult<Table> {
    for _ in 0..LOOKS {
        let table = connection.execute(sql, true)?.table;
        if !table.rows.is_empty() {
            return Ok(table);
        }
        let warnings = connection.execute("show warnings", true)?.table;
        let being_changed = |row: &Vec<Cell>| row.get(1).and_then(number) == Some(BEING_CHANGED);
        if !warnings.rows.iter().any(being_changed) {
            return Ok(table);
        }
        std::thread::sleep(LOOK_PAUSE);
    }
    Ok(connection.execute(sql, true)?.table)
}

fn described_columns(table: &Table) -> Vec<Column> {
    let column = |row: &Vec<Cell>| {
        let [name, dtype, char_size, precision, scale, full_type, nullable] = row.as_slice() else { return None };
        Some(Column {
            name: text(name)?,
            dtype: text(dtype)?,
            char_size: number(char_size),
            numeric_precision: number(precision).map(|digits| digits as u32),
            numeric_scale: number(scale).map(|digits| digits as u32),
            full_type: text(full_type),
            nullable: text(nullable).as_deref() == Some("YES"),
            quote_char: QUOTE,
        })
    };
    table.rows.iter().filter_map(column).collect()
}

fn temporary_columns(connection: &mut dyn Connection, relation: &Relation) -> DbResult<Vec<Column>> {
    let relation = Relation { include: Include::TWO_PARTS, quote: Include::ALL, quote_char: QUOTE, ..relation.clone() };
    let table = match connection.execute(&format!("show columns from {}", relation.render()), true) {
        Ok(result) => result.table,
        Err(error) if error.kind == DbErrorKind::UnknownTable => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let column = |row: &Vec<Cell>| {
        let [name, full_type, nullable, ..] = row.as_slice() else { return None };
        let column = Column::from_description(&text(name)?, &text(full_type)?, QUOTE);
        Some(Column { nullable: text(nullable).as_deref() == Some("YES"), ..column })
    };
    Ok(table.rows.iter().filter_map(column).collect())
}

pub(in crate::adapter) fn indexes(
    connection: &mut dyn Connection,
    relation: &Relation,
) -> DbResult<Vec<ExistingIndex>> {
    let Some(identifier) = &relation.identifier else { return Ok(Vec::new()) };
    let schema = relation.schema.as_deref().map_or("database()".to_owned(), quoted);
    let sql = format!(
        "select index_name, column_name, sub_part, collation, index_type, non_unique, index_comment \
         from information_schema.statistics where table_schema = {schema} and table_name = {} \
         order by index_name, seq_in_index",
        quoted(identifier)
    );
    let table = connection.execute(&sql, true)?.table;
    let mut indexes: Vec<ExistingIndex> = Vec::new();
    for row in &table.rows {
        let [name, column, prefix, collation, kind, non_unique, comment] = row.as_slice() else { continue };
        let Some(name) = text(name) else { continue };
        let kind = match text(kind).unwrap_or_default().as_str() {
            "BTREE" | "HASH" => Some(Kind::Plain),
            "FULLTEXT" => Some(Kind::Fulltext),
            "SPATIAL" | "RTREE" => Some(Kind::Spatial),
            _ => None,
        };
        let key = Key {
            part: text(column).map_or_else(|| Part::Expression(String::new()), Part::Column),
            // Of a spatial index the server gives a length of its own.
            prefix: number(prefix).filter(|_| kind == Some(Kind::Plain)),
            descending: text(collation).as_deref() == Some("D"),
        };
        match indexes.last_mut().filter(|index| index.name == name) {
            Some(index) => index.shape.iter_mut().for_each(|shape| shape.keys.push(key.clone())),
            None => {
                let unique = number(non_unique) == Some(0);
                let shape = kind.map(|kind| Shape { unique, kind, keys: vec![key] });
                indexes.push(ExistingIndex { name, shape, comment: text(comment).unwrap_or_default() });
            }
        }
    }
    Ok(indexes)
}

/// All tables and views of the schemas with their columns, with two statements.
pub(in crate::adapter) fn describe(
    connection: &mut dyn Connection,
    schemas: &[SchemaName],
) -> DbResult<Vec<Described>> {
    if schemas.is_empty() {
        return Ok(Vec::new());
    }
    let names = schemas.iter().map(|name| quoted(&name.schema)).collect::<Vec<_>>().join(", ");
    let relations = connection.execute(
        &format!(
            "select table_schema, table_name, table_type, table_comment, table_rows, data_length + index_length \
             from information_schema.tables where table_schema in ({names}) and table_type <> 'SEQUENCE'"
        ),
        true,
    )?;
    let columns = connection.execute(
        &format!(
            "select table_schema, table_name, column_name, ordinal_position, column_type, column_comment \
             from information_schema.columns where table_schema in ({names}) \
             order by table_schema, table_name, ordinal_position"
        ),
        true,
    )?;
    let relation = |row: &Vec<Cell>| {
        let [schema, name, kind, comment, rows, bytes] = row.as_slice() else { return None };
        let kind = text(kind)?;
        // The server writes `VIEW` (or what is wrong with the view) into the comment of every view.
        let is_table = !kind.contains("VIEW");
        Some(Described {
            database: None,
            schema: text(schema)?,
            name: text(name)?,
            comment: text(comment).filter(|comment| is_table && !comment.is_empty()),
            owner: None,
            rows: number(rows).filter(|_| is_table),
            bytes: number(bytes).filter(|_| is_table),
            columns: Vec::new(),
            kind,
        })
    };
    let column = |row: &Vec<Cell>| {
        let [schema, table, name, index, data_type, comment] = row.as_slice() else { return None };
        let column = DescribedColumn {
            name: text(name)?,
            index: number(index)?,
            data_type: text(data_type)?,
            comment: text(comment).filter(|comment| !comment.is_empty()),
        };
        Some(((None, text(schema)?, text(table)?), column))
    };
    let relations = relations.table.rows.iter().filter_map(relation).collect();
    Ok(described::join(relations, columns.table.rows.iter().filter_map(column)))
}

/// Some servers send the catalog's texts as bytes.
pub(super) fn text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text.clone()),
        Cell::Bytes(bytes) => String::from_utf8(bytes.clone()).ok(),
        _ => None,
    }
}

fn number(cell: &Cell) -> Option<u64> {
    match cell {
        Cell::Int(number) => (*number).try_into().ok(),
        Cell::UInt(number) => Some(*number),
        Cell::Decimal(text) | Cell::Text(text) => text.parse().ok(),
        _ => None,
    }
}
