//! The sides of one server: which are up, of which build, and a round of each.

use super::super::driver::{Counting, Data, Driver, Instance, Start, Startup};
use super::super::pairs::Assignment;
use super::super::side_load::SideLoad;
use super::super::{Counted, Error};
use super::PairedRun;
use crate::model::{Round, Side, Sides};

impl<'a, D: Driver> PairedRun<'a, D> {
    /// The server that is on a side, of the build that is there now.
    fn instance(&self, side: Side) -> Instance<'a> {
        let sides = self.sides;
        Instance {
            server: &sides.head.name,
            target: sides.get(self.builds.on(side)),
            side,
        }
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
                slot: assignment.slot_of(*side),
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
        let up = in_order.filter(|side| self.up.contains(side));
        let up: Vec<_> = up.map(|side| self.instance(side)).collect();
        load.round(self.driver, &up, cell, self.pairing.observe)
            .await
    }

    /// Single requests on a cell of one side.
    pub(super) async fn count_side(
        &mut self,
        side: Side,
        cell: usize,
        counting: Counting,
    ) -> Result<Counted, Error> {
        let instance = self.instance(side);
        let cell = &instance.target.cells[cell];
        self.driver.count(instance, cell, counting).await
    }

    /// Brings the data of one side to one of their sizes.
    pub(super) async fn grow_side(&mut self, side: Side, step: usize) -> Result<(), Error> {
        let observe = self.pairing.observe;
        self.driver.grow(self.instance(side), step, observe).await
    }

    /// Ends the sides that are up, or that failed to come up.
    pub(super) async fn stop_sides(&mut self) -> Result<(), Error> {
        self.up.clear();
        let instances = Side::BOTH.map(|side| self.instance(side));
        self.driver.stop(&instances).await
    }
}

impl Assignment {
    const fn slot_of(self, side: Side) -> u32 {
        match side {
            Side::Head => self.slot,
            Side::Base => 1 - self.slot,
        }
    }
}
