//! For each rule the attack, and the innocent requests that resemble it.

use proptest::prelude::*;

use super::super::testing::Request;
use super::serialized::{Wanted, passes};
use super::*;

const WEBMAIL: &SquirrelMail = &SquirrelMail;

/// One attached file as `serialize` writes what the compose page holds of it.
fn attached(local_name: &str, file_name: &str) -> String {
    let text = |text: &str| format!("s:{}:\"{text}\";", text.len());
    let fields = [
        ("rfc822_header", text("")),
        (
            "mime_header",
            format!(
                "O:13:\"MessageHeader\":3:{{s:5:\"type0\";s:4:\"text\";s:10:\"parameters\";a:1:{{s:4:\"name\";{}}}\
                 s:11:\"disposition\";O:11:\"Disposition\":2:{{s:4:\"name\";s:10:\"attachment\";\
                 s:10:\"properties\";a:1:{{s:8:\"filename\";{}}}}}}}",
                text(file_name),
                text(file_name)
            ),
        ),
        ("entities", "a:0:{}".to_owned()),
        ("parent_ent", "N;".to_owned()),
        ("is_seen", "b:0;".to_owned()),
        ("offset", "i:-1;".to_owned()),
        ("parent", "r:1;".to_owned()),
        ("att_local_name", text(local_name)),
    ];
    let fields: String = fields.iter().map(|(name, value)| format!("{}{value}", text(name))).collect();
    format!("a:1:{{i:0;O:7:\"Message\":8:{{{fields}}}}}")
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn refused(request: Request<'_>) -> Option<&'static str> {
    request.asked_of(WEBMAIL).err().map(|unnatural| unnatural.rule)
}

const NAME: &str = "aB3dEfGh1jKlMn0pQrStUvWxYz012345";

#[test]
fn real_attachments_pass_however_the_version_encodes_them() {
    for file_name in
        ["report.pdf", "Übersicht 2026 (1).xlsx", "C++ notes.txt", "100%25 sure.txt", "50%.txt", "a\"b';{}O:1.txt", ""]
    {
        let plain = attached(NAME, file_name);
        assert!(passes(plain.as_bytes(), Wanted::Attachments), "{plain}");
        let twice = encoded(&plain);
        assert!(passes(twice.as_bytes(), Wanted::Attachments), "{twice}");
        for value in [encoded(&plain), encoded(&twice)] {
            let body =
                format!("smtoken=x&send_to=a@b&subject=x&body=O:8:%22stdClass%22:0:{{}}&send=Send&attachments={value}");
            assert_eq!(refused(Request::post("/src/compose.php", &body)), None, "{body}");
        }
    }
    for nothing in ["", "a:0:{}"] {
        assert!(passes(nothing.as_bytes(), Wanted::Attachments), "{nothing}");
    }
}

#[test]
fn objects_and_paths_of_an_attackers_choice_do_not() {
    let evil = "O:13:\"Monolog_Thing\":1:{s:1:\"x\";i:1;}";
    let mut attacks = vec![
        evil.to_owned(),
        format!("a:1:{{i:0;{evil}}}"),
        format!("a:1:{{i:0;C:11:\"ArrayObject\":21:{{x:i:0;a:0:{{}};m:a:0:{{}}}}}}"),
        "a:1:{i:0;E:7:\"Foo:Bar\";}".to_owned(),
        "a:1:{i:0;O:+7:\"Message\":0:{}}".to_owned(),
        "a:1:{i:0;O:07:\"Message\":0:{}}".to_owned(),
        "a:1:{i:0;O:7:\"message\":0:{}}".to_owned(),
        "a:1:{i:0;O:7:\"Message\":1:{s:3:\"\0*\0\";i:1;}}".to_owned(),
        "a:1:{i:0;i:1;}x".to_owned(),
        "a:1:{i:0;i:1;".to_owned(),
        "a:2:{i:0;i:1;}".to_owned(),
        "a:1:{O:7:\"Message\":0:{}i:1;}".to_owned(),
        "s:1:\"x\";".to_owned(),
        attached("../../../../etc/passwd0000000000", "x"),
        attached("short", "x"),
        attached(NAME, "x").replace(&format!("s:32:\"{NAME}\";"), "N;"),
        attached(NAME, "x").replace("parent_ent\";N;", &format!("parent_ent\";{evil}")),
        "a:1:{i:0;".repeat(40) + "i:1;" + &"}".repeat(40),
        // Harmless as it stands, and not once it is decoded again; and the other way round.
        format!("a:1:{{i:0;s:{}:\"%22;i:1;{}\";}}", 10 + encoded(evil).len() - 3, encoded(evil)),
    ];
    let harmless = encoded("a:1:{i:0;i:1;}");
    attacks.push(format!("{harmless}{evil}"));
    for attack in &attacks {
        assert!(!passes(attack.as_bytes(), Wanted::Attachments), "{attack}");
        let twice = encoded(attack);
        assert!(!passes(twice.as_bytes(), Wanted::Attachments), "{twice}");
        for value in [encoded(attack), encoded(&twice)] {
            let body = format!("smtoken=x&send_to=a@b&subject=x&body=y&attachments={value}");
            assert_eq!(refused(Request::post("/src/compose.php", &body)), Some("hole:attachments"), "{attack}");
            let url = format!("/src/compose.php?mailtodata={value}");
            assert_eq!(refused(Request::get(&url)), Some("hole:mailto"), "{attack}");
        }
    }
    let body = "smtoken=x&attachments[]=x";
    assert_eq!(refused(Request::post("/src/compose.php", body)), Some("hole:attachments"));
}

#[test]
fn links_to_people_pass_and_links_to_objects_do_not() {
    let link = "a:3:{s:4:\"body\";s:10:\"O:1:\"x\":0:\";s:2:\"to\";s:7:\"a@b.edu\";s:2:\"cc\";a:1:{i:0;s:3:\"c@d\";}}";
    for page in ["compose", "login", "redirect", "webmail"] {
        let url = format!("/src/{page}.php?right_frame=compose.php&mailtodata={}", encoded(link));
        assert_eq!(refused(Request::get(&url)), None, "{url}");
        let url = format!("/src/{page}.php?mailtodata={}", encoded(&attached(NAME, "x")));
        assert_eq!(refused(Request::get(&url)), Some("hole:mailto"), "a link has no objects at all");
    }
    assert_eq!(refused(Request::get("/src/login.php?mailtodata=")), None);
}

#[test]
fn addresses_that_are_arguments_of_the_mail_program_are_refused() {
    for (address, passes) in [
        ("alice%40example.edu", true),
        ("+alice%2Bx%40example.edu+", true),
        ("o%27brien-x%40example.edu", true),
        ("", true),
        ("a%40b%09-C/tmp/x%09-X", false),
        ("a%40b+-OQueueDirectory%3D/tmp", false),
        ("+-C/tmp/x", false),
        ("a%40b%0abcc:c@d", false),
        ("a%40b%00", false),
    ] {
        let personal = format!(
            "smtoken=x&optpage=personal&optmode=submit&new_full_name=A+B&new_email_address={address}&new_signature=x%0Ay"
        );
        let found = refused(Request::post("/src/options.php", &personal));
        assert_eq!(found, (!passes).then_some("hole:address"), "{address}");
        let identities = format!(
            "smtoken=x&newidentities[0][full_name]=A+B%09C&newidentities%5B0%5D%5Bemail_address%5D={address}&\
             newidentities[0][signature]=x%0Ay&smaction[save][0]=x"
        );
        let found = refused(Request::post("/src/options_identities.php", &identities));
        assert_eq!(found, (!passes).then_some("hole:identity-address"), "{address}");
    }
    let hidden = "newidentities[0][email_address=a%09b";
    assert_eq!(refused(Request::post("/src/options_identities.php", hidden)), Some("hole:identity-address"));
}

#[test]
fn the_version_stands_on_the_sign_in_page_unless_it_is_hidden() {
    let version = |page: &str| WEBMAIL.version(page).map(|version| version.to_string());
    assert_eq!(version("<small>SquirrelMail version 1.4.23 [SVN]<br />").as_deref(), Some("1.4.23"));
    for none in ["", "SquirrelMail version", "SquirrelMail version 1.", "SquirrelMail version 1.x.y"] {
        assert_eq!(version(none), None, "{none}");
    }
}

/// What `serialize` writes of arrays, texts and numbers.
fn serialised() -> impl Strategy<Value = Vec<u8>> {
    let text = proptest::collection::vec(any::<u8>(), 0..20)
        .prop_map(|text| [format!("s:{}:\"", text.len()).as_bytes(), &text, b"\";"].concat());
    let leaf = prop_oneof![
        4 => text,
        1 => any::<i64>().prop_map(|number| format!("i:{number};").into_bytes()),
        1 => any::<bool>().prop_map(|yes| format!("b:{};", u8::from(yes)).into_bytes()),
        1 => Just(b"N;".to_vec()),
        1 => proptest::num::f64::NORMAL.prop_map(|number| format!("d:{number};").into_bytes()),
    ];
    let value = leaf.prop_recursive(4, 32, 4, |inner| proptest::collection::vec(inner, 0..4).prop_map(array));
    proptest::collection::vec(value, 0..4).prop_map(array)
}

fn array(members: Vec<Vec<u8>>) -> Vec<u8> {
    let count = members.len();
    let members = members.into_iter().enumerate();
    let members = members.flat_map(|(key, member)| [format!("i:{key};").into_bytes(), member].concat());
    [format!("a:{count}:{{").into_bytes(), members.collect(), b"}".to_vec()].concat()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_serialize_writes_of_plain_things_passes_and_nothing_of_it_that_was_cut(
        text in serialised(), cut in any::<proptest::sample::Index>(),
    ) {
        // Texts of any bytes may name a class once they are decoded; that is the one thing that does not pass.
        let named = text.windows(2).any(|two| b"OoCE".contains(&two[0]) && two[1] == b':') || text.contains(&b'%');
        for wanted in [Wanted::Plain, Wanted::Attachments] {
            prop_assert!(named || passes(&text, wanted));
            let cut = &text[..cut.index(text.len())];
            prop_assert!(cut.is_empty() || !passes(cut, wanted));
        }
    }

    #[test]
    fn an_object_in_it_never_passes_where_none_is_wanted(
        text in serialised(), at in any::<proptest::sample::Index>(),
    ) {
        let places: Vec<usize> = (0..text.len()).filter(|&at| text[at..].starts_with(b"N;")).collect();
        prop_assume!(!places.is_empty());
        let at = places[at.index(places.len())];
        let with = [&text[..at], b"O:3:\"Foo\":0:{}", &text[at + 2..]].concat();
        // Within a text it is text, and the text's length is wrong.
        prop_assert!(!passes(&with, Wanted::Plain));
        prop_assert!(!passes(&with, Wanted::Attachments));
    }
}
