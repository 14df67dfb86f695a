//! Stores with many runs: what a check fetches of them, and that it judges as if it had read everything.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::{Timestamp, ToSpan};
use serde_json::Value;

use crate::sample;
use crate::support::Sandbox;

const BRANCH: &str = "perfgate-baselines";
const STORE: &str = "git:perfgate-baselines";
pub(super) const REFRESH: [&str; 4] = ["baseline", "refresh", "--measurement", "new.json"];
/// Largest number of bytes that a check may fetch.
pub(super) const MOST_BYTES: usize = 2_000_000;

/// A branch with one document for each run, as refreshes wrote before runs were packed.
struct Store {
    sandbox: Sandbox,
    remote: PathBuf,
}

/// What was fetched of a remote.
#[derive(Debug, Default)]
struct Fetched {
    bytes: usize,
    objects: usize,
}

/// A sandbox with a measurement in `new.json`, of as many endpoints.
pub(super) fn measured(endpoints: usize, more: &str) -> Sandbox {
    let mut config = sample("0", "0", "0");
    for number in 1..endpoints {
        let path = "/api/django-starter/monitoring/health";
        write!(
            config,
            "\n[endpoint.e{number}]\npath = \"{path}?{number}\"\n"
        )
        .expect("a text");
    }
    let config = config + more;
    let ignored = ".perfgate\nnew.json\nout*.json\nfetched*\nupload-pack\n";
    let sandbox = Sandbox::new().without_docker().config(&config);
    let sandbox = sandbox.file(".gitignore", ignored).committed();
    sandbox.run(["run", "--json", "new.json"]);
    assert!(sandbox.path("new.json").exists());
    sandbox
}

impl Store {
    /// Documents of runs two hours apart, the newest of yesterday, every fifth regressed.
    fn with_runs(sandbox: Sandbox, runs: usize) -> Self {
        sandbox.run(REFRESH).exits(0);
        let remote = sandbox.pushed();
        let cells = documents(&sandbox.path(".perfgate/baselines"));
        fs::remove_dir_all(sandbox.path(".perfgate/baselines")).expect("removed");
        let store = Self { sandbox, remote };
        store.import(&cells, runs);
        let script = "git-upload-pack \"$@\" | tee \"$(dirname \"$0\")/fetched.$$\"";
        let sandbox = store.sandbox.program("upload-pack", script);
        let counting = sandbox.path("upload-pack").display().to_string();
        sandbox.git(&["config", "remote.origin.uploadpack", &counting]);
        let store = Self { sandbox, ..store };
        store.git(&["config", "uploadpack.allowFilter", "true"]);
        store
    }

    fn git(&self, words: &[&str]) -> String {
        let of_remote = format!("--git-dir={}", self.remote.display());
        let words = [&[of_remote.as_str()], words].concat();
        self.sandbox.git(&words)
    }

    fn files(&self) -> usize {
        let listed = self.git(&["ls-tree", "-r", "--name-only", BRANCH]);
        let documents = listed.lines().filter(|it| !it.ends_with("/badge.json"));
        documents.count()
    }

