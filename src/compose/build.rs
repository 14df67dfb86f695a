//! How the image of a service is built.

use super::canonical::is_remote;
use super::dockerfile::Build;
use super::node::{Kind, Node};
use super::problem::Problem;
use super::reader::Reader;

/// What changes nothing in the image, or what perfgate does its own way.
const IGNORED: [&str; 8] = [
    "labels",
    "network",
    "no_cache",
    "provenance",
    "pull",
    "sbom",
    "shm_size",
    "tags",
];
const REFUSED: [&str; 6] = [
    "additional_contexts",
    "dockerfile_inline",
    "entitlements",
    "extra_hosts",
    "privileged",
    "isolation",
];

/// The build of a service, where it has one.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Build> {
    let node = reader.get("build").filter(|it| !it.is_null())?.clone();
    let Some(keys) = node.as_map() else {
        reader.wrong(&node, "build", "write a folder, or `context: FOLDER`");
        return None;
    };
    let mut build = Build::default();
    for (key, value) in keys {
        match key.as_str() {
            "context" => build.context = text(reader, value).unwrap_or_default(),
            "dockerfile" => build.dockerfile = text(reader, value),
            "target" => build.target = text(reader, value),
            "args" => build.args = reader.pairs("build", Some(value)).into_iter().collect(),
            "cache_from" => build.cache_from = texts(value),
            "cache_to" => build.cache_to = texts(value),
            "platforms" => build.platform = texts(value).into_iter().next(),
            "ssh" => build.ssh = true,
            "secrets" => build.secrets = secrets(reader, value),
            key if IGNORED.contains(&key) || key.starts_with("x-") => {}
            "ulimits" => reader.note("built without `ulimits`"),
            key if REFUSED.contains(&key) => {
                let message = format!("`{key}` of a build is not what perfgate can do");
                let hint = "write a Dockerfile without it, or name an `image`";
                reader.refuse(Problem::at(value.mark, message, hint), &["build"]);
            }
            key => {
                let message = format!("`build` has no `{key}`");
                reader.refuse(Problem::at(value.mark, message, ""), &["build"]);
            }
        }
    }
    if is_remote(&build.context) {
        let message = format!("`{}` is built from elsewhere", build.context);
        let hint = "clone it, or name an `image`";
        reader.refuse(Problem::at(node.mark, message, hint), &["build"]);
    }
    Some(build)
}

fn text(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    if !matches!(node.kind, Kind::Text(_) | Kind::Null) {
        reader.wrong(node, "build", "write one text");
    }
    node.as_text().map(str::to_owned)
}

fn texts(node: &Node) -> Vec<String> {
    let items = node.as_list().iter().filter_map(Node::as_text);
    items.chain(node.as_text()).map(str::to_owned).collect()
}

/// Secrets by their ids: files, or variables of the environment.
fn secrets(reader: &mut Reader<'_>, node: &Node) -> Vec<(String, String)> {
    let mut secrets = Vec::new();
    for secret in node.as_list() {
        let own = secret.get("source").unwrap_or(secret);
        let Some(name) = own.as_text() else {
            reader.wrong(secret, "build", "write the name of a secret");
            continue;
        };
        let section = reader.project.top.get("secrets");
        let definition = section.and_then(|it| it.get(name));
        let get = |key: &str| {
            definition
                .and_then(|it| it.get(key))
                .and_then(Node::as_text)
        };
        let id = secret.get("target").and_then(Node::as_text).unwrap_or(name);
        match (get("file"), get("environment")) {
            (Some(file), _) => secrets.push((id.to_owned(), file.to_owned())),
            (None, Some(variable)) => secrets.push((id.to_owned(), format!("{{env.{variable}}}"))),
            (None, None) => {
                let message =
                    format!("secret `{name}` of a build has no `file` and no `environment`");
                let hint = "say at the end of the compose file where it comes from";
                reader.refuse(Problem::at(secret.mark, message, hint), &["build"]);
            }
        }
    }
    secrets
}
