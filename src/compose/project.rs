//! Compose files → one tree: variables resolved, paths from the root on, what they include and extend in
//! its place, later files over earlier ones.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::canonical::canonical;
use super::disk::Files;
use super::env_file::variables_in;
use super::interpolation::Variables;
use super::merge::{merge, untagged};
use super::node::{Map, Node};
use super::paths::{folder_of, joined};
use super::problem::{Location, Mark, Problem};

/// Files that one project may be made of.
const MOST_FILES: usize = 100;
/// Values that they may have together.
const MOST_VALUES: usize = 500_000;
/// How far a service may be extended from the first of its kind, and files may include each other.
pub(super) const LONGEST_CHAIN: usize = 32;
/// Files that hold variables, or show which there are.
const VARIABLES: [&str; 5] = [
    ".env",
    ".env.example",
    ".env.sample",
    "example.env",
    ".env.dist",
];

/// What is read, and how.
pub struct Request<'a> {
    /// From the root on.
    pub paths: &'a [PathBuf],
    /// In place of `.env`.
    pub env_files: &'a [PathBuf],
    pub profiles: &'a [String],
    pub files: &'a dyn Files,
    /// Variables of this process.
    pub process: &'a dyn Fn(&str) -> Option<String>,
    /// Whether what is not known is passed over, and what must be set is left to the environment.
    pub is_lenient: bool,
}

/// What compose files say, as one.
pub struct Project<'a> {
    pub(super) top: Node,
    pub(super) variables: Variables<'a>,
    pub(super) files: &'a dyn Files,
    pub(super) profiles: &'a [String],
    pub(super) is_lenient: bool,
    /// Every file that was read.
    read: Vec<PathBuf>,
    /// What readers should know.
    pub(super) notes: Vec<String>,
}

/// Compose files with a problem, which may stand in any of them.
#[derive(Debug)]
pub struct Refused {
    pub problem: Problem,
    /// Where the problem's mark leads to.
    pub location: Option<Location>,
}

pub(super) struct Loader<'a> {
    pub(super) request: &'a Request<'a>,
    read: Vec<PathBuf>,
    /// Files that services were extended from.
    pub(super) extended: HashMap<PathBuf, Rc<Map>>,
    /// Values that files and what they extend are made of.
    made: usize,
    /// The file whose variables are taken for want of a `.env`.
    example: RefCell<Option<PathBuf>>,
}

impl<'a> Project<'a> {
    pub fn load(request: &'a Request<'a>) -> Result<Self, Refused> {
        let mut loader = Loader {
            request,
            read: Vec::new(),
            extended: HashMap::new(),
            made: 0,
            example: RefCell::default(),
        };
        let result = loader.group(request.paths, request.env_files, None, &mut Vec::new());
        let Loader { read, example, .. } = loader;
        match result {
            Ok((top, variables)) => Ok(Self {
                top,
                notes: notes(&variables, example.take().as_deref()),
                variables,
                files: request.files,
                profiles: request.profiles,
                is_lenient: request.is_lenient,
                read,
            }),
            Err(problem) => Err(Refused {
                location: problem.mark.map(|it| location_of(&read, it)),
                problem,
            }),
        }
    }

    /// Where something stands.
    pub fn location(&self, mark: Mark) -> Location {
        location_of(&self.read, mark)
    }

    /// Every file that was read, from the root on.
    pub fn into_paths(self) -> Vec<PathBuf> {
        self.read
    }
}

/// Where something stands, of the files that were read.
pub fn location_of(read: &[PathBuf], mark: Mark) -> Location {
    Location {
        path: read.get(mark.file).cloned().unwrap_or_default(),
        line: mark.line,
        column: mark.column,
    }
}

