//! Semantic models, metrics and saved queries: what they become, and what is wrong with them.

use headwater::manifest::Disabled;
use serde_json::{Value, json};

use super::project::{TestProject, ids};

const ORDERS: &str = "
groups: [{name: finance, owner: {email: a@b.c}}]
models:
  - name: days
    time_spine: {standard_granularity_column: day, custom_granularities: [{name: fiscal, column_name: fy}]}
    columns: [{name: day, granularity: day}, {name: fy}]
semantic_models:
  - name: orders
    model: ref('orders')
    config: {meta: {owner: ann}, group: finance}
    defaults: {agg_time_dimension: ordered_at}
    entities:
      - {name: order_key, type: primary}
      - {name: customer, type: foreign, expr: customer_id}
    dimensions:
      - {name: ordered_at, type: time, type_params: {time_granularity: DAY}}
      - {name: is_food, type: categorical, config: {meta: {x: 1}}}
    measures:
      - {name: revenue, agg: sum, expr: amount, create_metric: true}
      - {name: order_count, agg: sum, expr: 1}
";

fn shop() -> TestProject {
    TestProject::new()
        .file("models/orders.sql", "select 1 as order_key")
        .file("models/days.sql", "select 1 as day, 1 as fy")
        .file("models/orders.yml", ORDERS)
}

fn entry<T: serde::Serialize>(thing: &T) -> Value {
    serde_json::to_value(thing).unwrap()
}

