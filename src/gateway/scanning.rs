//! What is about to leave is looked at: a message is put together from its form and its files, a file from the form that
//! brings it, and the operator's scanners are asked. What follows from what they say is [`super::content`]'s, what follows
//! from who else sent the like is [`super::campaigns`]'.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;

use super::campaigns::Sketched;
use super::gate::stopped_event;
use super::refusal::Stop;
use super::script::{Script, own_cookies};
use super::{Gateway, Visit};
use crate::domain::action::{Recipients, SendingKind};
use crate::domain::{Action, Composed, Event, EventKind, Said, Scanned};
use crate::policy::{Decision, campaign, content};
use crate::scan::message::{self, File, Written};
use crate::scan::{Envelope, FileReport, Report, Scanners, Turn};
use crate::upstream::body::{AnswerBody, RequestBody};
use crate::upstream::pool::Arriving;
use crate::webmail::php::{Fields, FilePiece, Form};

/// Of a form's names and texts at most so many bytes are read; no person writes more.
const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A file travels in pieces of this size, in bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// Pieces that wait to be taken.
const PIECES_WAITING: usize = 2;

/// Files of one message that are fetched from the webmail; nobody attaches more by hand.
const FETCHED_MAX: usize = 64;

/// A text up to this many bytes is compared with others where it is. What a longer one takes, up to some milliseconds, would
/// keep everybody else on the worker waiting.
const SKETCHED_AT_ONCE_MAX: usize = 16 * 1024;

/// What is read from a form on a thread that may wait for a disk.
enum Piece {
    Begin(String),
    Content(Bytes),
}

/// What was found in a message.
#[derive(Default)]
pub(super) struct Looked {
    /// By the scanners; empty where nobody is asked.
    pub scanned: Vec<Scanned>,
    /// What others may have in common with it.
    pub sketched: Sketched,
}

/// What was found in files.
#[derive(Default)]
struct Found {
    scanned: Vec<Scanned>,
    files: Vec<File>,
    digests: Vec<[u8; 32]>,
}

/// A form, and what was found in the files that it brings.
#[derive(Default)]
struct Opened {
    /// None where there is more text in it than is read.
    form: Option<Form>,
    found: Found,
}

impl Gateway {
    /// What the scanners say of a message that is about to be sent, and what others may have in common with it. `familiar`:
    /// its sender is known here.
    pub(super) async fn look_at_message(&self, script: &mut Script, parts: &Parts, familiar: bool) -> Looked {
        let visit = script.visit.clone();
        let scanners = &visit.live.scanners;
        let Action::Send(sending) = &script.asked.action else { return Looked::default() };
        let (kind, to, recipients) = (sending.kind, sending.to.clone(), sending.recipients);
        // Only of what was written here anything can be told without scanners.
        if kind == SendingKind::Receipt || (scanners.is_empty() && kind == SendingKind::Resend) {
            return Looked::default();
        }
        let _room = scanners.room().await;
        let envelope = envelope(script, &to);
        let opened = self.open_form(script, &envelope, scanners.message_bytes_max()).await;
        let Some(form) = opened.form else {
            return Looked { scanned: unread(scanners, "there is too much text in it"), ..Looked::default() };
        };
        let (mut found, mut sketched) = (opened.found, Sketched::default());
        let query =
            Fields::from_query(parts.uri.query().unwrap_or_default().as_bytes(), script.site().php_max_input_vars);
        let message = match kind {
            SendingKind::Resend => match script.site().webmail.resent_at(&query, &form) {
                Some(at) => {
                    let report =
                        self.fetch(script, parts, &at, &envelope, scanners.message_bytes_max(), &found.scanned).await;
                    self.take_in(&visit, report, &mut found.scanned).begins.into()
                }
                None => Bytes::new(),
            },
            SendingKind::Message | SendingKind::Receipt => {
                let Some(composed) = script.site().webmail.composed(&form) else {
                    return Looked { scanned: found.scanned, sketched };
                };
                // Without scanners a file is fetched to be known again, and only where it says something.
                if !scanners.is_empty() || !familiar {
                    self.fetch_files(script, parts, &query, &form, &composed, &envelope, &mut found).await;
                }
                let composed = Arc::new(composed);
                sketched = self.sketch(script, &composed, recipients, &found.digests).await;
                let files = std::mem::take(&mut found.files);
                if scanners.is_empty() { Bytes::new() } else { self.assemble(&visit, &composed, files, &envelope) }
            }
        };
        script.form = Some(form);
        let config = &visit.live.config;
        let settles = |scanned: &Scanned| content::settles(scanned, &config.scanners, &config.risk);
        let mut scanned = found.scanned;
        if !message.is_empty() && !scanned.iter().any(settles) {
            let reports = scanners.message(&envelope, &message, &scanned, settles).await;
            scanned.extend(self.note_reports(&visit, reports));
        }
        Looked { scanned, sketched }
    }

