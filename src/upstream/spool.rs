//! Request bodies read whole before their first byte goes upstream: in memory while small, on disk beyond.
//!
//! Cutting off a half-sent form is no defence, because PHP may run the script on what came. So a form waits here until
//! it is known what it asks for. All waiting bodies together are bounded, in memory and on disk.

use std::fs::File;
use std::future::Future as _;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::task::JoinHandle;

use super::body::RequestBody;

/// A body up to this many bytes stays in memory: most files that people attach.
pub const MEMORY_EACH_MAX: usize = 1536 * 1024;

/// All bodies in memory together, in bytes; beyond, they go to disk at once.
const MEMORY_TOGETHER_MAX: u64 = 64 * 1024 * 1024;

/// All bodies on disk together, in bytes.
const DISK_TOGETHER_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// Written to disk and read back at a time. Each is handed to another thread, which must not happen for every byte that a
/// client sends by itself.
const CHUNK_BYTES: usize = 64 * 1024;

/// Where bodies wait. One for the process.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    next: AtomicU64,
    in_memory: AtomicU64,
    on_disk: AtomicU64,
}

/// Why a body cannot wait here.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// All bodies together take as much room as they may.
    #[error("too many large requests wait at once")]
    Full,
    /// The disk failed.
    #[error("a request body cannot be put on disk")]
    Disk(#[from] io::Error),
}

impl Spool {
    /// Bodies beyond memory go to files in `folder` that nobody else can open: they have no name once they exist.
    pub fn new(folder: &Path) -> Arc<Self> {
        Arc::new(Self {
            folder: folder.to_path_buf(),
            next: AtomicU64::new(0),
            in_memory: AtomicU64::new(0),
            on_disk: AtomicU64::new(0),
        })
    }

    /// A body that is about to be read.
    pub fn begin(self: &Arc<Self>) -> Waiting {
        let room = Room { spool: Arc::clone(self), bytes: 0, on_disk: false };
        Waiting { room, memory: BytesMut::new(), file: None }
    }

    fn open(&self) -> io::Result<File> {
        let name = format!(".spool-{}-{}", std::process::id(), self.next.fetch_add(1, Ordering::Relaxed));
        let path = self.folder.join(name);
        let file = std::fs::OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(file)
    }
}

/// The room one body takes; given back when it is dropped.
#[derive(Debug)]
struct Room {
    spool: Arc<Spool>,
    bytes: u64,
    on_disk: bool,
}

impl Room {
    fn taken(&self) -> &AtomicU64 {
        if self.on_disk { &self.spool.on_disk } else { &self.spool.in_memory }
    }

    fn grow(&mut self, more: u64, most: u64) -> bool {
        if self.taken().fetch_add(more, Ordering::Relaxed) + more > most {
            self.taken().fetch_sub(more, Ordering::Relaxed);
            return false;
        }
        self.bytes += more;
        true
    }

