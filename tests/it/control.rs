//! What operators' commands do to the store, and in which order: asked without a socket.

use std::path::Path;
use std::sync::Arc;

use mailward::admin::control::{By, Command, Control, Explained, Reply};
use mailward::clock::{Clock, Dice};
use mailward::config;
use mailward::domain::flag::{FlagStatus, Note};
use mailward::domain::{
    Account, FactorKind, Flag, FlagOrder, KeyRing, Prefix, Secret, Session, SessionState, SiteName,
};
use mailward::policy::theft;
use mailward::store::Store;
use mailward::store::embedded::Embedded;
use mailward::telemetry::events::EventsReceived;
use mailward::telemetry::{Events, Metrics};
use rusqlite::Connection;

use crate::store::{SETTINGS, at, code, flag, get, lesson, run, session, spot};

const THIEF: &str = "203.0.113.9";
const HOME: &str = "192.0.2.7";

/// A control without its socket, and what it works on.
struct Desk {
    control: Control,
    store: Arc<dyn Store>,
    events: EventsReceived,
    site: SiteName,
    alice: Account,
}

impl Desk {
    fn new() -> Self {
        Self::on(Arc::new(Embedded::open_scratch(at(0), SETTINGS).expect("it opens")))
    }

    fn in_folder(folder: &Path) -> Self {
        Self::on(Arc::new(Embedded::open(folder, at(0), SETTINGS).expect("it opens")))
    }

    fn on(store: Arc<dyn Store>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("mailward.toml");
        let text = "data_dir = \".\"\n[[site]]\nhosts = [\"one.example\"]\nupstream = \"http://127.0.0.1:1\"\n\
                    webmail = \"roundcube\"\n";
        std::fs::write(&file, text).expect("writable");
        let config = Arc::new(config::read(&file, at(0)).expect("a good file"));
        let (sink, events) = Events::to_receiver(Metrics::new(at(0)));
        let control = Control {
            store: Arc::clone(&store),
            events: sink,
            clock: Clock::manual(at(100)),
            keys: Arc::new(KeyRing::new(&[Secret::new([7; 32])])),
            dice: Dice::repeating(1),
            config: Box::new(move || Arc::clone(&config)),
            embedded_in: None,
            degraded: Box::new(|| (None, 0)),
        };
        Self { control, store, events, site: "one.example".into(), alice: Account::from_canonical("alice") }
    }

    fn ask(&self, command: Command) -> Reply {
        run(self.control.answer(command, &By::command_line()))
    }

    fn refused(&self, command: Command) -> String {
        match self.ask(command) {
            Reply::Refused { why } => why,
            reply => panic!("it was done: {reply:?}"),
        }
    }

    fn events(&self) -> Vec<&'static str> {
        self.events.take().iter().map(|event| event.kind.name()).collect()
    }

    /// Alice at home, her account taught by that; and a restricted session from elsewhere with a flag.
    fn alice_and_a_stranger(&self) -> (Session, Session, Flag) {
        let home = Session {
            spot: spot(HOME),
            device: Some([1; 16]),
            device_since: Some(at(10)),
            lesson: Some(lesson(10, HOME, "DE")),
            ..session("one.example", "alice", 1, at(10))
        };
        let raised = Flag { session: self.strange(2, 20).hash, ..flag("one.example", "alice", 20) };
        let strange = Session { flag: Some(raised.code), state: SessionState::Restricted, ..self.strange(2, 20) };
        run(async {
            for session in [&home, &strange] {
                self.store.put_session(session.clone(), at(20)).await.expect("the store answers");
            }
            self.store.know_device(&self.site, &self.alice, [1; 16], at(10)).await.expect("the store answers");
            let taught = lesson(10, HOME, "DE");
            self.store.teach(&self.site, &self.alice, taught, at(10)).await.expect("the store answers");
            self.store.put_flag(raised.clone()).await.expect("the store answers");
        });
        (home, strange, raised)
    }

    fn strange(&self, number: u8, second: u64) -> Session {
        Session {
            spot: spot(THIEF),
            device: Some([number; 16]),
            device_since: None,
            lesson: Some(lesson(second, THIEF, "BR")),
            ..session("one.example", "alice", number, at(second))
        }
    }

    fn session(&self, session: &Session) -> Session {
        run(get(&*self.store, &session.hash, at(100))).expect("it is remembered")
    }

    fn flag(&self, flag: &Flag) -> Flag {
        run(self.store.flag(&flag.code)).expect("the store answers").expect("it is kept")
    }

    fn countries(&self) -> String {
        let profile = run(self.store.profile(&self.site, &self.alice, at(100))).expect("the store answers");
        let mut seen: Vec<_> = profile.countries.iter().map(|seen| format!("{} {}", seen.what, seen.count)).collect();
        seen.sort_unstable();
        seen.join(", ")
    }

    fn devices(&self) -> Vec<u8> {
        let devices = run(self.store.devices(&self.site, &self.alice, at(100))).expect("the store answers");
        devices.iter().map(|device| device.device[0]).collect()
    }

    fn is_locked(&self) -> bool {
        run(self.store.locked(&self.site, &self.alice)).expect("the store answers").is_some()
    }

    fn thefts(&self) -> u32 {
        let key = theft::key(&self.site, Prefix::of(THIEF.parse().expect("an address")));
        run(self.store.count(&key, theft::WINDOW, at(100))).expect("the store answers")
    }
}

