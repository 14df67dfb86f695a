//! What a job is, and what it does, by the event that started it.

use std::path::Path;

use crate::publish::event::{Trust, trust};
use crate::publish::{Error, Job, Mode, Task, Trigger};

/// A job whose event is one of the stored payloads.
fn found(event: &str, file: &str, reference: &str) -> Result<Job, Error> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/github/events")
        .join(file);
    Job::find(|name| {
        Some(match name {
            "GITHUB_EVENT_NAME" => event.to_owned(),
            "GITHUB_EVENT_PATH" => path.to_string_lossy().into_owned(),
            "GITHUB_SHA" => "merge".into(),
            "GITHUB_REF" => reference.to_owned(),
            "GITHUB_REPOSITORY" => "Codertocat/Hello-World".into(),
            "GITHUB_RUN_ID" => "12".into(),
            _ => return None,
        })
    })
}

#[test]
fn every_event_has_its_task() {
    let main = "refs/heads/master";
    let cases = [
        ("push", "push.json", main, Task::Refresh),
        ("push", "push.json", "refs/heads/other", Task::Check),
        ("push", "push.json", "refs/tags/master", Task::Check),
        ("schedule", "push.json", main, Task::Refresh),
        (
            "pull_request",
            "pull_request.json",
            "refs/pull/2/merge",
            Task::Check,
        ),
        (
            "merge_group",
            "merge_group.json",
            "refs/heads/gh-readonly-queue/x",
            Task::Check,
        ),
        ("workflow_run", "workflow_run.json", main, Task::Report),
    ];
    for (event, file, reference, task) in cases {
        let job = found(event, file, reference).expect("a job");
        assert_eq!(
            job.task(Mode::Auto).expect("allowed"),
            task,
            "{event} {reference}"
        );
    }
}

#[test]
fn a_review_is_of_its_pull_request() {
    for event in ["pull_request_review", "pull_request_review_comment"] {
        let job = found(event, "pull_request.json", "refs/pull/2/merge").expect("a job");
        assert_eq!(job.task(Mode::Auto).expect("allowed"), Task::Check);
        assert_eq!(job.pull_request().expect("a pull request").number, 2);
        assert_eq!(job.head, "ec26c3e57ca3a959ca5aad62de7213c562f8c821");
    }
    assert_eq!(trust("release"), Trust::Tag);
}

#[test]
fn what_a_report_speaks_of_was_measured_by_another_run() {
    let job = found("workflow_run", "workflow_run.json", "refs/heads/master").expect("a job");
    let Trigger::WorkflowRun(finished) = &job.trigger else {
        panic!("{:?}", job.trigger)
    };
    assert_eq!(job.measured_by(), finished.run);
    assert_eq!(finished.conclusion, "success");
    let job = found("push", "push.json", "refs/heads/other").expect("a job");
    assert_eq!(job.measured_by().id, 12);
    assert_eq!(job.default_branch.as_deref(), Some("master"));
}

#[test]
fn a_pull_request_is_judged_at_its_own_commit() {
    let job = found("pull_request", "pull_request.json", "refs/pull/2/merge").expect("a job");
    assert_eq!(job.head, "ec26c3e57ca3a959ca5aad62de7213c562f8c821");
    let pull_request = job.pull_request().expect("a pull request");
    assert_eq!((pull_request.number, pull_request.is_fork), (2, false));
    assert!(job.link.ends_with("Codertocat/Hello-World/actions/runs/12"));
}

#[test]
fn untrusted_code_is_not_measured_with_a_writing_token() {
    for event in ["pull_request_target", "issue_comment"] {
        let job = found(event, "pull_request.json", "refs/heads/master").expect("a job");
        for mode in [Mode::Auto, Mode::Check, Mode::Refresh] {
            let error = job.task(mode).expect_err("refused");
            assert!(error.to_string().contains(event), "{error}");
        }
    }
    let said = |event: &str| {
        let job = found(event, "push.json", "refs/heads/master").expect("a job");
        job.task(Mode::Auto).expect_err("refused").to_string()
    };
    for event in ["repository_dispatch", "deployment_status", "check_suite"] {
        let said = said(event);
        assert!(
            said.contains(event) && said.contains("whose code it brings"),
            "{said}"
        );
    }
    assert!(said("an_event_of_tomorrow").contains("it is not known whose code"));
    let job = found("workflow_run", "workflow_run.json", "refs/heads/master").expect("a job");
    assert!(job.task(Mode::Check).is_err());
    let job = found("pull_request", "pull_request.json", "refs/pull/2/merge").expect("a job");
    assert!(matches!(
        job.task(Mode::Refresh),
        Err(Error::NotTrusted { .. })
    ));
}

#[test]
fn outside_a_workflow_the_missing_variable_is_named() {
    let error = Job::find(|_| None).expect_err("no job");
    assert!(error.to_string().contains("GITHUB_EVENT_NAME"), "{error}");
    assert!(error.hint().expect("a hint").contains("perfgate check"));
}
