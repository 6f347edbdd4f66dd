//! 16 categories, 60 brands and 2,400 products, the same at every start.

use kit::{Random, world};
use rusqlite::{Transaction, params};

pub(crate) const TABLES: &str = "
    CREATE TABLE category (id TEXT PRIMARY KEY, name TEXT NOT NULL);
    CREATE TABLE brand (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country TEXT NOT NULL);
    CREATE TABLE product (
        id INTEGER PRIMARY KEY, sku TEXT NOT NULL UNIQUE, name TEXT NOT NULL, description TEXT NOT NULL,
        price INTEGER NOT NULL, category_id TEXT NOT NULL, brand_id INTEGER NOT NULL, tags TEXT NOT NULL,
        words TEXT NOT NULL, created_at TEXT NOT NULL
    );
    CREATE INDEX product_category ON product (category_id, id);
";

const HEADS: [&str; 12] = ["Nor", "Vel", "Ari", "Kes", "Lum", "Tor", "Ama", "Fjo", "Quel", "Sol", "Bri", "Hel"];
const TAILS: [&str; 5] = ["dane", "vox", "tek", "mira", "wick"];
const COUNTRIES: [&str; 8] = ["DE", "FI", "JP", "KR", "NL", "SE", "TW", "US"];
const LINES: [&str; 10] =
    ["Aurora", "Breeze", "Comet", "Delta", "Ember", "Fjord", "Glide", "Harbor", "Iris", "Juniper"];
const EDITIONS: [&str; 6] = ["", " Mini", " Plus", " Pro", " Air", " Ultra"];
const TAGS: [&str; 12] = [
    "black",
    "blue",
    "bluetooth",
    "compact",
    "green",
    "light",
    "recycled",
    "refurbished",
    "silver",
    "travel",
    "wireless",
    "white",
];

pub(crate) fn fill(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare("INSERT INTO category VALUES (?, ?)")?;
    for category in &world::CATEGORIES {
        insert.execute([category.id, category.name])?;
    }
    let mut random = Random::new(0xCA7A);
    let mut brands = Vec::new();
    let mut insert = transaction.prepare("INSERT INTO brand VALUES (?, ?, ?)")?;
    for (id, (tail, head)) in (1_u32..).zip(TAILS.iter().flat_map(|tail| HEADS.map(|head| (tail, head)))) {
        let name = format!("{head}{tail}");
        insert.execute(params![id, name, random.pick(&COUNTRIES)])?;
        brands.push(name);
    }
    let mut insert = transaction.prepare("INSERT INTO product VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    for id in 1..=world::PRODUCT_COUNT {
        let category = world::category_of(id);
        let brand = random.below(60);
        let (line, edition) = (*random.pick(&LINES), *random.pick(&EDITIONS));
        let name = format!("{} {line} {}{edition}", brands[brand as usize], category.noun);
        let (first, second) = (*random.pick(&TAGS), *random.pick(&TAGS));
        let tags = if first == second { first.to_owned() } else { format!("{first} {second}") };
        let description = format!(
            "The {line} is our {} {} for every day: {} and made to last.",
            first,
            category.noun.to_lowercase(),
            if random.chance(50) { "light, quick" } else { "quiet, sturdy" }
        );
        let words = format!("{name} {tags}").to_lowercase();
        let created = world::day(world::NEW_YEAR / 86_400 - random.between(1, 1200));
        insert.execute(params![
            id,
            world::sku(id),
            name,
            description,
            world::price(id),
            category.id,
            brand + 1,
            tags,
            words,
            created
        ])?;
    }
    Ok(())
}
