//! `--shard`: written out, or as the job's place among those that run it in parallel.

use serde::Deserialize;

use crate::model::Shard;

const AUTO: &str = "auto";
/// GitLab's, for jobs with `parallel`; counted from 1.
const GITLAB: [&str; 2] = ["CI_NODE_INDEX", "CI_NODE_TOTAL"];
/// GitHub's `strategy` as JSON: there is no variable that runners set by themselves.
const GITHUB: &str = "PERFGATE_STRATEGY";

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Strategy {
    /// From 0.
    job_index: usize,
    job_total: usize,
}

/// Pods of a Job with indexed completions have their number, from 0.
const KUBERNETES: &str = "JOB_COMPLETION_INDEX";
/// How many they are: Kubernetes does not tell.
const WORKERS: &str = "PERFGATE_WORKERS";

/// `--worker`: written out, or as the pod's place in its Job.
pub(super) fn parse_worker(text: &str) -> Result<Shard, String> {
    match text {
        AUTO => of_pod(|name| std::env::var(name).ok()),
        text => text.parse(),
    }
}

fn of_pod(variable: impl Fn(&str) -> Option<String>) -> Result<Shard, String> {
    let index = variable(KUBERNETES).and_then(|it| it.parse::<usize>().ok());
    match index.zip(variable(WORKERS)) {
        Some((index, total)) => format!("{}/{total}", index.saturating_add(1)).parse(),
        None => Err(format!(
            "this pod does not say which of how many it is: use a Job with `completionMode: Indexed` and set \
             {WORKERS}, or write I/N"
        )),
    }
}

pub(super) fn parse(text: &str) -> Result<Shard, String> {
    match text {
        AUTO => of_job(|name| std::env::var(name).ok()),
        text => text.parse(),
    }
}

fn of_job(variable: impl Fn(&str) -> Option<String>) -> Result<Shard, String> {
    let set = |name: &str| variable(name).filter(|it| !it.is_empty());
    if let Some(text) = set(GITHUB) {
        let strategy: Strategy = serde_json::from_str(&text)
            .map_err(|error| format!("{GITHUB} is not `${{{{ toJSON(strategy) }}}}`: {error}"))?;
        return format!("{}/{}", strategy.job_index + 1, strategy.job_total).parse();
    }
    match GITLAB.map(set) {
        [Some(index), Some(total)] => format!("{index}/{total}").parse(),
        _ => Err(format!(
            "this job does not say which of how many it is: on GitHub set {GITHUB} to `${{{{ toJSON(strategy) }}}}`, \
             on GitLab use `parallel`, or write I/N"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_knows_its_place() {
        let pod = |index: &'static str| {
            move |name: &str| match name {
                KUBERNETES => Some(index.to_owned()),
                WORKERS => Some("4".to_owned()),
                _ => None,
            }
        };
        let worker = of_pod(pod("3")).map(|it| it.to_string());
        assert_eq!(worker, Ok("4/4".into()));
        assert!(of_pod(pod("4")).is_err());
        assert!(of_pod(pod("x")).is_err_and(|it| it.contains("completionMode")));
        assert!(of_pod(|_| None).is_err());
    }

    fn found(variables: &[(&str, &str)]) -> Result<String, String> {
        let variable = |name: &str| {
            let mut all = variables.iter();
            all.find(|(it, _)| *it == name)
                .map(|(_, value)| (*value).to_owned())
        };
        of_job(variable).map(|it| it.to_string())
    }

    #[test]
    fn a_job_knows_its_place() {
        let github = r#"{"fail-fast": false, "job-index": 2, "job-total": 3, "max-parallel": 3}"#;
        assert_eq!(found(&[(GITHUB, github)]), Ok("3/3".into()));
        let gitlab = [("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "4")];
        assert_eq!(found(&gitlab), Ok("1/4".into()));
    }

    #[test]
    fn a_job_without_one_says_what_to_do() {
        let message = found(&[("CI_NODE_TOTAL", "4"), (GITHUB, "")]).expect_err("no place");
        assert!(message.contains("toJSON(strategy)") && message.contains("`parallel`"));
        let message = found(&[(GITHUB, "{}")]).expect_err("no place");
        assert!(message.contains("job-index"), "{message}");
        found(&[("CI_NODE_INDEX", "5"), ("CI_NODE_TOTAL", "4")]).expect_err("out of range");
    }
}
