//! Versions and ranges of hub packages. dbt's rules are not those of crates or of PyPI: three numbers, one operator,
//! a pre-release may follow without a dash, and `<1.0.0` keeps pre-releases of 1.0.0 out.

use std::cmp::Ordering;
use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Exact,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
}

/// `>=1.2.3-rc.1`: a version, or one end of a range.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Specifier {
    op: Op,
    numbers: [u64; 3],
    pre: Option<String>,
    /// Says nothing about the order.
    build: Option<String>,
}

impl Specifier {
    /// None: it is not a version.
    pub(super) fn parse(text: &str) -> Option<Self> {
        static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| {
            let number = r"(0|[1-9]\d*)";
            let part = "(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)";
            let pre = format!(r"(?:-?({part}(?:\.{part})*))?");
            let build = r"(?:\+([0-9A-Za-z-]*(?:\.[0-9A-Za-z-]*)*))?";
            Regex::new(&format!(r"^(>=|<=|>|<|=)?\s*{number}\.{number}\.{number}{pre}{build}$")).ok()
        });
        let found = PATTERN.as_ref()?.captures(text.trim())?;
        let op = match found.get(1).map_or("=", |op| op.as_str()) {
            ">=" => Op::GreaterEqual,
            ">" => Op::Greater,
            "<=" => Op::LessEqual,
            "<" => Op::Less,
            _ => Op::Exact,
        };
        let number = |at: usize| found.get(at)?.as_str().parse().ok();
        let text = |at: usize| found.get(at).map(|part| part.as_str().to_owned());
        Some(Self { op, numbers: [number(2)?, number(3)?, number(4)?], pre: text(5), build: text(6) })
    }

    /// `>=1.0.0,<2.0.0`: all of them.
    pub(super) fn parse_all(text: &str) -> Option<Vec<Self>> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Self::parse).collect()
    }

    pub(super) fn is_prerelease(&self) -> bool {
        self.pre.is_some()
    }

    fn is_exact(&self) -> bool {
        self.op == Op::Exact
    }

    fn is_lower(&self) -> bool {
        matches!(self.op, Op::Greater | Op::GreaterEqual)
    }

    fn is_upper(&self) -> bool {
        matches!(self.op, Op::Less | Op::LessEqual)
    }

    /// Not a total order: of two ends at one version the operators decide.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let by_number = self.numbers.cmp(&other.numbers);
        if by_number.is_ne() {
            return by_number;
        }
        match (&self.pre, &other.pre) {
            (None, None) => {}
            // A pre-release of the version that is too high is too high as well.
            (None, Some(_)) if self.op == Op::Less => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (Some(_), None) => return Ordering::Less,
            (Some(a), Some(b)) => match compare_pre(a, b) {
                Ordering::Equal => {}
                different => return different,
            },
        }
        match (self.op, other.op) {
            (Op::GreaterEqual, Op::LessEqual) | (Op::LessEqual, Op::GreaterEqual) => Ordering::Equal,
            (Op::Less, Op::LessEqual) | (Op::GreaterEqual, Op::Greater) => Ordering::Less,
            (Op::LessEqual, Op::Less) | (Op::Greater, Op::GreaterEqual) => Ordering::Greater,
            _ if self.is_upper() && other.is_lower() => Ordering::Less,
            _ if self.is_lower() && other.is_upper() => Ordering::Greater,
            _ => Ordering::Equal,
        }
    }
}

/// Numbers before words, number by number; what is longer is newer.
fn compare_pre(a: &str, b: &str) -> Ordering {
    let both = a.split('.').zip(b.split('.'));
    let by_part = both.map(|(a, b)| match (a.parse::<u64>(), b.parse::<u64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    });
    by_part.into_iter().find(|ordering| ordering.is_ne()).unwrap_or(a.len().cmp(&b.len()))
}

impl fmt::Display for Specifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = match self.op {
            Op::Exact => "=",
            Op::Greater => ">",
            Op::GreaterEqual => ">=",
            Op::Less => "<",
            Op::LessEqual => "<=",
        };
        let [major, minor, patch] = self.numbers;
        write!(f, "{op}{major}.{minor}.{patch}")?;
        self.pre.iter().try_for_each(|pre| write!(f, "-{pre}"))?;
        self.build.iter().try_for_each(|build| write!(f, "+{build}"))
    }
}

/// What several specifiers leave; an end that is none is open.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Range {
    start: Option<Specifier>,
    end: Option<Specifier>,
}

impl Range {
    fn of(specifier: &Specifier) -> Self {
        let part = |wanted: bool| wanted.then(|| specifier.clone());
        let exact = specifier.is_exact();
        Self { start: part(exact || specifier.is_lower()), end: part(exact || specifier.is_upper()) }
    }

