//! The room as a whole. `tests/jinja/cases.json` holds templates with what Jinja2 (as dbt sets it up) makes of them.

use std::collections::HashMap;
use std::sync::Arc;

use super::*;
use crate::diag::{Code, Diagnostic, SourceFile};

/// A project of one package `p`.
struct Bench {
    engine: Engine,
    library: Arc<Library>,
}

fn compile(package: &str, path: &str, text: &str) -> Vec<Arc<MacroDef>> {
    compile_macros(&package.into(), &SourceFile::new(path, text)).unwrap()
}

fn bench(macros: &str) -> Bench {
    let (library, problems) = Library::new("p", &["dbt"], compile("p", "macros/m.sql", macros));
    assert!(problems.is_empty(), "{problems:?}");
    Bench { engine: Engine::new(), library: Arc::new(library) }
}

fn template(text: &str) -> Template {
    let file = SourceFile::new("models/t.sql", text);
    Template::compile(&file, 0..text.len()).unwrap()
}

/// `adapter.dispatch` as a host would write it.
#[derive(Debug)]
struct Adapter(Arc<Library>);

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<library>")
    }
}

impl value::Object for Adapter {
    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        assert_eq!(method, "dispatch");
        let mut args = Args::new("dispatch", args);
        let (name, package) = (args.string("macro_name")?, args.optional_string("macro_namespace")?);
        args.finish()?;
        let packages = package.map(|package| vec![package]);
        let prefixes = ["duckdb", "default"];
        self.0
            .dispatch(&name, packages.as_deref(), "p", &prefixes)
            .ok_or_else(|| raise(self.0.dispatch_failure(&name, packages.as_deref(), &prefixes)))
    }
}

impl Bench {
    fn context(&self, mode: Mode) -> Context {
        let results: Arc<std::sync::Mutex<HashMap<String, Value>>> = Arc::default();
        let stored = results.clone();
        let entry = |key: &str, value: &str| pyvalue::dict([(Value::from(key), Value::from(value))]);
        Context::new(self.library.namespace("p"), mode)
            .set("execute", mode == Mode::Execute)
            .set("this", "db.sch.tbl")
            .set("target", entry("name", "dev"))
            .set("zero", 0)
            .set("adapter", Value::from_object(Adapter(self.library.clone())))
            .set(
                "zip",
                function("zip", |_, args| {
                    let lists: Vec<Vec<Value>> =
                        args.rest().iter().map(|list| Ok(list.try_iter()?.collect())).collect::<Result<_, Error>>()?;
                    let len = lists.iter().map(Vec::len).min().unwrap_or(0);
                    let row = |at: usize| pyvalue::tuple(lists.iter().map(|list| list[at].clone()).collect());
                    Ok(pyvalue::list((0..len).map(row).collect()))
                }),
            )
            .set("set", function("set", |_, args| Ok(pyvalue::set(args.take("value")?.try_iter()?))))
            .set("tojson", function("tojson", |_, args| Ok(pyvalue::dumps(&args.take("value")?, false)?.into())))
            .set(
                "fromjson",
                function("fromjson", |_, args| {
                    let json = serde_json::from_str(&args.string("string")?).map_err(|e| fail(e.to_string()))?;
                    Ok(pyvalue::from_json(&json))
                }),
            )
            .set(
                "run_sql",
                function("run_sql", move |_, args| {
                    let sql = args.string("sql")?.trim().to_uppercase();
                    Ok(pyvalue::dict([(Value::from("data"), Value::from(sql))]))
                }),
            )
            .set(
                "store",
                function("store", move |_, args| {
                    stored.lock().unwrap().insert(args.string("name")?, args.take("value")?);
                    Ok(Value::from(""))
                }),
            )
            .set(
                "load_result",
                function("load_result", move |_, args| {
                    Ok(results.lock().unwrap().get(&args.string("name")?).cloned().unwrap_or_else(pyvalue::none))
                }),
            )
    }

    fn run(&self, mode: Mode, text: &str) -> Result<String, RenderError> {
        self.engine.render(&template(text), &Arc::new(self.context(mode)))
    }

