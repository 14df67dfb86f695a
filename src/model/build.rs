use std::path::PathBuf;

use serde::Serialize;

/// How an image is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Build {
    /// The folder whose files the builder gets.
    pub context: PathBuf,
    /// By default the file of that name in the folder.
    pub dockerfile: Option<PathBuf>,
    /// The stage that is built; by default the last one.
    pub target: Option<String>,
    /// Build arguments, name and value.
    pub args: Vec<(String, String)>,
    pub buildkit: BuildKit,
}

/// What only BuildKit knows of a build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BuildKit {
    /// By their identifiers in the Dockerfile.
    pub secrets: Vec<(String, SecretSource)>,
    /// Whether the build may use the keys of the SSH agent.
    pub ssh: bool,
    /// Such as `linux/amd64`; by default the engine's own.
    pub platform: Option<String>,
    /// Images of a registry, or `type=…`.
    pub cache_from: Vec<String>,
    pub cache_to: Vec<String>,
}

/// Where the value of a secret lies; no plan holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum SecretSource {
    /// A variable of this process.
    Variable(String),
    File(PathBuf),
}

impl BuildKit {
    /// What the image depends on, as a text: caches and the values of secrets do not change it.
    pub fn identity(&self) -> String {
        let ids: Vec<_> = self.secrets.iter().map(|(id, _)| id).collect();
        let mut text = String::new();
        if !ids.is_empty() {
            text += &format!(" secrets {ids:?}");
        }
        if self.ssh {
            text += " ssh";
        }
        if let Some(platform) = &self.platform {
            text += &format!(" {platform}");
        }
        text
    }

    /// The variables of this process that secrets take.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().filter_map(|(_, source)| match source {
            SecretSource::Variable(name) => Some(name.as_str()),
            SecretSource::File(_) => None,
        })
    }
}

impl Build {
    /// A folder with a Dockerfile.
    pub fn of_folder(context: PathBuf) -> Self {
        Self {
            context,
            dockerfile: None,
            target: None,
            args: Vec::new(),
            buildkit: BuildKit::default(),
        }
    }

    /// The Dockerfile's path.
    pub fn file(&self) -> PathBuf {
        let usual = || self.context.join("Dockerfile");
        self.dockerfile.clone().unwrap_or_else(usual)
    }

    /// Whether it is what `docker build FOLDER` does.
    pub fn is_plain(&self) -> bool {
        self.dockerfile.is_none()
            && self.target.is_none()
            && self.args.is_empty()
            && self.buildkit.identity().is_empty()
    }
}
