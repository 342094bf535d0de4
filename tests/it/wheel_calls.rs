//! The functions of the wheel's package, as an application calls them, on both engines.

use crate::app::App;
use crate::cluster::cluster;
use crate::wheel::script;

#[test]
fn an_application_migrates_at_its_start() {
    for app in [App::sqlite(), App::postgres()] {
        let text = "
from shed_db import *
import shed_db as s
t = 'app.main'
print(s.should_run_migration(t), s.current_revision(t), s.latest_revision(t), [p.revision for p in s.pending(t)])
done = s.run_migration(t, 'a2')
print(done.before, done.after, done.at_head, [(one.revision, one.message) for one in done.applied])
print(s.should_run_migration(t), s.run_migration(t).after, s.should_run_migration(t), s.pending(t))
print([one.revision for one in s.history(t)], s.history(t)[-1].is_base)
print(s.run_downgrade(t, '-1').after, s.current_revision(t))
";
        let said = "True None a3 ['a1', 'a2', 'a3']\n\
                    () ('a2',) False [('a1', 'a1'), ('a2', 'a2')]\n\
                    True ('a3',) False []\n\
                    ['a3', 'a2', 'a1'] True\n\
                    ('a2',) a2\n";
        script(&app, &text.replace("from shed_db import *\n", "")).stdout(said).ok();
        assert_eq!(app.db.revisions(), ["a2"]);
    }
}

#[test]
fn what_shed_says_is_logged_and_each_exit_code_has_its_exception() {
    let app = App::sqlite();
    app.add_revision("a4", "a3", "op.execute('nonsense')");
    let nowhere = "{ type: postgres, db_name: x, connection: { host: /nowhere } }";
    app.write("shed.yaml", &format!("{}      away: {nowhere}\n", app.read("shed.yaml")));
    let text = "
import logging, sys
import shed_db as s
logging.basicConfig(level='INFO', stream=sys.stdout, format='%(levelname)s %(name)s %(message)s')
s.run_migration('app.main', 'a1')
logging.disable()
def fails(*call, **keywords):
    try: call[0](*call[1:], **keywords)
    except s.ShedError as error: print(type(error).__name__, error.code, error.message)
fails(s.run_migration, 'nobody')
fails(s.run_migration, 'app.main')
fails(s.run_migration, 'app.away')
fails(s.run_migration, 'app.main', python='/nowhere/python')
fails(s.latest_revision, '*.main')
";
    let said = "INFO shed_db app.main: sqlite $REPO/data/app.db\n\
                INFO shed_db app.main: upgraded to a1, a1\n\
                INFO shed_db app.main: now at a1\n\
                UsageError 2 `nobody` is neither a target nor a known revision\n\
                MigrationFailed 5 app.main: upgrade of revision a4 failed[..]\n\
                DatabaseUnreachable 4 [..]\n\
                EnvironmentFault 3 /nowhere/python is neither an interpreter nor a virtual environment\n\
                UsageError 2 a pattern means several targets, and this is about one\n";
    script(&app, text).stdout(said).ok();
}

#[test]
fn revisions_are_written_from_python() {
    let app = App::sqlite().migrated("a3");
    app.drift();
    let text = "
import shed_db as s
new = s.create_migration('app.main', 'add toys', rev_id='a4')
print(new.revision, [one['kind'] for one in new.differences])
s.run_migration('app.main')
print(s.create_migration('app.main', 'nothing'))
print(s.create_migration('app.main', 'by hand', autogenerate=False, rev_id='a5').path)
";
    let said = "a4 ['add_table']\nNone\n$REPO/app/versions/a5_by_hand.py\n";
    script(&app, text).stdout(said).ok();
    assert!(app.db.tables().contains(&"toy".to_owned()));
}

#[test]
fn the_same_functions_are_awaited() {
    let app = App::sqlite();
    let text = "
import asyncio
from shed_db import UsageError, aio

async def main():
    print(await asyncio.gather(aio.should_run_migration('app.main'), aio.latest_revision('app.main')))
    print((await aio.run_migration('app.main')).after, await aio.pending('app.main'))
    try: await aio.run_migration('nobody')
    except UsageError as error: print(error.code)

asyncio.run(main())
";
    script(&app, text).stdout("[True, 'a3']\n('a3',) []\n2\n").ok();
}

/// A project whose last revision says that it has begun, and goes on for a minute.
fn long() -> App {
    let app = App::sqlite().keys("cwd: .");
    app.add_revision("a4", "a3", "import time; open('begun', 'w').close(); time.sleep(60)");
    app
}

