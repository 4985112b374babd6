//! The events file: one JSON line per event, written by a thread of its own so that no request waits for the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Metrics, line};
use crate::domain::{Event, EventKind, Timestamp};

/// Events that wait for the disk. At 1 000 events a second that is eight seconds of a disk that does not answer; beyond
/// that events are dropped, counted, and said to be missing.
pub const QUEUE_MAX: usize = 8_192;

/// The file is rotated when it is larger, in bytes.
pub const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A file whose first line is older than this share of `keep` is rotated as well: what is older than `keep` goes with
/// a whole rotated file, so lines live at most `keep` and this share of it.
const KEEP_SHARES: u32 = 8;

/// Between two reports of a file that cannot be written: one line a minute says as much as thousands.
const COMPLAINT_EVERY: Duration = Duration::from_secs(60);

/// Somebody else who hears of every event, on the writing thread.
pub type Listener = Box<dyn FnMut(&Event) + Send>;

/// Takes events. Cheap to clone; recording never waits and never fails.
#[derive(Clone)]
pub struct Events {
    queue: SyncSender<Order>,
    shared: Arc<Shared>,
    metrics: Arc<Metrics>,
}

struct Shared {
    /// Dropped and not yet said in the file.
    dropped: AtomicU64,
}

enum Order {
    Record(Box<Event>),
    Reopen,
    Finish,
}

/// The thread that writes. [`Writer::finish`] it at the end of the program.
pub struct Writer {
    queue: SyncSender<Order>,
    thread: JoinHandle<()>,
}

/// Where events go and how long they stay.
#[derive(Clone, Debug)]
pub struct EventsFile {
    /// The file that is written; rotated ones stand beside it as `NAME.TIME`.
    pub path: PathBuf,
    /// Files that were rotated longer ago are removed.
    pub keep: Duration,
    /// Rotated when larger, in bytes; usually [`FILE_BYTES_MAX`].
    pub bytes_max: u64,
}

impl EventsFile {
    /// As configured.
    pub fn new(configured: &crate::config::Events) -> Self {
        Self { path: configured.file.clone(), keep: configured.keep, bytes_max: FILE_BYTES_MAX }
    }
}

impl Events {
    /// Opens the file and starts the writing thread, on which `listener` hears of every event.
    ///
    /// Fails when the file cannot be opened for appending: at a start the operator should know at once. Later the
    /// gateway goes on without it, and says so in the log and in `mailward_events_dropped_total`.
    pub fn open(file: EventsFile, metrics: Arc<Metrics>, listener: Listener) -> io::Result<(Self, Writer)> {
        let written = Written::open(&file)?;
        let (queue, orders) = sync_channel(QUEUE_MAX);
        let shared = Arc::new(Shared { dropped: AtomicU64::new(0) });
        let events = Self { queue: queue.clone(), shared: Arc::clone(&shared), metrics: Arc::clone(&metrics) };
        let thread = std::thread::Builder::new().name("events".into()).spawn(move || {
            Scribe { file, written: Some(written), shared, metrics, listener, complained: None }.run(&orders);
        })?;
        Ok((events, Writer { queue, thread }))
    }

    /// Events that go to `Receiver` instead of a file, for tests of the rooms that record them. Nothing is logged.
    pub fn to_receiver(metrics: Arc<Metrics>) -> (Self, EventsReceived) {
        let (queue, orders) = sync_channel(QUEUE_MAX);
        let shared = Arc::new(Shared { dropped: AtomicU64::new(0) });
        (Self { queue, shared, metrics }, EventsReceived(orders))
    }

    /// Records an event: counts it now, and has it written and logged soon. Never blocks.
    pub fn record(&self, event: Event) {
        self.metrics.observe(&event);
        match self.queue.try_send(Order::Record(Box::new(event))) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.shared.dropped.fetch_add(1, Ordering::Relaxed);
                self.metrics.events_dropped(1);
            }
        }
    }

    /// Opens the file anew, after it was moved away (`logrotate`, SIGHUP). Never blocks; if the queue is full now the
    /// next rotation does the same.
    pub fn reopen(&self) {
        let _ = self.queue.try_send(Order::Reopen);
    }

    /// The counters that events feed.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }
}

/// The other end of [`Events::to_receiver`].
pub struct EventsReceived(Receiver<Order>);

