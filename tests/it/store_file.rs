//! What the embedded store keeps in its file: across a restart, a kill, a full disk's worth of refusals.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use mailward::domain::flag::{Activity, FlagStatus};
use mailward::domain::{Account, Profile, Session, SessionChange, SessionHash, SessionState, SiteName};
use mailward::policy::limits::{Charged, CounterKey};
use mailward::store::embedded::{Embedded, OpenError};
use mailward::store::{Lock, Store};
use rusqlite::Connection;

use crate::store::{SETTINGS, at, charge, code, fits, flag, get, lesson, run, session, signal, spot, units};

fn open(folder: &Path) -> Result<Embedded, OpenError> {
    Embedded::open(folder, at(100), SETTINGS)
}

fn opened(folder: &Path) -> Embedded {
    open(folder).unwrap_or_else(|error| panic!("{error}"))
}

fn alice_locked() -> Lock {
    Lock { site: "site".into(), account: Account::from_canonical("alice"), since: at(1), note: "phished".into() }
}

#[test]
fn after_a_restart_everything_stands_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let (site, alice, bob): (SiteName, _, _) =
        ("site".into(), Account::from_canonical("alice"), Account::from_canonical("bob"));
    let open_one = session("site", "bob", 1, at(50));
    let ended = session("site", "alice", 2, at(50));
    let restricted = Session { state: SessionState::Restricted, ..session("site", "carol", 3, at(50)) };

    let store = opened(folder.path());
    let receipt = run(async {
        for session in [&open_one, &ended, &restricted] {
            store.put_session(session.clone(), at(50)).await.expect("the store answers");
        }
        store.set_account_sessions(&site, &alice, SessionState::Ended, None, at(51)).await.expect("the store answers");
        store.lock(alice_locked()).await.expect("the store answers");
        store.know_device(&site, &bob, [9; 16], at(52)).await.expect("the store answers");
        let _kept = fits(&store, &[units("bob", 7, &["10/h"])], at(53)).await;
        let given_back = fits(&store, &[units("bob", 2, &["10/h"])], at(53)).await;
        store.refund(&given_back, at(53)).await.expect("the store answers");
        store.touch_session(&open_one.hash, at(150)).await.expect("the store answers");
        given_back
    });
    drop(store);

    let store = opened(folder.path());
    run(async {
        let found = get(&store, &open_one.hash, at(200)).await.expect("it is remembered");
        assert_eq!(found, Session { last_seen: at(150), ..open_one.clone() });
        let state = async |hash: SessionHash| get(&store, &hash, at(200)).await.map(|session| session.state);
        assert_eq!(state(ended.hash).await, Some(SessionState::Ended));
        assert_eq!(state(restricted.hash).await, Some(SessionState::Restricted));
        assert_eq!(store.locked(&site, &alice).await.expect("the store answers"), Some(alice_locked()));
        assert_eq!(store.device_since(&site, &bob, [9; 16], at(200)).await.expect("the store answers"), Some(at(52)));
        store.refund(&receipt, at(200)).await.expect("the store answers");
        let Charged::Over(over) = charge(&store, &[units("bob", 4, &["10/h"])], at(200)).await else {
            panic!("seven were used before the restart")
        };
        assert_eq!((over.fits_now, over.wait), (3, Some(Duration::from_secs(3600 - 147))));
    });
}

