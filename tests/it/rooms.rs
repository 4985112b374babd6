//! Keeps the rooms apart: reads every file under `src` and says which line uses what its room must not know.
//!
//! To add a rule: one entry in [`RULES`], with a line that breaks it and one that resembles it and does not. A rule
//! whose own bad line passes fails the tests, so none can be empty. Test code is not looked at.

use std::path::{Path, PathBuf};

/// What some rooms must not know, and why.
struct Rule {
    because: &'static str,
    /// Where it holds: beginnings of paths below `src`. Everywhere: `""`.
    rooms: &'static [&'static str],
    /// Where it does not hold all the same.
    except: &'static [&'static str],
    never: &'static [Never],
    /// A file and code in it that the rule refuses.
    bad: (&'static str, &'static str),
    /// The same for what looks like it and is right.
    good: (&'static str, &'static str),
}

/// What is not to be found.
enum Never {
    /// A path that begins like this, after `use`, `super` and braces are resolved: `crate::store`, `tokio`.
    Path(&'static str),
    /// A path that begins like this and goes on: `redis::Client`. The word alone may be anything's name.
    Below(&'static str),
    /// A path that has these segments anywhere: `Instant::now`.
    Within(&'static str),
    /// Code that contains this, within strings too.
    Text(&'static str),
}

use Never::{Below, Path as Begins, Text, Within};

static RULES: &[Rule] = &[
    Rule {
        because: "domain is plain types: it knows no other room",
        rooms: &["domain/"],
        except: &[],
        never: &[
            Begins("crate::app"),
            Begins("crate::cli"),
            Begins("crate::clock"),
            Begins("crate::config"),
            Begins("crate::edge"),
            Begins("crate::gateway"),
            Begins("crate::intel"),
            Begins("crate::policy"),
            Begins("crate::store"),
            Begins("crate::telemetry"),
            Begins("crate::upstream"),
            Begins("crate::webmail"),
        ],
        bad: ("domain/session.rs", "use super::super::store::Store;"),
        good: ("domain/session.rs", "use super::store_name; use crate::domain::Account;"),
    },
    Rule {
        because: "deciding is pure: facts come in, a verdict goes out",
        rooms: &["domain/", "policy/"],
        except: &[],
        never: &[
            Begins("axum"),
            Begins("crate::app"),
            Begins("crate::cli"),
            Begins("crate::clock"),
            Begins("crate::edge"),
            Begins("crate::gateway"),
            Begins("crate::scan"),
            Begins("crate::store"),
            Begins("crate::telemetry"),
            Begins("crate::upstream"),
            Begins("crate::webmail"),
            Begins("futures_util"),
            Begins("hyper"),
            Begins("hyper_util"),
            Begins("parking_lot"),
            Begins("prometheus_client"),
            Begins("redis"),
            Begins("rusqlite"),
            Begins("rustls"),
            Begins("std::env"),
            Begins("std::fs"),
            Begins("std::io"),
            Begins("std::net::TcpListener"),
            Begins("std::net::TcpStream"),
            Begins("std::net::UdpSocket"),
            Begins("std::process"),
            Begins("std::thread"),
            Begins("tokio"),
            Begins("tower"),
            Begins("tracing"),
            Text("async fn "),
        ],
        bad: ("policy/send.rs", "use crate::{\n    domain::Account,\n    store::{self, Store},\n};"),
        good: ("policy/send.rs", "use std::net::IpAddr; // tokio::spawn\nlet a = \"tokio::spawn\"; /* use tokio; */"),
    },
    Rule {
        because: "how long a flood is put up with is decided as policy decides: facts in, a verdict out",
        rooms: &["edge/flood.rs"],
        except: &[],
        never: &[
            Begins("crate::clock"),
            Begins("crate::edge::admission"),
            Begins("crate::edge::pace"),
            Begins("crate::edge::serve"),
            Begins("crate::gateway"),
            Begins("hyper"),
            Begins("parking_lot"),
            Begins("std::sync"),
            Begins("tokio"),
            Begins("tracing"),
            Text("async fn "),
        ],
        bad: ("edge/flood.rs", "use tokio::time::sleep;"),
        good: ("edge/flood.rs", "use crate::domain::Timestamp;"),
    },
    Rule {
        because: "deciding draws no randomness: it is passed in",
        rooms: &["domain/", "policy/"],
        except: &[],
        never: &[
            Begins("aws_lc_rs::rand"),
            Begins("getrandom"),
            Begins("rand"),
            Within("RandomState"),
            Within("SystemRandom"),
        ],
        bad: ("domain/reference.rs", "aws_lc_rs::rand::fill(&mut code)"),
        good: ("domain/key.rs", "use aws_lc_rs::hmac;"),
    },
    Rule {
        because: "only clock.rs reads a clock: everywhere else time is passed in",
        rooms: &[""],
        except: &["clock.rs"],
        never: &[
            Within("Instant::now"),
            Within("SystemTime::now"),
            Within("Timestamp::now"),
            Within("Utc::now"),
            Within("Zoned::now"),
        ],
        bad: ("gateway/sign_in.rs", "let now = std::time::Instant::now();"),
        good: ("gateway/sign_in.rs", "let now = clock.now();"),
    },
    Rule {
        because: "what a node does by itself is the same whatever store it shares",
        rooms: &["store/fallback/"],
        except: &[],
        never: &[Begins("crate::store::redis")],
        bad: ("store/fallback/mod.rs", "use crate::store::redis::Redis;"),
        good: ("store/fallback/mod.rs", "use crate::store::embedded::Embedded; let redis = 1;"),
    },
    Rule {
        because: "what was recorded is lived through in a store that is thrown away: nothing is contacted, nothing kept",
        rooms: &["simulate/"],
        except: &[],
        never: &[
            Begins("crate::admin"),
            Begins("crate::app"),
            Begins("crate::cli"),
            Begins("crate::edge"),
            Begins("crate::hook"),
            Begins("crate::mail"),
            Begins("crate::store::redis"),
            Begins("crate::upstream"),
            Begins("hyper"),
        ],
        bad: ("simulate/mod.rs", "use crate::store::redis::Redis;"),
        good: ("simulate/mod.rs", "use crate::store::embedded::Embedded;"),
    },
    Rule {
        because: "only store/redis knows Redis",
        rooms: &[""],
        except: &["store/redis"],
        never: &[Below("redis")],
        bad: ("gateway/mod.rs", "fn ask(client: &redis::Client) {}"),
        good: ("app.rs", "let redis = \"redis://127.0.0.1\"; use crate::store::redis::Redis; config.store.redis;"),
    },
    Rule {
        because: "only store/embedded knows SQLite",
        rooms: &[""],
        except: &["store/embedded/"],
        never: &[Begins("rusqlite")],
        bad: ("admin/mod.rs", "use ::rusqlite::Connection;"),
        good: ("store/embedded/database.rs", "use rusqlite::Connection;"),
    },
    Rule {
        because: "only webmail/<name> knows a field name or a page of that product",
        rooms: &[""],
        // No browser sends a cookie named like one of Roundcube's control fields, whatever the product behind the site:
        // the reader of cookies refuses them all by itself.
        except: &["webmail/roundcube", "webmail/squirrelmail", "webmail/php/cookies.rs"],
        never: &[
            Text("\"_action"),
            Text("\"_bcc\""),
            Text("\"_cc\""),
            Text("\"_draft"),
            Text("\"_pass\""),
            Text("\"_remote"),
            Text("\"_task"),
            Text("\"_token"),
            Text("\"_unlock"),
            Text("\"_user\""),
            Text("login_username"),
            Text("rcmail"),
            Text("roundcube_sessauth"),
            Text("secretkey"),
            Text("send_to"),
            Text("smtoken"),
            Text("SQMSESSID"),
        ],
        bad: ("gateway/classify.rs", "let task = query.get(b\"_task\");"),
        good: ("webmail/roundcube.rs", "let task = query.get(b\"_task\");"),
    },
    Rule {
        because: "a webmail adapter reads and speaks: it knows no limit, store or connection",
        rooms: &["webmail/"],
        except: &[],
        never: &[
            Begins("crate::app"),
            Begins("crate::config"),
            Begins("crate::edge"),
            Begins("crate::gateway"),
            Begins("crate::policy"),
            Begins("crate::store"),
            Begins("crate::upstream"),
            Begins("hyper"),
            Begins("tokio"),
        ],
        bad: ("webmail/php.rs", "use crate::policy::limits::Over;"),
        good: ("webmail/php.rs", "use crate::domain::Outcome;"),
    },
    Rule {
        because: "a store keeps what it is given: it knows no webmail, request or listener",
        rooms: &["store/"],
        except: &[],
        never: &[
            Begins("crate::app"),
            Begins("crate::config"),
            Begins("crate::edge"),
            Begins("crate::gateway"),
            Begins("crate::upstream"),
            Begins("crate::webmail"),
            Begins("axum"),
            Begins("http"),
            Begins("hyper"),
        ],
        bad: ("store/embedded/mod.rs", "use crate::config::Config;"),
        good: ("store/embedded/mod.rs", "use crate::policy::limits::Charge;"),
    },
    Rule {
        because: "the configuration is read before anything runs",
        rooms: &["config/"],
        except: &[],
        never: &[
            Begins("crate::app"),
            Begins("crate::edge"),
            Begins("crate::gateway"),
            Begins("crate::policy"),
            Begins("crate::store"),
            Begins("crate::upstream"),
        ],
        bad: ("config/check.rs", "crate::store::embedded::Embedded::open(path)"),
        good: ("config/check.rs", "use crate::webmail;"),
    },
    Rule {
        because: "intel looks up and nothing else: what follows from an answer is not its concern",
        rooms: &["intel/"],
        except: &[],
        never: &[
            Begins("crate::admin"),
            Begins("crate::alert"),
            Begins("crate::app"),
            Begins("crate::challenge"),
            Begins("crate::cli"),
            Begins("crate::clock"),
            Begins("crate::edge"),
            Begins("crate::gateway"),
            Begins("crate::policy"),
            Begins("crate::store"),
            Begins("crate::telemetry"),
            Begins("crate::upstream"),
            Begins("crate::webmail"),
            Begins("axum"),
            Begins("http"),
            Begins("hyper"),
            Begins("tokio"),
            Begins("tracing"),
        ],
        bad: ("intel/lists.rs", "use crate::policy::signals::tor;"),
        good: ("intel/lists.rs", "use crate::config::NetworkList; use super::files;"),
    },
    Rule {
        because: "alerts tell of events, whoever decided them",
        rooms: &["alert/", "hook.rs", "mail.rs"],
        except: &[],
        never: &[
            Begins("crate::admin"),
            Begins("crate::app"),
            Begins("crate::challenge"),
            Begins("crate::cli"),
            Begins("crate::edge"),
            Begins("crate::gateway"),
            Begins("crate::intel"),
            Begins("crate::policy"),
            Begins("crate::store"),
            Begins("crate::upstream"),
            Begins("crate::webmail"),
        ],
        bad: ("alert/words.rs", "use crate::policy::Decision;"),
        good: ("alert/words.rs", "use crate::domain::Event; use crate::telemetry::line;"),
    },
    Rule {
        because: "the desk shows and asks; what is done is done by the control that the command line asks as well",
        rooms: &["admin/desk/"],
        except: &[],
        never: &[
            Begins("crate::app"),
            Begins("crate::cli"),
            Begins("crate::config"),
            Begins("crate::edge"),
            Begins("crate::policy"),
            Begins("crate::upstream"),
            Begins("crate::webmail"),
        ],
        bad: ("admin/desk/flag.rs", "use crate::policy::theft;"),
        good: ("admin/desk/flag.rs", "use crate::admin::control::Command; use super::flags;"),
    },
    Rule {
        because: "who somebody is by a provider's word is no concern of pages, sessions and stores",
        rooms: &["openid/"],
        except: &[],
        never: &[
            Begins("crate::admin"),
            Begins("crate::app"),
            Begins("crate::cli"),
            Begins("crate::clock"),
            Begins("crate::edge"),
            Begins("crate::gateway"),
            Begins("crate::policy"),
            Begins("crate::store"),
            Begins("crate::upstream"),
            Begins("crate::webmail"),
        ],
        bad: ("openid/mod.rs", "use crate::store::Store;"),
        good: ("openid/mod.rs", "use crate::domain::Timestamp; use crate::config::OpenId;"),
    },
    Rule {
        because: "only openid reads what a provider signed",
        rooms: &[""],
        except: &["openid/"],
        never: &[Begins("jsonwebtoken")],
        bad: ("admin/desk/openid.rs", "use jsonwebtoken::decode;"),
        good: ("openid/verify.rs", "use jsonwebtoken::decode;"),
    },
    Rule {
        because: "only the desk's passwords are hashed by us",
        rooms: &[""],
        except: &["admin/desk/password.rs"],
        never: &[Begins("argon2")],
        bad: ("admin/desk/sign_in.rs", "use argon2::Argon2;"),
        good: ("admin/desk/password.rs", "use argon2::Argon2;"),
    },
    Rule {
        because: "only intel knows the formats of databases and filters, and judges passwords",
        rooms: &[""],
        except: &["intel/"],
        never: &[Begins("maxminddb"), Begins("xorf"), Begins("zxcvbn")],
        bad: ("cli/doctor.rs", "let reader = maxminddb::Reader::open_readfile(path)?;"),
        good: ("intel/database.rs", "use maxminddb::Reader;"),
    },
    Rule {
        because: "the configuration names files; intel reads them",
        rooms: &["config/"],
        except: &[],
        never: &[Begins("crate::intel")],
        bad: ("config/read.rs", "crate::intel::Intel::open(&config, now)"),
        good: ("config/read.rs", "use crate::domain::NetworkKind;"),
    },
    Rule {
        because: "challenge asks and shows: it knows no product, limit, store or connection",
        rooms: &["challenge/"],
        except: &[],
        never: &[
            Begins("crate::admin"),
            Begins("crate::app"),
            Begins("crate::cli"),
            Begins("crate::clock"),
            Begins("crate::config"),
            Begins("crate::edge"),
            Begins("crate::gateway"),
            Begins("crate::intel"),
            Begins("crate::policy"),
            Begins("crate::store"),
            Begins("crate::telemetry"),
            Begins("crate::upstream"),
            Begins("crate::webmail"),
            Begins("hyper"),
            Begins("tokio"),
        ],
        bad: ("challenge/factors/totp.rs", "use crate::store::Store;"),
        good: ("challenge/factors/totp.rs", "use crate::domain::FactorKind; use super::typed;"),
    },
    Rule {
        because: "only a factor's own file knows how it is proved, and only enrolled.rs how it is kept",
        rooms: &[""],
        except: &["challenge/factors/", "challenge/enrolled.rs"],
        never: &[Begins("totp_rs"), Begins("webauthn_rs"), Begins("fast_qr")],
        bad: ("gateway/own/proof.rs", "use webauthn_rs::prelude::Passkey;"),
        good: ("challenge/factors/passkey.rs", "use webauthn_rs::prelude::Passkey;"),
    },
    Rule {
        because: "only words.rs knows how messages are kept",
        rooms: &[""],
        except: &["challenge/words.rs"],
        never: &[Begins("fluent_bundle"), Begins("fluent_langneg"), Begins("unic_langid")],
        bad: ("challenge/asking.rs", "use fluent_bundle::FluentArgs;"),
        good: ("challenge/words.rs", "use fluent_bundle::FluentArgs;"),
    },
    Rule {
        because: "scan asks the scanners: it knows no product, limit or store, and decides nothing",
        rooms: &["scan/"],
        except: &[],
        never: &[
            Begins("crate::admin"),
            Begins("crate::alert"),
            Begins("crate::app"),
            Begins("crate::challenge"),
            Begins("crate::cli"),
            Begins("crate::edge"),
            Begins("crate::gateway"),
            Begins("crate::intel"),
            Begins("crate::policy"),
            Begins("crate::store"),
            Begins("crate::telemetry"),
            Begins("crate::upstream"),
            Begins("crate::webmail"),
        ],
        bad: ("scan/ask.rs", "use crate::policy::content;"),
        good: ("scan/ask.rs", "use crate::config::ScannerAddress; use crate::domain::Said; use super::content;"),
    },
    Rule {
        because: "only scan speaks with scanners and puts messages of people together",
        rooms: &[""],
        except: &["scan/"],
        never: &[Text("INSTREAM"), Text("SPAMC/"), Text("checkv2")],
        bad: ("gateway/scanning.rs", "connection.write_all(b\"zINSTREAM\\0\")"),
        good: ("scan/clamav.rs", "connection.write_all(b\"zINSTREAM\\0\")"),
    },
    Rule {
        because: "edge knows nothing inside",
        rooms: &["edge/"],
        except: &[],
        never: &[
            Begins("crate::app"),
            Begins("crate::challenge"),
            Begins("crate::gateway"),
            Begins("crate::intel"),
            Begins("crate::policy"),
            Begins("crate::store"),
            Begins("crate::upstream"),
            Begins("crate::webmail"),
        ],
        bad: ("edge/listen.rs", "use crate::{domain::Client, gateway::Gateway};"),
        good: ("edge/listen.rs", "use crate::{config::Listen, domain::Client}; fn gateway() {}"),
    },
    Rule {
        because: "nothing inside knows TLS",
        rooms: &[""],
        except: &["edge/", "app.rs", "app/doors.rs"],
        never: &[
            Begins("tokio_rustls"),
            Within("ResolvesServerCert"),
            Within("ServerConfig"),
            Within("TlsAcceptor"),
            Begins("rustls::server"),
        ],
        bad: ("gateway/mod.rs", "use rustls::{ClientConfig, ServerConfig};"),
        good: ("upstream/mod.rs", "use rustls::ClientConfig;"),
    },
    Rule {
        // What it may know is how requests are handed over (`Handler`) and the guard against floods.
        because: "the gateway is handed its requests: it knows no listener",
        rooms: &["gateway/"],
        except: &[],
        never: &[
            Begins("crate::edge::listen"),
            Begins("crate::edge::proxy_header"),
            Begins("crate::edge::redirect"),
            Begins("crate::edge::serve"),
            Begins("crate::edge::tls"),
        ],
        bad: ("gateway/mod.rs", "let listener = super::edge::listen::listeners(address);"),
        good: ("gateway/mod.rs", "use crate::edge::{Connection, Handler};"),
    },
    Rule {
        because: "the other doors judge as the gateway does: they know no webmail, page or operator",
        rooms: &["doors/"],
        except: &[],
        never: &[
            Begins("crate::admin"),
            Begins("crate::alert"),
            Begins("crate::app"),
            Begins("crate::challenge"),
            Begins("crate::cli"),
            Begins("crate::edge::listen"),
            Begins("crate::edge::serve"),
            Begins("crate::edge::tls"),
            Begins("crate::upstream"),
            Begins("crate::webmail"),
            Begins("rustls"),
        ],
        bad: ("doors/submission.rs", "use crate::webmail::Asked;"),
        good: ("doors/submission.rs", "use crate::gateway::judging::Judging; let webmail = 1;"),
    },
    Rule {
        because: "only app.rs opens the other doors",
        rooms: &[""],
        except: &["app/", "app.rs", "doors/"],
        never: &[Begins("crate::doors")],
        bad: ("gateway/send.rs", "use crate::doors::Doors;"),
        good: ("config/read.rs", "use super::doors::read_doors; let doors = config.doors;"),
    },
    Rule {
        because: "edge is the outermost room",
        rooms: &["upstream/", "challenge/", "admin/", "telemetry/"],
        except: &[],
        never: &[Begins("crate::edge")],
        bad: ("upstream/mod.rs", "let edge = super::edge::Edge::new();"),
        good: ("upstream/mod.rs", "let edge = super::domain::Account;"),
    },
    Rule {
        because: "app.rs puts the rooms together, and only the command line starts it",
        rooms: &[""],
        except: &["app.rs", "app/", "cli/", "main.rs"],
        never: &[Begins("crate::app"), Begins("crate::cli")],
        bad: ("gateway/mod.rs", "use crate::app::App;"),
        good: ("cli/serve.rs", "use crate::app::App;"),
    },
];

impl Rule {
    fn holds_in(&self, file: &str) -> bool {
        let within = |rooms: &[&str]| rooms.iter().any(|room| file.starts_with(room));
        within(self.rooms) && !within(self.except)
    }

    /// The lines of `code` that break it.
    fn broken_by(&self, file: &str, source: &str) -> Vec<String> {
        if !self.holds_in(file) {
            return Vec::new();
        }
        let code = Code::read(source);
        let paths = paths(file, &code.without_strings);
        let mut found = Vec::new();
        for never in self.never {
            let hits: Vec<(usize, &str)> = match never {
                Text(text) => code.with_strings.match_indices(text).collect(),
                Begins(start) => named(&paths, |path| path == *start || path.starts_with(&format!("{start}::"))),
                Below(start) => named(&paths, |path| path.starts_with(&format!("{start}::"))),
                Within(part) => named(&paths, |path| format!("::{path}::").contains(&format!("::{part}::"))),
            };
            found.extend(hits.into_iter().map(|(at, what)| {
                let line = source[..at.min(source.len())].matches('\n').count() + 1;
                format!("src/{file}:{line}: `{what}`, but {}", self.because)
            }));
        }
        found
    }
}

fn named(paths: &[(usize, String)], is_meant: impl Fn(&str) -> bool) -> Vec<(usize, &str)> {
    paths.iter().filter(|(_, path)| is_meant(path)).map(|(at, path)| (*at, path.as_str())).collect()
}

/// Source text without comments and test modules; what is left out is spaces, so that places stay the same.
struct Code {
    with_strings: String,
    without_strings: String,
}

impl Code {
    fn read(source: &str) -> Self {
        let mut with_strings = Vec::with_capacity(source.len());
        let mut without_strings = Vec::with_capacity(source.len());
        let bytes = source.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let (length, kind) = token(&bytes[at..]);
            for byte in &bytes[at..at + length] {
                let space = if *byte == b'\n' { b'\n' } else { b' ' };
                with_strings.push(if kind == Token::Comment { space } else { *byte });
                without_strings.push(if kind == Token::Code { *byte } else { space });
            }
            at += length;
        }
        blank_test_modules(&mut with_strings, &mut without_strings);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("blanking keeps whole characters");
        Self { with_strings: text(with_strings), without_strings: text(without_strings) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Code,
    Comment,
    Literal,
}

/// The length and kind of what `rest` begins with.
fn token(rest: &[u8]) -> (usize, Token) {
    let until = |end: &[u8], from: usize| {
        let found = rest[from..].windows(end.len()).position(|window| window == end);
        found.map_or(rest.len(), |place| from + place + end.len())
    };
    match rest {
        [b'/', b'/', ..] => (until(b"\n", 2), Token::Comment),
        [b'/', b'*', ..] => (block_comment(rest), Token::Comment),
        [b'"', ..] => (string(rest, 1), Token::Literal),
        [b'\'', b'\\', _, ..] => (until(b"'", 3), Token::Literal),
        [b'\'', first, ..] => {
            // A letter in quotes; anything else is a lifetime.
            let letter = std::str::from_utf8(&rest[1..rest.len().min(5)])
                .or_else(|error| std::str::from_utf8(&rest[1..1 + error.valid_up_to()]))
                .ok()
                .and_then(|text| text.chars().next())
                .map_or(1, char::len_utf8);
            let closes = *first != b'\'' && rest.get(1 + letter) == Some(&b'\'');
            if closes { (letter + 2, Token::Literal) } else { (1, Token::Code) }
        }
        [b'r', b'"' | b'#', ..] => raw_string(rest),
        [first, ..] if first.is_ascii_alphanumeric() || *first == b'_' => {
            let word = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
            // `br"…"` is a raw string that begins one letter later.
            if rest[..word] == *b"br" && matches!(rest.get(word), Some(b'"' | b'#')) {
                let (length, kind) = raw_string(&rest[1..]);
                return (length + 1, kind);
            }
            (word, Token::Code)
        }
        _ => (1, Token::Code),
    }
}

fn string(rest: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw_string(rest: &[u8]) -> (usize, Token) {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        // `r#type`: a word.
        return (1 + hashes, Token::Code);
    }
    let end: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let from = 2 + hashes;
    let found = rest[from..].windows(end.len()).position(|window| window == end);
    (found.map_or(rest.len(), |place| from + place + end.len()), Token::Literal)
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at + 1 < rest.len() {
        match &rest[at..at + 2] {
            b"/*" => (at, depth) = (at + 2, depth + 1),
            b"*/" => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// Blanks `#[cfg(test)] mod … { … }`. What follows such a module is looked at again.
fn blank_test_modules(with_strings: &mut [u8], without_strings: &mut [u8]) {
    const MARK: &[u8] = b"#[cfg(test)]";
    let mut from = 0;
    while let Some(found) = without_strings[from..].windows(MARK.len()).position(|window| window == MARK) {
        let start = from + found;
        let after = &without_strings[start + MARK.len()..];
        let Some(opens) = after.iter().position(|byte| matches!(byte, b'{' | b';')) else { return };
        let mut depth = 0;
        let closes = after[opens..].iter().position(|byte| {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let end = start + MARK.len() + opens + closes.unwrap_or(after.len() - opens - 1) + 1;
        for text in [&mut *with_strings, &mut *without_strings] {
            text[start..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        }
        from = end;
    }
}

/// Every path in the code, with its place, from its crate on: `use` trees spelled out, `super` and `self` resolved.
fn paths(file: &str, code: &str) -> Vec<(usize, String)> {
    let home = module(file);
    let mut paths = Vec::new();
    let mut rest = 0;
    while let Some(start) = next_use(code, rest) {
        inline_paths(&code[rest..start], rest, &home, &mut paths);
        let end = code[start..].find(';').map_or(code.len(), |length| start + length);
        for tree in spelled_out(&code[start..end]) {
            paths.push((start, resolved(&tree, &home)));
        }
        rest = end;
    }
    inline_paths(&code[rest..], rest, &home, &mut paths);
    paths
}

/// Where the tree after the next `use` begins.
fn next_use(code: &str, from: usize) -> Option<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code[from..]
        .match_indices("use")
        .map(|(at, _)| from + at)
        .find(|at| {
            let before = code[..*at].chars().next_back();
            let after = code[at + 3..].chars().next();
            !before.is_some_and(is_word) && after.is_some_and(char::is_whitespace)
        })
        .map(|at| at + 3)
}

/// `a::{b, c::{self, d as e}}` as `a::b`, `a::c`, `a::c::d`.
fn spelled_out(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some(opens) = tree.find('{') else {
        let name = tree.split(" as ").next().unwrap_or_default();
        let name: String = name.split_whitespace().collect();
        return vec![name.trim_end_matches("::self").trim_start_matches("::").to_owned()];
    };
    let stem: String = tree[..opens].split_whitespace().collect();
    let inner = &tree[opens + 1..tree.rfind('}').filter(|closes| closes > &opens).unwrap_or(tree.len())];
    let (mut depth, mut start) = (0, 0);
    let mut branches = Vec::new();
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                branches.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    branches.push(&inner[start..]);
    let branches = branches.into_iter().filter(|branch| !branch.trim().is_empty());
    branches
        .flat_map(spelled_out)
        .map(|branch| match branch.as_str() {
            "self" => stem.trim_end_matches("::").to_owned(),
            branch => format!("{stem}{branch}"),
        })
        .map(|path| path.trim_start_matches("::").to_owned())
        .collect()
}

fn inline_paths(code: &str, offset: usize, home: &[String], paths: &mut Vec<(usize, String)>) {
    let mut at = 0;
    while at < code.len() {
        let rest = &code[at..];
        let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
        if length == 0 {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        }
        let word = rest[..length].trim_matches(':');
        if word.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            paths.push((offset + at, resolved(word, home)));
        }
        at += length;
    }
}

/// The module that a file is: `policy/sign_in.rs` is `crate::policy::sign_in`.
fn module(file: &str) -> Vec<String> {
    let stem = file.trim_end_matches(".rs");
    let names = stem.split('/').filter(|name| !matches!(*name, "mod" | "lib" | "main"));
    std::iter::once("crate").chain(names).map(str::to_owned).collect()
}

fn resolved(path: &str, home: &[String]) -> String {
    let segments: Vec<&str> = path.split("::").filter(|segment| !segment.is_empty()).collect();
    let ups = segments.iter().take_while(|segment| matches!(**segment, "super" | "self")).count();
    if ups == 0 {
        let of_the_library = segments.first() == Some(&"mailward");
        let rest = if of_the_library { &segments[1..] } else { &segments[..] };
        let start = of_the_library.then_some("crate");
        return start.into_iter().chain(rest.iter().copied()).collect::<Vec<_>>().join("::");
    }
    let supers = segments[..ups].iter().filter(|segment| **segment == "super").count();
    let kept = home.len().saturating_sub(supers).max(1);
    home[..kept].iter().map(String::as_str).chain(segments[ups..].iter().copied()).collect::<Vec<_>>().join("::")
}

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders: Vec<PathBuf> = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the sources are there") {
            let path = entry.expect("the sources can be read").path();
            let name = path.strip_prefix(&root).expect("it is below the root").to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".rs") && !name.ends_with("tests.rs") && !name.contains("/tests/") {
                sources.push((name, std::fs::read_to_string(&path).expect("the sources are text")));
            }
        }
    }
    sources.sort();
    sources
}

#[test]
fn no_room_knows_what_it_must_not() {
    let sources = sources();
    assert!(sources.iter().any(|(file, _)| file == "policy/permit.rs"), "the sources were found");
    let broken: Vec<String> =
        sources.iter().flat_map(|(file, text)| RULES.iter().flat_map(move |rule| rule.broken_by(file, text))).collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn every_rule_refuses_its_bad_line_and_no_rule_refuses_a_good_one() {
    for rule in RULES {
        let (file, bad) = rule.bad;
        assert!(!rule.broken_by(file, bad).is_empty(), "{bad} is let through, though {}", rule.because);
        let (file, good) = rule.good;
        let broken: Vec<String> = RULES.iter().flat_map(|rule| rule.broken_by(file, good)).collect();
        assert!(broken.is_empty(), "{broken:?}");
    }
}

#[test]
fn a_broken_rule_names_the_line() {
    let source = "//! Doc.\n\nuse std::fmt;\n\nfn ask() { tokio::spawn(ready()) }\n";
    let broken: Vec<String> = RULES.iter().flat_map(|rule| rule.broken_by("policy/x.rs", source)).collect();
    assert_eq!(broken, ["src/policy/x.rs:5: `tokio::spawn`, but deciding is pure: facts come in, a verdict goes out"]);
}

#[test]
fn every_way_to_write_a_path_is_seen() {
    let refused = |source: &str| RULES.iter().any(|rule| !rule.broken_by("policy/deep/x.rs", source).is_empty());
    for source in [
        "use tokio;",
        "use tokio as t;",
        "pub use ::tokio::spawn;",
        "pub(crate) use tokio::{spawn, time::{self, sleep}};",
        "use {std::fmt, tokio::spawn};",
        "use crate::{domain::{self, Account}, store};",
        "use crate::\n    store::Store;",
        "use super::super::super::store::Store;",
        "use mailward::store::Store;",
        "fn f() -> Result<crate::store::Away, ()> { g() }",
        "fn f<T: tokio::io::AsyncRead>() {}",
        "async fn f() {}",
        "let quote = '\"'; tokio::spawn(f); let other = '\"';",
        "fn f<'a>(a: &'a str) { tokio::spawn(a) }",
        "let text = r#\"a \" b\"#; tokio::spawn(text);",
        "let text = \"\\\"\"; tokio::spawn(text);",
        "#[cfg(test)]\nmod tests { fn f() { let brace = \"}\"; } }\nuse tokio::spawn;",
        "#[cfg(test)]\nmod tests;\nuse tokio::spawn;",
        "/* a /* b */ c */ use tokio::spawn;",
    ] {
        assert!(refused(source), "{source}");
    }
    for source in [
        "// use tokio::spawn;",
        "/// [`tokio::spawn`]\nfn f() {}",
        "let text = \"tokio::spawn\";",
        "let text = br#\"tokio::spawn\"#;",
        "use super::store_facts::tokio_like;",
        "use crate::domain::{Account, store};",
        "fn f() { self::tokio() }",
        "#[cfg(test)]\nmod tests { use tokio::spawn; }",
    ] {
        assert!(!refused(source), "{source}");
    }
}
