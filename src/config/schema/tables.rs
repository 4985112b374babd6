//! The tables, each with its keys in the order of the reference.

use super::{Key, Table, key};
use crate::domain::{CAMPAIGN_SIGNALS, MOVE_SIGNALS, SIGNALS};

const LIMITS: &str = "limit or list of limits";
const NETWORKS: &str = "list of networks";
const FILES: &str = "file or list of files";

/// The top of the file.
pub static TOP: Table = Table {
    header: "",
    text: "At the top of the file, before the first `[table]`.",
    keys: &[
        key(
            "data_dir",
            "folder",
            "`/var/lib/mailward`",
            "Where durable state lives: the database, keys and certificates that Mailward makes itself. Made with mode 0700 when it does not exist.",
        ),
        key(
            "mode",
            "`enforce` or `observe`",
            "`enforce`",
            "`observe` decides and records and stops nobody; TLS, framing and header rules hold all the same. For the first days.",
        ),
        key(
            "key_file",
            "file",
            "`keys` in `data_dir`, made with mode 0600",
            "The keys behind session hashes, password fingerprints and device cookies: base64 of 32 bytes a line, newest first, older ones below still open. Only its owner may read it.",
        ),
        key(
            "control",
            "file",
            "`control.sock` in `data_dir`",
            "The socket through which `mailward account` and `mailward session` talk to the running gateway. Mode 0600: only its owner and root.",
        ),
        key("events", "table", "see below", "`[events]`"),
        key("listen", "table", "see below", "`[listen]`"),
        key("tls", "table", "a self-signed certificate is made in `data_dir`", "`[tls]`"),
        key("site", "tables", "required", "`[[site]]`, one for each webmail"),
        key("networks", "table", "none", "`[networks]`"),
        key("geoip", "table", "what is compiled in", "`[geoip]`"),
        key("passwords", "table", "what is compiled in", "`[passwords]`"),
        key("store", "table", "the embedded store in `data_dir`", "`[store]`"),
        key("mail", "table", "no mail", "`[mail]`"),
        key("sms", "table", "no texts", "`[sms]`"),
        key("alert", "list of tables", "nobody is told", "`[[alert]]`"),
        key("reputation", "table", "no blocklist is asked", "`[reputation]`"),
        key("sign_in", "table", "see below", "`[sign_in.limits]`"),
        key("send", "table", "see below", "`[send.limits]`"),
        key("exception", "tables", "none", "`[[exception]]`, as many as needed"),
        key("risk", "table", "see below", "`[risk]`"),
        key("pages", "table", "a plain look", "`[pages]`"),
        key("challenge", "table", "see below", "`[challenge]`"),
        key("desk", "table", "see below", "`[desk]`"),
        key("rule", "tables", "none", "`[[rule]]`, as many as needed; the first that fits decides"),
        key("scanner", "tables", "nobody looks at what leaves", "`[[scanner]]`, in the order in which they are asked"),
        key("doors", "table", "mail servers ask nothing", "`[doors]`"),
    ],
};

/// `[events]`
pub static EVENTS: Table = Table {
    header: "[events]",
    text: "Where it is written what happened. The lines are described in [events.md](events.md).",
    keys: &[
        key(
            "file",
            "file",
            "`events.jsonl` in `data_dir`",
            "One JSON object a line; rotated when large or old, and opened anew on SIGHUP.",
        ),
        key("keep", "duration, at least `1d`", "`180d`", "Rotated files older than this are removed."),
    ],
};

