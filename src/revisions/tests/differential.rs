//! Random graphs: the answers of the files must be Alembic's own, byte for byte where it has one answer.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::environment::Environment;
use crate::process::Tool;
use crate::revisions::{Graph, NotStatic, Style, files, load};

use super::random::{self, Random};

const GRAPHS: usize = 2000;
/// A graph is asked every so manieth question.
const SHARE: usize = 3;
const RANGES: [&str; 22] = [
    "r0002:r0006",
    "r0003:",
    ":r0005",
    "-2:",
    "-1:head",
    ":head",
    "base:heads",
    "lab0@base:lab0@head",
    "lab1@base:",
    ":lab0@heads",
    "r0001:+2",
    "base:+1",
    ":r0003+1",
    "r0001:r0009-2",
    ":lab0@r0002+1",
    ":lab0+1",
    "r0001:r0001",
    "r001:",
    "r000:",
    "lab0:",
    "r0004@base:",
    "nope:",
];
const SHOWN: [&str; 9] = ["head", "heads", "base", "r0003", "r001", "lab0", "lab1@head", "-1", "lab0@-2"];

type Ask = Box<dyn Fn(&Graph) -> Result<Value, NotStatic>>;

/// A question, in Alembic's words and in ours.
struct Question {
    name: &'static str,
    arguments: Value,
    data: bool,
    ask: Ask,
}

#[test]
fn the_newest_alembic_gives_the_same_answers() {
    compare("new");
}

#[test]
fn the_oldest_alembic_gives_the_same_answers() {
    compare("old");
}

fn compare(environment: &str) {
    let here = Environment::of_this_process();
    let number = |name: &str, otherwise: usize| here.text(name).map_or(otherwise, |text| text.parse().unwrap());
    let (graphs, seed) = (number("SHED_TEST_GRAPHS", GRAPHS), number("SHED_TEST_GRAPHS_SEED", 20_261_121));
    let temp = tempfile::tempdir().unwrap();
    let mut random = Random(seed as u64 | 1);
    let folders: Vec<(PathBuf, bool)> = (0..graphs)
        .map(|at| {
            let folder = temp.path().canonicalize().unwrap().join(at.to_string());
            std::fs::create_dir_all(folder.join("versions")).unwrap();
            let whole = random::write(&mut random, &folder.join("versions"));
            (folder, whole)
        })
        .collect();
    let questions = questions();
    let answers = alembic(&here, environment, temp.path(), &folders, &questions);
    assert_eq!(answers.len(), graphs);
    let mut tally = Tally { seed, ..Tally::default() };
    for (at, ((folder, whole), answer)) in folders.iter().zip(&answers).enumerate() {
        let graph = files::list(&[folder.join("versions")], false);
        let graph = graph.and_then(|files| Graph::of(load::revisions(files, &[], &Environment::default())?));
        match (graph, answer.get("refused")) {
            (Ok(graph), None) => tally.compare(&graph, folder, asked_of(at, &questions), answer),
            (Err(why), None) => assert!(!whole, "seed {seed}, {}: {why}", folder.display()),
            (Ok(_), Some(why)) => panic!("seed {seed}, {}: Alembic refuses: {why}", folder.display()),
            (Err(_), Some(_)) => {}
        }
    }
    let Tally { read, compared, equal, .. } = tally;
    assert!(read * 10 > graphs * 8, "only {read} of {graphs} graphs were read");
    assert!(compared > read * 6, "only {compared} answers were compared");
    assert!(equal * 10 > compared * 7, "only {equal} of {compared} answers were equal byte for byte");
}

/// What was compared, so that a test that compares nothing is none.
#[derive(Default)]
struct Tally {
    seed: usize,
    read: usize,
    compared: usize,
    equal: usize,
}

impl Tally {
    fn compare<'q>(&mut self, graph: &Graph, folder: &Path, asked: impl Iterator<Item = &'q Question>, answer: &Value) {
        self.read += 1;
        for (question, theirs) in asked.zip(answer["answers"].as_array().unwrap()) {
            let ours = (question.ask)(graph);
            let same = is_same(question, &ours, theirs, answer["by_chance"] == true);
            assert!(
                same.is_some(),
                "seed {}, {}: {} {}\nfrom the files: {}\nfrom Alembic:   {}",
                self.seed,
                folder.display(),
                question.name,
                question.arguments,
                shown(&ours),
                text(theirs)
            );
            self.compared += usize::from(ours.is_ok());
            self.equal += usize::from(same == Some(true));
        }
    }
}

