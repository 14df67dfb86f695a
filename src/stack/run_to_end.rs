//! Containers that do one thing and end.

use std::time::Duration;

use super::Error;
use super::container::Container;

pub(super) async fn run_to_end(
    container: Container,
    name: &str,
    command: String,
    within: Duration,
) -> Result<(), Error> {
    let ended = tokio::time::timeout(within, container.wait()).await;
    if matches!(ended, Ok(Ok(0))) {
        return container.remove().await;
    }
    let (name, output) = (name.to_owned(), container.output().await);
    container.remove().await?;
    Err(match ended {
        Ok(status) => Error::Command {
            name,
            command,
            status: format!("exit code {}", status?),
            output,
        },
        Err(_) => Error::Overdue {
            name,
            command,
            within,
            output,
        },
    })
}
