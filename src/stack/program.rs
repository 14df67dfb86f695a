//! What perfgate has started: a container, or a process of this host.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Error;
use super::container::Container;
use super::crowd::Crowd;
use super::process::Group;
use super::resources::Resources;

/// A server, or a worker of one.
pub(super) enum Program {
    Container(Box<Container>),
    /// Guarded because asking whether a child has ended changes it.
    Process(Mutex<Group>),
}

impl Program {
    pub(super) fn container(container: Container) -> Self {
        Self::Container(Box::new(container))
    }

    pub(super) const fn process(group: Group) -> Self {
        Self::Process(Mutex::new(group))
    }

    pub(super) async fn resources(&self) -> Result<Resources, Error> {
        match self {
            Self::Container(container) => container.resources().await,
            Self::Process(group) => lock(group).resources(),
        }
    }

    /// Bytes of its file, of a process whose program is named by its path.
    pub(super) fn size(&self) -> Option<u64> {
        match self {
            Self::Container(_) => None,
            Self::Process(group) => lock(group).size(),
        }
    }

    /// The working set in bytes, where it is read in an instant and without disturbing the program.
    pub(super) async fn working_set(&self) -> Option<u64> {
        match self {
            Self::Container(container) => container.working_set().await,
            // The kernel walks a process's pages to find its share of them.
            Self::Process(_) => None,
        }
    }

    /// Where its processes are found; `None` if the engine's machine is another one.
    pub(super) async fn crowd(&self) -> Option<Crowd> {
        match self {
            Self::Container(container) => container.crowd().await,
            Self::Process(group) => Some(lock(group).crowd()),
        }
    }

    /// An error that says how it ended, once it has.
    pub(super) async fn ended(&self) -> Result<Option<Error>, Error> {
        match self {
            Self::Container(container) => container.ended().await,
            Self::Process(group) => {
                let mut group = lock(group);
                Ok(group.ended()?.map(|status| group.ended_error(status)))
            }
        }
    }

    /// The last lines of its output.
    pub(super) async fn output(&self) -> String {
        match self {
            Self::Container(container) => container.output().await,
            Self::Process(group) => lock(group).output(),
        }
    }

    /// Whether a line of its output, of a process one of the last, has a text.
    pub(super) async fn has_said(&self, text: &str) -> bool {
        match self {
            Self::Container(container) => container.has_said(text).await,
            Self::Process(group) => lock(group).output().contains(text),
        }
    }

    pub(super) async fn stop(self) -> Result<(), Error> {
        match self {
            Self::Container(container) => container.remove().await,
            // Dropping a group ends it.
            Self::Process(_) => Ok(()),
        }
    }
}

fn lock(group: &Mutex<Group>) -> MutexGuard<'_, Group> {
    group.lock().unwrap_or_else(PoisonError::into_inner)
}
