//! A repository → the text of its perfgate.toml.

use super::repository::{Framework, Repository};

const HEAD: &str = "\
# What `perfgate check` measures, and by which rules it fails. Paths start at this file; every key
# is described in perfgate's docs/configuration.md. `perfgate check --dry-run` shows what comes of
# it and starts nothing.
";

const ENDPOINTS: &str = r#"
# Measured on every server. Choose the few requests that matter: one that reads the database, one
# that writes to it. `expect` is what makes a response a success (status 200 without it).
[endpoint.home]
path = "/"

# [endpoint.search]
# path   = "/api/search?q=a"
# expect = { status = 200, contains = "\"items\"" }
"#;

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
        services(repository),
        server(repository),
        ENDPOINTS.to_owned(),
        RULES.to_owned(),
    ];
    parts.concat()
}

fn prepare(repository: &Repository) -> String {
    if repository.container.is_some() {
        return String::new();
    }
    let commands = match &repository.framework {
        Framework::Rust { .. } => vec![vec!["cargo", "build", "--release", "--locked"]],
        Framework::Node { install, builds } => {
            let build = builds.then(|| vec!["npm", "run", "build"]);
            std::iter::once(install.clone()).chain(build).collect()
        }
        _ => return String::new(),
    };
    let commands: Vec<_> = commands.iter().map(|it| list(it)).collect();
    format!(
        "\n# Run first, from this folder.\nprepare = [{}]\n",
        commands.join(", ")
    )
}

fn services(repository: &Repository) -> String {
    let mut text = String::new();
    if let Some(image) = &repository.postgres {
        let comment = "# A fresh database for every run, in memory. `init` names SQL files for it.";
        text.push_str(&format!(
            "\n{comment}\n[postgres]\nimage = {}\n",
            quoted(image)
        ));
    }
    if let Some(image) = &repository.redis {
        text.push_str(&format!("\n[redis]\nimage = {}\n", quoted(image)));
    }
    text
}

fn server(repository: &Repository) -> String {
    let mut text = "\n[server.app]\n".to_owned();
    if let Some(container) = &repository.container {
        text.push_str(&format!(
            "build = {}   # the folder with the Dockerfile\nport  = {}   # where the server listens in its container\n",
            quoted(&container.folder),
            container.port,
        ));
    } else {
        let (command, comment) = process(&repository.framework);
        let command: Vec<_> = command.split(' ').collect();
        text.push_str(&format!("{comment}run   = {}\n", list(&command)));
    }
    if matches!(repository.framework, Framework::Django { .. }) {
        text.push_str("setup = [[\"python\", \"manage.py\", \"migrate\", \"--noinput\"]]   # before each start\n");
    }
    text.push_str(&environment(repository));
    text.push_str(
        "ready = { within = \"60s\" }   # for the first endpoint to answer as expected; or of a `path`\n",
    );
    if repository.container.is_some() {
        text.push_str("# memory = \"512MiB\"\n");
    }
    text
}

/// The command of a server without a Dockerfile, and what there is to say about it.
fn process(framework: &Framework) -> (String, &'static str) {
    let listen = "# A process of this machine: {host} and {port} are where it must listen.\n";
    let development = "# A process of this machine; better the server of production than this one of development.\n";
    let address = "{host}:{port}";
    match framework {
        Framework::Django {
            wsgi: application,
            gunicorn: true,
        }
        | Framework::Flask {
            application,
            gunicorn: true,
        } => (format!("gunicorn {application} --bind {address}"), listen),
        Framework::Django { .. } => (
            format!("python manage.py runserver --noreload {address}"),
            development,
        ),
        Framework::FastApi { application } => (
            format!("uvicorn {application} --host {{host}} --port {{port}}"),
            listen,
        ),
        Framework::Flask { application, .. } => (
            format!("flask --app {application} run --host {{host}} --port {{port}}"),
            development,
        ),
        Framework::Rust { binary } => (
            format!("target/release/{binary}"),
            "# A process of this machine. It must listen at {host}:{port}: by `env` below, or by arguments.\n",
        ),
        Framework::Node { .. } => (
            "npm run start".into(),
            "# A process of this machine. It must listen at {host}:{port}, which `env` below tells it.\n",
        ),
        Framework::Unknown => (
            format!("./start-server --listen {address}"),
            "# CHANGE THIS: the command that starts your server, listening at {host}:{port}; or, instead of\n\
             # `run`, `build` (a folder with a Dockerfile), `image`, or `url` (of one that runs already).\n",
        ),
    }
}

fn environment(repository: &Repository) -> String {
    let told = matches!(
        repository.framework,
        Framework::Rust { .. } | Framework::Node { .. }
    );
    let told = told && repository.container.is_none();
    let variables = [
        (
            repository.postgres.is_some(),
            "DATABASE_URL = \"{postgres.url}\"",
        ),
        (repository.redis.is_some(), "REDIS_URL = \"{redis.url}\""),
        (told, "HOST = \"{host}\", PORT = \"{port}\""),
    ];
    let variables: Vec<_> = variables.into_iter().filter(|(set, _)| *set).collect();
    let variables: Vec<_> = variables.into_iter().map(|(_, text)| text).collect();
    match variables.as_slice() {
        [] => String::new(),
        variables => format!("env   = {{ {} }}\n", variables.join(", ")),
    }
}

fn list(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
    format!("[{}]", words.join(", "))
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
