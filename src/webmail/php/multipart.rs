//! `multipart/form-data` as PHP 8.2 takes it apart (its `rfc1867_post_handler`).
//!
//! PHP reads through a window of 5 KiB, and where that window ends decides some odd cases: a "line" longer than it is
//! cut, a part of a boundary at its end is waited for. So the window is kept here just as PHP keeps it, and a step is
//! taken only when as much has come in as PHP would have read for it. How the body was cut into chunks then cannot
//! matter.

use memchr::memchr;

use super::fields::Spelling;
use super::form::{Collected, FilePiece};
use super::names::{is_space, normalised, register, until_nul};

/// PHP's `FILLUNIT`.
const UNIT: usize = 5 * 1024;

/// A longer boundary PHP refuses, and reads no variables.
const BOUNDARY_MAX: usize = UNIT - 4;

/// PHP's `max_file_uploads`.
const UPLOADS_MAX: usize = 20;

/// Bytes of one part's headers. Browsers send less than a thousand, a long file name included.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// Consumed bytes that are carried along before the rest is moved to the front.
const CONSUMED_MAX: usize = 64 * 1024;

/// Enough of a `MAX_FILE_SIZE` to read its number as C does.
const MAX_FILE_SIZE_BYTES: usize = 64;

/// A body being taken apart.
pub(super) struct Multipart {
    /// `--` and the boundary: a line of its own before each part.
    delimiter: Vec<u8>,
    /// The same after a line feed: where a part's content ends.
    delimiter_next: Vec<u8>,
    window_max: usize,
    max_input_vars: usize,

    data: Vec<u8>,
    /// PHP's buffer is `data[begin..begin + window]`; what follows it PHP has not read yet.
    begin: usize,
    window: usize,
    ended: bool,

    state: State,
    counted: usize,
    parts_left: usize,
    uploads_left: usize,
    /// Once a file is not taken, PHP takes no further one.
    skips_uploads: bool,
    max_file_size: i64,
    unnamed: usize,

    delimiters: usize,
    occurrences: Occurrences,
}

enum State {
    Delimiter,
    Headers(Headers),
    Field(Field),
    File(File),
    Done,
}

#[derive(Default)]
struct Headers {
    entries: Vec<(Vec<u8>, Vec<u8>)>,
    bytes: usize,
    /// A line was continued, without a colon or too long: no browser writes such.
    odd: bool,
}

struct Field {
    sent: Vec<u8>,
    odd: bool,
    /// None when it is read past.
    value: Option<Vec<u8>>,
    max_file_size: Option<Vec<u8>>,
}

struct File {
    sent: Vec<u8>,
    taken: i64,
    /// Too large: PHP reads once more and then looks for the next part.
    cancelled: bool,
}

/// What a step of the reading came to.
enum Step<T> {
    Got(T),
    /// The body is at its end.
    End,
    /// More of the body is needed first.
    Wait,
}

impl Multipart {
    /// A reader for a body whose `Content-Type` is `content_type`; none when PHP finds no boundary in it that it takes.
    pub(super) fn new(content_type: &[u8], max_input_vars: usize) -> Option<Self> {
        let boundary = boundary(content_type).filter(|boundary| boundary.len() <= BOUNDARY_MAX)?;
        let delimiter = [b"--", boundary].concat();
        Some(Self {
            delimiter_next: [b"\n--", boundary].concat(),
            window_max: UNIT.max(boundary.len() + 6),
            max_input_vars,
            data: Vec::new(),
            begin: 0,
            window: 0,
            ended: false,
            state: State::Delimiter,
            counted: 0,
            parts_left: max_input_vars + UPLOADS_MAX,
            uploads_left: UPLOADS_MAX,
            skips_uploads: false,
            max_file_size: 0,
            unnamed: 0,
            delimiters: 0,
            occurrences: Occurrences::of(&delimiter),
            delimiter,
        })
    }

    pub(super) fn push<K: Fn(&[u8]) -> bool>(&mut self, chunk: &[u8], collected: &mut Collected<'_, K>) {
        self.occurrences.push(chunk);
        if matches!(self.state, State::Done) {
            return;
        }
        self.data.extend_from_slice(chunk);
        self.advance(collected);
        if self.begin > CONSUMED_MAX {
            self.data.drain(..self.begin);
            self.begin = 0;
        }
    }

