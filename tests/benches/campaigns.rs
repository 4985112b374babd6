//! What finding out costs whether a message belongs to a campaign: the sketch of its text, before the store is asked.
//!
//! ```text
//! cargo run --release --example campaigns
//! ```

use std::time::{Duration, Instant};

use mailward::domain::{Composed, KeyRing, Secret};
use mailward::policy::campaign::{Message, Sketcher};

/// Messages of each kind that are measured.
const MESSAGES: usize = 200;

fn main() {
    let keys = KeyRing::new(&[Secret::new([7; 32])]);
    let sketcher = Sketcher::new(&keys);
    let words = |many: usize| (0..many).map(|number| format!("word{} ", letters(number))).collect::<String>();
    let html = |many: usize| format!("<p>{}</p>", words(many).replace(" ", " <b style=\"color: red\">x</b> "));
    for (name, text, is_html) in [
        ("a short message of 12 words", words(12), false),
        ("one of 120 words", words(120), false),
        ("the same in HTML", html(120), true),
        ("one of 1,500 words", words(1_500), false),
        ("1 MiB of words", words(120_000), false),
        ("1 MiB of HTML", html(30_000), true),
        ("1 MiB of tags", "<b>".repeat((1 << 20) / 3), true),
        ("1 MiB of tags that are never closed", "<a \"".repeat(1 << 18), true),
        ("1 MiB of ampersands", "&".repeat(1 << 20), true),
        ("1 MiB of dashes in lines of their own", "-- \n".repeat(1 << 18), false),
        ("1 MiB without a space", "x".repeat(1 << 20), false),
    ] {
        let composed = Composed { text, is_html, to: "bob@x.example".to_owned(), ..Composed::default() };
        let message = Message { composed: &composed, recipients: 1, files: &[], own_domains: &[], site: "a.example" };
        let mut took: Vec<Duration> = (0..MESSAGES)
            .map(|_| {
                let began = now();
                std::hint::black_box(sketcher.features(&keys, &message));
                began.elapsed()
            })
            .collect();
        took.sort_unstable();
        let at = |percent: usize| took[(took.len() - 1) * percent / 100].as_micros();
        println!("{name} ({} KiB): {} µs (median), {} µs (99 of 100)", composed.text.len() / 1024, at(50), at(99));
    }
}

/// A number in letters: words with digits are one word.
fn letters(mut number: usize) -> String {
    let mut word = String::new();
    while number > 0 {
        word.push(char::from(b'a' + u8::try_from(number % 26).unwrap_or(0)));
        number /= 26;
    }
    word
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn now() -> Instant {
    Instant::now()
}
