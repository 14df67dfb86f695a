//! What goes wrong in front of perfgate, behind it and in what it is given: each fault with its
//! exit code and the words that name who failed, and nothing left behind. docs/robustness.md
//! lists them.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::clock::{clock, jump, with_clock};
use crate::interrupt::labelled;
use crate::support::{Run, Running, Sandbox, eventually, finding, require};
use crate::wire::{Client, Deed, READY, Wire};
use crate::{AT_LENGTH, at_length, healthy, sample};

const ROUNDS: &str = r#"
[load]
connections = 2
timeout     = "300ms"
round       = "200ms"
rounds      = 2
warmup      = "100ms"
"#;

// Servers that answer wrongly

/// A server that runs already, with a wrong answer to everything but the path of readiness.
fn before(wire: &Wire) -> Sandbox {
    let server = format!(
        "[server.app]\nurl = \"http://{}\"\nready = {{ path = \"{READY}\", within = \"5s\" }}\n",
        wire.address()
    );
    let config = format!("{server}[endpoint.home]\npath = \"/\"\n{ROUNDS}");
    Sandbox::new().without_docker().config(&config)
}

/// Every single request fails by this kind: nothing is loaded, and the error says what came instead.
#[track_caller]
fn fails_by(kind: &str, deed: Deed) {
    let wire = Wire::start(deed);
    before(&wire)
        .run(["check", "--json", "out.json", "--save", "m.json"])
        .exits(4)
        .complains("`home` of `app` answers none of 20 single requests as expected: ")
        .complains(&format!("20 {kind}"));
}

#[test]
fn a_server_hangs_without_answering() {
    fails_by("timeout", Client::wait);
}

#[test]
fn a_server_answers_garbage() {
    fails_by("unparsable", |client| {
        client.send("\u{1b}[2J\0garbage, not HTTP\r\n\r\n")?;
        client.wait()
    });
}

#[test]
fn a_server_answers_one_byte_per_second() {
    fails_by("timeout", |client| {
        client.send("H")?;
        client.send_forever("T", Duration::from_secs(1))
    });
}

#[test]
fn a_server_sends_an_endless_body() {
    fails_by("timeout", |client| {
        let length = u64::MAX / 2;
        client.send(&format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"
        ))?;
        client.send_forever("more of it", Duration::ZERO)
    });
}

#[test]
fn a_server_sends_a_body_of_endless_chunks() {
    fails_by("timeout", |client| {
        client.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        client.send_forever("5\r\nhello\r\n", Duration::ZERO)
    });
}

#[test]
fn a_server_sends_endless_headers() {
    fails_by("unparsable", |client| {
        client.send("HTTP/1.1 200 OK\r\n")?;
        client.send_forever("x-more: and more\r\n", Duration::ZERO)
    });
}

#[test]
fn a_server_sends_a_header_without_end() {
    fails_by("unparsable", |client| {
        client.send("HTTP/1.1 200 OK\r\nx-long: ")?;
        let part = "x".repeat(64 * 1024);
        client.send_forever(&part, Duration::ZERO)
    });
}

#[test]
fn a_server_sends_interim_answers_for_ever() {
    fails_by("timeout", |client| {
        client.send_forever("HTTP/1.1 100 Continue\r\n\r\n", Duration::from_millis(1))
    });
}

#[test]
fn a_server_closes_without_an_answer() {
    fails_by("closed", Client::close);
}

#[test]
fn a_server_closes_within_the_head() {
    fails_by("closed_in_head", |client| {
        client.send("HTTP/1.1 200 OK\r\ncontent-le")?;
        client.close()
    });
}

#[test]
fn a_server_closes_within_the_body() {
    fails_by("closed_in_body", |client| {
        client.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort")?;
        client.close()
    });
}

#[test]
fn a_server_names_two_lengths() {
    fails_by("unparsable", |client| {
        client.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok")?;
        client.wait()
    });
}

#[test]
fn a_server_names_a_length_that_is_no_number() {
    fails_by("unparsable", |client| {
        client.send("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nok")?;
        client.wait()
    });
}

