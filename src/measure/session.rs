use std::collections::BTreeSet;
use std::time::Duration;

use super::{
    Counted, Counting, Data, Driver, Error, Event, Instance, Load, MeasureConfig, MeasureResult,
    RoundOrder, Schedule, Sharing, Start, Startup, WarmUp, key, sizing, turnover,
};
use crate::model::{
    Cell, Incident, Machine, Pacing, Round, Sample, Sides, SingleStart, Target, Took, chain,
};

const ONLY_BESIDE_A_BASE: &str =
    "the data did not grow: orders of growth are counted beside a base alone (`--against`)";

/// A measurement under way.
pub(super) struct Session<'a, D> {
    measuring: MeasureConfig<'a>,
    driver: &'a mut D,
    measured: MeasureResult,
    /// Servers that are not measured any more.
    failed: BTreeSet<String>,
    /// Why the first of them failed.
    failure: Option<Error>,
}

/// Pairs of rounds of a cell and the reference program.
const REFERENCE_PAIRS: usize = 5;

/// A cell of a server that is up, and what has been measured of it.
struct Lane<'a> {
    target: &'a Target,
    cell: &'a Cell,
    /// Length of its rounds, and how many there are.
    window: Duration,
    rounds: usize,
    /// Disturbed rounds that may yet be made again.
    repeats: usize,
    sample: Sample,
}

impl Lane<'_> {
    /// What its server's first start has measured.
    fn start(&mut self) -> &mut SingleStart {
        &mut self.sample.starts[0]
    }

    /// Counts time that was spent on this cell alone.
    fn spend(&mut self, time: Duration) {
        if let Some(took) = &mut self.sample.took {
            took.cell += time;
        }
    }

    /// Leaves out disturbed rounds for which others were made.
    fn drop_disturbed(&mut self) {
        let wanted = self.rounds;
        let rounds = &mut self.start().rounds;
        let mut spare = rounds.len().saturating_sub(wanted);
        rounds.retain(|round| {
            let drop = spare > 0 && Machine::is_disturbed([round]);
            spare -= usize::from(drop);
            !drop
        });
    }
}

impl<'a, D: Driver> Session<'a, D> {
    pub(super) fn new(measuring: MeasureConfig<'a>, driver: &'a mut D) -> Self {
        Self {
            measuring,
            driver,
            measured: MeasureResult::default(),
            failed: BTreeSet::new(),
            failure: None,
        }
    }

