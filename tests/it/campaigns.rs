//! Pairs of runs of messages that resemble each other, and what each comes to: the table of `docs/campaigns.md`.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::Duration;

use mailward::config::Risk;
use mailward::domain::{
    Account, CampaignStatus, Composed, KeyRing, Prefix, Reach, Reference, Secret, SessionHash, Sighting, Timestamp,
    Verdict,
};
use mailward::policy::campaign::{Message, Sketcher, judge};
use mailward::policy::content::{self, Known};
use mailward::store::embedded::Embedded;
use mailward::store::{Seen, Sightings as _};

use crate::store::{SETTINGS, at, run};

const SITE: &str = "webmail.campus.example";

/// A store, and what is asked of it for each message.
struct World {
    store: Embedded,
    keys: KeyRing,
    sketcher: Sketcher,
    sent: u32,
    codes: u64,
}

/// Who sends.
#[derive(Clone, Copy)]
struct Who {
    account: usize,
    familiar: bool,
    reach: Reach,
}

struct Mail {
    who: Who,
    composed: Composed,
    file: Option<u8>,
}

impl World {
    fn new() -> Self {
        let keys = KeyRing::new(&[Secret::new([7; 32])]);
        let sketcher = Sketcher::new(&keys);
        let store = Embedded::open_scratch(at(0), SETTINGS).expect("it opens");
        Self { store, keys, sketcher, sent: 0, codes: 0 }
    }

    fn now(&self) -> Timestamp {
        at(u64::from(self.sent) * 60)
    }

    fn send(&mut self, mail: &Mail) -> Verdict {
        self.sent += 1;
        let now = self.now();
        let Who { account, familiar, reach } = mail.who;
        let sighting = Sighting {
            site: SITE.into(),
            account: Account::from_canonical(&format!("account{account}")),
            session: SessionHash([u8::try_from(account).expect("few accounts"); 16]),
            prefix: Prefix::of([203, 0, 113, 9].into()),
            country: None,
            familiar,
            reach,
            recipients: 2,
            outside: if reach == Reach::Outside { 2 } else { 0 },
            message: self.sent,
        };
        let files: Vec<[u8; 32]> = mail.file.iter().map(|file| [*file; 32]).collect();
        let own_domains = ["campus.example".to_owned()];
        let composed = &mail.composed;
        let message = Message { composed, recipients: 2, files: &files, own_domains: &own_domains, site: SITE };
        let mut code = || {
            self.codes += 1;
            Reference::from_random(self.codes)
        };
        let features =
            self.sketcher.features(&self.keys, &message).into_iter().map(|feature| (feature, code())).collect();
        let seen = Seen { sighting: sighting.clone(), features, until: now.after(Duration::from_secs(12 * 3600)) };
        let campaigns = run(self.store.see(&seen, now)).expect("it answers");
        let judgement = judge(&campaigns, &sighting, &Risk::default());
        content::judge(judgement.signals, &Risk::default(), Known::default()).verdict
    }

    /// Of the campaign that began first.
    fn settle(&self, status: CampaignStatus) {
        let settled = run(self.store.settle_campaign(&Reference::from_random(1), status, self.now()));
        assert!(settled.expect("it answers").is_some_and(|(_, changed)| changed));
    }
}

const STRANGER: Who = Who { account: 0, familiar: false, reach: Reach::Outside };
const OWNER: Who = Who { account: 0, familiar: true, reach: Reach::Outside };

/// Of so many people, each so many messages, one after the other in turn.
fn of(people: usize, each: usize, who: Who, mut mail: impl FnMut(usize) -> (Composed, Option<u8>)) -> Vec<Mail> {
    (0..people * each)
        .map(|number| {
            let (composed, file) = mail(number);
            Mail { who: Who { account: number % people, ..who }, composed, file }
        })
        .collect()
}

fn written(text: String) -> (Composed, Option<u8>) {
    (Composed { text, ..Composed::default() }, None)
}

const NAMES: [&str; 10] =
    ["Bob", "Carol", "Dieter", "Elena", "Fatima", "Goran", "Hans-Peter", "Ines", "Jürgen", "Katarzyna"];

