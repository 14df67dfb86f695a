//! How cargo builds, said on the command line in place of the configuration.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::model::{CargoBuild, Plan};

/// Changes how a plan's servers are built, and notes it in the plan, for their bases. A package and a
/// program are of one server: where cargo builds several, one must be chosen.
pub(super) fn apply(wanted: &CargoBuild, plan: &mut Plan) -> Result<(), Error> {
    if *wanted == CargoBuild::default() {
        return Ok(());
    }
    let refused = |reason: String| Error::Argument {
        argument: as_typed(wanted),
        reason,
    };
    let built = plan.targets.iter().filter(|it| it.cargo.is_some()).count();
    let is_of_one = wanted.package.is_some() || wanted.bin.is_some();
    if built == 0 {
        let reason = "cargo builds none of the servers: write `cargo = {}` in perfgate.toml";
        return Err(refused(reason.into()));
    }
    if built > 1 && is_of_one {
        return Err(refused(
            "cargo builds several servers: choose one by --server".into(),
        ));
    }
    let manifest = wanted.manifest.as_deref();
    let manifest = manifest
        .map(|path| within(path, &plan.root))
        .transpose()
        .map_err(refused)?;
    let options = CargoBuild {
        manifest,
        ..wanted.clone()
    };
    lay_over(&options, plan);
    plan.cargo = options;
    Ok(())
}

/// Changes the builds of a plan of another commit in the same way.
pub(super) fn lay_over(options: &CargoBuild, plan: &mut Plan) {
    for build in plan.targets.iter_mut().filter_map(|it| it.cargo.as_mut()) {
        for (value, wanted) in [
            (&mut build.package, &options.package),
            (&mut build.bin, &options.bin),
            (&mut build.profile, &options.profile),
            (&mut build.target, &options.target),
        ] {
            if wanted.is_some() {
                value.clone_from(wanted);
            }
        }
        if !options.features.is_empty() {
            build.features.clone_from(&options.features);
        }
        build.no_default_features |= options.no_default_features;
        if options.manifest.is_some() {
            build.manifest.clone_from(&options.manifest);
        }
    }
}

/// The options as they are written, without the command and the profile that is always named.
fn as_typed(wanted: &CargoBuild) -> String {
    let profile = wanted.profile.as_ref();
    let profile = profile.map(|it| format!("--cargo-profile {it}"));
    let others = wanted.arguments().into_iter().skip(3);
    profile
        .into_iter()
        .chain(others)
        .collect::<Vec<_>>()
        .join(" ")
}

/// A path as both trees have it: from the folder of the configuration on.
fn within(path: &Path, root: &Path) -> Result<PathBuf, String> {
    let real = |path: &Path| {
        path.canonicalize()
            .map_err(|error| format!("{}: {error}", path.display()))
    };
    let (path, root) = (real(path)?, real(root)?);
    match path.strip_prefix(&root) {
        Ok(path) => Ok(path.to_owned()),
        Err(_) => Err(format!(
            "the base has no such file: name one below {}",
            root.display()
        )),
    }
}