#[test]
fn after_a_restart_steps_profiles_recipients_and_flags_stand_as_they_were() {
    let folder = tempfile::tempdir().expect("a folder");
    let (site, bob): (SiteName, _) = ("site".into(), Account::from_canonical("bob"));
    let mut watched = Session {
        device: Some([9; 16]),
        device_since: None,
        lesson: Some(lesson(50, "2001:db8:1:2::9", "DE")),
        ..session("site", "bob", 1, at(50))
    };
    let mut raised = flag("site", "bob", 1);
    let (code, sent) = (raised.code, Activity { messages: 3, ..Activity::default() });
    let taught = lesson(40, "192.0.2.7", "DE");

    let store = opened(folder.path());
    run(async {
        store.put_session(watched.clone(), at(50)).await.expect("the store answers");
        for (second, change) in [
            (51, SessionChange::Flagged(code, SessionState::Restricted)),
            (52, SessionChange::DeviceKnown(at(52))),
            (53, SessionChange::Elsewhere(spot("203.0.113.9"))),
            (53, SessionChange::Found(signal("data_taken", 25))),
        ] {
            watched.change(&change, at(second));
            store.change_session(&watched.hash, change, at(second)).await.expect("the store answers");
        }
        store.teach(&site, &bob, taught.clone(), at(50)).await.expect("the store answers");
        store.put_flag(raised.clone()).await.expect("the store answers");
        store.settle_flag(&code, Some(FlagStatus::Cleared), None).await.expect("the store answers");
        store.add_to_flag(&code, sent.clone()).await.expect("the store answers");
        store.note_written(&site, &bob, vec![1, 2], at(50)).await.expect("the store answers");
        for device in [[1; 16], [2; 16]] {
            store.know_device(&site, &bob, device, at(52)).await.expect("the store answers");
        }
        store.forget_devices(&site, &bob, Some([1; 16])).await.expect("the store answers");
    });
    drop(store);

    let store = opened(folder.path());
    raised.status = FlagStatus::Cleared;
    raised.since.add(&sent);
    let mut profile = Profile::default();
    profile.learn(&taught);
    run(async {
        assert_eq!(get(&store, &watched.hash, at(60)).await, Some(watched));
        assert_eq!(store.flag(&code).await.expect("the store answers"), Some(raised));
        assert_eq!(store.profile(&site, &bob, at(60)).await.expect("the store answers"), profile);
        let found = store.first_written(&site, &bob, &[2, 3]).await.expect("the store answers");
        assert_eq!((found.new, found.known), (1, 2));
        let devices = store.devices(&site, &bob, at(60)).await.expect("the store answers");
        assert_eq!(devices.iter().map(|device| device.device).collect::<Vec<_>>(), [[2; 16]]);
    });
}

