//! Counters of single requests as the data grow.

use serde_json::Value;

use crate::support::{Sandbox, finding};
use crate::{configuration, engine, with_own_django};

const VIEW: &str = "django/demo/api.py";
const LIMITED: &str = "    return movies.select_related(\"director\")\n";
/// The page is cut in Python.
const UNLIMITED: &str = "    return list(movies.select_related(\"director\"))\n";
const CHECK: [&str; 9] = [
    "check",
    "--server",
    "gunicorn",
    "--endpoint",
    "movies",
    "--no-profile",
    "--quiet",
    "--json",
    "out.json",
];

/// The fixture's service in a folder of its own, with more movies at each size.
fn growing(growth: &str) -> Sandbox {
    let config = configuration().replace("[redis]\n", &format!("[growth]\n{growth}\n\n[redis]\n"));
    assert!(config.contains(growth), "{config}");
    with_own_django(&config)
}

fn order<'a>(report: &'a Value, of: &str) -> &'a Value {
    finding(report, "gunicorn", "movies", &format!("{of}_growth_order"))
}

#[test]
#[ignore = "needs Docker"]
fn a_limit_that_is_lost_is_found_by_how_its_rows_grow() {
    let _engine = engine();
    let sandbox =
        growing("rows = { demo_movie = [500, 2000, 8000], demo_director = [50, 100, 200] }");
    let sandbox = sandbox.committed();
    sandbox.run(CHECK).exits(0);
    let report = sandbox.json("out.json");
    for of in ["sql", "rows", "blocks", "bytes", "redis_commands"] {
        let same = order(&report, of);
        assert_eq!(same["verdict"], "pass", "{same}");
        assert_eq!(same["base"], same["head"], "{same}");
    }
    let view = std::fs::read_to_string(sandbox.path(VIEW)).expect("the fixture's view");
    assert!(view.contains(LIMITED), "{view}");
    let sandbox = sandbox.file(VIEW, &view.replace(LIMITED, UNLIMITED));
    sandbox
        .run(CHECK)
        .exits(1)
        .prints("rows_growth_order")
        .prints("data of 550, 2100, 8200: 21, 21, 21 → 500, 2000, 8000");
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

#[test]
#[ignore = "needs Docker"]
fn data_that_cannot_grow_are_said_with_their_table() {
    let _engine = engine();
    let sandbox = growing("rows = { nowhere = [500, 2000] }").committed();
    sandbox
        .run(CHECK)
        .exits(4)
        .prints("cannot grow the table `nowhere`: the database has no such table");
    let sandbox = growing("rows = { demo_movie = [100, 2000] }").committed();
    sandbox
        .run(CHECK)
        .exits(4)
        .prints("it has 500 rows already");
}

#[test]
#[ignore = "needs Docker"]
fn a_command_of_the_server_makes_the_data_grow() {
    let _engine = engine();
    let movies = "from demo.models import Movie; \
                  Movie.objects.bulk_create([Movie(title=f'More {n}', year=2000, runtime_minutes=90, \
                  director_id=1) for n in range(Movie.objects.count(), {scale})])";
    let growth = format!(
        "command = [\"python\", \"manage.py\", \"shell\", \"-c\", \"{movies}\"]\nsizes = [600, 2400]"
    );
    let sandbox = growing(&growth).committed();
    sandbox.run(CHECK).exits(0);
    let report = sandbox.json("out.json");
    let blocks = order(&report, "blocks");
    assert_eq!(blocks["verdict"], "pass", "{blocks}");
    let sizes: Vec<_> = blocks["sizes"].as_array().expect("sizes").iter().collect();
    assert_eq!(
        (&sizes[0]["size"], &sizes[1]["size"]),
        (&600.into(), &2400.into())
    );
    let at = |size: &Value| size["head"].as_f64().expect("blocks");
    assert!(
        at(sizes[1]) > at(sizes[0]),
        "the pages are counted: {blocks}"
    );
}
