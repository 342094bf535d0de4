//! `shed merge`: joins heads into one.

use crate::alembic::Step;
use crate::error::Result;

use super::completions::TARGETS;
use super::live::Live;
use super::planning::{Wishes, with_x};
use super::reports::Answer;
use super::scope::{Chosen, Needs};
use super::several::Way;
use super::wrote::{Revised, revised};
use super::{Place, Scope};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The target, and the revisions to join (heads)
    #[arg(value_name = "TARGET] [REVISIONS", add = TARGETS())]
    words: Vec<String>,
    /// What the revision does, for its docstring and file name
    #[arg(short, long, value_name = "MESSAGE")]
    message: Option<String>,
    /// A branch label for the new revision
    #[arg(long, value_name = "LABEL")]
    branch_label: Option<String>,
    /// The id, instead of a random one
    #[arg(long, value_name = "ID")]
    rev_id: Option<String>,
    /// Allow revisions that are no heads
    #[arg(long)]
    splice: bool,
    #[command(flatten)]
    place: Place,
}

/// Writes a revision that joins several.
pub fn merge(scope: &Scope<'_>, args: &Args) -> Result<Answer<Revised>> {
    let sorted = scope.sort_words(&args.words, &[])?;
    let chosen = scope.target_to_write_files(sorted.target.as_deref(), &args.place, Needs::Files)?;
    let mut argv = vec!["merge".to_owned()];
    argv.extend(args.message.iter().map(|message| format!("--message={message}")));
    argv.extend(args.branch_label.iter().map(|label| format!("--branch-label={label}")));
    argv.extend(args.rev_id.iter().map(|id| format!("--rev-id={id}")));
    argv.extend(args.splice.then(|| "--splice".to_owned()));
    if sorted.revisions.is_empty() {
        argv.push("heads".to_owned());
    }
    argv.extend(sorted.revisions);
    let argv = with_x(&args.place, argv);
    scope.each(&chosen, Way::InOrder, |scope, target: &Chosen<'_>, several| {
        let plan = scope.plan(target, Needs::Files, vec![Step::alembic(argv.clone())], Wishes::default())?;
        let mut live = Live::of(scope.out, &plan.target, several);
        let told = scope.run(&plan, &mut live)?.good()?.told;
        Ok(revised(target, told, live.text()))
    })
}
