//! dbt's rules of what counts as a change.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::{Digests, Earlier, EarlierExposure, EarlierManifest, EarlierNode, EarlierSource, EarlierUnitTest};
use crate::diag::{Code, Diagnostic};
use crate::manifest::{
    ColumnInfo, Config, Detail, Disabled, Exposure, Manifest, Node, Resource, ResourceType, Source, UniqueId, UnitTest,
    contract_checksum,
};

/// Today's project beside an earlier one.
pub(in crate::select) struct Comparison<'a> {
    earlier: &'a EarlierManifest,
    manifest: &'a Manifest,
    digests: Digests<'a>,
    /// What was rendered with other values of variables; None: not known.
    other_inputs: Option<&'a HashSet<String>>,
    inputs_count: bool,
    /// Macros that have changed, or that call one that has.
    touched: HashSet<&'a str>,
    /// Whether contracts have been compared: only then those of removed models are.
    contracts_asked: Cell<bool>,
    /// Contracts that were broken, by the model, and what else there is to say of a node.
    broken: RefCell<HashMap<UniqueId, Diagnostic>>,
}

/// Configs that say where a thing is found, not what it is.
const NOT_COMPARED: &[&str] = &["tags", "alias", "schema", "database", "group"];
/// The configs of a data test that decide its outcome.
const OF_TESTS: &[&str] = &[
    "severity",
    "where",
    "limit",
    "fail_calc",
    "warn_if",
    "error_if",
    "store_failures",
    "store_failures_as",
    "sql_header",
];

impl<'a> Comparison<'a> {
    /// None: there is no earlier manifest.
    pub(in crate::select) fn new(manifest: &'a Manifest, earlier: &'a Earlier) -> Option<Self> {
        Some(Self {
            earlier: earlier.manifest.as_ref()?,
            manifest,
            contracts_asked: Cell::new(false),
            digests: Digests::new(manifest, &earlier.built_in),
            other_inputs: earlier.other_inputs.as_ref(),
            inputs_count: earlier.inputs_count,
            touched: touched_macros(manifest, earlier)?,
            broken: RefCell::default(),
        })
    }

    /// Whether `state:value` is true of a member.
    pub(in crate::select) fn matches(&self, value: &str, thing: &Resource<'a>) -> bool {
        if matches!(value, "modified" | "unmodified" | "modified.contract") {
            self.contracts_asked.set(true);
        }
        match value {
            "new" => !self.is_old(thing),
            "old" => self.is_old(thing),
            "modified" => self.is_modified(thing),
            "unmodified" => !self.is_modified(thing),
            "modified.macros" => self.uses_touched_macros(thing),
            "modified.vars" => self.has_other_inputs(thing),
            part => self.differs_in(part, thing),
        }
    }

    /// Broken contracts that the comparison has come upon.
    pub(in crate::select) fn complaints(&self) -> Vec<Diagnostic> {
        let mut broken: Vec<_> = self.broken.take().into_iter().collect();
        if self.contracts_asked.get() {
            let removed = self.earlier.nodes.iter().filter(|(id, _)| !self.manifest.nodes.contains_key(id.as_str()));
            broken.extend(removed.filter_map(|(id, old)| Some((id.as_str().into(), self.broken_by_removal(id, old)?))));
        }
        broken.sort_by(|a, b| a.0.cmp(&b.0));
        broken.into_iter().map(|(_, diagnostic)| diagnostic).collect()
    }

    fn is_old(&self, thing: &Resource<'_>) -> bool {
        let id = &**thing.unique_id();
        match thing {
            Resource::Node(_) => self.earlier.nodes.contains_key(id),
            Resource::Source(_) => self.earlier.sources.contains_key(id),
            Resource::UnitTest(_) => self.earlier.unit_tests.contains_key(id),
            Resource::Exposure(_) => self.earlier.exposures.contains_key(id),
            _ => self.earlier.semantic_entry(thing).is_some(),
        }
    }

    fn is_modified(&self, thing: &Resource<'a>) -> bool {
        !self.has_same_contents(thing)
            || self.uses_touched_macros(thing)
            || (self.inputs_count && self.has_other_inputs(thing))
    }

    /// Whether it is known which variables things were rendered with.
    pub(in crate::select) fn knows_inputs(&self) -> bool {
        self.other_inputs.is_some()
    }

    fn has_other_inputs(&self, thing: &Resource<'_>) -> bool {
        self.other_inputs.is_some_and(|ids| ids.contains(&**thing.unique_id()))
    }

