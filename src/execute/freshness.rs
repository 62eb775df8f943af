//! How old the data of sources is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Instant;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde_json::Value as Json;

use super::hooks::{self, When};
use super::result::{FreshnessResult, FreshnessResults, NodeRef, NodeResult, Status, Timing};
use super::run::{Job, counts};
use super::{Event, Phase};
use crate::compile::objects::relation::RelationObject;
use crate::compile::results::response_json;
use crate::compile::{Failure, Runtime, Scope, Subject};
use crate::diag::{Code, Diagnostic, SourceFile};
use crate::jinja::{Template, Value};
use crate::manifest::{Freshness, Source};

/// Asks every source of the plan. Sources are independent, so their order is that of the answers.
pub fn freshness(job: &Job) -> FreshnessResults {
    let clock = Instant::now();
    let pool = job.runtime.pool.clone();
    job.cancel.attach(move || {
        let _ = pool.cancel_all();
    });
    let target = job.runtime.project.profile.target_name.clone();
    let nodes = job.plan.steps.len();
    job.events.event(&Event::Concurrency { threads: job.settings.threads, target, nodes });
    let (results, mut diagnostics, hooks) = with_hooks(job);
    job.cancel.detach();
    diagnostics.extend(job.runtime.finish_files());
    let elapsed = clock.elapsed().as_secs_f64();
    job.events.event(&Event::RunFinished { counts: counts(job, hooks), seconds: elapsed });
    let cancelled = job.cancel.is_cancelled();
    let failed = results.iter().any(|result| result.status.is_failure());
    FreshnessResults {
        success: !failed && !cancelled && !diagnostics.iter().any(Diagnostic::is_error),
        results,
        elapsed,
        generated_at: Utc::now(),
        invocation_id: job.runtime.project.invocation.id.clone(),
        cancelled,
        diagnostics,
    }
}

/// The sources between the project's on-run-start and on-run-end hooks, which the behaviour flag
/// `source_freshness_run_project_hooks: false` turns off. Also: how many hooks ran.
fn with_hooks(job: &Job) -> (Vec<Arc<FreshnessResult>>, Vec<Diagnostic>, usize) {
    let flag = job.runtime.project.flags.get("SOURCE_FRESHNESS_RUN_PROJECT_HOOKS");
    if flag.and_then(Json::as_bool) == Some(false) {
        let (results, diagnostics) = ask_all(job);
        return (results, diagnostics, 0);
    }
    let start = hooks::run(job, When::Start, &[]);
    if start.failed() {
        return (Vec::new(), problems(&start.results), start.results.len());
    }
    let (results, mut diagnostics) = ask_all(job);
    let mut ran = start.results.len();
    if !job.cancel.is_cancelled() {
        let seen: Vec<Arc<NodeResult>> = results.iter().map(|result| Arc::new(for_hooks(result))).collect();
        let end = hooks::run(job, When::End, &seen);
        diagnostics.extend(problems(&end.results));
        ran += end.results.len();
    }
    (results, diagnostics, ran)
}

/// A freshness result as on-run-end hooks see it in `results`.
fn for_hooks(result: &FreshnessResult) -> NodeResult {
    NodeResult {
        status: result.status,
        timing: result.timing.clone(),
        thread_id: result.thread_id.clone(),
        execution_time: result.execution_time,
        adapter_response: result.adapter_response.clone(),
        ..NodeResult::skipped(result.node.clone(), result.error.clone())
    }
}

fn problems(hooks: &[Arc<NodeResult>]) -> Vec<Diagnostic> {
    hooks.iter().filter_map(|result| result.diagnostic.as_deref().cloned()).collect()
}