/// `[listen]`
pub static LISTEN: Table = Table {
    header: "[listen]",
    text: "Where the gateway listens, whom it believes, and its bounds.",
    keys: &[
        key(
            "https",
            "list of addresses with port",
            "`[\"[::]:443\"]`",
            "`[::]` means every address of the machine, IPv4 and IPv6.",
        ),
        key(
            "http",
            "list of addresses with port",
            "`[\"[::]:80\"]`",
            "Answers with the redirect to HTTPS and nothing else; `[]` for none.",
        ),
        key(
            "public_https_port",
            "port",
            "the port of the first `https` address",
            "Where people reach HTTPS, if a firewall or load balancer moves the port.",
        ),
        key(
            "admin",
            "address with port",
            "none",
            "HTTPS with the administrator's desk, `/metrics`, `/healthz` and `/readyz`.",
        ),
        key("admin_from", NETWORKS, "`[\"127.0.0.0/8\", \"::1/128\"]`", "Who may ask there."),
        key(
            "admin_forwarded_from",
            NETWORKS,
            "`[]`",
            "Proxies in front of `admin` whose `X-Forwarded-For` is believed there, and there only: `admin_from`, the audit log and the brakes on guessing then mean whoever asks the proxy. The connection's end is meant where the header is absent.",
        ),
        key(
            "public_admin_port",
            "port",
            "the port of `admin`",
            "Where operators reach it, if a proxy moves the port. For links in alerts.",
        ),
        key(
            "proxy_protocol_from",
            NETWORKS,
            "`[]`",
            "Load balancers whose PROXY header (v1 or v2) is believed; from them it is then required.",
        ),
        key(
            "forwarded_from",
            NETWORKS,
            "`[]`",
            "Proxies whose `X-Forwarded-For` is believed. Anybody in these networks can claim any address: list the proxies themselves, nothing wider.",
        ),
        key(
            "connections_per_prefix",
            "number",
            "`256`",
            "Open at once from one IPv4 address or IPv6 /64. Listed proxies and campus are exempt.",
        ),
        key(
            "connections",
            "number",
            "`16384`",
            "Open at once in all. Each needs a file descriptor and another one to the webmail.",
        ),
        key(
            "new_connections_per_prefix",
            "limit",
            "`\"100/s\"`",
            "Accepted from one prefix. Listed proxies and campus are exempt.",
        ),
        key(
            "requests_per_prefix",
            "limit",
            "`\"6000/m\"`",
            "Requests from one prefix: a flood guard, far above what people do. Campus is exempt. A connection that goes on beyond it is ended, and the prefix opens no other for a moment.",
        ),
        key(
            "requests_at_once_per_prefix",
            "number",
            "`64`",
            "Requests of one prefix that the webmail answers at once; further ones wait for their turn. Sign-ins and sends, listed proxies and campus are exempt.",
        ),
        key("body_max", "size", "`\"100MiB\"`", "The largest request body; set it to the webmail's own upload limit."),
        key("header_timeout", "duration", "`15s`", "Time for a request's headers, and for the TLS handshake."),
        key("body_timeout", "duration", "`30s`", "Time without a byte of a request's body."),
        key("idle_timeout", "duration", "`75s`", "Time that a connection stays open without a request."),
        key(
            "upstream_timeout",
            "duration",
            "`180s`",
            "Time for the webmail's answer to begin. Searching a large mailbox takes long.",
        ),
        key("stop_timeout", "duration", "`30s`", "Time that requests get to finish when the gateway stops."),
        key(
            "hsts_max_age",
            "duration",
            "`180d`",
            "`Strict-Transport-Security`: browsers then refuse plain HTTP to these hosts for so long. `0s`: not sent.",
        ),
        key(
            "workers",
            "number",
            "one per core",
            "Worker threads; each has its own listener and connections to the webmail.",
        ),
    ],
};

/// `[tls]`
pub static TLS: Table = Table {
    header: "[tls]",
    text: "The certificate of sites that have none of their own. Files are read again when they change.",
    keys: &[
        key("certificate", "file", "required with `key`", "PEM, the site's own certificate first."),
        key("key", "file", "required with `certificate`", "PEM: PKCS#8, SEC1 or PKCS#1."),
    ],
};

/// `[[site]]`
pub static SITE: Table = Table {
    header: "[[site]]",
    text: "One webmail. Repeat the table for each.",
    keys: &[
        key(
            "hosts",
            "list of host names",
            "required",
            "The names people use, without port; the first is the site's name in events and commands.",
        ),
        key(
            "upstream",
            "URL",
            "required",
            "Where the webmail itself listens: `http://` or `https://`, host and port only.",
        ),
        key("webmail", "`roundcube` or `squirrelmail`", "required", "The product there."),
        key("mode", "`enforce` or `observe`", "the global `mode`", "As above, for this site."),
        key("certificate", "file", "that of `[tls]`", "This site's own certificate."),
        key("key", "file", "that of `[tls]`", "And its key."),
        key("base", "path", "`/`", "Where the product lives on these hosts; begins and ends with `/`."),
        key(
            "own_domains",
            "list of domains",
            "`[]`",
            "Recipients there are internal, and so are forwards, filters and identities that lead there.",
        ),
        key(
            "default_domain",
            "domain",
            "none",
            "Folded away in account names: with `example.edu`, `a@example.edu` is `a`. Set it if the webmail accepts both, or one account has two counters.",
        ),
        key("aliases", "file", "none", "Other names of accounts, `alias account` a line; `#` begins a comment."),
        key("session_cookie", "cookie name", "the product's own", "If the product was configured otherwise."),
        key(
            "entry_points",
            "list of paths",
            "`[]`",
            "Further `.php` paths of local plugins, below `base`, beginning with `/`. Any other script is never served.",
        ),
        key(
            "response_headers",
            "`strict` or `off`",
            "`strict`",
            "Whether the product's pages carry a `Content-Security-Policy` and its like, which limit what script in a received mail can do; as strict as the product works with. Off if a plugin of yours needs what they forbid: see [holes.md](holes.md).",
        ),
        key(
            "holes_open",
            "list of rules",
            "`[]`",
            "Rules against known holes of the product that are not asked here: see [holes.md](holes.md).",
        ),
        key("php_max_input_vars", "number", "`1000`", "PHP's setting of that name at this webmail."),
        key(
            "upgrades",
            "`refuse` or `pass`",
            "`refuse`",
            "Whether WebSockets reach the webmail (over HTTP/1.1; no other upgrade ever does). Once open, nothing in them is looked at.",
        ),
        key(
            "session_idle",
            "duration from `10m` to `31d`",
            "`24h`",
            "How long Mailward remembers a session without a request; at least as long as the webmail does.",
        ),
        key(
            "helpdesk",
            "text, at most 200 characters",
            "none",
            "Whom a person asks, shown on Mailward's pages: \"the service desk, telephone 4711\".",
        ),
    ],
};

