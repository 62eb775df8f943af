use std::sync::Mutex;

use serde_json::Map;

use super::kind::FORMATTING;
use super::*;
use crate::cli::hub::Hub;
use crate::cli::parse::parse;
use crate::cli::settings::settings;
use crate::diag::log::{Detail, Key, Log, LogEntry};
use crate::execute::{EventSink, Member, NodeRef, Phase, Status};
use crate::manifest::ResourceType;
use crate::project::{Env, Secrets};

/// Name, code, text and fields.
type Heard = (&'static str, &'static str, String, Value);

/// Keeps what it hears from a level on.
struct Memory {
    least: Level,
    heard: Mutex<Vec<Heard>>,
}

impl Listener for Memory {
    fn hears(&self, _: &Kind, level: Level) -> bool {
        level >= self.least
    }

    fn reads_data(&self) -> bool {
        true
    }

    fn hear(&self, message: &Message<'_>) {
        let (kind, msg) = (message.kind, message.msg());
        self.heard.lock().unwrap().push((kind.name, kind.code, msg, message.data()));
    }
}

fn hub_of(line: &[&str], least: Level) -> (Hub, Arc<Memory>) {
    let argv: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
    let given = parse(&argv).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(&given, given.command.unwrap(), &Env::default(), dir.path(), false).unwrap();
    let memory = Arc::new(Memory { least, heard: Mutex::default() });
    let mut hub = Hub::new(&settings, Secrets::new(&Env::from([("DBT_ENV_SECRET_X", "hunter\"2")])));
    hub.add(memory.clone());
    (hub, memory)
}

fn hub(least: Level) -> (Hub, Arc<Memory>) {
    hub_of(&["build", "--printer-width", "50"], least)
}

impl Memory {
    fn lines(&self) -> String {
        self.heard.lock().unwrap().iter().map(|heard| heard.2.clone()).collect::<Vec<_>>().join("\n")
    }

    fn names(&self) -> Vec<&'static str> {
        self.heard.lock().unwrap().iter().map(|heard| heard.0).collect()
    }

    fn data(&self, name: &str) -> Value {
        self.heard.lock().unwrap().iter().find(|heard| heard.0 == name).unwrap().3.clone()
    }
}

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
        member: Member::Other,
    }
}

fn result(kind: ResourceType, status: Status, message: Option<&str>, failures: Option<u64>) -> Arc<NodeResult> {
    Arc::new(NodeResult {
        status,
        execution_time: 0.123,
        adapter_response: Map::new(),
        message: message.map(str::to_owned),
        failures,
        ..NodeResult::skipped(node(kind, "a"), None)
    })
}

fn finished(kind: ResourceType, status: Status, message: Option<&str>, failures: Option<u64>) -> String {
    let (hub, memory) = hub(Level::Info);
    let result = result(kind, status, message, failures);
    hub.event(&Event::NodeFinished { index: 2, total: 9, result, blocks: false });
    memory.lines()
}

