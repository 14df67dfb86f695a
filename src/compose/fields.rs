//! A service of a project → its values.

use std::path::Path;
use std::time::Duration;

use indexmap::IndexMap;

use super::build;
use super::env_file::variables_in;
use super::keys::{self, Sort};
use super::mounts::mounts;
use super::node::{Kind, Node};
use super::problem::{Mark, Problem};
use super::project::Project;
use super::reader::Reader;
use super::service::{Need, Service};
use super::values::{self, argument_list, is_true};

/// What the names of files end with that show what others would hold.
const EXAMPLES: [&str; 4] = [".example", ".sample", "-example", "-sample"];
const USUAL_WAIT: Duration = Duration::from_secs(60);

/// Reads a service of a project.
pub(super) fn read_service(project: &Project<'_>, name: &str, node: &Node) -> Service {
    let mut reader = Reader {
        project,
        name,
        node,
        service: Service {
            mark: node.mark,
            ..Service::default()
        },
    };
    reader.read();
    reader.service
}

impl Reader<'_> {
    fn read(&mut self) {
        let marks = self.node.as_map().into_iter().flatten();
        self.service.marks = marks.map(|(key, it)| (key.clone(), it.mark)).collect();
        self.service.image = self.text("image");
        self.service.build = build::read(self);
        self.service.command = self.arguments("command");
        self.service.entrypoint = self.arguments("entrypoint");
        self.service.env = self.env();
        self.env_files();
        self.service.ports = self.ports("ports");
        for port in self.ports("expose") {
            if !self.service.ports.contains(&port) {
                self.service.ports.push(port);
            }
        }
        mounts(self);
        self.service.user = self.text("user");
        self.service.working_dir = self.text("working_dir");
        self.limits();
        self.health();
        self.needs();
        self.names();
        self.service.profiles = self.texts("profiles");
        self.other_keys();
    }

    fn env(&mut self) -> IndexMap<String, String> {
        let node = self.get("environment").cloned();
        self.pairs("environment", node.as_ref())
    }

    /// Files that are there, or their examples.
    fn env_files(&mut self) {
        let node = self.get("env_file").cloned().unwrap_or_default();
        for file in node.as_list() {
            let Some(path) = file.get("path").and_then(Node::as_text) else {
                let inner = file.get("path").unwrap_or(file);
                self.wrong(inner, "env_file", "write the path of a file");
                continue;
            };
            let is_there = |path: &String| self.project.files.is_file(Path::new(path));
            let path = path.to_owned();
            if is_there(&path) {
                self.env_file(file.mark, path);
                continue;
            }
            let is_required = file.get("required").is_none_or(is_true);
            let mut examples = EXAMPLES.iter().map(|ending| format!("{path}{ending}"));
            if let Some(example) = examples.find(is_there) {
                self.note(format!("`{path}` is not there: `{example}` is read"));
                self.env_file(file.mark, example);
            } else if is_required {
                let message = format!(
                    "`{path}`, an `env_file` of service `{}`, is not there",
                    self.name
                );
                let hint = "commit an example as FILE.example, write `env_file = [...]` of the server or service \
                            in perfgate.toml, or `required: false` here";
                self.refuse(Problem::at(file.mark, message, hint), &["env_file"]);
            }
        }
    }

    fn env_file(&mut self, mark: Mark, path: String) {
        let text = self.project.files.read(Path::new(&path));
        let text = text.map_err(|error| error.to_string());
        match text.and_then(|text| variables_in(&text)) {
            Ok(variables) => {
                self.service.file_env.extend(variables);
                self.service.env_files.push((mark, path));
            }
            Err(why) => {
                let message = format!("`{path}` has no variables: {why}");
                let hint = "each line is NAME=VALUE";
                self.refuse(Problem::at(mark, message, hint), &["env_file"]);
            }
        }
    }

    fn ports(&mut self, key: &str) -> Vec<u16> {
        let node = self.get(key).cloned().unwrap_or_default();
        let mut all = Vec::new();
        for port in node.as_list() {
            match values::ports(port) {
                Some(ports) => all.extend(ports),
                None => self.wrong(
                    port,
                    key,
                    "write a port such as \"8000:80\", or `target: 80`",
                ),
            }
        }
        if !node.is_null() && !matches!(node.kind, Kind::List(_)) {
            self.wrong(&node, key, "write a list of ports");
        }
        all
    }

    fn limits(&mut self) {
        let deploy = self.get("deploy").cloned().unwrap_or_default();
        let limits = deploy.get("resources").and_then(|it| it.get("limits"));
        let of_deploy = |key: &str| limits.and_then(|it| it.get(key)).cloned();
        let memory = self
            .get("mem_limit")
            .cloned()
            .or_else(|| of_deploy("memory"));
        self.service.memory = self.size("mem_limit", memory);
        let shm_size = self.get("shm_size").cloned();
        self.service.shm_size = self.size("shm_size", shm_size);
        let cpus = self.get("cpus").cloned().or_else(|| of_deploy("cpus"));
        if let Some(node) = cpus.filter(|it| !it.is_null()) {
            let cpus = node.as_text().and_then(|it| it.parse::<f64>().ok());
            // 0 is no limit.
            match cpus.filter(|it| it.is_finite() && *it >= 0.0) {
                Some(cpus) => self.service.cpus = Some(cpus).filter(|it| *it > 0.0),
                None => self.wrong(&node, "cpus", "write how many CPUs, such as \"0.5\""),
            }
        }
        if keys::reserves_devices(&deploy) {
            let message = format!("service `{}` reserves devices of the host", self.name);
            let hint = "leave it out: containers of perfgate get no devices";
            self.refuse(Problem::at(deploy.mark, message, hint), &[]);
        }
        if let Some(replicas) = keys::replicas(&deploy) {
            self.note(format!("one is started, not {replicas}"));
        }
    }

    fn size(&mut self, key: &str, node: Option<Node>) -> Option<u64> {
        let node = node.filter(|it| !it.is_null() && it.as_text() != Some("0"))?;
        let size = node.as_text().and_then(values::size);
        if size.is_none() {
            self.wrong(&node, key, "write a size such as \"512m\"");
        }
        size
    }

    /// A command line is one for a shell.
    fn health(&mut self) {
        let check = self.get("healthcheck").cloned().unwrap_or_default();
        let Some(test) = check.get("test").filter(|_| !keys::is_disabled(&check)) else {
            return;
        };
        let health = match &test.kind {
            Kind::Text(line) => Some(vec!["CMD-SHELL".into(), line.clone()]),
            _ => argument_list(test),
        };
        let Some(health) = health else {
            self.wrong(test, "healthcheck", "write `test: [CMD, program, word]`");
            return;
        };
        self.service.health = health.into_iter().collect();
        let time = |key: &str, usual: u64| {
            let given = check
                .get(key)
                .and_then(Node::as_text)
                .and_then(values::time);
            given.unwrap_or(Duration::from_secs(usual))
        };
        let retries = check.get("retries").and_then(Node::as_text);
        let retries = retries.and_then(|it| it.parse::<u32>().ok()).unwrap_or(3);
        let longest = time("start_period", 0).saturating_add(
            (time("interval", 30) + time("timeout", 30)).saturating_mul(retries.min(1000)),
        );
        let hour = Duration::from_secs(3600);
        self.service.within = Some(longest.min(hour)).filter(|it| *it > USUAL_WAIT);
    }

    fn needs(&mut self) {
        let needs = self.get("depends_on").cloned().unwrap_or_default();
        for (name, need) in needs.as_map().into_iter().flatten() {
            let condition = need.get("condition").and_then(Node::as_text);
            let condition = condition.unwrap_or("service_started");
            let conditions = [
                "service_started",
                "service_healthy",
                "service_completed_successfully",
            ];
            if !conditions.contains(&condition) {
                let message = format!("`{condition}` is no condition of `depends_on`");
                let hint = format!("known: {}", conditions.join(", "));
                self.refuse(Problem::at(need.mark, message, &hint), &[]);
            }
            let need = Need {
                mark: need.mark,
                is_completion: condition == conditions[2],
                is_required: need.get("required").is_none_or(is_true),
            };
            self.service.needs.insert(name.clone(), need);
        }
    }

    fn names(&mut self) {
        let own = ["container_name", "hostname"];
        let own: Vec<_> = own.iter().filter_map(|key| self.text(key)).collect();
        let networks = self.get("networks").cloned().unwrap_or_default();
        let aliases = networks.as_map().into_iter().flat_map(|it| it.values());
        let aliases = aliases
            .filter_map(|it| it.get("aliases"))
            .flat_map(Node::as_list);
        let aliases = aliases.filter_map(|it| it.as_text().map(str::to_owned));
        self.service.aliases = own.into_iter().chain(aliases).collect();
        self.service.aliases.retain(|it| it != self.name);
        let mark = self.get("links").map_or_else(Mark::default, |it| it.mark);
        for link in self.texts("links") {
            let (name, alias) = link.split_once(':').unwrap_or((&link, &link));
            self.service.links.push((alias.to_owned(), name.to_owned()));
            let need = Need {
                mark,
                is_completion: false,
                is_required: true,
            };
            self.service.needs.entry(name.to_owned()).or_insert(need);
        }
    }

    /// What is replaced, not done, refused, or not known at all.
    fn other_keys(&mut self) {
        let mut noted = Vec::new();
        for (key, value) in self.node.as_map().into_iter().flatten() {
            match keys::sort(key, value) {
                Sort::Taken | Sort::Ignored => {}
                Sort::Noted => noted.push(format!("`{key}`")),
                Sort::Refused(why) => {
                    let said = value
                        .as_text()
                        .map_or_else(String::new, |it| format!(": {it}"));
                    let message = format!("service `{}` has `{key}{said}`: {why}", self.name);
                    let hint = keys::remedy(key, value);
                    let allowed = keys::allowed_by(key, value).map(|it| ["allow", it]);
                    let instead = allowed.as_ref().map_or(&[][..], |it| &it[..]);
                    self.refuse_key(key, Problem::at(value.mark, message, &hint), instead);
                }
                Sort::Unknown => self.refuse(keys::unknown(self.name, key, value), &[]),
            }
        }
        if !noted.is_empty() {
            self.note(format!("without {}", noted.join(", ")));
        }
        let is_published = |it: &Node| {
            let text = it.as_text().is_some_and(|it| it.contains(':'));
            text || it.get("published").is_some()
        };
        let ports = self.get("ports").map_or(&[][..], Node::as_list);
        let replaced = [
            ("its `container_name`", self.get("container_name").is_some()),
            ("its ports on this machine", ports.iter().any(is_published)),
        ];
        let replaced: Vec<_> = replaced.iter().filter(|it| it.1).map(|it| it.0).collect();
        if !replaced.is_empty() {
            self.note(format!("perfgate chooses {}", replaced.join(" and ")));
        }
    }
}
