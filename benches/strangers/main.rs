//! Whether perfgate gets into repositories that know nothing of it. In each of fixtures/strangers it runs
//! `init`, `init --check` and `check --against HEAD` without an edit, then makes the code worse twice: a
//! request more for each row, and a tenth more CPU time. Prints a table, and ends with an error where
//! anything did not come out as it should.
#![expect(clippy::print_stdout, reason = "a bench prints its figures as it goes")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::Parser;
use serde_json::Value;

type Failure = Box<dyn std::error::Error>;

#[derive(Debug, Parser)]
struct Options {
    /// Repositories to try; all without one.
    names: Vec<String>,
    /// Without the two faults.
    #[arg(long)]
    unchanged: bool,
    /// Given by `cargo bench` alone.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A text of a file, and what stands in its place.
type Edit = (&'static str, &'static str);

struct Stranger {
    name: &'static str,
    /// The folder of the service.
    folder: &'static str,
    file: &'static str,
    /// One more question to the database for each row, or several more; `None` if there is none to ask.
    more_questions: Option<Edit>,
    /// `SECONDS` more of CPU time.
    more_cpu: Edit,
}

const STRANGERS: [Stranger; 8] = [
    Stranger {
        name: "cookiecutter",
        folder: ".",
        file: "shop/views.py",
        more_questions: Some((
            "\"name\": it.name,",
            "\"name\": Product.objects.get(pk=it.pk).name,",
        )),
        more_cpu: (
            "    newest = ",
            "    import time; end = time.thread_time() + SECONDS\n    while time.thread_time() < end: pass\n    newest = ",
        ),
    },
    Stranger {
        name: "fastapi-alembic",
        folder: ".",
        file: "backend/app/main.py",
        more_questions: Some((
            "    return True",
            "    with engine.connect() as connection:\n        for _ in range(5): connection.execute(text(\"SELECT 1\"))\n    return True",
        )),
        more_cpu: (
            "    return True",
            "    import time; end = time.thread_time() + SECONDS\n    while time.thread_time() < end: pass\n    return True",
        ),
    },
    Stranger {
        name: "flask-buildkit",
        folder: ".",
        file: "app.py",
        more_questions: Some((
            "def visits():\n",
            "def visits():\n    for number in range(5): cache.get(str(number))\n",
        )),
        more_cpu: (
            "def visits():\n",
            "def visits():\n    import time; end = time.thread_time() + SECONDS\n    while time.thread_time() < end: pass\n",
        ),
    },
    Stranger {
        name: "django-variables",
        folder: ".",
        file: "mysite/urls.py",
        more_questions: Some((
            "list(names)",
            "[Permission.objects.filter(name=it).first().name for it in names]",
        )),
        more_cpu: (
            "    names = ",
            "    import time; end = time.thread_time() + SECONDS\n    while time.thread_time() < end: pass\n    names = ",
        ),
    },
    Stranger {
        name: "axum-sqlx",
        folder: ".",
        file: "src/main.rs",
        more_questions: Some((
            "    Json(newest",
            "    for _ in 0..5 { sqlx::query(\"SELECT 1\").execute(&pool).await.unwrap(); }\n    Json(newest",
        )),
        more_cpu: (
            "    Json(newest",
            "    let begun = std::time::Instant::now();\n    while begun.elapsed().as_secs_f64() < SECONDS {}\n    Json(newest",
        ),
    },
    Stranger {
        name: "mariadb",
        folder: ".",
        file: "guests.py",
        more_questions: Some((
            "            cursor.execute(\"SELECT id",
            "            for number in range(5): cursor.execute(\"SELECT name FROM guest WHERE id = %s\", [number])\n            cursor.execute(\"SELECT id",
        )),
        more_cpu: (
            "        with connect()",
            "        import time; end = time.thread_time() + SECONDS\n        while time.thread_time() < end: pass\n        with connect()",
        ),
    },
    Stranger {
        name: "mounted-file",
        folder: ".",
        file: "api/api.py",
        more_questions: Some((
            "    else:\n",
            "    else:\n        for number in range(5): cache.get(str(number))\n",
        )),
        more_cpu: (
            "    else:\n",
            "    else:\n        import time; end = time.thread_time() + SECONDS\n        while time.thread_time() < end: pass\n",
        ),
    },
    Stranger {
        name: "monorepo",
        folder: "services/orders",
        file: "services/orders/orders.py",
        more_questions: None,
        more_cpu: (
            "    return JSONResponse",
            "    import time; end = time.thread_time() + SECONDS\n    while time.thread_time() < end: pass\n    return JSONResponse",
        ),
    },
];
/// By so much a fault makes the CPU time of a request longer.
const MORE_CPU: f64 = 0.1;

fn main() -> Result<ExitCode, Failure> {
    let options = Options::parse();
    if !options.bench {
        println!("run this by `cargo bench --bench strangers`");
        return Ok(ExitCode::SUCCESS);
    }
    let is_wanted = |it: &&Stranger| {
        options.names.is_empty() || options.names.iter().any(|name| name == it.name)
    };
    let wanted: Vec<_> = STRANGERS.iter().filter(is_wanted).collect();
    if wanted.len() < options.names.len() {
        return Err("one of the names is none of the repositories".into());
    }
    let images = Command::new(strangers().join("images.sh")).status()?;
    if !images.success() {
        return Err("the images that they begin from could not be made".into());
    }
    println!("| repository | step | as it should be | exit code | inconclusive | seconds |");
    println!("|---|---|---|---:|---|---:|");
    let mut wrong = 0;
    for stranger in wanted {
        wrong += stranger.tried(options.unchanged)?;
    }
    Ok(if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn strangers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/strangers")
}

impl Stranger {
    /// How many steps did not come out as they should. Those after `init` need that it works.
    fn tried(&self, is_unchanged_alone: bool) -> Result<usize, Failure> {
        let repository = tempfile::tempdir()?;
        let root = repository.path();
        let copied = Command::new("cp")
            .arg("-a")
            .arg(strangers().join(self.name).join("."))
            .arg(root)
            .status()?;
        if !copied.success() {
            return Err(format!("{} cannot be copied", self.name).into());
        }
        git(root, &["init", "--quiet"])?;
        let folder = root.join(self.folder);
        let mut wrong = self.step(&folder, "init", &["init", "--no-workflows"], 0)?;
        git(root, &["add", "."])?;
        git(root, &["commit", "--quiet", "--message", self.name])?;
        wrong += self.step(&folder, "init --check", &["init", "--check"], 0)?;
        if wrong > 0 {
            return Ok(wrong);
        }
        wrong += self.check(&folder, "unchanged", 0)?;
        let seconds = cpu_of_a_request(&folder).map(|it| it * MORE_CPU);
        let file = root.join(self.file);
        let text = fs::read_to_string(&file)?;
        if is_unchanged_alone {
            return Ok(wrong);
        }
        for (what, edit) in [
            ("questions", self.more_questions),
            ("CPU +10 %", Some(self.more_cpu)),
        ] {
            let Some((before, after)) = edit else {
                continue;
            };
            let seconds = seconds.ok_or("the unchanged check has no CPU time of a request")?;
            let after = after.replace("SECONDS", &format!("{seconds:.7}"));
            assert!(text.contains(before), "{} has changed", file.display());
            fs::write(&file, text.replacen(before, &after, 1))?;
            wrong += self.check(&folder, what, 1)?;
            fs::write(&file, &text)?;
        }
        Ok(wrong)
    }

    fn check(&self, folder: &Path, what: &str, code: i32) -> Result<usize, Failure> {
        let words = [
            "check",
            "--against",
            "HEAD",
            "--no-profile",
            "--json",
            "out.json",
        ];
        self.step(folder, what, &words, code)
    }

    /// One run of perfgate, as a row of the table; 1 where it ended with another code.
    fn step(&self, folder: &Path, what: &str, words: &[&str], code: i32) -> Result<usize, Failure> {
        let begun = Instant::now();
        let ran = Command::new(env!("CARGO_BIN_EXE_perfgate"))
            .args(words)
            .env("GITHUB_ACTIONS", "")
            .current_dir(folder)
            .output()?;
        let seconds = begun.elapsed().as_secs();
        let ended = ran.status.code().unwrap_or(-1);
        let is_right = ended == code;
        let report = if words.contains(&"check") {
            report(folder)
        } else {
            Value::Null
        };
        println!(
            "| {} | {what} | {} | {ended} | {} | {seconds} |",
            self.name,
            if is_right { "yes" } else { "no" },
            open(&report),
        );
        if !is_right {
            print!(
                "{}{}",
                String::from_utf8_lossy(&ran.stdout),
                String::from_utf8_lossy(&ran.stderr)
            );
        }
        Ok(usize::from(!is_right))
    }
}

fn report(folder: &Path) -> Value {
    let report = fs::read(folder.join("out.json")).unwrap_or_default();
    serde_json::from_slice(&report).unwrap_or_default()
}

/// Findings that stayed open.
fn open(report: &Value) -> String {
    let findings = report["findings"].as_array().into_iter().flatten();
    let open = findings.filter(|it| it["verdict"] == "inconclusive");
    let name = |it: &Value| {
        let [endpoint, metric] =
            ["endpoint", "metric"].map(|key| it[key].as_str().unwrap_or_default().to_owned());
        format!("{endpoint} {metric}")
    };
    open.map(name).collect::<Vec<_>>().join(", ")
}

/// Seconds, of the endpoint that takes most: the faults are in it.
fn cpu_of_a_request(folder: &Path) -> Option<f64> {
    let report = report(folder);
    let findings = report["findings"].as_array().into_iter().flatten();
    let cpu = findings.filter(|it| it["metric"] == "cpu_per_request");
    let microseconds = cpu.filter_map(|it| it["head"].as_f64());
    let most = microseconds.reduce(f64::max);
    most.map(|it| it / 1e6)
}

fn git(folder: &Path, words: &[&str]) -> Result<(), Failure> {
    let git = Command::new("git")
        .args(["-c", "user.name=bench", "-c", "user.email=bench@localhost"])
        .args(words)
        .current_dir(folder)
        .status()?;
    if git.success() {
        Ok(())
    } else {
        Err(format!("git {} failed", words.join(" ")).into())
    }
}
