//! index.html: the documentation of a project as one file, which needs no server and no network.
//!
//! The page carries its style, its program and its data. The data is only what the pages show, with short keys and with
//! positions in place of ids, and it is packed (gzip in base64), so that a big project stays a small file.

mod semantic;

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};

use super::catalog::Catalog;
use super::{file, timestamp};
use crate::adapter::Described;
use crate::diag::{self, Code, Diagnostic};
use crate::execute::RunResults;
use crate::manifest::{
    ColumnInfo, Config, Detail, Exposure, GenericTest, Macro, Manifest, Node, ResourceType, Source, UniqueId,
};
use crate::project::Project;

const PAGE: &str = include_str!("site/index.html");
const STYLE: &str = include_str!("site/site.css");
const PROGRAM: &str = include_str!("site/site.js");

/// Packages that are part of this program: their macros are no documentation of a project.
const OWN_PACKAGES: &[&str] = &["dbt", "dbt_mysql", "dbt_duckdb"];

/// What a site is made of.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    pub project: &'a Project,
    pub manifest: &'a Manifest,
    pub catalog: &'a Catalog,
    /// Compiled code; None: nothing was compiled.
    pub results: Option<&'a RunResults>,
}

/// Writes index.html.
///
/// # Errors
/// The file cannot be written.
pub fn write_site(path: &Path, site: Site<'_>) -> diag::Result<()> {
    let data = packed(&data(site)).map_err(|error| Diagnostic::error(Code::Internal, error.to_string()).boxed())?;
    let title = escaped(&site.project.name);
    let parts =
        [("%title%", title.as_str()), ("/*style*/", STYLE), ("/*data*/", data.as_str()), ("/*program*/", PROGRAM)];
    file::write(path, |writer| {
        let mut rest = PAGE;
        for (mark, text) in parts {
            if let Some((before, after)) = rest.split_once(mark) {
                writer.write_all(before.as_bytes())?;
                writer.write_all(text.as_bytes())?;
                rest = after;
            }
        }
        writer.write_all(rest.as_bytes())
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What the page's program unpacks. Nothing in it can end the script element that it stands in.
fn packed(data: &Value) -> std::io::Result<String> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::best());
    serde_json::to_writer(&mut writer, data)?;
    Ok(BASE64_STANDARD.encode(writer.finish()?))
}

fn data(site: Site<'_>) -> Value {
    let invocation = &site.project.invocation;
    let mut pages = Pages::new(site);
    pages.tests();
    let overview =
        site.manifest.docs.values().find(|doc| doc.name == "__overview__" && doc.package == site.project.name);
    json!({
        "project": site.project.name,
        "adapter": site.project.profile.kind,
        "version": env!("CARGO_PKG_VERSION"),
        "generated": timestamp(site.catalog.generated_at),
        "invocation": invocation.id,
        "overview": overview.map(|doc| &doc.block_contents),
        "pages": pages.list,
    })
}

/// The pages of the site; they refer to each other by position.
struct Pages<'a> {
    site: Site<'a>,
    list: Vec<Map<String, Value>>,
    places: HashMap<&'a str, usize>,
}

