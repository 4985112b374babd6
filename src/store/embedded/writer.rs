//! The one thread that writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::behind::Behind;
use super::database::{Database, OpenError};
use super::{Memory, correspondents, kept, profiles};
use crate::store::Away;

/// Something that must be durable before its caller goes on.
pub(super) trait Change: Send + 'static {
    /// What the caller is told.
    type Done: Send + 'static;

    /// Writes it, within a transaction that holds other changes too. Looks at the database only: changes before it in
    /// the transaction are not in memory yet. May note what it found for [`Change::apply`].
    fn write(&mut self, database: &Connection) -> rusqlite::Result<()>;

    /// Makes it so in memory, now that it is durable.
    fn apply(self, memory: &Memory) -> Result<Self::Done, Away>;

    /// It could not be written: makes so in memory what is stricter than before, nothing else.
    fn apply_unwritten(self, _memory: &Memory)
    where
        Self: Sized,
    {
    }
}

/// A [`Change`] and who waits for it, of whatever kind.
trait Job: Send {
    fn write(&mut self, database: &Connection) -> rusqlite::Result<()>;
    fn settle(self: Box<Self>, memory: &Memory, written: Result<(), &str>);
}

struct Waiting<C: Change> {
    change: C,
    reply: oneshot::Sender<Result<C::Done, Away>>,
}

impl<C: Change> Job for Waiting<C> {
    fn write(&mut self, database: &Connection) -> rusqlite::Result<()> {
        self.change.write(database)
    }

    fn settle(self: Box<Self>, memory: &Memory, written: Result<(), &str>) {
        let done = match written {
            Ok(()) => self.change.apply(memory),
            Err(what) => {
                self.change.apply_unwritten(memory);
                Err(Away { what: what.to_owned() })
            }
        };
        // Whoever asked may have gone; what is durable stays.
        let _gone = self.reply.send(done);
    }
}

enum Order {
    Do(Box<dyn Job>),
    /// Write what is written behind, and say so.
    Flush(oneshot::Sender<Result<(), Away>>),
    /// A second has passed.
    Tick,
}

/// The handle to the writing thread. Dropping it writes everything and waits for that.
pub(super) struct Writer {
    orders: Option<SyncSender<Order>>,
    stopping: Arc<AtomicBool>,
    ticker: Option<JoinHandle<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Changes that may wait to be written; beyond it callers are told that the store is away. More than a second of what a
/// slow disk can commit in groups.
const WAITING_MAX: usize = 4096;

/// Changes in one transaction.
const BATCH_MAX: usize = 512;

/// How late counters are written.
const WRITE_BEHIND: Duration = Duration::from_secs(1);

/// Rubbish is collected every so many ticks.
const RUBBISH_TICKS: u32 = 30;

/// Rows of one table that are rubbish at one time; over a million in a day.
const RUBBISH_MAX: u32 = 500;

impl Writer {
    pub(super) fn start(database: Database, memory: Arc<Memory>) -> Result<Self, OpenError> {
        let (orders, waiting) = sync_channel(WAITING_MAX);
        let stopping = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || Desk::new(database, memory).work(&waiting))
            .map_err(OpenError::Thread)?;
        let ticks = orders.clone();
        let stop = Arc::clone(&stopping);
        let ticker = std::thread::Builder::new()
            .name("store-ticker".into())
            .spawn(move || {
                while !stop.load(Ordering::Acquire) {
                    std::thread::park_timeout(WRITE_BEHIND);
                    // A full queue is being worked off; the next tick will do.
                    let _full = ticks.try_send(Order::Tick);
                }
            })
            .map_err(OpenError::Thread)?;
        Ok(Self { orders: Some(orders), stopping, ticker: Some(ticker), thread: Some(thread) })
    }

    pub(super) async fn write<C: Change>(&self, change: C) -> Result<C::Done, Away> {
        let (reply, done) = oneshot::channel();
        self.send(Order::Do(Box::new(Waiting { change, reply })))?;
        done.await.map_err(|_| stopped())?
    }

    pub(super) async fn flush(&self) -> Result<(), Away> {
        let (reply, done) = oneshot::channel();
        self.send(Order::Flush(reply))?;
        done.await.map_err(|_| stopped())?
    }

