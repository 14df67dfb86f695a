//! Services, images, containers, logins and data.

use super::{ENDPOINT, SERVER, are_refused, explain, plan, read, refused};
use crate::config::{load, load_base, parse};
use crate::model::{
    Build, BuildKit, ContainerSettings, CopiedFile, FileSource, KnownCounters, Plan, Privilege,
    SecretSource, ServiceKind, Source,
};

#[test]
fn mistakes_in_a_stack_name_their_place() {
    are_refused(&[
        (
            "[service.mq]\nports = [5672]\n",
            "5:1: [service.mq] needs exactly one of `image`, `build`",
        ),
        (
            "[service.app]\nimage = \"mq\"\n",
            "5:1: a server and a service are both called `app`",
        ),
        (
            "[server.b]\nrun = [\"b\"]\ntmpfs = [\"/tmp\"]\n",
            "5:1: `tmpfs` is for containers, and server `b` runs in none",
        ),
        (
            "[service.redis]\nimage = \"redis\"\n",
            "5:1: a service cannot be called `redis`",
        ),
        (
            "[service.mq]\nimage = \"mq\"\nports = [1]\nready = { port = 2 }\n",
            "8:9: `ready` asks a port that `ports` does not have",
        ),
        (
            "[service.mq]\nimage = \"mq\"\nready = { log = \"up\", command = [\"up\"] }\n",
            "7:9: `ready` needs one of `log`, `path`, `port` and `command`",
        ),
        (
            "[service.mq]\nimage = \"mq\"\ncpus = -1.0\n",
            "7:8: `-1` is no number of CPUs",
        ),
        (
            "[service.mq]\nimage = \"mq\"\nports = [1]\n[server.b]\nrun = [\"b\", \"{mq.port.2}\"]\n",
            "9:13: `{mq.port.2}` stands for nothing",
        ),
        (
            "[server.b]\nimage = \"b\"\nenv_file = [\".nowhere\"]\n",
            "7:13: `.nowhere` cannot be read",
        ),
        (
            "[server.b]\nimage = \"b\"\nenv = { A = \"{env.PERFGATE_NOT_SET}\" }\n",
            "7:13: `{env.PERFGATE_NOT_SET}` is used and the environment has no PERFGATE_NOT_SET",
        ),
        (
            "[server.b]\nbuild = { context = \".\", dockerfil = \"x\" }\n",
            "6:26: unknown field `dockerfil`",
        ),
        (
            "[server.b]\nbuild = { dockerfile = \"x\" }\n",
            "6:9: missing field `context`",
        ),
        (
            "[server.b]\nbuild = { context = \"app\", dockerfile = \"../../x\" }\n",
            "6:9: `app/../../x` leads outside the folder of this file",
        ),
        (
            "[endpoint.x]\npath = \"/{login.id}\"\n",
            "5:1: `{login.id}` stands for nothing",
        ),
        (
            "[login.a]\npath = \"/\"\ncapture = { t = { json = \"/a\", header = \"b\" } }\n",
            "7:17: `t` needs exactly one of `json`, `header`, `cookie`, `regex`",
        ),
        (
            "[login.a]\npath = \"/\"\ncapture = { t = { regex = \"(\" } }\n",
            "7:17: `(` is not a regular expression",
        ),
        (
            "[postgres]\nimage = \"postgres\"\nscheme = \"a b\"\n",
            "7:10: `a b` is not the scheme of a URL",
        ),
        (
            "[server.b]\nurl = \"https://x/y\"\n",
            "6:7: `https://x/y` is not the URL of a server",
        ),
        (
            "[server.b]\nrun = [\"b\", \"{postgres.url}\"]\n",
            "6:13: `{postgres.url}` is used and the file has no [postgres]",
        ),
        (
            "[server.b]\nrun = [\"b\", \"{redis.uri}\"]\n",
            "6:13: `{redis.uri}` stands for nothing",
        ),
    ]);
}

