//! What thieves do besides sending, tried on a real Roundcube: all of it in a session against which nothing stands, and in
//! one that is flagged.

use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};

use crate::stack::{Answer, Gateway, Message, Person, Roundcube, Settings, Stack, form, until};

/// A new country flags and asks for nothing by itself.
const ONLY_FLAGS: &str = "[networks]\ncampus = [\"127.0.0.0/8\"]\ncampus_country = \"DE\"\n\
    [risk]\nweights = { impossible_travel = 0, new_device = 0, new_network = 0, off_campus = 0, country_new_to_site = 0, \
    hosting = 0, weak_password = 0, breached_password = 0 }";

/// From where the account has never signed in.
const ABROAD: &str = "12.0.1.28";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    Identity,
    Filter,
    Forward,
    OutOfOffice,
    Password,
    Contacts,
    AllMessages,
    SentMail,
}

impl Move {
    const ALL: [Self; 8] = [
        Self::Identity,
        Self::Filter,
        Self::Forward,
        Self::OutOfOffice,
        Self::Password,
        Self::Contacts,
        Self::AllMessages,
        Self::SentMail,
    ];

    /// Asks Roundcube for it, as its own pages do.
    async fn make(self, at: &mut Roundcube) -> Answer {
        let token = at.token.clone();
        match self {
            Self::Identity => {
                let id = at.compose("").await.identity;
                let fields = [
                    ("_token", token.as_str()),
                    ("_task", "settings"),
                    ("_action", "save-identity"),
                    ("_framed", "1"),
                    ("_iid", &id),
                    ("_name", "The Dean"),
                    ("_email", "dean@elsewhere.example"),
                    ("_reply-to", "answers@elsewhere.example"),
                ];
                framed(at, &fields).await
            }
            Self::Filter => {
                // The page of filters, which makes the first set of them.
                at.http.get("/?_task=settings&_action=plugin.managesieve").await;
                let fields = [
                    ("_token", token.as_str()),
                    ("_task", "settings"),
                    ("_action", "plugin.managesieve-save"),
                    ("_framed", "1"),
                    ("_fid", ""),
                    ("_name", "holiday"),
                    ("_enabled", "1"),
                    ("_join", "anyof"),
                    ("_header[0]", "subject"),
                    ("_custom_header[0]", ""),
                    ("_rule_op[0]", "contains"),
                    ("_rule_target[0][]", "invoice"),
                    ("_action_type[0]", "redirect"),
                    ("_action_target[0]", "out@elsewhere.example"),
                ];
                framed(at, &fields).await
            }
            Self::Forward => {
                let fields = [
                    ("forward_action", "copy"),
                    ("action_target", "out@elsewhere.example"),
                    ("action_domain", ""),
                    ("forward_status", "on"),
                ];
                at.ajax_post("/?_task=settings&_action=plugin.managesieve-forward", &fields).await
            }
            Self::OutOfOffice => {
                let fields = [
                    ("vacation_subject", "Away"),
                    ("vacation_reason", "Write to boss@elsewhere.example."),
                    ("vacation_status", "on"),
                    ("vacation_from", ""),
                    ("vacation_action", "keep"),
                ];
                at.ajax_post("/?_task=settings&_action=plugin.managesieve-vacation", &fields).await
            }
            Self::Password => {
                let fields = [
                    ("_token", token.as_str()),
                    ("_curpasswd", "not the right one"),
                    ("_newpasswd", "Violet-Harbour-4417"),
                    ("_confpasswd", "Violet-Harbour-4417"),
                ];
                at.http.post("/?_task=settings&_action=plugin.password-save", &fields).await
            }
            Self::Contacts => {
                at.http.get(&format!("/?_task=addressbook&_action=export&_source=0&_token={token}")).await
            }
            Self::AllMessages => {
                let fields = [("_token", token.as_str()), ("_uid", "*"), ("_mbox", "Sent"), ("_mode", "mbox")];
                at.http.post("/?_task=mail&_action=plugin.zipdownload.messages", &fields).await
            }
            Self::SentMail => {
                let fields = [("_uid", "1"), ("_mbox", "Sent")];
                at.ajax_post("/?_task=mail&_action=delete", &fields).await
            }
        }
    }

