//! A real Chromium, driven through Debian's chromedriver, and what the browser tests want from it.
//!
//! [`Browser::visit`] lends a browser with an empty profile and ends it afterwards, also when the test fails, then with
//! a screenshot. Screenshots go to `MAILWARD_SCREENSHOTS`, or to `screenshots` in the target folder.

use std::io::{BufRead, BufReader};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use futures_util::FutureExt;
use serde_json::Value;
use thirtyfour::{
    By, CapabilitiesHelper, ChromiumLikeCapabilities, DesiredCapabilities, Key, LoggingPrefsLogLevel, WebDriver,
    WebElement,
};

use crate::stack::until;

/// How long a page may take before the test fails, in seconds; a loaded machine with two cores needs some.
const PATIENCE: u64 = 30;

/// Presses of Tab before something counts as out of reach.
const TABS_MAX: usize = 200;

/// One browser with an empty profile.
pub struct Browser {
    driver: WebDriver,
    errors: Vec<String>,
}

impl Browser {
    /// Runs `visit` in a fresh browser.
    pub async fn visit(name: &str, visit: impl AsyncFnOnce(&mut Browser)) {
        let profile = tempfile::Builder::new().prefix("mailward-browser-").tempdir().expect("a temporary folder");
        let mut chromedriver = Chromedriver::start();
        let mut capabilities = DesiredCapabilities::chrome();
        for argument in [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900",
            // Without a window Chromium calls itself otherwise, and what is no browser is looked at more closely.
            "--user-agent=Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
            &format!("--user-data-dir={}", profile.path().display()),
        ] {
            capabilities.add_arg(argument).expect("arguments are a list");
        }
        capabilities.accept_insecure_certs(true).expect("a known capability");
        capabilities.set_browser_log_level(LoggingPrefsLogLevel::Severe).expect("a known capability");
        let driver = WebDriver::new(format!("http://127.0.0.1:{}", chromedriver.port), capabilities)
            .await
            .expect("chromedriver starts Chromium; tests/run installs both");
        let mut browser = Self { driver: driver.clone(), errors: Vec::new() };
        let outcome = AssertUnwindSafe(visit(&mut browser)).catch_unwind().await;
        if outcome.is_err() {
            browser.screenshot(&format!("{name}-failed")).await;
            eprintln!("--- the console ---\n{}", browser.console_errors().await.join("\n"));
        }
        let _ = driver.quit().await;
        drop(chromedriver.process.kill());
        drop(chromedriver.process.wait());
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    }

    /// Goes to an address and waits until it is loaded.
    pub async fn open(&mut self, url: &str) {
        self.collect_errors().await;
        self.driver.goto(url).await.expect("the address answers");
    }

    /// From now on every request says that it comes from this address, as a proxy in front would.
    pub async fn come_from(&self, address: &str) {
        let headers = serde_json::json!({ "headers": { "X-Forwarded-For": address } });
        self.devtools("Network.enable", serde_json::json!({})).await;
        self.devtools("Network.setExtraHTTPHeaders", headers).await;
    }

    /// From now on every file is fetched anew.
    pub async fn keep_no_files(&self) {
        self.devtools("Network.enable", serde_json::json!({})).await;
        self.devtools("Network.setCacheDisabled", serde_json::json!({ "cacheDisabled": true })).await;
    }

    /// From now on there is a security key in this computer that is unlocked by itself.
    pub async fn have_passkeys(&self) {
        self.devtools("WebAuthn.enable", serde_json::json!({})).await;
        let options = serde_json::json!({ "options": {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserVerified": true, "automaticPresenceSimulation": true,
        }});
        self.devtools("WebAuthn.addVirtualAuthenticator", options).await;
    }

    /// Keeps pictures of a page as a computer and a telephone show it, in light and in dark colours.
    pub async fn portraits(&self, name: &str) {
        self.portraits_in(name, &[("desktop", 1280, 900), ("phone", 320, 640)]).await;
    }

    /// The same in windows of these sizes.
    pub async fn portraits_in(&self, name: &str, windows: &[(&str, u64, u64)]) {
        for &(device, width, height) in windows {
            for scheme in ["light", "dark"] {
                let metrics = serde_json::json!({
                    "width": width, "height": height, "deviceScaleFactor": 1, "mobile": device == "phone"
                });
                self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
                let media = serde_json::json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
                self.devtools("Emulation.setEmulatedMedia", media).await;
                let wide = self.script("return document.documentElement.scrollWidth").await;
                assert!(wide.as_u64().is_some_and(|wide| wide <= width), "{name} is {wide} wide on a {device}");
                self.screenshot(&format!("{name}-{device}-{scheme}")).await;
                self.is_accessible(&format!("{name} on a {device} in {scheme}")).await;
            }
        }
        self.devtools("Emulation.clearDeviceMetricsOverride", serde_json::json!({})).await;
        self.devtools("Emulation.setEmulatedMedia", serde_json::json!({ "features": [] })).await;
    }