#[test]
fn an_exception_while_it_waits_ends_shed_and_the_migration() {
    let app = long();
    let text = "
import os, signal, threading, time
import shed_db

def stop(*_): raise TimeoutError('enough')

def watch():
    while not os.path.exists('begun'): time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGALRM)

signal.signal(signal.SIGALRM, stop)
threading.Thread(target=watch).start()
try: shed_db.run_migration('app.main')
except TimeoutError as error: print(error)
";
    script(&app, text).dir(app.path("")).stdout("enough\n").ok();
    assert_eq!(app.db.revisions(), [""; 0]);
}

#[test]
fn a_task_that_is_cancelled_ends_shed_and_the_migration() {
    let app = long();
    let text = "
import asyncio, os
from shed_db import aio

async def main():
    task = asyncio.create_task(aio.run_migration('app.main'))
    while not os.path.exists('begun'): await asyncio.sleep(0.05)
    task.cancel()
    try: await task
    except asyncio.CancelledError: print('cancelled')

asyncio.run(main())
";
    script(&app, text).dir(app.path("")).stdout("cancelled\n").ok();
    assert_eq!(app.db.revisions(), [""; 0]);
}

#[test]
fn a_url_goes_by_the_environment_and_never_by_the_arguments() {
    let (app, other) = (App::sqlite(), cluster().database_with_password("s3cret"));
    let text = "
import shed_db as s
from shed_db import calls
url = f'postgresql://{USER}:s3cret@/{USER}?host={HOST}'
call = calls.run_migration('app.main', database_url=url)
print('s3cret' in str(call.line()), 's3cret' in repr(call))
print(s.run_migration('app.main', database_url=url).after)
";
    let head = format!("USER, HOST = {:?}, {:?}\n", other.name(), cluster().host.display().to_string());
    script(&app, &(head + text)).stdout("False False\n('a3',)\n").ok();
    assert_eq!(other.revisions(), ["a3"]);
}

#[test]
fn the_version_table_s_schema_can_be_named_by_the_application() {
    let app = App::postgres();
    let text = "
import shed_db as s
print(s.run_migration('app.main', version_table_schema='ops').after)
print(s.current_revision('app.main', version_table_schema='ops'), s.current_revision('app.main'))
";
    script(&app, text).stdout("('a3',)\na3 None\n").ok();
    assert_eq!(app.db.rows("select version_num from ops.alembic_version"), "a3\n");
}

#[test]
fn auto_gives_its_result_or_raises_with_it() {
    let app = App::sqlite();
    app.add_revision("a4", "a3", "op.execute('nonsense')");
    let text = "
import shed_db as s
try: s.auto('app.main')
except s.MigrationFailed as error: print(error.code, error.message, error.result.success, error.result.error == error.message)
left = s.auto('app.main', check=False)
print(left.success, left.applied_count, left.current_revision, left.pending)
";
    let said = "5 app.main: upgrade of revision a4 failed[..] False True\nFalse 0 None ('a1', 'a2', 'a3', 'a4')\n";
    script(&app, text).stdout(said).ok();
    app.remove("app/versions/a4_.py");
    let text = "
import asyncio
import shed_db as s
print(s.auto('app.main', dry_run=True).pending)
done = asyncio.run(s.aio.auto('app.main'))
print(done.success, done.applied_count, done.previous_revision, done.current_revision, done.restored, done.error)
print(s.auto('app.main').applied_count)
";
    let said = "('a1', 'a2', 'a3')\nTrue 3 None a3 False None\n0\n";
    script(&app, &text.replace("import shed_db as s\n", "import shed_db as s, shed_db.aio\n")).stdout(said).ok();
}

#[test]
fn models_are_discovered_and_what_is_wrong_with_them_is_a_list() {
    let app = App::sqlite().keys("cwd: .");
    app.write("app/__init__.py", "");
    let text = "
import shed_db as s
print([(one.name, one.module, one.table, len(one.columns)) for one in s.discover_models('app', 'app.models:Base')])
print(s.discover_models('app')[0].columns[0].name, [(one.id, one.table) for one in s.validate_models('app')])
";
    let said = "[('Person', 'app.models', 'person', 3), ('Pet', 'app.models', 'pet', 2)]\nid [('unnamed-constraint', 'pet')]\n";
    script(&app, text).stdout(said).ok();
    app.write("app/models.py", &app.read("app/models.py").replace("ForeignKey(\"person.id\")", ""));
    script(&app, "import shed_db as s\nprint(s.validate_models('app'))\n").stdout("[]\n").ok();
}
