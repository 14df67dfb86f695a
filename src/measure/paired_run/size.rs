//! How each cell is to be loaded: tried in the first start alone.

use std::time::Duration;

use super::super::driver::Driver;
use super::super::pairs::Assignment;
use super::super::side_load::SideLoad;
use super::super::sizing::{self, Observed, Size};
use super::super::{Error, Turns};
use super::PairedRun;
use crate::model::{Side, Strategy};

/// Tries to find the number of connections that saturate a server.
const SIZING_TRIES: usize = 3;
/// What is tried must show a rate; a warm-up before rounds needs no more than to be one, in half of the time.
const WARM_UP_SHARE: u32 = 2;

impl<D: Driver> PairedRun<'_, D> {
    /// One start of each side, for what both must be known of before they take turns.
    pub(super) async fn survey(&mut self) -> Result<(), Error> {
        let mut sizes: Vec<Option<Size>> = vec![None; self.sizes.len()];
        let mut startup = Duration::ZERO;
        for first in Side::BOTH {
            let assignment = Assignment { first, slot: 0 };
            let before = self.driver.elapsed();
            self.start_sides(&[first], assignment).await?;
            startup += self.driver.elapsed().saturating_sub(before);
            self.count(&[first]).await?;
            for cell in self.answered_cells() {
                let own = self.size(cell).await?;
                sizes[cell] = Some(sizes[cell].map_or(own, |other| other.or_larger(own)));
            }
            self.stop_sides().await?;
        }
        self.sizes = sizes;
        self.plan_time(startup);
        Ok(())
    }

    /// Finds out how a cell is to be loaded.
    pub(super) async fn size(&mut self, cell: usize) -> Result<Size, Error> {
        let workload = &self.sides.head.cells[cell].workload;
        let (usual, idle) = (self.pairing.pacing.warmup, self.idle[cell]);
        let mut connections = sizing::first_connections(workload);
        // Of a server that answers one request at a time.
        let mut answer = idle.mul_f64(connections as f64);
        let mut tries = SIZING_TRIES;
        loop {
            let warmup = sizing::warm_up(usual, answer);
            let load = self.load(warmup, answer, connections, None);
            let observed = self.observed(cell, load).await?;
            let wanted = sizing::saturating(observed, idle, workload);
            answer = observed.mean_answer(connections);
            tries -= 1;
            if tries > 0 && !sizing::are_enough(connections, wanted) {
                answer = answer.mul_f64(wanted as f64 / connections as f64);
                connections = wanted;
                continue;
            }
            let pacing = self.pairing.pacing;
            let thresholds = &self.sides.head.cells[cell].thresholds;
            let counted = sizing::window_for_rate(thresholds, observed, pacing.pairs);
            let window = sizing::shortest_window(pacing.round, observed).max(counted);
            return Ok(Size {
                connections,
                observed,
                warmup: sizing::warm_up(usual / WARM_UP_SHARE, answer),
                window,
                open_window: window,
            });
        }
    }

    /// Load of each side for so long, where answers take so long on average while the server is
    /// saturated. Sides that are up together take turns.
    pub(super) fn load(
        &self,
        window: Duration,
        answer: Duration,
        connections: usize,
        rate: Option<f64>,
    ) -> SideLoad {
        let turns = match self.pairing.strategy {
            Strategy::Interleaved => Turns::one(window),
            _ => sizing::turns(window, answer, rate),
        };
        SideLoad {
            turns,
            connections,
            rate,
        }
    }

    /// What a load on a cell of the sides that are up shows.
    pub(super) async fn observed(
        &mut self,
        cell: usize,
        load: SideLoad,
    ) -> Result<Observed, Error> {
        let rounds = self.round_of_sides(cell, load, Side::Head).await?;
        let up = [rounds.head, rounds.base].into_iter().flatten();
        let observed = up.map(|round| Observed::of_tally(&round.tally));
        let slower = observed.reduce(Observed::or_slower);
        Ok(slower.expect("at least one side is up"))
    }
}

impl Size {
    /// What suits both of two sides that take turns.
    fn or_larger(self, other: Self) -> Self {
        Self {
            connections: self.connections.max(other.connections),
            observed: self.observed.or_slower(other.observed),
            warmup: self.warmup.max(other.warmup),
            window: self.window.max(other.window),
            open_window: self.open_window.max(other.open_window),
        }
    }
}
