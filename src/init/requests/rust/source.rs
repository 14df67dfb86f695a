//! The functions of Rust files, and what their names lead to.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use syn::punctuated::Punctuated;
use syn::visit::Visit;
use syn::{Attribute, Block, Expr, Ident, Item, Lit, LitStr, Signature, Token, UseTree};

use super::super::route::{Route, UNKNOWN};

/// A function or method.
pub(super) struct Function {
    pub(super) file: usize,
    pub(super) signature: Signature,
    pub(super) block: Block,
    /// The module that it is in.
    module: String,
    /// The type whose method it is.
    of: Option<String>,
    /// The path of an attribute such as `#[get("/")]`.
    path: Option<String>,
}

/// The functions of all files.
#[derive(Default)]
pub(super) struct Source {
    pub(super) functions: Vec<Function>,
    /// Constant texts; nothing of a name that several have.
    constants: HashMap<String, Option<String>>,
    /// Structs that a query must have a value for.
    demanding: BTreeSet<String>,
    /// Imported names of a file with where they are from.
    imports: HashMap<(usize, String), Vec<String>>,
}

impl Source {
    /// Files that are no Rust have nothing.
    pub(super) fn parse(files: &[(PathBuf, String)]) -> Self {
        let mut source = Self::default();
        for (number, (path, text)) in files.iter().enumerate() {
            let is_rust = path.extension().is_some_and(|it| it == "rs");
            let parsed = is_rust.then(|| syn::parse_file(text).ok()).flatten();
            let mut items = Items {
                source: &mut source,
                file: number,
                module: module_of(path),
            };
            for item in parsed.into_iter().flat_map(|it| it.items) {
                items.read(item);
            }
        }
        source
    }

    /// A text that is spelled out, here or as a constant.
    pub(super) fn text(&self, expr: &Expr) -> Option<String> {
        if let Expr::Path(path) = expr {
            let name = path.path.segments.last()?.ident.to_string();
            return self.constants.get(&name)?.clone();
        }
        literal(expr)
    }

    /// The function that a name leads to from another one.
    pub(super) fn find(&self, from: usize, names: &[String]) -> Option<usize> {
        let file = self.functions[from].file;
        let (name, before) = names.split_last()?;
        let imported = self.imports.get(&(file, name.clone()));
        let imported = imported.filter(|_| before.is_empty());
        let (name, before) = imported
            .and_then(|it| it.split_last())
            .unwrap_or((name, before));
        let all = self.functions.iter().enumerate();
        let called: Vec<_> = all.filter(|(_, it)| it.signature.ident == name).collect();
        let only = |some: Vec<usize>| match some.as_slice() {
            [one] => Some(*one),
            _ => None,
        };
        let of = |wanted: &dyn Fn(&Function) -> bool| {
            let some = called.iter().filter(|(_, it)| wanted(it));
            only(some.map(|(at, _)| *at).collect())
        };
        let module = before
            .last()
            .filter(|it| !["self", "Self", "super", "crate"].contains(&it.as_str()));
        match module {
            Some(module) => of(&|it| it.module == *module || it.of.as_ref() == Some(module))
                .or_else(|| of(&|_| true)),
            None => of(&|it| it.file == file).or_else(|| of(&|_| true)),
        }
    }

    /// The route of a function that has an attribute for it.
    pub(super) fn handler(&self, at: usize) -> Option<Route> {
        let function = &self.functions[at];
        Some(Route {
            file: function.file,
            path: function.path.clone()? + if self.needs_query(at) { UNKNOWN } else { "" },
            is_get: true,
            words: self.asked(at).join(" "),
        })
    }

    /// Whether a handler must be given a value by the query.
    pub(super) fn needs_query(&self, at: usize) -> bool {
        self.functions[at].signature.inputs.iter().any(|input| {
            let names = names_in(|it| it.visit_fn_arg(input));
            let is_query =
                names.iter().any(|it| it == "Query") && !names.iter().any(|it| it == "Option");
            is_query && names.iter().any(|it| self.demanding.contains(it))
        })
    }

    /// The names of what a function asks for.
    pub(super) fn asked(&self, at: usize) -> Vec<String> {
        let inputs = &self.functions[at].signature.inputs;
        names_in(|it| inputs.iter().for_each(|input| it.visit_fn_arg(input)))
    }
}

pub(super) fn literal(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Lit(lit) => match &lit.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        Expr::Reference(it) => literal(&it.expr),
        _ => None,
    }
}

/// The paths in `routes![one, module::two]`.
pub(super) fn listed(expr: &Expr) -> Vec<Vec<String>> {
    let Expr::Macro(it) = expr else {
        return Vec::new();
    };
    let parsed = it
        .mac
        .parse_body_with(Punctuated::<syn::Path, Token![,]>::parse_terminated);
    let paths = parsed.into_iter().flatten();
    let names = |path: syn::Path| {
        path.segments
            .iter()
            .map(|it| it.ident.to_string())
            .collect()
    };
    paths.map(names).collect()
}

