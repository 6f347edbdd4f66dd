//! Four warehouses and what lies in them of 2,400 stock numbers, the same at every start.

use kit::{Random, world};
use rusqlite::{Transaction, params};

pub(crate) const TABLES: &str = "
    CREATE TABLE warehouse (code TEXT PRIMARY KEY, city TEXT NOT NULL);
    CREATE TABLE stock (
        sku TEXT NOT NULL, warehouse TEXT NOT NULL, quantity INTEGER NOT NULL, restock_in INTEGER,
        PRIMARY KEY (sku, warehouse)
    ) WITHOUT ROWID;
";

const WAREHOUSES: [(&str, &str); 4] = [("HAM1", "Hamburg"), ("LYS1", "Lyon"), ("PRG1", "Praha"), ("RTM1", "Rotterdam")];

pub(crate) fn fill(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare("INSERT INTO warehouse VALUES (?, ?)")?;
    for (code, city) in WAREHOUSES {
        insert.execute([code, city])?;
    }
    let mut random = Random::new(0x570C);
    let mut insert = transaction.prepare("INSERT INTO stock VALUES (?, ?, ?, ?)")?;
    for product in 1..=world::PRODUCT_COUNT {
        let is_sold_out = random.chance(8);
        let restock_in = random.chance(if is_sold_out { 70 } else { 20 }).then(|| random.between(1, 60));
        for (code, _) in WAREHOUSES {
            let quantity = if is_sold_out || random.chance(25) { 0 } else { random.between(1, 180) };
            insert.execute(params![world::sku(product), code, quantity, restock_in])?;
        }
    }
    Ok(())
}
