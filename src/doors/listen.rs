//! Where mail servers ask: sockets, and how long each side waits for the other.

use std::io;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use super::Doors;
use super::postfix::Question;

/// Connections of Postfix's open at once. Each of its processes that talk to clients has one; it runs a hundred by default.
pub const CONNECTIONS_MAX: usize = 1024;

/// Postfix closes a connection itself after five minutes without a question (`smtpd_policy_service_max_idle`).
const IDLE_MAX: Duration = Duration::from_secs(330);

/// A question that has begun must end, and its answer be taken, within this time; it is less than two kilobytes each way.
const PATIENCE: Duration = Duration::from_secs(10);

/// A socket that Postfix connects to.
#[derive(Debug)]
pub enum Listener {
    /// In the file system.
    Unix(UnixListener),
    /// TCP.
    Tcp(TcpListener),
}

impl Listener {
    /// A socket in the file system, in place of one that a dead gateway left behind. Everybody may connect who gets into
    /// the folder: Postfix is another user.
    ///
    /// # Errors
    /// Somebody answers there already, or it cannot be made.
    pub fn unix(path: &Path) -> io::Result<Self> {
        if UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another program answers there"));
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
        Ok(Self::Unix(listener))
    }
}

/// Answers Postfix until `stop` says so. `room` is shared by all sockets.
pub async fn answer_postfix(
    listener: Listener,
    doors: Arc<Doors>,
    room: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) {
    let accepting = async {
        match listener {
            Listener::Unix(listener) => match tokio::net::UnixListener::from_std(listener) {
                Ok(listener) => loop {
                    let accepted = listener.accept().await.map(|(stream, _)| stream);
                    take(accepted, &doors, &room).await;
                },
                Err(error) => tracing::error!(%error, "Postfix cannot ask"),
            },
            Listener::Tcp(listener) => match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => loop {
                    let accepted = listener.accept().await;
                    // Who may not ask is told nothing.
                    if matches!(&accepted, Ok((_, peer)) if !doors.allows(peer.ip())) {
                        doors.count("postfix", "not allowed");
                        continue;
                    }
                    take(accepted.map(|(stream, _)| stream), &doors, &room).await;
                },
                Err(error) => tracing::error!(%error, "Postfix cannot ask"),
            },
        }
    };
    tokio::select! {
        () = accepting => {}
        _ = stop.wait_for(|stopping| *stopping) => {}
    }
}

async fn take<S>(accepted: io::Result<S>, doors: &Arc<Doors>, room: &Arc<Semaphore>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match accepted {
        Ok(stream) => match Arc::clone(room).try_acquire_owned() {
            Ok(permit) => {
                tokio::spawn(talk(stream, Arc::clone(doors), permit));
            }
            // Closed at once: Postfix goes on as it is configured to, and hangs at nobody's door.
            Err(_) => doors.count("postfix", "no room"),
        },
        Err(error) => {
            // Out of descriptors, most likely: accepting again at once would spin.
            tracing::warn!(%error, "cannot accept a connection of Postfix's");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// One connection, question after question.
async fn talk<S>(stream: S, doors: Arc<Doors>, room: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = BufReader::new(stream);
    if let Err(error) = converse(&mut stream, &doors).await {
        if error.kind() == io::ErrorKind::InvalidData {
            doors.count("postfix", "unreadable");
        }
        tracing::debug!(%error, "a connection of Postfix's ended early");
    }
    drop(room);
}

async fn converse<S>(stream: &mut BufReader<S>, doors: &Arc<Doors>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        if within(IDLE_MAX, stream.fill_buf()).await?.is_empty() {
            return Ok(());
        }
        let Some(question) = within(PATIENCE, Question::read(stream)).await? else { return Ok(()) };
        let answer = doors.submission(question).await;
        doors.count("postfix", answer.name());
        within(PATIENCE, async {
            stream.write_all(answer.to_string().as_bytes()).await?;
            stream.flush().await
        })
        .await?;
    }
}

async fn within<T>(limit: Duration, doing: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, doing).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