#[test]
fn an_image_is_built_as_the_file_says() {
    let plan = plan(
        "[server.b]\nbuild = { context = \"app\", dockerfile = \"docker/web\", target = \"prod\", \
         args = { A = \"1\" } }\nentrypoint = [\"sh\", \"-c\"]\nfiles = { \"/etc/app\" = \"conf\" }\n\
         tmpfs = [\"/tmp\"]\nuser = \"app\"\ncpus = 1.5\nshm_size = \"64MiB\"\n",
    );
    let target = &plan.targets[1];
    let build = Build {
        context: "project/app".into(),
        dockerfile: Some("project/app/docker/web".into()),
        target: Some("prod".into()),
        args: vec![("A".into(), "1".into())],
        buildkit: BuildKit::default(),
    };
    assert_eq!(target.source, Source::Build(build));
    let container = ContainerSettings {
        entrypoint: vec!["sh".into(), "-c".into()],
        files: vec![CopiedFile {
            inside: "/etc/app".into(),
            source: FileSource::Path("project/conf".into()),
            replace: Vec::new(),
        }],
        tmpfs: vec!["/tmp".into()],
        working_dir: None,
        user: Some("app".into()),
        nano_cpus: Some(1_500_000_000),
        shm_size: Some(64 << 20),
        allow: Vec::new(),
    };
    assert_eq!(target.container, container);
}

#[test]
fn what_a_container_may_do_is_allowed_by_name() {
    let server = "[server.b]\nimage = \"b\"\nallow = ";
    let plan = plan(&format!(
        "{server}[\"docker-socket\", \"privileged\", \"docker-socket\"]\n"
    ));
    let allowed = &plan.targets[1].container.allow;
    assert_eq!(allowed, &[Privilege::Privileged, Privilege::DockerSocket]);
    are_refused(&[
        (
            &format!("{server}[\"host-network\"]\n"),
            "7:10: `host-network` cannot be allowed",
        ),
        (
            &format!("{server}[\"privilege\"]\n"),
            "7:10: `privilege` is nothing that can be allowed",
        ),
        (
            "[server.b]\nrun = [\"b\"]\nallow = [\"privileged\"]\n",
            "5:1: `allow` is for containers, and server `b` runs in none",
        ),
    ]);
}

#[test]
fn texts_of_a_file_are_replaced_by_what_a_service_has() {
    let plan = plan(
        "[redis]\nimage = \"redis\"\n[server.b]\nimage = \"b\"\n\
         files = { \"/etc/app\" = { path = \"app.ini\", replace = { \"cache:6379\" = \"{redis.host}:{redis.port}\" } } }\n",
    );
    let expected = CopiedFile {
        inside: "/etc/app".into(),
        source: FileSource::Path("project/app.ini".into()),
        replace: vec![("cache:6379".into(), "{redis.host}:{redis.port}".into())],
    };
    assert_eq!(plan.targets[1].container.files, [expected]);
}

#[test]
fn a_file_can_be_a_text_with_placeholders() {
    let plan = plan(
        "[redis]\nimage = \"redis\"\n[server.b]\nimage = \"b\"\n\
         files = { \"/etc/app\" = { text = \"cache = {redis.url}\" } }\n",
    );
    let expected = CopiedFile {
        inside: "/etc/app".into(),
        source: FileSource::Text("cache = {redis.url}".into()),
        replace: Vec::new(),
    };
    assert_eq!(plan.targets[1].container.files, [expected]);
}

#[test]
fn mistakes_in_what_is_replaced_name_their_place() {
    let server = |file: &str| format!("[server.b]\nimage = \"b\"\nfiles.\"/etc/app\" = {file}\n");
    let cases = [
        (
            "{ path = \"app.ini\", replace = { x = \"{redis.url}\" } }",
            "7:56: `{redis.url}` is used and the file has no [redis]",
        ),
        (
            "{ path = \"app.ini\", replace = { \"\" = \"x\" } }",
            "7:52: nothing is to be replaced",
        ),
        (
            "{ path = \"../app.ini\" }",
            "7:20: `../app.ini` leads outside",
        ),
        (
            "3",
            "7:20: invalid type: integer `3`, expected a path, or a table with `path`",
        ),
    ];
    let cases: Vec<_> = cases.map(|(file, error)| (server(file), error)).into();
    let cases: Vec<_> = cases
        .iter()
        .map(|(text, it)| (text.as_str(), *it))
        .collect();
    are_refused(&cases);
}

