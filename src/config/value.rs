//! Values of the file, each read once into what it means; what cannot be read is reported where it stands.

use std::cell::RefCell;
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Mode;
use super::mistake::{Mistake, Place, Severity, without_passwords};
use super::schema::{self, Table};
use crate::domain::{Limit, NetworkKind, Timestamp, limit::parse_duration};

/// A value and where it stands.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;

/// A place in the text, in bytes.
pub(super) type Span = Range<usize>;

/// Collects what is wrong while the rest is read on.
pub(super) struct Report<'t> {
    pub(super) text: &'t str,
    pub(super) file: &'t str,
    pub(super) found: RefCell<Vec<(usize, Mistake)>>,
}

impl<'t> Report<'t> {
    pub(super) const fn new(text: &'t str, file: &'t str) -> Self {
        Self { text, file, found: RefCell::new(Vec::new()) }
    }

    /// Nothing starts with this.
    pub(super) fn mistake(&self, span: &Span, found: impl Display, allowed: impl Display) {
        self.add(Severity::Mistake, span, &found, &allowed);
    }

    /// This works, but is probably not what was meant.
    pub(super) fn warning(&self, span: &Span, found: impl Display, allowed: impl Display) {
        self.add(Severity::Warning, span, &found, &allowed);
    }

    fn add(&self, severity: Severity, span: &Span, found: &dyn Display, allowed: &dyn Display) {
        let place = Place::of(self.text, span.clone());
        self.push(span.start, severity, self.file, place, found.to_string(), allowed.to_string());
    }

    /// A mistake in a file that the configuration names at `span`.
    pub(super) fn mistake_in(&self, span: &Span, file: &Path, place: Place, found: String, allowed: &str) {
        self.push(span.start, Severity::Mistake, &file.display().to_string(), place, found, allowed.to_owned());
    }

    fn push(&self, order: usize, severity: Severity, file: &str, place: Place, found: String, allowed: String) {
        let found = without_passwords(&found);
        let mistake = Mistake { severity, file: file.into(), place: Some(place), found, allowed };
        self.found.borrow_mut().push((order, mistake));
    }

    /// What was found, in the order of the file: mistakes, then warnings.
    pub(super) fn finish(self) -> (Vec<Mistake>, Vec<Mistake>) {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(order, _)| *order);
        found.into_iter().map(|(_, mistake)| mistake).partition(|mistake| mistake.severity == Severity::Mistake)
    }
}

/// One table of the file, with the keys that may stand in it.
pub(super) struct Section<'r, 't> {
    pub(super) report: &'r Report<'t>,
    pub(super) schema: &'static Table,
    /// None where the table is absent: every key is absent then.
    table: Option<&'r DeTable<'t>>,
    /// The header, for what is missing.
    pub(super) span: Span,
}

impl<'r, 't> Section<'r, 't> {
    /// Whether the file has it.
    pub(super) const fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// A table; keys that are not known are reported at once.
    pub(super) fn new(report: &'r Report<'t>, schema: &'static Table, table: &'r DeTable<'t>, span: Span) -> Self {
        let section = Self { report, schema, table: Some(table), span };
        for key in table.keys().filter(|key| !schema.knows(key.get_ref())) {
            section.refuse_unknown(key.get_ref(), &key.span());
        }
        section
    }

    fn refuse_unknown(&self, name: &str, span: &Span) {
        let place = self.schema.located();
        if self.schema.comes_later(name) {
            self.report.mistake(
                span,
                format_args!("this version of Mailward does not have {name:?} {place}"),
                "take it out, or install a version that has it",
            );
            return;
        }
        let found = format!("unknown key {name:?} {place}");
        match self.schema.meant(name) {
            Some((known, table)) if table.header == self.schema.header => {
                self.report.mistake(span, found, format_args!("did you mean {known:?}?"));
            }
            Some((known, table)) => {
                self.report.mistake(span, found, format_args!("{known:?} belongs to {}", table.spoken()));
            }
            None => {
                let known: Vec<&str> = self.schema.keys.iter().map(|key| key.name).collect();
                self.report.mistake(span, found, format_args!("known here: {}", known.join(", ")));
            }
        }
    }

