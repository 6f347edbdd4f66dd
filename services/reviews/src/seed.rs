//! About 12,000 reviews, the same at every start.

use kit::{Random, world};
use rusqlite::{Transaction, params};

pub(crate) const TABLES: &str = "
    CREATE TABLE review (
        id INTEGER PRIMARY KEY AUTOINCREMENT, product_id INTEGER NOT NULL, author_id INTEGER NOT NULL, stars INTEGER NOT NULL,
        title TEXT NOT NULL, text TEXT NOT NULL, helpful_votes INTEGER NOT NULL, written_on TEXT NOT NULL
    );
    CREATE INDEX review_product ON review (product_id, helpful_votes);
";

/// What one says when giving one to five stars.
const TITLES: [[&str; 3]; 5] = [
    ["Broke within a week", "Sent it back", "Not as described"],
    ["Expected more", "Feels cheap", "Works, barely"],
    ["It is alright", "Good enough", "Fair for the price"],
    ["Very good", "Happy with it", "Nearly perfect"],
    ["Best I ever had", "Simply great", "Would buy again"],
];
const OPENINGS: [&str; 5] = [
    "After two months of use:",
    "Bought as a gift:",
    "Compared it with three others:",
    "Short version:",
    "For my daughter:",
];
const DETAILS: [&str; 8] = [
    "the finish is lovely",
    "it arrived a day late",
    "the manual is “interesting”",
    "setting it up took five minutes",
    "it is lighter than it looks",
    "the colour is a bit darker than in the picture",
    "support answered at once",
    "the box alone is worth it",
];

pub(crate) fn fill(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut random = Random::new(0x4EF1);
    let mut insert = transaction.prepare(
        "INSERT INTO review (product_id, author_id, stars, title, text, helpful_votes, written_on) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?;
    for product in 1..=world::PRODUCT_COUNT {
        // Some products have no review at all.
        let count = if random.chance(4) { 0 } else { random.between(1, 10) };
        let liked = random.between(1, 5);
        for _ in 0..count {
            let stars = (liked + random.between(-1, 2)).clamp(1, 5);
            let titles = &TITLES[usize::try_from(stars - 1).unwrap_or(0)];
            let text = format!("{} {}, and {}.", random.pick(&OPENINGS), random.pick(&DETAILS), random.pick(&DETAILS));
            insert.execute(params![
                product,
                random.below(world::USER_COUNT) + 1,
                stars,
                random.pick(titles),
                text,
                random.below(90),
                world::day(world::NEW_YEAR / 86_400 - random.between(1, 800)),
            ])?;
        }
    }
    Ok(())
}
