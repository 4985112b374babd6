//! The one file that turns "no" into an answer: it words the refusal, and the webmail's adapter dresses it for the
//! code that waits. Whatever is said here is chosen; no error's own text reaches a browser.

use std::time::Duration;

use askama::Template;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::config::Site;
use crate::domain::{Action, Reference};
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

struct Words {
    status: StatusCode,
    title: &'static str,
    sentences: Vec<String>,
    then: Then,
}

/// Answers a request that is stopped. `form` is the whole form where it could be read again, so that what a person
/// wrote can be handed back.
pub fn respond(
    stop: &Stop,
    asked: &Asked,
    site: &Site,
    reference: Reference,
    form: Option<&php::Form>,
) -> Response<AnswerBody> {
    let words = words(stop, &asked.action);
    let retry_after = match stop {
        Stop::Decided { wait, .. } => *wait,
        Stop::NoRoom | Stop::Flood => Some(Duration::from_secs(10)),
        _ => None,
    };
    let ends_session = words.then == Then::SignIn;
    let mut sentence = words.sentences.join(" ");
    if let Some(helpdesk) = &site.helpdesk {
        sentence.push_str(&format!(" Help: {helpdesk}."));
    }
    sentence.push_str(&format!(" (Reference code {reference})"));
    let refusal = Refusal {
        status: words.status,
        title: words.title,
        sentence: &sentence,
        base: &site.base,
        retry_after,
        then: words.then,
    };
    let mut response = match site.webmail.dress(asked, &refusal, form) {
        Some(dressed) => from_dressed(dressed),
        None => page(&words, site, reference),
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

fn from_dressed(dressed: Dressed) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::Whole(Bytes::from(dressed.body)));
    *response.status_mut() = dressed.status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(dressed.content_type));
    response
}

#[derive(Template)]
#[template(path = "pages/refused.html")]
struct RefusedPage<'a> {
    title: &'a str,
    sentences: &'a [String],
    next: Option<&'a str>,
    next_label: &'a str,
    site: &'a str,
    helpdesk: Option<&'a str>,
    reference: Reference,
}

fn page(words: &Words, site: &Site, reference: Reference) -> Response<AnswerBody> {
    let back = !matches!(words.status, StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST);
    let page = RefusedPage {
        title: words.title,
        sentences: &words.sentences,
        next: match words.then {
            Then::Prove(at) => Some(at),
            _ => back.then_some(site.base.as_str()),
        },
        next_label: match words.then {
            Then::SignIn => "Sign in",
            Then::Prove(_) => "Continue",
            Then::Stay | Then::SendAgain(_) => "Back to the webmail",
        },
        site: &site.name,
        helpdesk: site.helpdesk.as_deref(),
        reference,
    };
    let html = page.render().expect("the page is made of text only");
    let mut response = Response::new(AnswerBody::Whole(Bytes::from(html)));
    *response.status_mut() = words.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'self'"),
    );
    response
}

fn words(stop: &Stop, action: &Action) -> Words {
    let words = |status, title, sentences: &[&str]| Words {
        status,
        title,
        sentences: sentences.iter().map(|sentence| (*sentence).to_owned()).collect(),
        then: Then::Stay,
    };
    match stop {
        Stop::Decided { why, wait } => decided(why, *wait, action),
        Stop::Unnatural(_) => words(
            StatusCode::BAD_REQUEST,
            "This request cannot be understood",
            &[
                "Something in it is not what a browser sends. If a page of the webmail led here, please tell the helpdesk the reference code.",
            ],
        ),
        Stop::NotFound => words(StatusCode::NOT_FOUND, "There is nothing here", &["This address does not exist."]),
        Stop::Method => words(
            StatusCode::METHOD_NOT_ALLOWED,
            "This request cannot be understood",
            &["The webmail is asked in other ways than this."],
        ),
        Stop::Encoding => words(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "This request cannot be understood",
            &["Forms are taken as they are, not compressed."],
        ),
        Stop::TooLarge => words(
            StatusCode::PAYLOAD_TOO_LARGE,
            "This is too large",
            &["The file or message is larger than this webmail takes."],
        ),
        Stop::TooSlow => words(
            StatusCode::REQUEST_TIMEOUT,
            "The connection is too slow",
            &["The request did not arrive in time. Nothing was changed; please try again."],
        ),
        Stop::NoRoom => words(
            StatusCode::SERVICE_UNAVAILABLE,
            "Too busy at the moment",
            &["Too many large messages arrive at once. Nothing was changed; please try again in a moment."],
        ),
        Stop::Flood => words(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many requests",
            &["Far more requests came from your network than people make. Please wait a moment."],
        ),
        Stop::HeldTooLong => words(
            StatusCode::CONFLICT,
            "Your message waited too long",
            &["It was not sent, because too much time had passed. It is still here: you can send it now."],
        ),
        Stop::HeldUncertain => words(
            StatusCode::CONFLICT,
            "It is not certain whether your message was sent",
            &[
                "Something broke off while it was being sent. Look into the folder of sent messages before you send it again.",
            ],
        ),
        Stop::Upstream { never_arrived } => {
            let mut words = words(
                StatusCode::BAD_GATEWAY,
                "The webmail does not answer",
                &["The webmail behind this address is not working at the moment. Your mail is safe."],
            );
            words.sentences.push(match (action, never_arrived) {
                (Action::Send(_), true) => "Your message was not sent; it is still here. Please try again in a few minutes.",
                (Action::Send(_), false) => {
                    "It is not certain whether your message was sent: look into the Sent folder before you send it again."
                }
                _ => "Please try again in a few minutes.",
            }.to_owned());
            words
        }
    }
}

