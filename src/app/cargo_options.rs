//! How cargo builds, said on the command line in place of the configuration.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::model::{CargoBuild, Plan};

/// Changes the builds of a plan's servers. A package and a program are of one server: where cargo builds
/// several, one must be chosen.
pub(super) fn apply(wanted: &CargoBuild, plan: &mut Plan) -> Result<(), Error> {
    if *wanted == CargoBuild::default() {
        return Ok(());
    }
    let refused = |reason: String| Error::Argument {
        argument: words(wanted),
        reason,
    };
    let manifest = wanted.manifest.as_deref();
    let manifest = manifest
        .map(|path| within(path, &plan.root))
        .transpose()
        .map_err(&refused)?;
    let built = plan.targets.iter_mut().filter_map(|it| it.cargo.as_mut());
    let built: Vec<_> = built.collect();
    let is_of_one = wanted.package.is_some() || wanted.bin.is_some();
    match built.len() {
        0 => {
            let reason = "cargo builds none of the servers: write `cargo = {}` in perfgate.toml";
            return Err(refused(reason.into()));
        }
        2.. if is_of_one => {
            return Err(refused(
                "cargo builds several servers: choose one by --server".into(),
            ));
        }
        _ => {}
    }
    for build in built {
        for (value, wanted) in [
            (&mut build.package, &wanted.package),
            (&mut build.bin, &wanted.bin),
            (&mut build.profile, &wanted.profile),
            (&mut build.target, &wanted.target),
        ] {
            if wanted.is_some() {
                value.clone_from(wanted);
            }
        }
        if !wanted.features.is_empty() {
            build.features.clone_from(&wanted.features);
        }
        build.no_default_features |= wanted.no_default_features;
        if manifest.is_some() {
            build.manifest.clone_from(&manifest);
        }
    }
    Ok(())
}

/// The options as they are written, without the command and the profile that is always named.
fn words(wanted: &CargoBuild) -> String {
    let profile = wanted.profile.as_ref();
    let profile = profile.map(|it| format!("--cargo-profile {it}"));
    let others = wanted.words().into_iter().skip(3);
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