/// `[networks]`
pub static NETWORK: Table = Table {
    header: "[networks]",
    text: "The operator's own networks. What comes from there is not a stranger.",
    keys: &[
        key("campus", NETWORKS, "`[]`", "The operator's own networks."),
        key("trusted", NETWORKS, "`[]`", "Networks that limits treat like campus, though they are not."),
        key(
            "campus_country",
            "country, two letters",
            "looked up by address",
            "Where the campus is. Set it if campus addresses are private, or databases place them elsewhere.",
        ),
        key(
            "bundled_lists",
            "`true` or `false`",
            "`true`",
            "Whether the list of Tor exits, rented servers and VPNs that is part of the program counts. `false`: only your own lists do.",
        ),
        key("list", "tables", "none", "`[[networks.list]]`, as many as needed, at most 32"),
    ],
};

/// `[[networks.list]]`
pub static NETWORK_LIST: Table = Table {
    header: "[[networks.list]]",
    text: "A list of networks of your own, beside the one that is part of the program. Read again when the file \
           changes: replace it by renaming. A list with a wrong line is refused, and the old one stays in use.",
    keys: &[
        key("kind", "`tor`, `hosting` or `vpn`", "required", "What the networks are."),
        key(
            "file",
            "file",
            "required",
            "One address or network a line; `#` begins a comment. Tor's bulk exit list and `exit-addresses` are read as they are. At most 64 MiB and two million networks.",
        ),
    ],
};

/// `[geoip]`
pub static GEOIP: Table = Table {
    header: "[geoip]",
    text: "Databases that say where an address is and in whose network, in MaxMind's format (`.mmdb`): MaxMind's own, \
           DB-IP's, and flat ones. Read again when a file changes: replace it by renaming. A broken file is refused, and \
           the old one stays in use. Country and AS are part of the program, as old as the program is; newer ones are \
           better.",
    keys: &[
        key("country", FILES, "`city`, or what is part of the program", "A country database."),
        key("asn", FILES, "what is part of the program", "An ASN (or ISP) database: who announces an address."),
        key(
            "city",
            FILES,
            "none",
            "A city database. With it impossible travel is judged by distance; without, only between countries that are far apart beyond doubt.",
        ),
        key(
            "warn_age",
            "duration, at least `1d`",
            "`90d`",
            "`check`, `doctor` and the dashboard warn of a database that was built longer ago.",
        ),
        key(
            "max_age",
            "duration, at least `warn_age`",
            "`540d`",
            "A database that was built longer ago says nothing any more: country, network and place are unknown, and no signal speaks of them.",
        ),
    ],
};

/// `[passwords]`
pub static PASSWORDS: Table = Table {
    header: "[passwords]",
    text: "Passwords are judged at the sign-in and never written anywhere. The 49 000 most common ones are part of the \
           program.",
    keys: &[
        key(
            "breached",
            FILES,
            "none",
            "Leaked passwords, as `mailward breach build` makes them from a list of SHA-1 hashes. Asked beside the list that is part of the program; read again when it changes.",
        ),
        key(
            "range_service",
            "https address",
            "nobody is asked",
            "A service that tells leaked passwords by range, such as `https://api.pwnedpasswords.com/range/`. It is told the first five digits of the SHA-1 of passwords that were right, which thousands of leaked ones share, and never the rest. Without an answer in half a second nothing is known.",
        ),
        key(
            "ask_to_change",
            "list of `breached`, `weak`",
            "nobody is asked",
            "Whoever signs in with a password of which this is known is asked for a new one, on a page before the inbox.",
        ),
        key(
            "grace",
            "duration of at most `365d`",
            "`14d`",
            "How long that may be put off, from the first time that it was asked. From then on sessions with such a password read, change it, and do nothing else. `0s`: from the first time on.",
        ),
        key(
            "change_at",
            "https address",
            "the webmail's own page",
            "Where people change their password. Needed where a site's webmail has no page for it: SquirrelMail has none; Roundcube has one with its plugin `password`.",
        ),
        key(
            "open_locks_at_change",
            "`true` or `false`",
            "`false`",
            "Whether `mailward account lock --until-password-change` is possible. Then the store is told, of the password that was right last, 32 keyed bits of how it begins. More in [challenge.md](challenge.md#a-lock-that-opens-by-itself).",
        ),
    ],
};

/// `[reputation]`
pub static REPUTATION: Table = Table {
    header: "[reputation]",
    text: "On which blocklists the addresses are looked for that your mail leaves from. That one is listed, or no longer, is an \
           event and an alert, with who sent the most before. Of several gateways let one ask.",
    keys: &[
        key(
            "addresses",
            "address or list of addresses",
            "none: no blocklist is asked",
            "From where your mail leaves, as other mail servers see it.",
        ),
        key(
            "lists",
            "domain or list of domains",
            "`zen.spamhaus.org`, `bl.spamcop.net`",
            "Blocklists that are asked by DNS. Look at the conditions of each: most are free for few questions, from a resolver of your own.",
        ),
        key("every", "duration from `10m` to `1d`", "`1h`", "How often each list is asked about each address."),
        key("resolver", "address:port", "the system's", "Which DNS server is asked."),
    ],
};

