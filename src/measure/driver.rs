use std::time::Duration;

use super::concurrent::Sharing;
use super::{Error, Observed, Observer};
use crate::model::{
    Cell, Counters, Identity, NetworkPath, Plan, Round, Side, Sides, Target, Workload,
};

/// How long a server took to its first expected response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Startup {
    pub time: Duration,
    /// Whether other programs took the CPUs meanwhile.
    pub disturbed: bool,
}

/// What servers run on, as far as their numbers depend on it; nothing of what is not known or not
/// used.
#[derive(Debug, Clone, Default)]
pub struct Testbed {
    pub network: Option<NetworkPath>,
    /// CPUs of the server, of services and of the load generator.
    pub cpus: Option<[Vec<usize>; 3]>,
    /// The program that CPU time is compared with.
    pub reference: Option<Identity>,
}

/// A server under measurement. One build alone is the head's side.
#[derive(Debug, Clone, Copy)]
pub struct Instance<'a> {
    /// The server's name, which both builds share; that of a base's target is another.
    pub server: &'a str,
    pub target: &'a Target,
    pub side: Side,
}

impl<'a> Instance<'a> {
    /// The server of a target that is compared with no other build.
    pub fn from_target(target: &'a Target) -> Self {
        Self {
            server: &target.name,
            target,
            side: Side::Head,
        }
    }
}

/// A fresh start of a server.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    pub instance: Instance<'a>,
    pub data: Data,
}

/// What data a server starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// That of the services, which the target's own commands set up before each start.
    Own,
    /// A copy of what [`Driver::set_up`] has set up for a build, at one of two places, 0 or 1.
    Copy { of: Side, slot: u32 },
}

impl Data {
    /// The build that the server is of.
    pub(super) const fn build(self) -> Side {
        match self {
            Self::Own => Side::Head,
            Self::Copy { of, .. } => of,
        }
    }
}

/// Load on a cell of a server that is up.
#[derive(Debug, Clone)]
pub struct Load<'a> {
    pub instance: Instance<'a>,
    pub cell: &'a Cell,
    /// That of the cell, or what is put in its place for this round.
    pub workload: Workload,
}

impl<'a> Load<'a> {
    /// Load as the cell is configured.
    pub fn from_cell(instance: Instance<'a>, cell: &'a Cell) -> Self {
        let workload = cell.workload.clone();
        Self {
            instance,
            cell,
            workload,
        }
    }
}

/// What measuring drives: a live stack, or a simulation of one. A server is started before anything
/// else is asked of it.
pub trait Driver {
    /// Time since the driver was made.
    fn elapsed(&self) -> Duration;

    /// What the servers run on.
    fn testbed(&self, plan: &Plan) -> Testbed;

    /// Runs the commands of both builds of a server once, for starts with [`Data::Copy`].
    fn set_up(
        &mut self,
        sides: &Sides<Target>,
        observe: Observer<'_>,
    ) -> impl Future<Output = Result<(), Error>>;

    /// Starts servers, all at once; for each, how long it took to answer, where that is known.
    fn start(
        &mut self,
        starts: &[Start<'_>],
        observe: Observer<'_>,
    ) -> impl Future<Output = Result<Vec<Option<Startup>>, Error>>;

    /// Loads a server until its throughput is flat, at most for `longest`.
    fn warm_up(
        &mut self,
        load: &Load<'_>,
        longest: Duration,
        observe: Observer<'_>,
    ) -> impl Future<Output = Result<WarmUp, Error>>;

    /// A timed round of each load.
    fn rounds(
        &mut self,
        loads: &[Load<'_>],
        sharing: Sharing,
        observe: Observer<'_>,
    ) -> impl Future<Output = Result<Vec<Round>, Error>>;

    /// Brings the data of a server that is up to one of their sizes, by its number.
    fn grow(
        &mut self,
        instance: Instance<'_>,
        step: usize,
        observe: Observer<'_>,
    ) -> impl Future<Output = Result<(), Error>>;

    /// Single requests on a cell, and what they made the services count.
    fn count(
        &mut self,
        instance: Instance<'_>,
        cell: &Cell,
        counting: Counting,
    ) -> impl Future<Output = Result<Counted, Error>>;

    /// The last lines of a server's output.
    fn output(&mut self, instance: Instance<'_>) -> impl Future<Output = String>;

    /// Ends those servers that are up.
    fn stop(&mut self, instances: &[Instance<'_>]) -> impl Future<Output = Result<(), Error>>;
}

/// How often single requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// To be judged as they are.
    Full,
    /// At one of several sizes of the data, whose other sizes bear it out; or where nothing is compared.
    Brief,
}

/// What a warm-up showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WarmUp {
    /// Whether throughput became flat in time.
    pub steady: bool,
    pub observed: Observed,
}

/// What single requests showed.
#[derive(Debug, Default)]
pub struct Counted {
    /// `None` if requests were not answered.
    pub counters: Option<Counters>,
    /// How long one of them takes when no other is in flight; zero where none was answered.
    pub idle: Duration,
    /// Why none of them was answered as expected.
    pub failing: Option<Error>,
    /// What is not counted, and why.
    pub missing: Vec<String>,
}

impl Counted {
    /// The same, unless no request was answered as expected.
    pub(super) fn unless_failing(self) -> Result<Self, Error> {
        match self.failing {
            Some(failing) => Err(failing),
            None => Ok(self),
        }
    }
}