fn decided(why: &Why, wait: Option<Duration>, action: &Action) -> Words {
    let words = |status, title, sentences: Vec<String>, then| Words { status, title, sentences, then };
    let is_send = matches!(action, Action::Send(_));
    let again = wait.map(spoken);
    match why {
        Why::Limit(over) if is_send => {
            let mut sentences = vec!["You have reached the limit for sending, so this message was not sent. Nothing is lost.".to_owned()];
            let then = match (wait, &again) {
                (Some(wait), _) if wait <= SEND_AGAIN_MAX => {
                    sentences.push(format!("It will be sent by itself in {}.", spoken(wait + SEND_AGAIN_MARGIN)));
                    Then::SendAgain(wait + SEND_AGAIN_MARGIN)
                }
                (_, Some(again)) => {
                    sentences.push(format!("Please send it again in {again}."));
                    if over.fits_now > 0 && over.name.starts_with("recipients") {
                        sentences.push(format!("Right now it could go to {}.", people(over.fits_now)));
                    }
                    Then::Stay
                }
                (_, None) => {
                    sentences.push(format!(
                        "It names more recipients than may be written to within this time ({}). To send to many people, ask the helpdesk.",
                        over.limit.amount
                    ));
                    Then::Stay
                }
            };
            words(StatusCode::TOO_MANY_REQUESTS, "Sending limit reached", sentences, then)
        }
        Why::TooManyRecipients { asked, most } => words(
            StatusCode::FORBIDDEN,
            "Too many recipients",
            vec![
                format!("This message names {}; one message may go to {most}. It was not sent, and nothing is lost.", people(*asked)),
                "To send to many people, ask the helpdesk for a mailing list.".to_owned(),
            ],
            Then::Stay,
        ),
        Why::Unlike(_) => words(
            StatusCode::FORBIDDEN,
            "This session may only read",
            vec![
                "This does not look like your usual way of writing, so for your safety the message was not sent and this session can only read. Nothing is lost.".to_owned(),
                "If it is you, please ask the helpdesk: they can open it at once.".to_owned(),
            ],
            Then::Stay,
        ),
        Why::Refused => words(
            StatusCode::FORBIDDEN,
            "You cannot sign in from here",
            vec![
                "This sign-in differs too much from the usual ones of this account. If it is you, please ask the helpdesk.".to_owned(),
            ],
            Then::Stay,
        ),
        Why::Limit(_) | Why::Slowed => {
            let mut sentences = vec!["There were too many attempts to sign in that did not succeed.".to_owned()];
            if let Some(again) = again {
                sentences.push(format!("Please wait {again}, then try again."));
            }
            sentences.push("If you do not remember your password, the helpdesk can set a new one.".to_owned());
            words(StatusCode::TOO_MANY_REQUESTS, "Please wait before you sign in", sentences, Then::Stay)
        }
        Why::Locked if is_send => words(
            StatusCode::FORBIDDEN,
            "This account is locked",
            vec!["Your account is locked, so this message was not sent. Please ask the helpdesk.".to_owned()],
            Then::Stay,
        ),
        Why::Locked => words(
            StatusCode::FORBIDDEN,
            "This account is locked",
            vec!["An administrator has locked this account. Please ask the helpdesk; they can tell you why and open it again.".to_owned()],
            Then::Stay,
        ),
        Why::Restricted | Why::Rule(_) => words(
            StatusCode::FORBIDDEN,
            "This session may only read",
            vec!["For your safety this session can read mail but not do this. Nothing was changed. Please ask the helpdesk.".to_owned()],
            Then::Stay,
        ),
        Why::PasswordDue => words(
            StatusCode::FORBIDDEN,
            "Please change your password first",
            vec!["Your password is known to be bad and was to be changed by now, so this was not done. Change it in the settings, and you can go on. Nothing is lost.".to_owned()],
            Then::Stay,
        ),
        Why::Challenged => words(
            StatusCode::FORBIDDEN,
            "Please confirm that it is you",
            vec![if is_send {
                "Please confirm that it is you. Your message was not sent yet, and nothing is lost.".to_owned()
            } else {
                "Please confirm that it is you before you go on.".to_owned()
            }],
            Then::Prove(super::own::CHALLENGE),
        ),
        Why::UnknownSession | Why::Ended => words(
            StatusCode::FORBIDDEN,
            "Please sign in again",
            vec!["This session has ended. Please sign in again; what you wrote is kept.".to_owned()],
            Then::SignIn,
        ),
        Why::StoreAway | Why::Nothing => words(
            StatusCode::SERVICE_UNAVAILABLE,
            "Not possible at the moment",
            vec!["This cannot be done at the moment because of a fault on our side. Nothing is lost; please try again in a minute.".to_owned()],
            Then::Stay,
        ),
    }
}

fn people(count: u32) -> String {
    if count == 1 { "1 recipient".to_owned() } else { format!("{count} recipients") }
}

/// A wait in words, rounded up: never shorter than it is.
fn spoken(wait: Duration) -> String {
    let seconds = whole_seconds(wait).max(1);
    let (count, unit) = match seconds {
        0..=90 => (seconds, "second"),
        91..=5_400 => (seconds.div_ceil(60), "minute"),
        _ => (seconds.div_ceil(3_600), "hour"),
    };
    if count == 1 { format!("{count} {unit}") } else { format!("{count} {unit}s") }
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_never_said_shorter_than_it_is() {
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
            assert_eq!(spoken(Duration::from_millis(millis)), words);
        }
    }
}
