//! The same answers as data, field by field as `python/shed_db/graph.py` gives them.

use serde_json::{Value, json};

use super::{Graph, NotStatic};

impl Graph {
    pub fn heads_data(&self, resolve_dependencies: bool) -> Result<Value, NotStatic> {
        self.data(&self.asked_heads(resolve_dependencies))
    }

    pub fn history_data(&self, range: Option<&str>) -> Result<Value, NotStatic> {
        self.data(&self.history_places(range)?)
    }

    pub fn branches_data(&self) -> Result<Value, NotStatic> {
        self.data(&self.branch_points()?)
    }

    pub fn show_data(&self, word: &str) -> Result<Value, NotStatic> {
        self.data(&self.several(word)?)
    }

    fn data(&self, places: &[usize]) -> Result<Value, NotStatic> {
        places.iter().map(|at| self.facts(*at)).collect::<Result<Vec<_>, _>>().map(Value::from)
    }

    fn facts(&self, at: usize) -> Result<Value, NotStatic> {
        let revision = self.documented(at)?;
        Ok(json!({
            "revision": revision.id,
            "down_revision": revision.parents,
            "branch_labels": self.labels[at],
            "depends_on": revision.depends_on,
            "message": revision.message,
            "doc": revision.doc,
            "path": revision.path,
            "create_date": revision.create_date,
            "is_head": self.next[at].is_empty(),
            "is_base": revision.parents.is_empty(),
            "is_branch_point": self.next[at].len() > 1,
            "is_merge_point": revision.parents.len() > 1,
        }))
    }
}
