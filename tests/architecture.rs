//! Who may import whom: the table of the crate's layers, what the pure folders must not touch, and
//! that no two files import each other, read from the parsed source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// Each folder of `src` with the folders it may name.
const MAY_IMPORT: [(&str, &[&str]); 26] = [
    ("stats", &[]),
    ("model", &["stats"]),
    ("gate", &["model", "stats"]),
    ("profile", &["model", "stats"]),
    ("report", &["model"]),
    ("publish", &["dial", "model", "report", "secrets"]),
    ("bounded", &[]),
    ("secrets", &[]),
    ("compose", &["bounded"]),
    ("config", &["bounded", "compose", "model", "secrets"]),
    ("dial", &["model"]),
    ("coding", &[]),
    ("unique", &["model"]),
    (
        "stack",
        &[
            "bounded", "coding", "dial", "git", "model", "secrets", "unique",
        ],
    ),
    ("load", &["coding", "dial", "model", "unique"]),
    ("document", &["bounded"]),
    ("import", &["model"]),
    ("git", &["model"]),
    ("baseline", &["dial", "document", "git", "model", "secrets"]),
    (
        "measure",
        &["model", "gate", "profile", "stack", "load", "stats"],
    ),
    (
        "error",
        &[
            "baseline", "config", "document", "git", "import", "load", "measure", "model",
            "publish", "stack",
        ],
    ),
    (
        "app",
        &[
            "baseline", "bounded", "compose", "config", "document", "error", "gate", "git",
            "import", "measure", "model", "profile", "publish", "report", "secrets", "stack",
            "stats",
        ],
    ),
    ("init", &["bounded", "compose", "git", "model", "report"]),
    (
        "cli",
        &[
            "app", "config", "document", "error", "gate", "git", "import", "init", "load",
            "measure", "model", "publish", "report", "secrets", "stack",
        ],
    ),
    ("lib", &[]),
    // Other programs of the package.
    ("bin", &[]),
];

const PURE: [&str; 5] = ["stats", "model", "gate", "profile", "report"];
/// Clock, files, network, environment, other processes and terminal.
const IMPURE: [&str; 17] = [
    "std::fs",
    "std::env",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::time::Instant",
    "std::time::SystemTime::now",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "rand::rng",
    "rand::random",
    "tokio",
    "hyper",
];
/// Other crates that compute and nothing else, for pure folders.
const PURE_CRATES: [&str; 21] = [
    "anstyle",
    "base64",
    "comfy_table",
    "flate2",
    "hdrhistogram",
    "indexmap",
    "jiff",
    "maud",
    "percent_encoding",
    "quick_junit",
    "rand",
    "rand_distr",
    "rustc_demangle",
    "schemars",
    "serde",
    "serde_json",
    "sha2",
    "statrs",
    "textwrap",
    "thiserror",
    "toml",
];
/// Methods of std's types that read a clock or files, whatever the value is called.
const IMPURE_METHODS: [&str; 9] = [
    "canonicalize",
    "elapsed",
    "exists",
    "is_dir",
    "is_file",
    "metadata",
    "read_dir",
    "symlink_metadata",
    "try_exists",
];
const PRINTING: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];

/// Names from the root on: `["crate", "stack", "server"]`, `["std", "fs"]`.
type Names = Vec<String>;

/// What one file names.
#[derive(Default)]
struct File {
    /// Its module.
    module: Names,
    /// What it imports, by the name that it gives to it.
    imports: BTreeMap<String, Names>,
    /// Modules whose every name it imports.
    globs: Vec<Names>,
    /// Every path, as written.
    paths: Vec<Names>,
    macros: BTreeSet<String>,
    /// Methods that it calls.
    methods: BTreeSet<String>,
    /// Fields that it assigns to.
    assigned: BTreeSet<String>,
    /// Literals that are the only argument of a call, with the last two names of what is called.
    called_with: Vec<(String, String)>,
}

