//! `src/webmail/php` against PHP itself.
//!
//! Random and hostile requests are read by both, and must come out the same. `MAILWARD_PHP_INPUTS` says how many (the
//! long run's report is `docs/php-differential.md`); `MAILWARD_PHP_SEED` where to begin. An input is made from its
//! number alone, so a disagreement is found again by `MAILWARD_PHP_SEED=<its number> MAILWARD_PHP_INPUTS=1`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use data_encoding::BASE64;
use http::HeaderValue;
use mailward::webmail::php::{Cookies, Fields, FormReader};

use crate::php_fpm::{Connection, Fpm};

/// PHP's limit in this test: low, so that it is met often.
const MAX_INPUT_VARS: usize = 60;

/// In every run of the tests.
const INPUTS: u64 = 6_000;

const WORKERS: usize = 2;

/// Names and texts as both sides write them: an array has no text.
type Variables = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    query: Variables,
    body: Variables,
    cookies: Variables,
    files: Vec<Vec<u8>>,
}

#[test]
fn php_differential_random_and_hostile_requests_read_as_php_reads_them() {
    let setting = |name: &str, usual| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (inputs, first) = (setting("MAILWARD_PHP_INPUTS", INPUTS), setting("MAILWARD_PHP_SEED", 0));
    let limit = MAX_INPUT_VARS.to_string();
    let fpm = Fpm::start(
        WORKERS,
        &[
            ("max_input_vars", &limit),
            ("post_max_size", "64M"),
            ("upload_max_filesize", "32M"),
            ("memory_limit", "256M"),
        ],
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/php/dump.php");
    #[expect(clippy::disallowed_methods, reason = "says how long the comparison took")]
    let begun = Instant::now();
    let next = AtomicU64::new(first);
    let tallies: Vec<Tally> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| {
                let mut connection = fpm.connect();
                let (next, script) = (&next, &script);
                scope.spawn(move || {
                    let mut tally = Tally::default();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= first + inputs {
                            return tally;
                        }
                        tally.compare(number, &mut connection, script);
                    }
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker compares to its end")).collect()
    });
    let sum = |of: fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
    println!(
        "php differential: {inputs} inputs ({} urlencoded, {} multipart, {} of other types), {} variables and {} files \
         compared, {} bodies refused as too large, {} disagreements, {:.1} s",
        sum(|tally| tally.urlencoded),
        sum(|tally| tally.multipart),
        sum(|tally| tally.other),
        sum(|tally| tally.variables),
        sum(|tally| tally.files),
        sum(|tally| tally.refused),
        sum(|tally| tally.disagreements),
        begun.elapsed().as_secs_f64(),
    );
    assert_eq!(sum(|tally| tally.disagreements), 0, "see above");
}

#[derive(Default)]
struct Tally {
    urlencoded: u64,
    multipart: u64,
    other: u64,
    variables: u64,
    files: u64,
    refused: u64,
    disagreements: u64,
}

impl Tally {
    fn compare(&mut self, number: u64, php: &mut Connection, script: &Path) {
        let request = Request::made_from(number);
        match &request.content_type {
            kind if kind.to_ascii_lowercase().starts_with(b"multipart") => self.multipart += 1,
            kind if kind.to_ascii_lowercase().starts_with(b"application/x-www") => self.urlencoded += 1,
            _ => self.other += 1,
        }
        let theirs = request.as_php_reads_it(php, script);
        let Some(ours) = request.as_we_read_it() else {
            self.refused += 1;
            return;
        };
        self.variables += (theirs.query.len() + theirs.body.len() + theirs.cookies.len()) as u64;
        self.files += theirs.files.len() as u64;
        if ours != theirs {
            self.disagreements += 1;
            println!("input {number}: {}\n  PHP  {}\n  ours {}", request.shown(), shown(&theirs), shown(&ours));
        }
        assert_written_anew_reads_the_same(&request.cookie, number);
    }
}

/// The Cookie header that goes upstream reads as the one that came, without what begins with `_`.
fn assert_written_anew_reads_the_same(cookie: &[u8], number: u64) {
    let of = |cookies: &Cookies| -> Variables { cookies.iter().map(|(name, text)| (name.to_vec(), text)).collect() };
    let read = Cookies::read([cookie].into_iter());
    let mut expected = of(&read);
    expected.retain(|name, _| !name.starts_with(b"_"));
    let written = read.header(&[]).map(|header| header.as_bytes().to_vec()).unwrap_or_default();
    assert_eq!(of(&Cookies::read([&written[..]].into_iter())), expected, "input {number}");
}

struct Request {
    query: Vec<u8>,
    cookie: Vec<u8>,
    content_type: Vec<u8>,
    body: Vec<u8>,
    /// How the body is cut before our reader sees it.
    chunks: usize,
}

impl Request {
    fn as_php_reads_it(&self, php: &mut Connection, script: &Path) -> Seen {
        let length = self.body.len().to_string();
        let answer = php.run(
            script,
            &[
                ("REQUEST_METHOD", b"POST"),
                ("QUERY_STRING", &self.query),
                ("CONTENT_TYPE", &self.content_type),
                ("CONTENT_LENGTH", length.as_bytes()),
                ("HTTP_COOKIE", &self.cookie),
            ],
            &self.body,
        );
        let json: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_else(|error| {
            panic!("PHP answers with JSON, not {:?} ({error})", String::from_utf8_lossy(&answer))
        });
        let decoded = |text: &serde_json::Value| {
            text.as_str().map(|text| BASE64.decode(text.as_bytes()).expect("PHP writes base64"))
        };
        let variables = |source: &str| -> Variables {
            let rows = json[source].as_array().expect("a list");
            rows.iter().map(|row| (decoded(&row[0]).expect("a name"), decoded(&row[1]))).collect()
        };
        Seen {
            query: variables("get"),
            body: variables("post"),
            cookies: variables("cookie"),
            files: variables("files").into_keys().collect(),
        }
    }

    /// None where the form is refused unread.
    fn as_we_read_it(&self) -> Option<Seen> {
        let of = |fields: &Fields| -> Variables {
            fields.iter().map(|(name, text)| (name.to_vec(), text.map(<[u8]>::to_vec))).collect()
        };
        let mut seen = Seen {
            query: of(&Fields::from_query(&self.query, MAX_INPUT_VARS)),
            cookies: Cookies::read([&self.cookie[..]].into_iter())
                .iter()
                .map(|(name, text)| (name.to_vec(), text))
                .collect(),
            ..Seen::default()
        };
        let content_type = HeaderValue::from_bytes(&self.content_type).expect("the types made here fit a header");
        if let Some(mut reader) = FormReader::new(Some(&content_type), MAX_INPUT_VARS, |_: &[u8]| true) {
            self.body.chunks(self.chunks).for_each(|chunk| reader.push(chunk));
            let form = reader.finish().ok()?;
            seen.body = of(form.fields());
            seen.files = form.files().map(<[u8]>::to_vec).collect();
            seen.files.sort();
        }
        Some(seen)
    }

    fn shown(&self) -> String {
        let short = |text: &[u8]| text[..text.len().min(3000)].escape_ascii().to_string();
        format!(
            "query {} cookie {} type {} body {}",
            short(&self.query),
            short(&self.cookie),
            short(&self.content_type),
            short(&self.body)
        )
    }
}

fn shown(seen: &Seen) -> String {
    let list = |variables: &Variables| {
        let short = |text: &[u8]| text[..text.len().min(200)].escape_ascii().to_string();
        let row = |(name, text): (&Vec<u8>, &Option<Vec<u8>>)| {
            format!("{}={}", short(name), text.as_ref().map_or_else(|| "[…]".into(), |text| short(text)))
        };
        variables.iter().map(row).collect::<Vec<_>>().join(" | ")
    };
    let files = seen.files.iter().map(|name| name.escape_ascii().to_string()).collect::<Vec<_>>().join(" | ");
    format!("GET {} POST {} COOKIE {} FILES {files}", list(&seen.query), list(&seen.body), list(&seen.cookies))
}

/// Numbers that look random and come from a number (SplitMix64).
struct Dice(u64);

impl Dice {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % end as u64).expect("below a usize")
    }

    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn one<'a>(&mut self, of: &[&'a [u8]]) -> &'a [u8] {
        of[self.below(of.len())]
    }

    /// Some of these, one after the other.
    fn some(&mut self, of: &[&[u8]], at_most: usize) -> Vec<u8> {
        let count = self.below(at_most + 1);
        (0..count).flat_map(|_| self.one(of).to_vec()).collect()
    }
}