/// As version 1 made them, and what a gateway of that time had written.
const VERSION_1: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE sessions (
        hash TEXT PRIMARY KEY, site TEXT NOT NULL, account TEXT NOT NULL, state TEXT NOT NULL,
        signed_in INTEGER NOT NULL, last_seen INTEGER NOT NULL, prefix TEXT NOT NULL,
        device_since INTEGER, user_agent TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sessions_of_account ON sessions (site, account);
    CREATE TABLE locks (
        site TEXT NOT NULL, account TEXT NOT NULL, since INTEGER NOT NULL, note TEXT NOT NULL,
        PRIMARY KEY (site, account)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE devices (
        site TEXT NOT NULL, account TEXT NOT NULL, device TEXT NOT NULL,
        since INTEGER NOT NULL, last_used INTEGER NOT NULL,
        PRIMARY KEY (site, account, device)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE counters (
        key TEXT PRIMARY KEY, keep INTEGER NOT NULL, entries TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE probe (id INTEGER PRIMARY KEY CHECK (id = 1), written INTEGER NOT NULL) STRICT;
    PRAGMA application_id = 1297576820;
    PRAGMA user_version = 1;
    INSERT INTO sessions VALUES
        ('01010101010101010101010101010101', 'site', 'bob', 'open', 1700000050000, 1700000060000,
         '2001:db8:1:2::/64', 1700000000000, 'Mozilla/5.0 (test)'),
        ('02020202020202020202020202020202', 'site', 'alice', 'ended', 1700000050000, 1700000050000,
         '192.0.2.7/32', NULL, NULL);
    INSERT INTO locks VALUES ('site', 'alice', 1700000001000, 'phished');
    INSERT INTO devices VALUES ('site', 'bob', '09090909090909090909090909090909', 1700000052000, 1700000052000);
    INSERT INTO counters VALUES ('recipients|bob', 3600000, '[[1700000053000,7,1,null]]');
";

#[test]
fn a_file_of_the_first_version_opens_and_keeps_what_it_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    sql(&folder.path().join("mailward.db"), VERSION_1);
    for _ in 0..2 {
        let store = opened(folder.path());
        run(async {
            let (site, alice, bob): (SiteName, _, _) =
                ("site".into(), Account::from_canonical("alice"), Account::from_canonical("bob"));
            let found = get(&store, &SessionHash([1; 16]), at(100)).await.expect("it is remembered");
            let kept = Session { hash: SessionHash([1; 16]), last_seen: at(60), ..session("site", "bob", 1, at(50)) };
            assert_eq!(found, kept, "and for all that is known it came from outside");
            let ended = get(&store, &SessionHash([2; 16]), at(100)).await.expect("it is remembered");
            assert_eq!((ended.state, ended.spot.prefix.to_string()), (SessionState::Ended, "192.0.2.7/32".to_owned()));
            assert!(ended.spot.agent.is_scripted() && ended.device_since.is_none());
            assert_eq!(store.locked(&site, &alice).await.expect("the store answers"), Some(alice_locked()));
            let since = store.device_since(&site, &bob, [9; 16], at(100)).await.expect("the store answers");
            assert_eq!(since, Some(at(52)));
            let window = Duration::from_secs(3600);
            let used = store.count(&CounterKey::new("recipients", "bob"), window, at(100)).await;
            assert_eq!(used.expect("the store answers"), 7);
            store.put_flag(flag("site", "bob", 1)).await.expect("there is a table for it");
            store.factors(&site, &bob).await.expect("for these too");
            let changed = store.change_session(&found.hash, SessionChange::DeviceKnown(at(0)), at(100)).await;
            assert!(changed.expect("the store answers").is_some());
        });
    }
}

#[test]
fn what_has_expired_is_gone_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let old = session("site", "bob", 1, at(0));
    let store = opened(folder.path());
    run(async {
        store.put_session(old.clone(), at(0)).await.expect("the store answers");
        let _kept = fits(&store, &[units("bob", 7, &["10/m"])], at(0)).await;
    });
    drop(store);
    let later = at(86_400);
    drop(Embedded::open(folder.path(), later, SETTINGS).expect("it opens"));
    let file = Connection::open(folder.path().join("mailward.db")).expect("it opens");
    for table in ["sessions", "counters"] {
        let rows: i64 =
            file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("it can be counted");
        assert_eq!(rows, 0, "{table}");
    }
}

fn flagged(number: u32) -> SessionChange {
    SessionChange::Flagged(code(number.into()), SessionState::Open)
}

/// How [`what_was_acknowledged_survives_a_kill`] tells its child where to work.
const CHILD_FOLDER: &str = "MAILWARD_TEST_STORE_OF_CHILD";

/// Not a test of its own: what the child does until it is killed. Without its variable it does nothing.
#[test]
fn a_gateway_that_will_be_killed() {
    let Some(folder) = std::env::var_os(CHILD_FOLDER) else { return };
    let store = opened(Path::new(&folder));
    let say = |line: String| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush()).expect("the parent reads");
    };
    run(async {
        let site: SiteName = "site".into();
        let _kept = fits(&store, &[units("bob", 7, &["10/h"])], at(53)).await;
        store.flush().await.expect("the store answers");
        store.lock(alice_locked()).await.expect("the store answers");
        say("acknowledged lock".into());
        for number in 0_u32.. {
            let mut one = session("site", "bob", 0, at(50));
            one.hash.0[..4].copy_from_slice(&number.to_be_bytes());
            let mut device = [0; 16];
            device[..4].copy_from_slice(&number.to_be_bytes());
            store.put_session(one.clone(), at(50)).await.expect("the store answers");
            if number % 3 == 0 {
                let state = SessionState::Ended;
                store.set_account_sessions(&site, &one.account, state, None, at(51)).await.expect("the store answers");
            }
            let account = Account::from_canonical(&format!("account {number}"));
            store.know_device(&site, &account, device, at(52)).await.expect("the store answers");
            store.put_flag(flag("site", "bob", number.into())).await.expect("the store answers");
            store.teach(&site, &account, lesson(52, "192.0.2.7", "DE"), at(52)).await.expect("the store answers");
            store.change_session(&one.hash, flagged(number), at(52)).await.expect("the store answers");
            say(format!("acknowledged {number}"));
        }
    });
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    const LINES: usize = 60;
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "store_file::a_gateway_that_will_be_killed", "--nocapture", "--test-threads=1"])
        .env(CHILD_FOLDER, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
    let acknowledged: Vec<String> = lines
        .map(|line| line.expect("the child writes text"))
        .filter_map(|line| line.split_once("acknowledged ").map(|(_, what)| what.to_owned()))
        .take(LINES)
        .collect();
    // On Unix this is SIGKILL.
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    assert_eq!(acknowledged.len(), LINES, "the child ended by itself");

    let store = opened(folder.path());
    run(async {
        let site: SiteName = "site".into();
        assert!(store.locked(&site, &Account::from_canonical("alice")).await.expect("the store answers").is_some());
        let numbers: Vec<u32> = acknowledged.iter().filter_map(|what| what.parse().ok()).collect();
        assert_eq!(numbers.len(), LINES - 1);
        for number in &numbers {
            let mut one = session("site", "bob", 0, at(50));
            one.hash.0[..4].copy_from_slice(&number.to_be_bytes());
            let found = get(&store, &one.hash, at(60)).await.expect("it was acknowledged");
            if numbers.iter().any(|later| later >= number && later % 3 == 0) {
                assert_eq!(found.state, SessionState::Ended, "{number}");
            }
            let mut device = [0; 16];
            device[..4].copy_from_slice(&number.to_be_bytes());
            let account = Account::from_canonical(&format!("account {number}"));
            let since = store.device_since(&site, &account, device, at(60)).await.expect("the store answers");
            assert_eq!(since, Some(at(52)), "{number}");
            assert_eq!(found.flag, Some(code((*number).into())), "{number}");
            let kept = store.flag(&code((*number).into())).await.expect("the store answers");
            assert_eq!(kept, Some(flag("site", "bob", (*number).into())), "{number}");
            let profile = store.profile(&site, &account, at(60)).await.expect("the store answers");
            assert_eq!(profile.sign_ins, 1, "{number}");
        }
        let used = store.count(&CounterKey::new("recipients", "bob"), Duration::from_secs(3600), at(60)).await;
        assert_eq!(used.expect("the store answers"), 7);
    });
}

