//! A repository → the text of its perfgate.toml.

use super::environment::PORT;
use super::frameworks::Framework;
use super::repository::Repository;
use super::rust_env::Required;
use super::syntax::{key, list, pairs, quoted, string_list, table};
use super::{commands, endpoints};
use crate::compose::{Contents, CopiedFile, Settings, Source, Stack, Worker};

/// Variables that have room in one line.
const FEW: usize = 3;

/// What is built of a module of Go.
const PROGRAM: &str = ".perfgate/server";

const HEAD: &str = "\
# What `perfgate check` measures, and by which rules it fails. Paths start at this file; every key
# is described in perfgate's docs/configuration.md. `perfgate check --dry-run` shows what comes of
# it and starts nothing.
";

const RULES: &str = r#"
[load]
connections = 20        # each has one request in flight
budget      = "60s"     # most that one server and endpoint may take

# `perfgate check --dry-run` lists the defaults. Narrow a rule, or widen it, here for all or in
# [server.app.endpoint.home.thresholds] for one:
# [thresholds]
# latency_p99     = { max_increase = "20%", max = "500ms" }
# cpu_per_request = { max_increase = "5%" }

[baseline]
# Where runs are kept that later ones are compared with. In workflows it is a branch
# (`baseline-store: git:perfgate-baselines`), so that it is there on every runner.
store = "dir:.perfgate/baselines"
"#;

/// The whole file.
pub(super) fn configuration(repository: &Repository) -> String {
    let parts = [
        HEAD.to_owned(),
        prepare(repository),
        services(&repository.stack),
        server(repository),
        endpoints::text(
            repository.requests.as_ref(),
            repository.health(),
            &repository.headers(),
            repository.login.as_ref(),
        ),
        RULES.replace("server.app", &format!("server.{}", repository.name)),
    ];
    parts.concat()
}

fn prepare(repository: &Repository) -> String {
    if repository.server().is_some() {
        return String::new();
    }
    let commands = match &repository.framework {
        Framework::Node(node) => {
            let build = node.builds.then(|| vec!["npm", "run", "build"]);
            std::iter::once(node.install.clone()).chain(build).collect()
        }
        Framework::Go(go) => {
            let package = go.package.as_deref().unwrap_or(".");
            vec![vec!["go", "build", "-o", PROGRAM, package]]
        }
        _ => return String::new(),
    };
    let owned = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect();
    let commands = commands.into_iter().map(|it| within(repository, owned(it)));
    let commands: Vec<_> = commands.map(|it| list(&it)).collect();
    format!(
        "\n# Run first, from this folder.\nprepare = [{}]\n",
        commands.join(", ")
    )
}

fn services(stack: &Stack) -> String {
    let mut text = String::new();
    if let Some(database) = &stack.postgres {
        let comment = "# A fresh database for every run, in memory. `init` names SQL files for it.";
        let files = string_list("init", &database.init);
        text.push_str(&format!(
            "\n{comment}\n[postgres]\n{}",
            source(&database.source)
        ));
        if let Some(scheme) = &database.scheme {
            text.push_str(&format!("scheme = {}\n", quoted(scheme)));
        }
        text.push_str(&files);
        text.push_str(&table("settings", &database.settings));
    }
    if let Some(redis) = &stack.redis {
        text.push_str(&format!("\n[redis]\n{}", source(&redis.source)));
    }
    for other in &stack.others {
        text.push_str(&format!(
            "\n[service.{}]\n{}",
            key(&other.name),
            source(&other.source)
        ));
        text.push_str(&container(&other.container));
        text.push_str(&string_list("env_file", &other.env_files));
        text.push_str(&table("env", &other.env));
        if !other.ports.is_empty() {
            let ports: Vec<_> = other.ports.iter().map(u16::to_string).collect();
            text.push_str(&format!("ports = [{}]\n", ports.join(", ")));
        }
        text.push_str(&files(&other.container.files));
        if !other.ready.is_empty() {
            let ready = list(&other.ready);
            text.push_str(&format!("ready = {{ command = {ready} }}\n"));
        }
        if other.is_once {
            text.push_str("once = true   # runs to its end before what comes after it\n");
        }
        if other.is_shared {
            text.push_str("per_side = false   # others work with it\n");
        }
    }
    if !stack.left_out.is_empty() {
        let names = stack.left_out.join(", ");
        text.push_str(&format!("\n# Neither measured nor started: {names}.\n"));
    }
    text
}

