use std::env;
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::models::SystemVersion;
use testcontainers::core::client::docker_client_instance;

use super::Error;
use crate::dial::{is_loopback, without_port};

/// Oldest API that has what perfgate uses: one-shot statistics came with 1.41.
const OLDEST_API: &str = "1.41";
/// An engine that is there answers much faster.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pause between two looks at one that has gone.
const PAUSE: Duration = Duration::from_millis(250);

/// The container engine, there and new enough.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(super) docker: Docker,
    version: String,
    api: String,
    architecture: String,
    kernel: String,
}

impl Engine {
    /// Asks the engine for its version.
    pub async fn connect() -> Result<Self, Error> {
        let unreachable = |reason: String| Error::Unreachable {
            socket: socket(),
            reason,
        };
        if is_remote(&socket()) {
            return Err(Error::Remote { socket: socket() });
        }
        let docker = docker_client_instance()
            .await
            .map_err(|error| unreachable(error.to_string()))?;
        let answer = tokio::time::timeout(PATIENCE, docker.version())
            .await
            .map_err(|_| unreachable(format!("no answer within {PATIENCE:?}")))?;
        let version = answer.map_err(|error| unreachable(error.to_string()))?;
        Self::fit(docker, version)
    }

    fn fit(docker: Docker, answer: SystemVersion) -> Result<Self, Error> {
        let api = answer.api_version.unwrap_or_default();
        if numbers(&api) < numbers(OLDEST_API) {
            return Err(Error::TooOld {
                socket: socket(),
                found: api,
                needed: OLDEST_API,
            });
        }
        Ok(Self {
            docker,
            version: answer.version.unwrap_or_default(),
            api,
            architecture: answer.arch.unwrap_or_default(),
            kernel: answer.kernel_version.unwrap_or_default(),
        })
    }

    /// An error when it does not answer any more.
    pub async fn answers(&self) -> Result<(), Error> {
        let lost = |reason: String| Error::Lost {
            socket: socket(),
            reason,
        };
        match tokio::time::timeout(PATIENCE, self.docker.ping()).await {
            Ok(answer) => answer.map(drop).map_err(|error| lost(error.to_string())),
            Err(_) => Err(lost(format!("no answer within {PATIENCE:?}"))),
        }
    }

    /// Waits for an engine that has gone; whether it came back.
    pub async fn comes_back(&self, within: Duration) -> bool {
        let start = Instant::now();
        while self.answers().await.is_err() {
            if start.elapsed() >= within {
                return false;
            }
            tokio::time::sleep(PAUSE).await;
        }
        true
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    pub fn api(&self) -> &str {
        &self.api
    }

    /// Whether containers run under this process's kernel and not in a virtual machine.
    pub(super) fn is_on_this_kernel(&self) -> bool {
        rustix::system::uname().release().to_bytes() == self.kernel.as_bytes()
    }

    pub(super) fn architecture(&self) -> &str {
        &self.architecture
    }

    /// Version of the control groups the engine counts resources by: `1` or `2`.
    pub async fn cgroup_version(&self) -> Result<String, Error> {
        let info = self.docker.info().await.map_err(|source| Error::Engine {
            action: "ask the engine about itself".into(),
            source,
        })?;
        Ok(info
            .cgroup_version
            .map_or_else(|| "1".into(), |version| version.to_string()))
    }
}

/// The socket that is tried: `DOCKER_HOST`, else the default.
pub fn socket() -> String {
    env::var("DOCKER_HOST")
        .ok()
        .filter(|host| !host.is_empty())
        .unwrap_or_else(|| "unix:///var/run/docker.sock".into())
}

/// Published ports are bound to the engine's own loopback address.
fn is_remote(socket: &str) -> bool {
    let Some((_, authority)) = socket
        .split_once("://")
        .filter(|(scheme, _)| *scheme != "unix")
    else {
        return false;
    };
    let address = authority.split('/').next().unwrap_or_default();
    !is_loopback(without_port(address))
}

fn numbers(version: &str) -> Vec<u32> {
    version
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert!(numbers("1.9") < numbers("1.41"));
        assert!(numbers("1.53") > numbers(OLDEST_API));
    }

    #[test]
    fn only_engines_of_this_machine_will_do() {
        assert!(!is_remote("unix:///run/user/1000/docker.sock"));
        assert!(!is_remote("tcp://127.0.0.1:2375"));
        assert!(!is_remote("tcp://[::1]:2375/"));
        assert!(is_remote("tcp://127.build.test:2375"));
        assert!(is_remote("tcp://build-host:2375"));
        assert!(is_remote("ssh://build-host"));
    }
}
