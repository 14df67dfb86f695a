use std::net::SocketAddr;
use std::path::PathBuf;

use super::image::Image;

/// A container to start.
pub(super) struct Recipe<'a> {
    /// What it is in messages: the server's or service's name.
    pub(super) name: &'a str,
    /// Last part of the container's name.
    pub(super) role: String,
    pub(super) image: &'a Image,
    pub(super) command: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    /// Where the container listens; nothing for one that only runs to its end.
    pub(super) listen: Option<SocketAddr>,
    pub(super) cpus: &'a [usize],
    pub(super) memory: Option<u64>,
    /// Folders kept in memory.
    pub(super) tmpfs: Option<&'a str>,
    /// Files put into it: the path there, and the one here.
    pub(super) files: &'a [(String, PathBuf)],
}