impl EventsReceived {
    /// The events recorded since the last call.
    pub fn take(&self) -> Vec<Event> {
        self.0
            .try_iter()
            .filter_map(|order| match order {
                Order::Record(event) => Some(*event),
                Order::Reopen | Order::Finish => None,
            })
            .collect()
    }
}

impl Writer {
    /// Writes what waits and ends the thread. Events recorded afterwards are dropped.
    pub fn finish(self) {
        // The send waits for room: at the end of the program nobody else does.
        let _ = self.queue.send(Order::Finish);
        let _ = self.thread.join();
    }
}

/// The writing side.
struct Scribe {
    file: EventsFile,
    /// None while the file cannot be opened.
    written: Option<Written>,
    shared: Arc<Shared>,
    metrics: Arc<Metrics>,
    listener: Listener,
    complained: Option<Timestamp>,
}

impl Scribe {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let order = match orders.try_recv() {
                Ok(order) => order,
                Err(TryRecvError::Empty) => {
                    // Nothing waits: this is the moment to let readers see what was written.
                    self.flush();
                    match orders.recv_timeout(Duration::from_secs(3_600)) {
                        Ok(order) => order,
                        Err(RecvTimeoutError::Timeout) => continue,
                        Err(RecvTimeoutError::Disconnected) => break,
                    }
                }
                Err(TryRecvError::Disconnected) => break,
            };
            match order {
                Order::Record(event) => self.write(&event),
                Order::Reopen => {
                    self.flush();
                    self.written = None;
                }
                Order::Finish => break,
            }
        }
        self.flush();
    }

    fn write(&mut self, event: &Event) {
        log(event);
        let mut lines = String::new();
        let dropped = self.shared.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(count = dropped, "events were dropped: the disk was slower than they came");
            lines.push_str(&line::dropped_json(event.time, dropped));
            lines.push('\n');
        }
        lines.push_str(&line::json(event));
        lines.push('\n');
        if let Err(error) = self.append(&lines, event.time) {
            self.lose(dropped, 1, event.time, &error);
        }
        (self.listener)(event);
    }

    /// Gives the file up after a failed write. `said` were reported in the line that is lost now, `more` came with it.
    fn lose(&mut self, said: u64, more: u64, now: Timestamp, error: &io::Error) {
        let waiting = self.written.take().map_or(0, |written| written.waiting);
        self.shared.dropped.fetch_add(said + more + waiting, Ordering::Relaxed);
        self.metrics.events_dropped(more + waiting);
        if self.complained.is_none_or(|last| now.since(last) >= COMPLAINT_EVERY) {
            self.complained = Some(now);
            tracing::error!(file = %self.file.path.display(), %error, "events cannot be written");
        }
    }

    fn append(&mut self, lines: &str, now: Timestamp) -> io::Result<()> {
        if self.written.as_ref().is_some_and(|written| written.is_full(&self.file, now)) {
            self.rotate(now)?;
        }
        let written = match &mut self.written {
            Some(written) => written,
            None => self.written.insert(Written::open(&self.file)?),
        };
        written.append(lines, now)
    }

    /// Moves the file aside under a name with the time, and removes rotated ones that are older than `keep`.
    fn rotate(&mut self, now: Timestamp) -> io::Result<()> {
        self.flush();
        self.written = None;
        let aside = rotated_name(&self.file.path, now);
        // Two rotations in one millisecond would lose a file; the second waits for the next line instead.
        if !aside.exists() {
            match fs::rename(&self.file.path, &aside) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        remove_older(&self.file, now);
        Ok(())
    }

    fn flush(&mut self) {
        let Some(written) = &mut self.written else { return };
        match written.out.flush() {
            Ok(()) => written.waiting = 0,
            Err(error) => {
                let now = written.last.unwrap_or(Timestamp::from_millis(0));
                self.lose(0, 0, now, &error);
            }
        }
    }
}

/// The file that is being written.
struct Written {
    out: BufWriter<File>,
    bytes: u64,
    /// The time of its first line; none while it is empty, or when that line is not ours.
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// Events written but not yet flushed: lost if the flush fails.
    waiting: u64,
}

