//! Those who are not the owner: thieves with a stolen password, and guessers who never get in.

use std::net::IpAddr;

use crate::browsers::{Browser, PROGRAMS};
use crate::dice::Dice;
use crate::lines::{Happening, Outcome, ThiefKind, Visit, Who};
use crate::networks::{self, HERE, Kind, Provider, provider};
use crate::owners::{Calendar, DAY, Owner, Town};

/// One stolen password: whose, when, and by whom.
#[derive(Clone, Copy, Debug)]
pub struct Theft {
    /// The day of the first try.
    pub day: u32,
    /// Which account, by its place in the population.
    pub victim: usize,
    number: u32,
    kind: ThiefKind,
}

/// So many thefts at random accounts on random days, in the order of their days. Half of them are committed from abroad.
/// Nothing happens in the first two weeks, in which every profile is young. The first account, the newsletter office, is
/// spared: its limits are an exception that the operator made, and so is what its theft costs.
pub fn plan(count: u32, accounts: usize, calendar: &Calendar, seed: u64) -> Vec<Theft> {
    let mut dice = Dice::new(seed, 1 << 40);
    let last = u64::from(calendar.days.saturating_sub(1));
    let last_account = (accounts as u64).saturating_sub(1);
    let mut thefts: Vec<Theft> = (0..count)
        .map(|number| Theft {
            day: dice.between(last.min(14), last) as u32,
            victim: dice.between(last_account.min(1), last_account) as usize,
            number,
            kind: *dice.weighted(&[(2, ThiefKind::Foreign), (1, ThiefKind::SameCountry), (1, ThiefKind::SameCity)]),
        })
        .collect();
    thefts.sort_by_key(|theft| theft.day);
    thefts
}

/// Where foreign thieves are, or come out.
const ABROAD: &[(u32, &str)] = &[
    (16, "NG"),
    (14, "VN"),
    (13, "CN"),
    (11, "RU"),
    (9, "BR"),
    (9, "IN"),
    (6, "ID"),
    (6, "US"),
    (5, "MA"),
    (4, "UA"),
    (3, "GB"),
    (2, "FR"),
    (2, "RO"),
];

/// From where and with what a thief works.
struct Lair {
    country: &'static str,
    kind: Kind,
    address: IpAddr,
    user_agent: String,
    device: Option<String>,
    /// Changes its address with every message.
    wanders: bool,
}

impl Lair {
    fn visit<'a>(&self, account: &'a str) -> Visit<'a> {
        Visit { account, address: self.address, user_agent: self.user_agent.clone(), device: self.device.clone() }
    }
}

impl Theft {
    /// Everything this thief does.
    pub fn commit(&self, victim: &Owner, calendar: &Calendar, towns: &[Town; 2], seed: u64, done: &mut Vec<Happening>) {
        let mut dice = Dice::new(seed, (1 << 41) + u64::from(self.number));
        let who = Who::Thief { kind: self.kind, incident: self.number };
        let places: u32 = *dice.weighted(&[(60, 1), (25, 2), (15, 3)]);
        let mut lairs: Vec<Lair> = (0..places).map(|place| self.lair(place, victim, towns, &mut dice)).collect();
        let mut at = calendar.first + u64::from(self.day) * DAY + dice.between(0, DAY - 1);
        if dice.happens(0.35) {
            // The passwords of an old list come first.
            for _ in 0..dice.between(2, 8) {
                let visit = lairs[0].visit(&victim.account);
                done.push(Happening::sign_in(at, &visit, Outcome::Failed, false, who));
                at += dice.between(2, 1_200);
            }
        }
        for lair in &lairs {
            done.push(Happening::sign_in(at, &lair.visit(&victim.account), Outcome::Ok, false, who));
            at += *dice.weighted(&[(50, 60), (30, 900), (20, 7_200)]) + dice.between(0, 300);
        }
        let pace = *dice.weighted(&[(50, 8), (35, 40), (15, 120)]);
        for message in 0..dice.between(10, 40) as usize {
            let turn = message % lairs.len();
            let lair = &mut lairs[turn];
            if lair.wanders {
                lair.address = self.address(lair.country, lair.kind, victim, towns, &mut dice);
            }
            let recipients = dice.between(20, 50) as u32;
            done.push(Happening::send(at, &lair.visit(&victim.account), recipients, who));
            at += dice.between(pace / 2 + 1, pace * 2);
        }
    }

