//! Rules of verdicts, and stored runs.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::spanned::Spanned;
use super::super::units::{Change, Quantity};
use crate::model::Metric;

pub(in super::super) type Thresholds = IndexMap<Spanned<Metric>, Threshold>;

/// The rules for one metric. Omitted values are inherited from the server, then `[thresholds]`, then the defaults.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Threshold {
    /// Largest relative increase, for metrics where lower is better.
    pub(in super::super) max_increase: Option<Spanned<Change>>,
    /// Largest relative decrease, for metrics where higher is better.
    pub(in super::super) max_decrease: Option<Spanned<Change>>,
    /// Absolute change up to which differences are ignored, in the metric's unit.
    pub(in super::super) floor: Option<Spanned<Quantity>>,
    /// Upper absolute limit, in the metric's unit.
    pub(in super::super) max: Option<Spanned<Quantity>>,
    /// Lower absolute limit, in the metric's unit.
    pub(in super::super) min: Option<Spanned<Quantity>>,
}

/// A regression accepted until a given day.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Accept {
    /// Name of the server.
    pub(in super::super) server: Spanned<String>,
    /// Name of the endpoint.
    pub(in super::super) endpoint: Spanned<String>,
    /// Metric that became worse.
    pub(in super::super) metric: Metric,
    /// Reason, shown in every report.
    pub(in super::super) reason: Spanned<String>,
    /// Last day of the acceptance, such as `2026-12-31`.
    // As text or as a date of TOML.
    #[schemars(with = "String")]
    pub(in super::super) until: Spanned<toml::Value>,
}

/// Where stored runs are kept.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Baseline {
    /// `dir:FOLDER`, `git:BRANCH` for a branch of the repository, or `s3://BUCKET/PREFIX` for a bucket of Amazon S3 or
    /// a compatible store. Its endpoint and credentials come from the environment variables `AWS_…`, never from this
    /// file.
    #[schemars(extend("default" = "dir:.perfgate/baselines"))]
    pub(in super::super) store: Option<Spanned<String>>,
    /// Number of newest runs to keep for each server, endpoint and machine, 60 or more. Older runs are deleted unless a
    /// pin needs them: in a folder by the next `baseline refresh`, on a branch or in a bucket when runs are packed.
    #[schemars(extend("default" = 1000))]
    pub(in super::super) keep: Option<Spanned<usize>>,
}
