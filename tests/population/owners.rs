//! People who own an account: where they live and work, what they carry, when they travel, how they write.
//!
//! Numbers are judgement where no source is known. They are meant to be harder on Mailward than a real university:
//! everybody's profile is empty on the first day, and about every tenth person lives abroad, hides, forgets cookies or
//! works at night.

use std::net::IpAddr;

use crate::browsers::Browser;
use crate::dice::Dice;
use crate::lines::{Happening, How, Outcome, Visit, Who};
use crate::networks::{self, HERE, Kind, Lease, Pools, Provider, campus, clock_of, provider};

/// Seconds of a day.
pub const DAY: u64 = 86_400;

/// The year that is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Calendar {
    /// Midnight UTC of the first day, a Monday, in seconds since the Unix epoch.
    pub first: u64,
    /// How many days there are.
    pub days: u32,
}

impl Calendar {
    /// The day of the year, 0 to 365, by which seasons go.
    fn season(&self, day: u32) -> i16 {
        let seconds = i64::try_from(self.first + u64::from(day) * DAY).unwrap_or(0);
        jiff::Timestamp::from_second(seconds).map_or(0, |time| jiff::tz::Offset::UTC.to_datetime(time).day_of_year())
    }

    fn is_weekend(day: u32) -> bool {
        day % 7 >= 5
    }

    /// When it is `hour` o'clock in `country` on `day`.
    pub fn at(&self, day: u32, hour: f64, country: &str) -> u64 {
        let (ahead, has_summer) = clock_of(country);
        let is_summer = (88..=298).contains(&self.season(day));
        let offset = ahead + f64::from(u8::from(has_summer && is_summer));
        let seconds = (hour - offset) * 3_600.0;
        (self.first + u64::from(day) * DAY).saturating_add_signed(seconds as i64)
    }
}

/// The town around the campus: which pools its providers have there.
pub struct Town {
    pools: Vec<(&'static Provider, Pools)>,
}

impl Town {
    /// The town of this seed; another `number` is another town.
    pub fn new(seed: u64, number: u64) -> Self {
        let mut dice = Dice::new(seed, u64::MAX - number);
        let homes =
            networks::PROVIDERS.iter().filter(|provider| provider.country == HERE && provider.kind == Kind::Home);
        Self { pools: homes.map(|provider| (provider, Pools::in_town(provider, &mut dice))).collect() }
    }

    fn provider(&self, dice: &mut Dice) -> usize {
        let weighted: Vec<(u32, usize)> =
            self.pools.iter().enumerate().map(|(index, (provider, _))| (provider.weight, index)).collect();
        *dice.weighted(&weighted)
    }

