//! 6,000 orders with one to five lines each, the same at every start.

use kit::{Random, world};
use rusqlite::{Transaction, params};

pub(crate) const TABLES: &str = "
    CREATE TABLE \"order\" (
        id INTEGER PRIMARY KEY AUTOINCREMENT, customer_id INTEGER NOT NULL, status TEXT NOT NULL, placed_at TEXT NOT NULL,
        note TEXT
    );
    CREATE INDEX order_customer ON \"order\" (customer_id, id);
    CREATE TABLE line (
        order_id INTEGER NOT NULL, position INTEGER NOT NULL, product_id INTEGER NOT NULL, quantity INTEGER NOT NULL,
        unit_price INTEGER NOT NULL, PRIMARY KEY (order_id, position)
    ) WITHOUT ROWID;
";

/// How far apart two orders are, in seconds: 6,000 of them reach back a little more than two years.
const STEP: i64 = 11_000;

pub(crate) fn fill(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut random = Random::new(0x08DE);
    let mut order = transaction.prepare("INSERT INTO \"order\" VALUES (?, ?, ?, ?, NULL)")?;
    let mut line = transaction.prepare("INSERT INTO line VALUES (?, ?, ?, ?, ?)")?;
    for id in 1..=world::ORDER_COUNT {
        // The demo's customer buys every 300th time, so that there is something to page through.
        let customer = if id % 300 == 0 { world::DEMO_USER } else { random.below(world::USER_COUNT) + 1 };
        let back = i64::from(world::ORDER_COUNT - id);
        let status = match (back, random.below(100)) {
            (_, 0..8) => "cancelled",
            (0..200, 8..60) => "new",
            (0..200, _) => "paid",
            (200..600, _) => "shipped",
            _ => "delivered",
        };
        let placed_at = world::moment(world::NEW_YEAR - back * STEP - random.between(0, STEP - 1));
        order.execute(params![id, customer, status, placed_at])?;
        for position in 0..random.between(1, 5) {
            let product = random.below(world::PRODUCT_COUNT) + 1;
            line.execute(params![id, position, product, random.between(1, 4), world::price(product)])?;
        }
    }
    Ok(())
}