#[test]
fn counters_are_written_without_being_asked() {
    const PROBES_MAX: u64 = 20_000;
    let folder = tempfile::tempdir().expect("a folder");
    let store = opened(folder.path());
    run(async {
        let _kept = fits(&store, &[units("bob", 7, &["10/h"])], at(53)).await;
        let file = Connection::open(folder.path().join("mailward.db")).expect("an administrator can look");
        let entries = "SELECT entries FROM counters WHERE key = 'recipients|bob'";
        let written = async |probe| {
            store.probe(at(probe)).await.expect("the store answers");
            file.query_row(entries, [], |row| row.get::<_, String>(0)).ok()
        };
        for probe in 0..PROBES_MAX {
            if let Some(entries) = written(probe).await {
                assert_eq!(entries, format!("[[{},7,1,null]]", at(53).as_millis()));
                return;
            }
        }
        panic!("nothing was written");
    });
}

#[test]
fn what_a_flagged_session_does_and_to_whom_it_writes_is_written_without_being_asked() {
    const PROBES_MAX: u64 = 20_000;
    let folder = tempfile::tempdir().expect("a folder");
    let store = opened(folder.path());
    let (site, alice): (SiteName, _) = ("site".into(), Account::from_canonical("alice"));
    run(async {
        store.put_flag(flag("site", "alice", 1)).await.expect("the store answers");
        store.add_to_flag(&code(1), Activity { stopped: 1, ..Activity::default() }).await.expect("the store answers");
        store.note_written(&site, &alice, vec![7], at(53)).await.expect("the store answers");
        let file = Connection::open(folder.path().join("mailward.db")).expect("an administrator can look");
        let recipients = "SELECT hex(recipients) FROM correspondents WHERE account = 'alice'";
        for probe in 0..PROBES_MAX {
            store.probe(at(probe)).await.expect("the store answers");
            let written = file.query_row(recipients, [], |row| row.get::<_, String>(0)).ok();
            let found = store.flag(&code(1)).await.expect("the store answers").expect("it is there");
            if let (Some(written), 1) = (written, found.since.stopped) {
                assert_eq!(written, "07000000");
                return;
            }
        }
        panic!("nothing was written");
    });
}

