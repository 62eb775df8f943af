//! The comment that is sent with every statement, so that a server's process list names the node.

use std::sync::Arc;

use serde_json::json;

use super::Scope;
use crate::adapter::session;
use crate::diag::{Diagnostic, SourceFile};
use crate::jinja::Template;
use crate::project::{DBT_VERSION, QueryComment};

/// The user's own comment, compiled once.
pub(super) fn template(comment: &QueryComment) -> Result<Option<Template>, Box<Diagnostic>> {
    match comment {
        QueryComment::Text { text, span, .. } => {
            let own_text = span.file.text.get(span.range.start as usize..span.range.end as usize) == Some(text);
            let template = if own_text {
                Template::compile(&span.file, span.range.start as usize..span.range.end as usize)?
            } else {
                Template::compile(&SourceFile::new(span.file.path.clone(), text.clone()), 0..text.len())?
            };
            Ok(Some(template))
        }
        QueryComment::Default { .. } | QueryComment::Off => Ok(None),
    }
}

/// The comment for a scope's statements.
pub(super) fn render(scope: &Arc<Scope>) -> Result<Option<session::QueryComment>, Box<Diagnostic>> {
    let runtime = &scope.runtime;
    let (text, append) = match (&runtime.project.query_comment, runtime.comment()) {
        (QueryComment::Off, _) => return Ok(None),
        (QueryComment::Text { append, .. }, Some(template)) => {
            let context = scope.context_with(|context| {
                context.set("connection_name", scope.subject.label()).set("node", scope.model())
            });
            let text = runtime.engine.render(template, &context).map_err(|error| error.diagnostic().boxed())?;
            (text, *append)
        }
        (comment, _) => (default(scope), matches!(comment, QueryComment::Default { append: true })),
    };
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    // A comment must not end before it ends.
    Ok(Some(session::QueryComment { text: text.replace("*/", "* /").into(), append }))
}

fn default(scope: &Scope) -> String {
    let project = &scope.runtime.project;
    let mut comment = json!({
        "app": "dbt",
        "dbt_version": DBT_VERSION,
        "profile_name": project.profile.name,
        "target_name": project.profile.target_name,
    });
    match scope.subject.unique_id() {
        Some(id) => comment["node_id"] = json!(id),
        None => comment["connection_name"] = json!(scope.subject.label()),
    }
    comment.to_string()
}