#[test]
fn a_metric_knows_all_measures_below_it() {
    let manifest = shop()
        .file(
            "dbt_project.yml",
            "name: shop\nversion: '1'\nprofile: shop\nmetrics: {shop: {marts: {+group: finance, +meta: {tree: 1}}}}\n",
        )
        .file(
            "models/marts/m.yml",
            "metrics:
  - name: total
    label: Total
    type: simple
    type_params: {measure: {name: revenue, filter: \"{{ Dimension('order_key__is_food') }}\", fill_nulls_with: 0}}
    filter: [\"{{ Metric('count_all', ['customer']) }} > 1\", a = 1]
    meta: {own: 1}
  - {name: count_all, label: All, type: simple, type_params: {measure: order_count}}
  - {name: share, label: Share, type: ratio, type_params: {numerator: total, denominator: {name: count_all, alias: n}}}
  - name: change
    label: Change
    type: derived
    type_params: {expr: share - before, metrics: [share, {name: total, alias: before, offset_window: 2 MONTHS}]}
  - {name: running, label: Running, type: cumulative, type_params: {measure: revenue}}
  - name: converted
    label: Converted
    type: conversion
    type_params:
      conversion_type_params:
        {base_measure: order_count, conversion_measure: order_count, entity: customer, window: 7 days}
  - {name: idle, label: Of, type: simple, type_params: {measure: revenue}, config: {enabled: false}}
",
        )
        .file(
            "models/board.yml",
            "exposures:
  - {name: board, type: dashboard, owner: {name: Ann}, depends_on: [\"metric('share')\", \"metric('shop', 'total')\"]}
",
        )
        .file("models/uses.sql", "-- {{ metric('change') }}\nselect 1 as x")
        .manifest();
    let metric = |name: &str| entry(&manifest.metrics[format!("metric.shop.{name}").as_str()]);
    let measures = |name: &str| -> Vec<Value> {
        let list = metric(name)["type_params"]["input_measures"].as_array().unwrap().clone();
        list.into_iter().map(|measure| measure["name"].clone()).collect()
    };
    assert_eq!(measures("change"), ["revenue", "order_count"]);
    assert_eq!(metric("change")["depends_on"]["nodes"], json!(["metric.shop.share", "metric.shop.total"]));
    assert_eq!(
        metric("change")["type_params"]["metrics"][1]["offset_window"],
        json!({"count": 2, "granularity": "month"})
    );
    assert_eq!(metric("total")["depends_on"]["nodes"], json!(["semantic_model.shop.orders"]));
    assert_eq!(
        metric("total")["type_params"]["measure"],
        json!({
            "name": "revenue", "alias": null, "join_to_timespine": false, "fill_nulls_with": 0,
            "filter": {"where_filters": [{"where_sql_template": "{{ Dimension('order_key__is_food') }}"}]},
        })
    );
    assert_eq!(
        metric("total")["filter"]["where_filters"],
        json!([
            {"where_sql_template": "{{ Metric('count_all', ['customer']) }} > 1"}, {"where_sql_template": "a = 1"},
        ])
    );
    assert_eq!(metric("total")["meta"], json!({"tree": 1}), "the config wins, as in dbt");
    assert_eq!(metric("total")["group"], json!("finance"));
    assert_eq!(metric("total")["fqn"], json!(["shop", "marts", "total"]));
    assert_eq!(
        metric("running")["type_params"]["cumulative_type_params"],
        json!({"window": null, "grain_to_date": null, "period_agg": "first", "metric": null})
    );
    assert_eq!(metric("converted")["type_params"]["conversion_type_params"]["calculation"], json!("conversion_rate"));
    let created = metric("revenue");
    assert_eq!(
        [&created["label"], &created["description"], &created["type_params"]["expr"], &created["meta"]],
        [&json!("revenue"), &json!("Metric created from measure revenue"), &json!("amount"), &json!({"owner": "ann"})]
    );
    assert!(matches!(manifest.disabled["metric.shop.idle"][0], Disabled::Metric(_)));
    assert_eq!(
        ids(&manifest.exposures["exposure.shop.board"].depends_on_nodes),
        ["metric.shop.share", "metric.shop.total"]
    );
    assert_eq!(ids(&manifest.nodes["model.shop.uses"].depends_on_nodes), ["metric.shop.change"]);
    assert_eq!(manifest.child_map()["metric.shop.share"].len(), 2);
}

#[test]
fn a_semantic_model_has_the_relation_of_its_model() {
    let manifest = shop().manifest();
    let model = entry(&manifest.semantic_models["semantic_model.shop.orders"]);
    assert_eq!(
        model["node_relation"],
        json!({"alias": "orders", "schema_name": "main", "database": null, "relation_name": "`main`.`orders`"})
    );
    assert_eq!(model["dimensions"][0]["type_params"], json!({"time_granularity": "day", "validity_params": null}));
    assert_eq!(model["dimensions"][1]["config"], json!({"meta": {"owner": "ann", "x": 1}}));
    assert_eq!(model["measures"][1]["expr"], json!("1"));
    assert_eq!(model["measures"][0]["create_metric"], json!(false), "as dbt writes it");
    assert_eq!(model["config"], json!({"enabled": true, "group": "finance", "meta": {"owner": "ann"}}));
    assert_eq!(
        entry(&manifest.nodes["model.shop.days"])["time_spine"],
        json!({
            "standard_granularity_column": "day",
            "custom_granularities": [{"name": "fiscal", "column_name": "fy"}],
        })
    );
}

#[test]
fn exports_take_from_their_saved_query_what_they_do_not_say() {
    let manifest = shop()
        .file(
            "models/q.yml",
            "saved_queries:
  - name: weekly
    tags: b
    config: {tags: [a], export_as: table, cache: {enabled: true}}
    query_params:
      {metrics: [revenue], group_by: [\"Dimension('order_key__is_food')\"], where: \"{{ Dimension('x') }}\", limit: 5}
    exports: [{name: one, config: {export_as: VIEW, schema: other, alias: uno}}, {name: two}]
",
        )
        .manifest();
    let query = entry(&manifest.saved_queries["saved_query.shop.weekly"]);
    assert_eq!(query["tags"], json!(["a", "b"]));
    assert_eq!(query["depends_on"]["nodes"], json!(["metric.shop.revenue"]));
    assert_eq!(query["config"]["cache"], json!({"enabled": true}));
    assert_eq!(query["query_params"]["where"]["where_filters"][0]["where_sql_template"], json!("{{ Dimension('x') }}"));
    let exports: Vec<&Value> = query["exports"].as_array().unwrap().iter().map(|export| &export["config"]).collect();
    assert_eq!(
        exports,
        [
            &json!({"export_as": "view", "schema_name": "other", "alias": "uno", "database": null}),
            &json!({"export_as": "table", "schema_name": "main", "alias": "two", "database": null}),
        ]
    );
}

#[test]
fn what_cannot_be_read_is_told_all_at_once() {
    let errors = TestProject::new()
        .file("models/orders.sql", "select 1 as x")
        .file(
            "models/s.yml",
            "semantic_models:
  - name: orders
    model: orders
  - name: more
    model: ref('orders')
    dimensions: [{name: at, type: tme}, {name: on, type: time, type_params: {time_granularity: dya}}]
    measures: [{name: m, agg: summ}, {agg: sum}]
metrics:
  - {name: a, label: A, type: simpel, type_params: {measure: m}}
  - {name: b, label: B, type: simple}
  - {name: c, type: ratio, type_params: {numerator: a}}
  - {name: d, label: D, type: ratio, type_params: {numerator: a}}
  - {name: e, label: E, type: derived, type_params: {expr: 1, metrics: []}}
  - {name: f, label: F, type: cumulative, type_params: {measure: m, cumulative_type_params: {window: week}}}
saved_queries:
  - {name: q}
  - {name: r, query_params: {metrics: []}, exports: [{name: x}]}
",
        )
        .errors();
    for problem in [
        "semantic model `orders` has the model `orders`\n  --> models/s.yml:3:12",
        "`tme` is no `type`\n  --> models/s.yml:6",
        "did you mean `time`?",
        "`dya` is no `time_granularity`",
        "`summ` is no `agg`",
        "a measure has no `name`",
        "`simpel` is no `type`\n  --> models/s.yml:9",
        "simple metric `b` has neither a model nor `type_params`\n  --> models/s.yml:10",
        "a metric has no `label`",
        "`type_params` has no `denominator`",
        "`type_params` has no `metrics`",
        "`week` is no window of time",
        "a saved query has no `query_params`",
        "export `x` of saved query `r` has no `export_as`",
    ] {
        assert!(errors.contains(problem), "{problem}\n\n{errors}");
    }
}

#[test]
fn names_that_nothing_has_are_told_with_the_nearest() {
    let errors = shop()
        .file(
            "models/m.yml",
            "metrics:
  - {name: a, label: A, type: simple, type_params: {measure: revenu}}
  - {name: b, label: B, type: ratio, type_params: {numerator: revenue, denominator: revenues}}
  - {name: c, label: C, type: derived, type_params: {expr: dd, metrics: [dd]}}
  - {name: dd, label: D, type: derived, type_params: {expr: c, metrics: [c]}}
  - {name: idle, label: Off, type: simple, type_params: {measure: revenue}, config: {enabled: false}}
  - {name: e, label: E, type: derived, type_params: {expr: idle, metrics: [idle]}}
  - {name: e, label: E2, type: simple, type_params: {measure: revenue}}
semantic_models:
  - {name: lost, model: ref('order')}
saved_queries:
  - {name: q, query_params: {metrics: [revene]}}
exposures:
  - {name: board, type: dashboard, owner: {name: Ann}, depends_on: [\"metric('nothing_like_it')\"]}
",
        )
        .errors();
    for problem in [
        "error[metric-not-found]: metric `a` uses measure `revenu`, which no semantic model has\n  --> models/m.yml:2:",
        "did you mean `revenue`?",
        "error[metric-not-found]: metric `b` uses metric `revenues`",
        "error[cycle]: metric `c` is computed from itself",
        "error[disabled-ref]: metric `e` uses metric `idle`, which is disabled",
        "error[duplicate-name]: metric `e` is declared twice",
        "error[ref-not-found]: semantic model `lost` refers to `order`",
        "error[metric-not-found]: saved query `q` uses metric `revene`",
        "error[metric-not-found]: exposure `board` uses metric `nothing_like_it`",
    ] {
        assert!(errors.contains(problem), "{problem}\n\n{errors}");
    }
}

#[test]
fn what_metricflow_would_refuse_is_refused() {
    let errors = shop()
        .file(
            "models/m.yml",
            "semantic_models:
  - name: items
    model: ref('orders')
    dimensions: [{name: Bad_, type: categorical}, {name: at, type: time, type_params: {time_granularity: day}}]
    measures:
      - {name: revenue, agg: sum}
      - {name: counted, agg: count, agg_time_dimension: att}
      - {name: p90, agg: percentile, agg_time_dimension: at}
      - name: stock
        agg: sum
        agg_time_dimension: at
        non_additive_dimension: {name: Bad_, window_choice: sum, window_groupings: [nobody]}
metrics:
  - {name: month, label: Same, type: simple, type_params: {measure: revenue}}
  - {name: running, label: Same, type: cumulative, type_params: {measure: revenue, window: 7 days}}
  - name: both
    label: Both
    type: cumulative
    type_params: {measure: revenue, cumulative_type_params: {window: 7 dyas, grain_to_date: month}}
  - {name: some, label: So, type: simple, type_params: {measure: {name: revenue, filter: a = 1}}}
  - {name: sliced, label: Sl, type: ratio, type_params: {numerator: some, denominator: running}}
  - {name: aliased, label: Al, type: simple, type_params: {measure: {name: revenue, alias: p90}}}
  - {name: inherited, label: In, type: ratio, type_params: {numerator: aliased, denominator: aliased}}
  - name: converted
    label: Converted
    type: conversion
    type_params: {conversion_type_params: {base_measure: revenue, conversion_measure: p90, entity: nobody_at_all}}
",
        )
        .errors();
    for problem in [
        "semantic models `items` and `orders` both have a measure `revenue`",
        "semantic model `items` has dimensions, but no primary entity",
        "`Bad_` cannot be the name of a dimension\n  --> models/m.yml:4:",
        "measure `revenue` has no time dimension to aggregate over",
        "measure `counted` has the time dimension `att`",
        "did you mean `at`?",
        "measure `counted` counts nothing",
        "measure `p90` needs `agg_params: {percentile: …}`",
        "measure `stock` is not additive over `Bad_`",
        "`window_choice` of measure `stock` must be `min` or `max`",
        "measure `stock` groups by `nobody`",
        "`month` cannot be the name of a metric",
        "metrics `month` and `running` have the same label",
        "metric `sliced` uses measure `revenue` with a filter and otherwise",
        "metric `both` has both `window` and `grain_to_date`",
        "`dya` of metric `both` is no granularity",
        "alias `p90` of metric `aliased` is the name of a measure",
        "metrics `aliased` and `inherited` both use the measure alias `p90`",
        "measure `p90` of conversion metric `converted` does not count",
        "has no entity `nobody_at_all`",
    ] {
        let problem = problem.replace("`dya`", "`dyas`");
        assert!(errors.contains(&problem), "{problem}\n\n{errors}");
    }
}

#[test]
fn the_old_place_of_windows_is_read_with_a_warning() {
    let project = shop().file(
        "models/m.yml",
        "metrics: [{name: week_sum, label: W, type: cumulative, type_params: {measure: revenue, window: 7 days}}]",
    );
    let warnings = project.warnings();
    assert!(warnings.contains("`window` of metric `week_sum` belongs under `cumulative_type_params`"), "{warnings}");
    let metric = entry(&project.manifest().metrics["metric.shop.week_sum"]);
    assert_eq!(metric["type_params"]["cumulative_type_params"]["window"], json!({"count": 7, "granularity": "day"}));
}

#[test]
fn the_semantic_layer_needs_a_time_spine() {
    let without = |models: &str| {
        TestProject::new()
            .file("models/orders.sql", "select 1 as x")
            .file("models/s.yml", &format!("semantic_models: [{{name: orders, model: ref('orders')}}]\n{models}"))
    };
    let errors = without("").errors();
    assert!(errors.contains("error[semantic-layer]: the semantic layer needs a time spine"), "{errors}");
    let spine = |grain: &str| {
        format!(
            "models: [{{name: orders, time_spine: {{standard_granularity_column: x}}, columns: [{{name: x{grain}}}]}}]"
        )
    };
    assert!(without(&spine(", granularity: week")).errors().contains("needs a time spine"));
    let errors = without(&spine("")).errors();
    assert!(errors.contains("model `orders` cannot be a time spine: its column `x` has no granularity"), "{errors}");
    without(&spine(", granularity: hour")).manifest();
    TestProject::new()
        .file("models/metricflow_time_spine.sql", "select 1 as date_day")
        .file("models/s.yml", "semantic_models: [{name: spine, model: ref('metricflow_time_spine')}]")
        .manifest();
}
