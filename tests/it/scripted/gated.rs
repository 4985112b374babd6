//! Sign-ins, sends and sessions: what is counted, what is given back, and what each kind of client is told.

use http::Method;

use super::upstream::Upstream;
use super::wire::Wire;
use super::{SEND, URLENCODED, posting, roundcube, says_sent, send, sending, sign_in, signed_in, with_roundcube};
use crate::stack::{Answer, Client, Gateway, Settings, until};

/// One message an hour, so that what is counted shows at the next one.
const ONE: &str = "[send.limits]\nmessages_per_account = [\"1/h\"]\nfamiliar_factor = 1.0\n";

fn throttled(answer: &Answer) -> bool {
    answer.status == 429 && answer.text().contains("limit for sending") && answer.text().contains("parent.rcmail")
}

async fn events(gateway: &Gateway, kind: &str, count: usize) -> Vec<serde_json::Value> {
    until(&format!("{count} events {kind}"), 10, async || {
        Some(gateway.events_of(kind)).filter(|events| events.len() >= count)
    })
    .await
}

#[tokio::test]
async fn a_send_counts_and_one_that_the_webmail_refused_does_not() {
    let (upstream, gateway) = with_roundcube(&Settings::sections(ONE)).await;
    let mut alice = signed_in(&gateway, "alice").await;
    for _ in 0..3 {
        let answer = send(&mut alice, "refused").await;
        assert!(answer.status == 200 && answer.text().contains("SMTP Error"), "{}", answer.text());
    }
    let draft: Vec<_> = sending("x").map(|(name, value)| (name, if name == "_draft" { "1" } else { value })).into();
    assert_eq!(alice.post(SEND, &draft).await.status, 200);
    assert!(says_sent(&send(&mut alice, "fine").await));
    let before = upstream.seen().len();
    assert!(throttled(&send(&mut alice, "fine").await));
    assert_eq!(upstream.seen().len(), before, "nothing of it reached the webmail");
    assert_eq!(alice.post(SEND, &draft).await.status, 200, "a draft is still saved");
    assert!(says_sent(&send(&mut signed_in(&gateway, "bob").await, "fine").await), "others are not touched");
    assert_eq!(events(&gateway, "not_sent", 3).await.len(), 3);
    let refused = events(&gateway, "send_refused", 1).await;
    assert_eq!(refused[0]["stopped_by"], "messages_per_account 1/h");
}

