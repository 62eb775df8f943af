//! Exact decimal numbers, as databases return them.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{DynObject, Object, ObjectRepr};

/// Digits that a quotient keeps (Python's default precision).
const PRECISION: u32 = 28;

/// `units * 10^-scale`
#[derive(Clone, Copy)]
pub(in super::super) struct Decimal {
    units: i128,
    scale: u32,
}

/// A decimal number from its digits (`-12.340`). Text that is no such number, or has too many digits to be exact,
/// becomes the nearest float; other text stays text.
pub fn decimal(text: &str) -> Value {
    match Decimal::parse(text) {
        Some(number) => Value::from_object(number),
        None => text.trim().parse::<f64>().map_or_else(|_| Value::from(text), Value::from),
    }
}

impl Decimal {
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let units = format!("{whole}{fraction}").parse().ok()?;
        Some(Self { units, scale: u32::try_from(fraction.len()).ok()? })
    }

    pub fn of_integer(units: i128) -> Self {
        Self { units, scale: 0 }
    }

    pub fn to_f64(self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// The whole part.
    pub fn truncated(self) -> i128 {
        10_i128.checked_pow(self.scale).map_or(0, |one| self.units / one)
    }

    pub fn is_zero(self) -> bool {
        self.units == 0
    }

    pub fn negated(self) -> Self {
        Self { units: self.units.saturating_neg(), ..self }
    }

    fn at_scale(self, scale: u32) -> Option<i128> {
        self.units.checked_mul(10_i128.checked_pow(scale.checked_sub(self.scale)?)?)
    }

    fn aligned(self, other: Self) -> Option<(i128, i128, u32)> {
        let scale = self.scale.max(other.scale);
        Some((self.at_scale(scale)?, other.at_scale(scale)?, scale))
    }

    pub fn add(self, other: Self) -> Option<Self> {
        let (left, right, scale) = self.aligned(other)?;
        Some(Self { units: left.checked_add(right)?, scale })
    }

    pub fn mul(self, other: Self) -> Option<Self> {
        Some(Self { units: self.units.checked_mul(other.units)?, scale: self.scale + other.scale })
    }

    /// A quotient of up to 28 digits, without trailing zeros beyond the scale of its operands.
    pub fn div(self, other: Self) -> Option<Self> {
        let (mut left, right, _) = self.aligned(other)?;
        let (mut units, mut scale) = (left.checked_div(right)?, 0);
        left %= right;
        while left != 0 && scale < PRECISION {
            left = left.checked_mul(10)?;
            units = units.checked_mul(10)?.checked_add(left / right)?;
            left %= right;
            scale += 1;
        }
        Some(Self { units, scale })
    }

    /// Python truncates the quotient of decimals towards zero.
    pub fn floor_div(self, other: Self) -> Option<Self> {
        let (left, right, _) = self.aligned(other)?;
        Some(Self::of_integer(left.checked_div(right)?))
    }

    pub fn rem(self, other: Self) -> Option<Self> {
        let (left, right, scale) = self.aligned(other)?;
        Some(Self { units: left.checked_rem(right)?, scale })
    }

    pub fn compare(self, other: Self) -> Ordering {
        match self.aligned(other) {
            Some((left, right, _)) => left.cmp(&right),
            None => self.to_f64().total_cmp(&other.to_f64()),
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = self.scale as usize;
        let digits = format!("{:0>width$}", self.units.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let sign = if self.units < 0 { "-" } else { "" };
        if scale == 0 { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{fraction}") }
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Object for Decimal {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        !self.is_zero()
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        other.downcast_ref::<Decimal>().map(|other| self.compare(*other))
    }
}
