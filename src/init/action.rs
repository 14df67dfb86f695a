//! The action that workflows use.

use std::path::Path;

use super::ask;

/// `owner/name` of the repository that this program was released from; nothing of one that was built from
/// source.
const RELEASED_FROM: Option<&str> = option_env!("PERFGATE_REPOSITORY");
/// The server with that repository. On another one the name may be somebody else's.
const SERVER: &str = match option_env!("PERFGATE_SERVER") {
    Some(url) => url,
    None => "https://github.com",
};
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What the templates say.
const PLACE: &str = "org/perfgate@v1";

/// Where the action is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Action {
    repository: String,
    /// The commit of the release, if its repository could be asked.
    commit: Option<String>,
}

impl Action {
    /// That of the release which this program is of.
    pub(super) fn of_release(here: &Path) -> Option<Self> {
        let repository = RELEASED_FROM?.to_owned();
        let url = format!("{SERVER}/{repository}");
        let tag = format!("refs/tags/v{VERSION}");
        // Without a network the tag does.
        let found = ask(here, &["ls-remote", "--exit-code", &url, &tag]);
        let commit = found.as_deref().and_then(commit_in);
        Some(Self { repository, commit })
    }

    /// The workflow with it in the place of the template's. Pinned by its commit it needs no exception from
    /// a linter.
    pub(super) fn written_into(&self, workflow: &str) -> String {
        let line = |line: &str| match line.split_once(PLACE) {
            None => line.to_owned(),
            Some((before, comment)) => match &self.commit {
                Some(commit) => format!("{before}{}@{commit} # v{VERSION}", self.repository),
                None => format!("{before}{}@v{VERSION}{comment}", self.repository),
            },
        };
        let lines = workflow.lines().map(line);
        lines.map(|line| line + "\n").collect()
    }
}

/// The commit that `ls-remote` names.
fn commit_in(listed: &str) -> Option<String> {
    let name = listed.split_whitespace().next()?;
    let is_commit = name.len() == 40 && name.bytes().all(|it| it.is_ascii_hexdigit());
    is_commit.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "    steps:\n      - uses: actions/checkout@1 # v4\n      \
        - uses: org/perfgate@v1 # zizmor: ignore[unpinned-uses] it verifies the program\n";

    #[test]
    fn a_release_is_pinned_by_its_commit() {
        let commit = "a1".repeat(20);
        let listed = format!("{commit}\trefs/tags/v{VERSION}\n");
        let action = Action {
            repository: "shop/perfgate".into(),
            commit: commit_in(&listed),
        };
        let written = action.written_into(TEMPLATE);
        let line = format!("      - uses: shop/perfgate@{commit} # v{VERSION}\n");
        assert!(written.ends_with(&line), "{written}");
        assert!(!written.contains("zizmor"), "{written}");
        assert!(
            written.contains("uses: actions/checkout@1 # v4\n"),
            "{written}"
        );
    }

    #[test]
    fn a_release_whose_repository_does_not_answer_is_named_by_its_version() {
        assert_eq!(commit_in("fatal: no\n"), None);
        let action = Action {
            repository: "shop/perfgate".into(),
            commit: None,
        };
        let written = action.written_into(TEMPLATE);
        let start = format!("uses: shop/perfgate@v{VERSION} # zizmor: ignore[unpinned-uses]");
        assert!(written.contains(&start), "{written}");
    }
}
