use serde::{Deserialize, Serialize};

use super::github::Deed;
use super::{Error, GitHub};

const DEED: Deed = Deed {
    what: "write a check run",
    permission: "checks: write",
};
/// Largest summary that GitHub takes.
const BUDGET: usize = 65_000;

/// A check beside the commit: open while we measure.
#[derive(Debug)]
pub struct CheckRun {
    id: u64,
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
struct Made {
    id: u64,
}

#[derive(Debug, Serialize)]
struct Opening<'a> {
    name: &'a str,
    head_sha: &'a str,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details_url: Option<&'a str>,
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

impl CheckRun {
    /// Opens a check at a commit.
    pub async fn open(
        github: &GitHub,
        name: &str,
        commit: &str,
        link: Option<&str>,
    ) -> Result<Self, Error> {
        let body = Opening {
            name,
            head_sha: commit,
            status: "in_progress",
            details_url: link,
        };
        // A second check of the name takes the place of the first.
        let none = async || Ok(None);
        let route = github.route("check-runs");
        let Made { id } = github.post(DEED, &route, &body, none).await?;
        Ok(Self { id })
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
            status: "completed",
            conclusion,
            output: Output {
                title,
                summary: &summary[..end],
            },
        };
        let route = github.route(&format!("check-runs/{}", self.id));
        github.patch(DEED, &route, &body).await.map(drop)
    }
}
