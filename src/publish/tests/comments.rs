//! The one comment: a section for each key, written by its owner alone.

use serde_json::Value;
use wiremock::MockServer;

use super::stand_in::{BOT, Fault, StandIn, State};
use super::{github, valid};
use crate::publish::comment::{self, Draft, Posted, When};
use crate::publish::page::{MARKER, Page};
use crate::publish::section::tests::stamp;
use crate::publish::section::{Section, Severity, Stamp};
use crate::publish::{Author, Error};

async fn post_when(server: &MockServer, stamp: &Stamp, when: When) -> Result<Posted, Error> {
    let github = github(server);
    let author = Author::find(&github, None).await;
    let body = |budget: usize| format!("{} of {budget}", stamp.key.repeat(3));
    let draft = Draft {
        stamp,
        body: &body,
        when,
    };
    let posted = comment::post(&github, 7, &author, draft).await;
    valid(server).await;
    posted
}

async fn post(server: &MockServer, stamp: &Stamp) -> Posted {
    let posted = post_when(server, stamp, When::Always).await;
    posted.expect("posted")
}

/// A comment that holds one section of another job.
fn of_sibling(key: &str, commit: &str, run: u64, severity: Severity) -> String {
    let mut page = Page::default();
    page.put(Section::new(&stamp(key, commit, run, severity), "theirs"));
    page.render(None, key, 60_000)
}

fn keys(comment: &str) -> Vec<String> {
    let sections = Section::all(comment);
    sections.into_iter().map(|it| it.stamp.key).collect()
}

fn fault(method: &'static str, status: u16, message: &'static str) -> Fault {
    Fault {
        method,
        status,
        message,
        is_done: false,
    }
}

#[tokio::test]
async fn a_comment_is_created_once_and_then_edited() {
    let (server, github) = StandIn::start().await;
    let created = post(&server, &stamp("shop", "a", 5, Severity::Regression)).await;
    let url = "https://github.test/c/1".to_owned();
    assert_eq!(created, Posted::Created { url: url.clone() });
    assert!(github.comment().starts_with(MARKER));
    let newer = stamp("shop", "a", 6, Severity::Pass);
    let edited = post_when(&server, &newer, When::OnlyIfThere).await;
    assert_eq!(edited.expect("edited"), Posted::Edited { url });
    let comment = github.comment();
    assert!(comment.contains("✅ perfgate: Pass of shop"), "{comment}");
    assert!(comment.contains("shopshopshop of "), "{comment}");
}

#[tokio::test]
async fn jobs_beside_each_other_keep_their_sections_in_both_orders() {
    let good = stamp("blog", "a", 5, Severity::Pass);
    let bad = stamp("shop", "a", 5, Severity::Regression);
    let mut comments = Vec::new();
    for order in [[&good, &bad], [&bad, &good]] {
        let (server, github) = StandIn::start().await;
        for stamp in order {
            post(&server, stamp).await;
        }
        comments.push(github.comment());
    }
    for comment in &comments {
        assert_eq!(keys(comment), ["blog", "shop"]);
        let first = format!("{MARKER}\n## ❌ perfgate: Regression of shop\n");
        assert!(comment.starts_with(&first), "{comment}");
    }
}

#[tokio::test]
async fn a_section_that_a_sibling_wrote_over_is_put_back() {
    let (server, github) = StandIn::start().await;
    let theirs = of_sibling("blog", "a", 5, Severity::Pass);
    let overwrite = theirs.clone();
    github
        .state()
        .siblings
        .push_back(Box::new(move |state: &mut State| {
            state.comments[0]["body"] = overwrite.into();
        }));
    github.state().comment_of(BOT, &theirs);
    post(&server, &stamp("shop", "a", 5, Severity::Regression)).await;
    let comment = github.comment();
    assert_eq!(keys(&comment), ["blog", "shop"]);
    assert!(comment.contains("\ntheirs\n"), "{comment}");
    assert_eq!(github.count("PATCH issues/comments/1"), 2);
}

#[tokio::test]
async fn a_sibling_that_never_stops_is_named() {
    let (server, github) = StandIn::start().await;
    let theirs = of_sibling("blog", "a", 5, Severity::Pass);
    github.state().comment_of(BOT, &theirs);
    for _ in 0..20 {
        let theirs = theirs.clone();
        github
            .state()
            .siblings
            .push_back(Box::new(move |state: &mut State| {
                state.comments[0]["body"] = theirs.into();
            }));
    }
    let ours = stamp("shop", "a", 5, Severity::Pass);
    let error = post_when(&server, &ours, When::Always).await;
    let error = error.expect_err("overwritten each time");
    assert!(matches!(error, Error::Contended { number: 7 }), "{error}");
}

