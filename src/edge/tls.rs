//! TLS 1.3 and 1.2 by rustls: certificates by the name a client asks for, replaced while running.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, ServerConfig};

use crate::domain::Timestamp;

/// A certificate chain and its key, PEM.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Files {
    /// Leaf first.
    pub certificate: PathBuf,
    /// PKCS#8, SEC1 or PKCS#1.
    pub key: PathBuf,
}

/// The certificate of some host names.
pub struct Wanted {
    /// Lower-case.
    pub hosts: Vec<String>,
    /// Where it is.
    pub files: Files,
}

/// Why a certificate is not used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{path} cannot be read as PEM")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// There is no certificate in the file.
    #[error("{path} holds no certificate")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Key and certificate do not belong together, or the key is of a kind that is not supported.
    #[error("{certificate} and {key} cannot be used together")]
    Unusable {
        /// The file.
        certificate: PathBuf,
        /// The file.
        key: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
}

/// The certificates in force. What a client asks for by name is found by one look-up; a client that names no host, or
/// an unknown one, gets the first site's.
#[derive(Debug)]
pub struct Certificates(ArcSwap<Loaded>);

#[derive(Debug)]
struct Loaded {
    by_host: HashMap<String, Arc<CertifiedKey>>,
    first: Arc<CertifiedKey>,
    ends: HashMap<String, Timestamp>,
    /// What was read when: a changed time of change means a changed file.
    read: Vec<(PathBuf, Option<SystemTime>)>,
}

impl Certificates {
    /// Reads all of them.
    ///
    /// # Errors
    /// The first that cannot be used; `wanted` must not be empty.
    pub fn load(wanted: &[Wanted]) -> Result<Self, CertificateError> {
        Ok(Self(ArcSwap::from_pointee(Loaded::read(wanted)?)))
    }

    /// Reads them again where a file has changed since, or always when `wanted` is another. Says whether it did.
    ///
    /// # Errors
    /// As [`Certificates::load`]; what was in force stays in force.
    pub fn reload(&self, wanted: &[Wanted], always: bool) -> Result<bool, CertificateError> {
        let unchanged = |(path, time): &(PathBuf, Option<SystemTime>)| changed(path) == *time;
        if !always && self.0.load().read.iter().all(unchanged) {
            return Ok(false);
        }
        self.0.store(Arc::new(Loaded::read(wanted)?));
        Ok(true)
    }

    /// When the certificate that `host` is shown ends.
    pub fn ends(&self, host: &str) -> Option<Timestamp> {
        self.0.load().ends.get(host).copied()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let loaded = self.0.load();
        let named = hello.server_name().and_then(|name| loaded.by_host.get(name));
        Some(Arc::clone(named.unwrap_or(&loaded.first)))
    }
}

