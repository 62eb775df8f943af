use super::fixture::Shop;
use super::*;

fn names(dag: &Dag, set: &NodeSet) -> Vec<String> {
    dag.ids(set).iter().map(|id| id.rsplit('.').next().unwrap_or_default().to_owned()).collect()
}

fn set(dag: &Dag, ids: &[&str]) -> NodeSet {
    let mut set = dag.empty_set();
    ids.iter().filter_map(|id| dag.index(id)).for_each(|at| {
        set.insert(at);
    });
    set
}

#[test]
fn ancestors_and_descendants_count_hops() {
    let shop = Shop::new().model("a", &[]).model("b", &["a"]).model("c", &["b"]).model("d", &["a", "c"]);
    let dag = Dag::new(&shop.done()).unwrap();
    let from_d = set(&dag, &["model.shop.d"]);
    assert_eq!(names(&dag, &dag.ancestors(&from_d, Some(1))), ["a", "c"]);
    assert_eq!(names(&dag, &dag.ancestors(&from_d, None)), ["a", "b", "c"]);
    let from_a = set(&dag, &["model.shop.a"]);
    assert_eq!(names(&dag, &dag.descendants(&from_a, Some(1))), ["b", "d"]);
    assert_eq!(names(&dag, &dag.descendants(&from_a, Some(0))), [""; 0]);
    let levels: Vec<usize> =
        ["a", "b", "c", "d"].iter().map(|name| dag.level(dag.index(&format!("model.shop.{name}")).unwrap())).collect();
    assert_eq!(levels, [0, 1, 2, 3]);
}

#[test]
fn a_circle_is_told_as_a_path_of_names_with_places() {
    let shop = Shop::new()
        .model("a", &[])
        .sql("select * from {{ ref('b') }}")
        .model("b", &[])
        .sql("select * from {{ ref('c') }}")
        .model("c", &[])
        .sql("select * from {{ ref('a') }}")
        .model("innocent", &["a"])
        .needs("a", "b")
        .needs("b", "c")
        .needs("c", "a");
    let errors = Dag::new(&shop.done()).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].message, "references go in a circle: `a` → `b` → `c` → `a`");
    let primary = errors[0].primary.as_ref().unwrap();
    assert_eq!((primary.span.location().as_str(), primary.text.as_str()), ("models/a.sql:1:23", "`a` needs `b`"));
    assert_eq!(errors[0].places.len(), 2);
}

#[test]
fn a_model_may_not_need_itself() {
    let shop = Shop::new().model("a", &[]).needs("a", "a");
    let errors = Dag::new(&shop.done()).unwrap_err();
    assert_eq!(errors[0].message, "references go in a circle: `a` → `a`");
}
