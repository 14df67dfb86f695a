use crate::error::Error;
use crate::measure::Event;
use crate::model::{BaseFailure, Report};

/// What a reader must see while something is done.
#[derive(Debug)]
pub enum Notice<'a> {
    /// What a run does now.
    Event(&'a Event<'a>),
    /// The run has ended: what follows is not progress.
    Ended,
    /// What is unusual.
    Note(&'a str),
    /// What went wrong beside something graver.
    Warning(&'a Error),
    /// What ended a run before its end.
    Cut(&'a Error),
    /// A base that failed; the report has the rest.
    BaseFailed(&'a BaseFailure),
    /// A line of output: what became of a server and endpoint, or a command for GitHub's runner.
    Line(&'a str),
    /// What was found, before it is published.
    Report(&'a Report),
}

/// Takes notices.
pub type Observer<'a> = &'a (dyn Fn(&Notice<'_>) + Send + Sync);