/// Every path of a file, but for its tests.
impl<'ast> Visit<'ast> for File {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(it) => &it.attrs,
            syn::Item::Fn(it) => &it.attrs,
            syn::Item::Use(it) => &it.attrs,
            syn::Item::Impl(it) => &it.attrs,
            _ => &Vec::new(),
        };
        if !attributes.iter().any(is_for_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(&Names::new(), &item.tree);
    }

    /// `pub(super)` imports nothing.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|it| it.ident.to_string());
        self.paths.push(names.collect());
        visit::visit_path(self, path);
    }

    /// `<Timestamp>::now` is a path of the type and a path of its own.
    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        if let Some(of) = &path.qself
            && of.position == 0
        {
            let names = path.path.segments.iter().map(|it| it.ident.to_string());
            let names = std::iter::once("<_>".to_owned()).chain(names);
            self.paths.push(names.collect());
        }
        visit::visit_expr_path(self, path);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let (syn::Expr::Path(function), Some(syn::Expr::Lit(literal))) =
            (&*call.func, call.args.first())
            && call.args.len() == 1
        {
            let names: Vec<_> = function.path.segments.iter().collect();
            let last = &names[names.len().saturating_sub(2)..];
            let last: Vec<_> = last.iter().map(|it| it.ident.to_string()).collect();
            let literal = match &literal.lit {
                syn::Lit::Str(text) => text.value(),
                syn::Lit::Int(number) => number.to_string(),
                _ => String::new(),
            };
            self.called_with.push((last.join("::"), literal));
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.methods.insert(call.method.to_string());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_assign(&mut self, assign: &'ast syn::ExprAssign) {
        if let syn::Expr::Field(field) = &*assign.left
            && let syn::Member::Named(name) = &field.member
        {
            self.assigned.insert(name.to_string());
        }
        visit::visit_expr_assign(self, assign);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if let Some(name) = call.path.segments.last() {
            self.macros.insert(name.ident.to_string());
        }
        self.tokens(call.tokens.clone());
    }
}

fn is_for_tests(attribute: &syn::Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else {
        return false;
    };
    list.path.is_ident("cfg") && list.tokens.to_string() == "test"
}

impl File {
    fn parse(module: Names, code: &str) -> Self {
        let mut file = Self {
            module,
            ..Self::default()
        };
        file.visit_file(&syn::parse_file(code).expect("source compiles"));
        file
    }

    fn import(&mut self, above: &Names, tree: &syn::UseTree) {
        let below = |name: &syn::Ident| {
            let mut names = above.clone();
            if name != "self" || names.is_empty() {
                names.push(name.to_string());
            }
            names
        };
        match tree {
            syn::UseTree::Path(it) => self.import(&below(&it.ident), &it.tree),
            syn::UseTree::Name(it) => {
                let names = below(&it.ident);
                let last = names.last().expect("a name").clone();
                self.imports.insert(last, names);
            }
            syn::UseTree::Rename(it) => {
                let name = it.rename.to_string();
                self.imports.insert(name, below(&it.ident));
            }
            syn::UseTree::Glob(_) => self.globs.push(above.clone()),
            syn::UseTree::Group(it) => {
                for tree in &it.items {
                    self.import(above, tree);
                }
            }
        }
    }

    /// Paths among the arguments of a macro, which are not parsed.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path = Names::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 && !path.is_empty() {
                        self.paths.push(std::mem::take(&mut path));
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(it) if it.as_char() == ':' => colons += 1,
                other => {
                    if let TokenTree::Punct(it) = &other
                        && it.as_char() == '!'
                        && let Some(name) = path.last()
                    {
                        self.macros.insert(name.clone());
                    }
                    self.paths.push(std::mem::take(&mut path));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.paths.push(path);
        self.paths.retain(|path| !path.is_empty());
    }

    /// A path from the root on: of this crate, or of another.
    fn absolute(&self, path: &[String]) -> Names {
        let mut here = self.module.clone();
        let mut rest = path;
        while let Some((first, others)) = rest.split_first() {
            match first.as_str() {
                "crate" => here = vec!["crate".into()],
                "self" => (),
                "super" => drop(here.pop()),
                _ => break,
            }
            rest = others;
        }
        if rest.len() < path.len() {
            here.extend_from_slice(rest);
            return here;
        }
        match rest.first().and_then(|name| self.imports.get(name)) {
            Some(import) if *import != path => {
                let mut names = self.absolute(import);
                names.extend_from_slice(&rest[1..]);
                names
            }
            _ => path.to_vec(),
        }
    }

    /// Every path that is named, from the root on.
    fn named(&self) -> impl Iterator<Item = Names> {
        let imports = self.imports.values().chain(&self.globs);
        imports.chain(&self.paths).map(|path| self.absolute(path))
    }