    /// The value of a key, if it is there.
    pub(super) fn value(&self, name: &str) -> Option<&'r Value<'t>> {
        debug_assert!(self.schema.knows(name), "{name} is missing in the schema of {}", self.schema.header);
        self.table?.get(name)
    }

    /// Where a key's value stands, or the header if it is absent.
    pub(super) fn place(&self, name: &str) -> Span {
        self.value(name).map_or_else(|| self.span.clone(), Spanned::span)
    }

    /// Reads the key's value, if it is there and can be read.
    pub(super) fn get<T>(&self, name: &str, read: impl Fn(&Report<'t>, &'r Value<'t>) -> Option<T>) -> Option<T> {
        read(self.report, self.value(name)?)
    }

    /// Like [`Section::get`], and reports when the key is absent.
    pub(super) fn required<T>(&self, name: &str, read: impl Fn(&Report<'t>, &'r Value<'t>) -> Option<T>) -> Option<T> {
        if self.value(name).is_none() {
            let form = self.schema.keys.iter().find(|key| key.name == name).map_or("", |key| key.form);
            self.report.mistake(
                &self.span,
                format_args!("{} has no {name:?}", self.schema.spoken()),
                format_args!("add: {name} = … ({form})"),
            );
        }
        self.get(name, read)
    }

    /// A table below this one; absent and empty are the same.
    pub(super) fn section(&self, name: &str, schema: &'static Table) -> Section<'r, 't> {
        match self.value(name).map(|value| (value.get_ref(), value.span())) {
            Some((DeValue::Table(table), span)) => Section::new(self.report, schema, table, span),
            found => {
                if let Some((other, span)) = found {
                    self.report.mistake(
                        &span,
                        format_args!("{name:?} is {}", kind(other)),
                        format_args!("expected a table: {}", schema.header),
                    );
                }
                Section { report: self.report, schema, table: None, span: self.span.clone() }
            }
        }
    }

    /// The tables of an array of tables.
    pub(super) fn sections(&self, name: &str, schema: &'static Table) -> Vec<Section<'r, 't>> {
        let Some(value) = self.value(name) else { return Vec::new() };
        let wrong = |found: &DeValue<'_>, span: &Span| {
            self.report.mistake(
                span,
                format_args!("{name:?} is {}", kind(found)),
                format_args!("expected tables: {} with two pairs of brackets", schema.header),
            );
        };
        let DeValue::Array(array) = value.get_ref() else {
            wrong(value.get_ref(), &value.span());
            return Vec::new();
        };
        let mut sections = Vec::new();
        for element in array.iter() {
            match element.get_ref() {
                DeValue::Table(table) => {
                    sections.push(Section::new(self.report, schema, table, element.span()));
                }
                other => wrong(other, &element.span()),
            }
        }
        sections
    }
}

/// What a value is, for people.
pub(super) fn kind(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text {text:?}"),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(truth) => format!("{truth}"),
        DeValue::Datetime(date) => format!("the date {date}"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// Any text.
pub(super) fn text<'r>(report: &Report<'_>, value: &'r Value<'_>) -> Option<&'r str> {
    match value.get_ref() {
        DeValue::String(text) => Some(text),
        other => {
            report.mistake(&value.span(), format_args!("found {}", kind(other)), "expected text in quotes");
            None
        }
    }
}

/// Text that `parse` understands. Its error says what is allowed.
pub(super) fn parsed<T, E: Display>(
    parse: impl Fn(&str) -> Result<T, E>,
) -> impl Fn(&Report<'_>, &Value<'_>) -> Option<T> {
    move |report, value| match value.get_ref() {
        DeValue::String(text) => match parse(text) {
            Ok(parsed) => Some(parsed),
            Err(allowed) => {
                report.mistake(&value.span(), format_args!("found {text:?}"), allowed);
                None
            }
        },
        other => {
            // What text would have to look like says more than "text".
            match parse("") {
                Ok(_) => {
                    report.mistake(&value.span(), format_args!("found {}", kind(other)), "expected text in quotes")
                }
                Err(allowed) => report.mistake(&value.span(), format_args!("found {}", kind(other)), allowed),
            }
            None
        }
    }
}

/// A list, each element with its place. What cannot be read is reported and left out.
pub(super) fn list<'t, 'r, T>(
    each: impl Fn(&Report<'t>, &'r Value<'t>) -> Option<T>,
) -> impl Fn(&Report<'t>, &'r Value<'t>) -> Option<Vec<(T, Span)>>
where
    't: 'r,
{
    move |report, value| match value.get_ref() {
        DeValue::Array(array) => {
            Some(array.iter().filter_map(|element| Some((each(report, element)?, element.span()))).collect())
        }
        other => {
            report.mistake(&value.span(), format_args!("found {}", kind(other)), "expected a list in brackets: [ … ]");
            None
        }
    }
}

/// One value or a list of them.
pub(super) fn one_or_more<'t, 'r, T>(
    each: impl Fn(&Report<'t>, &'r Value<'t>) -> Option<T>,
) -> impl Fn(&Report<'t>, &'r Value<'t>) -> Option<Vec<(T, Span)>>
where
    't: 'r,
{
    move |report, value| match value.get_ref() {
        DeValue::Array(_) => list(&each)(report, value),
        _ => Some(vec![(each(report, value)?, value.span())]),
    }
}

/// `true` or `false`.
pub(super) fn truth(report: &Report<'_>, value: &Value<'_>) -> Option<bool> {
    match value.get_ref() {
        DeValue::Boolean(truth) => Some(*truth),
        other => {
            report.mistake(
                &value.span(),
                format_args!("found {}", kind(other)),
                "expected true or false, without quotes",
            );
            None
        }
    }
}

/// One limit or a list of them.
pub(super) fn limits(report: &Report<'_>, value: &Value<'_>) -> Option<Vec<(Limit, Span)>> {
    let read = match value.get_ref() {
        DeValue::Array(_) => list(parsed(str::parse::<Limit>))(report, value)?,
        _ => vec![(parsed(str::parse::<Limit>)(report, value)?, value.span())],
    };
    for (later, (limit, span)) in read.iter().enumerate() {
        let stricter = read.iter().enumerate().find(|(other, (candidate, _))| {
            *other != later
                && candidate.amount <= limit.amount
                && candidate.window >= limit.window
                && (candidate != limit || *other < later)
        });
        if let Some((_, (stricter, _))) = stricter {
            report.warning(
                span,
                format_args!("\"{limit}\" is never met: \"{stricter}\" beside it is stricter"),
                "take one of the two out",
            );
        }
    }
    Some(read)
}

/// One limit.
pub(super) fn limit(report: &Report<'_>, value: &Value<'_>) -> Option<Limit> {
    parsed(str::parse::<Limit>)(report, value)
}

/// A whole number between two bounds.
pub(super) fn number(bounds: std::ops::RangeInclusive<u64>) -> impl Fn(&Report<'_>, &Value<'_>) -> Option<u64> {
    move |report, value| {
        let number = match value.get_ref() {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let within = number.filter(|number| bounds.contains(number));
        if within.is_none() {
            report.mistake(
                &value.span(),
                format_args!("found {}", kind(value.get_ref())),
                format_args!("expected a whole number from {} to {}", bounds.start(), bounds.end()),
            );
        }
        within
    }
}

/// The same where it fits 32 bits.
pub(super) fn number32(bounds: std::ops::RangeInclusive<u32>) -> impl Fn(&Report<'_>, &Value<'_>) -> Option<u32> {
    let read = number(u64::from(*bounds.start())..=u64::from(*bounds.end()));
    move |report, value| read(report, value).and_then(|number| u32::try_from(number).ok())
}

/// A number with or without a fraction, between two bounds.
pub(super) fn factor(bounds: std::ops::RangeInclusive<f64>) -> impl Fn(&Report<'_>, &Value<'_>) -> Option<f64> {
    move |report, value| {
        let number = match value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse::<f64>().ok(),
            DeValue::Float(number) => number.as_str().parse::<f64>().ok(),
            _ => None,
        };
        let within = number.filter(|number| bounds.contains(number));
        if within.is_none() {
            report.mistake(
                &value.span(),
                format_args!("found {}", kind(value.get_ref())),
                format_args!("expected a number from {} to {}", bounds.start(), bounds.end()),
            );
        }
        within
    }
}

/// A duration between two bounds.
pub(super) fn duration(
    bounds: std::ops::RangeInclusive<Duration>,
    spoken: &'static str,
) -> impl Fn(&Report<'_>, &Value<'_>) -> Option<Duration> {
    parsed(move |text| {
        parse_duration(text)
            .filter(|duration| bounds.contains(duration))
            .ok_or_else(|| format!("expected a duration such as \"30s\", \"10m\", \"24h\" or \"90d\", {spoken}"))
    })
}

/// A short time: a whole number and `ms` or `s`, between two bounds.
pub(super) fn moment(
    bounds: std::ops::RangeInclusive<Duration>,
    spoken: &'static str,
) -> impl Fn(&Report<'_>, &Value<'_>) -> Option<Duration> {
    parsed(move |text| {
        let read = match text.strip_suffix("ms") {
            Some(millis) => millis.parse().ok().map(Duration::from_millis),
            None => text.strip_suffix('s').and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs),
        };
        let within = read.filter(|moment| bounds.contains(moment));
        within.ok_or_else(|| format!("expected a short time such as \"200ms\" or \"1s\", {spoken}"))
    })
}

/// A size in bytes, at least one.
pub(super) fn size(text: &str) -> Result<u64, &'static str> {
    const ALLOWED: &str = "expected a size such as \"100MiB\": a whole number and B, KiB, MiB or GiB";
    let at = text.find(|c: char| !c.is_ascii_digit()).ok_or(ALLOWED)?;
    let (number, unit) = text.split_at(at);
    let unit: u64 = match unit.trim_start() {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(ALLOWED),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).filter(|&bytes| bytes > 0).ok_or(ALLOWED)
}

/// `enforce` or `observe`.
pub(super) fn mode(text: &str) -> Result<Mode, &'static str> {
    match text {
        "enforce" => Ok(Mode::Enforce),
        "observe" => Ok(Mode::Observe),
        _ => Err("expected \"enforce\" or \"observe\""),
    }
}

/// An address with port.
pub(super) fn socket(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "expected an address and a port, such as \"[::]:443\" or \"127.0.0.1:8443\"")
}

/// A network, or one address as a network of one.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    const ALLOWED: &str = "expected a network such as \"192.0.2.0/24\" or \"2001:db8::/32\", or one address";
    let net = match (text.parse::<IpNet>(), text.parse::<std::net::IpAddr>()) {
        (Ok(net), _) => net,
        (Err(_), Ok(address)) => IpNet::from(address),
        (Err(_), Err(_)) => return Err(ALLOWED.to_owned()),
    };
    if let IpNet::V6(v6) = net
        && let Some(v4) = v6.addr().to_ipv4_mapped()
        && v6.prefix_len() >= 96
    {
        // A mapped address arrives as the IPv4 address it carries, so this network would match nobody.
        let v4 = ipnet::Ipv4Net::new(v4, v6.prefix_len() - 96).map_err(|_| ALLOWED.to_owned())?;
        return Err(format!("write IPv4 networks as such: \"{}\"", v4.trunc()));
    }
    if net.trunc() != net {
        return Err(format!(
            "the address has bits beyond the prefix length; write \"{}\" for the network, or \"{}\" for the one address",
            net.trunc(),
            net.addr()
        ));
    }
    Ok(net)
}

