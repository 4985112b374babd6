//! The gateways that share the store: each writes that it is there, and reads who else is.

use std::collections::HashMap;

use redis::cmd;

use super::Redis;
use super::link::Lane;
use super::node::{Node, SLACK, from_json, to_json, whole_millis};
use crate::domain::NodeSeen;
use crate::store::Away;

impl Redis {
    /// Says that this gateway is there, and returns all that are, by name, itself among them.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn beat(&self, this: NodeSeen) -> Result<Vec<NodeSeen>, Away> {
        self.ask(move |node| async move { node.beat(this).await }).await
    }

    /// Says that this gateway stops: it is not silent, it is gone.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn leave(&self, id: String) -> Result<(), Away> {
        self.ask(move |node| async move { node.forget_nodes(&[id]).await }).await
    }
}

impl Node {
    async fn beat(&self, this: NodeSeen) -> Result<Vec<NodeSeen>, Away> {
        let key = self.keys.nodes();
        let all: HashMap<String, Vec<u8>> = self.link.ask(Lane::Quick, cmd("HGETALL").arg(&key)).await?;
        let (mut known, mut gone) = (Vec::new(), Vec::new());
        for (id, raw) in all {
            match from_json::<NodeSeen>(&raw).ok() {
                Some(_) if id == this.id => {}
                Some(node) if this.seen.since(node.seen) < NodeSeen::FORGOTTEN_AFTER => known.push(node),
                Some(_) | None => gone.push(id),
            }
        }
        // Room for this one.
        known.sort_by_key(|node| std::cmp::Reverse(node.seen));
        gone.extend(known.drain(known.len().min(NodeSeen::MAX - 1)..).map(|node| node.id));
        self.forget_nodes(&gone).await?;
        let mut put = cmd("HSET");
        put.arg(&key).arg(&this.id).arg(to_json(&this));
        let _new: i64 = self.link.ask(Lane::Quick, &put).await?;
        let lives = whole_millis(NodeSeen::FORGOTTEN_AFTER.saturating_add(SLACK));
        let _set: i64 = self.link.ask(Lane::Quick, cmd("PEXPIRE").arg(&key).arg(lives)).await?;
        known.push(this);
        known.sort_by(|one, other| one.name.cmp(&other.name).then_with(|| one.id.cmp(&other.id)));
        Ok(known)
    }

    async fn forget_nodes(&self, ids: &[String]) -> Result<(), Away> {
        if ids.is_empty() {
            return Ok(());
        }
        let _gone: i64 = self.link.ask(Lane::Quick, cmd("HDEL").arg(self.keys.nodes()).arg(ids)).await?;
        Ok(())
    }
}