    /// After the last chunk: whether the boundary was found where no browser puts it.
    pub(super) fn finish<K: Fn(&[u8]) -> bool>(&mut self, collected: &mut Collected<'_, K>) -> bool {
        self.ended = true;
        self.advance(collected);
        self.occurrences.found != self.delimiters
    }

    fn advance<K: Fn(&[u8]) -> bool>(&mut self, collected: &mut Collected<'_, K>) {
        loop {
            let state = std::mem::replace(&mut self.state, State::Done);
            self.state = match state {
                State::Done => return,
                State::Delimiter => match self.line() {
                    Step::Wait => {
                        self.state = State::Delimiter;
                        return;
                    }
                    Step::End => State::Done,
                    Step::Got(line) => {
                        let closing = line.strip_prefix(&self.delimiter[..]) == Some(b"--");
                        let found = until_nul(&line) == self.delimiter;
                        self.delimiters += usize::from(found || closing);
                        if found { State::Headers(Headers::default()) } else { State::Delimiter }
                    }
                },
                State::Headers(mut headers) => match self.line() {
                    Step::Wait => {
                        self.state = State::Headers(headers);
                        return;
                    }
                    Step::End => self.part(headers, collected),
                    Step::Got(line) if until_nul(&line).is_empty() => {
                        headers.odd |= !line.is_empty();
                        self.part(headers, collected)
                    }
                    Step::Got(line) => {
                        headers.bytes += line.len();
                        if headers.bytes > HEADER_BYTES_MAX {
                            collected.overflow();
                            State::Done
                        } else {
                            headers.take(&line);
                            State::Headers(headers)
                        }
                    }
                },
                State::Field(mut field) => match self.content() {
                    Step::Wait => {
                        self.state = State::Field(field);
                        return;
                    }
                    Step::End => self.end_of_field(field, collected),
                    Step::Got(content) => {
                        field.take(&self.data[content], collected);
                        State::Field(field)
                    }
                },
                State::File(mut file) => match self.content() {
                    Step::Wait => {
                        self.state = State::File(file);
                        return;
                    }
                    Step::Got(content) if !file.cancelled => {
                        collected.give(FilePiece::Content(&self.data[content.clone()]));
                        file.taken = file.taken.saturating_add(i64::try_from(content.len()).unwrap_or(i64::MAX));
                        file.cancelled = self.max_file_size != 0 && file.taken > self.max_file_size;
                        State::File(file)
                    }
                    Step::Got(_) | Step::End => self.end_of_file(&file.sent, true, collected),
                },
            };
        }
    }

    /// What PHP makes of a part's headers, and with it what its content is.
    fn part<K: Fn(&[u8]) -> bool>(&mut self, headers: Headers, collected: &mut Collected<'_, K>) -> State {
        let Some(disposition) = headers.get(b"Content-Disposition") else { return State::Delimiter };
        let Some(parts_left) = self.parts_left.checked_sub(1) else { return State::Done };
        self.parts_left = parts_left;
        let (name, file_name) = parameters(disposition);
        let (name, file_name) = match (name, file_name) {
            (Some(name), None) => {
                let wanted = collected.wants(&register(&name));
                let odd = headers.odd || !headers.written_by_a_browser(&name);
                return State::Field(Field {
                    odd,
                    value: (wanted && collected.reserve(name.len())).then(Vec::new),
                    max_file_size: name.eq_ignore_ascii_case(b"MAX_FILE_SIZE").then(Vec::new),
                    sent: name,
                });
            }
            // PHP gives up here: nothing behind it is read.
            (None, None) => return State::Done,
            (name, Some(file_name)) => (name, file_name),
        };
        self.skips_uploads |= self.uploads_left == 0;
        let name = name.unwrap_or_else(|| {
            let number = self.unnamed;
            self.unnamed += 1;
            number.to_string().into_bytes()
        });
        self.skips_uploads |= !brackets_are_sound(&name);
        if self.skips_uploads {
            return State::Delimiter;
        }
        if file_name.is_empty() {
            return self.end_of_file(&name, false, collected);
        }
        self.uploads_left -= 1;
        collected.give(FilePiece::Begin { name: &file_name });
        State::File(File { sent: name, taken: 0, cancelled: false })
    }