fn fraud(number: usize) -> String {
    let name = NAMES[number % 10];
    format!(
        "Dear {name},\n\nI represent a family foundation that has chosen you as one of the people who receive a donation of \
         {}00,000 dollars this year. Nothing is asked of you but to confirm that you are willing to use it well. Please write \
         to the lawyer of the foundation and give the reference {}, your full name and your telephone number, so that the \
         transfer can be arranged before the end of the month.\n\nWith kind regards,\n{name}son",
        number + 3,
        7919 * (number + 1),
    )
}

/// Different every time: the words of each are drawn from a list by its number.
fn unlike(number: usize) -> String {
    const WORDS: [&str; 64] = [
        "river", "bank", "seven", "letter", "window", "green", "paper", "morning", "answer", "garden", "music",
        "stone", "winter", "bread", "silver", "corner", "mother", "island", "summer", "orange", "doctor", "market",
        "simple", "bridge", "mountain", "horse", "yellow", "kitchen", "number", "travel", "story", "engine", "forest",
        "candle", "harbour", "school", "village", "thunder", "pocket", "feather", "shadow", "castle", "lantern",
        "velvet", "copper", "meadow", "ribbon", "anchor", "basket", "butter", "circle", "dragon", "fabric", "ginger",
        "hammer", "jacket", "ladder", "magnet", "needle", "oyster", "pillow", "rocket", "saddle", "temple",
    ];
    let mut state = number as u64 * 7_919 + 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        WORDS[(state >> 58) as usize]
    };
    (0..60).map(|_| next()).collect::<Vec<_>>().join(" ")
}

const COURSE: &str = "Welcome to the course. Our first meeting is on Tuesday at ten in lecture hall B of the main building. Please \
    read the first chapter before you come, and bring something to write. The exercises are handed out every week and discussed \
    in the groups; whoever hands in two thirds of them is admitted to the examination in February.";

const INVITATION: &str = "You are invited to the opening of the exhibition on Thursday evening at seven in the foyer of the museum. \
    After a short introduction by the curator there will be wine and music. Everybody is welcome, and so are your friends. Please \
    let us know whether you are coming, so that there are enough chairs and glasses for all of us.";

const VACATION: &str = "Thank you for your message. I am out of the office until the tenth of the month and do not read my mail \
    regularly. In urgent cases please turn to the secretary, who knows where I can be reached. Your message is not passed on.";

fn tens(number: usize) -> [(&'static str, &'static str); 2] {
    // Every first one differs from every other.
    let words = [
        "swiftly",
        "today",
        "at once",
        "without delay",
        "this week",
        "soon",
        "right away",
        "by Friday",
        "now",
        "tonight",
    ];
    [("before the end of the month", words[number % 10]), ("the lawyer", ["the lawyer", "the notary"][number % 2])]
}

fn look_alikes(number: usize) -> String {
    let text = fraud(number);
    match number % 4 {
        0 => text,
        1 => text.replace('a', "а").replace('e', "е"),
        2 => text.replace('o', "о").replace('i', "і").replace('p', "р"),
        _ => text.replace("on", "o\u{200b}n").replace('u', "ú"),
    }
}

struct Twin {
    what: &'static str,
    mails: Vec<Mail>,
    /// At the latest at this message it is recognised; none: never, and nothing is flagged.
    by: Option<usize>,
}