impl<'a> Loader<'a> {
    /// Files that are merged, with the variables that they share.
    fn group(
        &mut self,
        paths: &[PathBuf],
        env_files: &[PathBuf],
        within: Option<(&Variables<'a>, Mark, &Path)>,
        chain: &mut Vec<PathBuf>,
    ) -> Result<(Node, Variables<'a>), Problem> {
        let mut folder = paths.first().map(|it| folder_of(it)).unwrap_or_default();
        let mut mark = None;
        if let Some((_, at, project)) = within {
            mark = Some(at);
            project.clone_into(&mut folder);
        }
        let mut variables = self.variables(&folder, env_files, mark)?;
        if let Some((outer, ..)) = within {
            let outer = outer.file.iter();
            let outer = outer.map(|(name, value)| (name.clone(), value.clone()));
            variables.file.extend(outer);
        }
        let mut whole = Node::map(Mark::default(), Map::new());
        for (number, path) in paths.iter().enumerate() {
            if chain.contains(path) || chain.len() >= LONGEST_CHAIN {
                let message = format!("`{}` includes itself", path.display());
                return Err(problem(mark, message, "leave one of the `include` out"));
            }
            chain.push(path.clone());
            let mut file = self.file(path, &folder, &variables, mark)?;
            self.includes(&mut file, path, &variables, &mut whole, chain)?;
            chain.pop();
            if number > 0 && self.request.is_lenient {
                without_commands(&mut file);
            }
            self.extend_all(&mut file, path, &whole, &variables)?;
            merge(&mut whole, file);
        }
        Ok((untagged(whole), variables))
    }

    /// One file with resolved variables and paths.
    pub(super) fn file(
        &mut self,
        path: &Path,
        folder: &Path,
        variables: &Variables<'_>,
        from: Option<Mark>,
    ) -> Result<Node, Problem> {
        if self.read.len() >= MOST_FILES {
            let message = format!("the project is made of more than {MOST_FILES} files");
            return Err(problem(from, message, ""));
        }
        let text = self.request.files.read(path).map_err(|error| {
            let message = format!("`{}` cannot be read: {error}", path.display());
            problem(
                from,
                message,
                "name a compose file that is in the repository",
            )
        })?;
        let number = self.read.len();
        self.read.push(path.to_owned());
        let mut file = Node::parse(&text, number)?;
        self.count(&file)?;
        if !file.is_null() && file.as_map().is_none() {
            let message = format!("a compose file is a mapping, and this is {}", file.what());
            return Err(Problem::at(file.mark, message, "begin it with `services:`"));
        }
        let services = file.get("services");
        for (name, service) in services.and_then(Node::as_map).into_iter().flatten() {
            if !self.request.is_lenient && service.as_map().is_none() && service.tag.is_none() {
                let message = format!("service `{name}` is no mapping, but {}", service.what());
                return Err(Problem::at(
                    service.mark,
                    message,
                    "give it an `image` or a `build`",
                ));
            }
        }
        variables.resolve(&mut file);
        canonical(&mut file, folder);
        Ok(file)
    }

    /// Bounds what many files and services that extend each other make together.
    pub(super) fn count(&mut self, made: &Node) -> Result<(), Problem> {
        self.made += made.count();
        if self.made > MOST_VALUES {
            let message = "the files make too many values together";
            return Err(Problem::at(made.mark, message, "extend and include less"));
        }
        Ok(())
    }

    fn includes(
        &mut self,
        file: &mut Node,
        path: &Path,
        variables: &Variables<'a>,
        whole: &mut Node,
        chain: &mut Vec<PathBuf>,
    ) -> Result<(), Problem> {
        let includes = file.as_map_mut().and_then(|it| it.shift_remove("include"));
        let folder = folder_of(path);
        for include in includes.as_ref().map_or(&[][..], Node::as_list) {
            let paths = texts(include.get("path").unwrap_or(include));
            let paths: Vec<_> = paths.map(|it| joined(&folder, it)).collect();
            let Some(first) = paths.first() else {
                let message = "`include` names no file";
                return Err(Problem::at(
                    include.mark,
                    message,
                    "write the path of a compose file",
                ));
            };
            let of_project = include.get("project_directory").and_then(Node::as_text);
            let project = of_project.map_or_else(|| folder_of(first), |it| joined(&folder, it));
            let env_files = include.get("env_file").into_iter().flat_map(texts);
            let env_files: Vec<_> = env_files.map(|it| joined(&folder, it)).collect();
            let within = Some((variables, include.mark, project.as_path()));
            let (inner, _) = self.group(&paths, &env_files, within, chain)?;
            merge(whole, inner);
        }
        Ok(())
    }

    /// The variables of a folder's files: those that were named, otherwise `.env` there or at the root, or
    /// their examples.
    fn variables(
        &self,
        folder: &Path,
        named: &[PathBuf],
        from: Option<Mark>,
    ) -> Result<Variables<'a>, Problem> {
        let files = self.request.files;
        let mut file = BTreeMap::new();
        let usual = || {
            let paths = VARIABLES
                .iter()
                .flat_map(|name| [folder.join(name), PathBuf::from(name)]);
            paths.into_iter().find(|it| files.is_file(it))
        };
        let found = if named.is_empty() {
            usual().into_iter().collect()
        } else {
            named.to_vec()
        };
        for path in &found {
            let read = files.read(path).map_err(|error| error.to_string());
            match read.and_then(|text| variables_in(&text)) {
                Ok(variables) => file.extend(variables),
                Err(_) if self.request.is_lenient => {}
                Err(why) => {
                    let message = format!("`{}` has no variables: {why}", path.display());
                    return Err(problem(from, message, "each line is NAME=VALUE"));
                }
            }
        }
        let first = found
            .first()
            .filter(|it| named.is_empty() && !it.ends_with(".env"));
        if from.is_none() {
            *self.example.borrow_mut() = first.cloned();
        }
        Ok(Variables {
            process: self.request.process,
            file,
            is_file_used: Cell::new(false),
            made: Cell::new(0),
            is_lenient: self.request.is_lenient,
            missing: RefCell::new(BTreeSet::new()),
            used: RefCell::new(BTreeSet::new()),
        })
    }
}

/// An override that nobody named is for development: its commands reload a server when its source
/// changes.
fn without_commands(over: &mut Node) {
    let services = over.as_map_mut().and_then(|it| it.get_mut("services"));
    let services = services.and_then(Node::as_map_mut);
    for service in services.into_iter().flat_map(|it| it.values_mut()) {
        if let Some(service) = service.as_map_mut() {
            service.shift_remove("command");
        }
    }
}

/// What to know of where values come from.
fn notes(variables: &Variables<'_>, example: Option<&Path>) -> Vec<String> {
    let listed = |names: &RefCell<BTreeSet<String>>| {
        let names: Vec<_> = names.borrow().iter().cloned().collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let example = example.filter(|_| variables.is_file_used.get());
    let example = example.map(|it| {
        let path = it.display();
        format!("there is no `.env`: variables are those of `{path}`")
    });
    let used = listed(&variables.used).map(|it| format!("of the environment: {it}"));
    let missing = listed(&variables.missing).map(|it| format!("not set, and empty: {it}"));
    [example, used, missing].into_iter().flatten().collect()
}

/// A text, or the texts of a list.
fn texts(node: &Node) -> impl Iterator<Item = &str> {
    let own = node.as_text().into_iter();
    own.chain(node.as_list().iter().filter_map(Node::as_text))
}

fn problem(mark: Option<Mark>, message: String, hint: &str) -> Problem {
    match mark {
        Some(mark) => Problem::at(mark, message, hint),
        None => Problem::of_request(message, hint),
    }
}
