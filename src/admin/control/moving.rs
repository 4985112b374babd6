//! The store as a whole: moved elsewhere and back, and copied.

use std::path::PathBuf;

use super::{Control, NotDone, Reply};
use crate::domain::Timestamp;
use crate::store::{Cursor, Record};

/// Records of one page at most; large ones make it shorter.
const PAGE_MAX: usize = 2_000;

impl Control {
    pub(super) async fn export_store(&self, after: Option<Cursor>, most: usize) -> Result<Reply, NotDone> {
        let page = self.store.export(after, most.min(PAGE_MAX)).await?;
        let written =
            |record: &Record| serde_json::to_string(record).map_err(|error| NotDone::Moving(error.to_string()));
        let lines = page.records.iter().map(written).collect::<Result<_, _>>()?;
        Ok(Reply::Exported { lines, next: page.next })
    }

    /// All of a command's records are taken in, or none.
    pub(super) async fn import_store(&self, lines: &[String], now: Timestamp) -> Result<Reply, NotDone> {
        let read = |line: &String| serde_json::from_str(line).map_err(|error| NotDone::Moving(error.to_string()));
        let records: Vec<Record> = lines.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Reply::Imported { changed: self.store.import(records, now).await? })
    }

    pub(super) async fn backup_store(&self, to: PathBuf) -> Result<Reply, NotDone> {
        let Some(data_dir) = self.embedded_in.clone() else { return Err(NotDone::NotEmbedded) };
        if !to.is_absolute() {
            return Err(NotDone::Moving(format!("{} is not an absolute path", to.display())));
        }
        // The last second of counters goes with it.
        self.store.flush().await?;
        let copied = tokio::task::spawn_blocking(move || crate::store::embedded::copy(&data_dir, &to)).await;
        let copied = copied.map_err(|error| NotDone::Moving(error.to_string()))?;
        copied.map_err(|error| NotDone::Moving(format!("{:#}", anyhow::Error::new(error))))?;
        Ok(Reply::BackedUp)
    }
}
