//! What an event says, as lines for people: dbt's words, so that eyes and scripts find what they know.

use super::settings::Format;
use crate::diag::log::Level;
use crate::execute::{Event, FreshnessResult, NodeRef, NodeResult, RunResults, Status};
use crate::manifest::ResourceType;

/// A line before it gets a time and colours.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub level: Level,
    /// dbt's name and code of the event, for JSON.
    pub name: &'static str,
    pub code: &'static str,
    pub text: String,
    /// Behind the text: `[PASS in 0.02s]`.
    pub status: Option<(String, Paint)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Green,
    Yellow,
    Red,
}

impl Line {
    pub(super) fn new(level: Level, code: &'static str, name: &'static str, text: impl Into<String>) -> Self {
        Self { level, name, code, text: text.into(), status: None }
    }

    fn empty() -> Self {
        Self::new(Level::Info, "Z017", "Formatting", "")
    }

    /// With its status, without colours.
    pub(super) fn plain(&self) -> String {
        match &self.status {
            Some((status, _)) => format!("{} [{status}]", self.text),
            None => self.text.clone(),
        }
    }

    /// As it is written to a console or file. `thread` is the worker that it tells of.
    pub(super) fn stamped(&self, format: Format, colors: bool, thread: Option<&str>) -> String {
        let text = if colors { self.painted() } else { self.plain() };
        let now = chrono::Local::now();
        if format == Format::Debug {
            let current = std::thread::current();
            let thread = thread_name(thread.or(current.name()));
            return format!("{} [{:<5}] [{thread}]: {text}", now.format("%H:%M:%S%.6f"), self.level.as_str());
        }
        format!("{}  {text}", now.format("%H:%M:%S")).trim_end().to_owned()
    }

    pub(super) fn painted(&self) -> String {
        match &self.status {
            Some((status, Paint::Plain)) => format!("{} [{status}]", self.text),
            Some((status, paint)) => format!("{} [{}{status}\x1b[0m]", self.text, paint.code()),
            None => self.text.clone(),
        }
    }
}

impl Paint {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Green => "\x1b[32m",
            Self::Yellow => "\x1b[33m",
            Self::Red => "\x1b[31m",
        }
    }
}

/// Workers have names; all else is dbt's main thread.
pub(super) fn thread_name(name: Option<&str>) -> &str {
    name.filter(|name| name.starts_with("Thread-")).unwrap_or("MainThread")
}

/// How a result is told: at which level, in which words and colour.
struct Verdict {
    level: Level,
    text: String,
    status: String,
    paint: Paint,
}

impl Verdict {
    fn new(level: Level, paint: Paint, text: String, status: impl Into<String>) -> Self {
        Self { level, text, status: status.into(), paint }
    }
}

