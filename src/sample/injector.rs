//! The faults at work: what they do to each request, and what they pile up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::database::Database;
use super::faults::{Faults, MOST_KIB};

/// The most connections left open.
const MOST_CONNECTIONS: usize = 1000;

/// Between two readings of the clock, a thread that was on its core sees less than this pass.
const OFF_CORE: Duration = Duration::from_micros(100);

const MILLION: u64 = 1_000_000;

/// The faults that every request meets, and what they have piled up.
#[derive(Debug)]
pub(super) struct Injector {
    faults: Faults,
    errors_per_million: u64,
    requests: AtomicU64,
    pub(super) connections: Mutex<Vec<Connection>>,
    pub(super) memory: Mutex<Vec<u8>>,
}

impl Injector {
    /// Nothing, when no request meets a fault.
    pub(super) fn new(faults: &Faults) -> Option<Self> {
        let errors_per_million = per_million(faults.error_rate);
        let timed = faults.cpu + faults.sleep > Duration::ZERO;
        let piled = faults.connection_leak || faults.memory_kib > 0;
        (timed || piled || errors_per_million > 0).then(|| Self {
            faults: faults.clone(),
            errors_per_million,
            requests: AtomicU64::new(0),
            connections: Mutex::default(),
            memory: Mutex::default(),
        })
    }

    /// Does to one request what the faults ask for; an error is the fault that makes it fail.
    pub(super) async fn inject(&self, database: &Database) -> Result<(), &'static str> {
        self.keep_memory();
        self.leak_connection(database)
            .map_err(|_| "FAULT_CONNECTION_LEAK")?;
        if !self.faults.sleep.is_zero() {
            tokio::time::sleep(self.faults.sleep).await;
        }
        burn(self.faults.cpu);
        if self.fails() {
            return Err("FAULT_ERROR_RATE");
        }
        Ok(())
    }

    fn keep_memory(&self) {
        if self.faults.memory_kib > 0 {
            let mut memory = locked(&self.memory);
            let size = memory.len() + self.faults.memory_kib * 1024;
            // Not zero, so that every page is written and none can stay a page of zeros.
            memory.resize(size.min(MOST_KIB * 1024), 1);
        }
    }

    fn leak_connection(&self, database: &Database) -> rusqlite::Result<()> {
        if self.faults.connection_leak {
            let mut connections = locked(&self.connections);
            if connections.len() < MOST_CONNECTIONS {
                connections.push(database.connect()?);
            }
        }
        Ok(())
    }

    /// Whether the errors due up to this request are one more than those due before it.
    fn fails(&self) -> bool {
        let before = self.requests.fetch_add(1, Ordering::Relaxed);
        let due = |requests: u64| requests * self.errors_per_million / MILLION;
        due(before + 1) > due(before)
    }
}

/// Keeps the thread busy for that much time on its core: what passes while another thread has the core does not count, so
/// the work stays the same on a busy machine.
fn burn(amount: Duration) {
    let mut burnt = Duration::ZERO;
    let mut last = Instant::now();
    while burnt < amount {
        let now = Instant::now();
        let step = now - last;
        last = now;
        if step < OFF_CORE {
            burnt += step;
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the rate is between 0 and 1"
)]
fn per_million(rate: f64) -> u64 {
    (rate * 1e6).round() as u64
}
