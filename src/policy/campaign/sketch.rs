//! The keyed sketch of a message: what others may have in common with it, as digests that say nothing without the key.
//!
//! A text's sketch is MinHash over its pairs of neighbouring words: of two texts as many places are equal as they have pairs
//! in common, whatever their lengths and wherever the difference is. SimHash would be smaller, but it measures angles, and
//! short texts with one sentence changed are far apart there. The places are grouped in bands: texts that share one band
//! are looked at closer, so that finding them is a handful of exact look-ups and never a walk through all.
//!
//! For the words' own hashes a fast function under secret seeds will do, because they never leave memory: what leaves are
//! HMACs and ciphertexts of the minima.

use aws_lc_rs::cipher::{AES_256, AES_256_KEY_LEN, EncryptingKey, UnboundCipherKey};

use super::links;
use super::text::{self, Own};
use crate::domain::{Composed, Feature, FeatureKind, KeyRing, Purpose, Trace};

/// Places of a sketch: with so many, two texts that share half of their pairs are taken for sharing between 37 and 63
/// percent in 19 of 20 cases.
pub const PLACES: usize = BANDS * PLACES_OF_BAND;

/// With twenty bands of three, texts that share 60 percent of their pairs have a band in common in 99 of 100 cases, with 50
/// percent in 93, with 40 in 73; unrelated ones, which share a twentieth, in one of 400.
const BANDS: usize = 20;
const PLACES_OF_BAND: usize = 3;

/// A text with fewer different pairs tells nothing apart: thanks, dates, excuses are all alike.
const PAIRS_LEAST: usize = 20;

/// Hosts that are looked at; a message with more is a list of links.
const HOSTS_MAX: usize = 4;

/// Files that are looked at.
const FILES_MAX: usize = 8;

/// What goes to more people answers nobody: what it quotes counts as its own. So nobody hides a text in a quote and sends it
/// to many.
const REPLY_RECIPIENTS_MAX: u32 = 3;

/// A message as it is sent, beside what was typed.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// What was typed.
    pub composed: &'a Composed,
    /// To + Cc + Bcc.
    pub recipients: u32,
    /// SHA-256 of each of its files, as far as they are known.
    pub files: &'a [[u8; 32]],
    /// The operator's own domains: their links and addresses say nothing.
    pub own_domains: &'a [String],
    /// The site: messages of two sites have nothing in common.
    pub site: &'a str,
}

/// Makes sketches. Holds seeds that are as secret as the key.
pub struct Sketcher {
    seed: u64,
    places: Vec<(u64, u64)>,
    /// What a sketch keeps of each place's minimum is the beginning of a block under this key: a sketch has [`PLACES`] of
    /// them, and as many HMACs would cost more than the rest of it.
    digests: EncryptingKey,
}

impl Sketcher {
    /// With seeds from the newest key.
    pub fn new(keys: &KeyRing) -> Self {
        let drawn = |number: u64| {
            let hash = keys.hash(Purpose::Campaign, &[b"seed", &number.to_be_bytes()]);
            let (first, rest) = hash.split_at(8);
            (number_of(first), number_of(&rest[..8]))
        };
        let places = (1..=PLACES as u64).map(drawn).map(|(factor, addend)| (factor | 1, addend)).collect();
        let key: [u8; AES_256_KEY_LEN] = keys.hash(Purpose::Campaign, &[b"places"]);
        let digests = UnboundCipherKey::new(&AES_256, &key).and_then(EncryptingKey::ecb);
        Self { seed: drawn(0).0, places, digests: digests.expect("the key has the cipher's length") }
    }

    /// What a message has that others may have in common with it: at most one text, `HOSTS_MAX` links, one address for
    /// answers, `FILES_MAX` files.
    pub fn features(&self, keys: &KeyRing, message: &Message<'_>) -> Vec<Feature> {
        let Message { composed, recipients, files, own_domains, site } = *message;
        let typed = [&composed.to, &composed.cc, &composed.bcc, &composed.from];
        let names = text::names(typed.into_iter().map(String::as_str));
        let is_reply = recipients <= REPLY_RECIPIENTS_MAX;
        let own = text::own(&composed.text, composed.is_html, &names, is_reply);
        let trace = |kind: FeatureKind, what: &[u8]| Feature {
            kind,
            traces: vec![trace_of(keys, &[kind.name().as_bytes(), site.as_bytes(), what])],
            sketch: Vec::new(),
        };
        let mut features: Vec<Feature> = self.text(keys, site, &own).into_iter().collect();
        features.extend(hosts(&own, own_domains).iter().map(|host| trace(FeatureKind::Link, host.as_bytes())));
        features.extend(reply(composed, own_domains).map(|address| trace(FeatureKind::Reply, address.as_bytes())));
        let mut seen: Vec<&[u8; 32]> = Vec::new();
        for file in files {
            if seen.len() < FILES_MAX && !seen.contains(&file) {
                seen.push(file);
                features.push(trace(FeatureKind::File, file));
            }
        }
        features
    }

