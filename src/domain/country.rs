//! A country, by its two letters.

mod extents;
mod places;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::whereabouts::great_circle_km;

/// An ISO 3166-1 alpha-2 code, upper-case. That the letters name a country is not checked: databases know territories
/// and codes of their own (`XK`, `EU`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

/// Why a text is not a country.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a country is two letters, such as \"DE\"")]
pub struct NotACountry;

/// A circle on the globe that holds all land of a country, its parts overseas included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// Of the circle's middle, degrees north.
    pub latitude: f64,
    /// Of the circle's middle, degrees east.
    pub longitude: f64,
    /// From the middle to the farthest land, in kilometres, rounded up.
    pub radius_km: u16,
}

impl Country {
    /// Where its land is; none for codes that the map does not know, such as `EU`.
    ///
    /// The circle is generous: use it to say how far apart two countries are at least, never to say where somebody is.
    pub fn extent(self) -> Option<Extent> {
        let found = extents::EXTENTS.binary_search_by_key(&self.0, |(code, ..)| *code).ok()?;
        let (_, latitude, longitude, radius_km) = extents::EXTENTS[found];
        Some(Extent { latitude, longitude, radius_km })
    }

    /// How many kilometres lie between any place in this country and any place in the other, at the least; 0 where they
    /// touch, or may. None when the land of one of them is not known.
    pub fn distance_beyond_doubt_km(self, other: Self) -> Option<f64> {
        let (here, there) = (self.extent()?, other.extent()?);
        let middles = great_circle_km((here.latitude, here.longitude), (there.latitude, there.longitude));
        Some((middles - f64::from(here.radius_km) - f64::from(there.radius_km)).max(0.0))
    }

    /// What it is called in English; none for codes that the map does not know.
    pub fn name(self) -> Option<&'static str> {
        places::find(self.0).map(|(name, _, _)| name)
    }

    /// A place on its largest land, degrees north and east: for a dot on a map, never to say where somebody is.
    pub fn place(self) -> Option<(f32, f32)> {
        places::find(self.0).map(|(_, north, east)| (north, east))
    }

    /// The code's two letters.
    pub const fn letters(self) -> [u8; 2] {
        self.0
    }
}

impl FromStr for Country {
    type Err = NotACountry;

    fn from_str(text: &str) -> Result<Self, NotACountry> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Ok(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => Err(NotACountry),
        }
    }
}

impl TryFrom<String> for Country {
    type Error = NotACountry;

    fn try_from(text: String) -> Result<Self, NotACountry> {
        text.parse()
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.to_string()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).expect("both are ASCII letters"))
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn country(code: &str) -> Country {
        code.parse().expect("two letters")
    }

    #[test]
    fn countries_are_as_far_apart_as_beyond_doubt_and_neighbours_touch() {
        let apart = |a: &str, b: &str| country(a).distance_beyond_doubt_km(country(b)).expect("both are on the map");
        for (a, b) in [("DE", "FR"), ("DE", "PL"), ("RU", "US"), ("US", "CA"), ("FR", "BR"), ("ES", "MA"), ("DE", "DE")]
        {
            assert!(apart(a, b) == 0.0 && apart(b, a) == 0.0, "{a} and {b} touch, or nearly");
        }
        for (a, b, at_least, at_most) in [
            ("DE", "AU", 10_000.0, 13_800.0),
            ("DE", "JP", 6_000.0, 8_700.0),
            ("DE", "NG", 2_900.0, 3_900.0),
            ("FJ", "WS", 200.0, 1_200.0),
            ("IE", "IN", 4_500.0, 7_500.0),
        ] {
            let km = apart(a, b);
            assert!((at_least..=at_most).contains(&km), "{a} {b}: {km}");
        }
        assert_eq!(country("EU").distance_beyond_doubt_km(country("DE")), None);
    }

    #[test]
    fn a_circle_holds_what_lies_overseas_and_beyond_the_date_line() {
        for (code, places) in [
            ("FR", &[(48.86, 2.35), (4.92, -52.31), (-20.88, 55.45), (14.60, -61.07)][..]),
            ("US", &[(47.6, -122.3), (25.8, -80.2), (21.3, -157.9), (71.3, -156.8), (52.9, 172.9)]),
            ("RU", &[(54.71, 20.51), (43.1, 131.9), (66.0, -169.8)]),
            ("NL", &[(52.37, 4.90), (12.15, -68.27)]),
            ("PT", &[(38.72, -9.14), (37.74, -25.67), (32.65, -16.91)]),
            ("ES", &[(40.42, -3.70), (28.12, -15.44)]),
            ("NZ", &[(-36.85, 174.76), (-43.95, -176.55)]),
            ("FJ", &[(-18.14, 178.44), (-16.8, -179.9)]),
            ("CL", &[(-33.45, -70.67), (-27.11, -109.35)]),
        ] {
            let Extent { latitude, longitude, radius_km } = country(code).extent().expect("on the map");
            for place in places {
                let km = great_circle_km((latitude, longitude), *place);
                assert!(km <= f64::from(radius_km), "{code}: {place:?} is {km} km away, the radius {radius_km}");
            }
        }
        assert!(country("FR").extent().expect("on the map").radius_km > 4_000, "with its parts overseas");
        for (code, most) in [("DE", 600), ("US", 5_000), ("RU", 4_500), ("FJ", 700), ("LU", 100), ("VA", 60)] {
            let radius = country(code).extent().expect("on the map").radius_km;
            assert!(radius <= most, "{code}: {radius}");
        }
    }

    #[test]
    fn a_country_has_a_name_and_a_place_within_its_circle() {
        assert_eq!(country("BR").name(), Some("Brazil"));
        assert_eq!((country("EU").name(), country("EU").place()), (None, None));
        // Nobody signs in from around the pole, where a flat map has no middle.
        for (code, ..) in extents::EXTENTS.iter().filter(|(code, ..)| code != b"AQ") {
            let country = Country(*code);
            assert!(country.name().is_some_and(|name| !name.is_empty() && !name.contains(". ")), "{country}");
            let (north, east) = country.place().expect("where there is land there is a place");
            let Extent { latitude, longitude, radius_km } = country.extent().expect("on the map");
            let km = great_circle_km((latitude, longitude), (f64::from(north), f64::from(east)));
            // A bay may hold the middle of a land that bends around it.
            assert!(km <= f64::from(radius_km), "{country}: {km} km from the middle of its circle");
        }
    }

    #[test]
    fn the_table_is_in_order_and_within_the_globe() {
        assert!(extents::EXTENTS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(extents::EXTENTS.len() >= 245, "{}", extents::EXTENTS.len());
        for (code, latitude, longitude, radius_km) in extents::EXTENTS {
            assert!(latitude.abs() <= 90.0 && longitude.abs() <= 180.0, "{code:?}");
            assert!((1..=20_016).contains(radius_km), "{code:?}");
        }
    }

    #[test]
    fn a_country_is_two_letters_however_they_are_written() {
        assert_eq!("de".parse::<Country>().map(|country| country.to_string()), Ok("DE".to_owned()));
        for wrong in ["", "D", "DEU", "D1", "ÄÖ", "  "] {
            assert_eq!(wrong.parse::<Country>(), Err(NotACountry), "{wrong:?}");
        }
    }
}
