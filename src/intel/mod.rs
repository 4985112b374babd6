//! What is known of addresses and passwords without asking anybody: where an address is and in whose network, what kind
//! of network that is, whether a password is weak or has leaked. Look-ups only.
//!
//! The room must not know what follows from an answer, nor requests, nor the store. What it does not know is unknown,
//! never a guess: a database that is older than `max_age` knows nothing.
//!
//! Databases and lists are compiled in (`geoip/`) or the operator's own files. Those may be replaced while they are in
//! use, best by renaming: [`Intel::reload_changed`] takes a good new file and refuses a broken one, and then the old one
//! stays. To add a kind of file: a type beside `Database` that reads it whole and bounded, a variant of `Content`, and
//! its key in `config`.

pub mod breached;
mod database;
mod files;
mod lists;
pub mod passwords;
pub mod range;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::config::{Config, Networks};
use crate::domain::{NetworkKind, NetworkKinds, PasswordQuality, Secret, Timestamp, Whereabouts};
use breached::Filter;
use database::{Database, Fact, Record};
use files::Stamp;
use lists::List;
use passwords::Passwords;

/// Country and autonomous system of an address; `geoip/README.md` says where it is from.
static COUNTRY_AS: &[u8] = include_bytes!("../../geoip/country-as.mmdb");

/// Tor exits, rented servers and VPNs.
static NETWORKS: &[u8] = include_bytes!("../../geoip/networks.mmdb");

/// Why a file of the operator's is not used.
#[derive(Debug, thiserror::Error)]
pub enum IntelError {
    /// It cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not what it should be.
    #[error("{} {what}", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// The end of a sentence that begins with the file's name.
        what: String,
    },
}

impl IntelError {
    fn unusable(path: &Path, what: impl Into<String>) -> Self {
        Self::Unusable { path: path.to_owned(), what: what.into() }
    }
}

/// What became of a file that changed.
#[derive(Debug)]
pub enum Reloaded {
    /// It is in use.
    Taken {
        /// Which.
        path: PathBuf,
        /// What is in it, for people: `built 2026-11-20`, `1383 networks`.
        what: String,
    },
    /// It is not used; what was read before stays in use. Said once for each change.
    Refused(IntelError),
}

/// What a source is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Where an address is.
    Country,
    /// In whose network.
    AsNumber,
    /// Where exactly.
    City,
    /// The compiled list of networks.
    Networks,
    /// An operator's list of networks of one kind.
    List(NetworkKind),
    /// Leaked passwords.
    Breached,
}

impl Topic {
    /// The word used in reports and as a metric's label; from a closed set.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Country => "country",
            Self::AsNumber => "as",
            Self::City => "city",
            Self::Networks => "networks",
            Self::List(kind) => kind.name(),
            Self::Breached => "breached",
        }
    }
}

/// Whether a source can be relied on, by its age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Freshness {
    /// Younger than `warn_age`, or of a kind that does not age.
    Fresh,
    /// Older than `warn_age`: in use, but somebody should bring a newer one.
    Old,
    /// Older than `max_age`: not used, everything it would say is unknown.
    TooOld,
}

/// One database or list in use, for doctor, metrics and the dashboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What it is asked for.
    pub topic: Topic,
    /// The operator's file; none: compiled in.
    pub path: Option<PathBuf>,
    /// When it was made; for a text list when the file was last written to. None when it does not say.
    pub built: Option<Timestamp>,
    /// By its age.
    pub freshness: Freshness,
    /// Networks or passwords in it; none for databases, which do not tell.
    pub entries: Option<u64>,
}

/// All databases and lists. Shared as one `Arc`; a look-up takes no lock.
pub struct Intel {
    compiled: Compiled,
    loaded: ArcSwap<Loaded>,
    /// The files as they were when last looked at, used or refused. Held while files are read, so that two readings of
    /// them never overtake each other.
    seen: Mutex<HashMap<PathBuf, Seen>>,
}

/// What the configuration asks for.
struct Wanted {
    country: Vec<PathBuf>,
    as_number: Vec<PathBuf>,
    city: Vec<PathBuf>,
    lists: Vec<(NetworkKind, PathBuf)>,
    bundled_lists: bool,
    breached: Vec<PathBuf>,
    warn_age: Duration,
    max_age: Duration,
}

/// What a file is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    Database,
    List,
    Filter,
}

