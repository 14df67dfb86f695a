//! Images: built through the engine's API or pulled, their architecture checked, their
//! identifiers recorded.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bollard::body_full;
use bollard::errors::Error as EngineError;
use bollard::models::BuildInfo;
use bollard::query_parameters::{BuildImageOptionsBuilder, CreateImageOptionsBuilder};
use futures_util::{Stream, StreamExt};

use super::context::Context;
use super::tail::tail;
use super::{Engine, Error, Observer, Stage, services};
use crate::model::{Plan, ServiceSource, Source, Target};

/// The images of a plan by the name of their server or service.
#[derive(Debug, Default)]
pub(super) struct Images(BTreeMap<String, Image>);

/// An image that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    /// Name and tag, as containers are created from.
    pub(super) name: String,
    pub(super) tag: String,
    id: String,
}

/// Whether an image can be run, because it is there or can be pulled, and is another one than a
/// server's own.
pub async fn is_another(engine: &Engine, target: &Target, reference: &str) -> bool {
    let Ok(image) = pull(engine, reference, &|_| ()).await else {
        return false;
    };
    let own = match &target.source {
        Source::Image(name) => pull(engine, name, &|_| ()).await.ok(),
        Source::Build(folder) => built(engine, folder).await,
        Source::Run(_) | Source::Url(_) => return false,
    };
    own.is_none_or(|own| own.id != image.id)
}

/// The image of a folder as it is, where it has been built.
async fn built(engine: &Engine, folder: &Path) -> Option<Image> {
    let Context { digest, .. } = Context::read(folder).ok()?;
    find(engine, &name_of(folder), &digest).await.ok()?
}

/// What the images of a folder are called.
fn name_of(folder: &Path) -> String {
    format!("{BUILT}/{}", repository(folder))
}

/// Repository of the images that perfgate builds.
pub(super) const BUILT: &str = "perfgate";

/// Bytes of a build's output that are kept for an error.
const LONGEST_OUTPUT: usize = 64 * 1024;

enum Origin<'a> {
    Pull(&'a str),
    Build(&'a Path),
}

impl Images {
    /// Builds or pulls every image of the plan. A folder named twice is built once.
    pub(super) async fn provide(
        plan: &Plan,
        engine: Option<&Engine>,
        observe: Observer<'_>,
    ) -> Result<Self, Error> {
        let mut images = Self::default();
        let Some(engine) = engine else {
            return Ok(images);
        };
        let within = plan.deadlines.image;
        let mut built: BTreeMap<&Path, Image> = BTreeMap::new();
        for (user, origin) in origins(plan) {
            let image = match origin {
                Origin::Pull(image) => {
                    let pull = tokio::time::timeout(within, pull(engine, image, observe));
                    let late = || overdue(&user, format!("pull {image}"), within, "");
                    pull.await.unwrap_or_else(|_| Err(late()))?
                }
                Origin::Build(folder) => match built.get(folder) {
                    Some(image) => image.clone(),
                    None => build(engine, &user, folder, within, observe).await?,
                },
            };
            if let Origin::Build(folder) = origin {
                built.insert(folder, image.clone());
            }
            images.0.insert(user, image);
        }
        Ok(images)
    }

    /// Takes over others.
    pub(super) fn add(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    pub(super) fn get(&self, user: &str) -> &Image {
        self.0
            .get(user)
            .expect("every contained server and service has its image provided first")
    }

    /// Name and tag of a server's image, where it has one; the tag of one that was built is a digest
    /// of the folder.
    pub(super) fn name(&self, user: &str) -> Option<String> {
        let image = self.0.get(user)?;
        Some(format!("{}:{}", image.name, image.tag))
    }

    pub(super) fn ids(&self) -> BTreeMap<String, String> {
        self.0
            .iter()
            .map(|(user, image)| (user.clone(), image.id.clone()))
            .collect()
    }
}

fn origins(plan: &Plan) -> impl Iterator<Item = (String, Origin<'_>)> {
    let of_services = services(plan).filter_map(|(name, source)| match source {
        ServiceSource::Image(image) => Some((name, Origin::Pull(image))),
        ServiceSource::Build(folder) => Some((name, Origin::Build(folder))),
        ServiceSource::Url(_) => None,
    });
    let of_servers = plan
        .targets
        .iter()
        .filter_map(|target| match &target.source {
            Source::Image(image) => Some((target.name.clone(), Origin::Pull(image))),
            Source::Build(folder) => Some((target.name.clone(), Origin::Build(folder))),
            Source::Run(_) | Source::Url(_) => None,
        });
    of_services.chain(of_servers)
}

async fn pull(engine: &Engine, reference: &str, observe: Observer<'_>) -> Result<Image, Error> {
    let (name, tag) = split(reference);
    if let Some(image) = find(engine, &name, &tag).await? {
        return Ok(image);
    }
    observe(Stage::Pull(reference));
    let (from, tag_or_digest) = match name.strip_suffix("@sha256") {
        Some(plain) => (plain, format!("sha256:{tag}")),
        None => (name.as_str(), tag.clone()),
    };
    let options = CreateImageOptionsBuilder::default()
        .from_image(from)
        .tag(&tag_or_digest)
        .build();
    let mut progress = engine.docker.create_image(Some(options), None, None);
    let fail = |source| Error::Pull {
        image: reference.to_owned(),
        source,
    };
    while let Some(step) = progress.next().await {
        step.map_err(fail)?;
    }
    find(engine, &name, &tag).await?.ok_or_else(|| {
        fail(EngineError::DockerResponseServerError {
            status_code: 404,
            message: "the pull ended and the image is not there".into(),
        })
    })
}

/// Name and tag of an image reference; a colon before a slash belongs to a registry's port. A name
/// with a digest stays whole.
fn split(reference: &str) -> (String, String) {
    if let Some((name, digest)) = reference.split_once('@') {
        return (
            format!("{name}@sha256"),
            digest.trim_start_matches("sha256:").to_owned(),
        );
    }
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name.to_owned(), tag.to_owned()),
        _ => (reference.to_owned(), "latest".to_owned()),
    }
}

