//! What thieves do besides sending, tried on a real Roundcube: all of it in a session against which nothing stands, in one
//! that is watched, and in one that is flagged; beside it what people do who change the same things within the house.

use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};

use crate::stack::{Answer, Gateway, Message, Person, Roundcube, Settings, Stack, form, until};

/// Only a new country speaks against a sign-in, with this weight, and nothing else bounds who sends from two countries. By
/// itself it asks for nothing.
fn by_country(weight: u32) -> String {
    format!(
        "[networks]\ncampus = [\"127.0.0.0/8\"]\ncampus_country = \"DE\"\n\
         [risk]\nweights = {{ impossible_travel = 0, new_device = 0, new_network = 0, off_campus = 0, \
         country_new_to_site = 0, hosting = 0, accounts_from_prefix = 0, weak_password = 0, breached_password = 0, new_country = {weight} }}\n\
         [send.limits]\ncountries_per_account = \"none\"\n"
    )
}

/// It flags.
const FLAGS: u32 = 40;

/// It is too little for that.
const IS_WATCHED: u32 = 20;

/// From where the account has never signed in.
const ABROAD: &str = "12.0.1.28";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    Identity,
    Filter,
    Forward,
    OutOfOffice,
    Password,
    /// A whole script, into a set of its own.
    Script,
    /// That set, put in force.
    SetInForce,
    Contacts,
    AllMessages,
    OneMessage,
    Attachments,
    SentMail,
    /// The same by way of a search through all folders.
    SentMailThatWasFound,
    SentMailToTrash,
    SentFolder,
}

/// Whom mail goes to by a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leads {
    Outside,
    Inside,
}

impl Move {
    const ALL: [Self; 15] = [
        Self::Identity,
        Self::Filter,
        Self::Forward,
        Self::OutOfOffice,
        Self::Script,
        Self::SetInForce,
        Self::Contacts,
        Self::AllMessages,
        Self::OneMessage,
        Self::Attachments,
        Self::SentMailThatWasFound,
        Self::SentMailToTrash,
        Self::SentMail,
        Self::SentFolder,
        // Afterwards the mail server knows the session's password no more.
        Self::Password,
    ];

    /// Those that are about where mail goes.
    const AIMED: [Self; 5] = [Self::Identity, Self::Filter, Self::Forward, Self::OutOfOffice, Self::Script];

    /// Those that are not made without a proof; the others only make the next dearer.
    const PROVED: [Self; 7] = [
        Self::Identity,
        Self::Filter,
        Self::Forward,
        Self::OutOfOffice,
        Self::Script,
        Self::SetInForce,
        Self::Password,
    ];