    /// New sources and exposures count as unchanged, as in dbt: what is new in them shows in what refers to them.
    fn has_same_contents(&self, thing: &Resource<'_>) -> bool {
        let id = &**thing.unique_id();
        match thing {
            Resource::Node(node) => self.earlier.nodes.get(id).is_some_and(|old| self.same_node(node, old)),
            Resource::Source(source) => self.earlier.sources.get(id).is_none_or(|old| same_source(source, old)),
            Resource::Exposure(exposure) => {
                self.earlier.exposures.get(id).is_none_or(|old| same_exposure(exposure, old))
            }
            Resource::UnitTest(test) => self.earlier.unit_tests.get(id).is_some_and(|old| same_unit_test(test, old)),
            _ => self.earlier.is_same_semantics(thing),
        }
    }

    fn same_node(&self, node: &Node, old: &EarlierNode) -> bool {
        if matches!(node.detail, Detail::GenericTest(_)) {
            return same_config(node, old) && node.fqn == old.fqn;
        }
        // First, because it is also a check.
        self.same_contract(node, old)
            && self.same_body(node, old)
            && same_config(node, old)
            && same_persisted_descriptions(node, old)
            && node.fqn == old.fqn
            && same_relation(node, old)
            && same_interface(node, old)
            && same_signature(node, old)
    }

    /// `state:modified.body` and its like. What is new differs in all that it has.
    fn differs_in(&self, part: &str, thing: &Resource<'_>) -> bool {
        let id = &**thing.unique_id();
        match (thing, part) {
            (Resource::Node(node), _) => {
                let same = |old: &EarlierNode| match part {
                    "modified.body" => self.same_body(node, old),
                    "modified.configs" => same_config(node, old),
                    "modified.relation" => same_relation(node, old),
                    "modified.persisted_descriptions" => same_persisted_descriptions(node, old),
                    _ => self.same_contract(node, old),
                };
                !self.earlier.nodes.get(id).is_some_and(same)
            }
            (Resource::Source(source), "modified.configs") => {
                !self.earlier.sources.get(id).is_some_and(|old| same_source_config(source, old))
            }
            (Resource::Source(source), "modified.relation") => {
                !self.earlier.sources.get(id).is_some_and(|old| same_source_relation(source, old))
            }
            (Resource::Exposure(exposure), "modified.configs") => {
                let same =
                    |old: &EarlierExposure| same_keys(&exposure.unrendered_config, &old.unrendered_config, |_| true);
                !self.earlier.exposures.get(id).is_some_and(same)
            }
            (Resource::SemanticModel(_) | Resource::Metric(_) | Resource::SavedQuery(_), "modified.configs") => {
                !self.earlier.same_semantic_config(thing)
            }
            _ => false,
        }
    }

    fn uses_touched_macros(&self, thing: &Resource<'a>) -> bool {
        let (macros, kept): (&'a [UniqueId], _) = match *thing {
            Resource::Node(node) => {
                let old = self.earlier.nodes.get(&*node.unique_id).and_then(|old| old.kept.as_ref());
                (&node.depends_on_macros, old.map(|kept| &kept.macros))
            }
            Resource::UnitTest(test) => {
                let old = self.earlier.unit_tests.get(&*test.unique_id).and_then(|old| old.macros.as_ref());
                (&test.depends_on_macros, old)
            }
            _ => return false,
        };
        match kept {
            // Each thing remembers its own: some may have been built before a macro changed, and some after.
            Some(before) => self.digests.of_macros(macros) != *before,
            None => macros.iter().any(|id| self.touched.contains(&**id)),
        }
    }

    fn same_body(&self, node: &Node, old: &EarlierNode) -> bool {
        if node.resource_type == ResourceType::Seed {
            if node.checksum.name == "path" {
                let text = format!("seed `{}` is too large to be compared by its content", node.name);
                let warning = Diagnostic::warning(Code::Selection, text)
                    .note("it counts as modified only when its path changes")
                    .help("`flags: {maximum_seed_size_mib: …}` in dbt_project.yml sets the limit (default 1)");
                self.broken.borrow_mut().insert(node.unique_id.clone(), warning);
            }
            return node.checksum.name == old.checksum.name && node.checksum.checksum == old.checksum.checksum;
        }
        match old.kept.as_ref().and_then(|kept| kept.body.as_ref()) {
            Some(digest) => Digests::of(&node.raw_code) == *digest,
            None => *node.raw_code == *old.raw_code,
        }
    }

