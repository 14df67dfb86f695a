//! Where the workers of one load meet: the first of them listens, the others come when their
//! connections are open. It says when the window opens, by its own clock, and every other worker measures
//! how far its own is from that. Lines of text over TCP; whoever can reach the port can keep a load from
//! beginning, and do no more.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::clock::{Clock, offset};
use crate::load::{Error, Meter};
use crate::model::{ClockOffset, Shard};

/// First words of a worker; another version of perfgate might speak otherwise.
const HELLO: &str = concat!("perfgate-load ", env!("CARGO_PKG_VERSION"));
const WELCOME: &str = "welcome";
const MEASURE: &str = "measure";
const TIME: &str = "time";
const MEASURED: &str = "measured";
/// Exchanges of the time: the one with the shortest way there and back counts.
const EXCHANGES: usize = 32;
/// Time between the last exchange and the start, for the word of it to reach all workers.
const LEAD: Duration = Duration::from_secs(1);
/// Longest wait for a line that the other side has at hand.
const PROMPT: Duration = Duration::from_secs(2);
/// Between two tries, and two looks at whether the load is to end.
const NAP: Duration = Duration::from_millis(20);
/// Bytes of a line.
const LONGEST_LINE: u64 = 256;

/// A worker that wants to take part.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    pub worker: Shard,
    /// Digest of what all workers must send alike.
    pub job: &'a str,
    /// Longest wait for the others.
    pub within: Duration,
}

/// The first worker, as the others find it.
#[derive(Debug)]
pub struct Coordinator {
    address: String,
    listener: TcpListener,
}

/// A line at a time.
struct Talk {
    stream: BufReader<TcpStream>,
}

impl Coordinator {
    /// Listens where the others look for it, as soon as this machine has that name.
    pub fn listen(address: &str, within: Duration, meter: &Meter) -> Result<Self, Error> {
        let deadline = Instant::now() + within;
        loop {
            let bound = TcpListener::bind(address).and_then(|listener| {
                listener.set_nonblocking(true)?;
                Ok(listener)
            });
            let is_final =
                |it: &io::Error| it.kind() == io::ErrorKind::AddrInUse || Instant::now() > deadline;
            match bound {
                Ok(listener) => {
                    let address = address.to_owned();
                    return Ok(Self { address, listener });
                }
                Err(source) if is_final(&source) => return Err(unreached(address, source)),
                Err(_) => pause(meter)?,
            }
        }
    }

    /// Where it listens.
    #[cfg(test)]
    pub(super) fn address(&self) -> String {
        let address = self.listener.local_addr();
        address.expect("it listens").to_string()
    }

    /// Waits for all other workers, has each measure its clock, and tells all when the window opens: in
    /// nanoseconds since 1970, by this clock.
    pub fn gather(self, entry: Entry<'_>, clock: &Clock, meter: &Meter) -> Result<i64, Error> {
        let mut others = self.others(entry, meter)?;
        for (index, talk) in &mut others {
            let lost = |source| Error::WorkerLost {
                worker: format!("{index}/{}", entry.worker.total),
                source,
            };
            talk.serve_time(clock).map_err(lost)?;
        }
        let lead = i64::try_from(LEAD.as_nanos()).unwrap_or(i64::MAX);
        let start = clock.now().saturating_add(lead);
        for talk in others.values_mut() {
            // Of a worker that is gone by now there will be no result, which invalidates the whole.
            let _ = talk.says(&start.to_string());
        }
        Ok(start)
    }

    fn others(&self, entry: Entry<'_>, meter: &Meter) -> Result<BTreeMap<usize, Talk>, Error> {
        let deadline = Instant::now() + entry.within;
        let total = entry.worker.total.get();
        let mut others = BTreeMap::new();
        while others.len() + 1 < total {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    // What does not speak our language is no worker, and no reason to stop.
                    if let Ok(Some((index, talk))) = welcomed(stream, entry, &others) {
                        others.insert(index, talk);
                    }
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(source) => return Err(unreached(&self.address, source)),
            }
            if Instant::now() > deadline {
                let own = entry.worker.index.get();
                let missing = (1..=total).filter(|it| *it != own && !others.contains_key(it));
                let missing: Vec<_> = missing.map(|it| format!("{it}/{total}")).collect();
                return Err(Error::WorkersMissing {
                    missing: missing.join(", "),
                    within: entry.within,
                });
            }
            pause(meter)?;
        }
        Ok(others)
    }
}