fn clear(flag: &Flag) -> Command {
    Command::ClearFlag { code: flag.code.to_string().to_lowercase(), note: Some("called her".into()) }
}

fn confirm(flag: &Flag) -> Command {
    Command::ConfirmFlag { code: flag.code.to_string(), note: None }
}

#[test]
fn clearing_opens_that_session_only_and_makes_its_sign_in_usual_once() {
    let desk = Desk::new();
    let (_, strange, raised) = desk.alice_and_a_stranger();
    let other = Session { flag: Some(raised.code), state: SessionState::Restricted, ..desk.strange(3, 21) };
    run(desk.store.put_session(other.clone(), at(21))).expect("the store answers");
    for _ in 0..2 {
        let reply = desk.ask(clear(&raised));
        assert!(matches!(&reply, Reply::Cleared { state: Some(state), .. } if state == "open"), "{reply:?}");
        let after = desk.session(&strange);
        assert_eq!((after.state, after.device_since, after.flag), (SessionState::Open, Some(at(100)), strange.flag));
        assert_eq!(desk.session(&other).state, SessionState::Restricted);
        assert_eq!(desk.countries(), "BR 1, DE 1");
        assert_eq!(desk.devices(), [2, 1]);
        assert_eq!(desk.events(), ["flag_cleared"]);
    }
    let after = desk.flag(&raised);
    assert_eq!((after.status, after.notes.len(), after.notes[0].text.as_str()), (FlagStatus::Cleared, 2, "called her"));
}

#[test]
fn a_sign_in_that_taught_already_is_not_taught_again_by_clearing_it() {
    let desk = Desk::new();
    let (_, strange, raised) = desk.alice_and_a_stranger();
    let lesson = strange.lesson.expect("it has one");
    run(desk.store.teach(&desk.site, &desk.alice, lesson, at(20))).expect("the store answers");
    desk.ask(clear(&raised));
    assert_eq!(desk.countries(), "BR 1, DE 1");
}

#[test]
fn clearing_a_flag_whose_session_is_gone_or_ended_makes_the_next_sign_in_usual() {
    let desk = Desk::new();
    let (_, strange, raised) = desk.alice_and_a_stranger();
    desk.ask(Command::EndSession { hash: strange.hash.to_string() });
    let reply = desk.ask(clear(&raised));
    assert!(matches!(&reply, Reply::Cleared { state: Some(state), .. } if state == "ended"), "{reply:?}");
    let gone = flag("one.example", "alice", 30);
    run(desk.store.put_flag(gone.clone())).expect("the store answers");
    let reply = desk.ask(clear(&gone));
    assert!(matches!(&reply, Reply::Cleared { state: None, .. }), "{reply:?}");
    assert_eq!(desk.countries(), "BR 2, DE 1");
}