/// The lines of an event; `width` is how far the dots go.
pub(super) fn lines(event: &Event, width: usize) -> Vec<Line> {
    let info = |code, name, text: String| Line::new(Level::Info, code, name, text);
    match event {
        Event::Started { version, .. } => {
            vec![info("A001", "MainReportVersion", format!("Running with headwater={version}"))]
        }
        Event::Adapter { kind, version } => {
            vec![info("E034", "AdapterRegistered", format!("Registered adapter: {kind}={version}"))]
        }
        Event::Found { counts } => {
            let counts: Vec<String> =
                counts.iter().filter(|(_, count)| *count > 0).map(|(what, n)| counted(what, *n)).collect();
            vec![info("W006", "FoundStats", format!("Found {}", counts.join(", "))), Line::empty()]
        }
        Event::Concurrency { threads, target } => {
            let noun = if *threads == 1 { "thread" } else { "threads" };
            let text = format!("Concurrency: {threads} {noun} (target='{target}')");
            vec![info("Q027", "ConcurrencyLine", text), Line::empty()]
        }
        Event::HookStart { index, total, name } => {
            let text = dotted(*index, *total, &format!("START hook: {name}"), width);
            vec![with_status(info("Q032", "LogHookStartLine", text), "RUN".to_owned(), Paint::Plain)]
        }
        Event::HookFinished { index, total, name, status, seconds, .. } => {
            let (word, level, paint) = match status {
                Status::Success => ("OK", Level::Info, Paint::Green),
                Status::Skipped => ("SKIP", Level::Info, Paint::Yellow),
                _ => ("ERROR", Level::Error, Paint::Red),
            };
            let text = dotted(*index, *total, &format!("{word} hook: {name}"), width);
            vec![with_status(Line::new(level, "Q033", "LogHookEndLine", text), timed(word, *seconds), paint)]
        }
        Event::NodeStart { index, total, node, .. } | Event::FreshnessStart { index, total, node, .. } => {
            let text = dotted(*index, *total, &format!("START {}", node.description()), width);
            vec![with_status(info("Q011", "LogStartLine", text), "RUN".to_owned(), Paint::Plain)]
        }
        Event::NodeFinished { index, total, result } => {
            let (code, name) = event_of(result);
            vec![result_line(verdict(result), (code, name), *index, *total, seconds(result), width)]
        }
        Event::BatchStart { index, total, label, node, .. } => {
            let text = format!("Batch {}", dotted(*index, *total, &format!("START {}", batch(label, node)), width));
            vec![with_status(info("Q045", "LogStartBatch", text), "RUN".to_owned(), Paint::Plain)]
        }
        Event::BatchFinished { index, total, label, result } => {
            let (level, words, paint, status) = match result.status {
                Status::Success => (Level::Info, "OK created", Paint::Green, result.message.as_deref().unwrap_or("OK")),
                Status::Skipped => (Level::Info, "SKIP", Paint::Yellow, "SKIPPED"),
                _ => (Level::Error, "ERROR creating", Paint::Red, "ERROR"),
            };
            let text = dotted(*index, *total, &format!("{words} {}", batch(label, &result.node)), width);
            let line = Line::new(level, "Q046", "LogBatchResult", format!("Batch {text}"));
            vec![with_status(line, timed(status, result.execution_time), paint)]
        }
        Event::FreshnessFinished { index, total, result } => {
            let seconds = Some(result.execution_time);
            vec![result_line(freshness(result), ("Q018", "LogFreshnessResult"), *index, *total, seconds, width)]
        }
        Event::Cancelling { running } => {
            vec![info(
                "Z043",
                "CancelRunningStatements",
                format!("Cancelling: {running} running, the rest is not started"),
            )]
        }
        Event::RunFinished { counts, seconds } => {
            let counts: Vec<String> = counts.iter().map(|(what, count)| counted(what, *count)).collect();
            let what = if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") };
            vec![
                Line::empty(),
                info("E047", "FinishedRunningStats", format!("Finished running {what} in {}.", duration(*seconds))),
            ]
        }
        Event::Diagnostic(_) | Event::Finished { .. } => Vec::new(),
    }
}

/// `batch 2024-01-01 of main.orders`
pub(super) fn batch(label: &str, node: &NodeRef) -> String {
    format!("batch {label} of {}", node.relation)
}

/// `3 of 5 START seed file main.x ......................`
fn dotted(index: usize, total: usize, text: &str, width: usize) -> String {
    let mut line = format!("{index} of {total} {text} ");
    let used = line.chars().count();
    line.extend(std::iter::repeat_n('.', width.saturating_sub(used)));
    line
}

fn with_status(mut line: Line, status: String, paint: Paint) -> Line {
    line.status = Some((status, paint));
    line
}

fn result_line(
    verdict: Verdict,
    (code, name): (&'static str, &'static str),
    index: usize,
    total: usize,
    seconds: Option<f64>,
    width: usize,
) -> Line {
    let line = Line::new(verdict.level, code, name, dotted(index, total, &verdict.text, width));
    let status = match seconds {
        Some(seconds) => timed(&verdict.status, seconds),
        None => verdict.status,
    };
    with_status(line, status, verdict.paint)
}

