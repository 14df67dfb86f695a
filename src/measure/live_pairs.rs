use std::time::{Duration, Instant};

use super::live::{Open, guarded, loaded, longest_start, resources};
use super::stop::{GRACE, Step, Stop};
use super::{Counted, Draw, Error, Event, Observer, PairDriver, pass, turnover};
use crate::load::{Crew, Job};
use crate::model::{Cell, Pair, Rate, Round, Side, Sides, Target, Usage};
use crate::stack::machine::Moment;
use crate::stack::{Server, Stack, Stage, Tenancy};

/// Drives two real builds of a server with real load. Both are pinned to the same CPUs and loaded
/// at the same time, so that they see the same machine; each has a database of its own.
pub struct LivePairs<'a> {
    stack: &'a Stack,
    stop: Stop,
    clock: Instant,
    /// What each side's own commands have set up, to be copied for every start.
    set_up: Option<Sides<Tenancy>>,
    up: Sides<Option<Up>>,
}

/// A side that is up.
struct Up {
    server: Server,
    tenancy: Tenancy,
}

/// From the connections being open to the first request.
const LEAD: Duration = Duration::from_millis(20);

impl<'a> LivePairs<'a> {
    /// For one server of the stack; `stop` ends what is being done.
    pub fn new(stack: &'a Stack, stop: Stop) -> Self {
        Self {
            stack,
            stop,
            clock: Instant::now(),
            set_up: None,
            up: Sides::default(),
        }
    }

    fn up(&self, side: Side) -> &Up {
        let up = self.up.get(side).as_ref();
        up.expect("both sides are started before they are loaded")
    }

    fn job(&self, side: Side, cell: &Cell, rate: Option<Rate>) -> Job {
        let mut workload = cell.workload.clone();
        workload.rate = rate.or(workload.rate);
        Job {
            workload,
            origin: self.up(side).server.origin().clone(),
            cores: self.stack.cores().generator.clone(),
        }
    }

