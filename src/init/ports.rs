//! Where a server listens in its container, if neither a compose file nor `EXPOSE` says it: by its command, else by
//! its source.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::requests::sources;
use crate::bounded;
use crate::compose::{self, Files, Server, Source};

const LARGEST: u64 = 1 << 16;
/// Ports of what servers wait for.
const SERVICES: [u16; 7] = [3306, 5432, 5672, 6379, 9200, 11211, 27017];
const OF_COMMAND: &str = r"(?:--(?:http-)?port[= ]|(?:^|\s)-p |(?:--bind|--listen|--http|--addr|--address|-b)[= ]\S*?:|0\.0\.0\.0:|\[::\]:|\bPORT:-)(?P<port>[0-9]{2,5})(?:[^0-9]|$)";
const OF_SOURCE: &str = r#"(?:\b(?:Run|ListenAndServe|ListenAndServeTLS|Start|Listen)\(\s*"[\w.]*:|\bAddr\s*:\s*"[\w.]*:|\.listen\(\s*|\bPORT\s*(?:\|\||\?\?)\s*["']?|\bPORT['"]\s*,\s*["']?|\.run\([^)\n]*\bport\s*=\s*|\bbind\s*=\s*["'][\w.]*:)(?P<port>[0-9]{2,5})\b"#;
/// `bind("0.0.0.0:8080")`, `bind(&"0.0.0.0:8080".parse()?)`, `bind(constants::BIND)`.
const BINDS: &str = r#"\bbind\(\s*&?(?:"(?P<address>[0-9.:\[\]a-z]+:[0-9]{2,5})"|(?:\w+::)*(?P<name>[A-Z][A-Z0-9_]+)\s*\))"#;
const CONSTANT: &str = r#"\bconst\s+(?P<name>[A-Z][A-Z0-9_]+)\s*:\s*&(?:'static\s+)?str\s*=\s*"(?P<address>[0-9.:\[\]a-z]+:[0-9]{2,5})""#;

static PATTERNS: LazyLock<[Regex; 2]> =
    LazyLock::new(|| [OF_COMMAND, OF_SOURCE].map(|it| Regex::new(it).expect("a constant")));

/// The port that the command of a server names, that of a script among its words, or the usual one of its program.
pub(super) fn of_command(files: &dyn Files, server: &Server) -> Option<u16> {
    let build = match &server.source {
        Source::Build(build) => Some(build),
        Source::Image(_) => None,
    };
    let mut words = server.container.command.clone();
    if words.is_empty() {
        words = build
            .map(|it| compose::started(files, it))
            .unwrap_or_default();
    }
    let line = words.join(" ");
    let in_script = || {
        let context = Path::new(&build?.context);
        let mut names = words
            .iter()
            .filter(|it| Path::new(it).extension().is_some_and(|it| it == "sh"));
        names.find_map(|name| {
            let name = name.rsplit('/').next().unwrap_or(name);
            let folders = ["", "scripts", "docker", "bin"].into_iter();
            let mut texts = folders.filter_map(|it| files.read(&context.join(it).join(name)).ok());
            texts.find_map(|it| first(&PATTERNS[0], &it))
        })
    };
    first(&PATTERNS[0], &line)
        .or_else(in_script)
        .or_else(|| line.contains("flask run").then_some(5000))
}

/// The port that the source of a server names, where it is one alone.
pub(super) fn of_source(root: &Path, source: &Path) -> Option<u16> {
    let files = sources(root, source);
    let texts = files.iter().map(|(_, text)| text.as_str());
    let mut ports: Vec<_> = texts.flat_map(|it| all(&PATTERNS[1], it)).collect();
    ports.dedup();
    match ports.as_slice() {
        [only] => Some(*only),
        _ => None,
    }
}

/// The port that a script names which a package.json starts.
pub(super) fn of_script(root: &Path, folder: &Path, start: &[String]) -> Option<u16> {
    let [npm, run, name] = start else {
        return first(&PATTERNS[0], &start.join(" "));
    };
    let text = bounded::read_text(&root.join(folder).join("package.json"), LARGEST).ok()?;
    let package: serde_json::Value = serde_json::from_str(&text).ok()?;
    let is_script = npm == "npm" && run == "run";
    let line = package["scripts"][name].as_str().filter(|_| is_script)?;
    first(&PATTERNS[0], line)
}