impl<'a> Pages<'a> {
    fn new(site: Site<'a>) -> Self {
        use ResourceType::{Analysis, Function, Model, Seed, Snapshot};
        let manifest = site.manifest;
        let nodes: Vec<&Node> = manifest
            .nodes
            .values()
            .map(AsRef::as_ref)
            .filter(|node| matches!(node.resource_type, Model | Seed | Snapshot | Analysis | Function))
            .filter(|node| node.config.docs_show())
            .collect();
        let models: Vec<_> = manifest.semantic_models.values().filter(|model| model.config.docs_show()).collect();
        let metrics: Vec<_> = manifest.metrics.values().filter(|metric| metric.config.docs_show()).collect();
        let queries: Vec<_> = manifest.saved_queries.values().filter(|query| query.config.docs_show()).collect();
        let own_macro = |found: &&Macro| !OWN_PACKAGES.contains(&&*found.package) && shown(found);
        let macros: Vec<&Macro> = manifest.macros.values().map(AsRef::as_ref).filter(own_macro).collect();
        let ids = nodes.iter().map(|node| &*node.unique_id);
        let ids =
            ids.chain(manifest.sources.keys().map(AsRef::as_ref)).chain(manifest.exposures.keys().map(AsRef::as_ref));
        let ids = ids.chain(models.iter().map(|model| &*model.identity.unique_id));
        let ids = ids.chain(metrics.iter().map(|metric| &*metric.identity.unique_id));
        let ids = ids.chain(queries.iter().map(|query| &*query.identity.unique_id));
        let ids = ids.chain(macros.iter().map(|found| &*found.unique_id));
        let places = ids.enumerate().map(|(at, id)| (id, at)).collect();
        let mut pages = Self { site, list: Vec::new(), places };
        let compiled: HashMap<&str, &str> = site
            .results
            .into_iter()
            .flat_map(|run| &run.results)
            .filter_map(|result| Some((&*result.unique_id, result.compiled_code.as_deref()?)))
            .collect();
        for node in nodes {
            let page = pages.node(node, compiled.get(&*node.unique_id).copied());
            pages.list.push(page);
        }
        for source in manifest.sources.values() {
            let page = pages.source(source);
            pages.list.push(page);
        }
        for exposure in manifest.exposures.values() {
            let page = pages.exposure(exposure);
            pages.list.push(page);
        }
        pages.list.extend(models.into_iter().map(|model| pages.semantic_model(model)).collect::<Vec<_>>());
        pages.list.extend(metrics.into_iter().map(|metric| pages.metric(metric)).collect::<Vec<_>>());
        pages.list.extend(queries.into_iter().map(|query| pages.saved_query(query)).collect::<Vec<_>>());
        for found in macros {
            let page = pages.macro_page(found);
            pages.list.push(page);
        }
        pages
    }

    fn node(&self, node: &Node, compiled: Option<&str>) -> Map<String, Value> {
        let described = self.site.catalog.nodes.get(&node.unique_id);
        let mut page = page(&node.unique_id, &node.search_name(), &node.package, &node.original_file_path);
        put(&mut page, "d", &node.description);
        put(&mut page, "rel", node.relation_name.as_deref().unwrap_or_default());
        if node.resource_type == ResourceType::Model {
            put(&mut page, "mat", node.config.materialized());
        }
        match &node.detail {
            Detail::Model(model) => put(&mut page, "access", model.access.as_str()),
            Detail::Function(function) => semantic::put_function(&mut page, node, function),
            _ => {}
        }
        if node.config.contract_enforced() {
            page.insert("contract".to_owned(), json!(true));
        }
        put_color(&mut page, &node.config);
        put_list(&mut page, "tags", &node.tags);
        self.put_owner(&mut page, &node.config, described.map(AsRef::as_ref));
        put_meta(&mut page, node.config.meta());
        self.put_links(&mut page, &node.depends_on_nodes);
        put_columns(&mut page, &node.columns, described.map(AsRef::as_ref));
        if !matches!(node.detail, Detail::Seed { .. }) {
            put(&mut page, "raw", &node.raw_code);
            // What has no Jinja in it is the same twice.
            if let Some(sql) = compiled.filter(|sql| sql.trim() != node.raw_code.trim()) {
                page.insert("sql".to_owned(), lines_after(sql, &node.raw_code));
            }
        }
        page
    }

    fn source(&self, source: &Source) -> Map<String, Value> {
        let described = self.site.catalog.sources.get(&source.unique_id);
        let name = format!("{}.{}", source.source_name, source.name);
        let mut page = page(&source.unique_id, &name, &source.package, &source.original_file_path);
        put(&mut page, "d", &source.description);
        put(&mut page, "d2", &source.source_description);
        put(&mut page, "rel", &source.relation_name);
        put(&mut page, "loader", &source.loader);
        put_list(&mut page, "tags", &source.tags);
        self.put_owner(&mut page, &source.config, described.map(AsRef::as_ref));
        put_meta(&mut page, source.config.meta());
        put_columns(&mut page, &source.columns, described.map(AsRef::as_ref));
        page
    }

    fn exposure(&self, exposure: &Exposure) -> Map<String, Value> {
        let name = exposure.label.as_deref().unwrap_or(&exposure.name);
        let mut page = page(&exposure.unique_id, name, &exposure.package, &exposure.original_file_path);
        put(&mut page, "d", &exposure.description);
        put(&mut page, "mat", &exposure.kind);
        put(&mut page, "url", exposure.url.as_deref().unwrap_or_default());
        put(&mut page, "maturity", exposure.maturity.as_deref().unwrap_or_default());
        put(&mut page, "owner", &owner(&exposure.owner));
        put_meta(&mut page, exposure.config.meta());
        put_list(&mut page, "tags", &exposure.tags);
        self.put_links(&mut page, &exposure.depends_on_nodes);
        page
    }

