use std::net::SocketAddr;

use super::image::Image;
use crate::model::ContainerSettings;

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
    /// Further ports it listens on.
    pub(super) ports: &'a [u16],
    pub(super) cpus: &'a [usize],
    pub(super) memory: Option<u64>,
    pub(super) settings: ContainerSettings,
}
