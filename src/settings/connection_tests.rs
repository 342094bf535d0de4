//! Tests of URLs taken apart.

use std::path::Path;

use super::{Connection, Password, Postgres, Sqlite, SqlitePath};
use crate::secret::Secret;

fn read(url: &str) -> Result<Connection, String> {
    Connection::from_url(url, Path::new("/root"))
}

#[test]
fn sqlite_urls_are_relative_absolute_or_memory() {
    for (url, path) in [
        ("sqlite:///x.db", SqlitePath::File("/root/x.db".into())),
        ("sqlite:////tmp/a b.db", SqlitePath::File("/tmp/a b.db".into())),
        ("sqlite+aiosqlite:///../x.db", SqlitePath::File("/x.db".into())),
        ("sqlite://", SqlitePath::Memory),
        ("sqlite:///:memory:", SqlitePath::Memory),
    ] {
        let driver = url.contains('+').then(|| "aiosqlite".to_owned());
        assert_eq!(
            read(url),
            Ok(Connection::Sqlite(Sqlite {
                path,
                options: [].into(),
                driver
            })),
            "{url}"
        );
    }
}

#[test]
fn every_part_of_a_postgresql_url_is_decoded() {
    let password = Some(Password::Plain(Secret::new("p@ss %20/:#?'\"\\ ü")));
    let url = "postgresql+psycopg://u%40x:p%40ss%20%2520%2F%3A%23%3F'\"%5C%20%C3%BC@db.x:6432/my%20db?sslmode=require&application_name=a+b";
    let expected = Postgres {
        host: Some("db.x".to_owned()),
        port: Some(6432),
        user: Some("u@x".to_owned()),
        password,
        database: Some("my db".to_owned()),
        options: [
            ("sslmode".to_owned(), "require".to_owned()),
            ("application_name".to_owned(), "a b".to_owned()),
        ]
        .into(),
        driver: Some("psycopg".to_owned()),
    };
    assert_eq!(read(url), Ok(Connection::Postgres(expected)));
    let socket = Postgres {
        host: Some("/run/pg".to_owned()),
        database: Some("d".to_owned()),
        ..Postgres::default()
    };
    assert_eq!(
        read("postgresql:///d?host=/run/pg"),
        Ok(Connection::Postgres(socket.clone()))
    );
    assert_eq!(read("postgres://%2Frun%2Fpg/d"), Ok(Connection::Postgres(socket)));
    let six = Postgres {
        host: Some("::1".to_owned()),
        port: Some(1),
        ..Postgres::default()
    };
    assert_eq!(read("postgresql://[::1]:1"), Ok(Connection::Postgres(six)));
}

#[test]
fn a_url_that_cannot_be_meant_so_is_refused_without_its_password() {
    let encode = "percent-encode what is no separator: ";
    for (url, reason) in [
        ("postgresql://u:geh@im@h/d", format!("{encode}@ is %40")),
        ("postgresql://u:geh/im@h/d", format!("{encode}/ is %2F")),
        ("postgresql://u:geh#im@h/d", format!("{encode}# is %23")),
        ("postgresql://u:geh?im@h/d", format!("{encode}? is %3F")),
        ("postgresql://u:geh%im@h/d", format!("{encode}% is %25")),
        (
            "postgresql://u:g%ff@h/d",
            "what is percent-encoded is not UTF-8".to_owned(),
        ),
        ("postgresql://h:x/d", "the port is not a number".to_owned()),
        (
            "mysql://h/d",
            "`mysql` is not known; shed knows sqlite and postgresql".to_owned(),
        ),
        (
            "sqlite://x.db",
            "write sqlite:///relative.db or sqlite:////absolute.db".to_owned(),
        ),
        (
            "sqlite:///file:x?uri=true",
            "SQLite's own `file:` names are not taken; write the path".to_owned(),
        ),
        (
            "x.db",
            "a URL has `://`, as in postgresql://user@host/name or sqlite:///file.db".to_owned(),
        ),
        (
            "postgresql://h/d?password=geheim",
            "a password in `?password=` ends up in logs; write it before the `@`, or beside the URL".to_owned(),
        ),
    ] {
        assert_eq!(read(url), Err(reason), "{url}");
    }
}
