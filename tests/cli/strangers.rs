//! `perfgate init` in the small repositories of fixtures/strangers, each in the shape of a common kind and
//! without a word of perfgate.

use crate::support::Sandbox;

/// What init writes for it, without comments and the parts that are the same for all; a dry run takes it.
fn written(name: &str) -> String {
    let repository = Sandbox::stranger(name);
    repository.run(["init", "--no-workflows"]).exits(0);
    repository.run(["check", "--dry-run"]).exits(0);
    let text = repository.read("perfgate.toml");
    let (own, _) = text.split_once("\n[load]").expect("rules come last");
    let lines = own.lines().filter(|it| !it.is_empty());
    let lines = lines.filter(|it| !it.starts_with('#') || it.contains("[endpoint."));
    lines.collect::<Vec<_>>().join("\n")
}

macro_rules! strangers {
    ($($test:ident: $name:literal,)*) => {
        $(
            #[test]
            fn $test() {
                insta::assert_snapshot!(stringify!($test), written($name));
            }
        )*
    };
}

strangers! {
    a_django_project_of_a_cookiecutter: "cookiecutter",
    a_fastapi_backend_with_alembic_and_a_login: "fastapi-alembic",
    a_flask_service_with_mounts_of_buildkit: "flask-buildkit",
    a_django_project_with_variables_for_each_part_of_an_address: "django-variables",
    an_axum_service_with_migrations_of_sqlx: "axum-sqlx",
    a_workspace_whose_server_is_a_member: "axum-workspace",
    a_service_on_mariadb: "mariadb",
    a_service_with_a_mounted_file: "mounted-file",
    one_of_two_services_of_a_repository: "monorepo/services/orders",
}