#[test]
fn clearing_a_session_clears_its_own_flag_and_never_that_of_another() {
    let desk = Desk::new();
    let (_, strange, raised) = desk.alice_and_a_stranger();
    let other = Session { flag: Some(raised.code), state: SessionState::Restricted, ..desk.strange(3, 21) };
    let without = Session { state: SessionState::Restricted, ..desk.strange(4, 22) };
    for session in [&other, &without] {
        run(desk.store.put_session(session.clone(), at(22))).expect("the store answers");
    }
    for session in [&other, &without] {
        let reply = desk.ask(Command::ClearSession { hash: session.hash.to_string() });
        assert!(matches!(&reply, Reply::Cleared { code: None, .. }), "{reply:?}");
        assert_eq!(desk.session(session).state, SessionState::Open);
        assert_eq!(desk.events(), ["session_cleared"]);
    }
    assert_eq!((desk.session(&strange).state, desk.flag(&raised).status), (SessionState::Restricted, FlagStatus::Open));
    let reply = desk.ask(Command::ClearSession { hash: strange.hash.to_string() });
    assert!(matches!(&reply, Reply::Cleared { code: Some(_), .. }), "{reply:?}");
    assert_eq!((desk.session(&strange).state, desk.flag(&raised).status), (SessionState::Open, FlagStatus::Cleared));
}

#[test]
fn a_proof_is_asked_for_where_one_can_be_given_and_else_the_session_is_restricted() {
    let desk = Desk::new();
    let (home, strange, _) = desk.alice_and_a_stranger();
    let state_after = |session: &Session| {
        desk.ask(Command::ChallengeSession { hash: session.hash.to_string() });
        desk.session(session).state
    };
    assert_eq!(state_after(&home), SessionState::Restricted, "there is nothing to prove with");
    let code = desk.ask(Command::MakeHelpdeskCode { name: "alice".to_owned(), site: None });
    assert!(matches!(code, Reply::HelpdeskCodes { .. }), "{code:?}");
    desk.events.take();
    assert_eq!(state_after(&home), SessionState::Challenged, "who passes may be let in again");
    assert_eq!(desk.events(), ["session_challenged"]);
    assert_eq!(state_after(&home), SessionState::Challenged);
    assert_eq!(desk.events(), Vec::<&str>::new(), "nothing changed");
    desk.ask(Command::EndSession { hash: strange.hash.to_string() });
    assert_eq!(state_after(&strange), SessionState::Ended);
}

#[test]
fn freezing_restricts_what_is_open_and_ends_nothing() {
    let desk = Desk::new();
    let (home, strange, _) = desk.alice_and_a_stranger();
    let reply = desk.ask(Command::RestrictSessions { account: "Alice".to_owned(), site: None });
    let Reply::Done { done } = reply else { panic!("{reply:?}") };
    assert!(done[0].what.ends_with("restricted"), "{done:?}");
    for session in [&home, &strange] {
        assert_eq!(desk.session(session).state, SessionState::Restricted);
    }
    assert!(desk.refused(Command::RestrictSessions { account: String::new(), site: None }).contains("missing"));
}

#[test]
fn restricting_makes_an_open_session_read_only_and_loosens_none() {
    let desk = Desk::new();
    let (home, strange, _) = desk.alice_and_a_stranger();
    let restrict = |session: &Session| desk.ask(Command::RestrictSession { hash: session.hash.to_string() });
    let now = |state: &str| Reply::Restricted {
        site: "one.example".to_owned(),
        account: "alice".to_owned(),
        state: state.to_owned(),
    };
    assert_eq!(restrict(&home), now("restricted"));
    assert_eq!(desk.session(&home).state, SessionState::Restricted);
    let events = desk.events.take();
    assert_eq!((events[0].kind.name(), events[0].by.as_deref()), ("session_restricted", Some("command line")));
    desk.ask(Command::EndSession { hash: strange.hash.to_string() });
    assert_eq!(restrict(&strange), now("ended"));
    assert_eq!(desk.session(&strange).state, SessionState::Ended);
}

