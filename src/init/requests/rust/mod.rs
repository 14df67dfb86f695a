//! Source files in Rust → the GET routes that their routers spell out, below the paths that these are nested
//! under: routers of axum and poem, applications and scopes of actix, mounts of Rocket.

mod source;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeSet;
use std::path::PathBuf;

use syn::visit::{self, Visit};
use syn::{Block, Expr, ExprCall, ExprMethodCall, FnArg, Pat, Stmt};

use super::route::{Route, UNKNOWN};
use source::{Source, names_in};
use value::Value;

/// Routers within one another, and evaluations of functions in all.
const DEEPEST: usize = 12;
const MOST: usize = 5_000;
/// What makes an empty router.
const MADE: [&str; 6] = [
    "ApiRouter",
    "App",
    "OpenApiRouter",
    "Route",
    "Router",
    "rocket",
];
/// Functions of a router's name that make one.
const MAKES: [&str; 5] = ["build", "custom", "default", "new", "with_state"];
/// Parts of the names of layers that let nobody in without a login.
const GUARDS: [&str; 5] = ["auth", "jwt", "login", "claims", "bearer"];

/// The routes of some files; nothing of one that is no Rust.
pub(super) fn routes(files: &[(PathBuf, String)]) -> Vec<Route> {
    let source = Source::parse(files);
    let mut reader = Reader {
        source: &source,
        called: BTreeSet::new(),
        registered: BTreeSet::new(),
        known: vec![None; source.functions.len()],
        open: BTreeSet::new(),
        evaluated: 0,
    };
    let functions = 0..source.functions.len();
    let all: Vec<_> = functions.map(|it| reader.function(it, &[])).collect();
    let outermost = all.into_iter().enumerate();
    let outermost = outermost.filter(|(at, _)| !reader.called.contains(at));
    let mut found: Vec<Route> = outermost
        .flat_map(|(_, body)| body.result.into_iter().chain(body.loose))
        .flat_map(|value| value.routes)
        .collect();
    // Handlers that nothing is seen to register have no prefix where nothing has one.
    let has_prefixes = files
        .iter()
        .any(|(_, text)| text.contains("scope(") || text.contains(".mount("));
    if !has_prefixes {
        let functions = (0..source.functions.len()).filter(|it| !reader.registered.contains(it));
        found.extend(functions.filter_map(|it| source.handler(it)));
    }
    found
}

/// What a function makes.
#[derive(Default, Clone)]
struct Body {
    /// What it answers.
    result: Option<Value>,
    /// Routers that it hands to something else, such as a server.
    loose: Vec<Value>,
}

/// The variables of a function that are routers.
#[derive(Default)]
struct Scope {
    function: usize,
    values: Vec<(String, Value, bool)>,
    /// A variable that is filled for the caller.
    filled: Option<String>,
    loose: Vec<Value>,
}

impl Scope {
    fn set(&mut self, name: String, value: Value) {
        self.values.retain(|(known, ..)| *known != name);
        self.values.push((name, value, false));
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let found = self.values.iter_mut().find(|(known, ..)| known == name)?;
        found.2 = true;
        Some(found.1.clone())
    }
}

struct Reader<'a> {
    source: &'a Source,
    /// Functions whose routers others have.
    called: BTreeSet<usize>,
    /// Handlers that a router has.
    registered: BTreeSet<usize>,
    /// What functions make that get no router.
    known: Vec<Option<Body>>,
    /// Functions that are being evaluated.
    open: BTreeSet<usize>,
    evaluated: usize,
}

