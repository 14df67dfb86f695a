//! Runs of a branch that are packed: what is read of them, and what becomes of what is damaged, pinned or too old.

use std::collections::BTreeSet;
use std::fs;

use proptest::prelude::*;

use super::branch::{BRANCH, Remote};
use super::{KEEP, baseline, pin, times};
use crate::baseline::recent::recent;
use crate::baseline::{Branch, Stored};
use crate::document;
use crate::model::{Baseline, LONGEST_SERIES, Metric, Outcome, Pin, Statement, history};

/// A remote whose branch has one document for each run, as branches had before runs were packed.
fn unpacked(runs: &[Baseline]) -> Remote {
    let remote = Remote::new();
    remote.clone_as("clone");
    remote.git("first", &["checkout", "--quiet", "--orphan", "runs"]);
    remote.git("first", &["rm", "--quiet", "-rf", "."]);
    let folder = remote.path("first/app/home");
    fs::create_dir_all(&folder).expect("made");
    for (index, run) in runs.iter().enumerate() {
        let path = folder.join(format!("{index:04}.json"));
        fs::write(path, document::text(run)).expect("written");
    }
    remote.commit();
    remote
}

fn run(second: i64) -> Baseline {
    let mut run = baseline("app", "home", second);
    run.rounds.insert(Metric::Throughput, vec![12.5; 3]);
    run.rounds.insert(Metric::SqlPerRequest, vec![2.0; 3]);
    run.statements = vec![Statement {
        text: format!("SELECT {second}"),
        calls: 1.0,
        ..Statement::default()
    }];
    run
}

fn runs(seconds: impl IntoIterator<Item = i64>) -> Vec<Baseline> {
    seconds.into_iter().map(run).collect()
}

/// Adds runs until they are packed once more.
fn packed_again(branch: &Branch, first: i64) {
    for second in first..first + 17 {
        branch.add(&[run(second)], KEEP).expect("added");
    }
}

#[test]
fn a_branch_of_single_documents_is_read_and_packed_by_the_next_refresh() {
    let remote = unpacked(&runs(1..=100));
    let branch = remote.branch("clone");
    assert_eq!(
        times(&branch.recent().expect("read").baselines),
        seconds(1..=100)
    );
    assert_eq!(remote.files().len(), 100);
    branch.add(&[run(101)], KEEP).expect("added");
    let files = remote.files();
    let [archive, recent] = files.as_slice() else {
        panic!("{files:?}")
    };
    assert_eq!(archive, "app/home/archive/1970-01.jsonl");
    assert!(recent.starts_with("app/home/recent/"), "{recent}");
    assert_eq!(remote.commits(), 2);
    let all = branch.all().expect("read");
    assert_eq!(times(&all.baselines), seconds(1..=101));
    let newest = all.baselines.last().expect("runs");
    assert_eq!(
        newest.values[&Metric::Throughput].to_bits(),
        12.5_f64.to_bits()
    );
    // What was counted is compared, and shown; the timed values of single rounds are not.
    assert_eq!(
        newest.rounds.keys().collect::<Vec<_>>(),
        [&Metric::SqlPerRequest]
    );
    assert_eq!(newest.statements, run(101).statements);
    let few = branch.recent().expect("read");
    assert_eq!(times(&few.baselines), seconds(42..=101));
    assert!(all.damaged.is_empty() && few.damaged.is_empty());
    branch.add(&[run(102)], KEEP).expect("added");
    assert_eq!(
        remote.files().len(),
        3,
        "the next run has a document of its own"
    );
    assert_eq!(
        times(&branch.recent().expect("read").baselines),
        seconds(42..=102)
    );
    assert_eq!(
        times(&branch.all().expect("read").baselines),
        seconds(1..=102)
    );
}

fn seconds(seconds: impl IntoIterator<Item = i64>) -> Vec<i64> {
    seconds.into_iter().collect()
}

