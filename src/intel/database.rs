//! One database of addresses in MaxMind's file format, whoever made it.
//!
//! Which fields it has is found by looking at its records, not by its name: MaxMind and DB-IP nest them, others write
//! them flat, and the names of types are everybody's own.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use maxminddb::PathElement::Key;
use maxminddb::{LookupResult, MaxMindDbError, PathElement, Reader, WithinOptions};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

use crate::domain::{Country, NetworkKind, Position, Timestamp};

/// The largest file that is read into memory, in bytes; the largest city database sold has some 150 MB.
pub(super) const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Records that are looked at to find out which fields there are.
const RECORDS_PROBED: usize = 1_000;

/// How far a position may be off, in kilometres, when the database does not say: a city and what surrounds it.
const ACCURACY_KM: u16 = 50;

/// The longest name of an organisation that is shown, in characters.
const ORGANIZATION_CHARS_MAX: usize = 80;

/// Codes that databases give to addresses of which they know no country.
const NO_COUNTRY: [&str; 5] = ["ZZ", "XX", "EU", "AP", "T1"];

type Field = &'static [PathElement<'static>];

/// Where each fact may stand, best first.
const COUNTRY: &[Field] = &[
    &[Key("country"), Key("iso_code")],
    // Whose network it is, for addresses that are used in many countries.
    &[Key("registered_country"), Key("iso_code")],
    &[Key("country_code")],
];
const AS_NUMBER: &[Field] = &[&[Key("autonomous_system_number")], &[Key("traits"), Key("autonomous_system_number")]];
const ORGANIZATION: &[Field] =
    &[&[Key("autonomous_system_organization")], &[Key("traits"), Key("autonomous_system_organization")]];
const POSITION: &[Field] = &[&[Key("location")], &[]];
const KIND: &[Field] = &[&[Key("kind")]];

/// What a database can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fact {
    Country,
    AsNumber,
    Position,
}

impl Fact {
    /// What a file without it is told.
    const fn missing(self) -> &'static str {
        match self {
            Self::Country => "names no country; expected a country or city database",
            Self::AsNumber => "names no autonomous system; expected an ASN or ISP database",
            Self::Position => "has no positions; expected a city database",
        }
    }
}

/// The fields that this database's records have.
#[derive(Debug, Default)]
struct Shape {
    country: Vec<Field>,
    as_number: Vec<Field>,
    organization: Vec<Field>,
    position: Vec<Field>,
    kind: Vec<Field>,
}

pub(super) struct Database {
    reader: Reader<Cow<'static, [u8]>>,
    shape: Shape,
    built: Timestamp,
}

/// What a database says of one address.
pub(super) type Record<'d> = LookupResult<'d, Cow<'static, [u8]>>;

#[derive(Deserialize)]
struct Location {
    latitude: Option<Number>,
    longitude: Option<Number>,
    accuracy_radius: Option<Number>,
}

/// A number, however its maker writes it: flat databases have floats of 32 bits where MaxMind's have 64.
#[derive(Clone, Copy)]
struct Number(f64);

impl<'d> Deserialize<'d> for Number {
    fn deserialize<D: Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyNumber;

        impl Visitor<'_> for AnyNumber {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
                Ok(Number(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }
        }

        deserializer.deserialize_any(AnyNumber)
    }
}

impl Database {
    /// Reads a database and looks at its first records. The error ends a sentence that begins with the file's name.
    pub(super) fn read(bytes: Cow<'static, [u8]>) -> Result<Self, String> {
        let reader = Reader::from_source(bytes).map_err(|error| format!("is not a MaxMind database: {error}"))?;
        let built = Timestamp::from_millis(reader.metadata().build_epoch.saturating_mul(1_000));
        let shape = Shape::probe(&reader).map_err(|error| format!("is broken: {error}"))?;
        Ok(Self { reader, shape, built })
    }

    /// Whether it can be asked for `fact`; the error ends a sentence that begins with the file's name.
    pub(super) fn must_have(&self, fact: Fact) -> Result<(), String> {
        let fields = match fact {
            Fact::Country => &self.shape.country,
            Fact::AsNumber => &self.shape.as_number,
            Fact::Position => &self.shape.position,
        };
        if fields.is_empty() { Err(fact.missing().to_owned()) } else { Ok(()) }
    }

