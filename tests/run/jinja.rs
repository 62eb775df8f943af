//! The names that templates see at run time.

use headwater::adapter::{Cell, Column, ColumnType};
use headwater::plan::Verb;

use crate::project::Project;

/// What a model renders to.
fn compiled(model: &str) -> String {
    compiled_in(Project::new(&[("models/a.sql", model), ("models/up.sql", "select 1 as id")]))
}

fn compiled_in(project: Project) -> String {
    project.run(Verb::Compile).succeeded();
    project.read("target/compiled/shop/models/a.sql")
}

#[test]
fn relations_render_and_change_as_dbts_do() {
    let model = "{% set r = ref('up') %}{{ r }}|{{ r.schema }}|{{ r.identifier }}|{{ r.name }}|{{ r.type }}|{{ r.is_table }}\
        |{{ r.include(schema=false) }}|{{ r.quote(identifier=false) }}|{{ r.incorporate(path={'identifier': 'x'}, type='view').is_view }}\
        |{{ r.replace_path(schema='s') }}|{{ r.without_identifier() }}|{{ r.information_schema('tables') }}\
        |{{ api.Relation.create(schema='s', identifier='t', type='table').is_table }}|{{ r == ref('up') }}|{{ this }}";
    assert_eq!(
        compiled(model),
        "`main`.`up`|main|up|up|None|False|`up`|`main`.up|True|`s`.`up`|`main`|information_schema.tables|True|True|`main`.`a`"
    );
}

/// `dbt_utils._is_relation`, through which `star` and most of its macros go, while parsing and while running.
#[test]
fn relations_are_mappings_that_tell_their_class() {
    let check = "{% macro is_relation(obj) %}{% if not (obj is mapping and obj.get('metadata', {}).get('type', '').endswith('Relation')) %}\
        {{ exceptions.raise_compiler_error('expected a relation, not ' ~ obj) }}{% endif %}{% endmacro %}";
    let model = "{{ is_relation(ref('up')) }}{{ is_relation(this) }}{{ is_relation(api.Relation.create(identifier='t')) }}\
        {{ ref('up').metadata.type if execute }}|{{ ref('up').get('nothing', 'd') }}|{{ {} is mapping }}|{{ 'x' is mapping }}|{{ api.Column('a', 'int') is mapping }}";
    let project =
        Project::new(&[("macros/m.sql", check), ("models/a.sql", model), ("models/up.sql", "select 1 as id")]);
    assert_eq!(compiled_in(project), "MySQLRelation|d|True|False|False");
}

#[test]
fn columns_know_their_types() {
    let model = "{% set c = api.Column.from_description('n', 'decimal(12,2)') %}{{ c.name }} {{ c.dtype }} {{ c.numeric_scale }} \
        {{ c.is_number() }} {{ c.quoted }} {{ api.Column('v', 'varchar', 20).data_type }} {{ api.Column.translate_type('integer') }}";
    assert_eq!(compiled(model), "n decimal 2 True `n` varchar(20) INT");
}

#[test]
fn config_reads_what_was_set_and_defaults() {
    let model = "{{ config(materialized='table', my_key=[1, 2], meta={'owner': 'x'}) }}{{ config.get('materialized') }} {{ config.get('my_key')[1] }} \
        {{ config.get('nothing', 'd') }} {{ config.get('nothing') }} {{ config.require('my_key') | length }} {{ config.meta_get('owner') }} {{ config.persist_relation_docs() }} {{ model.config.materialized }}";
    assert_eq!(compiled(model), "table 2 d None 2 x False table");
}

