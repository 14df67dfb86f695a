//! Two commits side by side: each in a clone of its own, measured by the rules of the configuration that
//! the bisection was called with.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::against::{Against, Comparisons, Confirms, FilesOfBase};
use super::super::cargo_options;
use super::super::judging::{Scope, report_on};
use super::super::observer::Observer;
use super::super::run_context::RunContext;
use super::super::selection::{RunOptions, Selection};
use super::super::strictness::Strictness;
use crate::error::Error;
use crate::gate::{self, Baselines};
use crate::git::{Git, Tree};
use crate::model::{
    BisectionSubject, Measurement, Metric, Plan, Report, Side, Target, chain, exit_code,
};
use crate::{bounded, config, measure, report, stack};

/// Bytes of a configuration.
const LARGEST: u64 = 16 << 20;

/// What measures commits.
pub(super) struct Probe<'a> {
    context: RunContext<'a>,
    git: Git,
    options: RunOptions,
    /// When the run began, whose time may be limited.
    begun: Instant,
    /// The last commit of either side: it is cloned once for checks that follow each other.
    base: Option<Checkout>,
    head: Option<Checkout>,
    /// Checks so far.
    checks: u64,
}

/// A commit in a folder of its own.
#[derive(Debug)]
struct Checkout {
    commit: String,
    tree: Arc<Tree>,
    plan: Plan,
}

/// What is measured and judged of two commits.
#[derive(Debug, Clone, Copy)]
pub(super) enum Extent<'a> {
    /// Everything that was selected.
    All,
    /// Only one metric, as soon as it is decided.
    Only(&'a BisectionSubject),
    /// Every metric of these cells, and where CPU time goes.
    Cells(&'a BTreeSet<(String, String)>),
}

/// What came of a check.
#[derive(Debug)]
pub(super) enum Checked {
    Report(Box<Report>),
    /// One of the commits cannot be measured: which, and why.
    Unmeasured(Side, String),
}

impl<'a> Probe<'a> {
    pub(super) async fn find(
        selection: &Selection,
        options: RunOptions,
        observe: Observer<'a>,
    ) -> Result<Self, Error> {
        let context = RunContext::find(selection, observe).await?;
        Ok(Self {
            git: Git::at(&context.plan.root),
            context,
            options,
            begun: Instant::now(),
            base: None,
            head: None,
            checks: 0,
        })
    }

    pub(super) const fn plan(&self) -> &Plan {
        &self.context.plan
    }

    pub(super) const fn git(&self) -> &Git {
        &self.git
    }

    /// Measures two commits side by side.
    pub(super) async fn check(
        &mut self,
        base: &str,
        head: &str,
        extent: Extent<'_>,
    ) -> Result<Checked, Error> {
        for (side, commit) in [(Side::Base, base), (Side::Head, head)] {
            if let Err(why) = self.check_out(side, commit)? {
                return Ok(Checked::Unmeasured(side, why));
            }
        }
        let (Some(old), Some(new)) = (&self.base, &self.head) else {
            return Ok(Checked::Unmeasured(
                Side::Head,
                "it is not checked out".into(),
            ));
        };
        let plan = extent.limit(&new.plan);
        let mut comparisons = self.comparisons(&plan, old, head)?;
        if matches!(extent, Extent::Only(_)) {
            comparisons.confirms = Confirms::Never;
        }
        let context = self.context.with_plan(plan);
        let run = self.run(extent)?;
        let measured = context.compare(&comparisons, &Baselines::none(), run).await;
        self.checks += 1;
        match measured {
            Ok(measurement) => self.report(&context.plan, &measurement, head),
            Err(error) if is_of_commit(&error) => {
                Ok(Checked::Unmeasured(Side::Head, chain(&error)))
            }
            Err(error) => Err(error),
        }
    }

    fn comparisons(&self, plan: &Plan, old: &Checkout, head: &str) -> Result<Comparisons, Error> {
        let mut comparisons = Comparisons::with_commit(plan, &old.plan, &old.commit);
        Against::default().bring_together(&mut comparisons)?;
        comparisons.skips_identical = true;
        let files = |commit| self.git.files(commit);
        if files(&old.commit)? == files(head)? {
            comparisons.files = FilesOfBase::Same;
        }
        comparisons.tree = Some(Arc::clone(&old.tree));
        Ok(comparisons)
    }

    /// The report on two commits, where both could be measured to the end.
    fn report(&self, plan: &Plan, measurement: &Measurement, head: &str) -> Result<Checked, Error> {
        let provenance = &measurement.provenance;
        if let Some(partial) = &provenance.partial {
            if partial.exit_code == exit_code::INTERRUPTED {
                return Err(Error::Interrupted);
            }
            self.options.timeout.map(|it| self.left(it)).transpose()?;
            return Err(Error::Unmeasured {
                commit: report::commit(head),
                reason: partial.reason.clone(),
            });
        }
        if let Some(incident) = measurement.incidents.iter().find(|it| it.fatal) {
            return Ok(Checked::Unmeasured(Side::Head, incident.what.clone()));
        }
        let is_identical = !measurement.identical.is_empty();
        if provenance.base.is_none() && !is_identical {
            let why = provenance.notes.first().cloned();
            return Ok(Checked::Unmeasured(Side::Base, why.unwrap_or_default()));
        }
        let scope = Scope {
            coverage: gate::coverage(plan, measurement),
            gate: None,
        };
        let strictness = Strictness::default();
        let report = report_on(plan, measurement, &Baselines::none(), scope, &strictness);
        Ok(Checked::Report(Box::new(report)))
    }

    /// What is left of the time for the whole run.
    fn left(&self, timeout: Duration) -> Result<Duration, Error> {
        let left = timeout.checked_sub(self.begun.elapsed());
        left.ok_or(Error::Deadline { timeout })
    }

    /// How the next check is made.
    fn run(&self, extent: Extent<'_>) -> Result<RunOptions, Error> {
        let left = |timeout| self.left(timeout);
        Ok(RunOptions {
            seed: self.options.seed.wrapping_add(self.checks),
            timeout: self.options.timeout.map(left).transpose()?,
            profiling: self.options.profiling && matches!(extent, Extent::Cells(_)),
        })
    }

    /// Puts a commit into the folder of a side; why it cannot be measured, otherwise.
    fn check_out(&mut self, side: Side, commit: &str) -> Result<Result<(), String>, Error> {
        let current = match side {
            Side::Base => &mut self.base,
            Side::Head => &mut self.head,
        };
        if current.as_ref().is_some_and(|it| it.commit == commit) {
            return Ok(Ok(()));
        }
        // Its folder is free for the next one once this has gone.
        *current = None;
        let plan = &self.context.plan;
        let is_kept = plan.targets.iter().any(|it| it.cargo.is_some()) || plan.prepares_by_cargo();
        let tree = if is_kept {
            Tree::reusable(&self.git, commit, side)
        } else {
            Tree::at(&self.git, commit)
        }?;
        let own = match plan_of(plan, &tree, &self.git.prefix()?) {
            Ok(own) => own,
            Err(why) => return Ok(Err(why)),
        };
        // A build that finds nothing takes longer, and no more.
        for workspace in stack::workspaces(&own) {
            let _kept = tree.keep_target(&workspace);
        }
        *current = Some(Checkout {
            commit: commit.to_owned(),
            tree: Arc::new(tree),
            plan: own,
        });
        Ok(Ok(()))
    }
}

impl Extent<'_> {
    /// A plan with what is to be measured alone.
    fn limit(self, plan: &Plan) -> Plan {
        let mut plan = plan.clone();
        for target in &mut plan.targets {
            let name = target.name.clone();
            target.cells.retain(|it| self.has(&name, &it.endpoint));
            if let Extent::Only(subject) = self {
                let is_of_it =
                    |metric: &Metric| *metric == subject.metric || *metric == Metric::ErrorRate;
                for cell in &mut target.cells {
                    cell.thresholds.retain(|metric, _| is_of_it(metric));
                }
            }
        }
        plan.targets.retain(|it| !it.cells.is_empty());
        plan
    }

    fn has(self, server: &str, endpoint: &str) -> bool {
        match self {
            Extent::All => true,
            Extent::Only(it) => it.server == server && it.endpoint == endpoint,
            Extent::Cells(cells) => cells.contains(&(server.to_owned(), endpoint.to_owned())),
        }
    }
}

