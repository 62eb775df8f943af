//! The command itself: its head, its artifacts, its end.

use serde_json::{Map, Value, json};

use super::kind::*;
use super::text::counted;
use super::{Head, info, resource, timestamp};
use crate::cli::hub::Hub;
use crate::execute::{Event, RunResults};
use crate::jinja::pyvalue;

/// dbt's version of the log's shape.
const LOG_VERSION: u32 = 3;

pub(crate) fn tell(hub: &Hub, event: &Event) {
    match event {
        Event::Started { version, arguments } => started(hub, version, arguments),
        Event::Adapter { kind, version } => {
            let data = || json!({"adapter_name": kind, "adapter_version": format!("={version}")});
            let text = || format!("Registered adapter: {kind}={version}").into();
            hub.say(Head::new(&ADAPTER_REGISTERED), text, &data);
        }
        Event::Found { counts } => {
            let listed = counts.iter().filter(|(_, count)| *count > 0).map(|(what, count)| counted(what, *count));
            let listed = listed.collect::<Vec<_>>().join(", ");
            let text = || format!("Found {listed}").into();
            hub.say(Head::new(&FOUND_STATS), text, &|| json!({"stat_line": listed}));
        }
        Event::Concurrency { threads, target, nodes } => {
            let data = || json!({"node_count": nodes, "num_threads": threads, "target_name": target});
            let text = || {
                let noun = if *threads == 1 { "thread" } else { "threads" };
                format!("Concurrency: {threads} {noun} (target='{target}')").into()
            };
            hub.blank_line();
            hub.say(Head::new(&CONCURRENCY_LINE), text, &data);
            hub.blank_line();
        }
        Event::RunFinished { counts, seconds } if !hub.compiles => run_finished(hub, counts, *seconds),
        Event::Results(run) => {
            hub.say(Head::new(&END_RUN_RESULT), || "Command end result".into(), &|| results(run));
        }
        Event::Written { kind, path } => {
            let path = path.display().to_string();
            let data = || json!({"artifact_path": path, "artifact_type": kind});
            hub.say(Head::new(&ARTIFACT_WRITTEN), || format!("Wrote artifact {kind} to {path}").into(), &data);
        }
        _ => {}
    }
}

fn started(hub: &Hub, version: &str, arguments: &Map<String, Value>) {
    let data = || json!({"log_version": LOG_VERSION, "version": format!("={version}")});
    hub.say(Head::new(&MAIN_REPORT_VERSION), || format!("Running with headwater={version}").into(), &data);
    let args = || -> Map<String, Value> {
        let text = |value: &Value| pyvalue::py_str(&pyvalue::from_json(value));
        arguments.iter().map(|(name, value)| (name.clone(), text(value).into())).collect()
    };
    let text = || format!("running dbt with arguments {}", Value::Object(args())).into();
    hub.say(Head::new(&MAIN_REPORT_ARGS), text, &|| json!({"args": args()}));
}

fn run_finished(hub: &Hub, counts: &[(String, usize)], seconds: f64) {
    let listed = counts.iter().map(|(what, count)| counted(what, *count)).collect::<Vec<_>>();
    let listed = if listed.is_empty() { "nothing".to_owned() } else { listed.join(", ") };
    let whole = seconds as u64;
    let rest = seconds - (whole / 60 * 60) as f64;
    let execution = format!(" in {} hours {} minutes and {rest:.2} seconds", whole / 3600, whole / 60 % 60);
    let data = || json!({"execution": execution, "execution_time": seconds, "stat_line": listed});
    let text = || format!("Finished running {listed}{execution} ({seconds:.2}s).").into();
    hub.blank_line();
    hub.say(Head::new(&FINISHED_RUNNING_STATS), text, &data);
}

fn results(run: &RunResults) -> Value {
    json!({
        "elapsed_time": run.elapsed,
        "generated_at": run.generated_at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "results": run.results.iter().map(|result| info::run_result(result)).collect::<Vec<_>>(),
        "success": run.success,
    })
}

/// The last words of a command, after its summary.
pub(crate) fn completed(hub: &Hub, command: &str, success: bool, seconds: f64) {
    let name = command.rsplit(' ').next().unwrap_or(command);
    let report = || resource::report(name, success, seconds);
    hub.say(Head::new(&RESOURCE_REPORT), || format!("Resource report: {}", report()).into(), &report);
    let now = chrono::Utc::now();
    let data = || {
        json!({
            "command": format!("headwater {command}"), "completed_at": timestamp(now), "elapsed": seconds,
            "success": success,
        })
    };
    let text = || {
        let status = if success { "succeeded" } else { "failed" };
        let at = now.with_timezone(&chrono::Local).format("%H:%M:%S%.6f");
        format!("Command `headwater {command}` {status} at {at} after {seconds:.2} seconds").into()
    };
    hub.say(Head::new(&COMMAND_COMPLETED), text, &data);
}
