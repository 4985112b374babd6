//! What kind of program a `User-Agent` claims to be.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Browser and system, without versions: an update is no new program. Written by the client, who can claim anything; so
/// it only ever adds to what else is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Agent {
    /// The program.
    pub program: Program,
    /// What it runs on.
    pub system: System,
}

macro_rules! named {
    ($(#[$doc:meta])* $kind:ident { $($(#[$of:meta])* $variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $kind {
            $($(#[$of])* #[serde(rename = $name)] $variant),+
        }

        impl $kind {
            /// The word used in events, pages and the store.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }
    };
}

named! {
    /// Programs people read mail with; all others are one.
    Program {
        /// Mozilla's.
        Firefox = "firefox",
        /// Microsoft's.
        Edge = "edge",
        /// Opera.
        Opera = "opera",
        /// Samsung's.
        Samsung = "samsung",
        /// Google's, and everything that claims to be it.
        Chrome = "chrome",
        /// Apple's.
        Safari = "safari",
        /// None of these.
        Other = "other",
        /// A library or a command-line program; no person looks at its pages.
        Script = "script",
    }
}

named! {
    /// Systems people have.
    System {
        /// Phones and tablets that are not Apple's.
        Android = "android",
        /// Apple's phones and tablets.
        Ios = "ios",
        /// Microsoft's.
        Windows = "windows",
        /// Apple's computers.
        MacOs = "macos",
        /// Linux on a computer.
        Linux = "linux",
        /// Chromebooks.
        ChromeOs = "chromeos",
        /// None of these.
        Other = "other",
    }
}

/// What libraries and command-line programs call themselves.
const SCRIPTS: &[&str] = &[
    "aiohttp",
    "axios",
    "curl/",
    "go-http-client",
    "guzzle",
    "headlesschrome",
    "httpclient",
    "httpie",
    "httpx",
    "java/",
    "libwww",
    "mechanize",
    "node-fetch",
    "okhttp",
    "perl",
    "phantomjs",
    "php",
    "postman",
    "python",
    "ruby",
    "scrapy",
    "selenium",
    "undici",
    "wget",
    "winhttp",
];

/// What a program is called, before its door in brackets, that comes by another door than the webmail: it claims nothing, and
/// is neither browser nor script.
pub const MAIL_PROGRAM: &str = "mail program";

impl Agent {
    /// What `user_agent` claims. Nothing at all is a script: every browser says something.
    pub fn of(user_agent: Option<&str>) -> Self {
        let lower = user_agent.unwrap_or_default().to_ascii_lowercase();
        Self { program: program(&lower), system: system(&lower) }
    }

    /// Whether no browser would call itself so.
    pub fn is_scripted(self) -> bool {
        self.program == Program::Script
    }
}

/// More than one name stands in most of them; what is looked for first decides.
fn program(lower: &str) -> Program {
    let has = |part: &str| lower.contains(part);
    match lower {
        "" => Program::Script,
        _ if SCRIPTS.iter().any(|script| has(script)) => Program::Script,
        _ if has("edg/") || has("edga/") || has("edgios/") => Program::Edge,
        _ if has("opr/") || has("opera") => Program::Opera,
        _ if has("samsungbrowser/") => Program::Samsung,
        _ if has("firefox/") || has("fxios/") => Program::Firefox,
        _ if has("chrome/") || has("crios/") || has("chromium/") => Program::Chrome,
        _ if has("safari/") => Program::Safari,
        _ if has("mozilla/") || lower.starts_with(MAIL_PROGRAM) => Program::Other,
        _ => Program::Script,
    }
}

fn system(lower: &str) -> System {
    let has = |part: &str| lower.contains(part);
    match lower {
        _ if has("android") => System::Android,
        _ if has("iphone") || has("ipad") || has("ipod") => System::Ios,
        _ if has("windows") => System::Windows,
        _ if has("cros ") => System::ChromeOs,
        _ if has("mac os x") || has("macintosh") => System::MacOs,
        _ if has("linux") || has("x11") => System::Linux,
        _ => System::Other,
    }
}

impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.program.name(), self.system.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_is_the_same_program_and_a_library_is_none() {
        for (claims, agent) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "firefox/linux"),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0", "firefox/linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0",
                "edge/windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 16; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36",
                "chrome/android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Mobile/15E148 Safari/604.1",
                "safari/ios",
            ),
            ("python-requests/2.32.3", "script/other"),
            ("curl/8.5.0", "script/other"),
            ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/156.0.0.0 Safari/537.36", "script/linux"),
            ("", "script/other"),
            ("Mozilla/5.0 (compatible)", "other/other"),
        ] {
            assert_eq!(Agent::of(Some(claims)).to_string(), agent, "{claims}");
        }
        assert!(Agent::of(None).is_scripted());
    }
}
