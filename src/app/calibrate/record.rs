//! The checks of a calibration, kept after each.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::super::observer::{Notice, Observer};
use crate::document;
use crate::error::Error;
use crate::gate::{self, Confirmation};
use crate::model::{Calibration, CalibrationCheck, CalibrationResult, Runner};

/// Where checks are kept, beside the configuration.
const FILE: &str = ".perfgate/calibration.json";

/// Checks that were made, and where they are kept.
#[derive(Debug)]
pub(super) struct Record {
    path: PathBuf,
    calibration: Calibration,
}

/// Where checks are kept unless it is said otherwise.
pub(super) fn usual(root: &Path) -> PathBuf {
    root.join(FILE)
}

/// The last calibration of the configuration in a folder; `None` if there is none.
pub fn last_calibration(root: &Path) -> Option<Calibration> {
    read(&usual(root)).ok()
}

fn read(path: &Path) -> Result<Calibration, document::Error> {
    document::read(path, "calibration", Calibration::SCHEMA)
}

impl Record {
    /// Without any check.
    pub(super) fn new(path: PathBuf, plan: String, runner: Runner) -> Self {
        let calibration = Calibration {
            schema: Calibration::SCHEMA,
            perfgate: env!("CARGO_PKG_VERSION").into(),
            ended: Timestamp::now(),
            plan,
            runner: Some(runner),
            checks: Vec::new(),
            result: CalibrationResult::default(),
        };
        Self { path, calibration }
    }

    /// With those that were kept there, as far as they are of the same plan and class of machines.
    pub(super) fn open(
        path: PathBuf,
        plan: String,
        runner: Runner,
        observe: Observer<'_>,
    ) -> Result<Self, Error> {
        if !path.exists() {
            return Ok(Self::new(path, plan, runner));
        }
        let kept = read(&path)?;
        let other = if kept.plan != plan {
            Some("of another configuration or selection")
        } else if kept.runner.as_ref() != Some(&runner) {
            Some("of another kind of machine")
        } else {
            None
        };
        let note = |note: String| observe(&Notice::Note(&note));
        if let Some(other) = other {
            note(format!(
                "the checks in {} are {other}: starting anew",
                path.display()
            ));
            return Ok(Self::new(path, plan, runner));
        }
        let made = kept.checks.len();
        note(format!(
            "{made} checks were made before; `--again` makes them anew"
        ));
        Ok(Self {
            path,
            calibration: kept,
        })
    }

    pub(super) fn checks(&self) -> &[CalibrationCheck] {
        &self.calibration.checks
    }

    pub(super) const fn result(&self) -> &CalibrationResult {
        &self.calibration.result
    }

    /// Adds a check, and keeps all.
    pub(super) fn add(
        &mut self,
        check: CalibrationCheck,
        confirmation: Confirmation,
        now: Timestamp,
    ) -> Result<(), Error> {
        let calibration = &mut self.calibration;
        calibration.checks.push(check);
        calibration.result = gate::calibrated(&calibration.checks, confirmation);
        calibration.ended = now;
        calibration.perfgate = env!("CARGO_PKG_VERSION").into();
        document::write(&self.path, &document::text(&self.calibration))?;
        Ok(())
    }

    pub(super) fn into_calibration(self) -> Calibration {
        self.calibration
    }
}