    /// Runs each side's own commands, in a database of its own.
    async fn set_up(
        &self,
        sides: &Sides<Target>,
        observe: &(dyn Fn(Stage<'_>) + Send + Sync),
    ) -> Result<Sides<Tenancy>, Error> {
        let mut tenancies = Sides::default();
        for (side, number) in Side::BOTH.into_iter().zip(1..) {
            let name = format!("perfgate_{}", side.name());
            let tenancy = self.stack.tenancy(&name, number).await?;
            let target = sides.get(side);
            self.stack.set_up(target, &tenancy, observe).await?;
            *tenancies.get_mut(side) = tenancy;
        }
        Ok(tenancies)
    }

    /// A round of both sides over the same stretch of time, within its deadline.
    async fn together(
        &self,
        cells: Sides<&Cell>,
        window: Duration,
        rate: Option<f64>,
        first: Side,
        observe: Observer<'_>,
    ) -> Result<Sides<Round>, Error> {
        let what = format!("a pair of rounds of {}", cells.head.endpoint);
        let step = Step {
            server: self.up(Side::Head).server.name(),
            what: &what,
        };
        let within = window + cells.head.workload.timeout + GRACE;
        let work = self.measured(cells, window, rate, first, observe);
        guarded(self.stack, self.stop.or_late(step, within, work)).await
    }

    async fn measured(
        &self,
        cells: Sides<&Cell>,
        window: Duration,
        rate: Option<f64>,
        first: Side,
        observe: Observer<'_>,
    ) -> Result<Sides<Round>, Error> {
        let steady = rate.map(|rate| Rate {
            from: rate,
            to: rate,
        });
        let head = self.job(Side::Head, cells.head, steady);
        let base = self.job(Side::Base, cells.base, steady);
        let (head, base) =
            loaded(move || Ok((Crew::connect(&head)?, Crew::connect(&base)?))).await?;
        let before = Sides {
            head: resources(&self.up(Side::Head).server).await?,
            base: resources(&self.up(Side::Base).server).await?,
        };
        let moment = Moment::now();
        let opens = Instant::now() + LEAD;
        // Requests that are due at the same instant would wait for each other, always in the same
        // order.
        let later = opens
            + rate.map_or(Duration::ZERO, |rate| {
                Duration::from_secs_f64(0.5 / rate.max(1.0))
            });
        let opens_of = |side| if side == first { opens } else { later };
        let mut loads = Sides {
            head: Open::at(head, opens_of(Side::Head), window),
            base: Open::at(base, opens_of(Side::Base), window),
        };
        let mut highest = Sides::default();
        while let Some(rate) = loads.head.next_rate().await {
            observe(Event::Rate(rate));
            for side in Side::BOTH {
                let seen = self.up(side).server.working_set().await;
                let highest: &mut u64 = highest.get_mut(side);
                *highest = seen.unwrap_or_default().max(*highest);
            }
        }
        let tallies = Sides {
            head: loads.head.close().await?,
            base: loads.base.close().await?,
        };
        let mut after = Sides::default();
        for side in Side::BOTH {
            let server = &self.up(side).server;
            server.check().await?;
            *after.get_mut(side) = resources(server).await?;
        }
        let round = |side: Side| {
            let both = before.get(side).as_ref().zip(after.get(side).as_ref());
            let throttled = both.map_or(Duration::ZERO, |(before, after)| {
                after.throttled.saturating_sub(before.throttled)
            });
            Round {
                tally: tallies.get(side).clone(),
                usage: both.map(|(before, after)| Usage {
                    cpu: after.cpu.saturating_sub(before.cpu),
                    memory: after.memory.max(*highest.get(side)),
                    rss: after.rss,
                }),
                machine: Some(Moment::now().since(moment, throttled)),
                turnover: both.and_then(|(before, after)| turnover::between(before, after)),
            }
        };
        Ok(Sides {
            head: round(Side::Head),
            base: round(Side::Base),
        })
    }
}

impl PairDriver for LivePairs<'_> {
    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    async fn start(
        &mut self,
        sides: &Sides<Target>,
        draw: Draw,
        observe: Observer<'_>,
    ) -> Result<Sides<Option<Duration>>, Error> {
        let observe = |stage: Stage<'_>| observe(Event::Stage(stage));
        if self.set_up.is_none() {
            let set_up = self.set_up(sides, &observe);
            self.set_up = Some(guarded(self.stack, self.stop.or(set_up)).await?);
        }
        let set_up = self.set_up.as_ref().expect("set up above");
        let mut startup = Sides::default();
        for side in [draw.first, draw.first.other()] {
            let place = if side == Side::Head {
                draw.place
            } else {
                1 - draw.place
            };
            let name = format!("perfgate_{place}");
            let target = sides.get(side);
            let started = async {
                let tenancy = self.stack.copied(set_up.get(side), &name).await?;
                let server = self.stack.start(target, &tenancy, &observe).await?;
                Ok(Up { server, tenancy })
            };
            let step = Step {
                server: &target.name,
                what: "its start",
            };
            let started = self.stop.or_late(step, longest_start(target), started);
            let Up { server, tenancy } = guarded(self.stack, started).await?;
            *startup.get_mut(side) = server.startup();
            *self.up.get_mut(side) = Some(Up { server, tenancy });
        }
        Ok(startup)
    }

    async fn count(&mut self, side: Side, cell: &Cell) -> Result<Counted, Error> {
        let Up { server, tenancy } = self.up(side);
        let what = format!("single requests of {}", cell.endpoint);
        let step = Step {
            server: server.name(),
            what: &what,
        };
        let work = async {
            let counted = pass::count(self.stack, tenancy, self.job(side, cell, None)).await?;
            server.check().await?;
            Ok(counted)
        };
        let within = pass::LONGEST + GRACE;
        guarded(self.stack, self.stop.or_late(step, within, work)).await
    }

    async fn warm_up(
        &mut self,
        cells: Sides<&Cell>,
        longest: Duration,
        observe: Observer<'_>,
    ) -> Result<f64, Error> {
        let rounds = self.together(cells, longest, None, Side::Head, observe);
        let rounds = rounds.await?.as_ref().map(Round::throughput);
        Ok(rounds.head.min(rounds.base))
    }

    async fn pair(
        &mut self,
        cells: Sides<&Cell>,
        window: Duration,
        capacity: f64,
        first: Side,
        observe: Observer<'_>,
    ) -> Result<Pair, Error> {
        let closed = self.together(cells, window, None, first, observe).await?;
        let open = if cells.head.workload.rate.is_some() {
            closed.clone()
        } else {
            let rate = Some(capacity / 2.0);
            self.together(cells, window, rate, first, observe).await?
        };
        Ok(Pair {
            closed,
            open: Some(open),
        })
    }

    async fn stop(&mut self) -> Result<(), Error> {
        for side in Side::BOTH {
            if let Some(up) = self.up.get_mut(side).take() {
                self.stop.or(up.server.stop()).await?;
            }
        }
        Ok(())
    }
}
