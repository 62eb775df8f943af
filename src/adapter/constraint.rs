//! Constraints as a server's catalog knows them.

use super::Relation;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConstraintKind {
    NotNull,
    Unique,
    PrimaryKey,
    Check,
    ForeignKey,
}

/// A constraint that a table has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    pub kind: ConstraintKind,
    /// Of a column that takes no null: the column.
    pub name: String,
    /// In the order of the key. Empty for checks and foreign keys, which their names tell apart.
    pub columns: Vec<String>,
}

/// A foreign key of `child`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    pub name: String,
    pub child: Relation,
    pub columns: Vec<String>,
    pub parent_columns: Vec<String>,
    /// `RESTRICT`, `CASCADE`, `SET NULL` …
    pub on_delete: String,
    pub on_update: String,
}
