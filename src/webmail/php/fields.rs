//! The variables of one source: a query, a body.

use std::collections::HashMap;

use super::names::{Registered, register, until_nul, url_decoded};

/// How a variable was spelled where it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As browsers spell it.
    Plain,
    /// A dot, a blank, an escape, a cut or a bracket that only PHP takes for this name.
    Odd,
}

/// Up to here a name is found by looking at all of them: quicker than hashing, and no real request has more. Beyond, a
/// long query made by an attacker would cost the square of its length.
const FEW: usize = 16;

/// Variables of a query or a body as PHP makes them: the last of equal names wins, an array replaces a text.
///
/// Beside the values stands what strictness needs: how often a name was sent and whether it was ever spelled oddly.
/// Everything in it can be written by an attacker.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields {
    variables: Vec<Variable>,
    /// Where each stands, once they are more than [`FEW`].
    places: HashMap<Vec<u8>, usize>,
    counted: usize,
    crowded: bool,
}

/// One variable, and how it was sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Variable {
    name: Vec<u8>,
    value: Value,
    sent: u32,
    spelling: Spelling,
}

#[derive(Clone, PartialEq, Eq)]
enum Value {
    Text(Vec<u8>),
    /// Every element that was sent, also those that a later one replaces.
    Array(Vec<Element>),
    /// Sent, and removed again by PHP.
    Gone,
}

/// One element of an array, as it was sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Element {
    /// Where in the array: what stands behind its name, brackets included, decoded.
    pub at: Vec<u8>,
    /// Its text, decoded.
    pub text: Vec<u8>,
}

/// Shows no text: it is what people wrote.
impl std::fmt::Debug for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Element({:?})", String::from_utf8_lossy(&self.at))
    }
}

impl Fields {
    /// Reads a query string as it stands in the URL, without its `?`. Fields beyond `max_input_vars` are not read, as
    /// PHP does not.
    pub fn from_query(raw: &[u8], max_input_vars: usize) -> Self {
        let mut fields = Self::default();
        for part in until_nul(raw).split(|&byte| byte == b'&').filter(|part| !part.is_empty()) {
            if fields.counted == max_input_vars {
                break;
            }
            fields.count_one(max_input_vars);
            let (name, value) = split_at_equals(part);
            let decoded = url_decoded(name);
            let registered = register(&decoded);
            let spelling = spelling(name, &registered);
            fields.put(registered, spelling, &decoded, || url_decoded(value).into_owned());
        }
        fields
    }

    /// What is known of a variable; none when nothing was sent under its name.
    pub fn variable(&self, name: &[u8]) -> Option<&Variable> {
        self.place(name).map(|place| &self.variables[place])
    }

    /// The text of a variable; none when it was not sent or is an array.
    pub fn text(&self, name: &[u8]) -> Option<&[u8]> {
        self.variable(name)?.text()
    }

    /// Every element that was sent of an array, in order; empty when it is none.
    pub fn elements(&self, name: &[u8]) -> &[Element] {
        self.variable(name).and_then(Variable::elements).unwrap_or_default()
    }

    /// Whether the variable is an array.
    pub fn is_array(&self, name: &[u8]) -> bool {
        self.variable(name).is_some_and(Variable::is_array)
    }

    /// Whether PHP has a variable of this name, text or array.
    pub fn has(&self, name: &[u8]) -> bool {
        self.variable(name).is_some_and(|variable| variable.value != Value::Gone)
    }

    /// How often a variable of this name was sent, whatever became of it. Elements of an array count each.
    pub fn times_sent(&self, name: &[u8]) -> u32 {
        self.variable(name).map_or(0, Variable::times_sent)
    }

    /// Whether any of them was spelled as no browser spells it.
    pub fn spelled_oddly(&self, name: &[u8]) -> bool {
        self.variable(name).is_some_and(Variable::spelled_oddly)
    }

