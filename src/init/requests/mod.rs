//! OpenAPI documents, HAR files and source files of a repository → the requests to measure. What cannot be read is
//! passed over with a note.

mod calls;
mod django;
mod document;
mod endpoint;
mod go;
mod har;
mod litestar;
mod logins;
mod openapi;
mod parameters;
mod python;
mod route;
mod routers;
mod routes;
mod rust;
mod script;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

pub(super) use endpoint::{Endpoint, LeftOut};
pub(super) use logins::{TokenKind, token_route};
pub(super) use routes::sources;

use crate::bounded;
use crate::report::printable;
use endpoint::{Choice, Found};

/// Bytes of a document; recordings hold what was answered, too.
const LARGEST: u64 = 64 << 20;
/// Folders that OpenAPI documents lie in, beside the root and the server's own.
const DOCUMENTS: [&str; 8] = [
    "docs", "doc", "api", "openapi", "spec", "specs", "schema", "static",
];
const NAMES: [&str; 3] = ["openapi", "swagger", UNCERTAIN];
/// What drf-spectacular calls its document, and others something else.
const UNCERTAIN: &str = "schema";
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
/// Folders that recordings lie in.
const RECORDINGS: [&str; 4] = ["", "docs", "tests", "perf"];
/// Of several files the first is taken: they are likely to say the same in another form.
const TAKEN: &str = "the requests of another file are taken";

/// Requests that a file of the repository names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Requests {
    pub(super) file: PathBuf,
    pub(super) form: Form,
    pub(super) endpoints: Vec<Endpoint>,
    /// Those that nobody may call without a login.
    pub(super) with_login: Vec<Endpoint>,
    pub(super) left_out: BTreeMap<LeftOut, usize>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Form {
    OpenApi,
    /// Requests to one origin.
    Har {
        origin: String,
    },
    /// Routes of the server's own source.
    Source,
}

/// What the files of a repository say about requests.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Search {
    pub(super) requests: Option<Requests>,
    /// Files that were passed over, and why.
    pub(super) notes: Vec<String>,
}

impl Search {
    /// Looks through a repository whose server has its source in a folder, and its health check at a path.
    pub(super) fn from_source(root: &Path, source: &Path, health: Option<&str>) -> Self {
        let mut search = Self::default();
        for path in documents(root, source) {
            let is_certain = path.file_stem().is_none_or(|it| it != UNCERTAIN);
            match text(root, &path).and_then(|text| document::Document::parse(&path, &text)) {
                Ok(Some(document)) => {
                    let found = openapi::found(&document);
                    search.take(path, Form::OpenApi, found, health);
                }
                Ok(None) if is_certain => search.pass_over(&path, "it is no OpenAPI document"),
                Ok(None) => {}
                Err(why) => search.pass_over(&path, &why),
            }
        }
        for path in recordings(root) {
            if search.requests.is_some() {
                search.pass_over(&path, TAKEN);
                continue;
            }
            match text(root, &path).and_then(|text| har::found(&text)) {
                Ok((origin, found)) => search.take(path, Form::Har { origin }, found, health),
                Err(why) => search.pass_over(&path, &why),
            }
        }
        if search.requests.is_none()
            && let Some((path, found)) = routes::found(root, source)
        {
            search.take(path, Form::Source, found, health);
        }
        search
    }

    fn take(&mut self, file: PathBuf, form: Form, found: Found, health: Option<&str>) {
        if self.requests.is_some() {
            return self.pass_over(&file, TAKEN);
        }
        if found.endpoints.is_empty() && found.with_login.is_empty() {
            let left_out = LeftOut::list(&found.left_out);
            let why = match left_out.as_str() {
                "" => "it has no requests".to_owned(),
                left_out => format!("it has no request that can be sent as it is: {left_out}"),
            };
            return self.pass_over(&file, &why);
        }
        let choice = Choice::from_found(found, health);
        self.requests = Some(Requests {
            file,
            form,
            endpoints: choice.endpoints,
            with_login: choice.with_login,
            left_out: choice.left_out,
        });
    }

    fn pass_over(&mut self, file: &Path, why: &str) {
        // One parser shows the place in further lines, as its own messages.
        let why = why.lines().next().unwrap_or_default();
        let why = why.trim_start_matches("error: ");
        let note = format!("`{}` is passed over: {why}", file.display());
        self.notes.push(printable(&note));
    }
}

fn text(root: &Path, path: &Path) -> Result<String, String> {
    let text = bounded::read_text(&root.join(path), LARGEST).map_err(|error| error.to_string())?;
    // Recorders of some systems begin with the mark of their encoding.
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}

fn documents(root: &Path, source: &Path) -> Vec<PathBuf> {
    let source = source.strip_prefix(".").unwrap_or(source);
    let folders = [Path::new(""), source].into_iter();
    let folders = folders.chain(DOCUMENTS.iter().map(Path::new));
    let mut paths: Vec<PathBuf> = Vec::new();
    for folder in folders {
        for name in NAMES {
            for ending in ENDINGS {
                let path = folder.join(format!("{name}.{ending}"));
                if !paths.contains(&path) && root.join(&path).is_file() {
                    paths.push(path);
                }
            }
        }
    }
    paths
}

fn recordings(root: &Path) -> Vec<PathBuf> {
    let in_folder = |folder: &str| {
        let entries = fs::read_dir(root.join(folder)).into_iter().flatten();
        let names = entries.flatten().map(|it| it.file_name());
        let paths = names.map(|name| Path::new(folder).join(name));
        let mut paths: Vec<_> = paths
            .filter(|path| path.extension().is_some_and(|it| it == "har"))
            .filter(|path| root.join(path).is_file())
            .collect();
        paths.sort();
        paths
    };
    RECORDINGS.into_iter().flat_map(in_folder).collect()
}
