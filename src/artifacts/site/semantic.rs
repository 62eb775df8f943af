//! The pages of semantic models, metrics, saved queries and functions.
//!
//! What only one kind has goes into two lists that the page's program shows as they are: `facts` (`[name, code]`) and
//! `tables` (`[title, [heading], [[cell]]]`: a name, then code, at last a description in Markdown).

use serde_json::{Map, Value, json};

use super::{Pages, page, put, put_list, put_meta};
use crate::manifest::semantic::{
    AggregationParams, Dimension, Filters, Identity, InputMeasure, InputMetric, Metric, SavedQuery, SemanticModel,
    TimeWindow,
};
use crate::manifest::{FunctionDetail, Node};

type Page = Map<String, Value>;

impl Pages<'_> {
    pub(super) fn semantic_model(&self, model: &SemanticModel) -> Page {
        let mut page = semantic_page(&model.identity, model.label.as_deref(), model.description.as_deref());
        self.put_owner(&mut page, &model.config, None);
        put_meta(&mut page, model.config.meta());
        self.put_links(&mut page, &model.depends_on_nodes);
        put_facts(
            &mut page,
            [
                ("Model", model.model.clone()),
                ("Primary entity", text(model.primary_entity.as_deref())),
                ("Time of measures", text(model.defaults.as_ref().and_then(|set| set.agg_time_dimension.as_deref()))),
            ],
        );
        let described = |label: Option<&str>, description: Option<&str>| text(description.or(label));
        let entities = model.entities.iter().map(|entity| {
            let about = described(entity.label.as_deref(), entity.description.as_deref());
            [entity.name.clone(), entity.kind.clone(), text(entity.expr.as_deref()), about]
        });
        put_table(&mut page, "Entities", ["Name", "Type", "Expression", "Description"], entities);
        let kind = |dimension: &Dimension| match dimension.granularity() {
            Some(granularity) => format!("{} ({granularity})", dimension.kind),
            None => dimension.kind.clone(),
        };
        let dimensions = model.dimensions.iter().map(|dimension| {
            let about = described(dimension.label.as_deref(), dimension.description.as_deref());
            [dimension.name.clone(), kind(dimension), text(dimension.expr.as_deref()), about]
        });
        put_table(&mut page, "Dimensions", ["Name", "Type", "Expression", "Description"], dimensions);
        let measures = model.measures.iter().map(|measure| {
            let about = described(measure.label.as_deref(), measure.description.as_deref());
            let aggregation = aggregation(&measure.agg, measure.agg_params.as_ref());
            let time = text(measure.agg_time_dimension.as_deref());
            [measure.name.clone(), aggregation, text(measure.expr.as_deref()), time, about]
        });
        put_table(&mut page, "Measures", ["Name", "Aggregation", "Expression", "Time", "Description"], measures);
        page
    }

    pub(super) fn metric(&self, metric: &Metric) -> Page {
        let mut page = semantic_page(&metric.identity, Some(&metric.label), Some(&metric.description));
        put(&mut page, "mat", metric.kind.as_str());
        put_list(&mut page, "tags", &metric.tags);
        self.put_owner(&mut page, &metric.config, None);
        put_meta(&mut page, Some(&metric.meta).filter(|meta| !meta.is_empty()).or(metric.config.meta()));
        self.put_links(&mut page, &metric.depends_on_nodes);
        let params = &metric.type_params;
        let (cumulative, conversion) = (params.cumulative_type_params.as_ref(), params.conversion_type_params.as_ref());
        let window = cumulative.and_then(|set| set.window.as_ref()).or(params.window.as_ref());
        let window = window.or_else(|| conversion?.window.as_ref());
        let aggregated = params.metric_aggregation_params.as_ref();
        let to_date = cumulative.and_then(|set| set.grain_to_date.as_deref()).or(params.grain_to_date.as_deref());
        put_facts(
            &mut page,
            [
                (
                    "Aggregation",
                    aggregated.map(|set| aggregation(&set.agg, set.agg_params.as_ref())).unwrap_or_default(),
                ),
                ("Time", text(aggregated.and_then(|set| set.agg_time_dimension.as_deref()))),
                ("Expression", text(params.expr.as_deref())),
                ("Filter", conditions(metric.filter.as_ref())),
                ("Window", time(window)),
                ("Grain to date", text(to_date)),
                ("Aggregated over its period by", text(cumulative.map(|set| set.period_agg.as_str()))),
                ("Entity", text(conversion.map(|set| set.entity.as_str()))),
                ("Calculation", text(conversion.map(|set| set.calculation.as_str()))),
                ("Time granularity", text(metric.time_granularity.as_deref())),
            ],
        );
        let measure = |role: &str, input: &InputMeasure| {
            let filled = input.fill_nulls_with.map(|number| number.to_string()).unwrap_or_default();
            let alias = text(input.alias.as_deref());
            [input.name.clone(), role.to_owned(), alias, String::new(), filled, conditions(input.filter.as_ref())]
        };
        let input = |role: &str, input: &InputMetric| {
            let offset = [time(input.offset_window.as_ref()), text(input.offset_to_grain.as_deref())];
            let offset = offset.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
            let alias = text(input.alias.as_deref());
            [input.name.clone(), role.to_owned(), alias, offset, String::new(), conditions(input.filter.as_ref())]
        };
        let mut inputs = Vec::new();
        inputs.extend(params.measure.iter().map(|found| measure("measure", found)));
        if let Some(set) = conversion {
            inputs.extend(set.base_measure.iter().map(|found| measure("base measure", found)));
            inputs.extend(set.conversion_measure.iter().map(|found| measure("conversion measure", found)));
            inputs.extend(set.base_metric.iter().map(|found| input("base metric", found)));
            inputs.extend(set.conversion_metric.iter().map(|found| input("conversion metric", found)));
        }
        inputs.extend(cumulative.and_then(|set| set.metric.as_ref()).map(|found| input("metric", found)));
        inputs.extend(params.numerator.iter().map(|found| input("numerator", found)));
        inputs.extend(params.denominator.iter().map(|found| input("denominator", found)));
        inputs.extend(params.metrics.iter().map(|found| input("metric", found)));
        put_table(&mut page, "Inputs", ["Name", "Role", "Alias", "Offset", "In place of null", "Filter"], inputs);
        page
    }

    pub(super) fn saved_query(&self, query: &SavedQuery) -> Page {
        let mut page = semantic_page(&query.identity, query.label.as_deref(), query.description.as_deref());
        put_list(&mut page, "tags", &query.tags);
        self.put_owner(&mut page, &query.config, None);
        put_meta(&mut page, query.config.meta());
        self.put_links(&mut page, &query.depends_on_nodes);
        let params = &query.query_params;
        put_facts(
            &mut page,
            [
                ("Metrics", params.metrics.join("\n")),
                ("Group by", params.group_by.join("\n")),
                ("Where", conditions(params.filter.as_ref())),
                ("Order by", params.order_by.join("\n")),
                ("Limit", params.limit.map(|limit| limit.to_string()).unwrap_or_default()),
            ],
        );
        let exports = query.exports.iter().map(|export| {
            let set = &export.config;
            let (schema, alias) = (text(set.schema_name.as_deref()), text(set.alias.as_deref()));
            [export.name.clone(), set.export_as.clone(), schema, alias]
        });
        put_table(&mut page, "Exports", ["Name", "As", "Schema", "Alias"], exports);
        page
    }
}

