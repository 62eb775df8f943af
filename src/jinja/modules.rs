//! `modules.*` and date values.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Timelike, Utc};
use minijinja::value::{DynObject, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::args::Args;
use super::error::fail;

/// Modules of a foreign language (Python), for templates that ask for `modules.datetime` and its like.
pub trait Modules: Send + Sync {
    /// `datetime`, `pytz`, `re`, `itertools`.
    fn module(&self, name: &str) -> Option<Value>;

    /// A date value such as `run_started_at`.
    fn datetime(&self, utc: DateTime<Utc>) -> Value;
}

/// A moment in UTC that behaves like Python's `datetime`, as far as templates need it where Python is not there.
pub fn datetime(utc: DateTime<Utc>) -> Value {
    Value::from_object(Moment(utc))
}

struct Moment(DateTime<Utc>);

impl Moment {
    /// Python's `isoformat`: microseconds only where there are any.
    fn iso(&self, separator: &str) -> String {
        let fraction = if self.0.timestamp_subsec_micros() == 0 { "" } else { "%.6f" };
        self.0.format(&format!("%Y-%m-%d{separator}%H:%M:%S{fraction}+00:00")).to_string()
    }

    fn strftime(&self, format: &str) -> Result<String, Error> {
        // Python's `%f` has six digits, chrono's has nine.
        let mut out = String::new();
        let format = format.replace("%f", "%6f");
        fmt::Write::write_fmt(&mut out, format_args!("{}", self.0.format(&format)))
            .map_err(|_| fail(format!("strftime() does not understand '{format}'")))?;
        Ok(out)
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iso(" "))
    }
}

impl Object for Moment {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(match key.as_str()? {
            "year" => Value::from(self.0.year()),
            "month" => Value::from(self.0.month()),
            "day" => Value::from(self.0.day()),
            "hour" => Value::from(self.0.hour()),
            "minute" => Value::from(self.0.minute()),
            "second" => Value::from(self.0.second()),
            "microsecond" => Value::from(self.0.timestamp_subsec_micros()),
            "tzinfo" => Value::from("UTC"),
            _ => return None,
        })
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        other.downcast_ref::<Moment>().map(|other| self.0.cmp(&other.0))
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let mut args = Args::new(method, args);
        let value = match method {
            "strftime" => Value::from(self.strftime(&args.string("format")?)?),
            "isoformat" => {
                let separator = args.optional_string("sep")?;
                Value::from(self.iso(separator.as_deref().unwrap_or("T")))
            }
            "timestamp" => Value::from(self.0.timestamp_micros() as f64 / 1e6),
            "weekday" => Value::from(self.0.weekday().num_days_from_monday()),
            "isoweekday" => Value::from(self.0.weekday().number_from_monday()),
            "date" => Value::from(self.0.format("%Y-%m-%d").to_string()),
            "time" => Value::from(self.0.format("%H:%M:%S%.6f").to_string()),
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        };
        args.finish()?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_print_like_python() {
        let moment = Moment(DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap());
        assert_eq!(format!("{moment:?}"), "2023-11-14 22:13:20.123456+00:00");
        assert_eq!(moment.strftime("%Y%m%d %H:%M:%S.%f").unwrap(), "20231114 22:13:20.123456");
        assert!(moment.strftime("%Q!").is_err());
        assert_eq!(Moment(DateTime::from_timestamp(0, 0).unwrap()).iso("T"), "1970-01-01T00:00:00+00:00");
    }
}
