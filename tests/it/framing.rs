//! Requests whose end, or whose script, two programs could see differently: Mailward with real nginx and PHP-FPM behind
//! it, and with real Apache and mod_php. The two never disagree.
//!
//! A page in every place of a document root says which script ran for which request, and how long its body was. Each
//! entry of the corpus goes out on a connection of its own, raw, and carries a second request for a script that Mailward
//! never serves, where a program that loses count would find it.

mod corpus;
pub mod frames;
mod servers;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::scripted::wire::{Hello, Wire};
use crate::stack::{Gateway, Settings};
use corpus::{Attempt, SCRIPTS};
use servers::{Apache, Nginx, Ran, Server};

/// How long the gateway waits for the rest of a request, and with it each attempt that has none.
const TIMEOUTS: &str = "header_timeout = \"1s\"\nbody_timeout = \"1s\"\nidle_timeout = \"1s\"\n";

/// Attempts under way at once.
const AT_ONCE: usize = 24;

/// An attempt that is not over by then hangs.
const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::test]
async fn nginx_and_mailward_never_disagree_where_a_request_ends_or_which_script_runs() {
    agree(&Nginx::start()).await;
}

#[tokio::test]
async fn apache_and_mailward_never_disagree_where_a_request_ends_or_which_script_runs() {
    agree(&Apache::start()).await;
}

async fn agree(server: &dyn Server) {
    let mut settings = Settings { webmail: Some("squirrelmail"), ..Settings::new() }.unguarded();
    settings.listen.push_str(TIMEOUTS);
    let gateway = Gateway::start(server.address(), &settings).await;
    let attempts = corpus::attempts();
    let mut answers = BTreeMap::new();
    for some in attempts.chunks(AT_ONCE) {
        let sent = some.iter().map(|attempt| attempt_one(&gateway, attempt));
        for (attempt, answer) in some.iter().zip(futures_util::future::join_all(sent).await) {
            answers.insert(attempt.number, answer);
        }
    }
    // A last plain request on each side: whatever was left over in a kept connection would come before it.
    for _ in 0..8 {
        let answer = gateway.client().get("/src/login.php?last").await;
        assert!(answer.text().contains("/src/login.php?last"), "{}", answer.text());
    }

    let ran = server.ran();
    let mut wrong = Vec::new();
    let mut must = |right: bool, what: String| {
        if !right {
            wrong.push(what);
        }
    };
    for Ran { uri, script, host, claims, .. } in &ran {
        must(
            !uri.contains("smuggled") && claims.is_empty(),
            format!("a hidden request was answered: {uri} {claims:?}"),
        );
        must(SCRIPTS.contains(&script.as_str()), format!("{script} ran for {uri}"));
        let path = uri.split('?').next().unwrap_or_default();
        let is_meant = match path.strip_prefix(script.as_str()) {
            Some(rest) => rest.is_empty() || rest.starts_with('/'),
            None => path.ends_with('/') && *script == format!("{path}index.php"),
        };
        must(is_meant, format!("{script} ran for {uri}"));
        must(host.split(':').next() == Some("localhost"), format!("{host} for {uri}"));
    }
    let mut passed = 0;
    for attempt in &attempts {
        let mark = format!("attempt={}.", attempt.number);
        let of_it: Vec<&Ran> = ran.iter().filter(|ran| ran.uri.contains(&mark)).collect();
        let answer = &answers[&attempt.number];
        let shown = attempt.shown();
        must(of_it.len() <= 1, format!("one request ran {} times: {shown}", of_it.len()));
        if let Some(length) = attempt.length {
            let found = of_it.first().map(|ran| ran.length);
            must(found == Some(length), format!("a body of {length} was {found:?}: {shown}\n{answer}"));
        }
        must(!attempt.refused || of_it.is_empty(), format!("this must not reach the webmail: {shown}"));
        must(!answer.contains("smuggled"), format!("{shown}\n{answer}"));
        // What comes behind on the same connection gets its own answer, or none.
        let behind = format!("behind={}.", attempt.number);
        must(answer.matches(&behind).count() <= 1, format!("{shown}\n{answer}"));
        for other in answer.match_indices("attempt=").map(|(at, _)| &answer[at..]) {
            must(other.starts_with(&mark), format!("an answer to another request: {shown}\n{answer}"));
        }
        passed += of_it.len();
    }
    println!(
        "{}: {} attempts, {passed} of them are requests that ran as they were read",
        server.name(),
        attempts.len()
    );
    assert!(wrong.is_empty(), "{} disagreements:\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(passed > 10 && passed < attempts.len() / 2, "{passed} of {}", attempts.len());
}

/// Sends one attempt and reads until the connection is closed or nothing more can come; everything that came.
async fn attempt_one(gateway: &Gateway, attempt: &Attempt) -> String {
    let sent = async {
        if attempt.http2 {
            return frames::exchange(gateway.https(), &attempt.bytes).await;
        }
        let mut wire = Wire::open(gateway.https(), &Hello::default()).await.expect("a connection");
        // The gateway may close while it is still being written to.
        wire.try_write(&attempt.bytes).await.ok();
        wire.closed().await
    };
    let came = tokio::time::timeout(PATIENCE, sent).await;
    let came = came.unwrap_or_else(|_| panic!("it hangs: {}", attempt.shown()));
    String::from_utf8_lossy(&came).into_owned()
}
