use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use hdrhistogram::Histogram;

/// What the load engine counted in one timed window.
///
/// Every request is counted exactly once:
/// `started = succeeded + failed (by kind) + unfinished`, see [`Tally::is_balanced`].
#[derive(Debug, Clone, schemars::JsonSchema, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    /// Length of the window, or of all turns, without the drain after it.
    pub window: Duration,
    pub started: u64,
    /// Expected responses, those that arrived during the drain included.
    pub succeeded: u64,
    /// Expected responses that arrived before the window closed, in turns those that arrived
    /// during the drain as well; throughput counts these.
    pub succeeded_in_window: u64,
    /// From the opening of the window to the last of these, which makes their rate exact where a
    /// count in a fixed window would be off by up to one batch of responses; the sum over turns. The
    /// whole window where the server stood still at its end for longer than ever before in it; nothing
    /// for the open loop, whose rate is given, and for documents of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Duration>,
    /// Failed requests by kind.
    pub errors: BTreeMap<Failure, u64>,
    /// Requests in flight at the end that did not come back within the drain.
    pub unfinished: u64,
    /// Complete responses by status code, expected or not.
    pub status: BTreeMap<u16, u64>,
    /// Bytes received: heads and bodies.
    pub bytes: u64,
    /// Body bytes of complete responses.
    pub body_bytes: u64,
    /// Connections opened after the first one of each slot. The server closing after a complete
    /// response is not an error.
    pub reconnects: u64,
    /// Connections that the server closed after a complete response.
    #[serde(default)]
    pub closed_by_server: u64,
    /// Nanoseconds to the last byte of the response: in the closed loop from the request's first
    /// byte sent, in the open loop from the moment it was due. Failed and timed-out requests are
    /// in it at the time they had waited.
    #[serde(with = "super::histogram")]
    #[schemars(with = "String")]
    pub latency: Histogram<u64>,
    /// Time to set up a connection, in nanoseconds.
    #[serde(with = "super::histogram")]
    #[schemars(with = "String")]
    pub connect: Histogram<u64>,
    /// CPU time of the generator's threads over the window and the drain.
    pub generator_cpu: Duration,
    /// Requests per second that one thread completed, over spans of 100 ms.
    #[serde(with = "super::histogram", default = "new_histogram")]
    #[schemars(with = "String")]
    pub thread_rate: Histogram<u64>,
    /// Nothing for the closed loop.
    #[serde(default)]
    pub open: Option<OpenLoop>,
    /// The first request that failed; absent if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_failure: Option<FirstFailure>,
    /// What was overlooked to read responses that are not quite HTTP.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub leniences: BTreeSet<Lenience>,
}

/// How the first request of a window failed that did.
#[derive(
    Debug, Clone, PartialEq, Eq, schemars::JsonSchema, serde::Serialize, serde::Deserialize,
)]
pub struct FirstFailure {
    /// Time since the window opened.
    pub after: Duration,
    pub kind: Failure,
    /// Method and path.
    pub request: String,
    /// The response's first line; absent if none came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_line: Option<String>,
    /// The first 300 bytes of the body as text, decoded; what cannot be printed is escaped. Of what
    /// is no response, the first bytes received.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// What was expected of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was found instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// The last lines of the server's output after the window; empty where nobody can read them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub log: String,
}

/// What is no HTTP and is read all the same, as user agents do.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    schemars::JsonSchema,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Lenience {
    /// A header field goes on in the next line (RFC 9112, section 5.2).
    FoldedLine,
    /// A blank stands between a field's name and its colon (RFC 9112, section 5.1).
    BlankBeforeColon,
    /// A header line has a colon, and no name or value of a field; it is passed over.
    JunkLine,
    /// The end of a line follows a body that is complete without it.
    LineEndAfterBody,
}

impl Lenience {
    pub const ALL: [Self; 4] = [
        Self::FoldedLine,
        Self::BlankBeforeColon,
        Self::JunkLine,
        Self::LineEndAfterBody,
    ];
}

