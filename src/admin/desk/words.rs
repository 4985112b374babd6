//! How things are said on pages: times, places, programs, reasons.

use std::time::Duration;

use crate::domain::{Agent, Country, FlagStatus, NetworkClass, SessionState, Timestamp, Verdict};

/// A moment as pages show it.
pub(super) struct When {
    /// For programs.
    pub iso: String,
    /// To the minute, UTC.
    pub minute: String,
    /// How long ago.
    pub ago: String,
}

pub(super) fn when(time: Timestamp, now: Timestamp) -> When {
    let iso = time.to_string();
    let minute = iso.get(..16).map_or_else(|| iso.clone(), |minute| minute.replace('T', " "));
    When { minute, ago: ago(now.since(time)), iso }
}

fn ago(since: Duration) -> String {
    let minutes = since.as_secs() / 60;
    match minutes {
        0 => "just now".to_owned(),
        1..60 => format!("{minutes} min ago"),
        60..2880 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}

/// Where an address is: country and whose network, as far as they are known.
pub(super) fn place(
    country: Option<Country>,
    as_number: Option<u32>,
    organization: Option<String>,
    network: NetworkClass,
) -> String {
    let mut parts = Vec::new();
    if network != NetworkClass::Outside {
        parts.push(network.name().to_owned());
    }
    parts.extend(country.map(named));
    parts.extend(match (organization, as_number) {
        (Some(name), Some(number)) => Some(format!("{name} (AS{number})")),
        (name, number) => name.or_else(|| number.map(|number| format!("AS{number}"))),
    });
    if parts.is_empty() { "unknown place".to_owned() } else { parts.join(" · ") }
}

/// A country by its name, or its letters where it has none.
pub(super) fn named(country: Country) -> String {
    country.name().map_or_else(|| country.to_string(), str::to_owned)
}

/// What a browser claims to be, in two words.
pub(super) fn browser(user_agent: Option<&str>) -> String {
    user_agent.map_or_else(|| "no browser named".to_owned(), |agent| Agent::of(Some(agent)).to_string())
}

/// A verdict as something that happened.
pub(super) const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "let through",
        Verdict::Flag => "flagged",
        Verdict::Challenge => "challenged",
        Verdict::Restrict => "restricted",
        Verdict::Throttle => "throttled",
        Verdict::Refuse => "refused",
    }
}

/// How a chip of this state looks.
pub(super) const fn state_look(state: SessionState) -> &'static str {
    match state {
        SessionState::Open => "good",
        SessionState::Restricted | SessionState::Challenged => "warning",
        SessionState::Ended => "",
    }
}

/// How a chip of this status looks.
pub(super) const fn status_look(status: FlagStatus) -> &'static str {
    match status {
        FlagStatus::Open => "warning",
        FlagStatus::Cleared | FlagStatus::Passed => "good",
        FlagStatus::Confirmed => "critical",
    }
}

/// `1 message`, `7 messages`.
pub(super) fn counted(count: impl TryInto<u64> + Copy, one: &str, many: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// What a weight says beside its number.
pub(super) const fn weight_look(weight: i32) -> &'static str {
    match weight {
        1.. => "against",
        0 => "",
        _ => "for",
    }
}

/// A weight with its sign.
pub(super) fn weight(weight: i32) -> String {
    if weight < 0 { format!("−{}", weight.unsigned_abs()) } else { format!("+{weight}") }
}

/// The query of an address without empty fields; with its `?` where there is any.
pub(super) fn query(fields: &[(&str, &str)]) -> String {
    let mut written = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        written.append_pair(name, value);
    }
    let query = written.finish();
    if query.is_empty() { query } else { format!("?{query}") }
}

/// The page of an account.
pub(super) fn account_page(site: &str, account: &str) -> String {
    format!("/account{}", query(&[("site", site), ("name", account)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_said_as_people_say_it() {
        for (seconds, said) in
            [(5, "just now"), (61, "1 min ago"), (3_700, "1 h ago"), (90_000, "25 h ago"), (200_000, "2 days ago")]
        {
            assert_eq!(ago(Duration::from_secs(seconds)), said);
        }
        let shown = when(Timestamp::from_millis(1_772_352_729_000), Timestamp::from_millis(1_772_352_729_000));
        assert_eq!(shown.minute, "2026-03-01 08:12");
    }

    #[test]
    fn a_place_is_what_is_known_of_it() {
        let country = "BR".parse().ok();
        for (country, number, name, network, said) in [
            (country, Some(64_500), Some("Example"), NetworkClass::Outside, "Brazil · Example (AS64500)"),
            (country, Some(64_500), None, NetworkClass::Outside, "Brazil · AS64500"),
            (None, None, None, NetworkClass::Campus, "campus"),
            (None, None, None, NetworkClass::Outside, "unknown place"),
        ] {
            assert_eq!(place(country, number, name.map(str::to_owned), network), said);
        }
    }

    #[test]
    fn an_account_of_any_name_has_an_address() {
        assert_eq!(account_page("a.example", "x&y=<b>/?"), "/account?site=a.example&name=x%26y%3D%3Cb%3E%2F%3F");
        assert_eq!(query(&[("a", ""), ("b", "")]), "");
    }
}
