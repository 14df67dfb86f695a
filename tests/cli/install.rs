//! action/run.sh by itself: what it installs, what it refuses, and what it becomes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::support::{Sandbox, repository};

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// A release of one archive, on a machine whose programs are the sandbox's.
struct Release {
    sandbox: Sandbox,
}

impl Release {
    fn new() -> Self {
        let script = fs::read_to_string(repository().join("action/run.sh")).expect("the script");
        let sandbox = Sandbox::new()
            .file("action/run.sh", &script)
            .file("action/version", "1.2.3\n")
            .program("released/perfgate", "echo $$; printf '<%s>' \"$@\"; echo; pwd")
            // Where the machine is, and GitHub, which has one archive.
            .program("bin/uname", "case $1 in -s) echo Linux ;; *) echo x86_64 ;; esac")
            .program(
                "bin/curl",
                "echo \"$@\" > \"$ROOT/asked\"; while [ \"$1\" != --output ]; do shift; done; cp \"$ROOT/archive\" \"$2\"",
            );
        let release = Self { sandbox };
        let archive = release.path("archive");
        let mut tar = Command::new("tar");
        let tar = tar
            .arg("-czf")
            .arg(&archive)
            .arg("-C")
            .arg(release.path("released"));
        assert!(tar.arg("perfgate").status().expect("tar runs").success());
        let sum = Command::new("sha256sum")
            .arg(&archive)
            .output()
            .expect("it runs");
        let sum = String::from_utf8_lossy(&sum.stdout).into_owned();
        let sum = sum.split(' ').next().expect("a checksum");
        let known = format!(
            "# comment\n1.2.3 {TARGET} {sum}\n1.0.0 {TARGET} {}\n",
            "0".repeat(64)
        );
        fs::write(release.path("action/checksums"), known).expect("written");
        release
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    /// Runs a step; its process id, and what it printed.
    fn step(&self, step: &str, inputs: &[(&str, &str)]) -> (u32, Output) {
        let script = self.path("action/run.sh");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("executable");
        let path = std::env::var("PATH").unwrap_or_default();
        let child = Command::new(script)
            .arg(step)
            .current_dir(self.path("."))
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("ROOT", self.path("."))
            .env("RUNNER_TEMP", self.path("temp"))
            .env("PERFGATE_REPOSITORY", "org/perfgate")
            .env_remove("GITHUB_TOKEN")
            .env_remove("GITHUB_OUTPUT")
            .env_remove("GITHUB_STEP_SUMMARY")
            .envs(inputs.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the script starts");
        let pid = child.id();
        (pid, child.wait_with_output().expect("it ends"))
    }

    /// The one error that a step ends with, which the outputs and the summary of the job have too.
    fn refused(&self, inputs: &[(&str, &str)]) -> String {
        let file = |name: &str| self.path(name).display().to_string();
        let (outputs, summary) = (file("outputs"), file("summary"));
        let files = [
            ("GITHUB_OUTPUT", outputs.as_str()),
            ("GITHUB_STEP_SUMMARY", summary.as_str()),
        ];
        let (_, output) = self.step("gate", &[&files[..], inputs].concat());
        let read = |path| fs::read_to_string(path).expect("written");
        assert!(read(&outputs).ends_with("verdict=error\n"));
        // One line of code, whatever an input holds.
        let page = read(&summary);
        let why = page.strip_prefix("## perfgate: could not measure\n\n    ");
        let why = why.unwrap_or_else(|| panic!("{page}"));
        assert!(why.lines().count() == 1 && !why.contains('\r'), "{page}");
        for path in [outputs, summary] {
            fs::remove_file(path).expect("removed");
        }
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            said.starts_with("::error title=perfgate::") && said.lines().count() == 1,
            "{said}"
        );
        said
    }
}

fn text(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_released_program_is_verified_and_takes_the_place_of_the_script() {
    let release = Release::new();
    fs::create_dir(release.path("$(touch injected)")).expect("made");
    let inputs = [
        ("PERFGATE_WORKING_DIRECTORY", "$(touch injected)"),
        ("PERFGATE_CONFIG", "a b.toml\"; touch injected"),
        ("PERFGATE_FAIL_ON", "never"),
        ("PERFGATE_KEY", "{\"os\": \"a\"}"),
        ("PERFGATE_ALLOW_DIRTY", "true"),
        ("PERFGATE_SINCE_CHANGE", "true"),
    ];
    let (pid, output) = release.step("gate", &inputs);
    let said = text(&output);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[0], pid.to_string(), "a signal reaches perfgate");
    let words = "<ci><--mode><auto><--config=a b.toml\"; touch injected><--key={\"os\": \"a\"}>";
    let more = "<--comment><auto><--fail-on><never><--timeout><30m><--allow-dirty><--since-change>";
    assert_eq!(lines[1], format!("{words}{more}"));
    assert!(lines[2].ends_with("/$(touch injected)"), "{said}");
    assert!(!release.path("injected").exists());
    let asked = release.sandbox.read("asked");
    let url = "https://github.com/org/perfgate/releases/download/v1.2.3/perfgate-1.2.3-";
    assert!(asked.contains(&format!("{url}{TARGET}.tar.gz")), "{asked}");
    // The other steps remove what a cancelled run left, and close its check, by the same program.
    assert!(text(&release.step("cleanup", &[]).1).contains("<cleanup>"));
    let said = text(&release.step("close", &inputs).1);
    assert!(said.contains(&format!("{words}<--close>\n")), "{said}");
    let gone = [("PERFGATE_WORKING_DIRECTORY", "no/where")];
    assert_eq!(text(&release.step("close", &gone).1), "");
}

#[test]
fn what_is_not_what_was_released_is_not_run() {
    let release = Release::new();
    let said = release.refused(&[("PERFGATE_VERSION", "v1.0.0")]);
    assert!(said.contains("its checksum is another"), "{said}");
    let said = release.refused(&[("PERFGATE_VERSION", "9.9.9")]);
    assert!(said.contains("no checksum of perfgate 9.9.9"), "{said}");
    // Without an installed program there is nothing to clean up.
    assert_eq!(text(&release.step("cleanup", &[]).1), "");
    assert_eq!(text(&release.step("close", &[]).1), "");
}

#[test]
fn a_private_release_is_downloaded_with_the_token() {
    let release = Release::new();
    let sandbox = release.sandbox.program("bin/curl", "exit 22").program(
        "bin/gh",
        "echo \"$GH_HOST $GH_TOKEN $*\" > \"$ROOT/asked\"\n\
         while [ \"$1\" != --pattern ]; do shift; done\n\
         cp \"$ROOT/archive\" \"$4/$2\"",
    );
    let release = Release { sandbox };
    let inputs = [
        ("GITHUB_TOKEN", "planted"),
        ("GITHUB_SERVER_URL", "https://git.test"),
    ];
    text(&release.step("gate", &inputs).1);
    let asked = release.sandbox.read("asked");
    let words =
        "git.test planted release download v1.2.3 --repo org/perfgate --pattern perfgate-1.2.3-";
    assert!(asked.starts_with(words), "{asked}");
    // Nobody is asked without a token.
    let said = release.refused(&[]);
    assert!(
        said.contains("`github-token` must be one that may read it"),
        "{said}"
    );
}

#[test]
fn a_copy_without_a_release_is_built_from_source() {
    let release = Release::new();
    fs::write(release.path("action/checksums"), "# comment\n").expect("written");
    let build = "while [ \"$1\" != --target-dir ]; do shift; done\n\
                 mkdir -p \"$2/release\"; cp \"$ROOT/released/perfgate\" \"$2/release/perfgate\"";
    let sandbox = release.sandbox.program("bin/cargo", build);
    let release = Release { sandbox };
    let (_, output) = release.step("gate", &[]);
    assert!(text(&output).contains("<ci><--mode><auto>"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("this copy of the action has no release"),
        "{said}"
    );
    // One that is asked for by its version is not replaced.
    let said = release.refused(&[("PERFGATE_VERSION", "1.2.3")]);
    assert!(said.contains("no checksum of perfgate 1.2.3"), "{said}");
}

#[test]
fn a_program_that_was_built_from_source_is_there_for_the_next_job() {
    let release = Release::new();
    // What jobs leave is none of the sources.
    let build = "echo built >> \"$ROOT/target/builds\"\n\
                 while [ \"$1\" != --target-dir ]; do shift; done\n\
                 mkdir -p \"$2/release\"; cp \"$ROOT/released/perfgate\" \"$2/release/perfgate\"";
    let sandbox = release.sandbox.program("bin/cargo", build);
    let sandbox = sandbox
        .program("bin/docker", "exit 1")
        .file("target/builds", "");
    let release = Release { sandbox };
    let output = release.path("target/output").display().to_string();
    let temp = |job: &str| release.path(&format!("target/{job}")).display().to_string();
    let job = |job: &str, key: &str| {
        let temp = temp(job);
        let inputs = [
            ("PERFGATE_INSTALL", "source"),
            ("PERFGATE_CACHE", "true"),
            ("PERFGATE_KEY_OF_PROGRAM", key),
            ("RUNNER_TEMP", &temp),
            ("GITHUB_OUTPUT", &output),
        ];
        let mut said = Vec::new();
        for step in ["keys", "gate", "keep"] {
            fs::write(&output, "").expect("written");
            text(&release.step(step, &inputs).1);
            said.push(fs::read_to_string(&output).expect("read"));
        }
        said
    };
    let said = job("first", "KEY");
    let key = said[0].strip_prefix("program=").expect("a key").trim();
    assert!(
        key.starts_with(&format!("perfgate-program-{TARGET}-glibc")),
        "{said:?}"
    );
    // The program has no verdict yet.
    assert_eq!(&said[1..], ["verdict=error\n", "program=KEY\n"], "{said:?}");
    let cached = release.path("target/second/perfgate/built");
    fs::create_dir_all(&cached).expect("made");
    let program = release.path("target/first/perfgate/built/perfgate");
    fs::copy(program, cached.join("perfgate")).expect("copied");
    let again = job("second", "KEY");
    assert_eq!(
        again,
        [said[0].clone(), said[1].clone(), String::new()],
        "nothing new to keep"
    );
    assert_eq!(release.sandbox.read("target/builds"), "built\n");
    // Other sources have another key; what is released, or not to be kept, has none.
    fs::write(release.path("action/version"), "1.2.4\n").expect("written");
    assert_ne!(job("third", "KEY")[0], said[0]);
    for inputs in [
        [("PERFGATE_INSTALL", "prebuilt"), ("PERFGATE_CACHE", "true")],
        [("PERFGATE_INSTALL", "source"), ("PERFGATE_CACHE", "false")],
    ] {
        fs::write(&output, "").expect("written");
        let inputs = [&inputs[..], &[("GITHUB_OUTPUT", output.as_str())]].concat();
        text(&release.step("keys", &inputs).1);
        assert_eq!(fs::read_to_string(&output).expect("read"), "");
    }
}

#[test]
fn a_release_writes_its_version_and_the_checksums_of_its_archives() {
    let release = Release::new();
    let script = fs::read_to_string(repository().join("action/release.sh")).expect("the script");
    fs::write(release.path("action/release.sh"), script).expect("written");
    fs::write(release.path("released/cargo-perfgate"), "").expect("written");
    fs::create_dir(release.path("archives")).expect("made");
    for target in [TARGET, "aarch64-unknown-linux-gnu"] {
        let archive = release.path(&format!("archives/perfgate-2.0.0-{target}.tar.gz"));
        let mut tar = Command::new("tar");
        let tar = tar
            .arg("-czf")
            .arg(archive)
            .arg("-C")
            .arg(release.path("released"));
        let tar = tar.args(["perfgate", "cargo-perfgate"]).status();
        assert!(tar.is_ok_and(|status| status.success()));
    }
    let run = |version: &str| {
        Command::new("bash")
            .arg(release.path("action/release.sh"))
            .args([version, "archives"])
            .current_dir(release.path("."))
            .output()
            .expect("it runs")
    };
    text(&run("2.0.0"));
    assert_eq!(release.sandbox.read("action/version"), "2.0.0\n");
    let checksums = release.sandbox.read("action/checksums");
    assert_eq!(checksums.matches("\n2.0.0 ").count(), 2, "{checksums}");
    assert!(
        checksums.contains("\n1.2.3 "),
        "earlier ones are kept: {checksums}"
    );
    assert!(!run("2.0.0").status.success(), "it is released already");
    // A copy's jobs must not give their rights to the action of somebody else.
    let workflow = "reusable.yml";
    let text = fs::read_to_string(repository().join(".github/workflows").join(workflow));
    let folder = release.path(".github/workflows");
    fs::create_dir_all(&folder).expect("made");
    fs::write(folder.join(workflow), text.expect("the workflow")).expect("written");
    let of = |repository: &str| {
        let mut command = Command::new("bash");
        command.arg(release.path("action/release.sh"));
        let command = command
            .args(["3.0.0", "archives"])
            .env("GITHUB_REPOSITORY", repository);
        let output = command.current_dir(release.path(".")).output();
        String::from_utf8_lossy(&output.expect("it runs").stderr).into_owned()
    };
    let said = of("team/copy");
    assert!(
        said.contains("reusable.yml calls org/perfgate: sed -i"),
        "{said}"
    );
    let said = of("org/perfgate");
    assert!(said.contains("there is no archives/"), "{said}");
    assert!(!run("3.0.0").status.success(), "there are no archives");
}

#[test]
fn a_machine_or_an_input_that_is_not_known_is_named() {
    let release = Release::new();
    let said = release.refused(&[("PERFGATE_INSTALL", "magic\r\n\n::set-output name=a::b")]);
    assert!(said.contains("write prebuilt, source or path"), "{said}");
    let said = release.refused(&[("PERFGATE_ALLOW_DIRTY", "yes")]);
    assert!(said.contains("write true or false"), "{said}");
    let outputs = release.path("outputs").display().to_string();
    let inputs = [("PERFGATE_CACHE", "yes"), ("GITHUB_OUTPUT", &outputs)];
    let (_, output) = release.step("keys", &inputs);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("write true or false"), "{said}");
    assert_eq!(release.sandbox.read("outputs"), "verdict=error\n");
    fs::remove_file(outputs).expect("removed");
    let said = release.refused(&[("PERFGATE_WORKING_DIRECTORY", "no/where")]);
    assert!(said.contains("there is no folder 'no/where'"), "{said}");
    let elsewhere = Release {
        sandbox: release.sandbox.program("bin/uname", "echo Darwin"),
    };
    let said = elsewhere.refused(&[]);
    assert!(said.contains("runs-on: ubuntu-latest"), "{said}");
}

#[test]
fn a_program_that_ends_without_a_verdict_leaves_an_error() {
    let release = Release::new();
    let outputs = release.path("outputs").display().to_string();
    let inputs = [("PERFGATE_INSTALL", "path"), ("GITHUB_OUTPUT", &outputs)];
    let killed = release.sandbox.program("bin/perfgate", "kill -s KILL $$");
    let release = Release { sandbox: killed };
    let (_, output) = release.step("gate", &inputs);
    assert_eq!(output.status.signal(), Some(9));
    assert_eq!(release.sandbox.read("outputs"), "verdict=error\n");
    // Of an output that is written twice a runner takes the later value.
    fs::remove_file(&outputs).expect("removed");
    let judges = "echo verdict=pass >> \"$GITHUB_OUTPUT\"";
    let release = Release {
        sandbox: release.sandbox.program("bin/perfgate", judges),
    };
    text(&release.step("gate", &inputs).1);
    let written = release.sandbox.read("outputs");
    assert_eq!(written, "verdict=error\nverdict=pass\n");
}

#[test]
fn the_token_is_lent_to_git_by_the_environment_alone() {
    let release = Release::new();
    let script = "env | grep ^GIT_CONFIG_; cat /proc/$$/cmdline";
    let sandbox = release.sandbox.program("bin/perfgate", script);
    let release = Release { sandbox };
    let inputs = [("PERFGATE_INSTALL", "path"), ("GITHUB_TOKEN", "planted")];
    let said = text(&release.step("gate", &inputs).1);
    assert!(
        said.contains("GIT_CONFIG_KEY_0=http.https://github.com/.extraheader"),
        "{said}"
    );
    assert!(
        said.contains("AUTHORIZATION: basic eC1hY2Nlc3MtdG9rZW46cGxhbnRlZA=="),
        "{said}"
    );
    assert!(!said.contains("planted"), "{said}");
}

#[test]
fn what_the_job_gives_to_git_stays_beside_the_token() {
    let release = Release::new();
    let script = "git config --get core.abbrev; env | grep ^GIT_CONFIG_ | sort";
    let sandbox = release.sandbox.program("bin/perfgate", script);
    let release = Release { sandbox };
    let own = [
        ("PERFGATE_INSTALL", "path"),
        ("GITHUB_TOKEN", "planted"),
        ("GIT_CONFIG_COUNT", "2"),
        ("GIT_CONFIG_KEY_0", "safe.directory"),
        ("GIT_CONFIG_VALUE_0", "*"),
        ("GIT_CONFIG_KEY_1", "core.abbrev"),
        ("GIT_CONFIG_VALUE_1", "12"),
    ];
    let said = text(&release.step("gate", &own).1);
    assert!(said.starts_with("12\nGIT_CONFIG_COUNT=3\n"), "{said}");
    assert!(said.contains("GIT_CONFIG_KEY_0=safe.directory\n"), "{said}");
    let header = "GIT_CONFIG_KEY_2=http.https://github.com/.extraheader\n";
    assert!(said.contains(header), "{said}");
    assert!(
        said.contains("GIT_CONFIG_VALUE_2=AUTHORIZATION: basic "),
        "{said}"
    );
    let said = release.refused(&[&own[..2], &[("GIT_CONFIG_COUNT", "$(id)")]].concat());
    assert!(said.contains("GIT_CONFIG_COUNT is '$(id)'"), "{said}");
}
