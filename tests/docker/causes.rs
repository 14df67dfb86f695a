//! Why an endpoint is slower: what its statements make Postgres do, and how Postgres goes about them.

use crate::support::{Sandbox, finding, repository};
use crate::{configuration, engine, fixture, with_own_django};

const SEED: &str = "django/demo/management/commands/seed.py";
const LAST: &str = "            cursor.execute(\"VACUUM ANALYZE demo_director, demo_movie\")\n";
/// Twenty thousand movies beside the fixture's own.
const MORE: &str = r#"            cursor.execute(
                "INSERT INTO demo_movie (id, title, year, runtime_minutes, director_id) "
                "SELECT n, 'More ' || n, 2000, 90, 1 + n % 50 FROM generate_series(1001, 21000) n"
            )
"#;
const WITHOUT_INDEX: &str =
    "            cursor.execute(\"ALTER TABLE demo_movie DROP CONSTRAINT demo_movie_pkey\")\n";

/// The fixture's service in a folder of its own, with twenty thousand movies.
fn many_movies() -> Sandbox {
    seeded(with_own_django(&configuration()), MORE)
}

/// The same with other lines before the last one of the seed.
fn seeded(sandbox: Sandbox, lines: &str) -> Sandbox {
    let seed = repository().join("fixtures").join(SEED);
    let seed = std::fs::read_to_string(seed).expect("the fixture's seed");
    assert!(seed.contains(LAST), "{seed}");
    sandbox.file(SEED, &seed.replace(LAST, &format!("{lines}{LAST}")))
}

#[test]
#[ignore = "needs Docker"]
fn a_lost_index_is_named_by_the_statement_that_takes_more_blocks_and_its_two_plans() {
    let _engine = engine();
    let sandbox = many_movies().committed();
    let sandbox = seeded(sandbox, &format!("{MORE}{WITHOUT_INDEX}"));
    let check = [
        "check",
        "--server",
        "gunicorn",
        "--endpoint",
        "movies",
        "--quiet",
        "--json",
        "out.json",
    ];
    sandbox
        .run(check)
        .exits(1)
        .prints("duet strategy against")
        .prints("blocks per request: SELECT")
        .prints("Index Scan using demo_movie_pkey on demo_movie → Seq Scan on demo_movie");
    let report = sandbox.json("out.json");
    let of = |metric| finding(&report, "gunicorn", "movies", metric);
    for metric in ["sql_per_request", "rows_per_request"] {
        let same = of(metric);
        assert_eq!(same["verdict"], "pass", "{same}");
        assert_eq!(same["base"], same["head"], "{same}");
    }
    let blocks = of("blocks_per_request");
    assert_eq!(blocks["verdict"], "regression", "{blocks}");
    let statements = blocks["statements"].as_array().expect("statements");
    let list = statements.iter().find(|it| {
        let text = it["text"].as_str().expect("a text");
        text.contains("ORDER BY \"demo_movie\".\"id\"")
    });
    let list = list.expect("the statement of the list");
    let side = |side: &str| list[side].as_f64().expect("a count");
    assert!(side("head") > 2.0 * side("base"), "{list}");
    let change = &list["plan"][0];
    assert_eq!(
        change["base"],
        "Index Scan using demo_movie_pkey on demo_movie"
    );
    assert_eq!(change["head"], "Seq Scan on demo_movie");
}

/// Of an extension that is as old as that of Postgres 12, with no new one in its place.
#[test]
#[ignore = "needs Docker"]
fn an_old_extension_counts_blocks_and_no_wal_and_says_so() {
    let _engine = engine();
    let config = configuration().replace("[postgres]\n", "[postgres]\ninit = [\"old.sql\"]\n");
    assert!(config.contains("old.sql"));
    let old = "drop extension pg_stat_statements;\n\
               create extension pg_stat_statements version '1.7';\n";
    let sandbox = Sandbox::new().config(&config).file("old.sql", old);
    let check = [
        "check",
        "--server",
        "gunicorn",
        "--endpoint",
        "movies",
        "--json",
        "out.json",
    ];
    sandbox
        .run(check)
        .exits(0)
        .prints("WAL is not counted: Postgres is older than 13, or its extension is");
    let report = sandbox.json("out.json");
    let of = |metric| finding(&report, "gunicorn", "movies", metric)["head"].as_f64();
    assert!(of("blocks_per_request").is_some_and(|blocks| blocks > 1.0));
    assert_eq!(of("sql_per_request"), Some(2.0));
    assert_eq!(of("wal_per_request"), None);
}

/// A set-up writes the rows of the one before it again, and takes no more blocks for them.
#[test]
#[ignore = "needs Docker"]
fn servers_that_are_set_up_one_after_the_other_take_the_same_blocks() {
    let _engine = engine();
    let sandbox = fixture();
    let check = [
        "check",
        "--server",
        "gunicorn",
        "granian",
        "--endpoint",
        "movies",
        "--quiet",
        "--json",
        "out.json",
    ];
    sandbox.run(check).exits(0);
    let report = sandbox.json("out.json");
    let of = |server| finding(&report, server, "movies", "blocks_per_request")["head"].as_f64();
    assert!(of("gunicorn").is_some_and(|blocks| blocks > 1.0));
    assert_eq!(of("granian"), of("gunicorn"));
}