    fn move_to_disk(&mut self) {
        self.taken().fetch_sub(self.bytes, Ordering::Relaxed);
        self.on_disk = true;
        self.taken().fetch_add(self.bytes, Ordering::Relaxed);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.taken().fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A body being read.
#[derive(Debug)]
pub struct Waiting {
    room: Room,
    /// All of it; or, where there is a file, what is not in it yet: less than [`CHUNK_BYTES`].
    memory: BytesMut,
    file: Option<File>,
}

impl Waiting {
    /// Adds what came. The first bytes beyond [`MEMORY_EACH_MAX`] move all of it to disk.
    ///
    /// # Errors
    /// There is no room.
    pub async fn push(&mut self, chunk: Bytes) -> Result<(), SpoolError> {
        let more = chunk.len() as u64;
        if !self.room.on_disk {
            let small = self.memory.len() + chunk.len() <= MEMORY_EACH_MAX;
            if small && self.room.grow(more, MEMORY_TOGETHER_MAX) {
                self.memory.extend_from_slice(&chunk);
                return Ok(());
            }
            self.file = Some(self.room.spool.open()?);
            self.room.move_to_disk();
            let memory = std::mem::take(&mut self.memory).freeze();
            self.write(memory).await?;
        }
        if !self.room.grow(more, DISK_TOGETHER_MAX) {
            return Err(SpoolError::Full);
        }
        if self.memory.is_empty() && chunk.len() >= CHUNK_BYTES {
            return self.write(chunk).await;
        }
        self.memory.extend_from_slice(&chunk);
        if self.memory.len() >= CHUNK_BYTES {
            let gathered = std::mem::take(&mut self.memory).freeze();
            self.write(gathered).await?;
        }
        Ok(())
    }

    async fn write(&mut self, chunk: Bytes) -> Result<(), SpoolError> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        // On a blocking thread: a slow disk must not stop a worker.
        let (file, written) = tokio::task::spawn_blocking(move || {
            let written = file.write_all(&chunk);
            (file, written)
        })
        .await
        .map_err(io::Error::other)?;
        self.file = Some(file);
        Ok(written?)
    }

    /// Bytes read so far.
    pub const fn bytes(&self) -> u64 {
        self.room.bytes
    }

    /// All of it, where it is in memory.
    pub fn in_memory(&self) -> Option<&[u8]> {
        self.file.is_none().then_some(&self.memory)
    }

    /// All of it when it is at most `most` bytes, from wherever it waits.
    ///
    /// # Errors
    /// The disk failed.
    pub fn copy_up_to(&self, most: u64) -> io::Result<Option<Vec<u8>>> {
        if self.room.bytes > most {
            return Ok(None);
        }
        let Some(file) = &self.file else { return Ok(Some(self.memory.to_vec())) };
        let mut file = file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        let mut copy = Vec::new();
        file.read_to_end(&mut copy)?;
        copy.extend_from_slice(&self.memory);
        Ok(Some(copy))
    }

    /// All of it once more, from its beginning, to be read on a thread that may wait for a disk. The body stays where it
    /// is, and may be sent on meanwhile.
    ///
    /// # Errors
    /// The disk failed.
    pub fn again(&self) -> io::Result<Again> {
        let memory = io::Cursor::new(Bytes::copy_from_slice(&self.memory));
        let file = self.file.as_ref().map(File::try_clone).transpose()?;
        // What is in memory now may be written behind it meanwhile.
        let on_disk = if file.is_some() { self.room.bytes - self.memory.len() as u64 } else { 0 };
        Ok(Again { file, at: 0, on_disk, memory })
    }

    /// The body to be sent on. It keeps its room until it is gone.
    ///
    /// # Errors
    /// The disk failed.
    pub fn into_body(mut self) -> io::Result<RequestBody> {
        match self.file.take() {
            None => Ok(RequestBody::Whole(std::mem::take(&mut self.memory).freeze())),
            Some(mut file) => {
                // `copy_up_to` reads through the same position.
                file.seek(SeekFrom::End(0))?;
                file.write_all(&self.memory)?;
                file.seek(SeekFrom::Start(0))?;
                let left = self.room.bytes;
                Ok(RequestBody::Spooled(SpoolReader { state: Reading::Idle(Some(file)), left, _room: self.room }))
            }
        }
    }
}

/// Reads a body that waits, without moving where it is read for being sent on.
pub struct Again {
    /// Shared with the body.
    file: Option<File>,
    /// Where the next bytes are in it.
    at: u64,
    /// So many bytes of it are read.
    on_disk: u64,
    /// What comes behind those.
    memory: io::Cursor<Bytes>,
}

impl io::Read for Again {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.on_disk - self.at).unwrap_or(usize::MAX).min(into.len());
        let Some(file) = self.file.as_ref().filter(|_| left > 0) else { return self.memory.read(into) };
        let read = file.read_at(&mut into[..left], self.at)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += read as u64;
        Ok(read)
    }
}

/// Reads a spooled body back.
pub struct SpoolReader {
    state: Reading,
    left: u64,
    _room: Room,
}

enum Reading {
    Idle(Option<File>),
    Busy(JoinHandle<(File, io::Result<Bytes>)>),
}

impl SpoolReader {
    /// Bytes still to come.
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// The next piece.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            match &mut self.state {
                Reading::Idle(_) if self.left == 0 => return Poll::Ready(None),
                Reading::Idle(file) => {
                    let Some(mut file) = file.take() else { return Poll::Ready(None) };
                    let wanted = CHUNK_BYTES.min(usize::try_from(self.left).unwrap_or(CHUNK_BYTES));
                    self.state = Reading::Busy(tokio::task::spawn_blocking(move || {
                        let mut chunk = vec![0; wanted];
                        let read = file.read_exact(&mut chunk).map(|()| Bytes::from(chunk));
                        (file, read)
                    }));
                }
                Reading::Busy(reading) => {
                    let (file, chunk) = match ready!(Pin::new(reading).poll(cx)) {
                        Ok(done) => done,
                        Err(error) => return Poll::Ready(Some(Err(io::Error::other(error)))),
                    };
                    self.state = Reading::Idle(Some(file));
                    if let Ok(chunk) = &chunk {
                        self.left -= chunk.len() as u64;
                    } else {
                        self.left = 0;
                    }
                    return Poll::Ready(Some(chunk));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_body_comes_back_as_it_went_in_and_leaves_its_room() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let spool = Spool::new(folder.path());
        for bytes in [0, 1, MEMORY_EACH_MAX, MEMORY_EACH_MAX + 1, 3 * MEMORY_EACH_MAX + 7, 3 * MEMORY_EACH_MAX + 8] {
            let body: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8).collect();
            let mut waiting = spool.begin();
            // A byte at a time, and more than is written at once.
            for chunk in body.chunks(if bytes % 2 == 0 { 10_000 } else { 1 }) {
                waiting.push(Bytes::copy_from_slice(chunk)).await.expect("there is room");
            }
            assert_eq!(waiting.in_memory().is_some(), bytes <= MEMORY_EACH_MAX);
            assert_eq!(waiting.copy_up_to(u64::MAX).expect("readable").as_deref(), Some(body.as_slice()));
            let mut again = Vec::new();
            waiting.again().expect("readable").read_to_end(&mut again).expect("readable");
            assert!(again == body, "{bytes} bytes");
            let back = waiting.into_body().expect("readable").collect().await.expect("readable").to_bytes();
            assert!(back == body, "{bytes} bytes");
            let taken = (spool.in_memory.load(Ordering::Relaxed), spool.on_disk.load(Ordering::Relaxed));
            assert_eq!(taken, (0, 0));
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "no file is left behind");
    }
}
