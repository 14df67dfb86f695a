//! Every error that perfgate can end with, as a user reads it: one snapshot of them all.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use bollard::errors::Error as EngineError;
use perfgate::error::Error;
use perfgate::model::chain;
use perfgate::{baseline, config, dial, document, git, import, load, measure, publish, stack};
use testcontainers::TestcontainersError;

fn denied() -> io::Error {
    io::Error::new(
        io::ErrorKind::PermissionDenied,
        "Permission denied (os error 13)",
    )
}

fn missing() -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        "No such file or directory (os error 2)",
    )
}

fn not_json() -> serde_json::Error {
    serde_json::from_str::<u32>("{").expect_err("no number")
}

fn engine() -> EngineError {
    EngineError::DockerResponseServerError {
        status_code: 404,
        message: "No such image: shop:1.2".into(),
    }
}

fn postgres() -> tokio_postgres::Error {
    "host"
        .parse::<tokio_postgres::Config>()
        .expect_err("no setting")
}

fn redis() -> redis::RedisError {
    (redis::ErrorKind::Io, "connection refused").into()
}

const OUTPUT: &str = "ModuleNotFoundError: No module named 'shop'";

fn of_config() -> Vec<Error> {
    let path = "perfgate.toml";
    [
        config::Error::NotFound {
            folder: "/home/me/shop".into(),
        },
        config::Error::Read {
            path: path.into(),
            source: denied(),
        },
        config::parse(Path::new(path), "[load]\nconections = 5\n").expect_err("a wrong key"),
        config::Error::UnknownName {
            path: path.into(),
            what: "server",
            name: "gunicorm".into(),
            known: vec!["gunicorn".into(), "uvicorn".into()],
        },
    ]
    .map(Error::from)
    .into()
}

fn of_engine() -> Vec<Error> {
    let socket = || "unix:///var/run/docker.sock".to_owned();
    [
        stack::Error::Unreachable {
            socket: socket(),
            reason: "Connection refused".into(),
        },
        stack::Error::TooOld {
            socket: socket(),
            found: "1.38".into(),
            needed: "1.41",
        },
        stack::Error::Remote {
            socket: "tcp://10.0.0.5:2375".into(),
        },
        stack::Error::OtherKernel {
            wanted: "network = \"host\"",
        },
        stack::Error::Engine {
            action: "make the network of the run".into(),
            source: engine(),
        },
        stack::Error::Container {
            name: "gunicorn".into(),
            source: Box::new(TestcontainersError::other("the container has no port 8000")),
        },
        stack::Error::Pull {
            image: "shop:1.2".into(),
            source: engine(),
        },
        stack::Error::Architecture {
            image: "shop:1.2".into(),
            found: "arm64".into(),
            wanted: "amd64".into(),
        },
        stack::Error::Context {
            folder: "shop".into(),
            source: missing(),
        },
        stack::Error::Build {
            name: "gunicorn".into(),
            folder: "shop".into(),
            message: "step 3 ended with 1".into(),
            output: OUTPUT.into(),
        },
        stack::Error::Overdue {
            name: "gunicorn".into(),
            command: "python manage.py migrate".into(),
            within: Duration::from_secs(600),
            output: OUTPUT.into(),
        },
        stack::Error::Lost {
            socket: socket(),
            reason: "no answer".into(),
        },
        stack::Error::Service {
            name: "postgres".into(),
            status: "ended with exit code 137".into(),
            output: "database system was interrupted".into(),
        },
        stack::Error::NoAddress {
            name: "gunicorn".into(),
        },
        stack::Error::PortTaken {
            name: "shop".into(),
            port: 8000,
            source: denied(),
        },
        stack::Error::Left {
            run: "4f1c".into(),
            left: "container gunicorn".into(),
        },
    ]
    .map(Error::from)
    .into()
}

fn of_programs() -> Vec<Error> {
    [
        stack::Error::SharedProgram {
            server: "app".into(),
            program: "/shared/release/app".into(),
            folder: "/shared".into(),
        },
        stack::Error::NoProgram {
            name: "app".into(),
            reason: "there are several: server, worker".into(),
        },
        stack::Error::SameProgram {
            server: "app".into(),
            program: "/shared/release/app".into(),
        },
    ]
    .map(Error::from)
    .into()
}