impl Loaded {
    fn read(wanted: &[Wanted]) -> Result<Self, CertificateError> {
        let mut by_files: HashMap<&Files, Arc<CertifiedKey>> = HashMap::new();
        let mut loaded = Vec::new();
        let mut read = Vec::new();
        for Wanted { hosts, files } in wanted {
            if !by_files.contains_key(files) {
                // The time is taken before the content: a file replaced in between is read once more, never missed.
                read.extend([&files.certificate, &files.key].map(|path| (path.clone(), changed(path))));
                by_files.insert(files, Arc::new(read_key(files)?));
            }
            let key = &by_files[files];
            loaded.extend(hosts.iter().map(|host| (host.clone(), Arc::clone(key))));
        }
        let first = loaded.first().map(|(_, key)| Arc::clone(key)).expect("a configuration has at least one site");
        let ends = loaded.iter().filter_map(|(host, key)| Some((host.clone(), end_of(key)?))).collect();
        Ok(Self { by_host: loaded.into_iter().collect(), first, ends, read })
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn read_key(files: &Files) -> Result<CertifiedKey, CertificateError> {
    let unreadable = |path: &Path| {
        let path = path.to_path_buf();
        |source| CertificateError::Unreadable { path, source }
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable(&files.certificate))?;
    if chain.is_empty() {
        return Err(CertificateError::Empty { path: files.certificate.clone() });
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unreadable(&files.key))?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|source| CertificateError::Unusable {
        certificate: files.certificate.clone(),
        key: files.key.clone(),
        source,
    })
}

fn end_of(key: &CertifiedKey) -> Option<Timestamp> {
    let (_, certificate) = x509_parser::parse_x509_certificate(key.cert.first()?).ok()?;
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    Some(Timestamp::from_millis(seconds.saturating_mul(1_000)))
}

/// How long a certificate that Mailward makes itself is valid. Browsers refuse more than 398 days even of trusted ones.
const SELF_SIGNED_DAYS: i64 = 397;

/// The self-signed certificate for `hosts` in `folder`, made where there is none for exactly these hosts, or it ends
/// within a month.
///
/// # Errors
/// It cannot be written.
pub fn self_signed(folder: &Path, hosts: &[String], now: Timestamp) -> io::Result<Files> {
    let files = Files { certificate: folder.join("self-signed.pem"), key: folder.join("self-signed.key") };
    let month = std::time::Duration::from_secs(30 * 86_400);
    let lasts = || {
        let key = read_key(&files).ok()?;
        let names = fs::read_to_string(folder.join("self-signed.hosts")).ok()?;
        Some(names == hosts.join("\n") && end_of(&key)? > now.after(month))
    };
    if lasts() == Some(true) {
        return Ok(files);
    }
    let mut parameters = rcgen::CertificateParams::new(hosts.to_vec()).map_err(io::Error::other)?;
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "Mailward, self-signed");
    let date = |days: i64| {
        let seconds = i64::try_from(now.as_millis() / 1_000).unwrap_or(0) + days * 86_400;
        let date = jiff::Timestamp::from_second(seconds).unwrap_or_default().to_zoned_datetime(jiff::tz::TimeZone::UTC);
        rcgen::date_time_ymd(i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    (parameters.not_before, parameters.not_after) = (date(-1), date(SELF_SIGNED_DAYS - 1));
    let pair = rcgen::KeyPair::generate().map_err(io::Error::other)?;
    let certificate = parameters.self_signed(&pair).map_err(io::Error::other)?;
    write_private(&files.key, pair.serialize_pem().as_bytes())?;
    write_private(&files.certificate, certificate.pem().as_bytes())?;
    write_private(&folder.join("self-signed.hosts"), hosts.join("\n").as_bytes())?;
    Ok(files)
}

fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let next = path.with_extension("new");
    let _ = fs::remove_file(&next);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(next, path)
}

/// TLS sessions remembered for resumption by clients that cannot use tickets.
const SESSIONS_REMEMBERED: usize = 4_096;

/// What is chosen of the ciphers that a client offers, before any other.
const CHEAPEST: [CipherSuite; 3] = [
    CipherSuite::TLS13_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];

/// The TLS settings of the public port: both HTTP versions offered.
///
/// # Panics
/// If the built-in provider supported no version of TLS, which it does.
pub fn server_config(certificates: Arc<Certificates>) -> Arc<ServerConfig> {
    let mut provider = aws_lc_rs::default_provider();
    // AES-128 first, as browsers have it themselves: it is safe beyond doubt, and the cheapest for both sides.
    provider.cipher_suites.sort_by_key(|suite| !CHEAPEST.contains(&suite.suite()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .expect("the provider supports TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.ignore_client_order = true;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS_REMEMBERED);
    if let Ok(ticketer) = aws_lc_rs::Ticketer::new() {
        config.ticketer = ticketer;
    }
    // Two tickets make the resumption of a second parallel connection possible; more only cost bytes.
    config.send_tls13_tickets = 2;
    Arc::new(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    #[test]
    fn a_self_signed_certificate_is_made_once_and_again_when_hosts_or_time_change() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let make = |hosts: &[&str], now| {
            let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
            let files = self_signed(folder.path(), &hosts, now).expect("it can be written");
            fs::read(files.certificate).expect("it is there")
        };
        let first = make(&["a.example"], NOW);
        assert_eq!(first, make(&["a.example"], NOW));
        let second = make(&["a.example", "b.example"], NOW);
        assert_ne!(first, second);
        let year = std::time::Duration::from_secs(370 * 86_400);
        assert_ne!(second, make(&["a.example", "b.example"], NOW.after(year)));
    }

    #[test]
    fn a_bad_certificate_is_refused_and_the_old_one_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let files = self_signed(folder.path(), &["a.example".into()], NOW).expect("it can be written");
        let wanted = [Wanted { hosts: vec!["a.example".into()], files: files.clone() }];
        let certificates = Certificates::load(&wanted).expect("just made");
        assert_eq!(certificates.reload(&wanted, false).ok(), Some(false));
        let ends = certificates.ends("a.example");
        assert!(ends.is_some_and(|ends| ends > NOW));
        fs::write(&files.certificate, "nonsense").expect("it can be written");
        assert!(matches!(certificates.reload(&wanted, true), Err(CertificateError::Empty { .. })));
        assert_eq!(certificates.ends("a.example"), ends);
    }
}
