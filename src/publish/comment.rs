//! The one comment of a pull request: found again by a marker and by its author, edited in place.
//! Every job writes its own section alone. GitHub has no condition for an edit, so that two jobs
//! which read the same comment write over each other: each reads again what it wrote, and repairs.

use http::Method;
use serde::{Deserialize, Serialize};

use super::Provider;
use super::author::{Author, User};
use super::connection::{Deed, Refusal};
use super::page::{MARKER, Page, newer};
use super::retry::Waits;
use super::section::{Section, Stamp};
use super::{Error, GitHub, pull_request};

const DEED: Deed = Deed {
    provider: Provider::GitHub,
    what: "comment on the pull request",
    permission: "pull-requests: write",
};
/// Largest comment that is sent; GitHub takes 65,536 characters.
pub const BUDGET: usize = 60_000;
/// How often a section is written before other jobs are left the last word.
const TRIES: usize = 12;
/// Least room of a report: others give way to links before it does.
const LEAST: usize = 8_000;

/// What becomes of a comment when there is none yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Always,
    /// An older one is edited, a new one is not made.
    OnlyIfThere,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    Created {
        url: String,
    },
    Edited {
        url: String,
    },
    /// A later run, or one of a later commit, has already written there.
    LeftToNewer {
        url: String,
    },
    /// There is none, and none was wanted.
    Nothing,
}

impl Posted {
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Created { url } | Self::Edited { url } | Self::LeftToNewer { url } => Some(url),
            Self::Nothing => None,
        }
    }
}

/// What a job has to say.
#[derive(Clone, Copy)]
pub struct Draft<'a> {
    pub stamp: &'a Stamp,
    /// The report within so many bytes.
    pub body: &'a (dyn Fn(usize) -> String + Sync),
    pub when: When,
}

#[derive(Debug, Clone, Deserialize)]
struct Comment {
    id: u64,
    html_url: String,
    #[serde(default)]
    body: Option<String>,
    user: Option<User>,
}

impl Comment {
    fn page(&self) -> Option<Page> {
        Page::parse(self.body.as_deref()?)
    }
}

#[derive(Debug, Serialize)]
struct Body<'a> {
    body: &'a str,
}

/// What was written so far, in one conversation.
struct Writer<'a> {
    github: &'a GitHub,
    number: u64,
    author: &'a Author,
    draft: Draft<'a>,
    /// The newest commit of the pull request, where GitHub says it.
    head: Option<String>,
    /// The comment that we have made: lists may show it only later.
    made: Option<Comment>,
    /// Whether GitHub found the report too long.
    is_brief: bool,
    /// Whether a comment was gone when it was to be edited.
    was_gone: bool,
}

/// Writes the section of a job into the comment.
pub async fn post(
    github: &GitHub,
    number: u64,
    author: &Author,
    draft: Draft<'_>,
) -> Result<Posted, Error> {
    // Without it the newest run is taken for that of the newest commit.
    let head = pull_request::head(github, number).await.ok();
    let writer = Writer {
        github,
        number,
        author,
        draft,
        head,
        made: None,
        is_brief: false,
        was_gone: false,
    };
    writer.write().await.map_err(|error| match error {
        Error::Answer {
            status: 403,
            message,
            ..
        } if message.contains("locked") => Error::Locked { number },
        error => error,
    })
}

