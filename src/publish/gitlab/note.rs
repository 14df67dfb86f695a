//! The note of a merge request that a job keeps: found again by a line that readers do not see and by its
//! author, edited in place.

use http::Method;
use serde::{Deserialize, Serialize};

use super::super::comment::When;
use super::super::connection::Deed;
use super::super::section::Stamp;
use super::super::{Error, Provider, Run};
use super::GitLab;

const DEED: Deed = Deed {
    provider: Provider::GitLab,
    what: "write a note on the merge request",
    permission: "the scope `api` and the role Reporter",
};
/// Largest note that is sent; GitLab takes 1,000,000 characters.
pub const BUDGET: usize = 60_000;
const START: &str = "<!-- perfgate note ";
const END: &str = " -->\n";

/// What became of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    Written,
    Edited,
    /// A later pipeline has written it already.
    LeftToNewer,
    /// There is none, and none was wanted.
    Nothing,
}

/// The line that readers do not see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    key: String,
    run: Run,
}

#[derive(Debug, Clone, Deserialize)]
struct Note {
    id: u64,
    body: String,
    author: User,
    #[serde(default)]
    system: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
struct User {
    id: u64,
}

#[derive(Debug, Serialize)]
struct Body<'a> {
    body: &'a str,
}

impl Note {
    fn marker(&self) -> Option<Marker> {
        let rest = self.body.strip_prefix(START)?;
        serde_json::from_str(rest.split_once(END.trim_end())?.0).ok()
    }
}

/// Writes the note of a job, or edits the one that is there.
pub async fn post(
    gitlab: &GitLab,
    merge_request: u64,
    stamp: &Stamp,
    body: &str,
    when: When,
) -> Result<Noted, Error> {
    let connection = &gitlab.connection;
    let route = gitlab.route(&format!("merge_requests/{merge_request}/notes"));
    let own: User = connection.get(DEED, "/user").await?;
    let list = format!("{route}?per_page=100");
    let find = async || {
        let all: Vec<Note> = connection.list(DEED, &list, "").await?;
        // Whoever may write notes may copy the marker.
        let is_ours = |it: &Note| {
            let marker = it.marker();
            it.author == own && !it.system && marker.is_some_and(|it| it.key == stamp.key)
        };
        Ok::<_, Error>(all.into_iter().find(is_ours))
    };
    let marker = Marker {
        key: stamp.key.clone(),
        run: stamp.run,
    };
    let marker = serde_json::to_string(&marker).expect("a marker has a JSON form");
    let heading = if stamp.label.is_empty() {
        String::new()
    } else {
        format!("**{}**\n\n", stamp.shown())
    };
    let text = format!(
        "{START}{marker}{END}{heading}{}",
        body.replace(START, "<!-- ")
    );
    let body = Body { body: &text };
    match find().await? {
        Some(there) if there.marker().is_some_and(|it| it.run > stamp.run) => {
            Ok(Noted::LeftToNewer)
        }
        Some(there) => {
            let route = format!("{route}/{}", there.id);
            connection.change(DEED, &Method::PUT, &route, &body).await?;
            Ok(Noted::Edited)
        }
        None if when == When::OnlyIfThere => Ok(Noted::Nothing),
        None => {
            connection.post::<Note>(DEED, &route, &body, find).await?;
            Ok(Noted::Written)
        }
    }
}
