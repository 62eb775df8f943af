//! The documentation says what the code does.

use std::collections::BTreeSet;

use headwater::diag::{Code, Deprecation};

#[test]
fn every_code_is_documented_and_no_other() {
    let page = include_str!("../docs/errors.md");
    let documented: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let known: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(documented, known);
}

#[test]
fn every_deprecation_is_documented() {
    let page = include_str!("../docs/errors.md");
    for kind in Deprecation::ALL {
        assert!(page.contains(&format!("| {} |", kind.event())), "{}", kind.event());
    }
}
