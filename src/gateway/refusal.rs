//! The one file that turns "no" into an answer: it words the refusal, and the webmail's adapter dresses it for the
//! code that waits. Whatever is said here is chosen; no error's own text reaches a browser.

use std::time::Duration;

use askama::Template;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::challenge::words::Words;
use crate::config::Site;
use crate::domain::{Action, Reference};
use crate::policy::limits::Over;
use crate::policy::{Decision, Why};
use crate::upstream::body::AnswerBody;
use crate::webmail::{Asked, Dressed, Refusal, Then, php};

/// Why a request is not answered by the webmail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// `policy` decided so.
    Decided {
        /// Why.
        why: Why,
        /// When it is worth trying again.
        wait: Option<Duration>,
    },
    /// No browser sends it; the rule that says so.
    Unnatural(&'static str),
    /// A path never served.
    NotFound,
    /// GET, HEAD and POST only.
    Method,
    /// An encoded body.
    Encoding,
    /// A body beyond `body_max`.
    TooLarge,
    /// The body stopped coming.
    TooSlow,
    /// Too many large bodies at once, or no room on disk.
    NoRoom,
    /// Far more requests than people make.
    Flood,
    /// A message waited for a proof until it was not worth sending any more.
    HeldTooLong,
    /// A message that waited was on its way when something broke off.
    HeldUncertain,
    /// The webmail did not answer.
    Upstream {
        /// It is certain that it never saw the request.
        never_arrived: bool,
    },
}

impl From<&Decision> for Stop {
    fn from(decision: &Decision) -> Self {
        Self::Decided { why: decision.why.clone(), wait: decision.wait }
    }
}

/// A throttled message is sent again by the page itself when that is at most this far off: short enough that a person
/// still looks at it.
const SEND_AGAIN_MAX: Duration = Duration::from_secs(60);

/// Added to the wait before a page sends again by itself, so that it does not come a moment early.
const SEND_AGAIN_MARGIN: Duration = Duration::from_secs(1);

/// When what is refused for want of room is worth trying again.
const SOON: Duration = Duration::from_secs(10);

struct Said {
    status: StatusCode,
    title: String,
    sentences: Vec<String>,
    then: Then,
}

/// Answers a request that is stopped, in the person's language. `form` is the whole form where it could be read again, so
/// that what a person wrote can be handed back.
pub fn respond(
    stop: &Stop,
    asked: &Asked,
    site: &Site,
    reference: Reference,
    form: Option<&php::Form>,
    words: Words<'_>,
) -> Response<AnswerBody> {
    let said = said(stop, &asked.action, words);
    let retry_after = match stop {
        Stop::Decided { wait, .. } => *wait,
        Stop::NoRoom | Stop::Flood => Some(SOON),
        _ => None,
    };
    let ends_session = said.then == Then::SignIn;
    let mut sentence = said.sentences.join(" ");
    if let Some(helpdesk) = &site.helpdesk {
        sentence.push_str(&format!(" {}.", words.with("help", "helpdesk", helpdesk.as_str())));
    }
    sentence.push_str(&format!(" ({})", words.with("reference", "code", reference.to_string())));
    let refusal = Refusal {
        status: said.status,
        title: &said.title,
        sentence: &sentence,
        base: &site.base,
        retry_after,
        then: said.then,
        words,
    };
    let mut response = match site.webmail.dress(asked, &refusal, form) {
        Some(dressed) => from_dressed(dressed),
        None => page(&said, site, reference, words),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(wait) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
    }
    if ends_session {
        forget_session_cookie(headers, site);
    }
    response
}

/// Has the browser forget the session cookie: the webmail, which knows nothing of it, would otherwise go on showing the
/// session that we refuse.
pub(super) fn forget_session_cookie(headers: &mut http::HeaderMap, site: &Site) {
    for path in ["/", site.base.as_str()] {
        let gone = format!("{}=; Path={path}; Max-Age=0; Secure; HttpOnly; SameSite=Lax", site.session_cookie);
        if let Ok(gone) = HeaderValue::try_from(gone) {
            headers.append(header::SET_COOKIE, gone);
        }
    }
}

