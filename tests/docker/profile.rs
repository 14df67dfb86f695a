//! Where the CPU time of a container's Python went: by py-spy from outside of it.

use crate::engine_alone;
use crate::support::{Sandbox, require};

const SERVER: &str = r#"
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MOVIES = [{"id": number, "title": "movie %d" % number} for number in range(100)]


def load():
    return [dict(movie) for movie in MOVIES for _ in range(4)]


def serialize(movies):
    total = 0
    for movie in movies:
        total += len(movie["title"])
    return json.dumps({"total": total, "movies": movies[:10]}).encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet.
    wbufsize = -1

    def do_GET(self):
        body = serialize(load())
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
"#;

const DOCKERFILE: &str = r#"
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends python3-minimal libpython3-stdlib
COPY movies/server.py /srv/movies/server.py
CMD ["python3", "/srv/movies/server.py"]
"#;

const CONFIGURATION: &str = r#"
[server.movies]
build = "app"
port  = 8000

[endpoint.home]
path = "/"

[load]
connections = 4
round       = "600ms"
warmup      = "200ms"

[thresholds]
throughput      = { max_decrease = "90%" }
latency_p50     = { max_increase = "+900%" }
latency_p99     = { max_increase = "+900%", floor = "200ms" }
cpu_per_request = { max_increase = "+15%" }
memory_peak     = { floor = "64MiB" }
"#;

#[test]
#[ignore = "needs Docker"]
fn the_function_that_got_slower_in_a_container_is_named_as_changed() {
    require(&["py-spy"]);
    let _engine = engine_alone();
    let sandbox = Sandbox::new()
        .config(CONFIGURATION)
        .file("app/Dockerfile", DOCKERFILE)
        .file("app/movies/server.py", SERVER)
        .committed();
    let line = "        total += len(movie[\"title\"])\n";
    let slower = "        total += sum(1 for letter in movie[\"title\"])\n";
    assert!(SERVER.contains(line));
    let sandbox = sandbox.file("app/movies/server.py", &SERVER.replace(line, slower));
    sandbox
        .run([
            "check",
            "--quiet",
            "--against",
            "HEAD",
            "--json",
            "out.json",
        ])
        .exits(1)
        .prints("movies home cpu_per_request")
        .prints("in your change): +");
    let report = sandbox.json("out.json");
    let profile = &report["profiles"][0];
    let functions = profile["functions"].as_array().expect("functions");
    let first = &functions[0];
    let name = first["name"].as_str().expect("a name");
    assert!(name.starts_with("serialize"), "{profile}");
    assert_eq!(first["file"], "app/movies/server.py");
    assert_eq!(first["in_change"], true);
    let touched = functions.iter().filter(|it| it["in_change"] == true);
    for it in touched {
        let name = it["name"].as_str().expect("a name");
        assert!(name.starts_with("serialize"), "{it}");
    }
}
