//! An alembic.ini that names a database → a copy of it that names perfgate's.

use std::fs;
use std::path::{Path, PathBuf};

use crate::compose::{
    Contents, CopiedFile, Folder, Server, Source, connection_string, is_of_postgres, place_in_image,
};

const NAME: &str = "alembic.ini";
const KEY: &str = "sqlalchemy.url";

/// What becomes of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Alembic {
    Copied(CopiedFile),
    /// What the reader must see to.
    Noted(String),
}

impl Alembic {
    /// That of a server whose source is in a folder, unless the migrations take their database from elsewhere.
    pub(super) fn find(
        root: &Path,
        folder: &Path,
        server: Option<&Server>,
        scheme: &mut Option<String>,
    ) -> Option<Self> {
        let path = folder.join(NAME);
        let text = fs::read_to_string(root.join(&path)).ok()?;
        let url = value(&text, KEY).filter(|it| is_of_postgres(it))?;
        let scripts = value(&text, "script_location").unwrap_or("alembic");
        let scripts = scripts.trim_start_matches("%(here)s/");
        let env = root.join(folder).join(scripts).join("env.py");
        let env = fs::read_to_string(env).unwrap_or_default();
        if env.contains("set_main_option") && env.contains(KEY) {
            return None;
        }
        let Some(there) = server.and_then(|it| path_in_container(root, it, &path)) else {
            let path = path.display();
            return Some(Self::Noted(format!(
                "`{path}` names a database of its own: migrations need the one of {{postgres.url}}, by a variable \
                 that env.py reads"
            )));
        };
        let replacement = connection_string(url, scheme)?;
        Some(Self::Copied(CopiedFile {
            there,
            here: Contents::Path(path.to_string_lossy().into_owned()),
            replace: vec![(url.to_owned(), replacement)],
        }))
    }
}

/// Where a file is in the container of a server: where a folder with it is put, else where its image has it.
fn path_in_container(root: &Path, server: &Server, path: &Path) -> Option<String> {
    let mounted = server.container.files.iter().find_map(|file| {
        let Contents::Path(here) = &file.here else {
            return None;
        };
        let here = Path::new(here);
        let here = here.strip_prefix(".").unwrap_or(here);
        let below = path.strip_prefix(here).ok()?;
        let there = PathBuf::from(&file.there).join(below);
        there.to_str().map(str::to_owned)
    });
    let built = || match &server.source {
        Source::Build(build) => place_in_image(&Folder::at(root), build, path),
        Source::Image(_) => None,
    };
    mounted.or_else(built)
}

fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut values = text.lines().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == key).then(|| value.trim())
    });
    values.next_back()
}
