//! Rules of verdicts, and stored runs.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::spanned::Spanned;
use super::super::units::{Change, Quantity};
use crate::model::Metric;

pub(in super::super) type Thresholds = IndexMap<Spanned<Metric>, Threshold>;

/// The rules for one metric. Each value that is not set is inherited: from the server, from
/// `[thresholds]`, from the defaults.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Threshold {
    /// Largest relative increase, of metrics that are better lower.
    pub(in super::super) max_increase: Option<Spanned<Change>>,
    /// Largest relative decrease, of metrics that are better higher.
    pub(in super::super) max_decrease: Option<Spanned<Change>>,
    /// Absolute change below which nothing matters, in the metric's unit.
    pub(in super::super) floor: Option<Spanned<Quantity>>,
    /// Upper absolute limit, in the metric's unit.
    pub(in super::super) max: Option<Spanned<Quantity>>,
    /// Lower absolute limit, in the metric's unit.
    pub(in super::super) min: Option<Spanned<Quantity>>,
}

/// A regression that is accepted until a day.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Accept {
    /// Name of the server.
    pub(in super::super) server: Spanned<String>,
    /// Name of the endpoint.
    pub(in super::super) endpoint: Spanned<String>,
    /// What became worse.
    pub(in super::super) metric: Metric,
    /// Why, for the readers of every report.
    pub(in super::super) reason: Spanned<String>,
    /// The last day it holds, as `2026-12-31`.
    // As text or as a date of TOML.
    #[schemars(with = "String")]
    pub(in super::super) until: Spanned<toml::Value>,
}

/// Where stored runs are kept.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Baseline {
    /// `dir:FOLDER`, `git:BRANCH` for a branch of the repository, or `s3://BUCKET/PREFIX` for a bucket of Amazon S3 or of
    /// a compatible store. Its endpoint and credentials are in the variables `AWS_…` of the environment, never here.
    #[schemars(extend("default" = "dir:.perfgate/baselines"))]
    pub(in super::super) store: Option<Spanned<String>>,
    /// Newest runs of each server, endpoint and machine that the store keeps, 60 or more. Older ones are deleted, but for
    /// those that a pin needs: in a folder by the next `baseline refresh`, on a branch or in a bucket when runs are packed.
    #[schemars(extend("default" = 1000))]
    pub(in super::super) keep: Option<Spanned<usize>>,
}