/// Whether the networks together hold every IPv4 or every IPv6 address.
pub(super) fn cover_everything(networks: &[IpNet]) -> bool {
    IpNet::aggregate(&networks.to_vec()).iter().any(|net| net.prefix_len() == 0)
}

/// `tor`, `hosting` or `vpn`.
pub(super) fn network_kind(text: &str) -> Result<NetworkKind, &'static str> {
    NetworkKind::from_name(text).ok_or("expected \"tor\", \"hosting\" or \"vpn\"")
}

/// A host name or address as it stands in `Host`, without port, in lower case.
pub(super) fn host(text: &str) -> Result<String, String> {
    const ALLOWED: &str = "expected a host name without scheme, port or path, such as \"webmail.example.edu\"";
    let lower = text.to_ascii_lowercase();
    if !text.is_ascii() {
        return Err(format!("{ALLOWED}; write international names in their \"xn--\" form"));
    }
    let is_v6 = lower
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|v6| v6.parse::<std::net::Ipv6Addr>().is_ok());
    if is_v6 || is_name(&lower) { Ok(lower) } else { Err(ALLOWED.to_owned()) }
}

/// A mail domain, in lower case.
pub(super) fn domain(text: &str) -> Result<String, &'static str> {
    let lower = text.to_lowercase();
    let is_plain = lower.is_ascii() && is_name(&lower);
    if is_plain { Ok(lower) } else { Err("expected a domain without \"@\", such as \"example.edu\"") }
}