fn server(repository: &Repository) -> String {
    let mut text = format!("\n[server.{}]\n", repository.name);
    let server = repository.server();
    if let Some(server) = server {
        if !server.name.is_empty() {
            text.push_str(&format!("# `{}` of the compose file.\n", server.name));
        }
        text.push_str(&source(&server.source));
        let port = server.port.unwrap_or(PORT);
        text.push_str(&format!(
            "port  = {port}   # where the server listens in its container\n"
        ));
        text.push_str(&container(&server.container));
        let env_files = [&server.env_files[..], &repository.environment.files].concat();
        text.push_str(&string_list("env_file", &env_files));
        text.push_str(&files(&server.container.files));
    } else {
        text.push_str(&run(repository));
        text.push_str(&string_list("env_file", &repository.environment.files));
    }
    // What the compose file runs first says more than the framework.
    let of_compose = server.map_or(&[][..], |it| &it.setup);
    let commands: Vec<_> = if of_compose.is_empty() {
        let commands = repository.setup.iter().cloned();
        commands.map(|it| list(&within(repository, it))).collect()
    } else {
        of_compose.iter().map(|it| list(it)).collect()
    };
    if !commands.is_empty() {
        text.push_str(&format!(
            "setup = [{}]   # before the server starts\n",
            commands.join(", ")
        ));
    }
    text.push_str(
        "ready = { within = \"60s\" }   # for the first endpoint to answer as expected; or of a `path`\n",
    );
    if server.is_some() {
        text.push_str("# memory = \"512MiB\"\n");
    }
    text.push_str(&environment(repository));
    let workers = server.map_or(&[][..], |it| &it.workers);
    text.extend(workers.iter().map(|it| worker(&repository.name, it)));
    text
}

fn files(files: &[CopiedFile]) -> String {
    let file = |file: &CopiedFile| {
        let value = match (&file.here, file.replace.as_slice()) {
            (Contents::Text(text), _) => format!("{{ text = {} }}", quoted(text)),
            (Contents::Path(path), []) => quoted(path),
            (Contents::Path(path), replace) => {
                let (path, replace) = (quoted(path), pairs(replace));
                format!("{{ path = {path}, replace = {replace} }}")
            }
        };
        format!("{} = {value}", key(&file.there))
    };
    match files {
        [] => String::new(),
        some => {
            let files: Vec<_> = some.iter().map(file).collect();
            format!("files = {{ {} }}\n", files.join(", "))
        }
    }
}

/// What containers of servers and services alike have.
fn container(container: &Settings) -> String {
    let mut text = string_list("entrypoint", &container.entrypoint);
    text.push_str(&string_list(
        "command",
        &commands::measured(&container.command),
    ));
    let texts = [
        ("user", &container.user),
        ("working_dir", &container.working_dir),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            text.push_str(&format!("{name} = {}\n", quoted(value)));
        }
    }
    text.push_str(&string_list("tmpfs", &container.tmpfs));
    text
}

fn worker(server: &str, worker: &Worker) -> String {
    let name = key(&worker.name);
    format!(
        "\n# Takes jobs beside the server, on each side.\n[server.{server}.worker.{name}]\n{}{}",
        string_list("command", &commands::measured(&worker.command)),
        table("env", &worker.env)
    )
}

/// How a server without a container is built and started.
fn run(repository: &Repository) -> String {
    let mut text = String::new();
    if let Framework::Rust(rust) = &repository.framework {
        let manifest =
            (!repository.folder.is_empty()).then(|| format!("{}/Cargo.toml", repository.folder));
        let named = [("manifest", &manifest), ("package", &rust.package)];
        let named = named
            .into_iter()
            .filter_map(|(key, it)| Some(format!("{key} = {}, ", quoted(it.as_ref()?))));
        let env = rust.build_env.iter();
        let env: Vec<_> = env
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let env = match env.as_slice() {
            [] => String::new(),
            some => format!(", env = {}", pairs(some)),
        };
        text.push_str(&format!(
            "cargo = {{ {}bin = {}{env} }}   # in release mode\n",
            named.collect::<String>(),
            quoted(&rust.bin)
        ));
    }
    let (command, comment) = process(&repository.framework);
    let command = command.split(' ').map(str::to_owned).collect();
    let command = list(&within(repository, command));
    text.push_str(&format!("{comment}run   = {command}\n"));
    text
}

/// A command of this machine, in the folder of the source.
fn within(repository: &Repository, words: Vec<String>) -> Vec<String> {
    if repository.server().is_some() || repository.folder.is_empty() {
        return words;
    }
    let quoted = |words: &[String]| {
        let words = words.iter().map(String::as_str);
        // Only a word with a NUL cannot be quoted, and no file is called so.
        shlex::try_join(words).unwrap_or_default()
    };
    let folder = quoted(std::slice::from_ref(&repository.folder));
    let line = format!("cd {folder} && exec {}", quoted(&words));
    vec!["sh".into(), "-c".into(), line]
}

