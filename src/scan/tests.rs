//! What holds for every scanner: garbage, silence, half an answer, an early end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;
use crate::clock::Clock;
use crate::config::{self, ContentWeights, ScannerAddress, WhenSilent};
use crate::domain::{Scanned, Timestamp};

/// One that is asked at an address, within half a second.
fn scanner(id: &str, address: ScannerAddress) -> config::Scanner {
    config::Scanner {
        name: id.into(),
        kind: by_id(id).expect("one of them"),
        address,
        time_limit: Duration::from_millis(500),
        size_max: 1024 * 1024,
        at_once: 2,
        when_silent: WhenSilent::PassAndFlag,
        weights: ContentWeights { spam: 120, spam_likely: 30, scanner_silent: 30 },
    }
}

fn scanners(of: &[config::Scanner]) -> Scanners {
    Scanners::new(of, Clock::manual(Timestamp::from_millis(1_000_000)))
}

/// Answers every connection with the same bytes, after it has read something; none: it never answers.
async fn answering(answer: Option<&'static [u8]>) -> ScannerAddress {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let place = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut connection, _)) = listener.accept().await {
            match answer {
                None => held.push(connection),
                Some(answer) => {
                    tokio::spawn(async move {
                        let _ = connection.read(&mut [0; 1024]).await;
                        let _ = connection.write_all(answer).await;
                        let _ = connection.shutdown().await;
                        // Whoever writes on is let write.
                        let _ = tokio::io::copy(&mut connection, &mut tokio::io::sink()).await;
                    });
                }
            }
        }
    });
    ScannerAddress::Tcp(place)
}

async fn said(id: &str, address: ScannerAddress) -> Said {
    let asked = scanners(&[scanner(id, address)]);
    let message = Bytes::from_static(b"Subject: x\r\n\r\nhello\r\n");
    let reports = asked.message(&Envelope::default(), &message, &[], |_| false).await;
    reports.into_iter().next().expect("one was asked").scanned.said
}

#[tokio::test]
async fn whatever_a_scanner_does_instead_of_answering_is_silence() {
    for kind in ALL {
        let id = kind.id();
        assert_eq!(said(id, ScannerAddress::Tcp("127.0.0.1:1".to_owned())).await, Said::Silent("it cannot be reached"));
        assert_eq!(said(id, ScannerAddress::Unix("/nowhere".into())).await, Said::Silent("it cannot be reached"));
        assert_eq!(said(id, answering(None).await).await, Said::Silent("it does not answer in time"), "{id}");
        for garbage in
            [&b""[..], b"\0", b"220 mail.example.edu ESMTP\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"]
        {
            let said = said(id, answering(Some(garbage)).await).await;
            assert!(matches!(said, Said::Silent(_)), "{id} {garbage:?}: {said:?}");
        }
    }
}

#[tokio::test]
async fn all_are_asked_in_their_order_until_it_is_enough() {
    let spam = answering(Some(b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1000.0 / 5.0\r\n\r\n")).await;
    let clean = answering(Some(b"stream: OK\0")).await;
    let of = [scanner("clamav", clean.clone()), scanner("spamassassin", spam), scanner("clamav", clean)];
    let asked = scanners(&of);
    let message = Bytes::from_static(b"\r\n");
    let names =
        |reports: &[Report]| -> Vec<&'static str> { reports.iter().map(|report| report.scanned.said.name()).collect() };
    let all = asked.message(&Envelope::default(), &message, &[], |_| false).await;
    assert_eq!(names(&all), ["clean", "spam", "clean"]);
    let enough =
        asked.message(&Envelope::default(), &message, &[], |scanned| matches!(scanned.said, Said::Spam(_))).await;
    assert_eq!(names(&enough), ["clean", "spam"]);
}

#[tokio::test]
async fn one_that_is_silent_thrice_is_left_alone_and_its_silence_is_news_once() {
    let clock = Clock::manual(Timestamp::from_millis(1_000_000));
    let asked = Scanners::new(&[scanner("clamav", ScannerAddress::Tcp("127.0.0.1:1".to_owned()))], clock.clone());
    let ask = async || {
        let reports = asked.message(&Envelope::default(), &Bytes::from_static(b"x"), &[], |_| false).await;
        (reports[0].scanned.said.clone(), reports[0].turned)
    };
    assert_eq!(ask().await, (Said::Silent("it cannot be reached"), Some(Turn::FellSilent)));
    assert_eq!(ask().await, (Said::Silent("it cannot be reached"), None));
    assert_eq!(ask().await, (Said::Silent("it cannot be reached"), None));
    assert_eq!(ask().await, (Said::Silent("it did not answer just before"), None));
    assert!(asked.silent_since().all(|(_, since)| since == Some(Timestamp::from_millis(1_000_000))));
    clock.advance(Duration::from_secs(6));
    assert_eq!(ask().await, (Said::Silent("it cannot be reached"), None), "somebody finds out");
}

#[tokio::test]
async fn one_that_is_slow_for_a_file_is_not_waited_for_again_with_the_rest_of_the_message() {
    let asked = scanners(&[scanner("clamav", answering(None).await)]);
    let (envelope, message) = (Envelope::default(), Bytes::from_static(b"Subject: x\r\n\r\nhello\r\n"));
    let file = async |earlier: &[Scanned]| {
        let (give, take) = mpsc::channel(1);
        give.send(Bytes::from_static(b"a file")).await.expect("there is room");
        drop(give);
        asked.file(&envelope, take, 0, earlier).await.reports.remove(0).scanned
    };
    let first = file(&[]).await;
    assert_eq!(first.said, Said::Silent(Silence::Slow.what()));
    let earlier = [first];
    let resting = Said::Silent(Silence::Resting.what());
    assert_eq!(file(&earlier).await.said, resting);
    let reports = asked.message(&envelope, &message, &earlier, |_| false).await;
    assert_eq!(reports[0].scanned.said, resting);
    let of_another = asked.message(&envelope, &message, &[], |_| false).await;
    assert_eq!(of_another[0].scanned.said, Said::Silent(Silence::Slow.what()), "another message asks again");
}

#[tokio::test]
async fn a_file_goes_through_in_pieces_and_more_than_its_size_is_not_seen() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let place = listener.local_addr().expect("bound").to_string();
    let (tell, mut told) = mpsc::channel(8);
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut head = [0; 10];
            connection.read_exact(&mut head).await.expect("a command");
            assert_eq!(&head, b"zINSTREAM\0");
            let (mut bytes, mut largest) = (0_usize, 0_usize);
            loop {
                let length = connection.read_u32().await.expect("a length") as usize;
                if length == 0 {
                    break;
                }
                let mut chunk = vec![0; length];
                connection.read_exact(&mut chunk).await.expect("a chunk");
                (bytes, largest) = (bytes + length, largest.max(length));
            }
            tell.send((bytes, largest)).await.expect("the test waits");
            connection.write_all(b"stream: OK\0").await.expect("the test reads");
        }
    });
    let asked = scanners(&[scanner("clamav", ScannerAddress::Tcp(place))]);
    for (bytes, seen, expected) in [(900_000, 900_000, Said::Clean), (3_000_000, 1024 * 1024, Said::TooLarge)] {
        let (envelope, (give, take)) = (Envelope::default(), mpsc::channel(1));
        let feed = async move {
            let content = vec![7; bytes];
            for piece in content.chunks(100_000) {
                // Nobody wants more than its size.
                if give.send(Bytes::copy_from_slice(piece)).await.is_err() {
                    break;
                }
            }
        };
        let (report, ()) = tokio::join!(asked.file(&envelope, take, 10, &[]), feed);
        assert_eq!(report.begins, [7; 10]);
        assert_eq!(report.reports[0].scanned.said, expected, "{bytes} bytes");
        let (given, largest) = told.recv().await.expect("it was asked");
        assert!(given == seen && largest <= 64 * 1024, "{given} {largest}");
    }
}

