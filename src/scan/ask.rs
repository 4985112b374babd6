//! Who is asked: in the order of the configuration, each within its time, its size and so many at once.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use futures_util::future::join_all;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

use super::health::{Health, Turn};
use super::{Connection, Content, Envelope, Reads, Silence};
use crate::clock::Clock;
use crate::config::{self, ScannerAddress};
use crate::domain::{Said, Scanned, Timestamp};

/// Messages in memory at once while they are put together and looked at.
const MESSAGES_AT_ONCE_MAX: usize = 32;

/// Pieces of a file that wait for one scanner. With pieces of 64 KiB this is what a file takes of memory.
const PIECES_WAITING: usize = 4;

/// A scanner that is only asked whether it is there says so within this, or it is not.
const PING_TIME_LIMIT: Duration = Duration::from_secs(3);

/// Of a file so many bytes are hashed; whose beginnings are the same are taken for the same.
const HASHED_BYTES_MAX: usize = 1 << 20;

/// A shorter file may be anybody's: a card, a dot.
const HASHED_BYTES_LEAST: usize = 512;

/// All scanners of a configuration.
pub struct Scanners {
    asked: Vec<Asked>,
    messages: Semaphore,
    clock: Clock,
}

struct Asked {
    config: config::Scanner,
    turns: Semaphore,
    health: Health,
}

/// What one scanner said, and whether it is news that it did or did not.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What it said.
    pub scanned: Scanned,
    /// What turned.
    pub turned: Option<Turn>,
}

/// What was found in a file.
#[derive(Debug, Default)]
pub struct FileReport {
    /// By those that read files.
    pub reports: Vec<Report>,
    /// How it begins.
    pub begins: Vec<u8>,
    /// Whether that is all of it.
    pub is_whole: bool,
    /// SHA-256 of it, or of its first MiB; none of one that is too short to be told apart.
    pub digest: Option<[u8; 32]>,
}

impl Scanners {
    /// Those of the configuration. `clock` says how long they take.
    pub fn new(scanners: &[config::Scanner], clock: Clock) -> Self {
        let asked = |config: &config::Scanner| Asked {
            config: config.clone(),
            turns: Semaphore::new(usize::try_from(config.at_once).unwrap_or(1)),
            health: Health::default(),
        };
        Self { asked: scanners.iter().map(asked).collect(), messages: Semaphore::new(MESSAGES_AT_ONCE_MAX), clock }
    }

