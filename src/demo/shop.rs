//! The demo's graph and example operations, part of the binary: `weft demo` needs no file.

/// Subgraph and text of each schema file.
pub(super) const SCHEMA: [(&str, &str); 5] = [
    ("accounts", include_str!("../../schema/accounts.graphql")),
    ("catalog", include_str!("../../schema/catalog.graphql")),
    ("inventory", include_str!("../../schema/inventory.graphql")),
    ("orders", include_str!("../../schema/orders.graphql")),
    ("reviews", include_str!("../../schema/reviews.graphql")),
];

/// What GraphiQL opens with, the first one in front.
pub(super) const OPERATIONS: [&str; 3] = [
    include_str!("../../schema/operations/product-page.graphql"),
    include_str!("../../schema/operations/my-orders.graphql"),
    include_str!("../../schema/operations/search.graphql"),
];
