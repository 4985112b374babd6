//! Two gateways on one Redis: what one counts, locks or ends holds at the other, and what happens when Redis goes away.

use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use mailward::clock::Clock;
use tempfile::TempDir;

use super::upstream::Upstream;
use super::{roundcube, says_sent, send, sign_in, signed_in};
use crate::stack::redis::Server;
use crate::stack::{Client, Gateway, Settings, until};

/// A Redis, a webmail, and gateways between them that share a key file.
pub struct Shared {
    pub redis: Option<Server>,
    pub upstream: Upstream,
    url: String,
    keys: TempDir,
}

/// What never gets in the way of counting to the unit.
const COUNTED: &str = "first_written_on_new_device = []\nfamiliar_factor = 1.0\nalert_messages_per_account = []\n\
                       messages_per_session = []\nrecipients_per_session = []\nrecipients_per_account = []\n";

impl Shared {
    pub async fn start() -> Self {
        let redis = server(Vec::new()).await;
        let url = redis.url();
        Self { redis: Some(redis), ..Self::at(&url).await }
    }

    /// The same with a Redis that is somebody else's to start.
    pub async fn at(url: &str) -> Self {
        let keys = tempfile::tempdir().expect("a folder");
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(keys.path().join("keys"))
            .expect("a folder of our own");
        std::io::Write::write_all(&mut file, b"c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I=\n").expect("writable");
        Self { redis: None, upstream: Upstream::start(roundcube).await, url: url.to_owned(), keys }
    }

    /// A gateway with these lines in `[store]` and `[send.limits]`, and sections besides.
    pub async fn gateway(&self, store: &str, limits: &str, sections: &str) -> Gateway {
        Gateway::start(self.upstream.address(), &self.settings(store, limits, sections)).await
    }

    pub fn settings(&self, store: &str, limits: &str, sections: &str) -> Settings {
        Settings {
            top: format!("key_file = {:?}", self.keys.path().join("keys")),
            sections: format!("[store]\nredis = {:?}\n{store}\n[send.limits]\n{COUNTED}{limits}\n{sections}", self.url),
            ..Settings::new()
        }
        .unguarded()
    }

    /// Everything that left, by the webmail.
    fn sent(&self) -> usize {
        self.upstream.seen().iter().filter(|request| request.text().contains("_action=send")).count()
    }

    async fn kill_redis(&self) {
        self.redis.as_ref().expect("it runs").signal("KILL");
    }

    async fn start_redis_again(&mut self) {
        let redis = self.redis.take().expect("it ran");
        let started = tokio::task::spawn_blocking(move || redis.start_again(&[])).await;
        self.redis = Some(started.expect("it starts"));
    }
}

/// A Redis of its own, from within a runtime.
pub async fn server(settings: Vec<String>) -> Server {
    let start = move || {
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        Server::start(&settings)
    };
    tokio::task::spawn_blocking(start).await.expect("it starts")
}

/// Long enough for a machine that runs everything else at once.
pub const PATIENT: &str = "timeout = \"5s\"";

pub async fn readiness(gateway: &Gateway) -> serde_json::Value {
    let answer = gateway.admin_client().get("/readyz").await;
    serde_json::from_slice(&answer.body).expect("JSON")
}

pub async fn until_ready(gateway: &Gateway) {
    until("the gateway is ready", 30, async || (readiness(gateway).await["status"] == "ready").then_some(())).await;
}

#[tokio::test]
async fn a_limit_holds_to_the_unit_with_a_hundred_senders_at_two_gateways() {
    let shared = Shared::start().await;
    let limits = "messages_per_account = [\"37/h\"]";
    let gateways = [shared.gateway(PATIENT, limits, "").await, shared.gateway(PATIENT, limits, "").await];
    let alice = signed_in(&gateways[0], "alice").await;
    let mut sends = tokio::task::JoinSet::new();
    for number in 0..100 {
        let mut client = gateways[number % 2].client().with_cookies_of(&alice);
        sends.spawn(async move { says_sent(&send(&mut client, "fine").await) });
    }
    let passed = sends.join_all().await.into_iter().filter(|passed| *passed).count();
    assert_eq!((passed, shared.sent()), (37, 37));
    for gateway in &gateways {
        assert!(gateway.events_of("store_degraded").is_empty());
    }
    let mut redis = shared.redis.as_ref().expect("it runs").connection();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*counter:*").query(&mut redis).expect("it answers");
    assert!(!keys.is_empty());
    for key in keys {
        let lives: i64 = redis::cmd("PTTL").arg(&key).query(&mut redis).expect("it answers");
        assert!(lives > 0, "{key} stays for ever");
    }
}

