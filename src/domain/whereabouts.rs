//! Where on earth and in whose network an address is, as far as databases know.

use super::Country;

/// What the look-ups say of an address. What they do not know is `None` and counts for nothing: never as "new", never
/// as "far away".
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Whereabouts {
    /// By the country database; campus addresses are where the campus is.
    pub country: Option<Country>,
    /// The autonomous system that announces the address.
    pub as_number: Option<u32>,
    /// By a city database only: the middle of a country is no position.
    pub position: Option<Position>,
    /// What the lists of networks say.
    pub kinds: NetworkKinds,
}

/// A point on earth that an address is near to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// Degrees north, −90 to 90.
    pub latitude: f64,
    /// Degrees east, −180 to 180.
    pub longitude: f64,
    /// How far off it may be, in kilometres.
    pub accuracy_km: u16,
}

/// The earth as a sphere of its mean radius, in kilometres: at most 0.6 % off, which is less than any accuracy told.
const EARTH_RADIUS_KM: f64 = 6_371.0;

impl Position {
    /// The way over the ground from middle to middle, in kilometres; how far off either may be is not taken away. Right
    /// across the date line and at the poles, never more than half the earth's girth.
    pub fn distance_km(&self, other: &Self) -> f64 {
        great_circle_km((self.latitude, self.longitude), (other.latitude, other.longitude))
    }
}

/// Between two points given as degrees north and degrees east (the haversine formula: exact for small distances too).
pub(super) fn great_circle_km((lat_a, lon_a): (f64, f64), (lat_b, lon_b): (f64, f64)) -> f64 {
    let half_sine_squared = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    let chord = half_sine_squared(lat_b - lat_a)
        + lat_a.to_radians().cos() * lat_b.to_radians().cos() * half_sine_squared(lon_b - lon_a);
    // Rounding may carry points opposite each other a hair beyond 1, where there is no arc sine.
    2.0 * EARTH_RADIUS_KM * chord.min(1.0).sqrt().asin()
}

/// What kinds of network lists say an address belongs to; several may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NetworkKinds {
    /// A Tor exit.
    pub tor: bool,
    /// Rented servers.
    pub hosting: bool,
    /// A VPN or privacy relay: many people far apart leave through it.
    pub vpn: bool,
}

/// One kind of network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NetworkKind {
    /// [`NetworkKinds::tor`].
    Tor,
    /// [`NetworkKinds::hosting`].
    Hosting,
    /// [`NetworkKinds::vpn`].
    Vpn,
}

impl NetworkKind {
    /// Every kind, in the order of the reference.
    pub const ALL: [Self; 3] = [Self::Tor, Self::Hosting, Self::Vpn];

    /// The word used in configuration, databases and pages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tor => "tor",
            Self::Hosting => "hosting",
            Self::Vpn => "vpn",
        }
    }

    /// Reads [`NetworkKind::name`] back.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl NetworkKinds {
    /// Notes that the address is of this kind too.
    pub const fn add(&mut self, kind: NetworkKind) {
        match kind {
            NetworkKind::Tor => self.tor = true,
            NetworkKind::Hosting => self.hosting = true,
            NetworkKind::Vpn => self.vpn = true,
        }
    }

    /// Whether the person may be anywhere, whatever the databases say of the address.
    pub const fn hides_the_place(self) -> bool {
        self.tor || self.vpn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(latitude: f64, longitude: f64) -> Position {
        Position { latitude, longitude, accuracy_km: 10 }
    }

    #[test]
    fn distances_are_those_of_the_globe() {
        for (from, to, km) in [
            (at(52.52, 13.40), at(48.86, 2.35), 878.0),
            (at(52.52, 13.40), at(-33.87, 151.21), 16_095.0),
            (at(-17.71, 178.06), at(-13.76, -172.10), 1_142.0),
            (at(64.73, 179.99), at(64.73, -179.99), 1.0),
            (at(0.0, 0.0), at(0.0, 180.0), 20_015.0),
            (at(90.0, 17.0), at(-90.0, -3.0), 20_015.0),
            (at(90.0, 0.0), at(90.0, 120.0), 0.0),
            (at(52.52, 13.40), at(52.52, 13.40), 0.0),
        ] {
            let (there, back) = (from.distance_km(&to), to.distance_km(&from));
            assert!((there - km).abs() <= 1.0 + km * 0.01, "{from:?} {to:?}: {there}");
            assert!((there - back).abs() < 1e-6, "{from:?} {to:?}: {there} and {back}");
        }
    }
}