fn is_name(lower: &str) -> bool {
    (1..=253).contains(&lower.len())
        && lower.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
        })
}

/// The webmail's own address: scheme, host and port only.
pub(super) fn upstream(text: &str) -> Result<http::Uri, &'static str> {
    const ALLOWED: &str = "expected http:// or https:// with host and port, such as \"http://127.0.0.1:8081\"";
    let uri: http::Uri = text.parse().map_err(|_| ALLOWED)?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(ALLOWED);
    }
    let authority = uri.authority().ok_or(ALLOWED)?;
    if authority.host().is_empty() || authority.as_str().contains('@') {
        return Err(ALLOWED);
    }
    if uri.path() != "/" || uri.query().is_some() {
        return Err("expected scheme, host and port only; where the webmail lives on its host is said by \"base\"");
    }
    // `Uri` takes a port that no socket has; the connector would fail at every request.
    let after_host = &authority.as_str()[authority.host().len()..];
    if !after_host.is_empty() && authority.port_u16().is_none_or(|port| port == 0) {
        return Err(ALLOWED);
    }
    Ok(uri)
}

/// Where leaked passwords are asked for by range. In the clear anybody on the way could say that none has leaked, or all.
pub(super) fn range_service(text: &str) -> Result<http::Uri, &'static str> {
    const ALLOWED: &str =
        "expected an https:// address that ends with \"/\", such as \"https://api.pwnedpasswords.com/range/\"";
    let uri: http::Uri = text.parse().map_err(|_| ALLOWED)?;
    let authority = uri.authority().ok_or(ALLOWED)?;
    let is_here = matches!(authority.host(), "127.0.0.1" | "[::1]" | "localhost");
    let is_private = uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && is_here);
    if !is_private || authority.as_str().contains('@') || !uri.path().ends_with('/') || uri.query().is_some() {
        return Err(ALLOWED);
    }
    Ok(uri)
}

