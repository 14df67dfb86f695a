//! Postgres and Redis of a compose file, of which perfgate starts its own.

use std::path::Path;

use super::placeholders::Placeholders;
use super::project::Project;
use super::service::Service;
use super::settings::settings;
use super::stack::{Cache, Database};

/// Where the images of Postgres look for what a database begins with.
const INIT: &str = "/docker-entrypoint-initdb.d";
/// Files that perfgate loads.
const LOADED: [&str; 2] = [".sql", ".dump"];
/// Variables that perfgate has values of its own for.
const OWN: [&str; 7] = [
    "POSTGRES_USER",
    "POSTGRES_PASSWORD",
    "POSTGRES_DB",
    "POSTGRES_HOST",
    "POSTGRES_PORT",
    "POSTGRES_HOST_AUTH_METHOD",
    "PGDATA",
];

pub(super) fn database(
    project: &Project<'_>,
    name: &str,
    service: &Service,
    notes: &mut Vec<String>,
) -> Option<Database> {
    let mut container = settings(service, &Placeholders::default());
    let is_own = |it: &String| {
        OWN.contains(&it.as_str()) || it.starts_with("POSTGRES_") && it.ends_with("_FILE")
    };
    // Values that follow from the environment are of users and passwords.
    let env = service
        .env
        .iter()
        .filter(|(key, value)| !is_own(key) && !value.contains("{env."));
    let (settings, rest) = server_settings(&service.command);
    if !rest.is_empty() {
        notes.push(format!(
            "{name}: without `{}` of its command",
            rest.join(" ")
        ));
    }
    let mut init = Vec::new();
    let mounts = service
        .mounts
        .iter()
        .filter(|it| it.there.starts_with(INIT));
    for mount in mounts {
        let Some(here) = mount.here.path() else {
            notes.push(format!(
                "{name}: `{}` is not run: it is no file here",
                mount.there
            ));
            continue;
        };
        let path = Path::new(here);
        let files = if project.files.is_dir(path) {
            let names = project.files.names(path).into_iter();
            names.map(|it| format!("{here}/{it}")).collect()
        } else {
            vec![here.to_owned()]
        };
        for file in files {
            container.marks.insert(file.clone(), mount.mark);
            if LOADED.iter().any(|it| file.ends_with(it)) {
                init.push(file);
            } else {
                notes.push(format!(
                    "{name}: `{file}` is not run: perfgate loads .sql and .dump files"
                ));
            }
        }
    }
    let limits = [
        ("`mem_limit`", service.memory.is_some()),
        ("`cpus`", service.cpus.is_some()),
        ("`shm_size`", service.shm_size.is_some()),
        ("`user`", service.user.is_some()),
    ];
    without(name, &limits, notes);
    without_privileges(name, service, notes);
    Some(Database {
        name: name.to_owned(),
        source: service.source()?,
        scheme: None,
        env: env
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        settings,
        init,
        container,
    })
}

pub(super) fn cache(name: &str, service: &Service, notes: &mut Vec<String>) -> Option<Cache> {
    let command = service.command.iter();
    let command: Vec<_> = command.filter(|it| !it.ends_with("-server")).collect();
    let limits = [
        ("its command", !command.is_empty()),
        ("`mem_limit`", service.memory.is_some()),
        ("`cpus`", service.cpus.is_some()),
    ];
    without(name, &limits, notes);
    without_privileges(name, service, notes);
    Some(Cache {
        name: name.to_owned(),
        source: service.source()?,
        container: settings(service, &Placeholders::default()),
    })
}

fn without(name: &str, what: &[(&str, bool)], notes: &mut Vec<String>) {
    let given = what.iter().filter(|(_, is_given)| *is_given);
    let given: Vec<_> = given.map(|(what, _)| *what).collect();
    if !given.is_empty() {
        notes.push(format!("{name}: without {}", given.join(", ")));
    }
}

/// What reaches beyond the container of one, which perfgate starts without it.
fn without_privileges(name: &str, service: &Service, notes: &mut Vec<String>) {
    let keys = service.refusals.iter();
    let keys = keys.filter_map(|it| it.of_container.as_deref());
    let keys: Vec<_> = keys.map(|it| format!("`{it}`")).collect();
    if !keys.is_empty() {
        notes.push(format!("{name}: without {}", keys.join(", ")));
    }
}

/// `-c name=value` and `--name=value` of a command, and what else it has.
fn server_settings(command: &[String]) -> (Vec<(String, String)>, Vec<String>) {
    let (mut settings, mut rest) = (Vec::new(), Vec::new());
    let mut words = command.iter().skip_while(|it| *it == "postgres");
    while let Some(word) = words.next() {
        let joined = word.strip_prefix("-c").or_else(|| word.strip_prefix("--"));
        let text = match joined {
            Some("") if word == "-c" => words.next().map(String::as_str),
            joined => joined,
        };
        match text.and_then(|it| it.split_once('=')) {
            Some((name, value)) => {
                settings.push((name.trim().replace('-', "_"), value.trim().to_owned()));
            }
            None => rest.push(word.clone()),
        }
    }
    (settings, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_a_command_are_told_apart() {
        let words = "postgres -c shared_buffers=256MB -cfsync=off --max-connections=50 -D /data";
        let words: Vec<_> = words.split(' ').map(str::to_owned).collect();
        let (settings, rest) = server_settings(&words);
        let settings: Vec<_> = settings
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            settings,
            ["shared_buffers=256MB", "fsync=off", "max_connections=50"]
        );
        assert_eq!(rest, ["-D", "/data"]);
    }
}
