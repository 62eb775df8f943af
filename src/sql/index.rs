//! Indexes: how configs write their columns, and what `alter table … add index` and `create index` add.

use std::fmt;

use super::lex::{Kind as TokenKind, Lexer, Token};

/// What an index is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Equality and ranges: `btree` or `hash`.
    Plain,
    Fulltext,
    Spatial,
}

/// What one part of an index is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Column(String),
    /// With its parentheses, as it was written; empty where the server does not tell it.
    Expression(String),
}

/// One part of an index: `note(20) desc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub part: Part,
    /// How many characters of the column are indexed; None: all.
    pub prefix: Option<u64>,
    pub descending: bool,
}

impl Key {
    /// Reads `note`, `note(20)`, `note(20) desc`, or an expression in parentheses.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (rest, descending) = match text.rsplit_once(char::is_whitespace) {
            Some((rest, word)) if word.eq_ignore_ascii_case("desc") => (rest.trim_end(), true),
            Some((rest, word)) if word.eq_ignore_ascii_case("asc") => (rest.trim_end(), false),
            _ => (text, false),
        };
        if rest.is_empty() {
            return Err("a column has no name".to_owned());
        }
        if rest.starts_with('(') && rest.ends_with(')') {
            return Ok(Self { part: Part::Expression(rest.to_owned()), prefix: None, descending });
        }
        let sized = rest.strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
        let (name, prefix) = match sized.map(|(name, digits)| (name.trim_end(), digits.trim().parse::<u64>())) {
            Some((name, Ok(prefix))) if prefix > 0 && !name.is_empty() => (name, Some(prefix)),
            Some((_, Ok(_))) => return Err(format!("`{rest}` is no column with the length of a prefix")),
            _ => (rest, None),
        };
        let name = name.strip_prefix('`').and_then(|name| name.strip_suffix('`')).unwrap_or(name);
        Ok(Self { part: Part::Column(name.to_owned()), prefix, descending })
    }

    fn is_like(&self, wanted: &Self) -> bool {
        let part = match (&self.part, &wanted.part) {
            (Part::Column(a), Part::Column(b)) => a.to_lowercase() == b.to_lowercase(),
            _ => false,
        };
        // Servers drop a prefix that is as long as the column.
        part && self.descending == wanted.descending && (self.prefix.is_none() || self.prefix == wanted.prefix)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.part {
            Part::Column(name) => f.write_str(name)?,
            Part::Expression(text) => f.write_str(text)?,
        }
        if let Some(prefix) = self.prefix {
            write!(f, "({prefix})")?;
        }
        f.write_str(if self.descending { " desc" } else { "" })
    }
}

/// What an index is, apart from its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    pub unique: bool,
    pub kind: Kind,
    pub keys: Vec<Key>,
}

impl Shape {
    /// Whether this one, which is there, does what `wanted` is for. An expression is like no other, since servers rewrite it.
    pub fn is_like(&self, wanted: &Self) -> bool {
        self.unique == wanted.unique
            && self.kind == wanted.kind
            && self.keys.len() == wanted.keys.len()
            && self.keys.iter().zip(&wanted.keys).all(|(there, wanted)| there.is_like(wanted))
    }
}

/// `unique (store_id, note(20) desc)`
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.unique { "unique " } else { "" })?;
        f.write_str(match self.kind {
            Kind::Plain => "",
            Kind::Fulltext => "fulltext ",
            Kind::Spatial => "spatial ",
        })?;
        let keys: Vec<String> = self.keys.iter().map(Key::to_string).collect();
        write!(f, "({})", keys.join(", "))
    }
}

/// An index that a statement adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedIndex {
    /// One or two parts.
    pub table: Vec<String>,
    /// None: the server finds one.
    pub name: Option<String>,
    pub shape: Shape,
}

/// What a statement of MySQL or MariaDB adds; None if it does anything else as well, or is not understood.
pub fn added_indexes(statement: &str) -> Option<Vec<AddedIndex>> {
    let tokens: Vec<Token> = Lexer::new(statement, "mysql").collect();
    let mut reader = Reader { sql: statement, tokens: &tokens };
    let added = if reader.word("alter") { reader.alter()? } else { vec![reader.create()?] };
    (reader.tokens.is_empty() && !added.is_empty()).then_some(added)
}

struct Reader<'a> {
    sql: &'a str,
    tokens: &'a [Token],
}

