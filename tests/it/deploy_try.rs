//! `deploy/try` as a person runs it: it starts everything, keeps what it must not overwrite, and Ctrl-C leaves nothing.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use http::Method;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::stack::{Client, Person, Roundcube, binary, free_ports, until};

struct Try {
    process: Child,
    state: tempfile::TempDir,
}

impl Try {
    fn output(&self) -> String {
        fs::read_to_string(self.state.path().join("said")).unwrap_or_default()
    }

    /// Everything that runs with the state folder in its command line.
    fn processes(&self) -> Vec<String> {
        let marker = self.state.path().display().to_string();
        fs::read_dir("/proc")
            .expect("Linux has it")
            .filter_map(|entry| {
                let line = fs::read(entry.ok()?.path().join("cmdline")).ok()?;
                Some(String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains(&marker))
            })
            .collect()
    }
}

impl Drop for Try {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- deploy/try ---\n{}", self.output());
        }
        interrupt(&self.process);
        drop(self.process.wait());
    }
}

fn interrupt(process: &Child) {
    drop(Command::new("kill").args(["-INT", &process.id().to_string()]).stderr(Stdio::null()).status());
}

/// Somebody's SquirrelMail, as far as deploy/try looks at it.
fn squirrelmail_tree(folder: &Path) {
    for (file, text) in [
        ("config/config_default.php", "<?php $org_title = 'Default'; $imapPort = 143;"),
        (
            "src/login.php",
            "<?php define('SM_PATH', '../'); require SM_PATH . 'config/config.php'; echo $org_title, ' ', $imapPort;",
        ),
        ("index.php", "<?php header('Location: src/login.php');"),
    ] {
        let file = folder.join(file);
        fs::create_dir_all(file.parent().expect("it is in a folder")).expect("a folder of our own");
        fs::write(file, text).expect("a folder of our own");
    }
}

#[tokio::test]
async fn deploy_try_starts_everything_keeps_the_configuration_and_ends_with_ctrl_c() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let [https, http, admin, web, squirrelmail, imap, sieve, smtp] = free_ports();
    let state = tempfile::Builder::new().prefix("mailward-try-").tempdir().expect("a temporary folder");
    let at = state.path().display().to_string();
    let mut config = fs::read_to_string(repository.join("deploy/try.toml")).expect("part of the repository");
    for (from, to) in [
        ("127.0.0.1:8443", https.to_string()),
        ("127.0.0.1:8080", http.to_string()),
        ("127.0.0.1:9443", admin.to_string()),
        ("= 8443", format!("= {}", https.port())),
        ("127.0.0.1:@PORT_WEB@", web.to_string()),
        ("@DOMAIN@", "campus.example".to_owned()),
        ("@STATE@", at.clone()),
        ("messages_per_account = [\"3/m\"]", "messages_per_account = [\"1/h\"] # changed by hand".to_owned()),
    ] {
        config = config.replace(from, &to);
    }
    fs::write(state.path().join("mailward.toml"), &config).expect("a folder of our own");
    let tree = tempfile::tempdir().expect("a temporary folder");
    squirrelmail_tree(tree.path());

    let said = fs::File::create(state.path().join("said")).expect("a folder of our own");
    // Whoever starts the tests in the background has them ignore Ctrl-C, and a shell cannot undo that for itself.
    let mut command = Command::new("env");
    command.arg("--default-signal=INT").arg(repository.join("deploy/try"));
    command.arg("--squirrelmail").arg(tree.path()).env("MAILWARD_TRY", &at).env("MAILWARD_BIN", binary());
    for (name, port) in [("WEB", web), ("SQUIRRELMAIL", squirrelmail), ("IMAP", imap), ("SIEVE", sieve), ("SMTP", smtp)]
    {
        command.env(format!("STACK_PORT_{name}"), port.port().to_string());
    }
    let process = command
        .stdin(Stdio::null())
        .stdout(said.try_clone().expect("a file can be opened twice"))
        .stderr(said)
        .spawn()
        .expect("part of the repository");
    let mut running = Try { process, state };
    until("deploy/try says that all of it runs", 60, async || {
        if let Some(status) = running.process.try_wait().expect("it is this process's child") {
            panic!("deploy/try ended with {status}");
        }
        running.output().contains("Ctrl-C stops everything").then_some(())
    })
    .await;
    let says = running.output();
    assert!(says.contains(&format!("https://localhost:{}", https.port())) && says.contains("alice-secret"), "{says}");

    let kept = fs::read_to_string(running.state.path().join("mailward.toml")).expect("it was there");
    assert!(kept.starts_with(&config) && kept.contains("squirrelmail.localhost"), "{kept}");

    // The certificate is the self-signed one; a browser would ask once whether to trust it.
    let certificate = find_certificate(&running.state.path().join("mailward/data"));
    let alice = Person { name: "alice".to_owned(), password: "alice-secret".to_owned() };
    let browser = Client::https(https, "localhost", &certificate);
    Roundcube::sign_in(browser, &alice).await.expect("the account that was printed works");
    let redirect = Client::http(http).named("localhost").get("/").await;
    assert_eq!(redirect.status, 308);

    let mut squirrelmail_client = Client::http(squirrelmail);
    let direct = squirrelmail_client.get("/src/login.php").await.text();
    assert_eq!(direct, format!("Campus webmail {}", imap.port()), "its configuration was made in a copy");
    let by_name = Client::https(https, "localhost", &certificate);
    let mut request = by_name.request(Method::GET, "/src/login.php", bytes::Bytes::new());
    let name = format!("squirrelmail.localhost:{}", https.port());
    request.headers_mut().insert("host", name.parse().expect("a host name"));
    // The connection was made for another name: a gateway must not answer for this one on it.
    assert_eq!(by_name.clone().send(request).await.status, 421);

    interrupt(&running.process);
    let status =
        until("deploy/try has ended", 60, async || running.process.try_wait().expect("it is this process's child"))
            .await;
    assert!(status.success(), "{status}: {}", running.output());
    assert_eq!(running.processes(), Vec::<String>::new(), "nothing is left running");
}

fn find_certificate(folder: &Path) -> CertificateDer<'static> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("root reads everything").filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(certificate) = CertificateDer::from_pem_file(&path) {
                return certificate;
            }
        }
    }
    panic!("no certificate in {}", folder.display());
}
