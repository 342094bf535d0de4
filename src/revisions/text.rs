//! The answers of `heads`, `history`, `branches` and `show`, in Alembic's words.

use super::{Graph, NotStatic, doc};

/// What a line says of a revision beside its id: Alembic's `_head_only`.
#[derive(Clone, Copy)]
struct Line {
    message: bool,
    parents: bool,
    tree: bool,
}

/// `-v` or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Short,
    Verbose,
}

impl Graph {
    /// `alembic heads`.
    pub fn heads_text(&self, resolve_dependencies: bool, style: Style) -> Result<String, NotStatic> {
        let line = Line { message: false, parents: false, tree: false };
        self.written(&self.asked_heads(resolve_dependencies), style, line)
    }

    /// `alembic history`.
    pub fn history_text(&self, range: Option<&str>, style: Style) -> Result<String, NotStatic> {
        let line = Line { message: true, parents: true, tree: true };
        self.written(&self.history_places(range)?, style, line)
    }

    /// `alembic show`.
    pub fn show_text(&self, word: &str) -> Result<String, NotStatic> {
        let line = Line { message: false, parents: false, tree: true };
        self.written(&self.several(word)?, Style::Verbose, line)
    }

    /// `alembic branches`.
    pub fn branches_text(&self, style: Style) -> Result<String, NotStatic> {
        let line = Line { message: false, parents: false, tree: true };
        let mut text = String::new();
        for at in self.branch_points()? {
            text += self.written(&[at], style, line)?.as_str();
            let indent = " ".repeat(self.revisions[at].id.chars().count());
            for next in &self.next[at] {
                let line = Line { message: style == Style::Verbose, ..line };
                text += &format!("{indent} -> {}", self.written(&[*next], Style::Short, line)?);
            }
            text.push('\n');
        }
        Ok(text)
    }

    pub(super) fn asked_heads(&self, resolve_dependencies: bool) -> Vec<usize> {
        if resolve_dependencies { self.real_heads() } else { self.head_places() }
    }

    pub(super) fn history_places(&self, range: Option<&str>) -> Result<Vec<usize>, NotStatic> {
        let Some(range) = range else {
            return self.between("base", "heads");
        };
        let unclear = || NotStatic::because(format!("`{range}` is no range"));
        let (lower, upper) = range.trim().split_once(':').ok_or_else(unclear)?;
        if upper.contains(':') || lower == "current" || upper == "current" {
            return Err(unclear());
        }
        let or = |word: &str, other: &str| if word.is_empty() { other.to_owned() } else { word.to_owned() };
        self.between(&or(lower, "base"), &or(upper, "heads"))
    }

    pub(super) fn branch_points(&self) -> Result<Vec<usize>, NotStatic> {
        Ok(self.between("base", "heads")?.into_iter().filter(|at| self.next[*at].len() > 1).collect())
    }

    fn written(&self, places: &[usize], style: Style, line: Line) -> Result<String, NotStatic> {
        let mut text = String::with_capacity(places.len() * 64);
        for at in places {
            text += &match style {
                Style::Short => self.line(*at, line)?,
                Style::Verbose => self.entry(*at)?,
            };
            text.push('\n');
        }
        Ok(text)
    }

    /// Alembic's `log_entry`.
    fn entry(&self, at: usize) -> Result<String, NotStatic> {
        let revision = self.documented(at)?;
        let (head, tree) = (if self.next[at].is_empty() { " (head)" } else { "" }, self.tree(at));
        let label = if self.parents[at].len() > 1 { "Merges" } else { "Parent" };
        let mut text = format!("Rev: {}{head}{tree}\n{label}: {}\n", revision.id, self.parents_in_words(at));
        let mut add = |name: &str, values: Vec<&str>| {
            if !values.is_empty() {
                text += &format!("{name}: {}\n", values.join(", "));
            }
        };
        add("Also depends on", revision.depends_on.iter().map(String::as_str).collect());
        if self.next[at].len() > 1 {
            add("Branches into", self.next[at].iter().map(|next| self.revisions[*next].id.as_str()).collect());
        }
        add("Branch names", self.labels[at].iter().map(String::as_str).collect());
        let doc: Vec<String> = doc::lines(&revision.doc).iter().map(|line| format!("    {line}")).collect();
        Ok(format!("{text}Path: {}\n\n{}\n", revision.path.display(), doc.join("\n")))
    }

    fn line(&self, at: usize, line: Line) -> Result<String, NotStatic> {
        let revision = &self.revisions[at];
        let mut text = String::new();
        if line.parents {
            text += &self.parents_in_words(at);
            if !revision.depends_on.is_empty() {
                text += &format!(" ({})", revision.depends_on.join(", "));
            }
            text += " -> ";
        }
        text += &revision.id;
        if !self.labels[at].is_empty() {
            text += &format!(" ({})", self.labels[at].iter().map(String::as_str).collect::<Vec<_>>().join(", "));
        }
        text += match (self.next[at].is_empty(), self.all_next[at].is_empty()) {
            (_, true) => " (head)",
            (true, false) => " (effective head)",
            (false, false) => "",
        };
        if line.tree {
            text += self.tree(at);
        }
        if line.message {
            text += &format!(", {}", self.documented(at)?.message);
        }
        Ok(text)
    }

    fn tree(&self, at: usize) -> &'static str {
        match (self.next[at].len() > 1, self.parents[at].len() > 1) {
            (true, true) => " (branchpoint) (mergepoint)",
            (true, false) => " (branchpoint)",
            (false, true) => " (mergepoint)",
            (false, false) => "",
        }
    }

    fn parents_in_words(&self, at: usize) -> String {
        let parents = &self.revisions[at].parents;
        if parents.is_empty() { "<base>".to_owned() } else { parents.join(", ") }
    }

    /// The revision, where its docstring is the same to every Python.
    pub(super) fn documented(&self, at: usize) -> Result<&super::Revision, NotStatic> {
        let revision = &self.revisions[at];
        if revision.doc_varies {
            return Err(NotStatic::because(format!("the docstring of {} is indented", revision.id)));
        }
        Ok(revision)
    }
}
