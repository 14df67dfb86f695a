use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::Rng;

use super::backend::{Backend, Changes, Content, Entry, Over, Written};
use super::badge::badges;
use super::contents::{Contents, Line, largest};
use super::name::{self, Kind};
use super::pack::{Keep, Packed, pack};
use super::{Error, Stored};
use crate::document;
use crate::model::{Baseline, Key, Pin};

/// Tries to add to a store to which others write too.
const TRIES: usize = 10;
/// How often what a version holds may be gone while it is read.
const REWRITES: usize = 5;
/// Longest wait before the second try; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Runs of a cell that may lie beside what is packed: so few that a check reads them too.
const MOST_OWN: usize = 16;

/// Baselines that several machines read and write. Every new run is a new file, so that writers can only be in each
/// other's way by the order of their versions; when a cell has many, they are packed.
#[derive(Debug, Clone)]
pub struct Shared<B> {
    backend: B,
}

impl<B: Backend> Shared<B> {
    pub(super) const fn over(backend: B) -> Self {
        Self { backend }
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

    /// Adds the baselines, all of them or none. Of every key so many of the newest runs stay once they are packed.
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
        let badges = B::HAS_BADGES.then(|| badges(baselines));
        let badges = badges.into_iter().flatten();
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

    /// Adds a pin; those before it stay, and hold no longer.
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

    /// Leaves the newest runs of these keys, all of the others, those that the pin is about and the pins, unless somebody
    /// wrote meanwhile; how many runs are gone.
    pub fn prune(&self, keep: usize, of: &dyn Fn(&Key) -> bool) -> Result<usize, Error> {
        let keep = Keep { runs: keep, of };
        let mut gone = 0;
        self.again_while_behind(|base| {
            let mut contents = self.contents(base, |_| true)?;
            if let Some(unknown) = contents.unknown.pop() {
                return Err(unknown.into());
            }
            let packed = self.packed(base, &contents, &[], &keep)?;
            gone = packed.gone;
            let Some(base) = base.filter(|_| gone > 0) else {
                return Ok(Written::Done);
            };
            let changes = self.changes(Some(base), packed)?;
            let message = "Newest runs of every key";
            self.backend
                .write(Some(base), &changes, message, Over::Everything)
        })?;
        self.backend.tidy()?;
        Ok(gone)
    }

    /// Whether the store could be added to, before what is to be added is known.
    pub fn try_adding(&self) -> Result<(), Error> {
        self.backend.try_writing()
    }

    fn stored(&self, path: String, text: impl Into<Vec<u8>>) -> Result<Entry, Error> {
        let blob = self.backend.store(text.into())?;
        Ok(Entry { path, blob })
    }

    fn files(&self, base: Option<&str>) -> Result<Vec<Entry>, Error> {
        base.map_or_else(|| Ok(Vec::new()), |base| self.backend.files(base))
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
        let contents = self.backend.contents(&files, largest)?;
        Ok(Contents::from_files(
            |path| self.backend.shown(path),
            files,
            contents,
        ))
    }

    /// Leaves out what the store has already: it may have arrived although the answer was lost, and may have been packed
    /// since.
    fn leave_out_arrived(
        &self,
        base: Option<&str>,
        runs: &mut Vec<(&Entry, &Baseline)>,
    ) -> Result<(), Error> {
        let paths: BTreeSet<_> = runs.iter().map(|(_, run)| name::archive(run)).collect();
        let files = self.files(base)?;
        let archives = files.iter().filter(|file| paths.contains(&file.path));
        let archives: Vec<_> = archives.cloned().collect();
        let archives = self.backend.contents(&archives, largest)?;
        let archives = archives.iter().filter_map(Content::bytes);
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

    /// Writes a version with what is to be changed in the newest one.
    fn append(
        &self,
        message: &str,
        mut changes: impl FnMut(Option<&str>) -> Result<Changes, Error>,
    ) -> Result<(), Error> {
        self.again_while_behind(|base| {
            let changes = changes(base)?;
            self.backend.write(base, &changes, message, Over::Ancestors)
        })
    }

    /// Does something with the newest version, again with the next one where what it holds was gone meanwhile.
    fn at_tip<T>(&self, mut act: impl FnMut(Option<&str>) -> Result<T, Error>) -> Result<T, Error> {
        for _ in 0..REWRITES {
            let newest = self.backend.newest();
            match newest.and_then(|newest| act(newest.as_deref())) {
                Err(error) if self.backend.is_rewritten(&error) => {}
                done => return done,
            }
        }
        Err(self.contended(REWRITES))
    }

    /// Tries until nobody else was faster, after waits that writers draw each for itself.
    fn again_while_behind(
        &self,
        mut attempt: impl FnMut(Option<&str>) -> Result<Written, Error>,
    ) -> Result<(), Error> {
        let mut longest = FIRST_WAIT;
        for _ in 0..TRIES {
            let start = Instant::now();
            if self.at_tip(&mut attempt)? == Written::Done {
                return Ok(());
            }
            // Of writers that wait for less than a try takes, most meet again.
            longest = longest.max(start.elapsed());
            sleep(rand::rng().random_range(Duration::ZERO..longest));
            longest *= 2;
        }
        Err(self.contended(TRIES))
    }

    fn contended(&self, tries: usize) -> Error {
        Error::Contended {
            store: self.backend.to_string(),
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