    async fn sketch(&self, script: &Script, composed: &Arc<Composed>, recipients: u32, files: &[[u8; 32]]) -> Sketched {
        let (site, shared) = (Arc::clone(script.site()), Arc::clone(&self.shared));
        let (composed, files) = (Arc::clone(composed), files.to_vec());
        let is_long = composed.text.len() > SKETCHED_AT_ONCE_MAX;
        let sketch = move || {
            let (composed, files) = (&composed, &files);
            let (own_domains, site) = (&site.own_domains, &site.name);
            let message = campaign::Message { composed, recipients, files, own_domains, site };
            Sketched {
                features: shared.sketcher.features(&shared.keys, &message),
                message: campaign::Sketcher::fingerprint(&shared.keys, composed),
            }
        };
        if is_long { tokio::task::spawn_blocking(sketch).await.unwrap_or_default() } else { sketch() }
    }

    /// Looks at the files that a form brings for a message; the answer is a refusal where they are not taken.
    pub(super) async fn look_at_files(&self, script: &mut Script) -> Option<Response<AnswerBody>> {
        let visit = script.visit.clone();
        if !visit.live.scanners.reads_files() {
            return None;
        }
        let envelope = envelope(script, &Recipients::default());
        let opened = self.open_form(script, &envelope, 0).await;
        script.form = opened.form;
        let config = &visit.live.config;
        let known =
            content::Known { held_back: content::holds_back(&opened.found.scanned, &config.scanners), vouched: true };
        let found = content::signals(&opened.found.scanned, &config.scanners);
        let decision = content::judge(found, &config.risk, known).upon(Decision::pass_for_now());
        if decision.permit.is_some() {
            return None;
        }
        let reference = self.shared.dice.reference();
        self.shared.events.record(stopped_event(script, EventKind::UploadRefused, &decision, reference));
        if !script.enforces() {
            return None;
        }
        let form = script.whole_form();
        Some(self.refuse(&visit, &Stop::from(&decision), &script.asked, reference, form.as_ref()))
    }

    /// Reads the whole form, and gives its files to the scanners as they are read. Of those at most so many bytes are kept.
    async fn open_form(&self, script: &Script, envelope: &Envelope, files_max: u64) -> Opened {
        let visit = &script.visit;
        let scanners = &visit.live.scanners;
        let Some(Ok(body)) = script.waiting.as_ref().map(crate::upstream::spool::Waiting::again) else {
            return Opened::default();
        };
        let (give, mut take) = mpsc::channel(PIECES_WAITING);
        let (kind, vars) = (script.content_type.clone(), script.site().php_max_input_vars);
        let reading = tokio::task::spawn_blocking(move || {
            let mut pieces = Pieces { give, gathered: Vec::new() };
            let form = Form::read_from(kind.as_ref(), body, vars, TEXT_BYTES_MAX, |piece| pieces.push(&piece));
            pieces.flush();
            form
        });
        let mut found = Found::default();
        let mut left = files_max;
        let mut next = take.recv().await;
        while let Some(piece) = next {
            let Piece::Begin(name) = piece else {
                next = take.recv().await;
                continue;
            };
            let (on, pieces) = mpsc::channel(PIECES_WAITING);
            let kept = usize::try_from(left).unwrap_or(usize::MAX);
            let (after, report) =
                tokio::join!(pass_on(&mut take, on), scanners.file(envelope, pieces, kept, &found.scanned));
            next = after;
            let report = self.take_in(visit, Some(report), &mut found.scanned);
            found.digests.extend(report.digest);
            let file = File { name: Some(name), kind: None, content: whole(report) };
            left -= file.content.len() as u64;
            found.files.push(file);
        }
        match reading.await {
            Ok(Ok(form)) => Opened { form, found },
            Ok(Err(_)) | Err(_) => {
                let scanned = unread(scanners, "it cannot be read from disk");
                Opened { found: Found { scanned, ..Found::default() }, ..Opened::default() }
            }
        }
    }