    /// Whether the answer is the one that Roundcube gives when it has looked at it.
    fn reached_roundcube(self, answer: &Answer) -> bool {
        let text = answer.text();
        let attached =
            answer.headers.get(CONTENT_DISPOSITION).is_some_and(|of| of.as_bytes().starts_with(b"attachment"));
        match self {
            Self::Identity | Self::Forward | Self::OutOfOffice => {
                text.contains("\"confirmation\"") || text.contains("\\\"confirmation\\\"")
            }
            Self::Filter => text.contains("managesieve_updatelist("),
            Self::Password => text.contains("Current password incorrect"),
            Self::Contacts | Self::AllMessages => attached,
            Self::SentMail => answer.status == StatusCode::OK && text.contains("\"action\":\"delete\""),
        }
    }

    /// What the operator must see of it, so that it can be undone.
    const fn target(self) -> &'static str {
        match self {
            Self::Identity => "dean@elsewhere.example",
            Self::Filter | Self::Forward => "out@elsewhere.example",
            Self::AllMessages | Self::SentMail => "folder Sent",
            Self::OutOfOffice | Self::Password | Self::Contacts => "",
        }
    }
}

/// A form of the settings, posted into its frame.
async fn framed(at: &mut Roundcube, fields: &[(&str, &str)]) -> Answer {
    let mut request = at.http.request(Method::POST, "/", form(fields).into());
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert("sec-fetch-dest", HeaderValue::from_static("iframe"));
    at.http.send(request).await
}

/// Somebody with a message in the folder of sent mail.
async fn somebody(stack: &Stack, gateway: &Gateway) -> Person {
    let person = stack.account();
    let mut home = Roundcube::sign_in(gateway.client(), &person).await.expect("the password is right");
    let message = Message { to: "somebody@elsewhere.example", subject: "Hello", body: "Hello.", ..Message::default() };
    assert!(home.send(&message).await.says_sent());
    for _ in 0..2 {
        Roundcube::sign_in(gateway.client(), &person).await.expect("the password is right");
    }
    person
}

#[tokio::test]
async fn moves_are_left_alone_in_an_ordinary_session_and_held_back_in_a_flagged_one() {
    let stack = Stack::shared();
    let settings = Settings {
        listen: "forwarded_from = [\"127.0.0.0/8\"]\n".to_owned(),
        sections: ONLY_FLAGS.to_owned(),
        ..Settings::new()
    };
    let gateway = Gateway::start(stack.web(), &settings.unguarded()).await;
    let owner = somebody(stack, &gateway).await;
    let mut home = Roundcube::sign_in(gateway.client(), &owner).await.expect("the password is right");
    for made in Move::ALL {
        let answer = made.make(&mut home).await;
        assert!(made.reached_roundcube(&answer), "{made:?} at home: {} {}", answer.status, answer.text());
    }
    assert_eq!(gateway.events_of("action_refused"), Vec::<serde_json::Value>::new());

    for made in Move::ALL {
        // Each by a person of its own: after one of them the session does no other.
        let victim = somebody(stack, &gateway).await;
        let mut client = gateway.client();
        client.header("x-forwarded-for", ABROAD);
        let mut thief = Roundcube::sign_in(client, &victim).await.expect("a flag alone stops nothing");
        let flag = until("the flag", 10, async || {
            gateway.events_of("flag_raised").into_iter().find(|event| event["account"] == victim.name.as_str())
        })
        .await;
        let code = flag["reference"].as_str().expect("a code");
        let answer = made.make(&mut thief).await;
        assert!(!made.reached_roundcube(&answer), "{made:?} by a thief: {} {}", answer.status, answer.text());
        let listed = thief.http.get("/?_task=mail&_action=list&_mbox=INBOX&_remote=1").await;
        assert_eq!(listed.status, StatusCode::OK, "it still reads");
        let shown = gateway.command(&["flag", "show", code]);
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(shown.contains("stopped") && shown.contains(made.target()), "{made:?}: {shown}");
    }
}
