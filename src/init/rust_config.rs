//! Files of settings that the crate `config` reads, overridden by variables with a prefix → those variables, each
//! with the value of the files.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::requests::sources;
use super::variables::Variables;
use crate::bounded;

/// Bytes of a file of settings.
const LARGEST: u64 = 1 << 18;
/// Where files of settings lie.
const FOLDERS: [&str; 4] = ["configuration", "config", "settings", "."];
/// How they are called, what all environments have in common before one of them.
const NAMES: [&str; 8] = [
    "base",
    "default",
    "config",
    "configuration",
    "settings",
    "local",
    "development",
    "dev",
];
const ENDINGS: [&str; 4] = ["yaml", "yml", "toml", "json"];
const PREFIX: &str = r#"\bEnvironment::with_prefix\(\s*"(?P<prefix>\w+)"\s*\)(?P<rest>[^;]*)"#;
const SEPARATOR: &str = r#"\.(?P<which>prefix_separator|separator)\(\s*"(?P<text>[^"]+)"\s*\)"#;

static PATTERNS: LazyLock<[Regex; 2]> =
    LazyLock::new(|| [PREFIX, SEPARATOR].map(|it| Regex::new(it).expect("a constant")));

/// How variables are called that override settings.
#[derive(Debug, PartialEq, Eq)]
struct Naming {
    prefix: String,
    /// Between the prefix and the first key.
    after_prefix: String,
    /// Between keys.
    separator: String,
}

/// The variables of a service in Rust below a folder, in the file that has most of their values.
pub(super) fn variables(root: &Path, source: &Path) -> Option<Variables> {
    let texts = sources(root, source).into_iter().map(|(_, text)| text);
    let naming = texts.into_iter().find_map(|it| Naming::find(&it))?;
    let mut all = Variables::default();
    for path in files(&root.join(source)) {
        let Some(settings) = read(&path) else {
            continue;
        };
        if all.pairs.is_empty() {
            path.strip_prefix(root)
                .unwrap_or(&path)
                .clone_into(&mut all.path);
        }
        naming.add(&settings, &mut Vec::new(), &mut all.pairs);
    }
    (!all.pairs.is_empty()).then_some(all)
}

impl Naming {
    fn find(text: &str) -> Option<Self> {
        let found = PATTERNS[0].captures(text)?;
        let rest = &found["rest"];
        let separator = |which: &str| {
            let mut all = PATTERNS[1].captures_iter(rest);
            let found = all.find(|it| &it["which"] == which);
            found.map(|it| it["text"].to_owned())
        };
        // Without one, settings within others cannot be named by words of a shell.
        let between = separator("separator")?;
        Some(Self {
            prefix: found["prefix"].to_uppercase(),
            after_prefix: separator("prefix_separator").unwrap_or_else(|| between.clone()),
            separator: between,
        })
    }

    /// Adds settings with their values; those of a later file replace those of an earlier one.
    fn add(&self, value: &Value, keys: &mut Vec<String>, pairs: &mut Vec<(String, String)>) {
        let text = match value {
            Value::Object(table) => {
                for (key, value) in table {
                    keys.push(key.to_uppercase());
                    self.add(value, keys, pairs);
                    keys.pop();
                }
                return;
            }
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::Null | Value::Array(_) => return,
        };
        let (prefix, after) = (&self.prefix, &self.after_prefix);
        let name = format!("{prefix}{after}{}", keys.join(&self.separator));
        match pairs.iter_mut().find(|(it, _)| *it == name) {
            Some((_, known)) => *known = text,
            None => pairs.push((name, text)),
        }
    }
}

/// The files of settings of a source, in the order in which they are read.
fn files(source: &Path) -> Vec<PathBuf> {
    let mut of_folders = FOLDERS.into_iter().map(|folder| {
        let folder = source.join(folder);
        let paths = NAMES.iter().flat_map(|name| {
            let path = |ending: &&str| folder.join(format!("{name}.{ending}"));
            ENDINGS.iter().map(path).collect::<Vec<_>>()
        });
        paths.filter(|it| it.is_file()).collect::<Vec<_>>()
    });
    of_folders.find(|it| !it.is_empty()).unwrap_or_default()
}

fn read(path: &Path) -> Option<Value> {
    let text = bounded::read_text(path, LARGEST).ok()?;
    match path.extension()?.to_str()? {
        "toml" => serde_json::to_value(text.parse::<toml::Table>().ok()?).ok(),
        "json" => serde_json::from_str(&text).ok(),
        _ => serde_saphyr::from_str(&text).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_those_of_the_source() {
        let source = |more: &str| {
            format!("builder.add_source(config::Environment::with_prefix(\"app\"){more}).build()?;")
        };
        let naming = |more: &str| {
            let found = Naming::find(&source(more))?;
            Some(format!(
                "{}{}A{}B",
                found.prefix, found.after_prefix, found.separator
            ))
        };
        let both = ".prefix_separator(\"_\").separator(\"__\")";
        assert_eq!(naming(both).as_deref(), Some("APP_A__B"));
        assert_eq!(naming(".separator(\"__\")").as_deref(), Some("APP__A__B"));
        assert_eq!(naming(""), None);
        assert_eq!(Naming::find("let a = with_prefix(\"app\");"), None);
    }

    #[test]
    fn later_files_replace_values_of_earlier_ones() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        let main = "fn f() { Environment::with_prefix(\"APP\").prefix_separator(\"_\").separator(\"__\"); }";
        write("src/main.rs", main);
        write(
            "configuration/base.yaml",
            "a:\n  port: 1\n  hosts: [x]\nuri: \"redis://x\"\n",
        );
        write("configuration/local.yaml", "a:\n  port: 2\n");
        let found = variables(folder.path(), Path::new("")).expect("settings");
        assert_eq!(found.path, Path::new("configuration/base.yaml"));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            found.pairs,
            [pair("APP_A__PORT", "2"), pair("APP_URI", "redis://x")]
        );
    }
}