/// A worker with its number, where the load is the same and nobody else has that number.
fn welcomed(
    stream: TcpStream,
    entry: Entry<'_>,
    others: &BTreeMap<usize, Talk>,
) -> io::Result<Option<(usize, Talk)>> {
    let mut talk = Talk::new(stream)?;
    let said = talk.hears()?;
    let Some(rest) = said.strip_prefix(HELLO) else {
        let refusal = format!("it is not of version {}", env!("CARGO_PKG_VERSION"));
        talk.says(&refusal)?;
        return Ok(None);
    };
    let mut words = rest.split_whitespace();
    let worker = words.next().and_then(|it| it.parse::<Shard>().ok());
    let job = words.next().unwrap_or_default();
    let refusal = match worker {
        None => "it has no number".to_owned(),
        Some(it) if it.total != entry.worker.total => {
            format!(
                "it is one of {} workers, not of {}",
                it.total, entry.worker.total
            )
        }
        Some(it) if it.index == entry.worker.index || others.contains_key(&it.index.get()) => {
            format!("there is a worker {it} already")
        }
        Some(_) if job != entry.job => "it is to send another load".to_owned(),
        Some(it) => {
            talk.says(WELCOME)?;
            return Ok(Some((it.index.get(), talk)));
        }
    };
    talk.says(&refusal)?;
    Ok(None)
}

/// Meets the first worker: when the window opens by its clock, and how far the own one is from it.
pub fn join(
    address: &str,
    entry: Entry<'_>,
    clock: &Clock,
    meter: &Meter,
) -> Result<(i64, ClockOffset), Error> {
    let deadline = Instant::now() + entry.within;
    let mut talk = loop {
        match TcpStream::connect(address).and_then(Talk::new) {
            Ok(talk) => break talk,
            Err(source) if Instant::now() > deadline => return Err(unreached(address, source)),
            Err(_) => pause(meter)?,
        }
    };
    let failed = |source| unreached(address, source);
    let Entry { worker, job, .. } = entry;
    talk.says(&format!("{HELLO} {worker} {job}"))
        .map_err(failed)?;
    let answer = talk.hears().map_err(failed)?;
    if answer != WELCOME {
        return Err(Error::WorkerRefused {
            worker: worker.to_string(),
            reason: answer.escape_debug().to_string(),
        });
    }
    // The others may yet have to come.
    while !talk.has_more(MEASURE).map_err(failed)? {
        if Instant::now() > deadline {
            return Err(failed(io::ErrorKind::TimedOut.into()));
        }
        pause(meter)?;
    }
    let measured = talk.measure(clock).map_err(failed)?;
    let start = talk
        .hears_number(PROMPT.max(entry.within))
        .map_err(failed)?;
    Ok((start, measured))
}

impl Talk {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PROMPT))?;
        stream.set_write_timeout(Some(PROMPT))?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    fn says(&mut self, line: &str) -> io::Result<()> {
        self.stream
            .get_mut()
            .write_all(format!("{line}\n").as_bytes())
    }

    fn hears(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream
            .by_ref()
            .take(LONGEST_LINE)
            .read_line(&mut line)?;
        match line.strip_suffix('\n') {
            Some(line) => Ok(line.to_owned()),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn hears_number(&mut self, within: Duration) -> io::Result<i64> {
        self.stream.get_ref().set_read_timeout(Some(within))?;
        let line = self.hears()?;
        line.parse().map_err(|_| io::ErrorKind::InvalidData.into())
    }

    /// Whether the other side has said a word, which it then must be.
    fn has_more(&mut self, word: &str) -> io::Result<bool> {
        self.stream.get_ref().set_read_timeout(Some(NAP))?;
        let begun = self.stream.fill_buf().map(<[u8]>::len);
        self.stream.get_ref().set_read_timeout(Some(PROMPT))?;
        match begun {
            Err(error) if is_timeout(&error) => Ok(false),
            Err(error) => Err(error),
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) if self.hears()? == word => Ok(true),
            Ok(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Says what time it is until the other side has measured.
    fn serve_time(&mut self, clock: &Clock) -> io::Result<()> {
        self.says(MEASURE)?;
        // A worker asks so many times; one that goes on keeps all others waiting.
        for _ in 0..=EXCHANGES {
            match self.hears()?.as_str() {
                TIME => self.says(&clock.now().to_string())?,
                MEASURED => return Ok(()),
                _ => break,
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }

    fn measure(&mut self, clock: &Clock) -> io::Result<ClockOffset> {
        let mut best: Option<ClockOffset> = None;
        for _ in 0..EXCHANGES {
            let sent = clock.now();
            self.says(TIME)?;
            let said = self.hears_number(PROMPT)?;
            let found = offset(sent, said, clock.now());
            best = best
                .filter(|it| it.error_ns <= found.error_ns)
                .or(Some(found));
        }
        self.says(MEASURED)?;
        Ok(best.expect("there is an exchange"))
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

fn unreached(address: &str, source: io::Error) -> Error {
    Error::Coordinator {
        address: address.to_owned(),
        source,
    }
}

/// A moment, unless the load is to end.
fn pause(meter: &Meter) -> Result<(), Error> {
    if meter.is_stopped() {
        return Err(Error::Stopped);
    }
    thread::sleep(NAP);
    Ok(())
}
