//! The database: one `SQLite` file, or one database in memory shared by all connections. Each thread opens its connection
//! once and keeps its statements prepared.

use std::cell::RefCell;
use std::path::{Path, PathBuf, absolute};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use rusqlite::{CachedStatement, Connection, OpenFlags};

use super::error::Error;
use super::seed;

/// How long a statement waits for a lock; short, because it holds up the thread that serves.
const BUSY_TIMEOUT: Duration = Duration::from_millis(100);

/// Reaches the file, which a bare `select 1` does not: `SQLite` answers that one without reading anything.
const CHECK: &str = "select 1 from movie limit 1";

static IN_MEMORY: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static CONNECTIONS: RefCell<Vec<Opened>> = const { RefCell::new(Vec::new()) };
}

struct Opened {
    owner: Weak<Database>,
    connection: Connection,
}

/// A filled database, from which every thread gets its own connection.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    /// Statements run so far, on all connections.
    pub(super) statements: AtomicU64,
    /// A database in memory lives as long as one connection to it.
    _anchor: Mutex<Connection>,
}

/// One thread's connection, at work.
pub(super) struct Session<'a> {
    connection: &'a Connection,
    statements: &'a AtomicU64,
}

impl Database {
    /// Opens the file, or a new database in memory, and fills it when it holds no movies.
    pub(super) fn open(file: Option<&Path>) -> Result<Arc<Self>, Error> {
        let path = file.map_or_else(in_memory, |file| {
            // An absolute path is never taken for one of SQLite's `file:` addresses.
            absolute(file).unwrap_or_else(|_| file.to_owned())
        });
        let named = || file.unwrap_or(&path).to_owned();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut anchor = connect(&path, flags).map_err(|source| Error::Open {
            file: named(),
            source,
        })?;
        seed::fill(&mut anchor).map_err(|source| Error::Seed {
            file: named(),
            source,
        })?;
        Ok(Arc::new(Self {
            path,
            statements: AtomicU64::new(0),
            _anchor: Mutex::new(anchor),
        }))
    }

    /// Opens one more connection, which only reads.
    pub(super) fn connect(&self) -> rusqlite::Result<Connection> {
        connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    /// Does some work on this thread's connection, opened at the first call.
    pub(super) fn with<T>(
        self: &Arc<Self>,
        work: impl FnOnce(&Session<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        CONNECTIONS.with_borrow_mut(|opened| {
            let index = self.position(opened)?;
            work(&Session {
                connection: &opened[index].connection,
                statements: &self.statements,
            })
        })
    }

    /// Whether the database can be read at this moment.
    pub(super) fn check(self: &Arc<Self>) -> rusqlite::Result<()> {
        self.with(|session| session.prepare(CHECK)?.query_row([], |_| Ok(())))
    }

    fn position(self: &Arc<Self>, opened: &mut Vec<Opened>) -> rusqlite::Result<usize> {
        let own = |opened: &Opened| opened.owner.as_ptr() == Arc::as_ptr(self);
        if let Some(index) = opened.iter().position(own) {
            return Ok(index);
        }
        opened.retain(|opened| opened.owner.strong_count() > 0);
        opened.push(Opened {
            owner: Arc::downgrade(self),
            connection: self.connect()?,
        });
        Ok(opened.len() - 1)
    }
}

impl Session<'_> {
    /// Prepares a statement, or takes it from the connection's cache, and counts it as run.
    pub(super) fn prepare(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.connection.prepare_cached(sql)
    }
}

/// A name under which all connections of this process find the same database.
fn in_memory() -> PathBuf {
    let number = IN_MEMORY.fetch_add(1, Ordering::Relaxed);
    PathBuf::from(format!("file:/sample-{number}?vfs=memdb"))
}

fn connect(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = access | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}
