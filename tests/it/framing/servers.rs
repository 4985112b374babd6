//! nginx with PHP-FPM and Apache with mod_php, each in a folder of its own with the same document root.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tempfile::TempDir;

use super::corpus::{HIDDEN, SCRIPTS};
use crate::php_fpm::Fpm;
use crate::stack::{Running, free_ports, nginx};

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// One script that ran.
#[derive(Debug, Deserialize)]
pub struct Ran {
    /// As the server got it.
    pub uri: String,
    /// Below the document root.
    pub script: String,
    /// What `Host` said.
    pub host: String,
    /// Headers that only a request within a request has.
    pub claims: Vec<String>,
    /// Of the body, in bytes.
    pub length: usize,
}

/// A web server with PHP.
pub trait Server {
    /// For people.
    fn name(&self) -> &'static str;
    /// Where it answers in plain HTTP.
    fn address(&self) -> SocketAddr;
    /// Its folder.
    fn folder(&self) -> &Path;

    /// Everything that ran.
    fn ran(&self) -> Vec<Ran> {
        let log = fs::read_to_string(self.folder().join("ran")).unwrap_or_default();
        log.lines().map(|line| serde_json::from_str(line).expect("the page writes JSON")).collect()
    }
}

pub struct Nginx {
    folder: TempDir,
    address: SocketAddr,
    _server: Running,
    _fpm: Fpm,
}

pub struct Apache {
    folder: TempDir,
    address: SocketAddr,
    _server: Running,
}

impl Server for Nginx {
    fn name(&self) -> &'static str {
        "nginx and PHP-FPM"
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Server for Apache {
    fn name(&self) -> &'static str {
        "Apache and mod_php"
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Nginx {
    /// As Debian's own examples have it: a path behind the script is allowed.
    pub fn start() -> Self {
        let folder = root();
        let fpm = Fpm::start(4, &[]);
        let [address] = free_ports();
        let at = folder.path().display();
        let http = format!(
            "include /etc/nginx/mime.types; keepalive_timeout 75s;\n\
             server {{\n listen {address}; root {at}/root; index index.php;\n\
             location / {{ try_files $uri $uri/ =404; }}\n\
             location ~ ^(?<script>/.+\\.php)(?<path_info>/.*)?$ {{\n try_files $script =404;\n\
             include /etc/nginx/fastcgi_params;\n fastcgi_param SCRIPT_FILENAME $document_root$script;\n\
             fastcgi_param SCRIPT_NAME $script; fastcgi_param PATH_INFO $path_info;\n\
             fastcgi_param FRAMING_LOG {at}/ran;\n fastcgi_pass unix:{};\n }}\n }}",
            fpm.socket().display()
        );
        let server = listening(nginx(folder.path(), &http), address, folder.path());
        Self { folder, address, _server: server, _fpm: fpm }
    }
}

impl Apache {
    /// With Debian's modules and its rule for what is PHP.
    pub fn start() -> Self {
        let folder = root();
        let [address] = free_ports();
        let at = folder.path().display();
        let modules = [
            ("mpm_prefork", "mod_mpm_prefork"),
            ("authz_core", "mod_authz_core"),
            ("dir", "mod_dir"),
            ("mime", "mod_mime"),
            ("env", "mod_env"),
            ("php", "libphp8.2"),
        ];
        let modules: String = modules
            .iter()
            .map(|(name, file)| format!("LoadModule {name}_module /usr/lib/apache2/modules/{file}.so\n"))
            .collect();
        let config = format!(
            "{modules}ServerRoot {at}\nServerName localhost\nListen {address}\nPidFile {at}/pid\nErrorLog {at}/error.log\n\
             Mutex file:{at}\nUser www-data\nGroup www-data\nTypesConfig /etc/mime.types\nDirectoryIndex index.php\n\
             StartServers 4\nMaxRequestWorkers 16\nKeepAlive On\nMaxKeepAliveRequests 0\nDocumentRoot {at}/root\n\
             SetEnv FRAMING_LOG {at}/ran\n<Directory {at}/root>\nRequire all granted\nAllowOverride None\n</Directory>\n\
             <FilesMatch \".+\\.ph(?:ar|p|tml)$\">\nSetHandler application/x-httpd-php\n</FilesMatch>\n"
        );
        let path = folder.path().join("apache.conf");
        fs::write(&path, config).expect("a folder of our own");
        fs::write(folder.path().join("ran"), "").expect("a folder of our own");
        // Its workers are not root, and write here.
        for (path, mode) in [(folder.path().to_owned(), 0o755), (folder.path().join("ran"), 0o666)] {
            fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).expect("our own");
        }
        let mut command = Command::new("/usr/sbin/apache2");
        command.arg("-DFOREGROUND").arg("-f").arg(&path);
        let server = listening(Running::start(&mut command), address, folder.path());
        Self { folder, address, _server: server }
    }
}

/// A document root with the same page in every place, those that Mailward serves and those that it must not.
fn root() -> TempDir {
    let folder = tempfile::Builder::new().prefix("mailward-framing-").tempdir().expect("a temporary folder");
    let page = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/php/framing.php")).expect("the page");
    for script in SCRIPTS.iter().chain(HIDDEN) {
        let path = folder.path().join("root").join(&script[1..]);
        fs::create_dir_all(path.parent().expect("it is below the root")).expect("a folder of our own");
        fs::write(path, &page).expect("a folder of our own");
    }
    fs::write(folder.path().join("root/images/x.png"), "a picture").expect("a folder of our own");
    folder
}

fn listening(running: Running, address: SocketAddr, folder: &Path) -> Running {
    #[expect(clippy::disallowed_methods, reason = "bounds how long this test waits for another process")]
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        let log = || fs::read_to_string(folder.join("error.log"));
        assert!(begun.elapsed() < PATIENCE, "it listens: {:?}", log());
        std::thread::yield_now();
    }
    running
}
