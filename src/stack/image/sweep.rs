//! Removes images that perfgate built: those that newer ones replace, or all.

use std::collections::{BTreeMap, BTreeSet};

use bollard::errors::Error as EngineError;
use bollard::models::ImageSummary;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptions, RemoveImageOptions,
};

use super::super::{Engine, Error};
use super::LABEL;
use super::name::{digest_of, is_own};

/// Images of one name that are kept beside those that a run uses: the newest.
const KEPT: usize = 3;

/// What became of the images that perfgate built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Images {
    pub removed: usize,
    /// Containers use them.
    pub kept: usize,
}

/// Removes the images that perfgate built and that no container uses. What somebody else named,
/// keeps that name.
pub async fn remove_images(engine: &Engine) -> Result<Images, Error> {
    let busy = busy(engine).await?;
    let mut images = Images::default();
    for image in list(engine).await? {
        let own = image.repo_tags.iter().filter(|it| is_own(it));
        for reference in own {
            if !busy.contains(&image.id) && remove(engine, reference).await? {
                images.removed += 1;
            } else {
                images.kept += 1;
            }
        }
    }
    Ok(images)
}

/// Removes what newer images replace, of the names that a run built; `used` are the references
/// and identifiers that it runs.
pub(super) async fn remove_replaced(
    engine: &Engine,
    names: &BTreeSet<String>,
    used: &BTreeSet<String>,
) -> Result<(), Error> {
    let (images, busy) = (list(engine).await?, busy(engine).await?);
    for name in names {
        for reference in replaced(&images, name, used, &busy) {
            remove(engine, reference).await?;
        }
    }
    Ok(())
}

/// What was made of one content: the image and its stages.
#[derive(Debug, Default)]
struct Build<'a> {
    created: i64,
    references: Vec<&'a str>,
    is_kept: bool,
}

/// The references of a name that newer ones replace. Only what has the label is touched, and
/// nothing that a container uses or that has a name of somebody else.
fn replaced<'a>(
    images: &'a [ImageSummary],
    name: &str,
    used: &BTreeSet<String>,
    busy: &BTreeSet<String>,
) -> Vec<&'a str> {
    let mut builds: BTreeMap<&str, Build<'_>> = BTreeMap::new();
    for image in images {
        let is_theirs = image.repo_tags.iter().any(|it| !is_own(it));
        for reference in &image.repo_tags {
            let Some(digest) = digest_of(reference, name) else {
                continue;
            };
            // Stages have no label: engines give it to the last one alone.
            let is_stage = !reference.ends_with(digest);
            let is_labelled = image.labels.get(LABEL).is_some_and(|it| it == name);
            let build = builds.entry(digest).or_default();
            build.created = build.created.max(image.created);
            build.references.push(reference);
            build.is_kept |= is_theirs
                || busy.contains(&image.id)
                || used.contains(reference)
                || used.contains(&image.id)
                || !(is_stage || is_labelled);
        }
    }
    let mut builds: Vec<_> = builds.into_values().collect();
    builds.sort_by_key(|build| std::cmp::Reverse(build.created));
    let old = builds.into_iter().skip(KEPT).filter(|build| !build.is_kept);
    old.flat_map(|build| build.references).collect()
}

async fn list(engine: &Engine) -> Result<Vec<ImageSummary>, Error> {
    let listed = engine.docker.list_images(None::<ListImagesOptions>).await;
    listed.map_err(|source| Error::Engine {
        action: "list images".into(),
        source,
    })
}

/// The images that containers use, also those that have ended.
async fn busy(engine: &Engine) -> Result<BTreeSet<String>, Error> {
    let options = ListContainersOptionsBuilder::default().all(true).build();
    let listed = engine.docker.list_containers(Some(options)).await;
    let listed = listed.map_err(|source| Error::Engine {
        action: "list containers".into(),
        source,
    })?;
    Ok(listed.into_iter().filter_map(|it| it.image_id).collect())
}

/// Whether a reference could be removed: a container may use it since.
async fn remove(engine: &Engine, reference: &str) -> Result<bool, Error> {
    let removed = engine
        .docker
        .remove_image(reference, None::<RemoveImageOptions>, None);
    match removed.await {
        Ok(_) => Ok(true),
        Err(source) => match source {
            EngineError::DockerResponseServerError { status_code, .. }
                if [404, 409].contains(&status_code) =>
            {
                Ok(status_code == 404)
            }
            source => Err(Error::Engine {
                action: format!("remove the image `{reference}`"),
                source,
            }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "perfgate/web-1a2b3c4d";

    /// The image of a content, built so many seconds after the first.
    fn image(content: u8, created: i64, more: &[&str]) -> ImageSummary {
        let own = format!("{NAME}:{content:016x}");
        let more = more.iter().map(|it| (*it).to_owned());
        ImageSummary {
            id: format!("sha256:{content}"),
            created,
            repo_tags: [own].into_iter().chain(more).collect(),
            labels: [(LABEL.to_owned(), NAME.to_owned())].into(),
            ..ImageSummary::default()
        }
    }

    fn contents<'a>(references: &[&'a str]) -> Vec<&'a str> {
        let ends = references.iter().map(|it| it.trim_start_matches(NAME));
        ends.map(|it| it.trim_start_matches([':', '0'])).collect()
    }

    #[test]
    fn the_newest_stay_and_those_that_are_used() {
        let images: Vec<_> = (1..=7).map(|it| image(it, i64::from(it), &[])).collect();
        // The second by its name, the first as a stored run has it.
        let used = BTreeSet::from([format!("{NAME}:{:016x}", 2), "sha256:1".into()]);
        let busy = BTreeSet::from(["sha256:3".to_owned()]);
        let old = replaced(&images, NAME, &used, &busy);
        assert_eq!(contents(&old), ["4"]);
        assert!(replaced(&images, "perfgate/other-1a2b3c4d", &used, &busy).is_empty());
    }

    #[test]
    fn what_is_not_perfgates_alone_stays() {
        let mut images: Vec<_> = (4..=7).map(|it| image(it, i64::from(it), &[])).collect();
        images.push(image(1, 1, &["shop:1.2"]));
        images.push(image(2, 2, &[&format!("{NAME}:keep")]));
        images.push(ImageSummary {
            labels: [].into(),
            ..image(3, 3, &[])
        });
        let old = replaced(&images, NAME, &BTreeSet::new(), &BTreeSet::new());
        assert_eq!(contents(&old), ["4"]);
    }

    #[test]
    fn stages_go_with_the_image_they_were_built_for() {
        let mut images: Vec<_> = (1..=4).map(|it| image(it, i64::from(it), &[])).collect();
        // A stage that did not change has the references of two builds.
        let stage = |content: u8| format!("{NAME}:{content:016x}-1");
        images.push(ImageSummary {
            id: "sha256:stage".into(),
            created: 0,
            repo_tags: vec![stage(1), stage(2)],
            ..ImageSummary::default()
        });
        let old = replaced(&images, NAME, &BTreeSet::new(), &BTreeSet::new());
        assert_eq!(contents(&old), ["1", "1-1"]);
    }

    #[test]
    fn one_image_under_many_digests_does_not_gather_them() {
        let many = (2..=9).map(|it| format!("{NAME}:{it:016x}"));
        let many: Vec<_> = many.collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let images = [image(1, 1, &many)];
        let used = BTreeSet::from([format!("{NAME}:{:016x}", 9)]);
        let old = replaced(&images, NAME, &used, &BTreeSet::new());
        assert_eq!(contents(&old), ["4", "5", "6", "7", "8"]);
    }
}
