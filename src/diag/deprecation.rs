//! What dbt has deprecated and still reads: one name per kind of thing, the name of dbt's event.

macro_rules! deprecations {
    ($($variant:ident = $event:literal $code:literal,)*) => {
        /// A kind of thing that dbt has deprecated. Each is told once, unless `--show-all-deprecations` is given.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Deprecation { $($variant,)* }

        impl Deprecation {
            /// Every kind, for tests and documentation.
            pub const ALL: &'static [Deprecation] = &[$(Deprecation::$variant,)*];

            /// dbt's name of the event, as `--warn-error-options` and JSON logs have it.
            pub fn event(self) -> &'static str {
                match self { $(Deprecation::$variant => $event,)* }
            }

            /// dbt's code of the event.
            pub fn event_code(self) -> &'static str {
                match self { $(Deprecation::$variant => $code,)* }
            }
        }
    };
}

// Sorted by dbt's code (dbt/events/types.py).
deprecations! {
    PackageRedirect = "PackageRedirectDeprecation" "D001",
    PackageInstallPath = "PackageInstallPathDeprecation" "D002",
    ConfigSourcePath = "ConfigSourcePathDeprecation" "D003",
    ConfigDataPath = "ConfigDataPathDeprecation" "D004",
    ExposureName = "ExposureNameDeprecation" "D007",
    EnvironmentVariableRenamed = "EnvironmentVariableRenamed" "D009",
    ConfigLogPath = "ConfigLogPathDeprecation" "D010",
    ConfigTargetPath = "ConfigTargetPathDeprecation" "D011",
    ProjectFlagsMoved = "ProjectFlagsMovedDeprecation" "D013",
    ResourceNamesWithSpaces = "ResourceNamesWithSpacesDeprecation" "D015",
    PackageMaterializationOverride = "PackageMaterializationOverrideDeprecation" "D016",
    SourceFreshnessProjectHooks = "SourceFreshnessProjectHooksNotRun" "D017",
    MfTimespineWithoutYaml = "MFTimespineWithoutYamlConfigurationDeprecation" "D018",
    MfCumulativeTypeParams = "MFCumulativeTypeParamsDeprecation" "D019",
    MicrobatchMacroOutsideOfBatches = "MicrobatchMacroOutsideOfBatchesDeprecation" "D020",
    GenericJsonSchema = "GenericJSONSchemaValidationDeprecation" "D022",
    UnexpectedJinjaBlock = "UnexpectedJinjaBlockDeprecation" "D023",
    DuplicateYamlKeys = "DuplicateYAMLKeysDeprecation" "D024",
    CustomTopLevelKey = "CustomTopLevelKeyDeprecation" "D025",
    CustomKeyInConfig = "CustomKeyInConfigDeprecation" "D026",
    CustomKeyInObject = "CustomKeyInObjectDeprecation" "D027",
    CustomOutputPath = "CustomOutputPathInSourceFreshnessDeprecation" "D029",
    PropertyMovedToConfig = "PropertyMovedToConfigDeprecation" "D030",
    WeoIncludeExclude = "WEOIncludeExcludeDeprecation" "D031",
    ModelParamUsage = "ModelParamUsageDeprecation" "D032",
    ModulesItertools = "ModulesItertoolsUsageDeprecation" "D034",
    SourceOverride = "SourceOverrideDeprecation" "D035",
    EnvironmentVariableNamespace = "EnvironmentVariableNamespaceDeprecation" "D036",
    MissingPlusPrefix = "MissingPlusPrefixDeprecation" "D037",
    ArgumentsProperty = "ArgumentsPropertyInGenericTestDeprecation" "D038",
    MissingArgumentsProperty = "MissingArgumentsPropertyInGenericTestDeprecation" "D039",
    DuplicateNameDistinctNodeTypes = "DuplicateNameDistinctNodeTypesDeprecation" "D040",
    TimeDimensionsRequireGranularity = "TimeDimensionsRequireGranularityDeprecation" "D041",
    GenericSemanticLayer = "GenericSemanticLayerDeprecation" "D042",
    GenerateSchemaNameNullValue = "GenerateSchemaNameNullValueDeprecation" "D044",
}

impl Deprecation {
    /// dbt's name of all of them in `--warn-error-options`.
    pub const GROUP: &'static str = "Deprecations";
    /// dbt's event that counts them at the end.
    pub const SUMMARY_EVENT: &'static str = "DeprecationsSummary";

    /// Whether dbt finds it by its JSON schemas, which it has for BigQuery, Databricks, Redshift and Snowflake
    /// (`dbt/jsonschemas`).
    pub fn is_of_schema(self) -> bool {
        matches!(
            self,
            Self::GenericJsonSchema
                | Self::CustomTopLevelKey
                | Self::CustomKeyInConfig
                | Self::CustomKeyInObject
                | Self::PropertyMovedToConfig
                | Self::SourceOverride
                | Self::MissingPlusPrefix
        )
    }
}
