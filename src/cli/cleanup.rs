use crate::error::Error;
use crate::stack::{Engine, sweep};

/// Removes containers, networks and processes of runs whose process has ended.
pub(super) async fn run() -> Result<u8, Error> {
    let engine = Engine::connect().await;
    if let Err(error) = &engine {
        eprintln!("note: {error}; only processes are looked for");
    }
    let swept = sweep::remove_orphans(engine.ok().as_ref()).await?;
    println!(
        "removed {} containers, {} networks, {} processes",
        swept.containers, swept.networks, swept.processes
    );
    Ok(0)
}