    /// Measures servers that are up at the same time; `later` are those after them.
    pub(super) async fn measure(
        &mut self,
        targets: &[&'a Target],
        later: &[&Target],
    ) -> Result<(), Error> {
        let mut lanes = Vec::new();
        let result = self.fill(&mut lanes, targets, later).await;
        lanes.retain(|lane| {
            let has_rounds = !lane.sample.rounds().is_empty();
            has_rounds && !self.failed.contains(&lane.target.name)
        });
        let samples = lanes.into_iter().map(|lane| lane.sample);
        self.measured.samples.extend(samples);
        result
    }

    async fn fill(
        &mut self,
        lanes: &mut Vec<Lane<'a>>,
        targets: &[&'a Target],
        later: &[&Target],
    ) -> Result<(), Error> {
        for target in targets {
            lanes.extend(self.open(target).await?.unwrap_or_default());
        }
        self.rounds(lanes, later).await?;
        self.beside_reference(lanes).await?;
        self.repeat_suspects(lanes).await?;
        for target in targets {
            if !self.failed.contains(&target.name) {
                self.stop(target).await?;
            }
        }
        Ok(())
    }

    /// A fresh start of one server, with data of its own.
    async fn start(&mut self, target: &Target) -> Result<Option<Startup>, Error> {
        let start = Start {
            instance: Instance::from_target(target),
            data: Data::Own,
        };
        let startups = self.driver.start(&[start], self.measuring.observe).await?;
        Ok(startups.into_iter().next().flatten())
    }

    fn since(&self, begun: Duration) -> Duration {
        self.driver.elapsed().saturating_sub(begun)
    }

    async fn stop(&mut self, target: &Target) -> Result<(), Error> {
        self.driver.stop(&[Instance::from_target(target)]).await
    }

    /// A round of a cell as it is configured.
    async fn round(
        &mut self,
        target: &Target,
        cell: &Cell,
        window: Duration,
    ) -> Result<Round, Error> {
        let loads = [Load::from_cell(Instance::from_target(target), cell)];
        let (sharing, observe) = (Sharing::AtOnce(window), self.measuring.observe);
        let rounds = self.driver.rounds(&loads, sharing, observe).await?;
        let mut rounds = rounds.into_iter();
        Ok(rounds.next().expect("each load has its round"))
    }

    /// What was measured, until something ended the whole where it did.
    pub(super) fn finish(mut self, cut: Option<Error>) -> Result<MeasureResult, Error> {
        if !self.measured.samples.is_empty() {
            self.measured.cut = cut;
            return Ok(self.measured);
        }
        match cut.or(self.failure) {
            Some(error) => Err(error),
            None => Ok(self.measured),
        }
    }

    /// Starts a server, counts what single requests make, and warms its cells up; `None` if
    /// it fails.
    async fn open(&mut self, target: &'a Target) -> Result<Option<Vec<Lane<'a>>>, Error> {
        let MeasureConfig { plan, runner, .. } = self.measuring;
        let begun = self.driver.elapsed();
        let started = self.start(target).await;
        let took = Took {
            start: self.since(begun),
            cell: Duration::ZERO,
        };
        let Some(startup) = self
            .unless_server_failed(started, target, || "start".into())
            .await?
        else {
            return Ok(None);
        };
        let keys = key::keys(plan, target, &self.driver.testbed(plan), runner);
        let lane = |(cell, key)| Lane {
            target,
            cell,
            window: plan.pacing.round,
            rounds: plan.pacing.rounds,
            repeats: plan.pacing.rounds / 2,
            sample: Sample {
                key,
                starts: vec![started_by(startup)],
                counters: None,
                beside_reference: Vec::new(),
                base: None,
                summary: None,
                took: Some(took),
            },
        };
        let mut lanes: Vec<_> = target.cells.iter().zip(keys).map(lane).collect();
        if let Some(counting) = self.measuring.counting {
            self.count(&mut lanes, counting).await?;
        }
        self.warm_up(&mut lanes).await?;
        Ok(Some(lanes))
    }

    async fn warm_up(&mut self, lanes: &mut [Lane<'a>]) -> Result<(), Error> {
        let MeasureConfig {
            plan,
            schedule,
            observe,
            ..
        } = self.measuring;
        for lane in lanes {
            let (target, cell) = (lane.target, lane.cell);
            if self.failed.contains(&target.name) {
                continue;
            }
            observe(Event::WarmUp {
                server: &target.name,
                endpoint: &cell.endpoint,
            });
            let longest = plan.pacing.warmup;
            let load = Load::from_cell(Instance::from_target(target), cell);
            let begun = self.driver.elapsed();
            let warmed = self.driver.warm_up(&load, longest, observe).await;
            lane.spend(self.since(begun));
            let during = || format!("warm-up of {}", cell.endpoint);
            let Some(WarmUp { steady, observed }) =
                self.unless_server_failed(warmed, target, during).await?
            else {
                continue;
            };
            lane.start().steady = steady;
            let counted = sizing::window_for_rate(&cell.thresholds, observed, 1);
            lane.window = sizing::shortest_window(lane.window, observed).max(counted);
            lane.rounds = sizing::rounds(plan.pacing, lane.window, schedule);
            lane.repeats = lane.rounds / 2;
        }
        Ok(())
    }

    async fn rounds(&mut self, lanes: &mut [Lane<'a>], later: &[&Target]) -> Result<(), Error> {
        let MeasureConfig {
            plan,
            seed,
            observe,
            ..
        } = self.measuring;
        let wanted: Vec<usize> = lanes.iter().map(|lane| lane.rounds).collect();
        let mut schedule = RoundOrder::new(&wanted, seed);
        let mut done = 0;
        while let Some(drawn) = schedule.next() {
            done += 1;
            let rounds = done + schedule.len();
            let Lane {
                target,
                cell,
                window,
                ..
            } = &lanes[drawn];
            if self.failed.contains(&target.name) {
                continue;
            }
            observe(Event::Round {
                server: &target.name,
                endpoint: &cell.endpoint,
                round: done,
                rounds,
                left: left(plan.pacing, rounds - done + 1, later),
            });
            let (target, cell, window) = (*target, *cell, *window);
            let begun = self.driver.elapsed();
            let measured = self.round(target, cell, window).await;
            let lane = &mut lanes[drawn];
            lane.spend(self.since(begun));
            let number = lane.sample.rounds().len() + 1;
            let during = || format!("round {number} of {}", cell.endpoint);
            let kept = self.unless_server_failed(measured, target, during).await?;
            let disturbed = kept.as_ref().is_some_and(|it| Machine::is_disturbed([it]));
            if disturbed && lane.repeats > 0 {
                lane.repeats -= 1;
                schedule.repeat(drawn);
            }
            lane.start().rounds.extend(kept);
        }
        for lane in lanes.iter_mut() {
            lane.drop_disturbed();
        }
        self.turnovers(lanes).await;
        Ok(())
    }

    /// Rounds of each cell at the same time as the reference program's.
    async fn beside_reference(&mut self, lanes: &mut [Lane<'a>]) -> Result<(), Error> {
        let MeasureConfig { plan, observe, .. } = self.measuring;
        let wanted = self.measuring.schedule == Schedule::Sequential;
        let Some(reference) = plan.reference.as_ref().filter(|_| wanted) else {
            return Ok(());
        };
        let started = self.start(reference).await;
        if self
            .unless_server_failed(started, reference, || "start".into())
            .await?
            .is_none()
        {
            return Ok(());
        }
        for lane in lanes {
            let (target, cell) = (lane.target, lane.cell);
            let begun = self.driver.elapsed();
            // The first pair is its warm-up.
            for pair in 0..=REFERENCE_PAIRS {
                if self.failed.contains(&target.name) {
                    break;
                }
                observe(Event::BesideReference {
                    server: &target.name,
                    endpoint: &cell.endpoint,
                });
                let rounds = self.beside(target, cell, reference).await;
                let during = || format!("{} beside the reference", cell.endpoint);
                let kept = self.unless_server_failed(rounds, target, during).await?;
                lane.sample
                    .beside_reference
                    .extend(kept.filter(|_| pair > 0));
            }
            lane.spend(self.since(begun));
        }
        self.stop(reference).await
    }

    /// A round on a cell, and one on the reference program at the same time: both as fast as they go.
    async fn beside(
        &mut self,
        target: &Target,
        cell: &Cell,
        reference: &Target,
    ) -> Result<Sides<Round>, Error> {
        let MeasureConfig { plan, observe, .. } = self.measuring;
        let loads = [(target, cell), (reference, &reference.cells[0])];
        let loads = loads.map(|(target, cell)| {
            let mut load = Load::from_cell(Instance::from_target(target), cell);
            load.workload.rate = None;
            load
        });
        let sharing = Sharing::AtOnce(plan.pacing.round / 2);
        let rounds = self.driver.rounds(&loads, sharing, observe).await?;
        let mut rounds = rounds.into_iter();
        let mut next = || rounds.next().expect("each load has its round");
        Ok(Sides {
            head: next(),
            base: next(),
        })
    }

    /// A fresh start of each server with cells that break a rule, and as many rounds of these cells:
    /// what it does not repeat is not the server's.
    async fn repeat_suspects(&mut self, lanes: &mut [Lane<'a>]) -> Result<(), Error> {
        let MeasureConfig {
            schedule,
            is_suspect,
            ..
        } = self.measuring;
        let suspect =
            |lane: &&mut Lane<'a>| schedule == Schedule::Sequential && is_suspect(&lane.sample);
        let mut suspects: Vec<_> = lanes.iter_mut().filter(suspect).collect();
        for of_server in suspects.chunk_by_mut(|a, b| a.target.name == b.target.name) {
            let target = of_server[0].target;
            if self.failed.contains(&target.name) {
                continue;
            }
            self.stop(target).await?;
            let started = self.start(target).await;
            let during = || "its second start".into();
            let Some(startup) = self.unless_server_failed(started, target, during).await? else {
                continue;
            };
            for lane in of_server {
                if self.failed.contains(&target.name) {
                    break;
                }
                let mut start = started_by(startup);
                self.rounds_again(lane, &mut start).await?;
                lane.sample.starts.push(start);
            }
        }
        Ok(())
    }

    async fn rounds_again(
        &mut self,
        lane: &Lane<'a>,
        start: &mut SingleStart,
    ) -> Result<(), Error> {
        let MeasureConfig { plan, observe, .. } = self.measuring;
        let (target, cell) = (lane.target, lane.cell);
        let longest = plan.pacing.warmup;
        let load = Load::from_cell(Instance::from_target(target), cell);
        let warmed = self.driver.warm_up(&load, longest, observe).await;
        let during = || format!("another warm-up of {}", cell.endpoint);
        let Some(WarmUp { steady, .. }) = self.unless_server_failed(warmed, target, during).await?
        else {
            return Ok(());
        };
        start.steady = steady;
        for round in 1..=lane.rounds {
            observe(Event::Again {
                server: &target.name,
                endpoint: &cell.endpoint,
                round,
                rounds: lane.rounds,
            });
            let measured = self.round(target, cell, lane.window).await;
            let during = || format!("another round {round} of {}", cell.endpoint);
            let Some(measured) = self.unless_server_failed(measured, target, during).await? else {
                break;
            };
            start.rounds.push(measured);
        }
        Ok(())
    }

    /// Names the servers whose processes were replaced within rounds.
    async fn turnovers(&mut self, lanes: &[Lane<'a>]) {
        for lane in lanes {
            if self.failed.contains(&lane.target.name) {
                continue;
            }
            if let Some(mut incident) = turnover::incident(&lane.sample) {
                incident.output = self.driver.output(Instance::from_target(lane.target)).await;
                self.note(incident);
            }
        }
    }

    async fn count(&mut self, lanes: &mut [Lane<'a>], counting: Counting) -> Result<(), Error> {
        let observe = self.measuring.observe;
        for lane in lanes {
            let (target, cell) = (lane.target, lane.cell);
            if self.failed.contains(&target.name) {
                continue;
            }
            observe(Event::Count {
                server: &target.name,
                endpoint: &cell.endpoint,
            });
            let begun = self.driver.elapsed();
            let counted = self
                .driver
                .count(Instance::from_target(target), cell, counting);
            let counted = counted.await;
            lane.spend(self.since(begun));
            let counted = counted.and_then(Counted::unless_failing);
            let during = || format!("single requests of {}", cell.endpoint);
            if let Some(counted) = self.unless_server_failed(counted, target, during).await? {
                lane.sample.counters = counted.counters;
                self.measured.notes.extend(counted.missing);
                let growth = target.growth.as_ref();
                let growth = growth.map(|_| ONLY_BESIDE_A_BASE.to_owned());
                self.measured.notes.extend(growth);
            }
        }
        Ok(())
    }

    /// The value; `None` if this server failed, which is then stopped, noted and left out.
    /// What concerns more than one server stays an error.
    async fn unless_server_failed<T>(
        &mut self,
        result: Result<T, Error>,
        target: &Target,
        during: impl FnOnce() -> String,
    ) -> Result<Option<T>, Error> {
        let error = match result {
            Ok(value) => return Ok(Some(value)),
            Err(error) if error.is_of_one_server() => error,
            Err(error) => return Err(error),
        };
        self.note(Incident {
            server: target.name.clone(),
            during: during(),
            what: chain(&error),
            output: error.output().unwrap_or_default().to_owned(),
            fatal: true,
        });
        self.failed.insert(target.name.clone());
        self.failure.get_or_insert(error);
        self.stop(target).await?;
        Ok(None)
    }

    fn note(&mut self, incident: Incident) {
        (self.measuring.observe)(Event::Incident(&incident));
        self.measured.incidents.push(incident);
    }
}

/// Time for the remaining rounds, and for the servers that come later.
fn left(pacing: Pacing, rounds: usize, later: &[&Target]) -> Duration {
    let times = |time: Duration, count: usize| time * u32::try_from(count).unwrap_or(u32::MAX);
    let each = pacing.warmup + times(pacing.round, pacing.rounds);
    let later = later.iter().map(|target| times(each, target.cells.len()));
    times(pacing.round, rounds) + later.sum::<Duration>()
}

/// A start before its first round.
fn started_by(startup: Option<Startup>) -> SingleStart {
    SingleStart {
        startup: startup.map(|it| it.time),
        startup_disturbed: startup.is_some_and(|it| it.disturbed),
        steady: true,
        rounds: Vec::new(),
    }
}