impl Written {
    fn open(file: &EventsFile) -> io::Result<Self> {
        // Events name people and where they were: readable by the owner and its group (for log shippers), no others.
        let opened = OpenOptions::new().append(true).create(true).mode(0o640).open(&file.path)?;
        let bytes = opened.metadata()?.size();
        let first = if bytes > 0 { first_time(&file.path) } else { None };
        let mut out = BufWriter::new(opened);
        if bytes > 0 && !ends_with_newline(&file.path) {
            // A crash in the middle of a line: end it, so that the next event has a line of its own.
            out.write_all(b"\n")?;
        }
        Ok(Self { out, bytes, first, last: None, waiting: 0 })
    }

    fn is_full(&self, file: &EventsFile, now: Timestamp) -> bool {
        let old = file.keep / KEEP_SHARES;
        self.bytes >= file.bytes_max || self.first.is_some_and(|first| now.since(first) > old)
    }

    fn append(&mut self, lines: &str, now: Timestamp) -> io::Result<()> {
        self.out.write_all(lines.as_bytes())?;
        self.bytes += lines.len() as u64;
        self.first.get_or_insert(now);
        self.last = Some(now);
        self.waiting += 1;
        Ok(())
    }
}

fn log(event: &Event) {
    let sentence = line::sentence(event);
    let level = line::meaning(&event.kind).level;
    if level == tracing::Level::ERROR {
        tracing::error!(target: "mailward::event", "{sentence}");
    } else if level == tracing::Level::WARN {
        tracing::warn!(target: "mailward::event", "{sentence}");
    } else if matches!(event.kind, EventKind::Started | EventKind::Stopping | EventKind::ConfigurationReloaded) {
        tracing::info!(target: "mailward", "{sentence}");
    } else {
        tracing::info!(target: "mailward::event", "{sentence}");
    }
}

fn first_time(path: &Path) -> Option<Timestamp> {
    #[derive(serde::Deserialize)]
    struct Head {
        time: jiff::Timestamp,
    }
    let mut first = String::new();
    // A line of ours is far below this; whatever else stands there is not read whole.
    io::Read::take(BufReader::new(File::open(path).ok()?), 64 * 1024).read_line(&mut first).ok()?;
    let head: Head = serde_json::from_str(&first).ok()?;
    Some(Timestamp::from_millis(u64::try_from(head.time.as_millisecond()).ok()?))
}

fn ends_with_newline(path: &Path) -> bool {
    use std::io::{Read, Seek, SeekFrom};
    let last_byte = || -> io::Result<u8> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::End(-1))?;
        let mut byte = [0];
        file.read_exact(&mut byte)?;
        Ok(byte[0])
    };
    last_byte().is_ok_and(|byte| byte == b'\n')
}

/// `events.jsonl.2026-03-01T08-12-09.000Z`: the time of the rotation; sorts, and has no character that a shell minds.
fn rotated_name(path: &Path, now: Timestamp) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", now.to_string().replace(':', "-")));
    PathBuf::from(name)
}

/// The time in a rotated file's name: all its lines are older.
fn rotated_time(path: &Path, rotated: &str) -> Option<Timestamp> {
    let stamp = rotated.strip_prefix(path.file_name()?.to_str()?)?.strip_prefix('.')?;
    let (date, time) = stamp.split_once('T')?;
    let time: jiff::Timestamp = format!("{date}T{}", time.replace('-', ":")).parse().ok()?;
    Some(Timestamp::from_millis(u64::try_from(time.as_millisecond()).ok()?))
}

