//! Batch operations on parents whose children cascade, with foreign keys switched on (F14): no row is lost.

use crate::random::{Random, rounds, seed};
use crate::repo::{Repo, revision_text};

/// A random schema: a parent, children that cascade, their children, and rows.
struct Schema {
    create: String,
    tables: Vec<(String, usize)>,
}

impl Schema {
    fn random(random: &mut Random) -> Self {
        let mut create = "op.create_table('t0', sa.Column('id', sa.Integer, primary_key=True), sa.Column('a', sa.String(20)), sa.Column('b', sa.Integer), \
                          sa.Column('t0_id', sa.Integer, sa.ForeignKey('t0.id', ondelete='CASCADE')))\n".to_owned();
        let mut tables = vec![("t0".to_owned(), 1 + random.below(60))];
        for at in 1..=1 + random.below(5) {
            let (parent, rows) = random.one_of(&tables).clone();
            let action = *random.one_of(&["CASCADE", "SET NULL", "CASCADE"]);
            create += &format!(
                "op.create_table('t{at}', sa.Column('id', sa.Integer, primary_key=True), sa.Column('a', sa.String(20)), sa.Column('b', sa.Integer), \
                 sa.Column('{parent}_id', sa.Integer, sa.ForeignKey('{parent}.id', ondelete='{action}')))\n"
            );
            tables.push((format!("t{at}"), 1 + random.below(3 * rows)));
            create += &format!("# {parent}\n");
        }
        for (table, rows) in &tables {
            let parent = if table == "t0" { "t0" } else { Self::parent(&create, table) };
            let of = tables.iter().find(|(name, _)| name == parent).unwrap().1;
            create += &format!(
                "for i in range({rows}):\n    op.execute(f\"insert into {table} (id, a, b, {parent}_id) values ({{i}}, 'x{{i}}', {{i}}, {{i % {}}})\")\n",
                of.min(*rows)
            );
        }
        Self { create, tables }
    }

    fn parent<'a>(create: &'a str, table: &str) -> &'a str {
        let after = create.split(&format!("create_table('{table}'")).nth(1).unwrap();
        after.split("sa.ForeignKey('").nth(1).unwrap().split('.').next().unwrap()
    }

    /// Random changes of random tables.
    fn change(&self, random: &mut Random) -> String {
        let changes = [
            "batch.add_column(sa.Column('c', sa.Integer))",
            "batch.alter_column('a', type_=sa.Text())",
            "batch.alter_column('a', new_column_name='z')",
            "batch.drop_column('b')",
            "batch.alter_column('b', nullable=False)",
            "batch.create_index('i', ['a'])",
        ];
        let mut text = String::new();
        let count = 1 + random.below(3);
        for (table, _) in random.some_of(&self.tables, count) {
            text += &format!(
                "with op.batch_alter_table('{table}', recreate='always') as batch:\n    {}\n",
                random.one_of(&changes).replace("'i'", &format!("'i_{table}'"))
            );
        }
        text
    }
}

#[test]
fn batch_operations_on_random_schemas_lose_no_row() {
    let mut random = Random::of("cascade");
    for round in 0..rounds(5) {
        let schema = Schema::random(&mut random);
        let change = schema.change(&mut random);
        let repo = Repo::new()
            .settings(
                "projects:\n  app:\n    versions: versions\n    on_connect: PRAGMA foreign_keys=ON\n    db:\n      main: { type: sqlite, connection: { db_path: main.db } }\n",
            )
            .revision("versions", "a1", "", &schema.create, "")
            .revision("versions", "a2", "a1", &change, "");
        // As an application does it, for every connection that is made.
        let switched = "from sqlalchemy import event\nfrom sqlalchemy.engine import Engine\nevent.listen(Engine, 'connect', lambda c, _: c.execute('PRAGMA foreign_keys=ON'))\n";
        repo.write(
            "versions/a2_.py",
            &revision_text("a2", "a1", &change, "")
                .replace("import sqlalchemy as sa\n", &format!("import sqlalchemy as sa\n{switched}")),
        );
        let how = format!("round {round}, seed {}\n{}{change}", seed(), schema.create);
        for step in ["a1", "a2"] {
            let said = repo.shed(["migrate", "app", step]).run();
            assert_eq!(said.code, 0, "{how}: {said:?}");
        }
        let database = repo.sqlite("main.db");
        for (table, rows) in &schema.tables {
            let parent = if table == "t0" { "t0" } else { Schema::parent(&schema.create, table) };
            let held = database.rows(&format!("select count(*), count({parent}_id) from {table}"));
            assert_eq!(held, format!("{rows}|{rows}\n"), "{table}, {how}");
        }
        assert_eq!(database.rows("pragma foreign_key_check"), "", "{how}");
        assert_eq!(repo.files("").into_iter().filter(|file| file.contains("main.db")).count(), 1);
    }
}
