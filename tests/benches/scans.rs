//! What looking at a message costs beside the scanners: its form is read, it is put together, and three scanners that answer
//! at once are asked over loopback. Their side of it, in this very process, is counted as well.
//!
//! ```text
//! cargo run --release --example scans
//! ```

use std::path::Path;
use std::time::{Duration, Instant};

use http::HeaderValue;
use mailward::clock::Clock;
use mailward::config;
use mailward::domain::Timestamp;
use mailward::scan::message::{self, Written};
use mailward::scan::{Envelope, Scanners};
use mailward::webmail::php::Form;
use mailward::webmail::{self, roundcube};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Messages of each kind that are measured.
const MESSAGES: usize = 2_000;

/// 25 November 2026.
const NOW: Timestamp = Timestamp::from_millis(1_795_564_800_000);

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let rspamd = "HTTP/1.1 200 OK\r\ncontent-length: 56\r\n\r\n{\"score\":0.1,\"required_score\":15.0,\"action\":\"no action\"}";
        let spamd = "SPAMD/1.1 0 EX_OK\r\nSpam: False ; 0.1 / 5.0\r\n\r\n";
        let mut text = "[[site]]\nhosts = [\"a.example\"]\nupstream = \"http://127.0.0.1:1\"\nwebmail = \"roundcube\"\n".to_owned();
        for (kind, answer) in [("rspamd", rspamd), ("spamassassin", spamd), ("clamav", "stream: OK\0")] {
            text.push_str(&format!("[[scanner]]\nkind = \"{kind}\"\naddress = \"{}\"\n", answering(answer).await?));
        }
        let config = config::parse(&text, "mailward.toml", Path::new(""), NOW).expect("a good file");
        let scanners = Scanners::new(&config.scanners, Clock::system());
        for (name, lines) in [("a short message", 3), ("a long one", 2_000)] {
            measure(name, lines, &scanners).await?;
        }
        Ok(())
    })
}

async fn measure(name: &str, lines: usize, scanners: &Scanners) -> anyhow::Result<()> {
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    let written = "We meet in lecture hall 3 at nine; bring the paper.\r\n".repeat(lines);
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("_task", "mail"), ("_action", "send"), ("_id", "1"), ("_from", "1")])
        .extend_pairs([("_to", "bob@campus.example"), ("_subject", "Timetable"), ("_message", &written)])
        .finish();
    let (mut before, mut asked) = (Vec::new(), Vec::new());
    for _ in 0..MESSAGES {
        let began = now();
        let read = Form::read_from(Some(&kind), form.as_bytes(), 1000, 4 << 20, |_| {})?.expect("it is a form");
        let composed = webmail::Webmail::composed(&roundcube::Roundcube, &read).expect("it is a message");
        let written = Written { from: "alice@campus.example", now: NOW, id: "0707", site: "a.example" };
        let message = message::assemble(&composed, Vec::new(), &written);
        before.push(began.elapsed());
        let reports = scanners.message(&Envelope::default(), &message, &[], |_| false).await;
        asked.push(began.elapsed());
        anyhow::ensure!(reports.iter().all(|report| report.scanned.said.name() == "clean"), "{reports:?}");
    }
    println!(
        "{name} ({} KiB): read and put together {} µs, three scanners asked as well {} µs (median); {} µs (99 of 100)",
        form.len() / 1024,
        at(&mut before, 50),
        at(&mut asked, 50),
        at(&mut asked, 99)
    );
    Ok(())
}

fn at(times: &mut [Duration], percent: usize) -> u128 {
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100].as_micros()
}

/// Answers every connection with the same bytes once a whole question has come.
async fn answering(answer: &'static str) -> anyhow::Result<std::net::SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut question = Vec::new();
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(read) = connection.read(&mut buffer).await {
                    question.extend_from_slice(&buffer[..read]);
                    // The end of a stream, of an HTTP body, or of what is written at all.
                    if read == 0 || question.ends_with(&[0; 4]) || question.trim_ascii_end().ends_with(b"paper.") {
                        break;
                    }
                }
                let _ = connection.write_all(answer.as_bytes()).await;
            });
        }
    });
    Ok(address)
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn now() -> Instant {
    Instant::now()
}
