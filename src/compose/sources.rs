//! Source files that spell out where other services are → copies of them with placeholders there. Only of languages
//! that run from their source: a compiled program has the names in it.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use super::disk::Files;
use super::dockerfile::Build;
use super::image_paths::place_in_image;
use super::placeholders::Placeholders;
use super::service::{Contents, Service};
use super::stack::CopiedFile;

/// Files that are looked through, and folders below one another.
const MOST: usize = 400;
const DEEPEST: usize = 5;
const ENDINGS: [&str; 5] = ["py", "rb", "js", "mjs", "cjs"];
/// Folders without the service's own source.
const PASSED_OVER: [&str; 8] = [
    "dist",
    "migrations",
    "node_modules",
    "site-packages",
    "static",
    "test",
    "tests",
    "venv",
];

/// The quoted host of `host="db"`, `"HOST": "db"` and `host: 'db'`; any other quoted text.
const HOST: &str = r#"(?i)\bhost["']?\s*[:=]\s*["'](?P<name>[\w.-]+)["']"#;
const QUOTED: &str = r#"["'`](?P<text>[^"'`\s]+://[^"'`\s]+)["'`]"#;

static PATTERNS: LazyLock<[Regex; 2]> =
    LazyLock::new(|| [HOST, QUOTED].map(|it| Regex::new(it).expect("a constant")));

/// Sources in the image of a service that name services.
pub(super) fn sources(
    service: &Service,
    files: &dyn Files,
    texts: &mut Placeholders<'_>,
) -> Vec<CopiedFile> {
    let Some(build) = &service.build else {
        return Vec::new();
    };
    let mut paths = Vec::new();
    list(files, Path::new(&build.context), 0, &mut paths);
    let copied = |path: PathBuf| copied(&path, build, files, texts);
    let found = paths.into_iter().filter_map(copied);
    let is_mounted = |it: &CopiedFile| service.mounts.iter().any(|mount| mount.there == it.there);
    found.filter(|it| !is_mounted(it)).collect()
}

fn copied(
    path: &Path,
    build: &Build,
    files: &dyn Files,
    texts: &mut Placeholders<'_>,
) -> Option<CopiedFile> {
    let text = files.read(path).ok()?;
    let replace = replacements(&text, texts);
    if replace.is_empty() {
        return None;
    }
    Some(CopiedFile {
        there: place_in_image(files, build, path)?,
        here: Contents::Path(path.to_string_lossy().into_owned()),
        replace,
    })
}

/// Each text that says where a service is, with what stands in its place. A variable that is read there says it
/// itself.
fn replacements(text: &str, texts: &mut Placeholders<'_>) -> Vec<(String, String)> {
    let [host, quoted] = &*PATTERNS;
    let mut found: Vec<(String, String)> = Vec::new();
    let lines = text.lines().filter(|line| {
        let is_comment = ["#", "//", "*"]
            .iter()
            .any(|it| line.trim_start().starts_with(it));
        !is_comment && !line.to_lowercase().contains("env")
    });
    for line in lines {
        let hosts = host.captures_iter(line).filter_map(|it| {
            let placeholder = texts.host_of(&it["name"])?;
            let name = it.name("name")?.range();
            let whole = it.get(0)?.range();
            let (before, after) = (&line[whole.start..name.start], &line[name.end..whole.end]);
            Some((it[0].to_owned(), format!("{before}{placeholder}{after}")))
        });
        let mut pairs: Vec<_> = hosts.collect();
        for it in quoted.captures_iter(line) {
            let text = &it["text"];
            let written = texts.written("", text);
            if written != text {
                pairs.push((text.to_owned(), written));
            }
        }
        for pair in pairs {
            if !found.contains(&pair) {
                found.push(pair);
            }
        }
    }
    found
}

/// Source files, those of a folder before those of the folders in it.
fn list(files: &dyn Files, folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) {
    let mut folders = Vec::new();
    for name in files.names(folder) {
        let path = if folder == Path::new(".") {
            PathBuf::from(&name)
        } else {
            folder.join(&name)
        };
        let ending = path.extension().and_then(|it| it.to_str());
        let is_test = name.starts_with("test_") || name == "conftest.py";
        if ending.is_some_and(|it| ENDINGS.contains(&it)) && !is_test && paths.len() < MOST {
            paths.push(path);
        } else if !name.starts_with('.') && !PASSED_OVER.contains(&name.as_str()) {
            folders.push(path);
        }
    }
    for folder in folders {
        if depth < DEEPEST && paths.len() < MOST && files.is_dir(&folder) {
            list(files, &folder, depth + 1, paths);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Folder;
    use super::super::placeholders::Host;
    use super::*;

    fn texts(database: &Service) -> Placeholders<'_> {
        Placeholders {
            postgres: Some((Host::of_postgres(vec!["db".into()]), database)),
            redis: Some(Host::of_redis(vec!["redis".into()])),
            ..Placeholders::default()
        }
    }

    #[test]
    fn a_source_that_names_a_service_is_copied_with_its_placeholder() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = "CELERY_BROKER_URL = \"redis://redis:6379\"\nNAME = \"redis\"\n\
                        cache = Redis(host='redis', port=6379)\n# x = Redis(host='redis')\n\
                        DATABASES = {\"default\": {\"HOST\": \"db\", \"NAME\": \"db\"}}\n\
                        OTHER = os.getenv(\"URL\", \"redis://redis:6379/1\")\n";
        for (name, text) in [
            ("app/Dockerfile", "FROM python:3\nWORKDIR /srv\nCOPY . .\n"),
            ("app/core/settings.py", settings),
            ("app/core/test_settings.py", settings),
            ("app/tests/settings.py", settings),
            ("app/core/views.py", "def redis(): return 'redis'\n"),
        ] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        let service = Service {
            build: Some(Build {
                context: "app".into(),
                ..Build::default()
            }),
            ..Service::default()
        };
        let database = Service::default();
        let mut texts = texts(&database);
        let [copied] = &sources(&service, &Folder::at(folder.path()), &mut texts)[..] else {
            panic!("one source names services");
        };
        assert_eq!(copied.there, "/srv/core/settings.py");
        assert_eq!(copied.here.path(), Some("app/core/settings.py"));
        let replace = [
            ("redis://redis:6379", "{redis.url}"),
            ("host='redis'", "host='{redis.host}'"),
            ("HOST\": \"db\"", "HOST\": \"{postgres.host}\""),
        ];
        let replace = replace.map(|(before, after)| (before.to_owned(), after.to_owned()));
        assert_eq!(copied.replace, replace);
    }

    #[test]
    fn hosts_of_others_stay_as_they_are() {
        let database = Service::default();
        let mut texts = texts(&database);
        let text = "url = \"https://example.org/redis\"\nhost = \"localhost\"\nhost = redis\nhost = \"redis.example\"\n";
        assert!(replacements(text, &mut texts).is_empty());
    }
}