fn of_servers() -> Vec<Error> {
    let (name, output) = ("gunicorn", OUTPUT);
    let status = "exit code 1";
    [
        stack::Error::Spawn {
            command: "gunicorn shop.wsgi".into(),
            source: missing(),
        },
        stack::Error::Command {
            name: name.into(),
            command: "python manage.py migrate".into(),
            status: status.into(),
            output: output.into(),
        },
        stack::Error::Ended {
            name: name.into(),
            status: status.into(),
            output: output.into(),
        },
        stack::Error::Died {
            name: name.into(),
            status: "signal 9".into(),
            output: output.into(),
        },
        stack::Error::Upstream {
            name: name.into(),
            address: "unix:/run/shop.sock".into(),
        },
        stack::Error::Unreached {
            what: "Postgres at 127.0.0.1:5432".into(),
        },
        stack::Error::NotReady {
            name: name.into(),
            what: "http://127.0.0.1:8000/health".into(),
            within: Duration::from_secs(60),
            last: "connection refused".into(),
            output: output.into(),
        },
        stack::Error::WrongAnswer {
            name: name.into(),
            what: "POST http://127.0.0.1:8000/rpc".into(),
            waited: Duration::from_secs(5),
            answer: Box::new(stack::Answer {
                status: 401,
                missed: stack::Missed::Status(Some(200)),
                location: None,
                allow: None,
                text: "no token".into(),
                wants_tls: false,
            }),
            output: output.into(),
        },
        stack::Error::Login {
            name: name.into(),
            login: "user".into(),
            request: "POST /login".into(),
            why: "status 403 Forbidden instead of 302".into(),
            output: output.into(),
        },
        stack::Error::File {
            path: "Caddyfile".into(),
            source: missing(),
        },
        stack::Error::NotInFile {
            path: "deploy/settings.toml".into(),
            text: "redis://cache:6379/1".into(),
        },
        stack::Error::Address {
            address: "shop.test:8000".into(),
            source: missing(),
        },
        stack::Error::Pin {
            cpus: vec![2, 3],
            source: io::Error::from_raw_os_error(22),
        },
        stack::Error::Usage {
            name: name.into(),
            reason: "its cgroup is gone".into(),
        },
    ]
    .map(Error::from)
    .into()
}

fn of_data() -> Vec<Error> {
    [
        stack::Error::Sql {
            path: "schema.sql".into(),
            source: postgres(),
        },
        stack::Error::Load {
            path: "shop.dump".into(),
            program: "pg_restore",
            code: 1,
            output: OUTPUT.into(),
        },
        stack::Error::Dump {
            path: "shop.dump".into(),
        },
        stack::Error::Database {
            name: "perfgate_base".into(),
            source: postgres(),
        },
        stack::Error::Vacuum { source: postgres() },
        stack::Error::Growth {
            table: "movie".into(),
            reason: "the database has no such table".into(),
        },
        stack::Error::Redis { source: redis() },
        stack::Error::RedisFull,
    ]
    .map(Error::from)
    .into()
}

fn of_dial() -> Vec<Error> {
    [
        dial::Error::Certificates {
            path: "ca.pem".into(),
            source: "section lacks its end".into(),
        },
        dial::Error::NoCertificate {
            path: "ca.pem".into(),
        },
        dial::Error::NoAuthorities,
        dial::Error::ServerName { name: "a b".into() },
    ]
    .map(|error| Error::from(stack::Error::from(error)))
    .into()
}

fn of_load() -> Vec<Error> {
    [
        load::Error::NoConnections,
        load::Error::OpenFiles {
            needed: 5000,
            limit: 1024,
        },
        load::Error::Ports {
            needed: 40_000,
            available: 28_232,
        },
        load::Error::Method {
            method: "CONNECT".into(),
        },
        load::Error::Framing {
            name: "Content-Length".into(),
        },
        load::Error::Weights { total: 0 },
        load::Error::Path {
            path: "/a b".into(),
        },
        load::Error::Header {
            name: "X-A\nB".into(),
        },
        load::Error::Start {
            thread: 3,
            source: io::Error::from_raw_os_error(11),
        },
        load::Error::Pin {
            thread: 0,
            core: 7,
            source: io::Error::from_raw_os_error(22),
        },
        load::Error::Panicked { thread: 0 },
        load::Error::Coordinator {
            address: "load-0.load:7070".into(),
            source: io::Error::from_raw_os_error(111),
        },
        load::Error::WorkersMissing {
            missing: "3/4, 4/4".into(),
            within: Duration::from_secs(60),
        },
        load::Error::WorkerLost {
            worker: "2/4".into(),
            source: io::ErrorKind::UnexpectedEof.into(),
        },
        load::Error::WorkerRefused {
            worker: "2/4".into(),
            reason: "there is a worker 2/4 already".into(),
        },
        load::Error::Late {
            by: Duration::from_millis(20),
        },
        load::Error::Stopped,
    ]
    .map(Error::from)
    .into()
}

