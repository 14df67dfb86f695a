use crate::support::Sandbox;
use crate::{healthy, sample};

/// The sample service twice: as it is, and burning CPU time for every request.
fn two_servers() -> Sandbox {
    let (fast, slow) = (sample("0", "0", "0"), sample("2", "0", "0"));
    let (slow, _) = slow.split_once("[endpoint").expect("endpoints");
    let (fast, rest) = fast.split_once("[endpoint").expect("endpoints");
    let slow = slow.replace("[server.sample]", "[server.slow]\ninterface = \"none\"");
    let rest = rest.replace("rounds      = 3", "rounds      = 6");
    Sandbox::new()
        .config(&format!("{slow}\n{fast}\n[endpoint{rest}"))
        .without_docker()
}

#[test]
fn the_faster_server_ranks_first_in_every_format() {
    let sandbox = two_servers();
    let words = [
        "rank",
        "--json",
        "out.json",
        "--markdown",
        "out.md",
        "--html",
        "out.html",
    ];
    sandbox
        .run(words)
        .exits(0)
        .prints("2 servers side by side")
        .prints("closed by server");
    let ranking = sandbox.json("out.json");
    let standings = &ranking["tables"][0]["standings"];
    assert_eq!(standings[0]["server"], "sample");
    assert_eq!(
        (&standings[0]["rank"], &standings[1]["rank"]),
        (&1.into(), &2.into())
    );
    assert_eq!(standings[1]["interface"], "none");
    assert_eq!(standings[0]["rounds"], 6);
    assert!(sandbox.read("out.md").contains("| 2 | slow | none |"));
    let page = sandbox.read("out.html");
    assert!(
        page.starts_with("<!DOCTYPE html>") && page.contains("<td>slow</td>"),
        "{page}"
    );
    assert_eq!(page.matches("<script").count(), 1, "its own");
    assert!(
        !page.contains("http:") && !page.contains("https:") && !page.contains("src="),
        "it fetches nothing"
    );
}

#[test]
fn a_server_that_fails_is_named_and_the_others_are_ranked() {
    let config = two_servers().read("perfgate.toml");
    let broken = config.replacen("\"--listen\"", "\"nothing\", \"--listen\"", 1);
    let sandbox = Sandbox::new().config(&broken).without_docker();
    sandbox
        .run(["rank", "--json", "out.json"])
        .exits(4)
        .prints("slow FAILED (start)")
        .prints("unexpected argument 'nothing'");
    let ranking = sandbox.json("out.json");
    assert_eq!(ranking["incidents"][0]["server"], "slow");
    assert_eq!(ranking["footprints"].as_array().map(Vec::len), Some(1));
}

#[test]
fn an_unknown_proxy_is_an_error_that_names_it() {
    healthy()
        .run(["rank", "--behind", "cady"])
        .exits(2)
        .complains("cannot find proxy `cady`");
}