/// An answer for a request whose site is not known: it names nothing.
pub fn misdirected() -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::Whole(Bytes::from_static(b"This host is not served here.\n")));
    *response.status_mut() = StatusCode::MISDIRECTED_REQUEST;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// An answer for one request too many that nobody looks at: nothing is made for it.
pub fn too_many() -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::Whole(Bytes::from_static(b"Too many requests.\n")));
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(SOON)));
    response
}

fn from_dressed(dressed: Dressed) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::Whole(Bytes::from(dressed.body)));
    *response.status_mut() = dressed.status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(dressed.content_type));
    response
}

#[derive(Template)]
#[template(path = "pages/refused.html")]
struct RefusedPage<'a> {
    words: Words<'a>,
    title: &'a str,
    sentences: &'a [String],
    next: Option<&'a str>,
    next_label: String,
    site: &'a str,
    help: Option<String>,
    reference: String,
}

fn page(said: &Said, site: &Site, reference: Reference, words: Words<'_>) -> Response<AnswerBody> {
    let back = !matches!(said.status, StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST);
    let page = RefusedPage {
        words,
        title: &said.title,
        sentences: &said.sentences,
        next: match said.then {
            Then::Prove(at) => Some(at),
            _ => back.then_some(site.base.as_str()),
        },
        next_label: words.say(match said.then {
            Then::SignIn => "sign-in",
            Then::Prove(_) => "continue",
            Then::Stay | Then::SendAgain(_) => "back-to-webmail",
        }),
        site: &site.name,
        help: site.helpdesk.as_deref().map(|helpdesk| words.with("help", "helpdesk", helpdesk)),
        reference: words.with("reference", "code", reference.to_string()),
    };
    let html = page.render().expect("the page is made of text only");
    let mut response = Response::new(AnswerBody::Whole(Bytes::from(html)));
    *response.status_mut() = said.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'self'"),
    );
    response
}

fn said(stop: &Stop, action: &Action, words: Words<'_>) -> Said {
    let said = |status, title: &str, sentences: &[&str]| Said {
        status,
        title: words.say(title),
        sentences: sentences.iter().map(|sentence| words.say(sentence)).collect(),
        then: Then::Stay,
    };
    match stop {
        Stop::Decided { why, wait } => decided(why, *wait, action, words),
        Stop::Unnatural(_) => said(StatusCode::BAD_REQUEST, "refused-title-odd", &["refused-odd"]),
        Stop::NotFound => said(StatusCode::NOT_FOUND, "refused-title-nowhere", &["refused-nowhere"]),
        Stop::Method => said(StatusCode::METHOD_NOT_ALLOWED, "refused-title-odd", &["refused-odd-method"]),
        Stop::Encoding => said(StatusCode::UNSUPPORTED_MEDIA_TYPE, "refused-title-odd", &["refused-odd-encoding"]),
        Stop::TooLarge => said(StatusCode::PAYLOAD_TOO_LARGE, "refused-title-large", &["refused-large"]),
        Stop::TooSlow => said(StatusCode::REQUEST_TIMEOUT, "refused-title-slow", &["refused-slow"]),
        Stop::NoRoom => said(StatusCode::SERVICE_UNAVAILABLE, "refused-title-busy", &["refused-busy"]),
        Stop::Flood => said(StatusCode::TOO_MANY_REQUESTS, "refused-title-flood", &["refused-flood"]),
        Stop::HeldTooLong => said(StatusCode::CONFLICT, "refused-title-held-too-long", &["refused-held-too-long"]),
        Stop::HeldUncertain => said(StatusCode::CONFLICT, "refused-title-held-uncertain", &["refused-held-uncertain"]),
        Stop::Upstream { never_arrived } => {
            let what_now = match (action, never_arrived) {
                (Action::Send(_), true) => "refused-upstream-not-sent",
                (Action::Send(_), false) => "refused-upstream-uncertain",
                _ => "refused-upstream-again",
            };
            said(StatusCode::BAD_GATEWAY, "refused-title-upstream", &["refused-upstream", what_now])
        }
    }
}

