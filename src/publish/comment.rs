//! The one comment of a pull request and a configuration: found again by a marker and by its
//! author, edited in place.

use serde::{Deserialize, Serialize};

use super::github::Deed;
use super::job::Run;
use super::{Error, GitHub};

const DEED: Deed = Deed {
    what: "comment on the pull request",
    permission: "pull-requests: write",
};
/// Largest comment that is sent; GitHub takes 65,536 characters.
pub const BUDGET: usize = 60_000;
/// Who a workflow's own token writes as.
const WORKFLOW: &str = "github-actions[bot]";

/// What becomes of a comment when there is none yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Always,
    /// An older one is edited, a new one is not made.
    OnlyIfThere,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    Created {
        url: String,
    },
    Edited {
        url: String,
    },
    /// A later run has already written there.
    LeftToNewer {
        url: String,
    },
    /// There is none, and none was wanted.
    Nothing,
}

impl Posted {
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Created { url } | Self::Edited { url } | Self::LeftToNewer { url } => Some(url),
            Self::Nothing => None,
        }
    }
}

/// What a comment is found by: the configuration, and the run that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// Letters and digits.
    configuration: String,
    run: Run,
}

impl Marker {
    /// `configuration` is a digest of the configuration's name.
    pub fn new(configuration: &str, run: Run) -> Self {
        let safe = configuration.chars().filter(char::is_ascii_alphanumeric);
        Self {
            configuration: safe.collect(),
            run,
        }
    }

    /// The line at the top of a comment, which readers do not see.
    pub fn line(&self) -> String {
        let Run { id, attempt } = self.run;
        format!(
            "<!-- perfgate {} run {id}.{attempt} -->",
            self.configuration
        )
    }

    /// The run that wrote a comment of the same configuration.
    fn run_of(&self, body: &str) -> Option<Run> {
        let start = format!("<!-- perfgate {} run ", self.configuration);
        let (run, _) = body.strip_prefix(&start)?.split_once(" -->")?;
        let (id, attempt) = run.split_once('.')?;
        Some(Run {
            id: id.parse().ok()?,
            attempt: attempt.parse().ok()?,
        })
    }
}

#[derive(Debug, Deserialize)]
struct Comment {
    id: u64,
    html_url: String,
    #[serde(default)]
    body: Option<String>,
    user: Option<User>,
}

#[derive(Debug, Deserialize)]
struct User {
    login: String,
}

#[derive(Debug, Serialize)]
struct Body<'a> {
    body: &'a str,
}

/// Writes the comment; `brief` instead where GitHub finds `body` too long.
pub async fn post(
    github: &GitHub,
    number: u64,
    marker: &Marker,
    when: When,
    body: &str,
    brief: &str,
) -> Result<Posted, Error> {
    match write(github, number, marker, when, body).await {
        Err(Error::Answer { status: 422, .. }) => write(github, number, marker, when, brief).await,
        written => written,
    }
}

async fn write(
    github: &GitHub,
    number: u64,
    marker: &Marker,
    when: When,
    body: &str,
) -> Result<Posted, Error> {
    let author = author(github).await;
    if let Some((comment, run)) = find(github, number, marker, &author).await? {
        let url = comment.html_url;
        if run > marker.run {
            return Ok(Posted::LeftToNewer { url });
        }
        let route = github.route(&format!("issues/comments/{}", comment.id));
        github.patch(DEED, &route, &Body { body }).await?;
        return Ok(Posted::Edited { url });
    }
    if when == When::OnlyIfThere {
        return Ok(Posted::Nothing);
    }
    let route = github.route(&format!("issues/{number}/comments"));
    let find = async || {
        let found = find(github, number, marker, &author).await?;
        Ok(found.map(|(comment, _)| comment))
    };
    let comment: Comment = github.post(DEED, &route, &Body { body }, find).await?;
    Ok(Posted::Created {
        url: comment.html_url,
    })
}

/// Whom the token writes as; a workflow's own token may not ask.
async fn author(github: &GitHub) -> String {
    let user: Result<User, Error> = github.get(DEED, "/user").await;
    user.map_or_else(|_| WORKFLOW.to_owned(), |user| user.login)
}

/// Our newest comment, and the run that wrote it. Anybody can write our marker.
async fn find(
    github: &GitHub,
    number: u64,
    marker: &Marker,
    author: &str,
) -> Result<Option<(Comment, Run)>, Error> {
    let route = github.route(&format!("issues/{number}/comments?per_page=100"));
    let comments: Vec<Comment> = github.list(DEED, &route).await?;
    let ours = comments.into_iter().filter_map(|comment| {
        let by_us = comment
            .user
            .as_ref()
            .is_some_and(|user| user.login == author);
        let run = marker.run_of(comment.body.as_deref()?).filter(|_| by_us)?;
        Some((comment, run))
    });
    Ok(ours.max_by_key(|(_, run)| *run))
}