#[test]
fn results_are_told_in_dbts_words() {
    use ResourceType::{Exposure, Model, Seed, Snapshot, Test, UnitTest};
    use Status::{Error, Fail, NoOp, PartialSuccess, Pass, Skipped, Success, Warn};
    let told = [
        finished(Model, Success, Some("SUCCESS 3"), None),
        finished(Model, Error, Some("no"), None),
        finished(Model, PartialSuccess, Some("Partial success (1/2)"), None),
        finished(Model, Skipped, None, None),
        finished(Seed, Success, Some("INSERT 3"), None),
        finished(Snapshot, Success, Some("OK"), None),
        finished(Test, Pass, None, Some(0)),
        finished(Test, Fail, None, Some(3)),
        finished(Test, Warn, None, Some(1)),
        finished(Test, Error, Some("no"), None),
        finished(Test, Skipped, None, None),
        finished(UnitTest, Pass, None, None),
        finished(UnitTest, Skipped, None, None),
        finished(Exposure, NoOp, None, None),
    ];
    assert_eq!(
        told.join("\n"),
        "\
2 of 9 OK created sql table model main.a ......... [SUCCESS 3 in 0.12s]
2 of 9 ERROR creating sql table model main.a ..... [ERROR in 0.12s]
2 of 9 PARTIALLY created sql table model main.a .. [PARTIAL SUCCESS (1/2) in 0.12s]
2 of 9 SKIP relation main.a ...................... [SKIP]
2 of 9 OK loaded seed file main.a ................ [INSERT 3 in 0.12s]
2 of 9 OK snapshotted main.a ..................... [OK in 0.12s]
2 of 9 PASS a .................................... [PASS in 0.12s]
2 of 9 FAIL 3 a .................................. [FAIL 3 in 0.12s]
2 of 9 WARN 1 a .................................. [WARN 1 in 0.12s]
2 of 9 ERROR a ................................... [ERROR in 0.12s]
2 of 9 SKIP test a ............................... [SKIP]
2 of 9 PASS orders::a ............................ [PASS in 0.12s]
2 of 9 SKIP unit_test a .......................... [SKIP]
2 of 9 NO-OP exposure a .......................... [NO-OP in 0.12s]"
    );
}

#[test]
fn the_head_and_the_tail_of_a_run() {
    let (hub, memory) = hub(Level::Info);
    let hook = |name: &str| (name.to_owned(), node(ResourceType::Operation, name));
    let (start, end) = (hook("shop.on-run-start.0"), hook("shop.on-run-end.0"));
    let passed = result(ResourceType::Operation, Status::Success, None, None);
    let events = [
        Event::Started { version: "0.1.0", arguments: Arc::default() },
        Event::Found { counts: vec![("model", 5), ("data test", 1), ("analysis", 2), ("seed", 0)] },
        Event::Concurrency { threads: 2, target: "dev".into(), nodes: 9 },
        Event::HookStart { index: 1, total: 1, name: start.0.clone(), node: start.1 },
        Event::HookFinished { index: 1, total: 1, name: start.0, result: passed.clone() },
        Event::NodeStart { index: 1, total: 9, node: node(ResourceType::Model, "a"), thread: "t".into() },
        Event::NodeStart { index: 2, total: 9, node: node(ResourceType::Exposure, "e"), thread: "t".into() },
        Event::HookStart { index: 1, total: 1, name: end.0.clone(), node: end.1 },
        Event::HookFinished { index: 1, total: 1, name: end.0, result: passed },
        Event::RunFinished { counts: vec![("table model".into(), 2), ("seed".into(), 1)], seconds: 3661.5 },
    ];
    events.iter().for_each(|event| hub.event(event));
    assert_eq!(
        memory.lines(),
        "\
Running with headwater=0.1.0
Found 5 models, 1 data test, 2 analyses

Concurrency: 2 threads (target='dev')

1 of 1 START hook: shop.on-run-start.0 ........... [RUN]
1 of 1 OK hook: shop.on-run-start.0 .............. [OK in 0.12s]

1 of 9 START sql table model main.a .............. [RUN]

1 of 1 START hook: shop.on-run-end.0 ............. [RUN]
1 of 1 OK hook: shop.on-run-end.0 ................ [OK in 0.12s]

Finished running 2 table models, 1 seed in 1 hours 1 minutes and 1.50 seconds (3661.50s)."
    );
}