/// What only a load at a given rate has.
#[derive(Debug, Clone, schemars::JsonSchema, serde::Serialize, serde::Deserialize)]
pub struct OpenLoop {
    /// Requests that were due within the window. Those never sent, because every connection was
    /// busy until the end of the drain, are started and unfinished.
    pub offered: u64,
    /// Requests sent before the window closed.
    pub sent: u64,
    /// Nanoseconds from the request's first byte sent to the response's last byte read.
    #[serde(with = "super::histogram")]
    #[schemars(with = "String")]
    pub service: Histogram<u64>,
    /// Nanoseconds by which the generator itself was late: from the moment the request was due
    /// and a connection was free until it was sent.
    #[serde(with = "super::histogram")]
    #[schemars(with = "String")]
    pub send_lag: Histogram<u64>,
    /// Latency of the requests due in each tenth of the window, in nanoseconds; empty for a
    /// constant rate, which is all that measurements are stored of.
    #[serde(skip)]
    pub steps: Vec<Histogram<u64>>,
}

/// Ways a request can fail, each counted apart.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    schemars::JsonSchema,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The name of the server has no address.
    Dns,
    /// The server's port refused the connection.
    ConnectRefused,
    /// No answer to the connection attempt within the timeout.
    ConnectTimeout,
    /// No local port is left (`EADDRNOTAVAIL`).
    OutOfPorts,
    /// The open-file limit is reached (`EMFILE`, `ENFILE`).
    OutOfFiles,
    /// Any other connection failure.
    Connect,
    /// No TLS session: the certificate is not trusted, or no common protocol.
    Tls,
    /// The request could not be written.
    Write,
    /// Connection reset before the first byte of a response.
    Reset,
    /// Connection closed before the first byte of a response, and again on the one retry.
    Closed,
    /// Connection closed inside the response head.
    ClosedInHead,
    /// Connection closed inside the response body.
    ClosedInBody,
    /// The bytes received are no HTTP response.
    Unparsable,
    /// No complete response within the timeout.
    Timeout,
    /// Complete response with another status than expected.
    UnexpectedStatus,
    /// Complete response without the expected content.
    BodyMismatch,
    /// Complete response whose body's length is too far from the first one's.
    LengthDrift,
}

impl Failure {
    /// Its name in documents.
    pub fn name(self) -> String {
        let name = serde_json::to_value(self).ok();
        let name = name.as_ref().and_then(serde_json::Value::as_str);
        name.unwrap_or_default().to_owned()
    }
}

impl OpenLoop {
    /// Parts of a window with a changing rate that are counted apart.
    pub const STEPS: usize = 10;

    pub fn empty() -> Self {
        Self {
            offered: 0,
            sent: 0,
            service: new_histogram(),
            send_lag: new_histogram(),
            steps: Vec::new(),
        }
    }

    /// Counts a request that was due at a share of the window into its step.
    pub fn record_step(&mut self, share: f64, latency: u64) {
        let position = (share * Self::STEPS as f64).clamp(0.0, Self::STEPS as f64 - 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the number of steps"
        )]
        let step = position as usize;
        self.steps.resize_with(Self::STEPS, new_histogram);
        self.steps[step].saturating_record(latency);
    }

    fn merge(&mut self, other: &Self) {
        self.offered += other.offered;
        self.sent += other.sent;
        add(&mut self.service, &other.service);
        add(&mut self.send_lag, &other.send_lag);
        let steps = self.steps.len().max(other.steps.len());
        self.steps.resize_with(steps, new_histogram);
        for (sum, more) in self.steps.iter_mut().zip(&other.steps) {
            add(sum, more);
        }
    }
}