#[tokio::test]
async fn gateways_hear_of_each_other_and_one_that_stops_is_not_silent() {
    let shared = Shared::start().await;
    let (one, mut two) = (shared.gateway(PATIENT, "", "").await, shared.gateway(PATIENT, "", "").await);
    let says = async |gateway: &Gateway, sample: &str| {
        let lines = gateway.admin_client().get("/metrics").await.text();
        lines.lines().any(|line| line == sample).then_some(())
    };
    for gateway in [&one, &two] {
        until("each hears of both", 30, async || says(gateway, "mailward_nodes 2").await).await;
        assert!(says(gateway, "mailward_nodes_silent 0").await.is_some());
    }
    two.stop().await;
    until("the other one stopped", 30, async || says(&one, "mailward_nodes 1").await).await;
    assert!(says(&one, "mailward_nodes_silent 0").await.is_some());
}

#[tokio::test]
async fn a_lock_at_one_gateway_ends_a_session_at_the_other_within_a_second() {
    let shared = Shared::start().await;
    let gateways = [shared.gateway(PATIENT, "", "").await, shared.gateway(PATIENT, "", "").await];
    let alice = signed_in(&gateways[0], "alice").await;
    let mut elsewhere = gateways[1].client().with_cookies_of(&alice);
    let session = elsewhere.cookie("roundcube_sessid").expect("a session").to_owned();
    elsewhere.get("/?_task=mail").await;
    assert!(shared.upstream.last().header("cookie").is_some_and(|cookies| cookies.contains(&session)));
    let clock = Clock::system();
    assert!(gateways[0].command(&["account", "lock", "alice"]).status.success());
    let locked = clock.now();
    until("the session has ended at the other gateway", 10, async || {
        let mut client = gateways[1].client().with_cookies_of(&alice);
        client.get("/?_task=mail").await;
        let cookies = shared.upstream.last().header("cookie").unwrap_or_default().to_owned();
        (!cookies.contains(&session)).then_some(())
    })
    .await;
    let took = clock.now().since(locked);
    assert!(took <= Duration::from_secs(1), "{took:?}");
    let refused = sign_in(&mut gateways[1].client(), "alice", "right").await;
    assert!(refused.status == 403 && refused.text().contains("locked"), "{}", refused.text());
}

#[tokio::test]
async fn a_gateway_that_is_killed_in_the_middle_of_a_send_leaves_nothing_charged_for_ever() {
    let shared = Shared::start().await;
    let limits = "messages_per_account = [\"1/6s\"]";
    let mut gateways = [shared.gateway(PATIENT, limits, "").await, shared.gateway(PATIENT, limits, "").await];
    let alice = signed_in(&gateways[0], "alice").await;
    let mut hanging = alice.clone();
    let waits = tokio::spawn(async move {
        let request =
            super::posting(&hanging, super::SEND, super::URLENCODED, crate::stack::form(&super::sending("hang")));
        hanging.try_send(request).await.is_err()
    });
    until("the message is at the webmail", 10, async || (shared.sent() == 1).then_some(())).await;
    gateways[0].kill().await;
    assert!(waits.await.expect("it ends"), "nobody was told anything");
    let mut other = gateways[1].client().with_cookies_of(&alice);
    assert_eq!(send(&mut other, "fine").await.status, 429, "it may have left: it counts");
    until("the window is over", 20, async || says_sent(&send(&mut other, "fine").await).then_some(())).await;
}

