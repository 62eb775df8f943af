//! Relations that are rendered as subqueries (`--empty`, batches, `--sample`). Servers want names for them, and the user's
//! SQL may or may not give one, so what stands behind each subquery decides.

use std::ops::Range;

/// Words that may follow a table in a FROM clause and are no alias.
const NO_ALIAS: &[&str] = &[
    "on",
    "where",
    "join",
    "inner",
    "left",
    "right",
    "full",
    "cross",
    "natural",
    "outer",
    "lateral",
    "asof",
    "anti",
    "semi",
    "positional",
    "straight_join",
    "using",
    "group",
    "having",
    "order",
    "limit",
    "offset",
    "fetch",
    "union",
    "except",
    "intersect",
    "minus",
    "window",
    "qualify",
    "for",
    "tablesample",
    "pivot",
    "unpivot",
    "returning",
    "set",
    "values",
    "select",
];

/// Names the subqueries that have no alias. `subqueries` are `(text, alias)`. Gives the new text and where in it aliases
/// were put.
pub fn name(sql: &str, subqueries: &[(String, String)]) -> (String, Vec<Range<usize>>) {
    let mut ends: Vec<(usize, &str)> = subqueries
        .iter()
        .flat_map(|(text, alias)| {
            sql.match_indices(text.as_str()).map(move |(at, _)| (at + text.len(), alias.as_str()))
        })
        .filter(|(end, _)| !has_alias(&sql[*end..]))
        .collect();
    ends.sort_unstable();
    let mut named = String::with_capacity(sql.len() + ends.len() * 32);
    let mut aliases = Vec::with_capacity(ends.len());
    let mut done = 0;
    for (end, alias) in ends {
        named.push_str(&sql[done..end]);
        let start = named.len();
        named.push(' ');
        named.push_str(alias);
        aliases.push(start..named.len());
        done = end;
    }
    named.push_str(&sql[done..]);
    (named, aliases)
}

fn has_alias(rest: &str) -> bool {
    let rest = past_comments(rest);
    let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    match rest.chars().next() {
        Some('`' | '"') => true,
        Some(first) if first.is_alphabetic() || first == '_' => {
            !NO_ALIAS.iter().any(|keyword| keyword.eq_ignore_ascii_case(&word))
        }
        _ => false,
    }
}

fn past_comments(mut rest: &str) -> &str {
    loop {
        rest = rest.trim_start();
        rest = if rest.starts_with("--") {
            rest.split_once('\n').map_or("", |(_, rest)| rest)
        } else if rest.starts_with("/*") {
            rest.split_once("*/").map_or("", |(_, rest)| rest)
        } else {
            return rest;
        };
    }
}

/// An offset of the named text as an offset of the original one; None inside of an alias.
pub fn original_offset(offset: usize, aliases: &[Range<usize>]) -> Option<usize> {
    let before = aliases.iter().take_while(|alias| alias.end <= offset).map(ExactSizeIterator::len).sum::<usize>();
    (!aliases.iter().any(|alias| alias.contains(&offset))).then(|| offset - before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(sql: &str) -> String {
        name(sql, &[("(t)".to_owned(), "t_".to_owned())]).0
    }

    #[test]
    fn only_subqueries_without_an_alias_get_one() {
        assert_eq!(named("select * from (t)"), "select * from (t) t_");
        assert_eq!(named("from (t) as x, (t) y join (t) on 1"), "from (t) as x, (t) y join (t) t_ on 1");
        assert_eq!(named("from (t) -- as x\nwhere 1"), "from (t) t_ -- as x\nwhere 1");
        assert_eq!(named("from (t) `on`"), "from (t) `on`");
        assert_eq!(named("(select 1 from (t)) z"), "(select 1 from (t) t_) z");
    }

    #[test]
    fn offsets_lead_back_to_the_original() {
        let original = "from (t) where (t)";
        let (sql, aliases) = name(original, &[("(t)".to_owned(), "t_".to_owned())]);
        let at = sql.find("where").unwrap();
        assert_eq!(original_offset(at, &aliases), original.find("where"));
        assert_eq!(original_offset(9, &aliases), None);
        assert_eq!(original_offset(3, &aliases), Some(3));
    }
}
