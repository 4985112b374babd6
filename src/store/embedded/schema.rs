//! The tables, and the steps that bring an older file to them.

use rusqlite::Connection;

use super::rows::{json, to_json, unreadable};
use crate::domain::{Agent, Flag, NetworkClass, Prefix, Spot};

/// "MWst": the file is ours.
pub(super) const APPLICATION_ID: i64 = 0x4d57_7374;

/// Raised by whoever changes [`SCHEMA`], with a step in [`STEPS`] from the one before. A table's text bears the version
/// it came with: whoever changes a table writes a new text, and the old steps go on making the tables of their time.
pub(super) const VERSION: i64 = 8;

/// Times are milliseconds since 1970 in UTC; hashes and devices are lower-case hex.
const SCHEMA: &[&str] = &[
    SESSIONS_2,
    "CREATE TABLE locks (
        site TEXT NOT NULL, account TEXT NOT NULL, since INTEGER NOT NULL, note TEXT NOT NULL,
        PRIMARY KEY (site, account)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE devices (
        site TEXT NOT NULL, account TEXT NOT NULL, device TEXT NOT NULL,
        since INTEGER NOT NULL, last_used INTEGER NOT NULL,
        PRIMARY KEY (site, account, device)
    ) STRICT, WITHOUT ROWID;
    -- entries: a JSON list of [time, units, number, fingerprint or null], oldest first
    CREATE TABLE counters (
        key TEXT PRIMARY KEY, keep INTEGER NOT NULL, entries TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE probe (id INTEGER PRIMARY KEY CHECK (id = 1), written INTEGER NOT NULL) STRICT;",
    HABITS_2,
    FLAGS_2,
    KEPT_3,
    LEDGER_4,
    MARKS_5,
    FLAGS_6,
    CAMPAIGNS_7,
    FOUND_8,
];

/// spot, elsewhere ([spot, time]) and lesson: JSON. flag: the code of the one that stands against it.
const SESSIONS_2: &str = "
    CREATE TABLE sessions (
        hash TEXT PRIMARY KEY, site TEXT NOT NULL, account TEXT NOT NULL, state TEXT NOT NULL,
        signed_in INTEGER NOT NULL, last_seen INTEGER NOT NULL, spot TEXT NOT NULL, elsewhere TEXT,
        device TEXT, device_since INTEGER, user_agent TEXT, flag TEXT, lesson TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sessions_of_account ON sessions (site, account);
";

/// due: when something in it is old enough to be forgotten.
/// recipients: keyed fingerprints, four bytes each, little-endian, written to longest ago first.
const HABITS_2: &str = "
    CREATE TABLE profiles (
        site TEXT NOT NULL, account TEXT NOT NULL, due INTEGER NOT NULL, profile TEXT NOT NULL,
        PRIMARY KEY (site, account)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX profiles_due ON profiles (due);
    CREATE TABLE correspondents (
        site TEXT NOT NULL, account TEXT NOT NULL, last INTEGER NOT NULL, recipients BLOB NOT NULL,
        PRIMARY KEY (site, account)
    ) STRICT;
    CREATE INDEX correspondents_by_last ON correspondents (last);
";

/// What a list of flags may be narrowed by is a column of its own; all of it, these too, is in the JSON. How many there
/// are stands in a table, because counting a million rows takes SQLite a walk through them.
const FLAGS_2: &str = "
    CREATE TABLE flags (
        id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, time INTEGER NOT NULL, status TEXT NOT NULL,
        site TEXT NOT NULL, account TEXT NOT NULL, country TEXT, flag TEXT NOT NULL
    ) STRICT;
    CREATE INDEX flags_by_time ON flags (time);
    CREATE INDEX flags_by_status ON flags (status, time);
    CREATE INDEX flags_by_site ON flags (site, time);
    CREATE INDEX flags_by_account ON flags (account, time);
    CREATE INDEX flags_by_country ON flags (country, time);
    CREATE TABLE flags_kept (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL) STRICT;
    INSERT INTO flags_kept (id, count) VALUES (1, 0);
    CREATE TRIGGER flag_comes AFTER INSERT ON flags BEGIN UPDATE flags_kept SET count = count + 1; END;
    CREATE TRIGGER flag_goes AFTER DELETE ON flags BEGIN UPDATE flags_kept SET count = count - 1; END;
";

/// until: the last moment at which it is given out. How much of each kind there is stands in a table, each with what its
/// place counts for ([`crate::store::KeptKind::PLACE_BYTES`]).
const KEPT_3: &str = "
    CREATE TABLE kept (
        kind TEXT NOT NULL, id TEXT NOT NULL, until INTEGER NOT NULL, sealed BLOB NOT NULL,
        PRIMARY KEY (kind, id)
    ) STRICT;
    CREATE INDEX kept_until ON kept (until);
    CREATE TABLE kept_bytes (kind TEXT PRIMARY KEY, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO kept_bytes (kind, bytes) VALUES ('held', 0), ('challenge', 0), ('code', 0);
    CREATE TRIGGER kept_comes AFTER INSERT ON kept BEGIN
        UPDATE kept_bytes SET bytes = bytes + 256 + length(NEW.sealed) WHERE kind = NEW.kind;
    END;
    CREATE TRIGGER kept_goes AFTER DELETE ON kept BEGIN
        UPDATE kept_bytes SET bytes = bytes - 256 - length(OLD.sealed) WHERE kind = OLD.kind;
    END;
    CREATE TABLE factors (
        site TEXT NOT NULL, account TEXT NOT NULL, version INTEGER NOT NULL, sealed BLOB NOT NULL,
        PRIMARY KEY (site, account)
    ) STRICT;
";

/// What an event is found by is a column of its own; the rest is in its line. How many rows there are stands in a table,
/// because counting a million takes SQLite a walk through them. span: seconds. entry: JSON.
const LEDGER_4: &str = "
    INSERT INTO kept_bytes (kind, bytes) VALUES ('desk', 0), ('note', 0);
    CREATE TABLE rows_kept (name TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO rows_kept (name, count) VALUES ('events', 0), ('audit', 0);
    CREATE TABLE events (
        time INTEGER NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, account TEXT, line TEXT NOT NULL,
        PRIMARY KEY (time, number)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX events_of_account ON events (account, time, number) WHERE account IS NOT NULL;
    CREATE INDEX events_of_kind ON events (kind, time, number);
    CREATE TRIGGER event_comes AFTER INSERT ON events BEGIN
        UPDATE rows_kept SET count = count + 1 WHERE name = 'events';
    END;
    CREATE TRIGGER event_goes AFTER DELETE ON events BEGIN
        UPDATE rows_kept SET count = count - 1 WHERE name = 'events';
    END;
    CREATE TABLE tallies (
        span INTEGER NOT NULL, start INTEGER NOT NULL, what TEXT NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (span, start, what)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE senders (
        hour INTEGER NOT NULL, site TEXT NOT NULL, account TEXT NOT NULL,
        messages INTEGER NOT NULL, recipients INTEGER NOT NULL,
        PRIMARY KEY (hour, site, account)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE audit (
        time INTEGER NOT NULL, number INTEGER NOT NULL, operator TEXT NOT NULL, entry TEXT NOT NULL,
        PRIMARY KEY (time, number)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX audit_of_operator ON audit (operator, time, number);
    CREATE TRIGGER audit_comes AFTER INSERT ON audit BEGIN
        UPDATE rows_kept SET count = count + 1 WHERE name = 'audit';
    END;
    CREATE TRIGGER audit_goes AFTER DELETE ON audit BEGIN
        UPDATE rows_kept SET count = count - 1 WHERE name = 'audit';
    END;
    CREATE TABLE operators (
        name TEXT PRIMARY KEY, version INTEGER NOT NULL, sealed BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// until: from then on it counts no more. mark: JSON.
const MARKS_5: &str = "
    CREATE TABLE marks (
        site TEXT NOT NULL, prefix TEXT NOT NULL, until INTEGER NOT NULL, mark TEXT NOT NULL,
        PRIMARY KEY (site, prefix)
    ) STRICT, WITHOUT ROWID;
";

/// What flags are sorted by is a column too. Lists by time walk one index; any other order is found in `flags_to_sort`, which
/// holds all that may be asked for, so that no flag is read but those of the page. urgency: [`crate::domain::Ranked`].
const FLAGS_6: &str = "
    ALTER TABLE flags ADD COLUMN urgency INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE flags ADD COLUMN messages INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE flags ADD COLUMN recipients INTEGER NOT NULL DEFAULT 0;
    DROP INDEX flags_by_time;
    DROP INDEX flags_by_status;
    DROP INDEX flags_by_site;
    DROP INDEX flags_by_account;
    DROP INDEX flags_by_country;
    CREATE INDEX flags_by_time ON flags (time, code);
    CREATE INDEX flags_by_status ON flags (status, time, code);
    CREATE INDEX flags_by_site ON flags (site, time, code);
    CREATE INDEX flags_by_account ON flags (account, time, code);
    CREATE INDEX flags_by_country ON flags (country, time, code);
    CREATE INDEX flags_to_sort ON flags (status, urgency, messages, recipients, time, code, account, site, country);
";

/// campaign: JSON, without anything that somebody wrote.
const CAMPAIGNS_7: &str = "
    CREATE TABLE campaigns (
        code TEXT PRIMARY KEY, until INTEGER NOT NULL, campaign TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// found: JSON, a list; NULL where it would be empty.
const FOUND_8: &str = "ALTER TABLE sessions ADD COLUMN found TEXT;";

/// The step from each version to the next, beginning with the one from version 1.
const STEPS: &[fn(&Connection) -> rusqlite::Result<()>] =
    &[from_1_to_2, from_2_to_3, from_3_to_4, from_4_to_5, from_5_to_6, from_6_to_7, from_7_to_8];

/// Makes the tables of an empty file.
pub(super) fn create(database: &Connection) -> rusqlite::Result<()> {
    SCHEMA.iter().try_for_each(|part| database.execute_batch(part))?;
    database.pragma_update(None, "application_id", APPLICATION_ID)?;
    database.pragma_update(None, "user_version", VERSION)
}

/// Brings a file of an older version, 1 at least, to this one. Within a transaction: it is done whole or not at all.
pub(super) fn upgrade(database: &Connection, version: i64) -> rusqlite::Result<()> {
    let done = usize::try_from(version - 1).unwrap_or(0);
    STEPS.iter().skip(done).try_for_each(|step| step(database))?;
    database.pragma_update(None, "user_version", VERSION)
}

fn from_1_to_2(database: &Connection) -> rusqlite::Result<()> {
    database.execute_batch("ALTER TABLE sessions RENAME TO sessions_1; DROP INDEX sessions_of_account;")?;
    database.execute_batch(SESSIONS_2)?;
    copy_sessions_1(database)?;
    database.execute_batch("DROP TABLE sessions_1")?;
    database.execute_batch(HABITS_2)?;
    database.execute_batch(FLAGS_2)
}

fn from_2_to_3(database: &Connection) -> rusqlite::Result<()> {
    database.execute_batch(KEPT_3)
}

fn from_3_to_4(database: &Connection) -> rusqlite::Result<()> {
    database.execute_batch(LEDGER_4)
}

fn from_4_to_5(database: &Connection) -> rusqlite::Result<()> {
    database.execute_batch(MARKS_5)
}

fn from_5_to_6(database: &Connection) -> rusqlite::Result<()> {
    database.execute_batch(FLAGS_6)?;
    rank_flags(database)
}

/// Writes down of each flag what it is sorted by.
pub(super) fn rank_flags(database: &Connection) -> rusqlite::Result<()> {
    let mut read = database.prepare("SELECT id, flag FROM flags")?;
    let mut write = database.prepare("UPDATE flags SET urgency = ?2, messages = ?3, recipients = ?4 WHERE id = ?1")?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        // One that nobody can read stands last.
        let Ok(flag) = json::<Flag>(row, 1) else { continue };
        let ranked = flag.ranked();
        write.execute((row.get::<_, i64>(0)?, ranked.urgency(), ranked.messages, ranked.recipients))?;
    }
    Ok(())
}

fn from_6_to_7(database: &Connection) -> rusqlite::Result<()> {
    database.execute_batch(CAMPAIGNS_7)
}

fn from_7_to_8(database: &Connection) -> rusqlite::Result<()> {
    database.execute_batch(FOUND_8)
}

/// Version 1 knew of a session only the prefix it signed in from. It counts as outside: nothing is taken for granted.
fn copy_sessions_1(database: &Connection) -> rusqlite::Result<()> {
    let mut old = database.prepare("SELECT hash, user_agent, prefix FROM sessions_1")?;
    let mut put = database.prepare(
        "INSERT INTO sessions (hash, site, account, state, signed_in, last_seen, spot, device_since, user_agent)
         SELECT hash, site, account, state, signed_in, last_seen, ?2, device_since, user_agent
         FROM sessions_1 WHERE hash = ?1",
    )?;
    let mut rows = old.query([])?;
    while let Some(row) = rows.next()? {
        let hash: String = row.get(0)?;
        let agent = Agent::of(row.get::<_, Option<String>>(1)?.as_deref());
        let prefix: Prefix = row.get::<_, String>(2)?.parse().map_err(|_| unreadable(2))?;
        let spot = Spot { prefix, network: NetworkClass::Outside, country: None, as_number: None, agent };
        put.execute([hash, to_json(&spot)])?;
    }
    Ok(())
}
