//! Where a digest of the project's files could deceive: what models look at beside them, and how they look at it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::cached::{HIT, MODELS, RUN, SETTINGS, drifts, repo};
use crate::call::Call;
use crate::repo::{Repo, bare_environment, site_packages};

const LINE: &str = "sa.Table('line', metadata, sa.Column('id', sa.Integer, primary_key=True))\n";
/// What the environment of an own Python needs.
const PACKAGES: [&str; 5] = ["alembic", "sqlalchemy", "mako", "markupsafe", "typing_extensions.py"];

/// With a folder on the path that is nobody's project.
fn check(repo: &Repo) -> Call {
    repo.shed(["check", "app", "--offline"])
        .env("SHED_CACHE_DIR", repo.beside("cache"))
        .env("PYTHONPATH", repo.beside("elsewhere/src"))
}

#[track_caller]
fn kept(repo: &Repo) {
    check(repo).stdout(RUN).ok();
    check(repo).stdout(HIT).ok();
}

/// Models that end with these lines.
fn with(lines: &str) -> Repo {
    let repo = repo().file("app/models.py", &format!("{MODELS}{lines}"));
    fs::create_dir_all(repo.beside("elsewhere/src")).unwrap();
    repo
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn an_import_that_failed_is_tried_again_where_its_module_appears() {
    let repo = with("try:\n    from extra import add\n    add(metadata)\nexcept ImportError:\n    pass\n");
    let part = repo.beside("elsewhere/src/extra.py");
    let text = format!("import sqlalchemy as sa\ndef add(metadata):\n    {LINE}");
    kept(&repo);
    put(&part, &text);
    drifts(check(&repo));
    fs::remove_file(&part).unwrap();
    check(&repo).stdout(HIT).ok();
    // A package by a folder without a file of its own, of which a part comes from here and a part from there.
    put(&repo.path("libs/extra/other.py"), "");
    check(&repo).stdout(RUN).ok();
    let _ = fs::remove_dir_all(repo.path("libs/extra"));
    put(&repo.beside("elsewhere/src/extra/__init__.py"), &text);
    drifts(check(&repo));
}

#[test]
fn an_import_that_depends_on_a_variable_or_a_folder_is_seen() {
    let repo = with(
        "if os.environ.get('TIER') == 'paid' or os.path.isdir(here / 'paid'):\n    from paid.line import add\n    add(metadata)\n",
    );
    kept(&repo);
    let text = format!("import sqlalchemy as sa\ndef add(metadata):\n    {LINE}");
    put(&repo.beside("elsewhere/src/paid/line.py"), &text);
    check(&repo).env("TIER", "free").stdout(RUN).ok();
    drifts(check(&repo).env("TIER", "paid"));
    put(&repo.path("app/paid/line.py"), &text);
    drifts(check(&repo));
}

#[test]
fn code_that_is_executed_counts_wherever_it_comes_from() {
    let elsewhere = "here.parent.parent / 'elsewhere'";
    for lines in [
        format!("exec(({elsewhere} / 'code.py').read_text())\n"),
        format!(
            "import runpy\nruns = runpy.run_path(str({elsewhere} / 'code.py'), {{'sa': sa, 'metadata': metadata}})\n"
        ),
        format!(
            "import importlib.util as util\nspec = util.spec_from_file_location('code_of_it', {elsewhere} / 'code.py')\n\
                 made = util.module_from_spec(spec)\nmade.sa, made.metadata = sa, metadata\nspec.loader.exec_module(made)\n"
        ),
    ] {
        let repo = with(&lines);
        let code = repo.beside("elsewhere/code.py");
        put(&code, "");
        kept(&repo);
        put(&code, LINE);
        drifts(check(&repo));
        put(&code, "");
        check(&repo).stdout(HIT).ok();
    }
    let repo = with("exec(os.environ.get('CODE', ''))\n");
    kept(&repo);
    drifts(check(&repo).env("CODE", LINE));
}

#[test]
fn a_compiled_module_is_seen_where_it_changes() {
    let repo = with("import _speedups\n");
    let built = fs::read_dir(site_packages(&crate::repo::environment("new")).join("markupsafe")).unwrap().flatten();
    let built =
        built.map(|file| file.path()).find(|path| path.extension().is_some_and(|ending| ending == "so")).unwrap();
    for folder in [repo.beside("elsewhere/src"), repo.path("libs")] {
        let module = folder.join(built.file_name().unwrap());
        fs::copy(&built, &module).unwrap();
        kept(&repo);
        // Another build of it, under the same name.
        let mut bytes = fs::read(&module).unwrap();
        bytes.push(0);
        fs::remove_file(&module).unwrap();
        fs::write(&module, &bytes).unwrap();
        fs::set_permissions(&module, PermissionsExt::from_mode(0o755)).unwrap();
        kept(&repo);
        fs::remove_file(&module).unwrap();
        check(&repo).any_stdout().stderr_has("_speedups").fails(3);
    }
}

#[test]
fn a_compiled_module_that_comes_to_stand_before_one_of_text_is_seen() {
    let repo = with("import _speedups\n").file("libs/_speedups.py", "");
    kept(&repo);
    let built = site_packages(&crate::repo::environment("new")).join("markupsafe");
    let built = fs::read_dir(built).unwrap().flatten().map(|file| file.path());
    let built = built.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "so")).unwrap();
    fs::copy(&built, repo.path("libs").join(built.file_name().unwrap())).unwrap();
    kept(&repo);
}

#[test]
fn entry_points_are_seen_where_a_distribution_changes() {
    let lines = "from importlib import metadata as installed\n\
        points = installed.entry_points()\n\
        points = points.select(group='app.models') if hasattr(points, 'select') else points.get('app.models', [])\n\
        for point in points:\n    point.load()(metadata)\n";
    let repo = with(lines);
    bare_environment(&repo, "venv", &PACKAGES);
    let repo = repo.settings(&SETTINGS.replace("    db:", "    python: venv\n    db:"));
    let site = site_packages(&repo.path("venv"));
    put(
        &site.join("plugin.py"),
        &format!("import sqlalchemy as sa\ndef add(metadata):\n    {LINE}\ndef none(_): pass\n"),
    );
    put(&site.join("plugin-1.dist-info/METADATA"), "Metadata-Version: 2.1\nName: plugin\nVersion: 1\n");
    kept(&repo);
    // The file alone, as a build tool writes it anew.
    put(&site.join("plugin-1.dist-info/entry_points.txt"), "[app.models]\nline = plugin:none\n");
    kept(&repo);
    put(&site.join("plugin-1.dist-info/entry_points.txt"), "[app.models]\nline = plugin:add\n");
    drifts(check(&repo));
    fs::remove_file(site.join("plugin-1.dist-info/entry_points.txt")).unwrap();
    check(&repo).any_stdout().ok();
    // A distribution that is worked on, by a folder of the path.
    put(&repo.beside("elsewhere/src/plugin.egg-info/PKG-INFO"), "Metadata-Version: 2.1\nName: plugin2\nVersion: 1\n");
    kept(&repo);
    put(&repo.beside("elsewhere/src/plugin.egg-info/entry_points.txt"), "[app.models]\nline = plugin:add\n");
    drifts(check(&repo));
}
