//! Reads keys of one service, and keeps what is wrong with them.

use indexmap::IndexMap;

use super::node::{Kind, Node};
use super::problem::Problem;
use super::project::Project;
use super::service::{Refusal, Service};
use super::values::argument_list;

/// Reads the keys of one service.
pub(super) struct Reader<'a> {
    pub(super) project: &'a Project<'a>,
    pub(super) name: &'a str,
    pub(super) node: &'a Node,
    pub(super) service: Service,
}

impl Reader<'_> {
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.node.get(key)
    }

    pub(super) fn refuse(&mut self, problem: Problem, instead: &[&str]) {
        self.service.refusals.push(Refusal {
            problem,
            instead: instead.iter().map(|it| (*it).to_owned()).collect(),
            of_container: None,
        });
    }

    /// The same of a key that reaches beyond its container.
    pub(super) fn refuse_key(&mut self, key: &str, problem: Problem, instead: &[&str]) {
        self.refuse(problem, instead);
        if let Some(refusal) = self.service.refusals.last_mut() {
            refusal.of_container = Some(key.to_owned());
        }
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.service.notes.push(note.into());
    }

    /// That a value is not what its key takes.
    pub(super) fn wrong(&mut self, node: &Node, key: &str, hint: &str) {
        let problem = lacking(node).unwrap_or_else(|| {
            let message = format!("`{key}` of service `{}` cannot be read", self.name);
            Problem::at(node.mark, message, hint)
        });
        let instead = match key {
            "mem_limit" => "memory",
            "environment" => "env",
            key => key,
        };
        self.refuse(problem, &[instead]);
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let node = self.get(key)?.clone();
        match &node.kind {
            Kind::Text(text) => Some(text.clone()),
            Kind::Null => None,
            _ => {
                self.wrong(&node, key, "write one text");
                None
            }
        }
    }

    /// A list of texts, or one.
    pub(super) fn texts(&mut self, key: &str) -> Vec<String> {
        let Some(node) = self.get(key).cloned() else {
            return Vec::new();
        };
        let own = node.as_text().map(str::to_owned).into_iter();
        let items = node.as_list().iter();
        if let Some(wrong) = items.clone().find(|it| it.as_text().is_none()) {
            self.wrong(wrong, key, "write a list of texts");
        }
        own.chain(items.filter_map(|it| it.as_text().map(str::to_owned)))
            .collect()
    }

    pub(super) fn arguments(&mut self, key: &str) -> Vec<String> {
        let Some(node) = self.get(key).cloned() else {
            return Vec::new();
        };
        argument_list(&node).unwrap_or_else(|| {
            let items = node.as_list().iter();
            let wrong = items.clone().find(|it| it.as_text().is_none());
            let wrong = wrong.unwrap_or(&node).clone();
            self.wrong(
                &wrong,
                key,
                "write a list of words, or a line with closed quotes",
            );
            Vec::new()
        })
    }

    /// Variables; what has no value comes from the environment.
    pub(super) fn pairs(&mut self, key: &str, node: Option<&Node>) -> IndexMap<String, String> {
        let mut pairs = IndexMap::new();
        let Some(map) = node.and_then(Node::as_map) else {
            if let Some(node) = node.filter(|it| !it.is_null()) {
                self.wrong(node, key, "write `NAME: value`, or a list of NAME=value");
            }
            return pairs;
        };
        for (name, value) in map {
            match &value.kind {
                Kind::Text(text) => {
                    pairs.insert(name.clone(), text.clone());
                }
                Kind::Null => {
                    let value = self.project.variables.of_name(name);
                    pairs.extend(value.map(|it| (name.clone(), it)));
                }
                _ => {
                    let problem = lacking(value).unwrap_or_else(|| {
                        let message = format!("`{name}` of service `{}` is no text", self.name);
                        Problem::at(value.mark, message, "write one value")
                    });
                    let key = if key == "environment" { "env" } else { key };
                    self.refuse(problem, &[key, name]);
                }
            }
        }
        pairs
    }
}

/// Why a text could not be made.
fn lacking(node: &Node) -> Option<Problem> {
    match &node.kind {
        Kind::Lacking(problem) => Some((**problem).clone()),
        _ => None,
    }
}
