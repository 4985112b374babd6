//! The administrator's desk: pages for people and a JSON API for programs, on the administrator's listener only.
//!
//! One table ([`ROUTES`]) says what there is and who may ask for it; `guard.rs` goes by it before anybody answers. What is
//! done to accounts, sessions and flags is done by [`Control`], the same that answers the command line, under the
//! operator's name; each such thing is written to the audit log there. Pages read from the store and say what is there; they
//! decide nothing.
//!
//! To add a page: its file with its handler, a template in `templates/admin`, one line in [`ROUTES`].

mod account;
mod act;
mod api;
mod audit;
mod campaigns;
mod enrol;
mod events;
mod fault;
mod flag;
mod flags;
mod form;
mod guard;
mod live;
mod now;
mod openapi;
mod openid;
#[cfg(test)]
mod openid_tests;
pub mod operator;
mod operators;
mod own_factors;
mod page;
pub mod password;
mod policy;
mod prefixes;
pub mod role;
mod search;
mod sign_in;
#[cfg(test)]
mod tests;
mod tries;
mod visit;
mod words;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::Facts;
use super::control::Control;
use crate::challenge::pages::PASSKEY_SCRIPT;
use crate::domain::{Account, AuditEntry, SiteName};
use crate::intel::Intel;
use crate::openid::Provider;
use crate::store::Away;
use fault::Fault;
pub use live::News;
use operator::Operator;
pub use role::{Needs, Role, Route};
use tokio::sync::Semaphore;
use visit::Visit;

/// The organisation's provider, by the configuration in force.
pub type OpenIdSource = Box<dyn Fn() -> Option<Arc<Provider>> + Send + Sync>;

/// What the configuration in force says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Names under which the desk answers, besides addresses in numbers and `localhost`.
    pub hosts: Vec<String>,
    /// A session is over so long after its last visit.
    pub session_idle: Duration,
    /// A session is over so long after its sign-in.
    pub session_max: Duration,
}

/// The desk.
pub struct Desk {
    /// What is done.
    pub control: Arc<Control>,
    /// The configuration in force.
    pub settings: Box<dyn Fn() -> Settings + Send + Sync>,
    /// How the gateway is.
    pub facts: Arc<dyn Fn() -> Facts + Send + Sync>,
    /// Where addresses are, and how old what is known of them is.
    pub intel: Arc<Intel>,
    /// What open pages hear of.
    pub news: News,
    /// Where operators may sign in as well; none: with a password only.
    openid: OpenIdSource,
    listeners: Arc<Semaphore>,
    passwords: password::Passwords,
    tries: tries::Tries,
}

impl Desk {
    /// A desk nobody sits at.
    pub fn new(
        control: Arc<Control>,
        settings: Box<dyn Fn() -> Settings + Send + Sync>,
        facts: Arc<dyn Fn() -> Facts + Send + Sync>,
        intel: Arc<Intel>,
        news: News,
        openid: OpenIdSource,
    ) -> Self {
        Self {
            control,
            settings,
            facts,
            intel,
            news,
            openid,
            listeners: Arc::new(Semaphore::new(live::LISTENERS_MAX)),
            passwords: password::Passwords::new(),
            tries: tries::Tries::new(),
        }
    }

    /// The site that this host is one of.
    fn site(&self, host: &str) -> Result<SiteName, Fault> {
        let lower = host.trim().to_ascii_lowercase();
        let sites = self.control.sites();
        let site = sites.iter().find(|site| site.hosts.contains(&lower));
        site.map(|site| Arc::clone(&site.name)).ok_or_else(|| Fault::NotFound(format!("There is no site {host:?}.")))
    }

    fn first_site(&self) -> Option<SiteName> {
        self.control.sites().first().map(|site| Arc::clone(&site.name))
    }

    fn site_names(&self) -> Vec<String> {
        self.control.sites().iter().map(|site| site.name.to_string()).collect()
    }

    /// The account that a name means at a site.
    fn folded(&self, site: &SiteName, name: &str) -> Account {
        let sites = self.control.sites();
        let found = sites.iter().find(|known| known.name == *site);
        found.map_or_else(|| Account::from_canonical(name), |site| site.accounts.fold(name))
    }

    /// An operator and its version; none of that name.
    async fn operator(&self, name: &str) -> Result<Option<(Operator, u64)>, Away> {
        self.control.operator(name).await
    }

    /// Changes an operator in one piece; none of that name.
    async fn change_operator<T>(&self, name: &str, change: impl FnMut(&mut Operator) -> T) -> Result<Option<T>, Fault> {
        Ok(self.control.change_operator(name, change).await?)
    }