#[allow(clippy::too_many_lines, reason = "a table")]
fn twins() -> Vec<Twin> {
    let twin = |what, by, mails| Twin { what, mails, by };
    let inside = Who { reach: Reach::Inside, ..STRANGER };
    let mut ordered: Vec<Mail> = of(5, 2, STRANGER, |number| written(fraud(number)));
    ordered.sort_by_key(|mail| mail.who.account);
    let mut mixed = of(3, 2, STRANGER, |_| written(unlike(7).replace("river", "https://paper.example/story")));
    mixed
        .iter_mut()
        .enumerate()
        .for_each(|(number, mail)| mail.composed.text = format!("{} https://paper.example/story", unlike(number)));
    let mut newspaper = of(4, 1, Who { account: 0, ..OWNER }, |number| {
        written(format!("{} https://paper.example/story", unlike(90 + number)))
    });
    newspaper.iter_mut().for_each(|mail| mail.who.account += 10);
    let first = mixed.remove(0);
    let newspaper: Vec<Mail> = std::iter::once(first).chain(newspaper).chain(mixed).collect();
    let mut invited = of(6, 1, OWNER, |_| written(format!("Fwd: see below!\n{INVITATION}")));
    invited[0].who.familiar = false;
    invited.insert(
        3,
        Mail { who: Who { account: 9, ..STRANGER }, composed: written(INVITATION.to_owned()).0, file: None },
    );
    vec![
        twin(
            "one text with other names and numbers, five stolen accounts in turn, two messages each",
            Some(4),
            of(5, 2, STRANGER, |number| written(fraud(number))),
        ),
        twin("the same, one account after the other", Some(4), ordered),
        twin(
            "a course letter that three assistants send to their groups, each from a new browser",
            None,
            of(3, 1, inside, |number| written(format!("Hello group {number},\n{COURSE}"))),
        ),
        twin(
            "the same letter, five groups each",
            None,
            of(3, 5, inside, |number| written(format!("Hello group {number},\n{COURSE}"))),
        ),
        twin(
            "the same letter, from their own browsers, to guest students outside, and a correction",
            None,
            of(3, 2, OWNER, |_| written(COURSE.to_owned())),
        ),
        twin(
            "some words replaced in each message",
            Some(4),
            of(5, 2, STRANGER, |number| {
                written(tens(number).iter().fold(fraud(number), |text, (from, to)| text.replace(from, to)))
            }),
        ),
        twin(
            "five job applications of one person from a new browser, with a CV",
            None,
            of(1, 5, STRANGER, |number| {
                (
                    written(format!("Dear {},\n{}", NAMES[number], INVITATION.replace("museum", NAMES[number]))).0,
                    Some(9),
                )
            }),
        ),
        twin(
            "a newsletter that one person sends from their own browser, forty messages",
            None,
            of(1, 40, OWNER, |number| written(format!("Dear {},\n{INVITATION}", NAMES[number % 10]))),
        ),
        twin(
            "one stolen account that sends one text forty times, one by one",
            Some(12),
            of(1, 40, STRANGER, |number| written(fraud(number))),
        ),
        twin(
            "letters of other scripts that look alike, and invisible ones",
            Some(4),
            of(5, 2, STRANGER, |number| written(look_alikes(number))),
        ),
        twin("an invitation that six colleagues pass on, two of them from new browsers", None, invited),
        twin(
            "text in HTML, with hidden words that differ",
            Some(4),
            of(5, 2, STRANGER, |number| {
                let text = format!(
                    "<p>{}</p><span style=\"font-size:0\">{}</span>",
                    fraud(number).replace('\n', "<br>"),
                    unlike(number)
                );
                (Composed { text, is_html: true, ..Composed::default() }, None)
            }),
        ),
        twin(
            "short answers, five new browsers",
            None,
            of(5, 3, STRANGER, |_| written("Thank you, that is fine with me.\nBest wishes".to_owned())),
        ),
        twin(
            "different texts with links to one host, each with a path and tracking of its own",
            Some(3),
            of(5, 2, STRANGER, |number| {
                written(format!("{} https://n{number}.portal.example/{number}?utm_id={number}", unlike(number)))
            }),
        ),
        twin("different texts with links to one newspaper, three strangers among seven people", None, newspaper),
        twin(
            "different texts with links to shared documents and meetings",
            None,
            of(5, 2, STRANGER, |number| {
                written(format!("{} https://docs.google.com/d/{number} https://zoom.us/j/{number}", unlike(number)))
            }),
        ),
        twin(
            "one file with different texts",
            Some(4),
            of(5, 2, STRANGER, |number| (written(unlike(number)).0, Some(1))),
        ),
        twin(
            "different texts, answers to one address elsewhere",
            Some(4),
            of(5, 2, STRANGER, |number| {
                let text = unlike(number);
                (Composed { text, reply_to: "lawyer@elsewhere.example".to_owned(), ..Composed::default() }, None)
            }),
        ),
        twin(
            "different texts, answers to an office of the house",
            None,
            of(5, 2, STRANGER, |number| {
                let text = unlike(number);
                (Composed { text, reply_to: "office@campus.example".to_owned(), ..Composed::default() }, None)
            }),
        ),
        twin(
            "different texts above one signature",
            None,
            of(5, 2, STRANGER, |number| written(format!("{}\n-- \nExample University\n{COURSE}", unlike(number)))),
        ),
        twin(
            "out-of-office notices that five people copied from each other",
            None,
            of(5, 2, Who { reach: Reach::Known, ..STRANGER }, |_| written(VACATION.to_owned())),
        ),
        twin(
            "answers to one circular that quote it",
            None,
            of(5, 2, STRANGER, |number| written(format!("{}\n> {INVITATION}", unlike(number)))),
        ),
    ]
}

