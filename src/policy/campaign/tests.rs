//! What stays the same when a text is varied, and what does not.

use proptest::prelude::*;

use super::sketch::{Message, PLACES, Sketcher};
use crate::domain::{Composed, Feature, FeatureKind, KeyRing, Secret};

fn keys() -> KeyRing {
    KeyRing::new(&[Secret::new([7; 32])])
}

fn features(composed: &Composed, recipients: u32, files: &[[u8; 32]]) -> Vec<Feature> {
    let keys = keys();
    let own_domains = ["campus.example".to_owned()];
    let message = Message { composed, recipients, files, own_domains: &own_domains, site: "webmail.campus.example" };
    Sketcher::new(&keys).features(&keys, &message)
}

fn text(text: &str) -> Option<Feature> {
    let composed = Composed { text: text.to_owned(), ..Composed::default() };
    features(&composed, 9, &[]).into_iter().find(|feature| feature.kind == FeatureKind::Text)
}

/// Whether a store would find one by the other.
fn found(one: &Feature, other: &Feature) -> bool {
    one.traces.iter().any(|trace| other.traces.contains(trace)) && one.is_like(other)
}

const SPAM: &str = "We noticed unusual activity on your mailbox and have limited some of its functions. To restore full \
    access you need to confirm your details within the next day. Please follow the link below and sign in with your name \
    and password. If you do not confirm, your mailbox will be closed and all of your messages will be deleted without \
    further notice.";

const OTHERS: &[&str] = &[
    "The reading for next week is chapter four of the textbook and the article on migration in early modern towns. Please \
     write a page on the question that interests you most, and bring it to the seminar, where we will discuss some of them \
     together before we turn to the sources.",
    "Thank you for sending the revised figures. I looked at the second table once more and believe that the totals for the \
     spring term do not include the guest students, which would explain the difference to the numbers of the registry that \
     you mentioned on the telephone.",
    "We would like to invite you to the farewell of our colleague on Friday afternoon in the old library. There will be coffee \
     and cake, some speeches and music by the chamber choir. If you would like to contribute to the present, please write to \
     the secretary until Wednesday.",
    "Hiermit bewerbe ich mich um die ausgeschriebene Stelle als wissenschaftliche Mitarbeiterin in Ihrem Projekt. Ich habe \
     mein Studium im Sommer abgeschlossen und mich in meiner Arbeit mit der Auswertung von Satellitenbildern beschäftigt, \
     wozu ich eigene Programme geschrieben habe.",
];

#[test]
fn unrelated_texts_have_nothing_in_common_and_short_ones_tell_nothing() {
    let spam = text(SPAM).expect("a sketch");
    assert_eq!(spam.sketch.len(), PLACES);
    for (place, one) in OTHERS.iter().enumerate() {
        let sketch = text(one).expect("a sketch");
        assert!(!found(&spam, &sketch), "{one}");
        for other in &OTHERS[place + 1..] {
            assert!(!sketch.is_like(&text(other).expect("a sketch")), "{one} {other}");
        }
    }
    for short in ["", "ok, thanks", "Yes, nine o'clock is fine with me. See you tomorrow!", "Sent from my telephone"] {
        assert_eq!(text(short), None, "{short}");
    }
}

#[test]
fn a_text_in_html_is_the_text() {
    let html = format!(
        "<html><head><style>p {{ color: red }}</style></head><body><p>Dear customer,</p><p>{}</p><p style=\"display:none\">{}</p></body>",
        SPAM.replace("mailbox", "<b>mail</b>box").replace("password", "pass&#119;ord"),
        OTHERS[0],
    );
    let composed = Composed { text: html, is_html: true, ..Composed::default() };
    let sketch = features(&composed, 9, &[]).remove(0);
    assert!(found(&text(SPAM).expect("a sketch"), &sketch));
}