    /// Writes down what somebody did who is no command's.
    async fn note(&self, visit: &Visit, action: &str, target: &str, note: &str, done: bool) -> Result<(), Fault> {
        let entry = AuditEntry {
            number: self.control.dice.event_number(),
            time: visit.now,
            by: visit.name.to_string(),
            address: Some(visit.address),
            action: action.to_owned(),
            target: target.to_owned(),
            site: None,
            account: None,
            note: note.to_owned(),
            done,
        };
        Ok(self.control.store.note_audit(entry).await?)
    }
}

use Needs::{Enrolment, Nobody, Page, Password};
use Role::{Administrator, Operator as Acts, Viewer};

/// All that can be asked of the desk, and by whom.
pub static ROUTES: &[Route] = &[
    Route::page("/static/desk.css", Nobody, || get(async || page::file("text/css; charset=utf-8", page::STYLE_SHEET))),
    Route::page("/static/desk.js", Nobody, || get(async || page::file(SCRIPT, page::SCRIPT))),
    Route::page("/static/passkey.js", Nobody, || get(async || page::file(SCRIPT, PASSKEY_SCRIPT))),
    Route::page("/static/icon.svg", Nobody, || get(async || page::file("image/svg+xml", page::ICON))),
    Route::page("/static/world.svg", Nobody, || get(async || page::file("image/svg+xml", page::WORLD))),
    Route::page("/sign-in", Nobody, || get(sign_in::form)),
    Route::form("/sign-in", Nobody, || post(sign_in::password)),
    Route::page("/sign-in/proof", Password, || get(sign_in::ask)),
    Route::form("/sign-in/proof", Password, || post(sign_in::prove)),
    Route::page("/sign-in/openid", Nobody, || get(openid::begin)),
    Route::page("/sign-in/openid/back", Nobody, || get(openid::come_back)),
    Route::page("/enrol", Nobody, || get(enrol::form)),
    Route::form("/enrol", Nobody, || post(enrol::begin)),
    Route::page("/enrol/password", Enrolment, || get(enrol::password_form)),
    Route::form("/enrol/password", Enrolment, || post(enrol::set_password)),
    Route::page("/enrol/factor", Enrolment, || get(enrol::factor_form)),
    Route::form("/enrol/factor", Enrolment, || post(enrol::set_factor)),
    Route::form("/sign-out", Page(Viewer), || post(sign_in::sign_out)),
    Route::page("/", Page(Viewer), || get(now::show)),
    Route::page("/live", Page(Viewer), || get(live::listen)),
    Route::page("/flags", Page(Viewer), || get(flags::list)),
    Route::form("/flags", Page(Acts), || post(flags::act)),
    Route::page("/flags/{code}", Page(Viewer), || get(flag::show)),
    Route::form("/flags/{code}", Page(Acts), || post(flag::act)),
    Route::page("/flags/{code}/evidence", Page(Acts), || get(flag::evidence)),
    Route::page("/campaigns", Page(Viewer), || get(campaigns::list)),
    Route::page("/campaigns/{code}", Page(Viewer), || get(campaigns::show)),
    Route::form("/campaigns/{code}", Page(Acts), || post(campaigns::act)),
    Route::page("/account", Page(Viewer), || get(account::show)),
    Route::form("/account", Page(Acts), || post(account::act)),
    Route::page("/search", Page(Viewer), || get(search::show)),
    Route::page("/prefixes", Page(Viewer), || get(prefixes::list)),
    Route::form("/prefixes", Page(Acts), || post(prefixes::act)),
    Route::page("/events", Page(Viewer), || get(events::list)),
    Route::page("/events.csv", Page(Viewer), || get(events::csv)),
    Route::page("/events.jsonl", Page(Viewer), || get(events::jsonl)),
    Route::page("/policy", Page(Viewer), || get(policy::show)),
    Route::form("/policy", Page(Acts), || post(policy::attempt)),
    Route::page("/audit", Page(Administrator), || get(audit::list)),
    Route::page("/operators", Page(Administrator), || get(operators::list)),
    Route::form("/operators", Page(Administrator), || post(operators::act)),
    Route::page("/me", Page(Viewer), || get(operators::me)),
    Route::form("/me", Page(Viewer), || post(operators::change)),
    Route::page("/me/factor", Page(Viewer), || get(own_factors::form)),
    Route::form("/me/factor", Page(Viewer), || post(own_factors::add)),
    // It says nothing of this desk, and people open it from their own page, without a token.
    Route::page("/api/v1/openapi.json", Nobody, || get(api::openapi)),
    Route::look("/api/v1/status", Viewer, "How the gateway is.", &[], || get(api::status)),
    Route::look("/api/v1/flags", Viewer, "The flags that fit.", &FLAG_FIELDS, || get(api::flags)),
    Route::look("/api/v1/flags/{code}", Viewer, "One flag, whole.", &[], || get(api::flag)),
    Route::order("/api/v1/flags/{code}/clear", Acts, "It was the account's owner.", &NOTE, || post(api::clear_flag)),
    Route::order("/api/v1/flags/{code}/confirm", Acts, "It was a theft.", &NOTE, || post(api::confirm_flag)),
    Route::order("/api/v1/flags/{code}/note", Acts, "Notes something.", &NOTE, || post(api::note_flag)),
    Route::look(
        "/api/v1/flags/{code}/evidence",
        Acts,
        "All that is known of a flag, as a zip archive in base64.",
        &[],
        || get(api::evidence),
    ),
    Route::look("/api/v1/campaigns", Viewer, "The campaigns that were recognised.", &SITE, || get(api::campaigns)),
    Route::look("/api/v1/campaigns/{code}", Viewer, "One campaign with its accounts.", &[], || get(api::campaign)),
    Route::order(
        "/api/v1/campaigns/{code}/contain",
        Acts,
        "Restricts what strangers have of all its accounts.",
        &[],
        || post(api::contain_campaign),
    ),
    Route::order("/api/v1/campaigns/{code}/confirm", Acts, "It is a theft's.", &NOTE, || post(api::confirm_campaign)),
    Route::order("/api/v1/campaigns/{code}/clear", Acts, "It is nothing.", &[], || post(api::clear_campaign)),
    Route::look("/api/v1/sessions", Viewer, "The sessions that have not ended.", &WHOSE, || get(api::sessions)),
    Route::order("/api/v1/sessions/{session}/end", Acts, "Ends a session.", &[], || post(api::end_session)),
    Route::order("/api/v1/sessions/{session}/restrict", Acts, "Restricts an open session.", &[], || {
        post(api::restrict_session)
    }),
    Route::order(
        "/api/v1/sessions/{session}/challenge",
        Acts,
        "Asks the person of a session for a proof.",
        &[],
        || post(api::challenge_session),
    ),
    Route::order("/api/v1/sessions/{session}/clear", Acts, "Opens a restricted session.", &[], || {
        post(api::clear_session)
    }),
    Route::look("/api/v1/account", Viewer, "All that is known of an account.", &ACCOUNT, || get(api::account)),
    Route::order("/api/v1/account/lock", Acts, "Locks an account and ends its sessions.", &LOCK, || post(api::lock)),
    Route::order("/api/v1/account/unlock", Acts, "Unlocks an account.", &ACCOUNT, || post(api::unlock)),
    Route::order("/api/v1/account/end-sessions", Acts, "Ends all sessions of an account.", &ACCOUNT, || {
        post(api::end_sessions)
    }),
    Route::order(
        "/api/v1/account/restrict-sessions",
        Acts,
        "Restricts all open sessions of an account, and its mail programs where there are other doors.",
        &ACCOUNT,
        || post(api::restrict_sessions),
    ),
    Route::order("/api/v1/account/forget-devices", Acts, "Forgets browsers of an account.", &DEVICE, || {
        post(api::forget_devices)
    }),
    Route::order("/api/v1/account/helpdesk-code", Acts, "Makes a code for an account's owner.", &ACCOUNT, || {
        post(api::helpdesk_code)
    }),
    Route::order("/api/v1/account/remove-factors", Acts, "Removes second proofs of an account.", &FACTOR, || {
        post(api::remove_factors)
    }),
    Route::look("/api/v1/locks", Viewer, "The accounts that are locked.", &SITE, || get(api::locks)),
    Route::look("/api/v1/prefixes", Viewer, "The addresses that are marked.", &SITE, || get(api::prefixes)),
    Route::order(
        "/api/v1/prefixes/mark",
        Acts,
        "Marks an address: what comes from it counts like what comes from where a theft came from.",
        &MARK,
        || post(api::mark_prefix),
    ),
    Route::order("/api/v1/prefixes/unmark", Acts, "Takes the mark off an address.", &PREFIX, || {
        post(api::unmark_prefix)
    }),
    Route::look("/api/v1/events", Viewer, "Past events, newest first.", &EVENT_FIELDS, || get(api::past_events)),
    Route::look("/api/v1/counts", Viewer, "What happened how often.", &HOURS, || get(api::counts)),
    Route::look("/api/v1/senders", Viewer, "Who sent to the most recipients.", &HOURS, || get(api::senders)),
    Route::look(
        "/api/v1/policy",
        Viewer,
        "The policy in force, and what each of its rules did in a week.",
        &[],
        || get(api::policy),
    ),
    Route::order(
        "/api/v1/policy/try",
        Acts,
        "What a changed policy would have decided. Nothing is changed.",
        &CHANGES,
        || post(api::try_policy),
    ),
    Route::look("/api/v1/audit", Administrator, "What operators did, newest first.", &AUDIT_FIELDS, || get(api::audit)),
    Route::look("/api/v1/operators", Administrator, "The operators.", &[], || get(api::operators)),
    Route::order("/api/v1/operators", Administrator, "Adds an operator.", &OPERATOR, || post(api::add_operator)),
    Route::order("/api/v1/operators/{name}/role", Administrator, "Gives another operator a role.", &ROLE, || {
        post(api::set_role)
    }),
    Route::order(
        "/api/v1/operators/{name}/reset",
        Administrator,
        "Forgets password and second proofs of another operator, and makes a code to begin anew with.",
        &[],
        || post(api::reset_operator),
    ),
    Route::order("/api/v1/operators/{name}/remove", Administrator, "Removes another operator.", &[], || {
        post(api::remove_operator)
    }),
];

