//! Workers of a server in a container, which take jobs from Redis.

use crate::support::{Sandbox, repository};
use crate::{QUICK, engine};

/// Serves and leaves a job for every request; with a word more it takes them.
const QUEUE: &str = r#"
import os, sys, time
import redis
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

store = redis.Redis.from_url(os.environ["REDIS_URL"])

if sys.argv[1] == "work":
    print("takes jobs", flush=True)
    while True:
        job = store.brpop(["jobs"], timeout=1)
        if job:
            until = time.process_time() + float(os.environ["JOB_SECONDS"])
            while time.process_time() < until:
                pass

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        store.lpush("jobs", "1")
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass

ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"#;

#[test]
#[ignore = "needs Docker"]
fn workers_stand_beside_their_server_on_both_sides() {
    let _engine = engine();
    let fixtures = repository().join("fixtures").display().to_string();
    let text = format!(
        r#"
allow_outside = true
prepare       = ["{fixtures}/prepare.sh"]

[redis]
build = "{fixtures}/redis"

[server.web]
build   = "image"
command = ["python3", "/app/tasks.py", "{{host}}", "{{port}}"]
env     = {{ REDIS_URL = "{{redis.url}}" }}

[server.web.worker.jobs]
command = ["python3", "/app/tasks.py", "work"]
env     = {{ JOB_SECONDS = "0.0005" }}
ready   = "takes jobs"

[endpoint.home]
path = "/"
{QUICK}"#
    );
    let dockerfile = "FROM debian:bookworm-slim\n\
                      RUN apt-get update && apt-get install --yes --no-install-recommends python3-redis\n\
                      COPY tasks.py /app/tasks.py\n";
    let sandbox = Sandbox::new()
        .config(&text)
        .file("image/Dockerfile", dockerfile)
        .file("image/tasks.py", QUEUE)
        .committed();
    let run = ["check", "--against", "HEAD", "--save", "m.json"];
    sandbox
        .run(run)
        .exits(0)
        .prints("PASSED")
        .prints("note: workers, web home: jobs ")
        .prints("jobs left at the end of a round: at most ")
        .prints("commands to Redis are not counted for web");
    let measurement = sandbox.json("m.json");
    let pair = &measurement["pairs"][0]["starts"][0]["pairs"][0];
    for side in ["head", "base"] {
        let round = &pair["closed"][side];
        let cpu = &round["workers"]["usage"]["jobs"]["cpu"];
        let seconds = cpu["secs"].as_f64().expect("seconds")
            + cpu["nanos"].as_f64().expect("nanoseconds") / 1e9;
        let jobs = round["tally"]["succeeded"].as_f64().expect("requests");
        // Each job takes half a millisecond; those that were left are not all done.
        assert!(
            seconds > 0.0 && seconds < jobs * 0.01,
            "{side}: {seconds} s for {jobs} jobs"
        );
        assert!(round["workers"]["jobs_left"].is_u64(), "{round}");
    }
    let broken = text
        .replace("\"work\"]", "\"nowhere\"]")
        .replace("ready   = \"takes jobs\"\n", "");
    sandbox
        .config(&broken)
        .run(["check", "--strategy", "stored"])
        .exits(4)
        .complains("cannot start `web.jobs`: it ended with exit code 1");
}
