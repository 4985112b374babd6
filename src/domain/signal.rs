//! The kinds of signal: their names, how much each counts when the configuration does not say, and why.

/// One kind of signal. What makes it speak is in the file of its name in `policy/signals`.
#[derive(Clone, Copy, Debug)]
pub struct SignalKind {
    /// Stable: the configuration, operators' rules and scripts name it.
    pub name: &'static str,
    /// When the configuration does not say. Positive speaks against a sign-in, negative for it.
    pub weight: i32,
    /// When it speaks, for the reference.
    pub speaks: &'static str,
    /// Why it weighs what it does.
    pub because: &'static str,
}

/// How many there are.
pub const SIGNALS_COUNT: usize = 21;

/// All of them. What is unknown makes none of them speak.
pub static SIGNALS: [SignalKind; SIGNALS_COUNT] = [
    SignalKind {
        name: "new_country",
        weight: 40,
        speaks: "From a country where this account has not signed in before, or less than ten times and not within two months.",
        because: "Most thefts are used from abroad. Alone it flags; with a new device it asks for proof.",
    },
    SignalKind {
        name: "off_campus",
        weight: 10,
        speaks: "From outside the campus networks, where there are any.",
        because: "Half of all honest sign-ins: it only tips what else is odd.",
    },
    SignalKind {
        name: "new_network",
        weight: 10,
        speaks: "From a provider and a network where this account has not signed in before.",
        because: "Cafés, trains and friends' homes are common.",
    },
    SignalKind {
        name: "new_device",
        weight: 15,
        speaks: "With a browser that this account has not used before.",
        because: "A new browser at a usual place is below every threshold; in a new country it is above.",
    },
    SignalKind {
        name: "known_device",
        weight: -25,
        speaks: "With a browser that this account has used before.",
        because: "A thief has the password, not the browser: the owner abroad with their own laptop is at most flagged.",
    },
    SignalKind {
        name: "country_new_to_site",
        weight: 15,
        speaks: "From a country where nobody at this site has signed in within a month.",
        because: "Rarer than a country new to one account.",
    },
    SignalKind {
        name: "first_seen_abroad",
        weight: 40,
        speaks: "The first that is seen of the account, from another country than the campus; not while fewer than fifty accounts have signed in at the site.",
        because: "Accounts that are never used here are stolen as well, and have nothing that could be new. Somebody who really begins abroad proves it once.",
    },
    SignalKind {
        name: "impossible_travel",
        weight: 40,
        speaks: "Farther from the last sign-in than an aeroplane gets in that time.",
        because: "Two people, or a VPN that no list knows.",
    },
    SignalKind {
        name: "tor",
        weight: 40,
        speaks: "Through Tor.",
        because: "Few owners, many thieves; with a new browser it asks for proof.",
    },
    SignalKind {
        name: "hosting",
        weight: 25,
        speaks: "From a network of rented servers.",
        because: "People do not sit in data centres, though some of their VPNs do.",
    },
    SignalKind {
        name: "vpn",
        weight: 15,
        speaks: "Through a VPN or privacy relay.",
        because: "Common among the careful, and among thieves.",
    },
    SignalKind {
        name: "failures_before",
        weight: 15,
        speaks: "After three or more wrong passwords for this account within an hour.",
        because: "Guessing that succeeds looks like this; so does a tired owner.",
    },
    SignalKind {
        name: "accounts_from_prefix",
        weight: 30,
        speaks: "From an address where, within an hour, four or more accounts signed in with new browsers.",
        because: "One thief with many passwords. Campus does not count.",
    },
    SignalKind {
        name: "prefixes_for_account",
        weight: 25,
        speaks: "The third network within an hour that signs in to this account with new browsers.",
        because: "One password in many hands.",
    },
    SignalKind {
        name: "theft_from_prefix",
        weight: 60,
        speaks: "From an address where an operator confirmed a theft within a month, or that an operator marked.",
        because: "With one more thing odd it asks for proof; a shared address of honest people stays usable on known devices.",
    },
    SignalKind {
        name: "open_flag",
        weight: 35,
        speaks: "With a new browser, within three days after a session of the account was restricted for what it sent, while that flag is open.",
        because: "A thief who was held signs in again. The owner's own browsers are left alone.",
    },
    SignalKind {
        name: "dormant",
        weight: 15,
        speaks: "The account's first sign-in in 90 days.",
        because: "Nobody watches an account that sleeps.",
    },
    SignalKind {
        name: "unusual_hour",
        weight: 5,
        speaks: "At an hour when this account is hardly ever used.",
        because: "People have late nights.",
    },
    SignalKind {
        name: "scripted",
        weight: 50,
        speaks: "By a program that is no browser.",
        because: "Webmail is for people. A robot of yours gets a `[[rule]]`.",
    },
    SignalKind {
        name: "weak_password",
        weight: 5,
        speaks: "The password is easily guessed.",
        because: "More likely that somebody else has it; no proof of anything.",
    },
    SignalKind {
        name: "breached_password",
        weight: 15,
        speaks: "The password stands in a list of those that thieves try first.",
        because: "More likely still.",
    },
];