    fn lair(&self, place: u32, victim: &Owner, towns: &[Town; 2], dice: &mut Dice) -> Lair {
        let (country, kind) = self.whereabouts(dice);
        let address = self.address(country, kind, victim, towns, dice);
        let is_scripted = dice.happens(0.2);
        // Only its cookies tell which of its sessions a message belongs to once the address has changed.
        let wanders = !is_scripted && dice.happens(0.15);
        let keeps = wanders || (!is_scripted && dice.happens(0.7));
        let user_agent = if is_scripted {
            (*dice.one_of(PROGRAMS)).to_owned()
        } else if dice.happens(0.3) {
            FAKED.to_owned()
        } else {
            Browser::of_laptop(dice).user_agent(self.day, 0)
        };
        let device = keeps.then(|| format!("thief{}-{place}", self.number));
        Lair { country, kind, address, user_agent, device, wanders }
    }

    fn whereabouts(&self, dice: &mut Dice) -> (&'static str, Kind) {
        match self.kind {
            ThiefKind::SameCity => (HERE, Kind::Home),
            ThiefKind::SameCountry => {
                let kinds = [(60, Kind::Hosting), (25, Kind::Vpn), (10, Kind::Tor), (5, Kind::Mobile)];
                (HERE, *dice.weighted(&kinds))
            }
            ThiefKind::Foreign => {
                let kinds = [(45, Kind::Home), (12, Kind::Mobile), (28, Kind::Hosting), (8, Kind::Vpn), (7, Kind::Tor)];
                let kind = *dice.weighted(&kinds);
                let rents = matches!(kind, Kind::Hosting | Kind::Vpn | Kind::Tor);
                let is_abroad = |at: &Provider| at.kind == kind && at.country != HERE && !at.is_relay();
                let rented = if rents { provider(dice, is_abroad) } else { None };
                (rented.map_or_else(|| *dice.weighted(ABROAD), |at| at.country), kind)
            }
        }
    }

    fn address(&self, country: &str, kind: Kind, victim: &Owner, towns: &[Town; 2], dice: &mut Dice) -> IpAddr {
        match self.kind {
            ThiefKind::SameCity => victim.neighbour(towns, dice),
            ThiefKind::SameCountry | ThiefKind::Foreign => networks::somewhere_in(country, kind, dice),
        }
    }
}

/// The same browser for years, as it comes with a kit.
const FAKED: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/109.0.0.0 Safari/537.36";

/// Somebody tries one password each at many accounts from one address. About every other day, and never with success.
pub fn guess(day: u32, owners: &[Owner], calendar: &Calendar, seed: u64, done: &mut Vec<Happening>) {
    let mut dice = Dice::new(seed, (1 << 42) + u64::from(day));
    if owners.is_empty() || dice.happens(0.5) {
        return;
    }
    let rented = dice.happens(0.7);
    let at_home = |at: &Provider| at.kind == Kind::Home && at.country != HERE;
    let from = provider(&mut dice, |at| if rented { at.kind == Kind::Hosting } else { at_home(at) });
    let Some(address) = from.map(|from| from.anywhere(&mut dice)) else { return };
    let user_agent = (*dice.one_of(PROGRAMS)).to_owned();
    let mut at = calendar.first + u64::from(day) * DAY + dice.between(0, DAY / 2);
    for _ in 0..dice.between(5, 30) {
        let account = &dice.one_of(owners).account;
        let visit = Visit { account, address, user_agent: user_agent.clone(), device: None };
        done.push(Happening::sign_in(at, &visit, Outcome::Failed, false, Who::Guesser));
        at += dice.between(1, 600);
    }
}
