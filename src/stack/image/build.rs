//! The build of a folder, and the image of it that is there already.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

use bollard::body_full;
use bollard::errors::Error as EngineError;
use bollard::models::{BuildInfo, BuildInfoAux};
use bollard::query_parameters::{
    BuildImageOptionsBuilder, BuilderVersion, RemoveImageOptions, TagImageOptionsBuilder,
};
use futures_util::{Stream, StreamExt};

use super::super::context::Context;
use super::super::substitutions::with_environment;
use super::super::tail::tail;
use super::super::{Engine, Error, Observer, Stage};
use super::buildkit::{self, Failure};
use super::{Image, LABEL, dockerfile, find};
use crate::bounded;
use crate::model::{Build, BuildKit};
use crate::secrets::know_masks;

/// Bytes of a build's output that are kept for an error.
const LONGEST_OUTPUT: usize = 64 * 1024;
const LARGEST_DOCKERFILE: u64 = 1 << 20;

/// A folder as it is, and what its image is called.
pub(super) struct Recipe<'a> {
    pub(super) name: String,
    /// Digest of the folder and of the images that it starts from.
    pub(super) tag: String,
    build: &'a Build,
    context: Context,
    /// Whether another build could bring nothing else than the tag stands for, as far as the
    /// engine's own cache would see.
    is_settled: bool,
}

/// The output of a build as it comes.
#[derive(Debug, Default)]
struct Output {
    text: String,
    /// The state of each stage: how many steps, and the image of the last.
    stages: Vec<(usize, String)>,
    /// Steps of BuildKit that have begun.
    begun: BTreeSet<String>,
}

fn failure(error: EngineError) -> Failure {
    match error {
        EngineError::DockerResponseServerError { message, .. } => Failure::Refused(message),
        EngineError::DockerStreamError { error } => Failure::Said(error),
        other => Failure::Said(other.to_string()),
    }
}

impl<'a> Recipe<'a> {
    pub(super) async fn read(
        engine: &Engine,
        name: String,
        build: &'a Build,
    ) -> Result<Self, Error> {
        let context = Context::read(build)?;
        let (tag, is_settled) = tag(engine, build, &context).await;
        Ok(Self {
            name,
            tag,
            build,
            context,
            is_settled,
        })
    }

    /// The image, and whether it had to be built.
    pub(super) async fn provide(
        mut self,
        engine: &Engine,
        user: &str,
        within: Duration,
        observe: Observer<'_>,
    ) -> Result<(Image, bool), Error> {
        if self.is_settled
            && let Some(image) = find(engine, &self.name, &self.tag).await?
        {
            return Ok((image, false));
        }
        let mut output = Output::default();
        self.build(engine, user, within, observe, &mut output)
            .await?;
        self.settle(engine).await?;
        self.name_stages(engine, &output).await;
        let image = find(engine, &self.name, &self.tag).await?;
        let missing = || self.failed(user, "the build ended and the image is not there", &output);
        Ok((image.ok_or_else(missing)?, true))
    }

