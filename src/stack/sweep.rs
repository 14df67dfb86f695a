//! Removes by label what a run left: all of one run at once, or what runs left whose process is
//! gone, also after a crash.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, RemoveContainerOptionsBuilder,
};
use futures_util::future::join_all;
use procfs::process::{Process, all_processes};
use rustix::process::{Pid, Signal, kill_process};

pub use super::image::remove_images;
use super::owner::VARIABLE;
use super::{Engine, Error, Owner};

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    pub containers: usize,
    pub networks: usize,
    pub processes: usize,
}

impl Swept {
    pub const fn is_empty(self) -> bool {
        self.containers + self.networks + self.processes == 0
    }
}

/// A request the engine was already working on may still bring a container; two empty looks in a
/// row mean that nothing more comes.
const EMPTY_LOOKS: u32 = 2;
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// An engine that takes longer to remove a run has failed.
const WITHIN: Duration = Duration::from_secs(60);

/// Removes everything of one run and makes sure that it is gone.
pub async fn remove_run(engine: Option<&Engine>, owner: &Owner) -> Result<(), Error> {
    let removed = tokio::time::timeout(WITHIN, removed(engine, owner)).await;
    removed.unwrap_or_else(|_| {
        Err(Error::Left {
            run: owner.run.clone(),
            left: format!("the engine did not do it within {WITHIN:?}"),
        })
    })
}

async fn removed(engine: Option<&Engine>, owner: &Owner) -> Result<(), Error> {
    let is_ours = |found: &Owner| found.run == owner.run;
    let mut empty = 0;
    for _ in 0..LOOKS {
        let swept = remove(engine, &owner.filter(), is_ours).await?;
        empty = if swept.is_empty() { empty + 1 } else { 0 };
        if empty == EMPTY_LOOKS {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    let left = remove(engine, &owner.filter(), is_ours).await?;
    Err(Error::Left {
        run: owner.run.clone(),
        left: format!("{left:?}"),
    })
}

/// Removes what runs of this host left whose process has ended.
pub async fn remove_orphans(engine: Option<&Engine>) -> Result<Swept, Error> {
    remove(engine, Owner::any_run(), Owner::is_gone).await
}

/// Whether no other run of this machine is up at the engine. One of another machine cannot be asked
/// for.
pub(super) async fn is_alone(engine: &Engine, owner: &Owner) -> Result<bool, Error> {
    let is_other = |found: &Owner| found.run != owner.run && found.is_living();
    let label = Owner::any_run();
    Ok(containers(&engine.docker, label, is_other)
        .await?
        .is_empty()
        && networks(&engine.docker, label, is_other).await?.is_empty())
}

async fn remove(
    engine: Option<&Engine>,
    label: &str,
    wanted: impl Fn(&Owner) -> bool,
) -> Result<Swept, Error> {
    let mut swept = Swept {
        processes: end_processes(&wanted),
        ..Swept::default()
    };
    if let Some(engine) = engine {
        swept.containers = remove_containers(&engine.docker, label, &wanted).await?;
        swept.networks = remove_networks(&engine.docker, label, &wanted).await?;
    }
    Ok(swept)
}

async fn remove_containers(
    docker: &Docker,
    label: &str,
    wanted: impl Fn(&Owner) -> bool,
) -> Result<usize, Error> {
    let ids = containers(docker, label, wanted).await?;
    let remove = |id: &String| {
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        let id = id.clone();
        async move { docker.remove_container(&id, Some(options)).await }
    };
    // One that is being removed already is listed again, and found gone, at the next look.
    join_all(ids.iter().map(remove)).await;
    Ok(ids.len())
}

/// The containers of some runs.
async fn containers(
    docker: &Docker,
    label: &str,
    wanted: impl Fn(&Owner) -> bool,
) -> Result<BTreeSet<String>, Error> {
    let options = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&filters(label))
        .build();
    let listed = docker.list_containers(Some(options)).await;
    let listed = listed.map_err(|source| Error::Engine {
        action: "list containers".into(),
        source,
    })?;
    Ok(listed
        .into_iter()
        .filter(|container| is_wanted(container.labels.as_ref(), &wanted))
        .filter_map(|container| container.id)
        .collect())
}

async fn remove_networks(
    docker: &Docker,
    label: &str,
    wanted: impl Fn(&Owner) -> bool,
) -> Result<usize, Error> {
    let ids = networks(docker, label, wanted).await?;
    join_all(ids.iter().map(|id| docker.remove_network(id))).await;
    Ok(ids.len())
}

/// The networks of some runs.
async fn networks(
    docker: &Docker,
    label: &str,
    wanted: impl Fn(&Owner) -> bool,
) -> Result<Vec<String>, Error> {
    let options = ListNetworksOptionsBuilder::default()
        .filters(&filters(label))
        .build();
    let listed = docker.list_networks(Some(options)).await;
    let listed = listed.map_err(|source| Error::Engine {
        action: "list networks".into(),
        source,
    })?;
    Ok(listed
        .into_iter()
        .filter(|network| is_wanted(network.labels.as_ref(), &wanted))
        .filter_map(|network| network.id)
        .collect())
}

fn filters(label: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![label.to_owned()])])
}

fn is_wanted(labels: Option<&HashMap<String, String>>, wanted: impl Fn(&Owner) -> bool) -> bool {
    labels
        .and_then(Owner::from_labels)
        .is_some_and(|owner| wanted(&owner))
}

fn end_processes(wanted: impl Fn(&Owner) -> bool) -> usize {
    let labelled = all_processes().into_iter().flatten().filter_map(Result::ok);
    let own = rustix::process::getpid().as_raw_pid();
    labelled
        .filter(|process| process.pid != own)
        .filter(|process| owner_of(process).is_some_and(|owner| wanted(&owner)))
        .filter_map(|process| Pid::from_raw(process.pid))
        .filter(|pid| kill_process(*pid, Signal::KILL).is_ok())
        .count()
}

/// The run a living process belongs to. Processes of other users cannot be read and are not ours.
fn owner_of(process: &Process) -> Option<Owner> {
    let environment = process.environ().ok()?;
    Owner::from_variable(environment.get(std::ffi::OsStr::new(VARIABLE))?.to_str()?)
}
