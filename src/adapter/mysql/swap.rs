//! How a finished relation takes the place of another, by what the server has for it.

use crate::adapter::relation::push_quoted;
use crate::adapter::{DbError, DbErrorKind, DbResult, Relation, RelationType, Renaming, Swap};

/// The statements that give relations their new names, in order. Where one exchanges two tables, what becomes of
/// `[[old, backup], [new, old]]` is the same: the new one under the old name, the old one under the backup's.
pub(in crate::adapter) fn rename_all(renames: &[(Relation, Relation)], swap: Swap) -> DbResult<Vec<Renaming>> {
    if swap == Swap::Transaction {
        return Err(DbError::new(DbErrorKind::Other, "this database cannot rename several relations at once"));
    }
    if swap == Swap::MultiRename {
        // Views are renamed by it as well.
        let all: Vec<String> = renames.iter().map(|(from, to)| format!("{from} to {to}")).collect();
        let sql = format!("rename table {}", all.join(", "));
        return Ok(if all.is_empty() { Vec::new() } else { vec![Renaming { sql, undo: None }] });
    }
    if let Some((view, _)) = renames.iter().find(|(from, _)| from.is(RelationType::View)) {
        let message = format!("{view} is a view, which this server cannot exchange for a table or another view");
        let help = format!("drop it first: `drop view {view}`; its readers find nothing until the run has built it");
        return Err(DbError { help: Some(help), ..DbError::new(DbErrorKind::Other, message) });
    }
    let mut steps = Vec::new();
    let mut rest = renames;
    while let [first, after @ ..] = rest {
        rest = after;
        if let [second, after @ ..] = after
            && swap != Swap::Renames
            && second.1.render() == first.0.render()
        {
            let exchange = exchange(&first.0, &second.0, swap);
            steps.push(Renaming { undo: Some(exchange.clone()), sql: exchange });
            steps.push(rename(&second.0, &first.1, swap));
            rest = after;
        } else {
            steps.push(rename(&first.0, &first.1, swap));
        }
    }
    Ok(steps)
}

fn exchange(one: &Relation, other: &Relation, swap: Swap) -> String {
    let other = bare(other);
    match swap {
        Swap::ReplaceWith => format!("alter table {one} replace with table {other} properties ('swap' = 'true')"),
        _ => format!("alter table {one} swap with {other}"),
    }
}

fn rename(from: &Relation, to: &Relation, swap: Swap) -> Renaming {
    let statement = |from: &Relation, to: &Relation| match swap {
        Swap::Renames => format!("alter table {from} rename to {to}"),
        _ => format!("alter table {from} rename {}", bare(to)),
    };
    Renaming { sql: statement(from, to), undo: Some(statement(to, from)) }
}

/// StarRocks and Doris take the second name of these statements without its database: it is that of the first.
fn bare(relation: &Relation) -> String {
    let mut text = String::new();
    push_quoted(&mut text, relation.identifier.as_deref().unwrap_or_default(), '`');
    text
}

#[cfg(test)]
mod tests {
    use super::rename_all;
    use crate::adapter::{Relation, RelationType, Swap};

    fn named(name: &str) -> Relation {
        Relation::table("s", name)
    }

    fn statements(swap: Swap) -> Vec<String> {
        let renames = [(named("t"), named("old")), (named("new"), named("t"))];
        rename_all(&renames, swap).unwrap().into_iter().map(|step| step.sql).collect()
    }

    #[test]
    fn each_server_swaps_in_its_own_way() {
        assert_eq!(statements(Swap::MultiRename), ["rename table `s`.`t` to `s`.`old`, `s`.`new` to `s`.`t`"]);
        assert_eq!(
            statements(Swap::SwapWith),
            ["alter table `s`.`t` swap with `new`", "alter table `s`.`new` rename `old`"]
        );
        assert_eq!(
            statements(Swap::ReplaceWith),
            [
                "alter table `s`.`t` replace with table `new` properties ('swap' = 'true')",
                "alter table `s`.`new` rename `old`"
            ]
        );
        assert_eq!(
            statements(Swap::Renames),
            ["alter table `s`.`t` rename to `s`.`old`", "alter table `s`.`new` rename to `s`.`t`"]
        );
    }

    #[test]
    fn only_the_first_table_of_a_name_is_just_renamed() {
        let steps = rename_all(&[(named("new"), named("t"))], Swap::SwapWith).unwrap();
        assert_eq!(steps[0].sql, "alter table `s`.`new` rename `t`");
        assert_eq!(steps[0].undo.as_deref(), Some("alter table `s`.`t` rename `new`"));
    }

    #[test]
    fn views_are_refused_where_only_tables_have_a_swap() {
        let view = Relation { kind: Some(RelationType::View), ..named("t") };
        let renames = [(view, named("old")), (named("new"), named("t"))];
        assert!(rename_all(&renames, Swap::MultiRename).is_ok());
        let error = rename_all(&renames, Swap::ReplaceWith).unwrap_err();
        assert!(error.message.contains("`s`.`t` is a view") && error.help.unwrap().contains("drop view"));
    }
}
