//! The things of a project, parsed and resolved. Immutable once the manifest is made; shared as `Arc`.

use std::sync::Arc;

use indexmap::IndexMap;
use macro_rules_attribute::derive;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::diag::Span;
use crate::store::Stored;

/// A `unique_id`: `model.pkg.name`.
pub type UniqueId = Arc<str>;

/// dbt's resource types that run or are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Stored!)]
pub enum ResourceType {
    Model,
    Seed,
    Snapshot,
    Test,
    UnitTest,
    Analysis,
    /// on-run-start / on-run-end hooks, run-operation
    Operation,
    /// `--inline`
    SqlOperation,
    Source,
    Exposure,
    SemanticModel,
    Metric,
    SavedQuery,
    Function,
    Macro,
    Doc,
    Group,
}

impl ResourceType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Seed => "seed",
            Self::Snapshot => "snapshot",
            Self::Test => "test",
            Self::UnitTest => "unit_test",
            Self::Analysis => "analysis",
            Self::Operation => "operation",
            Self::SqlOperation => "sql_operation",
            Self::Source => "source",
            Self::Exposure => "exposure",
            Self::SemanticModel => "semantic_model",
            Self::Metric => "metric",
            Self::SavedQuery => "saved_query",
            Self::Function => "function",
            Self::Macro => "macro",
            Self::Doc => "doc",
            Self::Group => "group",
        }
    }

    /// The type that [`ResourceType::as_str`] calls so, of those that can be selected.
    pub fn parse(text: &str) -> Option<Self> {
        use ResourceType::{
            Analysis, Exposure, Function, Metric, Model, SavedQuery, Seed, SemanticModel, Snapshot, Source, Test,
            UnitTest,
        };
        let all = [
            Model,
            Seed,
            Snapshot,
            Test,
            UnitTest,
            Source,
            Exposure,
            Analysis,
            SemanticModel,
            Metric,
            SavedQuery,
            Function,
        ];
        all.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Has a relation in the warehouse that `ref` may name.
    pub fn is_refable(self) -> bool {
        matches!(self, Self::Model | Self::Seed | Self::Snapshot)
    }
}

/// One `ref(...)` as it was written.
#[derive(Debug, Clone, PartialEq, Stored!)]
pub struct RefCall {
    pub name: String,
    pub package: Option<String>,
    /// `v=`: kept as JSON, because versions may be numbers or strings.
    pub version: Option<Value>,
}

impl RefCall {
    /// `ref('name')`.
    pub fn to(name: impl Into<String>) -> Self {
        Self { name: name.into(), package: None, version: None }
    }
}

/// A column of a properties file.
#[derive(Debug, Clone, Default, PartialEq, Stored!)]
pub struct ColumnInfo {
    pub name: String,
    pub description: String,
    pub data_type: Option<String>,
    pub quote: Option<bool>,
    pub meta: Map<String, Value>,
    pub tags: Vec<String>,
    pub constraints: Vec<Value>,
    pub granularity: Option<String>,
    /// What the column is in its model's semantic model, as dbt's manifest shows it: a type, or an object.
    pub dimension: Option<Value>,
    pub entity: Option<Value>,
    /// `doc()` blocks that its description uses (unique ids).
    pub doc_blocks: Vec<String>,
}

/// A node's configuration: only what was set somewhere; [`Config::get`] falls back to dbt's defaults.
#[derive(Debug, Clone, PartialEq, Stored!)]
pub struct Config {
    pub resource: ResourceType,
    pub values: Map<String, Value>,
}

/// `file.checksum`: sha256 of the content, or of the path for big seeds.
#[derive(Debug, Clone, PartialEq, Eq, Stored!)]
pub struct Checksum {
    pub name: &'static str,
    pub checksum: String,
}

/// Everything that compiles or runs, except unit tests: models, seeds, snapshots, data tests, analyses, operations.
#[derive(Debug, Clone, Stored!)]
pub struct Node {
    pub unique_id: UniqueId,
    pub resource_type: ResourceType,
    pub name: String,
    pub package: Arc<str>,
    /// Relative to its resource folder: `staging/stg_orders.sql`.
    pub path: String,
    /// Relative to the project root: `models/staging/stg_orders.sql`; for generic tests the YAML file.
    pub original_file_path: String,
    pub fqn: Vec<String>,
    pub database: Option<String>,
    pub schema: String,
    pub alias: String,
    /// As rendered in SQL; None for ephemeral models, tests without stored failures, analyses, operations.
    pub relation_name: Option<String>,
    pub checksum: Checksum,
    /// The Jinja text: the file, the snapshot block's body, the test's generated call, the hook.
    pub raw_code: Arc<str>,
    /// Where `raw_code` is in its file, so that errors can point there.
    pub body: Span,
    pub config: Config,
    /// Of the config; of tests also those of their column.
    pub tags: Vec<String>,
    /// What the user wrote, before rendering (for `state:modified`).
    pub unrendered_config: Map<String, Value>,
    pub description: String,
    pub doc_blocks: Vec<String>,
    pub columns: IndexMap<String, ColumnInfo>,
    /// `pkg://path` of the properties file.
    pub patch_path: Option<String>,
    pub refs: Vec<RefCall>,
    /// `source(a, b)` calls.
    pub sources: Vec<(String, String)>,
    pub metrics: Vec<Vec<String>>,
    /// `function(name)` and `function(package, name)` calls.
    pub functions: Vec<Vec<String>>,
    pub depends_on_nodes: Vec<UniqueId>,
    pub depends_on_macros: Vec<UniqueId>,
    pub language: &'static str,
    /// Seconds since the epoch.
    pub created_at: f64,
    pub detail: Detail,
}