/// `[store]`
pub static STORE: Table = Table {
    header: "[store]",
    text: "What must outlive a request: counters, sessions, locks, profiles, flags. One gateway keeps it by itself, in one \
           file in `data_dir`. Several gateways share a Redis or Valkey: name it here, give all of them the same \
           `key_file`, and they count as one. What happens while it is away is in [store.md](store.md).",
    keys: &[
        key(
            "redis",
            "URL or list of URLs",
            "the embedded store",
            "`redis://user:password@host:6379/0`, or `rediss://` for TLS. Several of them, or one with `redis-cluster://`, are those of a cluster. Sentinels: `sentinel://host:26379/NAME`, with the name of the master, behind it if need be `?database=1&sentinel_user=…&sentinel_password=…`. With TLS: `rediss-cluster://`, `sentinels://`. Characters that mean something in a URL are written with their numbers: `%40` for `@`.",
        ),
        key(
            "degraded_share",
            "number from 0.01 to 1",
            "`0.5`",
            "How much of every limit each gateway lets through by itself while the store is away. With two gateways, 0.5 keeps them together at the limit.",
        ),
        key(
            "timeout",
            "`ms` or `s`, from `10ms` to `10s`",
            "`200ms`",
            "The longest that a request waits for the store. A store that does not answer in time counts as away.",
        ),
        key(
            "certificate_authority",
            "file",
            "the system's authorities",
            "Who vouches for the certificate of a `rediss://` server, PEM.",
        ),
        key(
            "prefix",
            "letters, digits and `-` `_` `.`",
            "`mailward`",
            "What the keys in Redis begin with, so that others may use it too.",
        ),
    ],
};

/// `[sign_in]`
pub static SIGN_IN: Table =
    Table { header: "[sign_in]", text: "", keys: &[key("limits", "table", "see below", "`[sign_in.limits]`")] };

/// `[sign_in.limits]`
pub static SIGN_IN_LIMITS: Table = Table {
    header: "[sign_in.limits]",
    text: "How much guessing is let through. Only wrong passwords count, and the same wrong password counts once. \
           `[]` sets no limit.",
    keys: &[
        key(
            "failures_per_account_and_prefix",
            LIMITS,
            "`[\"5/10m\"]`",
            "Distinct wrong passwords for one account from one prefix, or from one known device.",
        ),
        key(
            "failing_accounts_per_prefix",
            LIMITS,
            "`[\"5/h\"]`",
            "Distinct accounts with a wrong password from one prefix. Grows for a prefix from which many accounts succeed.",
        ),
        key(
            "failures_per_account",
            LIMITS,
            "`[\"2/m\"]`",
            "Wrong passwords for one account by strangers together, repeated ones included. Known devices and campus do not share it: nobody locks the owner out. Roundcube itself refuses the right password after three failures in a minute, so stay below.",
        ),
        key(
            "failures_per_site_before_slowing",
            LIMITS,
            "`[\"60/m\"]`",
            "Failures at one site by strangers together. Beyond them a stranger's sign-in is slowed, never refused.",
        ),
    ],
};

/// `[send]`
pub static SEND: Table =
    Table { header: "[send]", text: "", keys: &[key("limits", "table", "see below", "`[send.limits]`")] };

/// `[send.limits]`
pub static SEND_LIMITS: Table = Table {
    header: "[send.limits]",
    text: "How much may be sent. All limits hold at once; a message that is refused spends nothing. Drafts never count. \
           `[]` sets no limit.",
    keys: &[
        key(
            "recipients_per_message",
            "number",
            "`50`",
            "To + Cc + Bcc of one message. No larger than any window below that it must fit.",
        ),
        key("recipients_per_session", LIMITS, "`[\"60/10m\", \"200/h\"]`", "Recipients for one session."),
        key(
            "recipients_per_account",
            LIMITS,
            "`[\"200/h\", \"600/d\"]`",
            "Recipients for one account, whatever sessions it has.",
        ),
        key(
            "recipients_per_prefix",
            LIMITS,
            "none",
            "Recipients from one IPv4 address or IPv6 /64; everybody behind one NAT shares it.",
        ),
        key("recipients_per_site", LIMITS, "none", "Recipients for the whole site."),
        key("messages_per_session", LIMITS, "`[\"30/m\"]`", "Messages for one session."),
        key("messages_per_account", LIMITS, "none", "Messages for one account."),
        key("messages_per_prefix", LIMITS, "none", "Messages from one prefix."),
        key("messages_per_site", LIMITS, "none", "Messages for the whole site."),
        key(
            "familiar_factor",
            "number from 1 to 100",
            "`2.5`",
            "Session and account limits times this where the account has known the device for a day.",
        ),
        key(
            "alert_messages_per_account",
            LIMITS,
            "`[\"100/5m\"]`",
            "Stops nothing: an event when an account passes it, attempts included.",
        ),
        key(
            "networks_per_account",
            "limit, or `\"none\"`",
            "`\"3/5m\"`",
            "The third network (/24, or /48 of IPv6) that sends for one account within five minutes is stopped: that message is not sent, the account's sessions on new browsers read only, and it is flagged. Browsers known for a day do not count; campus is one network.",
        ),
        key(
            "countries_per_account",
            "limit, or `\"none\"`",
            "`\"2/5m\"`",
            "The same for countries: the second within five minutes.",
        ),
        key(
            "first_written_on_new_device",
            LIMITS,
            "`[\"25/d\"]`",
            "Recipients that an account never wrote to before, from outside and with a browser that it has known for less than a day. At the limit the session reads only, and is flagged; of an account that nothing is known of yet, the message only has to wait.",
        ),
    ],
};

