//! A mounted file, or a script of an image → one that is copied, with placeholders in place of the services that it
//! names.

use std::path::Path;

use super::disk::Files;
use super::dockerfile::{Build, started};
use super::image_paths::place_in_image;
use super::placeholders::Placeholders;
use super::service::{Contents, Mount, Service};
use super::stack::CopiedFile;

/// Signs around an address.
const AROUND: [char; 13] = [
    '"', '\'', '`', ',', ';', '(', ')', '[', ']', '<', '>', '=', '|',
];

pub(super) fn copied(mount: &Mount, files: &dyn Files, texts: &mut Placeholders<'_>) -> CopiedFile {
    let (here, replace) = match &mount.here {
        Contents::Path(path) => {
            // A folder, or a file that is no text, names nothing that could be found.
            let text = files.read(Path::new(path)).unwrap_or_default();
            (mount.here.clone(), replacements(&text, texts))
        }
        Contents::Text(text) => {
            let replaced = replacements(text, texts);
            let replaced = replaced.iter();
            let text = replaced.fold(text.clone(), |text, (before, after)| {
                text.replace(before, after)
            });
            (Contents::Text(text), Vec::new())
        }
    };
    CopiedFile {
        there: mount.there.clone(),
        here,
        replace,
    }
}

/// Scripts that an image is started by and that name services: copies of them in their place.
pub(super) fn scripts(
    service: &Service,
    files: &dyn Files,
    texts: &Placeholders<'_>,
) -> Vec<CopiedFile> {
    let Some(build) = &service.build else {
        return Vec::new();
    };
    let words = started(files, build);
    let words = words
        .iter()
        .chain(&service.entrypoint)
        .chain(&service.command);
    let words = words.flat_map(|it| it.split_whitespace());
    let mut found: Vec<CopiedFile> = Vec::new();
    for word in words.filter(|it| Path::new(it).extension().is_some_and(|it| it == "sh")) {
        let Some(script) = script(word, build, files, texts) else {
            continue;
        };
        let is_there = service.mounts.iter().any(|it| it.there == script.there);
        if !is_there && !found.contains(&script) {
            found.push(script);
        }
    }
    found
}

fn script(
    word: &str,
    build: &Build,
    files: &dyn Files,
    texts: &Placeholders<'_>,
) -> Option<CopiedFile> {
    let parts: Vec<_> = word
        .split('/')
        .filter(|it| !matches!(*it, "" | "."))
        .collect();
    let mut ends = (0..parts.len()).map(|at| parts[at..].join("/"));
    // The folder of the image is some other than that of the repository.
    let path = ends.find_map(|end| {
        let path = Path::new(&build.context).join(end);
        files.is_file(&path).then_some(path)
    })?;
    let there =
        place_in_image(files, build, &path).filter(|it| it.ends_with(parts[parts.len() - 1]))?;
    let text = files.read(&path).ok()?;
    let mut replace: Vec<(String, String)> = Vec::new();
    for line in text.lines().filter(|it| !it.trim_start().starts_with('#')) {
        let pair = changed(line, &texts.with_addresses(line, true));
        replace.extend(pair.filter(|it| !replace.contains(it)));
    }
    (!replace.is_empty()).then(|| CopiedFile {
        there,
        here: Contents::Path(path.to_string_lossy().into_owned()),
        replace,
    })
}

/// What of a line was replaced, and by what.
fn changed(before: &str, after: &str) -> Option<(String, String)> {
    if before == after {
        return None;
    }
    let same = |(a, b): &(char, char)| a == b;
    let length = |pairs: Vec<(char, char)>| pairs.into_iter().map(|(it, _)| it.len_utf8()).sum();
    let begin: usize = length(before.chars().zip(after.chars()).take_while(same).collect());
    let (before, after) = (&before[begin..], &after[begin..]);
    let ends = before.chars().rev().zip(after.chars().rev());
    let end: usize = length(ends.take_while(same).collect());
    let whole = |text: &str| text[..text.len() - end].to_owned();
    Some((whole(before), whole(after)))
}

/// Each text once, in their order.
fn replacements(text: &str, texts: &mut Placeholders<'_>) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut section = String::new();
    for line in text.lines() {
        let line = line.trim();
        if let Some(name) = heading(line) {
            name.clone_into(&mut section);
            continue;
        }
        for pair in in_line(line, &section, texts) {
            if !found.iter().any(|(known, _)| *known == pair.0) {
                found.push(pair);
            }
        }
    }
    found
}

/// The name of a section: `[database]`, `database:` with nothing behind it, or `"database": {`.
fn heading(line: &str) -> Option<&str> {
    let line = line.strip_suffix('{').unwrap_or(line).trim_end();
    let in_brackets = line.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let name = in_brackets.or_else(|| line.strip_suffix(':'))?;
    let name = name.trim_matches(['[', ']', '"', '\'']);
    let is_of_name = |it: char| it.is_ascii_alphanumeric() || "_-. ".contains(it);
    (!name.is_empty() && name.chars().all(is_of_name)).then_some(name)
}

