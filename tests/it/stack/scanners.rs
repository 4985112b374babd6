//! Real rspamd, SpamAssassin and ClamAV from Debian's packages, with local rules only: no DNS, and a signature database of
//! one line. Started once for the test binary; they end with it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::free_ports;
use super::guarded::{Guarded, folder, wait};

/// The text that scanners of spam take for spam, by agreement. In two pieces, so that this file is not taken for it.
pub fn gtube() -> String {
    ["XJS*C4JDBQADN1.NSBN3*2IDNEN*", "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"].concat()
}

/// The file that scanners of viruses take for one, by agreement.
pub fn eicar() -> String {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat()
}

/// Of that file the MD5 sum and its length, as a signature.
const EICAR_SIGNATURE: &str = "44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test\n";

/// What would ask DNS, or a service elsewhere.
const RSPAMD_WITHOUT: &[&str] = &[
    "arc",
    "asn",
    "bimi",
    "dkim",
    "dkim_signing",
    "dmarc",
    "fuzzy_check",
    "hfilter",
    "mx_check",
    "phishing",
    "rbl",
    "rspamd_update",
    "spf",
    "surbl",
];

/// The running scanners.
pub struct Scanners {
    /// rspamd's worker.
    pub rspamd: SocketAddr,
    /// spamd.
    pub spamd: SocketAddr,
    /// clamd's socket.
    pub clamd: PathBuf,
    _processes: [Guarded; 3],
}

impl Scanners {
    /// Those of this test binary; the first call starts them, which takes about two seconds.
    pub fn shared() -> &'static Self {
        static SCANNERS: OnceLock<Scanners> = OnceLock::new();
        SCANNERS.get_or_init(Self::start)
    }

    fn start() -> Self {
        let [rspamd, spamd] = free_ports();
        let (for_rspamd, for_spamd) = (start_rspamd(rspamd, ""), start_spamd(spamd, &[]));
        let (for_clamd, clamd) = start_clamd();
        wait("rspamd listens; tests/prepare installs it", 60, || std::net::TcpStream::connect(rspamd).is_ok());
        wait("spamd listens; tests/prepare installs it", 60, || std::net::TcpStream::connect(spamd).is_ok());
        wait("clamd listens; tests/prepare installs it", 60, || {
            std::os::unix::net::UnixStream::connect(&clamd).is_ok()
        });
        Self { rspamd, spamd, clamd, _processes: [for_rspamd, for_spamd, for_clamd] }
    }

    /// All three in a configuration.
    pub fn tables(&self) -> String {
        let Self { rspamd, spamd, clamd, .. } = self;
        let clamd = clamd.display();
        // Long enough for a machine on which everything is tested at once.
        format!(
            "[[scanner]]\nkind = \"rspamd\"\naddress = \"http://{rspamd}\"\ntime_limit = \"30s\"\n\
             [[scanner]]\nkind = \"spamassassin\"\naddress = \"{spamd}\"\ntime_limit = \"30s\"\n\
             [[scanner]]\nkind = \"clamav\"\naddress = \"unix:{clamd}\"\ntime_limit = \"30s\"\n"
        )
    }
}

/// An rspamd and a spamd that draw their lines lower than anybody would, so that small differences between messages show.
pub struct TouchyScanners {
    /// rspamd's worker: marks from 0.8 points on and refuses from 2.5 on.
    pub rspamd: SocketAddr,
    /// spamd: its line is at 1.5 points.
    pub spamd: SocketAddr,
    _processes: [Guarded; 2],
}

impl TouchyScanners {
    /// Starts them, which takes about two seconds.
    pub fn start() -> Self {
        let [rspamd, spamd] = free_ports();
        let actions = "add_header = 0.8;\nreject = 2.5;\ngreylist = null;\nrewrite_subject = null;\n";
        let processes = [start_rspamd(rspamd, actions), start_spamd(spamd, &["--cf=required_score 1.5"])];
        wait("rspamd listens; tests/prepare installs it", 60, || std::net::TcpStream::connect(rspamd).is_ok());
        wait("spamd listens; tests/prepare installs it", 60, || std::net::TcpStream::connect(spamd).is_ok());
        Self { rspamd, spamd, _processes: processes }
    }
}

/// `actions` are its lines; its own where they are empty.
fn start_rspamd(address: SocketAddr, actions: &str) -> Guarded {
    let folder = folder("mailward-rspamd-");
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack/templates/rspamd.conf");
    let config = fs::read_to_string(template).expect("a template").replace("@ADDRESS@", &address.to_string());
    fs::write(folder.join("rspamd.conf"), config).expect("a folder of our own");
    let local = folder.join("local.d");
    fs::create_dir(&local).expect("a folder of our own");
    for module in RSPAMD_WITHOUT {
        fs::write(local.join(format!("{module}.conf")), "enabled = false;\n").expect("a folder of our own");
    }
    fs::write(local.join("actions.conf"), actions).expect("a folder of our own");
    let at = folder.display();
    let variables = ["LOCAL_CONFDIR", "DBDIR", "LOGDIR", "RUNDIR"].map(|name| format!("--var={name}={at}"));
    let config = format!("{at}/rspamd.conf");
    let mut command = vec!["rspamd", "-f", "-c", &config, "-u", "_rspamd", "-g", "_rspamd"];
    command.extend(variables.iter().map(String::as_str));
    Guarded::launch(&folder, &command)
}

fn start_spamd(address: SocketAddr, more: &[&str]) -> Guarded {
    let folder = folder("mailward-spamd-");
    let (listen, home) = (address.to_string(), folder.display().to_string());
    let mut command =
        vec!["spamd", "-L", "-x", "-4", "-i", &listen, "-m", "2", "-u", "debian-spamd", "-H", &home, "-s", "stderr"];
    command.extend(more);
    Guarded::launch(&folder, &command)
}

fn start_clamd() -> (Guarded, PathBuf) {
    let folder = folder("mailward-clamd-");
    let socket = folder.join("socket");
    (launch_clamd(&folder, &format!("LocalSocket {}", socket.display())), socket)
}

/// `listens` is the line of its configuration that says where it does.
fn launch_clamd(folder: &Path, listens: &str) -> Guarded {
    fs::create_dir(folder.join("signatures")).expect("a folder of our own");
    fs::write(folder.join("signatures/test.hdb"), EICAR_SIGNATURE).expect("a folder of our own");
    let at = folder.display();
    let config = format!(
        "DatabaseDirectory {at}/signatures\n{listens}\nForeground yes\nUser root\nMaxThreads 4\nStreamMaxLength 30M\n"
    );
    fs::write(folder.join("clamd.conf"), config).expect("a folder of our own");
    Guarded::launch(folder, &["clamd", "-c", &format!("{at}/clamd.conf")])
}

/// A clamd of one test's own, to do it harm.
pub struct Clamd {
    /// Where it listens.
    pub address: SocketAddr,
    process: Guarded,
}

impl Clamd {
    /// Starts it, which takes about a second.
    pub fn start() -> Self {
        let [address] = free_ports();
        Self::start_at(address)
    }

    fn start_at(address: SocketAddr) -> Self {
        let listens = format!("TCPAddr {}\nTCPSocket {}", address.ip(), address.port());
        let process = launch_clamd(&folder("mailward-clamd-"), &listens);
        wait("clamd listens; tests/prepare installs it", 60, || std::net::TcpStream::connect(address).is_ok());
        Self { address, process }
    }

    /// Sends its process a signal, by its name.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Starts another with the same address, after this one was killed.
    pub fn start_again(self) -> Self {
        let address = self.address;
        drop(self);
        Self::start_at(address)
    }
}
