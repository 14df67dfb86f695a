//! Which of the jobs beside each other something belongs to: legs of a matrix, and jobs with
//! configurations of their own, measure one commit at the same time.

use serde_json::Value;

use crate::model::digest;
use crate::report;

/// The workflow and the job that `perfgate init` writes, which names leave out.
const USUAL: (&str, &str) = ("perfgate", "check");
/// The configuration at the top of a repository, which names leave out too.
const USUAL_FILE: &str = "perfgate.toml";
/// Where workflows without a name lie: their path is their name.
const WORKFLOWS: &str = ".github/workflows/";
/// Letters of a label: a check's name must fit where GitHub shows it.
const LONGEST: usize = 100;

/// The job that measures in the workflow of `USUAL`, for those that report on it.
pub const MEASURING_JOB: &str = USUAL.1;

/// What distinguishes a section of the comment, and a check, from those of other jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    workflow: String,
    job: String,
    /// Path of the configuration within its repository.
    configuration: String,
    name: String,
}

impl Key {
    /// `name` is what the workflow calls the job's share; the values of a matrix where it is an
    /// object of JSON.
    pub fn new(workflow: &str, job: &str, configuration: &str, name: &str) -> Self {
        // A runner that names neither runs one job alone.
        let or = |text: &str, usual: &str| match text {
            "" => usual.to_owned(),
            text => report::printable(text),
        };
        Self {
            workflow: or(stem(workflow), USUAL.0),
            job: or(job, USUAL.1),
            configuration: report::printable(configuration),
            name: report::printable(&values(name)),
        }
    }

    /// Letters and digits that no other key has.
    pub fn digest(&self) -> String {
        let parts = [&self.workflow, &self.job, &self.configuration, &self.name];
        let text = serde_json::to_string(&parts).expect("texts have a JSON form");
        digest(text.as_bytes())
    }

    /// How readers distinguish it from others; empty if everything is as `perfgate init` writes it.
    pub fn label(&self) -> String {
        let job = (self.workflow.as_str(), self.job.as_str());
        let mut parts = Vec::new();
        if job != USUAL {
            parts.push(format!("{} / {}", job.0, job.1));
        }
        match self.configuration.strip_suffix(USUAL_FILE) {
            Some("") => {}
            Some(folder) if folder.ends_with('/') => {
                parts.push(folder.trim_end_matches('/').to_owned());
            }
            _ => parts.push(self.configuration.clone()),
        }
        // A matrix over configurations names each of them twice.
        if !self.name.is_empty() && !parts.contains(&self.name) {
            parts.push(self.name.clone());
        }
        let label = parts.join(", ");
        if label.chars().count() <= LONGEST {
            return label;
        }
        let digest = self.digest();
        let kept: String = label.chars().take(LONGEST - digest.len() - 2).collect();
        format!("{kept}… {digest}")
    }

    /// The name of the check beside the commit, by which branch protection knows it.
    pub fn check_name(&self) -> String {
        match self.label() {
            label if label.is_empty() => "perfgate".into(),
            label => format!("perfgate ({label})"),
        }
    }

    /// Whether the configuration is the one at the top of the repository.
    pub fn is_of_top(&self) -> bool {
        self.configuration == USUAL_FILE
    }

    /// The configuration, by folder and file.
    pub fn configuration(&self) -> &str {
        &self.configuration
    }
}

/// A workflow without the folder and the ending of its file.
fn stem(workflow: &str) -> &str {
    let name = workflow.strip_prefix(WORKFLOWS).unwrap_or(workflow);
    let stem = name.strip_suffix(".yml");
    stem.or_else(|| name.strip_suffix(".yaml")).unwrap_or(name)
}

/// The values of a matrix, or the text itself.
fn values(name: &str) -> String {
    match serde_json::from_str(name) {
        Ok(Value::Null) => String::new(),
        Ok(Value::Object(values)) => {
            let values = values.values().filter(|it| !it.is_null());
            let texts = values.map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned));
            texts.collect::<Vec<_>>().join(", ")
        }
        _ => name.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn check(configuration: &str, name: &str) -> String {
        Key::new(
            ".github/workflows/perfgate.yml",
            "check",
            configuration,
            name,
        )
        .check_name()
    }

    #[test]
    fn a_check_is_named_by_what_distinguishes_it() {
        let legs = r#"{ "database": "pg 17", "cpus": 4, "none": null }"#;
        for (configuration, name, shown) in [
            ("perfgate.toml", "", "perfgate"),
            ("perfgate.toml", "null", "perfgate"),
            ("perfgate.toml", "{}", "perfgate"),
            ("perfgate.toml", "amd64", "perfgate (amd64)"),
            ("perfgate.toml", "17", "perfgate (17)"),
            (
                "services/shop/perfgate.toml",
                "",
                "perfgate (services/shop)",
            ),
            ("shop/load.toml", "", "perfgate (shop/load.toml)"),
            ("my-perfgate.toml", "", "perfgate (my-perfgate.toml)"),
            ("shop/perfgate.toml", "arm", "perfgate (shop, arm)"),
            ("shop/perfgate.toml", r#"{"at":"shop"}"#, "perfgate (shop)"),
        ] {
            assert_eq!(check(configuration, name), shown);
        }
        let named = check("perfgate.toml", legs);
        for value in ["pg 17", "4"] {
            assert!(named.contains(value), "{named}");
        }
        assert!(!named.contains("null"), "{named}");
        let other = Key::new("ci", "bench", "perfgate.toml", "");
        assert_eq!(other.check_name(), "perfgate (ci / bench)");
    }

    #[test]
    fn keys_that_differ_have_other_digests_and_other_checks() {
        let long = "x".repeat(200);
        let keys = [
            Key::new("perfgate", "check", "perfgate.toml", ""),
            Key::new("perfgate", "checks", "perfgate.toml", ""),
            Key::new("ci", "check", "perfgate.toml", ""),
            Key::new("perfgate", "check", "a/perfgate.toml", ""),
            Key::new("perfgate", "check", "perfgate.toml", "b"),
            Key::new("perfgate", "check", "perfgate.toml", &format!("{long}a")),
            Key::new("perfgate", "check", "perfgate.toml", &format!("{long}b")),
        ];
        let digests: BTreeSet<_> = keys.iter().map(Key::digest).collect();
        let names: BTreeSet<_> = keys.iter().map(Key::check_name).collect();
        assert_eq!((digests.len(), names.len()), (keys.len(), keys.len()));
        let fits = |it: &String| it.chars().count() <= LONGEST + "perfgate ()".len();
        assert!(names.iter().all(fits), "{names:?}");
    }
}
