//! `mailward doctor`: tries what the configuration relies on, and says for each what is wrong and what to do.
//!
//! Nothing is changed anywhere: a file is written to `data_dir` and removed again, the webmail's sign-in page is
//! fetched, nothing is sent to it. Addresses and options of products belong into the advice, so they stand here.

mod outgoing;
mod scanners;
mod store;
mod version;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{FAILED, operate, read, sources};
use crate::admin::CERTIFICATE_NEAR_END;
use crate::admin::control::{Command, Reply};
use crate::clock::{Clock, Dice};
use crate::config::{CertificateFiles, Config, Site, keys};
use crate::domain::Timestamp;
use crate::intel::{Freshness, Intel};
use crate::telemetry::plain;

/// How long the webmail may take to show its sign-in page.
const PATIENCE: Duration = Duration::from_secs(10);

/// As much of the sign-in page as is read, in bytes.
const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// Between the webmail's `Date` and our clock: more is worth a look, and one-time codes fail at 30 s.
const CLOCK_DIFFERENCE_MAX: Duration = Duration::from_secs(5);

/// What one look came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Ok,
    /// Nothing is wrong, but something is worth doing.
    Advice,
    Warn,
    Fail,
}

/// One line, and what to do about it.
#[derive(Debug)]
struct Finding {
    health: Health,
    what: String,
    todo: Option<String>,
}

fn ok(what: impl Into<String>) -> Finding {
    Finding { health: Health::Ok, what: what.into(), todo: None }
}

fn finding(health: Health, what: impl Into<String>, todo: impl Into<String>) -> Finding {
    Finding { health, what: what.into(), todo: Some(todo.into()) }
}

fn warn(what: impl Into<String>, todo: impl Into<String>) -> Finding {
    finding(Health::Warn, what, todo)
}

fn fail(what: impl Into<String>, todo: impl Into<String>) -> Finding {
    finding(Health::Fail, what, todo)
}

pub(super) fn run(path: &Path, clock: &Clock) -> ExitCode {
    let config = match read(path) {
        Ok(config) => config,
        Err(failed) => return failed,
    };
    let now = clock.now();
    let mut findings = vec![match config.warnings.len() {
        0 => ok(format!("{} has no mistake", path.display())),
        1 => warn(format!("{} has no mistake, but 1 warning", path.display()), "see: mailward check"),
        count => warn(format!("{} has no mistake, but {count} warnings", path.display()), "see: mailward check"),
    }];
    findings.extend(look_at_files(&config));
    findings.extend(look_at_sources(&config, now));
    findings.extend(look_at_gateway(&config, now));
    for site in &config.sites {
        findings.extend(look_at_certificate(site, config.tls.as_ref(), now));
    }
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            findings.extend(runtime.block_on(store::look(&config, clock)));
            findings.extend(runtime.block_on(outgoing::look(&config)));
            findings.extend(runtime.block_on(scanners::look(&config)));
            for site in &config.sites {
                findings.extend(runtime.block_on(look_at_webmail(site, &config, now)));
            }
        }
        Err(error) => {
            findings.push(fail(format!("no connection can be made: {error}"), "look at the limits of this user"))
        }
    }
    findings.extend(advice(&config));
    for finding in &findings {
        print!("{}", shown(finding));
    }
    let count = |health| findings.iter().filter(|finding| finding.health == health).count();
    let (warnings, failures) = (count(Health::Warn), count(Health::Fail));
    println!("\n{} ok, {warnings} to look at, {failures} failed", count(Health::Ok));
    if failures > 0 { ExitCode::from(FAILED) } else { ExitCode::SUCCESS }
}

fn shown(finding: &Finding) -> String {
    let word = match finding.health {
        Health::Ok => "ok",
        Health::Advice => "note",
        Health::Warn => "warn",
        Health::Fail => "FAIL",
    };
    let mut text = format!("{word:<5} {}\n", plain(&finding.what));
    for line in finding.todo.iter().flat_map(|todo| todo.lines()) {
        text.push_str(&format!("      → {}\n", plain(line)));
    }
    text
}

