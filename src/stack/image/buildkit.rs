//! Builds that ask back while they run, for a secret or a cache: BuildKit's own protocol, over the
//! engine's socket.

use std::collections::HashMap;
use std::path::Path;

use bollard::grpc::build::moby::buildkit::v1::CacheOptionsEntry;
use bollard::grpc::build::{
    ImageBuildFrontendOptions, ImageBuildLoadInput, ImageBuildPlatform, SecretSource,
};
use bollard::grpc::driver::Build as _;
use bollard::grpc::driver::moby::Moby;
use bollard::grpc::error::GrpcError;
use bytes::Bytes;

use super::super::Engine;
use crate::model::{self, Build};

/// Why a build failed.
pub(super) enum Failure {
    /// The builder says so.
    Said(String),
    /// The engine does not speak the protocol.
    Refused(String),
}

/// Builds an archive of a folder, and names the image.
pub(super) async fn build(
    engine: &Engine,
    build: &Build,
    dockerfile: &str,
    name: &str,
    label: (&str, &str),
    args: impl Iterator<Item = (String, String)>,
    archive: Vec<u8>,
) -> Result<(), Failure> {
    let more = &build.buildkit;
    let mut options = ImageBuildFrontendOptions::builder()
        .dockerfile(Path::new(dockerfile))
        .label(label.0, label.1)
        .enable_ssh(more.ssh);
    if let Some(target) = &build.target {
        options = options.target(target);
    }
    for (arg, value) in args {
        options = options.buildarg(&arg, &value);
    }
    for (id, source) in &more.secrets {
        let source = match source {
            model::SecretSource::Variable(name) => SecretSource::Env(name.clone()),
            model::SecretSource::File(path) => SecretSource::File(path.clone()),
        };
        options = options.set_secret(id, &source);
    }
    if let Some(platform) = more.platform.as_deref().and_then(platform) {
        options = options.platforms(&platform);
    }
    for entry in &more.cache_from {
        options = options.cachefrom(&cache(entry));
    }
    for entry in &more.cache_to {
        options = options.cacheto(&cache(entry));
    }
    let input = ImageBuildLoadInput::Upload(Bytes::from(archive));
    let driver = Moby::new(&engine.docker);
    let solved = driver.docker_build(name, options.build(), input, None, None);
    solved.await.map_err(|error| match error {
        GrpcError::TonicStatus { err } => Failure::Said(err.message().to_owned()),
        other => Failure::Refused(other.to_string()),
    })
}

/// `linux/arm64/v8` in its parts.
fn platform(text: &str) -> Option<ImageBuildPlatform> {
    let mut parts = text.split('/').map(str::to_owned);
    Some(ImageBuildPlatform {
        os: parts.next()?,
        architecture: parts.next()?,
        variant: parts.next(),
    })
}

/// An image of a registry, or `type=NAME,KEY=VALUE,…` as `docker build --cache-from` takes it.
fn cache(text: &str) -> CacheOptionsEntry {
    let pairs = text.split(',').map(|it| it.split_once('='));
    let pairs: Option<HashMap<_, _>> = pairs.collect();
    let mut attrs: HashMap<String, String> = match pairs.filter(|it| it.contains_key("type")) {
        Some(pairs) => pairs
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        None => HashMap::from([
            ("type".into(), "registry".into()),
            ("ref".into(), text.into()),
        ]),
    };
    CacheOptionsEntry {
        r#type: attrs.remove("type").unwrap_or_default(),
        attrs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_is_an_image_or_of_a_type() {
        let entry = |text: &str| {
            let entry = cache(text);
            let mut attrs: Vec<_> = entry.attrs.into_iter().collect();
            attrs.sort();
            (entry.r#type, attrs)
        };
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            entry("ghcr.io/org/app:cache"),
            (
                "registry".into(),
                vec![pair("ref", "ghcr.io/org/app:cache")]
            )
        );
        assert_eq!(
            entry("type=gha,scope=app"),
            ("gha".into(), vec![pair("scope", "app")])
        );
        assert_eq!(entry("type=inline"), ("inline".into(), Vec::new()));
    }

    #[test]
    fn a_platform_has_two_parts_or_three() {
        let shown = |text| platform(text).map(|it| it.to_string());
        assert_eq!(shown("linux/arm64/v8").as_deref(), Some("linux/arm64/v8"));
        assert_eq!(shown("linux/amd64").as_deref(), Some("linux/amd64"));
        assert_eq!(shown("linux"), None);
    }
}
