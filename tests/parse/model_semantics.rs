//! The semantic layer on models and columns: what it becomes, and what is wrong with it.

use headwater::manifest::Disabled;
use serde_json::{Value, json};

use super::project::{TestProject, ids};

const ORDERS: &str = "
groups: [{name: finance, owner: {email: a@b.c}}]
models:
  - name: days
    time_spine: {standard_granularity_column: day}
    columns: [{name: day, granularity: DAY}]
  - name: orders
    description: '{{ doc(\"amount\") }} of orders'
    semantic_model: {name: sales, group: finance, config: {meta: {owner: ann}}}
    agg_time_dimension: ordered_at
    columns:
      - {name: order_id, description: The key, config: {meta: {c: 1}}, entity: primary}
      - {name: customer_id, entity: {type: FOREIGN, name: customer, config: {meta: {e: 1}}}}
      - {name: ordered_at, granularity: day, dimension: {type: time, validity_params: {is_start: true}}}
      - name: status
        description: '{{ doc(\"amount\") }}'
        config: {meta: {c: 1}}
        dimension: {type: categorical, name: order_status, label: Status, config: {meta: {d: 1}}}
    derived_semantics:
      dimensions: [{name: order_month, type: time, granularity: month, expr: date_trunc(ordered_at)}]
      entities: [{name: status_key, type: foreign, expr: lower(status)}]
    metrics:
      - name: revenue
        description: '{{ doc(\"amount\") }}'
        agg: sum
        expr: amount
        join_to_timespine: true
        filter: \"{{ Dimension('order_id__order_status') }} = 'a'\"
        config: {meta: {own: 1}}
      - {name: order_count, type: simple, agg: COUNT, expr: 1, hidden: true}
      - name: p90
        agg: percentile
        expr: amount
        percentile: 0.9
        percentile_type: Discrete
        agg_time_dimension: order_month
        non_additive_dimension: {name: order_month, window_agg: max, group_by: [customer]}
      - name: running
        type: cumulative
        input_metric: {name: revenue, filter: \"{{ x }}\"}
        window: 7 days
      - {name: idle, agg: sum, expr: amount, config: {enabled: false}}
metrics:
  - {name: share, type: ratio, label: Share, numerator: revenue, denominator: {name: order_count, alias: n}}
  - {name: change, type: derived, expr: share - before, input_metrics: [share, {name: share, alias: before}]}
  - name: converted
    type: conversion
    entity: customer
    calculation: conversions
    base_metric: order_count
    conversion_metric: order_count
    window: 1 month
    constant_properties: [{base_property: order_status, conversion_property: order_status}]
";

fn shop(properties: &str) -> TestProject {
    TestProject::new()
        .file("models/orders.sql", "select 1 as order_id")
        .file("models/days.sql", "select 1 as day")
        .file("models/docs.md", "{% docs amount %}Amount{% enddocs %}")
        .file("models/marts/orders.yml", properties)
}

fn entry<T: serde::Serialize>(thing: &T) -> Value {
    serde_json::to_value(thing).unwrap()
}

#[test]
fn a_model_is_a_semantic_model() {
    let manifest = shop(ORDERS).manifest();
    assert_eq!(manifest.warnings.len(), 0, "{:?}", manifest.warnings);
    let model = entry(&manifest.semantic_models["semantic_model.shop.sales"]);
    assert_eq!(model["fqn"], json!(["shop", "marts", "sales"]));
    assert_eq!([&model["model"], &model["description"]], [&json!("ref('orders')"), &json!("Amount of orders")]);
    assert_eq!(model["depends_on"]["nodes"], json!(["model.shop.orders"]));
    assert_eq!(model["config"], json!({"enabled": true, "group": "finance", "meta": {"owner": "ann"}}));
    assert_eq!(model["unrendered_config"], model["config"]);
    assert_eq!(model["defaults"], json!({"agg_time_dimension": "ordered_at"}));
    let parts = |key: &str, of: &[&str]| -> Vec<Value> {
        let part = |element: &Value| of.iter().map(|key| element[*key].clone()).collect::<Value>();
        model[key].as_array().unwrap().iter().map(part).collect()
    };
    assert_eq!(
        parts("entities", &["name", "type", "expr", "description", "config"]),
        [
            json!(["order_id", "primary", null, "The key", {"meta": {"owner": "ann", "c": 1}}]),
            json!(["customer", "foreign", "customer_id", "", {"meta": {"owner": "ann", "e": 1}}]),
            json!(["status_key", "foreign", "lower(status)", null, {"meta": {"owner": "ann"}}]),
        ]
    );
    let start = json!({"is_start": true, "is_end": false});
    assert_eq!(
        parts("dimensions", &["name", "expr", "description", "label", "type_params", "config"]),
        [
            json!([
                "ordered_at",
                null,
                "",
                null,
                {"time_granularity": "day", "validity_params": start},
                {"meta": {"owner": "ann"}},
            ]),
            json!(["order_status", "status", "Amount", "Status", null, {"meta": {"owner": "ann", "c": 1, "d": 1}}]),
            json!([
                "order_month",
                "date_trunc(ordered_at)",
                null,
                null,
                {"time_granularity": "month", "validity_params": null},
                {"meta": {"owner": "ann"}},
            ]),
        ]
    );
    let columns = entry(&manifest.nodes["model.shop.orders"])["columns"].clone();
    assert_eq!(columns["order_id"]["entity"], json!("primary"));
    assert_eq!(
        columns["status"]["dimension"],
        json!({
            "name": "order_status", "type": "categorical", "description": "{{ doc(\"amount\") }}", "label": "Status",
            "is_partition": false, "validity_params": null, "config": {"meta": {"d": 1}},
        }),
        "as dbt shows it"
    );
}

#[test]
fn metrics_on_a_model_need_no_measures() {
    let manifest = shop(ORDERS).manifest();
    let metric = |name: &str| entry(&manifest.metrics[format!("metric.shop.{name}").as_str()]);
    let revenue = metric("revenue");
    assert_eq!(revenue["depends_on"]["nodes"], json!(["semantic_model.shop.sales"]));
    assert_eq!([&revenue["label"], &revenue["description"]], [&json!("revenue"), &json!("Amount")]);
    assert_eq!([&revenue["meta"], &revenue["config"]["meta"]], [&json!({}), &json!({"own": 1})]);
    let template = &revenue["filter"]["where_filters"][0]["where_sql_template"];
    assert_eq!(template, &json!("{{ Dimension('order_id__order_status') }} = 'a'"));
    assert_eq!(
        revenue["type_params"],
        json!({
            "measure": null, "input_measures": [], "numerator": null, "denominator": null, "expr": "amount",
            "window": null, "grain_to_date": null, "metrics": [], "conversion_type_params": null,
            "cumulative_type_params": null, "fill_nulls_with": null, "join_to_timespine": true, "is_private": false,
            "metric_aggregation_params": {
                "semantic_model": "sales", "agg": "sum", "agg_time_dimension": "ordered_at",
                "agg_params": {
                    "percentile": null, "use_discrete_percentile": false, "use_approximate_percentile": false,
                },
                "non_additive_dimension": null,
            },
        })
    );
    assert_eq!(metric("order_count")["type_params"]["is_private"], json!(true));
    let aggregation = metric("p90")["type_params"]["metric_aggregation_params"].clone();
    assert_eq!(
        aggregation["agg_params"],
        json!({"percentile": 0.9, "use_discrete_percentile": true, "use_approximate_percentile": false})
    );
    assert_eq!(aggregation["agg_time_dimension"], json!("order_month"));
    assert_eq!(
        aggregation["non_additive_dimension"],
        json!({"name": "order_month", "window_choice": "max", "window_groupings": ["customer"]})
    );
    let cumulative = metric("running")["type_params"]["cumulative_type_params"].clone();
    assert_eq!(cumulative["window"], json!({"count": 7, "granularity": "day"}));
    assert_eq!(cumulative["metric"]["filter"]["where_filters"][0]["where_sql_template"], json!("{{ x }}"));
    let inputs = |name: &str| metric(name)["depends_on"]["nodes"].clone();
    assert_eq!(inputs("running"), json!(["metric.shop.revenue"]));
    assert_eq!(inputs("share"), json!(["metric.shop.revenue", "metric.shop.order_count"]));
    assert_eq!(inputs("change"), json!(["metric.shop.share"]));
    assert_eq!(inputs("converted"), json!(["metric.shop.order_count"]));
    let conversion = metric("converted")["type_params"]["conversion_type_params"].clone();
    assert_eq!(
        [&conversion["base_measure"], &conversion["base_metric"]["name"]],
        [&json!(null), &json!("order_count")]
    );
    assert!(matches!(manifest.disabled["metric.shop.idle"][0], Disabled::Metric(_)));
    assert_eq!(ids(&manifest.child_map()["semantic_model.shop.sales"]).len(), 3);
}

#[test]
fn what_has_no_semantic_model_is_told() {
    let project = shop(
        "models:
  - name: orders
    primary_entity: order
    metrics: [{name: revenue, agg: sum, expr: a}]
  - name: days
    latest_version: 1
    versions: [{v: 1, defined_in: days}]
    semantic_model: true
  - name: nobody
    semantic_model: true
    metrics: [{name: lost, agg: sum, expr: a}]
  - name: idle
    semantic_model: false
    metrics: [{name: idle, agg: sum, expr: a}]
",
    )
    .file("models/idle.sql", "select 1 as a");
    let warnings = project.warnings();
    for problem in [
        "`primary_entity` of model `orders` has no effect without `semantic_model`\n  --> models/marts/orders.yml:3:5",
        "`metrics` of model `orders` has no effect without `semantic_model`",
        "model `days` has versions, and no semantic model can be written on it",
        "no model is called `nobody`",
    ] {
        assert!(warnings.contains(problem), "{problem}\n\n{warnings}");
    }
    assert!(!warnings.contains("idle"), "{warnings}");
    let manifest = project.manifest();
    assert_eq!((manifest.semantic_models.len(), manifest.metrics.len()), (0, 0));
}

#[test]
fn what_cannot_be_read_is_told_all_at_once() {
    let errors = shop(
        "models:
  - name: orders
    semantic_model: {nmae: x, config: {enabled: false}}
    columns:
      - {name: a, entity: primray}
      - {name: b, dimension: {type: tme}, granularity: dya}
      - {name: c, entity: true}
      - {name: d, dimension: {name: x}}
    derived_semantics: {dimensions: [{name: e, type: time}], other: 1}
  - name: days
    semantic_model: yes please
metrics:
  - {name: a, agg: sum, expr: x}
  - {name: b, type: ratio, numerator: a}
  - {name: c, type: derived, expr: a}
  - {name: d, type: cumulative, window: week}
  - {name: e, type: conversion, base_metric: a}
  - {name: f, type: ratio, numerator: a, denominator: a, agg: sum, tags: [x]}
  - {name: g, type: simpel}
",
    )
    .errors();
    for problem in [
        "`nmae` is not a known key of `semantic_model`\n  --> models/marts/orders.yml:3:22",
        "`enabled` is not a known key of `config` of a `semantic_model`",
        "`primray` is no `entity`\n  --> models/marts/orders.yml:5",
        "did you mean `primary`?",
        "`tme` is no `type`\n  --> models/marts/orders.yml:6",
        "`dya` is no `granularity`",
        "`entity` of a column must be a type or a mapping",
        "`dimension` of a column has no `type`",
        "a derived dimension has no `expr`",
        "`other` is not a known key of `derived_semantics`",
        "`semantic_model` must be true, false or a mapping",
        "simple metric `a` has neither a model nor `type_params`\n  --> models/marts/orders.yml:13",
        "a metric has no `denominator`",
        "a metric has no `input_metrics`",
        "`week` is no window of time",
        "a metric has no `input_metric`",
        "a metric has no `conversion_metric`",
        "a metric has no `entity`",
        "a metric has no `calculation`",
        "`agg` of metric `f`, which is ratio",
        "`tags` is not a known key of a metric",
        "`simpel` is no `type`",
    ] {
        assert!(errors.contains(problem), "{problem}\n\n{errors}");
    }
}

const TOP: &str = "
models:
  - name: days
    time_spine: {standard_granularity_column: day}
    columns: [{name: day, granularity: day}]
  - name: orders
    semantic_model: true
    agg_time_dimension: at
    columns: [{name: order_id, entity: primary}, {name: at, granularity: day, dimension: {type: time}}]
    metrics:
      - {name: total, agg: sum, expr: a}
";

#[test]
fn what_dbt_refuses_in_the_whole_is_refused() {
    let more = "      - {name: counted, agg: count}
      - {name: sums, type: cumulative, input_metric: nothing_like_it}
      - {name: circle, type: cumulative, input_metric: circle}
";
    let errors = shop(&format!("{TOP}{more}")).errors();
    for problem in ["`sums` uses metric `nothing_like_it`", "metric `circle` is computed from itself"] {
        assert!(errors.contains(problem), "{problem}\n\n{errors}");
    }
    let more = "      - {name: counted, agg: count}
      - {name: both, type: cumulative, input_metric: total, window: 2 days, grain_to_date: month}
      - {name: parts, type: ratio, numerator: total, denominator: total}
      - {name: c1, type: conversion, calculation: conversions, entity: who, base_metric: total, conversion_metric: total}
      - {name: c2, type: conversion, calculation: conversions, entity: who, base_metric: parts, conversion_metric: total}
";
    let errors = shop(&format!("{TOP}{more}").replace("dimension: at", "dimension: nope")).errors();
    for problem in [
        "metric `counted` counts nothing\n",
        "metric `both` has both `window` and `grain_to_date`",
        "semantic model `orders` has the default time dimension `nope`",
        "metric `total` of conversion metric `c1` does not count",
        "semantic model `orders` has no entity `who`",
        "conversion metric `c2` cannot be of metric `parts`",
    ] {
        let problem = problem.trim_end();
        assert!(errors.contains(problem), "{problem}\n\n{errors}");
    }
}

#[test]
fn what_only_metricflow_refuses_is_warned_of() {
    let more = "      - {name: late, agg: sum, expr: a, agg_time_dimension: att, fill_nulls_with: 0}
      - {name: part, agg: percentile, expr: a}
      - {name: stock, agg: sum, expr: a, non_additive_dimension: {name: at, window_agg: sum, group_by: [who]}}
";
    let project = shop(&format!("{TOP}{more}").replace("dimension: {type: time}", "dimension: time"));
    let warnings = project.warnings();
    for problem in [
        "`fill_nulls_with` of metric `late` is left out of the artifacts",
        "metric `late` has the time dimension `att`",
        "metric `part` needs `percentile: …`",
        "`window_agg` of metric `stock` must be `min` or `max`",
        "metric `stock` groups by `who`",
        "time dimension `at` of `orders` has no granularity",
    ] {
        assert!(warnings.contains(problem), "{problem}\n\n{warnings}");
    }
    let model = entry(&project.manifest().semantic_models["semantic_model.shop.orders"]);
    assert_eq!(model["dimensions"][0]["type_params"], json!(null), "as dbt");
}

#[test]
fn a_disabled_semantic_model_has_no_metrics() {
    let tree = "name: shop\nversion: '1'\nprofile: shop\nsemantic-models: {+enabled: false}\n";
    let errors = shop(TOP).file("dbt_project.yml", tree).errors();
    assert!(errors.contains("metric `total` aggregates semantic model `orders`, which is disabled"), "{errors}");
}