fn ask_all(job: &Job) -> (Vec<Arc<FreshnessResult>>, Vec<Diagnostic>) {
    let manifest = &job.runtime.manifest;
    let steps = job.plan.steps.iter();
    let sources: Vec<Arc<Source>> = steps.filter_map(|step| manifest.sources.get(&step.unique_id).cloned()).collect();
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(job.settings.threads.max(1))
        .thread_name(|at| format!("Thread-{} (worker)", at + 1))
        .build();
    let threads = match threads {
        Ok(threads) => threads,
        Err(error) => {
            let message = format!("no threads could be started: {error}");
            return (Vec::new(), vec![Diagnostic::error(Code::Internal, message)]);
        }
    };
    let total = sources.len();
    let stale_is_error = job.settings.stale_is_error;
    let (sender, receiver) = mpsc::channel();
    for (at, source) in sources.into_iter().enumerate() {
        let (runtime, events, sender, cancel) =
            (job.runtime.clone(), job.events.clone(), sender.clone(), job.cancel.clone());
        threads.spawn_fifo(move || {
            if cancel.is_cancelled() {
                return;
            }
            let thread = std::thread::current().name().unwrap_or("worker").to_owned();
            let node = NodeRef::of_source(&source);
            events.event(&Event::FreshnessStart { index: at + 1, total, node, thread: thread.as_str().into() });
            let tell = |phase| events.event(&Event::NodePhase { unique_id: source.unique_id.clone(), phase });
            let result = catch_unwind(AssertUnwindSafe(|| {
                tell(Phase::Compiling);
                tell(Phase::Executing);
                ask(&runtime, &source, &thread)
            }));
            let result = result.unwrap_or_else(|_| {
                let message = format!("headwater failed while asking source `{}`", source.name);
                let diagnostic = Diagnostic::error(Code::Internal, message).boxed();
                runtime_error(&source, &thread, diagnostic, Vec::new(), 0.0)
            });
            let result = if stale_is_error { without_warnings(result, &source) } else { result };
            let _ = sender.send((at, Arc::new(result)));
        });
    }
    drop(sender);
    let mut results = Vec::with_capacity(total);
    for (at, result) in receiver {
        let result: Arc<FreshnessResult> = result;
        job.events.event(&Event::FreshnessFinished { index: at + 1, total, result: result.clone() });
        results.push(result);
    }
    (results, Vec::new())
}

fn ask(runtime: &Arc<Runtime>, source: &Arc<Source>, thread: &str) -> FreshnessResult {
    let clock = Instant::now();
    let scope = runtime.scope(Subject::Source(source.clone()), thread);
    let now = Utc::now();
    let mut timing = vec![Timing { name: "compile", started_at: now, completed_at: now }];
    let started_at = Utc::now();
    let answer = query(&scope, source);
    timing.push(Timing { name: "execute", started_at, completed_at: Utc::now() });
    let seconds = clock.elapsed().as_secs_f64();
    match answer {
        Ok(answer) => judged(&scope, source, &answer, timing, seconds),
        Err(failure) => {
            if let Some(session) = scope.used_session() {
                session.close_transaction_after_error();
            }
            runtime_error(source, thread, failure.into_diagnostic(&scope), timing, seconds)
        }
    }
}

/// The newest row and the server's clock.
struct Answer {
    max_loaded_at: Option<DateTime<Utc>>,
    snapshotted_at: DateTime<Utc>,
    statement: &'static str,
}

fn query(scope: &Arc<Scope>, source: &Source) -> Result<Answer, Failure> {
    let runtime = &scope.runtime;
    let relation = RelationObject::value(runtime.source_relation(source), runtime.naming);
    let context = scope.context();
    let filter = source.freshness.as_ref().and_then(|freshness| freshness.filter.as_deref());
    let (statement, args) = match (&source.loaded_at_query, &source.loaded_at_field) {
        (Some(query), _) => {
            let file = SourceFile::new(source.original_file_path.clone(), query.as_str());
            let template = Template::compile(&file, 0..file.text.len())?;
            let query = runtime.engine.render(&template, &context)?;
            ("collect_freshness_custom_sql", vec![relation, Value::from(query)])
        }
        (None, Some(field)) => {
            let filter = filter.map_or(Value::from(()), Value::from);
            ("collect_freshness", vec![relation, Value::from(field.as_str()), filter])
        }
        (None, None) => {
            let message = format!("{} has no `loaded_at_field`", scope.subject.describe());
            return Err(Diagnostic::error(Code::NotSupported, message)
                .note("this database does not tell when a table was last changed")
                .help("set `loaded_at_field` or `loaded_at_query`")
                .boxed()
                .into());
        }
    };
    let result = scope.call_macro(statement, &args, &context)?;
    let rows = result.get_attr("table").and_then(|table| table.get_attr("rows")).ok();
    let unreadable = || {
        let message = format!("`{statement}` of {} gave no row with two times", scope.subject.describe());
        Diagnostic::error(Code::JinjaRuntime, message).boxed()
    };
    let row = rows.and_then(|rows| rows.get_item_by_index(0).ok()).ok_or_else(unreadable)?;
    let cell = |at: usize| row.get_item_by_index(at).ok().filter(|value| !value.is_none() && !value.is_undefined());
    let time = |at: usize| cell(at).map(|value| time(&value.to_string()).ok_or_else(unreadable)).transpose();
    Ok(Answer { max_loaded_at: time(0)?, snapshotted_at: time(1)?.unwrap_or_else(Utc::now), statement })
}

/// A time as databases write it; without a zone it is UTC.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(zoned) = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_str(text, "%F %T%.f%#z")) {
        return Some(zoned.to_utc());
    }
    let naive = ["%F %T%.f", "%FT%T%.f"].iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let naive = naive.or_else(|| NaiveDate::parse_from_str(text, "%F").ok()?.and_hms_opt(0, 0, 0));
    naive.map(|naive| naive.and_utc())
}