    fn folder(&self) -> &str {
        self.module.get(1).map_or("lib", String::as_str)
    }
}

/// The source, by module.
fn sources() -> BTreeMap<Names, File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src is readable") {
            let path = entry.expect("src is readable").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            if path.is_dir() && name != "tests" {
                folders.push(path);
            } else if name.ends_with(".rs") && name != "tests.rs" && name != "main.rs" {
                let below = path.strip_prefix(&root).expect("below src");
                let names = below.iter().map(|it| it.to_string_lossy());
                let names = names.map(|it| it.trim_end_matches(".rs").to_owned());
                let mut module = vec!["crate".to_owned()];
                module.extend(names.filter(|it| it != "mod" && it != "lib"));
                let code = fs::read_to_string(&path).expect("source is text");
                found.insert(module.clone(), File::parse(module, &code));
            }
        }
    }
    found
}

/// The module whose file defines what a path leads to, through what modules re-export.
fn defined_in(sources: &BTreeMap<Names, File>, path: &Names) -> Option<Names> {
    let module = (1..=path.len())
        .rev()
        .find(|len| sources.contains_key(&path[..*len]))?;
    let (module, rest) = path.split_at(module);
    let Some(name) = rest.first() else {
        return Some(module.to_vec());
    };
    let file = &sources[module];
    match file.imports.get(name) {
        Some(import) => {
            let mut names = file.absolute(import);
            names.extend_from_slice(&rest[1..]);
            (names != *path).then(|| defined_in(sources, &names))?
        }
        None => Some(module.to_vec()),
    }
}

#[test]
fn folders_import_only_what_the_table_allows() {
    let allowed: BTreeMap<_, _> = MAY_IMPORT.into_iter().collect();
    for file in sources().values() {
        let folder = file.folder();
        let allowed = allowed
            .get(folder)
            .unwrap_or_else(|| panic!("`{folder}` is not in the table"));
        for path in file.named().filter(|path| path[0] == "crate") {
            let Some(name) = path.get(1) else { continue };
            let fine = name == folder || folder == "lib" || allowed.contains(&name.as_str());
            assert!(
                fine,
                "{} imports `{name}`: `{folder}` may import {allowed:?}",
                file.module.join("::")
            );
        }
    }
}

#[test]
fn flags_and_exit_codes_are_the_command_lines_own() {
    for file in sources().values() {
        let (folder, name) = (file.folder(), file.module.join("::"));
        let names_clap = file.named().any(|path| path[0] == "clap");
        assert!(!names_clap || folder == "cli", "{name} uses clap");
        let number = file.called_with.iter().find(|(function, literal)| {
            function == "Ok" && literal.parse::<u8>().is_ok() && folder == "cli"
        });
        assert_eq!(number, None, "{name}: exit codes have names");
    }
}

#[test]
fn git_is_run_by_one_folder() {
    let is_git =
        |(function, literal): &(String, String)| function == "Command::new" && literal == "git";
    let callers = sources()
        .into_values()
        .filter(|it| it.called_with.iter().any(is_git));
    let callers: Vec<_> = callers.map(|it| it.module.join("::")).collect();
    assert_eq!(callers, ["crate::git::call"]);
}

/// Whether a path leads into another crate that may do more than compute.
fn is_of_edge(path: &str) -> bool {
    // A single name is a function or a value.
    let name = path.split_once("::").map_or("", |(name, _)| name);
    dependencies().contains(name) && !PURE_CRATES.contains(&name)
}

/// The crates that the manifest names, as code names them.
fn dependencies() -> &'static BTreeSet<String> {
    static NAMES: OnceLock<BTreeSet<String>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let manifest = include_str!("../Cargo.toml");
        let manifest: toml::Table = manifest.parse().expect("a manifest");
        let all = manifest["dependencies"].as_table().expect("a table");
        all.keys().map(|name| name.replace('-', "_")).collect()
    })
}