#[test]
fn a_build_has_secrets_and_caches() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("npmrc"), "token").expect("written");
    let file = folder.path().join("perfgate.toml");
    let server = |more: &str| {
        format!(
            "[server.app]\nbuild = {{ context = \".\", {more} }}\n[endpoint.home]\npath = \"/\"\n"
        )
    };
    let text = server(
        "secrets = { path = \"{env.PATH}\", npmrc = \"npmrc\" }, ssh = true, \
         platform = \"linux/arm64/v8\", cache_from = [\"app:cache\"], cache_to = [\"type=inline\"]",
    );
    let plan = parse(&file, &text).expect("valid");
    let Source::Build(build) = &plan.targets[0].source else {
        panic!("{:?}", plan.targets[0].source);
    };
    let expected = BuildKit {
        secrets: vec![
            ("path".into(), SecretSource::Variable("PATH".into())),
            (
                "npmrc".into(),
                SecretSource::File(folder.path().join("npmrc")),
            ),
        ],
        ssh: true,
        platform: Some("linux/arm64/v8".into()),
        cache_from: vec!["app:cache".into()],
        cache_to: vec!["type=inline".into()],
    };
    assert_eq!(build.buildkit, expected);
    assert!(plan.environment().contains("PATH"), "it is masked");
    for (more, message) in [
        (
            "secrets = { a = \"nowhere\" }",
            "secret `a` has no file `nowhere`",
        ),
        (
            "secrets = { a = \"{env.PERFGATE_NOT_SET}\" }",
            "the environment has no PERFGATE_NOT_SET",
        ),
        ("platform = \"arm64\"", "`arm64` is no platform"),
    ] {
        let error = parse(&file, &server(more))
            .expect_err("refused")
            .to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn a_server_is_logged_in_to_before_it_is_loaded() {
    let login = "[login.user]\npath = \"/login\"\nmethod = \"POST\"\nbody = \"a=b\"\n\
                 expect = { status = 302 }\ncapture = { session = { cookie = \"sid\" } }\n";
    let endpoint =
        "[endpoint.home]\npath = \"/\"\nheaders = { Cookie = \"sid={login.session}\" }\n";
    let plan = read(&format!("{SERVER}{login}{endpoint}")).expect("valid");
    let target = &plan.targets[0];
    assert_eq!(target.logins[0].name, "user");
    assert_eq!(target.logins[0].request.status, Some(302));
    // The endpoint cannot be asked before the login.
    assert_eq!(
        (&*target.ready.method, &*target.ready.path),
        ("POST", "/login")
    );
}

#[test]
fn rows_of_a_file_are_requests_that_take_turns() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("ids.csv"), "id,name\n1,a b\n2,c\n").expect("written");
    let read = |endpoint: &str| {
        let text = format!("{SERVER}[endpoint.home]\n{endpoint}\n");
        parse(&folder.path().join("perfgate.toml"), &text)
    };
    let endpoint = "path = \"/{data.id}?q={data.name}\"\nbody = '{\"name\": \"{data.name}\"}'\n";
    let plan = read(&format!("{endpoint}data = \"ids.csv\"")).expect("valid");
    let requests = &plan.targets[0].cells[0].workload.requests;
    let paths: Vec<_> = requests.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(paths, ["/1?q=a%20b", "/2?q=c"]);
    assert_eq!(requests[0].body, b"{\"name\": \"a b\"}");
    // The server is ready once it answers the first of them.
    assert_eq!(plan.targets[0].ready.path, "/1?q=a%20b");
    let (error, _) = explain(read(endpoint));
    assert!(
        error.contains("`{data.name}` is used and the endpoint has no `data`"),
        "{error}"
    );
    let (error, hint) = explain(read("path = \"/{data.x}\"\ndata = \"ids.csv\""));
    assert!(
        error.contains("`{data.x}` is no column of `ids.csv`"),
        "{error}"
    );
    assert_eq!(hint, "columns: id, name");
    let (error, _) = explain(read("path = \"/\"\ndata = \"none.csv\""));
    assert!(error.contains("`none.csv` cannot be read"), "{error}");
}

#[test]
fn a_service_may_use_those_before_it() {
    let mq = "[service.mq]\nimage = \"mq\"\nports = [5672, 15672]\nenv = { USER = \"me\" }\n";
    let web = "[service.web]\nimage = \"web\"\n\
               env = { MQ = \"{mq.env.USER}@{mq.host}:{mq.port}, {mq.port.15672}\" }\n";
    let found = plan(&format!("{mq}{web}"));
    let names: Vec<_> = found.services.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["mq", "web"]);
    // It is the program's own text as long as no service is called so.
    let (first, later) = (found.services[1].env.clone(), plan(&format!("{web}{mq}")));
    assert_eq!(first, later.services[0].env);
}

