//! Files that others replace while they are in use.
//!
//! None is mapped into memory: a file that is cut short under a mapping kills the process.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::IntelError;
use crate::domain::Timestamp;

/// By what a changed file is told: another inode (replaced by renaming), another length, or written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Stamp {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::from(&metadata))
    }

    /// When the file was last written to.
    pub(super) fn modified(&self) -> Timestamp {
        let (seconds, _) = self.modified;
        Timestamp::from_millis(u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000))
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// Opens a file of at most `bytes_max` bytes.
pub(super) fn open(path: &Path, bytes_max: u64) -> Result<(File, Stamp), IntelError> {
    let unread = |source| IntelError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(unread)?;
    let metadata = file.metadata().map_err(unread)?;
    if !metadata.is_file() {
        return Err(IntelError::unusable(path, "is not a file"));
    }
    if metadata.len() > bytes_max {
        return Err(IntelError::unusable(path, format!("is larger than {} MiB", bytes_max >> 20)));
    }
    Ok((file, Stamp::from(&metadata)))
}

/// Reads a whole file of at most `bytes_max` bytes. One that is being written to is refused: half of it may be old.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<(Vec<u8>, Stamp), IntelError> {
    let unread = |source| IntelError::Read { path: path.to_owned(), source };
    let (mut file, before) = open(path, bytes_max)?;
    let mut bytes = Vec::with_capacity(usize::try_from(before.bytes).unwrap_or(0));
    Read::by_ref(&mut file).take(bytes_max).read_to_end(&mut bytes).map_err(unread)?;
    let after = Stamp::from(&file.metadata().map_err(unread)?);
    if before != after || bytes.len() as u64 != after.bytes {
        return Err(IntelError::unusable(
            path,
            "was written to while it was read; replace it by renaming another file",
        ));
    }
    Ok((bytes, before))
}
