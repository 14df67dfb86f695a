//! Which commit the head is compared with: what the event of a workflow says, or where the branch
//! left the default one.

use std::path::Path;

use super::provenance::why;
use crate::git::{self, Git};
use crate::model::chain;
use crate::publish::gitlab::GitLabJob;
use crate::publish::{GitHub, Job, PullRequest, Trigger, compare};

/// The commit to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    pub commit: String,
    /// Why the comparison may blame the head for what it did not do.
    pub caveats: Vec<String>,
}

impl Base {
    fn known(commit: String) -> Self {
        Self {
            commit,
            caveats: Vec::new(),
        }
    }
}

/// The commit before the changes that are judged: where the branch left the default one; for
/// changes that are not committed on it, the last commit. Why there is none, otherwise.
pub(super) fn earlier(folder: &Path) -> Result<Base, String> {
    before(folder, None)
}

/// The same where the default branch is known.
fn before(folder: &Path, branch: Option<&str>) -> Result<Base, String> {
    let git = Git::at(folder);
    let said = |error: git::Error| why(&error);
    let Some(head) = git.head().map_err(said)? else {
        return Err("this git repository has no commit yet: commit once".into());
    };
    for branch in git.default_branches(branch).map_err(said)? {
        let found = git.merge_base("HEAD", &branch).map_err(said)?;
        if let Some(base) = found {
            return before_changes(&git, &head, base);
        }
    }
    Err(if git.is_shallow().map_err(said)? {
        "this clone is shallow; with its whole history (`fetch-depth: 0` of actions/checkout) the \
         builds before and after are compared side by side"
            .into()
    } else {
        let names = branch.unwrap_or("main, master");
        format!("git knows no default branch ({names})")
    })
}

/// The commit where a branch left the default one, as long as something has changed since.
fn before_changes(git: &Git, head: &str, base: String) -> Result<Base, String> {
    let has_changes = || git.has_changes().map_err(|error| why(&error));
    if base != head || has_changes()? {
        return Ok(Base::known(base));
    }
    Err("this is the default branch, and nothing has changed on it".into())
}

/// The commit that the code under judgement goes onto; `None` if the event says neither it nor
/// the default branch. What the clone lacks of it is fetched: a workflow's clone has one commit alone
/// unless it asks for more.
pub(super) async fn of_job(
    job: &Job,
    folder: &Path,
    github: Option<&GitHub>,
) -> Option<Result<Base, String>> {
    let git = Git::at(folder);
    let found = match &job.trigger {
        Trigger::PullRequest(pull_request) => {
            of_pull_request(&git, job, pull_request, github).await
        }
        // The queue names the very commit that the group builds on.
        Trigger::MergeGroup { base } => fetched(&git, Base::known(base.clone())),
        _ => {
            let branch = job.default_branch.as_deref()?;
            return Some(before(folder, Some(branch)));
        }
    };
    Some(found.map_err(|error| why(&error)))
}

/// The same of a job on GitLab, which names the commit where a branch left its target.
pub(super) fn of_gitlab_job(job: &GitLabJob, folder: &Path) -> Option<Result<Base, String>> {
    let git = Git::at(folder);
    let Some(merge_request) = job.merge_request() else {
        let branch = job.default_branch.as_deref()?;
        return Some(before(folder, Some(branch)));
    };
    // A pipeline of merged results has checked out the merge into the target.
    let merged = merged_into(&git, &job.head);
    let found = merged.and_then(|merged| {
        let commit = merged.unwrap_or_else(|| merge_request.base.clone());
        fetched(&git, Base::known(commit))
    });
    Some(found.map_err(|error| why(&error)))
}

async fn of_pull_request(
    git: &Git,
    job: &Job,
    pull_request: &PullRequest,
    github: Option<&GitHub>,
) -> Result<Base, git::Error> {
    if let Some(commit) = merged_into(git, &job.head)? {
        return fetched(git, Base::known(commit));
    }
    let tip = &pull_request.base;
    let mut reasons = Vec::new();
    // Without the tip there is nothing to look for in the history.
    let is_here = git.fetch_commit(tip).unwrap_or_else(|error| {
        reasons.push(why(&error));
        false
    });
    if is_here && let Some(commit) = git.merge_base("HEAD", tip)? {
        return Ok(Base::known(commit));
    }
    let head = git.head()?.unwrap_or_default();
    if let Some(github) = github {
        match compare::merge_base(github, tip, &head).await {
            Ok(commit) => return fetched(git, Base::known(commit)),
            Err(error) => reasons.push(chain(&error)),
        }
    }
    match git.merge_base_deepened(&head, tip) {
        Ok(Some(commit)) => return Ok(Base::known(commit)),
        Ok(None) => reasons.push("the history of this clone does not show it".into()),
        Err(error) => reasons.push(why(&error)),
    }
    Ok(Base {
        commit: tip.clone(),
        caveats: caveats(&pull_request.base_branch, &reasons),
    })
}

fn caveats(branch: &str, reasons: &[String]) -> Vec<String> {
    vec![
        format!(
            "compared with the tip of {branch}, not with the commit where the branch left it: \
             changes on {branch} since then count for or against this one"
        ),
        format!(
            "the commit where the branch left {branch} is unknown: {}; `fetch-depth: 0` of \
             actions/checkout fetches the whole history",
            reasons.join("; ")
        ),
    ]
}

/// What is checked out for a pull request, unless its workflow says otherwise, is its merge into the
/// branch that it goes to: the commit of that branch.
fn merged_into(git: &Git, head: &str) -> Result<Option<String>, git::Error> {
    let mut parents = git.parents("HEAD")?.into_iter();
    let (base, merged) = (parents.next(), parents.next());
    Ok(base.filter(|_| merged.as_deref() == Some(head)))
}

/// The same with its commit here. Where that fails it is said by what uses the commit.
fn fetched(git: &Git, base: Base) -> Result<Base, git::Error> {
    git.fetch_commit(&base.commit)?;
    Ok(base)
}