    /// Builds the folder: what BuildKit alone takes by BuildKit, the rest by the classic builder, which
    /// every engine has and whose stages have names.
    async fn build(
        &mut self,
        engine: &Engine,
        user: &str,
        within: Duration,
        observe: Observer<'_>,
        output: &mut Output,
    ) -> Result<(), Error> {
        observe(Stage::Build(user));
        if self.build.buildkit != BuildKit::default() {
            return self.build_with_session(engine, user, within, output).await;
        }
        let construct = dockerfile::needs_buildkit(&read(self.build));
        let options = BuildImageOptionsBuilder::default()
            .t(&format!("{}:{}", self.name, self.tag))
            .dockerfile(&self.context.dockerfile)
            .target(self.build.target.as_deref().unwrap_or_default())
            .buildargs(&arguments(self.build).collect::<HashMap<_, _>>())
            .labels(&HashMap::from([(LABEL, self.name.as_str())]))
            .rm(true)
            .forcerm(true);
        let options = match construct {
            None => options,
            Some(_) => options
                .version(BuilderVersion::BuilderBuildKit)
                .session(&format!("perfgate-{:016x}", rand::random::<u64>())),
        };
        let body = Some(body_full(std::mem::take(&mut self.context.archive).into()));
        let steps = engine.docker.build_image(options.build(), None, body);
        let followed = tokio::time::timeout(within, output.follow(steps, observe)).await;
        match followed {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Failure::Said(message))) => Err(self.failed(user, &message, output)),
            Ok(Err(Failure::Refused(message))) => {
                let message = match construct {
                    None => message,
                    Some(construct) => format!(
                        "{construct} in its Dockerfile needs BuildKit, which this engine does not \
                         offer: {message}"
                    ),
                };
                Err(self.failed(user, &message, output))
            }
            Err(_) => Err(self.overdue(user, within, output)),
        }
    }

    /// Builds with what BuildKit asks this process for. Its protocol gives the reason of a failure and
    /// no output.
    async fn build_with_session(
        &mut self,
        engine: &Engine,
        user: &str,
        within: Duration,
        output: &Output,
    ) -> Result<(), Error> {
        let archive = std::mem::take(&mut self.context.archive);
        let name = format!("{}:{}", self.name, self.tag);
        let building = buildkit::build(
            engine,
            self.build,
            &self.context.dockerfile,
            &name,
            (LABEL, &self.name),
            arguments(self.build),
            archive,
        );
        match tokio::time::timeout(within, building).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Failure::Said(message))) => Err(self.failed(user, &message, output)),
            Ok(Err(Failure::Refused(message))) => {
                let message = format!(
                    "`secrets`, `ssh`, `platform`, `cache_from` and `cache_to` need BuildKit, which \
                     this engine does not offer: {message}"
                );
                Err(self.failed(user, &message, output))
            }
            Err(_) => Err(self.overdue(user, within, output)),
        }
    }

    fn overdue(&self, user: &str, within: Duration, output: &Output) -> Error {
        Error::Overdue {
            name: user.to_owned(),
            command: format!("build {}", self.build.context.display()),
            within,
            output: tail(output.text.as_bytes()),
        }
    }

    /// Calls the image anew where the build has pulled what the folder starts from.
    async fn settle(&mut self, engine: &Engine) -> Result<(), Error> {
        let (tag, _) = tag(engine, self.build, &self.context).await;
        if tag == self.tag {
            return Ok(());
        }
        let old = format!("{}:{}", self.name, self.tag);
        let named = self.call(engine, &old, &tag).await;
        named.map_err(|source| Error::Engine {
            action: format!("name the image `{old}`"),
            source,
        })?;
        self.tag = tag;
        let options = None::<RemoveImageOptions>;
        // Somebody else may have done so.
        let _gone = engine.docker.remove_image(&old, options, None).await;
        Ok(())
    }

    /// Names the stages that the image was copied from: without, nobody would know whose they are
    /// once they are old, and they are what takes most of a disk.
    async fn name_stages(&self, engine: &Engine, output: &Output) {
        let last = output.stages.len().saturating_sub(1);
        let stages = output.stages.iter().take(last).enumerate();
        for (number, (_, image)) in stages.filter(|(_, (steps, _))| *steps > 1) {
            let tag = format!("{}-{}", self.tag, number + 1);
            let _unnamed = self.call(engine, image, &tag).await;
        }
    }

    async fn call(&self, engine: &Engine, image: &str, tag: &str) -> Result<(), EngineError> {
        let options = TagImageOptionsBuilder::default();
        let options = options.repo(&self.name).tag(tag).build();
        engine.docker.tag_image(image, Some(options)).await
    }

    fn failed(&self, user: &str, message: &str, output: &Output) -> Error {
        Error::Build {
            name: user.to_owned(),
            folder: self.build.context.clone(),
            message: message.to_owned(),
            output: tail(output.text.as_bytes()),
        }
    }
}

/// The build arguments with the values that the environment has for them.
fn arguments(build: &Build) -> impl Iterator<Item = (String, String)> {
    let args = build.args.iter();
    args.map(|(name, value)| (name.clone(), with_environment(value)))
}

/// Digest of a folder and of the images that it starts from, as the engine has them now; whether
/// it stands for all that a build would see.
async fn tag(engine: &Engine, build: &Build, context: &Context) -> (String, bool) {
    let images = dockerfile::images(&read(build));
    let mut is_settled = images.is_some();
    let args: Vec<_> = arguments(build).collect();
    let mut bases = BTreeMap::new();
    for image in images.unwrap_or_default() {
        let found = engine.docker.inspect_image(&image).await.ok();
        let id = found.and_then(|found| found.id);
        is_settled &= id.is_some();
        bases.insert(image, id);
    }
    let all = build
        .options(Some(Path::new(&context.dockerfile)))
        .always("files", &context.digest)
        .with("args", &args)
        .with("bases", &bases);
    (all.digest(), is_settled)
}

