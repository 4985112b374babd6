//! Listening sockets: one per worker with `SO_REUSEPORT`, or those that systemd hands over.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait to be accepted. A burst of a few thousand people is held, not refused.
const BACKLOG: i32 = 4_096;

/// Sockets handed over by systemd, to be found by the address they are bound to.
#[derive(Default)]
pub struct Handed(Vec<TcpListener>);

impl Handed {
    /// Takes what `LISTEN_FDS` names; nothing where Mailward was started otherwise.
    ///
    /// # Errors
    /// A handed descriptor is not a TCP listener.
    pub fn take() -> io::Result<Self> {
        let mut environment = listenfd::ListenFd::from_env();
        let mut handed = Vec::new();
        for at in 0..environment.len() {
            handed.extend(environment.take_tcp_listener(at)?);
        }
        Ok(Self(handed))
    }

    /// Whether one of them is bound to `address`.
    pub fn has(&self, address: SocketAddr) -> bool {
        self.find(address).is_some()
    }

    fn find(&self, address: SocketAddr) -> Option<&TcpListener> {
        self.0.iter().find(|listener| listener.local_addr().is_ok_and(|bound| same(bound, address)))
    }
}

/// systemd's `[::]:443` and ours are the same; so is port 443 on every address by `ListenStream=443`.
fn same(bound: SocketAddr, wanted: SocketAddr) -> bool {
    bound == wanted || (bound.port() == wanted.port() && bound.ip().is_unspecified() && wanted.ip().is_unspecified())
}

/// One listener for each of `workers` at `address`.
///
/// # Errors
/// The address cannot be bound: another program has it, or the port needs `CAP_NET_BIND_SERVICE`.
pub fn listeners(address: SocketAddr, workers: usize, handed: &Handed) -> io::Result<Vec<TcpListener>> {
    if let Some(listener) = handed.find(address) {
        listener.set_nonblocking(true)?;
        return (0..workers).map(|_| listener.try_clone()).collect();
    }
    let first = bind(address)?;
    // Port 0 is chosen once, then shared by the other workers.
    let chosen = first.local_addr()?;
    let mut all = vec![first];
    for _ in 1..workers {
        all.push(bind(chosen)?);
    }
    Ok(all)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // `[::]` is every address of the machine, whatever the system's default says.
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Whether somebody else listens at `address` already: with `SO_REUSEPORT` a second gateway of the same user would
/// silently take half of the connections.
pub fn is_taken(address: SocketAddr) -> bool {
    address.port() != 0
        && Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).is_ok_and(|probe| {
            let _ = probe.set_reuse_address(true);
            if address.is_ipv6() {
                let _ = probe.set_only_v6(!address.ip().is_unspecified());
            }
            probe.bind(&address.into()).is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
        })
}
