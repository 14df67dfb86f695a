//! Counters of single requests as the data grow.

use serde_json::Value;

use crate::support::{finding, repository};
use crate::{configuration, engine, with_own_django};

const VIEW: &str = "django/demo/api.py";
const LIMITED: &str = "    return movies.select_related(\"director\")\n";
/// The page is cut in Python.
const UNLIMITED: &str = "    return list(movies.select_related(\"director\"))\n";
const CHECK: [&str; 11] = [
    "check",
    "--against",
    "HEAD",
    "--server",
    "gunicorn",
    "--endpoint",
    "movies",
    "--no-profile",
    "--quiet",
    "--json",
    "out.json",
];

/// The fixture's configuration with more movies at each size.
fn with(growth: &str) -> String {
    let section = format!("[growth]\n{growth}\n\n[redis]\n");
    let config = configuration().replace("[redis]\n", &section);
    assert!(config.contains(growth), "{config}");
    config
}

/// The same for the copy of the service.
fn with_django_here(growth: &str) -> String {
    let fixture = repository().join("fixtures/django");
    with(growth).replace(&format!("\"{}\"", fixture.display()), "\"django\"")
}

fn order<'a>(report: &'a Value, of: &str) -> &'a Value {
    finding(report, "gunicorn", "movies", &format!("{of}_growth_order"))
}

/// Movies beside those that are there, up to a number.
const SEED: &str = "from demo.models import Movie; \
    Movie.objects.bulk_create([Movie(id=n, title=f'More {n}', year=2000, runtime_minutes=90, \
    director_id=1) for n in range(Movie.objects.count() + 1, {scale} + 1)])";

#[test]
#[ignore = "needs Docker"]
fn a_limit_that_is_lost_is_found_by_how_its_rows_grow() {
    let _engine = engine();
    let by_command = format!(
        "command = [\"python\", \"manage.py\", \"shell\", \"-c\", \"{SEED}\"]\nsizes = [600, 4800]"
    );
    let sandbox = with_own_django(&with(&by_command)).committed();
    sandbox.run(CHECK).exits(0);
    let report = sandbox.json("out.json");
    for of in ["sql", "rows", "blocks", "bytes", "redis_commands"] {
        let same = order(&report, of);
        assert_eq!(same["verdict"], "pass", "{same}");
        assert_eq!(same["base"], same["head"], "{same}");
    }
    let blocks = order(&report, "blocks");
    let at = |step: usize| blocks["sizes"][step]["head"].as_f64().expect("blocks");
    assert_eq!(blocks["sizes"][1]["size"], 4800, "{blocks}");
    assert!(
        at(1) > at(0),
        "the count of all pages reads every movie: {blocks}"
    );

    let rows = "rows = { demo_movie = [500, 2000, 8000], demo_director = [50, 100, 200] }";
    let view = std::fs::read_to_string(sandbox.path(VIEW)).expect("the fixture's view");
    assert!(view.contains(LIMITED), "{view}");
    let sandbox = sandbox.file(VIEW, &view.replace(LIMITED, UNLIMITED));
    let sandbox = sandbox.config(&with_django_here(rows));
    sandbox
        .run(CHECK)
        .exits(1)
        .prints("rows_growth_order")
        .prints("data of 550, 2100, 8200: 21, 21, 21 → 500, 2000, 8000")
        .prints("8000 rows per request: SELECT");
    let report = sandbox.json("out.json");
    let rows = order(&report, "rows");
    assert_eq!(rows["verdict"], "regression", "{rows}");
    let side = |side: &str| rows[side].as_f64().expect("an order");
    assert!(
        side("base").abs() < 0.01 && (side("head") - 1.0).abs() < 0.05,
        "{rows}"
    );
    let statement = &rows["statements"][0];
    assert!(
        statement["text"]
            .as_str()
            .is_some_and(|it| it.contains("demo_movie")),
        "{statement}"
    );
    assert_eq!(order(&report, "sql")["verdict"], "pass");
    assert_eq!(order(&report, "bytes")["verdict"], "pass");
}

/// Columns of every kind that can be copied, and a table that cannot.
const KINDS: &str = r#"
create schema shop;
create table shop.author (id serial primary key, name text not null unique);
insert into shop.author (name) values ('a'), ('b');
create table shop."Kinds" (
    id bigint generated always as identity primary key,
    "No" smallint unique,
    code varchar(6) not null unique,
    label text,
    price numeric(9, 2) unique,
    token uuid unique default gen_random_uuid(),
    day date unique,
    seen timestamptz unique,
    author_id int references shop.author,
    shelf text not null,
    doubled int generated always as (2 * "No") stored,
    unique (author_id, shelf)
);
create unique index on shop."Kinds" (lower(label));
insert into shop."Kinds" ("No", code, label, price, day, seen, author_id, shelf) values
    (1, 'abcdef', 'One', 1.5, '2026-01-01', '2026-01-01', 1, 'x'),
    (2, 'abcdeg', 'Two', 2.5, '2026-01-02', '2026-01-02', 2, 'x');
create table shop.nothing (id int);
create table shop.link (author_id int references shop.author, kind_id bigint references shop."Kinds",
    primary key (author_id, kind_id));
insert into shop.link values (1, 1);
"#;

#[test]
#[ignore = "needs Docker"]
fn data_that_cannot_grow_are_said_with_their_table() {
    let _engine = engine();
    let rows = |rows: &str| {
        let growth = format!("rows = {{ {rows} }}");
        with_django_here(&growth).replace("[postgres]\n", "[postgres]\ninit = [\"kinds.sql\"]\n")
    };
    let sandbox = with_own_django(&configuration())
        .file("kinds.sql", KINDS)
        .committed();
    let grown = "'shop.\"Kinds\"' = [2, 300], \"shop.author\" = [2, 40]";
    for (tables, why) in [
        (
            "nowhere = [500, 2000]".to_owned(),
            "`nowhere`: the database has no such table",
        ),
        (
            "demo_movie = [100, 2000]".to_owned(),
            "`demo_movie`: it has 500 rows already",
        ),
        (
            "\"shop.nothing\" = [100, 2000]".to_owned(),
            "`shop.nothing`: it has no row that could be copied",
        ),
        // The tables before it grow.
        (
            format!("{grown}, \"shop.link\" = [1, 9]"),
            "`shop.link`: its unique index shop.link_pkey is about references alone",
        ),
    ] {
        std::fs::write(sandbox.path("perfgate.toml"), rows(&tables)).expect("a file is written");
        let output = sandbox.run(CHECK).exits(4);
        output.prints(&format!("cannot grow the table {why}"));
    }
}
