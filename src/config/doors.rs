//! `[doors]`: where mail servers ask about accounts that come to them.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use super::read::{SOCKET_PATH_BYTES_MAX, check_file, read_network_list};
use super::value::{self, Section, Span, one_or_more, parsed};
use super::{DoorAddress, Doors, Listen, Site};
use crate::domain::SiteName;

/// Postfix needs one; with a socket in the file system, or another machine, two.
const ADDRESSES_MAX: usize = 8;

pub(super) fn read_doors(section: &Section<'_, '_>, base_dir: &Path, sites: &[Arc<Site>], listen: &Listen) -> Doors {
    let postfix = section.get("postfix", one_or_more(parsed(|text| address(text, base_dir)))).unwrap_or_default();
    let dovecot = section.get("dovecot", parsed(value::socket));
    let dovecot_key_file = section.get("dovecot_key_file", value::path(base_dir));
    check_addresses(section, &postfix, dovecot, listen);
    for (one, other) in [("dovecot", "dovecot_key_file"), ("dovecot_key_file", "dovecot")] {
        if section.value(one).is_some() && section.value(other).is_none() {
            section.report.mistake(
                &section.place(one),
                format_args!("[doors] has {one:?} but no {other:?}"),
                format_args!("add: {other} = \"…\""),
            );
        }
    }
    if let Some(path) = &dovecot_key_file {
        let allowed = "expected a file that holds the key and nothing else";
        check_file(section, &section.place("dovecot_key_file"), path, allowed);
    }
    if section.value("postfix").is_none() && section.value("dovecot").is_none() {
        for name in ["site", "from_webmail", "clients"] {
            if section.value(name).is_some() {
                section.report.mistake(
                    &section.place(name),
                    "[doors] does not say where anybody asks",
                    "add: postfix = \"127.0.0.1:10031\"",
                );
                break;
            }
        }
    }
    if let Some(door) = ["dovecot", "postfix"].into_iter().find(|door| section.value(door).is_some())
        && section.value("from_webmail").is_none()
    {
        section.report.warning(
            &section.place(door),
            "[doors] does not say from where the webmail comes to these servers, so what people do there counts twice",
            "add: from_webmail = [\"…\"], or [] where it comes by no server that asks",
        );
    }
    let networks = |name: &str, absent: &[&str], why: &str| {
        let networks = read_network_list(section, name, absent);
        if value::cover_everything(&networks) {
            section.report.mistake(
                &section.place(name),
                format_args!("{name:?} holds every address, so {why}"),
                "list the addresses of your own servers",
            );
        }
        networks
    };
    Doors {
        postfix: postfix.into_iter().map(|(address, _)| address).collect(),
        dovecot,
        dovecot_key_file,
        site: read_site(section, sites),
        from_webmail: networks("from_webmail", &[], "nothing would be counted at these doors"),
        clients: networks("clients", &["127.0.0.0/8", "::1/128"], "everybody could spend the budget of anybody"),
    }
}

/// `127.0.0.1:10031` or `unix:/run/mailward/policy.sock`.
fn address(text: &str, base_dir: &Path) -> Result<DoorAddress, String> {
    let Some(path) = text.strip_prefix("unix:") else {
        return text.parse().map(DoorAddress::Tcp).map_err(|_| {
            "expected an address and a port, such as \"127.0.0.1:10031\", or \"unix:/run/mailward/policy.sock\""
                .to_owned()
        });
    };
    let path = base_dir.join(path);
    if path.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        return Err(format!("the path of a socket has at most {SOCKET_PATH_BYTES_MAX} bytes"));
    }
    Ok(DoorAddress::Unix(path))
}

/// None of them twice, and none that another listener has.
fn check_addresses(
    section: &Section<'_, '_>,
    postfix: &[(DoorAddress, Span)],
    dovecot: Option<SocketAddr>,
    listen: &Listen,
) {
    if postfix.len() > ADDRESSES_MAX {
        section.report.mistake(
            &section.place("postfix"),
            format_args!("{} are too many to listen at", postfix.len()),
            format_args!("at most {ADDRESSES_MAX}"),
        );
    }
    let listened = listen.https.iter().chain(&listen.http).chain(&listen.admin);
    let mut taken: HashSet<DoorAddress> = listened.map(|address| DoorAddress::Tcp(*address)).collect();
    let dovecot = dovecot.map(|address| (DoorAddress::Tcp(address), section.place("dovecot")));
    for (address, span) in postfix.iter().chain(&dovecot) {
        // Port 0 asks for any free port: two of them never meet.
        let is_any = matches!(address, DoorAddress::Tcp(address) if address.port() == 0);
        if !is_any && !taken.insert(address.clone()) {
            section.report.mistake(
                span,
                format_args!("{address} is listened on twice"),
                "give each door, and each of https, http and admin, an address or port of its own",
            );
        }
    }
}

fn read_site(section: &Section<'_, '_>, sites: &[Arc<Site>]) -> SiteName {
    let first = || sites.first().map_or_else(|| SiteName::from(""), |site| Arc::clone(&site.name));
    let Some(named) = section.get("site", parsed(value::host)) else { return first() };
    let found = sites.iter().find(|site| site.hosts.contains(&named)).map(|site| Arc::clone(&site.name));
    found.unwrap_or_else(|| {
        let names: Vec<&str> = sites.iter().map(|site| &*site.name).collect();
        section.report.mistake(
            &section.place("site"),
            format_args!("{named:?} is no host name of a [[site]]"),
            format_args!("sites are: {}", names.join(", ")),
        );
        first()
    })
}