/// A file, read.
#[derive(Clone)]
enum Content {
    Database(Arc<Database>),
    List(Arc<List>),
    Filter(Arc<Filter>),
}

/// How a file was found, and what is in use of it.
struct Seen {
    /// None: it was gone or could not be looked at.
    stamp: Option<Stamp>,
    content: Content,
}

/// Everything look-ups need, as one value that is replaced whole.
struct Loaded {
    wanted: Arc<Wanted>,
    country: Vec<Arc<Database>>,
    as_number: Vec<Arc<Database>>,
    city: Vec<Arc<Database>>,
    networks: Option<Arc<Database>>,
    lists: Vec<(NetworkKind, Arc<List>)>,
    passwords: Arc<Passwords>,
    /// With the files' names, in the order of the configuration.
    breached: Vec<(PathBuf, Arc<Filter>)>,
}

impl Intel {
    /// Reads everything the configuration names. Without `[geoip]`, and for what it leaves out, what is compiled in.
    ///
    /// # Errors
    /// A file cannot be read, or is not what it should be. A file that is only old is no error.
    pub fn open(config: &Config, _now: Timestamp) -> Result<Self, IntelError> {
        let wanted = Arc::new(Wanted::of(config));
        let seen = wanted.read_all()?;
        let compiled = Compiled::open();
        let loaded = ArcSwap::from_pointee(Loaded::of(&wanted, &seen, &compiled));
        Ok(Self { compiled, loaded, seen: Mutex::new(seen) })
    }

    /// Reads everything anew as a changed configuration says. Reads files whole, so it belongs where waiting harms
    /// nobody; look-ups go on meanwhile.
    ///
    /// # Errors
    /// As [`Intel::open`]; then everything stays as it was.
    pub fn configure(&self, config: &Config) -> Result<(), IntelError> {
        let mut seen = self.seen.lock();
        let wanted = Arc::new(Wanted::of(config));
        *seen = wanted.read_all()?;
        self.loaded.store(Arc::new(Loaded::of(&wanted, &seen, &self.compiled)));
        Ok(())
    }

    /// Looks at the operator's files, reads those that changed, and says what became of them; at `now` a database that
    /// is too old is taken, and said to be. Reads files whole, like [`Intel::configure`].
    pub fn reload_changed(&self, now: Timestamp) -> Vec<Reloaded> {
        let mut seen = self.seen.lock();
        let wanted = Arc::clone(&self.loaded.load().wanted);
        let mut reloaded = Vec::new();
        let mut is_changed = false;
        for (path, seen) in seen.iter_mut() {
            let stamp = Stamp::of(path).ok();
            if stamp == seen.stamp {
                continue;
            }
            seen.stamp = stamp;
            match wanted.read(path) {
                Ok((content, stamp)) => {
                    *seen = Seen { stamp: Some(stamp), content };
                    is_changed = true;
                    reloaded.push(Reloaded::Taken { path: path.clone(), what: wanted.told(seen, now) });
                }
                Err(error) => reloaded.push(Reloaded::Refused(error)),
            }
        }
        if is_changed {
            self.loaded.store(Arc::new(Loaded::of(&wanted, &seen, &self.compiled)));
        }
        reloaded
    }

    /// Where an address is and in whose network. Campus addresses are in `campus_country`, if that is set, and in no
    /// list of networks: whoever signs in there is known to be there.
    pub fn whereabouts(&self, address: IpAddr, networks: &Networks, now: Timestamp) -> Whereabouts {
        let address = address.to_canonical();
        let loaded = self.loaded.load();
        let asked = Asked { address, now, max_age: loaded.wanted.max_age };
        let as_number = asked.first(&loaded.as_number, Database::as_number);
        let is_campus = networks.campus.iter().any(|network| network.contains(&address));
        if let Some(country) = networks.campus_country.filter(|_| is_campus) {
            return Whereabouts { country: Some(country), as_number, ..Whereabouts::default() };
        }
        Whereabouts {
            country: asked.first(&loaded.country, Database::country),
            as_number,
            position: asked.first(&loaded.city, Database::position),
            kinds: if is_campus { NetworkKinds::default() } else { loaded.kinds(&asked) },
        }
    }

    /// The name of the organisation that announces the address, for people; at most 80 characters, none of them a
    /// control character. Old databases are asked too: a name decides nothing.
    pub fn organization(&self, address: IpAddr) -> Option<String> {
        let loaded = self.loaded.load();
        let asked = Asked { address: address.to_canonical(), now: Timestamp::from_millis(0), max_age: Duration::MAX };
        asked.first(&loaded.as_number, Database::organization)
    }