    /// Fetches the files that the webmail keeps for a message. Those of drafts and of messages that are forwarded came by
    /// no upload.
    #[expect(clippy::too_many_arguments, reason = "one step of a longer way, apart only to be read apart")]
    async fn fetch_files(
        &self,
        script: &Script,
        parts: &Parts,
        query: &Fields,
        form: &Form,
        composed: &Composed,
        envelope: &Envelope,
        found: &mut Found,
    ) {
        let visit = &script.visit;
        let scanners = &visit.live.scanners;
        let mut left = scanners.message_bytes_max();
        for (place, attached) in composed.attachments.iter().enumerate() {
            if found.scanned.iter().any(|scanned| scanned.said == Said::Virus) {
                return;
            }
            let Some(at) = script.site().webmail.attached_at(query, form, attached) else { return };
            let fetched = if place < FETCHED_MAX {
                self.fetch(script, parts, &at, envelope, left, &found.scanned).await
            } else {
                None
            };
            let report = self.take_in(visit, fetched, &mut found.scanned);
            found.digests.extend(report.digest);
            let file = File { content: whole(report), ..File::default() };
            left -= file.content.len() as u64;
            found.files.push(file);
        }
    }

    /// Fetches something from the webmail as the person of this session, and gives it to the scanners that read files. Of
    /// its beginning at most `kept_max` bytes are kept. `earlier`: what was said of other files. None where the webmail does not give it.
    async fn fetch(
        &self,
        script: &Script,
        parts: &Parts,
        at: &str,
        envelope: &Envelope,
        kept_max: u64,
        earlier: &[Scanned],
    ) -> Option<FileReport> {
        let visit = &script.visit;
        let mut own = http::Request::new(()).into_parts().0;
        own.method = Method::GET;
        own.uri = format!("{}{at}", script.site().base).parse().ok()?;
        for name in [header::USER_AGENT, header::ACCEPT_LANGUAGE] {
            if let Some(value) = parts.headers.get(&name) {
                own.headers.insert(name, value.clone());
            }
        }
        if let Some(cookies) = script.cookies.header(&own_cookies(script.site())[..1]) {
            own.headers.insert(header::COOKIE, cookies);
        }
        own.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let request = self.prepare(visit, &mut own, RequestBody::Empty);
        let patience = visit.live.config.listen.upstream_timeout;
        let answer = self.upstream.carry(request, &visit.at.upstream, patience).await.ok()?;
        if answer.status() != StatusCode::OK {
            return None;
        }
        let (give, take) = mpsc::channel(PIECES_WAITING);
        let kept = usize::try_from(kept_max).unwrap_or(usize::MAX);
        let (whole, report) = tokio::join!(
            pour(answer.into_body(), give, patience),
            visit.live.scanners.file(envelope, take, kept, earlier)
        );
        whole.then_some(report)
    }

    /// Takes in what was said of a file. One that the webmail did not give was seen by nobody.
    fn take_in(&self, visit: &Visit, report: Option<FileReport>, scanned: &mut Vec<Scanned>) -> FileReport {
        let Some(mut report) = report else {
            scanned.extend(unread(&visit.live.scanners, "the webmail did not give it a file"));
            return FileReport::default();
        };
        scanned.extend(self.note_reports(visit, std::mem::take(&mut report.reports)));
        report
    }

    fn assemble(&self, visit: &Visit, composed: &Composed, files: Vec<File>, envelope: &Envelope) -> Bytes {
        let id = data_encoding::HEXLOWER.encode(&self.shared.dice.bytes::<16>());
        let written = Written { from: &envelope.from, now: visit.now, id: &id, site: &visit.site().name };
        message::assemble(composed, files, &written)
    }