#[test]
fn a_server_names_a_chunk_larger_than_all_memory() {
    fails_by("timeout", |client| {
        client.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffff\r\n")?;
        client.wait()
    });
}

#[test]
fn a_server_is_out_of_order() {
    fails_by("unexpected_status", |client| {
        client.send("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n")
    });
}

#[test]
fn a_server_closes_after_every_answer() {
    let wire = Wire::start(|client| {
        client.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")?;
        client.close()
    });
    let sandbox = before(&wire);
    sandbox.run(["check", "--json", "out.json"]).exits(0);
    let report = sandbox.json("out.json");
    let errors = finding(&report, "app", "home", "error_rate");
    assert_eq!(errors["verdict"], "pass", "{errors}");
}

#[test]
fn a_server_is_never_ready_because_its_answer_has_no_end() {
    let wire = Wire::start(|client| {
        client.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        client.send_forever(
            &format!("10000\r\n{}\r\n", "x".repeat(0x10000)),
            Duration::ZERO,
        )
    });
    let text = before(&wire).read("perfgate.toml");
    let text = text.replace(
        &format!("\"{READY}\", within = \"5s\""),
        "\"/\", within = \"1s\"",
    );
    let sandbox = Sandbox::new().without_docker().config(&text);
    let run = sandbox.run(["check"]).exits(4);
    run.complains("cannot start `app`: waited 1s for http")
        .complains("length limit exceeded");
}

#[test]
fn nobody_listens_where_the_server_should_be() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address");
    drop(free);
    let config = format!(
        "[server.app]\nurl = \"http://{address}\"\nready = {{ path = \"/\", within = \"300ms\" }}\n\
         [endpoint.home]\npath = \"/\"\n"
    );
    let sandbox = Sandbox::new().without_docker().config(&config);
    let run = sandbox.run(["check"]).exits(4);
    run.complains("cannot start `app`: waited 300ms for http://127.0.0.1:");
}

// Processes that perfgate starts

/// A configuration whose server is a shell script, and more of it.
fn script(script: &str, more: &str) -> Sandbox {
    let config = format!(
        "{more}\n[server.app]\nrun = [\"sh\", \"app.sh\", \"{{sample}}\", \"{{host}}:{{port}}\"]\n\
         ready = {{ path = \"/api/django-starter/monitoring/health\", within = \"20s\" }}\n\
         [endpoint.home]\npath = \"/api/django-starter/monitoring/health\"\n{ROUNDS}"
    );
    Sandbox::new()
        .without_docker()
        .config(&config)
        .file("app.sh", script)
}

/// A run that is watched for what it leaves.
#[track_caller]
fn leaves_nothing(sandbox: &Sandbox, words: &[&str]) -> Run {
    let running = sandbox.start(words.iter().copied());
    let pid = running.pid();
    let run = running.end();
    assert_eq!(labelled(pid), 0, "processes are left");
    run
}

#[test]
fn a_program_is_not_there() {
    let config = "[server.app]\nrun = [\"./no-such-program\"]\n[endpoint.home]\npath = \"/\"\n";
    let sandbox = Sandbox::new().without_docker().config(config);
    let run = leaves_nothing(&sandbox, &["check"]).exits(4);
    run.complains("cannot run `./no-such-program`");
}

#[test]
fn a_port_is_taken() {
    // Two servers are to listen on one port.
    let sandbox = script("exec \"$1\" --listen 127.0.0.1:\"$TAKEN\"", "");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let sandbox = sandbox.env("TAKEN", &port);
    let run = leaves_nothing(&sandbox, &["check"]).exits(4);
    run.complains("cannot start `app`: it ended with exit status: 1")
        .complains("| error: cannot listen on");
}

/// Serves for a while, then kills itself.
const DYING: &str = "\"$1\" --listen \"$2\" & sleep 2; echo the last words; kill -9 $!; exit 7";

