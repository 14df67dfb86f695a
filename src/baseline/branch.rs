use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::Rng;

use super::badge::badges;
use super::contents::{Contents, Line, largest};
use super::git::{Changes, Entry, Git};
use super::name::{self, Kind};
use super::pack::{Keep, Packed, pack};
use super::remote::{Over, Pushed, is_rewritten};
use super::{Error, Stored};
use crate::document;
use crate::git::credentials::without_credentials;
use crate::model::{Baseline, Key, Pin};

/// Tries to append to a branch on which others write too.
const TRIES: usize = 10;
/// How often a branch may be rewritten while it is read.
const REWRITES: usize = 5;
/// Longest wait before the second try; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Runs of a cell that may lie beside what is packed: so few that a check reads them too.
const MOST_OWN: usize = 16;

/// Baselines on a branch of its own that has no work tree. Every new run is a new file, so that writers can only be in
/// each other's way by the order of their commits; when a cell has many, they are packed.
#[derive(Debug, Clone)]
pub struct Branch {
    git: Git,
    remote: String,
    name: String,
}

impl Branch {
    pub fn new(clone: &Path, remote: &str, name: &str) -> Self {
        Self {
            git: Git::new(clone, remote),
            remote: remote.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Every baseline, oldest first within its cell; what is damaged is left out.
    pub fn all(&self) -> Result<Stored, Error> {
        let contents = self.at_tip(|base| self.contents(base, |_| true))?;
        Ok(contents.into_all())
    }

    /// The baselines that a check reads; what is damaged is left out.
    pub fn recent(&self) -> Result<Stored, Error> {
        let wanted = |kind| kind != Kind::Archive;
        let contents = self.at_tip(|base| self.contents(base, wanted))?;
        Ok(contents.into_recent())
    }

    /// Adds a commit that holds the baselines. Of every key so many of the newest runs stay once they are packed.
    pub fn add(&self, baselines: &[Baseline], keep: usize) -> Result<(), Error> {
        let message = message(baselines);
        let keep = Keep {
            runs: keep,
            of: &|_| true,
        };
        let own = baselines.iter().map(|baseline| {
            let text = document::text(baseline);
            self.stored(name::path(baseline), text)
        });
        let own: Vec<Entry> = own.collect::<Result<_, Error>>()?;
        let badges = badges(baselines).into_iter();
        let badges = badges.map(|(path, text)| self.stored(path, text));
        let badges: Vec<Entry> = badges.collect::<Result<_, Error>>()?;
        let runs: Vec<_> = own.iter().zip(baselines).collect();
        let mut was_tried = false;
        self.append(&message, |base| {
            let mut runs = runs.clone();
            if mem::replace(&mut was_tried, true) {
                self.leave_out_arrived(base, &mut runs)?;
            }
            if self.is_full(base, &own)? {
                let contents = self.contents(base, |_| true)?;
                if contents.unknown.is_empty() {
                    let added: Vec<_> = runs.into_iter().map(|(_, run)| run).collect();
                    let packed = self.packed(base, &contents, &added, &keep)?;
                    let mut changes = self.changes(base, packed)?;
                    changes.added.extend(badges.iter().cloned());
                    return Ok(changes);
                }
            }
            let runs = runs.into_iter().map(|(entry, _)| entry);
            Ok(Changes {
                added: runs.chain(&badges).cloned().collect(),
                ..Changes::default()
            })
        })
    }

    /// Adds a commit that holds a pin; those before it stay, and hold no longer.
    pub fn add_pin(&self, pin: &Pin) -> Result<(), Error> {
        let entry = self.stored(name::pin(pin), document::text(pin))?;
        let message = match pin.until {
            None => "Unpinned".to_owned(),
            Some(until) => format!("Pinned: the runs until {until}"),
        };
        self.append(&message, |base| {
            let mut contents = self.contents(base, |_| true)?;
            let mut changes = Changes::default();
            // Checks read what the pin is about.
            if !contents.archives.is_empty() && contents.unknown.is_empty() {
                contents.pins.push(pin.clone());
                let packed = self.packed(base, &contents, &[], &Keep::ALL)?;
                changes = self.changes(base, packed)?;
            }
            changes.added.push(entry.clone());
            Ok(changes)
        })
    }

    /// Replaces the branch by one commit that holds the newest runs of these keys, all of the others, those that the
    /// pin is about and the pins, unless somebody wrote meanwhile; how many runs are gone.
    pub fn prune(&self, keep: usize, of: &dyn Fn(&Key) -> bool) -> Result<usize, Error> {
        let keep = Keep { runs: keep, of };
        let mut gone = 0;
        self.again_while_behind(|| {
            let pruned = self.at_tip(|base| {
                let mut contents = self.contents(base, |_| true)?;
                if let Some(unknown) = contents.unknown.pop() {
                    return Err(unknown.into());
                }
                let packed = self.packed(base, &contents, &[], &keep)?;
                gone = packed.gone;
                let Some(base) = base.filter(|_| gone > 0) else {
                    return Ok(None);
                };
                let changes = self.changes(Some(base), packed)?;
                let message = "Newest runs of every key";
                let commit = self.git.commit(Some(base), None, &changes, message)?;
                Ok(Some((base.to_owned(), commit)))
            })?;
            match pruned {
                None => Ok(Pushed::Done),
                Some((base, commit)) => self.push(&commit, Over::Exactly(&base)),
            }
        })?;
        Ok(gone)
    }

    /// Whether the branch could be added to, before what is to be added is known.
    pub fn try_adding(&self) -> Result<(), Error> {
        let base = self.git.tip(&self.name)?;
        let base = base.as_deref();
        let commit = self
            .git
            .commit(base, base, &Changes::default(), "Nothing")?;
        match self.git.try_push(&self.name, &commit)? {
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

    fn stored(&self, path: String, text: impl Into<Vec<u8>>) -> Result<Entry, Error> {
        let blob = self.git.store(text)?;
        Ok(Entry { path, blob })
    }

    fn files(&self, base: Option<&str>) -> Result<Vec<Entry>, Error> {
        base.map_or_else(|| Ok(Vec::new()), |base| self.git.files(base))
    }

    /// What the files of these kinds hold.
    fn contents(
        &self,
        base: Option<&str>,
        wanted: impl Fn(Kind) -> bool,
    ) -> Result<Contents, Error> {
        let mut files = self.files(base)?;
        files.retain(|file| {
            let kind = Kind::from_path(&file.path);
            kind != Kind::Other && wanted(kind)
        });
        let contents = self.git.contents(&files, largest)?;
        Ok(Contents::from_files(&self.name, files, contents))
    }

    /// Leaves out what the branch has already: a commit may have arrived although its push failed, and may have been
    /// packed since.
    fn leave_out_arrived(
        &self,
        base: Option<&str>,
        runs: &mut Vec<(&Entry, &Baseline)>,
    ) -> Result<(), Error> {
        let paths: BTreeSet<_> = runs.iter().map(|(_, run)| name::archive(run)).collect();
        let files = self.files(base)?;
        let archives = files.iter().filter(|file| paths.contains(&file.path));
        let archives: Vec<_> = archives.cloned().collect();
        let archives = self.git.contents(&archives, largest)?;
        let archives = archives.iter().flatten();
        let lines: BTreeSet<_> = archives
            .flat_map(|text| text.split_inclusive(|byte| *byte == b'\n'))
            .collect();
        runs.retain(|(entry, run)| {
            !files.contains(entry) && !lines.contains(Line::encode(run).as_bytes())
        });
        Ok(())
    }

    /// Whether a cell would have too many documents of single runs with these.
    fn is_full(&self, base: Option<&str>, added: &[Entry]) -> Result<bool, Error> {
        let files = self.files(base)?;
        let own = files
            .iter()
            .filter(|it| Kind::from_path(&it.path) == Kind::Run);
        let paths: BTreeSet<_> = own.chain(added).map(|it| it.path.as_str()).collect();
        let mut cells: BTreeMap<&str, usize> = BTreeMap::new();
        for path in paths {
            let cell = path.rsplit_once('/').map_or("", |(cell, _)| cell);
            *cells.entry(cell).or_default() += 1;
        }
        Ok(cells.into_values().any(|count| count > MOST_OWN))
    }

    fn packed(
        &self,
        base: Option<&str>,
        contents: &Contents,
        added: &[&Baseline],
        keep: &Keep<'_>,
    ) -> Result<Packed, Error> {
        let files = self.files(base)?.into_iter().map(|file| file.path);
        Ok(pack(contents, files, added, keep))
    }

    /// Stores what is written, but for what is there already.
    fn changes(&self, base: Option<&str>, packed: Packed) -> Result<Changes, Error> {
        let written = packed.written.into_iter();
        let written = written.map(|(path, text)| self.stored(path, text));
        let mut added: Vec<_> = written.collect::<Result<_, Error>>()?;
        let files = self.files(base)?;
        added.retain(|entry| !files.contains(entry));
        Ok(Changes {
            added,
            removed: packed.removed,
        })
    }

    /// Adds a commit with what is to be changed in the newest one.
    fn append(
        &self,
        message: &str,
        mut changes: impl FnMut(Option<&str>) -> Result<Changes, Error>,
    ) -> Result<(), Error> {
        self.again_while_behind(|| {
            let commit = self.at_tip(|base| {
                let changes = changes(base)?;
                self.git.commit(base, base, &changes, message)
            })?;
            self.push(&commit, Over::Ancestors)
        })
    }

    fn push(&self, commit: &str, over: Over<'_>) -> Result<Pushed, Error> {
        self.git.push(&self.name, commit, over)
    }

    /// Does something with the newest commit, again with the next one where the branch was rewritten meanwhile.
    fn at_tip<T>(&self, mut act: impl FnMut(Option<&str>) -> Result<T, Error>) -> Result<T, Error> {
        for _ in 0..REWRITES {
            let tip = self.git.tip(&self.name);
            match tip.and_then(|tip| act(tip.as_deref())) {
                Err(error) if is_rewritten(&error) => {}
                done => return done,
            }
        }
        Err(self.contended(REWRITES))
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
        Err(self.contended(TRIES))
    }

    fn contended(&self, tries: usize) -> Error {
        Error::Contended {
            branch: self.name.clone(),
            remote: without_credentials(&self.remote),
            tries,
        }
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
