//! Where a change of settings lets mail go, and those who read it.

/// Where mail goes, or is answered to, or its readers are led by a change of settings, as far as its request says.
///
/// Written by the client. Of addresses only the domains are kept. What nobody can read counts as outside: a thief is not
/// left alone for writing oddly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aim {
    domains: Vec<String>,
    hosts: Vec<String>,
    is_unread: bool,
}

impl Aim {
    /// Domains and hosts kept of each; with more it counts as unread.
    const NAMES_MAX: usize = 256;

    /// Where it goes cannot be read from the request.
    pub fn unread() -> Self {
        Self { is_unread: true, ..Self::default() }
    }

    /// Part of it cannot be read.
    pub fn miss(&mut self) {
        self.is_unread = true;
    }

    /// Mail goes to an address at this domain, or is answered there.
    pub fn add_domain(&mut self, domain: &str) {
        self.is_unread |= !add(&mut self.domains, domain);
    }

    /// Readers are led to this host.
    pub fn add_host(&mut self, host: &str) {
        self.is_unread |= !add(&mut self.hosts, host);
    }

    /// Whether any of it is at none of these domains, hosts also below them. So is whatever is named where the operator named
    /// none: then nobody can say what is inside.
    pub fn is_outside(&self, own_domains: &[String]) -> bool {
        let is_own = |domain: &String| own_domains.contains(domain);
        let is_below = |host: &String| {
            let below = |own: &String| host.strip_suffix(own.as_str()).is_some_and(|rest| rest.ends_with('.'));
            is_own(host) || own_domains.iter().any(below)
        };
        let is_inside = self.domains.iter().all(is_own) && self.hosts.iter().all(is_below);
        self.is_unread || !is_inside
    }
}

/// Says whether there was room.
fn add(names: &mut Vec<String>, name: &str) -> bool {
    let name = name.trim_end_matches('.').to_lowercase();
    if names.contains(&name) {
        return true;
    }
    let has_room = names.len() < Aim::NAMES_MAX;
    if has_room {
        names.push(name);
    }
    has_room
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inside_is_what_is_read_and_wholly_the_operators() {
        let own = ["example.edu".to_owned()];
        let aim = |domains: &[&str], hosts: &[&str]| {
            let mut aim = Aim::default();
            domains.iter().for_each(|domain| aim.add_domain(domain));
            hosts.iter().for_each(|host| aim.add_host(host));
            aim
        };
        for (domains, hosts, outside) in [
            (&[][..], &[][..], false),
            (&["Example.EDU."], &["www.example.edu", "example.edu"], false),
            (&["example.edu", "elsewhere.example"], &[], true),
            (&["cs.example.edu"], &[], true),
            (&["notexample.edu"], &[], true),
            (&[], &["notexample.edu"], true),
            (&[], &["example.edu.elsewhere.example"], true),
        ] {
            assert_eq!(aim(domains, hosts).is_outside(&own), outside, "{domains:?} {hosts:?}");
            let leads_nowhere = domains.is_empty() && hosts.is_empty();
            assert_eq!(aim(domains, hosts).is_outside(&[]), !leads_nowhere, "nobody said what is inside");
        }
        assert!(Aim::unread().is_outside(&own));
        let mut many = Aim::default();
        (0..=Aim::NAMES_MAX).for_each(|number| many.add_host(&format!("{number}.example.edu")));
        assert!(many.is_outside(&own), "nobody reads so many");
    }
}
