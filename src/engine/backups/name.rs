//! The names of backups: when, and at which revision.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

/// A file name is at most 255 bytes; the rest is the time's and the ending's.
const LONGEST: usize = 60;
const DAY: u64 = 86_400_000;

/// Milliseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}

/// `20261121T063939.123Z`: sorts as time does, and holds no colon.
pub(super) fn stamp(milliseconds: u64) -> String {
    moment(milliseconds).replace(['-', ':'], "")
}

/// `2026-11-21T06:39:39.123Z`.
pub(super) fn moment(milliseconds: u64) -> String {
    let (year, month, day) = date(milliseconds / DAY);
    let (seconds, rest) = (milliseconds % DAY / 1000, milliseconds % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{rest:03}Z")
}

/// Year to second in UTC, in digits: `20261121063939`.
pub fn digits(milliseconds: u64) -> String {
    moment(milliseconds).chars().filter(char::is_ascii_digit).take(14).collect()
}

/// The time in a name that begins with a stamp.
pub(super) fn time_of(name: &str) -> Option<u64> {
    let stamp = name.get(..20).filter(|stamp| stamp.ends_with('Z') && &stamp[8..9] == "T" && &stamp[15..16] == ".")?;
    let number = |from: usize, to: usize| stamp[from..to].parse::<u64>().ok();
    let day = day_of(number(0, 4)?, number(4, 6)?, number(6, 8)?)?;
    let seconds = number(9, 11)? * 3600 + number(11, 13)? * 60 + number(13, 15)?;
    Some(day * DAY + seconds * 1000 + number(16, 19)?)
}

/// Year, month and day, counted from 1970 (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year + era * 400 + u64::from(month <= 2), month, of_year - (153 * from_march + 2) / 5 + 1)
}

/// The inverse of [`date`]; `None` before 1970.
fn day_of(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = year.checked_sub(u64::from(month <= 2))?;
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day.checked_sub(1)?;
    (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year).checked_sub(719_468)
}

/// The revision in a name: `a1b2c3`, `base`, or `several`.
pub(super) fn revision(heads: &[String]) -> String {
    match heads {
        [] => "base".into(),
        [head] => plain(head),
        _ => "several".into(),
    }
}

/// The folder of a target: its name, where that is a plain file name, otherwise one that is no other target's.
pub(super) fn folder_of(target: &str) -> String {
    let plain = plain(target);
    if plain == target { plain } else { format!("{plain}-{}", &hex(&Sha256::digest(target))[..8]) }
}

/// Letters, digits, `_`, `-` and `.` stay; never hidden, never too long.
fn plain(text: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || "_-.".contains(c) { c } else { '_' };
    let plain: String = text.chars().map(keep).take(LONGEST).collect();
    if plain.starts_with('.') { plain.replacen('.', "_", 1) } else { plain }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_and_read_alike() {
        assert_eq!(moment(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(moment(1_709_164_799_999), "2024-02-28T23:59:59.999Z");
        assert_eq!(stamp(1_709_251_199_007), "20240229T235959.007Z");
        for milliseconds in (0..4_000_000_000_000).step_by(86_400_000 * 13 + 12_345_678) {
            assert_eq!(time_of(&format!("{}-a", stamp(milliseconds))), Some(milliseconds));
        }
        assert_eq!([time_of("notes.txt"), time_of(""), time_of("äööööööööööööööööööööööö")], [None; 3]);
    }

    #[test]
    fn a_name_is_a_plain_file_name_and_no_other_target_s() {
        assert_eq!(folder_of("billing.prod"), "billing.prod");
        let moved = folder_of("billing on development.scratch/it's");
        assert_eq!(moved.split_once('-').unwrap().0, "billing_on_development.scratch_it_s");
        assert_ne!(moved, folder_of("billing on development.scratch/it\"s"));
        assert!(!folder_of("../x").contains('/') && !folder_of("..").starts_with('.'));
        let heads = |heads: &[&str]| revision(&heads.iter().map(|head| (*head).to_owned()).collect::<Vec<_>>());
        assert_eq!([heads(&[]), heads(&["a/b'c"]), heads(&["a", "b"])], ["base", "a_b_c", "several"]);
    }
}