#[test]
fn what_is_counted_of_a_service_follows_from_its_image_or_is_written_out() {
    let counters = |service: &str| {
        let found = plan(&format!("[service.db]\n{service}\n"));
        match &found.services[0].kind {
            ServiceKind::Other(other) => other.counters,
            known => panic!("{known:?}"),
        }
    };
    assert_eq!(
        counters("image = \"mariadb:11\""),
        Some(KnownCounters::Mysql)
    );
    assert_eq!(counters("build = \"mysql\""), None);
    let written = counters("build = \".\"\ncounts = \"rabbitmq\"");
    assert_eq!(written, Some(KnownCounters::Rabbitmq));
    let (error, hint) = refused("[service.db]\nimage = \"db\"\ncounts = \"mysq\"\n");
    assert!(
        error.starts_with("cannot use project/perfgate.toml:7:10: unknown variant `mysq`"),
        "{error}"
    );
    assert_eq!(hint, "did you mean `mysql`?");
}

#[test]
fn files_of_variables_give_way_to_what_is_written_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("written");
    };
    write("one.env", "# comment\nA=1\nB='two words'\nexport C=3\n");
    write("two.env", "A=2\n");
    let server = "[server.app]\nrun = [\"app\"]\nenv_file = [\"one.env\", \"two.env\"]\n\
                  env = { C = \"4\" }\n";
    let text = format!("{server}{ENDPOINT}");
    let path = folder.path().join("perfgate.toml");
    let env = |plan: Plan| plan.targets[0].env.clone();
    let expected = [("A", "2"), ("B", "two words"), ("C", "4")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(env(parse(&path, &text).expect("valid")), expected);
    // A base has the head's where git keeps none.
    let base = tempfile::tempdir().expect("a folder");
    let path = base.path().join("perfgate.toml");
    std::fs::write(&path, &text).expect("written");
    assert!(load(&path).is_err());
    assert_eq!(
        env(load_base(&path, folder.path()).expect("valid")),
        expected
    );
    write("two.env", "A = B = 'C\n");
    let (error, _) = explain(parse(&folder.path().join("perfgate.toml"), &text));
    assert!(
        error.contains("`two.env` is no file of variables"),
        "{error}"
    );
}

#[test]
fn what_cargo_builds_is_run() {
    let source = |text: &str| plan(&format!("[server.shop]\n{text}\n")).targets[1].clone();
    let alone = source("cargo = { package = \"shop\", features = [\"tls\"] }");
    assert_eq!(alone.source, Source::Run(vec!["{program}".into()]));
    let words = alone.cargo.expect("cargo builds it").arguments().join(" ");
    assert_eq!(
        words,
        "build --profile release --package shop --features tls"
    );
    let with_words = source("cargo = {}\nrun = [\"{program}\", \"--port\", \"{port}\"]");
    assert!(with_words.gets_its_port());
    are_refused(&[
        (
            "[server.b]\nrun = [\"{program}\"]\n",
            "6:7: server `b` runs {program}, and nothing says how it is built",
        ),
        (
            "[server.b]\nrun = [\"b\"]\ncargo = {}\n",
            "7:9: `run` of server `b` does not use what `cargo` builds",
        ),
        (
            "[server.b]\nimage = \"b\"\ncargo = {}\n",
            "5:1: server `b` needs exactly one of `image`, `build`, `run`, `url`",
        ),
        (
            "[server.b]\ncargo = { manifest = \"../Cargo.toml\" }\n",
            "6:22: `../Cargo.toml` leads outside the folder of this file",
        ),
    ]);
}

#[test]
fn an_entry_point_that_is_empty_is_none() {
    let entrypoint = |text: &str| {
        let whole = format!("[server.app]\nimage = \"app\"\n{text}[endpoint.home]\npath = \"/\"\n");
        let plan = parse(std::path::Path::new("perfgate.toml"), &whole).expect("valid");
        plan.targets[0].container.entrypoint.clone()
    };
    assert_eq!(entrypoint(""), [] as [&str; 0]);
    assert_eq!(entrypoint("entrypoint = []\n"), [""]);
    assert_eq!(entrypoint("entrypoint = [\"a\", \"b\"]\n"), ["a", "b"]);
}