    /// Writes the branch, and the same documents into the store in a folder.
    fn import(&self, cells: &[Value], runs: usize) {
        let mut import = Command::new("git")
            .args(["-c", "core.compression=1", "--git-dir"])
            .arg(&self.remote)
            .args(["fast-import", "--quiet"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("git runs");
        let mut input = std::io::BufWriter::new(import.stdin.take().expect("a pipe"));
        write!(
            input,
            "commit refs/heads/{BRANCH}\ncommitter a <a@b> 0 +0000\ndata 0\n"
        )
        .expect("written");
        let newest = Timestamp::now() - 24.hours();
        for run in 0..runs {
            let hours = 2 * i64::try_from(runs - run).expect("few");
            let time = newest - hours.hours();
            for cell in cells {
                let (server, endpoint) = (&cell["key"]["server"], &cell["key"]["endpoint"]);
                let path = format!("{}/{}/{run:05}.json", name(server), name(endpoint));
                let text = document(cell, run, time);
                write!(
                    input,
                    "M 100644 inline {path}\ndata {}\n{text}\n",
                    text.len()
                )
                .expect("written");
                if runs <= 1000 {
                    let copy = self.sandbox.path("copy").join(&path);
                    fs::create_dir_all(copy.parent().expect("a folder")).expect("made");
                    fs::write(copy, text).expect("written");
                }
            }
        }
        drop(input);
        assert!(import.wait().expect("git ends").success());
    }

    /// What a command fetches.
    fn fetched(&self, words: &[&str]) -> Fetched {
        self.fetched_files()
            .for_each(|path| fs::remove_file(path).expect("removed"));
        self.sandbox.run(words.iter().copied()).exits(0);
        let answers = self
            .fetched_files()
            .map(|path| fs::read(path).expect("read"));
        answers.fold(Fetched::default(), |fetched, answer| Fetched {
            bytes: fetched.bytes + answer.len(),
            objects: fetched.objects + objects(&answer),
        })
    }

    fn fetched_files(&self) -> impl Iterator<Item = PathBuf> {
        let entries = fs::read_dir(self.sandbox.path(".")).expect("listed");
        let paths = entries.map(|it| it.expect("an entry").path());
        paths.filter(|path| path.file_stem().is_some_and(|it| it == "fetched"))
    }

    /// The findings of a check against a store.
    fn findings(&self, store: &str, file: &str) -> Value {
        let check = [
            "check",
            "--measurement",
            "new.json",
            "--baseline",
            store,
            "--json",
            file,
        ];
        self.sandbox.run(check);
        self.sandbox.json(file)["findings"].take()
    }
}

pub(super) fn name(name: &Value) -> &str {
    name.as_str().expect("a name")
}

/// The documents of a store in a folder.
pub(super) fn documents(store: &Path) -> Vec<Value> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("listed");
        entries.map(|it| it.expect("an entry").path()).collect()
    };
    let servers = entries(store).into_iter();
    let cells = servers.flat_map(|server| entries(&server));
    let files = cells.flat_map(|cell| entries(&cell));
    let text = |file| fs::read(file).expect("read");
    files
        .map(|file| serde_json::from_slice(&text(file)).expect("JSON"))
        .collect()
}

/// A document like another one, of its own time and commit, with values that differ a little.
pub(super) fn document(like: &Value, run: usize, time: Timestamp) -> String {
    let mut document = like.clone();
    document["time"] = time.to_string().into();
    document["commit"] = format!("{run:040x}").into();
    document["verdict"] = if run % 5 == 4 { "regression" } else { "pass" }.into();
    let mut factor = 0.95 + (run * 7919 % 1000) as f64 / 10_000.0;
    for value in document["values"]
        .as_object_mut()
        .expect("values")
        .values_mut()
    {
        *value = (value.as_f64().expect("a number") * factor).into();
        factor = 0.95 + (factor * 7919.0).fract() / 10.0;
    }
    serde_json::to_string_pretty(&document).expect("JSON") + "\n"
}

/// The objects in the packs of an answer: each begins with its version and how many there are.
fn objects(answer: &[u8]) -> usize {
    let heads = answer
        .windows(12)
        .filter(|it| it.starts_with(b"PACK\0\0\0\x02"));
    let counts = heads.map(|it| u32::from_be_bytes([it[8], it[9], it[10], it[11]]));
    counts.map(|count| count as usize).sum()
}

