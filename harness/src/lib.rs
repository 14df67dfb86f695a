//! A test target that is the gate of [perfgate](https://github.com/org/perfgate): `cargo test --test perf`
//! builds this tree and the commit that it is compared with, measures both and prints the verdict.
//!
//! ```toml
//! [[test]]
//! name    = "perf"
//! harness = false
//! test    = false      # by its name only: `cargo test` alone does not take minutes
//! ```
//!
//! ```no_run
//! // tests/perf.rs
//! fn main() -> std::process::ExitCode {
//!     perfgate_test::Gate::in_folder(env!("CARGO_MANIFEST_DIR"))
//!         .bin("shop")
//!         .main()
//! }
//! ```
//!
//! Endpoints and thresholds are those of `perfgate.toml` in that folder. The process becomes the installed
//! program `perfgate`: report and exit code are those of `perfgate check`, and servers are its children.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The variable that names another `perfgate` than the one on `PATH`.
pub const VARIABLE: &str = "PERFGATE";

const CONFIGURATION: &str = "perfgate.toml";

/// The name of the only test, for filters and lists of tests.
const TEST: &str = "perfgate";

/// perfgate's exit codes for a mistake in the configuration and for an environment that lacks something.
const CONFIGURATION_MISTAKE: u8 = 2;
const ENVIRONMENT: u8 = 4;

/// Variables by which cargo describes its package to a test. The servers' builds would take it for their own.
const OF_THE_TEST: [&str; 5] = [
    "CARGO_BIN_",
    "CARGO_CRATE_",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "CARGO_PRIMARY_",
];

/// A check of the working tree against another commit.
#[derive(Debug, Clone)]
pub struct Gate {
    folder: PathBuf,
    options: Vec<OsString>,
}

impl Gate {
    /// The gate of the `perfgate.toml` in a folder: that of the package is `env!("CARGO_MANIFEST_DIR")`.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            options: Vec::new(),
        }
    }

    /// The commit to compare with; else `perfgate check` chooses.
    #[must_use]
    pub fn against(self, commit: impl AsRef<OsStr>) -> Self {
        self.option("--against", commit)
    }

    /// The package that cargo builds the server of, on both sides.
    #[must_use]
    pub fn package(self, name: impl AsRef<OsStr>) -> Self {
        self.option("--package", name)
    }

    /// The program that is the server, on both sides.
    #[must_use]
    pub fn bin(self, name: impl AsRef<OsStr>) -> Self {
        self.option("--bin", name)
    }

    /// A feature of cargo, on both sides; once for each.
    #[must_use]
    pub fn feature(self, name: impl AsRef<OsStr>) -> Self {
        self.option("--features", name)
    }

    /// Only this endpoint; once for each.
    #[must_use]
    pub fn endpoint(self, name: impl AsRef<OsStr>) -> Self {
        self.option("--endpoint", name)
    }

    /// Any other option of `perfgate check` that has a value, such as `--json FILE`.
    #[must_use]
    pub fn option(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.options.push(name.into());
        self.options.push(value.as_ref().to_owned());
        self
    }

    /// Becomes `perfgate check`, or says why it cannot.
    ///
    /// Words after `--` of `cargo test` are as for any test: `--list`, or a part of the test's name.
    pub fn main(self) -> ExitCode {
        let asked = Asked::from_args(env::args().skip(1));
        let shown = match asked {
            Asked::List => writeln!(io::stdout(), "{TEST}: test"),
            Asked::Nothing => Ok(()),
            Asked::Check => {
                let Failure { code, error, hint } = self.exec();
                let _unread = writeln!(io::stderr(), "error: {error}\nhint: {hint}");
                return ExitCode::from(code);
            }
        };
        // A reader that left early has read what it wanted.
        drop(shown);
        ExitCode::SUCCESS
    }

    /// Returns only where the process stays what it is.
    fn exec(&self) -> Failure {
        let configuration = self.folder.join(CONFIGURATION);
        if !configuration.is_file() {
            return Failure {
                code: CONFIGURATION_MISTAKE,
                error: format!("cannot find `{}`", configuration.display()),
                hint: "`cargo perfgate init` writes one to start from".into(),
            };
        }
        let program = env::var_os(VARIABLE).unwrap_or_else(|| "perfgate".into());
        let error = self.command(&program, &configuration).exec();
        Failure {
            code: ENVIRONMENT,
            error: format!("cannot start `{}`: {error}", Path::new(&program).display()),
            hint: format!(
                "install it by `cargo install --locked --git https://github.com/org/perfgate perfgate`, or name it by \
                 the variable {VARIABLE}"
            ),
        }
    }

    fn command(&self, program: &OsStr, configuration: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .arg("check")
            .arg("--config")
            .arg(configuration)
            .args(&self.options)
            .current_dir(&self.folder);
        for (name, _) in env::vars_os() {
            let of_the_test = |name: &str| OF_THE_TEST.iter().any(|it| name.starts_with(it));
            if name.to_str().is_some_and(of_the_test) {
                command.env_remove(name);
            }
        }
        command
    }
}

/// Why nothing was checked, and what to do.
#[derive(Debug)]
struct Failure {
    code: u8,
    error: String,
    hint: String,
}

/// What the words of a test runner ask for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Check,
    List,
    /// Another test, or none.
    Nothing,
}

impl Asked {
    fn from_args(words: impl Iterator<Item = String>) -> Self {
        let (flags, filters): (Vec<_>, Vec<_>) = words.partition(|word| word.starts_with('-'));
        let has = |flag: &str| flags.iter().any(|it| it == flag);
        // nextest asks for ignored tests on their own: this one is not among them.
        if has("--ignored") {
            return Self::Nothing;
        }
        if has("--list") {
            return Self::List;
        }
        let exact = has("--exact");
        let wanted = |filter: &String| {
            if exact {
                filter == TEST
            } else {
                TEST.contains(filter.as_str())
            }
        };
        if filters.is_empty() || filters.iter().any(wanted) {
            Self::Check
        } else {
            Self::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &str) -> Asked {
        Asked::from_args(words.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn it_runs_as_any_test_does() {
        for (words, expected) in [
            ("", Asked::Check),
            ("--nocapture", Asked::Check),
            ("perf", Asked::Check),
            ("other perf", Asked::Check),
            ("--exact perfgate", Asked::Check),
            ("--exact perf", Asked::Nothing),
            ("parser", Asked::Nothing),
            ("--list", Asked::List),
            ("--ignored", Asked::Nothing),
            ("--list --ignored", Asked::Nothing),
        ] {
            assert_eq!(asked(words), expected, "{words}");
        }
    }

    #[test]
    fn options_are_those_of_a_check() {
        let gate = Gate::in_folder("/repository/shop")
            .against("main")
            .package("shop")
            .bin("server")
            .feature("fast")
            .endpoint("home")
            .option("--json", "out.json");
        let command = gate.command("perfgate".as_ref(), "perfgate.toml".as_ref());
        let words: Vec<_> = command.get_args().filter_map(OsStr::to_str).collect();
        let expected = "check --config perfgate.toml --against main --package shop --bin server \
                        --features fast --endpoint home --json out.json";
        assert_eq!(words.join(" "), expected);
        assert_eq!(
            command.get_current_dir(),
            Some(Path::new("/repository/shop"))
        );
        // Cargo runs this test too.
        let removed = |it: &(&OsStr, Option<&OsStr>)| it.1.is_none();
        let removed: Vec<_> = command.get_envs().filter(removed).collect();
        assert!(removed.iter().any(|(name, _)| *name == "CARGO_PKG_NAME"));
    }
}
