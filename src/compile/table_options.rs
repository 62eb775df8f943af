//! What the table of a node is to be beside its columns.

use std::sync::atomic::Ordering;

use super::objects::truthy;
use super::scope::Scope;
use crate::adapter::TableOptions;
use crate::jinja::Value;

impl Scope {
    /// Says that the tables made from now on hold rows on their way to the node's own table.
    pub(super) fn set_staging(&self, staging: bool) -> Value {
        self.staging.store(staging, Ordering::Relaxed);
        Value::from("")
    }

    pub(super) fn is_staging(&self) -> bool {
        self.staging.load(Ordering::Relaxed)
    }

    /// The options of the table that is being made. Rows on their way need no partitions, which might not take them, and no
    /// comment; a Spider table has those of its own.
    pub(super) fn table_options(&self) -> TableOptions {
        let Some(node) = self.subject.node() else { return TableOptions::default() };
        let options = TableOptions::read(|key| node.config.explicit(key).filter(|value| !value.is_null()).cloned());
        if self.is_staging() || node.config.explicit("spider").is_some_and(truthy) {
            return TableOptions { partition_by: None, ..options };
        }
        let persists = node.config.get("persist_docs").and_then(|docs| docs.get("relation")).is_some_and(truthy);
        let comment = (persists && !node.description.is_empty()).then(|| node.description.clone());
        TableOptions { comment, ..options }
    }
}
