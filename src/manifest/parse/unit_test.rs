//! `unit_tests:`.

use std::ops::Range;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Setup;
use super::call::{Call, parse_call};
use super::properties::{Place, Reader, required_name};
use crate::diag::{Code, Diagnostic, Span, suggest};
use crate::jinja::pyvalue;
use crate::manifest::{
    Config, Detail, Manifest, Missing, Node as ManifestNode, RefCall, ResourceType, Rows, UniqueId, UnitTest,
    UnitTestInput, hash, merge, version_text,
};
use crate::project::{Package, PackageFile};
use crate::yaml::Node;

/// A unit test as written.
#[derive(Debug)]
pub struct UnitTestEntry {
    pub place: Place,
    name: String,
    model: (String, Span),
    description: String,
    given: Vec<InputEntry>,
    expect: RowsEntry,
    overrides: Map<String, Value>,
    config: Map<String, Value>,
    versions: Option<Value>,
}

#[derive(Debug)]
struct InputEntry {
    input: String,
    span: Span,
    rows: RowsEntry,
}

#[derive(Debug)]
struct RowsEntry {
    rows: Option<Value>,
    format: Format,
    fixture: Option<String>,
    span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Dict,
    Csv,
    Sql,
}

impl Format {
    const ALL: [Self; 3] = [Self::Dict, Self::Csv, Self::Sql];

    fn as_str(self) -> &'static str {
        match self {
            Self::Dict => "dict",
            Self::Csv => "csv",
            Self::Sql => "sql",
        }
    }
}

pub fn read_unit_test(reader: &mut Reader<'_>, mut entry: Node) -> Option<UnitTestEntry> {
    reader.render(&mut entry);
    let (name, model, description, given, expect, overrides, config, versions) =
        reader.fields(entry, "unit test", |fields| {
            let name = required_name(fields)?;
            let model = match fields.spanned_str("model") {
                Some(model) => model,
                None => {
                    fields.required_str("model");
                    return None;
                }
            };
            Some((
                name,
                model,
                fields.take("description"),
                fields.list("given"),
                fields.take("expect"),
                fields.map("overrides"),
                fields.take("config"),
                fields.take("versions"),
            ))
        })?;
    let place = reader.place(&name.1);
    let Some(expect) = expect else {
        let message = format!("unit test `{}` has no `expect`", name.0);
        reader.diags.push(Diagnostic::error(Code::MissingKey, message).at(place.span.clone(), "add `expect:`"));
        return None;
    };
    let (expect, _) = read_rows(reader, expect, "expectation", false)?;
    Some(UnitTestEntry {
        model: (model.0, reader.span(&model.1)),
        description: reader.describe(description).0,
        given: given.into_iter().filter_map(|given| read_input(reader, given)).collect(),
        expect,
        overrides: overrides.map(|map| map.to_json()).unwrap_or_default(),
        config: reader.config(ResourceType::UnitTest, config),
        versions: versions.filter(|node| !node.is_null()).map(|node| {
            let mut versions = node.to_json();
            if let Value::Object(versions) = &mut versions {
                for key in ["include", "exclude"] {
                    versions.entry(key).or_insert(Value::Null);
                }
            }
            versions
        }),
        name: name.0,
        place,
    })
}

fn read_input(reader: &mut Reader<'_>, given: Node) -> Option<InputEntry> {
    let (rows, input) = read_rows(reader, given, "input", true)?;
    let (input, range) = input?;
    Some(InputEntry { input, span: reader.span(&range), rows })
}

type Input = Option<(String, Range<u32>)>;

fn read_rows(reader: &mut Reader<'_>, node: Node, what: &str, has_input: bool) -> Option<(RowsEntry, Input)> {
    let span = reader.span(&node.range);
    let (input, rows, format, fixture) = reader.fields(node, what, |fields| {
        let input = if has_input { fields.spanned_str("input") } else { None };
        if has_input && input.is_none() {
            fields.required_str("input");
            return None;
        }
        Some((input, fields.take("rows"), fields.spanned_str("format"), fields.str("fixture")))
    })?;
    let format = match format {
        None => Format::Dict,
        Some((text, range)) => match Format::ALL.into_iter().find(|format| format.as_str() == text) {
            Some(format) => format,
            None => {
                let span = reader.span(&range);
                let label = suggest::nearest(&text, Format::ALL.map(Format::as_str))
                    .map_or_else(|| "one of dict, csv, sql".to_owned(), |near| format!("did you mean `{near}`?"));
                let message = format!("`{text}` is no format of rows");
                reader.diags.push(Diagnostic::error(Code::InvalidValue, message).at(span, label));
                return None;
            }
        },
    };
    let rows = rows.filter(|node| !node.is_null()).map(|node| node.to_json());
    Some((RowsEntry { rows, format, fixture, span }, input))
}