fn decided(why: &Why, wait: Option<Duration>, action: &Action, words: Words<'_>) -> Said {
    let said_with =
        |status, title: &str, sentences: Vec<String>, then| Said { status, title: words.say(title), sentences, then };
    let said = |title: &str, sentences: &[&str], then| {
        let sentences = sentences.iter().map(|sentence| words.say(sentence)).collect();
        said_with(StatusCode::FORBIDDEN, title, sentences, then)
    };
    let is_send = matches!(action, Action::Send(_));
    match why {
        Why::Limit(over) if is_send => {
            let (sentences, then) = limited(over, wait, words);
            said_with(StatusCode::TOO_MANY_REQUESTS, "refused-title-limit", sentences, then)
        }
        Why::TooManyRecipients { asked, most } => {
            let numbers = [("asked", u64::from(*asked)), ("most", u64::from(*most))];
            let sentences = vec![words.counting("refused-recipients", &numbers), words.say("refused-recipients-list")];
            said_with(StatusCode::FORBIDDEN, "refused-title-recipients", sentences, Then::Stay)
        }
        Why::Unlike(_) | Why::UnlikeByContent => {
            said("refused-title-reads", &["refused-unlike", "refused-unlike-you"], Then::Stay)
        }
        Why::Content => said("refused-title-content", &["refused-content", "refused-content-ask"], Then::Stay),
        Why::Infected if is_send => said("refused-title-infected", &["refused-infected"], Then::Stay),
        Why::Infected => said("refused-title-infected", &["refused-infected-file"], Then::Stay),
        Why::Unseen => {
            let sentence = if is_send { "refused-unseen" } else { "refused-unseen-file" };
            let sentences = vec![words.say(sentence)];
            said_with(StatusCode::SERVICE_UNAVAILABLE, "refused-title-unseen", sentences, Then::Stay)
        }
        Why::Refused => said("refused-title-refused", &["refused-refused"], Then::Stay),
        Why::Limit(_) | Why::Slowed => {
            let mut sentences = vec![words.say("refused-attempts")];
            if let Some(wait) = wait {
                sentences.push(words.with("refused-attempts-wait", "wait", spoken(wait, words)));
            }
            sentences.push(words.say("refused-attempts-forgotten"));
            said_with(StatusCode::TOO_MANY_REQUESTS, "refused-title-attempts", sentences, Then::Stay)
        }
        Why::Locked if is_send => said("refused-title-locked", &["refused-locked-send"], Then::Stay),
        Why::Locked => said("refused-title-locked", &["refused-locked"], Then::Stay),
        Why::Restricted | Why::Rule(_) => said("refused-title-reads", &["refused-reads"], Then::Stay),
        Why::Waits => said("refused-title-waits", &["refused-waits"], Then::Stay),
        Why::PasswordDue => said("refused-title-password", &["refused-password"], Then::Stay),
        Why::Challenged => {
            let sentence = if is_send { "refused-prove-send" } else { "refused-prove" };
            said("ask-title", &[sentence], Then::Prove(super::own::CHALLENGE))
        }
        Why::UnknownSession | Why::Ended => said("refused-title-again", &["refused-again"], Then::SignIn),
        Why::StoreAway | Why::Nothing => {
            let sentences = vec![words.say("refused-fault-nothing-lost")];
            said_with(StatusCode::SERVICE_UNAVAILABLE, "refused-title-fault", sentences, Then::Stay)
        }
    }
}

/// A message at a limit: when it fits, what of it would fit now, and that it never will.
fn limited(over: &Over, wait: Option<Duration>, words: Words<'_>) -> (Vec<String>, Then) {
    let mut sentences = vec![words.say("refused-limit")];
    match wait {
        Some(wait) if wait <= SEND_AGAIN_MAX => {
            let wait = wait + SEND_AGAIN_MARGIN;
            sentences.push(words.with("refused-limit-by-itself", "wait", spoken(wait, words)));
            return (sentences, Then::SendAgain(wait));
        }
        Some(wait) => {
            sentences.push(words.with("refused-limit-again", "wait", spoken(wait, words)));
            if over.fits_now > 0 && over.name.starts_with("recipients") {
                sentences.push(words.with("refused-limit-fits", "count", u64::from(over.fits_now)));
            }
        }
        None => sentences.push(words.with("refused-limit-never", "count", u64::from(over.limit.amount))),
    }
    (sentences, Then::Stay)
}

