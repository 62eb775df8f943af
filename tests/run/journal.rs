//! What the journal does for a run: leftovers of dead runs, and models that are built in batches.

use headwater::adapter::{Cell, ColumnType, QueryResult, Relation, Table};
use headwater::execute::BatchSettings;
use headwater::manifest::event_time::{Window, parse_datetime};
use headwater::plan::Verb;

use crate::project::Project;

fn table(identifier: &str) -> Relation {
    Relation::table("main", identifier)
}

/// Rows of the journal: identifier, run, and the connection that still works for it.
fn unfinished(rows: &[(&str, &str, Option<i64>)]) -> Vec<Vec<Cell>> {
    let text = |text: &str| Cell::Text(text.to_owned());
    let row = |(identifier, run, holder): &(&str, &str, Option<i64>)| {
        vec![
            text("main"),
            text(identifier),
            Cell::Null,
            text("model.shop.gone"),
            text("headwater/lock"),
            text(run),
            holder.map_or(Cell::Null, Cell::Int),
        ]
    };
    rows.iter().map(row).collect()
}

#[test]
fn what_a_dead_run_has_left_is_cleared_before_the_first_node() {
    let project = Project::new(&[("models/m.sql", "{{ config(materialized='table') }} select 1 as n")]);
    let columns: Vec<(&str, ColumnType)> = vec![("any", ColumnType::Text); 7];
    let rows = unfinished(&[("moved", "dead", None), ("half", "dead", Some(42)), ("whole", "dead", None)]);
    let holder = [Cell::Int(0), Cell::Int(42), Cell::Int(1)];
    let run = ["dead", "host", "77", "2026-01-01 10:00:00"].map(|text| Cell::Text(text.to_owned()));
    let busy = [holder.to_vec(), run.to_vec(), vec![Cell::Null, Cell::Int(1), Cell::Int(42)]].concat();
    let busy = QueryResult { table: Table { columns: Vec::new(), rows: vec![busy] }, ..QueryResult::default() };
    let project = project.script(|adapter| {
        adapter
            .rows("where ended_at is null and run <>", &columns, rows)
            .once("get_lock('headwater/", move |_| Ok(busy.clone()))
            .relation(table("moved__dbt_backup"))
            .relation(table("half"))
            .relation(table("half__dbt_tmp"))
            .relation(table("whole"))
            .relation(table("other__dbt_tmp"))
            .with_journal()
    });
    let ran = project.run(Verb::Run).succeeded();
    let at = |part: &str| {
        let found = ran.statements.iter().position(|sql| sql.contains(part));
        found.unwrap_or_else(|| panic!("{part} in {:#?}", ran.statements))
    };
    let restored = at("rename table `main`.`moved__dbt_backup` to `main`.`moved`");
    let dropped = at("drop table if exists `main`.`half__dbt_tmp`");
    let ended = at("where run = 'dead' and ended_at is null");
    assert!(at("kill 42") < ended && restored < ended && dropped < ended);
    assert!(ended < at("create table `main`.`m__dbt_tmp`"), "{:#?}", ran.statements);
    assert_eq!(ran.sent("kill ").len(), 1);
    assert!(ran.sent("other__dbt_tmp").is_empty(), "nobody has left that: {:#?}", ran.statements);
    assert!(ran.sent("'main.whole'").is_empty(), "there is nothing to do: {:#?}", ran.statements);
}

#[test]
fn the_lock_of_a_model_is_held_from_before_its_first_batch_until_after_its_last() {
    let sources = "sources: [{name: raw, schema: raw, tables: [{name: clicks, config: {event_time: at}}]}]";
    let model = "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='at', \
                 batch_size='day', begin='2024-01-01') }} select * from {{ source('raw', 'clicks') }}";
    let mut project = Project::new(&[("models/sources.yml", sources), ("models/m.sql", model)]);
    let window = ["2024-01-01", "2024-01-04"].map(|day| parse_datetime(day).expect("a date"));
    let [start, end] = window;
    project.batches = BatchSettings { asked: Some(Window { start, end }), ..BatchSettings::default() };
    let ran = project.script(|adapter| adapter.with_journal()).run(Verb::Run).succeeded();
    let with = |part: &str, also: &str| -> Vec<usize> {
        let found = ran.statements.iter().enumerate();
        found.filter(|(_, sql)| sql.contains(part) && sql.contains(also)).map(|(at, _)| at).collect()
    };
    let whole = with("; insert into", "'main.m'");
    let lock = ran.statements[whole[0]].split('\'').nth(1).expect("a lock").to_owned();
    let batches = with("; insert into", "'main.m@");
    let last = *with("; commit", "'main.m@20240103'").last().expect("a commit");
    let released = with("release_lock", &lock);
    assert_eq!((whole.len(), batches.len(), released.len()), (1, 3, 1), "{:#?}", ran.statements);
    assert!(whole[0] < batches[0] && last < released[0], "{:#?}", ran.statements);
}