fn shown(ours: &Result<Value, NotStatic>) -> String {
    ours.as_ref().map_or_else(|why| format!("left to it: {why}"), text)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `Some(true)`: the same; `Some(false)`: the same but for what Alembic leaves to chance; an answer may be left to Alembic.
fn is_same(question: &Question, ours: &Result<Value, NotStatic>, theirs: &Value, by_chance: bool) -> Option<bool> {
    let ours = match ours {
        Ok(ours) => ours,
        // Alembic's refusals are its own; of what it answers, steps beyond the ends are left to it, and what depends on Python.
        Err(NotStatic(why)) => {
            let beyond = question.arguments.to_string().contains(['-', '+']);
            return (theirs.get("refused").is_some() || beyond || why.ends_with("is indented")).then_some(false);
        }
    };
    if ours == theirs {
        return Some(true);
    }
    // A child's message may be several lines.
    let children = question.name == "branches" && question.arguments["verbose"] == true;
    let history = children || (by_chance && ["history", "branches"].contains(&question.name));
    match (ours.as_str(), theirs.as_str()) {
        (Some(ours), Some(theirs)) => {
            let (ours, theirs) = (in_sets(ours), in_sets(theirs));
            let same = ours == theirs || (history && sorted(ours) == sorted(theirs));
            same.then_some(false)
        }
        (None, None) => {
            let elements = |value: &Value| sorted(value.as_array()?.iter().map(Value::to_string).collect()).into();
            (history && Option::<Vec<String>>::eq(&elements(ours), &elements(theirs))).then_some(false)
        }
        _ => None,
    }
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

/// The lines, with the sets in them sorted: labels, children.
fn in_sets(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.split('\n').map(set_in_line).collect();
    let is_child = |line: &String| line.starts_with("      -> ") || line.starts_with("     -> ");
    for run in lines.chunk_by_mut(|one, other| is_child(one) && is_child(other)) {
        run.sort();
    }
    lines
}

fn set_in_line(line: &str) -> String {
    let sorted = |list: &str| {
        let mut names: Vec<&str> = list.split(", ").collect();
        names.sort_unstable();
        names.join(", ")
    };
    for name in ["Branches into: ", "Branch names: "] {
        if let Some(list) = line.strip_prefix(name) {
            return format!("{name}{}", sorted(list));
        }
    }
    match line.find("(lab").and_then(|from| Some((from, from + line[from..].find(')')?))) {
        Some((from, to)) => format!("{}({}{}", &line[..from], sorted(&line[from + 1..to]), &line[to..]),
        None => line.to_owned(),
    }
}

fn questions() -> Vec<Question> {
    let mut all: Vec<Question> = Vec::new();
    let mut add = |name, arguments, data, ask: Ask| {
        all.push(Question { name, arguments, data, ask });
    };
    for style in [Style::Short, Style::Verbose] {
        let verbose = style == Style::Verbose;
        for resolve in [false, true] {
            let arguments = json!({"verbose": verbose, "resolve_dependencies": resolve});
            add("heads", arguments, false, Box::new(move |graph| graph.heads_text(resolve, style).map(Value::from)));
        }
        add(
            "branches",
            json!({"verbose": verbose}),
            false,
            Box::new(move |graph| graph.branches_text(style).map(Value::from)),
        );
        for range in RANGES.map(Some).into_iter().chain([None]) {
            let arguments = json!({"verbose": verbose, "rev_range": range});
            add("history", arguments, false, Box::new(move |graph| graph.history_text(range, style).map(Value::from)));
        }
    }
    for word in SHOWN {
        add("show", json!({"rev": word}), false, Box::new(move |graph| graph.show_text(word).map(Value::from)));
        add("show", json!({"rev": word}), true, Box::new(move |graph| graph.show_data(word)));
    }
    for resolve in [false, true] {
        add("heads", json!({"resolve_dependencies": resolve}), true, Box::new(move |graph| graph.heads_data(resolve)));
    }
    add("branches", json!({}), true, Box::new(Graph::branches_data));
    for range in [None, Some("r0001:"), Some(":head")] {
        add("history", json!({"rev_range": range}), true, Box::new(move |graph| graph.history_data(range)));
    }
    all
}

fn asked_of(at: usize, questions: &[Question]) -> impl Iterator<Item = &Question> {
    questions.iter().skip(at % SHARE).step_by(SHARE)
}

fn alembic(
    here: &Environment,
    environment: &str,
    temp: &Path,
    folders: &[(PathBuf, bool)],
    questions: &[Question],
) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let environments = here.path("SHED_TEST_ENVIRONMENTS").unwrap_or_else(|| root.join(".venv-tests"));
    let asked: Vec<Value> = questions
        .iter()
        .map(|question| json!({"name": question.name, "arguments": question.arguments, "data": question.data}))
        .collect();
    let folders: Vec<&PathBuf> = folders.iter().map(|(folder, _)| folder).collect();
    let asked = json!({"shed_db": root.join("python/shed_db"), "folders": folders, "questions": asked, "share": SHARE});
    let file = temp.join("asked.json");
    std::fs::write(&file, asked.to_string()).unwrap();
    let tool = Tool::new(environments.join(environment).join("bin/python"))
        .arg(root.join("src/revisions/tests/oracle.py"))
        .arg(file)
        .env("PYTHONUTF8", "1");
    let said = tool.capture().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    said.stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}