#[test]
fn without_the_key_nothing_can_be_tried_and_two_sites_share_nothing() {
    let composed = Composed { text: SPAM.to_owned(), ..Composed::default() };
    let of = |key: u8, site: &str| {
        let keys = KeyRing::new(&[Secret::new([key; 32])]);
        let message = Message { composed: &composed, recipients: 1, files: &[], own_domains: &[], site };
        Sketcher::new(&keys).features(&keys, &message).remove(0)
    };
    let feature = of(1, "a.example");
    assert_eq!(feature, of(1, "a.example"));
    for other in [of(2, "a.example"), of(1, "b.example")] {
        assert!(!feature.traces.iter().any(|trace| other.traces.contains(trace)));
    }
    assert!(!feature.is_like(&of(2, "a.example")));
    assert_eq!(format!("{:?}", Sketcher::new(&keys())), "Sketcher");
}

#[test]
fn links_addresses_and_files_are_features_unless_they_are_the_houses_own_or_everybodys() {
    let kinds = |composed: &Composed, files: &[[u8; 32]]| {
        let features = features(composed, 1, files);
        features.iter().map(|feature| feature.kind).collect::<Vec<_>>()
    };
    let written = |text: &str, reply_to: &str, from: &str| Composed {
        text: text.to_owned(),
        reply_to: reply_to.to_owned(),
        from: from.to_owned(),
        ..Composed::default()
    };
    use FeatureKind::{File, Link, Reply};
    for (composed, files, expected) in [
        (written("https://a.evil.example/1 http://b.evil.example/2", "", ""), &[][..], &[Link][..]),
        (written("https://www.campus.example/ https://docs.google.com/x", "", "a@campus.example"), &[], &[]),
        (written("", "", "Boss <boss@bank.example>"), &[], &[Reply]),
        (written("", "x@evil.example", "a@campus.example"), &[], &[Reply]),
        (written("", "office@x.campus.example", "boss@bank.example"), &[], &[]),
        (written("", "", ""), &[[1; 32], [1; 32], [2; 32]], &[File, File]),
        (written(&(0..99).map(|n| format!("https://h{n}.example/ ")).collect::<String>(), "", ""), &[], &[Link; 4]),
    ] {
        assert_eq!(kinds(&composed, files), expected, "{composed:?}");
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whoever_varies_names_numbers_spaces_letters_and_links_sends_the_same(
        name in "[A-Z][a-z]{3,9}", number in 0..1_000_000_u32, gap in "[ \t\n]{1,3}", look_alike: bool, invisible: bool, host in "[a-z]{4,9}",
    ) {
        let spam = |name: &str, number: u32, host: &str| {
            let text = format!("Dear {name},\n{SPAM} Your number, {name}, is {number}: https://{host}.example/in?u={number}&utm_source={host}");
            let to = format!("{name} <{name}@x.example>");
            Composed { text, to, ..Composed::default() }
        };
        let mut varied = spam(&name, number, &host);
        varied.text = varied.text.split(' ').collect::<Vec<_>>().join(&gap);
        if look_alike {
            varied.text = varied.text.replace('a', "а").replace('o', "о").replace("ac", "ас");
        }
        if invisible {
            varied.text = varied.text.replace('e', "e\u{200b}").replace('u', "u\u{ad}");
        }
        let plain = features(&spam("Nobody", 1, "other"), 9, &[]).remove(0);
        let varied = features(&varied, 9, &[]).remove(0);
        prop_assert_eq!(varied.kind, FeatureKind::Text);
        prop_assert!(found(&plain, &varied));
    }

    #[test]
    fn a_text_with_every_twelfth_word_replaced_is_the_same(begin in 0..12_usize, other in "[a-z]{5,9}") {
        let mut all = words(SPAM);
        all.iter_mut().skip(begin).step_by(12).for_each(|word| other.clone_into(word));
        let (plain, varied) = (text(SPAM).expect("a sketch"), text(&all.join(" ")).expect("a sketch"));
        prop_assert!(plain.is_like(&varied));
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "(?s).{0,400}", is_html: bool, typed in "(?s).{0,80}") {
        let composed = Composed { text, is_html, to: typed.clone(), reply_to: typed, ..Composed::default() };
        let _features = features(&composed, 1, &[]);
    }
}
