use super::{Branch, Bucket, Directory, Error};
use crate::document;
use crate::model::{self, Baseline, Key, Pin};

/// Where baselines are kept.
#[derive(Debug, Clone)]
pub enum Store {
    Directory(Directory),
    Branch(Branch),
    Bucket(Bucket),
}

/// What was found in a store.
#[derive(Debug, Default)]
pub struct Stored {
    /// Oldest first within their cell.
    pub baselines: Vec<Baseline>,
    /// The pin that holds.
    pub pin: Option<Pin>,
    /// Documents of a shared store that cannot be read, where nobody can mend them; they are left out.
    pub damaged: Vec<document::Error>,
}

impl Store {
    pub fn open(address: &model::Store) -> Self {
        match address {
            model::Store::Folder(folder) => Self::Directory(Directory::new(folder)),
            model::Store::Branch {
                clone,
                remote,
                branch,
            } => Self::Branch(Branch::new(clone, remote, branch)),
            model::Store::Bucket { bucket, origin } => {
                Self::Bucket(Bucket::new(bucket.clone(), origin))
            }
        }
    }

    /// Every baseline.
    pub fn all(&self) -> Result<Stored, Error> {
        match self {
            Self::Branch(branch) => branch.all(),
            Self::Bucket(bucket) => bucket.all(),
            Self::Directory(directory) => Ok(Stored {
                baselines: directory.all()?,
                pin: directory.pin()?,
                damaged: Vec::new(),
            }),
        }
    }

    /// The baselines that a check reads: of every key the newest, and those that the pin is about.
    pub fn recent(&self) -> Result<Stored, Error> {
        match self {
            Self::Branch(branch) => branch.recent(),
            Self::Bucket(bucket) => bucket.recent(),
            Self::Directory(_) => self.all(),
        }
    }

    /// Whether something could be added, as far as that is known beforehand.
    pub fn try_adding(&self) -> Result<(), Error> {
        match self {
            Self::Branch(branch) => branch.try_adding(),
            Self::Bucket(bucket) => bucket.try_adding(),
            Self::Directory(_) => Ok(()),
        }
    }

    /// Keeps baselines, all of them or none where the store can, and forgets runs of the same keys beyond so many of
    /// the newest.
    pub fn add(&self, baselines: &[Baseline], keep: usize) -> Result<(), Error> {
        match self {
            Self::Branch(branch) => branch.add(baselines, keep),
            Self::Bucket(bucket) => bucket.add(baselines, keep),
            Self::Directory(directory) => {
                baselines.iter().try_for_each(|it| directory.add(it))?;
                let is_added = |key: &Key| baselines.iter().any(|it| it.key == *key);
                directory.prune(keep, &is_added).map(drop)
            }
        }
    }

    /// Adds a pin; those before it stay, and hold no longer.
    pub fn pin(&self, pin: &Pin) -> Result<(), Error> {
        match self {
            Self::Branch(branch) => branch.add_pin(pin),
            Self::Bucket(bucket) => bucket.add_pin(pin),
            Self::Directory(directory) => directory.add_pin(pin),
        }
    }

    /// Forgets all but the newest runs of these keys and those that the pin is about; how many were
    /// forgotten.
    pub fn prune(&self, keep: usize, of: &dyn Fn(&Key) -> bool) -> Result<usize, Error> {
        match self {
            Self::Branch(branch) => branch.prune(keep, of),
            Self::Bucket(bucket) => bucket.prune(keep, of),
            Self::Directory(directory) => directory.prune(keep, of),
        }
    }
}
