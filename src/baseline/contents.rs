use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::Stored;
use super::backend::{Content, Entry};
use super::name::{self, Kind};
use super::recent::Recent;
use crate::document;
use crate::model::{Baseline, Pin};

/// Largest document of one run that is read; ours have some ten kibibytes.
const LARGEST: usize = 4 << 20;
/// Largest document of many runs.
const LARGEST_PACKED: usize = 256 << 20;

/// What the files of a version hold.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Runs in documents of their own, with their paths.
    pub(super) own: Vec<(String, Baseline)>,
    /// What is read of packed runs where few are wanted.
    pub(super) recent: Vec<Baseline>,
    /// Packed runs, by the path of their file.
    pub(super) archives: BTreeMap<String, Vec<Line>>,
    pub(super) pins: Vec<Pin>,
    pub(super) damaged: Vec<document::Error>,
    /// Those of them that must stay as they are, and with them everything that is packed.
    pub(super) unknown: Vec<document::Error>,
    /// Paths of files that are not there any more.
    pub(super) gone: Vec<String>,
}

/// A line of an archive.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) text: Vec<u8>,
    /// `None` if it is damaged: it stays all the same.
    pub(super) run: Option<Baseline>,
}

impl Line {
    /// The text of a run that is packed.
    pub(super) fn encode(run: &Baseline) -> String {
        document::line(&run.clone().without_rounds())
    }
}

/// How large a file may be that is read.
pub(super) fn largest(path: &str) -> usize {
    match Kind::from_path(path) {
        Kind::Recent | Kind::Archive => LARGEST_PACKED,
        Kind::Run | Kind::Pin | Kind::Other => LARGEST,
    }
}

impl Contents {
    /// What files of a store hold; `shown` is what errors call them.
    pub(super) fn from_files(
        shown: impl Fn(&str) -> PathBuf,
        files: Vec<Entry>,
        contents: impl IntoIterator<Item = Content>,
    ) -> Self {
        let mut found = Self::default();
        for (file, content) in files.into_iter().zip(contents) {
            let shown = shown(&file.path);
            found.take(file.path, content, &shown);
        }
        found
    }

    fn take(&mut self, path: String, content: Content, shown: &Path) {
        let kind = Kind::from_path(&path);
        let contents = match content {
            Content::Bytes(contents) => contents,
            Content::Gone => {
                self.damaged.push(unread(shown, "it is gone".into()));
                return self.gone.push(path);
            }
            Content::TooLarge if kind == Kind::Archive => {
                let why = format!("it is larger than {} MiB", LARGEST_PACKED >> 20);
                return self.unknown.push(unread(shown, why));
            }
            // None of ours.
            Content::TooLarge => Vec::new(),
            // Somebody may restore it.
            Content::Damaged(why) if kind == Kind::Archive => {
                return self.unknown.push(unread(shown, why));
            }
            Content::Damaged(why) => return self.damaged.push(unread(shown, why)),
        };
        let taken = match kind {
            Kind::Run => run(&contents, shown).map(|run| self.own.push((path, run))),
            Kind::Pin => document::parse(&contents, shown, Pin::KIND, Pin::SCHEMA)
                .map(|pin| self.pins.push(pin)),
            Kind::Recent => document::parse(&contents, shown, Recent::KIND, Recent::SCHEMA)
                .map(|recent: Recent| self.recent.extend(recent.runs)),
            Kind::Archive => {
                self.take_archive(path, &contents, shown);
                Ok(())
            }
            Kind::Other => Ok(()),
        };
        match taken.err() {
            // What a later version keeps is not this one's to delete.
            Some(error @ document::Error::Schema { .. })
                if matches!(kind, Kind::Recent | Kind::Pin) =>
            {
                self.unknown.push(error);
            }
            error => self.damaged.extend(error),
        }
    }

    fn take_archive(&mut self, path: String, contents: &[u8], shown: &Path) {
        let mut lines = Vec::new();
        let texts = contents.split_inclusive(|byte| *byte == b'\n');
        for (number, text) in (1..).zip(texts) {
            let shown = PathBuf::from(format!("{}:{number}", shown.display()));
            let run = run(text, &shown);
            let text = text.to_owned();
            lines.push(match run {
                Ok(run) => Line {
                    text,
                    run: Some(run),
                },
                Err(error) => {
                    self.damaged.push(error);
                    Line { text, run: None }
                }
            });
        }
        self.archives.insert(path, lines);
    }

    /// Every run.
    pub(super) fn into_all(mut self) -> Stored {
        let archives = std::mem::take(&mut self.archives).into_values();
        let packed = archives.flatten().filter_map(|line| line.run);
        let packed = packed.collect();
        self.into_stored(packed)
    }

    /// What checks read.
    pub(super) fn into_recent(mut self) -> Stored {
        let packed = std::mem::take(&mut self.recent);
        self.into_stored(packed)
    }

    fn into_stored(self, packed: Vec<Baseline>) -> Stored {
        let mut baselines = packed;
        baselines.extend(self.own.into_iter().map(|(_, run)| run));
        let cell = |run: &Baseline| name::cell(&run.key.server, &run.key.endpoint);
        baselines.sort_by_cached_key(|run| (cell(run), run.time));
        Stored {
            baselines,
            pin: Pin::in_force(self.pins),
            damaged: self.damaged.into_iter().chain(self.unknown).collect(),
        }
    }
}

fn run(text: &[u8], shown: &Path) -> Result<Baseline, document::Error> {
    document::parse(text, shown, Baseline::KIND, Baseline::SCHEMA)
}

fn unread(path: &Path, why: String) -> document::Error {
    document::Error::Read {
        path: path.to_owned(),
        source: io::Error::other(why),
    }
}