impl Node {
    /// A node of this name with its text and nothing else: no config, no edges, nothing described.
    pub(crate) fn bare(
        resource_type: ResourceType,
        unique_id: UniqueId,
        package: Arc<str>,
        body: Span,
        raw_code: Arc<str>,
    ) -> Self {
        Self {
            unique_id,
            resource_type,
            name: String::new(),
            package,
            path: String::new(),
            original_file_path: String::new(),
            fqn: Vec::new(),
            database: None,
            schema: String::new(),
            alias: String::new(),
            relation_name: None,
            checksum: Checksum { name: "none", checksum: String::new() },
            raw_code,
            body,
            config: Config::new(resource_type),
            tags: Vec::new(),
            unrendered_config: Map::new(),
            description: String::new(),
            doc_blocks: Vec::new(),
            columns: IndexMap::new(),
            patch_path: None,
            refs: Vec::new(),
            sources: Vec::new(),
            metrics: Vec::new(),
            functions: Vec::new(),
            depends_on_nodes: Vec::new(),
            depends_on_macros: Vec::new(),
            language: "sql",
            created_at: 0.0,
            detail: Detail::Operation { index: 0 },
        }
    }
}

/// What only one kind of node has.
#[derive(Debug, Clone, Stored!)]
pub enum Detail {
    Model(ModelDetail),
    Seed {
        /// Absolute root of the package, for artifacts.
        root_path: String,
        file: std::path::PathBuf,
    },
    Snapshot,
    GenericTest(GenericTest),
    SingularTest,
    Analysis,
    Function(FunctionDetail),
    Operation {
        index: usize,
    },
}

/// What a function of the user's own takes and gives.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Stored!)]
pub struct FunctionDetail {
    pub arguments: Vec<FunctionArgument>,
    /// None only until its properties are read.
    pub returns: Option<FunctionReturns>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct FunctionArgument {
    pub name: String,
    pub data_type: String,
    pub description: Option<String>,
    pub default_value: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Stored!)]
pub struct FunctionReturns {
    pub data_type: String,
    pub description: Option<String>,
}

#[derive(Debug, Clone, Default, Stored!)]
pub struct ModelDetail {
    pub access: Access,
    pub constraints: Vec<Value>,
    pub version: Option<Value>,
    pub latest_version: Option<Value>,
    /// As dbt writes it: `2026-01-31T00:00:00+01:00`.
    pub deprecation_date: Option<String>,
    pub deprecation_place: Option<crate::diag::Span>,
    pub primary_key: Vec<String>,
    pub time_spine: Option<super::semantic::TimeSpine>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Stored!)]
pub enum Access {
    Private,
    #[default]
    Protected,
    Public,
}

impl Access {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Protected => "protected",
            Self::Public => "public",
        }
    }
}

#[derive(Debug, Clone, Stored!)]
pub struct GenericTest {
    /// `not_null`, `relationships` …
    pub test_name: String,
    /// Package written before the test's name, if any (`dbt_utils`).
    pub namespace: Option<String>,
    /// The arguments as written, with `model` and `column_name` added.
    pub kwargs: Map<String, Value>,
    pub column_name: Option<String>,
    /// `models.fct_orders`, `sources.store_001`
    pub file_key_name: String,
    /// The node (or source) that it is declared on.
    pub attached_node: Option<UniqueId>,
    /// Where the test is declared.
    pub span: Option<Span>,
}

/// A table of a source.
#[derive(Debug, Clone, Stored!)]
pub struct Source {
    pub unique_id: UniqueId,
    pub source_name: String,
    pub name: String,
    pub package: Arc<str>,
    pub path: String,
    pub original_file_path: String,
    pub fqn: Vec<String>,
    pub database: Option<String>,
    pub schema: String,
    pub identifier: String,
    pub relation_name: String,
    pub loader: String,
    pub description: String,
    pub source_description: String,
    pub doc_blocks: Vec<String>,
    pub source_meta: Map<String, Value>,
    pub config: Config,
    pub unrendered_config: Map<String, Value>,
    pub unrendered_database: Option<String>,
    pub unrendered_schema: Option<String>,
    pub columns: IndexMap<String, ColumnInfo>,
    /// `{database, schema, identifier, column}`, each bool or null.
    pub quoting: Map<String, Value>,
    pub loaded_at_field: Option<String>,
    pub loaded_at_query: Option<String>,
    pub freshness: Option<Freshness>,
    pub external: Option<Value>,
    pub tags: Vec<String>,
    pub meta: Map<String, Value>,
    pub created_at: f64,
    pub span: Option<Span>,
}

