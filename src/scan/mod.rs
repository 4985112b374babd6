//! The operator's own scanners, asked about what leaves: rspamd, SpamAssassin, ClamAV.
//!
//! This room puts a composed message together as a mail ([`message`]), gives it and its files to the scanners in the
//! order of the configuration ([`Scanners`]), and says what they said. It knows no product, no limit and no store, and
//! decides nothing: what follows from an answer, or from none, is `policy::content`'s to say. Nothing of the content is
//! kept or written anywhere.
//!
//! To add a scanner: a file here with one type that implements [`Scanner`], its line in [`ALL`], and a test with the real
//! one in `tests/it/scanners.rs`. The suite in `tests.rs` feeds garbage to all of them.

mod ask;
mod clamav;
mod content;
mod health;
pub mod message;
mod rspamd;
mod spamassassin;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

pub use ask::{FileReport, Report, Scanners, try_out};
pub use content::Content;
pub use health::Turn;

use crate::domain::Said;

/// Every scanner that can be asked.
pub static ALL: &[&dyn Scanner] = &[&rspamd::Rspamd, &spamassassin::SpamAssassin, &clamav::ClamAv];

/// The scanner whose [`Scanner::id`] is `id`.
pub fn by_id(id: &str) -> Option<&'static dyn Scanner> {
    ALL.iter().copied().find(|scanner| scanner.id() == id)
}

/// One kind of scanner, as it is spoken with. Each question has a connection of its own; who asks bounds time, size and
/// how many at once.
pub trait Scanner: Send + Sync {
    /// The name used in the configuration.
    fn id(&self) -> &'static str;

    /// What it is given.
    fn reads(&self) -> Reads;

    /// What holds where the configuration does not say.
    fn usual(&self) -> Usual;

    /// Asks about one content.
    fn ask<'a>(&self, connection: Connection, envelope: &'a Envelope, content: &'a mut Content) -> Asking<'a, Said>;

    /// Asks whether it is there at all.
    fn ping<'a>(&self, connection: Connection) -> Asking<'a, ()>;
}

impl std::fmt::Debug for dyn Scanner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id())
    }
}

/// What a scanner is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Messages.
    Messages,
    /// Messages, and files each by itself.
    MessagesAndFiles,
}

/// What holds for a kind of scanner where the configuration does not say.
#[derive(Clone, Copy, Debug)]
pub struct Usual {
    /// How long one question may take.
    pub time_limit: Duration,
    /// What is larger is given cut off, in bytes.
    pub size_max: u64,
    /// Questions at once.
    pub at_once: u32,
}

/// Who sends what, as far as scanners are told. Everything but the address is written by the client.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    /// The account.
    pub user: String,
    /// From where it is used.
    pub address: Option<IpAddr>,
    /// The sender's mail address, or as much as is known of it.
    pub from: String,
    /// The recipients' addresses.
    pub recipients: Vec<String>,
    /// The site.
    pub site: String,
}

/// A connection to a scanner.
pub type Connection = Box<dyn Duplex>;

/// Both directions of a connection.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// An answer that is being waited for.
pub type Asking<'a, T> = Pin<Box<dyn Future<Output = Result<T, Silence>> + Send + 'a>>;

/// Why a scanner said nothing.
#[derive(Debug, thiserror::Error)]
pub enum Silence {
    /// No connection.
    #[error("it cannot be reached")]
    Unreachable(#[source] std::io::Error),
    /// The connection broke off before there was an answer.
    #[error("it broke the connection off")]
    Broken(#[source] std::io::Error),
    /// The answer is none of its language, or says that it cannot work.
    #[error("its answer cannot be understood")]
    Nonsense,
    /// Nothing came within its time limit.
    #[error("it does not answer in time")]
    Slow,
    /// It was silent just before, and is given time.
    #[error("it did not answer just before")]
    Resting,
}

impl Silence {
    /// In words of ours, for events and pages.
    pub const fn what(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "it cannot be reached",
            Self::Broken(_) => "it broke the connection off",
            Self::Nonsense => "its answer cannot be understood",
            Self::Slow => "it does not answer in time",
            Self::Resting => "it did not answer just before",
        }
    }
}

/// Of any scanner's answer, so much is read, in bytes: rspamd's names every rule that fitted.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;

/// Reads what a scanner answers until it closes the connection.
async fn read_to_end(connection: &mut Connection) -> Result<Vec<u8>, Silence> {
    use tokio::io::AsyncReadExt as _;
    let mut answer = Vec::new();
    connection.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await.map_err(Silence::Broken)?;
    Ok(answer)
}
