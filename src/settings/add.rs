//! Several projects added at once, with remarks above their keys.

use std::path::Path;

use serde_yaml::{Mapping, Value};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::settings::layout::Layout;
use crate::settings::source::Source;
use crate::settings::tree::Node;
use crate::settings::value::of_node;
use crate::settings::{Edit, Settings, edit, read, save};

/// A project to be added.
#[derive(Debug, Clone)]
pub struct Addition {
    pub name: String,
    pub keys: Mapping,
    pub remarks: Vec<Remark>,
}

/// A comment above one key of the project, or above the project's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    pub key: Option<String>,
    pub text: String,
}

impl Settings {
    /// Settings that are not written yet.
    pub fn of_text(path: &Path, text: &str, environment: &Environment) -> Result<Self> {
        let name = super::shown(path, environment);
        Ok(Self::of_source(path, Source::decode(&name, text.as_bytes())?, environment)?.0)
    }

    /// Adds these projects in their order.
    pub fn add_projects(&self, additions: &[Addition]) -> Result<Edit> {
        let root = self.tree()?;
        let mut model = of_node(&root);
        let mut text = self.source.text.clone();
        for addition in additions {
            save::check_name("project", &addition.name)?;
            let keys = ["projects".to_owned(), addition.name.clone()];
            let value = Value::Mapping(addition.keys.clone());
            save::with(&mut model, &keys, &value)?;
            text = self.with_project(&text, &keys, &value)?;
            for remark in &addition.remarks {
                text = self.with_remark(&text, &addition.name, remark)?;
            }
        }
        self.checked(text, &model, String::new(), (root.span, "add the projects"))
    }

    fn with_project(&self, text: &str, keys: &[String], value: &Value) -> Result<String> {
        let source = Source::new(&self.source.name, text, self.source.bom);
        let root = tree(&source)?;
        edit::set(&source, &root, keys, value).map_err(|trouble| source.error(trouble))
    }

    fn with_remark(&self, text: &str, project: &str, remark: &Remark) -> Result<String> {
        let source = Source::new(&self.source.name, text, self.source.bom);
        let root = tree(&source)?;
        let layout = Layout::new(&source, &root);
        let project = root.get("projects").and_then(|projects| projects.node().get(project));
        let key = |name: &String| project.and_then(|project| project.node().get(name));
        let Some(entry) = remark.key.as_ref().and_then(key).or(project) else {
            return Ok(text.to_owned());
        };
        // A project in braces has no room for a comment: it is left out.
        let Ok(indent) = layout.indent(entry) else { return Ok(text.to_owned()) };
        let at = entry.key_span.start - indent;
        let blank = " ".repeat(indent);
        let lines: String = remark.text.lines().map(|line| format!("{blank}# {line}{}", layout.line_end)).collect();
        Ok(format!("{}{lines}{}", &text[..at], &text[at..]))
    }
}

fn tree(source: &Source) -> Result<std::rc::Rc<Node>> {
    read::tree(source)?.ok_or_else(|| Error::usage("the settings are empty"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addition(name: &str) -> Addition {
        let keys = serde_yaml::from_str("{versions: v, db: {main: {connection: {db_path: a.db}}}}").unwrap();
        let above = Remark { key: None, text: "from alembic.ini".to_owned() };
        let remarks = vec![above, Remark { key: Some("db".to_owned()), text: "one\ntwo".to_owned() }];
        Addition { name: name.to_owned(), keys, remarks }
    }

    #[test]
    fn remarks_stand_above_their_keys_and_other_lines_stay() {
        let environment = Environment::of(&[], Path::new("/nowhere"));
        let before = "# mine\nprojects:\n  a: {versions: w}   # kept\n";
        let settings = Settings::of_text(Path::new("shed.yaml"), before, &environment).unwrap();
        let text = settings.add_projects(&[addition("b")]).unwrap().text().to_owned();
        let expected = "  # from alembic.ini\n  b:\n    versions: v\n    # one\n    # two\n    db:\n      main:\n        connection:\n          db_path: a.db\n";
        assert_eq!(text, format!("{before}{expected}"));
    }

    #[test]
    fn the_first_projects_are_written_into_nothing() {
        let environment = Environment::of(&[], Path::new("/nowhere"));
        let settings = Settings::of_text(Path::new("shed.yaml"), "# top\nprojects: {}\n", &environment).unwrap();
        let text = settings
            .add_projects(&[
                addition("b"),
                Addition { name: "c".into(), keys: serde_yaml::from_str("{versions: w}").unwrap(), remarks: vec![] },
            ])
            .unwrap()
            .text()
            .to_owned();
        assert!(text.starts_with("# top\nprojects:\n  # from alembic.ini\n  b:\n"), "{text}");
        assert!(text.ends_with("          db_path: a.db\n  c:\n    versions: w\n"), "{text}");
    }
}
