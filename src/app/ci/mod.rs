//! A job on GitHub or GitLab: the command for its event, published there.

mod delivery;
mod gitlab;
mod options;
mod tasks;

pub use delivery::OUTPUTS;
pub use options::CiOptions;

use super::observer::{Notice, Observer};
use super::secrets::without_secrets;
use crate::error::Error;
use crate::model::chain;
use crate::publish::gitlab::GitLabJob;
use crate::publish::workflow::{self, Level, Silence};
use crate::publish::{Job, Task};
use crate::{report, stack};

/// Measures and judges, stores, or publishes what others measured, as the event calls for; the code
/// to exit with. Where that fails, GitHub shows why.
pub async fn ci(options: &CiOptions, observe: Observer<'_>) -> Result<u8, Error> {
    if is_on_gitlab() {
        hide_environment(observe);
        return gitlab::ci(options, observe).await;
    }
    let job = find_job(observe)?;
    let task = job.task(options.mode).map_err(Error::from);
    let task = task.inspect_err(|error| publish_failure(&job, error, observe))?;
    // Nothing that a server or a container says is a command to the runner.
    let silence = Silence::begin();
    observe(&Notice::Line(&silence.start()));
    let result = match task {
        Task::Check => tasks::check(options, &job, observe).await,
        Task::Refresh => tasks::refresh(options, &job, observe).await,
        Task::Report => tasks::report(options, &job, observe).await,
        Task::Merge => tasks::merge(options, &job, observe).await,
    };
    let (code, commands) = result.unwrap_or_else(|error| {
        observe(&Notice::Cut(&error));
        publish_failure(&job, &error, observe);
        let why = without_secrets(&chain(&error));
        let command = workflow::annotation(Level::Error, "perfgate", &why);
        (error.exit_code(), vec![command])
    });
    observe(&Notice::Line(&silence.end()));
    for command in &commands {
        observe(&Notice::Line(command));
    }
    Ok(code)
}

/// Closes the check that a cancelled run of this job left open.
pub async fn close_check(options: &CiOptions, observe: Observer<'_>) -> Result<(), Error> {
    if is_on_gitlab() {
        // A job is its own check there.
        return Ok(());
    }
    let job = find_job(observe)?;
    // Of what was refused, and of a refresh, there is no check.
    let has_check = matches!(
        job.task(options.mode),
        Ok(Task::Check | Task::Report | Task::Merge)
    );
    let file = options.check.selection.file();
    if let (true, Ok(file)) = (has_check, file) {
        let mut publisher = options.publisher(&job, &file)?;
        publisher.close_left_open().await;
        for command in publisher.into_lines() {
            observe(&Notice::Line(&command));
        }
    }
    Ok(())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn is_on_gitlab() -> bool {
    GitLabJob::is_here(variable)
}

fn find_job(observe: Observer<'_>) -> Result<Job, Error> {
    hide_environment(observe);
    Ok(Job::find(variable)?)
}

/// What is measured runs as the same user, and this process holds a token.
fn hide_environment(observe: Observer<'_>) {
    if let Err(error) = stack::close_to_others() {
        observe(&Notice::Note(&format!(
            "warning: what is measured could read this process's environment: {error}"
        )));
    }
}

/// What later steps and readers find of a job that has no report, whatever ended it.
fn publish_failure(job: &Job, error: &Error, observe: Observer<'_>) {
    let page = report::failure(&without_secrets(&chain(error)));
    let summary = job.summary.as_ref();
    let summary = summary.map(|it| workflow::summarise(it, &page));
    let verdict = [("verdict", "error".to_owned())];
    let outputs = job.outputs.as_ref();
    let outputs = outputs.map(|it| workflow::set_outputs(it, &verdict));
    for error in summary.into_iter().chain(outputs).filter_map(Result::err) {
        observe(&Notice::Warning(&error.into()));
    }
}