#[test]
fn runs_beyond_the_configured_number_go_but_for_those_of_the_pin() {
    let remote = unpacked(&runs(1..=100));
    let branch = remote.branch("clone");
    branch.add_pin(&pin(200, Some(10))).expect("pinned");
    branch.add(&[run(101)], 60).expect("added");
    let expected = seconds((1..=10).chain(42..=101));
    assert_eq!(times(&branch.all().expect("read").baselines), expected);
    assert_eq!(times(&branch.recent().expect("read").baselines), expected);
    assert_eq!(remote.commits(), 3, "nothing is replaced");
    branch.add_pin(&pin(300, None)).expect("given up");
    assert_eq!(branch.prune(3, &|_| true).expect("pruned"), 67);
    assert_eq!(
        times(&branch.all().expect("read").baselines),
        [99, 100, 101]
    );
    assert_eq!(
        times(&branch.recent().expect("read").baselines),
        [99, 100, 101]
    );
    assert_eq!(remote.commits(), 1);
}

#[test]
fn a_pin_on_packed_runs_is_checked_against_them() {
    let remote = unpacked(&runs(1..=200));
    let branch = remote.branch("clone");
    branch.add(&[run(201)], KEEP).expect("added");
    branch.add_pin(&pin(300, Some(20))).expect("pinned");
    let few = branch.recent().expect("read");
    let expected = (1..=20).chain(142..=201);
    assert_eq!(times(&few.baselines), seconds(expected));
    assert_eq!(few.pin, Some(pin(300, Some(20))));
    let pinned = few
        .baselines
        .iter()
        .filter(|run| !run.statements.is_empty());
    let pinned: Vec<_> = pinned.map(|run| run.time.as_second()).collect();
    assert_eq!(pinned, [20, 201], "what the newest ones asked the database");
    packed_again(&branch, 202);
    let few = branch.recent().expect("read");
    assert!(times(&few.baselines).starts_with(&[1, 2]), "they stay");
}

#[test]
fn what_is_damaged_of_packed_runs_is_named_and_stays() {
    let remote = unpacked(&runs(1..=100));
    let branch = remote.branch("clone");
    branch.add(&[run(101)], KEEP).expect("added");
    let files = remote.files();
    remote.check_out(BRANCH);
    let archive = remote.path("first").join(&files[0]);
    let text = fs::read_to_string(&archive).expect("read");
    let cut = text.replacen("{\"schema\":1", "{\"schema\":99", 2);
    fs::write(&archive, &cut[..cut.len() - 40]).expect("written");
    fs::write(remote.path("first").join(&files[1]), "{\"schema\": 2, ").expect("written");
    remote.commit();
    let names = |found: &Stored| -> Vec<String> {
        let damaged = found.damaged.iter();
        damaged.map(ToString::to_string).collect()
    };
    let few = branch.recent().expect("read");
    assert!(few.baselines.is_empty());
    let said = names(&few);
    assert!(
        said[0].contains(&format!("{BRANCH}:{}", files[1])),
        "{said:?}"
    );
    let all = branch.all().expect("read");
    assert_eq!(times(&all.baselines), seconds(3..=100));
    let said = names(&all).join("\n");
    for line in [1, 2, 101] {
        assert!(said.contains(&format!("{}:{line}`", files[0])), "{said}");
    }
    packed_again(&branch, 102);
    let all = branch.all().expect("read");
    assert_eq!(times(&all.baselines), seconds((3..=100).chain(102..=118)));
    assert_eq!(all.damaged.len(), 3, "{:?}", names(&all));
    let few = branch.recent().expect("read");
    assert!(
        few.damaged.is_empty(),
        "it was made anew: {:?}",
        names(&few)
    );
    assert_eq!(few.baselines.len(), LONGEST_SERIES);
}

#[test]
fn what_a_later_version_has_packed_is_left_alone() {
    let remote = unpacked(&runs(1..=100));
    let branch = remote.branch("clone");
    branch.add(&[run(101)], KEEP).expect("added");
    remote.check_out(BRANCH);
    let recent = remote.path("first").join(&remote.files()[1]);
    fs::write(&recent, "{\"schema\": 3}").expect("written");
    remote.commit();
    for second in 102..130 {
        branch.add(&[run(second)], KEEP).expect("added");
    }
    assert_eq!(remote.files().len(), 2 + 28);
    assert_eq!(branch.recent().expect("read").damaged.len(), 1);
    let error = branch.prune(3, &|_| true).expect_err("left alone");
    assert!(error.to_string().contains("its schema is 3"), "{error}");
    remote.check_out(BRANCH);
    assert_eq!(
        fs::read_to_string(&recent).expect("read"),
        "{\"schema\": 3}"
    );
}