/// What unit tests are resolved against.
pub struct UnitTests<'a> {
    pub setup: &'a Setup<'a>,
    pub manifest: &'a Manifest,
    pub diags: Vec<Diagnostic>,
}

impl UnitTests<'_> {
    /// One unit test per tested version. None where the model is disabled.
    pub fn build(&mut self, entry: UnitTestEntry) -> Vec<UnitTest> {
        let package = entry.place.package.clone();
        let Some(model) = self.tested(&entry) else { return Vec::new() };
        self.check_incremental(&entry, &model);
        let Some((given, expect)) = self.rows(&entry, &package) else { return Vec::new() };
        let models = self.versions(&entry, &model);
        models.into_iter().map(|model| self.unit_test(&entry, &model, given.clone(), expect.clone())).collect()
    }

    fn tested(&mut self, entry: &UnitTestEntry) -> Option<Arc<ManifestNode>> {
        let (name, span) = &entry.model;
        let call = RefCall::to(name.clone());
        let found = self.manifest.resolve_ref(&entry.place.package, &call);
        match found {
            Ok(node) if node.resource_type == ResourceType::Model => return Some(node.clone()),
            Err(Missing::Disabled(_)) => return None,
            _ => {}
        }
        let models = self.manifest.nodes.values().filter(|node| node.resource_type == ResourceType::Model);
        let label = suggest::nearest(name, models.map(|node| node.name.as_str()))
            .map_or_else(|| "no model has this name".to_owned(), |near| format!("did you mean `{near}`?"));
        let message = format!("unit test `{}` tests model `{name}`, which is not in this project", entry.name);
        self.diags.push(Diagnostic::error(Code::RefNotFound, message).at(span.clone(), label));
        None
    }

    /// A model that asks `is_incremental()` needs an answer.
    fn check_incremental(&mut self, entry: &UnitTestEntry, model: &ManifestNode) {
        if !model.depends_on_macros.iter().any(|id| &**id == "macro.dbt.is_incremental") {
            return;
        }
        let answer = entry.overrides.get("macros").and_then(|macros| macros.get("is_incremental"));
        let span = entry.place.span.clone();
        match answer.and_then(Value::as_bool) {
            None => {
                let message = format!(
                    "model `{}` asks `is_incremental()`, and unit test `{}` does not say what it answers",
                    model.name, entry.name
                );
                self.diags.push(
                    Diagnostic::error(Code::UnitTest, message)
                        .at(span, "")
                        .help("add `overrides: {macros: {is_incremental: false}}`, or `true`"),
                );
            }
            Some(true) if !entry.given.iter().any(|given| given.input.trim() == "this") => {
                let message = format!("unit test `{}` of an incremental run has no input `this`", entry.name);
                self.diags.push(
                    Diagnostic::error(Code::UnitTest, message)
                        .at(span, "")
                        .help("add `- input: this` with the rows that the model already has"),
                );
            }
            Some(_) => {}
        }
    }

    /// The models that it is a test of: all versions, or those that `versions` names.
    fn versions(&mut self, entry: &UnitTestEntry, model: &Arc<ManifestNode>) -> Vec<Arc<ManifestNode>> {
        if model.version().is_none() {
            if entry.versions.is_some() {
                let message = format!("unit test `{}` names versions, but model `{}` has none", entry.name, model.name);
                self.diags.push(Diagnostic::error(Code::UnitTest, message).at(entry.place.span.clone(), ""));
            }
            return vec![model.clone()];
        }
        let named = |key: &str| -> Option<Vec<String>> {
            let list = entry.versions.as_ref()?.get(key)?.as_array()?;
            Some(list.iter().map(version_text).collect())
        };
        let (include, exclude) = (named("include"), named("exclude"));
        let wanted = |version: String| match (&include, &exclude) {
            (Some(include), _) => include.contains(&version),
            (None, Some(exclude)) => !exclude.contains(&version),
            (None, None) => true,
        };
        let same = |node: &&Arc<ManifestNode>| {
            node.resource_type == ResourceType::Model && node.name == model.name && node.package == model.package
        };
        let versions = self.manifest.nodes.values().filter(same);
        versions.filter(|node| node.version().is_some_and(|version| wanted(version_text(version)))).cloned().collect()
    }

    fn rows(&mut self, entry: &UnitTestEntry, package: &Arc<str>) -> Option<(Vec<UnitTestInput>, Rows)> {
        let mut given = Vec::new();
        for input in &entry.given {
            let unique_id = self.input(input, entry, package);
            let seed = unique_id.as_ref().and_then(|id| self.manifest.nodes.get(id)).cloned();
            let rows = self.read(&input.rows, entry, seed.as_deref());
            if let (Some(rows), true) = (rows, unique_id.is_some() || input.input.trim() == "this") {
                given.push(UnitTestInput {
                    input: input.input.clone(),
                    unique_id,
                    rows,
                    format: input.rows.format.as_str(),
                    fixture: input.rows.fixture.clone(),
                });
            }
        }
        let expect = self.read(&entry.expect, entry, None)?;
        (given.len() == entry.given.len()).then_some((given, expect))
    }

    fn input(&mut self, input: &InputEntry, entry: &UnitTestEntry, package: &Arc<str>) -> Option<UniqueId> {
        if input.input.trim() == "this" {
            return None;
        }
        let found = match parse_call(&input.input) {
            Some(Call::Ref(call)) => self.manifest.resolve_ref(package, &call).ok().map(|node| node.unique_id.clone()),
            Some(Call::Source(source, table)) => {
                self.manifest.resolve_source(package, &source, &table).ok().map(|found| found.unique_id.clone())
            }
            Some(Call::Metric(_)) | None => {
                let message = format!("an input of unit test `{}` is neither `ref`, `source` nor `this`", entry.name);
                self.diags.push(Diagnostic::error(Code::UnitTest, message).at(input.span.clone(), ""));
                return None;
            }
        };
        if found.is_none() {
            let message = format!("unit test `{}` has an input that is not in this project", entry.name);
            self.diags.push(Diagnostic::error(Code::RefNotFound, message).at(input.span.clone(), "not found"));
        }
        found
    }

    fn read(&mut self, rows: &RowsEntry, entry: &UnitTestEntry, seed: Option<&ManifestNode>) -> Option<Rows> {
        let outcome = match (rows.format, &rows.rows, &rows.fixture) {
            (Format::Dict, Some(Value::Array(items)), None) => dict_rows(items),
            (Format::Dict, None, None) => match seed.map(|node| &node.detail) {
                Some(Detail::Seed { file, .. }) => read_file(file).and_then(|text| csv_rows(&text)),
                _ => Err("it has no `rows`; only inputs that are seeds may leave them out".to_owned()),
            },
            (Format::Csv, _, Some(fixture)) => self.fixture(fixture, "csv").and_then(|text| csv_rows(&text)),
            (Format::Csv, Some(Value::String(text)), None) => csv_rows(text),
            (Format::Sql, _, Some(fixture)) => self.fixture(fixture, "sql").map(Rows::Sql),
            (Format::Sql, Some(Value::String(text)), None) => Ok(Rows::Sql(text.clone())),
            (Format::Dict, ..) => Err("format `dict` takes a list of rows".to_owned()),
            (format, ..) => Err(format!("format `{}` takes text or a fixture", format.as_str())),
        };
        match outcome {
            Ok(rows) => Some(rows),
            Err(problem) => {
                let message = format!("the rows of unit test `{}` cannot be read: {problem}", entry.name);
                self.diags.push(Diagnostic::error(Code::UnitTest, message).at(rows.span.clone(), ""));
                None
            }
        }
    }

    fn fixture(&self, name: &str, ending: &str) -> Result<String, String> {
        let wanted = format!("{name}.{ending}");
        let is_wanted = |file: &&PackageFile| file.path.original.rsplit('/').next() == Some(wanted.as_str());
        let fixtures =
            |package: &Package| package.files.fixtures.iter().find(is_wanted).map(|file| file.source.clone());
        let found = self.setup.project.packages.iter().find_map(fixtures);
        found.map(|file| file.text.clone()).ok_or_else(|| format!("no fixture file is called `{wanted}`"))
    }

    fn unit_test(
        &self,
        entry: &UnitTestEntry,
        model: &ManifestNode,
        given: Vec<UnitTestInput>,
        expect: Rows,
    ) -> UnitTest {
        let place = &entry.place;
        let mut fqn = super::fqn_of(&place.package, &place.path);
        fqn.extend([entry.model.0.clone(), entry.name.clone()]);
        let mut unique_id = format!("unit_test.{}.{}.{}", place.package, entry.model.0, entry.name);
        if let Some(version) = model.version() {
            unique_id.push_str(&format!("_v{}", version_text(version)));
        }
        let mut values = self.setup.trees.own(&place.package, ResourceType::UnitTest, &fqn);
        merge::merge(&mut values, &entry.config);
        self.setup.trees.root_over(&place.package, ResourceType::UnitTest, &fqn, &mut values);
        let config = Config { resource: ResourceType::UnitTest, values };
        let checksum = hash::sha256(as_dbt_shows_it(entry, &given, &expect).as_bytes());
        UnitTest {
            unique_id: unique_id.into(),
            name: entry.name.clone(),
            package: place.package.clone(),
            path: place.path.to_string(),
            original_file_path: place.original_file_path.to_string(),
            fqn,
            model: entry.model.0.clone(),
            tested: model.unique_id.clone(),
            description: entry.description.clone(),
            given,
            expect,
            expect_format: entry.expect.format.as_str(),
            expect_fixture: entry.expect.fixture.clone(),
            overrides: entry.overrides.clone(),
            tags: config.tags().into_iter().map(str::to_owned).collect(),
            config,
            checksum,
            schema: model.schema.clone(),
            version: model.version().cloned(),
            versions: entry.versions.clone(),
            // Not its inputs: they are replaced by rows.
            depends_on_nodes: vec![model.unique_id.clone()],
            depends_on_macros: Vec::new(),
            created_at: self.setup.now,
            span: Some(place.span.clone()),
        }
    }
}