    /// How many fields were sent, those forgotten by PHP or not kept here included; at most one more than
    /// `max_input_vars`.
    pub fn count(&self) -> usize {
        self.counted
    }

    /// Whether more than nine tenths of PHP's `max_input_vars` were used: no form of any product comes near it.
    pub fn crowded(&self) -> bool {
        self.crowded
    }

    /// Every variable that PHP has: its name, and its text unless it is an array.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.variables.iter().filter_map(|variable| match &variable.value {
            Value::Text(text) => Some((variable.name.as_slice(), Some(text.as_slice()))),
            Value::Array(_) => Some((variable.name.as_slice(), None)),
            Value::Gone => None,
        })
    }

    /// One more field was seen, kept or not.
    pub(super) fn count_one(&mut self, max_input_vars: usize) {
        self.counted += 1;
        self.crowded = self.counted > max_input_vars - max_input_vars / 10;
    }

    /// Registers a variable that was sent as `sent`; `value` is asked for only where PHP keeps it.
    pub(super) fn put(
        &mut self,
        registered: Registered,
        spelling: Spelling,
        sent: &[u8],
        value: impl FnOnce() -> Vec<u8>,
    ) {
        let (name, value) = match registered {
            Registered::Nothing => return,
            Registered::Text(name) => (name, Value::Text(value())),
            Registered::Array(name) => {
                let bracket = sent.iter().position(|&byte| byte == b'[').unwrap_or(sent.len());
                (name, Value::Array(vec![Element { at: until_nul(&sent[bracket..]).to_vec(), text: value() }]))
            }
            Registered::Removed(name) => (name, Value::Gone),
        };
        match self.place(&name) {
            Some(place) => {
                let variable = &mut self.variables[place];
                match (&mut variable.value, value) {
                    (Value::Array(known), Value::Array(more)) => known.extend(more),
                    (known, value) => *known = value,
                }
                variable.sent += 1;
                if spelling == Spelling::Odd {
                    variable.spelling = Spelling::Odd;
                }
            }
            None => self.add(Variable { name, value, sent: 1, spelling }),
        }
    }

    /// Something that is no field was sent under this name.
    pub(super) fn note_odd(&mut self, name: &[u8]) {
        match self.place(name) {
            Some(place) => self.variables[place].spelling = Spelling::Odd,
            None => self.add(Variable { name: name.to_vec(), value: Value::Gone, sent: 0, spelling: Spelling::Odd }),
        }
    }

    fn add(&mut self, variable: Variable) {
        self.variables.push(variable);
        if self.variables.len() > FEW {
            // All of them the first time, then only the new one.
            let known = self.places.len();
            let new = self.variables[known..].iter().enumerate();
            self.places.extend(new.map(|(place, variable)| (variable.name.clone(), known + place)));
        }
    }

    fn place(&self, name: &[u8]) -> Option<usize> {
        if self.variables.len() > FEW {
            self.places.get(name).copied()
        } else {
            self.variables.iter().position(|variable| variable.name == name)
        }
    }
}

impl Variable {
    /// Its text; none when it is an array.
    pub fn text(&self) -> Option<&[u8]> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Array(_) | Value::Gone => None,
        }
    }

    /// Every element that was sent, in order; none when it is no array.
    pub fn elements(&self) -> Option<&[Element]> {
        match &self.value {
            Value::Array(elements) => Some(elements),
            Value::Text(_) | Value::Gone => None,
        }
    }

    /// Whether it is an array.
    pub fn is_array(&self) -> bool {
        self.elements().is_some()
    }

    /// How often it was sent, whatever became of it. Elements of an array count each.
    pub fn times_sent(&self) -> u32 {
        self.sent
    }

    /// Whether any of them was spelled as no browser spells it.
    pub fn spelled_oddly(&self) -> bool {
        self.spelling == Spelling::Odd
    }
}

/// Shows no values: they are what people wrote.
impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fields({} sent)", self.counted)
    }
}