#[test]
fn confirming_shuts_the_thief_out_everywhere_and_leaves_the_owners_habits() {
    let desk = Desk::new();
    let (home, strange, raised) = desk.alice_and_a_stranger();
    // The thief was there before, from the same address and unnoticed; and once with the same browser from elsewhere.
    let before = desk.strange(3, 15);
    let elsewhere =
        Session { lesson: Some(lesson(16, "198.51.100.1", "NG")), device: strange.device, ..desk.strange(4, 16) };
    run(async {
        for session in [&before, &elsewhere] {
            desk.store.put_session(session.clone(), at(16)).await.expect("the store answers");
            let taught = session.lesson.clone().expect("it has one");
            desk.store.teach(&desk.site, &desk.alice, taught, at(16)).await.expect("the store answers");
        }
        desk.store.know_device(&desk.site, &desk.alice, [3; 16], at(16)).await.expect("the store answers");
    });
    assert_eq!(desk.countries(), "BR 1, DE 1, NG 1");

    let reply = desk.ask(confirm(&raised));
    assert!(
        matches!(reply, Reply::Confirmed { sessions_ended: 4, devices_forgotten: 1, sign_ins_forgotten: 2, .. }),
        "{reply:?}"
    );
    assert!(desk.is_locked());
    for session in [&home, &strange, &before, &elsewhere] {
        assert_eq!(desk.session(session).state, SessionState::Ended);
    }
    assert_eq!((desk.countries().as_str(), desk.devices(), desk.thefts()), ("DE 1", vec![1], 1));
    assert_eq!(desk.flag(&raised).status, FlagStatus::Confirmed);
    let events = desk.events();
    assert_eq!(events[..2], ["account_locked", "session_ended"], "the strictest first");
    assert_eq!(events[5..], ["device_forgotten", "flag_confirmed"]);

    let reply = desk.ask(confirm(&raised));
    assert!(matches!(reply, Reply::Confirmed { sessions_ended: 0, devices_forgotten: 0, .. }), "{reply:?}");
    assert_eq!((desk.countries().as_str(), desk.thefts()), ("DE 1", 1), "a second time is harmless");
}

#[test]
fn a_lock_that_stands_already_keeps_its_note() {
    let desk = Desk::new();
    let (_, _, raised) = desk.alice_and_a_stranger();
    desk.ask(Command::LockAccount {
        name: "alice".into(),
        site: None,
        note: "ticket 4711".into(),
        until_password_change: false,
    });
    assert!(matches!(desk.ask(confirm(&raised)), Reply::Confirmed { .. }));
    let lock = run(desk.store.locked(&desk.site, &desk.alice)).expect("the store answers").expect("it stands");
    assert_eq!(lock.note, "ticket 4711");
    assert_eq!(desk.countries(), "DE 1");
}

/// Makes every write of a table fail until it is back.
struct Without<'a> {
    folder: &'a Path,
    table: &'static str,
}

impl<'a> Without<'a> {
    fn new(folder: &'a Path, table: &'static str) -> Self {
        Self::rename(folder, table, &format!("{table}_away"));
        Self { folder, table }
    }

    fn rename(folder: &Path, from: &str, to: &str) {
        let file = Connection::open(folder.join("mailward.db")).expect("an administrator can look");
        file.execute_batch(&format!("PRAGMA legacy_alter_table = ON; ALTER TABLE {from} RENAME TO {to}"))
            .expect("it is there");
    }
}

impl Drop for Without<'_> {
    fn drop(&mut self) {
        Self::rename(self.folder, &format!("{}_away", self.table), self.table);
    }
}