    /// How good a password is; see [`Passwords::quality`].
    pub fn password(&self, password: &Secret<String>, inputs: &[&str]) -> PasswordQuality {
        let passwords = Arc::clone(&self.loaded.load().passwords);
        passwords.quality(password, inputs)
    }

    /// Every database and list in use, with its age at `now`.
    pub fn sources(&self, now: Timestamp) -> Vec<Source> {
        self.loaded.load().sources(now)
    }
}

/// One address, asked at one time.
struct Asked {
    address: IpAddr,
    now: Timestamp,
    max_age: Duration,
}

impl Asked {
    /// The first answer of databases that are not too old.
    fn first<T>(&self, databases: &[Arc<Database>], read: impl Fn(&Database, &Record<'_>) -> Option<T>) -> Option<T> {
        databases
            .iter()
            .filter(|database| self.now.since(database.built()) <= self.max_age)
            .find_map(|database| read(database, &database.find(self.address)?))
    }
}

impl Loaded {
    fn of(wanted: &Arc<Wanted>, seen: &HashMap<PathBuf, Seen>, compiled: &Compiled) -> Self {
        let databases = |paths: &[PathBuf]| -> Vec<Arc<Database>> {
            let of = |path: &PathBuf| match &seen.get(path)?.content {
                Content::Database(database) => Some(Arc::clone(database)),
                Content::List(_) | Content::Filter(_) => None,
            };
            paths.iter().filter_map(of).collect()
        };
        let or_compiled = |found: Vec<Arc<Database>>| match found.is_empty() {
            true => vec![Arc::clone(&compiled.country_as)],
            false => found,
        };
        let lists = wanted.lists.iter().filter_map(|(kind, path)| match &seen.get(path)?.content {
            Content::List(list) => Some((*kind, Arc::clone(list))),
            Content::Database(_) | Content::Filter(_) => None,
        });
        let breached: Vec<(PathBuf, Arc<Filter>)> = wanted
            .breached
            .iter()
            .filter_map(|path| match &seen.get(path)?.content {
                Content::Filter(filter) => Some((path.clone(), Arc::clone(filter))),
                Content::Database(_) | Content::List(_) => None,
            })
            .collect();
        Self {
            wanted: Arc::clone(wanted),
            country: or_compiled(databases(&wanted.country)),
            as_number: or_compiled(databases(&wanted.as_number)),
            city: databases(&wanted.city),
            networks: wanted.bundled_lists.then(|| Arc::clone(&compiled.networks)),
            lists: lists.collect(),
            passwords: Arc::new(Passwords::new(breached.iter().map(|(_, filter)| Arc::clone(filter)).collect())),
            breached,
        }
    }

    fn sources(&self, now: Timestamp) -> Vec<Source> {
        let database = |topic, path: Option<&PathBuf>, database: &Database| Source {
            topic,
            path: path.cloned(),
            built: Some(database.built()),
            freshness: self.wanted.freshness(database.built(), now),
            entries: None,
        };
        let mut sources = Vec::new();
        for (topic, paths, databases) in [
            (Topic::Country, &self.wanted.country, &self.country),
            (Topic::AsNumber, &self.wanted.as_number, &self.as_number),
            (Topic::City, &self.wanted.city, &self.city),
        ] {
            sources.extend(databases.iter().enumerate().map(|(at, found)| database(topic, paths.get(at), found)));
        }
        sources.extend(self.networks.iter().map(|found| database(Topic::Networks, None, found)));
        // Lists of networks and of passwords hold what their owner keeps in them: they are shown, and never too old.
        sources.extend(self.lists.iter().zip(&self.wanted.lists).map(|((kind, list), (_, path))| Source {
            topic: Topic::List(*kind),
            path: Some(path.clone()),
            built: Some(list.modified),
            freshness: Freshness::Fresh,
            entries: Some(list.entries as u64),
        }));
        let filters = self.breached.iter().map(|(path, filter)| (Some(path.clone()), &**filter));
        sources.extend(std::iter::once((None, passwords::common())).chain(filters).map(|(path, filter)| Source {
            topic: Topic::Breached,
            path,
            built: Some(filter.made()).filter(|made| made.as_millis() > 0),
            freshness: Freshness::Fresh,
            entries: Some(filter.keys()),
        }));
        sources
    }

