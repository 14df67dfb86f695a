//! Where an image comes from.

use super::dockerfile::{Build, dockerfile_of};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Image(String),
    Build(Build),
}

impl Source {
    /// For people.
    pub fn describe(&self) -> String {
        match self {
            Self::Image(image) => image.clone(),
            Self::Build(build) if dockerfile_of(build) == "Dockerfile" => "a Dockerfile".into(),
            Self::Build(build) => dockerfile_of(build),
        }
    }
}
