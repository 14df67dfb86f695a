//! Which services one works with: those that it waits for, and those that its values name.

use indexmap::IndexMap;

use super::placeholders::{Host, Placeholders, ports_named};
use super::problem::{Problem, suggestion};
use super::service::Service;

pub(super) type Services = IndexMap<String, Service>;

/// The services that some need, and those that these need, each after what it needs.
pub(super) fn needed(
    services: &Services,
    hidden: &Services,
    first: &[String],
    is_lenient: bool,
) -> Result<Vec<String>, Problem> {
    let mut walk = Walk {
        services,
        hidden,
        is_lenient,
        done: Vec::new(),
        on_the_way: Vec::new(),
    };
    for name in first {
        walk.visit(name)?;
    }
    Ok(walk.done)
}

struct Walk<'a> {
    services: &'a Services,
    hidden: &'a Services,
    is_lenient: bool,
    done: Vec<String>,
    on_the_way: Vec<String>,
}

impl Walk<'_> {
    fn visit(&mut self, name: &str) -> Result<(), Problem> {
        if self.done.iter().any(|it| it == name) {
            return Ok(());
        }
        let Some(service) = self.services.get(name) else {
            return Ok(());
        };
        self.on_the_way.push(name.to_owned());
        for (needed, need) in &service.needs {
            if !self.services.contains_key(needed) {
                if need.is_required && !self.is_lenient {
                    return Err(self.lacking(name, needed));
                }
                continue;
            }
            if let Some(begin) = self.on_the_way.iter().position(|it| it == needed) {
                if self.is_lenient {
                    continue;
                }
                let circle = self.on_the_way[begin..].join(", ");
                let message = format!("services wait for each other: {circle}");
                return Err(Problem::at(
                    need.mark,
                    message,
                    "leave one of the `depends_on` out",
                ));
            }
            self.visit(needed)?;
        }
        for named in self.named_by(service, name) {
            // Two that name each other start as they are written.
            if !self.on_the_way.contains(&named) {
                self.visit(&named)?;
            }
        }
        self.on_the_way.pop();
        self.done.push(name.to_owned());
        Ok(())
    }

    /// Services that values of one name as hosts.
    fn named_by(&self, service: &Service, own: &str) -> Vec<String> {
        let mut named = Vec::new();
        for (name, other) in self.services {
            if name == own {
                continue;
            }
            let aliases = other.aliases.iter().cloned();
            let all: Vec<_> = std::iter::once(name.clone()).chain(aliases).collect();
            // Ports of it that its own definition need not have.
            let values = service.env.values().chain(service.file_env.values());
            let values: Vec<_> = values.chain(&service.command).map(String::as_str).collect();
            let ports = all.iter();
            let ports = ports.flat_map(|it| ports_named(values.iter().copied(), it));
            let mut texts = Placeholders {
                others: vec![Host {
                    ports: other.ports.iter().copied().chain(ports).collect(),
                    names: all,
                    table: "it".into(),
                }],
                ..Placeholders::default()
            };
            let mut is_named = false;
            for (key, value) in service.file_env.iter().chain(&service.env) {
                is_named |= texts.written(key, value) != *value;
            }
            is_named |= texts.command(&service.command) != service.command;
            if is_named {
                named.push(name.clone());
            }
        }
        named
    }

    fn lacking(&self, name: &str, needed: &str) -> Problem {
        let mark = self.services[name].needs[needed].mark;
        if let Some(hidden) = self.hidden.get(needed) {
            let profiles = hidden.profiles.join("\", \"");
            let message =
                format!("service `{name}` waits for `{needed}`, which no profile that is on has");
            let hint = format!("write compose = {{ files = [...], profiles = [\"{profiles}\"] }}");
            return Problem::at(mark, message, &hint);
        }
        let message = format!("service `{name}` waits for `{needed}`, which is not there");
        let known = self.services.keys().map(String::as_str);
        Problem::at(mark, message, &suggestion(needed, known))
    }
}
