//! What `perfgate init` finds of a repository without a compose file that says everything: variables, folders, and
//! which of several files.

use crate::support::Sandbox;

/// What init writes, which a dry run takes, and what it says.
fn written(repository: &Sandbox) -> (String, String) {
    let said = repository.run(["init", "--no-workflows"]).exits(0).stdout;
    repository.run(["check", "--dry-run"]).exits(0);
    (repository.read("perfgate.toml"), said)
}

fn assert_lines(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn variables_of_an_example_lead_to_the_databases_of_perfgate() {
    let example = "SECRET_KEY=changeme\nDB_HOST=localhost\nDB_PORT=5432\nDB_NAME=shop\nDB_USER=shop\n\
                   DB_PASSWORD=shop\nREDIS_HOST=127.0.0.1\nPORT=3000\n";
    let repository = Sandbox::new()
        .file(
            "package.json",
            "{ \"dependencies\": { \"express\": \"5\", \"pg\": \"8\" } }",
        )
        .file("Dockerfile", "FROM node\n")
        .file(".env.example", example);
    let (text, _) = written(&repository);
    assert_lines(
        &text,
        &[
            "[postgres]\nimage = \"postgres:17\"",
            "[redis]\nimage = \"redis:7\"",
            "port  = 3000 ",
            "env_file = [\".env.example\"]",
            "DB_HOST = \"{postgres.host}\"",
            "DB_PORT = \"{postgres.port}\"",
            "DB_NAME = \"{postgres.database}\"",
            "DB_USER = \"{postgres.user}\"",
            "DB_PASSWORD = \"{postgres.password}\"",
            "REDIS_HOST = \"{redis.host}\"",
        ],
    );
    assert!(!text.contains("DATABASE_URL"), "{text}");
}

#[test]
fn variables_that_git_ignores_are_of_this_machine_alone() {
    let repository = Sandbox::new()
        .file("requirements.txt", "fastapi\npsycopg\n")
        .file("Dockerfile", "FROM python\n")
        .file(".gitignore", ".env\n")
        .committed()
        .file(".env", "PGHOST=mine\nPASSWORD=correct-horse\n");
    let (text, _) = written(&repository);
    assert!(
        !text.contains(".env\"") && !text.contains("PGHOST"),
        "{text}"
    );
}

#[test]
fn a_file_of_variables_of_a_compose_service_may_name_this_machine() {
    let compose =
        "services:\n  web:\n    build: .\n    env_file: web.env\n  db:\n    image: postgres:16\n";
    let repository = Sandbox::new()
        .file("compose.yaml", compose)
        .file("Dockerfile", "FROM python\n")
        .file(
            "web.env",
            "PGHOST=localhost\nDATABASE_URL=postgres://u:p@127.0.0.1:5432/x\n",
        );
    let (text, _) = written(&repository);
    assert_lines(
        &text,
        &[
            "scheme = \"postgres\"",
            "env_file = [\"web.env\"]",
            "PGHOST = \"{postgres.host}\"",
            "DATABASE_URL = \"{postgres.url}\"",
        ],
    );
}

#[test]
fn a_project_one_folder_down_is_started_there() {
    let python = Sandbox::new()
        .file("README.md", "")
        .file("backend/requirements.txt", "flask\ngunicorn\n")
        .file(
            "backend/app.py",
            "app = Flask(__name__)\n\n@app.route(\"/items\")\ndef items(): ...\n",
        )
        .file("backend/alembic.ini", "");
    let (text, _) = written(&python);
    assert_lines(
        &text,
        &[
            "run   = [\"sh\", \"-c\", \"cd backend && exec gunicorn app:app --bind '{host}:{port}'\"]",
            "setup = [[\"sh\", \"-c\", \"cd backend && exec alembic upgrade head\"]]",
            "path = \"/items\"",
        ],
    );
    let manifest = "[package]\nname = \"shop\"\n[dependencies]\naxum = \"0.8\"\n";
    let rust = Sandbox::new()
        .file("server/Cargo.toml", manifest)
        .file("server/src/main.rs", "fn main() {}\n")
        .file("package.json", "{}");
    let (text, _) = written(&rust);
    assert_lines(
        &text,
        &["cargo = { manifest = \"server/Cargo.toml\", bin = \"shop\" }"],
    );
    let listed = "[project]\nname = \"x\"\ndependencies = [\"django\", \"gunicorn\"]\n";
    let django = Sandbox::new()
        .file("pyproject.toml", listed)
        .file("src/manage.py", "")
        .file("src/config/wsgi.py", "");
    let (text, _) = written(&django);
    assert_lines(
        &text,
        &[
            "cd src && exec gunicorn config.wsgi --bind '{host}:{port}'",
            "cd src && exec python manage.py migrate",
        ],
    );
    let node = Sandbox::new()
        .file("package.json", "{ \"scripts\": { \"start\": \"vite\" } }")
        .file(
            "api/package.json",
            "{ \"dependencies\": { \"express\": \"5\" } }",
        )
        .file("api/package-lock.json", "{}");
    let (text, _) = written(&node);
    assert_lines(
        &text,
        &["prepare = [[\"sh\", \"-c\", \"cd api && exec npm ci\"]]"],
    );
}

#[test]
fn of_several_files_the_one_that_is_taken_is_said() {
    let compose =
        |image: &str| format!("services:\n  web:\n    build: .\n  db:\n    image: {image}\n");
    let repository = Sandbox::new()
        .file("docker-compose.prod.yml", &compose("postgres:12"))
        .file("docker-compose.dev.yml", &compose("postgres:16"))
        .file("Dockerfile", "FROM python\n");
    let (text, said) = written(&repository);
    assert_lines(&text, &["image = \"postgres:16\""]);
    assert_lines(
        &said,
        &[
            "note: of several compose files `docker-compose.dev.yml` is taken, not `docker-compose.prod.yml`",
        ],
    );
    let repository = Sandbox::new()
        .file("Dockerfile.prod", "FROM python\n")
        .file("Dockerfile.local", "FROM python\nEXPOSE 9000\n");
    let (text, said) = written(&repository);
    assert_lines(
        &text,
        &[
            "build = { context = \".\", dockerfile = \"Dockerfile.local\" }",
            "port  = 9000",
        ],
    );
    assert_lines(
        &said,
        &["note: of several Dockerfiles `Dockerfile.local` is taken, not `Dockerfile.prod`"],
    );
    // The only one is taken, whatever it is for.
    let repository = Sandbox::new().file("docker/Dockerfile.production", "FROM python\n");
    let (text, said) = written(&repository);
    assert_lines(&text, &["dockerfile = \"docker/Dockerfile.production\""]);
    assert!(!said.contains("of several"), "{said}");
}

#[test]
fn migrations_of_alembic_reach_the_database_of_perfgate() {
    let ini = "[alembic]\nscript_location = migrations\nsqlalchemy.url = postgresql+psycopg2://app:app@db:5432/app\n";
    let repository = Sandbox::new()
        .file(
            "backend/requirements.txt",
            "fastapi\npsycopg2-binary\nsqlalchemy\n",
        )
        .file(
            "backend/Dockerfile",
            "FROM python\nWORKDIR /code\nCOPY . .\n",
        )
        .file("backend/alembic.ini", ini);
    let (text, _) = written(&repository);
    assert_lines(
        &text,
        &[
            "scheme = \"postgresql+psycopg2\"",
            "files = { \"/code/alembic.ini\" = { path = \"backend/alembic.ini\", replace = \
             { \"postgresql+psycopg2://app:app@db:5432/app\" = \"{postgres.url}\" } } }",
            "setup = [[\"alembic\", \"upgrade\", \"head\"]]",
        ],
    );
    // A script that sets the address itself does not read it there.
    let sets = "config.set_main_option(\"sqlalchemy.url\", url)\n";
    let repository = repository.file("backend/migrations/env.py", sets);
    repository
        .run(["init", "--no-workflows", "--force"])
        .exits(0);
    assert!(!repository.read("perfgate.toml").contains("replace"));
    let process = Sandbox::new()
        .file("requirements.txt", "fastapi\nasyncpg\n")
        .file("alembic.ini", ini);
    let (_, said) = written(&process);
    assert_lines(&said, &["note: `alembic.ini` names a database of its own"]);
}

#[test]
fn variables_that_a_rust_service_asks_for_are_listed() {
    let main = "#[derive(clap::Parser)]\nstruct Config {\n    #[clap(long, env)]\n    database_url: String,\n    \
                #[clap(long, env)]\n    hmac_key: String,\n}\n\
                fn main() {\n    let from = std::env::var(\"SMTP_FROM\").expect(\"SMTP_FROM is set\");\n}\n";
    let manifest =
        "[package]\nname = \"shop\"\n[dependencies]\naxum = \"0.8\"\ntokio-postgres = \"0.7\"\n";
    let repository = Sandbox::new()
        .file("Cargo.toml", manifest)
        .file("src/main.rs", main);
    let (text, said) = written(&repository);
    assert_lines(
        &text,
        &[
            "\nDATABASE_URL = \"{postgres.url}\"\n",
            "\nHMAC_KEY = \"0123456789abcdef",
            "   # made up, for src/main.rs:6\n",
            "\n# SMTP_FROM = \"\"   # CHANGE THIS: src/main.rs:9 asks for it\n",
        ],
    );
    assert_lines(
        &said,
        &["note: `SMTP_FROM` must be set, which `src/main.rs:9` asks for"],
    );
    // What a file of variables has is known.
    let repository = repository.file(".env.sample", "SMTP_FROM=a@example.org\n");
    let run = repository
        .run(["init", "--no-workflows", "--force"])
        .exits(0);
    assert!(!run.stdout.contains("SMTP_FROM"), "{}", run.stdout);
}

#[test]
fn a_first_user_of_variables_logs_in() {
    let main = "from fastapi import Depends, FastAPI\n\napp = FastAPI()\n\n\n\
                @app.post(\"/login/access-token\")\ndef log_in(form: OAuth2PasswordRequestForm = Depends()): ...\n\n\n\
                @app.get(\"/items\")\ndef items(user = Depends(get_current_user)): ...\n";
    let repository = Sandbox::new()
        .file("requirements.txt", "fastapi\n")
        .file("Dockerfile", "FROM python\n")
        .file("main.py", main)
        .file(
            ".env.example",
            "FIRST_SUPERUSER=admin@example.org\nFIRST_SUPERUSER_PASSWORD=changethis\n",
        );
    let (text, said) = written(&repository);
    assert_lines(
        &text,
        &[
            "\n[login.token]\npath    = \"/login/access-token\"\nmethod  = \"POST\"\n",
            "body    = \"username=admin%40example%2Eorg&password=changethis\"\n\
             capture = { token = { json = \"/access_token\" } }\n",
            "\n[endpoint.items]\npath    = \"/items\"\nheaders = { Authorization = \"Bearer {login.token}\" }\n",
        ],
    );
    assert_lines(
        &said,
        &["1 behind a login, with the user that `FIRST_SUPERUSER` names"],
    );
    // Without a user the table is an example.
    let repository = repository.file(".env.example", "A=b\n");
    repository
        .run(["init", "--no-workflows", "--force"])
        .exits(0);
    assert_lines(
        &repository.read("perfgate.toml"),
        &[
            "\n# [login.token]\n# path    = \"/login/access-token\"\n",
            "\n# [endpoint.items]\n# path    = \"/items\"\n# headers = { Authorization = \"Bearer {login.token}\" }\n",
        ],
    );
}

#[test]
fn simple_jwt_takes_json() {
    let urls = "urlpatterns = [\n    path(\"api/token/\", TokenObtainPairView.as_view()),\n    \
                path(\"api/\", include(router.urls)),\n]\nrouter.register(\"items\", ItemViewSet)\n";
    let views = "class ItemViewSet(ModelViewSet):\n    permission_classes = [IsAuthenticated]\n";
    let compose = "services:\n  web:\n    build: .\n    ports: [\"8000:8000\"]\n    environment:\n      \
                   DJANGO_SUPERUSER_USERNAME: admin\n      DJANGO_SUPERUSER_PASSWORD: ${ADMIN_PASSWORD:-secret}\n";
    let repository = Sandbox::new()
        .file("compose.yaml", compose)
        .file("Dockerfile", "FROM python\n")
        .file("requirements.txt", "django\n")
        .file("manage.py", "")
        .file("config/wsgi.py", "")
        .file("config/urls.py", urls)
        .file("config/views.py", views);
    let (text, _) = written(&repository);
    assert_lines(
        &text,
        &[
            "\n[login.token]\npath    = \"/api/token/\"\n",
            "capture = { token = { json = \"/access\" } }\n",
            "\n[endpoint.items]\npath    = \"/api/items/\"\nheaders = { Authorization = \"Bearer {login.token}\" }\n",
        ],
    );
}

#[test]
fn a_file_that_an_application_reads_itself_is_given_to_it() {
    let compose = "services:\n  web:\n    build: .\n    ports: [\"3000:3000\"]\n    \
                   environment: { MONGODB_URL: \"mongodb://mongo:27017/x\" }\n  mongo:\n    image: mongo:7\n";
    let with = |dependency: &str| {
        let package =
            format!("{{ \"dependencies\": {{ \"express\": \"5\", \"{dependency}\": \"1\" }} }}");
        let repository = Sandbox::new()
            .file("compose.yaml", compose)
            .file("Dockerfile", "FROM node\n")
            .file("package.json", &package)
            .file(
                ".env.example",
                "JWT_SECRET=x\nMONGODB_URL=mongodb://localhost:27017/x\n",
            );
        written(&repository).0
    };
    let text = with("dotenv");
    assert_lines(
        &text,
        &[
            "env_file = [\".env.example\"]",
            "MONGODB_URL = \"mongodb://{mongo.host}:{mongo.port.27017}/x\"",
        ],
    );
    // Otherwise the compose file has all that the server is given.
    assert!(!with("pg").contains("env_file"));
}

#[test]
fn a_project_with_prisma_deploys_its_migrations() {
    let package = "{ \"scripts\": { \"build\": \"tsc\", \"start\": \"node dist/main.js\" }, \"dependencies\": \
                   { \"express\": \"5\", \"@prisma/client\": \"6\" }, \"devDependencies\": { \"prisma\": \"6\" } }";
    let schema = "datasource db {\n  provider = \"postgresql\"\n  url = env(\"PRISMA_URL\")\n}\n";
    let main = "const app = express();\napp.get('/items', all);\napp.listen(4000);\n";
    let files = || {
        Sandbox::new()
            .file("package.json", package)
            .file("prisma/schema.prisma", schema)
            .file("prisma/migrations/1/migration.sql", "")
            .file("src/main.ts", main)
    };
    let (text, _) =
        written(&files().file("Dockerfile", "FROM node\nCOPY . .\nCMD node dist/main.js\n"));
    assert_lines(
        &text,
        &[
            "[postgres]\nimage = \"postgres:17\"",
            "port  = 4000 ",
            "setup = [[\"npx\", \"prisma\", \"migrate\", \"deploy\"]]",
            "PRISMA_URL = \"{postgres.url}\"",
            "path = \"/items\"",
        ],
    );
    let itself = "FROM node\nCOPY . .\nCMD npx prisma migrate deploy && node dist/main.js\n";
    let (text, _) = written(&files().file("Dockerfile", itself));
    assert!(!text.contains("setup ="), "{text}");
    let (text, _) = written(&files());
    assert_lines(
        &text,
        &[
            "prepare = [[\"npm\", \"install\"], [\"npm\", \"run\", \"build\"]]",
            "run   = [\"node\", \"dist/main.js\"]",
            "PORT = \"{port}\"",
        ],
    );
}

#[test]
fn a_module_of_go_is_built_and_its_sql_makes_the_tables() {
    let module = "module shop\n\nrequire (\n\tgithub.com/gin-gonic/gin v1.10.0\n\tgithub.com/lib/pq v1.10.9\n)\n";
    let main = "package main\n\nfunc main() {\n\tdb := open(os.Getenv(\"DB_DSN\"))\n\tr := gin.Default()\n\
                \tv1 := r.Group(\"/v1\")\n\tv1.GET(\"/items\", items(db))\n\tr.Run(\":9090\")\n}\n";
    let files = || {
        Sandbox::new()
            .file("go.mod", module)
            .file("cmd/api/main.go", main)
            .file("migrations/1_items.up.sql", "CREATE TABLE items ();")
            .file("migrations/1_items.down.sql", "DROP TABLE items;")
    };
    let (text, _) = written(&files());
    assert_lines(
        &text,
        &[
            "prepare = [[\"go\", \"build\", \"-o\", \".perfgate/server\", \"./cmd/api\"]]",
            "run   = [\".perfgate/server\"]",
            "init = [\"migrations/1_items.up.sql\"]",
            "DB_DSN = \"{postgres.url}\"",
            "path = \"/v1/items\"",
        ],
    );
    let (text, _) = written(&files().file("Dockerfile", "FROM golang\n"));
    assert_lines(
        &text,
        &["port  = 9090 ", "init = [\"migrations/1_items.up.sql\"]"],
    );
}

#[test]
fn services_that_variables_name_are_started() {
    let example = "DATABASE_URL=mysql://shop:secret@localhost:3306/store\nMONGO_URL=mongodb://localhost:27017/x\n\
                   CELERY_BROKER_URL=amqp://guest:guest@localhost:5672//\nMEMCACHED_SERVERS=localhost:11211\n\
                   S3_ENDPOINT=http://localhost:9000\nS3_ACCESS_KEY=shop\nS3_SECRET_KEY=long-enough\n";
    let files = || {
        Sandbox::new()
            .file("requirements.txt", "fastapi\npymysql\npsycopg\n")
            .file("Dockerfile", "FROM python\n")
            .file(".env.example", example)
    };
    let (text, _) = written(&files());
    assert_lines(
        &text,
        &[
            "[service.mysql]\nimage = \"mysql:8.4\"",
            "MYSQL_USER = \"shop\"",
            "ports = [3306]",
            "[service.mongo]",
            "[service.rabbitmq]",
            "[service.memcached]",
            "[service.minio]\nimage = \"minio/minio\"\ncommand = [\"server\", \"/data\"]",
            "DATABASE_URL = \"mysql://shop:secret@{mysql.host}:{mysql.port.3306}/store\"",
            "MONGO_URL = \"mongodb://{mongo.host}:{mongo.port.27017}/x\"",
            "CELERY_BROKER_URL = \"amqp://guest:guest@{rabbitmq.host}:{rabbitmq.port.5672}//\"",
            "MEMCACHED_SERVERS = \"{memcached.host}:{memcached.port.11211}\"",
            "S3_ENDPOINT = \"http://{minio.host}:{minio.port.9000}\"",
        ],
    );
    assert!(!text.contains("[postgres]"), "{text}");
    let compose = "services:\n  web:\n    build: .\n  db:\n    image: postgres:16\n";
    let (text, said) = written(&files().file("compose.yaml", compose));
    assert!(!text.contains("[service."), "{text}");
    assert!(
        said.contains("`.env.example` names what the compose file does not start: mysql"),
        "{said}"
    );
}

#[test]
fn variables_that_only_the_source_names_lead_to_its_databases() {
    let settings = "DATABASES = {'default': {'HOST': os.environ.get('SQL_HOST', 'localhost'),\n    \
                    'NAME': os.environ.get('SQL_DATABASE'), 'USER': os.environ['SQL_USER']}}\n\
                    BROKER = os.getenv('BROKER', 'amqp://localhost')\n";
    let repository = Sandbox::new()
        .file("requirements.txt", "django\npsycopg\n")
        .file(
            "Dockerfile",
            "FROM python\nCMD gunicorn -b 0.0.0.0:5005 config.wsgi\n",
        )
        .file("manage.py", "")
        .file("config/wsgi.py", "")
        .file("config/settings.py", settings);
    let (text, _) = written(&repository);
    assert_lines(
        &text,
        &[
            "port  = 5005 ",
            "SQL_HOST = \"{postgres.host}\"",
            "SQL_DATABASE = \"{postgres.database}\"",
            "SQL_USER = \"{postgres.user}\"",
            "[service.rabbitmq]",
            "BROKER = \"amqp://{rabbitmq.host}:{rabbitmq.port.5672}\"",
        ],
    );
}

#[test]
fn a_rust_service_is_told_where_to_listen_by_the_variables_that_it_has() {
    let manifest = "[package]\nname = \"shop\"\n[dependencies]\naxum = \"0.8\"\nredis = \"1\"\n\
                    sqlx = { version = \"0.8\", features = [\"postgres\"] }\n";
    let variables = "SERVICE_HOST = 127.0.0.1\nSERVICE_PORT = 8080\nREDIS_HOST = 127.0.0.1\nPOSTGRES_HOST=127.0.0.1\n";
    let repository = Sandbox::new()
        .file("Cargo.toml", manifest)
        .file("src/main.rs", "fn main() {}\n")
        .file(".sqlx/query-1.json", "{}")
        .file("migrations/1_first.up.sql", "select 1;")
        .file("migrations/1_first.down.sql", "select 1;")
        .file(".env", variables);
    let (text, said) = written(&repository);
    assert_lines(
        &text,
        &[
            "cargo = { bin = \"shop\", env = { SQLX_OFFLINE = \"true\" } }",
            "\nSERVICE_HOST = \"{host}\"\n",
            "\nSERVICE_PORT = \"{port}\"\n",
            "\nREDIS_HOST = \"{redis.host}\"\n",
            "\nPOSTGRES_HOST = \"{postgres.host}\"\n",
            "cat $(ls -v migrations/*.up.sql) | psql --quiet --set ON_ERROR_STOP=1 '{postgres.url}'",
        ],
    );
    assert!(!said.contains("macros of sqlx"), "{said}");
    std::fs::remove_dir_all(repository.path(".sqlx")).expect("removed");
    let query = "fn main() { sqlx::query!(\"select 1\"); }\n";
    let run = repository
        .file("src/main.rs", query)
        .run(["init", "--no-workflows", "--force"])
        .exits(0);
    run.prints("note: macros of sqlx ask a database as cargo builds: `cargo sqlx prepare`");
}

#[test]
fn settings_of_the_config_crate_lead_to_perfgates_databases() {
    let manifest = "[package]\nname = \"shop\"\n[dependencies]\nactix-web = \"4\"\nconfig = \"0.15\"\n\
                    actix-session = { version = \"0.10\", features = [\"redis-session\"] }\n\
                    sqlx = { version = \"0.8\", features = [\"postgres\"] }\n";
    let main = "fn main() {\n    config::Config::builder().add_source(\n        config::Environment::with_prefix(\"APP\")\n            \
                .prefix_separator(\"_\")\n            .separator(\"__\"),\n    );\n}\n";
    let base = "application:\n  port: 8000\n  host: 0.0.0.0\ndatabase:\n  host: \"127.0.0.1\"\n  port: 5432\n  \
                username: \"postgres\"\n  password: \"password\"\n  database_name: \"shop\"\n\
                redis_uri: \"redis://127.0.0.1:6379\"\n";
    let repository = Sandbox::new()
        .file("Cargo.toml", manifest)
        .file("src/main.rs", main)
        .file("configuration/base.yaml", base)
        .file(
            ".env",
            "DATABASE_URL=\"postgres://postgres:password@localhost:5432/shop\"\n",
        );
    let (text, _) = written(&repository);
    assert_lines(
        &text,
        &[
            "\nAPP_APPLICATION__PORT = \"{port}\"\n",
            "\nAPP_APPLICATION__HOST = \"{host}\"\n",
            "\nAPP_DATABASE__HOST = \"{postgres.host}\"\n",
            "\nAPP_DATABASE__PORT = \"{postgres.port}\"\n",
            "\nAPP_DATABASE__USERNAME = \"{postgres.user}\"\n",
            "\nAPP_DATABASE__PASSWORD = \"{postgres.password}\"\n",
            "\nAPP_DATABASE__DATABASE_NAME = \"{postgres.database}\"\n",
            "\nAPP_REDIS_URI = \"{redis.url}\"\n",
        ],
    );
}
