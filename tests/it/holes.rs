//! What the rules against known holes say of serialised values, beside what PHP makes of them.

use std::path::Path;

use http::{HeaderMap, Method};
use mailward::webmail::php::{Cookies, Fields};
use mailward::webmail::squirrelmail::SquirrelMail;
use mailward::webmail::{Reading, Webmail as _};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::php_fpm::Fpm;

/// Values that PHP is asked about.
const VALUES: usize = 4_000;

/// Pieces of which serialised values are made, so that what comes out is near one.
fn serialised() -> impl Strategy<Value = Vec<u8>> {
    let odd = select(vec![
        &b"O:8:\"stdClass\":0:{}"[..],
        b"O:+8:\"stdClass\":0:{}",
        b"O:7:\"Message\":1:{s:14:\"att_local_name\";s:0:\"\";}",
        b"C:11:\"ArrayObject\":21:{x:i:0;a:0:{};m:a:0:{}}",
        b"E:3:\"A:B\";",
        b"r:1;",
        b"R:1;",
        b"i:+1;",
        b"i:01;",
        b"b:2;",
        b"d:INF;",
        b"d:1.5E+25;",
        b"d:.;",
        b"S:1:\"\\41\";",
        b"s:2:\"a\";",
        b"a:1:{i:0;}",
        b"a:-1:{}",
        b"a:1:{",
        b"}",
        b"%4f:8:\"stdClass\":0:{}",
    ])
    .prop_map(<[u8]>::to_vec);
    let text =
        vec(any::<u8>(), 0..8).prop_map(|text| [format!("s:{}:\"", text.len()).as_bytes(), &text, b"\";"].concat());
    let plain = prop_oneof![
        Just(b"N;".to_vec()),
        Just(b"b:1;".to_vec()),
        any::<i64>().prop_map(|number| format!("i:{number};").into_bytes()),
        any::<f64>().prop_map(|number| format!("d:{number};").into_bytes()),
        text,
    ];
    let leaf = prop_oneof![12 => plain, 1 => odd];
    let value = leaf.prop_recursive(4, 24, 4, |inner| vec(inner, 0..4).prop_map(array));
    (vec(value, 0..4).prop_map(array), vec(any::<u8>(), 0..2), select(vec![false, false, false, true]))
        .prop_map(|(value, behind, more)| if more { [value, behind].concat() } else { value })
}

fn array(members: Vec<Vec<u8>>) -> Vec<u8> {
    let count = members.len();
    let members = members.into_iter().enumerate();
    let members = members.flat_map(|(key, member)| [format!("i:{key};").into_bytes(), member].concat());
    [format!("a:{count}:{{").into_bytes(), members.collect(), b"}".to_vec()].concat()
}

fn encoded(value: &[u8]) -> String {
    value.iter().map(|byte| format!("%{byte:02X}")).collect()
}

fn passes(value: &[u8]) -> bool {
    let reading = Reading {
        method: &Method::GET,
        path: "/src/compose.php",
        query: &Fields::from_query(format!("mailtodata={}", encoded(value)).as_bytes(), 1000),
        cookies: &Cookies::default(),
        form: None,
        headers: &HeaderMap::new(),
        session_cookie: SquirrelMail.session_cookie(),
    };
    SquirrelMail.close_holes(&reading, &[]).is_ok()
}

/// PHP makes an array without any object of whatever passes; and what PHP itself writes passes.
#[test]
fn what_passes_as_serialised_is_an_array_without_objects_to_php() {
    let fpm = Fpm::start(1, &[]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/php/unserialize.php");
    let mut connection = fpm.connect();
    let mut runner = TestRunner::deterministic();
    let values: Vec<Vec<u8>> =
        (0..VALUES).map(|_| serialised().new_tree(&mut runner).expect("a value").current()).collect();
    let lines: Vec<String> = values.iter().map(|value| encoded(value)).collect();
    let parameters: [(&str, &[u8]); 3] = [
        ("REQUEST_METHOD", b"POST"),
        ("CONTENT_TYPE", b"text/plain"),
        ("CONTENT_LENGTH", &lines.join("\n").len().to_string().into_bytes()),
    ];
    let said = connection.run(&script, &parameters, lines.join("\n").as_bytes());
    let said = String::from_utf8(said).expect("words");
    let (mut passed, mut refused) = (0, 0);
    for (value, said) in values.iter().zip(said.lines()) {
        let shown = value.escape_ascii();
        match (passes(value), said) {
            (true, "array" | "same") => passed += 1,
            // Whether a text names a class once it is decoded again is not PHP's to say.
            (false, "same") if value.contains(&b'%') || value.contains(&b':') && names_one(value) => refused += 1,
            (false, "same") => panic!("PHP writes it just so, and it is refused: {shown}"),
            (false, _) => refused += 1,
            (true, other) => panic!("it passes, and is {other} to PHP: {shown}"),
        }
    }
    assert_eq!(passed + refused, VALUES, "PHP answered for each: {said:.200}");
    assert!(passed > VALUES / 10 && refused > VALUES / 10, "{passed} passed, {refused} refused");
}

fn names_one(value: &[u8]) -> bool {
    value.windows(2).any(|two| b"OoCE".contains(&two[0]) && two[1] == b':')
}
