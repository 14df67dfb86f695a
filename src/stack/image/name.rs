//! What the images of a build folder are called: the same for every checkout of a repository, on
//! either side of a comparison.

use std::path::{Path, absolute};

use crate::git::Git;
use crate::model::{Build, Plan, Source, digest};

/// First part of the names of all images that perfgate builds.
const BUILT: &str = "perfgate/";
/// What the name of a base ends in, behind the name of its server.
const BASE: &str = ".base";
/// Letters of a folder's name that are kept.
const LONGEST: usize = 40;
/// Letters of a digest that distinguish repositories.
const SHORT: usize = 8;
const DIGEST: usize = 16;

/// Name of the image that a server or service of a plan is built as. The base of a server is
/// called after the folder of its head: its own is a checkout that nobody finds again.
pub(super) fn of_user(plan: &Plan, user: &str, build: &Build) -> String {
    let server = user.strip_suffix(BASE);
    let head = server.and_then(|name| plan.targets.iter().find(|it| it.name == name));
    match head.map(|it| (&it.source, &it.name)) {
        None => of_build(build),
        Some((Source::Build(build), _)) => of_build(build),
        Some((_, server)) => named(server, &[&of_folder(&plan.root), server]),
    }
}

/// Name of the image that a build makes: another Dockerfile or stage of a folder has another.
pub(super) fn of_build(build: &Build) -> String {
    let folder = of_folder(&build.context);
    let dockerfile = build.dockerfile.as_ref();
    let dockerfile = dockerfile.map(|it| it.strip_prefix(&build.context).unwrap_or(it));
    let dockerfile = dockerfile.map_or_else(String::new, |it| it.to_string_lossy().into_owned());
    match (dockerfile.as_str(), &build.target) {
        ("", None) => folder,
        (dockerfile, target) => {
            let target = target.as_deref().unwrap_or_default();
            let last = if target.is_empty() {
                dockerfile
            } else {
                target
            };
            named(&last.replace('/', "-"), &[&folder, dockerfile, target])
        }
    }
}

/// Name of the image that a folder is built as.
pub(super) fn of_folder(folder: &Path) -> String {
    let git = Git::at(folder);
    let Ok(below) = git.prefix() else {
        let folder = absolute(folder).unwrap_or_else(|_| folder.to_owned());
        return named(&last(&folder), &[&folder.to_string_lossy()]);
    };
    let origin = git.setting("remote.origin.url").ok().flatten();
    let repository = origin.as_deref().map(address).filter(|it| !it.is_empty());
    let candidates = [repository, Some(&*below)].into_iter().flatten();
    let mut names = candidates
        .map(|it| last(Path::new(it)))
        .filter(|it| !it.is_empty());
    let name = names.next_back().unwrap_or_default();
    let identity = repository
        .map(str::to_owned)
        .or_else(|| first_commit(&git))
        .or_else(|| Some(git.top().ok()?.to_string_lossy().into_owned()));
    named(&name, &[&identity.unwrap_or_default(), &below])
}

/// Whether a reference is one that only perfgate gives: a name of its own and a digest, with a
/// number where it is a stage of a build.
pub(super) fn is_own(reference: &str) -> bool {
    parts(reference).is_some()
}

/// The digest in a reference of perfgate's own.
pub(super) fn digest_of<'a>(reference: &'a str, name: &str) -> Option<&'a str> {
    let (own, digest) = parts(reference)?;
    (own == name).then_some(digest)
}

fn parts(reference: &str) -> Option<(&str, &str)> {
    let (name, tag) = reference.rsplit_once(':')?;
    let (digest, stage) = tag.split_once('-').unwrap_or((tag, "1"));
    let is_hexadecimal = |letter: u8| matches!(letter, b'0'..=b'9' | b'a'..=b'f');
    let is_ours = name.starts_with(BUILT)
        && digest.len() == DIGEST
        && digest.bytes().all(is_hexadecimal)
        && stage.parse::<usize>().is_ok();
    is_ours.then_some((name, digest))
}