impl Tally {
    /// A tally in which nothing has happened yet.
    pub fn empty(window: Duration) -> Self {
        Self {
            window,
            started: 0,
            succeeded: 0,
            succeeded_in_window: 0,
            span: None,
            errors: BTreeMap::new(),
            unfinished: 0,
            status: BTreeMap::new(),
            bytes: 0,
            body_bytes: 0,
            reconnects: 0,
            closed_by_server: 0,
            latency: new_histogram(),
            connect: new_histogram(),
            generator_cpu: Duration::ZERO,
            thread_rate: new_histogram(),
            open: None,
            first_failure: None,
            leniences: BTreeSet::new(),
        }
    }

    pub fn failed(&self) -> u64 {
        total(self.errors.values().copied())
    }

    /// Expected responses per second.
    pub fn throughput(&self) -> f64 {
        self.succeeded_in_window as f64 / self.span().as_secs_f64()
    }

    /// The time that its successes in the window took.
    pub fn span(&self) -> Duration {
        self.span.unwrap_or(self.window)
    }

    /// How requests failed, by kind, and the status codes of the responses there were:
    /// `5 unexpected_status (status 404)`.
    pub fn failures_in_words(&self) -> String {
        let kind = |(failure, count): (&Failure, &u64)| format!("{count} {}", failure.name());
        let mut kinds: Vec<_> = self.errors.iter().map(kind).collect();
        if kinds.is_empty() {
            kinds.push("no answer".into());
        }
        let codes: Vec<_> = self.status.keys().map(u16::to_string).collect();
        let mut text = kinds.join(", ");
        if !codes.is_empty() {
            text.push_str(&format!(" (status {})", codes.join(", ")));
        }
        if let Some(first) = &self.first_failure {
            let parts = [&first.status_line, &first.expected, &first.found];
            let details = ["", "expected ", "found "].into_iter().zip(parts);
            let details =
                details.filter_map(|(what, part)| Some(format!("; {what}{}", part.as_ref()?)));
            text.extend(details);
            if !first.body.is_empty() {
                text.push_str(&format!("; body `{}`", first.body));
            }
        }
        text
    }

    /// Complete responses of any status.
    pub fn responses(&self) -> u64 {
        total(self.status.values().copied())
    }

    /// Requests that ended, well or not.
    pub fn completed(&self) -> u64 {
        self.succeeded.saturating_add(self.failed())
    }

    /// The invariant of counting: nothing started is lost, nothing is counted twice.
    pub fn is_balanced(&self) -> bool {
        self.started == self.completed().saturating_add(self.unfinished)
    }

    /// Adds the counts of another worker of the same window.
    pub fn merge(&mut self, other: &Self) {
        self.started += other.started;
        self.succeeded += other.succeeded;
        self.succeeded_in_window += other.succeeded_in_window;
        self.span = self.span.max(other.span);
        self.unfinished += other.unfinished;
        self.bytes += other.bytes;
        self.body_bytes += other.body_bytes;
        self.reconnects += other.reconnects;
        self.closed_by_server += other.closed_by_server;
        self.generator_cpu += other.generator_cpu;
        for (kind, count) in &other.errors {
            *self.errors.entry(*kind).or_default() += count;
        }
        for (code, count) in &other.status {
            *self.status.entry(*code).or_default() += count;
        }
        add(&mut self.latency, &other.latency);
        add(&mut self.connect, &other.connect);
        add(&mut self.thread_rate, &other.thread_rate);
        if let Some(open) = &other.open {
            self.open.get_or_insert_with(OpenLoop::empty).merge(open);
        }
        let failures = self.first_failure.take().into_iter();
        let failures = failures.chain(other.first_failure.clone());
        self.first_failure = failures.min_by_key(|it| it.after);
        self.leniences.extend(&other.leniences);
    }

    /// Adds the counts of a later window of the same load.
    pub fn append(&mut self, later: &Self) {
        let span = self.span.zip(later.span);
        let first = self.first_failure.take();
        let first = first.or_else(|| {
            let failure = later.first_failure.clone()?;
            Some(FirstFailure {
                after: self.window + failure.after,
                ..failure
            })
        });
        self.merge(later);
        self.span = span.map(|(earlier, later)| earlier + later);
        self.first_failure = first;
        self.window += later.window;
    }
}