/// What a function takes and gives.
pub(super) fn put_function(page: &mut Page, node: &Node, function: &FunctionDetail) {
    put(page, "mat", node.config.str("type").unwrap_or("scalar"));
    let returns = function.returns.as_ref();
    put_facts(
        page,
        [
            ("Returns", text(returns.map(|returns| returns.data_type.as_str()))),
            ("Volatility", text(node.config.str("volatility"))),
        ],
    );
    put(page, "returns", returns.and_then(|returns| returns.description.as_deref()).unwrap_or_default());
    let default = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let arguments = function.arguments.iter().map(|argument| {
        let default = argument.default_value.as_ref().map(default).unwrap_or_default();
        [argument.name.clone(), argument.data_type.clone(), default, text(argument.description.as_deref())]
    });
    put_table(page, "Arguments", ["Name", "Type", "Default", "Description"], arguments);
}

fn semantic_page(identity: &Identity, label: Option<&str>, description: Option<&str>) -> Page {
    let mut page = page(&identity.unique_id, &identity.name, &identity.package, &identity.original_file_path);
    put(&mut page, "label", label.unwrap_or_default());
    put(&mut page, "d", description.unwrap_or_default());
    page
}

fn text(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

/// `percentile 0.9`
fn aggregation(name: &str, params: Option<&AggregationParams>) -> String {
    let percentile = params.and_then(|params| params.percentile);
    percentile.map_or_else(|| name.to_owned(), |share| format!("{name} {share}"))
}

/// `7 day`
fn time(window: Option<&TimeWindow>) -> String {
    window.map(|window| format!("{} {}", window.count, window.granularity)).unwrap_or_default()
}

/// One condition a line.
fn conditions(filters: Option<&Filters>) -> String {
    let filters = filters.map(|filters| filters.where_filters.as_slice()).unwrap_or_default();
    let conditions: Vec<&str> = filters.iter().map(|filter| filter.where_sql_template.trim()).collect();
    conditions.join("\n")
}

fn put_facts<const N: usize>(page: &mut Page, facts: [(&str, String); N]) {
    let facts: Vec<Value> =
        facts.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| json!([name, text])).collect();
    if !facts.is_empty() {
        page.insert("facts".to_owned(), facts.into());
    }
}

/// A table without the columns that are empty in every row.
fn put_table<const N: usize>(
    page: &mut Page,
    title: &str,
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) {
    let rows: Vec<[String; N]> = rows.into_iter().collect();
    if rows.is_empty() {
        return;
    }
    let used = |column: &usize| rows.iter().any(|row| !row[*column].is_empty());
    let columns: Vec<usize> = (0..N).filter(used).collect();
    let headings: Vec<&str> = columns.iter().map(|column| headings[*column]).collect();
    let cells = |row: &[String; N]| columns.iter().map(|column| row[*column].as_str().into()).collect::<Vec<Value>>();
    let rows: Vec<Vec<Value>> = rows.iter().map(cells).collect();
    if let Value::Array(tables) = page.entry("tables").or_insert_with(|| json!([])) {
        tables.push(json!([title, headings, rows]));
    }
}
