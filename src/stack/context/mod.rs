//! A build folder as the archive the engine's builder takes.

mod dockerignore;
mod pattern;

use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use dockerignore::{Dockerignore, Holding};

use super::Error;
use crate::bounded;
use crate::model::{self, Build};

/// Bytes of a build folder: its archive is made in memory.
const LARGEST: u64 = 1 << 30;
const LARGEST_IGNORE: u64 = 1 << 20;

/// The files of a build folder, less what its `.dockerignore` names.
pub(super) struct Context {
    pub(super) archive: Vec<u8>,
    /// Short digest of names, modes, contents and what links lead to; times do not count.
    pub(super) digest: String,
    /// Where the Dockerfile is in the archive.
    pub(super) dockerfile: String,
}

/// Name in the archive of a Dockerfile from elsewhere.
const FROM_ELSEWHERE: &str = ".perfgate.Dockerfile";

impl Context {
    pub(super) fn read(build: &Build) -> Result<Self, Error> {
        archive(build).map_err(|source| Error::Context {
            folder: build.context.clone(),
            source,
        })
    }
}

/// The archive is the same for the same files: times and owners stay out of it, and of the modes
/// counts, as to git, whether a file can be executed. What git keeps for itself comes last, and
/// does not count: it differs from checkout to checkout of the same files.
fn archive(build: &Build) -> io::Result<Context> {
    let folder = &build.context;
    let mut archive = tar::Builder::new(Vec::new());
    archive.mode(tar::HeaderMode::Deterministic);
    archive.follow_symlinks(false);
    // The engine knows no sparse entries.
    archive.sparse(false);
    let dockerfile = build.file();
    let within = dockerfile.strip_prefix(folder).ok();
    let paths = paths(folder, &ignored(folder, &dockerfile)?, within)?;
    let (of_git, of_tree): (Vec<_>, Vec<_>) = paths.into_iter().partition(|it| is_of_git(it));
    let mut size = 0;
    append(&mut archive, folder, &of_tree, &mut size)?;
    if within.is_none() {
        archive.append_path_with_name(&dockerfile, FROM_ELSEWHERE)?;
    }
    let digest = model::digest(archive.get_ref());
    append(&mut archive, folder, &of_git, &mut size)?;
    let archive = archive.into_inner()?;
    let dockerfile = within.map_or(FROM_ELSEWHERE.into(), Path::to_string_lossy);
    let dockerfile = dockerfile.into_owned();
    Ok(Context {
        archive,
        digest,
        dockerfile,
    })
}

fn append(
    archive: &mut tar::Builder<Vec<u8>>,
    folder: &Path,
    paths: &[PathBuf],
    size: &mut u64,
) -> io::Result<()> {
    for path in paths {
        let found = folder.join(path).symlink_metadata()?;
        *size += if found.is_dir() { 0 } else { found.len() };
        if *size > LARGEST {
            let why = format!(
                "it holds more than {} MiB; leave out by .dockerignore what the image does not need",
                LARGEST >> 20
            );
            return Err(io::Error::other(why));
        }
        archive.append_path_with_name(folder.join(path), path)?;
    }
    Ok(())
}

fn is_of_git(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == ".git")
}

/// What is left out by the file that belongs to the Dockerfile, else by that of the folder.
fn ignored(folder: &Path, dockerfile: &Path) -> io::Result<Dockerignore> {
    let mut own = dockerfile.as_os_str().to_owned();
    own.push(".dockerignore");
    for path in [PathBuf::from(own), folder.join(".dockerignore")] {
        let text = match bounded::read_own(&path, LARGEST_IGNORE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            read => read?,
        };
        let text = String::from_utf8_lossy(&text);
        return Dockerignore::parse(&text).map_err(malformed);
    }
    Ok(Dockerignore::default())
}

fn malformed(pattern: &str) -> io::Error {
    io::Error::other(format!("`{pattern}` in its .dockerignore is no pattern"))
}

