//! `--log-format json`: one JSON object a line, shaped like dbt's structured log: `info` about the event, `data` of it.

use serde_json::{Map, Value, json};

use super::message::{Message, timestamp};
use crate::project::Env;

/// dbt puts variables of these names into the log, without the prefix.
const EXTRA: &str = "DBT_ENV_CUSTOM_ENV_";

/// What all events of one command have in common.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The UUID that logs and artifacts know the command by.
    pub id: String,
    /// dbt's `extra`.
    pub extra: Map<String, Value>,
}

impl Invocation {
    pub fn new(env: &Env) -> Self {
        let custom = env.iter().filter_map(|(name, value)| Some((name.strip_prefix(EXTRA)?, value)));
        let mut extra: Vec<(String, Value)> =
            custom.map(|(name, value)| (name.to_owned(), value.to_owned().into())).collect();
        extra.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Self { id: uuid::Uuid::new_v4().to_string(), extra: extra.into_iter().collect() }
    }

    /// A line of the log. `msg` is the message's text with colours or without.
    pub(super) fn line(&self, message: &Message<'_>, msg: &str) -> String {
        let info = json!({
            "category": "", "code": message.kind.code, "extra": self.extra, "invocation_id": self.id,
            "level": message.level.as_str(), "msg": msg, "name": message.kind.name, "pid": std::process::id(),
            "thread": message.thread, "ts": timestamp(message.time),
        });
        json!({"data": message.data(), "info": info}).to_string()
    }
}
