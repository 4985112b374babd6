//! An alert as a line of syslog: RFC 5424 over UDP and TCP (RFC 6587, with lengths); at the local socket as the C library
//! writes it, which is what daemons expect there.
//!
//! A datagram that is lost on the way is lost: who must know everything takes TCP, a webhook or mail.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UdpSocket, UnixDatagram};

use super::words::Alert;
use super::{Receiver, Told};
use crate::config::SyslogAddress;
use crate::domain::{Severity, Timestamp};

/// `authpriv`: messages about who may do what, which most systems keep from other users.
const FACILITY: u32 = 10;

/// Receivers must take 2048 bytes; more is cut by some (RFC 5424 section 6.1).
const LINE_BYTES_MAX: usize = 2_048;

/// A receiver of lines.
pub(super) struct Syslog {
    address: SyslogAddress,
    host: String,
}

impl Syslog {
    pub(super) fn new(address: SyslogAddress) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self { address, host: host_field(host.trim()) }
    }

    fn line(&self, alert: &Alert) -> String {
        let process = std::process::id();
        let severity = match alert.severity {
            Severity::Critical => 2,
            Severity::Warning => 4,
            Severity::Notice => 5,
        };
        let priority = FACILITY * 8 + severity;
        let mut line = match &self.address {
            SyslogAddress::Udp(_) | SyslogAddress::Tcp(_) => {
                format!("<{priority}>1 {} {} mailward {process} {} - ", alert.time, self.host, alert.event)
            }
            SyslogAddress::Unix(_) => format!("<{priority}>mailward[{process}]: {}: ", alert.event),
        };
        line.push_str(&alert.title);
        for more in &alert.lines {
            write!(line, " {more}").expect("a String takes everything");
        }
        if alert.repeated > 0 {
            write!(line, " And {} more since then.", alert.repeated).expect("a String takes everything");
        }
        if let Some(reference) = &alert.reference {
            write!(line, " reference={reference}").expect("a String takes everything");
        }
        while line.len() > LINE_BYTES_MAX {
            line.pop();
        }
        line
    }

    async fn send(&self, lines: &[String]) -> std::io::Result<()> {
        match &self.address {
            SyslogAddress::Udp(address) => {
                let socket = if address.is_ipv4() {
                    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?
                } else {
                    UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).await?
                };
                socket.connect(address).await?;
                for line in lines {
                    socket.send(line.as_bytes()).await?;
                }
            }
            SyslogAddress::Tcp(address) => {
                let mut stream = TcpStream::connect(address).await?;
                for line in lines {
                    stream.write_all(format!("{} {line}", line.len()).as_bytes()).await?;
                }
                // A receiver that has gone says so at the end, not at the first write.
                stream.shutdown().await?;
            }
            SyslogAddress::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                for line in lines {
                    socket.send(line.as_bytes()).await?;
                }
            }
        }
        Ok(())
    }
}

/// What may stand in the field for the host: printable, no space, at most 255.
fn host_field(host: &str) -> String {
    let host: String = host.chars().filter(char::is_ascii_graphic).take(255).collect();
    if host.is_empty() { "-".to_owned() } else { host }
}

impl Receiver for Syslog {
    fn tell<'a>(&'a self, alerts: &'a [&'a Alert], _now: Timestamp) -> Told<'a> {
        Box::pin(async move {
            let lines: Vec<String> = alerts.iter().map(|alert| self.line(alert)).collect();
            self.send(&lines).await.map_err(|error| error.to_string())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Event, EventKind};
    use crate::telemetry::line;

    #[test]
    fn a_line_is_as_the_standard_says_and_never_longer_than_everybody_takes() {
        let verdict = Some(crate::domain::Verdict::Flag);
        let event = Event { kind: EventKind::FlagRaised, verdict, ..line::example() };
        let (mut alert, _) = Alert::of(&event, [7; 16]).expect("an alert");
        let udp = SyslogAddress::Udp("127.0.0.1:514".parse().expect("an address"));
        let mut syslog = Syslog { address: udp, host: host_field("mx 1\n") };
        let line = syslog.line(&alert);
        let begin = format!("<84>1 2026-03-01T08:12:09.000Z mx1 mailward {} flag_raised - alice: ", std::process::id());
        assert!(line.starts_with(&begin), "{line}");
        assert!(line.ends_with("reference=B2FT-2FW1"), "{line}");
        syslog.address = SyslogAddress::Unix("/dev/log".into());
        let begin = format!("<84>mailward[{}]: flag_raised: alice: ", std::process::id());
        assert!(syslog.line(&alert).starts_with(&begin), "{}", syslog.line(&alert));
        alert.lines = vec!["ü".repeat(5_000)];
        assert!(syslog.line(&alert).len() <= LINE_BYTES_MAX);
    }
}
