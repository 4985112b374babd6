//! The variables of a body, read chunk by chunk.

use std::io;

use http::HeaderValue;

use super::fields::{Fields, Spelling, spelling};
use super::multipart::Multipart;
use super::names::{Registered, register, url_decoded};
use crate::webmail::Unnatural;

/// Bytes of names and values kept of one form, so that a form never takes more memory than this. Ten thousand
/// recipients are a third of it.
const KEPT_BYTES_MAX: usize = 1024 * 1024;

/// A field's name is read this far. No product has a name near it; what is longer is read past, or refused where it
/// might still become one that is kept.
const NAME_BYTES_MAX: usize = 4096;

/// Read at a time from where a body waits.
const CHUNK_BYTES: usize = 64 * 1024;

/// Variables of a body as PHP makes them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Form {
    fields: Fields,
    files: Vec<Vec<u8>>,
    file_chosen: bool,
    odd_parts: bool,
    sent: Option<Vec<SentField>>,
}

/// A field as the browser sent it, before PHP made anything of its name.
#[derive(Clone, PartialEq, Eq)]
pub struct SentField {
    /// Decoded, otherwise as sent.
    pub name: Vec<u8>,
    /// Decoded; empty for a file.
    pub value: Vec<u8>,
    /// A file, whose content is not kept.
    pub is_file: bool,
}

/// A file of a form as PHP takes it out, in the order in which it comes.
pub enum FilePiece<'a> {
    /// It begins.
    Begin {
        /// What the person's machine calls it; written by the client.
        name: &'a [u8],
    },
    /// More of its content.
    Content(&'a [u8]),
}

/// Who is given the files of a form while it is read.
type Files<'f> = Box<dyn FnMut(FilePiece<'_>) + Send + 'f>;

impl Form {
    /// Reads a body from wherever it waits, and keeps everything in it but its files, which `files` is given in pieces.
    /// Of names and texts at most `kept_max` bytes are kept. `None` when PHP does not parse this type, or there is more.
    ///
    /// # Errors
    /// The body cannot be read.
    pub fn read_from(
        content_type: Option<&HeaderValue>,
        mut body: impl io::Read,
        max_input_vars: usize,
        kept_max: usize,
        files: impl FnMut(FilePiece<'_>) + Send,
    ) -> io::Result<Option<Self>> {
        let Some(mut reader) = FormReader::new(content_type, max_input_vars, |_: &[u8]| true) else { return Ok(None) };
        reader.collected.sent = Some(Vec::new());
        reader.collected.bytes_left = kept_max;
        reader.collected.files_to = Some(Box::new(files));
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match body.read(&mut chunk)? {
                0 => return Ok(reader.finish().ok()),
                read => reader.push(&chunk[..read]),
            }
        }
    }

    /// Reads a whole body and keeps everything in it, in order: for a page that hands it all back to the person.
    /// `None` when PHP does not parse this type. Takes as much memory as the body; the caller bounds it.
    pub fn read_whole(content_type: Option<&HeaderValue>, body: &[u8], max_input_vars: usize) -> Option<Self> {
        let mut reader = FormReader::new(content_type, max_input_vars, |_: &[u8]| true)?;
        reader.collected.sent = Some(Vec::new());
        reader.collected.bytes_left = usize::MAX;
        reader.push(body);
        reader.finish().ok()
    }

    /// Its variables; only those that were to be kept have their values here.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The top-level names under which PHP has files.
    pub fn files(&self) -> impl Iterator<Item = &[u8]> {
        self.files.iter().map(Vec::as_slice)
    }

    /// Whether a person chose a file: a part with a file name that is not empty.
    pub fn file_chosen(&self) -> bool {
        self.file_chosen
    }

    /// Whether the boundary occurs where no browser puts it (they choose one that the content does not have). How
    /// such a body falls into parts can depend on PHP's upload limits, which nobody knows here.
    pub fn odd_parts(&self) -> bool {
        self.odd_parts
    }

    /// Everything that was sent, in order; only after [`Form::read_whole`].
    pub fn sent(&self) -> Option<&[SentField]> {
        self.sent.as_deref()
    }
}

/// Shows no values: they are what people wrote.
impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Form({} fields)", self.fields.count())
    }
}

/// Shows no value: it is what people wrote.
impl std::fmt::Debug for SentField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SentField({:?})", String::from_utf8_lossy(&self.name))
    }
}

/// Reads a body in chunks, cut anywhere, in bounded memory: values of fields that `keep` does not want and contents of
/// files are read past.
///
/// `keep` is asked with a variable's name as PHP makes it, brackets cut off.
pub struct FormReader<'f, K> {
    kind: Kind,
    collected: Collected<'f, K>,
}

