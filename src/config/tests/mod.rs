mod stack;

use std::path::Path;
use std::time::Duration;

use super::{Error, parse};
use crate::model::{
    Address, Bucket, Metric, Plan, Ready, RuleOrigin, Source, Store, Tls, Trust, Workload,
};

const SERVER: &str = "[server.app]\nrun = [\"app\"]\n";
const ENDPOINT: &str = "[endpoint.home]\npath = \"/\"\n";

fn read(text: &str) -> Result<Plan, Error> {
    parse(Path::new("project/perfgate.toml"), text)
}

fn plan(extra: &str) -> Plan {
    read(&format!("{SERVER}{ENDPOINT}{extra}")).expect("a valid configuration")
}

/// The error of a file whose first lines are valid, and its hint.
fn refused(extra: &str) -> (String, String) {
    explain(read(&format!("{SERVER}{ENDPOINT}{extra}")))
}

fn explain(result: Result<Plan, Error>) -> (String, String) {
    let error = result.expect_err("the configuration is invalid");
    (error.to_string(), error.hint().unwrap_or_default())
}

#[test]
fn the_smallest_file_gets_defaults() {
    let plan = plan("");
    let target = &plan.targets[0];
    assert_eq!(target.source, Source::Run(vec!["app".into()]));
    assert_eq!(target.ready.path, "/");
    assert_eq!(plan.pacing.rounds, 10);
    let folder = Path::new("project/.perfgate/baselines");
    assert_eq!(plan.baselines, Store::Folder(folder.to_owned()));
    let margin = target.cells[0].thresholds[&Metric::Throughput]
        .margin
        .clone();
    assert_eq!(margin.expect("a default").origin, RuleOrigin::Default);
}

fn ready(server: &str, endpoint: &str) -> Ready {
    let text = format!("{SERVER}{server}\n[endpoint.home]\n{endpoint}\n");
    read(&text).expect("valid").targets[0].ready.clone()
}

const POSTED: &str = "path = \"/rpc\"\nmethod = \"POST\"\nbody = \"{}\"\n\
                      headers = { Host = \"app.test\", A = \"1\" }\ntimeout = \"9s\"\n\
                      expect = { status = 201, json = { \"/ok\" = true } }";

#[test]
fn a_server_is_ready_when_the_first_endpoint_answers_as_expected() {
    for server in ["", "ready = { within = \"60s\" }"] {
        let ready = ready(server, POSTED);
        assert_eq!((&*ready.method, &*ready.path), ("POST", "/rpc"));
        assert_eq!(ready.body, b"{}");
        assert_eq!(ready.headers[0], ("Host".into(), "app.test".into()));
        assert_eq!((ready.status, ready.json.len()), (Some(201), 1));
        assert_eq!(ready.timeout, Duration::from_secs(9));
        assert_eq!(ready.within, Duration::from_secs(60));
    }
    let several = "path = \"/a\"\nrequests = [{ weight = 0 }, { path = \"/b\" }]";
    assert_eq!(ready("", several).path, "/b");
}

#[test]
fn a_path_of_readiness_is_read_with_the_fields_of_the_first_endpoint() {
    for own in ["path = \"/up\"", "method = \"GET\""] {
        let ready = ready(&format!("ready = {{ {own} }}"), POSTED);
        assert_eq!((&*ready.method, ready.status), ("GET", None));
        assert!(ready.body.is_empty() && ready.json.is_empty());
        assert_eq!(ready.headers[0], ("Host".into(), "app.test".into()));
    }
}