    /// Another customer's line of the same provider.
    pub fn lease(&self, provider: usize, dice: &mut Dice) -> Lease {
        self.pools[provider].1.lease(dice)
    }
}

/// What somebody does at the university.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Student,
    /// A student whose family lives in another country.
    GuestStudent(&'static str),
    Staff,
    Teacher,
    NightShift,
    /// Signs in for a week, and then not for months.
    Dormant,
    /// Sends the newsletter.
    Newsletter,
}

/// Where somebody lives.
#[derive(Clone, Debug)]
enum Dwelling {
    Town {
        /// Which of the two towns.
        town: usize,
        provider: usize,
        lease: Lease,
        /// How often the address changes, in days.
        changes_after: f64,
    },
    Abroad {
        country: &'static str,
        pools: Pools,
        lease: Lease,
    },
}

/// Days spent elsewhere, both included.
#[derive(Clone, Copy, Debug)]
struct Stay {
    from: u32,
    to: u32,
    country: &'static str,
    how: How,
}

/// A browser on something that somebody owns or works at.
#[derive(Clone, Debug)]
struct Machine {
    number: u32,
    browser: Browser,
    /// By how many versions its browser is behind.
    lag: u32,
}

/// One person with one account.
pub struct Owner {
    /// Canonical.
    pub account: String,
    dice: Dice,
    role: Role,
    /// Sign-ins on an ordinary working day.
    rate: f64,
    /// Of those, the share made with the telephone.
    phone_share: f64,
    dwelling: Dwelling,
    mobile: &'static Provider,
    building: u64,
    desk: Option<Machine>,
    laptop: Machine,
    phone: Machine,
    machines: u32,
    /// The share of visits for which the browser keeps no cookies.
    forgets: f64,
    /// The share of visits off campus that come out of this.
    hides: Option<(f64, &'static Provider)>,
    /// Whether there is a second factor at hand.
    passes: bool,
    mistypes: f64,
    /// Until when some browser still offers the old password.
    old_password_until: u32,
    stays: Vec<Stay>,
    /// The first day of the account.
    begins: u32,
    messages_per_visit: f64,
}

const HOLIDAYS: &[(u32, &str)] = &[
    (16, "ES"),
    (15, "IT"),
    (13, "AT"),
    (9, "FR"),
    (8, "TR"),
    (8, "GR"),
    (7, "NL"),
    (5, "DK"),
    (5, "PL"),
    (4, "PT"),
    (4, "GB"),
    (3, "CH"),
    (3, "CZ"),
    (3, "SE"),
    (2, "US"),
    (2, "TH"),
    (2, "EG"),
    (1, "MA"),
    (1, "JP"),
    (1, "ZA"),
    (1, "RO"),
];
const CONFERENCES: &[(u32, &str)] = &[
    (14, "US"),
    (12, "FR"),
    (12, "GB"),
    (10, "IT"),
    (10, "ES"),
    (9, "AT"),
    (8, "CH"),
    (7, "NL"),
    (6, "SE"),
    (4, "CA"),
    (3, "JP"),
    (2, "CN"),
    (2, "AU"),
];
const FAMILIES: &[(u32, &str)] = &[
    (20, "CN"),
    (20, "IN"),
    (14, "TR"),
    (9, "RU"),
    (8, "UA"),
    (7, "VN"),
    (6, "EG"),
    (5, "BR"),
    (5, "IT"),
    (3, "NG"),
    (3, "ID"),
    (3, "KR"),
];
const SEMESTERS: &[(u32, &str)] =
    &[(20, "ES"), (18, "FR"), (16, "GB"), (14, "SE"), (12, "IT"), (8, "US"), (6, "PL"), (3, "AU")];
const NEIGHBOURS: &[(u32, &str)] = &[(40, "FR"), (25, "AT"), (20, "CH"), (15, "NL")];

impl Owner {
    /// The person behind the account with this number. The first is the newsletter office.
    pub fn new(number: u32, seed: u64, calendar: &Calendar, towns: &[Town; 2]) -> Self {
        let mut dice = Dice::new(seed, u64::from(number));
        let role = if number == 0 { Role::Newsletter } else { role(&mut dice) };
        let account = if number == 0 { "news".to_owned() } else { format!("u{number:05}") };
        let works = matches!(role, Role::Staff | Role::Teacher | Role::NightShift | Role::Newsletter);
        let mut machine = |browser: fn(&mut Dice) -> Browser, number| Machine {
            number,
            browser: browser(&mut dice),
            lag: if dice.happens(0.8) { 0 } else { dice.between(1, 3) as u32 },
        };
        let (laptop, phone) = (machine(Browser::of_laptop, 0), machine(Browser::of_phone, 1));
        let desk = works.then(|| machine(Browser::of_desk, 2));
        let dwelling = dwelling(towns, &mut dice);
        let forgets = *dice.weighted(&[(90, 0.005), (6, 0.2), (4, 1.0)]);
        let has_apple = laptop.browser.is_apple() || phone.browser.is_apple();
        let hides = hides(has_apple, &mut dice);
        // Most people sign in now and then and some all day long.
        let rate = (-0.75 + 0.95 * dice.around(0.0, 1.0)).exp().min(5.0);
        let mobile = provider(&mut dice, |provider| provider.country == HERE && provider.kind == Kind::Mobile)
            .expect("the table has German carriers");
        let mut owner = Self {
            account,
            role,
            rate,
            phone_share: 0.6 * dice.share(),
            dwelling,
            mobile,
            building: dice.between(0, 79),
            desk,
            laptop,
            phone,
            machines: 3,
            forgets,
            hides,
            passes: dice.happens(0.96),
            mistypes: 0.01 + 0.05 * dice.share(),
            old_password_until: 0,
            stays: Vec::new(),
            begins: if dice.happens(0.06) { dice.between(120, 330) as u32 } else { 0 },
            messages_per_visit: 0.1 + 0.7 * dice.share() * dice.share(),
            dice,
        };
        owner.plan_stays(calendar);
        owner
    }

    /// A line of the same provider in the same town, for a thief who is there; the owner's mobile carrier where the
    /// owner lives abroad.
    pub fn neighbour(&self, towns: &[Town; 2], dice: &mut Dice) -> IpAddr {
        match &self.dwelling {
            Dwelling::Town { town, provider, .. } => towns[*town].lease(*provider, dice).address(dice),
            Dwelling::Abroad { .. } => self.mobile.anywhere(dice),
        }
    }