/// A page that people are led to. In the clear anybody on the way could lead them to another.
pub(super) fn page_address(text: &str) -> Result<String, &'static str> {
    const ALLOWED: &str = "expected an https:// address, such as \"https://account.example.edu/password\"";
    let uri: http::Uri = text.parse().map_err(|_| ALLOWED)?;
    let has_host = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if uri.scheme_str() == Some("https") && has_host { Ok(uri.to_string()) } else { Err(ALLOWED) }
}

/// Where the product lives: begins and ends with a slash, in normal form.
pub(super) fn base(text: &str) -> Result<String, String> {
    const ALLOWED: &str = "expected a path that begins and ends with \"/\"";
    let plain = |path: &str| {
        path.split('/').all(|segment| {
            !matches!(segment, "." | "..")
                && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        }) && !path.contains("//")
    };
    if !plain(text) {
        return Err(format!("{ALLOWED}, of letters, digits and - . _ ~, such as \"/webmail/\""));
    }
    match (text.starts_with('/'), text.ends_with('/')) {
        (true, true) => Ok(text.to_owned()),
        _ => Err(format!("{ALLOWED}: write \"/{}/\"", text.trim_matches('/')).replace("\"//\"", "\"/\"")),
    }
}

/// A further script below the base.
pub(super) fn entry_point(text: &str) -> Result<String, &'static str> {
    let is_plain = text.starts_with('/')
        && text.ends_with(".php")
        && !text.contains("//")
        && text.split('/').all(|segment| !segment.starts_with('.'))
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"%?#\\\"<>".contains(&byte));
    if is_plain {
        Ok(text.to_owned())
    } else {
        Err(
            "expected a path below the base that begins with \"/\" and ends with \".php\", such as \"/plugins/calendar/feed.php\"",
        )
    }
}