impl Reader<'_> {
    fn word(&mut self, word: &str) -> bool {
        let found = self.tokens.first().is_some_and(|token| token.is_word(self.sql, word));
        self.skip(found)
    }

    fn mark(&mut self, mark: u8) -> bool {
        let found = self.tokens.first().is_some_and(|token| token.kind == TokenKind::Mark(mark));
        self.skip(found)
    }

    fn skip(&mut self, found: bool) -> bool {
        if found {
            self.tokens = &self.tokens[1..];
        }
        found
    }

    fn name(&mut self) -> Option<String> {
        let name = self.tokens.first()?.name(self.sql)?.into_owned();
        self.tokens = &self.tokens[1..];
        Some(name)
    }

    fn table(&mut self) -> Option<Vec<String>> {
        let mut parts = vec![self.name()?];
        while self.mark(b'.') {
            parts.push(self.name()?);
        }
        (parts.len() <= 2).then_some(parts)
    }

    fn alter(&mut self) -> Option<Vec<AddedIndex>> {
        let _ = self.word("online") || self.word("ignore");
        if !self.word("table") {
            return None;
        }
        let table = self.table()?;
        let mut added = Vec::new();
        loop {
            if self.word("algorithm") || self.word("lock") {
                self.options();
            } else if self.word("add") {
                added.push(self.add(&table)?);
            } else {
                return None;
            }
            if !self.mark(b',') {
                return Some(added);
            }
        }
    }

    /// What stands behind `add`.
    fn add(&mut self, table: &[String]) -> Option<AddedIndex> {
        let mut name = None;
        if self.word("constraint") && !self.tokens.first()?.is_word(self.sql, "unique") {
            name = Some(self.name()?);
        }
        let (unique, kind) = self.kind();
        let is_index = self.word("index") || self.word("key");
        if !is_index && !unique && kind == Kind::Plain {
            return None;
        }
        self.if_not_exists();
        if !self.tokens.first()?.is_word(self.sql, "using") && self.tokens.first()?.kind != TokenKind::Mark(b'(') {
            name = Some(self.name()?);
        }
        let shape = self.shape(unique, kind)?;
        Some(AddedIndex { table: table.to_vec(), name, shape })
    }

    fn create(&mut self) -> Option<AddedIndex> {
        if !self.word("create") {
            return None;
        }
        let _ = self.word("online") || self.word("offline");
        let (unique, kind) = self.kind();
        if !self.word("index") {
            return None;
        }
        self.if_not_exists();
        let name = Some(self.name()?);
        let _ = self.word("using") && self.name().is_some();
        if !self.word("on") {
            return None;
        }
        let table = self.table()?;
        let shape = self.shape(unique, kind)?;
        Some(AddedIndex { table, name, shape })
    }

    fn kind(&mut self) -> (bool, Kind) {
        if self.word("unique") {
            (true, Kind::Plain)
        } else if self.word("fulltext") {
            (false, Kind::Fulltext)
        } else if self.word("spatial") {
            (false, Kind::Spatial)
        } else {
            (false, Kind::Plain)
        }
    }

    fn if_not_exists(&mut self) {
        let _ = self.word("if") && self.word("not") && self.word("exists");
    }

    fn shape(&mut self, unique: bool, kind: Kind) -> Option<Shape> {
        let _ = self.word("using") && self.name().is_some();
        if !self.mark(b'(') {
            return None;
        }
        let mut keys = Vec::new();
        loop {
            keys.push(self.key()?);
            if !self.mark(b',') {
                break;
            }
        }
        if !self.mark(b')') {
            return None;
        }
        self.options();
        Some(Shape { unique, kind, keys })
    }

    fn key(&mut self) -> Option<Key> {
        let part = match self.tokens.first()?.kind {
            TokenKind::Mark(b'(') => Part::Expression(self.parenthesis()?),
            _ => Part::Column(self.name()?),
        };
        let prefix = if self.mark(b'(') {
            let digits = self.tokens.first()?.text(self.sql).parse().ok()?;
            self.tokens = &self.tokens[1..];
            (self.mark(b')')).then_some(digits)
        } else {
            None
        };
        let descending = self.word("desc");
        let _ = self.word("asc");
        Some(Key { part, prefix, descending })
    }

    fn parenthesis(&mut self) -> Option<String> {
        let start = self.tokens.first()?.range.start;
        let mut depth = 0;
        while let Some(token) = self.tokens.first() {
            depth += match token.kind {
                TokenKind::Mark(b'(') => 1,
                TokenKind::Mark(b')') => -1,
                _ => 0,
            };
            let end = token.range.end;
            self.tokens = &self.tokens[1..];
            if depth == 0 {
                return Some(self.sql[start..end].to_owned());
            }
        }
        None
    }

    /// Skips to the next comma, or the end.
    fn options(&mut self) {
        while self.tokens.first().is_some_and(|token| token.kind != TokenKind::Mark(b',')) {
            self.tokens = &self.tokens[1..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, added_indexes};

    fn added(sql: &str) -> Vec<String> {
        let added = added_indexes(sql).unwrap_or_default();
        let shown = added.iter().map(|index| {
            let name = index.name.as_deref().unwrap_or("?");
            format!("{} {name} {}", index.table.join("."), index.shape)
        });
        shown.collect()
    }

    #[test]
    fn added_indexes_are_read() {
        assert_eq!(added("alter table `a`.`b` add index idx_day (order_date)"), ["a.b idx_day (order_date)"]);
        assert_eq!(
            added(
                "ALTER TABLE b ADD UNIQUE KEY `u 1` (x, `y z`(20) DESC) USING btree COMMENT 'a, b', add index (q), lock=none"
            ),
            ["b u 1 unique (x, y z(20) desc)", "b ? (q)"]
        );
        assert_eq!(added("create fulltext index f on d.t (words)"), ["d.t f fulltext (words)"]);
        assert_eq!(added("alter table t add constraint c unique (a)"), ["t c unique (a)"]);
        assert_eq!(added("alter table t add index e ((lower(a)), b)"), ["t e ((lower(a)), b)"]);
    }

    #[test]
    fn a_statement_that_does_more_is_not_ours_to_judge() {
        for sql in [
            "alter table t add index a (x), add column y int",
            "alter table t add primary key (x)",
            "alter table t drop index a",
            "select 1",
            "create table t (index a (b))",
        ] {
            assert!(added_indexes(sql).is_none(), "{sql}");
        }
    }

    #[test]
    fn columns_of_configs_are_read() {
        let key = |text: &str| Key::parse(text).map(|key| key.to_string());
        assert_eq!(key("note( 20 ) DESC").as_deref(), Ok("note(20) desc"));
        assert_eq!(key("weight (kg)").as_deref(), Ok("weight (kg)"));
        assert_eq!(key("`order`").as_deref(), Ok("order"));
        assert_eq!(key("(lower(name))").as_deref(), Ok("(lower(name))"));
        assert!(key(" ").is_err() && key("note(0)").is_err());
    }
}
