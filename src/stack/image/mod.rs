//! Images: built through the engine's API or pulled, their architecture checked, their
//! identifiers recorded. One that was built is called after its repository and its content, so
//! that it is found again, and goes when newer ones replace it.

mod build;
mod buildkit;
mod dockerfile;
mod name;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bollard::errors::Error as EngineError;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;
use futures_util::future::try_join_all;

use super::stack_context::StackContext;
use super::sweep::is_alone;
use super::tail::tail;
use super::{Engine, Error, Observer, Stage, sources};
use crate::model::{Build, Plan, ServiceSource, Source, Target};

use build::Recipe;
pub use sweep::remove_images;

/// Label of the images that perfgate built: their name.
const LABEL: &str = "dev.perfgate.image";

/// The images of a run.
#[derive(Debug, Default)]
pub(super) struct Images {
    /// By the name of their server or service.
    all: BTreeMap<String, Image>,
    /// Names of which one had to be built.
    new: BTreeSet<String>,
}

/// An image that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    /// Name and tag, as containers are created from.
    pub(super) name: String,
    pub(super) tag: String,
    pub(super) id: String,
}

/// Whether an image can be run, because it is there or can be pulled, and is another one than a
/// server's own.
pub async fn is_another(engine: &Engine, target: &Target, reference: &str) -> bool {
    let Ok(image) = pull(engine, reference, &|_| ()).await else {
        return false;
    };
    let own = match &target.source {
        Source::Image(name) => pull(engine, name, &|_| ()).await.ok(),
        Source::Build(build) => built(engine, build).await,
        Source::Run(_) | Source::Url(_) => return false,
    };
    own.is_none_or(|own| own.id != image.id)
}

/// The image of a folder as it is, where it has been built.
async fn built(engine: &Engine, build: &Build) -> Option<Image> {
    let recipe = Recipe::read(engine, name::of_build(build), build)
        .await
        .ok()?;
    find(engine, &recipe.name, &recipe.tag).await.ok()?
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin<'a> {
    Pull(&'a str),
    Build(&'a Build),
}

impl Images {
    /// Builds or pulls every image of a plan, all at the same time; those of bases are called after
    /// the heads of another. A folder named twice is built once.
    pub(super) async fn provide(
        &mut self,
        plan: &Plan,
        heads: &Plan,
        around: &StackContext,
        observe: Observer<'_>,
    ) -> Result<(), Error> {
        let Some(engine) = &around.engine else {
            return Ok(());
        };
        let all = Wanted::of_plan(plan, heads);
        let within = plan.deadlines.image;
        let is_one = all.len() == 1;
        let provided = all.iter().map(async |wanted| {
            // Lines of several builds are mixed.
            let named = |stage: Stage<'_>| match stage {
                Stage::Output(line) if !is_one => {
                    observe(Stage::Output(&format!("{}: {line}", wanted.users[0])));
                }
                stage => observe(stage),
            };
            wanted.provide(engine, within, &named).await
        });
        let provided = try_join_all(provided).await?;
        for (wanted, (image, is_new)) in all.into_iter().zip(provided) {
            self.new.extend(is_new.then(|| image.name.clone()));
            let users = wanted.users.into_iter();
            self.all.extend(users.map(|user| (user, image.clone())));
        }
        Ok(())
    }

    /// Removes what new images replace, unless another run may be about to use it. Comes after all
    /// of a run are there: an older one may be its base. A run does not fail by what it leaves: the
    /// next that builds removes it.
    pub(super) async fn remove_replaced(&self, around: &StackContext) {
        let Some(engine) = around.engine.as_ref().filter(|_| !self.new.is_empty()) else {
            return;
        };
        if is_alone(engine, &around.owner).await.unwrap_or_default() {
            let used = self.all.values().map(Image::reference).collect();
            let _left = sweep::remove_replaced(engine, &self.new, &used).await;
        }
    }

    pub(super) fn get(&self, user: &str) -> &Image {
        self.all
            .get(user)
            .expect("every contained server and service has its image provided first")
    }

    /// Name and tag of a server's image, where it has one; the tag of one that was built is a digest
    /// of the folder.
    pub(super) fn name(&self, user: &str) -> Option<String> {
        self.all.get(user).map(Image::reference)
    }

    pub(super) fn ids(&self) -> BTreeMap<String, String> {
        self.all
            .iter()
            .map(|(user, image)| (user.clone(), image.id.clone()))
            .collect()
    }
}

/// An image that servers and services of a plan need.
struct Wanted<'a> {
    origin: Origin<'a>,
    /// What it is called where it is built.
    name: String,
    users: Vec<String>,
}

impl<'a> Wanted<'a> {
    /// Each image once.
    fn of_plan(plan: &'a Plan, heads: &Plan) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for (user, origin) in origins(plan) {
            let name = match origin {
                Origin::Pull(image) => image.to_owned(),
                Origin::Build(build) => name::of_user(heads, &user, build),
            };
            let same = |it: &&mut Self| it.origin == origin && it.name == name;
            match all.iter_mut().find(same) {
                Some(wanted) => wanted.users.push(user),
                None => all.push(Self {
                    origin,
                    name,
                    users: vec![user],
                }),
            }
        }
        all
    }

    /// The image, and whether it had to be built.
    async fn provide(
        &self,
        engine: &Engine,
        within: Duration,
        observe: Observer<'_>,
    ) -> Result<(Image, bool), Error> {
        let user = &self.users[0];
        match self.origin {
            Origin::Pull(image) => {
                let image = pulled(within, engine, user, image, observe).await?;
                Ok((image, false))
            }
            Origin::Build(build) => {
                let recipe = Recipe::read(engine, self.name.clone(), build).await?;
                recipe.provide(engine, user, within, observe).await
            }
        }
    }
}

impl Image {
    fn reference(&self) -> String {
        format!("{}:{}", self.name, self.tag)
    }
}

fn origins(plan: &Plan) -> impl Iterator<Item = (String, Origin<'_>)> {
    let of_services = sources(plan).filter_map(|(name, source)| match source {
        ServiceSource::Image(image) => Some((name, Origin::Pull(image))),
        ServiceSource::Build(build) => Some((name, Origin::Build(build))),
        ServiceSource::Url(_) => None,
    });
    let of_servers = plan
        .targets
        .iter()
        .filter_map(|target| match &target.source {
            Source::Image(image) => Some((target.name.clone(), Origin::Pull(image))),
            Source::Build(build) => Some((target.name.clone(), Origin::Build(build))),
            Source::Run(_) | Source::Url(_) => None,
        });
    of_services.chain(of_servers)
}

/// Pulls an image within a deadline.
async fn pulled(
    within: Duration,
    engine: &Engine,
    user: &str,
    image: &str,
    observe: Observer<'_>,
) -> Result<Image, Error> {
    let pull = tokio::time::timeout(within, pull(engine, image, observe)).await;
    pull.unwrap_or_else(|_| {
        Err(Error::Overdue {
            name: user.to_owned(),
            command: format!("pull {image}"),
            within,
            output: tail(b""),
        })
    })
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
}
