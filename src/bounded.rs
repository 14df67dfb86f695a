//! Files read whole, up to a size: what others wrote may be endless, a pipe nobody writes to, or a
//! link to somewhere else.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// Reads a regular file of at most so many bytes; links are followed.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    within(open(path, OFlags::empty())?, most)
}

/// The same as text.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let bytes = read(path, most)?;
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))
}

/// Reads a regular file that is no link itself.
pub fn read_own(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    if fs::symlink_metadata(path)?.is_symlink() {
        return Err(io::Error::other("it is a symbolic link"));
    }
    within(open(path, OFlags::NOFOLLOW)?, most)
}

/// Opens a file; one that is a pipe does not wait for a writer.
fn open(path: &Path, more: OFlags) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | more;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

fn within(file: File, most: u64) -> io::Result<Vec<u8>> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other(kind(&found)));
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let why = format!("it is larger than {} MiB", most >> 20);
        return Err(io::Error::other(why));
    }
    Ok(bytes)
}

fn kind(found: &Metadata) -> &'static str {
    if found.is_dir() {
        "it is a folder"
    } else {
        "it is not a regular file"
    }
}

/// Whether a path stays in a folder, as it is written and, as far as it is there, in truth.
pub fn leads_inside(path: &Path, folder: &Path) -> bool {
    let absolute = |path: &Path| std::path::absolute(path).map(|path| plain(&path));
    let written = match (absolute(path), absolute(folder)) {
        (Ok(path), Ok(folder)) => path.starts_with(folder),
        _ => false,
    };
    let Ok(folder) = folder.canonicalize() else {
        // A folder that is not there has no links.
        return written;
    };
    let there = path.ancestors().find(|it| it.symlink_metadata().is_ok());
    let truth = there.is_none_or(|it| it.canonicalize().is_ok_and(|it| it.starts_with(&folder)));
    written && truth
}

/// A path without `.`, and with every `..` taken.
pub fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_up_to_the_size_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let link = folder.path().join("link");
        fs::write(&path, "four").expect("written");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        assert_eq!(read(&path, 4).expect("read"), b"four");
        assert_eq!(read(&link, 4).expect("followed"), b"four");
        let refused = |result: io::Result<Vec<u8>>| result.expect_err("refused").to_string();
        assert!(refused(read(&path, 3)).contains("larger than"));
        assert!(refused(read_own(&link, 4)).contains("symbolic link"));
        assert!(refused(read(folder.path(), 4)).contains("folder"));
        assert!(refused(read(Path::new("/dev/zero"), 4)).contains("regular file"));
        fs::write(&path, [0xff]).expect("written");
        assert!(read_text(&path, 4).is_err());
    }

    #[test]
    fn paths_leave_a_folder_by_their_words_and_by_links() {
        let outside = tempfile::tempdir().expect("a folder");
        let folder = outside.path().join("project");
        std::fs::create_dir_all(folder.join("sub")).expect("made");
        let link = |name: &str, to: &Path| {
            std::os::unix::fs::symlink(to, folder.join(name)).expect("a link");
        };
        link("out", outside.path());
        link("in", &folder.join("sub"));
        link("nowhere", Path::new("/nowhere/at/all"));
        let inside = |path: &str| leads_inside(&folder.join(path), &folder);
        for good in ["a.sql", "sub/new/a.sql", "sub/../a.sql", "in/a.sql", "."] {
            assert!(inside(good), "{good}");
        }
        for bad in [
            "../a.sql",
            "sub/../../a.sql",
            "/etc/passwd",
            "out/a.sql",
            "in/../../../a",
            "nowhere",
            "nowhere/a",
        ] {
            assert!(!inside(bad), "{bad}");
        }
    }
}
