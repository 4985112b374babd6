//! Which layout the keys have.

use redis::cmd;

use super::address::ConnectError;
use super::link::Lane;
use super::node::Node;
use crate::store::Away;

/// Raised by whoever changes what stands under a key.
pub(super) const VERSION: u32 = 1;

/// Why what is there cannot be used.
pub(super) enum Unusable {
    Away(Away),
    Newer(ConnectError),
}

/// Writes the version where there is none, which a server that only reads refuses, and looks at the one that is there.
pub(super) async fn check(node: &Node) -> Result<(), Unusable> {
    let key = node.keys.schema();
    let ask = async {
        node.link.ask::<i64>(Lane::Quick, cmd("SETNX").arg(&key).arg(VERSION)).await?;
        node.link.ask::<Option<String>>(Lane::Quick, cmd("GET").arg(&key)).await
    };
    let found = ask.await.map_err(Unusable::Away)?.unwrap_or_default();
    match found.parse::<u32>() {
        Ok(version) if version <= VERSION => Ok(()),
        _ => Err(Unusable::Newer(ConnectError::NewerSchema { found: found.chars().take(20).collect() })),
    }
}
