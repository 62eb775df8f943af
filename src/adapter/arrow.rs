//! Between [`Table`] and Arrow.

use arrow_array::RecordBatch;

use super::{DbError, DbErrorKind, DbResult, Table};

impl Table {
    /// One record batch with the table's rows. Duplicate column names get a suffix.
    pub fn to_arrow(&self) -> DbResult<RecordBatch> {
        Err(DbError::new(DbErrorKind::Other, "not available"))
    }

    /// The rows of record batches, all of one schema.
    pub fn from_arrow(_batches: &[RecordBatch]) -> DbResult<Self> {
        Err(DbError::new(DbErrorKind::Other, "not available"))
    }
}