fn of_documents() -> Vec<Error> {
    let path = || "out.json".into();
    let mut errors = vec![
        Error::from(measure::Error::Overdue {
            server: "gunicorn".into(),
            step: "the warm-up of movies".into(),
            within: Duration::from_secs(37),
        }),
        Error::from(measure::Error::Failing {
            server: "app".into(),
            endpoint: "movies".into(),
            requests: 20,
            answers: "20 unexpected_status (status 404); HTTP/1.1 404 Not Found; expected status \
                      200; found status 404"
                .into(),
            output: "404 GET /movies".into(),
        }),
        Error::from(measure::Error::Base {
            source: Box::new(measure::Error::Overdue {
                server: "app.base".into(),
                step: "its start".into(),
                within: Duration::from_secs(120),
            }),
            during: "start",
        }),
        Error::Measure(measure::Error::Stopped(measure::Cause::Interrupted)),
        Error::from(measure::Error::Machine {
            path: "/proc/cpuinfo",
            source: procfs::ProcError::NotFound(None),
        }),
    ];
    let of_document = [
        document::Error::Read {
            path: path(),
            source: missing(),
        },
        document::Error::Parse {
            path: path(),
            what: "report",
            source: not_json(),
        },
        document::Error::Schema {
            path: path(),
            found: 7,
            highest: 1,
        },
        document::Error::Print {
            source: io::Error::from_raw_os_error(28),
        },
        document::Error::Write {
            path: path(),
            source: denied(),
        },
    ];
    errors.extend(of_document.map(Error::from));
    errors
}

fn of_import() -> Vec<Error> {
    let path = || "result.txt".into();
    let fault = |fault| import::Error::Fault {
        path: path(),
        generator: "wrk",
        fault,
    };
    [
        import::Error::Read {
            path: path(),
            source: missing(),
        },
        import::Error::TooLarge {
            path: path(),
            most: 1 << 28,
        },
        import::Error::NotText { path: path() },
        import::Error::Unknown { path: path() },
        import::Error::Foreign {
            path: path(),
            foreign: import::Foreign {
                what: "the text of oha",
                instead: Some("oha --output-format json"),
            },
        },
        import::Error::Foreign {
            path: path(),
            foreign: import::Foreign {
                what: "a result of ApacheBench",
                instead: None,
            },
        },
        import::Error::Apart {
            new: "new.txt".into(),
            new_result: "wrk of `/movies?page=2`".into(),
            old: "old.txt".into(),
            old_result: "wrk of `/movies?page=1`".into(),
        },
        fault(import::Fault::Line {
            line: 7,
            expected: "a time such as `1.50ms`",
            found: "50%  soon".into(),
        }),
        fault(import::Fault::Missing {
            expected: "`Requests/sec:`",
        }),
        fault(not_json().into()),
        fault(import::Fault::Empty),
        fault(import::Fault::Several),
    ]
    .map(Error::from)
    .into()
}

fn of_baselines() -> Vec<Error> {
    let (branch, remote) = ("perfgate-baselines", "origin");
    [
        baseline::Error::NothingToPin,
        baseline::Error::Link {
            path: ".perfgate/baselines/app/home/1.json".into(),
        },
        baseline::Error::List {
            path: ".perfgate/baselines".into(),
            source: denied(),
        },
        baseline::Error::Remove {
            path: ".perfgate/baselines/a.json".into(),
            source: denied(),
        },
        baseline::Error::Git(git::Error::NotInstalled {
            folder: ".".into(),
            source: missing(),
        }),
        baseline::Error::Git(git::Error::Refused {
            command: "fetch --quiet --depth=1 --filter=blob:none store".into(),
            status: "exit code 128".into(),
            reason: "fatal: 'origin' does not appear to be a git repository".into(),
            remedy: None,
        }),
        baseline::Error::Refused {
            branch: branch.into(),
            remote: remote.into(),
            reason: "protected branch".into(),
        },
        baseline::Error::Contended {
            store: format!("branch `{branch}` of `{remote}`"),
            tries: 8,
        },
    ]
    .into_iter()
    .chain(of_buckets())
    .map(Error::from)
    .collect()
}