/// The name of a cookie (RFC 6265: a token).
pub(super) fn cookie_name(text: &str) -> Result<String, &'static str> {
    let is_token =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    if is_token { Ok(text.to_owned()) } else { Err("expected the name of a cookie, such as \"roundcube_sessid\"") }
}

/// One line of text for a page.
pub(super) fn short_text(text: &str) -> Result<String, &'static str> {
    const CHARACTERS_MAX: usize = 200;
    let text = text.trim();
    if text.is_empty() || text.chars().count() > CHARACTERS_MAX || text.chars().any(char::is_control) {
        return Err("expected one line of text, at most 200 characters");
    }
    Ok(text.to_owned())
}

/// A date (the end of that day, UTC) or a date and time with offset.
pub(super) fn end_of(report: &Report<'_>, value: &Value<'_>) -> Option<Timestamp> {
    date(report, value, 24)
}

/// A date (the beginning of that day, UTC) or a date and time with offset.
pub(super) fn beginning_of(report: &Report<'_>, value: &Value<'_>) -> Option<Timestamp> {
    date(report, value, 0)
}

/// A date, so many hours after its midnight, UTC; or a date and time with offset.
fn date(report: &Report<'_>, value: &Value<'_>, hours: i64) -> Option<Timestamp> {
    let found = match value.get_ref() {
        DeValue::Datetime(found) => match (&found.date, &found.time, &found.offset) {
            (Some(_), None, None) => format!("{found}T00:00:00Z")
                .parse::<jiff::Timestamp>()
                .ok()
                .and_then(|midnight| midnight.checked_add(jiff::SignedDuration::from_hours(hours)).ok()),
            (Some(_), Some(_), Some(_)) => found.to_string().parse::<jiff::Timestamp>().ok(),
            _ => None,
        },
        _ => None,
    };
    let end = found.and_then(|time| u64::try_from(time.as_millisecond()).ok()).map(Timestamp::from_millis);
    if end.is_none() {
        report.mistake(
            &value.span(),
            format_args!("found {}", kind(value.get_ref())),
            "expected a date without quotes, such as 2027-06-30, or 2027-06-30T12:00:00+02:00",
        );
    }
    end
}