    /// Keeps a picture of a page of the product's as a telephone shows it.
    pub async fn on_a_telephone(&self, name: &str) {
        let metrics = serde_json::json!({ "width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": true });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        self.screenshot(&format!("{name}-phone")).await;
        self.devtools("Emulation.clearDeviceMetricsOverride", serde_json::json!({})).await;
    }

    /// The same of a telephone by daylight: for what differs only in its words.
    pub async fn portrait_on_a_telephone(&self, name: &str) {
        let metrics = serde_json::json!({ "width": 320, "height": 640, "deviceScaleFactor": 1, "mobile": true });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        let wide = self.script("return document.documentElement.scrollWidth").await;
        assert!(wide.as_u64().is_some_and(|wide| wide <= 320), "{name} is {wide} wide on a telephone");
        self.screenshot(&format!("{name}-phone-light")).await;
        self.is_accessible(name).await;
        self.devtools("Emulation.clearDeviceMetricsOverride", serde_json::json!({})).await;
    }

    /// As after closing the browser's window for good: no cookie is left.
    pub async fn forget_cookies(&self) {
        self.driver.delete_all_cookies().await.expect("cookies can be deleted");
    }

    /// No rule of WCAG 2.2 AA that a program can check finds anything in the page.
    pub async fn is_accessible(&self, what: &str) {
        let rules = std::fs::read_to_string(axe()).expect("tests/prepare installs axe-core");
        self.driver.execute(rules, Vec::new()).await.expect("the rules are a script");
        let found = self
            .script(
                "return axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
                 .then(result => result.violations.map(rule => rule.id + ': ' + rule.nodes.map(node => node.html).join(' ')))",
            )
            .await;
        assert_eq!(found, serde_json::json!([]), "{what}");
    }

    /// From now on the browser runs no script of a page.
    pub async fn run_no_scripts(&self) {
        self.set_no_scripts(true).await;
    }

    async fn set_no_scripts(&self, no_scripts: bool) {
        let value = serde_json::json!({ "value": no_scripts });
        self.devtools("Emulation.setScriptExecutionDisabled", value).await;
    }

    /// [`Browser::portraits_in`] while no script runs; what looks at the page is one.
    pub async fn portraits_without_scripts(&self, name: &str, windows: &[(&str, u64, u64)]) {
        self.set_no_scripts(false).await;
        self.portraits_in(name, windows).await;
        self.set_no_scripts(true).await;
    }

    /// From now on the browser asks for this language.
    pub async fn speak(&self, language: &str) {
        let agent = self.script("return navigator.userAgent").await;
        let spoken = serde_json::json!({ "userAgent": agent, "acceptLanguage": language });
        self.devtools("Emulation.setUserAgentOverride", spoken).await;
    }

    /// The page's markup.
    pub async fn source(&self) -> String {
        self.driver.source().await.unwrap_or_default()
    }

    /// A cookie's value, also one that no script sees.
    pub async fn cookie(&self, name: &str) -> String {
        self.driver.get_named_cookie(name).await.expect("the cookie is there").value
    }

    async fn devtools(&self, command: &str, parameters: Value) {
        self.driver.cdp().send_raw(command, parameters).await.expect("chromedriver speaks the DevTools protocol");
    }

    /// Runs a script in the page; its `return` value.
    pub async fn script(&self, script: &str) -> Value {
        match self.driver.execute(script, Vec::new()).await {
            Ok(result) => result.json().clone(),
            Err(error) => panic!("{script}: {error}"),
        }
    }

    /// Waits until an expression is true in the page. A page that is just being replaced counts as "not yet".
    pub async fn wait_for(&self, expression: &str) {
        until(&format!("`{expression}` in the browser"), PATIENCE, async || {
            let result = self.driver.execute(format!("return !!({expression})"), Vec::new()).await.ok()?;
            (result.json() == &Value::Bool(true)).then_some(())
        })
        .await;
    }

    /// Whether an expression becomes true in the page within so many seconds.
    pub async fn within(&self, seconds: u64, expression: &str) -> bool {
        tokio::time::timeout(std::time::Duration::from_secs(seconds), self.wait_for(expression)).await.is_ok()
    }

    /// Waits until a visible element is there.
    pub async fn element(&self, css: &str) -> WebElement {
        until(&format!("a visible {css}"), PATIENCE, async || {
            for element in self.driver.find_all(By::Css(css)).await.ok()? {
                if element.is_displayed().await.unwrap_or(false) {
                    return Some(element);
                }
            }
            None
        })
        .await
    }