impl Reader<'_> {
    fn function(&mut self, at: usize, arguments: &[Option<Value>]) -> Body {
        let is_plain = arguments.iter().all(Option::is_none);
        if let Some(known) = self.known[at].as_ref().filter(|_| is_plain) {
            return known.clone();
        }
        self.evaluated += 1;
        if self.evaluated > MOST || self.open.len() == DEEPEST || !self.open.insert(at) {
            return Body::default();
        }
        let body = self.evaluate(at, arguments);
        self.open.remove(&at);
        if is_plain {
            self.known[at] = Some(body.clone());
        }
        body
    }

    fn evaluate(&mut self, at: usize, arguments: &[Option<Value>]) -> Body {
        let function = &self.source.functions[at];
        let mut scope = Scope {
            function: at,
            ..Scope::default()
        };
        for (number, input) in function.signature.inputs.iter().enumerate() {
            let FnArg::Typed(input) = input else { continue };
            let Some(name) = name_of(&input.pat) else {
                continue;
            };
            let mut names = names_in(|it| it.visit_type(&input.ty)).into_iter();
            if names.any(|it| it == "ServiceConfig") {
                scope.set(name.clone(), Value::default());
                scope.filled = Some(name);
            } else if let Some(Some(value)) = arguments.get(number) {
                scope.set(name, value.clone());
            }
        }
        let result = self.block(&function.block, &mut scope);
        let filled = scope.filled.clone().and_then(|it| scope.take(&it));
        let unused = scope.values.into_iter().filter(|(.., is_used)| !is_used);
        let unused = unused.map(|(_, value, _)| value);
        Body {
            result: result.or(filled),
            loose: scope.loose.into_iter().chain(unused).collect(),
        }
    }

    /// What a block answers.
    fn block(&mut self, block: &Block, scope: &mut Scope) -> Option<Value> {
        for (number, statement) in block.stmts.iter().enumerate() {
            let is_last = number + 1 == block.stmts.len();
            match statement {
                Stmt::Local(local) => {
                    let Some(init) = &local.init else { continue };
                    match (name_of(&local.pat), self.value(&init.expr, scope)) {
                        (Some(name), Some(value)) => scope.set(name, value),
                        (_, None) => self.within(&init.expr, scope),
                        (None, Some(value)) => scope.loose.push(value),
                    }
                }
                Stmt::Expr(expr, None) if is_last => {
                    let value = self.value(expr, scope);
                    if value.is_none() {
                        self.within(expr, scope);
                    }
                    return value;
                }
                Stmt::Expr(Expr::Return(it), _) => {
                    return it.expr.as_ref().and_then(|it| self.value(it, scope));
                }
                Stmt::Expr(Expr::Assign(assign), _) => {
                    let value = self.value(&assign.right, scope);
                    if let (Some(name), Some(value)) = (variable(&assign.left), value) {
                        scope.set(name, value);
                    }
                }
                Stmt::Expr(expr, _) => self.statement(expr, scope),
                _ => {}
            }
        }
        None
    }

    /// A call that fills a variable, or something with routers in it.
    fn statement(&mut self, expr: &Expr, scope: &mut Scope) {
        let filled = first_of(expr).filter(|it| scope.filled.as_ref() == Some(it));
        match filled {
            Some(name) => {
                if let Some(value) = self.value(expr, scope) {
                    scope.set(name, value);
                }
            }
            None => self.within(expr, scope),
        }
    }

    /// Keeps the routers in an expression that is none itself.
    fn within(&mut self, expr: &Expr, scope: &mut Scope) {
        if let Expr::Async(it) = expr {
            let value = self.block(&it.block, scope);
            return scope.loose.extend(value);
        }
        if let Some(value) = self.value(expr, scope) {
            return scope.loose.push(value);
        }
        let mut children = Children(Vec::new());
        visit::visit_expr(&mut children, expr);
        for child in children.0 {
            self.within(child, scope);
        }
    }

    /// The router that an expression is.
    fn value(&mut self, expr: &Expr, scope: &mut Scope) -> Option<Value> {
        match expr {
            Expr::Paren(it) => self.value(&it.expr, scope),
            Expr::Group(it) => self.value(&it.expr, scope),
            Expr::Reference(it) => self.value(&it.expr, scope),
            Expr::Try(it) => self.value(&it.expr, scope),
            Expr::Await(it) => self.value(&it.base, scope),
            Expr::Block(it) => self.block(&it.block, scope),
            Expr::Path(_) => scope.take(&variable(expr)?),
            Expr::Call(call) => self.call(call, scope),
            Expr::MethodCall(call) => self.method(call, scope),
            _ => None,
        }
    }

    fn call(&mut self, call: &ExprCall, scope: &mut Scope) -> Option<Value> {
        let Expr::Path(path) = call.func.as_ref() else {
            return None;
        };
        let names: Vec<_> = path
            .path
            .segments
            .iter()
            .map(|it| it.ident.to_string())
            .collect();
        let (last, before) = names.split_last()?;
        let text = || call.args.first().and_then(|it| self.source.text(it));
        match (before.last().map(String::as_str), last.as_str()) {
            (Some(made), makes) if MADE.contains(&made) && MAKES.contains(&makes) => {
                Some(Value::default())
            }
            (None | Some("web"), "scope") => text().map(|it| Value::at(&it, false)),
            (None | Some("web"), "resource") => text().map(|it| Value::at(&it, true)),
            _ => {
                let at = self.source.find(scope.function, &names)?;
                let arguments: Vec<_> = call.args.iter().map(|it| self.value(it, scope)).collect();
                self.called(at, &arguments)
            }
        }
    }

    fn called(&mut self, at: usize, arguments: &[Option<Value>]) -> Option<Value> {
        let result = self.function(at, arguments).result;
        if result.is_some() {
            self.called.insert(at);
        }
        result
    }

    fn method(&mut self, call: &ExprMethodCall, scope: &mut Scope) -> Option<Value> {
        let Some(mut value) = self.value(&call.receiver, scope) else {
            // A router may be made by a method of something else.
            let name = call.method.to_string();
            let at = self.source.find(scope.function, &[name])?;
            let is_method = self.source.functions[at].signature.receiver().is_some();
            return is_method.then(|| self.called(at, &[])).flatten();
        };
        let arguments: Vec<_> = call.args.iter().collect();
        match (call.method.to_string().as_str(), arguments.as_slice()) {
            ("route" | "api_route" | "at", [path, handler]) => {
                if let Some(path) = self.source.text(path) {
                    self.add(&mut value, &path, handler, gets(handler), scope);
                }
            }
            ("route", [handler]) if value.is_resource => {
                self.add(&mut value, "", handler, gets(handler), scope);
            }
            ("to", [handler]) if value.is_resource => {
                self.add(&mut value, "", handler, true, scope);
            }
            ("nest" | "nest_api_service", [path, router]) => {
                let inner = self.value(router, scope);
                if let Some((path, inner)) = self.source.text(path).zip(inner) {
                    value.nest(&path, inner);
                }
            }
            ("mount", [path, routes]) => {
                let path = self.source.text(path);
                let handlers = self.mounted(routes, scope);
                if let Some(path) = path {
                    value.nest(&path, handlers);
                }
            }
            ("merge" | "service" | "push", [inner]) => {
                let inner = self
                    .value(inner, scope)
                    .or_else(|| self.handler(inner, scope));
                if let Some(inner) = inner {
                    value.add(inner);
                }
            }
            ("configure", [inner]) => {
                let at = path_of(inner).and_then(|it| self.source.find(scope.function, &it));
                let inner = at.and_then(|it| self.called(it, &[]));
                if let Some(inner) = inner {
                    value.add(inner);
                }
            }
            ("layer" | "route_layer" | "wrap" | "wrap_fn" | "with", [layer]) => {
                let names = names_in(|it| it.visit_expr(layer));
                if let Some(name) = names.into_iter().find(|it| is_guard(it)) {
                    value.guard(&name, call.method == "wrap");
                }
            }
            _ => {}
        }
        Some(value)
    }

    /// Handlers of `routes![...]`.
    fn mounted(&mut self, routes: &Expr, scope: &Scope) -> Value {
        let mut value = Value::default();
        for path in source::listed(routes) {
            let at = self.source.find(scope.function, &path);
            if let Some((at, route)) = at.and_then(|it| Some((it, self.source.handler(it)?))) {
                self.registered.insert(at);
                value.routes.push(route);
            }
        }
        value
    }

    /// A handler with an attribute that is its route.
    fn handler(&mut self, expr: &Expr, scope: &Scope) -> Option<Value> {
        let at = self.source.find(scope.function, &path_of(expr)?)?;
        let route = self.source.handler(at)?;
        self.registered.insert(at);
        let mut value = Value::default();
        value.routes.push(route);
        Some(value)
    }

    /// Adds what a handler answers: its path, and what it asks for.
    fn add(&self, value: &mut Value, path: &str, handler: &Expr, is_get: bool, scope: &Scope) {
        let mut words = names_in(|it| it.visit_expr(handler));
        let mut paths = Paths(Vec::new());
        paths.visit_expr(handler);
        let mut path = path.to_owned();
        let functions = paths.0.iter();
        for at in functions.filter_map(|it| self.source.find(scope.function, it)) {
            words.extend(self.source.asked(at));
            if self.source.needs_query(at) && !path.ends_with(UNKNOWN) {
                path.push_str(UNKNOWN);
            }
        }
        let file = self.source.functions[scope.function].file;
        value.route(file, &path, is_get, &words.join(" "));
    }
}

