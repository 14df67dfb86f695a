//! The configuration that the gate itself is compared with: that of the commit before the changes.

use super::commit_files::CommitFiles;
use crate::config;
use crate::git::Git;
use crate::model::{Plan, chain};

/// The plan as a commit has it, or why there is none. Compose files are those of the commit, other files
/// those of the head.
pub(super) fn at(plan: &Plan, commit: &str) -> Result<Plan, String> {
    let name = plan.file.file_name().unwrap_or_default().to_string_lossy();
    let short = commit.get(..12).unwrap_or(commit);
    let git = Git::at(&plan.root);
    let held = git.commit(commit).map_err(|error| chain(&error))?;
    if held.is_none() {
        return Err(format!("git does not hold commit {short}"));
    }
    let asked = |words: &[&str]| git.ask(words).map_err(|error| chain(&error));
    if asked(&["ls-tree", "--name-only", commit, "--", &name])?.is_empty() {
        return Err(format!("commit {short} has no {name}"));
    }
    let text = asked(&["show", &format!("{commit}:./{name}")])?;
    let files = CommitFiles::at_commit(&git, commit, &plan.root);
    config::parse_with(&plan.file, &text, &files)
        .map_err(|error| format!("at commit {short}, {}", chain(&error)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::gate;
    use crate::model::{GateChange, GateChangeKind, GateValue};

    const BASE: &str = r#"
[server.app]
run = ["app", "{port}"]

[server.api]
run = ["api", "{port}"]

[endpoint.home]
path = "/"
expect = { status = 200, contains = "hello", json = { "/ok" = true } }

[endpoint.movies]
path = "/movies"

[load]
connections = 8
rounds      = 12
round       = "2s"

[thresholds]
throughput   = { max_decrease = "5%", min = "100/s" }
latency_p50  = { max_increase = "5%", floor = "1ms" }
latency_p999 = { max_increase = "10%" }
error_rate   = { max = "0.1%" }
"#;

    fn plan(text: &str) -> Plan {
        config::parse(Path::new("perfgate.toml"), text).expect("a configuration")
    }

    /// What becomes of the gate where these texts of the base's are replaced.
    fn changes(replaced: &[(&str, &str)]) -> Vec<GateChange> {
        let mut text = BASE.to_owned();
        for (from, to) in replaced {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        gate::gate_changes(&plan(&text), &plan(BASE))
    }

    /// The only kind of change.
    fn kind(from: &str, to: &str) -> GateChangeKind {
        let changes = changes(&[(from, to)]);
        let [change] = changes.as_slice() else {
            panic!("{from} to {to}: {changes:#?}");
        };
        change.kind
    }

    #[test]
    fn an_unchanged_gate_has_no_changes() {
        assert_eq!(changes(&[]), []);
        let tree = config::parse(Path::new("/elsewhere/perfgate.toml"), BASE).expect("the same");
        assert_eq!(gate::gate_changes(&plan(BASE), &tree), []);
    }

    #[test]
    fn everything_that_makes_the_gate_weaker_is_seen() {
        use GateChangeKind as Kind;
        for (from, to, expected) in [
            (
                "[server.api]\nrun = [\"api\", \"{port}\"]",
                "",
                Kind::ServerRemoved,
            ),
            (
                "[endpoint.movies]\npath = \"/movies\"",
                "",
                Kind::EndpointRemoved,
            ),
            (
                "max_decrease = \"5%\"",
                "max_decrease = \"99.99%\"",
                Kind::MarginLooser,
            ),
            ("min = \"100/s\"", "min = \"1/s\"", Kind::CeilingLooser),
            (", min = \"100/s\"", "", Kind::RuleRemoved),
            (
                "latency_p999 = { max_increase = \"10%\" }",
                "",
                Kind::RuleRemoved,
            ),
            ("max = \"0.1%\"", "max = \"50%\"", Kind::CeilingLooser),
            ("floor = \"1ms\"", "floor = \"1s\"", Kind::FloorRaised),
            ("\"/movies\"", "\"/health\"", Kind::RequestChanged),
            (
                "path = \"/movies\"",
                "path = \"/movies\"\nheaders = { Accept = \"a\" }",
                Kind::RequestChanged,
            ),
            ("status = 200", "status = 404", Kind::ExpectationLoosened),
            ("contains = \"hello\", ", "", Kind::ExpectationLoosened),
            (
                "contains = \"hello\"",
                "contains = \"h\"",
                Kind::ExpectationLoosened,
            ),
            (", json = { \"/ok\" = true }", "", Kind::ExpectationLoosened),
            ("true", "false", Kind::ExpectationLoosened),
            ("connections = 8", "connections = 1", Kind::LoadChanged),
            (
                "connections = 8",
                "connections = 8\nrate = \"1/s\"",
                Kind::LoadChanged,
            ),
            (
                "connections = 8",
                "connections = 8\ntimeout = \"1h\"",
                Kind::LoadChanged,
            ),
            ("rounds      = 12", "rounds      = 3", Kind::LoadChanged),
            ("\"2s\"", "\"100ms\"", Kind::LoadChanged),
            (
                "connections = 8",
                "connections = 8\nbudget = \"40s\"",
                Kind::LoadChanged,
            ),
            (
                "[load]",
                "[baseline]\nstore = \"git:mine\"\n[load]",
                Kind::BaselineChanged,
            ),
            (
                "run = [\"api\", \"{port}\"]",
                "url = \"http://127.0.0.1:1\"",
                Kind::NoLongerStarted,
            ),
            (
                "[load]",
                "[[accept]]\nserver = \"app\"\nendpoint = \"home\"\nmetric = \"throughput\"\n\
                 reason = \"so\"\nuntil = 2027-01-31\n[load]",
                Kind::AcceptanceAdded,
            ),
        ] {
            assert_eq!(kind(from, to), expected, "{from} to {to}");
        }
    }

    /// A base of other parts, and what becomes of the gate where one text of it is replaced.
    fn kinds(base: &str, from: &str, to: &str) -> Vec<GateChangeKind> {
        assert!(base.contains(from), "{from}");
        let head = base.replacen(from, to, 1);
        let changes = gate::gate_changes(&plan(&head), &plan(base));
        assert_eq!(gate::gate_changes(&plan(base), &plan(base)), []);
        changes.iter().map(|it| it.kind).collect()
    }

    const CONTAINED: &str = r#"
[postgres]
image = "postgres:17"

[redis]
image = "redis:8"

[service.queue]
image = "rabbitmq:4"
ports = [5672]

[server.app]
build  = { context = "app", target = "web" }
cpus   = 0.5
memory = "512MiB"
ready  = { path = "/whole" }

[server.app.worker.mail]
command = ["work"]

[server.fixed]
image = "fixed:1"

[reference]
server = "fixed"
path   = "/work"

[login.token]
path = "/login"

[endpoint.home]
path = "/"

[thresholds]
startup_time = { max_increase = "20%" }
"#;

    #[test]
    fn a_server_of_other_making_is_seen() {
        use GateChangeKind as Kind;
        for (from, to, expected) in [
            (
                "build  = { context = \"app\", target = \"web\" }",
                "image = \"app:good\"",
                Kind::SourceChanged,
            ),
            ("\"app\"", "\"other\"", Kind::SourceChanged),
            (", target = \"web\"", "", Kind::SourceChanged),
            ("cpus   = 0.5", "cpus   = 2", Kind::LimitRaised),
            ("cpus   = 0.5", "", Kind::LimitRaised),
            ("512MiB", "1GiB", Kind::LimitRaised),
            (
                "[server.app.worker.mail]\ncommand = [\"work\"]",
                "",
                Kind::NoLongerCounted,
            ),
            (
                "[postgres]\nimage = \"postgres:17\"",
                "",
                Kind::NoLongerCounted,
            ),
            ("[redis]\nimage = \"redis:8\"", "", Kind::NoLongerCounted),
            ("rabbitmq:4", "mailpit:1", Kind::NoLongerCounted),
            ("\"/work\"", "\"/idle\"", Kind::NoLongerCounted),
            ("\"/login\"", "\"/guest\"", Kind::RequestChanged),
            ("[login.token]\npath = \"/login\"", "", Kind::RequestChanged),
            ("\"/whole\"", "\"/health\"", Kind::RequestChanged),
        ] {
            assert_eq!(kinds(CONTAINED, from, to), [expected], "{from} to {to}");
        }
        // It is measured then.
        let without = kinds(
            CONTAINED,
            "[reference]\nserver = \"fixed\"\npath   = \"/work\"",
            "",
        );
        assert!(without.contains(&Kind::NoLongerCounted), "{without:?}");
        for (from, to) in [
            ("cpus   = 0.5", "cpus   = 0.4"),
            ("memory = \"512MiB\"", "memory = \"256MiB\""),
            ("postgres:17", "postgres:18"),
        ] {
            assert_eq!(kinds(CONTAINED, from, to), [], "{from} to {to}");
        }
    }

    #[test]
    fn a_server_that_runs_elsewhere_is_seen() {
        let base = "[server.app]\nurl = \"http://127.0.0.1:1\"\nbase_url = \"http://127.0.0.1:2\"\n\
                    [endpoint.home]\npath = \"/\"\nconnections = 50\n";
        for (from, to, expected) in [
            ("0.1:1", "0.1:3", &[GateChangeKind::SourceChanged][..]),
            ("0.1:2", "0.1:3", &[GateChangeKind::SourceChanged]),
            (
                "base_url = \"http://127.0.0.1:2\"",
                "",
                // Two that run already are compared at a fixed rate.
                &[GateChangeKind::SourceChanged, GateChangeKind::LoadChanged],
            ),
            ("connections = 50", "", &[GateChangeKind::LoadChanged]),
        ] {
            assert_eq!(kinds(base, from, to), expected, "{from} to {to}");
        }
    }

    #[test]
    fn what_is_stricter_is_left_out() {
        for (from, to) in [
            ("max_decrease = \"5%\"", "max_decrease = \"1%\""),
            ("min = \"100/s\"", "min = \"200/s\""),
            ("max = \"0.1%\"", "max = \"0%\""),
            (", floor = \"1ms\"", ""),
            ("contains = \"hello\"", "contains = \"hello world\""),
            ("rounds      = 12", "rounds      = 20"),
            (
                "[thresholds]",
                "[thresholds]\nlatency_p90 = { max_increase = \"5%\" }",
            ),
        ] {
            // A floor that is left out is the default's, which is smaller.
            assert_eq!(changes(&[(from, to)]), [], "{from} to {to}");
        }
    }

    #[test]
    fn a_renamed_endpoint_is_removed_and_added() {
        let changes = changes(&[("[endpoint.movies]", "[endpoint.films]")]);
        let kinds: Vec<_> = changes.iter().map(|it| it.kind).collect();
        assert_eq!(
            kinds,
            [
                GateChangeKind::EndpointRemoved,
                GateChangeKind::EndpointAdded
            ]
        );
        assert_eq!(changes[0].cells.len(), 2, "of both servers at once");
        assert_eq!(changes[0].cells[0].endpoint, "movies");
    }

    #[test]
    fn a_looser_rule_says_where_both_were_set() {
        let looser = changes(&[("max_decrease = \"5%\"", "max_decrease = \"50%\"")]);
        let line = BASE.lines().position(|line| line.starts_with("throughput"));
        let line = line.expect("a rule") + 1;
        let words = |text: &str| Some(GateValue::text(format!("{text} (perfgate.toml:{line})")));
        assert_eq!(looser[0].base, words("max_decrease 5%"));
        assert_eq!(looser[0].head, words("max_decrease 50%"));
        assert_eq!(looser[0].cells.len(), 4, "servers and endpoints alike");
    }

    #[test]
    fn a_longer_acceptance_is_one_more() {
        let accepted = |until: &str| {
            let block = format!(
                "[[accept]]\nserver = \"app\"\nendpoint = \"home\"\nmetric = \"throughput\"\n\
                 reason = \"so\"\nuntil = {until}\n[load]"
            );
            plan(&BASE.replace("[load]", &block))
        };
        let changes = |head: &str, base: &str| gate::gate_changes(&accepted(head), &accepted(base));
        assert_eq!(changes("2027-01-31", "2027-01-31"), []);
        assert_eq!(changes("2027-01-01", "2027-01-31"), []);
        let longer = changes("2027-02-28", "2027-01-31");
        assert_eq!(longer[0].base, Some(GateValue::text("until 2027-01-31")));
    }
}