enum Kind {
    Urlencoded(Urlencoded),
    Multipart(Box<Multipart>),
    /// Multipart without a boundary that PHP finds: it makes no variables.
    Nothing,
}

impl<K: Fn(&[u8]) -> bool> FormReader<'_, K> {
    /// A reader for a body of this type; `None` when PHP does not parse the type (or there is none).
    pub fn new(content_type: Option<&HeaderValue>, max_input_vars: usize, keep: K) -> Option<Self> {
        let content_type = content_type?.as_bytes();
        let end = content_type.iter().position(|byte| b";, ".contains(byte)).unwrap_or(content_type.len());
        let kind = match content_type[..end].to_ascii_lowercase().as_slice() {
            b"application/x-www-form-urlencoded" => Kind::Urlencoded(Urlencoded::new(max_input_vars)),
            b"multipart/form-data" => match Multipart::new(content_type, max_input_vars) {
                Some(multipart) => Kind::Multipart(Box::new(multipart)),
                None => Kind::Nothing,
            },
            _ => return None,
        };
        Some(Self { kind, collected: Collected::new(keep) })
    }

    /// Reads the next chunk.
    pub fn push(&mut self, chunk: &[u8]) {
        match &mut self.kind {
            Kind::Urlencoded(reader) => reader.push(chunk, &mut self.collected),
            Kind::Multipart(reader) => reader.push(chunk, &mut self.collected),
            Kind::Nothing => {}
        }
    }

    /// The form, after the last chunk.
    ///
    /// # Errors
    /// When more would have to be kept than any browser's form has.
    pub fn finish(mut self) -> Result<Form, Unnatural> {
        let mut odd_parts = false;
        match &mut self.kind {
            Kind::Urlencoded(reader) => reader.finish(&mut self.collected),
            Kind::Multipart(reader) => odd_parts = reader.finish(&mut self.collected),
            Kind::Nothing => {}
        }
        let Collected { fields, files, file_chosen, overflown, sent, .. } = self.collected;
        if overflown {
            return Err(Unnatural { rule: "form fields too large" });
        }
        Ok(Form { fields, files, file_chosen, odd_parts, sent })
    }
}

/// What is kept of a form while it is read.
pub(super) struct Collected<'f, K> {
    fields: Fields,
    files: Vec<Vec<u8>>,
    file_chosen: bool,
    sent: Option<Vec<SentField>>,
    keep: K,
    bytes_left: usize,
    overflown: bool,
    files_to: Option<Files<'f>>,
}

impl<K: Fn(&[u8]) -> bool> Collected<'_, K> {
    fn new(keep: K) -> Self {
        Self {
            fields: Fields::default(),
            files: Vec::new(),
            file_chosen: false,
            sent: None,
            keep,
            bytes_left: KEPT_BYTES_MAX,
            overflown: false,
            files_to: None,
        }
    }

    /// Whether what is registered so is to be kept.
    pub(super) fn wants(&self, registered: &Registered) -> bool {
        self.sent.is_some() || registered.name().is_some_and(|name| (self.keep)(name))
    }

    /// Makes room for this much; false, once and for all, when there is none.
    pub(super) fn reserve(&mut self, bytes: usize) -> bool {
        match self.bytes_left.checked_sub(bytes) {
            Some(left) if !self.overflown => {
                self.bytes_left = left;
                true
            }
            _ => {
                self.overflow();
                false
            }
        }
    }

    /// More would have to be kept than is allowed: the form will be refused.
    pub(super) fn overflow(&mut self) {
        self.overflown = true;
    }

    pub(super) fn count_one(&mut self, max_input_vars: usize) {
        self.fields.count_one(max_input_vars);
    }

    /// A variable that [`Collected::wants`] wanted and room was reserved for.
    pub(super) fn put(&mut self, registered: Registered, spelling: Spelling, sent: &[u8], value: Vec<u8>) {
        self.fields.put(registered, spelling, sent, || value);
    }

    /// A field as it was sent, where all are kept.
    pub(super) fn put_sent(&mut self, name: &[u8], value: &[u8], is_file: bool) {
        if let Some(sent) = &mut self.sent {
            sent.push(SentField { name: name.to_vec(), value: value.to_vec(), is_file });
        }
    }

    /// A piece of a file, for whoever is given files.
    pub(super) fn give(&mut self, piece: FilePiece<'_>) {
        if let Some(files) = &mut self.files_to {
            files(piece);
        }
    }

    /// A file that PHP takes under this name.
    pub(super) fn put_file(&mut self, registered: &Registered, chosen: bool) {
        self.file_chosen |= chosen;
        let Some(name) = registered.name() else { return };
        if self.files.iter().any(|known| known == name) {
            return;
        }
        if self.reserve(name.len()) {
            self.files.push(name.to_vec());
        }
        if (self.keep)(name) {
            self.fields.note_odd(name);
        }
    }
}