    /// A model of an enforced contract that is gone, unless it was said that it would be. Of a disabled one dbt looks at
    /// what it says now.
    fn broken_by_removal(&self, id: &str, old: &EarlierNode) -> Option<Diagnostic> {
        let name = id.strip_prefix("model.")?.split_once('.')?.1;
        let disabled = self.manifest.disabled.get(id).and_then(|found| match found.first()? {
            Disabled::Node(node) => Some(node),
            _ => None,
        });
        let (enforced, versioned, deprecated) = match disabled.map(|node| (node, &node.detail)) {
            Some((node, Detail::Model(model))) => {
                (node.config.contract_enforced(), model.version.is_some(), model.deprecation_date.as_deref())
            }
            _ => (old.contract.enforced, !old.version.is_null(), old.deprecation_date.as_deref()),
        };
        if !enforced || deprecated.is_some_and(is_past) {
            return None;
        }
        let what = if disabled.is_some() { "disabled" } else { "deleted or renamed" };
        Some(breaking_change(&format!("model `{name}` of an enforced contract was {what}"), versioned))
    }

    fn same_contract(&self, node: &Node, old: &EarlierNode) -> bool {
        let Detail::Model(model) = &node.detail else { return true };
        let enforced = node.config.contract_enforced();
        if !old.contract.enforced {
            return !enforced;
        }
        if enforced && contract_checksum(node) == old.contract.checksum {
            return true;
        }
        let breaks = breaking_changes(node, &model.constraints, old, enforced);
        if !breaks.is_empty() {
            let text = format!("the change of model `{}` breaks its contract", node.name);
            let diagnostic = breaking_change(&text, model.version.is_some());
            let diagnostic = breaks.into_iter().fold(diagnostic, Diagnostic::note);
            self.broken.borrow_mut().insert(node.unique_id.clone(), diagnostic);
        }
        false
    }
}

/// An error where readers were promised a version that stays, else a warning.
fn breaking_change(text: &str, versioned: bool) -> Diagnostic {
    match versioned {
        true => Diagnostic::error(Code::BreakingChange, text)
            .help("make a new version of the model, and leave this one as it was"),
        false => Diagnostic::warning(Code::BreakingChange, text)
            .help("give the model versions, so that its readers can move on one by one"),
    }
}

/// Of `2025-01-31`, or a time that begins so.
fn is_past(date: &str) -> bool {
    let day = date.get(..10).and_then(|day| day.parse::<chrono::NaiveDate>().ok());
    day.is_some_and(|day| day < chrono::Utc::now().date_naive())
}

/// What readers of the model may have relied upon, and is gone.
fn breaking_changes(node: &Node, constraints: &[Value], old: &EarlierNode, enforced: bool) -> Vec<String> {
    let builds_table = |materialized: &str| matches!(materialized, "table" | "incremental");
    let was = old.config.materialized.as_deref().unwrap_or("view");
    let mut breaks = Vec::new();
    if !enforced {
        breaks.push("its contract is no longer enforced".to_owned());
    }
    let lost = |old: &[Value], now: &[Value]| {
        let now: Vec<Value> = now.iter().map(essence_of_constraint).collect();
        old.iter().filter(|constraint| !now.contains(&essence_of_constraint(constraint))).count()
    };
    let mut had_constraints = !old.constraints.is_empty();
    for (name, before) in &old.columns {
        had_constraints |= !before.constraints.is_empty();
        let Some(column) = node.columns.get(name) else {
            breaks.push(format!("column `{name}` was removed"));
            continue;
        };
        if base_type(before.data_type.as_deref()) != base_type(column.data_type.as_deref()) {
            let shown = |data_type: Option<&str>| data_type.unwrap_or("no type").to_owned();
            let (from, to) = (shown(before.data_type.as_deref()), shown(column.data_type.as_deref()));
            breaks.push(format!("column `{name}` was `{from}` and is `{to}`"));
        }
        if builds_table(was) && lost(&before.constraints, &column.constraints) > 0 {
            breaks.push(format!("column `{name}` lost a constraint"));
        }
    }
    if builds_table(was) && lost(&old.constraints, constraints) > 0 {
        breaks.push("the model lost a constraint".to_owned());
    }
    let materialized = node.config.materialized();
    if had_constraints && builds_table(was) && !builds_table(materialized) {
        breaks.push(format!("it was materialized as `{was}` and is as `{materialized}`, which has no constraints"));
    }
    breaks
}

/// `varchar(20)` and `varchar(30)` are both `varchar`.
fn base_type(data_type: Option<&str>) -> Option<String> {
    data_type.map(|text| text.split('(').next().unwrap_or(text).trim().to_lowercase())
}