    fn send(&self, order: Order) -> Result<(), Away> {
        let orders = self.orders.as_ref().ok_or_else(stopped)?;
        orders.try_send(order).map_err(|error| match error {
            TrySendError::Full(_) => Away { what: "too many changes wait to be written".into() },
            TrySendError::Disconnected(_) => stopped(),
        })
    }
}

fn stopped() -> Away {
    Away { what: "its writing thread has stopped".into() }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        if let Some(ticker) = self.ticker.take() {
            ticker.thread().unpark();
            // A thread that panicked has said so itself.
            let _panicked = ticker.join();
        }
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// What the writing thread owns.
pub(super) struct Desk {
    database: Database,
    memory: Arc<Memory>,
    ticks: u32,
}

impl Desk {
    pub(super) const fn new(database: Database, memory: Arc<Memory>) -> Self {
        Self { database, memory, ticks: 0 }
    }

    /// Until the handle is dropped.
    fn work(mut self, waiting: &Receiver<Order>) {
        while let Ok(first) = waiting.recv() {
            let mut jobs = Vec::new();
            let mut flushes = Vec::new();
            let mut ticked = false;
            let more = std::iter::from_fn(|| waiting.try_recv().ok());
            for order in std::iter::once(first).chain(more.take(BATCH_MAX - 1)) {
                match order {
                    Order::Do(job) => jobs.push(job),
                    Order::Flush(reply) => flushes.push(reply),
                    Order::Tick => ticked = true,
                }
            }
            self.write(jobs);
            if ticked {
                self.tick();
            }
            if ticked || !flushes.is_empty() {
                let written = self.write_behind();
                for reply in flushes {
                    let _gone = reply.send(written.clone().map_err(|what| Away { what }));
                }
            }
        }
        // The next start reads what could be written; there is nobody left to tell of the rest.
        let _written = self.write_behind();
    }

    fn write(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        if jobs.is_empty() {
            return;
        }
        let written =
            self.database.in_one_transaction(|database| jobs.iter_mut().try_for_each(|job| job.write(database)));
        let written = written.map_err(|error| error.to_string());
        for job in jobs {
            job.settle(&self.memory, written.as_ref().copied().map_err(String::as_str));
        }
    }

    /// Writes one change while its caller waits here.
    pub(super) fn write_alone<C: Change>(&mut self, mut change: C) -> Result<C::Done, Away> {
        let written = self.database.in_one_transaction(|database| change.write(database));
        written.map_err(|error| Away { what: error.to_string() })?;
        change.apply(&self.memory)
    }

    /// Answers one question while its caller waits here.
    pub(super) fn read<T>(&self, question: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Away> {
        question(self.database.connection()).map_err(|error| Away { what: error.to_string() })
    }

    fn tick(&mut self) {
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(RUBBISH_TICKS) {
            self.collect_rubbish();
        }
    }

    /// Forgets what has expired: in memory all of it, on disk so much at a time that nobody waits long.
    pub(super) fn collect_rubbish(&mut self) {
        self.memory.collect_rubbish();
        let (now, forgotten_after) = (self.memory.latest(), self.memory.profile_forgotten_after());
        let collected = self.database.in_one_transaction(|database| {
            profiles::collect_rubbish(database, now, forgotten_after, RUBBISH_MAX)?;
            correspondents::collect_rubbish(database, now, RUBBISH_MAX)?;
            kept::collect_rubbish(database, now, RUBBISH_MAX)
        });
        if let Err(error) = collected {
            tracing::debug!(%error, "what has expired stays in the store until the next time");
        }
    }

    /// What is written behind, and deletions. What could not be written is kept for the next time.
    pub(super) fn write_behind(&mut self) -> Result<(), String> {
        let Some(behind) = Behind::take(&self.memory) else { return Ok(()) };
        match self.database.in_one_transaction(|database| behind.write(database)) {
            Ok(()) => {
                behind.settle(&self.memory);
                Ok(())
            }
            Err(error) => {
                behind.give_back(&self.memory);
                Err(error.to_string())
            }
        }
    }
}