#[tokio::test]
async fn of_two_comments_that_were_made_at_once_the_first_stays_with_both_sections() {
    let (server, github) = StandIn::start().await;
    github
        .state()
        .siblings
        .push_back(Box::new(|state: &mut State| {
            state.comment_of(BOT, &of_sibling("blog", "a", 5, Severity::Pass));
        }));
    post(&server, &stamp("shop", "a", 5, Severity::Regression)).await;
    assert_eq!(keys(&github.comment()), ["blog", "shop"]);
    assert_eq!(github.state().comments[0]["id"], 1);

    // The sibling was first.
    let (server, github) = StandIn::start().await;
    let theirs = of_sibling("blog", "a", 5, Severity::Pass);
    github.state().next = 5;
    github
        .state()
        .siblings
        .push_back(Box::new(move |state: &mut State| {
            let ours = state.comments.pop().expect("ours");
            state.next = 1;
            state.comment_of(BOT, &theirs);
            state.comments.push(ours);
        }));
    post(&server, &stamp("shop", "a", 5, Severity::Regression)).await;
    assert_eq!(keys(&github.comment()), ["blog", "shop"]);
    assert_eq!(github.state().comments[0]["id"], 1);
}

#[tokio::test]
async fn a_comment_that_a_sibling_removed_is_not_missed() {
    let (server, github) = StandIn::start().await;
    github
        .state()
        .siblings
        .push_back(Box::new(|state: &mut State| {
            state.comments.clear();
            state.comment_of(BOT, &of_sibling("blog", "a", 5, Severity::Pass));
        }));
    post(&server, &stamp("shop", "a", 5, Severity::Pass)).await;
    assert_eq!(keys(&github.comment()), ["blog", "shop"]);
    github
        .state()
        .faults
        .push_back(fault("PATCH", 404, "Not Found"));
    post(&server, &stamp("shop", "a", 6, Severity::Pass)).await;
    let run = Section::all(&github.comment())[1].stamp.run.id;
    assert_eq!((run, github.state().faults.len()), (6, 0));
}

#[tokio::test]
async fn a_comment_that_lists_show_late_is_not_made_again() {
    let (server, github) = StandIn::start().await;
    github
        .state()
        .siblings
        .push_back(Box::new(|state: &mut State| state.late_lists = 3));
    post(&server, &stamp("shop", "a", 5, Severity::Pass)).await;
    assert_eq!(keys(&github.comment()), ["shop"]);
    assert_eq!(github.count("POST issues/7/comments"), 1);
}

#[tokio::test]
async fn the_newest_run_of_the_newest_commit_wins() {
    let newest = |commit: &str| Some(commit.repeat(40));
    // Commit and run that are there, the head of the pull request, ours, and whose stays.
    for (there, head, ours, stays) in [
        (("a", 9), None, ("a", 5), 9),
        (("a", 5), None, ("a", 9), 9),
        // The run of an older commit was started again.
        (("b", 5), newest("b"), ("a", 9), 5),
        (("a", 9), newest("b"), ("b", 5), 5),
        (("a", 9), newest("a"), ("a", 5), 9),
    ] {
        let (server, github) = StandIn::start().await;
        github.state().head = head;
        let first = of_sibling("shop", there.0, there.1, Severity::Pass);
        github.state().comment_of(BOT, &first);
        let posted = post(&server, &stamp("shop", ours.0, ours.1, Severity::Pass)).await;
        let is_left = matches!(posted, Posted::LeftToNewer { .. });
        assert_eq!(is_left, stays == there.1, "{there:?} {ours:?} {posted:?}");
        let sections = Section::all(&github.comment());
        assert_eq!(sections[0].stamp.run.id, stays, "{there:?} {ours:?}");
    }
}

#[tokio::test]
async fn none_is_made_where_none_is_wanted() {
    let (server, github) = StandIn::start().await;
    let ours = stamp("shop", "a", 5, Severity::Pass);
    let nothing = post_when(&server, &ours, When::OnlyIfThere).await;
    assert_eq!(nothing.expect("nothing"), Posted::Nothing);
    assert!(github.state().comments.is_empty());
}

#[tokio::test]
async fn a_marker_of_a_stranger_is_not_ours() {
    let (server, github) = StandIn::start().await;
    let spoofed = of_sibling("shop", "a", 99, Severity::Pass);
    for login in ["mallory", "other-app[bot]"] {
        github.state().comment_of(login, &spoofed);
    }
    github.state().comment_of(BOT, &format!("> {spoofed}"));
    post(&server, &stamp("shop", "a", 5, Severity::Regression)).await;
    let state = github.state();
    assert_eq!(state.comments.len(), 4);
    assert_eq!(state.comments[0]["body"], spoofed.as_str());
    let ours = state.comments[3]["body"].as_str().expect("text");
    assert!(ours.contains("Regression of shop"), "{ours}");
}