/// What a line has: its value by its key, as variables have it, or addresses anywhere in it.
fn in_line(line: &str, section: &str, texts: &mut Placeholders<'_>) -> Vec<(String, String)> {
    if line.starts_with(['#', ';']) || line.starts_with("//") {
        return Vec::new();
    }
    if let Some((key, value)) = setting(line) {
        let key = format!("{section}_{key}");
        let written = texts.written(&key, value);
        // An address is found without its key.
        let is_by_key = written != value && written != texts.with_addresses(value, false);
        if is_by_key && texts.is_of_service(value) {
            let is_url = value.contains("://");
            let pair = if is_url {
                (value.to_owned(), written)
            } else {
                // A short value stands elsewhere too: its key says which is meant.
                let at = line.rfind(value).unwrap_or_default();
                let (before, after) = (&line[..at], &line[at + value.len()..]);
                (line.to_owned(), format!("{before}{written}{after}"))
            };
            return vec![pair];
        }
    }
    let words = line.split(|it: char| it.is_whitespace() || AROUND.contains(&it));
    let mut written = |word: &str| {
        if word.contains("://") {
            texts.written("", word)
        } else {
            texts.with_addresses(word, false)
        }
    };
    let pairs = words.map(|word| (word.to_owned(), written(word)));
    pairs.filter(|(word, written)| word != written).collect()
}

/// Key and value of `key = "value"`, `key: value` or `"key": "value",`.
fn setting(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(['=', ':'])?;
    let is_around = |it: char| it.is_whitespace() || matches!(it, '"' | '\'' | ',' | ';');
    let (key, value) = (key.trim_matches(is_around), value.trim_matches(is_around));
    let is_of_name = |it: char| it.is_ascii_alphanumeric() || "_-.".contains(it);
    let is_key = !key.is_empty() && key.chars().all(is_of_name);
    (is_key && !value.is_empty()).then_some((key, value))
}

#[cfg(test)]
mod tests {
    use super::super::placeholders::Host;
    use super::super::service::Service;
    use super::*;

    fn replaced(text: &str) -> Vec<(String, String)> {
        let env = [("POSTGRES_DB", "shop"), ("POSTGRES_PASSWORD", "secret")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let database = Service {
            env: env.into(),
            ..Service::default()
        };
        let mut texts = Placeholders {
            postgres: Some((Host::of_postgres(vec!["db".into()]), &database)),
            redis: Some(Host::of_redis(vec!["cache".into()])),
            ..Placeholders::default()
        };
        replacements(text, &mut texts)
    }

    fn assert_replaced(text: &str, pairs: &[(&str, &str)]) {
        let pairs = pairs.iter();
        let pairs = pairs.map(|(text, with)| ((*text).to_owned(), (*with).to_owned()));
        assert_eq!(replaced(text), pairs.collect::<Vec<_>>(), "{text}");
    }

    #[test]
    fn scripts_of_an_image_wait_for_the_services_of_perfgate() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [
            (
                "app/Dockerfile",
                "FROM x\nWORKDIR /srv\nCOPY . .\nENTRYPOINT [\"/srv/entrypoint.sh\"]\nCMD [\"./start.sh\", \"web\"]\n",
            ),
            (
                "app/entrypoint.sh",
                "#!/bin/sh\n# waits for db 5432\nwhile ! nc -z db 5432; do sleep 1; done\nexec \"$@\"\n",
            ),
            ("app/start.sh", "exec serve\n"),
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
        let texts = Placeholders {
            postgres: Some((Host::of_postgres(vec!["db".into()]), &database)),
            ..Placeholders::default()
        };
        let files = super::super::Folder::at(folder.path());
        let [copied] = &scripts(&service, &files, &texts)[..] else {
            panic!("one script names a service");
        };
        assert_eq!(copied.there, "/srv/entrypoint.sh");
        assert_eq!(copied.here.path(), Some("app/entrypoint.sh"));
        let pair = (
            "db 5432".to_owned(),
            "{postgres.host} {postgres.port}".to_owned(),
        );
        assert_eq!(copied.replace, [pair]);
    }

    #[test]
    fn addresses_of_services_become_placeholders() {
        assert_replaced(
            "[cache]\nurl = \"redis://cache:6379/1\"\n[db]\nurl: 'postgresql://u:p@db/shop'\n",
            &[
                ("redis://cache:6379/1", "{redis.url}"),
                ("postgresql://u:p@db/shop", "{postgres.url}"),
            ],
        );
        assert_replaced(
            "# at cache:6379\nupstreams: [cache:6379, other:1]\ncache = \"other\"\n",
            &[("cache:6379", "{redis.host}:{redis.port}")],
        );
    }

    #[test]
    fn parts_of_an_address_become_placeholders_with_their_keys() {
        assert_replaced(
            "log_name = \"x\"\ndatabase:\n  host: db\n  port: 5432\n  name: shop\n  password: secret\n  pool_name: main\n",
            &[
                ("host: db", "host: {postgres.host}"),
                ("port: 5432", "port: {postgres.port}"),
                ("name: shop", "name: {postgres.database}"),
                ("password: secret", "password: {postgres.password}"),
            ],
        );
        assert_replaced(
            "{\n  \"redis\": {\n    \"host\": \"cache\",\n    \"timeout\": 5\n  }\n}\n",
            &[("\"host\": \"cache\",", "\"host\": \"{redis.host}\",")],
        );
    }

    #[test]
    fn a_file_that_names_no_service_stays_as_it_is() {
        assert_replaced(
            "workers = 4\nname = \"database\"\npath = /srv/cached\n",
            &[],
        );
    }
}
