//! Tries a configuration: brings its stack up once and calls every endpoint.

use super::observer::{Notice, Observer};
use super::run_context::RunContext;
use super::selection::Selection;
use super::signals::cleaned_up;
use crate::error::Error;
use crate::measure::{Event, Live, Stop, Trial, try_out};
use crate::stack::{self, Owner, Stack, sweep};

/// Tries every server that was selected, and leaves nothing behind.
pub async fn try_configuration(
    selection: &Selection,
    observe: Observer<'_>,
) -> Result<Vec<Trial>, Error> {
    let context = RunContext::find(selection, observe).await?;
    let engine = context.engine.as_ref();
    let work = |owner, stop| tried(&context, owner, stop, observe);
    let (tried, removed) = cleaned_up(engine, None, observe, work).await;
    let trials = tried?;
    removed?;
    Ok(trials)
}

async fn tried(
    context: &RunContext<'_>,
    owner: Owner,
    stop: Stop,
    observe: Observer<'_>,
) -> Result<Vec<Trial>, Error> {
    let show = |event: Event<'_>| observe(&Notice::Event(&event));
    let show_stage = |stage: stack::Stage<'_>| show(Event::Stage(stage));
    let (plan, engine) = (&context.plan, &context.engine);
    let up = async {
        sweep::remove_orphans(engine.as_ref()).await?;
        let programs = stack::prepare(plan, &owner, &show_stage).await?;
        let up = Stack::up(plan, engine.clone(), owner, &show_stage).await?;
        Ok::<_, stack::Error>(up.with(programs))
    };
    let stack = stop.or(up).await?;
    Ok(try_out(plan, &mut Live::new(&stack, stop), &show).await?)
}