fn named(name: &str, identity: &[&str]) -> String {
    let digest = digest(identity.join("\0").as_bytes());
    format!("{BUILT}{}-{}", repository(name), &digest[..SHORT])
}

/// The first commit of a repository; a shallow clone does not hold it.
fn first_commit(git: &Git) -> Option<String> {
    if git.is_shallow().ok()? {
        return None;
    }
    let roots = git.ask(&["rev-list", "--max-parents=0", "HEAD"]).ok()?;
    roots.lines().last().map(str::to_owned)
}

/// Where a remote lies, whatever way and whoever's credentials lead there.
fn address(url: &str) -> &str {
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    let start = url.find('/').unwrap_or(url.len());
    let host = url[..start].rfind('@').map_or(0, |at| at + 1);
    let url = url[host..].trim_end_matches('/');
    url.strip_suffix(".git").unwrap_or(url)
}

fn last(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// A name as an image repository may be called.
fn repository(name: &str) -> String {
    let lower = name.to_lowercase();
    let allowed = lower.chars().map(|letter| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '-'
        }
    });
    let name: String = allowed.take(LONGEST).collect();
    let name = name.trim_matches('-');
    if name.is_empty() {
        "app".into()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository_at(folder: &Path) {
        let author = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
        let commit = ["commit", "--quiet", "--allow-empty", "--message=first"];
        for words in [&["init", "--quiet"][..], &[&author[..], &commit].concat()] {
            Git::at(folder).ask(words).expect("git does it");
        }
    }

    #[test]
    fn names_make_valid_repositories() {
        assert_eq!(repository("My App"), "my-app");
        assert_eq!(repository(".."), "app");
        assert_eq!(repository(&"x".repeat(300)).len(), LONGEST);
    }

    #[test]
    fn checkouts_of_one_repository_share_their_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        std::fs::create_dir_all(first.join("web")).expect("a folder");
        repository_at(&first);
        let clone = ["clone", "--quiet", "first", "second"];
        Git::at(folder.path()).ask(&clone).expect("a clone");
        let alone = ["remote", "remove", "origin"];
        Git::at(&second).ask(&alone).expect("no remote");
        std::fs::create_dir(second.join("web")).expect("a folder");
        assert_eq!(of_folder(&first), of_folder(&second));
        assert_eq!(
            of_folder(&first.join("web")),
            of_folder(&second.join("web"))
        );
        assert_ne!(of_folder(&first), of_folder(&first.join("web")));
        assert!(of_folder(&first.join("web")).starts_with("perfgate/web-"));
        // Each folder without a repository is one of its own.
        let third = folder.path().join("third");
        std::fs::create_dir(&third).expect("a folder");
        assert_ne!(of_folder(&third), of_folder(folder.path()));
    }

    #[test]
    fn a_remote_is_the_same_by_every_way_to_it() {
        for url in [
            "https://example.org/shop/web.git",
            "https://token:secret@example.org/shop/web",
            "ssh://git@example.org/shop/web.git/",
        ] {
            assert_eq!(address(url), "example.org/shop/web", "{url}");
        }
        assert_eq!(
            address("git@example.org:shop/web.git"),
            "example.org:shop/web"
        );
        assert_eq!(address("/srv/a@b/web"), "/srv/a@b/web");
    }

    #[test]
    fn only_digests_are_own() {
        assert!(is_own("perfgate/web-1a2b3c4d:0123456789abcdef"));
        assert!(is_own("perfgate/web-1a2b3c4d:0123456789abcdef-2"));
        for reference in [
            "perfgate/web-1a2b3c4d:latest",
            "perfgate/web-1a2b3c4d:0123456789abcdef-keep",
            "web:0123456789abcdef",
            "<none>:<none>",
        ] {
            assert!(!is_own(reference), "{reference}");
        }
    }
}
