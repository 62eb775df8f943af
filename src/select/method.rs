//! The methods of dbt's selector grammar: which members a `method:value` matches by itself.

use serde_json::Value;

use super::glob;
use crate::diag::{Code, Diagnostic, Result, suggest};
use crate::manifest::{Access, Detail, Resource, ResourceType, version_text};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Method {
    Fqn,
    Tag,
    Path,
    File,
    Source,
    Exposure,
    SemanticModel,
    Metric,
    SavedQuery,
    UnitTest,
    /// `config.a.b`: the keys to descend.
    Config(Vec<String>),
    ResourceType,
    TestName,
    TestType,
    Package,
    Group,
    Access,
    Version,
    /// How it compares with the manifest of `--state`.
    State,
    /// How it ended in the run of `--state`.
    Result,
    /// Whether a source has newer rows than in `--state`.
    SourceStatus,
    /// Another definition of selectors.yml.
    Selector,
}

/// All that may stand before a colon, for messages.
const METHODS: &[&str] = &[
    "access",
    "config",
    "exposure",
    "file",
    "fqn",
    "group",
    "metric",
    "package",
    "path",
    "resource_type",
    "result",
    "saved_query",
    "selector",
    "semantic_model",
    "source",
    "source_status",
    "state",
    "tag",
    "test_name",
    "test_type",
    "unit_test",
    "version",
];

impl Method {
    /// # Errors
    /// An unknown method, and the ones of dbt that are not supported.
    pub(super) fn parse(text: &str, criterion: &str) -> Result<Self> {
        let (name, arguments) = match text.split_once('.') {
            Some((name, rest)) => (name, rest.split('.').map(str::to_owned).collect()),
            None => (text, Vec::new()),
        };
        Ok(match name {
            "fqn" => Self::Fqn,
            "tag" => Self::Tag,
            "path" => Self::Path,
            "file" => Self::File,
            "source" => Self::Source,
            "exposure" => Self::Exposure,
            "semantic_model" => Self::SemanticModel,
            "metric" => Self::Metric,
            "saved_query" => Self::SavedQuery,
            "unit_test" => Self::UnitTest,
            "config" => Self::Config(arguments),
            "resource_type" => Self::ResourceType,
            "test_name" => Self::TestName,
            "test_type" => Self::TestType,
            "package" => Self::Package,
            "group" => Self::Group,
            "access" => Self::Access,
            "version" => Self::Version,
            "state" => Self::State,
            "result" => Self::Result,
            "source_status" => Self::SourceStatus,
            "selector" => Self::Selector,
            _ => return Err(unknown(name, criterion).boxed()),
        })
    }
}

fn unknown(name: &str, criterion: &str) -> Diagnostic {
    let methods = METHODS.iter().map(|m| format!("`{m}`")).collect::<Vec<_>>().join(", ");
    let unknown = Diagnostic::error(Code::Selection, format!("`{name}` is not a selection method: `{criterion}`"))
        .note(format!("methods are {methods}"));
    match suggest::nearest(name, METHODS.iter().copied()) {
        Some(near) => {
            let better = criterion.replacen(&format!("{name}:"), &format!("{near}:"), 1);
            unknown.help(format!("did you mean `{better}`?"))
        }
        None => unknown,
    }
}

/// What `value` may be, where a method knows all of its values.
///
/// # Errors
/// The value is none of them.
pub(super) fn check(method: &Method, value: &str, criterion: &str) -> Result<()> {
    let allowed: &[&str] = match method {
        Method::ResourceType => &[
            "model",
            "seed",
            "snapshot",
            "test",
            "unit_test",
            "source",
            "exposure",
            "analysis",
            "operation",
            "semantic_model",
            "metric",
            "saved_query",
            "function",
        ],
        Method::TestType => &["generic", "singular", "data", "unit", "schema"],
        Method::Access => &["private", "protected", "public"],
        Method::Version => &["latest", "prerelease", "old", "none"],
        Method::State => &[
            "new",
            "old",
            "modified",
            "unmodified",
            "modified.body",
            "modified.configs",
            "modified.relation",
            "modified.persisted_descriptions",
            "modified.macros",
            "modified.contract",
            "modified.vars",
        ],
        Method::Result => &[
            "success",
            "error",
            "fail",
            "warn",
            "skipped",
            "pass",
            "partial success",
            "runtime error",
            "no-op",
            "reused",
        ],
        Method::SourceStatus => &["fresher"],
        Method::Source if value.split('.').count() > 3 => {
            return Err(Diagnostic::error(Code::Selection, format!("`{criterion}` has too many parts"))
                .help("a source is written `source`, `source.table` or `package.source.table`")
                .boxed());
        }
        Method::Exposure | Method::SemanticModel | Method::Metric | Method::SavedQuery | Method::UnitTest
            if value.split('.').count() > 2 =>
        {
            return Err(Diagnostic::error(Code::Selection, format!("`{criterion}` has too many parts"))
                .help("write the `name` or the `package.name`")
                .boxed());
        }
        Method::Config(keys) if keys.is_empty() => {
            return Err(Diagnostic::error(Code::Selection, format!("`{criterion}` does not say which config"))
                .help("write `config.materialized:incremental`, `config.meta.owner:ann`")
                .boxed());
        }
        _ => return Ok(()),
    };
    if allowed.contains(&value) {
        return Ok(());
    }
    let problem = Diagnostic::error(Code::Selection, format!("`{value}` is not a value for `{criterion}`"))
        .note(format!("values are {}", allowed.iter().map(|v| format!("`{v}`")).collect::<Vec<_>>().join(", ")));
    Err(match suggest::nearest(value, allowed.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem,
    }
    .boxed())
}

