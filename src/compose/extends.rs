//! Services → the same with what they extend, of this file and of others.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::interpolation::Variables;
use super::merge::merge;
use super::node::{Kind, Map, Node};
use super::paths::{folder_of, joined};
use super::problem::{Problem, suggestion};
use super::project::{LONGEST_CHAIN, Loader};

/// A file whose services are extended.
struct Scope<'a> {
    path: &'a Path,
    services: &'a Map,
    /// Services of the files before it.
    earlier: Option<&'a Map>,
    variables: &'a Variables<'a>,
}

impl Loader<'_> {
    /// Every service with what it extends.
    pub(super) fn extend_all(
        &mut self,
        file: &mut Node,
        path: &Path,
        whole: &Node,
        variables: &Variables<'_>,
    ) -> Result<(), Problem> {
        let services = file.get("services").and_then(Node::as_map).cloned();
        let Some(services) =
            services.filter(|it| it.values().any(|it| it.get("extends").is_some()))
        else {
            return Ok(());
        };
        let scope = Scope {
            path,
            services: &services,
            earlier: whole.get("services").and_then(Node::as_map),
            variables,
        };
        let mut all = Map::new();
        for (name, service) in &services {
            let service = self.extended(service, name, &scope, &mut Vec::new())?;
            all.insert(name.clone(), service);
        }
        if let Some(services) = file.as_map_mut().and_then(|it| it.get_mut("services")) {
            services.kind = Kind::Map(all);
        }
        Ok(())
    }

    fn extended(
        &mut self,
        service: &Node,
        name: &str,
        scope: &Scope<'_>,
        chain: &mut Vec<(PathBuf, String)>,
    ) -> Result<Node, Problem> {
        let Some(extends) = service.get("extends") else {
            return Ok(service.clone());
        };
        let here = (scope.path.to_owned(), name.to_owned());
        if chain.contains(&here) || chain.len() >= LONGEST_CHAIN {
            let message = format!("service `{name}` extends itself");
            return Err(Problem::at(
                extends.mark,
                message,
                "leave one of the `extends` out",
            ));
        }
        chain.push(here);
        let base = self.base_of(extends, scope, chain);
        chain.pop();
        let mut own = service.clone();
        if let Some(own) = own.as_map_mut() {
            own.shift_remove("extends");
        }
        let mut base = match base {
            Ok(base) => base,
            // What `init` cannot find it passes over.
            Err(_) if self.request.is_lenient => return Ok(own),
            Err(problem) => return Err(problem),
        };
        self.count(&base)?;
        base.mark = own.mark;
        merge(&mut base, own);
        Ok(base)
    }

    fn base_of(
        &mut self,
        extends: &Node,
        scope: &Scope<'_>,
        chain: &mut Vec<(PathBuf, String)>,
    ) -> Result<Node, Problem> {
        let text = |key: &str| extends.get(key).and_then(Node::as_text);
        let Some(name) = text("service") else {
            let message = "`extends` names no service";
            return Err(Problem::at(extends.mark, message, "write `service: NAME`"));
        };
        let unknown = |file: &Path, known: &Map| {
            let message = format!("`{}` has no service `{name}` to extend", file.display());
            let hint = suggestion(name, known.keys().map(String::as_str));
            Problem::at(extends.mark, message, &hint)
        };
        let Some(file) = text("file") else {
            let earlier = scope.earlier.and_then(|it| it.get(name));
            let found = scope.services.get(name).or(earlier);
            let base = found.ok_or_else(|| unknown(scope.path, scope.services))?;
            return self.extended(base, name, scope, chain);
        };
        let path = joined(&folder_of(scope.path), file);
        if !self.extended.contains_key(&path) {
            let file = self.file(
                &path,
                &folder_of(&path),
                scope.variables,
                Some(extends.mark),
            )?;
            let services = file.get("services").and_then(Node::as_map).cloned();
            let services = Rc::new(services.unwrap_or_default());
            self.extended.insert(path.clone(), services);
        }
        let services = Rc::clone(&self.extended[&path]);
        let base = services
            .get(name)
            .ok_or_else(|| unknown(&path, &services))?;
        let scope = Scope {
            path: &path,
            services: &services,
            earlier: None,
            variables: scope.variables,
        };
        self.extended(base, name, &scope, chain)
    }
}
