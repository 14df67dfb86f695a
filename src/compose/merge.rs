//! A later file over an earlier one, as the compose specification says ("Merge"): mappings key by key,
//! lists one after the other, everything else in its place.

use super::node::{Kind, Map, Node, Tag};

/// Keys whose later value takes the place of the earlier one.
const REPLACED: [&str; 3] = ["command", "entrypoint", "test"];

/// Adds a later file to an earlier one.
pub(super) fn merge(earlier: &mut Node, later: Node) {
    match (&mut earlier.kind, later) {
        (_, later) if later.is_null() && later.tag.is_none() => {}
        (
            Kind::Map(known),
            Node {
                kind: Kind::Map(later),
                tag: None,
                ..
            },
        ) => merge_maps(known, later),
        (
            Kind::List(known),
            Node {
                kind: Kind::List(later),
                tag: None,
                ..
            },
        ) => known.extend(later),
        (_, later) => *earlier = untagged(later),
    }
}

fn merge_maps(earlier: &mut Map, later: Map) {
    for (key, value) in later {
        if value.tag == Some(Tag::Reset) {
            earlier.shift_remove(&key);
            continue;
        }
        match earlier.get_mut(&key) {
            Some(known) if !REPLACED.contains(&key.as_str()) => {
                merge(known, value);
                unify(&key, known);
            }
            Some(_) if value.is_null() && value.tag.is_none() => {}
            _ => {
                earlier.insert(key, untagged(value));
            }
        }
    }
}

/// A value without what only a merge takes: what is reset is gone.
pub(super) fn untagged(mut node: Node) -> Node {
    node.tag = None;
    if let Some(map) = node.as_map_mut() {
        map.retain(|_, value| value.tag != Some(Tag::Reset));
        for value in map.values_mut() {
            *value = untagged(std::mem::take(value));
        }
    }
    node
}

/// Of list items that are the same to Compose the last one stays, where the first one stood.
fn unify(key: &str, node: &mut Node) {
    let identity: fn(&Node) -> Option<String> = match key {
        "volumes" => mount_target,
        "secrets" | "configs" => target_or_source,
        "env_file" => |it| it.get("path")?.as_text().map(str::to_owned),
        "ports" | "expose" | "tmpfs" => |it| it.as_text().map(str::to_owned),
        _ => return,
    };
    let Kind::List(items) = &mut node.kind else {
        return;
    };
    let mut unique: Vec<Node> = Vec::with_capacity(items.len());
    for item in std::mem::take(items) {
        let known = identity(&item);
        let same = |it: &&mut Node| known.is_some() && identity(it) == known;
        match unique.iter_mut().find(same) {
            Some(earlier) => *earlier = item,
            None => unique.push(item),
        }
    }
    *items = unique;
}

pub(super) fn mount_target(mount: &Node) -> Option<String> {
    mount.get("target")?.as_text().map(str::to_owned)
}

fn target_or_source(file: &Node) -> Option<String> {
    mount_target(file).or_else(|| file.get("source")?.as_text().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::canonical::canonical;
    use super::*;

    fn tree(text: &str) -> Node {
        let mut tree = Node::parse(text, 0).expect("a tree");
        canonical(&mut tree, Path::new(""));
        tree
    }

    /// What becomes of a service `a` of two files.
    fn merged(earlier: &str, later: &str) -> Node {
        let file = |text: &str| tree(&format!("services:\n  a: {text}\n"));
        let mut whole = file(earlier);
        merge(&mut whole, file(later));
        whole
            .get("services")
            .and_then(|it| it.get("a"))
            .expect("a")
            .clone()
    }

    /// A tree without its places, as JSON.
    fn plain(node: &Node) -> serde_json::Value {
        match &node.kind {
            Kind::Null => serde_json::Value::Null,
            Kind::Text(text) => text.as_str().into(),
            Kind::Lacking(problem) => problem.message.as_str().into(),
            Kind::List(items) => items.iter().map(plain).collect(),
            Kind::Map(map) => map
                .iter()
                .map(|(key, it)| (key.clone(), plain(it)))
                .collect(),
        }
    }

    #[test]
    fn later_files_override_earlier_ones() {
        for (earlier, later, expected) in [
            ("{image: x}", "{image: y}", r#"{"image":"y"}"#),
            (
                "{environment: {A: 1, B: 2}}",
                "{environment: [B=3, C=4]}",
                r#"{"environment":{"A":"1","B":"3","C":"4"}}"#,
            ),
            (
                "{command: [a, b]}",
                "{command: [c]}",
                r#"{"command":["c"]}"#,
            ),
            (
                "{entrypoint: a}",
                "{entrypoint: [b]}",
                r#"{"entrypoint":["b"]}"#,
            ),
            (
                "{healthcheck: {test: [CMD, a], retries: 3}}",
                "{healthcheck: {test: b}}",
                r#"{"healthcheck":{"test":"b","retries":"3"}}"#,
            ),
            (
                "{ports: ['80:80', '1:1']}",
                "{ports: ['80:80', '2:2']}",
                r#"{"ports":["80:80","1:1","2:2"]}"#,
            ),
            (
                "{expose: ['1']}",
                "{expose: !override ['2']}",
                r#"{"expose":["2"]}"#,
            ),
            (
                "{expose: ['1'], image: x}",
                "{expose: !reset []}",
                r#"{"image":"x"}"#,
            ),
            (
                "{environment: {A: 1, B: 2}}",
                "{environment: {A: !reset null}}",
                r#"{"environment":{"B":"2"}}"#,
            ),
            (
                "{volumes: ['d:/data', 'e:/x']}",
                "{volumes: ['./here:/data']}",
                r#"{"volumes":[{"type":"bind","source":"here","target":"/data"},{"type":"volume","source":"e","target":"/x"}]}"#,
            ),
            (
                "{build: .}",
                "{build: {target: dev}}",
                r#"{"build":{"context":".","target":"dev"}}"#,
            ),
            (
                "{depends_on: [a]}",
                "{depends_on: {b: {condition: service_healthy}}}",
                r#"{"depends_on":{"a":null,"b":{"condition":"service_healthy"}}}"#,
            ),
            (
                "{env_file: a}",
                "{env_file: [b, a]}",
                r#"{"env_file":[{"path":"a"},{"path":"b"}]}"#,
            ),
            (
                "{image: x, command: a}",
                "{image:, command: }",
                r#"{"image":"x","command":"a"}"#,
            ),
        ] {
            let expected: serde_json::Value = serde_json::from_str(expected).expect("JSON");
            assert_eq!(
                plain(&merged(earlier, later)),
                expected,
                "{earlier} {later}"
            );
        }
    }
}