    /// Clicks as a person does: what lies under something else is waited for.
    pub async fn click(&self, css: &str) {
        until(&format!("{css} can be clicked"), PATIENCE, async || {
            for element in self.driver.find_all(By::Css(css)).await.ok()? {
                if element.is_displayed().await.unwrap_or(false) && element.click().await.is_ok() {
                    return Some(());
                }
            }
            None
        })
        .await;
    }

    /// Types into a field.
    pub async fn type_into(&self, css: &str, text: &str) {
        self.element(css).await.send_keys(text).await.expect("the field takes text");
    }

    /// Types into whatever has the focus; `\n` is the Enter key.
    pub async fn press(&self, keys: &str) {
        let focused = self.driver.active_element().await.expect("something has the focus");
        focused.send_keys(keys.replace('\n', &Key::Enter.value().to_string())).await.expect("it takes keys");
    }

    async fn tab(&self) {
        let focused = self.driver.active_element().await.expect("something has the focus");
        focused.send_keys(Key::Tab.value().to_string()).await.expect("it takes keys");
    }

    /// Presses Tab until this has the focus.
    pub async fn tab_to(&self, css: &str) {
        for _ in 0..TABS_MAX {
            if self.script(&format!("return document.activeElement.matches(\"{css}\")")).await == true {
                return;
            }
            self.tab().await;
        }
        panic!("{css} is not reached by keyboard");
    }

    /// What of the page can be used and is not reached by Tab, or is not seen to have the focus then.
    pub async fn unreached_by_keyboard(&self) -> Vec<String> {
        let count = self
            .script(
                "window.usable = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea')]
                    .filter(element => !element.disabled && element.getClientRects().length > 0);
                 document.activeElement.blur();
                 return usable.length",
            )
            .await;
        for _ in 0..count.as_u64().expect("a number") {
            self.tab().await;
            self.script(
                "const style = getComputedStyle(document.activeElement);
                 if (style.outlineStyle !== 'none' || style.boxShadow !== 'none') document.activeElement.seen = true",
            )
            .await;
        }
        let unreached = "return usable.filter(element => !element.seen).map(element => element.outerHTML)";
        serde_json::from_value(self.script(unreached).await).expect("a list of texts")
    }

    /// Gives a file to a file field, which need not be visible.
    pub async fn choose_file(&self, css: &str, file: &std::path::Path) {
        let field =
            until(&format!("a field {css}"), PATIENCE, async || self.driver.find(By::Css(css)).await.ok()).await;
        field.send_keys(file.display().to_string()).await.expect("the field takes a file");
    }

    /// Turns to a frame of the page; [`Browser::leave_frame`] goes back.
    pub async fn enter_frame(&self, css: &str) {
        let frame = self.element(css).await;
        frame.enter_frame().await.expect("the frame is there");
    }

    /// Turns to the page itself again.
    pub async fn leave_frame(&self) {
        self.driver.enter_default_frame().await.expect("the page is there");
    }

    /// Keeps a picture.
    pub async fn screenshot(&self, name: &str) {
        let folder = std::env::var_os("MAILWARD_SCREENSHOTS")
            .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots"), PathBuf::from);
        std::fs::create_dir_all(&folder).expect("screenshots have a folder");
        self.driver.screenshot(&folder.join(format!("{name}.png"))).await.expect("a screenshot");
    }

    /// The protocols (`h2`, `http/1.1`) that this page and everything in it came over, caches left out.
    pub async fn protocols(&self) -> Vec<String> {
        let found = self
            .script(
                "return [...new Set(performance.getEntriesByType('navigation')\
                 .concat(performance.getEntriesByType('resource')).map(e => e.nextHopProtocol).filter(p => p))].sort()",
            )
            .await;
        serde_json::from_value(found).expect("a list of names")
    }

    /// The errors in the console since the start, each with the path it came from.
    pub async fn console_errors(&mut self) -> Vec<String> {
        self.collect_errors().await;
        self.errors.clone()
    }

    async fn collect_errors(&mut self) {
        let entries = self.driver.browser_log().await.expect("chromedriver keeps the console's log");
        self.errors.extend(entries.into_iter().map(|entry| {
            // `https://localhost:41234/skins/…?s=1 1:23 message`: host, port and query differ from run to run.
            let (address, message) = entry.message.split_once(' ').unwrap_or(("", &entry.message));
            let path = address.splitn(4, '/').nth(3).unwrap_or(address);
            format!("/{} {message}", path.split('?').next().unwrap_or_default())
        }));
    }
}

/// Where `tests/prepare` puts the rules: in the target folder.
fn axe() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("axe/node_modules/axe-core/axe.min.js")
}

struct Chromedriver {
    process: Child,
    port: u16,
}

impl Chromedriver {
    fn start() -> Self {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed; tests/run installs it");
        let said = BufReader::new(process.stdout.take().expect("it was asked to be piped"));
        let port = said
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok())
            .expect("chromedriver says its port");
        Self { process, port }
    }
}
