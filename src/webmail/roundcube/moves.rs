//! What a change of settings, an export or a removal is about, as Roundcube's forms say it.

use super::super::strict::body_or_query;
use super::super::{Reading, addresses_sent, aims, has_link, is_sent_folder};
use super::compose::either;
use super::php;
use crate::domain::Aim;

/// Fields that name where mail goes: identities, filters, forwards, out-of-office; arrays among them.
const ADDRESSES: &[&[u8]] = &[
    b"_email",
    b"_reply-to",
    b"_bcc",
    b"_action_target",
    b"action_target",
    b"rawsetcontent",
    b"vacation_from",
    b"vacation_reason",
    b"_action_from",
    b"_action_reason",
];

pub(super) fn targets(query: &php::Fields, form: Option<&php::Form>) -> Vec<String> {
    let mut targets = Vec::new();
    if let Some(form) = form {
        targets.extend(addresses_sent(form, |name| ADDRESSES.iter().any(|begins| name.starts_with(begins))));
        if form.fields().text(b"_signature").is_some_and(has_link) {
            targets.push("a signature with a link".to_owned());
        }
    }
    let mut folders: Vec<&[u8]> = form.map(php::Form::fields).into_iter().flat_map(folders_of_numbers).collect();
    folders.sort_unstable();
    folders.dedup();
    if folders.is_empty() {
        folders.extend(form.and_then(|form| either(query, form, b"_mbox")).or_else(|| query.text(b"_mbox")));
    }
    targets.extend(folders.iter().map(|folder| format!("folder {}", String::from_utf8_lossy(folder))));
    targets
}

/// Whether messages of the folder of sent mail are meant: it is the open one, or it stands with a message's number, as where a
/// search went through all folders, or everything that such a search found is meant.
pub(super) fn touches_sent(request: &Reading<'_>) -> bool {
    if body_or_query(request, b"_mbox").is_some_and(is_sent_folder) {
        return true;
    }
    let Some(fields) = request.form.map(php::Form::fields) else { return false };
    let has_search = fields.text(b"_search").is_some_and(|search| !search.is_empty());
    (has_search && fields.text(b"_uid") == Some(b"*")) || folders_of_numbers(fields).any(is_sent_folder)
}

/// Folders that stand with messages' numbers, as where a search went through all of them: `3-Sent`, or an array by folder.
fn folders_of_numbers(fields: &php::Fields) -> impl Iterator<Item = &[u8]> {
    let in_text = fields.text(b"_uid").into_iter().flat_map(|list| list.split(|&byte| byte == b','));
    let elements = fields.elements(b"_uid").iter();
    let keys = elements.clone().flat_map(|one| one.at.split(|byte| b"[]".contains(byte)));
    let keys = keys.filter(|key| !key.iter().all(u8::is_ascii_digit));
    in_text.chain(elements.map(|one| one.text.as_slice())).filter_map(behind_dash).chain(keys)
}

/// Roundcube divides at the first.
fn behind_dash(number: &[u8]) -> Option<&[u8]> {
    let dash = number.iter().position(|&byte| byte == b'-')?;
    Some(&number[dash + 1..])
}

/// Fields without which a form is none of those that are read here.
const KNOWN: &[&[u8]] = &[
    b"_iid",
    b"_email",
    b"_act",
    b"_action_type",
    b"_newset",
    b"action_target",
    b"forward_action",
    b"rawsetcontent",
    b"vacation_reason",
    b"vacation_status",
];

/// Fields with nothing but addresses to which mail goes or is answered. What `vacation_addresses` and `_action_addresses`
/// name is the person's own, for telling which mail is theirs.
const ONLY_ADDRESSES: &[&[u8]] = &[b"_email", b"_reply-to", b"_bcc", b"vacation_from", b"_action_from"];

/// A target, and the field with its domain where the operator lets people choose among some.
const SPLIT_ADDRESSES: &[(&[u8], &[u8])] =
    &[(b"action_target", b"action_domain"), (b"_action_target", b"_action_target_domain")];

/// What an automatic answer says.
const TEXTS: &[&[u8]] = &[b"vacation_subject", b"vacation_reason", b"_action_subject", b"_action_reason"];

/// What a rule may do without sending mail on or dropping it; redirects and answers are judged by where they go.
const QUIET_TYPES: &[&[u8]] = &[
    b"",
    b"keep",
    b"stop",
    b"fileinto",
    b"fileinto_copy",
    b"addflag",
    b"setflag",
    b"removeflag",
    b"addheader",
    b"deleteheader",
    b"set",
    b"redirect",
    b"redirect_copy",
    b"vacation",
];

/// Acts on rules that are there already and let nothing out. Others may put one in force that nobody has seen.
const QUIET_ACTS: &[&[u8]] = &[b"delete", b"setdel", b"deact", b"move"];