    fn macro_page(&self, found: &Macro) -> Map<String, Value> {
        let mut page = page(&found.unique_id, &found.name, &found.package, &found.original_file_path);
        put(&mut page, "d", &found.description);
        put(&mut page, "raw", &found.macro_sql);
        let text =
            |argument: &Value, key: &str| argument.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let arguments: Vec<Value> = found
            .arguments
            .iter()
            .map(|argument| json!([text(argument, "name"), text(argument, "type"), text(argument, "description")]))
            .collect();
        if !arguments.is_empty() {
            page.insert("args".to_owned(), arguments.into());
        }
        self.put_links(&mut page, &found.depends_on_macros);
        page
    }

    /// Positions of what a page depends on.
    fn put_links(&self, page: &mut Map<String, Value>, ids: &[UniqueId]) {
        let mut places: Vec<usize> = ids.iter().filter_map(|id| self.places.get(&**id).copied()).collect();
        places.sort_unstable();
        places.dedup();
        if !places.is_empty() {
            page.insert("up".to_owned(), json!(places));
        }
    }

    /// The group and its owner, else `meta: {owner: …}`, else the relation's owner in the database.
    fn put_owner(&self, page: &mut Map<String, Value>, config: &Config, described: Option<&Described>) {
        let group = config.group();
        put(page, "group", group.unwrap_or_default());
        let of_group = group
            .and_then(|name| self.site.manifest.groups.values().find(|group| group.name == name))
            .map(|group| owner(&group.owner));
        let of_meta = || config.meta()?.get("owner")?.as_str().map(str::to_owned);
        let found = of_group.or_else(of_meta).or_else(|| described?.owner.clone());
        put(page, "owner", &found.unwrap_or_default());
    }

    /// Puts every test on the pages of what it tests: `[name, column, type, description]`.
    fn tests(&mut self) {
        for test in self.site.manifest.nodes.values().filter(|node| node.resource_type == ResourceType::Test) {
            let (tested, name, column) = match &test.detail {
                Detail::GenericTest(generic) => {
                    let tested = generic.attached_node.as_ref().or(test.depends_on_nodes.last());
                    (Vec::from_iter(tested), generic_name(generic), generic.column_name.as_deref().unwrap_or_default())
                }
                _ => (test.depends_on_nodes.iter().collect(), test.name.clone(), ""),
            };
            for id in tested {
                self.put_test(id, json!([name, column, test.name, test.description]));
            }
        }
        for test in self.site.manifest.unit_tests.values() {
            self.put_test(&test.tested, json!([format!("unit test {}", test.name), "", test.name, test.description]));
        }
    }

    fn put_test(&mut self, tested: &str, test: Value) {
        let Some(page) = self.places.get(tested).and_then(|at| self.list.get_mut(*at)) else { return };
        if let Value::Array(tests) = page.entry("tests").or_insert_with(|| json!([])) {
            tests.push(test);
        }
    }
}

/// `docs: {show: false}` hides a macro.
fn shown(found: &Macro) -> bool {
    found.docs.get("show").and_then(Value::as_bool).unwrap_or(true)
}

/// The lines of `sql`; those that are in `raw` as well by their number there, since most of them are.
fn lines_after(sql: &str, raw: &str) -> Value {
    let known: HashMap<&str, usize> = raw.split('\n').enumerate().map(|(at, line)| (line, at)).collect();
    sql.split('\n').map(|line| known.get(line).map_or_else(|| Value::from(line), |at| Value::from(*at))).collect()
}

/// What every page has.
fn page(id: &str, name: &str, package: &str, file: &str) -> Map<String, Value> {
    Map::from_iter([
        ("id".to_owned(), json!(id)),
        ("n".to_owned(), json!(name)),
        ("p".to_owned(), json!(package)),
        ("f".to_owned(), json!(file)),
    ])
}

fn put(page: &mut Map<String, Value>, key: &str, text: &str) {
    if !text.is_empty() {
        page.insert(key.to_owned(), text.into());
    }
}

fn put_list(page: &mut Map<String, Value>, key: &str, texts: &[String]) {
    if !texts.is_empty() {
        page.insert(key.to_owned(), json!(texts));
    }
}