    fn end_of_field<K: Fn(&[u8]) -> bool>(&mut self, field: Field, collected: &mut Collected<'_, K>) -> State {
        if let Some(text) = field.max_file_size {
            self.max_file_size = number(&text);
        }
        self.counted += 1;
        collected.count_one(self.max_input_vars);
        if let Some(value) = field.value {
            collected.put_sent(&field.sent, &value, false);
            if self.counted <= self.max_input_vars {
                let registered = register(&field.sent);
                let plain = !field.odd && super::fields::spelling(&field.sent, &registered) == Spelling::Plain;
                let spelling = if plain { Spelling::Plain } else { Spelling::Odd };
                collected.put(registered, spelling, &field.sent, value);
            }
        }
        State::Delimiter
    }

    fn end_of_file<K: Fn(&[u8]) -> bool>(
        &mut self,
        sent: &[u8],
        chosen: bool,
        collected: &mut Collected<'_, K>,
    ) -> State {
        collected.put_sent(sent, b"", true);
        // PHP spreads a file over `name[tmp_name]` and its like, an index in brackets behind that, and respells it first.
        let bracket = sent.iter().position(|&byte| byte == b'[').filter(|_| sent.ends_with(b"]"));
        let (base, index) = sent.split_at(bracket.unwrap_or(sent.len()));
        collected.put_file(&register(&normalised(&[base, b"[tmp_name]", index].concat())), chosen);
        State::Delimiter
    }

    /// Lets PHP's buffer run full. False: as much has not come in yet.
    fn fill(&mut self) -> bool {
        let there = self.data.len() - self.begin;
        if there < self.window_max && !self.ended {
            return false;
        }
        self.window = there.min(self.window_max);
        true
    }

    /// The next line, without its end.
    fn line(&mut self) -> Step<Vec<u8>> {
        if let Some(line) = self.line_in_window() {
            return Step::Got(line);
        }
        if !self.fill() {
            return Step::Wait;
        }
        self.line_in_window().map_or(Step::End, Step::Got)
    }

    fn line_in_window(&mut self) -> Option<Vec<u8>> {
        let seen = &self.data[self.begin..self.begin + self.window];
        let (line, used) = match seen.iter().position(|&byte| byte == b'\n') {
            Some(end) => (seen[..end].strip_suffix(b"\r").unwrap_or(&seen[..end]), end + 1),
            // A line longer than the window is cut there.
            None if self.window == self.window_max => (seen, self.window),
            None => return None,
        };
        let line = line.to_vec();
        self.consume(used);
        Some(line)
    }

    /// Where the next piece of a part's content lies.
    fn content(&mut self) -> Step<std::ops::Range<usize>> {
        if self.window < UNIT && !self.fill() {
            return Step::Wait;
        }
        let seen = &self.data[self.begin..self.begin + self.window];
        let bound = start_of(seen, &self.delimiter_next);
        let mut len = bound.unwrap_or(self.window).min(UNIT - 1);
        if bound.is_some() && len > 0 && seen[len - 1] == b'\r' {
            len -= 1;
        }
        if len == 0 {
            return Step::End;
        }
        let begin = self.begin;
        self.consume(len);
        Step::Got(begin..begin + len)
    }

    fn consume(&mut self, bytes: usize) {
        self.begin += bytes;
        self.window -= bytes;
    }
}

impl Headers {
    fn take(&mut self, line: &[u8]) {
        let text = until_nul(line);
        self.odd |= text.len() < line.len();
        let colon = if is_space(text[0]) { None } else { text.iter().position(|&byte| byte == b':') };
        match (colon, self.entries.last_mut()) {
            (Some(colon), _) => {
                let value = &text[colon + 1..];
                let value = &value[value.iter().take_while(|&&byte| is_space(byte)).count()..];
                self.entries.push((text[..colon].to_vec(), value.to_vec()));
            }
            (None, Some((_, value))) => {
                value.extend_from_slice(text);
                self.odd = true;
            }
            (None, None) => self.odd = true,
        }
    }

    fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.entries.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_slice())
    }

    /// Whether they are what every browser writes before the field `name`.
    fn written_by_a_browser(&self, name: &[u8]) -> bool {
        let [(key, value), rest @ ..] = &self.entries[..] else { return false };
        let expected = [&b"form-data; name=\""[..], name, b"\""].concat();
        key == b"Content-Disposition"
            && *value == expected
            && rest.iter().all(|(key, _)| key.eq_ignore_ascii_case(b"Content-Type"))
    }
}

impl Field {
    fn take<K: Fn(&[u8]) -> bool>(&mut self, content: &[u8], collected: &mut Collected<'_, K>) {
        if let Some(value) = &mut self.value
            && collected.reserve(content.len())
        {
            value.extend_from_slice(content);
        }
        if let Some(text) = &mut self.max_file_size {
            let room = MAX_FILE_SIZE_BYTES - text.len();
            text.extend_from_slice(&content[..content.len().min(room)]);
        }
    }
}

/// The boundary that PHP finds in a `Content-Type`.
fn boundary(content_type: &[u8]) -> Option<&[u8]> {
    let word = b"boundary";
    let at = content_type
        .windows(word.len())
        .position(|found| found == word)
        .or_else(|| content_type.windows(word.len()).position(|found| found.eq_ignore_ascii_case(word)))?;
    let equals = content_type[at..].iter().position(|&byte| byte == b'=')?;
    let value = &content_type[at + equals + 1..];
    match value.strip_prefix(b"\"") {
        Some(quoted) => Some(&quoted[..quoted.iter().position(|&byte| byte == b'"')?]),
        None => Some(&value[..value.iter().position(|byte| b",;".contains(byte)).unwrap_or(value.len())]),
    }
}

/// `name` and `filename` of a `Content-Disposition`; the last of each counts.
fn parameters(mut disposition: &[u8]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let (mut name, mut file_name) = (None, None);
    disposition = without_leading_space(disposition);
    while !disposition.is_empty() {
        let mut pair = word(&mut disposition, b';');
        disposition = without_leading_space(disposition);
        if pair.contains(&b'=') {
            let key = word(&mut pair, b'=');
            if key.eq_ignore_ascii_case(b"name") {
                name = Some(unquoted(pair));
            } else if key.eq_ignore_ascii_case(b"filename") {
                file_name = Some(unquoted(pair));
            }
        }
    }
    (name, file_name)
}

/// Up to the next `stop` outside quotes; `text` goes on behind it and its repetitions.
fn word<'a>(text: &mut &'a [u8], stop: u8) -> &'a [u8] {
    let whole = *text;
    let mut at = 0;
    while at < whole.len() && whole[at] != stop {
        let quote = whole[at];
        at += 1;
        if quote == b'"' || quote == b'\'' {
            while at < whole.len() && whole[at] != quote {
                at += if whole[at] == b'\\' && whole.get(at + 1) == Some(&quote) { 2 } else { 1 };
            }
            at = (at + 1).min(whole.len());
        }
    }
    let after = whole[at..].iter().take_while(|&&byte| byte == stop).count();
    *text = &whole[at + after..];
    &whole[..at]
}

fn unquoted(text: &[u8]) -> Vec<u8> {
    let text = without_leading_space(text);
    let (quote, text) = match text {
        [quote @ (b'"' | b'\''), rest @ ..] => (Some(*quote), rest),
        _ => (None, &text[..text.iter().position(|&byte| is_space(byte)).unwrap_or(text.len())]),
    };
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() && Some(text[at]) != quote {
        let escapes = text[at] == b'\\' && text.get(at + 1).is_some_and(|&next| next == b'\\' || Some(next) == quote);
        at += usize::from(escapes);
        out.push(text[at]);
        at += 1;
    }
    out
}

fn without_leading_space(text: &[u8]) -> &[u8] {
    &text[text.iter().take_while(|&&byte| is_space(byte)).count()..]
}

/// Whether PHP takes a file of this name: every bracket closed, nothing between or behind them.
fn brackets_are_sound(name: &[u8]) -> bool {
    let mut open = 0_i32;
    for (at, &byte) in name.iter().enumerate() {
        match byte {
            b'[' => open += 1,
            b']' => {
                open -= 1;
                if name.get(at + 1).is_some_and(|&next| next != b'[') {
                    return false;
                }
            }
            _ => {}
        }
        if open < 0 {
            return false;
        }
    }
    open == 0
}