fn remove_older(file: &EventsFile, now: Timestamp) {
    let folder = file.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let is_old = entry
            .file_name()
            .to_str()
            .and_then(|name| rotated_time(&file.path, name))
            .is_some_and(|time| now.since(time) > file.keep);
        if is_old && let Err(error) = fs::remove_file(entry.path()) {
            tracing::warn!(file = %entry.path().display(), %error, "an old events file cannot be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn at(days: u32) -> Timestamp {
        Timestamp::from_millis(1_772_352_729_000).after(DAY * days)
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    fn opened(folder: &tempfile::TempDir, keep: Duration, bytes_max: u64) -> (Events, Writer, PathBuf) {
        let path = folder.path().join("events.jsonl");
        let file = EventsFile { path: path.clone(), keep, bytes_max };
        let (events, writer) =
            Events::open(file, Metrics::new(at(0)), Box::new(|_| ())).expect("the folder is writable");
        (events, writer, path)
    }

    fn names(folder: &tempfile::TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path()).expect("it is a folder");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn every_event_is_a_line_in_order_and_a_restart_goes_on_below() {
        let folder = folder();
        for start in [0, 100] {
            let (events, writer, _) = opened(&folder, DAY * 180, FILE_BYTES_MAX);
            for n in start..start + 100 {
                events.record(Event::new(at(0), EventKind::Sent { recipients: n }));
            }
            writer.finish();
        }
        let text = fs::read_to_string(folder.path().join("events.jsonl")).expect("it was written");
        let counted: Vec<_> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["recipients"].as_u64())
            .collect();
        assert_eq!(counted, (0..200).map(Some).collect::<Vec<_>>());
    }

    #[test]
    fn a_line_that_a_crash_cut_off_does_not_swallow_the_next() {
        let folder = folder();
        fs::write(folder.path().join("events.jsonl"), "{\"time\":\"2026-03-01T08:12:09.000Z\",\"ev").expect("writable");
        let (events, writer, path) = opened(&folder, DAY * 180, FILE_BYTES_MAX);
        events.record(Event::new(at(0), EventKind::Started));
        writer.finish();
        let text = fs::read_to_string(path).expect("it was written");
        assert_eq!(text.lines().nth(1), Some(r#"{"time":"2026-03-01T08:12:09.000Z","event":"started"}"#));
    }

    #[test]
    fn a_large_file_is_rotated_and_what_is_older_than_keep_is_removed() {
        let folder = folder();
        fs::write(folder.path().join("events.jsonl.unrelated"), "stays").expect("writable");
        let (events, writer, _) = opened(&folder, DAY * 30, 1);
        for day in 0..4 {
            events.record(Event::new(at(day), EventKind::Started));
        }
        events.record(Event::new(at(33), EventKind::Stopping));
        writer.finish();
        assert_eq!(
            names(&folder),
            [
                "events.jsonl",
                "events.jsonl.2026-03-04T08-12-09.000Z",
                "events.jsonl.2026-04-03T08-12-09.000Z",
                "events.jsonl.unrelated"
            ]
        );
    }

    #[test]
    fn a_small_file_is_rotated_when_its_first_line_is_old_even_after_a_restart() {
        let folder = folder();
        for day in [0, 5] {
            let (events, writer, _) = opened(&folder, DAY * 32, FILE_BYTES_MAX);
            events.record(Event::new(at(day), EventKind::Started));
            writer.finish();
        }
        assert_eq!(names(&folder).len(), 2, "{:?}", names(&folder));
    }

    #[test]
    fn a_file_that_was_moved_away_is_opened_anew() {
        let folder = folder();
        let (events, writer, path) = opened(&folder, DAY * 180, FILE_BYTES_MAX);
        events.record(Event::new(at(0), EventKind::Started));
        fs::rename(&path, folder.path().join("moved")).expect("it is there from the start");
        events.reopen();
        events.record(Event::new(at(0), EventKind::Stopping));
        writer.finish();
        assert!(fs::read_to_string(&path).expect("it was made anew").contains("stopping"));
        assert!(fs::read_to_string(folder.path().join("moved")).expect("it was moved").contains("started"));
    }

    #[test]
    fn events_that_the_disk_does_not_take_are_counted_and_nobody_waits() {
        let file = EventsFile { path: "/dev/full".into(), keep: DAY, bytes_max: FILE_BYTES_MAX };
        let metrics = Metrics::new(at(0));
        let (events, writer) =
            Events::open(file, Arc::clone(&metrics), Box::new(|_| ())).expect("it opens; only writing fails");
        for _ in 0..3 {
            events.record(Event::new(at(0), EventKind::SignedOut));
        }
        writer.finish();
        assert!(metrics.render(at(0)).contains("mailward_events_dropped_total 3"));
        events.record(Event::new(at(0), EventKind::SignedOut));
        assert!(metrics.render(at(0)).contains("mailward_events_dropped_total 4"), "nobody writes any more");
    }

    #[test]
    fn a_full_queue_drops_counts_and_says_so() {
        let (events, received) = Events::to_receiver(Metrics::new(at(0)));
        for _ in 0..QUEUE_MAX + 3 {
            events.record(Event::new(at(0), EventKind::SignedOut));
        }
        assert_eq!(received.take().len(), QUEUE_MAX);
        assert!(events.metrics().render(at(0)).contains("mailward_events_dropped_total 3"));
        assert_eq!(
            line::dropped_json(at(0), 3),
            r#"{"time":"2026-03-01T08:12:09.000Z","event":"events_dropped","count":3}"#
        );
    }
}
