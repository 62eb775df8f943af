//! The table of dbt's events: name, code and level, as in `dbt/events/types.py`, `dbt_common/events/types.py` and
//! `dbt/adapters/events/types.py`.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::diag::Deprecation;
use crate::diag::log::Level;

/// One of dbt's events.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    pub name: &'static str,
    pub code: &'static str,
    pub level: Level,
}

impl Kind {
    /// dbt prints these whatever the level of the log, and without a time.
    pub(in crate::cli) fn is_payload(&self) -> bool {
        [&PRINT, &SHOW_NODE, &COMPILED_NODE].contains(&self)
    }

    /// Only `--log-cache-events` writes these.
    pub fn is_of_cache(&self) -> bool {
        [&CACHE_ACTION, &CACHE_DUMP_GRAPH].contains(&self)
    }

    /// The kind of a log entry or a warning, by dbt's name. What dbt has no event for is a note.
    pub fn named(name: &str) -> &'static Self {
        static DEPRECATIONS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
            let kind = |of: &Deprecation| Kind { name: of.event(), code: of.event_code(), level: Level::Warn };
            Deprecation::ALL.iter().map(kind).collect()
        });
        static BY_NAME: LazyLock<HashMap<&str, &'static Kind>> = LazyLock::new(|| {
            KINDS.iter().chain(WARNINGS).copied().chain(&*DEPRECATIONS).map(|kind| (kind.name, kind)).collect()
        });
        BY_NAME.get(name).copied().unwrap_or(&NOTE)
    }
}

macro_rules! kinds {
    ($($const:ident = $name:literal $code:literal $level:ident;)*) => {
        $(pub(in crate::cli) static $const: Kind = Kind { name: $name, code: $code, level: Level::$level };)*

        /// All that the engine tells by itself.
        pub(super) static KINDS: &[&Kind] = &[$(&$const),*];
    };
}

kinds! {
    MAIN_REPORT_VERSION = "MainReportVersion" "A001" Info;
    MAIN_REPORT_ARGS = "MainReportArgs" "A002" Debug;

    ADAPTER_EVENT_DEBUG = "AdapterEventDebug" "E001" Debug;
    ADAPTER_EVENT_WARNING = "AdapterEventWarning" "E003" Warn;
    NEW_CONNECTION = "NewConnection" "E005" Debug;
    CONNECTION_REUSED = "ConnectionReused" "E006" Debug;
    ROLLBACK = "Rollback" "E012" Debug;
    LIST_RELATIONS = "ListRelations" "E014" Debug;
    CONNECTION_USED = "ConnectionUsed" "E015" Debug;
    SQL_QUERY = "SQLQuery" "E016" Debug;
    SQL_QUERY_STATUS = "SQLQueryStatus" "E017" Debug;
    SQL_COMMIT = "SQLCommit" "E018" Debug;
    CACHE_ACTION = "CacheAction" "E022" Debug;
    CACHE_DUMP_GRAPH = "CacheDumpGraph" "E031" Debug;
    ADAPTER_REGISTERED = "AdapterRegistered" "E034" Info;
    CATALOG_WRITTEN = "CatalogWritten" "E042" Info;
    BUILDING_CATALOG = "BuildingCatalog" "E044" Info;
    FINISHED_RUNNING_STATS = "FinishedRunningStats" "E047" Info;

    UNABLE_TO_PARTIAL_PARSE = "UnableToPartialParse" "I024" Info;
    PARTIAL_PARSING_ENABLED = "PartialParsingEnabled" "I040" Debug;
    PARTIAL_PARSING_FILE = "PartialParsingFile" "I041" Debug;
    JINJA_LOG_WARNING = "JinjaLogWarning" "I061" Warn;
    JINJA_LOG_INFO = "JinjaLogInfo" "I062" Info;
    JINJA_LOG_DEBUG = "JinjaLogDebug" "I063" Debug;

    DEPS_NO_PACKAGES_FOUND = "DepsNoPackagesFound" "M013" Info;
    DEPS_START_PACKAGE_INSTALL = "DepsStartPackageInstall" "M014" Info;
    DEPS_INSTALL_INFO = "DepsInstallInfo" "M015" Info;
    DEPS_UPDATE_AVAILABLE = "DepsUpdateAvailable" "M016" Info;
    DEPS_UP_TO_DATE = "DepsUpToDate" "M017" Info;
    DEPS_LIST_SUBDIRECTORY = "DepsListSubdirectory" "M018" Info;
    DEPS_LOCK_UPDATING = "DepsLockUpdating" "M031" Info;

    ARTIFACT_WRITTEN = "ArtifactWritten" "P001" Debug;

    FRESHNESS_CHECK_COMPLETE = "FreshnessCheckComplete" "Q003" Info;
    LOG_TEST_RESULT = "LogTestResult" "Q007" Info;
    LOG_START_LINE = "LogStartLine" "Q011" Info;
    LOG_MODEL_RESULT = "LogModelResult" "Q012" Info;
    LOG_SNAPSHOT_RESULT = "LogSnapshotResult" "Q015" Info;
    LOG_SEED_RESULT = "LogSeedResult" "Q016" Info;
    LOG_FRESHNESS_RESULT = "LogFreshnessResult" "Q018" Info;
    LOG_NODE_NO_OP_RESULT = "LogNodeNoOpResult" "Q019" Info;
    LOG_CANCEL_LINE = "LogCancelLine" "Q022" Error;
    NODE_START = "NodeStart" "Q024" Debug;
    NODE_FINISHED = "NodeFinished" "Q025" Debug;
    CONCURRENCY_LINE = "ConcurrencyLine" "Q027" Info;
    NODE_COMPILING = "NodeCompiling" "Q030" Debug;
    NODE_EXECUTING = "NodeExecuting" "Q031" Debug;
    LOG_HOOK_START_LINE = "LogHookStartLine" "Q032" Info;
    LOG_HOOK_END_LINE = "LogHookEndLine" "Q033" Info;
    SKIPPING_DETAILS = "SkippingDetails" "Q034" Info;
    END_RUN_RESULT = "EndRunResult" "Q037" Debug;
    COMMAND_COMPLETED = "CommandCompleted" "Q039" Debug;
    SHOW_NODE = "ShowNode" "Q041" Info;
    COMPILED_NODE = "CompiledNode" "Q042" Info;
    LOG_START_BATCH = "LogStartBatch" "Q045" Info;
    LOG_BATCH_RESULT = "LogBatchResult" "Q046" Info;

    CATCHABLE_EXCEPTION_ON_RUN = "CatchableExceptionOnRun" "W002" Debug;
    FOUND_STATS = "FoundStats" "W006" Info;

    MAIN_ENCOUNTERED_ERROR = "MainEncounteredError" "Z002" Error;
    FORMATTING = "Formatting" "Z017" Info;
    RUN_RESULT_WARNING = "RunResultWarning" "Z021" Warn;
    RUN_RESULT_FAILURE = "RunResultFailure" "Z022" Error;
    STATS_LINE = "StatsLine" "Z023" Info;
    RUN_RESULT_ERROR = "RunResultError" "Z024" Error;
    SQL_COMPILED_PATH = "SQLCompiledPath" "Z026" Info;
    CHECK_NODE_TEST_FAILURE = "CheckNodeTestFailure" "Z027" Info;
    END_OF_RUN_SUMMARY = "EndOfRunSummary" "Z030" Info;
    MARK_SKIPPED_CHILDREN = "MarkSkippedChildren" "Z033" Debug;
    RUN_RESULT_WARNING_MESSAGE = "RunResultWarningMessage" "Z046" Warn;
    NOTE = "Note" "Z050" Info;
    RESOURCE_REPORT = "ResourceReport" "Z051" Debug;
    PRINT = "PrintEvent" "Z052" Info;
}

