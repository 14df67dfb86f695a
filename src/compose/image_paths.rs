//! Where a file of the repository lies in an image: by what its Dockerfile copies.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::disk::Files;
use super::dockerfile::{Build, dockerfile_of, instructions};
use crate::bounded::plain;

/// Signs around a path in a Dockerfile.
const AROUND: [char; 8] = ['"', '\'', ',', '[', ']', '=', ':', ';'];

/// A stage of a build, as far as it matters where a file is.
#[derive(Debug, Default, Clone)]
struct Stage {
    working_dir: PathBuf,
    variables: HashMap<String, String>,
    place: Option<PathBuf>,
}

/// The place of a file in the image of a build, by its path from the root on; nothing where that is not certain.
pub fn place_in_image(files: &dyn Files, build: &Build, file: &Path) -> Option<String> {
    let context = Path::new(&build.context);
    let file = plain(file);
    let file = file.strip_prefix(plain(context)).ok()?;
    let text = files.read(Path::new(&dockerfile_of(build))).ok()?;
    let mut stages: HashMap<String, Stage> = HashMap::new();
    let mut stage = Stage::default();
    let mut name = None;
    for (word, rest) in instructions(&text) {
        match word.as_str() {
            "FROM" => {
                if let Some(name) = name.take() {
                    if build.target.as_ref() == Some(&name) {
                        break;
                    }
                    stages.insert(name, stage);
                }
                let mut words = rest.split_whitespace().filter(|it| !it.starts_with("--"));
                let base = words.next().and_then(|it| stages.get(it));
                stage = base.cloned().unwrap_or_else(|| Stage {
                    working_dir: "/".into(),
                    ..Stage::default()
                });
                let is_named = words.next().is_some_and(|it| it.eq_ignore_ascii_case("as"));
                name = words.next().filter(|_| is_named).map(str::to_owned);
            }
            "ENV" | "ARG" => stage.set(&rest),
            "WORKDIR" => {
                let folder = stage.filled(&rest)?;
                stage.working_dir = stage.working_dir.join(folder);
            }
            "COPY" | "ADD" if !rest.contains("--from") => {
                if let Some(place) = stage.copied(&rest, file) {
                    stage.place = Some(place);
                }
            }
            _ => {}
        }
    }
    let place = stage.place?;
    place.to_str().map(str::to_owned)
}

/// Whether the image of a build may have something at a place: its Dockerfile names a path that leads there, or below it.
pub(super) fn may_hold(files: &dyn Files, build: &Build, there: &str) -> bool {
    let Ok(text) = files.read(Path::new(&dockerfile_of(build))) else {
        return true;
    };
    let there = plain(Path::new(there));
    let lines = text.lines().filter(|it| !it.trim_start().starts_with('#'));
    let mut words =
        lines.flat_map(|it| it.split(|it: char| it.is_whitespace() || AROUND.contains(&it)));
    words.any(|word| {
        let path = plain(Path::new(word));
        let is_place = word.starts_with('/') && path != Path::new("/");
        is_place && (there.starts_with(&path) || path.starts_with(&there))
    })
}

impl Stage {
    fn set(&mut self, text: &str) {
        for pair in shlex::split(text).unwrap_or_default() {
            if let Some((name, value)) = pair.split_once('=') {
                let value = self.filled(value).unwrap_or_default();
                self.variables.insert(name.to_owned(), value);
            }
        }
    }

    /// A text with variables in it; nothing where one is not known.
    fn filled(&self, text: &str) -> Option<String> {
        let mut whole = String::new();
        let mut rest = text.trim_matches(['"', '\'']);
        while let Some((before, after)) = rest.split_once('$') {
            let is_of_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
            let end = after.find(|it| !is_of_name(it)).unwrap_or(after.len());
            let braced = after.strip_prefix('{');
            let split = braced.map_or(Some(after.split_at(end)), |it| it.split_once('}'));
            let (name, more) = split?;
            whole += before;
            whole += self.variables.get(name).filter(|it| !it.is_empty())?;
            rest = more;
        }
        Some(whole + rest)
    }