#[test]
fn what_breaks_off_leaves_it_strict_says_so_and_can_be_done_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let desk = Desk::in_folder(folder.path());
    let (home, strange, raised) = desk.alice_and_a_stranger();
    for table in ["profiles", "devices"] {
        let _gone = Without::new(folder.path(), table);
        let why = desk.refused(clear(&raised));
        assert!(why.contains("is not cleared yet") && why.contains("Do it again"), "{why}");
        assert_eq!(
            (desk.session(&strange).state, desk.flag(&raised).status),
            (SessionState::Restricted, FlagStatus::Open)
        );
    }
    for (table, says) in [
        ("locks", "the lock on alice is not written"),
        ("profiles", "what its sign-in taught is not forgotten"),
        ("devices", "that a browser is forgotten is not written"),
    ] {
        let _gone = Without::new(folder.path(), table);
        let why = desk.refused(confirm(&raised));
        assert!(why.contains("flag") && why.contains("is still open") && why.contains(says), "{table}: {why}");
        assert!(desk.is_locked(), "in memory at least");
        for session in [&home, &strange] {
            assert_eq!(desk.session(session).state, SessionState::Ended, "{table}");
        }
        assert_eq!(desk.flag(&raised).status, FlagStatus::Open);
    }
    assert!(matches!(desk.ask(confirm(&raised)), Reply::Confirmed { .. }));
    assert_eq!((desk.flag(&raised).status, desk.countries().as_str()), (FlagStatus::Confirmed, "DE 1"));
    drop(desk);
    let desk = Desk::in_folder(folder.path());
    assert!(desk.is_locked(), "what stood in memory only was written by doing it again");
    assert_eq!(desk.session(&home).state, SessionState::Ended);
}

#[test]
fn flags_are_listed_by_every_condition_shown_whole_and_noted() {
    let desk = Desk::new();
    let (_, strange, raised) = desk.alice_and_a_stranger();
    let bob = Flag { country: "NG".parse().ok(), status: FlagStatus::Cleared, ..flag("one.example", "bob", 30) };
    run(desk.store.put_flag(bob.clone())).expect("the store answers");
    let listed = |status, account: Option<&str>, country: Option<&str>, before| {
        let account = account.map(str::to_owned);
        let country = country.map(|country| country.parse().expect("a country"));
        match desk.ask(Command::ListFlags {
            status,
            account,
            country,
            before,
            site: None,
            order: FlagOrder::Newest,
            after: None,
            most: None,
        }) {
            Reply::Flags { flags, more: false, next: None } => {
                flags.into_iter().map(|flag| flag.account).collect::<Vec<_>>()
            }
            reply => panic!("{reply:?}"),
        }
    };
    assert_eq!(listed(None, None, None, None), ["bob", "alice"]);
    assert_eq!(listed(Some(FlagStatus::Open), None, None, None), ["alice"]);
    assert_eq!(listed(None, Some(" Bob"), None, None), ["bob"]);
    assert_eq!(listed(None, None, Some("br"), None), ["alice"]);
    assert_eq!(listed(None, None, None, Some(at(30))), ["alice"]);

    let code = raised.code.to_string();
    let Reply::Flag { flag, session } = desk.ask(Command::NoteFlag { code: code.clone(), note: "asked".into() }) else {
        panic!("it can be noted")
    };
    assert_eq!((flag.notes[0].text.as_str(), flag.row.signals[0].weight), ("asked", 40));
    assert_eq!(session.map(|session| session.session), Some(strange.hash.to_string()));
    assert_eq!(desk.ask(Command::ShowFlag { code }), desk.ask(Command::ShowFlag { code: raised.code.to_string() }));
    for (command, says) in [
        (Command::ShowFlag { code: "7K3M-9QWX".into() }, "there is no flag 7K3M-9QWX"),
        (Command::ShowFlag { code: "alice".into() }, "eight letters and digits"),
        (Command::NoteFlag { code: raised.code.to_string(), note: "x".repeat(Note::TEXT_MAX + 1) }, "at most 1000"),
        (Command::ClearSession { hash: "ff".repeat(16) }, "there is no session ffff"),
        (Command::ForgetDevices { name: "alice".into(), device: Some("ff".into()), site: None }, "is not a device"),
    ] {
        let why = desk.refused(command);
        assert!(why.contains(says), "{says}: {why}");
    }
    assert!(desk.events().is_empty(), "looking and noting is no event");
}

