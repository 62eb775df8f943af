//! `run_started_at` and `model.batch` where there is no Python to ask: a UTC `datetime` that can be printed and taken apart.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Timelike, Utc};

use crate::jinja::value::{Object, ObjectRepr};
use crate::jinja::{Args, Error, ErrorKind, State, Value};

pub(super) fn datetime(utc: DateTime<Utc>) -> Value {
    Value::from_object(Instant(utc))
}

#[derive(Debug)]
struct Instant(DateTime<Utc>);

impl Object for Instant {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let value = match key {
            "year" => return Some(Value::from(self.0.year())),
            "month" => self.0.month(),
            "day" => self.0.day(),
            "hour" => self.0.hour(),
            "minute" => self.0.minute(),
            "second" => self.0.second(),
            "microsecond" => self.0.timestamp_subsec_micros(),
            _ => return None,
        };
        Some(Value::from(value))
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let mut args = Args::new(method, args);
        let value = match method {
            "strftime" => strftime(&self.0, &args.string("format")?)?,
            "isoformat" => {
                let separator = args.optional_string("sep")?.unwrap_or_else(|| "T".to_owned());
                self.text(&separator)
            }
            "date" => self.0.format("%Y-%m-%d").to_string(),
            "timestamp" => {
                args.finish()?;
                return Ok(Value::from(self.0.timestamp_micros() as f64 / 1e6));
            }
            _ => {
                let message = format!("`datetime.{method}` needs Python, and this process has none");
                return Err(Error::new(ErrorKind::UnknownMethod, message));
            }
        };
        args.finish()?;
        Ok(Value::from(value))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(" "))
    }
}

impl Instant {
    /// Python leaves microseconds out if there are none.
    fn text(&self, separator: &str) -> String {
        let format = if self.0.timestamp_subsec_micros() == 0 { "%H:%M:%S" } else { "%H:%M:%S%.6f" };
        format!("{}{separator}{}+00:00", self.0.format("%Y-%m-%d"), self.0.format(format))
    }
}

/// `%f` is microseconds to Python and nanoseconds to chrono.
fn strftime(utc: &DateTime<Utc>, format: &str) -> Result<String, Error> {
    use std::fmt::Write as _;
    let format = format.replace("%f", "%6f");
    let mut text = String::new();
    write!(text, "{}", utc.format(&format))
        .map_err(|_| Error::new(ErrorKind::InvalidOperation, format!("`{format}` is not a date format")))?;
    Ok(text)
}