async fn find(engine: &Engine, name: &str, tag: &str) -> Result<Option<Image>, Error> {
    let reference = format!("{name}:{tag}");
    let found = match engine.docker.inspect_image(&reference).await {
        Ok(found) => found,
        Err(EngineError::DockerResponseServerError {
            status_code: 404, ..
        }) => return Ok(None),
        Err(source) => {
            return Err(Error::Engine {
                action: format!("inspect the image `{reference}`"),
                source,
            });
        }
    };
    let architecture = found.architecture.unwrap_or_default();
    if architecture != engine.architecture() {
        return Err(Error::Architecture {
            image: reference,
            found: architecture,
            wanted: engine.architecture().to_owned(),
        });
    }
    Ok(Some(Image {
        name: name.to_owned(),
        tag: tag.to_owned(),
        id: identifier(found.repo_digests, found.id),
    }))
}

/// What names the image for good: its digest in a registry, from which it can be pulled again, or
/// its identifier on this machine.
fn identifier(digests: Option<Vec<String>>, id: Option<String>) -> String {
    let pulled = digests.and_then(|all| all.into_iter().next());
    pulled.or(id).unwrap_or_default()
}

/// Builds a folder with the classic builder; its cache makes an unchanged folder cheap.
async fn build(
    engine: &Engine,
    user: &str,
    folder: &Path,
    within: Duration,
    observe: Observer<'_>,
) -> Result<Image, Error> {
    observe(Stage::Build(user));
    let Context { archive, digest } = Context::read(folder)?;
    let name = name_of(folder);
    let options = BuildImageOptionsBuilder::default()
        .t(&format!("{name}:{digest}"))
        .dockerfile("Dockerfile")
        .rm(true)
        .forcerm(true)
        .build();
    let failed = |message: String, output: &str| Error::Build {
        name: user.to_owned(),
        folder: folder.to_owned(),
        message,
        output: tail(output.as_bytes()),
    };
    let mut output = String::new();
    let body = Some(body_full(archive.into()));
    let steps = engine.docker.build_image(options, None, body);
    let followed = follow(steps, &mut output, observe);
    let Ok(ended) = tokio::time::timeout(within, followed).await else {
        let what = format!("build {}", folder.display());
        return Err(overdue(user, what, within, &output));
    };
    ended.map_err(|message| failed(message, &output))?;
    let image = find(engine, &name, &digest).await?;
    image.ok_or_else(|| failed("the build ended and the image is not there".into(), &output))
}

/// Follows a build to its end; why it failed, otherwise.
async fn follow(
    steps: impl Stream<Item = Result<BuildInfo, EngineError>>,
    output: &mut String,
    observe: Observer<'_>,
) -> Result<(), String> {
    let mut steps = std::pin::pin!(steps);
    while let Some(step) = steps.next().await {
        let step = step.map_err(|error| error.to_string())?;
        if let Some(detail) = step.error_detail {
            return Err(detail.message.unwrap_or_default());
        }
        if let Some(text) = step.stream {
            text.lines()
                .filter(|line| line.starts_with("Step "))
                .for_each(|line| observe(Stage::Output(line)));
            output.push_str(&text);
            keep_last(output);
        }
    }
    Ok(())
}

/// Leaves the end of an output that nobody reads in full.
fn keep_last(output: &mut String) {
    if output.len() > 2 * LONGEST_OUTPUT {
        let start = output.len() - LONGEST_OUTPUT;
        let start = (start..output.len()).find(|at| output.is_char_boundary(*at));
        output.drain(..start.unwrap_or_default());
    }
}

fn overdue(name: &str, command: String, within: Duration, output: &str) -> Error {
    Error::Overdue {
        name: name.to_owned(),
        command,
        within,
        output: tail(output.as_bytes()),
    }
}

/// The folder's name as an image repository may be called.
fn repository(folder: &Path) -> String {
    let name = folder.file_name().map_or_else(
        || "app".into(),
        |name| name.to_string_lossy().to_lowercase(),
    );
    let allowed = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '-'
        }
    };
    let name: String = name.chars().map(allowed).collect();
    let name = name.trim_matches('-');
    if name.is_empty() {
        "app".into()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_split_at_their_tag() {
        assert_eq!(split("postgres:17"), ("postgres".into(), "17".into()));
        assert_eq!(
            split("host:5000/app"),
            ("host:5000/app".into(), "latest".into())
        );
        let digest = ("host:5000/app@sha256".into(), "1f".into());
        assert_eq!(split("host:5000/app@sha256:1f"), digest);
        assert_eq!(split("sha256:1f"), ("sha256".into(), "1f".into()));
        assert_eq!(
            split("host:5000/app:v2"),
            ("host:5000/app".into(), "v2".into())
        );
    }

    #[test]
    fn folders_make_valid_repositories() {
        assert_eq!(repository(Path::new("fixtures/My App")), "my-app");
        assert_eq!(repository(Path::new("..")), "app");
    }
}
