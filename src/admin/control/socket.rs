//! The socket itself: bound for nobody but its owner, one line there and one line back.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::{By, Command, Control, Reply};

/// Commands answered at the same time; others wait.
const AT_ONCE_MAX: usize = 16;

/// The longest command, in bytes: the largest held message, in base 64, with what stands around it.
const COMMAND_BYTES_MAX: u64 = 64 << 20;

/// The longest answer a client reads, in bytes: a page of held messages, in base 64. [`super::ROWS_MAX`] rows of a
/// kilobyte and [`super::FLAGS_MAX`] flags of sixteen are far less.
const REPLY_BYTES_MAX: u64 = 160 << 20;

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(30);

/// Binds the socket with mode 0600, taking the place of one that a dead gateway left behind.
///
/// Fails with [`io::ErrorKind::AddrInUse`] when a living gateway answers there. Must be called within a tokio runtime.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another gateway answers at this control socket"));
    }
    // Between bind and chmod the socket has the umask's mode, so that happens in a folder that only we can enter; the
    // rename then puts it in place whole. Short names: a socket's path has little room.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let hidden = folder.join(format!(".mw{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&hidden);
    std::fs::DirBuilder::new().mode(0o700).create(&hidden)?;
    let bound = (|| {
        let at = hidden.join("s");
        let listener = UnixListener::bind(&at)?;
        std::fs::set_permissions(&at, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&at, path)?;
        Ok(listener)
    })();
    let _ = std::fs::remove_dir_all(&hidden);
    bound
}

/// Answers commands until it is dropped.
pub async fn serve(listener: UnixListener, control: Arc<Control>) {
    let at_once = Arc::new(Semaphore::new(AT_ONCE_MAX));
    loop {
        let Ok(permit) = Arc::clone(&at_once).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let control = Arc::clone(&control);
                tokio::spawn(async move {
                    if let Ok(Err(error)) = tokio::time::timeout(PATIENCE, answer_one(stream, &control)).await {
                        tracing::debug!(%error, "a command on the control socket was not answered");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: trying again at once would only burn the processor.
                tracing::warn!(%error, "the control socket cannot accept");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn answer_one(stream: UnixStream, control: &Control) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(COMMAND_BYTES_MAX)).read_line(&mut line).await?;
    if line.is_empty() {
        // `bind` of a second gateway only looks whether somebody answers.
        return Ok(());
    }
    let reply = match serde_json::from_str(&line) {
        Ok(command) => control.answer(command, &By::command_line()).await,
        Err(error) => Reply::Refused { why: format!("the gateway does not understand this command: {error}") },
    };
    let mut written = serde_json::to_vec(&reply).map_err(io::Error::other)?;
    written.push(b'\n');
    write.write_all(&written).await?;
    write.shutdown().await
}

/// Why a command got no reply.
#[derive(Debug, thiserror::Error)]
pub enum NoReply {
    /// Nobody listens there.
    #[error("no gateway answers at {path}; is it running? (systemctl status mailward)")]
    NotRunning {
        /// The socket.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The socket belongs to somebody else.
    #[error("{path} may only be used by the gateway's user and root; try sudo")]
    NotAllowed {
        /// The socket.
        path: String,
    },
    /// It broke off, or took too long.
    #[error("the gateway did not answer the command")]
    Broken(#[source] io::Error),
}

/// Asks the gateway at `path`. Waits half a minute at most.
pub async fn ask(path: &Path, command: &Command) -> Result<Reply, NoReply> {
    let shown = || path.display().to_string();
    let stream = UnixStream::connect(path).await.map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied => NoReply::NotAllowed { path: shown() },
        _ => NoReply::NotRunning { path: shown(), source },
    })?;
    let exchange = async {
        let (read, mut write) = stream.into_split();
        let mut line = serde_json::to_vec(command).map_err(io::Error::other)?;
        line.push(b'\n');
        write.write_all(&line).await?;
        let mut answer = String::new();
        read.take(REPLY_BYTES_MAX).read_to_string(&mut answer).await?;
        serde_json::from_str(&answer).map_err(io::Error::other)
    };
    match tokio::time::timeout(PATIENCE, exchange).await {
        Ok(answer) => answer.map_err(NoReply::Broken),
        Err(_) => Err(NoReply::Broken(io::ErrorKind::TimedOut.into())),
    }
}
