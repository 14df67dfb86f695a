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
}

impl Build {
    /// A folder with a Dockerfile.
    pub fn of_folder(context: PathBuf) -> Self {
        Self {
            context,
            dockerfile: None,
            target: None,
            args: Vec::new(),
        }
    }

    /// The Dockerfile's path.
    pub fn file(&self) -> PathBuf {
        let usual = || self.context.join("Dockerfile");
        self.dockerfile.clone().unwrap_or_else(usual)
    }

    /// Whether it is what `docker build FOLDER` does.
    pub fn is_plain(&self) -> bool {
        self.dockerfile.is_none() && self.target.is_none() && self.args.is_empty()
    }
}
