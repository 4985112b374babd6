//! Servers that end with this process, however it ends.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::until;
use crate::store::run_with_time;

/// A running server, killed when this goes; its folder goes with it.
pub struct Guarded {
    /// Its process.
    pub pid: u32,
    // The server is killed when the pipe to it closes, which the operating system sees to.
    _guardian: Child,
}

/// Starts what it is told, says its process id, and kills it and its children when nobody listens any more.
const GUARDIAN: &str = r#"folder=$1; shift
setsid "$@" >"$folder/output" 2>&1 </dev/null &
echo $!
read -r _
kill -9 -- -$! 2>/dev/null
wait
rm -rf "$folder""#;

impl Guarded {
    /// Starts a command; what it says goes to `output` in the folder.
    pub fn launch(folder: &Path, command: &[&str]) -> Self {
        let mut guardian = Command::new("bash")
            .args(["-c", GUARDIAN, "guardian"])
            .arg(folder)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It tells of every server that was killed.
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("bash is there");
        let mut pid = String::new();
        let said = guardian.stdout.take().expect("it was asked to be piped");
        BufReader::new(said).read_line(&mut pid).expect("a pipe can be read");
        Self { pid: pid.trim().parse().expect("a process id"), _guardian: guardian }
    }

    /// Sends its process a signal, by its name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.pid.to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "the server runs");
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // At once, so that its port is free; what is stopped by a signal would not end by itself.
        let _gone = Command::new("kill").args(["-9", "--", &format!("-{}", self.pid)]).stderr(Stdio::null()).status();
    }
}

/// Waits on a thread of its own: the test may be waiting for something else already.
pub fn wait(what: &str, seconds: u64, mut holds: impl FnMut() -> bool + Send) {
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| run_with_time(until(what, seconds, async || holds().then_some(()))));
        waiting.join().expect("it comes about");
    });
}

/// A folder that servers who give up root's rights can enter.
pub fn folder(prefix: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::Builder::new().prefix(prefix).tempdir().expect("a temporary folder").keep();
    let everybody = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(&folder, everybody).expect("it was just made");
    folder
}
