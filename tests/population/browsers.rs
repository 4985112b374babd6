//! What browsers call themselves, month by month.

use crate::dice::Dice;

/// A kind of browser on a kind of machine; its version grows with the days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Browser {
    #[allow(missing_docs)]
    ChromeWindows,
    #[allow(missing_docs)]
    EdgeWindows,
    #[allow(missing_docs)]
    FirefoxWindows,
    #[allow(missing_docs)]
    FirefoxLinux,
    #[allow(missing_docs)]
    SafariMac,
    #[allow(missing_docs)]
    ChromeMac,
    #[allow(missing_docs)]
    SafariPhone,
    #[allow(missing_docs)]
    ChromeAndroid,
    #[allow(missing_docs)]
    FirefoxAndroid,
}

use Browser::{
    ChromeAndroid, ChromeMac, ChromeWindows, EdgeWindows, FirefoxAndroid, FirefoxLinux, FirefoxWindows, SafariMac,
    SafariPhone,
};

/// How many days a version lasts.
const DAYS_PER_VERSION: u32 = 28;

impl Browser {
    /// On somebody's own computer.
    pub fn of_laptop(dice: &mut Dice) -> Self {
        *dice.weighted(&[
            (30, ChromeWindows),
            (20, FirefoxWindows),
            (12, EdgeWindows),
            (8, FirefoxLinux),
            (20, SafariMac),
            (10, ChromeMac),
        ])
    }

    /// On a desk that somebody else looks after, so nearly all are alike.
    pub fn of_desk(dice: &mut Dice) -> Self {
        *dice.weighted(&[(60, FirefoxWindows), (25, EdgeWindows), (15, FirefoxLinux)])
    }

    /// On a telephone.
    pub fn of_phone(dice: &mut Dice) -> Self {
        *dice.weighted(&[(45, SafariPhone), (45, ChromeAndroid), (10, FirefoxAndroid)])
    }

    /// Whether Apple's relay is a setting away.
    pub fn is_apple(self) -> bool {
        matches!(self, SafariMac | SafariPhone)
    }

    /// Its `User-Agent` so many days after the first of the simulated year. `lag` is by how many versions its owner is
    /// behind.
    pub fn user_agent(self, day: u32, lag: u32) -> String {
        let grown = (day / DAYS_PER_VERSION).saturating_sub(lag);
        let (chrome, firefox, safari) = (142 + grown, 145 + grown, grown / 2);
        let windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64";
        let mac = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)";
        match self {
            ChromeWindows => {
                format!("{windows}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{chrome}.0.0.0 Safari/537.36")
            }
            EdgeWindows => format!(
                "{windows}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{chrome}.0.0.0 Safari/537.36 Edg/{chrome}.0.0.0"
            ),
            FirefoxWindows => format!("{windows}; rv:{firefox}.0) Gecko/20100101 Firefox/{firefox}.0"),
            FirefoxLinux => {
                format!("Mozilla/5.0 (X11; Linux x86_64; rv:{firefox}.0) Gecko/20100101 Firefox/{firefox}.0")
            }
            SafariMac => format!("{mac} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.{safari} Safari/605.1.15"),
            ChromeMac => format!("{mac} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{chrome}.0.0.0 Safari/537.36"),
            SafariPhone => format!(
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.{safari} Mobile/15E148 Safari/604.1"
            ),
            ChromeAndroid => format!(
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{chrome}.0.0.0 Mobile Safari/537.36"
            ),
            FirefoxAndroid => {
                format!("Mozilla/5.0 (Android 15; Mobile; rv:{firefox}.0) Gecko/{firefox}.0 Firefox/{firefox}.0")
            }
        }
    }
}

/// What programs call themselves that do not pretend to be a browser.
pub const PROGRAMS: &[&str] =
    &["python-requests/2.32.3", "curl/8.5.0", "Go-http-client/1.1", "python-httpx/0.27.0", "okhttp/4.12.0"];
