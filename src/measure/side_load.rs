//! Both builds of a server under load, in turns.

use super::{Driver, Error, Instance, Load, Observer, Sharing, Turns};
use crate::model::{Rate, Round, Side, Sides, Target};

/// How each side is loaded in a round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SideLoad {
    /// In turns, so that neither side takes time from the other and both see the same machine.
    pub(super) turns: Turns,
    pub(super) connections: usize,
    /// Requests per second; nothing for as much as each side takes, or for a cell's own rate.
    pub(super) rate: Option<f64>,
}

impl SideLoad {
    /// A round on a cell, by its position, of those sides that are up, in the order of their first turns.
    pub(super) async fn round(
        self,
        driver: &mut impl Driver,
        up: &[Instance<'_>],
        cell: usize,
        observe: Observer<'_>,
    ) -> Result<Sides<Option<Round>>, Error> {
        let loads: Vec<_> = up.iter().map(|instance| self.on(*instance, cell)).collect();
        let sharing = Sharing::InTurns(self.turns);
        let measured = driver.rounds(&loads, sharing, observe).await?;
        let mut rounds = Sides::default();
        for (instance, round) in up.iter().zip(measured) {
            *rounds.get_mut(instance.side) = Some(round);
        }
        Ok(rounds)
    }

    fn on(self, instance: Instance<'_>, cell: usize) -> Load<'_> {
        let mut load = Load::from_cell(instance, &instance.target.cells[cell]);
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

/// Both sides, each of its own build.
pub(super) fn both(sides: &Sides<Target>) -> [Instance<'_>; 2] {
    Side::BOTH.map(|side| Instance {
        server: &sides.head.name,
        target: sides.get(side),
        side,
    })
}