/// What a message may say against itself, by what the operator's scanners say of it. Each scanner's table may weigh them
/// differently.
pub static CONTENT_SIGNALS: [SignalKind; 4] = [
    SignalKind {
        name: "spam",
        weight: 120,
        speaks: "A scanner would not take the message in at all.",
        because: "What no server of yours would let in is not let out: the message is refused, the session goes on.",
    },
    SignalKind {
        name: "spam_likely",
        weight: 30,
        speaks: "A scanner would mark the message as spam.",
        because: "Scanners err about honest mail as well. One alone flags; two of them ask for proof.",
    },
    SignalKind {
        name: "virus",
        weight: 1000,
        speaks: "A scanner finds a virus in the message or in one of its files.",
        because: "Always refused; its weight cannot be set.",
    },
    SignalKind {
        name: "scanner_silent",
        weight: 30,
        speaks: "A scanner was to look at the message and did not answer.",
        because: "The message passes and is flagged, so that what left unseen can be looked at; with 0 it only passes.",
    },
];

/// What a session in doubt may do besides sending, as thieves do once they are in.
pub static MOVE_SIGNALS: [SignalKind; 6] = [
    SignalKind {
        name: "filter_changed",
        weight: 40,
        speaks: "It changed a filter, a forward or the out-of-office notice, and mail may go outside by it.",
        because: "Mail goes out by itself then, and the owner does not see what comes back.",
    },
    SignalKind {
        name: "identity_changed",
        weight: 30,
        speaks: "It changed an address or a signature, and answers or readers may go outside by it.",
        because: "Frauds are sent under other names, with the answers going elsewhere.",
    },
    SignalKind {
        name: "answers_elsewhere",
        weight: 20,
        speaks: "A message of it names an address for answers, or of a sender, that is outside.",
        because: "Frauds want their answers elsewhere; so do a few owners.",
    },
    SignalKind {
        name: "password_changed",
        weight: 30,
        speaks: "It changed the password.",
        because: "The owner is locked out.",
    },
    SignalKind {
        name: "data_taken",
        weight: 25,
        speaks: "It took the address book or many messages away.",
        because: "The next recipients, and what to write to them.",
    },
    SignalKind {
        name: "traces_hidden",
        weight: 30,
        speaks: "It removed messages from the folder of sent mail.",
        because: "So that the owner does not see what was sent. Tidy people do it at home.",
    },
];

/// What a message may say against itself by who else sent the like of it lately. None of them speaks against what people
/// send from their own browsers, on campus, or to those whom they have written to before.
pub static CAMPAIGN_SIGNALS: [SignalKind; 5] = [
    SignalKind {
        name: "campaign",
        weight: 50,
        speaks: "Strangers sent nearly the same text, the same file or the same address for answers with two accounts, four messages to people outside, or with three accounts.",
        because: "One thief with several passwords. Honest people who send the same do it from their own browsers or to their own people; one who does not proves it once.",
    },
    SignalKind {
        name: "campaign_link",
        weight: 30,
        speaks: "The same, where links to one host are all that the messages have in common.",
        because: "Something new that many hear of on the same day looks like this: alone it flags.",
    },
    SignalKind {
        name: "campaign_wide",
        weight: 30,
        speaks: "Strangers used three or more accounts for it.",
        because: "With a common text the sessions read only; with nothing but a common link they are asked for proof.",
    },
    SignalKind {
        name: "campaign_repeated",
        weight: 30,
        speaks: "One session of a stranger sent nearly the same text twelve times to new people outside.",
        because: "Applications and invitations are fewer in an evening; the limits bound the rest. Alone it flags.",
    },
    SignalKind {
        name: "campaign_of_theft",
        weight: 120,
        speaks: "A stranger's message has something in common with those of a theft that an operator confirmed.",
        because: "It is refused until the campaign is over or an operator clears it.",
    },
];

/// The kind of that name.
pub fn kind(name: &str) -> Option<&'static SignalKind> {
    SIGNALS.iter().chain(&CONTENT_SIGNALS).chain(&MOVE_SIGNALS).chain(&CAMPAIGN_SIGNALS).find(|kind| kind.name == name)
}
