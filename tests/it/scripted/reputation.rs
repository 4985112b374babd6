//! An address that mail leaves from comes onto a blocklist and off it again. The list is a real DNS server's.

use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};

use super::upstream::Upstream;
use super::{roundcube, send, signed_in};
use crate::stack::{Gateway, Settings, until};

/// Debian's dnsmasq, which answers for `bl.test` and knows nothing else.
struct Dns {
    process: Child,
    port: u16,
}

impl Dns {
    async fn start(port: u16, listed: &[&str]) -> Self {
        let mut command = Command::new("dnsmasq");
        command.args(["--keep-in-foreground", "--no-resolv", "--no-hosts", "--bind-interfaces", "--pid-file="]);
        command.args(["--conf-file=/dev/null", "--listen-address=127.0.0.1", "--user=", "--group="]);
        command.args([&format!("--port={port}"), "--local=/bl.test/"]);
        command.args(listed.iter().map(|name| format!("--address=/{name}.bl.test/127.0.0.4")));
        let process = command.stderr(Stdio::null()).spawn().expect("dnsmasq is installed");
        let dns = Self { process, port };
        let answers = async || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok().map(|_| ());
        until("the DNS server answers", 20, answers).await;
        dns
    }

    /// Another one in its place.
    async fn with(mut self, listed: &[&str]) -> Self {
        self.end();
        Self::start(self.port, listed).await
    }

    fn end(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.end();
    }
}

fn reputation(port: u16, every: &str) -> String {
    format!(
        "[reputation]\naddresses = [\"203.0.113.25\", \"203.0.113.26\"]\nlists = [\"bl.test\"]\nevery = \"{every}\"\n\
         resolver = \"127.0.0.1:{port}\"\n"
    )
}

#[tokio::test]
async fn an_address_that_is_listed_is_told_with_who_sent_and_so_is_that_it_is_off_again() {
    let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr()).expect("a port").port();
    let dns = Dns::start(port, &[]).await;
    let upstream = Upstream::start(roundcube).await;
    let settings = Settings::sections(&reputation(port, "10m"));
    let gateway = Gateway::start(upstream.address(), &settings).await;
    let mut client = signed_in(&gateway, "alice").await;
    send(&mut client, "one").await;
    let counted = async || {
        let store = gateway.command(&["store", "info"]);
        String::from_utf8_lossy(&store.stdout).contains("events").then_some(())
    };
    until("the store knows of it", 10, counted).await;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(gateway.events_of("address_listed").len(), 0);

    // Whatever in the section changes, the lists are asked anew.
    let ask_anew = |from: &str, to: &str| {
        let text = std::fs::read_to_string(gateway.config()).expect("it is there");
        assert!(text.contains(from));
        std::fs::write(gateway.config(), text.replace(from, to)).expect("writable");
        gateway.signal("HUP");
    };
    let dns = dns.with(&["25.113.0.203"]).await;
    ask_anew("every = \"10m\"", "every = \"11m\"");
    let listed = until("it is told", 30, async || gateway.events_of("address_listed").pop()).await;
    assert_eq!(listed["address"], "203.0.113.25");
    let what = listed["what"].as_str().expect("words");
    assert!(what.starts_with("bl.test (127.0.0.4); most recipients in the last 24 hours: alice at "), "{what}");

    // A list that does not answer says nothing.
    let mut dns = dns;
    dns.end();
    ask_anew("every = \"11m\"", "every = \"12m\"");
    until("it was asked", 90, async || gateway.log().contains("a blocklist does not say").then_some(())).await;
    assert_eq!(gateway.events_of("address_delisted").len(), 0);

    let doctor = |dns: &str| {
        let said = gateway.command(&["doctor"]);
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.contains(dns), "{said}");
    };
    doctor("the blocklist bl.test does not say");
    let dns = dns.with(&["25.113.0.203"]).await;
    doctor("bl.test does not have the entry that every blocklist has");
    let dns = dns.with(&["25.113.0.203", "2.0.0.127"]).await;
    doctor("203.0.113.25 is on the blocklist bl.test (127.0.0.4)");
    doctor("203.0.113.26 is not on the blocklist bl.test");
    let _dns = dns.with(&[]).await;
    ask_anew("every = \"12m\"", "every = \"13m\"");
    let off = until("it is told", 90, async || gateway.events_of("address_delisted").pop()).await;
    assert_eq!((&off["address"], &off["what"]), (&"203.0.113.25".into(), &"bl.test".into()));
    assert_eq!(gateway.events_of("address_listed").len(), 1, "one of the two, once");
}