/// Reads `application/x-www-form-urlencoded`.
struct Urlencoded {
    max_input_vars: usize,
    counted: usize,
    name: Vec<u8>,
    name_cut: bool,
    value: Option<Value>,
    done: bool,
}

/// What is read behind the `=` of a field.
struct Value {
    registered: Registered,
    spelling: Spelling,
    /// None when it is read past.
    raw: Option<Vec<u8>>,
}

impl Urlencoded {
    fn new(max_input_vars: usize) -> Self {
        Self { max_input_vars, counted: 0, name: Vec::new(), name_cut: false, value: None, done: false }
    }

    fn push<K: Fn(&[u8]) -> bool>(&mut self, mut chunk: &[u8], collected: &mut Collected<'_, K>) {
        while !self.done && !chunk.is_empty() {
            let in_value = self.value.is_some();
            let end = chunk.iter().position(|&byte| byte == b'&' || (byte == b'=' && !in_value));
            let (text, rest) = chunk.split_at(end.unwrap_or(chunk.len()));
            match &mut self.value {
                None => {
                    let room = NAME_BYTES_MAX - self.name.len();
                    self.name_cut |= text.len() > room;
                    self.name.extend_from_slice(&text[..text.len().min(room)]);
                }
                Some(Value { raw: Some(raw), .. }) => {
                    if collected.reserve(text.len()) {
                        raw.extend_from_slice(text);
                    }
                }
                Some(Value { raw: None, .. }) => {}
            }
            match rest.first() {
                Some(b'=') => self.value = Some(self.named(collected)),
                Some(_) => self.end_of_field(collected),
                None => {}
            }
            chunk = rest.get(1..).unwrap_or_default();
        }
    }

    fn finish<K: Fn(&[u8]) -> bool>(&mut self, collected: &mut Collected<'_, K>) {
        // An empty field counts between two `&`, and not after the last.
        if !self.done && (self.value.is_some() || !self.name.is_empty()) {
            self.end_of_field(collected);
        }
    }

    fn named<K: Fn(&[u8]) -> bool>(&mut self, collected: &mut Collected<'_, K>) -> Value {
        let decoded = url_decoded(&self.name);
        let registered = register(&decoded);
        let wanted = collected.wants(&registered);
        if self.name_cut {
            // Whether its bracket closes is not known, and what stands behind its blanks neither.
            let base = decoded.split(|&byte| byte == b'[').next().unwrap_or_default();
            if wanted || collected.wants(&register(base)) || base.iter().all(|&byte| byte == b' ') {
                collected.overflow();
            }
        }
        let keep = wanted && collected.reserve(self.name.len());
        Value { spelling: spelling(&self.name, &registered), registered, raw: keep.then(Vec::new) }
    }

