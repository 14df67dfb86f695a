//! What another run of a workflow left for us. Whoever wrote its code wrote the artifact: it is
//! read in memory, one entry of it, up to a size.

use std::io::{Cursor, Read};

use serde::Deserialize;
use zip::ZipArchive;

use super::Provider;
use super::connection::Deed;
use super::{Error, GitHub};

const DEED: Deed = Deed {
    provider: Provider::GitHub,
    what: "read the artifact of the measuring run",
    permission: "actions: read",
};
/// Largest archive, and largest entry of one.
const LARGEST: u64 = 16 << 20;

#[derive(Debug, Deserialize)]
struct Artifact {
    id: u64,
    name: String,
    size_in_bytes: u64,
    expired: bool,
}

/// The contents of one entry of a run's newest artifact of a name; `None` if it left none.
pub async fn fetch(
    github: &GitHub,
    run: u64,
    name: &str,
    entry: &str,
) -> Result<Option<Vec<u8>>, Error> {
    let unusable = |reason: String| Error::Unknown {
        provider: Provider::GitHub,
        what: DEED.what,
        reason,
    };
    let route = github.route(&format!("actions/runs/{run}/artifacts?per_page=100"));
    let listed: Vec<Artifact> = github.list(DEED, &route, "/artifacts").await?;
    let named = listed.into_iter().filter(|it| it.name == name);
    // A run that was started again has one of each attempt; ids grow.
    let Some(found) = named.max_by_key(|it| it.id) else {
        return Ok(None);
    };
    if found.expired {
        return Err(unusable(format!("the artifact `{name}` has expired")));
    }
    if found.size_in_bytes > LARGEST {
        return Err(unusable(format!(
            "the artifact `{name}` is larger than {LARGEST} bytes"
        )));
    }
    let route = github.route(&format!("actions/artifacts/{}/zip", found.id));
    let archive = github.download(DEED, &route).await?;
    extract(archive, entry).map(Some).map_err(unusable)
}

/// The one entry of an archive.
fn extract(archive: Vec<u8>, entry: &str) -> Result<Vec<u8>, String> {
    let mut archive = ZipArchive::new(Cursor::new(archive)).map_err(|it| it.to_string())?;
    let file = archive.by_name(entry);
    let file = file.map_err(|error| format!("`{entry}`: {error}"))?;
    let mut contents = Vec::new();
    let read = file.take(LARGEST + 1).read_to_end(&mut contents);
    read.map_err(|error| format!("`{entry}`: {error}"))?;
    if contents.len() as u64 > LARGEST {
        return Err(format!("`{entry}` is larger than {LARGEST} bytes"));
    }
    Ok(contents)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    pub(in super::super) fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, contents) in entries {
            let started = writer.start_file(*name, SimpleFileOptions::default());
            started.expect("an entry");
            writer.write_all(contents).expect("written");
        }
        writer.finish().expect("an archive").into_inner()
    }

    #[test]
    fn one_entry_is_read_and_no_other() {
        let made = archive(&[("../evil", b"x"), ("measurement.json", b"{}")]);
        assert_eq!(
            extract(made.clone(), "measurement.json").expect("read"),
            b"{}"
        );
        assert!(
            extract(made, "other.json")
                .expect_err("absent")
                .contains("other.json")
        );
        assert!(extract(b"no archive".to_vec(), "x").is_err());
    }

    #[test]
    fn what_swells_is_given_up() {
        let bomb = archive(&[("measurement.json", &vec![b' '; 17 << 20])]);
        assert!(bomb.len() < 1 << 20);
        let error = extract(bomb, "measurement.json").expect_err("too large");
        assert!(error.contains("larger than"), "{error}");
    }
}
