//! A PHP of our own to ask: a php-fpm master in a folder of its own, and enough FastCGI to speak to it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long PHP may take to start, or to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running php-fpm; stopped, with its workers, when dropped.
pub struct Fpm {
    master: Child,
    folder: tempfile::TempDir,
}

impl Fpm {
    /// Starts one with this many workers, each with the ini `settings`.
    ///
    /// # Panics
    /// When there is no php-fpm or it does not start: a test that needs PHP has nothing to say without it.
    pub fn start(workers: usize, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for php-fpm");
        let path = folder.path().to_owned();
        let at = |name: &str| path.join(name).display().to_string();
        let mut config = format!(
            "[global]\nerror_log = {}\ndaemonize = no\n[www]\nlisten = {}\npm = static\npm.max_children = {workers}\n\
             php_admin_value[upload_tmp_dir] = {}\nphp_admin_flag[log_errors] = off\nphp_admin_flag[display_errors] = off\n",
            at("fpm.log"),
            at("fpm.sock"),
            folder.path().display(),
        );
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
        if is_root {
            config.push_str("user = root\ngroup = root\n");
        }
        for (name, value) in settings {
            config.push_str(&format!("php_admin_value[{name}] = {value}\n"));
        }
        std::fs::write(at("fpm.conf"), config).expect("php-fpm's configuration is written");
        let mut command = Command::new(program());
        command.args(["--nodaemonize", "--fpm-config", &at("fpm.conf")]);
        if is_root {
            command.arg("--allow-to-run-as-root");
        }
        let master = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("php-fpm starts");
        let fpm = Self { master, folder };
        #[expect(clippy::disallowed_methods, reason = "bounds how long this test waits for another process")]
        let begun = Instant::now();
        while UnixStream::connect(fpm.socket()).is_err() {
            assert!(begun.elapsed() < PATIENCE, "php-fpm listens: {:?}", std::fs::read_to_string(at("fpm.log")));
            std::thread::yield_now();
        }
        fpm
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("fpm.sock")
    }

    /// A connection to one worker, kept for many requests.
    pub fn connect(&self) -> Connection {
        let stream = UnixStream::connect(self.socket()).expect("php-fpm takes connections");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a time limit");
        Connection { stream }
    }
}

impl Drop for Fpm {
    fn drop(&mut self) {
        // Killed, the master would leave its workers behind.
        let _ = Command::new("kill").args(["-TERM", &self.master.id().to_string()]).status();
        let _ = self.master.wait();
    }
}

fn program() -> PathBuf {
    ["/usr/sbin/php-fpm8.2", "/usr/sbin/php-fpm"]
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
        .expect("php-fpm is installed (Debian's php8.2-fpm; tests/run installs it)")
}

/// One FastCGI connection.
pub struct Connection {
    stream: UnixStream,
}

const BEGIN: u8 = 1;
const END: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;

impl Connection {
    /// Runs a script with these parameters, 64 KiB at most together, and this body; its answer, headers cut off.
    pub fn run(&mut self, script: &Path, parameters: &[(&str, &[u8])], body: &[u8]) -> Vec<u8> {
        let mut encoded = Vec::new();
        let script = script.to_str().expect("the repository's path is text").as_bytes();
        for (name, value) in parameters.iter().chain(&[("SCRIPT_FILENAME", script)]) {
            for length in [name.len(), value.len()] {
                encoded.extend(u32::try_from(length | 0x8000_0000).expect("parameters are short").to_be_bytes());
            }
            encoded.extend_from_slice(name.as_bytes());
            encoded.extend_from_slice(value);
        }
        let mut request = Vec::new();
        // A responder, and the connection is kept.
        record(&mut request, BEGIN, &[0, 1, 1, 0, 0, 0, 0, 0]);
        for (kind, content) in [(PARAMS, &encoded[..]), (STDIN, body)] {
            // PHP wants a parameter whole in one record, and all of ours fit into one.
            content.chunks(usize::from(u16::MAX)).for_each(|chunk| record(&mut request, kind, chunk));
            record(&mut request, kind, &[]);
        }
        self.stream.write_all(&request).expect("php-fpm reads");

        let mut answer = Vec::new();
        loop {
            let mut header = [0; 8];
            self.stream.read_exact(&mut header).expect("php-fpm answers");
            let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
            let mut content = vec![0; length + usize::from(header[6])];
            self.stream.read_exact(&mut content).expect("php-fpm answers whole");
            match header[1] {
                STDOUT => answer.extend_from_slice(&content[..length]),
                END => break,
                _ => {}
            }
        }
        let body = answer.windows(4).position(|found| found == b"\r\n\r\n").expect("an answer has headers");
        answer.split_off(body + 4)
    }
}

fn record(request: &mut Vec<u8>, kind: u8, content: &[u8]) {
    let length = u16::try_from(content.len()).expect("chunks are short").to_be_bytes();
    request.extend_from_slice(&[1, kind, 0, 1, length[0], length[1], 0, 0]);
    request.extend_from_slice(content);
}
