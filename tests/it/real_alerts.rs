//! Alerts at a real mail server and a real syslog daemon.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::stack::{Gateway, Roundcube, Settings, Stack, free_ports, until};

/// rsyslog, alone on loopback; ended with the value.
struct Rsyslog {
    process: Child,
    folder: tempfile::TempDir,
    udp: SocketAddr,
    tcp: SocketAddr,
}

impl Rsyslog {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let [udp, tcp] = free_ports();
        let at = folder.path().display();
        let text = format!(
            "global(workDirectory=\"{at}\")\n\
             module(load=\"imudp\")\nmodule(load=\"imtcp\")\nmodule(load=\"imuxsock\" SysSock.Use=\"off\")\n\
             input(type=\"imudp\" address=\"127.0.0.1\" port=\"{}\")\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{}\")\n\
             input(type=\"imuxsock\" Socket=\"{at}/log.sock\")\n\
             template(name=\"seen\" type=\"string\" string=\"%inputname%|%syslogfacility-text%|%syslogseverity-text%|%app-name%|%msgid%|%msg%\\n\")\n\
             *.* action(type=\"omfile\" file=\"{at}/seen\" template=\"seen\")\n",
            udp.port(),
            tcp.port()
        );
        let config = folder.path().join("rsyslog.conf");
        std::fs::write(&config, text).expect("writable");
        let process = Command::new("/usr/sbin/rsyslogd")
            .args(["-n", "-f"])
            .arg(&config)
            .arg("-i")
            .arg(folder.path().join("pid"))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("stderr")).expect("writable"))
            .spawn()
            .expect("tests/prepare installs rsyslog");
        Self { process, folder, udp, tcp }
    }

    fn seen(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("seen")).unwrap_or_default()
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn people_get_a_letter_by_postfix_and_rsyslog_a_line_by_every_way() {
    let stack = Stack::shared();
    let (wild, postmaster) = (stack.account(), stack.account());
    let syslog = Rsyslog::start();
    until("rsyslog listens", 10, async || tokio::net::TcpStream::connect(syslog.tcp).await.ok()).await;
    let sections = format!(
        "[send.limits]\nalert_messages_per_account = [\"2/5m\"]\n\
         [mail]\nserver = \"smtp://{smtp}\"\nfrom = \"Mailward <mailward@campus.example>\"\n\
         [[alert]]\nmail = \"{to}\"\n\
         [[alert]]\nname = \"udp\"\nsyslog = \"udp://{udp}\"\n\
         [[alert]]\nname = \"tcp\"\nsyslog = \"tcp://{tcp}\"\n\
         [[alert]]\nname = \"unix\"\nsyslog = \"unix:{socket}\"\n",
        smtp = stack.smtp(),
        to = postmaster.address(),
        udp = syslog.udp,
        tcp = syslog.tcp,
        socket = syslog.folder.path().join("log.sock").display(),
    );
    let gateway = Gateway::start(stack.web(), &Settings::sections(&sections)).await;
    let mut session = Roundcube::sign_in(gateway.client(), &wild).await.expect("the password is right");
    let to = wild.address();
    for subject in ["one", "two", "three"] {
        let message = crate::stack::Message { to: &to, subject, body: "text", ..Default::default() };
        assert!(session.send(&message).await.says_sent());
    }
    let letter = until("the letter arrives", 20, async || {
        stack.inbox(&postmaster).into_iter().find(|mail| mail.contains("Subject: [mailward]"))
    })
    .await;
    for part in [&wild.name, "has sent 3 messages", "2/5m", "mailward explain", "Auto-Submitted: auto-generated"] {
        assert!(letter.contains(part), "{part}: {letter}");
    }
    let seen = until("rsyslog got three lines", 20, async || {
        let seen = syslog.seen();
        (seen.matches("many_messages").count() >= 3).then_some(seen)
    })
    .await;
    for (way, name) in [("imudp", "many_messages"), ("imtcp", "many_messages"), ("imuxsock", "-")] {
        let line = format!("{way}|authpriv|crit|mailward|{name}|");
        let found = seen.lines().find(|seen| seen.starts_with(&line)).unwrap_or_else(|| panic!("{line} in {seen}"));
        assert!(found.contains(&wild.name), "{found}");
    }
    assert_eq!(stack.inbox(&postmaster).iter().filter(|mail| mail.contains("has sent 3")).count(), 1);
}
