//! The administrator's desk behind a real nginx, as `deploy/nginx/desk.conf` has it: it must know who asks, and only from nginx
//! may it believe that.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use http::Method;

use super::desk::{add, enrol_at};
use super::roundcube;
use super::upstream::Upstream;
use crate::browser::Browser;
use crate::stack::{self, Client, Gateway, Running, Settings, free_ports, until};

/// nginx asks from here.
const PROXY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// May ask; so may [`Ipv4Addr::LOCALHOST`].
const COLLEAGUE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 5);
/// May not.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 6);

/// nginx with the delivered configuration, in front of the gateway's desk.
fn nginx(gateway: &Gateway, folder: &Path, at: SocketAddr) -> Running {
    let delivered = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/nginx/desk.conf");
    let mut site = fs::read_to_string(delivered).expect("part of the repository");
    let of_gateway = gateway.folder().display();
    for (delivered, here) in [
        ("listen 443 ssl", format!("listen {at} ssl")),
        ("server_name desk.example.edu", "server_name localhost".to_owned()),
        ("/etc/nginx/tls/desk.example.edu.pem", format!("{of_gateway}/certificate.pem")),
        ("/etc/nginx/tls/desk.example.edu.key", format!("{of_gateway}/key.pem")),
        ("proxy_pass https://127.0.0.1:9443;", format!("proxy_bind {PROXY}; proxy_pass https://{};", gateway.admin())),
    ] {
        assert!(site.contains(delivered), "{delivered}");
        site = site.replace(delivered, &here);
    }
    stack::nginx(folder, &site)
}

struct Behind {
    gateway: Gateway,
    address: SocketAddr,
    _upstream: Upstream,
    _nginx: Running,
    _folder: tempfile::TempDir,
}

impl Behind {
    async fn start() -> Self {
        let upstream = Upstream::start(roundcube).await;
        let [address] = free_ports();
        let settings = Settings {
            listen: format!(
                "admin_from = [\"{}\", \"{COLLEAGUE}\"]\nadmin_forwarded_from = [\"{PROXY}\"]\npublic_admin_port = {}",
                Ipv4Addr::LOCALHOST,
                address.port()
            ),
            ..Settings::new()
        };
        let gateway = Gateway::start(upstream.address(), &settings).await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let nginx = nginx(&gateway, folder.path(), address);
        let behind = Self { gateway, address, _upstream: upstream, _nginx: nginx, _folder: folder };
        until("nginx answers", 20, async || {
            let probe = behind.through();
            let request = probe.request(Method::GET, "/healthz", bytes::Bytes::new());
            probe.clone().try_send(request).await.ok()
        })
        .await;
        behind
    }

    /// By way of nginx.
    fn through(&self) -> Client {
        Client::https(self.address, "localhost", self.gateway.certificate())
    }

    fn desk(&self) -> String {
        format!("https://localhost:{}/", self.address.port())
    }
}

#[tokio::test]
async fn behind_nginx_it_counts_who_asks_and_nobody_else_can_say_who_that_is() {
    let behind = Behind::start().await;
    let direct = || behind.gateway.admin_client();
    for (client, claims, status) in [
        (behind.through(), None, 200),
        (behind.through().from(COLLEAGUE), None, 200),
        (behind.through().from(STRANGER), None, 403),
        // nginx throws away what its client says.
        (behind.through().from(STRANGER), Some("127.0.0.1"), 403),
        (behind.through(), Some("127.0.0.6"), 200),
        // Past nginx, the header means nothing, in either direction.
        (direct(), None, 200),
        (direct(), Some("127.0.0.6"), 200),
        (direct().from(STRANGER), Some("127.0.0.1"), 403),
        // nginx's own machine, without a word for whom: it may not ask for itself.
        (direct().from(PROXY), None, 403),
        (direct().from(PROXY), Some("127.0.0.1"), 200),
        (direct().from(PROXY), Some("127.0.0.1, 127.0.0.6"), 403),
        (direct().from(PROXY), Some("127.0.0.1, nonsense"), 403),
    ] {
        let mut client = client;
        if let Some(claims) = claims {
            client.header("x-forwarded-for", claims);
        }
        for page in ["/readyz", "/metrics", "/sign-in"] {
            assert_eq!(client.get(page).await.status, status, "{claims:?} {page}");
        }
    }
}

#[tokio::test]
async fn behind_nginx_an_operator_works_as_in_front_of_it_and_the_audit_log_knows_from_where() {
    let behind = Behind::start().await;
    add(&behind.gateway, "anna", "administrator");
    let told = behind.gateway.command(&["admin", "reset", "anna", "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!(told["page"], behind.desk(), "where to begin");
    let code = told["code"].as_str().expect("a code");
    Browser::visit("desk-behind-nginx", async |browser| {
        enrol_at(browser, &behind.desk(), "anna", code, false).await;

        // What is live stays live: nginx hands on each word when it is said.
        browser.open(&format!("{}events", behind.desk())).await;
        let listen = "window.live = new EventSource('/live'); window.heard = false; \
                      window.live.addEventListener('news', () => window.heard = true)";
        browser.script(listen).await;
        browser.wait_for("window.live.readyState === 1").await;
        assert!(behind.gateway.command(&["account", "lock", "bob"]).status.success());
        browser.wait_for("window.heard").await;

        browser.open(&format!("{}me", behind.desk())).await;
        browser.wait_for("document.querySelector('h1')").await;
        browser.open(&format!("{}audit", behind.desk())).await;
        browser.wait_for("document.querySelector('tbody tr')").await;
        let rows = browser.script("return document.querySelector('tbody').innerText").await;
        let rows = rows.as_str().unwrap_or_default();
        assert!(rows.contains("127.0.0.1") && !rows.contains(&PROXY.to_string()), "{rows}");
    })
    .await;
}