/// Whether a handler, or a chain of several, answers GET.
fn gets(expr: &Expr) -> bool {
    match expr {
        Expr::Call(call) => {
            let names = path_of(&call.func).unwrap_or_default();
            let name = names.last().map_or("", String::as_str);
            // One by itself is for every method.
            ["any", "get", "get_service", "get_with"].contains(&name)
                || name == "route" && call.args.is_empty()
        }
        Expr::MethodCall(call) => {
            ["get", "get_with"].contains(&call.method.to_string().as_str()) || gets(&call.receiver)
        }
        _ => false,
    }
}

/// Whether a layer is called like one that asks for a login; a header field of this name is none.
fn is_guard(name: &str) -> bool {
    let name = name.to_lowercase();
    name != "authorization" && GUARDS.iter().any(|it| name.contains(it))
}

fn path_of(expr: &Expr) -> Option<Vec<String>> {
    let Expr::Path(path) = expr else { return None };
    Some(
        path.path
            .segments
            .iter()
            .map(|it| it.ident.to_string())
            .collect(),
    )
}

/// The name of a variable.
fn variable(expr: &Expr) -> Option<String> {
    let Expr::Path(path) = expr else { return None };
    path.path.get_ident().map(ToString::to_string)
}

/// The variable that a chain of calls begins with.
fn first_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::MethodCall(call) => first_of(&call.receiver),
        _ => variable(expr),
    }
}

fn name_of(pattern: &Pat) -> Option<String> {
    match pattern {
        Pat::Ident(it) => Some(it.ident.to_string()),
        Pat::Type(it) => name_of(&it.pat),
        _ => None,
    }
}

/// The expressions right below one.
struct Children<'a>(Vec<&'a Expr>);

impl<'a> Visit<'a> for Children<'a> {
    fn visit_expr(&mut self, expr: &'a Expr) {
        self.0.push(expr);
    }
}

/// Every path in an expression.
struct Paths(Vec<Vec<String>>);

impl<'a> Visit<'a> for Paths {
    fn visit_path(&mut self, path: &'a syn::Path) {
        self.0.push(
            path.segments
                .iter()
                .map(|it| it.ident.to_string())
                .collect(),
        );
    }
}
