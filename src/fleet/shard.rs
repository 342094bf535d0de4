//! One machine's share of the targets.

use std::fmt;
use std::str::FromStr;

/// The I-th of every N targets, in the order of the settings: the shares differ by one at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    number: usize,
    of: usize,
}

impl Shard {
    /// Whether the target at this place, from 0, is in it.
    pub fn holds(self, place: usize) -> bool {
        place % self.of == self.number - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        let Some((number, of)) = parts else {
            return Err("a share is written I/N, as 1/4".to_owned());
        };
        if number < 1 || number > of {
            return Err(format!("of {of} shares there are 1/{of} to {of}/{of}"));
        }
        Ok(Self { number, of })
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_in_one_share_and_the_shares_are_even() {
        let shards: Vec<Shard> = (1..=3).map(|number| format!("{number}/3").parse().unwrap()).collect();
        for place in 0..10 {
            assert_eq!(shards.iter().filter(|shard| shard.holds(place)).count(), 1);
        }
        let sizes = shards.iter().map(|shard| (0..10).filter(|&place| shard.holds(place)).count());
        assert_eq!(sizes.collect::<Vec<_>>(), [4, 3, 3]);
    }

    #[test]
    fn what_is_no_share_is_said() {
        let refused = |text: &str| text.parse::<Shard>().unwrap_err();
        assert_eq!(refused("0/3"), "of 3 shares there are 1/3 to 3/3");
        assert_eq!(refused("4/3"), "of 3 shares there are 1/3 to 3/3");
        for text in ["", "1", "a/b", "1/", "-1/3", "1/2/3"] {
            assert_eq!(refused(text), "a share is written I/N, as 1/4");
        }
    }
}
