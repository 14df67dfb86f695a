//! The workflows for GitHub, at the top of the repository. In a repository of several services each has
//! jobs of its own in the same two files.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::action::Action;
use super::ask;

const CHECK: &str = include_str!("perfgate.yml");
/// The same with several jobs that measure.
const CHECK_IN_SHARDS: &str = include_str!("perfgate-shards.yml");
const REPORT: &str = include_str!("perfgate-report.yml");
/// The default branch where git does not name one.
const BRANCH: &str = "main";
/// The line of a workflow that others are put after.
const STORE: &str = "          baseline-store: git:perfgate-baselines\n";
const JOBS: &str = "jobs:\n";
/// The end of the step that checks the code out.
const CHECKED_OUT: &str = "          persist-credentials: false";
/// What cargo has built of both sides: dependencies are compiled once.
const CARGO_CACHE: &str =
    "      - uses: actions/cache@0057852bfaa89a56745cba8c7296529d2fc39830 # v4.3.0
        with:                      # dependencies of both builds are compiled once
          path: |
            ~/.cargo/registry
            ~/.cache/perfgate/bases
            TARGET
          key: perfgate-cargo-${{ runner.os }}-${{ hashFiles('**/Cargo.lock') }}
          restore-keys: perfgate-cargo-${{ runner.os }}-
";
/// How the line begins that says which folder a job is for.
const FOLDER: &str = "          working-directory: ";

/// What is to become of a file.
#[derive(Debug)]
pub enum Plan {
    /// It is there already; what else there is to say.
    Keep(Option<String>),
    Create(String),
    Overwrite(String),
    /// The file with the jobs of one more service.
    Add(String),
}

/// A service in a folder of its repository; at the top of it the prefix is empty.
pub(super) struct Workflows {
    /// Where the workflows lie.
    folder: PathBuf,
    branch: String,
    /// The folder of the service, from the top.
    prefix: String,
    /// Where cargo builds it, from the top, where it does.
    target: Option<String>,
}

impl Workflows {
    pub(super) fn from_folder(here: &Path) -> Self {
        let up = ask(here, &["rev-parse", "--show-cdup"]).unwrap_or_default();
        let prefix = ask(here, &["rev-parse", "--show-prefix"]).unwrap_or_default();
        Self {
            folder: Path::new(&up).join(".github/workflows"),
            branch: default_branch(here),
            prefix: prefix.trim_end_matches('/').to_owned(),
            target: None,
        }
    }

    /// The same of a service that cargo builds in a folder, from the folder of the service on.
    pub(super) fn by_cargo(self, folder: &str) -> Self {
        let parts = [self.prefix.as_str(), folder, "target"];
        let parts = parts.into_iter().filter(|it| !it.is_empty());
        let target = Some(parts.collect::<Vec<_>>().join("/"));
        Self { target, ..self }
    }

    /// What the server is called: after the folder of its service, where the repository may have others.
    pub(super) fn server_name(&self) -> Option<String> {
        let (_, last) = self.prefix.rsplit_once('/').unwrap_or(("", &self.prefix));
        let name = slug(last);
        (!name.is_empty()).then_some(name)
    }

    /// Where each file lies, and what is to become of it.
    pub(super) fn files(
        &self,
        by_force: bool,
        shards: NonZeroUsize,
        action: Option<&Action>,
    ) -> Vec<(PathBuf, Plan)> {
        let check = in_shards(shards);
        let templates = [
            ("perfgate.yml", check.as_str()),
            ("perfgate-report.yml", REPORT),
        ];
        let file = |(name, template): (&str, &str)| {
            let template = match action {
                Some(action) => action.written_into(template),
                None => template.to_owned(),
            };
            // The workflow that reports builds nothing, and trusts no cache.
            let builds = name != "perfgate-report.yml";
            let template = match self.target.as_ref().filter(|_| builds) {
                Some(target) => with_cargo_cache(&template, target),
                None => template,
            };
            let path = self.folder.join(name);
            // One that cannot be read is there, and stays.
            let text = path
                .exists()
                .then(|| fs::read_to_string(&path).unwrap_or_default());
            let plan = self.plan(&template, text.as_deref(), by_force);
            (path, plan)
        };
        templates.map(file).into()
    }

    fn plan(&self, template: &str, text: Option<&str>, by_force: bool) -> Plan {
        let (head, jobs) = template.split_once(JOBS).expect("a workflow has jobs");
        let whole = || {
            let head = head.replace("DEFAULT_BRANCH", &yaml(&self.branch));
            format!("{head}{JOBS}{}", self.jobs(jobs, self.names().first()))
        };
        let Some(text) = text else {
            return Plan::Create(whole());
        };
        let jobs_in_all = text.matches(STORE).count();
        let own = self.own_jobs(text);
        if by_force && jobs_in_all == own {
            return Plan::Overwrite(whole());
        }
        if own > 0 || jobs_in_all == 0 && self.prefix.is_empty() {
            let why = by_force.then(|| "it has jobs of other services".to_owned());
            return Plan::Keep(why);
        }
        let at_top = self.prefix.is_empty().then_some(None);
        let mut names = self.names().into_iter().map(Some).chain(at_top);
        let name = names.find(|name| !has_job(text, name.as_deref()));
        match name {
            Some(name) if ends_with_jobs(text) => {
                let text = text.trim_end();
                Plan::Add(format!("{text}\n\n{}", self.jobs(jobs, name.as_ref())))
            }
            _ => Plan::Keep(Some(format!(
                "no job can be added: write one for {}",
                self.prefix
            ))),
        }
    }