/// Where `needle` begins, or may begin at the end of what is seen.
fn start_of(seen: &[u8], needle: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = memchr(needle[0], &seen[from..]) {
        let rest = &seen[from + at..];
        let compared = rest.len().min(needle.len());
        if rest[..compared] == needle[..compared] {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// `strtoll(…, 10)`.
fn number(text: &[u8]) -> i64 {
    let text = without_leading_space(until_nul(text));
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let size = digits
        .iter()
        .take_while(|digit| digit.is_ascii_digit())
        .fold(0_i64, |size, digit| size.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    if negative { -size } else { size }
}

/// Counts where a word occurs in a stream, however it is cut (Knuth, Morris and Pratt; occurrences do not overlap).
struct Occurrences {
    found: usize,
    word: Vec<u8>,
    /// Where `n + 1` bytes of the word have matched and the next does not: how many still do.
    fallback: Vec<usize>,
    matched: usize,
}

impl Occurrences {
    fn of(word: &[u8]) -> Self {
        let mut fallback = vec![0; word.len()];
        let mut matched = 0;
        for at in 1..word.len() {
            while matched > 0 && word[at] != word[matched] {
                matched = fallback[matched - 1];
            }
            matched += usize::from(word[at] == word[matched]);
            fallback[at] = matched;
        }
        Self { found: 0, word: word.to_vec(), fallback, matched: 0 }
    }

    fn push(&mut self, mut chunk: &[u8]) {
        while let Some(&byte) = chunk.first() {
            if self.matched == 0 {
                // Most of a large file is passed here.
                let Some(at) = memchr(self.word[0], chunk) else { return };
                self.matched = 1;
                chunk = &chunk[at + 1..];
            } else if byte == self.word[self.matched] {
                self.matched += 1;
                chunk = &chunk[1..];
            } else {
                self.matched = self.fallback[self.matched - 1];
            }
            if self.matched == self.word.len() {
                self.found += 1;
                self.matched = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use crate::webmail::php::{Form, FormReader};

    fn read_in(chunk: usize, content_type: &str, body: &[u8]) -> Form {
        let content_type = HeaderValue::from_str(content_type).expect("the tests write header values");
        let mut reader = FormReader::new(Some(&content_type), 1000, |name: &[u8]| name != b"_message").expect("parsed");
        body.chunks(chunk).for_each(|chunk| reader.push(chunk));
        reader.finish().expect("small enough")
    }

    fn read(body: &str) -> Form {
        read_in(usize::MAX, "multipart/form-data; boundary=B", body.as_bytes())
    }

    fn part(headers: &str, content: &str) -> String {
        format!("--B\r\n{headers}\r\n\r\n{content}\r\n")
    }

    fn field(name: &str, value: &str) -> String {
        part(&format!("Content-Disposition: form-data; name=\"{name}\""), value)
    }

    fn text(form: &Form, name: &str) -> Option<String> {
        form.fields().text(name.as_bytes()).map(|text| String::from_utf8_lossy(text).into_owned())
    }

    #[test]
    fn sloppy_part_headers_name_a_field_and_are_noted_as_odd() {
        for odd in [
            "Content-Disposition: form-data; name=.to",
            "Content-Disposition: form-data; name=_to",
            "Content-Disposition: form-data; name='_to'",
            "Content-Disposition: form-data; NAME=\"_to\"",
            "Content-Disposition: form-data; name=\"x\"; name=\"_to\"",
            "content-disposition: form-data; name=\"_to\"",
            "Content-Disposition: name=\"_to\"",
            "Content-Disposition:  x;;  name==\"_to\"",
            "Content-Disposition: form-data; name=\"_to\"; filename*=utf-8''x",
            "Content-Disposition: form-data;\r\n name=\"_to\"",
            "Content-Disposition: form-data; name=\"_\\to\\\"\"\r\nContent-Disposition: form-data; name=\"_cc\"",
            "X-Other: 1\r\nContent-Disposition: form-data; name=\"_to\"",
            "Content-Disposition: form-data; name=\" _to\"",
        ] {
            let form = read(&part(odd, "a"));
            let name = if odd.contains("_cc") { r#"_\to""# } else { "_to" };
            assert_eq!(text(&form, name).as_deref(), Some("a"), "{odd}");
            assert!(form.fields().spelled_oddly(name.as_bytes()), "{odd}");
        }
        for plain in [
            "Content-Disposition: form-data; name=\"_to\"",
            "Content-Disposition: form-data; name=\"_to\"\r\nContent-Type: text/plain; charset=utf-8",
        ] {
            let form = read(&part(plain, "a\r\nb"));
            assert_eq!(text(&form, "_to").as_deref(), Some("a\r\nb"), "{plain}");
            assert!(!form.fields().spelled_oddly(b"_to"), "{plain}");
        }
    }

    #[test]
    fn parts_that_php_does_not_take_for_fields_are_none() {
        for none in [
            "Content-Disposition: form-data; name=\"_to\"; filename=\"\"",
            "Content-Disposition: form-data; name=\"_to\"; filename=\"a.txt\"",
            "Content-Disposition : form-data; name=\"_to\"",
            "Content-Disposition: form-data; \"name=_to\"",
            " Content-Disposition: form-data; name=\"_to\"",
            "Content-Type: text/plain",
        ] {
            assert_eq!(text(&read(&part(none, "a")), "_to"), None, "{none}");
        }
        // A part without a name ends the reading.
        let garbled = part("Content-Disposition: form-data", "a") + &field("_to", "a");
        assert_eq!(text(&read(&garbled), "_to"), None);
    }

    #[test]
    fn the_boundary_is_found_where_php_finds_it() {
        for content_type in [
            "multipart/form-data; boundary=B",
            "Multipart/Form-Data; boundary=\"B\"",
            "multipart/form-data; boundary=\"B\", x",
            "multipart/form-data; boundary=B; boundary=C",
            "multipart/form-data; charset=x; BOUNDARY=B",
            "multipart/form-data; boundary=B,x",
            "multipart/form-data; boundaryx; y=B",
        ] {
            let form = read_in(usize::MAX, content_type, field("_to", "a").as_bytes());
            assert_eq!(text(&form, "_to").as_deref(), Some("a"), "{content_type}");
        }
        let bare = "preamble\n--B\nContent-Disposition: form-data; name=\"_to\"\n\na\n--B--\n";
        assert_eq!(text(&read(bare), "_to").as_deref(), Some("a"));
    }

    #[test]
    fn a_file_named_like_a_field_takes_nothing_away_and_is_noted() {
        for file_name in ["", "a.txt"] {
            let headers = format!("Content-Disposition: form-data; name=\"_draft\"; filename=\"{file_name}\"");
            let form = read(&(part(&headers, "") + &field("_draft", "1")));
            assert_eq!(text(&form, "_draft").as_deref(), Some("1"));
            assert!(form.fields().spelled_oddly(b"_draft"));
            assert_eq!(form.files().collect::<Vec<_>>(), [b"_draft"]);
        }
    }

    #[test]
    fn only_the_first_thousand_fields_count() {
        let body = field("x", "1").repeat(1000) + &field("_draft", "1");
        assert_eq!(text(&read(&body), "_draft"), None);
        let body = field("x", "1").repeat(999) + &field("_draft", "1");
        assert_eq!(text(&read(&body), "_draft").as_deref(), Some("1"));
    }

    #[test]
    fn a_boundary_inside_a_part_is_noted() {
        let close = "--B--\r\n";
        assert!(!read(&(field("a", "1") + &field("b", "2") + close)).odd_parts());
        for odd in [field("a", "x--B") + close, field("a", "1\r\n--Bx") + close, field("a", "x") + "--B-\r\n" + close] {
            assert!(read(&odd).odd_parts(), "{odd:?}");
        }
    }

    #[test]
    fn a_large_upload_is_read_past_in_bounded_memory_however_it_is_cut() {
        let file = part("Content-Disposition: form-data; name=\"a[]\"; filename=\"a\"", &"0123\n--\n".repeat(40_000));
        let body = field("_to", "a") + &file + &field("_cc", "b") + "--B--\r\n";
        let whole = read(&body);
        assert_eq!(text(&whole, "_cc").as_deref(), Some("b"));
        assert!(whole.file_chosen() && !whole.odd_parts());
        for chunk in [1, 7, 5119, 5120, 5121, 65_536] {
            assert!(read_in(chunk, "multipart/form-data; boundary=B", body.as_bytes()) == whole, "chunks of {chunk}");
        }
    }
}
