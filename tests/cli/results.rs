//! What several machines measured, put together from a bucket.

use std::sync::atomic::Ordering;

use serde_json::Value;

use crate::bucket::{Bucket, MOTO, Trouble};
use crate::load::{meeting, server, worker};
use crate::shards::two;
use crate::support::Sandbox;

#[test]
fn workers_meet_again_in_a_bucket() {
    let (address, answered) = server();
    let (url, meeting) = (format!("http://{address}/"), meeting());
    let bucket = Bucket::new("workers");
    let sandbox = bucket.used_by(Sandbox::new());
    let start = |index: usize| {
        let number = format!("{index}/3");
        let out = format!("s3://workers/run-7/{index}/load.json");
        sandbox.start(worker(&url, &number, &meeting, &out))
    };
    for running in [2, 1, 3].map(start) {
        running.end().exits(0);
    }
    assert_eq!(answered.load(Ordering::SeqCst), 200);
    // Of another run, and of no worker.
    bucket.directly("PUT", "/run-70/4/load.json", b"{}");
    bucket.directly("PUT", "/run-7/1/load.json.probe", b"perfgate");
    let all = "s3://workers/run-7/all.json";
    let merge = ["merge", "s3://workers/run-7", "--json", all];
    sandbox
        .run(merge)
        .exits(0)
        .prints("3 workers")
        .prints("200 requests: 200 succeeded");
    let written = bucket.directly("GET", "/run-7/all.json", b"");
    let written: Value = serde_json::from_slice(&written).expect("JSON");
    assert_eq!(written["requests"], 200);
    let each = [1, 2, 3].map(|it| format!("s3://workers/run-7/{it}/load.json"));
    let words = ["merge"].into_iter().chain(each.iter().map(String::as_str));
    sandbox.run(words).exits(0).prints("3 workers");

    bucket.directly("PUT", "/run-7/2/load.json", b"{");
    sandbox
        .run(merge)
        .exits(4)
        .prints("invalid: cannot read `s3://workers/run-7/2/load.json`");
    bucket.directly("DELETE", "/run-7/2/load.json", b"");
    sandbox
        .run(merge)
        .exits(4)
        .prints("invalid: worker 2/3 is missing");
    let written = bucket.directly("GET", "/run-7/all.json", b"");
    let written: Value = serde_json::from_slice(&written).expect("JSON");
    assert_eq!(written["valid"], false, "not that of all three");
}

#[test]
fn shards_are_judged_from_a_bucket_as_from_a_folder() {
    let bucket = Bucket::new("shards");
    let sandbox = bucket.used_by(two());
    for index in [1, 2] {
        let (part, key) = (
            format!("{index}/2"),
            format!("/run/{index}/measurement.json"),
        );
        let save = format!("s3://shards{key}");
        let check = ["check", "--quiet", "--shard", &part, "--save", &save];
        sandbox.run(check).exits(0);
        let text = bucket.directly("GET", &key, b"");
        let file = sandbox.path(&format!("folder/{index}/measurement.json"));
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        std::fs::write(file, text).expect("written");
    }
    let findings = |source: &str, file: &str| {
        sandbox.run(["merge", source, "--json", file]).exits(0);
        sandbox.json(file)["findings"].take()
    };
    let there = findings("s3://shards/run", "there.json");
    assert_eq!(there, findings("folder", "here.json"));
    assert!(there.as_array().is_some_and(|it| it.len() > 2), "{there}");
    bucket.directly("DELETE", "/run/1/measurement.json", b"");
    let run = sandbox.run(["merge", "s3://shards/run"]).exits(4);
    run.prints("shard 1/2 is missing");
    let run = sandbox.run(["merge", "s3://shards/none"]).exits(2);
    run.complains("no `measurement.json` in it");
}

#[test]
fn where_no_result_could_be_written_no_load_is_sent() {
    let (address, answered) = server();
    let (url, meeting) = (format!("http://{address}/"), meeting());
    let out = "s3://closed/run/load.json";
    let words = worker(&url, "1/1", &meeting, out);
    // A bucket that can be read alone.
    let closed = Bucket::with(*MOTO, "closed", |line| {
        let is_write = line.starts_with("PUT") && line.contains("/run/");
        is_write.then_some(Trouble::Status("403 Forbidden"))
    });
    let sandbox = closed.used_by(two());
    let run = sandbox.run(words.iter().copied()).exits(4);
    run.complains("cannot use `s3://closed/run` (--out)")
        .complains("refuses access");
    let run = Sandbox::new().run(words).exits(4);
    run.complains("there are no credentials");
    let run = sandbox.run(worker(&url, "1/1", &meeting, "s3://closed/"));
    run.exits(2).complains("it names no object");
    assert_eq!(answered.load(Ordering::SeqCst), 0);
    let save = "s3://closed/run/measurement.json";
    for command in ["check", "rank"] {
        let run = sandbox.run([command, "--save", save]).exits(4);
        run.complains("cannot use `s3://closed/run` (--save)");
    }
}