#[test]
fn a_run_that_arrived_although_its_push_failed_is_there_once() {
    for others in [3, 16, 40] {
        let remote = unpacked(&runs(1..=others));
        let branch = remote.branch("clone");
        // The branch is moved to what is pushed before git itself can do it, and that fails.
        let move_it = "rm hooks/update; git update-ref $1 $3 $2";
        remote.hook("update", move_it);
        branch.add(&[run(others + 1)], KEEP).expect("added");
        assert!(!remote.path("remote.git/hooks/update").exists());
        let found = branch.all().expect("read").baselines;
        assert_eq!(times(&found), seconds(1..=others + 1));
        let few = branch.recent().expect("read").baselines;
        assert_eq!(times(&few), seconds(1..=others + 1));
    }
}

#[test]
fn a_clone_lends_its_way_to_the_remote_and_gets_no_object() {
    let remote = Remote::new();
    let clone = remote.clone_as("clone");
    let real = remote.path("remote.git").display().to_string();
    remote.git("clone", &["remote", "set-url", "origin", "alias:x"]);
    let alias = format!("url.{real}.insteadOf");
    remote.git("clone", &["config", &alias, "alias:x"]);
    let objects = || remote.git("clone", &["count-objects", "-v"]);
    let before = objects();
    // A server that can leave files out, and one that cannot.
    for filters in ["true", "false"] {
        remote.git("remote.git", &["config", "uploadpack.allowFilter", filters]);
        let branch = remote.branch("clone");
        packed_again(&branch, if filters == "true" { 1 } else { 101 });
        let other = Branch::new(&clone, &real, BRANCH);
        let found = other.recent().expect("read");
        assert!(found.baselines.len() >= 17 && found.damaged.is_empty());
    }
    assert_eq!(objects(), before);
    let shallow = remote.git("clone", &["rev-parse", "--is-shallow-repository"]);
    assert_eq!(shallow, "false");
}

proptest! {
    /// Whatever the verdicts and the pin: checks see the same runs as if they had read all of them.
    #[test]
    fn recent_runs_are_all_that_a_check_reads(
        good in prop::collection::vec(any::<bool>(), 0..300),
        until in 0..300_i64,
        is_pinned in any::<bool>(),
    ) {
        let mut all = Vec::new();
        for (second, good) in (0..).zip(good) {
            let mut run = run(second);
            run.verdict = if good { Outcome::Pass } else { Outcome::Regression };
            all.push(run);
        }
        let pin = is_pinned.then(|| pin(1000, Some(until)));
        let few = recent(&all, pin.as_ref());
        let few: Vec<_> = few.into_values().flat_map(|it| it.runs).collect();
        prop_assert!(few.len() <= 2 * (LONGEST_SERIES + 30));
        for pin in [None, pin] {
            prop_assert_eq!(read(&few, pin.as_ref()), read(&all, pin.as_ref()));
        }
    }
}

/// What a check reads of runs: the good ones, the newest, and what the newest asked.
fn read(runs: &[Baseline], pin: Option<&Pin>) -> (Vec<i64>, Vec<i64>, Vec<Statement>) {
    let covered = runs
        .iter()
        .filter(|run| pin.is_none_or(|pin| pin.covers(run)));
    let covered: Vec<_> = covered.collect();
    let good = history(covered.iter().copied());
    let good = good.iter().map(|run| run.time.as_second()).collect();
    let series = covered.iter().rev().take(LONGEST_SERIES);
    let series = series.map(|run| run.time.as_second()).collect();
    let newest = covered.last();
    let asked = newest.map_or_else(Vec::new, |run| run.statements.clone());
    (good, series, asked)
}

#[test]
fn every_key_has_a_document_of_its_own() {
    let mut of_two = runs(1..=10);
    for run in &mut of_two[5..] {
        run.key.settings = "other".into();
    }
    let keys = recent(&of_two, None);
    let lengths: BTreeSet<_> = keys.values().map(|it| it.runs.len()).collect();
    assert_eq!((keys.len(), lengths), (2, BTreeSet::from([5])));
}