impl Writer<'_> {
    async fn write(mut self) -> Result<Posted, Error> {
        let mut waits = Waits::new(self.github.policy());
        let mut done = None;
        for _ in 0..TRIES {
            let comments = self.ours().await?;
            let page = self.page(&comments);
            let head = self.head.as_deref();
            let first = comments.first();
            if let Some((there, first)) = page.stamp(&self.draft.stamp.key).zip(first) {
                let url = first.html_url.clone();
                if newer(there, self.draft.stamp, head) {
                    return Ok(Posted::LeftToNewer { url });
                }
                let is_ours =
                    (&there.commit, there.run) == (&self.draft.stamp.commit, self.draft.stamp.run);
                let is_whole = first.page().as_ref() == Some(&page);
                if is_ours
                    && is_whole
                    && let Some(done) = &done
                {
                    self.remove(&comments[1..]).await?;
                    // What we made is gone where another job's comment was first.
                    return Ok(match done {
                        Posted::Created { url: made } if *made == url => Posted::Created { url },
                        _ => Posted::Edited { url },
                    });
                }
            }
            if comments.is_empty() && self.draft.when == When::OnlyIfThere {
                return Ok(done.unwrap_or(Posted::Nothing));
            }
            let text = self.text(page);
            match self.store(comments.first(), &text).await {
                Ok(posted) => {
                    done.get_or_insert(posted);
                    self.github.policy().settle().await;
                }
                Err(refusal) => self.survive(refusal, &mut waits).await?,
            }
        }
        Err(Error::Contended {
            number: self.number,
        })
    }

    /// Removes comments whose sections stand in the first one: of two jobs that both found no comment
    /// the first one's stays.
    async fn remove(&self, spare: &[Comment]) -> Result<(), Error> {
        for comment in spare {
            let route = format!("issues/comments/{}", comment.id);
            self.github.delete(DEED, &self.github.route(&route)).await?;
        }
        Ok(())
    }

    /// Our comments, the oldest first. Anybody can write our marker.
    async fn ours(&self) -> Result<Vec<Comment>, Error> {
        let route = format!("issues/{}/comments?per_page=100", self.number);
        let route = self.github.route(&route);
        let mut comments: Vec<Comment> = self.github.list(DEED, &route, "").await?;
        if let Some(made) = &self.made
            && comments.iter().all(|it| it.id != made.id)
        {
            let route = self.github.route(&format!("issues/comments/{}", made.id));
            match self.github.get(DEED, &route).await {
                Ok(comment) => comments.push(comment),
                // Another job found two comments, and removed this one.
                Err(Error::Answer { status: 404, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        comments.retain(|it| {
            let is_marked = it.body.as_ref().is_some_and(|it| it.starts_with(MARKER));
            let is_made = self.made.as_ref().is_some_and(|made| made.id == it.id);
            let is_by_us = || it.user.as_ref().is_some_and(|it| self.author.wrote(it));
            is_marked && (is_made || is_by_us())
        });
        comments.sort_by_key(|it| it.id);
        Ok(comments)
    }

    /// What all of them say together.
    fn page(&self, comments: &[Comment]) -> Page {
        let mut page = Page::default();
        for other in comments.iter().filter_map(Comment::page) {
            page.merge(other, self.head.as_deref());
        }
        page
    }

    /// The comment with our section in it.
    fn text(&self, mut page: Page) -> String {
        let (stamp, head) = (self.draft.stamp, self.head.as_deref());
        let body = if self.is_brief {
            String::new()
        } else {
            (self.draft.body)(page.room(stamp, head, BUDGET).max(LEAST))
        };
        page.put(Section::new(stamp, &body));
        let budget = if self.is_brief { BUDGET / 2 } else { BUDGET };
        page.render(head, &stamp.key, budget)
    }

    async fn store(&mut self, there: Option<&Comment>, text: &str) -> Result<Posted, Refusal> {
        let body = serde_json::to_value(Body { body: text }).expect("a body has a JSON form");
        let (method, rest) = match there {
            Some(comment) => (Method::PATCH, format!("issues/comments/{}", comment.id)),
            None => (Method::POST, format!("issues/{}/comments", self.number)),
        };
        let route = self.github.route(&rest);
        // Tried once: what is there may be another by the next time.
        let (answer, _) = self.github.once(DEED, &method, &route, &body).await?;
        if let Some(comment) = there {
            let url = comment.html_url.clone();
            return Ok(Posted::Edited { url });
        }
        let made: Result<Comment, _> = serde_json::from_value(answer);
        let made = made.map_err(|error| Refusal::not_understood(DEED, &error))?;
        let url = made.html_url.clone();
        self.made = Some(made);
        Ok(Posted::Created { url })
    }

    /// Goes on after a refusal, or ends with it.
    async fn survive(&mut self, refusal: Refusal, waits: &mut Waits) -> Result<(), Error> {
        match refusal.error {
            Error::Answer { status: 422, .. } if !self.is_brief => self.is_brief = true,
            // Another job found two comments and removed the one that we were about to edit.
            Error::Answer { status: 404, .. } if !self.was_gone => self.was_gone = true,
            error => {
                if !waits.wait(refusal.advice).await {
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}
