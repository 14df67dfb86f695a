//! Files that several machines have written, wherever they lie in some folders or buckets; and where one machine writes
//! its own.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::baseline::{Results, Text};
use crate::config;
use crate::document;
use crate::error::Error;
use crate::model::{self, chain};

/// Folders in folders in which files are looked for.
const DEEPEST: usize = 4;
/// What the address of a bucket begins with.
const BUCKET: &str = "s3:";

/// Files of several machines, listed and not yet read.
#[derive(Debug)]
pub(super) struct Sources {
    sources: Vec<Source>,
}

#[derive(Debug)]
enum Source {
    File(PathBuf),
    Folder(PathBuf),
    Bucket {
        address: PathBuf,
        results: Results,
        keys: Vec<String>,
    },
}

/// One of them.
#[derive(Debug)]
pub(super) struct PartFile<'a> {
    pub(super) path: PathBuf,
    /// The bucket that has it, and its key there.
    object: Option<(usize, &'a Results, &'a str)>,
}

impl Sources {
    /// Files, folders, and addresses of buckets.
    pub(super) fn open(sources: &[PathBuf]) -> Result<Self, Error> {
        let sources = sources.iter().map(|path| {
            if let Some(results) = results(path, "merge", Wanted::Read)? {
                let (address, keys) = (path.clone(), results.keys()?);
                return Ok(Source::Bucket {
                    address,
                    results,
                    keys,
                });
            }
            let found = fs::metadata(path).map_err(|error| unread(path, error))?;
            Ok(if found.is_dir() {
                Source::Folder(path.clone())
            } else {
                Source::File(path.clone())
            })
        });
        let sources = sources.collect::<Result<_, Error>>()?;
        Ok(Self { sources })
    }

    /// Those that are named by themselves, and those of a name in folders and buckets, each once.
    pub(super) fn find(&self, name: &str) -> Result<Vec<PartFile<'_>>, Error> {
        let mut files = Vec::new();
        for (number, source) in self.sources.iter().enumerate() {
            match source {
                Source::File(path) => files.push(PartFile::at(path.clone())),
                Source::Folder(path) => {
                    let mut found = Vec::new();
                    let listed = collect(path, name, DEEPEST, &mut found);
                    listed.map_err(|error| unread(path, error))?;
                    files.extend(found.into_iter().map(PartFile::at));
                }
                Source::Bucket { results, keys, .. } => {
                    let is_named = |key: &&String| is_one(source) || last(key) == name;
                    let found = keys.iter().filter(is_named);
                    files.extend(found.map(|key| PartFile {
                        path: results.shown(key),
                        object: Some((number, results, key)),
                    }));
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.dedup_by(|a, b| a.path == b.path);
        Ok(files)
    }

    /// That one of them is a folder, or a part of a bucket, which holds nothing of a name.
    pub(super) fn none_is_without(&self, name: &str) -> Result<(), Error> {
        for source in &self.sources {
            let (path, is_empty) = match source {
                Source::File(_) => continue,
                Source::Folder(path) => {
                    let mut found = Vec::new();
                    let listed = collect(path, name, DEEPEST, &mut found);
                    listed.map_err(|error| unread(path, error))?;
                    (path, found.is_empty())
                }
                Source::Bucket { address, keys, .. } => {
                    let is_there = is_one(source) || keys.iter().any(|key| last(key) == name);
                    (address, !is_there)
                }
            };
            if is_empty {
                return Err(Error::Argument {
                    argument: path.display().to_string(),
                    reason: format!("there is no `{name}` in it"),
                });
            }
        }
        Ok(())
    }
}

impl PartFile<'_> {
    const fn at(path: PathBuf) -> Self {
        Self { path, object: None }
    }
}

/// What a file holds, or why it cannot be read.
pub(super) type Parsed<T> = (PathBuf, Result<T, String>);

/// What files hold, or why each cannot be read.
pub(super) fn read<T: DeserializeOwned>(
    files: &[PartFile<'_>],
    what: &'static str,
    highest: u32,
) -> Result<Vec<Parsed<T>>, Error> {
    let mut buckets: BTreeMap<usize, (&Results, Vec<String>)> = BTreeMap::new();
    for (number, results, key) in files.iter().filter_map(|it| it.object) {
        let (_, keys) = buckets.entry(number).or_insert((results, Vec::new()));
        keys.push(key.to_owned());
    }
    let mut texts = BTreeMap::new();
    for (results, keys) in buckets.into_values() {
        let read = results.read(&keys)?;
        texts.extend(keys.iter().map(|key| results.shown(key)).zip(read));
    }
    let parsed = |file: &PartFile<'_>| {
        let path = file.path.clone();
        let wrong = |why: &str| Err(format!("cannot read `{}`: {why}", path.display()));
        let read = match texts.get(&path) {
            None => document::read(&path, what, highest).map_err(|error| chain(&error)),
            Some(Text::Bytes(text)) => {
                document::parse(text, &path, what, highest).map_err(|error| chain(&error))
            }
            Some(Text::TooLarge) => wrong("it is larger than any document"),
            Some(Text::Gone) => wrong("it was removed meanwhile"),
        };
        (path, read)
    };
    Ok(files.iter().map(parsed).collect())
}

/// That a result can be written, as far as that is known before it is measured.
pub fn try_writing_result(path: &Path, flag: &str) -> Result<(), Error> {
    if let Some(results) = results(path, flag, Wanted::Write)? {
        results.try_writing()?;
    }
    Ok(())
}

/// Writes a result to a file, or to an object of a bucket that is named like `s3://BUCKET/KEY`.
pub fn write_result(path: &Path, flag: &str, text: &str) -> Result<(), Error> {
    match results(path, flag, Wanted::Write)? {
        Some(results) => Ok(results.write(text)?),
        None => Ok(document::write(path, text)?),
    }
}

/// Whether a path is the address of a bucket.
pub(super) fn is_in_bucket(path: &Path) -> bool {
    path.to_str().is_some_and(|it| it.starts_with(BUCKET))
}

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Read,
    Write,
}

