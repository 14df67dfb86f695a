//! Publishes a report on GitHub: comment, check run, summary, annotations. None of them changes the verdict: what does
//! not succeed is a warning that names what is missing.

use super::secrets::without_secrets;
use crate::error::Error;
use crate::model::{Outcome, Report, chain, exit_code};
use crate::publish::comment::{self, Draft, When};
use crate::publish::workflow::{self, Level};
use crate::publish::{
    self, Author, CheckRun, Conclusion, GitHub, Job, Key, Opened, Policy, Provider, Severity,
    Stamp, Ticket,
};
use crate::report::{self, Frame};

const TOKEN: &str = Provider::GitHub.token_variable();
/// What annotations are headed by.
const TITLE: &str = "perfgate";

/// When a pull request is commented on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comment {
    /// Where the token has write access: not on pull requests from forks.
    Auto,
    /// Also on pull requests from forks.
    Always,
    /// Only when a metric changed; an existing comment is updated.
    OnChange,
    Never,
}

/// Speaks of one run.
pub(super) struct Publisher<'a> {
    job: &'a Job,
    github: Option<GitHub>,
    comment: Comment,
    key: Key,
    ticket: Ticket,
    /// The pull request to comment on.
    number: Option<u64>,
    /// Said below the headline.
    notes: Vec<String>,
    check: Option<CheckRun>,
    /// Whether there may be a check all the same: GitHub did not answer when it was opened.
    may_be_open: bool,
    /// The app that the token belongs to, if GitHub named it when the check was opened.
    app: Option<String>,
    comment_url: Option<String>,
    /// Commands for the runner, to be printed at the end.
    lines: Vec<String>,
}

impl<'a> Publisher<'a> {
    /// `key` distinguishes the section and the check from those of other jobs.
    pub(super) fn new(job: &'a Job, comment: Comment, key: Key) -> Result<Self, publish::Error> {
        let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
        let github = token.map(|token| GitHub::new(job, &token, Policy::default()));
        Ok(Self {
            job,
            github: github.transpose()?,
            comment,
            ticket: Ticket::new(&key, &job.head, job.measured_by()),
            key,
            number: job.pull_request().map(|it| it.number),
            notes: Vec::new(),
            check: None,
            may_be_open: false,
            app: None,
            comment_url: None,
            lines: Vec::new(),
        })
    }

    /// The connection; publishing what another run measured is nothing without it.
    pub(super) fn github(&self) -> Result<&GitHub, publish::Error> {
        self.github.as_ref().ok_or(publish::Error::NoToken(TOKEN))
    }

    /// Speaks on a pull request that another run measured.
    pub(super) fn of_untrusted(&mut self, number: Option<u64>) {
        self.number = number;
        let note = "The code of the pull request made these numbers: they are as honest as it is.";
        self.notes.push(note.into());
        if number.is_none() {
            let why = "no comment: the measured commit is not the newest of an open pull request";
            self.lines
                .push(workflow::annotation(Level::Notice, TITLE, why));
        }
    }

    /// Says nothing but in the job's own summary: the job that puts all shards together speaks for them.
    pub(super) fn of_shard(&mut self) {
        self.github = None;
        self.comment = Comment::Never;
    }

    pub(super) fn comment_url(&self) -> Option<&str> {
        self.comment_url.as_deref()
    }

    pub(super) fn into_lines(self) -> Vec<String> {
        self.lines
    }

    /// Opens the check that stands beside the commit while we measure.
    pub(super) async fn open(&mut self) {
        let Some(github) = &self.github else { return };
        match self.ticket.open(github, &self.job.link).await {
            Ok(Opened::Open(check)) => {
                self.app = check.app().map(str::to_owned);
                self.check = Some(check);
            }
            Ok(Opened::LeftToNewer) => {
                let why = "no check: a later run of this job speaks for the commit";
                self.lines
                    .push(workflow::annotation(Level::Notice, TITLE, why));
            }
            Err(error) => {
                self.may_be_open = !error.is_forbidden();
                self.could_not(&error);
            }
        }
    }

    /// Closes the check that this run left open when it was killed.
    pub(super) async fn close_left_open(&mut self) {
        let Some(github) = &self.github else { return };
        if let Err(error) = self.ticket.close_left_open(github).await {
            self.could_not(&error);
        }
    }

    /// Closes the check of a run that has no report, and says so where the last one was.
    pub(super) async fn failed(&mut self, error: &Error) {
        let message = without_secrets(&chain(error));
        let conclusion = match error {
            Error::Interrupted => Conclusion::Cancelled,
            _ => Conclusion::Failure,
        };
        self.close(conclusion, "could not measure", &report::escaped(&message))
            .await;
        // What an earlier run said is of an earlier commit. A run that was cancelled says nothing:
        // a newer one is on its way.
        if conclusion != Conclusion::Cancelled {
            let stamp = self.stamp(Severity::Error, "could not measure".into());
            let body = |_: usize| report::escaped(&message);
            self.post(When::OnlyIfThere, &stamp, &body).await;
        }
    }

