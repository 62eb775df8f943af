//! `retry`: what did not succeed the last time, with the same command and the same options.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::call::{Call, Stage};
use super::{Command, CommandResult, Done, Options, WarnError};
use crate::artifacts::{self, EarlierBatches, EarlierRun};
use crate::diag::{self, Code, Diagnostic};
use crate::execute::{BatchResults, BatchSettings};
use crate::manifest::ResourceType;
use crate::manifest::event_time::{Window, parse_datetime};
use crate::select::Indirect;

/// Statuses that ask for another try.
const UNFINISHED: &[&str] = &["error", "fail", "skipped", "runtime error", "partial success"];

pub(super) fn retry(call: &mut Call<'_>) -> Stage<Done> {
    let (project, _) = call.load()?;
    let folder = call.options.state.as_ref().map_or_else(|| project.target_path.clone(), |dir| project.root.join(dir));
    let run = artifacts::read_run_results(&folder).map_err(|problem| vec![*problem])?.ok_or_else(|| {
        let text = format!("there is nothing to retry: `{}` has no run_results.json", folder.display());
        vec![Diagnostic::error(Code::File, text).help("run a command that builds or tests something, such as `build`")]
    })?;
    let command = command(&run)?;
    let ids = unfinished(&run, command, call.options.warn_error.is_all());
    if ids.is_empty() {
        let output = format!("Nothing to retry: everything in the last `{}` succeeded.\n", command.as_str());
        return Ok(Done::printing(CommandResult::Nothing, output));
    }
    let options = options(&run.args, call.options).map_err(|problem| vec![*problem])?;
    let mut again = Call::new(command, &options, call.host);
    again.only = Some(ids);
    again.before = BatchSettings { now: run.metadata.started_at(), before: batches(&run), ..BatchSettings::default() };
    let done = super::dispatch(&mut again);
    // Those of the project have been told when it was loaded here.
    let known = call.warnings.len();
    let more = again.warnings.into_iter().filter(|warning| !call.warnings[..known].contains(warning));
    let more: Vec<_> = more.collect();
    call.warnings.extend(more);
    call.deprecations = again.deprecations;
    done
}

/// The command of the last run.
fn command(run: &EarlierRun) -> Stage<Command> {
    let which = run.args.get("which").and_then(Value::as_str).unwrap_or_default();
    match Command::ALL.into_iter().find(|command| command.which() == which) {
        Some(
            command @ (Command::Build
            | Command::Run
            | Command::Test
            | Command::Seed
            | Command::Snapshot
            | Command::Compile
            | Command::Clone
            | Command::DocsGenerate
            | Command::RunOperation),
        ) => Ok(command),
        _ => {
            let text = format!("the last command was `{which}`, which cannot be retried");
            Err(vec![Diagnostic::error(Code::CommandLine, text).help("run it again")])
        }
    }
}

/// Hooks run with every command; they are no reason for another one.
fn unfinished(run: &EarlierRun, command: Command, warn_error: bool) -> HashSet<String> {
    let again = |status: &str| UNFINISHED.contains(&status) || (warn_error && status == "warn");
    let is_hook = |id: &str| command != Command::RunOperation && id.starts_with("operation.");
    let results = run.results.iter().filter(|result| again(&result.status) && !is_hook(&result.unique_id));
    results.map(|result| result.unique_id.clone()).collect()
}

/// The models of which a part was built. A model without any batch is run as if for the first time.
fn batches(run: &EarlierRun) -> HashMap<String, BatchResults> {
    let in_part = |batches: &&EarlierBatches| !batches.successful.is_empty() && !batches.failed.is_empty();
    let batches = run.results.iter().filter_map(|result| {
        let batches = result.batch_results.as_ref().filter(in_part)?;
        let results = BatchResults { successful: batches.successful.clone(), failed: batches.failed.clone() };
        Some((result.unique_id.clone(), results))
    });
    batches.collect()
}

/// The options of the last run. Places and how things are told are of this invocation; `vars` and `threads` are where
/// they are given.
fn options(args: &Map<String, Value>, now: &Options) -> diag::Result<Options> {
    let text = |key: &str| args.get(key).and_then(Value::as_str).map(str::to_owned);
    let switch = |key: &str| args.get(key).and_then(Value::as_bool);
    let words = |key: &str| -> Vec<String> {
        match args.get(key) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(one)) => vec![one.clone()],
            _ => Vec::new(),
        }
    };
    let mapping = |key: &str| args.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
    let types = |key: &str| words(key).iter().filter_map(|name| ResourceType::parse(name)).collect();
    // The artifact has `false` for what was not said, and another key for what was said to be off.
    let said = |key: &str| match switch(&format!("no_{key}")) {
        Some(true) => Some(false),
        _ => switch(key).filter(|on| *on),
    };
    // As in dbt, `--warn-error` is of this invocation, and its options are of the last one.
    let warn_error = match args.get("warn_error_options").and_then(Value::as_object) {
        Some(options) if now.warn_error == WarnError::default() => WarnError::from_options(options)?,
        _ => now.warn_error.clone(),
    };
    Ok(Options {
        profile: text("profile").or_else(|| now.profile.clone()),
        target: text("target").or_else(|| now.target.clone()),
        vars: if now.vars.is_empty() { mapping("vars") } else { now.vars.clone() },
        threads: now
            .threads
            .or_else(|| args.get("threads").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok())),
        select: words("select"),
        exclude: words("exclude"),
        selector: text("selector"),
        indirect_selection: text("indirect_selection").and_then(|text| Indirect::parse(&text)).unwrap_or_default(),
        resource_types: types("resource_types"),
        exclude_resource_types: types("exclude_resource_types"),
        full_refresh: now.full_refresh.or(said("full_refresh")),
        store_failures: said("store_failures"),
        warn_error,
        introspect: switch("introspect").unwrap_or(true),
        compile: switch("compile").unwrap_or(true),
        empty_catalog: switch("empty_catalog").unwrap_or(false),
        static_page: switch("static").unwrap_or(false),
        empty: switch("empty").unwrap_or(false),
        sample: args.get("sample").and_then(|sample| window(sample.get("start"), sample.get("end"))),
        event_time: window(args.get("event_time_start"), args.get("event_time_end")),
        fail_fast: switch("fail_fast").unwrap_or(now.fail_fast),
        state: text("state").map(PathBuf::from),
        defer: switch("defer").unwrap_or(false),
        favor_state: switch("favor_state").unwrap_or(false),
        defer_state: text("defer_state").map(PathBuf::from),
        operation: text("macro"),
        sql: text("sql"),
        args: mapping("args"),
        ..now.clone()
    })
}

/// Two dates as artifacts have them.
fn window(start: Option<&Value>, end: Option<&Value>) -> Option<Window> {
    let date = |value: Option<&Value>| parse_datetime(value?.as_str()?);
    Some(Window { start: date(start)?, end: date(end)? })
}