/// Three runs with a token, of which there is one comment by its owner.
async fn three_runs(github: &StandIn, server: &MockServer) {
    for run in 1..=3 {
        post(server, &stamp("shop", "a", run, Severity::Pass)).await;
    }
    let state = github.state();
    let by_us = |it: &&Value| it["user"]["login"] == state.login.as_str();
    assert_eq!(state.comments.iter().filter(by_us).count(), 1);
    assert_eq!(
        state
            .asked
            .iter()
            .filter(|it| it.starts_with("POST issues"))
            .count(),
        1
    );
}

#[tokio::test]
async fn tokens_of_apps_and_of_persons_find_their_own_comment() {
    for (login, viewer, user) in [
        ("my-app[bot]", Some("my-app[bot]"), None),
        ("my-app[bot]", Some("my-app"), None),
        ("person", Some("person"), None),
        ("person", None, Some("person")),
        ("my-app[bot]", None, None),
    ] {
        let (server, github) = StandIn::start().await;
        {
            let mut state = github.state();
            state.login = login.into();
            state.viewer = viewer.map(str::to_owned);
            state.user = user.map(str::to_owned);
            state.comment_of("mallory", &of_sibling("shop", "a", 99, Severity::Pass));
        }
        three_runs(&github, &server).await;
        let asked = github.count("GET /user");
        assert_eq!(asked == 0, viewer.is_some(), "{login}: apps may not ask");
    }
}

#[tokio::test]
async fn the_app_of_our_check_says_whose_comment_is_ours() {
    let (server, github) = StandIn::start().await;
    github.state().viewer = None;
    github.state().login = "my-app[bot]".into();
    let spoofed = of_sibling("shop", "a", 99, Severity::Pass);
    github.state().comment_of("other[bot]", &spoofed);
    let client = super::github(&server);
    let author = Author::find(&client, Some("my-app")).await;
    let ours = stamp("shop", "a", 5, Severity::Pass);
    let draft = Draft {
        stamp: &ours,
        body: &|_| "text".into(),
        when: When::Always,
    };
    let posted = comment::post(&client, 7, &author, draft).await;
    assert!(matches!(posted, Ok(Posted::Created { .. })), "{posted:?}");
    assert_eq!(github.state().comments.len(), 2);
}

#[tokio::test]
async fn a_lost_answer_does_not_make_a_second_comment() {
    for is_done in [true, false] {
        let (server, github) = StandIn::start().await;
        github.state().faults.push_back(Fault {
            is_done,
            ..fault("POST", 502, "Bad Gateway")
        });
        let posted = post(&server, &stamp("shop", "a", 5, Severity::Pass)).await;
        assert_eq!(posted.url(), Some("https://github.test/c/1"));
        assert_eq!(keys(&github.comment()), ["shop"]);
        let posts = github.count("POST issues/7/comments");
        assert_eq!(posts, if is_done { 1 } else { 2 });
    }
}

#[tokio::test]
async fn a_comment_that_is_too_long_becomes_a_brief_one() {
    let (server, github) = StandIn::start().await;
    let refusal = fault("POST", 422, "Validation Failed: body is too long");
    github.state().faults.push_back(refusal);
    post(&server, &stamp("shop", "a", 5, Severity::Regression)).await;
    let comment = github.comment();
    assert!(comment.contains("Regression of shop"), "{comment}");
    assert!(comment.contains("[The whole report](https://github.test/runs/5)"));
    assert!(!comment.contains("shopshopshop"), "{comment}");
}

#[tokio::test]
async fn why_nothing_can_be_written_is_said() {
    let refused = async |fault: Fault| {
        let (server, github) = StandIn::start().await;
        github.state().faults.push_back(fault);
        let ours = stamp("shop", "a", 5, Severity::Pass);
        let error = post_when(&server, &ours, When::Always).await;
        assert_eq!(github.count("POST issues/7/comments"), 1, "it is final");
        error.expect_err("refused")
    };
    let error = refused(fault("POST", 403, "Resource not accessible by integration")).await;
    assert!(error.is_forbidden());
    let hint = error.hint().expect("a hint");
    assert!(hint.contains("pull-requests: write"), "{hint}");
    assert!(
        error.to_string().contains("Resource not accessible"),
        "{error}"
    );
    let message = "Unable to create comment because issue is locked.";
    let error = refused(fault("POST", 403, message)).await;
    assert!(matches!(error, Error::Locked { number: 7 }), "{error}");
}
