//! Settings read piece by piece: one project without the others, all of them where somebody asks for all.

use std::path::Path;
use std::sync::OnceLock;

use crate::error::Result;
use crate::settings::outline::Outline;
use crate::settings::read::{self, Content};
use crate::settings::source::Source;
use crate::settings::variables::Variables;

/// What has been read of a text whose outline is known.
pub(super) struct Parts {
    outline: Outline,
    /// What stands outside of `projects`.
    frame: Content,
    /// With the project that was asked for first; most runs need no other.
    one: OnceLock<(String, Content)>,
    whole: OnceLock<Content>,
}

/// Where a text comes from and what its values are read with.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    pub source: &'a Source,
    pub folder: &'a Path,
    pub variables: &'a Variables,
}

impl Parts {
    pub fn of(outline: Outline, origin: Origin<'_>) -> Result<Self> {
        let frame = origin.part(&outline, None)?;
        Ok(Self { outline, frame, one: OnceLock::new(), whole: OnceLock::new() })
    }

    pub fn frame(&self) -> &Content {
        &self.frame
    }

    /// Everything. It can fail although the text is sound: values come from variables, too.
    pub fn whole(&self, origin: Origin<'_>) -> Result<&Content> {
        if let Some(whole) = self.whole.get() {
            return Ok(whole);
        }
        let (whole, trees) = read::read(origin.source, origin.folder, origin.variables)?;
        std::mem::forget(trees);
        Ok(self.whole.get_or_init(|| whole))
    }

    /// What has this project in it, where the text has one of that name.
    pub fn with(&self, project: &str, origin: Origin<'_>) -> Result<&Content> {
        let Some(place) = self.outline.get(project) else {
            return Ok(&self.frame);
        };
        match (self.whole.get(), self.one.get()) {
            (Some(whole), _) => Ok(whole),
            // Its folder may be that of any other now.
            (None, _) if place.moves => self.whole(origin),
            (None, None) => {
                let content = origin.part(&self.outline, Some(project))?;
                Ok(&self.one.get_or_init(|| (project.to_owned(), content)).1)
            }
            (None, Some((name, one))) if name == project => Ok(one),
            (None, Some(_)) => self.whole(origin),
        }
    }

    /// What has every project in it that has a protected database.
    pub fn with_protected(&self, origin: Origin<'_>) -> Result<&Content> {
        let mut protected = self.outline.projects.iter().filter(|place| place.protected);
        match (protected.next(), protected.next()) {
            (None, _) => Ok(&self.frame),
            (Some(only), None) => self.with(&only.name, origin),
            _ => self.whole(origin),
        }
    }
}

impl Origin<'_> {
    fn part(&self, outline: &Outline, project: Option<&str>) -> Result<Content> {
        read::read_part(self.source, &outline.cut(&self.source.text, project), self.folder, self.variables)
    }
}
