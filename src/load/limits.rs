//! How many files the process may open. Takes the number of connections a load needs, raises the
//! soft limit as far as the hard one allows, and promises that the connections fit or says what
//! is missing.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Error;

/// Files besides the connections: pollers and wakers of the threads, logs, pipes, databases.
const RESERVE: u64 = 64;
const PER_THREAD: u64 = 4;

/// Makes room for the connections of a load.
pub(super) fn make_room(connections: usize, threads: usize) -> Result<(), Error> {
    let needed = connections as u64 + threads as u64 * PER_THREAD + RESERVE;
    let limit = getrlimit(Resource::Nofile);
    let Some(raised) = raised(limit, needed)? else {
        return Ok(());
    };
    setrlimit(Resource::Nofile, raised).map_err(|_| Error::OpenFiles {
        needed,
        limit: limit.current.unwrap_or(u64::MAX),
    })
}

/// The limit to set before `needed` files can be open; none when they already can.
fn raised(limit: Rlimit, needed: u64) -> Result<Option<Rlimit>, Error> {
    let fits = |bound: Option<u64>| bound.is_none_or(|bound| bound >= needed);
    match (fits(limit.current), limit.maximum) {
        (true, _) => Ok(None),
        (false, maximum) if fits(maximum) => Ok(Some(Rlimit {
            current: maximum,
            maximum,
        })),
        (false, maximum) => Err(Error::OpenFiles {
            needed,
            limit: maximum.unwrap_or(u64::MAX),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(current: u64, maximum: u64) -> Rlimit {
        Rlimit {
            current: Some(current),
            maximum: Some(maximum),
        }
    }

    #[test]
    fn sufficient_limit_stays() {
        assert_eq!(raised(limit(1024, 4096), 1024).unwrap(), None);
    }

    #[test]
    fn soft_limit_rises_to_the_hard_one() {
        assert_eq!(
            raised(limit(1024, 4096), 1025).unwrap(),
            Some(limit(4096, 4096))
        );
    }

    #[test]
    fn limit_below_the_need_is_named() {
        let error = raised(limit(1024, 4096), 4097).unwrap_err();
        assert!(matches!(
            error,
            Error::OpenFiles {
                needed: 4097,
                limit: 4096
            }
        ));
    }
}
