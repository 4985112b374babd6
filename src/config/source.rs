//! A configuration as it was written: to show it without its secrets, and to try it with something changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::{Table, Value};

use super::{Config, Mistakes, parse};
use crate::domain::Timestamp;

/// The text that a [`Config`] was read from.
#[derive(Clone)]
pub struct Source {
    text: Arc<str>,
    file_name: Arc<str>,
    pub(super) base_dir: PathBuf,
}

/// One value in place of another.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The tables it is in, outermost first: `["send", "limits"]`.
    pub tables: &'static [&'static str],
    /// Its key.
    pub key: &'static str,
    /// What it shall be.
    pub value: Value,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({})", self.file_name)
    }
}

impl Source {
    pub(super) fn new(text: &str, file_name: &str, base_dir: &Path) -> Self {
        Self { text: text.into(), file_name: file_name.into(), base_dir: base_dir.to_owned() }
    }

    /// The same for somebody else's eyes: of every URL only where it leads, and no comments. Whatever else is secret
    /// stands in files of its own.
    pub fn shown(&self) -> String {
        let mut table = self.table();
        table.iter_mut().for_each(|(_, value)| blank(value));
        toml::to_string_pretty(&table).unwrap_or_default()
    }

    /// The configuration that it would be with these changes.
    ///
    /// # Errors
    /// What is wrong with it then.
    pub fn with(&self, changes: &[Change], now: Timestamp) -> Result<Config, Mistakes> {
        let mut table = self.table();
        for change in changes {
            put(&mut table, change.tables, change);
        }
        parse(&toml::to_string(&table).unwrap_or_default(), &self.file_name, &self.base_dir, now)
    }

    fn table(&self) -> Table {
        self.text.parse().unwrap_or_default()
    }
}

fn put(table: &mut Table, within: &[&str], change: &Change) {
    let Some((name, within)) = within.split_first() else {
        table.insert(change.key.to_owned(), change.value.clone());
        return;
    };
    // What stands there and is no table was reported when the configuration was read.
    if let Value::Table(next) = table.entry(*name).or_insert_with(|| Value::Table(Table::new())) {
        put(next, within, change);
    }
}

fn blank(value: &mut Value) {
    match value {
        Value::String(text) => *text = place(text),
        Value::Array(values) => values.iter_mut().for_each(blank),
        Value::Table(table) => table.iter_mut().for_each(|(_, value)| blank(value)),
        _ => {}
    }
}

/// Where a URL leads, without who asks there and for what: both may be secrets.
fn place(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.rfind('@').map_or(0, |at| at + 1);
    let host = rest[end..].split(['/', '?', '#']).next().unwrap_or_default();
    let more = if host.len() == rest.len() { "" } else { "/…" };
    format!("{scheme}://{host}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    const TEXT: &str = r#"
# hunter2
[[site]]
hosts = ["webmail.example.edu"]
upstream = "http://127.0.0.1:8081"
webmail = "roundcube"

[store]
redis = ["redis://mw:s3cret@redis.example.edu:6379/0"]

[[alert]]
webhook = "https://chat.example.edu/hooks/t0ken?key=s3cret"

[risk]
weights = { new_country = 40 }
"#;

    fn source() -> Source {
        Source::new(TEXT, "mailward.toml", Path::new(""))
    }

    #[test]
    fn what_is_shown_holds_no_secret_and_all_else() {
        let shown = source().shown();
        for secret in ["hunter2", "s3cret", "t0ken", "key="] {
            assert!(!shown.contains(secret), "{shown}");
        }
        for told in [
            "redis://redis.example.edu:6379/…",
            "https://chat.example.edu/…",
            "new_country = 40",
            "http://127.0.0.1:8081\"",
        ] {
            assert!(shown.contains(told), "{told}: {shown}");
        }
    }

    #[test]
    fn a_change_is_read_and_checked_like_what_stands_in_a_file() {
        let config = |value: Value| {
            let weights = Change { tables: &["risk", "weights"], key: "new_country", value };
            let limit = Change { tables: &["send", "limits"], key: "messages_per_session", value: "3/m".into() };
            source().with(&[weights, limit], NOW)
        };
        let changed = config(Value::Integer(7)).expect("it is right");
        assert_eq!((changed.risk.weights[0], changed.send.messages_per_session[0].amount), (7, 3));
        let wrong = config(Value::String("much".to_owned())).expect_err("a weight is a number");
        assert_eq!(wrong.mistakes.len(), 1, "{wrong:?}");
    }
}