#[test]
fn a_server_dies_in_a_round_and_the_other_is_measured() {
    let other = "[server.other]\nrun = [\"{sample}\", \"--listen\", \"{host}:{port}\"]\n\
                 ready = { path = \"/api/django-starter/monitoring/health\", within = \"20s\" }\n";
    let sandbox = script(DYING, other);
    let config = sandbox
        .read("perfgate.toml")
        .replace("rounds      = 2", "rounds      = 15")
        + "[thresholds]\n"
        + AT_LENGTH;
    let sandbox = sandbox.config(&config);
    let run = leaves_nothing(&sandbox, &["check", "--json", "out.json"]).exits(4);
    let run = run.prints("NOT MEASURED: app").prints("| the last words");
    let report = sandbox.json("out.json");
    assert_eq!(report["incidents"][0]["server"], "app", "{}", run.stdout);
    let measured = finding(&report, "other", "home", "throughput");
    assert!(measured["head"].as_f64().is_some_and(|value| value > 0.0));
}

#[test]
fn a_server_speaks_to_the_terminal_and_to_the_runner_of_a_workflow() {
    let words = "printf '\\033]0;title\\007\\033[2J\\n::error::forged\\n  ::add-mask::x\\r::debug::y\\n\\302\\2332J\\n'; exit 3";
    let run = leaves_nothing(&script(words, ""), &["check"]).exits(4);
    for text in [&run.stdout, &run.stderr] {
        let obeyed = |letter: char| letter.is_control() && letter != '\n';
        assert!(!text.contains(obeyed), "{text:?}");
        let command = |line: &str| line.trim_start().starts_with("::");
        assert!(!text.lines().any(command), "{text}");
    }
    run.complains("| ::error::forged");
}

#[test]
fn a_server_leaves_children_of_its_own_session() {
    let sandbox = script(
        "setsid sleep 300 & setsid setsid sleep 301 & exec \"$1\" --listen \"$2\"",
        "",
    );
    leaves_nothing(&sandbox, &["check"]).exits(0);
}

#[test]
fn a_prepare_command_hangs() {
    let more = "prepare = [[\"sh\", \"-c\", \"echo waiting for nobody; sleep 300\"]]\n\
                [deadlines]\nprepare = \"500ms\"\n";
    let run = leaves_nothing(&script("exit 0", more), &["check"]).exits(4);
    run.complains("waiting for nobody")
        .complains("of `prepare` did not end within 500ms")
        .complains("[deadlines]");
}

#[test]
fn a_prepare_command_fails() {
    let more = "prepare = [[\"sh\", \"-c\", \"echo no space; exit 9\"]]\n";
    let run = leaves_nothing(&script("exit 0", more), &["check"]).exits(4);
    run.complains("| no space")
        .complains("of `prepare` ended with exit status: 9");
}

#[test]
fn a_setup_command_hangs() {
    let sandbox = script(
        "exec \"$1\" --listen \"$2\"",
        "[deadlines]\nsetup = \"500ms\"\n",
    );
    let config = sandbox.read("perfgate.toml").replace(
        "[endpoint.home]",
        "setup = [[\"sh\", \"-c\", \"echo migrating; sleep 300\"]]\n[endpoint.home]",
    );
    let run = leaves_nothing(&sandbox.config(&config), &["check"]).exits(4);
    run.complains("| migrating")
        .complains("of `app` did not end within 500ms");
}

// The run itself is ended

/// Two servers, the second of which takes long.
fn two() -> Sandbox {
    let text = sample("0", "0", "0");
    let (server, rest) = text.split_once("\n[endpoint").expect("an endpoint");
    let second = server.replace("[server.sample]", "[server.second]");
    let config = format!("{server}\n{second}\n[endpoint{rest}");
    let config = config.replace("rounds      = 3", "rounds      = 8") + AT_LENGTH;
    Sandbox::new().without_docker().config(&config)
}

