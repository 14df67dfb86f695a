//! Where two commits have parted, which a clone of one commit cannot say.

use serde::Deserialize;

use super::Provider;
use super::connection::Deed;
use super::{Error, GitHub};

const DEED: Deed = Deed {
    provider: Provider::GitHub,
    what: "find the commit where the branch left its base",
    permission: "contents: read",
};

#[derive(Debug, Deserialize)]
struct Comparison {
    merge_base_commit: Commit,
}

#[derive(Debug, Deserialize)]
struct Commit {
    sha: String,
}

/// The newest commit that two have in their past.
pub async fn merge_base(github: &GitHub, base: &str, head: &str) -> Result<String, Error> {
    let route = github.route(&format!("compare/{base}...{head}?per_page=1"));
    let found: Comparison = github.get(DEED, &route).await?;
    Ok(found.merge_base_commit.sha)
}