    /// What jobs can be called after: the last folder, or all of them. Nothing at the top of the
    /// repository.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.server_name().into_iter().collect();
        let all = slug(&self.prefix);
        if !all.is_empty() && !names.contains(&all) {
            names.push(all);
        }
        names
    }

    fn folder_line(&self) -> String {
        format!("{FOLDER}{}\n", yaml(&self.prefix))
    }

    /// How many jobs of a workflow are for this service: those without a folder for the one at the top.
    fn own_jobs(&self, text: &str) -> usize {
        if self.prefix.is_empty() {
            let below = text.lines().filter(|it| it.starts_with(FOLDER)).count();
            text.matches(STORE).count().saturating_sub(below)
        } else {
            text.matches(&self.folder_line()).count()
        }
    }

    /// The jobs of a template for this folder, with ids, a concurrency group and an artifact of a name.
    fn jobs(&self, template: &str, name: Option<&String>) -> String {
        let Some(name) = name else {
            return template.to_owned();
        };
        let mode = "          mode: report\n";
        let renamed = [
            (STORE.to_owned(), format!("{}{STORE}", self.folder_line())),
            (
                mode.to_owned(),
                format!("{mode}          job: check-{name}\n          artifact: perfgate-{name}\n"),
            ),
            (
                "group: perfgate-$".into(),
                format!("group: perfgate-{name}-$"),
            ),
            ("perfgate-shard-".into(), format!("perfgate-{name}-shard-")),
            (
                "perfgate-not-stored".into(),
                format!("perfgate-{name}-not-stored"),
            ),
            (
                "    needs: measure\n".into(),
                format!("    needs: measure-{name}\n"),
            ),
            (
                "          name: perfgate\n".into(),
                format!("          name: perfgate-{name}\n"),
            ),
        ];
        let ids = ["check", "measure", "refresh", "report"];
        let ids = ids.map(|id| {
            (
                format!("  {id}:\n    if:"),
                format!("  {id}-{name}:\n    if:"),
            )
        });
        let both = renamed.iter().chain(&ids);
        both.fold(template.to_owned(), |text, (before, after)| {
            text.replace(before, after)
        })
    }
}

/// The workflow with so many jobs that measure.
fn in_shards(shards: NonZeroUsize) -> String {
    if shards.get() == 1 {
        return CHECK.to_owned();
    }
    let numbers: Vec<_> = (1..=shards.get()).map(|it| it.to_string()).collect();
    CHECK_IN_SHARDS.replace("SHARDS", &format!("[{}]", numbers.join(", ")))
}

/// A workflow that keeps what cargo builds, wherever code is checked out.
fn with_cargo_cache(template: &str, target: &str) -> String {
    let step = CARGO_CACHE.replace("TARGET", target);
    let lines = template.split_inclusive('\n').map(|line| {
        if line.starts_with(CHECKED_OUT) {
            format!("{line}{step}")
        } else {
            line.to_owned()
        }
    });
    lines.collect()
}

/// Whether a workflow has a job that is called after this, or after nothing.
fn has_job(text: &str, name: Option<&str>) -> bool {
    let end = name.map_or_else(String::new, |name| format!("-{name}"));
    let has = |id: &str| text.contains(&format!("\n  {id}{end}:"));
    has("check") || has("report")
}

/// Whether jobs are the last key of the file, so that one more can follow.
fn ends_with_jobs(text: &str) -> bool {
    let is_key = |line: &&str| line.starts_with(|it: char| it.is_ascii_alphabetic());
    let mut keys = text.lines().filter(is_key);
    keys.next_back().is_some_and(|it| it.trim_end() == "jobs:")
}

/// A folder as a part of names: small letters, digits and `-`.
fn slug(folder: &str) -> String {
    let letter = |it: char| {
        if it.is_ascii_alphanumeric() {
            it.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let text: String = folder.chars().map(letter).collect();
    let parts: Vec<_> = text.split('-').filter(|it| !it.is_empty()).collect();
    parts.join("-")
}

/// The branch that pull requests go to.
fn default_branch(here: &Path) -> String {
    let ask = |words: &[&str]| ask(here, words);
    let remote = ask(&["symbolic-ref", "--short", "refs/remotes/origin/HEAD"]);
    let remote = remote.and_then(|name| name.split_once('/').map(|(_, it)| it.to_owned()));
    let is_there = |name: &&str| {
        let full = format!("refs/heads/{name}");
        ask(&["show-ref", "--verify", &full]).is_some()
    };
    let usual = || ["main", "master"].into_iter().find(is_there);
    remote
        .or_else(|| usual().map(str::to_owned))
        .or_else(|| ask(&["symbolic-ref", "--short", "HEAD"]))
        .unwrap_or_else(|| BRANCH.into())
}

/// A text as a scalar of YAML, which a string of JSON is.
fn yaml(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    if text.starts_with(char::is_alphabetic) && text.chars().all(plain) {
        text.to_owned()
    } else {
        serde_json::Value::String(text.to_owned()).to_string()
    }
}