/// A path; a relative one is relative to the configuration file.
pub(super) fn path(base_dir: &Path) -> impl Fn(&Report<'_>, &Value<'_>) -> Option<PathBuf> {
    parsed(|text| match text {
        "" => Err("expected the path of a file or folder"),
        path if path.contains('\0') => Err("expected the path of a file or folder"),
        path => Ok(base_dir.join(path)),
    })
}

/// The nearest of some words, as a hint.
pub(super) fn hint<'k>(found: &str, known: impl Iterator<Item = &'k str>) -> String {
    schema::nearest(found, known).map(|word| format!("; did you mean {word:?}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_as_written_or_the_right_spelling_is_said() {
        for (text, net) in [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::1", "::1/128"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(network(text).map(|net| net.to_string()), Ok(net.to_owned()), "{text}");
        }
        for (text, says) in [
            ("192.0.2.7/24", "\"192.0.2.0/24\""),
            ("::ffff:192.0.2.0/120", "\"192.0.2.0/24\""),
            ("::ffff:192.0.2.9", "\"192.0.2.9/32\""),
            ("192.0.2.0/33", "expected a network"),
            ("campus", "expected a network"),
            ("", "expected a network"),
        ] {
            let error = network(text).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn networks_that_together_hold_everybody_are_seen() {
        let nets = |texts: &[&str]| texts.iter().map(|text| network(text).expect("a network")).collect::<Vec<_>>();
        assert!(cover_everything(&nets(&["0.0.0.0/0"])));
        assert!(cover_everything(&nets(&["10.0.0.0/8", "128.0.0.0/1", "0.0.0.0/1"])));
        assert!(cover_everything(&nets(&["::/1", "8000::/1"])));
        assert!(!cover_everything(&nets(&["10.0.0.0/8", "2000::/3"])));
        assert!(!cover_everything(&[]));
    }

    #[test]
    fn sizes_hosts_bases_upstreams_and_scripts() {
        fn fits<T, E>(read: impl Fn(&str) -> Result<T, E>, right: &[&str], wrong: &[&str]) {
            for text in right {
                assert!(read(text).is_ok(), "{text} is right");
            }
            for text in wrong {
                assert!(read(text).is_err(), "{text} is wrong");
            }
        }
        assert_eq!(size("100MiB"), Ok(104_857_600));
        assert_eq!(size("1 GiB"), Ok(1 << 30));
        fits(size, &["1B", "3KiB"], &["0B", "100", "100MB", "-1B", "MiB", "", "99999999999GiB", "1.5MiB"]);
        fits(
            host,
            &["webmail.example.edu", "LOCALHOST", "127.0.0.1", "[::1]", "xn--bcher-kva.example"],
            &["", "webmail.example.edu:443", "https://x", "*.example.edu", "a..b", "bücher.example", "::1", "a.", "-a"],
        );
        fits(domain, &["example.edu", "Example.EDU"], &["", "@example.edu", "a@b", "exa mple"]);
        fits(base, &["/", "/webmail/", "/a/b/"], &["", "/webmail", "webmail/", "//", "/../", "/a b/", "/%61/", "/a?/"]);
        assert!(base("/webmail").expect_err("no slash at the end").ends_with("\"/webmail/\""));
        assert!(base("").expect_err("empty").ends_with("\"/\""));
        fits(
            upstream,
            &["http://127.0.0.1:8081", "https://mail.internal", "http://[::1]:80/", "http://localhost"],
            &[
                "",
                "127.0.0.1:80",
                "ftp://x",
                "http://x/webmail",
                "http://x?y",
                "http://u:p@x",
                "http://x:0",
                "http://x:99999",
                "http://",
            ],
        );
        fits(
            entry_point,
            &["/plugins/a/b.php"],
            &["", "plugins/a.php", "/a.html", "/../a.php", "/a//b.php", "/.git/x.php", "/a%2e.php", "/a.php?x"],
        );
        fits(cookie_name, &["roundcube_sessid", "a-b.c"], &["", "a b", "a=b", "a;b"]);
    }
}