fn look_at_files(config: &Config) -> Vec<Finding> {
    let folder = &config.data_dir;
    let mut findings = vec![match try_to_write(folder) {
        Ok(()) => ok(format!("{} can be written", folder.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            warn(format!("{} does not exist yet", folder.display()), "it is made at the first start")
        }
        Err(error) => fail(
            format!("{} cannot be written: {error}", folder.display()),
            "run this as the gateway's user; if it still fails: is the disk full, does the folder belong to that user?",
        ),
    }];
    findings.push(match keys::read(&config.key_file) {
        Ok(_) => ok(format!("{} can be read, by its owner only", config.key_file.display())),
        Err(keys::KeyFileError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            ok(format!("{} does not exist yet; it is made at the first start", config.key_file.display()))
        }
        Err(keys::KeyFileError::Read { path, source }) => fail(
            format!("{} cannot be read: {source}", path.display()),
            "run this as the gateway's user; if it still fails, let the file belong to that user",
        ),
        Err(error) => fail(error.to_string(), "see docs/configuration.md, key_file"),
    });
    let events = config.events.file.parent().unwrap_or(Path::new("."));
    if events != folder {
        findings.push(match try_to_write(events) {
            Ok(()) => ok(format!("{} can be written", events.display())),
            Err(error) => fail(
                format!("{} cannot be written: {error}", events.display()),
                "events are rotated there, so the gateway's user must be able to make files in it",
            ),
        });
    }
    findings
}

fn look_at_sources(config: &Config, now: Timestamp) -> Vec<Finding> {
    let sources = match Intel::open(config, now) {
        Ok(intel) => intel.sources(now),
        Err(error) => {
            let what = format!("{:#}", anyhow::Error::new(error));
            return vec![fail(what, "the gateway does not start with it, and if it runs keeps what it read before")];
        }
    };
    let judged = sources.iter().map(|source| {
        let told = sources::told(source, now);
        match (told.freshness, told.todo) {
            (_, None) => ok(told.what),
            (Freshness::TooOld, Some(todo)) => fail(told.what, todo),
            (Freshness::Fresh | Freshness::Old, Some(todo)) => warn(told.what, todo),
        }
    });
    judged.collect()
}

fn try_to_write(folder: &Path) -> std::io::Result<()> {
    let name = data_encoding::HEXLOWER.encode(&Dice::system().bytes::<8>());
    let path = folder.join(format!(".doctor-{name}"));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&path)?;
    let written = std::io::Write::write_all(&mut file, &[0; 4096]).and_then(|()| file.sync_all());
    let removed = fs::remove_file(&path);
    written.and(removed)
}

fn look_at_gateway(config: &Config, now: Timestamp) -> Vec<Finding> {
    match operate::ask(&config.control, &Command::Status) {
        Ok(Reply::Status { version, time, store_away: None, .. }) => {
            let own = env!("CARGO_PKG_VERSION");
            let mut findings =
                vec![ok(format!("the gateway runs (version {version}, {time}) and its store can be written"))];
            if version != own {
                findings.push(warn(
                    format!("the running gateway has version {version}, this program {own}"),
                    "restart the gateway",
                ));
            }
            findings
        }
        Ok(Reply::Status { store_away: Some(what), .. }) => {
            vec![fail(
                format!("the running gateway cannot write its store: {what}"),
                "the embedded one: is the disk full? a shared one: does it run, is its memory full?",
            )]
        }
        Ok(_) => vec![fail("the running gateway does not understand this program", "restart it: versions differ")],
        Err(error) => vec![finding(
            Health::Advice,
            format!("no gateway runs with this configuration now ({now}): {error}"),
            "nothing to do if it is not meant to",
        )],
    }
}

fn look_at_certificate(site: &Site, fallback: Option<&CertificateFiles>, now: Timestamp) -> Vec<Finding> {
    let Some(files) = site.tls.as_ref().or(fallback) else {
        return vec![warn(
            format!("{}: the certificate is self-signed, browsers warn", site.name),
            "get one, and set certificate and key",
        )];
    };
    match read_certificate(files) {
        Ok(found) => judge_certificate(site, &files.certificate, &found, now),
        Err(what) => vec![fail(
            format!("{}: {what}", site.name),
            "the certificate file holds the site's own certificate first; the key file the key that belongs to it",
        )],
    }
}

/// What matters of a certificate.
struct Found {
    names: Vec<String>,
    ends: i64,
}

fn read_certificate(files: &CertificateFiles) -> Result<Found, String> {
    let at = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| at(&files.certificate, &error))?;
    let leaf = chain.first().ok_or_else(|| at(&files.certificate, &"no certificate"))?.clone();
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| at(&files.key, &error))?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    rustls::sign::CertifiedKey::from_der(chain, key, &provider)
        .map_err(|error| format!("key and certificate do not fit: {error}"))?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&leaf).map_err(|error| at(&files.certificate, &error))?;
    let names = parsed.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
        x509_parser::extensions::GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        x509_parser::extensions::GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    });
    Ok(Found { names: names.collect(), ends: parsed.validity().not_after.timestamp() })
}