/// Whether a member fits `method:value`. What needs more than the member fits nothing here.
pub(super) fn matches(method: &Method, value: &str, thing: &Resource<'_>, root_package: &str) -> bool {
    match method {
        Method::Fqn => is_qualified(thing) && matches_fqn(thing, value),
        Method::Tag => thing.tags().iter().any(|tag| glob::matches(value, tag)),
        Method::Path => matches_path(thing, value),
        Method::File => matches_file(thing, value),
        Method::Source => matches_source(thing, value),
        Method::Exposure => matches!(thing, Resource::Exposure(_)) && matches_packaged_name(thing, value),
        Method::SemanticModel => matches!(thing, Resource::SemanticModel(_)) && matches_packaged_name(thing, value),
        Method::Metric => matches!(thing, Resource::Metric(_)) && matches_packaged_name(thing, value),
        Method::SavedQuery => matches!(thing, Resource::SavedQuery(_)) && matches_packaged_name(thing, value),
        Method::UnitTest => matches!(thing, Resource::UnitTest(_)) && matches_packaged_name(thing, value),
        Method::Config(keys) => is_configurable(thing) && matches_config(thing, keys, value),
        Method::ResourceType => thing.resource_type().as_str() == value,
        Method::TestName => test_name(thing).is_some_and(|name| glob::matches(value, name)),
        Method::TestType => matches_test_type(thing, value),
        Method::Package => glob::matches(if value == "this" { root_package } else { value }, thing.package()),
        Method::Group => thing.config().group().is_some_and(|group| glob::matches(value, group)),
        Method::Access => access(thing).is_some_and(|access| access.as_str() == value),
        Method::Version => matches_version(thing, value),
        Method::State | Method::Result | Method::SourceStatus | Method::Selector => false,
    }
}

/// Only sources need a method of their own: an exposure or a metric is found by its bare name, as in dbt.
fn is_qualified(thing: &Resource<'_>) -> bool {
    !matches!(thing, Resource::Source(_))
}

fn is_configurable(thing: &Resource<'_>) -> bool {
    matches!(thing, Resource::Node(_) | Resource::Source(_))
}

fn matches_fqn(thing: &Resource<'_>, value: &str) -> bool {
    let versioned = version(thing).is_some();
    let fqn = thing.fqn();
    matches_names(fqn, value, versioned) || fqn.get(1..).is_some_and(|rest| matches_names(rest, value, versioned))
}

/// The last name alone, or the names from the first on; a wildcard part stands for all that follow.
fn matches_names(fqn: &[String], value: &str, versioned: bool) -> bool {
    let Some((last, before)) = fqn.split_last() else { return false };
    let parts: Vec<&str> = value.split('.').collect();
    if versioned {
        // `orders`, `orders.v1` and `orders_v1` all mean the model `orders` of fqn `…, orders, v1`.
        let Some(name) = before.last() else { return false };
        let tail = parts[parts.len().saturating_sub(2)..].join("_");
        if name == value || format!("{name}_{last}") == tail {
            return true;
        }
    } else if last == value {
        return true;
    }
    let flat: Vec<&str> = fqn.iter().flat_map(|part| part.split('.')).collect();
    if !value.contains('.') && glob::is_pattern(value) && flat.last().is_some_and(|leaf| glob::matches(value, leaf)) {
        return true;
    }
    if flat.len() < parts.len() {
        return false;
    }
    for (at, part) in parts.iter().enumerate() {
        if glob::is_pattern(part) {
            return glob::matches(&parts[at..].join("."), &flat[at..].join("."));
        }
        if flat[at] != *part {
            return false;
        }
    }
    true
}

fn matches_path(thing: &Resource<'_>, value: &str) -> bool {
    let path = thing.original_file_path();
    let patch = thing.patch_path().map(|patch| patch.split_once("://").map_or(patch, |(_, file)| file));
    let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
    std::iter::once(path).chain(patch).chain(folders).any(|candidate| glob::matches_path(value, candidate))
}

fn matches_file(thing: &Resource<'_>, value: &str) -> bool {
    let path = thing.original_file_path();
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    glob::matches(value, name) || glob::matches(value, stem)
}

