//! The images that perfgate builds: found again, and gone once newer ones replace them. In an
//! engine of their own, where nobody else builds.

use std::fs;

use crate::daemon::Daemon;
use crate::support::{Run, Sandbox, repository};
use crate::{docker, engine};

/// Images that are kept of one folder: the three newest, and the base where it is older.
const MOST: usize = 4;

/// The image of this has no command: what runs is the build alone.
const CONFIG: &str = r#"
[server.app]
build = "."
command = ["/none"]

[endpoint.home]
path = "/"
"#;

struct Builder {
    daemon: Daemon,
    sandbox: Sandbox,
}

impl Builder {
    fn new(dockerfile: &str) -> Self {
        let daemon = Daemon::start();
        let sandbox = Sandbox::new()
            .config(CONFIG)
            .env("DOCKER_HOST", &daemon.host())
            .file("Dockerfile", dockerfile)
            .file("note", "as committed")
            .committed();
        Self { daemon, sandbox }
    }

    /// Runs a check that builds head and base, and ends as soon as one is started.
    fn check(&self) -> Run {
        let run = self.sandbox.run(["check", "--against", "HEAD"]).exits(4);
        run.complains("app")
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.sandbox.path(name), text).expect("written");
    }

    fn docker(&self, words: &[&str]) -> String {
        docker(&[&["--host", &self.daemon.host()], words].concat())
    }

    /// Names and tags of all images.
    fn images(&self) -> Vec<String> {
        let format = ["images", "--format", "{{.Repository}}:{{.Tag}}"];
        let images = self.docker(&format);
        images.lines().map(str::to_owned).collect()
    }

    /// The layers of all images, also those without a name.
    fn layers(&self) -> usize {
        self.docker(&["images", "--all", "--quiet"]).lines().count()
    }
}

#[test]
#[ignore = "needs Docker and root"]
fn head_and_base_of_one_content_are_one_image_that_is_found_again() {
    let _engine = engine();
    let builder = Builder::new("FROM scratch\nCOPY note /\n");
    let first = builder.check();
    assert_eq!(
        first.stderr.matches("Step 1/").count(),
        1,
        "{}",
        first.stderr
    );
    let images = builder.images();
    assert_eq!(images.len(), 1, "{images:?}");
    assert!(images[0].starts_with("perfgate/app-"), "{images:?}");
    // Another time of change is no change, and neither is another checkout.
    builder.write("note", "as committed");
    let again = builder.check();
    assert!(!again.stderr.contains("Step 1/"), "{}", again.stderr);
    assert_eq!(builder.images(), images);
}

#[test]
#[ignore = "needs Docker and root"]
fn a_build_is_identical_where_its_image_and_its_command_are() {
    let _engine = engine();
    let builder = Builder::new("FROM scratch\nCOPY note /\n");
    let since = ["check", "--against", "HEAD", "--since-change"];
    builder.write(".dockerignore", "README.md\nperfgate.toml\n.*\n");
    builder.write("README.md", "");
    builder.sandbox.git(&["add", "."]);
    builder.sandbox.git(&["commit", "--quiet", "--message=two"]);
    builder.write("README.md", "only documentation");
    let run = builder.sandbox.run(since).exits(0);
    run.prints("PASSED: nothing changed; identical build, not measured: app home");
    let other = CONFIG.replace("/none", "/other");
    builder.write("perfgate.toml", &other);
    builder.sandbox.run(since).exits(4).complains("app");
    builder.write("perfgate.toml", CONFIG);
    builder.write("note", "changed");
    builder.sandbox.run(since).exits(4).complains("app");
}

#[test]
#[ignore = "needs Docker and root"]
fn newer_images_replace_older_ones_and_their_stages() {
    let _engine = engine();
    let builder = Builder::new(
        "FROM scratch AS one\nCOPY note /\nFROM scratch\nCOPY --from=one /note /copy\n",
    );
    let mut layers = Vec::new();
    for change in 0..10 {
        builder.write("note", &format!("change {change}"));
        builder.check();
        layers.push(builder.layers());
    }
    let images = builder.images();
    let stages = images.iter().filter(|it| it.ends_with("-1")).count();
    // The base is one of four, each with its stage.
    assert_eq!((images.len() - stages, stages), (MOST, MOST), "{images:?}");
    assert_eq!(layers[4..], [layers[3]; 6], "layers after each change");
}

#[test]
#[ignore = "needs Docker and root"]
fn images_that_somebody_uses_stay() {
    let _engine = engine();
    let builder = Builder::new("FROM scratch\nCOPY note /\n");
    let of_change = |change: &str| {
        let before = builder.images();
        builder.write("note", change);
        builder.check();
        let mut new = builder.images();
        new.retain(|it| !before.contains(it) && it.starts_with("perfgate/"));
        new.pop().expect("the image of the change")
    };
    let used = of_change("used");
    let container = builder.docker(&["create", &used, "none"]);
    let named = of_change("named");
    builder.docker(&["tag", &named, "shop:1.2"]);
    let plain = of_change("plain");
    for change in 0..5 {
        of_change(&format!("change {change}"));
    }
    let images = builder.images();
    assert!(
        images.contains(&used) && images.contains(&named),
        "{images:?}"
    );
    assert!(!images.contains(&plain), "{images:?}");

    let cleanup = builder.sandbox.run(["cleanup", "--images"]).exits(0);
    cleanup.complains("note: 1 images stay: containers use them");
    let mut left = builder.images();
    left.sort();
    assert_eq!(left, [used.as_str(), "shop:1.2"]);
    builder.docker(&["rm", &container]);
    builder
        .sandbox
        .run(["cleanup", "--images"])
        .exits(0)
        .prints("removed 1 images");
    assert_eq!(builder.images(), ["shop:1.2"]);
}