const NAMES: &[&[u8]] = &[
    b"_task",
    b"_action",
    b"_to",
    b"_draft",
    b"send",
    b"send_to",
    b"a",
    b"b",
    b"a",
    b"x y",
    b".",
    b"..",
    b"_",
    b"+",
    b" ",
    b"%20",
    b"%00",
    b"\0",
    b"%5f",
    b"%2e",
    b"%2E",
    b"[",
    b"]",
    b"[]",
    b"[]",
    b"[0]",
    b"[a]",
    b"[a.b]",
    b"[ ]",
    b"[ x]",
    b"%5B",
    b"%5D",
    b"%5b%5d",
    b"%",
    b"%4",
    b"%zz",
    b"%41",
    b"\xff",
    "é".as_bytes(),
    b"__Host-",
    b"_.Host-",
    b"__Secure-",
    b"_[Secure-",
    b"__.Host-",
    b"[ y",
    b"[\rz",
    b"\t",
    b"\n",
    b"\r",
    b"'",
    b"\"",
    b"\\",
    b":",
    b",",
    b"-",
    b"1",
    b"-1",
    b"007",
    b"tmp_name",
    b"[tmp_name]",
    b"[error]",
    b"MAX_FILE_SIZE",
    b"GLOBALS",
    b"this",
];