fn judged(
    scope: &Scope,
    source: &Arc<Source>,
    answer: &Answer,
    timing: Vec<Timing>,
    execution_time: f64,
) -> FreshnessResult {
    // A source without rows counts as infinitely old: dbt takes the first moment of the calendar.
    let max_loaded_at = answer.max_loaded_at.unwrap_or_else(first_moment);
    let age = (answer.snapshotted_at - max_loaded_at).as_seconds_f64();
    let response = scope.stored(answer.statement).map(|stored| response_json(&stored.response)).unwrap_or_default();
    FreshnessResult {
        unique_id: source.unique_id.clone(),
        node: NodeRef::of_source(source),
        status: status(source.freshness.as_ref(), age),
        max_loaded_at: Some(max_loaded_at),
        snapshotted_at: Some(answer.snapshotted_at),
        age: Some(age),
        criteria: criteria(source),
        timing,
        thread_id: scope.thread().to_owned(),
        execution_time,
        adapter_response: response,
        error: None,
        diagnostic: None,
    }
}

/// `--warn-error`: a warning is an error, and says why.
fn without_warnings(result: FreshnessResult, source: &Source) -> FreshnessResult {
    let limit = source.freshness.as_ref().and_then(|freshness| freshness.warn_after.as_ref());
    let (Status::Warn, Some(limit)) = (result.status, limit) else { return result };
    let name = format!("{}.{}", source.source_name, source.name);
    let plural = if limit.count == 1 { "" } else { "s" };
    let limit = format!("{} {}{plural}", limit.count, limit.period.as_str());
    let message = format!("source `{name}` is older than its `warn_after` of {limit}, and warnings are errors");
    let mut diagnostic = Diagnostic::error(Code::StaleSource, message)
        .help("load it, or let `--warn-error-options` leave `LogFreshnessResult` a warning")
        .node(&*source.unique_id);
    if let Some(at) = result.max_loaded_at {
        diagnostic = diagnostic.note(format!("its newest row is of {}", at.format("%F %T UTC")));
    }
    if let Some(span) = &source.span {
        diagnostic = diagnostic.at(span.clone(), "");
    }
    let error = Some(diagnostic.message.clone());
    FreshnessResult { status: Status::Error, error, diagnostic: Some(diagnostic.boxed()), ..result }
}

fn first_moment() -> DateTime<Utc> {
    NaiveDate::from_ymd_opt(1, 1, 1).and_then(|day| day.and_hms_opt(0, 0, 0)).unwrap_or_default().and_utc()
}

fn status(freshness: Option<&Freshness>, age: f64) -> Status {
    let older = |limit: Option<&crate::manifest::Age>| limit.is_some_and(|limit| age > limit.seconds() as f64);
    match freshness {
        Some(freshness) if older(freshness.error_after.as_ref()) => Status::Error,
        Some(freshness) if older(freshness.warn_after.as_ref()) => Status::Warn,
        _ => Status::Pass,
    }
}

fn criteria(source: &Source) -> Json {
    source.config.to_map().shift_remove("freshness").unwrap_or_default()
}

fn runtime_error(
    source: &Arc<Source>,
    thread: &str,
    diagnostic: Box<Diagnostic>,
    timing: Vec<Timing>,
    execution_time: f64,
) -> FreshnessResult {
    FreshnessResult {
        unique_id: source.unique_id.clone(),
        node: NodeRef::of_source(source),
        status: Status::RuntimeError,
        max_loaded_at: None,
        snapshotted_at: None,
        age: None,
        criteria: criteria(source),
        timing,
        thread_id: thread.to_owned(),
        execution_time,
        adapter_response: serde_json::Map::new(),
        error: Some(diagnostic.message.clone()),
        diagnostic: Some(diagnostic),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Age, Period};

    #[test]
    fn times_are_read_as_databases_write_them() {
        let expected = DateTime::parse_from_rfc3339("2025-01-02T03:04:05Z").unwrap();
        for text in
            ["2025-01-02 03:04:05", "2025-01-02T03:04:05", "2025-01-02 04:04:05+01", "2025-01-02 03:04:05+00:00"]
        {
            assert_eq!(time(text), Some(expected.to_utc()), "{text}");
        }
        assert_eq!(time("2025-01-02").unwrap().to_rfc3339(), "2025-01-02T00:00:00+00:00");
        assert_eq!(time("soon"), None);
    }

    #[test]
    fn age_decides_between_pass_warn_and_error() {
        let age = |count| Some(Age { count, period: Period::Hour });
        let freshness = Freshness { warn_after: age(1), error_after: age(2), filter: None };
        let status = |seconds| super::status(Some(&freshness), seconds);
        assert_eq!([status(60.0), status(3_601.0), status(7_201.0)], [Status::Pass, Status::Warn, Status::Error]);
        assert_eq!(super::status(None, 1e12), Status::Pass);
    }
}
