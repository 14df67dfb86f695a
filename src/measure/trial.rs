//! Every server once, with single requests to each of its endpoints: whether a configuration works.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Counting, Data, Driver, Error, Event, Instance, Observer, Start, Startup};
use crate::model::{Cell, Plan, Ready, Target};

/// What one start of a server showed.
#[derive(Debug)]
pub struct Trial {
    pub server: String,
    /// The endpoint that says when it is up.
    pub first: Option<String>,
    /// Time to its first good answer, where that is known.
    pub started: Result<Option<Duration>, Error>,
    /// None where the server did not start; without those after one that ended it.
    pub endpoints: Vec<EndpointTrial>,
    /// What its services cannot count, and why.
    pub missing: BTreeSet<String>,
}

/// What single requests to an endpoint showed.
#[derive(Debug)]
pub struct EndpointTrial {
    pub endpoint: String,
    /// How long an answer takes with no other request in flight.
    pub answered: Result<Duration, Error>,
}

impl Trial {
    /// The first thing that does not work.
    pub fn failure(&self) -> Option<&Error> {
        let mut endpoints = self.endpoints.iter();
        let of_start = self.started.as_ref().err();
        of_start.or_else(|| endpoints.find_map(|it| it.answered.as_ref().err()))
    }
}

/// Tries every server of a plan, one after the other. What concerns more than one ends it.
pub async fn try_out(
    plan: &Plan,
    driver: &mut impl Driver,
    observe: Observer<'_>,
) -> Result<Vec<Trial>, Error> {
    let mut trials = Vec::new();
    for target in &plan.targets {
        let trial = of_server(target, driver, observe).await?;
        driver.stop(&[Instance::from_target(target)]).await?;
        trials.push(trial);
    }
    Ok(trials)
}

async fn of_server(
    target: &Target,
    driver: &mut impl Driver,
    observe: Observer<'_>,
) -> Result<Trial, Error> {
    let mut started = started(target, driver, observe).await?;
    let mut others = target.cells.iter().skip(1);
    // One endpoint that answers otherwise keeps nothing from being learned of the others.
    while started.as_ref().is_err_and(Error::is_wrong_answer)
        && let Some(cell) = others.next()
    {
        let mut by_another = target.clone();
        by_another.ready = ready_by(cell, &target.ready);
        driver.stop(&[Instance::from_target(target)]).await?;
        started = match self::started(&by_another, driver, observe).await? {
            Err(error) if error.is_wrong_answer() => started,
            other => other,
        };
    }
    let instance = Instance::from_target(target);
    let is_up = started.is_ok();
    let mut trial = Trial {
        server: target.name.clone(),
        first: target.cells.first().map(|it| it.endpoint.clone()),
        started: started.map(|it| it.into_iter().flatten().next().map(|startup| startup.time)),
        endpoints: Vec::new(),
        missing: BTreeSet::new(),
    };
    for cell in target.cells.iter().filter(|_| is_up) {
        observe(Event::Count {
            server: &target.name,
            endpoint: &cell.endpoint,
        });
        let counted = of_one_server(driver.count(instance, cell, Counting::Full).await)?;
        let has_ended = counted.is_err();
        let answered = counted.and_then(|mut counted| {
            trial
                .missing
                .append(&mut counted.missing.drain(..).collect());
            Ok(counted.unless_failing()?.idle)
        });
        trial.endpoints.push(EndpointTrial {
            endpoint: cell.endpoint.clone(),
            answered,
        });
        if has_ended {
            break;
        }
    }
    Ok(trial)
}

async fn started(
    target: &Target,
    driver: &mut impl Driver,
    observe: Observer<'_>,
) -> Result<Result<Vec<Option<Startup>>, Error>, Error> {
    let start = Start {
        instance: Instance::from_target(target),
        data: Data::Own,
    };
    of_one_server(driver.start(&[start], observe).await)
}

/// A server that counts as started once it answers the first request of an endpoint.
fn ready_by(cell: &Cell, usual: &Ready) -> Ready {
    let Some(request) = cell.workload.requests.first() else {
        return usual.clone();
    };
    Ready {
        method: request.method.clone(),
        path: request.path.clone(),
        headers: request.headers.clone(),
        body: request.body.clone(),
        status: Some(request.expect.status),
        contains: None,
        json: Vec::new(),
        ..usual.clone()
    }
}

/// An error that concerns one server is a result of its trial.
fn of_one_server<T>(result: Result<T, Error>) -> Result<Result<T, Error>, Error> {
    match result {
        Err(error) if !error.is_of_one_server() => Err(error),
        result => Ok(result),
    }
}
