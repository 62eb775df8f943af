use std::sync::Arc;

use serde_json::Map;

use super::*;
use crate::execute::NodeResult;

fn node(kind: ResourceType, name: &str) -> NodeRef {
    NodeRef {
        unique_id: format!("{}.shop.{name}", kind.as_str()).into(),
        name: name.into(),
        package: "shop".into(),
        resource_type: kind,
        path: String::new(),
        materialized: "table".into(),
        is_microbatch: false,
        relation: format!("main.{name}"),
        tested: (kind == ResourceType::UnitTest).then(|| "orders".to_owned()),
    }
}

fn finished(kind: ResourceType, status: Status, message: Option<&str>, failures: Option<u64>) -> String {
    let result = NodeResult {
        status,
        execution_time: 0.123,
        adapter_response: Map::new(),
        message: message.map(str::to_owned),
        failures,
        ..NodeResult::skipped(node(kind, "a"), None)
    };
    let event = Event::NodeFinished { index: 2, total: 9, result: Arc::new(result) };
    lines(&event, 50).iter().map(Line::plain).collect::<Vec<_>>().join("\n")
}

#[test]
fn results_are_told_in_dbts_words() {
    use ResourceType::{Exposure, Model, Seed, Snapshot, Test, UnitTest};
    use Status::{Error, Fail, NoOp, Pass, Skipped, Success, Warn};
    let told = [
        finished(Model, Success, Some("SUCCESS 3"), None),
        finished(Model, Error, Some("no"), None),
        finished(Model, Skipped, None, None),
        finished(Seed, Success, Some("INSERT 3"), None),
        finished(Snapshot, Success, Some("OK"), None),
        finished(Test, Pass, None, Some(0)),
        finished(Test, Fail, None, Some(3)),
        finished(Test, Warn, None, Some(1)),
        finished(Test, Error, Some("no"), None),
        finished(Test, Skipped, None, None),
        finished(UnitTest, Pass, None, None),
        finished(Exposure, NoOp, None, None),
    ];
    assert_eq!(
        told.join("\n"),
        "\
2 of 9 OK created sql table model main.a ......... [SUCCESS 3 in 0.12s]
2 of 9 ERROR creating sql table model main.a ..... [ERROR in 0.12s]
2 of 9 SKIP relation main.a ...................... [SKIP]
2 of 9 OK loaded seed file main.a ................ [INSERT 3 in 0.12s]
2 of 9 OK snapshotted main.a ..................... [OK in 0.12s]
2 of 9 PASS a .................................... [PASS in 0.12s]
2 of 9 FAIL 3 a .................................. [FAIL 3 in 0.12s]
2 of 9 WARN 1 a .................................. [WARN 1 in 0.12s]
2 of 9 ERROR a ................................... [ERROR in 0.12s]
2 of 9 SKIP test a ............................... [SKIP]
2 of 9 PASS orders::a ............................ [PASS in 0.12s]
2 of 9 NO-OP exposure a .......................... [NO-OP]"
    );
}

#[test]
fn the_head_and_the_tail_of_a_run() {
    let events = [
        Event::Started { command: "build", version: "0.1.0" },
        Event::Found { counts: vec![("model", 5), ("data test", 1), ("analysis", 2), ("seed", 0)] },
        Event::Concurrency { threads: 2, target: "dev".into() },
        Event::NodeStart { index: 1, total: 9, node: node(ResourceType::Model, "a"), thread: "t".into() },
        Event::HookFinished {
            index: 1,
            total: 1,
            name: "shop.on-run-start.0".into(),
            status: Status::Success,
            message: String::new(),
            seconds: 0.5,
        },
        Event::RunFinished { counts: vec![("table model".into(), 2), ("seed".into(), 1)], seconds: 3661.5 },
    ];
    let told: Vec<String> = events.iter().flat_map(|event| lines(event, 50)).map(|line| line.plain()).collect();
    assert_eq!(
        told.join("\n"),
        "\
Running with headwater=0.1.0
Found 5 models, 1 data test, 2 analyses

Concurrency: 2 threads (target='dev')

1 of 9 START sql table model main.a .............. [RUN]
1 of 1 OK hook: shop.on-run-start.0 .............. [OK in 0.50s]

Finished running 2 table models, 1 seed in 1 hours 1 minutes and 1.50 seconds (3661.50s)."
    );
}

#[test]
fn the_sum_of_a_run() {
    let mut tally = Tally::default();
    assert_eq!(tally.completed(false).text, "Completed successfully");
    tally.add(Status::Pass);
    tally.add(Status::Warn);
    assert_eq!(tally.completed(false).text, "Completed with 1 warning:");
    tally.add(Status::Error);
    tally.add(Status::Fail);
    tally.add(Status::Skipped);
    assert_eq!(tally.completed(false).text, "Completed with 2 errors, 0 partial successes, and 1 warning:");
    assert_eq!(tally.done().text, "Done. PASS=1 WARN=1 ERROR=2 SKIP=1 NO-OP=0 REUSED=0 TOTAL=5");
}

#[test]
fn only_the_status_is_coloured() {
    let line = with_status(Line::new(Level::Info, "", "", "1 of 1 PASS a ..."), "PASS in 0.01s".into(), Paint::Green);
    assert_eq!(line.painted(), "1 of 1 PASS a ... [\x1b[32mPASS in 0.01s\x1b[0m]");
}

#[test]
fn batches_are_told_in_dbts_words() {
    let model = || NodeRef { is_microbatch: true, ..node(ResourceType::Model, "a") };
    let finished = |status, message: Option<&str>| {
        let result =
            NodeResult { status, execution_time: 0.5, ..NodeResult::skipped(model(), message.map(str::to_owned)) };
        Arc::new(result)
    };
    let batch = |result| Event::BatchFinished { index: 2, total: 9, label: "2024-01-02".to_owned(), result };
    let start = Event::BatchStart {
        index: 2,
        total: 9,
        label: "2024-01-02".to_owned(),
        node: model(),
        thread: "Thread-1 (worker)".into(),
    };
    let partial = finished(Status::PartialSuccess, Some("PARTIAL SUCCESS (8/9)"));
    let told: Vec<Line> = [
        start,
        batch(finished(Status::Success, Some("OK"))),
        batch(finished(Status::Error, Some("no"))),
        batch(finished(Status::Skipped, None)),
        Event::NodeFinished { index: 1, total: 1, result: partial },
    ]
    .iter()
    .flat_map(|event| lines(event, 50))
    .collect();
    let text: Vec<String> = told.iter().map(Line::plain).collect();
    assert_eq!(
        text.join("\n"),
        "\
Batch 2 of 9 START batch 2024-01-02 of main.a .......... [RUN]
Batch 2 of 9 OK created batch 2024-01-02 of main.a ..... [OK in 0.50s]
Batch 2 of 9 ERROR creating batch 2024-01-02 of main.a . [ERROR in 0.50s]
Batch 2 of 9 SKIP batch 2024-01-02 of main.a ........... [SKIPPED in 0.50s]
1 of 1 PARTIALLY created sql microbatch model main.a  [PARTIAL SUCCESS (8/9) in 0.50s]"
    );
    let codes: Vec<&str> = told.iter().map(|line| line.code).collect();
    assert_eq!(codes, ["Q045", "Q046", "Q046", "Q046", "Q012"]);
    let tally = Tally { pass: 1, partial: 1, ..Tally::default() };
    assert_eq!(tally.completed(false).plain(), "Completed with 1 partial success and 0 warnings");
}
