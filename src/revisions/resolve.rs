//! What a word means as a revision: ids and their beginnings, `head`, `heads`, `base`, `label@head`, `-2`.
//!
//! Follows Alembic's `RevisionMap` step by step; where Alembic would refuse, the answer is Alembic's to give.

use super::{Graph, NotStatic};

/// One revision, or `base`.
pub(super) type Place = Option<usize>;

/// `label@revision±steps`, as Alembic's regular expression takes it apart.
pub(super) struct Relative<'a> {
    pub label: Option<&'a str>,
    pub symbol: Option<&'a str>,
    pub steps: i64,
}

fn refused(word: &str) -> NotStatic {
    NotStatic::because(format!("`{word}` is not one revision"))
}

impl Graph {
    /// Alembic's `get_revisions`: `base` is nothing.
    pub(super) fn several(&self, word: &str) -> Result<Vec<usize>, NotStatic> {
        let (ids, label) = self.named(word)?;
        if let [id] = ids.as_slice()
            && let Some(steps) = negative(id)?
        {
            let heads = self.real_heads().into_iter();
            let on_branch = |at: &usize| label.is_none_or(|label| self.labels[*at].contains(label));
            return heads.filter(on_branch).map(|head| self.sure(self.walk(Some(head), steps, None)?)).collect();
        }
        ids.iter().map(|id| self.identified(id, label)).collect()
    }

    /// Alembic's `get_revision`: `None` is `base`.
    pub(super) fn single(&self, word: &str) -> Result<Place, NotStatic> {
        let (ids, label) = self.named(word)?;
        match ids.as_slice() {
            [] => label.map_or(Ok(None), |label| self.branch(label).map(|_| None)),
            [id] => self.identified(id, label).map(Some),
            _ => Err(refused(word)),
        }
    }

    /// Steps up (positive) or down; beyond the ends it stays there.
    pub(super) fn walk(&self, start: Place, steps: i64, label: Option<&str>) -> Result<Place, NotStatic> {
        let mut place = start;
        for _ in 0..steps.unsigned_abs() {
            let mut next = match (place, steps > 0) {
                (None, true) => self.base_places(),
                (Some(at), true) => self.next[at].clone(),
                (Some(at), false) => self.parents[at].clone(),
                (None, false) => return Err(refused("base")),
            };
            if let (Some(label), true) = (label, steps > 0) {
                next = self.of_lineage(next, label)?;
            }
            match (next.as_slice(), steps > 0) {
                ([only], _) => place = Some(*only),
                ([], true) => return Ok(place),
                // Alembic's `base`, where an upgrade cannot begin.
                ([], false) => return Err(refused("base")),
                _ => return Err(NotStatic::because("the walk is ambiguous")),
            }
        }
        Ok(place)
    }

    /// Those that share a lineage with what the word means.
    pub(super) fn of_lineage(&self, targets: Vec<usize>, word: &str) -> Result<Vec<usize>, NotStatic> {
        let (ids, label) = self.named(word)?;
        // Of nothing Alembic asks nothing, not even whether there is such a label.
        if targets.is_empty() {
            return Ok(targets);
        }
        let mut shares = Vec::new();
        for name in label.into_iter().chain(ids.iter().map(String::as_str)) {
            shares.push(self.identified(name, None)?);
        }
        Ok(targets.into_iter().filter(|target| shares.is_empty() || self.shares_lineage(*target, &shares)).collect())
    }

    fn shares_lineage(&self, target: usize, shares: &[usize]) -> bool {
        let (above, below) =
            (self.reach(&[target], |at| self.parents[at].clone()), self.reach(&[target], |at| self.next[at].clone()));
        shares.iter().any(|at| above[*at] || below[*at])
    }

    /// Alembic's `_resolve_revision_number`: ids (or their beginnings), and the branch.
    fn named<'a>(&self, word: &'a str) -> Result<(Vec<String>, Option<&'a str>), NotStatic> {
        let (label, word) = word.split_once('@').map_or((None, word), |(label, word)| (Some(label), word));
        if label == Some("") {
            return Err(refused(word));
        }
        let on_branch = |places: Vec<usize>| label.map_or(Ok(places.clone()), |label| self.of_lineage(places, label));
        let places = match word {
            "" => return Err(refused(word)),
            "heads" if label.is_none() => self.real_heads(),
            "heads" => on_branch(self.head_places())?,
            "head" => match on_branch(self.head_places())? {
                heads if heads.len() > 1 => return Err(refused(word)),
                heads => heads,
            },
            "base" => Vec::new(),
            id => return Ok((vec![id.to_owned()], label)),
        };
        Ok((places.into_iter().map(|at| self.revisions[at].id.clone()).collect(), label))
    }

    /// Alembic's `_revision_for_ident`.
    fn identified(&self, id: &str, label: Option<&str>) -> Result<usize, NotStatic> {
        let branch = label.map(|label| self.branch(label)).transpose()?;
        let found = match self.names.get(id) {
            Some(at) => *at,
            None => self.begun(id, label)?,
        };
        match branch {
            Some(branch) if !self.shares_lineage(found, &[branch]) => Err(refused(id)),
            _ => Ok(found),
        }
    }

    /// The only id or label that begins so.
    fn begun(&self, beginning: &str, label: Option<&str>) -> Result<usize, NotStatic> {
        let ids = self.revisions.iter().map(|revision| &revision.id).chain(&self.label_names);
        let fits = |name: &&String| name.chars().count() > 3 && name.starts_with(beginning);
        let mut found: Vec<usize> = ids.filter(fits).map(|name| self.names[name]).collect();
        if let Some(label) = label {
            found = self.of_lineage(found, label)?;
        }
        match found.as_slice() {
            [only] => Ok(*only),
            _ => Err(refused(beginning)),
        }
    }

    fn branch(&self, label: &str) -> Result<usize, NotStatic> {
        self.identified(label, None)
    }

    pub(super) fn sure(&self, place: Place) -> Result<usize, NotStatic> {
        place.ok_or_else(|| refused("base"))
    }
}

/// `-2`; Python's `int` takes more than that, which is left to it.
fn negative(word: &str) -> Result<Option<i64>, NotStatic> {
    if word.trim() != word {
        return Err(refused(word));
    }
    match word.strip_prefix('-') {
        None => Ok(None),
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            word.parse().map_err(|_| refused(word)).map(|steps| (steps < 0).then_some(steps))
        }
        Some(_) => Err(refused(word)),
    }
}

/// `(?:(.+?)@)?(\w+)?((?:\+|-)\d+)` at the beginning; `None` where it does not match.
pub(super) fn relative(word: &str) -> Result<Option<Relative<'_>>, NotStatic> {
    if !word.is_ascii() || word.contains('\n') {
        return Err(refused(word));
    }
    let labels = word.match_indices('@').filter(|(at, _)| *at > 0).map(|(at, _)| (Some(&word[..at]), &word[at + 1..]));
    for (label, rest) in labels.chain([(None, word)]) {
        let symbol = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len();
        let (symbol, steps) = rest.split_at(symbol);
        let Some(digits) = steps.strip_prefix(['+', '-']).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        else {
            continue;
        };
        // What follows the digits Alembic passes over.
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refused(word));
        }
        let steps = steps.parse().map_err(|_| refused(word))?;
        return Ok(Some(Relative { label, symbol: Some(symbol).filter(|symbol| !symbol.is_empty()), steps }));
    }
    Ok(None)
}