#[tokio::test]
async fn while_redis_is_away_mail_is_read_the_share_is_sent_and_nothing_is_loosened() {
    let mut shared = Shared::start().await;
    let limits = "messages_per_account = [\"10/h\"]";
    let thief = "[[rule]]\nwhen = { account = [\"mallory\"] }\nverdict = \"restrict\"";
    let gateway = shared.gateway("", limits, thief).await;
    let mut alice = signed_in(&gateway, "alice").await;
    let mut mallory = signed_in(&gateway, "mallory").await;
    for _ in 0..2 {
        assert!(says_sent(&send(&mut alice, "fine").await));
    }
    assert!(!says_sent(&send(&mut mallory, "fine").await));
    until_ready(&gateway).await;
    shared.kill_redis().await;

    let clock = Clock::system();
    let began = clock.now();
    let passed = async |client: &mut Client| {
        let mut passed = 0;
        for _ in 0..10 {
            passed += usize::from(says_sent(&send(client, "fine").await));
        }
        passed
    };
    assert_eq!(passed(&mut alice).await, 3, "half of ten, less the two before");
    assert!(clock.now().since(began) < Duration::from_secs(10), "nobody waits again and again");
    let refused = send(&mut mallory, "fine").await;
    assert!(
        !says_sent(&refused) && refused.text().contains("read mail"),
        "who was restricted stays so: {}",
        refused.text()
    );
    assert_eq!(alice.get("/?_task=mail").await.status, 200);
    let degraded = gateway.event("store_degraded").await;
    assert!(degraded["what"].as_str().is_some_and(|what| !what.is_empty()), "{degraded}");
    let ready = readiness(&gateway).await;
    assert_eq!(ready["status"], "degraded", "{ready}");
    assert!(ready["store_degraded_since"].is_string(), "{ready}");

    // A browser that the account is known to have passes; another one reads.
    let mut again = alice.clone();
    assert_eq!(sign_in(&mut again, "alice", "right").await.status, 302);
    let mut stranger = gateway.client();
    assert_eq!(sign_in(&mut stranger, "bob", "right").await.status, 302);
    assert_eq!(stranger.get("/?_task=mail").await.status, 200);
    let refused = send(&mut stranger, "fine").await;
    assert!(!says_sent(&refused) && refused.text().contains("read mail"), "what cannot be judged: {}", refused.text());
    let locked = gateway.command(&["account", "lock", "alice"]);
    assert!(locked.status.success(), "{locked:?}");
    assert!(String::from_utf8_lossy(&locked.stderr).contains("has not answered since"), "{locked:?}");
    let unlocked = gateway.command(&["account", "unlock", "alice"]);
    assert!(!unlocked.status.success(), "nothing is loosened: {unlocked:?}");
    assert_eq!(sign_in(&mut gateway.client(), "alice", "right").await.status, 403);

    shared.start_redis_again().await;
    until_ready(&gateway).await;
    let recovered = gateway.event("store_recovered").await;
    assert!(recovered["told"].as_u64().is_some_and(|told| told >= 4) && recovered["lost"] == 0, "{recovered}");
    let locks = gateway.command(&["account", "list"]);
    assert!(String::from_utf8_lossy(&locks.stdout).contains("alice"), "told afterwards: {locks:?}");
    let flags = gateway.command(&["flag", "list", "--account", "bob"]);
    assert!(String::from_utf8_lossy(&flags.stdout).contains("restrict"), "told afterwards: {flags:?}");
    let mut redis = shared.redis.as_ref().expect("it runs").connection();
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("*counter:*messages_per_account*alice").query(&mut redis).expect("it answers");
    assert_eq!(keys.len(), 1, "what was sent meanwhile is counted: {keys:?}");
}

#[tokio::test]
async fn a_gateway_that_starts_without_its_redis_shows_mail_and_mends_itself() {
    let mut shared = Shared::start().await;
    shared.kill_redis().await;
    let gateway = shared.gateway("", "", "").await;
    let mut alice = gateway.client();
    assert_eq!(alice.get("/?_task=mail").await.status, 200);
    let refused = sign_in(&mut alice, "alice", "right").await;
    assert_eq!(refused.status, 503, "who is locked cannot be known: {}", refused.text());
    assert_eq!(readiness(&gateway).await["status"], "degraded");
    assert!(gateway.log().contains("does not answer"), "{}", gateway.log());
    shared.start_redis_again().await;
    until_ready(&gateway).await;
    assert_eq!(sign_in(&mut alice, "alice", "right").await.status, 302);
    assert!(says_sent(&send(&mut alice, "fine").await));
}

