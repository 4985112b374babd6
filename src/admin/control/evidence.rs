//! All that is known of an incident, in one archive: for whoever has to answer for it later.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::{BASE64, HEXLOWER};
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::words::{CampaignRow, Reply, SessionRow, WholeFlag};
use super::{By, Control, NotDone, reference};
use crate::domain::{Campaign, EventFilter, Flag, Mark, PastEvent, Timestamp};
use crate::store::{Away, CAMPAIGNS_MAX, Which};
use crate::telemetry::csv;

/// Events of one kind that go in at most.
const EVENTS_MAX: usize = 10_000;

/// Events before the flag that go in: what was usual, and how it began.
const BEFORE: Duration = Duration::from_secs(7 * 86_400);

/// Answers of the store that are waited for: what is asked for may be rare.
const LOOKS_MAX: usize = 20;

/// A file of the archive.
type File = (&'static str, String);

impl Control {
    /// The past events that fit, newest first, and where to go on. At most `looks` answers of the store are waited for.
    pub(in crate::admin) async fn past(
        &self,
        mut filter: EventFilter,
        most: usize,
        looks: usize,
    ) -> Result<(Vec<PastEvent>, Option<Mark>), Away> {
        let mut found = Vec::new();
        for _ in 0..looks {
            let events = self.store.past_events(&filter, most - found.len()).await?;
            found.extend(events.events);
            filter.before = events.next;
            if events.next.is_none() || found.len() >= most {
                break;
            }
        }
        Ok((found, filter.before))
    }

    pub(super) async fn evidence(&self, code: &str, by: &By, now: Timestamp) -> Result<Reply, NotDone> {
        let flag = self.flag(reference(code)?).await?;
        let session = self.store.session(&flag.session, now).await?;
        let lock = self.store.locked(&flag.site, &flag.account).await?;
        let since = Some(flag.time.before(BEFORE));
        let of_account = EventFilter {
            site: Some(Arc::clone(&flag.site)),
            account: Some(flag.account.clone()),
            since,
            ..EventFilter::default()
        };
        // As the line says it: 203.0.113.9 is not 203.0.113.90.
        let named = format!("\"address\":\"{}\"", flag.address);
        let of_address = EventFilter { text: Some(named), since, ..EventFilter::default() };
        let (events, more) = self.past(of_account, EVENTS_MAX, LOOKS_MAX).await?;
        let (from_address, more_from_address) = self.past(of_address, EVENTS_MAX, LOOKS_MAX).await?;
        let campaigns = self.campaigns_of(&flag, now).await?;
        let configuration = (self.config)().source.shown();
        let whole = json!({
            "flag": WholeFlag::of(&flag),
            "session": session.map(|session| SessionRow::of(&session)),
            "locked": lock.map(|lock| json!({ "since": lock.since.to_string(), "note": lock.note })),
        });
        let cut = more.is_some() || more_from_address.is_some();
        let read_me = read_me(&flag, by, now, cut);
        // Thousands of lines are read and packed: not while others wait for this thread.
        let archive = tokio::task::spawn_blocking(move || {
            let files = [
                ("README.txt", read_me),
                ("flag.json", serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"),
                ("campaigns.json", serde_json::to_string_pretty(&campaigns).unwrap_or_default() + "\n"),
                ("events.jsonl", lines(&events)),
                ("events.csv", csv::of_events(events.iter().map(|event| &*event.line))),
                ("addresses.csv", addresses(&events)),
                ("counts.csv", counts(&events)),
                ("address-events.jsonl", lines(&from_address)),
                ("address-events.csv", csv::of_events(from_address.iter().map(|event| &*event.line))),
                ("configuration.toml", configuration),
            ];
            pack(&files, now)
        });
        let archive = archive.await.map_err(|error| NotDone::NotPacked(error.to_string()))?;
        let archive = archive.map_err(|error| NotDone::NotPacked(error.to_string()))?;
        Ok(Reply::Evidence { code: flag.code.to_string(), archive: BASE64.encode(&archive) })
    }

    /// The campaigns that the flag's account had a part in, as far as they are remembered.
    async fn campaigns_of(&self, flag: &Flag, now: Timestamp) -> Result<Vec<CampaignRow>, Away> {
        let told = self.store.campaigns(Which::Told, CAMPAIGNS_MAX, now).await?;
        let is_of = |campaign: &&Campaign| {
            campaign.site == flag.site && campaign.participants.iter().any(|part| part.account == flag.account)
        };
        Ok(told.iter().filter(is_of).map(CampaignRow::of).collect())
    }
}

fn read_me(flag: &Flag, by: &By, now: Timestamp, cut: bool) -> String {
    let cut = if cut { " There were more than fit; the oldest are left out." } else { "" };
    format!(
        "Evidence about flag {code}: account {account} at {site}\r\n\
         Packed at {now} by {by}\r\n\r\n\
         flag.json             the flag with every signal and weight, what the session did since, notes, session, lock\r\n\
         campaigns.json        campaigns that the account had a part in: code, since when, with whom, how many messages\r\n\
         events.jsonl, .csv    what happened in the account, newest first, from seven days before the flag on{cut}\r\n\
         addresses.csv         from which addresses, how often, when first and last\r\n\
         counts.csv            what happened how often, by the hour\r\n\
         address-events.*      the same for all accounts, where the flag's address {address} is named\r\n\
         configuration.toml    the configuration in force when this was packed, without its secrets and comments\r\n\
         SHA256SUMS            of all these files\r\n\r\n\
         Times are UTC. User agents were written by whoever connected. No message, password or cookie is in here:\r\n\
         Mailward keeps none.\r\n",
        code = flag.code,
        account = crate::telemetry::plain(flag.account.as_str()),
        site = flag.site,
        address = flag.address,
        by = by.name,
    )
}

fn lines(events: &[PastEvent]) -> String {
    events.iter().map(|event| format!("{}\n", event.line)).collect()
}

/// What is known of an address.
#[derive(Default)]
struct Seen {
    country: String,
    as_number: String,
    first: String,
    last: String,
    events: u64,
    signed_in: u64,
    failed: u64,
    messages: u64,
    recipients: u64,
}

fn addresses(events: &[PastEvent]) -> String {
    let mut seen: BTreeMap<IpAddr, Seen> = BTreeMap::new();
    for (event, fields) in read(events) {
        let Some(address) = fields["address"].as_str().and_then(|address| address.parse().ok()) else { continue };
        let at = seen.entry(address).or_default();
        // The newest comes first.
        if at.events == 0 {
            at.last = event.time.to_string();
            at.country = csv::text_of(&fields, "country");
            at.as_number = csv::text_of(&fields, "as_number");
        }
        at.first = event.time.to_string();
        at.events += 1;
        match fields["event"].as_str().unwrap_or_default() {
            "sign_in_ok" => at.signed_in += 1,
            "sign_in_failed" => at.failed += 1,
            "sent" => {
                at.messages += 1;
                at.recipients += fields["recipients"].as_u64().unwrap_or(0);
            }
            _ => {}
        }
    }
    let head = [
        "address",
        "country",
        "as_number",
        "first",
        "last",
        "events",
        "signed_in",
        "wrong_password",
        "messages",
        "recipients",
    ];
    let row = |(address, at): (IpAddr, Seen)| {
        let numbers = [at.events, at.signed_in, at.failed, at.messages, at.recipients].map(|number| number.to_string());
        let [events, signed_in, failed, messages, recipients] = numbers;
        let Seen { country, as_number, first, last, .. } = at;
        [address.to_string(), country, as_number, first, last, events, signed_in, failed, messages, recipients]
    };
    csv::table(head, seen.into_iter().map(row))
}

fn counts(events: &[PastEvent]) -> String {
    let mut counted: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    for (event, fields) in read(events) {
        let hour: String = event.time.to_string().chars().take("2026-03-01T08".len()).collect();
        let count = counted.entry((hour, csv::text_of(&fields, "event"))).or_default();
        count.0 += 1;
        count.1 += fields["recipients"].as_u64().unwrap_or(0);
    }
    let row = |((hour, event), (count, recipients)): ((String, String), (u64, u64))| {
        [format!("{hour}:00Z"), event, count.to_string(), recipients.to_string()]
    };
    csv::table(["hour", "event", "count", "recipients"], counted.into_iter().map(row))
}

fn read(events: &[PastEvent]) -> impl Iterator<Item = (&PastEvent, Value)> {
    events.iter().filter_map(|event| Some((event, serde_json::from_str(&event.line).ok()?)))
}

fn pack(files: &[File], now: Timestamp) -> Result<Vec<u8>, zip::result::ZipError> {
    let sum = |(name, text): &File| format!("{}  {name}\n", HEXLOWER.encode(digest(&SHA256, text.as_bytes()).as_ref()));
    let sums: String = files.iter().map(sum).collect();
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().last_modified_time(date(now));
    for (name, text) in files.iter().chain([&("SHA256SUMS", sums)]) {
        archive.start_file(*name, options)?;
        archive.write_all(text.as_bytes())?;
    }
    Ok(archive.finish()?.into_inner())
}

/// As archives write it; their beginning of time where it cannot be written.
fn date(now: Timestamp) -> zip::DateTime {
    let text = now.to_string();
    let number = |from: usize, to: usize| text.get(from..to).and_then(|digits| digits.parse::<u16>().ok());
    let part = |from, to| number(from, to).and_then(|part| u8::try_from(part).ok()).unwrap_or(0);
    zip::DateTime::from_date_and_time(
        number(0, 4).unwrap_or(0),
        part(5, 7),
        part(8, 10),
        part(11, 13),
        part(14, 16),
        part(17, 19),
    )
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn event(seconds: u64, line: &str) -> PastEvent {
        let time = Timestamp::from_millis(1_790_000_000_000 + seconds * 1_000);
        PastEvent { number: seconds, time, line: line.to_owned() }
    }

    #[test]
    fn addresses_and_hours_are_counted() {
        let events = [
            event(
                7_200,
                r#"{"event":"sent","address":"203.0.113.9","country":"BR","as_number":64500,"recipients":40}"#,
            ),
            event(10, r#"{"event":"sign_in_ok","address":"203.0.113.9"}"#),
            event(5, r#"{"event":"sign_in_failed","address":"203.0.113.9"}"#),
            event(1, r#"{"event":"account_locked"}"#),
            event(0, "no line of ours"),
        ];
        let addresses = addresses(&events);
        let row = "203.0.113.9,BR,64500,2026-09-21T14:13:25.000Z,2026-09-21T16:13:20.000Z,3,1,1,1,40";
        assert_eq!(addresses.lines().collect::<Vec<_>>()[1..], [row]);
        let counts = counts(&events);
        assert!(counts.contains("2026-09-21T16:00Z,sent,1,40\r\n"), "{counts}");
        assert_eq!(counts.lines().count(), 5);
    }

    #[test]
    fn an_archive_holds_every_file_and_its_sum() {
        let now = Timestamp::from_millis(1_790_000_000_000);
        let packed = pack(&[("a.txt", "x".repeat(100_000)), ("b.txt", String::new())], now).expect("there is room");
        assert!(packed.len() < 2_000, "{}", packed.len());
        let mut archive = zip::ZipArchive::new(Cursor::new(packed)).expect("an archive");
        let mut text = |name: &str| {
            let mut text = String::new();
            archive.by_name(name).expect(name).read_to_string(&mut text).expect("text");
            text
        };
        assert_eq!(text("a.txt").len(), 100_000);
        // sha256sum of nothing.
        let sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  b.txt\n";
        assert!(text("SHA256SUMS").ends_with(sum));
        assert_eq!(date(now).to_string(), "2026-09-21 14:13:20");
    }
}
