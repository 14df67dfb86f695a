//! The check of each key: opened, closed, and never left open.

use serde_json::Value;
use wiremock::MockServer;

use super::stand_in::{Fault, StandIn};
use super::{github, valid};
use crate::publish::check_run::{Opened, Ticket};
use crate::publish::job::Run;
use crate::publish::{CheckRun, Conclusion, Key};

const LINK: &str = "https://github.test/run";

fn ticket(configuration: &str, id: u64, attempt: u64) -> Ticket {
    let key = Key::new("perfgate", "check", configuration, "");
    Ticket::new(&key, &"a".repeat(40), Run { id, attempt })
}

async fn open(server: &MockServer, ticket: &Ticket) -> CheckRun {
    let opened = ticket.open(&github(server), LINK).await.expect("answered");
    valid(server).await;
    match opened {
        Opened::Open(check) => check,
        Opened::LeftToNewer => panic!("left to a newer run"),
    }
}

async fn close(server: &MockServer, check: CheckRun, conclusion: Conclusion) {
    let github = github(server);
    let closed = check.close(&github, conclusion, "REGRESSED", "text");
    closed.await.expect("closed");
}

fn shown(stand_in: &StandIn) -> Vec<(String, Value)> {
    let state = stand_in.state();
    let shown = state.checks.iter().map(|it| {
        let name = it["name"].as_str().expect("a name").to_owned();
        let conclusion = it.get("conclusion").unwrap_or(&it["status"]);
        (name, conclusion.clone())
    });
    shown.collect()
}

#[tokio::test]
async fn each_key_has_a_check_that_no_sibling_closes() {
    let (server, github) = StandIn::start().await;
    let shop = open(&server, &ticket("services/shop/perfgate.toml", 5, 1)).await;
    let blog = open(&server, &ticket("services/blog/perfgate.toml", 5, 1)).await;
    assert_eq!(shop.app(), Some("github-actions"));
    close(&server, shop, Conclusion::Failure).await;
    close(&server, blog, Conclusion::Success).await;
    valid(&server).await;
    let expected = [
        ("perfgate (services/shop)".to_owned(), "failure".into()),
        ("perfgate (services/blog)".to_owned(), "success".into()),
    ];
    assert_eq!(shown(&github), expected);
}

#[tokio::test]
async fn a_summary_keeps_to_what_github_takes() {
    let (server, stand_in) = StandIn::start().await;
    let check = open(&server, &ticket("perfgate.toml", 5, 1)).await;
    assert_eq!(stand_in.state().checks[0]["status"], "in_progress");
    let long = "ä".repeat(100_000);
    let github = github(&server);
    let closed = check.close(&github, Conclusion::Failure, "REGRESSED", &long);
    closed.await.expect("closed");
    valid(&server).await;
    let checks = &stand_in.state().checks;
    let summary = checks[0]["output"]["summary"].as_str().expect("text");
    assert!(summary.len() <= 65_535 && !summary.is_empty());
}

#[tokio::test]
async fn a_run_that_was_started_again_takes_the_place_of_the_first() {
    let (server, github) = StandIn::start().await;
    open(&server, &ticket("perfgate.toml", 5, 1)).await;
    open(&server, &ticket("shop/perfgate.toml", 5, 1)).await;
    let second = open(&server, &ticket("perfgate.toml", 5, 2)).await;
    let stages: Vec<_> = shown(&github).into_iter().map(|(_, it)| it).collect();
    assert_eq!(stages, ["cancelled", "in_progress", "in_progress"]);
    close(&server, second, Conclusion::Success).await;
    // One that was queued for longer says nothing any more.
    let (late, client) = (ticket("perfgate.toml", 4, 1), super::github(&server));
    let late = late.open(&client, LINK).await.expect("answered");
    assert!(matches!(late, Opened::LeftToNewer), "{late:?}");
    assert_eq!(shown(&github).len(), 3);
}

#[tokio::test]
async fn what_was_left_open_is_closed_also_where_opening_it_was_not_answered() {
    let (server, stand_in) = StandIn::start().await;
    // The check is made, and every answer is lost: the job does not know it.
    for (method, status) in [("POST", 502), ("GET", 403)] {
        stand_in.state().faults.push_back(Fault {
            method,
            status,
            message: "lost",
            is_done: true,
        });
    }
    let mine = ticket("perfgate.toml", 5, 1);
    let lost = mine.open(&github(&server), LINK).await;
    assert!(lost.is_err(), "{lost:?}");
    open(&server, &ticket("shop/perfgate.toml", 5, 1)).await;
    let closed = mine.close_left_open(&github(&server)).await;
    assert_eq!(closed.expect("answered"), 1);
    let stages: Vec<_> = shown(&stand_in).into_iter().map(|(_, it)| it).collect();
    assert_eq!(stages, ["cancelled", "in_progress"]);
    valid(&server).await;
    let again = mine.close_left_open(&github(&server)).await;
    assert_eq!(again.expect("answered"), 0);
}

#[tokio::test]
async fn a_check_whose_opening_was_not_answered_is_found_again() {
    let (server, stand_in) = StandIn::start().await;
    for (method, status) in [("POST", 502), ("GET", 403)] {
        stand_in.state().faults.push_back(Fault {
            method,
            status,
            message: "lost",
            is_done: true,
        });
    }
    let mine = ticket("perfgate.toml", 5, 1);
    assert!(mine.open(&github(&server), LINK).await.is_err());
    let check = open(&server, &mine).await;
    close(&server, check, Conclusion::Success).await;
    let expected = [("perfgate".to_owned(), "success".into())];
    assert_eq!(shown(&stand_in), expected);
}

#[tokio::test]
async fn a_lost_answer_does_not_make_a_second_check() {
    let (server, stand_in) = StandIn::start().await;
    stand_in.state().faults.push_back(Fault {
        method: "POST",
        status: 502,
        message: "Bad Gateway",
        is_done: true,
    });
    let check = open(&server, &ticket("perfgate.toml", 5, 1)).await;
    close(&server, check, Conclusion::Success).await;
    let expected = [("perfgate".to_owned(), "success".into())];
    assert_eq!(shown(&stand_in), expected);
}