    fn kinds(&self, asked: &Asked) -> NetworkKinds {
        let mut kinds = NetworkKinds::default();
        if let Some(kind) = asked.first(self.networks.as_slice(), Database::kind) {
            kinds.add(kind);
        }
        for (kind, list) in &self.lists {
            if list.networks.contain(asked.address) {
                kinds.add(*kind);
            }
        }
        kinds
    }
}

/// The databases that are part of the program.
struct Compiled {
    country_as: Arc<Database>,
    networks: Arc<Database>,
}

impl Compiled {
    fn open() -> Self {
        let read = |bytes: &'static [u8]| {
            Arc::new(Database::read(Cow::Borrowed(bytes)).expect("it is compiled in, and a test opens it"))
        };
        Self { country_as: read(COUNTRY_AS), networks: read(NETWORKS) }
    }
}

impl Wanted {
    fn of(config: &Config) -> Self {
        let (geoip, networks) = (&config.geoip, &config.networks);
        Self {
            country: if geoip.country.is_empty() { geoip.city.clone() } else { geoip.country.clone() },
            as_number: geoip.asn.clone(),
            city: geoip.city.clone(),
            lists: networks.lists.iter().map(|list| (list.kind, list.file.clone())).collect(),
            bundled_lists: networks.bundled_lists,
            breached: config.passwords.breached.clone(),
            warn_age: geoip.warn_age,
            max_age: geoip.max_age,
        }
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        let lists = self.lists.iter().map(|(_, path)| path);
        let databases = self.country.iter().chain(&self.as_number).chain(&self.city);
        databases.chain(lists).chain(&self.breached).map(PathBuf::as_path)
    }

    fn form(&self, path: &Path) -> Form {
        let is_in = |paths: &[PathBuf]| paths.iter().any(|other| other == path);
        if is_in(&self.breached) {
            Form::Filter
        } else if self.lists.iter().any(|(_, other)| other == path) {
            Form::List
        } else {
            Form::Database
        }
    }

    /// What a database at this path must be able to answer.
    fn facts(&self, path: &Path) -> impl Iterator<Item = Fact> {
        [(&self.country, Fact::Country), (&self.as_number, Fact::AsNumber), (&self.city, Fact::Position)]
            .into_iter()
            .filter(move |(paths, _)| paths.iter().any(|other| other == path))
            .map(|(_, fact)| fact)
    }

    fn read_all(&self) -> Result<HashMap<PathBuf, Seen>, IntelError> {
        let mut seen = HashMap::new();
        for path in self.paths() {
            if !seen.contains_key(path) {
                let (content, stamp) = self.read(path)?;
                seen.insert(path.to_owned(), Seen { stamp: Some(stamp), content });
            }
        }
        Ok(seen)
    }

    fn read(&self, path: &Path) -> Result<(Content, Stamp), IntelError> {
        match self.form(path) {
            Form::Database => {
                let (bytes, stamp) = files::read(path, database::FILE_BYTES_MAX)?;
                let unusable = |what| IntelError::unusable(path, what);
                let database = Database::read(Cow::Owned(bytes)).map_err(unusable)?;
                self.facts(path).try_for_each(|fact| database.must_have(fact)).map_err(unusable)?;
                Ok((Content::Database(Arc::new(database)), stamp))
            }
            Form::List => List::read(path).map(|(list, stamp)| (Content::List(Arc::new(list)), stamp)),
            Form::Filter => Filter::open(path).map(|(filter, stamp)| (Content::Filter(Arc::new(filter)), stamp)),
        }
    }

    fn freshness(&self, built: Timestamp, now: Timestamp) -> Freshness {
        match now.since(built) {
            age if age > self.max_age => Freshness::TooOld,
            age if age > self.warn_age => Freshness::Old,
            _ => Freshness::Fresh,
        }
    }

    /// A file that was taken, in a few words.
    fn told(&self, seen: &Seen, now: Timestamp) -> String {
        match &seen.content {
            Content::Database(database) => {
                let day = database.built().day();
                match self.freshness(database.built(), now) {
                    Freshness::TooOld => format!("built {day}, too old: what it says is unknown"),
                    Freshness::Fresh | Freshness::Old => format!("built {day}"),
                }
            }
            Content::List(list) => format!("{} networks", list.entries),
            Content::Filter(filter) => format!("{} passwords", filter.keys()),
        }
    }
}
