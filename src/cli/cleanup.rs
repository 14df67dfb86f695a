use crate::error::Error;
use crate::model::exit_code;
use crate::stack::{Engine, sweep};

/// Removes containers, networks and processes of runs that have ended.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Also remove unused images that perfgate built; the next run builds them again.
    #[arg(long)]
    images: bool,
}

pub(super) async fn run(args: Args) -> Result<u8, Error> {
    let engine = match Engine::connect().await {
        Ok(engine) => Some(engine),
        Err(error) if args.images => return Err(error.into()),
        Err(error) => {
            eprintln!("note: {error}; only processes are looked for");
            None
        }
    };
    let swept = sweep::remove_orphans(engine.as_ref()).await?;
    println!(
        "removed {} containers, {} networks, {} processes",
        swept.containers, swept.networks, swept.processes
    );
    if let Some(engine) = engine.filter(|_| args.images) {
        let images = sweep::remove_images(&engine).await?;
        println!("removed {} images", images.removed);
        if images.kept > 0 {
            eprintln!("note: {} images stay: containers use them", images.kept);
        }
    }
    Ok(exit_code::PASSED)
}
