//! How values of the domain are written in columns and read back.

use std::sync::Arc;

use rusqlite::Row;
use rusqlite::types::{FromSql, Type};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::{Account, SessionHash, Timestamp};

/// SQLite's whole numbers are signed; times beyond the year 292 million are cut there.
pub(super) fn millis(time: Timestamp) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    Ok(since_1970(row.get(column)?))
}

pub(super) fn optional_time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(since_1970))
}

fn since_1970(millis: i64) -> Timestamp {
    Timestamp::from_millis(u64::try_from(millis).unwrap_or(0))
}

pub(super) fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<Arc<str>> {
    Ok(row.get::<_, String>(column)?.into())
}

pub(super) fn account(row: &Row<'_>, column: usize) -> rusqlite::Result<Account> {
    Ok(Account::from_canonical(&row.get::<_, String>(column)?))
}

pub(super) fn session_hash(row: &Row<'_>, column: usize) -> rusqlite::Result<SessionHash> {
    Ok(SessionHash(hex(row, column)?))
}

pub(super) fn hex(row: &Row<'_>, column: usize) -> rusqlite::Result<[u8; 16]> {
    from_hex(&row.get::<_, String>(column)?).ok_or_else(|| unreadable(column))
}

pub(super) fn optional_hex(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<[u8; 16]>> {
    let written: Option<String> = row.get(column)?;
    written.map(|text| from_hex(&text).ok_or_else(|| unreadable(column))).transpose()
}

fn from_hex(text: &str) -> Option<[u8; 16]> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

pub(super) fn to_hex(bytes: [u8; 16]) -> String {
    data_encoding::HEXLOWER.encode(&bytes)
}

/// A value that is kept as JSON.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(&row.get::<_, String>(column)?).map_err(|_| unreadable(column))
}

/// The same where the column may be empty.
pub(super) fn optional_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let written: Option<String> = row.get(column)?;
    written.map(|text| serde_json::from_str(&text).map_err(|_| unreadable(column))).transpose()
}

pub(super) fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain values with text keys are always written")
}

/// A word that names one of a few.
pub(super) fn word<T>(row: &Row<'_>, column: usize, read: impl FnOnce(&str) -> Option<T>) -> rusqlite::Result<T> {
    read(&row.get::<_, String>(column)?).ok_or_else(|| unreadable(column))
}

pub(super) fn pragma<T: FromSql>(connection: &rusqlite::Connection, name: &str) -> rusqlite::Result<T> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

/// A value that we would never have written.
pub(super) fn unreadable(column: usize) -> rusqlite::Error {
    let what = "not a value that Mailward writes".into();
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what)
}

/// Whether a row was found and makes no sense: somebody else wrote it.
pub(super) fn is_unreadable(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, InvalidColumnType};
    matches!(error, FromSqlConversionFailure(..) | InvalidColumnType(..))
}