/// Paths below the folder, relative to it and sorted, so that the same files give one archive.
fn paths(
    folder: &Path,
    ignored: &Dockerignore,
    dockerfile: Option<&Path>,
) -> io::Result<Vec<PathBuf>> {
    let mut walk = Walk {
        folder,
        ignored,
        dockerfile,
        found: Vec::new(),
        folders: vec![(PathBuf::new(), Holding::default())],
    };
    while walk.step()? {}
    walk.found.sort();
    Ok(walk.found)
}

/// A way through all that is not ignored.
struct Walk<'a> {
    folder: &'a Path,
    ignored: &'a Dockerignore,
    /// The builder needs it also where it keeps itself out of the image.
    dockerfile: Option<&'a Path>,
    found: Vec<PathBuf>,
    /// Still to be read, each with the rules that hold for it.
    folders: Vec<(PathBuf, Holding)>,
}

impl Walk<'_> {
    /// Reads one folder, where one is left.
    fn step(&mut self) -> io::Result<bool> {
        let Some((below, holding)) = self.folders.pop() else {
            return Ok(false);
        };
        for entry in fs::read_dir(self.folder.join(&below))? {
            self.visit(&below, &holding, &entry?)?;
        }
        Ok(true)
    }

    fn visit(&mut self, below: &Path, holding: &Holding, entry: &DirEntry) -> io::Result<()> {
        let path = below.join(entry.file_name());
        let kind = entry.file_type()?;
        let name = path.to_string_lossy();
        let judged = self.ignored.judge(&name, holding);
        let (is_ignored, holding) = judged.map_err(malformed)?;
        let is_left_out = is_ignored && (kind.is_dir() || !self.is_needed(&path));
        if kind.is_dir() && self.is_entered(&path, &name, is_ignored) {
            self.folders.push((path.clone(), holding));
        }
        // Archives hold no sockets; Docker passes them over, too.
        if !is_left_out && !kind.is_socket() {
            self.found.push(path);
        }
        Ok(())
    }

    fn is_needed(&self, path: &Path) -> bool {
        self.dockerfile == Some(path) || path == Path::new(".dockerignore")
    }

    /// Whether a folder is read: what is ignored may be large, and closed to this user.
    fn is_entered(&self, path: &Path, name: &str, is_ignored: bool) -> bool {
        let is_closed = || {
            let read = fs::read_dir(self.folder.join(path));
            read.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
        };
        let holds_dockerfile = self.dockerfile.is_some_and(|it| it.starts_with(path));
        let may_hold = || self.ignored.may_keep_below(name) || holds_dockerfile;
        !is_ignored || (may_hold() && !is_closed())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn read(folder: &Path) -> Result<Context, Error> {
        Context::read(&Build::of_folder(folder.to_owned()))
    }

    fn names(context: &Context) -> Vec<String> {
        let mut archive = tar::Archive::new(context.archive.as_slice());
        let entries = archive.entries().expect("an archive of ours");
        entries
            .map(|entry| {
                entry
                    .expect("readable")
                    .path()
                    .expect("a path")
                    .display()
                    .to_string()
            })
            .collect()
    }

    #[test]
    fn dockerignore_patterns_are_rooted_and_can_be_taken_back() {
        let folder = tempfile::tempdir().expect("a folder");
        for path in [
            "Dockerfile",
            "a.log",
            "sub/a.log",
            "cache/x",
            "cache/keep",
            "sub/__pycache__/y",
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, "text").expect("written");
        }
        fs::write(
            folder.path().join(".dockerignore"),
            "Dockerfile\n*.log\n# note\ncache/*\n!cache/keep\n**/__pycache__\n",
        )
        .expect("written");
        let context = read(folder.path()).expect("read");
        assert_eq!(
            names(&context),
            [
                ".dockerignore",
                "Dockerfile",
                "cache",
                "cache/keep",
                "sub",
                "sub/a.log"
            ]
        );
    }

    #[test]
    fn a_dockerfile_may_lie_anywhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        };
        write("app/main.py", "");
        write("app/docker/web.Dockerfile", "FROM scratch");
        write("app/docker/start.sh", "");
        write("app/.dockerignore", "docker\n");
        write("Dockerfile", "FROM scratch");
        let build = |dockerfile: &str| Build {
            dockerfile: Some(folder.path().join(dockerfile)),
            ..Build::of_folder(folder.path().join("app"))
        };
        let below = Context::read(&build("app/docker/web.Dockerfile")).expect("read");
        assert_eq!(below.dockerfile, "docker/web.Dockerfile");
        let expected = [".dockerignore", "docker/web.Dockerfile", "main.py"];
        assert_eq!(names(&below), expected);
        let elsewhere = Context::read(&build("Dockerfile")).expect("read");
        assert_eq!(elsewhere.dockerfile, FROM_ELSEWHERE);
        assert!(names(&elsewhere).contains(&FROM_ELSEWHERE.to_owned()));
        // A file of the Dockerfile's own comes before that of the folder.
        write("app/docker/web.Dockerfile.dockerignore", "*.py\n");
        let own = Context::read(&build("app/docker/web.Dockerfile")).expect("read");
        assert!(names(&own).contains(&"docker/start.sh".to_owned()));
        assert!(!names(&own).contains(&"main.py".to_owned()));
    }

    #[test]
    fn folders_are_entries_too_and_sockets_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("data/empty")).expect("made");
        let socket = folder.path().join("data/socket");
        let _socket = std::os::unix::net::UnixListener::bind(socket).expect("bound");
        let context = read(folder.path()).expect("read");
        assert_eq!(names(&context), ["data", "data/empty"]);
    }

    #[test]
    fn what_is_ignored_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("data/below")).expect("made");
        let count = |ignored: &str| {
            fs::write(folder.path().join(".dockerignore"), ignored).expect("written");
            let mut walk = Walk {
                folder: folder.path(),
                ignored: &self::ignored(folder.path(), &folder.path().join("Dockerfile"))
                    .expect("read"),
                dockerfile: None,
                found: Vec::new(),
                folders: vec![(PathBuf::new(), Holding::default())],
            };
            let mut read = 0;
            while walk.step().expect("readable") {
                read += 1;
            }
            read
        };
        assert_eq!(count("data"), 1);
        assert_eq!(count("data\n!other"), 1);
        assert_eq!(count("data\n!data/below"), 3);
        assert_eq!(count("data\n!**/x"), 3);
    }

    #[test]
    fn a_pattern_that_docker_refuses_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(".dockerignore"), "good\nbad[\n").expect("written");
        let refused = archive(&Build::of_folder(folder.path().to_owned()))
            .err()
            .expect("refused")
            .to_string();
        assert_eq!(refused, "`bad[` in its .dockerignore is no pattern");
    }

    #[test]
    fn a_file_with_holes_is_an_ordinary_entry() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = fs::File::create(folder.path().join("holes")).expect("created");
        file.set_len(1 << 20).expect("a hole");
        let context = read(folder.path()).expect("read");
        let mut archive = tar::Archive::new(context.archive.as_slice());
        let entry = archive
            .entries()
            .expect("ours")
            .next()
            .expect("one")
            .expect("readable");
        assert!(entry.header().entry_type().is_file());
        assert_eq!(entry.size(), 1 << 20);
    }

    #[test]
    fn the_digest_is_of_what_git_would_keep() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect("written");
        };
        let permit = |mode| {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(folder.path().join("Dockerfile"), mode).expect("changed");
        };
        let link = |target: &str| {
            let path = folder.path().join("link");
            let _none = fs::remove_file(&path);
            std::os::unix::fs::symlink(target, path).expect("a link");
        };
        let digest = || read(folder.path()).expect("read").digest;
        write("Dockerfile", "FROM scratch");
        permit(0o644);
        link("one");
        let first = digest();

        let file = fs::File::options()
            .write(true)
            .open(folder.path().join("Dockerfile"));
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        file.expect("a file")
            .set_modified(long_ago)
            .expect("changed");
        permit(0o664);
        fs::create_dir_all(folder.path().join(".git")).expect("made");
        write(".git/HEAD", "ref: refs/heads/main");
        assert_eq!(digest(), first);
        assert_eq!(names(&read(folder.path()).expect("read")).len(), 4);

        permit(0o755);
        assert_ne!(digest(), first);
        permit(0o644);
        link("two");
        assert_ne!(digest(), first);
        link("one");
        write("Dockerfile", "FROM other");
        assert_ne!(digest(), first);
    }
}
