//! How many files and local ports there are. Takes the number of connections a load needs,
//! raises the soft limit of open files as far as the hard one allows, and promises that the
//! connections fit or says what is missing.

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

/// The ports that connections may be given, where the kernel reports them.
const PORT_RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// Checks that so many connections to one address can have a local port each.
pub(super) fn check_ports(connections: usize) -> Result<(), Error> {
    let range = std::fs::read_to_string(PORT_RANGE).ok();
    match range.as_deref().and_then(ports) {
        Some(available) if available < connections => Err(Error::Ports {
            needed: connections,
            available,
        }),
        _ => Ok(()),
    }
}

/// The size of a range given by its first and last port.
fn ports(range: &str) -> Option<usize> {
    let mut ends = range.split_whitespace().map(str::parse::<usize>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    Some((last + 1).saturating_sub(first))
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
    fn ports_are_counted_with_both_ends() {
        assert_eq!(ports("32768\t60999\n"), Some(28_232));
        assert_eq!(ports("9 8"), Some(0));
        assert_eq!(ports("?"), None);
    }

    #[test]
    fn more_connections_than_ports_are_refused() {
        let error = check_ports(70_000).unwrap_err();
        assert!(matches!(error, Error::Ports { needed: 70_000, .. }));
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
