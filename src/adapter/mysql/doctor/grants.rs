//! What `show grants` says, and what of it a project needs.

use std::collections::{BTreeMap, BTreeSet};

/// What materializations need in a schema that they write to.
const WRITES: &[&str] =
    &["select", "insert", "update", "delete", "create", "drop", "alter", "index", "create view", "show view"];
const READS: &[&str] = &["select"];
/// What only some projects need, and for what.
const SOME: &[(&[&str], &str)] =
    &[(&["references"], "foreign keys"), (&["create routine", "alter routine", "execute"], "functions")];

/// Privileges by what they are on: `*.*`, a pattern of schemas, or a table, which is of no use for a whole schema.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Grants {
    global: BTreeSet<String>,
    schemas: BTreeMap<String, BTreeSet<String>>,
    /// Taken away again in one schema (`partial_revokes`).
    revoked: BTreeMap<String, BTreeSet<String>>,
}

/// What a schema lacks.
#[derive(Debug, PartialEq)]
pub(super) struct Missing {
    pub schema: String,
    pub privileges: Vec<&'static str>,
}

impl Grants {
    /// Reads lines as the servers write them: ``GRANT SELECT, INSERT (`a`) ON `shop`.* TO …``.
    pub fn read<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut grants = Self::default();
        for line in lines {
            grants.line(line);
        }
        grants
    }

    fn line(&mut self, line: &str) {
        let (revokes, rest) = match (line.strip_prefix("GRANT "), line.strip_prefix("REVOKE ")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return,
        };
        // A role has no `ON`.
        let Some((privileges, rest)) = rest.split_once(" ON ") else { return };
        let end = if revokes { " FROM " } else { " TO " };
        let Some((object, _)) = rest.split_once(end) else { return };
        let Some(schema) = object.trim().strip_suffix(".*") else { return };
        let names = split(privileges).map(str::to_lowercase).filter(|name| !name.contains('('));
        let into = match (schema, revokes) {
            ("*", false) => &mut self.global,
            (_, false) => self.schemas.entry(unquoted(schema)).or_default(),
            (_, true) => self.revoked.entry(unquoted(schema)).or_default(),
        };
        into.extend(names);
    }

    pub fn has_global(&self, privilege: &str) -> bool {
        holds(&self.global, privilege)
    }

    fn has(&self, schema: &str, privilege: &str) -> bool {
        let of = |patterns: &BTreeMap<String, BTreeSet<String>>| {
            patterns.iter().any(|(pattern, held)| matches(pattern, schema) && holds(held, privilege))
        };
        of(&self.schemas) || self.has_global(privilege) && !of(&self.revoked)
    }

    fn missing<'a>(&'a self, schema: &'a str, needed: &[&'static str]) -> Option<Missing> {
        let privileges: Vec<_> = needed.iter().copied().filter(|name| !self.has(schema, name)).collect();
        (!privileges.is_empty()).then(|| Missing { schema: schema.to_owned(), privileges })
    }

    pub fn missing_to_write(&self, schema: &str) -> Option<Missing> {
        self.missing(schema, WRITES)
    }

    pub fn missing_to_read(&self, schema: &str) -> Option<Missing> {
        self.missing(schema, READS)
    }

    /// What some projects would lack, with what they would need it for.
    pub fn missing_for_some(&self, schema: &str) -> Vec<(Missing, &'static str)> {
        SOME.iter().filter_map(|(needed, what)| Some((self.missing(schema, needed)?, *what))).collect()
    }
}

fn holds(held: &BTreeSet<String>, privilege: &str) -> bool {
    held.contains(privilege) || held.contains("all privileges") || held.contains("all")
}

/// At commas that are not inside of the parentheses of columns.
fn split(privileges: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    privileges
        .split(move |c: char| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            c == ',' && depth == 0
        })
        .map(str::trim)
}

fn unquoted(name: &str) -> String {
    name.trim_matches('`').replace("``", "`")
}

/// A schema of a grant is a pattern: `_` is any character and `%` any number of them, unless a backslash is before it.
fn matches(pattern: &str, schema: &str) -> bool {
    fn here(pattern: &[char], name: &[char]) -> bool {
        match pattern {
            [] => name.is_empty(),
            ['\\', literal @ ('_' | '%' | '\\'), rest @ ..] => name.first() == Some(literal) && here(rest, &name[1..]),
            ['%', rest @ ..] => (0..=name.len()).any(|skipped| here(rest, &name[skipped..])),
            ['_', rest @ ..] => !name.is_empty() && here(rest, &name[1..]),
            [literal, rest @ ..] => {
                name.first().is_some_and(|c| c.eq_ignore_ascii_case(literal)) && here(rest, &name[1..])
            }
        }
    }
    here(&pattern.chars().collect::<Vec<_>>(), &schema.chars().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::Grants;

    #[test]
    fn patterns_columns_and_revokes_count() {
        let grants = Grants::read([
            "GRANT USAGE ON *.* TO `me`@`%` IDENTIFIED BY PASSWORD '*…'",
            "GRANT `role`@`%` TO `me`@`%`",
            r"GRANT SELECT, INSERT (`a`, `b`), SHOW VIEW ON `shop\_%`.* TO `me`@`%`",
            "GRANT UPDATE ON `shop_one`.`orders` TO `me`@`%`",
        ]);
        let missing = grants.missing_to_write("shop_one").expect("most").privileges;
        assert_eq!(missing, ["insert", "update", "delete", "create", "drop", "alter", "index", "create view"]);
        assert!(grants.missing_to_read("shop_one").is_none() && grants.missing_to_read("shopXone").is_some());

        let all = Grants::read(["GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"]);
        assert!(all.missing_to_write("any").is_none() && all.missing_for_some("any").is_empty());
        let partly = Grants::read(["GRANT SELECT, CREATE ON *.* TO `a`@`%`", "REVOKE SELECT ON `hr`.* FROM `a`@`%`"]);
        assert!(partly.missing_to_read("hr").is_some() && partly.missing_to_read("shop").is_none());
        assert_eq!(partly.missing_for_some("shop").len(), 2);
    }
}