/// Where a change of an identity or a filter lets mail go. Roundcube takes all of it from the body, but for `_act`.
pub(super) fn aim(query: &php::Fields, form: Option<&php::Form>) -> Aim {
    let Some(form) = form else { return Aim::unread() };
    let fields = form.fields();
    if !KNOWN.iter().any(|name| fields.has(name)) {
        return Aim::unread();
    }
    let mut aim = Aim::default();
    ONLY_ADDRESSES.iter().flat_map(|name| values(fields, name)).for_each(|(_, value)| {
        aims::read_addresses(&mut aim, value);
    });
    for (target, domain) in SPLIT_ADDRESSES {
        read_split(&mut aim, fields, target, domain);
    }
    TEXTS.iter().flat_map(|name| values(fields, name)).for_each(|(_, value)| aims::read_text(&mut aim, value));
    if let Some(signature) = fields.text(b"_signature") {
        aims::read_signature(&mut aim, signature, fields.text(b"_html_signature").is_some());
    }
    if let Some(script) = fields.text(b"rawsetcontent") {
        aims::read_script(&mut aim, script);
    }
    let is_quiet = values(fields, b"_action_type").all(|(_, kind)| QUIET_TYPES.contains(&kind.trim_ascii()));
    let act = either(query, form, b"_act").filter(|act| !act.is_empty());
    // A file is a set of filters that was written elsewhere.
    if !is_quiet || act.is_some_and(|act| !QUIET_ACTS.contains(&act)) || form.file_chosen() {
        aim.miss();
    }
    aim
}

/// Every value of a field, an array's with their places in it.
fn values<'f>(fields: &'f php::Fields, name: &[u8]) -> impl Iterator<Item = (&'f [u8], &'f [u8])> {
    let text = fields.text(name).map(|text| (&b""[..], text));
    text.into_iter().chain(fields.elements(name).iter().map(|element| (element.at.as_slice(), element.text.as_slice())))
}

fn read_split(aim: &mut Aim, fields: &php::Fields, target: &[u8], domain: &[u8]) {
    for (place, value) in values(fields, target) {
        let domain = values(fields, domain).find(|(of, domain)| *of == place && !domain.trim_ascii().is_empty());
        if let Some((_, domain)) = domain.filter(|_| !value.contains(&b'@') && !value.trim_ascii().is_empty()) {
            aims::read_addresses(aim, &[value, b"@", domain].concat());
        } else {
            aims::read_addresses(aim, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn is_outside(body: &str) -> bool {
        let urlencoded = HeaderValue::from_static("application/x-www-form-urlencoded");
        let form = php::Form::read_whole(Some(&urlencoded), body.as_bytes(), 1000);
        aim(&php::Fields::default(), form.as_ref()).is_outside(&["example.edu".to_owned()])
    }

    #[test]
    fn a_thief_lets_mail_out_where_an_owner_does_the_same_within() {
        for (what, inside, outside) in [
            (
                "identity",
                "_iid=2&_name=Alice&_email=alice%40example.edu&_reply-to=office%40example.edu&_signature=Alice",
                "_iid=2&_name=Alice&_email=alice%40example.edu&_reply-to=out%40elsewhere.example",
            ),
            (
                "signature",
                "_iid=2&_email=alice%40example.edu&_signature=https%3A%2F%2Fwww.example.edu%2F",
                "_iid=2&_email=alice%40example.edu&_signature=https%3A%2F%2Felsewhere.example%2F",
            ),
            ("blind copies", "_iid=2&_bcc=", "_iid=2&_bcc=out%40elsewhere.example"),
            (
                "rule",
                "_fid=&_name=x&_action_type%5B0%5D=fileinto&_action_target%5B0%5D=",
                "_fid=&_name=x&_action_type%5B0%5D=discard&_action_target%5B0%5D=",
            ),
            (
                "redirecting rule",
                "_action_type%5B0%5D=redirect&_action_target%5B0%5D=dean%40example.edu",
                "_action_type%5B0%5D=redirect_copy&_action_target%5B0%5D=out%40elsewhere.example",
            ),
            (
                "second action of a rule",
                "_action_type%5B0%5D=fileinto&_action_type%5B1%5D=redirect&_action_target%5B1%5D=dean%40example.edu",
                "_action_type%5B0%5D=fileinto&_action_type%5B1%5D=redirect&_action_target%5B1%5D=out%40elsewhere.example",
            ),
            (
                "domain from a list",
                "_action_type%5B0%5D=redirect&_action_target%5B0%5D=dean&_action_target_domain%5B0%5D=example.edu",
                "_action_type%5B0%5D=redirect&_action_target%5B0%5D=dean&_action_target_domain%5B0%5D=elsewhere.example",
            ),
            (
                "forward",
                "forward_action=copy&action_target=dean%40example.edu&action_domain=",
                "forward_action=copy&action.target=out%40elsewhere.example&action_domain=",
            ),
            (
                "answer",
                "vacation_status=on&vacation_reason=Ask+office%40example.edu.&vacation_action=keep",
                "vacation_status=on&vacation_reason=Ask+boss%40elsewhere.example.&vacation_action=keep",
            ),
            (
                "script",
                "_set=x&rawsetcontent=keep%3B",
                "_set=x&rawsetcontent=redirect+%22out%40elsewhere.example%22%3B",
            ),
            ("act", "_act=delete&_fid=0", "_act=setact&_set=other"),
            (
                "last of equal names",
                "_iid=2&_bcc=out%40elsewhere.example&_bcc=",
                "_iid=2&_bcc=&_bcc=out%40elsewhere.example",
            ),
        ] {
            assert!(!is_outside(inside), "{what}, inside");
            assert!(is_outside(outside), "{what}, outside");
        }
        assert!(is_outside("something=else") && is_outside(""), "what is not known is not read");
    }
}
