//! Two builds of a server that are loaded once more while their processes are sampled. What these rounds
//! measure is judged nowhere.

mod perf;
mod process;
mod py_spy;
mod tool;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::side_load::{SideLoad, both};
use super::sizing::{self, Observed};
use super::{Data, Driver, Error, Live, Observer, Start};
use crate::model::{Cell, CpuProfile, Round, Side, Sides, Target};
use crate::profile::{self, Slice, relative_to};
use perf::Perf;
use process::Processes;
use py_spy::PySpy;

/// Stretches of time that are compared with each other, so that it shows how much they differ.
const SLICES: usize = 10;
/// How long both sides are loaded in a slice.
const SLICE: Duration = Duration::from_secs(1);
/// Slices at the least, and how long they may take: a server whose answers are slow takes longer than it is
/// loaded.
const FEWEST_SLICES: usize = 5;
const LONGEST: Duration = Duration::from_secs(11);
/// Longest warm-up, and what shows how the server is to be loaded.
const WARM_UP: Duration = Duration::from_millis(600);

/// What is profiled.
#[derive(Clone, Copy)]
pub struct Profiling<'a> {
    pub sides: &'a Sides<Target>,
    /// Position of the cell.
    pub cell: usize,
    /// The folders that sources of each side lie in; files below them are named from there.
    pub trees: &'a Sides<Option<PathBuf>>,
    /// What is drawn follows from it.
    pub seed: u64,
    pub observe: Observer<'a>,
}

/// What came of it, and why something could not be seen, in words.
#[derive(Debug, Default)]
pub struct Profiled {
    pub profile: Option<CpuProfile>,
    pub notes: BTreeSet<String>,
}

/// Starts both builds, loads them in turns and samples them.
pub async fn profile(driver: &mut Live<'_>, profiling: Profiling<'_>) -> Result<Profiled, Error> {
    let Profiling { sides, observe, .. } = profiling;
    if !driver.has_set_up(&sides.head.name) {
        driver.set_up(sides, observe).await?;
    }
    let slots = both(sides).into_iter().zip(0..);
    let starts = slots.map(|(instance, slot)| Start {
        instance,
        data: Data::Copy {
            of: instance.side,
            slot,
        },
    });
    let starts: Vec<_> = starts.collect();
    let profiled = match driver.start(&starts, observe).await {
        Ok(_) => sampled(driver, profiling).await,
        Err(error) => Err(error),
    };
    driver.stop(&both(sides)).await?;
    profiled
}

/// What is known of a side after a slice.
struct SampledSlice {
    /// From when to when, in seconds on the clock of perf.
    time: [f64; 2],
    rounds: Sides<Option<Round>>,
    stacks: Sides<Vec<profile::Sampled>>,
}

async fn sampled(driver: &mut Live<'_>, profiling: Profiling<'_>) -> Result<Profiled, Error> {
    let load = load(driver, profiling).await?;
    let [head, base] = both(profiling.sides);
    let processes = Sides {
        head: Processes::from_pids(&driver.processes(head).await),
        base: Processes::from_pids(&driver.processes(base).await),
    };
    let mut notes = BTreeSet::new();
    let server = &profiling.sides.head.name;
    let known = || [&processes.head, &processes.base].into_iter();
    if known().any(Processes::is_empty) {
        notes.insert(format!(
            "`{server}` is not profiled: its processes are not known on this machine"
        ));
        return Ok(Profiled {
            profile: None,
            notes,
        });
    }
    let others: Vec<i32> = known().flat_map(|it| it.others.clone()).collect();
    let mut perf = None;
    if !others.is_empty() {
        match Perf::start(&others) {
            Ok(started) => perf = Some(started),
            Err(why) => drop(notes.insert(why.describe(server))),
        }
    }
    let (mut taken, begun) = (Vec::new(), Instant::now());
    for _ in 0..SLICES {
        let (slice, mut failures) = slice(driver, profiling, load, &processes).await?;
        if let Some(why) = perf.as_mut().and_then(Perf::failed) {
            failures.push(why);
            perf = None;
        }
        notes.extend(failures.iter().map(|why| why.describe(server)));
        let Sides { head, base } = &slice.stacks;
        let sees_nothing = head.is_empty() && base.is_empty() && perf.is_none();
        taken.push(slice);
        // Nor will it the next time.
        let is_blind = sees_nothing && !failures.is_empty();
        let is_long = begun.elapsed() > LONGEST && taken.len() >= FEWEST_SLICES;
        if is_blind || is_long {
            break;
        }
    }
    if let Some(perf) = perf {
        // Also those that were started meanwhile.
        let mut of_side: BTreeMap<i32, Side> = BTreeMap::new();
        for instance in both(profiling.sides) {
            let side = instance.side;
            let known = processes.get(side).others.iter().copied();
            let now = driver.processes(instance).await;
            of_side.extend(known.chain(now).map(|pid| (pid, side)));
        }
        match perf.samples().await {
            Ok(samples) => add(samples, &of_side, &mut taken),
            Err(why) => drop(notes.insert(why.describe(server))),
        }
    }
    Ok(Profiled {
        profile: profiling.compare(taken),
        notes,
    })
}