const TEXTS: &[&[u8]] = &[
    b"send",
    b"mail",
    b"1",
    b"0",
    b"x",
    b"a@example.org",
    b"%40",
    b"+",
    b" ",
    b"%00",
    b"\0",
    b"=",
    b"%3D",
    b"%26",
    b"%",
    b"%1",
    b"%g1",
    b"\xff",
    "ü".as_bytes(),
    b",",
    b"\r\n",
    b"\n",
    b"\r",
    b"\"",
    b"--",
    b"\xc3",
];

impl Request {
    fn made_from(number: u64) -> Self {
        let dice = &mut Dice(number.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let query = if dice.once_in(4) { fields(dice, b"&") } else { Vec::new() };
        let between = dice.one(&[b"; ", b";"]);
        let cookie = if dice.once_in(3) { fields(dice, between) } else { Vec::new() };
        let (content_type, body) = match dice.below(20) {
            0 => (other_type(dice), fields(dice, b"&")),
            1..=7 => (urlencoded_type(dice), fields(dice, b"&")),
            _ => multipart(dice),
        };
        // Line ends and NUL cannot come in a header or a request line.
        let in_header =
            |text: Vec<u8>| text.into_iter().filter(|byte| !b"\0\r\n".contains(byte)).take(20_000).collect();
        let chunks = [1, 2, 3, 17, 5119, 5120, 5121, 8192, usize::MAX][dice.below(9)];
        let chunks = if body.len() > 100_000 { chunks.max(17) } else { chunks };
        Self { query: in_header(query), cookie: in_header(cookie), content_type: in_header(content_type), body, chunks }
    }
}

fn fields(dice: &mut Dice, between: &[u8]) -> Vec<u8> {
    // We read more cookies than PHP would under this test's limit, so there it is not met.
    let count = match dice.below(24) {
        0 if between == b"&" => MAX_INPUT_VARS - 3 + dice.below(7),
        _ => dice.below(7),
    };
    let mut out = Vec::new();
    for number in 0..count {
        if number > 0 || dice.once_in(20) {
            out.extend_from_slice(between);
        }
        out.extend(name(dice));
        if !dice.once_in(8) {
            out.push(b'=');
            out.extend(dice.some(TEXTS, 4));
            if dice.once_in(60) {
                out.extend(vec![b'x'; 8000 + dice.below(600)]);
            }
        }
        if dice.once_in(20) {
            out.extend_from_slice(between);
        }
    }
    out
}

fn name(dice: &mut Dice) -> Vec<u8> {
    match dice.below(60) {
        0 => [b"a".to_vec(), b"[x]".repeat(62 + dice.below(5))].concat(),
        1 => vec![b'n'; 4000 + dice.below(200)],
        2..=20 => dice.one(NAMES).to_vec(),
        _ => dice.some(NAMES, 5),
    }
}

fn urlencoded_type(dice: &mut Dice) -> Vec<u8> {
    let kind = dice.one(&[
        b"application/x-www-form-urlencoded",
        b"application/x-www-form-urlencoded",
        b"Application/X-WWW-Form-URLEncoded",
    ]);
    let tail: &[&[u8]] = &[
        b"",
        b"",
        b"",
        b"; charset=UTF-8",
        b"; charset=utf-16",
        b";x",
        b",x",
        b" x",
        b"X",
        b"\tx",
        b";",
        b"; boundary=B",
    ];
    [kind, dice.one(tail)].concat()
}

fn other_type(dice: &mut Dice) -> Vec<u8> {
    dice.one(&[
        b"text/plain",
        b"application/json",
        b"",
        b"multipart/mixed; boundary=B",
        b"application/x-www-form-urlencodedX",
        b"x",
    ])
    .to_vec()
}

fn multipart(dice: &mut Dice) -> (Vec<u8>, Vec<u8>) {
    let boundary: Vec<u8> = match dice.below(40) {
        0 => Vec::new(),
        1 => vec![b'B'; 5100 + dice.below(40)],
        2 => b"a b".to_vec(),
        3 => b"--".to_vec(),
        4 => b"\xff'".to_vec(),
        _ => dice.one(&[b"B", b"XB", b"----WebKitFormBoundary7MA4YWxkTrZu0gW", b"BBB"]).to_vec(),
    };
    let kind =
        dice.one(&[b"multipart/form-data", b"multipart/form-data", b"multipart/form-data", b"Multipart/FORM-data"]);
    let content_type = match dice.below(16) {
        0 => [kind, b"; boundary=\"", &boundary, b"\""].concat(),
        1 => [kind, b"; boundary=\"", &boundary, b"\", x"].concat(),
        2 => [kind, b"; boundary=\"", &boundary].concat(),
        3 => [kind, b"; boundary=", &boundary, b"; boundary=C"].concat(),
        4 => [kind, b"; BOUNDARY=", &boundary].concat(),
        5 => [kind, b"; charset=utf-8; boundary=", &boundary, b",x"].concat(),
        6 => [kind, b"; xboundaryx; y=", &boundary].concat(),
        7 => [kind, dice.one(&[b"", b"; boundary", b";boundary =", b"; bOundary=x; boundary="]), &boundary].concat(),
        _ => [kind, b"; boundary=", &boundary].concat(),
    };
    let mut body = Vec::new();
    if dice.once_in(8) {
        body.extend(dice.some(&[b"preamble", b"\r\n", b"\n", b"--", &boundary], 5));
    }
    let parts = match dice.below(30) {
        0 => 16 + dice.below(10),
        1 => MAX_INPUT_VARS + dice.below(25),
        _ => dice.below(7),
    };
    for _ in 0..parts {
        part(dice, &boundary, &mut body);
    }
    if !dice.once_in(6) {
        body.extend_from_slice(&[b"--", &boundary[..], b"--\r\n"].concat());
    }
    if dice.once_in(12) {
        part(dice, &boundary, &mut body);
    }
    spoil(dice, &mut body);
    (content_type, body)
}

fn part(dice: &mut Dice, boundary: &[u8], body: &mut Vec<u8>) {
    let end: &[u8] = if dice.once_in(10) { b"\n" } else { b"\r\n" };
    let odd: &[u8] = if dice.once_in(40) { b"x" } else { b"" };
    body.extend_from_slice(&[b"--", boundary, odd, end].concat());
    for _ in 0..usize::from(!dice.once_in(30)) + usize::from(dice.once_in(12)) {
        body.extend(header(dice));
        body.extend_from_slice(end);
        if dice.once_in(8) {
            body.extend_from_slice(dice.one(&[
                b"Content-Type: text/plain",
                b" continued",
                b"\tx; name=c",
                b"no colon",
                b":",
                b"X: y",
                b"\0",
            ]));
            body.extend_from_slice(end);
        }
    }
    body.extend_from_slice(end);
    match dice.below(30) {
        0 => body.extend(vec![b'x'; 4800 + dice.below(700)]),
        1 => body.extend([&vec![b'y'; dice.below(20_000)][..], &b"\r\n--"[..dice.below(5)]].concat()),
        2 => body.extend_from_slice(&[b"z\n--", &boundary[..boundary.len() / 2]].concat()),
        3 => body.extend_from_slice(&[b"z--", boundary, b"\r\n"].concat()),
        4 => body.extend_from_slice(dice.one(&[b"10", b"-1", b" 5x", b"99999999999999999999"])),
        _ => body.extend(dice.some(TEXTS, 5)),
    }
    body.extend_from_slice(if dice.once_in(30) { b"" } else { end });
}

fn header(dice: &mut Dice) -> Vec<u8> {
    let key = dice.one(&[
        b"Content-Disposition: ",
        b"Content-Disposition: ",
        b"Content-Disposition: ",
        b"content-disposition:",
        b"CONTENT-DISPOSITION:\t ",
        b"Content-Disposition : ",
        b" Content-Disposition: ",
        b"Content-Type: ",
    ]);
    let mut out = key.to_vec();
    out.extend_from_slice(dice.one(&[
        b"form-data",
        b"form-data",
        b"form-data",
        b"",
        b"attachment",
        b"\"form-data\"",
        b"a=b",
        b"x'y",
    ]));
    for _ in 0..1 + dice.below(3) {
        out.extend_from_slice(dice.one(&[b"; ", b"; ", b"; ", b";", b";;", b" ", b";\t", b"; x=y; "]));
        let key = dice.one(&[
            b"name",
            b"name",
            b"name",
            b"name",
            b"filename",
            b"NAME",
            b"FileName",
            b"filename*",
            b" name",
            b"name ",
            b"\"name\"",
        ]);
        out.extend_from_slice(key);
        out.extend_from_slice(dice.one(&[b"=", b"=", b"=", b"=", b"==", b" =", b"= ", b""]));
        let text = dice.some(NAMES, 3).into_iter().filter(|&byte| byte != b'\n').collect::<Vec<_>>();
        let text = if dice.once_in(6) { Vec::new() } else { text };
        match dice.below(10) {
            0 => out.extend(text),
            1 => out.extend([b"'", &text[..], b"'"].concat()),
            2 => out.extend([b"\"", &text[..]].concat()),
            3 => out.extend([b"\"", &text[..], b"\\\"q\\\\\" tail"].concat()),
            _ => out.extend([b"\"", &text[..], b"\""].concat()),
        }
    }
    out
}

/// Now and then something is cut off, taken out, doubled or put in.
fn spoil(dice: &mut Dice, body: &mut Vec<u8>) {
    if body.is_empty() || !dice.once_in(4) {
        return;
    }
    let at = dice.below(body.len());
    match dice.below(4) {
        0 => body.truncate(at),
        1 => {
            let end = (at + 1 + dice.below(8)).min(body.len());
            body.drain(at..end);
        }
        2 => {
            let doubled = body[at..(at + 40).min(body.len())].to_vec();
            body.splice(at..at, doubled);
        }
        _ => {
            let more = dice.some(&[b"\r", b"\n", b"\0", b"\"", b"'", b"\\", b";", b"=", b"-", b"["], 3);
            body.splice(at..at, more);
        }
    }
}
