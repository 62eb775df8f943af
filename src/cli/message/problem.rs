//! Diagnostics as dbt's events: warnings have names of their own, errors end the command.

use serde_json::{Value, json};

use super::Head;
use super::deprecated::Trees;
use super::kind::*;
use crate::cli::hub::Hub;
use crate::diag::Diagnostic;
use crate::diag::log::Level;
use crate::diag::render::{self, Style};
use crate::engine;

/// Tells of a problem that belongs to no result.
pub(super) fn tell(hub: &Hub, problem: &Diagnostic, trees: &Trees) {
    if problem.is_error() {
        let exc = text(problem);
        let head = Head::new(&MAIN_ENCOUNTERED_ERROR).in_block();
        return hub.say(head, || format!("Encountered an error:\n{exc}").into(), &|| json!({"exc": exc}));
    }
    let named = problem.event.as_ref().map(|event| event.name.as_str());
    let named = named.or_else(|| problem.deprecation.map(|deprecation| deprecation.event()));
    let kind = named.or_else(|| engine::event_of(problem.code)).map_or(&NOTE, Kind::named);
    let msg = text(problem);
    let data = || match (&problem.event, problem.deprecation) {
        (Some(event), _) => Value::Object(event.data.clone()),
        (None, Some(deprecation)) => trees.data(deprecation, problem),
        (None, None) => json!({"msg": msg}),
    };
    hub.say(Head::new(kind).level(Level::Warn).in_block(), || format!("[WARNING]: {msg}").into(), &data);
}

/// The whole story, without colours.
pub(super) fn text(problem: &Diagnostic) -> String {
    let text = render::text(std::slice::from_ref(problem), Style::PLAIN);
    let text = text.trim();
    text.strip_prefix("warning").and_then(|text| text.split_once("]: ")).map_or(text, |(_, text)| text).to_owned()
}