fn of_buckets() -> Vec<baseline::Error> {
    use baseline::Fault;
    let endpoint = || "https://s3.eu-west-1.amazonaws.com".to_owned();
    let denied = |code: &str, message: &str| Fault::Denied {
        endpoint: endpoint(),
        code: code.into(),
        message: message.into(),
    };
    let faults = [
        Fault::NoCredentials {
            missing: "`AWS_SECRET_ACCESS_KEY` is",
        },
        Fault::NoAddress {
            endpoint: "minio:9000".into(),
            reason: "it begins with neither `https://` nor `http://`".into(),
        },
        Fault::PlainHttp {
            endpoint: "http://minio:9000".into(),
        },
        Fault::NoBucket {
            endpoint: endpoint(),
        },
        denied("AccessDenied", "Access Denied"),
        denied(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match",
        ),
        denied("ExpiredToken", "The provided token has expired"),
        denied("RequestTimeTooSkewed", "The difference is too large"),
        Fault::Region {
            asked: "us-east-1".into(),
            found: Some("eu-west-1".into()),
        },
        Fault::Region {
            asked: "us-east-1".into(),
            found: None,
        },
        Fault::Unreachable {
            endpoint: "http://127.0.0.1:9000".into(),
            reason: "client error (Connect): tcp connect error: Connection refused".into(),
        },
        Fault::Answer {
            endpoint: endpoint(),
            status: 503,
            code: "SlowDown".into(),
            message: "Please reduce your request rate".into(),
        },
        Fault::Unconditional {
            endpoint: "https://store.example.org".into(),
        },
        Fault::Rewritten,
        Fault::Client {
            reason: "Generic Config error".into(),
        },
    ];
    let error = |fault| baseline::Error::Bucket {
        store: "s3://perf-baselines/shop".into(),
        origin: "perfgate.toml:12".into(),
        fault: Box::new(fault),
    };
    faults.map(error).into()
}

fn of_git() -> Vec<Error> {
    let folder = || "shop".into();
    let remedy = "`git config --global --add safe.directory /shop`, if you trust its owner";
    [
        git::Error::NotInstalled {
            folder: folder(),
            source: missing(),
        },
        git::Error::NoRepository { folder: folder() },
        git::Error::Refused {
            command: "rev-parse --verify HEAD".into(),
            status: "exit code 128".into(),
            reason: "fatal: detected dubious ownership in repository at '/shop'".into(),
            remedy: Some(remedy.into()),
        },
        git::Error::Overdue {
            command: "fetch".into(),
            within: Duration::from_secs(300),
        },
        git::Error::Scratch { source: denied() },
    ]
    .map(Error::from)
    .into()
}

fn of_github() -> Vec<Error> {
    let what = "comment on the pull request";
    let answer = |provider, status| publish::Error::Answer {
        provider,
        what,
        status,
        message: "Resource not accessible by integration".into(),
        permission: "pull-requests: write",
    };
    [
        publish::Error::NoVariable {
            name: "GITHUB_EVENT_PATH",
        },
        publish::Error::Event {
            path: "event.json".into(),
            reason: "EOF while parsing a value".into(),
        },
        publish::Error::Privileged {
            event: "pull_request_target".into(),
            why: "it would run untrusted code with a token that may write",
        },
        publish::Error::NoArtifact {
            run: 12,
            name: "perfgate".into(),
        },
        publish::Error::Locked { number: 7 },
        publish::Error::Contended { number: 7 },
        publish::Error::NothingToReport,
        publish::Error::NoToken("GITHUB_TOKEN"),
        publish::Error::NotTrusted {
            why: "this event is not of the default branch",
        },
        publish::Error::Write {
            path: "summary.md".into(),
            source: denied(),
        },
        publish::Error::Url {
            provider: publish::Provider::GitHub,
            url: "github".into(),
            reason: "it has no scheme and host".into(),
        },
        publish::Error::Unreachable {
            what,
            reason: "connection timed out".into(),
        },
        answer(publish::Provider::GitHub, 403),
        answer(publish::Provider::GitHub, 422),
        answer(publish::Provider::GitLab, 403),
        publish::Error::Unknown {
            provider: publish::Provider::GitHub,
            what,
            reason: "missing field `id`".into(),
        },
    ]
    .map(Error::from)
    .into()
}

