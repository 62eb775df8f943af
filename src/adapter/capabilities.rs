//! What a server can do. Macros and Rust ask these, never the name of an engine.

use serde_json::Value;

/// How a new table takes the place of the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swap {
    /// One `RENAME TABLE a TO b, c TO a`: readers never see it missing (MySQL, MariaDB).
    MultiRename,
    /// DDL is transactional: renames inside one transaction (DuckDB, PostgreSQL).
    Transaction,
    /// `ALTER TABLE a SWAP WITH b` (StarRocks).
    SwapWith,
    /// `ALTER TABLE a REPLACE WITH TABLE b PROPERTIES ('swap' = 'true')` (Doris).
    ReplaceWith,
    /// One rename after the other: for a moment there is no table of the name (SingleStore).
    Renames,
}

impl Swap {
    const ALL: [Self; 5] = [Self::MultiRename, Self::Transaction, Self::SwapWith, Self::ReplaceWith, Self::Renames];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::MultiRename => "multi_rename",
            Self::Transaction => "transaction",
            Self::SwapWith => "swap_with",
            Self::ReplaceWith => "replace_with",
            Self::Renames => "renames",
        }
    }
}

/// How rows are merged on a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upsert {
    /// `INSERT … ON DUPLICATE KEY UPDATE`
    OnDuplicateKey,
    /// `MERGE INTO`
    Merge,
    None,
}

/// How one statement is given a time after which it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementLimit {
    /// `select /*+ max_execution_time(5000) */ …` (MySQL)
    Hint,
    /// `set statement max_statement_time = 5 for select …` (MariaDB)
    SetStatement,
    None,
}

/// Probed from the server's version; a MySQL target may say otherwise under `capabilities:`, for servers that only speak
/// MySQL's protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// `MariaDB`, `MySQL`, `DuckDB` …, for people.
    pub product: String,
    pub version: String,
    pub swap: Swap,
    pub upsert: Upsert,
    /// A DDL statement takes part in a transaction.
    pub transactional_ddl: bool,
    /// Several statements that change rows take effect together, or not at all.
    pub transactions: bool,
    /// `create table … as select …`
    pub create_table_as: bool,
    /// `delete a from a join b …` and `update a join b … set …`
    pub joined_changes: bool,
    /// Tables of the engine Spider, whose rows are on other servers.
    pub spider: bool,
    pub create_or_replace_table: bool,
    pub create_or_replace_function: bool,
    /// `alter table … add index if not exists`
    pub add_index_if_not_exists: bool,
    /// `md5()` is there without installing anything (not on MySQL ≥ 9.6).
    pub md5: bool,
    pub except_intersect: bool,
    pub returning: bool,
    /// Several sessions may change different rows of one table at the same time.
    pub concurrent_batches: bool,
    /// Which kinds of constraints the server holds by itself. What it does not is checked by queries.
    pub enforces_not_null: bool,
    pub enforces_unique: bool,
    pub enforces_primary_key: bool,
    pub enforces_check: bool,
    pub enforces_foreign_key: bool,
    /// Constraints of a table with rows can be added and dropped.
    pub alters_constraints: bool,
    /// Columns of `text` and `blob` types can be keys as a whole.
    pub long_keys: bool,
    /// `json` is a type of its own, not another name of a text type.
    pub json_type: bool,
    pub statement_limit: StatementLimit,
    /// `get_lock`: two runs do not build one relation at the same time, and lost connections are recovered.
    pub named_locks: bool,
}

impl Capabilities {
    /// Sets one by its name. False when there is none of this name, or it cannot be this.
    pub fn set(&mut self, name: &str, value: &Value) -> bool {
        let flag = match name {
            "swap" => {
                let swap = Swap::ALL.into_iter().find(|swap| value.as_str() == Some(swap.as_str()));
                return swap.map(|swap| self.swap = swap).is_some();
            }
            "upsert" => {
                let upsert = match value.as_str() {
                    Some("on_duplicate_key") => Upsert::OnDuplicateKey,
                    Some("merge") => Upsert::Merge,
                    Some("none") => Upsert::None,
                    _ => return false,
                };
                self.upsert = upsert;
                return true;
            }
            "transactions" => &mut self.transactions,
            "create_table_as" => &mut self.create_table_as,
            "joined_changes" => &mut self.joined_changes,
            "spider" => &mut self.spider,
            "create_or_replace_table" => &mut self.create_or_replace_table,
            "create_or_replace_function" => &mut self.create_or_replace_function,
            "add_index_if_not_exists" => &mut self.add_index_if_not_exists,
            "md5" => &mut self.md5,
            "except_intersect" => &mut self.except_intersect,
            "returning" => &mut self.returning,
            "concurrent_batches" => &mut self.concurrent_batches,
            "enforces_not_null" => &mut self.enforces_not_null,
            "enforces_unique" => &mut self.enforces_unique,
            "enforces_primary_key" => &mut self.enforces_primary_key,
            "enforces_check" => &mut self.enforces_check,
            "enforces_foreign_key" => &mut self.enforces_foreign_key,
            "alters_constraints" => &mut self.alters_constraints,
            "long_keys" => &mut self.long_keys,
            "json_type" => &mut self.json_type,
            "named_locks" => &mut self.named_locks,
            _ => return false,
        };
        value.as_bool().map(|value| *flag = value).is_some()
    }
}
