//! The check beside the commit, one for each key: open while we measure, closed with a conclusion by
//! the newest run, and never left open.

use http::Method;
use serde::{Deserialize, Serialize};

use super::Provider;
use super::connection::{Deed, encoded};
use super::job::Run;
use super::key::Key;
use super::{Error, GitHub};

const DEED: Deed = Deed {
    provider: Provider::GitHub,
    what: "write a check run",
    permission: "checks: write",
};
/// Largest summary that GitHub takes.
const BUDGET: usize = 65_000;
const COMPLETED: &str = "completed";

/// Which check it is: whose, at which commit, of which run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    name: String,
    key: String,
    commit: String,
    run: Run,
}

/// A check that is open.
#[derive(Debug)]
pub struct CheckRun {
    id: u64,
    app: Option<String>,
}

/// What became of opening a check.
#[derive(Debug)]
pub enum Opened {
    Open(CheckRun),
    /// A later run speaks for the commit already.
    LeftToNewer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    Success,
    Failure,
    /// Nothing to compare with, or nothing could be decided.
    Neutral,
    Cancelled,
}

#[derive(Debug, Deserialize)]
struct Found {
    id: u64,
    #[serde(default)]
    status: String,
    external_id: Option<String>,
    app: Option<App>,
}

#[derive(Debug, Deserialize)]
struct App {
    slug: Option<String>,
}

#[derive(Debug, Serialize)]
struct Opening<'a> {
    name: &'a str,
    head_sha: &'a str,
    external_id: &'a str,
    status: &'a str,
    details_url: &'a str,
}

#[derive(Debug, Serialize)]
struct Closing<'a> {
    status: &'a str,
    conclusion: Conclusion,
    output: Output<'a>,
}

#[derive(Debug, Serialize)]
struct Output<'a> {
    title: &'a str,
    summary: &'a str,
}

impl Ticket {
    pub fn new(key: &Key, commit: &str, run: Run) -> Self {
        Self {
            name: key.check_name(),
            key: key.digest(),
            commit: commit.to_owned(),
            run,
        }
    }

    /// What GitHub keeps with the check for us.
    fn external_id(&self) -> String {
        let Run { id, attempt } = self.run;
        format!("perfgate {} {id}.{attempt}", self.key)
    }

    /// The run that opened a check of the same key.
    fn run_of(&self, check: &Found) -> Option<Run> {
        let (key, run) = check
            .external_id
            .as_deref()?
            .strip_prefix("perfgate ")?
            .split_once(' ')?;
        let (id, attempt) = run.split_once('.').filter(|_| key == self.key)?;
        Some(Run {
            id: id.parse().ok()?,
            attempt: attempt.parse().ok()?,
        })
    }

    /// The checks of the key at the commit, each with the run that opened it.
    async fn checks(&self, github: &GitHub) -> Result<Vec<(Run, Found)>, Error> {
        let route = github.route(&format!(
            "commits/{}/check-runs?filter=all&per_page=100&check_name={}",
            self.commit,
            encoded(&self.name)
        ));
        let found: Vec<Found> = github.list(DEED, &route, "/check_runs").await?;
        let of_key = found
            .into_iter()
            .filter_map(|it| Some((self.run_of(&it)?, it)));
        Ok(of_key.collect())
    }

    /// Opens the check, unless a later run did; those that earlier runs left open end.
    pub async fn open(&self, github: &GitHub, link: &str) -> Result<Opened, Error> {
        // Where checks may not be read, opening one says what is missing.
        let checks = self.checks(github).await.unwrap_or_default();
        if checks.iter().any(|(run, _)| *run > self.run) {
            return Ok(Opened::LeftToNewer);
        }
        let is_ours = |run: &Run, it: &Found| *run == self.run && it.is_open();
        let (mut ours, others): (Vec<_>, Vec<_>) =
            checks.into_iter().partition(|(run, it)| is_ours(run, it));
        let check = match ours.pop() {
            // Made before, by a request whose answer was lost.
            Some((_, check)) => check,
            None => self.make(github, link).await?,
        };
        for (_, old) in others.into_iter().filter(|(_, it)| it.is_open()) {
            let text = "A later run took its place.";
            let closed = CheckRun::from(old).close(github, Conclusion::Cancelled, text, text);
            // What cannot be closed is in nobody's way: the later check of the name counts.
            closed.await.ok();
        }
        Ok(Opened::Open(check.into()))
    }

    async fn make(&self, github: &GitHub, link: &str) -> Result<Found, Error> {
        let external_id = self.external_id();
        let body = Opening {
            name: &self.name,
            head_sha: &self.commit,
            external_id: &external_id,
            status: "in_progress",
            details_url: link,
        };
        let find = async || {
            let checks = self.checks(github).await?.into_iter();
            let mut ours = checks.filter(|(run, it)| *run == self.run && it.is_open());
            Ok(ours.next().map(|(_, it)| it))
        };
        let route = github.route("check-runs");
        github.post(DEED, &route, &body, find).await
    }

    /// Closes what the run left open, because it was killed or GitHub lost the answer; how many.
    pub async fn close_left_open(&self, github: &GitHub) -> Result<usize, Error> {
        let checks = self.checks(github).await?.into_iter();
        let left: Vec<_> = checks
            .filter(|(run, it)| *run == self.run && it.is_open())
            .collect();
        let count = left.len();
        for (_, check) in left {
            let title = "ended before a verdict";
            let summary = "The job was cancelled, or ended from outside, before it had a report.";
            CheckRun::from(check)
                .close(github, Conclusion::Cancelled, title, summary)
                .await?;
        }
        Ok(count)
    }
}

impl Found {
    fn is_open(&self) -> bool {
        self.status != COMPLETED
    }
}

impl From<Found> for CheckRun {
    fn from(found: Found) -> Self {
        Self {
            id: found.id,
            app: found.app.and_then(|it| it.slug),
        }
    }
}

impl CheckRun {
    /// The app that our token is of.
    pub fn app(&self) -> Option<&str> {
        self.app.as_deref()
    }

    /// Says what came of it.
    pub async fn close(
        self,
        github: &GitHub,
        conclusion: Conclusion,
        title: &str,
        summary: &str,
    ) -> Result<(), Error> {
        let mut end = summary.len().min(BUDGET);
        while !summary.is_char_boundary(end) {
            end -= 1;
        }
        let body = Closing {
            status: COMPLETED,
            conclusion,
            output: Output {
                title,
                summary: &summary[..end],
            },
        };
        let route = github.route(&format!("check-runs/{}", self.id));
        let changed = github.change(DEED, &Method::PATCH, &route, &body).await;
        changed.map(drop)
    }
}