#[test]
fn devices_are_listed_and_forgotten() {
    let desk = Desk::new();
    desk.alice_and_a_stranger();
    run(desk.store.know_device(&desk.site, &desk.alice, [7; 16], at(30))).expect("the store answers");
    let Reply::Devices { devices } = desk.ask(Command::ListDevices { name: "alice".into(), site: None }) else {
        panic!("they can be listed")
    };
    assert_eq!(
        devices.iter().map(|device| device.device.clone()).collect::<Vec<_>>(),
        ["07".repeat(16), "01".repeat(16)]
    );
    let forget =
        |device: Option<String>| match desk.ask(Command::ForgetDevices { name: "alice".into(), device, site: None }) {
            Reply::Done { done } => done[0].devices_forgotten,
            reply => panic!("{reply:?}"),
        };
    assert_eq!((forget(Some("07".repeat(16))), forget(None), forget(None)), (1, 1, 0));
    assert_eq!(desk.events(), ["device_forgotten", "device_forgotten"]);
}

#[test]
fn an_account_is_explained_by_its_name_its_session_or_its_flag() {
    let desk = Desk::new();
    let (home, _, raised) = desk.alice_and_a_stranger();
    let explained = |what: &str| -> Explained {
        match desk.ask(Command::Explain { what: what.to_owned(), site: None }) {
            Reply::Explained { mut accounts } => accounts.remove(0),
            reply => panic!("{reply:?}"),
        }
    };
    let by_name = explained("Alice");
    assert_eq!(by_name, explained(&home.hash.to_string()));
    assert_eq!(by_name, explained(&raised.code.to_string()));
    assert_eq!((by_name.usual.countries[0].what.as_str(), by_name.usual.sign_ins), ("DE", 1));
    assert_eq!((by_name.devices.len(), by_name.sessions.len(), by_name.flags.len()), (1, 2, 1));
    assert_eq!(by_name.flags[0].signals[0].weight, 40);
    // A name that reads like a code of no flag is a name.
    assert_eq!(explained(&code(99).to_string()).account, code(99).to_string().to_lowercase());
}

#[test]
fn a_helpdesk_code_is_made_shown_once_and_written_nowhere_readable() {
    let desk = Desk::new();
    let make = |name: &str| Command::MakeHelpdeskCode { name: name.into(), site: None };
    let Reply::HelpdeskCodes { codes } = desk.ask(make("Alice")) else { panic!("it is made") };
    let digits: String = codes[0].code.chars().filter(char::is_ascii_digit).collect();
    assert_eq!((codes.len(), codes[0].account.as_str(), digits.len()), (1, "alice", 8));
    assert_eq!(desk.events(), ["factor_added"]);
    let sealed = run(desk.store.factors(&desk.site, &desk.alice)).expect("the store answers").expect("written");
    assert!(!sealed.bytes.windows(4).any(|bytes| digits.as_bytes().starts_with(bytes)));
    assert!(!format!("{codes:?}").contains(&codes[0].code), "no log shows it");

    let remove = |factor| Command::RemoveFactors { name: "alice".into(), factor, site: None };
    let removed = |reply| match reply {
        Reply::Done { done } => done[0].what.clone(),
        reply => panic!("{reply:?}"),
    };
    assert_eq!(removed(desk.ask(remove(Some(FactorKind::Totp)))), "0 factors removed");
    assert_eq!(removed(desk.ask(remove(None))), "1 factor removed");
    assert_eq!(desk.events(), ["factor_removed"]);
}

#[test]
fn other_addresses_are_imported_once_and_never_those_of_the_mailbox_itself() {
    let desk = Desk::new();
    let import = |rows: &[(&str, &str)]| {
        let rows = rows.iter().map(|(name, address)| ((*name).to_owned(), (*address).to_owned())).collect();
        match desk.ask(Command::ImportAddresses { rows, site: None }) {
            Reply::AddressesImported { added, known, refused } => (added, known, refused.len()),
            reply => panic!("{reply:?}"),
        }
    };
    assert_eq!(import(&[("Alice", "jane@elsewhere.example"), ("alice", "JANE@elsewhere.example")]), (1, 1, 0));
    assert_eq!(import(&[("alice", "nobody"), ("a@b.example", "a@b.example")]), (0, 0, 2));
    assert_eq!(import(&[("alice", "a@x.example"), ("alice", "b@x.example"), ("alice", "c@x.example")]), (2, 0, 1));
    assert_eq!(desk.events(), ["factor_added"; 3]);
}
