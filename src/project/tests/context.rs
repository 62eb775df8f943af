use std::collections::HashMap;

use serde_json::json;

use super::*;
use crate::diag::SourceFile;
use crate::diag::log::NullLog;
use crate::jinja::{Context, Mode, Namespace, RenderError, Template, pyvalue};
use crate::project::context::base;

fn render(project: &Project, mode: Mode, log: Arc<dyn Log>, template: &str) -> Result<String, RenderError> {
    let engine = Engine::new();
    let names = base(project, &engine, mode, log);
    let model = json!({"unique_id": "model.shop.a", "package_name": "shop"});
    let context = Context::new(Namespace::empty(), mode).base(shared(names)).set("model", pyvalue::from_json(&model));
    let file = SourceFile::new("models/staging/stg_events.sql", template);
    engine.render(&Template::compile(&file, 0..file.text.len()).unwrap(), &shared(context))
}

fn shown(project: &Project, template: &str) -> String {
    render(project, Mode::Execute, shared(NullLog), template).unwrap()
}

fn project(vars: &str) -> Project {
    Fixture::new(&[("dbt_project.yml", &format!("{PROJECT}{vars}"))]).load()
}

#[test]
fn a_missing_variable_is_shown_with_its_neighbour() {
    let project = project("\n\nvars:\n  startdate: 2024-01-01\n");
    let template = "select *\n\nfrom x\nwhere event_at >= '{{ var(\"start_date\") }}'\n";
    let error = render(&project, Mode::Execute, shared(NullLog), template).unwrap_err().diagnostic();
    let expected = "\
error[var-not-set]: variable `start_date` has no value and no default
  --> models/staging/stg_events.sql:4:28
   |
 4 | where event_at >= '{{ var(\"start_date\") }}'
   |                            ^^^^^^^^^^ needed here
  ::: dbt_project.yml:5:1
 5 | vars:
 6 |   startdate: 2024-01-01
   |   --------- a variable with a similar name is declared here
   |
help: declare it under `vars:` in dbt_project.yml, pass `--vars '{start_date: 2024-01-01}'`, or give a default: `var(\"start_date\", \"2024-01-01\")`
";
    assert_eq!(text(&[error], Style::PLAIN), expected);
    assert_eq!(render(&project, Mode::Parse, shared(NullLog), "{{ var('start_date') is none }}").unwrap(), "True");
}

#[test]
fn variables_and_their_defaults() {
    let project = project("vars: {a: 1, b: [x], shop: {a: 2}}\n");
    assert_eq!(
        shown(&project, "{{ var('a') + 1 }} {{ var('b') }} {{ var('c', 'd') }} {{ var('c', default=3) }}"),
        "3 ['x'] d 3"
    );
    assert_eq!(shown(&project, "{{ var.has_var('a') }} {{ var.has_var('z') }}"), "True False");
    assert_eq!(shown(&project, "{% do var('b').append('y') %}{{ var('b') }}"), "['x']");
}

#[test]
fn the_target_has_no_secrets() {
    let fixture = Fixture::new(&[]);
    let env = Env::from([("DBT_ENV_SECRET_PASSWORD", "geheim")]);
    let project = fixture.load_with(Request { target: Some("prod".into()), env, ..fixture.request() });
    assert_eq!(
        shown(
            &project,
            "{{ target.name }} {{ target.type }} {{ target.schema }} {{ target.port }} {{ target.threads }} {{ target.database }}"
        ),
        "prod mysql shop 3306 1 None"
    );
    assert_eq!(shown(&project, "{{ 'password' in target }}"), "False");
}

