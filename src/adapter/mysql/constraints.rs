//! Constraints in `information_schema`, and what a foreign key needs.

use super::catalog::{named, text};
use super::literal::quoted;
use crate::adapter::relation::push_quoted;
use crate::adapter::{Cell, Relation};
use crate::adapter::{Column, Connection, Constraint, ConstraintKind, DbError, DbErrorKind, DbResult, ForeignKey};

/// `table_schema = … and table_name = …`
pub(super) fn is_table(relation: &Relation, prefix: &str) -> String {
    let schema = relation.schema.as_deref().map_or("database()".to_owned(), quoted);
    let name = quoted(relation.identifier.as_deref().unwrap_or_default());
    format!("{prefix}table_schema = {schema} and {prefix}table_name = {name}")
}

/// The columns of a query, by a temporary table of it: types of expressions in the protocol are wider than those of a table.
/// A login that may not make one gets those of the protocol.
pub(super) fn probe(
    connection: &mut dyn Connection,
    name: &Relation,
    header: &str,
    query: &str,
) -> DbResult<Option<Vec<Column>>> {
    let name = name.render();
    let query = query.trim_end().trim_end_matches(';');
    let script = format!(
        "{header}\ndrop temporary table if exists {name}; create temporary table {name} as\nselect * from (\n{query}\n) as dbt_probe limit 0;\n\
         show columns from {name}; drop temporary table {name}"
    );
    let table = match connection.execute(&script, true) {
        Ok(result) => result.table,
        Err(error) if error.kind == DbErrorKind::Permission => return Ok(None),
        Err(error) => return Err(error),
    };
    let column = |row: &Vec<Cell>| match row.as_slice() {
        [name, kind, ..] => Some(Column::from_description(&text(name)?, &text(kind)?, '`')),
        _ => None,
    };
    Ok(Some(table.rows.iter().filter_map(column).collect()))
}

/// All foreign keys that refer to a table.
pub(super) fn references_to(connection: &mut dyn Connection, parent: &Relation) -> DbResult<Vec<ForeignKey>> {
    let sql = format!(
        "select k.table_schema, k.table_name, k.constraint_name, k.column_name, k.referenced_column_name, r.delete_rule, r.update_rule \
         from information_schema.key_column_usage as k \
         join information_schema.referential_constraints as r on r.constraint_schema = k.constraint_schema \
         and r.constraint_name = k.constraint_name and r.table_name = k.table_name \
         where {} order by k.table_schema, k.table_name, k.constraint_name, k.ordinal_position",
        is_table(parent, "k.referenced_")
    );
    let mut keys: Vec<ForeignKey> = Vec::new();
    for row in connection.execute(&sql, true)?.table.rows {
        let row: Vec<String> = row.iter().map(|cell| text(cell).unwrap_or_default()).collect();
        let [schema, table, name, column, referenced, on_delete, on_update] = row.as_slice() else { continue };
        let child = named(schema, table);
        match keys.last_mut() {
            Some(key) if key.child == child && key.name == *name => {
                key.columns.push(column.clone());
                key.parent_columns.push(referenced.clone());
            }
            _ => keys.push(ForeignKey {
                name: name.clone(),
                child,
                columns: vec![column.clone()],
                parent_columns: vec![referenced.clone()],
                on_delete: on_delete.clone(),
                on_update: on_update.clone(),
            }),
        }
    }
    Ok(keys)
}

/// What a foreign key is called after it was moved: one statement cannot drop and add the same name.
const MOVED: &str = "__hw_r";

/// One `alter table` that drops the key and adds it again: the child is never without. With the checks off it changes the
/// definition only, and does not read the table.
pub(super) fn repoint(key: &ForeignKey, parent: Option<&Relation>) -> String {
    let name = |text: &str| {
        let mut quoted = String::new();
        push_quoted(&mut quoted, text, '`');
        quoted
    };
    let list = |names: &[String]| names.iter().map(|text| name(text)).collect::<Vec<_>>().join(", ");
    let (child, old) = (key.child.render(), name(&key.name));
    match parent {
        None => format!("alter table {child} drop foreign key {old}"),
        Some(parent) => {
            let new = match key.name.strip_suffix(MOVED) {
                Some(before) => before.to_owned(),
                None => key.name.chars().take(64 - MOVED.len()).chain(MOVED.chars()).collect(),
            };
            format!(
                "alter table {child} drop foreign key {old}, add constraint {} foreign key ({}) references {} ({}) on delete {} on update {}, \
                 algorithm = inplace",
                name(&new),
                list(&key.columns),
                parent.render(),
                list(&key.parent_columns),
                key.on_delete,
                key.on_update
            )
        }
    }
}