fn timed(word: &str, seconds: f64) -> String {
    format!("{word} in {seconds:.2}s")
}

/// What did not run took no time.
fn seconds(result: &NodeResult) -> Option<f64> {
    (!matches!(result.status, Status::Skipped | Status::NoOp)).then_some(result.execution_time)
}

/// dbt's event of a result, by what ran.
fn event_of(result: &NodeResult) -> (&'static str, &'static str) {
    match (result.status, result.node.resource_type) {
        (Status::Skipped, _) => ("Q034", "SkippingDetails"),
        (Status::NoOp, _) => ("Q019", "LogNodeNoOpResult"),
        (_, ResourceType::Test | ResourceType::UnitTest) => ("Q007", "LogTestResult"),
        (_, ResourceType::Snapshot) => ("Q015", "LogSnapshotResult"),
        (_, ResourceType::Seed) => ("Q016", "LogSeedResult"),
        _ => ("Q012", "LogModelResult"),
    }
}

fn verdict(result: &NodeResult) -> Verdict {
    let node = &result.node;
    let what = node.description();
    match result.status {
        Status::Skipped => Verdict::new(Level::Info, Paint::Yellow, format!("SKIP {}", skipped(node)), "SKIP"),
        Status::NoOp => Verdict::new(Level::Info, Paint::Yellow, format!("NO-OP {what}"), "NO-OP"),
        _ if matches!(node.resource_type, ResourceType::Test | ResourceType::UnitTest) => tested(result),
        Status::Success | Status::Pass => {
            let done = match node.resource_type {
                ResourceType::Seed => "loaded",
                ResourceType::Snapshot => "snapshotted",
                _ => "created",
            };
            let what = what.strip_prefix("snapshot ").unwrap_or(&what);
            let message = result.message.as_deref().unwrap_or("OK");
            Verdict::new(Level::Info, Paint::Green, format!("OK {done} {what}"), message)
        }
        Status::PartialSuccess => {
            let message = result.message.as_deref().unwrap_or("PARTIAL SUCCESS");
            Verdict::new(Level::Info, Paint::Yellow, format!("PARTIALLY created {what}"), message)
        }
        Status::Warn => Verdict::new(Level::Warn, Paint::Yellow, format!("WARN {what}"), "WARN"),
        Status::Error | Status::Fail | Status::RuntimeError => {
            let doing = match node.resource_type {
                ResourceType::Seed => "loading",
                ResourceType::Snapshot => "snapshotting",
                _ => "creating",
            };
            let what = what.strip_prefix("snapshot ").unwrap_or(&what);
            Verdict::new(Level::Error, Paint::Red, format!("ERROR {doing} {what}"), "ERROR")
        }
    }
}

/// `relation main.orders`, or `test not_null_orders_id`.
fn skipped(node: &NodeRef) -> String {
    match node.resource_type {
        ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot => format!("relation {}", node.relation),
        _ => node.description(),
    }
}

/// Tests go by their name alone, with the number of failing rows.
fn tested(result: &NodeResult) -> Verdict {
    let node = &result.node;
    let name = match &node.tested {
        Some(model) => format!("{model}::{}", node.name),
        None => node.name.clone(),
    };
    let failures = result.failures.unwrap_or(0);
    let (level, paint, word) = match result.status {
        Status::Pass | Status::Success => (Level::Info, Paint::Green, "PASS".to_owned()),
        Status::Warn => (Level::Warn, Paint::Yellow, format!("WARN {failures}")),
        Status::Fail => (Level::Error, Paint::Red, format!("FAIL {failures}")),
        _ => (Level::Error, Paint::Red, "ERROR".to_owned()),
    };
    Verdict::new(level, paint, format!("{word} {name}"), word)
}

