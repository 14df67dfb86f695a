//! `[reference]`: the fixed program that CPU time is compared with.

use super::Error;
use super::file;
use super::resolve::Resolver;
use crate::model::{Cell, Metric, Request, Source, Target, Thresholds};

impl Resolver<'_> {
    /// Takes the reference out of the servers that are measured; theirs are then judged by
    /// `relative_cpu` too, by the rule that they have for CPU time where they have none for it.
    pub(super) fn reference(&self, targets: &mut Vec<Target>) -> Result<Option<Target>, Error> {
        let Some(file::Reference { server, path }) = self.reference else {
            return Ok(None);
        };
        let (name, span) = (server.get_ref(), server.span());
        let invalid =
            |message: String, hint: &str| self.spans.invalid(&span, message, Some(hint.to_owned()));
        let Some(index) = targets.iter().position(|it| it.name == *name) else {
            let hint = format!("add it: [server.{name}] with `image`, `build` or `run`");
            return Err(invalid(format!("the file has no [server.{name}]"), &hint));
        };
        let mut found = targets.remove(index);
        if matches!(found.source, Source::Url(_)) {
            let hint = "let perfgate start it: `image`, `build` or `run`";
            let message = format!("of `{name}`, which runs already, no CPU time can be read");
            return Err(invalid(message, hint));
        }
        let Some(first) = targets.first().and_then(|it| it.cells.first()) else {
            let message = format!("`{name}` is the only server, and a reference is not judged");
            return Err(invalid(message, "name a server that is"));
        };
        let mut workload = first.workload.clone();
        workload.requests = vec![Request::get(self.target(path)?)];
        workload.rate = None;
        found.logins.clear();
        found.cells = vec![Cell {
            endpoint: name.clone(),
            workload,
            thresholds: Thresholds::new(),
        }];
        for cell in targets.iter_mut().flat_map(|it| &mut it.cells) {
            let of_cpu = cell.thresholds.get(&Metric::CpuPerRequest).cloned();
            if let Some(mut rule) = of_cpu {
                // In other units these say nothing.
                (rule.floor, rule.ceiling) = (None, None);
                cell.thresholds.entry(Metric::RelativeCpu).or_insert(rule);
            }
        }
        Ok(Some(found))
    }
}
