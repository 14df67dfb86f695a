//! Whether head and base are one build: what need not be measured, and what would compare a program with
//! itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::against::{Comparison, Comparisons, FilesOfBase, has_failed};
use crate::model::{BaseFailure, CellName, Plan, Side, Sides, Source, Target};
use crate::stack::{self, Stack};

impl Comparisons {
    /// The cells whose builds are identical, where those are not to be measured.
    pub(super) fn identical(&self, stack: &Stack, failed: &[BaseFailure]) -> Vec<CellName> {
        let images = stack.image_ids();
        let mut all: Vec<_> = self.all.iter().collect();
        all.retain(|it| {
            self.skips_identical
                && !has_failed(failed, &it.sides.head.name)
                && (it.is_identical(&images, self.files == FilesOfBase::Same)
                    || self.files == FilesOfBase::OtherDocuments && it.is_one_build(stack, &images))
        });
        let cells = all.into_iter().flat_map(|it| {
            let Target { name, cells, .. } = &it.sides.head;
            cells.iter().map(|cell| CellName::new(name, &cell.endpoint))
        });
        cells.collect()
    }

    /// The comparisons whose servers are one and the same file on both sides, built here: what is compared
    /// is one program.
    pub(super) fn of_one_program(
        &self,
        stack: &Stack,
        since: SystemTime,
    ) -> Vec<(&Comparison, PathBuf)> {
        let mut all: Vec<_> = self
            .all
            .iter()
            .filter(|_| self.is_of_other_files())
            .collect();
        all.retain(|it| it.is_started_alike());
        let found = all.into_iter().filter_map(|it| {
            let path = |side| Some(stack.built(it.sides.get(side), since)?.path);
            let program = path(Side::Head)?;
            (path(Side::Base)? == program).then_some((it, program))
        });
        found.collect()
    }

    /// The servers that are built alike on both sides although their files differ. Of those that are identical
    /// nothing else is said.
    pub(super) fn same_builds(
        &self,
        stack: &Stack,
        failed: &[BaseFailure],
        identical: &[CellName],
    ) -> Vec<String> {
        let is_measured = |it: &&Comparison| {
            let name = &it.sides.head.name;
            !identical.iter().any(|cell| cell.server == *name)
        };
        let mut all: Vec<_> = self
            .all
            .iter()
            .filter(|_| self.is_of_other_files())
            .filter(is_measured)
            .collect();
        all.retain(|it| !has_failed(failed, &it.sides.head.name) && it.is_built_alike(stack));
        all.iter().map(|it| it.sides.head.name.clone()).collect()
    }

    /// Where cargo builds a server for development, or both sides differently.
    pub(super) fn profiles(&self) -> Vec<String> {
        let of_server = |it: &Comparison| {
            let Sides { head, base } = &it.sides;
            let own = head.cargo.as_ref()?;
            let name = &head.name;
            if base.cargo.as_ref().is_some_and(|it| it != own) {
                return Some(format!(
                    "`{name}` is built by other words of cargo than its base: what they change counts as \
                     the change's"
                ));
            }
            (own.profile() == "dev").then(|| {
                format!("`{name}` is built by the dev profile, whose times say little of a release")
            })
        };
        self.all.iter().filter_map(of_server).collect()
    }

    /// The compilers of both sides, where cargo builds them.
    pub(super) fn compilers(&self, plan: &Plan) -> Option<Sides<String>> {
        let base = self.prepare.as_ref()?;
        let mut sides = self.all.iter().map(|it| &it.sides);
        let of_host = sides.find(|it| matches!(it.head.source, Source::Run(_)))?;
        let folder = |target: &Target, root: &Path| match &target.cargo {
            Some(build) => build.folder(&target.root),
            None => root.to_owned(),
        };
        Some(Sides {
            head: stack::compiler(&folder(&of_host.head, &plan.root))?,
            base: stack::compiler(&folder(&of_host.base, &base.root))?,
        })
    }

    /// Whether the base is made from files that are not those of the head.
    fn is_of_other_files(&self) -> bool {
        self.tree.is_some() && self.files != FilesOfBase::Same
    }
}

impl Comparison {
    /// Whether both sides are made of the same and started alike.
    fn is_identical(&self, images: &BTreeMap<String, String>, has_same_files: bool) -> bool {
        let Sides { head, base } = &self.sides;
        let is_made_alike = if head.source.is_contained() {
            self.is_one_image(images)
        } else {
            has_same_files
        };
        let is_given_alike = has_same_files || head.container.files.is_empty();
        is_made_alike
            && is_given_alike
            && self.is_started_alike()
            && head.transport == base.transport
            && head.ready == base.ready
    }

    /// Whether cargo has built one program of both sides, which are served alike.
    fn is_one_build(&self, stack: &Stack, images: &BTreeMap<String, String>) -> bool {
        let is_of_cargo = !self.sides.head.source.is_contained();
        is_of_cargo && self.is_built_alike(stack) && self.is_identical(images, true)
    }

    fn is_one_image(&self, images: &BTreeMap<String, String>) -> bool {
        let image = images.get(&self.sides.head.name);
        image.is_some() && image == images.get(&self.sides.base.name)
    }

    /// Whether both sides are the same image or the same program of cargo, and started alike.
    fn is_built_alike(&self, stack: &Stack) -> bool {
        let Sides { head, base } = &self.sides;
        let is_alike = if head.source.is_contained() {
            self.is_one_image(&stack.image_ids())
        } else {
            let digest = |it| stack.built(it, SystemTime::now())?.digest;
            let head = digest(head);
            head.is_some() && head == digest(base)
        };
        is_alike && self.is_started_alike()
    }

    /// Whether both sides have the same command, environment and limits.
    fn is_started_alike(&self) -> bool {
        let Sides { head, base } = &self.sides;
        let has_same_command = head.source.is_contained() || head.source == base.source;
        has_same_command && head.configuration() == base.configuration()
    }
}
