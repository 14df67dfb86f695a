//! A router as far as the source shows.

use super::super::route::Route;

/// Routes, and what stands before those that are added.
#[derive(Debug, Default, Clone)]
pub(super) struct Value {
    pub(super) prefix: String,
    pub(super) routes: Vec<Route>,
    /// Whether it is one path with a handler for each method.
    pub(super) is_resource: bool,
    /// What those that are added are behind.
    guard: String,
}

impl Value {
    /// A scope or a resource of actix.
    pub(super) fn at(path: &str, is_resource: bool) -> Self {
        let slash = if path.is_empty() || path.starts_with('/') {
            ""
        } else {
            "/"
        };
        Self {
            prefix: format!("{slash}{path}"),
            is_resource,
            ..Self::default()
        }
    }

    pub(super) fn route(&mut self, file: usize, path: &str, is_get: bool, words: &str) {
        let route = Route {
            file,
            path: format!("{}{path}", self.prefix),
            is_get,
            words: format!("{words} {}", self.guard),
        };
        self.routes.push(route);
    }

    /// Another one below a path: its own root is the path itself.
    pub(super) fn nest(&mut self, path: &str, inner: Self) {
        let path = path.trim_end_matches('/');
        for route in inner.routes {
            let below = if route.path == "/" && !path.is_empty() {
                ""
            } else {
                &route.path
            };
            self.routes.push(Route {
                path: format!("{}{path}{below}", self.prefix),
                words: format!("{} {}", route.words, self.guard),
                ..route
            });
        }
    }

    /// Puts all routes so far behind something, and those to come as well where it is around all.
    pub(super) fn guard(&mut self, name: &str, is_around_all: bool) {
        for route in &mut self.routes {
            route.is_guarded_by(name);
        }
        if is_around_all {
            self.guard = format!("{} {name}", self.guard);
        }
    }

    /// Another one with its own paths.
    pub(super) fn add(&mut self, inner: Self) {
        let prefix = self.prefix.trim_end_matches('/').to_owned();
        let guard = self.guard.clone();
        let below = |route: Route| Route {
            path: format!("{prefix}{}", route.path),
            words: format!("{} {guard}", route.words),
            ..route
        };
        self.routes.extend(inner.routes.into_iter().map(below));
    }
}