/// The file of a program in Rust that listens at one address whatever HOST and PORT say, and the address.
pub(super) fn fixed(root: &Path, source: &Path) -> Option<(String, String)> {
    static FIXED: LazyLock<[Regex; 2]> =
        LazyLock::new(|| [BINDS, CONSTANT].map(|it| Regex::new(it).expect("a constant")));
    let files = sources(root, source);
    let mut files = files.iter();
    let is_rust = |path: &Path| path.extension().is_some_and(|it| it == "rs");
    // Tests listen where they like.
    let own = |text: &str| {
        text.split("#[cfg(test)]")
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let texts: Vec<_> = files
        .by_ref()
        .filter(|(path, _)| is_rust(path) && !path.components().any(|it| it.as_os_str() == "tests"))
        .map(|(path, text)| (path, own(text)))
        .collect();
    let constant = |name: &str| {
        let mut all = texts
            .iter()
            .flat_map(|(_, text)| FIXED[1].captures_iter(text));
        let found = all.find(|it| &it["name"] == name)?;
        Some(found["address"].to_owned())
    };
    texts.iter().find_map(|(path, text)| {
        let found = FIXED[0].captures(text)?;
        let address = match found.name("address") {
            Some(address) => address.as_str().to_owned(),
            None => constant(&found["name"])?,
        };
        let path = path.strip_prefix(root).unwrap_or(path);
        Some((path.display().to_string(), address))
    })
}

fn all<'a>(pattern: &'a Regex, text: &'a str) -> impl Iterator<Item = u16> + 'a {
    let found = pattern.captures_iter(text);
    let ports = found.filter_map(|it| it["port"].parse().ok());
    ports.filter(|it| !SERVICES.contains(it))
}

fn first(pattern: &Regex, text: &str) -> Option<u16> {
    all(pattern, text).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_name_the_port_in_many_ways() {
        for (line, port) in [
            ("uvicorn app:app --host 0.0.0.0 --port 8080", Some(8080)),
            ("gunicorn -b 0.0.0.0:5000 app:app", Some(5000)),
            ("gunicorn --bind=:80 app:app", Some(80)),
            ("uvicorn app:app --port ${PORT:-9000}", Some(9000)),
            ("flask run -h 0.0.0.0 -p 7000", Some(7000)),
            ("gunicorn app:app --timeout 1200", None),
            ("pg_isready -h db -p 5432 && serve", None),
            ("next start -p 3001", Some(3001)),
        ] {
            assert_eq!(first(&PATTERNS[0], line), port, "{line}");
        }
    }

    #[test]
    fn an_address_that_nothing_changes_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let fixed = |files: &[(&str, &str)]| {
            for (name, text) in files {
                std::fs::write(folder.path().join(name), text).expect("written");
            }
            fixed(folder.path(), Path::new("")).map(|(file, address)| format!("{file} {address}"))
        };
        for text in [
            "a.bind(\"0.0.0.0:8080\")",
            "Server::bind(&\"0.0.0.0:8080\".parse()?)",
        ] {
            assert_eq!(
                fixed(&[("main.rs", text)]).as_deref(),
                Some("main.rs 0.0.0.0:8080")
            );
        }
        let constant = ("constants.rs", "pub const BIND: &str = \"[::]:80\";\n");
        let found = fixed(&[("main.rs", "a.bind(constants::BIND)?"), constant]);
        assert_eq!(found.as_deref(), Some("main.rs [::]:80"));
        for text in [
            "a.bind(&format!(\"0.0.0.0:{port}\"))",
            "a.bind(address)",
            "#[cfg(test)]\nmod tests { fn f() { a.bind(\"0.0.0.0:8080\") } }",
        ] {
            assert_eq!(fixed(&[("main.rs", text)]), None, "{text}");
        }
    }

    #[test]
    fn sources_name_the_port_in_many_ways() {
        for (line, port) in [
            ("r.Run(\":8080\")", Some(8080)),
            ("http.ListenAndServe(\"0.0.0.0:9090\", nil)", Some(9090)),
            ("&http.Server{Addr: \":4000\"}", Some(4000)),
            ("app.listen(3000, () => {})", Some(3000)),
            ("const port = process.env.PORT || 3001;", Some(3001)),
            ("port = int(os.environ.get('PORT', 5001))", Some(5001)),
            ("app.run(host='0.0.0.0', port=5002)", Some(5002)),
            ("bind = '0.0.0.0:5005'", Some(5005)),
            ("http.Get(\"http://x:8080\")", None),
        ] {
            assert_eq!(first(&PATTERNS[1], line), port, "{line}");
        }
    }
}
