//! What cargo finds in the environment of commands and servers: every tree is built into a target
//! directory of its own. With one for two trees the second build overwrites the first, or takes it for
//! its own.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};

use cargo_metadata::{Metadata, MetadataCommand};

use super::scrubbed_env::{self, CARGO_FOLDERS};
use crate::model::Plan;

const TARGET: &str = "CARGO_TARGET_DIR";
const BUILD: &str = "CARGO_BUILD_BUILD_DIR";

/// The folders in which this process's environment and cargo's own configuration have all trees built.
pub(super) fn shared_folders(folder: &Path) -> Vec<PathBuf> {
    let variables = CARGO_FOLDERS.iter().filter_map(std::env::var_os);
    let absolute = |it| std::path::absolute(folder.join(PathBuf::from(it))).ok();
    let metadata = metadata(folder).into_iter();
    let configured =
        metadata.flat_map(|it| outside(&it).map(Path::to_path_buf).collect::<Vec<_>>());
    variables.filter_map(absolute).chain(configured).collect()
}

/// Variables for what runs in a folder of a tree: none if cargo builds into the tree anyway.
pub(super) fn own_target(folder: &Path) -> Vec<(&'static str, PathBuf)> {
    let Some(metadata) = metadata(folder) else {
        return Vec::new();
    };
    let own = metadata.workspace_root.join("target").into_std_path_buf();
    let is_outside = |path: &Path| outside(&metadata).any(|it| it == path);
    let target = metadata.target_directory.as_std_path();
    // It follows the target directory unless it was set apart.
    let build = metadata.build_directory.as_ref().map(|it| it.as_std_path());
    let build = build
        .filter(|it| *it != target && is_outside(it))
        .map(|_| BUILD);
    let target = is_outside(target).then_some(TARGET);
    let names = target.into_iter().chain(build);
    names.map(|name| (name, own.clone())).collect()
}

/// Folders that cargo builds into and that lie outside of the workspace.
fn outside(metadata: &Metadata) -> impl Iterator<Item = &Path> {
    let build = metadata.build_directory.as_ref();
    let all = std::iter::once(&metadata.target_directory).chain(build);
    let outside = all.filter(|it| !it.starts_with(&metadata.workspace_root));
    outside.map(|it| it.as_std_path())
}

/// What cargo says of the package in a folder, asked once; `None` if there is none, or no cargo.
fn metadata(folder: &Path) -> Option<Metadata> {
    static KNOWN: LazyLock<Mutex<BTreeMap<PathBuf, Option<String>>>> =
        LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let ask = || asked(folder);
    let text = known
        .entry(folder.to_path_buf())
        .or_insert_with(ask)
        .as_deref()?;
    MetadataCommand::parse(text).ok()
}

fn asked(folder: &Path) -> Option<String> {
    let has_manifest = |it: &Path| it.join("Cargo.toml").is_file();
    if !folder.ancestors().any(has_manifest) {
        return None;
    }
    output_of(
        folder,
        "cargo",
        &["metadata", "--no-deps", "--format-version=1", "--offline"],
        [],
    )
}

/// The workspaces that a plan's programs are built in: of its folder, and of the manifests that its servers name.
pub fn workspaces(plan: &Plan) -> BTreeSet<PathBuf> {
    let of_servers = plan.targets.iter().filter_map(|it| {
        let build = it.cargo.as_ref()?;
        Some(build.folder(&it.root))
    });
    let folders = std::iter::once(plan.root.clone()).chain(of_servers);
    let workspaces = folders.filter_map(|it| Some(metadata(&it)?.workspace_root));
    workspaces.map(Into::into).collect()
}

/// The compiler that builds the Rust package in a folder; `None` if there is none.
pub fn compiler(folder: &Path) -> Option<String> {
    metadata(folder)?;
    let version = output_of(folder, "rustc", &["--version"], [])?;
    Some(version.trim().to_owned())
}

/// What cargo says in a folder when it builds there, into the target directory of that tree.
pub(super) fn output_of_build(
    folder: &Path,
    words: &[&str],
    env: &[(String, String)],
) -> Option<String> {
    let own = own_target(folder);
    let own = own.iter().map(|(name, path)| (*name, path.as_os_str()));
    let given = env.iter();
    let given = given.map(|(name, value)| (name.as_str(), OsStr::new(value)));
    output_of(folder, "cargo", words, own.chain(given))
}

/// What a program says in a folder, with the environment of that folder and some variables more.
fn output_of<'a>(
    folder: &Path,
    program: &str,
    words: &[&str],
    more: impl IntoIterator<Item = (&'a str, &'a OsStr)>,
) -> Option<String> {
    let mut command = Command::new(program);
    for name in scrubbed_env::variables() {
        command.env_remove(name);
    }
    command.envs(more);
    let output = command.args(words).current_dir(folder).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then_some(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A package whose cargo is configured so.
    fn package(configuration: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        };
        write(
            "Cargo.toml",
            "[package]\nname = \"app\"\nedition = \"2024\"\n",
        );
        write("src/main.rs", "fn main() {}\n");
        write(".cargo/config.toml", configuration);
        folder
    }

    #[test]
    fn a_shared_target_directory_of_the_configuration_is_overridden() {
        let own = package("");
        assert_eq!(own_target(own.path()), []);
        assert_eq!(own_target(&own.path().join("src")), []);
        let shared = package("[build]\ntarget-dir = \"/nowhere/shared\"\n");
        let target = shared.path().join("target");
        assert_eq!(own_target(shared.path()), [(TARGET, target)]);
        let folders = shared_folders(shared.path());
        assert!(folders.contains(&"/nowhere/shared".into()), "{folders:?}");
        let nothing = tempfile::tempdir().expect("a folder");
        assert_eq!(own_target(nothing.path()), []);
    }

    #[test]
    fn the_compiler_of_a_package_is_known() {
        let version = compiler(package("").path()).expect("rustc is here");
        assert!(version.starts_with("rustc 1."), "{version}");
        let nothing = tempfile::tempdir().expect("a folder");
        assert_eq!(compiler(nothing.path()), None);
    }
}
