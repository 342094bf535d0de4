//! The bytes that facts of revision files are kept as: numbers and texts with their lengths, and a sum over them.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use super::Revision;
use super::kept::{Entry, Stamp};

const FIRST: &str = "shed revisions 1\n";

/// The bytes in the making.
pub struct Packed(Vec<u8>);

impl Packed {
    pub fn of(about: &str, entries: &[Entry]) -> Self {
        let mut packed = Self(FIRST.as_bytes().to_vec());
        packed.text(about);
        packed.number(entries.len() as u64);
        entries.iter().for_each(|entry| packed.entry(entry));
        packed
    }

    /// With the sum at the end.
    pub fn finished(mut self) -> Vec<u8> {
        let sum = sum(&self.0);
        self.number(sum);
        self.0
    }

    fn entry(&mut self, entry: &Entry) {
        let Stamp { device, inode, size, modified, changed } = entry.stamp;
        [device, inode, size].into_iter().for_each(|number| self.number(number));
        [modified, changed].iter().for_each(|time| self.0.extend(time.to_le_bytes()));
        self.0.push(u8::from(entry.settled));
        self.0.extend(entry.digest);
        let revision = &entry.revision;
        self.bytes(revision.path.as_os_str().as_bytes());
        self.text(&revision.id);
        [&revision.parents, &revision.labels, &revision.depends_on].into_iter().for_each(|texts| self.texts(texts));
        [&revision.message, &revision.doc].into_iter().for_each(|text| self.text(text));
        self.texts(revision.create_date.as_slice());
        [revision.doc_varies, revision.empty_downgrade].into_iter().for_each(|is| self.0.push(u8::from(is)));
    }

    fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn texts(&mut self, texts: &[String]) {
        self.number(texts.len() as u64);
        texts.iter().for_each(|text| self.text(text));
    }
}

/// The entries, where these are whole bytes about that.
pub fn read(bytes: &[u8], about: &str) -> Option<Vec<Entry>> {
    let (content, last) = bytes.split_last_chunk::<8>()?;
    if u64::from_le_bytes(*last) != sum(content) {
        return None;
    }
    let mut rest = Rest(content.strip_prefix(FIRST.as_bytes())?);
    if rest.text()? != about {
        return None;
    }
    let entries = (0..rest.number()?).map(|_| rest.entry()).collect::<Option<Vec<_>>>()?;
    rest.0.is_empty().then_some(entries)
}

/// What is not read yet.
struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn entry(&mut self) -> Option<Entry> {
        let stamp = Stamp {
            device: self.number()?,
            inode: self.number()?,
            size: self.number()?,
            modified: i128::from_le_bytes(self.array()?),
            changed: i128::from_le_bytes(self.array()?),
        };
        let (settled, digest) = (self.bool()?, self.array()?);
        let revision = Revision {
            path: OsString::from_vec(self.bytes()?.to_vec()).into(),
            id: self.text()?,
            parents: self.texts()?,
            labels: self.texts()?,
            depends_on: self.texts()?,
            message: self.text()?,
            doc: self.text()?,
            create_date: self.texts()?.pop(),
            doc_varies: self.bool()?,
            empty_downgrade: self.bool()?,
        };
        Some(Entry { stamp, settled, digest, revision })
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn bool(&mut self) -> Option<bool> {
        self.array::<1>().map(|[byte]| byte != 0)
    }

    fn bytes(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<String> {
        str::from_utf8(self.bytes()?).ok().map(str::to_owned)
    }

    fn texts(&mut self) -> Option<Vec<String>> {
        (0..self.number()?).map(|_| self.text()).collect()
    }
}

/// Eight bytes at a time; what is left over counts with the length.
fn sum(bytes: &[u8]) -> u64 {
    crate::keep::digest_of_bytes([bytes])
}
