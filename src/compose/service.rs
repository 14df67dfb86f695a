//! One service of a compose file, its values as perfgate takes them. What is wrong with it is kept with it:
//! only of services that are used does it matter.

use std::path::Path;
use std::time::Duration;

use indexmap::IndexMap;

use super::build;
use super::dockerfile::Build;
use super::env_file::variables_in;
use super::keys::{self, Sort};
use super::mounts::{Mount, mounts};
use super::node::{Kind, Node};
use super::problem::{Mark, Problem};
use super::project::Project;
use super::source::Source;
use super::values::{self, is_true, words};

/// What the names of files end with that show what others would hold.
const EXAMPLES: [&str; 4] = [".example", ".sample", "-example", "-sample"];
const USUAL_WAIT: Duration = Duration::from_secs(60);

#[derive(Debug, Default, Clone)]
pub(super) struct Service {
    pub(super) mark: Mark,
    /// Where its keys stand.
    pub(super) marks: IndexMap<String, Mark>,
    pub(super) image: Option<String>,
    pub(super) build: Option<Build>,
    pub(super) command: Vec<String>,
    pub(super) entrypoint: Vec<String>,
    /// What is written out, over what files have.
    pub(super) env: IndexMap<String, String>,
    pub(super) env_files: Vec<(Mark, String)>,
    /// What these files have.
    pub(super) file_env: IndexMap<String, String>,
    /// In the container.
    pub(super) ports: Vec<u16>,
    /// What is put where.
    pub(super) mounts: Vec<Mount>,
    pub(super) volumes: Vec<String>,
    pub(super) tmpfs: Vec<String>,
    pub(super) user: Option<String>,
    pub(super) working_dir: Option<String>,
    pub(super) memory: Option<u64>,
    pub(super) cpus: Option<f64>,
    pub(super) shm_size: Option<u64>,
    /// The words of its health check.
    pub(super) health: Vec<String>,
    /// How long its health check may take, where that is long.
    pub(super) within: Option<Duration>,
    pub(super) needs: IndexMap<String, Need>,
    /// Names beside its own that others reach it by.
    pub(super) aliases: Vec<String>,
    /// Other services by the names that this one has for them.
    pub(super) links: Vec<(String, String)>,
    pub(super) profiles: Vec<String>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) notes: Vec<String>,
}

/// What a service waits for of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) mark: Mark,
    /// Whether the other one runs to its end first.
    pub(super) is_completion: bool,
    pub(super) is_required: bool,
}

/// Why a service cannot be used, unless a key of perfgate.toml says something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) problem: Problem,
    /// The key, and a key in its table.
    pub(super) instead: Vec<String>,
}

impl Service {
    /// Where its image comes from.
    pub(super) fn source(&self) -> Option<Source> {
        match (&self.build, &self.image) {
            (Some(build), _) => Some(Source::Build(build.clone())),
            // An image whose name follows from the environment is not known.
            (None, Some(image)) if !image.contains('{') && !image.ends_with(':') => {
                Some(Source::Image(image.clone()))
            }
            _ => None,
        }
    }

    /// Reads a service of a project.
    pub(super) fn read(project: &Project<'_>, name: &str, node: &Node) -> Self {
        let mut reader = Reader {
            project,
            name,
            node,
            service: Self {
                mark: node.mark,
                ..Self::default()
            },
        };
        reader.read();
        reader.service
    }
}

/// Reads the keys of one service.
pub(super) struct Reader<'a> {
    pub(super) project: &'a Project<'a>,
    pub(super) name: &'a str,
    pub(super) node: &'a Node,
    pub(super) service: Service,
}

impl Reader<'_> {
    fn read(&mut self) {
        let marks = self.node.as_map().into_iter().flatten();
        self.service.marks = marks.map(|(key, it)| (key.clone(), it.mark)).collect();
        self.service.image = self.text("image");
        self.service.build = build::read(self);
        self.service.command = self.words("command");
        self.service.entrypoint = self.words("entrypoint");
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

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.node.get(key)
    }

    pub(super) fn refuse(&mut self, problem: Problem, instead: &[&str]) {
        self.service.refusals.push(Refusal {
            problem,
            instead: instead.iter().map(|it| (*it).to_owned()).collect(),
        });
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

    fn words(&mut self, key: &str) -> Vec<String> {
        let Some(node) = self.get(key).cloned() else {
            return Vec::new();
        };
        words(&node).unwrap_or_else(|| {
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
            _ => words(test),
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
                    let hint = "two of it are up at once, on any machine: take it out, by `!reset null` in a \
                                compose file of its own for perfgate if need be";
                    self.refuse(Problem::at(value.mark, message, hint), &[]);
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

/// Why a text could not be made.
fn lacking(node: &Node) -> Option<Problem> {
    match &node.kind {
        Kind::Lacking(problem) => Some((**problem).clone()),
        _ => None,
    }
}
