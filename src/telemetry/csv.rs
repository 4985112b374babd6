//! Tables for spreadsheets. What clients wrote is no formula there, and ends no cell.

use serde_json::Value;

/// The columns of a table of events, which are fields of their lines.
const EVENT_COLUMNS: [&str; 14] = [
    "time",
    "event",
    "site",
    "account",
    "address",
    "country",
    "as_number",
    "verdict",
    "recipients",
    "stopped_by",
    "reference",
    "by",
    "user_agent",
    "door",
];

/// A table with a head.
pub fn table<const COLUMNS: usize>(head: [&str; COLUMNS], rows: impl IntoIterator<Item = [String; COLUMNS]>) -> String {
    let mut table = head.join(",") + "\r\n";
    for row in rows {
        table.push_str(&row.each_ref().map(|text| cell(text)).join(","));
        table.push_str("\r\n");
    }
    table
}

/// A table of events, by their lines.
pub fn of_events<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let row = |line| {
        let fields: Value = serde_json::from_str(line).unwrap_or(Value::Null);
        EVENT_COLUMNS.map(|name| text_of(&fields, name))
    };
    table(EVENT_COLUMNS, lines.into_iter().map(row))
}

/// A field of an event's line as text; empty where there is none.
pub fn text_of(fields: &Value, name: &str) -> String {
    match fields.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn cell(text: &str) -> String {
    let obeyed = text.trim_start().starts_with(['=', '+', '-', '@']) || text.starts_with(['\t', '\r', '\n']);
    let text = if obeyed { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r', ';', '\t']) || obeyed {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_begins_no_formula_and_ends_no_row() {
        for (text, written) in [
            ("alice", "alice"),
            ("Mozilla/5.0 (X11; Linux)", "\"Mozilla/5.0 (X11; Linux)\""),
            ("=cmd|'/c calc'!A1", "\"'=cmd|'/c calc'!A1\""),
            (" +1", "\"' +1\""),
            ("-2", "\"'-2\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("a\",\"=1", "\"a\"\",\"\"=1\""),
            ("a\r\nb", "\"a\r\nb\""),
            ("203.0.113.9", "203.0.113.9"),
        ] {
            assert_eq!(cell(text), written, "{text:?}");
        }
    }

    #[test]
    fn what_an_event_does_not_say_is_an_empty_cell() {
        let table = of_events([r#"{"time":"2026-03-01T08:12:09Z","event":"sent","recipients":3}"#, "no JSON"]);
        let rows: Vec<&str> = table.lines().collect();
        assert_eq!(rows[1], "2026-03-01T08:12:09Z,sent,,,,,,,3,,,,,");
        assert_eq!(rows[2], ",,,,,,,,,,,,,");
    }
}
