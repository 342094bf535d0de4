//! URLs as entries under `db`.

use super::*;

fn yaml(url: Value) -> (String, Vec<String>) {
    let around = Around {
        base: Path::new("/repo/service"),
        root: Path::new("/repo"),
        prefix: "BILLING".to_owned(),
        variable: &|name| (name == "SET").then(|| "postgresql://h/d".to_owned()),
        elsewhere: &|name| (name == "FILE").then(|| ("postgres://me:secret@h/d".to_owned(), "service/.env".to_owned())),
        likely: Kind::Sqlite,
    };
    let entry = entry(Some(&url), &around);
    (serde_json::to_string(&entry.keys).unwrap(), entry.remarks)
}

#[test]
fn a_url_becomes_parts_without_its_password() {
    let (keys, remarks) = yaml(Value::text("postgresql+psycopg://me:p%40ss@h:5433/d?sslmode=require&search_path=a$b"));
    assert_eq!(
        keys,
        r#"{"type":"postgres","db_name":"d","driver":"psycopg","schema":"a$$b","connection":{"host":"h","port":5433,"user":"me","password":"${BILLING_PASSWORD}","options":{"sslmode":"require"}}}"#
    );
    assert_eq!(remarks, ["the URL holds a password, which is not written here: set BILLING_PASSWORD"]);
    let (keys, _) = yaml(Value::text("sqlite:///./a.db"));
    assert_eq!(keys, r#"{"type":"sqlite","connection":{"db_path":"service/a.db"}}"#);
}

#[test]
fn variables_stay_variables() {
    for (url, expected) in [
        (Value::text("%(SET)s"), r#"{"type":"postgres","connection":{"url":"${SET}"}}"#),
        (Value::variable("SET", None), r#"{"type":"postgres","connection":{"url":"${SET}"}}"#),
        (
            Value::variable("NOT", Some(Value::text("sqlite:///a.db"))),
            r#"{"type":"sqlite","connection":{"url":"${NOT:-sqlite:///service/a.db}"}}"#,
        ),
        (
            Value::variable("NOT", Some(Value::text("postgres://me:secret@h/d"))),
            r#"{"type":"postgres","connection":{"url":"${NOT}"}}"#,
        ),
        (
            Value::variable("FILE", None),
            r#"{"type":"postgres","db_name":"d","connection":{"host":"h","user":"me","password":"${BILLING_PASSWORD}"}}"#,
        ),
    ] {
        assert_eq!(yaml(url).0, expected);
    }
    let pieces = Value::Text(vec![
        Piece::Plain("postgresql://".to_owned()),
        Piece::Variable { name: "U".to_owned(), default: Some(vec![Piece::Plain("me".to_owned())]) },
        Piece::Plain(":hunter2@h/d".to_owned()),
    ]);
    let (keys, remarks) = yaml(pieces);
    assert_eq!(keys, r#"{"type":"postgres","connection":{"url":"postgresql://${U:-me}:${BILLING_PASSWORD}@h/d"}}"#);
    assert_eq!(remarks.len(), 1);
}

#[test]
fn what_cannot_be_told_is_a_variable_to_set() {
    for url in [
        Value::Unknown("f()".to_owned()),
        Value::text("mysql://h/d"),
        Value::text("driver://user:pass@localhost/dbname"),
    ] {
        let (keys, remarks) = yaml(url);
        assert_eq!(keys, r#"{"type":"sqlite","connection":{"url":"${BILLING_DATABASE_URL}"}}"#);
        assert!(remarks[0].contains("BILLING_DATABASE_URL"), "{remarks:?}");
    }
}