/// A wait in words, rounded up: never shorter than it is.
fn spoken(wait: Duration, words: Words<'_>) -> String {
    let seconds = whole_seconds(wait).max(1);
    let (count, unit) = match seconds {
        0..=90 => (seconds, "seconds"),
        91..=5_400 => (seconds.div_ceil(60), "minutes"),
        _ => (seconds.div_ceil(3_600), "hours"),
    };
    words.with(unit, "count", count)
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::challenge::words::{LANGUAGES, Languages};

    #[test]
    fn every_stop_is_said_in_every_language_and_none_is_said_in_another() {
        let languages = Languages::new();
        let message = Action::Send(crate::domain::action::Sending::one(crate::domain::action::SendingKind::Message));
        let over = Over {
            name: "recipients_per_account",
            limit: crate::domain::Limit { amount: 200, window: Duration::from_secs(3_600) },
            wait: None,
            fits_now: 3,
            when_met: crate::policy::limits::WhenMet::Throttle,
        };
        let whys = [
            Why::Nothing,
            Why::Slowed,
            Why::Limit(over.clone()),
            Why::TooManyRecipients { asked: 99, most: 50 },
            Why::Unlike(over),
            Why::Rule("x".to_owned()),
            Why::Content,
            Why::UnlikeByContent,
            Why::Infected,
            Why::Unseen,
            Why::Refused,
            Why::Locked,
            Why::Restricted,
            Why::PasswordDue,
            Why::Waits,
            Why::Challenged,
            Why::UnknownSession,
            Why::Ended,
            Why::StoreAway,
        ];
        let waits = [None, Some(Duration::from_secs(20)), Some(Duration::from_secs(600))];
        let decided = whys.into_iter().flat_map(|why| waits.map(|wait| Stop::Decided { why: why.clone(), wait }));
        let others = [
            Stop::Unnatural("x"),
            Stop::NotFound,
            Stop::Method,
            Stop::Encoding,
            Stop::TooLarge,
            Stop::TooSlow,
            Stop::NoRoom,
            Stop::Flood,
            Stop::HeldTooLong,
            Stop::HeldUncertain,
            Stop::Upstream { never_arrived: true },
            Stop::Upstream { never_arrived: false },
        ];
        for stop in decided.chain(others) {
            for action in [&message, &Action::View] {
                let english = said(&stop, action, languages.spoken(None));
                for language in &LANGUAGES[1..] {
                    let said = said(&stop, action, languages.spoken(Some(language.tag)));
                    assert_eq!((said.status, said.then), (english.status, english.then), "{stop:?}");
                    assert_eq!(said.sentences.len(), english.sentences.len(), "{stop:?}");
                    for (own, english) in said.sentences.iter().zip(&english.sentences) {
                        let is_message = own.starts_with("refused-") || own.contains("{ $");
                        assert!(own != english && !is_message, "{} {stop:?}: {own}", language.tag);
                    }
                    assert!(said.title != english.title && !said.title.starts_with("refused-"), "{}", said.title);
                }
            }
        }
    }

    #[test]
    fn a_wait_is_never_said_shorter_than_it_is() {
        let languages = Languages::new();
        for (millis, words) in [
            (0, "1 second"),
            (1_000, "1 second"),
            (1_001, "2 seconds"),
            (90_000, "90 seconds"),
            (91_000, "2 minutes"),
            (3_600_000, "60 minutes"),
            (5_401_000, "2 hours"),
            (86_400_000, "24 hours"),
        ] {
            assert_eq!(spoken(Duration::from_millis(millis), languages.spoken(None)), words);
        }
    }
}