/// What was measured before something ended the run is in its files, marked, and judged as far as
/// it was measured to its end.
#[track_caller]
fn is_partial(sandbox: &Sandbox, reason: &str, code: i32) {
    let report = sandbox.json("out.json");
    assert_eq!(report["exit_code"], code);
    assert_eq!(report["outcome"], "inconclusive");
    let partial = &report["provenance"]["partial"];
    let why = partial["reason"].as_str().expect("a reason");
    assert!(why.contains(reason), "{why}");
    let measured = finding(&report, "sample", "health", "throughput");
    assert!(measured["head"].as_f64().is_some_and(|value| value > 0.0));
    assert_eq!(partial["unfinished"][0]["server"], "second", "{partial}");
    assert_eq!(partial["unfinished"].as_array().map(Vec::len), Some(1));
    let kept = sandbox.json("m.json");
    assert_eq!(kept["provenance"]["partial"], *partial);
    assert_eq!(
        kept["samples"][0]["starts"][0]["rounds"]
            .as_array()
            .map(Vec::len),
        Some(8)
    );
}

const CHECK: [&str; 5] = ["check", "--json", "out.json", "--save", "m.json"];

#[test]
fn an_interrupt_keeps_what_was_measured() {
    for signal in ["INT", "TERM", "HUP"] {
        let sandbox = two();
        let mut running = sandbox.start(CHECK);
        let pid = running.pid();
        running.until("second: health, round 1 of ");
        running.signal(signal);
        let run = running.end().exits(130);
        run.prints("PARTIAL (interrupted)")
            .complains("error: interrupted");
        is_partial(&sandbox, "interrupted", 130);
        assert_eq!(labelled(pid), 0);
    }
}

#[test]
fn the_deadline_of_the_whole_run_keeps_what_was_measured() {
    // The first server is measured within the time, the second starts too slowly for it.
    let text = two().read("perfgate.toml");
    let (first, second) = text.split_once("[server.second]").expect("a second");
    let slow = second.replacen("run   = [", "run   = [\"sh\", \"-c\", \"sleep 300\", ", 1);
    let config = format!("{first}[server.second]{}", slow.replacen("20s", "200s", 1));
    let sandbox = Sandbox::new().without_docker().config(&config);
    let words = [CHECK.as_slice(), &["--timeout", "25s"]].concat();
    let run = leaves_nothing(&sandbox, &words).exits(4);
    run.prints("PARTIAL (gave up after 25s")
        .complains("the time that `--timeout` gave");
    is_partial(&sandbox, "gave up after 25s", 4);
}

#[test]
fn a_deadline_before_anything_was_measured_is_an_error() {
    let sandbox = script("sleep 300", "");
    let words = ["check", "--timeout", "500ms", "--json", "out.json"];
    let run = leaves_nothing(&sandbox, &words).exits(4);
    run.complains("gave up after 500ms");
    assert!(!sandbox.path("out.json").exists());
}

#[test]
fn a_measurement_that_was_cut_short_is_no_baseline() {
    let sandbox = two();
    let mut running = sandbox.start(["baseline", "refresh"]);
    running.until("second: health, round 1 of ");
    running.signal("INT");
    let run = running.end().exits(130);
    run.prints("sample health: stored");
    assert!(sandbox.path(".perfgate/baselines/sample/health").is_dir());
    assert!(!sandbox.path(".perfgate/baselines/second").exists());
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let sandbox = healthy().config(&at_length(400));
    let mut running = sandbox.start(["check"]);
    let pid = running.pid();
    running.until("round 1 of ");
    running.signal("INT");
    running.signal("INT");
    running.end().exits(130);
    sandbox.run(["cleanup"]).exits(0);
    eventually("nothing is left", Duration::from_secs(5), || {
        labelled(pid) == 0
    });
}

