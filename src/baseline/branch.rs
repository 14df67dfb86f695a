use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use rand::Rng;

use super::git::{Entry, Git, Over, Pushed, without_credentials};
use super::{Error, Stored, name, prune};
use crate::document;
use crate::model::Baseline;

/// Tries to append to a branch on which others write too.
const TRIES: usize = 10;
/// Longest wait before the second try; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Largest document that is read; ours have some ten kibibytes.
const LARGEST: usize = 4 << 20;

/// Baselines on a branch of its own that has no work tree. Every document is a new file, so that
/// writers can only be in each other's way by the order of their commits.
#[derive(Debug, Clone)]
pub struct Branch {
    git: Git,
    remote: String,
    name: String,
}

impl Branch {
    pub fn new(clone: &Path, remote: &str, name: &str) -> Self {
        Self {
            git: Git::new(clone),
            remote: remote.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Every baseline, oldest first within its cell; what is damaged is left out.
    pub fn all(&self) -> Result<Stored, Error> {
        let Some(commit) = self.git.fetch(&self.remote, &self.name)? else {
            return Ok(Stored::default());
        };
        let (baselines, damaged) = self.documents(&commit)?;
        Ok(Stored {
            baselines: baselines.into_iter().map(|(_, it)| it).collect(),
            damaged,
        })
    }

    /// Adds a commit that holds the baselines.
    pub fn add(&self, baselines: &[Baseline]) -> Result<(), Error> {
        let stored = baselines.iter().map(|baseline| {
            Ok(Entry {
                path: name::path(baseline),
                blob: self.git.store(&document::text(baseline))?,
            })
        });
        let added: Vec<Entry> = stored.collect::<Result<_, Error>>()?;
        let message = message(baselines);
        self.again_while_behind(|| {
            let base = self.git.fetch(&self.remote, &self.name)?;
            let commit = self.git.commit(base.as_deref(), &added, &message)?;
            self.push(&commit, Over::Ancestors)
        })
    }

    /// Replaces the branch by one commit that holds the newest runs of every key, unless somebody
    /// wrote meanwhile; how many documents are gone.
    pub fn prune(&self, keep: usize) -> Result<usize, Error> {
        let mut gone = 0;
        self.again_while_behind(|| {
            let Some(commit) = self.git.fetch(&self.remote, &self.name)? else {
                return Ok(Pushed::Done);
            };
            let files = self.git.files(&commit)?;
            let (documents, _) = self.documents(&commit)?;
            let old = prune::superseded(documents, keep);
            gone = old.len();
            if old.is_empty() {
                return Ok(Pushed::Done);
            }
            // What cannot be read may be of a later version: it stays.
            let kept = files.into_iter().filter(|file| !old.contains(&file.path));
            let kept: Vec<_> = kept.collect();
            let commit_of_kept = self.git.commit(None, &kept, "Newest runs of every key")?;
            self.push(&commit_of_kept, Over::Exactly(&commit))
        })?;
        Ok(gone)
    }

    fn push(&self, commit: &str, over: Over<'_>) -> Result<Pushed, Error> {
        self.git.push(&self.remote, &self.name, commit, over)
    }

    fn documents(&self, commit: &str) -> Result<Documents, Error> {
        let mut files = self.git.files(commit)?;
        files.retain(|file| {
            Path::new(&file.path)
                .extension()
                .is_some_and(|end| end == "json")
        });
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let contents = self.git.blobs(&files, LARGEST)?;
        let (mut baselines, mut damaged) = (Vec::new(), Vec::new());
        for (file, contents) in files.into_iter().zip(contents) {
            let path = PathBuf::from(format!("{}:{}", self.name, file.path));
            // Too large, and so none of ours.
            let contents = contents.unwrap_or_default();
            match document::parse(&contents, &path, Baseline::KIND, Baseline::SCHEMA) {
                Ok(baseline) => baselines.push((file.path, baseline)),
                Err(error) => damaged.push(error),
            }
        }
        Ok((baselines, damaged))
    }

    /// Tries until nobody else was faster, after waits that writers draw each for itself.
    fn again_while_behind(
        &self,
        mut attempt: impl FnMut() -> Result<Pushed, Error>,
    ) -> Result<(), Error> {
        let mut longest = FIRST_WAIT;
        for _ in 0..TRIES {
            match attempt()? {
                Pushed::Done => return Ok(()),
                Pushed::Behind => {}
                Pushed::Refused(reason) => {
                    return Err(Error::Refused {
                        branch: self.name.clone(),
                        remote: without_credentials(&self.remote),
                        reason,
                    });
                }
            }
            sleep(rand::rng().random_range(Duration::ZERO..longest));
            longest *= 2;
        }
        Err(Error::Contended {
            branch: self.name.clone(),
            remote: without_credentials(&self.remote),
            tries: TRIES,
        })
    }
}

/// Baselines with their paths, and what is none.
type Documents = (Vec<(String, Baseline)>, Vec<document::Error>);

fn message(baselines: &[Baseline]) -> String {
    let mut commits: Vec<_> = baselines
        .iter()
        .filter_map(|it| it.commit.as_deref())
        .collect();
    commits.dedup();
    let cells = baselines.len();
    match commits.as_slice() {
        [] => format!("{cells} cells"),
        commits => format!("{cells} cells of {}", commits.join(", ")),
    }
}
