//! What a service has in its container that is not of its image: files of the repository become copies,
//! volumes begin empty.

use std::path::Path;

use super::node::{Kind, Node};
use super::paths::is_below;
use super::problem::{Mark, Problem};
use super::reader::Reader;
use super::service::{Contents, Mount};
use super::values::is_true;

/// What an engine listens at.
const SOCKETS: [&str; 4] = ["docker.sock", "podman.sock", "containerd.sock", "crio.sock"];
/// What containers are given of the host's clock, which they have anyway.
const CLOCK: [&str; 3] = ["/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo"];
/// Parts of the host that no copy can be.
const HOST: [&str; 6] = ["/dev", "/proc", "/sys", "/var/run", "/run", "/lib/modules"];

/// Reads what a service mounts, its secrets and its configs.
pub(super) fn mounts(reader: &mut Reader<'_>) {
    let volumes = reader.get("volumes").cloned().unwrap_or_default();
    if !matches!(volumes.kind, Kind::Null | Kind::List(_)) {
        reader.wrong(&volumes, "volumes", "write a list");
    }
    for volume in volumes.as_list() {
        let text = |key: &str| volume.get(key).and_then(Node::as_text);
        let Some(there) = text("target").filter(|it| it.starts_with('/')) else {
            let wrong = volume.get("target").unwrap_or(volume);
            reader.wrong(
                wrong,
                "volumes",
                "write SOURCE:/TARGET, the target from `/` on",
            );
            continue;
        };
        match (text("type").unwrap_or("volume"), text("source")) {
            ("bind", Some(source)) => bind(reader, volume.mark, source, there),
            ("tmpfs", _) => reader.service.tmpfs.push(there.to_owned()),
            ("volume", Some(source)) => {
                reader.service.volumes.push(source.to_owned());
                reader.service.volume_places.push(there.to_owned());
            }
            ("volume", None) => {}
            (kind, _) => {
                let message = format!("service `{}` mounts a `{kind}`", reader.name);
                let hint = "perfgate knows `bind`, `volume` and `tmpfs`";
                reader.refuse(Problem::at(volume.mark, message, hint), &["files", there]);
            }
        }
    }
    let folders = reader.texts("tmpfs");
    let folders = folders
        .iter()
        .filter_map(|it| it.split(':').next().map(str::to_owned));
    reader.service.tmpfs.extend(folders);
    secrets(reader, "secrets", "/run/secrets/");
    secrets(reader, "configs", "/");
}

fn bind(reader: &mut Reader<'_>, mark: Mark, source: &str, there: &str) {
    let instead = ["files", there];
    let is_socket = |path: &str| SOCKETS.iter().any(|it| path.ends_with(it));
    if is_socket(source) || is_socket(there) {
        let message = format!(
            "service `{}` mounts `{source}`, which may do everything on the host",
            reader.name
        );
        if there != "/var/run/docker.sock" {
            let hint =
                "take it out, or mount it at /var/run/docker.sock and allow that in perfgate.toml";
            return reader.refuse(Problem::at(mark, message, hint), &[]);
        }
        let hint = "take it out, or write `allow = [\"docker-socket\"]` for it in perfgate.toml: both builds share \
                    the engine then";
        let instead = ["allow", "docker-socket"];
        return reader.refuse(Problem::at(mark, message, hint), &instead);
    }
    let is_at = |folder: &&str| Path::new(source).starts_with(folder);
    if CLOCK.iter().any(is_at) {
        return;
    }
    if source == "/" || HOST.iter().any(is_at) {
        let message = format!("service `{}` mounts `{source}` of the host", reader.name);
        let hint = "take it out: perfgate copies files, and mounts nothing";
        return reader.refuse(Problem::at(mark, message, hint), &instead);
    }
    if source.starts_with('~') {
        let message = format!(
            "service `{}` mounts `{source}` of somebody's home",
            reader.name
        );
        let hint = format!(
            "name a file of the repository in perfgate.toml: files = {{ \"{there}\" = \"FILE\" }}"
        );
        return reader.refuse(Problem::at(mark, message, &hint), &instead);
    }
    let path = Path::new(source);
    let is_there = reader.project.files.is_file(path) || reader.project.files.is_dir(path);
    if !is_there && is_below(source) {
        // The engine would make an empty folder.
        reader.note(format!(
            "`{source}` is not there, and nothing is put at {there}"
        ));
        return;
    }
    reader.service.mounts.push(Mount {
        mark,
        here: Contents::Path(source.to_owned()),
        there: there.to_owned(),
    });
}

/// Secrets or configs that a service is given, as files.
fn secrets(reader: &mut Reader<'_>, section: &str, folder: &str) {
    let given = reader.get(section).cloned().unwrap_or_default();
    for secret in given.as_list() {
        let text = |key: &str| secret.get(key).and_then(Node::as_text);
        let Some(name) = text("source") else {
            reader.wrong(secret, section, "write the name of one");
            continue;
        };
        let target = text("target").unwrap_or(name);
        let there = if target.starts_with('/') {
            target.to_owned()
        } else {
            format!("{folder}{target}")
        };
        let known = reader.project.top.get(section);
        let definition = known.and_then(|it| it.get(name));
        let file = definition
            .and_then(|it| it.get("file"))
            .and_then(Node::as_text);
        let text_of = |key: &str| {
            definition
                .and_then(|it| it.get(key))
                .and_then(Node::as_text)
        };
        let variable = text_of("environment").map(|it| format!("{{env.{it}}}"));
        if let Some(text) = text_of("content").map(str::to_owned).or(variable) {
            let mount = Mount {
                mark: secret.mark,
                here: Contents::Text(text),
                there,
            };
            reader.service.mounts.push(mount);
            continue;
        }
        let what = section.trim_end_matches('s');
        let why = match (definition, file) {
            (None, _) => format!("{what} `{name}` is not among the `{section}` of the file"),
            (_, Some(file)) if reader.project.files.is_file(Path::new(file)) => {
                let mount = Mount {
                    mark: secret.mark,
                    here: Contents::Path(file.to_owned()),
                    there,
                };
                reader.service.mounts.push(mount);
                continue;
            }
            (_, Some(file)) => format!("`{file}`, the file of {what} `{name}`, is not there"),
            (Some(it), None) if it.get("external").is_some_and(is_true) => {
                format!("{what} `{name}` is external")
            }
            _ => format!("{what} `{name}` is no file"),
        };
        let hint = format!("name a file in perfgate.toml: files = {{ \"{there}\" = \"FILE\" }}");
        reader.refuse(Problem::at(secret.mark, why, &hint), &["files", &there]);
    }
}