fn address(bytes: &[u8]) -> Option<std::net::IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).ok().map(Into::into);
    v4.or_else(|| <[u8; 16]>::try_from(bytes).ok().map(Into::into))
}

fn judge_certificate(site: &Site, path: &Path, found: &Found, now: Timestamp) -> Vec<Finding> {
    let seconds_left = found.ends.saturating_sub(i64::try_from(now.as_millis() / 1_000).unwrap_or(i64::MAX));
    let days = seconds_left.div_euclid(86_400);
    let path = path.display();
    let mut findings = vec![if seconds_left <= 0 {
        fail(
            format!("{}: the certificate {path} has ended", site.name),
            "renew it; it is read again when the file changes",
        )
    } else if Duration::from_secs(seconds_left.unsigned_abs()) < CERTIFICATE_NEAR_END {
        warn(
            format!("{}: the certificate {path} ends in {days} days", site.name),
            "renew it, and look why that did not happen by itself",
        )
    } else {
        ok(format!("{}: the certificate {path} is good for {days} days", site.name))
    }];
    for host in site.hosts.iter().filter(|host| !found.names.iter().any(|name| covers(name, host))) {
        findings.push(fail(
            format!("{}: the certificate {path} does not cover {host}", site.name),
            format!("it covers: {}", found.names.join(", ")),
        ));
    }
    findings
}

/// Whether a name of a certificate covers a host: the same, or with `*` for its first label (RFC 6125).
fn covers(name: &str, host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    name == host
        || name.strip_prefix("*.").is_some_and(|rest| host.split_once('.').is_some_and(|(_, of_host)| of_host == rest))
}

/// The sign-in page as the webmail shows it.
struct Page {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

async fn look_at_webmail(site: &Site, config: &Config, now: Timestamp) -> Vec<Finding> {
    match tokio::time::timeout(PATIENCE, fetch(site, config)).await {
        Ok(Ok(page)) => judge_page(site, &page, now),
        Ok(Err(error)) => vec![fail(
            format!("{}: {} does not answer: {error:#}", site.name, site.upstream),
            "does the webmail run there? is it reachable from this machine?",
        )],
        Err(_) => vec![fail(
            format!("{}: {} did not answer within {} s", site.name, site.upstream, PATIENCE.as_secs()),
            "look at the load of the webmail, and of its mail server",
        )],
    }
}

async fn fetch(site: &Site, config: &Config) -> anyhow::Result<Page> {
    let request = sign_in_request(site, config)?;
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    let answer = if site.upstream.scheme() == Some(&http::uri::Scheme::HTTPS) {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())?
            .https_only()
            .enable_http1()
            .wrap_connector(connector);
        Client::builder(TokioExecutor::new()).build(connector).request(request).await?
    } else {
        Client::builder(TokioExecutor::new()).build(connector).request(request).await?
    };
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, PAGE_BYTES_MAX).collect().await.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
    Ok(Page { status: parts.status, headers: parts.headers, body })
}

/// What the gateway itself would send for a person on this machine.
fn sign_in_request(site: &Site, config: &Config) -> anyhow::Result<Request<Empty<Bytes>>> {
    let upstream = site.upstream.to_string();
    let uri = format!("{}{}{}", upstream.trim_end_matches('/'), site.base, site.webmail.sign_in_page().path);
    let host = match config.listen.public_https_port {
        443 => site.name.to_string(),
        port => format!("{}:{port}", site.name),
    };
    Ok(Request::builder()
        .method(Method::GET)
        .uri(uri)
        .header(header::HOST, &host)
        .header("x-forwarded-for", "127.0.0.1")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", &host)
        .header(header::ACCEPT_ENCODING, "identity")
        .header(header::USER_AGENT, concat!("mailward-doctor/", env!("CARGO_PKG_VERSION")))
        .body(Empty::new())?)
}

fn judge_page(site: &Site, page: &Page, now: Timestamp) -> Vec<Finding> {
    let name = &site.name;
    let product = site.webmail.id();
    let location = page.headers.get(header::LOCATION).and_then(|location| location.to_str().ok());
    if let Some(location) = location.filter(|_| page.status.is_redirection()) {
        return vec![if location.starts_with("https://") {
            fail(
                format!(
                    "{name}: the webmail sends everybody to {location}: it does not believe that they came by HTTPS"
                ),
                trust_advice(product),
            )
        } else {
            fail(
                format!("{name}: the webmail answers with a redirect to {location}"),
                "does it live there? set \"base\" to where it lives",
            )
        }];
    }
    if page.status != StatusCode::OK {
        return vec![fail(
            format!("{name}: the webmail answers the sign-in page with {}", page.status),
            "look at the web server's error log; does the webmail live below \"base\"?",
        )];
    }
    let marks = site.webmail.sign_in_page().marks;
    let body = String::from_utf8_lossy(&page.body);
    let mut findings = vec![match marks.iter().find(|mark| !body.contains(**mark)) {
        Some(_) => fail(
            format!("{name}: what answers at {} does not look like {product}", site.upstream),
            "is \"webmail\" right, and does it live below \"base\"?",
        ),
        None if marks.is_empty() => ok(format!("{name}: {} answers", site.upstream)),
        None => ok(format!("{name}: {product} answers at {}", site.upstream)),
    }];
    findings.extend(version::judge(site, &body));
    findings.extend(judge_cookies(site, &page.headers));
    findings.extend(judge_date(site, &page.headers, now));
    findings
}

