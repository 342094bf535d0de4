//! What `settings show` and `settings schema` are made of.

use super::Repo;
use crate::settings::schema;

#[test]
fn settings_are_shown_merged_and_without_a_secret() {
    let repo = Repo::new(
        "defaults:
  lock: {timeout: 5s}
  env: {API_TOKEN: geheim, A: b}
projects:
  a:
    module: a.py
    env: {A: c}
    alembic: {sqlalchemy.echo: true}
    db:
      x:
        connection: {url: \"postgresql://me:geheim@h/x?password=geheim\"}
      y:
        type: postgres
        db_name: y
        connection: {user: me, password: \"${P:-geheim}\"}
      z:
        type: postgres
        db_name: z
        connection: {password: \"${P}\"}
        migration_url: postgresql://me:geheim@h/z
"
        .replace("?password=geheim", "")
        .as_str(),
    );
    let shown = serde_yaml::to_string(&repo.read().unwrap().redacted().unwrap()).unwrap();
    let expected = "projects:
  a:
    module: a.py
    env:
      A: c
      API_TOKEN: '***'
    alembic:
      sqlalchemy.echo: true
    db:
      x:
        connection:
          url: postgresql://me:***@h/x
        lock:
          timeout: 5s
      y:
        type: postgres
        db_name: y
        connection:
          user: me
          password: '***'
        lock:
          timeout: 5s
      z:
        type: postgres
        db_name: z
        connection:
          password: ${P}
        migration_url: postgresql://me:***@h/z
        lock:
          timeout: 5s
    lock:
      timeout: 5s
";
    assert_eq!(shown, expected);
}

#[test]
fn the_schema_describes_every_key_of_a_project_and_a_database() {
    let schema = schema();
    assert_eq!(schema["title"], "shed settings");
    assert_eq!(schema["additionalProperties"], false);
    for (kind, count) in [("Project", 41), ("Database", 32), ("Connection", 14)] {
        let definition = &schema["$defs"][kind];
        let properties = definition["properties"].as_object().unwrap();
        assert_eq!(properties.len(), count, "{kind}");
        assert_eq!(definition["additionalProperties"], false, "{kind}");
        for (key, property) in properties {
            assert!(property.get("description").is_some(), "{kind}.{key} has no description: {property}");
        }
    }
    let port = &schema["$defs"]["Connection"]["properties"]["port"];
    assert_eq!(port["type"], serde_json::json!(["integer", "null", "string"]));
    assert_eq!(port["pattern"], r"\$\{");
}

#[test]
fn settings_may_be_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<crate::settings::Settings>();
}
