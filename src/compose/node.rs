//! A compose file as a tree, each value with its place. serde-saphyr resolves anchors and merge keys,
//! and bounds depth, aliases and nodes.

use std::fmt;

use indexmap::IndexMap;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Location, Spanned, Tagged};

use super::problem::{Mark, Problem};

/// How deep values may stand in others: deeper than compose files need, and less than a thread's stack
/// holds.
const DEEPEST: usize = 20;

pub(super) type Map = IndexMap<String, Node>;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Node {
    /// Where its key stands; where it stands itself in a list.
    pub(super) mark: Mark,
    pub(super) tag: Option<Tag>,
    pub(super) kind: Kind,
}

/// What a later file does with an earlier one's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Reset,
    Override,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Null,
    Text(String),
    /// A text that cannot be made: what a variable lacks.
    Lacking(Box<Problem>),
    List(Vec<Node>),
    Map(Map),
}

impl Node {
    /// Reads a file of this number.
    pub(super) fn parse(text: &str, file: usize) -> Result<Self, Problem> {
        let options = serde_saphyr::options! {
            strict_booleans: true,
            legacy_octal_numbers: true,
            with_snippet: false,
            budget: serde_saphyr::budget! {
                max_depth: DEEPEST,
                flow_nesting_limit: DEEPEST,
            },
        };
        let parsed = serde_saphyr::from_str_with_options::<Self>(text, options);
        let mut node = parsed.map_err(|error| {
            let location = error.location();
            let mark = Mark {
                file,
                line: location.map_or(1, |it| number(it.line())),
                column: location.map_or(1, |it| number(it.column())),
            };
            let message = error.without_snippet().to_string();
            Problem::at(mark, without_places(&message), "")
        })?;
        node.number(file);
        Ok(node)
    }

    fn number(&mut self, file: usize) {
        self.mark.file = file;
        match &mut self.kind {
            Kind::List(items) => items.iter_mut().for_each(|it| it.number(file)),
            Kind::Map(map) => map.values_mut().for_each(|it| it.number(file)),
            Kind::Null | Kind::Text(_) | Kind::Lacking(_) => {}
        }
    }

    pub(super) fn text(mark: Mark, text: impl Into<String>) -> Self {
        Self {
            mark,
            tag: None,
            kind: Kind::Text(text.into()),
        }
    }

    pub(super) const fn map(mark: Mark, map: Map) -> Self {
        Self {
            mark,
            tag: None,
            kind: Kind::Map(map),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key)
    }

    pub(super) const fn as_map(&self) -> Option<&Map> {
        match &self.kind {
            Kind::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(super) const fn as_map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.kind {
            Kind::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(super) fn as_list(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        self.kind == Kind::Null
    }

    /// How many values it is made of.
    pub(super) fn count(&self) -> usize {
        match &self.kind {
            Kind::Null | Kind::Text(_) | Kind::Lacking(_) => 1,
            Kind::List(items) => 1 + items.iter().map(Self::count).sum::<usize>(),
            Kind::Map(map) => 1 + map.values().map(Self::count).sum::<usize>(),
        }
    }

    /// What it is, for people.
    pub(super) const fn what(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Text(_) | Kind::Lacking(_) => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }
}

/// Messages of the parser end with a place, and those of repeated aliases with many.
fn without_places(message: &str) -> String {
    let end = [" at line ", " (defined at line "]
        .iter()
        .filter_map(|it| message.find(it))
        .min();
    let message = &message[..end.unwrap_or(message.len())];
    let is_limit = ["budget breached", "limit", "nest"]
        .iter()
        .any(|it| message.contains(it));
    if is_limit {
        return "it is nested too deeply, or its aliases make too much of it".into();
    }
    message.replace("; use from_multiple or from_multiple_with_options", "")
}

fn number(number: impl TryInto<usize>) -> usize {
    number.try_into().unwrap_or(1)
}

fn mark(location: Location) -> Mark {
    Mark {
        file: 0,
        line: number(location.line()),
        column: number(location.column()),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Tagged<Kind>>::deserialize(deserializer)?;
        let Tagged(kind, tag) = spanned.value;
        Ok(Self {
            mark: mark(spanned.defined),
            tag: match tag.as_deref() {
                Some("!reset") => Some(Tag::Reset),
                Some("!override") => Some(Tag::Override),
                _ => None,
            },
            kind,
        })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyKind)
    }
}

struct AnyKind;

impl<'de> Visitor<'de> for AnyKind {
    type Value = Kind;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Kind, E> {
        Ok(Kind::Text(text.to_owned()))
    }

    fn visit_bool<E: de::Error>(self, it: bool) -> Result<Kind, E> {
        Ok(Kind::Text(it.to_string()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Kind, E> {
        Ok(Kind::Text(number.to_string()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Kind, E> {
        Ok(Kind::Text(number.to_string()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Kind, E> {
        Ok(Kind::Text(number.to_string()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_any(Self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Kind::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Kind, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let mut node: Node = entries.next_value()?;
            node.mark = mark(key.defined);
            map.insert(key.value, node);
        }
        Ok(Kind::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> (usize, String) {
        let problem = Node::parse(text, 0).expect_err("refused");
        (problem.mark.expect("a location").line, problem.message)
    }

    #[test]
    fn values_know_their_places_through_anchors_and_merge_keys() {
        let text = "x-env: &env\n  A: 1\n  B: two\nservices:\n  web:\n    environment:\n      <<: *env\n      B: yes\n      C: 3.10\n      D:\n    ports: !override [\"80\"]\n";
        let node = Node::parse(text, 3).expect("a tree");
        let web = node.get("services").and_then(|it| it.get("web"));
        let web = web.expect("a service");
        let env = web.get("environment").expect("variables");
        let get = |name: &str| env.get(name).expect("a variable");
        assert_eq!(get("A").as_text(), Some("1"));
        assert_eq!(get("A").mark.line, 2, "where it is defined");
        assert_eq!(get("B").as_text(), Some("yes"), "no boolean of YAML 1.2");
        assert_eq!((get("B").mark.line, get("B").mark.file), (8, 3));
        assert_eq!(
            get("C").as_text(),
            Some("3.1"),
            "a number, as Compose has it"
        );
        assert!(get("D").is_null());
        let ports = web.get("ports").expect("ports");
        assert_eq!(ports.tag, Some(Tag::Override));
        assert_eq!((ports.mark.line, ports.mark.column), (11, 5));
    }

    #[test]
    fn hostile_files_are_refused() {
        let deep: String = (0..1000)
            .map(|it| format!("{}a:\n", " ".repeat(it)))
            .collect();
        assert!(error(&deep).1.contains("nested too deeply"));
        assert!(error(&"[".repeat(5000)).1.contains("nested too deeply"));
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert!(error(&bomb).1.contains("aliases make too much"));
        assert!(error("a: &a [*a]\n").1.contains("recursive"));
        let (line, message) = error("a: 1\na: 2\n");
        assert_eq!(line, 2);
        assert!(message.contains("duplicate mapping key"), "{message}");
    }
}