    /// The password was stolen and is changed: for a while some browser still offers the old one.
    pub fn changes_password(&mut self, day: u32) {
        self.old_password_until = day + 10;
    }

    /// What this person does on a day.
    pub fn day(&mut self, day: u32, calendar: &Calendar, towns: &[Town; 2], happenings: &mut Vec<Happening>) {
        self.wear_out(day, towns);
        let stay = self.stays.iter().find(|stay| (stay.from..=stay.to).contains(&day)).copied();
        if day < self.begins || !self.is_about(day) || stay.is_some_and(|stay| stay.is_spent_flying(day)) {
            return;
        }
        let rate = self.rate * self.share_of_rate(day, calendar, stay.as_ref());
        for _ in 0..self.dice.count(rate) {
            self.visit(day, calendar, stay.as_ref(), happenings);
        }
    }

    fn share_of_rate(&self, day: u32, calendar: &Calendar, stay: Option<&Stay>) -> f64 {
        let season = calendar.season(day);
        // Christmas, and August.
        let quiet = if !(5..=356).contains(&season) {
            0.25
        } else if (213..=243).contains(&season) {
            0.6
        } else {
            1.0
        };
        let weekend = if Calendar::is_weekend(day) { 0.4 } else { 1.0 };
        match stay.map(|stay| stay.how) {
            Some(How::Holiday) => 0.4,
            Some(How::Conference) => 1.0,
            _ => quiet * weekend,
        }
    }

    /// Dormant people come for a week, and again after four to seven months.
    fn is_about(&mut self, day: u32) -> bool {
        self.role != Role::Dormant || (day + self.building as u32 * 3) % (120 + self.building as u32) < 7
    }

    /// Addresses change, machines are bought, passwords expire, cookies are cleared.
    fn wear_out(&mut self, day: u32, towns: &[Town; 2]) {
        let dice = &mut self.dice;
        match &mut self.dwelling {
            Dwelling::Town { town, provider, lease, changes_after } => {
                if dice.happens(1.0 / *changes_after) {
                    *lease = towns[*town].lease(*provider, dice);
                }
            }
            Dwelling::Abroad { pools, lease, .. } => {
                if dice.happens(1.0 / 30.0) {
                    *lease = pools.lease(dice);
                }
            }
        }
        for (machine, lasts, browser) in [
            (&mut self.phone, 700.0, Browser::of_phone as fn(&mut Dice) -> Browser),
            (&mut self.laptop, 1_100.0, Browser::of_laptop),
        ] {
            let is_new = dice.happens(1.0 / lasts);
            // Clearing cookies makes a new browser of an old one.
            if is_new || dice.happens(1.0 / 500.0) {
                machine.number = self.machines;
                self.machines += 1;
            }
            if is_new {
                machine.browser = browser(dice);
            }
        }
        if dice.happens(1.0 / 400.0) {
            self.old_password_until = day + 10;
        }
    }

    fn visit(&mut self, day: u32, calendar: &Calendar, stay: Option<&Stay>, happenings: &mut Vec<Happening>) {
        let hour = self.hour();
        let place = self.place(day, hour, stay);
        let at = calendar.at(day, hour, place.clock);
        if at < calendar.first {
            return;
        }
        let (account, forgets) = (self.account.clone(), self.forgets);
        let dice = &mut self.dice;
        let keeps = !place.is_borrowed && !dice.happens(forgets);
        let visit = Visit {
            account: &account,
            address: place.address,
            user_agent: place.machine.browser.user_agent(day, place.machine.lag),
            device: keeps.then(|| format!("{account}-{}", place.machine.number)),
        };
        let who = Who::Owner { how: place.how };
        let passes = self.passes && !dice.happens(0.01);
        let mut wrong =
            if dice.happens(self.mistypes) { dice.weighted(&[(75, 1), (20, 2), (5, 3)]).to_owned() } else { 0 };
        if day <= self.old_password_until && dice.happens(0.3) {
            wrong += dice.between(1, 2);
        }
        for number in 0..wrong {
            happenings.push(Happening::sign_in(at + number * 15, &visit, Outcome::Failed, passes, who));
        }
        let mut at = at + wrong * 15;
        happenings.push(Happening::sign_in(at, &visit, Outcome::Ok, passes, who));
        for recipients in self.messages(day) {
            at += self.dice.between(40, 900);
            happenings.push(Happening::send(at, &visit, recipients, who));
        }
    }