/// `freshness:` of a source table, merged with its source's.
#[derive(Debug, Clone, Default, PartialEq, Stored!)]
pub struct Freshness {
    pub warn_after: Option<Age>,
    pub error_after: Option<Age>,
    pub filter: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Stored!)]
pub struct Age {
    pub count: u64,
    pub period: Period,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Stored!)]
pub enum Period {
    Minute,
    Hour,
    Day,
}

impl Age {
    pub fn seconds(&self) -> u64 {
        self.count
            * match self.period {
                Period::Minute => 60,
                Period::Hour => 3_600,
                Period::Day => 86_400,
            }
    }
}

#[derive(Debug, Clone, Stored!)]
pub struct Exposure {
    pub unique_id: UniqueId,
    pub name: String,
    pub package: Arc<str>,
    pub path: String,
    pub original_file_path: String,
    pub fqn: Vec<String>,
    pub kind: String,
    pub owner: Map<String, Value>,
    pub maturity: Option<String>,
    pub url: Option<String>,
    pub label: Option<String>,
    pub description: String,
    pub config: Config,
    pub unrendered_config: Map<String, Value>,
    pub refs: Vec<RefCall>,
    pub sources: Vec<(String, String)>,
    /// `metric(name)` and `metric(package, name)` calls.
    pub metrics: Vec<Vec<String>>,
    pub depends_on_nodes: Vec<UniqueId>,
    pub tags: Vec<String>,
    pub meta: Map<String, Value>,
    pub created_at: f64,
    pub span: Option<Span>,
}

#[derive(Debug, Clone, Stored!)]
pub struct Group {
    pub unique_id: UniqueId,
    pub name: String,
    pub package: Arc<str>,
    pub path: String,
    pub original_file_path: String,
    pub owner: Map<String, Value>,
    pub description: Option<String>,
    pub config: Map<String, Value>,
}

/// A `{% docs %}` block.
#[derive(Debug, Clone, Stored!)]
pub struct Doc {
    pub unique_id: UniqueId,
    pub name: String,
    pub package: Arc<str>,
    pub path: String,
    pub original_file_path: String,
    pub block_contents: String,
}

/// A macro as the manifest shows it; its compiled form is in the jinja library.
#[derive(Debug, Clone, Stored!)]
pub struct Macro {
    pub unique_id: UniqueId,
    pub name: String,
    pub package: Arc<str>,
    pub path: String,
    pub original_file_path: String,
    pub macro_sql: Arc<str>,
    pub depends_on_macros: Vec<UniqueId>,
    pub description: String,
    pub arguments: Vec<Value>,
    pub meta: Map<String, Value>,
    pub docs: Map<String, Value>,
    pub patch_path: Option<String>,
    pub supported_languages: Option<Vec<String>>,
    pub created_at: f64,
}

/// Rows of a unit test's input or expectation.
#[derive(Debug, Clone, PartialEq, Stored!)]
pub enum Rows {
    /// `format: dict` and `csv` (inline or fixture file), already read.
    Values(Vec<Map<String, Value>>),
    /// `format: sql`
    Sql(String),
}

#[derive(Debug, Clone, Stored!)]
pub struct UnitTestInput {
    /// As written: `ref('orders')`, `source('a', 'b')`, `this`.
    pub input: String,
    /// What it resolves to; None for `this`.
    pub unique_id: Option<UniqueId>,
    pub rows: Rows,
    pub format: &'static str,
    pub fixture: Option<String>,
}

#[derive(Debug, Clone, Stored!)]
pub struct UnitTest {
    pub unique_id: UniqueId,
    pub name: String,
    pub package: Arc<str>,
    pub path: String,
    pub original_file_path: String,
    pub fqn: Vec<String>,
    /// The model's name as written.
    pub model: String,
    /// The tested model.
    pub tested: UniqueId,
    pub description: String,
    pub given: Vec<UnitTestInput>,
    pub expect: Rows,
    pub expect_format: &'static str,
    pub expect_fixture: Option<String>,
    /// `{macros: {}, vars: {}, env_vars: {}}`
    pub overrides: Map<String, Value>,
    pub config: Config,
    pub tags: Vec<String>,
    pub checksum: String,
    pub schema: String,
    pub version: Option<Value>,
    pub versions: Option<Value>,
    pub depends_on_nodes: Vec<UniqueId>,
    pub depends_on_macros: Vec<UniqueId>,
    pub created_at: f64,
    pub span: Option<Span>,
}
