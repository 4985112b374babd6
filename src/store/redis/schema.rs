//! Which layout the keys have.

use redis::{RedisError, cmd};

use super::address::ConnectError;
use super::node::Node;

/// Raised by whoever changes what stands under a key.
pub(super) const VERSION: u32 = 1;

/// Why what is there cannot be used.
pub(super) enum Unusable {
    Failed(RedisError),
    Newer(ConnectError),
}

/// Writes the version where there is none, which a server that only reads refuses, and looks at the one that is there.
pub(super) async fn check(node: &Node) -> Result<(), Unusable> {
    let key = node.keys.schema();
    let ask = async {
        node.link.ask_opening::<i64>(cmd("SETNX").arg(&key).arg(VERSION)).await?;
        node.link.ask_opening::<Option<String>>(cmd("GET").arg(&key)).await
    };
    let found = ask.await.map_err(Unusable::Failed)?.unwrap_or_default();
    match found.parse::<u32>() {
        Ok(version) if version <= VERSION => Ok(()),
        _ => Err(Unusable::Newer(ConnectError::NewerSchema { found: found.chars().take(20).collect() })),
    }
}
