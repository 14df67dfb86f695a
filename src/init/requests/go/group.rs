//! Parts of routers in Go, and what makes a router.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

/// Calls, with what their result is kept in.
const CALLED: &str =
    r"(?:(?P<target>[A-Za-z_][\w.]*)\s*:?=\s*&?)?\b(?P<callee>[A-Za-z_]\w*(?:\.\w+)*)(?P<open>\()";
/// What makes a router.
const MADE: &str = r"^(?:gin|echo|chi|fiber|mux|http|httprouter|iris|routing|bone|pat|web|goji|macaron)\.(?:Default|New|NewRouter|NewMux|NewServeMux|Classic)$";

pub(super) static CALL: LazyLock<Regex> = LazyLock::new(|| Regex::new(CALLED).expect("a constant"));
static MAKER: LazyLock<Regex> = LazyLock::new(|| Regex::new(MADE).expect("a constant"));

/// A router, or a part of one below a path.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group {
    pub(super) prefix: String,
    /// Words of what is asked before its routes.
    pub(super) guard: String,
}

/// The routers of a function by the names of its variables; without one a variable is some other router.
pub(super) type Scope = BTreeMap<String, Option<Group>>;

impl Group {
    /// A part of it below a path, as frameworks join them.
    pub(super) fn with(&self, path: &str, guard: &str) -> Self {
        let prefix = self.prefix.trim_end_matches('/');
        let joint = if path.is_empty() || path.starts_with('/') {
            ""
        } else {
            "/"
        };
        Self {
            prefix: format!("{prefix}{joint}{path}"),
            guard: format!("{}{guard}", self.guard),
        }
    }
}

/// Whether a function by this name makes a router.
pub(super) fn is_maker(callee: &str) -> bool {
    MAKER.is_match(callee)
}

/// Whether a text makes one.
pub(super) fn makes_router(body: &str) -> bool {
    let mut calls = CALL.captures_iter(body);
    calls.any(|it| is_maker(&it["callee"]))
}
