use std::sync::Arc;

use super::{Style, text};
use crate::diag::{Code, Diagnostic, SourceFile, Span};

fn span(file: &Arc<SourceFile>, needle: &str) -> Span {
    let start = file.text.find(needle).unwrap();
    Span::new(file, start..start + needle.len())
}

fn plain(diagnostic: Diagnostic) -> String {
    text(&[diagnostic], Style::PLAIN)
}

#[test]
fn a_primary_place_with_a_note_and_a_help() {
    let text = format!("{}    from {{{{ ref('stg_order') }}}} as o\n", "\n".repeat(8));
    let file = SourceFile::new("models/marts/fct_orders.sql", text);
    let shown = plain(
        Diagnostic::error(Code::RefNotFound, "model `fct_orders` refers to `stg_order`, which is not in this project")
            .at(span(&file, "stg_order"), "no model, seed or snapshot has this name")
            .note("looked in packages `jaffle_shop`, `dbt_utils`")
            .help("a model with a similar name exists: `stg_orders` (models/staging/stg_orders.sql)"),
    );
    let expected = "\
error[ref-not-found]: model `fct_orders` refers to `stg_order`, which is not in this project
  --> models/marts/fct_orders.sql:9:18
   |
 9 |     from {{ ref('stg_order') }} as o
   |                  ^^^^^^^^^ no model, seed or snapshot has this name
   |
note: looked in packages `jaffle_shop`, `dbt_utils`
help: a model with a similar name exists: `stg_orders` (models/staging/stg_orders.sql)
";
    assert_eq!(shown, expected);
}

#[test]
fn a_place_of_two_lines_in_another_file() {
    let model = SourceFile::new(
        "models/staging/stg_events.sql",
        "select *\n\nfrom x\nwhere event_at >= '{{ var(\"start_date\") }}'\n",
    );
    let text = format!("{}vars:\n  startdate: 2024-01-01\n", "\n".repeat(20));
    let project = SourceFile::new("dbt_project.yml", text);
    let shown = plain(
        Diagnostic::error(Code::VarNotSet, "variable `start_date` has no value and no default")
            .at(span(&model, "start_date"), "needed here")
            .place(span(&project, "vars:\n  startdate"), "a variable with a similar name is declared here")
            .help(
                "declare it under `vars:` in dbt_project.yml, pass `--vars '{start_date: 2024-01-01}'`, or give a \
                 default: `var(\"start_date\", \"2024-01-01\")`",
            ),
    );
    let expected = "\
error[var-not-set]: variable `start_date` has no value and no default
  --> models/staging/stg_events.sql:4:28
   |
 4 | where event_at >= '{{ var(\"start_date\") }}'
   |                            ^^^^^^^^^^ needed here
  ::: dbt_project.yml:21:1
21 | vars:
22 |   startdate: 2024-01-01
   |   --------- a variable with a similar name is declared here
   |
help: declare it under `vars:` in dbt_project.yml, pass `--vars '{start_date: 2024-01-01}'`, or give a default: `var(\"start_date\", \"2024-01-01\")`
";
    assert_eq!(shown, expected);
}

