//! What `mailward doctor` says of the mail that leaves: blocklists, and a mail server that takes anything.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;

use super::{Finding, fail, ok, warn};
use crate::config::{self, Config, MailTls, Reputation};
use crate::reputation::{Asking, Found};

/// The mail server has so long for each step.
const PATIENCE: Duration = Duration::from_secs(10);

/// Every list has this address on it, to be tried with (RFC 5782, section 5).
const ALWAYS_LISTED: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// At a domain that never has mail (RFC 2606, section 3). Nothing is sent there: the message is never given.
const ANYBODY: &str = "anybody@example.com";

pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let mut findings = look_at_lists(&config.reputation).await;
    if let Some(mail) = &config.mail {
        findings.push(look_at_server(mail).await);
    }
    findings
}

async fn look_at_lists(wanted: &Reputation) -> Vec<Finding> {
    if wanted.addresses.is_empty() {
        return Vec::new();
    }
    let asking = match Asking::by(wanted.resolver) {
        Ok(asking) => asking,
        Err(what) => {
            return vec![fail(format!("blocklists cannot be asked: {what}"), "name one: [reputation] resolver")];
        }
    };
    let mut findings = Vec::new();
    for list in &wanted.lists {
        let is_list = match asking.ask(ALWAYS_LISTED, list).await {
            Found::Listed(_) => true,
            Found::NotListed => {
                findings.push(fail(
                    format!("{list} does not have the entry that every blocklist has to be tried with"),
                    "is it one, and does it still exist?",
                ));
                false
            }
            Found::Unknown(what) => {
                findings.push(fail(
                    format!("the blocklist {list} does not say: {what}"),
                    "name a resolver of your own: [reputation] resolver",
                ));
                false
            }
        };
        for address in wanted.addresses.iter().filter(|_| is_list) {
            findings.push(match asking.ask(*address, list).await {
                Found::Listed(codes) => fail(
                    format!(
                        "{address} is on the blocklist {list} ({})",
                        codes.first().copied().unwrap_or(Ipv4Addr::LOCALHOST)
                    ),
                    "find out who sent it (mailward flag list), then ask the list to take the address off",
                ),
                Found::NotListed => ok(format!("{address} is not on the blocklist {list}")),
                Found::Unknown(what) => {
                    warn(format!("{list} does not say whether {address} is on it: {what}"), "try again")
                }
            });
        }
    }
    findings
}

async fn look_at_server(mail: &config::Mail) -> Finding {
    let server = format!("{}:{}", mail.host, mail.port);
    match relays(mail).await {
        Ok(false) => ok(format!("the mail server {server} takes no mail for others without a password")),
        Ok(true) => warn(
            format!("the mail server {server} takes mail for anybody from this machine, without a password"),
            "if only machines of yours may do that, leave it so, and know that whoever gets into this one can send;\n\
             try it from outside as well: a server that does the same there is an open relay",
        ),
        Err(what) => {
            fail(format!("the mail server {server}: {what}"), "see [mail]; does it run, and may this machine use it?")
        }
    }
}

/// Whether it would take a message for somebody elsewhere from somebody who gave no password.
async fn relays(mail: &config::Mail) -> Result<bool, String> {
    let said = |error: lettre::transport::smtp::Error| error.to_string();
    let hello = ClientId::default();
    let parameters = || TlsParameters::new(mail.host.clone()).map_err(said);
    let at_once = match mail.tls {
        MailTls::Tls => Some(parameters()?),
        MailTls::Clear | MailTls::Starttls => None,
    };
    let place = (mail.host.as_str(), mail.port);
    let connected = AsyncSmtpConnection::connect_tokio1(place, Some(PATIENCE), &hello, at_once, None).await;
    let mut connection = connected.map_err(said)?;
    if mail.tls == MailTls::Starttls {
        connection.starttls(parameters()?, &hello).await.map_err(said)?;
    }
    let from: lettre::message::Mailbox = mail.from.parse().map_err(|error| format!("{}: {error}", mail.from))?;
    let to = ANYBODY.parse().map_err(|_| format!("{ANYBODY} is no address"))?;
    let takes = connection.command(Mail::new(Some(from.email), Vec::new())).await.is_ok()
        && connection.command(Rcpt::new(to, Vec::new())).await.is_ok();
    // Nothing was said, so nothing is sent.
    connection.abort().await;
    Ok(takes)
}
