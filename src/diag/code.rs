//! The stable names of all problems that Headwater reports.

macro_rules! codes {
    ($($variant:ident = $name:literal,)*) => {
        /// The stable name of a kind of problem: `error[ref-not-found]`. Scripts may key on it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($variant,)* }

        impl Code {
            /// Every code, for tests and documentation.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }
        }
    };
}

// Sorted by name.
codes! {
    AmbiguousRelation = "ambiguous-relation",
    BreakingChange = "breaking-change",
    Cancelled = "cancelled",
    CommandLine = "command-line",
    ConcurrentBatches = "concurrent-batches",
    Connection = "connection",
    Contract = "contract",
    Cycle = "cycle",
    Database = "database",
    Dependency = "dependency",
    Deprecated = "deprecated",
    DeprecatedModel = "deprecated-model",
    DeprecationsSummary = "deprecations-summary",
    DisabledRef = "disabled-ref",
    DuplicateKey = "duplicate-key",
    DuplicateName = "duplicate-name",
    EnvVarNotSet = "env-var-not-set",
    File = "file",
    FreshnessConfig = "freshness-config",
    Internal = "internal",
    InvalidConfig = "invalid-config",
    InvalidValue = "invalid-value",
    JinjaRuntime = "jinja-runtime",
    JinjaSyntax = "jinja-syntax",
    MacroNotFound = "macro-not-found",
    MetricNotFound = "metric-not-found",
    MicrobatchInputs = "microbatch-inputs",
    MissingKey = "missing-key",
    NoNodesSelected = "no-nodes-selected",
    NoState = "no-state",
    NotPublished = "not-published",
    NotSupported = "not-supported",
    PatchTargetNotFound = "patch-target-not-found",
    PrivateRef = "private-ref",
    ProfileNotFound = "profile-not-found",
    ProjectNotFound = "project-not-found",
    RefNotFound = "ref-not-found",
    Selection = "selection",
    SemanticLayer = "semantic-layer",
    SourceNotFound = "source-not-found",
    StaleSource = "stale-source",
    TestFailed = "test-failed",
    UncalledMacro = "uncalled-macro",
    UnitTest = "unit-test",
    UnknownConfig = "unknown-config",
    UnknownKey = "unknown-key",
    UnpinnedPackage = "unpinned-package",
    UnsupportedConstraint = "unsupported-constraint",
    UnusedConfig = "unused-config",
    VarNotSet = "var-not-set",
    VersionMismatch = "version-mismatch",
    YamlSyntax = "yaml-syntax",
}