#[test]
fn a_hangup_is_ignored_where_it_was_asked_to_be() {
    let sandbox = healthy();
    let mut command = Command::new("nohup");
    command
        .arg(env!("CARGO_BIN_EXE_perfgate"))
        .args(["check", "--json", "out.json"])
        .current_dir(sandbox.path(""))
        .env("CI", "true")
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().expect("nohup starts");
    std::thread::sleep(Duration::from_millis(700));
    let sent = Command::new("kill")
        .args(["-s", "HUP", &child.id().to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(0));
    assert_eq!(sandbox.json("out.json")["exit_code"], 0);
}

#[test]
fn two_runs_at_once_leave_each_other_alone() {
    let (one, other) = (two(), two());
    let first = one.start(CHECK);
    let second = other.start(CHECK);
    let pids = [first.pid(), second.pid()];
    first.end().exits(0);
    second.end().exits(0);
    assert_eq!(pids.map(labelled), [0, 0]);
}

// The machine and its network

const DAY: i64 = 24 * 60 * 60;

/// A time as the JSON of a duration has it.
fn seconds(time: &serde_json::Value) -> f64 {
    let part = |name: &str| time[name].as_f64().expect("a number");
    part("secs") + part("nanos") / 1e9
}

#[test]
fn the_clock_jumps_in_a_round() {
    for by in [DAY, -DAY] {
        // The second server fails requests, which is a regression on any day.
        let config = two().read("perfgate.toml");
        let (first, second) = config.split_once("[server.second]").expect("a second");
        let second = second.replacen("ERROR_RATE = \"0\"", "ERROR_RATE = \"0.2\"", 1);
        let config = format!("{first}[server.second]{second}");
        let sandbox = with_clock(Sandbox::new().without_docker().config(&config), by);
        let (begin, started) = (Instant::now(), Timestamp::now());
        let words = [CHECK.as_slice(), &["--timeout", "100s"]].concat();
        let mut running = sandbox.start(words);
        let pid = running.pid();
        running.until("sample: health, round 1 of ");
        let jumped = Timestamp::now();
        jump(&sandbox);
        let off = clock(&sandbox).duration_since(Timestamp::now());
        assert!((off.as_secs() - by).abs() < 60, "the clock is off by {off}");
        running.until("second: health, round 1 of ");
        running.end().exits(1).prints("FAILED: 1 of ");
        assert_eq!(labelled(pid), 0);

        let report = sandbox.json("out.json");
        let verdict = |server| finding(&report, server, "health", "error_rate")["verdict"].clone();
        assert_eq!(
            [verdict("sample"), verdict("second")],
            ["pass", "regression"]
        );
        let provenance = &report["provenance"];
        let date: Timestamp = provenance["started"]
            .as_str()
            .and_then(|text| text.parse().ok())
            .expect("a time");
        assert!(started <= date && date <= jumped, "{date}");
        let whole = provenance["seconds"].as_f64().expect("a number");
        assert!(0.0 < whole && whole <= begin.elapsed().as_secs_f64());
        let measurement = sandbox.json("m.json");
        for sample in measurement["samples"].as_array().expect("samples") {
            let start = &sample["starts"][0];
            let startup = seconds(&start["startup"]);
            assert!(0.0 < startup && startup < whole, "{startup}");
            let rounds = start["rounds"].as_array().expect("rounds");
            let windows = rounds.iter().map(|it| seconds(&it["tally"]["window"]));
            // Slow answers make rounds longer and fewer; a day is not among what they take.
            let is_usual = |it: f64| (0.3..10.0).contains(&it);
            assert!(
                windows.len() > 0 && windows.clone().all(is_usual),
                "{windows:?}"
            );
        }
    }
}

#[test]
fn the_clock_jumps_before_a_deadline() {
    for by in [DAY, -DAY] {
        let config = at_length(400);
        let sandbox = with_clock(healthy().config(&config), by);
        let mut running = sandbox.start(["check", "--timeout", "10s", "--json", "out.json"]);
        let pid = running.pid();
        running.until("round 1 of ");
        jump(&sandbox);
        let run = running.end().exits(4);
        run.prints("PARTIAL (gave up after 10s");
        let report = sandbox.json("out.json");
        let whole = report["provenance"]["seconds"].as_f64().expect("a number");
        assert!((9.0..60.0).contains(&whole), "{whole}");
        assert_eq!(labelled(pid), 0);
    }
}

/// Starts perfgate in a network of its own, once a command of the shell has been run there.
fn in_network(sandbox: &Sandbox, command: &str, words: &[&str]) -> Running {
    let script = format!("ip link set lo up && {command} && exec \"$@\"");
    let perfgate = env!("CARGO_BIN_EXE_perfgate");
    let program = ["unshare", "--net", "sh", "-c", &script, "sh", perfgate];
    sandbox.start_by(&program, words.iter().copied())
}

/// One packet in twenty.
const LOSS: &str = "nft 'table inet loss { chain in { \
    type filter hook input priority 0; numgen random mod 100 < 5 drop; }; }'";

#[test]
#[ignore = "needs root, iproute2 and nftables"]
fn the_network_loses_packets() {
    require(&["ip", "nft"]);
    let sandbox = healthy();
    let note = "TCP segments that were lost and sent again, worst round: sample health";
    let stored = ["baseline", "refresh", "--runs", "5"];
    in_network(&sandbox, "true", &stored).end().exits(0);
    let run = in_network(&sandbox, "true", &["check"]).end().exits(0);
    assert!(!run.stdout.contains(note), "{}", run.stdout);

    let running = in_network(&sandbox, LOSS, &CHECK);
    let pid = running.pid();
    // What is slower is judged as it was measured; why it is, is reported.
    running.end().exits(1).prints(note);
    assert_eq!(labelled(pid), 0);
    let report = sandbox.json("out.json");
    let of = |metric| finding(&report, "sample", "health", metric);
    assert_eq!(of("throughput")["verdict"], "regression");
    // What was lost is sent again after 0.2 s.
    let slowest = of("latency_p99")["head"].as_f64().expect("microseconds");
    assert!(slowest > 100_000.0, "{slowest}");
    let measurement = sandbox.json("m.json");
    let rounds = measurement["samples"][0]["starts"][0]["rounds"].as_array();
    for round in rounds.expect("rounds") {
        let (tally, machine) = (&round["tally"], &round["machine"]);
        let errors = tally["errors"].as_object().expect("kinds");
        let late = |kind: &String| ["timeout", "connect_timeout"].contains(&kind.as_str());
        assert!(errors.keys().all(late), "{errors:?}");
        assert!(tally["succeeded"].as_u64() > Some(0), "{tally}");
        let lost = machine["lost"].as_f64().expect("a share");
        assert!((0.002..0.5).contains(&lost), "{lost}");
    }
}

// Where results go

#[test]
fn the_reader_of_the_report_has_gone() {
    let sandbox = healthy();
    let perfgate = env!("CARGO_BIN_EXE_perfgate");
    sandbox.run(["check", "--json", "out.json"]).exits(0);
    let script = format!("{perfgate} report out.json 2>err.txt | true; echo ${{PIPESTATUS[0]}}");
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(sandbox.path(""))
        .output()
        .expect("bash runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0\n");
    assert_eq!(sandbox.read("err.txt"), "");
}

#[test]
fn the_disk_is_full_where_the_report_goes() {
    let sandbox = healthy();
    let run = leaves_nothing(&sandbox, &["check", "--json", "/dev/full"]).exits(4);
    run.complains("cannot write `/dev/full`: No space left on device");
}

#[test]
fn the_disk_is_full_where_standard_output_goes() {
    let sandbox = healthy();
    let words = ["report", "out.json"];
    sandbox.run(["check", "--json", "out.json"]).exits(0);
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    let output = Command::new(env!("CARGO_BIN_EXE_perfgate"))
        .args(words)
        .current_dir(sandbox.path(""))
        .stdout(full.expect("a full disk"))
        .output()
        .expect("perfgate runs");
    assert_eq!(output.status.code(), Some(4));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        stderr.contains("cannot write to the standard output"),
        "{stderr}"
    );
}