/// `[key, value]`: texts as they are, the rest as JSON.
fn put_meta(page: &mut Map<String, Value>, meta: Option<&Map<String, Value>>) {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs: Vec<Value> = meta.into_iter().flatten().map(|(key, value)| json!([key, text(value)])).collect();
    if !pairs.is_empty() {
        page.insert("meta".to_owned(), pairs.into());
    }
}

/// Only what is a colour's name or number gets into the page's style.
fn put_color(page: &mut Map<String, Value>, config: &Config) {
    let is_color = |text: &&str| text.trim_start_matches('#').chars().all(|c| c.is_ascii_alphanumeric());
    put(page, "color", config.node_color().filter(is_color).unwrap_or_default());
}

/// `[name, type, description]`: in the order of the database, then what only the project knows.
fn put_columns(
    page: &mut Map<String, Value>,
    documented: &indexmap::IndexMap<String, ColumnInfo>,
    described: Option<&Described>,
) {
    let mut left: HashMap<String, &ColumnInfo> =
        documented.values().map(|column| (column.name.to_lowercase(), column)).collect();
    let mut columns = Vec::new();
    for column in described.map(|found| found.columns.as_slice()).unwrap_or_default() {
        let known = left.remove(&column.name.to_lowercase());
        let description = known.map(|known| known.description.as_str()).filter(|text| !text.is_empty());
        let description = description.or(column.comment.as_deref()).unwrap_or_default();
        columns.push(json!([column.name, column.data_type, description]));
    }
    for column in documented.values().filter(|column| left.contains_key(&column.name.to_lowercase())) {
        columns.push(json!([column.name, column.data_type.as_deref().unwrap_or_default(), column.description]));
    }
    if !columns.is_empty() {
        page.insert("cols".to_owned(), columns.into());
    }
    if let Some(found) = described {
        page.insert("db".to_owned(), json!([found.kind, found.rows, found.bytes]));
    }
}

/// `name <email>`, as far as there is one.
fn owner(owner: &Map<String, Value>) -> String {
    let text = |key: &str| {
        let value = owner.get(key)?;
        value.as_str().or_else(|| value.as_array()?.first()?.as_str()).filter(|text| !text.is_empty())
    };
    match (text("name"), text("email")) {
        (Some(name), Some(email)) => format!("{name} <{email}>"),
        (name, email) => name.or(email).unwrap_or_default().to_owned(),
    }
}

/// `relationships (to: ref('stores'), field: id)`
fn generic_name(test: &GenericTest) -> String {
    let name = match &test.namespace {
        Some(namespace) => format!("{namespace}.{}", test.test_name),
        None => test.test_name.clone(),
    };
    let own = test.kwargs.iter().filter(|(key, _)| !matches!(key.as_str(), "model" | "column_name"));
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let arguments: Vec<String> = own.map(|(key, value)| format!("{key}: {}", text(value))).collect();
    if arguments.is_empty() { name } else { format!("{name} ({})", arguments.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_packed_and_cannot_leave_its_script() {
        let text = packed(&json!({"d": "</script><!--<b>"})).unwrap();
        assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || "+/=".contains(c)), "{text}");
        let bytes = BASE64_STANDARD.decode(text).unwrap();
        let json: Value = serde_json::from_reader(flate2::read::GzDecoder::new(&bytes[..])).unwrap();
        assert_eq!(json["d"], "</script><!--<b>");
    }

    #[test]
    fn the_page_has_a_place_for_each_part_in_this_order() {
        let places: Vec<_> = ["%title%", "/*style*/", "/*data*/", "/*program*/"].map(|mark| PAGE.find(mark)).into();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
        assert_eq!(PROGRAM.matches("</script").count() + STYLE.matches("</style").count(), 0);
    }

    #[test]
    fn compiled_lines_that_are_in_the_source_are_numbers() {
        let raw = "select id,\n    n\nfrom {{ ref('a') }}\nwhere n > 0";
        let lines = lines_after("select id,\n    n\nfrom `s`.`a`\nwhere n > 0", raw);
        assert_eq!(lines, json!([0, 1, "from `s`.`a`", 3]));
    }

    #[test]
    fn owners_and_tests_are_named_for_people() {
        let of = |value: Value| owner(value.as_object().unwrap());
        assert_eq!(of(json!({"name": "Ada", "email": "ada@shop.example"})), "Ada <ada@shop.example>");
        assert_eq!(of(json!({"email": ["a@shop.example", "b@shop.example"]})), "a@shop.example");
        assert_eq!(of(json!({})), "");
    }
}
