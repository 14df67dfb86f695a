use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use perfgate::model::Metric;
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::case::Case;
use crate::noise::Noise;
use crate::peers::Peers;
use crate::testbed::{Judged, Subject};

/// One check.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) subject: Subject,
    pub(crate) case: Case,
    pub(crate) noise: Noise,
    pub(crate) judged: Judged,
    pub(crate) seconds: f64,
    pub(crate) peers: Option<Peers>,
}

/// All checks so far, kept in a file of a line each.
pub(crate) struct Records {
    all: Vec<Record>,
    file: File,
}

impl Record {
    pub(crate) fn line(&self) -> String {
        let it = &self.judged;
        let percent = |change: f64| format!("{:+.1} %", 100.0 * change);
        let [low, high] = it.interval.unwrap_or([f64::NAN; 2]).map(percent);
        format!(
            "{:?} in {:.0} s: {} {} ({low} to {high}), {} pairs; flagged {:?}, open {:?}",
            it.verdict,
            self.seconds,
            self.case.metric().name(),
            percent(it.change.unwrap_or(f64::NAN)),
            it.pairs,
            it.flagged,
            it.open,
        )
    }
}

impl Records {
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            text => text?,
        };
        let all = text
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { all, file })
    }

    pub(crate) fn add(&mut self, record: Record) -> Result<(), Failure> {
        writeln!(self.file, "{}", serde_json::to_string(&record)?)?;
        self.all.push(record);
        Ok(())
    }

    pub(crate) const fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn select(&self, subject: Subject, case: Case) -> impl Iterator<Item = &Record> {
        let own = move |it: &&Record| it.subject == subject && it.case == case;
        self.all.iter().filter(own)
    }

    /// Medians of the base measured alone, oldest first.
    pub(crate) fn bases(&self, subject: Subject, endpoint: &str, metric: Metric) -> Vec<f64> {
        let same = |it: &&Record| {
            it.subject == subject && it.case.endpoint() == endpoint && it.case.metric() == metric
        };
        let own = self.all.iter().filter(same);
        own.filter_map(|it| Some(it.peers.as_ref()?.base)).collect()
    }
}
