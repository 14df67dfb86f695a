//! One page of movies with their directors, in the order of their numbers.

use rusqlite::{Row, params};
use serde::Serialize;

use super::database::Session;
use super::pagination::Page;

const COUNT: &str = "select count(*) from movie";

const JOINED: &str = "
    select movie.id, movie.title, movie.year, movie.runtime_minutes, director.name
    from movie join director on director.id = movie.director_id
    order by movie.id limit ? offset ?
";

const ALONE: &str = "
    select id, title, year, runtime_minutes, director_id from movie order by id limit ? offset ?
";

const DIRECTOR: &str = "select name from director where id = ?";

/// How the directors of a page are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fetch {
    /// With the movies, in one statement.
    Joined,
    /// One statement per movie: the N+1 fault.
    PerRow,
}

/// One page, and how many movies there are on all pages.
#[derive(Debug, Serialize)]
pub(super) struct Movies {
    items: Vec<Movie>,
    count: i64,
}

#[derive(Debug, Serialize)]
struct Movie {
    id: i64,
    title: String,
    year: i64,
    runtime_minutes: i64,
    director: String,
}

impl Movies {
    /// Reads one page.
    pub(super) fn read(session: &Session<'_>, page: Page, fetch: Fetch) -> rusqlite::Result<Self> {
        let count = session.prepare(COUNT)?.query_row([], |row| row.get(0))?;
        let items = match fetch {
            Fetch::Joined => joined(session, page)?,
            Fetch::PerRow => per_row(session, page)?,
        };
        Ok(Self { items, count })
    }
}

fn joined(session: &Session<'_>, page: Page) -> rusqlite::Result<Vec<Movie>> {
    session
        .prepare(JOINED)?
        .query_map(params![page.limit, page.offset], |row| {
            movie(row, row.get(4)?)
        })?
        .collect()
}

fn per_row(session: &Session<'_>, page: Page) -> rusqlite::Result<Vec<Movie>> {
    session
        .prepare(ALONE)?
        .query_map(params![page.limit, page.offset], |row| {
            movie(row, director(session, row.get(4)?)?)
        })?
        .collect()
}

fn movie(row: &Row<'_>, director: String) -> rusqlite::Result<Movie> {
    Ok(Movie {
        id: row.get(0)?,
        title: row.get(1)?,
        year: row.get(2)?,
        runtime_minutes: row.get(3)?,
        director,
    })
}

fn director(session: &Session<'_>, id: i64) -> rusqlite::Result<String> {
    session.prepare(DIRECTOR)?.query_row([id], |row| row.get(0))
}
