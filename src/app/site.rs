//! Stored runs as a folder of pages.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use super::observer::{Notice, Observer};
use super::part_files::{self, Sources};
use super::secrets::report_without_secrets;
use super::stored_runs::StoredRuns;
use crate::config;
use crate::error::Error;
use crate::gate::trend;
use crate::git::Git;
use crate::model::{Key, Metric, Report};
use crate::report::{self, SiteContext, SitePage};

/// Metrics that a history shows unless others are asked for.
pub const USUAL_METRICS: [Metric; 5] = [
    Metric::Throughput,
    Metric::LatencyP50,
    Metric::CpuPerRequest,
    Metric::MemoryPeak,
    Metric::SqlPerRequest,
];

/// Name of the reports that the action writes.
const REPORT: &str = "report.json";
/// Newest reports that are shown.
const MOST_REPORTS: usize = 200;

/// Pages of stored runs and of reports. Commits are links into the repository: the given one, that of the job on GitHub,
/// or that of the remote `origin` where it has an address that browsers open.
pub fn site(
    runs: &StoredRuns,
    metrics: &[Metric],
    reports: &[PathBuf],
    repository: Option<&str>,
    observe: Observer<'_>,
) -> Result<Vec<SitePage>, Error> {
    let file = super::configuration(runs.config.as_deref())?;
    let plan = config::load(&file)?;
    let (_, _, found) = runs.find(observe)?;
    let mut stored = found.baselines;
    stored.retain(|run| runs.include(&run.key));
    let given = repository.map(|it| it.trim_end_matches('/').to_owned());
    let context = SiteContext {
        repository: given.or_else(of_job).or_else(|| of_origin(&file)),
        accepted: plan.accepted.clone(),
        reports: read(reports, observe)?,
    };
    let margin = |key: &Key, metric| plan.margin(key, metric);
    Ok(report::site(&trend(&stored, metrics, &margin), &context))
}

/// The reports among files and in folders or buckets, the newest first and each once. One that cannot be read is
/// named, and the pages go without it.
fn read(sources: &[PathBuf], observe: Observer<'_>) -> Result<Vec<Report>, Error> {
    let sources = Sources::open(sources)?;
    if let Err(missing) = sources.none_is_without(REPORT) {
        // A repository without pull requests yet has its pages as well.
        observe(&Notice::Note(&missing.to_string()));
    }
    let mut reports = Vec::new();
    let files = sources.find(REPORT)?;
    for (_, read) in part_files::read::<Report>(&files, "report", Report::SCHEMA)? {
        match read {
            Ok(report) => reports.push(report_without_secrets(report)),
            Err(why) => observe(&Notice::Note(&why)),
        }
    }
    reports.sort_by_key(|it| Reverse(it.provenance.started));
    reports.dedup();
    if let Some(older @ 1..) = reports.len().checked_sub(MOST_REPORTS) {
        let note = format!("the newest {MOST_REPORTS} reports are shown; {older} are older");
        observe(&Notice::Note(&note));
        reports.truncate(MOST_REPORTS);
    }
    Ok(reports)
}

fn of_job() -> Option<String> {
    let variable = |name| std::env::var(name).ok().filter(|it| !it.is_empty());
    let server = variable("GITHUB_SERVER_URL")?;
    Some(format!("{server}/{}", variable("GITHUB_REPOSITORY")?))
}

fn of_origin(file: &Path) -> Option<String> {
    let folder = file.parent().filter(|it| !it.as_os_str().is_empty());
    let git = Git::at(folder.unwrap_or(Path::new(".")));
    let url = git.look(&["config", "--get", "remote.origin.url"]).ok()??;
    address(&url)
}

/// Where a browser finds a repository; nothing of an address that is no place on the web.
fn address(url: &str) -> Option<String> {
    let url = url.trim().trim_end_matches('/').trim_end_matches(".git");
    if let Some(rest) = url.strip_prefix("https://") {
        // A name and a password in it are nobody's business.
        let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
        return Some(format!("https://{place}"));
    }
    let (host, path) = match url.strip_prefix("ssh://") {
        Some(rest) => rest.split_once('/')?,
        None => url.split_once(':').filter(|(host, _)| host.contains('@'))?,
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    Some(format!("https://{host}/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_are_places_that_browsers_open() {
        for (remote, place) in [
            (
                "git@github.com:shop/api.git",
                Some("https://github.com/shop/api"),
            ),
            (
                "https://github.com/shop/api.git",
                Some("https://github.com/shop/api"),
            ),
            (
                "https://me:secret@git.test/shop/api/",
                Some("https://git.test/shop/api"),
            ),
            (
                "ssh://git@git.test:2222/shop/api.git",
                Some("https://git.test/shop/api"),
            ),
            ("/srv/git/api.git", None),
            ("../api", None),
            ("file:///srv/api", None),
        ] {
            assert_eq!(address(remote).as_deref(), place, "{remote}");
        }
    }
}