/// The servers as a commit has them, with the requests and thresholds of the configuration that rules:
/// where the commit has none, its own words are those of that file.
fn plan_of(rules: &Plan, tree: &Tree, prefix: &str) -> Result<Plan, String> {
    let name = rules.file.file_name().unwrap_or_default();
    let file = tree.path().join(prefix).join(name);
    let own = if file.exists() {
        config::load_base(&file, &rules.root)
    } else {
        let text = text_of(&rules.file)?;
        config::parse_base(&file, &text, &rules.root)
    };
    let own = own.map_err(|error| chain(&error))?;
    let targets = rules.targets.iter().map(|it| target_of(it, &own));
    let mut plan = Plan {
        targets: targets.collect::<Result<_, _>>()?,
        root: own.root,
        prepare: own.prepare,
        // Bisections compare commits with each other, and what was accepted is looked for too.
        reference: None,
        accepted: Vec::new(),
        ..rules.clone()
    };
    cargo_options::lay_over(&rules.cargo, &mut plan);
    Ok(plan)
}

fn text_of(file: &Path) -> Result<String, String> {
    bounded::read_text(file, LARGEST).map_err(|error| error.to_string())
}

fn target_of(rules: &Target, own: &Plan) -> Result<Target, String> {
    let mut targets = own.targets.iter();
    let target = targets.find(|it| it.name == rules.name);
    let target = target.ok_or_else(|| format!("it has no server `{}`", rules.name))?;
    Ok(Target {
        behind: rules.behind.clone(),
        cells: rules.cells.clone(),
        ..target.clone()
    })
}

/// Whether an error is one of the commit that is measured, and not of the machine.
fn is_of_commit(error: &Error) -> bool {
    match error {
        Error::Stack(error) => !error.is_of_everything(),
        Error::Measure(measure::Error::Load(_)) => false,
        Error::Measure(error) => error.is_of_one_server(),
        _ => false,
    }
}
