//! Short forms → long ones, and paths from the root on, so that services of several files can be merged.

use std::path::Path;

use super::merge::mount_target;
use super::node::{Kind, Map, Node};
use super::paths::{is_path, joined_text};

/// Keys of a service whose lists of `NAME=value` are mappings.
const PAIRS: [&str; 4] = ["environment", "labels", "annotations", "sysctls"];
/// Keys of a service with one text for a list of one.
const LISTS: [&str; 5] = ["tmpfs", "dns", "dns_search", "label_file", "profiles"];

/// Brings a file that lies in a folder into its long form.
pub(super) fn canonical(file: &mut Node, folder: &Path) {
    let Some(file) = file.as_map_mut() else {
        return;
    };
    for section in ["secrets", "configs"] {
        let entries = file.get_mut(section).and_then(Node::as_map_mut);
        for entry in entries.into_iter().flat_map(|it| it.values_mut()) {
            if let Some(path) = entry.as_map_mut().and_then(|it| it.get_mut("file")) {
                root(path, folder);
            }
        }
    }
    let services = file.get_mut("services").and_then(Node::as_map_mut);
    for service in services.into_iter().flat_map(|it| it.values_mut()) {
        if let Some(service) = service.as_map_mut() {
            canonical_service(service, folder);
        }
    }
}

fn canonical_service(service: &mut Map, folder: &Path) {
    for (key, node) in service.iter_mut() {
        match key.as_str() {
            key if PAIRS.contains(&key) => pairs(node),
            key if LISTS.contains(&key) => list(node),
            "build" => build(node, folder),
            "env_file" => {
                list(node);
                each(node, |it| env_file(it, folder));
            }
            "volumes" => each(node, |it| volume(it, folder)),
            "secrets" | "configs" => each(node, |it| named(it, "source")),
            "depends_on" | "networks" => keys(node),
            "extends" => named(node, "service"),
            _ => {}
        }
    }
}

/// `NAME: value` of `- NAME=value`; without a value it is nothing.
fn pairs(node: &mut Node) {
    let Kind::List(items) = &mut node.kind else {
        return;
    };
    let pair = |item: &Node| {
        let text = item.as_text()?;
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Node::text(item.mark, value)),
            None => (
                text,
                Node {
                    mark: item.mark,
                    ..Node::default()
                },
            ),
        };
        Some((name.to_owned(), value))
    };
    // What cannot be made is kept under a name that no variable has.
    let lacking = |item: &Node| match item.kind {
        Kind::Lacking(_) => Some((String::new(), item.clone())),
        _ => None,
    };
    let map = items
        .iter()
        .filter_map(|it| pair(it).or_else(|| lacking(it)));
    node.kind = Kind::Map(map.collect());
}

fn list(node: &mut Node) {
    if matches!(node.kind, Kind::Text(_) | Kind::Lacking(_) | Kind::Map(_)) {
        let tag = node.tag.take();
        let item = std::mem::take(node);
        *node = Node {
            mark: item.mark,
            tag,
            kind: Kind::List(vec![item]),
        };
    }
}

fn each(node: &mut Node, mut of: impl FnMut(&mut Node)) {
    if let Kind::List(items) = &mut node.kind {
        items.iter_mut().for_each(&mut of);
    }
}

/// The names of a list as the keys of a mapping.
fn keys(node: &mut Node) {
    if let Kind::List(items) = &node.kind {
        let key = |it: &Node| {
            let empty = Node {
                mark: it.mark,
                ..Node::default()
            };
            Some((it.as_text()?.to_owned(), empty))
        };
        node.kind = Kind::Map(items.iter().filter_map(key).collect());
    }
}

/// A text as the one entry of a mapping.
fn named(node: &mut Node, key: &str) {
    if matches!(node.kind, Kind::Text(_) | Kind::Lacking(_)) {
        let inner = Node {
            mark: node.mark,
            tag: None,
            kind: std::mem::take(&mut node.kind),
        };
        node.kind = Kind::Map(Map::from([(key.to_owned(), inner)]));
    }
}

