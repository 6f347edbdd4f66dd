//! The facts that the services agree on without asking each other: how many there are of each thing, prices, stock numbers.

use crate::Random;

/// Accounts have the ids 1 to this.
pub const USER_COUNT: u32 = 2000;
/// Products have the ids 1 to this.
pub const PRODUCT_COUNT: u32 = 2400;
/// Orders are seeded with the ids 1 to this.
pub const ORDER_COUNT: u32 = 6000;
/// Whom the demo's token belongs to.
pub const DEMO_USER: u32 = 7;
/// What all prices are in.
pub const CURRENCY: &str = "EUR";

/// A family of products.
#[derive(Debug, Clone, Copy)]
pub struct Category {
    /// Id in URLs.
    pub id: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// First letters of its stock numbers.
    pub code: &'static str,
    /// What one product is called.
    pub noun: &'static str,
    /// Lowest price in cents.
    pub price_min: i64,
}

const fn category(
    id: &'static str,
    name: &'static str,
    code: &'static str,
    noun: &'static str,
    price_min: i64,
) -> Category {
    Category { id, name, code, noun, price_min }
}

/// All categories; product `n` belongs to the one at `(n - 1) % 16`.
pub const CATEGORIES: [Category; 16] = [
    category("phones", "Phones", "PHN", "Phone", 19_900),
    category("laptops", "Laptops", "LAP", "Laptop", 49_900),
    category("tablets", "Tablets", "TAB", "Tablet", 17_900),
    category("headphones", "Headphones", "HPH", "Headphones", 2_900),
    category("cameras", "Cameras", "CAM", "Camera", 29_900),
    category("watches", "Watches", "WAT", "Watch", 9_900),
    category("speakers", "Speakers", "SPK", "Speaker", 3_900),
    category("monitors", "Monitors", "MON", "Monitor", 12_900),
    category("keyboards", "Keyboards", "KEY", "Keyboard", 1_900),
    category("mice", "Mice", "MOU", "Mouse", 900),
    category("chargers", "Chargers", "CHG", "Charger", 1_200),
    category("cases", "Cases", "CAS", "Case", 800),
    category("cables", "Cables", "CAB", "Cable", 500),
    category("consoles", "Consoles", "CON", "Console", 19_900),
    category("games", "Games", "GAM", "Game", 1_900),
    category("lamps", "Lamps", "LMP", "Lamp", 1_500),
];

/// Where a product belongs.
pub fn category_of(product: u32) -> &'static Category {
    &CATEGORIES[(product.saturating_sub(1) as usize) % CATEGORIES.len()]
}

/// The stock number of a product: `PHN-00017`.
pub fn sku(product: u32) -> String {
    format!("{}-{product:05}", category_of(product).code)
}

/// The price of a product in cents.
pub fn price(product: u32) -> i64 {
    let lowest = category_of(product).price_min;
    let spread = Random::new(0x50_52_49_43_45 ^ u64::from(product)).between(0, lowest * 3);
    (lowest + spread) / 100 * 100 + 99
}

/// A moment as text, from seconds since 1970: `2026-03-01T09:30:00Z`.
pub fn moment(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// A day as text, from days since 1970: `2026-03-01`.
pub fn day(days: i64) -> String {
    let (year, month, day) = date(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// 2026-01-01, from where seeded moments count back.
pub const NEW_YEAR: i64 = 1_767_225_600;

/// Year, month and day of a day since 1970: years are peeled off, then months.
fn date(days: i64) -> (i64, u32, i64) {
    // 400 years have 146,097 days: shift into the 400 years from 1970, then walk at most 400 of them.
    let (eras, mut rest) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let mut year = 1970;
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while rest >= 365 + i64::from(leap(year)) {
        rest -= 365 + i64::from(leap(year));
        year += 1;
    }
    let february = 28 + i64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if rest < length {
            break;
        }
        rest -= length;
        month += 1;
    }
    (year + eras * 400, month, rest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_calendar_dates() {
        assert_eq!(moment(0), "1970-01-01T00:00:00Z");
        assert_eq!(moment(NEW_YEAR - 1), "2025-12-31T23:59:59Z");
        assert_eq!(moment(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(day(20_880), "2027-03-03");
    }

    #[test]
    fn products_know_their_category_price_and_stock_number() {
        assert_eq!((sku(1).as_str(), sku(2400).as_str()), ("PHN-00001", "LMP-02400"));
        assert!((1..=PRODUCT_COUNT).all(|product| price(product) >= category_of(product).price_min));
    }
}