#[test]
fn the_sum_of_a_run() {
    let done = |statuses: &[Status], cancelled| {
        let (hub, memory) = hub(Level::Info);
        let mut tally = summary::Tally::default();
        statuses.iter().for_each(|status| tally.add(*status));
        tally.completed(&hub, cancelled);
        tally.done(&hub);
        memory.lines()
    };
    use Status::{Error, Fail, NoOp, PartialSuccess, Pass, Skipped, Warn};
    assert_eq!(
        [done(&[Pass], false), done(&[Warn, PartialSuccess], false), done(&[Pass], true)].join("\n"),
        "\
Completed successfully
Done. PASS=1 WARN=0 ERROR=0 SKIP=0 NO-OP=0 REUSED=0 TOTAL=1
Completed with 1 partial success and 1 warning
Done. PASS=0 WARN=1 ERROR=1 SKIP=0 NO-OP=0 REUSED=0 TOTAL=2
Exited because of keyboard interrupt
Done. PASS=1 WARN=0 ERROR=0 SKIP=0 NO-OP=0 REUSED=0 TOTAL=1"
    );
    assert_eq!(
        done(&[Pass, Warn, Error, Fail, Skipped, NoOp], false),
        "\
Completed with 2 errors, 0 partial successes, and 1 warning:
Done. PASS=1 WARN=1 ERROR=2 SKIP=1 NO-OP=1 REUSED=0 TOTAL=6"
    );
}

#[test]
fn only_words_that_matter_are_coloured() {
    let text = Text::dotted((1, 1), "PASS a", 20, ("PASS", text::Paint::Green), Some(0.01));
    assert_eq!(text.colored(), "1 of 1 PASS a ...... [\x1b[32mPASS\x1b[0m in 0.01s]");
    assert_eq!(text.plain(), "1 of 1 PASS a ...... [PASS in 0.01s]");
}

#[test]
fn a_node_is_known_from_its_start_to_its_end() {
    let (hub, memory) = hub(Level::Debug);
    let model = node(ResourceType::Model, "a");
    hub.event(&Event::NodeStart { index: 1, total: 1, node: model.clone(), thread: "Thread-1 (worker)".into() });
    hub.event(&Event::NodePhase { unique_id: model.unique_id.clone(), phase: Phase::Executing });
    let statement = LogEntry {
        level: Level::Debug,
        node: Some("model.shop.a"),
        thread: Some("Thread-1 (worker)"),
        event: "SQLQuery",
        text: "select 1",
        detail: Detail::Statement { connection: "model.shop.a" },
    };
    hub.write(&statement);
    let result = result(ResourceType::Model, Status::Error, Some("no"), None);
    hub.event(&Event::NodeFinished { index: 1, total: 1, result, blocks: true });
    hub.write(&statement);
    let info = |name: &str| memory.data(name)["node_info"].clone();
    let starts = ["NodeStart", "LogStartLine", "NodeExecuting", "SQLQuery", "LogModelResult", "NodeFinished"]
        .map(|name| info(name)["node_started_at"].as_str().unwrap().to_owned());
    assert!(starts.iter().all(|at| *at == starts[0] && !at.is_empty()), "{starts:?}");
    let statuses = ["NodeStart", "SQLQuery", "NodeFinished"].map(|name| info(name)["node_status"].clone());
    assert_eq!(statuses, ["started", "executing", "error"]);
    assert_ne!(info("NodeFinished")["node_finished_at"], "");
    let heard = memory.heard.lock().unwrap();
    assert_eq!(heard.last().unwrap().3.get("node_info"), None);
    let marked = heard.iter().find(|heard| heard.0 == "MarkSkippedChildren").unwrap();
    let text = "Marking all children of 'model.shop.a' to be skipped because of status 'error'.  Reason: no.";
    assert_eq!((marked.1, &*marked.2), ("Z033", text));
}

#[test]
fn what_is_skipped_begins_and_has_no_end() {
    let (hub, memory) = hub(Level::Debug);
    let skipped = result(ResourceType::Model, Status::Skipped, None, None);
    hub.event(&Event::NodeFinished { index: 1, total: 1, result: skipped, blocks: false });
    assert_eq!(memory.names(), ["NodeStart", "SkippingDetails", "NodeFinished"]);
    assert_eq!(memory.data("SkippingDetails")["node_info"]["node_finished_at"], "");
}

#[test]
fn compiling_tells_of_no_building() {
    let (hub, memory) = hub_of(&["compile"], Level::Debug);
    let model = node(ResourceType::Model, "a");
    hub.event(&Event::NodeStart { index: 1, total: 1, node: model, thread: "t".into() });
    let result = result(ResourceType::Model, Status::Success, None, None);
    hub.event(&Event::NodeFinished { index: 1, total: 1, result, blocks: false });
    hub.event(&Event::RunFinished { counts: Vec::new(), seconds: 1.0 });
    assert_eq!(memory.names(), ["NodeStart", "NodeFinished"]);
}

