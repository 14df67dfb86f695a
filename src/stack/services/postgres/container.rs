//! How a container of ours is started.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::super::Error;
use super::super::super::container::Container;
use super::super::super::ready::{ANSWER, Wait};
use super::connection::{connect, describe};
use crate::model::{self, CopiedFile, FileSource};

/// The database.
pub(super) const OWN: &str = "perfgate";
pub(super) const ROLE: &str = "postgres";
const WITHIN: Duration = Duration::from_secs(60);
/// The data lie in memory, on a mount point that no image has: the permissions of one that an
/// image has win over those asked for.
pub(super) const TMPFS: &str = "/perfgate";
const DATA: &str = "/perfgate/data";
/// Where files of the configuration lie in the container, by their paths here.
const FILES: &str = "/perfgate-files";

/// Where a file of the configuration lies in the container.
pub(super) fn inside(path: &Path) -> String {
    format!("{FILES}{}", path.display())
}

pub(super) fn files(own: &model::Postgres) -> Vec<CopiedFile> {
    let paths: BTreeSet<_> = own.init.iter().chain(&own.seed).collect();
    let file = |path: &PathBuf| CopiedFile {
        inside: inside(path),
        source: FileSource::Path(path.clone()),
        replace: Vec::new(),
    };
    paths.into_iter().map(file).collect()
}

pub(super) fn command(own: &model::Postgres, listen: SocketAddr) -> Vec<String> {
    let ours = [
        ("port", listen.port().to_string()),
        ("listen_addresses", listen.ip().to_string()),
        ("shared_preload_libraries", "pg_stat_statements".into()),
    ];
    let ours = ours.map(|(name, value)| (name.to_owned(), value));
    // Of a setting given twice the last one counts.
    let settings = ours.iter().chain(&own.settings);
    let options = settings.flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]);
    std::iter::once("postgres".to_owned())
        .chain(options)
        .collect()
}

/// What the file says, and what perfgate connects by, which nobody changes.
pub(super) fn environment(password: &str, env: &[(String, String)]) -> Vec<(String, String)> {
    let ours = [
        ("POSTGRES_USER", "perfgate"),
        ("POSTGRES_PASSWORD", password),
        ("POSTGRES_DB", OWN),
        ("PGDATA", DATA),
    ];
    let ours = ours.map(|(name, value)| (name.to_owned(), value.to_owned()));
    env.iter().cloned().chain(ours).collect()
}

pub(super) async fn wait(
    container: &Container,
    address: SocketAddr,
    url: &str,
) -> Result<(), Error> {
    let wait = Wait {
        name: ROLE,
        what: format!("{address} (select 1)"),
        timeout: ANSWER,
        within: WITHIN,
    };
    let ask = async || match connect(url).await {
        Ok(client) => client
            .simple_query("select 1")
            .await
            .map(drop)
            .map_err(describe),
        Err(error) => Err(describe(error)),
    };
    container.until(&wait, ask).await
}