    /// What all of them allow together; none if that is nothing.
    pub(super) fn of_all<'a>(specifiers: impl DoubleEndedIterator<Item = &'a Specifier>) -> Option<Self> {
        let mut rest = specifiers.map(Self::of).rev();
        let Some(last) = rest.next() else { return Some(Self::default()) };
        rest.rev().try_fold(last, |range, next| range.and(next))
    }

    fn and(self, other: Self) -> Option<Self> {
        let exact = |range: &Self| range.start.as_ref().is_some_and(Specifier::is_exact);
        let (start, end) = if exact(&self) && exact(&other) {
            let (a, b) = (self.start?, other.start?);
            if a.compare(&b).is_ne() {
                return None;
            }
            (Some(a.clone()), Some(a))
        } else {
            (
                narrower(self.start, other.start, Ordering::Less, Op::GreaterEqual)?,
                narrower(self.end, other.end, Ordering::Greater, Op::LessEqual)?,
            )
        };
        let crossed = matches!((&start, &end), (Some(start), Some(end)) if start.compare(end).is_gt());
        (!crossed).then_some(Self { start, end })
    }

    pub(super) fn allows(&self, version: &Specifier) -> bool {
        Self::of_all([Some(version), self.start.as_ref(), self.end.as_ref()].into_iter().flatten()).is_some()
    }
}

/// Of two ends the one that allows less: `wider` is how the wider one compares with it. An exact version must lie on
/// the right side of the other end, or at it where `inclusive` says so.
fn narrower(a: Option<Specifier>, b: Option<Specifier>, wider: Ordering, inclusive: Op) -> Option<Option<Specifier>> {
    let (a, b) = match (a, b) {
        (a, None) => return Some(a),
        (None, b) => return Some(b),
        (Some(a), Some(b)) => (a, b),
    };
    let with_exact = |end: Specifier, exact: Specifier| {
        let ordering = end.compare(&exact);
        (ordering == wider || (ordering.is_eq() && end.op == inclusive)).then_some(Some(exact))
    };
    match (a.is_exact(), b.is_exact()) {
        (false, false) => Some(Some(if a.compare(&b) == wider { b } else { a })),
        (true, _) => with_exact(b, a),
        (false, true) => with_exact(a, b),
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.start, &self.end) {
            (None, None) => f.write_str("any version"),
            (Some(start), Some(end)) if start == end => write!(f, "{start}"),
            (Some(start), Some(end)) => write!(f, "{start}, {end}"),
            (Some(one), None) | (None, Some(one)) => write!(f, "{one}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(texts: &[&str]) -> Option<Range> {
        let parsed: Vec<Specifier> = texts.iter().map(|text| Specifier::parse(text).expect(text)).collect();
        Range::of_all(parsed.iter())
    }

    #[test]
    fn what_is_a_version() {
        for good in ["1.2.3", "=1.2.3", ">=0.0.1", "<2.0.0", "<=2.0.0", "1.0.0rc1", "1.0.0-rc.1+b.2", ">= 1.0.0"] {
            assert!(Specifier::parse(good).is_some(), "{good}");
        }
        for bad in ["1.2", "1", "latest", "~1.2.3", "01.2.3", "1.2.3.4", "main", ""] {
            assert!(Specifier::parse(bad).is_none(), "{bad}");
        }
        assert_eq!(Specifier::parse_all(">=1.0.0, <2.0.0").map(|all| all.len()), Some(2));
    }

    /// The answers are those of dbt_common.semver.
    #[test]
    fn ranges_are_intersected_as_dbt_does() {
        let shown = |texts: &[&str]| range(texts).map_or("none".to_owned(), |range| range.to_string());
        assert_eq!(shown(&[]), "any version");
        assert_eq!(shown(&[">=1.0.0", "<2.0.0"]), ">=1.0.0, <2.0.0");
        assert_eq!(shown(&[">=1.0.0", "<2.0.0", ">1.0.0", "<=2.0.0"]), ">1.0.0, <2.0.0");
        assert_eq!(shown(&[">=1.0.0", "1.0.0"]), "=1.0.0");
        assert_eq!(shown(&[">1.0.0", "1.0.0"]), "none");
        assert_eq!(shown(&["1.0.0", "1.0.1"]), "none");
        assert_eq!(shown(&[">=2.0.0", "<1.0.0"]), "none");
        assert_eq!(shown(&[">=1.0.0", "<=1.0.0"]), ">=1.0.0, <=1.0.0");
        assert_eq!(shown(&[">1.0.0", "<1.0.0"]), "none");
    }

    #[test]
    fn pre_releases_do_not_slip_under_an_upper_end() {
        let below = range(&["<1.0.0"]).unwrap();
        let allows = |range: &Range, text: &str| range.allows(&Specifier::parse(text).unwrap());
        assert!(allows(&below, "0.9.9"));
        assert!(!allows(&below, "1.0.0-rc1"));
        assert!(!allows(&below, "1.0.0"));
        let from = range(&[">=1.0.0-a.2"]).unwrap();
        assert!(allows(&from, "1.0.0-a.10"));
        assert!(allows(&from, "1.0.0-b"));
        assert!(!allows(&from, "1.0.0-a.1"));
        assert!(allows(&from, "1.0.0"));
    }
}