    fn failure(&self, text: &str) -> Diagnostic {
        self.run(Mode::Execute, text).unwrap_err().diagnostic()
    }

    fn native(&self, text: &str) -> Result<String, String> {
        let value = self.engine.render_native(&template(text), &Arc::new(self.context(Mode::Execute)));
        value.map(|value| pyvalue::py_repr(&value)).map_err(|error| error.diagnostic().message)
    }
}

fn place(diagnostic: &Diagnostic) -> String {
    let span = &diagnostic.primary.as_ref().unwrap().span;
    format!("{} {}", span.location(), span.text())
}

#[test]
fn configs_are_written_again_as_dbt_does() {
    let cases: serde_json::Value = serde_json::from_str(include_str!("../../tests/jinja/configs.json")).unwrap();
    for case in cases.as_array().unwrap() {
        let text = case["template"].as_str().unwrap();
        let template = template(text);
        let written = template.written_config();
        let pairs = written.map(|pairs| pairs.iter().map(|(key, value)| (key.clone(), value.as_str().into())));
        let written = pairs.map(|pairs| serde_json::Value::Object(pairs.collect()));
        assert_eq!(written.unwrap_or_default(), case["written"], "{text}");
    }
}

#[test]
fn templates_print_what_jinja2_prints() {
    let cases: serde_json::Value = serde_json::from_str(include_str!("../../tests/jinja/cases.json")).unwrap();
    let mut wrong = Vec::new();
    for case in cases.as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let file = SourceFile::new("models/t.sql", case["template"].as_str().unwrap());
        let bench = bench(case["macros"].as_str().unwrap_or(""));
        let found = match Template::compile(&file, 0..file.text.len()) {
            Ok(template) => bench
                .engine
                .render(&template, &Arc::new(bench.context(Mode::Execute)))
                .map_err(|error| format!("{error:?}")),
            Err(problem) => Err(problem.message),
        };
        match (&found, case["prints"].as_str()) {
            (Ok(found), Some(expected)) if found == expected => {}
            (Err(_), None) if case["fails"] == true => {}
            (_, expected) => wrong.push(format!("{name}:\n   found {found:?}\nexpected {expected:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), cases.as_array().unwrap().len(), wrong.join("\n"));
}

#[test]
fn parsing_forgives_undefined_names() {
    let bench = bench("{% macro m(a, b=1) %}{{ b }}{{ a is defined }}{{ a.b.c() }}{% endmacro %}");
    let text = "{{ nope() }}{{ nope.a.b(1).c }}{{ target.zzz.foo() }}{{ nope is defined }}{{ nope | default('d') }}\
                {% for x in nope %}x{% endfor %}{% if nope %}y{% endif %}{{ m() }}{{ p.nope() }}{{ 'a'.nope().b }}\
                {{ nope['a'](1)[2] }}{{ nope ~ 'x' }}{{ x in nope }}";
    assert_eq!(bench.run(Mode::Parse, text).unwrap(), "Falsed1FalsexFalse");
}

#[test]
fn native_rendering_keeps_types() {
    let bench = bench("{% macro m() %}{{ return([1, {'a': none}]) }}{% endmacro %}");
    let native = |text: &str| bench.native(text);
    let ok = |text: &str| Ok(text.to_owned());
    assert_eq!(native("{{ 1 }}"), ok("1"));
    assert_eq!(native("{{ m() }}"), ok("[1, {'a': None}]"));
    assert_eq!(native("{% if execute %}{{ true }}{% endif %}"), ok("True"));
    assert_eq!(native("plain 1"), ok("'plain 1'"));
    assert_eq!(native("{{ '1' }}"), ok("'1'"));
    assert_eq!(native("{{ 1 }}{{ 2 }}"), ok("'12'"));
    assert_eq!(native("{{ nope }}"), ok("Undefined"));
    assert_eq!(native("{% set x = 1 %}"), ok("''"));
    assert_eq!(native("{% set x %}a{{ 1 }}{% endset %}{{ x }}"), ok("'a1'"));
    assert_eq!(native("{{ '1' | as_native }}"), ok("1"));
    assert_eq!(native("{{ '[1, 2]' | as_native }}"), ok("[1, 2]"));
    assert_eq!(native("{{ 'a b' | as_native }}"), ok("'a b'"));
    assert_eq!(native("{{ 'True' | as_bool }}"), ok("True"));
    assert_eq!(native("{{ (target.name == 'dev') | as_bool }}"), ok("True"));
    assert_eq!(native("{{ '2.5' | as_number }}"), ok("2.5"));
    assert_eq!(native("{{ 1 | as_text }}"), ok("'1'"));
    assert_eq!(native("{{ 'x' | as_bool }}"), Err("'x' is not a boolean".to_owned()));
    assert_eq!(native("{{ true | as_number }}"), Err("True is not a number".to_owned()));
    assert_eq!(bench.run(Mode::Execute, "{{ '1' | as_number }}{{ 1 | as_text }}").unwrap(), "11");
}

#[test]
fn called_macros_are_recorded_at_depth_one() {
    let bench = bench(
        "{% macro outer() %}{{ inner() }}{{ caller() if caller }}{% endmacro %}{% macro inner() %}{% endmacro %}\
         {% macro default__x() %}{{ inner() }}{% endmacro %}{% macro last() %}{% endmacro %}",
    );
    let context = Arc::new(bench.context(Mode::Parse));
    let text = "{{ outer() }}{{ outer() }}{{ adapter.dispatch('x', 'p')() }}{% call outer() %}{{ inner() }}{% endcall %}\
                {% if false %}{{ inner() }}{% endif %}{{ p.last() }}";
    bench.engine.render(&template(text), &context).unwrap();
    let called: Vec<_> = context.called().iter().map(|id| id.to_string()).collect();
    assert_eq!(called, ["macro.p.outer", "macro.p.default__x", "macro.p.last"]);
}

#[test]
fn calls_are_read_from_the_text() {
    let found = compile(
        "p",
        "m.sql",
        "{% macro m(a=first()) %}{% do second() %}{% if x %}{{ pkg.third(fourth()) }}{% endif %}{{ first() }}\
         {{ adapter.dispatch('fifth', 'pkg')(a) }}{{ adapter.dispatch(macro_name='sixth') (a) }}\
         {% call seventh() %}{{ eighth() }}{% endcall %}{{ a.b.ninth() }}{{ dbt.tenth() }}{% endmacro %}",
    );
    let calls: Vec<String> = found[0]
        .calls
        .iter()
        .map(|call| {
            let dispatch = if call.dispatch { "dispatch " } else { "" };
            let package = call.package.as_ref().map_or_else(String::new, |package| format!("{package}."));
            format!("{dispatch}{package}{}", call.name)
        })
        .collect();
    let expected = [
        "first",
        "second",
        "pkg.third",
        "fourth",
        "dispatch pkg.fifth",
        "dispatch sixth",
        "seventh",
        "eighth",
        "dbt.tenth",
    ];
    assert_eq!(calls, expected);
}

#[test]
fn names_are_found_in_the_order_of_packages() {
    let package = |name: &str, text: &str| compile(name, &format!("{name}.sql"), text);
    let macros = [
        package("root", "{% macro a() %}root{% endmacro %}{% macro default__d() %}root d{% endmacro %}"),
        package("pkg", "{% macro a() %}pkg{% endmacro %}{% macro b() %}pkg b{% endmacro %}"),
        package("dbt_x", "{% macro c() %}near{% endmacro %}{% macro x__d() %}near d{% endmacro %}"),
        package(
            "dbt",
            "{% macro c() %}far{% endmacro %}{% macro a() %}far a{% endmacro %}{% macro default__d() %}far d{% endmacro %}",
        ),
    ];
    let (library, problems) = Library::new("root", &["dbt_x", "dbt"], macros.into_iter().flatten());
    assert!(problems.is_empty());
    let engine = Engine::new();
    let print = |package: &str, text: &str| {
        engine.render(&template(text), &Arc::new(Context::new(library.namespace(package), Mode::Execute)))
    };
    assert_eq!(
        print("root", "{{ a() }} {{ pkg.a() }} {{ c() }} {{ dbt.c() }} {{ dbt.a() }}").unwrap(),
        "root pkg near near far a"
    );
    assert_eq!(print("pkg", "{{ a() }} {{ b() }} {{ root.a() }}").unwrap(), "pkg pkg b root");
    assert_eq!(print("other", "{{ a() }} {{ c() }}").unwrap(), "root near");
    assert!(print("root", "{{ b() }}").is_err());
    assert_eq!(library.find("a", "pkg").unwrap().unique_id.as_ref(), "macro.pkg.a");

    let to = |packages: Option<&[String]>, prefixes: &[&str]| {
        library.dispatch_to("d", packages, "pkg", prefixes).map(|found| found.unique_id.to_string())
    };
    let both = ["root".to_owned(), "dbt".to_owned()];
    assert_eq!(to(Some(&both), &["x", "default"]).unwrap(), "macro.root.default__d");
    assert_eq!(to(Some(&both[1..]), &["x", "default"]).unwrap(), "macro.dbt_x.x__d");
    assert_eq!(to(None, &["x", "default"]).unwrap(), "macro.dbt_x.x__d");
    assert_eq!(to(None, &["y"]), None);

    let again = [package("root", "{% macro a() %}{% endmacro %}"), package("root", "\n{% macro a() %}{% endmacro %}")];
    let (_, problems) = Library::new("root", &[], again.into_iter().flatten());
    assert_eq!(problems[0].code, Code::DuplicateName);
    assert_eq!(place(&problems[0]), "root.sql:2:1 {% macro a() %}");
}

#[test]
fn macros_hide_variables_and_overrides_hide_macros() {
    let bench = bench("{% macro this() %}macro{% endmacro %}");
    let context = bench.context(Mode::Execute);
    assert_eq!(context.shadowed("this").unwrap().as_str(), Some("db.sch.tbl"));
    assert_eq!(bench.engine.render(&template("{{ this() }}"), &Arc::new(context)).unwrap(), "macro");
    let context = bench.context(Mode::Execute).set_override("this", "mine");
    assert_eq!(bench.engine.render(&template("{{ this }}"), &Arc::new(context)).unwrap(), "mine");
    let base: HashMap<&'static str, Value> = HashMap::from([("low", Value::from(1)), ("zero", Value::from(1))]);
    let context = bench.context(Mode::Execute).base(Arc::new(base));
    assert_eq!(bench.engine.render(&template("{{ low }}{{ zero }}"), &Arc::new(context)).unwrap(), "10");
}

#[test]
fn values_cross_the_border() {
    let bench = bench("{% macro m(a, b=2) %}{{ return(a + b) }}{% endmacro %}");
    let context = Arc::new(bench.context(Mode::Execute));
    let callable = bench.library.value("p", "m").unwrap();
    let sum = bench.engine.call(&callable, &[Value::from(1)], &context).unwrap();
    assert_eq!(sum, Value::from(3));
    assert_eq!(bench.engine.eval("m(1, b=5) * 2", &context).unwrap(), Value::from(12));
    assert_eq!(bench.engine.eval("{'a': [1]}", &context).unwrap().to_string(), "{'a': [1]}");
    assert_eq!(bench.engine.eval("1 +", &context).unwrap_err().diagnostic().code, Code::JinjaSyntax);

    let json = serde_json::json!({"b": [1, {"c": null}], "a": 1.5, "big": u64::MAX});
    let copy = pyvalue::from_json(&json);
    assert_eq!(pyvalue::to_json(&copy).unwrap(), json);
    let frozen = pyvalue::frozen(Arc::new(json.clone()));
    assert_eq!(pyvalue::to_json(&frozen).unwrap(), json);
    assert!(ops_equal(&frozen, &copy));
    let context = Arc::new(bench.context(Mode::Execute).set("g", frozen).set("price", pyvalue::decimal("12.50")));
    let print = |text: &str| bench.engine.render(&template(text), &context);
    assert_eq!(
        print("{{ g.b[1].c is none }}{{ g.get('x', 7) }}{{ g['b'] | length }}{{ g.keys() | list }}{% for k, v in g.items() %}{{ k }}{% endfor %}").unwrap(),
        "True72['b', 'a', 'big']babig"
    );
    assert_eq!(print("{{ g }}").unwrap(), "{'b': [1, {'c': None}], 'a': 1.5, 'big': 18446744073709551615}");
    assert!(print("{% do g.update({'a': 1}) %}").is_err());
    assert_eq!(
        print("{{ price }} {{ price * 2 }} {{ price + 0.5 }} {{ price == 12.5 }} {{ price > 12 }} {{ 1 / price }} {{ price | int }} {{ price is number }} {{ -price }} {{ '%.1f' % price }} {{ [price, price] | sum }}").unwrap(),
        "12.50 25.00 13.0 True True 0.08 12 True -12.50 12.5 25.00"
    );
}

fn ops_equal(left: &Value, right: &Value) -> bool {
    left == right
}

#[test]
fn errors_point_into_the_file_where_they_happen() {
    let text = "{% test bad(model, column_name) %}\nselect\n  {% set l = [1, 2] %}{{ l + column_name.zip() }}\n{% endtest %}\n\
                {% macro outer() %}{{ test_bad('m', column_name='c') }}{% endmacro %}";
    let bench = bench(text);
    let found = bench.failure("select 1\n, {{ outer() }}");
    assert_eq!(found.message, "'str' object has no attribute 'zip'");
    assert_eq!(place(&found), "macros/m.sql:3:30 column_name.zip()");
    assert_eq!(found.places[0].span.location(), "models/t.sql:2:6");
    assert_eq!(
        found.notes,
        ["in macro `p.test_bad`, called at macros/m.sql:5:23", "in macro `p.outer`, called at models/t.sql:2:6",]
    );
}

#[test]
fn templates_may_be_parts_of_files() {
    let text = "{% snapshot s %}\nselect {{ nope.x }}\n{% endsnapshot %}";
    let file = SourceFile::new("snapshots/s.sql", text);
    let block = blocks(&file).unwrap().remove(0);
    let bench = bench("");
    let part = Template::compile(&file, block.body).unwrap();
    let found = bench.engine.render(&part, &Arc::new(bench.context(Mode::Execute))).unwrap_err().diagnostic();
    assert_eq!(found.message, "`nope` is undefined");
    assert!(place(&found).starts_with("snapshots/s.sql:2:"), "{}", place(&found));
}

#[test]
fn undefined_callables_suggest_near_macros() {
    let bench = bench("{% macro generate_name() %}{% endmacro %}");
    let found = bench.failure("{{ generate_nam('x') }}");
    assert_eq!((found.code, found.message.as_str()), (Code::MacroNotFound, "`generate_nam` is undefined"));
    assert_eq!(found.helps, ["did you mean `generate_name`?"]);
    assert_eq!(place(&found), "models/t.sql:1:4 generate_nam('x')");
    let found = bench.failure("{{ p.generate_nam('x') }}");
    assert_eq!(found.message, "package `p` has no macro `generate_nam`");
    assert_eq!(found.helps, ["did you mean `p.generate_name`?"]);
    let found = bench.failure("{{ nope.foo() }}");
    assert_eq!(found.message, "`nope` is undefined");
    let found = bench.failure("{{ target.a.b.c }}");
    assert_eq!(found.message, "`target.a` is undefined");
    let found = bench.failure("{{ 'a' | uper }}");
    assert_eq!(found.message, "there is no filter `uper`");
    let found = bench.failure("{{ adapter.dispatch('generate') () }}");
    assert_eq!(found.message, "no implementation of `generate` for `adapter.dispatch`");
    assert_eq!(found.notes, ["looked for `duckdb__generate`, `default__generate`"]);
}

#[test]
fn diagnostics_and_causes_of_host_functions_survive() {
    #[derive(Debug)]
    struct Refused(u32);
    impl std::fmt::Display for Refused {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("refused")
        }
    }
    impl std::error::Error for Refused {}

    let bench = bench("{% macro m(f) %}{{ f() }}{% endmacro %}");
    let told = function("told", |_, _| Err(raise(Diagnostic::error(Code::VarNotSet, "no value").help("set it"))));
    let broken = function("broken", |_, _| Err(fail("database").with_source(Refused(7))));
    let context = Arc::new(bench.context(Mode::Execute).set("told", told).set("broken", broken));
    let found = bench.engine.render(&template("{{ m(told) }}"), &context).unwrap_err().diagnostic();
    assert_eq!((found.code, found.helps.len()), (Code::VarNotSet, 1));
    assert_eq!(place(&found), "macros/m.sql:1:20 f()");
    let failed = bench.engine.render(&template("{{ m(broken) }}"), &context).unwrap_err();
    assert_eq!(failed.source::<Refused>().unwrap().0, 7);

    // A host function that renders itself hands the inner problem on.
    let engine = Arc::new(Engine::new());
    let inner = engine.clone();
    let render = function("render", move |state, args| {
        let text = args.string("sql")?;
        let file = SourceFile::new("inner.sql", text.clone());
        let part = Template::compile(&file, 0..text.len()).map_err(raise)?;
        Ok(inner.render(&part, &context_of(state)?)?.into())
    });
    let context = Arc::new(bench.context(Mode::Execute).set("render", render));
    assert_eq!(engine.render(&template("{{ render('{{ 1 + 1 }}') }}"), &context).unwrap(), "2");
    let found = engine.render(&template("{{ render('\n{{ nope() }}') }}"), &context).unwrap_err().diagnostic();
    assert_eq!(place(&found), "inner.sql:2:4 nope()");
}

fn context_of(state: &State<'_, '_>) -> Result<Arc<Context>, Error> {
    context(state).ok_or_else(|| fail("no context"))
}

#[test]
fn calls_of_the_host_have_no_place_of_their_own() {
    let bench = bench("{% macro m(a) %}{{ a.b.c }}{% endmacro %}");
    let context = Arc::new(bench.context(Mode::Execute));
    let callable = bench.library.value("p", "m").unwrap();
    let failure = |args: &[Value]| bench.engine.call(&callable, args, &context).unwrap_err().diagnostic();
    let inside = failure(&[pyvalue::dict([])]);
    assert_eq!((inside.message.as_str(), inside.places.len()), ("`a.b` is undefined", 0));
    assert_eq!(place(&inside), "macros/m.sql:1:20 a.b.c");
    assert_eq!(inside.notes, ["in macro `p.m`"]);
    let refused = failure(&[Value::from(1), Value::from(2)]);
    assert_eq!(refused.message, "macro 'p.m' takes not more than 1 argument(s)");
    assert!(refused.primary.is_none());
}

#[test]
fn recursion_ends() {
    let bench = bench("{% macro f() %}{{ f() }}{% endmacro %}");
    let found = bench.failure("{{ f() }}");
    assert!(found.message.starts_with("macros are nested too deeply"), "{}", found.message);
    assert!(found.notes.len() < 10);
    assert!(bench.failure("a{{ return(1) }}b").message.contains("`return` works only inside a macro"));
}

#[test]
fn syntax_errors_name_both_places() {
    let problem = |text: &str| {
        let file = SourceFile::new("t.sql", text);
        *Template::compile(&file, 0..text.len()).err().expect(text)
    };
    let found = problem("select 1\n,\n    {{ dbt_utils.star(from=ref('orders' }}");
    assert_eq!(found.message, "expected `,` or `)`, found `}}`");
    assert_eq!(place(&found), "t.sql:3:41 }}");
    assert_eq!(found.primary.unwrap().text, "expected `)` before this");
    assert_eq!(found.places[0].text, "this call to `ref` is never closed");
    assert_eq!(found.places[0].span.location(), "t.sql:3:31");
    assert_eq!(found.helps, ["close both calls: `{{ dbt_utils.star(from=ref('orders')) }}`"]);

    let message = |text: &str| problem(text).message;
    assert_eq!(message("{{ x[1 }}"), "expected `,` or `]`, found `}}`");
    assert_eq!(message("{{ f(a]) }}"), "expected `,` or `)`, found `]`");
    assert_eq!(message("{{ a) }}"), "unexpected `)`");
    assert_eq!(message("{{ 'abc }}"), "this string is never closed: expected `'`");
    assert_eq!(message("a {{ b"), "tag `{{` is never closed");
    assert_eq!(message("a {# b"), "comment `{#` is never closed");
    assert_eq!(message("{% if a %}b"), "this `if` is never closed");
    assert_eq!(message("{% if a %}{% endfor %}"), "expected `{% endif %}`, found `{% endfor %}`");
    assert_eq!(message("{% endif %}"), "`endif` closes nothing");
    assert_eq!(message("{% else %}"), "`else` belongs to no block");
    assert_eq!(message("{% frobnicate %}"), "there is no tag `frobnicate`");
    assert_eq!(message("{% include 'x' %}"), "`{% include %}` does not work in a project");
    for text in ["{{ 1 +* 2 }}", "{{ a b }}", "{{ }}", "{% set %}", "{{ f(a=1, 2) }}", "{% for x %}{% endfor %}"] {
        let found = problem(text);
        assert_eq!(found.code, Code::JinjaSyntax, "{text}");
        assert!(found.primary.is_some(), "{text}");
    }
    let file = SourceFile::new("m.sql", "{% materialization x, default %}\n{{ 1 +* 2 }}\n{% endmaterialization %}");
    let found = compile_macros(&"p".into(), &file).unwrap_err();
    assert!(place(&found[0]).starts_with("m.sql:2:"), "{}", place(&found[0]));
}

#[test]
fn rendered_text_is_traced_back() {
    let bench = bench("{% macro m() %}from_macro{% endmacro %}");
    let text = "select\n  {%- set x = 1 -%}\n  , {{ m() }} as {{ 'col' }}\n{% if true %} and bad {% endif %}";
    let traced = template(text);
    let context = || Arc::new(bench.context(Mode::Execute));
    let rendered = bench.engine.render(&traced, &context()).unwrap();
    let find = |part: &str| {
        let at = rendered.find(part).unwrap();
        let span = linemap::locate(&bench.engine, &traced, context, at).unwrap();
        format!("{} {}", span.location(), span.text())
    };
    assert_eq!(find("bad"), "models/t.sql:4:19 b");
    assert_eq!(find("macro"), "models/t.sql:3:8 m()");
    assert_eq!(find("col"), "models/t.sql:3:21 'col'");
    assert_eq!(find(", "), "models/t.sql:3:3 ,");
    assert!(linemap::locate(&bench.engine, &traced, context, rendered.len()).is_none());
    assert_eq!(linemap::locate(&bench.engine, &template("a b"), context, 2).unwrap().location(), "models/t.sql:1:3");
}

#[test]
fn renders_on_threads_do_not_see_each_other() {
    let bench = bench("{% macro m(x) %}{{ this }}-{{ x }}{% endmacro %}");
    let shared = template("{% set l = [] %}{% do l.append(this) %}{{ m(l[0]) }}{{ l }}");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (bench, shared) = (&bench, &shared);
            scope.spawn(move || {
                for turn in 0..50 {
                    let name = format!("{thread}_{turn}");
                    let context = Arc::new(bench.context(Mode::Execute).set("this", name.as_str()));
                    let text = bench.engine.render(shared, &context).unwrap();
                    assert_eq!(text, format!("{name}-{name}['{name}']"));
                }
            });
        }
    });
}

#[test]
fn long_expressions_do_not_exhaust_the_stack() {
    let bench = bench("");
    let long = |terms: usize| format!("{{{{ {} }}}}", vec!["zero"; terms].join(" ~ "));
    assert_eq!(bench.run(Mode::Execute, &long(300)).unwrap().len(), 300);
    let file = SourceFile::new("t.sql", long(5000));
    let problem = Template::compile(&file, 0..file.text.len()).err().unwrap();
    assert_eq!(problem.message, "this expression has too many parts");
}

#[test]
fn careless_calls_of_the_loop_fail() {
    let file = SourceFile::new("t.sql", "{% for i in [1] %}{{ loop.cycle() }}{% endfor %}");
    assert!(Template::compile(&file, 0..file.text.len()).is_err());
}