/// What holds for the rows of a table, with one statement.
pub(super) fn of_table(connection: &mut dyn Connection, table: &Relation) -> DbResult<Vec<Constraint>> {
    let here = is_table(table, "");
    let sql = format!(
        "select 'null' as kind, cast(column_name as char) as name, cast(column_name as char) as part, ordinal_position as at \
         from information_schema.columns where {here} and is_nullable = 'NO' \
         union all select 'key', cast(index_name as char), cast(column_name as char), seq_in_index \
         from information_schema.statistics where {here} and non_unique = 0 \
         union all select cast(constraint_type as char), cast(constraint_name as char), '', 0 \
         from information_schema.table_constraints where {here} and constraint_type in ('CHECK', 'FOREIGN KEY') \
         order by kind, name, at"
    );
    let mut found: Vec<Constraint> = Vec::new();
    for row in connection.execute(&sql, true)?.table.rows {
        let [kind, name, part, ..] = row.as_slice() else { continue };
        let (Some(kind), Some(name), Some(part)) = (text(kind), text(name), text(part)) else { continue };
        let kind = match kind.as_str() {
            "null" => ConstraintKind::NotNull,
            "CHECK" => ConstraintKind::Check,
            "FOREIGN KEY" => ConstraintKind::ForeignKey,
            _ if name.eq_ignore_ascii_case("PRIMARY") => ConstraintKind::PrimaryKey,
            _ => ConstraintKind::Unique,
        };
        let columns: Vec<String> = Some(part).filter(|part| !part.is_empty()).into_iter().collect();
        match found.last_mut() {
            Some(last) if last.kind == kind && last.name == name => last.columns.extend(columns),
            _ => found.push(Constraint { kind, name, columns }),
        }
    }
    Ok(found)
}

/// Why InnoDB would refuse a foreign key to these columns.
pub(super) fn refuses_reference(
    connection: &mut dyn Connection,
    parent: &Relation,
    columns: &[String],
    types: &[String],
) -> DbResult<Option<String>> {
    let here = is_table(parent, "");
    let sql = format!(
        "select 'table' as kind, cast(table_type as char) as name, cast(engine as char) as part, 0 as at \
         from information_schema.tables where {here} \
         union all select 'column', cast(column_name as char), cast(column_type as char), ordinal_position \
         from information_schema.columns where {here} \
         union all select 'key', cast(index_name as char), cast(column_name as char), seq_in_index \
         from information_schema.statistics where {here} and non_unique = 0 \
         order by kind, name, at"
    );
    let rows = connection.execute(&sql, true)?.table.rows;
    let rows: Vec<[String; 3]> = rows
        .iter()
        .filter_map(|row| match row.as_slice() {
            [kind, name, part, ..] => Some([text(kind)?, text(name)?, text(part).unwrap_or_default()]),
            _ => None,
        })
        .collect();
    let of = |wanted: &'static str| rows.iter().filter(move |[kind, ..]| kind == wanted);
    let shown = parent.identifier.as_deref().unwrap_or_default();
    match of("table").next() {
        None => {
            return Err(DbError::new(DbErrorKind::UnknownTable, format!("table {} does not exist", parent.render())));
        }
        Some([_, kind, _]) if kind != "BASE TABLE" => return Ok(Some(format!("`{shown}` is a view"))),
        Some([_, _, engine]) if !engine.eq_ignore_ascii_case("innodb") => {
            return Ok(Some(format!("`{shown}` is a table of the engine {engine}")));
        }
        Some(_) => {}
    }
    for (column, own) in columns.iter().zip(types) {
        let Some([_, _, theirs]) = of("column").find(|[_, name, _]| name.eq_ignore_ascii_case(column)) else {
            let message = format!("{} has no column `{column}`", parent.render());
            return Ok(Some(message));
        };
        if !comparable(own, theirs) {
            return Ok(Some(format!("`{column}` of `{shown}` is `{theirs}`, and not `{own}`")));
        }
    }
    let mut keys: Vec<(&str, Vec<&str>)> = Vec::new();
    for [_, name, column] in of("key") {
        match keys.last_mut() {
            Some((known, parts)) if *known == name => parts.push(column),
            _ => keys.push((name, vec![column])),
        }
    }
    let is_key = |(_, parts): &(&str, Vec<&str>)| {
        parts.len() == columns.len()
            && parts.iter().zip(columns).all(|(part, column)| part.eq_ignore_ascii_case(column))
    };
    if keys.iter().any(is_key) {
        return Ok(None);
    }
    Ok(Some(format!("`{shown}` has no primary key or unique constraint of {}", columns.join(", "))))
}

/// InnoDB wants the same type on both sides, except for the length of texts.
fn comparable(own: &str, theirs: &str) -> bool {
    let plain = |text: &str| {
        let text = text.to_lowercase();
        let text = text.replace("character varying", "varchar").replace("integer", "int").replace("numeric", "decimal");
        let (name, rest) = text.split_once('(').unwrap_or((text.as_str(), ""));
        let name = name.trim();
        let is_bool = matches!(name, "bool" | "boolean");
        let name = if is_bool { "tinyint" } else { name };
        let base = name.split_whitespace().next().unwrap_or_default().to_owned();
        match base.as_str() {
            "char" | "character" | "varchar" => "text".to_owned(),
            "decimal" => format!("{base}({}", rest.replace(' ', "")),
            "datetime" | "timestamp" | "time" => format!("{base}({rest}"),
            _ => format!("{base}{}", if text.contains("unsigned") { " unsigned" } else { "" }),
        }
    };
    plain(own) == plain(theirs)
}

#[cfg(test)]
mod tests {
    use super::comparable;

    #[test]
    fn keys_of_one_type_may_refer_to_each_other() {
        for (own, theirs) in [
            ("integer", "int(11)"),
            ("varchar(20)", "varchar(40)"),
            ("boolean", "tinyint(1)"),
            ("int unsigned", "int(10) unsigned"),
        ] {
            assert!(comparable(own, theirs), "{own} {theirs}");
        }
        assert!(!comparable("int", "bigint(20)") && !comparable("int", "int unsigned"));
        assert!(!comparable("decimal(10,2)", "decimal(12,2)"));
    }
}
