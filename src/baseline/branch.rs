use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::Rng;

use super::git::{Entry, Git, Over, Pushed};
use super::{Error, Stored, name, prune};
use crate::document;
use crate::git::credentials::without_credentials;
use crate::model::{Baseline, Key, Pin};

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
        let found = self.documents(&commit)?;
        Ok(Stored {
            baselines: found.baselines.into_iter().map(|(_, it)| it).collect(),
            pin: Pin::in_force(found.pins),
            damaged: found.damaged,
        })
    }

    /// Adds a commit that holds the baselines.
    pub fn add(&self, baselines: &[Baseline]) -> Result<(), Error> {
        let stored = baselines.iter().map(|baseline| {
            let text = document::text(baseline);
            self.stored(name::path(baseline), &text)
        });
        let added: Vec<Entry> = stored.collect::<Result<_, Error>>()?;
        self.append(&added, &message(baselines))
    }

    /// Adds a commit that holds a pin; those before it stay, and hold no longer.
    pub fn add_pin(&self, pin: &Pin) -> Result<(), Error> {
        let entry = self.stored(name::pin(pin), &document::text(pin))?;
        let message = match pin.until {
            None => "Unpinned".to_owned(),
            Some(until) => format!("Pinned: the runs until {until}"),
        };
        self.append(&[entry], &message)
    }

    /// Replaces the branch by one commit that holds the newest runs of these keys, all of the others, those that the
    /// pin is about and the pins, unless somebody wrote meanwhile; how many documents are gone.
    pub fn prune(&self, keep: usize, of: &dyn Fn(&Key) -> bool) -> Result<usize, Error> {
        let mut gone = 0;
        self.again_while_behind(|| {
            let Some(commit) = self.git.fetch(&self.remote, &self.name)? else {
                return Ok(Pushed::Done);
            };
            let files = self.git.files(&commit)?;
            let found = self.documents(&commit)?;
            let pin = Pin::in_force(found.pins);
            let old = prune::superseded(found.baselines, of, keep, pin.as_ref());
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

    /// Whether the branch could be added to, before what is to be added is known.
    pub fn try_adding(&self) -> Result<(), Error> {
        let base = self.git.fetch(&self.remote, &self.name)?;
        let commit = self.git.commit(base.as_deref(), &[], "Nothing")?;
        match self.git.try_push(&self.remote, &self.name, &commit)? {
            // Somebody else adds to it right now.
            Pushed::Done | Pushed::Behind => Ok(()),
            Pushed::Refused(reason) => Err(self.refused(reason)),
        }
    }

    fn refused(&self, reason: String) -> Error {
        Error::Refused {
            branch: self.name.clone(),
            remote: without_credentials(&self.remote),
            reason,
        }
    }

    fn stored(&self, path: String, text: &str) -> Result<Entry, Error> {
        let blob = self.git.store(text)?;
        Ok(Entry { path, blob })
    }

    fn append(&self, added: &[Entry], message: &str) -> Result<(), Error> {
        self.again_while_behind(|| {
            let base = self.git.fetch(&self.remote, &self.name)?;
            let commit = self.git.commit(base.as_deref(), added, message)?;
            self.push(&commit, Over::Ancestors)
        })
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
        let mut found = Documents::default();
        for (file, contents) in files.into_iter().zip(contents) {
            let path = PathBuf::from(format!("{}:{}", self.name, file.path));
            // Too large, and so none of ours.
            let contents = contents.unwrap_or_default();
            found.take(file.path, &contents, &path);
        }
        Ok(found)
    }

    /// Tries until nobody else was faster, after waits that writers draw each for itself.
    fn again_while_behind(
        &self,
        mut attempt: impl FnMut() -> Result<Pushed, Error>,
    ) -> Result<(), Error> {
        let mut longest = FIRST_WAIT;
        for _ in 0..TRIES {
            let start = Instant::now();
            match attempt()? {
                Pushed::Done => return Ok(()),
                Pushed::Behind => {}
                Pushed::Refused(reason) => return Err(self.refused(reason)),
            }
            // Of writers that wait for less than a push takes, most meet again.
            longest = longest.max(start.elapsed());
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

/// What a commit holds.
#[derive(Debug, Default)]
struct Documents {
    /// With their paths in the tree.
    baselines: Vec<(String, Baseline)>,
    pins: Vec<Pin>,
    damaged: Vec<document::Error>,
}

impl Documents {
    /// Takes in a file of the tree; `shown` is what errors call it.
    fn take(&mut self, path: String, contents: &[u8], shown: &Path) {
        let taken = if name::is_pin(&path) {
            document::parse(contents, shown, Pin::KIND, Pin::SCHEMA).map(|it| self.pins.push(it))
        } else {
            document::parse(contents, shown, Baseline::KIND, Baseline::SCHEMA)
                .map(|it| self.baselines.push((path, it)))
        };
        self.damaged.extend(taken.err());
    }
}

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