    /// The time of day by the clocks where this person is.
    fn hour(&mut self) -> f64 {
        let dice = &mut self.dice;
        let hour = match self.role {
            Role::NightShift => dice.around(26.0, 2.5) % 24.0,
            Role::Newsletter => dice.around(10.0, 1.0),
            _ if dice.happens(0.62) => dice.around(11.5, 2.6),
            _ if dice.happens(0.75) => dice.around(20.0, 1.7),
            _ => 6.5 + 17.0 * dice.share(),
        };
        hour.clamp(0.0, 23.99)
    }

    fn place(&mut self, day: u32, hour: f64, stay: Option<&Stay>) -> Place {
        let is_phone = self.dice.happens(self.phone_share);
        let machine = if is_phone { self.phone.clone() } else { self.laptop.clone() };
        let clock = stay.map_or_else(|| self.lives_in(), |stay| stay.country);
        let place = |address, how| Place { address, how, clock, machine: machine.clone(), is_borrowed: false };
        let is_at_work = !Calendar::is_weekend(day) && ((8.0..18.0).contains(&hour) || self.role == Role::NightShift);
        if stay.is_none() && is_at_work {
            let goes = match self.role {
                Role::Student | Role::GuestStudent(_) | Role::Dormant => 0.5,
                Role::Staff | Role::Teacher => 0.7,
                Role::NightShift | Role::Newsletter => 0.95,
            };
            if self.dice.happens(goes) {
                return self.on_campus(is_phone, machine);
            }
        }
        if let Some((share, exits)) = self.hides
            && self.dice.happens(share)
        {
            return place(exits.anywhere(&mut self.dice), How::Vpn);
        }
        match stay {
            Some(stay) => {
                if self.dice.happens(0.1) {
                    return place(campus::dialled_in(), How::Campus);
                }
                if is_phone && self.dice.happens(0.6) {
                    return place(self.mobile.anywhere(&mut self.dice), How::Roaming);
                }
                let kind = match stay.how {
                    How::Conference if self.dice.happens(0.5) => Kind::University,
                    _ if is_phone => Kind::Mobile,
                    _ => Kind::Home,
                };
                place(networks::somewhere_in(stay.country, kind, &mut self.dice), stay.how)
            }
            None if is_phone && self.dice.happens(0.5) => self.by_phone(place),
            None if self.dice.happens(0.03) => {
                place(networks::somewhere_in(self.lives_in(), Kind::Home, &mut self.dice), How::Elsewhere)
            }
            None => match &self.dwelling {
                Dwelling::Town { lease, .. } => place(lease.address(&mut self.dice), How::Home),
                Dwelling::Abroad { lease, .. } => place(lease.address(&mut self.dice), How::LivingAbroad),
            },
        }
    }

    fn by_phone(&mut self, place: impl Fn(IpAddr, How) -> Place) -> Place {
        match self.dwelling {
            Dwelling::Town { .. } => place(self.mobile.anywhere(&mut self.dice), How::Mobile),
            Dwelling::Abroad { country, .. } => {
                place(networks::somewhere_in(country, Kind::Mobile, &mut self.dice), How::LivingAbroad)
            }
        }
    }

    fn on_campus(&mut self, is_phone: bool, machine: Machine) -> Place {
        let dice = &mut self.dice;
        let place =
            |address, machine, is_borrowed| Place { address, how: How::Campus, clock: HERE, machine, is_borrowed };
        match &self.desk {
            Some(desk) if !is_phone && dice.happens(0.8) => {
                place(campus::wired(self.building, dice), desk.clone(), false)
            }
            // A computer of the library: everybody's, and it forgets whoever leaves.
            None if !is_phone && dice.happens(0.08) => {
                let shared = Machine { number: 0, browser: Browser::FirefoxWindows, lag: 0 };
                place(campus::wired(79, dice), shared, true)
            }
            _ => place(campus::shared(), machine, false),
        }
    }

    fn lives_in(&self) -> &'static str {
        match self.dwelling {
            Dwelling::Town { .. } => HERE,
            Dwelling::Abroad { country, .. } => country,
        }
    }