/// Without the keys that only say what is the default anyway.
fn essence_of_constraint(constraint: &Value) -> Value {
    let Value::Object(map) = constraint else { return constraint.clone() };
    let is_default = |key: &str, value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Bool(flag) => *flag && matches!(key, "warn_unenforced" | "warn_unsupported"),
        _ => false,
    };
    map.iter().filter(|(key, value)| !is_default(key, value)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn same_config(node: &Node, old: &EarlierNode) -> bool {
    let is_test = node.resource_type == ResourceType::Test;
    let is_compared = |key: &str| if is_test { OF_TESTS.contains(&key) } else { !NOT_COMPARED.contains(&key) };
    same_keys(&node.unrendered_config, &old.unrendered_config, is_compared)
}

/// As written: the same project has other schemas in another target. What Headwater has kept is of the same target, and
/// there nothing has been built yet under a new name. Tests have a relation or none by the flags of a run.
fn same_relation(node: &Node, old: &EarlierNode) -> bool {
    let as_written = ["database", "schema", "alias"]
        .iter()
        .all(|key| node.unrendered_config.get(*key) == old.unrendered_config.get(*key));
    let is_test = node.resource_type == ResourceType::Test;
    as_written && (is_test || old.kept.as_ref().is_none_or(|kept| kept.relation == node.relation_name))
}

fn same_persisted_descriptions(node: &Node, old: &EarlierNode) -> bool {
    let persists = |what: &str| persists_docs(&node.config, what);
    let of_column = |column: &ColumnInfo| column.description.clone();
    let columns_are_same = || {
        node.columns.len() == old.columns.len()
            && node.columns.iter().all(|(name, column)| {
                old.columns.get(name).is_some_and(|before| before.description == of_column(column))
            })
    };
    (!persists("relation") || node.description == old.description) && (!persists("columns") || columns_are_same())
}

pub(super) fn persists_docs(config: &Config, what: &str) -> bool {
    config.get("persist_docs").and_then(|docs| docs.get(what)).and_then(Value::as_bool).unwrap_or(false)
}

/// What other projects see of a model.
fn same_interface(node: &Node, old: &EarlierNode) -> bool {
    let Detail::Model(model) = &node.detail else { return true };
    let latest = model.latest_version.as_ref().unwrap_or(&Value::Null);
    *latest == old.latest_version
        && model.access.as_str() == old.access.as_deref().unwrap_or("protected")
        && model.deprecation_date == old.deprecation_date
}

/// What a function takes and gives.
fn same_signature(node: &Node, old: &EarlierNode) -> bool {
    let Detail::Function(function) = &node.detail else { return true };
    without_nulls(&json!(function.arguments)) == without_nulls(&old.arguments)
        && without_nulls(&json!(function.returns)) == without_nulls(&old.returns)
}

fn same_source(source: &Source, old: &EarlierSource) -> bool {
    let freshness = source.freshness.as_ref().map_or(Value::Null, |freshness| json!(freshness));
    same_source_relation(source, old)
        && source.fqn == old.fqn
        && same_source_config(source, old)
        && without_nulls(&Value::Object(source.quoting.clone())) == without_nulls(&old.quoting)
        && without_nulls(&freshness) == without_nulls(&old.freshness)
        && source.loaded_at_field == old.loaded_at_field
        && without_nulls(source.external.as_ref().unwrap_or(&Value::Null)) == without_nulls(&old.external)
}

fn same_source_relation(source: &Source, old: &EarlierSource) -> bool {
    source.unrendered_database == old.unrendered_database
        && source.unrendered_schema == old.unrendered_schema
        && source.identifier == old.identifier
}

fn same_source_config(source: &Source, old: &EarlierSource) -> bool {
    // Older manifests leave out what is not set.
    let set = |config: &Map<String, Value>| {
        let is_set =
            |value: &Value| !without_nulls(value).is_null() && value.as_array().is_none_or(|list| !list.is_empty());
        config
            .iter()
            .filter(|(_, value)| is_set(value))
            .map(|(key, value)| (key.clone(), without_nulls(value)))
            .collect()
    };
    let (mut now, before): (Map<_, _>, Map<_, _>) = (set(&source.unrendered_config), set(&old.unrendered_config));
    // dbt writes what Jinja made of it; a source that is found on both sides is enabled on both.
    if before.get("enabled") == Some(&Value::Bool(true)) && now.contains_key("enabled") {
        now.insert("enabled".to_owned(), Value::Bool(true));
    }
    now == before
}

fn same_exposure(exposure: &Exposure, old: &EarlierExposure) -> bool {
    let now: HashSet<&str> = exposure.depends_on_nodes.iter().map(|id| &**id).collect();
    let before: HashSet<&str> = old.depends_on.nodes.iter().map(String::as_str).collect();
    exposure.fqn == old.fqn
        && exposure.kind == old.kind
        && without_nulls(&Value::Object(exposure.owner.clone())) == without_nulls(&old.owner)
        && exposure.maturity == old.maturity
        && exposure.url == old.url
        && exposure.label == old.label
        && exposure.description == old.description
        && now == before
        && same_keys(&exposure.unrendered_config, &old.unrendered_config, |_| true)
}

/// The checksum is each program's own, so another one says nothing yet.
fn same_unit_test(test: &UnitTest, old: &EarlierUnitTest) -> bool {
    let same_contents = || {
        let now = json!(test);
        let same = |key: &str, before: &Value| without_nulls(&now[key]) == without_nulls(before);
        same("model", &old.model)
            && same("given", &old.given)
            && same("expect", &old.expect)
            && same("overrides", &old.overrides)
            && same("versions", &old.versions)
    };
    old.checksum.as_deref() == Some(&*test.checksum) || same_contents()
}

/// A key that is set on one side only is a difference, even if it is set to the default.
pub(super) fn same_keys(
    now: &Map<String, Value>,
    before: &Map<String, Value>,
    is_compared: impl Fn(&str) -> bool,
) -> bool {
    let found =
        |map: &'_ Map<String, Value>, key: &str| map.get(key).or_else(|| map.get(other_spelling(key)?)).cloned();
    now.iter().all(|(key, value)| !is_compared(key) || found(before, key).is_some_and(|old| same_value(value, &old)))
        && before.keys().all(|key| !is_compared(key) || found(now, key).is_some())
}

/// dbt keeps the spelling of the call of `config`.
fn other_spelling(key: &str) -> Option<&'static str> {
    Some(match key {
        "pre_hook" => "pre-hook",
        "pre-hook" => "pre_hook",
        "post_hook" => "post-hook",
        "post-hook" => "post_hook",
        _ => return None,
    })
}