    /// Counts what scanners said, and tells when one fell silent or is back.
    fn note_reports(&self, visit: &Visit, reports: Vec<Report>) -> Vec<Scanned> {
        let note = |report: Report| {
            self.shared.events.metrics().scanned(&report.scanned);
            if let Some(turned) = report.turned {
                let kind = turn_event(turned, &report.scanned.scanner, &report.scanned.said);
                self.shared.events.record(Event::new(visit.now, kind));
            }
            report.scanned
        };
        reports.into_iter().map(note).collect()
    }
}

/// A file's content as the message has it for its readers: none where it is longer than they read. Half a file says nothing,
/// or something that is not so.
fn whole(report: FileReport) -> Vec<u8> {
    if report.is_whole { report.begins } else { Vec::new() }
}

/// A scanner's turn as an event.
fn turn_event(turned: Turn, scanner: &Arc<str>, said: &Said) -> EventKind {
    let scanner = Arc::clone(scanner);
    match (turned, said) {
        (Turn::CameBack, _) => EventKind::ScannerAnswers { scanner },
        (Turn::FellSilent, Said::Silent(what)) => EventKind::ScannerSilent { scanner, what },
        (Turn::FellSilent, _) => EventKind::ScannerSilent { scanner, what: "it does not answer" },
    }
}

/// Nobody could look: as if none of them had answered.
fn unread(scanners: &Scanners, what: &'static str) -> Vec<Scanned> {
    let silent = |scanner| Scanned { scanner, said: Said::Silent(what), took: std::time::Duration::ZERO };
    scanners.names().cloned().map(silent).collect()
}

/// Who sends to whom, as scanners are told.
fn envelope(script: &Script, to: &Recipients) -> Envelope {
    let site = script.site();
    let user = script.known_session().map(|session| session.account.to_string()).unwrap_or_default();
    let domain = site.accounts.default_domain.as_ref().or(site.own_domains.first()).unwrap_or(&site.hosts[0]);
    let address: IpAddr = script.client.address;
    Envelope {
        from: if user.contains('@') { user.clone() } else { format!("{user}@{domain}") },
        user,
        address: Some(address),
        recipients: to.addresses().to_vec(),
        site: site.name.to_string(),
    }
}

/// Gathers the small pieces in which a form gives its files.
struct Pieces {
    give: mpsc::Sender<Piece>,
    gathered: Vec<u8>,
}

impl Pieces {
    fn push(&mut self, piece: &FilePiece<'_>) {
        match piece {
            FilePiece::Begin { name } => {
                self.flush();
                let _ = self.give.blocking_send(Piece::Begin(String::from_utf8_lossy(name).into_owned()));
            }
            FilePiece::Content(content) => {
                self.gathered.extend_from_slice(content);
                if self.gathered.len() >= PIECE_BYTES {
                    self.flush();
                }
            }
        }
    }

    fn flush(&mut self) {
        if !self.gathered.is_empty() {
            // Where nobody takes it any more, the rest of the form is read all the same.
            let _ = self.give.blocking_send(Piece::Content(Bytes::from(std::mem::take(&mut self.gathered))));
        }
    }
}

/// Passes one file on; returns what begins the next.
async fn pass_on(take: &mut mpsc::Receiver<Piece>, on: mpsc::Sender<Bytes>) -> Option<Piece> {
    loop {
        match take.recv().await {
            Some(Piece::Content(bytes)) => {
                let _ = on.send(bytes).await;
            }
            other => return other,
        }
    }
}

/// Pours a body out as it comes. Says whether it came whole.
async fn pour(mut body: Arriving, give: mpsc::Sender<Bytes>, patience: std::time::Duration) -> bool {
    loop {
        match tokio::time::timeout(patience, body.frame()).await {
            Ok(None) => return true,
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    // Nobody wants more: they have said what they have to say.
                    if give.send(data).await.is_err() {
                        return true;
                    }
                }
            }
            Ok(Some(Err(_))) | Err(_) => return false,
        }
    }
}
