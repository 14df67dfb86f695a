//! What is secret is in nothing that perfgate writes, starts or is started with.

use std::fs;
use std::path::Path;

use crate::sample;
use crate::support::Sandbox;

const TOKEN: &str = "ghs_plantedTokenOfTheJob";
const HEADER: &str = "AUTHORIZATION: basic cGxhbnRlZEhlYWRlcg==";
const PASSWORD: &str = "plantedPasswordOfTheDatabase";
const KEY: &str = "plantedKeyOfTheServer";

/// What a server and a command of `prepare` leave of what they see.
const LOOK: &str = r"env | grep -v ^_= > seen.$1
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' > arguments.$1
exit 0";

fn sandbox() -> Sandbox {
    let services = format!(
        "prepare = [[\"./look.sh\", \"prepare\"]]\n[redis]\nurl = \"redis://:{PASSWORD}@127.0.0.1:1/0\"\n"
    );
    let server = sample("0", "0", "0")
        .replace("\"{sample}\"", "\"./server.sh\", \"{sample}\"")
        .replace(
            "env   = {",
            &format!("env   = {{ API_KEY = \"{KEY}\", REDIS_URL = \"{{redis.url}}\","),
        );
    Sandbox::new()
        .without_docker()
        .program("look.sh", LOOK)
        .program("server.sh", "./look.sh server; exec \"$@\"")
        .config(&format!("{services}{server}"))
        .env("GITHUB_TOKEN", TOKEN)
        .env("ACTIONS_RUNTIME_TOKEN", TOKEN)
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "http.https://github.test/.extraheader")
        .env("GIT_CONFIG_VALUE_0", HEADER)
        .env("GITHUB_OUTPUT", "/nowhere/outputs")
}

/// Every file below a folder, but for the configuration and what the sandbox's own scripts are.
fn files(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if !path.ends_with("perfgate.toml") {
            let text = fs::read(&path).expect("read");
            found.push((
                path.display().to_string(),
                String::from_utf8_lossy(&text).into_owned(),
            ));
        }
    }
}

#[test]
fn no_planted_secret_is_in_anything_that_perfgate_writes_or_starts() {
    let sandbox = sandbox();
    let runs = [
        sandbox.run(["check", "--dry-run"]),
        sandbox.run(["baseline", "refresh"]),
        sandbox.run([
            "check",
            "--json",
            "out.json",
            "--markdown",
            "out.md",
            "--save",
            "saved.json",
        ]),
        sandbox.run(["run", "--json", "measured.json"]),
        sandbox.run(["baseline", "show"]),
    ];
    let mut written = Vec::new();
    for run in runs {
        let run = run.exits(0);
        written.push(("standard output".to_owned(), run.stdout));
        written.push(("standard error".to_owned(), run.stderr));
    }
    // What a server was given in its own environment is its own to know.
    let seen = sandbox.read("seen.server");
    assert!(seen.contains(KEY) && seen.contains(PASSWORD), "{seen}");
    for name in ["seen.server", "seen.prepare"] {
        let seen = sandbox.read(name);
        assert!(
            seen.contains("PATH=") && seen.contains("PERFGATE_OWNER="),
            "{seen}"
        );
        for secret in [TOKEN, HEADER, "GIT_CONFIG_", "GITHUB_OUTPUT"] {
            assert!(!seen.contains(secret), "{name} holds {secret}\n{seen}");
        }
        fs::remove_file(sandbox.path(name)).expect("removed");
    }
    assert!(
        sandbox
            .read("arguments.server")
            .contains("run --json measured.json")
    );
    files(&sandbox.path("."), &mut written);
    for name in [
        "out.json",
        "out.md",
        "saved.json",
        "measured.json",
        "baselines/sample/health",
    ] {
        assert!(
            written.iter().any(|(path, _)| path.contains(name)),
            "{name}"
        );
    }
    for (name, text) in &written {
        for secret in [TOKEN, HEADER, PASSWORD, KEY] {
            assert!(!text.contains(secret), "{name} holds {secret}\n{text}");
        }
    }
}

