use super::outline::Outline;

/// What is recognised and not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foreign {
    /// What it is, as a sentence goes on after "it is".
    pub what: &'static str,
    /// What to give instead; `None` if the generator is none that is read.
    pub instead: Option<&'static str>,
}

impl Foreign {
    /// How the sentence ends.
    pub(super) const fn unread(&self) -> &'static str {
        match self.instead {
            Some(_) => "",
            None => ", which perfgate does not read",
        }
    }
}

const OHA: &str = "oha --output-format json";
const K6: &str = "k6 run --summary-export FILE";
const VEGETA: &str = "vegeta report -type=json";

/// Texts by what only they have.
const TEXTS: [(&[&str], Foreign); 18] = [
    (
        &["Summary:", "Success rate:", "Requests/sec:"],
        form("the text of oha", OHA),
    ),
    (
        &["request-start,DNS,DNS+dialup,Response-delay,"],
        form("the CSV of oha", OHA),
    ),
    (
        &["http_req_duration", "http_reqs", "....:"],
        form("the text of k6", K6),
    ),
    (
        &["metric_name,timestamp,metric_value"],
        form("every sample of k6 as CSV", K6),
    ),
    (
        &["Requests ", "[total, rate", "Latencies "],
        form("the text of vegeta", VEGETA),
    ),
    (
        &["Bucket ", "Histogram", "[0s,"],
        form("a histogram of vegeta", VEGETA),
    ),
    (
        &["Value(ms)", "Percentile", "1/(1-Percentile)"],
        form("a plot of percentiles by vegeta", VEGETA),
    ),
    (
        &["This is ApacheBench, Version"],
        tool("a result of ApacheBench"),
    ),
    (
        &["Running ", " test @ ", "│ Stat"],
        tool("a result of autocannon"),
    ),
    (&["Bombarding "], tool("a result of bombardier")),
    (
        &["finished in ", "time for request:"],
        tool("a result of h2load"),
    ),
    (
        &["Transaction rate:", "Availability:"],
        tool("a result of siege"),
    ),
    (
        &["timeStamp,elapsed,label,responseCode"],
        tool("a log of JMeter"),
    ),
    (
        &["Type,Name,Request Count,Failure Count"],
        tool("a result of Locust"),
    ),
    (
        &["Summary:", "Count:", "Response time histogram:"],
        tool("a result of ghz"),
    ),
    (
        &["Benchmarking ", " connections @ "],
        tool("a result of rewrk"),
    ),
    (&["Summary report @ "], tool("a result of Artillery")),
    (
        &["---- Global Information ---"],
        tool("a result of Gatling"),
    ),
];

/// Objects of JSON by members that only they have.
const OBJECTS: [(&[&str], Foreign); 6] = [
    (
        &["type", "metric", "data"],
        form("every sample of k6 as JSON", K6),
    ),
    (
        &["attack", "seq", "code", "latency"],
        form("every request of vegeta", VEGETA),
    ),
    (&["spec", "result"], tool("a result of bombardier")),
    (
        &["latency", "requests", "throughput", "non2xx"],
        tool("a result of autocannon"),
    ),
    (
        &["DurationHistogram", "RetCodes"],
        tool("a result of Fortio"),
    ),
    (
        &["transactions", "availability", "transaction_rate"],
        tool("a result of siege"),
    ),
];

const fn form(what: &'static str, instead: &'static str) -> Foreign {
    Foreign {
        what,
        instead: Some(instead),
    }
}

const fn tool(what: &'static str) -> Foreign {
    Foreign {
        what,
        instead: None,
    }
}

/// What a text is that no reader takes, where that is known.
pub(super) fn recognised(text: &str, outline: &Outline) -> Option<Foreign> {
    let objects = OBJECTS
        .iter()
        .find(|(names, _)| outline.has_all(names))
        .map(|(_, foreign)| *foreign);
    let texts = || {
        let has_all = |parts: &[&str]| parts.iter().all(|part| text.contains(part));
        TEXTS
            .iter()
            .find(|(parts, _)| has_all(parts))
            .map(|(_, foreign)| *foreign)
    };
    if outline.is_empty() { texts() } else { objects }
}