/// `[[exception]]`
pub static EXCEPTION: Table = Table {
    header: "[[exception]]",
    text: "Accounts with limits of their own: a newsletter office, a mailing robot.",
    keys: &[
        key("accounts", "list of accounts", "required", "Whose."),
        key(
            "limits",
            "table",
            "required",
            "The limits that differ, with the names of `[send.limits]`; they stand in place of the general ones.",
        ),
        key(
            "until",
            "date, or date and time with offset",
            "required",
            "The end of that day (UTC). What has ended is reported by `check` and `doctor`.",
        ),
    ],
};

/// `limits` of an `[[exception]]`.
pub static EXCEPTION_LIMITS: Table = Table {
    header: "[exception.limits]",
    text: "Or in one line: `limits = { recipients_per_message = 500 }`.",
    keys: &[
        key("recipients_per_message", "number", "the general one", "As in `[send.limits]`."),
        key("recipients_per_session", LIMITS, "the general ones", "As in `[send.limits]`."),
        key("recipients_per_account", LIMITS, "the general ones", "As in `[send.limits]`."),
        key("recipients_per_prefix", LIMITS, "the general ones", "As in `[send.limits]`."),
        key("messages_per_session", LIMITS, "the general ones", "As in `[send.limits]`."),
        key("messages_per_account", LIMITS, "the general ones", "As in `[send.limits]`."),
        key("messages_per_prefix", LIMITS, "the general ones", "As in `[send.limits]`."),
        key("alert_messages_per_account", LIMITS, "the general ones", "As in `[send.limits]`."),
    ],
};

/// `[risk]`
pub static RISK: Table = Table {
    header: "[risk]",
    text: "When a sign-in does not fit its account. Each signal that speaks adds its weight; the sum meets these thresholds. \
           Signals and their weights are in [signals.md](signals.md).",
    keys: &[
        key("flag", "number", "`30`", "From this sum on the operator is told; the person notices nothing."),
        key(
            "challenge",
            "number",
            "`50`",
            "From this sum on a second proof is asked for. Where the account has none, the session reads only.",
        ),
        key("restrict", "number", "`80`", "From this sum on the session reads only until an operator clears it."),
        key("refuse", "number", "`120`", "From this sum on nobody is signed in."),
        key(
            "weights",
            "table",
            "those of the reference",
            "By signal: `{ new_country = 40, tor = 60 }`; 0 silences one.",
        ),
        key(
            "proof_for",
            "list of `change filter`, `change identity`, `change password`, `export`, `hide traces`, `send`",
            "the first three",
            "What a session with an open flag is asked to prove for, whatever the sum is, and a watched one by its sum (see [signals.md](signals.md)). Without a second proof a flagged session reads only, until an operator clears it; in a watched one the move waits and the rest goes on. `send` means messages that want their answers outside, or name a sender there.",
        ),
        key(
            "forget_after",
            "duration from `7d` to `3650d`",
            "`180d`",
            "How long what is usual for an account is remembered after it was last seen.",
        ),
        key(
            "campaigns_live",
            "duration from `1h` to `7d`",
            "`12h`",
            "How long messages of strangers are compared with those that follow, from the latest of a campaign on. See [campaigns.md](campaigns.md).",
        ),
    ],
};

/// `weights` of `[risk]`: the names are those of the signals, which have a reference of their own.
pub static RISK_WEIGHTS: Table = Table { header: "[risk.weights]", text: "", keys: &WEIGHT_KEYS };

/// Those of sign-ins, of what a session in doubt does, and of a message's campaign.
const WEIGHTS_COUNT: usize = crate::domain::SIGNALS_COUNT + MOVE_SIGNALS.len() + CAMPAIGN_SIGNALS.len();

static WEIGHT_KEYS: [Key; WEIGHTS_COUNT] = weight_keys();

const fn weight_keys() -> [Key; WEIGHTS_COUNT] {
    let mut keys = [const { key("", "number from -1000 to 1000", "", "") }; WEIGHTS_COUNT];
    let mut place = 0;
    while place < SIGNALS.len() {
        keys[place].name = SIGNALS[place].name;
        place += 1;
    }
    while place < SIGNALS.len() + MOVE_SIGNALS.len() {
        keys[place].name = MOVE_SIGNALS[place - SIGNALS.len()].name;
        place += 1;
    }
    while place < keys.len() {
        keys[place].name = CAMPAIGN_SIGNALS[place - SIGNALS.len() - MOVE_SIGNALS.len()].name;
        place += 1;
    }
    keys
}