#[test]
fn a_password_is_in_no_error_and_no_note() {
    let bad = sandbox().read("perfgate.toml").replace(":1/0", ":port/0");
    let run = sandbox().config(&bad).run(["check"]).exits(2);
    assert!(!run.stderr.contains(PASSWORD), "{}", run.stderr);
    let nobody_there = sandbox();
    let run = nobody_there.run(["check", "--json", "out.json"]).exits(0);
    let said = [run.stdout, run.stderr, nobody_there.read("out.json")].concat();
    assert!(said.contains("edis"), "it says what is not counted\n{said}");
    assert!(!said.contains(PASSWORD), "{said}");
    let store = format!("git:http://user:{PASSWORD}@127.0.0.1:9/a.git#b");
    let run = sandbox()
        .committed()
        .run(["baseline", "show", "--store", &store])
        .exits(4);
    assert!(!run.stderr.contains(PASSWORD), "{}", run.stderr);
    let run = sandbox()
        .committed()
        .run(["check", "--dry-run", "--store", &store])
        .exits(0);
    assert!(!run.stdout.contains(PASSWORD), "{}", run.stdout);
}

#[test]
fn a_password_in_the_address_of_a_store_is_no_argument_of_git() {
    let store = format!("[baseline]\nstore = \"git:http://user:{PASSWORD}@127.0.0.1:9/a.git#b\"\n");
    let real = std::env::var("PATH").expect("a PATH");
    let sandbox = Sandbox::new()
        .without_docker()
        .config(&format!("{}{store}", sample("0", "0", "0")))
        .program(
            "bin/git",
            "echo \"$@\" >> asked; env | grep ^GIT_CONFIG_ >> lent; PATH=${PATH#*:} exec git \"$@\"",
        )
        .committed();
    let path = format!("{}:{real}", sandbox.path("bin").display());
    let sandbox = sandbox.env("PATH", &path);
    let run = sandbox
        .run(["baseline", "show"])
        .exits(4)
        .complains("127.0.0.1:9/a.git");
    assert!(!run.stderr.contains(PASSWORD), "{}", run.stderr);
    let asked = sandbox.read("asked");
    assert!(asked.contains(" fetch --quiet "), "{asked}");
    let lent = sandbox.read("lent");
    assert!(
        lent.contains("=http.http://127.0.0.1:9/a.git.extraheader"),
        "{lent}"
    );
    assert!(
        lent.contains("GIT_CONFIG_VALUE_0=Authorization: Basic "),
        "{lent}"
    );
    assert!(!asked.contains(PASSWORD), "{asked}");
}

/// What a server that dies prints of what it was given and found; and what `prepare` inherits.
const DYING: &str = r#"env > seen.server
echo "::add-mask::${STEP_VALUE}"
echo "cannot log in at postgres://shop:rawPassw0rd@db:5432/shop"
echo "tried ${OF_FILE} and ${OF_VARIABLE} and ${STEP_VALUE}"
echo "tried $(printf 'user:%s' "$OF_VARIABLE" | base64 -w0)"
echo "tried ghp_0123456789abcdefABCDEF0123456789abcd"
exit 1"#;