#[test]
#[ignore = "needs Docker and root"]
fn an_image_that_others_start_from_is_looked_at_again() {
    let _engine = engine();
    let builder = Builder::new("FROM shop-base:1\nCOPY note /\n");
    let renew = |text: &str| {
        builder.write("base/Dockerfile", "FROM scratch\nCOPY text /\n");
        builder.write("base/text", text);
        let folder = builder.sandbox.path("base").display().to_string();
        builder.docker(&["build", "--quiet", "--tag", "shop-base:1", &folder]);
    };
    fs::create_dir(builder.sandbox.path("base")).expect("a folder");
    builder.write(".dockerignore", "base\n.dockerignore\n");
    builder.sandbox.git(&["add", ".dockerignore"]);
    builder
        .sandbox
        .git(&["commit", "--quiet", "--message=ignored"]);
    renew("first");
    assert!(builder.check().stderr.contains("Step 1/"));
    assert!(!builder.check().stderr.contains("Step 1/"));
    renew("second");
    assert!(builder.check().stderr.contains("Step 1/"));
}

/// Runs a step of the action.
fn step(builder: &Builder, step: &str, variables: &[(&str, &str)]) {
    let path = std::env::var("PATH").expect("a path");
    let path = format!("{}:{path}", builder.sandbox.path("bin").display());
    let mut script = builder.sandbox.command("bash");
    let output = script
        .arg(repository().join("action/run.sh"))
        .arg(step)
        .env("RUNNER_TEMP", builder.sandbox.path(".perfgate"))
        .env("GITHUB_OUTPUT", builder.sandbox.path(".perfgate/output"))
        .env("PATH", path)
        .envs(variables.iter().copied())
        .output()
        .expect("bash runs");
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

#[test]
#[ignore = "needs Docker and root"]
fn what_the_default_branch_built_a_later_job_finds_in_the_cache() {
    let _engine = engine();
    let mut builder = Builder::new("FROM shop-base:1\nCOPY steady /\nCOPY note /\n");
    builder.sandbox = builder
        .sandbox
        .file("steady", "seldom changed")
        .file("base/Dockerfile", "FROM scratch\nCOPY text /\n")
        .file("base/text", "whose first layer")
        .file(".dockerignore", "*\n!steady\n!note\n")
        .file(".gitignore", ".perfgate\nbin\n")
        .program("bin/perfgate", "exit 0")
        .committed_again();
    let base = builder.sandbox.path("base").display().to_string();
    builder.docker(&["build", "--quiet", "--tag", "shop-base:1", &base]);
    builder.check();
    let images = builder.images();
    assert_eq!(images.len(), 2, "{images:?}");
    let keep = [("PERFGATE_KEY_OF_IMAGES", "perfgate-images-x")];
    fs::create_dir_all(builder.sandbox.path(".perfgate")).expect("made");
    step(&builder, "keep", &keep);
    let output = builder.sandbox.read(".perfgate/output");
    assert!(output.starts_with("images=perfgate-images-x-"), "{output}");
    step(&builder, "keep", &keep);
    assert_eq!(
        builder.sandbox.read(".perfgate/output"),
        output,
        "nothing is new"
    );

    // Another machine, which has nothing but the cache.
    builder.daemon = Daemon::start();
    builder.sandbox = builder.sandbox.env("DOCKER_HOST", &builder.daemon.host());
    assert_eq!(builder.images(), [""; 0]);
    step(&builder, "gate", &[("PERFGATE_INSTALL", "path")]);
    let loaded = |builder: &Builder| {
        let mut images = builder.images();
        images.sort();
        images
    };
    let mut before = images;
    before.sort();
    assert_eq!(loaded(&builder), before);
    builder.write("note", "changed");
    let run = builder.check();
    // The base is there; the head is built from the step on that is another.
    assert_eq!(run.stderr.matches("Step 1/").count(), 1, "{}", run.stderr);
    let steps = |image: &str| {
        let steps = builder.docker(&["history", "--quiet", "--no-trunc", image]);
        steps.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let is_new = |image: &String| !before.contains(image);
    let head = loaded(&builder).into_iter().find(is_new).expect("a head");
    let own = before
        .iter()
        .find(|it| it.starts_with("perfgate/"))
        .expect("a base");
    // The newest first: labels and the changed file are new.
    let (head, own) = (steps(&head), steps(own));
    assert_eq!(head[2..], own[2..], "the file that did not change");
    assert_ne!(head[0], own[0]);
}