/// The command of a server without a Dockerfile, and what there is to say about it.
fn process(framework: &Framework) -> (String, &'static str) {
    let listen = "# A process of this machine: {host} and {port} are where it must listen.\n";
    let development = "# A process of this machine; better the server of production than this one of development.\n";
    let by_variables = "# A process of this machine. It must listen at {host}:{port}, which `env` below gives it.\n";
    let address = "{host}:{port}";
    match framework {
        Framework::Django {
            wsgi: application,
            gunicorn: true,
        } => (format!("gunicorn {application} --bind {address}"), listen),
        Framework::Django { .. } => (
            format!("python manage.py runserver --noreload {address}"),
            development,
        ),
        Framework::Python(server) => {
            let comment = if server.is_for_development {
                development
            } else {
                listen
            };
            (server.command.clone(), comment)
        }
        Framework::Rust(_) => (
            "{program}".into(),
            "# A process of this machine. It must listen at {host}:{port}: by `env` below, or by arguments.\n",
        ),
        Framework::Go(_) => (PROGRAM.to_owned(), by_variables),
        Framework::Node(node) => (node.start.join(" "), by_variables),
        Framework::Unknown => (
            format!("./start-server --listen {address}"),
            "# CHANGE THIS: the command that starts your server, listening at {host}:{port}; or, instead of\n\
             # `run`, `build` (a folder with a Dockerfile), `image`, or `url` (of one that runs already).\n",
        ),
    }
}

/// Its variables: in one line where they are few, otherwise in a table after the server's other keys.
fn environment(repository: &Repository) -> String {
    let Stack {
        postgres, redis, ..
    } = &repository.stack;
    let server = repository.server();
    let mut env = server.map(|it| it.env.clone()).unwrap_or_default();
    env.extend(repository.environment.env.iter().cloned());
    let takes = |env: &[(String, String)], what: &str| env.iter().any(|(_, it)| it.contains(what));
    let usual = [
        (
            postgres.is_some(),
            "{postgres.",
            "DATABASE_URL",
            "{postgres.url}",
        ),
        (redis.is_some(), "{redis.", "REDIS_URL", "{redis.url}"),
    ];
    for (is_there, what, name, value) in usual {
        if is_there && !takes(&env, what) {
            env.push((name.into(), value.into()));
        }
    }
    let listens = matches!(
        repository.framework,
        Framework::Rust(_) | Framework::Node(_) | Framework::Go(_)
    );
    if listens && server.is_none() {
        env.extend(
            [("HOST", "{host}"), ("PORT", "{port}")]
                .map(|(name, value)| (name.into(), value.into())),
        );
    }
    // Nothing but the environment of whoever runs the compose file knows these.
    let is_unknown = |(name, value): &(String, String)| *value == format!("{{env.{name}}}");
    let required = &repository.environment.required;
    if env.len() <= FEW && !env.iter().any(is_unknown) && required.is_empty() {
        return table("env  ", &env);
    }
    let line = |pair: &(String, String)| {
        let name = key(&pair.0);
        if is_unknown(pair) {
            format!("{name} = \"perfgate\"   # the compose file takes it from the environment\n")
        } else {
            format!("{name} = {}\n", quoted(&pair.1))
        }
    };
    let lines: String = env.iter().map(line).collect();
    let asked = |(required, value): &(Required, Option<String>)| {
        let (name, place) = (key(&required.name), &required.place);
        match value {
            Some(value) => format!("{name} = {}   # made up, for {place}\n", quoted(value)),
            None => format!("# {name} = \"\"   # CHANGE THIS: {place} asks for it\n"),
        }
    };
    let asked: String = required.iter().map(asked).collect();
    format!("\n[server.{}.env]\n{lines}{asked}", repository.name)
}

fn source(source: &Source) -> String {
    let build = match source {
        Source::Image(image) => return format!("image = {}\n", quoted(image)),
        Source::Build(build) => build,
    };
    if build.dockerfile.is_none() && build.target.is_none() && build.args.is_empty() {
        return format!(
            "build = {}   # the folder with the Dockerfile\n",
            quoted(&build.context)
        );
    }
    let mut parts = vec![format!("context = {}", quoted(&build.context))];
    let optional = [("dockerfile", &build.dockerfile), ("target", &build.target)];
    let optional = optional
        .into_iter()
        .filter_map(|(name, it)| Some((name, it.as_ref()?)));
    parts.extend(optional.map(|(name, it)| format!("{name} = {}", quoted(it))));
    if !build.args.is_empty() {
        parts.push(format!("args = {}", pairs(&build.args)));
    }
    format!("build = {{ {} }}\n", parts.join(", "))
}