macro_rules! warnings {
    ($($name:literal $code:literal)*) => {
        /// dbt's warnings, which diagnostics carry the names of, besides the deprecations of [`Deprecation`].
        static WARNINGS: &[&Kind] = &[$(&Kind { name: $name, code: $code, level: Level::Warn }),*];
    };
}

warnings! {
    "BehaviorChangeEvent" "D000"
    "AdapterDeprecationWarning" "D005"
    "MetricAttributesRenamed" "D006"
    "InternalDeprecation" "D008"
    "CollectFreshnessReturnSignature" "D012"
    "SpacesInResourceNameDeprecation" "D014"
    "DeprecationsSummary" "D028"
    "InvalidValueForField" "I008"
    "ValidationWarning" "I009"
    "UnusedResourceConfigPath" "I051"
    "UnusedTables" "I056"
    "WrongResourceSchemaFile" "I057"
    "NoNodeForYamlKey" "I058"
    "MacroNotFoundForPatch" "I059"
    "NodeNotFoundOrDisabled" "I060"
    "DeprecatedModel" "I065"
    "UpcomingReferenceDeprecation" "I066"
    "DeprecatedReference" "I067"
    "UnsupportedConstraintMaterialization" "I068"
    "SemanticValidationFailure" "I070"
    "UnversionedBreakingChange" "I071"
    "WarnStateTargetEqual" "I072"
    "FreshnessConfigProblem" "I073"
    "MicrobatchModelNoEventTimeInputs" "I074"
    "InvalidConcurrentBatchesConfig" "I075"
    "InvalidMacroAnnotation" "I076"
    "PackageNodeDependsOnRootProjectNode" "I077"
    "DepsUnpinned" "M029"
    "NoNodesForSelectionCriteria" "M030"
    "NothingToDo" "Q035"
    "NoNodesSelected" "Q038"
    "SnapshotTimestampWarning" "Q043"
    "ConstraintNotEnforced" "E048"
    "ConstraintNotSupported" "E049"
}