/// `[[rule]]`
pub static RULE: Table = Table {
    header: "[[rule]]",
    text: "Your own verdicts. The rules are asked in the order of the file, after the signals; the first that fits decides, \
           whatever the sum is.",
    keys: &[
        key("when", "table", "required", "The conditions; all that are given must hold."),
        key(
            "verdict",
            "`pass`, `flag`, `challenge` or `restrict`",
            "required",
            "What it comes to. For anything but a sign-in, `challenge` and `restrict` make the session read only.",
        ),
        key("until", "date, or date and time with offset", "none", "The end of that day (UTC)."),
        key("why", "text, at most 200 characters", "none", "For you and those after you; stands in the event."),
        key("mode", "`enforce` or `observe`", "`enforce`", "`observe` records that it fits and asks the next rule."),
    ],
};

/// `when` of a `[[rule]]`.
pub static RULE_WHEN: Table = Table {
    header: "[rule.when]",
    text: "Or in one line: `when = { country = [\"KP\"], network_class = \"outside\" }`. Each takes one value or a list of \
           which one must fit; of `signals`, all must speak.",
    keys: &[
        key(
            "action",
            "`sign-in`, `send`, `change identity`, `change filter`, `change password`, `export`",
            "`sign-in`",
            "What is asked for.",
        ),
        key("account", "login name", "any", "Whose, in any spelling."),
        key("site", "host name", "any", "At which site, by any of its names."),
        key("country", "two letters", "any", "From where, when it is known."),
        key("as_number", "number", "any", "From whose network, when it is known."),
        key("network_class", "`campus`, `trusted` or `outside`", "any", "By `[networks]`."),
        key("signals", "names of signals", "any", "What speaks; sign-ins only."),
    ],
};

/// `[[scanner]]`
pub static SCANNER: Table = Table {
    header: "[[scanner]]",
    text: "A scanner of yours that looks at each message before it is sent; one table for each, in the order in which they \
           are asked. What follows from their answers is in [scan.md](scan.md).",
    keys: &[
        key("kind", "`rspamd`, `spamassassin` or `clamav`", "required", "How it is spoken with."),
        key(
            "address",
            "`unix:/path`, or host and port",
            "required",
            "Where it listens. What people write goes there in the clear: to this machine, or over a network that is yours.",
        ),
        key("name", "letters, digits, - and _", "its kind", "Metrics and reasons name it so."),
        key(
            "time_limit",
            "`ms` or `s`, from `100ms` to `60s`",
            "rspamd `10s`, spamassassin `15s`, clamav `30s`",
            "The longest that a person waits for it.",
        ),
        key(
            "size_max",
            "size from `1KiB` to `64MiB`; clamav: to `1024MiB`",
            "rspamd `2MiB`, spamassassin `512KiB`, clamav `25MiB`",
            "Of a larger message or file it is given so much. Not more than it takes: clamd's `StreamMaxLength`.",
        ),
        key(
            "at_once",
            "number from 1 to 1000",
            "rspamd and clamav `8`, spamassassin `4`",
            "So many questions at once; more wait for their turn, within `time_limit`. spamd's `--max-children`.",
        ),
        key(
            "when_silent",
            "`pass_and_flag` or `hold_back`",
            "`pass_and_flag`",
            "What becomes of a message while it does not answer: it leaves and `scanner_silent` counts, or the person is told to try again.",
        ),
        key("weights", "table", "those of [signals.md](signals.md)", "What its answers weigh: `{ spam_likely = 50 }`."),
    ],
};

/// `weights` of `[[scanner]]`.
pub static SCANNER_WEIGHTS: Table = Table {
    header: "[scanner.weights]",
    text: "The sum of all that speaks against a message meets the thresholds of `[risk]`. A virus is refused whatever \
           stands here.",
    keys: &[
        key("spam", "number from 0 to 1000", "`120`", "It would not take the message in at all."),
        key("spam_likely", "number from 0 to 1000", "`30`", "It would mark the message as spam."),
        key(
            "scanner_silent",
            "number from 0 to 1000",
            "`30`",
            "It did not answer, with `when_silent = \"pass_and_flag\"`.",
        ),
    ],
};

/// `[sms]`
pub static SMS: Table = Table {
    header: "[sms]",
    text: "How codes get to people's telephones: a program of yours, or of a provider, is told by a request and sends the \
           text. With it a telephone's number may be one of a person's other addresses.",
    keys: &[
        key(
            "url",
            "https address",
            "required where there is `[sms]`",
            "It is posted `{\"to\": \"+4915112345678\", \"text\": \"…\", \"id\": \"…\"}` and answers with a status of 2xx once it has taken it, within 20 seconds. `http://` on this machine only.",
        ),
        key(
            "secret_file",
            "file",
            "requests are not signed",
            "Holds a secret that you share with the receiver. Each request is then signed as those of `[[alert]]` are: see [alerts.md](alerts.md).",
        ),
    ],
};

/// `[mail]`
pub static MAIL: Table = Table {
    header: "[mail]",
    text: "How Mailward sends mail of its own, to administrators and to people. Without it, it sends none.",
    keys: &[
        key(
            "server",
            "`smtp://`, `starttls://` or `smtps://` with host and port",
            "required",
            "`smtp://` is in the clear and for a server on this machine; `starttls://` insists on TLS.",
        ),
        key("from", "mail address", "required", "Who the mail is from: `Mailward <mailward@example.edu>`."),
        key("user", "name", "nobody signs in", "Who signs in at the server."),
        key("password_file", "file", "none", "Holds the user's password and nothing else."),
    ],
};

