//! `compose = …` of perfgate.toml: what becomes of the services of compose files.

use crate::support::Sandbox;

const ENDPOINT: &str = "\n[endpoint.home]\npath = \"/\"\n";

/// In the shape of a template for Django that many projects are made from.
const DJANGO: &str = r#"
volumes:
  data: {}
services:
  django: &django
    build:
      context: .
      dockerfile: ./compose/local/django/Dockerfile
    image: shop_local_django
    container_name: shop_local_django
    depends_on:
      postgres: {condition: service_healthy}
      redis: {condition: service_started}
      mailpit: {condition: service_started}
      migrate: {condition: service_completed_successfully}
    volumes:
      - .:/app:z
      - ./config/gunicorn.py:/etc/gunicorn.py:ro
    env_file:
      - ./.envs/.local/.django
      - path: ./.envs/.local/.postgres
      - path: ./.envs/.local/.mine
        required: false
    environment:
      SITE: ${SITE:-shop}
      BROKER_URL: amqp://guest:guest@mq//
      EMAIL_HOST: mailpit
      EMAIL_PORT: 1025
    ports:
      - '8000:8000'
    command: /start
    restart: unless-stopped
    labels: {traefik.enable: "true"}
    ulimits: {nofile: 65536}
    deploy:
      resources:
        limits: {cpus: '1.5', memory: 512M}
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost:8000/health/"]
  postgres:
    build:
      context: .
      dockerfile: ./compose/production/postgres/Dockerfile
    command: postgres -c shared_buffers=64MB
    volumes:
      - data:/var/lib/postgresql/data
      - ./sql:/docker-entrypoint-initdb.d
    env_file: ./.envs/.local/.postgres
    healthcheck: {test: pg_isready}
  mailpit:
    image: docker.io/axllent/mailpit:latest
    ports: ["8025:8025"]
  mq:
    image: rabbitmq:3
    healthcheck:
      test: rabbitmq-diagnostics -q ping
      start_period: 2m
  redis:
    image: docker.io/redis:7
  migrate:
    <<: *django
    container_name: shop_migrate
    depends_on: [postgres]
    command: python manage.py migrate
    environment: {DJANGO_READ_DOT_ENV_FILE: "no"}
  celeryworker:
    <<: *django
    depends_on: [redis, postgres, mq]
    command: /start-celeryworker
    environment: {SITE: jobs}
  celerybeat:
    <<: *django
    command: /start-celerybeat
  flower:
    <<: *django
    profiles: [monitoring]
    command: /start-flower
"#;

fn django() -> Sandbox {
    Sandbox::new()
        .file("local.yml", DJANGO)
        .file(
            "compose/local/django/Dockerfile",
            "FROM python\nCOPY . /app\n",
        )
        .file(
            "compose/production/postgres/Dockerfile",
            "FROM docker.io/postgres:16\n",
        )
        .file("config/gunicorn.py", "workers = 2\n")
        .file("sql/schema.sql", "select 1;\n")
        .file("sql/grant.sh", "true\n")
        .file(
            ".envs/.local/.django",
            "REDIS_URL=redis://redis:6379/0\nDEBUG=1\n",
        )
        .file(
            ".envs/.local/.postgres",
            "POSTGRES_HOST=postgres\nPOSTGRES_PORT=5432\nPOSTGRES_DB=shop\nPOSTGRES_USER=u\nPOSTGRES_PASSWORD=p\n",
        )
}

fn config(text: &str) -> String {
    format!("{text}{ENDPOINT}")
}

#[test]
fn a_django_project_is_read_as_its_compose_file_says() {
    let text = "compose = \"local.yml\"\n[server.app]\nservice = \"django\"\n";
    let run = django().config(&config(text)).run(["check", "--dry-run"]);
    let mut run = run.exits(0);
    for line in [
        "of the compose files: `django` is server app",
        "of the compose files: `celeryworker` is its worker celeryworker",
        "of the compose files: `postgres` is [postgres]",
        "of the compose files: `redis` is [redis]",
        "of the compose files: [service.mailpit]",
        "of the compose files: [service.mq]",
        "of the compose files: not started: celerybeat\n",
        "of the compose files: django: without `ulimits`",
        "of the compose files: django: perfgate chooses its `container_name` and its ports on this machine",
        "of the compose files: postgres: `sql/grant.sh` is not run",
        "mailpit: image docker.io/axllent/mailpit:latest",
        "mq: image rabbitmq:3",
        "redis: image docker.io/redis:7",
        "before it starts: env DJANGO_READ_DOT_ENV_FILE=no python manage.py migrate",
        "ready when GET /health/ is answered with a status below 400",
    ] {
        run = run.prints(line);
    }
}