#[test]
fn a_folder_stands_where_the_report_goes() {
    let sandbox = healthy().file("out.json/note.txt", "kept");
    let run = leaves_nothing(&sandbox, &["check", "--json", "out.json"]).exits(4);
    run.complains("cannot write `out.json`");
    assert_eq!(sandbox.read("out.json/note.txt"), "kept");
}

// Documents that are not what they should be

/// A sandbox with one stored baseline, and its path.
fn stored() -> (Sandbox, std::path::PathBuf) {
    let sandbox = healthy();
    sandbox.run(["baseline", "refresh"]).exits(0);
    let folder = sandbox.path(".perfgate/baselines/sample/health");
    let mut files = fs::read_dir(folder).expect("stored").flatten();
    let path = files.next().expect("a document").path();
    (sandbox, path)
}

#[track_caller]
fn refuses(sandbox: &Sandbox, path: &std::path::Path, why: &str) {
    let begin = Instant::now();
    let name = path.file_name().expect("a name").to_string_lossy();
    let run = sandbox.run(["check", "--require-baseline"]).exits(4);
    run.complains(&name).complains(why);
    assert!(
        begin.elapsed() < Duration::from_secs(20),
        "nothing was measured"
    );
}

#[test]
fn a_baseline_is_truncated() {
    let (sandbox, path) = stored();
    let text = fs::read_to_string(&path).expect("read");
    fs::write(&path, &text[..text.len() / 2]).expect("written");
    refuses(&sandbox, &path, "it is damaged or something else");
}

