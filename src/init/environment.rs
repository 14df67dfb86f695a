//! Variables that a server is given beside what a compose file says: files of them, where its services are, and what
//! its source asks for.

use std::path::Path;

use super::dependencies::Dependencies;
use super::rust::RustServer;
use super::rust_env::{Address, Required};
use super::variables::{Variables, connection, own_address};
use crate::compose::{Stack, variables_in};
use crate::report::printable;

/// Variables that every process gets.
const PREDEFINED: [&str; 2] = ["HOST", "PORT"];
/// The port of a server that names none.
pub(super) const PORT: u16 = 8000;

/// Variables of a server.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Environment {
    pub(super) files: Vec<String>,
    /// Where its services are.
    pub(super) env: Vec<(String, String)>,
    /// What the source asks for, with a value where its name implies one.
    pub(super) required: Vec<(Required, Option<String>)>,
    /// Names of variables that have a value.
    known: Vec<String>,
}

impl Environment {
    /// What files of variables say. A server of a compose file has its own.
    pub(super) fn from_repository(
        root: &Path,
        stack: &mut Stack,
        variables: Option<Variables>,
        dependencies: &Dependencies,
    ) -> Self {
        let server = stack.servers.first();
        // Without a file in the compose file, the application would read one that is not committed.
        let is_read = variables
            .as_ref()
            .is_some_and(|it| !it.path.ends_with(".env"));
        let lacks_file = server.is_some_and(|it| it.env_files.is_empty());
        let is_composed = server.is_some_and(|it| !it.name.is_empty())
            && !(is_read && lacks_file && dependencies.reads_env_file());
        let own = server.into_iter().flat_map(|it| &it.env_files);
        let own: Vec<_> = own
            .filter_map(|it| Variables::read(root, it.into()))
            .collect();
        let given = server.map(|it| it.env.clone()).unwrap_or_default();
        let mut all = Self::default();
        for file in &own {
            all.env.extend(file.connections(stack));
        }
        all.env
            .retain(|(name, _)| !given.iter().any(|(it, _)| it == name));
        let in_files = own.iter().flat_map(|it| &it.pairs);
        let names = given.iter().chain(in_files).map(|(name, _)| name.clone());
        all.known = names.collect();
        if let Some(file) = variables {
            all.add(&file, &given, stack);
            all.listen(&file, stack);
            if !is_composed {
                all.known
                    .extend(file.pairs.iter().map(|(name, _)| name.clone()));
                all.files.push(file.path.to_string_lossy().into_owned());
            }
            if let Some(server) = stack.servers.first_mut()
                && !is_composed
            {
                server.port = server.port.or(file.port());
            }
        }
        all
    }

    /// Connections that the source takes from variables, to services that no file of them names.
    pub(super) fn of_source(&mut self, read: &Variables, stack: &mut Stack) {
        let server = stack.servers.first();
        let given = server.map(|it| it.env.clone()).unwrap_or_default();
        self.add(read, &given, stack);
    }

    /// What settings of a service in Rust say of its services and of itself, each of which it asks for.
    pub(super) fn of_settings(&mut self, settings: &Variables, stack: &mut Stack) {
        let connections = settings.connections(stack);
        let is_new = |(name, _): &(String, String)| !self.env.iter().any(|(it, _)| it == name);
        let new: Vec<_> = connections.into_iter().filter(is_new).collect();
        self.env.extend(new);
        self.listen(settings, stack);
    }

    /// Where a server without a container listens, in place of what a file says.
    fn listen(&mut self, file: &Variables, stack: &Stack) {
        if !stack.servers.is_empty() {
            return;
        }
        for (name, value) in &file.pairs {
            let is_told = PREDEFINED.contains(&name.as_str());
            let is_known = || self.env.iter().any(|(it, _)| it == name);
            if let Some(address) = own_address(name, value)
                && !is_told
                && !is_known()
            {
                self.env.push((name.clone(), address));
            }
        }
    }

    /// Connections to services that no value names yet.
    fn add(&mut self, file: &Variables, given: &[(String, String)], stack: &mut Stack) {
        let mut more = file.connections(stack);
        let is_named = |value: &str| {
            let table = value
                .split_once('{')
                .and_then(|(_, it)| it.split('.').next());
            let mut all = given.iter().chain(&self.env);
            table.is_some_and(|it| all.any(|(_, known)| known.contains(&format!("{{{it}."))))
        };
        more.retain(|(name, value)| !given.iter().any(|(it, _)| it == name) && !is_named(value));
        self.env.extend(more);
    }

    /// Adds what the source of a Rust service asks for; what the reader must complete.
    pub(super) fn require(&mut self, root: &Path, rust: &RustServer, stack: &Stack) -> Vec<String> {
        let server = stack.servers.first();
        let address = match server {
            Some(server) => Address {
                host: "0.0.0.0".into(),
                port: server.port.unwrap_or(PORT).to_string(),
            },
            None => Address {
                host: "{host}".into(),
                port: "{port}".into(),
            },
        };
        let mut notes = Vec::new();
        for required in Required::find(root, &rust.folder) {
            let name = &required.name;
            let is_told = server.is_none() && PREDEFINED.contains(&name.as_str());
            let mut named = self.env.iter();
            if is_told || self.known.contains(name) || named.any(|(it, _)| it == name) {
                continue;
            }
            if let Some(value) = connection(name, stack) {
                self.env.push((name.clone(), value));
                continue;
            }
            let value = required.value(&address);
            if value.is_none() {
                let place = &required.place;
                notes.push(printable(&format!(
                    "`{name}` must be set, which `{place}` asks for: complete it in `env` of the server"
                )));
            }
            self.required.push((required, value));
        }
        notes
    }

    /// A value that one of its variables has.
    pub(super) fn value(&self, root: &Path, stack: &Stack, name: &str) -> Option<String> {
        let server = stack.servers.first();
        let own = server.into_iter().flat_map(|it| &it.env);
        let mut own = own.chain(&self.env);
        let written = own
            .find(|(it, _)| it == name)
            .map(|(_, value)| value.clone());
        written.or_else(|| {
            let files = server.into_iter().flat_map(|it| &it.env_files);
            let files = files.chain(&self.files);
            let pairs = files.filter_map(|it| std::fs::read_to_string(root.join(it)).ok());
            let pairs = pairs.filter_map(|it| variables_in(&it).ok()).flatten();
            // Later files come before earlier ones.
            let mut found = pairs.filter(|(it, _)| it == name);
            found.next_back().map(|(_, value)| value)
        })
    }
}