impl<'a> Profiling<'a> {
    fn cells(&self) -> Sides<&'a Cell> {
        self.sides.as_ref().map(|it| &it.cells[self.cell])
    }

    /// A round of both sides.
    async fn round(
        &self,
        driver: &mut Live<'_>,
        load: SideLoad,
    ) -> Result<Sides<Option<Round>>, Error> {
        let up = both(self.sides);
        load.round(driver, &up, self.cell, self.observe).await
    }

    fn compare(&self, taken: Vec<SampledSlice>) -> Option<CpuProfile> {
        let mut slices: Sides<Vec<Slice>> = Sides::default();
        for mut taken in taken {
            for side in Side::BOTH {
                let round = taken.rounds.get(side).as_ref();
                let mut stacks = std::mem::take(taken.stacks.get_mut(side));
                if let Some(tree) = self.trees.get(side) {
                    relative_to(&mut stacks, &tree.to_string_lossy());
                }
                slices.get_mut(side).push(Slice {
                    cpu: round.and_then(cpu).unwrap_or_default(),
                    requests: round.map_or(0, |it| it.tally.completed()),
                    stacks,
                });
            }
        }
        let server = &self.sides.head.name;
        let endpoint = &self.cells().head.endpoint;
        profile::compare(server, endpoint, slices, self.seed)
    }
}

/// Microseconds of CPU time that a server took in a round.
fn cpu(round: &Round) -> Option<f64> {
    Some(round.usage.as_ref()?.cpu.as_secs_f64() * 1e6)
}

/// As much load as both sides take, in turns, as in the rounds that are judged.
async fn load(driver: &mut Live<'_>, profiling: Profiling<'_>) -> Result<SideLoad, Error> {
    let cells = profiling.cells();
    let connections = sizing::first_connections(&cells.head.workload);
    let of = |window: Duration, answer: Duration| {
        let rate = cells.head.workload.rate.map(|it| it.from);
        SideLoad {
            turns: sizing::turns(window / 2, answer, rate),
            connections,
            rate,
        }
    };
    let warm_up = of(WARM_UP, WARM_UP / 10);
    let rounds = profiling.round(driver, warm_up).await?;
    let up = [rounds.head, rounds.base].into_iter().flatten();
    let observed = up.map(|round| Observed::of_tally(&round.tally));
    let slower = observed.reduce(Observed::or_slower);
    let answer = slower.map_or(SLICE, |it| it.mean_answer(connections));
    Ok(of(SLICE, answer.min(SLICE / 4)))
}

async fn slice(
    driver: &mut Live<'_>,
    profiling: Profiling<'_>,
    load: SideLoad,
    processes: &Sides<Processes>,
) -> Result<(SampledSlice, Vec<tool::Failure>), Error> {
    let mut failures = Vec::new();
    let mut spies: Vec<(Side, PySpy)> = Vec::new();
    for side in Side::BOTH {
        for pid in &processes.get(side).pythons {
            match PySpy::start(*pid) {
                Ok(spy) => spies.push((side, spy)),
                Err(why) => failures.push(why),
            }
        }
    }
    let begun = now();
    let rounds = profiling.round(driver, load).await?;
    let time = [begun, now()];
    let mut stacks: Sides<Vec<profile::Sampled>> = Sides::default();
    for (side, spy) in spies {
        match spy.stacks().await {
            Ok(seen) => stacks.get_mut(side).extend(seen),
            Err(why) => failures.push(why),
        }
    }
    let taken = SampledSlice {
        time,
        rounds,
        stacks,
    };
    Ok((taken, failures))
}

/// Samples of perf go to the slice and the side that they are of.
fn add(samples: Vec<profile::Sample>, of_side: &BTreeMap<i32, Side>, taken: &mut [SampledSlice]) {
    for sample in samples {
        let within = |it: &&mut SampledSlice| (it.time[0]..it.time[1]).contains(&sample.time);
        let slice = taken.iter_mut().find(within);
        if let Some((slice, side)) = slice.zip(of_side.get(&sample.pid)) {
            slice.stacks.get_mut(*side).push(profile::Sampled {
                stack: sample.stack,
                count: 1,
                period: 1.0 / f64::from(perf::RATE),
            });
        }
    }
}

/// Seconds on the clock that perf takes the time from.
fn now() -> f64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