fn judge_cookies(site: &Site, headers: &HeaderMap) -> Vec<Finding> {
    let name = &site.name;
    let set: Vec<(String, bool)> = headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(|value| {
            let mut parts = value.split(';');
            let cookie = parts.next().and_then(|pair| pair.split('=').next()).unwrap_or_default().trim().to_owned();
            (cookie, parts.any(|attribute| attribute.trim().eq_ignore_ascii_case("secure")))
        })
        .collect();
    match set.iter().find(|(cookie, _)| *cookie == site.session_cookie) {
        Some((_, true)) => vec![ok(format!("{name}: the webmail believes our forwarding headers (secure cookies)"))],
        Some((_, false)) => vec![warn(
            format!("{name}: the webmail does not believe our forwarding headers: its cookies are not \"secure\""),
            trust_advice(site.webmail.id()),
        )],
        None if set.is_empty() => vec![warn(
            format!("{name}: the sign-in page sets no cookie, so it is not known whether our headers are believed"),
            trust_advice(site.webmail.id()),
        )],
        None => {
            let names: Vec<&str> = set.iter().map(|(cookie, _)| cookie.as_str()).collect();
            vec![fail(
                format!("{name}: the webmail's cookies are {}, not {:?}", names.join(", "), site.session_cookie),
                "set \"session_cookie\" to the name of its session cookie; without it no session is recognised",
            )]
        }
    }
}

fn judge_date(site: &Site, headers: &HeaderMap, now: Timestamp) -> Option<Finding> {
    let date = headers.get(header::DATE)?.to_str().ok()?;
    let theirs = jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_millisecond();
    let ours = i64::try_from(now.as_millis()).ok()?;
    let difference = Duration::from_millis(theirs.abs_diff(ours));
    Some(if difference <= CLOCK_DIFFERENCE_MAX + PATIENCE {
        ok(format!("{}: its clock and ours agree", site.name))
    } else {
        warn(
            format!("{}: its clock and ours differ by {} s", site.name, difference.as_secs()),
            "let both follow the same time servers (timedatectl status)",
        )
    })
}

fn trust_advice(product: &str) -> &'static str {
    match product {
        "roundcube" => {
            "in Roundcube's config.inc.php: $config['proxy_whitelist'] = ['ADDRESS OF THIS MACHINE AS ROUNDCUBE SEES IT'];\n\
             leave force_https off: TLS ends here"
        }
        _ => {
            "let the web server in front of PHP believe X-Forwarded-Proto and X-Forwarded-For from this machine:\n\
             SetEnvIf X-Forwarded-Proto https HTTPS=on, and mod_remoteip (Apache); fastcgi_param HTTPS on (nginx)"
        }
    }
}

