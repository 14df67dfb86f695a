//! Requests that were found → the few to begin with, each with a name of its own.

use std::collections::{BTreeMap, BTreeSet};

/// Endpoints to begin with: each takes a share of the time that a check has.
const MOST: usize = 8;
/// Letters of a name that is made up.
const LONGEST: usize = 60;
/// Segments of paths that distinguish nothing.
const PREFIXES: [&str; 4] = ["api", "v1", "v2", "v3"];
/// Last segments of paths that say whether a server is up.
const HEALTH: [&str; 15] = [
    "health",
    "healthz",
    "healthcheck",
    "health-check",
    "health_check",
    "live",
    "livez",
    "liveness",
    "alive",
    "ready",
    "readyz",
    "readiness",
    "ping",
    "up",
    "heartbeat",
];

/// A request as `[endpoint.NAME]` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::init) struct Endpoint {
    pub(in crate::init) name: String,
    pub(in crate::init) method: &'static str,
    /// A request target.
    pub(in crate::init) path: String,
    pub(in crate::init) headers: Vec<(String, String)>,
    pub(in crate::init) body: Option<String>,
    pub(in crate::init) status: u16,
    /// What it belongs to in its document, such as a tag.
    pub(super) group: String,
}

/// Why a request of a file is not among the endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::init) enum LeftOut {
    TooMany,
    NoValue,
    Login,
    Deprecated,
    Endless,
    Secret,
    Failed,
    Body,
    Method,
}

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) with_login: Vec<Endpoint>,
    pub(super) left_out: BTreeMap<LeftOut, usize>,
}

/// What of it is taken.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) with_login: Vec<Endpoint>,
    pub(super) left_out: BTreeMap<LeftOut, usize>,
}

impl Endpoint {
    /// A GET that is answered by 200.
    pub(in crate::init) fn get(name: &str, path: &str) -> Self {
        Self {
            name: name.to_owned(),
            method: "GET",
            path: path.to_owned(),
            headers: Vec::new(),
            body: None,
            status: 200,
            group: String::new(),
        }
    }

    fn is_health(&self) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        let last = path.trim_end_matches('/').rsplit('/').next();
        last.is_some_and(|it| HEALTH.contains(&it.to_lowercase().as_str()))
    }
}

impl LeftOut {
    /// How many were left out for which reasons.
    pub(in crate::init) fn list(counts: &BTreeMap<Self, usize>) -> String {
        let words = |(why, count): (&Self, &usize)| format!("{count} {}", why.reason());
        counts.iter().map(words).collect::<Vec<_>>().join(", ")
    }

    const fn reason(self) -> &'static str {
        match self {
            Self::TooMany => "more like these",
            Self::NoValue => "without an example of a required value",
            Self::Login => "behind a login",
            Self::Deprecated => "deprecated",
            Self::Endless => "of streams or of the document itself",
            Self::Secret => "with what may be a secret",
            Self::Failed => "answered by a failure",
            Self::Body => "with a body that is large or no text",
            Self::Method => "of other methods",
        }
    }
}

impl Found {
    pub(super) fn leave_out(&mut self, why: LeftOut) {
        *self.left_out.entry(why).or_default() += 1;
    }
}

impl Choice {
    /// The first `MOST` requests; of those that need a login as many as there is room for then.
    pub(super) fn from_found(mut found: Found, health: Option<&str>) -> Self {
        let health = health.map(|path| {
            let same = found.endpoints.iter().position(|it| it.path == path);
            let same = same.map(|position| found.endpoints.remove(position));
            let name = "health".to_owned();
            Endpoint {
                name,
                ..same.unwrap_or_else(|| Endpoint::get("", path))
            }
        });
        let mut names = BTreeSet::new();
        let mut endpoints = ordered(found.endpoints, health);
        let more = endpoints.len().saturating_sub(MOST);
        endpoints.truncate(MOST);
        named(&mut endpoints, &mut names);
        let mut with_login = ordered(found.with_login, None);
        let more_with_login = with_login.len().saturating_sub(MOST - endpoints.len());
        with_login.truncate(MOST - endpoints.len());
        named(&mut with_login, &mut names);
        let mut left_out = found.left_out;
        for (why, count) in [(LeftOut::TooMany, more), (LeftOut::Login, more_with_login)] {
            if count > 0 {
                *left_out.entry(why).or_default() += count;
            }
        }
        Self {
            endpoints,
            with_login,
            left_out,
        }
    }
}

