//! Dice that throw the same row for the same seed on every machine.

/// A small generator (SplitMix64). Nothing here is secret: all it must be is quick and repeatable.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// `stream` tells apart the rows of one seed, so that one more account leaves the others as they were.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut dice = Self(seed ^ stream.wrapping_mul(0x9e6c_63d0_876a_68de));
        dice.throw();
        dice
    }

    /// 64 even bits.
    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Between 0 and 1, without 1.
    pub fn share(&mut self) -> f64 {
        (self.throw() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something happens that happens in this share of cases.
    pub fn happens(&mut self, share: f64) -> bool {
        self.share() < share
    }

    /// A whole number from `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.throw() % (most - least + 1)
    }

    /// One of these.
    pub fn one_of<'a, T>(&mut self, these: &'a [T]) -> &'a T {
        &these[(self.throw() % these.len() as u64) as usize]
    }

    /// One of these, each as often as its weight says.
    pub fn weighted<'a, T>(&mut self, these: &'a [(u32, T)]) -> &'a T {
        let mut left = self.throw() % these.iter().map(|(weight, _)| u64::from(*weight)).sum::<u64>();
        for (weight, this) in these {
            match left.checked_sub(u64::from(*weight)) {
                Some(rest) => left = rest,
                None => return this,
            }
        }
        &these[0].1
    }

    /// Normally distributed, as near as twelve throws bring it.
    pub fn around(&mut self, mean: f64, deviation: f64) -> f64 {
        let sum: f64 = (0..12).map(|_| self.share()).sum();
        mean + (sum - 6.0) * deviation
    }

    /// How many of something that comes `mean` times on average, at most 50.
    pub fn count(&mut self, mean: f64) -> u64 {
        let (mut count, mut left) = (0, self.share());
        let mut chance = (-mean).exp();
        while left > chance && count < 50 {
            left -= chance;
            count += 1;
            chance *= mean / count as f64;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_throws_the_same_row_and_another_stream_another() {
        let row = |seed, stream| {
            let mut dice = Dice::new(seed, stream);
            (0..5).map(|_| dice.throw()).collect::<Vec<_>>()
        };
        assert_eq!(row(1, 2), row(1, 2));
        assert_ne!(row(1, 2), row(1, 3));
        assert_ne!(row(1, 2), row(2, 2));
    }

    #[test]
    fn what_is_thrown_is_as_often_as_it_says() {
        let mut dice = Dice::new(7, 0);
        let often = (0..20_000).filter(|_| dice.happens(0.25)).count();
        assert!((4_700..5_300).contains(&often), "{often}");
        let counted: u64 = (0..20_000).map(|_| dice.count(0.8)).sum();
        assert!((15_400..16_600).contains(&counted), "{counted}");
        let heavy = (0..20_000).filter(|_| *dice.weighted(&[(3, true), (1, false)])).count();
        assert!((14_600..15_400).contains(&heavy), "{heavy}");
        let sum: f64 = (0..20_000).map(|_| dice.around(10.0, 2.0)).sum();
        assert!((sum / 20_000.0 - 10.0).abs() < 0.1);
    }
}