/// The text of a Dockerfile; nothing of one that is not there, which the builder says.
fn read(build: &Build) -> String {
    let text = bounded::read(&build.file(), LARGEST_DOCKERFILE).unwrap_or_default();
    String::from_utf8_lossy(&text).into_owned()
}

impl Output {
    /// Follows a build to its end; why it failed, otherwise.
    async fn follow(
        &mut self,
        steps: impl Stream<Item = Result<BuildInfo, EngineError>>,
        observe: Observer<'_>,
    ) -> Result<(), Failure> {
        let mut steps = std::pin::pin!(steps);
        while let Some(step) = steps.next().await {
            let step = step.map_err(failure)?;
            if let Some(detail) = step.error_detail {
                return Err(Failure::Said(detail.message.unwrap_or_default()));
            }
            if let Some(BuildInfoAux::BuildKit(status)) = &step.aux {
                for vertex in &status.vertexes {
                    self.begin(&vertex.name, vertex.started.is_some(), observe);
                }
                for log in &status.logs {
                    self.add(&String::from_utf8_lossy(&log.msg));
                }
            }
            if let Some(text) = step.stream {
                text.lines()
                    .filter(|line| line.starts_with("Step "))
                    .for_each(|line| observe(Stage::Output(line)));
                self.add(&text);
            }
        }
        Ok(())
    }

    /// Notes a step of BuildKit, which reports each several times.
    fn begin(&mut self, step: &str, has_started: bool, observe: Observer<'_>) {
        let is_of_file = step.starts_with('[') && !step.starts_with("[internal]");
        if has_started && is_of_file && self.begun.insert(step.to_owned()) {
            observe(Stage::Output(step));
            self.add(&format!("{step}\n"));
        }
    }

    fn add(&mut self, text: &str) {
        know_masks(text);
        for line in text.lines() {
            self.count(line);
        }
        self.text.push_str(text);
        self.keep_last();
    }

    /// `Step 3/5 : FROM scratch` begins a stage, ` ---> 1f2e3d4c5b6a` ends a step.
    fn count(&mut self, line: &str) {
        if let Some((_, instruction)) = line
            .strip_prefix("Step ")
            .and_then(|it| it.split_once(" : "))
        {
            let word = instruction.split_whitespace().next().unwrap_or_default();
            if word.eq_ignore_ascii_case("FROM") {
                self.stages.push((0, String::new()));
            }
            self.stages.last_mut().into_iter().for_each(|it| it.0 += 1);
        }
        let image = line.strip_prefix(" ---> ").unwrap_or_default();
        let is_image = !image.is_empty() && image.bytes().all(|it| it.is_ascii_hexdigit());
        if let Some((_, last)) = self.stages.last_mut().filter(|_| is_image) {
            image.clone_into(last);
        }
    }

    /// Leaves the end of a text that nobody reads in full.
    fn keep_last(&mut self) {
        let text = &mut self.text;
        if text.len() > 2 * LONGEST_OUTPUT {
            let start = text.len() - LONGEST_OUTPUT;
            let start = (start..text.len()).find(|at| text.is_char_boundary(*at));
            text.drain(..start.unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_end_with_the_image_of_their_last_step() {
        let mut output = Output::default();
        for text in [
            "Step 1/5 : FROM scratch AS one",
            "\n",
            " ---> \n",
            "Step 2/5 : COPY a /a",
            "\n",
            " ---> Using cache\n",
            " ---> 8166fe15bb1c\n",
            "Step 3/5 : from debian",
            " ---> 5c3d2e1f0a9b\n",
            "Step 4/5 : FROM scratch",
            "Step 5/5 : RUN x",
            " ---> Running in 56a1a24b13db\n",
            " ---> c38fdc6c0b23\n",
        ] {
            output.add(text);
        }
        let expected = [
            (2, "8166fe15bb1c"),
            (1, "5c3d2e1f0a9b"),
            (2, "c38fdc6c0b23"),
        ];
        assert_eq!(
            output.stages,
            expected.map(|(steps, image)| (steps, image.to_owned()))
        );
    }
}