#[test]
fn what_nobody_hears_is_not_made() {
    let (hub, memory) = hub(Level::Warn);
    let never = || -> Text { panic!("nobody hears it") };
    hub.say(Head::new(&FORMATTING), never, &|| panic!("nobody reads it"));
    assert!(memory.names().is_empty());
}

#[test]
fn secrets_are_covered_in_text_and_fields() {
    let (hub, memory) = hub(Level::Debug);
    let entry = LogEntry {
        level: Level::Info,
        node: None,
        thread: None,
        event: "JinjaLogInfo",
        text: "it is hunter\"2",
        detail: Detail::Message,
    };
    hub.write(&entry);
    assert_eq!(
        (memory.lines().as_str(), memory.data("JinjaLogInfo")["msg"].as_str().unwrap()),
        ("it is *****", "it is *****")
    );
}

#[test]
fn the_cache_is_told_in_dbts_words() {
    let (hub, memory) = hub(Level::Debug);
    let key = |identifier| Key { database: "db", schema: "main", identifier };
    let write = |event, text, detail| {
        hub.write(&LogEntry { level: Level::Debug, node: None, thread: None, event, text, detail });
    };
    write("CacheAction", "add_relation", Detail::Cached { relation: key("a"), other: None });
    write("CacheAction", "rename_relation", Detail::Cached { relation: key("a"), other: Some(key("b")) });
    write("ListRelations", "", Detail::Listed { schema: key(""), names: &["a", "b"] });
    assert_eq!(
        memory.lines(),
        "\
adding relation: (database=db, schema=main, identifier=a)
Renaming relation (database=db, schema=main, identifier=a) to (database=db, schema=main, identifier=b)
While listing relations in database=db, schema=main, found: a, b"
    );
    assert_eq!(memory.data("CacheAction")["ref_key"]["identifier"], "a");
    assert!(Kind::named("CacheAction").is_of_cache() && !Kind::named("ListRelations").is_of_cache());
}

#[test]
fn names_and_codes_are_dbts() {
    let codes = ["NodeFinished", "NoNodeForYamlKey", "WEOIncludeExcludeDeprecation", "nobody knows"];
    assert_eq!(codes.map(|name| Kind::named(name).code), ["Q025", "I058", "D031", "Z050"]);
}

#[test]
fn batches_are_told_in_dbts_words() {
    let (hub, memory) = hub(Level::Info);
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
    let result = finished(Status::PartialSuccess, Some("PARTIAL SUCCESS (8/9)"));
    let events = [
        start,
        batch(finished(Status::Success, Some("OK"))),
        batch(finished(Status::Error, Some("no"))),
        batch(finished(Status::Skipped, None)),
        Event::NodeFinished { index: 1, total: 1, result, blocks: true },
    ];
    events.iter().for_each(|event| hub.event(event));
    assert_eq!(
        memory.lines(),
        "\
Batch 2 of 9 START batch 2024-01-02 of main.a .......... [RUN]
Batch 2 of 9 OK created batch 2024-01-02 of main.a ..... [OK in 0.50s]
Batch 2 of 9 ERROR creating batch 2024-01-02 of main.a . [ERROR in 0.50s]
Batch 2 of 9 SKIP batch 2024-01-02 of main.a ........... [SKIPPED in 0.50s]
1 of 1 PARTIALLY created sql microbatch model main.a  [PARTIAL SUCCESS (8/9) in 0.50s]"
    );
    let codes: Vec<&str> = memory.heard.lock().unwrap().iter().map(|heard| heard.1).collect();
    assert_eq!(codes, ["Q045", "Q046", "Q046", "Q046", "Q012"]);
    assert_eq!(memory.data("LogBatchResult")["status"], "OK");
}