#[tokio::test]
async fn a_send_is_counted_though_the_browser_left_before_the_answer() {
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let opens = std::sync::Arc::clone(&gate);
    let upstream = Upstream::start(move |request| {
        let reply = roundcube(request);
        if request.text().contains("_subject=slow") || request.text().contains("plugin.surprise") {
            super::Reply::default().wait(&opens).and(reply)
        } else {
            reply
        }
    })
    .await;
    let gateway = Gateway::start(upstream.address(), &Settings::sections(ONE)).await;
    for (name, body, event) in [
        ("alice", "_task=mail&_action=send&_id=1&_to=b@c.example&_subject=slow&_draft=&_framed=1", "sent"),
        ("carol", "_task=mail&_action=plugin.surprise", "sent_unasked"),
    ] {
        let mut client = signed_in(&gateway, name).await;
        upstream.forget();
        let cookies = format!(
            "roundcube_sessid={}; roundcube_sessauth={}",
            client.cookie("roundcube_sessid").expect("a session"),
            client.cookie("roundcube_sessauth").expect("a session")
        );
        let mut wire = Wire::to(gateway.https()).await;
        wire.write(format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nCookie: {cookies}\r\nContent-Type: {URLENCODED}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
        until("it is at the webmail", 10, async || (!upstream.seen().is_empty()).then_some(())).await;
        drop(wire);
        // The gateway has noticed that the browser is gone before the webmail answers.
        assert_eq!(gateway.client().get("/").await.status, 200);
        gate.add_permits(1);
        events(&gateway, event, 1).await;
        assert!(throttled(&send(&mut client, "fine").await), "{name}");
    }
}

#[tokio::test]
async fn what_cannot_be_told_counts_as_sent_and_what_never_arrived_does_not() {
    let mut settings = Settings::sections(ONE);
    settings.listen = "upstream_timeout = \"1s\"".to_owned();
    let (upstream, gateway) = with_roundcube(&settings).await;
    let mut alice = signed_in(&gateway, "alice").await;
    let lost = send(&mut alice, "hang").await;
    assert_eq!(lost.status, 502);
    assert!(lost.text().contains("not certain"), "{}", lost.text());
    assert!(throttled(&send(&mut alice, "fine").await));
    drop(upstream);

    // A webmail that is gone between sign-in and send.
    let front = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let address = front.local_addr().expect("it is bound");
    let behind = Upstream::start(roundcube).await;
    let to = behind.address();
    let relay = tokio::spawn(async move {
        while let Ok((mut from, _)) = front.accept().await {
            tokio::spawn(async move {
                let mut to = tokio::net::TcpStream::connect(to).await.expect("it is there");
                let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
            });
        }
    });
    let gateway = Gateway::start(address, &settings).await;
    let mut bob = signed_in(&gateway, "bob").await;
    relay.abort();
    let _ = relay.await;
    let away = send(&mut bob, "fine").await;
    assert_eq!(away.status, 502);
    assert!(away.text().contains("not sent"), "{}", away.text());
    assert_eq!(events(&gateway, "not_sent", 1).await.len(), 1);
    assert_eq!(gateway.events_of("sent").len(), 0);
}

#[tokio::test]
async fn an_answer_that_says_sent_counts_whatever_was_asked_and_the_next_send_meets_the_limit() {
    let (_upstream, gateway) = with_roundcube(&Settings::sections(ONE)).await;
    let mut alice = signed_in(&gateway, "alice").await;
    let fields = [("_task", "mail"), ("_action", "plugin.surprise")];
    assert!(says_sent(&alice.post("/", &fields).await));
    assert!(says_sent(&alice.post("/", &fields).await), "it was not known for a send");
    assert_eq!(events(&gateway, "sent_unasked", 2).await.len(), 2);
    assert!(throttled(&send(&mut alice, "fine").await));
}

#[tokio::test]
async fn at_no_limit_do_parallel_senders_get_one_more_than_it_says() {
    let limits = "[send.limits]\nmessages_per_account = [\"5/h\"]\nmessages_per_session = []\nfamiliar_factor = 1.0\n";
    let (upstream, gateway) = with_roundcube(&Settings::sections(limits)).await;
    let alice = signed_in(&gateway, "alice").await;
    let senders: Vec<_> = (0..50)
        .map(|_| {
            let mut alice = alice.clone();
            tokio::spawn(async move { says_sent(&send(&mut alice, "fine").await) })
        })
        .collect();
    let mut sent = 0;
    for sender in senders {
        sent += usize::from(sender.await.expect("no panic"));
    }
    assert_eq!(sent, 5);
    assert_eq!(upstream.seen().iter().filter(|seen| seen.text().contains("_action=send")).count(), 5);
}

#[tokio::test]
async fn a_session_that_is_not_known_reads_and_does_not_send_and_each_client_is_told_in_its_way() {
    let (upstream, gateway) = with_roundcube(&Settings::new()).await;
    let mut stranger = gateway.client();
    stranger.set_cookie("roundcube_sessid", "never-seen-by-mailward");
    assert_eq!(stranger.get("/?_task=mail").await.status, 200);
    upstream.forget();
    let framed = send(&mut stranger.clone(), "fine").await;
    assert!(framed.text().contains("session_error"), "the text is kept: {}", framed.text());
    assert!(!says_sent(&framed));
    let mut script = stranger.clone();
    script.header("x-requested-with", "XMLHttpRequest");
    let fields =
        [("_task", "mail"), ("_action", "send"), ("_remote", "1"), ("_unlock", "loading7"), ("_to", "b@c.example")];
    let json = script.post("/?_task=mail", &fields).await;
    assert_ne!(json.status, 403, "Roundcube would reload");
    assert!(json.text().contains("session_error") && json.text().contains("loading7"), "{}", json.text());
    for action in ["save-identity", "plugin.managesieve-save", "plugin.password-save"] {
        let answer = stranger.clone().post("/", &[("_task", "settings"), ("_action", action)]).await;
        assert!(upstream.seen().is_empty(), "{action}: {}", answer.text());
    }
    assert_eq!(stranger.clone().post("/", &[("_task", "mail"), ("_action", "list")]).await.status, 200);
}

#[tokio::test]
async fn a_new_session_cookie_takes_over_what_the_old_session_was() {
    let upstream = Upstream::start(|request| match request.target.as_str() {
        "/?_task=mail&rotate" => super::Reply::status(
            "200 OK",
            "Content-Type: text/html\r\nSet-Cookie: roundcube_sessid=rotated-by-the-product; path=/; HttpOnly\r\n",
            "a page",
        ),
        _ => roundcube(request),
    })
    .await;
    let gateway = Gateway::start(upstream.address(), &Settings::sections(ONE)).await;
    let mut alice = signed_in(&gateway, "alice").await;
    assert_eq!(alice.get("/?_task=mail&rotate").await.status, 200);
    assert_eq!(alice.cookie("roundcube_sessid"), Some("rotated-by-the-product"));
    assert!(says_sent(&send(&mut alice, "fine").await), "it is known, and whose it is");
    assert!(throttled(&send(&mut alice, "fine").await));
    let sent = events(&gateway, "sent", 1).await;
    assert_eq!(sent[0]["account"], "alice");
    // A stranger gains nothing by being given a cookie.
    let mut stranger = gateway.client();
    stranger.set_cookie("roundcube_sessid", "a-strangers");
    stranger.get("/?_task=mail&rotate").await;
    let mut other = gateway.client();
    other.set_cookie("roundcube_sessid", "rotated-elsewhere");
    assert!(!says_sent(&send(&mut other, "fine").await));
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions_of_the_account_and_only_those() {
    let (_upstream, gateway) = with_roundcube(&Settings::new()).await;
    let mut owner = signed_in(&gateway, "alice").await;
    let mut thief = signed_in(&gateway, "alice").await;
    let mut neighbour = signed_in(&gateway, "bob").await;
    assert!(says_sent(&send(&mut thief, "fine").await));
    let fields = [("_task", "settings"), ("_action", "plugin.password-save"), ("_newpasswd", "n")];
    assert_eq!(owner.post("/?_task=settings&_action=plugin.password-save", &fields).await.status, 200);
    assert!(!says_sent(&send(&mut thief, "fine").await));
    assert!(says_sent(&send(&mut owner, "fine").await));
    assert!(says_sent(&send(&mut neighbour, "fine").await));
    events(&gateway, "session_ended", 1).await;
    assert_eq!(gateway.events_of("password_changed").len(), 1);
}

#[tokio::test]
async fn a_locked_account_cannot_sign_in_and_its_sessions_end_at_their_next_request() {
    let settings = Settings { site: "helpdesk = \"telephone 4711\"".to_owned(), ..Settings::new() };
    let (upstream, gateway) = with_roundcube(&settings).await;
    let mut alice = signed_in(&gateway, "alice").await;
    let locked = gateway.command(&["account", "lock", "alice"]);
    assert!(locked.status.success(), "{}", String::from_utf8_lossy(&locked.stderr));
    upstream.forget();
    assert!(!says_sent(&send(&mut alice, "fine").await));
    let refused = sign_in(&mut gateway.client(), "Alice@campus.example", "right").await;
    assert_eq!(refused.status, 403, "the same account, however it is written");
    assert!(refused.text().contains("telephone 4711"), "{}", refused.text());
    assert!(upstream.seen().is_empty(), "no password reached the webmail");
    let page = alice.get("/?_task=mail").await;
    assert_eq!(page.status, 200);
    assert!(
        upstream.last().header("cookie").is_none_or(|cookies| !cookies.contains("roundcube_sessid")),
        "the webmail sees nobody's session"
    );
    assert_eq!(sign_in(&mut gateway.client(), "bob", "right").await.status, 302);
    assert!(gateway.command(&["account", "unlock", "alice"]).status.success());
    assert_eq!(sign_in(&mut gateway.client(), "alice", "right").await.status, 302);
}

/// Wrong passwords by strangers, each from another network; how many reached the webmail.
async fn guess(gateway: &Gateway, upstream: &Upstream, name: &str, from: std::ops::Range<u8>) -> usize {
    upstream.forget();
    for at in from {
        let mut stranger = gateway.client().from([127, 0, 1, at]);
        sign_in(&mut stranger, name, &format!("wrong-{at}")).await;
    }
    upstream.seen().len()
}

#[tokio::test]
async fn strangers_use_up_their_own_allowance_and_the_owners_device_still_gets_in() {
    let limits = "[sign_in.limits]\nfailures_per_account = [\"3/h\"]\nfailures_per_account_and_prefix = [\"5/h\"]\n";
    let (upstream, gateway) = with_roundcube(&Settings::sections(limits)).await;
    let mut owner = signed_in(&gateway, "alice").await;
    assert_eq!(guess(&gateway, &upstream, "alice", 1..20).await, 3);
    let refused = sign_in(&mut gateway.client().from([127, 0, 1, 30]), "alice", "right").await;
    assert_eq!(refused.status, 429);
    assert!(
        refused.headers.contains_key("retry-after") && refused.text().contains("Please wait"),
        "{}",
        refused.text()
    );
    assert_eq!(sign_in(&mut owner, "alice", "right").await.status, 302, "a browser that the account knows");
    let other = sign_in(&mut gateway.client().from([127, 0, 1, 30]), "bob", "right").await;
    assert_eq!(other.status, 302, "another account is nobody's business");
    // A device cookie of one account is none for another.
    assert_eq!(guess(&gateway, &upstream, "bob", 40..60).await, 3);
    let mut borrowed = owner.clone().from([127, 0, 1, 70]);
    assert_eq!(sign_in(&mut borrowed, "bob", "right").await.status, 429);
}

#[tokio::test]
async fn one_network_gets_so_many_guesses_and_the_same_wrong_password_is_one() {
    let limits = "[sign_in.limits]\nfailures_per_account = []\nfailures_per_account_and_prefix = [\"3/h\"]\n\
                  failing_accounts_per_prefix = [\"4/h\"]\n";
    let (upstream, gateway) = with_roundcube(&Settings::sections(limits)).await;
    let mut stuck = gateway.client().from([127, 0, 2, 1]);
    for _ in 0..10 {
        assert_eq!(sign_in(&mut stuck, "alice", "yesterdays").await.status, 401, "a phone with an old password");
    }
    assert_eq!(sign_in(&mut stuck, "alice", "right").await.status, 302);
    let mut guesser = gateway.client().from([127, 0, 2, 2]);
    upstream.forget();
    for at in 0..20 {
        sign_in(&mut guesser, "alice", &format!("guess-{at}")).await;
    }
    assert_eq!(upstream.seen().len(), 3);
    let mut sprayer = gateway.client().from([127, 0, 2, 3]);
    upstream.forget();
    for at in 0..20 {
        sign_in(&mut sprayer, &format!("user{at}"), "Summer2026").await;
    }
    assert_eq!(upstream.seen().len(), 4, "a spray over many accounts");
    assert_eq!(sign_in(&mut gateway.client().from([127, 0, 2, 4]), "user5", "right").await.status, 302);
}

#[tokio::test]
async fn a_site_that_only_observes_lets_everything_through_and_records_what_it_would_have_done() {
    let sections = "[send.limits]\nmessages_per_account = [\"1/h\"]\nfamiliar_factor = 1.0\n\
                    [sign_in.limits]\nfailures_per_account_and_prefix = [\"1/h\"]\nfailures_per_account = []\n";
    let mut settings = Settings::sections(sections);
    settings.top = "mode = \"observe\"".to_owned();
    let (upstream, gateway) = with_roundcube(&settings).await;
    let mut alice = signed_in(&gateway, "alice").await;
    for _ in 0..3 {
        assert!(says_sent(&send(&mut alice, "fine").await));
    }
    assert_eq!(events(&gateway, "send_refused", 2).await.len(), 2);
    let mut guesser: Client = gateway.client().from([127, 0, 3, 1]);
    for at in 0..4 {
        assert_eq!(sign_in(&mut guesser, "alice", &format!("guess-{at}")).await.status, 401);
    }
    assert!(!events(&gateway, "sign_in_refused", 3).await.is_empty());
    let mut stranger = gateway.client();
    stranger.set_cookie("roundcube_sessid", "never-seen");
    assert!(says_sent(&send(&mut stranger, "fine").await));
    let seen = upstream.seen().len();
    let request = posting(&stranger, "/", URLENCODED, "_task=mail&_action=send&_action=list");
    assert_eq!(stranger.send(request).await.status, 400, "framing and spelling are enforced all the same");
    assert_eq!(stranger.send(stranger.request(Method::GET, "/.git/config", bytes::Bytes::new())).await.status, 404);
    assert_eq!(upstream.seen().len(), seen);
}