#[test]
fn what_perfgate_toml_says_comes_before_the_compose_file_key_by_key() {
    let text = r#"
compose = "local.yml"

[postgres]
image = "postgres:17"

[service.mq]
image = "rabbitmq:4"

[server.app]
service = "django"
image   = "shop:1"
ready   = { path = "/up" }

[server.app.env]
SITE = "perfgate"
"#;
    let run = django().config(&config(text)).run(["check", "--dry-run"]);
    run.exits(0)
        .prints("postgres: image postgres:17")
        .prints("mq: image rabbitmq:4")
        .prints("server app: image shop:1")
        .prints("ready when GET /up is answered");
}

#[test]
fn several_files_profiles_and_variables_are_taken_together() {
    let base = r#"
include: [compose/db.yaml]
x-app: &app
  image: shop:${TAG:-1}
services:
  web:
    <<: *app
    depends_on: [db, search]
    environment: [SEARCH_HOST=search]
    extends: {file: compose/common.yaml, service: base}
  search:
    image: search:1
    profiles: [full]
    expose: ["7700"]
"#;
    let sandbox = Sandbox::new()
        .file("compose/base.yaml", "")
        .file("compose.yaml", base)
        .file(
            "compose/db.yaml",
            "services:\n  db:\n    image: postgres:${PG:?which}\n",
        )
        .file("compose/.env", "PG=16\n")
        .file(
            "compose/common.yaml",
            "services:\n  base:\n    image: none\n    user: app\n    env_file: common.env\n",
        )
        .file("compose/common.env", "A=1\n")
        .file(
            "compose.perf.yaml",
            "services:\n  web:\n    command: !reset null\n    image: shop:perf-${TAG}\n",
        )
        .file(".env", "TAG=2\n");
    let with = |compose: &str| config(&format!("compose = {compose}\n[server.web]\n"));
    let sandbox = sandbox.config(&with(r#"["compose.yaml", "compose.perf.yaml"]"#));
    sandbox
        .run(["check", "--dry-run"])
        .exits(2)
        .complains(
            "compose.yaml:8:22: service `web` waits for `search`, which no profile that is on has",
        )
        .complains("profiles = [\"full\"]");
    sandbox
        .config(&with(
            r#"{ files = ["compose.yaml", "compose.perf.yaml"], profiles = ["full"] }"#,
        ))
        .run(["check", "--dry-run"])
        .exits(0)
        .prints("server web: image shop:perf-2")
        .prints("postgres: image postgres:16")
        .prints("search: image search:1");
}

/// What a check says of a compose file with this service `web`, and with these lines after it.
fn complaint(service: &str, more: &str) -> crate::support::Run {
    let text = config("compose = \"compose.yaml\"\n[server.web]\n");
    Sandbox::new()
        .config(&text)
        .file(
            "compose.yaml",
            &format!("services:\n  web:\n    image: shop\n{service}{more}"),
        )
        .run(["check", "--dry-run"])
}

#[test]
fn what_cannot_be_is_refused_with_its_place() {
    for (service, words) in [
        (
            "    privileged: true\n",
            "compose.yaml:4:5: service `web` has `privileged: true`",
        ),
        (
            "    network_mode: host\n",
            "compose.yaml:4:5: service `web` has `network_mode: host`",
        ),
        (
            "    pid: host\n",
            "compose.yaml:4:5: service `web` has `pid: host`",
        ),
        (
            "    devices: [/dev/kvm]\n",
            "compose.yaml:4:5: service `web` has `devices`",
        ),
        (
            "    volumes:\n      - a:/a\n      - /var/run/docker.sock:/var/run/docker.sock\n",
            "compose.yaml:6:9: service `web` mounts `/var/run/docker.sock`, which may do everything",
        ),
        (
            "    volumes: [../x:/x]\n    build: ..\n",
            "leads outside the folder of this file",
        ),
        (
            "    imgae: x\n",
            "service `web` has `imgae`, which compose files do not know",
        ),
        (
            "    depends_on: [bd]\n",
            "service `web` waits for `bd`, which is not there",
        ),
        (
            "    env_file: .env.local\n",
            "`.env.local`, an `env_file` of service `web`, is not there",
        ),
        (
            "    secrets: [key]\n",
            "secret `key` is not among the `secrets` of the file",
        ),
        (
            "    environment: {A: '${B:?set it}'}\n",
            "compose.yaml:4:19: the file insists on the variable B, which is not set: set it",
        ),
        (
            "    environment: {A: a$ b}\n",
            "a `$` begins no variable here",
        ),
        (
            "    ports: [http]\n",
            "`ports` of service `web` cannot be read",
        ),
        (
            "    mem_limit: much\n",
            "`mem_limit` of service `web` cannot be read",
        ),
        ("    extends: web\n", "service `web` extends itself"),
        (
            "    extends: {service: a, file: none.yaml}\n",
            "compose.yaml:4:5: `none.yaml` cannot be read",
        ),
        (
            "    extends: {service: a, file: /etc/passwd}\n",
            "it leads outside the folder of perfgate.toml",
        ),
        (
            "    image: again\n",
            "compose.yaml:4:5: duplicate mapping key",
        ),
        ("   bad\n", "compose.yaml:"),
        (
            "    build: https://example.org/shop.git\n",
            "is built from elsewhere",
        ),
    ] {
        complaint(service, "").exits(2).complains(words);
    }
    complaint(
        "    depends_on: [a]\n",
        "  a:\n    image: a\n    depends_on: [web]\n",
    )
    .exits(2)
    .complains("services wait for each other: web, a");
    complaint("", "include: [compose.yaml]\n")
        .exits(2)
        .complains("`compose.yaml` includes itself");
    complaint("", "servces: {}\n")
        .exits(2)
        .complains("compose.yaml:4:1: compose files have no `servces`")
        .complains("did you mean `services`?");
}

#[test]
fn what_reaches_into_the_host_may_be_allowed_by_name() {
    let service = "    privileged: true\n    pid: host\n    volumes:\n      \
                   - /var/run/docker.sock:/var/run/docker.sock:ro\n";
    let compose = format!("services:\n  web:\n    image: shop\n{service}");
    let run = |allow: &str| {
        let text = config(&format!(
            "compose = \"compose.yaml\"\n[server.web]\nallow = [{allow}]\n"
        ));
        let sandbox = Sandbox::new().config(&text).file("compose.yaml", &compose);
        sandbox.run(["check", "--dry-run"])
    };
    run("\"privileged\", \"docker-socket\"")
        .exits(2)
        .complains("compose.yaml:5:5: service `web` has `pid: host`")
        .complains("`allow = [\"host-pid\"]`");
    run("\"privileged\", \"host-pid\"")
        .exits(2)
        .complains("mounts `/var/run/docker.sock`")
        .complains("`allow = [\"docker-socket\"]`");
    run("\"privileged\", \"docker-socket\", \"host-pid\"").exits(0);
    complaint("    network_mode: host\n", "")
        .exits(2)
        .complains("both would listen at the same ports");
}

#[test]
fn what_a_database_has_of_the_host_is_left_out_as_its_image_alone_is_taken() {
    let compose = "services:\n  web:\n    image: shop\n    depends_on: [db, cache]\n  db:\n    image: postgres:16\n    \
                   network_mode: host\n    privileged: true\n  cache:\n    image: redis:7\n    devices: [/dev/kvm]\n";
    let text = config("compose = \"compose.yaml\"\n[server.web]\nservice = \"web\"\n");
    let sandbox = Sandbox::new().config(&text).file("compose.yaml", compose);
    sandbox
        .run(["check", "--dry-run"])
        .exits(0)
        .prints("db: without `network_mode`, `privileged`")
        .prints("cache: without `devices`");
    // A word that compose files do not know is still a mistake.
    sandbox
        .file("compose.yaml", &compose.replace("privileged", "privilged"))
        .run(["check", "--dry-run"])
        .exits(2)
        .complains("service `db` has `privilged`");
}

#[test]
fn names_that_no_file_has_are_refused_with_a_suggestion() {
    for (text, words, hint) in [
        (
            "[server.app]\nservice = \"djnago\"\n",
            "perfgate.toml:3:11: `local.yml` has no service `djnago`",
            "did you mean `django`?",
        ),
        (
            "[server.app]\n",
            "server `app` does not say which service of `local.yml` it is",
            "service = \"NAME\"; known: django, postgres,",
        ),
        ("", "no server of `local.yml` is named", "known: django,"),
        (
            "[server.django]\n[service.mailpt]\n",
            "[service.mailpt] has neither an `image` nor a `build`",
            "did you mean `mailpit`?",
        ),
        (
            "[server.django]\n[server.django.worker.celerybeet]\n",
            "worker `celerybeet` of server `django` has no `command`",
            "did you mean `celerybeat`?",
        ),
    ] {
        let text = config(&format!("compose = \"local.yml\"\n{text}"));
        let run = django().config(&text).run(["check", "--dry-run"]);
        run.exits(2).complains(words).complains(hint);
    }
    Sandbox::new()
        .config(&config("[server.app]\nimage = \"x\"\nservice = \"web\"\n"))
        .run(["check", "--dry-run"])
        .exits(2)
        .complains("`service` names one of a compose file, and the file names none");
    Sandbox::new()
        .config(&config(
            "compose = \"none.yaml\"\n[server.app]\nservice = \"web\"\n",
        ))
        .run(["check", "--dry-run"])
        .exits(2)
        .complains("perfgate.toml:1:11: `none.yaml` cannot be read");
}

#[test]
fn what_the_compose_file_leaves_out_is_wanted_by_its_name() {
    let text = "compose = { files = [\"local.yml\"] }\n[server.django]\n[server.django.worker.celerybeat]\n[server.django.worker.flower]\nmemory = \"64MiB\"\n";
    let run = django().config(&config(text)).run(["check", "--dry-run"]);
    run.exits(0)
        .prints("`celerybeat` is its worker celerybeat")
        .prints("`flower` is its worker flower");
}

#[test]
fn variables_of_the_environment_are_passed_on_by_their_names() {
    let text = config("compose = \"compose.yaml\"\n[server.web]\n");
    let compose = "services:\n  web:\n    image: shop:${TAG}\n    environment: {KEY: '${SECRET_KEY}', DEBUG: , NONE: '${NONE}'}\n    command: [serve, --key, $SECRET_KEY]\n";
    let sandbox = Sandbox::new()
        .config(&text)
        .file("compose.yaml", compose)
        .env("TAG", "long-enough-tag")
        .env("SECRET_KEY", "very secret");
    let run = sandbox.run(["check", "--dry-run"]).exits(0);
    let run = run
        .prints("of the environment: SECRET_KEY, TAG")
        .prints("not set, and empty: NONE")
        .prints("server web: image shop:long-enough-tag");
    assert!(!run.stdout.contains("very secret"), "{}", run.stdout);
}

/// The base's services are those of its commit.
#[test]
fn the_base_has_the_compose_files_of_its_commit() {
    let text = config("compose = \"deploy/compose.yaml\"\n[server.web]\nservice = \"web\"\n");
    let sandbox = Sandbox::new()
        .config(&text)
        .file(
            "deploy/compose.yaml",
            "services:\n  web:\n    image: shop:1\n    env_file: web.env\n",
        )
        .file("deploy/web.env", "A=1\n")
        .file(".gitignore", "*.env\n")
        .committed()
        .file(
            "deploy/compose.yaml",
            "services:\n  web:\n    image: shop:2\n",
        );
    let run = sandbox.run(["check", "--dry-run", "--against", "HEAD"]);
    run.exits(0)
        .prints("compared side by side with")
        .prints("server web: image shop:2");
    // A base whose file cannot be used is no base, and says why.
    let sandbox = sandbox
        .file(
            "deploy/compose.yaml",
            "services:\n  web:\n    image: shop:1\n    privileged: true\n",
        )
        .committed_again()
        .file(
            "deploy/compose.yaml",
            "services:\n  web:\n    image: shop:2\n",
        );
    sandbox
        .run(["check", "--dry-run", "--against", "HEAD"])
        .exits(0)
        .prints("deploy/compose.yaml:4:5: service `web` has `privileged: true`");
}
