use crate::support::Sandbox;
use crate::{configuration, engine};

/// All servers on all endpoints, with these words beside.
fn rank(config: &str, words: &[&str]) -> serde_json::Value {
    let sandbox = Sandbox::new().config(config);
    let run = ["rank", "--quiet", "--json", "out.json"];
    sandbox
        .run(run.into_iter().chain(words.iter().copied()))
        .exits(0);
    sandbox.json("out.json")
}

fn standings<'a>(ranking: &'a serde_json::Value, endpoint: &str) -> &'a [serde_json::Value] {
    let tables = ranking["tables"].as_array().expect("tables");
    let table = tables.iter().find(|table| table["endpoint"] == endpoint);
    table.expect("a table")["standings"]
        .as_array()
        .expect("standings")
}

#[test]
#[ignore = "needs Docker"]
fn six_servers_answer_four_endpoints_behind_caddy() {
    let _engine = engine();
    let ranking = rank(&configuration(), &["--behind", "caddy"]);
    for endpoint in ["health", "health-sync", "health-async", "movies"] {
        let standings = standings(&ranking, endpoint);
        assert_eq!(standings.len(), 6, "{endpoint}");
        for standing in standings {
            assert_eq!(standing["behind"], "caddy");
            assert_eq!(standing["errors"], serde_json::json!({}), "{standing}");
            assert!(
                standing["throughput"]
                    .as_f64()
                    .is_some_and(|value| value > 0.0)
            );
            assert!(standing["interface"] == "WSGI" || standing["interface"] == "ASGI");
        }
    }
    let footprints = ranking["footprints"].as_array().expect("footprints");
    for footprint in footprints {
        for figure in ["memory_peak", "memory_rss", "startup_time"] {
            let value = footprint[figure].as_f64();
            assert!(value.is_some_and(|value| value > 0.0), "{footprint}");
        }
    }
}

/// uWSGI keeps connections open by its router when configured to, and closes each of its
/// `--http-socket` after the response; neither is an error.
#[test]
#[ignore = "needs Docker"]
fn connections_that_uwsgi_closes_are_counted_and_are_no_errors() {
    let _engine = engine();
    let words = ["--server", "uwsgi", "--endpoint", "health"];
    let router = rank(&configuration(), &words);
    let kept = &standings(&router, "health")[0];
    assert_eq!(
        (&kept["errors"], &kept["closed_by_server"]),
        (&serde_json::json!({}), &0.into())
    );

    let socket = configuration().replace("\"--http\"", "\"--http-socket\"");
    let socket = rank(&socket, &words);
    let closed = &standings(&socket, "health")[0];
    assert_eq!(closed["errors"], serde_json::json!({}));
    let (requests, count) = (
        closed["requests"].as_u64(),
        closed["closed_by_server"].as_u64(),
    );
    assert!(count > requests.map(|it| it * 9 / 10), "{closed}");
}
