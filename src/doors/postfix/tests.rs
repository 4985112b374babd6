use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::policy::limits::WhenMet;

/// As Postfix 3.7 writes it, less what nobody reads here.
const ASKED: &str = "request=smtpd_access_policy\nprotocol_state=END-OF-MESSAGE\nprotocol_name=ESMTP\n\
    client_address=203.0.113.9\nclient_name=unknown\nhelo_name=[127.0.0.1]\nsender=alice@campus.example\nrecipient=\n\
    recipient_count=3\nqueue_id=4Tq1Zp0\ninstance=1b3f.6929ee11.6d1a5.0\nsize=512\nsasl_method=PLAIN\n\
    sasl_username=alice\nccert_subject=\nstress=\n\n";

fn read(text: &[u8]) -> io::Result<Option<Question>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut from = text;
    runtime.block_on(Question::read(&mut from))
}

fn kind(text: &[u8]) -> io::ErrorKind {
    read(text).expect_err("it is no question").kind()
}

#[test]
fn a_question_is_read_as_postfix_writes_it() {
    let question = Question {
        stage: Stage::Whole,
        instance: "1b3f.6929ee11.6d1a5.0".into(),
        name: "alice".into(),
        address: IpAddr::from([203, 0, 113, 9]),
        recipients: 3,
    };
    assert_eq!(read(ASKED.as_bytes()).expect("it is one"), Some(question.clone()));
    for (said, changed, found) in [
        ("END-OF-MESSAGE", "DATA", question.clone()),
        ("END-OF-MESSAGE", "RCPT", Question { stage: Stage::Early, ..question.clone() }),
        ("recipient_count=3", "recipient_count=0", Question { recipients: 1, ..question.clone() }),
        ("recipient_count=3", "recipient_count=many", Question { recipients: 1, ..question.clone() }),
        ("=203.0.113.9", "=2001:db8::7", Question { address: "2001:db8::7".parse().expect("one"), ..question.clone() }),
        ("=203.0.113.9", "=unknown", Question { address: Ipv4Addr::UNSPECIFIED.into(), ..question.clone() }),
        ("=203.0.113.9", "=::ffff:203.0.113.9", question.clone()),
        ("sasl_username=alice", "sasl_username=", Question { name: String::new(), ..question.clone() }),
        ("sasl_username=alice", "sasl_username=a=b", Question { name: "a=b".into(), ..question.clone() }),
    ] {
        assert_eq!(read(ASKED.replace(said, changed).as_bytes()).expect("it is one"), Some(found), "{changed}");
    }
}

#[test]
fn what_is_no_question_ends_the_connection() {
    assert_eq!(read(b"").expect("closed between two questions"), None);
    assert_eq!(kind(b"request=smtpd_access_policy\n"), io::ErrorKind::UnexpectedEof);
    for nonsense in ["GET / HTTP/1.1\r\n\r\n\n\n", "\n", "request=other\n\n", "hello\n\n"] {
        assert_eq!(kind(nonsense.as_bytes()), io::ErrorKind::InvalidData, "{nonsense:?}");
    }
    for endless in [vec![b'a'; 2 * QUESTION_BYTES_MAX], b"a=b\n".repeat(QUESTION_BYTES_MAX)] {
        assert_eq!(kind(&endless), io::ErrorKind::InvalidData);
    }
    let long = ASKED.replace("instance=", &format!("instance={}", "x".repeat(INSTANCE_BYTES_MAX)));
    assert_eq!(read(long.as_bytes()).expect("a question").expect("a question").instance, "");
}

proptest! {
    #[test]
    fn no_bytes_whatever_make_reading_panic_or_read_more_than_the_bound(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let _ = read(&bytes);
        let _ = Question::parse(&bytes);
    }

    #[test]
    fn an_answer_is_one_line_and_an_empty_one(words in any::<String>()) {
        for answer in [Answer::Later(words.clone()), Answer::Never(words.clone())] {
            let said = answer.to_string();
            prop_assert!(said.is_ascii() && said.ends_with("\n\n"));
            prop_assert_eq!(said.bytes().filter(|byte| byte.is_ascii_control()).count(), 2);
        }
    }
}

#[test]
fn a_no_says_when_it_would_fit_or_whom_to_ask() {
    let code = Reference::from_random(7);
    let over = |wait| Over {
        name: "recipients_per_account",
        limit: "200/h".parse().expect("a limit"),
        fits_now: 0,
        wait,
        when_met: WhenMet::Throttle,
    };
    let said = |why: &Why| Answer::stopped(why, code, Some("the service desk")).to_string();
    for (wait, words) in [(5, "in 1 minute"), (90, "in 2 minutes"), (3_601, "in 61 minutes"), (7_201, "in 3 hours")] {
        let said = said(&Why::Limit(over(Some(Duration::from_secs(wait)))));
        assert!(
            said.starts_with("action=DEFER_IF_PERMIT 4.7.1 ") && said.contains(&format!("{words} (code")),
            "{said}"
        );
    }
    assert!(said(&Why::StoreAway).starts_with("action=DEFER_IF_PERMIT 4.7.1 "));
    for why in [Why::Locked, Why::Restricted, Why::Limit(over(None)), Why::Unlike(over(None)), Why::Rule("x".into())] {
        let said = said(&why);
        assert!(said.starts_with("action=REJECT 5.7.1 ") && said.contains("ask the service desk (code "), "{said}");
        assert!(said.contains(&code.to_string()));
    }
    let many = said(&Why::TooManyRecipients { asked: 60, most: 50 });
    assert!(many.starts_with("action=REJECT 5.7.1 60 recipients are more than the 50 "), "{many}");
    assert_eq!(Answer::Pass.to_string(), "action=DUNNO\n\n");
}