#[test]
fn only_its_owner_reads_the_file_and_what_lies_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("mailward.db"), "").expect("it can be written");
    std::fs::set_permissions(folder.path().join("mailward.db"), PermissionsExt::from_mode(0o644)).expect("it is ours");
    let store = opened(folder.path());
    run(store.probe(at(0))).expect("it can be written");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder.path()).expect("it can be read") {
        let entry = entry.expect("it can be read");
        let mode = entry.metadata().expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name());
    }
    assert!(names.iter().any(|name| name == "mailward.db-wal"), "{names:?}");
}

#[test]
fn two_gateways_do_not_share_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = opened(folder.path());
    assert!(matches!(open(folder.path()), Err(OpenError::InUse(_))));
    drop(first);
    opened(folder.path());
}

#[test]
fn a_file_that_cannot_be_used_is_refused_with_the_reason_and_left_alone() {
    type Spoil = fn(&Path);
    let cases: [(Spoil, &str); 5] = [
        (
            |path| {
                drop(opened(path.parent().expect("a folder")));
                sql(path, "PRAGMA user_version = 99");
            },
            "was written by a newer Mailward (schema 99, this one knows",
        ),
        (|path| sql(path, "CREATE TABLE shopping (item TEXT)"), "is a database of another program"),
        (|path| std::fs::write(path, "not a database ".repeat(500)).expect("it can be written"), "is damaged"),
        (
            |path| {
                let folder = path.parent().expect("a folder");
                let store = opened(folder);
                run(store.put_session(session("site", "bob", 1, at(99)), at(99))).expect("the store answers");
                drop(store);
                sql(path, "UPDATE sessions SET state = 'wide open'");
            },
            "is damaged",
        ),
        (|path| std::fs::create_dir(path).expect("it can be made"), "cannot be used"),
    ];
    for (spoil, reason) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mailward.db");
        spoil(&path);
        let before = std::fs::read(&path).ok();
        let error = open(folder.path()).err().unwrap_or_else(|| panic!("it opens, though it {reason}"));
        assert!(error.to_string().contains(reason), "{error}: should say it {reason}");
        assert_eq!(std::fs::read(&path).ok(), before, "{reason}");
    }
}

fn sql(path: &Path, sql: &str) {
    Connection::open(path).and_then(|file| file.execute_batch(sql)).expect("the sample can be made");
}

#[test]
fn a_folder_that_is_a_file_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data");
    std::fs::write(&path, "").expect("it can be written");
    assert!(matches!(open(&path), Err(OpenError::DataDir { .. })));
}