/// What no look can find out.
fn advice(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if config.sites.iter().any(|site| site.webmail.id() == "roundcube") {
        let minute = Duration::from_secs(60);
        let stays_below =
            config.sign_in.failures_per_account.iter().any(|limit| limit.amount <= 2 && limit.window >= minute);
        findings.push(if stays_below {
            finding(
                Health::Advice,
                "Roundcube refuses an account for a minute after login_rate_limit (3) failures, the right password too",
                "leave login_rate_limit at 3 or higher; failures_per_account stays below it, so strangers cannot trigger it",
            )
        } else {
            warn(
                "failures_per_account lets strangers reach Roundcube's login_rate_limit (3 a minute), which then refuses the owner",
                "set failures_per_account = [\"2/m\"], or raise login_rate_limit in Roundcube above it",
            )
        });
    }
    findings.push(finding(
        Health::Advice,
        "Dovecot slows every sign-in from an address with failures, and from the webmail all come from one address",
        "in Dovecot: login_trusted_networks = ADDRESS OF THE WEBMAIL, or turn the penalty off:\n\
         service anvil { unix_listener anvil-auth-penalty { mode = 0 } }",
    ));
    for site in &config.sites {
        let host = site.upstream.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let on_loopback =
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        if !on_loopback {
            findings.push(finding(
                Health::Advice,
                format!("{}: {} is not on this machine", site.name, site.upstream),
                "let its firewall admit only the gateway: whoever reaches it directly passes by every limit",
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> std::sync::Arc<Site> {
        let text = "[[site]]\nhosts = [\"webmail.example.edu\"]\nupstream = \"http://127.0.0.1:8081\"\n\
                    webmail = \"roundcube\"\nsession_cookie = \"roundcube_sessid\"\n";
        let now = Timestamp::from_millis(0);
        crate::config::parse(text, "mailward.toml", Path::new(""), now).expect("a good file").sites.remove(0)
    }

    fn page(status: u16, headers: &[(&'static str, &'static str)]) -> Page {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().expect("a header name"), http::HeaderValue::from_static(value)))
            .collect::<Vec<(http::HeaderName, _)>>();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        Page { status: StatusCode::from_u16(status).expect("a status"), headers: map, body: page_body() }
    }

    fn page_body() -> Bytes {
        Bytes::from(site().webmail.sign_in_page().marks.join(" "))
    }

    #[test]
    fn a_sign_in_page_tells_whether_our_headers_are_believed() {
        for (page, health, says) in [
            (page(200, &[("set-cookie", "roundcube_sessid=x; path=/; secure; HttpOnly")]), Health::Ok, "believes"),
            (page(200, &[("set-cookie", "roundcube_sessid=x; path=/; HttpOnly")]), Health::Warn, "does not believe"),
            (page(200, &[("set-cookie", "rc=secure; secure")]), Health::Fail, "cookies are rc"),
            (page(200, &[]), Health::Warn, "sets no cookie"),
            (page(302, &[("location", "https://webmail.example.edu/")]), Health::Fail, "came by HTTPS"),
            (page(301, &[("location", "/mail/")]), Health::Fail, "redirect to /mail/"),
            (page(500, &[]), Health::Fail, "500"),
        ] {
            let findings = judge_page(&site(), &page, Timestamp::from_millis(0));
            let found = findings.iter().find(|finding| finding.what.contains(says));
            assert_eq!(found.map(|finding| finding.health), Some(health), "{says}: {findings:?}");
        }
    }

    #[test]
    fn clocks_that_differ_are_seen() {
        let now = Timestamp::from_millis(1_772_352_729_000);
        for (date, health) in
            [("Sun, 01 Mar 2026 08:12:10 GMT", Health::Ok), ("Sun, 01 Mar 2026 08:22:10 GMT", Health::Warn)]
        {
            let found = judge_date(&site(), &page(200, &[("date", date)]).headers, now).expect("a date");
            assert_eq!(found.health, health, "{date}: {found:?}");
        }
    }

    #[test]
    fn a_certificate_is_judged_by_its_days_and_its_names() {
        let now = Timestamp::from_millis(86_400_000 * 1_000);
        for (days, names, healths) in [
            (60, &["webmail.example.edu"][..], &[Health::Ok][..]),
            (60, &["*.example.edu"], &[Health::Ok]),
            (13, &["webmail.example.edu"], &[Health::Warn]),
            (-1, &["webmail.example.edu"], &[Health::Fail]),
            (60, &["example.edu", "*.webmail.example.edu"], &[Health::Ok, Health::Fail]),
        ] {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            let found = Found { names, ends: (1_000 + days) * 86_400 };
            let judged: Vec<Health> = judge_certificate(&site(), Path::new("x.pem"), &found, now)
                .iter()
                .map(|finding| finding.health)
                .collect();
            assert_eq!(judged, healths, "{days} {:?}", found.names);
        }
    }

    #[test]
    fn a_made_certificate_is_read_and_a_foreign_key_is_noticed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let made = rcgen::generate_simple_self_signed(vec!["webmail.example.edu".to_owned()]).expect("a name");
        let other = rcgen::generate_simple_self_signed(vec!["webmail.example.edu".to_owned()]).expect("a name");
        let files = CertificateFiles { certificate: folder.path().join("c.pem"), key: folder.path().join("k.pem") };
        fs::write(&files.certificate, made.cert.pem()).expect("writable");
        fs::write(&files.key, made.signing_key.serialize_pem()).expect("writable");
        assert_eq!(read_certificate(&files).map(|found| found.names), Ok(vec!["webmail.example.edu".to_owned()]));
        fs::write(&files.key, other.signing_key.serialize_pem()).expect("writable");
        assert!(read_certificate(&files).is_err_and(|what| what.contains("do not fit")));
    }
}