#[test]
fn a_baseline_is_of_a_later_version() {
    let (sandbox, path) = stored();
    let text = fs::read_to_string(&path).expect("read");
    fs::write(&path, text.replace("\"schema\": 1", "\"schema\": 99")).expect("written");
    refuses(
        &sandbox,
        &path,
        "its schema is 99 and this version reads up to",
    );
}

#[test]
fn a_baseline_is_enormous() {
    let (sandbox, path) = stored();
    let file = fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("opened");
    file.set_len(1 << 40).expect("a file of holes");
    refuses(&sandbox, &path, "it is larger than 256 MiB");
}

#[test]
fn a_baseline_is_a_symbolic_link() {
    let (sandbox, path) = stored();
    let elsewhere = sandbox.path("elsewhere.json");
    fs::rename(&path, &elsewhere).expect("moved");
    symlink(&elsewhere, &path).expect("a link");
    refuses(&sandbox, &path, "it is a symbolic link");
}

#[test]
fn a_folder_of_baselines_is_a_symbolic_link() {
    let (sandbox, path) = stored();
    let folder = path.parent().expect("a folder");
    fs::rename(folder, sandbox.path("elsewhere")).expect("moved");
    symlink(sandbox.path("elsewhere"), folder).expect("a link");
    refuses(&sandbox, folder, "it is a symbolic link");
}

#[test]
fn a_baseline_is_a_pipe_that_nobody_writes_to() {
    let (sandbox, path) = stored();
    fs::remove_file(&path).expect("removed");
    let made = Command::new("mkfifo")
        .arg(&path)
        .status()
        .expect("mkfifo runs");
    assert!(made.success());
    refuses(&sandbox, &path, "it is not a regular file");
}

#[test]
fn a_baseline_is_nested_without_end() {
    let (sandbox, path) = stored();
    let deep = format!("{{\"schema\": 1, \"key\": {}", "[".repeat(200_000));
    fs::write(&path, deep).expect("written");
    refuses(&sandbox, &path, "it is damaged or something else");
}

#[test]
fn a_report_is_not_there() {
    let run = Sandbox::new().run(["report", "nowhere.json"]).exits(2);
    run.complains("cannot read `nowhere.json`: No such file or directory");
}

// Configurations of strangers

/// A configuration with something more is refused where the words are, and reads nothing.
#[track_caller]
fn refused(sandbox: Sandbox, more: &str, why: &str) {
    let config = format!("{more}\n{}", sample("0", "0", "0"));
    let run = sandbox.without_docker().config(&config).run(["check"]);
    run.exits(2).complains("perfgate.toml:").complains(why);
}

