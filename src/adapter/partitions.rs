//! What a database says of a table's partitions, and what has to be done to them before rows arrive.

use super::ranges::Ranges;
use super::{Column, Relation};

/// Rows on their way to a table that config `partition_by` divides into ranges.
pub struct Arrival<'a> {
    pub ranges: &'a Ranges,
    pub table: &'a Relation,
    /// The table's column that the ranges are of.
    pub column: &'a Column,
    /// Where the rows are: a table of their own, or the new table itself.
    pub rows: &'a Relation,
    /// Config `partitions`: the only ones that rows may fall into, as SQL.
    pub only: Option<&'a [String]>,
    /// The table has just been made, and has no partitions yet.
    pub is_new: bool,
}

/// What has to be done before the rows can be moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Nothing that could be: the table is partitioned in another way, or not at all.
    Other,
    /// It cannot be, and why.
    Refused {
        /// The config that asks for it.
        key: &'static str,
        problem: String,
        notes: Vec<String>,
        help: &'static str,
    },
    Make {
        statements: Vec<String>,
        /// The partitions that the rows belong to.
        touched: Vec<Touched>,
        /// What makes a table of these partitions only: `partition by …`.
        staging: String,
    },
}

/// A partition that rows arrive in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    pub name: String,
    /// Its name in the table of [`Plan::Make::staging`].
    pub staged: String,
}