/// A sum of counts, which an untrusted document can make as large as it likes.
pub(super) fn total(counts: impl IntoIterator<Item = u64>) -> u64 {
    counts.into_iter().fold(0, u64::saturating_add)
}

/// The same of times.
pub fn total_time(times: impl IntoIterator<Item = Duration>) -> Duration {
    let sum = |sum: Duration, time| sum.saturating_add(time);
    times.into_iter().fold(Duration::ZERO, sum)
}

fn add(sum: &mut Histogram<u64>, more: &Histogram<u64>) {
    sum.add(more).expect("histograms of one range");
}

/// All the values of several histograms.
pub(super) fn pooled<'a>(mut parts: impl Iterator<Item = &'a Histogram<u64>>) -> Histogram<u64> {
    let mut sum = parts.next().cloned().unwrap_or_else(new_histogram);
    parts.for_each(|part| add(&mut sum, part));
    sum
}

/// Histogram of nanoseconds up to five minutes, three significant digits.
pub fn new_histogram() -> Histogram<u64> {
    // A copy of one is made in a fraction of the time that a new one takes.
    static EMPTY: LazyLock<Histogram<u64>> = LazyLock::new(|| {
        Histogram::new_with_bounds(1, 300_000_000_000, 3).expect("constant bounds are valid")
    });
    EMPTY.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(after: u64, lenience: Lenience) -> Tally {
        let mut tally = Tally::empty(Duration::from_secs(1));
        tally.first_failure = Some(FirstFailure {
            after: Duration::from_millis(after),
            kind: Failure::Timeout,
            request: "GET /".into(),
            status_line: None,
            body: String::new(),
            expected: None,
            found: None,
            log: String::new(),
        });
        tally.leniences.insert(lenience);
        tally
    }

    #[test]
    fn the_earliest_failure_stays_when_workers_are_added_up() {
        let parts = [
            failing(30, Lenience::JunkLine),
            Tally::empty(Duration::from_secs(1)),
            failing(10, Lenience::FoldedLine),
            failing(20, Lenience::JunkLine),
        ];
        let mut sum = Tally::empty(Duration::from_secs(1));
        for part in &parts {
            sum.merge(part);
        }
        let first = sum.first_failure.expect("three have one");
        assert_eq!(first.after, Duration::from_millis(10));
        let leniences: Vec<_> = sum.leniences.into_iter().collect();
        assert_eq!(leniences, [Lenience::FoldedLine, Lenience::JunkLine]);
    }

    #[test]
    fn turns_follow_each_other() {
        let turn = |last: u64, failure: Option<u64>| {
            let mut tally = match failure {
                Some(after) => failing(after, Lenience::JunkLine),
                None => Tally::empty(Duration::from_secs(1)),
            };
            (tally.started, tally.succeeded, tally.succeeded_in_window) = (10, 10, 10);
            tally.span = Some(Duration::from_millis(last));
            tally
        };
        let mut all = turn(900, None);
        all.append(&turn(1100, Some(40)));
        all.append(&turn(1000, Some(10)));
        assert_eq!(all.window, Duration::from_secs(3));
        assert!((all.throughput() - 10.0).abs() < 1e-9);
        let first = all.first_failure.expect("two have one");
        assert_eq!(first.after, Duration::from_millis(1040));
    }

    #[test]
    fn tallies_without_failures_are_stored_as_before() {
        let tally = Tally::empty(Duration::from_secs(1));
        let value = serde_json::to_value(&tally).expect("JSON");
        assert!(value.get("first_failure").is_none() && value.get("leniences").is_none());
        let again: Tally = serde_json::from_value(value).expect("our own JSON");
        assert!(again.first_failure.is_none() && again.leniences.is_empty());
    }
}
