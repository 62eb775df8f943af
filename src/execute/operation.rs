//! `run-operation`: one macro, called from the command line.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};

use super::CancelToken;
use super::result::{Member, NodeRef, NodeResult, RunResults, Status, Timing};
use crate::adapter::Response;
use crate::compile::results::response_json;
use crate::compile::{Failure, Runtime, Scope, Subject};
use crate::diag::{Code, Diagnostic, suggest};
use crate::jinja::value::Kwargs;
use crate::jinja::{MacroDef, Value, pyvalue};
use crate::manifest::{Node, ResourceType};

/// Calls the macro `name` (or `package.name`) with keyword arguments.
pub fn operation(
    runtime: &Arc<Runtime>,
    name: &str,
    arguments: &Map<String, Json>,
    cancel: &CancelToken,
) -> RunResults {
    let (started_at, clock) = (Utc::now(), Instant::now());
    let pool = runtime.pool.clone();
    cancel.attach(move || {
        let _ = pool.cancel_all();
    });
    let package = name.split_once('.').map_or(&*runtime.project.name, |(package, _)| package);
    let subject = Subject::Macro { name: format!("macro_{name}").into(), package: package.into() };
    let scope = runtime.scope(subject, "MainThread");
    let ended = find(runtime, name).map_err(Failure::from).and_then(|found| {
        call(&scope, &found, arguments)?;
        Ok(found)
    });
    cancel.detach();
    let elapsed = clock.elapsed().as_secs_f64();
    let result = result(&scope, name, ended, timing(started_at), elapsed);
    run_of_one(runtime, result, started_at, elapsed, cancel)
}

/// Renders a node that is only in memory, and runs its statement: `run-operation --sql`.
pub fn statement(runtime: &Arc<Runtime>, node: &Arc<Node>, cancel: &CancelToken) -> RunResults {
    let (started_at, clock) = (Utc::now(), Instant::now());
    let pool = runtime.pool.clone();
    cancel.attach(move || {
        let _ = pool.cancel_all();
    });
    let scope = runtime.node(node, "MainThread");
    let work = || -> Result<Response, Failure> {
        let compiled = scope.compile()?;
        let session = scope.session()?;
        let response = session.execute(&compiled.sql, false, true)?.response;
        session.commit()?;
        Ok(response)
    };
    let ended = work();
    cancel.detach();
    let elapsed = clock.elapsed().as_secs_f64();
    let mut result = NodeResult {
        status: Status::Success,
        timing: timing(started_at),
        execution_time: elapsed,
        ..NodeResult::skipped(NodeRef::of_node(node), None)
    };
    match ended {
        Ok(response) => {
            result.adapter_response = response_json(&response);
            result.message = Some(response.message);
        }
        Err(failure) => {
            if let Some(session) = scope.used_session() {
                session.close_transaction_after_error();
            }
            let diagnostic = failure.into_diagnostic(&scope);
            result.status = Status::Error;
            result.message = Some(diagnostic.message.clone());
            result.diagnostic = Some(diagnostic);
        }
    }
    run_of_one(runtime, result, started_at, elapsed, cancel)
}

fn timing(started_at: DateTime<Utc>) -> Vec<Timing> {
    vec![
        Timing { name: "compile", started_at, completed_at: started_at },
        Timing { name: "execute", started_at, completed_at: Utc::now() },
    ]
}

fn run_of_one(
    runtime: &Runtime,
    result: NodeResult,
    started_at: DateTime<Utc>,
    elapsed: f64,
    cancel: &CancelToken,
) -> RunResults {
    RunResults {
        success: result.status == Status::Success && !cancel.is_cancelled(),
        results: vec![Arc::new(result)],
        elapsed,
        started_at,
        generated_at: Utc::now(),
        invocation_id: runtime.project.invocation.id.clone(),
        cancelled: cancel.is_cancelled(),
        diagnostics: runtime.finish_files(),
    }
}

fn find(runtime: &Runtime, name: &str) -> Result<Arc<MacroDef>, Box<Diagnostic>> {
    let library = &runtime.library;
    let found = match name.split_once('.') {
        Some((package, name)) => library.get(package, name),
        None => library.find(name, &runtime.project.name),
    };
    found.cloned().ok_or_else(|| {
        let message = format!("there is no macro `{name}` to run");
        let diagnostic = Diagnostic::error(Code::MacroNotFound, message);
        let names = library.iter().map(|known| &*known.name);
        match suggest::nearest(name, names) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).boxed(),
            None => diagnostic.boxed(),
        }
    })
}

fn call(scope: &Arc<Scope>, found: &MacroDef, arguments: &Map<String, Json>) -> Result<(), Failure> {
    let library = &scope.runtime.library;
    let Some(callable) = library.value(&found.package, &found.name) else { return Ok(()) };
    let arguments = arguments.iter().map(|(name, value)| (name.clone(), pyvalue::from_json(value)));
    let arguments: Kwargs = arguments.collect();
    scope.runtime.engine.call(&callable, &[Value::from(arguments)], &scope.context())?;
    if let Some(session) = scope.used_session() {
        session.commit()?;
    }
    Ok(())
}

fn result(
    scope: &Arc<Scope>,
    name: &str,
    ended: Result<Arc<MacroDef>, Failure>,
    timing: Vec<Timing>,
    execution_time: f64,
) -> NodeResult {
    let unique_id = match &ended {
        Ok(found) => found.unique_id.clone(),
        Err(_) => format!("macro.{}.{name}", scope.runtime.project.name).into(),
    };
    let node = NodeRef {
        unique_id,
        name: name.to_owned(),
        package: scope.subject.package().clone(),
        resource_type: ResourceType::Macro,
        path: ended.as_ref().map_or_else(|_| String::new(), |found| found.file.path.clone()),
        materialized: String::new(),
        is_microbatch: false,
        relation: String::new(),
        tested: None,
        member: Member::Other,
    };
    let (status, diagnostic) = match ended {
        Ok(_) => (Status::Success, None),
        Err(failure) => {
            if let Some(session) = scope.used_session() {
                session.close_transaction_after_error();
            }
            (Status::Error, Some(failure.into_diagnostic(scope)))
        }
    };
    NodeResult {
        status,
        timing,
        execution_time,
        message: diagnostic.as_ref().map(|diagnostic| diagnostic.message.clone()),
        failures: Some(u64::from(status == Status::Error)),
        diagnostic,
        ..NodeResult::skipped(node, None)
    }
}