#[test]
fn while_the_file_cannot_be_written_what_is_stricter_holds_and_nothing_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = opened(folder.path());
    let (site, alice): (SiteName, _) = ("site".into(), Account::from_canonical("alice"));
    let (known, new) = (session("site", "alice", 1, at(50)), session("site", "bob", 2, at(50)));
    let (carol, dave) = (session("site", "carol", 3, at(50)), session("site", "dave", 4, at(50)));
    let restricted = Session { state: SessionState::Restricted, ..session("site", "erin", 5, at(50)) };
    run(async {
        for session in [&known, &carol, &dave, &restricted] {
            store.put_session(session.clone(), at(50)).await.expect("the store answers");
        }
        store.know_device(&site, &alice, [3; 16], at(50)).await.expect("the store answers");
        store.put_flag(flag("site", "alice", 1)).await.expect("the store answers");
        // Another program that keeps a transaction open.
        let other = Connection::open(folder.path().join("mailward.db")).expect("it opens");
        other.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");

        let step = |of: &Session, change| {
            let (store, hash) = (&store, of.hash);
            async move { store.change_session(&hash, change, at(51)).await }
        };
        let (restrict, restricts, opens, forgets, raises) = futures_util::join!(
            step(&carol, SessionChange::Flagged(code(1), SessionState::Restricted)),
            step(&dave, SessionChange::State(SessionState::Ended)),
            step(&restricted, SessionChange::State(SessionState::Open)),
            store.forget_devices(&site, &alice, None),
            store.put_flag(flag("site", "alice", 2)),
        );
        assert!(restrict.is_err() && restricts.is_err() && opens.is_err() && forgets.is_err() && raises.is_err());
        for (of, state) in
            [(&carol, SessionState::Restricted), (&dave, SessionState::Ended), (&restricted, SessionState::Restricted)]
        {
            assert_eq!(get(&store, &of.hash, at(52)).await.map(|session| session.state), Some(state));
        }
        assert_eq!(get(&store, &carol.hash, at(52)).await.and_then(|session| session.flag), Some(code(1)));
        assert_eq!(store.devices(&site, &alice, at(52)).await.expect("from memory"), []);
        let read = store.flag(&code(1)).await.expect("who reads waits for nobody who writes");
        assert!(read.is_some() && store.flag(&code(2)).await.expect("it reads").is_none());

        let (locked, ended, put, device, probe) = futures_util::join!(
            store.lock(alice_locked()),
            store.set_account_sessions(&site, &alice, SessionState::Ended, None, at(51)),
            store.put_session(new.clone(), at(51)),
            store.know_device(&site, &alice, [1; 16], at(51)),
            store.probe(at(51)),
        );
        assert!(locked.is_err() && ended.is_err() && put.is_err() && device.is_err() && probe.is_err());
        assert!(store.locked(&site, &alice).await.expect("from memory").is_some());
        let state = get(&store, &known.hash, at(52)).await.map(|session| session.state);
        assert_eq!(state, Some(SessionState::Ended));
        assert_eq!(get(&store, &new.hash, at(52)).await, None, "unknown, so restricted");
        assert_eq!(store.device_since(&site, &alice, [1; 16], at(52)).await.expect("from memory"), None);
        let _kept = fits(&store, &[units("alice", 10, &["10/h"])], at(52)).await;
        assert!(matches!(charge(&store, &[units("alice", 1, &["10/h"])], at(52)).await, Charged::Over(_)));

        other.execute_batch("ROLLBACK").expect("it is open");
        store.put_session(new.clone(), at(53)).await.expect("it can be written again");
        store.flush().await.expect("it can be written again");
    });
    drop(store);
    let store = opened(folder.path());
    let used = run(store.count(&CounterKey::new("recipients", "alice"), Duration::from_secs(3600), at(60)));
    assert_eq!(used.expect("the store answers"), 10, "written once it could be");
    let devices = run(store.devices(&site, &alice, at(60))).expect("the store answers");
    assert_eq!(devices, [], "forgotten on disk once it could be");
}
