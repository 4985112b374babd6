//! A Redis of a bench's own.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A server that ends with this process, if that ends in an orderly way.
pub struct Server {
    /// Where it is.
    pub url: String,
    process: Child,
}

impl Server {
    /// One that keeps nothing on disk (Debian's package `redis-server`).
    pub fn start() -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        anyhow::ensure!(Path::new("/usr/bin/redis-server").exists(), "redis-server is not installed");
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()?;
        let server = Self { url: format!("redis://127.0.0.1:{port}"), process };
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::yield_now();
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}