#[tokio::test]
async fn a_virus_that_is_found_before_the_end_is_found() {
    let asked = scanners(&[scanner("clamav", answering(Some(b"stream: Eicar-Signature FOUND\0")).await)]);
    let (envelope, (give, take)) = (Envelope::default(), mpsc::channel(1));
    let feed = async move {
        for _ in 0..50 {
            if give.send(Bytes::from_static(&[0; 10_000])).await.is_err() {
                break;
            }
        }
    };
    let (report, ()) = tokio::join!(asked.file(&envelope, take, 0, &[]), feed);
    assert_eq!(report.reports[0].scanned.said, Said::Virus);
}

#[tokio::test]
async fn who_is_there_says_so() {
    let http = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\npong\r\n";
    for (id, answer) in [("rspamd", &http[..]), ("spamassassin", b"SPAMD/1.5 0 PONG\r\n"), ("clamav", b"PONG\0")] {
        let place = scanner(id, answering(Some(answer)).await);
        assert!(try_out(&place).await.is_ok(), "{id}");
        for other in [&b"PANG\0"[..], b"SPAMD/1.5 76 no\r\n", b"HTTP/1.1 403 no\r\n\r\n"] {
            assert!(try_out(&scanner(id, answering(Some(other)).await)).await.is_err(), "{id}");
        }
    }
    let asked = scanners(&[scanner("clamav", ScannerAddress::Unix("/nowhere".into()))]);
    let name: Arc<str> = "clamav".into();
    assert_eq!(asked.look().await, [(name, Turn::FellSilent)]);
    assert_eq!(asked.look().await, []);
}

proptest! {
    #[test]
    fn no_answer_makes_a_reader_stumble(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "(?s).{0,120}") {
        for answer in [&bytes[..], text.as_bytes()] {
            let _ = (clamav::said(answer).is_ok(), rspamd::said(answer).is_ok(), spamassassin::said(answer).is_ok());
        }
    }

    #[test]
    fn no_near_miss_of_an_answer_passes_for_a_virus_or_for_spam(
        cut in 0..60_usize, at in 0..60_usize, byte: u8,
    ) {
        // A clean answer with one byte changed, or cut off, is never read as something worse.
        let clean: [&[u8]; 3] = [
            b"stream: OK\0",
            b"SPAMD/1.1 0 EX_OK\r\nSpam: False ; 0.1 / 5.0\r\n\r\n",
            br#"{"score":0.1,"required_score":15.0,"action":"no action"}"#,
        ];
        let changed = |answer: &[u8]| {
            let mut answer = answer[..cut.min(answer.len())].to_vec();
            if let Some(place) = answer.get_mut(at) {
                *place = byte;
            }
            answer
        };
        prop_assert!(!matches!(clamav::said(&changed(clean[0])), Ok(Said::Virus)));
        prop_assert!(!matches!(spamassassin::said(&changed(clean[1])), Ok(Said::Spam(_) | Said::Likely(_))));
        prop_assert!(!matches!(rspamd::said(&changed(clean[2])), Ok(Said::Likely(_))));
    }
}