fn matches_source(thing: &Resource<'_>, value: &str) -> bool {
    let Resource::Source(source) = thing else { return false };
    let parts: Vec<&str> = value.split('.').collect();
    let (package, name, table) = match parts[..] {
        [name] => ("*", name, "*"),
        [name, table] => ("*", name, table),
        [package, name, table] => (package, name, table),
        _ => return false,
    };
    glob::matches(package, &source.package)
        && glob::matches(name, &source.source_name)
        && glob::matches(table, &source.name)
}

fn matches_packaged_name(thing: &Resource<'_>, value: &str) -> bool {
    let (package, name) = value.split_once('.').unwrap_or(("*", value));
    glob::matches(package, thing.package()) && glob::matches(name, thing.name())
}

fn matches_config(thing: &Resource<'_>, keys: &[String], value: &str) -> bool {
    let Some((first, rest)) = keys.split_first() else { return false };
    let start = thing.config().get(first);
    let found = rest.iter().try_fold(start, |at, key| at.map(|at| at.get(key)));
    let Some(Some(found)) = found else { return false };
    let fold_case = keys == ["severity"];
    match found {
        Value::Array(items) => items.iter().any(|item| same(item, value, fold_case)),
        single => same(single, value, fold_case),
    }
}

fn same(found: &Value, value: &str, fold_case: bool) -> bool {
    match found {
        Value::String(text) if fold_case => text.eq_ignore_ascii_case(value),
        Value::String(text) => text == value,
        Value::Bool(flag) => value.eq_ignore_ascii_case(if *flag { "true" } else { "false" }),
        Value::Number(number) => number.to_string() == value,
        _ => false,
    }
}

fn test_name<'a>(thing: &Resource<'a>) -> Option<&'a str> {
    match thing {
        Resource::UnitTest(test) => Some(&test.name),
        Resource::Node(node) => match &node.detail {
            Detail::GenericTest(test) => Some(&test.test_name),
            _ => None,
        },
        _ => None,
    }
}

fn matches_test_type(thing: &Resource<'_>, value: &str) -> bool {
    let kind = match thing {
        Resource::UnitTest(_) => "unit",
        Resource::Node(node) => match &node.detail {
            Detail::GenericTest(_) => "generic",
            Detail::SingularTest => "singular",
            _ => return false,
        },
        _ => return false,
    };
    match value {
        "data" => kind != "unit",
        // Its name before dbt 1.0.
        "schema" => kind == "generic",
        other => kind == other,
    }
}

fn access(thing: &Resource<'_>) -> Option<Access> {
    match thing {
        Resource::Node(node) => match &node.detail {
            Detail::Model(model) => Some(model.access),
            _ => None,
        },
        _ => None,
    }
}

/// `(version, latest_version)` of a versioned model.
fn version<'a>(thing: &Resource<'a>) -> Option<(&'a Value, Option<&'a Value>)> {
    let Resource::Node(node) = thing else { return None };
    let Detail::Model(model) = &node.detail else { return None };
    Some((model.version.as_ref()?, model.latest_version.as_ref()))
}

fn matches_version(thing: &Resource<'_>, value: &str) -> bool {
    if thing.resource_type() != ResourceType::Model {
        return false;
    }
    let Some((version, latest)) = version(thing) else { return value == "none" };
    let order = latest.map_or(std::cmp::Ordering::Equal, |latest| compare_versions(version, latest));
    match value {
        "latest" => order.is_eq(),
        "prerelease" => order.is_gt(),
        "old" => order.is_lt(),
        _ => false,
    }
}

/// Numbers by size, all else by text.
fn compare_versions(a: &Value, b: &Value) -> std::cmp::Ordering {
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => version_text(a).cmp(&version_text(b)),
    }
}

/// The values that members have for this method, to suggest one from.
pub(super) fn values_of(method: &Method, thing: &Resource<'_>) -> Vec<String> {
    match (method, thing) {
        (Method::Fqn, _) if is_qualified(thing) => vec![thing.name().to_owned()],
        (Method::Tag, _) => thing.tags().to_vec(),
        (Method::Source, Resource::Source(source)) => {
            vec![source.source_name.clone(), format!("{}.{}", source.source_name, source.name)]
        }
        (Method::Exposure, Resource::Exposure(_))
        | (Method::SemanticModel, Resource::SemanticModel(_))
        | (Method::Metric, Resource::Metric(_))
        | (Method::SavedQuery, Resource::SavedQuery(_))
        | (Method::UnitTest, Resource::UnitTest(_)) => vec![thing.name().to_owned()],
        (Method::Package, _) => vec![thing.package().to_string()],
        (Method::Group, _) => thing.config().group().map(str::to_owned).into_iter().collect(),
        (Method::TestName, _) => test_name(thing).map(str::to_owned).into_iter().collect(),
        (Method::File, _) => {
            let path = thing.original_file_path();
            vec![path.rsplit('/').next().unwrap_or(path).to_owned()]
        }
        (Method::Path, _) => {
            let path = thing.original_file_path();
            path.match_indices('/').map(|(at, _)| path[..at].to_owned()).chain([path.to_owned()]).collect()
        }
        _ => Vec::new(),
    }
}