/// The names in what is visited.
pub(super) fn names_in(visit: impl FnOnce(&mut Names)) -> Vec<String> {
    let mut names = Names(Vec::new());
    visit(&mut names);
    names.0
}

pub(super) struct Names(Vec<String>);

impl<'a> Visit<'a> for Names {
    fn visit_ident(&mut self, name: &'a Ident) {
        self.0.push(name.to_string());
    }
}

/// What a file is called as a module.
fn module_of(path: &Path) -> String {
    let name = |path: &Path| {
        let name = path.file_stem().and_then(|it| it.to_str());
        name.unwrap_or_default().to_owned()
    };
    match name(path).as_str() {
        "mod" => path.parent().map(name).unwrap_or_default(),
        own => own.to_owned(),
    }
}

/// Reads the items of a file, but for those of tests.
struct Items<'a> {
    source: &'a mut Source,
    file: usize,
    module: String,
}

impl Items<'_> {
    fn read(&mut self, item: Item) {
        match item {
            Item::Fn(it) if !is_of_tests(&it.attrs) => {
                self.function(&it.attrs, it.sig, *it.block, None);
            }
            Item::Impl(it) => {
                let of = names_in(|names| names.visit_type(&it.self_ty));
                for item in it.items {
                    if let syn::ImplItem::Fn(it) = item {
                        self.function(&it.attrs, it.sig, it.block, of.last().cloned());
                    }
                }
            }
            Item::Mod(it) if !is_of_tests(&it.attrs) => {
                let outer = std::mem::replace(&mut self.module, it.ident.to_string());
                for item in it.content.into_iter().flat_map(|(_, items)| items) {
                    self.read(item);
                }
                self.module = outer;
            }
            Item::Struct(it) => {
                let has_default = |attributes: &[Attribute]| {
                    let own = attributes.iter().filter(|it| it.path().is_ident("serde"));
                    let mut texts = own.filter_map(|it| it.meta.require_list().ok());
                    texts.any(|it| {
                        let text = it.tokens.to_string();
                        text.contains("default")
                            || text.contains("flatten")
                            || text.contains("skip")
                    })
                };
                let is_demanding = it.fields.iter().any(|field| {
                    let names = names_in(|it| it.visit_type(&field.ty));
                    names.first().is_some_and(|it| it != "Option") && !has_default(&field.attrs)
                });
                if is_demanding && !has_default(&it.attrs) {
                    self.source.demanding.insert(it.ident.to_string());
                }
            }
            Item::Use(it) => self.import(&[], &it.tree),
            Item::Const(it) => {
                if let Some(text) = literal(&it.expr) {
                    let constants = &mut self.source.constants;
                    let known = constants.entry(it.ident.to_string());
                    known
                        .and_modify(|it| *it = it.take().filter(|it| *it == text))
                        .or_insert(Some(text));
                }
            }
            _ => {}
        }
    }

    fn function(
        &mut self,
        attributes: &[Attribute],
        signature: Signature,
        block: Block,
        of: Option<String>,
    ) {
        self.source.functions.push(Function {
            file: self.file,
            signature,
            block,
            module: self.module.clone(),
            of,
            path: attributes.iter().find_map(route_of),
        });
    }

    fn import(&mut self, before: &[String], tree: &UseTree) {
        let below = |name: &Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(it) => self.import(&below(&it.ident), &it.tree),
            UseTree::Name(it) => {
                let local = (self.file, it.ident.to_string());
                self.source.imports.insert(local, below(&it.ident));
            }
            UseTree::Rename(it) => {
                let local = (self.file, it.rename.to_string());
                self.source.imports.insert(local, below(&it.ident));
            }
            UseTree::Group(it) => it.items.iter().for_each(|it| self.import(before, it)),
            UseTree::Glob(_) => {}
        }
    }
}

fn is_of_tests(attributes: &[Attribute]) -> bool {
    let is_one = |it: &Attribute| {
        let is_test = it
            .path()
            .segments
            .last()
            .is_some_and(|it| it.ident == "test");
        let is_cfg =
            it.path().is_ident("cfg") && it.parse_args::<Ident>().is_ok_and(|it| it == "test");
        is_test || is_cfg
    };
    attributes.iter().any(is_one)
}

/// The path of `#[get("/")]`, whatever else it says.
fn route_of(attribute: &Attribute) -> Option<String> {
    let is_get = attribute.path().segments.last()?.ident == "get";
    let first = |input: syn::parse::ParseStream<'_>| {
        let text: LitStr = input.parse()?;
        input.parse::<proc_macro2::TokenStream>()?;
        Ok(text.value())
    };
    is_get.then(|| attribute.parse_args_with(first).ok())?
}