    /// Their names, in their order.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.asked.iter().map(|asked| &asked.config.name)
    }

    /// Waits until a message may be put together: each takes memory, and so many at once are bound to be enough.
    pub async fn room(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes it.
        self.messages.acquire().await.ok()
    }

    /// Whether nobody is asked.
    pub fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// Whether any of them reads files.
    pub fn reads_files(&self) -> bool {
        self.asked.iter().any(|asked| asked.config.kind.reads() == Reads::MessagesAndFiles)
    }

    /// The size of the largest message that any of them reads, in bytes.
    pub fn message_bytes_max(&self) -> u64 {
        // Who reads files has read each of them by itself; the message is given for its text.
        let of_text = self.asked.iter().filter(|asked| asked.config.kind.reads() == Reads::Messages);
        of_text.map(|asked| asked.config.size_max).max().unwrap_or(0)
    }

    /// Since when each of them does not answer; none where it does, or was not asked yet.
    pub fn silent_since(&self) -> impl Iterator<Item = (&Arc<str>, Option<Timestamp>)> {
        self.asked.iter().map(|asked| (&asked.config.name, asked.health.silent_since()))
    }

    /// Asks about a message, one after the other, until `is_enough` says so. `earlier`: what was said of its files.
    pub async fn message(
        &self,
        envelope: &Envelope,
        message: &Bytes,
        earlier: &[Scanned],
        mut is_enough: impl FnMut(&Scanned) -> bool + Send,
    ) -> Vec<Report> {
        let mut reports = Vec::new();
        for asked in &self.asked {
            let mut content = Content::whole(message.clone(), asked.config.size_max);
            let report = self.ask(asked, envelope, &mut content, earlier).await;
            let enough = is_enough(&report.scanned);
            reports.push(report);
            if enough {
                break;
            }
        }
        reports
    }

    /// Gives a file to all that read files, as it comes, and keeps at most so many bytes of its beginning. Returns when
    /// the file has come to its end, or nobody wants more of it, and all have answered. `earlier`: what was said of other
    /// files of the same message.
    pub async fn file(
        &self,
        envelope: &Envelope,
        mut pieces: mpsc::Receiver<Bytes>,
        kept_max: usize,
        earlier: &[Scanned],
    ) -> FileReport {
        let mut givers = Vec::new();
        let mut asking = Vec::new();
        for asked in self.asked.iter().filter(|asked| asked.config.kind.reads() == Reads::MessagesAndFiles) {
            let (give, take) = mpsc::channel(PIECES_WAITING);
            givers.push(give);
            let mut content = Content::pieces(take, asked.config.size_max);
            asking.push(async move { self.ask(asked, envelope, &mut content, earlier).await });
        }
        let feed = async move {
            let (mut begins, mut is_whole) = (Vec::new(), true);
            let (mut digest, mut hashed) = (digest::Context::new(&digest::SHA256), 0);
            while let Some(piece) = pieces.recv().await {
                let room = kept_max.saturating_sub(begins.len()).min(piece.len());
                begins.extend_from_slice(&piece[..room]);
                is_whole &= room == piece.len();
                let hashes = HASHED_BYTES_MAX.saturating_sub(hashed).min(piece.len());
                digest.update(&piece[..hashes]);
                hashed += hashes;
                for place in (0..givers.len()).rev() {
                    // Who has answered already wants no more.
                    if givers[place].send(piece.clone()).await.is_err() {
                        givers.remove(place);
                    }
                }
                if givers.is_empty() && !is_whole && hashed >= HASHED_BYTES_MAX {
                    break;
                }
            }
            let digest = (hashed >= HASHED_BYTES_LEAST).then(|| digest.finish().as_ref().try_into().ok()).flatten();
            (begins, is_whole, digest)
        };
        let ((begins, is_whole, digest), reports) = tokio::join!(feed, join_all(asking));
        FileReport { reports, begins, is_whole, digest }
    }

    /// Looks whether each of them is there, for whoever watches: nobody may have sent anything for hours. Returns what
    /// turned.
    pub async fn look(&self) -> Vec<(Arc<str>, Turn)> {
        let look = |asked: &Asked| {
            let config = asked.config.clone();
            async move {
                let there = try_out(&config).await;
                (config, there)
            }
        };
        let found = join_all(self.asked.iter().map(look)).await;
        let turned = |(asked, (config, there)): (&Asked, (config::Scanner, Result<(), Silence>))| {
            let turn = match there {
                Ok(()) => asked.health.answered(),
                Err(_) => asked.health.stayed_silent(self.clock.now()),
            };
            Some((config.name, turn?))
        };
        self.asked.iter().zip(found).filter_map(turned).collect()
    }

    async fn ask(&self, asked: &Asked, envelope: &Envelope, content: &mut Content, earlier: &[Scanned]) -> Report {
        let began = self.clock.now();
        // A person waits for it once, however many files the message has.
        let slow = Said::Silent(Silence::Slow.what());
        let was_slow = earlier.iter().any(|of| of.scanner == asked.config.name && of.said == slow);
        let answer = if was_slow || asked.health.rests(began) {
            Err(Silence::Resting)
        } else {
            let limit = asked.config.time_limit;
            match tokio::time::timeout(limit, asked.put(envelope, content)).await {
                Ok(answer) => answer,
                Err(_) => Err(Silence::Slow),
            }
        };
        let now = self.clock.now();
        let (said, turned) = match answer {
            Ok(said) => (said, asked.health.answered()),
            Err(Silence::Resting) => (Said::Silent(Silence::Resting.what()), None),
            Err(silence) => {
                tracing::debug!(scanner = %asked.config.name, %silence, "a scanner did not answer");
                (Said::Silent(silence.what()), asked.health.stayed_silent(now))
            }
        };
        let scanner = Arc::clone(&asked.config.name);
        Report { scanned: Scanned { scanner, said, took: now.since(began) }, turned }
    }
}

impl Asked {
    async fn put(&self, envelope: &Envelope, content: &mut Content) -> Result<Said, Silence> {
        let _turn = self.turns.acquire().await.map_err(|_| Silence::Slow)?;
        let connection = connect(&self.config.address).await?;
        self.config.kind.ask(connection, envelope, content).await
    }
}

async fn connect(address: &ScannerAddress) -> Result<Connection, Silence> {
    match address {
        ScannerAddress::Unix(path) => Ok(Box::new(UnixStream::connect(path).await.map_err(Silence::Unreachable)?)),
        ScannerAddress::Tcp(place) => {
            let connection = TcpStream::connect(place.as_str()).await.map_err(Silence::Unreachable)?;
            // Heads and bodies are written one after the other: without this the body waits for an acknowledgement.
            connection.set_nodelay(true).map_err(Silence::Unreachable)?;
            Ok(Box::new(connection))
        }
    }
}

/// Asks a scanner whether it is there.
///
/// # Errors
/// It is not.
pub async fn try_out(scanner: &config::Scanner) -> Result<(), Silence> {
    let ping = async { scanner.kind.ping(connect(&scanner.address).await?).await };
    tokio::time::timeout(PING_TIME_LIMIT, ping).await.unwrap_or(Err(Silence::Slow))
}