fn of_the_program() -> Vec<Error> {
    vec![
        Error::Argument {
            argument: "--baseline s3:runs".into(),
            reason: "it lacks `//`".into(),
        },
        Error::Budget {
            budget: Duration::from_secs(5),
            starts: 4,
            needed: Duration::from_secs(10),
        },
        Error::OtherCommit {
            head: "3f2c1ab4d2e1".into(),
            expected: "9b1d00c7aa31".into(),
        },
        Error::Dirty {
            head: "3f2c1ab4d2e1".into(),
            files: "shop/views.py, shop/urls.py".into(),
        },
        Error::Unmeasured {
            commit: "3f2c1ab4d2e1".into(),
            reason: "cannot build `app`: exit code 1".into(),
        },
        Error::NotCalibrated {
            reason: "no server was started on both sides".into(),
        },
        Error::Read {
            path: "item.json".into(),
            source: missing(),
        },
        Error::Runtime {
            source: io::Error::from_raw_os_error(11),
        },
        Error::Deadline {
            timeout: Duration::from_secs(600),
        },
        Error::Interrupted,
    ]
}

fn all() -> Vec<Error> {
    [
        of_config(),
        of_engine(),
        of_programs(),
        of_servers(),
        of_data(),
        of_dial(),
        of_load(),
        of_documents(),
        of_import(),
        of_baselines(),
        of_git(),
        of_github(),
        of_the_program(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn shown(error: &Error) -> String {
    let output = error.output().map(|text| format!("{text}\n\n"));
    let hint = error.hint().map(|hint| format!("hint: {hint}\n"));
    format!(
        "{}error: {}\n{}exit code {}\n",
        output.unwrap_or_default(),
        chain(error),
        hint.unwrap_or_default(),
        error.exit_code()
    )
}

#[test]
fn every_error_as_a_user_reads_it() {
    let all: Vec<_> = all().iter().map(shown).collect();
    insta::assert_snapshot!("errors", all.join("\n"));
}

#[test]
fn every_error_says_what_to_do() {
    for error in all() {
        assert!(error.hint().is_some(), "{}", chain(&error));
    }
}

#[test]
fn errors_are_written_alike() {
    for error in all() {
        let text = error.to_string();
        assert!(
            text.starts_with(|it: char| it == '`' || it.is_lowercase() || it == 'G'),
            "{text}"
        );
        assert!(!text.ends_with('.'), "{text}");
        assert!(!text.contains("failed to"), "{text}");
    }
}

/// The variants of the errors in a source, and whether each only forwards another error; `name` is that of one enum.
fn variants(code: &str, name: Option<&str>) -> Vec<(String, bool)> {
    let file = syn::parse_file(code).expect("a source");
    let enums = file.items.into_iter().filter_map(|item| match item {
        syn::Item::Enum(item) => Some(item),
        _ => None,
    });
    let is_error =
        |variant: &syn::Variant| variant.attrs.iter().any(|it| it.path().is_ident("error"));
    let forwards = |variant: &syn::Variant| {
        let mut fields = variant.fields.iter().flat_map(|it| &it.attrs);
        fields.any(|it| it.path().is_ident("from"))
    };
    let enums = enums.filter(|it| name.is_none_or(|name| it.ident == name));
    let variants = enums.flat_map(|it| it.variants);
    variants
        .filter(is_error)
        .map(|it| (it.ident.to_string(), forwards(&it)))
        .collect()
}

#[test]
fn no_error_is_left_out() {
    let shown: Vec<_> = all().iter().map(|error| format!("{error:?}")).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let sources = [
        ("config/error.rs", "Config("),
        ("stack/error.rs", "Stack("),
        ("dial/error.rs", "Stack(Dial("),
        ("load/error.rs", "Load("),
        ("measure/error.rs", "Measure("),
        ("baseline/error.rs", "Baseline("),
        ("git/error.rs", "Git("),
        ("publish/error.rs", "Publish("),
        ("document.rs", "Document("),
        ("error.rs", ""),
    ];
    for (file, before) in sources {
        let code = fs::read_to_string(root.join(file)).expect("a source");
        let all = variants(&code, Some("Error"));
        assert!(!all.is_empty(), "{file}");
        for (name, forwards) in all {
            let wanted = format!("{before}{name}");
            // What only forwards is shown where it comes from.
            let found = shown.iter().any(|it| it.starts_with(&wanted));
            assert!(found || forwards, "{file}: no example of `{name}`");
        }
    }
    let code = fs::read_to_string(root.join("import/error.rs")).expect("a source");
    for (name, _) in variants(&code, None) {
        let found = |it: &String| {
            it.starts_with(&format!("Import({name}")) || it.contains(&format!("fault: {name}"))
        };
        assert!(shown.iter().any(found), "import: no example of `{name}`");
    }
}
