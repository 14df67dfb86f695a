mod pairs;

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use super::{
    Counted, Counting, Driver, Error, Event, Instance, Load, MeasureConfig, Noise, Observer,
    Schedule, Sharing, Simulated, Start, Startup, Testbed, WarmUp,
};
use crate::config;
use crate::model::{Cell, Metric, Plan, Round, Runner, Sample, Sides, Target, Turnover};
use crate::stack;

const FILE: &str = "
[server.one]
run = [\"one\"]
[server.two]
image = \"two\"
memory = \"1GiB\"
[endpoint.a]
path = \"/a\"
[endpoint.b]
path = \"/b\"
[load]
rounds = 4
";

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

fn measuring<'a>(plan: &'a Plan, runner: &'a Runner, seed: u64) -> MeasureConfig<'a> {
    MeasureConfig {
        plan,
        runner,
        schedule: Schedule::Sequential,
        counting: Some(Counting::Full),
        seed,
        is_suspect: &|_| false,
        observe: &|_| (),
    }
}

fn simulated(noise: Noise, seed: u64) -> Simulated {
    let mut driver = Simulated::new(0.0, noise, seed);
    driver.service_time = Duration::from_millis(1);
    driver
}

async fn simulate(plan: &Plan, noise: Noise, seed: u64) -> Vec<Sample> {
    let mut driver = simulated(noise, seed);
    let runner = runner();
    let measured = measuring(plan, &runner, seed).run(&mut driver).await;
    measured.expect("a simulation cannot fail").samples
}

fn throughput(samples: &[Sample]) -> Vec<f64> {
    samples
        .iter()
        .filter_map(|sample| Metric::Throughput.of_sample(sample))
        .collect()
}

#[tokio::test]
async fn every_cell_is_measured_in_every_round() {
    let samples = simulate(&plan(FILE), Noise::NONE, 1).await;
    let names: Vec<_> = samples
        .iter()
        .map(|sample| {
            (
                sample.key.server.as_str(),
                sample.key.endpoint.as_str(),
                sample.starts[0].rounds.len(),
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
        drift: 0.1,
        memory: 1.0,
        round: 0.03,
        ..Noise::NONE
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
    let samples = simulate(&plan(FILE), Noise::NONE, 1).await;
    let (one, two) = (&samples[0].key, &samples[2].key);
    assert_ne!(one.settings, two.settings, "the memory limit");
    let more = FILE.replace("rounds = 4", "rounds = 4\nconnections = 51");
    let other = simulate(&plan(&more), Noise::NONE, 1).await;
    assert_ne!(one, &other[0].key, "the load shape");
    let path = FILE.replace("\"/a\"", "\"/other\"");
    let other = simulate(&plan(&path), Noise::NONE, 1).await;
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
    let mut driver = simulated(Noise::NONE, 1);
    let runner = runner();
    let measuring = MeasureConfig {
        observe: &observe,
        ..measuring(&plan, &runner, 1)
    };
    measuring.run(&mut driver).await.expect("simulated");
    // The second server still has two cells of five seconds' warm-up and four rounds each.
    let per_server = |later: u64| (1..=8).map(move |round| (round, 8, 9 - round as u64 + later));
    let all: Vec<_> = per_server(18).chain(per_server(0)).collect();
    assert_eq!(*seen.lock().expect("one thread"), all);
}

#[tokio::test]
async fn side_by_side_every_block_holds_every_cell_of_every_server() {
    let order = Mutex::new(Vec::new());
    let observe = |event: Event<'_>| {
        if let Event::Round {
            server, endpoint, ..
        } = event
        {
            let cell = format!("{server} {endpoint}");
            order.lock().expect("one thread").push(cell);
        }
    };
    let (plan, runner) = (plan(FILE), runner());
    let measuring = MeasureConfig {
        schedule: Schedule::Interleaved,
        observe: &observe,
        ..measuring(&plan, &runner, 1)
    };
    let mut driver = simulated(Noise::NONE, 1);
    measuring.run(&mut driver).await.expect("simulated");
    let order = order.into_inner().expect("one thread");
    assert_eq!(order.len(), 16);
    for block in order.chunks(4) {
        let mut block = block.to_vec();
        block.sort();
        assert_eq!(block, ["one a", "one b", "two a", "two b"]);
    }
}

/// What a round of a server, counted from its start, fails with.
type Failure = fn(&str, usize) -> Option<stack::Error>;

/// A simulation whose rounds can fail; processes are replaced in every second round.
struct Failing {
    simulated: Simulated,
    failure: Failure,
    rounds: usize,
    stopped: Vec<String>,
}

impl Failing {
    fn new(failure: Failure) -> Self {
        Self {
            simulated: simulated(Noise::NONE, 1),
            failure,
            rounds: 0,
            stopped: Vec::new(),
        }
    }
}

fn dies_in_its_third_round(server: &str, round: usize) -> Option<stack::Error> {
    (round == 3).then(|| stack::Error::Died {
        name: server.into(),
        status: "exit code 137".into(),
        output: "the last line".into(),
    })
}

impl Driver for Failing {
    fn elapsed(&self) -> Duration {
        self.simulated.elapsed()
    }

    fn testbed(&self, plan: &Plan) -> Testbed {
        self.simulated.testbed(plan)
    }

    async fn set_up(&mut self, sides: &Sides<Target>, observe: Observer<'_>) -> Result<(), Error> {
        self.simulated.set_up(sides, observe).await
    }

    async fn start(
        &mut self,
        starts: &[Start<'_>],
        observe: Observer<'_>,
    ) -> Result<Vec<Option<Startup>>, Error> {
        self.rounds = 0;
        self.simulated.start(starts, observe).await
    }

    async fn warm_up(
        &mut self,
        load: &Load<'_>,
        longest: Duration,
        observe: Observer<'_>,
    ) -> Result<WarmUp, Error> {
        self.simulated.warm_up(load, longest, observe).await
    }

    async fn rounds(
        &mut self,
        loads: &[Load<'_>],
        sharing: Sharing,
        observe: Observer<'_>,
    ) -> Result<Vec<Round>, Error> {
        self.rounds += 1;
        let server = &loads[0].instance.target.name;
        if let Some(error) = (self.failure)(server, self.rounds) {
            return Err(error.into());
        }
        let mut rounds = self.simulated.rounds(loads, sharing, observe).await?;
        for round in &mut rounds {
            round.turnover = (self.rounds.is_multiple_of(2)).then_some(Turnover {
                ended: 1,
                started: 1,
                out_of_memory: 1,
            });
        }
        Ok(rounds)
    }

    async fn grow(
        &mut self,
        instance: Instance<'_>,
        step: usize,
        observe: Observer<'_>,
    ) -> Result<(), Error> {
        self.simulated.grow(instance, step, observe).await
    }

    async fn count(
        &mut self,
        instance: Instance<'_>,
        cell: &Cell,
        counting: Counting,
    ) -> Result<Counted, Error> {
        self.simulated.count(instance, cell, counting).await
    }

    async fn output(&mut self, instance: Instance<'_>) -> String {
        format!("output of {}", instance.target.name)
    }

    async fn stop(&mut self, instances: &[Instance<'_>]) -> Result<(), Error> {
        let names = instances.iter().map(|it| it.target.name.clone());
        self.stopped.extend(names);
        Ok(())
    }
}

#[tokio::test]
async fn a_server_that_dies_is_named_and_the_other_is_measured() {
    let (plan, runner) = (plan(FILE), runner());
    let mut driver = Failing::new(|server, round| match server {
        "one" => dies_in_its_third_round(server, round),
        _ => None,
    });
    let measured = measuring(&plan, &runner, 1).run(&mut driver).await;
    let measured = measured.expect("the other server works");
    let servers: Vec<_> = measured.samples.iter().map(|it| &it.key.server).collect();
    assert_eq!(servers, ["two", "two"]);
    assert_eq!(driver.stopped, ["one", "two"], "each is stopped once");
    let died = &measured.incidents[0];
    assert!(died.fatal && died.server == "one");
    assert!(died.during.starts_with("round 2 of "), "{}", died.during);
    assert!(died.what.contains("exit code 137"), "{}", died.what);
    assert_eq!(died.output, "the last line");
}

#[tokio::test]
async fn replaced_processes_are_named_and_the_numbers_kept() {
    let (plan, runner) = (plan(FILE), runner());
    let measured = measuring(&plan, &runner, 1)
        .run(&mut Failing::new(|_, _| None))
        .await;
    let measured = measured.expect("both work");
    assert_eq!(measured.samples.len(), 4);
    assert!(measured.incidents.iter().all(|incident| !incident.fatal));
    let of_two: Vec<_> = measured
        .incidents
        .iter()
        .filter(|it| it.server == "two")
        .collect();
    assert!(!of_two.is_empty());
    assert_eq!(of_two[0].output, "output of two");
    assert!(
        of_two[0].what.contains("memory ran out"),
        "{}",
        of_two[0].what
    );
}

#[tokio::test]
async fn when_every_server_dies_the_first_failure_is_the_error() {
    let (plan, runner) = (plan(FILE), runner());
    let mut driver = Failing::new(dies_in_its_third_round);
    let error = measuring(&plan, &runner, 1).run(&mut driver).await;
    let error = error.expect_err("nothing could be measured").to_string();
    assert!(error.contains("`one` died"), "{error}");
}

#[tokio::test]
async fn what_was_measured_before_the_engine_went_is_kept() {
    let (plan, runner) = (plan(FILE), runner());
    let mut driver = Failing::new(|server, round| {
        (server == "two" && round == 3).then(|| stack::Error::Lost {
            socket: "unix:///engine".into(),
            reason: "no answer".into(),
        })
    });
    let measured = measuring(&plan, &runner, 1).run(&mut driver).await;
    let measured = measured.expect("the first server was measured");
    let rounds = |server: &str| {
        let samples = measured.samples.iter();
        let own = samples.filter(|it| it.key.server == server);
        own.map(|it| it.starts[0].rounds.len()).collect::<Vec<_>>()
    };
    assert_eq!(rounds("one"), [4, 4]);
    assert_eq!(
        rounds("two").iter().sum::<usize>(),
        2,
        "two rounds came before it"
    );
    let cut = measured.cut.expect("the engine went").to_string();
    assert!(cut.contains("lost the container engine"), "{cut}");
    assert!(measured.incidents.iter().all(|incident| !incident.fatal));
}
