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

impl NetworkKinds {
    /// Whether the person may be anywhere, whatever the databases say of the address.
    pub const fn hides_the_place(self) -> bool {
        self.tor || self.vpn
    }
}

impl Position {
    /// STUB
    pub fn distance_km(&self, _other: &Self) -> f64 {
        0.0
    }
}
