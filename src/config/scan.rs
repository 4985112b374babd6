//! `[[scanner]]`: the operator's own scanners, in the order in which they are asked.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::risk::{among, whole};
use super::schema;
use super::value::{self, Section, moment, number32, parsed};
use super::{ContentWeights, Scanner, ScannerAddress, WhenSilent};
use crate::domain::CONTENT_SIGNALS;
use crate::scan;

/// More than these are asked by nobody; each is a wait.
const SCANNERS_MAX: usize = 8;

const SECOND: Duration = Duration::from_secs(1);

/// What a scanner may be given, in bytes.
const SIZE_LEAST: u64 = 1024;
const SIZE_MOST: u64 = 1 << 30;

/// A message is put together in memory.
const MESSAGE_SIZE_MOST: u64 = 64 << 20;

pub(super) fn read_scanners(top: &Section<'_, '_>) -> Vec<Scanner> {
    let sections = top.sections("scanner", &schema::SCANNER);
    if let Some(section) = sections.get(SCANNERS_MAX) {
        section.report.mistake(&section.span, format_args!("more than {SCANNERS_MAX} scanners"), "each is a wait");
    }
    let mut taken = HashSet::new();
    sections.iter().filter_map(|section| read_scanner(section, &mut taken)).collect()
}

fn read_scanner(section: &Section<'_, '_>, taken: &mut HashSet<Arc<str>>) -> Option<Scanner> {
    let kind = section.required("kind", parsed(|text| among(text, scan::ALL.iter().map(|kind| kind.id()))));
    let address = section.required("address", parsed(address));
    let kind = kind.and_then(scan::by_id);
    let name: Arc<str> = section
        .get("name", parsed(super::alert::name))
        .unwrap_or_else(|| kind.map_or("scanner", |kind| kind.id()).to_owned())
        .into();
    if kind.is_some() && !taken.insert(Arc::clone(&name)) {
        section.report.mistake(
            &section.span,
            format_args!("two [[scanner]] are called {name:?}"),
            "give one of them a \"name\" of its own: metrics and reasons name it",
        );
    }
    let time_limit = section.get("time_limit", moment(SECOND / 10..=SECOND * 60, "from 100ms to 60s"));
    let reads_files = kind.is_none_or(|kind| kind.reads() == scan::Reads::MessagesAndFiles);
    let most = if reads_files { SIZE_MOST } else { MESSAGE_SIZE_MOST };
    let size_max = section.get(
        "size_max",
        parsed(move |text| {
            value::size(text).map_err(str::to_owned).and_then(|size| {
                let within = (SIZE_LEAST..=most).contains(&size);
                if within { Ok(size) } else { Err(format!("expected a size from 1KiB to {}MiB", most >> 20)) }
            })
        }),
    );
    let at_once = section.get("at_once", number32(1..=1000));
    let when_silent = section.get("when_silent", parsed(when_silent)).unwrap_or(WhenSilent::PassAndFlag);
    let weights = section.section("weights", &schema::SCANNER_WEIGHTS);
    let weight = |name: &str| {
        let usual = CONTENT_SIGNALS.iter().find(|kind| kind.name == name).map_or(0, |kind| kind.weight);
        weights.get(name, whole(0, super::risk::WEIGHT_MAX)).unwrap_or(usual)
    };
    let weights = ContentWeights {
        spam: weight("spam"),
        spam_likely: weight("spam_likely"),
        scanner_silent: weight("scanner_silent"),
    };
    let (kind, address) = (kind?, address?);
    let usual = kind.usual();
    Some(Scanner {
        name,
        kind,
        address,
        time_limit: time_limit.unwrap_or(usual.time_limit),
        size_max: size_max.unwrap_or(usual.size_max),
        at_once: at_once.unwrap_or(usual.at_once),
        when_silent,
        weights,
    })
}

fn when_silent(text: &str) -> Result<WhenSilent, &'static str> {
    match text {
        "pass_and_flag" => Ok(WhenSilent::PassAndFlag),
        "hold_back" => Ok(WhenSilent::HoldBack),
        _ => Err("expected \"pass_and_flag\" or \"hold_back\""),
    }
}

/// `unix:/path`, or host and port; `http://` may stand before them, as it does for rspamd.
fn address(text: &str) -> Result<ScannerAddress, &'static str> {
    const ALLOWED: &str = "expected \"unix:/run/…\", or host and port such as \"127.0.0.1:11333\"";
    if let Some(path) = text.strip_prefix("unix:") {
        let is_path = path.starts_with('/') && !path.contains('\0');
        return if is_path { Ok(ScannerAddress::Unix(PathBuf::from(path))) } else { Err(ALLOWED) };
    }
    let place = text.strip_prefix("http://").unwrap_or(text);
    let place = place.strip_suffix('/').unwrap_or(place);
    let authority: http::uri::Authority = place.parse().map_err(|_| ALLOWED)?;
    let has_port = authority.port_u16().is_some_and(|port| port > 0);
    if !has_port || authority.host().is_empty() || place.contains('@') {
        return Err(ALLOWED);
    }
    Ok(ScannerAddress::Tcp(place.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_socket_or_host_and_port() {
        let tcp = |place: &str| Ok(ScannerAddress::Tcp(place.to_owned()));
        for (text, expected) in [
            ("unix:/run/clamav/clamd.ctl", Ok(ScannerAddress::Unix("/run/clamav/clamd.ctl".into()))),
            ("127.0.0.1:11333", tcp("127.0.0.1:11333")),
            ("[::1]:783", tcp("[::1]:783")),
            ("http://scan.example.edu:11333/", tcp("scan.example.edu:11333")),
        ] {
            assert_eq!(address(text), expected, "{text}");
        }
        for bad in ["", "unix:", "unix:run/x", "127.0.0.1", "127.0.0.1:0", "a:b", "https://x:1", "u@x:1", "x:1/checkv2"]
        {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
