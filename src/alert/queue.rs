//! What one receiver must still be told, kept on disk until it was: one small file for each alert.
//!
//! A file is written beside, made durable and renamed, so there is never half an alert; it is removed when the receiver
//! has said that it got it. Killed between the two, Mailward tells it once more, under the same id. An administrator can
//! look into the folder, and empty it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::fold::Due;
use super::words::Alert;
use crate::domain::Timestamp;

/// Alerts that wait for one receiver. A receiver that is away for a week hears of so many; what comes then is lost, and
/// that is said.
pub const WAITING_MAX: usize = 1_000;

/// A file of ours is far smaller; whatever else lies there is not read whole.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// One alert that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// What.
    pub alert: Alert,
    /// Not before.
    pub at: Timestamp,
    /// Together with others.
    pub together: bool,
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Written {
    at: Timestamp,
    together: bool,
    alert: Alert,
}

/// The alerts of one receiver.
#[derive(Debug)]
pub struct Queue {
    folder: PathBuf,
    /// In the order in which they are due.
    waiting: Vec<Waiting>,
}

impl Queue {
    /// Opens a folder, which is made if it is not there, and reads back what waits in it. What cannot be read is left
    /// where it is.
    ///
    /// # Errors
    /// The folder cannot be made or listed.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let mut waiting = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            match read(&path) {
                Some(Written { at, together, alert }) => waiting.push(Waiting { alert, at, together, path }),
                None => tracing::warn!(file = %path.display(), "is no alert of ours, and is left alone"),
            }
        }
        let mut queue = Self { folder, waiting };
        queue.sort();
        Ok(queue)
    }

    /// Takes an alert in; durable when it returns. Says whether there was room.
    ///
    /// # Errors
    /// The disk is full or broken; the alert is then not kept.
    pub fn add(&mut self, due: Due) -> io::Result<bool> {
        if self.waiting.len() >= WAITING_MAX {
            return Ok(false);
        }
        let Due { alert, at, together } = due;
        let path = self.folder.join(format!("{:013}-{}.json", at.as_millis(), alert.id));
        let written = Written { at, together, alert };
        write(&path, &serde_json::to_vec(&written).map_err(io::Error::from)?)?;
        self.waiting.push(Waiting { alert: written.alert, at, together, path });
        self.sort();
        Ok(true)
    }

    /// What is to be told next at `now`: one alert, or all that go together and are due. Empty: nothing is due yet.
    pub fn due(&self, now: Timestamp) -> Vec<Waiting> {
        let mut due = self.waiting.iter().filter(|waiting| waiting.at <= now);
        match due.next() {
            None => Vec::new(),
            Some(first) if !first.together => vec![first.clone()],
            Some(first) => std::iter::once(first).chain(due.filter(|waiting| waiting.together)).cloned().collect(),
        }
    }

    /// They were told.
    pub fn done(&mut self, told: &[Waiting]) {
        for waiting in told {
            if let Err(error) = fs::remove_file(&waiting.path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::error!(file = %waiting.path.display(), %error, "an alert that was told cannot be removed");
            }
        }
        self.waiting.retain(|waiting| !told.iter().any(|told| told.path == waiting.path));
    }

    /// Since when the one that is due for longest is, where one is at `now`.
    pub fn oldest_due(&self, now: Timestamp) -> Option<Timestamp> {
        self.waiting.iter().map(|waiting| waiting.at).min().filter(|at| *at <= now)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn sort(&mut self) {
        self.waiting.sort_by(|a, b| a.path.cmp(&b.path));
    }
}

fn read(path: &Path) -> Option<Written> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(File::open(path).ok()?, FILE_BYTES_MAX), &mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Event, EventKind};
    use crate::telemetry::line;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(1_764_115_200_000 + second * 1_000)
    }

    fn due(id: u8, second: u64, together: bool) -> Due {
        let event = Event { kind: EventKind::FlagRaised, ..line::example() };
        Due { alert: Alert::of(&event, [id; 16]).expect("an alert").0, at: at(second), together }
    }

    fn ids(waiting: &[Waiting]) -> Vec<&str> {
        waiting.iter().map(|waiting| &waiting.alert.id[..2]).collect()
    }

    #[test]
    fn what_waits_outlives_the_process_and_what_was_told_does_not_come_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut queue = Queue::open(folder.path().join("mail")).expect("writable");
        for (id, second) in [(3, 30), (1, 10), (2, 20)] {
            assert!(queue.add(due(id, second, false)).expect("writable"));
        }
        assert_eq!(ids(&queue.due(at(9))), [""; 0]);
        assert_eq!((queue.oldest_due(at(9)), queue.oldest_due(at(60))), (None, Some(at(10))));
        let first = queue.due(at(60));
        assert_eq!(ids(&first), ["01"]);
        queue.done(&first);
        drop(queue);
        let queue = Queue::open(folder.path().join("mail")).expect("readable");
        assert_eq!((queue.len(), ids(&queue.due(at(60)))), (2, vec!["02"]));
    }

    #[test]
    fn those_that_go_together_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut queue = Queue::open(folder.path().to_owned()).expect("writable");
        for (id, second, together) in [(1, 10, true), (2, 10, true), (3, 5, false), (4, 99, true)] {
            assert!(queue.add(due(id, second, together)).expect("writable"));
        }
        let first = queue.due(at(50));
        assert_eq!(ids(&first), ["03"]);
        queue.done(&first);
        assert_eq!(ids(&queue.due(at(50))), ["01", "02"]);
    }

    #[test]
    fn half_a_file_and_a_foreign_one_are_left_alone_and_a_full_queue_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("0001-aa.json"), "{\"at\":1").expect("writable");
        fs::write(folder.path().join("0002-bb.new"), "half").expect("writable");
        let mut queue = Queue::open(folder.path().to_owned()).expect("writable");
        assert!(queue.is_empty());
        assert!(queue.add(due(1, 0, false)).expect("writable"));
        queue.waiting = vec![queue.waiting[0].clone(); WAITING_MAX];
        assert!(!queue.add(due(2, 0, false)).expect("writable"));
    }
}
