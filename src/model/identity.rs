use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::digest;

/// What makes two things comparable: named parts, of which those that have their usual value are left
/// out. A part that a later version adds changes nothing for whoever leaves it at that value.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Identity(BTreeMap<&'static str, Value>);

impl Identity {
    /// The version is raised when a part changes its meaning: nothing of before is comparable
    /// with what follows.
    pub fn new(version: u32) -> Self {
        Self(BTreeMap::from([("version", version.into())]))
    }

    /// A part whose usual value is that of its type.
    #[must_use]
    pub fn with<T: Serialize + Default + PartialEq>(self, name: &'static str, value: &T) -> Self {
        self.unless(name, value, &T::default())
    }

    /// A part with another usual value.
    #[must_use]
    pub fn unless<T: Serialize + PartialEq>(
        self,
        name: &'static str,
        value: &T,
        usual: &T,
    ) -> Self {
        if value == usual {
            return self;
        }
        self.always(name, value)
    }

    /// A part that has no usual value.
    #[must_use]
    pub fn always<T: Serialize + ?Sized>(mut self, name: &'static str, value: &T) -> Self {
        let value = serde_json::to_value(value).expect("plain data has a JSON form");
        let before = self.0.insert(name, value);
        assert!(before.is_none(), "two parts are called {name}");
        self
    }

    /// A short digest of all parts, whatever their order.
    pub fn digest(&self) -> String {
        let text = serde_json::to_vec(self).expect("its parts have a JSON form");
        digest(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(memory: Option<u64>, user: &str) -> Identity {
        let of = Identity::new(1).with("memory", &memory);
        of.unless("user", &user, &"root")
    }

    #[test]
    fn usual_values_are_left_out() {
        assert_eq!(of(None, "root"), Identity::new(1));
        assert_eq!(
            serde_json::to_string(&of(Some(5), "app")).expect("JSON"),
            r#"{"memory":5,"user":"app","version":1}"#
        );
    }

    #[test]
    fn the_order_of_parts_does_not_matter_but_their_names_do() {
        let of = |names: [&'static str; 2]| {
            let [first, second] = names;
            Identity::new(1).always(first, "x").always(second, "y")
        };
        assert_eq!(of(["a", "b"]).digest(), {
            let other = Identity::new(1).always("b", "y").always("a", "x");
            other.digest()
        });
        assert_ne!(of(["a", "b"]).digest(), of(["b", "a"]).digest());
        assert_ne!(Identity::new(1).digest(), Identity::new(2).digest());
    }
}
