//! What keeps the connections: opens them, pulls changes, opens them again.

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use futures_util::StreamExt as _;

use super::address::ConnectError;
use super::link::{Lane, is_refusal, said};
use super::node::Node;
use super::schema::{self, Unusable};

/// How often changes of other nodes are pulled where nobody gives a hint: twice within the second in which they must be in
/// force.
const PULLED_EACH: Duration = Duration::from_millis(400);

/// After a pull the next one waits for so long, however many hints there are: many changes are pulled at once.
const PULLED_AT_MOST_EACH: Duration = Duration::from_millis(20);

/// How long a pull may take until the connection counts as dead.
const PULLED_WITHIN: Duration = Duration::from_secs(1);

/// How long it may take until a connection is of use.
const CONNECTED_WITHIN: Duration = Duration::from_secs(3);

/// Attempts to connect: the second after this, and twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The longest pause between attempts to hear hints.
const LONGEST_HINTLESS: Duration = Duration::from_secs(30);

/// After so many pulls in a row that failed, connections to a Cluster are opened anew: they should have mended themselves.
const FAILED_MAX: u32 = 5;

/// Sessions that expired are forgotten after so many pulls.
const RUBBISH_PULLS: u32 = 256;

/// For as long as the store lives. Tells `first` what came of the first attempt.
pub(super) async fn keep(node: &Node, first: SyncSender<Result<(), ConnectError>>) {
    let mut first = Some(first);
    let mut pause = FIRST_PAUSE;
    loop {
        let came = connect(node).await;
        let is_up = came.is_ok();
        match came {
            Ok(()) => pause = FIRST_PAUSE,
            Err(trouble) => {
                node.link.close();
                let what = trouble.what();
                if node.link.trouble().as_ref() != Some(&what) {
                    tracing::warn!(what, "no connection to the store");
                }
                node.link.set_trouble(Some(what));
                if let (Some(first), Trouble::Operators(error)) = (first.take(), trouble) {
                    let _gone = first.send(Err(error));
                    return;
                }
            }
        }
        if let Some(first) = first.take() {
            let _gone = first.send(Ok(()));
        }
        if is_up {
            tokio::select! {
                () = watch(node) => {}
                () = listen(node) => {}
            }
        } else {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

enum Trouble {
    Passing(String),
    /// At the start, somebody must mend it. Later it may mend itself.
    Operators(ConnectError),
}

impl Trouble {
    fn what(&self) -> String {
        match self {
            Self::Passing(what) => what.clone(),
            Self::Operators(error) => error.to_string(),
        }
    }
}

async fn connect(node: &Node) -> Result<(), Trouble> {
    let prepared = async {
        node.link.open().await.map_err(Unusable::Failed)?;
        schema::check(node).await?;
        // Whatever is remembered from before is as good as new, or forgotten.
        Ok(node.pull(Lane::Opening).await)
    };
    match tokio::time::timeout(CONNECTED_WITHIN, prepared).await {
        Ok(Ok(Ok(()))) => {
            node.link.publish();
            Ok(())
        }
        Ok(Ok(Err(away))) => Err(Trouble::Passing(away.what)),
        Ok(Err(Unusable::Failed(error))) if is_refusal(&error) => {
            Err(Trouble::Operators(ConnectError::Refused(said(&error))))
        }
        Ok(Err(Unusable::Failed(error))) => Err(Trouble::Passing(said(&error))),
        Ok(Err(Unusable::Newer(error))) => Err(Trouble::Operators(error)),
        Err(_) => Err(Trouble::Passing("it does not answer".to_owned())),
    }
}

async fn hinted(node: &Node) {
    tokio::time::sleep(PULLED_AT_MOST_EACH).await;
    node.hinted.notified().await;
}

/// Hears of changes when they happen, for ever. Whether it does makes no difference but for a fraction of a second: the logs
/// of changes are pulled in any case.
async fn listen(node: &Node) {
    let mut pause = FIRST_PAUSE;
    loop {
        match node.link.subscribe(&node.keys.pattern("log:")).await {
            Ok(mut subscription) => {
                pause = FIRST_PAUSE;
                let mut hints = subscription.on_message();
                while hints.next().await.is_some() {
                    node.hinted.notify_one();
                }
            }
            Err(error) => tracing::debug!(what = said(&error), "no hints of what other gateways change"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_HINTLESS);
    }
}

/// Until the connection is of no use any more.
async fn watch(node: &Node) {
    let (mut failed, mut pulls) = (0, 0_u32);
    loop {
        tokio::select! {
            () = node.link.until_broken() => return,
            () = tokio::time::sleep(PULLED_EACH) => {}
            () = hinted(node) => {}
        }
        match tokio::time::timeout(PULLED_WITHIN, node.pull(Lane::Quick)).await {
            Ok(Ok(())) => {
                failed = 0;
                node.link.set_trouble(None);
            }
            Ok(Err(_)) | Err(_) if node.link.is_cluster() && failed < FAILED_MAX => failed += 1,
            Ok(Err(away)) => {
                node.link.set_trouble(Some(away.what));
                return;
            }
            Err(_) => {
                node.link.set_trouble(Some("it does not answer".to_owned()));
                return;
            }
        }
        pulls = pulls.wrapping_add(1);
        if pulls.is_multiple_of(RUBBISH_PULLS) {
            node.collect_rubbish();
        }
    }
}
