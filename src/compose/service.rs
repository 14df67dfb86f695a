//! One service of a compose file, its values as perfgate takes them. What is wrong with it is kept with it:
//! only of services that are used does it matter.

use std::time::Duration;

use indexmap::IndexMap;

use super::dockerfile::Build;
use super::problem::{Mark, Problem};
use super::source::Source;

#[derive(Debug, Default, Clone)]
pub(super) struct Service {
    pub(super) mark: Mark,
    /// Where its keys stand.
    pub(super) marks: IndexMap<String, Mark>,
    pub(super) image: Option<String>,
    pub(super) build: Option<Build>,
    pub(super) command: Vec<String>,
    pub(super) entrypoint: Vec<String>,
    /// What is written out, over what files have.
    pub(super) env: IndexMap<String, String>,
    pub(super) env_files: Vec<(Mark, String)>,
    /// What these files have.
    pub(super) file_env: IndexMap<String, String>,
    /// In the container.
    pub(super) ports: Vec<u16>,
    /// What is put where.
    pub(super) mounts: Vec<Mount>,
    pub(super) volumes: Vec<String>,
    /// Where those are in the container.
    pub(super) volume_places: Vec<String>,
    pub(super) tmpfs: Vec<String>,
    pub(super) user: Option<String>,
    pub(super) working_dir: Option<String>,
    pub(super) memory: Option<u64>,
    pub(super) cpus: Option<f64>,
    pub(super) shm_size: Option<u64>,
    /// The words of its health check.
    pub(super) health: Vec<String>,
    /// How long its health check may take, where that is long.
    pub(super) within: Option<Duration>,
    pub(super) needs: IndexMap<String, Need>,
    /// Names beside its own that others reach it by.
    pub(super) aliases: Vec<String>,
    /// Other services by the names that this one has for them.
    pub(super) links: Vec<(String, String)>,
    pub(super) profiles: Vec<String>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) notes: Vec<String>,
}

/// What a service waits for of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) mark: Mark,
    /// Whether the other one runs to its end first.
    pub(super) is_completion: bool,
    pub(super) is_required: bool,
}

/// Why a service cannot be used, unless a key of perfgate.toml says something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) problem: Problem,
    /// The key, and a key in its table.
    pub(super) instead: Vec<String>,
    /// The key that its container would have, where it is one: of Postgres and Redis perfgate takes the image alone.
    pub(super) of_container: Option<String>,
}

impl Service {
    /// Where its image comes from.
    pub(super) fn source(&self) -> Option<Source> {
        match (&self.build, &self.image) {
            (Some(build), _) => Some(Source::Build(build.clone())),
            // An image whose name follows from the environment is not known.
            (None, Some(image)) if !image.contains('{') && !image.ends_with(':') => {
                Some(Source::Image(image.clone()))
            }
            _ => None,
        }
    }
}

/// A file or folder that is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) mark: Mark,
    pub(super) here: Contents,
    pub(super) there: String,
}

/// What is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// A file or folder, from the root on.
    Path(String),
    /// A text that the compose file has itself.
    Text(String),
}

impl Contents {
    pub(super) fn path(&self) -> Option<&str> {
        match self {
            Self::Path(path) => Some(path),
            Self::Text(_) => None,
        }
    }
}