    /// When it was made, by its own account.
    pub(super) const fn built(&self) -> Timestamp {
        self.built
    }

    /// What it says of an address; none if nothing. What is broken in it counts as nothing.
    pub(super) fn find(&self, address: IpAddr) -> Option<Record<'_>> {
        if address.is_ipv6() && self.reader.metadata().ip_version == 4 {
            return None;
        }
        self.reader.lookup(address).ok().filter(LookupResult::has_data)
    }

    pub(super) fn country(&self, record: &Record<'_>) -> Option<Country> {
        let code: &str = first(&self.shape.country, record)?;
        code.parse().ok().filter(|_| !NO_COUNTRY.contains(&code))
    }

    pub(super) fn as_number(&self, record: &Record<'_>) -> Option<u32> {
        first(&self.shape.as_number, record).filter(|number| *number != 0)
    }

    /// For people: without control characters, not empty, at most [`ORGANIZATION_CHARS_MAX`] characters.
    pub(super) fn organization(&self, record: &Record<'_>) -> Option<String> {
        let name: &str = first(&self.shape.organization, record)?;
        let plain: String = name.chars().filter(|c| !c.is_control()).take(ORGANIZATION_CHARS_MAX).collect();
        Some(plain.trim().to_owned()).filter(|name| !name.is_empty())
    }

    pub(super) fn position(&self, record: &Record<'_>) -> Option<Position> {
        self.shape.position.iter().find_map(|field| position(field, record))
    }

    pub(super) fn kind(&self, record: &Record<'_>) -> Option<NetworkKind> {
        NetworkKind::from_name(first(&self.shape.kind, record)?)
    }
}

impl Shape {
    /// Records without a field are common, so one record tells little; a broken one tells that the file is.
    fn probe(reader: &Reader<Cow<'static, [u8]>>) -> Result<Self, MaxMindDbError> {
        let mut shape = Self::default();
        for record in reader.networks(WithinOptions::default())?.take(RECORDS_PROBED) {
            let record = record?;
            note(&mut shape.country, COUNTRY, |field| text(field, &record));
            note(&mut shape.as_number, AS_NUMBER, |field| value::<u32>(field, &record).is_some());
            note(&mut shape.organization, ORGANIZATION, |field| text(field, &record));
            note(&mut shape.position, POSITION, |field| position(field, &record).is_some());
            note(&mut shape.kind, KIND, |field| text(field, &record));
        }
        Ok(shape)
    }
}

/// Keeps the known fields that records have, in the order of `known`.
fn note(found: &mut Vec<Field>, known: &[Field], has: impl Fn(Field) -> bool) {
    if found.len() < known.len() {
        let kept: Vec<Field> = known.iter().copied().filter(|field| found.contains(field) || has(field)).collect();
        *found = kept;
    }
}

fn text(field: Field, record: &Record<'_>) -> bool {
    value::<&str>(field, record).is_some()
}

fn first<'d, T: Deserialize<'d>>(fields: &[Field], record: &Record<'d>) -> Option<T> {
    fields.iter().find_map(|field| value(field, record))
}

/// A field's value; none where it is absent, or is something else than expected.
fn value<'d, T: Deserialize<'d>>(field: Field, record: &Record<'d>) -> Option<T> {
    record.decode_path(field).ok().flatten()
}

fn position(field: Field, record: &Record<'_>) -> Option<Position> {
    let Location { latitude, longitude, accuracy_radius } = value(field, record)?;
    let (Number(latitude), Number(longitude)) = (latitude?, longitude?);
    // Where the equator meets the meridian of Greenwich is water: databases write it for "not known".
    let is_somewhere = latitude.abs() <= 90.0 && longitude.abs() <= 180.0 && (latitude != 0.0 || longitude != 0.0);
    // As a cast bounds it: a radius below 0 is 0, a larger one than the earth is as large as the type takes.
    let accuracy_km = accuracy_radius.map_or(ACCURACY_KM, |Number(radius)| radius as u16);
    is_somewhere.then_some(Position { latitude, longitude, accuracy_km })
}
