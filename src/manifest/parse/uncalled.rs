//! Macros of dbt's adapters that a project has its own of, and that nothing here calls: the engine does their work in
//! another way. dbt would call them, so they are told.

use std::collections::HashSet;

use crate::diag::{Code, Diagnostic, Span};
use crate::jinja::{Library, MacroDef};
use crate::manifest::dispatch::Dispatcher;
use crate::project::Project;

/// Names that dispatch finds behind a prefix, the embedded package without which they are called, and what to do.
const DISPATCHED: &[(&str, &str, &str)] = &[
    ("check_schema_exists", "dbt", CATALOG),
    ("get_catalog", "dbt", CATALOG),
    ("get_columns_in_relation", "dbt", CATALOG),
    ("list_relations_without_caching", "dbt", CATALOG),
    ("list_schemas", "dbt", CATALOG),
    ("get_phony_data_for_type", "dbt_mysql", "contracts are compared without casting to the declared types"),
    ("rename_relation", "dbt_mysql", "tables are put in place by `swap_relations`: override `mysql__swap_relations`"),
    ("snapshot_merge_sql_insert", "dbt_mysql", SNAPSHOT),
    ("snapshot_merge_sql_update", "dbt_mysql", SNAPSHOT),
];

/// Names without a prefix.
const PLAIN: &[(&str, &str, &str)] =
    &[("incremental_delete", "dbt_mysql", INCREMENTAL), ("incremental_insert", "dbt_mysql", INCREMENTAL)];

const CATALOG: &str = "the engine reads the database's catalog itself";
const SNAPSHOT: &str = "a snapshot is merged by `snapshot_merge_sql`: override `mysql__snapshot_merge_sql`";
const INCREMENTAL: &str =
    "the strategy is `get_delete_insert_merge_sql`: override `mysql__get_delete_insert_merge_sql`";

/// Warns of them, one by one.
pub fn check(project: &Project, library: &Library, dispatcher: &Dispatcher, diags: &mut Vec<Diagnostic>) {
    let embedded = |name: &str| project.package(name).is_some_and(|package| package.embedded);
    let own = || library.iter().filter(|found| !embedded(&found.package));
    let mut called: Option<HashSet<&str>> = None;
    for found in own() {
        let plain = PLAIN.iter().find(|(name, ..)| *name == &*found.name);
        let known = match plain {
            Some(known) => {
                let calls = called.get_or_insert_with(|| {
                    library.iter().flat_map(|found| found.calls.iter().map(|call| call.name.as_str())).collect()
                });
                Some(known).filter(|_| !calls.contains(&*found.name))
            }
            None => DISPATCHED.iter().find(|(name, ..)| dispatcher.is_for(&found.name, name)),
        };
        if let Some((_, package, help)) = known.filter(|(_, package, _)| project.package(package).is_some()) {
            diags.push(warning(found, package, help));
        }
    }
}

fn warning(found: &MacroDef, package: &str, help: &str) -> Diagnostic {
    let span = Span::new(&found.file, found.block.range.start..found.block.body.start);
    Diagnostic::warning(Code::UncalledMacro, format!("`{}` is never called here", found.name))
        .at(span, "")
        .note(format!("dbt calls the macro of this name in `{package}`; {help}"))
        .help("remove it where dbt is not used any more")
        .node(&*found.unique_id)
}
