use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Identity;

/// Version of what makes two builds the same.
const IDENTITY: u32 = 1;

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

/// A program that cargo builds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CargoBuild {
    /// By default that of the folder.
    pub package: Option<String>,
    /// By default the only one of the package.
    pub bin: Option<String>,
    pub features: Vec<String>,
    pub no_default_features: bool,
    /// By default `release`.
    pub profile: Option<String>,
    /// Target triple; by default the compiler's own.
    pub target: Option<String>,
    /// By default the manifest of the folder.
    pub manifest: Option<PathBuf>,
    /// Variables of the build.
    pub env: Vec<(String, String)>,
}

impl CargoBuild {
    const PROFILE: &str = "release";

    pub fn profile(&self) -> &str {
        self.profile.as_deref().unwrap_or(Self::PROFILE)
    }

    /// The arguments of cargo.
    pub fn arguments(&self) -> Vec<String> {
        let mut words = vec![
            "build".to_owned(),
            "--profile".into(),
            self.profile().into(),
        ];
        let manifest = self.manifest.as_ref().map(|it| it.display().to_string());
        let named = [
            ("--package", &self.package),
            ("--bin", &self.bin),
            ("--target", &self.target),
            ("--manifest-path", &manifest),
        ];
        for (option, value) in named {
            words.extend(value.iter().flat_map(|it| [option.to_owned(), it.clone()]));
        }
        if !self.features.is_empty() {
            words.extend(["--features".into(), self.features.join(",")]);
        }
        if self.no_default_features {
            words.push("--no-default-features".into());
        }
        words
    }

    /// The folder that cargo is called in: that of the manifest, whose compiler and whose configuration of cargo
    /// hold.
    pub fn folder(&self, root: &Path) -> PathBuf {
        let below = self.manifest.as_deref().and_then(Path::parent);
        below.map_or_else(|| root.to_owned(), |it| root.join(it))
    }

    /// The same as it is said in that folder.
    #[must_use]
    pub fn in_folder(&self) -> Self {
        let name = self.manifest.as_deref().and_then(Path::file_name);
        Self {
            manifest: name.filter(|it| *it != "Cargo.toml").map(PathBuf::from),
            ..self.clone()
        }
    }

    /// What makes two builds of one tree the same.
    pub(super) fn identity(&self) -> Identity {
        Identity::new(IDENTITY)
            .with("package", &self.package)
            .with("bin", &self.bin)
            .with("features", &self.features)
            .with("no_default_features", &self.no_default_features)
            .unless("profile", &self.profile(), &Self::PROFILE)
            .with("target", &self.target)
            .with("manifest", &self.manifest)
            .with("env", &self.env)
    }
}

impl BuildKit {
    /// What the image depends on: caches and the values of secrets do not change it.
    fn identify(&self, identity: Identity) -> Identity {
        let ids: Vec<_> = self.secrets.iter().map(|(id, _)| id).collect();
        identity
            .with("secrets", &ids)
            .with("ssh", &self.ssh)
            .with("platform", &self.platform)
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

    /// What keys of stored runs are made of: where the folder lies says nothing about what is in it.
    pub fn identity(&self) -> Identity {
        let folder = self.context.file_name().unwrap_or_default();
        let dockerfile = self.dockerfile.as_ref();
        let within = dockerfile.map(|it| it.strip_prefix(&self.context).unwrap_or(it));
        let own = self.options(within).with("args", &self.args);
        own.always("folder", &folder.to_string_lossy())
    }

    /// What the image depends on beside the files of the folder and the values of arguments.
    /// `dockerfile` is where it lies in the folder.
    pub fn options(&self, dockerfile: Option<&Path>) -> Identity {
        let of = Identity::new(IDENTITY)
            .with("dockerfile", &dockerfile)
            .with("target", &self.target);
        self.buildkit.identify(of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_gets_flags_for_what_differs_from_its_defaults() {
        let of_folder = CargoBuild::default();
        assert_eq!(of_folder.arguments(), ["build", "--profile", "release"]);
        let all = CargoBuild {
            package: Some("shop".into()),
            bin: Some("server".into()),
            features: vec!["redis".into(), "tls".into()],
            no_default_features: true,
            profile: Some("dev".into()),
            target: Some("x86_64-unknown-linux-musl".into()),
            manifest: Some("backend/Cargo.toml".into()),
            env: Vec::new(),
        };
        let words = all.arguments().join(" ");
        let expected = "build --profile dev --package shop --bin server \
                        --target x86_64-unknown-linux-musl --manifest-path backend/Cargo.toml \
                        --features redis,tls --no-default-features";
        assert_eq!(words, expected);
        assert_ne!(all.identity(), of_folder.identity());
        let release = CargoBuild {
            profile: Some("release".into()),
            ..CargoBuild::default()
        };
        assert_eq!(release.identity(), of_folder.identity());
    }

    #[test]
    fn what_does_not_change_an_image_does_not_change_its_identity() {
        let plain = Build::of_folder("app".into());
        let with = |buildkit: BuildKit| {
            let build = Build {
                buildkit,
                ..plain.clone()
            };
            build.identity()
        };
        let secret = |source| BuildKit {
            secrets: vec![("key".into(), source)],
            ..BuildKit::default()
        };
        let caches = with(BuildKit {
            cache_from: vec!["app:cache".into()],
            cache_to: vec!["type=inline".into()],
            ..BuildKit::default()
        });
        assert_eq!(caches, plain.identity());
        let of_variable = with(secret(SecretSource::Variable("KEY".into())));
        assert_eq!(of_variable, with(secret(SecretSource::File("key".into()))));
        assert_ne!(of_variable, plain.identity());
        for other in [
            BuildKit {
                ssh: true,
                ..BuildKit::default()
            },
            BuildKit {
                platform: Some("linux/arm64".into()),
                ..BuildKit::default()
            },
        ] {
            assert_ne!(with(other), plain.identity());
        }
    }
}
