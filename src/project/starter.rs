//! The project that `init` begins with.

use std::path::Path;

use super::files;
use crate::diag::{Code, Diagnostic, Result};

/// Paths and texts; `PROJECT_NAME` and `PROFILE_NAME` stand for the names.
const FILES: &[(&str, &str)] = &[
    ("dbt_project.yml", include_str!("../../starter/dbt_project.yml")),
    ("README.md", include_str!("../../starter/README.md")),
    (".gitignore", include_str!("../../starter/gitignore")),
    ("seeds/raw_customers.csv", include_str!("../../starter/seeds/raw_customers.csv")),
    ("seeds/raw_orders.csv", include_str!("../../starter/seeds/raw_orders.csv")),
    ("models/staging/staging.yml", include_str!("../../starter/models/staging/staging.yml")),
    ("models/staging/stg_customers.sql", include_str!("../../starter/models/staging/stg_customers.sql")),
    ("models/staging/stg_orders.sql", include_str!("../../starter/models/staging/stg_orders.sql")),
    ("models/customers.yml", include_str!("../../starter/models/customers.yml")),
    ("models/customers.sql", include_str!("../../starter/models/customers.sql")),
    ("tests/no_negative_amounts.sql", include_str!("../../starter/tests/no_negative_amounts.sql")),
    // So that git keeps the folders.
    ("macros/.gitkeep", ""),
    ("snapshots/.gitkeep", ""),
    ("analyses/.gitkeep", ""),
];

/// Writes the starter into a folder that does not exist yet.
///
/// # Errors
/// There is something of that name, or it cannot be written.
pub fn write(folder: &Path, name: &str, profile: &str) -> Result<()> {
    let failed = |error: std::io::Error| {
        let what = format!("cannot write `{}`: {}", folder.display(), files::reason(&error));
        Diagnostic::error(Code::File, what).boxed()
    };
    // Fails if anything is there: nothing is ever written over.
    std::fs::create_dir(folder).map_err(failed)?;
    for (path, text) in FILES {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        let text = text.replace("PROJECT_NAME", name).replace("PROFILE_NAME", profile);
        std::fs::write(&path, text).map_err(failed)?;
    }
    Ok(())
}