#[test]
fn what_a_dying_server_prints_is_masked_in_everything_that_is_written() {
    let (of_file, of_variable, of_step) = (
        "plantedValueOfTheEnvFile",
        "plantedValueOfTheVariable1",
        "plantedValueOfTheStep",
    );
    let server = sample("0", "0", "0")
        .replace("\"{sample}\"", "\"./server.sh\", \"{sample}\"")
        .replace(
            "env   = {",
            &format!(
                "env_file = [\"app.env\"]\nenv   = {{ OF_VARIABLE = \"{{env.PLAIN_NAME}}\", STEP_VALUE = \"{of_step}\","
            ),
        );
    // Where no server is left there is no report.
    let healthy = sample("0", "0", "0");
    let (healthy, _) = healthy.split_once("[endpoint").expect("an endpoint");
    let healthy = healthy.replace("[server.sample]", "[server.healthy]");
    let sandbox = Sandbox::new()
        .without_docker()
        .program("server.sh", DYING)
        .program("look.sh", "env > seen.prepare")
        .file("app.env", &format!("OF_FILE={of_file}\n"))
        .config(&format!(
            "inherit = [\"WANTED_TOKEN\"]\nprepare = [\"./look.sh\"]\n{healthy}{server}"
        ))
        .env("PLAIN_NAME", of_variable)
        .env("GH_TOKEN", "plantedTokenOfTheJob1")
        .env("WANTED_TOKEN", "plantedTokenOfTheBuild1")
        .env("AWS_PROFILE", "plantedProfile")
        .env("COPY", "Bearer plantedTokenOfTheJob1");
    let run = sandbox.run([
        "check",
        "--json",
        "out.json",
        "--markdown",
        "out.md",
        "--junit",
        "out.xml",
        "--html",
        "out.html",
        "--save",
        "saved.json",
    ]);
    let mut written = vec![
        ("standard output".to_owned(), run.stdout),
        ("standard error".to_owned(), run.stderr),
    ];
    let run = sandbox.run(["run", "--json", "measured.json"]);
    written.push(("standard output of run".to_owned(), run.stdout));
    written.push(("standard error of run".to_owned(), run.stderr));
    for name in ["seen.server", "seen.prepare"] {
        let seen = sandbox.read(name);
        assert!(seen.contains("plantedTokenOfTheBuild1"), "{name}\n{seen}");
        for secret in ["plantedTokenOfTheJob1", "plantedProfile"] {
            assert!(!seen.contains(secret), "{name} holds {secret}\n{seen}");
        }
        fs::remove_file(sandbox.path(name)).expect("removed");
    }
    for name in ["app.env", "server.sh"] {
        fs::remove_file(sandbox.path(name)).expect("removed");
    }
    files(&sandbox.path("."), &mut written);
    let shows = |name: &str| {
        let mut of_name = written.iter().filter(|(path, _)| path.contains(name));
        let text = of_name.next().map(|(_, text)| text.as_str());
        text.unwrap_or_else(|| panic!("{name} is written"))
    };
    for name in ["out.json", "out.md", "saved.json"] {
        let text = shows(name);
        assert!(
            text.contains("cannot log in at postgres") && text.contains("(hidden)"),
            "{name} says why\n{text}"
        );
    }
    shows("out.xml");
    shows("out.html");
    let secrets = [
        "rawPassw0rd",
        of_file,
        of_variable,
        of_step,
        "ghp_0123456789",
        "cGxhbnRlZFZhbHVlT2ZUaGVWYXJpYWJsZT",
        "bGFudGVkVmFsdWVPZlRoZVZhcmlhYmxlM",
    ];
    for (name, text) in &written {
        for secret in secrets {
            assert!(!text.contains(secret), "{name} holds {secret}\n{text}");
        }
    }
}

/// A value that only a command of `prepare` knows, a secret that is a number, and one that is a word of the format.
#[test]
fn events_stay_json_without_what_a_command_has_masked() {
    let masked = "plantedValueOfTheCommand1";
    let server = sample("0", "0", "0").replace("\"{sample}\"", "\"./server.sh\", \"{sample}\"");
    let sandbox = Sandbox::new()
        .without_docker()
        .program("server.sh", "echo \"tried $(cat value) and 1200\"; exit 1")
        .program(
            "mask.sh",
            "echo \"::add-mask::$(cat value)\"; echo \"found $(cat value)\"",
        )
        .file("value", masked)
        .config(&format!("prepare = [\"./mask.sh\"]\n{server}"))
        .env("SHORT_TOKEN", "1200")
        .env("WORD_PASSWORD", "progress");
    let run = sandbox.run(["check", "--message-format", "json"]);
    assert!(!run.stdout.contains(masked), "{}", run.stdout);
    assert!(!run.stderr.contains(masked), "{}", run.stderr);
    let events: Vec<serde_json::Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let text = |it: &serde_json::Value| it["text"].as_str().map(str::to_owned);
    let texts: Vec<_> = events.iter().filter_map(text).collect();
    assert!(texts.iter().any(|it| it == "found (hidden)"), "{texts:?}");
    assert!(
        events.iter().any(|it| it["reason"] == "progress"),
        "{}",
        run.stdout
    );
}