/// Health first, for the first endpoint says when a server is up; then one of each group in turn. More of
/// health comes last: it asks little of a server.
fn ordered(endpoints: Vec<Endpoint>, health: Option<Endpoint>) -> Vec<Endpoint> {
    let mut needs_health = health.is_none();
    let mut of_group: BTreeMap<String, usize> = BTreeMap::new();
    let mut ranked = Vec::with_capacity(endpoints.len());
    for endpoint in endpoints {
        let rank = match (endpoint.is_health(), needs_health) {
            (true, true) => {
                needs_health = false;
                0
            }
            (true, false) => usize::MAX,
            (false, _) => {
                let turn = of_group.entry(endpoint.group.clone()).or_default();
                *turn += 1;
                *turn
            }
        };
        ranked.push((rank, endpoint));
    }
    // Stable: equal ones stay in the order of the file.
    ranked.sort_by_key(|(rank, _)| *rank);
    let ranked = ranked.into_iter().map(|(_, endpoint)| endpoint);
    health.into_iter().chain(ranked).collect()
}

/// Gives every endpoint a name that no other has.
fn named(endpoints: &mut [Endpoint], taken: &mut BTreeSet<String>) {
    for endpoint in endpoints {
        let mut name = endpoint.name.clone();
        let mut number = 1;
        while !taken.insert(name.clone()) {
            number += 1;
            name = format!("{}-{number}", endpoint.name);
        }
        endpoint.name = name;
    }
}

/// A name that may stand as a key: the words of a path.
pub(super) fn name_of(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let segments = path.split('/').map(slug).filter(|it| !it.is_empty());
    let segments = segments.skip_while(|it| PREFIXES.contains(&it.as_str()));
    let mut name = segments.collect::<Vec<_>>().join("-");
    // Its letters are all of ASCII.
    name.truncate(LONGEST);
    match name.trim_end_matches('-') {
        "" => "home".into(),
        name => name.to_owned(),
    }
}

fn slug(segment: &str) -> String {
    let letter = |it: char| {
        let is_plain = it.is_ascii_alphanumeric() || it == '_';
        if is_plain {
            it.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let letters: String = segment.chars().map(letter).collect();
    let words = letters.split('-').filter(|it| !it.is_empty());
    words.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(paths: &[(&str, &str)]) -> Found {
        let endpoint = |(path, group): &(&str, &str)| Endpoint {
            group: (*group).to_owned(),
            ..Endpoint::get(&name_of(path), path)
        };
        Found {
            endpoints: paths.iter().map(endpoint).collect(),
            ..Found::default()
        }
    }

    fn paths(endpoints: &[Endpoint]) -> Vec<&str> {
        endpoints.iter().map(|it| it.path.as_str()).collect()
    }

    #[test]
    fn names_are_the_words_of_paths() {
        for (path, name) in [
            ("/", "home"),
            ("/api/v1/", "home"),
            ("/api/v2/movies/{movie_id}/", "movies-movie_id"),
            ("/Shop.Orders/42?x=1", "shop-orders-42"),
            ("/%E4%B8%AD/[\"]\n", "e4-b8-ad"),
            ("/中", "home"),
        ] {
            assert_eq!(name_of(path), name, "{path}");
        }
        assert_eq!(name_of(&format!("/{}", "x".repeat(200))).len(), LONGEST);
    }

    #[test]
    fn health_comes_first_and_then_one_of_each_group() {
        let all = [
            ("/a", "a"),
            ("/a/more", "a"),
            ("/readyz", "ops"),
            ("/b", "b"),
            ("/ping", "ops"),
        ];
        let choice = Choice::from_found(found(&all), None);
        let expected = ["/readyz", "/a", "/b", "/a/more", "/ping"];
        assert_eq!(paths(&choice.endpoints), expected);
        let choice = Choice::from_found(found(&all), Some("/b"));
        let expected = ["/b", "/a", "/a/more", "/readyz", "/ping"];
        assert_eq!(paths(&choice.endpoints), expected);
        assert_eq!(choice.endpoints[0].name, "health");
        let choice = Choice::from_found(found(&all), Some("/up"));
        assert_eq!(choice.endpoints.len(), 6);
    }

    #[test]
    fn few_are_taken_and_no_two_of_one_name() {
        let all: Vec<_> = (0..10).map(|_| ("/health", "")).collect();
        let mut found = found(&all);
        found.with_login = found.endpoints.clone();
        let choice = Choice::from_found(found, Some("/up"));
        let names: BTreeSet<_> = choice.endpoints.iter().map(|it| &it.name).collect();
        assert_eq!(names.len(), MOST);
        assert!(choice.with_login.is_empty());
        assert_eq!(
            LeftOut::list(&choice.left_out),
            "3 more like these, 10 behind a login"
        );
    }
}