#[tokio::test]
async fn the_store_moves_from_the_file_to_redis_and_back() {
    let shared = Shared::start().await;
    let limits = format!("[send.limits]\n{COUNTED}messages_per_account = [\"3/h\"]\n");
    let settings = Settings { top: shared.settings("", "", "").top, sections: limits.clone(), ..Settings::new() };
    let mut embedded = Gateway::start(shared.upstream.address(), &settings).await;
    let mut alice = signed_in(&embedded, "alice").await;
    assert!(says_sent(&send(&mut alice, "fine").await));
    assert!(embedded.command(&["account", "lock", "eve"]).status.success());
    let file = embedded.folder().join("moved.jsonl");
    let name = file.to_str().expect("a plain path");
    let copy = embedded.folder().join("copy.db");
    let ok = |output: std::process::Output| {
        assert!(output.status.success(), "{output:?}");
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat()
    };
    let info = ok(embedded.command(&["store", "check"]));
    assert!(info.contains("it is whole") && info.contains("sessions") && info.contains("gateway runs"), "{info}");
    ok(embedded.command(&["store", "backup", copy.to_str().expect("a plain path")]));
    assert!(copy.metadata().expect("it is there").len() > 0);
    ok(embedded.command(&["store", "export", name]));
    assert!(!embedded.command(&["store", "export", name]).status.success(), "never over another file");
    embedded.stop().await;

    let gateway = shared.gateway("", "messages_per_account = [\"3/h\"]", "").await;
    let taken = ok(gateway.command(&["store", "import", name]));
    assert!(taken.contains("records read"), "{taken}");
    let mut moved = gateway.client().with_cookies_of(&alice);
    let mut passed = 0;
    for _ in 0..5 {
        passed += usize::from(says_sent(&send(&mut moved, "fine").await));
    }
    assert_eq!(passed, 2, "the session is known, and what was sent before counts");
    assert_eq!(sign_in(&mut gateway.client(), "eve", "right").await.status, 403);
    let info = ok(gateway.command(&["store", "check"]));
    assert!(info.contains("standalone") && info.contains("can be read and written"), "{info}");
    let doctor = gateway.command(&["doctor"]);
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains("writes nothing to disk") && doctor.contains("without a password"), "{doctor}");
    assert!(doctor.contains("the store's clock and ours agree"), "{doctor}");

    let back = gateway.folder().join("back.jsonl");
    let back = back.to_str().expect("a plain path");
    ok(gateway.command(&["store", "export", back]));
    let settings = Settings { top: settings.top, sections: limits, ..Settings::new() };
    let embedded = Gateway::start(shared.upstream.address(), &settings).await;
    ok(embedded.command(&["store", "import", back]));
    let mut again = embedded.client().with_cookies_of(&alice);
    assert_eq!(send(&mut again, "fine").await.status, 429);
    assert_eq!(sign_in(&mut embedded.client(), "eve", "right").await.status, 403);
}

#[tokio::test]
async fn what_can_never_work_is_refused_at_the_start() {
    let shared = Shared::start().await;
    let mut redis = shared.redis.as_ref().expect("it runs").connection();
    redis::cmd("SET").arg("mailward:schema").arg("999").exec(&mut redis).expect("it answers");
    let gateway = Gateway::refused(shared.upstream.address(), &shared.settings("", "", "")).await;
    assert!(gateway.contains("newer Mailward"), "{gateway}");
    redis::cmd("DEL").arg("mailward:schema").exec(&mut redis).expect("it answers");
    let port = shared.redis.as_ref().expect("it runs").port();
    let wrong = Shared::at(&format!("redis://nobody:wrong@127.0.0.1:{port}")).await;
    let gateway = Gateway::refused(wrong.upstream.address(), &wrong.settings("", "", "")).await;
    assert!(gateway.contains("refuses") && !gateway.contains("wrong"), "{gateway}");
}

#[tokio::test]
async fn an_embedded_store_that_cannot_be_written_degrades_with_the_same_words() {
    let upstream = Upstream::start(roundcube).await;
    let gateway = Gateway::start(upstream.address(), &Settings::new()).await;
    let mut alice = signed_in(&gateway, "alice").await;
    // Like a full disk, but one that a test can empty again: another program keeps the file to itself.
    let other = rusqlite::Connection::open(gateway.folder().join("data/mailward.db")).expect("it is there");
    other.execute_batch("BEGIN IMMEDIATE").expect("nobody writes");
    let mut bob = gateway.client();
    assert_eq!(sign_in(&mut bob, "bob", "right").await.status, 302);
    assert_eq!(bob.get("/?_task=mail").await.status, 200);
    assert!(!says_sent(&send(&mut bob, "fine").await), "his session could not be written");
    assert!(says_sent(&send(&mut alice, "fine").await), "hers was, and memory counts");
    gateway.event("store_degraded").await;
    let ready = readiness(&gateway).await;
    assert_eq!(ready["status"], "degraded", "{ready}");
    assert!(ready["store_degraded_since"].is_string(), "{ready}");
    assert!(!gateway.command(&["account", "lock", "alice"]).status.success(), "it is said that it is not written");
    assert_eq!(sign_in(&mut gateway.client(), "alice", "right").await.status, 403, "and holds all the same");
    other.execute_batch("ROLLBACK").expect("it was begun");
    until_ready(&gateway).await;
    gateway.event("store_recovered").await;
}