#[test]
fn readiness_may_differ_from_the_first_endpoint_in_every_part() {
    let ready = ready(
        "ready = { headers = { a = \"2\" }, body = \"x\", status = 401, within = \"3s\" }",
        POSTED,
    );
    assert_eq!((&*ready.method, &*ready.path), ("POST", "/rpc"));
    assert_eq!(ready.headers[1], ("a".into(), "2".into()));
    assert_eq!(ready.headers.len(), 2);
    assert_eq!((&*ready.body, ready.status), (&b"x"[..], Some(401)));
    assert!(ready.json.is_empty());
    assert_eq!(ready.within, Duration::from_secs(3));
    for (own, message) in [
        ("path = \"up\"", "`up` is not a request target"),
        ("method = \"GET /\"", "`GET /` is not a method"),
        ("status = 99", "`99` is not the status"),
        (
            "headers = { Content-Length = \"1\" }",
            "follows from the body",
        ),
    ] {
        let text = format!("{SERVER}ready = {{ {own} }}\n{ENDPOINT}");
        let (error, _) = explain(read(&text));
        assert!(error.contains("project/perfgate.toml:3:"), "{error}");
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn names_keep_the_order_of_the_file() {
    let plan = read(
        "[server.z]\nrun=[\"z\"]\n[server.a]\nrun=[\"a\"]\n[endpoint.y]\npath=\"/y\"\n[endpoint.b]\npath=\"/b\"\n",
    )
    .expect("valid");
    let servers: Vec<_> = plan
        .targets
        .iter()
        .map(|target| target.name.as_str())
        .collect();
    let endpoints: Vec<_> = plan.targets[0]
        .cells
        .iter()
        .map(|cell| cell.endpoint.as_str())
        .collect();
    assert_eq!((servers, endpoints), (vec!["z", "a"], vec!["y", "b"]));
}

#[test]
fn thresholds_inherit_value_by_value_and_name_their_line() {
    let plan = read(
        "[server.app]\nrun = [\"app\"]\nthresholds.latency_p50.max = \"50ms\"\n\
         [server.app.endpoint.home.thresholds]\nlatency_p50 = { max_increase = \"7%\" }\n\
         [endpoint.home]\npath = \"/\"\n[endpoint.other]\npath = \"/o\"\n\
         [thresholds]\nlatency_p50 = { max_increase = \"3%\", floor = \"1ms\" }\n",
    )
    .expect("valid");
    let [home, other] = plan.targets[0].cells.as_slice() else {
        panic!("two endpoints");
    };
    let home = &home.thresholds[&Metric::LatencyP50];
    let rule = home.margin.as_ref().expect("a margin");
    assert_eq!(rule.to_string(), "max_increase 7% (perfgate.toml:5)");
    assert!((rule.value - 0.07).abs() < 1e-12);
    assert_eq!(home.floor, Some(1000.0));
    assert_eq!(home.ceiling.as_ref().map(|rule| rule.value), Some(50_000.0));
    let other = &other.thresholds[&Metric::LatencyP50];
    assert_eq!(
        other.margin.as_ref().map(ToString::to_string).as_deref(),
        Some("max_increase 3% (perfgate.toml:11)")
    );
}

#[test]
fn the_budget_pays_for_rounds_after_the_warm_up() {
    let plan = plan("[load]\nbudget = \"9s\"\nwarmup = \"2s\"\nround = \"500ms\"\nrounds = 50\n");
    assert_eq!(
        (plan.pacing.rounds, plan.pacing.round),
        (14, Duration::from_millis(500))
    );
    let (error, hint) = refused("[load]\nbudget = \"6s\"\n");
    assert_eq!(
        error,
        "cannot use project/perfgate.toml:6:10: the budget pays for 1 rounds after a warm-up of 5s; \
         3 are needed"
    );
    assert!(hint.contains("shorten `warmup` or `round`"), "{hint}");
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one() {
    let (error, hint) = refused("[load]\nconections = 5\n");
    assert!(
        error.starts_with("cannot use project/perfgate.toml:6:1: unknown field `conections`"),
        "{error}"
    );
    assert!(error.contains("`connections`"), "{error}");
    assert_eq!(hint, "did you mean `connections`?");
}

#[test]
fn an_unknown_metric_is_refused_with_the_nearest_one() {
    let (error, hint) = refused("[thresholds]\nlatency_p5 = { max = \"5ms\" }\n");
    assert!(
        error.starts_with("cannot use project/perfgate.toml:6:1: unknown variant `latency_p5`"),
        "{error}"
    );
    assert_eq!(hint, "did you mean `latency_p50`?");
}

#[test]
fn an_ambiguous_increase_is_refused_with_its_two_readings() {
    let (error, hint) = refused("[thresholds]\nlatency_p50 = { max_increase = \"150%\" }\n");
    assert_eq!(
        error,
        "cannot use project/perfgate.toml:6:32: `150%` has more than one meaning"
    );
    assert_eq!(
        hint,
        "write \"+150%\" for \"150 % on top of the base\", \"+50%\" for \"up to 150 % of the base\""
    );
    let plan = plan("[thresholds]\nlatency_p50 = { max_increase = \"+150%\" }\n");
    let margin = plan.targets[0].cells[0].thresholds[&Metric::LatencyP50]
        .margin
        .clone();
    assert!((margin.expect("a margin").value - 1.5).abs() < 1e-12);
}

#[test]
fn every_mistake_names_its_place() {
    let cases = [
        (
            "[thresholds]\nthroughput = { max_increase = \"5%\" }\n",
            "6:31: `max_increase` has no sense for `throughput`: higher is better",
        ),
        (
            "[thresholds]\nthroughput = { max_decrease = \"100%\" }\n",
            "6:31: nothing can decrease by `100%`",
        ),
        (
            "[thresholds]\nlatency_p50 = { max = \"5MiB\" }\n",
            "6:23: `5MiB` does not fit `latency_p50.max`",
        ),
        (
            "[thresholds]\nlatency_p50 = { max = \"fast\" }\n",
            "6:23: `fast` is not a quantity",
        ),
        (
            "[thresholds]\nlatency_p90 = { floor = \"1ms\" }\n",
            "6:1: `latency_p90` has a floor and no relative rule that it belongs to",
        ),
        (
            "[thresholds]\nerror_rate = { max_increase = \"5%\" }\n",
            "6:31: error_rate has no relative rule",
        ),
        (
            "[load]\nround = \"5 parsecs\"\n",
            "6:9: `5 parsecs` is not a length of time",
        ),
        (
            "[thresholds]\nlatency_p50 = { max_increase = \"5%%%\" }\n",
            "6:32: `5%%%` is not a relative change",
        ),
        ("[load]\nconnections = 0\n", "6:15: `connections` is 0"),
        (
            "[baseline]\nstore = \"s3:bucket\"\n",
            "6:9: `s3:bucket` is not a baseline store",
        ),
        (
            "[redis]\n",
            "5:1: [redis] needs exactly one of `image`, `build`, `url`",
        ),
        (
            "[server.b]\nrun = [\"b\"]\nimage = \"b\"\n",
            "5:1: server `b` needs exactly one of `image`, `build`, `run`, `url`",
        ),
        ("[server.b]\nrun = []\n", "5:1: server `b` runs no program"),
        (
            "[endpoint.x]\npath = \"x y\"\n",
            "6:8: `x y` is not a request target",
        ),
        (
            "[endpoint.x]\npath = \"/\"\nheaders = { A = \"b\\r\\nc\" }\n",
            "7:17: `A` is not a header field",
        ),
        (
            "[endpoint.x]\npath = \"/\"\nexpect = { status = 99 }\n",
            "7:21: `99` is not the status of a final response",
        ),
        (
            "[server.app.endpoint.hom.thresholds]\n",
            "5:22: server `app` names an endpoint `hom` that is not there",
        ),
        ("[load\n", "5:6: "),
    ];
    are_refused(&cases);
}

/// Asserts that each of some files is refused at its place.
fn are_refused(cases: &[(&str, &str)]) {
    for (extra, expected) in cases {
        let (error, _) = refused(extra);
        let expected = format!("cannot use project/perfgate.toml:{expected}");
        assert!(
            error.starts_with(&expected),
            "for {extra:?}:\n  found    {error}\n  expected {expected}"
        );
    }
}

#[test]
fn a_service_that_runs_already_has_a_url() {
    for (service, url, is_good) in [
        ("postgres", "postgres://me:p%40ss@db.test:5432/app", true),
        (
            "postgres",
            "postgresql://db.test/app?connect_timeout=3",
            true,
        ),
        ("postgres", "postgres:///app?host=/run/postgresql", true),
        ("postgres", "postgres://a.test:1,b.test:2/app", true),
        (
            "postgres",
            "host=localhost dbname=app password=secret",
            false,
        ),
        ("postgres", "mysql://db.test/secret", false),
        ("postgres", "postgres://db.test:secret/app", false),
        ("postgres", "postgres://", false),
        ("postgres", "postgres:///app", false),
        ("postgres", "postgres://db.test/app?sslmode=require", false),
        ("postgres", "postgres://db.test/app?sslmode=prefer", true),
        ("redis", "redis://:secret@db.test:6379/0", true),
        ("redis", "unix:///run/redis.sock", true),
        ("redis", "rediss://db.test:6379/secret", false),
        ("redis", "db.test:6379#secret", false),
        ("redis", "redis://db.test:x/secret", false),
    ] {
        let text = format!("{SERVER}{ENDPOINT}[{service}]\nurl = \"{url}\"\n");
        let result = read(&text);
        assert_eq!(result.is_ok(), is_good, "{url}");
        if !is_good {
            let (error, hint) = explain(result);
            let said = format!(":6:7: `url` of [{service}] is not a URL of it");
            assert!(error.contains(&said), "{error}");
            assert!(hint.contains("://") && !hint.contains("(hidden)"), "{hint}");
            assert!(!error.contains("secret") && !hint.contains("secret"));
        }
    }
}

#[test]
fn a_file_without_servers_or_endpoints_says_what_to_add() {
    assert!(explain(read(ENDPOINT)).1.contains("[server.app]"));
    assert!(explain(read(SERVER)).1.contains("[endpoint.health]"));
}

#[test]
fn braces_that_are_not_placeholders_stay() {
    let plan = read(&format!(
        "{ENDPOINT}[server.app]\nrun = [\"app\", '{{\"json\": 1}}', \"{{port}}\"]\n"
    ));
    assert!(plan.is_ok());
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = super::load(Path::new("/nowhere/perfgate.toml")).expect_err("no such file");
    assert_eq!(error.to_string(), "cannot read `/nowhere/perfgate.toml`");
}

fn workload(endpoint: &str) -> Workload {
    let plan = read(&format!("{SERVER}[endpoint.home]\n{endpoint}")).expect("valid");
    plan.targets[0].cells[0].workload.clone()
}

fn refused_endpoint(endpoint: &str) -> (String, String) {
    explain(read(&format!("{SERVER}[endpoint.home]\n{endpoint}")))
}

#[test]
fn an_endpoint_may_send_anything_and_expect_anything() {
    let workload = workload(
        "path = \"/items\"\nmethod = \"POST\"\nbody = \"{}\"\nheaders = { Host = \"app.test\" }\n\
         connections = 7\nrate = \"200/s\"\ntimeout = \"5s\"\n\
         expect = { status = 201, json = { \"/items/0\" = { id = 7, ok = true } }, max_size_drift = \"10%\" }\n",
    );
    let [request] = workload.requests.as_slice() else {
        panic!("one request");
    };
    assert_eq!((&*request.method, &*request.body), ("POST", &b"{}"[..]));
    assert_eq!(request.headers, [("Host".into(), "app.test".into())]);
    assert_eq!(request.expect.status, 201);
    let value = serde_json::json!({"id": 7, "ok": true});
    assert_eq!(request.expect.json, [("/items/0".into(), value)]);
    assert_eq!(request.expect.max_size_drift, Some(0.1));
    assert_eq!(workload.connections, 7);
    assert_eq!(workload.timeout, Duration::from_secs(5));
    let rate = workload.rate.expect("an open loop");
    assert_eq!(rate.to_string(), "200/s");
}

#[test]
fn several_requests_inherit_from_their_endpoint() {
    let workload = workload(
        "path = \"/a\"\nheaders = { A = \"1\", B = \"2\" }\nexpect = { status = 201, contains = \"x\" }\n\
         requests = [\n  { weight = 3 },\n\
         { path = \"/b\", method = \"PUT\", body = \"y\", headers = { B = \"3\" }, expect = { status = 204 } },\n]\n",
    );
    let [a, b] = workload.requests.as_slice() else {
        panic!("two requests");
    };
    assert_eq!((&*a.path, a.weight, a.expect.status), ("/a", 3, 201));
    assert_eq!((&*b.path, b.weight, b.expect.status), ("/b", 1, 204));
    assert_eq!(b.expect.contains.as_deref(), Some("x"));
    assert_eq!(
        b.headers,
        [("A".into(), "1".into()), ("B".into(), "3".into())]
    );
}

#[test]
fn a_field_of_a_request_replaces_that_of_its_endpoint_in_whatever_case() {
    let workload = workload(
        "path = \"/\"\nheaders = { Host = \"a\" }\nrequests = [{ headers = { host = \"b\" } }]",
    );
    assert_eq!(workload.requests[0].headers, [("host".into(), "b".into())]);
}

#[test]
fn a_request_that_cannot_be_made_names_its_place() {
    for (endpoint, message, hint) in [
        ("", "the request has no path", "path = "),
        (
            "path = \"/\"\nmethod = \"GET /\"",
            "`GET /` is not a method",
            "POST",
        ),
        (
            "path = \"/\"\nbody = \"a\"\nbody_file = \"b\"",
            "both `body` and `body_file`",
            "leave",
        ),
        (
            "path = \"/\"\nbody_file = \"no-such-file\"",
            "no-such-file` cannot be read",
            "folder",
        ),
        (
            "path = \"/\"\nheaders = { Content-Length = \"1\" }",
            "follows from the body",
            "leave",
        ),
        (
            "path = \"/\"\nrate = \"0/s\"",
            "`0/s` is not a rate",
            "200/s",
        ),
        (
            "path = \"/\"\nexpect = { json = { items = 1 } }",
            "`items` is not a JSON pointer",
            "/items/0/id",
        ),
        (
            "path = \"/\"\nexpect = { json = { \"/a\" = 2020-01-01 } }",
            "JSON has no such value",
            "number",
        ),
        (
            "path = \"/\"\nrequests = [{ weight = 0 }]",
            "all requests weigh 0",
            "at least one",
        ),
    ] {
        let (error, help) = refused_endpoint(endpoint);
        assert!(error.contains("project/perfgate.toml:"), "{error}");
        assert!(error.contains(message), "{error}");
        assert!(help.contains(hint), "{help}");
    }
}

#[test]
fn a_server_may_speak_tls_and_http2() {
    let target = |server: &str| {
        let text = format!("[server.app]\n{server}\n{ENDPOINT}");
        read(&text).map(|plan| plan.targets[0].clone())
    };
    let run =
        target("run = [\"app\"]\nhttp2 = true\ntls = { ca = \"ca.pem\", name = \"app.test\" }");
    let transport = run.expect("valid").transport;
    assert!(transport.http2);
    let tls = transport.tls.expect("TLS");
    assert_eq!(tls.name.as_deref(), Some("app.test"));
    assert_eq!(tls.trust, Trust::File("project/ca.pem".into()));
    let origin = |server: &str| match target(server).expect("valid").source {
        Source::Url(origin) => origin,
        other => panic!("{other:?}"),
    };
    let secure = origin("url = \"https://app.test\"\ntls = { insecure = true }");
    assert_eq!(secure.address, Address::Tcp("app.test".into(), 443));
    assert_eq!(secure.transport.tls.expect("TLS").trust, Trust::Anyone);
    let trusting = origin("url = \"https://app.test\"").transport.tls;
    assert_eq!(trusting, Some(Tls::default()));
    let local = origin("url = \"unix:/run/app.sock\"");
    assert_eq!(local.address, Address::Unix("/run/app.sock".into()));
    for (server, message) in [
        ("url = \"http://app.test\"\ntls = {}", "is not the URL"),
        ("url = \"http://app.test/path\"", "is not the URL"),
        ("url = \"ftp://app.test\"", "is not the URL"),
        (
            "run = [\"a\"]\ntls = { ca = \"a\", insecure = true }",
            "both `ca` and `insecure`",
        ),
    ] {
        let error = target(server).expect_err("refused").to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn a_store_is_a_folder_a_branch_or_a_bucket() {
    let store = |text: &str| plan(&format!("[baseline]\nstore = \"{text}\"\n")).baselines;
    assert_eq!(store("dir:kept"), Store::Folder("project/kept".into()));
    let branch = |remote: &str, branch: &str| Store::Branch {
        clone: "project".into(),
        remote: remote.into(),
        branch: branch.into(),
    };
    assert_eq!(store("git:perf/base"), branch("origin", "perf/base"));
    assert_eq!(store("git:up#b"), branch("up", "b"));
    assert_eq!(
        store("git:https://example.org/a.git#b"),
        branch("https://example.org/a.git", "b")
    );
    let bucket = |name: &str, prefix: &str| Store::Bucket {
        bucket: Bucket {
            name: name.into(),
            prefix: prefix.into(),
        },
        origin: "perfgate.toml:6".into(),
    };
    for (text, name, prefix) in [
        ("s3://runs", "runs", ""),
        ("s3://runs/", "runs", ""),
        (
            "s3://perf.runs-1/shop/Main_2/",
            "perf.runs-1",
            "shop/Main_2",
        ),
    ] {
        let found = store(text);
        assert_eq!(found, bucket(name, prefix));
        let Store::Bucket { bucket, .. } = found else {
            unreachable!()
        };
        assert_eq!(bucket.to_string(), text.trim_end_matches('/'));
    }
    for (text, why) in [
        ("kept", "none of `dir:`, `git:` and `s3://`"),
        ("dir:", "the folder is missing"),
        ("git:", "no name of a branch"),
        ("git:a b", "no name of a branch"),
        ("git:a..b", "no name of a branch"),
        ("git:-f", "no name of a branch"),
        ("git:--upload-pack=x#b", "the remote is missing"),
        ("s3:runs", "lacks `//`"),
        ("s3://", "the bucket is missing"),
        ("s3:///shop", "the bucket is missing"),
        ("s3://Runs", "no name of a bucket"),
        ("s3://ab", "no name of a bucket"),
        ("s3://-runs", "no name of a bucket"),
        ("s3://runs.", "no name of a bucket"),
        ("s3://a..b", "no name of a bucket"),
        ("s3://runs:9000/shop", "no name of a bucket"),
        ("s3://runs?region=eu", "no query"),
        ("s3://runs/shop#main", "no fragment"),
        ("s3://key:word@runs", "credentials are no part of it"),
        ("s3://runs//shop", "each part of its prefix"),
        ("s3://runs/../shop", "each part of its prefix"),
        ("s3://runs/a b", "each part of its prefix"),
        ("s3://runs/a%2fb", "each part of its prefix"),
    ] {
        let (error, hint) = refused(&format!("[baseline]\nstore = \"{text}\"\n"));
        assert!(
            error.contains("perfgate.toml:6:") && error.contains(why),
            "{error}"
        );
        assert!(hint.contains("git:BRANCH"), "{hint}");
    }
}

const ACCEPT: &str = "[[accept]]\nserver = \"app\"\nendpoint = \"home\"\n\
    metric = \"latency_p50\"\nreason = \"the new index\"\nuntil = 2027-01-31\n";

#[test]
fn what_is_accepted_has_a_reason_and_an_end() {
    let accepted = plan(ACCEPT).accepted;
    assert_eq!(accepted[0].metric, Metric::LatencyP50);
    assert_eq!(accepted[0].until, jiff::civil::date(2027, 1, 31));
    assert_eq!(
        plan(&ACCEPT.replace("2027-01-31", "\"2027-01-31\"")).accepted,
        accepted
    );
    for (from, to, line, message, hint) in [
        (
            "\"app\"",
            "\"ap\"",
            6,
            "no server `ap`",
            "did you mean `app`?",
        ),
        ("\"home\"", "\"x\"", 7, "no endpoint `x`", "known: home"),
        ("the new index", " ", 9, "`reason` is empty", "say why"),
        (
            "2027-01-31",
            "\"soon\"",
            10,
            "`soon` is not a day",
            "2027-01-31",
        ),
    ] {
        let (error, said) = refused(&ACCEPT.replace(from, to));
        assert!(error.contains(&format!("perfgate.toml:{line}:")), "{error}");
        assert!(
            error.contains(message) && said.contains(hint),
            "{error} {said}"
        );
    }
}

const REFERENCE: &str = "[server.fixed]\nimage = \"fixed:1\"\n\
                         [reference]\nserver = \"fixed\"\npath = \"/work\"\n";

#[test]
fn the_reference_is_not_measured_itself_and_lends_the_rule_for_cpu_time() {
    let plan = plan(&format!(
        "[thresholds]\ncpu_per_request = {{ max_increase = \"3%\" }}\n{REFERENCE}"
    ));
    assert_eq!(plan.targets.len(), 1);
    let reference = plan.reference.expect("a reference");
    assert_eq!(reference.name, "fixed");
    assert_eq!(reference.cells[0].workload.requests[0].path, "/work");
    let rule = &plan.targets[0].cells[0].thresholds[&Metric::RelativeCpu];
    let margin = rule.margin.as_ref().expect("a margin");
    assert!((margin.value - 0.03).abs() < 1e-12);
    let without = self::plan("");
    let rules = &without.targets[0].cells[0].thresholds;
    assert!(!rules.contains_key(&Metric::RelativeCpu));
}

#[test]
fn the_reference_is_ready_when_it_answers_what_it_is_asked() {
    let ready = |text: &str| plan(text).reference.expect("a reference").ready;
    let of_itself = ready(REFERENCE);
    assert_eq!((&*of_itself.path, of_itself.status), ("/work", Some(200)));
    let own = REFERENCE.replace("\"fixed:1\"", "\"fixed:1\"\nready = { path = \"/up\" }");
    assert_eq!((&*ready(&own).path, ready(&own).status), ("/up", None));
}

#[test]
fn a_reference_that_cannot_be_one_is_refused() {
    let (error, hint) = refused("[reference]\nserver = \"fixed\"\npath = \"/\"\n");
    assert!(error.contains("the file has no [server.fixed]"), "{error}");
    assert!(hint.contains("add it: [server.fixed]"), "{hint}");
    let running = REFERENCE.replace("image = \"fixed:1\"", "url = \"http://127.0.0.1:1\"");
    let (error, _) = refused(&running);
    assert!(error.contains("no CPU time can be read"), "{error}");
    let (error, _) = refused("[reference]\nserver = \"app\"\npath = \"/\"\n");
    assert!(error.contains("is the only server"), "{error}");
}

#[test]
fn data_grow_by_rows_or_by_a_command() {
    let growth = |text: &str| plan(text).targets[0].growth.clone().expect("growth");
    let postgres = "[postgres]\nimage = \"postgres:16\"\n";
    let rows = growth(&format!(
        "{postgres}[growth]\nrows = {{ movie = [10, 40], \"shop.tag\" = [5, 6] }}\n"
    ));
    assert_eq!(rows.describe(), "movie 10, 40; shop.tag 5, 6 rows");
    let command = growth("[growth]\ncommand = [\"seed\", \"{scale}\"]\nsizes = [10, 40]\n");
    assert_eq!(command.describe(), "`seed {scale}` with a scale of 10, 40");
    assert!(plan("").targets[0].growth.is_none());
}

#[test]
fn growth_that_cannot_be_is_refused_with_what_to_write() {
    let postgres = "[postgres]\nimage = \"postgres:16\"\n";
    for (growth, message, hint) in [
        ("", "one of `rows` and `command`", "rows = {"),
        (
            "rows = { movie = [1, 2] }\ncommand = [\"seed\", \"{scale}\"]\nsizes = [1, 2]",
            "one of `rows` and `command`",
            "rows = {",
        ),
        ("rows = { movie = [10] }", "not two sizes", "[1000, 4000"),
        ("rows = { movie = [0, 10] }", "not two sizes", "[1000, 4000"),
        (
            "rows = { movie = [10, 10] }",
            "not two sizes",
            "[1000, 4000",
        ),
        (
            "rows = { a = [1, 2], b = [1, 2, 3] }",
            "`b` has other sizes",
            "2 sizes",
        ),
        (
            "rows = { a = [1, 2] }\nsizes = [1, 2]",
            "those of a `command`",
            "into `rows`",
        ),
        (
            "command = [\"seed\", \"{scale}\"]",
            "has no sizes",
            "add sizes",
        ),
        (
            "command = [\"seed\"]\nsizes = [1, 2]",
            "does not say {scale}",
            "how much data",
        ),
    ] {
        let (error, said) = refused(&format!("{postgres}[growth]\n{growth}\n"));
        assert!(error.contains(message), "{growth}: {error}");
        assert!(said.contains(hint), "{growth}: {said}");
    }
    let (error, hint) = refused("[growth]\nrows = { movie = [1, 2] }\n");
    assert!(error.contains("has no [postgres]"), "{error}");
    assert!(hint.contains("`command`"), "{hint}");
}