    /// Where a copy puts a file, if it copies it.
    fn copied(&self, rest: &str, file: &Path) -> Option<PathBuf> {
        let rest = rest.trim();
        let words: Vec<String> = if let Some(start) = rest.find('[') {
            serde_json::from_str(&rest[start..]).ok()?
        } else {
            let words = rest.split_whitespace().filter(|it| !it.starts_with("--"));
            words.map(str::to_owned).collect()
        };
        let (to, from) = words.split_last()?;
        let to = self.filled(to)?;
        let is_folder = to.ends_with(['/', '.']) || from.len() > 1;
        let target = plain(&self.working_dir.join(&to));
        from.iter().find_map(|source| {
            let is_pattern = source.contains('*');
            let source = plain(Path::new(source.trim_start_matches('/')));
            if is_pattern {
                let name = file.to_str()?;
                let (before, after) = source.to_str()?.split_once('*')?;
                let is_one = name.starts_with(before) && name.ends_with(after);
                let is_deeper =
                    name.len() < before.len() + after.len() || name[before.len()..].contains('/');
                return (is_one && !is_deeper)
                    .then(|| target.join(file.file_name().unwrap_or_default()));
            }
            let below = file.strip_prefix(&source).ok()?;
            if below.as_os_str().is_empty() {
                let name = file.file_name()?;
                return Some(if is_folder {
                    target.join(name)
                } else {
                    target.clone()
                });
            }
            Some(target.join(below))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::Folder;
    use super::*;

    /// Where `backend/alembic.ini` is.
    fn path_in_image(context: &str, target: Option<&str>, dockerfile: &str) -> Option<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(context).join("Dockerfile");
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, dockerfile).expect("written");
        let build = Build {
            context: context.to_owned(),
            target: target.map(str::to_owned),
            ..Build::default()
        };
        let files = Folder::at(folder.path());
        place_in_image(&files, &build, Path::new("backend/alembic.ini"))
    }

    #[test]
    fn an_image_may_hold_what_its_dockerfile_names() {
        let holds = |dockerfile: &str, there: &str| {
            let folder = tempfile::tempdir().expect("a folder");
            std::fs::write(folder.path().join("Dockerfile"), dockerfile).expect("written");
            let build = Build {
                context: ".".into(),
                ..Build::default()
            };
            may_hold(&Folder::at(folder.path()), &build, there)
        };
        let plain = "FROM python\nCOPY api api\n# /data\nCMD ./boot.sh\n";
        assert!(!holds(plain, "/data"));
        let app = "FROM python\nENV HOME=/home/app\nWORKDIR $HOME/web\nRUN mkdir -p /var/media/x\n";
        assert!(holds(app, "/home/app/web/static"));
        assert!(holds(app, "/var/media"));
        assert!(!holds(app, "/home/application"));
    }

    #[test]
    fn a_file_is_where_it_is_copied_to() {
        for (context, dockerfile, expected) in [
            (
                "backend",
                "FROM python\nWORKDIR /app\nCOPY . .\n",
                Some("/app/alembic.ini"),
            ),
            (
                ".",
                "FROM python\nCOPY ./backend /srv/\n",
                Some("/srv/alembic.ini"),
            ),
            (
                ".",
                "FROM python\nWORKDIR /code\nCOPY . /code\n",
                Some("/code/backend/alembic.ini"),
            ),
            (
                "backend",
                "FROM python\nENV HOME_DIR=/opt\nWORKDIR ${HOME_DIR}/app\nCOPY --chown=me a.py alembic.ini ./\n",
                Some("/opt/app/alembic.ini"),
            ),
            (
                "backend",
                "FROM python\nCOPY [\"alembic.ini\", \"/a/b.ini\"]\n",
                Some("/a/b.ini"),
            ),
            (
                "backend",
                "FROM python\nWORKDIR /w\nADD *.ini .\n",
                Some("/w/alembic.ini"),
            ),
            (
                "backend",
                "FROM python AS base\nWORKDIR /w\nCOPY . .\nFROM base\n",
                Some("/w/alembic.ini"),
            ),
            (
                "backend",
                "FROM python\nCOPY --from=base /app /app\nCOPY src /app\n",
                None,
            ),
            ("backend", "FROM python\nWORKDIR $UNKNOWN\nCOPY . .\n", None),
        ] {
            assert_eq!(
                path_in_image(context, None, dockerfile).as_deref(),
                expected,
                "{dockerfile}"
            );
        }
        let stages =
            "FROM python AS dev\nWORKDIR /dev\nCOPY . .\nFROM python AS prod\nCOPY . /prod\n";
        assert_eq!(
            path_in_image("backend", Some("dev"), stages).as_deref(),
            Some("/dev/alembic.ini")
        );
        assert_eq!(
            path_in_image("backend", None, stages).as_deref(),
            Some("/prod/alembic.ini")
        );
    }
}
