//! Where the base of a comparison comes from: the tree of another commit, or images.

mod commit;
mod comparisons;

pub(super) use self::comparisons::{
    Anchor, Comparison, Comparisons, Confirms, FilesOfBase, has_failed,
};

use self::commit::{full_name, of_commit};
use self::comparisons::with_image;
use super::base::{self, Base};
use crate::error::Error;
use crate::model::{Plan, Strategy};

/// What the head is compared with.
#[derive(Debug, Clone, Default)]
pub struct Against {
    /// A commit; nothing for the usual one.
    pub git_ref: Option<String>,
    /// Images, each as `SERVER=IMAGE`.
    pub images: Vec<String>,
    pub strategy: Wanted,
    /// Whether servers of identical builds are left out.
    pub since_change: bool,
    /// The commit to compare with when none was asked for, or why there is none.
    pub usual: Option<Result<Base, String>>,
}

/// How head and base are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Side by side if there is a base build, in turn if both cannot run at once, else against
    /// stored runs.
    #[default]
    Auto,
    /// Only side by side.
    Duet,
    /// Only in turn.
    Interleaved,
    /// Only against stored runs.
    Stored,
}

impl Against {
    /// Whether the image of a stored run may be the base.
    pub(super) fn takes_anchors(&self) -> bool {
        self.git_ref.is_none() && self.images.is_empty() && self.strategy != Wanted::Stored
    }

    /// The commit before the changes, where it is known, also where no server is built from it.
    pub(super) fn commit(&self, plan: &Plan) -> Option<String> {
        match (&self.git_ref, &self.usual) {
            (Some(git_ref), _) => full_name(plan, git_ref).ok(),
            (None, Some(usual)) => usual.as_ref().ok().map(|it| it.commit.clone()),
            (None, None) => base::earlier(&plan.root).ok().map(|it| it.commit),
        }
    }

    /// The comparisons that were asked for, or that there are by default.
    pub(super) fn comparisons(
        &self,
        plan: &Plan,
        anchors: &[Anchor],
    ) -> Result<Comparisons, Error> {
        let mut comparisons = match (&self.git_ref, self.strategy) {
            (_, Wanted::Stored) => return self.only_stored(),
            (Some(git_ref), _) => of_commit(plan, &full_name(plan, git_ref)?),
            (None, _) if !self.images.is_empty() => self.of_images(plan)?,
            (None, _) => self.by_default(plan, anchors),
        };
        comparisons.add_running(plan);
        self.bring_together(&mut comparisons)?;
        let wanted = match self.strategy {
            Wanted::Duet => "--strategy duet",
            Wanted::Interleaved => "--strategy interleaved",
            Wanted::Auto | Wanted::Stored => "",
        };
        comparisons.explain(plan);
        comparisons.is_required = !wanted.is_empty();
        comparisons.skips_identical = self.since_change;
        if comparisons.is_required && comparisons.all.len() < plan.targets.len() {
            return Err(Error::Argument {
                argument: wanted.into(),
                reason: comparisons.notes.join("; "),
            });
        }
        Ok(comparisons)
    }

    /// No other build: what asks for one is refused. A commit is what the gate itself is compared with.
    fn only_stored(&self) -> Result<Comparisons, Error> {
        let asked = match (self.images.first(), self.since_change) {
            (Some(image), _) => format!("--against-image {image}"),
            (None, true) => "--since-change".into(),
            (None, false) => return Ok(Comparisons::default()),
        };
        Err(Error::Argument {
            argument: asked,
            reason: "`--strategy stored` compares with no other build".into(),
        })
    }

    /// Against the commit before the changes; for servers that it does not have, or that cannot be
    /// built from it, against the image of their newest stored run.
    fn by_default(&self, plan: &Plan, anchors: &[Anchor]) -> Comparisons {
        let base = match &self.usual {
            Some(found) => found.clone(),
            None => base::earlier(&plan.root),
        };
        let mut comparisons = match base {
            Ok(Base { commit, caveats }) => {
                let comparisons = of_commit(plan, &commit);
                let is_compared = !comparisons.all.is_empty();
                Comparisons {
                    caveats: if is_compared { caveats } else { Vec::new() },
                    ..comparisons
                }
            }
            Err(why) => Comparisons::none(plan, &why),
        };
        comparisons.fall_back_on(plan, anchors);
        comparisons
    }

    /// Side by side, or in turn where two of a server cannot be up at once.
    pub(super) fn bring_together(&self, comparisons: &mut Comparisons) -> Result<(), Error> {
        for comparison in &mut comparisons.all {
            let Comparison {
                sides, strategy, ..
            } = comparison;
            let name = &sides.head.name;
            let both = [&sides.head, &sides.base];
            let alone = both.into_iter().any(|it| !it.can_be_up_twice());
            match self.strategy {
                Wanted::Interleaved => *strategy = Strategy::Interleaved,
                Wanted::Duet if alone => {
                    return Err(Error::Argument {
                        argument: "--strategy duet".into(),
                        reason: format!(
                            "two of `{name}` cannot be up at once, because it does not get its port; \
                             use {{host}} and {{port}} in its `run` or `env`"
                        ),
                    });
                }
                _ if alone => {
                    *strategy = Strategy::Interleaved;
                    comparisons.notes.push(format!(
                        "`{name}` and its base were measured in turn, which is less precise than side \
                         by side: it does not get its port"
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn of_images(&self, plan: &Plan) -> Result<Comparisons, Error> {
        let mut comparisons = Comparisons::default();
        for argument in &self.images {
            let fail = |reason: String| Error::Argument {
                argument: argument.clone(),
                reason,
            };
            let (server, image) = argument
                .split_once('=')
                .ok_or_else(|| fail("write SERVER=IMAGE".into()))?;
            let mut targets = plan.targets.iter();
            let head = targets.find(|target| target.name == server);
            let head = head.ok_or_else(|| fail(format!("no server `{server}` is measured")))?;
            if !head.source.is_contained() {
                let reason = format!("`{server}` does not run in a container");
                return Err(fail(reason));
            }
            comparisons.all.push(with_image(head, image));
        }
        comparisons.base = Some(self.images.join(", "));
        Ok(comparisons)
    }
}
