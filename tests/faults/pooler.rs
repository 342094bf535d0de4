//! pgbouncer in transaction mode (F8): refused in words, no lock left behind; `migration_url` goes round it.

use std::path::PathBuf;
use std::process::{Child, Command};

use serde_json::json;

use crate::cluster::cluster;
use crate::processes::soon;
use crate::scene::Scene;

/// A pooler before the tests' cluster, reached by a socket in a folder of its own.
struct Pooler {
    folder: PathBuf,
    child: Child,
}

const PORT: u16 = 6432;

impl Pooler {
    fn start() -> Self {
        let folder = PathBuf::from(format!("/tmp/shed-pooler-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (host, shown) = (cluster().host.display().to_string(), folder.display().to_string());
        let settings = format!(
            "[databases]\n* = host={host} user=shed\n[pgbouncer]\nlisten_addr =\nlisten_port = {PORT}\nunix_socket_dir = {shown}\n\
             auth_type = any\npool_mode = transaction\ndefault_pool_size = 20\nlogfile = {shown}/log\npidfile = {shown}/pid\n\
             ignore_startup_parameters = extra_float_digits,application_name,options\n"
        );
        std::fs::write(folder.join("settings.ini"), settings).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if rustix::process::geteuid().is_root() {
            assert!(Command::new("chown").args(["-R", "postgres"]).arg(&folder).status().unwrap().success());
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
        }
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"];
        let program = program.into_iter().find(|path| std::path::Path::new(path).exists());
        let program = program.expect("no pgbouncer: run tests/run.sh, which installs it");
        let child = command.args([program, "-q"]).arg(folder.join("settings.ini")).spawn().unwrap();
        let pooler = Self { folder, child };
        assert!(soon(|| pooler.folder.join(format!(".s.PGSQL.{PORT}")).exists()), "pgbouncer did not start");
        pooler
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn a_pooler_in_transaction_mode_is_refused_and_left_without_a_lock() {
    let (scene, pooler) = (Scene::postgres(), Pooler::start());
    let name = scene.main.name();
    let settings = |more: serde_json::Value| {
        let mut entry = json!({ "type": "postgres", "db_name": name, "connection": { "host": pooler.folder, "port": PORT, "user": "shed" } });
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        scene.write("shed.yaml", &format!("projects:\n  app:\n    versions: versions\n    db:\n      main: {entry}\n"));
    };
    let locks = || {
        cluster().psql("postgres", &format!("select * from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = '{name}')"))
    };
    scene.reset(false);
    settings(json!({}));
    for _ in 0..3 {
        let said = scene.shed(["migrate", "app.main"]).any_stderr().fails(2);
        let words = "is reached through a pooler in transaction mode, where no lock holds";
        assert!(said.stderr.contains(words) && said.stderr.contains("set `migration_url` of app.main"), "{said:?}");
        assert_eq!((locks(), scene.main.revisions()), (String::new(), vec!["a1".to_owned()]));
    }
    settings(json!({ "migration_url": scene.main.url() }));
    scene.shed(["migrate", "app.main"]).any_stderr().ok();
    assert_eq!(scene.main.revisions(), ["a4"]);
    assert!(soon(|| locks().is_empty()), "{}", locks());
}
