//! What waits for the shared store, on disk as well, so that it outlives the process: one JSON object a line, added to as
//! things come, emptied when all of them are told.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::spool::Untold;

/// Longer ones are none of ours; more than they may be together is not read.
const BYTES_MAX: u64 = 256 << 20;

/// The file. Written without waiting for the disk: it is the end of the process that it is to outlive, and a machine that
/// loses its power loses the last second of it at most.
pub(super) struct Journal {
    file: File,
    is_empty: bool,
    has_failed: bool,
}

impl Journal {
    /// Opens it, for its owner alone, and reads back what a process before this one did not tell.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Vec<Untold>)> {
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let mut untold = Vec::new();
        for line in BufReader::new(&file).take(BYTES_MAX).lines() {
            match serde_json::from_str(&line?) {
                Ok(one) => untold.push(one),
                // The last line of a process that was killed as it wrote it.
                Err(error) => tracing::warn!(%error, "a line of what waits for the store cannot be read"),
            }
        }
        Ok((Self { file, is_empty: false, has_failed: false }, untold))
    }

    /// Adds a line. Should the disk not take it, memory still has it.
    pub(super) fn add(&mut self, untold: &Untold) {
        let mut line = match serde_json::to_vec(untold) {
            Ok(line) => line,
            Err(error) => return tracing::error!(%error, "what waits for the store cannot be written"),
        };
        line.push(b'\n');
        self.is_empty = false;
        if let Err(error) = self.file.write_all(&line)
            && !std::mem::replace(&mut self.has_failed, true)
        {
            tracing::error!(%error, "what waits for the store is in memory only: the disk does not take it");
        }
    }

    /// All of it is told.
    pub(super) fn clear(&mut self) {
        if self.is_empty {
            return;
        }
        match self.file.set_len(0) {
            Ok(()) => (self.is_empty, self.has_failed) = (true, false),
            Err(error) => tracing::warn!(%error, "what the store was told would be told again after a restart"),
        }
    }
}
