//! Compose files → the servers to measure and what they work with. They are read as the compose
//! specification says: variables resolved, what they include and extend in its place, later files over
//! earlier ones. Each value keeps its place, so that errors name it.
//!
//! ```text
//! files ─ project ─▶ Project ─ reading ─▶ Stack ─ table ─▶ tables of perfgate.toml
//! ```

mod build;
mod canonical;
mod choice;
mod copied;
mod databases;
mod disk;
mod dockerfile;
mod env_file;
mod extends;
mod fields;
mod find;
mod image_paths;
mod interpolation;
mod keys;
mod merge;
mod mounts;
mod needs;
mod node;
mod parts;
mod paths;
mod placeholders;
mod problem;
mod project;
mod reader;
mod reading;
mod service;
mod settings;
mod source;
mod sources;
mod stack;
mod table;
mod values;
mod variants;

pub use disk::{Files, Folder};
pub use dockerfile::{Build, dockerfile_of, exposed, find as find_dockerfiles, health, started};
pub use env_file::variables_in;
pub use find::find;
pub use image_paths::place_in_image;
pub use parts::RESERVED;
pub use placeholders::{connection_string, is_of_postgres};
pub use problem::{Location, Mark, Problem, nearest};
pub use project::{Project, Refused, Request, location_of};
pub use reading::Wanted;
pub use service::Contents;
pub use source::Source;
pub use stack::{Cache, CopiedFile, Database, Other, Server, Settings, Stack, Worker};
pub use table::{Given, Kind, Tables, Value};

#[cfg(test)]
mod tests;
