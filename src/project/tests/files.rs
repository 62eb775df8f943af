use super::*;
use crate::diag::Code;

#[test]
fn files_are_found_by_folder_and_kind() {
    let fixture = Fixture::new(&[
        ("models/b.sql", "select 1"),
        ("models/staging/a.sql", "select 1"),
        ("models/staging/_a.yml", "version: 2"),
        ("models/p.py", "def model(dbt, session): ..."),
        ("models/readme.md", "{% docs x %}{% enddocs %}"),
        ("models/notes.txt", ""),
        ("models/.ipynb_checkpoints/b.sql", "select 2"),
        ("seeds/s.csv", "a\n1\n"),
        ("tests/t.sql", "select 1"),
        ("tests/generic/g.sql", "{% test g() %}{% endtest %}"),
        ("tests/fixtures/f.csv", "a\n"),
        ("macros/m.sql", ""),
        ("snapshots/n.sql", ""),
        ("analyses/y.sql", ""),
    ]);
    let project = fixture.load();
    let files = &project.root_package().files;
    assert_eq!(originals(&files.models), ["models/b.sql", "models/p.py", "models/staging/a.sql"]);
    assert_eq!(files.models[2].path.relative, "staging/a.sql");
    assert_eq!(files.models[2].source.path, "models/staging/a.sql");
    assert_eq!(files.seeds[0].path.original, "seeds/s.csv");
    assert_eq!(originals(&files.tests), ["tests/t.sql"]);
    assert_eq!(originals(&files.generic_tests), ["tests/generic/g.sql"]);
    assert_eq!(originals(&files.fixtures), ["tests/fixtures/f.csv"]);
    assert_eq!(originals(&files.properties), ["models/staging/_a.yml"]);
    assert_eq!(originals(&files.docs), ["models/readme.md"]);
    assert_eq!(originals(&files.macros), ["macros/m.sql"]);
    assert_eq!(originals(&files.snapshots), ["snapshots/n.sql"]);
    assert_eq!(originals(&files.analyses), ["analyses/y.sql"]);
}

#[test]
fn overlapping_folders_give_each_file_once() {
    let fixture = Fixture::new(&[
        ("dbt_project.yml", "name: shop\nprofile: shop\nmodel-paths: [models, models/staging]\n"),
        ("models/staging/a.sql", "select 1"),
    ]);
    assert_eq!(originals(&fixture.load().root_package().files.models), ["models/staging/a.sql"]);
}

#[test]
fn dbtignore_hides_files_and_folders() {
    let fixture = Fixture::new(&[
        (".dbtignore", "*_old.sql\nmodels/drafts/\n!models/keep_old.sql\n"),
        ("models/a.sql", ""),
        ("models/a_old.sql", ""),
        ("models/keep_old.sql", ""),
        ("models/drafts/b.sql", ""),
    ]);
    assert_eq!(originals(&fixture.load().root_package().files.models), ["models/a.sql", "models/keep_old.sql"]);
}

#[test]
fn files_that_are_not_text_are_errors_with_their_line() {
    let fixture = Fixture::new(&[]);
    fixture.write("models/a.sql", b"select\n'\xff'\n");
    fixture.write("models/b.yml", b"\xfe");
    let errors = fixture.errors();
    assert_eq!(errors.iter().map(|error| error.code).collect::<Vec<_>>(), [Code::File, Code::File]);
    assert_eq!(errors[0].message, "`models/a.sql` is not UTF-8 text");
    assert_eq!(errors[0].notes, ["the first wrong byte is 0xff in line 2"]);
}

#[test]
fn line_breaks_and_byte_order_marks_are_evened_out() {
    let fixture = Fixture::new(&[("models/a.sql", "\u{feff}select 1\r\nfrom x\r\n")]);
    assert_eq!(fixture.load().root_package().files.models[0].source.text, "select 1\nfrom x\n");
}