    /// The job summary, the check, the comment.
    pub(super) async fn publish(&mut self, report: &Report) {
        let notes = self.notes.clone();
        let frame = |budget| Frame {
            notes: notes.clone(),
            budget: Some(budget),
            ..Frame::default()
        };
        self.summarise(&report::framed(
            report,
            &frame(workflow::SUMMARY_BUDGET / 2),
        ));
        let partial = report.provenance.partial.as_ref();
        let is_cancelled = partial.is_some_and(|it| it.exit_code == exit_code::INTERRUPTED);
        let conclusion = match report.outcome {
            _ if is_cancelled => Conclusion::Cancelled,
            _ if report.exit_code != 0 => Conclusion::Failure,
            Outcome::Pass => Conclusion::Success,
            _ => Conclusion::Neutral,
        };
        let page = report::framed(report, &frame(comment::BUDGET));
        self.close(conclusion, &report::title(report), &page).await;
        // As in [`Self::failed`]: a newer run is on its way.
        if !is_cancelled {
            self.write_comment(report).await;
        }
    }

    pub(super) fn summarise(&mut self, markdown: &str) {
        if let Some(path) = &self.job.summary
            && let Err(error) = workflow::summarise(path, markdown)
        {
            self.could_not(&error);
        }
    }

    pub(super) fn set_outputs(&mut self, outputs: &[(&'static str, String)]) {
        if let Some(path) = &self.job.outputs
            && let Err(error) = workflow::set_outputs(path, outputs)
        {
            self.could_not(&error);
        }
    }

    async fn close(&mut self, conclusion: Conclusion, title: &str, summary: &str) {
        if std::mem::take(&mut self.may_be_open) {
            self.open().await;
        }
        let Some((github, check)) = self.github.as_ref().zip(self.check.take()) else {
            return;
        };
        if let Err(error) = check.close(github, conclusion, title, summary).await {
            self.could_not(&error);
        }
    }

    async fn write_comment(&mut self, report: &Report) {
        let when = match self.comment {
            Comment::OnChange if !report::has_news(report) => When::OnlyIfThere,
            _ => When::Always,
        };
        let mut notes = self.notes.clone();
        if !self.key.is_of_top() {
            notes.insert(0, format!("Configuration: {}", self.key.configuration()));
        }
        let body = |budget: usize| {
            let frame = Frame {
                is_headless: true,
                notes: notes.clone(),
                budget: Some(budget),
                ..Frame::default()
            };
            report::framed(report, &frame)
        };
        let stamp = self.stamp(report.outcome.into(), report::headline(report));
        self.post(when, &stamp, &body).await;
    }

    /// Whose section it is, and its outcome.
    fn stamp(&self, severity: Severity, headline: String) -> Stamp {
        Stamp {
            key: self.key.digest(),
            label: self.key.label(),
            commit: self.job.head.clone(),
            run: self.job.measured_by(),
            severity,
            headline,
            link: self.job.link.clone(),
        }
    }

    async fn post(&mut self, when: When, stamp: &Stamp, body: &(dyn Fn(usize) -> String + Sync)) {
        let Some(number) = self.number else { return };
        match self.comment {
            Comment::Never => return,
            Comment::Auto if self.is_fork() => {
                let message = "no comment: a fork's token may not write. A second workflow on \
                               `workflow_run` can, with `mode: report`";
                self.lines
                    .push(workflow::annotation(Level::Notice, TITLE, message));
                return;
            }
            Comment::Auto | Comment::Always | Comment::OnChange => {}
        }
        let Some(github) = &self.github else {
            let message = format!("no comment: {TOKEN} is not set");
            self.lines
                .push(workflow::annotation(Level::Warning, TITLE, &message));
            return;
        };
        let author = Author::find(github, self.app.as_deref()).await;
        let draft = Draft { stamp, body, when };
        match comment::post(github, number, &author, draft).await {
            Ok(posted) => self.comment_url = posted.url().map(str::to_owned),
            Err(error) => self.could_not(&error),
        }
    }

    fn is_fork(&self) -> bool {
        self.job.pull_request().is_some_and(|it| it.is_fork)
    }

    /// A warning; where a fork's token may not write, that is as it should be.
    fn could_not(&mut self, error: &publish::Error) {
        let expected = match error {
            publish::Error::Locked { .. } => true,
            error => error.is_forbidden() && (self.is_fork() || error.is_of_checks()),
        };
        let level = if expected {
            Level::Notice
        } else {
            Level::Warning
        };
        let mut message = chain(error);
        if let Some(hint) = error.hint() {
            message.push_str(&format!("; {hint}"));
        }
        self.lines.push(workflow::annotation(
            level,
            TITLE,
            &without_secrets(&message),
        ));
    }
}
