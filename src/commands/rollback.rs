//! `shed rollback`, also `down`: takes the last revisions back, one unless a number says more.

use crate::error::{Error, Result};

use super::Scope;
use super::completions::TARGETS;
use super::planning::Wishes;
use super::reports::Answer;
use super::written::{Writing, Written};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The target, and how many revisions (1)
    #[arg(value_names = ["TARGET", "N"], num_args = 0..=2, add = TARGETS())]
    words: Vec<String>,
    #[command(flatten)]
    writing: Writing,
}

/// Takes revisions back, after a yes, then reads over a new connection what was reached.
pub fn rollback(scope: &Scope<'_>, args: &Args) -> Result<Answer<Written>> {
    let (target, steps) = sorted(&args.words)?;
    let chosen = scope.writable(target, &args.writing)?;
    if args.writing.writes() && !chosen.is_empty() {
        let names: Vec<&str> = chosen.iter().map(|chosen| chosen.name.as_str()).collect();
        let revisions = if steps == 1 { "the last revision".into() } else { format!("the last {steps} revisions") };
        scope.confirm(&format!("take back {revisions} of {}?", names.join(", ")))?;
    }
    let mut argv = args.writing.argv("downgrade");
    argv.push(format!("-{steps}"));
    let wishes = Wishes { needs_models: true, ..args.writing.wishes("rollback") };
    scope.write_each(&chosen, &argv, &args.writing.instead, wishes)
}

/// Names of targets begin with a letter, so that a number is one.
fn sorted(words: &[String]) -> Result<(Option<&str>, u32)> {
    let (target, steps) = match words {
        [] => (None, None),
        [only] if only.starts_with(|first: char| first.is_ascii_digit()) => (None, Some(only)),
        [target] => (Some(target.as_str()), None),
        [target, steps, ..] => (Some(target.as_str()), Some(steps)),
    };
    let steps = steps.map_or(Ok(1), |word| word.parse()).ok().filter(|&steps| steps > 0);
    steps.map(|steps| (target, steps)).ok_or_else(|| {
        Error::usage("rollback takes a number of revisions from 1 on")
            .help("`shed downgrade TARGET REVISION` goes back to a revision by its id")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_number_of_revisions() {
        let sort = |line: &str| {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            sorted(&words).map(|(target, steps)| (target.map(str::to_owned), steps)).ok()
        };
        assert_eq!(sort(""), Some((None, 1)));
        assert_eq!(sort("2"), Some((None, 2)));
        assert_eq!(sort("billing"), Some((Some("billing".into()), 1)));
        assert_eq!(sort("billing.prod 3"), Some((Some("billing.prod".into()), 3)));
        assert_eq!(sort("billing 0"), None);
        assert_eq!(sort("billing a1b2"), None);
    }
}