/// What scripts are called.
const SCRIPT: &str = "text/javascript; charset=utf-8";

type Field = (&'static str, &'static str);

const A_SITE: Field = ("site", "A host of the site; absent: all sites.");
const A_NAME: Field = ("name", "The account, as its owner types it.");
const A_NOTE: Field = ("note", "For other operators.");
const MOST: Field = ("most", "At most so many; 1000 at the most.");
const BEFORE: Field = ("before", "`next` of the page before.");
static SITE: [Field; 1] = [A_SITE];
static NOTE: [Field; 1] = [A_NOTE];
static ACCOUNT: [Field; 2] = [A_NAME, A_SITE];
static LOCK: [Field; 4] =
    [A_NAME, A_SITE, A_NOTE, ("until", "password_change: it opens when the password is another.")];
const A_PREFIX: Field = ("prefix", "An IPv4 address, or an IPv6 address or its /64.");
static PREFIX: [Field; 2] = [A_PREFIX, A_SITE];
static MARK: [Field; 4] =
    [A_PREFIX, A_SITE, ("days", "For so many days, 30 where nothing is said, 365 at most."), A_NOTE];
static DEVICE: [Field; 3] = [A_NAME, A_SITE, ("device", "32 hexadecimal digits; absent: all.")];
static WHOSE: [Field; 2] = [("account", "The account, as its owner types it."), A_SITE];
static HOURS: [Field; 2] = [("hours", "Over so many hours, 24 where nothing is said, 168 at the most."), MOST];
static FACTOR: [Field; 3] = [A_NAME, A_SITE, ("factor", "passkey, totp, other_address or recovery_code; absent: all.")];
const A_ROLE: Field = ("role", "viewer, operator or administrator.");
static ROLE: [Field; 1] = [A_ROLE];
static OPERATOR: [Field; 2] = [("name", "The operator's name."), A_ROLE];
static CHANGES: [Field; 1] =
    [("risk.weights.new_country", "This, or any other name as the policy lists it, and what it shall be.")];
