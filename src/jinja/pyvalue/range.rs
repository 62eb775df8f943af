//! `range(..)`

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, Value};

use super::super::args::Args;
use super::super::error::fail;
use super::index;

/// Longer ranges are taken for a mistake (dbt's sandbox has the same limit).
const MAX_LENGTH: u64 = 99_999;

struct Range {
    start: i64,
    stop: i64,
    step: i64,
}

/// The global `range(..)`.
pub(in super::super) fn construct(args: &mut Args<'_>) -> Result<Value, Error> {
    let values = args.rest();
    args.finish()?;
    let mut bounds = Vec::with_capacity(3);
    for value in &values {
        bounds.push(
            value
                .as_i64()
                .filter(|_| value.is_integer())
                .ok_or_else(|| fail(format!("range() needs integers, not {}", super::type_name(value))))?,
        );
    }
    let range = match bounds[..] {
        [stop] => Range { start: 0, stop, step: 1 },
        [start, stop] => Range { start, stop, step: 1 },
        [start, stop, step] => Range { start, stop, step },
        _ => return Err(fail(format!("range() takes one to three arguments, not {}", bounds.len()))),
    };
    if range.step == 0 {
        return Err(fail("range() step must not be zero"));
    }
    if range.len() > MAX_LENGTH {
        return Err(fail(format!("range() is too long: the limit is {MAX_LENGTH}")));
    }
    Ok(Value::from_object(range))
}

impl Range {
    fn len(&self) -> u64 {
        let (low, high) = if self.step > 0 { (self.start, self.stop) } else { (self.stop, self.start) };
        if low >= high { 0 } else { (high.abs_diff(low)).div_ceil(self.step.unsigned_abs()) }
    }
}

impl fmt::Debug for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            1 => write!(f, "range({}, {})", self.start, self.stop),
            step => write!(f, "range({}, {}, {step})", self.start, self.stop),
        }
    }
}

impl Object for Range {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let at = index(key, self.len() as usize)? as i64;
        Some(Value::from(self.start + at * self.step))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.len() as usize)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