    /// Asks Roundcube for it, as its own pages do.
    async fn make(self, at: &mut Roundcube, who: &Person, leads: Leads) -> Answer {
        let token = at.token.clone();
        let (domain, own) = match leads {
            Leads::Outside => ("elsewhere.example", "dean@elsewhere.example".to_owned()),
            Leads::Inside => ("campus.example", who.address()),
        };
        let (answers, out) = (format!("answers@{domain}"), format!("out@{domain}"));
        let reason = format!("Write to boss@{domain}.");
        match self {
            Self::Identity => {
                let id = at.compose("").await.identity;
                let fields = [("_iid", id.as_str()), ("_name", "The Dean"), ("_email", &own), ("_reply-to", &answers)];
                framed(at, "save-identity", &fields).await
            }
            Self::Filter => {
                // The page of filters, which makes the first set of them.
                at.http.get("/?_task=settings&_action=plugin.managesieve").await;
                let fields = [
                    ("_fid", ""),
                    ("_name", domain),
                    ("_enabled", "1"),
                    ("_join", "anyof"),
                    ("_header[0]", "subject"),
                    ("_custom_header[0]", ""),
                    ("_rule_op[0]", "contains"),
                    ("_rule_target[0][]", "invoice"),
                    ("_action_type[0]", "redirect"),
                    ("_action_target[0]", &out),
                ];
                framed(at, "plugin.managesieve-save", &fields).await
            }
            Self::Forward => {
                let fields = [
                    ("forward_action", "copy"),
                    ("action_target", out.as_str()),
                    ("action_domain", ""),
                    ("forward_status", "on"),
                ];
                at.ajax_post("/?_task=settings&_action=plugin.managesieve-forward", &fields).await
            }
            Self::OutOfOffice => {
                let fields = [
                    ("vacation_subject", "Away"),
                    ("vacation_reason", reason.as_str()),
                    ("vacation_status", "on"),
                    ("vacation_from", ""),
                    ("vacation_action", "keep"),
                ];
                at.ajax_post("/?_task=settings&_action=plugin.managesieve-vacation", &fields).await
            }
            Self::Script => {
                at.http.get("/?_task=settings&_action=plugin.managesieve").await;
                let script = format!("require [\"copy\"];\r\nredirect :copy \"{out}\";\r\n");
                let fields = [("_set", "raw"), ("_seteditraw", "1"), ("rawsetcontent", script.as_str())];
                framed(at, "plugin.managesieve-saveraw", &fields).await
            }
            Self::SetInForce => {
                let fields = [("_act", "setact"), ("_set", "raw")];
                at.ajax_post("/?_task=settings&_action=plugin.managesieve-action", &fields).await
            }
            Self::Password => {
                let password = who.password.clone();
                let fields = [
                    ("_token", token.as_str()),
                    ("_curpasswd", &password),
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
            Self::OneMessage => {
                let source = "/?_task=mail&_action=viewsource&_uid=1&_mbox=Sent&_save=1&_token=";
                at.http.get(&format!("{source}{token}")).await
            }
            Self::Attachments => {
                let zip = "/?_task=mail&_action=plugin.zipdownload.attachments&_uid=1&_mbox=Sent&_token=";
                at.http.get(&format!("{zip}{token}")).await
            }
            Self::SentMail => {
                let fields = [("_uid", "1"), ("_mbox", "Sent")];
                at.ajax_post("/?_task=mail&_action=delete", &fields).await
            }
            Self::SentMailThatWasFound => {
                let fields = [("_uid[]", "1-Sent"), ("_mbox", "INBOX"), ("_search", "x")];
                at.ajax_post("/?_task=mail&_action=delete", &fields).await
            }
            Self::SentMailToTrash => {
                let fields = [("_uid", "1"), ("_mbox", "Sent"), ("_target_mbox", "Trash")];
                at.ajax_post("/?_task=mail&_action=move", &fields).await
            }
            Self::SentFolder => at.ajax_post("/?_task=settings&_action=folder-purge", &[("_mbox", "Sent")]).await,
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
            Self::Filter | Self::Script | Self::SetInForce => text.contains("managesieve_updatelist("),
            Self::Password => text.contains("Successfully saved."),
            Self::Contacts | Self::AllMessages | Self::OneMessage | Self::Attachments => attached,
            Self::SentMail | Self::SentMailThatWasFound | Self::SentMailToTrash | Self::SentFolder => {
                answer.status == StatusCode::OK
                    && ["delete", "move", "folder-purge"]
                        .iter()
                        .any(|of| text.contains(&format!("\"action\":\"{of}\"")))
                    && !text.contains("Reference code")
            }
        }
    }

    /// What the operator must see of it, so that it can be undone.
    const fn target(self) -> &'static str {
        match self {
            Self::Identity => "dean@elsewhere.example",
            Self::Filter | Self::Forward => "out@elsewhere.example",
            Self::OutOfOffice => "boss@elsewhere.example",
            Self::Script => "out@elsewhere.example",
            Self::AllMessages
            | Self::OneMessage
            | Self::Attachments
            | Self::SentMail
            | Self::SentMailThatWasFound
            | Self::SentMailToTrash
            | Self::SentFolder => "folder Sent",
            Self::Password | Self::Contacts | Self::SetInForce => "",
        }
    }
}

/// A form of the settings, posted into its frame.
async fn framed(at: &mut Roundcube, action: &str, fields: &[(&str, &str)]) -> Answer {
    let of_all = [("_token", at.token.as_str()), ("_task", "settings"), ("_action", action), ("_framed", "1")];
    let mut request = at.http.request(Method::POST, "/", form(&[&of_all, fields].concat()).into());
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

async fn gateway(stack: &Stack, weight: u32) -> Gateway {
    let settings = Settings {
        listen: "forwarded_from = [\"127.0.0.0/8\"]\n".to_owned(),
        sections: by_country(weight),
        ..Settings::new()
    };
    Gateway::start(stack.web(), &settings.unguarded()).await
}

/// Somebody at a browser in another country, with the password.
async fn abroad(gateway: &Gateway, who: &Person) -> Roundcube {
    let mut client = gateway.client();
    client.header("x-forwarded-for", ABROAD);
    Roundcube::sign_in(client, who).await.expect("what speaks against it stops nothing by itself")
}

fn flags_of(gateway: &Gateway, who: &Person) -> Vec<serde_json::Value> {
    let mut raised = gateway.events_of("flag_raised");
    raised.retain(|event| event["account"] == who.name.as_str());
    raised
}

/// The flag shows the move and what it was about, so that it can be undone.
async fn stands_on_the_flag(gateway: &Gateway, made: Move, who: &Person) {
    until(&format!("{made:?} stands on the flag"), 10, async || {
        let code = flags_of(gateway, who).first()?["reference"].as_str()?.to_owned();
        let shown = gateway.command(&["flag", "show", &code]);
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        (shown.contains(", stopped\n") && shown.contains(made.target())).then_some(())
    })
    .await;
}

/// What stays within the house is left alone, whoever does it.
async fn makes_all_within(at: &mut Roundcube, who: &Person) {
    for made in Move::AIMED {
        let answer = made.make(at, who, Leads::Inside).await;
        assert!(made.reached_roundcube(&answer), "{made:?} within: {} {}", answer.status, answer.text());
    }
}

#[tokio::test]
async fn moves_are_left_alone_in_an_ordinary_session_and_held_back_in_a_flagged_one() {
    let stack = Stack::shared();
    let gateway = gateway(stack, FLAGS).await;
    let owner = somebody(stack, &gateway).await;
    let mut home = Roundcube::sign_in(gateway.client(), &owner).await.expect("the password is right");
    for made in Move::ALL {
        let answer = made.make(&mut home, &owner, Leads::Outside).await;
        assert!(made.reached_roundcube(&answer), "{made:?} at home: {} {}", answer.status, answer.text());
    }
    assert_eq!(gateway.events_of("action_refused"), Vec::<serde_json::Value>::new());
    assert_eq!(flags_of(&gateway, &owner), Vec::<serde_json::Value>::new());

    for made in Move::ALL {
        // Each by a person of its own: after one of them the session does no other.
        let victim = somebody(stack, &gateway).await;
        let mut thief = abroad(&gateway, &victim).await;
        until("the flag", 10, async || flags_of(&gateway, &victim).pop()).await;
        if made == Move::ALL[0] {
            makes_all_within(&mut thief, &victim).await;
        }
        let answer = made.make(&mut thief, &victim, Leads::Outside).await;
        assert!(!made.reached_roundcube(&answer), "{made:?} by a thief: {} {}", answer.status, answer.text());
        let listed = thief.http.get("/?_task=mail&_action=list&_mbox=INBOX&_remote=1").await;
        assert_eq!(listed.status, StatusCode::OK, "it still reads");
        stands_on_the_flag(&gateway, made, &victim).await;
    }
}

#[tokio::test]
async fn a_watched_session_is_held_back_from_what_lets_mail_out_or_the_owner_in_trouble() {
    let stack = Stack::shared();
    let gateway = gateway(stack, IS_WATCHED).await;
    for made in Move::ALL {
        let is_proved = Move::PROVED.contains(&made);
        let victim = somebody(stack, &gateway).await;
        let mut thief = abroad(&gateway, &victim).await;
        if made == Move::ALL[0] {
            makes_all_within(&mut thief, &victim).await;
        }
        assert_eq!(flags_of(&gateway, &victim), Vec::<serde_json::Value>::new(), "nothing that anybody is told of");
        let answer = made.make(&mut thief, &victim, Leads::Outside).await;
        assert_ne!(made.reached_roundcube(&answer), is_proved, "{made:?}: {} {}", answer.status, answer.text());
        if is_proved {
            stands_on_the_flag(&gateway, made, &victim).await;
            // Nobody here has a second proof: the move waits, however often it is tried, and the rest goes on.
            let again = made.make(&mut thief, &victim, Leads::Outside).await;
            assert!(!made.reached_roundcube(&again), "{made:?} again: {} {}", again.status, again.text());
            if made != Move::ALL[0] {
                makes_all_within(&mut thief, &victim).await;
            }
        } else {
            assert_eq!(flags_of(&gateway, &victim), Vec::<serde_json::Value>::new(), "it only makes the next dearer");
        }
    }
}

#[tokio::test]
async fn a_message_that_wants_its_answers_outside_is_held_back_only_where_much_stands_against_its_session() {
    let stack = Stack::shared();
    let asks_for_answers = |reply_to: &'static str| Message {
        to: "somebody@elsewhere.example",
        reply_to,
        subject: "Hello",
        body: "Hello.",
        ..Message::default()
    };
    let (outside, inside) = (asks_for_answers("boss@elsewhere.example"), asks_for_answers("office@campus.example"));

    let watching = gateway(stack, IS_WATCHED).await;
    let person = somebody(stack, &watching).await;
    let mut home = Roundcube::sign_in(watching.client(), &person).await.expect("the password is right");
    assert!(home.send(&outside).await.says_sent(), "by its owner at home");
    let mut traveller = abroad(&watching, &person).await;
    assert!(traveller.send(&inside).await.says_sent());
    assert!(traveller.send(&outside).await.says_sent(), "it only makes the next dearer");
    assert_eq!(flags_of(&watching, &person), Vec::<serde_json::Value>::new());

    let flagging = gateway(stack, FLAGS).await;
    let victim = somebody(stack, &flagging).await;
    let mut thief = abroad(&flagging, &victim).await;
    until("the flag", 10, async || flags_of(&flagging, &victim).pop()).await;
    assert!(thief.send(&inside).await.says_sent(), "a flag alone stops nothing");
    let answer = thief.send(&outside).await;
    assert!(!answer.says_sent(), "{}", answer.text());
    let refused = flagging.event("send_refused").await;
    assert!(refused["signals"].to_string().contains("answers_elsewhere"), "{refused}");
}

#[tokio::test]
async fn a_stolen_cookie_lets_no_mail_out_though_it_shows_the_same_browser() {
    let stack = Stack::shared();
    let gateway = gateway(stack, IS_WATCHED).await;
    let owner = somebody(stack, &gateway).await;
    let mut home = Roundcube::sign_in(gateway.client(), &owner).await.expect("the password is right");
    let answer = Move::Forward.make(&mut home, &owner, Leads::Outside).await;
    assert!(Move::Forward.reached_roundcube(&answer), "at home: {} {}", answer.status, answer.text());

    let mut thief = home;
    thief.http.header("x-forwarded-for", ABROAD);
    makes_all_within(&mut thief, &owner).await;
    assert_eq!(flags_of(&gateway, &owner), Vec::<serde_json::Value>::new());
    let answer = Move::Filter.make(&mut thief, &owner, Leads::Outside).await;
    assert!(!Move::Filter.reached_roundcube(&answer), "abroad: {} {}", answer.status, answer.text());
    stands_on_the_flag(&gateway, Move::Filter, &owner).await;
}