/// `[[alert]]`
pub static ALERT: Table = Table {
    header: "[[alert]]",
    text: "Somebody who is told what cannot wait; one table for each. What cannot be delivered waits on disk, is tried \
           again, and is dropped after a week. More in [alerts.md](alerts.md).",
    keys: &[
        key("mail", "mail address or list of them", "one of three", "People, by mail. Needs `[mail]`."),
        key("webhook", "https address", "one of three", "A web server, which gets a POST."),
        key(
            "syslog",
            "`udp://ADDRESS:PORT`, `tcp://ADDRESS:PORT` or `unix:/dev/log`",
            "one of three",
            "A syslog server (RFC 5424; the local socket in its own way; facility authpriv). Datagrams may be lost on the way; TCP is not.",
        ),
        key("name", "letters, digits, - and _", "`mail`, `webhook` or `syslog`", "What waits is kept under this name."),
        key("events", "event or list of events", "all", "Which events; their names are in [alerts.md](alerts.md)."),
        key("severity", "`notice`, `warning` or `critical`", "`warning`", "What is milder is not told."),
        key(
            "repeat_after",
            "duration from `1s` to `7d`",
            "`15m`",
            "The same event about the same account is told again only after so long; what came meanwhile is counted.",
        ),
        key(
            "digest",
            "duration from `1m` to `1d`",
            "everything at once",
            "What is not critical waits and is told together, so often.",
        ),
        key(
            "quiet_hours",
            "hours and their time zone: `22:00-06:00 Europe/Berlin`",
            "none",
            "What is milder than `quiet_below` waits until they are over, and is told together then.",
        ),
        key(
            "quiet_below",
            "`warning` or `critical`",
            "`critical`",
            "This and what is worse is told in quiet hours too.",
        ),
        key(
            "style",
            "`json`, `text` or `discord`",
            "`json`",
            "Of a webhook: `text` is understood by Slack, Mattermost, Rocket.Chat, Zulip and Google Chat.",
        ),
        key("secret_file", "file", "not signed", "Of a webhook: the secret under which bodies are signed."),
    ],
};

/// `[pages]`
pub static PAGES: Table = Table {
    header: "[pages]",
    text: "What makes Mailward's own pages look like yours. Whom people ask for help stands in `[[site]]` (`helpdesk`).",
    keys: &[
        key("name", "text, at most 200 characters", "none", "Whose webmail it is: \"Example University\"."),
        key(
            "logo",
            "file",
            "none",
            "A picture above every page, `.svg` or `.png`, at most 256 KiB; shown 3 rem high. Read at the start and at a reload.",
        ),
        key(
            "colour",
            "`\"#\"` and six hexadecimal digits",
            "`\"#0b5fa5\"`",
            "Of buttons and links. It must be dark enough to bear white text (contrast 4.5); on dark pages a lighter one is made from it.",
        ),
    ],
};

/// `[challenge]`
pub static CHALLENGE: Table = Table {
    header: "[challenge]",
    text: "What a person is asked for when a sign-in or a session does not fit the account. It is asked only where the \
           account has a factor of these; without one the session reads and does nothing else. More in \
           [challenge.md](challenge.md).",
    keys: &[
        key(
            "factors",
            "list of `passkey`, `totp`, `other_address`, `recovery_code`, `helpdesk_code`, `campus`",
            "all of them",
            "What may be used; `other_address` needs `[mail]` or `[sms]`, and `campus` needs `[networks] campus`. `[]`: nobody is asked, and what comes to `challenge` restricts.",
        ),
        key(
            "opens_restricted",
            "list of the same",
            "`[\"passkey\", \"helpdesk_code\", \"campus\"]`",
            "What opens a session that came to `restrict`. After any other factor such a session reads only. Part of `factors`.",
        ),
        key(
            "notices",
            "`other`, `mailbox`, `both` or `none`",
            "`other`",
            "Where a person is told of a sign-in with a new browser or from a new country: at their other mail addresses, in the mailbox itself (the account at `default_domain`), or both. When what proves the person was changed, only other addresses are told: a thief reads the mailbox. `true` is `other`, `false` is `none`. Needs `[mail]`.",
        ),
        key(
            "ask_from",
            "date, or date and time",
            "everybody is asked",
            "For rolling out: until then whoever would be asked is only flagged, and from then on, week by week, a further share of the accounts is asked. What comes to `restrict` restricts all the same, and so does a `[[rule]]`.",
        ),
        key(
            "ask_share_per_week",
            "number from 1 to 100",
            "`100`",
            "How many more are asked in each week from `ask_from` on, in per cent of all accounts. Which ones is drawn by name, and stays.",
        ),
        key(
            "invite_every",
            "duration from `1d` to `365d`",
            "nobody is invited",
            "Whoever signs in on campus or with a browser that the account has known for a day, and has nothing set up, is invited to on a page before the inbox, once in this time.",
        ),
        key(
            "lives",
            "duration from `2m` to `1h`",
            "`15m`",
            "How long a page that asks is good for; then it comes anew.",
        ),
        key(
            "hold_for",
            "duration from `1s` to `2h`",
            "`20m`",
            "How long a message that SquirrelMail's compose page posted into a challenge waits to be sent on; later its text is handed back. Less than PHP's `session.gc_maxlifetime`, which is 24 minutes where nothing else is said.",
        ),
        key(
            "helpdesk_code_lives",
            "duration from `5m` to `7d`",
            "`30m`",
            "How long a code from `mailward account helpdesk-code` is good for. It works once.",
        ),
        key(
            "wrong_codes_per_account_and_prefix",
            LIMITS,
            "`\"5/15m\"`",
            "Wrong codes of one kind for one account from one prefix. Other kinds are counted apart.",
        ),
        key(
            "wrong_codes_per_account",
            LIMITS,
            "`[\"10/h\", \"30/d\"]`",
            "Wrong codes of one kind for one account, from outside campus together. At most 30 guesses a day at a six-digit code, of which three are right at any time, succeed with a probability below 0.01 % a day.",
        ),
    ],
};

