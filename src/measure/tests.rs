use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use super::{Event, Measuring, Noise, Simulated};
use crate::config;
use crate::model::{Metric, Plan, Runner, Sample};

const FILE: &str = "
[server.one]
run = [\"one\"]
[server.two]
run = [\"two\"]
memory = \"1GiB\"
[endpoint.a]
path = \"/a\"
[endpoint.b]
path = \"/b\"
[load]
rounds = 4
";

const QUIET: Noise = Noise {
    machine: 0.0,
    round: 0.0,
};

fn plan(text: &str) -> Plan {
    config::parse(Path::new("perfgate.toml"), text).expect("a valid configuration")
}

fn runner() -> Runner {
    Runner {
        architecture: "x86_64".into(),
        cpu_model: "cpu".into(),
        cores: 2,
        kernel_major: "6".into(),
        engine_major: None,
    }
}

async fn simulate(plan: &Plan, noise: Noise, seed: u64) -> Vec<Sample> {
    let mut driver = Simulated::new(Duration::from_millis(1), noise, seed);
    let runner = runner();
    let measuring = Measuring {
        plan,
        runner: &runner,
        seed,
        observe: &|_| (),
    };
    measuring
        .run(&mut driver)
        .await
        .expect("a simulation cannot fail")
}

fn throughput(samples: &[Sample]) -> Vec<f64> {
    samples
        .iter()
        .filter_map(|sample| Metric::Throughput.of_sample(sample))
        .collect()
}

#[tokio::test]
async fn every_cell_is_measured_in_every_round() {
    let samples = simulate(&plan(FILE), QUIET, 1).await;
    let names: Vec<_> = samples
        .iter()
        .map(|sample| {
            (
                sample.key.server.as_str(),
                sample.key.endpoint.as_str(),
                sample.rounds.len(),
            )
        })
        .collect();
    assert_eq!(
        names,
        [
            ("one", "a", 4),
            ("one", "b", 4),
            ("two", "a", 4),
            ("two", "b", 4)
        ]
    );
    assert!(
        throughput(&samples)
            .iter()
            .all(|value| (value - 1000.0).abs() < 1e-9)
    );
}

#[tokio::test]
async fn a_seed_gives_one_measurement() {
    let noise = Noise {
        machine: 0.1,
        round: 0.03,
    };
    let plan = plan(FILE);
    let (first, again) = (
        simulate(&plan, noise, 7).await,
        simulate(&plan, noise, 7).await,
    );
    assert_eq!(throughput(&first), throughput(&again));
    assert_ne!(
        throughput(&first),
        throughput(&simulate(&plan, noise, 8).await)
    );
}

#[tokio::test]
async fn keys_differ_where_numbers_may_not_be_compared() {
    let samples = simulate(&plan(FILE), QUIET, 1).await;
    let (one, two) = (&samples[0].key, &samples[2].key);
    assert_ne!(one.settings, two.settings, "the memory limit");
    let more = FILE.replace("rounds = 4", "rounds = 4\nconnections = 51");
    let other = simulate(&plan(&more), QUIET, 1).await;
    assert_ne!(one, &other[0].key, "the load shape");
    let path = FILE.replace("\"/a\"", "\"/other\"");
    let other = simulate(&plan(&path), QUIET, 1).await;
    assert_ne!(one, &other[0].key, "the request");
    assert_eq!(
        samples[1].key, other[1].key,
        "the other endpoint's key stays"
    );
}

#[tokio::test]
async fn the_observer_sees_every_round_counted() {
    let seen = Mutex::new(Vec::new());
    let observe = |event: Event<'_>| {
        if let Event::Round {
            round,
            rounds,
            left,
            ..
        } = event
        {
            seen.lock()
                .expect("one thread")
                .push((round, rounds, left.as_secs()));
        }
    };
    let plan = plan(FILE);
    let mut driver = Simulated::new(Duration::from_millis(1), QUIET, 1);
    let runner = runner();
    let measuring = Measuring {
        plan: &plan,
        runner: &runner,
        seed: 1,
        observe: &observe,
    };
    measuring.run(&mut driver).await.expect("simulated");
    // The second server still has two cells of five seconds' warm-up and four rounds each.
    let per_server = |later: u64| (1..=8).map(move |round| (round, 8, 9 - round as u64 + later));
    let all: Vec<_> = per_server(18).chain(per_server(0)).collect();
    assert_eq!(*seen.lock().expect("one thread"), all);
}
