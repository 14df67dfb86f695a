//! A reverse proxy in front of one server.

use std::net::SocketAddr;

use super::container::{Container, container_name};
use super::recipe::Recipe;
use super::{Error, Stack, Tenancy};
use crate::model::{Address, ContainerSettings, Origin, Placeholder, Proxy, Source, Target};

/// The name that a proxy's image has among those of a run.
pub(super) fn image_name(proxy: &str) -> String {
    format!("proxy.{proxy}")
}

impl Stack {
    /// Starts the proxy that a server stands behind; where the proxy listens. It may not answer yet.
    pub(super) async fn start_proxy(
        &self,
        target: &Target,
        proxy: &Proxy,
        server: &Origin,
    ) -> Result<(Container, SocketAddr), Error> {
        let around = &self.context;
        let mut substitutions =
            self.substitutions(around.listen(proxy.port)?, &Tenancy::default(), true);
        substitutions.set(Placeholder::Upstream, self.upstream(target, server)?);
        let recipe = Recipe {
            name: &proxy.name,
            role: format!("{}-{}", target.role(), proxy.name),
            image: self.images.get(&image_name(&proxy.name)),
            command: substitutions.fill_all(&proxy.command),
            env: substitutions.fill_env(&proxy.env),
            listen: Some(substitutions.listen),
            ports: &[],
            cpus: &around.cores.services,
            memory: None,
            settings: ContainerSettings {
                files: substitutions.fill_files(&proxy.files),
                ..ContainerSettings::default()
            },
        };
        let container = Container::start(recipe, around).await?;
        let address = container.address().await?;
        Ok((container, address))
    }

    /// Host and port under which the proxy reaches the server.
    fn upstream(&self, target: &Target, server: &Origin) -> Result<String, Error> {
        let around = &self.context;
        match (&target.source, &server.address) {
            (Source::Image(_) | Source::Build(_), _) if around.is_bridged() => {
                let name = container_name(&around.owner, &target.role());
                Ok(format!("{name}:{}", target.port))
            }
            (_, address @ Address::Tcp(..)) => Ok(address.to_string()),
            (_, address @ Address::Unix(_)) => Err(Error::Upstream {
                name: target.name.clone(),
                address: address.to_string(),
            }),
        }
    }
}