/// What a pure folder must not touch and this file does.
fn impure(file: &File) -> Option<String> {
    let printing = PRINTING.iter().find(|name| file.macros.contains(**name));
    let named = file.named().map(|path| path.join("::"));
    let touched = named.filter(|path| {
        let below = |it: &&&str| path == **it || path.starts_with(&format!("{it}::"));
        // Whatever a type is called here: those of this crate have no `now`.
        IMPURE.iter().any(|it| below(&it)) || path.ends_with("::now") || is_of_edge(path)
    });
    let globs = file.globs.iter().map(|glob| file.absolute(glob).join("::"));
    let hidden = globs.filter(|glob| {
        let below = format!("{glob}::");
        IMPURE.iter().any(|it| it.starts_with(&below))
    });
    let methods = IMPURE_METHODS
        .iter()
        .filter(|it| file.methods.contains(**it));
    let methods = methods.map(|it| format!(".{it}()"));
    let found = touched.chain(hidden).chain(methods).next();
    found.or_else(|| printing.map(|name| format!("{name}!")))
}

#[test]
fn the_pure_folders_touch_nothing_outside() {
    for file in sources().values() {
        if PURE.contains(&file.folder()) {
            let impure = impure(file);
            let module = file.module.join("::");
            assert!(
                impure.is_none(),
                "{module} uses {}, and it is pure",
                impure.unwrap_or_default()
            );
        }
    }
}

/// Other folders read verdicts and outcomes.
#[test]
fn the_gate_alone_changes_a_verdict() {
    for file in sources().values() {
        let module = file.module.join("::");
        for field in ["verdict", "outcome"] {
            let assigns = file.assigned.contains(field);
            assert!(
                !assigns || file.folder() == "gate",
                "{module} assigns to `{field}`"
            );
        }
    }
}

#[test]
fn no_two_files_import_each_other() {
    let sources = sources();
    let mut imports: BTreeMap<&Names, BTreeSet<Names>> = BTreeMap::new();
    for (module, file) in &sources {
        let named = file.named().filter(|path| path[0] == "crate");
        let defined = named.filter_map(|path| defined_in(&sources, &path));
        imports.insert(module, defined.filter(|it| it != module).collect());
    }
    let reached = |from: &Names| {
        let mut reached: BTreeSet<Names> = BTreeSet::new();
        let mut next: Vec<Names> = imports[from].iter().cloned().collect();
        while let Some(module) = next.pop() {
            if reached.insert(module.clone()) {
                next.extend(imports[&module].iter().cloned());
            }
        }
        reached
    };
    let reached: BTreeMap<&Names, BTreeSet<Names>> = sources
        .keys()
        .map(|module| (module, reached(module)))
        .collect();
    let mut circles: BTreeSet<Vec<String>> = BTreeSet::new();
    for (module, others) in &reached {
        if others.contains(*module) {
            let circle = others
                .iter()
                .filter(|other| reached[other].contains(*module));
            circles.insert(circle.map(|it| it.join("::")).collect());
        }
    }
    assert!(circles.is_empty(), "files import each other: {circles:#?}");
}

#[test]
fn paths_are_read_from_groups_aliases_and_macros() {
    let pure = |code: &str| impure(&File::parse(vec!["crate".into(), "gate".into()], code));
    for code in [
        "use std::time::{Duration, Instant};",
        "use std::{env, fs};",
        "use std::time; fn now() { time::Instant::now(); }",
        "use std as s; fn read() { s::fs::read(\"x\"); }",
        "use std::time::*;",
        "use jiff::Timestamp; fn now() { Timestamp::now(); }",
        "fn now() { let x = format!(\"{}\", std::env::var(\"X\").unwrap()); }",
        "fn print() { if true { println!(\"x\"); } }",
        "fn print() { vec![dbg!(1)]; }",
        "fn now() { <jiff::Timestamp>::now(); }",
        "type Time = jiff::Timestamp; fn now() { Time::now(); }",
        "fn age(time: SystemTime) { time.elapsed(); }",
        "fn read(path: &std::path::Path) { path.exists(); }",
        "use tempfile::tempdir;",
        "fn read() { rustix::fs::stat(\"x\"); }",
    ] {
        assert!(pure(code).is_some(), "{code}");
    }
    for code in [
        "use std::time::Duration; use jiff::Timestamp;",
        "fn now(now: u32) -> u32 { now }",
        "#[cfg(test)] mod tests { use std::fs; }",
        "fn sum(values: &[f64]) -> Value { serde_json::json!(values) }",
    ] {
        assert_eq!(pure(code), None, "{code}");
    }
}
