//! The sides of one server: which are up, of which build, and a round of each.

use super::super::driver::{Data, Driver, Instance, Load, Start, Startup};
use super::super::pairs::Assignment;
use super::super::{Counted, Error, Sharing, Turns};
use super::PairedRun;
use crate::model::{Cell, Rate, Round, Side, Sides};

/// How each side is loaded in a round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SideLoad {
    /// In turns, so that neither side takes time from the other and both see the same machine.
    pub(super) turns: Turns,
    pub(super) connections: usize,
    /// Requests per second; nothing for as much as each side takes, or for a cell's own rate.
    pub(super) rate: Option<f64>,
}

impl<'a, D: Driver> PairedRun<'a, D> {
    /// The server that is on a side, of the build that is there now.
    fn instance(&self, side: Side) -> Instance<'a> {
        let sides = self.sides;
        Instance {
            target: sides.get(self.builds.on(side)),
            side,
        }
    }

    fn cell(&self, side: Side, cell: usize) -> &'a Cell {
        &self.instance(side).target.cells[cell]
    }

    /// Starts some sides, all at once.
    pub(super) async fn start_sides(
        &mut self,
        started: &[Side],
        assignment: Assignment,
    ) -> Result<Sides<Option<Startup>>, Error> {
        let start = |side: &Side| Start {
            instance: self.instance(*side),
            data: Data::Copy {
                of: self.builds.on(*side),
                place: assignment.place_of(*side),
            },
        };
        let starts: Vec<_> = started.iter().map(start).collect();
        let observe = self.pairing.observe;
        let took = self.driver.start(&starts, observe).await?;
        self.up.extend(started);
        let mut startups = Sides::default();
        for (side, took) in started.iter().zip(took) {
            *startups.get_mut(*side) = took;
        }
        Ok(startups)
    }

    /// A round on a cell of every side that is up; `first` takes the first turn.
    pub(super) async fn round_of_sides(
        &mut self,
        cell: usize,
        load: SideLoad,
        first: Side,
    ) -> Result<Sides<Option<Round>>, Error> {
        let in_order = [first, first.other()].into_iter();
        let up: Vec<Side> = in_order.filter(|side| self.up.contains(side)).collect();
        let of = |side: &Side| load.on(self.instance(*side), self.cell(*side, cell));
        let loads: Vec<_> = up.iter().map(of).collect();
        let (sharing, observe) = (Sharing::InTurns(load.turns), self.pairing.observe);
        let measured = self.driver.rounds(&loads, sharing, observe).await?;
        let mut rounds = Sides::default();
        for (side, round) in up.into_iter().zip(measured) {
            *rounds.get_mut(side) = Some(round);
        }
        Ok(rounds)
    }

    /// Single requests on a cell of one side.
    pub(super) async fn count_side(&mut self, side: Side, cell: usize) -> Result<Counted, Error> {
        let (instance, cell) = (self.instance(side), self.cell(side, cell));
        self.driver.count(instance, cell).await
    }

    /// Ends the sides that are up, or that failed to come up.
    pub(super) async fn stop_sides(&mut self) -> Result<(), Error> {
        self.up.clear();
        let instances = Side::BOTH.map(|side| self.instance(side));
        self.driver.stop(&instances).await
    }
}

impl SideLoad {
    fn on<'a>(self, instance: Instance<'a>, cell: &'a Cell) -> Load<'a> {
        let mut load = Load::of(instance, cell);
        let workload = &mut load.workload;
        workload.connections = self.connections;
        workload.threads = workload.threads.min(self.connections);
        let rate = |rate| Rate {
            from: rate,
            to: rate,
        };
        workload.rate = self.rate.map(rate).or(workload.rate);
        load
    }
}

impl Assignment {
    const fn place_of(self, side: Side) -> u32 {
        match side {
            Side::Head => self.place,
            Side::Base => 1 - self.place,
        }
    }
}