/// dbt writes the lists of properties files twice over, `[a, b, a, b]`, and so do we; older versions of it do not.
fn same_value(now: &Value, before: &Value) -> bool {
    let twice = |once: &Value, twice: &Value| match (once, twice) {
        (Value::Array(once), Value::Array(twice)) => {
            twice.len() == 2 * once.len() && twice[..once.len()] == **once && twice[once.len()..] == **once
        }
        _ => false,
    };
    match (now, before) {
        (Value::Object(now), Value::Object(before)) => {
            let same = |(key, value): (&String, &Value)| before.get(key).is_some_and(|old| same_value(value, old));
            now.len() == before.len() && now.iter().all(same)
        }
        _ => now == before || twice(now, before) || twice(before, now),
    }
}

/// Versions of the artifact differ in which empty keys they write.
pub(super) fn without_nulls(value: &Value) -> Value {
    let map = match value {
        Value::Object(map) => map,
        Value::Array(items) => return items.iter().map(without_nulls).collect(),
        _ => return value.clone(),
    };
    let kept: Map<_, _> = map
        .iter()
        .map(|(key, value)| (key.clone(), without_nulls(value)))
        .filter(|(_, value)| !value.is_null())
        .collect();
    if kept.is_empty() { Value::Null } else { Value::Object(kept) }
}

/// Macros whose text is new or other than before, and all that call them.
fn touched_macros<'a>(manifest: &'a Manifest, earlier: &'a Earlier) -> Option<HashSet<&'a str>> {
    let before = &earlier.manifest.as_ref()?.macros;
    let is_built_in = |package: &str| earlier.built_in.iter().any(|name| **name == *package);
    let mut callers: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut open: Vec<&str> = Vec::new();
    for (id, found) in &manifest.macros {
        found.depends_on_macros.iter().for_each(|called| callers.entry(called).or_default().push(id));
        let is_same = before.get(&**id).is_some_and(|old| *old.macro_sql == *found.macro_sql);
        if !is_same && !is_built_in(&found.package) {
            open.push(id);
        }
    }
    let mut touched: HashSet<&str> = open.iter().copied().collect();
    while let Some(id) = open.pop() {
        for caller in callers.get(id).into_iter().flatten() {
            if touched.insert(caller) {
                open.push(caller);
            }
        }
    }
    Some(touched)
}