#[test]
fn environment_variables() {
    let fixture = Fixture::new(&[]);
    let env = Env::from([("HERE", "x"), ("DBT_ENV_SECRET_A", "s")]);
    let project = fixture.load_with(Request { env, ..fixture.request() });
    assert_eq!(shown(&project, "{{ env_var('HERE') }} {{ env_var('GONE', 'd') }}"), "x d");
    let error = |template: &str| render(&project, Mode::Execute, shared(NullLog), template).unwrap_err().diagnostic();
    assert_eq!(error("{{ env_var('GONE') }}").code, crate::diag::Code::EnvVarNotSet);
    assert_eq!(error("{{ env_var('DBT_ENV_SECRET_A') }}").message, "the secret `DBT_ENV_SECRET_A` cannot be used here");
}

#[test]
fn logging_names_the_node_and_leaves_no_text() {
    let project = project("");
    let log = shared(Memory::default());
    let out = render(
        &project,
        Mode::Execute,
        log.clone(),
        "a{{ log('x') }}{{ log([1], info=true) }}{{ print('p') }}b{% do exceptions.warn('w') %}",
    );
    assert_eq!(out.unwrap(), "ab");
    let node = Some("model.shop.a".to_owned());
    let entry = |event, text: &str| (event, node.clone(), text.to_owned());
    assert_eq!(
        *log.0.lock().unwrap(),
        [
            entry("JinjaLogDebug", "x"),
            entry("JinjaLogInfo", "[1]"),
            entry("PrintEvent", "p"),
            entry("JinjaLogWarning", "w")
        ]
    );
}

#[test]
fn conversions() {
    let project = project("");
    let cases = HashMap::from([
        ("{{ fromjson('{\"a\": [1]}').a[0] }}", "1"),
        ("{{ fromjson('nope', 'd') }}", "d"),
        ("{{ tojson({'b': 1, 'a': none}) }}", "{\"b\": 1, \"a\": null}"),
        ("{{ tojson({'b': 1, 'a': 2}, sort_keys=true) }}", "{\"a\": 2, \"b\": 1}"),
        ("{{ fromyaml('a: [yes]').a }}", "[True]"),
        ("{{ toyaml({'a': ['x']}) }}", "a:\n- x\n"),
        ("{{ zip([1, 2], ['a', 'b']) | list }}", "[(1, 'a'), (2, 'b')]"),
        ("{{ set([1, 1, 2]) | length }}", "2"),
        ("{{ zip(1, default='d') }}", "d"),
        ("{{ local_md5('hello') }}", "5d41402abc4b2a76b9719d911017c592"),
        ("{{ diff_of_two_dicts({'A': ['x', 'y']}, {'a': ['X']}) }}", "{'a': ['y']}"),
        ("{{ dbt_version }}", "1.12.6"),
        ("{{ flags.FULL_REFRESH }} {{ flags.WHICH }}", "False "),
        ("{{ builtins.var('x', 1) }}", "1"),
    ]);
    for (template, expected) in cases {
        assert_eq!(shown(&project, template), expected, "{template}");
    }
}

#[test]
fn the_start_of_the_run_is_a_date() {
    let project = project("");
    let year = project.invocation.started_at.format("%Y").to_string();
    assert_eq!(shown(&project, "{{ run_started_at.strftime('%Y') }}"), year);
    assert!(shown(&project, "{{ run_started_at }}").ends_with("+00:00"));
    assert!(shown(&project, "{{ run_started_at.isoformat() }}").contains('T'));
}

#[test]
fn macros_raise_errors_in_their_own_words() {
    let project = project("");
    let error = |template: &str| render(&project, Mode::Execute, shared(NullLog), template).unwrap_err().diagnostic();
    let raised = error("x\n{{ exceptions.raise_compiler_error('No such thing.') }}");
    assert_eq!(raised.message, "No such thing.");
    assert_eq!(raised.primary.unwrap().span.location(), "models/staging/stg_events.sql:2:4");
    assert_eq!(
        error("{{ exceptions.missing_config({'name': 'm'}, 'unique_key') }}").message,
        "model `m` needs the config `unique_key`"
    );
    assert_eq!(
        error("{{ modules.re.match('a', 'b') }}").message,
        "`modules.re` needs Python, and this process has none"
    );
}
