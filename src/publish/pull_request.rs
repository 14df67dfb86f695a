//! Which open pull request a finished run belongs to, of which a fork's event says nothing; and what
//! a pull request's newest commit is.

use serde::Deserialize;

use super::Provider;
use super::connection::{Deed, encoded};
use super::job::Finished;
use super::{Error, GitHub};

const DEED: Deed = Deed {
    provider: Provider::GitHub,
    what: "find the pull request of the measuring run",
    permission: "pull-requests: write",
};

const HEAD: Deed = Deed {
    provider: Provider::GitHub,
    what: "read the newest commit of the pull request",
    permission: "pull-requests: write",
};

#[derive(Debug, Deserialize)]
struct PullRequest {
    number: u64,
    head: Head,
}

#[derive(Debug, Deserialize)]
struct Head {
    sha: String,
    repo: Option<Repository>,
}

#[derive(Debug, Deserialize)]
struct Repository {
    full_name: String,
}

/// The number of the open pull request whose newest commit the run was of.
pub async fn of_run(github: &GitHub, run: &Finished) -> Result<Option<u64>, Error> {
    let owner = run.head_repository.split('/').next().unwrap_or_default();
    let head = format!("{}:{}", encoded(owner), encoded(&run.head_branch));
    let route = github.route(&format!("pulls?state=open&per_page=100&head={head}"));
    let found: Vec<PullRequest> = github.list(DEED, &route, "").await?;
    let is_it = |it: &PullRequest| {
        let repository = it.head.repo.as_ref().map(|it| it.full_name.as_str());
        it.head.sha == run.head && repository == Some(run.head_repository.as_str())
    };
    Ok(found.iter().find(|it| is_it(it)).map(|it| it.number))
}

/// The newest commit of a pull request, which may have been pushed since the job began.
pub async fn head(github: &GitHub, number: u64) -> Result<String, Error> {
    let route = github.route(&format!("pulls/{number}"));
    let found: PullRequest = github.get(HEAD, &route).await?;
    Ok(found.head.sha)
}
