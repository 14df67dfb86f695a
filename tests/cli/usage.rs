use crate::healthy;
use crate::support::{Run, Sandbox, repository};

#[test]
fn no_configuration_is_an_error_with_a_remedy() {
    let run = Sandbox::new().run(["check"]).exits(2);
    run.complains("cannot find a perfgate.toml")
        .complains("--config FILE");
}

#[test]
fn help_speaks_of_what_was_called() {
    for (words, usage) in [
        (&["perfgate", "--help"][..], "cargo perfgate [OPTIONS]"),
        (&["perfgate", "check", "--help"], "cargo perfgate check"),
        (&["perfgate", "init", "--help"], "cargo perfgate init"),
    ] {
        let cargo = env!("CARGO_BIN_EXE_cargo-perfgate");
        let sandbox = Sandbox::new();
        let output = sandbox.command(cargo).args(words).output();
        Run::from_output(&output.expect("it runs"))
            .exits(0)
            .prints(&format!("Usage: {usage}"));
    }
    let run = Sandbox::new().run(["check", "--help"]).exits(0);
    run.prints("Usage: perfgate check");
}

#[test]
fn the_configuration_is_found_upwards() {
    let sandbox = healthy().file("deep/down/note.txt", "");
    let run = Sandbox::run(&sandbox, ["check", "--server", "nobody"]).exits(2);
    run.complains("cannot find server `nobody`")
        .complains("known: sample");
}

#[test]
fn an_unknown_endpoint_suggests_the_nearest() {
    let run = healthy().run(["check", "--endpoint", "heatlh"]).exits(2);
    run.complains("cannot find endpoint `heatlh`")
        .complains("did you mean `health`?");
}

#[test]
fn a_mistake_in_the_file_names_line_column_and_remedy() {
    let config =
        "[server.app]\nimage = \"a\"\n[endpoint.h]\npath = \"/\"\n[load]\nconections = 5\n";
    let run = Sandbox::new().config(config).run(["check"]).exits(2);
    run.complains("perfgate.toml:6:1: unknown field `conections`")
        .complains("did you mean `connections`?");
}

#[test]
fn help_and_readme_list_the_exit_codes() {
    let help = Sandbox::new().run(["--help"]).exits(0).stdout;
    let readme =
        std::fs::read_to_string(crate::support::repository().join("README.md")).expect("a README");
    for (code, meaning) in perfgate::model::exit_code::EXIT_CODES {
        assert!(help.contains(&format!("  {code:<3} {meaning}")), "{help}");
        assert!(
            readme.contains(&format!("| {code} | {meaning} |")),
            "README lacks exit code {code}"
        );
    }
}

#[test]
fn doctor_looks_at_the_machine() {
    let run = Sandbox::new().without_docker().run(["doctor"]).exits(4);
    let run = run
        .prints("look  container engine")
        .prints("→ start Docker");
    for what in [
        "CPUs",
        "clock source",
        "open files",
        "load average",
        "other programs",
        "steal",
    ] {
        assert!(run.stdout.contains(what), "{}", run.stdout);
    }
}

#[test]
fn colours_are_as_asked() {
    let report = repository().join("fixtures/reports/regressed.json");
    let report = report.to_string_lossy();
    let coloured = |sandbox: &Sandbox, more: &[&str]| {
        let words = ["report", &report].into_iter().chain(more.iter().copied());
        sandbox.run(words).exits(0).stdout.contains("\u{1b}[31m")
    };
    let plain = Sandbox::new();
    assert!(!coloured(&plain, &[]), "no terminal");
    assert!(coloured(&plain, &["--color", "always"]));
    let forced = Sandbox::new().env("CLICOLOR_FORCE", "1");
    assert!(coloured(&forced, &[]));
    assert!(!coloured(&forced, &["--color", "never"]));
    assert!(!coloured(&forced.env("NO_COLOR", "1"), &[]));
}

#[test]
fn a_stored_report_becomes_a_page() {
    let report = repository().join("fixtures/reports/slower.json");
    let report = report.to_string_lossy();
    Sandbox::new()
        .run(["report", &report, "--format", "html"])
        .exits(0)
        .prints("<!DOCTYPE html>")
        .prints("Latency by percentile");
}

#[test]
fn a_flag_that_a_command_does_not_use_is_refused() {
    let sandbox = healthy();
    let refused = |words: &str, why: &str| {
        let run = sandbox.run(words.split(' ')).exits(2);
        run.complains(why);
    };
    // What measures and what reads stored runs share no flags by accident.
    for (command, flag) in [
        ("baseline show", "--seed 1"),
        ("baseline show", "--behind nginx"),
        ("baseline history", "--budget 5s"),
        ("baseline prune", "--timeout 5s"),
        ("baseline prune", "--behind nginx"),
        ("baseline pin", "--server sample"),
        ("baseline unpin", "--endpoint health"),
        ("site", "--seed 1"),
        ("compare old.json new.json", "--seed 1"),
        ("compare old.json new.json", "--baseline runs"),
        ("merge shards", "--seed 1"),
        ("merge shards", "--as sample health"),
        ("run", "--strategy duet"),
        ("run", "--baseline runs"),
        ("report report.json", "--quiet"),
        ("ci", "--dry-run"),
        ("init", "--server sample"),
        ("doctor", "--quiet"),
        ("cleanup", "--timeout 5s"),
    ] {
        let name = flag.split(' ').next().unwrap_or_default();
        refused(
            &format!("{command} {flag}"),
            &format!("unexpected argument '{name}'"),
        );
    }
    // A finished measurement is not measured.
    for command in ["check", "baseline refresh"] {
        for flag in [
            "--seed 1",
            "--budget 5s",
            "--timeout 5s",
            "--shard 1/2",
            "--package app",
            "--bin app",
            "--features fast",
            "--no-default-features",
            "--cargo-profile dev",
            "--target x",
            "--manifest-path Cargo.toml",
        ] {
            let words = format!("{command} {flag} --measurement new.json");
            refused(&words, "cannot be used with");
        }
        refused(&format!("{command} --as sample health"), "--measurement");
    }
    for flag in [
        "--against HEAD",
        "--against-image sample=image",
        "--strategy duet",
        "--since-change",
        "--all",
        "--no-profile",
    ] {
        let words = format!("check {flag} --measurement new.json");
        refused(&words, "cannot be used with");
    }
    // A dry run has nothing to write.
    for flag in [
        "--save",
        "--json",
        "--markdown",
        "--junit",
        "--html",
        "--profile",
    ] {
        let words = format!("check --dry-run {flag} out");
        refused(&words, "cannot be used with");
    }
    refused("check --no-profile --profile out", "cannot be used with");
    refused("rank --profile article --budget 5s", "cannot be used with");
    let stored = "check --dry-run --strategy stored";
    for flag in ["--since-change", "--against-image sample=image"] {
        refused(&format!("{stored} {flag}"), "compares with no other build");
    }
}

#[test]
fn help_lists_no_flag_that_is_always_refused() {
    for command in ["rank", "calibrate", "bisect"] {
        let run = Sandbox::new().run([command, "--help"]).exits(0);
        assert!(!run.stdout.contains("--shard"), "{}", run.stdout);
    }
}
