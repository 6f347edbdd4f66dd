//! 2,000 people, the same at every start.

use kit::{Random, world};
use rusqlite::{Transaction, params};

pub(crate) const TABLES: &str = "
    CREATE TABLE user (
        id INTEGER PRIMARY KEY, given_name TEXT NOT NULL, family_name TEXT NOT NULL, email TEXT NOT NULL UNIQUE,
        street TEXT NOT NULL, postal_code TEXT NOT NULL, city TEXT NOT NULL, country TEXT NOT NULL,
        member_since TEXT NOT NULL
    );
";

const GIVEN: [&str; 24] = [
    "Ada", "Ben", "Chloé", "Dara", "Emil", "Fatima", "Goran", "Hana", "Ivo", "Jun", "Kofi", "Lena", "Mateo", "Noor",
    "Olga", "Pavel", "Quinn", "Rosa", "Sven", "Tala", "Umar", "Vera", "Wanda", "Zoë",
];
const FAMILY: [&str; 20] = [
    "Almeida",
    "Brandt",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fischer",
    "García",
    "Haddad",
    "Ito",
    "Jansen",
    "Kovač",
    "Lindqvist",
    "Moreau",
    "Nowak",
    "Okafor",
    "Petrov",
    "Rossi",
    "Silva",
    "Tanaka",
    "Weber",
];
const CITIES: [(&str, &str); 10] = [
    ("Berlin", "DE"),
    ("Lisboa", "PT"),
    ("Lyon", "FR"),
    ("Malmö", "SE"),
    ("Milano", "IT"),
    ("Oslo", "NO"),
    ("Porto", "PT"),
    ("Praha", "CZ"),
    ("Utrecht", "NL"),
    ("Wien", "AT"),
];
const STREETS: [&str; 8] = [
    "Station Road",
    "Mill Lane",
    "Harbour Street",
    "Park Avenue",
    "School Lane",
    "High Street",
    "Garden Row",
    "Bridge Street",
];

pub(crate) fn fill(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut random = Random::new(0xACC0);
    let mut insert = transaction.prepare("INSERT INTO user VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    for id in 1..=world::USER_COUNT {
        let (city, country) = *random.pick(&CITIES);
        insert.execute(params![
            id,
            random.pick(&GIVEN),
            random.pick(&FAMILY),
            format!("user{id}@shop.example"),
            format!("{} {}", random.pick(&STREETS), random.between(1, 240)),
            format!("{:05}", random.below(100_000)),
            city,
            country,
            world::day(world::NEW_YEAR / 86_400 - random.between(30, 3000)),
        ])?;
    }
    Ok(())
}