    fn end_of_field<K: Fn(&[u8]) -> bool>(&mut self, collected: &mut Collected<'_, K>) {
        let value = match self.value.take() {
            Some(value) => value,
            None => self.named(collected),
        };
        if let Some(raw) = value.raw {
            let text = url_decoded(&raw);
            let name = url_decoded(&self.name);
            collected.put_sent(&name, &text, false);
            collected.put(value.registered, value.spelling, &name, text.into_owned());
        }
        collected.count_one(self.max_input_vars);
        self.name.clear();
        self.name_cut = false;
        // PHP checks after it has registered, so one more than the limit is read.
        self.counted += 1;
        self.done = self.counted > self.max_input_vars;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(content_type: &str, body: &[u8]) -> Option<Form> {
        let content_type = HeaderValue::from_str(content_type).expect("the tests write header values");
        let mut reader = FormReader::new(Some(&content_type), 1000, |name: &[u8]| name != b"_message")?;
        reader.push(body);
        reader.finish().ok()
    }

    fn text(content_type: &str, body: &str, name: &str) -> Option<String> {
        let form = form(content_type, body.as_bytes())?;
        Some(String::from_utf8_lossy(form.fields().text(name.as_bytes())?).into_owned())
    }

    #[test]
    fn the_types_that_php_parses_are_parsed() {
        for parsed in [
            "application/x-www-form-urlencoded",
            "APPLICATION/X-WWW-Form-Urlencoded",
            "application/x-www-form-urlencoded; charset=utf-16",
            "application/x-www-form-urlencoded;x",
            "application/x-www-form-urlencoded,text/plain",
            "application/x-www-form-urlencoded x",
        ] {
            assert_eq!(text(parsed, "_to=a%40b", "_to").as_deref(), Some("a@b"), "{parsed}");
        }
        for not in
            ["application/x-www-form-urlencodedX", "text/plain", "multipart/mixed; boundary=B", "", "application/json"]
        {
            assert!(form(not, b"_to=a").is_none(), "{not}");
        }
        assert!(FormReader::new(None, 1000, |_: &[u8]| true).is_none());
        // Of the right type, and yet without variables.
        for nothing in ["multipart/form-data", "multipart/form-data; boundary", "multipart/form-data; boundary=\"B"] {
            assert_eq!(form(nothing, b"--B\r\n").map(|form| form.fields().count()), Some(0), "{nothing}");
        }
    }

    #[test]
    fn an_urlencoded_body_reads_as_php_reads_it() {
        let urlencoded = "application/x-www-form-urlencoded";
        for (body, name, value) in [
            ("_to=a&_to=b", "_to", Some("b")),
            ("_to%00z=d", "_to", Some("d")),
            ("_a[b=2", "_a_b", Some("2")),
            ("+_action=send", "_action", Some("send")),
            ("_to", "_to", Some("")),
            ("_message=x", "_message", None),
            ("a=b=c", "a", Some("b=c")),
            ("a[]=1", "a", None),
        ] {
            assert_eq!(text(urlencoded, body, name).as_deref(), value, "{body}");
        }
        let late = format!("{}_draft=1", "x&".repeat(1001));
        assert_eq!(text(urlencoded, &late, "_draft"), None);
        let last = format!("{}_draft=1", "x&".repeat(1000));
        assert_eq!(text(urlencoded, &last, "_draft").as_deref(), Some("1"));
    }

    #[test]
    fn what_is_not_kept_has_no_bound_and_what_is_kept_has_one() {
        let urlencoded = "application/x-www-form-urlencoded";
        let long = "x".repeat(KEPT_BYTES_MAX);
        assert_eq!(text(urlencoded, &format!("_message={long}&_to=a"), "_to").as_deref(), Some("a"));
        assert!(form(urlencoded, format!("_subject={long}&_to=a").as_bytes()).is_none());
        let content_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        let refused = |name: &str| {
            let mut reader = FormReader::new(Some(&content_type), 1000, |name: &[u8]| name == b"_to").expect("parsed");
            reader.push(name.as_bytes());
            reader.finish().is_err()
        };
        assert!(!refused(&format!("{long}=1")), "a long name that cannot be one that counts");
        assert!(refused(&format!("{}_to=1", "+".repeat(NAME_BYTES_MAX))), "a name that hides behind blanks");
        assert!(refused(&format!("_to[{long}]=1")), "a name that hides in brackets");
    }

    #[test]
    fn files_are_given_in_pieces_and_the_rest_is_kept_within_its_bound() {
        let content_type = HeaderValue::from_static("multipart/form-data; boundary=B");
        let content: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
        let text = "--B\r\nContent-Disposition: form-data; name=\"body\"\r\n\r\nhello\r\n";
        let file = |name: &str, content: &[u8]| {
            let head = format!("--B\r\nContent-Disposition: form-data; name=\"f[]\"; filename=\"{name}\"\r\n\r\n");
            [head.as_bytes(), content, b"\r\n"].concat()
        };
        let none = file("", b"");
        let body = [text.as_bytes(), &file("a.bin", &content), &none, &file("b", b"x"), b"--B--\r\n"].concat();
        let read = |kept_max: usize| {
            let mut files: Vec<(String, Vec<u8>)> = Vec::new();
            let given = |piece: FilePiece<'_>| match piece {
                FilePiece::Begin { name } => files.push((String::from_utf8_lossy(name).into_owned(), Vec::new())),
                FilePiece::Content(piece) => files.last_mut().expect("one began").1.extend_from_slice(piece),
            };
            let form = Form::read_from(Some(&content_type), body.as_slice(), 1000, kept_max, given).expect("in memory");
            (form, files)
        };
        let (form, files) = read(1000);
        let form = form.expect("it is a form");
        assert_eq!(form.fields().text(b"body"), Some(&b"hello"[..]));
        assert_eq!(form.sent().map(<[_]>::len), Some(4));
        assert_eq!(files.len(), 2, "none was chosen in one of them");
        assert!(files[0] == ("a.bin".to_owned(), content.clone()) && files[1] == ("b".to_owned(), b"x".to_vec()));
        assert!(read(4).0.is_none(), "more text than is kept");
    }

    #[test]
    fn a_whole_form_keeps_everything_in_order() {
        let content_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        let form = Form::read_whole(Some(&content_type), b"a.b=1&a.b=2&c%5B%5D=%00", 1000).expect("it is a form");
        let sent: Vec<_> = form.sent().expect("kept").iter().map(|field| (&field.name[..], &field.value[..])).collect();
        assert_eq!(sent, [(&b"a.b"[..], &b"1"[..]), (b"a.b", b"2"), (b"c[]", b"\0")]);
        assert!(!format!("{form:?}").contains('1'));
    }
}