    /// How many people each message of a visit goes to.
    fn messages(&mut self, day: u32) -> Vec<u32> {
        let dice = &mut self.dice;
        if self.role == Role::Newsletter && day % 7 == 2 {
            return (0..dice.between(4, 12)).map(|_| dice.between(300, 500) as u32).collect();
        }
        let count = dice.count(self.messages_per_visit);
        let writes_to_classes = if self.role == Role::Teacher { 0.05 } else { 0.001 };
        (0..count)
            .map(|_| {
                if dice.happens(writes_to_classes) {
                    return dice.between(30, 45) as u32;
                }
                let (least, most) = *dice.weighted(&[(78, (1, 1)), (18, (2, 5)), (4, (6, 15))]);
                dice.between(least, most) as u32
            })
            .collect()
    }

    fn plan_stays(&mut self, calendar: &Calendar) {
        let dice = &mut self.dice;
        let mut stays = Vec::new();
        let days = calendar.days;
        if let Role::Student = self.role
            && dice.happens(0.03)
        {
            let from = dice.between(0, u64::from(days.saturating_sub(100))) as u32;
            let (country, length) = (*dice.weighted(SEMESTERS), dice.between(110, 160) as u32);
            stays.push(Stay { from, to: from + length, country, how: How::LivingAbroad });
        }
        let travels = matches!(self.role, Role::Staff | Role::Teacher);
        for month in 0..days.div_ceil(30) {
            let from = month * 30 + dice.between(0, 29) as u32;
            let season = calendar.season(from);
            let is_holiday_time = (182..=250).contains(&season) || !(5..=350).contains(&season);
            let stay = |to: u64, country, how| Stay { from, to: from + to as u32, country, how };
            match self.role {
                Role::GuestStudent(home) if dice.happens(if is_holiday_time { 0.3 } else { 0.03 }) => {
                    stays.push(stay(dice.between(14, 40), home, How::Holiday));
                }
                _ if dice.happens(if is_holiday_time { 0.12 } else { 0.04 }) => {
                    stays.push(stay(dice.between(3, 14), *dice.weighted(HOLIDAYS), How::Holiday));
                }
                _ if travels && dice.happens(0.06) => {
                    stays.push(stay(dice.between(3, 6), *dice.weighted(CONFERENCES), How::Conference));
                }
                _ => {}
            }
        }
        self.stays = stays;
    }
}

impl Stay {
    /// Whoever goes far spends the first and last day on the way, so nobody is on two continents within an hour.
    fn is_spent_flying(&self, day: u32) -> bool {
        let is_far = (clock_of(self.country).0 - clock_of(HERE).0).abs() >= 3.0;
        is_far && (day == self.from || day == self.to)
    }
}

/// Where one visit is made, and with what.
struct Place {
    address: IpAddr,
    how: How,
    /// The country whose clocks this person lives by.
    clock: &'static str,
    machine: Machine,
    /// Somebody else's machine, which forgets.
    is_borrowed: bool,
}

fn role(dice: &mut Dice) -> Role {
    match dice.share() {
        share if share < 0.55 => Role::Student,
        share if share < 0.62 => Role::GuestStudent(dice.weighted::<&str>(FAMILIES)),
        share if share < 0.84 => Role::Staff,
        share if share < 0.92 => Role::Teacher,
        share if share < 0.95 => Role::NightShift,
        _ => Role::Dormant,
    }
}

fn dwelling(towns: &[Town; 2], dice: &mut Dice) -> Dwelling {
    if dice.happens(0.012) {
        let country = *dice.weighted(NEIGHBOURS);
        if let Some(provider) = provider(dice, |provider| provider.country == country && provider.kind == Kind::Home) {
            let pools = Pools::in_town(provider, dice);
            return Dwelling::Abroad { country, lease: pools.lease(dice), pools };
        }
    }
    let town = usize::from(dice.happens(0.15));
    let provider = towns[town].provider(dice);
    // Lines over the telephone network get another address within days, cable customers keep theirs for months.
    let changes_after = *dice.weighted(&[(35, 3.0), (25, 20.0), (40, 150.0)]);
    Dwelling::Town { town, provider, lease: towns[town].lease(provider, dice), changes_after }
}

/// A service that hides people, and the share of their visits for which they use it. Apple's customers have one built in.
fn hides(has_apple: bool, dice: &mut Dice) -> Option<(f64, &'static Provider)> {
    if dice.happens(0.04) {
        let exits = provider(dice, |provider| provider.kind == Kind::Vpn && !provider.is_relay())?;
        return Some((0.3 + 0.6 * dice.share(), exits));
    }
    let relays = has_apple && dice.happens(0.08);
    relays.then(|| provider(dice, Provider::is_relay)).flatten().map(|relay| (0.5, relay))
}