/// Where a path is the address of a bucket: what it names there.
fn results(path: &Path, flag: &str, wanted: Wanted) -> Result<Option<Results>, Error> {
    let Some(text) = path.to_str().filter(|_| is_in_bucket(path)) else {
        return Ok(None);
    };
    let wrong = |reason: &str| Error::Argument {
        argument: text.to_owned(),
        reason: reason.to_owned(),
    };
    let store = config::parse_store(text, Path::new("."), flag).map_err(wrong)?;
    let model::Store::Bucket { bucket, origin } = store else {
        return Ok(None);
    };
    let is_one = wanted == Wanted::Write || is_document(&bucket.prefix);
    if !is_one {
        return Ok(Some(Results::below(bucket, &origin)));
    }
    let no_object = || wrong("it names no object: write `s3://BUCKET/PREFIX/measurement.json`");
    let ends_open = text.ends_with('/') && wanted == Wanted::Write;
    let object = Results::object(bucket, &origin).filter(|_| !ends_open);
    object.map(Some).ok_or_else(no_object)
}

/// Whether a key is that of a document and not the beginning of others.
fn is_document(key: &str) -> bool {
    Path::new(key).extension().is_some_and(|it| it == "json")
}

/// Whether a source is one object of a bucket.
fn is_one(source: &Source) -> bool {
    let Source::Bucket { address, .. } = source else {
        return false;
    };
    address.to_str().is_some_and(is_document)
}

fn last(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

fn unread(path: &Path, source: io::Error) -> Error {
    Error::Read {
        path: path.to_owned(),
        source,
    }
}

fn collect(folder: &Path, name: &str, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Links are not followed: a folder may hold itself.
        let kind = entry.file_type()?;
        if kind.is_dir() && depth > 0 {
            collect(&entry.path(), name, depth - 1, files)?;
        } else if kind.is_file() && entry.file_name() == name {
            files.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_object_of_a_bucket_is_refused_before_anything_is_asked() {
        let why = |address: &str| {
            let found = results(Path::new(address), "--out", Wanted::Write);
            found.expect_err(address).to_string()
        };
        assert!(why("s3://runs").contains("names no object"));
        assert!(why("s3://runs/").contains("names no object"));
        assert!(why("s3://runs/7/").contains("names no object"));
        assert!(why("s3:runs/7").contains("it lacks `//`"));
        assert!(why("s3://runs/a b.json").contains("each part of its prefix"));
        let local = results(Path::new("7/load.json"), "--out", Wanted::Write);
        assert!(local.expect("a file").is_none());
    }

    #[test]
    fn an_address_is_one_object_or_everything_below_it() {
        let open = |address: &str| {
            let found = results(Path::new(address), "merge", Wanted::Read);
            found.expect("an address").expect("a bucket")
        };
        let one = open("s3://runs/7/1/load.json");
        assert_eq!(one.keys().expect("nothing is asked"), ["load.json"]);
        assert_eq!(one.shown("load.json"), Path::new("s3://runs/7/1/load.json"));
        let below = open("s3://runs/7");
        assert_eq!(
            below.shown("1/load.json"),
            Path::new("s3://runs/7/1/load.json")
        );
    }
}