fn root(node: &mut Node, folder: &Path) {
    if let Kind::Text(path) = &mut node.kind
        && !path.starts_with('~')
    {
        *path = joined_text(folder, path);
    }
}

fn build(node: &mut Node, folder: &Path) {
    named(node, "context");
    let mark = node.mark;
    let Some(build) = node.as_map_mut() else {
        return;
    };
    let context = build
        .entry("context".into())
        .or_insert_with(|| Node::text(mark, "."));
    if !context.as_text().is_some_and(is_remote) {
        root(context, folder);
    }
    if let Some(args) = build.get_mut("args") {
        pairs(args);
    }
}

/// Whether a context is a repository or an archive elsewhere.
pub(super) fn is_remote(context: &str) -> bool {
    context.contains("://") || context.starts_with("git@") || context.starts_with("github.com/")
}

fn env_file(node: &mut Node, folder: &Path) {
    named(node, "path");
    if let Some(path) = node.as_map_mut().and_then(|it| it.get_mut("path")) {
        root(path, folder);
    }
}

/// `SOURCE:TARGET:MODE` as a mapping.
fn volume(node: &mut Node, folder: &Path) {
    let mark = node.mark;
    if let Kind::Text(text) = &node.kind {
        let mut parts = text.splitn(3, ':');
        let (first, second) = (parts.next().unwrap_or_default(), parts.next());
        let options = parts.next().unwrap_or_default();
        let (source, target) = match second {
            Some(target) => (Some(first), target),
            None => (None, first),
        };
        let kind = if source.is_some_and(is_path) {
            "bind"
        } else {
            "volume"
        };
        let mut map = Map::new();
        let mut put = |key: &str, text: &str| {
            map.insert(key.to_owned(), Node::text(mark, text));
        };
        put("type", kind);
        if let Some(source) = source {
            put("source", source);
        }
        put("target", target);
        if options.split(',').any(|it| it == "ro") {
            put("read_only", "true");
        }
        node.kind = Kind::Map(map);
    }
    let is_bind = node.get("type").and_then(Node::as_text) == Some("bind");
    if let Some(source) = node.as_map_mut().and_then(|it| it.get_mut("source"))
        && is_bind
    {
        root(source, folder);
    }
    if let Some(target) = mount_target(node) {
        let plain = match target.trim_end_matches('/') {
            "" => "/",
            target => target,
        };
        let plain = Node::text(mark, plain);
        if let Some(map) = node.as_map_mut() {
            map.insert("target".into(), plain);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_become_long_ones() {
        let text = r#"
services:
  web:
    build: ./web
    environment: [A=1, B, "C=x=y"]
    env_file: ../.env
    depends_on: [db]
    tmpfs: /tmp
    volumes: ["./conf:/etc/app/:ro", data:/data, /cache, "../x:/x"]
"#;
        let mut file = Node::parse(text, 0).expect("a tree");
        canonical(&mut file, Path::new("docker"));
        let web = file
            .get("services")
            .and_then(|it| it.get("web"))
            .expect("web");
        let at = |path: &[&str]| {
            let mut node = web;
            for key in path {
                let inner = match key.parse::<usize>() {
                    Ok(index) => node.as_list().get(index),
                    Err(_) => node.get(key),
                };
                node = inner.unwrap_or_else(|| panic!("{path:?}"));
            }
            node
        };
        for (path, value) in [
            (&["build", "context"][..], "docker/web"),
            (&["environment", "A"], "1"),
            (&["environment", "C"], "x=y"),
            (&["env_file", "0", "path"], ".env"),
            (&["tmpfs", "0"], "/tmp"),
            (&["volumes", "0", "source"], "docker/conf"),
            (&["volumes", "0", "target"], "/etc/app"),
            (&["volumes", "0", "read_only"], "true"),
            (&["volumes", "1", "type"], "volume"),
            (&["volumes", "2", "target"], "/cache"),
            (&["volumes", "3", "source"], "x"),
        ] {
            assert_eq!(at(path).as_text(), Some(value), "{path:?}");
        }
        assert!(at(&["environment", "B"]).is_null());
        assert!(at(&["depends_on", "db"]).is_null());
    }
}