#[test]
fn a_configuration_names_files_outside_its_folder() {
    for more in [
        "[postgres]\nimage = \"p\"\ninit = [\"../secret.sql\"]",
        "[postgres]\nbuild = \"/etc\"",
        "[redis]\nbuild = \"sub/../..\"",
        "[proxy.p]\nbuild = \"..\"",
        "[proxy.p]\nimage = \"p\"\nfiles = { \"/etc/p\" = \"/etc/passwd\" }",
        "[server.b]\nbuild = \"../other\"",
        "[server.b]\nurl = \"https://127.0.0.1:1\"\ntls = { ca = \"/etc/ssl/ca.pem\" }",
        "[endpoint.e]\npath = \"/\"\nmethod = \"POST\"\nbody_file = \"/etc/passwd\"",
        "[baseline]\nstore = \"dir:../../elsewhere\"",
        "without_docker = \"../other.toml\"",
    ] {
        refused(
            Sandbox::new(),
            more,
            "leads outside the folder of this file",
        );
    }
}

#[test]
fn a_configuration_leaves_its_folder_by_a_symbolic_link() {
    let sandbox = Sandbox::new();
    symlink("/etc", sandbox.path("inside")).expect("a link");
    let more = "[endpoint.e]\npath = \"/\"\nmethod = \"POST\"\nbody_file = \"inside/passwd\"";
    refused(sandbox, more, "`inside/passwd` leads outside the folder");
}

#[test]
fn a_configuration_says_that_it_leaves_its_folder() {
    let outside = Sandbox::new().file("body.txt", "text");
    let more = format!(
        "allow_outside = true\n[endpoint.e]\npath = \"/\"\nbody_file = \"{}\"",
        outside.path("body.txt").display()
    );
    let config = format!("{more}\n{}", sample("0", "0", "0"));
    let sandbox = Sandbox::new().without_docker().config(&config);
    sandbox.run(["check", "--endpoint", "health"]).exits(0);
}

#[test]
fn a_configuration_reads_what_has_no_end() {
    let more = "allow_outside = true\n[endpoint.e]\npath = \"/\"\nbody_file = \"/dev/zero\"";
    refused(Sandbox::new(), more, "it is not a regular file");
}

#[test]
fn a_name_is_a_command() {
    for name in [
        "a;b",
        "::error::x",
        "$(id)",
        "-v",
        "a/../b",
        "\\u001b[2J",
        "",
    ] {
        let more = format!("[server.\"{name}\"]\nrun = [\"true\"]");
        refused(Sandbox::new(), &more, "is no name of a server");
    }
    let more = "[endpoint.\"a\\nb\"]\npath = \"/\"";
    refused(Sandbox::new(), more, "is no name of a endpoint");
}

#[test]
fn a_remote_of_git_is_a_command() {
    let touched = Sandbox::new();
    let path = touched.path("touched").display().to_string();
    for remote in [
        format!("ext::touch {path}"),
        format!("--upload-pack=touch {path}"),
    ] {
        let more = format!("[baseline]\nstore = \"git:{remote}#branch\"");
        let config = format!("{more}\n{}", sample("0", "0", "0"));
        let sandbox = Sandbox::new().without_docker().config(&config).committed();
        let run = sandbox.run(["baseline", "show"]);
        assert!(matches!(run.code, Some(2 | 4)), "{}", run.stderr);
        assert!(!touched.path("touched").exists(), "{remote}");
    }
}

#[test]
fn a_configuration_is_enormous() {
    let sandbox = Sandbox::new().without_docker().config("");
    let file = fs::OpenOptions::new()
        .write(true)
        .open(sandbox.path("perfgate.toml"));
    file.expect("opened")
        .set_len(1 << 40)
        .expect("a file of holes");
    let run = sandbox.run(["check"]).exits(2);
    run.complains("perfgate.toml")
        .complains("it is larger than 16 MiB");
}

#[test]
fn a_configuration_is_nested_without_end() {
    let config = format!("x = {}", "[".repeat(100_000));
    let sandbox = Sandbox::new().without_docker().config(&config);
    sandbox
        .run(["check"])
        .exits(2)
        .complains("perfgate.toml:1:");
}
