//! `[desk]`: under which names the administrator's desk answers, and how long somebody stays signed in there.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::openid::read_openid;
use super::read::read_certificate;
use super::schema;
use super::value::{self, Section, duration, list, parsed};
use super::{Desk, Site};

const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn read_desk(section: &Section<'_, '_>, base_dir: &Path, sites: &[Arc<Site>]) -> Desk {
    let usual = Desk::default();
    let hosts = section.get("hosts", list(parsed(value::host))).unwrap_or_default();
    for (host, span) in &hosts {
        if sites.iter().any(|site| site.hosts.contains(host)) {
            section.report.mistake(
                span,
                format_args!("{host:?} is a host name of a [[site]]"),
                "browsers would show the desk's cookies to the webmail; give the desk a name of its own",
            );
        }
    }
    let session_idle = section.get("session_idle", duration(MINUTE..=MINUTE * 60 * 24, "from one minute to one day"));
    let session_max =
        section.get("session_max", duration(MINUTE * 5..=MINUTE * 60 * 24 * 7, "from 5 minutes to 7 days"));
    Desk {
        hosts: hosts.into_iter().map(|(host, _)| host).collect(),
        tls: read_certificate(section, base_dir),
        session_idle: session_idle.unwrap_or(usual.session_idle),
        session_max: session_max.unwrap_or(usual.session_max),
        openid: read_openid(&section.section("openid", &schema::DESK_OPENID), base_dir),
    }
}
