//! `log` and `print`.

use std::sync::Arc;

use crate::diag::log::{Detail, Level, Log, LogEntry};
use crate::jinja::{self, State, Value, function, pyvalue};

/// `log(msg, info=false)`: gives an empty text, so that `{{ log(..) }}` leaves nothing in the SQL.
pub(super) fn log(log: Arc<dyn Log>) -> Value {
    function("log", move |state, args| {
        let message = args.take("msg")?;
        let info = args.truth("info", false)?;
        args.finish()?;
        let (level, event) = if info { (Level::Info, "JinjaLogInfo") } else { (Level::Debug, "JinjaLogDebug") };
        write(&*log, state, level, event, &message);
        Ok(Value::from(""))
    })
}

/// `print(msg)`: to the console, whatever the level of the log.
pub(super) fn print(log: Arc<dyn Log>) -> Value {
    function("print", move |state, args| {
        let message = args.take("msg")?;
        args.finish()?;
        write(&*log, state, Level::Info, "PrintEvent", &message);
        Ok(Value::from(""))
    })
}

/// Writes an entry in the name of the node that is being rendered.
pub(super) fn write(log: &dyn Log, state: &State<'_, '_>, level: Level, event: &'static str, message: &Value) {
    let node = jinja::context(state)
        .and_then(|context| context.shadowed("model"))
        .and_then(|model| model.get_attr("unique_id").ok())
        .and_then(|id| id.as_str().map(str::to_owned));
    let thread = std::thread::current();
    let text = pyvalue::py_str(message);
    log.write(&LogEntry {
        level,
        node: node.as_deref(),
        thread: thread.name(),
        event,
        text: &text,
        detail: Detail::Message,
    });
}
