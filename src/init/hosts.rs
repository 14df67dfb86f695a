//! The name that a Django server wants to be called by.

use std::fs;
use std::path::{Path, PathBuf};

use super::frameworks::wsgi;
use crate::compose::Server;

/// The first name of `ALLOWED_HOSTS` where a Django server answers to names alone: as a variable of that name
/// says, else its settings. Requests carry the address of the server otherwise.
pub(super) fn allowed_host(root: &Path, source: &Path, server: Option<&Server>) -> Option<String> {
    const NAME: &str = "ALLOWED_HOSTS";
    let is_named = |name: &str| name.trim().to_uppercase().ends_with(NAME);
    let own = server.and_then(|it| it.env.iter().find(|(name, _)| is_named(name)));
    let of_file = |file: &String| {
        let text = fs::read_to_string(root.join(file)).ok()?;
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        let (_, value) = lines.find(|(name, _)| is_named(name))?;
        Some(value.to_owned())
    };
    let of_files = || server.and_then(|it| it.env_files.iter().find_map(of_file));
    let list = own.map(|(_, value)| value.clone()).or_else(of_files);
    let list = list.or_else(|| {
        let settings = fs::read_to_string(settings(source)?).ok()?;
        let (_, list) = settings.split_once(NAME)?;
        let list = list.trim_start().strip_prefix('=')?.trim_start();
        let list = list.strip_prefix(['[', '('])?.split([']', ')']).next()?;
        Some(list.to_owned())
    })?;
    let separates = |letter: char| letter.is_whitespace() || ",;'\"[]()".contains(letter);
    let names: Vec<_> = list.split(separates).filter(|it| !it.is_empty()).collect();
    if names.iter().any(|it| ["*", "127.0.0.1"].contains(it)) {
        return None;
    }
    // Without any name a server under development takes its address.
    let name = names.first()?.trim_start_matches('.');
    let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || "-.:".contains(letter);
    name.chars().all(is_of_name).then(|| name.to_owned())
}

/// The settings of a Django project, beside the module of its server.
fn settings(source: &Path) -> Option<PathBuf> {
    let package = wsgi(source);
    let package = source.join(package.strip_suffix(".wsgi").unwrap_or_default());
    let names = ["settings.py", "settings/base.py", "settings/__init__.py"];
    let mut paths = names.into_iter().map(|it| package.join(it));
    paths.find(|it| it.is_file())
}
