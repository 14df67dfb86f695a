//! What all pages of a site share: their names, and links to commits.

use std::collections::BTreeSet;

use maud::{Markup, html};

use crate::report::text;

pub(super) const INDEX: &str = "index.html";

/// A page by the name of its file.
#[derive(Debug)]
pub struct SitePage {
    pub file: String,
    pub text: String,
}

/// Letters that are the same in every file system.
pub(super) fn slug(name: &str) -> String {
    let letters = name.chars().map(|it| match it.to_ascii_lowercase() {
        it if it.is_ascii_alphanumeric() => it,
        _ => '-',
    });
    letters.collect()
}

/// The name of a page that no other has.
pub(super) fn unused_name(taken: &mut BTreeSet<String>, stem: &str) -> String {
    let numbered = (2..).map(|number| format!("{stem}-{number}.html"));
    let mut names = std::iter::once(format!("{stem}.html")).chain(numbered);
    let name = names
        .find(|it| !taken.contains(it))
        .expect("numbers do not end");
    taken.insert(name.clone());
    name
}

/// A commit, as a link where its repository is known.
pub(super) fn commit_link(commit: Option<&str>, repository: Option<&str>) -> Markup {
    let Some(commit) = commit else {
        return html! { "no commit" };
    };
    let place = is_hex(commit).then(|| format!("commit/{commit}"));
    link(repository, place.as_deref(), &text::commit(commit))
}

/// Whether a name is a commit's: nothing else gets into an address.
pub(super) fn is_hex(name: &str) -> bool {
    name.bytes().all(|it| it.is_ascii_hexdigit())
}

pub(super) fn link(repository: Option<&str>, place: Option<&str>, words: &str) -> Markup {
    html! {
        @match repository.zip(place) {
            Some((repository, place)) => a href={ (repository) "/" (place) } { (words) },
            None => (words),
        }
    }
}