#[test]
fn query_results_are_tables() {
    let project = Project::new(&[(
        "models/a.sql",
        "{% set t = run_query('select codes') %}{% if execute %}{{ t.columns[0].values() }} {{ t.column_names }} {{ t.rows | length }} {{ t.rows[1]['name'] }} {{ t.rows[0][0] }} {{ t[1][0] if false else t.rows[1][0] }} \
{% for row in t.rows %}{{ row.name }}{% if not loop.last %},{% endif %}{% endfor %} {{ t.columns['name'].values()[0] }} {{ t.select(['name']).column_names }}{% endif %}",
    )])
    .script(|adapter| {
        let rows = [(1, "one"), (2, "two")].map(|(id, name)| vec![Cell::Int(id), Cell::Text(name.to_owned())]);
        adapter.rows("select codes", &[("id", ColumnType::Int), ("name", ColumnType::Text)], rows.to_vec())
    });
    assert_eq!(compiled_in(project), "[1, 2] ('id', 'name') 2 two 1 2 one,two one ('name',)");
}

#[test]
fn statements_keep_their_results_once() {
    let project = Project::new(&[(
        "models/a.sql",
        "{% call statement('s', fetch_result=true) %}select n{% endcall %}{% set r = load_result('s') %}{{ r.data[0][0] if execute }} {{ load_result('other') }}",
    )])
    .script(|adapter| adapter.rows("select n", &[("n", ColumnType::Int)], vec![vec![Cell::Int(7)]]));
    assert_eq!(compiled_in(project), "7 None");
}

#[test]
fn the_adapter_answers_about_relations() {
    let project = Project::new(&[(
        "models/a.sql",
        "{% if execute %}{{ adapter.get_relation(database=none, schema='main', identifier='old') }} {{ adapter.get_relation(none, 'main', 'x') }} \
{{ adapter.get_columns_in_relation(ref('up')) | map(attribute='name') | join(',') }} {{ adapter.quote('a`b') }} {{ adapter.type() }} {{ adapter.literal(\"it's\") }} {{ adapter.capabilities.swap }} {{ adapter.check_schema_exists('', 'main') }}{% else %}{{ ref('up') }}{% endif %}",
    ), ("models/up.sql", "select 1 as id")])
    .script(|adapter| {
        let relation = headwater::adapter::Relation::table("main", "old");
        adapter.relation(relation).columns_of("up", vec![Column::from_description("id", "int", '`')])
    });
    let text = compiled_in(project);
    assert!(text.starts_with("`main`.`old` None id `a``b` mysql 'it"), "{text}");
    assert!(text.ends_with("multi_rename True"), "{text}");
}

#[test]
fn the_run_is_visible() {
    let model = "{% if execute %}{{ graph.nodes['model.shop.up'].name }} {{ graph.nodes.values() | list | length }} {{ selected_resources | sort | first }} {{ context['this'] }} {{ context.get('nothing', 1) }} {{ builtins.ref('up') }} {{ project_name }} {{ execute }}{% else %}{{ ref('up') }}{% endif %}";
    assert_eq!(compiled(model), "up 2 model.shop.a `main`.`a` 1 `main`.`up` shop True");
}

#[test]
fn a_project_may_replace_ref() {
    let project = Project::new(&[
        (
            "macros/ref.sql",
            "{% macro ref() %}{% set r = builtins.ref(*varargs, **kwargs) %}{{ return(r.include(schema=false)) }}{% endmacro %}",
        ),
        ("models/a.sql", "select * from {{ ref('up') }}"),
        ("models/up.sql", "select 1 as id"),
    ]);
    assert_eq!(compiled_in(project), "select * from `up`");
}

#[test]
fn dispatch_prefers_the_adapters_own_macro_and_the_root_project() {
    let project = Project::new(&[
        (
            "macros/d.sql",
            "{% macro hello() %}{{ return(adapter.dispatch('hello', 'shop')()) }}{% endmacro %}{% macro default__hello() %}default{% endmacro %}{% macro mysql__hello() %}mysql{% endmacro %}{% macro default__type_string() %}mine{% endmacro %}{% macro mysql__type_string() %}mine{% endmacro %}",
        ),
        ("models/a.sql", "{{ hello() }} {{ dbt.type_string() }}"),
    ]);
    assert_eq!(compiled_in(project), "mysql mine");
}
