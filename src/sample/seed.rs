//! The rows of the sample: the directors and movies of the Django fixture, the same in every database.

use rusqlite::{Connection, Transaction, params};

const DIRECTORS: usize = 50;

const TABLES: &str = "
    create table if not exists director (
        id integer primary key,
        name text not null
    );
    create table if not exists movie (
        id integer primary key,
        title text not null,
        year integer not null,
        runtime_minutes integer not null,
        director_id integer not null references director (id)
    );
";

const MOVIE: &str = "
    insert into movie (id, title, year, runtime_minutes, director_id) values (?, ?, ?, ?, ?)
";

const FIRST: [&str; 20] = [
    "Amber", "Broken", "Crimson", "Distant", "Electric", "Fallen", "Golden", "Hidden", "Iron",
    "Jade", "Last", "Midnight", "Northern", "Paper", "Quiet", "Restless", "Silver", "Stolen",
    "Velvet", "Winter",
];

const SECOND: [&str; 25] = [
    "Anchor", "Bridge", "Canyon", "Dancer", "Empire", "Forest", "Garden", "Harbor", "Island",
    "Journey", "Kingdom", "Lantern", "Mirror", "Night", "Ocean", "Promise", "Question", "River",
    "Shadow", "Tower", "Umbrella", "Valley", "Witness", "Year", "Zenith",
];

/// Creates the tables where they are missing, and the rows where there is no movie yet.
pub(super) fn fill(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    if is_empty(&transaction)? {
        directors(&transaction)?;
        movies(&transaction)?;
    }
    transaction.commit()
}

fn is_empty(transaction: &Transaction<'_>) -> rusqlite::Result<bool> {
    transaction.query_row("select not exists (select 1 from movie)", [], |row| {
        row.get(0)
    })
}

fn directors(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare("insert into director (id, name) values (?, ?)")?;
    for id in 1..=DIRECTORS {
        insert.execute(params![id, format!("Director {id:02}")])?;
    }
    Ok(())
}

fn movies(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare(MOVIE)?;
    let titles = FIRST
        .iter()
        .flat_map(|first| SECOND.iter().map(move |second| format!("{first} {second}")));
    for (id, title) in (1_usize..).zip(titles) {
        let year = 1950 + id * 7 % 75;
        let runtime_minutes = 80 + id * 13 % 90;
        let director_id = 1 + id * 11 % DIRECTORS;
        insert.execute(params![id, title, year, runtime_minutes, director_id])?;
    }
    Ok(())
}