#[test]
fn frauds_are_recognised_and_what_resembles_them_is_not() {
    let mut table = String::from(
        "| what is sent | accounts | messages | recognised at message | comes to |\n|---|---|---|---|---|\n",
    );
    for Twin { what, mails, by } in twins() {
        let mut world = World::new();
        let verdicts: Vec<Verdict> = mails.iter().map(|mail| world.send(mail)).collect();
        let at = verdicts.iter().position(|verdict| *verdict > Verdict::Pass).map(|place| place + 1);
        match by {
            Some(by) => assert!(at.is_some_and(|at| at <= by), "{what}: {verdicts:?}"),
            None => assert_eq!(at, None, "{what}: {verdicts:?}"),
        }
        let accounts = mails.iter().map(|mail| mail.who.account).collect::<HashSet<_>>().len();
        let most = verdicts.iter().max().map_or("", |verdict| verdict.name());
        let at = at.map_or_else(|| "never".to_owned(), |at| at.to_string());
        writeln!(table, "| {what} | {accounts} | {} | {at} | {most} |", mails.len())
            .expect("a String takes everything");
    }
    let path = "docs/campaigns.md";
    let page = std::fs::read_to_string(path).expect("the page is in the repository");
    if page.contains(&table) {
        return;
    }
    let is_updated = std::env::var_os("UPDATE_DOCS").is_some();
    assert!(is_updated, "{path} has another table; run: UPDATE_DOCS=1 cargo test --test it campaigns");
    let begin = page.find("| what is sent |").expect("the table's place");
    let end = page[begin..].find("\n\n").map_or(page.len(), |end| begin + end + 1);
    std::fs::write(path, format!("{}{table}{}", &page[..begin], &page[end..])).expect("the page is written");
}

#[test]
fn whatever_the_order_of_five_accounts_the_fourth_message_is_recognised() {
    for order in 0..5_usize.pow(4) {
        let accounts: Vec<usize> = (0..4).map(|place| order / 5_usize.pow(place) % 5).collect();
        let most = (0..5).map(|account| accounts.iter().filter(|of| **of == account).count()).max();
        // Which account is called which makes no difference: each new one has the next number.
        let is_in_order =
            (0..4).all(|place| accounts[place] <= accounts[..place].iter().max().map_or(0, |most| most + 1));
        if most > Some(2) || !is_in_order {
            continue;
        }
        let mut world = World::new();
        let send = |(number, account): (usize, &usize)| {
            let composed = written(fraud(number)).0;
            world.send(&Mail { who: Who { account: *account, ..STRANGER }, composed, file: None })
        };
        let last = accounts.iter().enumerate().map(send).last();
        assert!(last >= Some(Verdict::Challenge), "{accounts:?}: {last:?}");
    }
}

#[test]
fn messages_of_a_confirmed_theft_are_refused_until_it_is_cleared_and_nobody_known_here_is() {
    let mut world = World::new();
    let mail =
        |account, who: Who| Mail { who: Who { account, ..who }, composed: written(fraud(account)).0, file: None };
    assert_eq!(world.send(&mail(1, STRANGER)), Verdict::Pass);
    world.settle(CampaignStatus::Confirmed);
    assert_eq!(world.send(&mail(2, STRANGER)), Verdict::Refuse);
    assert_eq!(world.send(&mail(3, Who { reach: Reach::Inside, ..STRANGER })), Verdict::Refuse);
    assert_eq!(world.send(&mail(4, OWNER)), Verdict::Pass, "a victim asks about it");
    world.settle(CampaignStatus::Cleared);
    assert_eq!(world.send(&mail(5, STRANGER)), Verdict::Pass);
}
