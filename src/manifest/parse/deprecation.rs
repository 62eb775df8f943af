//! `deprecation_date` of models.

use std::collections::HashMap;

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime};
use serde_json::{Value, json};

use super::find_word;
use crate::diag::{Code, Diagnostic, Span};
use crate::manifest::{Detail, Manifest, ModelDetail, Node, UniqueId};
use crate::project::Project;
use crate::yaml::Fields;

/// A date of deprecation, and where it is written.
#[derive(Debug, Clone)]
pub struct Dated {
    /// As dbt writes it: `2026-01-31T00:00:00+01:00`.
    pub date: String,
    pub span: Span,
}

/// `deprecation_date`: a date, or a date with a time; without an offset it is local time.
pub fn read(fields: &mut Fields<'_>) -> Option<Dated> {
    let (text, range) = fields.spanned_str("deprecation_date")?;
    let span = fields.span(&range);
    let Some(at) = parse(&text) else {
        let message = format!("`{text}` is no date");
        let help = "write a date as `2026-01-31`, with a time as `2026-01-31 12:00:00+00:00`";
        fields.report(Diagnostic::error(Code::InvalidValue, message).at(span, "").help(help));
        return None;
    };
    let micros = if at.timestamp_subsec_micros() == 0 { "" } else { "%.6f" };
    Some(Dated { date: at.format(&format!("%Y-%m-%dT%H:%M:%S{micros}%:z")).to_string(), span })
}

fn parse(text: &str) -> Option<DateTime<chrono::FixedOffset>> {
    let text = text.trim().replacen([' ', 't'], "T", 1).replace([' ', '\t'], "");
    let with_offset = || DateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f%#z").ok();
    let naive = || {
        let time = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
        let time = time.iter().find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok());
        let time = time.or_else(|| NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))?;
        // The hour that a clock that is put forward leaves out: the one after it.
        let local = |time: NaiveDateTime| time.and_local_timezone(Local).earliest();
        Some(local(time).or_else(|| local(time + chrono::TimeDelta::hours(1)))?.fixed_offset())
    };
    with_offset().or_else(naive)
}

/// Warns of models that are past their date, and of models that refer to one with a date.
pub fn models(project: &Project, manifest: &Manifest, diags: &mut Vec<Diagnostic>) {
    let dated: HashMap<&UniqueId, Deprecated<'_>> =
        manifest.nodes.values().filter_map(|node| of(project, node)).collect();
    if dated.is_empty() {
        return;
    }
    for node in manifest.nodes.values() {
        let Detail::Model(model) = &node.detail else { continue };
        if let Some(deprecated) = dated.get(&node.unique_id).filter(|deprecated| deprecated.past) {
            diags.push(deprecated.itself(model));
        }
        let parents = node.depends_on_nodes.iter().filter_map(|id| dated.get(id));
        diags.extend(parents.map(|parent| parent.referred(node)));
    }
}

struct Deprecated<'a> {
    node: &'a Node,
    date: &'a str,
    past: bool,
    version: Option<String>,
    latest: Option<String>,
}

fn of<'a>(project: &Project, node: &'a Node) -> Option<(&'a UniqueId, Deprecated<'a>)> {
    let Detail::Model(model) = &node.detail else { return None };
    let date = model.deprecation_date.as_deref()?;
    let past = DateTime::parse_from_rfc3339(date).is_ok_and(|date| date < project.invocation.started_at);
    let text = |value: &Option<Value>| value.as_ref().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
    let (version, latest) = (text(&model.version), text(&model.latest_version));
    Some((&node.unique_id, Deprecated { node, date, past, version, latest }))
}

impl Deprecated<'_> {
    fn name(&self) -> String {
        self.version.as_ref().map_or_else(|| self.node.name.clone(), |v| format!("{}.v{v}", self.node.name))
    }

    /// The day.
    fn day(&self) -> &str {
        self.date.split('T').next().unwrap_or_default()
    }

    fn itself(&self, model: &ModelDetail) -> Diagnostic {
        let version = self.version.clone().unwrap_or_default();
        let event = json!({
            "model_name": self.node.name, "model_version": version, "deprecation_date": self.date,
        });
        let message = format!("model `{}` is past its deprecation date, {}", self.name(), self.day());
        let warning = Diagnostic::warning(Code::DeprecatedModel, message).node(&*self.node.unique_id);
        let warning = match &model.deprecation_place {
            Some(span) => warning.at(span.clone(), ""),
            None => warning,
        };
        warning.help("disable or remove it, or give it a later date").event("DeprecatedModel", event)
    }

    /// The warning about a model that refers to it.
    fn referred(&self, by: &Node) -> Diagnostic {
        let (state, event) = match self.past {
            true => ("is deprecated since", "DeprecatedReference"),
            false => ("is going to be deprecated on", "UpcomingReferenceDeprecation"),
        };
        let message = format!("model `{}` refers to `{}`, which {state} {}", by.name, self.name(), self.day());
        let data = json!({
            "model_name": by.name,
            "ref_model_package": &*self.node.package,
            "ref_model_name": self.node.name,
            "ref_model_version": self.version.clone().unwrap_or_default(),
            "ref_model_latest_version": self.latest.as_deref().unwrap_or("None"),
            "ref_model_deprecation_date": self.date,
        });
        let warning = Diagnostic::warning(Code::DeprecatedModel, message).node(&*by.unique_id).event(event, data);
        let place =
            ['\'', '"'].iter().find_map(|quote| find_word(&by.body, &format!("{quote}{}{quote}", self.node.name)));
        let warning = warning.at(place.unwrap_or_else(|| super::first_line(&by.body)), "");
        match &self.latest {
            Some(latest) if self.version.as_ref().is_some_and(|version| version != latest) => {
                let (package, name) = (&self.node.package, &self.node.name);
                warning.help(format!("there is a newer version: `ref('{package}', '{name}', v='{latest}')`"))
            }
            _ => warning,
        }
    }
}