#[test]
fn two_marks_on_one_line() {
    let file = SourceFile::new("models/marts/customers.sql", "select\n\n    {{ dbt_utils.star(from=ref('orders' }}\n");
    let open = file.text.find("ref(").unwrap() + 3;
    let end = file.text.find("}}").unwrap();
    let shown = plain(
        Diagnostic::error(Code::JinjaSyntax, "expected `,` or `)`, found `}}`")
            .at(Span::new(&file, end..end + 2), "expected `)` before this")
            .place(Span::new(&file, open..open + 1), "this call to `ref` is never closed")
            .help("close both calls: `{{ dbt_utils.star(from=ref('orders')) }}`"),
    );
    let expected = "\
error[jinja-syntax]: expected `,` or `)`, found `}}`
  --> models/marts/customers.sql:3:41
   |
 3 |     {{ dbt_utils.star(from=ref('orders' }}
   |                               -         ^^ expected `)` before this
   |                               |
   |                               this call to `ref` is never closed
   |
help: close both calls: `{{ dbt_utils.star(from=ref('orders')) }}`
";
    assert_eq!(shown, expected);
}

#[test]
fn a_file_that_is_only_named() {
    let model = SourceFile::new("models/marts/fct_orders.sql", "\n\n\n\n\n        o.amout as order_total,\n");
    let compiled = SourceFile::new(
        "target/compiled/jaffle_shop/models/marts/fct_orders.sql",
        format!("{}        o.amout as order_total,\n", "\n".repeat(13)),
    );
    let shown = plain(
        Diagnostic::error(
            Code::Database,
            "MySQL refused model `fct_orders`: unknown column `o.amout` in the select list (1054, 42S22)",
        )
        .at(span(&model, "o.amout"), "")
        .reference(span(&compiled, "o.amout"), "line 14 of what was sent, statement `main`")
        .note(
            "from materialization `table` (package `dbt_mysql`), thread 3, after 0.21 s; 4 models downstream were \
             skipped",
        )
        .help("`stg_orders` has `id`, `customer_id`, `amount`, `ordered_at`; did you mean `amount`?"),
    );
    let expected = "\
error[database]: MySQL refused model `fct_orders`: unknown column `o.amout` in the select list (1054, 42S22)
  --> models/marts/fct_orders.sql:6:9
   |
 6 |         o.amout as order_total,
   |         ^^^^^^^
  ::: target/compiled/jaffle_shop/models/marts/fct_orders.sql:14:9   (line 14 of what was sent, statement `main`)
   |
note: from materialization `table` (package `dbt_mysql`), thread 3, after 0.21 s; 4 models downstream were skipped
help: `stg_orders` has `id`, `customer_id`, `amount`, `ordered_at`; did you mean `amount`?
";
    assert_eq!(shown, expected);
}

#[test]
fn a_note_alone_follows_the_code_directly() {
    let file = SourceFile::new("models/marts/_marts.yml", "\n\n\n\n    materialised: table\n");
    let shown = plain(
        Diagnostic::error(Code::UnknownConfig, "`materialised` is not a known config of a model")
            .at(span(&file, "materialised"), "did you mean `materialized`?")
            .note("keys of your own belong under `meta:`"),
    );
    let expected = "\
error[unknown-config]: `materialised` is not a known config of a model
  --> models/marts/_marts.yml:5:5
   |
 5 |     materialised: table
   |     ^^^^^^^^^^^^ did you mean `materialized`?
note: keys of your own belong under `meta:`
";
    assert_eq!(shown, expected);
}

#[test]
fn tabs_and_wide_characters_keep_marks_aligned() {
    let file = SourceFile::new("a.sql", "\tselect '日本', bad\n");
    let shown = plain(Diagnostic::error(Code::Database, "no").at(span(&file, "bad"), "here"));
    assert!(shown.contains(" 1 |     select '日本', bad\n   |                    ^^^ here\n"), "{shown}");
}

#[test]
fn long_lines_are_cut_around_the_mark() {
    let file = SourceFile::new("a.sql", format!("{}bad{}\n", "x, ".repeat(100), ", y".repeat(100)));
    let style = Style { color: false, width: Some(60) };
    let shown = text(&[Diagnostic::error(Code::Database, "no").at(span(&file, "bad"), "")], style);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[3].starts_with(" 1 | …") && lines[3].ends_with('…') && lines[3].chars().count() <= 62, "{shown}");
    let column = lines[3].chars().position(|c| c == 'b').unwrap();
    assert_eq!(lines[4].chars().position(|c| c == '^'), Some(column), "{shown}");
}

#[test]
fn places_of_the_same_file_share_its_snippet() {
    let file = SourceFile::new("a.yml", "a: 1\nb: 2\nc: 3\na: 4\n");
    let shown = plain(
        Diagnostic::warning(Code::YamlSyntax, "twice")
            .at(Span::new(&file, 15..16), "this one counts")
            .place(Span::new(&file, 0..1), "this one is ignored"),
    );
    let expected = "\
warning[yaml-syntax]: twice
  --> a.yml:4:1
   |
 1 | a: 1
   | - this one is ignored
...
 4 | a: 4
   | ^ this one counts
";
    assert_eq!(shown, expected);
}

#[test]
fn colors_surround_words_only_when_asked_for() {
    let diagnostic = Diagnostic::error(Code::File, "no").help("do it");
    let colored = text(std::slice::from_ref(&diagnostic), Style { color: true, width: None });
    assert_eq!(colored, "\u{1b}[1;31merror[file]\u{1b}[0m\u{1b}[1m: no\u{1b}[0m\n\u{1b}[1;36mhelp:\u{1b}[0m do it\n");
    assert!(!plain(diagnostic).contains('\u{1b}'));
}

#[test]
fn the_summary_counts() {
    let all =
        [Diagnostic::error(Code::File, "a"), Diagnostic::error(Code::File, "b"), Diagnostic::warning(Code::File, "c")];
    let shown = super::text_with_summary(&all, Style::PLAIN);
    assert!(shown.ends_with("\n2 errors, 1 warning\n"), "{shown}");
}

#[test]
fn json_has_lines_and_columns() {
    let file = SourceFile::new("a.sql", "x\n  y\n");
    let value = super::json(&[Diagnostic::error(Code::File, "no").at(span(&file, "y"), "here").note("n")]);
    assert_eq!(
        value[0]["primary"],
        serde_json::json!({"path": "a.sql", "line": 2, "column": 3, "end_line": 2, "end_column": 4, "text": "here"})
    );
    assert_eq!(value[0]["code"], "file");
}
