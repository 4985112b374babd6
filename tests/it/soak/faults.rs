//! The harm that is done while people are at it, and how it is known that it is over.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use super::record::{Kind, Window, now};
use crate::stack::redis::Server;
use crate::stack::scanners::Clamd;
use crate::stack::{Gateway, Settings, Stack, WebServer, until};

/// After what was harmed works again, until it is said to be over: whatever crossed it has passed.
const AFTERWARDS: Duration = Duration::from_millis(500);

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    StoreKilled,
    StorePaused,
    NginxReloaded,
    NginxStopped,
    PhpReloaded,
    PhpStopped,
    ScannerHangs,
    ScannerDead,
    Reloaded,
    Renewed,
    Restarted,
}

impl Fault {
    /// All but the restart, which ends the process that is watched.
    pub const WITHOUT_RESTART: [Self; 10] = [
        Self::StoreKilled,
        Self::NginxReloaded,
        Self::ScannerHangs,
        Self::Reloaded,
        Self::PhpStopped,
        Self::StorePaused,
        Self::Renewed,
        Self::NginxStopped,
        Self::ScannerDead,
        Self::PhpReloaded,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::StoreKilled => "Redis killed with -9, started again",
            Self::StorePaused => "Redis paused (SIGSTOP), goes on",
            Self::NginxReloaded => "the webmail's nginx reloaded",
            Self::NginxStopped => "the webmail's nginx stopped, started again",
            Self::PhpReloaded => "PHP-FPM reloaded",
            Self::PhpStopped => "PHP-FPM stopped, started again",
            Self::ScannerHangs => "ClamAV paused (SIGSTOP), goes on",
            Self::ScannerDead => "ClamAV killed with -9, started again",
            Self::Reloaded => "Mailward's configuration changed and reloaded",
            Self::Renewed => "another certificate put in place",
            Self::Restarted => "Mailward restarted, its sockets held",
        }
    }

    /// What may go wrong meanwhile; everything else must not. What the webmail does not answer, nobody can.
    pub const fn may_cause(self, kind: Kind) -> bool {
        match kind {
            Kind::Webmail => {
                matches!(self, Self::NginxReloaded | Self::NginxStopped | Self::PhpReloaded | Self::PhpStopped)
            }
            // What a session may do was decided when it was opened; that is looked at by itself.
            Kind::ReadsOnly | Kind::Lost | Kind::Refused | Kind::SignedOut => false,
        }
    }

    /// Whether the store is away meanwhile: who then signs in with a browser that this gateway has not seen since it was
    /// started gets a session that only reads (docs/store.md).
    pub const fn takes_the_store(self) -> bool {
        matches!(self, Self::StoreKilled | Self::StorePaused)
    }
}

/// Everything that is harmed, and Mailward in between.
pub struct World {
    pub stack: Stack,
    pub gateway: Gateway,
    /// The process that is Mailward now.
    pub pid: Arc<AtomicU32>,
    redis: Option<Server>,
    clamd: Option<Clamd>,
    disk: TempDir,
    changes: i32,
}

/// Far above what anybody does here: nobody who behaves is to be refused.
const LIMITS: &str = "recipients_per_session = [\"5000/h\"]\nrecipients_per_account = [\"10000/d\"]\n\
                      messages_per_session = [\"500/m\"]\nalert_messages_per_account = []\nfirst_written_on_new_device = []\n";

impl World {
    pub async fn start() -> Self {
        let disk = tempfile::tempdir().expect("a folder");
        let parts = {
            let disk = disk.path().display().to_string();
            move || (Stack::alone(), Server::start(&on_disk(&disk)), Clamd::start())
        };
        let (stack, redis, clamd) = tokio::task::spawn_blocking(parts).await.expect("they start");
        let sections = format!(
            "[store]\nredis = [\"{}\"]\n[[scanner]]\nkind = \"clamav\"\naddress = \"{}\"\ntime_limit = \"2s\"\n[send.limits]\n{LIMITS}",
            redis.url(),
            clamd.address
        );
        let gateway = Gateway::start_held(stack.web(), &Settings::sections(&sections).unguarded()).await;
        let pid = Arc::new(AtomicU32::new(gateway.pid()));
        Self { stack, gateway, pid, redis: Some(redis), clamd: Some(clamd), disk, changes: 0 }
    }

