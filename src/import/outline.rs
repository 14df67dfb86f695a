use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

/// Members that are looked into.
const OPENED: [&str; 2] = ["metrics", "metadata"];

/// The names of the members of a JSON object, up to where it can be read: who wrote it shows even in
/// a part of it.
pub(super) struct Outline(BTreeSet<String>);

impl Outline {
    pub(super) fn from_text(text: &str) -> Self {
        let mut names = BTreeSet::new();
        let level = Level {
            names: &mut names,
            above: None,
        };
        // What was read until a fault counts; the reader of the whole says what is wrong.
        let _ = level.deserialize(&mut serde_json::Deserializer::from_str(text));
        Self(names)
    }

    /// Whether it is no object, or one of which nothing can be read.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is a member, such as `metrics` or `metrics/http_reqs`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Whether there are all of these members.
    pub(super) fn has_all(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.has(name))
    }

    /// Whether the name of a member begins so.
    pub(super) fn has_prefix(&self, start: &str) -> bool {
        self.0.iter().any(|name| name.starts_with(start))
    }
}

/// The object itself, or one in it.
struct Level<'a> {
    names: &'a mut BTreeSet<String>,
    above: Option<String>,
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let Some(above) = &self.above else {
                self.names.insert(name.clone());
                if OPENED.contains(&name.as_str()) {
                    map.next_value_seed(Level {
                        names: &mut *self.names,
                        above: Some(name),
                    })?;
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
                continue;
            };
            self.names.insert(format!("{above}/{name}"));
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Outline;

    #[test]
    fn names_are_read_up_to_the_first_fault() {
        let outline =
            Outline::from_text("{\"a\": [1], \"metrics\": {\"b\": null}, \"c\": {\"d\": 1}, \"e");
        assert!(outline.has_all(&["a", "metrics", "metrics/b", "c"]));
        for absent in ["b", "c/d", "e"] {
            assert!(!outline.has(absent), "{absent}");
        }
        assert!(outline.has_prefix("metrics/"));
    }

    #[test]
    fn what_is_no_object_has_no_names() {
        for text in ["", "{", "[{\"a\": 1}]", "Running 10s test", "{}"] {
            assert!(Outline::from_text(text).is_empty(), "{text}");
        }
    }
}