    /// A fingerprint of what is sent to whom, to know a message that is tried again.
    pub fn fingerprint(keys: &KeyRing, composed: &Composed) -> u32 {
        let Composed { to, cc, bcc, subject, text, .. } = composed;
        let parts = [b"message".as_slice(), to.as_bytes(), cc.as_bytes(), bcc.as_bytes(), subject.as_bytes()];
        keys.fingerprint(Purpose::Campaign, &[parts.as_slice(), &[text.as_bytes()]].concat())
    }

    fn text(&self, keys: &KeyRing, site: &str, own: &Own) -> Option<Feature> {
        let minima = self.minima(&own.words)?;
        let band = |(number, minima): (usize, &[u64])| {
            let minima: Vec<u8> = minima.iter().flat_map(|minimum| minimum.to_be_bytes()).collect();
            trace_of(keys, &[b"text", site.as_bytes(), &number.to_be_bytes(), &minima])
        };
        Some(Feature {
            kind: FeatureKind::Text,
            traces: minima.chunks(PLACES_OF_BAND).enumerate().map(band).collect(),
            sketch: self.digests(&minima),
        })
    }

    /// What is kept of the minima. No two places have a block in common, so where minima are equal, their digests are, and
    /// nothing else shows.
    fn digests(&self, minima: &[u64]) -> Vec<u16> {
        let block = |(number, minimum): (usize, &u64)| [(number as u64).to_be_bytes(), minimum.to_be_bytes()];
        let mut blocks: Vec<u8> = minima.iter().enumerate().flat_map(block).flatten().collect();
        self.digests.encrypt(&mut blocks).expect("they are whole blocks");
        blocks.chunks(AES_256.block_len()).map(|block| u16::from_be_bytes([block[0], block[1]])).collect()
    }

    /// Of each place the smallest hash of any pair; none where there are too few of them.
    fn minima(&self, words: &[String]) -> Option<Vec<u64>> {
        let hashes: Vec<u64> = words.iter().map(|word| self.hash(word)).collect();
        let mut pairs: Vec<u64> = hashes
            .windows(2)
            .map(|pair| mixed(pair[0].rotate_left(23) ^ pair[1].wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        if pairs.len() < PAIRS_LEAST {
            return None;
        }
        let minimum = |(factor, addend): &(u64, u64)| {
            let hash = |pair: &u64| pair.wrapping_mul(*factor).wrapping_add(*addend);
            pairs.iter().map(hash).min().unwrap_or(u64::MAX)
        };
        Some(self.places.iter().map(minimum).collect())
    }

    fn hash(&self, word: &str) -> u64 {
        mixed(word.bytes().fold(self.seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)))
    }
}

impl std::fmt::Debug for Sketcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sketcher")
    }
}

/// The hosts that a message links to and that say something, each once.
fn hosts(own: &Own, own_domains: &[String]) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    for host in own.links.iter().filter_map(|link| links::host(link)) {
        let is_own = own_domains.iter().any(|domain| links::is_at(&host, domain));
        let registered = links::registered(&host);
        if hosts.len() < HOSTS_MAX
            && !is_own
            && !links::is_everywhere(&host)
            && !hosts.iter().any(|known| known == registered)
        {
            hosts.push(registered.to_owned());
        }
    }
    hosts
}

/// Where answers go, if not to the operator's own domains.
fn reply(composed: &Composed, own_domains: &[String]) -> Option<String> {
    let typed = [&composed.reply_to, &composed.from].into_iter().find(|typed| typed.contains('@'))?;
    let address = typed.split(['<', '>', ' ', ',', ';', '"']).find(|part| part.contains('@'))?.to_lowercase();
    let (_, domain) = address.rsplit_once('@')?;
    let is_own = own_domains.iter().any(|own| links::is_at(domain, own));
    // Where nobody said which domains are the operator's, every address could be.
    (!is_own && !own_domains.is_empty()).then_some(address)
}

fn trace_of(keys: &KeyRing, parts: &[&[u8]]) -> Trace {
    let hash = keys.hash(Purpose::Campaign, parts);
    Trace(std::array::from_fn(|place| hash[place]))
}

fn number_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The finish of SplitMix64 (Steele, Lea, Flood 2014): every bit of what goes in changes half of those that come out.
const fn mixed(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