    /// Does it, waits until everything works again, and says when it began and ended.
    pub async fn suffer(&mut self, fault: Fault, lasts: Duration) -> Window {
        let began = now();
        match fault {
            Fault::StoreKilled => {
                self.redis().signal("KILL");
                tokio::time::sleep(lasts).await;
                let (redis, disk) = (self.redis.take().expect("it ran"), self.disk.path().display().to_string());
                let again = move || redis.start_again(&on_disk(&disk));
                self.redis = Some(tokio::task::spawn_blocking(again).await.expect("it starts"));
                self.until_store_is_back().await;
            }
            Fault::StorePaused => {
                self.redis().signal("STOP");
                tokio::time::sleep(lasts).await;
                self.redis().signal("CONT");
                self.until_store_is_back().await;
            }
            Fault::NginxReloaded => self.web_server(WebServer::Nginx, "HUP").await,
            Fault::PhpReloaded => self.web_server(WebServer::Php, "USR2").await,
            Fault::NginxStopped => self.stopped(WebServer::Nginx, lasts).await,
            Fault::PhpStopped => self.stopped(WebServer::Php, lasts).await,
            Fault::ScannerHangs => {
                let clamd = self.clamd.as_ref().expect("it runs");
                clamd.signal("STOP");
                tokio::time::sleep(lasts).await;
                clamd.signal("CONT");
            }
            Fault::ScannerDead => {
                self.clamd.as_ref().expect("it runs").signal("KILL");
                tokio::time::sleep(lasts).await;
                let clamd = self.clamd.take().expect("it ran");
                let again = tokio::task::spawn_blocking(move || clamd.start_again());
                self.clamd = Some(again.await.expect("it starts"));
            }
            Fault::Reloaded => self.reload().await,
            Fault::Renewed => self.renew().await,
            Fault::Restarted => {
                let stopped = self.gateway.stop().await;
                assert!(stopped.success(), "{}", self.gateway.log());
                self.gateway.start_again().await;
                self.pid.store(self.gateway.pid(), Ordering::Relaxed);
            }
        }
        tokio::time::sleep(AFTERWARDS).await;
        Window { fault, began, ended: now() }
    }

    fn redis(&self) -> &Server {
        self.redis.as_ref().expect("it runs")
    }

    async fn until_store_is_back(&self) {
        let metrics = async || Some(self.metric("mailward_store_degraded ").await? == "0").filter(|back| *back);
        until("Mailward is back with the store", 30, metrics).await;
    }

    async fn web_server(&self, server: WebServer, signal: &str) {
        self.stack.signal(server, signal);
        self.until_webmail_answers().await;
    }

    async fn stopped(&self, server: WebServer, lasts: Duration) {
        self.stack.signal(server, "TERM");
        tokio::time::sleep(lasts).await;
        self.stack.start_again(server).await;
        self.until_webmail_answers().await;
    }

    /// Past Mailward.
    async fn until_webmail_answers(&self) {
        let client = crate::stack::Client::http(self.stack.web());
        let page = client.request(http::Method::GET, "/", bytes::Bytes::new());
        until("Roundcube answers", 30, async || {
            let answer = client.clone().try_send(page.clone()).await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
    }

    async fn reload(&mut self) {
        self.changes += 1;
        let at = self.gateway.config();
        let text = fs::read_to_string(&at).expect("it was written");
        let limits = format!("messages_per_account = [\"{}/d\"]", 10_000 + self.changes);
        let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("messages_per_account")).collect();
        let changed = kept.join("\n").replace("[send.limits]", &format!("[send.limits]\n{limits}"));
        fs::write(&at, changed).expect("our own folder");
        let before = self.metric(RELOADED).await;
        self.gateway.signal("HUP");
        until("it is reloaded", 30, async || self.metric(RELOADED).await.filter(|now| Some(now) != before.as_ref()))
            .await;
    }

    /// Mailward notices by itself.
    async fn renew(&mut self) {
        self.changes += 1;
        let before = self.metric(DAYS_LEFT).await;
        self.gateway.renew_certificate(2030 + self.changes);
        let changed = async || self.metric(DAYS_LEFT).await.filter(|now| Some(now) != before.as_ref());
        until("it shows the new certificate", 30, changed).await;
    }

    /// The value of a metric, by what its line begins with.
    async fn metric(&self, begins: &str) -> Option<String> {
        let mut admin = self.gateway.admin_client();
        let request = admin.request(http::Method::GET, "/metrics", bytes::Bytes::new());
        let text = admin.try_send(request).await.ok()?.text();
        let line = text.lines().find(|line| line.starts_with(begins))?;
        line.rsplit(' ').next().map(str::to_owned)
    }
}

const RELOADED: &str = "mailward_configuration_reloaded_timestamp_seconds";
const DAYS_LEFT: &str = "mailward_certificate_days_left{";

/// Redis as `docs/store.md` asks for it: what it said is on disk.
fn on_disk(folder: &str) -> [&str; 6] {
    ["--appendonly", "yes", "--appendfsync", "always", "--dir", folder]
}