/// `[desk]`
pub static DESK: Table = Table {
    header: "[desk]",
    text: "The administrator's desk, which answers at `admin` of `[listen]` ([desk.md](desk.md)).",
    keys: &[
        key(
            "hosts",
            "list of host names",
            "none",
            "Names under which it answers, besides `localhost` and addresses in numbers. None may be a site's: browsers would show the desk's cookies to the webmail.",
        ),
        key("certificate", "file (PEM)", "that of `[tls]`", "The certificate of these names."),
        key("key", "file (PEM)", "that of `[tls]`", "Its private key."),
        key("session_idle", "duration from `1m` to `1d`", "`1h`", "Who asks for nothing for so long signs in again."),
        key("session_max", "duration from `5m` to `7d`", "`12h`", "Who signed in so long ago signs in again."),
        key("openid", "table", "operators sign in with a password", "`[desk.openid]`"),
    ],
};

/// `[desk.openid]`
pub static DESK_OPENID: Table = Table {
    header: "[desk.openid]",
    text: "Your organisation's provider (OpenID Connect), where operators may sign in too. It must know the address \
           `https://HOST:PORT/sign-in/openid/back`. More in [desk.md](desk.md#sign-in-at-your-organisation).",
    keys: &[
        key("issuer", "https address", "required", "The provider, letter by letter as it calls itself."),
        key("client_id", "text", "required", "What it calls Mailward."),
        key("client_secret_file", "file", "a client without a secret", "Holds what it knows Mailward by."),
        key("scopes", "scope or list of scopes", "`profile`", "What is asked for besides `openid`."),
        key("role_claim", "text", "`groups`", "Where it says to what people belong; dots lead into what is nested."),
        key("viewers", "text or list of texts", "nobody", "Who looks: what stands in `role_claim`."),
        key("operators", "text or list of texts", "nobody", "The same, for operators."),
        key(
            "administrators",
            "text or list of texts",
            "nobody",
            "The same, for administrators. Who is none of them is not let in.",
        ),
        key("name_claim", "text", "`preferred_username`", "Where it says what people are called in the audit log."),
        key("amr", "text or list of texts", "none", "What in `amr` proves a second factor: `mfa`, `hwk`, `otp`."),
        key("acr", "text or list of texts", "none", "What in `acr` proves a second factor; it is asked for."),
        key("trust_provider", "`true` or `false`", "`false`", "`true`: whoever it lets in had a second factor."),
    ],
};

/// `[doors]`
pub static DOORS: Table = Table {
    header: "[doors]",
    text: "The other doors of your mail system: where Postfix asks before it takes a message from a mail program, and Dovecot \
           before it looks at a password. An account then has one budget and one lock at all of them. See \
           [doors.md](doors.md); `deploy/postfix` and `deploy/dovecot` have what is to be written there.",
    keys: &[
        key(
            "postfix",
            "address or list of addresses",
            "Postfix asks nothing",
            "Where Postfix asks (`check_policy_service`): `127.0.0.1:10031`, or `unix:/run/mailward/policy.sock`. Whoever gets into the folder of such a socket may ask.",
        ),
        key(
            "dovecot",
            "address:port",
            "Dovecot asks nothing",
            "Where Dovecot asks (`auth_policy_server_url`), in plain HTTP.",
        ),
        key(
            "dovecot_key_file",
            "file",
            "required with `dovecot`",
            "Holds the key that Dovecot must show (`auth_policy_server_api_header`), and nothing else.",
        ),
        key(
            "site",
            "host name",
            "the first site",
            "The site to which the accounts belong that come through these doors.",
        ),
        key(
            "from_webmail",
            NETWORKS,
            "`[]`",
            "From where the webmails come to your mail servers. What they bring was counted already and is not counted twice; a locked account is refused all the same.",
        ),
        key(
            "clients",
            NETWORKS,
            "`[\"127.0.0.0/8\", \"::1/128\"]`",
            "The addresses of your mail servers: who may ask over TCP.",
        ),
    ],
};