/// What dbt makes the checksum of: its own objects, as Python shows them. So a unit test is the same to both.
fn as_dbt_shows_it(entry: &UnitTestEntry, given: &[UnitTestInput], expect: &Rows) -> String {
    let repr = |value: &Value| pyvalue::py_repr(&pyvalue::from_json(value));
    let optional = |text: &Option<String>| text.as_ref().map_or("None".to_owned(), |text| repr(&json!(text)));
    let fixture = |rows: &Rows, format: &str, file: &Option<String>| {
        let name = if format == "dict" { "Dict".to_owned() } else { format.to_uppercase() };
        let file = optional(file);
        format!("rows={}, format=<UnitTestFormat.{name}: '{format}'>, fixture={file})", repr(&json!(rows)))
    };
    let inputs = given.iter().map(|input| {
        let rest = fixture(&input.rows, input.format, &input.fixture);
        format!("UnitTestInputFixture(input={}, {rest}", repr(&json!(input.input)))
    });
    let inputs = inputs.collect::<Vec<_>>().join(", ");
    let expect = fixture(expect, entry.expect.format.as_str(), &entry.expect.fixture);
    let said = |value: Option<&Value>, none: &str| value.map_or(none.to_owned(), repr);
    let overrides = match entry.overrides.is_empty() {
        true => "None".to_owned(),
        false => {
            let [macros, vars, env_vars] =
                ["macros", "vars", "env_vars"].map(|key| said(entry.overrides.get(key), "{}"));
            format!("UnitTestOverrides(macros={macros}, vars={vars}, env_vars={env_vars})")
        }
    };
    let versions = entry.versions.as_ref().map_or("None".to_owned(), |versions| {
        let [include, exclude] = ["include", "exclude"].map(|key| said(versions.get(key), "None"));
        format!("UnitTestNodeVersions(include={include}, exclude={exclude})")
    });
    let mut shown = format!("{}-{versions}-[{inputs}]-UnitTestOutputFixture({expect}-{overrides}", entry.model.0);
    for input in given.iter().filter(|input| input.fixture.is_some()) {
        let rows = json!(input.rows);
        shown.push('-');
        shown.push_str(&rows.as_str().map_or_else(|| repr(&rows), str::to_owned));
    }
    shown
}

fn read_file(path: &std::path::Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn dict_rows(items: &[Value]) -> Result<Rows, String> {
    let rows = items.iter().map(|item| item.as_object().cloned().ok_or("a row must be a mapping".to_owned()));
    rows.collect::<Result<Vec<_>, _>>().map(first_full_row).map(Rows::Values)
}

/// Empty cells are null.
fn csv_rows(text: &str) -> Result<Rows, String> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.trim().as_bytes());
    let headers = reader.headers().map_err(|error| error.to_string())?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let cell = |text: &str| if text.is_empty() { Value::Null } else { Value::String(text.to_owned()) };
        rows.push(headers.iter().zip(&record).map(|(name, text)| (name.to_owned(), cell(text))).collect());
    }
    Ok(Rows::Values(first_full_row(rows)))
}

/// Databases take the types of a union from its first row: one without nulls comes first, if there is one.
fn first_full_row(mut rows: Vec<Map<String, Value>>) -> Vec<Map<String, Value>> {
    if let Some(full) = rows.iter().position(|row| row.values().all(|value| !value.is_null())) {
        rows.swap(0, full);
    }
    rows
}
