//! What is read of revision files, and what is left to Alembic.

mod differential;
mod kept;
mod random;

use std::path::PathBuf;

use super::*;

fn graph(files: &[(&str, &str)]) -> Result<Graph, NotStatic> {
    let revision = |(name, text): &(&str, &str)| python::revision(&PathBuf::from(name), text.as_bytes());
    Graph::of(files.iter().map(revision).collect::<Result<_, _>>()?)
}

fn one(text: &str) -> Result<Revision, NotStatic> {
    python::revision(&PathBuf::from("a.py"), text.as_bytes())
}

#[test]
fn a_revision_file_says_all_that_alembic_reads() {
    let text = "\"\"\"add pets\n\nRevision ID: a1\nCreate Date: 2026-11-21 10:00:00  \n\n\"\"\"\nfrom typing import Union\nfrom alembic import op\n\n\
        revision: str = 'a' '1'\ndown_revision: Union[str, None] = ('x', \"y\")\nbranch_labels = ['pets']\ndepends_on = \"z\"\n\n\
        def upgrade() -> None:\n    op.execute('x')\n\ndef downgrade():\n    \"\"\"Nothing.\"\"\"\n    pass\n";
    let revision = one(text).unwrap();
    assert_eq!(
        revision,
        Revision {
            id: "a1".into(),
            parents: vec!["x".into(), "y".into()],
            labels: vec!["pets".into()],
            depends_on: vec!["z".into()],
            message: "add pets".into(),
            doc: "add pets\n\nRevision ID: a1\nCreate Date: 2026-11-21 10:00:00".into(),
            doc_varies: false,
            path: "a.py".into(),
            create_date: Some("2026-11-21 10:00:00".into()),
            empty_downgrade: true,
        }
    );
}

#[test]
fn what_is_not_plain_is_left_to_alembic() {
    let rest = "\ndown_revision = None\n";
    for text in [
        "revision = 'a' + 'b'",
        "revision = f'a'",
        "revision = b'a'",
        "revision = None",
        "revision, x = 'a', 'b'",
        "revision = 'a'\nrevision += 'b'",
        "revision = 'a'\ndel revision",
        "revision = 'a'\nif True:\n    revision = 'b'",
        "revision = 'a'\nfrom x import revision",
        "revision = 'a'\nimport revision.b",
        "revision = 'a'\nfrom x import *",
        "revision = 'a'\ndef revision(): pass",
        "revision = 'a'\nx = (revision := 'b')",
        "revision = 'a'\nglobals()['revision'] = 'b'",
        "revision = 'a'\nprint(1)",
        "revision = 'a'\nfor revision in 'b': pass",
        "revision = 'a'\n__doc__ = 'b'",
        "revision = 'a'\ndepends_on = {'b', 'c'}",
        "revision = 'a'\ndef f():\n    global revision\n    revision = 'b'\nx = f()",
        "revision = 'a'\ndef upgrade():\n  x = 1\n y = 2",
        "revision = 'a'\nthis is not Python",
        "revision = 'a'\nx = '\\ud800'",
        "# coding: latin-1\nrevision = 'a'",
        "revision = 'a'\nmatch 1:\n    case 1: pass",
    ] {
        assert!(one(&format!("{text}{rest}")).is_err(), "{text}");
    }
    assert!(one("revision = 'a'").is_err());
    assert!(python::revision(&PathBuf::from("a.py"), b"\xff").is_err());
}

#[test]
fn what_a_migration_does_besides_is_nobodys_business() {
    for text in [
        "try:\n    import x\nexcept ImportError as error:\n    x = None",
        "if TYPE_CHECKING:\n    from x import y",
        "logger = logging.getLogger()\nlogger.level = 1\na, b = 1, 2",
        "class Base(declarative_base()):\n    id = Column()",
        "def f(session):\n    session.exec(select(1))\n    revision = 2",
        "...",
    ] {
        assert_eq!(
            one(&format!("revision = 'a'\ndown_revision = None\n{text}\n")).map(|found| found.id),
            Ok("a".into()),
            "{text}"
        );
    }
}

#[test]
fn a_downgrade_is_empty_where_it_does_nothing() {
    let empty = |text: &str| one(&format!("revision = 'a'\ndown_revision = None\n{text}\n")).unwrap().empty_downgrade;
    assert_eq!(
        [
            "",
            "def downgrade(): pass",
            "def downgrade():\n    return None",
            "def downgrade(): ...",
            "def downgrade():\n    op.x()",
            "def downgrade():\n    raise ValueError"
        ]
        .map(empty),
        [true, true, true, true, false, false]
    );
}

#[test]
fn a_docstring_that_pythons_read_differently_is_known() {
    let varies = |text: &str| doc::of(Some(text)).varies;
    assert_eq!(["a", "a\n\nb", "a\n  b\nc", "\n    a\n", "a\t\n"].map(varies), [false; 5]);
    assert_eq!(["a\n  b\n\n  c", "\n  a\n  b", "a\tb"].map(varies), [true; 3]);
}

#[test]
fn pending_is_what_is_not_below_what_a_database_holds() {
    let file = |id: &str, rest: &str| (format!("{id}.py"), format!("revision = '{id}'\n{rest}\n"));
    let files = [
        file("a1", "down_revision = None"),
        file("a2", "down_revision = 'a1'"),
        file("b1", "down_revision = None\nbranch_labels = 'b'"),
        file("a3", "down_revision = 'a2'\ndepends_on = 'b'"),
        file("b2", "down_revision = 'b1'"),
    ];
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let chain = Chain::from(&graph(&files).unwrap());
    let rows = |rows: &[&str]| rows.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>();
    let pending = |current: &[&str]| {
        let held = chain.held(&rows(current));
        let pending = chain.revisions.iter().map(|link| link.revision.as_str()).filter(|id| !held.contains(id));
        pending.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(pending(&[]), "b1 b2 a1 a2 a3");
    assert_eq!(pending(&["a3"]), "b2");
    assert_eq!(pending(&["a2", "gone"]), "b1 b2 a3");
    assert_eq!(pending(&["a3", "b2"]), "");
    assert_eq!(chain.heads, ["a3", "b2"]);
    assert_eq!(chain.unknown(&rows(&["a1", "b", "gone"])), ["b", "gone"]);
}

#[test]
fn a_graph_that_is_broken_is_left_to_alembic() {
    let of = |texts: &[&str]| {
        let names: Vec<String> = (0..texts.len()).map(|at| format!("{at}.py")).collect();
        let files: Vec<_> = names.iter().map(String::as_str).zip(texts.iter().copied()).collect();
        graph(&files).map(|_| ()).unwrap_err().to_string()
    };
    let base = "revision = 'a'\ndown_revision = None";
    assert_eq!(of(&[base, base]), "revision a is there twice");
    assert_eq!(of(&["revision = 'b'\ndown_revision = 'a'"]), "a, the parent of b, is not there");
    assert_eq!(of(&["revision = 'b'\ndown_revision = None\ndepends_on = 'x'"]), "x, which b needs, is not there");
    assert_eq!(of(&["revision = 'a-b'\ndown_revision = None"]), "`a-b` is no plain name");
    assert_eq!(
        of(&["revision = 'a'\ndown_revision = 'b'", "revision = 'b'\ndown_revision = 'a'"]),
        "the revisions go in a circle"
    );
    assert_eq!(
        of(&[base, "revision = 'b'\ndown_revision = 'a'\nbranch_labels = 'a'"]),
        "branch label a is there twice"
    );
}