fn freshness(result: &FreshnessResult) -> Verdict {
    let what = result.node.description();
    match result.status {
        Status::Pass | Status::Success => Verdict::new(Level::Info, Paint::Green, format!("PASS {what}"), "PASS"),
        Status::Warn => Verdict::new(Level::Warn, Paint::Yellow, format!("WARN {what}"), "WARN"),
        Status::Error => Verdict::new(Level::Error, Paint::Red, format!("ERROR STALE {what}"), "ERROR STALE"),
        _ => Verdict::new(Level::Error, Paint::Red, format!("ERROR {what}"), "ERROR"),
    }
}

/// `1 seed`, `2 table models`, `3 analyses`.
fn counted(what: &str, count: usize) -> String {
    let plural = match (count, what.strip_suffix("is"), what.strip_suffix('y')) {
        (1, ..) => what.to_owned(),
        (_, Some(stem), _) => format!("{stem}es"),
        (_, _, Some(stem)) => format!("{stem}ies"),
        _ if what.ends_with("ss") => format!("{what}es"),
        _ => format!("{what}s"),
    };
    format!("{count} {plural}")
}

/// `0 hours 0 minutes and 1.53 seconds (1.53s)`
fn duration(seconds: f64) -> String {
    let whole = seconds as u64;
    let rest = seconds - (whole / 60 * 60) as f64;
    format!("{} hours {} minutes and {rest:.2} seconds ({seconds:.2}s)", whole / 3600, whole / 60 % 60)
}

/// What a whole run came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub pass: usize,
    pub warn: usize,
    pub error: usize,
    pub skip: usize,
    pub no_op: usize,
    pub partial: usize,
}

impl Tally {
    pub(super) fn of_run(run: &RunResults) -> Self {
        let mut tally = Self::default();
        run.results.iter().for_each(|result| tally.add(result.status));
        tally
    }

    pub(super) fn add(&mut self, status: Status) {
        match status {
            Status::Success | Status::Pass => self.pass += 1,
            Status::Warn => self.warn += 1,
            Status::Error | Status::Fail | Status::RuntimeError => self.error += 1,
            Status::Skipped => self.skip += 1,
            Status::NoOp => self.no_op += 1,
            Status::PartialSuccess => self.partial += 1,
        }
    }

    fn total(self) -> usize {
        self.pass + self.warn + self.error + self.skip + self.no_op + self.partial
    }

    /// `Completed successfully`, or what was wrong; to be followed by the problems.
    pub(super) fn completed(self, cancelled: bool) -> Line {
        if cancelled {
            return Line::new(Level::Error, "Z030", "EndOfRunSummary", "Exited because of keyboard interrupt");
        }
        let warnings = counted("warning", self.warn);
        if self.error == 0 && self.partial > 0 {
            let text = format!("Completed with {} and {warnings}", counted("partial success", self.partial));
            return Line::new(Level::Warn, "Z030", "EndOfRunSummary", text);
        }
        if self.error > 0 {
            let (errors, partial) = (counted("error", self.error), counted("partial success", self.partial));
            let text = format!("Completed with {errors}, {partial}, and {warnings}:");
            return Line::new(Level::Error, "Z030", "EndOfRunSummary", text);
        }
        match self.warn {
            0 => Line::new(Level::Info, "Z030", "EndOfRunSummary", "Completed successfully"),
            _ => Line::new(Level::Warn, "Z030", "EndOfRunSummary", format!("Completed with {warnings}:")),
        }
    }

    pub(super) fn done(self) -> Line {
        let text = format!(
            "Done. PASS={} WARN={} ERROR={} SKIP={} NO-OP={} REUSED=0 TOTAL={}",
            self.pass,
            self.warn,
            self.error + self.partial,
            self.skip,
            self.no_op,
            self.total()
        );
        Line::new(Level::Info, "Z023", "StatsLine", text)
    }
}

#[cfg(test)]
mod tests;