#[test]
fn a_check_of_packed_runs_judges_as_if_it_had_read_all_of_them() {
    let store = Store::with_runs(measured(1, ""), 120);
    let into = |words: &[&'static str]| {
        for place in ["copy", STORE] {
            let words = words.iter().copied().chain(["--baseline", place]);
            store.sandbox.run(words).exits(0);
        }
    };
    let compare = |when: &str| {
        let of_folder = store.findings("copy", "out.json");
        let of_branch = store.findings(STORE, "out-branch.json");
        assert!(!of_folder.as_array().expect("findings").is_empty());
        assert_eq!(of_branch, of_folder, "{when}");
    };
    compare("one document for each run");
    assert_eq!(store.files(), 120);
    into(&REFRESH);
    assert_eq!(store.files(), 1 + months(&store));
    compare("packed");
    let commit = format!("{:040x}", 20);
    let pin = ["baseline", "pin", "--commit", &commit, "--baseline"];
    for place in ["copy", STORE] {
        let words = pin.iter().copied().chain([place]);
        store.sandbox.run(words).exits(0).prints("17 good runs");
    }
    compare("pinned");
    let show = |place| {
        let show = ["baseline", "show", "--store", place];
        let shown = store.sandbox.run(show).exits(0).stdout;
        shown.lines().next().map(str::to_owned)
    };
    assert_eq!(show(STORE), show("copy"));
    assert!(show(STORE).is_some_and(|it| it.contains("121 in all")));
    let history = |place, file| {
        let history = ["baseline", "history", "--store", place, "--json", file];
        store.sandbox.run(history).exits(0);
        store.sandbox.json(file)
    };
    assert_eq!(history(STORE, "out.json"), history("copy", "out-copy.json"));
    into(&["baseline", "unpin"]);
    into(&["baseline", "prune", "--keep", "30"]);
    compare("pruned");
    assert!(show(STORE).is_some_and(|it| it.contains("30 in all")));
}

/// The archives of a branch, one for each month.
fn months(store: &Store) -> usize {
    let listed = store.git(&["ls-tree", "-r", "--name-only", BRANCH]);
    listed.lines().filter(|it| it.contains("/archive/")).count()
}

#[test]
fn runs_beyond_the_configured_number_are_deleted() {
    let store = Store::with_runs(measured(1, "\n[baseline]\nkeep = 100\n"), 120);
    for place in ["copy", STORE] {
        let refresh = REFRESH.iter().copied().chain(["--baseline", place]);
        store.sandbox.run(refresh).exits(0);
        let show = ["baseline", "show", "--store", place];
        store.sandbox.run(show).exits(0).prints("100 in all");
    }
    let sandbox = store
        .sandbox
        .config(&(sample("0", "0", "0") + "[baseline]\nkeep = 59\n"));
    sandbox
        .run(["check", "--dry-run"])
        .exits(2)
        .complains("`keep` must be at least 60");
}

#[test]
#[ignore = "writes a branch of 20,000 documents"]
fn a_check_fetches_little_of_five_thousand_runs_of_four_endpoints() {
    let store = Store::with_runs(measured(4, "\n[baseline]\nkeep = 6000\n"), 5000);
    assert_eq!(store.files(), 20_000);
    let check = ["check", "--measurement", "new.json", "--baseline", STORE];
    let show = ["baseline", "show", "--store", STORE];
    let refresh = [REFRESH.as_slice(), &["--baseline", STORE]].concat();
    let before = store.fetched(&check);
    assert!(before.objects > 20_000, "{before:?}");
    store.fetched(&refresh);
    store.sandbox.run(show).exits(0).prints("5001 in all");
    let after = store.fetched(&check);
    assert!(after.bytes < MOST_BYTES, "{after:?}");
    // A commit, its trees, and a document for each endpoint.
    assert!(after.objects < 30, "{after:?}");
    // As many as there can be beside what is packed.
    for _ in 0..16 {
        store.fetched(&refresh);
    }
    let most = store.fetched(&check);
    assert!(most.bytes < MOST_BYTES && most.objects < 100, "{most:?}");
    store.sandbox.run(show).exits(0).prints("5017 in all");
    let clone = store.sandbox.git(&["count-objects"]);
    assert!(clone.starts_with(|it: char| it.is_ascii_digit()), "{clone}");
    let few = clone
        .split(' ')
        .next()
        .and_then(|it| it.parse::<usize>().ok());
    assert!(few.is_some_and(|it| it < 30), "the clone got none: {clone}");
}