/// A field at its first `=`; without one the value is empty.
pub(super) fn split_at_equals(part: &[u8]) -> (&[u8], &[u8]) {
    match part.iter().position(|&byte| byte == b'=') {
        Some(at) => (&part[..at], &part[at + 1..]),
        None => (part, b""),
    }
}

/// Whether `sent` (still encoded) is how a browser writes the name that PHP made of it. Brackets may be escaped: some
/// browsers' code does, some does not.
pub(super) fn spelling(sent: &[u8], registered: &Registered) -> Spelling {
    let plain = match registered {
        Registered::Nothing => true,
        Registered::Text(name) => sent == name,
        Registered::Array(name) | Registered::Removed(name) => sent
            .strip_prefix(name.as_slice())
            .is_some_and(|rest| [&b"["[..], b"%5B", b"%5b"].iter().any(|bracket| rest.starts_with(bracket))),
    };
    if plain { Spelling::Plain } else { Spelling::Odd }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Fields {
        Fields::from_query(query.as_bytes(), 1000)
    }

    #[test]
    fn the_last_of_equal_names_wins_and_the_first_thousand_fields_count() {
        assert_eq!(read("_to=a&_to=b").text(b"_to"), Some(&b"b"[..]));
        assert_eq!(read("_to=a&.to=b").times_sent(b"_to"), 2);
        assert_eq!(read("a=1&a[]=2").text(b"a"), None);
        assert!(read("a=1&a[]=2").is_array(b"a"));
        assert_eq!(read("a[]=2&a=1").text(b"a"), Some(&b"1"[..]));
        assert_eq!(read("a;b=1").text(b"a;b"), Some(&b"1"[..]));
        assert_eq!(read("&&a&&").count(), 1);
        let long = format!("{}&_draft=1", ["x=1"; 1000].join("&"));
        assert_eq!(read(&long).text(b"_draft"), None);
        assert_eq!(read(&long).count(), 1000);
    }

    #[test]
    fn every_element_of_an_array_is_there_with_its_place() {
        let of = |query: &str| -> Vec<String> {
            let text = |element: &Element| format!("{}={}", element.at.escape_ascii(), element.text.escape_ascii());
            read(query).elements(b"a").iter().map(text).collect()
        };
        assert_eq!(of("a[0][x]=1&b=2&a%5B0%5D%5Bx%5D=%41&a[]"), ["[0][x]=1", "[0][x]=A", "[]="]);
        assert_eq!(of("a[x%00y]=1"), Vec::<String>::new(), "no array: its bracket never closes");
        assert_eq!(of("a[x]%00y=1"), ["[x]=1"]);
        assert_eq!(of("a[x]=1&a=2"), Vec::<String>::new());
        assert_eq!(of("a=2&a[x]=1"), ["[x]=1"]);
    }

    #[test]
    fn many_variables_are_found_like_few() {
        let query: Vec<String> = (0..900).map(|number| format!("v{}={number}", number % 300)).collect();
        let fields = read(&query.join("&"));
        for number in 0..300 {
            let name = format!("v{number}");
            assert_eq!(fields.text(name.as_bytes()), Some((number + 600).to_string().as_bytes()));
            assert_eq!(fields.times_sent(name.as_bytes()), 3);
        }
        assert_eq!((fields.iter().count(), fields.text(b"v300")), (300, None));
    }

    #[test]
    fn spellings_that_only_php_understands_are_noted() {
        for odd in [".to=x", "+_to=x", "%5fto=x", "_to%00z=x", "%20_to=x", ".to[]=x", "_%74o=x"] {
            assert!(read(odd).spelled_oddly(b"_to"), "{odd}");
        }
        for plain in ["_to=x", "_to[]=x", "_to%5B%5D=x", "_to%5b0%5d=x", "_to"] {
            assert!(!read(plain).spelled_oddly(b"_to"), "{plain}");
            assert_eq!(read(plain).times_sent(b"_to"), 1, "{plain}");
        }
    }
}