static FLAG_FIELDS: [Field; 11] = [
    ("status", "open (where nothing is said), passed, cleared, confirmed or all."),
    ("account", "Of this account."),
    A_SITE,
    ("country", "Two letters."),
    ("as", "The number of an autonomous system."),
    ("q", "Anywhere in account, address, code, browser or reasons."),
    ("urgent", "1: only those that came to a challenge or more, or after which much was sent."),
    ("sort", "newest (where nothing is said), severity, messages, recipients or account."),
    ("before", "Older than this, in milliseconds since 1970."),
    ("after", "`next` of the page before, which had the same order."),
    MOST,
];
static EVENT_FIELDS: [Field; 7] = [
    ("kind", "Names of events; may come several times."),
    ("account", "Of this account."),
    A_SITE,
    ("text", "Anywhere in the line."),
    ("hours", "Not older than this."),
    BEFORE,
    MOST,
];
static AUDIT_FIELDS: [Field; 3] = [("by", "Of this operator."), BEFORE, MOST];

/// The desk's pages. Every request must carry [`super::Peer`].
pub fn router(desk: &Arc<Desk>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let gate = guard::Gate { desk: Arc::clone(desk), route };
        router = router.route(route.path, (route.handler)().layer(from_fn_with_state(gate, guard::enter)));
    }
    router.with_state(Arc::clone(desk))
}
